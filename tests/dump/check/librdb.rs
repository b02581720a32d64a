//! librdb, the parser of Redis' own makers, on the same dumps: the same keys with the same content.

use std::path::Path;

use librdb::{KeyInfo, Parser, RdbHandlers, StreamConsumerMeta, StreamGroupMeta, StreamPendingEntry};
use rdb_reindex::dump::rdb::{
    Element, Flow, Item, Scratch, StreamConsumer, StreamFields, StreamGroup, StreamId, StreamMeta, Visitor, Walker,
};

use super::corpus;
use super::judges::small_dump;

/// What a reader tells, a line each; the lines of one key are sorted, for the two tell a stream in different orders.
#[derive(Debug, Default)]
struct Lines {
    done: Vec<String>,
    key: Vec<String>,
    db: u64,
    group: String,
    consumer: String,
    index: usize,
    modules: u64,
}

fn show(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

impl Lines {
    fn add(&mut self, line: String) {
        self.key.push(line);
    }

    fn element(&mut self, line: String) {
        self.index += 1;
        // With its number: the order of elements must be the same.
        self.key.push(format!("{:08} {line}", self.index));
    }

    fn end_key(&mut self) {
        self.key.sort();
        self.done.append(&mut self.key);
        self.index = 0;
    }

    fn new_key(&mut self, key: &[u8], expire_ms: Option<i64>, idle: Option<u64>, freq: Option<u8>) {
        self.done.push(format!("{} {} {expire_ms:?} {idle:?} {freq:?}", self.db, show(key)));
    }
}

type Result = librdb::Result<()>;

impl RdbHandlers for Lines {
    fn handle_new_db(&mut self, db: i32) -> Result {
        self.db = u64::try_from(db).unwrap();
        Ok(())
    }
    fn handle_new_key(&mut self, key: &[u8], info: &KeyInfo) -> Result {
        let idle = info.lru_idle.map(|idle| u64::try_from(idle).unwrap());
        self.new_key(key, info.expire_time_ms, idle, info.lfu_freq.map(|freq| u8::try_from(freq).unwrap()));
        Ok(())
    }
    fn handle_end_key(&mut self) -> Result {
        self.end_key();
        Ok(())
    }
    fn handle_string_value(&mut self, value: &[u8]) -> Result {
        self.element(show(value));
        Ok(())
    }
    fn handle_list_item(&mut self, item: &[u8]) -> Result {
        self.element(show(item));
        Ok(())
    }
    fn handle_set_member(&mut self, member: &[u8]) -> Result {
        self.element(show(member));
        Ok(())
    }
    fn handle_zset_member(&mut self, member: &[u8], score: f64) -> Result {
        self.element(format!("{} {score:?}", show(member)));
        Ok(())
    }
    fn handle_hash_field(&mut self, field: &[u8], value: &[u8], expire_at: i64) -> Result {
        let expire_ms = (expire_at != -1).then_some(expire_at);
        self.element(format!("{} {} {expire_ms:?}", show(field), show(value)));
        Ok(())
    }
    fn handle_module(&mut self, _: &[u8], _: usize) -> Result {
        self.modules += 1;
        Ok(())
    }
    fn handle_stream_item(&mut self, id: &librdb::StreamId, field: &[u8], value: &[u8], _: i64) -> Result {
        self.element(format!("{}-{} {} {}", id.ms, id.seq, show(field), show(value)));
        Ok(())
    }
    fn handle_stream_metadata(&mut self, meta: &librdb::StreamMeta) -> Result {
        self.add(format!("meta {} {}-{}", meta.length, meta.last_id.ms, meta.last_id.seq));
        Ok(())
    }
    fn handle_stream_new_cgroup(&mut self, name: &[u8], meta: &StreamGroupMeta) -> Result {
        self.group = show(name);
        self.add(format!("group {} {}-{}", self.group, meta.last_id.ms, meta.last_id.seq));
        Ok(())
    }
    fn handle_stream_cgroup_pending_entry(&mut self, entry: &StreamPendingEntry) -> Result {
        let StreamPendingEntry { id, delivery_time, delivery_count } = entry;
        self.add(format!("pending {} {}-{} {delivery_time} {delivery_count}", self.group, id.ms, id.seq));
        Ok(())
    }
    fn handle_stream_new_consumer(&mut self, name: &[u8], meta: &StreamConsumerMeta) -> Result {
        self.consumer = show(name);
        self.add(format!("consumer {} {} {}", self.group, self.consumer, meta.seen_time));
        Ok(())
    }
    fn handle_stream_consumer_pending_entry(&mut self, id: &librdb::StreamId) -> Result {
        self.add(format!("owned {} {} {}-{}", self.group, self.consumer, id.ms, id.seq));
        Ok(())
    }
    fn handle_array_element(&mut self, index: u64, value: &[u8]) -> Result {
        self.element(format!("{index} {}", show(value)));
        Ok(())
    }
}

const ON: Flow = Flow::Continue(());

impl Visitor for Lines {
    fn string(&mut self, value: Element<'_>) -> Flow {
        self.element(show(value.bytes));
        ON
    }
    fn list_element(&mut self, _: u64, value: Element<'_>) -> Flow {
        self.element(show(value.bytes));
        ON
    }
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.element(show(member.bytes));
        ON
    }
    fn zset_member(&mut self, member: Element<'_>, score: f64) -> Flow {
        self.element(format!("{} {score:?}", show(member.bytes)));
        ON
    }
    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, expire_ms: Option<i64>) -> Flow {
        self.element(format!("{} {} {expire_ms:?}", show(field.bytes), show(value.bytes)));
        ON
    }
    fn stream_entry(&mut self, id: StreamId, fields: &mut StreamFields<'_>) -> Flow {
        while let Some((field, value)) = fields.next() {
            let line = format!("{id} {} {}", show(field.bytes), show(value.bytes));
            self.element(line);
        }
        ON
    }
    fn stream_meta(&mut self, meta: &StreamMeta) -> Flow {
        self.add(format!("meta {} {}", meta.length, meta.last_id));
        ON
    }
    fn stream_group(&mut self, group: &StreamGroup<'_>) -> Flow {
        self.group = show(group.name.bytes);
        self.add(format!("group {} {}", self.group, group.last_id));
        ON
    }
    fn stream_pending(&mut self, id: StreamId, time: i64, count: u64) -> Flow {
        self.add(format!("pending {} {id} {time} {count}", self.group));
        ON
    }
    fn stream_consumer(&mut self, consumer: &StreamConsumer<'_>) -> Flow {
        self.consumer = show(consumer.name.bytes);
        self.add(format!("consumer {} {} {}", self.group, self.consumer, consumer.seen_time_ms));
        ON
    }
    fn stream_consumer_pending(&mut self, id: StreamId) -> Flow {
        self.add(format!("owned {} {} {id}", self.group, self.consumer));
        ON
    }
    fn array_element(&mut self, index: u64, value: Element<'_>) -> Flow {
        self.element(format!("{index} {}", show(value.bytes)));
        ON
    }
}

fn ours(bytes: &[u8]) -> Lines {
    let mut lines = Lines::default();
    let mut scratch = Scratch::default();
    let mut walker = Walker::new(bytes).unwrap();
    while let Some(item) = walker.next().unwrap() {
        if let Item::Record(record) = item {
            lines.db = record.db;
            let mut room = Vec::new();
            lines.new_key(record.key.decode(&mut room).unwrap(), record.expire_ms, record.idle, record.freq);
            lines.modules += u64::from(record.value.module().is_some());
            record.value.visit(&mut scratch, &mut lines).unwrap();
            lines.end_key();
        }
    }
    lines
}

fn theirs(path: &Path) -> Lines {
    let mut parser = Parser::new(Lines::default()).unwrap();
    parser.parse_file(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    parser.into_handler()
}

fn compare(name: &str, path: &Path) -> usize {
    let (ours, theirs) = (ours(&std::fs::read(path).unwrap()), theirs(path));
    for (n, (ours, theirs)) in ours.done.iter().zip(&theirs.done).enumerate() {
        assert_eq!(ours, theirs, "{name}: line {n}");
    }
    assert_eq!((ours.done.len(), ours.modules), (theirs.done.len(), theirs.modules), "{name}");
    ours.done.len()
}

#[test]
fn the_corpus() {
    let mut lines = 0;
    // It knows no dump with the magic VALKEY.
    for (name, path) in corpus().into_iter().filter(|(name, _)| !name.ends_with("-v80")) {
        lines += compare(&name, &path);
    }
    eprintln!("{lines} lines compared with librdb");
}

#[test]
fn what_the_writer_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.rdb");
    std::fs::write(&path, small_dump()).unwrap();
    assert!(compare("small dump", &path) > 20);
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/discord-analytics.rdb");
    assert!(compare("fixture", &fixture) > 20_000);
}
