//! The fields of a record, whatever it is made of.

use super::expiry::{Clock, Expires};
use crate::dump::rdb::{self, Element, Flow, Json, Kind, Record, Scratch, TypeName, Visitor};
use crate::model::document::{Extractor, HashFields, Slots};

struct Fields<'x>(HashFields<'x>, Clock);

impl Visitor for Fields<'_> {
    fn wants_value(&mut self, field: Element<'_>) -> bool {
        self.0.wants(field.bytes)
    }

    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, expire_ms: Option<i64>) -> Flow {
        if self.1.expires(expire_ms) != Expires::Gone {
            self.0.field(field.bytes, value.bytes);
        }
        Flow::Continue(())
    }
}

struct Members(Vec<Vec<u8>>);

impl Visitor for Members {
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.0.push(member.bytes.to_vec());
        Flow::Continue(())
    }
}

/// The fields of a record, or why it has none that could be relied on.
pub fn decode<'x, 'a: 'x>(
    record: &Record<'a>,
    extractor: &'x mut Extractor,
    text: &'x mut Vec<u8>,
    scratch: &mut Scratch,
    clock: Clock,
) -> Result<Result<Slots<'x>, String>, rdb::Error> {
    let value = &record.value;
    match value.ty.kind() {
        Kind::String => {
            let raw = rdb::string_at(value.bytes, 0)?;
            json(raw, value.offset, extractor, text)
        }
        Kind::Hash => {
            let mut fields = Fields(extractor.hash_fields(), clock);
            value.visit(scratch, &mut fields)?;
            Ok(Ok(fields.0.finish()))
        }
        Kind::Module => match value.json()? {
            Some(Json::Unsupported { encver }) => Ok(Err(format!("RedisJSON encoding version {encver}"))),
            Some(json) => {
                let slots = extractor.redis_json(json, value.offset as u64, text)?;
                Ok(slots.map_err(|error| error.to_string()))
            }
            None => Ok(Err(format!("a value of the module type {}", value.type_name()))),
        },
        Kind::Set => {
            let mut members = Members(Vec::new());
            value.visit(scratch, &mut members)?;
            Ok(Ok(extractor.members(members.0.iter().map(Vec::as_slice))))
        }
        _ => Ok(Err(format!("a {}, which cannot be a record", TypeName::Kind(value.ty.kind())))),
    }
}

fn json<'x, 'a: 'x>(
    raw: rdb::RawStr<'a>,
    offset: usize,
    extractor: &'x mut Extractor,
    text: &'x mut Vec<u8>,
) -> Result<Result<Slots<'x>, String>, rdb::Error> {
    let text = raw.decode(text).map_err(|kind| rdb::Error::in_string(offset as u64, kind))?;
    Ok(extractor.json(text).map_err(|error| error.to_string()))
}
