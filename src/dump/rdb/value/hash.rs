//! Hashes: field by field, with or without expiries, in a compact form, or as the values of a template.

use std::ops::Range;

use super::zset::odd;
use super::*;
use crate::dump::rdb::compact::Entry;
use crate::dump::rdb::error::Snippet;
use crate::dump::rdb::integer::IntText;
use crate::dump::rdb::visitor;

pub(super) fn visit_run<V: Visitor + ?Sized>(
    cursor: &mut Cursor<'_>,
    run: Range<u64>,
    scratch: &mut Scratch,
    visitor: &mut V,
) -> Visited {
    for _ in run {
        let field = element(cursor, &mut scratch.first)?;
        if !visitor.wants_value(field) {
            cursor.string()?;
            continue;
        }
        let value = element(cursor, &mut scratch.second)?;
        go(visitor.hash_field(field, value, None))?;
    }
    Ok(())
}

pub(super) fn visit_packed<V: Visitor + ?Sized>(
    cursor: &mut Cursor<'_>,
    form: CompactForm,
    scratch: &mut Scratch,
    visitor: &mut V,
) -> Visited {
    let pack = open(cursor, form, &mut scratch.pack)?;
    with_entries!(form, pack, entries => visit_pairs(entries, pack.at, visitor))
}

fn visit_pairs<'b, V: Visitor + ?Sized>(mut entries: impl Entries<'b>, string: u64, visitor: &mut V) -> Visited {
    let (mut field_text, mut value_text) = (IntText::new(), IntText::new());
    let mut pairs = 0_u64;
    while let Some(field) = entries.next_entry().map_err(|fault| fault.at(string))? {
        let Some(value) = entries.next_entry().map_err(|fault| fault.at(string))? else {
            return Err(odd(string, pairs, 2, 1));
        };
        let field = visitor::element(string, field, &mut field_text);
        if visitor.wants_value(field) {
            let value = visitor::element(string, value, &mut value_text);
            go(visitor.hash_field(field, value, None))?;
        }
        pairs = pairs.wrapping_add(1);
    }
    Ok(())
}

/// Largest expiry of a field, Unix milliseconds.
const LAST_EXPIRY: i64 = (1 << 48) - 1;

/// Orders fields without an expiry behind all others.
const NO_EXPIRY: i64 = i64::MAX;

/// An expiry as it stands in the dump.
fn as_written(ms: i64) -> i64 {
    if ms == NO_EXPIRY { 0 } else { ms }
}

/// Listpack of field, value, and Unix milliseconds or 0.
pub(super) fn visit_triples<V: Visitor + ?Sized>(
    cursor: &mut Cursor<'_>,
    scratch: &mut Scratch,
    visitor: &mut V,
) -> Visited {
    let pack = open(cursor, CompactForm::Listpack, &mut scratch.pack)?;
    let at = |fault: crate::dump::rdb::error::Fault| fault.at(pack.at);
    let mut entries = Listpack::new(pack.bytes).map_err(at)?;
    let (mut field_text, mut value_text) = (IntText::new(), IntText::new());
    let (mut triples, mut last) = (0_u64, 0);
    while let Some(field) = entries.next_entry().map_err(at)? {
        let Some(value) = entries.next_entry().map_err(at)? else { return Err(odd(pack.at, triples, 3, 1)) };
        let Some(ttl) = entries.next_entry().map_err(at)? else { return Err(odd(pack.at, triples, 3, 2)) };
        let expire_ms = match ttl.entry {
            Entry::Int(0) => None,
            Entry::Int(ms @ 1..=LAST_EXPIRY) => Some(ms),
            entry => {
                let kind = ErrorKind::FieldTtl(Snippet::of(entry.text(&mut field_text)));
                let inside = Some(u64::from(ttl.at));
                return Err(Error { offset: pack.at, inside, record: None, kind }.into());
            }
        };
        // Servers look for the next expiry at the front: those without one stand behind all others.
        let next = expire_ms.unwrap_or(NO_EXPIRY);
        if next < last {
            let kind = ErrorKind::FieldTtlOrder { previous: as_written(last), next: as_written(next) };
            return Err(Error { offset: pack.at, inside: Some(u64::from(ttl.at)), record: None, kind }.into());
        }
        last = next;
        let field = visitor::element(pack.at, field, &mut field_text);
        if visitor.wants_value(field) {
            let value = visitor::element(pack.at, value, &mut value_text);
            go(visitor.hash_field(field, value, expire_ms))?;
        }
        triples = triples.wrapping_add(1);
    }
    Ok(())
}

/// Expiry, field, value. The expiry is Unix milliseconds, or one more than the milliseconds after `minimum`; 0 is none.
pub(super) fn visit_metadata<V: Visitor + ?Sized>(
    cursor: &mut Cursor<'_>,
    minimum: Option<i64>,
    scratch: &mut Scratch,
    visitor: &mut V,
) -> Visited {
    let n = cursor.length()?;
    for _ in 0..cursor.fits("fields", n, 3)? {
        let at = *cursor;
        let ttl = cursor.length()?;
        let expire_ms = match ttl {
            0 => None,
            _ => {
                let base = minimum.unwrap_or(1);
                let due = i64::try_from(ttl).ok().and_then(|ttl| base.checked_add(ttl)?.checked_sub(1));
                match due {
                    Some(ms @ 0..=LAST_EXPIRY) => Some(ms),
                    _ => return Err(at.fail(ErrorKind::FieldExpiry { minimum: base, ttl }).into()),
                }
            }
        };
        let field = element(cursor, &mut scratch.first)?;
        if !visitor.wants_value(field) {
            cursor.string()?;
            continue;
        }
        let value = element(cursor, &mut scratch.second)?;
        go(visitor.hash_field(field, value, expire_ms))?;
    }
    Ok(())
}

/// Valkey: field, value, and Unix milliseconds or -1.
pub(super) fn visit_hash_2<V: Visitor + ?Sized>(
    cursor: &mut Cursor<'_>,
    scratch: &mut Scratch,
    visitor: &mut V,
) -> Visited {
    let n = cursor.length()?;
    for _ in 0..cursor.fits("fields", n, 10)? {
        let field = element(cursor, &mut scratch.first)?;
        let wanted = visitor.wants_value(field);
        let value = if wanted { Some(element(cursor, &mut scratch.second)?) } else { cursor.string().map(|_| None)? };
        let at = *cursor;
        let expire_ms = match cursor.i64_le()? {
            -1 => None,
            ms @ 0.. => Some(ms),
            ms => return Err(at.fail(ErrorKind::FieldTtl(Snippet::of(IntText::new().write(ms)))).into()),
        };
        if let Some(value) = value {
            go(visitor.hash_field(field, value, expire_ms))?;
        }
    }
    Ok(())
}

/// The values of a template, which comes along or has been defined before.
pub(super) fn visit_template<V: Visitor + ?Sized>(
    cursor: &mut Cursor<'_>,
    ty: ValueType,
    registry: Option<&Registry>,
    scratch: &mut Scratch,
    visitor: &mut V,
) -> Visited {
    match ty {
        ValueType::HashTmplLp => {
            let template = Template::read_inline(cursor)?;
            visit_packed_values(cursor, |_| Some(Arc::new(template)), scratch, visitor)
        }
        ValueType::HashTmplLpRef => {
            let before = cursor.position();
            visit_packed_values(cursor, |id| registry?.get(id, before), scratch, visitor)
        }
        ValueType::HashTmplArray => {
            let template = Template::read_inline(cursor)?;
            visit_values(cursor, &template, scratch, visitor)
        }
        _ => {
            let template = find(cursor, registry)?;
            visit_values(cursor, &template, scratch, visitor)
        }
    }
}

/// Reads an id and finds its template.
fn find(cursor: &mut Cursor<'_>, registry: Option<&Registry>) -> Result<Arc<Template>, Error> {
    let at = *cursor;
    let id = cursor.length()?;
    let template = registry.and_then(|registry| registry.get(id, at.position()));
    template.ok_or_else(|| at.fail(ErrorKind::TemplateUnknown(id)))
}

fn visit_values<V: Visitor + ?Sized>(
    cursor: &mut Cursor<'_>,
    template: &Template,
    scratch: &mut Scratch,
    visitor: &mut V,
) -> Visited {
    for field in template.fields() {
        if !visitor.wants_value(field) {
            cursor.string()?;
            continue;
        }
        go(visitor.hash_field(field, element(cursor, &mut scratch.second)?, None))?;
    }
    Ok(())
}

/// A listpack of an integer, from which `find` knows the template, and the values.
fn visit_packed_values<V: Visitor + ?Sized>(
    cursor: &mut Cursor<'_>,
    find: impl FnOnce(u64) -> Option<Arc<Template>>,
    scratch: &mut Scratch,
    visitor: &mut V,
) -> Visited {
    let pack = open(cursor, CompactForm::Listpack, &mut scratch.pack)?;
    let at = |fault: crate::dump::rdb::error::Fault| fault.at(pack.at);
    let fail = |kind| Error { offset: pack.at, inside: None, record: None, kind };
    let mut entries = Listpack::new(pack.bytes).map_err(at)?;
    let mut text = IntText::new();
    let id = match entries.next_entry().map_err(at)?.map(|packed| packed.entry) {
        Some(Entry::Int(id)) => u64::from_ne_bytes(id.to_ne_bytes()),
        Some(Entry::Text(text)) => return Err(fail(ErrorKind::TemplateId(Snippet::of(text))).into()),
        None => return Err(fail(ErrorKind::TemplateId(Snippet::of(b""))).into()),
    };
    let template = find(id).ok_or_else(|| fail(ErrorKind::TemplateUnknown(id)))?;
    let fields = template.len();
    let mut values = 0_u64;
    for field in template.fields() {
        let Some(value) = entries.next_entry().map_err(at)? else {
            return Err(fail(ErrorKind::TemplateCount { values, fields }).into());
        };
        values = values.wrapping_add(1);
        go(visitor.hash_field(field, visitor::element(pack.at, value, &mut text), None))?;
    }
    while entries.next_entry().map_err(at)?.is_some() {
        values = values.wrapping_add(1);
    }
    if values == fields { Ok(()) } else { Err(fail(ErrorKind::TemplateCount { values, fields }).into()) }
}

/// Number of fields of a hash with a template.
pub(super) fn count_template(mut cursor: Cursor<'_>, ty: ValueType, registry: Option<&Registry>) -> Result<u64, Error> {
    if ty == ValueType::HashTmplArrayRef {
        return find(&mut cursor, registry).map(|template| template.len());
    }
    if ty != ValueType::HashTmplLpRef {
        let at = cursor;
        match cursor.length()? {
            0 => {}
            1 => return cursor.length(),
            format => return Err(at.fail(ErrorKind::TemplateFormat(format))),
        }
    }
    let at = cursor.position();
    let entries = compact_count(cursor.string()?, at, CompactForm::Listpack)?;
    // Where the values are in a listpack with the id, that is one more.
    Ok(if ty == ValueType::HashTmplLpRef { entries.saturating_sub(1) } else { entries })
}
