//! What each touched key should be like, from the bundle alone.

use std::collections::HashSet;

use hashbrown::HashMap;

use super::super::script::Verb;
use super::number;
use crate::bundle::content::Content;
use crate::bundle::manifest::{Reply as Expected, Touched};
use crate::replay::script::commands::Commands;
use crate::replay::script::error::ReplayError;
use crate::replay::script::item::{Item, Wanted};
use crate::replay::script::kind::Kind;
use crate::text::rfc3339;

/// Which state is to be proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proven {
    /// The one that a plan leads to.
    #[default]
    Target,
    /// The one of the dump, where its rollback leads.
    Old,
}

/// Members or elements that one reply has, at most.
pub(super) const PAGE: u64 = 1_000;

/// Commands beyond those that are needed where everything is as it should be: for keys that have grown, or that a server
/// reads in more pages than they need.
pub(super) fn reserve(commands: u64) -> u64 {
    (commands / 10).saturating_add(20)
}

/// Every touched key as it should be.
pub struct Proof<'a> {
    pub(super) proven: Proven,
    pub(super) keys: Vec<KeyState<'a>>,
}

/// A key as it should be.
pub(super) struct KeyState<'a> {
    pub db: u32,
    pub key: &'a [u8],
    pub value: Value<'a>,
    /// The expiry that a rollback gives it again.
    pub expire_at_ms: Option<i64>,
}

pub(super) enum Value<'a> {
    Absent,
    Members(Members<'a>),
    List(Vec<&'a [u8]>),
    Hash(Vec<(&'a [u8], &'a [u8])>),
    Text(Vec<u8>),
    Document(&'a [u8]),
    /// What `DUMP` answered, and the type.
    Dump(&'a [u8], &'a str),
}

/// A set, a sorted set, or the fields of a hash.
#[derive(Clone, Debug)]
pub(super) struct Members<'a> {
    pub kind: Kind,
    /// Members that edits name, and what each should be.
    pub named: Vec<(&'a [u8], Named<'a>)>,
    /// How many others there are, and what they come to; `None` where the plan does not say.
    pub others: u64,
    pub content: Option<Content>,
}

/// What a member should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Named<'a> {
    There,
    Gone,
    /// In a sorted set with this score; NaN where the plan's own text is not a number.
    Score(f64),
    /// In a hash with this value.
    Value(&'a [u8]),
}

impl Members<'_> {
    /// Whether every member is named.
    pub fn is_known(&self) -> bool {
        self.others == 0 && self.content == Some(Content::default())
    }

    /// How many there should be.
    pub fn size(&self) -> u64 {
        let there = self.named.iter().filter(|(_, named)| *named != Named::Gone).count();
        self.others.saturating_add(u64::try_from(there).unwrap_or(u64::MAX))
    }
}

/// What the command files do to one key.
#[derive(Default)]
struct Edits<'a, 'i> {
    deleted: bool,
    /// Commands that write to it, since it was deleted if it was.
    apply: Vec<&'i Item<'a>>,
    rollback: Vec<&'i Item<'a>>,
}

impl<'a> Proof<'a> {
    /// Of all keys that a plan touches.
    pub fn new(commands: &Commands<'a>, proven: Proven) -> Result<Self, ReplayError> {
        Ok(Self::of(&commands.files.manifest.touched, commands.apply()?, commands.rollback()?, proven))
    }

    /// The same from the commands in the two files.
    pub fn of(touched: &'a [Touched], apply: &[Item<'a>], rollback: &[Item<'a>], proven: Proven) -> Self {
        let mut edits: HashMap<(u32, &[u8]), Edits<'a, '_>, foldhash::fast::RandomState> = HashMap::default();
        for item in apply {
            for key in item.keys() {
                let edits = edits.entry((item.db, *key)).or_default();
                if item.verb.deletes_keys() {
                    *edits = Edits { deleted: true, ..Edits::default() };
                } else {
                    edits.apply.push(item);
                }
            }
        }
        for item in rollback.iter().filter(|item| !item.verb.deletes_keys()) {
            edits.entry((item.db, item.key())).or_default().rollback.push(item);
        }
        let keys = touched.iter().map(|touched| {
            let db = u32::try_from(touched.db).unwrap_or(u32::MAX);
            let key = &touched.key.0[..];
            let none = Edits::default();
            let edits = edits.get(&(db, key)).unwrap_or(&none);
            // A list that is edited in place is made again, too.
            let is_list = || edits.rollback.first().is_some_and(|first| first.verb == Verb::RPush);
            let is_restored = proven == Proven::Old && (edits.deleted || is_list());
            KeyState {
                db,
                key,
                value: match proven {
                    Proven::Target => target(touched, edits),
                    Proven::Old => old(touched, edits),
                },
                expire_at_ms: touched.expire_at_ms.filter(|_| is_restored),
            }
        });
        Self { proven, keys: keys.collect() }
    }

    /// How many keys there are to look at.
    pub fn keys(&self) -> u64 {
        u64::try_from(self.keys.len()).unwrap_or(u64::MAX)
    }

    /// The most commands that a look at all of them sends.
    pub fn commands(&self) -> u64 {
        let most: u64 = self.keys.iter().map(KeyState::commands).fold(0, u64::saturating_add);
        most.saturating_add(reserve(most))
    }
}

impl KeyState<'_> {
    /// How many commands read it, if it is as it should be.
    pub fn commands(&self) -> u64 {
        let pages = |elements: u64| (elements / PAGE).saturating_add(1);
        let count = |len: usize| pages(u64::try_from(len).unwrap_or(u64::MAX));
        let read = match &self.value {
            Value::Members(members) => pages(members.size()),
            Value::List(elements) => count(elements.len()),
            Value::Hash(fields) => count(fields.len()),
            Value::Absent | Value::Text(_) | Value::Document(_) | Value::Dump(..) => 1,
        };
        read.saturating_add(u64::from(self.expire_at_ms.is_some()))
    }
}

/// The commands of one key that add, as members with their scores or values.
fn added<'a>(items: &[&Item<'a>]) -> Vec<(&'a [u8], Named<'a>)> {
    let named = items.iter().filter(|item| adds(item.verb)).flat_map(|item| {
        item.parts().map(|(with, part)| match (item.verb, with) {
            // A hash on the way back may be read as made, or as edited.
            (Verb::HSet, Some(field)) => (field, Named::Value(part)),
            (Verb::HEdit, Some(value)) => (part, Named::Value(value)),
            (_, Some(score)) => (part, Named::Score(number(score).unwrap_or(f64::NAN))),
            (_, None) => (part, Named::There),
        })
    });
    named.collect()
}

fn adds(verb: Verb) -> bool {
    matches!(verb, Verb::SAdd | Verb::ZAdd | Verb::HSet | Verb::HEdit)
}

fn removed<'a>(items: &[&Item<'a>]) -> Vec<(&'a [u8], Named<'a>)> {
    let removing = items.iter().filter(|item| matches!(item.verb, Verb::SRem | Verb::ZRem | Verb::HDel));
    removing.flat_map(|item| item.parts().map(|(_, member)| (member, Named::Gone))).collect()
}

/// How many members the commands add that were not there before.
fn new_members(items: &[&Item<'_>]) -> u64 {
    let counts = items.iter().filter(|item| adds(item.verb)).map(|item| match item.wanted {
        Wanted::Reply(Expected::Integer(number)) => u64::try_from(number).unwrap_or_default(),
        _ => 0,
    });
    counts.fold(0, u64::saturating_add)
}

/// The type of a key that commands edit, or make.
fn kind(touched: &Touched, items: &[&Item<'_>]) -> Kind {
    let written = items.iter().find_map(|item| Kind::written_by(item.verb));
    let was = match touched.kind.as_ref() {
        "zset" => Kind::ZSet,
        "hash" => Kind::Hash,
        "list" => Kind::List,
        "string" => Kind::String,
        _ => Kind::Set,
    };
    written.unwrap_or(was)
}

pub(super) fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// What no edit names of a key that is edited in place.
fn others(touched: &Touched, edits: &Edits<'_, '_>) -> (u64, Option<Content>) {
    let added = added(&edits.apply).len();
    let changed = count(added).saturating_sub(new_members(&edits.apply));
    let named = count(removed(&edits.apply).len()).saturating_add(changed);
    let content = touched.others.as_deref().and_then(Content::from_hex);
    (touched.elements.saturating_sub(named), content)
}

fn target<'a>(touched: &Touched, edits: &Edits<'a, '_>) -> Value<'a> {
    if edits.deleted && edits.apply.is_empty() {
        return Value::Absent;
    }
    let kind = kind(touched, &edits.apply);
    match kind {
        _ if edits.apply.is_empty() => {}
        // The way back has the list as it was.
        Kind::List => {
            let gone = edits.apply.iter().filter(|item| item.verb == Verb::LRem).flat_map(|item| item.parts());
            let gone: HashSet<&[u8]> = gone.map(|(_, element)| element).collect();
            let mut left = list(&edits.rollback);
            left.retain(|element| !gone.contains(element));
            return Value::List(left);
        }
        Kind::String => return Value::Text(text(&edits.apply)),
        _ => {}
    }
    let is_new = edits.deleted || touched.kind == "none";
    let (others, content) = if is_new { (0, Some(Content::default())) } else { others(touched, edits) };
    let mut named = added(&edits.apply);
    named.extend(removed(&edits.apply));
    Value::Members(Members { kind, named, others, content })
}

fn list<'a>(makers: &[&Item<'a>]) -> Vec<&'a [u8]> {
    let pieces = makers.iter().filter(|item| item.verb == Verb::RPush);
    pieces.flat_map(|item| item.parts().map(|(_, element)| element)).collect()
}

fn text(makers: &[&Item<'_>]) -> Vec<u8> {
    use Verb::{Append, Set, SetChanged, SetNew};
    let texts = makers.iter().filter(|item| matches!(item.verb, Set | SetNew | SetChanged | Append));
    texts.filter_map(|item| item.args.get(2)).flat_map(|piece| *piece).copied().collect()
}

/// Fields that were put back and have expired since.
fn expired_fields<'a>(makers: &[&Item<'a>]) -> HashSet<&'a [u8]> {
    let now = rfc3339::now_ms();
    let is_over = |item: &&&Item<'a>| {
        let at = item.args.get(2).and_then(|at| std::str::from_utf8(at).ok()?.parse::<i64>().ok());
        item.verb == Verb::HPExpireAt && at.is_some_and(|at| at <= now)
    };
    makers.iter().filter(is_over).flat_map(|item| item.parts().map(|(_, field)| field)).collect()
}

fn old<'a>(touched: &'a Touched, edits: &Edits<'a, '_>) -> Value<'a> {
    if touched.kind == "none" {
        return Value::Absent;
    }
    let makers = &edits.rollback;
    let expired = expired_fields(makers);
    match makers.first().map(|first| first.verb) {
        Some(Verb::RPush) => return Value::List(list(makers)),
        Some(Verb::Set | Verb::SetChanged | Verb::Append) => return Value::Text(text(makers)),
        Some(Verb::HSet | Verb::HEdit) if edits.deleted => {
            let fields = makers.iter().filter(|item| matches!(item.verb, Verb::HSet | Verb::HEdit));
            let fields = fields.flat_map(|item| {
                let is_made = item.verb == Verb::HSet;
                item.parts().map(move |(one, other)| if is_made { (one, Some(other)) } else { (Some(other), one) })
            });
            let fields = fields.filter_map(|(field, value)| Some((field?, value?)));
            let fields: Vec<_> = fields.filter(|(field, _)| !expired.contains(field)).collect();
            return if fields.is_empty() { Value::Absent } else { Value::Hash(fields) };
        }
        Some(Verb::JsonSet) => {
            return Value::Document(makers.first().and_then(|item| item.args.get(3)).copied().unwrap_or(b""));
        }
        Some(Verb::Restore) => {
            let dump = makers.first().and_then(|item| item.args.get(3)).copied().unwrap_or_default();
            return Value::Dump(dump, &touched.kind);
        }
        _ => {}
    }
    let mut named = added(makers);
    for (_, named) in named.iter_mut().filter(|(field, _)| expired.contains(field)) {
        *named = Named::Gone;
    }
    if edits.deleted {
        let content = Some(Content::default());
        return Value::Members(Members { kind: kind(touched, makers), named, others: 0, content });
    }
    let (others, content) = others(touched, edits);
    // Members that were taken out and scores that were changed are put back; what was added goes.
    named.extend(removed(makers));
    Value::Members(Members { kind: kind(touched, &edits.apply), named, others, content })
}
