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
mod machine;
mod model;
mod packing;
mod payload;
mod reading;
mod script;
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
pub use model::{Due, Model};
pub use second::{Second, read_again, read_again_as};
pub use server::Program;
pub use state::{Entry, Field, Name, Other, State, Value};

use std::collections::{BTreeMap, BTreeSet};

use crc_fast::CrcAlgorithm;
use rayon::prelude::*;

use crate::bundle::manifest::{Caps, Manifest, Reply};
use crate::dump::rdb;
use crate::progress::Unit;
use crate::text::quoted;
use finding::Gathered;
use machine::{Counts, Machine, Outcome};
use script::{File, Script};

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
    #[error("the dump has more memberships, or longer names, than can be rehearsed: four thousand million")]
    TooMany,
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

/// What a file of commands came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub commands: u64,
    pub bytes: u64,
    pub added_members: u64,
    pub rescored_members: u64,
    pub removed_members: u64,
    pub deleted_keys: u64,
    /// Keys that any command names.
    pub touched: BTreeSet<Name>,
}

impl Tally {
    fn count(&mut self, counts: Counts) {
        let add = |all: &mut u64, more: u64| *all = all.saturating_add(more);
        add(&mut self.added_members, counts.added_members);
        add(&mut self.rescored_members, counts.rescored_members);
        add(&mut self.removed_members, counts.removed_members);
        add(&mut self.deleted_keys, counts.deleted_keys);
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

/// Keys that one thread looks at at a time.
const SHARE: usize = 64;

/// Executes a plan in memory, forth and back, one key at a time: what a command does depends on its keys alone.
pub fn prove(model: &Model<'_>, files: Files<'_>) -> Result<Proof, Error> {
    let Files { apply, apply_replies, rollback, rollback_replies, caps, by_slot } = files;
    let forth = File { stage: Stage::Apply, commands: apply, replies: apply_replies, caps, by_slot };
    let back = File { stage: Stage::Rollback, commands: rollback, replies: rollback_replies, caps, by_slot };
    let bytes = u64::try_from(apply.len().saturating_add(rollback.len())).unwrap_or(u64::MAX);
    model.watch.begin("reading the commands", Unit::Bytes, bytes);
    let (mut findings, mut of_back) = (Gathered::default(), Gathered::default());
    let (forth, back) =
        rayon::join(|| Script::read(model, forth, &mut findings), || Script::read(model, back, &mut of_back));
    findings.append(of_back);
    let scripts = [forth, back];
    let made = model.absent_names();
    let of_scripts = scripts.iter().flat_map(|script| script.steps.keys());
    let mut names: Vec<&Name> = model.records.keys().chain(&made).chain(of_scripts).collect();
    names.sort_unstable();
    names.dedup();
    model.watch.begin("comparing every key", Unit::Keys, u64::try_from(names.len()).unwrap_or(u64::MAX));
    let look = |names: &[&Name]| {
        let mut share = Share::default();
        for name in names {
            share.compare(model, name, &scripts)?;
        }
        model.watch.add(u64::try_from(names.len()).unwrap_or(u64::MAX));
        if model.watch.stopped() { Err(Error::Interrupted) } else { Ok(share) }
    };
    let shares: Vec<Result<Share, Error>> = names.par_chunks(SHARE).map(look).collect();
    let (mut keys, mut deleted) = (0_u64, [BTreeMap::new(), BTreeMap::new()]);
    let mut tallies = [Tally::default(), Tally::default()];
    for share in shares {
        let Share { keys: there, outcomes } = share?;
        keys = keys.saturating_add(there);
        for ((outcome, tally), deleted) in outcomes.into_iter().zip(&mut tallies).zip(&mut deleted) {
            findings.append(outcome.findings);
            tally.count(outcome.counts);
            for number in outcome.unlinked {
                let count: &mut i64 = deleted.entry(number).or_default();
                *count = count.saturating_add(1);
            }
        }
    }
    for (script, deleted) in scripts.iter().zip(&deleted) {
        script.check_unlinks(deleted, &mut findings);
    }
    for ((tally, script), file) in tallies.iter_mut().zip(scripts).zip([apply, rollback]) {
        tally.commands = script.commands;
        tally.bytes = u64::try_from(file.len()).unwrap_or(u64::MAX);
        tally.touched = script.steps.into_keys().collect();
    }
    let [apply, rollback] = tallies;
    Ok(Proof { apply, rollback, keys, findings: findings.finish() })
}

/// What came of some keys.
#[derive(Debug, Default)]
struct Share {
    /// How many of them are in the dump, or in the target.
    keys: u64,
    /// Of the apply, and of the rollback.
    outcomes: [Outcome; 2],
}

impl Share {
    /// Executes what a plan says of one key: the apply must give what it has to become, and the rollback what it was.
    fn compare(&mut self, model: &Model<'_>, name: &Name, scripts: &[Script<'_>; 2]) -> Result<(), Error> {
        let start = model.start_of(name)?;
        let due = model.due(name, start.as_ref())?;
        let target = match &due {
            Due::Same => start.as_ref(),
            Due::Gone => None,
            Due::Becomes(entry) => Some(entry),
        };
        self.keys = self.keys.saturating_add(u64::from(start.is_some() || target.is_some()));
        let mut machine = Machine::new(model, name, start.as_ref());
        for ((script, due), outcome) in scripts.iter().zip([target, start.as_ref()]).zip(&mut self.outcomes) {
            machine.execute(script, due, outcome);
        }
        Ok(())
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
pub fn check_manifest(model: &Model<'_>, manifest: &Manifest, proof: &mut Proof) -> Result<(), Error> {
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
        let expected = model.outline_of(&name)?;
        let expected =
            expected.as_ref().map_or(("none", 0, None), |(kind, n, expire_ms)| (kind.as_str(), *n, *expire_ms));
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
    Ok(())
}
