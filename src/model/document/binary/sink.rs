//! Where a decoder of a binary document tells what it finds.

use crate::model::document::Events;

/// Takes a document as events: values, and for objects and arrays their beginning, their content and their end.
pub trait Sink {
    /// Whether the next value, or anything in it, matters: the numbers of one that does not need not be written out.
    fn wanted(&self) -> bool;
    /// A string; it is UTF-8.
    fn text(&mut self, bytes: &[u8]);
    /// A number as JSON writes it, `true` or `false`.
    fn literal(&mut self, bytes: &[u8]);
    fn null(&mut self);
    fn start_object(&mut self);
    fn start_array(&mut self);
    /// The name of the field whose value comes next; it is UTF-8.
    fn key(&mut self, name: &[u8]);
    /// The object or array that began last ends.
    fn end(&mut self);
}

impl Sink for Events<'_> {
    fn wanted(&self) -> bool {
        Events::wanted(self)
    }

    fn text(&mut self, bytes: &[u8]) {
        Events::text(self, bytes);
    }

    fn literal(&mut self, bytes: &[u8]) {
        Events::literal(self, bytes);
    }

    fn null(&mut self) {
        Events::null(self);
    }

    fn start_object(&mut self) {
        Events::start_object(self);
    }

    fn start_array(&mut self) {
        Events::start_array(self);
    }

    fn key(&mut self, name: &[u8]) {
        Events::key(self, name);
    }

    fn end(&mut self) {
        Events::end(self);
    }
}

/// Wants nothing: for a document that is only checked.
#[derive(Debug)]
pub struct Nothing;

impl Sink for Nothing {
    fn wanted(&self) -> bool {
        false
    }

    fn text(&mut self, _: &[u8]) {}
    fn literal(&mut self, _: &[u8]) {}
    fn null(&mut self) {}
    fn start_object(&mut self) {}
    fn start_array(&mut self) {}
    fn key(&mut self, _: &[u8]) {}
    fn end(&mut self) {}
}
