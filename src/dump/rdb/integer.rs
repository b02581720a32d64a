//! Integers as the decimal text they stand for.

/// Room for the longest one, `-9223372036854775808`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IntText([u8; 20]);

impl IntText {
    pub fn new() -> Self {
        Self([0; 20])
    }

    /// Writes `n` and gives the text.
    pub fn write(&mut self, n: i64) -> &[u8] {
        let mut left = n.unsigned_abs();
        let mut start = self.0.len();
        for slot in self.0.iter_mut().rev() {
            // A remainder by ten always fits.
            *slot = b'0' | u8::try_from(left % 10).unwrap_or_default();
            left /= 10;
            start = start.wrapping_sub(1);
            if left == 0 {
                break;
            }
        }
        if n < 0 {
            start = start.wrapping_sub(1);
            if let Some(slot) = self.0.get_mut(start) {
                *slot = b'-';
            }
        }
        self.0.get(start..).unwrap_or_default()
    }
}

/// Number of characters of `n` in decimal.
pub(crate) fn text_len(n: i64) -> usize {
    let digits = n.unsigned_abs().checked_ilog10().unwrap_or(0);
    usize::try_from(digits).unwrap_or_default().saturating_add(1).saturating_add(usize::from(n < 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text() {
        for n in [0, 1, 9, 10, 99, 100, -1, -9, -10, 12345, i64::MAX, i64::MIN, 1 << 53, -(1 << 31)] {
            assert_eq!(IntText::new().write(n), n.to_string().as_bytes());
            assert_eq!(text_len(n), n.to_string().len());
        }
    }
}
