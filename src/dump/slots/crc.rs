//! CRC-16/XMODEM, sixteen bytes at a time.

/// How many bytes are taken in one step, and so how many tables there are.
const STEP: usize = 16;

/// `TABLES[n][byte]`: what a byte comes to when `n` bytes follow it.
static TABLES: [[u16; 256]; STEP] = tables();

const fn tables() -> [[u16; 256]; STEP] {
    let mut tables = [[0; 256]; STEP];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut n = 1;
    while n < STEP {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[n - 1][byte];
            tables[n][byte] = before << 8 ^ tables[0][(before >> 8) as usize];
            byte += 1;
        }
        n += 1;
    }
    tables
}

/// The checksum by which Redis Cluster spreads keys.
pub fn crc16(bytes: &[u8]) -> u16 {
    let mut crc = 0_u16;
    // Only the first two bytes of a step wait for the step before.
    for step in bytes.chunks(STEP) {
        let [high, low] = crc.to_be_bytes();
        let mut next = if step.len() == 1 { u16::from(low) << 8 } else { 0 };
        for (at, (byte, table)) in step.iter().zip(TABLES[..step.len()].iter().rev()).enumerate() {
            let carried = match at {
                0 => high,
                1 => low,
                _ => 0,
            };
            next ^= table[usize::from(byte ^ carried)];
        }
        crc = next;
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bit by bit, as the definition has it.
    fn slow(bytes: &[u8]) -> u16 {
        bytes.iter().fold(0, |crc, byte| {
            (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| crc << 1 ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 })
        })
    }

    #[test]
    fn the_check_value_of_the_catalogue() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(crc16(b""), 0);
    }

    proptest::proptest! {
        #[test]
        fn as_bit_by_bit(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..70)) {
            proptest::prop_assert_eq!(crc16(&bytes), slow(&bytes));
        }
    }
}
