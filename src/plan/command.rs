//! Commands under caps: arguments go in one by one, commands come out as few and as full as the caps allow.

use std::io;
use std::path::Path;

use crate::bundle::resp::{argument_len, encode, header_len, push_argument, push_header};

use super::by_slot::{Finished, Order, Place};
use crate::bundle::manifest::{Caps, FileId, Reply};
use crate::bundle::{Output, Sink};
use crate::dump::slots::slot_of;

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
    /// Where each command goes in a plan by slot; in any other the commands stay where they are written.
    order: Option<Order>,
}

/// The arguments of commands of one kind on one key (or, for `UNLINK`, on none), until there are enough for a command.
#[derive(Debug, Default)]
pub struct Pending {
    /// Room for the line that opens a command.
    header: Vec<u8>,
    /// The key of the commands; of `UNLINK` the first that goes into the next one.
    key: Vec<u8>,
    /// Every argument is a key.
    are_keys: bool,
    head: Vec<u8>,
    head_args: u64,
    body: Vec<u8>,
    body_args: u64,
    /// What the command will answer.
    reply: i64,
    /// The answer is a running total (`RPUSH`) and not a count of this command's arguments.
    total: bool,
    stats: Written,
    /// Arguments since [`CommandFile::begin`], or of one slot since then, their encoded bytes, and how many have to stay
    /// together; and the commands that were written of them.
    all_args: u64,
    all_bytes: u64,
    all_commands: u64,
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
        Self { output, caps, db: 0, replies: Vec::new(), lengths: Vec::new(), oversize: 0, order: None }
    }

    /// The same for a plan by slot: no command gets keys of two slots, and it is noted where each goes.
    pub fn by_slot(self, by_slot: bool) -> Self {
        Self { order: by_slot.then(Order::default), ..self }
    }

    /// Whether no command may have keys of two slots.
    pub fn is_by_slot(&self) -> bool {
        self.order.is_some()
    }

    /// What follows comes after all that was written before, whatever its slots.
    pub fn phase(&mut self) {
        if let Some(order) = &mut self.order {
            order.phase = order.phase.saturating_add(1);
        }
    }

    /// How many commands each phase has, in a plan by slot.
    pub fn phases(&self) -> [u64; 3] {
        let mut phases = [0; 3];
        for place in self.order.iter().flat_map(|order| &order.places) {
            phases.get_mut(usize::from(place.phase)).into_iter().for_each(|count| *count += 1);
        }
        phases
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
        self.put(&[&bytes], args.get(1).copied().unwrap_or_default(), reply)
    }

    /// Writes a whole command as it is, encoded.
    pub fn encoded(&mut self, command: &[u8], reply: Reply) -> io::Result<Written> {
        self.put(&[command], &[], reply)
    }

    fn put(&mut self, parts: &[&[u8]], key: &[u8], reply: Reply) -> io::Result<Written> {
        let mut bytes = 0;
        for part in parts {
            self.output.write(part)?;
            bytes += part.len() as u64;
        }
        self.oversize += u64::from(bytes > self.caps.max_command_bytes);
        self.lengths.push(bytes);
        self.replies.push(reply);
        if let Some(order) = &mut self.order {
            order.places.push(Place { phase: order.phase, slot: slot_of(key), key: key.into() });
        }
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
        pending.key.clear();
        pending.key.extend_from_slice(key.unwrap_or_default());
        pending.are_keys = key.is_none();
        pending.reply = 0;
        pending.total = verb == "RPUSH";
        pending.stats = Written::default();
        (pending.all_args, pending.all_bytes, pending.all_commands, pending.together) = (0, 0, 0, 1);
    }

    /// Adds arguments that must stay together; a command that they would take over a cap is written first. `counts` is
    /// what they add to the reply. Tells the command that was written to make room, if one was.
    pub fn push(&mut self, pending: &mut Pending, args: &[&[u8]], counts: i64) -> io::Result<Written> {
        let mut written = Written::default();
        if pending.are_keys {
            let key = args.first().copied().unwrap_or_default();
            if self.order.is_some() && pending.body_args > 0 && slot_of(key) != slot_of(&pending.key) {
                written = self.flush(pending)?;
                self.fewest(pending);
            }
            if pending.body_args == 0 {
                pending.key.clear();
                pending.key.extend_from_slice(key);
            }
        }
        let more: u64 = args.iter().map(|argument| argument_len(argument.len()) as u64).sum();
        let count = pending.head_args + pending.body_args + args.len() as u64;
        let header = header_len(count as usize) as u64;
        let bytes = header + pending.head.len() as u64 + pending.body.len() as u64 + more;
        if pending.body_args > 0 && (count > self.caps.max_args || bytes > self.caps.max_command_bytes) {
            written = self.flush(pending)?;
            if pending.are_keys {
                pending.key.clear();
                pending.key.extend_from_slice(args.first().copied().unwrap_or_default());
            }
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
        let parts = [&pending.header[..], &pending.head, &pending.body];
        let written = self.put(&parts, &pending.key, Reply::Integer(pending.reply))?;
        pending.stats.add(Written { lower_bound: 0, ..written });
        pending.all_commands += 1;
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
        self.fewest(pending);
        Ok(std::mem::take(&mut pending.stats))
    }

    /// Adds the fewest commands that the arguments until here could have been written in.
    fn fewest(&self, pending: &mut Pending) {
        let room = self.caps.max_args.saturating_sub(pending.head_args);
        let room = (room / pending.together.max(1) * pending.together).max(1);
        let head = pending.head.len() as u64 + header_len(pending.head_args as usize) as u64;
        let bytes = self.caps.max_command_bytes.saturating_sub(head).max(1);
        let fewest = pending.all_args.div_ceil(room).max(pending.all_bytes.div_ceil(bytes));
        // An argument beyond the cap goes out alone, whatever its length.
        pending.stats.lower_bound += fewest.min(pending.all_commands);
        (pending.all_args, pending.all_bytes, pending.all_commands) = (0, 0, 0);
    }

    /// Appends commands that were made ahead for the database that is selected now; `bytes` tells them.
    pub fn append<T>(&mut self, made: CommandFile<T>, bytes: impl FnOnce(&T) -> &[u8]) -> io::Result<()> {
        self.output.write(bytes(&made.output))?;
        self.replies.extend(made.replies);
        self.lengths.extend(made.lengths);
        self.oversize += made.oversize;
        if let (Some(order), Some(made)) = (&mut self.order, made.order) {
            let phase = order.phase;
            order.places.extend(made.places.into_iter().map(|place| Place { phase, ..place }));
        }
        Ok(())
    }
}

impl CommandFile {
    /// Closes a file whose commands stay where they are: what it is, the replies and the lengths.
    pub fn close(self) -> io::Result<(FileId, Vec<Reply>, Vec<u64>)> {
        Ok((self.output.finish()?, self.replies, self.lengths))
    }

    /// Closes the file, which is `name` in this folder; of a plan by slot its commands are put into their order first.
    pub fn finish(self, folder: &Path, name: &str) -> io::Result<Finished> {
        let file = Finished { file: self.output.finish()?, replies: self.replies, lengths: self.lengths };
        match self.order {
            Some(order) => order.apply(&folder.join(name), file),
            None => Ok(file),
        }
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
        let Finished { replies, lengths, .. } = file.finish(folder.path(), "x").unwrap();
        assert_eq!(replies, [Reply::Status("OK".into()), Reply::Integer(2)]);
        let text = b"*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*3\r\n$6\r\nUNLINK\r\n$3\r\na\r\n\r\n$0\r\n\r\n";
        assert_eq!(std::fs::read(folder.path().join("x")).unwrap(), text);
        assert_eq!(lengths.iter().sum::<u64>(), text.len() as u64);
    }

    #[test]
    fn by_slot_no_command_has_keys_of_two_slots_and_each_is_in_its_place() {
        // CLUSTER KEYSLOT of a server: foo 12182, bar 5061, hello 866, {foo}x 12182.
        let (folder, file) = file(WIDE);
        let mut file = file.by_slot(true);
        let mut pending = Pending::default();
        file.begin(&mut pending, "UNLINK", None);
        for key in ["hello", "bar", "foo", "{foo}x"] {
            file.push(&mut pending, &[key.as_bytes()], 1).unwrap();
        }
        assert_eq!(file.end(&mut pending).unwrap(), Written { commands: 3, bytes: 89, lower_bound: 3 });
        file.phase();
        for key in ["foo", "bar", "{foo}x", "bar"] {
            file.single(&[b"DEL", key.as_bytes()], Reply::Integer(file.replies.len() as i64)).unwrap();
        }
        let Finished { file: id, replies, lengths } = file.finish(folder.path(), "x").unwrap();
        let bytes = std::fs::read(folder.path().join("x")).unwrap();
        let mut reader = crate::bundle::resp::CommandReader::new(&bytes);
        let mut names = Vec::new();
        while let Some(command) = reader.next_command().unwrap() {
            names.push(String::from_utf8(command.args.join(&b' ')).unwrap());
        }
        let expected =
            ["UNLINK hello", "UNLINK bar", "UNLINK foo {foo}x", "DEL bar", "DEL bar", "DEL foo", "DEL {foo}x"];
        assert_eq!(names, expected);
        assert_eq!(replies, [1, 1, 2, 4, 6, 3, 5].map(Reply::Integer));
        assert_eq!((id.bytes, lengths.iter().sum::<u64>()), (bytes.len() as u64, bytes.len() as u64));
        assert_eq!(id.sha256, crate::bundle::sha256(&bytes));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }
}
