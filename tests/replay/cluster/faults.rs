//! A fault in front of every node, slots that move, primaries that change: whatever happens, a resumed replay comes to the
//! right end, and its rollback to the beginning.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rdb_reindex::bundle::manifest::Reply;
use rdb_reindex::bundle::resp::{CommandReader, encode};
use rdb_reindex::dump::slots::slot_of;

use super::stage::State;
use crate::operate::bundle::Scene;
use crate::operate::program;
use crate::operate::resume::many;
use crate::proxy::{Fault, Proxy};
use crate::support::server::Cluster;

/// The same without commands of several slots.
fn by_slot(mut scene: Scene) -> Scene {
    let cut = |bytes: &[u8], replies: &[Reply]| {
        let (mut out, mut due) = (Vec::new(), Vec::new());
        let (mut reader, mut replies) = (CommandReader::new(bytes), replies.iter());
        while let Some(command) = reader.next_command().expect("it is a list of commands") {
            let reply = replies.next().expect("each has a reply");
            if command.name() != b"UNLINK" {
                out.extend_from_slice(command.bytes);
                due.push(reply.clone());
                continue;
            }
            let mut slots: BTreeMap<u16, Vec<&[u8]>> = BTreeMap::new();
            for key in &command.args[1..] {
                slots.entry(slot_of(key)).or_default().push(key);
            }
            for keys in slots.values() {
                encode(&[&[&b"UNLINK"[..]], &keys[..]].concat(), &mut out);
                due.push(Reply::Integer(keys.len() as i64));
            }
        }
        (out, due)
    };
    (scene.apply, scene.applied) = cut(&scene.apply, &scene.applied);
    (scene.rollback, scene.rolled_back) = cut(&scene.rollback, &scene.rolled_back);
    scene
}

/// A linear congruential generator (Knuth's MMIX constants): the same faults every time.
struct Random(u64);

impl Random {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn fault(&mut self) -> Fault {
        let write = self.below(25) + 1;
        match self.below(9) {
            0 => Fault::CutBefore { write },
            1 | 2 => Fault::CutAfter { write, bytes: self.below(5) as usize },
            3 => Fault::KillSent { bytes: self.below(6_000) + 1 },
            4 => Fault::KillReceived { bytes: self.below(4_000) + 1 },
            5 => Fault::Refuse { write, text: "LOADING Redis is loading".into(), times: self.below(3) + 1 },
            6 => Fault::Refuse { write, text: "CLUSTERDOWN The cluster is down".into(), times: self.below(3) + 1 },
            7 => Fault::Refuse { write, text: "TRYAGAIN Multiple keys".into(), times: self.below(4) + 1 },
            _ => Fault::Refuse { write, text: "OOM command not allowed".into(), times: self.below(4) + 1 },
        }
    }
}

struct Ground {
    cluster: Cluster,
    scene: Scene,
    before: State,
    after: State,
    args: &'static [&'static str],
    fired: u32,
}

impl Ground {
    fn new(args: &'static [&'static str]) -> Option<Self> {
        let cluster = Cluster::start(None, false, &[])?;
        let scene = by_slot(Scene { spec: crate::operate::guard::SPEC.into(), ..many() });
        cluster.load(&scene.state);
        let before = cluster.state();
        let mut ground = Self { cluster, scene, before, after: State::new(), args, fired: 0 };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let plan_id = ground.scene.write(folder.path());
        ground.through("apply", folder.path(), &plan_id, 7, &mut Vec::new());
        ground.after = ground.cluster.state();
        Some(ground)
    }

    /// One run, behind proxies of which each does the harm it is told.
    fn run(&mut self, mut command: Command, faults: &[Fault]) -> (Option<i32>, String) {
        let fault = |at: usize| faults.get(at).cloned().unwrap_or(Fault::None);
        let nodes = self.cluster.nodes.iter().enumerate();
        let proxies: Vec<Proxy> = nodes.map(|(at, node)| Proxy::start(node.port(), fault(at))).collect();
        command.args(["--to", &format!("redis+cluster://127.0.0.1:{}", proxies[1].port)]);
        for (node, proxy) in self.cluster.nodes.iter().zip(&proxies) {
            let announced = format!("127.0.0.1:{}=127.0.0.1:{}", node.port(), proxy.port);
            command.args(["--node-map", &announced]);
        }
        let text = tempfile::NamedTempFile::new().expect("a temporary file");
        let out = || Stdio::from(text.reopen().expect("a second handle"));
        let mut child = command.stdout(Stdio::null()).stderr(out()).spawn().expect("the program runs");
        let end = Instant::now() + Duration::from_secs(60);
        let status = loop {
            if proxies.iter().any(Proxy::wants_kill) {
                let _ = child.kill();
            }
            if let Some(status) = child.try_wait().expect("the child can be waited for") {
                break status;
            }
            assert!(Instant::now() < end, "it hangs with {faults:?}");
            std::thread::sleep(Duration::from_millis(1));
        };
        self.fired += proxies.iter().filter(|proxy| proxy.fired()).count() as u32;
        (status.code(), std::fs::read_to_string(text.path()).unwrap_or_default())
    }

    /// One way, with one set of faults after the other, and then as often as it says that it can be resumed.
    fn through(&mut self, name: &str, dir: &Path, plan_id: &str, batch: u32, faults: &mut Vec<Vec<Fault>>) {
        for resumed in 0..12 {
            let mut command = program();
            command.arg(name).arg(dir).args(["--confirm", plan_id, "--timeout", "2", "--retry-for", "20"]);
            command.args(["--batch-commands", &batch.to_string()]).args(self.args);
            if resumed > 0 {
                command.arg("--resume");
            }
            let these = faults.pop().unwrap_or_default();
            let (status, text) = self.run(command, &these);
            match status {
                Some(0) => return,
                None | Some(6) => {}
                Some(4) if text.contains("a guard needs scripts") => {}
                // A node was not there when it was asked for the first time.
                Some(1) if !dir.join("journal.ndjson").exists() => {}
                status => panic!("{name} with {these:?} ended with {status:?}: {text}"),
            }
        }
        panic!("{name} never came to an end");
    }

    fn is(&self, expected: &State, what: &str) {
        let now = self.cluster.state();
        let differs = expected.keys().chain(now.keys()).filter(|key| expected.get(*key) != now.get(*key));
        let differs: Vec<String> = differs.map(|key| key.escape_ascii().to_string()).collect();
        let dumps = |key: &String| -> Vec<String> {
            let nodes = self.cluster.primaries().into_iter();
            nodes.map(|node| format!("{:?}", node.digest_values(&[key]))).collect()
        };
        let found: Vec<Vec<String>> = differs.iter().map(dumps).collect();
        let due: Vec<_> = differs.iter().map(|key| expected.get(key.as_bytes())).collect();
        assert!(differs.is_empty(), "{what}: {differs:?} differ: {found:?} where {due:?} is due");
    }

    fn reset(&self) {
        self.cluster.clear();
        self.cluster.load(&self.scene.state);
    }
}

/// Slots of some keys of the scene.
fn slots(random: &mut Random) -> Vec<u16> {
    let kinds = ["set", "zset", "wrong", "new", "list"];
    let name = |random: &mut Random| format!("{}:{}", kinds[random.below(5) as usize], random.below(4));
    let count = random.below(5) + 1;
    let mut slots: Vec<u16> = (0..count).map(|_| slot_of(name(random).as_bytes())).collect();
    slots.sort_unstable();
    slots.dedup();
    slots
}

fn run_into_faults(args: &'static [&'static str], seed: u64, default: u32) {
    let Some(mut ground) = Ground::new(args) else { return };
    let count: u32 = std::env::var("RDB_REINDEX_FAULTS").ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let mut random = Random(seed);
    let mut rounds = 0;
    while ground.fired < count {
        rounds += 1;
        assert!(rounds < 3 * count, "only {} of {count} faults came to pass", ground.fired);
        ground.reset();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let dir = folder.path().join("plan");
        let plan_id = ground.scene.write(&dir);
        let batch = [1, 3, 7, 100][rounds as usize % 4];
        // Some slots are half-way, for this run and the way back.
        let owners = ground.cluster.owners();
        let half_way: Vec<u16> = if rounds % 3 == 0 { slots(&mut random) } else { Vec::new() };
        let primaries: Vec<usize> = {
            let mut all = owners.clone();
            all.sort_unstable();
            all.dedup();
            all
        };
        let next = |from: usize| {
            let at = primaries.iter().position(|node| *node == from).unwrap_or_default();
            primaries[(at + 1) % primaries.len()]
        };
        for slot in &half_way {
            let from = owners[usize::from(*slot)];
            assert!(ground.cluster.begin_move(*slot, from, next(from)));
            ground.cluster.move_keys(*slot, from, next(from), 1);
        }
        for name in ["apply", "rollback"] {
            let mut faults: Vec<Vec<Fault>> = (0..2).map(|_| (0..4).map(|_| random.fault()).collect()).collect();
            let what = format!("round {rounds}, {name} with {faults:?} and slots {half_way:?} half-way");
            ground.through(name, &dir, &plan_id, batch, &mut faults);
            ground.is(if name == "apply" { &ground.after } else { &ground.before }, &what);
        }
        for slot in &half_way {
            let from = owners[usize::from(*slot)];
            ground.cluster.end_move(*slot, from, next(from));
        }
        if rounds % 10 == 0 {
            let (replica, primary) = match ground.cluster.primaries().len() {
                3 => ground.cluster.of_first_shard(),
                primaries => panic!("{primaries} primaries"),
            };
            ground.cluster.nodes[replica].query::<()>(&["CLUSTER", "FAILOVER"]);
            ground.cluster.until(|cluster| cluster.of_first_shard().0 == primary);
        }
    }
}

#[test]
fn random_faults() {
    run_into_faults(&["--guard", "replies"], 20_261_130, 140);
}

#[test]
fn random_faults_under_guard() {
    run_into_faults(&["--guard", "records"], 30_112_026, 60);
}
