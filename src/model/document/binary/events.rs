//! The fields of a document that comes as events, from a decoder of a binary tree.

use crate::model::document::capture::{Captures, Slots, Value};
use crate::model::document::trie::{NodeId, Trie};
use crate::model::document::{MAX_DEPTH, NOT_AN_OBJECT, Undecodable};

/// Takes the events of one document: values, and for objects and arrays their beginning, their content and their end.
///
/// In an object each value follows its [`Events::key`]. The first event that makes no sense is kept, and
/// [`Events::finish`] tells it.
#[derive(Debug)]
pub struct Events<'a> {
    trie: &'a Trie,
    captures: &'a mut Captures,
    /// The containers around the next value.
    open: Vec<Open>,
    /// Where the next value belongs, if it is wanted.
    next: Option<NodeId>,
    /// What may come next.
    due: Due,
    events: usize,
    /// The top level is an object.
    is_object: bool,
    error: Option<Undecodable>,
}

#[derive(Clone, Copy, Debug)]
enum Open {
    Object(Option<NodeId>),
    /// With the node of its elements.
    Array(Option<NodeId>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Value,
    /// Also the end of an array.
    Element,
    /// Or the end of an object.
    Key,
    Nothing,
}

impl<'a> Events<'a> {
    pub(in crate::model::document) fn new(trie: &'a Trie, captures: &'a mut Captures) -> Events<'a> {
        let next = Some(Trie::ROOT);
        Events { trie, captures, open: Vec::new(), next, due: Due::Value, events: 0, is_object: false, error: None }
    }

    /// Whether the next value, or anything in it, is wanted: what is not may be passed as [`Events::null`].
    pub fn wanted(&self) -> bool {
        self.next.is_some()
    }

    /// A string.
    pub fn text(&mut self, bytes: &[u8]) {
        self.scalar(bytes, Value::OwnText);
    }

    /// A number as JSON would write it, `true` or `false`.
    pub fn literal(&mut self, bytes: &[u8]) {
        self.scalar(bytes, Value::OwnLiteral);
    }

    /// `null`.
    pub fn null(&mut self) {
        if self.value() {
            if let Some(node) = self.next {
                self.captures.scalar(self.trie, node, Value::Null);
            }
            self.after_value();
        }
    }

    /// An object begins.
    pub fn start_object(&mut self) {
        if self.value() {
            self.is_object |= self.open.is_empty();
            if let Some(node) = self.next {
                self.captures.object(self.trie, node);
            }
            self.start(Open::Object(self.next), Due::Key);
        }
    }

    /// An array begins.
    pub fn start_array(&mut self) {
        if self.value() {
            let node = self.next.and_then(|node| self.trie.node(node));
            if let Some(node) = self.next {
                self.captures.array(self.trie, node);
            }
            let each = node.and_then(|node| node.each);
            if each.is_some() {
                self.captures.enter_array();
            }
            self.next = each;
            self.start(Open::Array(each), Due::Element);
        }
    }

    /// The name of the field whose value comes next.
    pub fn key(&mut self, name: &[u8]) {
        let Some(Open::Object(node)) = self.open.last().copied() else {
            return self.fail("a field name outside an object");
        };
        if self.due != Due::Key {
            return self.fail("a field name where a value is expected");
        }
        self.count();
        self.next = node.and_then(|node| self.trie.node(node)).and_then(|node| node.child(name));
        if let Some(child) = self.next {
            self.captures.replace(self.trie, child);
        }
        self.due = Due::Value;
    }

    /// The object or array that began last ends.
    pub fn end(&mut self) {
        match (self.open.last().copied(), self.due) {
            (Some(Open::Object(_)), Due::Key) => {}
            (Some(Open::Array(each)), Due::Element) => {
                if each.is_some() {
                    self.captures.leave_array();
                }
            }
            _ => return self.fail("an end where none is expected"),
        }
        self.count();
        self.open.pop();
        self.after_value();
    }

    /// That was the last event. A document that is not an object is an error, as in [`crate::model::document::Extractor::json`].
    pub fn finish(mut self) -> Result<Slots<'a>, Undecodable> {
        if self.due != Due::Nothing {
            self.fail("the document has no end");
        }
        if !self.is_object {
            self.error.get_or_insert(Undecodable { at: 0, reason: NOT_AN_OBJECT });
        }
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.captures.slots(&[])),
        }
    }

    fn scalar(&mut self, bytes: &[u8], value: fn(usize, usize) -> Value) {
        if self.value() {
            if let Some(node) = self.next {
                let buffer = self.captures.buffer();
                let start = buffer.len();
                buffer.extend_from_slice(bytes);
                let end = buffer.len();
                self.captures.scalar(self.trie, node, value(start, end));
            }
            self.after_value();
        }
    }

    /// A value is coming; false if it may not.
    fn value(&mut self) -> bool {
        if !matches!(self.due, Due::Value | Due::Element) {
            self.fail("a value where none is expected");
        }
        self.count();
        self.error.is_none()
    }

    fn start(&mut self, open: Open, due: Due) {
        if u32::try_from(self.open.len()).is_ok_and(|depth| depth < MAX_DEPTH) {
            self.open.push(open);
            self.due = due;
        } else {
            self.fail("nested too deeply");
        }
    }

    fn after_value(&mut self) {
        (self.next, self.due) = match self.open.last() {
            None => (None, Due::Nothing),
            Some(Open::Object(_)) => (None, Due::Key),
            Some(Open::Array(each)) => (*each, Due::Element),
        };
        if self.due == Due::Element && self.next.is_some() && !self.captures.next_element() {
            self.fail("too many elements");
        }
    }

    fn count(&mut self) {
        self.events = self.events.saturating_add(1);
    }

    fn fail(&mut self, reason: &'static str) {
        self.error.get_or_insert(Undecodable { at: self.events, reason });
    }
}
