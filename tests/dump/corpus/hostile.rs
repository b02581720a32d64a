//! Damaged dumps: cut at every byte, every bit flipped. Whatever comes of it, it is a result.

use std::collections::HashSet;

use rdb_reindex::dump::rdb::{
    Element, Flow, Item, Json, ModuleReader, Scratch, StreamFields, StreamId, Visitor, Walker,
};

use super::corpus;

/// Reads everything that it is told, and bounds how much that may be.
struct Reader<'s> {
    bytes: usize,
    room: &'s mut Vec<u8>,
}

impl Reader<'_> {
    fn read(&mut self, element: Element<'_>) -> Flow {
        self.bytes += element.bytes.len();
        Flow::Continue(())
    }
}

impl Visitor for Reader<'_> {
    fn string(&mut self, value: Element<'_>) -> Flow {
        self.read(value)
    }
    fn list_element(&mut self, _: u64, value: Element<'_>) -> Flow {
        self.read(value)
    }
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.read(member)
    }
    fn zset_member(&mut self, member: Element<'_>, score: f64) -> Flow {
        assert!(!score.is_nan());
        self.read(member)
    }
    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, _: Option<i64>) -> Flow {
        self.read(field)?;
        self.read(value)
    }
    fn stream_entry(&mut self, _: StreamId, fields: &mut StreamFields<'_>) -> Flow {
        while let Some((field, value)) = fields.next() {
            self.read(field)?;
            self.read(value)?;
        }
        assert_eq!(fields.left(), 0);
        Flow::Continue(())
    }
    fn module_string(&mut self, value: Element<'_>) -> Flow {
        self.read(value)
    }
    fn json(&mut self, json: Json<'_>) -> Flow {
        match json {
            Json::Text(text) | Json::Cbor(text) => drop(text.decode(self.room)),
            Json::Tree(bytes) => {
                let mut items = ModuleReader::new(bytes, 0);
                while let Ok(Some(_)) = items.next() {}
            }
            Json::Unsupported { .. } => {}
        }
        Flow::Continue(())
    }
}

/// Bounds of the records of an undamaged dump.
type Bounds = HashSet<(usize, usize)>;

/// Walks all of a dump that was damaged at `at`, and visits its records but for those that are as before; whether it was
/// whole.
fn read(bytes: &[u8], at: usize, known: &Bounds, scratch: &mut Scratch, room: &mut Vec<u8>) -> bool {
    let Ok(walker) = Walker::new(bytes) else { return false };
    let mut walker = walker.with_pieces(8);
    let mut reader = Reader { bytes: 0, room };
    let mut good = true;
    loop {
        match walker.next() {
            Ok(Some(Item::Record(record))) => {
                let bounds = (record.start, walker.position());
                if known.contains(&bounds) && !(bounds.0..bounds.1).contains(&at) {
                    continue;
                }
                good &= record.key.decode(reader.room).is_ok();
                good &= record.value.elements().is_ok();
                good &= record.value.visit(scratch, &mut reader).is_ok();
            }
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) => {
                assert!(error.offset <= bytes.len() as u64 && !error.to_string().is_empty());
                good = false;
                break;
            }
        }
    }
    // Every byte of the dump gives at most 88, and a master entry of a stream is told for each entry again.
    assert!(reader.bytes <= bytes.len() * 88 * 8, "{} bytes out of {}", reader.bytes, bytes.len());
    good
}

/// Bounds of the records of a dump that is whole.
fn bounds(bytes: &[u8]) -> Bounds {
    let mut walker = Walker::new(bytes).unwrap();
    let mut bounds = Bounds::new();
    while let Some(item) = walker.next().unwrap() {
        if let Item::Record(record) = item {
            bounds.insert((record.start, walker.position()));
        }
    }
    bounds
}

/// Dumps that are small enough to be damaged in every way.
fn small() -> Vec<(String, Vec<u8>)> {
    let dumps = corpus().into_iter().map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()));
    dumps.filter(|(_, bytes)| bytes.len() < 12_000).collect()
}

/// Calls `damage` with each small dump in turn, on as many threads as there are processors.
fn each(damage: impl Fn(&str, Vec<u8>, &mut Scratch, &mut Vec<u8>) + Sync) {
    let dumps = std::sync::Mutex::new(small());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let (mut scratch, mut room) = (Scratch::default(), Vec::new());
                loop {
                    let next = dumps.lock().unwrap().pop();
                    let Some((name, bytes)) = next else { break };
                    damage(&name, bytes, &mut scratch, &mut room);
                }
            });
        }
    });
}

#[test]
fn a_cut_dump_is_never_whole() {
    each(|name, bytes, scratch, room| {
        assert!(read(&bytes, 0, &Bounds::new(), scratch, room), "{name} is damaged already");
        let known = bounds(&bytes);
        for end in 0..bytes.len() {
            assert!(
                !read(&bytes[..end], end, &known, scratch, room),
                "{name}: whole with {end} bytes of {}",
                bytes.len()
            );
        }
    });
}

#[test]
fn a_flipped_bit_is_no_panic() {
    each(|_, mut bytes, scratch, room| {
        let known = bounds(&bytes);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                read(&bytes, at, &known, scratch, room);
                bytes[at] ^= 1 << bit;
            }
        }
    });
}
