//! `replay` against real servers, and against servers that misbehave.

use crate::support;

mod apply;
mod connect;
mod faults;
mod look;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rdb_reindex::bundle::manifest::{Bytes, Reply as Expected, Touched};
use rdb_reindex::bundle::resp::{self, BatchLimits};
use rdb_reindex::replay::journal::{Journal, Way};
use rdb_reindex::replay::{
    Connection, Dial, Ending, Event, Link, LinkError, LookOptions, OnDrift, Proof, Proven, Report, Script, Session,
    Source, Target, Terms, Timeouts, Verification, Watcher, read,
};
use support::server::Server;

fn target(url: &str, ca: Option<&Path>) -> Target {
    let source = Source {
        to: Some(url),
        password_file: None,
        tls_ca: ca.map(PathBuf::from),
        tls_client: None,
        node_map: &[],
        environment: &|_| None,
    };
    let mut target = Target::resolve(&source).expect("the test's URL is right");
    target.timeouts = Timeouts { connect: Duration::from_secs(5), reply: Duration::from_secs(20) };
    target
}

fn open(server: &Server) -> Connection {
    Connection::open(&target(&server.url(), None)).expect("the test's own server lets us in")
}

fn refusal(target: &Target) -> LinkError {
    match Connection::open(target) {
        Ok(_) => panic!("{target} was opened"),
        Err(error) => error,
    }
}

/// Arguments apart by spaces.
fn file(commands: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for command in commands {
        resp::encode(&command.split(' ').collect::<Vec<_>>(), &mut out);
    }
    out
}

fn run(server: &Server, commands: &[&str]) {
    for command in commands {
        server.query::<redis::Value>(&command.split(' ').collect::<Vec<_>>());
    }
}

fn integers(replies: &[i64]) -> Vec<Expected> {
    replies.iter().map(|reply| Expected::Integer(*reply)).collect()
}

/// A state, the plan that repairs it, and the way back, all worked out by hand.
struct Scene {
    state: Vec<&'static str>,
    touched: Vec<Touched>,
    apply: Vec<u8>,
    applied: Vec<Expected>,
    rollback: Vec<u8>,
    rolled_back: Vec<Expected>,
}

fn scene() -> Scene {
    Scene {
        state: vec![
            "SADD kept a b stale",
            "SADD wrong x y z",
            "RPUSH retyped 1 2 3",
            "ZADD ranked 1.5 m 2 old 3 moved",
            "HSET neighbour f v",
        ],
        touched: vec![
            touched("wrong", "set", 3),
            touched("retyped", "list", 3),
            touched("created", "none", 0),
            touched("kept", "set", 3),
            touched("ranked", "zset", 3),
        ],
        apply: file(&[
            "UNLINK wrong retyped",
            "SADD retyped r",
            "SADD created c d",
            "SADD kept new",
            "ZADD ranked -inf n 4.25 moved",
            "SREM kept stale",
            "ZREM ranked old",
        ]),
        // ZADD counts the member that is new, not the one whose score changes.
        applied: integers(&[2, 1, 2, 1, 1, 1, 1]),
        rollback: file(&[
            "UNLINK retyped created",
            "SADD wrong x y z",
            "RPUSH retyped 1 2 3",
            "SADD kept stale",
            "ZADD ranked 2 old 3 moved",
            "SREM kept new",
            "ZREM ranked n",
        ]),
        rolled_back: integers(&[2, 3, 3, 1, 1, 1, 1]),
    }
}

fn members(server: &Server, key: &str) -> Vec<String> {
    let mut members: Vec<String> = server.query(&["SMEMBERS", key]);
    members.sort();
    members
}

fn touched(key: &str, kind: &str, elements: u64) -> Touched {
    Touched { db: 0, key: Bytes(key.into()), kind: kind.to_owned().into(), elements, expire_at_ms: None, others: None }
}

/// What a replay came to, and what happened on the way.
struct Replayed {
    report: Report,
    events: Vec<Event>,
}

impl Replayed {
    /// Why it stopped.
    fn reason(&self) -> &str {
        match &self.report.ending {
            Ending::Stopped(reason) => reason,
            ending => panic!("{ending:?}"),
        }
    }

    fn assert_done(&self) -> &Report {
        assert_eq!(self.report.ending, Ending::Done, "{:?}", self.events);
        assert_eq!(self.report.left, 0);
        &self.report
    }

    /// The first command that was refused or answered otherwise: its number, its key, and the rest as text.
    fn trouble(&self) -> (u64, String, String) {
        let mut troubles = self.events.iter().filter_map(|event| match event {
            Event::Trouble { number, command, key, wanted, got, advice, .. } => {
                let text = format!("{command} answered {got} where {wanted} was expected: {advice}");
                Some((*number, String::from_utf8_lossy(key).into_owned(), text))
            }
            _ => None,
        });
        troubles.next().expect("there was trouble")
    }
}

impl Watcher for Replayed {
    fn event(&mut self, event: &Event) {
        self.events.push(event.clone());
    }
}

/// Replays over one connection; there is no second one.
fn replay(
    link: impl Link + 'static,
    commands: &[u8],
    expected: &[Expected],
    way: Way,
    limits: BatchLimits,
) -> Replayed {
    let script = if way == Way::Apply { Script::Apply } else { Script::Rollback };
    let (items, totals) = read(commands, script, expected).expect("the test's commands add up");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("journal.ndjson");
    let counts = (totals.commands, totals.commands);
    let (mut journal, _) = Journal::open(&path, ("id", "sha"), counts, (true, false)).expect("a new journal");
    let mut link = Some(Box::new(link) as Box<dyn Link>);
    let gone = || LinkError::Connect { target: "the test".into(), cause: "there is one connection only".into() };
    let mut dial = || link.take().ok_or_else(gone);
    let dial: &mut Dial<'_> = &mut dial;
    let mut session = Session::new(dial);
    let interrupt = AtomicBool::new(false);
    let terms = Terms {
        way,
        limits,
        max_rate: None,
        max_lag: None,
        pause_file: None,
        retry_for: Duration::ZERO,
        on_drift: OnDrift::Stop,
        interrupt: &interrupt,
    };
    let nothing = Report {
        nodes: std::collections::BTreeMap::new(),
        ending: Ending::Interrupted,
        done: Default::default(),
        failed: 0,
        otherwise: 0,
        kept: 0,
        left: 0,
        sent: false,
    };
    let mut replayed = Replayed { report: nothing, events: Vec::new() };
    let report = rdb_reindex::replay::run(&items, &mut session, &mut journal, &terms, None, &mut replayed);
    replayed.report = report.expect("the journal can be written");
    replayed
}

/// The default batches.
fn apply(link: impl Link + 'static, commands: &[u8], expected: &[Expected]) -> Replayed {
    replay(link, commands, expected, Way::Apply, BatchLimits::default())
}

/// Looks whether what the scene's plan leads to is there, or what its rollback leads to.
fn verify(link: &mut dyn Link, scene: &Scene, proven: Proven) -> Verification {
    let (apply, _) = read(&scene.apply, Script::Apply, &scene.applied).expect("the test's commands add up");
    let (back, _) = read(&scene.rollback, Script::Rollback, &scene.rolled_back).expect("the test's commands add up");
    let proof = Proof::of(&scene.touched, &apply, &back, proven);
    proof.look(link, &LookOptions::default(), &|_, _| true, &mut |_| {}).expect("it looks")
}
