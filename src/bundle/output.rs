//! A file of the bundle: written once, from front to back, its SHA-256 taken on the way.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::manifest::FileId;
use crate::owner_only;

/// Hashing and writing in pieces of this size costs few calls and stays in the cache.
const BUFFER: usize = 1 << 18;
/// A piece of this size is worth a call of its own, which spares its way through the buffer.
const LARGE: usize = 1 << 15;

/// Where commands are written.
pub trait Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
}

impl Sink for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        Output::write(self, bytes)
    }
}

#[derive(Debug)]
pub struct Output {
    file: File,
    buffer: Vec<u8>,
    hash: Sha256,
    bytes: u64,
}

impl Output {
    /// A new file; it must not exist.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: owner_only::create_new(path)?,
            buffer: Vec::with_capacity(BUFFER),
            hash: Sha256::new(),
            bytes: 0,
        })
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.buffer.len() + bytes.len() > BUFFER || bytes.len() >= LARGE {
            self.flush()?;
        }
        if bytes.len() >= LARGE {
            self.emit(bytes)
        } else {
            self.buffer.extend_from_slice(bytes);
            Ok(())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        self.emit(&buffer)?;
        self.buffer = buffer;
        self.buffer.clear();
        Ok(())
    }

    fn emit(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    /// Writes what is left, and tells what the file is known by.
    ///
    /// The file is not synced: what a power cut might leave of it does not have its SHA-256, and is refused when the
    /// bundle is opened; a plan can always be made again. To sync hundreds of megabytes would take longer than to make it.
    pub fn finish(mut self) -> io::Result<FileId> {
        self.flush()?;
        Ok(FileId { sha256: hex(&self.hash.finalize()), bytes: self.bytes })
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Output::write(self, bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The SHA-256 of bytes in memory, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_file() {
        // FIPS 180-2, appendix B.1: SHA-256 of "abc".
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), expected);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let mut output = Output::create(&path).unwrap();
        output.write(b"ab").unwrap();
        output.write(b"c").unwrap();
        assert_eq!(output.finish().unwrap(), FileId { sha256: expected.into(), bytes: 3 });
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
        assert!(Output::create(&path).is_err());
        // More than a buffer, in odd pieces.
        let bytes: Vec<u8> = (0..1_000_003u32).map(|n| n.to_le_bytes()[0]).collect();
        let mut output = Output::create(&folder.path().join("y")).unwrap();
        output.write(&bytes[..7]).unwrap();
        output.write(&bytes[7..600_000]).unwrap();
        for piece in bytes[600_000..].chunks(1000) {
            output.write(piece).unwrap();
        }
        let id = output.finish().unwrap();
        assert_eq!(id, FileId { sha256: sha256(&bytes), bytes: bytes.len() as u64 });
        assert_eq!(std::fs::read(folder.path().join("y")).unwrap(), bytes);
    }
}
