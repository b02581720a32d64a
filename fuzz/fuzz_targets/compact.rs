//! One value of any type: its first byte is the type, the rest the value. Of a type that is one string, the string's
//! content, so that the fuzzer need not learn to write lengths.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rdb_reindex::dump::rdb::{Element, Flavor, Flow, Item, Place, Resolver, Scratch, ValueType, Visitor, Walker};

/// Types that are one string.
const STRINGS: [u8; 9] = [9, 10, 11, 12, 13, 16, 17, 20, 23];

/// Remembers one element in eight, and where it is.
#[derive(Default)]
struct Places(Vec<(Place, Vec<u8>)>, usize);

impl Places {
    fn note(&mut self, element: Element<'_>) -> Flow {
        if self.1 % 8 == 0 {
            self.0.push((element.at, element.bytes.to_vec()));
        }
        self.1 += 1;
        Flow::Continue(())
    }
}

impl Visitor for Places {
    fn list_element(&mut self, _: u64, value: Element<'_>) -> Flow {
        self.note(value)
    }
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.note(member)
    }
    fn zset_member(&mut self, member: Element<'_>, _: f64) -> Flow {
        self.note(member)
    }
    fn hash_field(&mut self, field: Element<'_>, value: Element<'_>, _: Option<i64>) -> Flow {
        self.note(field)?;
        self.note(value)
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((ty, rest)) = data.split_first() else { return };
    let mut dump = b"REDIS0015".to_vec();
    dump.extend_from_slice(&[*ty, 1, b'k']);
    if STRINGS.contains(ty) {
        dump.push(0x80);
        dump.extend_from_slice(&(rest.len() as u32).to_be_bytes());
    }
    dump.extend_from_slice(rest);
    let Ok(mut walker) = Walker::new(&dump) else { return };
    let Ok(Some(Item::Record(record))) = walker.next() else { return };
    let mut places = Places::default();
    let visited = record.value.visit(&mut Scratch::default(), &mut places);
    if visited.is_ok() && record.value.ty != ValueType::Array && record.value.ty.byte() < 29 {
        let mut resolver = Resolver::new(&dump, Flavor::Redis);
        for (place, bytes) in places.0 {
            assert_eq!(resolver.resolve(place, record.value.ty, &mut Vec::new()), Ok(&bytes[..]));
        }
    }
});
