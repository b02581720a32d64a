//! `changes.csv`: one line an edit.

use std::borrow::Cow;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::bundle::Output;
use crate::bundle::manifest::{Bytes, Example, FileId};
use crate::text::csv;

/// Examples kept of each kind of edit of an index.
const EXAMPLES: usize = 3;

/// The first line.
pub const HEAD: &[u8] = b"index,key,edit,member,reason\n";

/// A kind of edit, as a reader sees it.
pub const DELETE: &str = "delete key";
pub const ADD: &str = "add member";
pub const REMOVE: &str = "remove member";
pub const RESCORE: &str = "change score";
pub const CHANGE: &str = "change value";

/// Writes the list of edits, and keeps some as examples.
#[derive(Debug)]
pub struct Changes {
    output: Output,
    /// By index.
    examples: Vec<Vec<Example>>,
}

/// The text of lines that wait to be appended, in bytes. A line may be as long as a member of the dump becomes when it is
/// expanded, so that it is not their number that bounds memory.
#[derive(Debug, Default)]
pub struct Waiting(AtomicUsize);

impl Waiting {
    /// So many bytes, and the lines that are being made when they are reached.
    const MOST: usize = 1 << 24;

    /// Whether no more lines should be made.
    pub fn enough(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= Self::MOST
    }
}

/// Lines of one index, to be made on any thread and appended in their turn.
#[derive(Debug)]
pub struct Rows<'d> {
    /// How many there are.
    pub len: usize,
    /// Of their text, what others know of.
    told: usize,
    at: usize,
    index: Cow<'d, [u8]>,
    csv: ::csv::Writer<Vec<u8>>,
    examples: Vec<Example>,
    key: Vec<u8>,
    key_cell: Vec<u8>,
}

impl<'d> Rows<'d> {
    /// No lines yet, of the index at position `at`.
    pub fn new((at, index): (usize, &'d str)) -> Self {
        let csv = ::csv::WriterBuilder::new().buffer_capacity(1 << 10).from_writer(Vec::new());
        let (index, key, key_cell) = (cell(index.as_bytes()), Vec::new(), Vec::new());
        Self { len: 0, told: 0, at, index, csv, examples: Vec::new(), key, key_cell }
    }

    /// The key that the next edits are of.
    pub fn key(&mut self, key: &[u8]) {
        self.key.clear();
        self.key.extend_from_slice(key);
        self.key_cell.clear();
        self.key_cell.extend_from_slice(&cell(key));
    }

    /// One edit of it, among others that are `waiting`.
    pub fn add(&mut self, edit: &str, member: Option<&[u8]>, reason: &str, waiting: &Waiting) -> io::Result<()> {
        let member_cell = member.map(cell).unwrap_or_default();
        let reason_cell =
            if csv::is_plain(reason.as_bytes()) { Cow::Borrowed(reason) } else { csv::words(reason).into() };
        let row = [&*self.index, &self.key_cell, edit.as_bytes(), &member_cell, reason_cell.as_bytes()];
        self.csv.write_record(row)?;
        self.len += 1;
        let bytes = self.csv.get_ref().len();
        if bytes > self.told {
            waiting.0.fetch_add(bytes - self.told, Ordering::Relaxed);
            self.told = bytes;
        }
        if wants(&self.examples, edit) {
            self.examples.push(Example {
                edit: edit.to_owned(),
                key: Bytes(self.key.clone()),
                member: member.map(|member| Bytes(member.to_vec())),
                reason: reason.to_owned(),
            });
        }
        Ok(())
    }
}

/// The name of an index as its cell has it, unquoted.
pub fn index_cell(name: &str) -> Vec<u8> {
    cell(name.as_bytes()).into_owned()
}

/// Whether there is room for one more example of this kind.
pub fn wants(examples: &[Example], edit: &str) -> bool {
    examples.iter().filter(|example| example.edit == edit).count() < EXAMPLES
}

impl Changes {
    pub fn new(mut output: Output, indexes: usize) -> io::Result<Self> {
        output.write(HEAD)?;
        Ok(Self { output, examples: vec![Vec::new(); indexes] })
    }

    /// Appends lines that were made.
    pub fn append(&mut self, rows: Rows<'_>) -> io::Result<()> {
        let text = rows.csv.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
        let examples = &mut self.examples[rows.at];
        for example in rows.examples {
            if wants(examples, &example.edit) {
                examples.push(example);
            }
        }
        self.output.write(&text)
    }

    /// Closes the file; gives back what it is known by, and the examples by index.
    pub fn finish(self) -> io::Result<(FileId, Vec<Vec<Example>>)> {
        Ok((self.output.finish()?, self.examples))
    }
}

/// Bytes as they go into a cell: nothing in it is a formula, and no line ends in it.
fn cell(bytes: &[u8]) -> Cow<'_, [u8]> {
    if csv::is_plain(bytes) { bytes.into() } else { csv::field(bytes).into_bytes().into() }
}
