//! Plans of single shards, as an engine and `plan --edits` would have them made: from dumps in which whatever belongs together
//! lies together, so that each shard is right by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use rdb_reindex::bundle::manifest::{Caps, Engine, EngineShard, Manifest, Shard};
use rdb_reindex::bundle::sha256;
use rdb_reindex::plan::build_shard;
use rdb_reindex::plan::summary::Digest;
use rdb_reindex::{Difference, Expiry, Observer, Options, Snapshot, Spec, report};

pub const CAPS: Caps = Caps { max_args: 1000, max_command_bytes: 512 * 1024 };

/// What an engine would say that it saw: these dumps, each by the name of its file without the ending.
pub fn engine(dumps: &[PathBuf], spec: &str) -> Engine {
    let shard = |dump: &PathBuf| {
        let bytes = fs::read(dump).expect("a dump");
        // All of these end with a checksum.
        let (_, footer) = bytes.split_last_chunk::<8>().expect("a footer");
        EngineShard {
            name: name(dump),
            file: dump.file_name().expect("a name").to_string_lossy().into_owned(),
            bytes: bytes.len() as u64,
            crc64: format!("{:016x}", u64::from_le_bytes(*footer)),
        }
    };
    Engine::new(sha256(spec.as_bytes()), dumps.iter().map(shard).collect())
}

pub fn name(dump: &Path) -> String {
    dump.file_stem().expect("a name").to_string_lossy().into_owned()
}

/// Makes the plan of one shard in `out`.
pub fn plan(dump: &Path, spec: &str, caps: Caps, shard: Shard, out: &Path) -> Manifest {
    let spec = Spec::parse(spec, "the spec").unwrap_or_else(|errors| panic!("{}", errors.render(false)));
    let snapshot = Snapshot::open(dump, Options::default()).expect("a dump");
    let taken = Difference::take(&snapshot, &spec, Expiry::Careful, &Observer::default());
    let mut difference = taken.expect("a difference");
    difference.by_slot = true;
    let page = |manifest: &Manifest, digest: &Digest| report::html::review(&difference, manifest, digest);
    let built = build_shard(&difference, caps, out, &AtomicBool::new(false), &page, shard);
    built.unwrap_or_else(|error| panic!("{}: {error}", dump.display()))
}

/// Makes the plans of all of them, in folders of their names in `plans`; gives these back.
pub fn plans(dumps: &[PathBuf], spec: &str, caps: Caps, plans: &Path) -> Vec<PathBuf> {
    let engine = engine(dumps, spec);
    let one = |dump: &PathBuf| {
        let out = plans.join(name(dump));
        plan(dump, spec, caps, Shard::new(name(dump), sha256(name(dump).as_bytes()), engine.clone()), &out);
        out
    };
    dumps.iter().map(one).collect()
}
