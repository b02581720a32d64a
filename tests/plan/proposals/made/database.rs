//! A database that is filled as an application fills it, and the dump of it.

use crate::proposals::state::{Content, Key, State, bytes};
use crate::support::dump_writer::DumpBuilder;

/// 2025-01-06T17:45:00Z, when the dumps were made.
pub const NOW: u64 = 1_736_185_500;

#[derive(Clone, Default)]
pub struct Database {
    pub state: State,
    /// Where the commands go.
    pub db: u64,
}

impl Database {
    pub fn text(&mut self, key: &str, text: impl Into<String>) {
        self.put(key, Content::Text(text.into()));
    }

    pub fn json(&mut self, key: &str, text: impl Into<String>) {
        self.put(key, Content::Json(text.into()));
    }

    pub fn sadd(&mut self, key: &str, member: impl Into<String>) {
        let Content::Set(set) = self.content(key, Content::Set(Default::default())) else { panic!("{key} is no set") };
        set.insert(member.into());
    }

    pub fn zadd(&mut self, key: &str, member: impl Into<String>, score: f64) {
        let empty = Content::Zset(Default::default());
        let Content::Zset(zset) = self.content(key, empty) else { panic!("{key} is no sorted set") };
        zset.insert(member.into(), score);
    }

    pub fn hset(&mut self, key: &str, field: impl Into<String>, value: impl Into<String>) {
        let empty = Content::Hash(Default::default());
        let Content::Hash(hash) = self.content(key, empty) else { panic!("{key} is no hash") };
        hash.insert(field.into(), value.into());
    }

    pub fn rpush(&mut self, key: &str, element: impl Into<String>) {
        let Content::List(list) = self.content(key, Content::List(Vec::new())) else { panic!("{key} is no list") };
        list.push(element.into());
    }

    pub fn expire(&mut self, key: &str) {
        self.state.get_mut(&(self.db, key.to_owned())).expect("a key").expires = true;
    }

    pub fn put(&mut self, key: &str, content: Content) {
        let old = self.state.insert((self.db, key.to_owned()), Key { content, expires: false });
        assert!(old.is_none(), "{key} is there already");
    }

    fn content(&mut self, key: &str, empty: Content) -> &mut Content {
        let key = self.state.entry((self.db, key.to_owned()));
        &mut key.or_insert(Key { content: empty, expires: false }).content
    }

    pub fn dump(&self, version: u32) -> Vec<u8> {
        let mut dump = DumpBuilder::new(version);
        dump.server_aux(NOW);
        let mut selected = None;
        for (number, ((db, name), key)) in self.state.iter().enumerate() {
            if selected != Some(*db) {
                dump.select_db(*db);
                selected = Some(*db);
            }
            let name = bytes(name);
            if key.expires {
                dump.expire_ms(((NOW + 3600 + number as u64) * 1000) as i64);
            }
            let all =
                |texts: &mut dyn Iterator<Item = &String>| -> Vec<Vec<u8>> { texts.map(|text| bytes(text)).collect() };
            match &key.content {
                Content::Text(text) => dump.string(name, bytes(text)),
                Content::Json(text) => dump.json(name, bytes(text)),
                Content::List(list) => dump.list(name, &all(&mut list.iter())),
                Content::Set(set) => dump.set(name, &all(&mut set.iter())),
                Content::Zset(zset) => {
                    let pairs: Vec<_> = zset.iter().map(|(member, score)| (bytes(member), *score)).collect();
                    dump.zset(name, &pairs)
                }
                Content::Hash(hash) => {
                    let pairs: Vec<_> = hash.iter().map(|(field, value)| (bytes(field), bytes(value))).collect();
                    dump.hash(name, &pairs)
                }
                Content::Other(kind) => panic!("a {kind} is not written"),
            };
        }
        dump.finish()
    }
}
