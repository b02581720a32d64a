//! A few records by which a database can be known again: whoever applies a plan looks whether they are there.

use crate::model::stock::Left;

/// How many records at most; each is the first of its stretch of the dump.
const STRETCHES: usize = 20;
/// A record that expires sooner after the dump was made proves nothing when a plan is applied.
const SOON_MS: u64 = 7 * 24 * 3600 * 1000;

/// A record that should be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Witness {
    /// Where it starts in the dump.
    pub start: u64,
    pub db: u64,
}

/// What one thread has found; the result is the same for any number of threads.
#[derive(Clone, Debug)]
pub struct Witnesses {
    first: [Option<Witness>; STRETCHES],
    stretch: u64,
}

impl Witnesses {
    /// For a dump of so many bytes.
    pub fn new(bytes: usize) -> Self {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        Self { first: [None; STRETCHES], stretch: (bytes / STRETCHES as u64).saturating_add(1) }
    }

    /// Takes note of a record; `left` is only asked for where it would be taken.
    pub fn see(&mut self, witness: Witness, left: impl FnOnce() -> Left) {
        let stretch = usize::try_from(witness.start / self.stretch).unwrap_or(usize::MAX);
        let Some(first) = self.first.get_mut(stretch) else { return };
        if first.is_some_and(|first| first <= witness) {
            return;
        }
        let stays = match left() {
            Left::Forever => true,
            Left::Ms(ms) => ms > SOON_MS,
            Left::Gone | Left::Unknown => false,
        };
        if stays {
            *first = Some(witness);
        }
    }

    pub fn merge(&mut self, other: Self) {
        for (mine, theirs) in self.first.iter_mut().zip(other.first) {
            *mine = match (*mine, theirs) {
                (Some(mine), Some(theirs)) => Some(mine.min(theirs)),
                (mine, theirs) => mine.or(theirs),
            };
        }
    }

    /// In the order of the dump.
    pub fn into_list(self) -> Vec<Witness> {
        self.first.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_over_the_dump_and_the_same_for_any_number_of_threads() {
        let see = |witnesses: &mut Witnesses, starts: &[u64]| {
            for start in starts {
                // Those at odd places expire within an hour.
                let left = if start % 2 == 1 { Left::Ms(3_600_000) } else { Left::Forever };
                witnesses.see(Witness { start: *start, db: 3 }, || left);
            }
        };
        // 20 stretches of 51 bytes.
        let (mut one, mut two, mut all) = (Witnesses::new(1000), Witnesses::new(1000), Witnesses::new(1000));
        see(&mut all, &[1, 9, 10, 12, 51, 52, 999, 998]);
        see(&mut one, &[12, 52, 998]);
        see(&mut two, &[1, 9, 10, 51, 999]);
        one.merge(two);
        let starts = |list: Vec<Witness>| list.into_iter().map(|witness| witness.start).collect::<Vec<_>>();
        assert_eq!(starts(all.into_list()), [10, 52, 998]);
        assert_eq!(starts(one.into_list()), [10, 52, 998]);
    }

    #[test]
    fn what_expires_soon_or_may_have_is_none() {
        for (left, taken) in [
            (Left::Forever, true),
            (Left::Ms(SOON_MS + 1), true),
            (Left::Ms(SOON_MS), false),
            (Left::Gone, false),
            (Left::Unknown, false),
        ] {
            let mut witnesses = Witnesses::new(10);
            witnesses.see(Witness { start: 1, db: 0 }, || left);
            assert_eq!(witnesses.into_list().len(), usize::from(taken), "{left:?}");
        }
    }
}
