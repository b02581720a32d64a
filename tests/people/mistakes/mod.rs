//! The commonest mistakes, and every word that is said about them: standard output, standard error, exit status.
//!
//! The snapshots are for reading: does each say what is wrong, where, and what to do? That a mistake ends with the status
//! of docs/exit-status.md and without a panic is asserted beside them.

use std::fs;
use std::io::Write;
use std::path::Path;

use assert_cmd::Command;

use crate::support::output;

use crate::support;

use output::{program, shown};
use support::server::Server;

/// A folder with everything that the commands below name, right and wrong.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().expect("a folder") };
        let dump = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/discord-analytics.rdb"))
            .expect("the fixture is there");
        let write = |name: &str, bytes: &[u8]| fs::write(desk.path().join(name), bytes).expect("written");
        write("dump.rdb", &dump);
        write("empty.rdb", b"");
        write("notes.txt", b"Meeting at noon.\n");
        write("half.rdb", &dump[..dump.len() / 2]);
        let mut wrong = dump.clone();
        *wrong.last_mut().expect("a footer") ^= 1;
        write("wrong-sum.rdb", &wrong);
        let mut future = dump[..64].to_vec();
        future[..9].copy_from_slice(b"REDIS0099");
        write("future.rdb", &future);
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(b"no dump at all").expect("packed");
        write("notes.gz", &gz.finish().expect("packed"));
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(&dump).expect("packed");
        let gz = gz.finish().expect("packed");
        write("cut.rdb.gz", &gz[..gz.len() / 2]);
        write("dump.tar.xz", b"\xfd7zXZ\x00\x00\x04");
        write("appendonly.aof", b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n");
        write("policy.toml", &spec("policy = \"maintian\"", "key = \"i:{projectId}\""));
        write("template.toml", &spec("policy = \"maintain\"", "key = \"i:{projectId\""));
        write("class.toml", &spec("policy = \"maintain\"\nfrom = \"massage\"", "key = \"i:{projectId}\""));
        write("no.toml", b"version = 1\n[[record]\n");
        fs::create_dir(desk.path().join("folder")).expect("made");
        write("folder/thesis.txt", b"precious");
        write("password.txt", b"");
        desk
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = program(args);
        command.current_dir(self.path());
        for name in ["REDIS_URL", "UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN", "RDB_REINDEX_PASSWORD"] {
            command.env_remove(name);
        }
        command
    }

    /// The command line and all it gives.
    fn run(&self, line: &str, status: i32) -> String {
        let args: Vec<&str> = line.split_whitespace().collect();
        let mut command = self.command(&args);
        let text = shown(&mut command);
        assert!(text.starts_with(&format!("status: {status}\n")), "{line}: {text}");
        assert!(!text.contains("panicked"), "{text}");
        format!("$ rdb-reindex {line}\n{text}\n")
    }

    fn all(&self, lines: &[(&str, i32)]) -> String {
        lines.iter().map(|(line, status)| self.run(line, *status)).collect()
    }

    /// Makes the plan that many mistakes are about.
    ///
    /// Gives its id, which depends on the version of this program.
    fn plan(&self) -> String {
        self.command(&["plan", "dump.rdb", "--out", "plan", "--quiet"]).assert().success();
        let manifest = fs::read(self.path().join("plan/plan.json")).expect("a manifest");
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
        manifest["plan_id"].as_str().expect("an id").to_owned()
    }
}

fn spec(policy: &str, key: &str) -> Vec<u8> {
    let head =
        "version = 1\n\n[[record]]\nname = \"message\"\nkey = \"message:discord:*\"\n\n[[index]]\nname = \"project\"\n";
    let from = if policy.contains("from") { "" } else { "from = \"message\"\n" };
    format!("{head}{policy}\n{from}{key}\nmember = \"{{@key}}\"\n").into_bytes()
}

#[test]
fn with_dumps() {
    let text = Desk::new().all(&[
        ("inventory no-such.rdb", 1),
        ("inventory folder", 1),
        ("inventory empty.rdb", 1),
        ("inventory notes.txt", 1),
        ("inventory half.rdb", 1),
        ("inventory notes.gz", 1),
        ("inventory cut.rdb.gz", 1),
        ("inventory dump.tar.xz", 1),
        ("inventory appendonly.aof", 1),
        ("inventory future.rdb", 1),
        ("inventory wrong-sum.rdb", 1),
        ("plan wrong-sum.rdb --out out", 1),
        ("plan half.rdb --out out", 1),
        ("inventory dump.rdb dump.rdb", 1),
        ("inventory - -", 2),
    ]);
    insta::assert_snapshot!("mistakes-dumps", text);
}

#[test]
fn with_arguments() {
    let text = Desk::new().all(&[
        ("inventroy dump.rdb", 2),
        ("inventory", 2),
        ("inventory dump.rdb --format yaml", 2),
        ("inventory dump.rdb --format json --format csv", 2),
        ("inventory dump.rdb --threads 0", 2),
        ("inventory dump.rdb --spce my.toml", 2),
        ("inventory dump.rdb --quiet --verbose", 2),
        ("plan dump.rdb", 2),
        ("plan dump.rdb --out out --max-args 2", 2),
        ("apply", 2),
        ("completions tcsh", 2),
    ]);
    insta::assert_snapshot!("mistakes-arguments", text);
}

#[test]
fn with_specs() {
    let text = Desk::new().all(&[
        ("inventory dump.rdb --spec no-such.toml", 1),
        ("inventory dump.rdb --spec folder", 1),
        ("inventory dump.rdb --spec policy.toml", 1),
        ("inventory dump.rdb --spec template.toml", 1),
        ("inventory dump.rdb --spec class.toml", 1),
        ("inventory dump.rdb --spec no.toml", 1),
        ("inventory dump.rdb --spec notes.txt", 1),
        ("inventory dump.rdb --spec dump.rdb", 1),
    ]);
    insta::assert_snapshot!("mistakes-specs", text);
}

#[test]
fn with_plans() {
    let desk = Desk::new();
    let mut text = desk.all(&[
        ("plan dump.rdb --out folder", 1),
        ("plan dump.rdb --out dump.rdb", 1),
        ("show no-such", 1),
        ("show folder", 1),
        ("show dump.rdb", 1),
    ]);
    assert_eq!(fs::read(desk.path().join("folder/thesis.txt")).expect("it is still there"), b"precious");
    let id = desk.plan();
    text += &desk.all(&[
        ("rehearse plan half.rdb", 1),
        ("rehearse plan notes.txt", 1),
        ("rehearse plan dump.rdb --server /no/such/server", 1),
        ("verify plan --dump empty.rdb", 1),
    ]);
    let file = desk.path().join("plan/apply.resp");
    let mut bytes = fs::read(&file).expect("the plan's commands");
    bytes.truncate(bytes.len() - 1);
    fs::write(&file, bytes).expect("edited");
    text += &desk.run("show plan", 1);
    fs::remove_file(&file).expect("removed");
    text += &desk.run("show plan", 1);
    fs::write(desk.path().join("plan/plan.json"), "{}").expect("edited");
    text += &desk.run("show plan", 1);
    // How long it took is not for a snapshot, nor is how far something was when it took long.
    let is_time = |line: &str| line.starts_with("  proven") || line.contains("% of ") && line.ends_with(" left");
    let text: Vec<&str> = text.lines().filter(|line| !is_time(line)).collect();
    let text = text.join("\n").replace(&id, "PLAN_ID");
    insta::assert_snapshot!("mistakes-plans", text);
}

#[test]
fn with_databases() {
    let desk = Desk::new();
    let id = desk.plan();
    // Nobody listens on port 1 of this machine.
    let text = desk.all(&[
        ("apply plan --to redis://127.0.0.1:1", 2),
        ("apply plan --to redis://127.0.0.1:1 --confirm 0000", 4),
        ("apply plan --dry-run", 2),
        ("apply plan --dry-run --to localhost:6379", 2),
        ("apply plan --dry-run --to http://127.0.0.1:1", 1),
        ("apply plan --dry-run --to redis://127.0.0.1:1", 1),
        ("apply plan --dry-run --to redis://127.0.0.1:1 --password-file no-such.txt", 2),
        ("apply plan --dry-run --to redis://127.0.0.1:1 --password-file password.txt", 2),
        ("verify plan", 2),
        ("verify plan --to redis://127.0.0.1:1", 1),
        ("verify plan --dump dump.rdb --to redis://127.0.0.1:1", 2),
        ("rollback plan --dry-run --to redis://127.0.0.1:1", 1),
    ]);
    // A server that wants a password, and the wrong one.
    if let Some(server) = Server::builder().password("right").start() {
        let url = format!("redis://127.0.0.1:{}", server.port());
        fs::write(desk.path().join("password.txt"), "wrong\n").expect("written");
        let mut text = String::new();
        for more in ["", " --password-file password.txt"] {
            let said = desk.run(&format!("apply plan --dry-run --to {url}{more}"), 1);
            text += &said.replace(&server.port().to_string(), "PORT");
        }
        insta::assert_snapshot!("mistakes-password", text);
    }
    insta::assert_snapshot!("mistakes-databases", text.replace(&id, "PLAN_ID"));
}
