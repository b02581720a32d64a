//! The inventory of a dump as plain data: what `inventory --format json` prints.

mod by_spec;
pub mod csv;
pub mod findings;
mod index;
mod largest;
mod lines;
pub mod next;
pub mod openmetrics;
mod prefixes;
mod shown;
mod spans;
mod stock;
pub mod table;
pub mod verdict;

use std::path::Path;

use serde::Serialize;

use crate::bundle::manifest::{BrakeNote, Bytes};
use crate::dump::rdb::{self, Flavor};
pub use crate::index::{
    ANOTHER_DUMP, AOF_BASE, AOF_TAIL, CHECKSUM_MISMATCH, Diagnostic, KEY_TWICE, MEMBER_EXPIRIES, NOT_AT_ONCE,
    RECORD_MISSING, SLOTS, TRAILING_BYTES,
};
use crate::index::{Difference, Facts, diagnostics};
use crate::model::spec::Spec;
use crate::model::stock::{FamilyTallies, Tally};
use crate::plan;
use crate::report::advice::Advice;
use crate::text::rfc3339;
pub use by_spec::{FittingPreset, SpecName};
pub use index::Index;
pub(in crate::report) use index::{indexes, indexes_of};
pub use largest::{LargeKey, Largest};
pub use prefixes::{Prefix, prefixes};
pub use shown::{Shown, Sort};
pub use spans::Span;

/// The version of this form. Fields may be added to it; none changes its meaning.
pub const FORMAT_VERSION: u32 = 1;

/// What is in a dump, and what is wrong with its indexes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inventory {
    pub format_version: u32,
    pub snapshot: Snapshot,
    /// What the indexes are judged by; without a spec none is.
    pub spec: Option<SpecName>,
    /// Presets that would match, best first: only where nothing else does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presets: Option<Vec<FittingPreset>>,
    /// All keys of the dump, expired ones included.
    pub keys: u64,
    /// In the order of their numbers.
    pub databases: Vec<Database>,
    /// In the order of the types' names, modules last.
    pub types: Vec<Type>,
    /// Indexes and then records in the order of the spec, then the others in the order of their patterns. Every key is
    /// in exactly one of them.
    pub families: Vec<Family>,
    /// If they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefixes: Option<Vec<Prefix>>,
    /// In the order of the spec.
    pub indexes: Vec<Index>,
    /// What looks like a mistake; what a plan would be refused for comes first.
    pub brakes: Vec<BrakeNote>,
    /// In the order of the codes.
    pub diagnostics: Vec<Diagnostic>,
    /// If it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<Advice>,
    /// Libraries of functions.
    pub functions: u64,
    /// Modules that left data of their own, which belongs to no key.
    pub modules: Vec<String>,
    /// What all keys take in the memory of a server, estimated.
    pub memory: u64,
    /// Keys by how long they have left when the dump was made.
    pub expiries: Vec<Span>,
    /// The largest keys.
    pub largest: Largest,
}

/// The dump itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    /// As it was named.
    pub file: Bytes,
    pub bytes: u64,
    pub flavor: &'static str,
    pub rdb_version: u32,
    pub checksum: Checksum,
    /// RFC 3339, if the dump says when it was made.
    pub created_at: Option<String>,
    /// Of the server that made it, if it says so.
    pub server_version: Option<Bytes>,
    /// Of all bytes before the footer, as 16 hexadecimal digits.
    #[serde(skip)]
    pub crc64: String,
    #[serde(skip)]
    pub created_ms: Option<i64>,
    /// By the server's own name in the dump: Valkey up to 8 writes the flavor `redis`.
    #[serde(skip)]
    pub server: &'static str,
}

/// What the footer says of the bytes before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Checksum {
    Verified,
    /// The server was told not to compute one, or the format is older than checksums.
    Absent,
    Mismatch,
}

impl Checksum {
    /// Compares the footer with what was read.
    pub fn of(facts: &Facts) -> Self {
        match facts.footer.checksum(|| facts.crc64) {
            rdb::Checksum::Absent => Self::Absent,
            rdb::Checksum::Right => Self::Verified,
            rdb::Checksum::Wrong { .. } => Self::Mismatch,
        }
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Absent => "absent",
            Self::Mismatch => "mismatch",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Database {
    pub db: u64,
    pub keys: u64,
    pub with_expiry: u64,
    /// In the memory of a server, estimated; so in all that follows.
    pub memory: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Type {
    /// What the command `TYPE` answers.
    #[serde(rename = "type")]
    pub kind: String,
    /// The form in the dump.
    pub encoding: &'static str,
    pub keys: u64,
    pub elements: u64,
    pub bytes: u64,
    pub memory: u64,
}

/// Keys that are named alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Family {
    /// A glob.
    pub pattern: Bytes,
    pub kind: FamilyKind,
    /// The index or the record class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The database of the index or record class; other families span all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub db: Option<u64>,
    pub keys: u64,
    pub elements: u64,
    pub bytes: u64,
    pub memory: u64,
    pub with_expiry: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FamilyKind {
    Index,
    Record,
    /// Found from the names.
    Other,
}

impl FamilyKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Record => "record",
            Self::Other => "other",
        }
    }
}

impl Inventory {
    /// Takes the numbers of a dump of so many bytes, which the user named `file`.
    pub fn new(difference: &Difference<'_>, file: &Path, bytes: u64) -> Self {
        let stock = &difference.stock;
        let databases = stock.databases.iter();
        let types = stock.types.iter();
        Self {
            format_version: FORMAT_VERSION,
            snapshot: Snapshot::new(difference, file, bytes),
            spec: Some(SpecName::of(difference.spec)),
            presets: None,
            keys: stock.total.keys,
            databases: databases
                .map(|(&db, tally)| Database {
                    db,
                    keys: tally.keys,
                    with_expiry: tally.with_expiry,
                    memory: tally.memory,
                })
                .collect(),
            types: types
                .map(|((name, encoding), tally)| Type {
                    kind: name.as_str().to_owned(),
                    encoding,
                    keys: tally.keys,
                    elements: tally.elements,
                    bytes: tally.bytes,
                    memory: tally.memory,
                })
                .collect(),
            families: families(difference),
            prefixes: None,
            indexes: indexes(difference),
            brakes: plan::brake_notes(&difference.brakes, difference.spec),
            diagnostics: diagnostics(difference),
            advice: None,
            functions: difference.facts.functions,
            modules: difference.facts.module_aux.clone(),
            memory: stock.total.memory,
            expiries: Span::all(&stock.expiries),
            largest: Largest::new(difference),
        }
    }

    /// Whether no plan is made of the dump, because what is in it is not what it was meant to be.
    pub fn is_unfit(&self) -> bool {
        let unfit = [AOF_TAIL, ANOTHER_DUMP, KEY_TWICE];
        let more = self.diagnostics.iter().any(|diagnostic| unfit.contains(&&*diagnostic.code));
        more || self.snapshot.checksum == Checksum::Mismatch
    }

    /// Whether something can be said of every record and member.
    pub fn is_decided(&self) -> bool {
        let is_decided = |index: &Index| {
            let doubts = [index.undecidable_records, index.held_keys, index.held_members, index.contested_keys];
            doubts == [0; 4] && index.conflict_members == 0
        };
        self.indexes.iter().all(is_decided)
    }

    /// Whether no index needs anything done.
    pub fn is_right(&self) -> bool {
        self.indexes.iter().all(Index::is_right)
    }
}

impl Snapshot {
    fn new(difference: &Difference<'_>, file: &Path, bytes: u64) -> Self {
        let facts = &difference.facts;
        let aux = |wanted: &[u8]| facts.aux.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
        let valkey = aux(b"valkey-ver");
        let server = if valkey.is_some() || facts.header.flavor == Flavor::Valkey { "Valkey" } else { "Redis" };
        let created_ms = difference.clock.created_ms;
        Self {
            file: Bytes(file.as_os_str().as_encoded_bytes().to_vec()),
            bytes,
            flavor: facts.header.flavor.name(),
            rdb_version: facts.header.version,
            checksum: Checksum::of(facts),
            created_at: created_ms.and_then(rfc3339::write),
            server_version: valkey.or_else(|| aux(b"redis-ver")).map(Bytes),
            crc64: format!("{:016x}", facts.crc64),
            created_ms,
            server,
        }
    }
}

pub(super) fn families(difference: &Difference<'_>) -> Vec<Family> {
    families_of(difference.spec, &FamilyTallies::of(&difference.stock))
}

/// The same of the counts themselves.
pub(super) fn families_of(spec: &Spec, tallies: &FamilyTallies) -> Vec<Family> {
    let family = |pattern: Vec<u8>, kind, name: Option<&String>, db, tally: &Tally| Family {
        pattern: Bytes(pattern),
        kind,
        name: name.cloned(),
        db,
        keys: tally.keys,
        elements: tally.elements,
        bytes: tally.bytes,
        memory: tally.memory,
        with_expiry: tally.with_expiry,
    };
    let indexes = spec.indexes.iter().zip(&tallies.indexes).map(|(index, tally)| {
        let pattern = index.family.glob().as_bytes().to_vec();
        family(pattern, FamilyKind::Index, Some(&index.name), Some(index.db), tally)
    });
    let records = spec.records.iter().zip(&tallies.records).map(|(class, tally)| {
        family(class.key.glob().as_bytes().to_vec(), FamilyKind::Record, Some(&class.name), Some(class.db), tally)
    });
    let others = tallies.others.iter();
    let others = others.map(|(pattern, tally)| family(pattern.clone(), FamilyKind::Other, None, None, tally));
    indexes.chain(records).chain(others).collect()
}
