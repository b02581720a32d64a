//! Lists: element by element, in one ziplist, or in nodes of either compact form.

use std::ops::Range;

use super::*;
use crate::dump::rdb::integer::IntText;
use crate::dump::rdb::visitor;

/// The element is a string of its own.
pub(super) const PLAIN: u64 = 1;
/// The elements are in a listpack.
const PACKED: u64 = 2;

pub(super) fn visit_run<V: Visitor + ?Sized>(
    cursor: &mut Cursor<'_>,
    run: Range<u64>,
    scratch: &mut Scratch,
    visitor: &mut V,
) -> Visited {
    for index in run {
        go(visitor.list_element(index, element(cursor, &mut scratch.first)?))?;
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
    with_entries!(form, pack, entries => visit_entries(entries, pack.at, &mut 0, visitor))
}

pub(super) fn visit_ziplists<V: Visitor + ?Sized>(
    cursor: &mut Cursor<'_>,
    scratch: &mut Scratch,
    visitor: &mut V,
) -> Visited {
    let nodes = cursor.length()?;
    cursor.fits("list nodes", nodes, 1)?;
    let mut index = 0;
    for _ in 0..nodes {
        visit_node(cursor, CompactForm::Ziplist, &mut index, scratch, visitor)?;
    }
    Ok(())
}

pub(super) fn visit_nodes<V: Visitor + ?Sized>(
    cursor: &mut Cursor<'_>,
    scratch: &mut Scratch,
    visitor: &mut V,
) -> Visited {
    let nodes = cursor.length()?;
    cursor.fits("list nodes", nodes, 2)?;
    let mut index = 0_u64;
    for _ in 0..nodes {
        let at = *cursor;
        match cursor.length()? {
            PLAIN => {
                go(visitor.list_element(index, element(cursor, &mut scratch.first)?))?;
                index = index.wrapping_add(1);
            }
            PACKED => visit_node(cursor, CompactForm::Listpack, &mut index, scratch, visitor)?,
            container => return Err(at.fail(ErrorKind::QuicklistContainer(container)).into()),
        }
    }
    Ok(())
}

fn visit_node<V: Visitor + ?Sized>(
    cursor: &mut Cursor<'_>,
    form: CompactForm,
    index: &mut u64,
    scratch: &mut Scratch,
    visitor: &mut V,
) -> Visited {
    let at = *cursor;
    let pack = open(cursor, form, &mut scratch.pack)?;
    if pack.bytes.is_empty() {
        return Err(at.fail(ErrorKind::QuicklistEmptyNode).into());
    }
    with_entries!(form, pack, entries => visit_entries(entries, pack.at, index, visitor))
}

fn visit_entries<'b, V: Visitor + ?Sized>(
    mut entries: impl Entries<'b>,
    string: u64,
    index: &mut u64,
    visitor: &mut V,
) -> Visited {
    let mut text = IntText::new();
    while let Some(packed) = entries.next_entry().map_err(|fault| fault.at(string))? {
        go(visitor.list_element(*index, visitor::element(string, packed, &mut text)))?;
        *index = index.wrapping_add(1);
    }
    Ok(())
}

/// Number of elements in all nodes.
pub(super) fn count(mut cursor: Cursor<'_>, ty: ValueType) -> Result<u64, Error> {
    let nodes = cursor.length()?;
    let mut elements = 0_u64;
    for _ in 0..nodes {
        let (container, form) = match ty {
            ValueType::ListQuicklist => (PACKED, CompactForm::Ziplist),
            _ => (cursor.length()?, CompactForm::Listpack),
        };
        let at = cursor.position();
        let string = cursor.string()?;
        if container != PLAIN && string.is_empty() {
            return Err(Error::at(at, ErrorKind::QuicklistEmptyNode));
        }
        let n = if container == PLAIN { 1 } else { compact_count(string, at, form)? };
        elements = elements.saturating_add(n);
    }
    Ok(elements)
}
