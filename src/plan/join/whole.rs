//! The manifest of a joined plan, from those of its shards.

use std::collections::BTreeMap;

use rayon::slice::ParallelSliceMut;

use super::digest;
use super::error::Error;
use super::read::Part;
use crate::bundle::manifest::{
    APPLY, BrakeNote, CHANGES, Counts, Expiring, FORMAT_VERSION, FileId, IndexPlan, Joined, JoinedShard, Manifest,
    ROLLBACK, Reply, SnapshotId, Touched, Witness,
};
use crate::bundle::price::usd;
use crate::bundle::resp::{BatchLimits, BatchMeter};
use crate::dump::parts;
use crate::dump::rdb::{Flavor, Header};
use crate::dump::shards::{Known, known_together};
use crate::index::{Diagnostic, Effect, Gone, NOT_AT_ONCE, Summary, many_gone, not_at_once};
use crate::model::spec::{Brake, Spec};
use crate::model::stock::{FamilyTallies, Tally};
use crate::plan::Figures;
use crate::plan::command::Written;
use crate::plan::cost::Sums;
use crate::plan::warnings::{Grounds, OfDump, warnings};
use crate::text::{display, rfc3339, safe};

/// A file of commands that is closed: what it is, the replies, the lengths, and how many are longer than the cap.
type Closed = (FileId, Vec<Reply>, Vec<u64>, u64);

/// The files of the joined plan.
pub struct Files {
    pub apply: Closed,
    pub rollback: Closed,
    pub changes: FileId,
    /// By index, the commands that delete keys.
    pub unlinks: Vec<Written>,
}

/// Records by which a database is recognised.
const WITNESSES: usize = 20;

/// The spec with every brake lifted that one of the shards lifts; an error if the dumps are too far apart for that.
pub fn accepting(parts: &[Part], spec: Spec) -> Result<Spec, Error> {
    let accepted = accepted(parts);
    let spec = match parts.first() {
        Some(first) if first.manifest.accepted != accepted => {
            let manifest = Manifest { accepted, touched: Vec::new(), ..first.manifest.clone() };
            manifest.read_spec().map_err(|errors| Error::Spec(errors.render(false)))?
        }
        _ => spec,
    };
    match not_at_once(&dated(parts)) {
        Some((true, words)) if !spec.accepts(Brake::Apart, None) => Err(Error::Apart(words)),
        _ => Ok(spec),
    }
}

/// What any of the shards lifts, each once.
fn accepted(parts: &[Part]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for text in parts.iter().flat_map(|part| &part.manifest.accepted) {
        if !all.contains(text) {
            all.push(text.clone());
        }
    }
    all
}

/// The dumps, and when they were made.
fn dated(parts: &[Part]) -> Vec<parts::Part> {
    let part = |part: &Part| parts::Part {
        name: safe(&part.name).to_string(),
        created: created(&part.manifest.snapshot),
        from: 0,
        end: 0,
        cut: 0,
    };
    parts.iter().map(part).collect()
}

/// Unix seconds.
fn created(snapshot: &SnapshotId) -> Option<i64> {
    rfc3339::unix_millis(snapshot.created_at.as_ref()?.as_bytes()).map(|ms| ms.div_euclid(1000))
}

/// The manifest, the plan id and the page aside, and what the page shows besides.
pub fn whole(mut parts: Vec<Part>, spec: &Spec, files: Files) -> Result<(Manifest, Figures), Error> {
    let touched = touched(&mut parts)?;
    let snapshot = snapshot(&parts)?;
    let figures = figures(&mut parts, spec);
    let Files { apply: (apply, replies, lengths, oversize), rollback, changes, unlinks } = files;
    let (rollback, replies_back, lengths_back, oversize_back) = rollback;
    let of_dump = OfDump {
        doubts: said(&parts, |part| &part.figures.of_dump.doubts)
            .chain(not_at_once(&dated(&parts)).filter(|(refuses, _)| !refuses).map(|(_, words)| words))
            .collect(),
        asides: said(&parts, |part| &part.figures.of_dump.asides).collect(),
    };
    let grounds = Grounds {
        spec,
        summaries: &figures.summaries,
        gone: &figures.gone,
        findings: &figures.findings,
        touched: &touched,
        oversize: [oversize, oversize_back],
        of_dump,
    };
    let warnings = warnings(&grounds);

    let of = |at: usize| parts.iter().filter_map(move |part| part.manifest.indexes.get(at));
    let indexes: Vec<IndexPlan> = (0..spec.indexes.len())
        .filter_map(|at| {
            let mut counts = sum(of(at).map(|plan| &plan.counts));
            let old = parts.iter().filter_map(|part| part.figures.unlinks.get(at));
            let (commands, bytes) = old.fold((0, 0), |sum: (u64, u64), old| (sum.0 + old.0, sum.1 + old.1));
            let new = unlinks.get(at).copied().unwrap_or_default();
            counts.commands = counts.commands.saturating_sub(commands) + new.commands;
            counts.bytes = counts.bytes.saturating_sub(bytes) + new.bytes;
            let total = |number: fn(&IndexPlan) -> u64| of(at).map(number).sum();
            Some(IndexPlan {
                counts,
                left_keys: total(|plan| plan.left_keys),
                left_members: total(|plan| plan.left_members),
                undecidable_records: total(|plan| plan.undecidable_records),
                unmatched: of(at).all(|plan| plan.unmatched),
                looked_at_members: total(|plan| plan.looked_at_members),
                gone_members: total(|plan| plan.gone_members),
                examples: digest::examples(of(at)),
                ..of(at).next()?.clone()
            })
        })
        .collect();
    let mut total = sum(parts.iter().map(|part| &part.manifest.total));
    (total.commands, total.bytes) = (replies.len() as u64, apply.bytes);
    let fewest: u64 = parts.iter().map(|p| p.manifest.lower_bound.saturating_sub(p.figures.fewest_unlinks)).sum();
    let billed = replies.iter().filter(|reply| matches!(reply, Reply::Integer(_))).count() as u64;
    let batches = batches(&lengths);
    let mut sums = figures.sums.clone();
    sums.batches = [batches, self::batches(&lengths_back)];
    sums.bytes = [apply.bytes, rollback.bytes];
    sums.rollback = replies_back.len() as u64;
    sums.finish(billed, &figures.digest);
    let replay = sums.price(&touched, total.deleted_keys, figures.rebuilt);
    let mut expiring: BTreeMap<u64, u64> = BTreeMap::new();
    for of in parts.iter().flat_map(|part| &part.manifest.expiring) {
        let keys = expiring.entry(of.db).or_default();
        *keys = keys.saturating_add(of.keys);
    }
    let (accepted, brakes) = (accepted(&parts), brakes(&parts, spec));
    let witnesses = witnesses(&mut parts);
    let joined = joined(&parts);
    let first = parts.into_iter().next().ok_or(Error::Nothing)?.manifest;
    let files = [(APPLY, apply), (ROLLBACK, rollback), (CHANGES, changes)];
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        plan_id: String::new(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        snapshot,
        by_slot: true,
        shard: None,
        joined,
        accepted,
        brakes,
        total,
        indexes,
        lower_bound: fewest + unlinks.iter().map(|written| written.lower_bound).sum::<u64>(),
        batches,
        billed_commands: billed,
        estimated_cost_usd: usd(billed),
        replay,
        expiring: expiring.into_iter().map(|(db, keys)| Expiring { db, keys }).collect(),
        expected_replies: replies,
        rollback_expected_replies: replies_back,
        witnesses,
        touched,
        warnings,
        files: files.into_iter().map(|(name, id)| (name.to_owned(), id)).collect(),
        ..first
    };
    Ok((manifest, figures))
}

/// What is said of single dumps, with the names of their shards.
fn said<'p>(parts: &'p [Part], of: fn(&Part) -> &Vec<String>) -> impl Iterator<Item = String> + 'p {
    parts.iter().flat_map(move |part| of(part).iter().map(|words| format!("shard {}: {words}", safe(&part.name))))
}

fn sum<'c>(all: impl Iterator<Item = &'c Counts>) -> Counts {
    all.fold(Counts::default(), |sum, counts| Counts {
        added_members: sum.added_members + counts.added_members,
        removed_members: sum.removed_members + counts.removed_members,
        deleted_keys: sum.deleted_keys + counts.deleted_keys,
        commands: sum.commands + counts.commands,
        bytes: sum.bytes + counts.bytes,
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

/// The keys that all shards touch, in order.
fn touched(parts: &mut [Part]) -> Result<Vec<Touched>, Error> {
    let mut all: Vec<(Touched, usize)> = Vec::new();
    for (at, part) in parts.iter_mut().enumerate() {
        all.extend(std::mem::take(&mut part.manifest.touched).into_iter().map(|key| (key, at)));
    }
    all.par_sort_unstable_by(|(a, at), (b, other)| (a.db, &a.key, at).cmp(&(b.db, &b.key, other)));
    let same = |pair: &[(Touched, usize)]| match pair {
        [(a, one), (b, other)] if (a.db, &a.key) == (b.db, &b.key) => Some((display(&a.key.0), *one, *other)),
        _ => None,
    };
    match all.windows(2).find_map(same) {
        None => Ok(all.into_iter().map(|(key, _)| key).collect()),
        Some((key, one, other)) => {
            let folder = |at: usize| parts.get(at).map(|part| part.folder.clone()).unwrap_or_default();
            Err(Error::KeyTwice { key, path: folder(one), other: folder(other) })
        }
    }
}

/// What the dumps of all shards are known by, put together in the order of their names.
fn snapshot(parts: &[Part]) -> Result<SnapshotId, Error> {
    let first = &parts.first().ok_or(Error::Nothing)?.manifest.snapshot;
    let snapshots = || parts.iter().map(|part| &part.manifest.snapshot);
    let known = snapshots().map(|snapshot| Known {
        header: Header {
            flavor: if snapshot.flavor == "valkey" { Flavor::Valkey } else { Flavor::Redis },
            version: snapshot.rdb_version,
        },
        bytes: snapshot.bytes,
        crc64: u64::from_str_radix(&snapshot.crc64, 16).unwrap_or_default(),
        ctime: created(snapshot).and_then(|seconds| u64::try_from(seconds).ok()),
    });
    let (bytes, crc64) = match parts.len() {
        1 => (first.bytes, first.crc64.clone()),
        _ => {
            let known: Vec<Known> = known.collect();
            let (bytes, crc64) = known_together(&known).map_err(|error| Error::Dumps(error.to_string()))?;
            (bytes, format!("{crc64:016x}"))
        }
    };
    let earliest = snapshots().filter_map(|snapshot| Some((created(snapshot)?, snapshot.created_at.clone()))).min();
    Ok(SnapshotId {
        bytes,
        crc64,
        created_at: earliest.and_then(|(_, text)| text),
        flavor: first.flavor.clone(),
        rdb_version: snapshots().map(|snapshot| snapshot.rdb_version).max().unwrap_or_default(),
        server_version: snapshots().find_map(|snapshot| snapshot.server_version.clone()),
        keys: snapshots().map(|snapshot| snapshot.keys).sum(),
    })
}

/// What is known beside the bundles, added up.
fn figures(parts: &mut [Part], spec: &Spec) -> Figures {
    let mut all = Figures {
        digest: digest::together(spec, parts.iter_mut().map(|part| std::mem::take(&mut part.figures.digest))),
        sums: Sums::of(spec, true),
        summaries: vec![Summary::default(); spec.indexes.len()],
        gone: vec![[Gone::default(); 2]; spec.indexes.len()],
        families: FamilyTallies {
            indexes: vec![Tally::default(); spec.indexes.len()],
            records: vec![Tally::default(); spec.records.len()],
            ..FamilyTallies::default()
        },
        ..Figures::default()
    };
    for part in parts.iter_mut() {
        let figures = &mut part.figures;
        all.sums.add(&figures.sums);
        all.summaries.iter_mut().zip(&figures.summaries).for_each(|(mine, theirs)| mine.add(theirs));
        for ([staying, deleted], theirs) in all.gone.iter_mut().zip(&figures.gone) {
            (*staying, *deleted) = (staying.plus(theirs[0]), deleted.plus(theirs[1]));
        }
        all.families.add(std::mem::take(&mut figures.families));
        all.rebuilt += figures.rebuilt;
    }
    all.findings = Diagnostic::together(parts.iter_mut().map(|part| std::mem::take(&mut part.figures.findings)));
    let names = spec.indexes.iter().map(|index| index.name.as_str());
    all.findings.extend(many_gone(names.zip(all.gone.iter().map(|[_, deleted]| *deleted))));
    if let Some((_, words)) = not_at_once(&dated(parts)) {
        all.findings.push(Diagnostic { code: NOT_AT_ONCE.into(), count: 1, examples: vec![words] });
    }
    all.findings.sort_by(|a, b| a.code.cmp(&b.code));
    all
}

/// What applies to any of the shards. Where not all say the same, each says whose it is.
fn brakes(parts: &[Part], spec: &Spec) -> Vec<BrakeNote> {
    let mut all: Vec<(BrakeNote, Vec<&str>)> = Vec::new();
    for part in parts {
        for note in &part.manifest.brakes {
            let same = |known: &&mut (BrakeNote, Vec<&str>)| {
                let known = &known.0;
                (&known.brake, &known.index, &known.effect, &known.text)
                    == (&note.brake, &note.index, &note.effect, &note.text)
            };
            match all.iter_mut().find(same) {
                Some((_, names)) => names.push(&part.name),
                None => all.push((note.clone(), vec![&part.name])),
            }
        }
    }
    let apart = Brake::Apart.as_str();
    let known = all.iter().any(|(note, _)| note.brake == apart);
    let apart = not_at_once(&dated(parts)).filter(|(refuses, _)| *refuses && !known).map(|(_, text)| BrakeNote {
        brake: apart.to_owned(),
        index: None,
        effect: Effect::Lifted.as_str().to_owned(),
        text,
        examples: Vec::new(),
    });
    debug_assert!(apart.is_none() || spec.accepts(Brake::Apart, None));
    let named = all.into_iter().map(|(note, names)| match names.as_slice() {
        names if names.len() == parts.len() => note,
        [name] => BrakeNote { text: format!("shard {}: {}", safe(name), note.text), ..note },
        names => BrakeNote { text: format!("{} of {} shards: {}", names.len(), parts.len(), note.text), ..note },
    });
    apart.into_iter().chain(named).collect()
}

/// Some of all, spread over the shards.
fn witnesses(parts: &mut [Part]) -> Vec<Witness> {
    let all: Vec<Witness> = parts.iter_mut().flat_map(|part| std::mem::take(&mut part.manifest.witnesses)).collect();
    let most = all.len().min(WITNESSES);
    (0..most).filter_map(|n| all.get(n.saturating_mul(all.len()) / most)).cloned().collect()
}

fn joined(parts: &[Part]) -> Option<Box<Joined>> {
    let engine = &parts.first()?.shard.engine;
    let shards = parts.iter().zip(&engine.shards).map(|(part, seen)| JoinedShard {
        name: part.name.clone(),
        plan_id: part.manifest.plan_id.clone(),
        file: seen.file.clone(),
        bytes: seen.bytes,
        crc64: seen.crc64.clone(),
        edits_sha256: part.shard.edits_sha256.clone(),
    });
    Some(Box::new(Joined { run: engine.run.clone(), shards: shards.collect() }))
}
