//! What a replay comes to: the look before it, the edits, and for each guard what it asks besides.
//!
//! Counted from what the plan is, since nothing of a plan is kept in memory to be played through. A test holds the figures
//! against what a server counts.

use serde::{Deserialize, Serialize};

use super::cost_of_scripts::{self, OfScripts};
use super::summary::{Class, Digest};
use crate::bundle::manifest::{Caps, Touched};
use crate::bundle::price::{Guards, Price, Replay};
use crate::dump::rdb::{Kind, TypeName};
use crate::index::Difference;
use crate::model::spec::{IndexType, Policy, Spec, Step};

/// Keys in one `EXISTS`, and commands in one round trip.
const AT_ONCE: u64 = 1_000;
/// Bytes in one round trip.
const BYTES_AT_ONCE: u64 = 1_000_000;
/// Round trips of a connection and a look before the first key is asked for: `PING`, `CLIENT INFO`, `INFO`, `PING`,
/// `ROLE`, `INFO`. Of these `CLIENT` and `ROLE` are billed.
const GREETING: (u64, u64) = (6, 2);
/// The same for `verify`: `PING`, `CLIENT INFO`, `INFO`, `INFO`.
const VERIFY_GREETING: (u64, u64) = (4, 1);
/// Billed to find out what header a server takes for a script.
const SCRIPT_PROBE: u64 = 2;
/// Bytes of a script's text.
const SCRIPT_BYTES: u64 = 2_500;

/// What the edits of one index are. What follows from the spec is not written down.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct OfIndex {
    /// A record decides about its members.
    #[serde(skip)]
    pub judged: bool,
    #[serde(skip)]
    pub maintained: bool,
    #[serde(skip)]
    pub is_zset: bool,
    /// Its members are those of a set or a sorted set.
    #[serde(skip)]
    pub is_set: bool,
    /// Fields that are asked of a document, one by one.
    #[serde(skip)]
    pub paths: u64,
    /// Records that must exist for an entry.
    #[serde(skip)]
    pub required: u64,
    /// Commands that add members, and the members.
    pub adding: (u64, u64),
    /// Commands that take members out, and the members.
    pub removing: (u64, u64),
    /// Members that are taken out because their record does not exist.
    #[serde(skip)]
    pub without_record: u64,
    /// Keys of the index's type that are deleted, the commands that make them again, and their members.
    pub deleted: (u64, u64, u64),
    /// What goes out by scripts, whoever guards.
    pub scripts: OfScripts,
}

/// What a plan is, as far as its price depends on it. What other parts of the plan say is not written down.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sums {
    pub indexes: Vec<OfIndex>,
    /// Whether every edit tells its record.
    #[serde(skip)]
    pub tells_records: bool,
    /// It is a plan for a cluster.
    #[serde(skip)]
    pub by_slot: bool,
    /// Documents, and all keys that may be records.
    pub documents: (u64, u64),
    /// Commands of `apply.resp`, of these the ones that delete keys, and those that edit keys which are there.
    #[serde(skip)]
    pub apply: u64,
    #[serde(skip)]
    pub deleting: u64,
    pub on_present: u64,
    /// Commands of `rollback.resp`, and of these the ones that edit keys which are there.
    #[serde(skip)]
    pub rollback: u64,
    pub back_on_present: u64,
    /// Keys that are deleted for another reason than that they are pruned.
    pub plainly_deleted: u64,
    /// Keys of another type than their index that are deleted, and commands that make them again.
    pub other_types: (u64, u64),
    /// Bytes of the command files, and the round trips of their edits.
    #[serde(skip)]
    pub bytes: [u64; 2],
    #[serde(skip)]
    pub batches: [u64; 2],
}

/// The keys of a look.
#[derive(Clone, Copy, Debug, Default)]
struct Keys {
    present: u64,
    /// Keys that are there and whose expiry is asked for.
    expiring: u64,
    absent: u64,
}

impl Keys {
    fn commands(self) -> u64 {
        self.present + self.expiring + self.absent.div_ceil(AT_ONCE)
    }
}

impl Sums {
    /// Nothing is counted yet.
    pub fn new(d: &Difference<'_>) -> Self {
        let (mut documents, mut all) = (0, 0);
        for ((name, _), tally) in &d.stock.types {
            match name {
                TypeName::Kind(Kind::String | Kind::Hash) => all += tally.keys,
                TypeName::Kind(_) => {}
                module if module.as_str() == "ReJSON-RL" => {
                    documents += tally.keys;
                    all += tally.keys;
                }
                _ => {}
            }
        }
        Self { documents: (documents, all), ..Self::of(d.spec, d.by_slot) }
    }

    /// Nothing is counted yet, and nothing is known of a dump.
    pub fn of(spec: &Spec, by_slot: bool) -> Self {
        let indexes = spec.indexes.iter().map(|index| {
            let class = index.from.and_then(|class| spec.records.get(class));
            let mut paths: Vec<&[u8]> = Vec::new();
            for path in class.iter().flat_map(|class| &class.paths) {
                // A script asks for the top-level field, whatever is looked at in it.
                if let Some(Step::Name(name)) = path.steps.first() {
                    paths.push(name);
                }
            }
            paths.sort_unstable();
            paths.dedup();
            OfIndex {
                judged: index.policy == Policy::Maintain && class.is_some() && index.member.is_record_key(),
                maintained: index.policy == Policy::Maintain,
                is_zset: index.kind == IndexType::Zset,
                is_set: !matches!(index.kind, IndexType::Hash | IndexType::List | IndexType::String),
                paths: paths.len() as u64,
                required: index.require.len() as u64,
                scripts: OfScripts::new(index),
                ..OfIndex::default()
            }
        });
        Self { indexes: indexes.collect(), by_slot, ..Self::default() }
    }

    /// Adds what was counted for another part of the database.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.indexes.iter_mut().zip(&other.indexes) {
            for (mine, theirs) in [(&mut mine.adding, theirs.adding), (&mut mine.removing, theirs.removing)] {
                (mine.0, mine.1) = (mine.0 + theirs.0, mine.1 + theirs.1);
            }
            mine.deleted.0 += theirs.deleted.0;
            mine.deleted.1 += theirs.deleted.1;
            mine.deleted.2 += theirs.deleted.2;
            mine.scripts.add(&theirs.scripts);
        }
        self.documents.0 += other.documents.0;
        self.documents.1 += other.documents.1;
        self.on_present += other.on_present;
        self.back_on_present += other.back_on_present;
        self.plainly_deleted += other.plainly_deleted;
        self.other_types.0 += other.other_types.0;
        self.other_types.1 += other.other_types.1;
    }

    /// The share of documents among records, from 0 to 1.
    fn documents(&self) -> f64 {
        let (documents, all) = self.documents;
        if all == 0 { 0.0 } else { documents as f64 / all as f64 }
    }

    /// A key that is deleted.
    pub fn deletion(&mut self, index: usize, (kind, elements, expires): (Kind, u64, bool), caps: Caps) {
        let Some(of) = self.indexes.get_mut(index) else { return };
        let room = caps.max_args.saturating_sub(2).max(1);
        let pieces = match kind {
            Kind::Set => elements.div_ceil(room),
            Kind::Zset => elements.div_ceil((room / 2).max(1)),
            Kind::Hash if of.scripts.prunes => elements.div_ceil((room / 2).max(1)),
            _ if of.scripts.prunes => elements.div_ceil(room),
            _ => {
                self.plainly_deleted += 1;
                self.other_types.0 += 1;
                self.other_types.1 += elements.div_ceil(room).max(1);
                return;
            }
        };
        if of.scripts.prunes {
            of.scripts.deletion((kind, elements, expires), pieces.max(1));
            return;
        }
        self.plainly_deleted += 1;
        of.deleted.0 += 1;
        of.deleted.1 += pieces.max(1);
        of.deleted.2 += elements;
    }

    /// Members that are added to a key, in so many commands.
    pub fn addition(&mut self, index: usize, commands: u64, members: u64, is_present: bool) {
        let Some(of) = self.indexes.get_mut(index) else { return };
        of.scripts.addition(commands, members, is_present);
        of.adding.0 += commands;
        of.adding.1 += members;
        self.on_present += if is_present { commands } else { 0 };
    }

    /// Members that are taken out of a key, in so many commands.
    pub fn removal(&mut self, index: usize, commands: u64, members: u64) {
        let Some(of) = self.indexes.get_mut(index) else { return };
        of.scripts.removal(commands, members);
        of.removing.0 += commands;
        of.removing.1 += members;
        self.on_present += commands;
    }

    /// `commands` of `apply.resp` are billed.
    pub fn finish(&mut self, commands: u64, digest: &Digest) {
        self.apply = commands;
        let edits: u64 = self.indexes.iter().map(|index| index.adding.0 + index.removing.0).sum();
        self.deleting = commands.saturating_sub(edits);
        for (index, found) in self.indexes.iter_mut().zip(&digest.indexes) {
            index.without_record = found.groups.get(&(Class::RecordMissing, None)).map_or(0, |group| group.count);
        }
        let tells = |index: &OfIndex| index.judged || !index.maintained || index.members() + index.deleted.0 == 0;
        self.tells_records = self.indexes.iter().all(tells);
    }

    /// `rebuilt` is how many keys are deleted for their type and built anew.
    pub fn price(&self, touched: &[Touched], deleted: u64, rebuilt: u64) -> Replay {
        let mut there = Keys::default();
        for key in touched {
            match key.kind.as_ref() {
                "none" => there.absent += 1,
                _ => there.present += 1,
            }
            there.expiring += u64::from(key.expire_at_ms.is_some());
        }
        let gone = deleted.saturating_sub(rebuilt);
        let expiring_in_place = touched.iter().filter(|key| key.expire_at_ms.is_some()).count() as u64;
        let back = Keys {
            present: there.present.saturating_sub(gone) + there.absent,
            // How many of the deleted keys have one is not known here; the share of all is near enough.
            expiring: expiring_in_place * (there.present - gone.min(there.present)) / there.present.max(1),
            absent: gone,
        };
        Replay {
            apply: self.guards(true, there),
            rollback: self.guards(false, back),
            verify: self.verify(touched, gone),
        }
    }

    /// Each key that is there is read, a thousand members in a command.
    fn verify(&self, touched: &[Touched], gone: u64) -> Price {
        if self.apply == 0 {
            return Price::default();
        }
        let there = touched.len() as u64 - gone.min(touched.len() as u64);
        let edited = touched.iter().filter(|key| key.others.is_some());
        let pages: u64 = edited.map(|key| key.elements / AT_ONCE).sum();
        let commands = gone.div_ceil(AT_ONCE) + there + pages;
        Price::new(VERIFY_GREETING.0 + commands.div_ceil(AT_ONCE), VERIFY_GREETING.1 + commands, 0)
    }

    fn guards(&self, forth: bool, keys: Keys) -> Guards {
        let replies = self.replies(forth, keys);
        let auto = self.with_scripts(forth, replies, true);
        Guards { auto, replies, records: self.tells_records.then(|| self.records(forth, keys)) }
    }

    /// `SMISMEMBER`, `ZMSCORE` and `LPOS` are tried once each where members or elements are looked at.
    fn probes(&self, forth: bool, members: u64) -> u64 {
        let has = |is_zset: bool| {
            self.indexes.iter().any(|index| {
                let edits = index.adding.0 + index.removing.0 + index.deleted.0;
                index.is_set && index.is_zset == is_zset && edits > 0
            })
        };
        let looks_for = |index: &OfIndex| index.scripts.looks_for(IndexType::List, false);
        let elements = u64::from(forth && self.indexes.iter().any(looks_for));
        if members == 0 { 0 } else { u64::from(has(false)) + u64::from(has(true)) + elements }
    }

    fn replies(&self, forth: bool, keys: Keys) -> Price {
        let (edits, members, file) = match forth {
            true => (self.apply, self.on_present, 0),
            false => (self.rollback, self.back_on_present, 1),
        };
        if edits == 0 {
            return Price::default();
        }
        let probes = self.probes(forth, members);
        let lists = self.indexes.iter().map(|index| match forth {
            true => index.scripts.lists_there(),
            false => index.scripts.lists_back(),
        });
        let (listed, again) = lists.fold((0, 0), |sum, lists| (sum.0 + lists.0, sum.1 + lists.1));
        // A list that comes back is looked at as a whole, and not counted.
        let lists: u64 = self.indexes.iter().map(|index| index.scripts.lists()).sum();
        let counted = if forth { 0 } else { lists };
        let look = (GREETING.1 + keys.commands() + probes + members + listed).saturating_sub(counted);
        // Deletions and what follows them are never sent together.
        let both = forth && self.deleting > 0 && self.apply > self.deleting;
        let batches = GREETING.0 + keys.commands().div_ceil(AT_ONCE) + probes + members.div_ceil(AT_ONCE);
        let edit_batches = self.batches.get(file).copied().unwrap_or_default() + u64::from(both);
        Price::new(batches + edit_batches + u64::from(again > 0), look, edits + again)
    }

    /// What a guard adds to a price for entries that are pruned, fields and strings. `all` where the price has them as plain
    /// commands.
    fn with_scripts(&self, forth: bool, price: Price, all: bool) -> Price {
        let of_scripts = || self.indexes.iter().map(|index| &index.scripts);
        let scripted = match forth {
            true => cost_of_scripts::there(of_scripts()),
            false => cost_of_scripts::back(of_scripts()),
        };
        if scripted.scripts == 0 {
            return price;
        }
        let pruned: u64 = self.indexes.iter().map(|index| index.scripts.deleted()).sum();
        let mut instead = scripted.instead;
        if all && forth && pruned > 0 && self.plainly_deleted == 0 {
            instead += self.deleting;
        }
        let emptied = |kind| {
            let looked_for = of_scripts().any(|of| of.looks_for(kind, false));
            forth && !looked_for && of_scripts().any(|of| of.looks_for(kind, true))
        };
        let probes = [IndexType::Set, IndexType::Zset, IndexType::List].map(|kind| u64::from(emptied(kind)));
        // Lists that are emptied are not looked at as a whole, neither before nor again.
        let pages = if all && forth { self.indexes.iter().map(|index| index.scripts.emptied_pages()).sum() } else { 0 };
        let look = (price.look + scripted.look + probes.iter().sum::<u64>()).saturating_sub(pages);
        let edits = price.billed_commands.saturating_sub(price.look + instead + pages) + scripted.billed;
        let across = if self.by_slot && forth { scripted.across } else { 0 };
        let edits = edits + across + if all { SCRIPT_PROBE } else { 0 };
        let batches =
            price.batches + across.div_ceil(AT_ONCE) + SCRIPT_PROBE + scripted.scripts * SCRIPT_BYTES / BYTES_AT_ONCE;
        Price::new(batches + scripted.look.div_ceil(AT_ONCE), look, edits)
    }

    /// Records that are read. In one batch each is read once, whatever number of indexes it is in.
    fn judged(&self, in_one: bool) -> u64 {
        let judged = || self.indexes.iter().filter(|index| index.judged);
        let kinds: [fn(&OfIndex) -> u64; 3] =
            [|index| index.adding.1, |index| index.removing.1, |index| index.deleted.2];
        match in_one {
            true => kinds.into_iter().map(|kind| judged().map(kind).max().unwrap_or_default()).sum(),
            false => judged().map(OfIndex::members).sum(),
        }
    }

    fn records(&self, forth: bool, keys: Keys) -> Price {
        let edits = if forth { self.apply } else { self.rollback };
        if edits == 0 {
            return Price::default();
        }
        // Sets that the plan deletes are emptied member by member.
        let pieces: u64 = self.indexes.iter().map(|index| index.deleted.1).sum();
        let members = if forth { self.on_present + pieces } else { self.back_on_present };
        let probes = self.probes(forth, members);
        let look = GREETING.1 + keys.commands() + probes + members;
        let (mut billed, mut scripts) = (SCRIPT_PROBE as f64, 0.0);
        for index in &self.indexes {
            billed += index.scripts.by_records(forth) as f64;
            let (there, all) = (index.of_record(self.documents()), index.members() as f64);
            let missing = index.without_record as f64 + index.deleted.2 as f64 * index.share_without_record();
            let commands = (index.adding.0 + index.removing.0 + index.deleted.1) as f64;
            if index.judged {
                let required = (index.required * index.adding.1) as f64 + (index.required * index.adding.0) as f64;
                // The script looks what the record is, reads it, looks for what it requires, and makes the edit.
                billed += all * 2.0 + (all - missing).max(0.0) * there + required + commands;
                scripts += commands;
            } else if !forth && index.is_zset {
                billed += commands + all;
                scripts += commands;
            } else {
                billed += commands;
            }
            if !forth && index.is_zset {
                billed += all;
            }
        }
        let (keys_of_others, commands_of_others) = self.other_types;
        billed += match forth {
            // Is it there, of which type, how many, what; gone.
            true => 1.0_f64.min(keys_of_others as f64) + (keys_of_others * 5) as f64,
            false => (commands_of_others * 3) as f64,
        };
        let bytes = self.bytes.get(usize::from(!forth)).copied().unwrap_or_default() as f64;
        let least = (bytes * 4.0 + scripts * SCRIPT_BYTES as f64) / BYTES_AT_ONCE as f64;
        let rounds = least.max(edits as f64 / AT_ONCE as f64).ceil();
        // Before that each record is read here, once in a batch: its type, its fields.
        let judged = self.judged(rounds <= 1.0) as f64;
        // In a cluster once more when the edits were made.
        billed += if self.by_slot { 4.0 } else { 2.0 } * judged;
        let rounds = rounds + 1.0;
        let trips = rounds * if judged > 0.0 { 4.0 } else { 1.0 } + (2.0 * judged / AT_ONCE as f64).floor();
        let batches = GREETING.0 + keys.commands().div_ceil(AT_ONCE) + probes + members.div_ceil(AT_ONCE);
        let price = Price::new(batches + SCRIPT_PROBE + trips as u64, look, billed.round() as u64);
        self.with_scripts(forth, price, false)
    }
}

impl OfIndex {
    fn members(&self) -> u64 {
        self.adding.1 + self.removing.1 + self.deleted.2
    }

    /// The share of members without a record in keys that are deleted. Those are not decoded: it is taken to be what it is
    /// in keys that stay.
    fn share_without_record(&self) -> f64 {
        if self.removing.1 == 0 { 0.5 } else { self.without_record as f64 / self.removing.1 as f64 }
    }

    /// Reads of one record that is there, in a script, beside that of its type.
    fn of_record(&self, documents: f64) -> f64 {
        documents * self.paths as f64 + (1.0 - documents)
    }
}
