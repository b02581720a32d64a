//! Whether a value names an undecidable record: then it is not deleted.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::Error;
use crate::dump::rdb::{Element, Flow, Json, Record, Scratch, StreamFields, StreamId, Visitor};

/// Looks for the keys of undecidable records anywhere in a value.
pub struct Holds<'h> {
    held: &'h [&'h BTreeSet<Vec<u8>>],
    found: bool,
}

impl<'h> Holds<'h> {
    /// Whether a value holds one of them.
    pub fn find(record: &Record<'_>, held: &'h [&'h BTreeSet<Vec<u8>>]) -> Result<bool, Error> {
        if held.iter().all(|held| held.is_empty()) {
            return Ok(false);
        }
        let mut holds = Self { held, found: false };
        record.value.visit(&mut Scratch::default(), &mut holds)?;
        Ok(holds.found)
    }

    fn look(&mut self, bytes: &[u8]) -> Flow {
        self.found |= self.held.iter().any(|held| held.contains(bytes));
        if self.found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Visitor for Holds<'_> {
    fn string(&mut self, value: Element<'_>) -> Flow {
        self.look(value.bytes)
    }
    fn list_element(&mut self, _: u64, value: Element<'_>) -> Flow {
        self.look(value.bytes)
    }
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.look(member.bytes)
    }
    fn zset_member(&mut self, member: Element<'_>, _: f64) -> Flow {
        self.look(member.bytes)
    }
    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, _: Option<i64>) -> Flow {
        self.look(field.bytes)?;
        self.look(value.bytes)
    }
    fn stream_entry(&mut self, _: StreamId, fields: &mut StreamFields<'_>) -> Flow {
        while let Some((field, value)) = fields.next() {
            self.look(field.bytes)?;
            self.look(value.bytes)?;
        }
        ControlFlow::Continue(())
    }
    fn array_element(&mut self, _: u64, value: Element<'_>) -> Flow {
        self.look(value.bytes)
    }
    fn module_string(&mut self, value: Element<'_>) -> Flow {
        self.look(value.bytes)
    }
    fn json(&mut self, json: Json<'_>) -> Flow {
        let mut scratch = Vec::new();
        let text = if let Json::Text(raw) = json { raw.decode(&mut scratch).ok() } else { None };
        match text.and_then(|text| serde_json::from_slice::<Strings>(text).ok()) {
            Some(Strings(strings)) => strings.iter().try_for_each(|string| self.look(string.as_bytes())),
            // What cannot be read might hold anything.
            None => {
                self.found = true;
                ControlFlow::Break(())
            }
        }
    }
}

/// Every string in a JSON text, names of fields included.
struct Strings(Vec<String>);

impl<'de> serde::Deserialize<'de> for Strings {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> serde::de::Visitor<'de> for Collect {
            type Value = Strings;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("JSON")
            }
            fn visit_unit<E>(self) -> Result<Strings, E> {
                Ok(Strings(Vec::new()))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Strings, E> {
                Ok(Strings(Vec::new()))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Strings, E> {
                Ok(Strings(Vec::new()))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Strings, E> {
                Ok(Strings(Vec::new()))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Strings, E> {
                Ok(Strings(Vec::new()))
            }
            fn visit_str<E>(self, text: &str) -> Result<Strings, E> {
                Ok(Strings(vec![text.to_owned()]))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Strings, A::Error> {
                let mut all = Vec::new();
                while let Some(Strings(strings)) = seq.next_element()? {
                    all.extend(strings);
                }
                Ok(Strings(all))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Strings, A::Error> {
                let mut all = Vec::new();
                while let Some((name, Strings(strings))) = map.next_entry::<String, Strings>()? {
                    all.push(name);
                    all.extend(strings);
                }
                Ok(Strings(all))
            }
        }
        deserializer.deserialize_any(Collect)
    }
}
