//! From a difference to the files of a bundle.
//!
//! Everything is streamed: a member is read from the dump where it is written, and no list of edits is made.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rayon::slice::ParallelSliceMut;

use super::apply::Apply;
use super::changes::Changes;
use super::command::CommandFile;
use super::cost::Sums;
use super::digest::Digest;
use super::rollback::Rollback;
use super::warnings::{brake_notes, gone, warnings};
use super::{others, recreate};
use crate::bundle::manifest::{
    APPLY, BrakeNote, Bytes, CHANGES, Caps, Expiring, FORMAT_VERSION, FileId, IndexPlan, MANIFEST, Manifest, REVIEW,
    ROLLBACK, Reply, SnapshotId, SpecId, Witness,
};
use crate::bundle::price::usd;
use crate::bundle::resp::{BatchLimits, BatchMeter};
use crate::bundle::{self, Draft, Output, sha256};
use crate::dump::parts;
use crate::dump::rdb::{self, Checksum, Flavor, Tail};
use crate::dump::twice::Twice;
use crate::index::{DeleteReason, Difference, Edits, Effect, Membership};
use crate::model::spec::PRESETS;
use crate::progress::{Unit, Watch};
use crate::text::{self, display, safe};

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Bundle(#[from] bundle::Error),
    #[error(transparent)]
    Dump(#[from] rdb::Error),
    #[error("cannot write {}: {source}", text::path(path))]
    Write { path: PathBuf, source: io::Error },
    #[error("the checksum of the dump is wrong: it says {stored:016x}, its content has {computed:016x}")]
    Checksum { stored: u64, computed: u64 },
    #[error("commands follow the dump in its file (it is an append-only file), and they change what is in it")]
    AofTail,
    #[error("another dump follows the end of the first one: what is in it would be taken for missing")]
    AnotherDump,
    #[error(
        "{0} bytes follow the end of the dump, whose version (before 5) has no checksum: its version number is damaged, or \
         its end"
    )]
    Trailing(u64),
    #[error(
        "the dump has the key {key} of database {db} twice, at {first} and at {second}; no server would load it, and no plan \
         fits it"
    )]
    Twice { db: u64, key: String, first: String, second: String },
    #[error("no plan, since something looks like a mistake:\n{}", BrakeList(.0))]
    Braked(Vec<BrakeNote>),
    #[error("interrupted")]
    Interrupted,
}

/// Brakes that refuse a plan, one after the other, each with its examples.
struct BrakeList<'b>(&'b [BrakeNote]);

impl std::fmt::Display for BrakeList<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, note) in self.0.iter().enumerate() {
            let end = if at == 0 { "" } else { "\n" };
            match &note.index {
                Some(index) => write!(f, "{end}  {} (index {}): {}", note.brake, safe(index), note.text)?,
                None => write!(f, "{end}  {}: {}", note.brake, note.text)?,
            }
            for example in &note.examples {
                write!(f, "\n    {example}")?;
            }
        }
        Ok(())
    }
}

impl Error {
    /// What can be done about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Bundle(error) => return error.hint(),
            Self::Dump(error) => error.hint(),
            Self::Checksum { .. } | Self::Trailing(_) => "no plan is made of a damaged dump: take it again",
            Self::AofTail => "start a server with that file and let it SAVE: that makes a dump of the whole",
            Self::AnotherDump => "give the dumps as several files: `rdb-reindex plan one.rdb two.rdb`",
            Self::Twice { .. } => "take the dump again; `rdb-reindex check` lists every such key",
            Self::Write { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull => "make room on that disk, or give --out a folder on another one",
                _ => return None,
            },
            Self::Braked(_) | Self::Interrupted => return None,
        })
    }
}

/// Renders the review page: it is asked when everything else is known, the plan id included.
///
/// The page must follow from its arguments and the difference alone: it is part of the bundle, and the same dump gives the
/// same bundle.
pub type Page<'p> = &'p dyn Fn(&Manifest, &Digest) -> Vec<u8>;

/// Makes the bundle in `destination` without a review page, and gives back its manifest. `watch` may be a flag
/// that stops it.
pub fn build(
    difference: &Difference<'_>,
    caps: Caps,
    destination: &Path,
    watch: &dyn Watch,
) -> Result<Manifest, Error> {
    make(difference, caps, destination, watch, None)
}

/// Makes the bundle in `destination` with a review page, and gives back its manifest.
pub fn build_with_page(
    difference: &Difference<'_>,
    caps: Caps,
    destination: &Path,
    watch: &dyn Watch,
    page: Page<'_>,
) -> Result<Manifest, Error> {
    make(difference, caps, destination, watch, Some(page))
}

fn make(
    difference: &Difference<'_>,
    caps: Caps,
    destination: &Path,
    watch: &dyn Watch,
    page: Option<Page<'_>>,
) -> Result<Manifest, Error> {
    let footer = &difference.facts.footer;
    if let Checksum::Wrong { stored, computed } = footer.checksum(|| difference.facts.crc64) {
        return Err(Error::Checksum { stored, computed });
    }
    match footer.tail {
        Tail::Commands => return Err(Error::AofTail),
        Tail::Dump => return Err(Error::AnotherDump),
        Tail::Empty | Tail::Unknown => {}
    }
    // One flipped bit makes a 9 a 1: the version decides whether there is a checksum, and so has none itself.
    if footer.crc.is_none() && footer.trailing > 0 {
        return Err(Error::Trailing(footer.trailing as u64));
    }
    if let Some(Twice { db, key, first, second }) = &difference.facts.twice {
        let place = |offset| parts::place(&difference.facts.parts, offset);
        return Err(Error::Twice { db: *db, key: display(key), first: place(*first), second: place(*second) });
    }
    let brakes = brake_notes(&difference.brakes, difference.spec);
    let refusing: Vec<BrakeNote> = brakes.into_iter().filter(|note| note.effect == Effect::Refuses.as_str()).collect();
    if !refusing.is_empty() {
        return Err(Error::Braked(refusing));
    }
    let draft = Draft::new(destination)?;
    let file = |name: &str| {
        let path = draft.path().join(name);
        Output::create(&path).map_err(|source| Error::Write { path, source })
    };
    let rebuilt = rebuilt(difference)?;
    watch.begin("writing the plan", Unit::Edits, 2 * edits(difference));
    let mut changes = Changes::new(file(CHANGES)?, difference.spec.indexes.len()).map_err(writing(CHANGES))?;
    let mut apply = Apply::new(difference, watch, &rebuilt, CommandFile::new(file(APPLY)?, caps));
    let mut rollback = Rollback {
        d: difference,
        watch,
        rebuilt: &rebuilt,
        file: CommandFile::new(file(ROLLBACK)?, caps),
        on_present: 0,
    };
    let timed = |name, work: &mut dyn FnMut() -> Result<(), Error>| {
        let began = Instant::now();
        let done = work();
        watch.took(name, began.elapsed());
        done
    };
    let (forth, back) =
        rayon::join(|| timed(APPLY, &mut || apply.write(&mut changes)), || timed(ROLLBACK, &mut || rollback.write()));
    forth.and(back)?;
    watch.begin("writing what the plan is", Unit::Edits, 0);
    let in_place = std::mem::take(&mut apply.in_place);
    timed("what else the edited keys hold", &mut || others::note(difference, &mut apply.touched, &in_place, watch))?;
    let digest = std::mem::take(&mut apply.digest);
    let mut sums = std::mem::take(&mut apply.sums);
    sums.back_on_present = rollback.on_present;
    let mut manifest = finish(difference, apply, changes, rollback.file, (caps, sums, &digest))?;
    if page.is_some() {
        manifest.files.insert(REVIEW.to_owned(), FileId::default());
    }
    let touched = manifest.touched_text();
    manifest.plan_id = manifest.identity_with(&touched);
    if let Some(page) = page {
        let write = |bytes: &[u8]| {
            let mut output = file(REVIEW)?;
            output.write(bytes).and_then(|()| output.finish()).map_err(writing(REVIEW))
        };
        let id = write(&page(&manifest, &digest))?;
        manifest.files.insert(REVIEW.to_owned(), id);
    }
    let mut output = file(MANIFEST)?;
    let written = manifest.write_json_with(&touched, |piece| output.write(piece)).and_then(|()| output.finish());
    written.map_err(writing(MANIFEST))?;
    if watch.stopped() || !watch.inputs_hold() {
        return Err(Error::Interrupted);
    }
    draft.publish()?;
    Ok(manifest)
}

pub fn writing(name: &str) -> impl Fn(io::Error) -> Error + use<> {
    let path = PathBuf::from(name);
    move |source| Error::Write { path: path.clone(), source }
}

impl From<recreate::Error> for Error {
    fn from(error: recreate::Error) -> Self {
        match error {
            recreate::Error::Dump(error) => Self::Dump(error),
            recreate::Error::Io(source) => Self::Write { path: PathBuf::from(ROLLBACK), source },
        }
    }
}

/// Closes the files and says what they are.
fn finish(
    d: &Difference<'_>,
    mut forth: Apply<'_, '_>,
    changes: Changes,
    back: CommandFile,
    (caps, mut sums, digest): (Caps, Sums, &Digest),
) -> Result<Manifest, Error> {
    forth.touched.par_sort_unstable_by(|a, b| (a.db, &a.key).cmp(&(b.db, &b.key)));
    let witnesses = witnesses(d)?;
    let rebuilt = forth.rebuilt() as u64;
    let gone = gone(d, digest);
    let warnings = warnings(d, forth.file.oversize, back.oversize, &forth.touched, &gone);
    let (apply, expected_replies, lengths) = forth.file.finish().map_err(writing(APPLY))?;
    let (rollback, rollback_expected_replies, lengths_back) = back.finish().map_err(writing(ROLLBACK))?;
    let (changes, examples) = changes.finish().map_err(writing(CHANGES))?;
    let batches = batches(&lengths);
    // `SELECT` is not billed.
    let billed = expected_replies.iter().filter(|reply| matches!(reply, Reply::Integer(_))).count() as u64;
    sums.batches = [batches, self::batches(&lengths_back)];
    sums.bytes = [apply.bytes, rollback.bytes];
    // A value of another type may be set, which answers `OK` as well, but is billed.
    sums.rollback = rollback_expected_replies.len() as u64;
    sums.finish(billed, digest);
    let replay = sums.price(&forth.touched, d.deletions.len() as u64, rebuilt);
    let databases = d.stock.databases.iter().filter(|(_, tally)| tally.with_expiry > 0);
    let expiring = databases.map(|(db, tally)| Expiring { db: *db, keys: tally.with_expiry });
    let of_index = d.spec.indexes.iter().zip(&d.summaries).zip(&forth.counts).zip(examples).zip(&gone);
    let indexes = of_index.map(|((((index, summary), counts), examples), gone)| IndexPlan {
        looked_at_members: gone.iter().map(|gone| gone.looked_at).sum(),
        gone_members: gone.iter().map(|gone| gone.gone).sum(),
        name: index.name.clone(),
        policy: index.policy.as_str().to_owned(),
        left_keys: summary.wrong_keys().saturating_sub(counts.deleted_keys),
        unmatched: summary.keys == 0 && summary.absent_keys == 0,
        left_members: summary.held_members
            + summary.conflict_members
            + summary.kept.foreign_members
            + summary.stale_members.saturating_sub(counts.removed_members)
            + summary.missing_members.saturating_sub(counts.added_members),
        undecidable_records: summary.undecidable_records,
        pattern: index.family.glob().to_string(),
        counts: *counts,
        examples,
    });
    let files = [(APPLY, apply), (ROLLBACK, rollback), (CHANGES, changes)];
    Ok(Manifest {
        format_version: FORMAT_VERSION,
        plan_id: String::new(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        snapshot: snapshot_id(d),
        spec: spec_id(d),
        caps,
        expiry: d.clock.expiry.as_str().to_owned(),
        accepted: d.spec.acceptances.iter().map(ToString::to_string).collect(),
        brakes: brake_notes(&d.brakes, d.spec),
        total: forth.total,
        indexes: indexes.collect(),
        lower_bound: forth.lower_bound,
        batches,
        billed_commands: billed,
        estimated_cost_usd: usd(billed),
        replay,
        expiring: expiring.collect(),
        expected_replies,
        rollback_expected_replies,
        witnesses,
        touched: forth.touched,
        warnings,
        files: files.into_iter().map(|(name, id)| (name.to_owned(), id)).collect(),
    })
}

/// The round trips of commands of these lengths.
fn batches(lengths: &[u64]) -> u64 {
    let mut meter = BatchMeter::new(BatchLimits::default());
    for length in lengths {
        meter.add(usize::try_from(*length).unwrap_or(usize::MAX));
    }
    meter.batches()
}

/// How many edits there are, each of which is written once forth and once back.
fn edits(d: &Difference<'_>) -> u64 {
    (d.deletions.len() + d.stale.len() + d.sets.len() + d.zsets.len()) as u64
}

/// Ranks of the keys that are deleted for their type and made anew.
fn rebuilt(d: &Difference<'_>) -> Result<HashSet<u32>, rdb::Error> {
    let mut scratch = Vec::new();
    let mut rebuilt = HashSet::new();
    for deletion in d.deletions.iter().filter(|deletion| deletion.reason == DeleteReason::WrongType) {
        let key = d.dump.key(deletion.start, &mut scratch)?;
        let rank = d.keys.find(deletion.index as usize, key);
        rebuilt.extend(rank.filter(|&rank| d.keys.is_live(rank) && !d.keys.is_blocked(rank)));
    }
    Ok(rebuilt)
}

/// Calls `each` for every index key that is added to, with its members: all in the order of the edits, none kept.
pub fn by_key<'e, M: Membership>(
    edits: &'e Edits<M>,
    d: &'e Difference<'_>,
    mut each: impl FnMut(u32, &mut dyn Iterator<Item = &'e M>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut all = edits.iter(&d.interned).peekable();
    while let Some(first) = all.next() {
        let rank = first.entry().key;
        let rest = std::iter::from_fn(|| all.next_if(|next| next.entry().key == rank));
        let mut members = std::iter::once(first).chain(rest);
        each(rank, &mut members)?;
        members.for_each(drop);
    }
    Ok(())
}

/// Records by which the database can be known again.
fn witnesses(d: &Difference<'_>) -> Result<Vec<Witness>, Error> {
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
        created_at: d.clock.created_ms.and_then(crate::text::rfc3339::write),
        flavor: match d.facts.header.flavor {
            Flavor::Redis => "redis".into(),
            Flavor::Valkey => "valkey".into(),
        },
        rdb_version: d.facts.header.version,
        server_version: aux(&[b"redis-ver", b"valkey-ver"]),
        keys: d.stock.total.keys,
    }
}

fn spec_id(d: &Difference<'_>) -> SpecId {
    let text = d.spec.text.clone();
    let preset = PRESETS.iter().find(|(_, preset)| *preset == text);
    SpecId { name: preset.map_or("custom", |(name, _)| name).to_owned(), sha256: sha256(text.as_bytes()), text }
}
