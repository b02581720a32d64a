//! Another database than the one that a replay was begun on, and one that lost what it had acknowledged.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use super::bundle::Scene;
use super::support::server::Server;
use super::{Stage, load, program, ran};

/// Hands on what it is told to one server, and after a while to another, as an address does whose server is replaced.
struct Relay {
    port: u16,
    server: Arc<AtomicU16>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Relay {
    fn to(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it has an address").port();
        let (server, open) = (Arc::new(AtomicU16::new(server.port())), Arc::new(Mutex::new(Vec::new())));
        let (to, all) = (Arc::clone(&server), Arc::clone(&open));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(("127.0.0.1", to.load(Ordering::SeqCst))) else { continue };
                let copy = |stream: &TcpStream| stream.try_clone().expect("a socket can be shared");
                all.lock().expect("no thread panics").extend([copy(&client), copy(&server)]);
                for (from, to) in [(copy(&client), copy(&server)), (server, client)] {
                    std::thread::spawn(move || hand_on(from, to));
                }
            }
        });
        Self { port, server, open }
    }

    fn turn_to(&self, server: &Server) {
        self.server.store(server.port(), Ordering::SeqCst);
        for stream in self.open.lock().expect("no thread panics").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn hand_on(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// Each command has a key of its own, so that what remains says nothing of what was done.
fn sixty() -> Scene {
    let scene = Scene::default().state(&["SADD other x"]);
    (0..60).fold(scene, |scene, n| {
        scene.touch(&format!("k{n}"), "none", 0).apply(&format!("SADD k{n} m"), 1).rollback(&format!("SREM k{n} m"), 1)
    })
}

fn wait_for_keys(server: &Server, keys: u64) {
    while server.query::<u64>(&["DBSIZE"]) < keys {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

fn spawn(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs")
}

fn interrupt(child: &Child) {
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(status.success());
}

const SLOW: [&str; 4] = ["--batch-commands", "1", "--max-rate", "20"];

/// A stage on which the apply was interrupted after some twenty commands.
fn half_done() -> Option<Stage> {
    let stage = Stage::new(&sixty())?;
    let child = spawn(stage.command("apply", &SLOW).args(["--confirm", &stage.plan_id]));
    wait_for_keys(&stage.server, 20);
    interrupt(&child);
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    Some(stage)
}

#[test]
fn a_replay_is_not_resumed_on_another_database() {
    let Some(stage) = half_done() else { return };
    let Some(other) = Server::builder().start() else { return };
    load(&other, &sixty());
    let before = other.digest();
    for args in [&["--resume"][..], &["--resume", "--confirm", &stage.plan_id]] {
        let refused = ran(program().arg("apply").arg(stage.dir()).args(["--to", &other.url()]).args(args));
        assert_eq!(refused.status, Some(4), "{refused:?}");
        assert!(refused.err.contains("are not there; nothing more was written"), "{refused:?}");
        assert!(refused.err.contains("is it the database that the plan was begun on?"), "{refused:?}");
        assert!(refused.err.contains(&format!("this is redis://127.0.0.1:{}", other.port())), "{refused:?}");
        assert!(refused.out.contains("k0 member m: expected a member, found no member"), "{refused:?}");
        assert_eq!(other.digest(), before);
    }
    let resumed = stage.run("apply", &["--resume"]);
    assert_eq!(resumed.status, Some(0), "{resumed:?}");
    assert_eq!(stage.run("verify", &[]).status, Some(0));
}

#[test]
fn a_server_that_lost_what_it_acknowledged_is_noticed() {
    let Some(stage) = Stage::new(&sixty()) else { return };
    let Some(other) = Server::builder().start() else { return };
    load(&other, &sixty());
    let before = other.digest();
    let relay = Relay::to(&stage.server);
    let url = format!("redis://127.0.0.1:{}", relay.port);
    let mut command = program();
    command.arg("apply").arg(stage.dir()).args(["--to", &url, "--confirm", &stage.plan_id]).args(SLOW);
    let child = spawn(&mut command);
    wait_for_keys(&stage.server, 20);
    relay.turn_to(&other);
    let output = child.wait_with_output().expect("the program ends");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{err}");
    assert!(err.contains("the server restarted, and "), "{err}");
    assert!(err.contains("edits that it had acknowledged are not there"), "{err}");
    assert_eq!(other.digest(), before);
    // Nor is it taken for done by the next run.
    let resumed = ran(program().arg("apply").arg(stage.dir()).args(["--to", &url, "--resume"]));
    assert_eq!(resumed.status, Some(4), "{resumed:?}");
    assert_eq!(other.digest(), before);
}

/// One that kept everything, behind the same address, is gone on with.
#[test]
fn a_server_that_was_restarted_and_lost_nothing_is_gone_on_with() {
    let Some(stage) = Stage::new(&sixty()) else { return };
    let Some(replica) = Server::builder().start() else { return };
    replica.query::<String>(&["REPLICAOF", "127.0.0.1", &stage.server.port().to_string()]);
    let relay = Relay::to(&stage.server);
    let url = format!("redis://127.0.0.1:{}", relay.port);
    let mut command = program();
    command.arg("apply").arg(stage.dir()).args(["--to", &url, "--confirm", &stage.plan_id]).args(SLOW);
    let child = spawn(&mut command);
    wait_for_keys(&replica, 20);
    // Nothing is written while the one takes the place of the other.
    stage.server.query::<String>(&["CLIENT", "PAUSE", "60000", "WRITE"]);
    while replica.digest() != stage.server.digest() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    replica.query::<String>(&["REPLICAOF", "NO", "ONE"]);
    relay.turn_to(&replica);
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(replica.query::<u64>(&["DBSIZE"]), 61);
}

#[test]
fn what_an_earlier_run_wrote_counts_when_a_later_one_is_interrupted() {
    let Some(stage) = half_done() else { return };
    std::fs::write(stage.dir().join("pause"), b"").expect("writable");
    let mut child = spawn(&mut stage.command("apply", &["--resume"]));
    let mut err = String::new();
    let mut lines = child.stderr.take().expect("it is piped");
    let mut bytes = [0; 512];
    while !err.contains("paused: ") {
        let n = lines.read(&mut bytes).expect("it speaks");
        assert!(n > 0, "{err}");
        err.push_str(&String::from_utf8_lossy(&bytes[..n]));
    }
    interrupt(&child);
    lines.read_to_string(&mut err).expect("it prints text");
    assert_eq!(child.wait().expect("it ends").code(), Some(6), "{err}");
    assert!(err.contains("interrupted; nothing more was written") && err.contains(" --resume\n"), "{err}");
}
