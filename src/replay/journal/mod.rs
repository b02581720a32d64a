//! What was sent and what was answered, on the disk before it is relied on.
//!
//! One file beside the bundle, one JSON object per line, only ever appended to. A [`Record::Intent`] is synced before the
//! batch it announces leaves; the [`Record::Ack`] after it reaches the disk with the next intent. So whatever ends the
//! process, the journal knows which commands were never sent and which were answered; of at most one batch it knows
//! neither. The file is locked while it is open: a second operator is told who has it.

mod file;
mod history;
mod record;

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::text;
pub use file::read;
pub use history::{Course, Fate, History, HistoryError, States};
pub use record::{JOURNAL_VERSION, Operator, Record, Way, With, now};

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("cannot use the journal {}: {cause}", text::path(path))]
    Io { path: PathBuf, cause: io::Error },
    #[error("the journal {} cannot be trusted: {cause}; nothing was sent", text::path(path))]
    History { path: PathBuf, cause: HistoryError },
    #[error(
        "the journal {} is {what}: it may lead to a file of another folder, and is neither read nor written; nothing was sent",
        text::path(path)
    )]
    Link { path: PathBuf, what: &'static str },
    /// Somebody else is working with it.
    #[error("{who} is working with this plan; nothing was sent")]
    Locked { who: String },
}

/// A file that is locked, until this is dropped.
///
/// To close it would not be enough: a child process that another thread starts at that moment has a copy of the descriptor
/// until it becomes another program, and the lock lasts as long as any copy.
#[derive(Debug)]
struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        // Nobody can be told. It is closed next, which mostly does the same.
        let _ = self.0.unlock();
    }
}

/// An open, locked journal.
#[derive(Debug)]
pub struct Journal {
    file: Held,
    path: PathBuf,
    /// It was made by this process, and nothing in it is worth keeping yet.
    is_new: bool,
    lines: Vec<u8>,
}

impl Journal {
    /// Opens and locks the journal of a plan, and says what is in it.
    ///
    /// `plan` is the plan's id and the SHA-256 of its `plan.json`; `commands` the number of commands there and back;
    /// `confirmed` whether somebody gave the id, `guarded` whether a guard of this run takes what keys hold one by one,
    /// instead of deleting them.
    pub fn open(
        path: &Path,
        (plan_id, plan_sha256): (&str, &str),
        commands: (u64, u64),
        (confirmed, guarded): (bool, bool),
    ) -> Result<(Self, History), JournalError> {
        let failed = |cause| JournalError::Io { path: path.to_owned(), cause };
        let file = lock(path)?;
        let mut bytes = Vec::new();
        let mut reader = &file.0;
        reader.read_to_end(&mut bytes).map_err(failed)?;
        let (history, whole) = History::read(&bytes, plan_sha256, commands)
            .map_err(|cause| JournalError::History { path: path.to_owned(), cause })?;
        if whole < bytes.len() {
            let whole = u64::try_from(whole).unwrap_or(u64::MAX);
            file.0.set_len(whole).and_then(|()| reader.seek(SeekFrom::Start(whole))).map_err(failed)?;
        }
        let is_new = !history.apply.is_begun() && history.apply.started.is_none() && history.rollback.started.is_none();
        let mut journal = Self { file, path: path.to_owned(), is_new, lines: Vec::new() };
        let (plan_id, plan_sha256) = (plan_id.to_owned(), plan_sha256.to_owned());
        let who = Operator::current();
        journal.add(&Record::Open { version: JOURNAL_VERSION, plan_id, plan_sha256, confirmed, guarded, who });
        // A second process reads this to say who was first.
        journal.write()?;
        Ok((journal, history))
    }

    /// Adds a line, to be written with the next [`Journal::write`] or [`Journal::sync`].
    pub fn add(&mut self, record: &Record) {
        self.is_new &= matches!(record, Record::Open { .. });
        // Every record is text, numbers and lists: this cannot fail.
        let written = serde_json::to_writer(text::Json(&mut self.lines), record);
        debug_assert!(written.is_ok(), "{written:?}");
        self.lines.push(b'\n');
    }

    /// Hands all lines to the operating system: they survive this process.
    pub fn write(&mut self) -> Result<(), JournalError> {
        let written = self.file.0.write_all(&self.lines);
        self.lines.clear();
        written.map_err(|cause| JournalError::Io { path: self.path.clone(), cause })
    }

    /// Brings all lines to the disk: they survive a power cut.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.write()?;
        self.file.0.sync_data().map_err(|cause| JournalError::Io { path: self.path.clone(), cause })
    }
}

/// A journal in which nothing was begun is taken away again: its plan was not touched.
impl Drop for Journal {
    fn drop(&mut self) {
        if self.is_new {
            // Nobody can be told. A journal that stays only says that somebody looked.
            let _ = std::fs::remove_file(&self.path);
        } else {
            let _ = self.sync();
        }
    }
}

fn lock(path: &Path) -> Result<Held, JournalError> {
    let failed = |cause| JournalError::Io { path: path.to_owned(), cause };
    // The file may be taken away by its owner between our opening and our locking it; then there is another.
    for _ in 0..100 {
        let file = file::open(path)?;
        match file.try_lock() {
            Ok(()) => {
                let held = Held(file);
                if file::is_at(&held.0, path) {
                    return Ok(held);
                }
            }
            Err(TryLockError::WouldBlock) => return Err(JournalError::Locked { who: holder(&file) }),
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
        }
    }
    Err(JournalError::Locked { who: "somebody else".into() })
}

/// Who wrote the last [`Record::Open`].
fn holder(file: &File) -> String {
    let mut bytes = Vec::new();
    let mut reader = file;
    // What cannot be read names nobody.
    let _ = reader.read_to_end(&mut bytes);
    let records = bytes.split(|byte| *byte == b'\n').rev();
    let mut operators = records.filter_map(|line| match serde_json::from_slice(line).ok()? {
        Record::Open { who, .. } => Some(who.to_string()),
        _ => None,
    });
    operators.next().unwrap_or_else(|| "somebody else".into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test may stop")]
mod tests {
    use super::*;
    use crate::bundle::manifest::Bytes;

    const PLAN: (&str, &str) = ("0123456789ab", "sha");
    const WAY: Way = Way::Apply;

    fn open(path: &Path) -> Result<(Journal, History), JournalError> {
        Journal::open(path, PLAN, (100, 100), (false, true))
    }

    fn ack(first: u64, last: u64) -> Record {
        Record::Ack { way: WAY, first, last, open: vec![], unknown: vec![], failed: vec![], otherwise: vec![] }
    }

    fn start() -> Record {
        Record::Start { way: WAY, to: "h:1 db 0".into(), at: now(), with: With::default() }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.ndjson");
        let (mut journal, history) = open(&path).unwrap();
        assert!(history.last.is_none() && !history.apply.is_begun());
        let leave = |member: Option<&[u8]>| Record::Leave {
            way: WAY,
            db: 2,
            key: Bytes(vec![0xff]),
            member: member.map(|member| Bytes(member.to_vec())),
            in_place: member.is_some(),
        };
        let seen = |state: &str| Record::Seen {
            way: WAY,
            db: 2,
            key: Bytes(b"k".to_vec()),
            states: vec![(Bytes(vec![0xfe]), state.into())],
        };
        journal.add(&start());
        journal.add(&leave(None));
        journal.add(&leave(Some(b"m\r\n")));
        journal.add(&seen("none"));
        journal.add(&seen("hash:1"));
        journal.add(&Record::Intent { way: WAY, first: 1, last: 10, nodes: Vec::new() });
        journal.sync().unwrap();
        journal.add(&Record::Ack {
            way: WAY,
            first: 1,
            last: 10,
            open: vec![3],
            unknown: vec![7],
            failed: vec![(4, "WRONGTYPE".into())],
            otherwise: vec![(5, 0)],
        });
        journal.add(&Record::Intent { way: WAY, first: 3, last: 20, nodes: Vec::new() });
        journal.sync().unwrap();
        drop(journal);
        let (_journal, history) = open(&path).unwrap();
        let course = history.course(WAY);
        let fates: Vec<Fate> = [1, 2, 3, 4, 5, 7, 10, 11, 20, 21, 0].map(|number| course.fate(number)).to_vec();
        use Fate::{Done, Failed, Open, Unknown};
        assert_eq!(fates, [Done, Done, Unknown, Failed, Done, Unknown, Done, Unknown, Unknown, Open, Open]);
        // 1 to 10 without 3, 4 and 7; 3, 7 and 11 to 20.
        assert_eq!(course.counts(), (7, 12));
        assert!(course.left_keys.contains(&(2, vec![0xff])));
        assert!(course.left_members.contains(&(2, vec![0xff], b"m\r\n".to_vec())));
        assert_eq!(course.in_place, course.left_members);
        let state = course.states.get(&(2, b"k".to_vec(), vec![0xfe]));
        assert_eq!(state.map(String::as_str), Some("hash:1"), "the later one counts");
        assert!(course.guarded);
        assert_eq!((course.otherwise.as_slice(), course.ended.as_ref()), (&[(5, 0)][..], None));
        assert_eq!(course.started.as_ref().unwrap().1, "h:1 db 0");
        assert!(!history.rollback.is_begun());
    }

    #[test]
    fn cut_anywhere_it_still_makes_sense() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.ndjson");
        let (mut journal, _) = open(&path).unwrap();
        for record in [start(), Record::Intent { way: WAY, first: 1, last: 5, nodes: Vec::new() }, ack(1, 5)] {
            journal.add(&record);
        }
        drop(journal);
        let bytes = std::fs::read(&path).unwrap();
        let ends: Vec<usize> =
            bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
        assert_eq!(ends.len(), 4);
        for cut in 0..=bytes.len() {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let (journal, history) = open(&path).unwrap();
            let expected = if cut < ends[2] {
                (0, 0)
            } else if cut < ends[3] {
                (0, 5)
            } else {
                (5, 0)
            };
            assert_eq!(history.apply.counts(), expected, "cut at {cut}");
            drop(journal);
            // What was cut is gone, and what was added since can be read.
            if cut >= ends[1] {
                assert_eq!(open(&path).unwrap().1.apply.counts(), expected, "cut at {cut}, opened again");
            }
        }
    }

    /// As a child process has it that was just started elsewhere.
    #[test]
    fn a_copy_of_the_descriptor_does_not_keep_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.ndjson");
        let (mut journal, _) = open(&path).unwrap();
        journal.add(&start());
        let _copy = journal.file.0.try_clone().unwrap();
        assert!(matches!(open(&path), Err(JournalError::Locked { .. })));
        drop(journal);
        assert!(open(&path).unwrap().1.apply.started.is_some());
        let held = lock(&path).unwrap();
        let _copy = held.0.try_clone().unwrap();
        drop(held);
        assert!(lock(&path).is_ok());
    }

    #[test]
    fn damage_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.ndjson");
        let (mut journal, _) = open(&path).unwrap();
        journal.add(&start());
        drop(journal);
        let good = std::fs::read_to_string(&path).unwrap();
        for (text, part) in [
            (format!("nonsense\n{good}"), "line 1 is not a line of a journal"),
            (good.replace("\"sha\"", "\"other\""), "another plan"),
            (good.replace("\"version\":1", "\"version\":9"), "another version"),
            (format!("{good}{{\"t\":\"intent\",\"way\":\"apply\",\"first\":1,\"last\":101}}\n"), "does not have"),
            (format!("{good}{{\"t\":\"intent\",\"way\":\"apply\",\"first\":0,\"last\":1}}\n"), "does not have"),
            (
                format!("{good}{{\"t\":\"intent\",\"way\":\"apply\",\"first\":1,\"last\":18446744073709551615}}\n"),
                "does not have",
            ),
        ] {
            std::fs::write(&path, &text).unwrap();
            let error = open(&path).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "it is left as it was");
        }
    }

    #[test]
    fn the_second_is_told_who_was_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.ndjson");
        let (journal, _) = open(&path).unwrap();
        let error = open(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("(process {}), since 2", std::process::id())), "{error}");
        drop(journal);
        assert!(!path.exists(), "nothing was begun");
        assert!(open(&path).is_ok());
    }
}
