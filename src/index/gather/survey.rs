//! What one pass over the dump gathers: the stock, the memberships that records imply, and where the index keys are.

use std::sync::atomic::{AtomicBool, Ordering};

use foldhash::fast::RandomState;

use super::required_set::{RequiredOfGroup, add_required, count};
use super::value_cache::{Led, ValueCache};
use super::witness::{Witness, Witnesses};
use crate::dump::rdb::{self, Kind, Record, Scratch};
use crate::dump::{duplicate_keys, scan, slots};
use crate::index::brakes::depths::Depths;
use crate::index::store::buckets::Collector;
use crate::index::store::entry::{Entry, Membership, Scored, Source};
use crate::index::store::hash::Hasher;
use crate::index::store::interner::{Cache, Interner};
use crate::index::store::keys::write_group;
use crate::index::store::name_prefix::{MemberPrefixes, NamePrefix, NamePrefixes};
use crate::index::store::record_set::RecordList;
use crate::model::derive::Deriver;
use crate::model::document::{Extractor, Slot};
use crate::model::memory::Estimate;
use crate::model::spec::{Index, IndexType, Policy, Reading, RecordType, Spec, Test, Uses};
use crate::model::stock::{Stock, Tally};
use crate::model::view::{Clock, Diagnostics, Dump, ExistingList, Expires, Family, KeyType, Names, Wanted, decode};
use crate::text::display;

/// What all workers share.
pub struct Context<'a> {
    pub names: Names<'a>,
    pub dump: Dump<'a>,
    pub clock: Clock,
    pub estimate: Estimate,
    /// Where records start whose values cannot be read, in ascending order; mostly none are known.
    pub damaged: &'a [u64],
    pub hasher: Hasher,
    /// Index keys with the records they require.
    pub groups: Interner,
    pub prefixes: NamePrefixes,
    pub member_prefixes: MemberPrefixes,
    /// Members that are not the key of their record.
    pub members: Interner,
    /// The different sets of records that records of an index require, to count orphans by.
    pub required_sets: Interner,
    /// By record class: what must be known of its records.
    uses: Vec<Uses>,
    full: AtomicBool,
    /// The names that entries can have of keys.
    pub wanted: Wanted,
    /// Where each of several dumps ends that were put together.
    pub ends: Vec<u64>,
    pub twice_hasher: RandomState,
}

impl<'a> Context<'a> {
    pub fn new(spec: &'a Spec, dump: Dump<'a>, clock: Clock, hasher: Hasher, ends: Vec<u64>) -> Self {
        // Members of one key have one prefix; those of several indexes may have several.
        let first = spec.first_of_keys();
        let mut sharing = vec![0_u32; first.len()];
        first.iter().for_each(|at| sharing[*at] += 1);
        let alone = |at: usize| sharing[first[at]] == 1;
        let of_index = |(at, index): (usize, &Index)| {
            if alone(at) { NamePrefix::of_index(&index.member, &hasher) } else { None }
        };
        let member_prefixes = spec.indexes.iter().enumerate().map(of_index).collect();
        Self {
            names: Names::new(spec),
            dump,
            clock,
            estimate: Estimate::new(dump.header),
            damaged: &[],
            hasher,
            groups: Interner::default(),
            prefixes: NamePrefixes::default(),
            member_prefixes,
            members: Interner::default(),
            required_sets: Interner::default(),
            uses: spec.uses(),
            full: AtomicBool::new(false),
            wanted: Wanted::of_rules(spec),
            ends,
            twice_hasher: RandomState::default(),
        }
    }

    /// Whether the value of the record that starts here is known not to be readable.
    fn is_damaged(&self, start: u64) -> bool {
        !self.damaged.is_empty() && self.damaged.binary_search(&start).is_ok()
    }

    /// Whether there were more different index keys or members than this program can number.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }
}

/// An index key of the dump: a key in a family, not expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexKey {
    pub index: u32,
    /// Where its record starts.
    pub start: u64,
    /// Several families claim it.
    pub shared: bool,
    pub kind: Kind,
    /// Those of its name, read as one of its index.
    pub depths: Depths,
    /// See [`crate::index::Deletion::bytes`].
    pub bytes: u32,
    /// How many elements it has; the largest number means more.
    pub elements: u32,
}

/// What is known of the records of a class.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClassCount {
    pub records: u64,
    pub decodable: u64,
}

/// How records of a class are indexed.
struct Rule {
    /// The number of the index.
    index: usize,
    deriver: Deriver,
    value_cache: ValueCache,
    /// A field of the record decides.
    reads_fields: bool,
    /// Members are known by their records: see [`Spec::by_record_key`].
    by_key: bool,
    /// The same without `when`, to tell what that leaves out.
    bare: Option<Deriver>,
}

/// What records say of the `when` of an index.
#[derive(Clone, Debug, Default)]
pub struct WhenSeen {
    /// Some record would have an entry without it.
    pub without: bool,
    /// For each condition, whether some record meets it.
    pub met: Vec<bool>,
}

impl WhenSeen {
    /// What either says.
    pub fn merge(&mut self, other: &Self) {
        self.without |= other.without;
        if self.met.is_empty() {
            self.met.clone_from(&other.met);
        }
        for (met, other) in self.met.iter_mut().zip(&other.met) {
            *met |= other;
        }
    }
}

/// What one thread gathers.
pub struct Gathered<'c, 'a> {
    context: &'c Context<'a>,
    pub slots: slots::Gathered,
    pub twice: duplicate_keys::Names<'c>,
    pub stock: Stock,
    pub diagnostics: Diagnostics,
    pub sets: Collector<Entry>,
    pub zsets: Collector<Scored>,
    pub index_keys: Vec<IndexKey>,
    /// By index: members of keys of the right type that no other family claims.
    pub members: Vec<u64>,
    /// Index keys that have to be kept as they are: they carry cut points, or refer to what stands elsewhere.
    pub large: Vec<Record<'a>>,
    pub classes: Vec<ClassCount>,
    /// By record class: the records that there are, where some index requires them.
    pub existing: Vec<RecordList>,
    /// By index: records that imply nothing, to tell them from records that are gone.
    pub unindexed: Vec<RecordList>,
    /// By record class: records that cannot be decoded.
    pub undecodable: Vec<RecordList>,
    /// By index: records that can be, but of which nothing can be said in this index.
    pub undecidable: Vec<RecordList>,
    /// By index: how many records are in one or the other.
    pub undecidable_count: Vec<u64>,
    /// Records by the set of records they require.
    pub required_sets: Vec<u64>,
    pub witnesses: Witnesses,
    /// By index.
    pub when: Vec<WhenSeen>,
    /// Keys that entries may name.
    pub named: ExistingList,
    /// Per record class: its extractor, and its indexes.
    readers: Vec<(Extractor, Vec<Rule>)>,
    group_cache: Cache,
    member_cache: Cache,
    required_cache: Cache,
    /// By group: the required set of a record that is only in this one.
    required_of_group: RequiredOfGroup,
    /// Records that are named like an index key, which therefore is not made.
    pub named_like_keys: RecordList,
    fields: Reading,
    key: Vec<u8>,
    text: Vec<u8>,
    group: Vec<u8>,
    required_set: Vec<u8>,
    scratch: Scratch,
}

impl<'c, 'a> Gathered<'c, 'a> {
    pub fn new(context: &'c Context<'a>) -> Self {
        let spec = context.names.spec;
        let lists = |n: usize| (0..n).map(|_| RecordList::default()).collect::<Vec<_>>();
        let by_key = spec.by_record_key();
        let readers = spec.records.iter().enumerate().map(|(class, record)| {
            let derivers = spec.indexes.iter().enumerate();
            let derivers = derivers.filter(|(_, index)| index.from == Some(class) && index.policy != Policy::Retire);
            let rule = |(at, index)| Rule {
                index: at,
                deriver: Deriver::new(record, index),
                value_cache: ValueCache::default(),
                reads_fields: index.reads_fields(),
                by_key: by_key[at],
                bare: (!index.when.is_empty())
                    .then(|| Deriver::new(record, &Index { when: Vec::new(), ..Index::clone(index) })),
            };
            (Extractor::of(record), derivers.map(rule).collect())
        });
        Self {
            context,
            slots: slots::Gathered::new(&context.ends),
            twice: duplicate_keys::Names::new(&context.twice_hasher),
            stock: Stock::new(spec.records.len(), spec.indexes.len()),
            diagnostics: Diagnostics::default(),
            sets: Collector::default(),
            zsets: Collector::default(),
            index_keys: Vec::new(),
            members: vec![0; spec.indexes.len()],
            large: Vec::new(),
            classes: vec![ClassCount::default(); spec.records.len()],
            existing: lists(spec.records.len()),
            unindexed: lists(spec.indexes.len()),
            undecodable: lists(spec.records.len()),
            undecidable: lists(spec.indexes.len()),
            undecidable_count: vec![0; spec.indexes.len()],
            required_sets: Vec::new(),
            witnesses: Witnesses::new(context.dump.file.len()),
            when: vec![WhenSeen::default(); spec.indexes.len()],
            named: ExistingList::default(),
            readers: readers.collect(),
            group_cache: Cache::default(),
            member_cache: Cache::default(),
            required_cache: Cache::default(),
            required_of_group: RequiredOfGroup::default(),
            named_like_keys: RecordList::default(),
            fields: Reading::default(),
            key: Vec::new(),
            text: Vec::new(),
            group: Vec::new(),
            required_set: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    fn index_key(&mut self, record: &Record<'a>, key: &[u8], primary: usize, shared: bool, elements: u64) {
        let index = &self.context.names.spec.indexes[primary];
        let kind = record.value.ty.kind();
        let right_type = index.prunes() || is_index_type(kind, index.kind);
        if record.value.pieces() > 1 || !record.value.can_be_revisited() {
            self.large.push(record.clone());
        }
        if !right_type {
            let type_name = record.value.type_name();
            self.diagnostics.add("index.wrong_type", record.start as u64, || {
                format!("{} is a {type_name}, its index is a {}", display(key), index.kind.as_str())
            });
        }
        if right_type && !shared {
            self.members[primary] += elements;
        }
        let bytes = u32::try_from(record.value.bytes.len()).unwrap_or(u32::MAX);
        let elements = u32::try_from(elements).unwrap_or(u32::MAX);
        let start = record.start as u64;
        let depths = if index.prunes() { Depths::default() } else { Depths::of(&index.family, key, &mut self.fields) };
        self.index_keys.push(IndexKey { index: primary as u32, shared, kind, depths, start, bytes, elements });
    }

    /// One live record of a class.
    fn class_record(&mut self, record: &Record<'a>, key: &[u8], class: usize) -> Result<(), rdb::Error> {
        let context = self.context;
        let start = record.start as u64;
        self.classes[class].records += 1;
        if context.uses[class].required {
            self.existing[class].push(context.hasher.hash(key), start);
        }
        let uses = context.uses[class];
        if uses.any || context.uses[class].required {
            self.witnesses.see(Witness { start, db: record.db }, || context.clock.left(record.expire_ms));
        }
        if !uses.derived && (!uses.any || self.classes[class].decodable > 0) {
            return Ok(());
        }
        let (extractor, rules) = &mut self.readers[class];
        let decoded = if context.is_damaged(start) {
            Err("its value is damaged".to_owned())
        } else {
            decode(record, extractor, &mut self.text, &mut self.scratch, context.clock)?
        };
        let mut no_fields = false;
        let slots = match decoded {
            Ok(slots) => slots,
            // Any string is a record of such a class; only an index that reads a field of it cannot be decided.
            Err(reason)
                if context.names.spec.records[class].ty == Some(RecordType::String) && !context.is_damaged(start) =>
            {
                for rule in rules.iter().filter(|rule| rule.reads_fields) {
                    let index = &context.names.spec.indexes[rule.index];
                    self.undecidable[rule.index].push(context.hasher.hash(key), start);
                    self.undecidable_count[rule.index] += 1;
                    self.diagnostics.add("record.undecidable", start, || {
                        format!("{}: {reason} (index {})", display(key), index.name)
                    });
                }
                no_fields = true;
                extractor.nothing()
            }
            Err(reason) => {
                self.diagnostics.add("record.undecodable", start, || format!("{}: {reason}", display(key)));
                self.undecodable[class].push(context.hasher.hash(key), start);
                for rule in rules {
                    self.undecidable_count[rule.index] += 1;
                }
                return Ok(());
            }
        };
        self.classes[class].decodable += 1;
        let own_key = |group| {
            let (hashed, number) =
                NamePrefix::hash(context.prefixes.of(group, key, &context.hasher), key, &context.hasher);
            (hashed, Source::key_at(start, hashed, number.is_some()))
        };
        for Rule { index: at, deriver, value_cache, bare, reads_fields, by_key } in rules {
            if no_fields && *reads_fields {
                continue;
            }
            let value = match deriver.decided_by().filter(|_| *by_key).map(|path| slots.get(path)) {
                Some(Slot::Text(value)) => Some(value),
                _ => None,
            };
            if let Some(Led { group, required_set }) = value.and_then(|value| value_cache.get(value, &context.hasher)) {
                let (hashed, source) = own_key(group);
                self.sets.push(hashed.bucket(), Entry { key: group, hash: hashed.hash(), source });
                if let Some(required_set) = required_set {
                    count(&mut self.required_sets, required_set);
                }
                continue;
            }
            let index = &context.names.spec.indexes[*at];
            if let Some(bare) = bare {
                let seen = &mut self.when[*at];
                if seen.met.is_empty() || seen.met.contains(&false) {
                    seen.merge(&WhenSeen { without: false, met: deriver.meets(key, &slots) });
                }
                // Who writes `x = false` may mean the value, and asks whether the field is there.
                let asks = index.when.iter().filter(|condition| !matches!(condition.test, Test::OneOf(_)));
                for condition in asks {
                    if let Slot::Literal(b"true" | b"false") = slots.get(condition.path) {
                        let path = context.names.spec.records[class].paths.get(condition.path);
                        self.diagnostics.add("when.boolean", start, || {
                            let path = path.map(ToString::to_string).unwrap_or_default();
                            format!("{path} of {} (index {})", display(key), index.name)
                        });
                    }
                }
                seen.without = seen.without || bare.derive(key, &slots, |_, _| {}).is_ok_and(|entries| entries > 0);
            }
            let by_key = *by_key;
            self.required_set.clear();
            let (mut full, mut last_group) = (false, 0);
            let derived = deriver.derive(key, &slots, |_, implied| {
                write_group(*at as u16, implied.key, implied.require(), &mut self.group);
                let Ok(group) = self.group_cache.intern(&context.groups, &self.group, &context.hasher) else {
                    full = true;
                    return;
                };
                last_group = group;
                let (hashed, source) = if by_key {
                    own_key(group)
                } else {
                    let prefix = context.member_prefixes[*at].as_ref();
                    let (hashed, number) = NamePrefix::hash(prefix, implied.member, &context.hasher);
                    let mut intern = || self.member_cache.intern(&context.members, implied.member, &context.hasher);
                    match number.map_or_else(|| intern().map(Source::interned), |number| Ok(Source::number(number))) {
                        Ok(source) => (hashed, source),
                        Err(_) => {
                            full = true;
                            return;
                        }
                    }
                };
                add_required(&mut self.required_set, *at as u16, implied.require());
                let entry = Entry { key: group, hash: hashed.hash(), source };
                match index.kind {
                    IndexType::Zset => self.zsets.push(hashed.bucket(), Scored::new(entry, implied.score)),
                    // A value stands by its number, which is its score.
                    IndexType::Hash | IndexType::String => {
                        match self.member_cache.intern(&context.members, implied.value, &context.hasher) {
                            Ok(value) => self.zsets.push(hashed.bucket(), Scored::new(entry, f64::from(value))),
                            Err(_) => full = true,
                        }
                    }
                    _ => self.sets.push(hashed.bucket(), Entry::new(entry, 0.0)),
                }
            });
            if full {
                context.full.store(true, Ordering::Relaxed);
            }
            match derived {
                Ok(0) => self.unindexed[*at].push(context.hasher.hash(key), start),
                Ok(entries) => {
                    let known = (entries == 1 && !full).then_some(last_group);
                    if self.required_set.is_empty() {
                        remember(value_cache, value, known, None, &context.hasher);
                        continue;
                    }
                    let required_set = known.and_then(|group| self.required_of_group.get(group));
                    let required_set = required_set.map_or_else(
                        || self.required_cache.intern(&context.required_sets, &self.required_set, &context.hasher).ok(),
                        Some,
                    );
                    match required_set {
                        Some(required_set) => {
                            if let Some(group) = known {
                                self.required_of_group.set(group, required_set);
                            }
                            count(&mut self.required_sets, required_set);
                            remember(value_cache, value, known, Some(required_set), &context.hasher);
                        }
                        None => context.full.store(true, Ordering::Relaxed),
                    }
                }
                Err(reason) => {
                    self.undecidable[*at].push(context.hasher.hash(key), start);
                    self.undecidable_count[*at] += 1;
                    let class = &context.names.spec.records[class];
                    self.diagnostics.add("record.undecidable", start, || {
                        format!("{}: {} (index {})", display(key), reason.message(class), index.name)
                    });
                }
            }
        }
        Ok(())
    }
}

/// Remembers what the value of a field that decides led to.
fn remember(
    value_cache: &mut ValueCache,
    value: Option<&[u8]>,
    group: Option<u32>,
    required_set: Option<u32>,
    hasher: &Hasher,
) {
    if let (Some(value), Some(group)) = (value, group) {
        value_cache.set(value, Led { group, required_set }, hasher);
    }
}

/// Whether a value is of the type that an index has.
pub fn is_index_type(kind: Kind, index: IndexType) -> bool {
    matches!(
        (kind, index),
        (Kind::Set, IndexType::Set)
            | (Kind::Zset, IndexType::Zset)
            | (Kind::Hash, IndexType::Hash)
            | (Kind::List, IndexType::List)
            | (Kind::String, IndexType::String)
            | (_, IndexType::Any)
    )
}

impl<'a> scan::Worker<'a> for Gathered<'_, 'a> {
    fn record(&mut self, record: &Record<'a>) -> Result<(), rdb::Error> {
        let context = self.context;
        let start = record.start as u64;
        let mut buffer = std::mem::take(&mut self.key);
        let is_damaged = context.is_damaged(start);
        let decoded = match record.key.decode(&mut buffer) {
            Err(_) if is_damaged => return Ok(()),
            decoded => decoded.map_err(|kind| rdb::Error::in_string(start, kind)),
        };
        let result = decoded.and_then(|key| {
            let expires = context.clock.expires(record.expire_ms);
            let elements = if is_damaged { 0 } else { record.value.elements()? };
            let tally = Tally {
                keys: 1,
                elements,
                bytes: record.value.end().saturating_sub(record.start) as u64,
                memory: if is_damaged { 0 } else { context.estimate.of(record, elements) },
                with_expiry: u64::from(record.expire_ms.is_some()),
            };
            self.stock.add(record, tally);
            self.stock.expiries.add(context.clock.left(record.expire_ms), tally.memory);
            // Old bugs, and services, write collections without elements; a server that loads them leaves them out.
            let empty =
                tally.elements == 0 && !is_damaged && !matches!(record.value.ty.kind(), Kind::String | Kind::Stream);
            if expires == Expires::InDoubt {
                self.diagnostics.add("key.expiry_in_doubt", start, || {
                    format!("{} expires at {} ms, which is before 2009", display(key), record.expire_ms.unwrap_or(0))
                });
            }
            let ty = KeyType::of(&record.value);
            let role = context.names.role(record.db, key, ty);
            // By the name alone, whatever type it has: the same name can be there with two types.
            let named =
                !context.wanted.is_empty() && !empty && context.wanted.see(record, key, context.clock, &mut self.named);
            let asked =
                named || role.family != Family::Other || context.names.classes_named(record.db, key).next().is_some();
            // Nobody else looks whether two of several dumps have a key.
            self.twice.add(record, key, asked || !self.context.ends.is_empty());
            self.slots.add(key, start);
            match role.family {
                Family::Record(class) => self.stock.record_family(class, tally),
                Family::Index(primary) => {
                    self.stock.index_family(primary, tally);
                    if expires == Expires::Gone {
                        self.diagnostics.add("key.expired", start, || display(key));
                    } else if empty {
                        self.diagnostics.add("key.empty", start, || display(key));
                    } else if !is_damaged {
                        self.index_key(record, key, primary, role.shared, tally.elements);
                    }
                    return Ok(());
                }
                Family::Other => {
                    self.stock.other_family(key, tally);
                    return Ok(());
                }
            }
            if role.shared {
                self.diagnostics.add("key.record_in_family", start, || {
                    format!("{} is named like a record and like an index key; it is left as it is", display(key))
                });
            }
            if expires == Expires::Gone {
                self.diagnostics.add("key.expired", start, || display(key));
                return Ok(());
            }
            if empty {
                self.diagnostics.add("key.empty", start, || display(key));
                return Ok(());
            }
            if role.shared {
                self.named_like_keys.push(context.hasher.hash(key), start);
            }
            let Family::Record(first) = role.family else { return Ok(()) };
            // One call, so that it is made a part of this function.
            for class in std::iter::once(first).chain(context.names.classes_after(first, record.db, key, ty)) {
                self.class_record(record, key, class)?;
            }
            Ok(())
        });
        self.key = buffer;
        result.map_err(|error| error.in_record(record.start))
    }
}
