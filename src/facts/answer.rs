//! What an engine says of a shard, read from the folder that it wrote for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};

use super::Shard;
use super::guarded::guarded;
use crate::bundle::{manifest, sha256};
use crate::dump::parts::Part;
use crate::dump::slots;
use crate::index::DeleteReason;
use crate::index::answer::{Answer, Edit, Numbers, What, Why};
use crate::model::spec::Spec;
use crate::model::view::Expiry;
use crate::text;

/// Why a folder has no edits of this shard.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each message says what it is, with the values it is about")]
pub enum Error {
    #[error("cannot read {}: {error}", text::path(path))]
    Read { path: PathBuf, error: io::Error },
    #[error("{} is no Parquet that can be read: {error}", text::path(path))]
    Parquet { path: PathBuf, error: ParquetError },
    #[error("{} is no Parquet that can be read: what is in it contradicts itself", text::path(path))]
    Damaged { path: PathBuf },
    #[error("{} has no Parquet files", text::path(_0))]
    Empty(PathBuf),
    #[error("{}: {what}", text::path(path))]
    Line { path: PathBuf, what: String },
    #[error("{} are the edits of shard {found}, not of shard {wanted}", text::path(path))]
    OfAnother { path: PathBuf, found: String, wanted: String },
    #[error("{} are edits by another spec (SHA-256 {found}, and that of {name} is {wanted})", text::path(path))]
    Spec { path: PathBuf, name: String, found: String, wanted: String },
    #[error(
        "{} are edits with other brakes lifted, or of other indexes: {found} was said to `sql`, and {wanted} here",
        text::path(path)
    )]
    Given { path: PathBuf, found: String, wanted: String },
    #[error("{} is not whole: it has {found} edits, and should have {wanted}", text::path(path))]
    NotWhole { path: PathBuf, found: u64, wanted: u64 },
    #[error(
        "{} are the edits of another dump: of {bytes} bytes with the checksum {crc64}, and not of {own_bytes} with {own_crc64}",
        text::path(path)
    )]
    Dump { path: PathBuf, bytes: u64, crc64: String, own_bytes: u64, own_crc64: String },
}

impl Error {
    /// What can be done about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Read { .. } | Self::Empty(_) => "the engine writes a folder for each shard: EDITS/shard=NAME",
            Self::Parquet { .. } | Self::Damaged { .. } | Self::NotWhole { .. } => {
                "take the folder of the edits away, and run the engine again"
            }
            Self::Line { .. } => "is it what the SQL of `rdb-reindex sql` wrote?",
            Self::OfAnother { .. } => "give each shard its own folder",
            Self::Spec { .. } => "scan all shards, and run the engine, with the spec that the plan is to be of",
            Self::Given { .. } => "give --accept and --only to `sql` and to `plan` alike",
            Self::Dump { .. } => "plan the dump that was scanned, or scan all shards anew and run the engine again",
        })
    }
}

/// What an engine says of a shard.
#[derive(Debug)]
pub struct Answered {
    pub answer: Answer,
    /// This shard.
    pub own: Shard,
    /// All that the engine saw, by name.
    pub shards: Vec<Shard>,
    pub expiry: Expiry,
    /// Of the spec's text alone.
    spec_sha256: String,
    folder: PathBuf,
}

impl Answered {
    /// Reads a folder. `given` is what is said beside the spec, as `sql` writes it.
    pub fn read(folder: &Path, spec: &Spec, given: &str) -> Result<Self, Error> {
        let mut lines = Lines::new(folder, spec);
        for path in files(folder)? {
            // The library panics at some dictionaries and levels that no writer makes.
            let read = guarded(|| lines.file(&path));
            read.unwrap_or_else(|| Err(Error::Damaged { path: path.clone() }))?;
        }
        lines.finish(given)
    }

    /// What a plan says of them: the same for the same edits, however the engine wrote them.
    pub fn shard(&self) -> manifest::Shard {
        let mut lines: Vec<String> = self.answer.edits.iter().map(|edit| format!("{edit:?}")).collect();
        lines.sort_unstable();
        let seen = |shard: &Shard| manifest::EngineShard {
            name: shard.name.clone(),
            file: shard.file.clone(),
            bytes: shard.bytes,
            crc64: shard.crc64.clone(),
        };
        let engine = manifest::Engine::new(self.spec_sha256.clone(), self.shards.iter().map(seen).collect());
        manifest::Shard::new(self.own.name.clone(), sha256(lines.join("\n").as_bytes()), engine)
    }

    /// Whether they are the edits of this dump.
    pub fn is_of(&self, bytes: u64, crc64: u64) -> Result<(), Error> {
        let own_crc64 = format!("{crc64:016x}");
        if (self.own.bytes, &self.own.crc64) == (bytes, &own_crc64) {
            return Ok(());
        }
        Err(Error::Dump {
            path: self.folder.clone(),
            bytes: self.own.bytes,
            crc64: self.own.crc64.clone(),
            own_bytes: bytes,
            own_crc64,
        })
    }
}

/// The Parquet files of a folder, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let read = |error| Error::Read { path: folder.to_owned(), error };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        let is_hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if !is_hidden && path.extension().is_some_and(|extension| extension == "parquet") {
            files.push(path);
        }
    }
    files.sort_unstable();
    if files.is_empty() { Err(Error::Empty(folder.to_owned())) } else { Ok(files) }
}

/// What has been read so far.
struct Lines<'s> {
    folder: &'s Path,
    spec: &'s Spec,
    answer: Answer,
    shards: BTreeMap<String, Shard>,
    /// The shard that the folder is of, and how many edits it has.
    own: Option<(String, u64)>,
    given: Option<String>,
}

impl<'s> Lines<'s> {
    fn new(folder: &'s Path, spec: &'s Spec) -> Self {
        let numbers = || vec![Numbers::default(); spec.indexes.len()];
        let answer =
            Answer { own: numbers(), total: numbers(), classes: vec![[0; 2]; spec.records.len()], ..Answer::default() };
        Self { folder, spec, answer, shards: BTreeMap::new(), own: None, given: None }
    }

    fn wrong(&self, what: impl Into<String>) -> Error {
        Error::Line { path: self.folder.to_owned(), what: what.into() }
    }

    fn file(&mut self, path: &Path) -> Result<(), Error> {
        let file = File::open(path).map_err(|error| Error::Read { path: path.to_owned(), error })?;
        let parquet = |error| Error::Parquet { path: path.to_owned(), error };
        let reader = SerializedFileReader::new(file).map_err(parquet)?;
        for row in reader.get_row_iter(None).map_err(parquet)? {
            self.line(&row.map_err(parquet)?)?;
        }
        Ok(())
    }

    fn line(&mut self, row: &Row) -> Result<(), Error> {
        let cells = Cells(row.get_column_iter().map(|(name, field)| (name.as_str(), field)).collect());
        let Some(what) = cells.word("what") else { return Err(self.wrong("a line does not say what it is")) };
        let missing = || self.wrong(format!("a line of {what:?} is not whole"));
        match what {
            "shard" => {
                let facts: Option<Shard> = cells.bytes("value").and_then(|value| serde_json::from_slice(value).ok());
                let shard = facts.ok_or_else(missing)?;
                if let Some(n) = cells.number("n") {
                    let n = u64::try_from(n).map_err(|_| missing())?;
                    if self.own.replace((shard.name.clone(), n)).is_some() {
                        return Err(self.wrong("it has the edits of two runs, or of two shards"));
                    }
                }
                if let Some(other) = self.shards.insert(shard.name.clone(), shard) {
                    return Err(self.wrong(format!("shard {} is there twice", other.name)));
                }
            }
            "given" => {
                let given = cells.word("name").ok_or_else(missing)?.to_owned();
                if self.given.replace(given).is_some() {
                    return Err(self.wrong("it has the edits of two runs"));
                }
            }
            "count" | "total" => {
                let (index, name) =
                    (cells.position("idx").ok_or_else(missing)?, cells.word("name").ok_or_else(missing)?);
                let n = cells.number("n").and_then(|n| u64::try_from(n).ok()).ok_or_else(missing)?;
                let of_class = ["class records", "class decodable"].iter().position(|of_class| *of_class == name);
                if let Some(at) = of_class {
                    if what == "total" {
                        let class = self.answer.classes.get_mut(index);
                        *class.and_then(|class| class.get_mut(at)).ok_or_else(|| Error::Line {
                            path: self.folder.to_owned(),
                            what: format!("the spec has no class {index}"),
                        })? += n;
                    }
                } else {
                    let all = if what == "count" { &mut self.answer.own } else { &mut self.answer.total };
                    let Some(numbers) = all.get_mut(index) else {
                        return Err(self.wrong(format!("the spec has no index {index}")));
                    };
                    numbers.add(name, n);
                }
            }
            "add" | "change" | "remove" | "delete" => {
                let edit = self.edit(what, &cells).ok_or_else(missing)?;
                self.answer.edits.push(edit);
            }
            _ => return Err(self.wrong(format!("a line is {what:?}, which this version does not know"))),
        }
        Ok(())
    }

    fn edit(&self, what: &str, cells: &Cells<'_>) -> Option<Edit> {
        let index = cells.position("idx").filter(|index| *index < self.spec.indexes.len())?;
        let db = u64::try_from(cells.number("db")?).ok()?;
        let key = cells.bytes("key")?.to_vec();
        let member = || Some(cells.bytes("member")?.to_vec());
        let reason = || cells.word("reason");
        let what = match what {
            "delete" => What::Delete(match reason()? {
                "retired" => DeleteReason::Retired,
                "wrong type" => DeleteReason::WrongType,
                "not implied" => DeleteReason::NotImplied,
                "orphaned" => DeleteReason::Orphaned,
                "disputed" => DeleteReason::Disputed,
                "named keys gone" => DeleteReason::NamedKeysGone,
                _ => return None,
            }),
            "remove" => {
                let why = match reason()? {
                    "not implied" => Why::NotImplied,
                    "record missing" => Why::RecordMissing,
                    "implies nothing" => Why::ImpliesNothing,
                    "orphan" => Why::Orphan,
                    "moved" => Why::MovedTo(cells.bytes("reason_key")?.to_vec()),
                    "named key gone" => Why::NamedKeyGone,
                    _ => return None,
                };
                What::Remove { member: member()?, why }
            }
            _ => {
                let at = cells.word("at_shard").zip(cells.number("at_byte"));
                What::Add {
                    member: member()?,
                    score: cells.score("score").filter(|score| !score.is_nan())?,
                    value: cells.bytes("value").unwrap_or_default().to_vec(),
                    at: at.and_then(|(shard, at)| Some((shard.to_owned(), u64::try_from(at).ok()?))),
                    changes: what == "change",
                }
            }
        };
        Some(Edit { index, db, key, what })
    }

    fn finish(mut self, given: &str) -> Result<Answered, Error> {
        let path = || self.folder.to_owned();
        let Some((own, n)) = &self.own else {
            return Err(self.wrong("it has no line that says of which shard it is"));
        };
        let named = self.folder.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix("shard="));
        if let Some(named) = named.filter(|named| named != own) {
            return Err(Error::OfAnother { path: path(), found: own.clone(), wanted: named.to_owned() });
        }
        let Some(own) = self.shards.get(own).cloned() else { return Err(self.wrong("its own shard is not told")) };
        let wanted = super::spec_id(self.spec);
        if let Some(shard) = self.shards.values().find(|shard| shard.spec_sha256 != wanted) {
            let (name, found) = (self.spec.name.clone(), shard.spec_sha256.clone());
            return Err(Error::Spec { path: path(), name, found, wanted });
        }
        match &self.given {
            Some(found) if found == given => {}
            Some(found) => {
                return Err(Error::Given { path: path(), found: found.clone(), wanted: given.to_owned() });
            }
            None => return Err(self.wrong("it has no line that says what was given beside the spec")),
        }
        let found = self.answer.edits.len() as u64;
        if found != *n {
            return Err(Error::NotWhole { path: path(), found, wanted: *n });
        }
        let expiry = match own.expiry.as_str() {
            "careful" => Expiry::Careful,
            "absolute" => Expiry::Absolute,
            _ => return Err(self.wrong("it does not say what expiries mean")),
        };
        if self.shards.values().any(|shard| shard.expiry != own.expiry) {
            return Err(self.wrong("some shards were scanned with --expiry absolute, and some without"));
        }
        let Some(slots) = slots::Gathered::of_texts(self.shards.values().map(|shard| shard.slots.as_str())) else {
            return Err(self.wrong("its slots make no sense"));
        };
        let shards: Vec<Shard> = std::mem::take(&mut self.shards).into_values().collect();
        let answer = &mut self.answer;
        let families = || {
            let all: BTreeSet<&str> =
                shards.iter().flat_map(|shard| shard.families.iter().map(String::as_str)).collect();
            all.len()
        };
        let says_cluster = shards.iter().any(|shard| shard.says_cluster);
        answer.slots = slots::judge(&slots, says_cluster, families);
        answer.of_a_cluster = says_cluster || slots.are_of_shards();
        let part = |shard: &Shard| Part {
            name: shard.name.clone(),
            created: shard.ctime_ms.map(|ms| ms.div_euclid(1000)),
            from: 0,
            end: 0,
            cut: 0,
        };
        answer.parts = shards.iter().map(part).collect();
        answer.created_ms = shards.iter().filter_map(|shard| shard.ctime_ms).min();
        let keys: u64 = shards.iter().map(|shard| shard.keys).fold(0, u64::saturating_add);
        answer.describes_nothing = (keys > 0 && !shards.iter().any(|shard| shard.is_described)).then_some(keys);
        answer.is_one_database = shards.iter().all(|shard| shard.databases.iter().all(|db| *db == 0));
        let spec_sha256 = sha256(self.spec.text.as_bytes());
        Ok(Answered { answer: self.answer, own, shards, expiry, spec_sha256, folder: self.folder.to_owned() })
    }
}

/// The cells of a line, by the names of their columns.
struct Cells<'r>(Vec<(&'r str, &'r Field)>);

impl<'r> Cells<'r> {
    fn get(&self, name: &str) -> Option<&'r Field> {
        self.0.iter().find(|(own, _)| *own == name).map(|(_, field)| *field)
    }

    fn word(&self, name: &str) -> Option<&'r str> {
        match self.get(name)? {
            Field::Str(text) => Some(text),
            _ => None,
        }
    }

    fn bytes(&self, name: &str) -> Option<&'r [u8]> {
        match self.get(name)? {
            Field::Bytes(bytes) => Some(bytes.data()),
            Field::Str(text) => Some(text.as_bytes()),
            _ => None,
        }
    }

    fn number(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Field::Byte(n) => Some(i64::from(*n)),
            Field::Short(n) => Some(i64::from(*n)),
            Field::Int(n) => Some(i64::from(*n)),
            Field::Long(n) => Some(*n),
            _ => None,
        }
    }

    fn position(&self, name: &str) -> Option<usize> {
        usize::try_from(self.number(name)?).ok()
    }

    fn score(&self, name: &str) -> Option<f64> {
        match self.get(name)? {
            Field::Double(score) => Some(*score),
            _ => None,
        }
    }
}
