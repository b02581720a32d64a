//! `--guard auto`: what entries of pruned keys name comes back, changes its type or its fields between the look and the edit.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::operate::price::plan;
use crate::operate::rest::{over_rest_of, served_on};
use crate::operate::{Ran, program, ran};
use crate::proxy::{Fault, Proxy, run};
use crate::support::server::{Server, query};

/// Each kind of key, each way to say what must be there.
pub const SPEC: &str = r#"version = 1

[[index]]
name = "tags"
policy = "prune"
type = "set"
key = "tag:{@t}"
member = "{@id}"
exists = ["item:{@id}", "item:{@id}:locked"]

[[index]]
name = "scores"
policy = "prune"
type = "zset"
key = "rank:{@r}"
member = "{@id}"
exists = "item:{@id}"

[[index]]
name = "queues"
policy = "prune"
type = "list"
key = "queue:{@q}"
member = "{@id}"
exists = { key = "job:{@id}", where = { status = "queued", queue = "{@q}" } }

[[index]]
name = "messages"
policy = "prune"
type = "list"
key = "messages:{@q}"
member = "{@id}"
exists = { key = "unacked", field = "{@id}", where = { open = true } }

[[index]]
name = "fields"
policy = "prune"
type = "hash"
key = "map:{@m}"
member = "{@f}"
value = "item:{@id}"
exists = "item:{@id}"

[[index]]
name = "pointers"
policy = "prune"
type = "string"
key = "at:{@p}"
value = "item:{@id}"
exists = "item:{@id}"

[[index]]
name = "satellites"
policy = "prune"
type = "any"
key = "meta:{@id}"
exists = "item:{@id}"

[[index]]
name = "registry"
policy = "prune"
type = "set"
key = "all"
member = "{@kind}={@name}"
exists = "{@kind}:{@name}"
"#;

/// Two of each kind that are edited in place, and one that goes as a whole; a chain: the registry names tags, which name items.
const STATE: [&str; 24] = [
    "MSET item:1 x item:2 x item:3 x",
    "SADD tag:some 1 2 gone gone2 late",
    "SADD tag:none gone gone2",
    "ZADD rank:some 1 1 2 gone 3 late",
    "ZADD rank:none 1 gone 2 gone2",
    "HSET job:1 status queued queue some",
    "HSET job:2 status done queue some",
    "HSET job:3 status done queue some",
    "RPUSH queue:some 1 gone 2 1 gone late 3",
    "RPUSH queue:none gone gone2 gone",
    "HSET unacked a {\"open\":1} b {}",
    "RPUSH messages:some a gone b late",
    "HSET map:some f1 item:1 f2 item:gone f3 item:late foreign v",
    "HSET map:none f1 item:gone f2 item:gone2",
    "SET at:one item:1",
    "SET at:gone item:gone",
    "SET at:gone2 item:gone2",
    "SET meta:1 x",
    "HSET meta:gone a b",
    "RPUSH meta:gone2 a b",
    "SADD all tag=some tag=none tag=never rank=some rank=none item=1",
    "SET other:1 x",
    "SET other:2 x",
    "PEXPIREAT tag:none 4102444800000",
];

/// That so many times over, each with names of its own, beside the keys that all name.
pub fn many(server: &Server, copies: u32) {
    let mut connection = server.connection();
    for copy in 0..copies {
        for command in STATE {
            let mut words = words(command).into_iter().map(str::to_owned).collect::<Vec<_>>();
            let is_job = command.starts_with("HSET job:") || command.starts_with("RPUSH queue:");
            for word in &mut words {
                match word.strip_prefix("job:").unwrap_or(word).parse::<u32>() {
                    Ok(_) if is_job => *word = format!("{word}-{copy}"),
                    _ if is_job && word == "some" => *word = format!("{copy}-some"),
                    _ => {}
                }
                if ["gone", "gone2", "late"].contains(&&**word) {
                    *word = format!("{word}{copy}");
                }
                for name in ["tag:", "rank:", "map:", "at:", "meta:", "queue:", "messages:"] {
                    if let Some(rest) = word.strip_prefix(name) {
                        *word = format!("{name}{copy}-{rest}");
                    }
                }
            }
            query::<redis::Value>(&mut connection, &words);
        }
    }
}

struct Broken {
    server: Server,
    folder: tempfile::TempDir,
    id: String,
    before: String,
}

fn words(command: &str) -> Vec<&str> {
    command.split(' ').collect()
}

fn broken() -> Option<Broken> {
    Some(broken_on(Server::builder().start()?, &STATE.map(str::to_owned)))
}

fn broken_on(server: Server, state: &[String]) -> Broken {
    broken_by(server, state, SPEC, &[])
}

fn broken_by(server: Server, state: &[String], rules: &str, args: &[&str]) -> Broken {
    let mut connection = server.connection();
    for command in state {
        query::<redis::Value>(&mut connection, &words(command));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (dump, spec) = (folder.path().join("dump.rdb"), folder.path().join("spec.toml"));
    std::fs::copy(server.save(), &dump).expect("the test's folder is writable");
    std::fs::write(&spec, rules).expect("the test's folder is writable");
    let args = [&["--spec", spec.to_str().expect("text")], args].concat();
    let json = plan(folder.path(), &dump, &args);
    let id = json["plan_id"].as_str().expect("an id").to_owned();
    let before = server.digest();
    Broken { server, folder, id, before }
}

impl Broken {
    fn command(&self, name: &str, args: &[&str]) -> std::process::Command {
        let mut command = program();
        command.arg(name).arg(self.folder.path().join("plan")).args(["--to", &self.server.url()]).args(args);
        if name != "verify" {
            command.args(["--confirm", &self.id]);
        }
        command
    }

    fn run(&self, name: &str, args: &[&str]) -> Ran {
        ran(&mut self.command(name, args))
    }

    fn list(&self, command: &str) -> Vec<String> {
        let mut all: Vec<String> = self.server.query(&words(command));
        if command.starts_with("SMEMBERS") {
            all.sort();
        }
        all
    }

    fn exist(&self, keys: &str) -> u64 {
        self.server.query(&words(&format!("EXISTS {keys}")))
    }

    /// An apply that is held up between its look and its first edit, while these commands are carried out.
    fn applied_while(&self, guard: &str, commands: &[&str]) -> (Option<i32>, String) {
        let hold = self.folder.path().join("hold");
        std::fs::write(&hold, b"").expect("writable");
        let mut command = self.command("apply", &["--guard", guard]);
        command.arg("--pause-file").arg(&hold);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        let mut said = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut line = String::new();
        let mut all = String::new();
        while !line.starts_with("paused: ") {
            line.clear();
            assert!(said.read_line(&mut line).expect("it says that it is paused") > 0, "it ended: {all}");
            all.push_str(&line);
        }
        let mut connection = self.server.connection();
        for command in commands {
            query::<redis::Value>(&mut connection, &words(command));
        }
        std::fs::remove_file(&hold).expect("it is there");
        let rest = std::thread::spawn(move || {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut said, &mut text).expect("text");
            text
        });
        let out = child.wait_with_output().expect("it ends");
        let text = String::from_utf8(out.stdout).expect("text") + &rest.join().expect("read");
        (out.status.code(), all + &text)
    }
}

#[test]
fn what_stays_gone_goes_by_scripts_and_comes_back() {
    for guard in ["auto", "records", "replies"] {
        let Some(broken) = broken() else { return };
        broken.server.query::<String>(&["CONFIG", "RESETSTAT"]);
        let applied = broken.run("apply", &["--guard", guard]);
        assert_eq!(applied.status, Some(0), "{guard}: {applied:?}");
        let stats: String = broken.server.query(&["INFO", "commandstats"]);
        assert_eq!(stats.contains("cmdstat_eval:"), guard != "replies", "{guard}: {stats}");
        assert_eq!(broken.list("SMEMBERS tag:some"), ["1", "2"]);
        assert_eq!(broken.list("ZRANGE rank:some 0 -1"), ["1"]);
        assert_eq!(broken.list("LRANGE queue:some 0 -1"), ["1", "1"]);
        assert_eq!(broken.list("LRANGE messages:some 0 -1"), ["a"]);
        assert_eq!(broken.list("HKEYS map:some"), ["f1", "foreign"]);
        assert_eq!(broken.list("SMEMBERS all"), ["item=1", "rank=some", "tag=some"]);
        assert_eq!(broken.exist("tag:none rank:none queue:none map:none at:gone at:gone2 meta:gone meta:gone2"), 0);
        assert_eq!(broken.exist("at:one meta:1 item:1 other:1"), 4);
        assert_eq!(broken.run("verify", &[]).status, Some(0));
        let back = broken.run("rollback", &["--guard", guard]);
        assert_eq!(back.status, Some(0), "{guard}: {back:?}");
        assert_eq!(broken.server.digest(), broken.before, "{guard}");
    }
}

#[test]
fn an_entry_whose_key_is_there_again_stays() {
    for guard in ["auto", "records"] {
        let Some(broken) = broken() else { return };
        // One comes back as a string, one as another type, one of the alternatives; a job and a field say otherwise.
        let (status, text) = broken.applied_while(
            guard,
            &[
                "SET item:gone x",
                "RPUSH item:gone2 x",
                "SET item:late:locked x",
                "HSET job:gone status queued queue none",
                "SADD job:late x",
                "HSET job:2 status queued",
                "HSET unacked late {\"open\":1} gone {\"open\":null} b {\"open\":2}",
            ],
        );
        assert_eq!(status, Some(7), "{guard}: {text}");
        assert_eq!(broken.list("SMEMBERS tag:some"), ["1", "2", "gone", "gone2", "late"], "{guard}: {text}");
        assert_eq!(broken.list("SMEMBERS tag:none"), ["gone", "gone2"]);
        assert_eq!(broken.list("ZRANGE rank:some 0 -1"), ["1", "gone"]);
        assert_eq!(broken.list("ZRANGE rank:none 0 -1"), ["gone", "gone2"]);
        // The job of `gone` is of another queue than the first, and of the second.
        assert_eq!(broken.list("LRANGE queue:some 0 -1"), ["1", "2", "1", "late"]);
        assert_eq!(broken.list("LRANGE queue:none 0 -1"), ["gone", "gone"]);
        assert_eq!(broken.list("LRANGE messages:some 0 -1"), ["a", "b", "late"]);
        assert_eq!(broken.list("HKEYS map:some"), ["f1", "f2", "foreign"]);
        assert_eq!(broken.list("HKEYS map:none"), ["f1", "f2"]);
        assert_eq!(broken.exist("at:gone at:gone2 meta:gone meta:gone2"), 4);
        // Keys that were to go have stayed, and so what names them; another never was.
        assert_eq!(broken.list("SMEMBERS all"), ["item=1", "rank=none", "rank=some", "tag=none", "tag=some"]);
        assert!(text.contains("SREM tag:some: 3 edits are no longer right"), "{guard}: {text}");
        assert!(text.contains("edits were not made, because"), "{text}");
        let verified = broken.run("verify", &[]);
        assert_eq!(verified.status, Some(7), "{guard}: {verified:?}");
        let mut connection = broken.server.connection();
        for command in [
            "DEL item:gone item:gone2 item:late:locked job:gone job:late",
            "HSET job:2 status done",
            "HDEL unacked late gone",
            "HSET unacked b {}",
        ] {
            query::<redis::Value>(&mut connection, &words(command));
        }
        let back = broken.run("rollback", &["--guard", guard]);
        assert_eq!(back.status, Some(0), "{guard}: {back:?}");
        assert_eq!(broken.server.digest(), broken.before, "{guard}: {back:?}");
    }
}

#[test]
fn an_entry_that_is_something_else_stays() {
    let Some(broken) = broken() else { return };
    let (status, text) = broken.applied_while(
        "auto",
        &[
            "HSET map:some f2 item:1",
            "SET at:gone item:2",
            "SADD tag:none 1",
            "RPUSH queue:none 1",
            "HSET map:none f9 item:1",
            "SREM tag:some gone",
        ],
    );
    assert_eq!(status, Some(7), "{text}");
    assert_eq!(broken.list("HMGET map:some f2"), ["item:1"], "{text}");
    assert_eq!(broken.list("MGET at:gone"), ["item:2"]);
    // What came since stays in a key that loses all that it had.
    assert_eq!(broken.list("SMEMBERS tag:none"), ["1"]);
    assert_eq!(broken.list("LRANGE queue:none 0 -1"), ["1"]);
    assert_eq!(broken.list("HKEYS map:none"), ["f9"]);
    assert_eq!(broken.exist("at:gone2"), 0);
}

#[test]
fn a_long_list_is_filtered_and_long_commands_are_split() {
    let Some(server) = Server::builder().start() else { return };
    let mut state = vec!["MSET item:1 x item:2 x".to_owned(), "HSET job:1 status queued queue long".to_owned()];
    for from in 0..9 {
        let numbers: Vec<String> = (from * 1000..(from + 1) * 1000).map(|n| format!("gone{n} 1")).collect();
        state.push(format!("RPUSH queue:long {}", numbers.join(" ")));
        state.push(format!("SADD tag:long {}", numbers.join(" ")));
    }
    state.push("RPUSH queue:long gone0 gone5 gone5".into());
    state.push("PEXPIREAT queue:long 4102444800000".into());
    let broken = broken_on(server, &state);
    broken.server.query::<String>(&["CONFIG", "RESETSTAT"]);
    let applied = broken.run("apply", &[]);
    assert_eq!(applied.status, Some(0), "{applied:?}");
    assert_eq!(broken.list("LRANGE queue:long 0 -1"), vec!["1"; 9000]);
    assert_eq!(broken.server.query::<i64>(&["PEXPIRETIME", "queue:long"]), 4_102_444_800_000);
    assert_eq!(broken.list("SMEMBERS tag:long"), ["1"]);
    let stats: String = broken.server.query(&["INFO", "commandstats"]);
    assert!(!stats.contains("cmdstat_lrem:"), "{stats}");
    assert_eq!(broken.run("verify", &[]).status, Some(0));
    let back = broken.run("rollback", &[]);
    assert_eq!(back.status, Some(0), "{back:?}");
    assert_eq!(broken.server.digest(), broken.before);
}

#[test]
fn where_no_script_runs_nothing_is_edited() {
    let Some(broken) = broken() else { return };
    let proxy = Proxy::start(broken.server.port(), Fault::NoScripts);
    let through = |args: &[&str]| {
        let mut command = program();
        command.arg("apply").arg(broken.folder.path().join("plan"));
        ran(command.args(["--to", &format!("redis://127.0.0.1:{}", proxy.port), "--confirm", &broken.id]).args(args))
    };
    let refused = through(&[]);
    assert_eq!(refused.status, Some(4), "{refused:?}");
    assert!(refused.err.contains("nothing was sent") && refused.err.contains("--guard replies"), "{refused:?}");
    assert_eq!(broken.server.digest(), broken.before);
    assert!(!broken.folder.path().join("plan/journal.ndjson").exists(), "nothing was begun");
    let done = through(&["--guard", "replies"]);
    assert_eq!(done.status, Some(0), "{done:?}");
}

#[test]
fn over_rest_too() {
    let Some(broken) = broken() else { return };
    let Some((_served, port)) = served_on(&broken.server.url()) else { return };
    let plan = broken.folder.path().join("plan");
    let run = |name: &str| over_rest_of(&plan, &broken.id, port, name, &[]);
    let applied = run("apply");
    assert_eq!(applied.status, Some(0), "{applied:?}");
    assert_eq!(broken.list("SMEMBERS all"), ["item=1", "rank=some", "tag=some"]);
    assert_eq!(run("verify").status, Some(0));
    let back = run("rollback");
    assert_eq!(back.status, Some(0), "{back:?}");
    assert_eq!(broken.server.digest(), broken.before);
}

/// Whether what ended may be resumed: killed, or stopped after it had begun.
fn text_says_resume(text: &str, status: Option<i32>) -> bool {
    status.is_none() || text.contains("--resume")
}

#[test]
fn killed_and_resumed() {
    let Some(broken) = broken() else { return };
    let mut fired = 0;
    let cuts = (1..=6).flat_map(|write| [Fault::CutAfter { write, bytes: 0 }, Fault::CutBefore { write }]);
    let kills = (2..20).map(|n| Fault::KillReceived { bytes: 150 * n });
    let kills = kills.chain((1..12).map(|n| Fault::KillSent { bytes: 2_000 * n }));
    for fault in cuts.chain(kills) {
        for name in ["apply", "rollback"] {
            let once = |fault: &Fault, more: &[&str]| {
                let proxy = Proxy::start(broken.server.port(), fault.clone());
                let mut command = program();
                command.arg(name).arg(broken.folder.path().join("plan")).args(["--batch-commands", "2"]).args(more);
                command.args(["--to", &format!("redis://127.0.0.1:{}", proxy.port), "--confirm", &broken.id]);
                let (status, text) = run(&mut command, &proxy);
                fired += u32::from(proxy.fired());
                (status, text)
            };
            let mut once = once;
            let (mut status, mut text) = once(&fault, &[]);
            let begun = broken.folder.path().join("plan/journal.ndjson").exists();
            if status != Some(0) {
                assert!(matches!(status, None | Some(1 | 4 | 6)), "{name}, {fault:?}: {text}");
                // Before anything was begun there is nothing to resume.
                let again: &[&str] = if begun && text_says_resume(&text, status) { &["--resume"] } else { &[] };
                (status, text) = once(&Fault::None, again);
            }
            assert_eq!(status, Some(0), "{name}, {fault:?}: {text}");
            if name == "apply" {
                let verified = broken.run("verify", &[]);
                assert_eq!(verified.status, Some(0), "{fault:?}: {verified:?}");
            }
        }
        assert_eq!(broken.server.digest(), broken.before, "{fault:?}");
        std::fs::remove_file(broken.folder.path().join("plan/journal.ndjson")).expect("there was a replay");
    }
    assert!(fired > 30, "{fired}");
}

/// Keys that go because what they name goes, three deep and over many commands, in an order that the names do not give.
#[test]
fn a_chain_goes_in_turn() {
    let more = r#"
[[index]]
name = "groups"
policy = "prune"
type = "set"
key = "group:{@n}"
member = "{@t}"
exists = "tag:{@t}"

[[index]]
name = "roots"
policy = "prune"
type = "hash"
key = "root:{@n}"
member = "{@f}"
value = "{@g}"
exists = "group:{@g}"

[[index]]
name = "notes"
policy = "prune"
type = "any"
key = "note:{@n}"
exists = "root:{@n}"
"#;
    for comes_back in [false, true] {
        let Some(server) = Server::builder().start() else { return };
        let mut state = vec!["MSET item:1 x tag2 x group2 x root2 x".to_owned()];
        for n in 0..20 {
            state.push(format!("SADD tag:{n} gone{n} other{n}"));
            state.push(format!("SADD group:{n} {n}"));
            state.push(format!("HSET root:{n} a {n} b {n}"));
            state.push(format!("RPUSH note:{n} x"));
        }
        state.extend(
            ["SADD tag:keep 1", "SADD group:keep keep", "HSET root:keep a keep", "SET note:keep x"].map(str::to_owned),
        );
        let broken = broken_by(server, &state, &format!("{SPEC}{more}"), &["--max-args", "4"]);
        let (status, text) = match comes_back {
            false => (broken.run("apply", &["--batch-commands", "3"]).status, String::new()),
            true => broken.applied_while("auto", &["SET item:gone7 x"]),
        };
        assert_eq!(status, Some(if comes_back { 7 } else { 0 }), "{text}");
        let mut left: Vec<String> = broken.server.query(&["KEYS", "*:*"]);
        left.sort();
        let mut expected = vec!["group:keep", "item:1", "note:keep", "root:keep", "tag:keep"];
        if comes_back {
            expected.extend(["group:7", "item:gone7", "note:7", "root:7", "tag:7"]);
            expected.sort_unstable();
            assert_eq!(broken.list("SMEMBERS tag:7"), ["gone7"]);
            broken.server.query::<u64>(&["DEL", "item:gone7"]);
        }
        assert_eq!(left, expected);
        let back = broken.run("rollback", &[]);
        assert_eq!(back.status, Some(0), "{back:?}");
        assert_eq!(broken.server.digest(), broken.before, "{back:?}");
    }
}

/// Rules about a key's name and about its entries: it goes for the one reason or for the other.
#[test]
fn a_key_may_go_by_its_name_or_by_its_entries() {
    let rules = r#"version = 1
[[index]]
name = "satellites"
policy = "prune"
type = "any"
key = "session:{@id}:tags"
exists = "session:{@id}"

[[index]]
name = "tags"
policy = "prune"
type = "set"
key = "session:{@id}:tags"
member = "{@tag}"
exists = "tag:{@tag}"
"#;
    let state = [
        "MSET session:1 x session:2 x tag:a x",
        "SADD session:1:tags gone gone2",
        "SADD session:2:tags a gone",
        "SADD session:gone:tags a",
        "SADD session:gone2:tags a gone",
    ];
    for guard in ["auto", "records"] {
        let Some(server) = Server::builder().start() else { return };
        let broken = broken_by(server, &state.map(str::to_owned), rules, &[]);
        let applied = broken.run("apply", &["--guard", guard]);
        assert_eq!(applied.status, Some(0), "{guard}: {applied:?}");
        assert_eq!(broken.exist("session:1:tags session:gone:tags session:gone2:tags"), 0);
        assert_eq!(broken.list("SMEMBERS session:2:tags"), ["a"]);
        let back = broken.run("rollback", &["--guard", guard]);
        assert_eq!(back.status, Some(0), "{back:?}");
        assert_eq!(broken.server.digest(), broken.before);
        std::fs::remove_file(broken.folder.path().join("plan/journal.ndjson")).expect("there was a replay");
        let (status, text) = broken.applied_while(guard, &["SET session:gone x"]);
        assert_eq!(status, Some(7), "{guard}: {text}");
        assert_eq!(broken.list("SMEMBERS session:gone:tags"), ["a"], "{text}");
        assert_eq!(broken.exist("session:1:tags session:gone2:tags"), 0);
    }
}
