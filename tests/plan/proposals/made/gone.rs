//! What names records that are gone, and shall.

use super::database::NOW;
use super::{Database, Kind, Random, Record, Shape, World};

const fn gone(name: &'static str, build: fn(&World, &mut Random, &mut Database)) -> Shape {
    Shape { name, kind: Kind::Gone, build }
}

const fn own(name: &'static str, build: fn(&World, &mut Random, &mut Database)) -> Shape {
    Shape { name, kind: Kind::Own, build }
}

/// One of all that ever were: one in four is gone, or what the world has.
fn ever<'a>(world: &'a World, random: &mut Random) -> &'a Record {
    if random.one_in(4) { random.pick(&world.gone) } else { random.pick(&world.records) }
}

fn everybody(world: &World) -> impl Iterator<Item = &Record> {
    world.records.iter().chain(&world.gone)
}

pub const ALL: &[Shape] = &[
    own("tombstones: a set", |world, _, database| {
        for record in &world.gone {
            database.sadd(&world.list("deleted"), world.member(record));
        }
    }),
    own("tombstones: a sorted set by time", |world, random, database| {
        for record in &world.gone {
            database.zadd(&world.list("deleted"), world.member(record), (NOW - random.below(90_000) as u64) as f64);
        }
    }),
    own("tombstones: a hash with reasons", |world, random, database| {
        for record in &world.gone {
            let reason = *random.pick(&["gdpr", "spam", "request"]);
            database.hset(&world.list("deleted"), world.member(record), reason);
        }
    }),
    own("tombstones by a field", |world, _, database| {
        for record in &world.gone {
            database.sadd(&format!("{}:deleted", world.by_group(record)), world.member(record));
        }
    }),
    gone("ids that were seen", |world, _, database| {
        for record in everybody(world) {
            database.sadd(&world.list("seen"), world.member(record));
        }
    }),
    gone("ids that were seen, a set a day", |world, random, database| {
        for day in 1..=6 {
            for _ in 0..20 {
                database.sadd(&format!("seen:2025-01-0{day}"), world.member(ever(world, random)));
            }
        }
    }),
    gone("ids in the order of their making", |world, _, database| {
        for record in everybody(world) {
            database.zadd(&world.list("log"), world.member(record), record.time as f64);
        }
    }),
    gone("lists of what was viewed", |world, random, database| {
        for visitor in 0..12 {
            for _ in 0..8 {
                database.rpush(&format!("viewed:v{visitor}"), world.member(ever(world, random)));
            }
        }
    }),
    gone("views of each, in a hash", |world, random, database| {
        for record in everybody(world) {
            database.hset(&world.list("views"), world.member(record), random.below(900).to_string());
        }
    }),
    gone("a board of points, with those who left", |world, _, database| {
        for record in everybody(world) {
            database.zadd(&world.list("board"), world.member(record), record.number as f64);
        }
    }),
    gone("boards by a field, with those who left", |world, _, database| {
        for record in everybody(world) {
            database.zadd(&format!("{}:board", world.by_group(record)), world.member(record), record.number as f64);
        }
    }),
    gone("followers of each, also deleted ones", |world, random, database| {
        for record in world.records.iter().take(40) {
            for _ in 0..1 + random.below(6) {
                database.sadd(&world.of(record, "followers"), world.member(ever(world, random)));
            }
        }
    }),
    gone("names that stay taken", |world, _, database| {
        for record in everybody(world) {
            database.hset(&world.list("taken"), record.unique.clone(), world.member(record));
        }
    }),
    gone("pointers of names that stay taken", |world, _, database| {
        for record in everybody(world) {
            database.text(&world.index("taken", &record.unique), world.member(record));
        }
    }),
    gone("a list of all that was done", |world, random, database| {
        for _ in 0..80 {
            database.rpush("audit", world.member(ever(world, random)));
        }
    }),
    gone("a list of what is banned", |world, random, database| {
        for record in everybody(world).filter(|_| random.one_in(4)) {
            database.sadd(&world.list("banned"), world.member(record));
        }
    }),
    gone("who voted for what", |world, random, database| {
        for post in 0..15 {
            for _ in 0..4 + random.below(8) {
                database.sadd(&format!("post:{post}:voters"), world.member(ever(world, random)));
            }
        }
    }),
    own("what belongs to each, of which most is in an archive", |world, random, database| {
        for record in world.records.iter().take(30) {
            for _ in 0..5 {
                let other = if random.one_in(6) { random.pick(&world.records) } else { random.pick(&world.gone) };
                database.sadd(&world.of(record, "history"), world.member(other));
            }
        }
    }),
    gone("an archive of each, also of deleted ones", |world, random, database| {
        for record in everybody(world) {
            database.text(&format!("archive:{}", record.id), format!("s3://bucket/{}", random.below(1 << 30)));
        }
    }),
    gone("counts beside each, also of deleted ones", |world, random, database| {
        for record in everybody(world) {
            database.text(&world.of(record, "visits"), random.below(900).to_string());
        }
    }),
    gone("locks of each, also of deleted ones", |world, random, database| {
        for record in everybody(world).filter(|record| record.number.is_multiple_of(3)) {
            let key = format!("lock:{}", record.id);
            database.text(&key, format!("{:08x}", random.below(1 << 30)));
            database.expire(&key);
        }
    }),
    gone("a queue of which some is kept elsewhere", |world, random, database| {
        for _ in 0..60 {
            database.rpush(&world.list("queue"), world.member(ever(world, random)));
        }
    }),
    own("a queue that is kept elsewhere", |world, _, database| {
        for record in &world.gone {
            database.rpush(&world.list("queue"), world.member(record));
        }
    }),
    gone("the group of each at its beginning, also of deleted ones", |world, _, database| {
        for record in everybody(world) {
            database.hset(&world.list("first-group"), record.id.clone(), record.group.clone());
        }
    }),
    gone("set by a field, with those who left", |world, _, database| {
        for record in everybody(world) {
            database.sadd(&world.index("alumni", &record.group), world.member(record));
        }
    }),
    gone("groups, some of which have no record yet", |world, random, database| {
        let name = world.domain.group.0;
        for group in world.domain.group.1.iter().chain(&["planned", "merged"]) {
            database.sadd(&world.list("groups"), format!("{name}:{group}"));
            if world.domain.group.1.contains(group) {
                database.hset(&format!("{name}:{group}"), "limit", random.below(50).to_string());
            }
        }
    }),
    gone("who referred whom", |world, random, database| {
        for record in &world.records {
            database.text(&world.of(record, "referrer"), world.member(ever(world, random)));
        }
    }),
    gone("what was bought by whom, in one hash", |world, random, database| {
        for receipt in 0..90 {
            database.hset("receipts", format!("r{receipt:05}"), world.member(ever(world, random)));
        }
    }),
];
