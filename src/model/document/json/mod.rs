//! The fields of a JSON text, in one pass.
//!
//! Along the wanted paths the pass goes down level by level (a path has few steps); everything else is skipped, checked.

pub mod fast;
pub mod number;
pub mod text;
pub mod tokens;

use super::capture::{Captures, Value};
use super::trie::{NodeId, Trie};
use super::{MAX_DEPTH, Undecodable};
use fast::indexed_tokens::IndexedTokens;
use fast::quotes::Quotes;
use fast::skeleton_cache::SkeletonCache;
use tokens::{RawString, Scanner, Tokens, unescape};

/// What one thread needs to read one text after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Room {
    quotes: Quotes,
    skeletons: SkeletonCache,
    /// A field name without its escapes, while it is compared.
    name: Vec<u8>,
}

pub(super) fn extract(text: &[u8], trie: &Trie, captures: &mut Captures, room: &mut Room) -> Result<(), Undecodable> {
    let Room { quotes, skeletons, name } = room;
    if let Some(found) = quotes.find(text, skeletons.wanted(trie))
        && (found.ascii || simdutf8::basic::from_utf8(text).is_ok())
    {
        if skeletons.read(text, &found, trie, captures) {
            return Ok(());
        }
        if scan(IndexedTokens::new(text, &found), trie, captures, name).is_ok() {
            skeletons.learn(text, &found, trie, captures);
            return Ok(());
        }
        captures.clear();
    }
    // Something is wrong, or the text is long. The slower way says what and where.
    search(text, trie, captures, name)
}

/// The same without looking for the quotes ahead, which takes memory.
pub(super) fn search(text: &[u8], trie: &Trie, captures: &mut Captures, name: &mut Vec<u8>) -> Result<(), Undecodable> {
    if simdutf8::basic::from_utf8(text).is_err() {
        let at = simdutf8::compat::from_utf8(text).err().map_or(0, |error| error.valid_up_to());
        return Err(Undecodable { at, reason: "not UTF-8" });
    }
    scan(Scanner::new(text), trie, captures, name)
}

fn scan<'a>(
    scan: impl Tokens<'a>,
    trie: &Trie,
    captures: &mut Captures,
    name: &mut Vec<u8>,
) -> Result<(), Undecodable> {
    let mut pass = Pass { scan, trie, captures, name };
    pass.value(Trie::ROOT, 0)?;
    match pass.scan.peek() {
        None => Ok(()),
        Some(_) => pass.scan.error("something follows the document"),
    }
}

struct Pass<'p, T> {
    scan: T,
    trie: &'p Trie,
    captures: &'p mut Captures,
    name: &'p mut Vec<u8>,
}

impl<'a, T: Tokens<'a>> Pass<'_, T> {
    /// A value that is wanted, or has something wanted in it. Recursive as deep as the longest path.
    fn value(&mut self, node: NodeId, depth: u32) -> Result<(), Undecodable> {
        match self.scan.peek() {
            Some(b'"') => {
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
            self.scan.skip_plain_fields(node.hints.lengths);
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
            match self.scan.peek() {
                Some(b',') => self.scan.take(b','),
                Some(b'}') => {
                    self.scan.take(b'}');
                    return Ok(());
                }
                _ => return self.scan.error("expected , or } in an object"),
            };
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
            match self.scan.peek() {
                Some(b',') => self.scan.take(b','),
                Some(b']') => {
                    self.scan.take(b']');
                    self.captures.leave_array();
                    return Ok(());
                }
                _ => return self.scan.error("expected , or ] in an array"),
            };
            if !self.captures.next_element() {
                return self.scan.error("too many elements");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Documents as they are stored do not take the slower way, which would give the same answer.
    #[test]
    fn the_quick_way_is_enough() {
        for text in [
            r#"{"a":"b","c":null,"d":[1,-2.5e3,true,{"e":"\n\u00e9","f":{}}],"":[]}"#,
            "{ \"a\" : [ ] ,\r\n\t\"b\" : { \"c\" : \"\" } }\n",
            r#""\"""#,
            "7",
        ] {
            let mut quotes = Quotes::default();
            let found = quotes.find(text.as_bytes(), false).expect("no string is wrong");
            let quick = IndexedTokens::new(text.as_bytes(), &found);
            let verdict = scan(quick, &Trie::new(&[]), &mut Captures::new(&[]), &mut Vec::new());
            assert_eq!(verdict, Ok(()), "{text}");
        }
    }
}
