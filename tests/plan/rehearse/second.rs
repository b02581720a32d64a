//! The second reader: it finds in real dumps what their servers answered, says where the first one read something else,
//! and counts what it cannot read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rdb_reindex::dump::rdb::{Kind, Walker};
use rdb_reindex::model::spec::Spec;
use rdb_reindex::rehearse::{Entry, Meaning, Model, Name, Second, State, Value, read_again, read_again_as};
use serde_json::Value as Js;

use crate::support::dump_writer::{DumpBuilder, packed};
use crate::support::judges::CORPUS;

/// All keys of `dump` that are sets or sorted sets and begin with an ASCII letter are index keys.
fn spec_for(dump: &[u8]) -> Spec {
    let mut families = BTreeSet::new();
    for record in Walker::new(dump).expect("a dump").records() {
        let record = record.expect("a whole dump");
        let key = record.key.decode(&mut Vec::new()).expect("a name").to_vec();
        if let (Kind::Set | Kind::Zset, Some(first)) = (record.value.ty.kind(), key.first())
            && first.is_ascii_alphanumeric()
        {
            families.insert((record.db, char::from(*first)));
        }
    }
    let mut text = "version = 1\n".to_owned();
    // A spec without an index is none.
    families.insert((0, 'a'));
    let databases: BTreeSet<u64> = families.iter().map(|(db, _)| *db).collect();
    for db in databases {
        text.push_str(&format!("[[record]]\nname = \"{db}\"\nkey = \"no record is named so:*\"\ndb = {db}\n"));
    }
    for (db, first) in families {
        text.push_str(&format!(
            "[[index]]\nname = \"{db}-{first}\"\npolicy = \"report\"\nfrom = \"{db}\"\nkey = \"{first}{{p}}\"\n\
             member = \"{{@key}}\"\n"
        ));
    }
    Spec::parse(&text, "test.toml").unwrap_or_else(|errors| panic!("{}", errors.render(false)))
}

/// Reads every set and sorted set of a dump again, after `change` made something else of what the first reader read.
fn again(dump: &[u8], change: impl FnOnce(&mut State)) -> Second {
    let spec = spec_for(dump);
    let model = Model::read(dump, &spec, Meaning::Absolute).expect("the dump is whole");
    let mut start = model.start().expect("the dump is whole");
    change(&mut start);
    let touched = start.keys().cloned().collect();
    read_again_as(&model, &touched, |name| Ok(start.get(name).cloned())).expect("the dump is whole")
}

fn said(second: &Second) -> Vec<String> {
    second.findings.first.iter().map(ToString::to_string).collect()
}

fn bytes(js: &Js) -> Option<Vec<u8>> {
    let text = |name: &str| js[name].as_str();
    match (text("utf8"), text("base64")) {
        (Some(text), _) => Some(text.as_bytes().to_vec()),
        (_, Some(text)) => Some(BASE64_STANDARD.decode(text).expect("base64")),
        _ => None,
    }
}

/// What a server answered about a set or a sorted set, unless the corpus gives only a hash of it.
fn answered(facts: &Js) -> Option<(Name, Entry)> {
    let value = match facts["type"].as_str() {
        Some("set") => Value::Set(facts["value"].as_array()?.iter().map(bytes).collect::<Option<_>>()?),
        Some("zset") => {
            let pair = |js: &Js| Some((bytes(&js[0])?, js[1].as_str()?.parse().ok()?));
            Value::Zset(facts["value"].as_array()?.iter().map(pair).collect::<Option<_>>()?)
        }
        _ => return None,
    };
    let name = (facts["db"].as_u64().expect("a number"), bytes(&facts["key"])?);
    Some((name, Entry { value, expire_ms: facts["expire_at_ms"].as_i64() }))
}

fn corpus() -> Vec<PathBuf> {
    CORPUS.dumps()
}

/// The answers of the servers take the place of what our parser read, so that nothing of ours is a judge here.
#[test]
fn it_reads_what_the_servers_of_the_corpus_answered() {
    let mut by_type: BTreeMap<u8, u64> = BTreeMap::new();
    let mut unread = BTreeMap::new();
    for path in corpus() {
        let dump = std::fs::read(&path).expect("there");
        let text = std::fs::read_to_string(path.with_extension("json")).expect("there");
        let facts: Js = serde_json::from_str(&text).expect("JSON");
        let answers: BTreeMap<Name, Entry> =
            facts["keys"].as_array().expect("keys").iter().filter_map(answered).collect();
        let second = again(&dump, |start| {
            start.retain(|name, _| answers.contains_key(name));
            start.iter_mut().for_each(|(name, entry)| entry.clone_from(&answers[name]));
        });
        assert_eq!(said(&second), [""; 0], "{}", path.display());
        for (reason, n) in &second.unread {
            *unread.entry(reason.clone()).or_insert(0) += n;
        }
        if second.unread.is_empty() {
            for record in Walker::new(&dump).expect("a dump").records().map(|record| record.expect("whole")) {
                let name = (record.db, record.key.decode(&mut Vec::new()).expect("a name").to_vec());
                if answers.contains_key(&name) {
                    *by_type.entry(record.value.ty.byte()).or_insert(0) += 1;
                }
            }
        }
    }
    if corpus().is_empty() {
        return;
    }
    eprintln!("keys by type: {by_type:?}; not read: {unread:?}");
    // SET, ZSET_2, SET_INTSET, ZSET_LISTPACK, SET_LISTPACK: what servers of version 10 to 12 write.
    assert_eq!(by_type.keys().copied().collect::<Vec<_>>(), [2, 5, 11, 17, 20]);
    assert!(by_type.values().all(|n| *n > 20), "{by_type:?}");
    assert_eq!(unread.keys().collect::<Vec<_>>(), ["the magic of Valkey"]);
}

/// The types of servers before 7.0, by hand: scores as text, and a ziplist.
fn old_types() -> Vec<u8> {
    let mut b = DumpBuilder::new(7);
    b.select_db(0);
    b.key(3, "i:text").len(4);
    for (member, score) in [("a", &b"\x031.5"[..]), ("b", b"\xFE"), ("c", b"\xFF"), ("-7", b"\x04-1e3")] {
        b.put(member).bytes(score);
    }
    // Ziplist of "a", "1.5", 7, 3: total, tail, count; each entry with the length of the one before.
    let entries = b"\x00\x01a\x03\x031.5\x05\xF8\x02\xF4\xFF";
    let mut ziplist = (10 + entries.len() as u32).to_le_bytes().to_vec();
    ziplist.extend_from_slice(&(10 + entries.len() as u32 - 3).to_le_bytes());
    ziplist.extend_from_slice(&4_u16.to_le_bytes());
    ziplist.extend_from_slice(entries);
    b.key(12, "i:ziplist").put(&ziplist);
    b.finish()
}

#[test]
fn it_reads_the_types_of_old_servers() {
    let dump = old_types();
    let zset = |pairs: &[(&str, f64)]| {
        Value::Zset(pairs.iter().map(|(member, score)| (member.as_bytes().to_vec(), *score)).collect())
    };
    let second = again(&dump, |start| {
        let text = &start[&(0, b"i:text".to_vec())];
        let infinity = f64::INFINITY;
        assert_eq!(text.value, zset(&[("a", 1.5), ("b", infinity), ("c", -infinity), ("-7", -1000.0)]));
        assert_eq!(start[&(0, b"i:ziplist".to_vec())].value, zset(&[("a", 1.5), ("7", 3.0)]));
    });
    assert_eq!((said(&second), second.sets, second.sorted_sets), (vec![], 0, 2));
}

/// Sets and sorted sets with and without expiries, in two databases.
fn small() -> Vec<u8> {
    let mut b = DumpBuilder::new(11);
    b.server_aux(1_736_185_500).select_db(0);
    b.set("i:a", &["r:1", "r:2"]).expire_ms(4_102_444_800_000).set("i:b", &["1", "2"]);
    b.select_db(3).idle(70).zset("z:a", &[("x", 1.0), ("y", 2.5)]).string("z:other", "text");
    b.finish()
}

fn set_of<'s>(start: &'s mut State, key: &str) -> &'s mut BTreeSet<Vec<u8>> {
    match start.get_mut(&(0, key.as_bytes().to_vec())).map(|entry| &mut entry.value) {
        Some(Value::Set(members)) => members,
        other => panic!("{other:?}"),
    }
}

type Change = fn(&mut State);

/// Whatever the first reader read wrongly is found, with the name of the key; by hand from the dump above.
#[test]
fn it_finds_what_was_read_otherwise() {
    let none = again(&small(), |_| {});
    assert_eq!((said(&none), none.sets, none.sorted_sets, none.unread.len()), (vec![], 2, 1, 0));
    let cases: [(Change, &str); 6] = [
        (
            |start| _ = set_of(start, "i:a").remove(&b"r:2"[..]),
            r#"second reader, key "i:a": expected nothing of the kind, found member "r:2""#,
        ),
        (
            |start| _ = set_of(start, "i:b").insert(b"3".to_vec()),
            r#"second reader, key "i:b": expected member "3", found nothing of the kind"#,
        ),
        (
            |start| start.get_mut(&(0, b"i:b".to_vec())).expect("there").expire_ms = None,
            r#"second reader, key "i:b": expected no expiry, found expiry at 4102444800000 ms"#,
        ),
        (
            |start| start.get_mut(&(0, b"i:a".to_vec())).expect("there").expire_ms = Some(4_102_444_800_000),
            r#"second reader, key "i:a": expected expiry at 4102444800000 ms, found no expiry"#,
        ),
        (
            |start| {
                let entry = start.get_mut(&(3, b"z:a".to_vec())).expect("there");
                entry.value = Value::Zset([(b"x".to_vec(), 1.0), (b"y".to_vec(), 2.0)].into());
            },
            r#"second reader, key "z:a" of database 3: expected member "y" with score 2, found member "y" with score 2.5"#,
        ),
        (
            |start| {
                let entry = start.get_mut(&(0, b"i:a".to_vec())).expect("there");
                entry.value = Value::Zset([(b"r:1".to_vec(), 1.0)].into());
            },
            r#"second reader, key "i:a": expected zset of 1, found set of 2"#,
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(said(&again(&small(), change)), [expected]);
    }
}

/// Two keys swapped by the first reader: each has the other's name.
#[test]
fn it_reads_the_name_too() {
    let spec = spec_for(&small());
    let dump = small();
    let mut model = Model::read(&dump, &spec, Meaning::Absolute).expect("the dump is whole");
    let (a, b) = ((0, b"i:a".to_vec()), (0, b"i:b".to_vec()));
    let (of_a, of_b) = (model.records[&a].clone(), model.records[&b].clone());
    model.records.insert(a.clone(), of_b);
    model.records.insert(b.clone(), of_a);
    let second = read_again(&model, &[a, b].into()).expect("the dump is whole");
    let expected =
        |a: &str, b: &str| format!(r#"second reader, key "{a}": expected the name "{a}", found the name "{b}""#);
    assert_eq!(said(&second), [expected("i:a", "i:b"), expected("i:b", "i:a")]);
}

#[test]
fn what_it_cannot_read_is_counted() {
    let unread = |dump: &[u8]| {
        let second = again(dump, |_| {});
        assert_eq!(said(&second), [""; 0]);
        (second.read(), second.unread.into_iter().collect::<Vec<_>>())
    };
    let of = |version| {
        let mut b = DumpBuilder::new(version);
        b.select_db(0).set("i:a", &["x"]).zset("i:b", &[("x", 1.0)]).string("k", "v").finish()
    };
    assert_eq!(unread(&of(13)), (2, vec![]));
    assert_eq!(unread(&of(14)), (0, vec![("version 14 of the format".to_owned(), 2)]));
    let valkey = DumpBuilder::valkey(80).select_db(0).set("i:a", &["x"]).finish();
    assert_eq!(unread(&valkey), (0, vec![("the magic of Valkey".to_owned(), 1)]));
    // Unknown types elsewhere are no hindrance: a stream in the form of version 13.
    let beside = DumpBuilder::new(13).select_db(0).key(26, "stream").bytes([0; 15]).set("i:a", &["x"]).finish();
    assert_eq!(unread(&beside), (1, vec![]));
    // SLOT_NUM of Redis Enterprise before a name.
    let enterprise = DumpBuilder::new(12).select_db(0).bytes([121, 9]).set("i:a", &["x"]).set("i:b", &["x"]).finish();
    assert_eq!(unread(&enterprise), (1, vec![("byte 121 before the name".to_owned(), 1)]));
    // And where the slot reads like a name that is longer than the file.
    let enterprise = DumpBuilder::new(12).select_db(0).bytes([121, 63]).set("i:a", &["x"]).finish();
    assert_eq!(unread(&enterprise).0, 0);
    // Facts of KeyDB between an expiry and its key; it reads over them as we do.
    let mut keydb = DumpBuilder::new(9);
    keydb.select_db(0).expire_ms(4_102_444_800_000).aux("mvcc-tstamp", "1").set("i:a", &["x"]);
    assert_eq!(unread(&keydb.finish()), (1, vec![]));
}

/// A ziplist of 32,768 members says 65535 for "count yourself", which version 0.4 takes for the count.
#[test]
fn a_long_ziplist_is_not_taken_for_damaged() {
    let n = 32_768_u32;
    let mut entries = Vec::new();
    let mut before = 0_usize;
    for member in 0..n {
        for text in [format!("m{member:05}"), "1".to_owned()] {
            let mut entry = vec![before as u8];
            if text == "1" {
                entry.push(0xF2);
            } else {
                entry.push(text.len() as u8);
                entry.extend_from_slice(text.as_bytes());
            }
            before = entry.len();
            entries.extend_from_slice(&entry);
        }
    }
    let mut ziplist = (11 + entries.len() as u32).to_le_bytes().to_vec();
    ziplist.extend_from_slice(&(10 + entries.len() as u32 - 2).to_le_bytes());
    ziplist.extend_from_slice(&u16::MAX.to_le_bytes());
    ziplist.extend_from_slice(&entries);
    ziplist.push(0xFF);
    let dump = DumpBuilder::new(9).select_db(0).compression(false).key(12, "i:a").put(&ziplist).finish();
    let second = again(&dump, |start| assert_eq!(start[&(0, b"i:a".to_vec())].value.elements(), u64::from(n)));
    assert_eq!(said(&second), [""; 0]);
    assert_eq!(second.unread.into_iter().collect::<Vec<_>>(), [("a ziplist of more than 65534 entries".to_owned(), 1)]);
}

/// Dumps with flipped bytes: whatever our reader still takes, the other one reads in the same way or is said to refuse;
/// neither it nor we panic.
#[test]
fn damaged_values_end_in_words() {
    let whole = {
        let mut b = DumpBuilder::new(11);
        b.select_db(0);
        let names: Vec<String> = (0..20).map(|n| format!("member number {n}")).collect();
        b.key(2, "i:set").len(names.len() as u64);
        names.iter().for_each(|name| _ = b.put(name));
        b.key(20, "i:listpack").put(packed::listpack(&[
            "a",
            "4095",
            "-70000",
            "a text that is longer than the others",
        ]));
        b.set("i:intset", &["1", "70000", "-3"]).zset("i:zset", &[("a", 1.5), ("b", -3.0), ("70000", 1e300)]);
        b.key(5, "i:zset2").len(1).put("m").bytes(2.5_f64.to_le_bytes());
        b.key(3, "i:text").len(1).put("m").bytes([3]).bytes("2.5");
        b.finish_without_checksum()
    };
    let mut taken = 0;
    for at in 11..whole.len() - 9 {
        for byte in [whole[at] ^ 1, whole[at] ^ 0x80, whole[at].wrapping_add(1), 0xFF] {
            let mut dump = whole.clone();
            dump[at] = byte;
            let records: Result<Vec<_>, _> = Walker::new(&dump).expect("the header is whole").records().collect();
            let Ok(records) = records else { continue };
            if records.iter().any(|record| record.key.decode(&mut Vec::new()).is_err()) {
                continue;
            }
            let spec = spec_for(&dump);
            let Ok(model) = Model::read(&dump, &spec, Meaning::Absolute) else { continue };
            if let Ok(start) = model.start() {
                taken += 1;
                let touched = start.keys().cloned().collect();
                let second = read_again(&model, &touched).expect("it was read before");
                assert_eq!(said(&second), [""; 0], "{byte:#04x} at {at}");
            }
        }
    }
    assert!(taken > 300, "{taken} dumps were taken");
}

fn program(args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_rdb-reindex")).args(args).output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn on_the_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let rehearse = |dump: &str, spec: Option<&str>| {
        let plan = path("plan");
        let _ = std::fs::remove_dir_all(&plan);
        let spec: Vec<&str> = spec.into_iter().flat_map(|spec| ["--spec", spec]).collect();
        let planned = program(&[&["plan", dump, "--out", &plan][..], &spec].concat());
        assert_eq!(planned.0, Some(0), "{}", planned.2);
        program(&["rehearse", &plan, dump])
    };
    // fixtures/README.md: of the wrong `project` keys 1,836 are sets and 32 sorted sets; then the sets of two retired indexes,
    // 2,040 and 2,008, those of three projects, and the list of projects.
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/discord-analytics.rdb");
    let (status, text, _) = rehearse(fixture, None);
    assert_eq!(status, Some(0), "{text}");
    let line = "\n  proven  by a second reader, the crate rdb 0.4: 5888 sets and 32 sorted sets compared, ";
    assert!(text.contains(line), "{text}");

    let spec = path("spec.toml");
    let rules = "version = 1\n[[record]]\nname = \"r\"\nkey = \"r:*\"\n[[index]]\nname = \"i\"\npolicy = \"maintain\"\n\
                 from = \"r\"\nkey = \"i:{p}\"\nmember = \"{@key}\"\n";
    std::fs::write(&spec, rules).expect("written");
    let dump = path("dump.rdb");
    let make = |version: u32, build: fn(&mut DumpBuilder)| {
        let mut b = DumpBuilder::new(version);
        b.server_aux(1_736_185_500).select_db(0).string("r:1", r#"{"p":"a"}"#);
        build(&mut b);
        std::fs::write(&dump, b.finish()).expect("written");
    };
    make(14, |b| _ = b.set("i:a", &["r:1", "r:2"]));
    let (status, text, _) = rehearse(&dump, Some(&spec));
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("\n  unread  by a second reader"), "{text}");
    assert!(text.contains("\n    1 key that it cannot read: version 14 of the format\n"), "{text}");

    // Seconds are 32 bits with a sign to every server, and without one to the other reader: -1000 ms, or a time in 2106.
    make(9, |b| _ = b.bytes([253]).bytes((-1_i32).to_le_bytes()).set("i:a", &["r:1", "r:2"]));
    let (status, text, error) = rehearse(&dump, Some(&spec));
    assert_eq!(status, Some(5), "{text}{error}");
    let line = "    second reader, key \"i:a\": expected no expiry, found expiry at 4294967295000 ms\n";
    assert!(text.contains("\n  WRONG   by a second reader") && text.contains(line), "{text}");
    assert!(error.contains("the plan failed its rehearsal: 1 problem"), "{error}");
}
