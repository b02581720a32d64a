//! `--guard records`: every edit is decided anew on the record as it is now, and made only if the record is still so.
//!
//! The records of a batch are read and judged here; a script on the server then compares each with what the decision
//! was made on (by type and SHA-1) and edits, in one step that nothing comes between. A record that changed in between
//! is read and judged again.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;
use sha1::{Digest as _, Sha1};

use super::forecast::cardinality_command;
use super::item::Item;

use super::link::{Link, Reply};
use super::preflight::LookOptions;
use super::query::{Pipeline, QueryError, ask};
use super::script::Verb;
use super::verify::number;
use crate::plan::manifest::Touched;
use crate::plan::output::hex;
use crate::resp;

const EDIT: &str = include_str!("guard.lua");
const UNLINK: &str = include_str!("unlink.lua");
/// Upstash locks everything for a script that does not say that it declares its keys. Redis knows no such flag.
const DECLARED: &str = "#!lua flags=allow-key-locking\n";

/// A record as the server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Absent,
    /// The answer to `JSON.GET` with the paths of the rule: nothing where there are none.
    Document(Option<Vec<u8>>),
    Text(Vec<u8>),
    /// The values of the fields of the rule, in their order.
    Hash(Vec<Option<Vec<u8>>>),
    /// Nothing that could be a record.
    Other,
}

/// That a record belongs to an index key.
#[derive(Clone, Debug, PartialEq)]
pub struct Membership {
    pub key: Vec<u8>,
    pub score: f64,
    /// Records that must exist.
    pub require: Vec<Vec<u8>>,
}

/// What decides about the members of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// The index, for [`Judge::implied`].
    pub index: usize,
    /// What to ask a document for.
    pub paths: Vec<String>,
    /// What to ask a hash for.
    pub fields: Vec<Vec<u8>>,
}

/// Knows the spec. Outside of here, because nothing else of a replay needs it.
pub trait Judge {
    /// `None` where no record decides: the key's index is retired.
    fn rule(&self, db: u32, key: &[u8]) -> Option<&Rule>;

    /// What the record implies in that index; `None` if that cannot be said.
    fn implied(&mut self, rule: &Rule, record: &[u8], value: &Value) -> Option<Vec<Membership>>;
}

/// How a command goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// As it is.
    Plain,
    /// As a script with an answer for each part.
    Script(Vec<u8>),
    /// Not at all: no edit of it is left.
    Nothing,
}

/// The guard of one replay.
pub struct Guard<'g> {
    judge: &'g mut dyn Judge,
    touched: HashMap<(u32, &'g [u8]), &'g Touched>,
    /// Whether the server takes [`DECLARED`]; not known before it was asked.
    declared: Option<bool>,
}

/// The edits of a batch that are not made, by the place of their command: members, or keys.
pub type Kept = Vec<(usize, Vec<Vec<u8>>)>;

impl<'g> Guard<'g> {
    /// `touched` says how keys were that are deleted as a whole.
    pub fn new(judge: &'g mut dyn Judge, touched: &'g [Touched]) -> Self {
        let key = |touched: &'g Touched| ((u32::try_from(touched.db).unwrap_or(u32::MAX), &touched.key.0[..]), touched);
        Self { judge, touched: touched.iter().map(key).collect(), declared: None }
    }

    /// Reads the records of a batch, and says how each of its commands goes out and what of it does not. The items lose
    /// the parts that are kept.
    pub fn prepare(
        &mut self,
        link: &mut dyn Link,
        items: &mut [Cow<'_, Item<'_>>],
        options: &LookOptions,
    ) -> Result<(Vec<Shape>, Kept), QueryError> {
        let declared = self.header(link)?;
        let records = self.read(link, items, options)?;
        let judged = self.judge(items, &records);
        let required = exist(link, &judged, options)?;
        let mut shapes = Vec::with_capacity(items.len());
        let mut kept = Vec::new();
        for ((place, item), edits) in items.iter_mut().enumerate().zip(judged) {
            let Some(edits) = edits else {
                shapes.push(match item.verb {
                    Verb::Unlink | Verb::Del => Shape::Script(self.deletion(item, declared)),
                    _ => Shape::Plain,
                });
                continue;
            };
            let rule = self.judge.rule(item.db, item.key()).cloned().unwrap_or_default();
            let decisions: Vec<Option<Conditions>> = edits.iter().map(|edit| edit.decide(item, &required)).collect();
            let refused = item.parts().zip(&decisions).filter(|(_, decision)| decision.is_none());
            let refused: Vec<Vec<u8>> = refused.map(|((_, member), _)| member.to_vec()).collect();
            if !refused.is_empty() {
                kept.push((place, refused));
                if !item.to_mut().retain(|at, _| matches!(decisions.get(at), Some(Some(_)))) {
                    shapes.push(Shape::Nothing);
                    continue;
                }
            }
            let conditions: Vec<_> = decisions.into_iter().flatten().collect();
            shapes.push(Shape::Script(script(item, &rule, &records, &conditions, declared)));
        }
        Ok((shapes, kept))
    }

    /// Which script the server takes, asked once.
    fn header(&mut self, link: &mut dyn Link) -> Result<bool, QueryError> {
        if let Some(declared) = self.declared {
            return Ok(declared);
        }
        let declared = match ask(link, &["EVAL", &format!("{DECLARED}return 1"), "0"])? {
            Reply::Integer(1) => true,
            reply @ Reply::Error(_) => match ask(link, &["EVAL", "return 1", "0"])? {
                Reply::Integer(1) => false,
                _ => return Err(QueryError::Refused { command: "EVAL", reply }),
            },
            reply => return Err(QueryError::Refused { command: "EVAL", reply }),
        };
        self.declared = Some(declared);
        Ok(declared)
    }

    /// Every record that an edit of the batch is about.
    fn read<'a>(
        &self,
        link: &mut dyn Link,
        items: &[Cow<'_, Item<'a>>],
        options: &LookOptions,
    ) -> Result<Records<'a>, QueryError> {
        let mut wanted: Vec<(u32, &'a [u8], &Rule)> = Vec::new();
        let mut records = Records::default();
        for item in items.iter().filter(|item| item.edits_members()) {
            let Some(rule) = self.judge.rule(item.db, item.key()) else { continue };
            for (_, member) in item.parts() {
                if records.insert((item.db, member), (Value::Absent, String::new())).is_none() {
                    wanted.push((item.db, member, rule));
                }
            }
        }
        let mut kinds = vec![String::new(); wanted.len()];
        let mut pipeline = Pipeline::new(link, options.limits, |place: Option<usize>, reply: Reply| {
            let Some(kind) = place.and_then(|place| kinds.get_mut(place)) else { return Ok(()) };
            match reply.as_bytes().map(String::from_utf8_lossy) {
                Some(name) => *kind = name.into_owned(),
                None => return Err(QueryError::Refused { command: "TYPE", reply }),
            }
            Ok(())
        });
        let mut db = options.db;
        for (place, (in_db, record, _)) in wanted.iter().enumerate() {
            if *in_db != db {
                db = *in_db;
                pipeline.push(&["SELECT", &db.to_string()], None)?;
            }
            pipeline.push(&[b"TYPE", *record], Some(place))?;
        }
        pipeline.finish()?;

        let mut pipeline = Pipeline::new(link, options.limits, |place: Option<usize>, reply: Reply| {
            let Some((place, (in_db, record, rule))) = place.and_then(|place| Some((place, wanted.get(place)?))) else {
                return Ok(());
            };
            let kind = kinds.get(place).map(String::as_str).unwrap_or_default();
            records.insert((*in_db, *record), value(kind, &rule.paths, reply)?);
            Ok(())
        });
        for (place, ((in_db, record, rule), kind)) in wanted.iter().zip(&kinds).enumerate() {
            if *in_db != db {
                db = *in_db;
                pipeline.push(&["SELECT", &db.to_string()], None)?;
            }
            let (name, rest): (&[u8], Vec<&[u8]>) = match kind.as_str() {
                "ReJSON-RL" if !rule.paths.is_empty() => {
                    (b"JSON.GET", rule.paths.iter().map(|path| path.as_bytes()).collect())
                }
                "string" => (b"GET", Vec::new()),
                "hash" if !rule.fields.is_empty() => (b"HMGET", rule.fields.iter().map(|field| &field[..]).collect()),
                // What is there to be known is known.
                _ => (b"EXISTS", Vec::new()),
            };
            let args: Vec<&[u8]> = [name, record].into_iter().chain(rest).collect();
            pipeline.push(&args, Some(place))?;
        }
        if db != options.db {
            pipeline.push(&["SELECT", &options.db.to_string()], None)?;
        }
        pipeline.finish()?;
        Ok(records)
    }

    /// For each guarded command, what each of its edits depends on.
    fn judge<'a>(&mut self, items: &[Cow<'_, Item<'a>>], records: &Records<'a>) -> Vec<Option<Vec<Edit>>> {
        let judge = &mut *self.judge;
        let mut one = |item: &Item<'a>| {
            let rule = judge.rule(item.db, item.key()).filter(|_| item.edits_members())?.clone();
            let edits = item.parts().map(|(score, member)| {
                let (value, _) = records.get(&(item.db, member))?;
                let mut implied = judge.implied(&rule, member, value)?;
                implied.retain(|membership| membership.key == item.key());
                // A score that changed since is no reason to write the old one.
                if let Some(score) = score {
                    implied.retain(|membership| number(score) == Some(membership.score));
                }
                Some((item.db, implied))
            });
            Some(edits.map(|implied| Edit { implied }).collect())
        };
        items.iter().map(|item| one(item)).collect()
    }

    /// Deletes keys that still are what the dump had, as far as type and number tell.
    fn deletion(&self, item: &Item<'_>, declared: bool) -> Vec<u8> {
        let mut args: Vec<Vec<u8>> = start(UNLINK, declared, item.keys().len());
        args.extend(item.keys().iter().map(|key| key.to_vec()));
        for key in item.keys() {
            let touched = self.touched.get(&(item.db, *key));
            let kind = touched.map_or("none", |touched| touched.kind.as_str());
            let count = cardinality_command(kind).unwrap_or_default();
            let elements = touched.map_or(0, |touched| touched.elements).to_string();
            args.extend([kind.as_bytes().to_vec(), count.as_bytes().to_vec(), elements.into_bytes()]);
        }
        let mut bytes = Vec::new();
        resp::encode(&args, &mut bytes);
        bytes
    }
}

/// Records by database and key: what they are, and what the script knows that by.
type Records<'a> = HashMap<(u32, &'a [u8]), (Value, String)>;

/// What an edit depends on: the memberships that put its member into its key now; `None` if that cannot be said.
struct Edit {
    implied: Option<(u32, Vec<Membership>)>,
}

impl Edit {
    /// Whether the edit is right now, and on which required records (there, or not there) that rests.
    fn decide(&self, item: &Item<'_>, exist: &HashMap<(u32, Vec<u8>), bool>) -> Option<Conditions> {
        let (db, implied) = self.implied.as_ref()?;
        let there = |key: &Vec<u8>| exist.get(&(*db, key.clone())).copied().unwrap_or_default();
        let fulfilled = implied.iter().find(|membership| membership.require.iter().all(there));
        match (item.verb, fulfilled) {
            (Verb::SAdd | Verb::ZAdd, Some(membership)) => {
                Some(membership.require.iter().map(|key| (key.clone(), true)).collect())
            }
            (Verb::SRem | Verb::ZRem, None) => {
                // Each membership lacks one; that one must still be missing when the edit is made.
                let lacking = implied.iter().filter_map(|membership| membership.require.iter().find(|key| !there(key)));
                Some(lacking.map(|key| (key.clone(), false)).collect())
            }
            _ => None,
        }
    }
}

/// Required records, and whether each must be there when the edit is made.
type Conditions = Vec<(Vec<u8>, bool)>;

/// Which of the required records exist.
fn exist(
    link: &mut dyn Link,
    judged: &[Option<Vec<Edit>>],
    options: &LookOptions,
) -> Result<HashMap<(u32, Vec<u8>), bool>, QueryError> {
    let edits = judged.iter().flatten().flatten().filter_map(|edit| edit.implied.as_ref());
    let all = edits.flat_map(|(db, implied)| {
        implied.iter().flat_map(|membership| &membership.require).map(|key| (*db, key.clone()))
    });
    let mut found: HashMap<(u32, Vec<u8>), bool> = all.map(|key| (key, false)).collect();
    let keys: Vec<(u32, Vec<u8>)> = found.keys().cloned().collect();
    let mut pipeline = Pipeline::new(link, options.limits, |key: Option<(u32, Vec<u8>)>, reply: Reply| {
        let Some(key) = key else { return Ok(()) };
        let Reply::Integer(count) = reply else { return Err(QueryError::Refused { command: "EXISTS", reply }) };
        found.insert(key, count > 0);
        Ok(())
    });
    let mut db = options.db;
    for (in_db, key) in keys {
        if in_db != db {
            db = in_db;
            pipeline.push(&["SELECT", &db.to_string()], None)?;
        }
        pipeline.push(&[&b"EXISTS"[..], &key], Some((in_db, key.clone())))?;
    }
    if db != options.db {
        pipeline.push(&["SELECT", &options.db.to_string()], None)?;
    }
    pipeline.finish()?;
    Ok(found)
}

/// A record, and the text by which the script knows its state.
fn value(kind: &str, paths: &[String], reply: Reply) -> Result<(Value, String), QueryError> {
    let sha1 = |bytes: &[u8]| format!("{kind}:{}", hex(&Sha1::digest(bytes)));
    Ok(match (kind, reply) {
        // It is of another type by now, or of none: the state will not fit, and it is read again.
        (_, Reply::Error(text)) if text.starts_with("WRONGTYPE") => (Value::Other, kind.to_owned()),
        (_, reply @ Reply::Error(_)) => return Err(QueryError::Refused { command: "a look at a record", reply }),
        ("none", _) => (Value::Absent, kind.to_owned()),
        ("ReJSON-RL", Reply::Bulk(text)) => {
            let state = sha1(&in_order(&text, paths));
            (Value::Document(Some(text)), state)
        }
        ("ReJSON-RL", _) => (Value::Document(None), kind.to_owned()),
        ("string", Reply::Bulk(text)) => {
            let state = sha1(&text);
            (Value::Text(text), state)
        }
        ("hash", Reply::Array(replies)) => {
            let values: Vec<Option<Vec<u8>>> =
                replies.iter().map(|reply| reply.as_bytes().map(<[u8]>::to_vec)).collect();
            let mut all = Vec::new();
            for value in &values {
                match value {
                    Some(value) => {
                        all.extend_from_slice(value.len().to_string().as_bytes());
                        all.push(b':');
                        all.extend_from_slice(value);
                    }
                    None => all.push(b'-'),
                }
            }
            let state = sha1(&all);
            (Value::Hash(values), state)
        }
        ("hash", _) => (Value::Hash(Vec::new()), kind.to_owned()),
        _ => (Value::Other, kind.to_owned()),
    })
}

/// What `JSON.GET` answered for each path, one after the other, as if it had been asked for them one by one: for several
/// paths it answers an object whose fields are in an order that changes from call to call.
fn in_order(answer: &[u8], paths: &[String]) -> Vec<u8> {
    if paths.len() == 1 {
        return answer.to_vec();
    }
    let found: HashMap<String, &RawValue> = serde_json::from_slice(answer).unwrap_or_default();
    let texts = paths.iter().filter_map(|path| found.get(path));
    texts.flat_map(|text| text.get().as_bytes()).copied().collect()
}

/// The beginning of an `EVAL`.
fn start(script: &str, declared: bool, keys: usize) -> Vec<Vec<u8>> {
    let script = if declared { format!("{DECLARED}{script}") } else { script.to_owned() };
    vec![b"EVAL".to_vec(), script.into_bytes(), keys.to_string().into_bytes()]
}

fn script(item: &Item<'_>, rule: &Rule, records: &Records<'_>, conditions: &[Conditions], declared: bool) -> Vec<u8> {
    let mut keys: Vec<Vec<u8>> = vec![item.key().to_vec()];
    let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut place = |key: &[u8]| {
        *places.entry(key.to_vec()).or_insert_with(|| {
            keys.push(key.to_vec());
            keys.len()
        })
    };
    let count = |count: usize| count.to_string().into_bytes();
    let mut argv: Vec<Vec<u8>> = vec![item.verb.name().as_bytes().to_vec()];
    argv.push(count(rule.paths.len()));
    argv.extend(rule.paths.iter().map(|path| path.as_bytes().to_vec()));
    argv.push(count(rule.fields.len()));
    argv.extend(rule.fields.iter().cloned());
    for ((score, member), conditions) in item.parts().zip(conditions) {
        let state = records.get(&(item.db, member)).map(|(_, state)| state.clone()).unwrap_or_default();
        argv.extend([member.to_vec(), score.unwrap_or_default().to_vec(), count(place(member)), state.into_bytes()]);
        argv.push(count(conditions.len()));
        for (key, there) in conditions {
            argv.extend([count(place(key)), count(usize::from(*there))]);
        }
    }
    let mut args = start(EDIT, declared, keys.len());
    args.append(&mut keys);
    args.append(&mut argv);
    let mut bytes = Vec::new();
    resp::encode(&args, &mut bytes);
    bytes
}

/// The answers of a script, one for each part; `None` if it is no such list.
pub fn answers(reply: &Reply, parts: usize) -> Option<Vec<i64>> {
    let Reply::Array(items) = reply else { return None };
    let numbers = items.iter().map(|item| if let Reply::Integer(number) = item { Some(*number) } else { None });
    numbers.collect::<Option<Vec<i64>>>().filter(|numbers| numbers.len() == parts)
}
