//! What a plan did not do, or did with care: said in words, for the person who approves it.

use serde::{Deserialize, Serialize};

use super::summary::Digest;
use crate::bundle::manifest::{BrakeNote, Touched};
use crate::dump::rdb::Checksum;
use crate::index::{Braked, Diagnostic, Difference, Frozen, Gone, Reason, Summary};
use crate::model::spec::{Policy, Spec};
use crate::text::{display, number};

/// What the warnings of a plan follow from.
pub struct Grounds<'a> {
    pub spec: &'a Spec,
    pub summaries: &'a [Summary],
    /// By index, what [`gone`] says.
    pub gone: &'a [[Gone; 2]],
    pub findings: &'a [Diagnostic],
    pub touched: &'a [Touched],
    /// Commands that are longer than the cap, forth and back.
    pub oversize: [u64; 2],
    pub of_dump: OfDump,
}

/// What is to be said of a dump, whatever is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfDump {
    /// Whether it is the whole database, and what comes back otherwise.
    pub doubts: Vec<String>,
    /// How its file ends, and lists that are long.
    pub asides: Vec<String>,
}

impl OfDump {
    /// Of the dump of a difference, in which these keys are touched.
    pub fn new(d: &Difference<'_>, touched: &[Touched], long_lists: &[(Vec<u8>, u64, u64)]) -> Self {
        let mut doubts: Vec<String> = d.facts.doubts().into_iter().map(|(_, words)| words).collect();
        doubts.extend(member_expiries(d, touched));
        let mut asides = Vec::new();
        if d.facts.footer.checksum(|| d.facts.crc64) == Checksum::Absent {
            asides.push("the dump has no checksum: damage could only show in its structure".into());
        }
        if d.facts.footer.trailing > 0 {
            asides.push(format!("{} bytes after the end of the dump were ignored", d.facts.footer.trailing));
        }
        asides.extend(long_lists.iter().map(long_list));
        Self { doubts, asides }
    }
}

/// The warnings of a plan, the gravest first.
pub fn warnings(grounds: &Grounds<'_>) -> Vec<String> {
    let Grounds { spec, summaries, gone, findings, touched, oversize, of_dump } = grounds;
    let mut out = Vec::new();
    let only = &spec.given.only;
    if !only.is_empty() {
        out.push(format!("only {} was asked for (--only): the other indexes are left as they are", only.join(", ")));
    }
    for (index, summary) in spec.indexes.iter().zip(*summaries) {
        let class = index.from.map_or("", |class| spec.records[class].name.as_str());
        match summary.frozen {
            Some(Frozen::NoRecords) => out.push(format!(
                "index {}: the dump has no record of class {class} that can be decoded, so nothing is deleted or \
                 removed; look at the key pattern of the class, and whether the dump is whole",
                index.name
            )),
            Some(Frozen::Undecidable) => out.push(format!(
                "index {}: nothing can be said of {} of class {class}, which could imply any member, so nothing is deleted or \
                 removed",
                index.name,
                counted(summary.undecidable_records, "record")
            )),
            None => {}
        }
        let held = [(summary.held_members, "member"), (summary.held_keys, "wrong key")];
        let held: Vec<String> = held.iter().filter(|(n, _)| *n > 0).map(|(n, noun)| counted(*n, noun)).collect();
        if !held.is_empty() {
            let one = summary.held_members + summary.held_keys == 1;
            let why = if one {
                "stays, because it names an undecidable record"
            } else {
                "stay, because they name undecidable records"
            };
            out.push(format!("index {}: {} {why}", index.name, held.join(" and ")));
        }
        if summary.conflict_members > 0 {
            out.push(format!(
                "index {}: {} left as found, because records disagree on the score or the value",
                index.name,
                counted(summary.conflict_members, "member")
            ));
        }
        if summary.unnamed_keys > 0 {
            out.push(format!(
                "index {}: {} left as found, because no entry names a key of the dump: it may be something else",
                index.name,
                counted(summary.unnamed_keys, "key")
            ));
        }
        if summary.expiring_members > 0 {
            out.push(format!(
                "index {}: {} with another value left as found, because HSET would take away an expiry of its own",
                index.name,
                counted(summary.expiring_members, "field")
            ));
        }
        if summary.overlapped_keys > 0 {
            out.push(format!(
                "index {}: {} only added to, because the name also fits an index of which too little is known to delete or \
                 remove anything",
                index.name,
                counted(summary.overlapped_keys, "key")
            ));
        }
        if summary.contested_keys > 0 {
            out.push(format!(
                "index {}: {} left as found, because another index claims the same name, or it is a record",
                index.name,
                counted(summary.contested_keys, "key")
            ));
        }
    }
    out.extend(many_gone(spec, gone));
    out.extend(of_dump.doubts.iter().cloned());
    let count = |code: &str| findings.iter().find(|found| found.code == code).map_or(0, |found| found.count);
    let in_doubt = count("key.expiry_in_doubt");
    if in_doubt > 0 {
        out.push(format!(
            "{} with an expiry before 2009, which cannot be meant as a time: taken as not expired, and made again by a \
             rollback without expiry; --expiry absolute or relative says what is meant",
            counted(in_doubt, "key")
        ));
    }
    let booleans = count("when.boolean");
    if booleans > 0 {
        out.push(format!(
            "{} with true or false in a field of which `when` asks only whether it is there: write [\"true\"] or [\"false\"] \
             for the value",
            counted(booleans, "record")
        ));
    }
    if count("index.repeated_member") > 0 {
        out.push(
            "the dump has index keys with the same member twice, which no server writes: they are left as they are; \
             `rdb-reindex check` names them"
                .into(),
        );
    }
    for (count, file) in oversize.iter().zip(["apply.resp", "rollback.resp"]) {
        let count = *count;
        if count > 0 {
            out.push(format!("{} of {file} longer than the cap, because one argument is", counted(count, "command")));
        }
    }
    let expiring = touched.iter().filter(|key| key.expire_at_ms.is_some()).count() as u64;
    if expiring > 0 {
        out.push(format!(
            "{} with an expiry will be changed; what has expired meanwhile will show as drift",
            counted(expiring, "key")
        ));
    }
    out.extend(of_dump.asides.iter().cloned());
    out
}

/// That a list is long. `LREM` goes through all of it each time: 1.6 ms for 100,000 elements, as measured.
fn long_list((name, elements, commands): &(Vec<u8>, u64, u64)) -> String {
    let ms = elements.saturating_mul(*commands).saturating_mul(16) / 1_000_000;
    format!(
        "{} has {} elements, and each of {} goes through all of it: about {} in which the server answers nobody else",
        display(name),
        number(*elements),
        counted(*commands, "LREM command"),
        if ms < 10_000 { format!("{} ms", number(ms)) } else { format!("{} s", number(ms / 1000)) }
    )
}

/// By index, how many of its members name a record that is not in the dump: of those in keys that stay, and of those in keys
/// that are deleted and were looked at.
pub fn gone(d: &Difference<'_>, digest: &Digest) -> Vec<[Gone; 2]> {
    let mut gone = vec![0_u64; d.spec.indexes.len()];
    for stale in d.stale.iter().filter(|stale| stale.reason() == Reason::RecordMissing) {
        let index = d.present.get(stale.key as usize).and_then(|key| gone.get_mut(key.index as usize));
        index.into_iter().for_each(|gone| *gone += 1);
    }
    let deleted = digest.indexes.iter().map(|index| index.deleted_members);
    let staying = d.summaries.iter().zip(gone).zip(deleted).map(|((summary, gone), deleted)| {
        // Members of deleted keys of another type were not counted before.
        Gone { looked_at: summary.members.saturating_sub(deleted).max(gone), gone }
    });
    let by_key = d.spec.by_record_key().into_iter().zip(&d.spec.indexes);
    let by_key = by_key.map(|(by_key, index)| by_key && index.policy != Policy::Retire);
    let all = staying.zip(&d.gone).zip(by_key);
    all.map(|((staying, deleted), by_key)| if by_key { [staying, *deleted] } else { [Gone::default(); 2] }).collect()
}

/// The same in words, where they are many.
fn many_gone(spec: &Spec, gone: &[[Gone; 2]]) -> Vec<String> {
    let all = spec.indexes.iter().zip(gone).flat_map(|(index, [staying, deleted])| {
        [(*staying, "of its members"), (*deleted, "of its members in keys that are deleted and were looked at")]
            .into_iter()
            .filter(|(gone, _)| gone.is_high())
            .map(|(gone, of)| {
                format!(
                    "index {}: {} of {} ({}%) {of} name a record that is not in the dump: was it deleted, or is a part of \
                     the database missing here?",
                    index.name,
                    number(gone.gone),
                    number(gone.looked_at),
                    gone.percent()
                )
            })
    });
    all.collect()
}

/// Touched keys of which members have an expiry of their own, as KeyDB writes it.
fn member_expiries(d: &Difference<'_>, touched: &[Touched]) -> Option<String> {
    let expiring = &d.facts.member_expiries.keys;
    if expiring.is_empty() {
        return None;
    }
    let deleted = d.deletions.iter().map(|key| (key.start, key.index));
    let all = deleted.chain(d.present.iter().map(|key| (key.start, key.index)));
    let mut room = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for (start, index) in all.filter(|(start, _)| expiring.binary_search(start).is_ok()) {
        // It was read before.
        let Ok(key) = d.dump.key(start, &mut room) else { continue };
        let place = (d.spec.indexes[index as usize].db, key);
        if touched.binary_search_by(|touched| (touched.db, &touched.key.0[..]).cmp(&place)).is_ok() {
            names.push(display(key));
        }
    }
    names.sort_unstable();
    names.dedup();
    let first = names.first()?;
    let more = match names.len() {
        1 => String::new(),
        n => format!(", and {} more", n - 1),
    };
    Some(format!(
        "{first}{more}: members with an expiry of their own (KeyDB) are in a key that will be changed; a rollback makes them \
         again without it"
    ))
}

/// A number with its noun.
fn counted(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// The brakes that apply, as people and scripts read them.
pub fn brake_notes(brakes: &[Braked], spec: &Spec) -> Vec<BrakeNote> {
    let note = |braked: &Braked| BrakeNote {
        brake: braked.brake.as_str().to_owned(),
        index: braked.index.and_then(|at| spec.indexes.get(at)).map(|index| index.name.clone()),
        effect: braked.effect.as_str().to_owned(),
        text: braked.text.clone(),
        examples: braked.examples.clone(),
    };
    brakes.iter().map(note).collect()
}
