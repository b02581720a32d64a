//! Large dumps of the Discord bot's shape: any number of messages, and the hand-made indexes over them.
//!
//! Everything follows from [`Options`] by arithmetic: which message belongs to whom, what an index holds, what comes at
//! which place of the file. So the writer needs no memory for it, works in parallel, and a test can ask [`Shape`] what
//! any key holds.

mod document;
mod ids;
mod index;
mod stream;

pub use stream::{Summary, write};

use ids::{Nano, Permutation, mix};
use std::ops::Range;

/// How the records are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records {
    /// RedisJSON documents.
    Json,
    /// JSON text in strings.
    String,
    /// Hashes; a nested value is its JSON text, a null field is absent.
    Hash,
}

/// What to write.
#[derive(Clone, Debug)]
pub struct Options {
    pub messages: u64,
    pub records: Records,
    pub seed: u64,
    /// Live projects; the first has the most messages, the last perhaps none.
    pub projects: u64,
    /// Of 1,000 members of a project's index, how many are missing, and as many stale.
    pub wrong: u64,
    /// Project indexes that should not exist.
    pub wrong_keys: u64,
    /// Of 1,000 messages, how many belong to no project.
    pub orphans: u64,
    /// Small strings beside it all, `tiny:N`.
    pub tiny: u64,
    /// Members of one set `giant:set`; no such key if 0.
    pub giant_set: u64,
    /// In the form of an export of Upstash.
    pub upstash: bool,
    /// Names of messages end with a letter, and so with no number.
    pub lettered: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            messages: 1_500_000,
            records: Records::Json,
            seed: 1,
            projects: 10,
            wrong: 10,
            wrong_keys: 1998,
            orphans: 30,
            tiny: 0,
            giant_set: 0,
            upstash: false,
            lettered: false,
        }
    }
}

/// Where a message belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The live project of this number.
    Project(u64),
    /// `projectId` is null, absent, empty, a deleted project's, or an id without its prefix.
    Null,
    Absent,
    Empty,
    Deleted,
    Bare,
}

/// One key of the dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    Message(u64),
    ProjectIndex(u64),
    UserIndex(u64),
    ChannelIndex(u64),
    Project(u64),
    User(u64),
    Channel(u64),
    Registry,
    UsersOfProject(u64),
    /// Of the smaller half of the live projects.
    Timeline(u64),
    WrongIndex(u64),
    Neighbour(u64),
    Tiny(u64),
    Giant,
}

/// A dump's content as a function of its options.
#[derive(Clone, Debug)]
pub struct Shape {
    pub options: Options,
    /// First message of each project, then the first that belongs to none.
    starts: Vec<u64>,
    people: u64,
    channels: u64,
    by_user: Permutation,
    by_channel: Permutation,
    order: Permutation,
    /// Each kind of key and how many there are.
    segments: Vec<Segment>,
}

/// A kind of key: how the key of a number is made, and how many there are.
type Segment = (fn(u64) -> Item, u64);

impl Shape {
    pub fn new(options: Options) -> Self {
        let (n, seed) = (options.messages, options.seed);
        let orphans = if options.projects == 0 { n } else { n * options.orphans.min(1000) / 1000 };
        // Sizes fall as 1, 1/2, 1/3, ...: the first of ten projects has a third of all messages.
        let weights: Vec<u64> = (1..=options.projects).map(|p| 1_000_000 / p).collect();
        let total: u64 = weights.iter().sum::<u64>().max(1);
        let share = |weight: &u64| (u128::from(n - orphans) * u128::from(*weight) / u128::from(total)) as u64;
        let mut sizes: Vec<u64> = weights.iter().map(share).collect();
        // What rounding left over goes to the first, so that sizes never rise and projects without messages come last.
        let left = n - orphans - sizes.iter().sum::<u64>();
        if let Some(first) = sizes.first_mut() {
            *first += left;
        }
        let mut starts = vec![0];
        starts.extend(sizes.iter().scan(0, |end, size| {
            *end += size;
            Some(*end)
        }));
        let people = n.div_ceil(20);
        let channels = n.div_ceil(20);
        let projects = options.projects;
        let live = (0..projects).filter(|&p| starts[p as usize + 1] > starts[p as usize]).count() as u64;
        let segments: Vec<Segment> = vec![
            (Item::Message, n),
            (Item::ProjectIndex, live),
            (Item::UserIndex, people),
            (Item::ChannelIndex, channels),
            (Item::Project, projects),
            (Item::User, people),
            (Item::Channel, channels),
            (|_| Item::Registry, 1),
            (Item::UsersOfProject, projects.min(people)),
            (Item::Timeline, live / 2),
            (Item::WrongIndex, options.wrong_keys),
            (Item::Neighbour, index::NEIGHBOURS),
            (Item::Tiny, options.tiny),
            (|_| Item::Giant, options.giant_set.min(1)),
        ];
        let keys = segments.iter().map(|(_, count)| count).sum();
        Self {
            starts,
            people,
            channels,
            by_user: Permutation::new(n, mix(seed, 1)),
            by_channel: Permutation::new(n, mix(seed, 2)),
            order: Permutation::new(keys, mix(seed, 3)),
            segments,
            options,
        }
    }

    /// Number of keys.
    pub fn keys(&self) -> u64 {
        self.order.len()
    }

    /// The key at a place of the file; places run from 0 to `keys()`.
    pub fn item_at(&self, place: u64) -> Item {
        let mut n = self.order.apply(place);
        for &(make, count) in &self.segments {
            if n < count {
                return make(n);
            }
            n -= count;
        }
        unreachable!("a place below keys()")
    }

    /// The places of the keys that are too large for one piece of work.
    fn places_of_large(&self) -> Vec<u64> {
        let mut places = Vec::new();
        let mut first = 0;
        for &(make, count) in &self.segments {
            let kind = make(0);
            if matches!(kind, Item::ProjectIndex(_) | Item::UsersOfProject(_) | Item::Timeline(_) | Item::Giant) {
                places.extend((first..first + count).map(|n| self.order.invert(n)));
            }
            first += count;
        }
        places.sort_unstable();
        places
    }

    /// The messages of a live project.
    pub fn messages_of(&self, project: u64) -> Range<u64> {
        let p = project as usize;
        self.starts[p]..self.starts[p + 1]
    }

    /// Messages that belong to no project.
    pub fn orphans(&self) -> Range<u64> {
        self.starts[self.options.projects as usize]..self.options.messages
    }

    pub fn owner(&self, message: u64) -> Owner {
        let p = self.starts.partition_point(|&start| start <= message) as u64 - 1;
        if p < self.options.projects {
            return Owner::Project(p);
        }
        [Owner::Null, Owner::Absent, Owner::Empty, Owner::Deleted, Owner::Bare][(message % 5) as usize]
    }

    /// The 21 characters of a project's id; the number of projects stands for the deleted one.
    fn nano(&self, project: u64) -> Nano {
        Nano::new(mix(self.options.seed, 1000 + project))
    }

    /// `project:discord:…`
    pub fn project_key(&self, project: u64) -> Vec<u8> {
        [b"project:discord:".as_slice(), self.nano(project).as_bytes()].concat()
    }

    /// A project that has no record any more.
    pub fn deleted_project_key(&self) -> Vec<u8> {
        self.project_key(self.options.projects)
    }

    pub fn message_key(&self, message: u64) -> Vec<u8> {
        let mut key = Vec::with_capacity(80);
        self.put_message_key(&mut key, message);
        key
    }

    fn put_message_key(&self, out: &mut Vec<u8>, message: u64) {
        out.extend_from_slice(b"message:discord:");
        match self.owner(message) {
            Owner::Project(p) => {
                out.extend_from_slice(b"project:discord:");
                out.extend_from_slice(self.nano(p).as_bytes());
            }
            Owner::Null => out.extend_from_slice(b"null"),
            Owner::Absent | Owner::Empty => out.extend_from_slice(b"undefined"),
            Owner::Deleted => out.extend_from_slice(&self.deleted_project_key()),
            Owner::Bare => out.extend_from_slice(self.nano(0).as_bytes()),
        }
        out.push(b':');
        self.put_id(out, self.snowflake(message, false));
    }

    fn put_id(&self, out: &mut Vec<u8>, id: u64) {
        ids::put_decimal(out, id);
        if self.options.lettered {
            out.push(b'a');
        }
    }

    /// The key of a message that is gone: like a message's, and none of them.
    fn put_gone_key(&self, out: &mut Vec<u8>, project: u64, n: u64) {
        out.extend_from_slice(b"message:discord:project:discord:");
        out.extend_from_slice(self.nano(project).as_bytes());
        out.push(b':');
        self.put_id(out, self.snowflake(n, true));
    }

    /// Time of a message in Unix milliseconds; later messages of a project have later times.
    fn time_ms(&self, message: u64) -> u64 {
        const FROM: u64 = 1_672_531_200_000; // 2023-01-01
        const SPAN: u64 = 63_000_000_000; // two years
        let step = (SPAN / self.options.messages.max(1)).max(1);
        FROM + message * step + mix(self.options.seed ^ 4, message) % step
    }

    /// A message's id: its time and 22 bits, the last of which only ids of gone messages have.
    fn snowflake(&self, message: u64, gone: bool) -> u64 {
        let low = mix(self.options.seed ^ 5, message) & 0x003F_FFFE;
        (self.time_ms(message) - 1_420_070_400_000) << 22 | low | u64::from(gone)
    }

    fn user_of(&self, message: u64) -> u64 {
        ids::share_of(self.by_user.apply(message), self.options.messages, self.people)
    }

    fn channel_of(&self, message: u64) -> u64 {
        ids::share_of(self.by_channel.apply(message), self.options.messages, self.channels)
    }

    fn user_id(&self, user: u64) -> u64 {
        200_000_000_000_000_000 + user * 1_000_003_000_000 + mix(self.options.seed ^ 6, user) % 1_000_000_000_000
    }

    fn channel_id(&self, channel: u64) -> u64 {
        900_000_000_000_000_000 + channel * 1_000_003_000_000 + mix(self.options.seed ^ 7, channel) % 1_000_000_000_000
    }
}
