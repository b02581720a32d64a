//! The lines of `changes.csv` of one shard, in order.

use std::collections::HashMap;

use super::error::Error;
use super::pieces::Pieces;
use crate::model::spec::{Index, IndexType, Spec};
use crate::plan::changes::{ADD, CHANGE, DELETE, HEAD, REMOVE, RESCORE, index_cell};
use crate::text::csv;

/// An edit as its line has it.
#[derive(Debug)]
pub struct Row {
    /// The whole line.
    pub line: Vec<u8>,
    /// That of the edits that are made first, then added, then taken out.
    pub phase: usize,
    /// The position of the index in the spec.
    pub index: usize,
    /// Whether the index has more of each member than that it is there.
    pub is_scored: bool,
    pub key: Vec<u8>,
}

/// Reads lines, and knows the indexes that they are of.
pub struct Rows<'s> {
    file: Pieces,
    indexes: &'s Indexes,
}

/// The names of indexes as cells: their positions, and whether members have more to them.
pub type Indexes = HashMap<Vec<u8>, (usize, bool)>;

/// What [`Rows`] needs to know of a spec.
pub fn indexes(spec: &Spec) -> Indexes {
    let of = |(at, index): (usize, &Index)| (index_cell(&index.name), (at, is_scored(index)));
    spec.indexes.iter().enumerate().map(of).collect()
}

/// Whether members of an index have a score or a value.
pub fn is_scored(index: &Index) -> bool {
    matches!(index.kind, IndexType::Zset | IndexType::Hash | IndexType::String)
}

impl<'s> Rows<'s> {
    /// Before the first line.
    pub fn new(file: Pieces, indexes: &'s Indexes) -> Result<Self, Error> {
        let mut rows = Self { file, indexes };
        match rows.line()? {
            Some(line) if line == HEAD => Ok(rows),
            _ => Err(rows.damaged("its first line does not name its columns")),
        }
    }

    /// The next edit, or none at the end.
    pub fn next(&mut self) -> Result<Option<Row>, Error> {
        let Some(line) = self.line()? else { return Ok(None) };
        let mut rest = line.strip_suffix(b"\n").unwrap_or(&line);
        let cells = [cell(&mut rest), cell(&mut rest), cell(&mut rest)];
        let [Some(index), Some(key), Some(edit)] = cells else {
            return Err(self.damaged("it has a line that is no edit"));
        };
        let phase = [&[DELETE][..], &[ADD, RESCORE, CHANGE], &[REMOVE]];
        let phase = phase.iter().position(|edits| edits.iter().any(|known| known.as_bytes() == edit));
        let known = self.indexes.get(&index).copied();
        let (Some(phase), Some((index, is_scored)), Some(key)) = (phase, known, csv::undo(&key)) else {
            return Err(self.damaged("it has a line that is no edit of an index of the spec"));
        };
        Ok(Some(Row { line, phase, index, is_scored, key }))
    }

    /// Whether all of it was read, and was what the manifest says.
    pub fn end(self) -> Result<(), Error> {
        self.file.end()
    }

    pub fn damaged(&self, what: &str) -> Error {
        Error::Damaged { path: self.file.path().to_owned(), what: what.to_owned() }
    }

    /// The next line, with its end.
    fn line(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut searched = 0;
        loop {
            let ready = self.file.ready();
            let found = memchr::memchr(b'\n', ready.get(searched..).unwrap_or_default());
            if let Some(at) = found {
                let len = searched.saturating_add(at).saturating_add(1);
                let line = ready.get(..len).unwrap_or_default().to_vec();
                self.file.take(len);
                return Ok(Some(line));
            }
            searched = ready.len();
            let is_empty = ready.is_empty();
            if !self.file.more()? {
                return if is_empty { Ok(None) } else { Err(self.damaged("its last line has no end")) };
            }
        }
    }
}

/// The next cell of a line, unquoted.
fn cell(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let Some(quoted) = rest.strip_prefix(b"\"") else {
        let end = memchr::memchr(b',', rest)?;
        let (cell, after) = rest.split_at_checked(end)?;
        *rest = after.get(1..)?;
        return Some(cell.to_vec());
    };
    let (mut out, mut quoted) = (Vec::new(), quoted);
    loop {
        let (inner, after) = quoted.split_at_checked(memchr::memchr(b'"', quoted)?)?;
        out.extend_from_slice(inner);
        match after {
            [b'"', b'"', more @ ..] => {
                out.push(b'"');
                quoted = more;
            }
            [b'"', b',', more @ ..] => {
                *rest = more;
                return Some(out);
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::manifest::FileId;
    use crate::bundle::sha256;

    #[test]
    fn lines_across_the_ends_of_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let names: [&[u8]; 5] = [b"plain", b"a,\"b\"", b"=1", b"\xff", b"a\nb"];
        let key = |n: usize| [names[n % 5], n.to_string().as_bytes()].concat();
        let mut writer = ::csv::Writer::from_writer(HEAD.to_vec());
        for n in 0..9000 {
            let member = "x".repeat(if n % 4000 == 7 { 200_000 } else { n % 60 });
            writer.write_record(["i,1", &csv::field(&key(n)), ADD, &member, "record not indexed"]).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        assert!(bytes.len() > 1 << 19);
        let read = |bytes: &[u8]| -> Result<usize, Error> {
            let path = folder.path().join("changes.csv");
            std::fs::write(&path, bytes).unwrap();
            let file = Pieces::new(path, FileId { sha256: sha256(bytes), bytes: bytes.len() as u64 });
            let indexes = Indexes::from([(b"i,1".to_vec(), (4, true))]);
            let mut rows = Rows::new(file, &indexes)?;
            let (mut n, mut whole) = (0, HEAD.to_vec());
            while let Some(row) = rows.next()? {
                assert_eq!((row.phase, row.index, row.is_scored), (1, 4, true));
                assert_eq!(row.key, key(n));
                whole.extend_from_slice(&row.line);
                n += 1;
            }
            assert_eq!(whole, bytes);
            rows.end()?;
            Ok(n)
        };
        assert_eq!(read(&bytes).unwrap(), 9000);
        for wrong in [
            "i,k,add member,m,r\n",
            "\"i,1\",k,add,m,r\n",
            "\"i,1,k,add member,m,r\n",
            "\"i,1\",\\u{zz},add member,m,r\n",
            "x",
        ] {
            let error = read(&[&bytes, wrong.as_bytes()].concat()).unwrap_err();
            assert!(matches!(error, Error::Damaged { .. }), "{wrong}: {error}");
        }
        assert!(read(b"").is_err() && read(b"index,key\n").is_err());
    }
}
