//! Sets of bytes: the classes of a pattern.

/// A set of bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ByteSet([u64; 4]);

impl ByteSet {
    /// Whether it has this byte.
    pub fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }

    pub(in super::super) fn add(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    /// Adds a range, in the order of `char` on x86-64, which is signed: a byte from 128 on is below every ASCII one. It may
    /// be written backwards.
    pub(in super::super) fn add_range(&mut self, start: u8, end: u8) {
        let (start, end) = (start.cast_signed(), end.cast_signed());
        (start.min(end)..=start.max(end)).for_each(|byte| self.add(byte.cast_unsigned()));
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }

    pub(in super::super) fn negated_if(self, negated: bool) -> ByteSet {
        if negated { ByteSet(self.0.map(|word| !word)) } else { self }
    }

    /// Appends it as a class of a glob. That of one class is the same whatever it was written like.
    pub(in super::super) fn write(&self, out: &mut Vec<u8>) {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'_' | b':' | b'.' | b',' | b'/');
        let (all, negated) =
            if self.has(0) { (ByteSet(self.0.map(|word| !word)), true) } else { (self.clone(), false) };
        out.extend_from_slice(if negated { b"[^" } else { b"[" });
        let mut byte: u16 = 0;
        while let Ok(first) = u8::try_from(byte) {
            byte = byte.saturating_add(1);
            if !all.has(first) {
                continue;
            }
            let mut last = first;
            // Ranges are of letters or of digits alone: their order is no matter of signs.
            while first.is_ascii_alphanumeric()
                && let Some(next) = last.checked_add(1).filter(|next| all.has(*next) && next.is_ascii_alphanumeric())
            {
                last = next;
            }
            if !plain(first) {
                out.push(b'\\');
            }
            out.push(first);
            if last.saturating_sub(first) > 1 {
                out.extend_from_slice(&[b'-', last]);
                byte = u16::from(last).saturating_add(1);
            }
        }
        out.push(b']');
    }
}
