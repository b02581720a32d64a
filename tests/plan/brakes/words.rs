//! No false word about indexes: what a plan says of them is so, and the spec that was used is named.

use super::{Desk, dump, spec};

#[test]
fn nothing_to_do_is_said_only_where_everything_is_right() {
    let right = |json: &str| {
        let mut dump = dump();
        dump.string("r:1", json).hash("r:2", &[("g", "a")]).set("ix:a", &["r:2"]);
        dump
    };
    let text = spec("ix:{g}", "{@key}", "");
    let planned = Desk::new(&right(r#"{"g":null}"#), &text).plan(&[]);
    assert!(
        planned.stderr.contains("Nothing to do: the indexes in the dump are as they should be."),
        "{}",
        planned.stderr
    );
    // A record of which nothing can be said: the rest is right.
    let planned = Desk::new(&right("7"), &text).plan(&[]);
    assert!(
        planned.stderr.contains("Nothing to do: as far as can be told, the indexes are as they should be."),
        "{}",
        planned.stderr
    );
    assert!(planned.stderr.contains("records of which nothing can be said, by index: 1 (i)"), "{}", planned.stderr);
    // Its members are held.
    let mut dump = right("7");
    dump.set("ix:b", &["r:1"]);
    let planned = Desk::new(&dump, &text).plan(&[]);
    planned.does(&[]);
    assert!(planned.stderr.contains("Nothing is changed, but not everything is right."), "{}", planned.stderr);
    assert!(!planned.stderr.contains("as they should be"), "{}", planned.stderr);
    let shown = Desk { folder: planned.folder }.run(&["show", "out"]);
    assert!(shown.1.contains("Nothing is changed, but not everything is right."), "{}", shown.1);
    let page =
        |folder: &tempfile::TempDir| std::fs::read_to_string(folder.path().join("out/review.html")).expect("a page");
    // All of its records are undecidable: nothing is deleted.
    let mut frozen = super::dump();
    frozen.string("r:1", "x").set("ix:b", &["r:1"]).set("ix:c", &["r:9"]);
    let planned = Desk::new(&frozen, &text).plan(&[]);
    planned.does(&[]);
    assert!(planned.stderr.contains("Nothing is changed, but not everything is right."), "{}", planned.stderr);
    assert!(page(&planned.folder).contains("not everything is right"));
    assert!(!page(&planned.folder).contains("as they should be"));
}

#[test]
fn what_is_to_be_deleted_is_counted() {
    let retired = spec("ix:{g}", "{@key}", "").replace("maintain", "retire");
    let mut dump = dump();
    // No record of the class can be decoded: nothing of the family is deleted.
    dump.string("r:1", "x").set("ix:b", &["r:1"]).set("ix:c", &["r:9"]);
    let planned = Desk::new(&dump, &retired).plan(&[]);
    planned.does(&[]);
    assert!(planned.stderr.contains("2 keys, none to be deleted"), "{}", planned.stderr);
    assert!(!planned.stderr.contains("all to be deleted"), "{}", planned.stderr);
}

#[test]
fn the_spec_that_was_used_is_named() {
    let mut given = dump();
    given.hash("r:1", &[("g", "a")]).set("ix:a", &["r:1"]);
    let planned = Desk::new(&given, &spec("ix:{g}", "{@key}", "")).plan(&[]);
    assert!(planned.stderr.contains("spec.toml"), "{}", planned.stderr);
    let mut discord = dump();
    discord.json("project:discord:a", "{}").set("discord:projects:all", &["project:discord:a"]);
    let desk = Desk::new(&discord, "");
    let (status, _, stderr) = desk.run(&["plan", "dump.rdb", "--out", "out"]);
    assert_eq!(status, 0, "{stderr}");
    assert!(stderr.contains("preset discord-analytics"), "{stderr}");
}

#[test]
fn a_scalar_under_the_prefix_is_no_record() {
    let spec = spec("ix:{g}", "{@key}", "");
    for text in ["12", "\"{\\\"g\\\":\\\"a\\\"}\"", "true", "null", "[]", "[{\"g\":\"a\"}]", "lock", ""] {
        for json in [false, true] {
            if json && ["lock", ""].contains(&text) {
                continue;
            }
            let mut dump = dump();
            let put = |dump: &mut super::DumpBuilder, key: &str, text: &str| {
                if json {
                    dump.json(key, text).offset()
                } else {
                    dump.string(key, text).offset()
                };
            };
            put(&mut dump, "r:1", text);
            dump.hash("r:2", &[("g", "a")]).set("ix:a", &["r:1", "r:2", "r:3"]).set("ix:b", &["r:1"]);
            let planned = Desk::new(&dump, &spec).plan(&[]);
            // What names it is held; what names nothing goes.
            planned.does(&["SREM ix:a r:3"]);
            assert_eq!(planned.manifest["indexes"][0]["undecidable_records"], 1, "{text}");
            // Where nothing else is a record, nothing goes at all.
            let mut alone = super::dump();
            put(&mut alone, "r:1", text);
            alone.set("ix:a", &["r:1", "r:3"]).set("ix:b", &["r:9"]);
            Desk::new(&alone, &spec).plan(&[]).does(&[]);
        }
    }
}

#[test]
fn a_collection_under_the_prefix_is_none_of_the_records() {
    let mut dump = dump();
    dump.hash("r:1", &[("g", "a")]).set("r:1:tags", &["x"]).list("r:list", &["x"]).zset("r:z", &[("x", 1.0)]);
    dump.set("ix:a", &["r:1", "r:1:tags", "r:list"]);
    let planned = Desk::new(&dump, &spec("ix:{g}", "{@key}", "")).plan(&[]);
    planned.does(&["SREM ix:a r:1:tags r:list"]);
    assert_eq!(planned.manifest["indexes"][0]["undecidable_records"], 0);
    // Nor does it satisfy a `require`.
    let required = spec("ix:{g}", "{@key}", "require = [{ record = \"p\", key = \"p:{g}\" }]").replacen(
        "[[index]]",
        "[[record]]\nname = \"p\"\nkey = \"p:*\"\n[[index]]",
        1,
    );
    dump.hash("r:2", &[("g", "b")]).set("ix:b", &["r:2"]).set("p:a", &["x"]).string("p:b", "undecodable");
    Desk::new(&dump, &required).plan(&[]).does(&["UNLINK ix:a"]);
}

#[test]
fn an_index_that_the_dump_knows_nothing_of_is_named() {
    let mut dump = dump();
    dump.hash("r:1", &[("g", "a")]).set("ix:a", &["r:1"]);
    let more = |policy: &str| {
        format!(
            "[[index]]\nname = \"old\"\npolicy = \"{policy}\"\nfrom = \"r\"\nkey = \"ixx:{{no}}\"\nmember = \"{{@key}}\"\n"
        )
    };
    let said = |policy: &str| {
        let planned = Desk::new(&dump, &(spec("ix:{g}", "{@key}", "") + &more(policy))).plan(&[]);
        planned.does(&[]);
        planned.stderr.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let maintained = said("maintain");
    assert!(maintained.contains("the other indexes are as they should be; the dump has no key of old"), "{maintained}");
    // A retired index is to have no keys.
    let retired = said("retire");
    assert!(retired.contains("no key of such a name in the dump: nothing to delete"), "{retired}");
    assert!(retired.contains("Nothing to do: the indexes in the dump are as they should be."), "{retired}");
    let planned = Desk::new(&dump, &spec("iy:{G}", "{@key}", "")).plan(&[]);
    let said = planned.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("Nothing to do: the dump has no key of i, and no record implies one."), "{said}");
    assert!(!said.contains("as they should be") && !said.contains("all right"), "{said}");
}

#[test]
fn a_disagreement_is_not_called_damage() {
    let mut dump = dump();
    dump.hash("r:1", &[("g", "a"), ("m", "x"), ("s", "1")]).hash("r:2", &[("g", "a"), ("m", "x"), ("s", "2")]);
    dump.hash("r:3", &[("g", "a"), ("m", "y"), ("s", "3")]).zset("ix:a", &[("x", 3.0), ("y", 3.0)]);
    let text = spec("ix:{g}", "{m}", "type = \"zset\"\nscore = \"{s}\"");
    let planned = Desk::new(&dump, &text).plan(&[]);
    planned.does(&[]);
    assert!(planned.stderr.contains("records disagree on the score"), "{}", planned.stderr);
    assert!(!planned.stderr.contains("cannot be decoded"), "{}", planned.stderr);
}

#[test]
fn why_nothing_is_taken_from_a_key_is_said() {
    // `ix:sub:a` also fits the family of `wide`, of which a record says nothing certain.
    let wide = "[[index]]\nname = \"wide\"\npolicy = \"report\"\nfrom = \"r\"\nkey = \"ix:{h}\"\nmember = \"{id}\"\n";
    let mut dump = dump();
    dump.hash("r:1", &[("g", "a")]).string("r:2", "5").set("ix:sub:a", &["r:1"]).set("ix:sub:b", &["r:8"]);
    let planned = Desk::new(&dump, &(spec("ix:sub:{g}", "{@key}", "") + wide)).plan(&[]);
    planned.does(&[]);
    assert!(planned.stderr.contains("only added to"), "{}", planned.stderr);
}
