//! Dumps spelled by hand.

use crc_fast::CrcAlgorithm;

use super::*;
use crate::dump::rdb::{Item, Walker};
use crate::dump::snapshot::Options;
use crate::model::view::{Clock, Expiry};

/// A dump of these records, made at `ctime`.
fn dump(version: u8, ctime: u8, body: &[u8]) -> Snapshot {
    let mut bytes = format!("REDIS{version:04}").into_bytes();
    bytes.extend([&b"\xfa\x05ctime\xc0"[..], &[ctime], body, b"\xff"].concat());
    let crc = crc_fast::checksum(CrcAlgorithm::Crc64Redis, &bytes);
    bytes.extend(crc.to_le_bytes());
    Snapshot::from_bytes(bytes)
}

/// Joins dumps as they are in memory, and as files; the whole must be the same.
fn join_both(dumps: Vec<Snapshot>, ignore_checksum: bool) -> Result<Snapshot, Error> {
    let folder = tempfile::tempdir().unwrap();
    let file = |(n, dump): (usize, &Snapshot)| {
        let path = folder.path().join(format!("{n}.rdb"));
        std::fs::write(&path, &**dump).unwrap();
        Snapshot::open(&path, Options::default()).unwrap()
    };
    let join = |mut dumps, look| join(&mut dumps, look, ignore_checksum, &Observer::default());
    let files = || dumps.iter().enumerate().map(file).collect::<Vec<_>>();
    let (now, later) = (join(files(), Look::Now), join(files(), Look::Later));
    let joined = join(dumps.iter().map(|dump| Snapshot::from_bytes(dump.to_vec())).collect(), Look::Now);
    assert_eq!(now.map(|now| keys(&now)).ok(), joined.as_ref().map(|joined| keys(joined)).ok());
    if let Ok(joined) = &joined {
        assert_eq!(later.map(|later| keys(&later)).ok(), Some(keys(joined)));
    }
    joined
}

fn joined(dumps: Vec<Snapshot>) -> Result<Snapshot, Error> {
    join_both(dumps, false)
}

/// Database, name and expiry of every key.
fn keys(file: &[u8]) -> Vec<(u64, Vec<u8>, Option<i64>)> {
    let mut keys = Vec::new();
    let mut walker = Walker::new(file).unwrap();
    while let Some(item) = walker.next().unwrap() {
        if let Item::Record(record) = item {
            keys.push((record.db, record.key.decode(&mut Vec::new()).unwrap().to_vec(), record.expire_ms));
        }
    }
    keys
}

#[test]
fn the_keys_of_all_in_order() {
    // The first ends in database 1, and with an expiry that belongs to no key.
    let one = dump(10, 100, b"\x00\x01a\x01v\xfe\x01\x00\x01b\x01v\xfc\x05\0\0\0\0\0\0\0");
    let two = dump(12, 90, b"\x00\x01b\x01v\xfe\x01\x00\x01a\x01v");
    let whole = joined(vec![one, two]).unwrap();
    let key = |db, name: &[u8]| (db, name.to_vec(), None);
    assert_eq!(keys(&whole), [key(0, b"a"), key(1, b"b"), key(0, b"b"), key(1, b"a")]);
    assert!(whole.starts_with(b"REDIS0012"));
    // Nothing counts as expired that had not when the earliest was made.
    assert_eq!(Clock::read(&whole, Expiry::Careful).unwrap().created_ms, Some(90_000));
    let body = whole.len() - 8;
    let crc = crc_fast::checksum(CrcAlgorithm::Crc64Redis, &whole[..body]);
    assert_eq!(whole[body..], crc.to_le_bytes());
}

#[test]
fn an_expiry_without_a_key_is_not_for_the_next_part() {
    let one = dump(10, 100, b"\x00\x01a\x01v\xfc\x05\0\0\0\0\0\0\0\xfa\x01x\x01y");
    let two = dump(10, 100, b"\x00\x01b\x01v");
    let whole = joined(vec![one, two]).unwrap();
    assert_eq!(keys(&whole), [(0, b"a".to_vec(), None), (0, b"b".to_vec(), None)]);
}

#[test]
fn a_key_in_two() {
    let one = dump(10, 100, b"\x00\x01a\x01v");
    let two = dump(10, 100, b"\xfe\x01\x00\x01a\x01v\xfe\x00\xf9\x05\x00\x01a\x01w");
    match joined(vec![one, two]) {
        Err(Error::KeyTwice { key, db: 0, .. }) => assert_eq!(key, "a"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn templates_in_two() {
    let template = || dump(15, 100, b"\xf2\x07\x01\x01f\x20\x01k\x07\x01v");
    match joined(vec![template(), template()]) {
        Err(Error::Template { id: 7, .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn checksums() {
    let good = || dump(10, 100, b"\x00\x01a\x01v");
    let with = |bytes: &[u8]| {
        let mut dump = dump(10, 100, b"\x00\x01b\x01v").to_vec();
        let body = dump.len() - 8;
        dump[body..].copy_from_slice(bytes);
        Snapshot::from_bytes(dump)
    };
    let absent = joined(vec![good(), with(&[0; 8])]).unwrap();
    assert!(absent.ends_with(&[0; 8]));
    assert!(matches!(joined(vec![good(), with(&[1; 8])]), Err(Error::Checksum { stored: 0x0101_0101_0101_0101, .. })));
    let wrong = join_both(vec![good(), with(&[1; 8])], true).unwrap();
    let body = wrong.len() - 8;
    let stored = u64::from_le_bytes(wrong[body..].try_into().unwrap());
    assert!(stored != 0 && stored != crc_fast::checksum(CrcAlgorithm::Crc64Redis, &wrong[..body]));
}

#[test]
fn what_is_no_shard() {
    let good = || dump(10, 100, b"\x00\x01a\x01v");
    let valkey = Snapshot::from_bytes(b"VALKEY080\xff\0\0\0\0\0\0\0\0".to_vec());
    assert!(matches!(joined(vec![good(), valkey]), Err(Error::Flavor { .. })));
    let cut = Snapshot::from_bytes(good()[..20].to_vec());
    assert!(matches!(joined(vec![good(), cut]), Err(Error::Dump { .. })));
    let tail = Snapshot::from_bytes([&good()[..], b"*1\r\n"].concat());
    assert!(matches!(joined(vec![good(), tail]), Err(Error::Trailing { bytes: 4, .. })));
}

/// A file that is cut after it was mapped between others: the rest of it becomes NUL, and it is told.
#[test]
fn one_that_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = |n: usize| folder.path().join(format!("{n}.rdb"));
    let mut dumps = Vec::new();
    for n in 0..3 {
        let body = [&[0, 1, b'a' + u8::try_from(n).unwrap(), 0x80, 0, 4, 0, 0][..], &[b'v'; 0x4_0000]].concat();
        std::fs::write(path(n), &*dump(10, 100, &body)).unwrap();
        dumps.push(Snapshot::open(&path(n), Options::default()).unwrap());
    }
    let whole = join(&mut dumps, Look::Later, false, &Observer::default()).unwrap();
    let (witness, gone) = (whole.witness(), whole.gone().collect::<Vec<_>>());
    let is_gone = || gone.iter().filter(|gone| gone.load(std::sync::atomic::Ordering::Acquire)).count();
    assert_eq!((keys(&whole).len(), witness(), is_gone()), (3, None, 0));
    let [place, next] = [1, 2].map(|n| usize::try_from(whole.parts()[n].from).unwrap());
    std::fs::OpenOptions::new().write(true).open(path(1)).unwrap().set_len(100).unwrap();
    assert_eq!((whole[place + 50], whole[place + 0x2_0000], whole[next + 0x2_0000]), (b'v', 0, b'v'));
    assert!(matches!(witness(), Some(crate::dump::snapshot::Change::Cut { has: 100, .. })));
    assert_eq!(is_gone(), 1);
}

/// What is known of each is enough to know what the whole is known by.
#[test]
fn the_whole_without_the_dumps() {
    let bodies: [&[u8]; 4] = [b"\x00\x01a\x01v", b"", b"\xfe\x01\x00\x01b\x01v", &[0, 1, b'c', 0x80, 0, 1, 0x20, 0]];
    let large = [bodies[3], &[b'v'; 0x1_2000]].concat();
    let dumps =
        || vec![dump(10, 100, bodies[0]), dump(12, 90, bodies[1]), dump(11, 95, &large), dump(9, 99, bodies[2])];
    for count in 1..=4 {
        let known: Vec<Known> = dumps()[..count]
            .iter()
            .zip([100, 90, 95, 99])
            .map(|(dump, ctime)| Known {
                header: Walker::new(dump).unwrap().header(),
                bytes: dump.len() as u64,
                crc64: crc_fast::checksum(CrcAlgorithm::Crc64Redis, &dump[..dump.len() - 8]),
                ctime: Some(ctime),
            })
            .collect();
        let whole = joined(dumps().into_iter().take(count).collect()).unwrap();
        let crc64 = crc_fast::checksum(CrcAlgorithm::Crc64Redis, &whole[..whole.len() - 8]);
        assert_eq!(known_together(&known).unwrap(), (whole.len() as u64, crc64), "{count}");
    }
    assert!(known_together(&[]).is_err());
}
