//! The state of every membership: what the summaries count, one by one.
//!
//! Nothing is kept for it but the entries that the comparison needs anyway: the members of the index keys are read a
//! second time when they are told.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::brakes::member_forms::MemberForms;
use super::compare::Compared;
use super::compare::batch::{Batch, Near, Proof};
use super::compare::held::Held;
use super::compare::known::{Known, Undecided};
use super::compare::resolve::{Resolved, Why};
use super::compare::scan_members::Ask;
use super::compare::stale::Stale;
use super::gather::survey::is_index_type;
use super::prune;
use super::store::buckets::{Edits, Mark, Members, Store};
use super::store::entry::{Entry, Membership, Scored, Source};
use super::store::hash::Hasher;
use super::store::interner::Interned;
use super::store::keys::Keys;
use super::store::name_prefix::MemberPrefixes;
use super::{Error, Facts, Present, Summary};
use crate::dump::parts::Part;
use crate::dump::rdb::{self, Element, Flow, Record, Scratch, Visitor};
use crate::dump::scan::Observer;
use crate::model::spec::{IndexType, Spec};
use crate::model::stock::Stock;
use crate::model::view::{Clock, Diagnostics, Dump, Expires, Expiry, Names};

/// What is to be said of a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It is there, and implied.
    Correct,
    /// It is implied and not there; in a sorted set also: there with another score.
    Missing,
    /// It is there, in a key that stays, and nothing implies it.
    Stale,
    /// It is in a key that should not exist as it is.
    WrongKey,
    /// It is there, and nothing can be said of it: its record cannot be decoded, or several indexes claim its key, or one
    /// of which too little is known.
    Held,
    /// A brake keeps it: it is not what the spec says of such members, or its key is not what it says of such keys.
    Foreign,
    /// It is there, and records disagree on its score.
    Conflict,
}

impl State {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::Missing => "missing",
            Self::Stale => "stale",
            Self::WrongKey => "wrong key",
            Self::Held => "held",
            Self::Foreign => "foreign",
            Self::Conflict => "conflict",
        }
    }
}

/// An index key of the dump, not expired and not empty.
#[derive(Clone, Copy, Debug)]
pub struct Listed {
    pub start: u64,
    pub index: u32,
    fate: Fate,
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    /// Its members are told one by one: its position among the keys that stay.
    Stays(u32),
    /// All its members are in this state.
    All(State),
    /// Its entries name keys, and those at these places of [`Memberships::gone`] name keys that are gone.
    Named { from: u32, to: u32 },
}

/// Index keys and what the records imply, compared.
pub struct Memberships<'a> {
    pub facts: Facts,
    pub stock: Stock,
    pub summaries: Vec<Summary>,
    pub diagnostics: Diagnostics,
    names: Names<'a>,
    dump: Dump<'a>,
    clock: Clock,
    hasher: Hasher,
    keys: Keys,
    interned: Interned,
    sets: Store<Entry>,
    zsets: Store<Scored>,
    present: Vec<Present>,
    listed: Vec<Listed>,
    /// Entries that name keys which are gone, key by key, in the order of the dump.
    gone: Vec<Stale>,
    kept: HashMap<u64, Record<'a>>,
    undecided: Undecided,
    member_prefixes: MemberPrefixes,
    proof: Proof,
}

impl<'a> Memberships<'a> {
    /// Reads the dump once and compares. Runs on the current `rayon` pool.
    pub fn take(file: &'a [u8], spec: &'a Spec, expiry: Expiry, observer: &Observer) -> Result<Self, Error> {
        Self::take_without(file, &[], spec, expiry, &[], observer)
    }

    /// The same of a dump, put together of these `parts`, in which the values of the records that start at `damaged`, in
    /// ascending order, cannot be read: records among them are undecidable, and index keys are passed over.
    pub fn take_without(
        file: &'a [u8],
        parts: &[Part],
        spec: &'a Spec,
        expiry: Expiry,
        damaged: &'a [u64],
        observer: &Observer,
    ) -> Result<Self, Error> {
        Ok(Self::of(super::difference::read((file, damaged), parts, spec, expiry, Ask::Memberships, observer)?))
    }

    pub(super) fn of(compared: Compared<'a>) -> Self {
        let Resolved { present, deletions, untouched, .. } = compared.resolved;
        let stays = (0..).zip(&present).map(|(at, key)| (key.start, key.index, Fate::Stays(at)));
        let goes = deletions.iter().map(|key| (key.start, key.index, Fate::All(State::WrongKey)));
        let rests = untouched.iter().map(|key| {
            let state = match key.why {
                Why::Wrong => State::WrongKey,
                Why::Held => State::Held,
                Why::Braked => State::Foreign,
            };
            (key.start, key.index, Fate::All(state))
        });
        // A key whose members are all disputed stands among those that stay, and among those that are deleted.
        let mut gone = compared.pruned.stale;
        gone.sort_unstable_by_key(|stale| (stale.key, stale.place));
        let named = compared.pruned.fates.iter().map(|(start, index, fate)| {
            let fate = match fate {
                prune::Fate::Goes => Fate::All(State::Stale),
                prune::Fate::Stays | prune::Fate::Loses(None) => Fate::Named { from: 0, to: 0 },
                prune::Fate::Loses(Some(at)) => Fate::Named {
                    from: gone.partition_point(|stale| stale.key < *at) as u32,
                    to: gone.partition_point(|stale| stale.key <= *at) as u32,
                },
            };
            (*start, *index, fate)
        });
        let mut listed: Vec<Listed> = goes
            .chain(rests)
            .chain(stays)
            .chain(named)
            .map(|(start, index, fate)| Listed { start, index, fate })
            .collect();
        listed.sort_by_key(|key| (key.index, key.start));
        listed.dedup_by_key(|key| key.start);
        Self {
            facts: compared.facts,
            stock: compared.stock,
            summaries: compared.summaries,
            diagnostics: compared.diagnostics,
            names: compared.names,
            dump: compared.dump,
            clock: compared.clock,
            hasher: compared.hasher,
            keys: compared.keys,
            interned: compared.interned,
            sets: compared.sets,
            zsets: compared.zsets,
            present,
            listed,
            gone,
            kept: compared.kept,
            undecided: compared.undecided,
            member_prefixes: compared.member_prefixes,
            proof: compared.proof,
        }
    }

    /// All index keys of the dump, ordered by index and place in the dump.
    pub fn keys(&self) -> &[Listed] {
        &self.listed
    }

    /// An index key that has several pieces; none for one that is read as a whole.
    pub fn in_pieces(&self, key: &Listed) -> Option<&Record<'a>> {
        self.kept.get(&key.start).filter(|record| record.value.pieces() > 1)
    }

    /// The name of an index key.
    pub fn name<'b>(&'b self, key: &Listed, room: &'b mut Vec<u8>) -> Result<&'b [u8], rdb::Error> {
        self.dump.key(key.start, room)
    }

    /// An index key.
    pub fn record(&self, key: &Listed) -> Result<Record<'a>, rdb::Error> {
        self.known().record(key.start)
    }

    /// Calls `each` with every member of a piece of an index key, in the order of the dump, and its state; where the key
    /// has not the type of its index, once without a member.
    pub fn tell(
        &self,
        key: &Listed,
        record: &Record<'a>,
        piece: usize,
        reader: &mut Reader,
        each: &mut Each<'_>,
    ) -> Result<(), rdb::Error> {
        let index = &self.names.spec.indexes[key.index as usize];
        let kind = index.kind;
        // A rule about keys as a whole does not look into them.
        let as_a_whole = index.prunes() && kind == IndexType::Any;
        let right_type = !as_a_whole && is_index_type(record.value.ty.kind(), kind);
        match key.fate {
            Fate::All(state) if !right_type => {
                if piece == 0 {
                    // It was the last thing to say, whatever the answer.
                    let _ = each(None, state);
                }
                Ok(())
            }
            Fate::All(state) => record.value.visit_piece(piece, &mut reader.scratch, &mut Same { state, each }),
            Fate::Named { .. } if as_a_whole => {
                if piece == 0 {
                    let _ = each(None, State::Correct);
                }
                Ok(())
            }
            Fate::Named { from, to } => {
                let gone = self.gone.get(from as usize..to as usize).unwrap_or_default();
                record.value.visit_piece(piece, &mut reader.scratch, &mut Named { gone, each })
            }
            Fate::Stays(at) => match kind {
                IndexType::Zset | IndexType::Hash | IndexType::String => {
                    self.look_up(&self.zsets, at, record, piece, reader, each)
                }
                _ => self.look_up(&self.sets, at, record, piece, reader, each),
            },
        }
    }

    fn look_up<M: Membership>(
        &self,
        store: &Store<M>,
        at: u32,
        record: &Record<'a>,
        piece: usize,
        reader: &mut Reader,
        each: &mut Each<'_>,
    ) -> Result<(), rdb::Error> {
        let key = self.present[at as usize];
        let index = key.index as usize;
        let known = self.known();
        let mut name = Vec::new();
        let name = self.dump.key(key.start, &mut name)?;
        let held = known.held(&known.claimants(index, key.shared, name), name);
        let forms = known.member_forms(index, key.shared, name);
        let members = record.value.elements()? / record.value.pieces().max(1) as u64;
        let Reader { scratch, bytes, batch } = reader;
        batch.clear();
        let mut teller = Teller {
            store,
            members: known.members,
            hasher: &self.hasher,
            clock: self.clock,
            held,
            forms: &forms,
            may_rescore: !key.frozen,
            has_rank: key.rank.is_some(),
            near: Near::new(key.rank.unwrap_or(u32::MAX), known.prefix(&self.keys, index, key.rank), members),
            proof: self.proof,
            batch,
            bytes,
            each,
            error: None,
        };
        record.value.visit_piece(piece, scratch, &mut teller)?;
        // What is left of the last batch; nothing if the visit was stopped.
        let _ = teller.flush();
        teller.error.map_or(Ok(()), Err)
    }

    fn known(&self) -> Known<'_, 'a> {
        let members = Members { dump: self.dump, interned: &self.interned, prefixes: &self.member_prefixes };
        Known {
            names: &self.names,
            members,
            hasher: &self.hasher,
            clock: self.clock,
            kept: &self.kept,
            undecided: &self.undecided,
        }
    }

    /// What is implied and in no index key at all; to be asked for when the keys have been told.
    pub fn into_missing(self) -> Missing<'a> {
        let members = Members { dump: self.dump, interned: &self.interned, prefixes: &self.member_prefixes };
        let (sets, zsets) = (self.sets.into_missing(members), self.zsets.into_missing(members));
        let prefixes = self.member_prefixes;
        Missing { dump: self.dump, keys: self.keys, interned: self.interned, prefixes, sets, zsets }
    }
}

/// Takes a member, if there is one, and its state.
pub type Each<'e> = dyn FnMut(Option<&[u8]>, State) -> Flow + 'e;

/// Buffers for [`Memberships::tell`], one for each thread.
#[derive(Debug, Default)]
pub struct Reader {
    scratch: Scratch,
    bytes: Vec<u8>,
    batch: Batch,
}

/// Says the same of all members.
struct Same<'t, 'e> {
    state: State,
    each: &'t mut Each<'e>,
}

impl Visitor for Same<'_, '_> {
    fn list_element(&mut self, _: u64, element: Element<'_>) -> Flow {
        (self.each)(Some(element.bytes), self.state)
    }

    fn string(&mut self, _: Element<'_>) -> Flow {
        (self.each)(Some(&[]), self.state)
    }

    fn hash_field(&mut self, field: Element<'_>, _: Element<'_>, _: Option<i64>) -> Flow {
        (self.each)(Some(field.bytes), self.state)
    }

    fn set_member(&mut self, member: Element<'_>) -> Flow {
        (self.each)(Some(member.bytes), self.state)
    }

    fn zset_member(&mut self, member: Element<'_>, _: f64) -> Flow {
        (self.each)(Some(member.bytes), self.state)
    }
}

/// Says of entries that name keys which of them are gone.
struct Named<'t, 'e> {
    gone: &'t [Stale],
    each: &'t mut Each<'e>,
}

impl Named<'_, '_> {
    fn tell(&mut self, entry: Element<'_>) -> Flow {
        let is_gone = self.gone.binary_search_by(|stale| stale.place.cmp(&entry.at)).is_ok();
        (self.each)(Some(entry.bytes), if is_gone { State::Stale } else { State::Correct })
    }
}

impl Visitor for Named<'_, '_> {
    fn string(&mut self, value: Element<'_>) -> Flow {
        self.tell(value)
    }

    fn list_element(&mut self, _: u64, element: Element<'_>) -> Flow {
        self.tell(element)
    }

    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.tell(member)
    }

    fn zset_member(&mut self, member: Element<'_>, _: f64) -> Flow {
        self.tell(member)
    }

    fn hash_field(&mut self, field: Element<'_>, _: Element<'_>, _: Option<i64>) -> Flow {
        self.tell(field)
    }
}

/// Looks each member up, and says what has been found of it.
struct Teller<'t, 'a, 'e, M> {
    store: &'t Store<M>,
    members: Members<'a, 't>,
    hasher: &'t Hasher,
    clock: Clock,
    held: Held<'t>,
    forms: &'t MemberForms<'t>,
    may_rescore: bool,
    has_rank: bool,
    near: Near<'t>,
    proof: Proof,
    batch: &'t mut Batch,
    bytes: &'t mut Vec<u8>,
    each: &'t mut Each<'e>,
    error: Option<rdb::Error>,
}

impl<'t, 'a: 't, M: Membership> Teller<'t, 'a, '_, M> {
    fn member(&mut self, member: Element<'_>, score: f64) -> Flow {
        let full = self.batch.push(&self.near, self.hasher, member.bytes, member.at, score);
        if full { self.flush() } else { ControlFlow::Continue(()) }
    }

    fn field(&mut self, (field, at): (&[u8], rdb::Place), value: &[u8], expires: bool) -> Flow {
        let full = self.batch.push(&self.near, self.hasher, field, at, 0.0);
        self.batch.with_value(value, expires);
        if full { self.flush() } else { ControlFlow::Continue(()) }
    }

    fn flush(&mut self) -> Flow {
        let told = self.settle();
        self.batch.clear();
        told.unwrap_or_else(|error| {
            self.error = Some(error);
            ControlFlow::Break(())
        })
    }

    fn settle(&mut self) -> Result<Flow, rdb::Error> {
        self.store.find_all(&mut self.near, self.batch, self.members, self.proof, self.bytes)?;
        for item in &self.batch.items {
            let member = self.batch.bytes.get(item.bytes.clone()).unwrap_or_default();
            let value = item.value.as_ref().and_then(|value| self.batch.bytes.get(value.clone()));
            let state = match item.found.filter(|_| self.has_rank) {
                Some(found) if self.store.mark(found.at) == Mark::Conflict => State::Conflict,
                Some(found) => {
                    let right = match value {
                        // The score is the number of the value; one that expires stays what it is.
                        Some(value) => item.expires || self.members.interned.get(found.score as u32) == value,
                        None => found.score == item.score,
                    };
                    if right || !self.may_rescore { State::Correct } else { State::Missing }
                }
                None if self.held.holds(
                    &self.members.dump,
                    (member, value.unwrap_or_default()),
                    self.hasher,
                    self.bytes,
                )? =>
                {
                    State::Held
                }
                None if (!self.forms.accepted || value.is_some()) && self.forms.is_foreign(member) => State::Foreign,
                None => State::Stale,
            };
            if (self.each)(Some(member), state).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl<'t, 'a: 't, M: Membership> Visitor for Teller<'t, 'a, '_, M> {
    fn string(&mut self, value: Element<'_>) -> Flow {
        self.field((&[], value.at), value.bytes, false)
    }

    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, expire_ms: Option<i64>) -> Flow {
        match self.clock.expires(expire_ms) {
            Expires::Gone => ControlFlow::Continue(()),
            expires => self.field((field.bytes, field.at), value.bytes, expires != Expires::Never),
        }
    }

    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.member(member, 0.0)
    }

    fn zset_member(&mut self, member: Element<'_>, score: f64) -> Flow {
        self.member(member, score)
    }
}

/// Memberships that are implied and in no index key.
pub struct Missing<'a> {
    dump: Dump<'a>,
    keys: Keys,
    interned: Interned,
    prefixes: MemberPrefixes,
    sets: Edits<Entry>,
    zsets: Edits<Scored>,
}

impl<'a> Missing<'a> {
    /// All of them, ordered by index, name of the key, and place of the record; members that are no keys of records by
    /// their bytes, and those that are numbers by these.
    pub fn iter(&self) -> impl Iterator<Item = Absent> {
        let of = |entry: &Entry| Absent { key: entry.key, source: entry.source };
        let mut sets = self.sets.iter(&self.interned).map(of).peekable();
        let mut zsets = self.zsets.iter(&self.interned).map(move |scored| of(scored.entry())).peekable();
        // A key is of one index, and that is of one type.
        std::iter::from_fn(move || match (sets.peek(), zsets.peek()) {
            (Some(set), Some(zset)) if zset.key < set.key => zsets.next(),
            (Some(_), _) => sets.next(),
            (None, _) => zsets.next(),
        })
    }

    /// The position of its index in the spec.
    pub fn index(&self, absent: &Absent) -> usize {
        self.keys.index(absent.key)
    }

    /// The name of its index key.
    pub fn key(&self, absent: &Absent) -> &[u8] {
        self.keys.name(absent.key)
    }

    /// The member itself.
    pub fn member<'b>(&'b self, absent: &Absent, room: &'b mut Vec<u8>) -> Result<&'b [u8], rdb::Error> {
        let members = Members { dump: self.dump, interned: &self.interned, prefixes: &self.prefixes };
        members.get(self.index(absent), absent.source, room)
    }
}

/// One membership that is not there.
#[derive(Clone, Copy, Debug)]
pub struct Absent {
    key: u32,
    source: Source,
}
