//! The slot of a key, worked out bit by bit: what the plan goes by looks it up in a table.

/// As `CLUSTER KEYSLOT` answers it: CRC-16/XMODEM of the name, or of what stands between its first `{` and the first `}`
/// behind that, unless that is nothing.
pub fn slot(key: &[u8]) -> u16 {
    let after = key.iter().position(|byte| *byte == b'{').and_then(|at| key.get(at.saturating_add(1)..));
    let tag = after.and_then(|rest| rest.get(..rest.iter().position(|byte| *byte == b'}')?));
    let mut crc: u16 = 0;
    for byte in tag.filter(|tag| !tag.is_empty()).unwrap_or(key) {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
        }
    }
    crc & 0x3fff
}

#[cfg(test)]
mod tests {
    #[test]
    fn slots_as_a_server_answers_them() {
        // `CLUSTER KEYSLOT` of Redis 7.0.
        let slots: [(&[u8], u16); 6] =
            [(b"foo", 12182), (b"bar", 5061), (b"hello", 866), (b"{foo}x", 12182), (b"x{}foo", 11714), (b"", 0)];
        for (key, slot) in slots {
            assert_eq!(super::slot(key), slot, "{}", key.escape_ascii());
        }
    }
}
