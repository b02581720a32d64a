//! What is said of a dump and of each of its indexes, in numbers; and what ends the work on them.

use serde::{Deserialize, Serialize};

use super::brakes::judge::Doubtful;
use crate::dump::duplicate_keys::Twice;
use crate::dump::parts::Part;
use crate::dump::rdb::{self, Footer, Header};
use crate::dump::scan::{self, MemberExpiries};
use crate::dump::slots;

/// What ends the work on a dump.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Dump(#[from] rdb::Error),
    #[error("interrupted")]
    Interrupted,
    #[error("the dump has {bytes} bytes; this program reads dumps of up to 1 TiB")]
    TooLarge { bytes: usize },
    #[error("the records imply more than two thousand million different index keys or members")]
    TooMany,
    #[error("the spec has {0} indexes; up to 65,535 are possible")]
    TooManyIndexes(usize),
}

scan::ends_like_a_pass!(Error);

/// What is known of the dump itself.
#[derive(Debug)]
pub struct Facts {
    pub header: Header,
    pub footer: Footer,
    /// CRC-64 of everything before the footer.
    pub crc64: u64,
    pub aux: Vec<(Vec<u8>, Vec<u8>)>,
    pub functions: u64,
    pub module_aux: Vec<String>,
    /// The dumps that were put together, if they were several.
    pub parts: Vec<Part>,
    /// Names of files beside it that have newer writes, if it is the base of an append-only file.
    pub newer: Vec<String>,
    /// What the slots of its keys say of whether it is whole.
    pub slots: Vec<slots::Finding>,
    /// The dumps are those of a cluster's shards: one of them says so, or their slots do.
    pub of_a_cluster: bool,
    /// The first key that stands in it twice.
    pub twice: Option<Twice>,
    /// Expiries of members, which KeyDB writes: what they are is not looked at.
    pub member_expiries: MemberExpiries,
}

impl Facts {
    /// What a pass over a dump found, and the dumps that it was put together of. What is judged from that is not in it yet.
    pub(super) fn of(pass: scan::Pass<()>, parts: &[Part]) -> Self {
        Self {
            header: pass.header,
            footer: pass.footer,
            crc64: pass.crc64,
            aux: pass.aux,
            functions: pass.functions,
            module_aux: pass.module_aux,
            parts: parts.to_vec(),
            newer: Vec::new(),
            slots: Vec::new(),
            of_a_cluster: pass.cluster,
            twice: None,
            member_expiries: pass.member_expiries,
        }
    }
}

/// The numbers of one index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Keys in the family that had not expired.
    pub keys: u64,
    /// Those of them that records imply.
    pub correct_keys: u64,
    /// Index keys that records imply and that are not there, or have another type.
    pub absent_keys: u64,
    /// Members of the keys that have the right type.
    pub members: u64,
    /// Memberships that are implied and not there (for a sorted set: not with that score).
    pub missing_members: u64,
    /// Members that nothing implies, in keys that stay.
    pub stale_members: u64,
    /// Members that stay because their record cannot be decoded.
    pub held_members: u64,
    /// Members that stay because records disagree on their score.
    pub conflict_members: u64,
    /// Fields with another value that stay because they have an expiry of their own.
    pub expiring_members: u64,
    /// Keys of which nothing is taken, because their names also fit another index of which too little is known.
    pub overlapped_keys: u64,
    /// Wrong keys that stay because they hold a member whose record cannot be decoded.
    pub held_keys: u64,
    /// Keys that two indexes claim, or that are named like a record; nothing is done about them.
    pub contested_keys: u64,
    pub undecidable_records: u64,
    pub orphan_records: u64,
    /// Keys that stay because none of their entries names a key which is in the dump.
    pub unnamed_keys: u64,
    /// Why nothing is removed from this index, or deleted.
    pub frozen: Option<Frozen>,
    /// What brakes keep, and what they would keep if they were not lifted.
    pub kept: Doubtful,
    pub lifted: Doubtful,
}

impl Summary {
    /// Keys in the family that should not exist as they are.
    pub fn wrong_keys(&self) -> u64 {
        self.keys.saturating_sub(self.correct_keys)
    }

    /// Adds the numbers of the same index in another part of the database.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.keys, other.keys),
            (&mut self.correct_keys, other.correct_keys),
            (&mut self.absent_keys, other.absent_keys),
            (&mut self.members, other.members),
            (&mut self.missing_members, other.missing_members),
            (&mut self.stale_members, other.stale_members),
            (&mut self.held_members, other.held_members),
            (&mut self.conflict_members, other.conflict_members),
            (&mut self.expiring_members, other.expiring_members),
            (&mut self.overlapped_keys, other.overlapped_keys),
            (&mut self.held_keys, other.held_keys),
            (&mut self.contested_keys, other.contested_keys),
            (&mut self.undecidable_records, other.undecidable_records),
            (&mut self.orphan_records, other.orphan_records),
            (&mut self.unnamed_keys, other.unnamed_keys),
        ] {
            *mine = mine.saturating_add(theirs);
        }
        self.frozen = self.frozen.or(other.frozen);
        self.kept.merge(&other.kept);
        self.lifted.merge(&other.lifted);
    }
}

/// Why an index is only added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frozen {
    /// No record of its class could be decoded: a wrong prefix, or half a dump.
    NoRecords,
    /// A record could not be decoded, and members are not just keys of records: it could imply any of them.
    Undecidable,
}
