//! Hashes that share their field names.

use rdb_reindex::dump::rdb::{ErrorKind as K, Item, Scratch, Snippet, Walker};

use super::write::{Entry, i, listpack, s, string};
use super::{Told, body, facts, ok, redis, x};

/// Defines template 3 with the fields `a` and `bc`, and reads a value `k` of type `ty`.
fn with_template(ty: u8, value: &[u8]) -> Result<String, K> {
    body("REDIS0015", &[&x("F2 03 02 01 'a' 02 'bc'")[..], &[ty, 1, b'k'], value].concat())
}

fn lp(entries: &[Entry]) -> Vec<u8> {
    string(&listpack(entries))
}

fn names(names: &[Entry]) -> Vec<u8> {
    [vec![0], lp(names)].concat()
}

facts! {
    // The examples of the description; the first one's listpacks are field1, field2 and 0, 1, 2.
    example_29: redis(29, &[names(&[s("field1"), s("field2")]), lp(&[i(0), i(1), i(2)])].concat()) => ok("field1=1 field2=2");
    example_31: redis(31, &x("01 02 06 'field1' 06 'field2' C0 01 C0 02")) => ok("field1=1 field2=2");
    lp_with_names: redis(29, &[x("01 02 01 'a' 01 'b'"), lp(&[i(0), s("x"), s("y")])].concat()) => ok("a=x b=y");
    array_with_listpack: redis(31, &[names(&[s("a"), i(5)]), x("01 'x' C0 07")].concat()) => ok("a=x 5=7");

    lp_ref: with_template(30, &lp(&[i(3), s("x"), i(7)])) => ok("template 3 2 k<a=x bc=7>");
    array_ref: with_template(32, &x("03 01 'x' C0 07")) => ok("template 3 2 k<a=x bc=7>");
    packed_names: body("REDIS0015", &x("F2 00 01 C3 05 1A 00 61 E0 10 00 20 01 'k' 00 01 'x'")) =>
        ok("template 0 1 k<aaaaaaaaaaaaaaaaaaaaaaaaaa=x>");
    largest_id: body("REDIS0015", &x("F2 81 FF FF FF FF FF FF FF FF 01 01 'a' 20 01 'k' 81 FF FF FF FF FF FF FF FF 01 'x'")) =>
        ok("template 18446744073709551615 1 k<a=x>");
    prefix_before_a_template: body("REDIS0015", &x("F9 05 F2 00 01 01 'a' 20 01 'k' 00 01 'x'")) =>
        ok("template 0 1 k<freq=5 a=x>");

    unknown_lp: with_template(30, &lp(&[i(4), s("x"), i(7)])) => Err(K::TemplateUnknown(4));
    unknown_array: with_template(32, &x("04 01 'x' C0 07")) => Err(K::TemplateUnknown(4));
    defined_later: body("REDIS0015", &[&x("1E 01 'k'")[..], &lp(&[i(0), s("x")]), &x("F2 00 01 01 'a'")].concat()) =>
        Err(K::TemplateUnknown(0));
    twice: body("REDIS0015", &x("F2 00 01 01 'a' F2 00 01 01 'b'")) => Err(K::TemplateRepeated(0));
    no_fields: body("REDIS0015", &x("F2 00 00")) => Err(K::TemplateEmpty);
    same_field: body("REDIS0015", &x("F2 00 02 01 'a' 01 'a'")) => Err(K::TemplateField(Snippet::of(b"a")));
    same_field_in_another_form: body("REDIS0015", &x("F2 00 03 C0 05 01 'a' 01 '5'")) => Err(K::TemplateField(Snippet::of(b"5")));
    count_of_fields: body("REDIS0015", &x("F2 00 40 40")) => Err(K::Count { what: "fields of a hash template", count: 64, left: 9 });
    too_few: with_template(30, &lp(&[i(3), s("x")])) => Err(K::TemplateCount { values: 1, fields: 2 });
    too_many: with_template(30, &lp(&[i(3), s("x"), s("y"), s("z")])) => Err(K::TemplateCount { values: 3, fields: 2 });
    no_id: with_template(30, &lp(&[])) => Err(K::TemplateId(Snippet::of(b"")));
    text_id: with_template(30, &lp(&[s("x"), s("y"), s("z")])) => Err(K::TemplateId(Snippet::of(b"x")));
    format: redis(29, &x("02 00")) => Err(K::TemplateFormat(2));
    format_of_an_array: redis(31, &x("02 00")) => Err(K::TemplateFormat(2));
    no_inline_fields: redis(31, &x("01 00")) => Err(K::TemplateEmpty);
    same_inline_field: redis(31, &x("01 02 01 'a' 01 'a' 00 00")) => Err(K::TemplateField(Snippet::of(b"a")));
    count_of_values: redis(29, &[names(&[s("a"), s("b")]), lp(&[i(0), i(1)])].concat()) =>
        Err(K::TemplateCount { values: 1, fields: 2 });
}

/// A value that is visited late must not find more than one that is visited at once.
#[test]
fn defined_later_and_visited_later_still() {
    let file = [b"REDIS0015", &x("1E 01 'k'")[..], &lp(&[i(0), s("x")]), &x("F2 00 01 01 'a' FF"), &[0; 8]].concat();
    let mut walker = Walker::new(&file).unwrap();
    let Some(Item::Record(record)) = walker.next().unwrap() else { panic!("no record") };
    while walker.next().unwrap().is_some() {}
    let error = record.value.visit(&mut Scratch::default(), &mut Told::default()).unwrap_err();
    assert_eq!((error.kind, error.offset), (K::TemplateUnknown(0), 12));
}
