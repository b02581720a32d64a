//! Listpacks and intsets.

use super::encode::canonical_int;

/// A listpack of these entries, with the encodings that a server chooses.
pub fn listpack<E: AsRef<[u8]>>(entries: &[E]) -> Vec<u8> {
    let mut out = vec![0; 6];
    for entry in entries {
        let start = out.len();
        put_entry(&mut out, entry.as_ref());
        let size = out.len() - start;
        put_back_length(&mut out, size);
    }
    out.push(0xFF);
    let total = u32::try_from(out.len()).expect("a listpack is below 4 GiB");
    out[..4].copy_from_slice(&total.to_le_bytes());
    out[4..6].copy_from_slice(&u16::try_from(entries.len()).unwrap_or(u16::MAX).to_le_bytes());
    out
}

fn put_entry(out: &mut Vec<u8>, entry: &[u8]) {
    if let Some(n) = canonical_int(entry) {
        return put_int(out, n);
    }
    match entry.len() {
        n if n < 64 => out.push(0x80 | n as u8),
        n if n < 4096 => out.extend_from_slice(&[0xE0 | (n >> 8) as u8, n as u8]),
        n => {
            out.push(0xF0);
            out.extend_from_slice(&(n as u32).to_le_bytes());
        }
    }
    out.extend_from_slice(entry);
}

fn put_int(out: &mut Vec<u8>, n: i64) {
    let bytes = n.to_le_bytes();
    match n {
        0..=127 => out.push(n as u8),
        -4096..=4095 => out.extend_from_slice(&[0xC0 | ((n >> 8) as u8 & 0x1F), n as u8]),
        -32768..=32767 => put_sized(out, 0xF1, &bytes[..2]),
        -8_388_608..=8_388_607 => put_sized(out, 0xF2, &bytes[..3]),
        -2_147_483_648..=2_147_483_647 => put_sized(out, 0xF3, &bytes[..4]),
        _ => put_sized(out, 0xF4, &bytes),
    }
}

fn put_sized(out: &mut Vec<u8>, code: u8, bytes: &[u8]) {
    out.push(code);
    out.extend_from_slice(bytes);
}

/// The entry's size in groups of 7 bits, the most significant first, bit 7 set in all but the first byte.
fn put_back_length(out: &mut Vec<u8>, size: usize) {
    let width = match size {
        0..=127 => 1,
        128..=16382 => 2,
        16383..=2_097_150 => 3,
        2_097_151..=268_435_454 => 4,
        _ => 5,
    };
    for group in (0..width).rev() {
        let bits = (size >> (7 * group)) as u8 & 0x7F;
        out.push(if group == width - 1 { bits } else { bits | 0x80 });
    }
}

/// An intset of these members, or `None` if one is no integer or there is none.
pub fn intset<M: AsRef<[u8]>>(members: &[M]) -> Option<Vec<u8>> {
    let mut numbers = members.iter().map(|member| canonical_int(member.as_ref())).collect::<Option<Vec<i64>>>()?;
    numbers.sort_unstable();
    let (&least, &greatest) = (numbers.first()?, numbers.last()?);
    let width: usize = match () {
        () if i16::try_from(least).is_ok() && i16::try_from(greatest).is_ok() => 2,
        () if i32::try_from(least).is_ok() && i32::try_from(greatest).is_ok() => 4,
        () => 8,
    };
    let mut out = (width as u32).to_le_bytes().to_vec();
    out.extend_from_slice(&(numbers.len() as u32).to_le_bytes());
    for n in numbers {
        out.extend_from_slice(&n.to_le_bytes()[..width]);
    }
    Some(out)
}
