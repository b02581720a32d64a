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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::manifest::FileId;
    use crate::bundle::resp::encode;
    use crate::bundle::sha256;

    fn pieces(folder: &std::path::Path, bytes: &[u8]) -> Pieces {
        let path = folder.join("x.resp");
        std::fs::write(&path, bytes).unwrap();
        Pieces::new(path, FileId { sha256: sha256(bytes), bytes: bytes.len() as u64 })
    }

    #[test]
    fn commands_across_the_ends_of_pieces() {
        let folder = tempfile::tempdir().unwrap();
        // A megabyte: short ones, some longer than a piece, one of many arguments.
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for n in 0..4000_usize {
            let member = vec![b'm'; if n % 997 == 5 { 300_000 } else { n % 90 }];
            let before = bytes.len();
            match n % 3 {
                0 => encode(&[&b"UNLINK"[..], n.to_string().as_bytes(), &member], &mut bytes),
                1 if n % 1000 == 1 => encode(&vec![n.to_string(); 9000], &mut bytes),
                _ => encode(&[&b"SADD"[..], n.to_string().as_bytes(), &member], &mut bytes),
            }
            expected.push(bytes[before..].to_vec());
        }
        assert!(bytes.len() > 1 << 20);
        let mut file = pieces(folder.path(), &bytes);
        for (n, expected) in expected.iter().enumerate() {
            let command = next(&mut file).unwrap().unwrap();
            assert_eq!((&command.bytes, &command.key), (expected, &n.to_string().into_bytes()));
            assert_eq!(command.is_unlink(), n % 3 == 0);
            assert_eq!(command.keys.len(), if n % 3 == 0 { 2 } else { 0 });
        }
        assert!(next(&mut file).unwrap().is_none());
        file.end().unwrap();
    }

    #[test]
    fn what_is_no_command_has_a_place_and_takes_no_memory() {
        let folder = tempfile::tempdir().unwrap();
        let mut good = Vec::new();
        for _ in 0..20_000 {
            encode(&["SADD", "key", "member"], &mut good);
        }
        let wrong: [(&[u8], &str); 5] = [
            (b"*2\r\n$3\r\nGET\r\n$4000000000\r\nx\r\n", "an argument of 4000000000 bytes"),
            (b"*4000000000\r\n$3\r\nGET\r\n", "a command of 4000000000 arguments"),
            (b"*2\r\n$3\r\nGET\r\n$9\r\nx\r\n", "an argument of 9 bytes"),
            (b"*1\r\n$3\r\nGE", "an argument of 3 bytes"),
            (b"GET x\r\n", "expected a command"),
        ];
        for (wrong, words) in wrong {
            let mut file = pieces(folder.path(), &[&good, wrong].concat());
            let error = loop {
                match next(&mut file) {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("it ended"),
                    Err(error) => break error.to_string(),
                }
            };
            assert!(error.contains(words), "{error}");
            let at: usize = error.rsplit(' ').next().unwrap().parse().unwrap();
            assert!((good.len()..good.len() + wrong.len()).contains(&at), "{error}");
        }
    }

    #[test]
    fn a_file_that_changes_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = Vec::new();
        for _ in 0..20_000 {
            encode(&["SADD", "key", "member"], &mut bytes);
        }
        let changed = |change: &dyn Fn(&std::path::Path)| {
            let mut file = pieces(folder.path(), &bytes);
            next(&mut file).unwrap();
            change(file.path());
            while next(&mut file)?.is_some() {}
            file.end()
        };
        assert!(changed(&|_| ()).is_ok());
        let other = bytes.iter().map(|byte| if *byte == b'k' { b'K' } else { *byte }).collect::<Vec<u8>>();
        assert!(matches!(changed(&|path| std::fs::write(path, &other).unwrap()), Err(Error::Changed { .. })));
        let longer = [&bytes[..], b"*"].concat();
        assert!(matches!(changed(&|path| std::fs::write(path, &longer).unwrap()), Err(Error::Changed { .. })));
        assert!(matches!(changed(&|path| std::fs::write(path, b"").unwrap()), Err(Error::Changed { .. })));
        assert!(matches!(changed(&|path| std::fs::remove_file(path).unwrap()), Err(Error::Changed { .. })));
    }
}
