//! Brakes that refuse a plan.

use super::{Desk, brakes, dump, spec};
use crate::support::dump_writer::DumpBuilder;

/// Twelve records in three groups, all indexed as they should be but for one stale member.
fn right() -> DumpBuilder {
    let mut dump = dump();
    for n in 0..12 {
        dump.hash(format!("r:{n}"), &[("g", format!("g{}", n % 3)), ("id", n.to_string())]);
    }
    for group in 0..3 {
        let mut members: Vec<String> = (0..12).filter(|n| n % 3 == group).map(|n| format!("r:{n}")).collect();
        if group == 0 {
            members.push("r:gone".to_owned());
        }
        dump.set(format!("ix:g{group}"), &members);
    }
    dump
}

#[test]
fn the_right_spec_is_not_braked() {
    let planned = Desk::new(&right(), &spec("ix:{g}", "{@key}", "")).plan(&[]);
    planned.does(&["SREM ix:g0 r:gone"]);
    assert!(planned.brakes().is_empty());
}

#[test]
fn a_misspelt_field_implies_no_entry() {
    let misspelt = spec("ix:{G}", "{@key}", "");
    Desk::new(&right(), &misspelt).plan(&[]).refused(&["no-entry (index i)"]);
    // Who has looked gets what the spec says: then all of them are wrong.
    let accepted = Desk::new(&right(), &misspelt).plan(&["--accept", "i:no-entry"]);
    accepted.does(&["UNLINK ix:g0 ix:g1 ix:g2"]);
    assert_eq!(accepted.brakes(), ["no-entry i lifted"]);
    let in_spec = spec("ix:{G}", "{@key}", "accept = [\"no-entry\"]");
    Desk::new(&right(), &in_spec).plan(&[]).does(&["UNLINK ix:g0 ix:g1 ix:g2"]);
    // A registry, whose key depends on no field: only its member does.
    let mut registry = right();
    registry.set("all", &["0", "1", "2"]);
    let member = spec("all", "{ID}", "");
    Desk::new(&registry, &member).plan(&[]).refused(&["no-entry (index i)"]);
}

#[test]
fn a_required_class_that_is_not_there_is_named() {
    let text = spec("ix:{g}", "{@key}", "require = [{ record = \"p\", key = \"project:{g}\" }]")
        + "[[record]]\nname = \"p\"\nkey = \"projects:*\"\n";
    let planned = Desk::new(
        &right(),
        &text.replace("[[record]]\nname = \"p\"\nkey = \"projects:*\"\n", "").replacen(
            "[[index]]",
            "[[record]]\nname = \"p\"\nkey = \"projects:*\"\n[[index]]",
            1,
        ),
    )
    .plan(&[]);
    planned.refused(&["no-entry (index i)"]);
    assert!(planned.stderr.contains("`require`") && planned.stderr.contains("class p"), "{}", planned.stderr);
}

#[test]
fn a_template_that_is_too_short_has_no_key_right() {
    let dump = right();
    // `ix:{g}` is the index; what is asked for is `i{g}`.
    Desk::new(&dump, &spec("i{g}", "{@key}", "")).plan(&[]).refused(&["no-key-right (index i)"]);
}

#[test]
fn a_wrong_type_is_said() {
    let zset = spec("ix:{g}", "{@key}", "type = \"zset\"\nscore = \"{id}\"");
    Desk::new(&right(), &zset).plan(&[]).refused(&["wrong-type (index i)"]);
    // Accepted, every key is deleted and made anew.
    let accepted = Desk::new(&right(), &zset).plan(&["--accept", "wrong-type"]);
    assert_eq!((accepted.status, accepted.commands[0][0].as_str()), (0, "UNLINK"));
    assert_eq!(accepted.brakes(), ["wrong-type i lifted"]);
    // Both at once: no record implies an entry, and no key has the type.
    let both = spec("ix:{G}", "{@key}", "type = \"zset\"\nscore = \"{id}\"");
    Desk::new(&right(), &both).plan(&[]).refused(&["no-entry (index i)", "wrong-type (index i)"]);
    // Lifting one is not lifting the other.
    Desk::new(&right(), &both).plan(&["--accept", "no-entry"]).refused(&["wrong-type (index i)"]);
}

#[test]
fn a_filtered_index_is_not_filled_up() {
    let filtered = |there: usize, all: usize| {
        let mut dump = dump();
        let key = |n: &usize| format!("r:{n}");
        for n in 0..all {
            dump.hash(key(&n), &[("g", "a")]);
        }
        dump.set("ix:a", &(0..there).map(|n| key(&n)).collect::<Vec<_>>());
        dump
    };
    let spec = spec("ix:{g}", "{@key}", "");
    // More are missing than are right, and at least ten.
    Desk::new(&filtered(9, 19), &spec).plan(&[]).refused(&["mostly-missing (index i)"]);
    assert_eq!(Desk::new(&filtered(10, 20), &spec).plan(&[]).status, 0, "as many are right as are missing");
    assert_eq!(Desk::new(&filtered(1, 10), &spec).plan(&[]).status, 0, "only nine are missing");
    let accepted = Desk::new(&filtered(9, 19), &spec).plan(&["--accept", "i:mostly-missing"]);
    assert_eq!((accepted.status, accepted.commands[0].len()), (0, 12));
    // What is missing from keys that do not exist does not count.
    let mut dump = filtered(9, 9);
    for n in 0..30 {
        dump.hash(format!("r:b{n}"), &[("g", "b")]);
    }
    assert_eq!(Desk::new(&dump, &spec).plan(&[]).status, 0);
    // A score that differs is neither right nor missing.
    let mut dump = super::dump();
    for n in 0..20 {
        dump.hash(format!("r:{n}"), &[("g", "a"), ("s", "1")]);
    }
    dump.zset("ix:a", &(0..20).map(|n| (format!("r:{n}"), 2.0)).collect::<Vec<_>>());
    let zset = super::spec("ix:{g}", "{@key}", "type = \"zset\"\nscore = \"{s}\"");
    let planned = Desk::new(&dump, &zset).plan(&[]);
    assert_eq!((planned.status, planned.commands.len()), (0, 1), "{}", planned.stderr);
}

#[test]
fn another_database_is_no_match() {
    let other = spec("index:{g}", "{@key}", "").replace("r:*", "record:*");
    let planned = Desk::new(&right(), &other).plan(&[]);
    planned.refused(&["no-match"]);
    assert!(planned.stderr.contains("describes none of the dump's keys"), "{}", planned.stderr);
    assert!(planned.stderr.contains("rdb-reindex infer dump.rdb"), "{}", planned.stderr);
    // The same names in another database.
    let db = spec("ix:{g}", "{@key}", "").replace("key = \"r:*\"", "key = \"r:*\"\ndb = 3");
    Desk::new(&right(), &db).plan(&[]).refused(&["no-match"]);
    // A dump without keys has nothing to match.
    let planned = Desk::new(&dump(), &other).plan(&[]);
    planned.does(&[]);
    // Keys that only look like records, of a type that no record has.
    let mut sets = dump();
    sets.set("r:1", &["a"]);
    Desk::new(&sets, &spec("ix:{g}", "{@key}", "")).plan(&[]).refused(&["no-match"]);
    // The presets that would match are named.
    let mut discord = dump();
    discord.string("message:discord:p:1", "{}");
    let planned = Desk::new(&discord, &other).plan(&[]);
    planned.refused(&["no-match"]);
    assert!(!planned.stderr.contains("of the presets"), "one stray key: {}", planned.stderr);
    discord.set("discord:messages:project:p", &["message:discord:p:1"]);
    let planned = Desk::new(&discord, &other).plan(&[]);
    planned.refused(&["no-match"]);
    assert!(planned.stderr.contains("--preset discord-analytics"), "{}", planned.stderr);
}

/// Who named no spec is not told of one, and not of the application that the default preset is for.
#[test]
fn without_a_spec_nothing_is_planned_of_other_databases() {
    let desk = Desk::new(&right(), "");
    let (status, stdout, stderr) = desk.run(&["plan", "dump.rdb", "--out", "out", "--exit-code"]);
    assert_eq!((status, stdout.as_str()), (4, ""), "{stderr}");
    assert!(!desk.path("out").exists());
    let reason = "no-match: no spec was given, and the default preset describes none of the dump's keys";
    assert!(stderr.contains(reason) && stderr.contains("`rdb-reindex infer dump.rdb` proposes a spec"), "{stderr}");
    assert!(!stderr.to_lowercase().contains("discord"), "{stderr}");
}

#[test]
fn what_is_kept_anyway_is_not_refused() {
    // Section 7: no record can be decoded, so nothing is deleted or removed.
    let mut dump = dump();
    dump.string("r:1", "not JSON").set("ix:g0", &["r:1", "r:2"]);
    Desk::new(&dump, &spec("ix:{g}", "{@key}", "")).plan(&[]).does(&[]);
}

#[test]
fn what_is_only_reported_is_told_and_not_refused() {
    let text = spec("ix:{G}", "{@key}", "").replace("maintain", "report");
    let desk = Desk::new(&right(), &text);
    assert_eq!(brakes(&desk.inventory()), ["no-entry i told"]);
    desk.plan(&[]).does(&[]);
}

#[test]
fn the_inventory_tells_them_without_a_refusal() {
    let desk = Desk::new(&right(), &spec("ix:{G}", "{@key}", "type = \"zset\"\nscore = \"{id}\""));
    assert_eq!(brakes(&desk.inventory()), ["no-entry i refuses", "wrong-type i refuses", "other-type i keeps"]);
    let (status, stdout, _) = desk.run(&["inventory", "dump.rdb", "--spec", "spec.toml"]);
    let (brakes, indexes) = (stdout.find("\nBrakes\n"), stdout.find("\nIndexes\n"));
    assert!(status == 0 && brakes.is_some() && brakes < indexes, "{stdout}");
}

#[test]
fn no_literal_text_is_an_error_in_the_spec() {
    for key in ["{g}", "{g}:ix"] {
        let planned = Desk::new(&right(), &spec(key, "{@key}", "")).plan(&[]);
        assert_eq!(planned.status, 1, "{}", planned.stderr);
        assert!(planned.stderr.contains("no-literal") && planned.stderr.contains("spec.toml:9:"), "{}", planned.stderr);
    }
    // Names of records of a class are as good as text.
    let key = spec("{@key}:ix", "{id}", "");
    assert_eq!(Desk::new(&right(), &key).plan(&[]).status, 0);
    // Lifted, the other brakes are still there: no key of that form is right.
    let planned = Desk::new(&right(), &spec("{g}:x", "{@key}", "")).plan(&["--accept", "no-literal"]);
    assert_eq!(planned.status, 0, "{}", planned.stderr);
    assert!(planned.commands.iter().all(|words| words[0] == "SADD"), "{:?}", planned.commands);
    assert_eq!(planned.brakes(), ["no-literal i lifted"]);
}

#[test]
fn an_acceptance_that_means_nothing_is_an_error() {
    let text = spec("ix:{g}", "{@key}", "");
    for (accept, status, said) in [
        ("no-entri", 2, "no-entry"),
        ("j:no-entry", 1, "\"j\""),
        ("i:no-match", 2, "--accept no-match"),
        ("", 2, "the brakes are"),
    ] {
        let planned = Desk::new(&right(), &text).plan(&["--accept", accept]);
        assert!(
            planned.status == status && planned.stderr.contains(said),
            "{accept}: {} {}",
            planned.status,
            planned.stderr
        );
    }
    for (lines, said) in [
        ("accept = [\"nothing\"]", "\"nothing\" is not a brake"),
        ("accept = \"nested\"", "accept is a list of brakes"),
        ("accept = [\"no-match\"]", "about the whole dump"),
        ("accept = [7]", "accept is a list of brakes"),
    ] {
        let planned = Desk::new(&right(), &spec("ix:{g}", "{@key}", lines)).plan(&[]);
        assert!(planned.status == 1 && planned.stderr.contains(said), "{}", planned.stderr);
    }
}

#[test]
fn at_the_top_of_a_spec_a_brake_is_lifted_for_all() {
    let top = |accept: &str, lines: &str| {
        spec("ix:{G}", "{@key}", lines).replacen("version = 1\n", &format!("version = 1\naccept = [\"{accept}\"]\n"), 1)
    };
    Desk::new(&right(), &top("no-entry", "")).plan(&[]).does(&["UNLINK ix:g0 ix:g1 ix:g2"]);
    // An index that says itself what is lifted says all of it.
    let own = top("no-entry", "accept = [\"nested\"]");
    Desk::new(&right(), &own).plan(&[]).refused(&["no-entry (index i)"]);
    let other = spec("index:{g}", "{@key}", "").replace("r:*", "record:*");
    let other = other.replacen("version = 1\n", "version = 1\naccept = [\"no-match\"]\n", 1);
    let planned = Desk::new(&right(), &other).plan(&[]);
    planned.does(&[]);
    assert_eq!(planned.brakes(), ["no-match - lifted"]);
}

#[test]
fn nothing_is_refused_where_undecidable_records_hold_everything() {
    let mut dump = dump();
    dump.string("r:1", "5").string("r:2", r#"{"q":1}"#).set("ix:a", &["r:1"]).set("ix:b", &["r:1"]);
    let planned = Desk::new(&dump, &spec("ix:{g}", "{@key}", "")).plan(&[]);
    planned.does(&[]);
    assert!(planned.brakes().is_empty(), "{:?}", planned.brakes());
    // One member more that nothing holds.
    dump.set("ix:b2", &["r:1", "r:7"]);
    Desk::new(&dump, &spec("ix:{g}", "{@key}", "")).plan(&[]).refused(&["no-entry (index i)"]);
}
