//! The scripts of a guard, and what calls them.

use std::collections::HashMap;

use super::content::Content;
use super::known::Known;
use super::prune::{self, Pruning};
use super::record::Records;
use super::{Decision, Rule};
use crate::bundle::resp;
use crate::replay::script::Verb;
use crate::replay::script::item::Item;
use crate::replay::script::was::Was;

/// Upstash locks everything for a script that does not say that it declares its keys. Redis knows no such flag.
pub(super) const DECLARED: &str = "#!lua flags=allow-key-locking\n";

/// The texts as a server gets them: without comments, which would go with each command.
#[derive(Debug)]
pub(super) struct Scripts {
    edit: String,
    unlink: String,
    make: String,
    expire: String,
    value: String,
    prune: String,
}

impl Scripts {
    /// `declared` where the server takes [`DECLARED`].
    pub fn new(declared: bool) -> Self {
        let script = |texts: &[&str]| {
            let mut script = if declared { DECLARED.to_owned() } else { String::new() };
            let lines = texts.iter().flat_map(|text| text.lines()).map(str::trim_start);
            for line in lines.filter(|line| !line.is_empty() && !line.starts_with("--")) {
                script.push_str(line);
                script.push('\n');
            }
            script
        };
        let content = include_str!("content.lua");
        Self {
            edit: script(&[include_str!("edit.lua")]),
            unlink: script(&[content, include_str!("unlink.lua")]),
            make: script(&[include_str!("make.lua")]),
            expire: script(&[content, include_str!("expire.lua")]),
            value: script(&[include_str!("value.lua")]),
            prune: script(&[content, include_str!("prune.lua")]),
        }
    }

    /// Deletes those keys that hold what they held.
    pub fn unlink(&self, item: &Item<'_>, contents: &[Option<Content<'_>>]) -> Vec<u8> {
        let keys = item.keys().iter().map(|key| key.to_vec()).collect();
        let args = contents.iter().flat_map(|content| Content::arguments(content.as_ref())).collect();
        call(&self.unlink, keys, args)
    }

    /// Makes a key, or a piece of it, unless there is one that somebody else made.
    pub fn make(&self, item: &Item<'_>, known: &Known<'_>) -> Vec<u8> {
        let mut args = vec![item.verb.name().as_bytes().to_vec(), known.before(item.number).to_vec()];
        args.extend(item.args.iter().skip(2).map(|arg| arg.to_vec()));
        call(&self.make, vec![item.key().to_vec()], args)
    }

    /// Lets a key expire that holds what was made.
    pub fn expire(&self, item: &Item<'_>, content: Option<&Content<'_>>) -> Vec<u8> {
        let at = item.args.get(2).copied().unwrap_or_default().to_vec();
        let args = [at].into_iter().chain(Content::arguments(content)).collect();
        call(&self.expire, vec![item.key().to_vec()], args)
    }

    /// Edits fields of a hash, or a string, each only where it is what it must be ([`Item::was`]).
    pub fn value(&self, item: &Item<'_>) -> Vec<u8> {
        let mut args = vec![item.verb.name().as_bytes().to_vec()];
        for (at, (with, part)) in item.parts().enumerate() {
            let (must, was): (&str, &[u8]) = match item.was(at) {
                Was::Any | Was::List(_) => ("any", b""),
                Was::Absent => ("absent", b""),
                Was::Is(value) => ("is", value),
                Was::AbsentOr(value) => ("either", value),
            };
            let (field, value) = match item.verb {
                Verb::SetChanged => (&b""[..], part),
                _ => (part, with.unwrap_or_default()),
            };
            args.extend([must.as_bytes().to_vec(), was.to_vec(), field.to_vec(), value.to_vec()]);
        }
        call(&self.value, vec![item.key().to_vec()], args)
    }

    /// Takes entries away, each only if nothing of what it names is there.
    pub fn prune(&self, commands: &[&Pruning<'_>]) -> Vec<u8> {
        let (keys, args) = prune::arguments(commands);
        call(&self.prune, keys, args)
    }

    /// Makes the edits of a command, each on its conditions.
    pub fn edit(&self, item: &Item<'_>, rule: &Rule, records: &Records<'_>, decisions: &[Decision<'_>]) -> Vec<u8> {
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
        for ((score, member), decision) in item.parts().zip(decisions) {
            let state = records.get(&(item.db, member)).map(|(_, state)| state.as_str());
            let state = state.filter(|_| decision.on_record);
            let record = state.map_or(0, |_| place(member));
            argv.extend([member.to_vec(), score.unwrap_or_default().to_vec(), decision.score.to_vec()]);
            argv.extend([count(record), state.unwrap_or_default().as_bytes().to_vec()]);
            argv.push(count(decision.require.len()));
            for (key, there) in &decision.require {
                argv.extend([count(place(key)), count(usize::from(*there))]);
            }
        }
        call(&self.edit, keys, argv)
    }
}

fn call(script: &str, keys: Vec<Vec<u8>>, args: Vec<Vec<u8>>) -> Vec<u8> {
    let count = keys.len().to_string().into_bytes();
    let all: Vec<Vec<u8>> =
        [b"EVAL".to_vec(), script.as_bytes().to_vec(), count].into_iter().chain(keys).chain(args).collect();
    let mut bytes = Vec::new();
    resp::encode(&all, &mut bytes);
    bytes
}
