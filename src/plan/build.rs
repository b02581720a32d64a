//! From a difference to the files of a bundle.
//!
//! Everything is streamed: a member is read from the dump where it is written, and no list of edits is made.

use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

use rayon::slice::ParallelSliceMut;

use super::apply_file::Apply;
use super::by_slot::Finished;
use super::changes::Changes;
use super::command::CommandFile;
use super::cost::Sums;
use super::edits;
use super::error::{Error, writing};
use super::figures::Figures;
use super::identity::{snapshot_id, spec_id, witnesses};
use super::others;
use super::rollback_file::Rollback;
use super::summary::Digest;
use super::warnings::{Grounds, OfDump, brake_notes, gone, warnings};
use crate::bundle::manifest::{
    APPLY, BrakeNote, CHANGES, Caps, Expiring, FORMAT_VERSION, FileId, IndexPlan, MANIFEST, Manifest, REVIEW, ROLLBACK,
    Reply, Shard,
};
use crate::bundle::price::usd;
use crate::bundle::resp::{BatchLimits, BatchMeter};
use crate::bundle::{Draft, Output};
use crate::dump::duplicate_keys::Twice;
use crate::dump::parts;
use crate::dump::rdb::{Checksum, Tail};
use crate::index::{Difference, Effect, diagnostics};
use crate::model::stock::FamilyTallies;
use crate::progress::{Unit, Watch};
use crate::text::display;

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
    make(difference, caps, destination, watch, (None, None)).map_err(|error| error.in_folder(destination))
}

/// Makes the bundle in `destination` with a review page, and gives back its manifest.
pub fn build_with_page(
    difference: &Difference<'_>,
    caps: Caps,
    destination: &Path,
    watch: &dyn Watch,
    page: Page<'_>,
) -> Result<Manifest, Error> {
    make(difference, caps, destination, watch, (Some(page), None)).map_err(|error| error.in_folder(destination))
}

/// The same for one shard of several, whose plans are to be joined (see [`super::join`]). The difference must be one by
/// slot.
pub fn build_shard(
    difference: &Difference<'_>,
    caps: Caps,
    destination: &Path,
    watch: &dyn Watch,
    page: Page<'_>,
    shard: Shard,
) -> Result<Manifest, Error> {
    if !difference.by_slot {
        return Err(Error::ShardNotBySlot(shard.name));
    }
    make(difference, caps, destination, watch, (Some(page), Some(shard))).map_err(|error| error.in_folder(destination))
}

fn make(
    difference: &Difference<'_>,
    caps: Caps,
    destination: &Path,
    watch: &dyn Watch,
    (page, shard): (Option<Page<'_>>, Option<Shard>),
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
    let by_slot = difference.by_slot;
    if by_slot && let Some(index) = difference.spec.indexes.iter().find(|index| index.db != 0) {
        return Err(Error::BySlot { index: index.name.clone(), db: index.db });
    }
    let draft = Draft::new(destination)?;
    let file = |name: &str| Output::create(&draft.path().join(name)).map_err(writing(name));
    let rebuilt = edits::rebuilt(difference)?;
    watch.begin("writing the plan", Unit::Edits, 2 * edits::count(difference));
    let mut changes = Changes::new(file(CHANGES)?, difference.spec.indexes.len()).map_err(writing(CHANGES))?;
    let mut apply = Apply::new(difference, watch, &rebuilt, CommandFile::new(file(APPLY)?, caps).by_slot(by_slot));
    let mut rollback = Rollback {
        d: difference,
        watch,
        rebuilt: &rebuilt,
        file: CommandFile::new(file(ROLLBACK)?, caps).by_slot(by_slot),
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
    let files = (rollback.file, draft.path());
    let (mut manifest, mut figures) = finish(difference, apply, changes, files, (caps, sums, digest))?;
    if let Some(mut shard) = shard {
        figures.families = FamilyTallies::of(&difference.stock);
        shard.figures = figures.write();
        manifest.shard = Some(Box::new(shard));
    }
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
        let id = write(&page(&manifest, &figures.digest))?;
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

/// Closes the files and says what they are.
fn finish(
    d: &Difference<'_>,
    mut forth: Apply<'_, '_>,
    changes: Changes,
    (back, folder): (CommandFile, &Path),
    (caps, mut sums, digest): (Caps, Sums, Digest),
) -> Result<(Manifest, Figures), Error> {
    forth.touched.par_sort_unstable_by(|a, b| (a.db, &a.key).cmp(&(b.db, &b.key)));
    let witnesses = witnesses(d)?;
    let rebuilt = forth.rebuilt() as u64;
    let gone = gone(d, &digest);
    let grounds = Grounds {
        spec: d.spec,
        summaries: &d.summaries,
        gone: &gone,
        findings: &diagnostics(d),
        touched: &forth.touched,
        oversize: [forth.file.oversize, back.oversize],
        of_dump: OfDump::new(d, &forth.touched, &forth.long_lists),
    };
    let warnings = warnings(&grounds);
    let (findings, of_dump) = (grounds.findings.to_vec(), grounds.of_dump.clone());
    let phases = [forth.file.phases(), back.phases()];
    let Finished { file: apply, replies: expected_replies, lengths } =
        forth.file.finish(folder, APPLY).map_err(writing(APPLY))?;
    let Finished { file: rollback, replies: rollback_expected_replies, lengths: lengths_back } =
        back.finish(folder, ROLLBACK).map_err(writing(ROLLBACK))?;
    let (changes, examples) = changes.finish().map_err(writing(CHANGES))?;
    let batches = batches(&lengths);
    // `SELECT` is not billed.
    let billed = expected_replies.iter().filter(|reply| matches!(reply, Reply::Integer(_))).count() as u64;
    sums.batches = [batches, self::batches(&lengths_back)];
    sums.bytes = [apply.bytes, rollback.bytes];
    // A value of another type may be set, which answers `OK` as well, but is billed.
    sums.rollback = rollback_expected_replies.len() as u64;
    sums.finish(billed, &digest);
    let replay = sums.price(&forth.touched, d.deletions.len() as u64, rebuilt);
    let databases = d.stock.databases.iter().filter(|(_, tally)| tally.with_expiry > 0);
    let expiring = databases.map(|(db, tally)| Expiring { db: *db, keys: tally.with_expiry });
    let first = d.spec.first_of_keys();
    let not_first = d.spec.indexes.iter().enumerate().filter(|(at, _)| first.get(*at) != Some(at));
    let not_first: HashSet<&str> = not_first.map(|(_, index)| index.name.as_str()).collect();
    let is_first = |name: &str| !not_first.contains(name);
    let of_index = d.spec.indexes.iter().zip(&d.summaries).zip(&forth.counts).zip(examples).zip(&gone);
    let indexes = of_index.map(|((((index, summary), counts), examples), gone)| IndexPlan {
        looked_at_members: gone.iter().map(|gone| gone.looked_at).sum(),
        gone_members: gone.iter().map(|gone| gone.gone).sum(),
        name: index.name.clone(),
        policy: index.policy.as_str().to_owned(),
        left_keys: summary.wrong_keys().saturating_sub(counts.deleted_keys),
        unmatched: summary.keys == 0 && summary.absent_keys == 0 && is_first(&index.name),
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
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        plan_id: String::new(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        snapshot: snapshot_id(d),
        spec: spec_id(d),
        caps,
        by_slot: d.by_slot,
        shard: None,
        joined: None,
        expiry: d.clock.expiry.as_str().to_owned(),
        accepted: d.spec.given.accept.iter().map(ToString::to_string).collect(),
        only: d.spec.given.only.clone(),
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
    };
    let figures = Figures {
        digest,
        sums,
        summaries: d.summaries.clone(),
        gone,
        findings,
        families: FamilyTallies::default(),
        of_dump,
        phases,
        unlinks: forth.unlinks.iter().map(|written| (written.commands, written.bytes)).collect(),
        fewest_unlinks: forth.unlinks.iter().map(|written| written.lower_bound).sum(),
        rebuilt,
    };
    Ok((manifest, figures))
}

/// The round trips of commands of these lengths.
fn batches(lengths: &[u64]) -> u64 {
    let mut meter = BatchMeter::new(BatchLimits::default());
    for length in lengths {
        meter.add(usize::try_from(*length).unwrap_or(usize::MAX));
    }
    meter.batches()
}
