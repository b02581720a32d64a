//! What a script reads of a check.

use serde::Serialize;

use super::text::words;
use crate::check::Report;
use crate::dump::rdb::{Checksum, Suspicion};
use crate::text::display;

/// The version of this form.
const FORMAT_VERSION: u32 = 1;

/// All dumps that were checked.
#[derive(Debug, Serialize)]
pub struct All {
    format_version: u32,
    whole: bool,
    dumps: Vec<Checked>,
}

/// A dump that was checked.
#[derive(Debug, Serialize)]
pub struct Checked {
    file: String,
    /// Nothing is damaged, and the end was reached.
    whole: bool,
    flavor: String,
    rdb_version: u32,
    /// Keys that were read, and those before the first damage.
    keys: u64,
    whole_keys: u64,
    /// verified, absent, wrong, or not_reached.
    checksum: &'static str,
    stored_checksum: Option<String>,
    computed_checksum: Option<String>,
    trailing_bytes: u64,
    damaged: u64,
    /// The first of them, in the order of the file.
    damage: Vec<Damage>,
    notes: Vec<Note>,
    cause: Option<String>,
    hint: Option<String>,
}

#[derive(Debug, Serialize)]
struct Damage {
    /// Where the record, or what else it is, starts in the file.
    offset: u64,
    db: Option<u64>,
    key: Option<String>,
    #[serde(rename = "type")]
    ty: Option<String>,
    encoding: Option<&'static str>,
    problem: String,
}

#[derive(Debug, Serialize)]
struct Note {
    count: u64,
    what: &'static str,
    first_offset: u64,
}

/// All of them together.
pub fn all(dumps: Vec<Checked>) -> All {
    All { format_version: FORMAT_VERSION, whole: dumps.iter().all(|one| one.whole), dumps }
}

/// What is said of one dump.
pub fn checked(file: &str, report: &Report, cause: Option<Suspicion>) -> Checked {
    let (checksum, stored, computed) = match report.checksum() {
        Some(Checksum::Absent) => ("absent", None, report.crc64),
        Some(Checksum::Right) => ("verified", report.crc64, report.crc64),
        Some(Checksum::Wrong { stored, computed }) => ("wrong", Some(stored), Some(computed)),
        None => ("not_reached", None, None),
    };
    let hex = |crc: u64| format!("{crc:016x}");
    let damage = report.findings.iter().map(|finding| Damage {
        offset: finding.start,
        db: finding.place.db,
        key: finding.place.key.as_ref().map(|key| display(key).to_string()),
        ty: finding.place.value.as_ref().map(|(name, _)| name.clone()),
        encoding: finding.place.value.as_ref().map(|(_, encoding)| *encoding),
        problem: finding.problem.to_string(),
    });
    let notes = report.oddities.iter().map(|(oddity, (count, first))| Note {
        count: *count,
        what: words(*oddity),
        first_offset: *first,
    });
    Checked {
        file: file.to_owned(),
        whole: report.is_whole(),
        flavor: report.header.flavor.to_string(),
        rdb_version: report.header.version,
        keys: report.keys,
        whole_keys: report.whole_keys,
        checksum,
        stored_checksum: stored.map(hex),
        computed_checksum: computed.map(hex),
        trailing_bytes: report.footer.map_or(0, |footer| footer.trailing as u64),
        damaged: report.damaged,
        damage: damage.collect(),
        notes: notes.collect(),
        cause: cause.map(|cause| cause.to_string()),
        hint: report.unreadable().map(|error| error.hint().to_string()),
    }
}
