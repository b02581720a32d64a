//! What a server answers.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::{NASTY, Work, look};

/// Answers every command, or what looks like one, with the same bytes.
fn answering(reply: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its number").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), reply) = (stream, reply.clone()) else { return };
            std::thread::spawn(move || {
                let mut room = [0; 1 << 16];
                while let Ok(read @ 1..) = stream.read(&mut room) {
                    // A `*` at the beginning of a line begins a command.
                    let commands =
                        room[..read].split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"*")).count();
                    if stream.write_all(&reply.repeat(commands.max(1))).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

#[test]
fn what_a_server_says_is_only_shown() {
    let work = Work::new();
    assert_eq!(work.run(&["plan", "dump.rdb", "--spec", "spec.toml", "--out", "plan"]).status, Some(0));
    let id: serde_json::Value =
        serde_json::from_slice(&std::fs::read(work.path("plan/plan.json")).expect("there")).expect("JSON");
    let id = id["plan_id"].as_str().expect("an id").to_owned();
    for name in NASTY {
        let line: Vec<u8> = name.iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect();
        for reply in [
            [b"-ERR ", &line[..], b"\r\n"].concat(),
            [b"-NOAUTH ", &line[..], b"\r\n"].concat(),
            [b"+", &line[..], b"\r\n"].concat(),
            [format!("${}\r\n", name.len()).as_bytes(), name, b"\r\n"].concat(),
            [format!("*1\r\n${}\r\n", name.len()).as_bytes(), name, b"\r\n"].concat(),
        ] {
            let url = format!("redis://{}", answering(reply));
            for args in [
                &["apply", "plan", "--to", &url, "--dry-run", "--timeout", "1", "--retry-for", "0"][..],
                &["apply", "plan", "--to", &url, "--confirm", &id, "--timeout", "1", "--retry-for", "0"],
                &["verify", "plan", "--to", &url, "--timeout", "1", "--format", "json"],
            ] {
                let ended = work.run(args);
                assert!(!matches!(ended.status, Some(0 | 101)), "{args:?}: {}", String::from_utf8_lossy(&ended.err));
                look(&format!("standard output of {args:?}"), &ended.out);
            }
        }
    }
}
