//! Sorted sets whose scores are no field of the record, or one of another day.

use super::{Database, Kind, Random, Shape, World};

const fn own(name: &'static str, build: fn(&World, &mut Random, &mut Database)) -> Shape {
    Shape { name, kind: Kind::Own, build }
}

/// What has changed since was never to follow; nothing in the data says so.
const fn alike(name: &'static str, build: fn(&World, &mut Random, &mut Database)) -> Shape {
    Shape { name, kind: Kind::Alike, build }
}

pub const ALL: &[Shape] = &[
    own("sorted set of hits", |world, random, database| {
        for record in &world.records {
            database.zadd(&world.list("hits"), world.member(record), random.below(5000) as f64);
        }
    }),
    own("sorted set of hits, of those that have any", |world, random, database| {
        for record in &world.records {
            let hits = random.below(40).saturating_sub(10);
            if hits > 0 {
                database.zadd(&world.list("hits"), world.member(record), hits as f64);
            }
        }
    }),
    own("sorted set of ranks", |world, _, database| {
        for (rank, record) in world.records.iter().enumerate() {
            database.zadd(&world.list("rank"), world.member(record), rank as f64);
        }
    }),
    own("sorted set by a field, by a number that has changed since", |world, random, database| {
        for record in &world.records {
            let old = if random.one_in(3) { random.below(1000) as f64 } else { record.number as f64 };
            database.zadd(&world.by_group(record), world.member(record), old);
        }
    }),
    alike("sorted set by a field, by a number that rarely changes since", |world, random, database| {
        for record in &world.records {
            let old = if random.one_in(12) { random.below(1000) as f64 } else { record.number as f64 };
            database.zadd(&world.by_group(record), world.member(record), old);
        }
    }),
    own("sorted set of when each is to be looked at", |world, random, database| {
        for record in &world.records {
            database.zadd(&world.list("due"), world.member(record), (record.time + random.below(90_000) as u64) as f64);
        }
    }),
    own("sorted set by a field, of decayed scores", |world, random, database| {
        for record in &world.records {
            database.zadd(&world.by_group(record), world.member(record), random.below(1 << 30) as f64 / 1e6);
        }
    }),
    own("sorted set of names, all of score 0", |world, _, database| {
        for record in &world.records {
            let member = format!("{}:{}", record.text.to_ascii_lowercase(), record.id);
            database.zadd(&world.list("by-name"), member, 0.0);
        }
    }),
    own("sorted set of all by a number, negated", |world, _, database| {
        for record in &world.records {
            database.zadd(&world.list("desc"), world.member(record), -(record.number as f64));
        }
    }),
    own("sorted set of all by time, in other units", |world, _, database| {
        for record in &world.records {
            let time = if world.has_score() { record.time / 60 } else { record.time };
            database.zadd(&world.list("minutes"), world.member(record), time as f64);
        }
    }),
    own("sorted sets by a field, by the time of the last look", |world, random, database| {
        for record in &world.records {
            let seen = record.time + random.below(5000) as u64;
            database.zadd(&world.by_group(record), world.member(record), seen as f64);
        }
    }),
];
