//! Upstash's REST interface: an implementation that nobody here wrote, the official client, and a stand-in that fails.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};

use crate::operate::bundle::{Scene, small};
use crate::operate::drift::wait_until;
use crate::operate::resume::many;
use crate::operate::{Ran, Stage, program, ran};
use crate::support::judges::UPSTASH_REST;

pub const TOKEN: &str = "hunter2hunter2";

fn over_rest(stage: &Stage, port: u16, name: &str, args: &[&str]) -> Ran {
    over_rest_of(&stage.dir(), &stage.plan_id, port, name, args)
}

/// A command on the plan in a folder.
pub fn over_rest_of(plan: &Path, plan_id: &str, port: u16, name: &str, args: &[&str]) -> Ran {
    let mut command = program();
    command.arg(name).arg(plan).args(["--to", &format!("http://127.0.0.1:{port}")]).args(args);
    if name != "verify" {
        command.args(["--confirm", plan_id]);
    }
    let ran = ran(command.env("UPSTASH_REDIS_REST_TOKEN", TOKEN));
    assert!(!ran.out.contains(TOKEN) && !ran.err.contains(TOKEN), "{ran:?}");
    ran
}

/// Ends with the test.
pub struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// npm's server on the server of a stage, and its port.
pub fn served(stage: &Stage) -> Option<(Ended, u16)> {
    served_on(&stage.server.url())
}

/// The same on any server.
pub fn served_on(url: &str) -> Option<(Ended, u16)> {
    let packages = UPSTASH_REST.find()?;
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|l| l.local_addr()).expect("a free port").port();
    let server = Command::new("node")
        .arg(packages.join("node_modules/@humanwhocodes/upstash-redis-server/dist/server.js"))
        .env("PORT", port.to_string())
        .env("URS_TOKEN", TOKEN)
        .env("REDIS_URL", url)
        .stdout(Stdio::null())
        .spawn();
    let server = Ended(server.expect("node runs"));
    wait_until(|| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
    Some((server, port))
}

#[test]
fn a_server_that_nobody_here_wrote_and_the_official_client() {
    let Some(packages) = UPSTASH_REST.find() else { return };
    let Some(stage) = Stage::new(&small()) else { return };
    let Some((_server, port)) = served(&stage) else { return };
    assert_eq!(over_rest(&stage, port, "verify", &["--settle", "0"]).status, Some(5));
    let applied = over_rest(&stage, port, "apply", &[]);
    assert_eq!(applied.status, Some(0), "{applied:?}");
    assert_eq!(over_rest(&stage, port, "verify", &[]).status, Some(0));
    // What the official client reads of it.
    let script = r#"
        import { Redis } from "@upstash/redis";
        const redis = new Redis({ url: process.argv[2], token: process.argv[3], responseEncoding: false });
        const read = [(await redis.smembers("kept")).sort(), (await redis.smembers("retyped")).sort(),
            await redis.exists("wrong"), await redis.zscore("ranked", "moved"), await redis.exists("neighbour")];
        console.log(JSON.stringify(read));
    "#;
    let path = packages.join(format!("read-{port}.mjs"));
    std::fs::write(&path, script).expect("the cache is writable");
    let client = Command::new("node").arg(&path).arg(format!("http://127.0.0.1:{port}")).arg(TOKEN).output();
    std::fs::remove_file(&path).expect("it is there");
    let client = client.expect("node runs");
    let read: Value = serde_json::from_slice(&client.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&client.stderr)));
    assert_eq!(read, json!([["a", "b", "new"], ["r"], 0, 4.25, 1]));
    let back = over_rest(&stage, port, "rollback", &[]);
    assert_eq!(back.status, Some(0), "{back:?}");
    assert_eq!(stage.server.digest(), stage.before);
}

/// What the stand-in does with its n-th request that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    Status(u16),
    /// Closed before anything was done.
    Before,
    /// Done, and then closed.
    After,
}

/// A stand-in for the service: base64 as it answers, on a real server.
struct Service {
    port: u16,
    over: Arc<AtomicBool>,
}

impl Service {
    fn start(redis: String, fault: Fault, at: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
        let port = listener.local_addr().expect("it is bound").port();
        let over = Arc::new(AtomicBool::new(false));
        let (ends, writes) = (Arc::clone(&over), Arc::new(AtomicU64::new(0)));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let (redis, writes) = (redis.clone(), Arc::clone(&writes));
                std::thread::spawn(move || serve(stream, &redis, fault, at, &writes));
            }
        });
        Self { port, over }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn serve(stream: TcpStream, redis: &str, fault: Fault, at: u64, writes: &AtomicU64) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut connection = redis::Client::open(redis).ok()?.get_connection().ok()?;
    let mut stream = stream;
    loop {
        let (mut length, mut authorized, mut line) = (0, false, String::new());
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        assert!(line.starts_with("POST /pipeline HTTP/1.1"), "{line}");
        loop {
            line.clear();
            reader.read_line(&mut line).ok()?;
            let lower = line.trim_end().to_ascii_lowercase();
            if lower.is_empty() {
                break;
            }
            if let Some(value) = lower.strip_prefix("content-length: ") {
                length = value.parse().ok()?;
            }
            authorized |= lower == format!("authorization: bearer {TOKEN}");
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let commands: Vec<Vec<String>> = serde_json::from_slice(&body).expect("the program sends lists of strings");
        let is_write =
            commands.iter().any(|command| ["UNLINK", "SADD", "SREM", "ZADD", "ZREM"].contains(&&*command[0]));
        let hit = is_write && writes.fetch_add(1, Ordering::SeqCst) + 1 == at;
        let (status, answer) = match fault {
            _ if !authorized => (401, json!({ "error": "Unauthorized" })),
            Fault::Before if hit => return None,
            Fault::Status(status) if hit => (status, json!({ "error": "try later" })),
            _ => {
                let answers = commands.iter().map(|command| {
                    let mut sent = redis::cmd(&command[0]);
                    sent.arg(&command[1..]);
                    match sent.query::<redis::Value>(&mut connection) {
                        Ok(value) => json!({ "result": encoded(value) }),
                        Err(error) => {
                            let (code, detail) = (error.code().unwrap_or("ERR"), error.detail().unwrap_or_default());
                            json!({ "error": format!("{code} {detail}") })
                        }
                    }
                });
                (200, Value::Array(answers.collect()))
            }
        };
        if hit && fault == Fault::After {
            return None;
        }
        let text = answer.to_string();
        let head =
            format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", text.len());
        stream.write_all((head + &text).as_bytes()).ok()?;
    }
}

fn encoded(value: redis::Value) -> Value {
    match value {
        redis::Value::Nil => Value::Null,
        redis::Value::Int(number) => number.into(),
        redis::Value::Okay => "OK".into(),
        redis::Value::SimpleString(text) => BASE64.encode(text).into(),
        redis::Value::BulkString(bytes) => BASE64.encode(bytes).into(),
        redis::Value::Array(items) => items.into_iter().map(encoded).collect(),
        other => panic!("no such reply is asked for: {other:?}"),
    }
}

#[test]
fn requests_that_fail_are_resumed() {
    for fault in [Fault::None, Fault::Status(429), Fault::Status(500), Fault::Before, Fault::After] {
        for at in [1, 2, 5] {
            let scene = Scene { rollback: Vec::new(), rolled_back: Vec::new(), ..many() };
            let Some(stage) = Stage::new(&scene) else { return };
            let service = Service::start(stage.server.url(), fault, at);
            let mut last = over_rest(&stage, service.port, "apply", &["--batch-commands", "4"]);
            if matches!(fault, Fault::Status(_)) {
                assert_eq!(last.status, Some(6), "{fault:?} {at}: {last:?}");
                assert!(last.err.contains("HTTP status") && last.err.contains("(try later)"), "{last:?}");
                last = over_rest(&stage, service.port, "apply", &["--batch-commands", "4", "--resume"]);
            }
            assert_eq!(last.status, Some(0), "{fault:?} {at}: {last:?}");
            let verified = over_rest(&stage, service.port, "verify", &["--settle", "0"]);
            assert_eq!(verified.status, Some(0), "{fault:?} {at}: {verified:?}");
        }
    }
}

#[test]
fn a_token_that_is_not_right() {
    let Some(stage) = Stage::new(&small()) else { return };
    let service = Service::start(stage.server.url(), Fault::None, 0);
    let mut command = program();
    command.arg("apply").arg(stage.dir()).args(["--to", &format!("http://127.0.0.1:{}", service.port)]);
    command.args(["--confirm", &stage.plan_id]).env("UPSTASH_REDIS_REST_TOKEN", "swordfish");
    let refused = ran(&mut command);
    assert_eq!(refused.status, Some(1), "{refused:?}");
    assert!(refused.err.contains("the token is not right") && !refused.err.contains("swordfish"), "{refused:?}");
    assert_eq!(stage.server.digest(), stage.before);
}

#[test]
fn what_is_not_text_is_refused_before_anything_is_sent() {
    let mut scene = small();
    rdb_reindex::bundle::resp::encode(&[&b"SREM"[..], b"kept", b"\xff"], &mut scene.apply);
    scene.applied.push(rdb_reindex::bundle::manifest::Reply::Integer(1));
    let Some(stage) = Stage::new(&scene) else { return };
    let service = Service::start(stage.server.url(), Fault::None, 0);
    for args in [&["--dry-run"][..], &[]] {
        let refused = over_rest(&stage, service.port, "apply", args);
        assert_eq!(refused.status, Some(4), "{refused:?}");
        assert!(
            refused.err.contains("command 8 (kept) is not UTF-8") && refused.err.contains("rediss://"),
            "{refused:?}"
        );
    }
    assert_eq!(stage.server.digest(), stage.before);
}

/// In clear text to this machine only, whatever proxy the environment names.
#[test]
fn the_token_is_never_sent_to_a_proxy_in_clear_text() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    small().write(folder.path());
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    proxy.set_nonblocking(true).expect("it is a socket");
    let url = format!("http://127.0.0.1:{}", proxy.local_addr().expect("it is bound").port());
    let mut command = program();
    command.arg("verify").arg(folder.path()).args(["--to", "http://127.0.0.1:1", "--retry-for", "0"]);
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env(name, &url);
    }
    let refused = ran(command.env_remove("NO_PROXY").env_remove("no_proxy").env("UPSTASH_REDIS_REST_TOKEN", TOKEN));
    assert_eq!(refused.status, Some(1), "{refused:?}");
    assert!(proxy.accept().is_err(), "nobody came");
    let mut command = program();
    command.arg("verify").arg(folder.path()).args(["--to", "http://db.example.com"]);
    let refused = ran(command.env("UPSTASH_REDIS_REST_TOKEN", TOKEN));
    assert_eq!(refused.status, Some(2), "{refused:?}");
    assert!(refused.err.contains("http:// would show the token") && !refused.err.contains(TOKEN), "{refused:?}");
}

/// A value cannot be told from a status there.
#[test]
fn fields_elements_and_values_over_rest() {
    let Some(stage) = Stage::new(&crate::operate::edits::scene()) else { return };
    let Some((_server, port)) = served(&stage) else { return };
    for (name, status) in [("verify", 5), ("apply", 0), ("verify", 0), ("rollback", 0), ("verify", 0)] {
        let ran = over_rest(&stage, port, name, if name == "verify" { &["--settle", "0"] } else { &[] });
        assert_eq!(ran.status, Some(status), "{name}: {ran:?}");
    }
    assert_eq!(stage.server.digest(), stage.before);
}
