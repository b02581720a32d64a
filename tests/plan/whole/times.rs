//! Dumps that were not taken at once, will be taken, or have newer writes beside them.

use super::{NOW, Work, database, dump};
use rdb_reindex::dump::slots::slot_of;

fn two(work: &Work, ctimes: [u64; 2]) {
    let half =
        |half: bool| database(500).into_iter().filter(move |key| (slot_of(key.name().as_bytes()) < 8192) == half);
    work.put("a.rdb", dump(ctimes[0], half(true)));
    work.put("b.rdb", dump(ctimes[1], half(false)));
}

#[test]
fn more_than_an_hour_apart() {
    let work = Work::new();
    for order in [[NOW, NOW + 7200], [NOW + 7200, NOW]] {
        two(&work, order);
        let (status, said) = work.plan(&["a.rdb", "b.rdb"]);
        assert_eq!(status, Some(4), "{said}");
        let (late, early) = if order[0] > order[1] { ("a.rdb", "b.rdb") } else { ("b.rdb", "a.rdb") };
        assert!(said.contains("apart") && said.contains(&format!("{late} was taken 2 hours after {early}")), "{said}");
        assert_eq!(work.plan(&["a.rdb", "b.rdb", "--accept", "apart"]).0, Some(0));
        assert!(work.inventory(&["a.rdb", "b.rdb"]).0.to_string().contains("2 hours after"));
    }
    two(&work, [NOW, NOW + 3601]);
    assert_eq!(work.plan(&["a.rdb", "b.rdb"]).0, Some(4));
}

#[test]
fn minutes_apart_are_a_warning() {
    let work = Work::new();
    for (after, warned) in [(0, false), (60, false), (61, true), (3600, true)] {
        two(&work, [NOW, NOW + after]);
        let (status, said) = work.plan(&["a.rdb", "b.rdb"]);
        assert_eq!((status, said.contains("b.rdb was taken")), (Some(0), warned), "{after}: {said}");
        let (json, said) = work.inventory(&["a.rdb", "b.rdb"]);
        assert_eq!(json.to_string().contains("dump.not_at_once"), warned);
        assert_eq!(said.contains("b.rdb was taken"), warned, "{said}");
    }
}

#[test]
fn a_dump_from_the_future() {
    let work = Work::new();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for (ctime, warned) in [(now + 86_400 * 3, true), (now + 60, false), (now - 60, false)] {
        work.put("dump.rdb", dump(ctime, database(50)));
        let (status, said) = work.plan(&["dump.rdb"]);
        assert_eq!((status, said.contains("will be made in")), (Some(0), warned), "{said}");
        assert_eq!(work.inventory(&["dump.rdb"]).1.contains("will be made in"), warned);
    }
    two(&work, [now, now + 1800]);
    assert!(work.plan(&["a.rdb", "b.rdb"]).1.contains("will be made in 2"));
}

#[test]
fn only_the_base_of_an_append_only_file() {
    let work = Work::new();
    let bytes = dump(NOW, database(50));
    work.put("appendonlydir/appendonly.aof.1.base.rdb", &bytes);
    let base = "appendonlydir/appendonly.aof.1.base.rdb";
    assert!(!work.plan(&[base]).1.contains("newer writes"), "nothing beside it");
    work.put("appendonlydir/appendonly.aof.1.incr.aof", "*1\r\n$4\r\nPING\r\n");
    work.put("appendonlydir/appendonly.aof.2.incr.aof", "*1\r\n$4\r\nPING\r\n");
    let expected =
        "newer writes are in the .incr files beside it: appendonly.aof.1.incr.aof, appendonly.aof.2.incr.aof";
    for args in [&[base][..], &[base, "--no-mmap"]] {
        let (status, said) = work.plan(args);
        assert!(status == Some(0) && said.contains(expected), "{said}");
        let (json, said) = work.inventory(args);
        assert!(json.to_string().contains(expected) && said.contains(expected), "{said}");
    }
    // By its own word, wherever it stands.
    let mut own = super::DumpBuilder::new(10);
    own.aux("ctime", NOW.to_string()).aux("aof-base", "1").select_db(0).string("k", "v");
    let own = own.finish();
    work.put("copy.rdb", own);
    assert!(work.inventory(&["copy.rdb"]).1.contains("newer writes are in the .incr files that belong to it"));
}
