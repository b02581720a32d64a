//! Which keys entries name, if a part of them does: all surroundings that names share are tried.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::family::Family;
use super::known::Known;
use super::template::{Part, is_satellite, template, text_len, words_of_parts};
use super::variant::{Variant, look};
use crate::infer::patterns::{self, Shape};
use crate::infer::scatter;
use crate::infer::words::{is_among, words_of};

/// Entries with which all surroundings are tried.
pub const TRIED: usize = 40;
/// Surroundings of an entry that are counted in full.
const CLOSE: usize = 24;
/// Other keys that an entry may name in place of the first.
const ALTERNATIVES: usize = 7;
/// Fewer entries that name keys are chance.
const LEAST: u64 = 3;
/// Examples of entries that name nothing.
const EXAMPLES: usize = 3;

/// A part of entries, and what is known of the keys that it may name.
pub struct Try<'t, 'k, 'a> {
    family: &'t Family<'t>,
    known: Known<'k, 'a>,
    variant: Variant,
    /// The part of each entry that has it, with the number of the entry's key.
    own: Vec<(usize, &'t [u8])>,
    /// Words of the keys that the entries stand in.
    words: Vec<String>,
}

/// What came of it.
pub struct Tried {
    pub variant: Variant,
    pub exists: Vec<Vec<Part>>,
    /// Entries that name a key which is there.
    pub named: u64,
    pub rival: Option<Vec<Part>>,
    pub strange: Vec<Vec<u8>>,
    pub missed: Vec<Vec<u8>>,
    /// The keys that are named.
    pub names: BTreeSet<Vec<u8>>,
}

/// A template of names, and which entries name a key by it that is there.
#[derive(Clone)]
struct Counted {
    template: Vec<Part>,
    hits: Vec<bool>,
    count: u64,
}

impl<'t, 'k, 'a> Try<'t, 'k, 'a> {
    pub fn new(family: &'t Family<'t>, known: Known<'k, 'a>, texts: &'t [(usize, Vec<u8>)], variant: Variant) -> Self {
        let part = |(key, text): &'t (usize, Vec<u8>)| {
            let spots = patterns::read(&variant.pieces, text)?;
            Some((*key, text.get(spots.get(variant.own)?.clone())?))
        };
        let own = texts.iter().filter_map(part).collect();
        let words = words_of(&family.pattern.pieces);
        Self { family, known, variant, own, words }
    }

    pub fn run(self) -> Option<Tried> {
        let counted = self.ranked();
        let (first, others) = counted.split_first()?;
        let is_hit = |(own, hit): (&(usize, &'t [u8]), &bool)| hit.then_some(own.1);
        let distinct: BTreeSet<&[u8]> = self.own.iter().zip(&first.hits).filter_map(is_hit).collect();
        if first.count < LEAST || distinct.len() < 2 {
            return None;
        }
        let mut exists = vec![first.template.clone()];
        let mut found = first.hits.clone();
        let mut rival = None;
        for other in others {
            match self.side(first, &found, other) {
                Side::With if exists.len() <= ALTERNATIVES => {
                    exists.push(other.template.clone());
                    for (known, hit) in found.iter_mut().zip(&other.hits) {
                        *known |= hit;
                    }
                }
                Side::Against => {
                    rival.get_or_insert_with(|| other.template.clone());
                }
                _ => {}
            }
        }
        if rival.is_none() {
            rival = self.stray(&exists, &found);
        }
        Some(self.tried(exists, &found, rival))
    }

    fn has(&self, name: &[u8]) -> bool {
        self.known.survey.has(self.family.pattern.db, name)
    }

    /// Identifiers that are no small numbers are shared by no chance.
    fn are_numbers(&self) -> bool {
        matches!(self.variant.shape(), Some(Shape::Digits))
    }

    /// Whether the words of a template are those of the entries' keys.
    fn is_meant(&self, template: &[Part]) -> bool {
        words_of_parts(template).iter().any(|word| is_among(word, &self.words))
    }

    /// The templates that some of the entries speak for, the one that is meant first.
    fn ranked(&self) -> Vec<Counted> {
        let mut counted: Vec<Counted> = self.voted().into_iter().map(|template| self.count(template)).collect();
        counted.sort_by(|a, b| {
            let order = |one: &Counted| (Reverse(one.count), text_len(&one.template));
            order(a).cmp(&order(b)).then_with(|| a.template.cmp(&b.template))
        });
        let Some(most) = counted.first().map(|first| first.count) else { return counted };
        // Of those that are found as often, the one whose words are those of the entries' keys.
        let is_meant =
            |one: &Counted| one.count.saturating_mul(10) >= most.saturating_mul(9) && self.is_meant(&one.template);
        to_front(&mut counted, is_meant);
        // What stands beside a record may outlive it: the record is meant.
        let Some(top) = counted.first().cloned() else { return counted };
        let is_main = |one: &Counted| {
            one.count.saturating_mul(3) >= top.count
                && text_len(&one.template) < text_len(&top.template)
                && is_satellite(&one.template, &top.template)
        };
        to_front(&mut counted, is_main);
        counted
    }

    /// Templates by which some of the entries name a key.
    fn voted(&self) -> Vec<Vec<Part>> {
        let mut votes: BTreeMap<Vec<Part>, u64> = BTreeMap::new();
        let tried: Vec<&(usize, &[u8])> = scatter::some(&self.own, TRIED).collect();
        let whole = (Vec::new(), Vec::new());
        for (before, behind) in std::iter::once(&whole).chain(self.known.around) {
            for (key, own) in &tried {
                if self.has(&[before, *own, behind].concat()) {
                    let vote = votes.entry(template(before, behind, self.family.values(*key))).or_default();
                    *vote = vote.saturating_add(1);
                }
            }
        }
        let mut best: Vec<(Vec<Part>, u64)> = votes.into_iter().collect();
        best.sort_by(|(a, x), (b, y)| (Reverse(x), text_len(a), a).cmp(&(Reverse(y), text_len(b), b)));
        best.truncate(CLOSE);
        best.into_iter().map(|(template, _)| template).collect()
    }

    fn count(&self, template: Vec<Part>) -> Counted {
        let hit = |(key, own): &(usize, &[u8])| self.has(&self.family.name(&template, *key, own));
        let hits: Vec<bool> = self.own.iter().map(hit).collect();
        let count = hits.iter().filter(|hit| **hit).count() as u64;
        Counted { template, hits, count }
    }

    /// What another template has to do with those that are taken.
    fn side(&self, first: &Counted, found: &[bool], other: &Counted) -> Side {
        let total = found.len() as u64;
        let known = found.iter().filter(|hit| **hit).count() as u64;
        let both = found.iter().zip(&other.hits).filter(|(known, hit)| **known && **hit).count() as u64;
        let more = other.count.saturating_sub(both);
        let missed = total.saturating_sub(known);
        let is_beneath = is_satellite(&first.template, &other.template);
        // It is there for those that the others miss more often than for those that they find: it belongs to them.
        let belongs = more > 0 && more.saturating_mul(known) > both.saturating_mul(missed).saturating_mul(2);
        // Whichever of the keys is meant, what has one of them stays.
        let is_shared = !self.are_numbers()
            && other.count.saturating_mul(2) >= known
            && !is_beneath
            && !is_satellite(&other.template, &first.template);
        let is_rival = more > 0
            && other.count.saturating_mul(10) >= known.saturating_mul(9)
            && !is_beneath
            && (!self.is_meant(&first.template) || self.is_meant(&other.template));
        match (belongs || is_shared, is_rival) {
            (true, _) => Side::With,
            (false, true) => Side::Against,
            (false, false) => Side::Neither,
        }
    }

    /// What names nothing by the templates may name something by others, which few share. Small numbers are shared by
    /// chance, unless what they name is of the same class as what the others do.
    fn stray(&self, exists: &[Vec<Part>], found: &[bool]) -> Option<Vec<Part>> {
        let first = exists.first()?;
        let class = |name: &[u8]| self.known.sample.classes.of(self.family.pattern.db, name);
        let hits = self.own.iter().zip(found).filter(|(_, found)| **found);
        let names =
            hits.flat_map(|((key, own), _)| exists.iter().map(|template| self.family.name(template, *key, own)));
        let classes: BTreeSet<u32> = names.filter(|name| self.has(name)).filter_map(|name| class(&name)).collect();
        let may_name = |name: &[u8]| {
            self.has(name) && (!self.are_numbers() || class(name).is_some_and(|class| classes.contains(&class)))
        };
        let missed: Vec<(usize, &[u8])> =
            self.own.iter().zip(found).filter(|(_, found)| !**found).map(|(own, _)| *own).collect();
        scatter::some(&missed, TRIED).find_map(|(key, own)| {
            let is_there = |(before, behind): &&(Vec<u8>, Vec<u8>)| may_name(&[before, *own, behind].concat());
            let (before, behind) = self.known.around.iter().find(is_there)?;
            let template = template(before, behind, self.family.values(*key));
            Some(template).filter(|template| !is_satellite(first, template))
        })
    }

    fn tried(self, exists: Vec<Vec<Part>>, found: &[bool], rival: Option<Vec<Part>>) -> Tried {
        let (hit, missed): (Vec<_>, Vec<_>) = self.own.iter().zip(found).partition(|(_, found)| **found);
        let (hit, missed): (Vec<_>, Vec<_>) =
            (hit.into_iter().map(|(own, _)| *own).collect(), missed.into_iter().map(|(own, _)| own.1).collect());
        let looks: BTreeSet<Vec<u8>> = hit.iter().map(|(_, own)| look(own)).collect();
        let is_strange = |own: &&&[u8]| !looks.contains(&look(own));
        let strange = missed.iter().filter(is_strange).take(EXAMPLES).map(|own: &&[u8]| own.to_vec()).collect();
        let mut names: BTreeSet<Vec<u8>> = BTreeSet::new();
        for (key, own) in &hit {
            let all = exists.iter().map(|template| self.family.name(template, *key, own));
            names.extend(all.filter(|name| self.has(name)));
        }
        let mut variant = self.variant;
        variant.narrow(Shape::of_all(hit.iter().map(|(_, own): &(usize, &[u8])| *own)));
        Tried {
            variant,
            exists,
            named: hit.len() as u64,
            rival,
            strange,
            missed: missed.iter().take(EXAMPLES).map(|own| own.to_vec()).collect(),
            names,
        }
    }
}

/// What a template has to do with those that are taken.
enum Side {
    /// An entry may name a key by it in place of the others.
    With,
    /// As many entries name a key by it, and others.
    Against,
    Neither,
}

/// Moves the first of these to the front, unless one of these is there.
fn to_front(counted: &mut Vec<Counted>, is_better: impl Fn(&Counted) -> bool) {
    if let Some(at) = counted.iter().position(is_better) {
        let better = counted.remove(at);
        counted.insert(0, better);
    }
}
