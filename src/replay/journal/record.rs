//! The lines of a journal.

use serde::{Deserialize, Serialize};

use crate::bundle::manifest::Bytes;
use crate::text::{is_unprintable, rfc3339};

/// The version of the journal that this program writes and reads.
pub const JOURNAL_VERSION: u32 = 1;

/// One line: a JSON object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "lowercase")]
pub enum Record {
    /// Somebody opened the journal. The first line always, and one more for each run.
    Open {
        version: u32,
        plan_id: String,
        /// SHA-256 of `plan.json`, which holds that of every other file.
        plan_sha256: String,
        /// The plan's id was given: going on after a crash needs no new decision.
        #[serde(default)]
        confirmed: bool,
        /// It ran with `--guard records`.
        #[serde(default)]
        guarded: bool,
        #[serde(flatten)]
        who: Operator,
    },
    /// The plan's id was confirmed, and the database looked at; what follows is sent.
    Start {
        way: Way,
        /// Host, port and database; no password.
        to: String,
        at: String,
        #[serde(skip_serializing_if = "With::is_empty", default)]
        with: With,
    },
    /// An edit that is left out, in this and every later run: it was in place before, its key had drifted, or its
    /// record has moved. No member: the whole key.
    Leave {
        way: Way,
        db: u32,
        key: Bytes,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        member: Option<Bytes>,
        /// It was in place, so nothing is missing for its being left out.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        in_place: bool,
    },
    /// The states of the records of these members when their edits are made, in the form in which a guard knows a state:
    /// what a guarded rollback compares with. On the disk before the edits leave.
    Seen { way: Way, db: u32, key: Bytes, states: Vec<(Bytes, String)> },
    /// The commands of these numbers are about to be sent. On the disk before their first byte leaves.
    Intent {
        way: Way,
        first: u64,
        last: u64,
        /// The nodes of a cluster that they go to, as far as was known then. Where a key is now, the cluster says.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        nodes: Vec<String>,
    },
    /// They were answered, but for those that are named as unknown.
    Ack {
        way: Way,
        first: u64,
        last: u64,
        /// Commands that were refused and not carried out; they are still to be done.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        open: Vec<u64>,
        /// Commands that were sent and whose answer is still not known.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        unknown: Vec<u64>,
        /// Commands that were refused and are given up: number and the server's error.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        failed: Vec<(u64, String)>,
        /// Commands that were carried out and answered otherwise than the plan says: number and reply.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        otherwise: Vec<(u64, i64)>,
    },
    /// It stopped before its end.
    Stop { way: Way, at: String, reason: String },
    /// Everything was done that could be.
    End { way: Way, at: String },
}

/// The options of a run, as words: what a later run needs to go on with it, or to undo it. No password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct With {
    /// How to get in.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub connection: Vec<String>,
    /// Guard and pace.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub replay: Vec<String>,
    /// What was decided about this database.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub drift: Vec<String>,
}

impl With {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// There, or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    Apply,
    Rollback,
}

impl Way {
    /// The command of that name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Rollback => "rollback",
        }
    }
}

/// Who runs the program, where, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    pub user: String,
    pub host: String,
    pub pid: u32,
    pub at: String,
}

impl Operator {
    /// This process.
    pub fn current() -> Self {
        let user = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
            .ok()
            .or_else(|| ["HOSTNAME", "COMPUTERNAME"].iter().find_map(|name| std::env::var(name).ok()));
        let clean = |text: Option<String>| {
            let text: String =
                text.unwrap_or_default().trim().chars().filter(|c| !is_unprintable(*c)).take(100).collect();
            if text.is_empty() { "unknown".to_owned() } else { text }
        };
        let user = user.or_else(user_id);
        Self { user: clean(user), host: clean(host), pid: std::process::id(), at: now() }
    }
}

/// The number of the user, where no variable has a name: a job that nobody logged in for.
fn user_id() -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").ok().map(|process| format!("uid {}", process.uid()))
}

impl std::fmt::Display for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} on {} (process {}), since {}", self.user, self.host, self.pid, self.at)
    }
}

/// The time as RFC 3339.
pub fn now() -> String {
    rfc3339::write(rfc3339::now_ms()).unwrap_or_default()
}
