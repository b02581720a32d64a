//! Databases that were made so that one thing is to be advised.

use serde_json::json;

use super::{Case, bytes, keys, near, number, text};
use crate::support::dump_writer::DumpBuilder;
use crate::support::server::{Program, Server, query};

/// Users as hashes, so many.
pub fn users(dump: &mut DumpBuilder, count: u64) {
    for n in 0..count {
        dump.hash(format!("user:{}", 70_000 + n), &[("email", format!("u{n}@example.org")), ("age", n.to_string())]);
    }
}

/// What these commands take in the memory of a server, in all keys.
fn memory(program: Program, args: &[&str], commands: &[Vec<String>]) -> Option<u64> {
    let built = Server::builder().program(program).args(args).start()?;
    let mut connection = built.connection();
    for command in commands {
        query::<redis::Value>(&mut connection, command);
    }
    // Loaded, its tables have the sizes that they settle at.
    let server = Server::builder().program(program).args(args).dump_bytes(built.dump()).start()?;
    Some(all_memory(&server))
}

fn all_memory(server: &Server) -> u64 {
    let mut connection = server.connection();
    let keys: Vec<String> = query(&mut connection, &["KEYS", "*"]);
    keys.iter().map(|key| query::<u64>(&mut connection, &["MEMORY", "USAGE", key, "SAMPLES", "0"])).sum()
}

#[test]
fn sets_of_one_record_that_is_named_by_the_same_id() {
    let case = Case::made(10, |dump| {
        users(dump, 100);
        (0..100).for_each(|n| _ = dump.set(format!("by-id:{}", 70_000 + n), &[format!("user:{}", 70_000 + n)]));
    });
    assert_eq!(case.kinds(), ["record-key by-id:*"]);
    let item = case.item("record-key");
    assert_eq!((keys(&item), bytes(&item)[1]), ([100, 0], 0));
    assert!(text(&item, "reason").starts_with("100 of 100 keys have one member, a key of user:*"), "{item:#}");
    assert_eq!(case.plan(text(&item, "spec")), [100, 0, 0]);
    let advice = case.advice();
    assert_eq!((keys(&advice), bytes(&advice)[1]), ([100, 0], 0));
}

const BY_EMAIL: &str = r#"version = 1
[[record]]
name = "user"
key  = "user:*"
"#;
const BY_EMAIL_INDEX: &str = r#"
[[index]]
name   = "email"
policy = "maintain"
from   = "user"
key    = "by-email:{email}"
member = "{@key}"
"#;

#[test]
fn sets_of_one_record_as_one_hash() {
    let fill = |dump: &mut DumpBuilder| {
        users(dump, 300);
        for n in 0..300 {
            dump.set(format!("by-email:u{n}@example.org"), &[format!("user:{}", 70_000 + n)]);
        }
    };
    let found = Case::made(10, fill);
    assert_eq!(found.kinds(), ["one-member by-email:*"]);
    assert_eq!(found.item("one-member")["spec"], json!(null), "no field is known without a spec");
    let case = Case::made(10, fill).spec(&format!("{BY_EMAIL}{BY_EMAIL_INDEX}"));
    let item = case.item("one-member");
    assert_eq!(keys(&item), [300, 1]);
    // A plan by these lines makes that hash.
    let tables = BY_EMAIL.replace("version = 1", "") + text(&item, "spec");
    assert_eq!(case.plan(&tables), [0, 0, 300]);
    let fields = (0..300).flat_map(|n| [format!("u{n}@example.org"), format!("user:{}", 70_000 + n)]);
    let hash = ["HSET".to_owned(), "by-email".to_owned()].into_iter().chain(fields).collect();
    let Some(hash) = memory(Program::Redis70, &["--hash-max-listpack-entries", "128"], &[hash]) else { return };
    assert!(near(bytes(&item)[1], hash), "{item:#} for {hash}");
}

#[test]
fn two_families_with_the_same_answer() {
    let members = |n: u64| -> Vec<String> { (0..20).map(|m| format!("user:{}", 70_000 + n * 20 + m)).collect() };
    let case = Case::made(11, |dump| {
        users(dump, 200);
        for n in 0..10 {
            dump.set(format!("team:{n}:members"), &members(n));
            dump.set(format!("people-in-the-team:{n}"), &members(n));
        }
    });
    // One of the two, the one that takes more.
    assert_eq!(case.kinds(), ["same-answer people-in-the-team:*"]);
    let item = case.item("same-answer");
    assert_eq!((keys(&item), bytes(&item)[1]), ([10, 0], 0));
    let reason = "200 of 200 members are in team:*:members, too, and each key has those of one key there, which has no others: \
                  both answer the same question.";
    assert_eq!(text(&item, "reason"), reason);
    assert_eq!(case.plan(text(&item, "spec")), [10, 0, 0]);
    // A sorted set says more than a set; never the other way round.
    let case = Case::made(11, |dump| {
        users(dump, 200);
        for n in 0..10 {
            dump.set(format!("team:{n}:members"), &members(n));
            let scored: Vec<(String, f64)> = members(n).into_iter().zip(0..).map(|(m, n)| (m, f64::from(n))).collect();
            dump.zset(format!("team:{n}:by-age"), &scored);
        }
    });
    assert_eq!(case.kinds(), ["same-answer team:*:members"]);
}

/// Accounts, orders that name theirs, and a set of orders for each account.
fn shop(dump: &mut DumpBuilder) {
    for n in 0..200_u64 {
        dump.hash(format!("account:{}", 5_000_000 + n), &[("name", format!("n{n}"))]);
        let orders: Vec<u64> = (0..1 + n % 4).map(|m| n * 4 + m).collect();
        for order in &orders {
            let text = json!({"id": order, "account": (5_000_000 + n).to_string(), "region": order % 4}).to_string();
            dump.string(format!("order:{}", 900_000 + order), text);
        }
        let orders: Vec<String> = orders.iter().map(|order| format!("order:{}", 900_000 + order)).collect();
        dump.set(format!("orders:account:{}", 5_000_000 + n), &orders);
    }
}

#[test]
fn a_key_per_record_that_is_hardly_larger() {
    let alone = Case::made(10, shop);
    let item = alone.item("one-per-record");
    assert!(text(&item, "title").ends_with("could go, if the question can be asked of the records"));
    let case = Case::made(10, |dump| {
        shop(dump);
        for region in 0..4 {
            let orders = (0..200_u64).flat_map(|n| (0..1 + n % 4).map(move |m| n * 4 + m));
            let orders = orders.filter(|order| order % 4 == region).map(|order| format!("order:{}", 900_000 + order));
            dump.set(format!("orders:region:{}", 4001 + region), &orders.collect::<Vec<_>>());
        }
    });
    let item = case.item("one-per-record");
    assert_eq!(text(&item, "title"), "orders:account:* could go");
    // 200 accounts with 1 to 4 orders: 500. In four regions: 200, 150, 100, 50.
    let reason = "It has a key for each of account:* (200 of 200 are named after one), grows with them, and has 2.5 members per \
                  key. The records that it lists say it themselves: 500 of 500 that were looked at hold what the key is named by. \
                  orders:region:* lists records of the same kind, 125 per key: the question can be asked there, and \
                  the answer filtered. 500 of 500 members are there today.";
    assert_eq!(text(&item, "reason"), reason);
    assert_eq!(case.plan(text(&item, "spec")), [200, 0, 0]);
}

#[test]
fn sets_by_time_as_sorted_sets() {
    // Two shops, a month, 20 visits a day of ids that never come again.
    let visit = |shop: u64, day: u64, n: u64| format!("visit-{}", (shop * 100 + day) * 1000 + n);
    let case = Case::made(10, |dump| {
        for shop in 0..2 {
            for day in 1..=31 {
                let visits: Vec<String> = (0..20).map(|n| visit(shop, day, n)).collect();
                dump.set(format!("visits:{}:2025-01-{day:02}", 5001 + shop), &visits);
            }
        }
    });
    let item = case.item("by-time");
    assert_eq!(keys(&item), [62, 2]);
    let reason = text(&item, "reason");
    assert!(
        reason.starts_with("62 sets by time, from 2025-01-01 to 2025-01-31, with 1,240 members, none of which"),
        "{reason}"
    );
    let Some(server) = Server::builder().dump_bytes(case.dump()).start() else { return };
    let before = all_memory(&server);
    assert!(near(bytes(&item)[0], before), "{item:#} for {before}");
    let zadd = |shop: u64| -> Vec<String> {
        let visits = (1..=31).flat_map(|day| (0..20).map(move |n| (day, n)));
        let scored =
            visits.flat_map(|(day, n)| [(1_735_689_600_000 + day * 86_400_000 + n).to_string(), visit(shop, day, n)]);
        ["ZADD".to_owned(), format!("visits:{}:", 5001 + shop)].into_iter().chain(scored).collect()
    };
    let Some(after) = memory(Program::Redis70, &[], &[zadd(0), zadd(1)]) else { return };
    assert!(near(bytes(&item)[1], after), "{item:#} for {after}");
}

const STATUS: [&str; 5] = ["open", "paid", "sent", "done", "gone"];
const REGION: [&str; 6] = ["eu", "us", "as", "af", "oc", "sa"];

/// Orders by two fields, each in one set of each.
fn orders(dump: &mut DumpBuilder) {
    let (status, region) = (|n: usize| STATUS[n % 5], |n: usize| REGION[n / 5 % 6]);
    for n in 0..3000 {
        dump.hash(format!("order:{n:05}"), &[("status", status(n)), ("region", region(n))]);
    }
    let of = |wanted: &dyn Fn(usize) -> bool| -> Vec<String> {
        (0..3000).filter(|n| wanted(*n)).map(|n| format!("order:{n:05}")).collect()
    };
    STATUS.iter().for_each(|own| _ = dump.set(format!("orders:status:{own}"), &of(&|n| status(n) == *own)));
    REGION.iter().for_each(|own| _ = dump.set(format!("orders:region:{own}"), &of(&|n| region(n) == *own)));
}

const ORDERS: &str = r#"
[[record]]
name = "order"
key  = "order:*"
"#;
const BOTH: &str = r#"
[[index]]
name   = "status"
policy = "maintain"
from   = "order"
key    = "orders:status:{status}"
member = "{@key}"
[[index]]
name   = "region"
policy = "maintain"
from   = "order"
key    = "orders:region:{region}"
member = "{@key}"
"#;

#[test]
fn two_indexes_as_one_with_both_values() {
    let found = Case::made(10, orders);
    let kinds = found.kinds();
    // The parts are words here, so the families are keys; with a spec they are families.
    assert!(kinds.iter().all(|kind| !kind.starts_with("one-")), "{kinds:?}");
    let case = Case::made(10, orders).spec(&format!("version = 1\n{ORDERS}{BOTH}"));
    let item = case.item("composite");
    assert_eq!(keys(&item), [11, 30]);
    let reason = "3,000 of 3,000 members are in both, under one key of each: 30 pairs of values occur.";
    assert!(text(&item, "reason").starts_with(reason), "{item:#}");
    assert!(text(&item, "reason").ends_with("a union of up to 6 keys."), "{item:#}");
    // A plan by these lines makes the 30 sets.
    assert_eq!(case.plan(&format!("{ORDERS}{}", text(&item, "spec"))), [0, 0, 3000]);
    let sadd = |status: usize, region: usize| -> Vec<String> {
        let members = (0..3000).filter(|n| n % 5 == status && n / 5 % 6 == region).map(|n| format!("order:{n:05}"));
        let key = format!("status-region:{}:{}", STATUS[status], REGION[region]);
        ["SADD".to_owned(), key].into_iter().chain(members).collect()
    };
    let all: Vec<Vec<String>> = (0..5).flat_map(|status| (0..6).map(move |region| sadd(status, region))).collect();
    let Some(after) = memory(Program::Redis70, &[], &all) else { return };
    assert!(near(bytes(&item)[1], after), "{item:#} for {after}");
}

#[test]
fn keys_without_an_expiry_whose_records_have_one() {
    let fill = |prefix: &'static str| {
        move |dump: &mut DumpBuilder| {
            for n in 0..90 {
                dump.expire_ms(1_999_999_999_000).string(format!("session:{}", 4000 + n), "{}");
            }
            for user in 0..9 {
                let sessions: Vec<String> = (0..10).map(|n| format!("{prefix}{}", 4000 + user * 10 + n)).collect();
                dump.set(format!("sessions-of:{user}"), &sessions);
            }
            // One that is gone.
            dump.set("sessions-of:9", &[format!("{prefix}3999")]);
        }
    };
    let case = Case::made(10, fill("session:"));
    let item = case.item("no-expiry");
    assert_eq!(keys(&item), [10, 10]);
    assert!(text(&item, "reason").starts_with("90 of 91 members are keys of session:* that expire"), "{item:#}");
    // The key whose only entry names what is gone goes.
    assert_eq!(case.plan(text(&item, "spec")), [1, 0, 0]);
}

#[test]
fn sets_in_another_encoding() {
    let case = Case::made(10, |dump| {
        users(dump, 600);
        for n in 0..20_u64 {
            let small: Vec<String> = (0..30).map(|m| format!("user:{}", 70_000 + n * 30 + m)).collect();
            dump.set(format!("small:{n}"), &small);
            let numbers: Vec<String> = (0..1000).map(|m| (n * 1000 + m).to_string()).collect();
            dump.set(format!("numbers:{n}"), &numbers);
            let long: Vec<String> = (0..100).map(|m| format!("{n:05}{m:065}")).collect();
            dump.set(format!("long:{n}"), &long);
            let huge: Vec<String> = (0..100).map(|m| format!("{n:05}{m:0295}")).collect();
            dump.set(format!("huge:{n}"), &huge);
        }
    });
    assert_eq!(case.kinds(), ["encoding numbers:*", "encoding long:*", "encoding small:*"]);
    let advice = case.advice();
    let ways: Vec<&str> = advice["items"].as_array().expect("items").iter().map(|item| text(item, "reason")).collect();
    assert!(ways[0].contains("`set-max-intset-entries 4096`"), "{ways:?}");
    assert!(ways[1].contains("`set-max-listpack-value 128`"), "{ways:?}");
    assert!(ways[2].contains("with default settings"), "{ways:?}");
    // As a server says that is set so.
    let settings = ["--set-max-intset-entries", "4096", "--set-max-listpack-value", "128"];
    let Some(server) = Server::builder().program(Program::Redis82).args(&settings).dump_bytes(case.dump()).start()
    else {
        return;
    };
    let mut connection = server.connection();
    for (item, name) in advice["items"].as_array().expect("items").iter().zip(["numbers", "long", "small"]) {
        let keys = (0..20).map(|n| format!("{name}:{n}"));
        let after: u64 =
            keys.map(|key| query::<u64>(&mut connection, &["MEMORY", "USAGE", &key, "SAMPLES", "0"])).sum();
        assert!(near(bytes(item)[1], after), "{item:#} for {after}");
    }
}

/// Lines that would take keys of others, too, are not given.
#[test]
fn no_lines_where_the_pattern_is_also_that_of_others() {
    let case = Case::made(10, |dump| {
        users(dump, 100);
        for n in 0..100 {
            dump.set(format!("id:{}", 70_000 + n), &[format!("user:{}", 70_000 + n)]);
            dump.string(format!("id:{}:lock", 70_000 + n), "x");
        }
    });
    let item = case.item("record-key");
    assert_eq!(item["spec"], json!(null));
    assert!(text(&item, "condition").ends_with("the pattern is also that of 100 keys of other families."), "{item:#}");
    assert_eq!(number(&item, "keys_after"), 0);
}

/// A plan would rebuild keys that somebody else has under the names that the lines would make.
#[test]
fn no_lines_that_make_keys_that_are_there() {
    let case = Case::made(10, |dump| {
        users(dump, 300);
        for n in 0..300 {
            dump.set(format!("by-email:u{n}@example.org"), &[format!("user:{}", 70_000 + n)]);
        }
        dump.string("by-email", "the application's own");
    });
    let case = case.spec(&format!("{BY_EMAIL}{BY_EMAIL_INDEX}"));
    let item = case.item("one-member");
    assert_eq!(item["spec"], json!(null));
    assert!(text(&item, "condition").ends_with("1 key is of such a name already."), "{item:#}");
    let case = Case::made(10, |dump| {
        orders(dump);
        dump.set("status-region:open:eu", &["x"]);
    });
    let case = case.spec(&format!("version = 1\n{ORDERS}{BOTH}"));
    assert_eq!(case.item("composite")["spec"], json!(null));
}

/// What an index is kept for by more than its keys and its member is not left out of lines in its place.
#[test]
fn no_lines_that_would_say_less_than_the_spec() {
    for more in
        ["when = { age = true }", "not = [\"by-email:x*\"]", "require = [{ record = \"user\", key = \"user:{age}\" }]"]
    {
        let case = Case::made(10, |dump| {
            users(dump, 300);
            for n in 0..300 {
                dump.set(format!("by-email:u{n}@example.org"), &[format!("user:{}", 70_000 + n)]);
            }
        });
        let index = BY_EMAIL_INDEX.replace("maintain", "report");
        let case = case.spec(&format!("{BY_EMAIL}{index}{more}\n"));
        assert_eq!(case.item("one-member")["spec"], json!(null), "{more}");
    }
}

/// Of three families with the same answer one stays, and it is the one that the others name.
#[test]
fn what_another_is_answered_by_stays() {
    let members = |n: u64| -> Vec<String> { (0..20).map(|m| format!("user:{}", 70_000 + n * 20 + m)).collect() };
    let case = Case::made(11, |dump| {
        users(dump, 200);
        for n in 0..10 {
            dump.set(format!("team:{n}:members"), &members(n));
            dump.set(format!("people-in-the-team:{n}"), &members(n));
            dump.set(format!("crew-members:{n}"), &members(n));
        }
    });
    let advice = case.advice();
    let items = advice["items"].as_array().expect("items");
    assert_eq!(items.len(), 2, "{advice:#}");
    let stays = advice["families"].as_array().expect("families").iter().find(|family| family["why"] == "stays");
    let stays = text(stays.expect("one stays"), "pattern").to_owned();
    assert!(items.iter().all(|item| text(item, "reason").contains(&format!("are in {stays}, too"))), "{advice:#}");
}

/// A family that rules prune has captures that a rule to retire it may not have.
#[test]
fn lines_for_a_family_that_is_pruned() {
    let spec = "version = 1\n[[index]]\nname = \"by-id\"\npolicy = \"prune\"\ntype = \"set\"\nkey = \"by-id:{@id:digits}\"\n\
                member = \"user:{@u}\"\nexists = \"user:{@u}\"\n";
    let fill = |dump: &mut DumpBuilder| {
        users(dump, 100);
        (0..100).for_each(|n| _ = dump.set(format!("by-id:{}", 70_000 + n), &[format!("user:{}", 70_000 + n)]));
    };
    let item = Case::made(10, fill).spec(spec).item("record-key");
    assert_eq!(Case::made(10, fill).plan(text(&item, "spec")), [100, 0, 0]);
    // The pattern is wider than the captures.
    let case = Case::made(10, |dump| {
        fill(dump);
        dump.set("by-id:none", &["user:70000"]);
    });
    assert_eq!(case.spec(spec).item("record-key")["spec"], json!(null));
}

/// One setting is one suggestion, whatever the families.
#[test]
fn one_suggestion_for_one_setting() {
    let case = Case::made(10, |dump| {
        users(dump, 600);
        for n in 0..20_u64 {
            let small: Vec<String> = (0..30).map(|m| format!("user:{}", 70_000 + n * 30 + m)).collect();
            ["a", "b", "c", "d", "e"].iter().enumerate().for_each(|(at, name)| {
                _ = dump.set(format!("{name}:{n}"), &small[..30 - at]);
            });
        }
    });
    let advice = case.advice();
    let items = advice["items"].as_array().expect("items").iter();
    let items: Vec<&serde_json::Value> = items.filter(|item| item["kind"] == "encoding").collect();
    assert_eq!(items.len(), 1, "{advice:#}");
    assert!(text(items[0], "title").starts_with("a:*, b:*, c:* and 2 more would be smaller"), "{advice:#}");
    assert_eq!(keys(items[0]), [100, 100]);
}

/// Entries that name nothing may be kept for another key: half of them here are locked, and that has a key of its own.
#[test]
fn no_lines_that_prune_where_many_entries_name_nothing() {
    let case = Case::made(10, |dump| {
        for n in 0..80 {
            let name = format!("digest:{}{}", 4000 + n, if n % 2 == 0 { "" } else { ":LOCKED" });
            dump.expire_ms(1_999_999_999_000).string(name, "x");
        }
        dump.set("digests", &(0..80).map(|n| format!("digest:{}", 4000 + n)).collect::<Vec<_>>());
    });
    let item = case.item("no-expiry");
    assert!(text(&item, "reason").contains("sooner or later: 40 today."), "{item:#}");
    assert_eq!(item["spec"], json!(null));
}
