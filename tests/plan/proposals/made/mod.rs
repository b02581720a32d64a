//! Databases that are right by a rule of their application, which nobody tells the program.
//!
//! Each has records (`world`), one index or other structure over them (a shape), and often plain indexes beside it.

pub mod broken;
mod caps;
mod database;
mod extras;
mod filters;
mod gone;
mod others;
mod plain;
mod scores;
mod world;

pub use database::Database;
pub use world::{Record, World};

use crate::judge::random::Random;

/// What can be known of the rule from the data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Every record is there, by what its fields or its key say.
    Plain,
    /// The records that meet a condition on their fields are.
    Filter,
    /// A rule of the application, of which the data show that they do not follow from the records alone.
    Own,
    /// It names records that are gone, on purpose. Plain indexes beside it do not: the application does clean up.
    Gone,
    /// The same, and there is nothing beside it; or else what is missing is missing without a sign. By its structure it
    /// cannot be told from damage.
    Alike,
}

/// What an application keeps, by a rule of its own.
pub struct Shape {
    pub name: &'static str,
    pub kind: Kind,
    build: fn(&World, &mut Random, &mut Database),
}

/// One database.
pub struct Made {
    pub shape: &'static str,
    pub kind: Kind,
    pub seed: u64,
    pub database: Database,
}

impl Made {
    pub fn name(&self) -> String {
        format!("{} (seed {})", self.shape, self.seed)
    }

    pub fn dump(&self) -> Vec<u8> {
        self.database.dump(if self.seed.is_multiple_of(2) { 10 } else { 11 })
    }
}

impl Shape {
    /// What it is in a world; where the keys it makes are taken already, nothing.
    fn add(&self, world: &World, random: &mut Random, database: &mut Database) -> bool {
        let mut own = Database { db: database.db, ..Database::default() };
        (self.build)(world, random, &mut own);
        let is_free = own.state.keys().all(|key| !database.state.contains_key(key));
        if is_free {
            database.state.append(&mut own.state);
        }
        is_free
    }
}

pub fn shapes() -> impl Iterator<Item = &'static Shape> {
    [plain::ALL, filters::ALL, caps::ALL, scores::ALL, extras::ALL, gone::ALL, others::ALL].into_iter().flatten()
}

/// Each shape in worlds of so many seeds, and what is asked for.
fn made(seeds: u64, only: impl Fn(Kind) -> bool, siblings: impl Fn(&Shape, &mut Random) -> usize) -> Vec<Made> {
    let mut all = Vec::new();
    for (number, shape) in shapes().enumerate().filter(|(_, shape)| only(shape.kind)) {
        for seed in 0..seeds {
            let seed = 1000 * number as u64 + seed;
            let random = &mut Random::new(seed);
            // The first world of each shape is easy to see through.
            let world = if seed.is_multiple_of(1000) { World::easy(random) } else { World::new(random) };
            let mut database = Database::default();
            world.store(&mut database);
            assert!(shape.add(&world, random, &mut database), "{}: keys that are taken", shape.name);
            let siblings = siblings(shape, random);
            let mut added = 0;
            for _ in 0..20 {
                if added < siblings {
                    added += usize::from(random.pick(plain::ALL).add(&world, random, &mut database));
                }
            }
            all.push(Made { shape: shape.name, kind: shape.kind, seed, database });
        }
    }
    all
}

/// Databases whose indexes are right, and of which the data show what is not to be touched.
pub fn right(seeds: u64) -> Vec<Made> {
    let siblings = |shape: &Shape, random: &mut Random| match shape.kind {
        Kind::Gone => 2,
        _ => random.below(3),
    };
    made(seeds, |kind| kind != Kind::Alike, siblings)
}

/// Databases whose indexes are right, and look like damage.
pub fn alike(seeds: u64) -> Vec<Made> {
    let mut all = made(seeds, |kind| kind == Kind::Gone, |_, _| 0);
    all.iter_mut().for_each(|one| one.kind = Kind::Alike);
    all.extend(made(seeds, |kind| kind == Kind::Alike, |_, random| random.below(2)));
    all
}
