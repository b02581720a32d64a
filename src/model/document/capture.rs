//! What was found: for each path its value, or its values with the array positions they stand at.

use crate::model::spec::{Filters, Path};

use super::trie::{NodeId, Trie};

/// The value at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot<'a> {
    /// There is no such field.
    Absent,
    /// JSON null.
    Null,
    /// A string without its quotes and escapes.
    Text(&'a [u8]),
    /// A number, `true` or `false` as written.
    Literal(&'a [u8]),
    /// An object or an array where a single value was due, or no array where one was due.
    Composite,
}

/// The values of one document.
#[derive(Clone, Copy, Debug)]
pub struct Slots<'a> {
    captures: &'a Captures,
    text: &'a [u8],
}

/// A value as a place, so that it can outlive no document.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    Null,
    Composite,
    /// Bytes of the document's text.
    Text(usize, usize),
    Literal(usize, usize),
    /// Bytes of the buffer.
    OwnText(usize, usize),
    OwnLiteral(usize, usize),
}

/// The array position of a value that is not in an array, where its path wants one.
const NO_POSITION: u32 = u32::MAX;

#[derive(Clone, Debug)]
pub(super) struct Captures {
    paths: Vec<Found>,
    /// The positions in the arrays around the value that is being read, outermost first.
    positions: Vec<u32>,
    /// Bytes that do not stand in the document's text as such.
    buffer: Vec<u8>,
    /// Whether a path has as many values as are kept.
    full: bool,
    /// What is made of the values of a path, behind those of the paths: its number and the filters.
    filtered: Vec<(usize, Filters)>,
    room: Vec<u8>,
}

/// More values at one path are refused: a value takes ten times the memory of its two bytes in a text.
const MAX_VALUES: usize = 1 << 22;

#[derive(Clone, Debug)]
struct Found {
    /// How many array positions each value has.
    arrays: usize,
    values: Vec<Value>,
    /// `arrays` of them for each value.
    positions: Vec<u32>,
}

impl Captures {
    pub fn new(paths: &[Path]) -> Captures {
        let found = |path: &Path| Found { arrays: path.arrays(), values: Vec::new(), positions: Vec::new() };
        Captures {
            paths: paths.iter().map(found).collect(),
            positions: Vec::new(),
            buffer: Vec::new(),
            full: false,
            filtered: Vec::new(),
            room: Vec::new(),
        }
    }

    /// Adds what filters make of the values of a path. It is known by the next position.
    pub fn add_filtered(&mut self, path: usize, filters: &Filters) {
        let arrays = self.paths.get(path).map_or(0, |found| found.arrays);
        let arrays = arrays.saturating_add(usize::from(filters.is_multi()));
        self.paths.push(Found { arrays, values: Vec::new(), positions: Vec::new() });
        self.filtered.push((path, filters.clone()));
    }

    /// That was all of the document: the filters can be applied.
    fn filter(&mut self, text: &[u8]) {
        let filtered = std::mem::take(&mut self.filtered);
        let first = self.paths.len().saturating_sub(filtered.len());
        let mut room = std::mem::take(&mut self.room);
        for (number, (path, filters)) in filtered.iter().enumerate() {
            let target = first.saturating_add(number);
            let Some(source) = self.paths.get(*path) else { continue };
            let arrays = source.arrays;
            for at in 0..source.values.len() {
                self.filter_one((*path, at, arrays), filters, target, text, &mut room);
            }
        }
        (self.filtered, self.room) = (filtered, room);
    }

    fn filter_one(
        &mut self,
        (path, at, arrays): (usize, usize, usize),
        filters: &Filters,
        target: usize,
        text: &[u8],
        room: &mut Vec<u8>,
    ) {
        let Some(source) = self.paths.get(path) else { return };
        let Some(value) = source.values.get(at).copied() else { return };
        let start = at.saturating_mul(arrays);
        let mut positions = source.positions.get(start..start.saturating_add(arrays)).unwrap_or_default().to_vec();
        if filters.is_multi() {
            positions.push(NO_POSITION);
        }
        let (bytes, literal) = match value {
            Value::Null | Value::Composite => {
                if let Some(found) = self.paths.get_mut(target) {
                    found.values.push(value);
                    found.positions.extend(positions);
                }
                return;
            }
            Value::Text(start, end) => (text.get(start..end), false),
            Value::Literal(start, end) => (text.get(start..end), true),
            Value::OwnText(start, end) => (self.buffer.get(start..end), false),
            Value::OwnLiteral(start, end) => (self.buffer.get(start..end), true),
        };
        let bytes = bytes.unwrap_or_default().to_vec();
        let mut number: u32 = 0;
        filters.apply(&bytes, room, &mut |value| {
            let Some(found) = self.paths.get_mut(target) else { return };
            if found.values.len() >= MAX_VALUES {
                self.full = true;
                return;
            }
            let start = self.buffer.len();
            self.buffer.extend_from_slice(value);
            let end = self.buffer.len();
            found.values.push(if literal { Value::OwnLiteral(start, end) } else { Value::OwnText(start, end) });
            if filters.is_multi()
                && let Some(last) = positions.last_mut()
            {
                *last = number;
                number = number.saturating_add(1);
            }
            found.positions.extend_from_slice(&positions);
        });
    }

    pub fn clear(&mut self) {
        for found in &mut self.paths {
            found.values.clear();
            found.positions.clear();
        }
        self.positions.clear();
        self.buffer.clear();
        self.full = false;
    }

    pub fn slots<'a>(&'a mut self, text: &'a [u8]) -> Slots<'a> {
        if !self.filtered.is_empty() {
            self.filter(text);
        }
        Slots { captures: self, text }
    }

    /// The array elements that follow are those of an array one level further in.
    pub fn enter_array(&mut self) {
        self.positions.push(0);
    }

    /// The next element; false if there were too many.
    #[must_use]
    pub fn next_element(&mut self) -> bool {
        let Some(position) = self.positions.last_mut() else { return false };
        *position = position.saturating_add(1);
        *position != NO_POSITION && !self.full
    }

    pub fn leave_array(&mut self) {
        self.positions.pop();
    }

    /// The buffer, to append a value to, and its length before that.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// A field of this node begins: whatever an earlier field of the same name and object left is gone.
    #[inline]
    pub fn replace(&mut self, trie: &Trie, node: NodeId) {
        let Some(node) = trie.node(node) else { return };
        for path in &node.below {
            // Nearly always there is nothing.
            if let Some(found) = self.paths.get_mut(*path).filter(|found| !found.values.is_empty()) {
                found.forget(&self.positions);
            }
        }
    }

    /// The last value of each path that has one.
    pub fn last_values(&self) -> impl Iterator<Item = (usize, Value)> {
        self.paths.iter().enumerate().filter_map(|(path, found)| Some((path, *found.values.last()?)))
    }

    /// Whether a path has a value.
    pub fn has(&self, path: usize) -> bool {
        self.paths.get(path).is_some_and(|found| !found.values.is_empty())
    }

    pub fn push(&mut self, path: usize, value: Value) {
        let Some(found) = self.paths.get_mut(path) else { return };
        found.values.push(value);
        self.full |= found.values.len() >= MAX_VALUES;
        if found.arrays == 0 {
            return;
        }
        let missing = found.arrays.saturating_sub(self.positions.len());
        found.positions.extend(self.positions.iter().take(found.arrays));
        found.positions.extend(std::iter::repeat_n(NO_POSITION, missing));
    }

    /// A scalar at this node.
    #[inline]
    pub fn scalar(&mut self, trie: &Trie, node: NodeId, value: Value) {
        let Some(node) = trie.node(node) else { return };
        if let Some(path) = node.path {
            self.push(path, value);
        }
        // `{tags[]}` of `"tags": "a"`: not an array, and not nothing either. `{a.b}` of `"a": 1` is just absent.
        if let Some(each) = node.each
            && !matches!(value, Value::Null)
        {
            self.composite(trie, each);
        }
    }

    /// An object at this node; its fields come next.
    pub fn object(&mut self, trie: &Trie, node: NodeId) {
        let Some(node) = trie.node(node) else { return };
        if let Some(path) = node.path {
            self.push(path, Value::Composite);
        }
        if let Some(each) = node.each {
            self.composite(trie, each);
        }
    }

    /// An array at this node; its elements come next.
    pub fn array(&mut self, trie: &Trie, node: NodeId) {
        let Some(node) = trie.node(node) else { return };
        if let Some(path) = node.path {
            self.push(path, Value::Composite);
        }
        for child in node.children() {
            self.composite(trie, child);
        }
    }

    /// Everything from this node on is not what its path says.
    fn composite(&mut self, trie: &Trie, node: NodeId) {
        let Some(node) = trie.node(node) else { return };
        for path in &node.below {
            self.push(*path, Value::Composite);
        }
    }
}

impl Found {
    /// Drops the values at these positions: the last ones, for a document is read in order.
    #[inline(never)]
    fn forget(&mut self, positions: &[u32]) {
        let depth = positions.len().min(self.arrays);
        while !self.values.is_empty() {
            let start = self.positions.len().saturating_sub(self.arrays);
            let own = self.positions.get(start..).and_then(|own| own.get(..depth)).unwrap_or(&[]);
            if positions.get(..depth).unwrap_or(&[]) != own {
                return;
            }
            self.values.pop();
            self.positions.truncate(start);
        }
    }
}

impl<'a> Slots<'a> {
    /// The value at a path without `[]`.
    #[inline]
    pub fn get(&self, path: usize) -> Slot<'a> {
        self.captures
            .paths
            .get(path)
            .and_then(|found| found.values.last())
            .map_or(Slot::Absent, |value| self.slot(*value))
    }

    /// How many values there are at a path.
    pub fn len(&self, path: usize) -> usize {
        self.captures.paths.get(path).map_or(0, |found| found.values.len())
    }

    /// Whether there is no value at a path.
    pub fn is_empty(&self, path: usize) -> bool {
        self.len(path) == 0
    }

    /// A value at a path, and its position in each of the arrays that the path's `[]` go through, outermost first.
    ///
    /// Values are in the order of their positions, each position once. A composite one that the path's arrays could not
    /// be followed to has `u32::MAX` for the positions it lacks.
    pub fn element(&self, path: usize, number: usize) -> Option<(&'a [u32], Slot<'a>)> {
        let found = self.captures.paths.get(path)?;
        let value = found.values.get(number)?;
        let start = number.checked_mul(found.arrays)?;
        let positions = found.positions.get(start..start.checked_add(found.arrays)?)?;
        Some((positions, self.slot(*value)))
    }

    /// All values at a path, as [`Slots::element`] gives them.
    pub fn elements(&self, path: usize) -> impl Iterator<Item = (&'a [u32], Slot<'a>)> {
        let slots = *self;
        (0..self.len(path)).map_while(move |number| slots.element(path, number))
    }

    #[inline]
    fn slot(&self, value: Value) -> Slot<'a> {
        match value {
            Value::Null => Slot::Null,
            Value::Composite => Slot::Composite,
            Value::Text(start, end) => Slot::Text(self.text.get(start..end).unwrap_or(&[])),
            Value::Literal(start, end) => Slot::Literal(self.text.get(start..end).unwrap_or(&[])),
            Value::OwnText(start, end) => Slot::Text(self.captures.buffer.get(start..end).unwrap_or(&[])),
            Value::OwnLiteral(start, end) => Slot::Literal(self.captures.buffer.get(start..end).unwrap_or(&[])),
        }
    }
}
