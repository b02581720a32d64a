//! The difference of two dumps as one CSV table: a row for the whole, and for each type, family, index and index key.

use super::{KeyCounts, Memberships, Report};
use crate::text::csv::{field, words};
use crate::text::name;

/// The names of the columns: three of text, the others of numbers.
const COLUMNS: [&str; 18] = [
    "section",
    "name",
    "detail",
    "keys_before",
    "keys_after",
    "added",
    "removed",
    "changed",
    "type_changed",
    "expiry_only",
    "same",
    "elements_before",
    "elements_after",
    "bytes_before",
    "bytes_after",
    "gained",
    "lost",
    "rescored",
];

/// Renders the report. A cell that has no meaning in its row is empty; the largest changes are rows of `--table keys`.
pub fn diff_csv(report: &Report) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    let mut row = |section: &str, title: String, detail: String, numbers: Numbers| {
        let texts = [section.to_owned(), title, detail];
        writer.write_record(texts.into_iter().chain(numbers.cells()))
    };
    let files = words(&format!("{} → {}", name(&report.old.file.0), name(&report.new.file.0)));
    row("dumps", files, String::new(), Numbers::keys(&report.keys))?;
    for of in &report.types {
        row("type", field(of.kind.as_bytes()), String::new(), Numbers::keys(&of.counts))?;
    }
    for family in &report.families {
        let detail = match &family.name {
            Some(of) => words(&format!("{} {}", family.kind.as_str(), name(of.as_bytes()))),
            None => family.kind.as_str().to_owned(),
        };
        row("family", field(&family.pattern.0), detail, Numbers::keys(&family.counts))?;
    }
    for index in &report.indexes {
        let of = field(index.name.as_bytes());
        row("index", of.clone(), index.policy.to_owned(), Numbers::memberships(&index.memberships))?;
        for key in &index.keys {
            let numbers = Memberships {
                gained: key.gained.unwrap_or_default(),
                lost: key.lost.unwrap_or_default(),
                rescored: key.rescored.unwrap_or_default(),
            };
            row("index key", field(&key.key.0), of.clone(), Numbers::memberships(&numbers))?;
        }
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// The numbers of a row.
#[derive(Default)]
struct Numbers {
    keys: Option<KeyCounts>,
    memberships: Option<Memberships>,
}

impl Numbers {
    fn keys(counts: &KeyCounts) -> Self {
        Self { keys: Some(*counts), memberships: None }
    }

    fn memberships(counts: &Memberships) -> Self {
        Self { keys: None, memberships: Some(*counts) }
    }

    fn cells(&self) -> impl Iterator<Item = String> {
        let keys = self.keys.map(|k| {
            let counts = [k.keys_before, k.keys_after, k.added, k.removed, k.changed, k.type_changed];
            let sizes = [k.elements_before, k.elements_after, k.bytes_before, k.bytes_after];
            counts.into_iter().chain([k.expiry_only, k.same]).chain(sizes).collect::<Vec<_>>()
        });
        let members = self.memberships.map(|m| vec![m.gained, m.lost, m.rescored]);
        let cells = |numbers: Option<Vec<u64>>, columns: usize| match numbers {
            Some(numbers) => numbers.iter().map(u64::to_string).collect::<Vec<_>>(),
            None => vec![String::new(); columns],
        };
        // Twelve columns of keys, three of memberships.
        cells(keys, 12).into_iter().chain(cells(members, 3))
    }
}
