//! Whether the dump is the whole database, and each key of it there once.

use super::judge::{Braked, Effect};
use crate::dump::duplicate_keys::{self, Twice};
use crate::dump::parts::Part;
use crate::dump::slots::{self, Finding};
use crate::index::Facts;
use crate::index::gather::survey::Gathered;
use crate::model::spec::{Brake, Spec};
use crate::model::view::Dump;
use crate::text::span;

/// What all threads gathered about the dump itself.
pub struct Doubts {
    pub slots: slots::Gathered,
    pub twice: Option<Twice>,
}

impl Doubts {
    /// Takes it from the workers.
    pub fn of(workers: &mut [Gathered<'_, '_>], dump: Dump<'_>) -> Self {
        let mut slots = slots::Gathered::new(&[]);
        let mut names = Vec::new();
        for (at, worker) in workers.iter_mut().enumerate() {
            let gathered = std::mem::replace(&mut worker.slots, slots::Gathered::new(&[]));
            if at == 0 {
                slots = gathered;
            } else {
                slots.merge(&gathered);
            }
            names.push(worker.twice.take());
        }
        Self { slots, twice: duplicate_keys::find(dump.file, dump.header, names, |_, _| true) }
    }
}

/// Seconds between two dumps from which on they are no plan's, and from which on that is worth a word.
const APART: i64 = 3600;
const NOT_TOGETHER: i64 = 60;

/// Codes of what is worth a word only.
pub const SLOTS: &str = "dump.slots";
pub const NOT_AT_ONCE: &str = "dump.not_at_once";
pub const AOF_BASE: &str = "dump.aof_base";

/// The brakes that are about the dump as a whole.
pub fn judge(spec: &Spec, facts: &Facts) -> Vec<Braked> {
    let sure = facts.slots.iter().filter(|finding| finding.is_sure());
    let slots = sure.map(|finding| {
        let brake = match finding {
            Finding::Partial { .. } => Brake::PartialSlots,
            Finding::Split { .. } => Brake::SplitSlots,
        };
        (brake, words(finding, facts))
    });
    let apart = apart(&facts.parts).filter(|(seconds, _)| *seconds > APART).map(|(_, text)| (Brake::Apart, text));
    let braked = slots.chain(apart).map(|(brake, text)| Braked {
        brake,
        index: None,
        effect: if spec.accepts(brake, None) { Effect::Lifted } else { Effect::Refuses },
        text,
        examples: Vec::new(),
    });
    braked.collect()
}

impl Facts {
    /// What makes it doubtful that the dump is the whole database and is not enough to refuse a plan: code and words.
    pub fn doubts(&self) -> Vec<(&'static str, String)> {
        let mut out = Vec::new();
        for finding in self.slots.iter().filter(|finding| !finding.is_sure()) {
            out.push((SLOTS, format!("{} There are too few names to be sure", words(finding, self))));
        }
        if let Some((_, text)) = apart(&self.parts).filter(|(seconds, _)| (NOT_TOGETHER + 1..=APART).contains(seconds))
        {
            out.push((NOT_AT_ONCE, text));
        }
        let is_base = self.aux.iter().any(|(name, value)| name == b"aof-base" && value == b"1");
        if !self.newer.is_empty() {
            let names = self.newer.join(", ");
            out.push((
                AOF_BASE,
                format!("only the base of an append-only file: newer writes are in the .incr files beside it: {names}"),
            ));
        } else if is_base {
            let text = "only the base of an append-only file: newer writes are in the .incr files that belong to it";
            out.push((AOF_BASE, text.to_owned()));
        }
        out
    }
}

/// Where dumps were not taken at once: whether they are no plan's, unless somebody accepts it, and the words for it.
pub fn not_at_once(parts: &[Part]) -> Option<(bool, String)> {
    let (seconds, text) = apart(parts).filter(|(seconds, _)| *seconds > NOT_TOGETHER)?;
    Some((seconds > APART, text))
}

/// How many seconds there are between the first and the last of several dumps, and which those are.
fn apart(parts: &[Part]) -> Option<(i64, String)> {
    let dated = || parts.iter().filter_map(|part| Some((part.created?, &part.name)));
    // The first of equals, both times.
    let (first, one) = dated().min_by_key(|(created, _)| *created)?;
    let (last, other) = dated().min_by_key(|(created, _)| std::cmp::Reverse(*created))?;
    let seconds = last.saturating_sub(first);
    let after = u64::try_from(seconds).unwrap_or(0).saturating_mul(1000);
    Some((
        seconds,
        format!("{other} was taken {} after {one}: what was written in between is in only one of them", span(after)),
    ))
}

/// What the slots say, with the names of the dumps.
fn words(finding: &Finding, facts: &Facts) -> String {
    finding.words(|part| facts.parts.get(part).map_or_else(String::new, |part| part.name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_dump() {
        let part = |name: &str, created| Part { name: name.to_owned(), created, from: 0, end: 0, cut: 0 };
        let (now, two) = (1_736_000_000, 7200);
        let parts = [part("b", Some(now + two)), part("x", None), part("a", Some(now)), part("c", Some(now + 5))];
        let (seconds, text) = apart(&parts).unwrap();
        assert_eq!(seconds, two);
        assert!(text.starts_with("b was taken 2 hours after a:"), "{text}");
        assert_eq!(apart(&parts[1..3]).map(|(seconds, _)| seconds), Some(0));
        assert_eq!(apart(&[]), None);
        // Nothing overflows, whatever a dump says.
        assert!(apart(&[part("a", Some(i64::MIN)), part("b", Some(i64::MAX))]).unwrap().0 > APART);
    }
}
