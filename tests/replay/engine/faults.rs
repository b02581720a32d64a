//! `replay` against servers that misbehave: cut, stall, lie, stutter. Nothing hangs, nothing is claimed that is not known.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdb_reindex::bundle::manifest::Reply as Expected;
use rdb_reindex::bundle::resp::{self, BatchLimits};
use rdb_reindex::replay::journal::Way;
use rdb_reindex::replay::{
    Connection, Link as _, LinkError, LookOptions, QueryError, Source, Target, Timeouts, preflight,
};

use super::{Replayed, replay};

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
const CLIENT_INFO: &[u8] = b"*2\r\n$6\r\nCLIENT\r\n$4\r\nINFO\r\n";
const INFO: &[u8] = b"*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n";
/// For servers that are meant to exceed it.
const STALL: Timeouts = Timeouts { connect: Duration::from_secs(1), reply: Duration::from_millis(300) };
/// For servers that are not, however busy the machine is.
const CALM: Timeouts = Timeouts { connect: PATIENCE, reply: PATIENCE };
/// Far more than any of this takes, and far less than a test that hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server for one connection. It ends with the test: every `read` of it has a limit.
struct Fake {
    port: u16,
    thread: JoinHandle<()>,
}

impl Fake {
    fn start(behaviour: impl FnOnce(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
        let port = listener.local_addr().expect("it is bound").port();
        let thread = std::thread::spawn(move || {
            let (stream, _) = listener.accept().expect("the test connects");
            stream.set_read_timeout(Some(PATIENCE)).expect("a limit can be set");
            stream.set_nodelay(true).expect("an option can be set");
            behaviour(stream);
        });
        Self { port, thread }
    }

    /// One that answers `PING`, and then behaves.
    fn alive(behaviour: impl FnOnce(TcpStream) + Send + 'static) -> Self {
        Self::start(|mut stream| {
            take(&mut stream, PING.len());
            let _ = stream.write_all(b"+PONG\r\n");
            behaviour(stream);
        })
    }

    /// One that answers what a replay says first, and then behaves.
    fn ready(behaviour: impl FnOnce(TcpStream) + Send + 'static) -> Self {
        Self::alive(|mut stream| {
            for question in [CLIENT_INFO, INFO] {
                take(&mut stream, question.len());
                let _ = stream.write_all(b"-ERR unknown command\r\n");
            }
            behaviour(stream);
        })
    }

    fn target(&self, scheme: &str, timeouts: Timeouts) -> Target {
        let url = format!("{scheme}127.0.0.1:{}", self.port);
        let source = Source {
            to: Some(&url),
            password_file: None,
            tls_ca: None,
            tls_client: None,
            node_map: &[],
            environment: &|_| None,
        };
        let mut target = Target::resolve(&source).expect("the test's URL is right");
        target.timeouts = timeouts;
        target
    }

    fn link(&self, timeouts: Timeouts) -> Connection {
        Connection::open(&self.target("redis://", timeouts)).expect("it answers PING")
    }

    fn end(self) {
        self.thread.join().expect("the fake server does what it was told");
    }
}

fn take(stream: &mut TcpStream, bytes: usize) {
    let mut buffer = vec![0; bytes];
    let _ = stream.read_exact(&mut buffer);
}

/// Reads until the other side closes.
fn drain(stream: &mut TcpStream) {
    let mut buffer = [0; 4096];
    while matches!(stream.read(&mut buffer), Ok(read) if read > 0) {}
}

/// `SADD k0 a b`, … each of which answers 2.
fn plan(commands: usize) -> (Vec<u8>, Vec<Expected>) {
    let mut bytes = Vec::new();
    for number in 0..commands {
        resp::encode(&["SADD", &format!("k{number}"), "a", "b"], &mut bytes);
    }
    (bytes, vec![Expected::Integer(2); commands])
}

fn batches_of(commands: usize) -> BatchLimits {
    BatchLimits { commands, bytes: usize::MAX }
}

/// Replays ten commands in one batch.
fn ten(fake: &Fake, timeouts: Timeouts) -> Replayed {
    let (bytes, expected) = plan(10);
    replay(fake.link(timeouts), &bytes, &expected, Way::Apply, batches_of(10))
}

fn len_of_ten() -> usize {
    plan(10).0.len()
}

#[test]
fn a_server_that_closes_after_each_byte_of_its_replies() {
    let replies = b":2\r\n".repeat(10);
    for cut in 0..=replies.len() {
        let sent = replies[..cut].to_vec();
        let fake = Fake::ready(move |mut stream| {
            take(&mut stream, len_of_ten());
            let _ = stream.write_all(&sent);
        });
        let replayed = ten(&fake, CALM);
        fake.end();
        // Four bytes a reply.
        let whole = cut as u64 / 4;
        assert_eq!((replayed.report.done.commands, replayed.report.left), (whole, 10 - whole), "cut at {cut}");
        if whole == 10 {
            replayed.assert_done();
        } else {
            assert!(replayed.reason().contains("closed the connection"), "{}", replayed.reason());
        }
    }
}

#[test]
fn replies_that_come_byte_by_byte() {
    let fake = Fake::ready(|mut stream| {
        take(&mut stream, len_of_ten());
        for byte in b":2\r\n".repeat(10) {
            stream.write_all(&[byte]).expect("the test reads");
            std::thread::yield_now();
        }
        drain(&mut stream);
    });
    assert_eq!(ten(&fake, CALM).assert_done().done.commands, 10);
    fake.end();
}

#[test]
fn an_error_at_each_command_in_turn() {
    for wrong in 1..=10u64 {
        let fake = Fake::ready(move |mut stream| {
            take(&mut stream, len_of_ten());
            for number in 1..=10 {
                let reply: &[u8] = if number == wrong { b"-OOM command not allowed\r\n" } else { b":2\r\n" };
                stream.write_all(reply).expect("the test reads");
            }
            drain(&mut stream);
        });
        let replayed = ten(&fake, CALM);
        fake.end();
        assert_eq!((replayed.report.done.commands, replayed.report.left), (9, 1));
        assert!(replayed.reason().contains("no room") && replayed.reason().contains("OOM"), "{}", replayed.reason());
        let (number, key, text) = replayed.trouble();
        assert_eq!((number, key), (wrong, format!("k{}", wrong - 1)));
        assert!(text.contains("out of memory"), "{text}");
    }
}

#[test]
fn answers_that_are_not_resp() {
    let deep = b"*1\r\n".repeat(5_000);
    let answers: [&[u8]; 9] = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\0\0\0\0\0\0\0\0",
        b":two\r\n",
        b":99999999999999999999\r\n",
        b"*9223372036854775807\r\n:1\r\n",
        b"$9223372036854775807\r\nx\r\n",
        b"$-2\r\n",
        b"%1\r\n+k\r\n+v\r\n",
        &deep,
    ];
    for answer in answers {
        let sent = answer.to_vec();
        let fake = Fake::ready(move |mut stream| {
            take(&mut stream, len_of_ten());
            let _ = stream.write_all(&sent);
        });
        let start = Instant::now();
        let replayed = ten(&fake, CALM);
        fake.end();
        assert!(start.elapsed() < 2 * PATIENCE);
        assert_eq!((replayed.report.done.commands, replayed.report.left), (0, 10), "{}", replayed.reason());
    }
}

#[test]
fn a_server_that_does_not_answer() {
    let fake = Fake::ready(|mut stream| drain(&mut stream));
    let start = Instant::now();
    let replayed = ten(&fake, STALL);
    assert!(start.elapsed() < PATIENCE);
    assert!(replayed.reason().contains("did not answer within 0.3 s"), "{}", replayed.reason());
    assert_eq!(replayed.report.left, 10);
    fake.end();

    let mute = Fake::start(|mut stream| drain(&mut stream));
    let error = Connection::open(&mute.target("redis://", STALL)).err().expect("nobody answers");
    assert!(matches!(error, LinkError::Timeout { .. }), "{error}");
    mute.end();
    let mute = Fake::start(|mut stream| drain(&mut stream));
    let error = Connection::open(&mute.target("rediss://", STALL)).err().expect("nobody shakes hands");
    assert!(start.elapsed() < PATIENCE, "{error}");
    mute.end();
}

#[test]
fn a_server_that_does_not_read() {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let fake = Fake::ready(move |stream| {
        // Until the test is done, or a limit.
        let _ = stopped.recv_timeout(PATIENCE);
        drop(stream);
    });
    // 32 MB: more than two loopback sockets buffer.
    let mut bytes = Vec::new();
    let big = "m".repeat(1 << 20);
    for number in 0..32 {
        resp::encode(&["SADD", &format!("k{number}"), &big], &mut bytes);
    }
    let expected = vec![Expected::Integer(1); 32];
    let start = Instant::now();
    let replayed = replay(fake.link(STALL), &bytes, &expected, Way::Apply, batches_of(32));
    assert!(start.elapsed() < PATIENCE);
    assert!(replayed.reason().contains("did not answer within"), "{}", replayed.reason());
    assert_eq!((replayed.report.done.commands, replayed.report.left), (0, 32));
    stop.send(()).expect("the fake server waits");
    fake.end();
}

#[test]
fn what_was_answered_before_a_reset_is_counted() {
    // Answers the first batch, then goes away while the second is on its way.
    let (bytes, expected) = plan(20);
    let fake = Fake::ready(|mut stream| {
        take(&mut stream, len_of_ten());
        stream.write_all(&b":2\r\n".repeat(10)).expect("the test reads");
    });
    let replayed = replay(fake.link(CALM), &bytes, &expected, Way::Apply, batches_of(10));
    fake.end();
    assert!(replayed.reason().contains("closed the connection"), "{}", replayed.reason());
    assert_eq!((replayed.report.done.commands, replayed.report.left), (10, 10));
}

#[test]
fn a_broken_connection_is_not_used_again() {
    let fake = Fake::alive(|mut stream| drain(&mut stream));
    let mut link = fake.link(STALL);
    let (bytes, _) = plan(1);
    link.send(&bytes).expect("the bytes leave");
    let first = link.receive().expect_err("nobody answers");
    assert!(matches!(first, LinkError::Timeout { .. }), "{first}");
    for again in [link.send(&bytes).expect_err("it is broken"), link.receive().expect_err("it is broken")] {
        assert!(matches!(again, LinkError::Unusable { .. }), "{again}");
    }
    drop(link);
    fake.end();
}

#[test]
fn nobody_listens() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
    let port = listener.local_addr().expect("it is bound").port();
    drop(listener);
    for scheme in ["redis://:hunter2@", "rediss://:hunter2@"] {
        let url = format!("{scheme}127.0.0.1:{port}/2");
        let source = Source {
            to: Some(&url),
            password_file: None,
            tls_ca: None,
            tls_client: None,
            node_map: &[],
            environment: &|_| None,
        };
        let error =
            Connection::open(&Target::resolve(&source).expect("the URL is right")).err().expect("nobody listens");
        let text = format!("{error} {error:?}");
        let place = url.replace(":hunter2@", "");
        assert!(error.to_string().starts_with(&format!("cannot connect to {place}: ")), "{text}");
        assert!(text.contains("refused") && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_server_that_repeats_the_password_is_not_quoted() {
    let answers: [&[u8]; 4] = [
        b"-ERR unknown command 'AUTH', with args beginning with: 'hunter2'\r\n",
        b"-hunter2 hunter2\r\n",
        b"hunter2\r\n",
        b"+hunter2\r\n-NOAUTH hunter2\r\n",
    ];
    for answer in answers {
        let fake = Fake::start(move |mut stream| {
            let mut auth = Vec::new();
            resp::encode(&["AUTH", "hunter2"], &mut auth);
            take(&mut stream, auth.len());
            let _ = stream.write_all(answer);
            drain(&mut stream);
        });
        let error = Connection::open(&fake.target("redis://:hunter2@", CALM)).err().expect("it does not let us in");
        let text = format!("{error} {error:?} {error:#?}");
        assert!(!text.contains("hunter2"), "{text}");
        fake.end();
    }
}

#[test]
fn a_look_fails_as_clearly() {
    for (answer, part) in [
        (&b"-NOPERM this user has no permissions to run the 'ping' command\r\n"[..], "use one that may"),
        (b"-LOADING Redis is loading the dataset in memory\r\n", "wait and try again"),
        (b"", "closed the connection"),
    ] {
        let fake = Fake::alive(move |mut stream| {
            take(&mut stream, PING.len());
            let _ = stream.write_all(answer);
        });
        let error = preflight(&mut fake.link(CALM), &[], &HashMap::new(), &LookOptions::default(), &mut |_| {})
            .expect_err("it cannot look");
        fake.end();
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(matches!(error, QueryError::Link(_)), answer.is_empty());
    }
}
