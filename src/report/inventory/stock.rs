//! The stock of a dump for a person at a terminal: families or prefixes, types, the largest keys, times to live, databases.

use super::lines::{dim_line, heading};
use super::shown::Weights;
use super::{Family, FamilyKind, Inventory, LargeKey, Prefix, Shown, Type};
use crate::report::Style;
use crate::report::grid::{Column, Grid};
use crate::text::{counted, name, number, percent, size, time};

/// Families shown; all of them are in the JSON.
const FAMILIES: usize = 20;
/// Prefixes shown.
const PREFIXES: usize = 60;
/// Databases shown, of up to 16,384.
const DATABASES: usize = 16;
/// Largest keys shown if nobody says how many.
const LARGEST: usize = 10;
/// Columns of a bar that stands for all.
const BAR: u64 = 12;

/// All of it.
pub fn stock(inventory: &Inventory, shown: Shown, style: Style, out: &mut String) {
    match &inventory.prefixes {
        Some(all) => prefixes(all, inventory.memory, shown, style, out),
        None => families(inventory, shown, style, out),
    }
    types(inventory, shown, style, out);
    largest(inventory, shown, style, out);
    spans(inventory, style, out);
    databases(inventory, style, out);
}

/// A share of all, and a bar for it where there is colour.
fn share(part: u64, whole: u64, style: Style) -> [String; 2] {
    let eighths = u128::from(part) * u128::from(BAR * 8) / u128::from(whole.max(1));
    let (full, rest) = ((eighths / 8) as usize, (eighths % 8) as usize);
    let partial = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"].get(rest).copied().unwrap_or_default();
    let bar = if style.colour { format!("{}{partial}", "█".repeat(full)) } else { String::new() };
    [percent(part, whole), bar]
}

fn shown_name(bytes: &[u8]) -> String {
    let name = name(bytes);
    if name.is_empty() { "(the empty name)".to_owned() } else { name }
}

fn families(inventory: &Inventory, shown: Shown, style: Style, out: &mut String) {
    heading("Families of keys", style, out);
    let mut order: Vec<&Family> = inventory.families.iter().collect();
    if shown.sort == super::Sort::Name {
        order.sort_by(|a, b| a.pattern.0.cmp(&b.pattern.0));
    }
    // Stable, so that equals stay in the order of the inventory.
    shown.sort.sort(&mut order, |family| Weights {
        memory: family.memory,
        bytes: family.bytes,
        elements: family.elements,
        keys: family.keys,
    });
    let mut grid = Grid::new([
        ("pattern", Column::Name),
        ("is", Column::Left),
        ("keys", Column::Right),
        ("memory", Column::Right),
        ("share", Column::Right),
        ("", Column::Bar),
        ("in the dump", Column::Spare),
        ("elements", Column::Spare),
        ("expiring", Column::Spare),
        ("each", Column::Spare),
    ]);
    for family in order.iter().take(FAMILIES) {
        let is = if family.kind == FamilyKind::Other { "" } else { family.kind.as_str() };
        let [share, bar] = share(family.memory, inventory.memory, style);
        grid.row([
            shown_name(&family.pattern.0),
            is.to_owned(),
            number(family.keys),
            size(family.memory),
            share,
            bar,
            size(family.bytes),
            number(family.elements),
            number(family.with_expiry),
            size(family.memory / family.keys.max(1)),
        ]);
    }
    grid.render(2, style, out);
    let hidden = order.get(FAMILIES..).unwrap_or_default();
    if !hidden.is_empty() {
        let keys = hidden.iter().fold(0_u64, |sum, family| sum.saturating_add(family.keys));
        let memory = hidden.iter().fold(0_u64, |sum, family| sum.saturating_add(family.memory));
        let (families, keys) = (number(hidden.len() as u64), counted(keys, "key"));
        dim_line(&format!("and {families} more with {keys} and {}: --format json", size(memory)), style, out);
    }
}

/// As a tree: each prefix above those that begin with it, and those of one parent in the order that was asked for.
fn prefixes(all: &[Prefix], memory: u64, shown: Shown, style: Style, out: &mut String) {
    heading("Prefixes of keys", style, out);
    let mut grid = Grid::new([
        ("prefix", Column::Name),
        ("keys", Column::Right),
        ("memory", Column::Right),
        ("share", Column::Right),
        ("", Column::Bar),
        ("in the dump", Column::Spare),
        ("elements", Column::Spare),
        ("expiring", Column::Spare),
    ]);
    let order = in_order(all, shown);
    for prefix in order.iter().take(PREFIXES) {
        let [share, bar] = share(prefix.memory, memory, style);
        grid.row([
            format!("{}{}", "  ".repeat(prefix.depth.saturating_sub(1)), shown_name(&prefix.prefix.0)),
            number(prefix.keys),
            size(prefix.memory),
            share,
            bar,
            size(prefix.bytes),
            number(prefix.elements),
            number(prefix.with_expiry),
        ]);
    }
    grid.render(2, style, out);
    if let Some(more) = order.len().checked_sub(PREFIXES).filter(|more| *more > 0) {
        dim_line(&format!("and {} more: --format json", number(more as u64)), style, out);
    }
}

fn in_order(all: &[Prefix], shown: Shown) -> Vec<&Prefix> {
    let mut order = Vec::with_capacity(all.len());
    place(all, shown, &mut order);
    order
}

/// `run` is prefixes of some depth, each followed by those in it.
fn place<'p>(run: &'p [Prefix], shown: Shown, order: &mut Vec<&'p Prefix>) {
    let Some(depth) = run.first().map(|first| first.depth) else { return };
    let mut groups: Vec<&[Prefix]> =
        run.chunk_by(|_, next| next.depth > depth).filter(|group| !group.is_empty()).collect();
    shown.sort.sort(&mut groups, |group| {
        let head = group.first();
        head.map_or(Weights::default(), |head| Weights {
            memory: head.memory,
            bytes: head.bytes,
            elements: head.elements,
            keys: head.keys,
        })
    });
    for group in groups {
        if let Some((head, inner)) = group.split_first() {
            order.push(head);
            place(inner, shown, order);
        }
    }
}

fn types(inventory: &Inventory, shown: Shown, style: Style, out: &mut String) {
    if inventory.types.is_empty() {
        return;
    }
    heading("Types", style, out);
    let mut order: Vec<&Type> = inventory.types.iter().collect();
    shown.sort.sort(&mut order, |one| Weights {
        memory: one.memory,
        bytes: one.bytes,
        elements: one.elements,
        keys: one.keys,
    });
    let mut grid = Grid::new([
        ("type", Column::Left),
        ("form", Column::Left),
        ("keys", Column::Right),
        ("memory", Column::Right),
        ("share", Column::Spare),
        ("", Column::Bar),
        ("in the dump", Column::Spare),
        ("elements", Column::Spare),
    ]);
    for of_type in order {
        let [share, bar] = share(of_type.memory, inventory.memory, style);
        grid.row([
            name(of_type.kind.as_bytes()),
            of_type.encoding.to_owned(),
            number(of_type.keys),
            size(of_type.memory),
            share,
            bar,
            size(of_type.bytes),
            number(of_type.elements),
        ]);
    }
    grid.render(2, style, out);
}

fn largest(inventory: &Inventory, shown: Shown, style: Style, out: &mut String) {
    let most = shown.top.unwrap_or(LARGEST);
    let largest = &inventory.largest;
    let databases = inventory.databases.len() > 1;
    keys("Largest keys", &largest.by_memory, most, databases, style, out);
    if shown.top.is_none() {
        return;
    }
    keys("Keys with most elements", &largest.by_elements, most, databases, style, out);
    for of_type in &largest.by_type {
        let title = format!("Largest keys of type {}", name(of_type.kind.as_bytes()));
        keys(&title, &of_type.keys, most, databases, style, out);
    }
}

fn keys(title: &str, keys: &[LargeKey], most: usize, databases: bool, style: Style, out: &mut String) {
    if keys.is_empty() {
        return;
    }
    heading(title, style, out);
    let mut grid = Grid::new([
        ("key", Column::Name),
        ("type", Column::Left),
        ("elements", Column::Right),
        ("memory", Column::Right),
        ("in the dump", Column::Spare),
        ("form", Column::Spare),
        ("expires", Column::Spare),
    ]);
    for large in keys.iter().take(most) {
        let kind = name(large.kind.as_bytes());
        grid.row([
            // In one piece where it is whole, so that it can be copied.
            if large.key.is_whole() { shown_name(&large.key.head) } else { cut(large) },
            if databases { format!("{kind} in {}", large.db) } else { kind },
            number(large.elements),
            size(large.memory),
            size(large.bytes),
            large.encoding.to_owned(),
            large.expires.as_deref().map(time).unwrap_or_default(),
        ]);
    }
    grid.render(2, style, out);
}

fn cut(large: &LargeKey) -> String {
    format!("{}…{} ({} bytes)", name(&large.key.head), name(&large.key.tail), number(large.key.len as u64))
}

fn spans(inventory: &Inventory, style: Style, out: &mut String) {
    if inventory.databases.iter().all(|database| database.with_expiry == 0) {
        return;
    }
    heading("Times to live when the dump was made", style, out);
    let mut grid = Grid::new([
        ("left", Column::Left),
        ("keys", Column::Right),
        ("memory", Column::Right),
        ("share", Column::Spare),
        ("", Column::Bar),
    ]);
    for span in inventory.expiries.iter().filter(|span| span.keys > 0) {
        let [share, bar] = share(span.memory, inventory.memory, style);
        grid.row([span.left.to_owned(), number(span.keys), size(span.memory), share, bar]);
    }
    grid.render(2, style, out);
}

fn databases(inventory: &Inventory, style: Style, out: &mut String) {
    if inventory.databases.len() < 2 {
        return;
    }
    heading("Databases", style, out);
    let columns =
        [("db", Column::Right), ("keys", Column::Right), ("expiring", Column::Right), ("memory", Column::Right)];
    let mut grid = Grid::new(columns);
    for one in inventory.databases.iter().take(DATABASES) {
        grid.row([one.db.to_string(), number(one.keys), number(one.with_expiry), size(one.memory)]);
    }
    grid.render(2, style, out);
    let hidden = inventory.databases.len().saturating_sub(DATABASES);
    if hidden > 0 {
        dim_line(&format!("and {} more: --format json", number(hidden as u64)), style, out);
    }
}
