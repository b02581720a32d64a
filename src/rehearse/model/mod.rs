//! The contract, written as simply as possible: from a dump and a spec to the state there is ([`present`]) and the state there
//! must be ([`target()`]), by what the records imply ([`implied`]).
//!
//! It is slow on purpose, and independent of what decides in a plan: the parallel pass (`dump::scan`), whose key it is and what
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

use super::Error;
use super::clock::{Clock, Meaning};
use super::state::{Name, State};
use crate::dump::rdb::{Footer, Header, Record};
use crate::model::spec::Spec;
use crate::progress::{Nobody, Watch};
use implied::imply;
use names::Names;
use present::Present;
use target::target;

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
    /// Every index key of the dump.
    pub start: State,
    /// Every index key there must be.
    pub target: State,
    /// Where in the dump the keys of `start` are.
    pub records: BTreeMap<Name, Record<'a>>,
    names: Names<'a>,
    /// Records whose names are also those of index keys.
    records_in_families: BTreeSet<Name>,
}

impl<'a> Model<'a> {
    /// Reads the dump twice: once for what exists, once for what the records imply.
    pub fn read(dump: &'a [u8], spec: &'a Spec, meaning: Meaning) -> Result<Self, Error> {
        Self::read_watched(dump, spec, meaning, &Nobody)
    }

    /// Reads the dump and lets somebody watch, this and what is done with the model.
    pub fn read_watched(dump: &'a [u8], spec: &'a Spec, meaning: Meaning, watch: &'a dyn Watch) -> Result<Self, Error> {
        let names = Names::new(spec);
        let present = Present::read(dump, &names, meaning, watch)?;
        let implied = imply(dump, &names, &present, watch)?;
        let target = target(&names, &present, &implied, watch)?;
        let Present {
            header,
            footer,
            clock,
            keys,
            last_db,
            modules,
            start,
            index_keys: records,
            records_in_families,
            existing: _,
            named: _,
        } = present;
        Ok(Self {
            spec,
            dump,
            watch,
            header,
            footer,
            clock,
            keys,
            last_db,
            modules,
            start,
            target,
            records,
            names,
            records_in_families,
        })
    }

    /// Whether a plan may write to a key: it is in the family of an index, and no record.
    pub fn is_index_key(&self, name: &Name) -> bool {
        let prunes = |record: &Record<'_>| !self.names.pruning(name.0, &name.1, record.value.ty.kind()).is_empty();
        let in_family =
            !self.names.indexes_of(name.0, &name.1).is_empty() || self.records.get(name).is_some_and(prunes);
        in_family && !self.records_in_families.contains(name)
    }
}
