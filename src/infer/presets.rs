//! The preset that a proposal begins with: the one whose rules describe a dump, as it is.

use super::sample::Sample;
use super::survey::Survey;
use super::weigh::{Look, Presets};
use crate::dump::rdb::{self, Kind};
use crate::dump::scan::Observer;
use crate::model::spec::{IndexType, PRESETS, Spec};

/// A preset that describes a dump, and its rules.
#[derive(Debug)]
pub struct Fitting {
    pub name: &'static str,
    /// Its rules and classes, each with the comments before it.
    pub blocks: Vec<String>,
    pub spec: Spec,
    /// Others that describe something of the dump.
    pub others: Vec<&'static str>,
}

impl Fitting {
    /// Its rules, as they are.
    pub fn text(&self) -> String {
        self.blocks.join("\n")
    }

    /// Whether one of its indexes takes this key.
    pub fn takes(&self, db: u64, kind: Kind, name: &[u8]) -> bool {
        self.spec.indexes.iter().any(|index| {
            let own = matches!(
                (index.kind, kind),
                (IndexType::Any, _)
                    | (IndexType::Set, Kind::Set)
                    | (IndexType::Zset, Kind::Zset)
                    | (IndexType::Hash, Kind::Hash)
                    | (IndexType::String, Kind::String)
                    | (IndexType::List, Kind::List)
            );
            own && index.db == db && index.takes(name)
        })
    }
}

/// The preset that describes most of the sampled keys, if that is no chance: by its own words, or by several of its indexes.
pub fn fitting(survey: &Survey<'_>, sample: &Sample, observer: &Observer) -> Result<Option<Fitting>, rdb::Error> {
    let presets = Presets::new();
    let names = presets.names();
    let mut look = Look::new(&names);
    for named in sample.names.iter().filter(|named| named.readable) {
        let mut record = survey.dump.record(named.start)?;
        record.db = named.db;
        look.see(&record, &named.name);
    }
    let weights = look.weigh(survey.dump, &|db, key| survey.has(db, key), observer);
    let mut found = presets.rank(weights).into_iter();
    let Some((name, best)) = found.next() else { return Ok(None) };
    let others = found.map(|(name, _)| name).collect();
    if best.indexes < 2 && (best.indexes == 0 || best.literals < WORDS) {
        return Ok(None);
    }
    let (Some(spec), Some((_, text))) = (Spec::preset(name), PRESETS.iter().find(|(known, _)| *known == name)) else {
        return Ok(None);
    };
    Ok(Some(Fitting { name, blocks: blocks(text), spec, others }))
}

/// So many bytes of names that a preset gives are no chance.
const WORDS: usize = 8;
/// The text of a preset in pieces: what begins with a class or an index, and the comments before each.
fn blocks(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut starts: Vec<usize> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if line.trim() == "[[index]]" || line.trim() == "[[record]]" {
            let comments =
                lines.get(..at).unwrap_or_default().iter().rev().take_while(|line| line.starts_with('#')).count();
            starts.push(at.saturating_sub(comments));
        }
    }
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    let block = |(from, to): (usize, usize)| {
        let mut text = lines.get(from..to).unwrap_or_default().join("\n");
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    };
    starts.iter().copied().zip(ends).map(block).collect()
}
