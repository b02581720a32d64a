//! What records say: the memberships that they imply, and what else has to be known of them.

use std::collections::BTreeMap;

use super::alternatives::field_expiries;
use super::life::{self, Life};
use super::tables::{Rows, Table};
use super::{Shared, depth_cells};
use crate::dump::rdb::{self, Record, Scratch};
use crate::dump::slots::slot_of;
use crate::export::Cell;
use crate::index::Depths;
use crate::model::derive::Deriver;
use crate::model::document::{Extractor, Slots};
use crate::model::spec::{Index, IndexType, Policy, Reading, RecordType};
use crate::model::view::{Clock, decode};

/// What is counted, in a way that needs no engine to be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    /// Records of a class.
    Records(usize),
    /// Those that can be decoded.
    Decodable(usize),
    /// Records of which nothing can be said in an index.
    Undecidable(usize),
    /// Some record would have an entry of the index if it had no `when`.
    Without(usize),
    /// Some record meets a condition of its `when`.
    Met(usize, usize),
}

impl Counted {
    /// The number of the index or class, and the name in the table.
    pub fn name(self) -> (usize, String) {
        match self {
            Self::Records(class) => (class, "class records".to_owned()),
            Self::Decodable(class) => (class, "class decodable".to_owned()),
            Self::Undecidable(index) => (index, "undecidable records".to_owned()),
            Self::Without(index) => (index, "when left out".to_owned()),
            Self::Met(index, condition) => (index, format!("when met {condition}")),
        }
    }
}

/// Numbers by what they are of, and from when to when.
pub type Counts = BTreeMap<(Counted, u64, Life), u64>;

/// How records of a class are indexed.
struct Rule {
    /// The number of the index.
    index: usize,
    deriver: Deriver,
    /// A field of the record decides.
    reads_fields: bool,
    /// The same without `when`.
    bare: Option<Deriver>,
    /// What is known of `when` by now of records that are there whatever the clock says.
    met: Vec<bool>,
    without: bool,
}

/// Reads the records of all classes.
pub struct Records<'s, 'a> {
    shared: &'s Shared<'a>,
    /// By class, what reads its records, which is taken out meanwhile, and its rules.
    readers: Vec<(Option<Extractor>, Vec<Rule>)>,
    /// By class: one has been decoded.
    decoded: Vec<bool>,
    /// Numbers of groups: those of this worker.
    groups: hashbrown::HashMap<Vec<u8>, i64, foldhash::fast::RandomState>,
    first_group: i64,
    pub counts: Counts,
    group: Vec<u8>,
    text: Vec<u8>,
    scratch: Scratch,
    reading: Reading,
}

impl<'s, 'a> Records<'s, 'a> {
    /// Nothing yet; numbers of groups begin with this one.
    pub fn new(shared: &'s Shared<'a>, first_group: i64) -> Self {
        let spec = shared.names.spec;
        let readers = spec.records.iter().enumerate().map(|(class, record)| {
            let own = spec.indexes.iter().enumerate();
            let own = own.filter(|(_, index)| index.from == Some(class) && index.policy != Policy::Retire);
            let rule = |(at, index): (usize, &Index)| Rule {
                index: at,
                deriver: Deriver::new(record, index),
                reads_fields: index.reads_fields(),
                bare: (!index.when.is_empty())
                    .then(|| Deriver::new(record, &Index { when: Vec::new(), ..index.clone() })),
                met: vec![false; index.when.len()],
                without: false,
            };
            (Some(Extractor::of(record)), own.map(rule).collect())
        });
        Self {
            shared,
            readers: readers.collect(),
            decoded: vec![false; spec.records.len()],
            groups: hashbrown::HashMap::default(),
            first_group,
            counts: Counts::new(),
            group: Vec::new(),
            text: Vec::new(),
            scratch: Scratch::default(),
            reading: Reading::default(),
        }
    }

    /// One record of a class.
    pub fn see(
        &mut self,
        record: &Record<'a>,
        key: &[u8],
        class: usize,
        rows: &mut Rows<'_, '_>,
    ) -> Result<(), rdb::Error> {
        let shared = self.shared;
        let need = shared.names.need(class, key);
        let to = life::end(&shared.clock, record.expire_ms);
        let whole = Life { need, ..Life::until(to) };
        *self.counts.entry((Counted::Records(class), record.db, whole.clone())).or_default() += 1;
        if shared.uses[class].required {
            let [from, to, has_need, need] = whole.cells();
            let cells = [Cell::Unsigned(class as u64), Cell::Bytes(key), from, to, has_need, need];
            rows.add(Table::Records, &[&cells[..], &[Cell::Unsigned(record.db)]].concat());
        }
        let uses = shared.uses[class];
        if !uses.derived && (!uses.any || (self.decoded[class] && whole.is_plain())) {
            return Ok(());
        }
        let mut expiries = field_expiries(record, &mut self.scratch)?;
        let Some(spans) = life::spans(&shared.clock, &mut expiries) else {
            self.undecodable(key, class, record.db, &whole, rows);
            return Ok(());
        };
        for (from, until, clock) in spans {
            let life = Life { from, to: until.min(whole.to), need: whole.need.clone() };
            self.in_span(record, key, class, clock, life, rows)?;
        }
        Ok(())
    }

    fn undecodable(&mut self, key: &[u8], class: usize, db: u64, life: &Life, rows: &mut Rows<'_, '_>) {
        row_of(Table::Undecidable, None, key, db, life, rows);
        for rule in &self.readers[class].1 {
            *self.counts.entry((Counted::Undecidable(rule.index), db, life.clone())).or_default() += 1;
        }
    }

    fn in_span(
        &mut self,
        record: &Record<'a>,
        key: &[u8],
        class: usize,
        clock: Clock,
        life: Life,
        rows: &mut Rows<'_, '_>,
    ) -> Result<(), rdb::Error> {
        let spec = self.shared.names.spec;
        // What is read borrows from both.
        let taken = self.readers[class].0.take();
        let mut extractor = taken.unwrap_or_else(|| Extractor::of(&spec.records[class]));
        let mut text = std::mem::take(&mut self.text);
        let decoded = decode(record, &mut extractor, &mut text, &mut self.scratch, clock)?;
        let mut is_decoded = true;
        match decoded {
            Ok(slots) => self.indexed(record, key, class, Some(&slots), &life, rows),
            Err(_) if spec.records[class].ty == Some(RecordType::String) => {
                self.indexed(record, key, class, None, &life, rows);
            }
            Err(_) => {
                is_decoded = false;
                self.undecodable(key, class, record.db, &life, rows);
            }
        }
        self.text = text;
        self.readers[class].0 = Some(extractor);
        if is_decoded {
            self.decoded[class] |= life.is_plain();
            *self.counts.entry((Counted::Decodable(class), record.db, life)).or_default() += 1;
        }
        Ok(())
    }

    /// What a record implies; without fields nothing is said where one is read.
    fn indexed(
        &mut self,
        record: &Record<'a>,
        key: &[u8],
        class: usize,
        slots: Option<&Slots<'_>>,
        life: &Life,
        rows: &mut Rows<'_, '_>,
    ) {
        let spec = self.shared.names.spec;
        let mut nothing = slots.is_none().then(|| Extractor::of(&spec.records[class]));
        let none = nothing.as_mut().map(Extractor::nothing);
        let Self { readers, groups, first_group, counts, group, reading, .. } = self;
        for rule in &mut readers[class].1 {
            let index = &spec.indexes[rule.index];
            let undecidable = |counts: &mut Counts, rows: &mut Rows<'_, '_>| {
                row_of(Table::Undecidable, Some(rule.index), key, record.db, life, rows);
                *counts.entry((Counted::Undecidable(rule.index), record.db, life.clone())).or_default() += 1;
            };
            if slots.is_none() && rule.reads_fields {
                undecidable(counts, rows);
                continue;
            }
            let Some(slots) = slots.or(none.as_ref()) else { continue };
            if let Some(bare) = &mut rule.bare {
                let mut note = |counted| *counts.entry((counted, record.db, life.clone())).or_default() += 1;
                if rule.met.contains(&false) || !life.is_plain() {
                    for (at, met) in rule.deriver.meets(key, slots).into_iter().enumerate() {
                        if met && !(rule.met[at] && life.is_plain()) {
                            note(Counted::Met(rule.index, at));
                            rule.met[at] |= life.is_plain();
                        }
                    }
                }
                if (!rule.without || !life.is_plain())
                    && bare.derive(key, slots, |_, _| {}).is_ok_and(|entries| entries > 0)
                {
                    note(Counted::Without(rule.index));
                    rule.without |= life.is_plain();
                }
            }
            let [from, to, has_need, need] = life.cells();
            let derived = rule.deriver.derive(key, slots, |_, implied| {
                group.clear();
                for part in std::iter::once(implied.key).chain(implied.require()) {
                    group.extend_from_slice(&(part.len() as u64).to_le_bytes());
                    group.extend_from_slice(part);
                }
                group.extend_from_slice(&(rule.index as u64).to_le_bytes());
                let number = match groups.get(group.as_slice()) {
                    Some(number) => *number,
                    None => {
                        let number = first_group.saturating_add(i64::try_from(groups.len()).unwrap_or(i64::MAX));
                        groups.insert(group.clone(), number);
                        let shard = self.shared.shard.as_str();
                        let depths = Depths::of(&index.family, implied.key, reading);
                        let cells = [
                            Cell::Plain(shard),
                            Cell::Time(number),
                            Cell::Unsigned(rule.index as u64),
                            Cell::Bytes(implied.key),
                            Cell::Unsigned(u64::from(slot_of(implied.key))),
                        ];
                        rows.add(Table::Groups, &[&cells[..], &depth_cells(depths)].concat());
                        for (required, class) in implied.require().zip(&index.require) {
                            rows.add(
                                Table::Requires,
                                &[
                                    Cell::Plain(shard),
                                    Cell::Time(number),
                                    Cell::Unsigned(class.record as u64),
                                    Cell::Bytes(required),
                                ],
                            );
                        }
                        number
                    }
                };
                let has_value = matches!(index.kind, IndexType::Hash | IndexType::String);
                // Both zeros are one score.
                let score = if implied.score == 0.0 { 0.0 } else { implied.score };
                rows.add(
                    Table::Desired,
                    &[
                        Cell::Plain(&self.shared.shard),
                        Cell::Time(number),
                        Cell::Bytes(implied.member),
                        Cell::Score(score, ""),
                        Cell::Bytes(if has_value { implied.value } else { b"" }),
                        Cell::Unsigned(record.start as u64),
                        from,
                        to,
                        has_need,
                        need,
                        Cell::Unsigned(record.db),
                    ],
                );
            });
            match derived {
                Ok(0) => row_of(Table::Unindexed, Some(rule.index), key, record.db, life, rows),
                Ok(_) => {}
                Err(_) => undecidable(counts, rows),
            }
        }
    }
}

/// A row of a record of an index, or of all.
fn row_of(table: Table, index: Option<usize>, key: &[u8], db: u64, life: &Life, rows: &mut Rows<'_, '_>) {
    let [from, to, has_need, need] = life.cells();
    let index = index.and_then(|index| i64::try_from(index).ok());
    // A small column takes no sign: all indexes are one more than the last.
    let index = Cell::Unsigned(index.map_or(super::EVERY_INDEX, i64::cast_unsigned));
    rows.add(table, &[index, Cell::Bytes(key), from, to, has_need, need, Cell::Unsigned(db)]);
}
