//! Places and pieces: every element is found again, and pieces in order are the whole.

use std::path::Path;

use rdb_reindex::dump::rdb::{Element, Flow, Item, Place, Resolver, Scratch, StreamFields, StreamId, Visitor, Walker};

use super::corpus;
use crate::support::corpus::collect::Collector;

/// Keeps every element with its place.
#[derive(Default)]
struct Places(Vec<(Place, Vec<u8>)>);

impl Places {
    fn keep(&mut self, element: Element<'_>) -> Flow {
        self.0.push((element.at, element.bytes.to_vec()));
        Flow::Continue(())
    }
}

impl Visitor for Places {
    fn string(&mut self, value: Element<'_>) -> Flow {
        self.keep(value)
    }
    fn list_element(&mut self, _: u64, value: Element<'_>) -> Flow {
        self.keep(value)
    }
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.keep(member)
    }
    fn zset_member(&mut self, member: Element<'_>, _: f64) -> Flow {
        self.keep(member)
    }
    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, _: Option<i64>) -> Flow {
        self.keep(field)?;
        self.keep(value)
    }
    fn stream_entry(&mut self, _: StreamId, fields: &mut StreamFields<'_>) -> Flow {
        while let Some((field, value)) = fields.next() {
            self.keep(field)?;
            self.keep(value)?;
        }
        Flow::Continue(())
    }
    fn module_string(&mut self, value: Element<'_>) -> Flow {
        self.keep(value)
    }
}

#[test]
fn every_element_is_found_again() {
    for path in corpus() {
        let bytes = std::fs::read(&path).unwrap();
        let mut walker = Walker::new(&bytes).unwrap();
        let mut resolver = Resolver::new(&bytes, walker.header().flavor);
        let mut scratch = Scratch::default();
        let mut out = Vec::new();
        while let Some(item) = walker.next().unwrap() {
            let Item::Record(record) = item else { continue };
            let mut places = Places::default();
            record.value.visit(&mut scratch, &mut places).unwrap();
            for (place, bytes) in &places.0 {
                let found = resolver.resolve(*place, record.value.ty, &mut out);
                assert_eq!(found.unwrap(), bytes, "{}: {place:?}", path.display());
            }
            // Backwards, so that the resolver does not always hold the right form already.
            for (place, bytes) in places.0.iter().rev().take(50) {
                assert_eq!(resolver.resolve(*place, record.value.ty, &mut out).unwrap(), bytes);
            }
        }
    }
}

#[test]
fn pieces_in_order_are_the_whole() {
    let mut cut = 0;
    for path in corpus() {
        for elements in [1, 7, 64] {
            cut += visit_pieces(&path, elements);
        }
    }
    assert!(cut > 0 || corpus().is_empty());
}

/// Visits all values in pieces and returns how many values had more than one.
fn visit_pieces(path: &Path, elements: usize) -> usize {
    let bytes = std::fs::read(path).unwrap();
    let mut walker = Walker::new(&bytes).unwrap().with_pieces(elements);
    let mut scratch = Scratch::default();
    let mut cut = 0;
    while let Some(item) = walker.next().unwrap() {
        let Item::Record(record) = item else { continue };
        let value = &record.value;
        let (mut whole, mut parts) = (Collector::default(), Collector::default());
        value.visit(&mut scratch, &mut whole).unwrap();
        let pieces = value.pieces();
        if pieces > 1 {
            let n = usize::try_from(value.elements().unwrap()).unwrap();
            assert_eq!(pieces, n.div_ceil(elements));
            cut += 1;
        }
        for piece in 0..pieces {
            value.visit_piece(piece, &mut scratch, &mut parts).unwrap();
            // Each ends where the next one begins, and the last one with the value.
            let next = if piece + 1 < pieces { value.piece_span(piece + 1).start } else { value.end() };
            let span = value.piece_span(piece);
            assert!(value.offset <= span.start && span.start < span.end && span.end == next, "{span:?}");
        }
        value.visit_piece(pieces, &mut scratch, &mut parts).unwrap();
        assert_eq!(format!("{whole:?}"), format!("{parts:?}"), "{}", path.display());
    }
    cut
}
