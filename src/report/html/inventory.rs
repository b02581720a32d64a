//! `inventory --format html`: what is in a dump, as pictures and tables.

use askama::Template;

use super::MOST_BYTES;
use super::advice::AdviceView;
use super::brakes::Brakes;
use super::escape::{Html, Room, code, name, text};
use super::families::{MapView, space};
use super::overview::{Card, cards, headline};
use super::picture::{Bar, Part};
use super::shell::Shell;
use crate::report::inventory::findings;
use crate::report::inventory::next::{Commands, steps};
use crate::report::inventory::verdict::{limits, records, verdict};
use crate::report::inventory::{Checksum, Diagnostic, Family, Index, Inventory, LargeKey, Span};
use crate::text::{Truncated, counted, number, safe, size, time};

/// Rows that are seen at once.
const OPEN: usize = 12;

/// Rows of each table: less and less, until the page is small enough.
const SIZES: [usize; 4] = [200, 80, 20, 1];

#[derive(Template)]
#[template(path = "inventory.html")]
struct Page {
    shell: Shell,
    file: Html,
    headline: String,
    brakes: Brakes,
    facts: Vec<(&'static str, Html)>,
    created: Option<(String, String)>,
    warnings: Vec<Html>,
    map: MapView,
    cards: Vec<Card>,
    families: Vec<FamilyRow>,
    folded_families: Vec<FamilyRow>,
    more_families: usize,
    types: Vec<TypeRow>,
    more_types: usize,
    expiring: String,
    expiries: Vec<SpanRow>,
    largest: Vec<LargeRow>,
    folded_largest: Vec<LargeRow>,
    is_judged: bool,
    indexes: Vec<IndexCard>,
    more_indexes: usize,
    findings: Vec<(Html, Vec<Html>)>,
    advice: Option<AdviceView>,
    databases: Vec<[String; 3]>,
    more_databases: usize,
    next: Vec<(Html, Option<Html>)>,
    tool: &'static str,
}

struct FamilyRow {
    pattern: Html,
    kind: String,
    keys: String,
    elements: String,
    memory: String,
    bytes: String,
}

struct TypeRow {
    kind: Html,
    encoding: &'static str,
    keys: String,
    elements: String,
    memory: String,
    bytes: String,
    bar: Html,
}

struct SpanRow {
    words: &'static str,
    keys: String,
    memory: String,
    bar: Html,
}

struct LargeRow {
    key: Html,
    kind: Html,
    elements: String,
    memory: String,
    bytes: String,
    expires: String,
}

struct IndexCard {
    number: usize,
    name: Html,
    policy: &'static str,
    verdict: String,
    notes: Vec<String>,
    bars: Vec<(&'static str, Bar)>,
    legend: Vec<(Html, &'static str)>,
}

/// Renders the inventory, and what to do next.
pub fn inventory(inventory: &Inventory, commands: &Commands) -> Vec<u8> {
    let mut page = String::new();
    for rows in SIZES {
        // Writing to memory cannot fail.
        page = Page::new(inventory, commands, rows).render().unwrap_or_default();
        if page.len() < MOST_BYTES {
            break;
        }
    }
    page.into_bytes()
}

impl Page {
    fn new(inventory: &Inventory, commands: &Commands, rows: usize) -> Self {
        let (snapshot, is_judged) = (&inventory.snapshot, inventory.spec.is_some());
        let version = snapshot.server_version.as_ref().map(|version| name(&Truncated::new(&version.0), Room::LABEL));
        let server = Html::fill(
            &format!("{} {{}}, RDB {}", snapshot.server, snapshot.rdb_version),
            &[&version.unwrap_or_default()],
        );
        let checksum = match snapshot.checksum {
            Checksum::Verified => "right",
            Checksum::Absent => "the dump has none",
            Checksum::Mismatch => "WRONG: the dump is damaged, and these figures may be wrong too",
        };
        let crc = Html::fill(&format!("{{}}; checksum {checksum}"), &[&code(&snapshot.crc64, Room::LABEL)]);
        let mut families: Vec<&Family> = inventory.families.iter().filter(|family| family.keys > 0).collect();
        families.sort_by_key(|family| std::cmp::Reverse(space(family)));
        let expiring = inventory.databases.iter().map(|db| db.with_expiry).sum();
        let count = |all: usize| all.saturating_sub(rows);
        let more_families = count(families.len());
        let map = MapView::new(&families);
        let cards = cards(inventory, &families, expiring);
        let (families, folded_families) = fold(families.into_iter().take(rows).map(family_row).collect());
        let (largest, folded_largest) = fold(inventory.largest.by_memory.iter().take(rows).map(large_row).collect());
        Self {
            brakes: Brakes::new(&inventory.brakes, "--format json"),
            shell: Shell::new(),
            file: name(&Truncated::new(&snapshot.file.0), Room::NAME),
            headline: headline(inventory),
            facts: vec![
                ("Size", Html::words(&size(snapshot.bytes))),
                ("In memory", Html::words(&format!("about {}", size(inventory.memory)))),
                ("Written by", server),
                ("CRC-64", crc),
            ],
            created: snapshot.created_at.clone().map(|at| (at.clone(), time(&at))),
            warnings: warnings(inventory),
            map,
            cards,
            more_families,
            families,
            folded_families,
            types: types(inventory, rows),
            more_types: count(inventory.types.len()),
            expiring: expiring_words(expiring, inventory.keys),
            expiries: if expiring == 0 { Vec::new() } else { spans(inventory) },
            largest,
            folded_largest,
            advice: inventory.advice.as_ref().map(|advice| AdviceView::new(advice, rows)),
            is_judged,
            indexes: inventory.indexes.iter().take(rows).enumerate().map(index_card).collect(),
            more_indexes: count(inventory.indexes.len()),
            findings: inventory.diagnostics.iter().map(finding).collect(),
            databases: inventory
                .databases
                .iter()
                .take(rows)
                .map(|db| [db.db, db.keys, db.with_expiry].map(number))
                .collect(),
            more_databases: count(inventory.databases.len()),
            next: next(inventory, commands),
            tool: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// The rows that are seen at once, and those that are folded away.
fn fold<T>(mut rows: Vec<T>) -> (Vec<T>, Vec<T>) {
    let folded = if rows.len() > OPEN.saturating_add(2) { rows.split_off(OPEN) } else { Vec::new() };
    (rows, folded)
}

/// What to do next: a page about indexes always says how to make a plan.
fn next(inventory: &Inventory, commands: &Commands) -> Vec<(Html, Option<Html>)> {
    let code = |command: &str| Some(text(command, Room::PROSE));
    if !inventory.is_foreign() {
        let words = "This makes a plan that repairs the indexes, with a page to review it. It opens no connection and writes \
                     to no database.";
        return vec![(Html::words(words), code(&commands.plan))];
    }
    let steps = steps(inventory, commands).into_iter();
    steps.map(|step| (text(&step.words, Room::PROSE), step.command.as_deref().and_then(code))).collect()
}

/// What makes the dump as a whole doubtful, and records about which nothing can be said.
fn warnings(inventory: &Inventory) -> Vec<Html> {
    let grave =
        |found: &&Diagnostic| ["record.", "dump.", "key.expiry"].iter().any(|code| found.code.starts_with(code));
    inventory.diagnostics.iter().filter(grave).map(|found| text(&findings::words(found), Room::PROSE)).collect()
}

fn finding(found: &Diagnostic) -> (Html, Vec<Html>) {
    let examples = found.examples.iter().map(|example| text(example, Room::PROSE)).collect();
    (text(&findings::words(found), Room::PROSE), examples)
}

fn family_row(family: &Family) -> FamilyRow {
    let kind = match &family.name {
        Some(name) => format!("{} {}", family.kind.as_str(), safe(name)),
        None => family.kind.as_str().to_owned(),
    };
    FamilyRow {
        pattern: name(&Truncated::new(&family.pattern.0), Room::NAME),
        kind: kind.chars().take(60).collect(),
        keys: number(family.keys),
        elements: number(family.elements),
        memory: size(family.memory),
        bytes: size(family.bytes),
    }
}

fn types(inventory: &Inventory, rows: usize) -> Vec<TypeRow> {
    let mut types: Vec<_> = inventory.types.iter().collect();
    types.sort_by_key(|one| std::cmp::Reverse(one.memory));
    let most = types.first().map_or(0, |one| one.memory);
    let row = |one: &crate::report::inventory::Type| TypeRow {
        kind: code(&one.kind, Room::LABEL),
        encoding: one.encoding,
        keys: number(one.keys),
        elements: number(one.elements),
        memory: size(one.memory),
        bytes: size(one.bytes),
        bar: Bar::plain(one.memory, most),
    };
    types.into_iter().take(rows).map(row).collect()
}

fn expiring_words(expiring: u64, keys: u64) -> String {
    match expiring {
        0 => "No key has an expiry.".to_owned(),
        n => format!(
            "{} of {} with an expiry, by the time they had left when the dump was made.",
            number(n),
            counted(keys, "key")
        ),
    }
}

fn spans(inventory: &Inventory) -> Vec<SpanRow> {
    let spans = inventory.expiries.iter().filter(|span| span.left != "no expiry");
    let most = spans.clone().map(|span| span.memory).max().unwrap_or(0);
    let row = |span: &Span| SpanRow {
        words: span.left,
        keys: number(span.keys),
        memory: size(span.memory),
        bar: Bar::plain(span.memory, most),
    };
    spans.map(row).collect()
}

fn large_row(large: &LargeKey) -> LargeRow {
    let mut kind = code(&large.kind, Room::LABEL);
    if large.db > 0 {
        kind.push(&Html::words(&format!(" in database {}", large.db)));
    }
    LargeRow {
        key: name(&large.key, Room::NAME),
        kind,
        elements: number(large.elements),
        memory: size(large.memory),
        bytes: size(large.bytes),
        expires: large.expires.as_deref().map(time).unwrap_or_default(),
    }
}

fn index_card((at, index): (usize, &Index)) -> IndexCard {
    let retired = index.policy == "retire";
    let mut parts = if retired {
        vec![(Part::Retired, index.keys)]
    } else {
        vec![(Part::Right, index.correct_keys), (Part::Wrong, index.wrong_keys), (Part::Missing, index.absent_keys)]
    };
    let mut notes = limits(index);
    notes.extend(records(index));
    let mut bars = vec![("keys", Bar::new("keys", "key", &parts, 0))];
    // Of the members of wrong keys nobody says which would be right elsewhere.
    if !retired && index.wrong_keys == 0 && index.members.max(index.missing_members) > 0 {
        let held = index.held_members.saturating_add(index.braked_members);
        let right = index.members.saturating_sub(index.stale_members).saturating_sub(held);
        let (stale, held) = ((Part::Wrong, index.stale_members), (Part::Held, held));
        let members = [(Part::Right, right), stale, held, (Part::Missing, index.missing_members)];
        bars.push(("members", Bar::new("members", "member", &members, 0)));
        parts.extend(members);
    }
    let legend = if bars.iter().any(|(_, bar)| bar.has_picture) { Part::legend(parts.iter()) } else { Vec::new() };
    IndexCard {
        number: at,
        name: code(&index.name, Room::LABEL),
        policy: index.policy,
        verdict: verdict(index),
        notes,
        bars,
        legend,
    }
}
