//! What stands before and behind a part of a name.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use crate::infer::sample::Sample;

/// Surroundings that are tried at most.
pub const SURROUNDINGS: usize = 2_000;

/// What stands before and behind a part of a name.
pub type Around = (Vec<u8>, Vec<u8>);

/// Surroundings that several names share, by database, those that most have first.
pub fn surroundings(sample: &Sample) -> BTreeMap<u64, Vec<Around>> {
    let mut counts: BTreeMap<u64, HashMap<Around, u32>> = BTreeMap::new();
    for named in &sample.names {
        let counts = counts.entry(named.db).or_default();
        let name = named.name.as_slice();
        let starts = std::iter::once(0).chain(edges(name)).take(14);
        let ends: Vec<usize> = std::iter::once(name.len()).chain(edges(name).rev()).take(3).collect();
        for start in starts {
            for end in ends.iter().copied().filter(|end| *end > start && !begins_within(name, *end)) {
                let around = (name.get(..start).unwrap_or_default(), name.get(end..).unwrap_or_default());
                if counts.len() < 1 << 19 || counts.contains_key(&(around.0.to_vec(), around.1.to_vec())) {
                    let count = counts.entry((around.0.to_vec(), around.1.to_vec())).or_default();
                    *count = count.saturating_add(1);
                }
            }
        }
    }
    let list = |counts: HashMap<Around, u32>| {
        let mut all: Vec<(Around, u32)> = counts.into_iter().filter(|(_, count)| *count > 1).collect();
        all.sort_by(|(a, x), (b, y)| (Reverse(x), a).cmp(&(Reverse(y), b)));
        all.truncate(SURROUNDINGS);
        all.into_iter().map(|(around, _)| around).collect()
    };
    counts.into_iter().map(|(db, counts)| (db, list(counts))).collect()
}

/// Whether what stands behind goes on with a letter or digit: behind an entry that ends with one it would be another name
/// (`order:1` and `14`), and not this one with something after it.
fn begins_within(name: &[u8], end: usize) -> bool {
    name.get(end).is_some_and(u8::is_ascii_alphanumeric)
}

/// Where in a name something begins or ends: between a letter or digit and another byte.
pub fn edges(name: &[u8]) -> impl DoubleEndedIterator<Item = usize> + '_ {
    let alnum = |at: usize| name.get(at).is_some_and(u8::is_ascii_alphanumeric);
    (1..name.len()).filter(move |at| alnum(*at) != alnum(at.saturating_sub(1)))
}
