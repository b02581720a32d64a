//! Which of many are looked at: one of so many in a row, but not the same one of each, since what was made in turn repeats
//! itself. It is the same in every run.

/// Whether the one at this place is looked at, if one of `every` is.
pub fn is_picked(at: u64, every: u64) -> bool {
    let group = at.checked_div(every).unwrap_or(at);
    at.checked_rem(every) == mix(group).checked_rem(every)
}

/// Some of these, at most `most`.
pub fn some<T>(all: &[T], most: usize) -> impl Iterator<Item = &T> {
    let every = all.len().div_ceil(most.max(1)).max(1) as u64;
    all.iter().enumerate().filter(move |(at, _)| is_picked(*at as u64, every)).map(|(_, one)| one)
}

/// The finalizer of SplitMix64.
fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_itself_is_seen_in_all_its_turns() {
        let all: Vec<usize> = (0..63).map(|n| n % 4).collect();
        let found: Vec<usize> = some(&all, 40).copied().collect();
        assert!(found.len() >= 30 && (0..4).all(|turn| found.contains(&turn)), "{found:?}");
        assert_eq!(some(&all, 63).count(), 63);
        assert_eq!(some(&all, 1000).count(), 63);
        assert!(some(&all, 5).count() <= 5);
        assert_eq!(some::<u8>(&[], 5).count(), 0);
    }
}
