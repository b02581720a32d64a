//! Lines for a spec. They are about the keys of a family and no others, or there are none.

use super::families::{Families, Room, Stats};
use super::{Error, Item};
use crate::dump::rdb::{self, Record};
use crate::dump::scan::{self, Observer, Worker};
use crate::index::Difference;
use crate::model::spec::{Glob, Index, Part, Policy, Spec};
use crate::model::view::KeyType;
use crate::text::toml_string;

/// A table that retires a family.
pub(super) fn retire(families: &Families<'_>, at: usize, stats: &Stats) -> Option<String> {
    let family = families.all.get(at)?;
    if let Some(index) = families.spec.indexes.get(at) {
        // What `not` spares would not be spared.
        if !index.not.is_empty() {
            return None;
        }
        if !index.prunes() {
            let mut table = table(&index.name, Policy::Retire, "set");
            from(families.spec, index, &mut table);
            return Some(table + &line("key", &index.key.text));
        }
        // Captures of its own are read by rules that prune alone: the pattern says the same.
    }
    let key = template(&family.pattern, |number| format!("{{part{number}}}"))?;
    let tables = stats.dbs.iter().map(|db| {
        let name = match &family.of {
            Some(of) => of.clone(),
            None => free_name(families.spec, &family.pattern, *db),
        };
        let mut table = table(&name, Policy::Retire, "set");
        if *db > 0 {
            table.push_str(&format!("db     = {db}\n"));
        }
        table + &line("key", &key)
    });
    Some(tables.collect::<Vec<_>>().join("\n"))
}

/// A table, and the pattern of the keys that it makes.
type Made = (String, Vec<u8>);

/// A table of a hash in place of sets of one member, of an index of the spec.
pub(super) fn one_hash(families: &Families<'_>, at: usize) -> Option<Made> {
    let index = families.spec.indexes.get(at).filter(|index| is_plain(index))?;
    let (prefix, rest) = index.key.text.split_once('{')?;
    let (field, end) = rest.split_once('}')?;
    if prefix.is_empty() || !end.is_empty() || field.starts_with(['{', '@']) || field.contains("[]") {
        return None;
    }
    let key = prefix.trim_end_matches([':', '/', '|', '#', '-', '_', '.']);
    if key.is_empty() || prefix.contains(['\\', '}']) {
        return None;
    }
    let mut makes = Vec::new();
    for byte in key.bytes() {
        if matches!(byte, b'*' | b'?' | b'[') {
            makes.push(b'\\');
        }
        makes.push(byte);
    }
    let mut table = table(&unused(families.spec, format!("{}-hash", index.name)), Policy::Maintain, "hash");
    from(families.spec, index, &mut table);
    table.push_str(&line("key", key));
    table.push_str(&line("member", &format!("{{{field}}}")));
    Some((table + &line("value", &index.member.text), makes))
}

/// A table of one index in place of two of the spec.
pub(super) fn composite(families: &Families<'_>, first: usize, second: usize) -> Option<Made> {
    let (first, second) = (families.spec.indexes.get(first)?, families.spec.indexes.get(second)?);
    let alike = first.from.is_some() && first.from == second.from && first.member.text == second.member.text;
    let plain = [first, second].iter().all(|index| {
        is_plain(index)
            && index.key.parts.iter().all(|part| matches!(part, Part::Literal(_) | Part::Field(_) | Part::Wildcard))
            && !index.key.text.contains("{{")
    });
    if !alike || !plain {
        return None;
    }
    let name = format!("{}-{}", first.name, second.name);
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        return None;
    }
    let mut key = name.clone();
    let makes = format!("{name}:*").into_bytes();
    for index in [first, second] {
        for piece in index.key.text.split('{').skip(1) {
            let (field, _) = piece.split_once('}')?;
            key.push_str(&format!(":{{{field}}}"));
        }
    }
    let name = unused(families.spec, name);
    let mut table = table(&name, Policy::Maintain, "set");
    from(families.spec, first, &mut table);
    table.push_str(&line("key", &key));
    Some((table + &line("member", &first.member.text), makes))
}

/// Nothing is said of it but what its keys and its one member are.
fn is_plain(index: &Index) -> bool {
    !index.prunes()
        && index.more_members.is_empty()
        && index.when.is_empty()
        && index.require.is_empty()
        && index.not.is_empty()
}

/// A table that takes out entries whose record is gone, of a family that was found from the names. What an entry names
/// begins with `prefix`.
pub(super) fn prune(families: &Families<'_>, at: usize, stats: &Stats, prefix: &[u8]) -> Option<String> {
    let family = families.all.get(at).filter(|family| family.is_found())?;
    let kind = match (stats.sets, stats.zsets) {
        (_, 0) => "set",
        (0, _) => "zset",
        _ => return None,
    };
    let key = template(&family.pattern, |number| format!("{{@part{number}*}}"))?;
    let mut exists = String::new();
    prefix.iter().for_each(|byte| literal(*byte, &mut exists));
    exists.push_str("{@record}");
    let tables = stats.dbs.iter().map(|db| {
        let name = free_name(families.spec, &family.pattern, *db);
        let mut table = table(&name, Policy::Prune, kind);
        if *db > 0 {
            table.push_str(&format!("db     = {db}\n"));
        }
        table.push_str(&line("key", &key));
        table.push_str(&line("member", "{@record*}"));
        table + &line("exists", &exists)
    });
    Some(tables.collect::<Vec<_>>().join("\n"))
}

fn table(name: &str, policy: Policy, kind: &str) -> String {
    let (name, policy) = (line("name", name), line("policy", policy.as_str()));
    format!("[[index]]\n{name}{policy}{}", line("type", kind))
}

fn line(key: &str, value: &str) -> String {
    format!("{key:<6} = {}\n", toml_string(value))
}

fn from(spec: &Spec, index: &Index, table: &mut String) {
    match index.from.and_then(|class| spec.records.get(class)) {
        Some(class) => table.push_str(&line("from", &class.name)),
        None if index.db > 0 => table.push_str(&format!("db     = {}\n", index.db)),
        None => {}
    }
}

/// A name that no index of the spec has, from the text of a pattern.
fn free_name(spec: &Spec, pattern: &[u8], db: u64) -> String {
    let text = String::from_utf8_lossy(pattern);
    let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let mut name: String = words.join("-").chars().take(60).collect();
    if name.is_empty() {
        name.push_str("family");
    }
    if db > 0 {
        name.push_str(&format!("-db{db}"));
    }
    unused(spec, name)
}

fn unused(spec: &Spec, mut name: String) -> String {
    while spec.indexes.iter().any(|index| index.name == name) {
        name.push_str("-advised");
    }
    name
}

/// The pattern of a family as the key of an index, each star as a variable part of its own. None if it does not begin with
/// text: no index may then be retired.
fn template(pattern: &[u8], part: impl Fn(usize) -> String) -> Option<String> {
    let mut out = String::new();
    let mut bytes = pattern.iter().copied();
    let mut parts: usize = 0;
    while let Some(byte) = bytes.next() {
        match byte {
            b'*' if out.is_empty() || out.ends_with('}') && !out.ends_with("}}") => return None,
            b'*' => {
                parts = parts.saturating_add(1);
                out.push_str(&part(parts));
            }
            b'\\' => literal(bytes.next()?, &mut out),
            byte => literal(byte, &mut out),
        }
    }
    Some(out)
}

fn literal(byte: u8, out: &mut String) {
    match byte {
        b'{' => out.push_str("{{"),
        b'}' => out.push_str("}}"),
        b'\\' => out.push_str("\\\\"),
        b' '..=b'~' => out.push(char::from(byte)),
        byte => out.push_str(&format!("\\x{byte:02x}")),
    }
}

/// Takes back the lines of families that were found from the names, where their pattern is also that of other keys, and
/// those that make keys of names that are there already: a plan would rebuild them.
pub(super) fn check(
    difference: &Difference<'_>,
    families: &Families<'_>,
    items: &mut [(Vec<usize>, Item)],
    observer: &Observer,
) -> Result<(), Error> {
    let is_found = |at: &usize| {
        let prunes = families.spec.indexes.get(*at).is_some_and(Index::prunes);
        prunes || families.all.get(*at).is_some_and(|family| family.is_found())
    };
    let mut asked: Vec<(usize, Option<usize>, Glob)> = Vec::new();
    for (number, (about, item)) in items.iter().enumerate() {
        if let Some(makes) = &item.makes {
            asked.push((number, None, Glob::new(makes)));
        } else if let (Some(_), [at]) = (&item.lines, about.as_slice())
            && is_found(at)
            && let Some(family) = families.all.get(*at)
        {
            asked.push((number, Some(*at), Glob::new(&family.pattern)));
        }
    }
    if asked.is_empty() {
        return Ok(());
    }
    let new =
        || Overlaps { families, asked: &asked, key: Vec::new(), room: Room::default(), counts: vec![0; asked.len()] };
    let pass = scan::run(difference.dump.file, observer, new)?;
    for worker in pass.workers {
        for ((number, ..), count) in asked.iter().zip(worker.counts) {
            if let (Some((_, item)), true) = (items.get_mut(*number), count > 0) {
                item.lines = None;
                item.replaces = false;
                item.overlaps = item.overlaps.saturating_add(count);
            }
        }
    }
    Ok(())
}

struct Overlaps<'o> {
    families: &'o Families<'o>,
    /// By the number of an item: the family that the keys of a pattern may be of.
    asked: &'o [(usize, Option<usize>, Glob)],
    key: Vec<u8>,
    room: Room,
    counts: Vec<u64>,
}

impl<'a> Worker<'a> for Overlaps<'_> {
    fn record(&mut self, record: &Record<'a>) -> Result<(), rdb::Error> {
        let start = record.start as u64;
        let key = record.key.decode(&mut self.key);
        let key = key.map_err(|kind| rdb::Error::in_string(start, kind).in_record(record.start))?;
        for ((_, family, glob), count) in self.asked.iter().zip(&mut self.counts) {
            if glob.matches(key) {
                let own = self.families.find(record.db, key, KeyType::of(&record.value), &mut self.room);
                *count = count.saturating_add(u64::from(family.is_none() || own != *family));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_as_templates() {
        let facts: [(&[u8], Option<&str>); 7] = [
            (b"user:*:orders", Some("user:{part1}:orders")),
            (b"a:*:b:*", Some("a:{part1}:b:{part2}")),
            (b"a{b}:*", Some("a{{b}}:{part1}")),
            (b"a\\*\\[b\\\\:*", Some("a*[b\\\\:{part1}")),
            (b"a\xff\n:*", Some("a\\xff\\x0a:{part1}")),
            (b"*:b", None),
            (b"a**", None),
        ];
        for (pattern, expected) in facts {
            let found = template(pattern, |number| format!("{{part{number}}}"));
            assert_eq!(found.as_deref(), expected, "{pattern:?}");
        }
    }
}
