//! Data made by known rules, in every form that a record can have, and spoilt in known ways.

use serde_json::json;

use super::{lines, proposal, run};
use crate::support::dump_writer::DumpBuilder;

const TEAMS: [&str; 7] = ["red", "green", "blue", "amber", "pink", "teal", "grey"];

/// How a record is stored.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Json,
    Text,
    Hash,
}

struct User {
    id: u64,
    key: String,
    team: &'static str,
    role: &'static str,
    tags: Vec<String>,
    created: String,
    created_ms: f64,
    points: u64,
}

fn users(count: u64) -> Vec<User> {
    let user = |n: u64| User {
        id: 70_000 + n * 13,
        key: format!("app:user:{}", 70_000 + n * 13),
        team: TEAMS[(n * n % 7) as usize],
        role: ["admin", "member", "guest"][(n % 3) as usize],
        tags: (0..n % 4).map(|t| format!("tag-{}", (n * 5 + t * 3) % 11)).collect(),
        // 2025-01-06T17:45:00Z is 1736185500 (`date -u -d … +%s`); n seconds and 250 ms later.
        created: format!("2025-01-06T17:{:02}:{:02}.250Z", 45 + n / 60 % 15, n % 60),
        created_ms: (1_736_185_500_250_u64 + n % 900 * 1000) as f64,
        points: n * 37 % 1000,
    };
    (0..count).map(user).collect()
}

fn write(dump: &mut DumpBuilder, users: &[User], form: Form) {
    for user in users {
        let document = json!({
            "id": user.id, "team": user.team, "role": user.role, "tags": user.tags,
            "profile": {"created": user.created, "active": true}, "points": user.points,
        });
        match form {
            Form::Json => dump.json(&user.key, document.to_string()),
            Form::Text => dump.string(&user.key, document.to_string()),
            Form::Hash => dump.hash(
                &user.key,
                &[
                    ("id", user.id.to_string()),
                    ("team", user.team.to_owned()),
                    ("role", user.role.to_owned()),
                    ("created", user.created.clone()),
                    ("points", user.points.to_string()),
                ],
            ),
        };
    }
}

/// A set for each value of what `key` gives, with what `member` gives.
fn index(dump: &mut DumpBuilder, users: &[User], key: impl Fn(&User) -> Vec<String>, member: impl Fn(&User) -> String) {
    let mut sets: std::collections::BTreeMap<String, Vec<String>> = Default::default();
    for user in users {
        for key in key(user) {
            sets.entry(key).or_default().push(member(user));
        }
    }
    for (key, members) in sets {
        dump.set(key, &members);
    }
}

fn dump(fill: impl FnOnce(&mut DumpBuilder)) -> Vec<u8> {
    let mut dump = DumpBuilder::new(11);
    dump.server_aux(1_736_200_000).select_db(0);
    fill(&mut dump);
    dump.finish()
}

#[test]
fn records_of_every_form() {
    let users = users(300);
    for form in [Form::Json, Form::Text, Form::Hash] {
        let (spec, text) = proposal(&dump(|dump| {
            write(dump, &users, form);
            index(dump, &users, |user| vec![format!("team:{}:users", user.team)], |user| user.key.clone());
            index(dump, &users, |_| vec!["app:users".into()], |user| user.id.to_string());
            let mut times: Vec<(&str, Vec<(String, f64)>)> = TEAMS.iter().map(|team| (*team, Vec::new())).collect();
            for user in &users {
                let (_, of) = times.iter_mut().find(|(team, _)| *team == user.team).unwrap();
                of.push((format!("u:{}", user.id), user.created_ms));
            }
            for (team, members) in times.iter().filter(|(_, members)| !members.is_empty()) {
                dump.zset(format!("joined:{team}"), members);
            }
        }));
        let created = if form == Form::Hash { "{created}" } else { "{profile.created}" };
        assert_eq!(
            lines(&spec),
            [
                "set app:users <- app:user:*: {id}".to_owned(),
                "set team:{team}:users <- app:user:*: {@key}".to_owned(),
                format!("zset joined:{{team}} <- app:user:*: u:{{id}} @ {created}"),
            ],
            "{text}"
        );
    }
}

#[test]
fn elements_of_arrays_and_keys_with_two_fields() {
    let users = users(300);
    let (spec, text) = proposal(&dump(|dump| {
        write(dump, &users, Form::Json);
        let tags = |user: &User| user.tags.iter().map(|tag| format!("tagged:{tag}")).collect();
        index(dump, &users, tags, |user| user.id.to_string());
        index(dump, &users, |user| vec![format!("by:{}/{}", user.team, user.role)], |user| user.key.clone());
        let ranks: Vec<(String, f64)> = users.iter().map(|user| (user.key.clone(), user.points as f64)).collect();
        dump.zset("app:ranking", &ranks);
    }));
    assert_eq!(
        lines(&spec),
        [
            "set by:{team}/{role} <- app:user:*: {@key}",
            "set tagged:{tags[]} <- app:user:*: {id}",
            "zset app:ranking <- app:user:*: {@key} @ {points}",
        ],
        "{text}"
    );
}

/// Most of what there is, is wrong: members that are gone, keys that should not be, records in the wrong set.
#[test]
fn a_rule_is_found_though_most_of_its_keys_are_wrong() {
    let users = users(300);
    let (spec, text) = proposal(&dump(|dump| {
        write(dump, &users, Form::Json);
        let right: Vec<&User> = users.iter().filter(|user| user.id % 10 != 0).collect();
        for team in TEAMS {
            let mut members: Vec<&str> =
                right.iter().filter(|user| user.team == team).map(|user| user.key.as_str()).collect();
            members.extend(["app:user:1", "app:user:2", "app:user:3"]);
            dump.set(format!("team:{team}"), &members);
        }
        for n in 0..500_usize {
            let copies = [users[n % 300].key.as_str(), users[n * 7 % 300].key.as_str(), "app:user:9"];
            dump.set(format!("team:undefined:{n}"), &copies[..1 + n % 3]);
        }
        dump.set("team:null", &["app:user:4"]);
    }));
    assert_eq!(lines(&spec), ["set team:{team} <- app:user:*: {@key}"], "{text}");
    assert!(text.contains("508 keys"), "{text}");
}

#[test]
fn records_of_another_database_are_its_own_class() {
    let users = users(60);
    let (spec, text) = proposal(&dump(|dump| {
        write(dump, &users, Form::Hash);
        dump.select_db(5);
        write(dump, &users, Form::Hash);
        index(dump, &users, |user| vec![format!("team:{}", user.team)], |user| user.key.clone());
    }));
    assert_eq!(lines(&spec), ["set team:{team} <- app:user:*: {@key}"], "{text}");
    assert_eq!(spec.indexes[0].db, 5);
}

#[test]
fn what_explains_too_little_is_not_proposed() {
    let users = users(300);
    // The team stands in one in four of the keys that a record is a member of; the others are by chance.
    let errors = run(
        &dump(|dump| {
            write(dump, &users, Form::Json);
            for (at, team) in TEAMS.iter().enumerate() {
                let is_member = |user: &&User| {
                    if user.team == *team { user.id.is_multiple_of(4) } else { (user.id + at as u64) % 4 == 1 }
                };
                let members: Vec<&str> = users.iter().filter(is_member).map(|user| user.key.as_str()).collect();
                dump.set(format!("team:{team}"), &members);
            }
            // Members that are nothing, and a list of a few records.
            dump.set("words", &["a", "b", "c"]);
            let some: Vec<&str> = users[..40].iter().map(|user| user.key.as_str()).collect();
            dump.set("queue", &some);
        }),
        &[],
    )
    .unwrap_err();
    assert!(errors.contains("no index was found"), "{errors}");
    assert!(errors.contains("team:{team}"), "{errors}");
    assert!(errors.contains("words: 1 set with 3 members"), "{errors}");
}

#[test]
fn names_that_are_odd_do_no_harm() {
    // Line ends and quotes that would break out of a comment or a string, braces, bytes that are no text.
    let odd = ["a\n[[index]]", "b\"", "c{d}", "e\\", "f}"];
    let (spec, text) = proposal(&dump(|dump| {
        for n in 0..40_usize {
            let team = odd[n % 5];
            dump.json(format!("r\"{{x}}:{n}"), json!({"the \"team\"": team, "id": n}).to_string());
        }
        for team in odd {
            let members: Vec<String> =
                (0..40_usize).filter(|n| odd[n % 5] == team).map(|n| format!("r\"{{x}}:{n}")).collect();
            dump.set(format!("in{{y}}:{team}"), &members);
        }
        dump.set(b"bytes:\xff\xfe\n# x", &[&b"\xff"[..], b"\n"]);
        dump.json(b"\xff:1", r#"{"a":1}"#);
    }));
    assert_eq!(lines(&spec), [r#"set in{{y}}:{"the \"team\""} <- r"{x}:*: {@key}"#], "{text}");
    assert!(text.lines().all(|line| !line.contains('\u{fffd}')), "{text}");
}

#[test]
fn a_damaged_dump_is_an_error() {
    let users = users(10);
    let whole = dump(|dump| {
        write(dump, &users, Form::Json);
        index(dump, &users, |user| vec![format!("team:{}", user.team)], |user| user.key.clone());
    });
    for len in (0..whole.len()).step_by(41) {
        assert!(run(&whole[..len], &[]).unwrap_err().starts_with("error: "));
    }
    let mut wrong = whole.clone();
    *wrong.last_mut().unwrap() ^= 1;
    assert!(run(&wrong, &[]).unwrap_err().contains("checksum"));
    run(&wrong, &["--ignore-checksum"]).unwrap();
}

#[test]
fn an_empty_database_is_said_to_be_empty() {
    let errors = run(&dump(|_| {}), &[]).unwrap_err();
    assert!(errors.contains("0 keys"), "{errors}");
}
