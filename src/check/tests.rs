//! One fact a line; every value is spelled by hand from the format's description.

use super::stream::StreamFault;
use super::unique::Uniqueness;
use super::*;
use crate::dump::rdb::{ErrorKind, Snippet, StreamId};

/// A dump of version 11 with the records in `body`, and its checksum.
fn dump(body: &[u8]) -> Vec<u8> {
    let mut dump = b"REDIS0011".to_vec();
    dump.extend_from_slice(body);
    dump.push(0xff);
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Redis, &dump);
    dump.extend_from_slice(&crc.to_le_bytes());
    dump
}

fn checked(dump: &[u8]) -> Report {
    run(dump, &Observer::default()).expect("a dump")
}

/// The one problem of a dump with one key, `k`.
fn problem(ty: u8, value: &[u8]) -> Option<Problem> {
    let report = checked(&dump(&[&[ty, 1, b'k'], value].concat()));
    assert_eq!(report.is_whole(), report.findings.is_empty());
    let finding = report.findings.into_iter().next()?;
    assert_eq!((finding.place.db, finding.place.key.as_deref()), (Some(0), Some(&b"k"[..])));
    Some(finding.problem)
}

#[test]
fn what_is_whole() {
    // The example of the format's description, with its checksum.
    let report = checked(b"REDIS0011\xfe\x00\x00\x01k\x01v\xff\x1d\x20\x47\x79\xff\x06\xe4\xd1");
    assert!(report.is_whole());
    assert_eq!((report.keys, report.whole_keys, report.damaged), (1, 1, 0));
    assert_eq!(report.crc64, Some(0xd1e4_06ff_7947_201d));
}

#[test]
fn a_wrong_checksum_is_no_finding_and_not_whole() {
    let report = checked(b"REDIS0011\xfe\x00\x00\x01k\x01w\xff\x1d\x20\x47\x79\xff\x06\xe4\xd1");
    assert!(report.findings.is_empty() && report.checksum_is_wrong() && !report.is_whole());
    let report = checked(b"REDIS0011\xfe\x00\x00\x01k\x01w\xff\x00\x00\x00\x00\x00\x00\x00\x00");
    assert!(report.is_whole());
}

#[test]
fn members_that_are_there_twice() {
    let twice = |what, element: &[u8]| Some(Problem::Twice { what, element: Snippet::of(element) });
    assert_eq!(problem(2, b"\x02\x01a\x01b"), None);
    assert_eq!(problem(2, b"\x02\x01a\x01a"), twice("the member", b"a"));
    // An integer is the string of its digits.
    assert_eq!(problem(2, b"\x02\xc0\x07\x017"), twice("the member", b"7"));
    assert_eq!(problem(4, b"\x02\x01f\x01a\x01f\x01b"), twice("the field", b"f"));
    assert_eq!(problem(4, b"\x02\x01f\x01a\x01g\x01a"), None);
    assert_eq!(problem(3, b"\x02\x01m\x011\x01m\x012"), twice("the member", b"m"));
    // A listpack of 13 bytes: two entries "a", "a".
    assert_eq!(problem(20, b"\x0d\x0d\0\0\0\x02\0\x81a\x02\x81a\x02\xff"), twice("the member", b"a"));
    // A list may repeat what it likes.
    assert_eq!(problem(1, b"\x02\x01a\x01a"), None);
}

#[test]
fn many_members_take_many_visits() {
    assert_eq!(Uniqueness::passes(0), 1);
    assert_eq!(Uniqueness::passes(1 << 21), 1);
    assert_eq!(Uniqueness::passes((1 << 21) + 1), 2);
    let hasher = RandomState::default();
    let mut seen = 0;
    for pass in 0..3 {
        let mut unique = Uniqueness::new(&hasher);
        unique.begin(pass, 3);
        (0..1000).for_each(|n: u32| unique.add(&n.to_le_bytes()));
        seen += unique.gathered();
    }
    // Each hash is gathered in one of the visits.
    assert_eq!(seen, 1000);
}

#[test]
fn keys_that_are_there_twice() {
    let body = b"\xfe\x00\x00\x01k\x01v\x00\x01l\x01v\x00\x01k\x01v";
    let report = checked(&dump(body));
    let [finding] = &report.findings[..] else { panic!("{report:?}") };
    // The magic has 9 bytes, SELECTDB 2, each record 5.
    assert_eq!((finding.start, &finding.problem), (21, &Problem::KeyTwice { first: 11 }));
    assert_eq!((report.keys, report.whole_keys), (3, 2));
    // The same name in another database is another key.
    assert!(checked(&dump(b"\xfe\x00\x00\x01k\x01v\xfe\x01\x00\x01k\x01v")).is_whole());
}

#[test]
fn documents() {
    let json = |text: &[u8]| {
        let mut value = b"\x81\x45\xe2\x52\x38\xdf\x91\x2c\x03\x05".to_vec();
        value.push(text.len() as u8);
        value.extend_from_slice(text);
        value.push(0);
        problem(7, &value)
    };
    assert_eq!(json(b"{\"a\":1}"), None);
    assert!(matches!(json(b"{\"a\":1"), Some(Problem::Document(error)) if error.reason == "the text ends too early"));
    // Encoding version 9: walked, not read, and said.
    let report = checked(&dump(b"\x07\x01k\x81\x45\xe2\x52\x38\xdf\x91\x2c\x09\x02\x01\x00"));
    assert!(report.is_whole());
    assert_eq!(report.oddities.into_iter().collect::<Vec<_>>(), [(Oddity::JsonVersion, (1, 9))]);
}

#[test]
fn scores_and_compact_forms() {
    let kind = |problem: Option<Problem>| match problem {
        Some(Problem::Format(error)) => error.kind,
        other => panic!("{other:?}"),
    };
    assert_eq!(kind(problem(5, b"\x01\x01m\0\0\0\0\0\0\xf8\x7f")), ErrorKind::Score(Snippet::of(b"NaN")));
    let intset = b"\x0c\x02\0\0\0\x02\0\0\0\x02\0\x01\0";
    assert_eq!(kind(problem(11, intset)), ErrorKind::IntsetOrder { previous: 2, next: 1 });
    let short = b"\x0d\x0e\0\0\0\x02\0\x81a\x02\x81b\x02\xff";
    assert!(matches!(kind(problem(20, short)), ErrorKind::CompactTotal { total: 14, len: 13, .. }));
}

/// What a stream of one group has.
struct Group<'a> {
    pending: &'a [u64],
    consumers: &'a [(&'a str, &'a [u64])],
}

/// A stream of type 15 without entries.
fn stream(groups: &[(&str, Group<'_>)]) -> Vec<u8> {
    let text = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
    let id = |ms: u64| [ms.to_be_bytes(), [0; 8]].concat();
    // No nodes, length 0, last id 9-0.
    let mut out = vec![0, 0, 9, 0, groups.len() as u8];
    for (name, group) in groups {
        out.extend(text(name));
        out.extend([9, 0, group.pending.len() as u8]);
        for ms in group.pending {
            out.extend(id(*ms));
            out.extend([0; 8]);
            out.push(1);
        }
        out.push(group.consumers.len() as u8);
        for (name, pending) in group.consumers {
            out.extend(text(name));
            out.extend([0; 8]);
            out.push(pending.len() as u8);
            pending.iter().for_each(|ms| out.extend(id(*ms)));
        }
    }
    out
}

#[test]
fn groups_of_a_stream() {
    let fault = |groups: &[(&str, Group<'_>)]| match problem(15, &stream(groups)) {
        None => None,
        Some(Problem::Stream(fault)) => Some(fault),
        other => panic!("{other:?}"),
    };
    let id = |ms| StreamId { ms, seq: 0 };
    let good = Group { pending: &[1, 2, 3], consumers: &[("c", &[1, 3]), ("d", &[2])] };
    assert_eq!(fault(&[("g", good)]), None);
    let any_order = Group { pending: &[3, 1], consumers: &[("c", &[1, 3])] };
    assert_eq!(fault(&[("g", any_order)]), None);
    let nobody = || Group { pending: &[1, 2], consumers: &[("c", &[1])] };
    assert_eq!(fault(&[("g", nobody())]), Some(StreamFault::PendingForNobody(id(2))));
    let empty = || Group { pending: &[], consumers: &[] };
    assert_eq!(fault(&[("g", nobody()), ("h", empty())]), Some(StreamFault::PendingForNobody(id(2))));
    let only = Group { pending: &[1], consumers: &[("c", &[1, 2])] };
    assert_eq!(fault(&[("g", only)]), Some(StreamFault::PendingForConsumerOnly(id(2))));
    let both = Group { pending: &[1], consumers: &[("c", &[1]), ("d", &[1])] };
    assert_eq!(fault(&[("g", both)]), Some(StreamFault::PendingForTwo(id(1))));
    let twice = Group { pending: &[1, 1], consumers: &[("c", &[1])] };
    assert_eq!(fault(&[("g", twice)]), Some(StreamFault::PendingTwice(id(1))));
    let consumers = Group { pending: &[], consumers: &[("c", &[]), ("c", &[])] };
    assert_eq!(fault(&[("g", consumers)]), Some(StreamFault::ConsumerTwice(Snippet::of(b"c"))));
    assert_eq!(fault(&[("g", empty()), ("g", empty())]), Some(StreamFault::GroupTwice(Snippet::of(b"g"))));
}

/// One node at 5-0 with an entry at each `(ms, seq)` from there, all of the field `f`; then length and last id.
fn entries(ids: &[(i8, i8)], length: u8, last_ms: u8) -> Vec<u8> {
    // Small non-negative integers are a byte and a length of 1; -1 is 13 bits of ones.
    let int = |n: i8| if n < 0 { vec![0xdf, 0xff, 2] } else { vec![n as u8, 1] };
    let mut pack = Vec::new();
    for n in [ids.len() as i8, 0, 1] {
        pack.extend(int(n));
    }
    pack.extend(b"\x81f\x02\x00\x01");
    for (ms, seq) in ids {
        pack.extend(int(2));
        pack.extend(int(*ms));
        pack.extend(int(*seq));
        pack.extend(b"\x81v\x02");
        pack.extend(int(4));
    }
    let total = pack.len() + 7;
    let count = 5 + 5 * ids.len();
    let mut value = vec![1, 16];
    value.extend([5_u64.to_be_bytes(), [0; 8]].concat());
    value.push(total as u8);
    value.extend((total as u32).to_le_bytes());
    value.extend((count as u16).to_le_bytes());
    value.extend(pack);
    value.extend([0xff, length, last_ms, 0, 0]);
    value
}

#[test]
fn entries_of_a_stream() {
    let id = |ms, seq| StreamId { ms, seq };
    assert_eq!(problem(15, &entries(&[(0, 0), (0, 1), (1, 0)], 3, 6)), None);
    assert_eq!(
        problem(15, &entries(&[(1, 0), (1, 0)], 2, 6)),
        Some(Problem::Stream(StreamFault::Order { previous: id(6, 0), id: id(6, 0) }))
    );
    assert_eq!(
        problem(15, &entries(&[(1, 0), (-1, 0)], 2, 6)),
        Some(Problem::Stream(StreamFault::Order { previous: id(6, 0), id: id(4, 0) }))
    );
    assert_eq!(
        problem(15, &entries(&[(3, 0)], 1, 6)),
        Some(Problem::Stream(StreamFault::LastId { entry: id(8, 0), last: id(6, 0) }))
    );
    // 120 for 118 was seen in an early file.
    let report = checked(&dump(&[&b"\x0f\x01k"[..], &entries(&[(0, 0)], 2, 6)].concat()));
    assert!(report.is_whole());
    assert_eq!(report.oddities.keys().collect::<Vec<_>>(), [&Oddity::StreamLength]);
    assert_eq!(problem(15, &[0, 3, 9, 0, 0]), Some(Problem::Stream(StreamFault::NoEntries(3))));
}

#[test]
fn where_the_walk_fails() {
    // The second key, of database 3, has an expiry, an access counter, and a length beyond the file.
    let body = b"\xfe\x03\x00\x01k\x01v\xfc\x00\x00\x00\x00\x00\x01\x00\x00\xf9\x05\x00\x03bad\x30v";
    let report = checked(&dump(body));
    let [finding] = &report.findings[..] else { panic!("{report:?}") };
    assert_eq!((report.keys, report.whole_keys, report.footer, finding.start), (1, 1, None, 16));
    assert_eq!(finding.place, Place { db: Some(3), key: Some(b"bad".to_vec()), value: None });
    let Problem::Format(error) = &finding.problem else { panic!("{finding:?}") };
    // 9 of magic, 2, 5, 9 of expiry, 2 of counter, 5 of type and name.
    assert_eq!((error.offset, error.record), (32, Some(16)));
}

/// Metadata of a class (four bytes, then a module's stream) before a key whose value is cut.
#[test]
fn a_name_behind_metadata() {
    let report = checked(&dump(b"\xf3\x01abcd\x02\x01\x00\x00\x01k\x3f"));
    let [finding] = &report.findings[..] else { panic!("{report:?}") };
    assert_eq!((finding.start, finding.place.db, finding.place.key.as_deref()), (9, Some(0), Some(&b"k"[..])));
}

#[test]
fn an_opcode_is_no_key() {
    let report = checked(&dump(b"\x00\x01k\x01v\xf6\x01"));
    let [finding] = &report.findings[..] else { panic!("{report:?}") };
    assert_eq!((report.whole_keys, finding.start), (1, 14));
    assert_eq!(finding.place, Place::default());
}

#[test]
fn damage_is_counted_and_the_first_of_it_kept() {
    let body: Vec<u8> = (0..50).flat_map(|n| [2, 1, n, 2, 1, b'a', 1, b'a']).collect();
    let report = checked(&dump(&[b"\x00\x02ok\x01v", &body[..]].concat()));
    assert_eq!((report.damaged, report.findings.len(), report.whole_keys, report.keys), (50, 20, 1, 51));
    let starts: Vec<u64> = report.findings.iter().map(|finding| finding.start).collect();
    assert_eq!(starts, (0..20).map(|n| 15 + 8 * n).collect::<Vec<_>>());
}

#[test]
fn empty_collections_are_odd() {
    let report = checked(&dump(b"\x02\x01k\x00"));
    assert!(report.is_whole());
    assert_eq!(report.oddities.get(&Oddity::Empty), Some(&(1, 9)));
}
