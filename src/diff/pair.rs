//! Which key of one dump is which key of the other.

use std::ops::Range;

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::side::{Print, Side};
use crate::index::{Expires, Expiry, FIRST_POSSIBLE_MS};
use crate::rdb;
use crate::scan::Observer;

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    Added,
    Removed,
    /// Its type, and so its content.
    Retyped,
    Content,
    /// Its expiry and nothing else.
    Expiry,
}

impl What {
    /// The word for it in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Retyped => "type",
            Self::Content => "content",
            Self::Expiry => "expiry",
        }
    }
}

/// A key that is not the same in both dumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub what: What,
    old: u32,
    new: u32,
}

/// The number of no key.
const NONE: u32 = u32::MAX;

impl Change {
    /// Its number in the old dump.
    pub fn before(&self) -> Option<u32> {
        (self.old != NONE).then_some(self.old)
    }

    /// Its number in the new dump.
    pub fn after(&self) -> Option<u32> {
        (self.new != NONE).then_some(self.new)
    }
}

/// What a comparison of names comes to.
#[derive(Debug, Default)]
pub struct Pairs {
    /// Those of the old dump in its order, then those that are only in the new one in its order.
    pub changes: Vec<Change>,
    /// Records in the old and in the new dump whose name came before.
    pub twice: (u64, u64),
}

/// Ranges of hashes that are compared by themselves.
const PARTS: u64 = 1024;
const PART: u64 = u64::MAX / PARTS;

/// Compares all keys.
pub fn pair(old: &Side<'_>, new: &Side<'_>, observer: &Observer) -> Result<Option<Pairs>, rdb::Error> {
    let parts: Result<Vec<Option<Pairs>>, rdb::Error> = (0..=PARTS)
        .into_par_iter()
        .map(|part| {
            if observer.stopped() {
                return Ok(None);
            }
            let from = part.saturating_mul(PART);
            let to = (part < PARTS).then(|| from.saturating_add(PART));
            let range = |prints: &[Print]| {
                let end = to.map_or(prints.len(), |to| prints.partition_point(|print| print.name < to));
                prints.partition_point(|print| print.name < from)..end
            };
            let mut merge = Merge { old, new, found: Pairs::default(), first: Vec::new(), second: Vec::new() };
            merge.run(range(&old.prints), range(&new.prints))?;
            Ok(Some(merge.found))
        })
        .collect();
    let mut all = Pairs::default();
    for part in parts? {
        let Some(part) = part else { return Ok(None) };
        all.changes.extend(part.changes);
        all.twice.0 = all.twice.0.saturating_add(part.twice.0);
        all.twice.1 = all.twice.1.saturating_add(part.twice.1);
    }
    all.changes.par_sort_unstable_by_key(|change| match change.before() {
        Some(number) => (false, old.print(number).map_or(0, |print| print.start)),
        None => (true, change.after().and_then(|number| new.print(number)).map_or(0, |print| print.start)),
    });
    Ok(Some(all))
}

struct Merge<'m, 'a> {
    old: &'m Side<'a>,
    new: &'m Side<'a>,
    found: Pairs,
    first: Vec<u8>,
    second: Vec<u8>,
}

impl Merge<'_, '_> {
    fn run(&mut self, old: Range<usize>, new: Range<usize>) -> Result<(), rdb::Error> {
        let (mut i, mut j) = (old.start, new.start);
        while i < old.end || j < new.end {
            let name = |side: &Side<'_>, at: usize, end: usize| {
                side.prints.get(at).filter(|_| at < end).map(|print| print.name)
            };
            let (a, b) = (name(self.old, i, old.end), name(self.new, j, new.end));
            let hash = match (a, b) {
                (Some(a), Some(b)) => a.min(b),
                (Some(hash), None) | (None, Some(hash)) => hash,
                (None, None) => break,
            };
            let (olds, news) = (group(&self.old.prints, i, hash), group(&self.new.prints, j, hash));
            i = olds.end;
            j = news.end;
            self.group(olds, news)?;
        }
        Ok(())
    }

    /// Keys with the same hash: nearly always one of each.
    fn group(&mut self, olds: Range<usize>, news: Range<usize>) -> Result<(), rdb::Error> {
        match (olds.len(), news.len()) {
            (1, 0) => self.note(Some(olds.start), None),
            (0, 1) => self.note(None, Some(news.start)),
            (1, 1) if self.same_name(olds.start, news.start)? => self.note(Some(olds.start), Some(news.start)),
            _ => return self.crowd(olds, news),
        }
        Ok(())
    }

    fn same_name(&mut self, old: usize, new: usize) -> Result<bool, rdb::Error> {
        let (Some(a), Some(b)) = (self.old.prints.get(old), self.new.prints.get(new)) else { return Ok(false) };
        let name = self.old.dump.key(a.start, &mut self.first)?;
        Ok(a.db == b.db && self.new.dump.key_is(b.start, name, &mut self.second)?)
    }

    /// More than one key has this hash, by accident or since a dump has a name twice.
    fn crowd(&mut self, olds: Range<usize>, news: Range<usize>) -> Result<(), rdb::Error> {
        let mut named = |side: &Side<'_>, range: Range<usize>| -> Result<_, rdb::Error> {
            let mut all = Vec::new();
            for at in range {
                if let Some(print) = side.prints.get(at) {
                    all.push((print.db, side.dump.key(print.start, &mut self.first)?.to_vec(), print.start, at));
                }
            }
            all.sort_unstable();
            let before = all.len();
            all.dedup_by(|later, first| (later.0, &later.1) == (first.0, &first.1));
            Ok((before.saturating_sub(all.len()) as u64, all))
        };
        let ((twice_old, old), (twice_new, new)) = (named(self.old, olds)?, named(self.new, news)?);
        self.found.twice.0 = self.found.twice.0.saturating_add(twice_old);
        self.found.twice.1 = self.found.twice.1.saturating_add(twice_new);
        let (mut old, mut new) = (old.into_iter().peekable(), new.into_iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (Some(a), Some(b)) => (a.0, &a.1).cmp(&(b.0, &b.1)),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => return Ok(()),
            };
            let a = if order.is_le() { old.next() } else { None };
            let b = if order.is_ge() { new.next() } else { None };
            self.note(a.map(|a| a.3), b.map(|b| b.3));
        }
    }

    fn note(&mut self, old: Option<usize>, new: Option<usize>) {
        let print = |side: &Side<'_>, at: Option<usize>| at.and_then(|at| side.prints.get(at)).copied();
        let what = match (print(self.old, old), print(self.new, new)) {
            (Some(a), Some(b)) if a.is_alike(&b) => {
                if !self.expiry_differs(&a, &b) {
                    return;
                }
                What::Expiry
            }
            (Some(a), Some(b)) if a.type_name() == b.type_name() => What::Content,
            (Some(_), Some(_)) => What::Retyped,
            (Some(_), None) => What::Removed,
            (None, _) => What::Added,
        };
        let number = |at: Option<usize>| at.and_then(|at| u32::try_from(at).ok()).unwrap_or(NONE);
        self.found.changes.push(Change { what, old: number(old), new: number(new) });
    }

    fn expiry_differs(&self, old: &Print, new: &Print) -> bool {
        let (a, b) = (old.expire_ms(), new.expire_ms());
        match (self.old.clock.expires(a), self.new.clock.expires(b)) {
            (Expires::Never, Expires::Never) | (Expires::InDoubt, Expires::InDoubt) => false,
            (Expires::At(x), Expires::At(y)) => {
                let was_relative = |clock: crate::index::Clock, ms: Option<i64>| {
                    clock.expiry == Expiry::Relative && ms.is_some_and(|ms| ms < FIRST_POSSIBLE_MS)
                };
                let relative = was_relative(self.old.clock, a) || was_relative(self.new.clock, b);
                // `ctime` has no parts of a second, so neither time is known better than to one.
                let known_to = if relative { 2_000 } else { 0 };
                x.abs_diff(y) > known_to
            }
            _ => true,
        }
    }
}

/// The run of prints from `at` on that have this hash.
fn group(prints: &[Print], at: usize, hash: u64) -> Range<usize> {
    let rest = prints.get(at..).unwrap_or_default();
    let len = rest.iter().take_while(|print| print.name == hash).count();
    at..at.saturating_add(len)
}
