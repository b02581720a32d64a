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
    csv: csv::Writer<Output>,
    examples: Vec<Vec<Example>>,
    text: [Vec<u8>; 2],
}

impl Changes {
    pub fn new(output: Output, indexes: usize) -> io::Result<Self> {
        let mut csv = csv::WriterBuilder::new().buffer_capacity(1 << 16).from_writer(output);
        csv.write_record(["index", "key", "edit", "member", "reason"])?;
        Ok(Self { csv, examples: vec![Vec::new(); indexes], text: [Vec::new(), Vec::new()] })
    }

    /// One edit of the index at position `at`.
    pub fn add(
        &mut self,
        (at, index): (usize, &str),
        key: &[u8],
        edit: &str,
        member: Option<&[u8]>,
        reason: &str,
    ) -> io::Result<()> {
        let [key_text, member_text] = &mut self.text;
        let member_cell = member.map_or(&[][..], |member| cell(member, member_text));
        self.csv.write_record([
            index.as_bytes(),
            cell(key, key_text),
            edit.as_bytes(),
            member_cell,
            reason.as_bytes(),
        ])?;
        let examples = &mut self.examples[at];
        if examples.iter().filter(|example| example.edit == edit).count() < EXAMPLES {
            examples.push(Example {
                edit: edit.to_owned(),
                key: Bytes(key.to_vec()),
                member: member.map(|member| Bytes(member.to_vec())),
                reason: reason.to_owned(),
            });
        }
        Ok(())
    }

    /// Closes the file; gives back what it is known by, and the examples by index.
    pub fn finish(self) -> io::Result<(FileId, Vec<Vec<Example>>)> {
        let output = self.csv.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
        Ok((output.finish()?, self.examples))
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
