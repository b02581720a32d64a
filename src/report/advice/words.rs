//! Advice in sentences. Names from the dump are escaped here.

use super::Advice;
use crate::advise::{Item, Name, Reason, Way};
use crate::text::{counted, display, number, size};

/// What is suggested.
pub fn title(item: &Item) -> String {
    let all: Vec<String> = item.about.iter().map(named).collect();
    let all = all.join(" and ");
    match &item.reason {
        Reason::PerRecord { other: None, .. } if !item.retired => {
            format!("{all} could go, if the question can be asked of the records")
        }
        reason if reason.goes() && item.retired => format!("{all} could go; the spec retires it already"),
        reason if reason.goes() => format!("{all} could go"),
        Reason::OneMember { .. } => format!("one hash could hold {all}"),
        Reason::ByTime { .. } if item.keys.after == 1 => format!("one sorted set could hold {all}"),
        Reason::ByTime { .. } => format!("{} sorted sets could hold {all}", number(item.keys.after)),
        Reason::Composite { .. } => format!("keys with both values could replace {all}"),
        Reason::NoExpiry { .. } => format!("{all} has no expiry, and its records have one"),
        Reason::Encoding { way: Way::Numbers, .. } => format!("{all} would be smaller as intsets"),
        _ => format!("{all} would be smaller in another encoding"),
    }
}

/// What it would save: keys and bytes, before and after.
pub fn figures(item: &super::Item) -> String {
    let keys = match item.keys_before == item.keys_after {
        true => counted(item.keys_before, "key"),
        false => format!("{} → {}", counted(item.keys_before, "key"), number(item.keys_after)),
    };
    if item.bytes_before == item.bytes_after {
        return format!("{keys} · {} in memory", size(item.bytes_before));
    }
    format!("{keys} · {} → {} in memory", size(item.bytes_before), size(item.bytes_after))
}

/// A name as it stands in a sentence.
fn named(name: &Name) -> String {
    match &name.of {
        Some(of) => display(of.as_bytes()),
        None => display(&name.pattern),
    }
}

/// How many members a key has in the mean.
fn mean(members: f64) -> String {
    if members < 100.0 { format!("{members:.1}") } else { number(members.round() as u64) }
}

/// The figures that it rests on.
pub fn reason(item: &Item) -> String {
    let keys = counted(item.keys.before, "key");
    match &item.reason {
        Reason::RecordKey { single, records } => format!(
            "{} of {keys} have one member, a key of {} whose own name has what the index key is named by: whoever asks can \
             ask for the record itself.",
            number(*single),
            named(records)
        ),
        Reason::OneMember { single, records } => format!(
            "{} of {keys} have one member, of {}: one hash with a field for each answers the same question.",
            number(*single),
            named(records)
        ),
        Reason::Same { other, listed, of, own, others } => format!(
            "{} of {} are in {}, too, and each key lies within one key of it: {} members per key there, {} here.",
            number(*listed),
            counted(*of, "member"),
            named(other),
            mean(*others),
            mean(*own)
        ),
        Reason::PerRecord { each, carried, of, members, said, said_of, other } => {
            let mut words = format!(
                "It has a key for each of {} ({} of {} are named by one), grows with them, and has {} members per key. Those \
                 records say it themselves: {} of {} that were looked at hold what the key is named by.",
                named(each),
                number(*carried),
                number(*of),
                mean(*members as f64 / item.keys.before.max(1) as f64),
                number(*said),
                number(*said_of)
            );
            words.push_str(&match other {
                Some(other) => format!(
                    " {} lists records of the same kind, {} per key: the question can be asked there, and the answer \
                     filtered. {} of {} are there today.",
                    named(&other.name),
                    mean(other.mean),
                    number(other.listed),
                    counted(other.of, "member")
                ),
                None => " No other index was found that lists most of them.".to_owned(),
            });
            words
        }
        Reason::ByTime { first, last, members } => format!(
            "{} by time, from {} to {}, with {}, none of which is in two of them: with the time as its score each can be \
             in one sorted set, which gives any span in one call.",
            counted(item.keys.before, "set"),
            display(first.as_bytes()),
            display(last.as_bytes()),
            counted(*members, "member")
        ),
        Reason::Composite { pairs, listed, of, most } => format!(
            "{} of {} are in both, under one key of each: {} of values occur. A set for each pair answers the question for \
             both in one call; for one value alone it takes a union of up to {}.",
            number(*listed),
            counted(*of, "member"),
            counted(*pairs, "pair"),
            counted(*most, "key")
        ),
        Reason::NoExpiry { records, expiring, of } => format!(
            "{} of {} are keys of {} that expire; the keys that list them do not, so entries will name what is gone. The \
             same expiry for these keys, or a rule that prunes, keeps them clean.",
            number(*expiring),
            counted(*of, "member"),
            named(records)
        ),
        Reason::Encoding { way, keys, in_family, zset } => encoding(*way, *keys, *in_family, *zset),
    }
}

fn encoding(way: Way, keys: u64, in_family: u64, zset: bool) -> String {
    let (keys, of, prefix) = (number(keys), counted(in_family, "key"), if zset { "zset" } else { "set" });
    match way {
        Way::Rewrite => format!(
            "{keys} of {of} are small enough for a compact encoding and do not have one: Redis 7.2 and later give it to \
             them when they are written anew or loaded, with default settings."
        ),
        Way::Longer => format!(
            "{keys} of {of} have up to 128 members, the longest of 65 to 128 bytes: with `{prefix}-max-listpack-value 128` \
             Redis 7.2 and later keep them as listpacks."
        ),
        Way::Numbers => format!(
            "{keys} of {of} have 513 to 4,096 members, all of them whole numbers: with `set-max-intset-entries 4096` they \
             are intsets; to add a number then moves up to 32 kB."
        ),
    }
}

/// What the dump does not tell.
pub fn not_known(item: &Item) -> String {
    let mut words = match &item.reason {
        Reason::RecordKey { .. } => {
            "Not known: whether the application asks this index for anything else, and whether a second member is expected."
        }
        Reason::Same { .. } => "Not known: whether the application reads this index, and what it writes to it next.",
        Reason::PerRecord { .. } => {
            "Not known: how often the application asks this question, and whether it needs records that no other index \
             lists."
        }
        Reason::OneMember { .. } => {
            "Not known: whether a second member is expected; the application has to read and write the hash instead."
        }
        Reason::ByTime { .. } => {
            "Not known: whether the application intersects these sets, or has them expire one by one: members of a sorted \
             set are removed by score."
        }
        Reason::Composite { .. } => "Not known: whether the application asks for both values together.",
        Reason::NoExpiry { .. } => "Not known: whether something else removes these entries.",
        Reason::Encoding { .. } => "Not known: whether these keys grow; a compact encoding is searched from end to end.",
    }
    .to_owned();
    if item.overlaps > 0 {
        words.push_str(&format!(
            " No lines for a spec: the pattern is also that of {} of other families.",
            counted(item.overlaps, "key")
        ));
    }
    words
}

/// What all of it comes to.
pub fn sum(advice: &Advice) -> String {
    let change = |before: String, after: String| if before == after { before } else { format!("{before} → {after}") };
    let keys = change(number(advice.keys_before), number(advice.keys_after));
    let bytes = change(size(advice.bytes_before), size(advice.bytes_after));
    let mut words = format!("Index keys: {keys}; in memory {bytes}.");
    let (families, change) = advice.changing;
    if families > 0 {
        words.push_str(&format!(
            " {} of {} become {}, if what could go went and a plan repaired the rest.",
            counted(change.before, "key"),
            match families {
                1 => "1 family".to_owned(),
                _ => format!("{families} families"),
            },
            number(change.after)
        ));
    }
    words
}

/// What holds for all of it.
pub fn caveats(advice: &Advice) -> String {
    let mut words =
        "Suggestions, and no part of any plan. Which questions the application asks, a dump does not say: look \
                     there before anything goes. Memory is estimated, as `MEMORY USAGE` of a Redis 7 counts it."
            .to_owned();
    if advice.one_in > 1 {
        words.push_str(&format!(" Members were compared by a sample: one in {}.", number(advice.one_in)));
    }
    words
}
