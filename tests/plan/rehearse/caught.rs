//! A right plan is proven; every plan that is wrong in one way is caught in that way.

use rdb_reindex::bundle::manifest::Caps;
use rdb_reindex::model::spec::Spec;
use rdb_reindex::rehearse::{Files, Meaning, Model, Problem, Proof, prove};

use super::{file, replies};
use crate::support::dump_writer::DumpBuilder;

// What the brakes would keep is to be edited here.
const SPEC: &str = r#"
version = 1
accept = ["no-match", "no-entry", "no-key-right", "wrong-type", "mostly-missing", "other-type", "nested", "foreign-members"]
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
"#;

/// 2100-01-01.
const LATER: i64 = 4_102_444_800_000;

fn dump() -> Vec<u8> {
    let mut b = DumpBuilder::new(10);
    b.server_aux(1_736_185_500).select_db(0);
    b.string("r:1", r#"{"p":"a","s":1}"#).string("r:2", r#"{"p":"a","s":2.5}"#).string("r:3", r#"{"p":"c","s":3}"#);
    b.set("i:a", &["r:1", "x", "y"]).set("i:b", &["x", "y"]);
    b.expire_ms(LATER).list("i:c", &["1", "2", "1"]);
    b.zset("z:a", &[("r:1", 9.0), ("x", 1.0), ("r:2", 2.5)])
        .hash("z:b", &[("f", "v"), ("g", "w")])
        .string("z:d", "text");
    b.string("other", "x");
    b.finish()
}

/// By hand from the state above: `i:b`, `i:c` (a list), `z:b` (a hash) and `z:d` (a string) are wrong; `i:c` and `z:c`
/// are made; in `i:a` `r:2` is missing, `x` and `y` are stale; in `z:a` the score of `r:1` is wrong and `x` is stale.
const APPLY: [&str; 7] = [
    "UNLINK i:b i:c z:b z:d",
    "SADD i:a r:2",
    "SADD i:c r:3",
    "ZADD z:a 1 r:1",
    "ZADD z:c 3 r:3",
    "SREM i:a x y",
    "ZREM z:a x",
];
const APPLY_REPLIES: &str = "4 1 1 0 1 2 1";
const ROLLBACK: [&str; 12] = [
    "UNLINK i:c",
    "SADD i:b x y",
    "RPUSH i:c 1 2 1",
    "PEXPIREAT i:c 4102444800000",
    "HSET z:b f v g w",
    "SET z:d te",
    "APPEND z:d xt",
    "SADD i:a x y",
    "ZADD z:a 9 r:1 1 x",
    "SREM i:a r:2",
    "ZREM z:c r:3",
    "SELECT 1",
];
const ROLLBACK_REPLIES: &str = "1 2 3 1 2 OK 4 2 1 1 1 OK";

const CAPS: Caps = Caps { max_args: 1000, max_command_bytes: 512 * 1024 };

struct Case {
    apply: Vec<String>,
    apply_replies: String,
    rollback: Vec<String>,
    rollback_replies: String,
    caps: Caps,
}

impl Case {
    fn right() -> Self {
        let own = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        Self {
            apply: own(&APPLY),
            apply_replies: APPLY_REPLIES.to_owned(),
            rollback: own(&ROLLBACK),
            rollback_replies: ROLLBACK_REPLIES.to_owned(),
            caps: CAPS,
        }
    }

    fn prove(&self) -> Proof {
        let spec = Spec::parse(SPEC, "test.toml").expect("the spec is right");
        let dump = dump();
        let model = Model::read(&dump, &spec, Meaning::Careful).expect("the dump is whole");
        let bytes = |lines: &[String]| file(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let (apply, rollback) = (bytes(&self.apply), bytes(&self.rollback));
        let (apply_replies, rollback_replies) = (replies(&self.apply_replies), replies(&self.rollback_replies));
        let files = Files {
            apply: &apply,
            apply_replies: &apply_replies,
            rollback: &rollback,
            rollback_replies: &rollback_replies,
            caps: self.caps,
            by_slot: false,
        };
        prove(&model, files).expect("the dump is whole")
    }

    /// The kinds of problems that are found, each once.
    fn problems(&self) -> Vec<Problem> {
        let proof = self.prove();
        let mut problems: Vec<Problem> = proof.findings.first.iter().map(|finding| finding.problem).collect();
        problems.sort();
        problems.dedup();
        problems
    }
}

#[test]
fn a_right_plan_is_proven() {
    let proof = Case::right().prove();
    assert_eq!(proof.findings.first, []);
    let apply = &proof.apply;
    assert_eq!((apply.commands, apply.deleted_keys, apply.removed_members), (7, 4, 3));
    assert_eq!((apply.added_members, apply.rescored_members, apply.touched.len()), (3, 1, 7));
    // i:a i:b i:c z:a z:b z:d of the dump, and z:c.
    assert_eq!((proof.rollback.commands, proof.keys), (12, 7));
}

macro_rules! caught {
    ($($name:ident: $change:expr => $($problem:ident)*;)*) => {$(
        #[test]
        fn $name() {
            let mut case = Case::right();
            let change: fn(&mut Case) = $change;
            change(&mut case);
            assert_eq!(case.problems(), [$(Problem::$problem),*], "{:#?}", case.prove().findings);
        }
    )*};
}

fn set(line: &mut String, text: &str) {
    *line = text.to_owned();
}

caught! {
    a_command_is_missing: |c| { c.apply.remove(2); set(&mut c.apply_replies, "4 1 0 1 2 1"); c.rollback.remove(0); set(&mut c.rollback_replies, "2 3 1 2 OK 4 2 1 1 1 OK") } => State;
    a_member_too_many_is_added: |c| { set(&mut c.apply[1], "SADD i:a r:2 r:9"); set(&mut c.apply_replies, "4 2 1 0 1 2 1"); set(&mut c.rollback[9], "SREM i:a r:2 r:9"); set(&mut c.rollback_replies, "1 2 3 1 2 OK 4 2 1 2 1 OK") } => State;
    a_member_that_is_there_is_added: |c| { set(&mut c.apply[1], "SADD i:a r:2 r:1"); } => NoOp;
    a_member_that_is_not_there_is_removed: |c| set(&mut c.apply[5], "SREM i:a x y w") => NoOp;
    a_key_that_is_not_there_is_deleted: |c| set(&mut c.apply[0], "UNLINK i:b i:c z:b z:d i:e") => NoOp;
    a_key_is_deleted_twice: |c| set(&mut c.apply[0], "UNLINK i:b i:c z:b z:d i:b") => NoOp;
    the_reply_to_a_deletion_is_wrong: |c| set(&mut c.apply_replies, "5 1 1 0 1 2 1") => Reply;
    a_key_is_deleted_in_another_database: |c| { c.apply.insert(0, "SELECT 1".into()); c.apply.insert(2, "SELECT 0".into()); set(&mut c.apply_replies, "OK 0 OK 1 1 0 1 2 1") } => Foreign WrongType NoOp Reply State;
    a_score_that_is_there_is_set: |c| set(&mut c.apply[3], "ZADD z:a 1 r:1 2.5 r:2") => NoOp;
    a_member_is_named_twice: |c| { set(&mut c.apply[1], "SADD i:a r:2 r:2"); } => NoOp Twice;
    a_member_is_added_and_removed: |c| { set(&mut c.apply[1], "SADD i:a r:2 w"); set(&mut c.apply[5], "SREM i:a x y w"); set(&mut c.apply_replies, "4 2 1 0 1 3 1") } => Twice;
    a_reply_is_wrong: |c| set(&mut c.apply_replies, "4 1 1 1 1 2 1") => Reply;
    a_reply_is_missing: |c| set(&mut c.apply_replies, "4 1 1 0 1 2") => Reply;
    a_reply_too_many: |c| set(&mut c.apply_replies, "4 1 1 0 1 2 1 1") => Reply;
    a_wrong_type_is_not_deleted_first: |c| { set(&mut c.apply[0], "UNLINK i:b z:b z:d"); set(&mut c.apply_replies, "3 1 1 0 1 2 1") } => WrongType Reply State;
    removals_come_before_additions: |c| { c.apply.swap(1, 5); set(&mut c.apply_replies, "4 2 1 0 1 1 1") } => Order;
    a_key_that_is_no_index_key: |c| { set(&mut c.apply[0], "UNLINK i:b i:c z:b z:d other"); } => Foreign NoOp;
    a_record_is_deleted: |c| { set(&mut c.apply[0], "UNLINK i:b i:c z:b z:d r:1"); } => Foreign NoOp;
    a_key_is_emptied: |c| { set(&mut c.apply[0], "UNLINK i:c z:b z:d"); set(&mut c.apply[5], "SREM i:b x y"); c.apply.push("SREM i:a x y".into()); c.apply.swap(6, 7); set(&mut c.apply_replies, "3 1 1 0 1 2 2 1") } => Emptied;
    a_series_is_split: |c| { set(&mut c.apply[5], "SREM i:a x"); c.apply.push("SREM i:a y".into()); set(&mut c.apply_replies, "4 1 1 0 1 1 1 1") } => NotMinimal;
    deletions_are_split: |c| { set(&mut c.apply[0], "UNLINK i:b i:c z:b"); c.apply.insert(1, "UNLINK z:d".into()); set(&mut c.apply_replies, "3 1 1 1 0 1 2 1") } => NotMinimal;
    a_command_has_too_many_arguments: |c| c.caps.max_args = 4 => OverCap;
    a_command_has_too_many_bytes: |c| c.caps.max_command_bytes = 40 => OverCap;
    a_rebuild_in_apply: |c| { set(&mut c.apply[2], "RPUSH i:c r:3"); } => Forbidden NoOp Reply State;
    a_lower_case_command: |c| { set(&mut c.apply[1], "sadd i:a r:2"); } => Forbidden NoOp Reply State;
    the_same_database_is_selected: |c| { c.apply.insert(0, "SELECT 0".into()); set(&mut c.apply_replies, "OK 4 1 1 0 1 2 1") } => NoOp;

    a_list_in_another_order: |c| set(&mut c.rollback[2], "RPUSH i:c 2 1 1") => State;
    a_list_is_shorter: |c| { set(&mut c.rollback[2], "RPUSH i:c 1 2"); set(&mut c.rollback_replies, "1 2 2 1 2 OK 4 2 1 1 1 OK") } => State;
    another_expiry: |c| set(&mut c.rollback[3], "PEXPIREAT i:c 4102444800001") => State;
    no_expiry: |c| { c.rollback.remove(3); set(&mut c.rollback_replies, "1 2 3 2 OK 4 2 1 1 1 OK") } => State;
    another_field: |c| set(&mut c.rollback[4], "HSET z:b f v g v") => State;
    other_bytes: |c| set(&mut c.rollback[6], "APPEND z:d xT") => State;
    another_score: |c| set(&mut c.rollback[8], "ZADD z:a 8 r:1 1 x") => State;
    a_member_stays: |c| { c.rollback.remove(9); set(&mut c.rollback_replies, "1 2 3 1 2 OK 4 2 1 1 OK") } => State;
    a_rollback_reply_is_wrong: |c| set(&mut c.rollback_replies, "1 2 3 1 2 OK 2 2 1 1 1 OK") => Reply;
    a_relative_expiry: |c| set(&mut c.rollback[5], "RESTORE z:d 1000 x") => Forbidden Reply State;
    a_damaged_payload: |c| set(&mut c.rollback[5], "RESTORE z:d 0 xxxxxxxxxxxxxxx") => Reply Payload State;
    a_rollback_deletes_the_database: |c| set(&mut c.rollback[11], "FLUSHDB") => Forbidden;
}

#[test]
fn a_cut_file_is_noticed() {
    let spec = Spec::parse(SPEC, "test.toml").expect("the spec is right");
    let dump = dump();
    let model = Model::read(&dump, &spec, Meaning::Careful).expect("the dump is whole");
    let apply = file(&APPLY);
    let (apply_replies, rollback_replies) = (replies(APPLY_REPLIES), replies(ROLLBACK_REPLIES));
    let files = Files {
        apply: &apply[..apply.len() - 1],
        apply_replies: &apply_replies,
        rollback: &file(&ROLLBACK),
        rollback_replies: &rollback_replies,
        caps: CAPS,
        by_slot: false,
    };
    let proof = prove(&model, files).expect("the dump is whole");
    assert_eq!(proof.findings.first[0].problem, Problem::NotCommands);
}

/// Hundreds of wrong keys: all are counted, and those that are told are the first ones in the order of the file, then in that of
/// the names, however many threads look.
#[test]
fn the_first_of_many_are_told() {
    let spec = Spec::parse(SPEC, "test.toml").expect("the spec is right");
    let mut b = DumpBuilder::new(10);
    b.server_aux(1_736_185_500).select_db(0);
    for n in 0..500 {
        b.string(format!("r:{n:03}"), format!(r#"{{"p":"{n:03}"}}"#)).set(format!("i:{n:03}"), &[format!("r:{n:03}")]);
        b.set(format!("i:wrong-{n:03}"), &["x"]);
    }
    let dump = b.finish();
    // Keys that are right are deleted, from the last one on; those that are wrong are left.
    let deleted: Vec<String> = (450..500).rev().map(|n| format!("i:{n:03}")).collect();
    let commands = [format!("UNLINK {}", deleted.join(" ")), "SADD i:000 r:000".to_owned()];
    let apply = file(&commands.each_ref().map(String::as_str));
    let replies = replies("50 0");
    let found = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            let model = Model::read(&dump, &spec, Meaning::Careful).expect("the dump is whole");
            let files = Files {
                apply: &apply,
                apply_replies: &replies,
                rollback: b"",
                rollback_replies: &[],
                caps: CAPS,
                by_slot: false,
            };
            prove(&model, files).expect("the dump is whole").findings
        })
    };
    let findings = found(1);
    assert_eq!(found(4), findings);
    // One addition for nothing; 50 that are gone, 500 that are there, and 50 that have not come back.
    assert_eq!((findings.count, findings.first.len()), (601, 20));
    let told: Vec<String> = findings
        .first
        .iter()
        .map(|finding| String::from_utf8_lossy(&finding.key.as_ref().unwrap().1).into_owned())
        .collect();
    let expected: Vec<String> = std::iter::once(0).chain(450..469).map(|n| format!("i:{n:03}")).collect();
    assert_eq!(told, expected);
    assert_eq!(findings.first[0].problem, Problem::NoOp);
}
