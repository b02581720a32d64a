//! Entries that are pruned: each goes in one step with the check that nothing of what it names is there.
//!
//! What an entry names is mostly known to be gone if there is no such key. Where a rule asks for more (`where`), what is
//! there is read and judged here, and the script makes sure that it is still what was read.

use std::borrow::Cow;
use std::collections::HashMap;

use sha1::{Digest as _, Sha1};

use super::content::Content;
use super::known::Known;
use super::named::{Entry, Named, Pruned};
use super::record::{self, Records, Value};
use super::{Judge, Rule};
use crate::bundle::hex;
use crate::dump::slots::slot_of;
use crate::replay::link::{Link, Reply};
use crate::replay::look::query::{LookOptions, QueryError, ask_all};
use crate::replay::script::Verb;
use crate::replay::script::item::Item;
use crate::replay::script::was::Was;

/// A script takes fewer arguments than this, keys included.
pub const MOST_ARGUMENTS: usize = 8_000;
/// Arguments that a script takes before its entries, at most, if one command has them all.
pub const HEAD: usize = 500;

/// What a script makes sure of before an entry goes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Check {
    NoKey(Vec<u8>),
    NoField(Vec<u8>, Vec<u8>),
    /// The way to ask it, and what it was.
    State(Vec<u8>, Rule, String),
    /// A field, and the digest of its value.
    Value(Vec<u8>, Vec<u8>, String),
}

/// An entry that goes, what must be there of it, and what that rests on.
type Going<'a> = (&'a [u8], Vec<Vec<u8>>, Vec<Check>);

/// A key, and an entry of it.
type OfKey<'e> = (&'e [u8], Entry<'e>);

/// Keys that entries name; nothing where that cannot be said.
type Names = Option<Vec<Named>>;

/// What one command comes to.
#[derive(Debug)]
pub struct Pruning<'a> {
    db: u32,
    /// In a cluster, the slot that it is in.
    slot: Option<u16>,
    verb: Verb,
    key: &'a [u8],
    /// The entries that go, what must be there, and what that rests on.
    entries: Vec<Going<'a>>,
}

/// Of each part of a command that prunes, the key and the entry that it is.
fn entries<'s>(item: &'s Item<'_>, known: &'s Known<'_>) -> Vec<OfKey<'s>> {
    let of_part = |(at, (_, part)): (usize, (Option<&'s [u8]>, &'s [u8]))| match item.verb {
        Verb::Unlink | Verb::Del => (part, (&b""[..], known.text(item.db, part))),
        _ => match item.was(at) {
            Was::Is(value) | Was::AbsentOr(value) => (item.key(), (part, *value)),
            _ => (item.key(), (part, &b""[..])),
        },
    };
    item.parts().enumerate().map(of_part).collect()
}

/// What each part of a command that prunes names; `None` where that cannot be said.
pub fn named(judge: &dyn Judge, known: &Known<'_>, item: &Item<'_>) -> Vec<Option<Vec<Named>>> {
    let entries = entries(item, known);
    let of_one_key = |entries: &[OfKey<'_>]| {
        let key = entries.first().map_or(&b""[..], |(key, _)| key);
        let entries: Vec<Entry<'_>> = entries.iter().map(|(_, entry)| *entry).collect();
        judge.named(item.db, key, &entries)
    };
    entries.chunk_by(|(a, _), (b, _)| a == b).flat_map(of_one_key).collect()
}

/// What was read of the keys that entries name.
#[derive(Default)]
struct Found<'n> {
    /// By the way they were asked.
    states: Vec<(Rule, Records<'n>)>,
    fields: HashMap<(u32, &'n [u8], &'n [u8]), Reply>,
}

impl<'n> Found<'n> {
    /// Reads what some condition is about, but for keys that the plan deletes: those must be gone.
    fn read(
        link: &mut dyn Link,
        judge: &dyn Judge,
        wanted: impl Iterator<Item = (u32, &'n Named)>,
        options: &LookOptions,
    ) -> Result<Self, QueryError> {
        type Keys<'k> = Vec<(u32, &'k [u8])>;
        let mut keys: Vec<(Rule, Keys<'n>)> = Vec::new();
        let mut fields: Vec<(u32, &'n [u8], &'n [u8])> = Vec::new();
        for (db, named) in wanted {
            let Some(condition) = named.condition else { continue };
            match &named.field {
                Some(field) => fields.push((db, &named.key, field)),
                None => {
                    let Some(rule) = judge.asked(condition) else { continue };
                    match keys.iter_mut().find(|(known, _)| known == rule) {
                        Some((_, keys)) => keys.push((db, &named.key)),
                        None => keys.push((rule.clone(), vec![(db, &named.key)])),
                    }
                }
            }
        }
        let mut found = Self::default();
        for (rule, mut keys) in keys {
            keys.sort_unstable();
            keys.dedup();
            let wanted: Vec<(u32, &[u8], &Rule)> = keys.into_iter().map(|(db, key)| (db, key, &rule)).collect();
            let records = record::read(link, &wanted, options)?;
            found.states.push((rule, records));
        }
        fields.sort_unstable();
        fields.dedup();
        let questions = fields.iter().map(|(db, key, field)| (*db, vec![&b"HGET"[..], *key, *field]));
        let replies = ask_all(link, options, questions)?;
        found.fields = fields.into_iter().zip(replies).collect();
        Ok(found)
    }

    fn state(&self, db: u32, key: &'n [u8], rule: &Rule) -> Option<&(Value, String)> {
        let (_, records) = self.states.iter().find(|(known, _)| known == rule)?;
        records.get(&(db, key))
    }
}

/// Decides about the commands of a batch that prune, by the place of each: what goes, and the parts that stay.
pub fn decide<'a, 'i>(
    link: &mut dyn Link,
    judge: &dyn Judge,
    known: &Known<'_>,
    items: impl Iterator<Item = (usize, &'i Item<'a>)>,
    options: &LookOptions,
) -> Result<HashMap<usize, Vec<Option<Checks>>>, QueryError>
where
    'a: 'i,
{
    let mut items: Vec<(usize, &Item<'a>, Vec<Names>)> =
        items.map(|(at, item)| (at, item, named(judge, known, item))).collect();
    for (_, item, names) in &mut items {
        if let Some(by_name) = gone_by_name(link, judge, known, item, options)? {
            names.fill(Some(by_name));
        }
    }
    let all = items.iter().flat_map(|(_, item, named)| named.iter().flatten().flatten().map(|named| (item.db, named)));
    let wanted = all.filter(|(db, named)| !known.deletes(*db, &named.key));
    let found = Found::read(link, judge, wanted, options)?;
    let mut decided = HashMap::new();
    for (at, item, named) in &items {
        let entries = entries(item, known);
        let of_entry = |((key, entry), named): (OfKey<'_>, &Names)| {
            let check = |named| check(judge, known, &found, (item.db, key, entry), named);
            named.as_ref()?.iter().map(check).collect::<Option<Vec<Check>>>().map(Checks)
        };
        let checks: Vec<Option<Checks>> = entries.into_iter().zip(named).map(of_entry).collect();
        decided.insert(*at, checks);
    }
    Ok(decided)
}

/// What the name of a key names whose entries all go, if nothing of that is there: then they go for that reason.
fn gone_by_name(
    link: &mut dyn Link,
    judge: &dyn Judge,
    known: &Known<'_>,
    item: &Item<'_>,
    options: &LookOptions,
) -> Result<Option<Vec<Named>>, QueryError> {
    let (db, key) = (item.db, item.key());
    let is_both = known.deletes(db, key) && judge.prunes(db, key).is_some_and(|pruned| pruned.by_name);
    let Some(names) = is_both.then(|| judge.named_by_name(db, key)).flatten() else { return Ok(None) };
    let found = Found::read(link, judge, names.iter().map(|named| (db, named)), options)?;
    let checks = names.iter().map(|named| check(judge, known, &found, (db, key, (b"", b"")), named));
    let Some(checks) = checks.collect::<Option<Vec<Check>>>() else { return Ok(None) };
    let questions = checks.iter().filter_map(|check| match check {
        Check::NoKey(named) if !known.deletes(db, named) => Some((db, vec![&b"EXISTS"[..], &named[..]])),
        Check::NoField(named, field) => Some((db, vec![&b"HEXISTS"[..], &named[..], &field[..]])),
        _ => None,
    });
    let replies = ask_all(link, options, questions)?;
    Ok(replies.iter().all(|reply| *reply == Reply::Integer(0)).then_some(names))
}

/// What an entry that goes rests on.
#[derive(Clone, Debug)]
pub struct Checks(Vec<Check>);

impl Checks {
    /// Those that a script can make which edits this key in a cluster.
    pub fn retain_together(&mut self, key: &[u8]) {
        self.0.retain(|check| match check {
            Check::NoKey(named) | Check::NoField(named, _) | Check::State(named, ..) | Check::Value(named, ..) => {
                slot_of(named) == slot_of(key)
            }
        });
    }
}

/// Where no script can tell that a key is gone, because it is in another slot, it is looked here: a part that names one that
/// is there stays. What has a condition was read for that, just before.
pub fn ask_elsewhere(
    link: &mut dyn Link,
    items: &[Cow<'_, Item<'_>>],
    decided: &mut HashMap<usize, Vec<Option<Checks>>>,
    options: &LookOptions,
) -> Result<(), QueryError> {
    let mut questions: Vec<(u32, Vec<&[u8]>)> = Vec::new();
    let mut places: Vec<(usize, usize)> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let Some(parts) = decided.get(&at) else { continue };
        for (part, checks) in parts.iter().enumerate() {
            for check in checks.iter().flat_map(|checks| &checks.0) {
                let question: Vec<&[u8]> = match check {
                    Check::NoKey(key) => vec![b"EXISTS", key],
                    Check::NoField(key, field) => vec![b"HEXISTS", key, field],
                    Check::State(..) | Check::Value(..) => continue,
                };
                questions.push((item.db, question));
                places.push((at, part));
            }
        }
    }
    let replies = ask_all(link, options, questions.into_iter())?;
    for ((at, part), reply) in places.into_iter().zip(replies) {
        match reply {
            Reply::Integer(0) => continue,
            Reply::Integer(_) => {}
            Reply::Error(error) if error.is_wrong_type() => {}
            reply => return Err(QueryError::Refused { command: "a look at what an entry names", reply }),
        }
        if let Some(checks) = decided.get_mut(&at).and_then(|parts| parts.get_mut(part)) {
            *checks = None;
        }
    }
    Ok(())
}

/// What the script must make sure of; `None` where the entry stays.
fn check(
    judge: &dyn Judge,
    known: &Known<'_>,
    found: &Found<'_>,
    (db, key, entry): (u32, &[u8], Entry<'_>),
    named: &Named,
) -> Option<Check> {
    let name = || named.key.clone();
    if known.deletes(db, &named.key) {
        // By now it should be gone. If it was kept, so is what names it.
        return Some(Check::NoKey(name()));
    }
    match (&named.field, named.condition) {
        (None, None) => Some(Check::NoKey(name())),
        (Some(field), None) => Some(Check::NoField(name(), field.clone())),
        (None, Some(condition)) => {
            let rule = judge.asked(condition)?;
            let (value, state) = found.state(db, &named.key, rule)?;
            match value {
                Value::Absent => Some(Check::NoKey(name())),
                value if judge.holds((db, key), entry, condition, value) => None,
                _ => Some(Check::State(name(), rule.clone(), state.clone())),
            }
        }
        (Some(field), Some(condition)) => match found.fields.get(&(db, &named.key[..], &field[..]))? {
            Reply::Nil => Some(Check::NoField(name(), field.clone())),
            reply => {
                let text = reply.as_bytes()?;
                let holds = judge.holds((db, key), entry, condition, &Value::Text(text.to_vec()));
                (!holds).then(|| Check::Value(name(), field.clone(), hex(&Sha1::digest(text))))
            }
        },
    }
}

impl<'a> Pruning<'a> {
    /// Of a command, less the parts that stay, with what each part rests on. `content` says what a key that goes as a
    /// whole must hold: `None` for whatever it does.
    pub fn new(
        item: &Item<'a>,
        checks: Vec<Checks>,
        content: impl Fn(&'a [u8]) -> Option<[Vec<u8>; 4]>,
        across: bool,
    ) -> Self {
        let entries = item.parts().enumerate().zip(checks).map(|((at, (_, part)), Checks(checks))| {
            let text = |text: &[u8]| text.to_vec();
            let must = match item.verb {
                Verb::HDel => match item.was(at) {
                    Was::Is(value) | Was::AbsentOr(value) => vec![text(b"is"), text(value)],
                    _ => vec![text(b"any"), Vec::new()],
                },
                Verb::Unlink | Verb::Del => {
                    let any = || [text(b"any"), Vec::new(), Vec::new(), Vec::new()];
                    content(part).unwrap_or_else(any).to_vec()
                }
                _ => Vec::new(),
            };
            (part, must, checks)
        });
        let key = if item.verb.deletes_keys() { &b""[..] } else { item.key() };
        Self {
            db: item.db,
            slot: across.then(|| slot_of(item.key())),
            verb: item.verb,
            key,
            entries: entries.collect(),
        }
    }

    /// How many arguments a script takes for it, at most.
    pub fn arguments(&self) -> usize {
        let of_check = |check: &Check| match check {
            Check::NoKey(_) => 3,
            Check::NoField(..) => 4,
            Check::Value(..) => 5,
            Check::State(_, rule, _) => rule.paths.len().saturating_add(rule.fields.len()).min(HEAD).saturating_add(8),
        };
        let of_entry = |(_, must, checks): &Going<'_>| {
            checks.iter().map(of_check).fold(must.len().saturating_add(3), usize::saturating_add)
        };
        self.entries.iter().map(of_entry).fold(4, usize::saturating_add)
    }

    /// Whether they may go in one script.
    pub fn goes_with(&self, other: &Pruning<'_>) -> bool {
        self.db == other.db && self.slot == other.slot
    }
}

/// Keys and arguments of a script for these commands.
pub fn arguments(commands: &[&Pruning<'_>]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut keys: Vec<Vec<u8>> = Vec::new();
    let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut place = |key: &[u8]| {
        let place = *places.entry(key.to_vec()).or_insert_with(|| {
            keys.push(key.to_vec());
            keys.len()
        });
        count(place)
    };
    let mut ways: Vec<&Rule> = Vec::new();
    let checks = commands.iter().flat_map(|command| &command.entries).flat_map(|(_, _, checks)| checks);
    for check in checks {
        if let Check::State(_, rule, _) = check
            && !ways.contains(&rule)
        {
            ways.push(rule);
        }
    }
    let mut args: Vec<Vec<u8>> = vec![count(ways.len())];
    for way in &ways {
        args.push(count(way.paths.len()));
        args.extend(way.paths.iter().map(|path| path.as_bytes().to_vec()));
        args.push(count(way.fields.len()));
        args.extend(way.fields.iter().cloned());
    }
    // Commands for one key become one: a list is read once for all elements that it loses.
    let is_same = |a: &&Pruning<'_>, b: &&Pruning<'_>| a.verb == b.verb && a.key == b.key;
    for commands in commands.chunk_by(is_same) {
        let Some(first) = commands.first() else { continue };
        let whole = first.verb.deletes_keys();
        args.push(if whole { b"UNLINK".to_vec() } else { first.verb.name().as_bytes().to_vec() });
        args.push(if whole { count(0) } else { place(first.key) });
        args.push(count(commands.iter().fold(0, |sum, command| sum.saturating_add(command.entries.len()))));
        for (part, must, checks) in commands.iter().flat_map(|command| &command.entries) {
            args.push(if whole { place(part) } else { part.to_vec() });
            args.extend(must.iter().cloned());
            args.push(count(checks.len()));
            for check in checks {
                match check {
                    Check::NoKey(key) => args.extend([b"-".to_vec(), place(key)]),
                    Check::NoField(key, field) => args.extend([b"f".to_vec(), place(key), field.clone()]),
                    Check::State(key, rule, state) => {
                        let way = ways.iter().position(|way| *way == rule).map_or(0, |at| at.saturating_add(1));
                        args.extend([b"s".to_vec(), place(key), count(way), state.as_bytes().to_vec()]);
                    }
                    Check::Value(key, field, digest) => {
                        args.extend([b"v".to_vec(), place(key), field.clone(), digest.as_bytes().to_vec()]);
                    }
                }
            }
        }
    }
    (keys, args)
}

fn count(count: usize) -> Vec<u8> {
    count.to_string().into_bytes()
}

/// By which content a key that goes as a whole is known: a string by its text, which is the entry.
pub fn content_of_text(text: &[u8]) -> [Vec<u8>; 4] {
    Content::arguments(Content::of_text(text).as_ref())
}

/// How many parts of a command go into one script.
pub fn most_parts(pruned: Pruned) -> usize {
    MOST_ARGUMENTS.saturating_sub(HEAD).checked_div(pruned.arguments).unwrap_or(1).max(1)
}
