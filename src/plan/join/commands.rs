//! The commands of a file of one shard, in order.

use super::error::Error;
use super::pieces::Pieces;
use crate::bundle::resp::{self, CommandReader, ErrorKind};

/// A command, copied out of its file.
#[derive(Debug, Default)]
pub struct Command {
    pub bytes: Vec<u8>,
    /// Its key, or the first of several.
    pub key: Vec<u8>,
    /// The keys of an `UNLINK`, the first one too; of any other command none.
    pub keys: Vec<Vec<u8>>,
}

impl Command {
    pub fn is_unlink(&self) -> bool {
        !self.keys.is_empty()
    }
}

/// The next one, or none at the end.
pub fn next(file: &mut Pieces) -> Result<Option<Command>, Error> {
    loop {
        let left = file.left();
        let ready = file.ready();
        if ready.is_empty() {
            match file.more()? {
                true => continue,
                false => return Ok(None),
            }
        }
        let mut reader = CommandReader::new(ready);
        match reader.next_command() {
            Ok(None) => return Ok(None),
            Ok(Some(command)) => {
                let is_unlink = command.name() == b"UNLINK";
                let keys = command.args.iter().skip(1).filter(|_| is_unlink);
                let copy = Command {
                    bytes: command.bytes.to_vec(),
                    key: command.key().unwrap_or_default().to_vec(),
                    keys: keys.map(|key| key.to_vec()).collect(),
                };
                let len = command.bytes.len();
                file.take(len);
                return Ok(Some(copy));
            }
            // It may go on in the file.
            Err(error) if left > 0 && may_go_on(error.kind, left) => {
                file.more()?;
            }
            Err(error) => {
                let before = usize::try_from(file.offset()).unwrap_or(usize::MAX);
                let error = resp::Error { offset: error.offset.saturating_add(before), ..error };
                return Err(Error::Commands { path: file.path().to_owned(), error });
            }
        }
    }
}

/// Whether so many bytes more could make a command of what ends too early.
fn may_go_on(kind: ErrorKind, more: u64) -> bool {
    // The shortest argument has six bytes.
    let (wanted, there) = match kind {
        ErrorKind::Truncated => return true,
        ErrorKind::ArgumentTooLong { len, left } => (len, left),
        ErrorKind::TooManyArguments { count, left } => (count.saturating_mul(6), left),
        _ => return false,
    };
    wanted as u64 <= (there as u64).saturating_add(more)
}
