//! What dumps that are put together come to, by what each is known by, without the dumps.

use super::Error;
use super::part::{FOOTER, before};
use super::together::{Sum, begin, seam};
use crate::dump::rdb::{Header, opcode};

/// What a dump is known by.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// How it begins.
    pub header: Header,
    /// Of the whole file.
    pub bytes: u64,
    /// Of everything before the checksum.
    pub crc64: u64,
    /// Unix seconds, if it says when it was made.
    pub ctime: Option<u64>,
}

/// Bytes and CRC-64 of the whole that [`super::join`] makes of these dumps, in their order. Each is taken to begin where its
/// file does, and to end with its last key, as all do that a server writes.
pub fn together(dumps: &[Known]) -> Result<(u64, u64), Error> {
    let version = dumps.iter().map(|dump| dump.header.version).max().unwrap_or_default();
    let Some(flavor) = dumps.first().map(|dump| dump.header.flavor) else {
        return Err(std::io::Error::from(std::io::ErrorKind::InvalidInput).into());
    };
    let (magic, mut glue) = begin(Header { flavor, version }, dumps.iter().filter_map(|dump| dump.ctime).min());
    let (mut sum, mut len) = (Sum::default(), 0_usize);
    for dump in dumps {
        let padding = seam(&mut glue, len, magic.len())?;
        sum.add(&glue);
        sum.add(&vec![0; padding]);
        let footer = if dump.header.version < 5 { 1 } else { FOOTER };
        let end = usize::try_from(dump.bytes).unwrap_or(usize::MAX).saturating_sub(footer);
        sum.append(before(dump.crc64, opcode::EOF), end);
        len = len.saturating_add(glue.len()).saturating_add(padding).saturating_add(end);
        glue.clear();
    }
    sum.add(&[opcode::EOF]);
    let footer = if version < 5 { 1 } else { FOOTER };
    Ok((len.saturating_add(footer) as u64, sum.0))
}
