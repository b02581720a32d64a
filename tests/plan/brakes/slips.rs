//! Plausible slips in a spec, on a database whose indexes are right: none may take anything away from it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Desk, dump};
use crate::support::dump_writer::DumpBuilder;

/// Users in cities and teams, with the indexes of both, a registry, and what an application has beside them.
///
/// Every index is as the right spec demands; so whatever a plan takes out of it, or deletes, is harm.
fn database(users: usize) -> DumpBuilder {
    let mut dump = dump();
    let (mut cities, mut teams) =
        (BTreeMap::<String, Vec<String>>::new(), BTreeMap::<String, Vec<(String, f64)>>::new());
    let mut all = Vec::new();
    for n in 0..users {
        let (key, city, team) = (format!("user:{n}"), format!("city{}", n % 5), format!("t{}", n % 3));
        let fields =
            [("id", n.to_string()), ("city", city.clone()), ("team", team.clone()), ("at", (n * 10).to_string())];
        dump.hash(&key, &fields);
        cities.entry(city).or_default().push(key.clone());
        teams.entry(team).or_default().push((key.clone(), (n * 10) as f64));
        all.push(key);
    }
    for (city, members) in cities {
        dump.set(format!("idx:city:{city}"), &members);
        dump.set(format!("idx:city:{city}:mails"), &["a@example.org", "b@example.org"]);
    }
    for (team, members) in teams {
        dump.zset(format!("idx:team:{team}"), &members);
    }
    dump.set("idx:all", &all)
        .set("idx:admins", &all[..3])
        .string("idx:city:lock", "1")
        .hash("idx:stats", &[("n", "9")]);
    dump.set("tags:red", &["post:1", "post:2"]).set("user-sessions:7", &["s1", "s2"]).string("counter", "12");
    dump
}

const RIGHT: &str = r#"version = 1
[[record]]
name = "user"
key = "user:*"
[[index]]
name = "city"
policy = "maintain"
from = "user"
key = "idx:city:{city}"
member = "{@key}"
[[index]]
name = "team"
policy = "maintain"
type = "zset"
from = "user"
key = "idx:team:{team}"
member = "{@key}"
score = "{at}"
[[index]]
name = "all"
policy = "maintain"
from = "user"
key = "idx:all"
member = "{@key}"
"#;

#[test]
fn the_right_spec_finds_nothing_to_do() {
    let planned = Desk::new(&database(60), RIGHT).plan(&[]);
    planned.does(&[]);
    // Nothing to do, and not everything in the families was explained: both are said.
    assert!(planned.stderr.contains("Nothing is changed, but not everything is right"), "{}", planned.stderr);
}

#[test]
fn no_slip_takes_anything_away() {
    // What is written, and what is written instead.
    let slips = [
        ("{city}", "{citty}"),
        ("{city}", "{City}"),
        ("{city}", "{address.city}"),
        ("{city}", "{city}:{team}"),
        ("{city}", "{team}"),
        ("idx:city:{city}", "idx:{city}"),
        ("idx:city:{city}", "idx:{team}"),
        ("idx:city:{city}", "i{city}"),
        ("idx:city:{city}", "{city}"),
        ("idx:city:{city}", "idx:cities:{city}"),
        ("idx:city:{city}", "idx:city:{{city}}"),
        ("idx:city:{city}", "idx:city:{@key}"),
        ("idx:city:{city}", "tags:{city}"),
        ("idx:city:{city}", "user{city}"),
        ("idx:all", "idx:admins"),
        ("idx:all", "idx:a{id}"),
        ("key = \"user:*\"", "key = \"users:*\""),
        ("key = \"user:*\"", "key = \"user:?\""),
        ("key = \"user:*\"", "key = \"user:1*\""),
        ("key = \"user:*\"", "key = \"*:lock\""),
        ("key = \"user:*\"", "key = \"user:*\"\ndb = 1"),
        ("member = \"{@key}\"", "member = \"{id}\""),
        ("member = \"{@key}\"", "member = \"{name}\""),
        ("member = \"{@key}\"", "member = \"user:{team}\""),
        ("type = \"zset\"\n", ""),
        ("score = \"{at}\"", "score = \"{created}\""),
        ("policy = \"maintain\"\nfrom", "policy = \"maintain\"\ntype = \"zset\"\nscore = \"{at}\"\nfrom"),
        (
            "from = \"user\"\nkey = \"idx:city",
            "from = \"user\"\nrequire = [{ record = \"user\", key = \"city:{city}\" }]\nkey = \"idx:city",
        ),
    ];
    let (mut planned, mut errors, mut refused, mut harmful) = (0, 0, 0, Vec::new());
    for (right, wrong) in slips {
        let spec = RIGHT.replacen(right, wrong, 1);
        assert_ne!(spec, RIGHT, "{right}");
        let plan = Desk::new(&database(60), &spec).plan(&[]);
        match plan.status {
            0 => planned += 1,
            1 => errors += 1,
            4 => refused += 1,
            status => panic!("{right} → {wrong}: status {status}: {}", plan.stderr),
        }
        let verbs: BTreeSet<&str> = plan.commands.iter().map(|words| words[0].as_str()).collect();
        if verbs.iter().any(|verb| ["UNLINK", "SREM", "ZREM"].contains(verb)) {
            harmful.push(format!("{right} → {wrong}: {:?}", plan.commands));
        }
    }
    assert!(harmful.is_empty(), "{}", harmful.join("\n"));
    println!("{planned} plans without harm, {errors} errors, {refused} refusals");
}
