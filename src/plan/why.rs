//! Why one edit is made, down to the fields of the record: for the few that are shown as examples.

use serde::{Deserialize, Serialize};

use super::unify::unify;
use crate::dump::rdb::Scratch;
use crate::index::{Difference, Source, SourcePlace};
use crate::model::document::{Extractor, Slot};
use crate::model::spec::{Filters, Index, Part, Path, Spec, Template};
use crate::model::view::decode;
use crate::text::Truncated;

/// A field of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// As the spec writes it.
    pub path: String,
    pub value: FieldValue,
}

/// What a record has in a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldValue {
    Absent,
    Null,
    /// An object or an array.
    Composite,
    Text(Truncated),
    /// A number, `true` or `false`.
    Literal(Truncated),
    /// It follows from a name that was made of it; whether it is text or a number does not.
    Implied(Truncated),
    /// The first of several values of an array.
    Several(Truncated, u64),
}

/// Fields kept of one record.
const FIELDS: usize = 6;

/// What the record that implies an addition has in the fields which decide about it; nothing for a member that stands in
/// no single record, or for a record that can only be read on the way through the dump.
pub fn of_record(d: &Difference<'_>, index: &Index, source: Source) -> Vec<Field> {
    let class = index.from.and_then(|class| d.spec.records.get(class));
    let (Some(class), SourcePlace::Key(start)) = (class, source.get()) else { return Vec::new() };
    let Ok(record) = d.dump.record(start) else { return Vec::new() };
    let mut extractor = Extractor::of(class);
    let mut text = Vec::new();
    let decoded = decode(&record, &mut extractor, &mut text, &mut Scratch::default(), d.clock);
    let Ok(Ok(slots)) = decoded else { return Vec::new() };
    let fields = fields(index).into_iter().filter_map(|part| {
        let (path, filters) = class.field(part)?;
        let at = class.slot(part)?;
        let value = |slot: Slot<'_>| match slot {
            Slot::Absent => FieldValue::Absent,
            Slot::Null => FieldValue::Null,
            Slot::Composite => FieldValue::Composite,
            Slot::Text(text) => FieldValue::Text(Truncated::new(text)),
            Slot::Literal(text) => FieldValue::Literal(Truncated::new(text)),
        };
        let value = match (slots.len(at), slots.element(at, 0)) {
            (2.., Some((_, Slot::Text(text) | Slot::Literal(text)))) => {
                FieldValue::Several(Truncated::new(text), u64::try_from(slots.len(at)).unwrap_or(u64::MAX))
            }
            _ => value(slots.get(at)),
        };
        Some(Field { path: shown(path, filters), value })
    });
    fields.collect()
}

/// What a record must have for a key to bear this name, where the name says so without doubt.
pub fn of_name(d: &Difference<'_>, index: &Index, template: &Template, name: &[u8]) -> Vec<Field> {
    let class = index.from.and_then(|class| d.spec.records.get(class));
    let unified = unify(template, name).filter(|unified| unified.unique);
    let (Some(class), Some(unified)) = (class, unified) else { return Vec::new() };
    let fields = unified.values.iter().filter_map(|(part, value)| {
        let path = match part {
            Part::Field(_) => class.field(part)?.0.to_string(),
            Part::RecordKey => "@key".to_owned(),
            Part::Capture(at) => format!("@{}", index.captures.name(*at)?),
            // Which value a filter made this of is not known.
            Part::Literal(_) | Part::Filtered(_) | Part::Wildcard | Part::Wild(_) => return None,
        };
        Some(Field { path, value: FieldValue::Implied(Truncated::new(value)) })
    });
    fields.take(FIELDS).collect()
}

/// The paths of all fields that decide whether a record is in an index, and where.
pub fn names(spec: &Spec, index: &Index) -> Vec<String> {
    let class = index.from.and_then(|class| spec.records.get(class));
    let fields = fields(index).into_iter().filter_map(|part| {
        let (path, filters) = class?.field(part)?;
        Some(shown(path, filters))
    });
    fields.collect()
}

fn shown(path: &Path, filters: Option<&Filters>) -> String {
    format!("{path}{}", filters.map(ToString::to_string).unwrap_or_default())
}

fn fields(index: &Index) -> Vec<&Part> {
    let mut fields = Vec::new();
    for part in index.templates().flat_map(Template::fields) {
        if !fields.contains(&part) && fields.len() < FIELDS {
            fields.push(part);
        }
    }
    fields
}
