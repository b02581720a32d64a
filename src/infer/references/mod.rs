//! Entries that name keys: which part of an entry, and which key.
//!
//! What stands before and behind a part of a name is its *surroundings*: those that many names share are tried with the
//! entries of each pattern, until keys are found that are there. Where the surroundings hold what varies in the name of the
//! entry's own key, they vary with it.

mod around;
mod family;
mod known;
mod reference;
mod rule;
mod template;
mod tried;
mod variant;

use std::cmp::Reverse;
use std::collections::HashMap;

use around::{SURROUNDINGS, surroundings};
use family::Family;
use known::Known;
pub use reference::{Reference, Slot};
use rule::reference as rule_of;
use tried::TRIED;
pub use variant::look;

use super::Error;
use super::patterns::Pattern;
use super::sample::Sample;
use super::survey::Survey;
use crate::dump::rdb::{Kind, Scratch};
use crate::dump::scan::Observer;

/// Tries of surroundings in all.
const TRIES: usize = 12_000_000;

/// Finds the rules of all patterns that have some.
pub fn find(survey: &Survey<'_>, sample: &Sample, observer: &Observer) -> Result<Vec<Reference>, Error> {
    let patterns = sample.patterns.as_slice();
    let around = surroundings(sample);
    let mut of_name = HashMap::new();
    for (number, pattern) in patterns.iter().enumerate() {
        for named in pattern.names.iter().filter_map(|at| sample.names.get(*at)) {
            of_name.insert((named.db, named.name.clone()), number);
        }
    }
    let has_entries =
        |pattern: &&Pattern| matches!(pattern.kind, Kind::Set | Kind::Zset | Kind::List | Kind::Hash | Kind::String);
    let candidates: Vec<&Pattern> =
        patterns.iter().filter(has_entries).filter(|pattern| !is_of_records(pattern, sample)).collect();
    let tries =
        TRIES.checked_div(candidates.len().saturating_mul(TRIED)).unwrap_or(SURROUNDINGS).clamp(50, SURROUNDINGS);
    let mut out = Vec::new();
    let mut scratch = Scratch::default();
    for pattern in candidates {
        if observer.stopped() {
            return Err(Error::Interrupted);
        }
        let around = around.get(&pattern.db).map_or(&[][..], Vec::as_slice);
        let around = around.get(..tries.min(around.len())).unwrap_or_default();
        let known = Known { survey, sample, patterns, of_name: &of_name, around };
        let family = Family::read(known, pattern, &mut scratch)?;
        let slots: &[Slot] = match pattern.kind {
            Kind::Hash => &[Slot::Member, Slot::Value],
            Kind::String => &[Slot::Value],
            _ => &[Slot::Member],
        };
        let found = slots.iter().filter_map(|slot| rule_of(&family, known, *slot));
        out.extend(found.max_by_key(|reference| (reference.named, Reverse(reference.slot))));
    }
    Ok(out)
}

/// Whether its keys are records: they have fields in common, which an index has not.
fn is_of_records(pattern: &Pattern, sample: &Sample) -> bool {
    let mut names = pattern.names.iter().filter_map(|at| sample.names.get(*at)).take(8);
    matches!(pattern.kind, Kind::Hash | Kind::String)
        && names.any(|named| {
            let class = sample.classes.of(named.db, &named.name).and_then(|class| sample.classes.get(class));
            class.is_some_and(|class| !class.exact && !class.profile.is_empty())
        })
}
