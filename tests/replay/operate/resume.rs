//! Whatever ends a replay: resumed, it comes to the end of an undisturbed one, and its rollback to the beginning.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::operate::bundle::{Scene, small};
use crate::operate::{Stage, load, names, program, ran};
use crate::proxy::{Fault, Proxy, run};
use crate::support::server::{Server, query};

/// Sets, sorted sets, lists and strings: deleted, made anew, created, edited. Many small commands.
pub fn many() -> Scene {
    let mut scene = Scene::default().state(&["SET neighbour v", "SADD message:1 x"]);
    let mut deletions = Vec::new();
    for n in 0..4 {
        let key = format!("wrong:{n}");
        deletions.push(key.clone());
        scene = scene.state(&[&format!("SADD {key} a b c")]).touch(&key, "set", 3);
    }
    for n in 0..3 {
        let key = format!("list:{n}");
        deletions.push(key.clone());
        scene = scene.state(&[&format!("RPUSH {key} 1 2 3 4")]).touch(&key, "list", 4);
    }
    for n in 0..2 {
        let key = format!("text:{n}");
        deletions.push(key.clone());
        scene = scene.state(&[&format!("SET {key} onetwo")]).touch(&key, "string", 1);
    }
    for chunk in deletions.chunks(2) {
        scene = scene.apply(&format!("UNLINK {}", chunk.join(" ")), chunk.len() as i64);
    }
    for n in 0..3 {
        scene = scene.apply(&format!("SADD list:{n} x y"), 2);
    }
    for n in 0..6 {
        let (set, zset, new) = (format!("set:{n}"), format!("zset:{n}"), format!("new:{n}"));
        scene = scene
            .state(&[&format!("SADD {set} a b stale1 stale2"), &format!("ZADD {zset} 1 a 2 b 3 stale")])
            .touch(&set, "set", 4)
            .touch(&zset, "zset", 3)
            .touch(&new, "none", 0)
            .apply(&format!("SADD {set} m1 m2 m3"), 3)
            .apply(&format!("SADD {new} m1"), 1)
            // One is new, one changes its score.
            .apply(&format!("ZADD {zset} 7 m 9 a"), 1);
    }
    for n in 0..6 {
        scene = scene.apply(&format!("SREM set:{n} stale1 stale2"), 2).apply(&format!("ZREM zset:{n} stale"), 1);
    }
    scene = scene.rollback("UNLINK list:0 list:1 list:2", 3);
    for n in 0..4 {
        scene = scene.rollback(&format!("SADD wrong:{n} a b c"), 3);
    }
    for n in 0..3 {
        scene = scene.rollback(&format!("RPUSH list:{n} 1 2"), 2).rollback(&format!("RPUSH list:{n} 3 4"), 4);
    }
    for n in 0..2 {
        scene = scene.rollback_status(&format!("SET text:{n} one")).rollback(&format!("APPEND text:{n} two"), 6);
    }
    for n in 0..6 {
        scene = scene
            .rollback(&format!("SADD set:{n} stale1 stale2"), 2)
            .rollback(&format!("ZADD zset:{n} 3 stale"), 1)
            .rollback(&format!("ZADD zset:{n} 1 a"), 0)
            .rollback(&format!("SREM set:{n} m1 m2 m3"), 3)
            .rollback(&format!("SREM new:{n} m1"), 1)
            .rollback(&format!("ZREM zset:{n} m"), 1);
    }
    scene
}

/// A server, and the two states between which a plan leads.
pub struct Ground {
    server: Server,
    scene: Scene,
    before: String,
    after: String,
    /// More arguments.
    args: &'static [&'static str],
}

impl Ground {
    pub fn new(scene: Scene) -> Option<Self> {
        Self::with(scene, &[])
    }

    pub fn with(scene: Scene, args: &'static [&'static str]) -> Option<Self> {
        let server = Server::builder().start()?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let plan_id = scene.write(folder.path());
        load(&server, &scene);
        let before = server.digest();
        let mut command = program();
        command.arg("apply").arg(folder.path()).args(["--to", &server.url(), "--confirm", &plan_id]);
        let undisturbed = ran(&mut command);
        assert_eq!(undisturbed.status, Some(0), "{undisturbed:?}");
        let after = server.digest();
        Some(Self { server, scene, before, after, args })
    }

    fn reset(&self) -> (tempfile::TempDir, PathBuf, String) {
        let mut connection = self.server.connection();
        query::<()>(&mut connection, &["FLUSHALL"]);
        load(&self.server, &self.scene);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let dir = folder.path().join("plan");
        let plan_id = self.scene.write(&dir);
        (folder, dir, plan_id)
    }

    /// Runs one way with a fault, and then as often as it says that it can be resumed. How often it was resumed, and
    /// whether the fault came to pass.
    fn through(&self, name: &str, dir: &Path, plan_id: &str, batch: u32, faults: &[Fault]) -> (u32, bool) {
        let mut fired = false;
        for resumed in 0..10 {
            let fault = faults.get(resumed as usize).cloned().unwrap_or(Fault::None);
            let proxy = Proxy::start(self.server.port(), fault.clone());
            let mut command = self.command(name, dir, plan_id, batch, proxy.port);
            if resumed > 0 {
                command.arg("--resume");
            }
            let (status, text) = run(&mut command, &proxy);
            fired |= proxy.fired();
            match status {
                Some(0) => return (resumed, fired),
                // Killed, or stopped in a way that can be resumed.
                None | Some(6) => {}
                // The fault met the question whether scripts are run at all: nothing was begun.
                Some(4) if text.contains("a guard needs scripts") => {}
                status => panic!("{name} with {fault:?} ended with {status:?}: {text}"),
            }
        }
        panic!("{name} with {faults:?} never came to an end");
    }

    fn command(&self, name: &str, dir: &Path, plan_id: &str, batch: u32, port: u16) -> Command {
        let mut command = program();
        command.arg(name).arg(dir).args(["--to", &format!("redis://127.0.0.1:{port}"), "--confirm", plan_id]);
        command.args(["--batch-commands", &batch.to_string(), "--timeout", "1", "--retry-for", "20"]);
        command.args(self.args);
        command
    }

    /// There with faults, and back with faults; each end state must be the undisturbed one. Whether a fault came to pass.
    fn there_and_back(&self, batch: u32, there: &[Fault], back: &[Fault]) -> bool {
        let (_folder, dir, plan_id) = self.reset();
        let (_, fired) = self.through("apply", &dir, &plan_id, batch, there);
        assert_eq!(self.server.digest(), self.after, "apply with {there:?}, {batch} a batch");
        let (_, fired_back) = self.through("rollback", &dir, &plan_id, batch, back);
        assert_eq!(self.server.digest(), self.before, "rollback with {back:?}, {batch} a batch");
        fired || fired_back
    }

    /// The same fault there and back.
    pub fn both_ways(&self, batch: u32, fault: &Fault) -> bool {
        let faults = std::slice::from_ref(fault);
        self.there_and_back(batch, faults, faults)
    }

    /// What an undisturbed run sends: writes, bytes there, bytes back.
    fn traffic(&self, name: &str, dir: &Path, plan_id: &str, batch: u32) -> (u64, u64, u64) {
        let proxy = Proxy::start(self.server.port(), Fault::None);
        let (status, text) = run(&mut self.command(name, dir, plan_id, batch, proxy.port), &proxy);
        assert_eq!(status, Some(0), "{text}");
        proxy.traffic()
    }
}

#[test]
fn each_class_of_error_at_each_command() {
    let Some(ground) = Ground::new(small()) else { return };
    for write in 1..=7 {
        for (text, times) in [
            ("LOADING Redis is loading the dataset in memory", 3),
            ("BUSY Redis is busy running a script", 1),
            ("OOM command not allowed when used memory > 'maxmemory'", 1),
            ("READONLY You can't write against a read only replica.", 1),
            ("ERR max daily request limit exceeded", 1),
            ("NOPERM this user has no permissions", 1),
        ] {
            let fault = Fault::Refuse { write, text: text.into(), times };
            assert!(ground.both_ways(3, &fault), "{text} at {write}");
        }
    }
}

#[test]
fn a_connection_cut_around_each_command() {
    let Some(ground) = Ground::new(small()) else { return };
    for write in 1..=7 {
        // ":1\r\n" has four bytes.
        let cuts = (0..4).map(|bytes| Fault::CutAfter { write, bytes });
        for fault in cuts.chain([Fault::CutBefore { write }]) {
            assert!(ground.both_ways(100, &fault), "{fault:?}");
        }
    }
}

#[test]
fn killed_after_every_nth_byte() {
    let Some(ground) = Ground::new(small()) else { return };
    let (_folder, dir, plan_id) = ground.reset();
    let (_, sent, received) = ground.traffic("apply", &dir, &plan_id, 2);
    let step = if std::env::var_os("RDB_REINDEX_LONG").is_some() { 1 } else { 97 };
    let mut kills = 0;
    for bytes in (1..=sent).step_by(step) {
        let fault = Fault::KillSent { bytes };
        kills += u32::from(ground.both_ways(2, &fault));
    }
    for bytes in (1..=received).step_by(step) {
        let fault = Fault::KillReceived { bytes };
        kills += u32::from(ground.both_ways(2, &fault));
    }
    assert!(kills > 3, "{kills}");
}

#[test]
fn stalls_and_drips() {
    let Some(ground) = Ground::new(small()) else { return };
    assert!(ground.both_ways(2, &Fault::Drip));
    assert!(ground.there_and_back(2, &[Fault::Stall { write: 2 }], &[Fault::Stall { write: 5 }]));
}

#[test]
fn random_faults() {
    let Some(ground) = Ground::new(many()) else { return };
    run_into_faults(&ground, 20_261_123);
}

#[test]
fn random_faults_under_guard() {
    let scene = Scene { spec: crate::operate::guard::SPEC.into(), ..many() };
    let Some(ground) = Ground::with(scene, &["--guard", "records"]) else { return };
    run_into_faults(&ground, 11_232_026);
}

/// Two faults there and two back, time after time, from a seed.
pub fn run_into_faults(ground: &Ground, mut seed: u64) {
    let count: u32 = std::env::var("RDB_REINDEX_FAULTS").ok().and_then(|text| text.parse().ok()).unwrap_or(40);
    let (_folder, dir, plan_id) = ground.reset();
    let (writes, sent, received) = ground.traffic("apply", &dir, &plan_id, 7);
    // A linear congruential generator (Knuth's MMIX constants): the same faults every time.
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut fault = || {
        let write = random(writes) + 1;
        match random(8) {
            0 => Fault::CutBefore { write },
            1 | 2 => Fault::CutAfter { write, bytes: random(5) as usize },
            3 => Fault::KillSent { bytes: random(sent) + 1 },
            4 => Fault::KillReceived { bytes: random(received) + 1 },
            5 => Fault::Refuse { write, text: "LOADING Redis is loading".into(), times: random(3) + 1 },
            6 => Fault::Refuse { write, text: "READONLY You can't write".into(), times: 1 },
            _ => Fault::Refuse { write, text: "OOM command not allowed".into(), times: random(4) + 1 },
        }
    };
    let mut fired = 0;
    for _ in 0..count / 2 {
        let (there, back) = ([fault(), fault()], [fault(), fault()]);
        let batch = [1, 3, 7, 100][fired as usize % 4];
        fired += u32::from(ground.there_and_back(batch, &there, &back));
    }
    assert!(fired * 2 >= count / 2, "{fired} of {count} came to pass");
}

#[test]
fn a_rollback_of_half_an_apply() {
    let Some(ground) = Ground::new(many()) else { return };
    let (_folder, dir, plan_id) = ground.reset();
    let (writes, _, _) = ground.traffic("apply", &dir, &plan_id, 4);
    let mut undone = 0;
    for write in (1..=writes).step_by(3) {
        for fault in [
            Fault::Refuse { write, text: "READONLY You can't write against a read only replica.".into(), times: 1 },
            Fault::KillReceived { bytes: 300 + 20 * write },
        ] {
            let (_folder, dir, plan_id) = ground.reset();
            let proxy = Proxy::start(ground.server.port(), fault.clone());
            run(&mut ground.command("apply", &dir, &plan_id, 4, proxy.port), &proxy);
            drop(proxy);
            if ground.server.digest() == ground.before {
                // It was killed before it wrote anything: there is nothing to undo.
                continue;
            }
            undone += 1;
            ground.through("rollback", &dir, &plan_id, 4, &[]);
            assert_eq!(ground.server.digest(), ground.before, "{fault:?}");
        }
    }
    assert!(undone > writes / 3, "{undone}");
}

#[test]
fn what_was_begun_is_not_begun_again() {
    let Some(stage) = Stage::new(&small()) else { return };
    let proxy = Proxy::start(
        stage.server.port(),
        Fault::Refuse { write: 3, text: "READONLY You can't write against a read only replica.".into(), times: 1 },
    );
    let mut command = program();
    command.arg("apply").arg(stage.dir()).args(["--to", &format!("redis://127.0.0.1:{}", proxy.port)]);
    let stopped = ran(command.args(["--confirm", &stage.plan_id]));
    assert_eq!(stopped.status, Some(6), "{stopped:?}");
    assert!(stopped.err.contains("READONLY") && stopped.err.contains("connect to the primary"), "{stopped:?}");
    let resume =
        format!("\n  rdb-reindex apply {} --to redis://127.0.0.1:{} --resume\n", stage.dir().display(), proxy.port);
    assert!(stopped.err.contains(&resume), "{stopped:?}");
    drop(proxy);
    let again = stage.confirmed("apply", &[]);
    assert_eq!(again.status, Some(4), "{again:?}");
    assert!(again.err.contains("was begun at") && again.err.contains("--resume"), "{again:?}");
    // Without --confirm: going on is no new decision.
    let resumed = stage.run("apply", &["--resume"]);
    assert_eq!(resumed.status, Some(0), "{resumed:?}");
    assert!(resumed.err.contains("resuming: an apply of plan "), "{resumed:?}");
    assert_eq!(stage.run("verify", &[]).status, Some(0));
    // A script that resumes until it is told that all is done may have missed that.
    let done = stage.run("apply", &["--resume"]);
    assert_eq!(done.status, Some(0), "{done:?}");
    assert!(done.out.contains("there is nothing left to do"), "{done:?}");
    assert_eq!(stage.confirmed("apply", &[]).status, Some(4));
    assert_eq!(stage.confirmed("rollback", &[]).status, Some(0));
    assert_eq!(stage.server.digest(), stage.before);
    assert_eq!(stage.confirmed("rollback", &[]).status, Some(4), "it was rolled back already");
    assert!(names(&stage.dir()).contains(&"journal.ndjson".to_owned()));
}

#[test]
fn with_nothing_journalled_a_resume_begins() {
    let Some(stage) = Stage::new(&small()) else { return };
    let resumed = stage.confirmed("apply", &["--resume"]);
    assert_eq!(resumed.status, Some(0), "{resumed:?}");
    assert!(resumed.err.contains("nothing had been sent; starting at the beginning"), "{resumed:?}");
    let other = Stage::new(&small()).expect("the first started");
    let unconfirmed = other.run("apply", &["--resume"]);
    assert_eq!(unconfirmed.status, Some(2), "{unconfirmed:?}");
    // A journal of somebody who was killed before he confirmed anything is no confirmation either.
    let path = other.dir().join("journal.ndjson");
    let first = std::fs::read_to_string(stage.dir().join("journal.ndjson")).expect("it is there");
    let first = first.lines().next().expect("it has lines").replace("\"confirmed\":true", "\"confirmed\":false");
    std::fs::write(&path, first + "\n").expect("writable");
    let unconfirmed = other.run("apply", &["--resume"]);
    assert_eq!(unconfirmed.status, Some(2), "{unconfirmed:?}");
    assert_eq!(other.server.digest(), other.before);
}

/// A command whose answer was lost, a run that goes on and is stopped later, and a third: what the second found done must
/// not be looked for again by the third, because by then something else may stand in its place.
#[test]
fn what_was_found_done_stays_done() {
    let through = |stage: &Stage, name: &str, fault: Fault, resume: bool| {
        let proxy = Proxy::start(stage.server.port(), fault);
        let mut command = program();
        command.arg(name).arg(stage.dir()).args(["--to", &format!("redis://127.0.0.1:{}", proxy.port)]);
        command.args(["--confirm", &stage.plan_id, "--retry-for", "0", "--batch-commands", "1"]);
        if resume {
            command.arg("--resume");
        }
        let ran = ran(&mut command);
        assert!(matches!(ran.status, Some(0 | 6)), "{ran:?}");
        ran.status
    };
    let stop = |write| Fault::Refuse { write, text: "READONLY You can't write".into(), times: 1 };
    let Some(stage) = Stage::new(&small()) else { return };
    for lost in 1..=3 {
        for later in 1..=6 {
            query::<()>(&mut stage.server.connection(), &["FLUSHALL"]);
            load(&stage.server, &small());
            let _ = std::fs::remove_file(stage.dir().join("journal.ndjson"));
            for name in ["apply", "rollback"] {
                assert_eq!(through(&stage, name, Fault::CutAfter { write: lost, bytes: 0 }, false), Some(6));
                through(&stage, name, stop(later), true);
                assert_eq!(through(&stage, name, Fault::None, true), Some(0), "{name}, {lost}, {later}");
                if name == "apply" {
                    assert_eq!(stage.run("verify", &["--settle", "0"]).status, Some(0), "{lost}, {later}");
                }
            }
            assert_eq!(stage.server.digest(), stage.before, "{lost}, {later}");
            // Back from an apply of which a command is not known.
            let _ = std::fs::remove_file(stage.dir().join("journal.ndjson"));
            assert_eq!(through(&stage, "apply", Fault::CutBefore { write: lost }, false), Some(6));
            through(&stage, "rollback", stop(later), false);
            assert_eq!(through(&stage, "rollback", Fault::None, true), Some(0), "{lost}, {later}");
            assert_eq!(stage.server.digest(), stage.before, "back from half, {lost}, {later}");
        }
    }
}

/// What is done must be written down in the plan's own folder, and read from there.
#[test]
fn a_journal_that_is_a_link_is_refused() {
    let Some(stage) = Stage::new(&crate::operate::bundle::small()) else { return };
    let (journal, other) = (stage.dir().join("journal.ndjson"), stage.folder.path().join("other"));
    for is_hard in [false, true] {
        std::fs::write(&other, b"theirs\n").expect("writable");
        match is_hard {
            false => std::os::unix::fs::symlink(&other, &journal).expect("writable"),
            true => std::fs::hard_link(&other, &journal).expect("writable"),
        }
        for (name, args) in [("apply", &["--confirm", &stage.plan_id][..]), ("apply", &["--dry-run"]), ("show", &[])] {
            let refused = match name {
                "show" => crate::operate::ran(crate::operate::program().arg("show").arg(stage.dir())),
                name => stage.run(name, args),
            };
            assert_eq!(refused.status, Some(4), "{name} {args:?}: {refused:?}");
            assert!(refused.err.contains("link"), "{refused:?}");
        }
        assert_eq!(std::fs::read(&other).expect("it is there"), b"theirs\n");
        std::fs::remove_file(&journal).expect("it is there");
    }
    assert_eq!(stage.server.digest(), stage.before);
}
