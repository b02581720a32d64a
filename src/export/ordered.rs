//! Work that threads do side by side, and whose results are taken in order.
//!
//! Each thread takes the next job, and hands over what it makes in chunks. The calling thread takes the chunks of the
//! first job, then those of the second, and so on, whichever is ready first. What waits to be taken is bounded by its
//! size and not by the number of jobs, so that memory does not depend on what a job comes to: a thread that is far ahead
//! waits, while that of the first unfinished job may always go on. Jobs are given out in order, so that one is always
//! being worked on.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes that may wait to be taken, for each thread.
const AHEAD: usize = 4 << 20;
/// Chunks of the first unfinished job that may wait although all others fill the room.
const FIRST_AHEAD: usize = 4;

/// What comes out of a job: chunks, and what there is to say at its end.
#[derive(Debug)]
pub enum Taken<C, R> {
    Chunk(C),
    End(R),
}

/// The chunks of one job that have not been taken, and its end.
struct Queue<C, R> {
    chunks: VecDeque<(C, usize)>,
    end: Option<R>,
}

struct State<C, R> {
    /// From the first unfinished job on.
    queues: VecDeque<Queue<C, R>>,
    /// The number of the first of them.
    first: u64,
    /// Bytes in all of them.
    waiting: usize,
    /// All jobs have been given out.
    no_more: bool,
    stopped: bool,
}

struct Shared<C, R> {
    state: Mutex<State<C, R>>,
    /// There may be room for another chunk.
    room: Condvar,
    /// There may be something to take.
    ready: Condvar,
    limit: usize,
}

impl<C, R> Shared<C, R> {
    fn lock(&self) -> MutexGuard<'_, State<C, R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        self.lock().stopped = true;
        self.room.notify_all();
        self.ready.notify_all();
    }
}

/// Stops everything when a thread ends by a panic, so that no other waits for it.
struct Guard<'s, C, R>(&'s Shared<C, R>);

impl<C, R> Drop for Guard<'_, C, R> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}

/// Where a job puts its chunks.
pub struct Outlet<'s, C, R> {
    shared: &'s Shared<C, R>,
    job: u64,
}

/// Nobody takes any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl<C, R> Outlet<'_, C, R> {
    /// Hands over a chunk of so many bytes; waits until there is room for it.
    pub fn push(&self, chunk: C, bytes: usize) -> Result<(), Stopped> {
        let shared = self.shared;
        let mut state = shared.lock();
        loop {
            if state.stopped {
                return Err(Stopped);
            }
            let at = self.at(&state);
            let waiting = state.queues.get(at).map_or(0, |queue| queue.chunks.len());
            if state.waiting < shared.limit || (at == 0 && waiting < FIRST_AHEAD) {
                state.waiting = state.waiting.saturating_add(bytes);
                if let Some(queue) = state.queues.get_mut(at) {
                    queue.chunks.push_back((chunk, bytes));
                }
                if at == 0 {
                    shared.ready.notify_one();
                }
                return Ok(());
            }
            state = shared.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn end(&self, report: R) {
        let mut state = self.shared.lock();
        let at = self.at(&state);
        if let Some(queue) = state.queues.get_mut(at) {
            queue.end = Some(report);
        }
        if at == 0 {
            self.shared.ready.notify_one();
        }
    }

    fn at(&self, state: &State<C, R>) -> usize {
        usize::try_from(self.job.saturating_sub(state.first)).unwrap_or(usize::MAX)
    }
}

/// Runs all jobs on so many threads, and calls `take` on this one. Ends early if `take` fails.
///
/// `next` gives the jobs out, one call at a time; `worker` makes what a thread keeps from job to job.
pub fn run<J, W, C, R, E>(
    threads: usize,
    next: impl FnMut() -> Option<J> + Send,
    worker: impl Fn() -> W + Sync,
    work: impl Fn(&mut W, J, &Outlet<'_, C, R>) -> R + Sync,
    mut take: impl FnMut(Taken<C, R>) -> Result<(), E>,
) -> Result<(), E>
where
    C: Send,
    R: Send,
{
    let threads = threads.max(1);
    let state = State { queues: VecDeque::new(), first: 0, waiting: 0, no_more: false, stopped: false };
    let limit = AHEAD.saturating_mul(threads);
    let shared = Shared { state: Mutex::new(state), room: Condvar::new(), ready: Condvar::new(), limit };
    let source = Mutex::new((next, 0_u64));
    let give = || {
        // Held until the job has its queue, so that queues stand in the order of their jobs.
        let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, given) = &mut *source;
        if shared.lock().stopped {
            return None;
        }
        let job = next();
        let mut state = shared.lock();
        match job {
            Some(job) => {
                let number = *given;
                *given = given.saturating_add(1);
                state.queues.push_back(Queue { chunks: VecDeque::new(), end: None });
                Some((job, number))
            }
            None => {
                state.no_more = true;
                shared.ready.notify_one();
                None
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let _guard = Guard(&shared);
                let mut worker = worker();
                while let Some((job, number)) = give() {
                    let outlet = Outlet { shared: &shared, job: number };
                    let report = work(&mut worker, job, &outlet);
                    outlet.end(report);
                }
            });
        }
        let _guard = Guard(&shared);
        let result = take_all(&shared, &mut take);
        shared.stop();
        result
    })
}

fn take_all<C, R, E>(shared: &Shared<C, R>, take: &mut impl FnMut(Taken<C, R>) -> Result<(), E>) -> Result<(), E> {
    let mut state = shared.lock();
    loop {
        if state.stopped {
            // By a panic, which the end of the scope passes on.
            return Ok(());
        }
        let State { queues, first, waiting, no_more, .. } = &mut *state;
        let found = match queues.front_mut() {
            None if *no_more => return Ok(()),
            None => None,
            Some(queue) => match (queue.chunks.pop_front(), queue.end.take()) {
                (Some((chunk, bytes)), end) => {
                    queue.end = end;
                    *waiting = waiting.saturating_sub(bytes);
                    Some(Taken::Chunk(chunk))
                }
                (None, Some(report)) => {
                    queues.pop_front();
                    *first = first.saturating_add(1);
                    Some(Taken::End(report))
                }
                (None, None) => None,
            },
        };
        match found {
            Some(taken) => {
                drop(state);
                // There is room for a chunk, or another job is the first now.
                shared.room.notify_all();
                take(taken)?;
                state = shared.lock();
            }
            None => state = shared.ready.wait(state).unwrap_or_else(PoisonError::into_inner),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Jobs of different lengths; each chunk says whose it is.
    fn all(threads: usize, jobs: u64) -> Vec<(u64, u64)> {
        let mut given = 0..jobs;
        let mut seen = Vec::new();
        let work = |_: &mut (), job: u64, outlet: &Outlet<'_, (u64, u64), u64>| {
            for n in 0..job * 7 % 23 {
                outlet.push((job, n), AHEAD / 3).unwrap();
            }
            job
        };
        let mut ended = 0;
        let taken = run(
            threads,
            || given.next(),
            || (),
            work,
            |taken| {
                match taken {
                    Taken::Chunk(chunk) => seen.push(chunk),
                    Taken::End(job) => {
                        assert_eq!(job, ended);
                        ended += 1;
                    }
                }
                Ok::<(), ()>(())
            },
        );
        assert_eq!((taken, ended), (Ok(()), jobs));
        seen
    }

    #[test]
    fn the_order_is_that_of_the_jobs() {
        let expected: Vec<_> = (0..100_u64).flat_map(|job| (0..job * 7 % 23).map(move |n| (job, n))).collect();
        for threads in [1, 2, 3, 8] {
            assert_eq!(all(threads, 100), expected);
        }
        assert_eq!(all(4, 0), []);
    }

    #[test]
    fn no_more_waits_than_there_is_room_for() {
        let (made, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let most = AtomicUsize::new(0);
        let mut jobs = 0..20;
        let work = |_: &mut (), _: i32, outlet: &Outlet<'_, (), ()>| {
            for _ in 0..50 {
                outlet.push((), 1 << 20).unwrap();
                let waiting = made.fetch_add(1, Ordering::SeqCst) + 1 - taken.load(Ordering::SeqCst);
                most.fetch_max(waiting, Ordering::SeqCst);
            }
        };
        let take = |what| {
            if matches!(what, Taken::Chunk(())) {
                taken.fetch_add(1, Ordering::SeqCst);
                std::thread::yield_now();
            }
            Ok::<(), ()>(())
        };
        run(3, || jobs.next(), || (), work, take).unwrap();
        assert_eq!(taken.into_inner(), 1000);
        // Four megabytes for each of three threads, what the first job may have beyond it, and what is under way.
        assert!(most.into_inner() <= 3 * 4 + FIRST_AHEAD + 4, "more waited than may");
    }

    #[test]
    fn an_error_ends_all_of_it() {
        let mut jobs = 0..;
        let work = |_: &mut (), job: i32, outlet: &Outlet<'_, i32, ()>| while outlet.push(job, 1 << 20).is_ok() {};
        let mut count = 0;
        let result = run(
            4,
            || jobs.next(),
            || (),
            work,
            |_| {
                count += 1;
                if count == 100 { Err("enough") } else { Ok(()) }
            },
        );
        assert_eq!(result, Err("enough"));
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_leaves_nobody_waiting() {
        let mut jobs = 0..;
        let work = |_: &mut (), job: i32, _: &Outlet<'_, (), ()>| assert!(job < 5);
        let _ = run(2, || jobs.next(), || (), work, |_| Ok::<(), ()>(()));
    }
}
