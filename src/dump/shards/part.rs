//! One of several dumps: where its last item ends, and what the whole needs to know of it.

use std::io;
use std::path::PathBuf;

use crc_fast::{CrcAlgorithm, Digest};

use super::Error;
use crate::dump::rdb::{Checksum, Flavor, Header, Item, RawStr, Walker, opcode};
use crate::dump::scan::Observer;
use crate::dump::snapshot::Snapshot;
use crate::progress::Watch;

/// What is to be known of one dump.
pub(super) struct Shard {
    pub path: PathBuf,
    pub header: Header,
    /// End of the last item before EOF.
    pub end: usize,
    /// CRC-64 of everything before that, if there is a checksum.
    pub crc64: u64,
    /// Whether it has a checksum, and whether that is right.
    pub checksum: Checksum,
    pub ctime: Option<u64>,
    templates: Vec<u64>,
}

/// Bytes behind the last item: the opcode EOF and the checksum.
pub(super) const FOOTER: usize = 9;
/// The first version of Redis whose hashes may refer to what stands elsewhere in their dump.
const TEMPLATES: u32 = 15;

/// Whether a hash of such a dump may refer to what stands elsewhere in it.
pub(super) fn may_have_templates(header: Header) -> bool {
    header.flavor == Flavor::Redis && header.version >= TEMPLATES
}

impl Shard {
    /// Takes a dump at its word: that it ends where its file does, and that its checksum is right. None if it cannot be told
    /// so; it must be read then.
    pub fn glance(dump: &Snapshot) -> Option<Self> {
        let mut walker = Walker::new(dump).ok()?;
        let header = walker.header();
        if header.version < 5 || may_have_templates(header) {
            return None;
        }
        let end = dump.len().checked_sub(FOOTER)?;
        let (&eof, stored) = dump.get(end..)?.split_first()?;
        let stored = u64::from_le_bytes(stored.try_into().ok()?);
        if eof != opcode::EOF || stored == 0 {
            return None;
        }
        let (mut ctime, mut scratch) = (None, Vec::new());
        loop {
            match walker.next().ok()?? {
                Item::Aux { name, value } if ctime.is_none() => ctime = made_at(name, value, &mut scratch),
                Item::Record(_) => break,
                Item::End(footer) if footer.trailing == 0 => break,
                Item::End(_) | Item::HashTemplate { .. } => return None,
                _ => {}
            }
        }
        let (path, crc64) = (dump.path().to_owned(), before(stored, eof));
        Some(Self { path, header, end, crc64, checksum: Checksum::Right, ctime, templates: Vec::new() })
    }

    /// Walks a dump to its end.
    pub fn read(dump: &Snapshot, ignore_checksum: bool, observer: &Observer) -> Result<Self, Error> {
        let path = || dump.path().to_owned();
        let fail = |error| Error::Dump { path: path(), error };
        let mut walker = Walker::new(dump).map_err(fail)?;
        let header = walker.header();
        let (mut ctime, mut templates, mut scratch) = (None, Vec::new(), Vec::new());
        let mut end = walker.position();
        loop {
            // What was said of a key that never came is not for the first key of the next part.
            if walker.between_records().is_some() {
                end = walker.position();
            }
            let before = walker.position();
            let item = walker.next().map_err(fail)?;
            observer.add(walker.position().saturating_sub(before) as u64);
            if observer.stopped() {
                return Err(Error::Interrupted);
            }
            match item {
                Some(Item::Aux { name, value }) if ctime.is_none() => ctime = made_at(name, value, &mut scratch),
                Some(Item::HashTemplate { id, .. }) => templates.push(id),
                Some(Item::End(footer)) => {
                    if footer.trailing > 0 {
                        return Err(Error::Trailing { path: path(), bytes: footer.trailing });
                    }
                    let mut sum = Digest::new(CrcAlgorithm::Crc64Redis);
                    let mut crc64 = 0;
                    let checksum = footer.checksum(|| {
                        sum.update(dump.get(..end).unwrap_or_default());
                        crc64 = sum.finalize();
                        sum.update(dump.get(end..footer.body_end).unwrap_or_default());
                        sum.finalize()
                    });
                    match checksum {
                        Checksum::Wrong { stored, computed } if !ignore_checksum => {
                            return Err(Error::Checksum { path: path(), stored, computed });
                        }
                        _ => return Ok(Self { path: path(), header, end, crc64, checksum, ctime, templates }),
                    }
                }
                Some(_) => {}
                // The walk ends with its end or with an error.
                None => return Err(Error::Interrupted),
            }
        }
    }
}

/// The header of the whole: a record is read by its type alone, so the latest version reads all of them.
pub(super) fn agree(parts: &[Shard]) -> Result<Header, Error> {
    let mut header: Option<Header> = None;
    for part in parts {
        if let (Some(first), Some(one)) = (parts.first(), header)
            && one.flavor != part.header.flavor
        {
            let (path, other_path) = (first.path.clone(), part.path.clone());
            return Err(Error::Flavor { path, one: one.flavor, other_path, other: part.header.flavor });
        }
        let version = header.map_or(0, |header| header.version).max(part.header.version);
        header = Some(Header { flavor: part.header.flavor, version });
    }
    let mut templates: Vec<(u64, usize)> = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        templates.extend(part.templates.iter().map(|id| (*id, at)));
    }
    templates.sort_unstable();
    let twice = templates.windows(2).find_map(|pair| match *pair {
        [(a, one), (b, other)] if a == b => Some((a, parts.get(one)?.path.clone(), parts.get(other)?.path.clone())),
        _ => None,
    });
    match (twice, header) {
        (Some((id, path, other)), _) => Err(Error::Template { id, path, other }),
        (None, Some(header)) => Ok(header),
        (None, None) => Err(io::Error::from(io::ErrorKind::InvalidInput).into()),
    }
}

/// When a dump was made, if this AUX field says so.
fn made_at(name: RawStr<'_>, value: RawStr<'_>, scratch: &mut Vec<u8>) -> Option<u64> {
    if !name.eq_bytes(b"ctime", scratch).unwrap_or(false) {
        return None;
    }
    std::str::from_utf8(value.decode(scratch).ok()?).ok()?.parse().ok()
}

/// The CRC-64 of some bytes, of which one more is the last, from that of all. Each byte goes into it by a table of 256
/// numbers with different highest bytes, so that it can be taken out again.
pub(super) fn before(crc64: u64, last: u8) -> u64 {
    let step = |byte: u8| crc_fast::checksum(CrcAlgorithm::Crc64Redis, &[byte]);
    let of = (0..=u8::MAX).find(|byte| step(*byte) >> 56 == crc64 >> 56).unwrap_or_default();
    (crc64 ^ step(of)) << 8 | u64::from(of ^ last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_byte_can_be_taken_out_of_a_checksum() {
        let sum = |bytes: &[u8]| crc_fast::checksum(CrcAlgorithm::Crc64Redis, bytes);
        for bytes in [&b""[..], b"REDIS0011", b"\0", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff"] {
            for last in [0, 1, 0x7f, 0x80, 0xff] {
                assert_eq!(before(sum(&[bytes, &[last]].concat()), last), sum(bytes), "{bytes:?} {last}");
            }
        }
    }
}
