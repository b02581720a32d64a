//! The inventory as one CSV table: a row for the dump, and for each database, type, family, prefix, large key, time to
//! live, index, brake, finding and piece of advice; one that says so where no spec was used, and one for each preset that would match.

use super::Inventory;
use crate::text::csv::{field, words};
use crate::text::name;

/// The names of the columns: three of text, the others of numbers.
const COLUMNS: [&str; 25] = [
    "section",
    "name",
    "detail",
    "keys",
    "elements",
    "bytes",
    "with_expiry",
    "correct_keys",
    "wrong_keys",
    "absent_keys",
    "members",
    "missing_members",
    "stale_members",
    "undecidable_records",
    "orphan_records",
    "held_keys",
    "held_members",
    "contested_keys",
    "conflict_members",
    "overlapped_keys",
    "braked_keys",
    "braked_members",
    "deleted_keys",
    "count",
    "memory",
];

/// With advice there are these, too: what would be left.
const ADVICE_COLUMNS: [&str; 2] = ["keys_after", "memory_after"];

/// Renders the inventory. A cell that has no meaning in its row is empty.
pub fn csv(inventory: &Inventory) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let advised = if inventory.advice.is_some() { &ADVICE_COLUMNS[..] } else { &[] };
    let columns: Vec<&str> = COLUMNS.iter().chain(advised).copied().collect();
    writer.write_record(&columns)?;
    let mut row = |section: &str, title: String, detail: &str, numbers: &[(&str, u64)]| {
        let texts = [section.to_owned(), title, detail.to_owned()];
        let numbers = columns.iter().skip(texts.len()).map(|column| {
            let found = numbers.iter().find(|(name, _)| name == column);
            found.map(|(_, number)| number.to_string()).unwrap_or_default()
        });
        let numbers: Vec<String> = numbers.collect();
        writer.write_record(texts.iter().chain(&numbers))
    };
    let snapshot = &inventory.snapshot;
    row(
        "dump",
        field(&snapshot.file.0),
        snapshot.flavor,
        &[("keys", inventory.keys), ("bytes", snapshot.bytes), ("memory", inventory.memory)],
    )?;
    if inventory.spec.is_none() {
        row("spec", String::new(), "none", &[])?;
    }
    for preset in inventory.presets.iter().flatten() {
        row("preset", field(preset.name.as_bytes()), "would match", &[("keys", preset.keys)])?;
    }
    for database in &inventory.databases {
        let numbers = [("keys", database.keys), ("with_expiry", database.with_expiry), ("memory", database.memory)];
        row("database", database.db.to_string(), "", &numbers)?;
    }
    for of_type in &inventory.types {
        let numbers = [
            ("keys", of_type.keys),
            ("elements", of_type.elements),
            ("bytes", of_type.bytes),
            ("memory", of_type.memory),
        ];
        row("type", field(of_type.kind.as_bytes()), of_type.encoding, &numbers)?;
    }
    for family in &inventory.families {
        let detail = match &family.name {
            Some(of) => words(&format!("{} {}", family.kind.as_str(), name(of.as_bytes()))),
            None => family.kind.as_str().to_owned(),
        };
        let numbers = [
            ("keys", family.keys),
            ("elements", family.elements),
            ("bytes", family.bytes),
            ("with_expiry", family.with_expiry),
            ("memory", family.memory),
        ];
        row("family", field(&family.pattern.0), &detail, &numbers)?;
    }
    for prefix in inventory.prefixes.iter().flatten() {
        let numbers = [
            ("keys", prefix.keys),
            ("elements", prefix.elements),
            ("bytes", prefix.bytes),
            ("with_expiry", prefix.with_expiry),
            ("memory", prefix.memory),
        ];
        row("prefix", field(&prefix.prefix.0), &prefix.depth.to_string(), &numbers)?;
    }
    let largest = &inventory.largest;
    let of_types = largest.by_type.iter().map(|of_type| ("largest_of_type", &of_type.keys));
    let all = [("largest", &largest.by_memory), ("most_elements", &largest.by_elements)];
    for (section, large) in
        all.into_iter().chain(of_types).flat_map(|(name, keys)| keys.iter().map(move |key| (name, key)))
    {
        let numbers = [("elements", large.elements), ("bytes", large.bytes), ("memory", large.memory)];
        row(section, field(&large.whole_name()), &words(&format!("{} {}", large.kind, large.encoding)), &numbers)?;
    }
    for span in &inventory.expiries {
        row("left", span.left.to_owned(), "", &[("keys", span.keys), ("memory", span.memory)])?;
    }
    for index in &inventory.indexes {
        let numbers = [
            ("keys", index.keys),
            ("correct_keys", index.correct_keys),
            ("wrong_keys", index.wrong_keys),
            ("absent_keys", index.absent_keys),
            ("members", index.members),
            ("missing_members", index.missing_members),
            ("stale_members", index.stale_members),
            ("undecidable_records", index.undecidable_records),
            ("orphan_records", index.orphan_records),
            ("held_keys", index.held_keys),
            ("held_members", index.held_members),
            ("contested_keys", index.contested_keys),
            ("conflict_members", index.conflict_members),
            ("overlapped_keys", index.overlapped_keys),
            ("braked_keys", index.braked_keys),
            ("braked_members", index.braked_members),
            ("deleted_keys", index.deleted_keys),
        ];
        row("index", field(index.name.as_bytes()), index.policy, &numbers)?;
    }
    for note in &inventory.brakes {
        row("brake", field(note.accept().as_bytes()), &words(&format!("{}: {}", note.effect, note.text)), &[])?;
    }
    for diagnostic in &inventory.diagnostics {
        let example = diagnostic.examples.first().map(|example| words(example)).unwrap_or_default();
        row("finding", diagnostic.code.to_string(), &example, &[("count", diagnostic.count)])?;
    }
    for item in inventory.advice.iter().flat_map(|advice| &advice.items) {
        let names: Vec<String> = item.families.iter().map(|family| name(&family.pattern.0)).collect();
        let numbers = [
            ("keys", item.keys_before),
            ("keys_after", item.keys_after),
            ("memory", item.bytes_before),
            ("memory_after", item.bytes_after),
        ];
        row("advice", words(&names.join(" ")), &words(&format!("{}: {}", item.kind, item.title)), &numbers)?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}
