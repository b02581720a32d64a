//! The pass over the dump: what each family holds, and samples of members and names.

use std::ops::ControlFlow;

use super::Error;
use super::families::{Families, Held, Room, Stats};
use super::keeping::Way;
use super::sample::{Sample, hash};
use super::times::Dated;
use crate::dump::rdb::{self, Element, Flow, Kind, Record, Scratch, Visitor};
use crate::dump::scan::{self, Observer, Worker};
use crate::index::Difference;
use crate::model::memory::{self, Elements, Encoding};
use crate::model::spec::Policy;
use crate::model::view::{Clock, Expires, KeyType};

/// A member of a set or sorted set: of which key, and its family.
pub type Membership = (u64, (u64, u32));
/// A key that is neither: its family, whether it expires, and where it starts.
pub type Named = (u64, (u32, bool, u64));
/// What tells a key from the others of its family, and that family.
pub type Part = (u64, u32);

/// What the pass finds.
#[derive(Debug, Default)]
pub struct Found {
    /// By family.
    pub stats: Vec<Stats>,
    pub memberships: Sample<Membership>,
    pub names: Sample<Named>,
    /// Of keys that are no sets or sorted sets, and of those that are.
    pub value_parts: Sample<Part>,
    pub key_parts: Sample<Part>,
    pub dated: Dated,
}

/// Reads all sets, sorted sets and hashes of index families, and the names of all keys.
pub fn gather(difference: &Difference<'_>, families: &Families<'_>, observer: &Observer) -> Result<Found, Error> {
    // Keys of an index that goes altogether are looked at like any others: the question is whether it should.
    let maintained = |index: u32| {
        let index = usize::try_from(index).ok().and_then(|at| families.spec.indexes.get(at));
        index.is_some_and(|index| index.policy != Policy::Retire)
    };
    let deleted = difference.deletions.iter().filter(|deletion| maintained(deletion.index));
    let mut leaving: Vec<u64> = deleted.map(|deletion| deletion.start).collect();
    leaving.sort_unstable();
    let new = || Gatherer {
        families,
        clock: difference.clock,
        leaving: &leaving,
        key: Vec::new(),
        room: Room::default(),
        scratch: Scratch::default(),
        found: Found { stats: vec![Stats::default(); families.all.len()], ..Found::default() },
    };
    let pass = scan::run(difference.dump.file, observer, new)?;
    let mut all = Found { stats: vec![Stats::default(); families.all.len()], ..Found::default() };
    for worker in pass.workers {
        let found = worker.found;
        all.stats.iter_mut().zip(found.stats).for_each(|(mine, theirs)| mine.merge(theirs));
        all.memberships.merge(found.memberships);
        all.names.merge(found.names);
        all.value_parts.merge(found.value_parts);
        all.key_parts.merge(found.key_parts);
        all.dated.merge(found.dated);
    }
    Ok(all)
}

struct Gatherer<'g> {
    families: &'g Families<'g>,
    clock: Clock,
    leaving: &'g [u64],
    key: Vec<u8>,
    room: Room,
    scratch: Scratch,
    found: Found,
}

impl<'a> Worker<'a> for Gatherer<'_> {
    fn record(&mut self, record: &Record<'a>) -> Result<(), rdb::Error> {
        if self.clock.expires(record.expire_ms) == Expires::Gone {
            return Ok(());
        }
        let start = record.start as u64;
        let key = record.key.decode(&mut self.key);
        let key = key.map_err(|kind| rdb::Error::in_string(start, kind).in_record(record.start))?;
        let ty = KeyType::of(&record.value);
        let families = self.families;
        let Some(at) = families.find(record.db, key, ty, &mut self.room) else { return Ok(()) };
        let (Some(family), Ok(number)) = (families.all.get(at), u32::try_from(at)) else { return Ok(()) };
        let Some(stats) = self.found.stats.get_mut(at) else { return Ok(()) };
        let kind = record.value.ty.kind();
        let measured = matches!(kind, Kind::Set | Kind::Zset | Kind::Hash);
        let listed = matches!(kind, Kind::Set | Kind::Zset) && (family.is_index() || family.is_found());
        let leaves = self.leaving.binary_search(&start).is_ok();
        let (part, expires) = (family.part(key), record.expire_ms.is_some());
        let mut seen = Seen {
            elements: Elements::default(),
            family: (listed && !leaves).then_some((number, hash(record.db, key))),
            db: record.db,
            memberships: &mut self.found.memberships,
            part,
            first: Vec::new(),
        };
        // Hashes that are records or something else are many, and nothing is asked about them.
        if measured && (listed || family.is_index()) {
            record.value.visit(&mut self.scratch, &mut seen).map_err(|error| error.in_record(record.start))?;
        }
        let (elements, first) = (seen.elements, seen.first);
        let encoding = Encoding::of(record.value.ty);
        let name = memory::key(key.len() as u64);
        let bytes = match kind {
            Kind::Set => name.saturating_add(elements.set(encoding)),
            Kind::Zset => name.saturating_add(elements.zset(encoding)),
            Kind::Hash if family.is_index() => name.saturating_add(elements.hash(encoding)),
            _ => 0,
        };
        if !measured {
            stats.unmeasured = stats.unmeasured.saturating_add(1);
        }
        if leaves {
            stats.leaving.add(Held { keys: 1, bytes, instead: 0 });
            return Ok(());
        }
        stats.see_db(record.db);
        if !listed {
            stats.values = stats.values.saturating_add(1);
            stats.bytes = stats.bytes.saturating_add(bytes);
            stats.expiring_values = stats.expiring_values.saturating_add(u64::from(expires));
            self.found.names.add((hash(record.db, key), (number, expires, start)));
            if !part.is_empty() {
                self.found.value_parts.add((hash(record.db, part), number));
            }
            return Ok(());
        }
        let count = if kind == Kind::Set { &mut stats.sets } else { &mut stats.zsets };
        *count = count.saturating_add(1);
        stats.members = stats.members.saturating_add(elements.count);
        stats.largest = stats.largest.max(elements.count);
        stats.bytes = stats.bytes.saturating_add(bytes);
        stats.elements.add(&elements);
        stats.expiring = stats.expiring.saturating_add(u64::from(expires));
        if kind == Kind::Set && elements.count == 1 {
            stats.single = stats.single.saturating_add(1);
            stats.named = stats.named.saturating_add(u64::from(has_part(&first, part)));
            stats.as_hash.field(part, &first);
        }
        if let Some((way, instead)) = Way::of(kind == Kind::Zset, encoding, &elements)
            && let Some(held) = stats.ways.get_mut(way as usize)
        {
            held.add(Held { keys: 1, bytes, instead: name.saturating_add(instead) });
        }
        if !part.is_empty() {
            self.found.key_parts.add((hash(record.db, part), number));
        }
        if kind == Kind::Set {
            self.found.dated.see(record, key, at, bytes, &elements, &mut self.scratch)?;
        }
        Ok(())
    }
}

/// Whether a text has this as one of its parts, or is it.
pub fn has_part(text: &[u8], part: &[u8]) -> bool {
    let is_end = |at: usize| text.get(at).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    !part.is_empty()
        && memchr::memmem::find_iter(text, part).any(|at| {
            let begins = at.checked_sub(1).is_none_or(is_end);
            begins && is_end(at.saturating_add(part.len()))
        })
}

/// Takes the elements of one value.
struct Seen<'s> {
    elements: Elements,
    /// Of the key, if its members count.
    family: Option<(u32, u64)>,
    db: u64,
    memberships: &'s mut Sample<Membership>,
    part: &'s [u8],
    /// The first member, if it may be the only one.
    first: Vec<u8>,
}

impl Seen<'_> {
    fn member(&mut self, member: &[u8]) {
        if let Some((family, key)) = self.family {
            self.memberships.add((hash(self.db, member), (key, family)));
            if self.elements.count == 1 && !self.part.is_empty() {
                self.first = member.to_vec();
            }
        }
    }
}

impl Visitor for Seen<'_> {
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.elements.member(member.bytes);
        self.member(member.bytes);
        ControlFlow::Continue(())
    }

    fn zset_member(&mut self, member: Element<'_>, score: f64) -> Flow {
        self.elements.scored(member.bytes, score);
        self.member(member.bytes);
        ControlFlow::Continue(())
    }

    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, _: Option<i64>) -> Flow {
        self.elements.field(field.bytes, value.bytes);
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_a_whole_word() {
        let facts = [
            ("user:17", "17", true),
            ("17", "17", true),
            ("user:17:x", "17", true),
            ("user:170", "17", false),
            ("user:317", "17", false),
            ("user:317:17", "17", true),
            ("user:a@b.c", "a@b.c", true),
            ("user:17", "", false),
        ];
        for (member, part, expected) in facts {
            assert_eq!(has_part(member.as_bytes(), part.as_bytes()), expected, "{member} {part}");
        }
    }
}
