//! Files as they are opened, and as they are changed meanwhile.

use std::io::Write;

use super::*;

#[test]
fn both_ways_of_opening_give_the_same_bytes() {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(b"REDIS0011").expect("written");
    let mapped = Snapshot::open(file.path(), Options { mmap: true }).expect("opens");
    let read = Snapshot::open(file.path(), Options { mmap: false }).expect("opens");
    assert_eq!(&*mapped, b"REDIS0011");
    assert_eq!(&*mapped, &*read);
}

/// Hints: whatever they say, the bytes stay.
#[test]
fn any_order_may_be_told() {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    let bytes = vec![7; 10_000];
    file.write_all(&bytes).expect("written");
    for mmap in [true, false] {
        let snapshot = Snapshot::open(file.path(), Options { mmap }).expect("opens");
        let adviser = snapshot.adviser();
        let places = [0, 1, 4_096, 9_999, 10_000, 10_001, u64::MAX];
        for (from, to) in places.iter().flat_map(|&from| places.map(|to| (from, to))) {
            adviser(Order::Next { from, to });
        }
        adviser(Order::Jumps);
        adviser(Order::FrontToBack);
        assert_eq!(*snapshot, bytes);
    }
}

/// Reading behind the new end of a file raises SIGBUS, which must not end the process.
#[test]
fn a_file_that_is_cut_is_told() {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(&[7; 100_000]).expect("written");
    let open = || Snapshot::open(file.path(), Options::default()).expect("opens");
    let (one, other) = (open(), open());
    let (witness, unread) = (one.witness(), other.witness());
    assert_eq!((one[99_999], witness(), unread()), (7, None, None));
    file.as_file().set_len(5000).expect("cut");
    assert_eq!((one[0], one[4999], one[99_999], one[50_000], one[5000]), (7, 7, 0, 0, 0));
    let cut = Some(Change::Cut { had: 100_000, has: 5000 });
    assert_eq!((witness(), unread()), (cut, cut));
    // Also when it is as long as before by then; of one that was not read meanwhile, that it was written to.
    file.as_file().set_len(100_000).expect("longer");
    assert_eq!(witness(), Some(Change::Cut { had: 100_000, has: 100_000 }));
    assert_eq!(unread(), Some(Change::Written));
    assert_eq!(other[99_999], 0);
}

/// The page in which a file ends has NUL bytes behind the end, and there is no signal.
#[test]
fn a_cut_inside_the_last_page_is_told() {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(&[7; 4000]).expect("written");
    let snapshot = Snapshot::open(file.path(), Options::default()).expect("opens");
    file.as_file().set_len(3999).expect("cut");
    assert_eq!(snapshot.witness()(), Some(Change::Cut { had: 4000, has: 3999 }));
}

#[test]
fn a_captured_replication_is_read_up_to_its_commands() {
    let dump = b"REDIS0011\xff\0\0\0\0\0\0\0\0";
    let mark = [b'f'; 40];
    let head = [&b"+OK\r\n$EOF:"[..], &mark, b"\r\n"].concat();
    for mmap in [true, false] {
        for (commands, whole) in
            [(&b""[..], dump.to_vec()), (b"*1\r\n$4\r\nPING\r\n", [dump, &b"*1\r\n$4\r\nPING\r\n"[..]].concat())]
        {
            let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
            file.write_all(&[&head[..], dump, &mark, commands].concat()).expect("written");
            let snapshot = Snapshot::open(file.path(), Options { mmap }).expect("opens");
            assert_eq!(*snapshot, whole);
            assert_eq!(snapshot.notes().len(), 1);
        }
    }
}

#[test]
fn what_is_no_dump_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x");
    let open = |path: &Path| Snapshot::open(path, Options::default()).expect_err("refused");
    assert!(matches!(open(&path), Error::Open { .. }));
    assert!(matches!(open(folder.path()), Error::Folder { .. }));
    std::fs::write(&path, b"").expect("written");
    assert!(matches!(open(&path), Error::Empty { .. }));
    std::fs::write(&path, b"\xfd7zXZ\x00").expect("written");
    assert!(open(&path).to_string().ends_with("is compressed with xz"));
    assert_eq!(open(&path).hint(), Some("unpack it first"));
}

/// Of many files few are kept open; what happens to the others is told as well, as long as they have their names.
#[test]
fn what_happens_to_one_of_many() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |n: usize| folder.path().join(n.to_string());
    let open = |n: usize| {
        std::fs::write(path(n), vec![7; 4000]).expect("written");
        Snapshot::open(&path(n), Options::default()).expect("opens")
    };
    let all: Vec<Snapshot> = (0..100).map(open).collect();
    for (n, dump) in all.iter().enumerate().skip(60) {
        assert_eq!(dump.witness()(), None);
        let file = || std::fs::OpenOptions::new().write(true).open(path(n)).expect("opened");
        let expected = match n % 4 {
            0 => {
                file().set_len(3999).expect("cut");
                Some(Change::Cut { had: 4000, has: 3999 })
            }
            1 => {
                file().set_modified(std::time::SystemTime::UNIX_EPOCH).expect("touched");
                Some(Change::Written)
            }
            // Another file of that name, and none: the one that was mapped is still what it was.
            2 => {
                std::fs::write(path(1000), b"another").expect("written");
                std::fs::rename(path(1000), path(n)).expect("renamed");
                None
            }
            _ => {
                std::fs::remove_file(path(n)).expect("removed");
                None
            }
        };
        assert_eq!((dump.witness()(), dump.len()), (expected, 4000), "{n}");
    }
}
