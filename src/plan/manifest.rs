//! `plan.json`: what a bundle is, what it was made from, and the reply that every one of its commands must give.
//!
//! The manifest is the only description of a plan that `show`, `apply`, `verify` and `rollback` need. Every other file
//! of the bundle is bound to it by SHA-256.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};

/// The version of `plan.json` that this program writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// File names inside a bundle.
pub const MANIFEST: &str = "plan.json";
/// The commands that repair the database.
pub const APPLY: &str = "apply.resp";
/// The commands that lead from the repaired database back to the dump.
pub const ROLLBACK: &str = "rollback.resp";
/// One line an edit.
pub const CHANGES: &str = "changes.csv";

/// What happened when the plan was applied. A bundle that has it is never overwritten.
pub const JOURNAL: &str = "journal.ndjson";
/// The page for the person who approves the plan.
pub const REVIEW: &str = "review.html";

/// The content of `plan.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format_version: u32,
    /// See [`Manifest::identity`].
    pub plan_id: String,
    pub tool_version: String,
    pub snapshot: SnapshotId,
    pub spec: SpecId,
    pub caps: Caps,
    /// What expiries before 2009 were taken for: `careful`, `absolute` or `relative`.
    pub expiry: String,
    pub total: Counts,
    pub indexes: Vec<IndexPlan>,
    /// The fewest commands that could do this under the caps.
    pub lower_bound: u64,
    /// Pipeline round trips at the default batch size.
    pub batches: u64,
    /// Commands that a service which bills by the command would count.
    pub billed_commands: u64,
    pub estimated_cost_usd: f64,
    /// The reply that each command of `apply.resp` must give, in order.
    pub expected_replies: Vec<Reply>,
    /// The reply that each command of `rollback.resp` must give when the database is in the target state, in order.
    pub rollback_expected_replies: Vec<Reply>,
    /// Every key that the plan changes, as the dump has it.
    pub touched: Vec<Touched>,
    /// What the plan did not do, or did with care, and why.
    pub warnings: Vec<String>,
    /// SHA-256 (lower-case hexadecimal) and size of every other file of the bundle.
    pub files: BTreeMap<String, FileId>,
}

impl Manifest {
    /// Whether the numbers in it fit together. A manifest has no checksum of its own; this is what finds a careless edit.
    pub fn check(&self) -> Result<(), String> {
        if self.expected_replies.len() as u64 != self.total.commands {
            let (replies, commands) = (self.expected_replies.len(), self.total.commands);
            return Err(format!("it has {replies} expected replies for {commands} commands"));
        }
        if self.plan_id != self.identity() {
            return Err(format!("its content has the plan id {}, not {}", self.identity(), self.plan_id));
        }
        Ok(())
    }

    /// The plan id that follows from the content: the first 12 digits of the SHA-256 of everything else in here, but for
    /// what the review page is known by. The page names the id; that it is there at all counts.
    pub fn identity(&self) -> String {
        let mut text = self.to_json();
        replace_id(&mut text, &self.plan_id, "");
        if let Some(page) = self.files.get(REVIEW) {
            replace_page(&mut text, page, &FileId::default());
        }
        identity_of(&text)
    }

    /// Gives the manifest its id, and returns its text. If there is to be a page, `files` has an empty [`FileId`] for it:
    /// see [`Manifest::add_page`].
    pub fn seal(&mut self) -> Vec<u8> {
        self.plan_id.clear();
        let mut text = self.to_json();
        self.plan_id = identity_of(&text);
        replace_id(&mut text, "", &self.plan_id);
        text
    }

    /// Names the review page in a manifest that is sealed, and in its text.
    pub fn add_page(&mut self, page: FileId, text: &mut Vec<u8>) {
        replace_page(text, &FileId::default(), &page);
        self.files.insert(REVIEW.to_owned(), page);
    }

    /// The text of `plan.json`: indented down to the entries of its lists, one entry a line.
    pub fn to_json(&self) -> Vec<u8> {
        let mut text = Vec::new();
        let mut serializer = serde_json::Serializer::with_formatter(&mut text, Shallow::default());
        // Writing to memory cannot fail, and no type in here has a map whose keys are not text.
        let written = self.serialize(&mut serializer);
        debug_assert!(written.is_ok(), "{written:?}");
        text.push(b'\n');
        text
    }
}

fn identity_of(text_without_id: &[u8]) -> String {
    let mut id = super::output::sha256(text_without_id);
    id.truncate(12);
    id
}

/// Replaces the plan id in the text of a manifest: the second of its fields, so the first place that has the name.
fn replace_id(text: &mut Vec<u8>, from: &str, to: &str) {
    let field = |id: &str| format!("\"plan_id\": \"{id}\"").into_bytes();
    let (from, to) = (field(from), field(to));
    if let Some(at) = memchr::memmem::find(text, &from) {
        text.splice(at..at + from.len(), to);
    }
}

/// Replaces what the review page is known by: in one of the last lines, and what stands before is no file of that name,
/// since quotes inside of a string are escaped.
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

/// What a dump is known by. The name of the file is not part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotId {
    pub bytes: u64,
    /// CRC-64 of all bytes before the footer, as 16 hexadecimal digits, computed also where the footer has none.
    pub crc64: String,
    /// `ctime` of the dump as RFC 3339, when it has one.
    pub created_at: Option<String>,
    pub flavor: String,
    pub rdb_version: u32,
    pub server_version: Option<String>,
    pub keys: u64,
}

/// The spec the plan was made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecId {
    /// The name of a preset, or `custom`.
    pub name: String,
    pub sha256: String,
    /// The spec's text.
    pub text: String,
}

/// Limits on one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caps {
    pub max_args: u64,
    pub max_command_bytes: u64,
}

/// What a plan, or one index of it, changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub added_members: u64,
    pub removed_members: u64,
    pub deleted_keys: u64,
    pub commands: u64,
    pub bytes: u64,
}

/// One index of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexPlan {
    pub name: String,
    pub policy: String,
    /// The family of its keys, as a glob.
    pub pattern: String,
    #[serde(flatten)]
    pub counts: Counts,
    /// Up to three examples a kind of edit, for a reader.
    pub examples: Vec<Example>,
}

/// One edit, spelled for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// `delete key`, `add member`, `remove member` or `change score`.
    pub edit: String,
    pub key: Bytes,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub member: Option<Bytes>,
    pub reason: String,
}

/// A key as it was in the dump, before the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    pub db: u64,
    pub key: Bytes,
    /// What the command `TYPE` answers; `none` for a key that does not exist yet.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// Members of a set or sorted set, elements of any other collection, 1 for anything else.
    pub elements: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expire_at_ms: Option<i64>,
}

/// The reply a command must give. For `HPEXPIREAT`, which answers an array, the integer that every element must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reply {
    Integer(i64),
    /// A simple string, such as `OK`.
    Status(String),
}

/// A file of the bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileId {
    pub sha256: String,
    pub bytes: u64,
}

/// A byte string in JSON: text where it is UTF-8, else `{"base64": "…"}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        match simdutf8::basic::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("base64", &BASE64.encode(&self.0))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Text(String),
            Base64 { base64: String },
        }
        match Form::deserialize(deserializer)? {
            Form::Text(text) => Ok(Self(text.into_bytes())),
            Form::Base64 { base64 } => BASE64.decode(base64).map(Self).map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;

    #[test]
    fn bytes_are_text_or_base64() {
        let text = serde_json::to_string(&Bytes(b"a\"b".to_vec())).expect("serialises");
        assert_eq!(text, r#""a\"b""#);
        // RFC 4648, section 10: "foobar" is Zm9vYmFy; FF FE is //4=.
        let text = serde_json::to_string(&Bytes(vec![0xff, 0xfe])).expect("serialises");
        assert_eq!(text, r#"{"base64":"//4="}"#);
        assert_eq!(serde_json::from_str::<Bytes>(&text).expect("parses"), Bytes(vec![0xff, 0xfe]));
    }
}
