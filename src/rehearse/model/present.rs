//! The first reading of the dump: what is there.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Error;
use super::super::clock::{Clock, Due, Meaning};
use super::super::state::{Entry, Name, State, Value};
use super::named::{Named, named};
use super::names::{Names, Role};
use super::walk::{bytes, step, text};
use crate::dump::rdb::{Footer, Header, Item, Kind, Record, Walker};
use crate::progress::{Unit, Watch};

/// What it finds.
pub struct Present<'a> {
    pub header: Header,
    pub footer: Footer,
    pub clock: Clock,
    pub keys: u64,
    pub last_db: u64,
    pub modules: BTreeSet<String>,
    pub start: State,
    pub index_keys: BTreeMap<Name, Record<'a>>,
    pub records_in_families: BTreeSet<Name>,
    /// By class: the records there are, if some index requires them.
    pub existing: Vec<BTreeSet<Vec<u8>>>,
    /// Keys that the spec asks for by name.
    pub named: Named<'a>,
}

impl<'a> Present<'a> {
    pub fn read(dump: &'a [u8], names: &Names<'_>, meaning: Meaning, watch: &dyn Watch) -> Result<Self, Error> {
        let spec = names.spec;
        let mut clock = Clock { created_ms: None, meaning };
        let (mut keys, mut last_db, mut modules) = (0_u64, 0_u64, BTreeSet::new());
        let (mut start, mut index_keys, mut records_in_families) = (State::new(), BTreeMap::new(), BTreeSet::new());
        let mut existing: Vec<BTreeSet<Vec<u8>>> = vec![BTreeSet::new(); spec.records.len()];
        let is_required = |class: usize| spec.indexes.iter().flat_map(|i| &i.require).any(|r| r.record == class);
        let named = named(dump, spec, clock)?;
        let mut walker = Walker::new(dump)?;
        let header = walker.header();
        let mut footer = None;
        watch.begin("reading for what is there", Unit::Bytes, bytes(dump));
        let mut at = 0;
        while let Some(item) = walker.next()? {
            step(&walker, &mut at, watch)?;
            match item {
                Item::Aux { name, value } if text(name)? == b"ctime" => {
                    let value = text(value)?;
                    let seconds: Option<i64> = std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok());
                    clock.created_ms = seconds.and_then(|seconds| seconds.checked_mul(1000));
                }
                Item::Record(record) => {
                    let expire_ms = match clock.due(record.expire_ms) {
                        Due::Gone => continue,
                        Due::Never => None,
                        Due::At(ms) => Some(ms),
                    };
                    if !Value::is_there(&record.value, &clock)? {
                        continue;
                    }
                    keys = keys.saturating_add(1);
                    last_db = last_db.max(record.db);
                    if record.value.ty.kind() == Kind::Module {
                        modules.insert(record.value.type_name().as_str().to_owned());
                    }
                    let name = (record.db, text(record.key)?);
                    match names.role(name.0, &name.1, &record.value, &named) {
                        Role::Record(classes) => {
                            for class in classes.into_iter().filter(|&class| is_required(class)) {
                                if let Some(existing) = existing.get_mut(class) {
                                    existing.insert(name.1.clone());
                                }
                            }
                            let in_family = !names.indexes_of(name.0, &name.1).is_empty()
                                || !names.pruning(name.0, &name.1, record.value.ty.kind()).is_empty();
                            if in_family {
                                records_in_families.insert(name);
                            }
                        }
                        Role::Index => {
                            let Some(value) = Value::read(&record.value, &clock)? else { continue };
                            if start.insert(name.clone(), Entry { value, expire_ms }).is_some() {
                                return Err(Error::Repeated { db: name.0, key: name.1 });
                            }
                            index_keys.insert(name, record);
                        }
                        Role::Other => {}
                    }
                }
                Item::End(end) => footer = Some(end),
                _ => {}
            }
        }
        let footer = footer.ok_or(Error::NoEnd)?;
        Ok(Self {
            header,
            footer,
            clock,
            keys,
            last_db,
            modules,
            start,
            index_keys,
            records_in_families,
            existing,
            named,
        })
    }
}
