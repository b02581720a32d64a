//! The throwaway server answers only to the program and ends with it, whatever ends the program; nothing is left behind.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::dump_writer::DumpBuilder;
use crate::support::server::Program;

const LIMIT: Duration = Duration::from_secs(20);

/// A plan, its dump, and a folder for temporary files of its own.
struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let case = Self { folder };
        fs::create_dir(case.temporary()).expect("made");
        let mut b = DumpBuilder::new(10);
        b.server_aux(1_736_185_500).select_db(0).string("r:1", r#"{"p":"a"}"#).set("i:a", &["r:1", "r:2"]);
        for n in 0..20_000 {
            b.string(format!("other:{n}"), "x");
        }
        fs::write(case.path("dump.rdb"), b.finish()).expect("written");
        let spec = "version = 1\n[[record]]\nname = \"r\"\nkey = \"r:*\"\n[[index]]\nname = \"i\"\npolicy = \"maintain\"\n\
                    from = \"r\"\nkey = \"i:{p}\"\nmember = \"{@key}\"\n";
        fs::write(case.path("spec.toml"), spec).expect("written");
        let output = Command::new(env!("CARGO_BIN_EXE_rdb-reindex"))
            .args(["plan", "dump.rdb", "--spec", "spec.toml", "--out", "plan"])
            .current_dir(case.folder.path())
            .output()
            .expect("runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn temporary(&self) -> PathBuf {
        self.path("tmp")
    }

    /// `rehearse` with that server, under the most careless umask.
    fn rehearse(&self, server: &Path) -> Child {
        Command::new("/bin/sh")
            .args(["-c", "umask 000; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_rdb-reindex")])
            .args(["rehearse", "plan", "dump.rdb", "--server"])
            .arg(server)
            .current_dir(self.folder.path())
            .env("TMPDIR", self.temporary())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("runs")
    }

    /// A server that never answers, and says so in the file `there`.
    fn mute(&self) -> PathBuf {
        let path = self.path("mute server");
        fs::write(&path, "#!/bin/sh\necho $$ >../../there\nexec sleep 1000\n").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
        path
    }

    /// Waits until there is nothing in the folder for temporary files, and no process in it.
    fn wait_until_nothing_is_left(&self) {
        let left = || {
            let files: Vec<PathBuf> = entries(&self.temporary());
            let processes = processes_below(&self.temporary());
            (files, processes)
        };
        let began = Instant::now();
        while left() != (vec![], vec![]) {
            assert!(began.elapsed() < LIMIT, "there is left {:?}", left());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
}

/// Numbers of the processes whose working folder is below `folder`, removed or not.
fn processes_below(folder: &Path) -> Vec<u32> {
    let folder = fs::canonicalize(folder).expect("there");
    let all = fs::read_dir("/proc").expect("a system with /proc").filter_map(Result::ok);
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.filter(|id| fs::read_link(format!("/proc/{id}/cwd")).is_ok_and(|cwd| cwd.starts_with(&folder))).collect()
}

fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(began.elapsed() < LIMIT, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill runs");
    assert!(status.success());
}

fn end(child: Child) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    let text = [String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)].concat();
    (status.code(), text)
}

/// The inodes of sockets that a process has open.
fn sockets(id: u32) -> BTreeSet<String> {
    let files = fs::read_dir(format!("/proc/{id}/fd")).expect("it is there").filter_map(Result::ok);
    let links = files.filter_map(|file| fs::read_link(file.path()).ok()?.to_str().map(str::to_owned));
    links.filter_map(|link| Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())).collect()
}

#[test]
fn a_real_server_has_no_port_and_dies_with_the_program() {
    let Some(server) = Program::Redis70.find() else { return };
    let case = Case::new();
    let mut child = case.rehearse(&server);
    // Stopped while its server is up.
    let folder = wait_for("a socket", || {
        assert!(child.try_wait().expect("known").is_none(), "it was over before anybody could look");
        let folder = entries(&case.temporary()).pop()?;
        folder.join("server.sock").exists().then_some(folder)
    });
    signal(&child, "-STOP");
    assert_eq!(fs::metadata(&folder).expect("there").permissions().mode() & 0o777, 0o700);
    let files = entries(&folder);
    assert!(files.len() >= 4 && files.contains(&folder.join("dump.rdb")), "{files:?}");
    for file in files {
        let mode = fs::metadata(&file).expect("there").permissions().mode() & 0o777;
        // A socket is made before its mode is set.
        assert_eq!(mode & 0o077, 0, "{}", file.display());
    }
    // The shell that watches, a part of it, what that waits with, and the server.
    let processes = processes_below(&case.temporary());
    let name = |id: &u32| fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default().trim().to_owned();
    let servers: Vec<u32> = processes.iter().copied().filter(|id| name(id).starts_with("redis-server")).collect();
    let [server] = servers[..] else { panic!("{processes:?}") };
    let tcp: String =
        ["tcp", "tcp6"].map(|name| fs::read_to_string(format!("/proc/net/{name}")).unwrap_or_default()).concat();
    let inodes: BTreeSet<String> =
        tcp.lines().filter_map(|line| line.split_whitespace().nth(9).map(str::to_owned)).collect();
    let open = sockets(server);
    assert!(!open.is_empty() && open.is_disjoint(&inodes), "{open:?}");
    signal(&child, "-KILL");
    assert_eq!(end(child).0, None);
    case.wait_until_nothing_is_left();
}

#[test]
fn killed_while_the_server_starts() {
    let case = Case::new();
    let child = case.rehearse(&case.mute());
    let id: u32 = wait_for("the server", || fs::read_to_string(case.path("there")).ok()?.trim().parse().ok());
    assert!(processes_below(&case.temporary()).contains(&id));
    signal(&child, "-KILL");
    end(child);
    case.wait_until_nothing_is_left();
}

/// Killed at any moment: from before the folder is made to after the server has loaded.
#[test]
fn killed_at_any_moment() {
    let Some(server) = Program::Redis70.find() else { return };
    let case = Case::new();
    let mut killed = 0;
    for delay in (0..40).map(|n| Duration::from_millis(10 * n)) {
        let mut child = case.rehearse(&server);
        std::thread::sleep(delay);
        killed += u32::from(child.try_wait().expect("known").is_none());
        // It may have ended.
        let _ = child.kill();
        end(child);
        case.wait_until_nothing_is_left();
    }
    assert!(killed > 5, "{killed}");
}

#[test]
fn interrupted() {
    let case = Case::new();
    for name in ["-INT", "-TERM", "-HUP"] {
        let _ = fs::remove_file(case.path("there"));
        let child = case.rehearse(&case.mute());
        wait_for("the server", || fs::read_to_string(case.path("there")).ok().filter(|text| !text.is_empty()));
        let began = Instant::now();
        signal(&child, name);
        let (status, text) = end(child);
        assert_eq!(status, Some(130), "{name}: {text}");
        assert!(began.elapsed() < Duration::from_secs(2), "{name}: {:?}", began.elapsed());
        assert_eq!(entries(&case.temporary()), [] as [PathBuf; 0], "{name}");
        case.wait_until_nothing_is_left();
    }
}

#[test]
fn a_normal_end_leaves_nothing() {
    let Some(server) = Program::Redis70.find() else { return };
    let case = Case::new();
    let (status, text) = end(case.rehearse(&server));
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("  proven  in redis 7."), "{text}");
    assert_eq!(entries(&case.temporary()), [] as [PathBuf; 0]);
    assert_eq!(processes_below(&case.temporary()), [] as [u32; 0]);
}

/// A program that is no server, or none at all: it is said, and nothing is left.
#[test]
fn no_server_at_all() {
    let case = Case::new();
    let file = |name: &str, text: &str, mode: u32| {
        fs::write(case.path(name), text).expect("written");
        fs::set_permissions(case.path(name), fs::Permissions::from_mode(mode)).expect("set");
        case.path(name)
    };
    let cases = [
        (file("ends", "#!/bin/sh\necho it cannot\nexit 3\n", 0o755), "it cannot"),
        (file("no program", "x", 0o644), "no program: "),
        (case.path("nothing"), "there is no server "),
        (case.temporary(), "cannot start "),
        (PathBuf::from("no-such-server-anywhere"), "there is no server no-such-server-anywhere"),
    ];
    for (server, part) in cases {
        let (status, text) = end(case.rehearse(&server));
        assert_eq!(status, Some(1), "{text}");
        assert!(text.contains(part), "{text}");
        assert_eq!(entries(&case.temporary()), [] as [PathBuf; 0]);
    }
    // A path that is too long for a socket.
    let long = case.path(&"x".repeat(90));
    fs::create_dir(&long).expect("made");
    let mut command = Command::new(env!("CARGO_BIN_EXE_rdb-reindex"));
    command.args(["rehearse", "plan", "dump.rdb", "--server"]).arg(case.mute());
    let output = command.current_dir(case.folder.path()).env("TMPDIR", &long).output().expect("runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(1) && text.contains("too long for a socket") && text.contains("TMPDIR"),
        "{text}"
    );
    assert_eq!(entries(&long), [] as [PathBuf; 0]);
}
