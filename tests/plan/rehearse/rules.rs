//! From a state and a spec to the target, one rule of the contract a line. All targets are worked out by hand.

use rdb_reindex::model::spec::Spec;
use rdb_reindex::rehearse::{Meaning, Model};

use super::outline;
use crate::support::dump_writer::DumpBuilder;

/// 2025-01-06T17:45:00Z, the `ctime` of every dump here.
const NOW: u64 = 1_736_185_500;
const NOW_MS: i64 = 1_736_185_500_000;

// Brakes have tests of their own.
const RECORDS: &str = r#"
version = 1
accept = ["no-match", "no-entry", "no-key-right", "wrong-type", "mostly-missing", "other-type", "nested", "foreign-members"]
[[record]]
name = "r"
key = "r:*"
[[record]]
name = "p"
key = "p:*"
"#;

/// Sets of record keys by the field `p`.
const PLAIN: &str = r#"
[[index]]
name = "i"
policy = "maintain"
from = "r"
key = "i:{p}"
member = "{@key}"
"#;

fn target_of(indexes: &str, build: fn(&mut DumpBuilder)) -> String {
    let spec =
        Spec::parse(&format!("{RECORDS}{indexes}"), "test.toml").unwrap_or_else(|e| panic!("{}", e.render(false)));
    let mut builder = DumpBuilder::new(10);
    builder.server_aux(NOW).select_db(0);
    build(&mut builder);
    let dump = builder.finish();
    let model = Model::read(&dump, &spec, Meaning::Careful).expect("the dump is whole");
    outline(&model.target().expect("whole"))
}

macro_rules! targets {
    ($($name:ident: $spec:expr, $build:expr => $target:expr;)*) => {$(
        #[test]
        fn $name() {
            assert_eq!(target_of($spec, $build), $target);
        }
    )*};
}

targets! {
    an_absent_key_is_made: PLAIN, |b| _ = b.string("r:1", r#"{"p":"a"}"#) => "i:a {r:1}";
    a_right_key_stays: PLAIN, |b| _ = b.string("r:1", r#"{"p":"a"}"#).set("i:a", &["r:1"]) => "i:a {r:1}";
    a_missing_member_comes: PLAIN, |b| _ = b.string("r:1", r#"{"p":"a"}"#).json("r:2", r#"{"p":"a"}"#).set("i:a", &["r:1"]) => "i:a {r:1 r:2}";
    a_stale_member_goes: PLAIN, |b| _ = b.string("r:1", r#"{"p":"a"}"#).set("i:a", &["r:1", "r:9"]) => "i:a {r:1}";
    a_wrong_key_goes: PLAIN, |b| _ = b.string("r:1", r#"{"p":"a"}"#).set("i:a", &["r:1"]).set("i:b", &["r:1"]) => "i:a {r:1}";
    a_hash_is_a_record: PLAIN, |b| _ = b.hash("r:1", &[("p", "a")]) => "i:a {r:1}";
    null_is_no_entry: PLAIN, |b| _ = b.string("r:1", r#"{"p":null}"#).string("r:2", "{}").set("i:a", &["r:1"]) => "";
    a_number_is_as_written: PLAIN, |b| _ = b.string("r:1", r#"{"p":4.50}"#) => "i:4.50 {r:1}";
    other_keys_are_no_index_keys: PLAIN, |b| _ = b.string("r:1", r#"{"p":"a"}"#).set("x:a", &["r:1"]) => "i:a {r:1}";
    another_database_is_another_family: PLAIN, |b| _ = b.string("r:1", r#"{"p":"a"}"#).select_db(1).set("i:b", &["r:1"]) => "i:a {r:1}";

    a_wrong_type_is_built_anew: PLAIN, |b| _ = b.string("r:1", r#"{"p":"a"}"#).list("i:a", &["r:1"]) => "i:a {r:1}";
    a_wrong_type_goes: PLAIN, |b| _ = b.string("r:1", r#"{"p":"a"}"#).string("i:b", "r:1") => "i:a {r:1}";
    an_expiry_stays_with_its_key: PLAIN, |b| _ = b.string("r:1", r#"{"p":"a"}"#).expire_ms(NOW_MS + 1).set("i:a", &["r:1", "x"]) => "i:a {r:1}@1736185500001";
    an_expiry_goes_with_a_wrong_type: PLAIN, |b| _ = b.string("r:1", r#"{"p":"a"}"#).expire_ms(NOW_MS + 1).list("i:a", &["r:1"]) => "i:a {r:1}";
    an_expired_record_is_absent: PLAIN, |b| _ = b.expire_ms(NOW_MS).string("r:1", r#"{"p":"a"}"#).string("r:2", r#"{"p":"b"}"#).set("i:a", &["r:1"]) => "i:b {r:2}";
    a_record_that_expires_later_is_there: PLAIN, |b| _ = b.expire_ms(NOW_MS + 1).string("r:1", r#"{"p":"a"}"#) => "i:a {r:1}";
    an_expired_index_key_is_absent: PLAIN, |b| _ = b.string("r:1", r#"{"p":"a"}"#).expire_ms(NOW_MS).set("i:a", &["x"]) => "i:a {r:1}";
    an_expiry_that_is_no_time_is_none: PLAIN, |b| _ = b.expire_ms(60_000).string("r:1", r#"{"p":"a"}"#) => "i:a {r:1}";

    an_undecidable_record_keeps_its_memberships: PLAIN, |b| _ = b.string("r:1", r#"{"p":"a"}"#).string("r:2", "{").set("i:a", &["r:2", "r:9"]) => "i:a {r:1 r:2}";
    a_composite_is_undecidable: PLAIN, |b| _ = b.string("r:1", r#"{"p":"a"}"#).string("r:2", r#"{"p":{}}"#).set("i:a", &["r:2", "r:9"]) => "i:a {r:1 r:2}";
    a_list_is_not_a_record: PLAIN, |b| _ = b.string("r:1", r#"{"p":"a"}"#).list("r:2", &["x"]).set("i:a", &["r:2", "r:9"]) => "i:a {r:1}";
    a_number_is_an_undecidable_record: PLAIN, |b| _ = b.string("r:1", r#"{"p":"a"}"#).string("r:2", "7").set("i:a", &["r:2", "r:9"]) => "i:a {r:1 r:2}";
    a_wrong_key_with_one_stays: PLAIN, |b| _ = b.string("r:1", r#"{"p":"a"}"#).string("r:2", "{").set("i:b", &["r:2", "r:9"]) => "i:a {r:1} | i:b {r:2}";
    a_wrong_type_with_one_stays: PLAIN, |b| _ = b.string("r:1", r#"{"p":"a"}"#).string("r:2", "{").list("i:a", &["x", "r:2"]).hash("i:b", &[("f", "r:2")]) => "i:a [x r:2] | i:b (f=r:2)";
    an_empty_collection_is_absent: PLAIN, |b| _ = b.string("r:1", r#"{"p":"a"}"#).hash::<&str, &str>("r:2", &[]).set::<&str>("i:b", &[]) => "i:a {r:1}";
    a_document_that_names_one_stays: PLAIN, |b| _ = b.string("r:1", r#"{"p":"a"}"#).string("r:2", "{").json("i:b", r#"["\u0072:2"]"#).json("i:c", r#"["r:3"]"#) => "i:a {r:1} | i:b [\"\\u0072:2\"]";
    nothing_decodable_removes_nothing: PLAIN, |b| _ = b.string("r:1", "{").set("i:a", &["x"]).list("i:b", &["y"]) => "i:a {x} | i:b [y]";
    no_record_at_all_removes_nothing: PLAIN, |b| _ = b.set("i:a", &["x"]) => "i:a {x}";
}

const RETIRED: &str = r#"
[[index]]
name = "old"
policy = "retire"
from = "r"
key = "old:{p}"
"#;

targets! {
    a_retired_family_goes: RETIRED, |b| _ = b.string("r:1", "{}").set("old:a", &["r:1"]).string("old:b", "x") => "";
    a_retired_family_goes_with_undecidable_members: RETIRED, |b| _ = b.string("r:1", "{}").string("r:2", "{").set("old:a", &["r:2"]) => "";
    a_retired_family_without_records_stays: RETIRED, |b| _ = b.string("r:2", "{").set("old:a", &["r:2"]) => "old:a {r:2}";
}

const REPORTED: &str = r#"
[[index]]
name = "i"
policy = "report"
from = "r"
key = "i:{p}"
member = "{@key}"
"#;

targets! {
    a_report_changes_nothing: REPORTED, |b| _ = b.string("r:1", r#"{"p":"a"}"#).set("i:a", &["x"]).list("i:b", &["y"]) => "i:a {x} | i:b [y]";
}

const REQUIRING: &str = r#"
[[index]]
name = "i"
policy = "maintain"
from = "r"
key = "i:{p}"
member = "{@key}"
require = [{ record = "p", key = "p:{p}" }]
"#;

targets! {
    an_orphan_is_not_indexed: REQUIRING, |b| _ = b.string("r:1", r#"{"p":"a"}"#).string("r:2", r#"{"p":"b"}"#).string("p:a", "{}").set("i:a", &["r:1", "r:2"]).set("i:b", &["r:2"]) => "i:a {r:1}";
    an_expired_requirement_is_missing: REQUIRING, |b| _ = b.string("r:1", r#"{"p":"a"}"#).expire_ms(NOW_MS).string("p:a", "{}").set("i:a", &["r:1"]) => "";
    an_undecidable_requirement_exists: REQUIRING, |b| _ = b.string("r:1", r#"{"p":"a"}"#).string("p:a", "{") => "i:a {r:1}";
}

/// Sorted sets whose members come from a field, so that two records can imply the same one.
const RANKED: &str = r#"
[[index]]
name = "z"
policy = "maintain"
type = "zset"
from = "r"
key = "z:{p}"
member = "{m}"
score = "{s}"
"#;

targets! {
    a_score_is_as_derived: RANKED, |b| _ = b.string("r:1", r#"{"p":"a","m":"x","s":1.5}"#).string("r:2", r#"{"p":"a","m":"y","s":"1970-01-01T00:00:01Z"}"#).zset("z:a", &[("x", 9.0), ("w", 1.0)]) => "z:a {x=1.5 y=1000}";
    nothing_is_done_about_a_score_in_dispute: RANKED, |b| _ = b.string("r:1", r#"{"p":"a","m":"x","s":1}"#).string("r:2", r#"{"p":"a","m":"x","s":2}"#).string("r:3", r#"{"p":"b","m":"x","s":1}"#).string("r:4", r#"{"p":"b","m":"x","s":2}"#).string("r:5", r#"{"p":"b","m":"y","s":2}"#).zset("z:a", &[("x", 9.0)]) => "z:a {x=9} | z:b {y=2}";
    a_key_of_disputes_only_is_not_made: RANKED, |b| _ = b.string("r:1", r#"{"p":"a","m":"x","s":1}"#).string("r:2", r#"{"p":"a","m":"x","s":2}"#) => "";
    two_records_may_agree: RANKED, |b| _ = b.string("r:1", r#"{"p":"a","m":"x","s":1}"#).string("r:2", r#"{"p":"a","m":"x","s":1.0}"#) => "z:a {x=1}";
    an_undecidable_record_freezes_an_index_of_fields: RANKED, |b| _ = b.string("r:1", r#"{"p":"a","m":"x","s":1}"#).string("r:2", "{").zset("z:a", &[("y", 1.0)]).zset("z:b", &[("y", 1.0)]).list("z:c", &["y"]) => "z:a {x=1 y=1} | z:b {y=1} | z:c [y]";
    a_score_that_is_none_is_undecidable: RANKED, |b| _ = b.string("r:1", r#"{"p":"a","m":"x","s":1}"#).string("r:2", r#"{"p":"a","m":"x","s":"?"}"#).zset("z:b", &[("y", 1.0)]) => "z:a {x=1} | z:b {y=1}";
    a_set_is_the_wrong_type_for_a_sorted_set: RANKED, |b| _ = b.string("r:1", r#"{"p":"a","m":"x","s":1}"#).set("z:a", &["x"]) => "z:a {x=1}";
}

/// `x:{p}` and `x:a{q}` share keys; `x:r:*` are records, too.
const SHARED: &str = r#"
[[record]]
name = "x"
key = "x:r:*"
[[index]]
name = "p"
policy = "maintain"
from = "r"
key = "x:{p}"
member = "{@key}"
[[index]]
name = "q"
policy = "maintain"
from = "r"
key = "x:a{q}"
member = "{@key}"
"#;

targets! {
    a_key_that_two_indexes_claim_is_left: SHARED, |b| _ = b.string("r:1", r#"{"p":"a1"}"#).string("r:2", r#"{"q":"1"}"#).set("x:a1", &["y"]) => "x:a1 {y}";
    a_key_that_two_indexes_claim_is_not_made: SHARED, |b| _ = b.string("r:1", r#"{"p":"a1"}"#).string("r:2", r#"{"q":"1"}"#) => "";
    a_key_that_one_index_claims_is_its: SHARED, |b| _ = b.string("r:1", r#"{"p":"a1"}"#).string("r:2", r#"{"q":"2"}"#).set("x:a1", &["y"]).set("x:a2", &["y"]).set("x:a3", &["y"]) => "x:a1 {r:1} | x:a2 {r:2}";
    a_record_undecidable_for_a_wider_index_is_held: SHARED, |b| _ = b.string("r:1", r#"{"p":"b","q":"b"}"#).string("r:2", r#"{"p":{}}"#).set("x:ac", &["r:2", "r:9"]).set("x:ad", &["r:9"]) => "x:ab {r:1} | x:ac {r:2} | x:b {r:1}";
    an_index_key_named_like_a_record_is_made: SHARED, |b| _ = b.string("r:1", r#"{"p":"r:1"}"#) => "x:r:1 {r:1}";
    a_set_named_like_a_record_is_an_index_key: SHARED, |b| _ = b.string("r:1", r#"{"p":"r:1"}"#).set("x:r:1", &["y"]).set("x:r:2", &["y"]) => "x:r:1 {r:1}";
    a_string_named_like_a_record_is_one: SHARED, |b| _ = b.string("r:1", r#"{"p":"r:1"}"#).string("x:r:1", "{}") => "";
}
