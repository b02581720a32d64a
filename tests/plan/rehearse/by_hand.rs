//! Entries that name keys, hashes, and pointers: rules of the contract one by one, all targets worked out by hand; and the
//! planner and the model on random states.

use rdb_reindex::model::spec::Spec;
use rdb_reindex::rehearse::{Files, Meaning, Model, Problem, prove};

use super::agree::{CAPS, agree_on_dump};
use super::{file, outline, replies};
use crate::support::dump_writer::DumpBuilder;

const NOW: u64 = 1_736_185_500;
const NOW_MS: i64 = 1_736_185_500_000;

const BRAKES: &str = r#"accept = ["no-match", "no-entry", "no-key-right", "wrong-type", "mostly-missing", "other-type", "nested", "foreign-members", "no-reference"]"#;

fn spec(text: &str) -> Spec {
    let text = format!("version = 1\n{BRAKES}\n{text}");
    Spec::parse(&text, "test.toml").unwrap_or_else(|e| panic!("{}", e.render(false)))
}

fn dump(build: impl Fn(&mut DumpBuilder)) -> Vec<u8> {
    let mut builder = DumpBuilder::new(10);
    builder.server_aux(NOW).select_db(0);
    build(&mut builder);
    builder.finish()
}

/// What a dump is turned into; only keys of indexes are told.
fn target(text: &str, build: impl Fn(&mut DumpBuilder)) -> String {
    let (dump, spec) = (dump(build), spec(text));
    outline(&Model::read(&dump, &spec, Meaning::Careful).expect("the dump is whole").target().expect("whole"))
}

fn prune(kind: &str, rest: &str) -> String {
    format!("[[index]]\nname = \"i\"\npolicy = \"prune\"\ntype = \"{kind}\"\n{rest}\n")
}

#[test]
fn what_names_a_key_that_is_gone_goes() {
    let set = prune("set", "key = 's:{@a}'\nmember = '{@id}'\nexists = 'k:{@id}'");
    let build = |b: &mut DumpBuilder| _ = b.string("k:1", "x").set("s:a", &["1", "2", "a:b"]).set("s:b", &["2"]);
    assert_eq!(target(&set, build), "s:a {1 a:b}");
    let list = prune("list", "key = 'l:{@a}'\nmember = '{@id}'\nexists = 'k:{@id}'");
    let build = |b: &mut DumpBuilder| _ = b.string("k:1", "x").list("l:a", &["2", "1", "2", "1", "a:b"]);
    assert_eq!(target(&list, build), "l:a [1 1 a:b]");
    let hash = prune("hash", "key = 'h'\nmember = 'f:{@f}'\nvalue = '{@id}'\nexists = 'k:{@id}:{@f}'");
    let build = |b: &mut DumpBuilder| {
        _ = b.string("k:1:a", "x").hash("h", &[("f:a", "1"), ("f:b", "1"), ("g", "1"), ("f:c", "x:y")]);
    };
    assert_eq!(target(&hash, build), "h (f:a=1 f:c=x:y g=1)");
    let string = prune("string", "key = 'p:{@a}'\nvalue = '{@id}'\nexists = 'k:{@id}'");
    let build = |b: &mut DumpBuilder| _ = b.string("k:1", "x").string("p:a", "1").string("p:b", "2").set("p:c", &["2"]);
    assert_eq!(target(&string, build), "p:a \"1\"");
    let any = prune("any", "key = 'k:{@id}:lock'\nexists = 'k:{@id}'");
    let build = |b: &mut DumpBuilder| _ = b.string("k:1", "x").string("k:1:lock", "x").list("k:2:lock", &["x"]);
    assert_eq!(target(&any, build), "k:1:lock \"x\"");
}

#[test]
fn what_must_be_kept_is_kept() {
    // Without literal text in the key: only where some entry names a key that is there.
    let vague = prune("set", "key = '{@a}'\nmember = 'm:{@id}'\nexists = 'k:{@id}'");
    let build = |b: &mut DumpBuilder| _ = b.string("k:1", "x").set("a", &["m:1", "m:2"]).set("b", &["m:2"]);
    assert_eq!(target(&vague, build), "a {m:1} | b {m:2}");
    // `where`: what cannot be decoded, and what has no fields, keeps.
    let status = prune(
        "set",
        "key = 's'\nmember = '{@id}'\nexists = [{ key = 'k:{@id}', where = { t = [\"a\", \"{@id}\"], u = true } }, 'l:{@id}']",
    );
    let build = |b: &mut DumpBuilder| {
        b.string("k:1", r#"{"t":"a","u":{}}"#).string("k:2", r#"{"t":"2","u":0}"#).string("k:3", r#"{"t":"b","u":1}"#);
        b.string("k:4", r#"{"t":"a","u":null}"#).string("k:5", "broken").list("k:6", &["x"]).string("l:7", "x");
        b.hash("k:8", &[("t", "a")]).string("k:9", r#"{"t":[],"u":1}"#).string("k:99", r#"{"t":[]}"#);
        b.set("s", &["1", "2", "3", "4", "5", "6", "7", "8", "9", "99"]);
    };
    assert_eq!(target(&status, build), "s {1 2 5 6 7 9}");
    // `field`: of what is no hash nothing is known.
    let field = prune("zset", "key = 'z:{@q}'\nmember = '{@id}'\nexists = { key = 'h:{@q}', field = '{@id}' }");
    let build = |b: &mut DumpBuilder| {
        b.hash("h:a", &[("1", "x")]).set("h:b", &["x"]);
        b.zset("z:a", &[("1", 1.0), ("2", 2.0)]).zset("z:b", &[("2", 2.0)]).zset("z:c", &[("2", 2.0)]);
    };
    assert_eq!(target(&field, build), "z:a {1=1} | z:b {2=2}");
}

/// A condition that is not met decides, whatever stands beside it that cannot be compared, and in whatever order.
#[test]
fn one_condition_that_is_not_met_is_enough() {
    for (first, second) in [("p", "m"), ("m", "p")] {
        let rule = format!(
            "version = 1\n{BRAKES}\n[[index]]\nname = \"i\"\npolicy = \"prune\"\nkey = 's'\nmember = '{{@id}}'\n\
             exists = {{ key = 'k:{{@id}}', where = {{ {first} = \"a\", {second} = \"a\" }} }}"
        );
        let dump = dump(|b| {
            b.string("k:1", r#"{"p":[],"m":"b"}"#).string("k:2", r#"{"p":[],"m":"a"}"#).set("s", &["1", "2"]);
        });
        let spec = Spec::parse(&rule, "test.toml").unwrap_or_else(|e| panic!("{}", e.render(false)));
        assert_eq!(
            outline(&Model::read(&dump, &spec, Meaning::Careful).expect("whole").target().expect("whole")),
            "s {2}"
        );
        agree_on_dump(&dump, &rule, 0, CAPS);
    }
}

#[test]
fn several_rules_and_a_chain() {
    let two = prune("set", "key = 's:{@a}'\nmember = '{@id}'\nexists = 'k:{@id}'")
        + &prune("set", "key = 's:{@b}'\nmember = '{@id:digits}'\nexists = 'l:{@id}'").replace("\"i\"", "\"j\"");
    let build = |b: &mut DumpBuilder| _ = b.string("k:x", "x").string("l:1", "x").set("s:a", &["x", "y", "1", "2"]);
    assert_eq!(target(&two, build), "s:a {1 x}");
    let chain = prune("set", "key = 's:{@a}'\nmember = '{@id}'\nexists = 'm:{@id}'")
        + &prune("any", "key = 'm:{@id}'\nexists = 'k:{@id}'").replace("\"i\"", "\"j\"");
    let build = |b: &mut DumpBuilder| {
        b.string("k:1", "x").string("m:1", "x").string("m:2", "x").set("s:a", &["1", "2"]).set("s:b", &["2"]);
    };
    assert_eq!(target(&chain, build), "m:1 \"x\" | s:a {1}");
}

#[test]
fn records_by_type_not_and_exists() {
    let text = r#"
[[record]]
name = "r"
key = "r:{@id}"
type = "set"
not = ["r:x*"]
exists = "k:{@id}"
[[index]]
name = "i"
policy = "maintain"
from = "r"
key = "i:{@members[]}"
member = "{@id}"
"#;
    let build = |b: &mut DumpBuilder| {
        b.string("k:1", "x").string("k:3", "x").string("k:x1", "x");
        b.set("r:1", &["a", "b"]).set("r:2", &["a"]).string("r:3", r#"{"a":1}"#).set("r:x1", &["c"]);
    };
    assert_eq!(target(text, build), "i:a {1} | i:b {1}");
    // Any string is a record, whatever is in it.
    let text = "[[record]]\nname = \"r\"\nkey = \"r:{@id}\"\ntype = \"string\"\n[[index]]\nname = \"i\"\npolicy = \"maintain\"\nfrom = \"r\"\nkey = \"i\"\nmember = [\"{@id}\", \"{@id}!\"]\n";
    let build = |b: &mut DumpBuilder| _ = b.string("r:1", "no JSON").set("i", &["2", "1"]);
    assert_eq!(target(text, build), "i {1 1!}");
}

const RECORDS: &str = "[[record]]\nname = \"r\"\nkey = \"r:*\"\n";

fn maintain(kind: &str, rest: &str) -> String {
    format!("{RECORDS}[[index]]\nname = \"i\"\npolicy = \"maintain\"\nfrom = \"r\"\ntype = \"{kind}\"\n{rest}\n")
}

#[test]
fn a_hash_is_made_right() {
    let hash = maintain("hash", "key = 'h:{p}'\nmember = 'm:{n}'\nvalue = '{@key}'");
    let build = |b: &mut DumpBuilder| {
        b.string("r:1", r#"{"p":"a","n":1}"#).string("r:2", r#"{"p":"a","n":2}"#).string("r:3", r#"{"p":"b","n":1}"#);
        b.string("r:4", r#"{"p":"c","n":1}"#).string("r:5", r#"{"p":"c","n":1}"#);
        // Changed; stale; not of the form.
        b.expire_ms(NOW_MS + 1000).hash("h:a", &[("m:1", "r:9"), ("m:3", "r:1"), ("other", "x")]);
        // A conflict; a wrong key, and one in which something else stands.
        b.hash("h:c", &[("m:1", "r:7"), ("m:2", "r:4")]).hash("h:d", &[("m:1", "r:1")]).hash("h:e", &[("x", "y")]);
    };
    let at = NOW_MS + 1000;
    let due = format!("h:a (m:1=r:1 m:2=r:2 other=x)@{at} | h:b (m:1=r:3) | h:c (m:1=r:7) | h:e (x=y)");
    assert_eq!(target(&hash, build), due);
    // What names a record that cannot be read stays, as a field's value, too.
    let build = |b: &mut DumpBuilder| {
        b.string("r:1", r#"{"p":"a","n":1}"#).string("r:8", "{");
        b.hash("h:a", &[("m:1", "r:8"), ("m:2", "r:8"), ("m:3", "r:7")]);
    };
    assert_eq!(target(&hash, build), "h:a (m:1=r:8 m:2=r:8)");
}

#[test]
fn a_pointer_is_made_right() {
    let string = maintain("string", "key = 'p:{p}'\nvalue = '{@key}'");
    let build = |b: &mut DumpBuilder| {
        b.string("r:1", r#"{"p":"a"}"#).string("r:2", r#"{"p":"b"}"#).string("r:3", r#"{"p":"c"}"#);
        b.string("r:4", r#"{"p":"c"}"#).string("r:5", r#"{"p":"e"}"#).string("r:6", "{");
        b.expire_ms(NOW_MS + 1000).string("p:a", "r:9").string("p:c", "x").string("p:d", "r:1").string("p:e", "r:6");
    };
    let due = format!("p:a \"r:1\"@{} | p:b \"r:2\" | p:c \"x\" | p:e \"r:6\"", NOW_MS + 1000);
    assert_eq!(target(&string, build), due);
}

/// What executing commands finds, by its kind.
fn found(text: &str, dump: &[u8], apply: &[&str], due: &str, rollback: &[&str], back: &str) -> Vec<Problem> {
    let spec = spec(text);
    let model = Model::read(dump, &spec, Meaning::Careful).expect("the dump is whole");
    let (apply, rollback) = (file(apply), file(rollback));
    let (apply_replies, rollback_replies) = (replies(due), replies(back));
    let files = Files {
        apply: &apply,
        apply_replies: &apply_replies,
        rollback: &rollback,
        rollback_replies: &rollback_replies,
        caps: CAPS,
        by_slot: false,
    };
    prove(&model, files).expect("the dump is whole").findings.first.iter().map(|finding| finding.problem).collect()
}

#[test]
fn commands_on_a_list_and_a_hash() {
    let text = prune("list", "key = 'l:{@a}'\nmember = '{@id}'\nexists = 'k:{@id}'")
        + &prune("hash", "key = 'h:{@a}'\nmember = '{@id}'\nexists = 'k:{@id}'").replace("\"i\"", "\"j\"");
    let dump = dump(|b| {
        b.string("k:1", "x").expire_ms(NOW_MS + 1000).list("l:a", &["2", "1", "2", "3"]);
        b.hash("h:a", &[("1", "x"), ("2", "y"), ("3", "z")]);
    });
    let back = ["UNLINK l:a", "HSET h:a 2 y 3 z", "RPUSH l:a 2 1 2 3", &format!("PEXPIREAT l:a {}", NOW_MS + 1000)];
    let found = |apply: &[&str], due: &str| found(&text, &dump, apply, due, &back, "1 2 4 1");
    assert_eq!(found(&["HDEL h:a 2 3", "LREM l:a 0 2", "LREM l:a 0 3"], "2 2 1"), []);
    assert_eq!(found(&["HDEL h:a 2", "HDEL h:a 3", "LREM l:a 0 2", "LREM l:a 0 3"], "1 1 2 1"), [Problem::NotMinimal]);
    assert_eq!(found(&["HDEL h:a 2 3", "LREM l:a 0 2", "LREM l:a 0 3"], "2 1 1"), [Problem::Reply]);
    let twice = found(&["HDEL h:a 2 3", "LREM l:a 0 2", "LREM l:a 0 2", "LREM l:a 0 3"], "2 2 0 1");
    assert_eq!(twice, [Problem::Twice, Problem::NoOp]);
    assert!(
        found(&["HDEL h:a 2 3", "LREM l:a 0 2", "LREM l:a 0 3", "LREM l:a 0 1"], "2 2 1 1").contains(&Problem::Emptied)
    );
    assert!(found(&["HDEL h:a 2 3", "LREM l:a 1 2", "LREM l:a 0 3"], "2 1 1").contains(&Problem::Forbidden));
    assert!(
        found(&["HDEL k:1 2", "HDEL h:a 2 3", "LREM l:a 0 2", "LREM l:a 0 3"], "0 2 2 1").contains(&Problem::Foreign)
    );
}

/// Rules of every kind whose keys and entries meet, where a plan may chain.
const RULES: &str = r#"
version = 1
[[record]]
name = "r"
key = "r:*"
[[index]]
name = "wide"
policy = "prune"
key = "s:{@a*}"
member = "{@id}"
exists = "k:{@id}"
[[index]]
name = "narrow"
policy = "prune"
key = "s:{@a}"
member = "{@id:digits}"
exists = ["l:{@id}", { key = "r:{@id}", where = { p = ["a", "{@a}"] } }]
[[index]]
name = "rank"
policy = "prune"
type = "zset"
key = "s:{@a}"
member = "{@id}"
exists = { key = "r:{@id}", where = { p = true, m = false } }
[[index]]
name = "vague"
policy = "prune"
type = "list"
key = "{@a*}"
not = ["k:*"]
member = "{@id}"
exists = "k:{@id}"
[[index]]
name = "fields"
policy = "prune"
type = "hash"
key = "h:{@a}"
member = "{@id}"
value = "{@id}"
exists = ["k:{@id}", "s:{@id}"]
[[index]]
name = "values"
policy = "prune"
type = "hash"
key = "h:{@a}"
value = "{@id}"
exists = { key = "h2:{@a}", field = "{@id}" }
[[index]]
name = "pointer"
policy = "prune"
type = "string"
key = "p:{@a}"
value = "{@id}"
exists = "{@a}:{@id}"
[[index]]
name = "satellite"
policy = "prune"
type = "any"
key = "k:{@id}"
not = ["k:?"]
exists = ["p:{@id}", "i:{@id}"]
[[index]]
name = "old"
policy = "retire"
key = "i:{p}"
"#;

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn random_dump(seed: u64) -> Vec<u8> {
    let ids = ["1", "2", "12", "a", "b", "aa", "x:y"];
    dump(|b| {
        let random = &mut Random(seed);
        for family in ["k", "l", "r", "s", "h", "h2", "p", "i", "q"] {
            for id in ids {
                let entries: Vec<&str> = ids.into_iter().filter(|_| random.below(3) == 0).collect();
                let entries = if entries.is_empty() { vec![ids[random.below(7) as usize]] } else { entries };
                let key = format!("{family}:{id}");
                match random.below(10) {
                    0 => _ = b.expire_ms(NOW_MS),
                    1 => _ = b.expire_ms(60_000),
                    _ => {}
                }
                match random.below(12) {
                    0 | 1 => _ = b.set(&key, &entries),
                    2 => _ = b.zset(&key, &entries.iter().map(|entry| (*entry, 1.0)).collect::<Vec<_>>()),
                    3 => _ = b.list(&key, &[&entries[..], &entries[..1]].concat()),
                    4 | 5 => {
                        let value = ids[random.below(7) as usize];
                        let pair = |entry: &&'static str| (*entry, if entry.len() == 1 { *entry } else { value });
                        _ = b.hash(&key, &entries.iter().map(pair).collect::<Vec<_>>());
                    }
                    6 => _ = b.string(&key, entries[0]),
                    7 => _ = b.string(&key, r#"{"p":"a","m":null}"#),
                    8 => _ = b.string(&key, r#"{"p":"12","m":[]}"#),
                    9 => _ = b.hash(&key, &[("p", "a")]),
                    _ => _ = b.string(format!("none:{key}"), "x"),
                }
            }
        }
    })
}

#[test]
fn the_planner_and_the_model_agree_on_random_references() {
    let seeds = std::env::var("RDB_REINDEX_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    let commands: u64 = (1..=seeds).map(|seed| agree_on_dump(&random_dump(seed), RULES, seed, CAPS)).sum();
    assert!(commands > 3 * seeds, "{commands} commands");
}
