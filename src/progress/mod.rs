//! How far some work is, and a way to stop it.
//!
//! The work says what step it is at and adds to a counter; somebody else looks now and then. Both are cheap enough for
//! every batch, and too dear for every member.

pub mod leftovers;

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// What a step counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    #[default]
    Bytes,
    Keys,
    Members,
    Edits,
    Commands,
    /// Keys and edits that are looked at.
    Looks,
}

/// A part of the work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// What is being done, as a participle: `reading`.
    pub name: &'static str,
    pub unit: Unit,
    /// How much there is to do; 0 if that is not known.
    pub total: u64,
    /// Goes up with every step.
    pub number: u32,
}

/// In what order the bytes of a dump are about to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    FrontToBack,
    /// A few bytes here, and a few there.
    Jumps,
    /// Those from one place to another first; nothing is said of the others.
    Next {
        from: u64,
        to: u64,
    },
}

/// Somebody who is told the order.
struct Listener(Box<dyn Fn(Order) + Send + Sync>);

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}

/// Somebody who knows whether an input is still what it was.
struct Witness(Box<dyn Fn() -> bool + Send + Sync>);

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Witness")
    }
}

/// So many inputs are looked at whenever the work asks whether it should stop.
const LOOKED_AT: usize = 8;

/// Shows how far a piece of work is, and lets it be stopped.
#[derive(Debug, Default)]
pub struct Observer {
    /// How much of the present step is done: bytes of the dump, unless [`Observer::begin`] said something else.
    pub position: AtomicU64,
    /// Set to stop the work; it then ends with an error that says so.
    pub stop: AtomicBool,
    number: AtomicU32,
    step: Mutex<Step>,
    times: Mutex<Vec<(&'static str, Time)>>,
    listeners: Mutex<Vec<Listener>>,
    /// Set when an input is gone: what is read of it from then on is nothing.
    gone: [OnceLock<&'static AtomicBool>; LOOKED_AT],
    witnesses: Mutex<Vec<Witness>>,
}

#[derive(Clone, Copy, Debug)]
enum Time {
    /// When a step began; it lasts until the next one.
    Began(Instant),
    /// How long one thread took for a part of a step.
    Took(Duration),
}

impl Observer {
    /// Whether the work should stop: somebody said so, or an input is gone.
    pub fn stopped(&self) -> bool {
        let mut gone = self.gone.iter().map_while(OnceLock::get);
        self.stop.load(Ordering::Relaxed) || gone.any(|flag| flag.load(Ordering::Relaxed))
    }

    /// Has the work stop when this is set.
    pub fn stop_with(&self, gone: &'static AtomicBool) {
        // Of more inputs than are looked at, the witnesses tell.
        let _ = self.gone.iter().try_for_each(|slot| match slot.set(gone) {
            Ok(()) => Err(()),
            Err(_) => Ok(()),
        });
    }

    /// Has somebody asked, before a result counts, whether an input is still what it was.
    pub fn ask_before_a_result(&self, witness: impl Fn() -> bool + Send + Sync + 'static) {
        self.witnesses.lock().unwrap_or_else(PoisonError::into_inner).push(Witness(Box::new(witness)));
    }

    fn inputs_hold(&self) -> bool {
        self.witnesses.lock().unwrap_or_else(PoisonError::into_inner).iter().all(|witness| witness.0())
    }

    /// What is being done.
    pub fn step(&self) -> Step {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long each step took, the present one up to now; and, true behind it, the parts of a step that were told.
    pub fn times(&self) -> Vec<(&'static str, Duration, bool)> {
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out: Vec<(&'static str, Duration, bool)> = Vec::with_capacity(times.len());
        for (at, (name, time)) in times.iter().enumerate() {
            out.push(match time {
                Time::Took(time) => (name, *time, true),
                Time::Began(began) => {
                    let later = times.iter().skip(at.saturating_add(1));
                    let next = later.map(|(_, time)| time).find_map(|time| match time {
                        Time::Began(next) => Some(*next),
                        Time::Took(_) => None,
                    });
                    (name, next.unwrap_or_else(Instant::now).saturating_duration_since(*began), false)
                }
            });
        }
        out
    }

    /// Has somebody told of every [`Watch::reads`].
    pub fn tell_order(&self, listener: impl Fn(Order) + Send + Sync + 'static) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(Listener(Box::new(listener)));
    }

    /// From here on, dumps are read in this order.
    pub fn reads(&self, order: Order) {
        for listener in self.listeners.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            listener.0(order);
        }
    }

    fn note(&self, name: &'static str, time: Time) {
        self.times.lock().unwrap_or_else(PoisonError::into_inner).push((name, time));
    }
}

/// What a piece of work needs of whoever watches it. A flag that stops it is enough.
pub trait Watch: Sync + std::fmt::Debug {
    /// Whether the work should stop.
    fn stopped(&self) -> bool;

    /// Whether what was read can be relied on: asked once, before a result is put in place.
    fn inputs_hold(&self) -> bool {
        true
    }

    /// The next step begins; nothing of it is done.
    fn begin(&self, _name: &'static str, _unit: Unit, _total: u64) {}

    /// So much more of the step is done.
    fn add(&self, _done: u64) {}

    /// A part of the step took one thread so long.
    fn took(&self, _name: &'static str, _time: Duration) {}

    /// From here on, dumps are read in this order.
    fn reads(&self, _order: Order) {}
}

impl Watch for Observer {
    fn stopped(&self) -> bool {
        Self::stopped(self)
    }

    fn inputs_hold(&self) -> bool {
        Self::inputs_hold(self)
    }

    fn begin(&self, name: &'static str, unit: Unit, total: u64) {
        let mut step = self.step.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.number.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        *step = Step { name, unit, total, number };
        self.position.store(0, Ordering::Relaxed);
        self.note(name, Time::Began(Instant::now()));
    }

    fn took(&self, name: &'static str, time: Duration) {
        self.note(name, Time::Took(time));
    }

    fn add(&self, done: u64) {
        self.position.fetch_add(done, Ordering::Relaxed);
    }

    fn reads(&self, order: Order) {
        Self::reads(self, order);
    }
}

/// For work that nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Watch for Nobody {
    fn stopped(&self) -> bool {
        false
    }
}

impl Watch for AtomicBool {
    fn stopped(&self) -> bool {
        self.load(Ordering::Relaxed)
    }
}

/// A reader that is watched: it counts what is read, and ends with an error when it should stop.
pub struct Watched<'w, R> {
    reader: R,
    watch: &'w dyn Watch,
}

impl<'w, R> Watched<'w, R> {
    /// Watches `reader`.
    pub fn new(reader: R, watch: &'w dyn Watch) -> Self {
        Self { reader, watch }
    }
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.watch.stopped() {
            // `ErrorKind::Interrupted` would be taken for a call to try again.
            return Err(io::Error::other("interrupted"));
        }
        let read = self.reader.read(out)?;
        self.watch.add(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_begins_at_nothing() {
        let observer = Observer::default();
        observer.begin("reading", Unit::Bytes, 10);
        observer.add(7);
        assert_eq!(observer.position.load(Ordering::Relaxed), 7);
        observer.begin("comparing", Unit::Keys, 3);
        assert_eq!(observer.position.load(Ordering::Relaxed), 0);
        let step = observer.step();
        assert_eq!((step.name, step.unit, step.total, step.number), ("comparing", Unit::Keys, 3, 2));
    }

    #[test]
    fn listeners_are_told_the_order() {
        let (observer, told) = (Observer::default(), std::sync::Arc::new(Mutex::new(Vec::new())));
        observer.reads(Order::FrontToBack);
        let list = std::sync::Arc::clone(&told);
        observer.tell_order(move |order| list.lock().expect("one thread").push(order));
        observer.reads(Order::Jumps);
        let (watch, next): (&dyn Watch, _) = (&observer, Order::Next { from: 3, to: 7 });
        watch.reads(next);
        assert_eq!(*told.lock().expect("one thread"), [Order::Jumps, next]);
    }

    #[test]
    fn an_input_that_is_gone_stops_the_work() {
        let observer = Observer::default();
        let flags: &'static [AtomicBool; 9] = Box::leak(Box::default());
        flags.iter().for_each(|flag| observer.stop_with(flag));
        assert!(!observer.stopped());
        flags[1].store(true, Ordering::Relaxed);
        assert!(observer.stopped());
        assert!(Watch::inputs_hold(&observer));
        observer.ask_before_a_result(|| true);
        observer.ask_before_a_result(|| false);
        assert!(!Watch::inputs_hold(&observer));
    }

    #[test]
    fn times_are_told_by_step() {
        let observer = Observer::default();
        observer.begin("reading", Unit::Bytes, 10);
        observer.took("the walk", Duration::from_secs(7));
        observer.begin("comparing", Unit::Keys, 3);
        let times = observer.times();
        let names: Vec<_> = times.iter().map(|(name, _, part)| (*name, *part)).collect();
        assert_eq!(names, [("reading", false), ("the walk", true), ("comparing", false)]);
        assert_eq!(times[1].1, Duration::from_secs(7));
    }

    #[test]
    fn a_watched_reader_counts_and_stops() {
        let observer = Observer::default();
        let mut reader = Watched::new(&b"0123456789"[..], &observer);
        reader.read_exact(&mut [0; 4]).expect("there is enough");
        assert_eq!(observer.position.load(Ordering::Relaxed), 4);
        observer.stop.store(true, Ordering::Relaxed);
        assert!(reader.read(&mut [0; 4]).is_err());
    }
}
