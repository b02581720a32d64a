//! Fields and members that stand twice in one value, in every encoding: what real servers make of them, and that the plan
//! and its proof make the same of them.

use rdb_reindex::bundle::manifest::Manifest;
use rdb_reindex::bundle::resp::CommandReader;
use rdb_reindex::rehearse::{Files, Meaning, Model, check_manifest, prove, read_again};

use super::agree::{CAPS, agree_on_dump, lifted, planned, random_dump_with_members_twice};
use crate::support::dump_writer::{DumpBuilder, packed};
use crate::support::server::{Program, Server};

const SPEC: &str = r#"
version = 1
[[record]]
name = "r"
key = "r:*"
[[index]]
name = "i"
policy = "maintain"
from = "r"
key = "i:{p}"
member = "{@key}"
[[index]]
name = "z"
policy = "maintain"
type = "zset"
from = "r"
key = "z:{p}"
member = "{@key}"
score = "{s}"
[[index]]
name = "old"
policy = "retire"
from = "r"
key = "old:{p}"
"#;

/// A ziplist of short texts: length of the entry before, own length, bytes.
fn ziplist(texts: &[&str]) -> Vec<u8> {
    let (mut entries, mut before) = (Vec::new(), 0);
    for text in texts {
        entries.extend_from_slice(&[before, text.len() as u8]);
        entries.extend_from_slice(text.as_bytes());
        before = 2 + text.len() as u8;
    }
    let mut out = (11 + entries.len() as u32).to_le_bytes().to_vec();
    out.extend_from_slice(&(10 + entries.len() as u32 - u32::from(before)).to_le_bytes());
    out.extend_from_slice(&(texts.len() as u16).to_le_bytes());
    out.extend_from_slice(&entries);
    out.push(0xFF);
    out
}

/// A zipmap: number of pairs; length and bytes of a field; length, unused bytes and bytes of its value.
fn zipmap(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut out = vec![pairs.len() as u8];
    for (field, value) in pairs {
        out.push(field.len() as u8);
        out.extend_from_slice(field.as_bytes());
        out.extend_from_slice(&[value.len() as u8, 0]);
        out.extend_from_slice(value.as_bytes());
    }
    out.push(0xFF);
    out
}

/// The type bytes of hashes, sets and sorted sets. An intset with a number twice is damaged: its order is part of the form.
const HASHES: [u8; 6] = [4, 9, 13, 16, 24, 25];
const SETS: [u8; 2] = [2, 20];
const ZSETS: [u8; 4] = [3, 5, 12, 17];

fn hash(b: &mut DumpBuilder, ty: u8, key: &str, pairs: &[(&str, &str)]) {
    let flat: Vec<&str> = pairs.iter().flat_map(|(field, value)| [*field, *value]).collect();
    b.key(ty, key);
    match ty {
        4 => {
            b.len(pairs.len() as u64);
            flat.iter().for_each(|text| _ = b.put(text));
        }
        9 => _ = b.put(zipmap(pairs)),
        13 => _ = b.put(ziplist(&flat)),
        16 => _ = b.put(packed::listpack(&flat)),
        24 => {
            b.bytes([0; 8]).len(pairs.len() as u64);
            pairs.iter().for_each(|(field, value)| _ = b.len(0).put(field).put(value));
        }
        _ => {
            let triples: Vec<&str> = pairs.iter().flat_map(|(field, value)| [*field, *value, "0"]).collect();
            b.bytes([0; 8]).put(packed::listpack(&triples));
        }
    }
}

fn set(b: &mut DumpBuilder, ty: u8, key: &str, members: &[&str]) {
    b.key(ty, key);
    if ty == 20 {
        b.put(packed::listpack(members));
        return;
    }
    b.len(members.len() as u64);
    members.iter().for_each(|member| _ = b.put(member));
}

/// Scores are of one digit.
fn zset(b: &mut DumpBuilder, ty: u8, key: &str, members: &[(&str, u8)]) {
    let texts: Vec<String> = members.iter().flat_map(|(m, score)| [(*m).to_owned(), score.to_string()]).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    b.key(ty, key);
    match ty {
        12 => _ = b.put(ziplist(&texts)),
        17 => _ = b.put(packed::listpack(&texts)),
        _ => {
            b.len(members.len() as u64);
            for (member, score) in members {
                b.put(member);
                if ty == 3 {
                    b.bytes([1, b'0' + score])
                } else {
                    b.bytes(f64::from(*score).to_le_bytes())
                };
            }
        }
    }
}

fn dump(build: impl FnOnce(&mut DumpBuilder)) -> Vec<u8> {
    let mut b = DumpBuilder::new(12);
    b.server_aux(1_736_185_500).select_db(0);
    build(&mut b);
    b.finish()
}

fn lines(file: &[u8]) -> Vec<String> {
    let mut reader = CommandReader::new(file);
    let mut lines = Vec::new();
    while let Some(command) = reader.next_command().expect("commands") {
        lines.push(command.args.iter().map(|arg| String::from_utf8_lossy(arg)).collect::<Vec<_>>().join(" "));
    }
    lines
}

/// The plan, forth and back, after it was proven.
fn proven(about: &str, dump: &[u8]) -> (Vec<String>, Vec<String>, Manifest) {
    // Brakes are another matter.
    let spec = lifted(SPEC);
    let (manifest, apply, rollback) = planned(dump, &spec, CAPS).expect("no brake refuses it");
    let model = Model::read(dump, &spec, Meaning::Careful).expect("the dump is whole");
    let mut proof = prove(&model, Files::new(&manifest, &apply, &rollback)).expect("the dump is whole");
    check_manifest(&model, &manifest, &mut proof).expect("the dump is whole");
    assert_eq!(proof.findings.first, [], "{about}");
    let second = read_again(&model, &proof.apply.touched).expect("the dump is whole");
    assert_eq!((second.findings.first.as_slice(), second.unread.len()), (&[][..], 0), "{about}");
    (lines(&apply), lines(&rollback), manifest)
}

/// The first of two fields says where a record belongs.
#[test]
fn a_field_twice() {
    for ty in HASHES {
        let dump = dump(|b| {
            hash(b, ty, "r:1", &[("p", "a"), ("p", "b"), ("s", "1")]);
            b.set("i:a", &["r:1"]).set("i:b", &["r:1", "r:2"]).zset("z:a", &[("r:1", 1.0)]);
        });
        let (apply, rollback, _) = proven(&format!("type {ty}"), &dump);
        assert_eq!(apply, ["UNLINK i:b"], "type {ty}");
        assert_eq!(rollback, ["SADD i:b r:1 r:2"], "type {ty}");
    }
}

/// An index key with a right or a stale member twice is left as it is, whatever else is wrong with it; others are not.
#[test]
fn a_member_twice() {
    for (ty, members) in SETS.into_iter().flat_map(|ty| {
        [vec!["r:1", "r:1", "x"], vec!["r:1", "x", "y", "x"], vec!["x", "x"], vec!["x", "y", "x", "r:2", "r:2"]]
            .map(|members| (ty, members))
    }) {
        let about = format!("type {ty}, {members:?}");
        let dump = dump(|b| {
            b.string("r:1", r#"{"p":"a","s":1}"#)
                .string("r:2", r#"{"p":"a","s":1}"#)
                .string("r:3", r#"{"p":"b","s":1}"#);
            set(b, ty, "i:a", &members);
            b.set("i:b", &["r:3", "x"]).zset("z:a", &[("r:1", 1.0), ("r:2", 1.0)]).zset("z:b", &[("r:3", 1.0)]);
        });
        let (apply, rollback, manifest) = proven(&about, &dump);
        assert_eq!((apply, rollback), (vec!["SREM i:b x".to_owned()], vec!["SADD i:b x".to_owned()]), "{about}");
        let said = manifest.warnings.iter().any(|warning| warning.contains("the same member twice"));
        assert!(said, "{about}: {:?}", manifest.warnings);
    }
    for (ty, members) in ZSETS.into_iter().flat_map(|ty| {
        [vec![("r:1", 1), ("r:1", 2)], vec![("r:1", 2), ("r:1", 1)], vec![("r:1", 1), ("x", 1), ("x", 2)]]
            .map(|members| (ty, members))
    }) {
        let about = format!("type {ty}, {members:?}");
        let dump = dump(|b| {
            b.string("r:1", r#"{"p":"a","s":1}"#).string("r:2", r#"{"p":"a","s":2}"#);
            zset(b, ty, "z:a", &members);
            b.set("i:a", &["r:1", "r:2"]);
        });
        let (apply, rollback, _) = proven(&about, &dump);
        assert_eq!((apply, rollback), (vec![], vec![]), "{about}");
    }
}

/// Keys that are deleted: the way back names each member once, and what `SCARD` and the like answer is counted as a server
/// counts it.
#[test]
fn a_deleted_key_with_a_member_twice() {
    let record = |b: &mut DumpBuilder| {
        b.string("r:1", r#"{"p":"a","s":1}"#).set("i:a", &["r:1"]).zset("z:a", &[("r:1", 1.0)]);
    };
    let check = |about: String, build: &dyn Fn(&mut DumpBuilder), back: &str, elements: u64| {
        let dump = dump(|b| {
            record(b);
            build(b);
        });
        let (apply, rollback, manifest) = proven(&about, &dump);
        assert_eq!((apply, rollback), (vec!["UNLINK old:x".to_owned()], vec![back.to_owned()]), "{about}");
        assert_eq!(manifest.touched[0].elements, elements, "{about}");
    };
    for ty in SETS {
        check(format!("type {ty}"), &|b| set(b, ty, "old:x", &["x", "y", "x", "x"]), "SADD old:x x y", 4);
    }
    for ty in ZSETS {
        check(format!("type {ty}"), &|b| zset(b, ty, "old:x", &[("x", 1), ("x", 2)]), "ZADD old:x 1 x", 2);
    }
    for ty in HASHES {
        let fields = [("f", "v"), ("g", "1"), ("f", "w")];
        check(format!("type {ty}"), &|b| hash(b, ty, "old:x", &fields), "HSET old:x f v g 1", 3);
    }
    // With an expiry of its own: of both fields, in a listpack with times.
    let later = "4102444800000";
    let triples = packed::listpack(&["f", "v", later, "f", "w", "4102444800001"]);
    let dump = dump(|b| {
        record(b);
        b.key(25, "old:x").bytes(4_102_444_800_000_i64.to_le_bytes()).put(&triples);
    });
    let rollback = proven("expiries", &dump).1;
    assert_eq!(rollback, ["HSET old:x f v", "HPEXPIREAT old:x 4102444800000 FIELDS 1 f"]);
}

/// Among states that nobody thought of, too.
#[test]
fn random_states_with_members_twice() {
    for seed in 1..=200 {
        let dump = random_dump_with_members_twice(seed, 10 + (seed % 2) as u32);
        agree_on_dump(&dump, super::agree::SPEC, seed, CAPS);
    }
}

/// Why the first counts, and why such an index key is left alone: compact forms are loaded as they are, the first answers,
/// and to remove a member uncovers the second. Tables are refused.
#[test]
fn what_servers_make_of_it() {
    for (program, ty) in [(Program::Redis70, 16), (Program::Redis82, 16), (Program::Redis82, 25)] {
        let bytes = dump_of(if ty == 25 { 12 } else { 10 }, |b| hash(b, ty, "h", &[("p", "a"), ("p", "b")]));
        let Some(server) = Server::builder().program(program).dump_bytes(bytes).start() else { continue };
        let ask = |args: &[&str]| server.query::<String>(args);
        assert_eq!((ask(&["HGET", "h", "p"]), ask(&["HLEN", "h"])), ("a".to_owned(), "2".to_owned()), "type {ty}");
        assert_eq!((ask(&["HDEL", "h", "p"]), ask(&["HGET", "h", "p"])), ("1".to_owned(), "b".to_owned()), "type {ty}");
    }
    for program in [Program::Redis70, Program::Redis82] {
        let bytes = dump_of(10, |b| zset(b, 17, "z", &[("x", 1), ("x", 2)]));
        let Some(server) = Server::builder().program(program).dump_bytes(bytes).start() else { continue };
        let ask = |args: &[&str]| server.query::<String>(args);
        assert_eq!((ask(&["ZSCORE", "z", "x"]), ask(&["ZCARD", "z"])), ("1".to_owned(), "2".to_owned()));
        assert_eq!((ask(&["ZREM", "z", "x"]), ask(&["ZSCORE", "z", "x"])), ("1".to_owned(), "2".to_owned()));
        let bytes = dump_of(10, |b| set(b, 2, "s", &["x", "x"]));
        let refused = Server::builder().program(program).dump_bytes(bytes).try_start().expect("it is installed");
        assert!(refused.is_err_and(|log| log.contains("Duplicate set members detected")));
    }
}

fn dump_of(version: u32, build: impl FnOnce(&mut DumpBuilder)) -> Vec<u8> {
    let mut b = DumpBuilder::new(version);
    b.select_db(0);
    build(&mut b);
    b.finish()
}
