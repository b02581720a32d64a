//! Entries that name keys: which part of an entry, and which key.
//!
//! What stands before and behind a part of a name is its *surroundings*: those that many names share are tried with the
//! entries of each pattern, until keys are found that are there. Where the surroundings hold what varies in the name of the
//! entry's own key, they vary with it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use super::Error;
use super::entries::{self, Entry};
use super::patterns::{self, Pattern, Piece, Shape};
use super::sample::Sample;
use super::survey::Survey;
use crate::dump::rdb::{Kind, Scratch};
use crate::dump::scan::Observer;
use crate::model::spec;

/// Keys of a pattern that are looked at, entries of each, and in all.
const KEYS: usize = 256;
const ENTRIES: usize = 48;
const ALL_ENTRIES: usize = 2_000;
/// To find them, so many are passed over at most.
const PASSED: u64 = 1 << 14;
/// Entries with which all surroundings are tried.
const TRIED: usize = 40;
/// Tries in all, and of surroundings.
const TRIES: usize = 12_000_000;
const SURROUNDINGS: usize = 2_000;
/// Surroundings of an entry that are counted in full.
const CLOSE: usize = 24;
/// Other keys that an entry may name in place of the first.
const ALTERNATIVES: usize = 7;
/// Fewer entries that name keys are chance.
const LEAST: u64 = 3;
/// A longer string is a value, and no pointer.
const POINTER_BYTES: usize = 512;

/// Which part of an entry names the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// A member, an element, or the field of a hash.
    Member,
    /// The value of a field, or the text of a string.
    Value,
}

/// A piece of the name of a key that an entry names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    Text(Vec<u8>),
    /// What varies in the name of the entry's own key, by number.
    Key(usize),
    /// The part of the entry.
    Own,
}

/// A rule: entries of these keys name keys.
#[derive(Clone, Debug)]
pub struct Reference {
    pub pattern: Pattern,
    /// What the variable parts of its keys are called.
    pub key_names: Vec<String>,
    pub slot: Slot,
    /// What the entry looks like.
    pub entry: Vec<Piece>,
    /// What the variable parts of it are called; the one at `own` names the key.
    pub entry_names: Vec<String>,
    pub own: usize,
    /// The keys that it may name.
    pub exists: Vec<Vec<Part>>,
    /// Entries of the sample that name a key which is there.
    pub named: u64,
    /// Of a sorted set, whether all scores are times.
    pub timed: bool,
    /// Another key that as many of the entries name.
    pub rival: Option<Vec<Part>>,
    /// Some of the entries that name nothing and look unlike those that do.
    pub strange: Vec<Vec<u8>>,
    /// Some of the entries that name nothing.
    pub missed: Vec<Vec<u8>>,
    /// What is named are sets, sorted sets or lists: these are not there while they are empty.
    pub of_collections: bool,
    /// The keys that the entries stand in are named after keys that are there.
    pub of_records: bool,
    /// The patterns of the keys that are named, by number, and whether all of these keys that were sampled are.
    pub named_patterns: BTreeSet<usize>,
    pub names_all: bool,
}

impl Reference {
    /// Whether an entry of a key of this name names a key which is there; none if it has not the form.
    pub fn names(&self, survey: &Survey<'_>, key: &[u8], text: &[u8]) -> Option<bool> {
        let spots = self.pattern.read(key)?;
        let own = text.get(patterns::read(&self.entry, text)?.get(self.own)?.clone())?;
        let fill = |parts: &Vec<Part>| {
            let mut name = Vec::new();
            for part in parts {
                match part {
                    Part::Text(text) => name.extend_from_slice(text),
                    Part::Key(number) => name.extend_from_slice(
                        spots.get(*number).and_then(|spot| key.get(spot.clone())).unwrap_or_default(),
                    ),
                    Part::Own => name.extend_from_slice(own),
                }
            }
            name
        };
        Some(self.exists.iter().any(|parts| survey.has(self.pattern.db, &fill(parts))))
    }

    /// The name of the keys that the entries stand in.
    pub fn key_text(&self) -> Option<String> {
        self.pattern.text(&self.key_names)
    }

    pub fn entry_text(&self) -> Option<String> {
        patterns::text(&self.entry, &self.entry_names)
    }

    /// Whether what the entry is numbers, and no word of its key or of the entry says what they number.
    pub fn is_bare_number(&self) -> bool {
        let mut words = words_of(&self.pattern.pieces);
        words.extend(words_of(&self.entry));
        let is_said = |parts: &Vec<Part>| words_of_parts(parts).iter().any(|word| is_among(word, &words));
        let mut vars = self.entry.iter().filter(|piece| matches!(piece, Piece::Var(_)));
        matches!(vars.nth(self.own), Some(Piece::Var(Shape::Digits))) && !self.exists.iter().any(is_said)
    }

    /// A key that an entry may name, as a spec writes it.
    pub fn exists_text(&self, parts: &[Part]) -> Option<String> {
        let mut out = String::new();
        for part in parts {
            match part {
                Part::Text(text) => out.push_str(&spec::literal(text, false)),
                Part::Key(number) => out.push_str(&format!("{{@{}}}", self.key_names.get(*number)?)),
                Part::Own => out.push_str(&format!("{{@{}}}", self.entry_names.get(self.own)?)),
            }
        }
        Some(out)
    }
}

/// Finds the rules of all patterns that have some.
pub fn find(
    survey: &Survey<'_>,
    sample: &Sample,
    patterns: &[Pattern],
    observer: &Observer,
) -> Result<Vec<Reference>, Error> {
    let around = surroundings(sample);
    let mut of_name = OfName::new();
    for (number, pattern) in patterns.iter().enumerate() {
        for named in pattern.names.iter().filter_map(|at| sample.names.get(*at)) {
            of_name.insert((named.db, named.name.clone()), number);
        }
    }
    let candidates: Vec<&Pattern> = patterns
        .iter()
        .filter(|pattern| matches!(pattern.kind, Kind::Set | Kind::Zset | Kind::List | Kind::Hash | Kind::String))
        .filter(|pattern| !is_of_records(pattern, sample))
        .collect();
    let tries =
        TRIES.checked_div(candidates.len().saturating_mul(TRIED)).unwrap_or(SURROUNDINGS).clamp(50, SURROUNDINGS);
    let mut out = Vec::new();
    let mut scratch = Scratch::default();
    for pattern in candidates {
        if observer.stopped() {
            return Err(Error::Interrupted);
        }
        let family = Family::read(survey, sample, pattern, &mut scratch)?;
        let around = around.get(&pattern.db).map_or(&[][..], Vec::as_slice);
        let around = around.get(..tries.min(around.len())).unwrap_or_default();
        let slots: &[Slot] = match pattern.kind {
            Kind::Hash => &[Slot::Member, Slot::Value],
            Kind::String => &[Slot::Value],
            _ => &[Slot::Member],
        };
        let found =
            slots.iter().filter_map(|slot| family.reference(survey, *slot, around, (sample, (patterns, &of_name))));
        out.extend(found.max_by_key(|reference| (reference.named, Reverse(reference.slot))));
    }
    Ok(out)
}

/// Whether its keys are records: they have fields in common, which an index has not.
fn is_of_records(pattern: &Pattern, sample: &Sample) -> bool {
    let mut names = pattern.names.iter().filter_map(|at| sample.names.get(*at)).take(8);
    matches!(pattern.kind, Kind::Hash | Kind::String)
        && names.any(|named| {
            let class = sample.classes.of(named.db, &named.name).and_then(|class| sample.classes.get(class));
            class.is_some_and(|class| !class.exact && !class.profile.is_empty())
        })
}

/// The number of the pattern of each name of the sample.
type OfName = HashMap<(u64, Vec<u8>), usize>;

/// What stands before and behind a part of a name.
type Around = (Vec<u8>, Vec<u8>);

/// Surroundings that several names share, by database, those that most have first.
fn surroundings(sample: &Sample) -> BTreeMap<u64, Vec<Around>> {
    let mut counts: BTreeMap<u64, HashMap<Around, u32>> = BTreeMap::new();
    for named in &sample.names {
        let counts = counts.entry(named.db).or_default();
        let name = named.name.as_slice();
        let starts = std::iter::once(0).chain(edges(name)).take(14);
        let ends: Vec<usize> = std::iter::once(name.len()).chain(edges(name).rev()).take(3).collect();
        for start in starts {
            for end in ends.iter().copied().filter(|end| *end > start) {
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

/// Where in a name something begins or ends: between a letter or digit and another byte.
fn edges(name: &[u8]) -> impl DoubleEndedIterator<Item = usize> + '_ {
    let alnum = |at: usize| name.get(at).is_some_and(u8::is_ascii_alphanumeric);
    (1..name.len()).filter(move |at| alnum(*at) != alnum(at.saturating_sub(1)))
}

/// Entries of a pattern's keys.
struct Family<'p> {
    pattern: &'p Pattern,
    /// For each key, what varies in its name.
    values: Vec<Vec<Vec<u8>>>,
    /// With the number of its key.
    entries: Vec<(usize, Entry)>,
}

impl<'p> Family<'p> {
    fn read(survey: &Survey<'_>, sample: &Sample, pattern: &'p Pattern, scratch: &mut Scratch) -> Result<Self, Error> {
        let mut family = Self { pattern, values: Vec::new(), entries: Vec::new() };
        let every = pattern.names.len().div_ceil(KEYS).max(1);
        let keys = pattern.names.len().div_ceil(every);
        let share = ALL_ENTRIES
            .checked_div(keys)
            .unwrap_or(ENTRIES)
            .clamp(4, ENTRIES.max(ALL_ENTRIES.min(2_048) / keys.max(1)));
        for number in pattern.names.iter().step_by(every) {
            let Some(named) = sample.names.get(*number).filter(|named| named.readable) else { continue };
            let Some(spots) = pattern.read(&named.name) else { continue };
            if pattern.kind == Kind::String && survey.dump.record(named.start)?.value.bytes.len() > POINTER_BYTES {
                continue;
            }
            let values = spots.into_iter().map(|spot| named.name.get(spot).unwrap_or_default().to_vec()).collect();
            let key = family.values.len();
            family.values.push(values);
            let some = entries::some(&survey.dump, survey.clock, named.start, (share, PASSED), scratch)?;
            family.entries.extend(some.into_iter().map(|entry| (key, entry)));
        }
        Ok(family)
    }

    fn reference(
        &self,
        survey: &Survey<'_>,
        slot: Slot,
        around: &[Around],
        (sample, known): (&Sample, (&[Pattern], &OfName)),
    ) -> Option<Reference> {
        let text = |entry: &'_ Entry| match slot {
            Slot::Member => entry.member.clone(),
            Slot::Value => entry.value.clone(),
        };
        let texts: Vec<(usize, Vec<u8>)> = self.entries.iter().map(|(key, entry)| (*key, text(entry))).collect();
        let is_text = |text: &[u8]| text.is_empty() || matches!(text.first(), Some(b'{' | b'[')) && text.len() > 64;
        if texts.is_empty() || texts.iter().filter(|(_, text)| is_text(text)).count().saturating_mul(2) > texts.len() {
            return None;
        }
        let best = variants(texts.iter().map(|(_, text)| text.as_slice()))
            .into_iter()
            .filter_map(|variant| self.try_variant(survey, &texts, variant, around, known))
            .reduce(|best, other| if other.named > best.named { other } else { best })?;
        let key_names = key_names(&self.pattern.pieces);
        let mut entry_names = Vec::new();
        for number in 0..best.variant.vars() {
            let base = if number == best.variant.own { "id" } else { "of" };
            let free = std::iter::once(base.to_owned()).chain((2..).map(|n: u32| format!("{base}{n}")));
            let taken = |name: &String| key_names.contains(name) || entry_names.contains(name);
            let name = free.into_iter().find(|name| !taken(name));
            entry_names.push(name.unwrap_or_default());
        }
        // Seconds, or milliseconds, of this century.
        let is_time = |score: f64| (9.0e8..8.0e9).contains(&score) || (9.0e11..8.0e12).contains(&score);
        let timed = self.entries.iter().all(|(_, entry)| entry.score.is_none_or(is_time));
        Some(Reference {
            pattern: self.pattern.clone(),
            key_names,
            slot,
            entry: best.variant.pieces,
            entry_names,
            own: best.variant.own,
            exists: best.exists,
            named: best.named,
            timed,
            rival: best.rival,
            strange: best.strange,
            missed: best.missed,
            of_collections: best.of_collections,
            of_records: self.of_records(survey, sample),
            named_patterns: best.named_patterns,
            names_all: best.names_all,
        })
    }

    /// Whether most of these keys are named after a key that is there, with more behind it.
    fn of_records(&self, survey: &Survey<'_>, sample: &Sample) -> bool {
        let names: Vec<&[u8]> = self
            .pattern
            .names
            .iter()
            .filter_map(|at| sample.names.get(*at))
            .map(|named| named.name.as_slice())
            .collect();
        let is_named_after = |name: &&&[u8]| {
            edges(name).any(|end| name.get(..end).is_some_and(|record| survey.has(self.pattern.db, record)))
        };
        names.iter().filter(is_named_after).count().saturating_mul(2) > names.len()
    }

    /// The keys that entries name, if they look like this.
    fn try_variant(
        &self,
        survey: &Survey<'_>,
        texts: &[(usize, Vec<u8>)],
        variant: Variant,
        around: &[Around],
        (patterns, of_name): (&[Pattern], &OfName),
    ) -> Option<Tried> {
        let db = self.pattern.db;
        let own: Vec<(usize, &[u8])> = texts
            .iter()
            .filter_map(|(key, text)| {
                let spots = patterns::read(&variant.pieces, text)?;
                Some((*key, text.get(spots.get(variant.own)?.clone())?))
            })
            .collect();
        let every = own.len().div_ceil(TRIED).max(1);
        let tried: Vec<(usize, &[u8])> = own.iter().step_by(every).copied().collect();
        let mut name = Vec::new();
        let mut has = |before: &[u8], own: &[u8], behind: &[u8]| {
            name.clear();
            name.extend_from_slice(before);
            name.extend_from_slice(own);
            name.extend_from_slice(behind);
            survey.has(db, &name)
        };
        // Templates that some of the tried entries speak for.
        let mut votes: BTreeMap<Vec<Part>, u64> = BTreeMap::new();
        let whole = (Vec::new(), Vec::new());
        for (before, behind) in std::iter::once(&whole).chain(around) {
            for (key, own) in &tried {
                if has(before, own, behind) {
                    let values = self.values.get(*key).map_or(&[][..], Vec::as_slice);
                    let vote = votes.entry(template(before, behind, values)).or_default();
                    *vote = vote.saturating_add(1);
                }
            }
        }
        let mut best: Vec<(Vec<Part>, u64)> = votes.into_iter().collect();
        best.sort_by(|(a, x), (b, y)| (Reverse(x), text_len(a), a).cmp(&(Reverse(y), text_len(b), b)));
        best.truncate(CLOSE);
        let mut counted: Vec<(Vec<Part>, Vec<bool>, u64)> = best
            .into_iter()
            .map(|(template, _)| {
                let hits: Vec<bool> = own.iter().map(|(key, own)| self.names(survey, &template, *key, own)).collect();
                let count = hits.iter().filter(|hit| **hit).count() as u64;
                (template, hits, count)
            })
            .collect();
        counted.sort_by(|a, b| (Reverse(a.2), text_len(&a.0), &a.0).cmp(&(Reverse(b.2), text_len(&b.0), &b.0)));
        // Of those that are found as often, the one whose words are those of the entries' keys.
        let most = counted.first()?.2;
        let words = words_of(&self.pattern.pieces);
        let meant = |parts: &[Part]| words_of_parts(parts).iter().any(|word| is_among(word, &words));
        if let Some(at) = counted
            .iter()
            .position(|(parts, _, count)| count.saturating_mul(10) >= most.saturating_mul(9) && meant(parts))
            && !counted.first().is_some_and(|(parts, ..)| meant(parts))
        {
            let named = counted.remove(at);
            counted.insert(0, named);
        }
        // What stands beside a record may outlive it: the record is meant.
        let top = counted.first()?.clone();
        let shorter = |(parts, _, count): &(Vec<Part>, Vec<bool>, u64)| {
            count.saturating_mul(3) >= top.2 && text_len(parts) < text_len(&top.0) && is_satellite(parts, &top.0)
        };
        if let Some(at) = counted.iter().position(shorter) {
            let main = counted.remove(at);
            counted.insert(0, main);
        }
        let (first, hits, count) = counted.first()?.clone();
        let distinct: BTreeSet<&[u8]> =
            own.iter().zip(&hits).filter(|(_, hit)| **hit).map(|((_, own), _)| *own).collect();
        if count < LEAST || distinct.len() < 2 {
            return None;
        }
        let mut exists = vec![first.clone()];
        let mut found = hits;
        let mut rival = None;
        for (template, hits, count) in counted.iter().skip(1) {
            let total = found.len() as u64;
            let known = found.iter().filter(|hit| **hit).count() as u64;
            let both = found.iter().zip(hits).filter(|(known, hit)| **known && **hit).count() as u64;
            let more = count.saturating_sub(both);
            let missed = total.saturating_sub(known);
            // It is there for those that the others miss more often than for those that they find: it belongs to them. And
            // identifiers that are no small numbers are shared by no chance: whichever of the keys is meant, what has one
            // of them stays.
            let belongs = more > 0 && more.saturating_mul(known) > both.saturating_mul(missed).saturating_mul(2);
            let is_number = matches!(variant.shape(), Some(Shape::Digits));
            let is_shared = !is_number
                && count.saturating_mul(2) >= known
                && !is_satellite(&first, template)
                && !is_satellite(template, &first);
            if (belongs || is_shared) && exists.len() <= ALTERNATIVES {
                exists.push(template.clone());
                for (known, hit) in found.iter_mut().zip(hits) {
                    *known |= hit;
                }
            } else if more > 0
                && count.saturating_mul(10) >= known.saturating_mul(9)
                && !is_satellite(&first, template)
                && (!meant(&first) || meant(template))
            {
                rival.get_or_insert_with(|| template.clone());
            }
        }
        // What names nothing by these may name something by others, which few share.
        let is_number = matches!(variant.shape(), Some(Shape::Digits));
        if !is_number && rival.is_none() {
            let missed: Vec<(usize, &[u8])> =
                own.iter().zip(&found).filter(|(_, found)| !**found).map(|(own, _)| *own).collect();
            let every = missed.len().div_ceil(TRIED).max(1);
            rival = missed.iter().step_by(every).find_map(|(key, own)| {
                let (before, behind) = around.iter().find(|(before, behind)| has(before, own, behind))?;
                let values = self.values.get(*key).map_or(&[][..], Vec::as_slice);
                Some(template(before, behind, values)).filter(|template| !is_satellite(&first, template))
            });
        }
        let named = found.iter().filter(|hit| **hit).count() as u64;
        let (hit, missed): (Vec<_>, Vec<_>) = own.iter().zip(&found).partition(|(_, found)| **found);
        let looks: BTreeSet<Vec<u8>> = hit.iter().map(|((_, own), _)| look(own)).collect();
        let mut strange: Vec<Vec<u8>> = missed
            .iter()
            .filter(|((_, own), _)| !looks.contains(&look(own)))
            .map(|((_, own), _)| own.to_vec())
            .collect();
        strange.truncate(3);
        let missed: Vec<Vec<u8>> = missed.iter().take(3).map(|((_, own), _)| own.to_vec()).collect();
        let mut variant = variant;
        variant.narrow(Shape::of_all(hit.iter().map(|((_, own), _)| *own)));
        let mut names: BTreeSet<Vec<u8>> = BTreeSet::new();
        for ((key, own), _) in &hit {
            for template in &exists {
                let name = self.name(template, *key, own);
                if survey.has(db, &name) {
                    names.insert(name);
                }
            }
        }
        let (mut kinds, mut room) = (BTreeMap::<bool, usize>::new(), Vec::new());
        for name in names.iter().take(64) {
            if let Ok(Some(key)) = survey.find_any(db, name, &mut room) {
                let count = kinds.entry(matches!(key.kind, Kind::Set | Kind::Zset | Kind::List)).or_default();
                *count = count.saturating_add(1);
            }
        }
        let of_collections = kinds.get(&true) > kinds.get(&false);
        let named_patterns: BTreeSet<usize> =
            names.iter().filter_map(|name| of_name.get(&(db, name.clone())).copied()).collect();
        let all: usize =
            named_patterns.iter().filter_map(|at| patterns.get(*at)).map(|pattern| pattern.names.len()).sum();
        let names_all = names.len().saturating_mul(100) >= all.saturating_mul(95) && all > 0;
        Some(Tried { variant, exists, named, rival, strange, missed, of_collections, named_patterns, names_all })
    }

    fn names(&self, survey: &Survey<'_>, template: &[Part], key: usize, own: &[u8]) -> bool {
        survey.has(self.pattern.db, &self.name(template, key, own))
    }

    /// The key that an entry names.
    fn name(&self, template: &[Part], key: usize, own: &[u8]) -> Vec<u8> {
        let values = self.values.get(key).map_or(&[][..], Vec::as_slice);
        let mut name = Vec::new();
        for part in template {
            match part {
                Part::Text(text) => name.extend_from_slice(text),
                Part::Key(number) => name.extend_from_slice(values.get(*number).map_or(&[][..], Vec::as_slice)),
                Part::Own => name.extend_from_slice(own),
            }
        }
        name
    }
}

/// What a text looks like: runs of letters, of digits, and other bytes.
pub fn look(text: &[u8]) -> Vec<u8> {
    // Identifiers have runs of all lengths in them.
    let shape = Shape::of(text);
    if matches!(shape, Shape::Digits | Shape::Hex | Shape::Uuid) {
        return vec![shape as u8];
    }
    let mut out: Vec<u8> = Vec::new();
    for byte in text {
        let class = match byte {
            b'0'..=b'9' => b'0',
            byte if byte.is_ascii_alphabetic() || !byte.is_ascii() => b'a',
            byte => *byte,
        };
        // In a mixture letters and digits are one.
        let is_same = out
            .last()
            .is_some_and(|last| *last == class || last.is_ascii_alphanumeric() && class.is_ascii_alphanumeric());
        if !is_same {
            out.push(class);
        }
    }
    out
}

struct Tried {
    variant: Variant,
    exists: Vec<Vec<Part>>,
    named: u64,
    rival: Option<Vec<Part>>,
    strange: Vec<Vec<u8>>,
    missed: Vec<Vec<u8>>,
    of_collections: bool,
    named_patterns: BTreeSet<usize>,
    names_all: bool,
}

/// What entries may look like.
#[derive(Clone, Debug, PartialEq)]
struct Variant {
    pieces: Vec<Piece>,
    /// The number of the variable part that names a key.
    own: usize,
}

impl Variant {
    /// Takes only what looks like this.
    fn narrow(&mut self, shape: Shape) {
        let mut vars = self.pieces.iter_mut().filter(|piece| matches!(piece, Piece::Var(_)));
        if let Some(Piece::Var(own)) = vars.nth(self.own) {
            *own = shape;
        }
    }

    /// What the part looks like that names a key.
    fn shape(&self) -> Option<Shape> {
        let mut vars =
            self.pieces.iter().filter_map(|piece| if let Piece::Var(shape) = piece { Some(*shape) } else { None });
        vars.nth(self.own)
    }

    fn vars(&self) -> usize {
        self.pieces.iter().filter(|piece| matches!(piece, Piece::Var(_))).count()
    }
}

fn variants<'t>(texts: impl Iterator<Item = &'t [u8]> + Clone) -> Vec<Variant> {
    let shape = |range: &dyn Fn(&'t [u8]) -> Option<&'t [u8]>| Shape::of_all(texts.clone().filter_map(range));
    let mut out = vec![Variant { pieces: vec![Piece::Var(shape(&|text| Some(text)))], own: 0 }];
    let (before, behind) = common(texts.clone());
    if !before.is_empty() || !behind.is_empty() {
        let inner = |text: &'t [u8]| text.get(before.len()..text.len().checked_sub(behind.len())?);
        let mut pieces = Vec::new();
        if !before.is_empty() {
            pieces.push(Piece::Text(before.clone()));
        }
        pieces.push(Piece::Var(shape(&inner)));
        if !behind.is_empty() {
            pieces.push(Piece::Text(behind.clone()));
        }
        out.push(Variant { pieces, own: 0 });
    }
    let colons = |text: &[u8]| text.iter().filter(|byte| **byte == b':').count();
    if texts.clone().all(|text| colons(text) == 1) {
        let split = |text: &'t [u8]| text.split_once_at(b':');
        let pieces = vec![
            Piece::Var(shape(&|text| Some(split(text)?.0)).or(Shape::Plain)),
            Piece::Text(b":".to_vec()),
            Piece::Var(shape(&|text| Some(split(text)?.1))),
        ];
        out.push(Variant { pieces: pieces.clone(), own: 1 });
        out.push(Variant { pieces, own: 0 });
    }
    out
}

trait SplitAt {
    fn split_once_at(&self, byte: u8) -> Option<(&[u8], &[u8])>;
}

impl SplitAt for [u8] {
    fn split_once_at(&self, byte: u8) -> Option<(&[u8], &[u8])> {
        let at = self.iter().position(|own| *own == byte)?;
        Some((self.get(..at)?, self.get(at.saturating_add(1)..)?))
    }
}

/// What all texts begin with, and what they end with, up to a byte that is no letter and no digit.
fn common<'t>(mut texts: impl Iterator<Item = &'t [u8]>) -> (Vec<u8>, Vec<u8>) {
    let Some(first) = texts.next() else { return (Vec::new(), Vec::new()) };
    let (mut before, mut behind, mut several) = (first.len(), first.len(), false);
    let mut shortest = first.len();
    for text in texts {
        several |= text != first;
        shortest = shortest.min(text.len());
        before = before.min(first.iter().zip(text).take_while(|(a, b)| a == b).count());
        behind = behind.min(first.iter().rev().zip(text.iter().rev()).take_while(|(a, b)| a == b).count());
    }
    if !several {
        return (Vec::new(), Vec::new());
    }
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric();
    let head = first.get(..before).unwrap_or_default();
    let head = head
        .get(..head.iter().rposition(|byte| !is_word(byte)).map_or(0, |at| at.saturating_add(1)))
        .unwrap_or_default();
    let room = shortest.saturating_sub(head.len()).saturating_sub(1);
    let tail = first.get(first.len().saturating_sub(behind.min(room))..).unwrap_or_default();
    let tail = tail.get(tail.iter().position(|byte| !is_word(byte)).unwrap_or(tail.len())..).unwrap_or_default();
    (head.to_vec(), tail.to_vec())
}

/// The name of a key from what stands around a part of it, in which what varies in the entry's own key varies, too.
fn template(before: &[u8], behind: &[u8], values: &[Vec<u8>]) -> Vec<Part> {
    let mut out = Vec::new();
    with_values(before, values, &mut out);
    out.push(Part::Own);
    with_values(behind, values, &mut out);
    out
}

fn with_values(text: &[u8], values: &[Vec<u8>], out: &mut Vec<Part>) {
    let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let mut found: Vec<(Range<usize>, usize)> = Vec::new();
    for (number, value) in values.iter().enumerate().filter(|(_, value)| !value.is_empty()) {
        for at in memchr::memmem::find_iter(text, value) {
            let end = at.saturating_add(value.len());
            let alone = at.checked_sub(1).is_none_or(|before| !is_word(text.get(before))) && !is_word(text.get(end));
            if alone && found.iter().all(|(other, _)| other.end <= at || end <= other.start) {
                found.push((at..end, number));
                break;
            }
        }
    }
    found.sort_by_key(|(range, _)| range.start);
    let mut from = 0;
    let mut parts = Vec::new();
    for (range, number) in found {
        parts.push((from..range.start, Some(number)));
        from = range.end;
    }
    parts.push((from..text.len(), None));
    for (range, number) in parts {
        let text = text.get(range).unwrap_or_default();
        if !text.is_empty() {
            out.push(Part::Text(text.to_vec()));
        }
        if let Some(number) = number {
            out.push(Part::Key(number));
        }
    }
}

fn text_len(parts: &[Part]) -> usize {
    let len = |part: &Part| if let Part::Text(text) = part { text.len() } else { 0 };
    parts.iter().map(len).fold(0, usize::saturating_add)
}

/// Whether the names that the second gives are those of the first with more behind or before them.
fn is_satellite(first: &[Part], second: &[Part]) -> bool {
    let flat = |parts: &[Part]| -> Vec<u8> {
        parts
            .iter()
            .flat_map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Key(number) => format!("\u{0}{number}").into_bytes(),
                Part::Own => b"\0\0".to_vec(),
            })
            .collect()
    };
    let (first, second) = (flat(first), flat(second));
    second.starts_with(&first) || second.ends_with(&first)
}

fn words(text: &[u8]) -> impl Iterator<Item = String> + '_ {
    text.split(|byte| !byte.is_ascii_alphabetic())
        .filter(|word| word.len() > 1)
        .map(|word| String::from_utf8_lossy(word).to_lowercase())
}

fn words_of(pieces: &[Piece]) -> Vec<String> {
    let text = |piece: &Piece| if let Piece::Text(text) = piece { words(text).collect() } else { Vec::new() };
    pieces.iter().flat_map(text).collect()
}

fn words_of_parts(parts: &[Part]) -> Vec<String> {
    let text = |part: &Part| if let Part::Text(text) = part { words(text).collect() } else { Vec::new() };
    parts.iter().flat_map(text).collect()
}

/// Whether a word is among others, in the singular or the plural.
fn is_among(word: &str, others: &[String]) -> bool {
    let stem = |word: &str| word.trim_end_matches('s').trim_end_matches("ie").trim_end_matches('y').to_owned();
    others.iter().any(|other| stem(other) == stem(word))
}

/// What the variable parts of a pattern are called: by the word before each.
pub fn key_names(pieces: &[Piece]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut before = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => {
                before = words(text).filter(|word| word.len() <= 20).last().unwrap_or(before);
            }
            Piece::Var(_) => {
                let base = if before.is_empty() || before == "id" { "part".to_owned() } else { before.clone() };
                let mut free = std::iter::once(base.clone()).chain((2..).map(|n: u32| format!("{base}{n}")));
                names.push(free.find(|name| !names.contains(name)).unwrap_or(base));
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_in_the_own_key_varies_in_the_name() {
        let values = [b"mail".to_vec()];
        assert_eq!(
            template(b"bull:mail:", b"", &values),
            [Part::Text(b"bull:".to_vec()), Part::Key(0), Part::Text(b":".to_vec()), Part::Own]
        );
        assert_eq!(template(b"mailbox:", b"", &values), [Part::Text(b"mailbox:".to_vec()), Part::Own]);
    }

    #[test]
    fn what_all_entries_share_is_text() {
        let texts: [&[u8]; 3] = [b"\xac$a1-x:end", b"\xac$a2-x:end", b"\xac$b-x:end"];
        assert_eq!(common(texts.into_iter()), (b"\xac$".to_vec(), b"-x:end".to_vec()));
        let numbers: [&[u8]; 2] = [b"1001", b"1002"];
        assert_eq!(common(numbers.into_iter()), (Vec::new(), Vec::new()));
    }

    #[test]
    fn singular_and_plural_are_one_word() {
        let words = words_of(&[Piece::Text(b"idx:categories:".to_vec())]);
        assert!(is_among("category", &words) && !is_among("user", &words));
    }
}
