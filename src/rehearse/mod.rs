//! Proves a plan: that `apply.resp` leads from the dump to the state that the contract demands, that no command of it is
//! for nothing, and that `rollback.resp` leads back.
//!
//! What the target is, [`Model`] works out anew from the dump, without the code that made the plan (what the two share is
//! said there). [`prove`] executes the files in memory; [`read_again`] has a second parser read what they touch;
//! [`run_live`] has a throwaway server of its own execute the files.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

mod answer;
mod clock;
mod command;
mod copy;
mod finding;
mod holds;
mod live;
mod memory;
mod model;
mod packing;
mod payload;
mod reading;
mod second;
mod server;
mod slot;
mod state;
mod throwaway_error;
mod watchdog;

pub use crate::rehearse::throwaway_error::ServerError;
pub use crate::rehearse::watchdog::Watchdog;
pub use answer::Answer;
pub use clock::{Clock, Meaning};
pub use copy::CopyError;
pub use finding::{Finding, Findings, Problem, Stage};
pub use live::{Live, run as run_live};
pub use memory::Tally;
pub use model::Model;
pub use second::{Second, read_again};
pub use server::Program;
pub use state::{Entry, Field, Name, Other, State, Value};

use std::collections::BTreeSet;

use crc_fast::CrcAlgorithm;

use crate::bundle::manifest::{Caps, Manifest, Reply};
use crate::dump::rdb;
use crate::progress::Unit;
use crate::text::quoted;
use memory::File;

/// What ends a rehearsal before it can find anything.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Dump(#[from] rdb::Error),
    #[error("the dump has the key {} of database {db} twice; no server loads it", quoted(key))]
    Repeated { db: u64, key: Vec<u8> },
    #[error("the dump has no end")]
    NoEnd,
    #[error("this is not the dump that the plan was made from: {0}")]
    OtherDump(String),
    #[error("interrupted")]
    Interrupted,
    #[error(transparent)]
    Server(ServerError),
}

/// The two files of a plan, and the replies they must give.
#[derive(Clone, Copy, Debug)]
pub struct Files<'f> {
    pub apply: &'f [u8],
    pub apply_replies: &'f [Reply],
    pub rollback: &'f [u8],
    pub rollback_replies: &'f [Reply],
    pub caps: Caps,
    /// No command may have keys of two slots.
    pub by_slot: bool,
}

impl<'f> Files<'f> {
    /// The files of a bundle with the replies in its manifest.
    pub fn new(manifest: &'f Manifest, apply: &'f [u8], rollback: &'f [u8]) -> Self {
        Self {
            apply,
            apply_replies: &manifest.expected_replies,
            rollback,
            rollback_replies: &manifest.rollback_expected_replies,
            caps: manifest.caps,
            by_slot: manifest.by_slot,
        }
    }
}

/// What executing a plan came to. It is proven if there are no findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    pub apply: Tally,
    pub rollback: Tally,
    /// Index keys that were compared: those of the dump and those of the target.
    pub keys: u64,
    pub findings: Findings,
}

/// Executes a plan in memory, forth and back.
pub fn prove(model: &Model<'_>, files: Files<'_>) -> Proof {
    let mut proof = Proof::default();
    let mut state = model.start.clone();
    let Files { apply, apply_replies, rollback, rollback_replies, caps, by_slot } = files;
    let file = File { stage: Stage::Apply, commands: apply, replies: apply_replies, caps, by_slot };
    proof.apply = memory::execute(model, &mut state, file, &mut proof.findings);
    compare(Stage::Apply, model, &model.target, &state, &mut proof.findings);
    let file = File { stage: Stage::Rollback, commands: rollback, replies: rollback_replies, caps, by_slot };
    proof.rollback = memory::execute(model, &mut state, file, &mut proof.findings);
    compare(Stage::Rollback, model, &model.start, &state, &mut proof.findings);
    let keys: BTreeSet<&Name> = model.start.keys().chain(model.target.keys()).collect();
    proof.keys = u64::try_from(keys.len()).unwrap_or(u64::MAX);
    proof
}

/// Compares two states key by key.
fn compare(stage: Stage, model: &Model<'_>, expected: &State, found: &State, findings: &mut Findings) {
    model.watch.begin("comparing every key", Unit::Keys, u64::try_from(expected.len()).unwrap_or(u64::MAX));
    let new = found.keys().filter(|name| !expected.contains_key(*name));
    for name in expected.keys().chain(new) {
        model.watch.add(1);
        if let Some((expected, found)) = state::difference(expected.get(name), found.get(name)) {
            let (problem, key) = (Problem::State, Some(name.clone()));
            findings.add(|| Finding { stage, problem, command: None, key, expected, found });
        }
    }
}

/// Whether the dump is the one the plan was made from.
pub fn check_dump(dump: &[u8], model: &Model<'_>, manifest: &Manifest) -> Result<(), Error> {
    let bytes = u64::try_from(dump.len()).unwrap_or(u64::MAX);
    model.watch.begin("summing the dump", Unit::Bytes, 0);
    if bytes != manifest.snapshot.bytes {
        return Err(Error::OtherDump(format!("it has {bytes} bytes, that one has {}", manifest.snapshot.bytes)));
    }
    let body = dump.get(..model.footer.body_end).unwrap_or(dump);
    let crc = format!("{:016x}", crc_fast::checksum(CrcAlgorithm::Crc64Redis, body));
    if crc != manifest.snapshot.crc64 {
        return Err(Error::OtherDump(format!("its CRC-64 is {crc}, that of the other {}", manifest.snapshot.crc64)));
    }
    Ok(())
}

/// Compares what the manifest says of the plan with what was executed.
pub fn check_manifest(model: &Model<'_>, manifest: &Manifest, proof: &mut Proof) {
    let apply = &proof.apply;
    let total = &manifest.total;
    let numbers = [
        ("commands", total.commands, apply.commands),
        ("bytes", total.bytes, apply.bytes),
        // A score that changes is an addition in its words.
        ("added_members", total.added_members, apply.added_members.saturating_add(apply.rescored_members)),
        ("removed_members", total.removed_members, apply.removed_members),
        ("deleted_keys", total.deleted_keys, apply.deleted_keys),
    ];
    let manifest_finding = |key: Option<Name>, expected: String, found: String| Finding {
        stage: Stage::Manifest,
        problem: Problem::Manifest,
        command: None,
        key,
        expected,
        found,
    };
    for (name, said, counted) in numbers {
        if said != counted {
            proof.findings.add(|| manifest_finding(None, format!("{counted} for {name}"), said.to_string()));
        }
    }
    let mut touched = apply.touched.clone();
    for said in &manifest.touched {
        let name = (said.db, said.key.0.clone());
        let entry = model.start.get(&name);
        // As a server counts: what stands twice counts twice, and fields that have expired and are not yet gone.
        let elements = |entry: &Entry| match &entry.value {
            Value::Set(_) | Value::Zset(_) | Value::Hash(_) => {
                let record = model.records.get(&name).map(|record| record.value.elements());
                record.and_then(Result::ok).unwrap_or_else(|| entry.value.elements())
            }
            value => value.elements(),
        };
        let expected =
            entry.map_or(("none", 0, None), |entry| (entry.value.type_name(), elements(entry), entry.expire_ms));
        let found = (said.kind.as_ref(), said.elements, said.expire_at_ms);
        if !touched.remove(&name) {
            let text = "a key that no command names".to_owned();
            proof.findings.add(|| manifest_finding(Some(name), text, "it among the touched".into()));
        } else if expected != found {
            proof.findings.add(|| manifest_finding(Some(name), format!("{expected:?}"), format!("{found:?}")));
        }
    }
    for name in touched {
        let text = "it among the touched keys".to_owned();
        proof.findings.add(|| manifest_finding(Some(name), text, "nothing".into()));
    }
}
