//! The contract, written as simply as possible: from a dump and a spec to the state there is and the state there must be.
//!
//! It is slow on purpose, and independent of what made the plan: the parallel pass (`scan`), the comparison of desired and
//! actual (`index`), and the choice of commands (`plan`). What it shares with them, it cannot prove: the parser (`rdb`),
//! the fields of a record (`document`), the names and scores that follow from them (`derive`), and the reading of specs,
//! templates and patterns (`spec`). For the parser there is a [second reader](super::second), for the sets and sorted sets
//! that are touched; the rest is judged by tests against real servers.
//!
//! Where the words of the contract leave a choice, the comment says which one was taken.

use std::collections::{BTreeMap, BTreeSet};

use super::Error;
use super::clock::{Clock, Due, Meaning};
use super::holds::Holds;
use super::reading::Reading;
use super::state::{Entry, Name, State, Value};
use crate::dump::rdb::{self, Element, Flow, Footer, Header, Item, Kind, Record, Scratch, Visitor, Walker};
use crate::model::derive::Deriver;
use crate::model::document::Extractor;
use crate::model::spec::{Brake, Glob, Index, IndexType, Policy, Spec};
use crate::progress::{Nobody, Unit, Watch};

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
    /// By index: how names of its keys, and members of these, are read.
    readings: Vec<(Reading, Option<Reading>)>,
    /// Records whose names are also those of index keys.
    records_in_families: BTreeSet<Name>,
}

/// A score that records imply.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Score {
    One(f64),
    /// Records disagree.
    Several,
}

type Members = BTreeMap<Vec<u8>, Score>;

/// What all records say of one index.
#[derive(Debug, Default)]
struct Desired {
    keys: BTreeMap<Vec<u8>, Members>,
    /// Records of its class of which nothing can be said.
    undecidable: BTreeSet<Vec<u8>>,
}

/// What the records say.
#[derive(Debug)]
struct Implied {
    /// By index.
    desired: Vec<Desired>,
    /// By class.
    decodable: Vec<u64>,
    /// By database: records that cannot be decoded. They hold what names them in any index.
    undecodable: BTreeMap<u64, BTreeSet<Vec<u8>>>,
}

impl<'a> Model<'a> {
    /// Reads the dump twice: once for what exists, once for what the records imply.
    pub fn read(dump: &'a [u8], spec: &'a Spec, meaning: Meaning) -> Result<Self, Error> {
        Self::read_watched(dump, spec, meaning, &Nobody)
    }

    /// Reads the dump and lets somebody watch, this and what is done with the model.
    pub fn read_watched(dump: &'a [u8], spec: &'a Spec, meaning: Meaning, watch: &'a dyn Watch) -> Result<Self, Error> {
        let names = Names { spec, families: spec.indexes.iter().map(|index| index.family.glob().clone()).collect() };
        let mut first = First::read(dump, &names, meaning, watch)?;
        let implied = imply(dump, &names, &first, watch)?;
        let mut model = Self {
            spec,
            dump,
            watch,
            header: first.header,
            footer: first.footer,
            clock: first.clock,
            keys: first.keys,
            last_db: first.last_db,
            modules: std::mem::take(&mut first.modules),
            target: first.start.clone(),
            start: std::mem::take(&mut first.start),
            records: BTreeMap::new(),
            names,
            readings: spec.indexes.iter().map(|index| readings(spec, index)).collect(),
            records_in_families: first.records_in_families,
        };
        model.aim(&first.index_keys, &implied)?;
        model.records = first.index_keys;
        Ok(model)
    }

    /// Whether a plan may write to a key: it is in the family of an index, and no record.
    pub fn is_index_key(&self, name: &Name) -> bool {
        let in_family = !self.names.indexes_of(name.0, &name.1).is_empty();
        in_family && !self.records_in_families.contains(name)
    }

    /// Makes `target` of a copy of `start`.
    fn aim(&mut self, index_keys: &BTreeMap<Name, Record<'_>>, implied: &Implied) -> Result<(), Error> {
        let spec = self.spec;
        let Implied { desired, decodable, undecodable } = implied;
        let of = |index: usize| desired.get(index);
        // An index is frozen if nothing may be removed from it.
        let without_records = |index: usize| {
            let from = spec.indexes.get(index).and_then(|index| index.from);
            from.is_some_and(|class| decodable.get(class) == Some(&0))
        };
        let frozen = |index: usize| {
            let Some(rule) = spec.indexes.get(index) else { return true };
            let in_doubt = of(index).is_some_and(|desired| !desired.undecidable.is_empty());
            without_records(index) || (in_doubt && !rule.member.is_record_key() && rule.policy != Policy::Retire)
        };
        let keys = u64::try_from(index_keys.len()).unwrap_or(u64::MAX);
        self.watch.begin("working out the target", Unit::Keys, keys);
        let depths = Depths::new(self, index_keys, desired);
        for (name, record) in index_keys {
            self.watch.add(1);
            let families = self.names.indexes_of(name.0, &name.1);
            let Some((owner, rule)) =
                self.owner(name, &families, desired).and_then(|owner| Some((owner, spec.indexes.get(owner)?)))
            else {
                continue;
            };
            if rule.policy == Policy::Report {
                continue;
            }
            // A key whose name fits several families is judged by all of them but the retired ones: what a record that is
            // undecidable for another index names, and what is in the family of another frozen index, stays too.
            let is_retired = |at: usize| spec.indexes.get(at).is_none_or(|index| index.policy == Policy::Retire);
            let claimants = families.iter().copied().filter(|&at| !is_retired(at));
            let in_any = undecodable.get(&name.0).filter(|_| claimants.clone().next().is_some());
            let held: Vec<&BTreeSet<Vec<u8>>> =
                claimants.clone().filter_map(of).map(|desired| &desired.undecidable).chain(in_any).collect();
            let frozen = frozen(owner) || claimants.clone().any(&frozen);
            let holds = Holds::find(record, &held)?;
            let wanted = of(owner).and_then(|desired| desired.keys.get(&name.1));
            let right_type = is_of(record.value.ty.kind(), rule.kind);
            // What the brakes keep of keys that no record implies, each by itself.
            let in_question = wanted.is_none() && !frozen;
            let lifted = |brake| rule.accepted.has(brake);
            let other_type = !right_type && !lifted(Brake::OtherType);
            let nested = || !lifted(Brake::Nested) && depths.is_nested(owner, &self.colons(owner, &name.1));
            if in_question && (other_type || nested()) {
                continue;
            }
            let forms: Vec<&Reading> = families.iter().filter_map(|&at| self.readings.get(at)?.1.as_ref()).collect();
            let is_foreign = |member: &[u8]| {
                !lifted(Brake::ForeignMembers) && !forms.is_empty() && !forms.iter().any(|form| form.fits(member))
            };
            let has_foreign = self.target.get(name).is_some_and(|entry| match &entry.value {
                Value::Set(members) => members.iter().any(|member| is_foreign(member)),
                Value::Zset(members) => members.keys().any(|member| is_foreign(member)),
                _ => false,
            });
            let foreign = in_question && !holds && has_foreign;
            if foreign && !right_type {
                continue;
            }
            if rule.policy == Policy::Retire {
                if !frozen && !holds && !foreign {
                    self.target.remove(name);
                }
                continue;
            }
            if right_type && (wanted.is_some() || holds || foreign) {
                let is_held = |member: &[u8]| held.iter().any(|held| held.contains(member)) || is_foreign(member);
                let stands_twice = repeated(record)?.iter().any(|member| match wanted.and_then(|w| w.get(member)) {
                    Some(score) => *score != Score::Several,
                    None => !frozen && !is_held(member),
                });
                // Nobody knows what an edit of such a key comes to.
                if stands_twice {
                    continue;
                }
                if let Some(entry) = self.target.get_mut(name) {
                    mend(&mut entry.value, wanted.unwrap_or(&Members::new()), frozen, is_held);
                    if entry.value.elements() == 0 {
                        self.target.remove(name);
                    }
                }
            } else if !holds && !frozen {
                self.target.remove(name);
                if let Some(wanted) = wanted {
                    self.make(name, wanted, rule.kind);
                }
            }
        }
        for (index, (rule, implied)) in spec.indexes.iter().zip(desired).enumerate() {
            if rule.policy != Policy::Maintain {
                continue;
            }
            for (key, wanted) in &implied.keys {
                let name = (rule.db, key.clone());
                let others = spec.indexes.iter().zip(desired).enumerate();
                let contested = others
                    .filter(|(at, (other, _))| *at != index && other.db == rule.db)
                    .any(|(_, (_, other))| other.keys.contains_key(key));
                if !contested && !index_keys.contains_key(&name) {
                    self.make(&name, wanted, rule.kind);
                }
            }
        }
        Ok(())
    }

    /// The index that a key of the dump belongs to: the one that implies it. Claimed by several, it is untouched; claimed
    /// by none, it belongs to the family that says most about its name.
    fn owner(&self, name: &Name, families: &[usize], desired: &[Desired]) -> Option<usize> {
        let implies = |index: usize| desired.get(index).is_some_and(|desired| desired.keys.contains_key(&name.1));
        let claims: Vec<usize> = families.iter().copied().filter(|&index| implies(index)).collect();
        match claims.as_slice() {
            [] => self.names.most_specific(families),
            [owner] => Some(*owner),
            _ => None,
        }
    }

    /// How many `:` each field of the name of an index key has.
    fn colons(&self, index: usize, name: &[u8]) -> Vec<usize> {
        self.readings.get(index).map(|(key, _)| key.colons(name)).unwrap_or_default()
    }

    /// Makes an index key that is not there; not one that is a record.
    fn make(&mut self, name: &Name, wanted: &Members, kind: IndexType) {
        if self.records_in_families.contains(name) {
            return;
        }
        let mut value = match kind {
            IndexType::Set => Value::Set(BTreeSet::new()),
            IndexType::Zset => Value::Zset(BTreeMap::new()),
        };
        mend(&mut value, wanted, false, |_| false);
        if value.elements() > 0 {
            self.target.insert(name.clone(), Entry { value, expire_ms: None });
        }
    }
}

fn is_of(kind: Kind, index: IndexType) -> bool {
    matches!((kind, index), (Kind::Set, IndexType::Set) | (Kind::Zset, IndexType::Zset))
}

/// How names of an index's keys are read, and members. Members that the spec does not describe, and those that may be
/// anything, have none.
fn readings(spec: &Spec, index: &Index) -> (Reading, Option<Reading>) {
    let class = index.from.and_then(|class| spec.records.get(class)).map(|class| &class.key);
    let member = index.member_form.is_some().then(|| Reading::new(&index.member, class));
    (Reading::new(&index.key, class), member)
}

/// How deep the names of index keys are, by index and field.
struct Depths {
    /// The deepest names that records imply; none for a retired index.
    implied: Vec<Option<Vec<usize>>>,
    /// By index and field, those of all keys of a retired index that have its type, in order.
    own: Vec<Vec<Vec<usize>>>,
}

impl Depths {
    fn new(model: &Model<'_>, index_keys: &BTreeMap<Name, Record<'_>>, desired: &[Desired]) -> Self {
        let spec = model.spec;
        let mut own = vec![Vec::new(); spec.indexes.len()];
        for (name, record) in index_keys {
            let families = model.names.indexes_of(name.0, &name.1);
            let Some(owner) = model.owner(name, &families, desired) else { continue };
            let is_retired =
                |index: &Index| index.policy == Policy::Retire && is_of(record.value.ty.kind(), index.kind);
            if let (true, Some(own)) = (spec.indexes.get(owner).is_some_and(is_retired), own.get_mut(owner)) {
                for (field, colons) in model.colons(owner, &name.1).into_iter().enumerate() {
                    if own.len() <= field {
                        own.push(Vec::new());
                    }
                    own.get_mut(field).into_iter().for_each(|all| all.push(colons));
                }
            }
        }
        own.iter_mut().flatten().for_each(|all| all.sort_unstable());
        let implied = spec.indexes.iter().zip(desired).enumerate().map(|(at, (index, desired))| {
            (index.policy != Policy::Retire).then(|| {
                desired.keys.keys().fold(Vec::new(), |deepest: Vec<usize>, name| {
                    let colons = model.colons(at, name);
                    let field = |field: usize| {
                        let of = |all: &[usize]| all.get(field).copied().unwrap_or(0);
                        of(&deepest).max(of(&colons))
                    };
                    (0..deepest.len().max(colons.len())).map(field).collect()
                })
            })
        });
        Self { implied: implied.collect(), own }
    }

    /// More `:` in some field than in any name that is implied; of a retired index, than in at least half of its keys.
    fn is_nested(&self, index: usize, colons: &[usize]) -> bool {
        colons.iter().enumerate().any(|(field, &colons)| match self.implied.get(index) {
            Some(Some(deepest)) => colons > deepest.get(field).copied().unwrap_or(0),
            _ => self.own.get(index).and_then(|own| own.get(field)).is_some_and(|all| {
                let less = all.partition_point(|&other| other < colons);
                less.saturating_mul(2) >= all.len()
            }),
        })
    }
}

/// The members of a set or sorted set that stand in it twice, which none should.
fn repeated(record: &Record<'_>) -> Result<BTreeSet<Vec<u8>>, Error> {
    #[derive(Default)]
    struct Twice {
        once: BTreeSet<Vec<u8>>,
        twice: BTreeSet<Vec<u8>>,
    }
    impl Visitor for Twice {
        fn set_member(&mut self, member: Element<'_>) -> Flow {
            if !self.once.insert(member.bytes.to_vec()) {
                self.twice.insert(member.bytes.to_vec());
            }
            Flow::Continue(())
        }
        fn zset_member(&mut self, member: Element<'_>, _: f64) -> Flow {
            self.set_member(member)
        }
    }
    let mut all = Twice::default();
    record.value.visit(&mut Scratch::default(), &mut all)?;
    Ok(all.twice)
}

/// Adds what is wanted, and removes what is not, from a value of the right type.
fn mend(value: &mut Value, wanted: &Members, frozen: bool, is_held: impl Fn(&[u8]) -> bool) {
    let stays = |member: &Vec<u8>| frozen || wanted.contains_key(member) || is_held(member);
    match value {
        Value::Set(members) => {
            members.retain(|member| stays(member));
            members.extend(wanted.keys().cloned());
        }
        Value::Zset(members) => {
            members.retain(|member, _| stays(member));
            for (member, score) in wanted {
                // In a frozen index the score that is there may be that of the record that cannot be read.
                if let Score::One(score) = score
                    && !(frozen && members.contains_key(member))
                {
                    members.insert(member.clone(), *score);
                }
            }
        }
        _ => {}
    }
}

/// What names say.
#[derive(Debug)]
struct Names<'a> {
    spec: &'a Spec,
    families: Vec<Glob>,
}

impl Names<'_> {
    fn indexes_of(&self, db: u64, key: &[u8]) -> Vec<usize> {
        let indexes = self.spec.indexes.iter().zip(&self.families).enumerate();
        indexes.filter(|(_, (index, family))| index.db == db && family.matches(key)).map(|(at, _)| at).collect()
    }

    fn classes_of(&self, db: u64, key: &[u8]) -> Vec<usize> {
        let classes = self.spec.records.iter().enumerate();
        classes.filter(|(_, class)| class.db == db && class.key.matches(key)).map(|(at, _)| at).collect()
    }

    /// The one whose key template has most literal bytes, the first of equals.
    fn most_specific(&self, indexes: &[usize]) -> Option<usize> {
        let literal = |at: usize| self.spec.indexes.get(at).map_or(0, |index| index.family.literals());
        let most = indexes.iter().map(|&at| literal(at)).max()?;
        indexes.iter().copied().find(|&at| literal(at) == most)
    }
}

/// What a key of the dump is.
enum Role {
    /// A record of these classes.
    Record(Vec<usize>),
    Index,
    Other,
}

impl Names<'_> {
    /// A class takes strings, hashes and JSON; a key of another type that is named like one of its records is none.
    fn role(&self, db: u64, key: &[u8], value: &rdb::Value<'_>) -> Role {
        let can_be_record = match value.ty.kind() {
            Kind::String | Kind::Hash => true,
            Kind::Module => value.type_name().as_str() == "ReJSON-RL",
            _ => false,
        };
        let classes = if can_be_record { self.classes_of(db, key) } else { Vec::new() };
        if !classes.is_empty() {
            Role::Record(classes)
        } else if self.indexes_of(db, key).is_empty() {
            Role::Other
        } else {
            Role::Index
        }
    }
}

/// What the first reading finds.
struct First<'a> {
    header: Header,
    footer: Footer,
    clock: Clock,
    keys: u64,
    last_db: u64,
    modules: BTreeSet<String>,
    start: State,
    index_keys: BTreeMap<Name, Record<'a>>,
    records_in_families: BTreeSet<Name>,
    /// By class: the records there are, if some index requires them.
    existing: Vec<BTreeSet<Vec<u8>>>,
}

impl<'a> First<'a> {
    fn read(dump: &'a [u8], names: &Names<'_>, meaning: Meaning, watch: &dyn Watch) -> Result<Self, Error> {
        let spec = names.spec;
        let mut clock = Clock { created_ms: None, meaning };
        let (mut keys, mut last_db, mut modules) = (0_u64, 0_u64, BTreeSet::new());
        let (mut start, mut index_keys, mut records_in_families) = (State::new(), BTreeMap::new(), BTreeSet::new());
        let mut existing: Vec<BTreeSet<Vec<u8>>> = vec![BTreeSet::new(); spec.records.len()];
        let is_required = |class: usize| spec.indexes.iter().flat_map(|i| &i.require).any(|r| r.record == class);
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
                    match names.role(name.0, &name.1, &record.value) {
                        Role::Record(classes) => {
                            for class in classes.into_iter().filter(|&class| is_required(class)) {
                                if let Some(existing) = existing.get_mut(class) {
                                    existing.insert(name.1.clone());
                                }
                            }
                            if !names.indexes_of(name.0, &name.1).is_empty() {
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
        Ok(Self { header, footer, clock, keys, last_db, modules, start, index_keys, records_in_families, existing })
    }
}

fn bytes(dump: &[u8]) -> u64 {
    u64::try_from(dump.len()).unwrap_or(u64::MAX)
}

/// Tells how far the walk has come since it was `at`.
fn step(walker: &Walker<'_>, at: &mut usize, watch: &dyn Watch) -> Result<(), Error> {
    let position = walker.position();
    watch.add(u64::try_from(position.saturating_sub(*at)).unwrap_or(u64::MAX));
    *at = position;
    if watch.stopped() { Err(Error::Interrupted) } else { Ok(()) }
}

/// Reads the records. A class that only retired indexes are made from, or none, decides nothing by what is in it.
fn imply(dump: &[u8], names: &Names<'_>, first: &First<'_>, watch: &dyn Watch) -> Result<Implied, Error> {
    let spec = names.spec;
    let mut desired: Vec<Desired> = spec.indexes.iter().map(|_| Desired::default()).collect();
    let mut decodable = vec![0_u64; spec.records.len()];
    let mut undecodable: BTreeMap<u64, BTreeSet<Vec<u8>>> = BTreeMap::new();
    let mut extractors: Vec<Extractor> = spec.records.iter().map(|class| Extractor::new(&class.paths)).collect();
    let mut derivers: Vec<Option<Deriver>> = spec
        .indexes
        .iter()
        .map(|index| {
            let class = spec.records.get(index.from?)?;
            (index.policy != Policy::Retire).then(|| Deriver::new(class, index))
        })
        .collect();
    let mut walker = Walker::new(dump)?;
    watch.begin("reading for what must be", Unit::Bytes, bytes(dump));
    let mut at = 0;
    while let Some(item) = walker.next()? {
        step(&walker, &mut at, watch)?;
        let Item::Record(record) = item else { continue };
        if first.clock.due(record.expire_ms) == Due::Gone || !Value::is_there(&record.value, &first.clock)? {
            continue;
        }
        let key = text(record.key)?;
        let Role::Record(classes) = names.role(record.db, &key, &record.value) else { continue };
        for class in classes {
            let Some(extractor) = extractors.get_mut(class) else { continue };
            let mut json = Vec::new();
            let slots = match content(&record, &first.clock, &mut json)? {
                Content::Json => extractor.json(&json).ok(),
                Content::Hash(fields) => {
                    Some(extractor.hash(fields.iter().map(|(field, value)| (field.as_slice(), value.as_slice()))))
                }
                Content::Nothing => None,
            };
            if let (Some(_), Some(count)) = (&slots, decodable.get_mut(class)) {
                *count = count.saturating_add(1);
            }
            let of_class = spec.indexes.iter().zip(&mut derivers).zip(&mut desired);
            for ((index, deriver), desired) in of_class.filter(|((index, _), _)| index.from == Some(class)) {
                let Some(deriver) = deriver else { continue };
                if slots.is_none() {
                    undecodable.entry(record.db).or_default().insert(key.clone());
                }
                let derived = slots.as_ref().map(|slots| {
                    deriver.derive(&key, slots, |_, implied| {
                        let mut required = index.require.iter().zip(implied.require());
                        let lacks = |class: usize, key: &[u8]| {
                            !first.existing.get(class).is_some_and(|existing| existing.contains(key))
                        };
                        if required.any(|(require, key)| lacks(require.record, key)) {
                            return;
                        }
                        let members = desired.keys.entry(implied.key.to_vec()).or_default();
                        let score = members.entry(implied.member.to_vec()).or_insert(Score::One(implied.score));
                        if *score != Score::One(implied.score) {
                            *score = Score::Several;
                        }
                    })
                });
                if !matches!(derived, Some(Ok(_))) {
                    desired.undecidable.insert(key.clone());
                }
            }
        }
    }
    Ok(Implied { desired, decodable, undecodable })
}

/// What a record can be read from.
enum Content {
    Json,
    Hash(Vec<(Vec<u8>, Vec<u8>)>),
    Nothing,
}

fn content(record: &Record<'_>, clock: &Clock, json: &mut Vec<u8>) -> Result<Content, Error> {
    Ok(match Value::read(&record.value, clock)? {
        Some(Value::String(text) | Value::Json(text)) => {
            *json = text;
            Content::Json
        }
        Some(Value::Hash(fields)) => {
            Content::Hash(fields.into_iter().map(|(name, field)| (name, field.value)).collect())
        }
        _ => Content::Nothing,
    })
}

fn text(raw: rdb::RawStr<'_>) -> Result<Vec<u8>, Error> {
    let mut scratch = Vec::new();
    let bytes = raw.decode(&mut scratch).map_err(|kind| rdb::Error::in_string(0, kind))?;
    Ok(bytes.to_vec())
}
