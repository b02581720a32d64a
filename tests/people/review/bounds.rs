//! However large the plan: less than two million bytes.

use super::{Work, plain, start};

const MOST: usize = 2_000_000;

/// As long as names on a page get, with characters that take the most bytes there.
fn worst(n: usize) -> Vec<u8> {
    format!("{n}{}", "\"\u{202e}<".repeat(200)).into_bytes()
}

#[test]
fn a_hundred_thousand_edits_with_the_worst_of_names() {
    let work = Work::new();
    let mut dump = start();
    dump.json("project:discord:p", "{}");
    for n in 0..30_000 {
        dump.set([b"discord:messages:project:".to_vec(), worst(n)].concat(), &["x"]);
        dump.hash(format!("message:discord:{n}"), &[("projectId", "project:discord:p")]);
    }
    let stale: Vec<Vec<u8>> = (0..40_000).map(|n| [b"message:discord:".to_vec(), worst(n)].concat()).collect();
    dump.set("discord:messages:project:project:discord:p", &stale);
    let page = work.review(&work.write("dump.rdb", dump.finish()), &["--accept", "mostly-missing"]);
    assert!(page.len() < MOST, "{} bytes", page.len());
    let text = plain(&page);
    // One key stays.
    assert!(text.contains("Deletes 30,000 of 60,002 keys: 30,000 wrong project keys."));
    assert!(text.contains("removes 40,000 members"));
    assert!(text.contains("more in changes.csv"));
}

#[test]
fn a_thousand_indexes_and_families_without_number() {
    let work = Work::new();
    let mut spec = String::from("version = 1\naccept = [\"other-type\"]\n[[record]]\nname = \"r\"\nkey = \"r:*\"\n");
    let mut dump = start();
    dump.json("r:1", "{\"f\":\"x\"}");
    let long = "&\u{3042}".repeat(100);
    for n in 0..1000 {
        spec.push_str(&format!(
            "[[index]]\nname = \"{n}{long}\"\npolicy = \"maintain\"\nfrom = \"r\"\nkey = \"i{n}:{{f}}\"\nmember = \"{{@key}}\"\n"
        ));
        for key in 0..6 {
            dump.set([format!("i{n}:").into_bytes(), worst(key)].concat(), &["r:1"]);
            dump.list(format!("i{n}:undefined{key}"), &["r:1"]);
        }
        dump.set(format!("i{n}:x"), &["r:2", "r:3"]);
        dump.string(format!("family{n}:{}", "\u{202e}'".repeat(30)), "x");
    }
    work.write("spec.toml", &spec);
    let page = work.review(&work.write("dump.rdb", dump.finish()), &["--spec", "spec.toml"]);
    assert!(page.len() < MOST, "{} bytes", page.len());
    let text = plain(&page);
    assert!(text.contains("The plan deletes 12,000 keys, adds 1,000 members and removes 2,000 members"));
    assert!(text.contains("and 800 more indexes: plan.json has them all."));
}
