//! Indexes that have the records which meet a condition, and no others.

use super::database::NOW;
use super::{Database, Kind, Random, Shape, World};

const fn filter(name: &'static str, build: fn(&World, &mut Random, &mut Database)) -> Shape {
    Shape { name, kind: Kind::Filter, build }
}

const fn own(name: &'static str, build: fn(&World, &mut Random, &mut Database)) -> Shape {
    Shape { name, kind: Kind::Own, build }
}

pub const ALL: &[Shape] = &[
    filter("set by a field, of one state", |world, _, database| {
        for record in world.records.iter().filter(|record| record.state == world.domain.state.1[0]) {
            database.sadd(&world.by_group(record), world.member(record));
        }
    }),
    filter("set by a field, of all states but one", |world, _, database| {
        for record in world.records.iter().filter(|record| record.state != world.domain.state.1[1]) {
            database.sadd(&world.by_group(record), world.member(record));
        }
    }),
    filter("set of those of one state", |world, _, database| {
        for record in world.records.iter().filter(|record| record.state == world.domain.state.1[0]) {
            database.sadd(&world.list(&record.state), world.member(record));
        }
    }),
    filter("set by a field, of the flagged", |world, _, database| {
        for record in world.records.iter().filter(|record| record.flag) {
            database.sadd(&world.by_group(record), world.member(record));
        }
    }),
    filter("set by a field, of those without the flag", |world, _, database| {
        for record in world.records.iter().filter(|record| !record.flag) {
            database.sadd(&world.by_group(record), world.member(record));
        }
    }),
    filter("set by a field, of the flagged of one state", |world, _, database| {
        for record in world.records.iter().filter(|record| record.flag && record.state == world.domain.state.1[0]) {
            database.sadd(&world.by_group(record), world.member(record));
        }
    }),
    filter("set by a field, of the new ones", |world, _, database| {
        for record in world.records.iter().filter(|record| record.time > NOW - 1_000_000) {
            database.sadd(&world.by_group(record), world.member(record));
        }
    }),
    filter("set by a field, of nearly all: the oldest are left out", |world, _, database| {
        for record in world.records.iter().filter(|record| record.time > NOW - 1_900_000) {
            database.sadd(&world.by_group(record), world.member(record));
        }
    }),
    filter("set by a field, of those above a number", |world, _, database| {
        for record in world.records.iter().filter(|record| record.number >= 300) {
            database.sadd(&world.by_group(record), world.member(record));
        }
    }),
    filter("sorted set by a field, of the flagged", |world, _, database| {
        for record in world.records.iter().filter(|record| record.flag) {
            database.zadd(&world.by_group(record), world.member(record), record.number as f64);
        }
    }),
    filter("sorted set of those of one state", |world, _, database| {
        for record in world.records.iter().filter(|record| record.state == world.domain.state.1[0]) {
            database.zadd(&world.list(&record.state), world.member(record), world.score(record));
        }
    }),
    filter("hash of a unique text, of the flagged", |world, _, database| {
        for record in world.records.iter().filter(|record| record.flag) {
            database.hset(&world.list(world.domain.unique), record.unique.clone(), world.member(record));
        }
    }),
    filter("pointers from a unique text, of one state", |world, _, database| {
        for record in world.records.iter().filter(|record| record.state == world.domain.state.1[0]) {
            database.text(&world.index(world.domain.unique, &record.unique), world.member(record));
        }
    }),
    filter("sets by elements of an array, of the flagged", |world, _, database| {
        for record in world.records.iter().filter(|record| record.flag) {
            for tag in &record.tags {
                database.sadd(&world.index(world.domain.tags.0, tag), world.member(record));
            }
        }
    }),
    filter("set by a field, of some of its values", |world, _, database| {
        for record in world.records.iter().filter(|record| record.group != world.domain.group.1[0]) {
            database.sadd(&world.by_group(record), world.member(record));
        }
    }),
    filter("set of those of one value", |world, _, database| {
        for record in world.records.iter().filter(|record| record.group == world.domain.group.1[1]) {
            database.sadd(&world.by_group(record), world.member(record));
        }
    }),
    filter("set by a field, of one tenant", |world, _, database| {
        for record in world.records.iter().filter(|record| record.tenant == "acme") {
            database.sadd(&world.by_group(record), world.member(record));
        }
    }),
    own("set by a field, of a sample", |world, random, database| {
        for record in world.one_in(10, random) {
            database.sadd(&world.by_group(record), world.member(record));
        }
    }),
    own("set by a field, of most of one state", |world, random, database| {
        for record in world.records.iter().filter(|record| record.state == world.domain.state.1[0]) {
            if !random.one_in(4) {
                database.sadd(&world.by_group(record), world.member(record));
            }
        }
    }),
    own("set by a field, of one state and of a few others", |world, random, database| {
        for record in &world.records {
            if record.state == world.domain.state.1[0] || random.one_in(8) {
                database.sadd(&world.by_group(record), world.member(record));
            }
        }
    }),
    own("set of the flagged, and of a few others", |world, random, database| {
        for record in &world.records {
            if record.flag || random.one_in(6) {
                database.sadd(&world.list("starred"), world.member(record));
            }
        }
    }),
    own("set by a field, of half, by what nobody sees", |world, random, database| {
        for record in world.one_in(2, random) {
            database.sadd(&world.by_group(record), world.member(record));
        }
    }),
    own("set by a field, of most, by what nobody sees", |world, random, database| {
        for record in world.records.iter().filter(|_| !random.one_in(5)) {
            database.sadd(&world.by_group(record), world.member(record));
        }
    }),
    own("set of half, by what nobody sees", |world, random, database| {
        for record in world.one_in(2, random) {
            database.sadd(&world.list("beta"), world.member(record));
        }
    }),
    own("set of most, by what nobody sees", |world, random, database| {
        for record in world.records.iter().filter(|_| !random.one_in(6)) {
            database.sadd(&world.list("mailable"), world.member(record));
        }
    }),
    own("hash of a unique text, of half, by what nobody sees", |world, random, database| {
        for record in world.one_in(2, random) {
            database.hset(&world.list(world.domain.unique), record.unique.clone(), world.member(record));
        }
    }),
    own("pointers from a unique text, of half, by what nobody sees", |world, random, database| {
        for record in world.one_in(2, random) {
            database.text(&world.index(world.domain.unique, &record.unique), world.member(record));
        }
    }),
    own("sorted set by a field, of a sample", |world, random, database| {
        for record in world.one_in(4, random) {
            database.zadd(&world.by_group(record), world.member(record), record.number as f64);
        }
    }),
    Shape {
        name: "set by a field, of nearly all, by what nobody sees",
        kind: Kind::Alike,
        build: |world, random, database| {
            for record in world.records.iter().filter(|_| !random.one_in(40)) {
                database.sadd(&world.by_group(record), world.member(record));
            }
        },
    },
    Shape {
        name: "set of nearly all, by what nobody sees",
        kind: Kind::Alike,
        build: |world, random, database| {
            for record in world.records.iter().filter(|_| !random.one_in(40)) {
                database.sadd(&world.list("welcome"), world.member(record));
            }
        },
    },
];
