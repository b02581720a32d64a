//! An LZF compressor: literal runs of 1 to 32 bytes, copies of 3 to 264 bytes from at most 8192 back.

const HASH_BITS: u32 = 13;
const MAX_DISTANCE: usize = 8192;
const MAX_COPY: usize = 264;
const MAX_LITERALS: usize = 32;

/// The table of where each three bytes were last seen; reused from one text to the next without clearing it.
#[derive(Clone)]
pub struct Lzf {
    /// Position + `base` of the text it was seen in; anything below the current `base` is of an earlier text.
    seen: Box<[u32; 1 << HASH_BITS]>,
    base: u32,
}

impl Lzf {
    pub fn new() -> Self {
        Self { seen: Box::new([0; 1 << HASH_BITS]), base: 1 }
    }

    /// Appends the compressed text to `out`; false, with `out` in any state, if that takes more than `limit` bytes.
    pub fn compress(&mut self, text: &[u8], out: &mut Vec<u8>, limit: usize) -> bool {
        let Some(next_base) = u32::try_from(text.len()).ok().and_then(|n| self.base.checked_add(n)) else {
            self.seen.fill(0);
            self.base = 1;
            return u32::try_from(text.len()).is_ok_and(|n| n < u32::MAX) && self.compress(text, out, limit);
        };
        let limit = out.len() + limit;
        let mut literals = 0; // where the bytes that are not yet written begin
        let mut at = 0;
        while at + 4 <= text.len() {
            let hash = hash(text, at);
            let position = self.base + at as u32;
            let earlier = std::mem::replace(&mut self.seen[hash], position);
            let distance = (position - earlier) as usize;
            let found = earlier >= self.base && distance <= MAX_DISTANCE && {
                let from = at - distance;
                text[from..from + 3] == text[at..at + 3]
            };
            if !found {
                at += 1;
                continue;
            }
            let longest = MAX_COPY.min(text.len() - at);
            let from = at - distance;
            let mut n = 3;
            while n < longest && text[from + n] == text[at + n] {
                n += 1;
            }
            put_literals(out, &text[literals..at]);
            put_copy(out, distance, n);
            if out.len() > limit {
                self.base = next_base;
                return false;
            }
            // The last positions of the copy are what the next one most likely continues from.
            for inside in (at + n - 2).max(at + 1)..at + n {
                if inside + 4 <= text.len() {
                    self.seen[self::hash(text, inside)] = self.base + inside as u32;
                }
            }
            at += n;
            literals = at;
        }
        self.base = next_base;
        put_literals(out, &text[literals..]);
        out.len() <= limit
    }
}

fn hash(text: &[u8], at: usize) -> usize {
    let bytes = &text[at..at + 4];
    let three = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
    (three.wrapping_mul(0x9E37_79B1) >> (32 - HASH_BITS)) as usize
}

fn put_literals(out: &mut Vec<u8>, bytes: &[u8]) {
    for run in bytes.chunks(MAX_LITERALS) {
        out.push(run.len() as u8 - 1);
        out.extend_from_slice(run);
    }
}

fn put_copy(out: &mut Vec<u8>, distance: usize, n: usize) {
    let back = distance - 1;
    let high = (back >> 8) as u8;
    if n <= 8 {
        out.extend_from_slice(&[((n - 2) as u8) << 5 | high, back as u8]);
    } else {
        out.extend_from_slice(&[0xE0 | high, (n - 9) as u8, back as u8]);
    }
}
