//! What must not be deleted, whatever the spec and the data say. Every expectation is worked out by hand.

use super::support::dump_writer::DumpBuilder;
use super::{CTIME, Work, start};

fn spec(classes: &[(&str, &str)], indexes: &[&str]) -> String {
    // Brakes have tests of their own: what they would keep is to be decided by the other rules here.
    let mut text = "version = 1\naccept = [\"no-literal\", \"no-entry\", \"no-key-right\", \"wrong-type\", \"mostly-missing\", \"other-type\", \"nested\", \"foreign-members\"]\n".to_owned();
    for (name, key) in classes {
        text += &format!("[[record]]\nname = \"{name}\"\nkey = \"{key}\"\n");
    }
    for index in indexes {
        text += &format!("[[index]]\n{index}\n");
    }
    text
}

/// The commands of apply.resp for a dump and a spec.
fn plan(work: &Work, dump: &mut DumpBuilder, spec: &str) -> Vec<Vec<String>> {
    work.write("s.toml", spec);
    let ran = work.plan(&dump.finish(), &["--spec", "s.toml"]);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    work.commands("apply.resp")
}

fn nothing() -> Vec<Vec<String>> {
    Vec::new()
}

const BY_KIND: &str = "name = 'kind'\npolicy = 'maintain'\nfrom = 'doc'\nkey = 'kind:{kind}'\nmember = '{@key}'";
const BY_ID: &str = "name = 'id'\npolicy = 'maintain'\nfrom = 'doc'\nkey = 'id:{kind}'\nmember = '{id}'";
const GONE: &str = "name = 'gone'\npolicy = 'retire'\nfrom = 'doc'\nkey = 'gone:{kind}'\nmember = '{@key}'";

#[test]
fn without_a_decodable_record_nothing_goes() {
    let work = Work::new();
    let spec = spec(&[("doc", "doc:*")], &[BY_KIND, BY_ID, GONE]);
    let keys = |dump: &mut DumpBuilder| {
        dump.set("kind:a", &["doc:1", "x"]).set("id:a", &["1"]).list("kind:b", &["x"]).set("gone:a", &["x"]);
    };
    // No record at all, as with a wrong prefix.
    let mut dump = start();
    dump.string("docs:1", r#"{"kind":"a"}"#);
    keys(&mut dump);
    assert_eq!(plan(&work, &mut dump, &spec), nothing());
    // Records, none of which can be decoded.
    let mut dump = start();
    dump.string("doc:1", r#"{"kind":"#).list("doc:2", &["x"]).raw(2, "doc:3", b"\x01\x01x");
    keys(&mut dump);
    assert_eq!(plan(&work, &mut dump, &spec), nothing());
    // Records that had all expired.
    let mut dump = start();
    dump.expire_ms(CTIME as i64 * 1000 - 1).string("doc:1", r#"{"kind":"a"}"#);
    keys(&mut dump);
    assert_eq!(plan(&work, &mut dump, &spec), nothing());
    // One that can be decoded, and implies nothing, is enough.
    let mut dump = start();
    dump.string("doc:1", "{}");
    keys(&mut dump);
    assert_eq!(plan(&work, &mut dump, &spec), [["UNLINK", "kind:a", "kind:b", "id:a", "gone:a"]]);
}

#[test]
fn an_undecidable_record_holds_what_names_it() {
    let work = Work::new();
    let spec = spec(&[("doc", "doc:*")], &[BY_KIND, BY_ID]);
    let mut dump = start();
    dump.string("doc:1", r#"{"kind":"a","id":1}"#).string("doc:cut", r#"{"kind":"a"#);
    dump.set("kind:a", &["doc:cut", "stale"]).set("kind:b", &["doc:cut", "stale"]).set("kind:c", &["stale"]);
    dump.list("kind:d", &["stale", "doc:cut"]).hash("kind:e", &[("doc:cut", "1")]).hash("kind:f", &[("1", "doc:cut")]);
    dump.string("kind:g", "doc:cut").zset("kind:h", &[("doc:cut", 1.0)]).json("kind:i", r#"{"a":["doc:cut"]}"#);
    dump.json("kind:j", r#"{"a":["doc:cut "]}"#);
    dump.set("id:a", &["7"]).set("id:b", &["7"]);
    // What names doc:cut stays; elsewhere only what is stale goes. In `id` the record could imply any member.
    let expected: [&[&str]; 6] = [
        &["UNLINK", "kind:c", "kind:j"],
        &["SADD", "kind:a", "doc:1"],
        &["SADD", "id:a", "1"],
        &["SREM", "kind:a", "stale"],
        &["SREM", "kind:b", "stale"],
        &[],
    ];
    assert_eq!(plan(&work, &mut dump, &spec), expected[..5]);
    let warnings = work.manifest()["warnings"].to_string();
    assert!(warnings.contains("index id") && warnings.contains("index kind"), "{warnings}");
}

/// `all:{kind}` covers the keys of `all:sub:{kind}`. What the one cannot decide, the other must not delete.
#[test]
fn a_key_of_two_families_is_held_by_either() {
    let work = Work::new();
    let wide = "name = 'wide'\npolicy = 'maintain'\nfrom = 'doc'\nkey = 'all:{kind}'\nmember = '{@key}'";
    let wide_ids = "name = 'wide'\npolicy = 'maintain'\nfrom = 'doc'\nkey = 'all:{kind}'\nmember = '{id}'";
    for narrow in ["policy = 'maintain'\nfrom = 'other'\nmember = '{@key}'", "policy = 'retire'"] {
        let narrow = format!("name = 'narrow'\nkey = 'all:sub:{{kind}}'\n{narrow}");
        let classes = [("doc", "doc:*"), ("other", "other:*")];
        let fill = |dump: &mut DumpBuilder| {
            dump.string("doc:1", r#"{"kind":"sub:a","id":1}"#).string("doc:odd", r#"{"kind":["sub:b"],"id":2}"#);
            dump.string("other:1", r#"{"kind":"z"}"#);
            dump.set("all:sub:a", &["doc:1"]).set("all:sub:b", &["doc:odd"]).set("all:sub:c", &["gone"]);
        };
        let mut dump = start();
        fill(&mut dump);
        let commands = plan(&work, &mut dump, &spec(&classes, &[wide, &narrow]));
        let adds = commands.iter().filter(|command| command[0] == "SADD").count();
        assert_eq!(adds, usize::from(narrow.contains("maintain")), "{commands:?}");
        assert_eq!(commands[0], ["UNLINK", "all:sub:c"], "{narrow}: {commands:?}");
        // Where members are not keys of records, doc:odd could be meant by anything.
        let mut dump = start();
        fill(&mut dump);
        let commands = plan(&work, &mut dump, &spec(&classes, &[wide_ids, &narrow]));
        assert!(
            !commands.iter().any(|command| matches!(command[0].as_str(), "UNLINK" | "SREM")),
            "{narrow}: {commands:?}"
        );
    }
}

#[test]
fn a_key_that_two_indexes_want_is_left_as_it_is_and_counted_once() {
    let work = Work::new();
    let other = "name = 'other'\npolicy = 'maintain'\nfrom = 'doc'\nkey = 'kind:x:{id}'\nmember = '{@key}'";
    let spec = spec(&[("doc", "doc:*")], &[BY_KIND, other]);
    let mut dump = start();
    // `kind:x:1` is implied by doc:1 through `kind` and by doc:2 through `other`; it exists. `kind:x:2` does not.
    dump.string("doc:1", r#"{"kind":"x:1"}"#).string("doc:2", r#"{"id":1}"#);
    dump.string("doc:3", r#"{"kind":"x:2"}"#).string("doc:4", r#"{"id":2}"#);
    dump.set("kind:x:1", &["gone"]);
    assert_eq!(plan(&work, &mut dump, &spec), nothing());
    let warnings = work.manifest()["warnings"].as_array().expect("a list").clone();
    let about = |name: &str| {
        let found = warnings.iter().find(|text| text.to_string().contains(&format!("index {name}:")));
        found.map(|text| text.as_str().expect("text").to_owned()).unwrap_or_default()
    };
    assert!(about("kind").contains(": 2 keys left as found"), "{warnings:?}");
    assert!(about("other").contains(": 2 keys left as found"), "{warnings:?}");
}

#[test]
fn records_are_never_written() {
    let work = Work::new();
    // Index keys are named like records: `doc:{kind}`. doc:2 is a record and would be an index key; doc:3 is a record in
    // the family; doc:9 is made, for it is a name that no record has.
    let index = "name = 'i'\npolicy = 'maintain'\nfrom = 'doc'\nkey = 'doc:{kind}'\nmember = '{@key}'";
    let retired = "name = 'r'\npolicy = 'retire'\nkey = '{a}:{b}'";
    let mut dump = start();
    dump.string("doc:1", r#"{"kind":"2"}"#).hash("doc:2", &[("kind", "9")]).json("doc:3", r#"{"kind":"1"}"#);
    let specs = [spec(&[("doc", "doc:*")], &[index]), spec(&[("doc", "doc:*")], &[BY_KIND, retired])];
    assert_eq!(plan(&work, &mut dump, &specs[0]), [["SADD", "doc:9", "doc:2"]]);
    let mut dump = start();
    dump.string("doc:1", r#"{"kind":"2"}"#).hash("doc:2", &[("kind", "2")]).string("x:y", "goes");
    let commands = plan(&work, &mut dump, &specs[1]);
    assert_eq!(commands[0], ["UNLINK", "x:y"]);
    assert!(commands.iter().all(|command| !command[1].starts_with("doc:")), "{commands:?}");
}

/// Two records give one member of a sorted set different scores: neither is right. The key is not emptied for it.
#[test]
fn a_member_with_two_scores_is_left_alone() {
    let work = Work::new();
    let index = "name = 'z'\npolicy = 'maintain'\ntype = 'zset'\nfrom = 'doc'\nkey = 'z:{kind}'\nmember = '{id}'\nscore = '{n}'";
    let spec = spec(&[("doc", "doc:*")], &[index]);
    let mut dump = start();
    dump.string("doc:1", r#"{"kind":"a","id":"m","n":1}"#).string("doc:2", r#"{"kind":"a","id":"m","n":2}"#);
    dump.expire_ms(4_102_444_800_000).zset("z:a", &[("stale", 5.0)]);
    dump.string("doc:3", r#"{"kind":"b","id":"m","n":1}"#).string("doc:4", r#"{"kind":"b","id":"m","n":2}"#);
    dump.zset("z:b", &[("m", 9.0), ("stale", 5.0)]);
    let commands = plan(&work, &mut dump, &spec);
    // z:b keeps m as it is. z:a has nothing that stays: to empty it is to delete it, expiry and all.
    assert_eq!(commands, [vec!["UNLINK", "z:a"], vec!["ZREM", "z:b", "stale"]]);
    let rollback = work.commands("rollback.resp");
    assert!(
        rollback.contains(&vec!["PEXPIREAT".to_owned(), "z:a".to_owned(), "4102444800000".to_owned()]),
        "{rollback:?}"
    );
}

#[test]
fn expired_keys_count_as_absent() {
    let work = Work::new();
    let spec = spec(&[("doc", "doc:*")], &[BY_KIND]);
    let at = CTIME as i64 * 1000;
    let mut dump = start();
    dump.string("doc:1", r#"{"kind":"a"}"#).expire_ms(at).string("doc:2", r#"{"kind":"a"}"#);
    dump.expire_ms(at + 1).string("doc:3", r#"{"kind":"a"}"#);
    // An expired list in the place of an index key is no wrong key; one that has not expired is.
    dump.expire_ms(at)
        .list("kind:a", &["x"])
        .expire_ms(at + 1)
        .list("kind:b", &["x"])
        .expire_ms(at)
        .set("kind:c", &["x"]);
    let expected: [&[&str]; 2] = [&["UNLINK", "kind:b"], &["SADD", "kind:a", "doc:1", "doc:3"]];
    assert_eq!(plan(&work, &mut dump, &spec), expected);
    // Expiries that cannot be times delete nothing.
    let mut dump = start();
    dump.expire_ms(60_000).string("doc:1", r#"{"kind":"a"}"#).expire_ms(60_000).set("kind:a", &["doc:1"]);
    assert_eq!(plan(&work, &mut dump, &spec), nothing());
    assert!(work.manifest()["warnings"].to_string().contains("before 2009"));
}

/// Where no index at all has keys of records as members, there is one reason for every member that goes.
#[test]
fn a_member_that_is_no_key_of_a_record_goes_for_one_reason() {
    let work = Work::new();
    let mut dump = start();
    dump.string("doc:1", r#"{"kind":"a","id":"1"}"#);
    let gone: Vec<String> = (100..200).map(|n| format!("gone{n}")).collect();
    let members: Vec<&str> = std::iter::once("1").chain(gone.iter().map(String::as_str)).collect();
    dump.set("id:a", &members);
    let commands = plan(&work, &mut dump, &spec(&[("doc", "doc:*")], &[BY_ID]));
    assert_eq!(commands.len(), 1);
    assert_eq!(commands[0][2..], gone);
    let lines: String =
        gone.iter().map(|gone| format!("id,id:a,remove member,{gone},no record implies it\n")).collect();
    let changes = std::fs::read_to_string(work.path("plan/changes.csv")).expect("changes.csv");
    assert_eq!(changes, format!("index,key,edit,member,reason\n{lines}"));
}
