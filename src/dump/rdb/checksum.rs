//! Whether the checksum at the end of a dump is that of the bytes before it.

use super::Footer;

/// What the footer of a dump says of the bytes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// Nothing: the server was told not to compute one (it is 0 then), or the format is older than checksums.
    Absent,
    /// It is theirs.
    Right,
    /// It is not theirs: something in the dump is damaged.
    Wrong {
        /// What the footer says.
        stored: u64,
        /// What the bytes before it come to.
        computed: u64,
    },
}

impl Footer {
    /// Compares the stored checksum with the CRC-64 of everything before it, which is only asked for if one is stored.
    pub fn checksum(&self, computed: impl FnOnce() -> u64) -> Checksum {
        let Some(stored) = self.crc.filter(|stored| *stored != 0) else { return Checksum::Absent };
        let computed = computed();
        if stored == computed { Checksum::Right } else { Checksum::Wrong { stored, computed } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::rdb::Tail;

    #[test]
    fn zero_is_none_and_not_wrong() {
        let footer = |crc| Footer { crc, body_end: 9, trailing: 0, tail: Tail::Empty };
        let never = || -> u64 { panic!("there is nothing to compare it with") };
        assert_eq!(footer(None).checksum(never), Checksum::Absent);
        assert_eq!(footer(Some(0)).checksum(never), Checksum::Absent);
        assert_eq!(footer(Some(7)).checksum(|| 7), Checksum::Right);
        assert_eq!(footer(Some(7)).checksum(|| 8), Checksum::Wrong { stored: 7, computed: 8 });
        // A computed 0 is a checksum like any other: a server that stores it stores "none".
        assert_eq!(footer(Some(7)).checksum(|| 0), Checksum::Wrong { stored: 7, computed: 0 });
    }
}
