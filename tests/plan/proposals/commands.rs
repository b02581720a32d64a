//! The commands of a plan, read and run without the program.

use std::collections::BTreeMap;

use super::state::{Content, Key, State, latin};

/// The words of a command, as Latin-1.
pub type Words = Vec<String>;

/// The arrays of bulk strings of a RESP file.
pub fn read(mut resp: &[u8]) -> Vec<Words> {
    fn line(resp: &mut &[u8]) -> String {
        let at = resp.windows(2).position(|two| two == b"\r\n").expect("a line");
        let line = latin(&resp[..at]);
        *resp = &resp[at + 2..];
        line
    }
    let mut out = Vec::new();
    while !resp.is_empty() {
        let count: usize = line(&mut resp).strip_prefix('*').expect("an array").parse().expect("a number");
        let words = (0..count).map(|_| {
            let length: usize = line(&mut resp).strip_prefix('$').expect("a string").parse().expect("a number");
            let word = latin(&resp[..length]);
            resp = &resp[length + 2..];
            word
        });
        out.push(words.collect());
    }
    out
}

/// The keys that a command names.
pub fn keys(words: &Words) -> &[String] {
    match words[0].as_str() {
        "SELECT" => &[],
        "UNLINK" => &words[1..],
        _ => &words[1..2],
    }
}

/// How many elements the commands edit, a deleted key being one.
pub fn edits(commands: &[Words]) -> usize {
    let edits = |words: &Words| match words[0].as_str() {
        "SELECT" => 0,
        "UNLINK" => words.len() - 1,
        "SADD" | "SREM" | "ZREM" | "HDEL" => words.len() - 2,
        "ZADD" | "HSET" => (words.len() - 2) / 2,
        _ => 1,
    };
    commands.iter().map(edits).sum()
}

/// A command on a line, not too long.
pub fn show(words: &Words) -> String {
    let line: String = words.join(" ").chars().take(160).collect();
    line.escape_debug().to_string()
}

/// What a server would hold after these commands.
pub fn run(before: &State, commands: &[Words]) -> State {
    let mut state = before.clone();
    let mut db = 0;
    for words in commands {
        let (name, rest) = (words[0].as_str(), words.get(2..).unwrap_or_default());
        match name {
            "SELECT" => db = words[1].parse().expect("a database"),
            "UNLINK" => words[1..].iter().for_each(|key| drop(state.remove(&(db, key.clone())))),
            _ => {
                let place = (db, words[1].clone());
                let key = state.entry(place.clone()).or_insert_with(|| Key { content: empty(name), expires: false });
                edit(name, &mut key.content, rest);
                if key.content.is_empty() {
                    state.remove(&place);
                }
            }
        }
    }
    state
}

fn empty(name: &str) -> Content {
    match name {
        "SADD" | "SREM" => Content::Set(Default::default()),
        "ZADD" | "ZREM" => Content::Zset(BTreeMap::new()),
        "HSET" | "HDEL" => Content::Hash(BTreeMap::new()),
        "SET" => Content::Text(String::new()),
        other => panic!("{other} of a key that is not there"),
    }
}

fn edit(name: &str, content: &mut Content, rest: &[String]) {
    match (name, content) {
        ("SADD", Content::Set(set)) => set.extend(rest.iter().cloned()),
        ("SREM", Content::Set(set)) => set.retain(|member| !rest.contains(member)),
        ("ZADD", Content::Zset(zset)) => {
            zset.extend(rest.chunks(2).map(|pair| (pair[1].clone(), pair[0].parse().expect("a score"))));
        }
        ("ZREM", Content::Zset(zset)) => zset.retain(|member, _| !rest.contains(member)),
        ("HSET", Content::Hash(hash)) => {
            hash.extend(rest.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())));
        }
        ("HDEL", Content::Hash(hash)) => hash.retain(|field, _| !rest.contains(field)),
        ("SET", Content::Text(text)) => text.clone_from(&rest[0]),
        ("LREM", Content::List(list)) => {
            assert_eq!(rest[0], "0", "all that are equal");
            list.retain(|element| *element != rest[1]);
        }
        (name, content) => panic!("{name} of a {}", content.kind()),
    }
}
