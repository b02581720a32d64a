//! The table of memberships where it is decided by little: each row worked out by hand.

use rdb_reindex::dump::scan::Observer;
use rdb_reindex::export::{self, Filter, Format, Options, Table};
use rdb_reindex::index::Difference;
use rdb_reindex::model::spec::{Glob, Spec};
use rdb_reindex::model::view::Expiry;

use crate::support::dump_writer::DumpBuilder;

/// The rows of a dump without the header, after they have been summed up against the inventory.
fn rows(dump: &[u8], spec: &str) -> String {
    let spec =
        Spec::from_bytes(spec.as_bytes(), "test.toml").unwrap_or_else(|errors| panic!("{}", errors.render(false)));
    let out = filtered(dump, &spec, &Filter::default());
    let difference = Difference::take(dump, &spec, Expiry::Careful, &Observer::default()).unwrap();
    for (index, summary) in spec.indexes.iter().zip(&difference.summaries) {
        let own: Vec<(&str, &str)> = out
            .lines()
            .filter_map(|line| line.strip_prefix(&format!("{},", index.name))?.split_once(','))
            .map(|(_, rest)| rest.split_once(',').unwrap())
            .collect();
        let count = |state: &str| own.iter().filter(|row| row.1 == state).count() as u64;
        let about = format!("{}: {out}", index.name);
        assert_eq!(count("missing"), summary.missing_members, "{about}");
        assert_eq!(count("stale"), summary.stale_members, "{about}");
        if summary.contested_keys == 0 {
            assert_eq!(
                own.iter().filter(|row| row.1 == "held" && !row.0.is_empty()).count() as u64,
                summary.held_members,
                "{about}"
            );
        }
        let there = own.iter().filter(|(member, state)| !member.is_empty() && *state != "missing").count() as u64;
        assert_eq!(there, summary.members, "{about}");
    }
    out
}

fn filtered(dump: &[u8], spec: &Spec, filter: &Filter) -> String {
    let options = Options { table: Table::Memberships, format: Format::Csv, spec, expiry: Expiry::Careful };
    let observer = Observer::default();
    let mut out = Vec::new();
    export::Export::prepare(dump, options, filter, &observer).unwrap().write(&mut out, &observer).unwrap();
    let text = String::from_utf8(out).unwrap();
    text.strip_prefix("index,key,member,state\n").unwrap().to_owned()
}

fn set_index(name: &str, policy: &str, key: &str) -> String {
    format!(
        "[[index]]\nname = \"{name}\"\npolicy = \"{policy}\"\nfrom = \"m\"\nkey = \"{key}\"\nmember = \"{{@key}}\"\naccept = [\"no-literal\"]\n"
    )
}

const RECORDS: &str = "version = 1\n[[record]]\nname = \"m\"\nkey = \"m:*\"\n";

/// `m:1` is of a, `m:2` of b, `m:4` of a, and `m:3` cannot be decoded.
fn records() -> DumpBuilder {
    let mut dump = DumpBuilder::new(11);
    dump.string("m:1", r#"{"p":"a"}"#).string("m:2", r#"{"p":"b"}"#).string("m:3", "{").string("m:4", r#"{"p":"a"}"#);
    dump
}

/// The same keys under each policy. In `i:a` are the right `m:1`, the moved `m:2`, the gone `m:9` and the undecidable
/// `m:3`; `i:b` is absent, `i:x` is implied by nothing, `i:y` neither but names the undecidable record, `i:z` has
/// another type (so a brake keeps it), `i:w`, too, and names the undecidable record.
fn keys(dump: &mut DumpBuilder) -> Vec<u8> {
    dump.set("i:x", &["m:1"]).set("i:a", &["m:1", "m:2", "m:9", "m:3"]).set("i:y", &["m:3", "m:8"]);
    dump.list("i:z", &["m:1"]).list("i:w", &["m:3"]).finish()
}

const MAINTAINED: &str = "\
i,i:x,m:1,wrong key
i,i:a,m:1,correct
i,i:a,m:2,stale
i,i:a,m:9,stale
i,i:a,m:3,held
i,i:y,m:3,held
i,i:y,m:8,stale
i,i:z,,foreign
i,i:w,,held
i,i:a,m:4,missing
i,i:b,m:2,missing
";

#[test]
fn policies() {
    let dump = keys(&mut records());
    for policy in ["maintain", "report"] {
        assert_eq!(rows(&dump, &format!("{RECORDS}{}", set_index("i", policy, "i:{p}"))), MAINTAINED, "{policy}");
    }
    // Nothing is implied, and nothing is held: all of it goes but what is not a set.
    let retired = "\
i,i:x,m:1,wrong key
i,i:a,m:1,wrong key
i,i:a,m:2,wrong key
i,i:a,m:9,wrong key
i,i:a,m:3,wrong key
i,i:y,m:3,wrong key
i,i:y,m:8,wrong key
i,i:z,,foreign
i,i:w,,foreign
";
    assert_eq!(rows(&dump, &format!("{RECORDS}{}", set_index("i", "retire", "i:{p}"))), retired);
}

#[test]
fn where_no_record_can_be_decoded() {
    let dump = DumpBuilder::new(11).string("m:3", "{").set("i:a", &["m:1"]).set("i:b", &["m:3"]).finish();
    let spec = format!("{RECORDS}{}", set_index("i", "maintain", "i:{p}"));
    // `i:a` should not be there, whether it is deleted or not; `i:b` names a record that may belong to it.
    assert_eq!(rows(&dump, &spec), "i,i:a,m:1,wrong key\ni,i:b,m:3,held\n");
}

#[test]
fn expired_and_empty_keys_are_none() {
    let mut dump = DumpBuilder::new(11);
    dump.server_aux(1_736_185_500).string("m:1", r#"{"p":"a"}"#);
    dump.expire_ms(1_736_185_400_000).set("i:a", &["m:1"]);
    // SET with no members.
    let dump = dump.raw(2, "i:b", b"\x00").finish();
    let spec = format!("{RECORDS}{}", set_index("i", "maintain", "i:{p}"));
    assert_eq!(rows(&dump, &spec), "i,i:a,m:1,missing\n");
}

#[test]
fn keys_that_two_indexes_claim_are_held() {
    let dump = records().set("k:a", &["m:1", "m:9"]).finish();
    let spec = format!("{RECORDS}{}{}", set_index("i", "maintain", "k:{p}"), set_index("j", "maintain", "{no}:{p}"));
    // The second index implies nothing, so the key is the first one's.
    assert!(rows(&dump, &spec).starts_with("i,k:a,m:1,correct\ni,k:a,m:9,stale\n"));
    let mut dump = DumpBuilder::new(11);
    dump.string("m:1", r#"{"p":"a","q":"k"}"#).string("m:2", r#"{"p":"b"}"#);
    let dump = dump.set("k:a", &["m:1", "m:9"]).finish();
    let spec = format!("{RECORDS}{}{}", set_index("i", "maintain", "k:{p}"), set_index("j", "maintain", "{q}:a"));
    // Nothing is done about `k:a`, so what is implied stays missing, for both.
    let expected = "\
i,k:a,m:1,held
i,k:a,m:9,held
i,k:a,m:1,missing
i,k:b,m:2,missing
j,k:a,m:1,missing
";
    assert_eq!(rows(&dump, &spec), expected);
}

/// Of a sorted set: right, with another score, with a score that records disagree on, gone, and not there.
#[test]
fn scores() {
    let spec = format!(
        "{RECORDS}[[index]]\nname = \"i\"\npolicy = \"maintain\"\ntype = \"zset\"\nfrom = \"m\"\nkey = \"i:{{p}}\"\nmember = \"{{n}}\"\nscore = \"{{s}}\"\n"
    );
    let mut dump = DumpBuilder::new(11);
    for (key, text) in [
        ("m:1", r#"{"p":"a","n":"right","s":1}"#),
        ("m:2", r#"{"p":"a","n":"other","s":2}"#),
        ("m:3", r#"{"p":"a","n":"both","s":3}"#),
        ("m:4", r#"{"p":"a","n":"both","s":4}"#),
        ("m:5", r#"{"p":"a","n":"absent","s":5}"#),
        // All that is implied of this key is disputed, so it goes.
        ("m:6", r#"{"p":"b","n":"x","s":6}"#),
        ("m:7", r#"{"p":"b","n":"x","s":7}"#),
    ] {
        dump.string(key, text);
    }
    dump.zset("i:a", &[("right", 1.0), ("other", 9.0), ("both", 3.0), ("gone", 0.0)]);
    let dump = dump.zset("i:b", &[("y", 6.0)]).finish();
    let spec = Spec::from_bytes(spec.as_bytes(), "test.toml").unwrap();
    // In the dump they stand by score.
    let expected = "\
i,i:a,gone,stale
i,i:a,right,correct
i,i:a,both,conflict
i,i:a,other,missing
i,i:b,y,wrong key
i,i:a,absent,missing
";
    assert_eq!(filtered(&dump, &spec, &Filter::default()), expected);
    let difference = Difference::take(&dump, &spec, Expiry::Careful, &Observer::default()).unwrap();
    let summary = difference.summaries[0];
    // `other` is both a member and missing: it is there with another score.
    let found = (summary.members, summary.missing_members, summary.stale_members, summary.held_members);
    assert_eq!(found, (5, 2, 1, 0));
}

/// More members than one piece has, with the members of the pieces in their places.
#[test]
fn large_keys_are_read_in_pieces() {
    const MEMBERS: usize = 150_000;
    let mut dump = DumpBuilder::new(11);
    dump.string("m:000001", r#"{"p":"a"}"#).string("m:140000", r#"{"p":"a"}"#).string("m:999999", r#"{"p":"a"}"#);
    let members: Vec<String> = (0..MEMBERS).map(|n| format!("m:{n:06}")).collect();
    let dump = dump.set("i:a", &members).set("i:x", &members).finish();
    let spec = format!("{RECORDS}{}", set_index("i", "maintain", "i:{p}"));
    let spec = Spec::from_bytes(spec.as_bytes(), "test.toml").unwrap();
    let mut expected = String::new();
    for member in &members {
        let state = if ["m:000001", "m:140000"].contains(&member.as_str()) { "correct" } else { "stale" };
        expected += &format!("i,i:a,{member},{state}\n");
    }
    members.iter().for_each(|member| expected += &format!("i,i:x,{member},wrong key\n"));
    expected += "i,i:a,m:999999,missing\n";
    assert!(filtered(&dump, &spec, &Filter::default()) == expected);
    let only = |glob: &[u8]| Filter { matching: vec![Glob::new(glob)], ..Filter::default() };
    let of_a: String =
        expected.lines().filter(|line| line.starts_with("i,i:a,")).map(|line| format!("{line}\n")).collect();
    assert!(filtered(&dump, &spec, &only(b"i:[ab]")) == of_a);
    assert_eq!(filtered(&dump, &spec, &only(b"i:q*")), "");
    assert_eq!(filtered(&dump, &spec, &Filter { dbs: vec![1], ..Filter::default() }), "");
}

/// On the fixture and on every dump of the corpus the sums are the inventory's, by the preset's indexes.
#[test]
fn sums_are_those_of_the_inventory() {
    let mut dumps = super::corpus();
    let fixture = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/discord-analytics.rdb");
    dumps.push(("fixture".to_owned(), fixture.clone(), std::fs::read(fixture).unwrap()));
    let spec = Spec::preset(rdb_reindex::model::spec::DEFAULT_PRESET).unwrap();
    for (name, _, bytes) in dumps {
        let text = super::rows::export(&bytes, Table::Memberships, Format::Ndjson);
        let difference = Difference::take(&bytes, &spec, Expiry::Careful, &Observer::default()).unwrap();
        let rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for (index, summary) in spec.indexes.iter().zip(&difference.summaries) {
            let own = || rows.iter().filter(|row| row["index"] == index.name.as_str());
            let count = |state: &str| own().filter(|row| row["state"] == state).count() as u64;
            let there = own().filter(|row| !row["member"].is_null() && row["state"] != "missing").count() as u64;
            let found = (there, count("missing"), count("stale"), count("held"));
            let expected = (summary.members, summary.missing_members, summary.stale_members, summary.held_members);
            assert_eq!(found, expected, "{name}: {}", index.name);
        }
    }
}

/// Entries that name keys: those that are gone, whole keys, and rules that only report.
#[test]
fn entries_that_name_keys() {
    let mut b = DumpBuilder::new(10);
    b.select_db(0).string("job:1", "x").set("s:a", &["1", "9"]).set("s:b", &["8"]).list("l:a", &["9", "1", "9"]);
    b.hash("h:a", &[("1", "x"), ("9", "y")]).string("job:9:lock", "").string("job:1:lock", "");
    let rule = |name: &str, rest: &str| format!("[[index]]\nname = \"{name}\"\nexists = \"job:{{@id}}\"\n{rest}\n");
    let text = [
        "version = 1\n".to_owned(),
        rule("s", "policy = \"prune\"\nkey = \"s:{@x}\"\nmember = \"{@id}\""),
        rule("l", "policy = \"report\"\ntype = \"list\"\nkey = \"l:{@x}\"\nmember = \"{@id}\""),
        rule("h", "policy = \"prune\"\ntype = \"hash\"\nkey = \"h:{@x}\"\nmember = \"{@id}\""),
        rule("lock", "policy = \"prune\"\ntype = \"any\"\nkey = \"job:{@id}:lock\""),
    ];
    let spec = Spec::from_bytes(text.concat().as_bytes(), "test.toml").unwrap();
    let expected = "s,s:a,1,correct\ns,s:a,9,stale\ns,s:b,8,stale\nl,l:a,9,stale\nl,l:a,1,correct\nl,l:a,9,stale\n\
                    h,h:a,1,correct\nh,h:a,9,stale\nlock,job:9:lock,,stale\nlock,job:1:lock,,correct\n";
    assert_eq!(filtered(&b.finish(), &spec, &Filter::default()), expected);
}
