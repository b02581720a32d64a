//! The kinds of rules that are found, and what is said against those that are not recommended.

use serde_json::Value as Js;

use super::{lines, proposal, run, unwrapped};
use crate::support::dump_writer::DumpBuilder;

fn dump(fill: impl FnOnce(&mut DumpBuilder)) -> Vec<u8> {
    let mut dump = DumpBuilder::new(11);
    dump.server_aux(1_736_200_000).select_db(0);
    fill(&mut dump);
    dump.finish()
}

/// Sixty accounts of four tenants, hashes. Of the number n mod 5 decides the state.
fn accounts() -> impl Iterator<Item = (usize, &'static str, &'static str)> {
    (1000..1060)
        .map(|n| (n, ["acme", "globex", "initech", "umbrella"][n % 4], ["open", "open", "held", "open", "shut"][n % 5]))
}

fn write(dump: &mut DumpBuilder) {
    for (n, tenant, state) in accounts() {
        let fields = [("login", format!("user{n}@example.org")), ("state", state.to_owned()), ("n", n.to_string())];
        dump.hash(format!("t:{tenant}:account:{n}"), &fields);
    }
}

/// The same without tenants in their names.
fn write_plain(dump: &mut DumpBuilder) {
    for (n, _, state) in accounts() {
        dump.hash(format!("account:{n}"), &[("state", state.to_owned()), ("n", n.to_string())]);
    }
}

/// What is recommended, by the key of each rule.
fn recommended(text: &str) -> Vec<(String, Option<String>)> {
    let mut all = Vec::new();
    let mut policy = None;
    for line in text.lines() {
        if line.starts_with("policy") {
            policy = line.split_once("# recommended: ").map(|(_, word)| word.to_owned());
        } else if let Some(key) = line.strip_prefix("key ").filter(|_| !text.is_empty()) {
            let key = key.trim_start_matches([' ', '=']).trim_matches('"').to_owned();
            all.push((key, policy.take()));
        }
    }
    all.sort();
    all
}

/// The numbers of orders are parts of each other: `order:1` and `14` make up a name that is there, and mean nothing.
#[test]
fn a_name_is_not_continued_by_digits_of_another() {
    let (_, text) = proposal(&dump(|dump| {
        for n in (1..400).filter(|n| n % 11 != 1) {
            dump.hash(format!("order:{n}"), &[("total", (n * 7).to_string())]);
        }
        for user in 1..40 {
            let orders: Vec<String> = (1..400).filter(|n| n % 40 == user).map(|n| format!("order:{n}")).collect();
            dump.list(format!("orders:user:{user}"), &orders);
        }
    }));
    assert!(text.contains("\nexists = \"{@id}\"\n"), "{text}");
}

/// What the name of a record varies in is a field like others.
#[test]
fn parts_of_the_key_are_fields() {
    let (spec, text) = proposal(&dump(|dump| {
        write(dump);
        for tenant in ["acme", "globex", "initech", "umbrella"] {
            let of: Vec<String> = accounts().filter(|one| one.1 == tenant).map(|one| one.0.to_string()).collect();
            dump.set(format!("t:{tenant}:accounts"), &of);
        }
    }));
    assert_eq!(spec.records.len(), 1);
    assert!(text.contains(r#"key  = "t:{@part}:account:{@id:digits}""#), "{text}");
    assert_eq!(lines(&spec), ["set t:{@part}:accounts <- t:*:account:*: {@id}"], "{text}");
}

#[test]
fn hashes_and_strings_that_point() {
    let (spec, text) = proposal(&dump(|dump| {
        write(dump);
        let logins: Vec<(String, String)> = accounts()
            .map(|(n, tenant, _)| (format!("user{n}@example.org"), format!("t:{tenant}:account:{n}")))
            .collect();
        dump.hash("logins", &logins);
        for (n, tenant, _) in accounts() {
            dump.string(format!("login:user{n}@example.org"), format!("t:{tenant}:account:{n}"));
        }
    }));
    let rules: Vec<(&str, &str, Option<&str>)> = spec
        .indexes
        .iter()
        .map(|index| {
            (index.key.text.as_str(), index.kind.as_str(), index.value.as_ref().map(|value| value.text.as_str()))
        })
        .collect();
    assert!(rules.contains(&("logins", "hash", Some("{@key}"))), "{rules:?}\n{text}");
    assert!(rules.contains(&("login:{login}", "string", Some("{@key}"))), "{rules:?}\n{text}");
    let recommended = recommended(&text);
    assert_eq!(recommended.iter().filter(|(_, policy)| policy.as_deref() == Some("maintain")).count(), 2, "{text}");
}

#[test]
fn a_field_that_decides_what_is_indexed() {
    let (spec, text) = proposal(&dump(|dump| {
        write_plain(dump);
        let open: Vec<String> = accounts().filter(|one| one.2 == "open").map(|one| one.0.to_string()).collect();
        dump.set("accounts:usable", &[open, vec!["999".to_owned()]].concat());
    }));
    let index = spec.indexes.iter().find(|index| index.key.text == "accounts:usable").expect(&text);
    let expected = r#"when   = { state = ["open"] }"#;
    assert!(!index.when.is_empty() && text.contains(expected), "{text}");
    assert!(text.contains("# recommended: maintain"), "{text}");
}

/// Nothing tells why some are left out: what is gone may go, and nothing is added.
#[test]
fn what_is_missing_without_a_reason_is_not_added() {
    let (_, text) = proposal(&dump(|dump| {
        write(dump);
        for tenant in ["acme", "globex", "initech", "umbrella"] {
            let some = accounts().filter(|one| one.1 == tenant && one.0 * 7 % 11 > 3).map(|one| one.0.to_string());
            let gone = ["901".to_owned(), "902".to_owned()];
            dump.set(format!("t:{tenant}:accounts"), &some.chain(gone).collect::<Vec<_>>());
        }
    }));
    assert!(!text.contains("recommended: maintain") && text.contains("recommended: prune"), "{text}");
    let words = unwrapped(&text);
    assert!(words.contains("the index may have a filter or a limit that no field tells of"), "{text}");
}

/// Each reason, with data that differ from what is recommended in one thing.
#[test]
fn what_is_not_recommended_has_a_reason() {
    let gone = ["901", "902", "903"];
    let with = |key: &str, entries: &[&str]| {
        let (_, text) = proposal(&dump(|dump| {
            write_plain(dump);
            let all = accounts().map(|one| one.0.to_string());
            let others = entries.iter().map(|entry| (*entry).to_owned());
            dump.set(key, &all.chain(others).collect::<Vec<_>>());
        }));
        text
    };
    let right = with("accounts:all", &gone);
    assert_eq!(recommended(&right).len(), 2, "{right}");
    assert!(right.contains("# recommended: maintain"), "{right}");
    for (key, entries, reason) in [
        ("accounts:seen", &gone[..], "the word \"seen\" in its name says"),
        ("accounts:banned", &gone, "the word \"banned\" in its name says"),
        ("accounts:all", &["901", "902", "reserved"], "it stays (foreign-members)"),
        ("accounts:all", &["root", "admin"], ""),
    ] {
        let text = with(key, entries);
        assert!(!text.contains("# recommended:"), "{key} {entries:?}: {text}");
        assert!(unwrapped(&text).contains(reason), "{key} {entries:?}: {text}");
    }
}

#[test]
fn presets_that_fit_come_first() {
    let (spec, text) = proposal(&dump(|dump| {
        for n in 1..40 {
            let at = |field: &str| {
                format!("rq:job:{n:08x}-7f1c-4b8e-9a51-0d6f5b1c2e3a{}", if field.is_empty() { "" } else { field })
            };
            dump.hash(at(""), &[("status", "queued"), ("origin", "default")]);
        }
        let ids: Vec<String> = (1..60).map(|n| format!("{n:08x}-7f1c-4b8e-9a51-0d6f5b1c2e3a")).collect();
        dump.list("rq:queue:default", &ids);
        dump.set("rq:queues", &["rq:queue:default"]);
    }));
    assert!(text.contains("# The preset rq describes this database"), "{text}");
    let told: Js = serde_json::from_str(&run(&dump(write), &["--format", "json"]).unwrap_or("{}".to_owned())).unwrap();
    assert_eq!(told["presets"].as_array().map(Vec::len), Some(0), "{told}");
    assert!(spec.indexes.iter().any(|index| index.key.text.starts_with("rq:queue:")), "{text}");
}

#[test]
fn only_what_is_asked_for() {
    let file = dump(|dump| {
        write(dump);
        for tenant in ["acme", "globex", "initech", "umbrella"] {
            let of: Vec<String> = accounts().filter(|one| one.1 == tenant).map(|one| one.0.to_string()).collect();
            dump.set(format!("t:{tenant}:accounts"), &of);
        }
        dump.set("accounts:all", &accounts().map(|one| one.0.to_string()).collect::<Vec<_>>());
    });
    let keys = |args: &[&str]| -> Vec<String> {
        recommended(&run(&file, args).unwrap())
            .into_iter()
            .map(|(key, _)| key)
            .filter(|key| !key.contains(":account:"))
            .collect()
    };
    assert_eq!(keys(&[]).len(), 2);
    assert_eq!(keys(&["--only", "accounts:*"]), ["accounts:all"]);
    assert!(keys(&["--only", "t:*:accounts"])[0].ends_with(":accounts"));
    let nothing = run(&file, &["--only", "nothing:*"]).unwrap_err();
    assert!(nothing.contains("no index was found"), "{nothing}");
}

/// The same for a script: each rule as the spec has it, and what is thought of it.
#[test]
fn as_json() {
    let file = dump(|dump| {
        write_plain(dump);
        dump.set(
            "accounts:seen",
            &accounts().map(|one| one.0.to_string()).chain(["901".to_owned()]).collect::<Vec<_>>(),
        );
        dump.set(
            "accounts:all",
            &accounts().map(|one| one.0.to_string()).chain(["901".to_owned()]).collect::<Vec<_>>(),
        );
    });
    let text = run(&file, &["--format", "json"]).unwrap();
    let told: Js = serde_json::from_str(&text).unwrap();
    assert_eq!(told["keys"], 62);
    assert_eq!(told["spec"].as_str().unwrap(), run(&file, &[]).unwrap());
    let rules = told["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 2, "{text}");
    for rule in rules {
        let seen = rule["rule"]["key"] == "accounts:seen";
        assert_eq!(rule["recommended"].as_str(), (!seen).then_some("maintain"), "{text}");
        assert_eq!(rule["doubts"].as_array().unwrap().is_empty(), !seen, "{text}");
        let figures = &rule["figures"];
        assert_eq!((&figures["explained"], &figures["gone"], &figures["missing"]), (&60.into(), &1.into(), &0.into()));
    }
    // Nothing to propose is JSON, too.
    let empty: Js = serde_json::from_str(&run(&dump(|_| {}), &["--format", "json"]).unwrap()).unwrap();
    assert_eq!((&empty["keys"], &empty["spec"]), (&0.into(), &Js::Null));
}
