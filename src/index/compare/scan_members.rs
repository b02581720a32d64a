//! Streams the members of an index key past what the records imply.

use std::ops::ControlFlow;
use std::time::Instant;

use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use rayon::slice::ParallelSlice;

use super::batch::{Batch, Item, Near, Proof};
use super::deferred_checks::DeferredChecks;
use super::json_strings::strings;
use super::stale::Stale;
use crate::dump::rdb::{self, Element, Flow, Json, Record, Scratch, StreamFields, StreamId, Visitor};
use crate::index::Present;
use crate::index::brakes::member_forms::MemberForms;
use crate::index::compare::held::Held;
use crate::index::compare::known::Known;
use crate::index::store::buckets::{Implied, Mark, Members, Store};
use crate::index::store::entry::{Membership, Source};
use crate::index::store::hash::Hasher;
use crate::index::store::name_prefix::NamePrefix;
use crate::model::document;
use crate::model::spec::{IndexType, Policy};
use crate::model::view::{Clock, Diagnostics, Expires};
use crate::progress::{Order, Watch};
use crate::text::display;

/// Bytes of a piece of an index key from which on it is worth saying that they are read next.
const LONG: usize = 1 << 16;

/// What the members of index keys came to.
#[derive(Debug, Default)]
pub struct Scanned {
    /// In the order of keys and places.
    pub stale: Vec<Stale>,
    /// The same in parts, as long as they are being joined: to append them to each other would copy them again and again.
    parts: Vec<Vec<Stale>>,
    /// Index keys with members that had to be held or removed.
    pub counts: Vec<(u32, Counts)>,
    /// Scores that have to change: rank of the index key, member, and the score in the dump.
    pub rescored: Vec<(u32, Source, f64)>,
    /// Index keys that have a right member twice.
    pub repeated: Vec<u32>,
    pub diagnostics: Diagnostics,
}

/// Members of one index key, by what is to become of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub held: u64,
    /// Records disagree on their score.
    pub conflicts: u64,
    pub stale: u64,
    /// Fields with another value that have an expiry of their own, which no command keeps.
    pub expiring: u64,
    /// They have not the form of a member. They stay; if that was accepted, they are among the stale ones as well.
    pub foreign: u64,
}

/// What a comparison is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Numbers: members that would have to be removed are counted and not kept.
    Counts,
    /// The edits as well.
    Edits,
    /// Which entries name keys that are gone as well: members are told one by one afterwards.
    Memberships,
}

/// What may be done to an index key: what nothing will be done about, or not now, is only counted.
#[derive(Clone, Copy, Debug)]
pub struct May {
    pub remove: bool,
    pub rescore: bool,
}

/// Where the visitor is, and what it needs.
pub struct Probe<'p, 'a, M> {
    pub store: &'p Store<M>,
    pub members: Members<'a, 'p>,
    pub hasher: &'p Hasher,
    clock: Clock,
    /// Records whose memberships are held; empty where members are not keys of records.
    pub held: Held<'p>,
    forms: &'p MemberForms<'p>,
    deferred: &'p DeferredChecks<'p>,
    /// What may be done to the index key.
    pub may: May,
    watch: &'p dyn Watch,
    /// What comes of it is dropped.
    stopped: bool,
    pub out: Scanned,
    scratch: Vec<u8>,
    batch: Batch,
    near: Near<'p>,
    key: u32,
    rank: Option<u32>,
    counts: Counts,
    error: Option<rdb::Error>,
}

impl<'p, 'a: 'p, M: Membership> Probe<'p, 'a, M> {
    pub fn new(
        store: &'p Store<M>,
        known: &Known<'p, 'a>,
        (held, forms): (&Held<'p>, &'p MemberForms<'p>),
        deferred: &'p DeferredChecks<'p>,
        may: May,
        watch: &'p dyn Watch,
    ) -> Self {
        Self {
            store,
            members: known.members,
            hasher: known.hasher,
            clock: known.clock,
            held: held.clone(),
            forms,
            deferred,
            may,
            watch,
            stopped: false,
            out: Scanned::default(),
            scratch: Vec::new(),
            batch: Batch::default(),
            near: Near::new(u32::MAX, None, 0),
            key: 0,
            rank: None,
            counts: Counts::default(),
            error: None,
        }
    }

    /// Visits one piece of an index key. Nothing implies members of a key without a rank.
    fn piece(
        &mut self,
        key: u32,
        (rank, prefix): (Option<u32>, Option<&'p NamePrefix>),
        record: &Record<'a>,
        piece: usize,
    ) -> Result<(), rdb::Error> {
        self.key = key;
        self.rank = rank;
        let members = record.value.elements()? / record.value.pieces().max(1) as u64;
        self.near = Near::new(rank.unwrap_or(u32::MAX), prefix, members);
        let span = record.value.piece_span(piece);
        if span.len() > LONG {
            self.watch.reads(Order::Next { from: span.start as u64, to: span.end as u64 });
        }
        record.value.visit_piece(piece, &mut Scratch::default(), self)?;
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        self.flush()?;
        self.out.parts.push(std::mem::take(&mut self.out.stale));
        if self.counts != Counts::default() {
            self.out.counts.push((key, std::mem::take(&mut self.counts)));
        }
        Ok(())
    }

    fn member(&mut self, member: Element<'_>, score: f64) -> Result<(), rdb::Error> {
        let full = self.batch.push(&self.near, self.hasher, member.bytes, member.at, score);
        if full { self.flush() } else { Ok(()) }
    }

    /// A field with its value; the text of a string is the value of a field without a name.
    fn field(&mut self, (field, at): (&[u8], rdb::Place), value: &[u8], expires: bool) -> Result<(), rdb::Error> {
        let full = self.batch.push(&self.near, self.hasher, field, at, 0.0);
        self.batch.with_value(value, expires);
        if full { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), rdb::Error> {
        let mut batch = std::mem::take(&mut self.batch);
        self.find_all(&mut batch)?;
        for item in &batch.items {
            let value = item.value.as_ref().and_then(|value| batch.bytes.get(value.clone()));
            self.settle(item, batch.bytes.get(item.bytes.clone()).unwrap_or_default(), value)?;
        }
        self.watch.add(batch.items.len() as u64);
        self.stopped = self.watch.stopped();
        batch.clear();
        self.batch = batch;
        Ok(())
    }

    fn find_all(&mut self, batch: &mut Batch) -> Result<(), rdb::Error> {
        let deferred = self.deferred;
        let proof = if deferred.far() { Proof::Later } else { Proof::AtOnce };
        let began = Instant::now();
        self.store.find_all(&mut self.near, batch, self.members, proof, &mut self.scratch)?;
        if batch.gone_back > 0 {
            deferred.took(batch.gone_back, began.elapsed());
        }
        if std::mem::take(&mut batch.collided) {
            deferred.collide();
        }
        if proof == Proof::Later {
            deferred.add(batch.deferred(), &self.members.dump)?;
        }
        Ok(())
    }

    fn settle(&mut self, item: &Item, member: &[u8], value: Option<&[u8]>) -> Result<(), rdb::Error> {
        if let (Some(rank), Some(found)) = (self.rank, item.found) {
            let mut right = match value {
                // The score is the number of the value.
                Some(value) => self.members.interned.get(found.score as u32) == value,
                None => found.score == item.score,
            };
            if let (false, true, Some(value)) = (right, self.may.rescore, value) {
                // What is there names a record of which nothing can be said: it may be right.
                let held = self.held.holds(&self.members.dump, (member, value), self.hasher, &mut self.scratch)?;
                self.counts.held += u64::from(held);
                self.counts.expiring += u64::from(item.expires && !held);
                right = held || item.expires;
            }
            let mark = if right || !self.may.rescore { Mark::Right } else { Mark::Rescore };
            match self.store.set_mark(found.at, mark) {
                Mark::Missing if mark == Mark::Rescore => self.out.rescored.push((rank, found.source, item.score)),
                Mark::Missing => {}
                Mark::Conflict => self.counts.conflicts += 1,
                Mark::Right | Mark::Rescore => {
                    self.out.repeated.push(self.key);
                    self.out.diagnostics.add("index.repeated_member", item.place.string, || {
                        format!("{} stands twice in one index key", display(member))
                    });
                }
            }
        } else if self.held.holds(
            &self.members.dump,
            (member, value.unwrap_or_default()),
            self.hasher,
            &mut self.scratch,
        )? {
            self.counts.held += 1;
        } else {
            if self.forms.is_foreign(member) {
                self.counts.foreign += 1;
                self.out.diagnostics.add("index.foreign_member", item.place.string, || display(member));
                // Of a hash the other fields are somebody else's, whatever is accepted.
                if !self.forms.accepted || value.is_some() {
                    return Ok(());
                }
            }
            self.counts.stale += 1;
            if self.may.remove {
                self.out.stale.push(Stale::new(item.place, self.key, item.hash()));
            }
        }
        Ok(())
    }

    fn flow(&mut self, result: Result<(), rdb::Error>) -> Flow {
        match result {
            Ok(()) if self.stopped => ControlFlow::Break(()),
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.error = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

impl<'p, 'a: 'p, M: Membership> Visitor for Probe<'p, 'a, M> {
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        let result = self.member(member, 0.0);
        self.flow(result)
    }

    fn zset_member(&mut self, member: Element<'_>, score: f64) -> Flow {
        let result = self.member(member, score);
        self.flow(result)
    }

    fn string(&mut self, value: Element<'_>) -> Flow {
        let result = self.field((&[], value.at), value.bytes, false);
        self.flow(result)
    }

    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, expire_ms: Option<i64>) -> Flow {
        let expires = match self.clock.expires(expire_ms) {
            Expires::Gone => return ControlFlow::Continue(()),
            Expires::Never => false,
            Expires::At(_) | Expires::InDoubt => true,
        };
        let result = self.field((field.bytes, field.at), value.bytes, expires);
        self.flow(result)
    }
}

/// Looks in a value of any type for the key of an undecidable record.
pub struct Holds<'p, 'a> {
    pub members: Members<'a, 'p>,
    pub hasher: &'p Hasher,
    pub held: Held<'p>,
    pub found: bool,
    pub error: Option<rdb::Error>,
    pub scratch: Vec<u8>,
}

impl Holds<'_, '_> {
    fn look(&mut self, bytes: &[u8]) -> Flow {
        self.look_at_both(bytes, &[])
    }

    fn look_at_both(&mut self, member: &[u8], value: &[u8]) -> Flow {
        match self.held.holds(&self.members.dump, (member, value), self.hasher, &mut self.scratch) {
            Ok(false) => return ControlFlow::Continue(()),
            Ok(true) => self.found = true,
            Err(error) => self.error = Some(error),
        }
        ControlFlow::Break(())
    }
}

impl Visitor for Holds<'_, '_> {
    fn string(&mut self, value: Element<'_>) -> Flow {
        self.look_at_both(&[], value.bytes)
    }
    fn list_element(&mut self, _: u64, value: Element<'_>) -> Flow {
        self.look(value.bytes)
    }
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.look(member.bytes)
    }
    fn zset_member(&mut self, member: Element<'_>, _: f64) -> Flow {
        self.look(member.bytes)
    }
    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, _: Option<i64>) -> Flow {
        self.look_at_both(field.bytes, value.bytes)
    }
    fn stream_entry(&mut self, _: StreamId, fields: &mut StreamFields<'_>) -> Flow {
        while let Some((field, value)) = fields.next() {
            // Both borrow from the fields, so they are looked at before the next pair.
            self.look_at_both(field.bytes, value.bytes)?;
        }
        ControlFlow::Continue(())
    }
    fn array_element(&mut self, _: u64, value: Element<'_>) -> Flow {
        self.look(value.bytes)
    }
    fn module_string(&mut self, value: Element<'_>) -> Flow {
        self.look(value.bytes)
    }
    fn json(&mut self, json: Json<'_>) -> Flow {
        // A document names the key if any string in it does. In one that cannot be read, it might.
        let (mut buffer, mut out) = (Vec::new(), Vec::new());
        let text = document::text(json, 0, &mut buffer, &mut out).ok().and_then(Result::ok);
        let mut any = false;
        let whole = text.is_some_and(|text| strings(text, &mut |string| any |= self.look(string).is_break()));
        if any || !whole {
            self.found |= self.error.is_none();
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

/// Index keys that one task reads before it looks for another.
const KEYS_A_TASK: usize = 64;
/// Parts of so many stale members are not joined any more.
const PART: usize = 1 << 16;

/// Reads all index keys that stay, in parallel, and marks in the stores what they have. If checks were deferred and one of
/// them is wrong, that is worth nothing.
pub fn run(
    known: &Known<'_, '_>,
    implied: Implied<'_>,
    deferred: &DeferredChecks<'_>,
    present: &[Present],
    ask: Ask,
    watch: &dyn Watch,
) -> Result<Scanned, rdb::Error> {
    let chunks = present.par_chunks(KEYS_A_TASK).enumerate().map(|(chunk, keys)| {
        let first = chunk * KEYS_A_TASK;
        if watch.stopped() {
            // The caller looks, too, and drops what is incomplete.
            return Ok(Scanned::default());
        }
        keys.iter().zip(first..).try_fold(Scanned::default(), |out, (key, at)| {
            Ok(out.join(one(known, implied, deferred, (at as u32, key), ask, watch)?))
        })
    });
    let mut all = chunks.try_reduce(Scanned::default, |a, b| Ok(a.join(b)))?;
    deferred.finish(&known.members.dump)?;
    all.stale.reserve_exact(all.parts.iter().map(Vec::len).sum());
    for part in std::mem::take(&mut all.parts) {
        all.stale.extend_from_slice(&part);
    }
    Ok(all)
}

fn one(
    known: &Known<'_, '_>,
    implied: Implied<'_>,
    deferred: &DeferredChecks<'_>,
    (at, key): (u32, &Present),
    ask: Ask,
    watch: &dyn Watch,
) -> Result<Scanned, rdb::Error> {
    let record = known.record(key.start)?;
    let index = key.index as usize;
    let mut scratch = Vec::new();
    let name = known.members.dump.key(key.start, &mut scratch)?;
    let held = &known.held(&known.claimants(index, key.shared, name), name);
    let forms = &known.member_forms(index, key.shared, name);
    let policy = known.names.spec.indexes[index].policy;
    let remove = ask == Ask::Edits && !key.frozen && policy == Policy::Maintain;
    let prefix = known.prefix(implied.keys, index, key.rank);
    let may = May { remove, rescore: !key.frozen };
    let kind = known.names.spec.indexes[index].kind;
    (0..record.value.pieces())
        .into_par_iter()
        .map(|piece| match kind {
            IndexType::Set | IndexType::List | IndexType::Any => {
                let mut scan = Probe::new(implied.sets, known, (held, forms), deferred, may, watch);
                scan.piece(at, (key.rank, prefix), &record, piece)?;
                Ok(scan.out)
            }
            IndexType::Zset | IndexType::Hash | IndexType::String => {
                let mut scan = Probe::new(implied.zsets, known, (held, forms), deferred, may, watch);
                scan.piece(at, (key.rank, prefix), &record, piece)?;
                Ok(scan.out)
            }
        })
        .try_reduce(Scanned::default, |a, b| Ok(a.join(b)))
}

impl Scanned {
    fn join(mut self, other: Self) -> Self {
        for part in other.parts {
            match self.parts.last_mut() {
                Some(last) if last.len() + part.len() <= PART => last.extend_from_slice(&part),
                _ => self.parts.push(part),
            }
        }
        append(&mut self.counts, other.counts);
        append(&mut self.rescored, other.rescored);
        append(&mut self.repeated, other.repeated);
        self.diagnostics.merge(other.diagnostics);
        self
    }
}

/// Appends without copying where one side is empty.
fn append<T>(all: &mut Vec<T>, more: Vec<T>) {
    if all.is_empty() {
        *all = more;
    } else {
        all.extend(more);
    }
}
