//! The first reading of the dump: what is there.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Error;
use super::super::clock::{Clock, Due, Meaning};
use super::super::state::{Name, Value};
use super::named::{Named, named};
use super::names::{Names, Role};
use super::walk::{read, text};
use crate::dump::rdb::{Footer, Header, Kind, Record};
use crate::progress::Watch;

/// What it finds.
pub struct Present<'a> {
    pub header: Header,
    pub footer: Footer,
    pub clock: Clock,
    pub keys: u64,
    pub last_db: u64,
    pub modules: BTreeSet<String>,
    /// Of the values only where they are: they are read again, one at a time.
    pub index_keys: BTreeMap<Name, Record<'a>>,
    pub records_in_families: BTreeSet<Name>,
    /// By class: the records there are, if some index requires them.
    pub existing: Vec<BTreeSet<Vec<u8>>>,
    /// Keys that the spec asks for by name.
    pub named: Named<'a>,
}

/// What is found among some records.
#[derive(Default)]
struct Found<'a> {
    keys: u64,
    last_db: u64,
    modules: BTreeSet<String>,
    index_keys: Vec<(Name, Record<'a>)>,
    records_in_families: Vec<Name>,
    existing: Vec<(usize, Vec<u8>)>,
}

impl<'a> Present<'a> {
    pub fn read(dump: &'a [u8], names: &Names<'_>, meaning: Meaning, watch: &dyn Watch) -> Result<Self, Error> {
        let spec = names.spec;
        let mut clock = Clock { created_ms: None, meaning };
        let (mut keys, mut last_db, mut modules) = (0_u64, 0_u64, BTreeSet::new());
        let (mut index_keys, mut records_in_families) = (BTreeMap::new(), BTreeSet::new());
        let mut existing: Vec<BTreeSet<Vec<u8>>> = vec![BTreeSet::new(); spec.records.len()];
        let is_required = |class: usize| spec.indexes.iter().flat_map(|i| &i.require).any(|r| r.record == class);
        let named = named(dump, spec, clock, watch)?;
        let look = |records: &[Record<'a>], clock: &Clock| {
            let mut found = Found::default();
            for record in records {
                if clock.due(record.expire_ms) == Due::Gone || !Value::is_there(&record.value, clock)? {
                    continue;
                }
                found.keys = found.keys.saturating_add(1);
                found.last_db = found.last_db.max(record.db);
                if record.value.ty.kind() == Kind::Module {
                    found.modules.insert(record.value.type_name().as_str().to_owned());
                }
                let name = (record.db, text(record.key)?);
                match names.role(name.0, &name.1, &record.value, &named) {
                    Role::Record(classes) => {
                        let required = classes.into_iter().filter(|&class| is_required(class));
                        found.existing.extend(required.map(|class| (class, name.1.clone())));
                        let in_family = !names.indexes_of(name.0, &name.1).is_empty()
                            || !names.pruning(name.0, &name.1, record.value.ty.kind()).is_empty();
                        if in_family {
                            found.records_in_families.push(name);
                        }
                    }
                    Role::Index => found.index_keys.push((name, record.clone())),
                    Role::Other => {}
                }
            }
            Ok(found)
        };
        let take = |found: Found<'a>| {
            keys = keys.saturating_add(found.keys);
            last_db = last_db.max(found.last_db);
            modules.extend(found.modules);
            records_in_families.extend(found.records_in_families);
            for (class, name) in found.existing {
                existing.get_mut(class).into_iter().for_each(|all| _ = all.insert(name.clone()));
            }
            for (name, record) in found.index_keys {
                let (db, key) = (name.0, name.1.clone());
                if index_keys.insert(name, record).is_some() {
                    return Err(Error::Repeated { db, key });
                }
            }
            Ok(())
        };
        let (header, footer) = read(dump, ("reading for what is there", watch), &mut clock, look, take)?;
        Ok(Self { header, footer, clock, keys, last_db, modules, index_keys, records_in_families, existing, named })
    }
}
