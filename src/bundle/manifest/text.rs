//! The text of `plan.json`: indented down to the entries of its lists, one entry per line.
//!
//! The touched keys are most of it. They are made by all threads and written piece by piece, so that the text of many is
//! nowhere whole.

use memchr::memmem;
use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSlice;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::{FileId, Manifest, REVIEW, Touched};
use crate::bundle::output::hex;
use crate::text::Json;

/// Touched keys of a piece.
const PIECE: usize = 2048;
/// Touched keys whose text is kept from one use to the next: some 30 MB.
const KEPT: usize = 1 << 18;

/// The text of the touched keys in pieces, if it is kept.
#[derive(Debug, Default)]
pub struct TouchedText(Option<Vec<Vec<u8>>>);

/// Where the touched keys stand: in no string, since there a line break is escaped.
const TOUCHED: &[u8] = b"\n  \"touched\": [";

impl Manifest {
    /// Calls `write` with the text, piece by piece.
    pub fn write_json<E: Send>(&self, write: impl FnMut(&[u8]) -> Result<(), E> + Send) -> Result<(), E> {
        self.write_json_with(&TouchedText::default(), write)
    }

    /// The same with the touched keys as [`Manifest::touched_text`] gave them.
    pub fn write_json_with<E: Send>(
        &self,
        touched: &TouchedText,
        mut write: impl FnMut(&[u8]) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        let (head, tail) = self.frame();
        write(&head)?;
        self.write_touched(touched, &mut write)?;
        write(&tail)
    }

    /// The plan id that follows from the content: the first 12 digits of the SHA-256 of everything else in here, but for
    /// what the review page is known by. The page names the id; that it is there at all counts.
    pub fn identity(&self) -> String {
        self.identity_with(&TouchedText::default())
    }

    /// The same with the touched keys as [`Manifest::touched_text`] gave them.
    pub fn identity_with(&self, touched: &TouchedText) -> String {
        let (mut head, mut tail) = self.frame();
        replace_id(&mut head, &self.plan_id, "");
        if let Some(page) = self.files.get(REVIEW) {
            replace_page(&mut tail, page, &FileId::default());
        }
        let mut hash = Sha256::new();
        hash.update(&head);
        let Ok(()) = self.write_touched(touched, &mut |piece| {
            hash.update(piece);
            Ok::<(), std::convert::Infallible>(())
        });
        hash.update(&tail);
        let mut id = hex(&hash.finalize());
        id.truncate(12);
        id
    }

    /// The text of the touched keys, for who needs it twice: unless they are so many that it is better made twice.
    pub fn touched_text(&self) -> TouchedText {
        if self.touched.len() > KEPT {
            return TouchedText::default();
        }
        TouchedText(Some(self.touched.par_chunks(PIECE).map(piece).collect()))
    }

    fn write_touched<E: Send>(
        &self,
        touched: &TouchedText,
        write: &mut (impl FnMut(&[u8]) -> Result<(), E> + Send),
    ) -> Result<(), E> {
        match &touched.0 {
            Some(pieces) => write_pieces(pieces, &mut true, write),
            None => make_touched(&self.touched, write),
        }
    }

    /// What stands before and behind the touched keys.
    fn frame(&self) -> (Vec<u8>, Vec<u8>) {
        let mut head = json(self, Shallow::default());
        head.push(b'\n');
        let at = memmem::find(&head, TOUCHED).map_or(head.len(), |at| at + TOUCHED.len());
        let tail = head.split_off(at);
        (head, tail)
    }
}

/// In place of the touched keys, which are written apart.
pub fn apart<S: Serializer>(_: &[Touched], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(std::iter::empty::<Touched>())
}

/// Writes pieces while the next ones are being made.
fn make_touched<E: Send>(
    touched: &[Touched],
    write: &mut (impl FnMut(&[u8]) -> Result<(), E> + Send),
) -> Result<(), E> {
    let make = |keys: &[Touched]| -> Vec<Vec<u8>> { keys.par_chunks(PIECE).map(piece).collect() };
    let mut first = true;
    let mut ready = Vec::new();
    for keys in touched.chunks(PIECE * rayon::current_num_threads()) {
        let (made, written) = rayon::join(|| make(keys), || write_pieces(&ready, &mut first, write));
        written?;
        ready = made;
    }
    write_pieces(&ready, &mut first, write)
}

/// Writes pieces. Each key has a comma before it, but for the first one.
fn write_pieces<E>(
    pieces: &[Vec<u8>],
    first: &mut bool,
    write: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    pieces.iter().try_for_each(|piece| {
        let comma = usize::from(std::mem::take(first));
        write(piece.get(comma..).unwrap_or_default())
    })
}

fn piece(keys: &[Touched]) -> Vec<u8> {
    let mut text = Vec::with_capacity(keys.len() * 128);
    for key in keys {
        text.extend_from_slice(b",\n    ");
        to_json(key, Shallow { depth: Shallow::DEEPEST }, &mut text);
    }
    text
}

fn json(value: &impl Serialize, format: Shallow) -> Vec<u8> {
    let mut text = Vec::new();
    to_json(value, format, &mut text);
    text
}

fn to_json(value: &impl Serialize, format: Shallow, text: &mut Vec<u8>) {
    // Writing to memory cannot fail, and no type of a manifest has a map whose keys are not text.
    let written = value.serialize(&mut serde_json::Serializer::with_formatter(Json(text), format));
    debug_assert!(written.is_ok(), "{written:?}");
}

/// Replaces the plan id in the text of a manifest: the second of its fields, so the first place that has the name.
fn replace_id(text: &mut Vec<u8>, from: &str, to: &str) {
    let field = |id: &str| format!("\"plan_id\": \"{id}\"").into_bytes();
    let (from, to) = (field(from), field(to));
    if let Some(at) = memchr::memmem::find(text, &from) {
        text.splice(at..at + from.len(), to);
    }
}

/// Replaces what the review page is known by, in one of the last lines. Nothing after it can look the same: quotes inside
/// a string are escaped.
fn replace_page(text: &mut Vec<u8>, from: &FileId, to: &FileId) {
    let line = |page: &FileId| {
        format!("\"{REVIEW}\": {{\"sha256\": \"{}\", \"bytes\": {}}}", page.sha256, page.bytes).into_bytes()
    };
    let (from, to) = (line(from), line(to));
    if let Some(at) = memchr::memmem::rfind(text, &from) {
        text.splice(at..at + from.len(), to);
    }
}

/// Indents the outermost levels and writes everything deeper on one line.
#[derive(Debug, Default)]
struct Shallow {
    depth: usize,
}

impl Shallow {
    const DEEPEST: usize = 2;

    fn line<W: ?Sized + std::io::Write>(&self, writer: &mut W) -> std::io::Result<()> {
        if self.depth > Self::DEEPEST {
            return Ok(());
        }
        writer.write_all(b"\n")?;
        (0..self.depth).try_for_each(|_| writer.write_all(b"  "))
    }

    fn open<W: ?Sized + std::io::Write>(&mut self, bracket: u8, writer: &mut W) -> std::io::Result<()> {
        self.depth += 1;
        writer.write_all(&[bracket])
    }

    fn close<W: ?Sized + std::io::Write>(&mut self, bracket: u8, writer: &mut W) -> std::io::Result<()> {
        let inner = self.depth;
        self.depth -= 1;
        if inner <= Self::DEEPEST {
            self.line(writer)?;
        }
        writer.write_all(&[bracket])
    }

    fn next<W: ?Sized + std::io::Write>(&self, writer: &mut W, first: bool) -> std::io::Result<()> {
        if !first {
            writer.write_all(if self.depth > Self::DEEPEST { b", " } else { b"," })?;
        }
        self.line(writer)
    }
}

impl serde_json::ser::Formatter for Shallow {
    fn begin_array<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        self.open(b'[', writer)
    }
    fn end_array<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        self.close(b']', writer)
    }
    fn begin_array_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()> {
        self.next(writer, first)
    }
    fn begin_object<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        self.open(b'{', writer)
    }
    fn end_object<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        self.close(b'}', writer)
    }
    fn begin_object_key<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()> {
        self.next(writer, first)
    }
    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::manifest::{Bytes, Caps, Counts, FORMAT_VERSION, Replay, SnapshotId, SpecId};

    fn manifest(touched: usize) -> Manifest {
        let kinds = ["set", "zset"];
        let touch = |n: usize| Touched {
            db: (n / 5000) as u64,
            key: Bytes(format!("key \"{n}\"\n  \"touched\": [").into_bytes()),
            kind: kinds[n % 2].into(),
            elements: n as u64,
            expire_at_ms: n.is_multiple_of(3).then_some(-1),
            others: None,
        };
        Manifest {
            format_version: FORMAT_VERSION,
            plan_id: String::new(),
            tool_version: "1".into(),
            snapshot: SnapshotId {
                bytes: 0,
                crc64: String::new(),
                created_at: None,
                flavor: "redis".into(),
                rdb_version: 11,
                server_version: None,
                keys: 0,
            },
            spec: SpecId { name: "custom".into(), sha256: String::new(), text: "\n  \"touched\": [\n".into() },
            caps: Caps { max_args: 1, max_command_bytes: 1 },
            by_slot: false,
            shard: None,
            joined: None,
            expiry: "careful".into(),
            accepted: Vec::new(),
            only: Vec::new(),
            brakes: Vec::new(),
            total: Counts::default(),
            indexes: Vec::new(),
            lower_bound: 0,
            batches: 0,
            billed_commands: 0,
            estimated_cost_usd: 0.0,
            replay: Replay::default(),
            expiring: Vec::new(),
            expected_replies: Vec::new(),
            rollback_expected_replies: Vec::new(),
            witnesses: Vec::new(),
            touched: (0..touched).map(touch).collect(),
            warnings: Vec::new(),
            files: [(REVIEW.to_owned(), FileId::default())].into(),
        }
    }

    fn text(manifest: &Manifest) -> String {
        let mut text = Vec::new();
        let Ok(()) = manifest.write_json(|piece| {
            text.extend_from_slice(piece);
            Ok::<(), std::convert::Infallible>(())
        });
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn the_text_has_every_key_on_a_line_of_its_own() {
        // Several waves of pieces with any number of threads up to four, pieces that are full and ones that are not.
        for touched in [0, 1, 2, PIECE, PIECE + 1, 9 * PIECE + 77] {
            let manifest = manifest(touched);
            let text = text(&manifest);
            let (kept, mut with_kept) = (manifest.touched_text(), Vec::new());
            let Ok(()) = manifest.write_json_with(&kept, |piece| {
                with_kept.extend_from_slice(piece);
                Ok::<(), std::convert::Infallible>(())
            });
            assert_eq!(with_kept, text.as_bytes());
            assert_eq!(manifest.identity_with(&kept), manifest.identity());
            assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), manifest, "{touched} keys");
            let from = text.lines().position(|line| line == "  \"touched\": [").unwrap();
            let lines: Vec<&str> = text.lines().skip(from + 1).take_while(|line| *line != "  ],").collect();
            assert_eq!(lines.len(), touched);
            for (n, line) in lines.iter().enumerate() {
                let expires = if n % 3 == 0 { ", \"expire_at_ms\": -1" } else { "" };
                let comma = if n + 1 == touched { "" } else { "," };
                let (db, kind) = (n / 5000, if n % 2 == 0 { "set" } else { "zset" });
                let key = format!("\"key \\\"{n}\\\"\\n  \\\"touched\\\": [\"");
                let expected = format!(
                    "    {{\"db\": {db}, \"key\": {key}, \"type\": \"{kind}\", \"elements\": {n}{expires}}}{comma}"
                );
                assert_eq!(*line, expected);
            }
            assert!(text.starts_with("{\n  \"format_version\": 1,\n  \"plan_id\": \"\",\n"), "{text}");
            assert!(text.ends_with("  \"files\": {\n    \"review.html\": {\"sha256\": \"\", \"bytes\": 0}\n  }\n}\n"));
        }
    }

    #[test]
    fn the_identity_is_the_hash_of_all_but_itself_and_the_page() {
        let mut manifest = manifest(3);
        let mut hash = crate::bundle::output::sha256(text(&manifest).as_bytes());
        hash.truncate(12);
        assert_eq!(manifest.identity(), hash);
        manifest.plan_id = hash.clone();
        manifest.files.insert(REVIEW.to_owned(), FileId { sha256: "ab".into(), bytes: 7 });
        assert_eq!(manifest.identity(), hash);
        manifest.touched[2].elements += 1;
        assert_ne!(manifest.identity(), hash);
    }

    #[test]
    fn the_first_error_ends_the_writing() {
        let manifest = manifest(20 * PIECE);
        let mut calls = 0;
        let result = manifest.write_json(|_| {
            calls += 1;
            if calls == 3 { Err("full") } else { Ok(()) }
        });
        assert_eq!((result, calls), (Err("full"), 3));
    }
}
