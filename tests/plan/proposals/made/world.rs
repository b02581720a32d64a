//! Records of one kind, as some application has them: what they are called, how they are kept, what stands beside them.

use serde_json::json;

use super::database::{Database, NOW};
use crate::judge::random::Random;

/// What the records are of, by the names of their fields.
pub struct Domain {
    pub name: &'static str,
    pub group: (&'static str, &'static [&'static str]),
    pub state: (&'static str, &'static [&'static str]),
    pub unique: &'static str,
    pub time: &'static str,
    pub number: &'static str,
    pub tags: (&'static str, &'static [&'static str]),
    pub flag: &'static str,
    pub text: &'static str,
}

#[rustfmt::skip]
const DOMAINS: &[Domain] = &[
    Domain { name: "user", group: ("team", &["red", "green", "blue", "amber", "pink"]),
        state: ("status", &["active", "blocked", "invited"]), unique: "email", time: "created_at", number: "points",
        tags: ("roles", &["admin", "member", "guest", "billing"]), flag: "verified", text: "name" },
    Domain { name: "job", group: ("queue", &["mail", "pdf", "sync"]),
        state: ("state", &["waiting", "active", "done", "failed"]), unique: "ref", time: "queuedAt", number: "attempts",
        tags: ("labels", &["slow", "retry", "bulk"]), flag: "urgent", text: "title" },
    Domain { name: "product", group: ("category", &["toys", "books", "garden", "kitchen", "music", "sport", "art"]),
        state: ("availability", &["in-stock", "sold-out"]), unique: "sku", time: "listed", number: "price",
        tags: ("tags", &["new", "sale", "eco", "import", "gift"]), flag: "visible", text: "title" },
    Domain { name: "article", group: ("section", &["news", "opinion", "science", "local"]),
        state: ("status", &["published", "draft", "archived"]), unique: "slug", time: "published", number: "words",
        tags: ("topics", &["politics", "health", "space", "energy"]), flag: "pinned", text: "headline" },
    Domain { name: "order", group: ("customer", &["c101", "c102", "c207", "c311", "c318", "c404", "c407", "c500", "c512"]),
        state: ("state", &["open", "paid", "shipped", "returned"]), unique: "number", time: "placed", number: "total",
        tags: ("lines", &["a1", "b2", "c3", "d4"]), flag: "gift", text: "note" },
    Domain { name: "device", group: ("site", &["1", "2", "3", "7", "12"]),
        state: ("mode", &["auto", "manual", "off"]), unique: "serial", time: "seen", number: "load",
        tags: ("capabilities", &["temp", "hum", "co2"]), flag: "online", text: "label" },
    Domain { name: "message", group: ("projectId", &["1041", "1042", "2077"]),
        state: ("kind", &["chat", "system"]), unique: "nonce", time: "timestamp", number: "size",
        tags: ("mentions", &["u1", "u2", "u3", "u9"]), flag: "edited", text: "subject" },
    Domain { name: "ticket", group: ("assignee", &["ann", "bob", "cho", "dee", "eli", "fay"]),
        state: ("stage", &["new", "open", "closed"]), unique: "code", time: "opened", number: "weight",
        tags: ("labels", &["bug", "ask", "doc"]), flag: "escalated", text: "subject" },
];

const NAMES: &[&str] = &["Ann", "Bob", "Cho", "Dee", "Eli", "Fay", "Gus", "Hal", "Ida", "Jo"];
const SURNAMES: &[&str] = &["Archer", "Baker", "Cook", "Dyer", "Fisher", "Glover", "Hunter", "Mason", "Potter"];

#[derive(Clone, PartialEq)]
pub struct Record {
    pub id: String,
    pub tenant: String,
    pub group: String,
    pub state: String,
    pub unique: String,
    /// Unix seconds.
    pub time: u64,
    pub number: u64,
    pub tags: Vec<String>,
    pub flag: bool,
    pub text: String,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Storage {
    /// A RedisJSON document.
    Document,
    /// JSON in a string.
    Text,
    Hash,
    /// What only the application's own language can read.
    Opaque,
}

/// What an entry of an index says of a record.
#[derive(Clone, Copy, PartialEq)]
enum Member {
    Key,
    Id,
    Short,
}

#[derive(Clone)]
pub struct World {
    pub domain: &'static Domain,
    pub storage: Storage,
    pub records: Vec<Record>,
    /// Records that were there and are deleted: right indexes do not name them.
    pub gone: Vec<Record>,
    key: usize,
    index: usize,
    member: Member,
    /// Whether the record says its id itself.
    has_id: bool,
    /// How a time is written.
    time: usize,
    db: u64,
    noise: [bool; 6],
    /// What the noise is drawn from, so that it is the same whatever the records are.
    seed: usize,
}

impl World {
    /// Without anything that makes it hard to see what the records are: no helper keys, no foreign ones, fields to read.
    pub fn easy(random: &mut Random) -> Self {
        let mut world = Self::new(random);
        world.storage = *random.pick(&[Storage::Document, Storage::Text, Storage::Hash]);
        (world.key, world.index) = (*random.pick(&[0, 2]), random.below(3));
        world.member = *random.pick(&[Member::Key, Member::Id]);
        (world.has_id, world.time, world.db, world.noise) = (true, 0, 0, [false; 6]);
        world
    }

    pub fn new(random: &mut Random) -> Self {
        let domain = &DOMAINS[random.below(DOMAINS.len())];
        let (living, gone) = (40 + random.below(160), 12 + random.below(30));
        let (ids, start) = (random.below(5), 1 + random.below(5000));
        let mut all: Vec<Record> = (0..living + gone).map(|at| record(domain, ids, start + at, random)).collect();
        let mut dead = Vec::new();
        for _ in 0..gone {
            dead.push(all.swap_remove(random.below(all.len())));
        }
        let storage = *random.pick(&[
            Storage::Document,
            Storage::Document,
            Storage::Text,
            Storage::Text,
            Storage::Hash,
            Storage::Hash,
            Storage::Hash,
            Storage::Opaque,
        ]);
        Self {
            domain,
            storage,
            records: all,
            gone: dead,
            key: random.below(KEYS),
            index: random.below(6),
            member: *random.pick(&[Member::Key, Member::Key, Member::Id, Member::Id, Member::Short]),
            has_id: !random.one_in(3),
            time: random.below(3),
            db: if random.one_in(10) { 3 } else { 0 },
            noise: [0; 6].map(|_| random.one_in(3)),
            seed: random.below(1 << 30),
        }
    }

    pub fn key(&self, record: &Record) -> String {
        let (name, id, tenant) = (self.domain.name, &record.id, &record.tenant);
        match self.key {
            0 | 1 => format!("{name}:{id}"),
            2 => format!("app:{name}:{id}"),
            3 => format!("{name}:{tenant}:{id}"),
            4 => format!("app|{name}:id.{id}"),
            5 => format!("{{{name}}}:{id}"),
            6 => format!("{name}:{{{id}}}"),
            7 => format!("{name}-{id}"),
            8 => format!("{name}:{id}:data"),
            9 => format!("prod/{name}/v2/{id}"),
            _ => format!("{}{}:{id}", name[..1].to_uppercase(), &name[1..]),
        }
    }

    pub fn member(&self, record: &Record) -> String {
        match self.member {
            Member::Key => self.key(record),
            Member::Id => record.id.clone(),
            Member::Short => format!("{}:{}", &self.domain.name[..1], record.id),
        }
    }

    /// The key of an index by a field.
    pub fn index(&self, field: &str, value: &str) -> String {
        let name = self.domain.name;
        match self.index {
            0 => format!("idx:{name}:{field}:{value}"),
            1 => format!("{name}s:{field}:{value}"),
            2 => format!("{field}:{value}:{name}s"),
            3 => format!("{name}:by-{field}:{value}"),
            4 => format!("app/index/{name}s/{field}/{value}"),
            _ => format!("{{idx}}:{name}:{field}={value}"),
        }
    }

    pub fn by_group(&self, record: &Record) -> String {
        self.index(self.domain.group.0, &record.group)
    }

    /// The key of a list of some.
    pub fn list(&self, what: &str) -> String {
        let name = self.domain.name;
        match self.index {
            0 => format!("idx:{name}:{what}"),
            1 => format!("{name}s:{what}"),
            2 => format!("{what}:{name}s"),
            3 => format!("{name}:{what}"),
            4 => format!("app/index/{name}s/{what}"),
            _ => format!("{{idx}}:{name}:{what}"),
        }
    }

    /// What says what a set by a field has, as a person would write it for an easy world.
    pub fn spec_by_group(&self) -> String {
        let (name, field) = (self.domain.name, self.domain.group.0);
        let key = self.index(field, &format!("{{{field}}}"));
        let member = if self.member == Member::Key { "{@key}" } else { "{id}" };
        let prefix = if self.key == 2 { "app:" } else { "" };
        format!(
            "version = 1\n[[record]]\nname = \"r\"\nkey = \"{prefix}{name}:*\"\n[[index]]\nname = \"i\"\npolicy = \"maintain\"\n\
             from = \"r\"\nkey = \"{key}\"\nmember = \"{member}\"\n"
        )
    }

    /// The records that a random choice takes, one in so many.
    pub fn one_in(&self, n: usize, random: &mut Random) -> Vec<&Record> {
        self.records.iter().filter(|_| random.one_in(n)).collect()
    }

    /// The key of what belongs to one record.
    pub fn of(&self, record: &Record, what: &str) -> String {
        match self.index {
            0 | 1 => format!("{}:{what}", self.key(record)),
            2 | 3 => format!("{what}:{}", record.id),
            _ => format!("{}:{what}:{}", self.domain.name, record.id),
        }
    }

    /// Records, and what stands beside them.
    pub fn store(&self, database: &mut Database) {
        database.db = self.db;
        for record in &self.records {
            self.store_one(record, database);
        }
        self.noise(database);
    }

    fn store_one(&self, record: &Record, database: &mut Database) {
        let (key, domain) = (self.key(record), self.domain);
        let mut fields: Vec<(&str, serde_json::Value)> = Vec::new();
        if self.has_id {
            let number = record.id.parse::<u64>().ok().filter(|_| self.time == 0);
            fields.push(("id", number.map_or(json!(record.id), |id| json!(id))));
        }
        fields.push((domain.group.0, json!(record.group)));
        fields.push((domain.state.0, json!(record.state)));
        fields.push((domain.unique, json!(record.unique)));
        fields.push((domain.time, self.time(record)));
        fields.push((domain.number, json!(record.number)));
        fields.push((domain.tags.0, json!(record.tags)));
        fields.push((domain.flag, json!(record.flag)));
        fields.push((domain.text, json!(record.text)));
        let object = || {
            let object: serde_json::Map<_, _> =
                fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            serde_json::Value::Object(object).to_string()
        };
        match self.storage {
            Storage::Document => database.json(&key, object()),
            Storage::Text => database.text(&key, object()),
            Storage::Opaque => database.text(&key, format!("\u{80}\u{4}\u{95}{}.", record.unique)),
            Storage::Hash => {
                for (name, value) in fields {
                    let text = match &value {
                        serde_json::Value::String(text) => text.clone(),
                        serde_json::Value::Array(_) => record.tags.join(","),
                        serde_json::Value::Bool(flag) => u8::from(*flag).to_string(),
                        other => other.to_string(),
                    };
                    database.hset(&key, name, text);
                }
            }
        }
    }

    fn time(&self, record: &Record) -> serde_json::Value {
        match self.time {
            0 => json!(record.time),
            1 => json!(record.time * 1000),
            // All of one day; what day it is does not matter.
            _ => {
                let second = record.time % 86_400;
                json!(format!(
                    "2024-12-{:02}T{:02}:{:02}:{:02}Z",
                    1 + record.time / 86_400 % 28,
                    second / 3600,
                    second / 60 % 60,
                    second % 60
                ))
            }
        }
    }

    /// A time as a score: what the field says as a number, where it is one.
    pub fn score(&self, record: &Record) -> f64 {
        if self.time == 1 { (record.time * 1000) as f64 } else { record.time as f64 }
    }

    /// Whether the time of a record is a number that `score` gives.
    pub fn has_score(&self) -> bool {
        self.time < 2
    }

    fn noise(&self, database: &mut Database) {
        let (name, mut random) = (self.domain.name, Random::new(self.seed as u64));
        let [helpers, locks, phantoms, foreign, counters, others] = self.noise;
        for record in &self.records {
            let key = self.key(record);
            if helpers {
                for tag in &record.tags {
                    database.sadd(&format!("{key}:idx"), format!("{}:{tag}", self.domain.tags.0));
                }
            }
            if locks && record.number.is_multiple_of(9) {
                database.text(&format!("{key}:lock"), format!("{:016x}", record.number));
                database.expire(&format!("{key}:lock"));
            }
            if phantoms && record.number.is_multiple_of(5) {
                database.hset(&format!("{key}:phantom"), self.domain.group.0, record.group.clone());
                database.expire(&format!("{key}:phantom"));
            }
        }
        if foreign {
            for (field, value) in [("schema", "3"), ("migrated", "yes"), ("owner", "ops")] {
                database.hset(&format!("{name}:meta"), field, value);
            }
        }
        if counters {
            database.text(&format!("{name}:next"), "90210");
            database.text(&format!("{name}:count"), self.records.len().to_string());
        }
        if others {
            // Documents of another kind under the same prefix, which no index of these records has.
            for n in 0..6 + random.below(6) {
                let key = match self.key {
                    7 => format!("{name}-g{n}x"),
                    9 => format!("prod/{name}/v2/g{n}x"),
                    _ => format!("{name}:g{n}x"),
                };
                let token = format!("{:016x}", random.below(1 << 30));
                match self.storage {
                    Storage::Hash => {
                        database.hset(&key, "token", token);
                        database.hset(&key, "agent", "curl");
                    }
                    Storage::Document => database.json(&key, json!({"token": token, "agent": "curl"}).to_string()),
                    _ => database.text(&key, json!({"token": token, "agent": "curl"}).to_string()),
                }
            }
        }
    }
}

const KEYS: usize = 11;

/// A record like any other, of the `number`th id.
pub fn record(domain: &Domain, ids: usize, number: usize, random: &mut Random) -> Record {
    let mut hex = |length: usize| -> String {
        (0..length).map(|_| char::from_digit(random.below(16) as u32, 16).expect("a digit")).collect()
    };
    let id = match ids {
        0 | 1 => number.to_string(),
        2 => format!("{}", 1_041_000_000_000_000_000_u64 + number as u64 * 4_194_304_007),
        3 => format!("{}-{}-4{}-a{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12)),
        _ => format!("{}{}", hex(16), hex(8)),
    };
    let text = format!("{} {}", random.pick(NAMES), random.pick(SURNAMES));
    let tags = domain.tags.1;
    Record {
        unique: format!("{}{number}@Example.org", text.split(' ').next().unwrap_or_default()),
        id,
        tenant: (*random.pick(&["acme", "globex", "initech"])).to_owned(),
        group: (*random.pick(domain.group.1)).to_owned(),
        state: (*random.pick(domain.state.1)).to_owned(),
        time: NOW - random.below(2_000_000) as u64,
        number: random.below(1000) as u64,
        tags: (0..random.below(3)).map(|_| (*random.pick(tags)).to_owned()).collect(),
        flag: random.below(3) > 0,
        text,
    }
}
