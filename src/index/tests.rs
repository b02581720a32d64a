//! The same answer however members are told from each other: by numbers, by bytes at once or later, and with a hash that
//! sees no difference between names. What is expected is put together by hand.

use std::collections::BTreeSet;

use super::compare::batch::Proof;
use super::compare::deferred_checks::DeferredChecks;
use super::compare::scan_members::Ask;
use super::difference::read_by;
use super::memberships::Reader;
use super::store::hash::Hasher;
use super::*;
use crate::dump::rdb::Flow;
use crate::model::spec::Spec;
use crate::model::view::Expiry;
use crate::progress::Observer;

const SPEC: &str = r#"version = 1
[[record]]
name = "doc"
key = "d:*"
[[index]]
name = "set"
policy = "maintain"
from = "doc"
key = "set:{kind}"
member = "{@key}"
[[index]]
name = "zset"
policy = "maintain"
type = "zset"
from = "doc"
key = "zset:{kind}"
member = "{@key}"
score = "{score}"
[[index]]
name = "id"
policy = "maintain"
from = "doc"
key = "id:{kind}"
member = "u:{id}"
"#;

/// A dump by hand: <https://github.com/redis/redis/blob/7.0/src/rdb.h> has the types.
pub(super) struct File(Vec<u8>);

impl File {
    fn new() -> Self {
        Self(b"REDIS0011\xfe\x00".to_vec())
    }

    /// A dump of strings with these names, and where each record starts.
    pub(super) fn of(names: &[&str]) -> (Vec<u8>, Vec<u64>) {
        let mut file = Self::new();
        let mut record = |name: &&str| {
            let start = file.0.len() as u64;
            file.record(name, "");
            start
        };
        let starts = names.iter().map(&mut record).collect();
        (file.finish(), starts)
    }

    fn string(&mut self, text: &str) -> &mut Self {
        // 6 bits of length, or 14.
        match u8::try_from(text.len()) {
            Ok(len) if len < 64 => self.0.push(len),
            _ => self.0.extend_from_slice(&(0x4000 | text.len() as u16).to_be_bytes()),
        }
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn record(&mut self, name: &str, value: &str) {
        self.0.push(0);
        self.string(name).string(value);
    }

    fn set(&mut self, name: &str, members: &[&str]) {
        self.0.push(2);
        self.string(name).count(members.len());
        for member in members {
            self.string(member);
        }
    }

    fn zset(&mut self, name: &str, members: &[(&str, f64)]) {
        self.0.push(5);
        self.string(name).count(members.len());
        for (member, score) in members {
            self.string(member);
            self.0.extend_from_slice(&score.to_le_bytes());
        }
    }

    fn count(&mut self, count: usize) {
        self.0.extend_from_slice(&(0x4000 | count as u16).to_be_bytes());
    }

    fn finish(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
        self.0
    }
}

/// Names with and without numbers, some of which share one.
fn names() -> Vec<String> {
    let prefixes = ["d:", "d:a", "d:5f2e7c1a-9b3d-4e8f-a1c6-", "d:x:0"];
    let ends = ["7", "07", "12", "7b", "", "b0c4d2e8f6a7", "1228375301573866404"];
    prefixes.iter().flat_map(|prefix| ends.iter().map(move |end| format!("{prefix}{end}"))).collect()
}

#[test]
fn the_same_in_every_way() {
    let names = names();
    let mut file = File::new();
    // Numbers, what only looks like one, and text.
    let id = |n: usize, name: &str| match n % 4 {
        0 => n.to_string(),
        1 => format!("0{n}"),
        2 => (1_228_375_301_573_866_404 + n).to_string(),
        _ => name.to_owned(),
    };
    for (n, name) in names.iter().enumerate().filter(|(n, _)| n % 5 != 4) {
        file.record(name, &format!(r#"{{"kind":"a","score":{n},"id":"{}"}}"#, id(n, name)));
    }
    // Every third one is in the keys, with every second score wrong; those without a record, too, and some that never had.
    let there = |n: usize| n % 3 != 1;
    let ids: Vec<String> = names.iter().enumerate().map(|(n, name)| format!("u:{}", id(n, name))).collect();
    let others = ["d:8", "d:007", "d:y:07", "d:x:00", "gone", "u:008", "v:8", "9"];
    let all = |all: &[String]| -> Vec<String> {
        let there = all.iter().enumerate().filter(|(n, _)| there(*n)).map(|(_, name)| name.clone());
        there.chain(others.map(str::to_owned)).collect()
    };
    let (members, member_ids) = (all(&names), all(&ids));
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    let member_ids: Vec<&str> = member_ids.iter().map(String::as_str).collect();
    let score = |name: &str| names.iter().position(|other| other == name).map_or(0.0, |n| (n + n % 2) as f64);
    let scored: Vec<(&str, f64)> = members.iter().map(|name| (*name, score(name))).collect();
    file.set("set:a", &members);
    file.zset("zset:a", &scored);
    file.set("id:a", &member_ids);
    let file = file.finish();

    let mut expected = BTreeSet::new();
    for (n, name) in names.iter().enumerate() {
        let (record, there) = (n % 5 != 4, there(n));
        let state = |index: &str, member: &str, state: State| format!("{index} {member} {}", state.as_str());
        let of = |record: bool, there: bool| match (record, there) {
            (true, true) => Some(State::Correct),
            (false, true) => Some(State::Stale),
            (true, false) => Some(State::Missing),
            (false, false) => None,
        };
        expected.extend(of(record, there).map(|found| state("set:a", name, found)));
        expected.extend(of(record, there).map(|found| state("id:a", &ids[n], found)));
        let scored = if record && there && n % 2 == 1 { Some(State::Missing) } else { of(record, there) };
        expected.extend(scored.map(|found| state("zset:a", name, found)));
    }
    for key in ["set:a", "zset:a", "id:a"] {
        // What is not named like a member of the index is not taken for one.
        let form = if key == "id:a" { "u:" } else { "d:" };
        let state = |other: &str| if other.starts_with(form) { State::Stale } else { State::Foreign };
        expected.extend(others.map(|other| format!("{key} {other} {}", state(other).as_str())));
    }

    let spec = Spec::parse(SPEC, "test").unwrap();
    let observer = Observer::default();
    let plain = || Hasher::default();
    let read = |hasher: Hasher, deferred: DeferredChecks<'_>| {
        read_by((&file, &[]), &[], &spec, Expiry::Careful, Ask::Edits, hasher, deferred, &observer).unwrap()
    };
    type Way<'o> = (fn() -> Hasher, DeferredChecks<'o>, Proof);
    let ways: [Way<'_>; 5] = [
        (plain, DeferredChecks::new(&observer), Proof::Known),
        (plain, DeferredChecks::never(&observer), Proof::Known),
        (plain, DeferredChecks::always(&observer), Proof::Known),
        (Hasher::blind, DeferredChecks::never(&observer), Proof::AtOnce),
        // The deferred checks fail, and all is done again.
        (Hasher::blind, DeferredChecks::always(&observer), Proof::AtOnce),
    ];
    let mut counts = Vec::new();
    for (way, (hasher, deferred, proof)) in ways.into_iter().enumerate() {
        let compared = read(hasher(), deferred);
        assert_eq!(compared.proof, proof, "way {way}");
        counts.push(
            compared.summaries.iter().map(|index| (index.missing_members, index.stale_members)).collect::<Vec<_>>(),
        );
        let stale = compared.summaries.iter().map(|index| index.stale_members).sum::<u64>();
        assert_eq!(compared.scanned.stale.len() as u64, stale);

        let memberships = Memberships::of(compared);
        let (mut told, mut reader) = (BTreeSet::new(), Reader::default());
        for key in memberships.keys() {
            let mut room = Vec::new();
            let name = String::from_utf8_lossy(memberships.name(key, &mut room).unwrap()).into_owned();
            let record = memberships.record(key).unwrap();
            let mut each = |member: Option<&[u8]>, state: State| {
                told.insert(format!("{name} {} {}", String::from_utf8_lossy(member.unwrap()), state.as_str()));
                Flow::Continue(())
            };
            memberships.tell(key, &record, 0, &mut reader, &mut each).unwrap();
        }
        let missing = memberships.into_missing();
        for absent in missing.iter() {
            let mut room = Vec::new();
            let member = String::from_utf8_lossy(missing.member(&absent, &mut room).unwrap()).into_owned();
            told.insert(format!("{} {member} missing", String::from_utf8_lossy(missing.key(&absent))));
        }
        let first = told.symmetric_difference(&expected).next();
        assert_eq!(first, None, "way {way}");
    }
    assert!(counts.windows(2).all(|pair| pair[0] == pair[1]), "{counts:?}");
}
