//! Members whose records are looked at later, in the order of the dump.
//!
//! Where memory has no room for the dump, to go back to a record for each member would be to read the disk a few bytes at
//! a time, millions of times. When that is noticed, a member that has the whole hash of a record is taken for it at first,
//! and noted as a claim: its bytes, and where the record is. Enough of them are put in the order of the dump, and the dump
//! is read once from front to back to compare the bytes. Only when all checks have passed does anything come of it.
//! Should one fail, all index keys are compared again with none deferred.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::dump::rdb;
use crate::model::view::Dump;
use crate::progress::{Observer, Order};

/// Bytes of members, and members, that wait at most: 48 MB.
const ROUND_BYTES: usize = 32 << 20;
const ROUND_CLAIMS: usize = 1 << 20;
/// So many records are gone back to before it is decided how long that takes …
const SAMPLE: u64 = 4096;
/// … and if it is longer than this on average, they are not in memory. One that is takes a tenth of a microsecond, and a
/// fast disk fifty.
const FAR: Duration = Duration::from_micros(5);

/// What is still to be proved.
#[derive(Debug)]
pub struct DeferredChecks<'o> {
    observer: &'o Observer,
    /// Records are gone back to at once, however long it takes.
    at_once: bool,
    far: AtomicBool,
    sampled: AtomicU64,
    nanoseconds: AtomicU64,
    collided: AtomicBool,
    round: Mutex<Round>,
}

#[derive(Debug, Default)]
struct Round {
    bytes: Vec<u8>,
    /// Where the record starts, and below that where the bytes of the member do, and how many they are: in order, the
    /// order of the dump.
    deferred: Vec<u128>,
}

impl<'o> DeferredChecks<'o> {
    /// They are made where records turn out not to be in memory.
    pub fn new(observer: &'o Observer) -> Self {
        Self {
            observer,
            at_once: false,
            far: AtomicBool::new(false),
            sampled: AtomicU64::new(0),
            nanoseconds: AtomicU64::new(0),
            collided: AtomicBool::new(false),
            round: Mutex::default(),
        }
    }

    /// None are made.
    pub fn never(observer: &'o Observer) -> Self {
        Self { at_once: true, ..Self::new(observer) }
    }

    /// They are made from the beginning.
    #[cfg(test)]
    pub fn always(observer: &'o Observer) -> Self {
        Self { far: AtomicBool::new(true), ..Self::new(observer) }
    }

    /// Whether records are looked at later.
    pub fn far(&self) -> bool {
        self.far.load(Ordering::Relaxed)
    }

    /// Whether a member had the whole hash of a record without being its key. If not, that hash is enough from then on to
    /// know the same members again.
    pub fn collided(&self) -> bool {
        self.collided.load(Ordering::Relaxed)
    }

    pub fn collide(&self) {
        self.collided.store(true, Ordering::Relaxed);
    }

    /// Notes that to go back to so many records took so long.
    pub fn took(&self, records: u64, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let all = self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed).saturating_add(nanoseconds);
        let sampled = self.sampled.fetch_add(records, Ordering::Relaxed) + records;
        if sampled < SAMPLE {
            return;
        }
        self.sampled.store(0, Ordering::Relaxed);
        self.nanoseconds.store(0, Ordering::Relaxed);
        if !self.at_once && Duration::from_nanos(all / sampled) > FAR && !self.far.swap(true, Ordering::Relaxed) {
            self.observer.reads(Order::FrontToBack);
        }
    }

    /// DeferredChecks that these members are the keys of the records that start there.
    pub fn add<'m>(&self, deferred: impl Iterator<Item = (u64, &'m [u8])>, dump: &Dump<'_>) -> Result<(), rdb::Error> {
        let mut round = self.round.lock().unwrap_or_else(PoisonError::into_inner);
        for (start, member) in deferred {
            if round.is_full(member.len()) {
                self.prove(&mut round, dump)?;
            }
            round.add(start, member);
        }
        Ok(())
    }

    /// Proves what is left; nothing may come of what was deferred before.
    pub fn finish(&self, dump: &Dump<'_>) -> Result<(), rdb::Error> {
        let mut round = std::mem::take(&mut *self.round.lock().unwrap_or_else(PoisonError::into_inner));
        if self.far() {
            self.prove(&mut round, dump)?;
            self.observer.reads(Order::Jumps);
        }
        Ok(())
    }

    /// Goes through the dump. All others wait, who would only make it jump.
    fn prove(&self, round: &mut Round, dump: &Dump<'_>) -> Result<(), rdb::Error> {
        round.deferred.sort_unstable();
        let mut scratch = Vec::new();
        for (at, claim) in round.deferred.iter().enumerate() {
            // Who stopped it drops what is incomplete.
            if self.collided() || (at % 4096 == 0 && self.observer.stopped()) {
                break;
            }
            let (start, member) = round.get(*claim);
            if !dump.key_is(start, member, &mut scratch)? {
                self.collide();
            }
        }
        round.bytes.clear();
        round.deferred.clear();
        Ok(())
    }
}

impl Round {
    fn is_full(&self, more: usize) -> bool {
        !self.deferred.is_empty()
            && (self.deferred.len() >= ROUND_CLAIMS || self.bytes.len().saturating_add(more) > ROUND_BYTES)
    }

    fn add(&mut self, start: u64, member: &[u8]) {
        if self.deferred.is_empty() {
            // What is not written to takes no memory.
            self.bytes.reserve_exact(ROUND_BYTES);
            self.deferred.reserve_exact(ROUND_CLAIMS);
        }
        // A member of 4 GiB, which no server takes, would prove wrong, and all be compared again with none deferred.
        let at = u128::from(start) << 64 | (self.bytes.len() as u128) << 32 | member.len() as u128;
        self.deferred.push(at);
        self.bytes.extend_from_slice(member);
    }

    fn get(&self, claim: u128) -> (u64, &[u8]) {
        let (from, len) = ((claim >> 32) as u32 as usize, claim as u32 as usize);
        ((claim >> 64) as u64, self.bytes.get(from..from.saturating_add(len)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::rdb::Walker;
    use crate::index::tests::File;

    #[test]
    fn what_is_claimed_is_proved() {
        let names = ["a", "", "abc", "d"];
        let (file, starts) = File::of(&names);
        let dump = Dump { file: &file, header: Walker::new(&file).unwrap().header() };
        let observer = Observer::default();
        let right = [3, 0, 1, 2, 0, 3].map(|at| (starts[at], names[at].as_bytes()));
        for (claim, is_right) in [
            ((starts[2], "abc"), true),
            ((starts[2], "ab"), false),
            ((starts[2], "abd"), false),
            ((starts[1], "a"), false),
            ((starts[0], ""), false),
        ] {
            let deferred = DeferredChecks::always(&observer);
            deferred.add(right.into_iter(), &dump).unwrap();
            deferred.add(std::iter::once((claim.0, claim.1.as_bytes())), &dump).unwrap();
            deferred.add(right.into_iter(), &dump).unwrap();
            assert!(!deferred.collided(), "nothing is looked at before there is enough");
            deferred.finish(&dump).unwrap();
            assert_eq!(deferred.collided(), !is_right, "{claim:?}");
        }
    }

    #[test]
    fn a_round_is_proved_when_it_is_full() {
        let (file, starts) = File::of(&["a"]);
        let dump = Dump { file: &file, header: Walker::new(&file).unwrap().header() };
        let observer = Observer::default();
        let deferred = DeferredChecks::always(&observer);
        let many = |member: &'static [u8], count| std::iter::repeat_n((starts[0], member), count);
        deferred.add(many(b"b", 1), &dump).unwrap();
        deferred.add(many(b"a", ROUND_CLAIMS - 1), &dump).unwrap();
        assert!(!deferred.collided());
        deferred.add(many(b"a", 1), &dump).unwrap();
        assert!(deferred.collided());
        // Neither does one member that is larger than a round wait for another, nor is it lost.
        let large = vec![b'x'; ROUND_BYTES + 1];
        let deferred = DeferredChecks::always(&observer);
        deferred.add([(starts[0], &*large), (starts[0], &*large)].into_iter(), &dump).unwrap();
        assert!(deferred.collided());
    }

    #[test]
    fn who_waits_long_claims() {
        let observer = Observer::default();
        let near = DeferredChecks::new(&observer);
        for _ in 0..1000 {
            near.took(32, Duration::from_micros(32));
        }
        assert!(!near.far());
        for deferred in [DeferredChecks::new(&observer), DeferredChecks::never(&observer)] {
            for _ in 0..1000 {
                deferred.took(32, Duration::from_micros(3200));
            }
            assert_eq!(deferred.far(), !deferred.at_once);
        }
    }
}
