//! What `DUMP` gives and `RESTORE` takes: a type byte, a value, the version of the format (16 bits), and a CRC-64.

use crc_fast::CrcAlgorithm;

use super::clock::Clock;
use super::state::Value;
use crate::dump::rdb::{self, Flavor, Header, Item, Walker};

/// Why a payload is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    #[error("{0} bytes, which is too short for a footer")]
    Short(usize),
    #[error("a checksum of {found:016x} where the bytes have {due:016x}")]
    Checksum { found: u64, due: u64 },
    #[error("version {found}, which a server of the dump's version {most} refuses")]
    Version { found: u16, most: u32 },
    #[error("bytes that are not a value: {0}")]
    Value(#[from] rdb::Error),
    #[error("bytes that are more or less than one value")]
    Extent,
}

/// Decodes a payload for a server whose dumps have `header`.
pub fn decode(payload: &[u8], header: Header) -> Result<Value, PayloadError> {
    let short = PayloadError::Short(payload.len());
    let (body, crc) = payload.split_last_chunk::<8>().ok_or(short)?;
    let (value, version) = body.split_last_chunk::<2>().ok_or(short)?;
    let (found, due) = (u64::from_le_bytes(*crc), crc_fast::checksum(CrcAlgorithm::Crc64Redis, body));
    if found != due {
        return Err(PayloadError::Checksum { found, due });
    }
    let version = u16::from_le_bytes(*version);
    if u32::from(version) > header.version {
        return Err(PayloadError::Version { found: version, most: header.version });
    }
    value_of(value, header)
}

/// Decodes what a server itself has just given: its version says whose format it is.
pub fn decode_own(payload: &[u8]) -> Result<Value, PayloadError> {
    let version = payload.len().checked_sub(10).and_then(|at| payload.get(at..)?.first_chunk::<2>());
    let version = u32::from(u16::from_le_bytes(*version.ok_or(PayloadError::Short(payload.len()))?));
    let flavor = if version < 80 { Flavor::Redis } else { Flavor::Valkey };
    decode(payload, Header { flavor, version })
}

/// Decodes a type byte and a value: as the only key, an empty one, of a dump that is made for the purpose.
fn value_of(value: &[u8], header: Header) -> Result<Value, PayloadError> {
    let (type_byte, value) = value.split_first().ok_or(PayloadError::Extent)?;
    let mut dump = match header.flavor {
        Flavor::Redis => format!("REDIS{:04}", header.version),
        Flavor::Valkey => format!("VALKEY{:03}", header.version),
    }
    .into_bytes();
    dump.extend_from_slice(&[*type_byte, 0]);
    let start = dump.len();
    dump.extend_from_slice(value);
    let end = dump.len();
    dump.push(rdb::opcode::EOF);
    dump.extend_from_slice(&[0; 8]);
    match Walker::new(&dump)?.next()? {
        Some(Item::Record(record)) if (record.value.offset, record.value.end()) == (start, end) => {
            Value::read(&record.value, &Clock::PLAIN)?.ok_or(PayloadError::Extent)
        }
        _ => Err(PayloadError::Extent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header { flavor: Flavor::Redis, version: 10 };

    /// Redis 7.0.15: `SET k hello`, `DUMP k`, as redis-cli prints it.
    const HELLO: &[u8] = b"\x00\x05hello\n\x00cr\xdfve4 \n";

    #[test]
    fn a_payload_of_a_server() {
        assert_eq!(decode(HELLO, HEADER), Ok(Value::String(b"hello".to_vec())));
    }

    #[test]
    fn damage_is_noticed() {
        assert_eq!(decode(b"", HEADER), Err(PayloadError::Short(0)));
        let mut flipped = HELLO.to_vec();
        flipped[3] ^= 1;
        assert!(matches!(decode(&flipped, HEADER), Err(PayloadError::Checksum { .. })));
        let older = Header { version: 9, ..HEADER };
        assert_eq!(decode(HELLO, older), Err(PayloadError::Version { found: 10, most: 9 }));
        // A byte more than the value has, with a checksum of its own.
        let mut long = b"\x00\x05hello!\n\x00".to_vec();
        long.extend_from_slice(&crc_fast::checksum(CrcAlgorithm::Crc64Redis, &long).to_le_bytes());
        assert!(decode(&long, HEADER).is_err());
    }
}
