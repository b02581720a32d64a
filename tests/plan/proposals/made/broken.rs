//! Indexes that were right, until records went, changed, or were forgotten.

use super::{Database, Kind, Record, Shape, World, extras, filters, plain, scores};
use crate::judge::random::Random;
use crate::proposals::state::{Content, State};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Damage {
    /// Records were deleted or have expired; the indexes still name them.
    Gone,
    /// One entry in a hundred was never written.
    Missing,
    /// Fields of records were changed; the indexes have the old ones.
    Moved,
    /// All of it.
    Everything,
}

pub struct Broken {
    pub shape: &'static str,
    pub damage: Damage,
    pub seed: u64,
    pub world: World,
    pub database: Database,
    pub right: State,
}

impl Broken {
    pub fn name(&self) -> String {
        format!("{}, {:?} (seed {})", self.shape, self.damage, self.seed)
    }

    pub fn dump(&self) -> Vec<u8> {
        self.database.dump(10)
    }
}

/// Each shape that follows from the records with each damage, in so many worlds; others with records that are gone.
pub fn broken(seeds: u64) -> Vec<Broken> {
    use Damage::{Everything, Gone, Missing, Moved};
    let mut all = Vec::new();
    for (number, shape) in [plain::ALL, filters::ALL, scores::ALL, extras::ALL].into_iter().flatten().enumerate() {
        let damages: &[Damage] = match shape.kind {
            Kind::Plain | Kind::Filter => &[Gone, Missing, Moved, Everything],
            _ => &[Gone],
        };
        for (seed, damage) in (0..seeds).flat_map(|seed| damages.iter().map(move |damage| (seed, *damage))) {
            all.push(make(shape, damage, 500_000 + 1000 * number as u64 + seed));
        }
    }
    // Some shapes do not show some damage.
    all.retain(|one| one.database.state != one.right);
    all
}

fn make(shape: &'static Shape, damage: Damage, seed: u64) -> Broken {
    let random = &mut Random::new(seed);
    let now = if seed.is_multiple_of(2) { World::easy(random) } else { World::new(random) };
    let was = earlier(&now, damage, random);
    let mut shapes = vec![shape];
    shapes.extend((0..random.below(4)).map(|_| random.pick(plain::ALL)));
    let (mut right, mut database) = (Database::default(), Database::default());
    now.store(&mut right);
    now.store(&mut database);
    for (at, shape) in shapes.into_iter().enumerate() {
        let seed = seed + 77 * at as u64;
        let built = |world: &World| {
            let mut built = Database { db: right.db, ..Database::default() };
            (shape.build)(world, &mut Random::new(seed), &mut built);
            built.state
        };
        let mut old = built(&was);
        let should = match shape.kind {
            Kind::Plain | Kind::Filter => built(&now),
            // What a rule of its own made of records that are gone is all that is wrong.
            _ => without(&old, &now),
        };
        if should.keys().chain(old.keys()).any(|key| right.state.contains_key(key) || database.state.contains_key(key))
        {
            assert!(at > 0, "{}: keys that are taken", shape.name);
            continue;
        }
        if matches!(damage, Damage::Missing | Damage::Everything) {
            forget(&mut old, random);
        }
        right.state.extend(should);
        database.state.append(&mut old);
    }
    Broken { shape: shape.name, damage, seed, world: now, database, right: right.state }
}

/// The world as the indexes have it.
fn earlier(now: &World, damage: Damage, random: &mut Random) -> World {
    let mut was = now.clone();
    if matches!(damage, Damage::Moved | Damage::Everything) {
        for record in &mut was.records {
            if random.one_in(12) {
                *record = changed(now, record, random);
            }
        }
    }
    if matches!(damage, Damage::Gone | Damage::Everything) {
        for record in was.gone.drain(..) {
            let at = random.below(was.records.len());
            was.records.insert(at, record);
        }
    }
    was
}

/// The record with other fields.
fn changed(world: &World, record: &Record, random: &mut Random) -> Record {
    Record {
        group: (*random.pick(world.domain.group.1)).to_owned(),
        state: (*random.pick(world.domain.state.1)).to_owned(),
        unique: format!("old.{}", record.unique),
        number: random.below(1000) as u64,
        flag: random.one_in(2),
        ..record.clone()
    }
}

/// An entry in a hundred is lost, at least one.
fn forget(state: &mut State, random: &mut Random) {
    let sizes = state.values().map(|key| match &key.content {
        Content::Set(set) => set.len(),
        Content::Zset(zset) => zset.len(),
        Content::Hash(hash) => hash.len(),
        _ => 0,
    });
    let entries: usize = sizes.sum();
    for _ in 0..entries.div_ceil(100) {
        let mut at = random.below(entries.max(1));
        for key in state.values_mut() {
            let mut keep = || {
                at = at.wrapping_sub(1);
                at != usize::MAX
            };
            match &mut key.content {
                Content::Set(set) => set.retain(|_| keep()),
                Content::Zset(zset) => zset.retain(|_, _| keep()),
                Content::Hash(hash) => hash.retain(|_, _| keep()),
                _ => {}
            }
        }
    }
    state.retain(|_, key| !key.content.is_empty());
}

/// A state without the entries that name records which are gone.
fn without(state: &State, world: &World) -> State {
    let names: Vec<String> = world
        .gone
        .iter()
        .flat_map(|one| {
            let by_name = format!("{}:{}", one.text.to_ascii_lowercase(), one.id);
            [world.key(one), world.member(one), one.id.clone(), by_name]
        })
        .collect();
    let stays = |name: &String| !names.contains(name);
    let mut state = state.clone();
    state.retain(|_, key| {
        match &mut key.content {
            Content::List(list) => list.retain(stays),
            Content::Set(set) => set.retain(stays),
            Content::Zset(zset) => zset.retain(|member, _| stays(member)),
            Content::Hash(hash) => hash.retain(|field, value| stays(field) && stays(value)),
            Content::Text(text) => return stays(text),
            Content::Json(_) | Content::Other(_) => {}
        }
        !key.content.is_empty()
    });
    state
}
