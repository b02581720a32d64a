//! Dumps made by hand, for what a server does not write on demand.

use serde_json::json;

use super::{Dumps, bytes};
use crate::support::dump_writer::DumpBuilder;

/// 2025-01-06T17:45:00Z, from `date -u -d … +%s`.
const CTIME: u64 = 1_736_185_500;

fn dump(ctime: u64, fill: impl FnOnce(&mut DumpBuilder)) -> Vec<u8> {
    let mut dump = DumpBuilder::new(11);
    dump.server_aux(ctime).select_db(0);
    fill(&mut dump);
    dump.finish()
}

fn changes(old: &[u8], new: &[u8], args: &[&str]) -> Vec<(String, String)> {
    let rows = Dumps::new(old, new).rows(&[&["--table", "keys"], args].concat());
    rows.iter()
        .map(|row| (row["key"].as_str().unwrap().to_owned(), row["change"].as_str().unwrap().to_owned()))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(key, change)| ((*key).to_owned(), (*change).to_owned())).collect()
}

#[test]
fn what_had_expired_or_is_empty_is_not_there() {
    let now = CTIME as i64 * 1000;
    let old = dump(CTIME, |dump| {
        dump.expire_ms(now).string("gone", "x").expire_ms(now + 1).string("soon", "x");
        dump.raw(2, "empty", [0]).string("stays", "x");
    });
    let new = dump(CTIME + 60, |dump| {
        dump.expire_ms(now + 60_000).string("gone", "x").expire_ms(now + 1).string("soon", "x");
        dump.string("stays", "x");
    });
    assert_eq!(changes(&old, &new, &[]), pairs(&[("soon", "removed")]));
    let report = Dumps::new(&old, &new).json(&[]);
    assert_eq!((&report["old"]["expired_keys"], &report["old"]["empty_keys"]), (&json!(1), &json!(1)));
    assert_eq!(report["new"]["expired_keys"], 2);
    assert_eq!((&report["keys"]["keys_before"], &report["keys"]["keys_after"]), (&json!(2), &json!(1)));
}

#[test]
fn an_expiry_that_is_no_time_is_not_compared_until_somebody_says_what_it_is() {
    // An hour and ten minutes were left; ten minutes later, an hour. "b" was given another hour.
    let old = dump(CTIME, |dump| {
        dump.expire_ms(4_200_000).string("a", "x").expire_ms(4_200_000).string("b", "x");
    });
    let new = dump(CTIME + 600, |dump| {
        dump.expire_ms(3_600_000).string("a", "x").expire_ms(7_200_000).string("b", "x");
    });
    assert_eq!(changes(&old, &new, &[]), []);
    assert_eq!(changes(&old, &new, &["--expiry", "relative"]), pairs(&[("b", "expiry")]));
    let output = Dumps::new(&old, &new).command(&[]).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("--expiry relative"));
}

#[test]
fn the_form_of_a_document_is_not_its_content() {
    // The same document as text of RedisJSON 2 and with white space, and as a string that only looks like it.
    let text = r#"{"a":[1,2],"b":"x"}"#;
    let spaced = "{ \"a\" : [1, 2],\n\"b\":\"x\" }";
    let old = dump(CTIME, |dump| {
        dump.json("same", text).json("other", text).json("kind", text);
    });
    let new = dump(CTIME, |dump| {
        dump.json("same", spaced).json("other", r#"{"a":[1,2],"b":"y"}"#).string("kind", text);
    });
    assert_eq!(changes(&old, &new, &[]), pairs(&[("other", "content"), ("kind", "type")]));
}

#[test]
fn a_name_that_comes_twice_counts_once() {
    let old = dump(CTIME, |dump| {
        dump.string("k", "1").string("k", "2").string("k", "3").string("j", "1");
    });
    let new = dump(CTIME, |dump| {
        dump.string("j", "1").string("k", "1").string("j", "9");
    });
    let dumps = Dumps::new(&old, &new);
    let report = dumps.json(&[]);
    assert_eq!(report["keys"]["changed"], 0);
    assert_eq!((&report["keys"]["keys_before"], &report["keys"]["same"]), (&json!(2), &json!(2)));
    assert_eq!((&report["old"]["repeated_keys"], &report["new"]["repeated_keys"]), (&json!(2), &json!(1)));
    let output = dumps.command(&[]).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("no server would load"));
}

#[test]
fn bytes_that_are_no_text_come_through() {
    let (key, member) = (b"discord:messages:project:\xff\",\n".to_vec(), b"\x00\xfe".to_vec());
    let old = dump(CTIME, |dump| {
        dump.set(&key, &[b"m".to_vec()]);
    });
    let new = dump(CTIME, |dump| {
        dump.set(&key, &[b"m".to_vec(), member.clone()]);
    });
    let dumps = Dumps::new(&old, &new);
    let rows = dumps.rows(&["--table", "memberships"]);
    assert_eq!(rows.len(), 1);
    assert_eq!((bytes(&rows[0]["key"]), bytes(&rows[0]["member"])), (key, member));
    // The key in base64, from `printf 'discord:messages:project:\377",\n' | base64`; 00 FE is AP4=.
    let csv = dumps.stdout(&["--table", "memberships", "--format", "csv"]);
    assert_eq!(
        csv,
        "index,db,key,edit,member,score_before,score_after\n\
         project,0,\"{\"\"base64\"\":\"\"ZGlzY29yZDptZXNzYWdlczpwcm9qZWN0Ov8iLAo=\"\"}\",gained,\"{\"\"base64\"\":\"\"AP4=\"\"}\",,\n"
    );
    let table = dumps.stdout(&[]);
    assert!(table.contains("\\xff"), "{table}");
    assert!(!table.contains('\u{1b}'));
}

#[test]
fn any_number_of_threads_says_the_same() {
    // Large enough for several batches, and for sets that are read in pieces.
    let make = |shift: u64| {
        dump(CTIME, |dump| {
            for n in 0..20_000_u64 {
                dump.string(format!("string:{}", n + shift * 7), format!("{}", n % 97 * (1 + shift * (n % 50 / 49))));
            }
            let members: Vec<String> = (shift * 1000..100_000 + shift * 1000).map(|n| format!("message:{n}")).collect();
            dump.set("discord:messages:project:p", &members);
            dump.set("discord:messages:user:u", &members[..5]);
        })
    };
    let dumps = Dumps::new(&make(0), &make(1));
    let outputs = [&["--format", "json"][..], &["--table", "keys"], &["--table", "memberships"], &[]];
    for args in outputs {
        let one = dumps.stdout(&[args, &["--threads", "1"]].concat());
        for threads in ["2", "7"] {
            assert!(one == dumps.stdout(&[args, &["--threads", threads]].concat()), "{args:?} with {threads} threads");
        }
    }
    let report = dumps.json(&[]);
    let index = &report["indexes"][0];
    assert_eq!((&index["gained"], &index["lost"]), (&json!(1000), &json!(1000)));
    // Seven names went, and seven came.
    assert_eq!((&report["keys"]["added"], &report["keys"]["removed"]), (&json!(7), &json!(7)));
}

#[test]
fn a_set_that_became_a_string_lost_its_members() {
    let key = "discord:messages:project:p";
    let old = dump(CTIME, |dump| {
        dump.set(key, &["a", "b"]);
    });
    let new = dump(CTIME, |dump| {
        dump.string(key, "x");
    });
    let report = Dumps::new(&old, &new).json(&[]);
    assert_eq!(report["indexes"][0]["lost"], 2);
    assert_eq!(report["keys"]["type_changed"], 1);
    let types: Vec<_> = report["types"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["type"].as_str().unwrap(), row["changed"].as_u64().unwrap()))
        .collect();
    assert_eq!(types, [("string", 1), ("set", 0)]);
}
