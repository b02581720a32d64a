//! Databases of which nothing is to be said, though they look a little like those of which something is.

use super::Case;
use super::made::users;
use crate::support::dump_writer::DumpBuilder;

/// No suggestion of these kinds.
fn none(what: &str, version: u32, fill: impl FnOnce(&mut DumpBuilder)) {
    let kinds = Case::made(version, fill).kinds();
    // Small sets of texts of an old server are always larger than they need be.
    let others: Vec<&String> = kinds.iter().filter(|kind| !kind.starts_with("encoding")).collect();
    assert!(others.is_empty(), "{what}: {others:?}");
    assert!(version < 11 || kinds.is_empty(), "{what}: {kinds:?}");
}

fn names(prefix: &str, range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|n| format!("{prefix}{}", 70_000 + n)).collect()
}

#[test]
fn nothing_is_advised_of_what_is_no_index() {
    none("nothing at all", 11, |_| {});
    none("no sets", 11, |dump| users(dump, 100));
    none("rate limits", 11, |dump| {
        (0..200).for_each(|n| _ = dump.zset(format!("limit:10.0.0.{n}"), &[(format!("t{n}"), 1.0)]));
    });
    none("one tag each, which is no record", 11, |dump| {
        users(dump, 200);
        (0..200).for_each(|n| _ = dump.set(format!("tags:{}", 70_000 + n), &["blue"]));
    });
    none("few keys", 11, |dump| {
        users(dump, 5);
        (0..5).for_each(|n| _ = dump.set(format!("by-id:{}", 70_000 + n), &[format!("user:{}", 70_000 + n)]));
    });
}

#[test]
fn nothing_goes_that_has_answers_of_its_own() {
    none("friends: records of the same class", 11, |dump| {
        users(dump, 200);
        (0..200).for_each(|n| _ = dump.set(format!("friends:{}", 70_000 + n), &names("user:", n / 2..n / 2 + 3)));
    });
    none("roles: records that do not say whose they are", 11, |dump| {
        users(dump, 200);
        (0..8).for_each(|n| _ = dump.hash(format!("role:{}", 70_900 + n), &[("name", "x")]));
        (0..200).for_each(|n| _ = dump.set(format!("roles:{}", 70_000 + n), &names("role:", 900 + n % 6..902 + n % 6)));
    });
    none("many orders per account", 11, |dump| {
        users(dump, 100);
        for n in 0..100 {
            let orders: Vec<u64> = (n * 40..n * 40 + 40).collect();
            for order in &orders {
                dump.hash(format!("order:{}", 70_000 + order), &[("user", (70_000 + n).to_string())]);
            }
            dump.set(format!("orders-of:{}", 70_000 + n), &names("order:", n * 40..n * 40 + 40));
        }
    });
    none("all of them in one set, and by country", 11, |dump| {
        users(dump, 80);
        dump.set("users", &names("user:", 0..80));
        (0..4).for_each(|n| _ = dump.set(format!("country:{}", 41 + n), &names("user:", n * 20..n * 20 + 20)));
    });
    none("half of the members elsewhere, too", 11, |dump| {
        users(dump, 400);
        for n in 0..20 {
            dump.set(format!("team:{n}"), &names("user:", n * 20..n * 20 + 20));
            dump.set(format!("night-shift:{n}"), &names("user:", n * 20 + 10..n * 20 + 20));
            dump.set(format!("drivers:{n}"), &names("user:", n * 20 + 5..n * 20 + 15));
        }
    });
}

#[test]
fn sets_by_time_whose_members_come_again_stay() {
    none("daily active users", 11, |dump| {
        users(dump, 100);
        (1..=28).for_each(|day| _ = dump.set(format!("active:2025-01-{day:02}"), &names("user:", day..day + 60)));
    });
    none("days that expire one by one", 11, |dump| {
        for day in 1..=28_u64 {
            let visits: Vec<String> = (0..20).map(|n| format!("visit-{}", day * 1000 + n)).collect();
            dump.expire_ms(1_999_999_999_000).set(format!("visits:2025-01-{day:02}"), &visits);
        }
    });
    none("numbers that are no dates", 11, |dump| {
        users(dump, 400);
        (0..40).for_each(|n| _ = dump.set(format!("group:{}", 202_400 + n), &names("user:", n * 10..n * 10 + 10)));
    });
}

#[test]
fn two_indexes_stay_where_both_values_are_as_many_as_records() {
    const SPEC: &str = "version = 1\n[[record]]\nname = \"user\"\nkey = \"user:*\"\n[[index]]\nname = \"a\"\npolicy = \"report\"\n\
                        from = \"user\"\nkey = \"a:{a}\"\nmember = \"{@key}\"\n[[index]]\nname = \"b\"\npolicy = \"report\"\n\
                        from = \"user\"\nkey = \"b:{b}\"\nmember = \"{@key}\"\n";
    let case = |step: u64| {
        let fill = move |dump: &mut DumpBuilder| {
            for n in 0..2000_u64 {
                let fields = [("a", (n % 40).to_string()), ("b", (n / step % 50).to_string())];
                dump.hash(format!("user:{}", 70_000 + n), &fields);
            }
            let of = |wanted: &dyn Fn(u64) -> bool| -> Vec<String> {
                (0..2000).filter(|n| wanted(*n)).map(|n| format!("user:{}", 70_000 + n)).collect()
            };
            (0..40).for_each(|a| _ = dump.set(format!("a:{a}"), &of(&|n| n % 40 == a)));
            (0..50).for_each(|b| _ = dump.set(format!("b:{b}"), &of(&|n| n / step % 50 == b)));
        };
        Case::made(11, fill).spec(SPEC)
    };
    // 40 times 50 pairs for 2,000 records: one record in each.
    assert_eq!(case(40).kinds(), Vec::<String>::new());
}

#[test]
fn expiries_that_are_alike_are_right() {
    for (records, keys) in [(true, true), (false, false), (false, true)] {
        none("expiries", 11, |dump| {
            for n in 0..100 {
                if records {
                    dump.expire_ms(1_999_999_999_000);
                }
                dump.string(format!("session:{}", 70_000 + n), "{}");
            }
            for n in 0..10 {
                if keys {
                    dump.expire_ms(1_999_999_999_000);
                }
                dump.set(format!("sessions-of:{n}"), &names("session:", n * 10..n * 10 + 10));
            }
        });
    }
}
