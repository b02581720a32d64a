//! Indexes that have every record.

use super::{Database, Kind, Shape, World};

const fn plain(name: &'static str, build: fn(&World, &mut super::Random, &mut Database)) -> Shape {
    Shape { name, kind: Kind::Plain, build }
}

pub const ALL: &[Shape] = &[
    plain("set by a field", |world, _, database| {
        for record in &world.records {
            database.sadd(&world.by_group(record), world.member(record));
        }
    }),
    plain("set by a state", |world, _, database| {
        for record in &world.records {
            database.sadd(&world.index(world.domain.state.0, &record.state), world.member(record));
        }
    }),
    plain("set of all", |world, _, database| {
        for record in &world.records {
            database.sadd(&world.list("all"), world.member(record));
        }
    }),
    plain("sorted set of all by a number", |world, _, database| {
        for record in &world.records {
            database.zadd(&world.list(world.domain.number), world.member(record), record.number as f64);
        }
    }),
    plain("sorted set by a field, by time", |world, _, database| {
        for record in &world.records {
            let key = format!("{}:by-time", world.by_group(record));
            database.zadd(&key, world.member(record), world.score(record));
        }
    }),
    plain("hash of a unique text", |world, _, database| {
        for record in &world.records {
            database.hset(&world.list(world.domain.unique), record.unique.clone(), world.member(record));
        }
    }),
    plain("hash of a unique text in lower case", |world, _, database| {
        for record in &world.records {
            let key = format!("{}:lower", world.list(world.domain.unique));
            database.hset(&key, record.unique.to_ascii_lowercase(), record.id.clone());
        }
    }),
    plain("pointers from a unique text", |world, _, database| {
        for record in &world.records {
            database.text(&world.index(world.domain.unique, &record.unique), world.member(record));
        }
    }),
    plain("sets by elements of an array", |world, _, database| {
        for record in &world.records {
            for tag in &record.tags {
                database.sadd(&world.index(world.domain.tags.0, tag), world.member(record));
            }
        }
    }),
    plain("set by two fields", |world, _, database| {
        for record in &world.records {
            let value = format!("{}:{}", record.group, record.state);
            database.sadd(&world.index("group-state", &value), world.member(record));
        }
    }),
    plain("set by a flag", |world, _, database| {
        for record in &world.records {
            let value = if world.storage == super::world::Storage::Hash {
                u8::from(record.flag).to_string()
            } else {
                record.flag.to_string()
            };
            database.sadd(&world.index(world.domain.flag, &value), world.member(record));
        }
    }),
    plain("sets by words", |world, _, database| {
        for record in &world.records {
            for word in record.text.to_ascii_lowercase().split(' ') {
                database.sadd(&world.index("word", word), world.member(record));
            }
        }
    }),
    plain("set by a field, in lower case", |world, _, database| {
        for record in &world.records {
            let key = world.index("lower", &record.text.to_ascii_lowercase());
            database.sadd(&key, world.member(record));
        }
    }),
    plain("set by a part of the key", |world, _, database| {
        for record in &world.records {
            database.sadd(&world.index("tenant", &record.tenant), world.member(record));
        }
    }),
    plain("list of all", |world, _, database| {
        for record in &world.records {
            database.rpush(&world.list("list"), world.member(record));
        }
    }),
];
