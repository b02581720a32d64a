//! The keys that `exists` asks for: what each is to the rules that name it.

use std::borrow::Cow;

use super::life::{self, Life};
use super::tables::{Rows, Table};
use crate::dump::rdb::{self, Element, Flow, Kind, Record, Scratch, Visitor};
use crate::export::Cell;
use crate::model::document::{Extractor, Slot, Slots};
use crate::model::entry::{Met, met};
use crate::model::spec::{Captured, Condition, Exists, Form, Spec, Template, Test, Texts};
use crate::model::view::{Clock, Expires, decode};

/// One way in which an entry of a rule may stay.
#[derive(Clone, Debug)]
pub struct Alternative<'s> {
    pub number: usize,
    pub db: u64,
    pub exists: &'s Exists,
    form: Form,
    /// By condition: it compares a field with what an entry says.
    dynamic: Vec<bool>,
}

impl<'s> Alternative<'s> {
    /// Those of all rules, numbered in their order.
    pub fn all(spec: &'s Spec) -> Vec<(usize, Self)> {
        let all = spec.indexes.iter().enumerate();
        let all = all.flat_map(|(at, index)| index.exists.iter().map(move |exists| (at, index, exists)));
        let one = |(number, (at, index, exists)): (usize, (usize, _, &'s Exists))| {
            let index: &crate::model::spec::Index = index;
            let form = Form::new(&exists.key.parts, &index.captures, None);
            let dynamic = exists.conditions.iter().map(is_dynamic).collect();
            (at, Self { number, db: index.db, exists, form, dynamic })
        };
        all.enumerate().map(one).collect()
    }

    /// How many of its conditions compare a field with what an entry says.
    pub fn compared(&self) -> usize {
        self.dynamic.iter().filter(|dynamic| **dynamic).count()
    }

    /// Those conditions: their numbers, and what they compare with.
    pub fn comparisons(&self) -> impl Iterator<Item = (usize, &'s [Template])> {
        let conditions = self.exists.conditions.iter().zip(&self.dynamic).enumerate();
        conditions.filter(|(_, (_, dynamic))| **dynamic).map(|(number, (condition, _))| match &condition.test {
            Test::OneOf(texts) => (number, texts.as_slice()),
            Test::There | Test::Absent => (number, &[][..]),
        })
    }

    /// Writes what a key is to it, if it may be named by it and more is asked than that it is there.
    pub fn see(
        &self,
        record: &Record<'_>,
        key: &[u8],
        clock: &Clock,
        rows: &mut Rows<'_, '_>,
        scratch: &mut Scratch,
    ) -> Result<(), rdb::Error> {
        if self.exists.is_plain() || self.db != record.db || !self.form.has(key) {
            return Ok(());
        }
        let to = life::end(clock, record.expire_ms);
        let mut seen = Told { alternative: self, db: record.db, key, rows };
        // What expires in doubt may be there, and may be anything.
        if clock.expires(record.expire_ms) == Expires::InDoubt {
            seen.stays(None, &Life::until(to));
            return Ok(());
        }
        let kind = record.value.ty.kind();
        if self.exists.field.is_some() {
            if kind != Kind::Hash {
                seen.stays(None, &Life::until(to));
                return Ok(());
            }
            let mut fields = Fields { told: seen, clock: *clock, to, extractor: Extractor::new(&self.exists.paths) };
            return record.value.visit(scratch, &mut fields);
        }
        if !matches!(kind, Kind::String | Kind::Hash | Kind::Module) {
            seen.stays(None, &Life::until(to));
            return Ok(());
        }
        let mut expiries = field_expiries(record, scratch)?;
        let Some(spans) = life::spans(clock, &mut expiries) else {
            seen.stays(None, &Life::until(to));
            return Ok(());
        };
        let mut extractor = Extractor::new(&self.exists.paths);
        for (from, until, clock) in spans {
            let life = Life { from, to: until.min(to), need: None };
            let mut text = Vec::new();
            match decode(record, &mut extractor, &mut text, scratch, clock)? {
                Ok(slots) => seen.has(None, &slots, &life),
                Err(_) => seen.stays(None, &life),
            }
        }
        Ok(())
    }
}

/// The expiries of the fields of a hash; nothing is read of any other value.
pub fn field_expiries(record: &Record<'_>, scratch: &mut Scratch) -> Result<Vec<i64>, rdb::Error> {
    struct Expiries(Vec<i64>);
    impl Visitor for Expiries {
        fn hash_field(&mut self, _: Element<'_>, _: Element<'_>, expire_ms: Option<i64>) -> Flow {
            self.0.extend(expire_ms);
            Flow::Continue(())
        }
    }
    let mut expiries = Expiries(Vec::new());
    if record.value.ty.has_field_expiries() {
        record.value.visit(scratch, &mut expiries)?;
    }
    Ok(expiries.0)
}

fn is_dynamic(condition: &Condition) -> bool {
    match &condition.test {
        Test::OneOf(texts) => texts.iter().any(|text| text.captures().next().is_some()),
        Test::There | Test::Absent => false,
    }
}

struct Told<'t, 's, 'f, 'o> {
    alternative: &'t Alternative<'s>,
    db: u64,
    key: &'t [u8],
    rows: &'t mut Rows<'f, 'o>,
}

impl Told<'_, '_, '_, '_> {
    /// It stays whatever an entry says.
    fn stays(&mut self, field: Option<&[u8]>, life: &Life) {
        self.row(field, true, life);
        for condition in 0..self.alternative.dynamic.len() {
            self.text(field, condition, None, life);
        }
    }

    fn row(&mut self, field: Option<&[u8]>, ok: bool, life: &Life) {
        let [from, to, ..] = life.cells();
        self.rows.add(
            Table::Alternatives,
            &[
                Cell::Unsigned(self.db),
                Cell::Bytes(self.key),
                Cell::Unsigned(self.alternative.number as u64),
                Cell::Unsigned(u64::from(field.is_none())),
                Cell::Bytes(field.unwrap_or_default()),
                Cell::Unsigned(u64::from(ok)),
                from,
                to,
            ],
        );
    }

    fn text(&mut self, field: Option<&[u8]>, condition: usize, text: Option<&[u8]>, life: &Life) {
        if self.alternative.dynamic.get(condition) != Some(&true) {
            return;
        }
        let [from, to, ..] = life.cells();
        self.rows.add(
            Table::AlternativeTexts,
            &[
                Cell::Unsigned(self.db),
                Cell::Bytes(self.key),
                Cell::Unsigned(self.alternative.number as u64),
                Cell::Bytes(field.unwrap_or_default()),
                Cell::Unsigned(condition as u64),
                Cell::Unsigned(u64::from(text.is_none())),
                Cell::Bytes(text.unwrap_or_default()),
                from,
                to,
            ],
        );
    }

    /// What its fields are: what can be said without an entry, and the texts that are compared with it.
    fn has(&mut self, field: Option<&[u8]>, slots: &Slots<'_>, life: &Life) {
        let mut ok = true;
        let conditions = &self.alternative.exists.conditions;
        for (number, condition) in conditions.iter().enumerate() {
            if self.alternative.dynamic.get(number) == Some(&true) {
                for (_, slot) in slots.elements(condition.path) {
                    match slot {
                        Slot::Text(text) | Slot::Literal(text) => self.text(field, number, Some(text), life),
                        // What it is equal to cannot be said.
                        Slot::Composite => self.text(field, number, None, life),
                        Slot::Null | Slot::Absent => {}
                    }
                }
                continue;
            }
            let mut room = Vec::new();
            let is = |template: &Template, text: &[u8]| {
                room.clear();
                template.fill(&Captured::default(), &Texts::of_key(b""), &mut room) && room == text
            };
            ok &= met(condition, slots, is) != Met::No;
        }
        self.row(field, ok, life);
    }
}

struct Fields<'t, 's, 'f, 'o> {
    told: Told<'t, 's, 'f, 'o>,
    clock: Clock,
    to: i64,
    extractor: Extractor,
}

impl Visitor for Fields<'_, '_, '_, '_> {
    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, expire_ms: Option<i64>) -> Flow {
        let Self { told, clock, to, extractor } = self;
        let life = Life::until((*to).min(life::end(clock, expire_ms)));
        if told.alternative.exists.conditions.is_empty() {
            told.row(Some(field.bytes), true, &life);
            return Flow::Continue(());
        }
        let text: Cow<'_, [u8]> = value.bytes.into();
        match extractor.json(&text) {
            Ok(slots) => told.has(Some(field.bytes), &slots, &life),
            Err(_) => told.stays(Some(field.bytes), &life),
        }
        Flow::Continue(())
    }
}
