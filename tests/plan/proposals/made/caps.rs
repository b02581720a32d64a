//! Indexes that hold so many and no more.

use std::collections::BTreeMap;

use super::{Database, Kind, Random, Record, Shape, World};

const fn own(name: &'static str, build: fn(&World, &mut Random, &mut Database)) -> Shape {
    Shape { name, kind: Kind::Own, build }
}

/// The records, the latest first.
fn latest(world: &World) -> Vec<&Record> {
    let mut all: Vec<&Record> = world.records.iter().collect();
    all.sort_by_key(|record| (std::cmp::Reverse(record.time), record.id.clone()));
    all
}

/// The latest of each group, at most so many.
fn by_group(world: &World, cap: usize) -> Vec<&Record> {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    let mut fits = |record: &&Record| {
        let count = count.entry(record.group.clone()).or_default();
        *count += 1;
        *count <= cap
    };
    latest(world).into_iter().filter(|record| fits(record)).collect()
}

/// How many the largest group has.
fn largest(world: &World) -> usize {
    let count = |group: &&str| world.records.iter().filter(|record| record.group == **group).count();
    world.domain.group.1.iter().map(count).max().expect("a group")
}

pub const ALL: &[Shape] = &[
    own("list of the latest 25", |world, _, database| {
        for record in latest(world).into_iter().take(25) {
            database.rpush(&world.list("latest"), world.member(record));
        }
    }),
    own("sorted set of the latest 30, by time", |world, _, database| {
        for record in latest(world).into_iter().take(30) {
            database.zadd(&world.list("latest"), world.member(record), world.score(record));
        }
    }),
    own("sorted set of the first 30, by a number", |world, _, database| {
        let mut all: Vec<&Record> = world.records.iter().collect();
        all.sort_by_key(|record| (std::cmp::Reverse(record.number), record.id.clone()));
        for record in all.into_iter().take(30) {
            database.zadd(&world.list("top"), world.member(record), record.number as f64);
        }
    }),
    own("set by a field, of the latest 6", |world, _, database| {
        for record in by_group(world, 6) {
            database.sadd(&world.by_group(record), world.member(record));
        }
    }),
    own("sorted set by a field, of the latest 8, by time", |world, _, database| {
        for record in by_group(world, 8) {
            database.zadd(&world.by_group(record), world.member(record), world.score(record));
        }
    }),
    own("list by a field, of the latest 8", |world, _, database| {
        for record in by_group(world, 8) {
            database.rpush(&world.by_group(record), world.member(record));
        }
    }),
    own("set by a field, capped where the largest groups end", |world, _, database| {
        for record in by_group(world, largest(world) * 2 / 3) {
            database.sadd(&world.by_group(record), world.member(record));
        }
    }),
    own("sorted set of nearly all: the last 20 were trimmed", |world, _, database| {
        for record in latest(world).into_iter().take(world.records.len() - 20) {
            database.zadd(&world.list("timeline"), world.member(record), world.score(record));
        }
    }),
    own("set by a field, of a random 7", |world, random, database| {
        for group in world.domain.group.1 {
            let mut all: Vec<&Record> = world.records.iter().filter(|record| record.group == *group).collect();
            while all.len() > 7 {
                all.swap_remove(random.below(all.len()));
            }
            for record in all {
                database.sadd(&world.by_group(record), world.member(record));
            }
        }
    }),
];
