//! Which records and which sets are looked at.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::rc::Rc;

use foldhash::fast::RandomState;

use super::Error;
use super::classes::Classes;
use super::fields::{Fields, Paths, Reader};
use super::patterns::{self, Name, Pattern};
use super::scatter;
use super::survey::{Collection, Key, Survey, lot};
use crate::dump::rdb::Kind;
use crate::dump::scan::Observer;
use crate::model::stock::Families;

/// Records in all; of a family at most [`MOST`], and at least [`LEAST`] or all.
const RECORDS: u64 = 20_000;
/// Sets and sorted sets in all.
const COLLECTIONS: u64 = 20_000;
const MOST: u64 = 2_048;
const LEAST: u64 = 32;
/// Of a family, so many of the largest sets are looked at in any case.
const LARGEST: usize = 64;
/// Keys with a longer name are passed over.
pub const NAME_BYTES: usize = 1 << 10;
/// Bytes of values that are kept.
const BYTES: usize = 32 << 20;
/// Strings or hashes of a family.
const POINTERS: usize = 128;
/// Names in all.
const NAMES: u64 = 40_000;
/// Records that are kept for a value: one that more share is no identifier.
const SHARED: usize = 8;

/// A record of the sample.
#[derive(Debug)]
pub struct Document {
    pub db: u64,
    pub name: Vec<u8>,
    pub class: Option<u32>,
    pub fields: Rc<Fields>,
}

/// A family of sets and what came of it.
#[derive(Clone, Debug)]
pub struct Family {
    pub glob: Vec<u8>,
    pub keys: u64,
    pub elements: u64,
    /// The name of one of its keys.
    pub example: Vec<u8>,
    pub chosen: Vec<Collection>,
}

/// The name of a key of any type.
#[derive(Clone, Debug)]
pub struct Named {
    pub db: u64,
    pub kind: Kind,
    pub start: u64,
    pub name: Vec<u8>,
    /// Its value can be read.
    pub readable: bool,
}

/// What is looked at.
#[derive(Debug)]
pub struct Sample {
    /// Names of all kinds of keys.
    pub names: Vec<Named>,
    /// What these have in common.
    pub patterns: Vec<Pattern>,
    pub documents: Vec<Document>,
    pub classes: Classes,
    pub families: Vec<Family>,
    pub paths: Paths,
    /// The names that the profiles of classes are made of.
    pub tops: Vec<String>,
    values: HashMap<u64, Vec<(u32, u32)>>,
    hasher: RandomState,
}

impl Sample {
    /// Takes the families of names out of the survey.
    pub fn take(survey: &mut Survey<'_>, observer: &Observer) -> Result<Self, Error> {
        let value_families = std::mem::take(&mut survey.value_families);
        let collection_families = std::mem::take(&mut survey.collection_families);
        let mut reader = Reader::default();
        let documents = documents(survey, value_families, &mut reader, observer)?;
        let mut tops = Tops::default();
        let shapes: Vec<_> = documents.iter().map(|document| tops.of(document, &reader.paths)).collect();
        let named = documents.iter().zip(shapes);
        let classes =
            Classes::find(named.map(|(document, shape)| (document.db, document.name.as_slice(), shape)).collect());
        let mut families = families(survey, collection_families, observer)?;
        let key_families = std::mem::take(&mut survey.key_families);
        let names = names(survey, key_families, observer)?;
        let found: Vec<Name<'_>> =
            names.iter().map(|one| Name { db: one.db, kind: one.kind, name: &one.name }).collect();
        let patterns = patterns::find(&found);
        families.extend(pointers(survey, &names, &patterns)?);
        let paths = std::mem::take(&mut reader.paths);
        let tops = tops.names;
        let (values, hasher) = (HashMap::new(), RandomState::default());
        let mut sample = Self { names, patterns, documents, classes, families, paths, tops, values, hasher };
        for number in 0..sample.documents.len() {
            let Some(document) = sample.documents.get_mut(number) else { continue };
            document.class = sample.classes.of(document.db, &document.name);
            let Some(class) = document.class.and_then(|class| sample.classes.get(class)) else { continue };
            class.complete(&document.name, &mut sample.paths, Rc::make_mut(&mut document.fields));
            for (path, value) in document.fields.iter() {
                let known = sample.values.entry(sample.hasher.hash_one((document.db, value))).or_default();
                if let (true, Ok(number)) = (known.len() < SHARED, u32::try_from(number)) {
                    known.push((number, *path));
                }
            }
        }
        Ok(sample)
    }

    /// Sampled records with a field of this value, and the field.
    pub fn with_value<'s>(&'s self, db: u64, value: &'s [u8]) -> impl Iterator<Item = (&'s Document, u32)> + 's {
        let known = self.values.get(&self.hasher.hash_one((db, value))).map_or(&[][..], Vec::as_slice);
        known.iter().filter_map(move |(number, path)| {
            let document = self.documents.get(usize::try_from(*number).ok()?)?;
            let same = document.fields.iter().any(|(own, bytes)| own == path && bytes == value);
            (same && document.db == db).then_some((document, *path))
        })
    }

    /// Whether no two sampled records of a class share a value of this field.
    pub fn is_unique(&self, class: u32, path: u32) -> bool {
        let mut values: Vec<&[u8]> = Vec::new();
        for document in self.documents.iter().filter(|document| document.class == Some(class)) {
            values.extend(document.fields.iter().filter(|(own, _)| *own == path).map(|(_, value)| value.as_slice()));
        }
        let all = values.len();
        values.sort_unstable();
        values.dedup();
        all > 1 && values.len() == all
    }
}

/// The names at the top of documents, each with a number.
#[derive(Debug, Default)]
struct Tops {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
}

impl Tops {
    /// What a document is compared by: what is further in is as optional as it is varied.
    fn of(&mut self, document: &Document, paths: &Paths) -> BTreeSet<u32> {
        let mut shape = BTreeSet::new();
        for (path, _) in document.fields.iter() {
            let name = top(paths.text(*path));
            let number = match self.numbers.get(name) {
                Some(number) => *number,
                None => {
                    let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
                    self.names.push(name.to_owned());
                    self.numbers.insert(name.to_owned(), number);
                    number
                }
            };
            shape.insert(number);
        }
        shape
    }
}

/// The first name of a path, in its quotes if it has some.
fn top(path: &str) -> &str {
    let end = match path.strip_prefix('"') {
        Some(quoted) => {
            let mut escaped = false;
            let closing = quoted.find(|c| {
                let is_end = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                is_end
            });
            closing.map_or(path.len(), |at| at.saturating_add(2))
        }
        None => path.find(['.', '[']).unwrap_or(path.len()),
    };
    path.get(..end).unwrap_or(path)
}

/// A share of each family, by the lots of their names.
fn documents(
    survey: &Survey<'_>,
    families: Families,
    reader: &mut Reader,
    observer: &Observer,
) -> Result<Vec<Document>, Error> {
    let tree = families.tree();
    let sizes: HashMap<Vec<u8>, u64> =
        tree.list(&families).into_iter().map(|(glob, tally)| (glob, tally.keys)).collect();
    let share = per_family(RECORDS, sizes.len());
    let values = survey.keys.iter().filter(|key| key.is_value());
    let mut starts: Vec<(u64, u64)> = values.map(|key| (key.start, key.db())).collect();
    starts.sort_unstable();
    let (mut room, mut all, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
    let (mut glob, mut label) = (Vec::new(), Vec::new());
    for (start, db) in starts {
        if observer.stopped() {
            return Err(Error::Interrupted);
        }
        let name = survey.dump.key(start, &mut room)?;
        tree.find(name, &mut glob, &mut label);
        let every = sizes.get(&glob).copied().unwrap_or(1).div_ceil(share).max(1);
        if !lot(name).is_multiple_of(every) || bytes > BYTES || name.len() > NAME_BYTES {
            continue;
        }
        if let Some(fields) = reader.read(&survey.dump, survey.clock, start)? {
            let size = fields.iter().fold(0_usize, |sum, (_, value)| sum.saturating_add(value.len()));
            bytes = bytes.saturating_add(size).saturating_add(name.len());
            all.push(Document { db, name: name.to_vec(), class: None, fields: Rc::new(fields) });
        }
    }
    Ok(all)
}

/// Names of keys: of each family so many, by their lots.
fn names(survey: &Survey<'_>, families: Families, observer: &Observer) -> Result<Vec<Named>, Error> {
    let tree = families.tree();
    let sizes: HashMap<Vec<u8>, u64> =
        tree.list(&families).into_iter().map(|(glob, tally)| (glob, tally.keys)).collect();
    let share = per_family(NAMES, sizes.len());
    let mut keys: Vec<Key> = survey.keys.clone();
    keys.sort_unstable_by_key(|key| key.start);
    let (mut room, mut all) = (Vec::new(), Vec::new());
    let (mut glob, mut label) = (Vec::new(), Vec::new());
    for key in keys {
        if observer.stopped() {
            return Err(Error::Interrupted);
        }
        let name = survey.dump.key(key.start, &mut room)?;
        tree.find(name, &mut glob, &mut label);
        let every = sizes.get(&glob).copied().unwrap_or(1).div_ceil(share).max(1);
        if lot(name).is_multiple_of(every) && name.len() <= NAME_BYTES {
            let Key { start, kind, readable, .. } = key;
            all.push(Named { db: key.db(), kind, start, name: name.to_vec(), readable });
        }
    }
    Ok(all)
}

fn families(survey: &Survey<'_>, families: Families, observer: &Observer) -> Result<Vec<Family>, Error> {
    let mut all: BTreeMap<Vec<u8>, Family> = BTreeMap::new();
    let tree = families.tree();
    for (glob, tally) in tree.list(&families) {
        let (keys, elements) = (tally.keys, tally.elements);
        all.insert(glob.clone(), Family { glob, keys, elements, example: Vec::new(), chosen: Vec::new() });
    }
    let share = per_family(COLLECTIONS, all.len());
    let (mut room, mut glob, mut label) = (Vec::new(), Vec::new(), Vec::new());
    for collection in &survey.collections {
        if observer.stopped() {
            return Err(Error::Interrupted);
        }
        let name = survey.dump.key(collection.start, &mut room)?;
        tree.find(name, &mut glob, &mut label);
        if let Some(family) = all.get_mut(&glob) {
            if family.chosen.is_empty() {
                family.example = name.get(..NAME_BYTES).unwrap_or(name).to_vec();
            }
            family.chosen.push(*collection);
        }
    }
    let share = usize::try_from(share).unwrap_or(usize::MAX);
    let mut all: Vec<Family> = all.into_values().collect();
    for family in &mut all {
        if family.chosen.len() > share {
            // The largest first, and then as the lots fall; a name decides between equals.
            family.chosen.sort_unstable_by_key(|one| (std::cmp::Reverse(one.elements), one.lot, one.start));
            let mut rest = family.chosen.split_off(LARGEST.min(share));
            rest.sort_unstable_by_key(|one| (one.lot, one.start));
            rest.truncate(share.saturating_sub(LARGEST));
            family.chosen.extend(rest);
            family.chosen.sort_unstable();
        }
    }
    Ok(all)
}

/// Strings and hashes that may point to records, as families.
fn pointers(survey: &Survey<'_>, names: &[Named], patterns: &[Pattern]) -> Result<Vec<Family>, Error> {
    let mut out = Vec::new();
    for pattern in patterns.iter().filter(|pattern| matches!(pattern.kind, Kind::String | Kind::Hash)) {
        let mut family = Family {
            glob: pattern.glob(),
            keys: pattern.names.len() as u64,
            elements: 0,
            example: Vec::new(),
            chosen: Vec::new(),
        };
        let some = scatter::some(&pattern.names, POINTERS).filter_map(|number| names.get(*number));
        for named in some.filter(|named| named.readable) {
            let elements = survey.dump.record(named.start)?.value.elements()?;
            if family.chosen.is_empty() {
                family.example = named.name.clone();
            }
            family.elements = family.elements.saturating_add(elements);
            let (start, db, kind) = (named.start, named.db, named.kind);
            family.chosen.push(Collection { start, db, elements, lot: lot(&named.name), kind });
        }
        out.push(family);
    }
    Ok(out)
}

fn per_family(all: u64, families: usize) -> u64 {
    all.checked_div(families as u64).unwrap_or(all).clamp(LEAST, MOST)
}

#[cfg(test)]
mod tests {
    use super::top;

    #[test]
    fn the_top_of_a_path() {
        for (path, name) in
            [("a", "a"), ("a.b", "a"), ("a[].b", "a"), (r#""a.b""#, r#""a.b""#), (r#""a\"b".c"#, r#""a\"b""#)]
        {
            assert_eq!(top(path), name, "{path}");
        }
    }
}
