//! Entries that name keys: what goes, and above all what stays.

use super::{Desk, brakes, dump};
use crate::support::dump_writer::DumpBuilder;

/// A spec of prune rules, each as the lines of its table.
fn rules(rules: &[&str]) -> String {
    let mut text = String::from("version = 1\n");
    for (number, rule) in rules.iter().enumerate() {
        let policy = if rule.contains("policy") { "" } else { "policy = \"prune\"\n" };
        text.push_str(&format!("[[index]]\nname = \"i{number}\"\n{policy}{rule}\n"));
    }
    text
}

fn plan(dump: &DumpBuilder, text: &[&str]) -> super::Planned {
    Desk::new(dump, &rules(text)).plan(&[])
}

const SET: &str = "key = \"s:{@q}\"\nmember = \"{@id}\"\nexists = \"job:{@id}\"";

#[test]
fn every_type_loses_what_names_nothing_and_nothing_else() {
    let mut dump = dump();
    dump.string("job:1", "x").hash("job:2", &[("a", "b")]).list("job:3", &["z"]);
    dump.set("s:a", &["1", "2", "9", "8"]);
    dump.zset("z:a", &[("1", 1.5), ("9", 2.0), ("3", -1.0)]);
    dump.list("l:a", &["9", "1", "9", "3", "8"]);
    dump.hash("h:a", &[("1", "9"), ("9", "1"), ("3", "2")]);
    dump.hash("v:a", &[("x", "1"), ("y", "9"), ("z", "job")]);
    dump.string("p:a", "1").string("p:b", "9").string("p:c", "no:id");
    dump.string("lock:1", "").set("lock:9", &["1"]).string("lock:9:x", "");
    let of = |kind: &str, more: &str| {
        let key = &kind[..1];
        format!("type = \"{kind}\"\nkey = \"{key}:{{@q}}\"\nexists = \"job:{{@id}}\"\n{more}")
    };
    let planned = plan(
        &dump,
        &[
            SET,
            &of("zset", "member = \"{@id}\""),
            &of("list", "member = \"{@id}\""),
            &of("hash", "member = \"{@id}\""),
            "type = \"hash\"\nkey = \"v:{@q}\"\nvalue = \"{@id:digits}\"\nexists = \"job:{@id}\"",
            "type = \"string\"\nkey = \"p:{@q}\"\nvalue = \"{@id}\"\nexists = \"job:{@id}\"",
            "type = \"any\"\nkey = \"lock:{@id}\"\nexists = \"job:{@id}\"",
        ],
    );
    planned.does(&[
        "UNLINK lock:9 p:b",
        "SREM s:a 8 9",
        "ZREM z:a 9",
        "LREM l:a 0 9",
        "LREM l:a 0 8",
        "HDEL h:a 9",
        "HDEL v:a y",
    ]);
}

#[test]
fn what_empties_a_key_deletes_it_and_what_has_not_the_form_stays() {
    let mut dump = dump();
    dump.string("job:1", "x").set("s:gone", &["8", "9"]).set("s:else", &["9", "not:an:id"]).set("s:ok", &["1"]);
    // Of another type, or named otherwise: not of the family.
    dump.list("s:list", &["9"]).set("s:a:b", &["9"]).set("t:a", &["9"]);
    plan(&dump, &[SET]).does(&["UNLINK s:gone", "SREM s:else 9"]);
}

#[test]
fn a_key_that_is_there_in_doubt_or_gone() {
    let mut dump = dump();
    dump.string("job:1", "");
    // Expired when the dump was made; and an expiry before 2009, which may mean anything.
    dump.expire_ms(1_400_000_000_000).string("job:2", "").expire_ms(5000).string("job:3", "");
    dump.raw(2, "job:4", [0]).set("s:a", &["1", "2", "3", "4"]);
    plan(&dump, &[SET]).does(&["SREM s:a 2 4"]);
}

#[test]
fn several_ways_to_stay() {
    let mut dump = dump();
    dump.string("d:1", "").string("d:2:LOCKED", "").set("s:a", &["d:1", "d:2", "d:3"]);
    let text = "key = \"s:{@q}\"\nmember = \"{@d*}\"\nexists = [\"{@d}\", \"{@d}:LOCKED\"]";
    plan(&dump, &[text]).does(&["SREM s:a d:3"]);
    // Of several rules for one key an entry stays if one whose form it has finds its key.
    let mut two = super::dump();
    two.string("a:1", "").string("b:2", "").set("s:a", &["1", "2", "3", "x:y"]);
    let rule = |prefix: &str| format!("key = \"s:{{@q}}\"\nmember = \"{{@id}}\"\nexists = \"{prefix}:{{@id}}\"");
    plan(&two, &[&rule("a"), &rule("b")]).does(&["SREM s:a 3"]);
    // A rule that only reports takes nothing away and keeps nothing.
    let report = rule("b") + "\npolicy = \"report\"";
    plan(&two, &[&report, &rule("a")]).does(&["SREM s:a 2 3"]);
    let mut one = super::dump();
    one.string("b:2", "").set("s:a", &["2", "3"]);
    let reported = Desk::new(&one, &rules(&[&report]));
    assert_eq!(reported.inventory()["indexes"][0]["stale_members"], 1);
    reported.plan(&[]).does(&[]);
}

#[test]
fn what_is_only_built_needs_no_text_between_its_parts() {
    let mut dump = dump();
    dump.string("app:a:1", "").zset("app:tag:t:entries", &[("a:1", 1.0), ("a:2", 1.0)]);
    let text = "type = \"zset\"\nkey = \"{@prefix*}tag:{@tag*}:entries\"\nmember = \"{@item*}\"\n\
                exists = \"{@prefix}{@item}\"";
    plan(&dump, &[text]).does(&["ZREM app:tag:t:entries a:2"]);
}

#[test]
fn what_is_asked_of_the_named_key() {
    let mut dump = dump();
    dump.hash("job:1", &[("status", "failed"), ("q", "a")]).hash("job:2", &[("status", "done"), ("q", "a")]);
    dump.hash("job:3", &[("status", "failed"), ("q", "b")]).string("job:4", "{\"status\":\"failed\",\"q\":\"a\"}");
    // Neither can be decoded, or has fields: they stay.
    dump.string("job:5", "pickled").list("job:6", &["x"]).string("job:7", "{\"status\":{\"x\":1},\"q\":\"a\"}");
    dump.string("job:8", "{\"status\":7,\"q\":\"a\"}");
    dump.zset("f:a", &(1..=9).map(|n| (n.to_string(), f64::from(n))).collect::<Vec<_>>());
    let text = "type = \"zset\"\nkey = \"f:{@q}\"\nmember = \"{@id}\"\n\
                exists = { key = \"job:{@id}\", where = { status = [\"failed\", \"lost\", 7], q = \"{@q}\" } }";
    plan(&dump, &[text]).does(&["ZREM f:a 2 3 9"]);
    let mut there = super::dump();
    there.hash("job:1", &[("at", "")]).hash("job:2", &[("hidden", "1"), ("at", "1")]).hash("job:3", &[("b", "1")]);
    there.set("f:a", &["1", "2", "3"]);
    let text =
        "key = \"f:{@q}\"\nmember = \"{@id}\"\nexists = { key = \"job:{@id}\", where = { at = true, hidden = false } }";
    plan(&there, &[text]).does(&["SREM f:a 2 3"]);
}

#[test]
fn a_field_of_a_hash() {
    let mut dump = dump();
    dump.hash("m:q", &[("1", "{\"a\":\"x\"}"), ("2", "{\"a\":\"y\"}"), ("3", "no JSON")]);
    dump.string("m:p", "not a hash").list("q", &["1", "2", "3", "4"]).list("p", &["1"]).list("r", &["1"]);
    let text = "type = \"list\"\nkey = \"{@q}\"\nmember = \"{@id}\"\nexists = { key = \"m:{@q}\", field = \"{@id}\" }";
    // `r` has no hash; without literal text in the template, what names nothing is something else.
    let planned = plan(&dump, &[text]);
    planned.does(&["LREM q 0 4"]);
    let text = format!("{}, where = {{ a = \"x\" }} }}", text.trim_end_matches(" }"));
    plan(&dump, &[&text]).does(&["LREM q 0 2", "LREM q 0 4"]);
}

#[test]
fn what_the_plan_deletes_counts_as_gone_to_the_end_of_the_chain() {
    let mut dump = dump();
    dump.string("a:1", "").set("b:1", &["1"]).set("b:2", &["2"]).set("c:1", &["1"]).set("c:2", &["2"]);
    dump.set("d:all", &["1", "2"]);
    let rule = |key: &str, named: &str| format!("key = \"{key}\"\nmember = \"{{@id}}\"\nexists = \"{named}:{{@id}}\"");
    let planned = plan(&dump, &[&rule("d:{@x}", "c"), &rule("c:{@x}", "b"), &rule("b:{@x}", "a")]);
    planned.does(&["UNLINK b:2 c:2", "SREM d:all 2"]);
    // A family that is retired is gone, too.
    let text = rules(&[&rule("d:{@x}", "c"), "policy = \"retire\"\nkey = \"c:{@x}\"\naccept = [\"nested\"]"])
        .replace("\"c:{@x}\"", "\"c:{x}\"");
    let mut found = dump.clone();
    found.set("d:more", &["1"]);
    let retired = Desk::new(&found, &text).plan(&[]);
    retired.does(&["UNLINK c:1 c:2 d:all d:more"]);
}

#[test]
fn a_circle_of_rules_is_an_error() {
    let rule =
        |key: &str, named: &str| format!("key = \"{key}:{{@x}}\"\nmember = \"{{@id}}\"\nexists = \"{named}:{{@id}}\"");
    let mut dump = dump();
    dump.set("a:1", &["1"]);
    for text in [vec![rule("a", "b"), rule("b", "c"), rule("c", "a")], vec![rule("a", "a")]] {
        let text: Vec<&str> = text.iter().map(String::as_str).collect();
        let planned = plan(&dump, &text);
        assert_eq!(planned.status, 1, "{}", planned.stderr);
        assert!(planned.stderr.contains("spec.toml:"), "{}", planned.stderr);
    }
}

#[test]
fn a_template_without_text_takes_only_what_names_keys() {
    let mut dump = dump();
    dump.string("x", "")
        .string("y", "")
        .set("tag", &["x", "gone"])
        .set("friends", &["ann", "bob"])
        .set("dead", &["gone"]);
    let planned = plan(&dump, &["key = \"{@k*}\"\nmember = \"{@m*}\"\nexists = \"{@m}\""]);
    planned.does(&["SREM tag gone"]);
    assert!(
        planned.stderr.contains("2 keys left as found") || planned.stderr.contains("2 keys stay"),
        "{}",
        planned.stderr
    );
    plan(&dump, &["key = \"{@k*}\"\nnot = [\"t*\"]\nmember = \"{@m*}\"\nexists = \"{@m}\""]).does(&[]);
    // Each rule by itself: that another one has literal text says nothing of this one.
    let mut mixed = super::dump();
    mixed.list("k:aa", &["1", "1"]).string("job:aa", "").list("k:x", &["1", "job:aa"]);
    let any = "type = \"any\"\nkey = \"k:{@id}\"\nexists = [\"job:{@id}\"]\n";
    let open = "type = \"list\"\nkey = \"{@a*}\"\nmember = \"{@m*}\"\nexists = \"{@m}\"";
    plan(&mixed, &[open, any]).does(&["UNLINK k:x"]);
    // Nor does a key as a whole.
    plan(&dump, &["type = \"any\"\nkey = \"{@k*}\"\nexists = \"{@k}:meta\""]).does(&[]);
}

#[test]
fn a_slip_that_names_nothing_is_refused() {
    let mut dump = dump();
    dump.string("job:1", "").set("s:a", &["1", "2"]);
    let slip = SET.replace("job:", "jobs:");
    let desk = Desk::new(&dump, &rules(&[&slip]));
    assert_eq!(brakes(&desk.inventory()), ["no-reference i0 refuses"]);
    desk.plan(&[]).refused(&["no-reference (index i0)"]);
    Desk::new(&dump, &rules(&[&slip])).plan(&["--accept", "i0:no-reference"]).does(&["UNLINK s:a"]);
    // Another rule with the same template finds one, whatever its captures are called.
    let mut two = dump.clone();
    two.set("t:a", &["1"]);
    let other = "key = \"t:{@q}\"\nmember = \"{@x}\"\nexists = \"job:{@x}\"";
    let mut first = super::dump();
    first.string("job:1", "").set("s:a", &["2"]).set("t:a", &["1"]);
    plan(&first, &[SET, other]).does(&["UNLINK s:a"]);
    plan(&first, &[SET]).refused(&["no-reference (index i0)"]);
}

#[test]
fn records_and_what_they_imply_are_never_pruned() {
    let mut dump = dump();
    dump.hash("user:1", &[("g", "a")])
        .set("tag:a", &["user:1", "user:2"])
        .string("user:1:lock", "")
        .string("user:2:lock", "");
    let text = "version = 1\n[[record]]\nname = \"user\"\nkey = \"user:{@id}\"\n\
                [[index]]\nname = \"tag\"\npolicy = \"maintain\"\nfrom = \"user\"\nkey = \"tag:{g}\"\nmember = \"{@key}\"\n\
                [[index]]\nname = \"lock\"\npolicy = \"prune\"\ntype = \"any\"\nkey = \"user:{@id}:lock\"\nexists = \"user:{@id}\"\n\
                [[index]]\nname = \"self\"\npolicy = \"prune\"\ntype = \"any\"\nkey = \"user:{@id}\"\nexists = \"account:{@id}\"\n\
                accept = [\"no-reference\"]\n";
    Desk::new(&dump, text).plan(&[]).does(&["UNLINK user:2:lock", "SREM tag:a user:2"]);
}

#[test]
fn a_long_list_is_named_with_the_time_it_takes() {
    let mut dump = dump();
    let mut elements: Vec<String> = vec!["1".to_owned(); 100_001];
    elements.extend(["8".to_owned(), "9".to_owned()]);
    dump.string("job:1", "").list("s:long", &elements).list("s:short", &["1", "9"]);
    let planned = plan(&dump, &[&format!("type = \"list\"\n{SET}")]);
    assert_eq!(planned.status, 0, "{}", planned.stderr);
    let warnings = planned.manifest["warnings"].as_array().expect("warnings");
    // Two commands through 100,003 elements at 1.6 ms for 100,000.
    let about: Vec<&str> =
        warnings.iter().filter_map(|text| text.as_str()).filter(|text| text.contains("LREM")).collect();
    let expected = "s:long has 100,003 elements, and each of 2 LREM commands goes through all of it: about 3 ms in which the \
                    server answers nobody else";
    assert_eq!(about, [expected]);
}
