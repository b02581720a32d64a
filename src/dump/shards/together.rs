//! Dumps one behind the other in memory, as one dump.
//!
//! Each is mapped as it is, at the start of a page. What is none of the whole (the headers of all but the first, and the
//! bytes up to the start of a page) is the value of an AUX field, which readers of a dump pass over; its name is
//! [`opcode::SEAM`]. It stands where a dump has its EOF opcode:
//!
//! ```text
//! REDIS0011, AUX ctime, SELECTDB 0, AUX seam "NUL … REDIS0011", items of the first dump,
//!                       SELECTDB 0, AUX seam "NUL … REDIS0011", items of the second dump, …, EOF, checksum
//! ```
//!
//! The checksum follows from theirs, and nobody has to read anything for it: it is right if theirs are.

use crc_fast::{CrcAlgorithm, checksum, checksum_combine};

use super::Error;
use super::part::Shard;
use crate::dump::parts::Part;
use crate::dump::rdb::{Checksum, Flavor, Header, opcode};
use crate::dump::snapshot::{Builder, Snapshot, padding};
use crate::text;

/// A length of four bytes follows.
const LENGTH_32: u8 = 0x80;

/// The checksum of a whole that grows.
#[derive(Default)]
pub(super) struct Sum(pub u64);

impl Sum {
    pub fn add(&mut self, bytes: &[u8]) {
        self.append(checksum(CrcAlgorithm::Crc64Redis, bytes), bytes.len());
    }

    pub fn append(&mut self, crc64: u64, len: usize) {
        self.0 = checksum_combine(CrcAlgorithm::Crc64Redis, self.0, crc64, len as u64);
    }
}

/// Puts dumps together, of which this is known.
pub(super) fn put(dumps: Vec<Snapshot>, shards: &[Shard], header: Header) -> Result<Snapshot, Error> {
    let version = header.version;
    let (magic, mut glue) = begin(header, shards.iter().filter_map(|shard| shard.ctime).min());
    let (mut whole, mut sum, mut parts) = (Builder::default(), Sum::default(), Vec::new());
    for (dump, shard) in dumps.into_iter().zip(shards) {
        let lead = dump.lead().saturating_add(magic.len());
        let padding = seam(&mut glue, whole.len(), lead)?;
        let hidden = padding.saturating_add(lead);
        whole.push(&glue);
        sum.add(&glue);
        glue.clear();
        sum.add(&vec![0; padding]);
        sum.add(dump.before());
        sum.append(shard.crc64, shard.end);
        let from = whole.len().saturating_add(hidden);
        let end = from.saturating_add(shard.end.saturating_sub(magic.len()));
        parts.push(Part {
            name: text::path(dump.path()).to_string(),
            created: shard.ctime.and_then(|ctime| i64::try_from(ctime).ok()),
            from: from as u64,
            end: end as u64,
            cut: magic.len() as u64,
        });
        whole.put(dump, shard.end);
    }
    whole.push(&[opcode::EOF]);
    sum.add(&[opcode::EOF]);
    let crc64 = if shards.iter().any(|shard| matches!(shard.checksum, Checksum::Wrong { .. })) {
        // As wrong as its part, but never the 0 that says that there is none.
        (!sum.0).max(1)
    } else if shards.iter().all(|shard| shard.checksum == Checksum::Right) {
        sum.0
    } else {
        0
    };
    if version >= 5 {
        whole.push(&crc64.to_le_bytes());
    }
    Ok(whole.finish(parts)?)
}

/// How the whole begins: its magic, and with it what comes before the first seam.
pub(super) fn begin(Header { flavor, version }: Header, ctime: Option<u64>) -> (String, Vec<u8>) {
    let magic = match flavor {
        Flavor::Redis => format!("{flavor}{version:04}"),
        Flavor::Valkey => format!("{flavor}{version:03}"),
    };
    let mut glue = magic.clone().into_bytes();
    // Nothing had expired in the whole before its first part was made. The first of several times is the one that counts.
    if let Some(ctime) = ctime {
        glue.extend([opcode::AUX]);
        push_short(&mut glue, b"ctime");
        push_short(&mut glue, ctime.to_string().as_bytes());
    }
    (magic, glue)
}

/// Appends what opens a seam behind so many bytes and the glue; `lead` bytes of the next file are hidden by it. Tells how
/// many NUL bytes come before that file.
pub(super) fn seam(glue: &mut Vec<u8>, before: usize, lead: usize) -> Result<usize, Error> {
    // What comes before any SELECTDB is in database 0.
    glue.extend([opcode::SELECTDB, 0, opcode::AUX]);
    push_short(glue, opcode::SEAM);
    let padding = padding(before.saturating_add(glue.len()).saturating_add(5));
    let hidden = padding.saturating_add(lead);
    glue.push(LENGTH_32);
    glue.extend(
        u32::try_from(hidden).map_err(|_| std::io::Error::from(std::io::ErrorKind::InvalidInput))?.to_be_bytes(),
    );
    Ok(padding)
}

/// A string of fewer than 64 bytes.
fn push_short(out: &mut Vec<u8>, text: &[u8]) {
    out.extend(u8::try_from(text.len()));
    out.extend_from_slice(text);
}
