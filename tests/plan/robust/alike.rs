//! Names that differ in little: in zeros before a number, in a number with a digit too many, in what stands before it. All
//! of them are members of the same few index keys, some missing, some to be removed. Every expectation is put together
//! here, from what the dump was made of.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Work, start};

const SPEC: &str = "version = 1
[[record]]
name = 'doc'
key = 'd:*'
[[record]]
name = 'need'
key = 'need:*'
[[index]]
name = 'set'
policy = 'maintain'
from = 'doc'
key = 'set:{kind}'
member = '{@key}'
require = [{ record = 'need', key = 'need:{need}' }]
[[index]]
name = 'zset'
policy = 'maintain'
type = 'zset'
from = 'doc'
key = 'zset:{kind}'
member = '{@key}'
score = '{score}'
[[index]]
name = 'text'
policy = 'maintain'
from = 'doc'
key = 'text:{kind}'
member = '{@key}'
[[index]]
name = 'id'
policy = 'maintain'
from = 'doc'
key = 'id:{kind}'
member = '{id}'
[[index]]
name = 'part'
policy = 'maintain'
from = 'doc'
key = 'part:{kind}'
member = 'd:1{id}'
";

/// The field `id` of a record: what stands behind `d:`.
fn id(name: &str) -> &str {
    if name == "d:" { "none" } else { &name[2..] }
}

/// The member of an index that a record of this name implies.
fn member(index: &str, name: &str) -> String {
    match index {
        "id" => id(name).to_owned(),
        "part" => format!("d:1{}", id(name)),
        _ => name.to_owned(),
    }
}

/// What stands before the number, and the number.
const STEMS: [&str; 12] = [
    "d:",
    "d:a",
    "d:a:",
    "d:b:",
    "d:a:0",
    "d:a:00",
    "d:a:1:",
    "d:1",
    "d:1x",
    "d:é",
    "d:a:9999999999999999999:",
    "d:a-",
];
const NUMBERS: [&str; 18] = [
    "",
    "0",
    "00",
    "1",
    "01",
    "10",
    "001",
    "12345678",
    "123456789",
    "1234567812345678",
    "12345678123456781",
    "1228375301573866404",
    "2305843009213693951",
    "2305843009213693952",
    "9999999999999999999",
    "12305843009213693951",
    "100000000000000000000000000001",
    "00000000000000000000",
];

/// What becomes of a name in the indexes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lot {
    Right,
    Missing,
    /// It is in the key of another kind.
    Moved,
    /// What it requires is not there.
    Orphan,
    /// There is no such record.
    Gone,
}

#[test]
fn names_that_differ_in_little() {
    let mut names: BTreeSet<String> =
        STEMS.iter().flat_map(|stem| NUMBERS.iter().map(move |number| format!("{stem}{number}"))).collect();
    let many = (0..3000_u64).map(|n| format!("d:a:{}", 1_228_375_301_573_866_404 + n * 4_194_311));
    names.extend(many);
    let mut names: Vec<String> = names.into_iter().collect();
    // In no order that means anything, the same in every run.
    names.sort_by_key(|name| {
        name.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(0x0100_0193).rotate_left(9) ^ u64::from(byte))
    });
    let lots = [Lot::Right, Lot::Missing, Lot::Right, Lot::Moved, Lot::Orphan, Lot::Gone, Lot::Right];
    let lots: Vec<(usize, &str, Lot)> =
        names.iter().enumerate().map(|(n, name)| (n, name.as_str(), lots[n % lots.len()])).collect();
    let mut dump = start();
    dump.string("need:1", "{}").string("need:2", "{}");
    let kind = |n: usize, lot: Lot| if lot == Lot::Moved { "b" } else { ["a", "c"][n / 7 % 5 / 4] };
    for &(n, name, lot) in lots.iter().filter(|(_, _, lot)| *lot != Lot::Gone) {
        let need = if lot == Lot::Orphan { 3 } else { n % 2 + 1 };
        dump.string(name, format!(r#"{{"kind":"{}","need":{need},"score":{n},"id":"{}"}}"#, kind(n, lot), id(name)));
    }
    let there = |lot: Lot| lot != Lot::Missing;
    let mut commands: BTreeMap<(&str, String), BTreeSet<String>> = BTreeMap::new();
    let mut changes: BTreeSet<String> = BTreeSet::new();
    for at in ["a", "c"] {
        // All that is there is in the key of kind `at` if it is of that kind, and what has moved in that of kind a.
        let listed = |n: usize, lot: Lot| there(lot) && if lot == Lot::Moved { at == "a" } else { kind(n, lot) == at };
        let members: Vec<&str> = lots.iter().filter(|(n, _, lot)| listed(*n, *lot)).map(|(_, name, _)| *name).collect();
        for index in ["set", "text", "id", "part"] {
            let members: Vec<String> = members.iter().map(|name| member(index, name)).collect();
            dump.set(format!("{index}:{at}"), &members);
        }
        let scored: Vec<(&str, f64)> =
            lots.iter().filter(|(n, _, lot)| listed(*n, *lot)).map(|(n, name, _)| (*name, *n as f64)).collect();
        dump.zset(format!("zset:{at}"), &scored);
    }
    for &(n, name, lot) in &lots {
        let kind = kind(n, lot);
        let here = if lot == Lot::Moved { "a" } else { kind };
        for index in ["set", "text", "zset", "id", "part"] {
            let (member, by_id) = (member(index, name), matches!(index, "id" | "part"));
            let (add, remove) = if index == "zset" { ("ZADD", "ZREM") } else { ("SADD", "SREM") };
            let orphan = lot == Lot::Orphan && index == "set";
            if matches!(lot, Lot::Missing | Lot::Moved) {
                commands.entry((add, format!("{index}:{kind}"))).or_default().insert(member.clone());
            }
            if matches!(lot, Lot::Gone | Lot::Moved) || orphan {
                commands.entry((remove, format!("{index}:{here}"))).or_default().insert(member.clone());
                let reason = match lot {
                    _ if by_id => "no record implies it",
                    Lot::Moved => "record now belongs to ",
                    Lot::Orphan => "no such need",
                    _ => "record missing",
                };
                let moved = if lot == Lot::Moved && !by_id { format!("{index}:b") } else { String::new() };
                let mut line = String::new();
                write!(line, "{index},{index}:{here},remove member,{member},{reason}{moved}").unwrap();
                changes.insert(line);
            }
        }
    }
    work_it_out(&dump.finish(), &commands, &changes);
}

fn work_it_out(dump: &[u8], expected: &BTreeMap<(&str, String), BTreeSet<String>>, changes: &BTreeSet<String>) {
    let work = Work::new();
    work.write("s.toml", SPEC);
    for threads in ["1", "2", "7"] {
        let ran = work.plan(dump, &["--spec", "s.toml", "--threads", threads]);
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        let mut found: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for command in work.commands("apply.resp") {
            let members = found.entry((command[0].clone(), command[1].clone())).or_default();
            let step = if command[0] == "ZADD" { 2 } else { 1 };
            for member in command[2..].iter().skip(step - 1).step_by(step) {
                assert!(members.insert(member.clone()), "{member} twice");
            }
        }
        let found: BTreeMap<(&str, String), BTreeSet<String>> =
            found.iter().map(|((verb, key), members)| ((verb.as_str(), key.clone()), members.clone())).collect();
        for (key, members) in expected {
            let there = found.get(key).cloned().unwrap_or_default();
            let first = there.symmetric_difference(members).next();
            assert_eq!(first, None, "{key:?} with {threads} threads");
        }
        assert_eq!(found.len(), expected.len());
        let text = std::fs::read_to_string(work.path("plan/changes.csv")).unwrap();
        let removed: BTreeSet<String> =
            text.lines().filter(|line| line.contains(",remove member,")).map(str::to_owned).collect();
        assert_eq!(removed.difference(changes).next(), None, "{threads} threads");
        assert_eq!(changes.difference(&removed).next(), None, "{threads} threads");
    }
}
