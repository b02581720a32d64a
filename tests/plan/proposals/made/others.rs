//! What else a database has: counters, queues, registries, caches, indexes of other times and other classes.

use std::collections::BTreeMap;

use super::database::NOW;
use super::{Database, Kind, Random, Shape, World};

const fn own(name: &'static str, build: fn(&World, &mut Random, &mut Database)) -> Shape {
    Shape { name, kind: Kind::Own, build }
}

/// Records of another class: bots, with a name.
fn bots(random: &mut Random, database: &mut Database) -> Vec<String> {
    let keys: Vec<String> = (0..15 + random.below(20)).map(|n| format!("bot:{n}")).collect();
    for (n, key) in keys.iter().enumerate() {
        database.hset(key, "name", format!("bot {n}"));
        database.hset(key, "kind", *random.pick(&["echo", "help"]));
    }
    keys
}

/// What has changed since was never to follow; nothing in the data says so.
const fn alike(name: &'static str, build: fn(&World, &mut Random, &mut Database)) -> Shape {
    Shape { name, kind: Kind::Alike, build }
}

pub const ALL: &[Shape] = &[
    own("limits of rates", |world, random, database| {
        for record in world.records.iter().filter(|record| record.number.is_multiple_of(4)) {
            for _ in 0..3 {
                let at = NOW - random.below(60) as u64;
                database.zadd(&world.of(record, "rate"), format!("{at}-{}", random.below(1000)), at as f64);
            }
            database.expire(&world.of(record, "rate"));
        }
    }),
    own("locks of each", |world, random, database| {
        for record in world.records.iter().filter(|record| record.number.is_multiple_of(3)) {
            let key = format!("lock:{}", record.id);
            database.text(&key, format!("{:08x}", random.below(1 << 30)));
            database.expire(&key);
        }
    }),
    own("a queue of some", |world, random, database| {
        for record in world.one_in(4, random) {
            database.rpush(&world.list("queue"), world.member(record));
        }
    }),
    own("queues of some by a field", |world, random, database| {
        for record in world.one_in(3, random) {
            database.rpush(&world.by_group(record), world.member(record));
        }
    }),
    own("a queue of JSON", |world, random, database| {
        for _ in 0..40 {
            let (record, n) = (random.pick(&world.records), random.below(9));
            database.rpush(&world.list("events"), serde_json::json!({"id": record.id, "n": n}).to_string());
        }
    }),
    own("counts of each", |world, random, database| {
        for record in &world.records {
            database.text(&world.of(record, "visits"), random.below(900).to_string());
        }
    }),
    own("counts of some, in a hash", |world, random, database| {
        for record in world.one_in(3, random) {
            database.hset(&world.list("visits"), record.id.clone(), random.below(900).to_string());
        }
    }),
    own("two classes in one set", |world, random, database| {
        let bots = bots(random, database);
        for record in &world.records {
            database.sadd("everyone", world.key(record));
        }
        bots.into_iter().for_each(|bot| database.sadd("everyone", bot));
    }),
    own("some of two classes in one set", |world, random, database| {
        let bots = bots(random, database);
        for record in world.one_in(2, random) {
            database.sadd("online", world.key(record));
        }
        bots.into_iter().filter(|_| random.one_in(2)).for_each(|bot| database.sadd("online", bot));
    }),
    own("two classes in sets by a field", |world, random, database| {
        let bots = bots(random, database);
        for record in &world.records {
            database.sadd(&world.by_group(record), world.key(record));
        }
        for bot in bots {
            let group = random.pick(world.domain.group.1);
            database.sadd(&world.index(world.domain.group.0, group), bot);
        }
    }),
    own("sets that were cached for an hour", |world, random, database| {
        for group in world.domain.group.1 {
            let key = format!("cache:{group}");
            for record in world.records.iter().filter(|record| record.group == *group && !random.one_in(6)) {
                database.sadd(&key, world.member(record));
            }
            database.sadd(&key, world.member(random.pick(&world.records)));
            database.expire(&key);
        }
    }),
    own("tags of pages that are there", |_, random, database| {
        for n in 0..60 {
            let key = format!("page:{n}");
            database.text(&key, format!("<html>{:x}", random.below(1 << 30)));
            database.expire(&key);
            for _ in 0..1 + random.below(3) {
                database.sadd(&format!("tag:{}", random.pick(&["home", "blog", "shop", "admin"])), key.clone());
            }
        }
    }),
    own("sets by the first letter", |world, _, database| {
        for record in &world.records {
            database.sadd(&world.index("letter", &record.text[..1]), world.member(record));
        }
    }),
    own("sets by the day", |world, _, database| {
        for record in &world.records {
            database.sadd(&world.index("day", &(record.time / 86_400).to_string()), world.member(record));
        }
    }),
    own("sets by the rest of a division", |world, _, database| {
        for record in &world.records {
            database.sadd(&world.index("bucket", &(record.number % 8).to_string()), world.member(record));
        }
    }),
    own("sets by words, without those that are common", |world, _, database| {
        for record in &world.records {
            for word in record.text.to_ascii_lowercase().split(' ').filter(|word| !["ann", "bob"].contains(word)) {
                database.sadd(&world.index("word", word), world.member(record));
            }
        }
    }),
    own("sets by beginnings of words", |world, _, database| {
        for record in &world.records {
            for end in 1..=3 {
                let start = record.text.to_ascii_lowercase().chars().take(end).collect::<String>();
                database.sadd(&world.index("ac", &start), world.member(record));
            }
        }
    }),
    own("friends, both ways", |world, random, database| {
        for _ in 0..120 {
            let (one, other) = (random.pick(&world.records), random.pick(&world.records));
            database.sadd(&world.of(one, "friends"), world.member(other));
            database.sadd(&world.of(other, "friends"), world.member(one));
        }
    }),
    own("set by the group of yesterday", |world, random, database| {
        for record in &world.records {
            let moved = *random.pick(world.domain.group.1);
            let group = if random.one_in(4) { moved } else { record.group.as_str() };
            database.sadd(&world.index(world.domain.group.0, group), world.member(record));
        }
    }),
    alike("set by the group at the beginning, which rarely changes", |world, random, database| {
        for record in &world.records {
            let moved = *random.pick(world.domain.group.1);
            let group = if random.one_in(10) { moved } else { record.group.as_str() };
            database.sadd(&world.index(world.domain.group.0, group), world.member(record));
        }
    }),
    own("events with an id in them", |world, random, database| {
        for _ in 0..90 {
            let at = NOW - random.below(90_000) as u64;
            let (what, record) = (*random.pick(&["in", "out"]), random.pick(&world.records));
            database.zadd(&world.list("events"), format!("{what}:{}:{at}", record.id), at as f64);
        }
    }),
    own("an old index beside the new one", |world, random, database| {
        for record in &world.records {
            database.sadd(&format!("v2:{}", world.by_group(record)), world.member(record));
            if random.one_in(2) {
                database.sadd(&format!("v1:{}", world.by_group(record)), world.member(record));
            }
        }
    }),
    own("the group of each as a string", |world, _, database| {
        for record in &world.records {
            database.text(&world.of(record, "group"), record.group.clone());
        }
    }),
    own("those that are still to be told", |world, random, database| {
        for group in world.domain.group.1 {
            let key = format!("{}:pending", world.index(world.domain.group.0, group));
            for record in world.records.iter().filter(|record| record.group == *group && random.one_in(3)) {
                database.sadd(&key, world.member(record));
            }
        }
    }),
    own("sets of ids of another database, where a few are here, too", |world, random, database| {
        // As the records are kept here, theirs are there; what is here is a copy of a few.
        let db = std::mem::replace(&mut database.db, 9);
        for record in &world.records {
            database.sadd(&world.by_group(record), world.key(record));
            if random.one_in(12) {
                database.hset(&world.key(record), "copied", "1");
            }
        }
        database.db = db;
    }),
    own("pairs that are counted", |world, random, database| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..120 {
            let (one, other) = (random.pick(&world.records), random.pick(&world.records));
            *counts.entry(format!("{}~{}", one.id, other.id)).or_default() += 1;
        }
        counts.into_iter().for_each(|(pair, count)| database.zadd(&world.list("together"), pair, count as f64));
    }),
    own("registries of connections", |world, random, database| {
        for node in 0..4 {
            for _ in 0..12 {
                let record = random.pick(&world.records);
                let connection = format!("{}#{:06x}", record.id, random.below(1 << 24));
                database.hset(&format!("node:{node}:connections"), connection, (NOW - 5).to_string());
            }
        }
    }),
    own("bits and sketches", |world, random, database| {
        for day in 1..=5 {
            let bits: String = (0..40).map(|_| char::from(random.below(256) as u8)).collect();
            database.text(&world.index("bits", &format!("2025-01-0{day}")), bits);
        }
        database.text(&world.list("sketch"), format!("HYLL\u{1}\0\0\0{}", "\u{80}".repeat(24)));
    }),
    own("members that are keys of sets", |world, _, database| {
        for record in &world.records {
            database.sadd(&world.by_group(record), world.member(record));
            database.sadd(&world.list("groups"), world.by_group(record));
        }
    }),
    own("groups, some of which are empty", |world, _, database| {
        for record in world.records.iter().filter(|record| record.flag) {
            database.sadd(&world.by_group(record), world.member(record));
        }
        for group in world.domain.group.1.iter().chain(&["future", "past"]) {
            database.sadd(&world.list("groups"), world.index(world.domain.group.0, group));
        }
    }),
    alike("ids of a class that is not here, and that has the same numbers", |world, random, database| {
        let first = world.records.iter().filter_map(|record| record.id.parse::<u64>().ok()).min().unwrap_or(1);
        for cart in 0..20 {
            for _ in 0..5 {
                let number = first + random.below(world.records.len() + 60) as u64;
                database.sadd(&format!("cart:{cart}"), number.to_string());
            }
        }
    }),
    own("counts by a field", |world, _, database| {
        for group in world.domain.group.1 {
            let count = world.records.iter().filter(|record| record.group == *group).count();
            database.hset(&world.list("count-by"), *group, count.to_string());
            database.zadd(&world.list("largest"), *group, count as f64);
            database.text(&world.index("count", group), count.to_string());
        }
    }),
    own("settings of groups", |world, random, database| {
        let name = world.domain.group.0;
        for group in world.domain.group.1 {
            database.hset(&format!("{name}:{group}"), "limit", random.below(50).to_string());
            database.hset(&format!("{name}:{group}"), "plan", *random.pick(&["free", "pro"]));
            if random.one_in(2) {
                database.sadd(&format!("{name}s:pro"), format!("{name}:{group}"));
            }
        }
    }),
    own("chosen ones of each", |world, random, database| {
        for record in world.records.iter().take(30) {
            database.text(&world.of(record, "best"), world.member(random.pick(&world.records)));
        }
    }),
];
