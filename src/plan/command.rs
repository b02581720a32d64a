//! Commands under caps: arguments go in one by one, commands come out as few and as full as the caps allow.

use std::io;

use crate::bundle::resp::{argument_len, encode, header_len, push_argument, push_header};

use crate::bundle::manifest::{Caps, Reply};
use crate::bundle::{Output, Sink};

/// Writes commands into a file of the bundle and keeps count of them.
#[derive(Debug)]
pub struct CommandFile<S = Output> {
    output: S,
    caps: Caps,
    db: u64,
    /// The reply that each command must give, in order.
    pub replies: Vec<Reply>,
    /// The encoded length of each command: what the number of round trips follows from.
    pub lengths: Vec<u64>,
    /// Commands that a single argument made longer than the cap.
    pub oversize: u64,
}

/// The arguments of commands of one kind on one key (or, for `UNLINK`, on none), until there are enough for a command.
#[derive(Debug, Default)]
pub struct Pending {
    /// Room for the line that opens a command.
    header: Vec<u8>,
    head: Vec<u8>,
    head_args: u64,
    body: Vec<u8>,
    body_args: u64,
    /// What the command will answer.
    reply: i64,
    /// The answer is a running total (`RPUSH`) and not a count of this command's arguments.
    total: bool,
    stats: Written,
    /// Arguments since [`CommandFile::begin`], their encoded bytes, and how many have to stay together.
    all_args: u64,
    all_bytes: u64,
    together: u64,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub commands: u64,
    pub bytes: u64,
    /// The fewest commands that these arguments could have been written in.
    pub lower_bound: u64,
}

impl Written {
    pub fn add(&mut self, other: Self) {
        self.commands += other.commands;
        self.bytes += other.bytes;
        self.lower_bound += other.lower_bound;
    }
}

impl<S: Sink> CommandFile<S> {
    /// A file that starts in database 0.
    pub fn new(output: S, caps: Caps) -> Self {
        Self { output, caps, db: 0, replies: Vec::new(), lengths: Vec::new(), oversize: 0 }
    }

    /// The caps that its commands keep to.
    pub fn caps(&self) -> Caps {
        self.caps
    }

    /// Changes the database, if it is another one.
    pub fn select(&mut self, db: u64) -> io::Result<Written> {
        if db == self.db {
            return Ok(Written::default());
        }
        self.db = db;
        self.single(&[b"SELECT", db.to_string().as_bytes()], Reply::Status("OK".into()))
    }

    /// Writes one whole command.
    pub fn single(&mut self, args: &[&[u8]], reply: Reply) -> io::Result<Written> {
        let mut bytes = Vec::new();
        encode(args, &mut bytes);
        self.put(&[&bytes], reply)
    }

    fn put(&mut self, parts: &[&[u8]], reply: Reply) -> io::Result<Written> {
        let mut bytes = 0;
        for part in parts {
            self.output.write(part)?;
            bytes += part.len() as u64;
        }
        self.oversize += u64::from(bytes > self.caps.max_command_bytes);
        self.lengths.push(bytes);
        self.replies.push(reply);
        Ok(Written { commands: 1, bytes, lower_bound: 1 })
    }

    /// Starts commands `VERB key …`; `UNLINK` has no key of its own.
    pub fn begin(&self, pending: &mut Pending, verb: &str, key: Option<&[u8]>) {
        debug_assert!(pending.body_args == 0, "arguments of the command before were not written");
        pending.head.clear();
        push_argument(verb.as_bytes(), &mut pending.head);
        pending.head_args = 1;
        if let Some(key) = key {
            push_argument(key, &mut pending.head);
            pending.head_args = 2;
        }
        pending.reply = 0;
        pending.total = verb == "RPUSH";
        pending.stats = Written::default();
        (pending.all_args, pending.all_bytes, pending.together) = (0, 0, 1);
    }

    /// Adds arguments that must stay together; a command that they would take over a cap is written first. `counts` is
    /// what they add to the reply. Tells the command that was written to make room, if one was.
    pub fn push(&mut self, pending: &mut Pending, args: &[&[u8]], counts: i64) -> io::Result<Written> {
        let more: u64 = args.iter().map(|argument| argument_len(argument.len()) as u64).sum();
        let count = pending.head_args + pending.body_args + args.len() as u64;
        let header = header_len(count as usize) as u64;
        let bytes = header + pending.head.len() as u64 + pending.body.len() as u64 + more;
        let mut written = Written::default();
        if pending.body_args > 0 && (count > self.caps.max_args || bytes > self.caps.max_command_bytes) {
            written = self.flush(pending)?;
        }
        for argument in args {
            push_argument(argument, &mut pending.body);
        }
        pending.body_args += args.len() as u64;
        pending.all_args += args.len() as u64;
        pending.all_bytes += more;
        pending.together = args.len() as u64;
        pending.reply += counts;
        Ok(written)
    }

    fn flush(&mut self, pending: &mut Pending) -> io::Result<Written> {
        if pending.body_args == 0 {
            return Ok(Written::default());
        }
        pending.header.clear();
        push_header((pending.head_args + pending.body_args) as usize, &mut pending.header);
        let written = self.put(&[&pending.header, &pending.head, &pending.body], Reply::Integer(pending.reply))?;
        pending.stats.add(Written { lower_bound: 0, ..written });
        pending.body.clear();
        pending.body_args = 0;
        if !pending.total {
            pending.reply = 0;
        }
        Ok(Written { lower_bound: 0, ..written })
    }

    /// Writes what is left, and tells what the commands since [`CommandFile::begin`] came to.
    pub fn end(&mut self, pending: &mut Pending) -> io::Result<Written> {
        self.flush(pending)?;
        let mut written = std::mem::take(&mut pending.stats);
        let room = self.caps.max_args.saturating_sub(pending.head_args);
        let room = (room / pending.together.max(1) * pending.together).max(1);
        let head = pending.head.len() as u64 + header_len(pending.head_args as usize) as u64;
        let bytes = self.caps.max_command_bytes.saturating_sub(head).max(1);
        let fewest = pending.all_args.div_ceil(room).max(pending.all_bytes.div_ceil(bytes));
        // An argument beyond the cap goes out alone, whatever its length.
        written.lower_bound = fewest.min(written.commands);
        Ok(written)
    }

    /// Appends commands that were made ahead for the database that is selected now; `bytes` tells them.
    pub fn append<T>(&mut self, made: CommandFile<T>, bytes: impl FnOnce(&T) -> &[u8]) -> io::Result<()> {
        self.output.write(bytes(&made.output))?;
        self.replies.extend(made.replies);
        self.lengths.extend(made.lengths);
        self.oversize += made.oversize;
        Ok(())
    }
}

impl CommandFile {
    /// Closes the file.
    pub fn finish(self) -> io::Result<(crate::bundle::manifest::FileId, Vec<Reply>, Vec<u64>)> {
        Ok((self.output.finish()?, self.replies, self.lengths))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(caps: Caps) -> (tempfile::TempDir, CommandFile) {
        let folder = tempfile::tempdir().unwrap();
        let output = Output::create(&folder.path().join("x")).unwrap();
        (folder, CommandFile::new(output, caps))
    }

    const WIDE: Caps = Caps { max_args: 1000, max_command_bytes: 512 * 1024 };

    fn commands(members: usize, caps: Caps) -> (u64, Vec<Reply>) {
        let (_folder, mut file) = file(caps);
        let mut pending = Pending::default();
        file.begin(&mut pending, "SADD", Some(b"key"));
        for n in 0..members {
            file.push(&mut pending, &[n.to_string().as_bytes()], 1).unwrap();
        }
        let written = file.end(&mut pending).unwrap();
        (written.commands, file.replies)
    }

    #[test]
    fn a_command_has_at_most_a_thousand_arguments() {
        // SADD and the key are two of them.
        for (members, expected) in [(0, 0), (1, 1), (998, 1), (999, 2), (1996, 2), (1997, 3)] {
            assert_eq!(commands(members, WIDE).0, expected, "{members} members");
        }
        assert_eq!(commands(999, WIDE).1, [Reply::Integer(998), Reply::Integer(1)]);
    }

    #[test]
    fn a_command_has_at_most_so_many_bytes() {
        // "*3\r\n" + "$4\r\nSADD\r\n" + "$3\r\nkey\r\n" is 4 + 10 + 9 bytes; a digit is "$1\r\n0\r\n", 7 bytes.
        let caps = |max_command_bytes| Caps { max_command_bytes, ..WIDE };
        assert_eq!(commands(2, caps(23 + 14)).0, 1);
        assert_eq!(commands(2, caps(23 + 13)).0, 2);
        // One argument over the cap still has to be sent.
        assert_eq!(commands(2, caps(1)).0, 2);
    }

    #[test]
    fn bytes_are_resp() {
        let (folder, mut file) = file(WIDE);
        file.select(0).unwrap();
        file.select(3).unwrap();
        let mut pending = Pending::default();
        file.begin(&mut pending, "UNLINK", None);
        file.push(&mut pending, &[b"a\r\n"], 1).unwrap();
        file.push(&mut pending, &[b""], 1).unwrap();
        assert_eq!(file.end(&mut pending).unwrap(), Written { commands: 1, bytes: 31, lower_bound: 1 });
        let (_, replies, lengths) = file.finish().unwrap();
        assert_eq!(replies, [Reply::Status("OK".into()), Reply::Integer(2)]);
        let text = b"*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*3\r\n$6\r\nUNLINK\r\n$3\r\na\r\n\r\n$0\r\n\r\n";
        assert_eq!(std::fs::read(folder.path().join("x")).unwrap(), text);
        assert_eq!(lengths.iter().sum::<u64>(), text.len() as u64);
    }
}
