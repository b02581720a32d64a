//! Of the fields of hashes only some are wanted.

use std::collections::BTreeSet;

use rdb_reindex::dump::rdb::{Element, Flow, Item, Scratch, ValueType, Visitor, Walker};

use super::corpus;

type Field = (Vec<u8>, Vec<u8>, Option<i64>);

/// Wants the fields whose names have an even sum, or all.
#[derive(Default)]
struct Wanting {
    all: bool,
    asked: Vec<Vec<u8>>,
    found: Vec<Field>,
}

fn is_even(field: &[u8]) -> bool {
    field.iter().map(|byte| u64::from(*byte)).sum::<u64>().is_multiple_of(2)
}

impl Visitor for Wanting {
    fn wants_value(&mut self, field: Element<'_>) -> bool {
        self.asked.push(field.bytes.to_vec());
        self.all || is_even(field.bytes)
    }
    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, expire_ms: Option<i64>) -> Flow {
        self.found.push((field.bytes.to_vec(), value.bytes.to_vec(), expire_ms));
        Flow::Continue(())
    }
}

/// In every form of a hash that a server of the corpus wrote: each field is asked about, and the wanted ones come as if all were.
#[test]
fn fields_that_are_not_wanted_change_nothing_about_the_others() {
    let (mut forms, mut left_out) = (BTreeSet::new(), 0);
    for path in corpus() {
        let bytes = std::fs::read(&path).unwrap();
        let mut walker = Walker::new(&bytes).unwrap();
        while let Some(item) = walker.next().unwrap() {
            let Item::Record(record) = item else { continue };
            let (mut all, mut some) = (Wanting { all: true, ..Wanting::default() }, Wanting::default());
            record.value.visit(&mut Scratch::default(), &mut all).unwrap();
            record.value.visit(&mut Scratch::default(), &mut some).unwrap();
            let names: Vec<_> = all.found.iter().map(|field| field.0.clone()).collect();
            assert_eq!((&all.asked, &some.asked), (&names, &names));
            let even: Vec<_> = all.found.iter().filter(|field| is_even(&field.0)).cloned().collect();
            assert_eq!(some.found, even);
            left_out += all.found.len() - even.len();
            if !all.found.is_empty() {
                forms.insert(record.value.ty.name());
            }
        }
    }
    if !corpus().is_empty() {
        assert!(left_out > 10_000 && forms.len() >= 5, "{left_out} of {forms:?}");
    }
    eprintln!("{left_out} fields left out, of {forms:?}");
}

/// What stands in a value that is not wanted is not looked at; that it ends is.
#[test]
fn a_value_that_is_not_wanted_is_not_expanded() {
    // REDIS0011, a hash `h` of the fields `c` (odd: 99) and `b` (even: 98). The value of `c` is LZF of two bytes for five,
    // whose only instruction goes back to before the start.
    let damaged = b"\xc3\x02\x05\x20\x00";
    let hash = [&b"REDIS0011\x04\x01h\x02\x01c"[..], damaged, b"\x01b\x01v\xff\0\0\0\0\0\0\0\0"].concat();
    let visit = |bytes: &[u8], all: bool| {
        let mut walker = Walker::new(bytes).unwrap();
        let Some(Item::Record(record)) = walker.next().unwrap() else { panic!("a record") };
        assert_eq!(record.value.ty, ValueType::Hash);
        let mut some = Wanting { all, ..Wanting::default() };
        record.value.visit(&mut Scratch::default(), &mut some).map(|()| some.found)
    };
    assert!(visit(&hash, true).is_err());
    assert_eq!(visit(&hash, false).unwrap(), [(b"b".to_vec(), b"v".to_vec(), None)]);
}
