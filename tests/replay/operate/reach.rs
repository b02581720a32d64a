//! Other ways to a server: its socket, a certificate that it asks for, and the sentinels that know where it is.

use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::operate::bundle::small;
use crate::operate::drift::wait_until;
use crate::operate::place::{Running, free_port};
use crate::operate::resume::many;
use crate::operate::{Ran, Stage, load, program, ran};
use crate::support::server::{Program, Server, tls};

fn run(stage: &Stage, name: &str, to: &str, args: &[&str]) -> Ran {
    ran(program().arg(name).arg(stage.dir()).args(["--to", to]).args(args))
}

#[test]
fn by_its_socket() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let socket = folder.path().join("a b.sock");
    let socket = socket.to_str().expect("a path of text");
    let args = ["--unixsocket", socket];
    let Some(server) = Server::builder().password("hunter2").args(&args).start() else { return };
    let stage = Stage::on(server, &small());
    let to = format!("redis+unix://{}", socket.replace(' ', "%20"));
    let without = run(&stage, "apply", &to, &["--confirm", &stage.plan_id]);
    assert!(without.status == Some(1) && without.err.contains("needs a password"), "{without:?}");
    let with = to.replacen("://", "://:hunter2@", 1);
    let applied = run(&stage, "apply", &with, &["--confirm", &stage.plan_id]);
    assert_eq!(applied.status, Some(0), "{applied:?}");
    assert!(applied.err.contains(&format!("--to {to}")) && !applied.err.contains("hunter2"), "{applied:?}");
    assert_eq!(run(&stage, "verify", &with, &[]).status, Some(0));
    assert_eq!(run(&stage, "rollback", &with, &["--confirm", &stage.plan_id]).status, Some(0));
    assert_eq!(stage.server.digest(), stage.before);
    let nobody = run(&stage, "verify", "redis+unix:///nowhere/there.sock", &[]);
    assert!(nobody.status == Some(1) && nobody.err.contains("cannot connect to redis+unix:///nowhere/there.sock"));
}

#[test]
fn with_a_certificate_that_is_asked_for() {
    let Some(server) = Server::builder().tls().args(&["--tls-auth-clients", "yes"]).start() else { return };
    let stage = Stage::on(server, &small());
    let file = |name: &str| stage.server.folder().join(name).to_str().expect("a path of text").to_owned();
    let (ca, cert, key) = (file("ca.pem"), file("cert.pem"), file("key.pem"));
    let url = stage.server.tls_url();
    let without = run(&stage, "verify", &url, &["--tls-ca", &ca]);
    assert_eq!(without.status, Some(1), "{without:?}");
    assert!(without.err.contains("--tls-cert and --tls-key"), "{without:?}");
    let with = ["--tls-ca", &ca, "--tls-cert", &cert, "--tls-key", &key];
    let applied = run(&stage, "apply", &url, &[&with[..], &["--confirm", &stage.plan_id]].concat());
    assert_eq!(applied.status, Some(0), "{applied:?}");
    assert!(applied.err.contains(&format!("--tls-cert {cert} --tls-key {key}")), "{applied:?}");
    let other = tempfile::tempdir().expect("a temporary folder");
    let others = tls::make(other.path());
    let (other_cert, other_key) = (others.cert.to_string_lossy(), others.key.to_string_lossy());
    for (cert, key, part) in [
        (&*other_cert, &*other_key, "it ended the handshake"),
        (&cert, &other_key, "it is not the key of that certificate; --tls-key takes a PEM file"),
        (&cert, &cert, "there is no private key in it"),
        (&key, &key, "cannot use the certificates in"),
        (&cert, "/nowhere", "cannot use the key in /nowhere"),
    ] {
        let refused = run(&stage, "verify", &url, &["--tls-ca", &ca, "--tls-cert", cert, "--tls-key", key]);
        assert!(refused.status == Some(1) && refused.err.contains(part), "{part}: {refused:?}");
    }
    let plain = run(&stage, "verify", &stage.server.url(), &["--tls-cert", &cert, "--tls-key", &key]);
    assert!(plain.status == Some(2) && plain.err.contains("need a rediss:// URL"), "{plain:?}");
}

#[test]
fn by_its_sentinels_also_when_another_takes_over() {
    let at_once = ["--repl-diskless-sync-delay", "0"];
    let Some(primary) = Server::builder().args(&at_once).start() else { return };
    let port = primary.port().to_string();
    let replica =
        Server::builder().args(&["--replicaof", "127.0.0.1", &port]).start().expect("it starts like the first");
    let scene = many();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("plan");
    let plan_id = scene.write(&dir);
    load(&primary, &scene);
    let before = primary.digest();
    wait_until(|| replica.digest() == before);
    let config = format!("sentinel monitor my-master 127.0.0.1 {port} 1\nsentinel failover-timeout my-master 2000\n");
    let file = folder.path().join("sentinel.conf");
    std::fs::write(&file, config).expect("writable");
    let Some(program_path) = Program::Redis70.find() else { return };
    let sentinel_port = free_port();
    let mut command = Command::new(program_path);
    command.arg(&file).args(["--sentinel", "--port", &sentinel_port.to_string(), "--bind", "127.0.0.1"]);
    command.arg("--dir").arg(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let _sentinel = Running(command.spawn().expect("it starts"));
    wait_until(|| TcpStream::connect(("127.0.0.1", sentinel_port)).is_ok());
    let ask = |args: &[&str]| -> redis::RedisResult<redis::Value> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{sentinel_port}/"))?;
        let mut command = redis::cmd(args[0]);
        command.arg(&args[1..]);
        command.query(&mut client.get_connection()?)
    };
    wait_until(|| format!("{:?}", ask(&["SENTINEL", "REPLICAS", "my-master"])).contains("master-link-status"));
    let dead = free_port();
    let to = format!("redis+sentinel://127.0.0.1:{dead},127.0.0.1:{sentinel_port}/my-master");
    let run = |name: &str, args: &[&str]| {
        let mut command = program();
        command.arg(name).arg(&dir).args(["--to", &to]).args(args);
        if name != "verify" {
            command.args(["--confirm", &plan_id]);
        }
        ran(&mut command)
    };
    let unknown = to.replace("my-master", "other");
    let unknown = ran(program().arg("verify").arg(&dir).args(["--to", &unknown]));
    assert_eq!(unknown.status, Some(1), "{unknown:?}");
    let none = format!("redis+sentinel://127.0.0.1:{port}/my-master");
    let none = ran(program().arg("verify").arg(&dir).args(["--to", &none]));
    assert!(none.status == Some(1) && none.err.contains("it is not a sentinel"), "{none:?}");
    let applied = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(800));
            ask(&["SENTINEL", "FAILOVER", "my-master"]).expect("it fails over");
        });
        run("apply", &["--batch-commands", "2", "--max-rate", "8"])
    });
    assert_eq!(applied.status, Some(0), "{}\n{}", applied.out, applied.err);
    assert!(applied.out.contains(&format!("on {to}")), "{applied:?}");
    wait_until(|| format!("{:?}", replica.query::<redis::Value>(&["ROLE"])).contains("master"));
    let verified = run("verify", &[]);
    assert_eq!(verified.status, Some(0), "{}\n{}\n{applied:?}", verified.out, verified.err);
    let back = run("rollback", &[]);
    assert_eq!(back.status, Some(0), "{back:?}");
    assert_eq!(replica.digest(), before);
}
