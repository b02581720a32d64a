//! A record class.

use super::{Pattern, Reader, RecordClass, Table};
use crate::model::spec::RecordType;
use crate::model::spec::names::capture::Captures;

const RECORD_KEYS: &[&str] = &["name", "key", "db", "type", "not", "exists"];
const TYPES: &[RecordType] = &[RecordType::String, RecordType::Hash, RecordType::Json, RecordType::Set];

impl Reader<'_> {
    pub(super) fn record(
        &mut self,
        table: Table<'_>,
        seen: &mut Vec<(u64, Option<RecordType>, Pattern, String)>,
    ) -> RecordClass {
        self.known_keys(table, RECORD_KEYS);
        let name = self.name(table, "record class", seen.iter().map(|(_, _, _, name)| name.as_str()));
        let db = self.db(table).unwrap_or(0);
        let ty = self.word(table, "type", TYPES, RecordType::as_str);
        let text = self.required(table, "key", "the keys of the records, as in key = \"prefix:*\"");
        let mut captures = Captures::default();
        if let Some((_, span)) = &text {
            self.no_byte_as_character(span);
        }
        let key = match text.as_ref().map(|(text, _)| Pattern::record(text, &mut captures)) {
            Some(Ok(key)) => Some(key),
            Some(Err(fault)) => {
                if let Some((text, span)) = &text {
                    self.fault(text, span, fault);
                }
                None
            }
            None => None,
        };
        let not = self.not(table);
        let exists = self.string(table, "exists").and_then(|(text, span)| {
            let declared = &mut captures.clone();
            self.captured((text, span), declared)
        });
        // Its name is known, so that what is made from it is not reported as well.
        let key = key.unwrap_or_else(Pattern::any);
        if let Some((_, span)) = text
            && let Some((_, _, _, other)) = seen.iter().find(|(d, t, k, _)| *d == db && *t == ty && *k == key)
        {
            let message = format!("the same keys as record class {other:?}");
            self.error(span, message, "a key belongs to one class; remove one of the two");
        }
        seen.push((db, ty, key.clone(), name.clone()));
        RecordClass { name, key, db, ty, not, exists, paths: Vec::new(), filtered: Vec::new() }
    }
}
