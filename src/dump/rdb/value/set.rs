//! Sets: member by member, an intset, or a listpack.

use std::ops::Range;

use super::*;
use crate::dump::rdb::integer::IntText;
use crate::dump::rdb::visitor;

pub(super) fn visit_run<V: Visitor + ?Sized>(
    cursor: &mut Cursor<'_>,
    run: Range<u64>,
    scratch: &mut Scratch,
    visitor: &mut V,
) -> Visited {
    for _ in run {
        go(visitor.set_member(element(cursor, &mut scratch.first)?))?;
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
    with_entries!(form, pack, entries => visit_entries(entries, pack.at, visitor))
}

fn visit_entries<'b, V: Visitor + ?Sized>(mut entries: impl Entries<'b>, string: u64, visitor: &mut V) -> Visited {
    let mut text = IntText::new();
    while let Some(packed) = entries.next_entry().map_err(|fault| fault.at(string))? {
        go(visitor.set_member(visitor::element(string, packed, &mut text)))?;
    }
    Ok(())
}
