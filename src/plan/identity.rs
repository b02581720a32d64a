//! What a plan was made from: the dump, the database it is of, and the spec.

use super::error::Error;
use crate::bundle::manifest::{Bytes, SnapshotId, SpecId, Witness};
use crate::bundle::sha256;
use crate::dump::rdb::Flavor;
use crate::index::Difference;
use crate::model::spec::PRESETS;
use crate::text::rfc3339;

/// Records by which the database can be known again.
pub fn witnesses(d: &Difference<'_>) -> Result<Vec<Witness>, Error> {
    let mut scratch = Vec::new();
    let mut key = |start| d.dump.key(start, &mut scratch).map(|key| Bytes(key.to_vec()));
    d.witnesses.iter().map(|witness| Ok(Witness { db: witness.db, key: key(witness.start)? })).collect()
}

/// What the dump is known by.
pub fn snapshot_id(d: &Difference<'_>) -> SnapshotId {
    let aux = |names: &[&[u8]]| {
        let found = d.facts.aux.iter().find(|(name, _)| names.contains(&name.as_slice()));
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    };
    SnapshotId {
        bytes: d.dump.file.len() as u64,
        crc64: format!("{:016x}", d.facts.crc64),
        created_at: d.clock.created_ms.and_then(rfc3339::write),
        flavor: match d.facts.header.flavor {
            Flavor::Redis => "redis".into(),
            Flavor::Valkey => "valkey".into(),
        },
        rdb_version: d.facts.header.version,
        server_version: aux(&[b"redis-ver", b"valkey-ver"]),
        keys: d.stock.total.keys,
    }
}

/// What the spec is known by.
pub fn spec_id(d: &Difference<'_>) -> SpecId {
    let text = d.spec.text.clone();
    let preset = PRESETS.iter().find(|(_, preset)| *preset == text);
    SpecId { name: preset.map_or("custom", |(name, _)| name).to_owned(), sha256: sha256(text.as_bytes()), text }
}
