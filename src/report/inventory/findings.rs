//! Findings in words.

use super::{
    ANOTHER_DUMP, AOF_BASE, AOF_TAIL, CHECKSUM_MISMATCH, Diagnostic, KEY_TWICE, MEMBER_EXPIRIES, NOT_AT_ONCE,
    RECORD_MISSING, SLOTS, TRAILING_BYTES,
};
use crate::text::{counted, number};

impl Diagnostic {
    /// Whether each of the cases that are counted is an example that could be shown.
    pub(super) fn is_listed(&self) -> bool {
        !self.code.starts_with("dump.") && self.code != MEMBER_EXPIRIES && self.code != RECORD_MISSING
    }
}

/// What was found, and what to make of it.
pub fn words(diagnostic: &Diagnostic) -> String {
    let some = |thing: &str| counted(diagnostic.count, thing);
    match &*diagnostic.code {
        "record.undecodable" => format!(
            "{} that cannot be decoded: nothing is added for one, and nothing that names it is removed",
            some("record")
        ),
        "record.undecidable" => format!(
            "{} with a field that names no index key: nothing is added for one, and nothing that names it is removed",
            some("record")
        ),
        "key.empty" => format!("{} without any element, which no server keeps: taken as absent", some("key")),
        "index.wrong_type" => format!("{} of another type than the index", some("index key")),
        "index.held_key" => {
            format!("{} kept although wrong, because such a record is in it", some("index key"))
        }
        "index.contested_key" => format!("{} claimed by several indexes: left alone", some("index key")),
        "index.key_is_record" => format!("{} named like a record: not made", some("index key")),
        "when.boolean" => format!(
            "{} with true or false in a field of which `when` asks only whether it is there: write [\"true\"] or [\"false\"] \
             for the value",
            some("record")
        ),
        "index.repeated_member" => {
            format!("{} in an index key twice: the key is left as it is", some("member"))
        }
        "key.expired" => {
            format!("{} expired when the dump was made: taken as absent", some("key"))
        }
        "key.expiry_in_doubt" => format!(
            "{} with an expiry before 2009, which cannot be meant: none is taken as expired; say --expiry relative if \
             it is the time that was left (Upstash exports), --expiry absolute if not",
            some("key")
        ),
        "key.record_in_family" => format!("{} named like a record and like an index key: left alone", some("key")),
        MEMBER_EXPIRIES => format!(
            "{} of single members of collections, which KeyDB has: not looked at, and a rollback cannot restore one",
            if diagnostic.count == 1 {
                "1 expiry".to_owned()
            } else {
                format!("{} expiries", number(diagnostic.count))
            }
        ),
        AOF_TAIL => "this is an append-only file: commands follow the dump in it, which change what is in the dump, \
                     and they are not read; `redis-cli BGREWRITEAOF`, or a new dump, brings them in"
            .to_owned(),
        ANOTHER_DUMP => {
            "another dump follows the end of the first one, and is not read; give the dumps as several files \
                         to take them as one"
                .to_owned()
        }
        KEY_TWICE => "a key is in the dump twice: no server would load it, and no plan is made of it".to_owned(),
        AOF_BASE => "newer writes may be missing".to_owned(),
        NOT_AT_ONCE => "the dumps were not taken at once".to_owned(),
        RECORD_MISSING => {
            "members of wrong keys name records that are not in the dump: were those deleted, or is a part of the database \
             missing here?"
                .to_owned()
        }
        SLOTS => "a part of the database may be missing".to_owned(),
        TRAILING_BYTES => "there are bytes after the end of the dump; they are ignored".to_owned(),
        CHECKSUM_MISMATCH => {
            "the checksum is wrong: the dump is damaged, and any of these numbers may be too".to_owned()
        }
        code => format!("{} of {code}", some("case")),
    }
}
