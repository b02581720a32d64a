//! Records as they are on the server, and the states by which a script knows them.

use std::collections::HashMap;

use serde_json::value::RawValue;
use sha1::{Digest as _, Sha1};

use super::super::link::{Link, Reply};
use super::Rule;
use crate::bundle::hex;
use crate::replay::look::query::{LookOptions, QueryError, ask_all};

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

/// Records by database and key: what they are, and what the script knows that by.
pub(super) type Records<'a> = HashMap<(u32, &'a [u8]), (Value, String)>;

/// Reads records, each by the rule of the index that it is asked for.
pub(super) fn read<'a>(
    link: &mut dyn Link,
    wanted: &[(u32, &'a [u8], &Rule)],
    options: &LookOptions,
) -> Result<Records<'a>, QueryError> {
    let questions = wanted.iter().map(|(db, record, _)| (*db, vec![&b"TYPE"[..], record]));
    let mut kinds = Vec::with_capacity(wanted.len());
    for reply in ask_all(link, options, questions)? {
        match reply.as_bytes().map(String::from_utf8_lossy) {
            Some(name) => kinds.push(name.into_owned()),
            None => return Err(QueryError::Refused { command: "TYPE", reply }),
        }
    }
    let questions = wanted.iter().zip(&kinds).map(|((db, record, rule), kind)| {
        let (name, rest): (&[u8], Vec<&[u8]>) = match kind.as_str() {
            "ReJSON-RL" if !rule.paths.is_empty() => {
                (b"JSON.GET", rule.paths.iter().map(|path| path.as_bytes()).collect())
            }
            "string" => (b"GET", Vec::new()),
            "hash" if !rule.fields.is_empty() => (b"HMGET", rule.fields.iter().map(|field| &field[..]).collect()),
            // What is there to be known is known.
            _ => (b"EXISTS", Vec::new()),
        };
        (*db, [name, record].into_iter().chain(rest).collect())
    });
    let replies = ask_all(link, options, questions)?;
    let mut records = Records::default();
    for (((db, record, rule), kind), reply) in wanted.iter().zip(&kinds).zip(replies) {
        records.insert((*db, *record), value(kind, &rule.paths, reply)?);
    }
    Ok(records)
}

/// A record, and the text by which the script knows its state.
fn value(kind: &str, paths: &[String], reply: Reply) -> Result<(Value, String), QueryError> {
    let sha1 = |bytes: &[u8]| format!("{kind}:{}", hex(&Sha1::digest(bytes)));
    Ok(match (kind, reply) {
        // It is of another type by now, or of none: the state will not fit, and it is read again.
        (_, Reply::Error(error)) if error.is_wrong_type() => (Value::Other, kind.to_owned()),
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
