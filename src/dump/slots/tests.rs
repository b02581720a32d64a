//! Slots against values that a server gave, and databases that are whole, cut, or split.

use super::*;

/// `CLUSTER KEYSLOT` of Redis 7.0.15 for these.
#[test]
fn slots_of_names() {
    for (key, slot) in [
        ("", 0),
        ("foo", 12182),
        ("bar", 5061),
        ("hello", 866),
        ("123456789", 12739),
        ("{user1000}.following", 3443),
        ("{user1000}.followers", 3443),
        ("foo{}{bar}", 8363),
        ("foo{{bar}}zap", 4015),
        ("foo{bar}{zap}", 5061),
    ] {
        assert_eq!(slot_of(key.as_bytes()), slot, "{key}");
    }
}

/// Names like those of a database, by family: in sequence, but for the last.
fn names(users: u32) -> impl Iterator<Item = String> {
    (1..=users).flat_map(|n| {
        let token = u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        [format!("user:{n}"), format!("order:{n}"), format!("session:{token:016x}")]
    })
}

fn gather(ends: &[u64], keys: impl Iterator<Item = (String, u64)>) -> Gathered {
    let mut all = Gathered::new(ends);
    // As several threads would: each key to one of three, and the order of merging does not matter.
    let mut threads = [all.clone(), all.clone(), all.clone()];
    for (n, (key, start)) in keys.enumerate() {
        threads[n % 3].add(key.as_bytes(), start);
    }
    threads.iter().rev().for_each(|thread| all.merge(thread));
    all
}

fn of(users: u32, there: impl Fn(u16) -> bool) -> Vec<Finding> {
    let keys = names(users).filter(|key| there(slot_of(key.as_bytes()))).map(|key| (key, 0));
    judge(&gather(&[], keys), false, || 3)
}

fn ranges(found: &[Finding]) -> Vec<(u16, u16)> {
    match found {
        [] => Vec::new(),
        [Finding::Partial { runs, sure: true, .. }] => runs.iter().map(|run| (run.first, run.last)).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn whole_databases_are_whole() {
    for users in [1, 3, 7, 9, 10, 20, 99, 100, 1000, 5000, 20_000, 100_000] {
        assert_eq!(of(users, |_| true), [], "{users}");
    }
}

/// The bounds of three shards, as `redis-cli --cluster create` gives them.
#[test]
fn one_or_two_of_three_shards() {
    for users in [300, 5000, 50_000] {
        let near = |slot: u16, bound: u16| slot.abs_diff(bound) < 16384 / 60;
        for (shard, expected) in [
            (0..=5460, vec![(5461, 16383)]),
            (5461..=10922, vec![(0, 5460), (10923, 16383)]),
            (10923..=16383, vec![(0, 10922)]),
        ] {
            for (found, expected) in [
                (of(users, |slot| shard.contains(&slot)), expected),
                (of(users, |slot| !shard.contains(&slot)), vec![(*shard.start(), *shard.end())]),
            ] {
                let found = ranges(&found);
                assert_eq!(found.len(), expected.len(), "{users} {shard:?}: {found:?}");
                for (found, expected) in found.iter().zip(&expected) {
                    // The next slot that has a key may be some slots away.
                    assert!(near(found.0, expected.0) && near(found.1, expected.1), "{users}: {found:?} {expected:?}");
                }
            }
        }
    }
}

#[test]
fn one_of_64_shards_and_all_but_one() {
    for shard in [0, 17, 63] {
        let bounds = shard * 256..(shard + 1) * 256;
        let alone = of(2000, |slot| bounds.contains(&slot));
        assert!(alone.len() == 1 && alone[0].is_sure(), "{alone:?}");
        let missing = ranges(&of(20_000, |slot| !bounds.contains(&slot)));
        assert_eq!(missing.len(), 1, "{shard}: {missing:?}");
        assert!(missing[0].0 <= bounds.start && missing[0].1 >= bounds.end - 1, "{missing:?}");
    }
}

/// Fewer names or families are only warned of; and a cluster's own word makes a shorter run enough.
#[test]
fn what_it_takes_to_be_sure() {
    let shard = |n: usize| {
        let keys = names(5000).filter(|key| slot_of(key.as_bytes()) < 256).take(n).map(|key| (key, 0));
        gather(&[], keys)
    };
    let sure = |found: &[Finding]| found.iter().map(Finding::is_sure).collect::<Vec<_>>();
    assert_eq!(sure(&judge(&shard(25), false, || 3)), [true]);
    assert_eq!(sure(&judge(&shard(25), false, || 2)), [false]);
    assert_eq!(sure(&judge(&shard(15), false, || 3)), [false]);
    assert_eq!(judge(&shard(1), false, || 3), []);
    // 24 names in half of the slots: 16384 / 2^24 is 0.001.
    let half = names(60).filter(|key| slot_of(key.as_bytes()) < 8192).take(24).map(|key| (key, 0));
    let half = gather(&[], half);
    assert_eq!(judge(&half, false, || 3), []);
    assert_eq!(sure(&judge(&half, true, || 3)), [true]);
}

/// All keys in one tag are one hash input.
#[test]
fn a_tag_counts_once() {
    let keys = names(1000).map(|key| (format!("{{app}}:{key}"), 0));
    assert_eq!(judge(&gather(&[], keys), true, || 3), []);
}

#[test]
fn no_keys_are_no_shard() {
    assert_eq!(judge(&Gathered::new(&[]), true, || 0), []);
}

/// Of three shards, slots 5000 to 5460 went from the first to the second one: keys of theirs are in both dumps, or in none.
#[test]
fn dumps_around_a_reshard() {
    let part = |slot: u16, n: usize| match slot {
        5000..=5460 if n.is_multiple_of(2) => 1,
        0..=5460 => 0,
        5461..=10922 => 1,
        _ => 2,
    };
    let all = || {
        names(3000).enumerate().map(|(n, key)| {
            let part = part(slot_of(key.as_bytes()), n);
            (key, part as u64 * 100)
        })
    };
    let found = judge(&gather(&[100, 200, 300], all()), false, || 3);
    let [Finding::Split { slot, parts: [0, 1], slots, sure: true }] = found[..] else { panic!("{found:?}") };
    assert!((5000..5100).contains(&slot) && slots > 10, "{slot} {slots}");
    let words = found[0].words(|part| format!("{part}.rdb"));
    assert!(words.contains("has keys in 0.rdb and in 1.rdb, and "), "{words}");
    // In neither: the first two are shards, and the third would have to have them.
    let neither = all().filter(|(key, _)| !(5000..=5460).contains(&slot_of(key.as_bytes())));
    let found = judge(&gather(&[100, 200, 300], neither), false, || 3);
    let [(first, last)] = ranges(&found)[..] else { panic!("{found:?}") };
    assert!(first <= 5000 && last >= 5460, "{first} {last}");
    // As it should be.
    let whole = names(3000).map(|key| {
        let part = part(slot_of(key.as_bytes()), 1);
        (key, part as u64 * 100)
    });
    assert_eq!(judge(&gather(&[100, 200, 300], whole), false, || 3), []);
    // Several dumps whose keys are spread in another way are no shards of slots.
    let spread = names(3000).enumerate().map(|(n, key)| (key, n as u64 % 3 * 100));
    assert_eq!(judge(&gather(&[100, 200, 300], spread), false, || 3), []);
}

#[test]
fn words_name_the_slots() {
    let run = |first, last| Run { first, last, expected: 0.0 };
    let partial = |runs| Finding::Partial { runs, inputs: 30, sure: true }.words(|_| String::new());
    assert_eq!(partial(vec![run(5461, 16383)]), "no key in slots 5461-16383: is a shard missing?");
    assert_eq!(partial(vec![run(0, 5460), run(9, 90)]), "no key in slots 0-5460, 9-90: is a shard missing?");
}
