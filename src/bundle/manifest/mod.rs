//! `plan.json`: what a bundle is, what it was made from, and the reply that every one of its commands must give.
//!
//! The manifest is the only description of a plan that `show`, `apply`, `verify` and `rollback` need. Every other file
//! of the bundle is bound to it by SHA-256.

pub mod shard;
pub mod text;

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};

pub use super::price::{Guards, Price, Replay};
use crate::model::spec::{Acceptance, Given, Spec, SpecErrors};
pub use shard::{Engine, EngineShard, Joined, JoinedShard, Shard};

/// The version of `plan.json` that this program writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// File names inside a bundle.
pub const MANIFEST: &str = "plan.json";
/// The commands that repair the database.
pub const APPLY: &str = "apply.resp";
/// The commands that lead from the repaired database back to the dump.
pub const ROLLBACK: &str = "rollback.resp";
/// One line an edit.
pub const CHANGES: &str = "changes.csv";

/// What happened when the plan was applied. A bundle that has it is never overwritten.
pub const JOURNAL: &str = "journal.ndjson";
/// The page for the person who approves the plan.
pub const REVIEW: &str = "review.html";

/// The content of `plan.json`. It is written with [`Manifest::write_json`], not with `serde` alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format_version: u32,
    /// See [`Manifest::identity`].
    pub plan_id: String,
    pub tool_version: String,
    pub snapshot: SnapshotId,
    pub spec: SpecId,
    pub caps: Caps,
    /// No command has keys of two slots: the plan is for a cluster.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_slot: bool,
    /// It is the plan of one shard of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Box<Shard>>,
    /// It was joined of the plans of these shards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined: Option<Box<Joined>>,
    /// What expiries before 2009 were taken for: `careful`, `absolute` or `relative`.
    pub expiry: String,
    /// Brakes that were lifted when the plan was made, beside those that the spec lifts itself.
    #[serde(default)]
    pub accepted: Vec<String>,
    /// The indexes that are repaired, where not all of the spec's were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// What looked like a mistake: kept because of it, or lifted by a person.
    #[serde(default)]
    pub brakes: Vec<BrakeNote>,
    pub total: Counts,
    pub indexes: Vec<IndexPlan>,
    /// The fewest commands that could do this under the caps.
    pub lower_bound: u64,
    /// Pipeline round trips at the default batch size.
    pub batches: u64,
    /// Commands that a service that bills by the command would count.
    pub billed_commands: u64,
    pub estimated_cost_usd: f64,
    /// What a replay comes to with the look before it.
    #[serde(default)]
    pub replay: Replay,
    /// How many keys of each database have an expiry in the dump.
    #[serde(default)]
    pub expiring: Vec<Expiring>,
    /// The reply that each command of `apply.resp` must give, in order.
    pub expected_replies: Vec<Reply>,
    /// The reply that each command of `rollback.resp` must give when the database is in the target state, in order.
    pub rollback_expected_replies: Vec<Reply>,
    /// Up to 20 records, spread over the dump: who applies the plan looks whether they are there.
    #[serde(default)]
    pub witnesses: Vec<Witness>,
    /// Every key that the plan changes, as the dump has it.
    #[serde(serialize_with = "super::manifest::text::apart")]
    pub touched: Vec<Touched>,
    /// What the plan did not do, or did with care, and why.
    pub warnings: Vec<String>,
    /// SHA-256 (lower-case hexadecimal) and size of every other file of the bundle.
    pub files: BTreeMap<String, FileId>,
}

impl Manifest {
    /// The spec that the plan was made with, with what was lifted.
    pub fn read_spec(&self) -> Result<Spec, SpecErrors> {
        let accept: Vec<Acceptance> = self.accepted.iter().filter_map(|text| text.parse().ok()).collect();
        Spec::parse_given(&self.spec.text, "the spec in plan.json", &Given { accept, only: self.only.clone() })
    }

    /// Whether the numbers in it fit together. A manifest has no checksum of its own; this finds a careless edit.
    pub fn check(&self) -> Result<(), String> {
        if self.expected_replies.len() as u64 != self.total.commands {
            let (replies, commands) = (self.expected_replies.len(), self.total.commands);
            return Err(format!("it has {replies} expected replies for {commands} commands"));
        }
        let identity = self.identity();
        if self.plan_id != identity {
            return Err(format!("its content has the plan id {identity}, not {}", self.plan_id));
        }
        Ok(())
    }
}

/// Keys of one database that have an expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiring {
    pub db: u64,
    pub keys: u64,
}

/// What a dump is known by. The name of the file is not part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotId {
    pub bytes: u64,
    /// CRC-64 of all bytes before the footer, as 16 hexadecimal digits, computed also where the footer has none.
    pub crc64: String,
    /// `ctime` of the dump as RFC 3339, when it has one.
    pub created_at: Option<String>,
    pub flavor: String,
    pub rdb_version: u32,
    pub server_version: Option<String>,
    pub keys: u64,
}

/// The spec the plan was made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecId {
    /// The name of a preset, or `custom`.
    pub name: String,
    pub sha256: String,
    /// The spec's text.
    pub text: String,
}

/// Limits on one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caps {
    pub max_args: u64,
    pub max_command_bytes: u64,
}

/// What a plan, or one index of it, changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub added_members: u64,
    pub removed_members: u64,
    pub deleted_keys: u64,
    pub commands: u64,
    pub bytes: u64,
}

/// One index of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexPlan {
    pub name: String,
    pub policy: String,
    /// The family of its keys, as a glob.
    pub pattern: String,
    #[serde(flatten)]
    pub counts: Counts,
    /// What is wrong, or may be, and stays as it is: see the warnings and brakes.
    #[serde(default)]
    pub left_keys: u64,
    #[serde(default)]
    pub left_members: u64,
    #[serde(default)]
    pub undecidable_records: u64,
    /// The dump has no key of its form, and no record implies one.
    #[serde(default)]
    pub unmatched: bool,
    /// Members that were looked at, all of those in keys that stay and some of those in keys that are deleted; and how many
    /// of them name a record that is not in the dump.
    #[serde(default)]
    pub looked_at_members: u64,
    #[serde(default)]
    pub gone_members: u64,
    /// Up to three examples per kind of edit, for a reader.
    pub examples: Vec<Example>,
}

/// A brake that applies, as people and scripts read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrakeNote {
    pub brake: String,
    /// The name of the index, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub index: Option<String>,
    /// `refuses`, `keeps`, `lifted` or `told`.
    pub effect: String,
    pub text: String,
    /// Names of keys, escaped.
    pub examples: Vec<String>,
}

impl BrakeNote {
    /// What `--accept` takes to lift it.
    pub fn accept(&self) -> String {
        match &self.index {
            Some(index) => format!("{index}:{}", self.brake),
            None => self.brake.clone(),
        }
    }
}

/// One edit, spelled for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// `delete key`, `add member`, `remove member` or `change score`.
    pub edit: String,
    pub key: Bytes,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub member: Option<Bytes>,
    pub reason: String,
}

/// A key as it was in the dump, before the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    pub db: u64,
    pub key: Bytes,
    /// What the command `TYPE` answers; `none` for a key that does not exist yet.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// Members of a set or sorted set, elements of any other collection, 1 for anything else.
    pub elements: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expire_at_ms: Option<i64>,
    /// Of a key that is edited in place: what the members come to that no edit names (see [`super::content::Content`]).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub others: Option<Box<str>>,
}

/// A record of the dump.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    pub db: u64,
    pub key: Bytes,
}

/// The reply a command must give. For `HPEXPIREAT`, which answers an array, the integer that every element must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reply {
    Integer(i64),
    /// A simple string, such as `OK`.
    Status(String),
    /// The value that was there, such as `SET … GET` answers: `{"bulk": "…"}`.
    #[serde(with = "bulk")]
    Bulk(Bytes),
}

/// What stands around a value, so that it is not taken for a status.
mod bulk {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Bytes;

    #[derive(Serialize)]
    struct Written<'a> {
        bulk: &'a Bytes,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Read {
        bulk: Bytes,
    }

    pub fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        Written { bulk: bytes }.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        Read::deserialize(deserializer).map(|read| read.bulk)
    }
}

/// A file of the bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileId {
    pub sha256: String,
    pub bytes: u64,
}

/// A byte string in JSON: text where it is UTF-8, else `{"base64": "…"}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        match simdutf8::basic::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("base64", &BASE64.encode(&self.0))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Text(String),
            Base64 { base64: String },
        }
        match Form::deserialize(deserializer)? {
            Form::Text(text) => Ok(Self(text.into_bytes())),
            Form::Base64 { base64 } => BASE64.decode(base64).map(Self).map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, Reply};

    #[test]
    fn a_reply_is_a_number_a_status_or_a_value() {
        let value = |bytes: &[u8]| Reply::Bulk(Bytes(bytes.to_vec()));
        for (reply, json) in [
            (Reply::Integer(7), "7"),
            (Reply::Status("OK".into()), r#""OK""#),
            (value(b"OK"), r#"{"bulk":"OK"}"#),
            (value(b""), r#"{"bulk":""}"#),
            (value(&[0xff, 0xfe]), r#"{"bulk":{"base64":"//4="}}"#),
        ] {
            assert_eq!(serde_json::to_string(&reply).expect("serialises"), json);
            assert_eq!(serde_json::from_str::<Reply>(json).expect("parses"), reply);
        }
        for wrong in [r#"{"bulk":1}"#, r#"{"base64":"//4="}"#, r#"{"bulk":"a","more":1}"#, "[]", "null"] {
            assert!(serde_json::from_str::<Reply>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bytes_are_text_or_base64() {
        let text = serde_json::to_string(&Bytes(b"a\"b".to_vec())).expect("serialises");
        assert_eq!(text, r#""a\"b""#);
        // RFC 4648, section 10: "foobar" is Zm9vYmFy; FF FE is //4=.
        let text = serde_json::to_string(&Bytes(vec![0xff, 0xfe])).expect("serialises");
        assert_eq!(text, r#"{"base64":"//4="}"#);
        assert_eq!(serde_json::from_str::<Bytes>(&text).expect("parses"), Bytes(vec![0xff, 0xfe]));
    }
}
