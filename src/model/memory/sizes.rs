//! Sizes of structures and of allocations, in bytes.

/// A key with an expiry or without: `robj` in `server.h`.
pub const OBJECT: u64 = 16;
/// `dictEntry` of a database, a set or a hash: key, value, next.
pub const ENTRY: u64 = 24;
/// `dict` with its two tables.
pub const DICT: u64 = 56;
pub const POINTER: u64 = 8;
/// `zset`, and the `zskiplist` in it.
pub const ZSET: u64 = 16;
pub const SKIPLIST: u64 = 32;
/// `zskiplistNode` of one level, and each further level.
pub const NODE: u64 = 40;
pub const LEVEL: u64 = 16;
/// The head of a skip list has all levels.
pub const LEVELS: u64 = 32;
/// `intset` before its numbers.
pub const INTSET: u64 = 8;
/// A listpack before its entries, and the byte behind them.
pub const LISTPACK: u64 = 7;
/// A table begins with so many slots.
pub const LEAST_SLOTS: u64 = 4;

/// `quicklist`, and a `quicklistNode`.
pub const QUICKLIST: u64 = 40;
pub const LIST_NODE: u64 = 32;
/// `stream`, `streamCG`, `streamConsumer` and `streamNACK`.
pub const STREAM: u64 = 80;
pub const GROUP: u64 = 40;
pub const CONSUMER: u64 = 24;
pub const PENDING: u64 = 24;
/// What the command counts for a node of a radix tree: `raxNode`, and 30 pointers for what hangs on it.
pub const RADIX_NODE: u64 = 4 + 30 * POINTER;

/// What the allocator takes for so many bytes.
#[inline]
pub const fn allocated(bytes: u64) -> u64 {
    match bytes {
        0 => 0,
        1..=8 => 8,
        9..=64 => round_up(bytes, 16),
        // Four classes for each power of two.
        _ => {
            let group = (bytes - 1).ilog2();
            round_up(bytes, 1 << group.saturating_sub(2))
        }
    }
}

const fn round_up(bytes: u64, to: u64) -> u64 {
    match bytes.checked_next_multiple_of(to) {
        Some(bytes) => bytes,
        None => u64::MAX,
    }
}

/// A string of the server's own kind: a header by its length, and a NUL byte.
#[inline]
pub fn sds(len: u64) -> u64 {
    let short = usize::try_from(len).ok().and_then(|len| SHORT.get(len));
    short.map_or_else(|| long_sds(len), |bytes| u64::from(*bytes))
}

/// The same for lengths that nearly all strings have, made ahead: every key is asked about.
static SHORT: [u16; 256] = {
    let mut all = [0; 256];
    let mut len = 0;
    while len < 256 {
        // At most 320.
        all[len] = long_sds(len as u64) as u16;
        len += 1;
    }
    all
};

const fn long_sds(len: u64) -> u64 {
    let header = match len {
        0..32 => 1,
        32..256 => 3,
        256..65_536 => 5,
        65_536..=0xffff_ffff => 9,
        _ => 17,
    };
    allocated(len.saturating_add(header + 1))
}

/// What a key takes whatever it holds: its entry in the database, and its name.
#[inline]
pub fn key(name: u64) -> u64 {
    sds(name).saturating_add(ENTRY)
}

/// A table of so many entries, without their strings.
#[inline]
pub fn table(entries: u64) -> u64 {
    let slots = entries.checked_next_power_of_two().unwrap_or(u64::MAX).max(LEAST_SLOTS);
    let entries = entries.saturating_mul(ENTRY);
    (OBJECT + DICT).saturating_add(slots.saturating_mul(POINTER)).saturating_add(entries)
}

/// What a sorted set of so many members has beside its table: a skip list.
pub fn skiplist(members: u64) -> u64 {
    (ZSET + SKIPLIST + allocated(NODE + LEVEL * (LEVELS - 1))).saturating_add(nodes(members))
}

/// Of 4,096 nodes, 3,072 have one level, 768 two, and so on; the few with more than six count as having six.
const NODES_4096: u64 = {
    let with = [3072, 768, 192, 48, 12, 4];
    let (mut sum, mut more) = (0, 0);
    while more < with.len() {
        sum += with[more] * allocated(NODE + LEVEL * more as u64);
        more += 1;
    }
    sum
};

/// What so many nodes of a skip list take: each has another level with a chance of one in four.
fn nodes(count: u64) -> u64 {
    count.saturating_mul(NODES_4096) / 4096
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand from jemalloc's table of size classes.
    #[test]
    fn classes_of_the_allocator() {
        let facts = [(1, 8), (8, 8), (9, 16), (16, 16), (17, 32), (24, 32), (25, 32), (33, 48), (48, 48), (50, 64)];
        let larger = [(65, 80), (80, 80), (81, 96), (128, 128), (129, 160), (161, 192), (257, 320), (536, 640)];
        let large = [(1025, 1280), (4097, 5120), (16_385, 20_480), (1 << 20, 1 << 20), ((1 << 20) + 1, 1_310_720)];
        for (bytes, class) in facts.into_iter().chain(larger).chain(large) {
            assert_eq!(allocated(bytes), class, "{bytes}");
        }
        assert_eq!(allocated(u64::MAX), u64::MAX);
    }
}
