//! The inventory as OpenMetrics, for a nightly job that watches the health of indexes: gauges that Prometheus and others read.
//!
//! The format is that of OpenMetrics 1.0: families one after the other, each with its help, its type and, where its name
//! ends with one, its unit; labels with `\\`, `"` and line feeds escaped; at the end `# EOF`.

use std::fmt::Write as _;

use super::{Checksum, Family, Inventory};
use crate::text::name;

/// Families that have samples of their own; the others are counted together.
const FAMILIES: usize = 100;
/// What all names begin with.
const PREFIX: &str = "rdb_reindex";

/// Renders the inventory.
pub fn openmetrics(inventory: &Inventory) -> Vec<u8> {
    let mut text = Text::default();
    dump(inventory, &mut text);
    stock(inventory, &mut text);
    families(inventory, &mut text);
    health(inventory, &mut text);
    text.0.push_str("# EOF\n");
    text.0.into_bytes()
}

/// Samples of a family: labels and a number each.
type Samples<'s> = Vec<(Vec<(&'s str, String)>, u64)>;

#[derive(Default)]
struct Text(String);

impl Text {
    /// A family of gauges; nothing where it has no samples.
    fn gauge(&mut self, of: &str, unit: Option<&str>, help: &str, samples: &Samples<'_>) {
        if samples.is_empty() {
            return;
        }
        let full = unit.map_or_else(|| format!("{PREFIX}_{of}"), |unit| format!("{PREFIX}_{of}_{unit}"));
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# TYPE {full} gauge");
        if let Some(unit) = unit {
            let _ = writeln!(self.0, "# UNIT {full} {unit}");
        }
        let _ = writeln!(self.0, "# HELP {full} {}", escaped(help));
        for (labels, number) in samples {
            self.sample(&full, labels, *number);
        }
    }

    fn info(&mut self, of: &str, help: &str, labels: &[(&str, String)]) {
        let _ = writeln!(self.0, "# TYPE {PREFIX}_{of} info\n# HELP {PREFIX}_{of} {}", escaped(help));
        self.sample(&format!("{PREFIX}_{of}_info"), labels, 1);
    }

    fn sample(&mut self, full: &str, labels: &[(&str, String)], number: u64) {
        self.0.push_str(full);
        if !labels.is_empty() {
            let labels: Vec<String> =
                labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
            let _ = write!(self.0, "{{{}}}", labels.join(","));
        }
        let _ = writeln!(self.0, " {number}");
    }
}

/// As a label's value and a help text are written.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// One sample without labels.
fn one(number: u64) -> Samples<'static> {
    vec![(Vec::new(), number)]
}

fn dump(inventory: &Inventory, text: &mut Text) {
    let snapshot = &inventory.snapshot;
    let version = snapshot.server_version.as_ref().map(|version| name(&version.0)).unwrap_or_default();
    let labels = [
        ("file", name(&snapshot.file.0)),
        ("flavor", snapshot.flavor.to_owned()),
        ("rdb_version", snapshot.rdb_version.to_string()),
        ("server_version", version),
        ("checksum", snapshot.checksum.as_str().to_owned()),
        ("spec", inventory.spec.as_ref().map(|spec| spec.name.clone()).unwrap_or_default()),
    ];
    text.info("dump", "The dump that was read.", &labels);
    if let Some(seconds) = snapshot.created_ms.and_then(|ms| u64::try_from(ms / 1000).ok()) {
        text.gauge("dump_created", Some("seconds"), "When the dump was made, in Unix time.", &one(seconds));
    }
    text.gauge("dump_size", Some("bytes"), "Bytes of the dump.", &one(snapshot.bytes));
    let right = snapshot.checksum != Checksum::Mismatch;
    text.gauge("dump_checksum_right", None, "1 unless the checksum is wrong.", &one(right.into()));
    text.gauge("memory", Some("bytes"), "What all keys take in memory, estimated.", &one(inventory.memory));
}

fn stock(inventory: &Inventory, text: &mut Text) {
    let databases = |number: fn(&super::Database) -> u64| -> Samples<'_> {
        inventory.databases.iter().map(|one| (vec![("db", one.db.to_string())], number(one))).collect()
    };
    text.gauge("database_keys", None, "Keys of a database.", &databases(|one| one.keys));
    text.gauge("database_expiring_keys", None, "Keys of a database with an expiry.", &databases(|one| one.with_expiry));
    let memory = databases(|one| one.memory);
    text.gauge("database_memory", Some("bytes"), "What the keys of a database take in memory, estimated.", &memory);
    let types = |number: fn(&super::Type) -> u64| -> Samples<'_> {
        let labels =
            |one: &super::Type| vec![("type", name(one.kind.as_bytes())), ("encoding", one.encoding.to_owned())];
        inventory.types.iter().map(|one| (labels(one), number(one))).collect()
    };
    text.gauge("type_keys", None, "Keys of a type, by their form in the dump.", &types(|one| one.keys));
    text.gauge("type_elements", None, "Elements of keys of a type.", &types(|one| one.elements));
    let memory = types(|one| one.memory);
    text.gauge("type_memory", Some("bytes"), "What the keys of a type take in memory, estimated.", &memory);
    let spans = |number: fn(&super::Span) -> u64| -> Samples<'_> {
        inventory.expiries.iter().map(|span| (vec![("left", span.left.to_owned())], number(span))).collect()
    };
    text.gauge("left_keys", None, "Keys by how long they had left when the dump was made.", &spans(|span| span.keys));
    let memory = spans(|span| span.memory);
    text.gauge("left_memory", Some("bytes"), "What they take in memory, estimated.", &memory);
}

fn families(inventory: &Inventory, text: &mut Text) {
    let mut order: Vec<&Family> = inventory.families.iter().collect();
    order.sort_by_key(|family| std::cmp::Reverse(family.memory));
    let rest = order.split_off(FAMILIES.min(order.len()));
    let families = |number: fn(&Family) -> u64| -> Samples<'_> {
        let labels = |family: &Family| {
            vec![
                ("pattern", name(&family.pattern.0)),
                ("kind", family.kind.as_str().to_owned()),
                ("name", family.name.as_ref().map(|of| name(of.as_bytes())).unwrap_or_default()),
            ]
        };
        order.iter().map(|family| (labels(family), number(family))).collect()
    };
    text.gauge("family_keys", None, "Keys of a family: those that are named alike.", &families(|one| one.keys));
    text.gauge("family_elements", None, "Elements of the keys of a family.", &families(|one| one.elements));
    let memory = families(|one| one.memory);
    text.gauge("family_memory", Some("bytes"), "What the keys of a family take in memory, estimated.", &memory);
    let sum = |number: fn(&Family) -> u64| rest.iter().fold(0_u64, |sum, one| sum.saturating_add(number(one)));
    let help = "Families that have no samples of their own, because they take less memory.";
    text.gauge("families_left_out", None, help, &one(rest.len() as u64));
    text.gauge("families_left_out_keys", None, "Keys of those families.", &one(sum(|one| one.keys)));
    let memory = one(sum(|one| one.memory));
    text.gauge("families_left_out_memory", Some("bytes"), "What those keys take in memory, estimated.", &memory);
}

fn health(inventory: &Inventory, text: &mut Text) {
    let labels =
        |index: &super::Index| vec![("index", name(index.name.as_bytes())), ("policy", index.policy.to_owned())];
    let right = inventory.indexes.iter().map(|index| (labels(index), u64::from(index.is_right()))).collect();
    text.gauge("index_right", None, "1 where there is nothing to do about an index.", &right);
    let states = |of: fn(&super::Index) -> Vec<(&'static str, u64)>| -> Samples<'_> {
        let samples = |index| {
            let state = move |(state, number): (&str, u64)| {
                let mut labels = labels(index);
                labels.push(("state", state.to_owned()));
                (labels, number)
            };
            of(index).into_iter().map(state).collect::<Samples<'_>>()
        };
        inventory.indexes.iter().flat_map(samples).collect()
    };
    let keys = states(|index| {
        vec![
            ("correct", index.correct_keys),
            ("wrong", index.wrong_keys),
            ("absent", index.absent_keys),
            ("held", index.held_keys),
            ("contested", index.contested_keys),
            ("foreign", index.braked_keys),
        ]
    });
    text.gauge("index_keys", None, "Index keys by state; a key may be in several.", &keys);
    let all = inventory.indexes.iter().map(|index| (labels(index), index.members)).collect();
    text.gauge("index_all_members", None, "Members of all keys of an index.", &all);
    let members = states(|index| {
        vec![
            ("missing", index.missing_members),
            ("stale", index.stale_members),
            ("held", index.held_members),
            ("foreign", index.braked_members),
            ("conflict", index.conflict_members),
        ]
    });
    text.gauge("index_members", None, "Members of an index that are not right, by state.", &members);
    let records = states(|index| vec![("undecidable", index.undecidable_records), ("orphan", index.orphan_records)]);
    text.gauge("index_records", None, "Records that an index leaves out, by state.", &records);
    let deleted = inventory.indexes.iter().map(|index| (labels(index), index.deleted_keys)).collect();
    text.gauge("index_deleted_keys", None, "Keys of an index that a plan would delete.", &deleted);
    let frozen = inventory.indexes.iter().map(|index| (labels(index), u64::from(index.frozen.is_some()))).collect();
    text.gauge("index_frozen", None, "1 where nothing is removed from an index.", &frozen);
    let brakes = inventory
        .brakes
        .iter()
        .map(|note| (vec![("brake", name(note.accept().as_bytes())), ("effect", note.effect.to_string())], 1));
    text.gauge("brake", None, "1 for each brake: what looks like a mistake.", &brakes.collect());
    let findings = inventory.diagnostics.iter().map(|found| (vec![("code", found.code.to_string())], found.count));
    text.gauge("findings", None, "What was found, by code.", &findings.collect());
}
