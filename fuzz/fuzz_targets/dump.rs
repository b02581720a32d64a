//! A whole dump: walked, every value counted, visited, and its documents read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rdb_reindex::model::document;
use rdb_reindex::dump::rdb::{Flow, Item, Json, Scratch, StreamFields, StreamId, Visitor, Walker};

struct Reader {
    offset: u64,
    room: Vec<u8>,
    out: Vec<u8>,
}

impl Visitor for Reader {
    fn zset_member(&mut self, _: rdb_reindex::dump::rdb::Element<'_>, score: f64) -> Flow {
        assert!(!score.is_nan());
        Flow::Continue(())
    }

    fn stream_entry(&mut self, _: StreamId, fields: &mut StreamFields<'_>) -> Flow {
        while fields.next().is_some() {}
        assert_eq!(fields.left(), 0);
        Flow::Continue(())
    }

    fn json(&mut self, json: Json<'_>) -> Flow {
        let checked = document::Extractor::new(&[]).check(json, self.offset, &mut Vec::new());
        let text = document::text(json, self.offset, &mut self.room, &mut self.out);
        assert_eq!(checked.is_ok_and(|checked| checked.is_ok()), text.is_ok_and(|text| text.is_ok()));
        Flow::Continue(())
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(walker) = Walker::new(data) else { return };
    let mut walker = walker.with_pieces(4);
    let mut scratch = Scratch::default();
    let mut reader = Reader { offset: 0, room: Vec::new(), out: Vec::new() };
    while let Ok(Some(item)) = walker.next() {
        if let Item::Record(record) = item {
            let _ = record.key.decode(&mut reader.room);
            let _ = record.value.elements();
            reader.offset = record.value.offset as u64;
            let whole = record.value.visit(&mut scratch, &mut reader);
            let pieces =
                (0..record.value.pieces()).try_for_each(|n| record.value.visit_piece(n, &mut scratch, &mut reader));
            assert_eq!(whole.is_ok(), pieces.is_ok());
        }
    }
});
