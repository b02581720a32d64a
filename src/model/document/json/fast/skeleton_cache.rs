//! Documents of a shape that was seen before.
//!
//! Programs write the same few shapes of document over and over. Of one whose [skeleton](super::skeleton) is that of an
//! earlier one it is known that it is JSON, which of its strings are names, and what is nested in what. It has its wanted
//! values where the earlier one had them if it has the wanted names at the same places and nowhere else. That is looked at
//! in full each time; nothing is taken for granted but what the skeleton says.

use super::quotes::Found;
use crate::model::document::capture::{Captures, Value};
use crate::model::document::json::tokens::{Scanner, Tokens, unescape};
use crate::model::document::trie::{Hints, NodeId, Trie};

/// Skeletons that are remembered, in sets of a few whose skeletons are alike in what [`SkeletonCache::set`] looks at.
const SLOTS: usize = 256;
const WAYS: usize = 4;
/// A longer skeleton is not worth the memory.
const MAX_OUTLINE: usize = 1024;
/// Documents of unknown shape that cost credit before no more are looked up; each one that is known earns some.
const CREDIT: u32 = 4096;
/// What an unknown one costs. To learn a shape takes about as long as to read a few documents.
const COST: u32 = 8;

/// The shapes of a record class. One for each thread.
#[derive(Clone, Debug)]
pub struct SkeletonCache {
    slots: Vec<Option<Shape>>,
    credit: u32,
}

#[derive(Clone, Debug)]
struct Shape {
    skeleton: Box<[u8]>,
    objects: Box<[Object]>,
    /// The path of each wanted value, and where it is.
    values: Box<[(usize, Place)]>,
}

/// An object that may have wanted fields.
#[derive(Clone, Debug)]
struct Object {
    node: NodeId,
    /// What the names of wanted fields look like.
    hints: Hints,
    /// The names that are none of them: which strings of the document they are.
    others: Vec<u32>,
    /// Those that are, and which.
    wanted: Vec<(u32, NodeId)>,
}

/// Where a value is.
#[derive(Clone, Copy, Debug)]
enum Place {
    Null,
    Composite,
    /// The string of this number.
    Text(usize),
    /// What stands behind the name of this number, and a colon.
    Literal(usize),
}

impl Default for SkeletonCache {
    fn default() -> SkeletonCache {
        SkeletonCache { slots: Vec::new(), credit: CREDIT }
    }
}

impl SkeletonCache {
    /// Whether it is worth making a skeleton.
    pub fn wanted(&self, trie: &Trie) -> bool {
        self.credit > 0 && !trie.has_arrays()
    }

    /// Where the set of shapes begins that a document's is among. Skeletons of one length with as many strings are few.
    /// Documents with the same fields in another order mostly differ in their first name.
    fn set(skeleton: &[u8], found: &Found<'_>) -> usize {
        let first = found.string(0).map_or(0, |(open, close)| close.wrapping_sub(open));
        let mixed =
            skeleton.len().wrapping_mul(5).wrapping_add(found.quotes.len().wrapping_mul(11)).wrapping_add(first);
        mixed.wrapping_mul(WAYS) % SLOTS
    }

    /// Captures the values of a document, if its shape is known and has them where they were.
    #[inline]
    pub fn read(&mut self, text: &[u8], found: &Found<'_>, trie: &Trie, captures: &mut Captures) -> bool {
        let Some(skeleton) = found.skeleton else { return false };
        let set = self.slots.get(SkeletonCache::set(skeleton, found)..).unwrap_or_default().iter().take(WAYS);
        for shape in set.map_while(Option::as_ref) {
            if *shape.skeleton == *skeleton && shape.read(text, found, trie, captures).is_some() {
                self.credit = self.credit.saturating_add(1).min(CREDIT);
                return true;
            }
            captures.clear();
        }
        self.credit = self.credit.saturating_sub(COST);
        false
    }

    /// Remembers the shape of a document that was read; the oldest one in its place is forgotten.
    #[inline(never)]
    pub fn learn(&mut self, text: &[u8], found: &Found<'_>, trie: &Trie, captures: &Captures) {
        let Some(skeleton) = found.skeleton.filter(|skeleton| skeleton.len() <= MAX_OUTLINE) else { return };
        let Some(shape) = Shape::of(skeleton, text, found, trie, captures) else { return };
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, None);
        }
        let set = SkeletonCache::set(skeleton, found);
        if let Some(set) = self.slots.get_mut(set..).and_then(|rest| rest.get_mut(..WAYS)) {
            set.rotate_right(1);
            if let Some(first) = set.first_mut() {
                *first = Some(shape);
            }
        }
    }
}

impl Shape {
    #[inline]
    fn read(&self, text: &[u8], found: &Found<'_>, trie: &Trie, captures: &mut Captures) -> Option<()> {
        self.objects.iter().try_for_each(|object| object.check(text, found, trie))?;
        for &(path, place) in &self.values {
            let value = match place {
                Place::Null => Value::Null,
                Place::Composite => Value::Composite,
                Place::Text(string) => {
                    let (open, end) = found.string(string)?;
                    let start = open.wrapping_add(1);
                    let bytes = text.get(start..end)?;
                    if found.may_be_escaped(open, end) && bytes.contains(&b'\\') {
                        let buffer = captures.buffer();
                        let start = buffer.len();
                        unescape(bytes, buffer);
                        Value::OwnText(start, buffer.len())
                    } else {
                        Value::Text(start, end)
                    }
                }
                Place::Literal(name) => {
                    let start = found.string(name)?.1.checked_add(2)?;
                    let literal = Scanner::new(text.get(start..)?).literal().ok()?;
                    Value::Literal(start, start.checked_add(literal.len())?)
                }
            };
            captures.push(path, value);
        }
        Some(())
    }

    /// The shape of a document with these captures.
    fn of(skeleton: &[u8], text: &[u8], found: &Found<'_>, trie: &Trie, captures: &Captures) -> Option<Shape> {
        let mut values = Vec::new();
        for (path, value) in captures.last_values() {
            let place = match value {
                Value::Null => Place::Null,
                Value::Composite => Place::Composite,
                Value::Text(_, end) => {
                    let quote = found.quotes.iter().position(|quote| usize::try_from(*quote) == Ok(end))?;
                    Place::Text(quote / 2)
                }
                Value::Literal(start, _) => {
                    let before =
                        found.quotes.iter().rposition(|quote| usize::try_from(*quote).is_ok_and(|at| at < start))?;
                    let (_, close) = found.string(before / 2)?;
                    if close.checked_add(2)? != start {
                        return None;
                    }
                    Place::Literal(before / 2)
                }
                // Of what was written anew it is not known where it stood. Another document will show it.
                Value::OwnText(..) | Value::OwnLiteral(..) => return None,
            };
            values.push((path, place));
        }
        let objects = objects(skeleton, text, found, trie)?.into();
        Some(Shape { skeleton: skeleton.into(), objects, values: values.into() })
    }
}

impl Object {
    /// Whether its names have the same meaning.
    #[inline]
    fn check(&self, text: &[u8], found: &Found<'_>, trie: &Trie) -> Option<()> {
        for &string in &self.others {
            let (open, close) = found.string(usize::try_from(string).ok()?)?;
            let may_be = self.hints.may_be_between(text, open, close) || found.may_be_escaped(open, close);
            if may_be && self.child(string, text, found, trie)?.is_some() {
                return None;
            }
        }
        for &(string, child) in &self.wanted {
            if self.child(string, text, found, trie)? != Some(child) {
                return None;
            }
        }
        Some(())
    }

    /// Which of the wanted fields a name is, if it can be told.
    #[inline(never)]
    fn child(&self, string: u32, text: &[u8], found: &Found<'_>, trie: &Trie) -> Option<Option<NodeId>> {
        Some(trie.node(self.node)?.child(found.plain(usize::try_from(string).ok()?, text)?))
    }
}

/// All objects that may have wanted fields, with their names. The skeleton is that of a document that is JSON.
fn objects(skeleton: &[u8], text: &[u8], found: &Found<'_>, trie: &Trie) -> Option<Vec<Object>> {
    let mut objects: Vec<Object> = Vec::new();
    // Of each object and array around a place, whether it is an object, and the number of one that may have wanted fields.
    let mut around: Vec<(bool, Option<usize>)> = Vec::new();
    let mut string = 0_u32;
    // The node of the value that comes next, and whether a name is due instead.
    let (mut node, mut name_due) = (Some(Trie::ROOT), false);
    for byte in skeleton {
        match byte {
            b'"' => {
                if name_due {
                    node = None;
                    let object = around.last().and_then(|(_, object)| *object);
                    if let Some(object) = object.and_then(|object| objects.get_mut(object)) {
                        node = object.child(string, text, found, trie)?;
                        match node {
                            Some(child) => object.wanted.push((string, child)),
                            None => object.others.push(string),
                        }
                    }
                    name_due = false;
                }
                string = string.checked_add(1)?;
            }
            b'{' => {
                let wanted = node.and_then(|at| Some((at, trie.node(at).filter(|node| node.has_children())?)));
                around.push((true, wanted.map(|_| objects.len())));
                if let Some((node, hints)) = wanted.map(|(at, node)| (at, node.hints)) {
                    objects.push(Object { node, hints, others: Vec::new(), wanted: Vec::new() });
                }
                name_due = true;
            }
            b'[' => {
                around.push((false, None));
                node = None;
            }
            b'}' | b']' => {
                around.pop();
                name_due = false;
            }
            b',' => name_due = around.last().is_some_and(|(object, _)| *object),
            _ => {}
        }
    }
    Some(objects)
}
