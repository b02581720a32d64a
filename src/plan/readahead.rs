//! Has deleted keys loaded before they are read: they are in the order of the dump, with other keys between them.

use crate::index::{Deletion, Difference};
use crate::progress::{Order, Watch};

/// Loads bytes of a deleted key that will be read soon from memory, so that they are in the cache then.
pub fn load_ahead(d: &Difference<'_>, deletions: &[Deletion], at: usize) {
    /// Keys between the one that is read and the one that is loaded.
    const DISTANCE: usize = 4;
    if let Some(next) = deletions.get(at.saturating_add(DISTANCE)) {
        std::hint::black_box(d.dump.touch(next.start));
    }
}

/// Has deleted keys read from disk, where they are not in memory, many at a time: to wait for one after the other takes many
/// times as long. `values` says whether their values will be needed, or only their names.
pub fn read_ahead(watch: &dyn Watch, deletions: &[Deletion], values: bool) {
    /// What stands before a value, as far as it is worth guessing.
    const NAME: u64 = 512;
    /// Bytes between two keys that are read along with them.
    const NEAR: u64 = 16 << 10;
    /// Bytes after which no other key is added: memory may be short.
    const MOST: u64 = 16 << 20;
    let (mut range, mut sum): (Option<(u64, u64)>, u64) = (None, 0);
    let tell = |(from, to)| watch.reads(Order::Next { from, to });
    for deletion in deletions {
        let start = deletion.start;
        let end = start + NAME + if values { u64::from(deletion.bytes) } else { 0 };
        range = match range {
            Some((from, to)) if from <= start && start <= to + NEAR => Some((from, to.max(end))),
            before => {
                sum += before.map_or(0, |(from, to)| to - from);
                before.map(tell);
                Some((start, end))
            }
        };
        if sum + range.map_or(0, |(from, to)| to - from) > MOST {
            break;
        }
    }
    range.map(tell);
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::index::DeleteReason;

    #[derive(Debug, Default)]
    struct Told(Mutex<Vec<(u64, u64)>>);

    impl Watch for Told {
        fn stopped(&self) -> bool {
            false
        }

        fn reads(&self, order: Order) {
            if let Order::Next { from, to } = order {
                self.0.lock().unwrap().push((from, to));
            }
        }
    }

    fn told(keys: &[(u64, u32)], values: bool) -> Vec<(u64, u64)> {
        let deletion = |&(start, bytes)| Deletion { start, index: 0, reason: DeleteReason::Retired, bytes };
        let deletions: Vec<Deletion> = keys.iter().map(deletion).collect();
        let watch = Told::default();
        read_ahead(&watch, &deletions, values);
        watch.0.into_inner().unwrap()
    }

    #[test]
    fn deleted_keys_that_are_near_each_other_are_read_together() {
        assert_eq!(told(&[], true), []);
        assert_eq!(told(&[(9, 100)], true), [(9, 9 + 512 + 100)]);
        assert_eq!(told(&[(9, 100)], false), [(9, 9 + 512)]);
        assert_eq!(told(&[(9, 100), (10_000, 50), (900_000, 1)], true), [(9, 10_562), (900_000, 900_513)]);
        // The keys of the next index begin at the front again.
        assert_eq!(told(&[(500_000, 1), (9, 1)], true), [(500_000, 500_513), (9, 522)]);
    }

    #[test]
    fn no_more_is_read_ahead_than_memory_may_have_room_for() {
        let large = 10 << 20;
        let ranges = told(&[(1 << 30, large), (2 << 30, large), (3 << 30, large)], true);
        assert_eq!(ranges.len(), 2);
        assert_eq!(
            told(&[(9, u32::MAX), (5 << 30, 1)], true),
            [(9, 9 + 512 + u64::from(u32::MAX))],
            "cut by `snapshot`"
        );
    }
}
