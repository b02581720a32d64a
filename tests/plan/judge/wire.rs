//! A client of its own: it shares nothing with the program that is judged.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// What a server answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Status(String),
    Error(String),
    Integer(i64),
    Bulk(Option<Vec<u8>>),
    Array(Vec<Reply>),
}

impl Reply {
    pub fn bytes(self) -> Vec<u8> {
        match self {
            Reply::Bulk(Some(bytes)) => bytes,
            Reply::Status(text) => text.into_bytes(),
            other => panic!("not a string: {other:?}"),
        }
    }

    pub fn list(self) -> Vec<Reply> {
        match self {
            Reply::Array(replies) => replies,
            other => panic!("not an array: {other:?}"),
        }
    }

    pub fn strings(self) -> Vec<Vec<u8>> {
        self.list().into_iter().map(Reply::bytes).collect()
    }
}

/// The bytes of one command.
pub fn command(args: &[&[u8]]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// The commands of a file: arrays of bulk strings and nothing else.
pub fn parse_commands(mut bytes: &[u8]) -> Vec<Vec<Vec<u8>>> {
    fn line<'a>(bytes: &mut &'a [u8], first: u8) -> &'a str {
        let end = bytes.windows(2).position(|two| two == b"\r\n").expect("a line");
        assert_eq!(bytes[0], first);
        let text = std::str::from_utf8(&bytes[1..end]).expect("a number");
        *bytes = &bytes[end + 2..];
        text
    }
    let mut commands = Vec::new();
    while !bytes.is_empty() {
        let args: usize = line(&mut bytes, b'*').parse().expect("a count");
        let mut parsed = Vec::new();
        for _ in 0..args {
            let len: usize = line(&mut bytes, b'$').parse().expect("a length");
            parsed.push(bytes[..len].to_vec());
            assert_eq!(&bytes[len..len + 2], b"\r\n");
            bytes = &bytes[len + 2..];
        }
        commands.push(parsed);
    }
    commands
}

pub struct Wire {
    stream: TcpStream,
    replies: BufReader<TcpStream>,
}

impl Wire {
    pub fn connect(port: u16) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the test's own server listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
        let replies = BufReader::new(stream.try_clone().expect("a second handle"));
        Self { stream, replies }
    }

    /// Sends bytes that hold `count` commands and reads as many replies.
    pub fn send(&mut self, bytes: &[u8], count: usize) -> Vec<Reply> {
        self.stream.write_all(bytes).expect("the server reads");
        (0..count).map(|_| self.reply()).collect()
    }

    /// One command; an error reply ends the test.
    pub fn ask(&mut self, args: &[&[u8]]) -> Reply {
        let reply = self.send(&command(args), 1).remove(0);
        assert!(!matches!(reply, Reply::Error(_)), "{reply:?} to {}", String::from_utf8_lossy(&args.join(&b' ')));
        reply
    }

    /// Many commands at once; an error reply ends the test.
    pub fn ask_all<'c>(&mut self, commands: impl Iterator<Item = Vec<&'c [u8]>>) -> Vec<Reply> {
        let commands: Vec<Vec<u8>> = commands.map(|args| command(&args)).collect();
        let replies = self.send(&commands.concat(), commands.len());
        assert!(!replies.iter().any(|reply| matches!(reply, Reply::Error(_))), "an error among the replies");
        replies
    }

    /// Many commands in pieces, none of which may fail.
    pub fn run(&mut self, commands: &[Vec<Vec<u8>>]) {
        for chunk in commands.chunks(2000) {
            let encode = |one: &Vec<Vec<u8>>| command(&one.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let bytes: Vec<u8> = chunk.iter().flat_map(encode).collect();
            for (reply, one) in self.send(&bytes, chunk.len()).iter().zip(chunk) {
                let sent = || String::from_utf8_lossy(&one.join(&b' ')).chars().take(300).collect::<String>();
                assert!(!matches!(reply, Reply::Error(_)), "{reply:?} to {}", sent());
            }
        }
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.replies.read_until(b'\n', &mut line).expect("the server answers");
        String::from_utf8_lossy(line.strip_suffix(b"\r\n").expect("a whole line")).into_owned()
    }

    fn reply(&mut self) -> Reply {
        let line = self.line();
        let (kind, rest) = line.split_at(1);
        match kind {
            "+" => Reply::Status(rest.to_owned()),
            "-" => Reply::Error(rest.to_owned()),
            ":" => Reply::Integer(rest.parse().expect("an integer")),
            "$" => {
                let Ok(len) = rest.parse::<usize>() else { return Reply::Bulk(None) };
                let mut bytes = vec![0; len + 2];
                self.replies.read_exact(&mut bytes).expect("the server answers");
                bytes.truncate(len);
                Reply::Bulk(Some(bytes))
            }
            "*" => Reply::Array((0..rest.parse::<i64>().expect("a count")).map(|_| self.reply()).collect()),
            other => panic!("a reply of kind {other:?}"),
        }
    }
}
