//! Bundles made by hand: what `plan` would write for a state that a test makes up.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use rdb_reindex::bundle::content::Content;
use rdb_reindex::bundle::manifest::{
    APPLY, Bytes, CHANGES, Caps, Counts, FORMAT_VERSION, FileId, IndexPlan, MANIFEST, Manifest, ROLLBACK, Replay,
    Reply, SnapshotId, SpecId, Touched, Witness,
};
use rdb_reindex::bundle::{resp, sha256};

/// A state, the plan that repairs it, and the way back.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    /// Commands that make the state of the dump.
    pub state: Vec<Vec<Vec<u8>>>,
    pub touched: Vec<Touched>,
    /// Records that the dump had.
    pub witnesses: Vec<String>,
    pub apply: Vec<u8>,
    pub applied: Vec<Reply>,
    pub rollback: Vec<u8>,
    pub rolled_back: Vec<Reply>,
    pub spec: String,
    /// Names of indexes and how many members are added to each; one of all keys if there is none.
    pub indexes: Vec<(String, u64)>,
}

fn index(name: &str, counts: Counts) -> IndexPlan {
    let (name, policy, pattern) = (name.into(), "maintain".into(), "*".into());
    IndexPlan {
        name,
        policy,
        pattern,
        counts,
        left_keys: 0,
        left_members: 0,
        undecidable_records: 0,
        unmatched: false,
        looked_at_members: 0,
        gone_members: 0,
        examples: Vec::new(),
    }
}

/// Words apart by spaces, as arguments.
pub fn words(command: &str) -> Vec<Vec<u8>> {
    command.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

impl Scene {
    pub fn state(mut self, commands: &[&str]) -> Self {
        self.state.extend(commands.iter().map(|command| words(command)));
        self
    }

    /// How a key is in the dump.
    pub fn touch(mut self, key: &str, kind: &str, elements: u64) -> Self {
        self.touched.push(Touched {
            db: 0,
            key: Bytes(key.into()),
            kind: kind.to_owned().into(),
            elements,
            expire_at_ms: None,
            others: None,
        });
        self
    }

    /// A record that the dump had.
    pub fn witness(mut self, key: &str) -> Self {
        self.witnesses.push(key.into());
        self
    }

    pub fn apply(mut self, command: &str, reply: i64) -> Self {
        resp::encode(&words(command), &mut self.apply);
        self.applied.push(Reply::Integer(reply));
        self
    }

    pub fn rollback(mut self, command: &str, reply: i64) -> Self {
        resp::encode(&words(command), &mut self.rollback);
        self.rolled_back.push(Reply::Integer(reply));
        self
    }

    /// How a key is in the dump that is edited in place, with what the fields that no edit names come to.
    pub fn touch_with(mut self, key: &str, kind: &str, elements: u64, others: Content) -> Self {
        self = self.touch(key, kind, elements);
        let touched = self.touched.last_mut().expect("it was just added");
        touched.others = Some(others.to_hex().into());
        self
    }

    /// The key that was touched last expires.
    pub fn expiring(mut self, at_ms: i64) -> Self {
        self.touched.last_mut().expect("a key was touched").expire_at_ms = Some(at_ms);
        self
    }

    /// A command of the apply that answers something else than a number.
    pub fn apply_answered(mut self, command: &str, reply: Reply) -> Self {
        resp::encode(&words(command), &mut self.apply);
        self.applied.push(reply);
        self
    }

    /// The same of the rollback.
    pub fn rollback_answered(mut self, command: &str, reply: Reply) -> Self {
        resp::encode(&words(command), &mut self.rollback);
        self.rolled_back.push(reply);
        self
    }

    /// The same for a command that answers `OK`.
    pub fn rollback_status(mut self, command: &str) -> Self {
        resp::encode(&words(command), &mut self.rollback);
        self.rolled_back.push(Reply::Status("OK".into()));
        self
    }

    fn index_plans(&self) -> Vec<IndexPlan> {
        let counts = |added| Counts { added_members: added, ..Counts::default() };
        self.indexes.iter().map(|(name, added)| index(name, counts(*added))).collect()
    }

    /// Writes the bundle, and gives the id of its plan.
    pub fn write(&self, folder: &Path) -> String {
        std::fs::create_dir_all(folder).expect("the test's folder is writable");
        let mut files = BTreeMap::new();
        for (name, bytes) in [(APPLY, &self.apply[..]), (ROLLBACK, &self.rollback), (CHANGES, b"index,key\n")] {
            std::fs::write(folder.join(name), bytes).expect("the test's folder is writable");
            files.insert(name.to_owned(), FileId { sha256: sha256(bytes), bytes: bytes.len() as u64 });
        }
        let commands = self.applied.len() as u64;
        // One member removed, so that an index that cannot be judged afterwards is no success.
        let counts = Counts { commands, bytes: self.apply.len() as u64, removed_members: 1, ..Counts::default() };
        let mut manifest = Manifest {
            format_version: FORMAT_VERSION,
            plan_id: String::new(),
            tool_version: "test".into(),
            snapshot: SnapshotId {
                bytes: 1,
                crc64: "0".repeat(16),
                created_at: Some("2026-01-01T00:00:00Z".into()),
                flavor: "redis".into(),
                rdb_version: 10,
                server_version: None,
                keys: self.touched.len() as u64,
            },
            spec: SpecId { name: "custom".into(), sha256: sha256(self.spec.as_bytes()), text: self.spec.clone() },
            caps: Caps { max_args: 1000, max_command_bytes: 512 * 1024 },
            by_slot: false,
            shard: None,
            joined: None,
            expiry: "careful".into(),
            accepted: Vec::new(),
            only: Vec::new(),
            brakes: Vec::new(),
            total: counts,
            indexes: if self.indexes.is_empty() { vec![index("index", counts)] } else { self.index_plans() },
            lower_bound: commands,
            batches: 1,
            billed_commands: commands,
            estimated_cost_usd: 0.0,
            replay: Replay::default(),
            expiring: Vec::new(),
            expected_replies: self.applied.clone(),
            rollback_expected_replies: self.rolled_back.clone(),
            witnesses: self
                .witnesses
                .iter()
                .map(|key| Witness { db: 0, key: Bytes(key.as_bytes().to_vec()) })
                .collect(),
            touched: self.touched.clone(),
            warnings: Vec::new(),
            files,
        };
        manifest.plan_id = manifest.identity();
        let mut file = std::fs::File::create(folder.join(MANIFEST)).expect("the test's folder is writable");
        manifest.write_json(|piece| file.write_all(piece)).expect("the test's folder is writable");
        manifest.plan_id
    }
}

/// Keys that are deleted, made anew, created, edited; sets and a sorted set. Worked out by hand.
pub fn small() -> Scene {
    Scene::default()
        .state(&[
            "SADD kept a b stale",
            "SADD wrong x y z",
            "RPUSH retyped 1 2 3",
            "ZADD ranked 1.5 m 2 old 3 moved",
            "HSET neighbour f v",
        ])
        .touch("wrong", "set", 3)
        .touch("retyped", "list", 3)
        .touch("created", "none", 0)
        .touch("kept", "set", 3)
        .touch("ranked", "zset", 3)
        .apply("UNLINK wrong retyped", 2)
        .apply("SADD retyped r", 1)
        .apply("SADD created c d", 2)
        .apply("SADD kept new", 1)
        .apply("ZADD ranked -inf n 4.25 moved", 1)
        .apply("SREM kept stale", 1)
        .apply("ZREM ranked old", 1)
        .rollback("UNLINK retyped", 1)
        .rollback("SADD wrong x y z", 3)
        .rollback("RPUSH retyped 1 2 3", 3)
        .rollback("SADD kept stale", 1)
        .rollback("ZADD ranked 2 old 3 moved", 1)
        .rollback("SREM created c d", 2)
        .rollback("SREM kept new", 1)
        .rollback("ZREM ranked n", 1)
}
