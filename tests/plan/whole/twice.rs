//! A key that stands in a dump twice.

use super::{Key, NOW, Work, database, dump};
use crate::support::dump_writer::DumpBuilder;

/// Where the second of two records of this name stands, and the first: the type, the length, the name.
fn offsets(dump: &[u8], kind: [u8; 2], name: &str) -> [usize; 2] {
    let find = |kind: u8, from: usize| {
        let wanted = [&[kind, u8::try_from(name.len()).unwrap()][..], name.as_bytes()].concat();
        from + dump[from..].windows(wanted.len()).position(|bytes| bytes == wanted).unwrap()
    };
    let first = find(kind[0], 9);
    [first, find(kind[1], first + 1)]
}

/// Records, index keys, what the spec does not know, the empty name; with one type or with two.
#[test]
fn no_plan_and_both_places() {
    let work = Work::new();
    for name in ["message:7", "idx:project:3", "idx:user:999", "other", "message:new"] {
        for second in [0, 2] {
            let mut file = DumpBuilder::new(11);
            file.server_aux(NOW).select_db(0).string(name, "v");
            for key in database(300).iter().filter(|key| key.name() != name) {
                key.write(&mut file);
            }
            match second {
                0 => file.string(name, "w"),
                _ => file.set(name, &["w", "x"]),
            };
            let bytes = file.string("last", "v").finish();
            let [first, second] = offsets(&bytes, [0, if second == 0 { 0 } else { 20 }], name);
            work.put("dump.rdb", &bytes);
            let (status, said) = work.plan(&["dump.rdb"]);
            let expected = format!("the key {name} of database 0 twice, at offset {first} and at offset {second}");
            assert!(status == Some(1) && said.contains(&expected), "{name} {second}: {said}");
            let (json, said) = work.inventory(&["dump.rdb"]);
            let expected = format!("{name} of database 0 at offset {first} and at offset {second}");
            assert!(json.to_string().contains(&expected) && said.contains(&expected), "{said}");
        }
    }
}

#[test]
fn an_empty_name() {
    let work = Work::new();
    let mut file = DumpBuilder::new(11);
    file.server_aux(NOW).select_db(0);
    let first = file.offset();
    file.string("", "v").string("a", "v");
    let second = file.offset();
    work.put("dump.rdb", file.string("", "w").finish());
    let (status, said) = work.plan(&["dump.rdb", "--accept", "no-match"]);
    assert_eq!(status, Some(1));
    assert!(said.contains(&format!("twice, at offset {first} and at offset {second}")), "{said}");
}

/// In two of many shards, and within one of them: file and offset.
#[test]
fn in_shards() {
    let work = Work::new();
    let keys = database(300);
    let share = |n: usize| keys.iter().enumerate().filter(move |(at, _)| at % 5 == n).map(|(_, key)| key.clone());
    let names = ["0.rdb", "1.rdb", "2.rdb", "3.rdb", "4.rdb"];
    for (n, name) in names.iter().enumerate() {
        // A record of the second one is in the fifth, too.
        let more = (n == 4).then_some(Key::Record(1));
        work.put(name, dump(NOW, share(n).chain(more)));
    }
    let (status, said) = work.plan(&names);
    let place = |name: &str| {
        let bytes = std::fs::read(work.path().join(name)).unwrap();
        // A small hash, the length of the name, the name, and then the value: not the member of a set.
        bytes.windows(11).position(|bytes| bytes == b"\x10\x09message:1").unwrap()
    };
    let (first, second) = (place("1.rdb"), place("4.rdb"));
    let expected = format!("message:1 of database 0 is at offset {first} of 1.rdb and at offset {second} of 4.rdb");
    assert!(status == Some(1) && said.contains(&expected), "{expected}: {said}");

    work.put("4.rdb", dump(NOW, share(4).chain([Key::Record(4)])));
    let (status, said) = work.plan(&names);
    assert!(status == Some(1) && said.contains(" of 4.rdb and at offset "), "{said}");
}

/// Half of the records are gone, or the half of a database: the share is said.
#[test]
fn members_whose_record_is_gone() {
    let work = Work::new();
    let without = |gone: fn(u32) -> bool| {
        dump(NOW, database(1000).into_iter().filter(move |key| !matches!(key, Key::Record(n) if gone(*n))))
    };
    work.put("half.rdb", without(|n| n >= 500));
    let (status, said) = work.plan(&["half.rdb"]);
    assert_eq!(status, Some(0), "{said}");
    assert!(
        said.contains("index project: 500 of 1,000 (50%) of its members name a record that is not in the dump"),
        "{said}"
    );
    // Keys that go as a whole: nothing but their members tells why.
    work.put("wrong.rdb", without(|n| n % 40 < 20));
    let (status, said) = work.plan(&["wrong.rdb"]);
    assert_eq!(status, Some(0), "{said}");
    let expected = "500 of 500 (100%) of its members in keys that are deleted and were looked at name a record";
    assert!(said.contains(expected), "{said}");
    let shown = work.inventory(&["wrong.rdb"]).0.to_string();
    assert!(shown.contains("index.record_missing") && shown.contains("index project: 500 of 500 (100%)"), "{shown}");
    work.put("some.rdb", without(|n| n >= 900));
    assert!(!work.plan(&["some.rdb"]).1.contains("name a record that is not in the dump"));
    // Records that are there and imply another key are not gone.
    let keys = database(1000);
    let moved = keys.iter().map(|key| match key {
        Key::Index(name, _) if name == "idx:project:0" => {
            let all = (0..40).map(|n| format!("idx:project:{n}"));
            let all = all.flat_map(|name| {
                keys.iter().filter_map(move |key| match key {
                    Key::Index(other, members) if *other == name => Some(members.clone()),
                    _ => None,
                })
            });
            Key::Index(name.clone(), all.flatten().collect())
        }
        key => key.clone(),
    });
    work.put("same.rdb", dump(NOW, moved));
    assert!(!work.plan(&["same.rdb"]).1.contains("name a record that is not in the dump"));
}
