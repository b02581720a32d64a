//! The planner and the model agree on states that nobody thought of: random ones, small enough that everything meets.

use std::sync::atomic::AtomicBool;

use rdb_reindex::bundle::Bundle;
use rdb_reindex::bundle::manifest::{APPLY, Caps, Manifest, ROLLBACK};
use rdb_reindex::dump::scan::Observer;
use rdb_reindex::index::{DeleteReason, Difference};
use rdb_reindex::model::spec::{Acceptance, BRAKES, Brake, Given, Spec};
use rdb_reindex::model::view::Expiry;
use rdb_reindex::plan::{Error, build};
use rdb_reindex::rehearse::{Files, Meaning, Model, check_dump, check_manifest, prove};

use crate::support::dump_writer::DumpBuilder;

/// Every kind of index, families that overlap each other and the records, and two databases.
pub const SPEC: &str = r#"
version = 1
[[record]]
name = "r"
key = "r:*"
[[record]]
name = "p"
key = "p:*"
[[record]]
name = "s"
key = "x:s*"
[[record]]
name = "d"
key = "r:*"
db = 1
[[index]]
name = "set"
policy = "maintain"
from = "r"
key = "i:{p}"
member = "{@key}"
require = [{ record = "p", key = "p:{p}" }]
[[index]]
name = "all"
policy = "maintain"
from = "p"
key = "all"
member = "{@key}"
[[index]]
name = "rank"
policy = "maintain"
type = "zset"
from = "r"
key = "z:{p}"
member = "{m}:{@key}"
score = "{n}"
[[index]]
name = "keys"
policy = "maintain"
type = "zset"
from = "r"
key = "y:{tags[]}"
member = "{@key}"
score = "{n}"
[[index]]
name = "wide"
policy = "maintain"
from = "r"
key = "x:{p}"
member = "{@key}"
[[index]]
name = "narrow"
policy = "maintain"
from = "p"
key = "x:s{p}"
member = "{@key}"
[[index]]
name = "old"
policy = "retire"
from = "r"
key = "x:a{p}"
[[index]]
name = "look"
policy = "report"
from = "r"
key = "l:{p}"
member = "{@key}"
[[index]]
name = "elsewhere"
policy = "maintain"
from = "d"
key = "i:{p}"
member = "{@key}"
"#;

/// 2025-01-06T17:45:00Z.
const NOW: u64 = 1_736_185_500;
const NOW_MS: i64 = 1_736_185_500_000;

/// A linear congruential generator, Knuth's MMIX constants: what fails can be repeated by its number.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn one_of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[self.below(all.len() as u64) as usize]
    }

    fn some(&mut self, all: &[&'static str]) -> Vec<&'static str> {
        all.iter().copied().filter(|_| self.below(3) > 0).collect()
    }
}

const VALUES: [&str; 10] =
    [r#""a""#, r#""b""#, r#""sa""#, r#""aa""#, r#""\u0061""#, r#""c\r\n""#, "1", "null", r#""s""#, r#""""#];
const MEMBERS: [&str; 8] = ["r:1", "r:2", "r:3", "r:4", "r:5", "p:a", "m", "w"];

fn document(random: &mut Random, broken: u64) -> String {
    if random.below(100) < broken {
        return random.one_of(&["{", "", r#"{"p":[1],"m":{},"n":"?","tags":"x"}"#, "[]"]).to_owned();
    }
    let mut fields = Vec::new();
    for name in ["p", "m", "n"] {
        if random.below(8) > 0 {
            let value = match name {
                "n" => random.one_of(&["1", "1.0", "2.5", r#""1970-01-01T00:00:01Z""#, "-0", "1e3"]),
                _ => random.one_of(&VALUES),
            };
            fields.push(format!(r#""{name}":{value}"#));
        }
    }
    if random.below(4) > 0 {
        let tags: Vec<&str> = (0..random.below(4)).map(|_| random.one_of(&VALUES)).collect();
        fields.push(format!(r#""tags":[{}]"#, tags.join(",")));
    }
    format!("{{{}}}", fields.join(","))
}

fn record(b: &mut DumpBuilder, random: &mut Random, key: &str, broken: u64) {
    match random.below(8) {
        0..3 => _ = b.string(key, document(random, broken)),
        // No server has a document that is no JSON.
        3..5 => _ = b.json(key, document(random, 0)),
        5 => _ = b.hash(key, &[("p", random.one_of(&["a", "b", "sa"])), ("m", "m"), ("n", "1")]),
        6 if random.below(100) < broken => _ = b.list(key, &["x"]),
        _ => {}
    }
}

fn index_key(b: &mut DumpBuilder, random: &mut Random, key: &str, twice: bool) {
    let mut members = random.some(&MEMBERS);
    if members.is_empty() {
        members.push("w");
    }
    if twice && random.below(3) == 0 {
        members.push(members[random.below(members.len() as u64) as usize]);
    }
    let scored: Vec<(&str, f64)> =
        members.iter().map(|member| (*member, [1.0, 2.5, 1000.0, 0.0][random.below(4) as usize])).collect();
    match random.below(16) {
        0..6 => _ = b.set(key, &members),
        6..10 => _ = b.zset(key, &scored),
        10 => _ = b.list(key, &[&members[..], &members[..1]].concat()),
        11 => _ = b.hash(key, &members.iter().map(|member| (*member, "w")).collect::<Vec<_>>()),
        12 => _ = b.string(key, members[0]),
        13 => _ = b.json(key, format!(r#"["{}"]"#, members[0])),
        _ => {}
    }
}

fn expiry(b: &mut DumpBuilder, random: &mut Random) {
    match random.below(12) {
        0 => _ = b.expire_ms(NOW_MS),
        1 => _ = b.expire_ms(NOW_MS + 1),
        2 => _ = b.expire_ms(60_000),
        _ => {}
    }
}

/// A dump that follows from the seed.
pub fn random_dump(seed: u64, version: u32) -> Vec<u8> {
    random(seed, version, false)
}

/// The same with index keys that have a member twice, which no server writes.
pub fn random_dump_with_members_twice(seed: u64, version: u32) -> Vec<u8> {
    random(seed, version, true)
}

fn random(seed: u64, version: u32, twice: bool) -> Vec<u8> {
    let random = &mut Random(seed);
    let mut b = DumpBuilder::new(version);
    b.server_aux(NOW);
    // In one dump out of three nothing is broken, else some of it is: an undecidable record freezes much.
    let broken = [0, 10, 30][random.below(3) as usize];
    for db in 0..2 {
        b.select_db(db);
        // An expiry belongs to the next key; where none follows at once it belongs to the one after.
        for key in ["r:1", "r:2", "r:3", "r:4", "r:5", "p:a", "p:b", "p:sa", "x:s", "x:sa"] {
            expiry(&mut b, random);
            record(&mut b, random, key, broken);
        }
        let keys =
            ["i:a", "i:b", "i:c", "all", "z:a", "z:b", "z:1", "y:a", "y:b", "y:q", "x:a", "x:b", "x:aa", "x:sb", "l:a"];
        for key in keys {
            expiry(&mut b, random);
            index_key(&mut b, random, key, twice);
        }
        b.string("other", "x");
    }
    b.finish()
}

/// The plan for a dump: its manifest and its two files. None if a brake refuses it.
pub fn planned(dump: &[u8], spec: &Spec, caps: Caps) -> Option<(Manifest, Vec<u8>, Vec<u8>)> {
    let difference = Difference::take(dump, spec, Expiry::Careful, &Observer::default()).expect("the dump is whole");
    for deletion in &difference.deletions {
        // What bounds the values that all threads expand at once is what the walk finds, or more.
        let found = difference.record(deletion.start).expect("it was read before").value.bytes.len();
        let unknown = deletion.reason == DeleteReason::Disputed && deletion.bytes == u32::MAX;
        assert!(unknown || deletion.bytes as usize == found, "{deletion:?}: {found}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("plan");
    match build(&difference, caps, &path, &AtomicBool::new(false)) {
        Err(Error::Braked(_)) => return None,
        built => built.expect("a plan"),
    };
    let bundle = Bundle::open(&path).expect("opens");
    let (apply, rollback) = (bundle.commands(APPLY).expect("reads"), bundle.commands(ROLLBACK).expect("reads"));
    Some((bundle.manifest, apply, rollback))
}

fn given(accept: &[Acceptance]) -> Given {
    Given { accept: accept.to_vec(), only: Vec::new() }
}

/// The spec with all brakes lifted.
pub fn lifted(text: &str) -> Spec {
    let all: Vec<Acceptance> = BRAKES.iter().map(|&brake| Acceptance { index: None, brake }).collect();
    Spec::parse_given(text, "test.toml", &given(&all)).unwrap_or_else(|e| panic!("{}", e.render(false)))
}

pub const CAPS: Caps = Caps { max_args: 1000, max_command_bytes: 512 * 1024 };

/// Agrees with all brakes lifted, with those that keep in force, and, unless one refuses, with all in force.
fn agree(text: &str, seed: u64, caps: Caps) -> u64 {
    agree_on_dump(&random_dump(seed, 10 + (seed % 2) as u32), text, seed, caps)
}

/// The same on any dump, which follows from `seed`.
pub fn agree_on_dump(dump: &[u8], text: &str, seed: u64, caps: Caps) -> u64 {
    let refusing: Vec<Acceptance> =
        BRAKES.iter().filter(|brake| !brake.keeps()).map(|&brake| Acceptance { index: None, brake }).collect();
    let keeping =
        Spec::parse_given(text, "test.toml", &given(&refusing)).unwrap_or_else(|e| panic!("{}", e.render(false)));
    agree_on(dump, &keeping, seed, caps).expect("nothing refuses");
    let plain = Spec::parse_given(text, "test.toml", &given(&[Acceptance { index: None, brake: Brake::NoLiteral }]));
    agree_on(dump, &plain.unwrap_or_else(|e| panic!("{}", e.render(false))), seed, caps);
    agree_on(dump, &lifted(text), seed, caps).expect("nothing refuses")
}

fn agree_on(dump: &[u8], spec: &Spec, seed: u64, caps: Caps) -> Option<u64> {
    let (manifest, apply, rollback) = planned(dump, spec, caps)?;
    let (dump, spec) = (dump.to_vec(), spec);
    let model = Model::read(&dump, spec, Meaning::Careful).expect("the dump is whole");
    check_dump(&dump, &model, &manifest).expect("the same dump");
    let mut proof = prove(&model, Files::new(&manifest, &apply, &rollback)).expect("the dump is whole");
    check_manifest(&model, &manifest, &mut proof).expect("the dump is whole");
    let findings: Vec<String> = proof.findings.first.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "seed {seed}: {findings:#?}\n{}", super::outline(&model.start().expect("whole")));
    Some(proof.apply.commands)
}

/// `RDB_REINDEX_SEEDS` for a longer run.
fn seeds() -> u64 {
    std::env::var("RDB_REINDEX_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(300)
}

#[test]
fn on_random_states() {
    let narrow = Caps { max_args: 4, max_command_bytes: 256 };
    let n = seeds();
    let commands: u64 = (1..=n).map(|seed| agree(SPEC, seed, if seed % 2 == 0 { CAPS } else { narrow })).sum();
    // There was something to do: a plan for such a state has some ten commands.
    assert!(commands > 5 * n, "{commands} commands");
}

/// Here records can disagree on the score of a member.
///
/// An index key all of whose scores are in dispute: nothing may be added to it. If its other members are stale it has to
/// be deleted, not emptied (and with it its expiry, which a rollback must give back); if it had another type, a rollback
/// must not delete it again, for it was not made.
#[test]
fn on_states_with_nothing_but_disputed_scores() {
    let spec = SPEC.replace("{m}:{@key}", "{m}");
    let n = seeds();
    let commands: u64 = (1..=n).map(|seed| agree(&spec, seed, CAPS)).sum();
    assert!(commands > 5 * n, "{commands} commands");
}
