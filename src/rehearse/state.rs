//! The state of a database, written down as plainly as possible: owned bytes in ordered maps.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::clock::{Clock, Due};
use crate::dump::rdb::{self, Element, Flow, Json, Kind, Scratch, ValueType, Visitor};
use crate::text::quoted;

/// Database and key.
pub type Name = (u64, Vec<u8>);

/// What a database holds, in the order of the names.
pub type State = BTreeMap<Name, Entry>;

/// A key's value and its expiry in Unix milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub value: Value,
    pub expire_ms: Option<i64>,
}

/// A value, free of its encoding.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    String(Vec<u8>),
    List(Vec<Vec<u8>>),
    Set(BTreeSet<Vec<u8>>),
    Zset(BTreeMap<Vec<u8>, f64>),
    Hash(BTreeMap<Vec<u8>, Field>),
    /// The text of a RedisJSON document.
    Json(Vec<u8>),
    Other(Other),
}

/// The value of a hash field and its own expiry in Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub value: Vec<u8>,
    pub expire_ms: Option<i64>,
}

/// A value that no plain command can make: known by its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// What `TYPE` answers.
    pub type_name: String,
    pub elements: u64,
    pub type_byte: u8,
    pub bytes: Vec<u8>,
}

impl Value {
    /// Decodes a value. Fields of a hash that had expired are left out. A collection without elements is none: a server
    /// that loads it leaves it out.
    pub fn read(value: &rdb::Value<'_>, clock: &Clock) -> Result<Option<Self>, rdb::Error> {
        let empty = match value.ty.kind() {
            Kind::String => Self::String(Vec::new()),
            Kind::List => Self::List(Vec::new()),
            Kind::Set => Self::Set(BTreeSet::new()),
            Kind::Zset => Self::Zset(BTreeMap::new()),
            Kind::Hash => Self::Hash(BTreeMap::new()),
            Kind::Array if value.elements()? == 0 => return Ok(None),
            Kind::Stream | Kind::Array => return Self::other(value).map(Some),
            Kind::Module => {
                return match value.json()? {
                    Some(Json::Text(text)) => {
                        let mut scratch = Vec::new();
                        let at = u64::try_from(value.offset).unwrap_or(u64::MAX);
                        let text = text.decode(&mut scratch).map_err(|kind| rdb::Error::in_string(at, kind))?;
                        Ok(Some(Self::Json(text.to_vec())))
                    }
                    _ => Self::other(value).map(Some),
                };
            }
        };
        let mut fill = Fill { value: empty, members: Vec::new(), clock };
        value.visit(&mut Scratch::default(), &mut fill)?;
        let Fill { mut value, mut members, .. } = fill;
        // In order, a map is made of them at once.
        members.sort_by(|(a, _), (b, _)| a.cmp(b));
        members.dedup_by(|later, first| later.0 == first.0);
        match &mut value {
            Self::Set(set) => *set = members.into_iter().map(|(member, _)| member).collect(),
            Self::Zset(zset) => *zset = members.into_iter().collect(),
            _ => {}
        }
        Ok(Some(value).filter(|value| value.elements() > 0))
    }

    /// Whether [`Value::read`] would give a value, without reading one that is sure to be there.
    pub fn is_there(value: &rdb::Value<'_>, clock: &Clock) -> Result<bool, rdb::Error> {
        match value.ty.kind() {
            Kind::String | Kind::Stream | Kind::Module => Ok(true),
            Kind::Hash if !matches!(value.ty, ValueType::Hash | ValueType::HashZiplist | ValueType::HashListpack) => {
                Ok(Self::read(value, clock)?.is_some())
            }
            _ => Ok(value.elements()? > 0),
        }
    }

    fn other(value: &rdb::Value<'_>) -> Result<Self, rdb::Error> {
        Ok(Self::Other(Other {
            type_name: value.type_name().as_str().to_owned(),
            elements: value.elements()?,
            type_byte: value.ty.byte(),
            bytes: value.bytes.to_vec(),
        }))
    }

    /// What the command `TYPE` answers.
    pub fn type_name(&self) -> &str {
        match self {
            Self::String(_) => "string",
            Self::List(_) => "list",
            Self::Set(_) => "set",
            Self::Zset(_) => "zset",
            Self::Hash(_) => "hash",
            Self::Json(_) => "ReJSON-RL",
            Self::Other(other) => &other.type_name,
        }
    }

    /// Members, elements or fields; 1 for what has none.
    pub fn elements(&self) -> u64 {
        let n = match self {
            Self::String(_) | Self::Json(_) => 1,
            Self::List(elements) => elements.len(),
            Self::Set(members) => members.len(),
            Self::Zset(members) => members.len(),
            Self::Hash(fields) => fields.len(),
            Self::Other(other) => return other.elements,
        };
        u64::try_from(n).unwrap_or(u64::MAX)
    }
}

/// Whether fields of such a hash may have expiries of their own.
pub fn has_field_expiries(ty: ValueType) -> bool {
    matches!(
        ty,
        ValueType::HashMetadata
            | ValueType::HashMetadataPreGa
            | ValueType::HashListpackEx
            | ValueType::HashListpackExPreGa
            | ValueType::Hash2
    )
}

/// The fields of a hash that have not expired, in order, each once.
#[derive(Debug, Default)]
pub struct Fields {
    text: Vec<u8>,
    /// Names and values, where they are in it.
    all: Vec<(Range<usize>, Range<usize>)>,
}

impl Fields {
    /// Decodes a hash; none of what is no hash, or has no field.
    pub fn read(value: &rdb::Value<'_>, clock: &Clock) -> Result<Option<Self>, rdb::Error> {
        struct Fill<'c>(Fields, &'c Clock);
        impl Visitor for Fill<'_> {
            fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, expire_ms: Option<i64>) -> Flow {
                if self.1.due(expire_ms) != Due::Gone {
                    let text = &mut self.0.text;
                    let from = text.len();
                    text.extend_from_slice(field.bytes);
                    let middle = text.len();
                    text.extend_from_slice(value.bytes);
                    self.0.all.push((from..middle, middle..text.len()));
                }
                Flow::Continue(())
            }
        }
        if value.ty.kind() != Kind::Hash {
            return Ok(None);
        }
        let mut fill = Fill(Self::default(), clock);
        value.visit(&mut Scratch::default(), &mut fill)?;
        let Self { text, mut all } = fill.0;
        let name = |field: &(Range<usize>, Range<usize>)| text.get(field.0.clone()).unwrap_or_default();
        // Of what stands twice, the first counts.
        all.sort_by(|a, b| name(a).cmp(name(b)));
        all.dedup_by(|later, first| name(later) == name(first));
        Ok(Some(Self { text, all }).filter(|fields| !fields.all.is_empty()))
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let text = |range: &Range<usize>| self.text.get(range.clone()).unwrap_or_default();
        self.all.iter().map(move |(name, value)| (text(name), text(value)))
    }
}

/// Of what stands twice, the first counts: of the servers that load such a value, every one answers so.
struct Fill<'c> {
    value: Value,
    /// Of a set or a sorted set.
    members: Vec<(Vec<u8>, f64)>,
    clock: &'c Clock,
}

impl Visitor for Fill<'_> {
    fn string(&mut self, value: Element<'_>) -> Flow {
        self.value = Value::String(value.bytes.to_vec());
        Flow::Continue(())
    }

    fn list_element(&mut self, _: u64, element: Element<'_>) -> Flow {
        if let Value::List(elements) = &mut self.value {
            elements.push(element.bytes.to_vec());
        }
        Flow::Continue(())
    }

    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.zset_member(member, 0.0)
    }

    fn zset_member(&mut self, member: Element<'_>, score: f64) -> Flow {
        self.members.push((member.bytes.to_vec(), score));
        Flow::Continue(())
    }

    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, expire_ms: Option<i64>) -> Flow {
        let expire_ms = match self.clock.due(expire_ms) {
            Due::Gone => return Flow::Continue(()),
            Due::Never => None,
            Due::At(ms) => Some(ms),
        };
        if let Value::Hash(fields) = &mut self.value {
            let field = fields.entry(field.bytes.to_vec());
            field.or_insert_with(|| Field { value: value.bytes.to_vec(), expire_ms });
        }
        Flow::Continue(())
    }
}

/// Says in words in what two entries of one key differ: expected, and found.
pub fn difference(expected: Option<&Entry>, found: Option<&Entry>) -> Option<(String, String)> {
    let (a, b) = match (expected, found) {
        (None, None) => return None,
        (Some(a), Some(b)) if a == b => return None,
        (Some(a), Some(b)) => (a, b),
        (a, b) => {
            let say = |entry: Option<&Entry>| entry.map_or("no key".to_owned(), outline);
            return Some((say(a), say(b)));
        }
    };
    if a.value == b.value {
        return Some((expiry(a.expire_ms), expiry(b.expire_ms)));
    }
    let (expected, found) = match (&a.value, &b.value) {
        (Value::Set(x), Value::Set(y)) => either(
            x.iter().find(|m| !y.contains(*m)).map(|m| member(m)),
            y.iter().find(|m| !x.contains(*m)).map(|m| member(m)),
        ),
        (Value::Zset(x), Value::Zset(y)) => {
            let scored = |m: &[u8], score: f64| format!("{} with score {score}", member(m));
            let missing = |x: &BTreeMap<Vec<u8>, f64>, y: &BTreeMap<Vec<u8>, f64>| {
                x.iter().find(|(m, score)| y.get(*m) != Some(score)).map(|(m, score)| scored(m, *score))
            };
            either(missing(x, y), missing(y, x))
        }
        (Value::Hash(x), Value::Hash(y)) => {
            let missing = |x: &BTreeMap<Vec<u8>, Field>, y: &BTreeMap<Vec<u8>, Field>| {
                x.iter().find(|(name, field)| y.get(*name) != Some(field)).map(|(name, field)| {
                    format!("field {} = {}, {}", quoted(name), quoted(&field.value), expiry(field.expire_ms))
                })
            };
            either(missing(x, y), missing(y, x))
        }
        (Value::List(x), Value::List(y)) => {
            let at = x.iter().zip(y).take_while(|(x, y)| x == y).count();
            let say = |list: &[Vec<u8>]| match list.get(at) {
                Some(element) => format!("element {at} {}", quoted(element)),
                None => format!("{at} elements"),
            };
            (say(x), say(y))
        }
        (Value::String(x), Value::String(y)) | (Value::Json(x), Value::Json(y)) => (quoted(x), quoted(y)),
        _ => (outline(a), outline(b)),
    };
    Some((expected, found))
}

fn either(expected: Option<String>, found: Option<String>) -> (String, String) {
    let nothing = || "nothing of the kind".to_owned();
    (expected.unwrap_or_else(nothing), found.unwrap_or_else(nothing))
}

fn member(member: &[u8]) -> String {
    format!("member {}", quoted(member))
}

fn expiry(ms: Option<i64>) -> String {
    ms.map_or("no expiry".to_owned(), |ms| format!("expiry at {ms} ms"))
}

fn outline(entry: &Entry) -> String {
    let (kind, n) = (entry.value.type_name(), entry.value.elements());
    match entry.expire_ms {
        None => format!("{kind} of {n}"),
        Some(_) => format!("{kind} of {n}, {}", expiry(entry.expire_ms)),
    }
}
