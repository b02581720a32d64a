//! Index keys and what they hold.

use super::alternatives::Alternative;
use super::life::{self, NEVER};
use super::tables::{Rows, Table};
use super::{Shared, depth_cells};
use crate::dump::rdb::{self, Element, Flow, Json, Kind, Record, Scratch, StreamFields, StreamId, Visitor};
use crate::dump::slots::slot_of;
use crate::export::Cell;
use crate::index::{Depths, MemberForms, strings};
use crate::model::document;
use crate::model::entry::Entries;
use crate::model::spec::{IndexType, Pattern, Policy, Reading};
use crate::model::view::Clock;

/// Numbers elements within the shard.
#[derive(Debug)]
pub struct Numbers(pub u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.saturating_add(1);
        self.0
    }
}

/// What the engine tells types apart by.
fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Set => "set",
        Kind::Zset => "zset",
        Kind::Hash => "hash",
        Kind::List => "list",
        Kind::String => "string",
        Kind::Stream | Kind::Module | Kind::Array => "other",
    }
}

/// A key of these families, none of which prunes.
pub fn see(
    shared: &Shared<'_>,
    record: &Record<'_>,
    (key, families): (&[u8], &[usize]),
    (rows, numbers): (&mut Rows<'_, '_>, &mut Numbers),
    scratch: &mut Scratch,
) -> Result<(), rdb::Error> {
    let spec = shared.names.spec;
    let is_shared = families.len() > 1;
    let first = families.first().copied().unwrap_or_default();
    let primary = if is_shared { shared.names.most_specific(record.db, key).unwrap_or(first) } else { first };
    let kind = record.value.ty.kind();
    let to = life::end(&shared.clock, record.expire_ms);
    let mut reading = Reading::default();
    for &family in families {
        let cells = [Cell::Unsigned(record.db), Cell::Bytes(key), Cell::Unsigned(family as u64)];
        let depths = Depths::of(&spec.indexes[family].family, key, &mut reading);
        rows.add(Table::Families, &[&cells[..], &depth_cells(depths)].concat());
    }
    let others = families.iter().filter(|&&other| other != primary && is_shared);
    let all = std::iter::once(primary).chain(others.copied());
    let forms = MemberForms::new(&spec.indexes[primary], all.map(|at| &spec.indexes[at]));
    let claimants = families.iter().copied().filter(|&at| spec.indexes[at].policy != Policy::Retire);
    let readers: Vec<(usize, Entries<'_>, &Pattern)> = claimants
        .clone()
        .filter_map(|at| {
            let index = spec.indexes.get(at).filter(|index| index.makes_up_its_record)?;
            Some((at, Entries::new(index, key)?, &spec.records.get(index.from?)?.key))
        })
        .collect();
    let mut look = Look {
        rows,
        numbers,
        db: record.db,
        key,
        to,
        clock: shared.clock,
        forms: &forms,
        readers,
        is_unreadable: false,
        name: Vec::new(),
    };
    // Of a family that goes as a whole nobody asks what its keys hold, unless it says what that looks like.
    if claimants.count() > 0 || !forms.is_empty() {
        record.value.visit(scratch, &mut look)?;
    }
    let is_unreadable = look.is_unreadable;
    rows.add(
        Table::IndexKeys,
        &[
            Cell::Plain(&shared.shard),
            Cell::Unsigned(record.db),
            Cell::Bytes(key),
            Cell::Unsigned(u64::from(slot_of(key))),
            Cell::Plain(kind_word(kind)),
            Cell::Unsigned(primary as u64),
            Cell::Unsigned(u64::from(is_shared)),
            Cell::Unsigned(record.value.elements()?),
            Cell::Unsigned(u64::from(is_unreadable)),
            Cell::Time(to),
        ],
    );
    Ok(())
}

/// Goes through what an index key holds.
struct Look<'l, 'f, 'o, 's> {
    rows: &'l mut Rows<'f, 'o>,
    numbers: &'l mut Numbers,
    db: u64,
    key: &'l [u8],
    to: i64,
    clock: Clock,
    forms: &'l MemberForms<'s>,
    readers: Vec<(usize, Entries<'s>, &'s Pattern)>,
    is_unreadable: bool,
    name: Vec<u8>,
}

impl Look<'_, '_, '_, '_> {
    /// An element: with its value, its score, and its own expiry.
    fn element(&mut self, member: &[u8], value: Option<&[u8]>, score: f64, expire_ms: Option<i64>) -> Flow {
        if self.rows.is_at_fault() {
            return Flow::Break(());
        }
        let number = self.numbers.next();
        let end = life::end(&self.clock, expire_ms);
        let to = self.to.min(end);
        self.rows.add(
            Table::Actual,
            &[
                Cell::Unsigned(self.db),
                Cell::Bytes(self.key),
                Cell::Unsigned(number),
                Cell::Bytes(member),
                Cell::Unsigned(u64::from(value.is_some())),
                Cell::Bytes(value.unwrap_or_default()),
                Cell::Score(if score == 0.0 { 0.0 } else { score }, ""),
                Cell::Unsigned(u64::from(expire_ms.is_some())),
                Cell::Unsigned(u64::from(self.forms.is_foreign(member))),
                Cell::Time(to),
            ],
        );
        self.composed(number, member, value.unwrap_or_default(), to);
        Flow::Continue(())
    }

    /// The names of records that an element makes up.
    fn composed(&mut self, number: u64, member: &[u8], value: &[u8], to: i64) {
        let mut name = std::mem::take(&mut self.name);
        for at in 0..self.readers.len() {
            let (index, entries, records) = &mut self.readers[at];
            name.clear();
            if entries.read(member, value) && entries.fill_parts(&records.parts, member, value, &mut name) {
                let index = *index as u64;
                self.mention(number, index, &name, to);
            }
        }
        self.name = name;
    }

    fn mention(&mut self, number: u64, index: u64, name: &[u8], to: i64) {
        self.rows.add(
            Table::Mentions,
            &[
                Cell::Unsigned(self.db),
                Cell::Bytes(self.key),
                Cell::Unsigned(number),
                Cell::Unsigned(index),
                Cell::Bytes(name),
                Cell::Time(to),
            ],
        );
    }

    /// Two strings of a value of another type.
    fn text(&mut self, member: &[u8], value: &[u8]) -> Flow {
        if self.rows.is_at_fault() {
            return Flow::Break(());
        }
        self.mention(0, super::EVERY_INDEX, member, self.to);
        if !value.is_empty() {
            self.mention(0, super::EVERY_INDEX, value, self.to);
        }
        self.composed(0, member, value, self.to);
        Flow::Continue(())
    }
}

impl Visitor for Look<'_, '_, '_, '_> {
    fn string(&mut self, value: Element<'_>) -> Flow {
        self.element(&[], Some(value.bytes), 0.0, None)
    }

    fn list_element(&mut self, _: u64, value: Element<'_>) -> Flow {
        self.text(value.bytes, &[])
    }

    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.element(member.bytes, None, 0.0, None)
    }

    fn zset_member(&mut self, member: Element<'_>, score: f64) -> Flow {
        self.element(member.bytes, None, score, None)
    }

    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, expire_ms: Option<i64>) -> Flow {
        self.element(field.bytes, Some(value.bytes), 0.0, expire_ms)
    }

    fn stream_entry(&mut self, _: StreamId, fields: &mut StreamFields<'_>) -> Flow {
        while let Some((field, value)) = fields.next() {
            self.text(field.bytes, value.bytes)?;
        }
        Flow::Continue(())
    }

    fn array_element(&mut self, _: u64, value: Element<'_>) -> Flow {
        self.text(value.bytes, &[])
    }

    fn module_string(&mut self, value: Element<'_>) -> Flow {
        self.text(value.bytes, &[])
    }

    fn json(&mut self, json: Json<'_>) -> Flow {
        let (mut buffer, mut out) = (Vec::new(), Vec::new());
        let text = document::text(json, 0, &mut buffer, &mut out).ok().and_then(Result::ok);
        let mut each = |string: &[u8]| {
            let _ = self.text(string, &[]);
        };
        let is_read = text.is_some_and(|text| strings(text, &mut each));
        // It might name any record.
        self.is_unreadable |= !is_read;
        Flow::Continue(())
    }
}

/// A key that these rules prune.
pub fn prune(
    shared: &Shared<'_>,
    record: &Record<'_>,
    (key, rules): (&[u8], &[usize]),
    (rows, numbers): (&mut Rows<'_, '_>, &mut Numbers),
    scratch: &mut Scratch,
) -> Result<(), rdb::Error> {
    let spec = shared.names.spec;
    let mut rules = rules.to_vec();
    // What is only reported on takes nothing away, and keeps nothing from being taken.
    let changes = rules.iter().any(|&at| spec.indexes[at].policy == Policy::Prune);
    if changes {
        rules.retain(|&at| spec.indexes[at].policy == Policy::Prune);
    }
    let to = life::end(&shared.clock, record.expire_ms);
    for &rule in &rules {
        rows.add(
            Table::PruneRules,
            &[
                Cell::Unsigned(record.db),
                Cell::Bytes(key),
                Cell::Unsigned(rule as u64),
                Cell::Unsigned(u64::from(changes)),
            ],
        );
    }
    let whole = |at: usize| spec.indexes[at].kind == IndexType::Any;
    let entries = rules.iter().filter_map(|&at| Some((at, Entries::new(spec.indexes.get(at)?, key)?)));
    let (of_key, inner): (Vec<_>, Vec<_>) = entries.partition(|(at, _)| whole(*at));
    let mut look = Entry { shared, rows, numbers, db: record.db, key, to, rules: inner, unformed: 0, name: Vec::new() };
    for (at, entries) in of_key.iter().filter(|(at, _)| spec.indexes[*at].family.literals() > 0) {
        look.references(0, *at, entries, (&[], &[]), to);
    }
    if !look.rules.is_empty() {
        record.value.visit(scratch, &mut look)?;
    }
    let unformed = look.unformed;
    rows.add(
        Table::PruneKeys,
        &[
            Cell::Plain(&shared.shard),
            Cell::Unsigned(record.db),
            Cell::Bytes(key),
            Cell::Unsigned(u64::from(slot_of(key))),
            Cell::Plain(kind_word(record.value.ty.kind())),
            Cell::Unsigned(rules.first().copied().unwrap_or_default() as u64),
            Cell::Unsigned(unformed),
            Cell::Time(to),
        ],
    );
    Ok(())
}

/// Goes through the entries of a key that is pruned.
struct Entry<'l, 'f, 'o, 's> {
    shared: &'l Shared<'s>,
    rows: &'l mut Rows<'f, 'o>,
    numbers: &'l mut Numbers,
    db: u64,
    key: &'l [u8],
    to: i64,
    rules: Vec<(usize, Entries<'l>)>,
    /// Entries that have the form of no rule, and no expiry.
    unformed: u64,
    name: Vec<u8>,
}

impl Entry<'_, '_, '_, '_> {
    fn entry(&mut self, member: &[u8], value: &[u8], expire_ms: Option<i64>) -> Flow {
        if self.rows.is_at_fault() {
            return Flow::Break(());
        }
        let end = life::end(&self.shared.clock, expire_ms);
        let to = self.to.min(end);
        let mut rules = std::mem::take(&mut self.rules);
        let mut number = 0;
        for (at, entries) in &mut rules {
            if entries.read(member, value) {
                if number == 0 {
                    number = self.numbers.next();
                }
                self.references(number, *at, entries, (member, value), to);
            }
        }
        self.rules = rules;
        if number == 0 && end == NEVER {
            self.unformed = self.unformed.saturating_add(1);
            return Flow::Continue(());
        }
        let number = if number == 0 { self.numbers.next() } else { number };
        self.rows.add(
            Table::Entries,
            &[
                Cell::Unsigned(self.db),
                Cell::Bytes(self.key),
                Cell::Unsigned(number),
                Cell::Bytes(member),
                Cell::Bytes(value),
                Cell::Time(to),
            ],
        );
        Flow::Continue(())
    }

    /// The keys that an entry names by a rule; without an entry, those that the name of its key names.
    fn references(
        &mut self,
        number: u64,
        rule: usize,
        entries: &Entries<'_>,
        (member, value): (&[u8], &[u8]),
        to: i64,
    ) {
        let shared = self.shared;
        let alternatives = shared.alternatives.iter().filter(|(at, _)| *at == rule);
        let mut name = std::mem::take(&mut self.name);
        for (_, Alternative { number: alternative, exists, .. }) in alternatives {
            name.clear();
            // Its captures are those of the entry: there is none that was not read.
            let _ = entries.fill(&exists.key, member, value, &mut name);
            let mut field = Vec::new();
            if let Some(template) = &exists.field {
                let _ = entries.fill(template, member, value, &mut field);
            }
            self.rows.add(
                Table::References,
                &[
                    Cell::Unsigned(self.db),
                    Cell::Bytes(self.key),
                    Cell::Unsigned(number),
                    Cell::Unsigned(rule as u64),
                    Cell::Unsigned(*alternative as u64),
                    Cell::Bytes(&name),
                    Cell::Unsigned(u64::from(exists.field.is_none())),
                    Cell::Bytes(&field),
                    Cell::Time(to),
                ],
            );
        }
        let alternatives = shared.alternatives.iter().filter(|(at, _)| *at == rule);
        for (_, alternative) in alternatives {
            for (condition, texts) in alternative.comparisons() {
                for text in texts {
                    name.clear();
                    if !entries.fill(text, member, value, &mut name) {
                        continue;
                    }
                    self.rows.add(
                        Table::ReferenceTexts,
                        &[
                            Cell::Unsigned(self.db),
                            Cell::Bytes(self.key),
                            Cell::Unsigned(number),
                            Cell::Unsigned(alternative.number as u64),
                            Cell::Unsigned(condition as u64),
                            Cell::Bytes(&name),
                        ],
                    );
                }
            }
        }
        self.name = name;
    }
}

impl Visitor for Entry<'_, '_, '_, '_> {
    fn string(&mut self, value: Element<'_>) -> Flow {
        self.entry(&[], value.bytes, None)
    }

    fn list_element(&mut self, _: u64, value: Element<'_>) -> Flow {
        self.entry(value.bytes, &[], None)
    }

    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.entry(member.bytes, &[], None)
    }

    fn zset_member(&mut self, member: Element<'_>, _: f64) -> Flow {
        self.entry(member.bytes, &[], None)
    }

    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, expire_ms: Option<i64>) -> Flow {
        self.entry(field.bytes, value.bytes, expire_ms)
    }
}
