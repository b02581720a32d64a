//! The fields of a JSON text, in one pass.
//!
//! Along the wanted paths the pass goes down level by level (a path has few steps); everything else is skipped, checked.

use super::capture::{Captures, Value};
use super::scan::{RawString, Scanner, unescape};
use super::trie::{NodeId, Trie};
use super::{MAX_DEPTH, Undecodable};

pub(super) fn extract(
    text: &[u8],
    trie: &Trie,
    captures: &mut Captures,
    name: &mut Vec<u8>,
) -> Result<(), Undecodable> {
    if simdutf8::basic::from_utf8(text).is_err() {
        // The slower check, only to say where.
        let at = simdutf8::compat::from_utf8(text).err().map_or(0, |error| error.valid_up_to());
        return Err(Undecodable { at, reason: "not UTF-8" });
    }
    let mut pass = Pass { scan: Scanner::new(text), trie, captures, name };
    pass.value(Trie::ROOT, 0)?;
    match pass.scan.peek() {
        None => Ok(()),
        Some(_) => pass.scan.error("something follows the document"),
    }
}

struct Pass<'a, 'p> {
    scan: Scanner<'a>,
    trie: &'p Trie,
    captures: &'p mut Captures,
    name: &'p mut Vec<u8>,
}

impl<'a> Pass<'a, '_> {
    /// A value that is wanted, or has something wanted in it. Recursive as deep as the longest path.
    fn value(&mut self, node: NodeId, depth: u32) -> Result<(), Undecodable> {
        match self.scan.peek() {
            Some(b'"') => {
                self.scan.take(b'"');
                let string = self.scan.string()?;
                let value = self.text(string);
                self.captures.scalar(self.trie, node, value);
                Ok(())
            }
            Some(b'{') => {
                self.captures.object(self.trie, node);
                self.object(node, depth)
            }
            Some(b'[') => {
                self.captures.array(self.trie, node);
                self.array(node, depth)
            }
            _ => {
                let start = self.scan.offset();
                let value = match self.scan.literal()? {
                    b"null" => Value::Null,
                    _ => Value::Literal(start, self.scan.offset()),
                };
                self.captures.scalar(self.trie, node, value);
                Ok(())
            }
        }
    }

    fn text(&mut self, string: RawString<'a>) -> Value {
        if string.escaped {
            let buffer = self.captures.buffer();
            let start = buffer.len();
            unescape(string.bytes, buffer);
            Value::OwnText(start, buffer.len())
        } else {
            Value::Text(string.start, string.start.saturating_add(string.bytes.len()))
        }
    }

    fn object(&mut self, at: NodeId, depth: u32) -> Result<(), Undecodable> {
        let Some(node) = self.trie.node(at).filter(|node| node.has_children() && depth < MAX_DEPTH) else {
            return self.scan.skip(depth);
        };
        let depth = depth.saturating_add(1);
        self.scan.take(b'{');
        if self.scan.peek() == Some(b'}') {
            self.scan.take(b'}');
            return Ok(());
        }
        loop {
            let name = self.scan.key()?;
            let child = if name.escaped {
                self.name.clear();
                unescape(name.bytes, self.name);
                node.child(self.name)
            } else {
                node.child(name.bytes)
            };
            match child {
                None => self.scan.skip(depth)?,
                Some(child) => {
                    self.captures.replace(self.trie, child);
                    self.value(child, depth)?;
                }
            }
            self.scan.whitespace();
            if self.scan.take(b'}') {
                return Ok(());
            }
            if !self.scan.take(b',') {
                return self.scan.error("expected , or } in an object");
            }
        }
    }

    fn array(&mut self, at: NodeId, depth: u32) -> Result<(), Undecodable> {
        let Some(each) = self.trie.node(at).and_then(|node| node.each).filter(|_| depth < MAX_DEPTH) else {
            return self.scan.skip(depth);
        };
        let depth = depth.saturating_add(1);
        self.scan.take(b'[');
        if self.scan.peek() == Some(b']') {
            self.scan.take(b']');
            return Ok(());
        }
        self.captures.enter_array();
        loop {
            self.value(each, depth)?;
            self.scan.whitespace();
            if self.scan.take(b']') {
                self.captures.leave_array();
                return Ok(());
            }
            if !self.scan.take(b',') {
                return self.scan.error("expected , or ] in an array");
            }
            if !self.captures.next_element() {
                return self.scan.error("too many elements");
            }
        }
    }
}
