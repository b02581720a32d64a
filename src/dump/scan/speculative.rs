//! Walking ahead of the walk, so that it is no limit where there are many threads.
//!
//! A boundary is known only by walking to it from the start of the file, but it can be guessed: where a few records follow
//! each other, there is one, or a value that looks like records. So a thread may walk a stretch from a guess. What it found
//! is used only when the walk itself comes to the very byte it started from: from there both would go the same way. A wrong
//! guess is never reached, or not before it was passed, and costs nothing but the work.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use crc_fast::{CrcAlgorithm, checksum};

use super::{BATCH_RECORDS, PIECE_ELEMENTS, lock};
use crate::dump::rdb::{Header, Item, Record, Walker};

/// Records that have to follow each other where a boundary is guessed.
const RUN: usize = 6;
/// Names of guessed records are no longer than this.
const LONGEST_NAME: usize = 1 << 10;
/// A guess is looked for among so many bytes: inside a large value there is none.
const REACH: usize = 8 << 10;
/// … and not further when looking for it took a walk over so many bytes: where no records are, what seems to be one may go on
/// for as long as a hostile file likes.
const EFFORT: usize = 64 << 10;
/// After so many stretches in a row that were of no use, …
const PATIENCE: u32 = 8;
/// … no more are walked ahead for as many as this.
const PAUSE: usize = 256;

/// Records that were walked ahead, without a gap.
pub(super) struct Stretch<'a> {
    pub start: usize,
    pub end: usize,
    pub records: Vec<Record<'a>>,
    /// Of the bytes between.
    pub crc64: u64,
    /// What their database was taken to be.
    db: u64,
}

/// Where a stretch is put when it was walked.
pub(super) type Place<'a> = Arc<Mutex<State<'a>>>;

pub(super) enum State<'a> {
    /// Nobody has walked it yet.
    Wanted,
    /// The walk has come there first.
    Late,
    Walked(Option<Stretch<'a>>),
}

/// A stretch that is to be walked ahead.
pub(super) struct Task<'a> {
    place: Place<'a>,
    from: usize,
    to: usize,
    db: u64,
}

/// The stretches ahead of the walk.
pub(super) struct Ahead<'a> {
    file: &'a [u8],
    /// Bytes of a stretch.
    size: usize,
    /// How many there are at a time; none if the walk goes alone.
    most: usize,
    /// Where the next one begins.
    next: usize,
    stretches: VecDeque<(usize, Place<'a>)>,
    /// How many in a row were of no use.
    useless: u32,
    /// The memory of those.
    pub unused: Vec<Vec<Record<'a>>>,
}

/// What the walk should do.
pub(super) enum Next<'a> {
    /// Walk, at most until it is at or behind this place.
    Walk(usize),
    /// Take these records, which begin where it is.
    Take(Stretch<'a>),
}

impl<'a> Ahead<'a> {
    pub fn new(file: &'a [u8], size: usize, most: usize) -> Self {
        Self { file, size, most, next: size, stretches: VecDeque::new(), useless: 0, unused: Vec::new() }
    }

    /// Stretches that somebody should walk now, while the walk is at `position` in database `db`.
    pub fn wanted(&mut self, position: usize, db: u64) -> Vec<Task<'a>> {
        // The next one but one: the walk will have come to the next before anybody else could.
        let first = position.checked_div(self.size).unwrap_or(0).saturating_add(2).saturating_mul(self.size);
        self.next = self.next.max(first);
        let mut tasks = Vec::new();
        while self.stretches.len() < self.most && self.next < self.file.len() {
            let (from, place) = (self.next, Arc::new(Mutex::new(State::Wanted)));
            self.next = from.saturating_add(self.size);
            self.stretches.push_back((from, Arc::clone(&place)));
            tasks.push(Task { place, from, to: self.next, db });
        }
        tasks
    }

    /// What is to be done at `position`. `db` is the database of the next record, unless something was said of it before.
    pub fn at(&mut self, position: usize, db: Option<u64>) -> Next<'a> {
        while let Some((from, place)) = self.stretches.front() {
            let mut state = lock(place);
            match std::mem::replace(&mut *state, State::Late) {
                State::Walked(Some(stretch)) if stretch.start > position => {
                    let to = stretch.start;
                    *state = State::Walked(Some(stretch));
                    return Next::Walk(to);
                }
                State::Walked(Some(stretch)) if stretch.start == position && db == Some(stretch.db) => {
                    drop(state);
                    self.stretches.pop_front();
                    self.useless = 0;
                    return Next::Take(stretch);
                }
                State::Wanted if *from > position => {
                    *state = State::Wanted;
                    return Next::Walk(*from);
                }
                State::Walked(stretch) => {
                    // No guess, or a wrong one.
                    self.useless = self.useless.saturating_add(1);
                    self.unused.extend(stretch.map(|stretch| emptied(stretch.records)));
                }
                State::Wanted | State::Late => {}
            }
            drop(state);
            self.stretches.pop_front();
            if self.useless >= PATIENCE {
                self.useless = 0;
                self.next = self.next.saturating_add(PAUSE.saturating_mul(self.size));
            }
        }
        Next::Walk(usize::MAX)
    }
}

impl<'a> Task<'a> {
    /// Walks the stretch, unless the walk itself was faster. The records are put into `room`, which comes back if it is not
    /// needed.
    pub fn run(self, file: &'a [u8], header: Header, mut room: Vec<Record<'a>>) -> Option<Vec<Record<'a>>> {
        if matches!(*lock(&self.place), State::Wanted) {
            let walked = self.walk(file, header, &mut room);
            let mut state = lock(&self.place);
            if matches!(*state, State::Wanted) {
                if let Some((start, end, crc64)) = walked {
                    *state = State::Walked(Some(Stretch { start, end, records: room, crc64, db: self.db }));
                    return None;
                }
                *state = State::Walked(None);
            }
        }
        Some(emptied(room))
    }

    /// Walks it; gives back where it begins and ends, and the sum of the bytes between.
    fn walk(&self, file: &'a [u8], header: Header, records: &mut Vec<Record<'a>>) -> Option<(usize, usize, u64)> {
        // No record may go on for longer than a stretch behind this one: it would be walked again for each it goes through.
        let end = self.to.saturating_add(self.to.saturating_sub(self.from)).min(file.len());
        let file = file.get(..end)?;
        let start = guess(file, header, self.from..self.to)?;
        // Reads the bytes in the one way that memory is fast at.
        let likely = self.to.min(file.len());
        let mut crc64 = checksum(CrcAlgorithm::Crc64Redis, file.get(start..likely)?);
        let mut walker = Walker::at(file, header, start, self.db).with_pieces(PIECE_ELEMENTS);
        let mut end = start;
        while end < self.to && records.len() < BATCH_RECORDS {
            match walker.next() {
                // Templates are not known here.
                Ok(Some(Item::Record(record))) if record.value.can_be_revisited() => records.push(record),
                _ => break,
            }
            end = walker.position();
        }
        crc64 = match end.checked_sub(likely) {
            Some(0) => crc64,
            Some(more) => {
                let rest = checksum(CrcAlgorithm::Crc64Redis, file.get(likely..end)?);
                crc_fast::checksum_combine(CrcAlgorithm::Crc64Redis, crc64, rest, more as u64)
            }
            None => checksum(CrcAlgorithm::Crc64Redis, file.get(start..end)?),
        };
        (end > start).then_some((start, end, crc64))
    }
}

/// The memory of records.
fn emptied(mut records: Vec<Record<'_>>) -> Vec<Record<'_>> {
    records.clear();
    records
}

/// Where a few records seem to follow each other, the first place of these.
fn guess(file: &[u8], header: Header, places: Range<usize>) -> Option<usize> {
    let mut effort = EFFORT;
    for at in places.take(REACH) {
        // A type, an expiry, or what is said of the use of a key.
        if !matches!(file.get(at), Some(0..34 | 0xf8 | 0xf9 | 0xfc | 0xfd)) {
            continue;
        }
        // The walk can go no further than there is effort left.
        let window = file.get(..at.saturating_add(effort)).unwrap_or(file);
        let mut walker = Walker::at(window, header, at, 0);
        let is_run = (0..RUN).all(|_| match walker.next() {
            Ok(Some(Item::Record(record))) => !record.key.is_empty() && record.key.len() <= LONGEST_NAME,
            _ => false,
        });
        if is_run {
            return Some(at);
        }
        effort = effort.saturating_sub(walker.position().saturating_sub(at));
        if effort == 0 {
            break;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks a dump, with or without somebody who walks every stretch in time; tells how many records there are, and how
    /// many of them were walked ahead.
    fn walk(file: &[u8], size: usize, in_time: bool) -> (usize, usize) {
        let mut walker = Walker::new(file).unwrap();
        let header = walker.header();
        let mut ahead = Ahead::new(file, size, 4);
        let (mut all, mut taken) = (0, 0);
        loop {
            for task in ahead.wanted(walker.position(), 0) {
                if in_time {
                    task.run(file, header, Vec::new());
                }
            }
            match ahead.at(walker.position(), walker.between_records()) {
                Next::Take(stretch) => {
                    assert_eq!(stretch.start, walker.position());
                    walker.go_on_at(stretch.end).unwrap();
                    let sum = checksum(CrcAlgorithm::Crc64Redis, &file[stretch.start..stretch.end]);
                    assert_eq!(stretch.crc64, sum);
                    taken += stretch.records.len();
                }
                Next::Walk(to) => {
                    while walker.position() < to {
                        match walker.next().unwrap() {
                            Some(Item::Record(_)) => all += 1,
                            Some(_) => {}
                            None => return (all + taken, taken),
                        }
                    }
                }
            }
        }
    }

    fn dump(records: usize, value: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
        let mut file = b"REDIS0011".to_vec();
        for n in 0..records {
            let value = value(n);
            file.extend_from_slice(&[0, 4, b'k', b'e', b'y', b'0' + u8::try_from(n % 10).unwrap(), 0x80]);
            file.extend_from_slice(&u32::try_from(value.len()).unwrap().to_be_bytes());
            file.extend_from_slice(&value);
        }
        file.push(0xff);
        file.extend_from_slice(&[0; 8]);
        file
    }

    #[test]
    fn all_but_the_first_stretches_can_be_walked_ahead() {
        let file = dump(10_000, |n| vec![b'v'; n % 50]);
        let (all, taken) = walk(&file, 2000, true);
        assert_eq!(all, 10_000);
        // The walk itself does the first two stretches, and the last records, behind which no others follow.
        assert!(taken > 9_800, "{taken}");
    }

    #[test]
    fn nobody_need_walk_ahead() {
        let file = dump(1000, |n| vec![b'v'; n % 50]);
        assert_eq!(walk(&file, 2000, false), (1000, 0));
    }

    /// A set of 50,000 members, and records behind it: found by a walk that is long enough, which this one must not be.
    #[test]
    fn a_guess_does_not_follow_a_long_value() {
        let header = Walker::new(&dump(0, |_| Vec::new())).unwrap().header();
        let records = dump(100, |_| b"value".to_vec())[9..].to_vec();
        let members = [1, b'm'].into_iter().cycle().take(100_000);
        let set: Vec<u8> = [2, 1, b'k', 0x80, 0x00, 0x00, 0xc3, 0x50].into_iter().chain(members).collect();
        let file = [&set[..], &records].concat();
        assert_eq!(guess(&file, header, 0..1 << 20), None);
        // A stretch ends before what goes on beyond the next one.
        let file = [&dump(1000, |_| b"value".to_vec())[..16_009], &set, &records].concat();
        let place = Arc::new(Mutex::new(State::Wanted));
        Task { place: Arc::clone(&place), from: 1000, to: 40_000, db: 0 }.run(&file, header, Vec::new());
        let State::Walked(Some(stretch)) = std::mem::replace(&mut *lock(&place), State::Late) else { panic!() };
        assert_eq!(stretch.end, 16_009);
    }

    #[test]
    fn wrong_guesses_are_of_no_use() {
        let fakes = dump(60, |_| b"fake".to_vec());
        let file = dump(200, |n| if n % 7 == 0 { fakes[9..].to_vec() } else { Vec::new() });
        assert_eq!(walk(&file, 300, true).0, 200);
    }
}
