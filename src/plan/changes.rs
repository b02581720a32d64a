//! `changes.csv`: one line an edit.

use std::io;

use super::manifest::{Bytes, Example, FileId};
use super::output::Output;

/// Examples kept of each kind of edit of an index.
const EXAMPLES: usize = 3;

/// A kind of edit, as a reader sees it.
pub const DELETE: &str = "delete key";
pub const ADD: &str = "add member";
pub const REMOVE: &str = "remove member";
pub const RESCORE: &str = "change score";

/// Writes the list of edits, and keeps some as examples.
#[derive(Debug)]
pub struct Changes {
    output: Output,
    /// By index.
    examples: Vec<Vec<Example>>,
}

/// Lines of one index, to be made on any thread and appended in their turn.
#[derive(Debug)]
pub struct Rows<'d> {
    at: usize,
    index: &'d str,
    csv: csv::Writer<Vec<u8>>,
    examples: Vec<Example>,
    key: Vec<u8>,
    key_cell: Vec<u8>,
    room: Vec<u8>,
}

impl<'d> Rows<'d> {
    /// No lines yet, of the index at position `at`.
    pub fn new((at, index): (usize, &'d str)) -> Self {
        let csv = csv::WriterBuilder::new().buffer_capacity(1 << 10).from_writer(Vec::new());
        Self { at, index, csv, examples: Vec::new(), key: Vec::new(), key_cell: Vec::new(), room: Vec::new() }
    }

    /// The key that the next edits are of.
    pub fn key(&mut self, key: &[u8]) {
        self.key.clear();
        self.key.extend_from_slice(key);
        self.key_cell.clear();
        self.key_cell.extend_from_slice(cell(key, &mut self.room));
    }

    /// One edit of it.
    pub fn add(&mut self, edit: &str, member: Option<&[u8]>, reason: &str) -> io::Result<()> {
        let member_cell = member.map_or(&[][..], |member| cell(member, &mut self.room));
        let row = [self.index.as_bytes(), &self.key_cell, edit.as_bytes(), member_cell, reason.as_bytes()];
        self.csv.write_record(row)?;
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

/// Whether there is room for one more example of this kind.
fn wants(examples: &[Example], edit: &str) -> bool {
    examples.iter().filter(|example| example.edit == edit).count() < EXAMPLES
}

impl Changes {
    pub fn new(mut output: Output, indexes: usize) -> io::Result<Self> {
        output.write(b"index,key,edit,member,reason\n")?;
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

/// Bytes as they go into a cell: text as it is, anything else as in JSON, so that the file stays UTF-8.
fn cell<'b>(bytes: &'b [u8], room: &'b mut Vec<u8>) -> &'b [u8] {
    if simdutf8::basic::from_utf8(bytes).is_ok() {
        return bytes;
    }
    room.clear();
    // Writing to memory cannot fail.
    let _ = serde_json::to_writer(&mut *room, &Bytes(bytes.to_vec()));
    room
}
