//! The contract, written as simply as possible: from a dump and a spec to the keys there are ([`present`]) and what must become
//! of each ([`target`]), by what the records imply ([`implied`]).
//!
//! Only what the records imply is held for the whole dump. A value is read when its key is looked at, one key at a time, and
//! written down plainly, in ordered maps. All threads look, each at other keys.
//!
//! It is independent of what decides in a plan: the parallel pass (`dump::scan`), whose key it is and what
//! has expired (`model::view`), the comparison of desired and actual (`index`), and the choice of commands (`plan`).
//!
//! What it shares with them, it cannot prove:
//!
//! - the parser of dumps (`dump::rdb`). There is a [second reader](super::second) for the sets and sorted sets that are
//!   touched, and for nothing else: what records hold is read by the one parser alone;
//! - the fields of a record (`model::document`: `Extractor`), and the names, members and scores that follow from them
//!   (`model::derive`: `Deriver`);
//! - the spec (`model::spec`): its parts and what is accepted, how many literal bytes a template has, and which indexes have the
//!   same keys. How a name is read is worked out anew (`reading`), and with it which keys are of a class or a family, and what
//!   entries name (`entry`, `prune`);
//! - the manifest and the reader of command files (`bundle`).
//!
//! For these there are tests against real servers, the corpus, and values worked out by hand.
//!
//! Where the words of the contract leave a choice, the comment says which one was taken.

mod depths;
mod entry;
mod implied;
mod named;
mod names;
mod present;
mod prune;
mod repeated;
mod target;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::Error;
use super::clock::{self, Clock, Meaning};
use super::state::{Entry, Name, State, Value};
use crate::dump::rdb::{Footer, Header, Kind, Record};
use crate::model::spec::Spec;
use crate::progress::{Nobody, Unit, Watch};
use depths::Depths;
use implied::{Implied, imply};
use named::Named;
use names::Names;
use present::Present;
use prune::{Left, Rules};
pub use target::Due;
use target::Target;

/// What there is, and what there must be.
#[derive(Debug)]
pub struct Model<'a> {
    pub spec: &'a Spec,
    /// What was read.
    pub dump: &'a [u8],
    /// Who watches what is done with it.
    pub watch: &'a dyn Watch,
    pub header: Header,
    pub footer: Footer,
    pub clock: Clock,
    /// Keys of the dump that had not expired.
    pub keys: u64,
    /// The largest number of a database that has keys.
    pub last_db: u64,
    /// Type names of the modules whose values the dump has.
    pub modules: BTreeSet<String>,
    /// Every index key of the dump, and where it is there.
    pub records: BTreeMap<Name, Record<'a>>,
    names: Names<'a>,
    /// Records whose names are also those of index keys.
    records_in_families: BTreeSet<Name>,
    named: Named<'a>,
    implied: Implied<'a>,
    depths: Depths,
    /// Keys that go; known beforehand only where a rule asks whether another key is there.
    gone: BTreeSet<Name>,
}

impl<'a> Model<'a> {
    /// Reads the dump twice: once for what exists, once for what the records imply.
    pub fn read(dump: &'a [u8], spec: &'a Spec, meaning: Meaning) -> Result<Self, Error> {
        Self::read_watched(dump, spec, meaning, &Nobody)
    }

    /// Reads the dump and lets somebody watch, this and what is done with the model. Runs on the current `rayon` pool.
    pub fn read_watched(dump: &'a [u8], spec: &'a Spec, meaning: Meaning, watch: &'a dyn Watch) -> Result<Self, Error> {
        let names = Names::new(spec);
        let present = Present::read(dump, &names, meaning, watch)?;
        let implied = imply(dump, &names, &present, watch)?;
        let depths = Depths::new(&names, &present.index_keys, &implied);
        let Present {
            header,
            footer,
            clock,
            keys,
            last_db,
            modules,
            index_keys: records,
            records_in_families,
            existing: _,
            named,
        } = present;
        let mut model = Self {
            spec,
            dump,
            watch,
            header,
            footer,
            clock,
            keys,
            last_db,
            modules,
            records,
            names,
            records_in_families,
            named,
            implied,
            depths,
            gone: BTreeSet::new(),
        };
        model.gone = model.all_gone()?;
        Ok(model)
    }

    /// All keys that go, if any rule asks.
    fn all_gone(&self) -> Result<BTreeSet<Name>, Error> {
        let rules = self.rules();
        if !self.records.keys().any(|name| rules.are_about(name)) {
            return Ok(BTreeSet::new());
        }
        let keys = u64::try_from(self.records.len()).unwrap_or(u64::MAX);
        self.watch.begin("working out what goes", Unit::Keys, keys);
        let goes = |name: &Name| {
            self.watch.add(1);
            if rules.are_about(name) {
                return Ok(None);
            }
            let start = self.start_of(name)?;
            Ok((self.due(name, start.as_ref())? == Due::Gone).then(|| name.clone()))
        };
        let names: Vec<&Name> = self.records.keys().collect();
        let gone = names.into_par_iter().map(goes).collect::<Result<Vec<_>, Error>>()?;
        let mut gone: BTreeSet<Name> = gone.into_iter().flatten().collect();
        rules.follow(&self.records, &mut gone)?;
        Ok(gone)
    }

    fn rules(&self) -> Rules<'_, 'a> {
        Rules { names: &self.names, named: &self.named, clock: self.clock }
    }

    fn target_rules(&self) -> Target<'_, 'a> {
        let Self { names, implied, depths, records_in_families, .. } = self;
        Target { names, implied, depths, records_in_families }
    }

    /// An index key of the dump, as it is there.
    pub fn start_of(&self, name: &Name) -> Result<Option<Entry>, Error> {
        let Some(record) = self.records.get(name) else { return Ok(None) };
        let expire_ms = self.expire_ms(record);
        Ok(Value::read(&record.value, &self.clock)?.map(|value| Entry { value, expire_ms }))
    }

    /// Type, elements and expiry of an index key of the dump, as a server counts: what stands twice counts twice, and so do
    /// fields that have expired and are not yet gone.
    pub fn outline_of(&self, name: &Name) -> Result<Option<(String, u64, Option<i64>)>, Error> {
        let Some(record) = self.records.get(name) else { return Ok(None) };
        let kind = record.value.ty.kind();
        if let Kind::Set | Kind::Zset | Kind::Hash = kind {
            let expire_ms = self.expire_ms(record);
            return Ok(Some((record.value.type_name().to_string(), record.value.elements()?, expire_ms)));
        }
        let entry = self.start_of(name)?;
        Ok(entry.map(|entry| (entry.value.type_name().to_owned(), entry.value.elements(), entry.expire_ms)))
    }

    fn expire_ms(&self, record: &Record<'_>) -> Option<i64> {
        match self.clock.due(record.expire_ms) {
            clock::Due::At(ms) => Some(ms),
            clock::Due::Never | clock::Due::Gone => None,
        }
    }

    /// What must become of a key, of which [`Self::start_of`] says what it is.
    pub fn due(&self, name: &Name, start: Option<&Entry>) -> Result<Due, Error> {
        let rules = self.rules();
        match (self.records.get(name), start) {
            (Some(record), Some(start)) if rules.are_about(name) => {
                if self.gone.contains(name) {
                    return Ok(Due::Gone);
                }
                Ok(match rules.of(name, record, &start.value, &self.gone)? {
                    Left::All => Due::Same,
                    Left::Nothing => Due::Gone,
                    Left::Some(value) if value == start.value => Due::Same,
                    Left::Some(value) => Due::Becomes(Entry { value, expire_ms: start.expire_ms }),
                })
            }
            (Some(record), Some(start)) => self.target_rules().of(name, record, start),
            _ => Ok(self.target_rules().of_absent(name)),
        }
    }

    /// A key as it must be; none if it must not be there.
    pub fn target_of(&self, name: &Name) -> Result<Option<Entry>, Error> {
        let start = self.start_of(name)?;
        Ok(match self.due(name, start.as_ref())? {
            Due::Same => start,
            Due::Gone => None,
            Due::Becomes(entry) => Some(entry),
        })
    }

    /// The names of keys that are not there and may have to be.
    pub fn absent_names(&self) -> Vec<Name> {
        self.target_rules().implied_names().filter(|name| !self.records.contains_key(name)).collect()
    }

    /// The names of all keys that are there, or may have to be.
    pub fn all_names(&self) -> BTreeSet<Name> {
        self.records.keys().cloned().chain(self.target_rules().implied_names()).collect()
    }

    /// Every index key of the dump.
    pub fn start(&self) -> Result<State, Error> {
        let entries = self.records.keys().map(|name| Ok(self.start_of(name)?.map(|entry| (name.clone(), entry))));
        entries.filter_map(Result::transpose).collect()
    }

    /// Every index key there must be.
    pub fn target(&self) -> Result<State, Error> {
        let names = self.all_names();
        let entries = names.into_iter().map(|name| Ok(self.target_of(&name)?.map(|entry| (name, entry))));
        entries.filter_map(Result::transpose).collect()
    }

    /// Whether a plan may write to a key: it is in the family of an index, and no record.
    pub fn is_index_key(&self, name: &Name) -> bool {
        let prunes = |record: &Record<'_>| !self.names.pruning(name.0, &name.1, record.value.ty.kind()).is_empty();
        let in_family =
            !self.names.indexes_of(name.0, &name.1).is_empty() || self.records.get(name).is_some_and(prunes);
        in_family && !self.records_in_families.contains(name)
    }
}
