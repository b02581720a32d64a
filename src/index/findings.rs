//! Problems in a dump, counted, with a few examples: none of them ends the work on it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::compare::gone::Gone;
use super::difference::Difference;
use crate::dump::parts;
use crate::dump::rdb::{self, Tail};
use crate::text::display;

/// So many are named as examples.
const EXAMPLES: usize = 5;

/// Codes of findings about the dump as a whole.
pub const AOF_TAIL: &str = "dump.aof_tail";
pub const ANOTHER_DUMP: &str = "dump.another_dump";
pub const TRAILING_BYTES: &str = "dump.trailing_bytes";
pub const MEMBER_EXPIRIES: &str = "key.member_expiry";
pub const CHECKSUM_MISMATCH: &str = "dump.checksum_mismatch";
pub const KEY_TWICE: &str = "dump.key_twice";
pub const RECORD_MISSING: &str = "index.record_missing";

/// Problems of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    pub code: Cow<'static, str>,
    pub count: u64,
    /// The first few in the dump, in words, with what cannot be printed escaped.
    pub examples: Vec<String>,
}

impl Diagnostic {
    /// Those of several parts of a database, in the order of the parts. What is said of the members of deleted keys is
    /// left out: [`many_gone`] says it of all together.
    pub fn together(parts: impl IntoIterator<Item = Vec<Self>>) -> Vec<Self> {
        let mut all: BTreeMap<Cow<'static, str>, Self> = BTreeMap::new();
        for found in parts.into_iter().flatten().filter(|found| found.code != RECORD_MISSING) {
            match all.get_mut(&found.code) {
                Some(known) => {
                    known.count = known.count.saturating_add(found.count);
                    let room = EXAMPLES.saturating_sub(known.examples.len());
                    known.examples.extend(found.examples.into_iter().take(room));
                }
                None => {
                    all.insert(found.code.clone(), found);
                }
            }
        }
        all.into_values().collect()
    }
}

/// Indexes many members of whose deleted keys name no record.
pub fn many_gone<'n>(indexes: impl IntoIterator<Item = (&'n str, Gone)>) -> Vec<Diagnostic> {
    let high = indexes.into_iter().filter(|(_, gone)| gone.is_high());
    let words = |(name, gone): (&str, Gone)| {
        let (n, of, percent) = (gone.gone, gone.looked_at, gone.percent());
        let example = format!("index {name}: {n} of {of} ({percent}%) that were looked at");
        Diagnostic { code: RECORD_MISSING.into(), count: 1, examples: vec![example] }
    };
    high.map(words).collect()
}

/// All of a dump, in the order of their codes.
pub fn diagnostics(difference: &Difference<'_>) -> Vec<Diagnostic> {
    let facts = &difference.facts;
    let mut all: Vec<Diagnostic> = difference
        .diagnostics
        .iter()
        .map(|(code, count, examples)| Diagnostic {
            code: code.into(),
            count,
            examples: examples.map(str::to_owned).collect(),
        })
        .collect();
    let mut of_dump =
        |code: &'static str, example| all.push(Diagnostic { code: code.into(), count: 1, examples: vec![example] });
    if let rdb::Checksum::Wrong { stored, computed } = facts.footer.checksum(|| facts.crc64) {
        of_dump(CHECKSUM_MISMATCH, format!("the footer says {stored:016x}, the content has {computed:016x}"));
    }
    if let Some(twice) = &facts.twice {
        let place = |offset| parts::place(&facts.parts, offset);
        let (first, second) = (place(twice.first), place(twice.second));
        of_dump(KEY_TWICE, format!("{} of database {} at {first} and at {second}", display(&twice.key), twice.db));
    }
    let names = difference.spec.indexes.iter().map(|index| index.name.as_str());
    all.extend(many_gone(names.zip(difference.gone.iter().copied())));
    let mut of_dump =
        |code: &'static str, example| all.push(Diagnostic { code: code.into(), count: 1, examples: vec![example] });
    for (code, words) in facts.doubts() {
        of_dump(code, words);
    }
    if facts.footer.trailing > 0 {
        let code = match facts.footer.tail {
            Tail::Commands => AOF_TAIL,
            Tail::Dump => ANOTHER_DUMP,
            Tail::Empty | Tail::Unknown => TRAILING_BYTES,
        };
        of_dump(code, format!("{} bytes after the footer", facts.footer.trailing));
    }
    let expiries = &facts.member_expiries;
    if expiries.members > 0 {
        let name = |start: &u64| difference.dump.key(*start, &mut Vec::new()).map(display).ok();
        let examples = expiries.keys.iter().filter_map(name).take(EXAMPLES).collect();
        all.push(Diagnostic { code: MEMBER_EXPIRIES.into(), count: expiries.members, examples });
    }
    all.sort_by(|a, b| a.code.cmp(&b.code));
    all
}
