//! What a bundle says of itself where its plan is one of several that are made apart, a shard each, and joined.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::bundle::output::hex;

/// The plan is that of one shard: its edits come from an engine that saw all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// The name that it was scanned under.
    pub name: String,
    /// SHA-256 of the edits that the plan was made from.
    pub edits_sha256: String,
    pub engine: Engine,
    /// What a joined plan needs to know of this one and no other part of the manifest says. `plan` writes and reads it;
    /// null until then.
    #[serde(default)]
    pub figures: serde_json::Value,
}

impl Shard {
    /// A shard by its name, what its edits are known by, and the run of the engine that they are from.
    pub fn new(name: impl Into<String>, edits_sha256: impl Into<String>, engine: Engine) -> Self {
        let figures = serde_json::Value::Null;
        Self { name: name.into(), edits_sha256: edits_sha256.into(), engine, figures }
    }
}

/// One run of the engine, and what it saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    pub spec_sha256: String,
    /// See [`Engine::run_of`].
    pub run: String,
    /// All of them, in the order of their names.
    pub shards: Vec<EngineShard>,
}

impl Engine {
    /// The run that saw these shards, whatever their order.
    pub fn new(spec_sha256: impl Into<String>, mut shards: Vec<EngineShard>) -> Self {
        shards.sort();
        Self { spec_sha256: spec_sha256.into(), run: Self::run_of(&shards), shards }
    }

    /// What a run is known by: the SHA-256 of a line `name<TAB>crc64<TAB>bytes<LF>` for each of these shards, which are
    /// in the order of their names.
    pub fn run_of(shards: &[EngineShard]) -> String {
        let mut hash = Sha256::new();
        for EngineShard { name, bytes, crc64, .. } in shards {
            hash.update(format!("{name}\t{crc64}\t{bytes}\n"));
        }
        hex(&hash.finalize())
    }
}

/// A shard as the engine saw it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineShard {
    pub name: String,
    /// As the file was named.
    pub file: String,
    /// Of the dump, as `snapshot` has them.
    pub bytes: u64,
    pub crc64: String,
}

/// The plan was joined of those of these shards, in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joined {
    /// [`Engine::run`].
    pub run: String,
    pub shards: Vec<JoinedShard>,
}

/// A shard of a joined plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinedShard {
    pub name: String,
    /// Of its own plan.
    pub plan_id: String,
    /// Its dump.
    pub file: String,
    pub bytes: u64,
    pub crc64: String,
    pub edits_sha256: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_known_by_its_shards_in_any_order() {
        let shard = |name: &str| EngineShard {
            name: name.into(),
            file: format!("{name}.rdb"),
            bytes: 7,
            crc64: "0123456789abcdef".into(),
        };
        let engine = Engine::new("ab", vec![shard("b"), shard("a")]);
        assert_eq!(engine, Engine::new("ab", vec![shard("a"), shard("b")]));
        assert_eq!(engine.shards[0].name, "a");
        // printf 'a\t0123456789abcdef\t7\nb\t0123456789abcdef\t7\n' | sha256sum
        let expected = "626bc0136bd56504ed83f01ced664f5b73a8cc48d10de21badf47825a6a1042b";
        assert_eq!(engine.run, expected);
    }
}
