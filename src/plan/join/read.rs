//! The plans that are to be joined: opened, and looked at whether they are those of all shards of one run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::error::Error;
use crate::bundle::manifest::{Engine, Manifest, Shard};
use crate::bundle::{self, Bundle};
use crate::model::spec::Spec;
use crate::plan::Figures;
use crate::progress::Watch;

/// The plan of one shard.
pub struct Part {
    pub folder: PathBuf,
    pub name: String,
    pub manifest: Manifest,
    /// What the manifest said of the shard; it has it no more.
    pub shard: Shard,
    pub figures: Figures,
}

/// No plan has more of anything, so that sums of them stay numbers.
const MOST: u64 = 1 << 44;

/// Opens the bundles, in the order of the names of their shards.
pub fn read(folders: &[PathBuf], watch: &dyn Watch) -> Result<(Vec<Part>, Spec), Error> {
    let mut spec = None;
    let mut parts: Vec<Part> = Vec::with_capacity(folders.len());
    for folder in folders {
        let bundle = Bundle::open_watched(folder, watch);
        if watch.stopped() {
            return Err(Error::Interrupted);
        }
        let bundle = bundle?;
        if bundle.is_applied() {
            return Err(Error::Applied { path: folder.clone() });
        }
        let mut manifest = bundle.manifest;
        let path = || folder.clone();
        if manifest.tool_version != env!("CARGO_PKG_VERSION") {
            return Err(Error::OtherVersion { path: path(), found: manifest.tool_version });
        }
        let Some(shard) = manifest.shard.take() else {
            let path = path();
            return Err(if manifest.joined.is_some() { Error::Joined { path } } else { Error::Whole { path } });
        };
        let spec: &Spec = match &mut spec {
            Some(spec) => spec,
            none => none.insert(manifest.read_spec().map_err(|errors| Error::Spec(errors.render(false)))?),
        };
        let mut shard = *shard;
        let counts = (spec.indexes.len(), spec.records.len());
        let damaged = |what: String| Error::Damaged { path: folder.join(bundle::manifest::MANIFEST), what };
        if let Some(first) = parts.first() {
            same(first, (folder, &manifest, &shard))?;
        }
        let figures = Figures::read(&std::mem::take(&mut shard.figures), counts)
            .map_err(|what| damaged(format!("what it says of its shard cannot be: {what}")))?;
        possible(&manifest, &figures, spec).map_err(|what| damaged(what.to_owned()))?;
        parts.push(Part { folder: path(), name: shard.name.clone(), manifest, shard, figures });
    }
    parts.sort_by(|a, b| a.name.cmp(&b.name));
    complete(&parts)?;
    spec.map(|spec| (parts, spec)).ok_or(Error::Nothing)
}

/// Whether two plans can be parts of one.
fn same(first: &Part, (folder, manifest, shard): (&Path, &Manifest, &Shard)) -> Result<(), Error> {
    let other = &first.manifest;
    let (engine, other_engine) = (&shard.engine, &first.shard.engine);
    let differs = [
        (manifest.spec != other.spec, "another spec"),
        (manifest.caps != other.caps, "other caps"),
        (manifest.expiry != other.expiry, "another --expiry"),
        (manifest.only != other.only, "another --only"),
        (manifest.snapshot.flavor != other.snapshot.flavor, "a dump of another kind of server"),
        (engine.spec_sha256 != other_engine.spec_sha256, "edits by another spec"),
        (engine.run != other_engine.run || engine != other_engine, "edits of another run of the engine"),
    ];
    match differs.into_iter().find(|(differs, _)| *differs) {
        None => Ok(()),
        Some((_, what)) => Err(Error::Differs {
            path: folder.to_owned(),
            name: shard.name.clone(),
            other: first.folder.clone(),
            other_name: first.name.clone(),
            what,
        }),
    }
}

/// Whether the numbers of a plan can be added to those of others.
fn possible(manifest: &Manifest, figures: &Figures, spec: &Spec) -> Result<(), &'static str> {
    if !manifest.by_slot {
        return Err("the plan of a shard is one by slot");
    }
    let counted = |phases: [u64; 3]| phases.iter().sum::<u64>();
    let replies = [&manifest.expected_replies, &manifest.rollback_expected_replies];
    if figures.phases.map(counted) != replies.map(|replies| replies.len() as u64) {
        return Err("its phases have not as many commands as it has replies");
    }
    let same_index = |(index, plan): (&crate::model::spec::Index, &bundle::manifest::IndexPlan)| {
        index.name == plan.name && index.policy.as_str() == plan.policy
    };
    if manifest.indexes.len() != spec.indexes.len() || !spec.indexes.iter().zip(&manifest.indexes).all(same_index) {
        return Err("its indexes are not those of its spec");
    }
    let counts = manifest.indexes.iter().map(|index| &index.counts).chain([&manifest.total]);
    let of_counts = counts.flat_map(|counts| {
        [counts.added_members, counts.removed_members, counts.deleted_keys, counts.commands, counts.bytes]
    });
    let of_indexes = manifest.indexes.iter().flat_map(|index| {
        let gone = [index.looked_at_members, index.gone_members, index.undecidable_records];
        [index.left_keys, index.left_members].into_iter().chain(gone)
    });
    let of_touched = manifest.touched.iter().map(|key| key.elements);
    let of_files = manifest.files.values().map(|file| file.bytes);
    let of_dump = [manifest.snapshot.bytes, manifest.snapshot.keys, manifest.lower_bound];
    let of_expiring = manifest.expiring.iter().map(|expiring| expiring.keys);
    let mut all = of_counts.chain(of_indexes).chain(of_touched).chain(of_files).chain(of_dump).chain(of_expiring);
    if all.any(|number| number > MOST) { Err("a number in it is larger than any dump") } else { Ok(()) }
}

/// Whether each shard that the engine saw is there once, and made from the dump that it saw.
fn complete(parts: &[Part]) -> Result<(), Error> {
    let Some(first) = parts.first() else { return Err(Error::Nothing) };
    let Engine { spec_sha256, shards, .. } = &first.shard.engine;
    let damaged =
        |what: &str| Error::Damaged { path: first.folder.join(bundle::manifest::MANIFEST), what: what.to_owned() };
    if *spec_sha256 != first.manifest.spec.sha256 {
        return Err(damaged("its edits are by another spec"));
    }
    if !shards.is_sorted_by(|a, b| a.name < b.name) {
        return Err(damaged("the shards that the engine saw are not in the order of their names"));
    }
    if let Some([one, other]) = parts.array_windows().find(|[one, other]| one.name == other.name) {
        let (name, path, other) = (one.name.clone(), one.folder.clone(), other.folder.clone());
        return Err(Error::Twice { name, path, other });
    }
    for Part { folder, name, manifest, .. } in parts {
        let (path, name) = (folder.clone(), name.clone());
        let Ok(at) = shards.binary_search_by(|shard| shard.name.cmp(&name)) else {
            return Err(Error::NotSeen { path, name });
        };
        let words = |bytes: u64, crc64: &str| format!("{bytes} bytes and CRC-64 {crc64:?}");
        let found = words(manifest.snapshot.bytes, &manifest.snapshot.crc64);
        let seen = shards.get(at).map(|shard| words(shard.bytes, &shard.crc64)).unwrap_or_default();
        if found != seen {
            return Err(Error::OtherDump { path, name, found, seen });
        }
    }
    let there: BTreeSet<&str> = parts.iter().map(|part| part.name.as_str()).collect();
    let missing = shards.iter().filter(|shard| !there.contains(shard.name.as_str()));
    let names: Vec<String> = missing.map(|shard| shard.name.clone()).collect();
    if names.is_empty() { Ok(()) } else { Err(Error::Missing { names, all: shards.len() }) }
}
