//! What is written is what is read, and LZF does what its instructions say.

use proptest::prelude::*;
use rdb_reindex::dump::rdb::{Item, Scratch, Visitor, Walker, lzf};

use super::write::{Entry, intset, listpack, string, ziplist, zipmap};

/// Collects the elements of any collection, a pair as two.
#[derive(Default)]
struct Flat(Vec<Vec<u8>>);

impl Visitor for Flat {
    fn set_member(&mut self, member: rdb_reindex::dump::rdb::Element<'_>) -> rdb_reindex::dump::rdb::Flow {
        self.0.push(member.bytes.to_vec());
        rdb_reindex::dump::rdb::Flow::Continue(())
    }
    fn list_element(&mut self, _: u64, value: rdb_reindex::dump::rdb::Element<'_>) -> rdb_reindex::dump::rdb::Flow {
        self.0.push(value.bytes.to_vec());
        rdb_reindex::dump::rdb::Flow::Continue(())
    }
    fn hash_field(
        &mut self,
        field: rdb_reindex::dump::rdb::Element<'_>,
        value: rdb_reindex::dump::rdb::Element<'_>,
        _: Option<i64>,
    ) -> rdb_reindex::dump::rdb::Flow {
        self.0.push(field.bytes.to_vec());
        self.0.push(value.bytes.to_vec());
        rdb_reindex::dump::rdb::Flow::Continue(())
    }
}

/// The elements of a value, and how many there are by its header.
fn read(ty: u8, value: &[u8]) -> (Vec<Vec<u8>>, u64) {
    let file = [b"REDIS0012", &[ty, 0][..], value, &[255], &[0; 8]].concat();
    let mut walker = Walker::new(&file).unwrap();
    let Some(Item::Record(record)) = walker.next().unwrap() else { panic!("no record") };
    let mut flat = Flat::default();
    record.value.visit(&mut Scratch::default(), &mut flat).unwrap();
    let elements = record.value.elements().unwrap();
    assert!(matches!(walker.next(), Ok(Some(Item::End(_)))));
    (flat.0, elements)
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        // Every magnitude of an integer, and texts on both sides of each length form.
        (any::<i64>(), 0..64_u32).prop_map(|(n, bits)| Entry::I(n >> bits)),
        prop::collection::vec(any::<u8>(), 0..80).prop_map(Entry::S),
        prop::collection::vec(any::<u8>(), 4000..4200).prop_map(Entry::S),
    ]
}

fn texts(entries: &[Entry]) -> Vec<Vec<u8>> {
    entries.iter().map(Entry::text).collect()
}

/// One instruction of LZF, not yet bound to what is written before it.
#[derive(Debug, Clone)]
enum Op {
    Literal(Vec<u8>),
    Copy { n: usize, distance: usize },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 1..=32).prop_map(Op::Literal),
        (3..=264_usize, prop_oneof![1..=40_usize, 1..=8192_usize]).prop_map(|(n, distance)| Op::Copy { n, distance }),
    ]
}

/// Packs instructions and expands them byte by byte, as the format says.
fn reference(ops: &[Op]) -> (Vec<u8>, Vec<u8>) {
    let (mut packed, mut out) = (vec![0, b'a'], vec![b'a']);
    for op in ops {
        match op {
            Op::Literal(bytes) => {
                packed.push(bytes.len() as u8 - 1);
                packed.extend(bytes);
                out.extend(bytes);
            }
            Op::Copy { n, distance } => {
                let distance = (distance - 1) % out.len() + 1;
                let d = distance - 1;
                match n {
                    3..=8 => packed.extend([((n - 2) << 5) as u8 | (d >> 8) as u8, d as u8]),
                    _ => packed.extend([0xe0 | (d >> 8) as u8, (n - 9) as u8, d as u8]),
                }
                for _ in 0..*n {
                    out.push(out[out.len() - distance]);
                }
            }
        }
    }
    (packed, out)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_listpack_is_read_as_it_was_written(entries in prop::collection::vec(entry(), 0..40)) {
        prop_assert_eq!(read(20, &string(&listpack(&entries))), (texts(&entries), entries.len() as u64));
    }

    #[test]
    fn a_ziplist_is_read_as_it_was_written(entries in prop::collection::vec(entry(), 0..40)) {
        prop_assert_eq!(read(10, &string(&ziplist(&entries))), (texts(&entries), entries.len() as u64));
    }

    #[test]
    fn an_intset_is_read_as_it_was_written(
        set in prop::collection::btree_set(any::<i64>(), 0..100), width in prop::sample::select(vec![2_u32, 4, 8]),
    ) {
        let mut set: Vec<i64> = set.into_iter().map(|n| n >> (64 - 8 * width)).collect();
        set.dedup();
        let expected: Vec<Vec<u8>> = set.iter().map(|n| n.to_string().into_bytes()).collect();
        prop_assert_eq!(read(11, &string(&intset(width, &set))), (expected, set.len() as u64));
    }

    #[test]
    fn a_zipmap_is_read_as_it_was_written(
        pairs in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..300), prop::collection::vec(any::<u8>(), 0..300)), 0..30),
        free in 0..5_u8,
    ) {
        let expected: Vec<Vec<u8>> = pairs.iter().flat_map(|(f, v)| [f.clone(), v.clone()]).collect();
        prop_assert_eq!(read(9, &string(&zipmap(&pairs, free))), (expected, pairs.len() as u64));
    }

    #[test]
    fn lzf_does_what_its_instructions_say(ops in prop::collection::vec(op(), 0..300)) {
        let (packed, expected) = reference(&ops);
        let mut out = vec![0; expected.len()];
        prop_assert_eq!(lzf::expand_into(&packed, &mut out), Ok(()));
        prop_assert_eq!(&out, &expected);
        let mut room = Vec::new();
        prop_assert_eq!(lzf::expand(&packed, expected.len(), &mut room), Ok(&expected[..]));
        // Any other length is refused.
        prop_assert!(lzf::expand(&packed, expected.len() + 1, &mut room).is_err());
        prop_assert!(lzf::expand(&packed, expected.len() - 1, &mut room).is_err());
    }

    #[test]
    fn lzf_of_anything_is_a_result(packed in prop::collection::vec(any::<u8>(), 0..400), len in 0..5000_usize) {
        let mut out = vec![0; len];
        let into = lzf::expand_into(&packed, &mut out).is_ok();
        prop_assert_eq!(lzf::expand(&packed, len, &mut Vec::new()).is_ok(), into);
    }

    #[test]
    fn any_value_of_any_type_is_a_result(ty in 0..34_u8, valkey in any::<bool>(), value in prop::collection::vec(any::<u8>(), 0..300)) {
        let magic: &[u8] = if valkey { b"VALKEY080" } else { b"REDIS0015" };
        let file = [magic, &[ty, 0], &value, &[255], &[0; 8]].concat();
        let _ = super::file(&file);
    }

    #[test]
    fn any_compact_form_is_a_result(ty in prop::sample::select(vec![9_u8, 10, 11, 12, 13, 16, 17, 20, 23]), mut bytes in prop::collection::vec(any::<u8>(), 8..300)) {
        // The header made to fit, so that it comes to the entries.
        let total = (bytes.len() as u32).to_le_bytes();
        if ty != 11 {
            bytes[..4].copy_from_slice(&total);
        }
        let _ = super::packed(ty, &bytes);
    }
}
