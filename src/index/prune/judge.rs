//! What goes of each key of the prune rules.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::{ControlFlow, Range};

use rayon::iter::{IntoParallelIterator, IntoParallelRefIterator, ParallelIterator};

use super::look_up::{Found, Room, There};
use crate::dump::rdb::{self, Element, Flow, Kind, Scratch, Visitor};
use crate::index::compare::known::Known;
use crate::index::compare::scan_members::Ask;
use crate::index::compare::stale::{Reason, Stale};
use crate::index::gather::survey::IndexKey;
use crate::index::store::hash::Hasher;
use crate::index::{DeleteReason, Deletion, Present, Summary};
use crate::model::entry::Entries;
use crate::model::spec::{Exists, IndexType, Policy, Spec};
use crate::model::view::{Clock, Diagnostics, Existing, Expires, KeyType};
use crate::progress::Watch;
use crate::text::display;

/// What becomes of the keys of prune rules.
#[derive(Debug, Default)]
pub struct Pruned {
    /// Keys that lose some entries.
    pub present: Vec<Present>,
    /// Those entries, by the position of their key in `present`.
    pub stale: Vec<Stale>,
    pub deletions: Vec<Deletion>,
    /// Every key, with its index, by what becomes of it.
    pub fates: Vec<(u64, u32, Fate)>,
    /// By index: entries that would go, and how many name a key that is in the dump.
    pub evidence: Vec<References>,
}

/// What becomes of a key of a prune rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// All of it goes.
    Goes,
    /// It loses some entries: its position in [`Pruned::present`], if these were kept.
    Loses(Option<u32>),
    /// It stays as it is.
    Stays,
}

/// What the entries of a rule name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Entries of keys of the rule, whatever their form.
    pub entries: u64,
    /// Entries that have the form.
    pub formed: u64,
    /// Of these, entries that name a key which is in the dump.
    pub found: u64,
    /// Entries that go, those of deleted keys included.
    pub going: u64,
}

/// What was seen of one key.
#[derive(Debug, Default)]
struct Seen {
    elements: u64,
    /// By rule of the key.
    references: Vec<References>,
    going: u64,
    stale: Vec<Stale>,
    /// Hashes of the members or fields that go.
    hashes: Vec<u64>,
}

/// Looks at all keys of prune rules. `gone` are the keys that the plan deletes for other reasons; those that are deleted here
/// are added.
pub fn prune(
    known: &Known<'_, '_>,
    (clock, existing): (Clock, &Existing),
    keys: &[IndexKey],
    gone: &mut HashSet<u64>,
    (summaries, diagnostics): (&mut [Summary], &mut Diagnostics),
    ask: Ask,
    watch: &dyn Watch,
) -> Result<Pruned, rdb::Error> {
    let want_stale = ask != Ask::Counts;
    let spec = known.names.spec;
    let mut out = Pruned { evidence: vec![References::default(); spec.indexes.len()], ..Pruned::default() };
    if keys.is_empty() {
        return Ok(out);
    }
    let mut scratch = Vec::new();
    loop {
        let there = There { dump: known.members.dump, clock, existing, gone };
        let judged: Vec<Judged> = keys
            .par_iter()
            .map(|key| {
                if watch.stopped() {
                    // The caller looks, too.
                    return Ok(Judged::default());
                }
                one(known, &there, key, want_stale)
            })
            .collect::<Result<_, rdb::Error>>()?;
        let mut more = false;
        for (key, judged) in keys.iter().zip(&judged) {
            let policy = spec.indexes[judged.index].policy;
            if judged.deleted && policy == Policy::Prune && gone.insert(key.start) {
                // Only what some entry names can make a difference.
                more |= judged.named;
            }
        }
        if more && !watch.stopped() {
            continue;
        }
        for (key, _) in keys.iter().zip(&judged).filter(|(_, judged)| judged.repeated) {
            let name = known.members.dump.key(key.start, &mut scratch)?;
            diagnostics
                .add("index.repeated_member", key.start, || format!("an entry stands twice in {}", display(name)));
        }
        settle(spec, keys, judged, ask, summaries, &mut out);
        return Ok(out);
    }
}

/// What becomes of one key.
#[derive(Debug, Default)]
struct Judged {
    /// The first rule that takes it.
    index: usize,
    seen: Seen,
    rules: Vec<usize>,
    deleted: bool,
    /// Its name is one that entries may have.
    named: bool,
    /// It stays as it is, though entries of it would go.
    kept: bool,
    /// An entry that would go stands in it twice.
    repeated: bool,
}

fn one(known: &Known<'_, '_>, there: &There<'_, '_>, key: &IndexKey, want_stale: bool) -> Result<Judged, rdb::Error> {
    let spec = known.names.spec;
    let mut scratch = Vec::new();
    let record = known.record(key.start)?;
    let name = known.members.dump.key(key.start, &mut scratch)?;
    let ty = KeyType::of(&record.value);
    let mut rules: Vec<usize> = known.names.pruning(record.db, name, ty).collect();
    // What is only reported on takes nothing away, and keeps nothing from being taken.
    if rules.iter().any(|at| spec.indexes[*at].policy == Policy::Prune) {
        rules.retain(|at| spec.indexes[*at].policy == Policy::Prune);
    }
    let index = rules.first().copied().unwrap_or(key.index as usize);
    let entries: Vec<Entries<'_>> = rules.iter().filter_map(|at| Entries::new(spec.indexes.get(*at)?, name)).collect();
    let whole = |at: &usize| spec.indexes[*at].kind == IndexType::Any;
    let vague = |at: &usize| spec.indexes[*at].family.literals() == 0;
    let named = there.existing.has(record.db, name);
    let mut judged = Judged { index, named, ..Judged::default() };
    judged.seen.references = vec![References::default(); rules.len()];

    // Rules about the key as a whole: it goes if one of them does not find what its name names, and none does.
    let room = RefCell::new(Room::default());
    let (mut wholes, mut stays) = (false, false);
    // Without literal text any key is of the family, and one that names nothing is something else.
    let by_name = |number: usize| whole(&rules[number]) && !vague(&rules[number]);
    for (number, entries) in entries.iter().enumerate().filter(|(number, _)| by_name(*number)) {
        let found = there.look(entries, (&[], &[]), &room)?;
        let references = &mut judged.seen.references[number];
        references.formed += 1;
        references.found += u64::from(found.in_dump);
        wholes = true;
        stays |= found.stays;
    }
    if wholes && !stays {
        judged.seen.going = 1;
        judged.seen.elements = 1;
        for (number, at) in rules.iter().enumerate() {
            judged.seen.references[number].going += u64::from(whole(at));
        }
        judged.deleted = true;
        judged.rules = rules;
        return Ok(judged);
    }
    let inner: Vec<usize> = (0..rules.len()).filter(|number| !whole(&rules[*number])).collect();
    if !inner.is_empty() {
        let pieces = record.value.pieces();
        let visit = |piece: usize, inner: &[usize]| {
            let own: Vec<(usize, Entries<'_>)> =
                inner.iter().filter_map(|at| Some((*at, entries.get(*at)?.clone()))).collect();
            let mut look = Look {
                there,
                clock: there.clock,
                plain: own.iter().all(|(_, entries)| entries.index.exists.iter().all(Exists::is_plain)),
                entries: own,
                batch: Batch::default(),
                room: RefCell::new(Room::default()),
                seen: Seen { references: vec![References::default(); rules.len()], ..Seen::default() },
                want_stale,
                hasher: known.hasher,
                error: None,
            };
            record.value.visit_piece(piece, &mut Scratch::default(), &mut look)?;
            look.flush();
            look.error.map_or(Ok(look.seen), Err)
        };
        let visit_all = |inner: &[usize]| -> Result<Seen, rdb::Error> {
            let visit = |piece: usize| visit(piece, inner);
            if pieces == 1 {
                return visit(0);
            }
            let pieces: Vec<Seen> = (0..pieces).into_par_iter().map(visit).collect::<Result<_, rdb::Error>>()?;
            let mut all = Seen { references: vec![References::default(); rules.len()], ..Seen::default() };
            pieces.into_iter().for_each(|seen| all.join(seen));
            Ok(all)
        };
        let mut seen = visit_all(&inner)?;
        // Without literal text in its template a rule is about this key only if some entry names a key of the dump.
        let idle = |seen: &Seen, at: usize| vague(&rules[at]) && seen.references[at].found == 0;
        let unnamed = inner.iter().any(|at| idle(&seen, *at) && seen.references[*at].going > 0);
        if unnamed {
            let counting: Vec<usize> = inner.iter().copied().filter(|at| !idle(&seen, *at)).collect();
            seen = visit_all(&counting)?;
            judged.kept = counting.is_empty();
        }
        judged.seen.join(seen);
    }
    // No server writes a set, a sorted set or a hash with the same entry twice: what an edit of it comes to nobody knows.
    let mut hashes = std::mem::take(&mut judged.seen.hashes);
    if record.value.ty.kind() != Kind::List && hashes.len() > 1 {
        hashes.sort_unstable();
        judged.repeated = hashes.windows(2).any(|pair| pair[0] == pair[1]);
        if judged.repeated {
            judged.seen.going = 0;
            judged.seen.stale.clear();
        }
    }
    judged.deleted = judged.seen.going > 0 && judged.seen.going == judged.seen.elements;
    if judged.deleted {
        judged.seen.stale = Vec::new();
    }
    judged.rules = rules;
    Ok(judged)
}

impl Seen {
    /// One more entry that has the form of a rule.
    fn count(&mut self, rule: usize, found: Found) {
        let references = &mut self.references[rule];
        references.formed += 1;
        references.found += u64::from(found.in_dump);
        references.going += u64::from(!found.stays);
    }

    fn join(&mut self, other: Seen) {
        self.elements += other.elements;
        self.going += other.going;
        for (all, one) in self.references.iter_mut().zip(other.references) {
            all.formed += one.formed;
            all.found += one.found;
            all.going += one.going;
        }
        self.hashes.extend(other.hashes);
        if self.stale.is_empty() {
            self.stale = other.stale;
        } else {
            self.stale.extend(other.stale);
        }
    }
}

/// Entries that are looked up together, so that the loads of all overlap.
const BATCH: usize = 64;

/// Reads the entries of a piece of a key.
struct Look<'l, 'a, 's> {
    there: &'l There<'a, 'l>,
    clock: Clock,
    /// The rules, by their number among those of the key.
    entries: Vec<(usize, Entries<'s>)>,
    /// No rule asks for more than that the named key is there.
    plain: bool,
    batch: Batch,
    room: RefCell<Room>,
    seen: Seen,
    want_stale: bool,
    hasher: &'l Hasher,
    error: Option<rdb::Error>,
}

/// Entries of which the named keys are known by their hashes, and not yet whether they are there.
#[derive(Debug, Default)]
struct Batch {
    /// Place and hash of each entry, and where its names end.
    entries: Vec<(rdb::Place, u64, usize)>,
    /// The number of the rule, whether it is the last name of the rule for this entry, the hash, and where such hashes are.
    names: Vec<(usize, bool, u64, Range<usize>)>,
    name: Vec<u8>,
}

impl Look<'_, '_, '_> {
    fn entry(&mut self, place: rdb::Place, member: &[u8], value: &[u8]) -> Flow {
        self.seen.elements += 1;
        if self.plain {
            self.note(place, member, value);
            return ControlFlow::Continue(());
        }
        let (mut formed, mut stays) = (false, false);
        for (number, entries) in &mut self.entries {
            if !entries.read(member, value) {
                continue;
            }
            formed = true;
            let found = match self.there.look(entries, (member, value), &self.room) {
                Ok(found) => found,
                Err(error) => {
                    self.error = Some(error);
                    return ControlFlow::Break(());
                }
            };
            self.seen.count(*number, found);
            stays |= found.stays;
        }
        if formed && !stays {
            self.goes(place, self.hasher.hash(member));
        }
        ControlFlow::Continue(())
    }

    fn goes(&mut self, place: rdb::Place, hash: u64) {
        self.seen.going += 1;
        self.seen.hashes.push(hash);
        if self.want_stale {
            let mut stale = Stale::new(place, 0, 0);
            stale.explain(Reason::NamedKeyGone);
            self.seen.stale.push(stale);
        }
    }

    /// Notes the hashes of the names that an entry has.
    fn note(&mut self, place: rdb::Place, member: &[u8], value: &[u8]) {
        let Batch { entries: noted, names, name } = &mut self.batch;
        for (number, entries) in &mut self.entries {
            if !entries.read(member, value) {
                continue;
            }
            let index = entries.index;
            for exists in &index.exists {
                name.clear();
                // Its captures are those of the entry: there is none that was not read.
                let _ = entries.fill(&exists.key, member, value, name);
                names.push((*number, false, self.there.existing.hash(index.db, name), 0..0));
            }
            if let Some((_, last, ..)) = names.last_mut() {
                *last = true;
            }
        }
        noted.push((place, self.hasher.hash(member), names.len()));
        if noted.len() >= BATCH {
            self.flush();
        }
    }

    /// Looks up what was noted.
    fn flush(&mut self) {
        let mut batch = std::mem::take(&mut self.batch);
        let existing = self.there.existing;
        for (.., hash, near) in &mut batch.names {
            *near = existing.near(*hash);
        }
        let touched = batch.names.iter().fold(0, |all, (.., near)| all ^ existing.touch(near));
        // The loads are for their side effect on the cache.
        std::hint::black_box(touched);
        let mut from = 0;
        for (place, hash, to) in &batch.entries {
            let (mut stays, mut of_rule) = (false, Found::default());
            for (number, last, hash, near) in &batch.names[from..*to] {
                let found = self.there.settle(*hash, near.clone());
                of_rule.stays |= found.stays;
                of_rule.in_dump |= found.in_dump;
                if *last {
                    self.seen.count(*number, of_rule);
                    stays |= of_rule.stays;
                    of_rule = Found::default();
                }
            }
            if from < *to && !stays {
                self.goes(*place, *hash);
            }
            from = *to;
        }
        batch.entries.clear();
        batch.names.clear();
        self.batch = batch;
    }
}

impl Visitor for Look<'_, '_, '_> {
    fn string(&mut self, value: Element<'_>) -> Flow {
        self.entry(value.at, &[], value.bytes)
    }

    fn list_element(&mut self, _: u64, value: Element<'_>) -> Flow {
        self.entry(value.at, value.bytes, &[])
    }

    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.entry(member.at, member.bytes, &[])
    }

    fn zset_member(&mut self, member: Element<'_>, _: f64) -> Flow {
        self.entry(member.at, member.bytes, &[])
    }

    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, expire_ms: Option<i64>) -> Flow {
        if self.clock.expires(expire_ms) == Expires::Gone {
            return ControlFlow::Continue(());
        }
        self.entry(field.at, field.bytes, value.bytes)
    }
}

/// Notes what becomes of the keys.
fn settle(spec: &Spec, keys: &[IndexKey], judged: Vec<Judged>, ask: Ask, summaries: &mut [Summary], out: &mut Pruned) {
    out.stale.reserve_exact(judged.iter().map(|judged| judged.seen.stale.len()).sum());
    for (key, judged) in keys.iter().zip(judged) {
        let Judged { index, seen, rules, deleted, kept, .. } = judged;
        for (at, references) in rules.iter().zip(&seen.references) {
            let all = &mut out.evidence[*at];
            all.entries += seen.elements;
            all.formed += references.formed;
            all.found += references.found;
            all.going += references.going;
        }
        let summary = &mut summaries[index];
        // What is told one by one is told of reports, too.
        let changes = spec.indexes[index].policy == Policy::Prune || ask == Ask::Memberships;
        summary.keys += 1;
        summary.correct_keys += u64::from(!deleted);
        summary.unnamed_keys += u64::from(kept);
        let start = key.start;
        let loses = (changes && seen.going > 0).then_some(out.present.len() as u32);
        let fate = match (deleted, seen.going) {
            (true, _) => Fate::Goes,
            (false, 0) => Fate::Stays,
            (false, _) => Fate::Loses(loses),
        };
        out.fates.push((start, index as u32, fate));
        if deleted {
            if changes {
                let reason = DeleteReason::NamedKeysGone;
                out.deletions.push(Deletion { start, index: index as u32, reason, bytes: key.bytes });
            }
            continue;
        }
        if seen.going == 0 {
            continue;
        }
        summary.stale_members += seen.going;
        if changes {
            let at = out.present.len() as u32;
            let present =
                Present { start, index: index as u32, rank: None, frozen: false, shared: false, stale: seen.going };
            out.present.push(present);
            out.stale.extend(seen.stale.into_iter().map(|stale| stale.of_key(at)));
        }
    }
}
