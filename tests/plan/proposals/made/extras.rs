//! Indexes with entries that no record implies: somebody put them there.

use super::{Database, Kind, Random, Shape, World};

const fn own(name: &'static str, build: fn(&World, &mut Random, &mut Database)) -> Shape {
    Shape { name, kind: Kind::Own, build }
}

/// Every record in the set of its group.
fn all(world: &World, database: &mut Database) {
    for record in &world.records {
        database.sadd(&world.by_group(record), world.member(record));
    }
}

pub const ALL: &[Shape] = &[
    own("set by a field, with favourites of other groups", |world, random, database| {
        all(world, database);
        for _ in 0..4 + random.below(world.records.len() / 4) {
            let (group, record) = (random.pick(world.domain.group.1), random.pick(&world.records));
            database.sadd(&world.index(world.domain.group.0, group), world.member(record));
        }
    }),
    own("set by a field, with ids of another system", |world, random, database| {
        all(world, database);
        for n in 0..3 + random.below(10) {
            let key = world.by_group(random.pick(&world.records));
            database.sadd(&key, format!("ext-{}", 70_000 + n * 13));
        }
    }),
    own("set by a field, with a mark in each", |world, _, database| {
        all(world, database);
        for group in world.domain.group.1 {
            database.sadd(&world.index(world.domain.group.0, group), "__init__");
        }
    }),
    own("set by a field, and sets of that form for other things", |world, random, database| {
        all(world, database);
        for what in ["favourites", "trending", "editors-choice"] {
            for _ in 0..5 + random.below(10) {
                database.sadd(&world.index(world.domain.group.0, what), world.member(random.pick(&world.records)));
            }
        }
    }),
    own("set by a field, of which each was in once", |world, random, database| {
        all(world, database);
        for record in world.one_in(3, random) {
            let group = random.pick(world.domain.group.1);
            database.sadd(&world.index(world.domain.group.0, group), world.member(record));
        }
    }),
    own("access lists of records and roles", |world, random, database| {
        for n in 0..12 {
            let key = format!("acl:doc{n}");
            database.sadd(&key, *random.pick(&["role:admin", "role:editor", "everyone"]));
            for _ in 0..3 + random.below(6) {
                database.sadd(&key, world.member(random.pick(&world.records)));
            }
        }
    }),
    own("set by a field, with what was invited", |world, random, database| {
        all(world, database);
        for n in 0..8 {
            let group = random.pick(world.domain.group.1);
            database.sadd(&world.index(world.domain.group.0, group), format!("guest{n}@example.net"));
        }
    }),
    own("hash of a unique text, with reserved ones", |world, _, database| {
        let key = world.list(world.domain.unique);
        for record in &world.records {
            database.hset(&key, record.unique.clone(), world.member(record));
        }
        for reserved in ["admin", "root", "postmaster", "null"] {
            database.hset(&key, format!("{reserved}@example.org"), "reserved");
        }
    }),
    own("hash of a unique text, with second names", |world, random, database| {
        let key = world.list(world.domain.unique);
        for record in &world.records {
            database.hset(&key, record.unique.clone(), world.member(record));
            if random.one_in(4) {
                database.hset(&key, format!("alias.{}", record.unique), world.member(record));
            }
        }
    }),
    own("pointers from a unique text, also from earlier ones", |world, random, database| {
        for record in &world.records {
            database.text(&world.index(world.domain.unique, &record.unique), world.member(record));
            if random.one_in(4) {
                let old = format!("old.{}", record.unique);
                database.text(&world.index(world.domain.unique, &old), world.member(record));
            }
        }
    }),
    own("sorted set by a field, with pinned ones", |world, random, database| {
        for record in &world.records {
            database.zadd(&world.by_group(record), world.member(record), record.number as f64);
        }
        for group in world.domain.group.1 {
            let key = world.index(world.domain.group.0, group);
            for _ in 0..2 {
                database.zadd(&key, world.member(random.pick(&world.records)), 9_999_999.0);
            }
        }
    }),
];
