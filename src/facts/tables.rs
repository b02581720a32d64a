//! The tables of facts, and the files that they are written to.
//!
//! Names, members and values are always binary, so that the files of all shards have one schema. A row holds from
//! `from_ms` to before `to_ms`, in Unix milliseconds: what has expired is decided by the earliest clock of all shards,
//! which nobody knows when one of them is scanned.

use std::io;
use std::sync::{Mutex, PoisonError};

use crate::export::{Batch, Cell, Column, Holds, Writer};

/// One of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// A dump that was scanned.
    Shards,
    /// A slot with keys in it.
    Slots,
    /// A number that is added up over all shards, of an index or of a class.
    Counts,
    /// An index key with the records that it requires, as records imply it.
    Groups,
    /// A record that a group requires.
    Requires,
    /// A membership that a record implies.
    Desired,
    /// A record of a class that some index requires.
    Records,
    /// A record that implies nothing of an index.
    Unindexed,
    /// A record of which nothing can be said.
    Undecidable,
    /// A key of a family.
    IndexKeys,
    /// One of the families that it is of.
    Families,
    /// An element of it.
    Actual,
    /// A name that an element, or a value of another type, has of a record.
    Mentions,
    /// A key that is a record only while another key is there.
    Conditional,
    /// A record that is named like an index key.
    NamedLike,
    /// A key that an entry may name, or by which a record counts.
    Named,
    /// What such a key is to one of the alternatives of `exists`.
    Alternatives,
    /// A text that it has there, where that is compared with a text of the entry.
    AlternativeTexts,
    /// A key of prune rules.
    PruneKeys,
    /// A rule about it.
    PruneRules,
    /// An entry of it.
    Entries,
    /// A key that an entry names.
    References,
    /// A text of the entry that is compared.
    ReferenceTexts,
}

const fn small(name: &'static str) -> Column {
    Column::new(name, Holds::Small)
}

const fn count(name: &'static str) -> Column {
    Column::new(name, Holds::Count)
}

const fn word(name: &'static str) -> Column {
    Column::new(name, Holds::Word)
}

const fn binary(name: &'static str) -> Column {
    Column::new(name, Holds::Binary)
}

const fn score(name: &'static str) -> Column {
    Column::new(name, Holds::Score)
}

const SHARD: Column = word("shard");
const DB: Column = count("db");
const INDEX: Column = small("idx");
const KEY: Column = binary("key");
const FROM: Column = count("from_ms");
const TO: Column = count("to_ms");
/// Some key must be there for a record to count: whether there is such a key, and its name.
const NEEDS: [Column; 2] = [small("has_need"), binary("need")];
const DEPTHS: [Column; 8] =
    [small("d0"), small("d1"), small("d2"), small("d3"), small("d4"), small("d5"), small("d6"), small("d7")];

impl Table {
    /// All of them, in their order.
    pub const ALL: [Self; 23] = [
        Self::Shards,
        Self::Slots,
        Self::Counts,
        Self::Groups,
        Self::Requires,
        Self::Desired,
        Self::Records,
        Self::Unindexed,
        Self::Undecidable,
        Self::IndexKeys,
        Self::Families,
        Self::Actual,
        Self::Mentions,
        Self::Conditional,
        Self::NamedLike,
        Self::Named,
        Self::Alternatives,
        Self::AlternativeTexts,
        Self::PruneKeys,
        Self::PruneRules,
        Self::Entries,
        Self::References,
        Self::ReferenceTexts,
    ];

    /// The name of its folder, and of the table in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shards => "shards",
            Self::Slots => "slots",
            Self::Counts => "counts",
            Self::Groups => "groups",
            Self::Requires => "requires",
            Self::Desired => "desired",
            Self::Records => "records",
            Self::Unindexed => "unindexed",
            Self::Undecidable => "undecidable",
            Self::IndexKeys => "index_keys",
            Self::Families => "families",
            Self::Actual => "actual",
            Self::Mentions => "mentions",
            Self::Conditional => "conditional",
            Self::NamedLike => "named_like",
            Self::Named => "named",
            Self::Alternatives => "alternatives",
            Self::AlternativeTexts => "alternative_texts",
            Self::PruneKeys => "prune_keys",
            Self::PruneRules => "prune_rules",
            Self::Entries => "entries",
            Self::References => "refs",
            Self::ReferenceTexts => "ref_texts",
        }
    }

    /// Its columns.
    pub fn columns(self) -> &'static [Column] {
        const SHARDS: &[Column] = &[
            SHARD,
            small("format_version"),
            word("spec_sha256"),
            count("ctime_ms"),
            count("bytes"),
            word("crc64"),
            count("keys"),
            binary("facts"),
        ];
        const SLOTS: &[Column] = &[SHARD, small("slot")];
        const COUNTS: &[Column] = &[SHARD, INDEX, word("name"), count("n"), FROM, TO, NEEDS[0], NEEDS[1], DB];
        const GROUPS: &[Column] = &[
            SHARD,
            count("grp"),
            INDEX,
            KEY,
            small("slot"),
            DEPTHS[0],
            DEPTHS[1],
            DEPTHS[2],
            DEPTHS[3],
            DEPTHS[4],
            DEPTHS[5],
            DEPTHS[6],
            DEPTHS[7],
        ];
        const REQUIRES: &[Column] = &[SHARD, count("grp"), small("class"), KEY];
        const DESIRED: &[Column] = &[
            SHARD,
            count("grp"),
            binary("member"),
            score("score"),
            binary("value"),
            count("at_byte"),
            FROM,
            TO,
            NEEDS[0],
            NEEDS[1],
            DB,
        ];
        const RECORDS: &[Column] = &[small("class"), KEY, FROM, TO, NEEDS[0], NEEDS[1], DB];
        const UNINDEXED: &[Column] = &[INDEX, KEY, FROM, TO, NEEDS[0], NEEDS[1], DB];
        const UNDECIDABLE: &[Column] = &[INDEX, KEY, FROM, TO, NEEDS[0], NEEDS[1], DB];
        const INDEX_KEYS: &[Column] = &[
            SHARD,
            DB,
            KEY,
            small("slot"),
            word("kind"),
            INDEX,
            small("shared"),
            count("elements"),
            small("unreadable"),
            TO,
        ];
        const FAMILIES: &[Column] =
            &[DB, KEY, INDEX, DEPTHS[0], DEPTHS[1], DEPTHS[2], DEPTHS[3], DEPTHS[4], DEPTHS[5], DEPTHS[6], DEPTHS[7]];
        const ACTUAL: &[Column] = &[
            DB,
            KEY,
            count("el"),
            binary("member"),
            small("has_value"),
            binary("value"),
            score("score"),
            small("expires"),
            small("is_foreign"),
            TO,
        ];
        const MENTIONS: &[Column] = &[DB, KEY, count("el"), INDEX, binary("name"), TO];
        const CONDITIONAL: &[Column] = &[DB, KEY, binary("need"), TO];
        const NAMED_LIKE: &[Column] = &[DB, KEY, FROM, TO, NEEDS[0], NEEDS[1]];
        const NAMED: &[Column] = &[DB, KEY, small("is_empty"), TO];
        const ALTERNATIVES: &[Column] =
            &[DB, KEY, small("alt"), small("any_field"), binary("field"), small("ok"), FROM, TO];
        const ALTERNATIVE_TEXTS: &[Column] =
            &[DB, KEY, small("alt"), binary("field"), small("cond"), small("any_text"), binary("text"), FROM, TO];
        const PRUNE_KEYS: &[Column] = &[SHARD, DB, KEY, small("slot"), word("kind"), INDEX, count("unformed"), TO];
        const PRUNE_RULES: &[Column] = &[DB, KEY, INDEX, small("changes")];
        const ENTRIES: &[Column] = &[DB, KEY, count("el"), binary("member"), binary("value"), TO];
        const REFERENCES: &[Column] =
            &[DB, KEY, count("el"), INDEX, small("alt"), binary("name"), small("any_field"), binary("field"), TO];
        const REFERENCE_TEXTS: &[Column] = &[DB, KEY, count("el"), small("alt"), small("cond"), binary("text")];
        match self {
            Self::Shards => SHARDS,
            Self::Slots => SLOTS,
            Self::Counts => COUNTS,
            Self::Groups => GROUPS,
            Self::Requires => REQUIRES,
            Self::Desired => DESIRED,
            Self::Records => RECORDS,
            Self::Unindexed => UNINDEXED,
            Self::Undecidable => UNDECIDABLE,
            Self::IndexKeys => INDEX_KEYS,
            Self::Families => FAMILIES,
            Self::Actual => ACTUAL,
            Self::Mentions => MENTIONS,
            Self::Conditional => CONDITIONAL,
            Self::NamedLike => NAMED_LIKE,
            Self::Named => NAMED,
            Self::Alternatives => ALTERNATIVES,
            Self::AlternativeTexts => ALTERNATIVE_TEXTS,
            Self::PruneKeys => PRUNE_KEYS,
            Self::PruneRules => PRUNE_RULES,
            Self::Entries => ENTRIES,
            Self::References => REFERENCES,
            Self::ReferenceTexts => REFERENCE_TEXTS,
        }
    }
}

/// The files, which several threads write to.
pub struct Files<'o> {
    writers: Vec<Mutex<Writer<'o>>>,
    fault: Mutex<Option<io::Error>>,
}

impl<'o> Files<'o> {
    /// One writer for each table, in the order of [`Table::ALL`].
    pub fn new(writers: Vec<Writer<'o>>) -> Self {
        Self { writers: writers.into_iter().map(Mutex::new).collect(), fault: Mutex::new(None) }
    }

    fn take(&self, table: usize, batch: &mut Batch) -> io::Result<()> {
        let Some(writer) = self.writers.get(table) else { return Ok(()) };
        writer.lock().unwrap_or_else(PoisonError::into_inner).take(batch)
    }

    /// What kept a row from being written.
    pub fn fault(&self) -> Option<io::Error> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Ends all of them.
    pub fn finish(self) -> io::Result<()> {
        for writer in self.writers {
            writer.into_inner().unwrap_or_else(PoisonError::into_inner).finish()?;
        }
        Ok(())
    }
}

/// The rows of one thread.
pub struct Rows<'f, 'o> {
    files: &'f Files<'o>,
    batches: Vec<Batch>,
    is_at_fault: bool,
}

impl<'f, 'o> Rows<'f, 'o> {
    /// No rows yet.
    pub fn new(files: &'f Files<'o>) -> Self {
        let batches = Table::ALL.iter().map(|table| Batch::new(table.columns())).collect();
        Self { files, batches, is_at_fault: false }
    }

    /// Adds a row; a fault is kept, and said at the end.
    pub fn add(&mut self, table: Table, cells: &[Cell<'_>]) {
        debug_assert_eq!(table.columns().len(), cells.len(), "{table:?}");
        let at = table as usize;
        let Some(batch) = self.batches.get_mut(at) else { return };
        let done = match batch.row(cells) {
            Ok(true) => self.files.take(at, batch),
            Ok(false) => Ok(()),
            Err(error) => Err(error),
        };
        self.note(done);
    }

    /// Whether nothing that follows would be written.
    pub fn is_at_fault(&self) -> bool {
        self.is_at_fault
    }

    /// Hands over what has been kept back.
    pub fn flush(&mut self) {
        for at in 0..self.batches.len() {
            let done = self.batches.get_mut(at).map_or(Ok(()), |batch| self.files.take(at, batch));
            self.note(done);
        }
    }

    fn note(&mut self, done: io::Result<()>) {
        if let Err(error) = done {
            self.is_at_fault = true;
            self.files.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }
}
