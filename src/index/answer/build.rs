//! From an answer and a dump to a difference.

use std::collections::{HashMap, HashSet};

use super::find::{self, Key};
use super::members::Look;
use super::{Answer, Edit, Error, What, Why};
use crate::dump::rdb::{Kind, Record, Scratch};
use crate::dump::scan::Observer;
use crate::index::brakes::judge::{self, Examples};
use crate::index::brakes::whole;
use crate::index::compare::stale::{Reason, Stale};
use crate::index::compare::{frozen, joint};
use crate::index::gather::survey::{ClassCount, is_index_type};
use crate::index::store::buckets::Edits;
use crate::index::store::entry::{Entry, Scored, Source};
use crate::index::store::hash::Hasher;
use crate::index::store::interner::{Interned, Interner};
use crate::index::store::keys::{Keys, write_group};
use crate::index::store::name_prefix::{MemberPrefixes, NamePrefix, NamePrefixes};
use crate::index::{DeleteReason, Deletion, Difference, Error as IndexError, Facts, Gone, Present};
use crate::model::spec::{IndexType, Policy, Spec};
use crate::model::view::{Clock, Dump, Expires, Expiry};
use crate::text::display;

/// A key that is edited, and its edits.
struct Edited<'e> {
    db: u64,
    name: &'e [u8],
    edits: Vec<&'e Edit>,
    /// Their numbers among all.
    numbers: Vec<usize>,
}

impl Edited<'_> {
    fn unfit(&self, what: &'static str) -> Error {
        Error::Unfit { key: display(self.name), what }
    }

    fn deleted(&self) -> Option<(&Edit, DeleteReason)> {
        self.edits.iter().find_map(|edit| match edit.what {
            What::Delete(reason) => Some((*edit, reason)),
            _ => None,
        })
    }

    fn adds(&self) -> bool {
        self.edits.iter().any(|edit| matches!(edit.what, What::Add { .. }))
    }

    /// Whether all of it can be so, whatever the dump holds.
    fn check(&self, spec: &Spec) -> Result<(), Error> {
        let mut members = HashSet::new();
        let deletes = self.edits.iter().filter(|edit| matches!(edit.what, What::Delete(_))).count();
        for edit in &self.edits {
            let Some(index) = spec.indexes.get(edit.index) else {
                return Err(self.unfit("the spec has no such index"));
            };
            if index.db != self.db || !index.takes(self.name) {
                return Err(self.unfit("it is not of the family of the index that the edit is of"));
            }
            let may = match (&edit.what, index.policy) {
                (What::Delete(DeleteReason::Retired), policy) => policy == Policy::Retire,
                (What::Delete(DeleteReason::NamedKeysGone), policy) => policy == Policy::Prune,
                (What::Delete(_) | What::Add { .. }, policy) => policy == Policy::Maintain,
                (What::Remove { why: Why::NamedKeyGone, .. }, policy) => policy == Policy::Prune,
                (What::Remove { .. }, policy) => policy == Policy::Maintain,
            };
            if !may {
                return Err(self.unfit("the policy of its index allows no such edit"));
            }
            let is_new = match &edit.what {
                What::Delete(_) => deletes == 1,
                What::Add { member, .. } | What::Remove { member, .. } => members.insert(member.as_slice()),
            };
            if !is_new {
                return Err(self.unfit("it is edited in two ways"));
            }
            if let (1.., What::Add { changes: true, .. } | What::Remove { .. }) = (deletes, &edit.what) {
                return Err(self.unfit("it is deleted and edited in place"));
            }
        }
        let is_wrong_type = self.deleted().is_some_and(|(_, reason)| reason == DeleteReason::WrongType);
        if deletes > 0 && self.adds() && !is_wrong_type {
            return Err(self.unfit("it is deleted and made anew, and not for its type"));
        }
        Ok(())
    }
}

impl<'a> Difference<'a> {
    /// The difference that an engine says is that of this shard. Runs on the current `rayon` pool.
    pub fn answered(
        file: &'a [u8],
        spec: &'a Spec,
        expiry: Expiry,
        answer: &Answer,
        observer: &Observer,
    ) -> Result<Self, Error> {
        let mut numbers = find::Numbered::new();
        let mut edited: Vec<Edited<'_>> = Vec::new();
        for (at, edit) in answer.edits.iter().enumerate() {
            let number = *numbers.entry(edit.db).or_default().entry(edit.key.clone()).or_insert(edited.len());
            if number == edited.len() {
                edited.push(Edited { db: edit.db, name: &edit.key, edits: Vec::new(), numbers: Vec::new() });
            }
            edited[number].edits.push(edit);
            edited[number].numbers.push(at);
        }
        edited.iter().try_for_each(|key| key.check(spec))?;
        let clock = Clock { created_ms: answer.created_ms, expiry };
        let (pass, found, twice) = find::run(file, spec, clock, &numbers, observer)?;
        let dump = Dump { file, header: pass.header };

        let hasher = Hasher::default();
        let added = Added::new(spec, &answer.edits, &hasher)?;
        let mut out = Parts { present: Vec::new(), stale: Vec::new(), deletions: Vec::new(), kept: HashMap::new() };
        let mut rescored = HashMap::new();
        let mut scratch = Scratch::default();
        for (number, key) in edited.iter().enumerate() {
            // What has expired is as good as not there.
            let is_there = |there: &&Key<'_>| clock.expires(there.record.expire_ms) != Expires::Gone;
            match found.keys.get(&number).filter(is_there) {
                Some(there) => out.edit(spec, clock, key, there, &added, &mut rescored, &mut scratch)?,
                None if key.edits.iter().all(|edit| matches!(edit.what, What::Add { changes: false, .. })) => {}
                None => return Err(key.unfit("it is not in the dump, or has expired")),
            }
        }
        let Parts { mut present, mut stale, mut deletions, kept } = out;
        let mut order: Vec<u32> = (0..present.len() as u32).collect();
        order.sort_by_key(|at| (present[*at as usize].index, present[*at as usize].start));
        let mut places = vec![0; order.len()];
        for (place, at) in (0..).zip(&order) {
            places[*at as usize] = place;
        }
        present = order.iter().map(|at| present[*at as usize]).collect();
        stale.iter_mut().for_each(|one| *one = one.of_key(places[one.key as usize]));
        stale.sort_unstable_by_key(|one| (one.key, one.place));
        deletions.sort_unstable_by_key(|key| (key.index, key.start));

        let classes: Vec<ClassCount> = answer
            .classes
            .iter()
            .map(|[records, decodable]| ClassCount { records: *records, decodable: *decodable })
            .collect();
        let of = |numbers: &[super::Numbers]| {
            let summary = |(at, numbers): (usize, &super::Numbers)| {
                let mut summary = numbers.summary();
                let undecidable = answer.total.get(at).map_or(0, |total| total.get("undecidable records"));
                summary.frozen = frozen(spec, at, &classes, undecidable);
                summary
            };
            numbers.iter().enumerate().map(summary).collect::<Vec<_>>()
        };
        let (summaries, of_all) = (of(&answer.own), of(&answer.total));
        let evidence: Vec<_> =
            answer.total.iter().zip(&spec.indexes).map(|(numbers, index)| numbers.evidence(index)).collect();
        let references: Vec<_> = answer.total.iter().map(super::Numbers::references).collect();
        let mut brakes = judge::of_indexes(spec, &classes, &of_all, (&evidence, &references), Examples::default());
        if let Some(keys) = answer.describes_nothing {
            brakes.push(judge::no_match(spec, keys));
        }
        let mut facts = Facts::of(pass, &answer.parts);
        facts.slots.clone_from(&answer.slots);
        facts.of_a_cluster |= answer.of_a_cluster;
        facts.twice = twice;
        brakes.extend(whole::judge(spec, &facts));
        brakes.sort_by_key(|braked| (braked.brake, braked.index));
        let (sets, zsets) = added.edits(spec, answer);
        Ok(Self {
            spec,
            dump,
            clock,
            by_slot: answer.is_one_database && spec.indexes.iter().all(|index| index.db == 0),
            facts,
            stock: found.stock,
            summaries,
            diagnostics: found.diagnostics,
            brakes,
            evidence,
            references,
            prefixes: MemberPrefixes::default(),
            keys: added.keys,
            interned: added.interned,
            sets,
            zsets,
            rescored,
            present,
            stale,
            deletions,
            gone: vec![Gone::default(); spec.indexes.len()],
            witnesses: found.witnesses.into_list(),
            kept,
        })
    }
}

/// Members that come, and the keys that get them.
struct Added {
    keys: Keys,
    interned: Interned,
    /// By edit: the numbers of its member and of its value.
    numbers: Vec<Option<(u32, u32)>>,
    prefixes: MemberPrefixes,
    hasher: Hasher,
}

impl Added {
    fn new(spec: &Spec, edits: &[Edit], hasher: &Hasher) -> Result<Self, Error> {
        let (groups, members) = (Interner::default(), Interner::default());
        let mut group = Vec::new();
        let full = |_| Error::Index(IndexError::TooMany);
        let mut numbers = Vec::with_capacity(edits.len());
        let intern = |bytes: &[u8]| members.intern(bytes, hasher.hash(bytes), hasher).map_err(full);
        for edit in edits {
            let (named, number) = match &edit.what {
                What::Add { member, value, .. } => (Some(&edit.key), Some((intern(member)?, intern(value)?))),
                What::Remove { why: Why::MovedTo(key), .. } => (Some(key), None),
                _ => (None, None),
            };
            if let Some(key) = named {
                write_group(edit.index as u16, key, std::iter::empty(), &mut group);
                groups.intern(&group, hasher.hash(&group), hasher).map_err(full)?;
            }
            numbers.push(number);
        }
        let keys = Keys::new(groups.freeze(), NamePrefixes::default(), joint(spec), |_, _, _| Ok(false))?;
        // What is a number behind the text of its template is ordered by that.
        let first = spec.first_of_keys();
        let is_alone = |at: usize| first.iter().filter(|other| **other == first[at]).count() == 1;
        let prefix = |(at, index): (usize, &crate::model::spec::Index)| {
            if is_alone(at) { NamePrefix::of_index(&index.member, hasher) } else { None }
        };
        let prefixes = spec.indexes.iter().enumerate().map(prefix).collect();
        Ok(Self { keys, interned: members.freeze(), numbers, prefixes, hasher: Hasher::default() })
    }

    /// What comes, by key and in the order of a plan of all dumps.
    fn edits(&self, spec: &Spec, answer: &Answer) -> (Edits<Entry>, Edits<Scored>) {
        let (mut sets, mut zsets) = (Vec::new(), Vec::new());
        for (edit, numbers) in answer.edits.iter().zip(&self.numbers) {
            let (What::Add { member, score, at, .. }, Some((source, value))) = (&edit.what, numbers) else { continue };
            let Some(rank) = self.keys.find(edit.index, &edit.key) else { continue };
            let prefix = self.prefixes.get(edit.index).and_then(Option::as_ref);
            let place = match (at, NamePrefix::hash(prefix, member, &self.hasher).1) {
                (Some((shard, at)), _) => Place::Record(shard, *at),
                (None, Some(number)) => Place::Number(number),
                (None, None) => Place::Bytes(member),
            };
            let entry = Entry { key: rank, hash: 0, source: Source::interned(*source) };
            match spec.indexes[edit.index].kind {
                IndexType::Zset => zsets.push((rank, place, Scored { entry, score: *score })),
                // A value stands by its number, which is its score.
                IndexType::Hash | IndexType::String => {
                    zsets.push((rank, place, Scored { entry, score: f64::from(*value) }));
                }
                _ => sets.push((rank, place, entry)),
            }
        }
        sets.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        zsets.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        let sets = sets.into_iter().map(|(_, _, entry)| entry).collect();
        (Edits::in_order(sets), Edits::in_order(zsets.into_iter().map(|(_, _, scored)| scored).collect()))
    }
}

/// By what members of one key are ordered: as the sources of a plan of all dumps are.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place<'e> {
    Record(&'e str, u64),
    Bytes(&'e [u8]),
    Number(u64),
}

/// What becomes of the keys of the dump.
struct Parts<'a> {
    present: Vec<Present>,
    /// By the number of their key in `present`.
    stale: Vec<Stale>,
    deletions: Vec<Deletion>,
    /// Records that cannot be read again.
    kept: HashMap<u64, Record<'a>>,
}

impl<'a> Parts<'a> {
    #[allow(clippy::too_many_arguments, reason = "all of it is about one key")]
    fn edit(
        &mut self,
        spec: &Spec,
        clock: Clock,
        key: &Edited<'_>,
        there: &Key<'a>,
        added: &Added,
        rescored: &mut HashMap<(u32, Source), f64>,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        let record = &there.record;
        let value = &record.value;
        if there.is_record {
            return Err(key.unfit("it is a record, and records are never written"));
        }
        let start = record.start as u64;
        if value.pieces() > 1 || !value.can_be_revisited() {
            self.kept.insert(start, record.clone());
        }
        if let Some((edit, reason)) = key.deleted() {
            let is_right_type = is_index_type(value.ty.kind(), spec.indexes[edit.index].kind);
            if reason != DeleteReason::Retired && is_right_type == (reason == DeleteReason::WrongType) {
                return Err(key.unfit("the reason for which it is deleted does not fit its type"));
            }
            let bytes = u32::try_from(value.bytes.len()).unwrap_or(u32::MAX);
            self.deletions.push(Deletion { start, index: edit.index as u32, reason, bytes });
            return Ok(());
        }
        let Some(first) = key.edits.first() else { return Ok(()) };
        let kind = value.ty.kind();
        if !key.edits.iter().all(|edit| is_index_type(kind, spec.indexes[edit.index].kind)) {
            return Err(key.unfit("it has another type than the index of an edit"));
        }
        let mut look = Look {
            going: HashMap::new(),
            places: Vec::new(),
            changing: HashSet::new(),
            old: Vec::new(),
            coming: HashSet::new(),
            is_there: false,
            clock,
        };
        let mut reasons = HashMap::new();
        for edit in &key.edits {
            match &edit.what {
                What::Remove { member, why } => {
                    look.going.insert(member, 0);
                    reasons.insert(member.as_slice(), added.reason(edit.index, why));
                }
                What::Add { member, changes: true, .. } => drop(look.changing.insert(member)),
                What::Add { member, .. } => drop(look.coming.insert(member)),
                What::Delete(_) => {}
            }
        }
        value.visit(scratch, &mut look)?;
        let is_list = kind == Kind::List;
        if look.going.values().any(|count| *count == 0 || (*count > 1 && !is_list)) {
            return Err(key.unfit("a member that goes is not there, or twice"));
        }
        if look.is_there {
            return Err(key.unfit("a member that comes is there already"));
        }
        if look.old.len() != look.changing.len() {
            return Err(key.unfit("a member that changes is not there, or twice"));
        }
        let elements = value.elements()?;
        if !key.adds() && look.places.len() as u64 >= elements {
            return Err(key.unfit("it would be empty: a key that loses all is deleted"));
        }
        let rank = key.edits.iter().find(|edit| matches!(edit.what, What::Add { .. }));
        let rank = rank.and_then(|edit| added.keys.find(edit.index, key.name));
        let old: HashMap<&[u8], f64> = look.old.iter().copied().collect();
        for (number, edit) in key.numbers.iter().zip(&key.edits) {
            if let (What::Add { member, changes: true, .. }, Some(rank)) = (&edit.what, rank)
                && let (Some(old), Some(Some((source, _)))) = (old.get(member.as_slice()), added.numbers.get(*number))
            {
                rescored.insert((rank, Source::interned(*source)), *old);
            }
        }
        let at = self.present.len() as u32;
        for (place, member) in &look.places {
            let mut stale = Stale::new(*place, at, 0);
            stale.explain(reasons.get(member).copied().unwrap_or_default());
            self.stale.push(stale);
        }
        self.present.push(Present {
            start,
            index: first.index as u32,
            rank,
            frozen: false,
            shared: false,
            stale: look.places.len() as u64,
        });
        Ok(())
    }
}

impl Added {
    fn reason(&self, index: usize, why: &Why) -> Reason {
        match why {
            Why::NotImplied => Reason::NotImplied,
            Why::RecordMissing => Reason::RecordMissing,
            Why::ImpliesNothing => Reason::ImpliesNothing,
            Why::Orphan => Reason::Orphan,
            Why::NamedKeyGone => Reason::NamedKeyGone,
            Why::MovedTo(key) => self.keys.find(index, key).map_or(Reason::NotImplied, Reason::MovedTo),
        }
    }
}
