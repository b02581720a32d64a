//! Which key of one dump is which key of the other.

use std::ops::Range;

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::side::{Print, Side};
use crate::dump::scan::Observer;
use crate::model::view::{Expires, Expiry, FIRST_POSSIBLE_MS};

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

/// Ranges of hashes that are compared by themselves, by their first halves.
const PARTS: u64 = 1024;
const PART: u64 = u64::MAX / PARTS;

/// Compares all keys; `None` if it was told to stop. Looks at no dump.
pub fn pair(old: &Side<'_>, new: &Side<'_>, observer: &Observer) -> Option<Pairs> {
    let parts: Option<Vec<Pairs>> = (0..=PARTS)
        .into_par_iter()
        .map(|part| {
            if observer.stopped() {
                return None;
            }
            let from = part.saturating_mul(PART);
            let to = (part < PARTS).then(|| from.saturating_add(PART));
            let range = |prints: &[Print]| {
                let before = |bound: u64| prints.partition_point(|print| print.name[0] < bound);
                before(from)..to.map_or(prints.len(), before)
            };
            let mut merge = Merge { old, new, found: Pairs::default() };
            merge.run(range(&old.prints), range(&new.prints));
            Some(merge.found)
        })
        .collect();
    let mut all = Pairs::default();
    for part in parts? {
        all.changes.extend(part.changes);
        all.twice.0 = all.twice.0.saturating_add(part.twice.0);
        all.twice.1 = all.twice.1.saturating_add(part.twice.1);
    }
    all.changes.par_sort_unstable_by_key(|change| match change.before() {
        Some(number) => (false, old.print(number).map_or(0, |print| print.start)),
        None => (true, change.after().and_then(|number| new.print(number)).map_or(0, |print| print.start)),
    });
    Some(all)
}

struct Merge<'m, 'a> {
    old: &'m Side<'a>,
    new: &'m Side<'a>,
    found: Pairs,
}

impl Merge<'_, '_> {
    fn run(&mut self, old: Range<usize>, new: Range<usize>) {
        let (mut i, mut j) = (old.start, new.start);
        loop {
            let name = |side: &Side<'_>, at: usize, end: usize| {
                side.prints.get(at).filter(|_| at < end).map(|print| print.name)
            };
            let (a, b) = (name(self.old, i, old.end), name(self.new, j, new.end));
            let Some(name) = a.into_iter().chain(b).min() else { return };
            // Of several records of one name the first counts.
            let (old, new) = ((a == Some(name)).then_some(i), (b == Some(name)).then_some(j));
            let records = |side: &Side<'_>, at: Option<usize>| at.map_or(0, |at| same_name(&side.prints, at));
            let (olds, news) = (records(self.old, old), records(self.new, new));
            self.found.twice.0 = self.found.twice.0.saturating_add(olds.saturating_sub(1) as u64);
            self.found.twice.1 = self.found.twice.1.saturating_add(news.saturating_sub(1) as u64);
            (i, j) = (i.saturating_add(olds), j.saturating_add(news));
            self.note(old, new);
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
                let was_relative = |clock: crate::model::view::Clock, ms: Option<i64>| {
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

/// How many prints from `at` on have the name of that one.
fn same_name(prints: &[Print], at: usize) -> usize {
    let rest = prints.get(at..).unwrap_or_default();
    rest.iter().take_while(|print| rest.first().is_some_and(|first| first.name == print.name)).count()
}
