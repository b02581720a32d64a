//! Brakes that keep what is in doubt, key by key.

use super::{Desk, brakes, dump, spec};
use crate::support::dump_writer::DumpBuilder;

/// Two records in two groups with right indexes, and one wrong key that nobody doubts.
fn base() -> DumpBuilder {
    let mut dump = dump();
    dump.hash("r:1", &[("g", "a"), ("h", "x:y")]).hash("r:2", &[("g", "b"), ("h", "z")]);
    dump.set("ix:a", &["r:1"]).set("ix:b", &["r:2"]).set("ix:gone", &["r:3"]);
    dump
}

#[test]
fn a_key_of_another_type_stays_unless_it_is_implied() {
    let mut dump = base();
    dump.string("ix:lock", "1")
        .hash("ix:stats", &[("r:1", "2")])
        .list("ix:queue", &["r:1"])
        .zset("ix:z", &[("r:1", 1.0)]);
    dump.json("ix:json", "{\"r:1\":1}");
    let text = spec("ix:{g}", "{@key}", "");
    let desk = Desk::new(&dump, &text);
    assert_eq!(brakes(&desk.inventory()), ["other-type i keeps"]);
    let planned = desk.plan(&[]);
    planned.does(&["UNLINK ix:gone"]);
    assert_eq!(planned.manifest["brakes"][0]["examples"].as_array().map(Vec::len), Some(5));
    assert_eq!(planned.manifest["indexes"][0]["left_keys"], 5);
    Desk::new(&dump, &text)
        .plan(&["--accept", "other-type"])
        .does(&["UNLINK ix:gone ix:json ix:lock ix:queue ix:stats ix:z"]);
    // A name that is implied is made anew, whatever was accepted.
    let mut implied = super::dump();
    implied.hash("r:1", &[("g", "a")]).hash("r:2", &[("g", "b")]).set("ix:b", &["r:2"]).string("ix:a", "?");
    Desk::new(&implied, &text).plan(&[]).does(&["UNLINK ix:a", "SADD ix:a r:1"]);
}

#[test]
fn a_name_with_more_parts_than_any_that_is_implied_stays() {
    let mut dump = base();
    dump.set("ix:a:sub", &["r:1"]).set("ix:b:c:d", &["r:1"]);
    let text = spec("ix:{g}", "{@key}", "");
    let planned = Desk::new(&dump, &text).plan(&[]);
    planned.does(&["UNLINK ix:gone"]);
    assert_eq!(planned.brakes(), ["nested i keeps"]);
    let accepted = Desk::new(&dump, &text).plan(&["--accept", "nested"]);
    accepted.does(&["UNLINK ix:a:sub ix:b:c:d ix:gone"]);
    assert_eq!(accepted.brakes(), ["nested i lifted"]);
    // Where an implied name has as many, it says nothing: `{h}` is `x:y` or `z`.
    let mut deep = super::dump();
    deep.hash("r:1", &[("h", "x:y")]).hash("r:2", &[("h", "z")]).set("ix:x:y", &["r:1"]).set("ix:z", &["r:2"]);
    deep.set("ix:q:w", &["r:1"]).set("ix:q:w:e", &["r:1"]);
    Desk::new(&deep, &spec("ix:{h}", "{@key}", "")).plan(&[]).does(&["UNLINK ix:q:w"]);
    // Field by field: the second one has none in any implied name, the first one has.
    let mut two = super::dump();
    two.hash("r:1", &[("h", "x:y"), ("g", "a")]).set("ix:x:y|a", &["r:1"]);
    two.set("ix:p:q|r", &["r:1"]).set("ix:p|q:r", &["r:1"]);
    Desk::new(&two, &spec("ix:{h}|{g}", "{@key}", "")).plan(&[]).does(&["UNLINK ix:p:q|r"]);
}

#[test]
fn of_a_retired_family_the_unusual_stays() {
    let retired = "version = 1\n[[record]]\nname = \"r\"\nkey = \"r:*\"\n[[index]]\nname = \"i\"\npolicy = \"retire\"\n\
                   key = \"ix:{x}\"\n";
    let mut dump = dump();
    dump.hash("r:1", &[("g", "a")]);
    dump.set("ix:a", &["1"]).set("ix:b", &["2"]).set("ix:c", &["3"]).set("ix:c:deep", &["4"]).string("ix:lock", "1");
    let planned = Desk::new(&dump, retired).plan(&[]);
    planned.does(&["UNLINK ix:a ix:b ix:c"]);
    assert_eq!(planned.brakes(), ["other-type i keeps", "nested i keeps"]);
    assert!(planned.stderr.contains("5 keys, 3 to be deleted"), "{}", planned.stderr);
    // Half and half: the deeper ones have more than half of them have.
    dump.set("ix:d:e", &["5"]).set("ix:f:g", &["6"]);
    Desk::new(&dump, retired).plan(&[]).does(&["UNLINK ix:a ix:b ix:c"]);
    dump.set("ix:h:i", &["7"]);
    Desk::new(&dump, retired)
        .plan(&["--accept", "other-type"])
        .does(&["UNLINK ix:a ix:b ix:c ix:c:deep ix:d:e ix:f:g ix:h:i ix:lock"]);
    // Where the spec says what its members are, a key that holds others stays.
    let says = retired.replace("key = \"ix:{x}\"", "from = \"r\"\nkey = \"iy:{x}\"\nmember = \"{@key}\"");
    dump.set("iy:a", &["r:1", "r:9"]).set("iy:b", &["r:1", "mail@example.org"]);
    let planned = Desk::new(&dump, &says).plan(&[]);
    planned.does(&["UNLINK iy:a"]);
    assert_eq!(planned.brakes(), ["foreign-members i keeps"]);
}

#[test]
fn a_member_of_another_form_stays_and_keeps_its_key() {
    let mut dump = base();
    // In a right key, in a wrong one, and in one that would be emptied.
    dump.set("ix:both", &["r:1", "mail@example.org", "r:7"]).set("ix:mails", &["a@example.org"]);
    let text = spec("ix:{g}", "{@key}", "");
    let planned = Desk::new(&dump, &text).plan(&[]);
    planned.does(&["UNLINK ix:gone", "SREM ix:both r:1 r:7"]);
    assert_eq!(planned.brakes(), ["foreign-members i keeps"]);
    Desk::new(&dump, &text).plan(&["--accept", "foreign-members"]).does(&["UNLINK ix:both ix:gone ix:mails"]);

    let mut right = super::dump();
    right
        .hash("r:1", &[("g", "a"), ("id", "1")])
        .set("ix:a", &["r:1", "r:2", "tag:x"])
        .set("iy:a", &["u1", "u2", "x9"]);
    let planned = Desk::new(&right, &text).plan(&[]);
    planned.does(&["SREM ix:a r:2"]);
    assert_eq!(planned.manifest["indexes"][0]["left_members"], 1);
    Desk::new(&right, &text).plan(&["--accept", "i:foreign-members"]).does(&["SREM ix:a r:2 tag:x"]);
    // A member template with text in it has a form, too; one that is a field alone has none.
    Desk::new(&right, &spec("iy:{g}", "u{id}", "")).plan(&[]).does(&["SREM iy:a u2"]);
    Desk::new(&right, &spec("iy:{g}", "{id}", "")).plan(&[]).does(&["SADD iy:a 1", "SREM iy:a u1 u2 x9"]);
    // Sorted sets alike.
    let mut zset = super::dump();
    zset.hash("r:1", &[("g", "a"), ("id", "1")]).zset("ix:a", &[("r:1", 1.0), ("x", 2.0), ("r:5", 3.0)]);
    zset.zset("ix:b", &[("x", 1.0), ("r:1", 4.0)]);
    let text = spec("ix:{g}", "{@key}", "type = \"zset\"\nscore = \"{id}\"");
    Desk::new(&zset, &text).plan(&[]).does(&["ZREM ix:a r:5", "ZREM ix:b r:1"]);
}

#[test]
fn a_member_that_any_index_of_the_key_describes_is_not_foreign() {
    // Both families have `ix:a`: the second one's members are ids.
    let text = spec("ix:{g}", "{@key}", "").replace(
        "[[index]]",
        "[[index]]\nname = \"j\"\npolicy = \"report\"\nfrom = \"r\"\n\
        key = \"{g}:{h}\"\nmember = \"id-{id}\"\n[[index]]",
    );
    let mut dump = dump();
    dump.hash("r:1", &[("g", "a")]).set("ix:a", &["r:1", "id-7", "other"]);
    let planned = Desk::new(&dump, &text).plan(&[]);
    planned.does(&["SREM ix:a id-7"]);
}

#[test]
fn the_state_of_what_a_brake_keeps_is_foreign() {
    let mut dump = base();
    dump.set("ix:a:deep", &["r:1"]).string("ix:lock", "1").set("ix:both", &["r:1", "x"]);
    let desk = Desk::new(&dump, &spec("ix:{g}", "{@key}", ""));
    let args = ["export", "dump.rdb", "--spec", "spec.toml", "--table", "memberships", "--format", "ndjson"];
    let (status, stdout, stderr) = desk.run(&args);
    assert_eq!(status, 0, "{stderr}");
    let mut rows: Vec<String> = stdout
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap_or("-").to_owned();
            format!("{} {} {}", text("key"), text("member"), text("state"))
        })
        .collect();
    rows.sort();
    assert_eq!(
        rows,
        [
            "ix:a r:1 correct",
            "ix:a:deep r:1 foreign",
            "ix:b r:2 correct",
            "ix:both r:1 stale",
            "ix:both x foreign",
            "ix:gone r:3 wrong key",
            "ix:lock - foreign",
        ]
    );
}

#[test]
fn each_brake_keeps_by_itself() {
    // A name that is too deep is kept whole, also where it names a record that cannot be decoded.
    let mut held = base();
    held.string("r:9", "5").set("ix:b:c", &["r:1", "r:9", "r:7"]);
    let text = spec("ix:{g}", "{@key}", "");
    let planned = Desk::new(&held, &text).plan(&[]);
    planned.does(&["UNLINK ix:gone"]);
    assert_eq!(planned.brakes(), ["nested i keeps"]);
    // Lifted, what names the record still holds its key.
    Desk::new(&held, &text).plan(&["--accept", "nested"]).does(&["UNLINK ix:gone", "SREM ix:b:c r:1 r:7"]);
    // To lift one is not to lift another: foreign members, a deep name of another type.
    let mut two = base();
    two.set("ix:b:c", &["r:1", "mail@example.org"]).string("ix:b:lock", "1");
    let planned = Desk::new(&two, &text).plan(&["--accept", "nested"]);
    planned.does(&["UNLINK ix:gone", "SREM ix:b:c r:1"]);
    assert_eq!(planned.brakes(), ["other-type i keeps", "nested i lifted", "foreign-members i keeps"]);
    let planned = Desk::new(&two, &text).plan(&["--accept", "other-type"]);
    planned.does(&["UNLINK ix:gone"]);
    assert_eq!(planned.brakes(), ["other-type i lifted", "nested i keeps"]);
    // A sorted set in the family of a set, with a member of another form.
    let mut sorted = base();
    sorted.zset("ix:z", &[("mail@example.org", 1.0)]).zset("ix:y", &[("r:1", 1.0)]);
    let planned = Desk::new(&sorted, &text).plan(&["--accept", "other-type"]);
    planned.does(&["UNLINK ix:gone ix:y"]);
    assert_eq!(planned.brakes(), ["other-type i lifted", "foreign-members i keeps"]);
    // The same in a retired family.
    let retired = text.replace("maintain", "retire");
    let planned = Desk::new(&two, &retired).plan(&["--accept", "nested,other-type"]);
    planned.does(&["UNLINK ix:a ix:b ix:b:lock ix:gone"]);
    assert_eq!(planned.brakes(), ["other-type i lifted", "nested i lifted", "foreign-members i keeps"]);
}

#[test]
fn what_was_lifted_is_said() {
    let mut dump = base();
    dump.set("ix:mails", &["mail@example.org"]);
    let text = spec("ix:{g}", "{@key}", "");
    let planned = Desk::new(&dump, &text).plan(&["--accept", "foreign-members"]);
    planned.does(&["UNLINK ix:gone ix:mails"]);
    assert_eq!(planned.brakes(), ["foreign-members i lifted"]);
    let page = std::fs::read_to_string(planned.folder.path().join("out/review.html")).expect("a page");
    assert!(page.contains("class=\"warn lifted\"") && planned.stderr.contains("LIFTED"), "{}", planned.stderr);
    // Of a retired family they are not looked at: that is said.
    let planned = Desk::new(&dump, &text.replace("maintain", "retire")).plan(&["--accept", "foreign-members"]);
    planned.does(&["UNLINK ix:a ix:b ix:gone ix:mails"]);
    assert_eq!(planned.brakes(), ["foreign-members i lifted"]);
}

/// An index whose names are also those that records of its class could have: `o:*` and `o:by:{x}`.
#[test]
fn index_keys_may_be_named_like_records() {
    let text = spec("o:by:{x}", "{@key}", "").replace("r:*", "o:*");
    let mut dump = dump();
    dump.hash("o:1", &[("x", "a")]).hash("o:2", &[("x", "b")]).hash("o:3", &[("x", "c")]);
    // Right, of another type, and absent.
    dump.set("o:by:a", &["o:1"]).list("o:by:b", &["precious"]);
    Desk::new(&dump, &text).plan(&[]).does(&["UNLINK o:by:b", "SADD o:by:b o:2", "SADD o:by:c o:3"]);
    // A record of that name is never written.
    dump.hash("o:by:c", &[("x", "z")]).hash("o:by:d", &[("x", "d")]);
    let planned = Desk::new(&dump, &text).plan(&[]);
    let touched: Vec<&str> = planned.commands.iter().flat_map(|words| &words[1..2]).map(String::as_str).collect();
    assert_eq!(touched, ["o:by:b", "o:by:b", "o:by:z"], "{:?}", planned.commands);
    assert!(planned.stderr.contains("left as found"), "{}", planned.stderr);
}
