//! Advice in sentences. Names from the dump are escaped here.

use super::Advice;
use crate::advise::{Item, Name, Reason, Way};
use crate::text::{counted, display, number, size};

/// Families that a title names.
const NAMED: usize = 3;

/// What is suggested.
pub fn title(item: &Item) -> String {
    let all = list(&item.about);
    match &item.reason {
        Reason::PerRecord { other: None, .. } if !item.retired => {
            format!("{all} could go, if the question can be asked of the records")
        }
        reason if reason.goes() && item.retired => format!("{all} could go; the spec retires it already"),
        Reason::RecordKey { .. } | Reason::Same { .. } | Reason::PerRecord { .. } => format!("{all} could go"),
        Reason::OneMember { .. } => format!("one hash could hold {all}"),
        Reason::ByTime { .. } if item.keys.after == 1 => format!("one sorted set could hold {all}"),
        Reason::ByTime { .. } => format!("{} sorted sets could hold {all}", number(item.keys.after)),
        Reason::Composite { .. } => format!("keys with both values could replace {all}"),
        Reason::NoExpiry { .. } => format!("{all} has no expiry, and the records in it have one"),
        Reason::Encoding { way: Way::Rewrite, .. } => format!("{all} would be smaller, written by Redis 7.2 or later"),
        Reason::Encoding { way: Way::Longer, .. } => format!("{all} would be smaller as listpacks"),
        Reason::Encoding { way: Way::Numbers, .. } => format!("{all} would be smaller as intsets"),
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

/// Families in a sentence: three of them, and how many more.
fn list(about: &[Name]) -> String {
    let mut names: Vec<String> = about.iter().take(NAMED).map(named).collect();
    if let Some(more) = about.len().checked_sub(NAMED).filter(|more| *more > 0) {
        names.push(format!("{} more", number(more as u64)));
    }
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
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
    let right = |of: u64| {
        let all = counted(of, "key");
        if of < item.keys.before { format!("{all} that a plan leaves") } else { all }
    };
    match &item.reason {
        Reason::RecordKey { single, of, records } => format!(
            "{} of {} have one member, a key of {} whose own name has what the index key is named by: whoever asks can \
             ask for the record itself.",
            number(*single),
            right(*of),
            named(records)
        ),
        Reason::OneMember { single, of, records } => format!(
            "{} of {} have one member, of {}: one hash with a field for each answers the same question.",
            number(*single),
            right(*of),
            named(records)
        ),
        Reason::Same { other, listed, of } => format!(
            "{} of {} are in {}, too, and each key has those of one key there, which has no others: both answer the same \
             question.",
            number(*listed),
            counted(*of, "member"),
            named(other)
        ),
        Reason::PerRecord { each, carried, of, mean: own, said, said_of, other } => {
            let mut words = format!(
                "It has a key for each of {} ({} of {} are named after one), grows with them, and has {} members per key. The \
                 records that it lists say it themselves: {} of {} that were looked at hold what the key is named by.",
                named(each),
                number(*carried),
                number(*of),
                mean(*own),
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
             in one sorted set, which gives any span in one call.{}",
            counted(item.keys.before, "set"),
            display(first.as_bytes()),
            display(last.as_bytes()),
            counted(*members, "member"),
            if item.bytes.after > item.bytes.before { " It takes more memory than the sets do." } else { "" }
        ),
        Reason::Composite { pairs, listed, of, most } => format!(
            "{} of {} are in both, under one key of each: {} of values occur. A set for each pair answers the question for \
             both in one call; for one value alone it takes a union of up to {}.",
            number(*listed),
            counted(*of, "member"),
            counted(*pairs, "pair"),
            counted(*most, "key")
        ),
        Reason::NoExpiry { records, expiring, of, gone, repaired } => format!(
            "{} of {} are keys of {} that expire; the keys that list them do not, so entries name what is gone, sooner or later: {} today. {} An \
             expiry that every write renews, as long as that of the record, lets a key go with its last record.",
            number(*expiring),
            counted(*of, "member"),
            named(records),
            number(*gone),
            match repaired {
                true => "A plan from the spec removes those, again and again.",
                false => "A rule that prunes removes those, again and again.",
            }
        ),
        Reason::Encoding { way, keys, in_family, zset } => encoding(*way, *keys, *in_family, *zset),
    }
}

fn encoding(way: Way, keys: u64, in_family: u64, zset: bool) -> String {
    let (of, prefix) = (counted(in_family, "key"), if zset { "zset" } else { "set" });
    let (is, has) = if keys == 1 { ("is", "has") } else { ("are", "have") };
    let (do_not, them) = if keys == 1 { ("does not", "it") } else { ("do not", "them") };
    let (they, write) = if keys == 1 { ("it is", "it is written") } else { ("they are", "they are written") };
    let keys = number(keys);
    match way {
        Way::Rewrite => format!(
            "{keys} of {of} {is} small enough for a compact encoding and {do_not} have one: Redis 7.2 and later give it to \
             {them} when {write} again or loaded, with default settings."
        ),
        Way::Longer => format!(
            "{keys} of {of} {has} up to 128 members, the longest of 65 to 128 bytes: with `{prefix}-max-listpack-value 128` \
             Redis 7.2 and later keep {them} in a listpack."
        ),
        Way::Numbers => format!(
            "{keys} of {of} {has} 513 to 4,096 members, all of them whole numbers: with `set-max-intset-entries \
             4096` {they} kept in an intset; adding a number then moves up to 32 kB."
        ),
    }
}

/// When it holds: what the dump does not tell.
pub fn condition(item: &Item) -> String {
    let mut words = match &item.reason {
        Reason::RecordKey { .. } => {
            "Only if nobody reads these keys, or whoever does can read the record instead, and none is meant to have a \
             second member."
                .to_owned()
        }
        Reason::Same { other, .. } => format!(
            "Only if nobody reads these keys, or whoever does can read {} instead, and the two are not meant to differ one \
             day.",
            named(other)
        ),
        Reason::PerRecord { other: Some(other), .. } => format!(
            "Only if nobody reads these keys, or whoever does can filter what {} lists and needs nothing that is not in it.",
            named(&other.name)
        ),
        Reason::PerRecord { .. } => {
            "Only if nobody reads these keys, or whoever does can search the records, by a SCAN or an index of another \
             kind."
                .to_owned()
        }
        Reason::OneMember { .. } => {
            "Only if no key is meant to have a second member; the application has to read and write the hash instead."
                .to_owned()
        }
        Reason::ByTime { .. } => {
            "Only if the application does not intersect these sets, and can read and write the sorted sets instead. For \
             lines in a spec somebody has to say which field is the time: `type = \"zset\"`, `score = \"{…}\"`."
                .to_owned()
        }
        Reason::Composite { .. } => {
            "Only if the application mostly asks for both values together, and can read and write the new sets instead."
                .to_owned()
        }
        Reason::NoExpiry { gone, .. } => {
            let mut words = "Only if nothing else removes these entries, and one is good for nothing when its record is gone.".to_owned();
            if item.lines.is_none() && item.overlaps == 0 && *gone > 0 {
                words.push_str(" `infer` looks whether those of today are kept for another key.");
            }
            words
        }
        Reason::Encoding { way: Way::Numbers, .. } => {
            "Only if these keys stay so small and so: with one number more, or one member that is none, such a set is a \
             table again."
                .to_owned()
        }
        Reason::Encoding { .. } => {
            "Only if these keys do not grow much; a listpack is searched from end to end, and past its limits it is a table \
             again."
                .to_owned()
        }
    };
    if item.overlaps > 0 {
        words.push_str(&match item.makes {
            Some(_) => format!(" No lines for a spec: {} of such a name already.", are(item.overlaps, "key")),
            None => format!(
                " No lines for a spec: the pattern is also that of {} of other families.",
                counted(item.overlaps, "key")
            ),
        });
    }
    words
}

/// So many of them are …
fn are(count: u64, what: &str) -> String {
    format!("{} {}", counted(count, what), if count == 1 { "is" } else { "are" })
}

/// Where its lines go in a spec.
pub fn spec_place(item: &Item) -> &'static str {
    match item.reason {
        _ if item.retired => "As the spec says it:",
        Reason::OneMember { .. } | Reason::Composite { .. } => {
            "For a spec, beside what it has; what they replace can be retired once nobody reads it:"
        }
        _ if item.replaces => "For the spec, in place of the table of that name:",
        _ => "For a spec:",
    }
}

/// What all of it comes to.
pub fn sum(advice: &Advice) -> String {
    if advice.families.is_empty() {
        return "No key looks like one of an index.".to_owned();
    }
    let change = |before: String, after: String| if before == after { before } else { format!("{before} → {after}") };
    let keys = change(number(advice.keys_before), number(advice.keys_after));
    let bytes = change(size(advice.bytes_before), size(advice.bytes_after));
    let mut words = format!("Index keys: {keys}; in memory {bytes}");
    match advice.unmeasured_keys {
        0 => words.push('.'),
        some => {
            words.push_str(&format!(", without {} of other types than set, sorted set and hash.", counted(some, "key")))
        }
    }
    let (families, change) = advice.changing;
    if families > 0 {
        words.push_str(&format!(
            " {} of {} become {}, if {}.",
            counted(change.before, "key"),
            match families {
                1 => "1 family".to_owned(),
                _ => format!("{families} families"),
            },
            number(change.after),
            if advice.some_go {
                "what could go is gone and a plan has repaired the rest"
            } else {
                "a plan has repaired them"
            }
        ));
    }
    words
}

/// What holds for all of it.
pub fn caveats(advice: &Advice) -> String {
    let mut words =
        "Suggestions, and never part of a plan. A dump does not say which questions the application asks: look there \
         before anything goes. Memory is estimated, as `MEMORY USAGE` of a Redis 7 counts it."
            .to_owned();
    if advice.one_in > 1 {
        words.push_str(&format!(" Members were compared by a sample: one in {}.", number(advice.one_in)));
    }
    words
}
