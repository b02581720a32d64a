//! LZF: the first two bytes are the length it shall expand to.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rdb_reindex::dump::rdb::lzf;

/// As slow and as plain as it can be written.
fn plain(packed: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut input = packed.iter().map(|byte| usize::from(*byte));
    while let Some(op) = input.next() {
        if op < 0x20 {
            for _ in 0..=op {
                out.push(input.next()? as u8);
            }
        } else {
            let n = match op >> 5 {
                7 => 9 + input.next()?,
                n => n + 2,
            };
            let distance = ((op & 0x1f) << 8 | input.next()?) + 1;
            for _ in 0..n {
                out.push(*out.get(out.len().checked_sub(distance)?)?);
            }
        }
        if out.len() > len {
            return None;
        }
    }
    (out.len() == len).then_some(out)
}

fuzz_target!(|data: &[u8]| {
    let [a, b, packed @ ..] = data else { return };
    let len = usize::from(u16::from_le_bytes([*a, *b]));
    let mut buffer = Vec::new();
    let found = lzf::expand(packed, len, &mut buffer).ok();
    assert_eq!(found, plain(packed, len).as_deref());
    let mut exact = vec![0; len];
    assert_eq!(lzf::expand_into(packed, &mut exact).is_ok(), found.is_some());
});
