//! The second reading of the dump: what the records imply.
//!
//! A membership takes 24 bytes: which key, the score, and where its member stands, which mostly is the name of a record in the
//! dump. Other members are kept once where they follow each other.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use foldhash::fast::RandomState;
use rayon::slice::ParallelSliceMut as _;

use super::super::Error;
use super::super::clock::{Clock, Due};
use super::super::state::{Fields, Value};
use super::names::{Names, Role};
use super::present::Present;
use super::walk::{read, text};
use crate::dump::rdb::{RawStr, Record};
use crate::model::derive::Deriver;
use crate::model::document::{Extractor, Slots};
use crate::model::spec::{IndexType, Policy, RecordType, Spec};
use crate::progress::Watch;

/// What records imply of a member: its score, or the value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Score<'m> {
    One(f64),
    Value(&'m [u8]),
    /// Records disagree.
    Several,
}

/// The members that records imply for one key, in order, each once. Their bytes are brought together first: where they stand in
/// the dump they are far from each other, and to compare them there would be to wait for each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Members<'m> {
    text: Vec<u8>,
    all: Vec<(Range<usize>, Score<'m>)>,
}

impl<'m> Members<'m> {
    fn of(members: impl Iterator<Item = (&'m [u8], Score<'m>)>) -> Self {
        let (mut text, mut all) = (Vec::new(), Vec::new());
        for (member, score) in members {
            let from = text.len();
            text.extend_from_slice(member);
            all.push((from..text.len(), score));
        }
        let bytes = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
        all.sort_unstable_by(|(a, _), (b, _)| bytes(a).cmp(bytes(b)));
        all.dedup_by(|later, one| {
            let same = bytes(&later.0) == bytes(&one.0);
            if same && later.1 != one.1 {
                one.1 = Score::Several;
            }
            same
        });
        Self { text, all }
    }

    fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.text.get(range.clone()).unwrap_or_default()
    }

    pub fn get(&self, member: &[u8]) -> Option<Score<'m>> {
        let at = self.all.binary_search_by(|(own, _)| self.bytes(own).cmp(member)).ok()?;
        self.all.get(at).map(|(_, score)| *score)
    }

    pub fn has(&self, member: &[u8]) -> bool {
        self.get(member).is_some()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Score<'m>)> {
        self.all.iter().map(|(range, score)| (self.bytes(range), *score))
    }
}

/// One membership.
#[derive(Clone, Copy, Debug)]
struct Membership {
    /// Where the member is: an offset in the dump or, with the highest bit, in what is kept.
    at: u64,
    len: u32,
    /// The number of the key.
    key: u32,
    /// The bits of the score, or where the value of a field is kept.
    score: u64,
}

const KEPT: u64 = 1 << 63;

/// What the records say.
#[derive(Debug)]
pub struct Implied<'a> {
    dump: &'a [u8],
    /// Whether an index has values in place of scores.
    has_values: Vec<bool>,
    /// By index: the numbers of its keys. Several indexes with the same keys are one, the first of them.
    numbers: Vec<HashMap<Box<[u8]>, u32, RandomState>>,
    /// How many keys all of them have.
    keys: u32,
    /// By number of the key.
    memberships: Vec<Membership>,
    kept: Vec<u8>,
    /// By index: records of its class of which nothing can be said.
    pub undecidable: Vec<BTreeSet<Vec<u8>>>,
    /// By class.
    pub decodable: Vec<u64>,
    /// By database: records that cannot be decoded. They hold what names them in any index.
    pub undecodable: BTreeMap<u64, BTreeSet<Vec<u8>>>,
}

impl<'a> Implied<'a> {
    /// Whether records imply a key of this index.
    pub fn implies(&self, index: usize, key: &[u8]) -> bool {
        self.numbers.get(index).is_some_and(|numbers| numbers.contains_key(key))
    }

    /// The keys of an index that records imply, in order.
    pub fn keys(&self, index: usize) -> Vec<&[u8]> {
        let mut keys: Vec<&[u8]> =
            self.numbers.get(index).into_iter().flat_map(HashMap::keys).map(|key| &**key).collect();
        keys.sort_unstable();
        keys
    }

    /// The members that records imply for a key of an index; nothing for one that they do not.
    pub fn members(&self, index: usize, key: &[u8]) -> Option<Members<'_>> {
        let number = *self.numbers.get(index)?.get(key)?;
        let has_values = self.has_values.get(index).copied().unwrap_or_default();
        let from = self.memberships.partition_point(|one| one.key < number);
        let of = self.memberships.iter().skip(from).take_while(|one| one.key == number);
        Some(Members::of(of.map(|one| {
            let score = match has_values {
                true => Score::Value(self.value(one.score)),
                false => Score::One(f64::from_bits(one.score)),
            };
            (self.bytes(one.at, one.len), score)
        })))
    }

    fn bytes(&self, at: u64, len: u32) -> &[u8] {
        let (from, at) = if at & KEPT == 0 { (self.dump, at) } else { (&self.kept[..], at ^ KEPT) };
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let end = at.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
        from.get(at..end).unwrap_or_default()
    }

    /// A value that is kept, its length before it.
    fn value(&self, at: u64) -> &[u8] {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let len =
            self.kept.get(at..).and_then(|rest| rest.first_chunk::<4>()).map_or(0, |len| u32::from_le_bytes(*len));
        self.bytes(KEPT | u64::try_from(at.saturating_add(4)).unwrap_or(u64::MAX), len)
    }

    fn keep(&mut self, bytes: &[u8]) -> u64 {
        let at = u64::try_from(self.kept.len()).unwrap_or(u64::MAX);
        self.kept.extend_from_slice(bytes);
        at
    }

    /// Takes what was found among some records.
    fn take(&mut self, found: Found) -> Result<(), Error> {
        for (all, more) in self.decodable.iter_mut().zip(found.decodable) {
            *all = all.saturating_add(more);
        }
        for (db, key) in found.undecodable {
            self.undecodable.entry(db).or_default().insert(key);
        }
        for (index, key) in found.undecidable {
            self.undecidable.get_mut(index).into_iter().for_each(|all| _ = all.insert(key.clone()));
        }
        let mut before: Option<(u64, u32)> = None;
        for raw in found.memberships {
            let key = found.text.get(raw.key).unwrap_or_default();
            let Some(numbers) = self.numbers.get_mut(raw.index) else { continue };
            let key = match numbers.get(key) {
                Some(number) => *number,
                None => {
                    let number = self.keys;
                    self.keys = number.checked_add(1).ok_or(Error::TooMany)?;
                    numbers.insert(key.into(), number);
                    number
                }
            };
            let (at, len) = match raw.member {
                Place::Dump(at, len) => (at, len),
                Place::Found(range) => {
                    let member = found.text.get(range).unwrap_or_default();
                    let len = u32::try_from(member.len()).map_err(|_| Error::TooMany)?;
                    match before.filter(|(at, len)| self.bytes(*at, *len) == member) {
                        Some(before) => before,
                        None => (KEPT | self.keep(member), len),
                    }
                }
            };
            before = Some((at, len)).filter(|(at, _)| at & KEPT != 0).or(before);
            let score = match raw.score {
                // Both zeros are one score.
                RawScore::One(score) => if score == 0.0 { 0.0 } else { score }.to_bits(),
                RawScore::Value(range) => {
                    let value = found.text.get(range).unwrap_or_default();
                    let len = u32::try_from(value.len()).map_err(|_| Error::TooMany)?;
                    let at = self.keep(&len.to_le_bytes());
                    self.keep(value);
                    at
                }
            };
            self.memberships.push(Membership { at, len, key, score });
        }
        Ok(())
    }
}

/// What is found among some records; `text` has the bytes.
#[derive(Default)]
struct Found {
    decodable: Vec<u64>,
    undecodable: Vec<(u64, Vec<u8>)>,
    undecidable: Vec<(usize, Vec<u8>)>,
    memberships: Vec<Raw>,
    text: Vec<u8>,
}

impl Found {
    fn text(&mut self, bytes: &[u8]) -> Range<usize> {
        let from = self.text.len();
        self.text.extend_from_slice(bytes);
        from..self.text.len()
    }
}

struct Raw {
    index: usize,
    key: Range<usize>,
    member: Place,
    score: RawScore,
}

/// Where a member is: in the dump, or among what was found.
enum Place {
    Dump(u64, u32),
    Found(Range<usize>),
}

enum RawScore {
    One(f64),
    Value(Range<usize>),
}

/// What one thread reads records with.
struct Reader<'s> {
    extractors: Vec<Extractor>,
    derivers: Vec<Option<Deriver>>,
    first_of_keys: &'s [usize],
}

/// Reads the records. A class that only retired indexes are made from, or none, decides nothing by what is in it.
pub fn imply<'a>(
    dump: &'a [u8],
    names: &Names<'_>,
    present: &Present<'_>,
    watch: &dyn Watch,
) -> Result<Implied<'a>, Error> {
    let spec = names.spec;
    let mut implied = Implied {
        dump,
        has_values: spec.indexes.iter().map(|of| matches!(of.kind, IndexType::Hash | IndexType::String)).collect(),
        numbers: spec.indexes.iter().map(|_| HashMap::default()).collect(),
        keys: 0,
        memberships: Vec::new(),
        kept: Vec::new(),
        undecidable: vec![BTreeSet::new(); spec.indexes.len()],
        decodable: vec![0; spec.records.len()],
        undecodable: BTreeMap::new(),
    };
    let first_of_keys = spec.first_of_keys();
    let mut clock = present.clock;
    let look = |records: &[Record<'a>], _: &Clock| {
        let mut reader = Reader::new(spec, &first_of_keys);
        let mut found = Found { decodable: vec![0; spec.records.len()], ..Found::default() };
        for record in records {
            reader.read(dump, record, names, present, &mut found)?;
        }
        Ok(found)
    };
    read(dump, ("reading for what must be", watch), &mut clock, look, |found| implied.take(found))?;
    implied.memberships.par_sort_unstable_by_key(|one| (one.key, one.at));
    Ok(implied)
}

impl<'s> Reader<'s> {
    fn new(spec: &Spec, first_of_keys: &'s [usize]) -> Self {
        let deriver = |index: &crate::model::spec::Index| {
            let class = spec.records.get(index.from?)?;
            (index.policy != Policy::Retire).then(|| Deriver::new(class, index))
        };
        Self {
            extractors: spec.records.iter().map(Extractor::of).collect(),
            derivers: spec.indexes.iter().map(deriver).collect(),
            first_of_keys,
        }
    }

    fn read(
        &mut self,
        dump: &[u8],
        record: &Record<'_>,
        names: &Names<'_>,
        present: &Present<'_>,
        found: &mut Found,
    ) -> Result<(), Error> {
        if present.clock.due(record.expire_ms) == Due::Gone || !Value::is_there(&record.value, &present.clock)? {
            return Ok(());
        }
        let key = text(record.key)?;
        let Role::Record(classes) = names.role(record.db, &key, &record.value, &present.named) else { return Ok(()) };
        let in_dump = place_in(dump, record.key);
        for class in classes {
            let content = content(record, &present.clock)?;
            self.one(record, (&key, in_dump), class, &content, names.spec, present, found);
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "all that is known of a record")]
    fn one(
        &mut self,
        record: &Record<'_>,
        (key, in_dump): (&[u8], Option<u64>),
        class: usize,
        content: &Content,
        spec: &Spec,
        present: &Present<'_>,
        found: &mut Found,
    ) {
        let Some(extractor) = self.extractors.get_mut(class) else { return };
        let slots: Option<Slots<'_>> = match content {
            Content::Json(json) => extractor.json(json).ok(),
            Content::Hash(fields) => Some(extractor.hash(fields.iter())),
            Content::Members(members) => Some(extractor.members(members.iter().map(Vec::as_slice))),
            Content::Nothing => None,
        };
        // Any string is a record of such a class: only an index that reads a field of it cannot be decided.
        let any_string = slots.is_none() && spec.records.get(class).is_some_and(|of| of.ty == Some(RecordType::String));
        let slots = if any_string { Some(extractor.nothing()) } else { slots };
        if let (Some(_), Some(count)) = (&slots, found.decodable.get_mut(class)) {
            *count = count.saturating_add(1);
        }
        let of_class = spec.indexes.iter().zip(&mut self.derivers).enumerate();
        for (at, (index, deriver)) in of_class.filter(|(_, (index, _))| index.from == Some(class)) {
            let Some(deriver) = deriver else { continue };
            if slots.is_none() {
                found.undecodable.push((record.db, key.to_vec()));
            }
            let slots = slots.as_ref().filter(|_| !(any_string && index.reads_fields()));
            let derived = slots.map(|slots| {
                deriver.derive(key, slots, |_, implied| {
                    let mut required = index.require.iter().zip(implied.require());
                    let lacks = |class: usize, key: &[u8]| {
                        !present.existing.get(class).is_some_and(|existing| existing.contains(key))
                    };
                    if required.any(|(require, key)| lacks(require.record, key)) {
                        return;
                    }
                    let place = in_dump.filter(|_| implied.member == key).zip(u32::try_from(key.len()).ok());
                    let raw = Raw {
                        index: self.first_of_keys.get(at).copied().unwrap_or(at),
                        key: found.text(implied.key),
                        member: match place {
                            Some((at, len)) => Place::Dump(at, len),
                            None => Place::Found(found.text(implied.member)),
                        },
                        score: match index.kind {
                            IndexType::Hash | IndexType::String => RawScore::Value(found.text(implied.value)),
                            _ => RawScore::One(implied.score),
                        },
                    };
                    found.memberships.push(raw);
                })
            });
            if !matches!(derived, Some(Ok(_))) {
                found.undecidable.push((at, key.to_vec()));
            }
        }
    }
}

/// Where in the dump a name stands, if it stands there as it is.
fn place_in(dump: &[u8], key: RawStr<'_>) -> Option<u64> {
    let RawStr::Plain(bytes) = key else { return None };
    let at = bytes.as_ptr().addr().checked_sub(dump.as_ptr().addr())?;
    let is_there = dump.get(at..)?.get(..bytes.len())?.as_ptr() == bytes.as_ptr();
    u64::try_from(at).ok().filter(|_| is_there)
}

/// What a record can be read from.
enum Content {
    Json(Vec<u8>),
    Hash(Fields),
    Members(BTreeSet<Vec<u8>>),
    Nothing,
}

fn content(record: &Record<'_>, clock: &Clock) -> Result<Content, Error> {
    if let Some(fields) = Fields::read(&record.value, clock)? {
        return Ok(Content::Hash(fields));
    }
    Ok(match Value::read(&record.value, clock)? {
        Some(Value::String(text) | Value::Json(text)) => Content::Json(text),
        Some(Value::Set(members)) => Content::Members(members),
        _ => Content::Nothing,
    })
}
