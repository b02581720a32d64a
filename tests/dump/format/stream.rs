//! Streams, in all five versions.

use rdb_reindex::dump::rdb::{ErrorKind as K, Snippet};

use super::write::{Entry, i, listpack, s, string};
use super::{facts, ok, redis, x};

/// Master id 5-7 as the key of a node, and its listpack.
fn node(entries: &[Entry]) -> Vec<u8> {
    [string(&x("00 00 00 00 00 00 00 05 00 00 00 00 00 00 00 07")), string(&listpack(entries))].concat()
}

/// One node, no groups, and the length and last id that follow, version 1.
fn one(entries: &[Entry]) -> Result<String, K> {
    redis(15, &[&[1][..], &node(entries), &x("01 05 07 00")].concat())
}

/// A node with two live entries and one that is deleted.
fn three() -> Vec<Entry> {
    vec![
        i(2),
        i(1),
        i(1),
        s("f"),
        i(0),
        // The master's fields.
        i(2),
        i(0),
        i(0),
        s("v"),
        i(4),
        // Deleted.
        i(3),
        i(0),
        i(1),
        s("w"),
        i(4),
        // Its own fields, and an id that goes back in its sequence.
        i(0),
        i(1),
        i(-7),
        i(2),
        s("a"),
        i(1),
        s("b"),
        i(2),
        i(8),
    ]
}

const TOLD: &str = "5-7(f=v,) 6-0(a=1,b=2,)";

/// Nodes, length 2, last id 6-0, and from version 2: first id 5-7, deleted id 5-8, 3 added.
fn stream(ty: u8, rest: &str) -> Result<String, K> {
    let late = if ty == 15 { "" } else { "05 07 05 08 03" };
    redis(ty, &[&[1][..], &node(&three()), &x("02 06 00"), &x(late), &x(rest)].concat())
}

fn early(groups: u8) -> String {
    format!("{TOLD} length=2 last=6-0 groups={groups}")
}

fn late(groups: u8) -> String {
    format!("{TOLD} length=2 last=6-0 first=5-7 deleted=5-8 added=3 groups={groups}")
}

/// 1-2 as a pending entry with the time 9 and the count 3.
const PENDING: &str = "00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 02 09 00 00 00 00 00 00 00 03";
const ID: &str = "00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 02";
const EIGHT: &str = "08 00 00 00 00 00 00 00";
const NEVER: &str = "FF FF FF FF FF FF FF FF";

facts! {
    version_1: stream(15, "00") => ok(&early(0));
    version_2: stream(19, "00") => ok(&late(0));
    version_3: stream(21, "00") => ok(&late(0));
    version_4: stream(26, "00 00 00 00 00 00") => ok(&late(0));
    version_5: stream(27, "00 00 00 00 00 00") => ok(&late(0));
    no_nodes: redis(15, &x("00 00 05 07 00")) => ok("length=0 last=5-7 groups=0");

    groups_1: stream(15, &format!("01 01 'g' 05 07 01 {PENDING} 01 01 'c' {EIGHT} 01 {ID}")) =>
        ok(&format!("{} group g last=5-7 read=None pending=1 1-2@9x3 consumer c seen=8 active=None pending=1 1-2", early(1)));
    groups_2: stream(19, &format!("01 01 'g' 05 07 02 00 01 01 'c' {EIGHT} 00")) =>
        ok(&format!("{} group g last=5-7 read=Some(2) pending=0 consumer c seen=8 active=None pending=0", late(1)));
    groups_read_unknown: stream(19, &format!("01 01 'g' 05 07 81 {NEVER} 00 00")) =>
        ok(&format!("{} group g last=5-7 read=None pending=0", late(1)));
    groups_3: stream(21, &format!("01 01 'g' 05 07 02 00 01 01 'c' {EIGHT} {NEVER} 00")) =>
        ok(&format!("{} group g last=5-7 read=Some(2) pending=0 consumer c seen=8 active=Some(-1) pending=0", late(1)));
    // Settings 10 and 11, a producer with one id, statistics 12 and 13.
    producers: stream(26, "00 0A 0B 01 01 'p' 01 01 'i' 05 07 0C 0D") => ok(&format!("{} producer p i 5-7", late(0)));
    nacked: stream(27, &format!("01 01 'g' 05 07 02 01 {PENDING} 00 01 {ID} 0A 0B 00 00 00")) =>
        ok(&format!("{} group g last=5-7 read=Some(2) pending=1 1-2@9x3 nacked 1-2", late(1)));

    length_that_lies: redis(15, &[&[1][..], &node(&three()), &x("06 06 00 00")].concat()) =>
        ok(&format!("{TOLD} length=6 last=6-0 groups=0"));
    short_key: redis(15, &[&[1][..], &x("01 'k'"), &string(&listpack(&three())), &x("00 00 00 00")].concat()) =>
        Err(K::StreamKey(1));
    count_of_nodes: redis(15, &x("02")) => Err(K::Count { what: "stream nodes", count: 2, left: 9 });
    count_of_groups: stream(15, "05") => Err(K::Count { what: "groups of a stream", count: 5, left: 9 });
    count_of_pending: stream(15, "01 00 00 00 05 00 00") => Err(K::Count { what: "pending entries", count: 5, left: 11 });
    count_of_consumers: stream(15, "01 00 00 00 00 05") => Err(K::Count { what: "consumers", count: 5, left: 9 });
    count_of_consumers_3: stream(21, "01 00 00 00 02 00 01 00 00") => Err(K::Count { what: "consumers", count: 1, left: 11 });

    text_for_flags: one(&[i(0), i(0), i(0), i(0), s("x")]) => Err(K::StreamInteger(Snippet::of(b"x")));
    flags: one(&[i(0), i(0), i(0), i(0), i(4)]) => Err(K::StreamRange { what: "the flags of an entry", value: 4 });
    negative_count: one(&[i(-1), i(0), i(0), i(0)]) => Err(K::StreamRange { what: "the number of entries", value: -1 });
    huge_count: one(&[i(0), i(0), i(1 << 40), i(0)]) => Err(K::StreamRange { what: "the number of fields", value: 1 << 40 });
    no_master: one(&[i(0), i(0)]) => Err(K::StreamNodeEnd("the number of fields"));
    no_end_of_master: one(&[i(0), i(0), i(0)]) => Err(K::StreamNodeEnd("the end of the master entry"));
    cut_entry: one(&[i(1), i(0), i(0), i(0), i(0), i(0)]) => Err(K::StreamNodeEnd("the sequence number of an entry"));
    cut_fields: one(&[i(1), i(0), i(0), i(0), i(0), i(0), i(0), i(1), s("a")]) => Err(K::StreamNodeEnd("a field or value"));
    size_of_an_entry: one(&[i(1), i(0), i(0), i(0), i(0), i(0), i(0), i(0), i(5)]) =>
        Err(K::StreamEntryCount { found: 5, due: 4 });
    counts: one(&[i(2), i(0), i(0), i(0), i(0), i(0), i(0), i(0), i(4)]) =>
        Err(K::StreamCounts { live: 2, deleted: 0, walked_live: 1, walked_deleted: 0 });
}
