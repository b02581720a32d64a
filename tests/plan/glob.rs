//! Globs against a real server: every short pattern over the characters that mean something, and every short key.
//!
//! Needs `redis-server`.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rdb_reindex::model::spec::Glob;

use crate::support::server::Program;

/// A server that ends with the test.
struct Server {
    process: Child,
    _folder: tempfile::TempDir,
    stream: BufReader<UnixStream>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// `None` if no server is installed.
    fn start() -> Option<Server> {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s");
        let process = Command::new(Program::Redis70.find()?)
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(&socket)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let stream = loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < deadline, "the server does not come up: {error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        Some(Server { process, _folder: folder, stream: BufReader::new(stream) })
    }

    fn send(&mut self, arguments: &[&[u8]]) {
        let mut command = format!("*{}\r\n", arguments.len()).into_bytes();
        for argument in arguments {
            command.extend(format!("${}\r\n", argument.len()).into_bytes());
            command.extend_from_slice(argument);
            command.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&command).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn keys(&mut self, pattern: &[u8]) -> BTreeSet<Vec<u8>> {
        self.send(&[b"KEYS", pattern]);
        let count: usize = self.line().strip_prefix('*').unwrap().parse().unwrap();
        (0..count)
            .map(|_| {
                let length: usize = self.line().strip_prefix('$').unwrap().parse().unwrap();
                let mut key = vec![0; length + 2];
                self.stream.read_exact(&mut key).unwrap();
                key.truncate(length);
                key
            })
            .collect()
    }
}

/// All strings over an alphabet, up to a length.
fn strings(alphabet: &[u8], length: u32) -> Vec<Vec<u8>> {
    let mut all = vec![Vec::new()];
    let mut last = all.clone();
    for _ in 0..length {
        last = last
            .iter()
            .flat_map(|text| alphabet.iter().map(move |byte| [text.as_slice(), &[*byte]].concat()))
            .collect();
        all.extend(last.iter().cloned());
    }
    all
}

#[test]
fn as_a_real_server() {
    let Some(mut server) = Server::start() else { return };
    let mut keys = strings(b"ab-]^\\[*", 2);
    keys.extend(["aab", "aba", "abab", "message:discord:1", "a\0b", "\r\n"].map(|key| key.as_bytes().to_vec()));
    // The order of bytes from 128 on in a range is the server's `char`, which is signed on x86-64 only.
    if cfg!(target_arch = "x86_64") {
        keys.extend([b"\xff".to_vec(), b"\x80".to_vec(), b"A".to_vec(), b"\x7f".to_vec()]);
    }
    for key in &keys {
        server.send(&[b"SET", key, b""]);
        assert_eq!(server.line(), "+OK");
    }
    let mut patterns = strings(b"ab*?[]^\\-", 4);
    let more: [&[u8]; 12] = [
        b"*a*b*a*",
        b"message:*",
        b"*:*:?",
        b"[^a-b]*[]",
        b"**a**",
        b"[a-\xff]",
        b"[\xff-a]",
        b"[^\x80-\x7f]",
        b"\xff*",
        b"a\0*",
        b"?\n",
        b"[a-b]*[b-a]",
    ];
    patterns.extend(more.map(<[u8]>::to_vec));
    for pattern in &patterns {
        let glob = Glob::new(pattern);
        let ours: BTreeSet<Vec<u8>> = keys.iter().filter(|key| glob.matches(key)).cloned().collect();
        assert_eq!(ours, server.keys(pattern), "{:?}", String::from_utf8_lossy(pattern));
    }
}
