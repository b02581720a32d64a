//! What a file is, by its first bytes, and how to get at the dump in it.

use std::io::{self, Read, Write};

use super::capture::Announced;
use super::stream::{Frames, Packing, Padding};

/// How many bytes it takes to tell.
pub(super) const HEAD: usize = 4096;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A dump, or at least nothing else that is known.
    Plain,
    Gzip,
    Zstd,
    Lz4,
    /// Valkey's own envelope around an LZ4 frame.
    Envelope,
    /// A captured replication: a dump with something before it.
    Capture,
    /// Something else: what, and what to do about it.
    Other(&'static str, &'static str),
}

const UNPACK: &str = "unpack it first";
const BINARY: &str = "transfer it again as binary: the bytes cannot be got back";
const AS_TEXT: &str = "a dump was saved as text, as `>` does in PowerShell, and cannot be got back from it: have the program \
                       write the file itself (`redis-cli --rdb FILE`)";

/// The envelope: magic, version 1, codec 1 (LZ4), flags, kind 0 (RDB).
const ENVELOPE: &[u8] = b"VKCS";
const ENVELOPE_LEN: usize = 8;
const LZ4: &[u8] = b"\x04\x22\x4d\x18";

impl Form {
    pub fn of(head: &[u8]) -> Self {
        let starts = |magic: &[u8]| head.starts_with(magic);
        match head {
            _ if starts(b"\x1f\x8b") => Self::Gzip,
            _ if starts(b"\x28\xb5\x2f\xfd") => Self::Zstd,
            // A frame with data for other programs may come before.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ if starts(LZ4) => Self::Lz4,
            _ if starts(ENVELOPE) => envelope(head),
            _ if starts(b"\xfd7zXZ") => Self::Other("compressed with xz", UNPACK),
            _ if starts(b"BZh") => Self::Other("compressed with bzip2", UNPACK),
            _ if starts(b"PK\x03\x04") => Self::Other("a zip archive", UNPACK),
            _ if Announced::read(head).is_some() => Self::Capture,
            _ if starts(b"$EOF:") || starts(b"+FULLRESYNC ") => Self::Other(
                "a captured replication stream without a dump in it",
                "capture it until the dump is through, or have the server write a dump with SAVE",
            ),
            _ if starts(b"\x1f\xef\xbf\xbd") || starts(b"(\xef\xbf\xbd/\xef\xbf\xbd") => {
                Self::Other("an archive that was transferred as text, which replaced bytes of it", BINARY)
            }
            _ if utf16(head) => Self::Other("text of 16 bits per character", AS_TEXT),
            _ if starts(b"\xef\xbb\xbfREDIS") || starts(b"\xef\xbb\xbfVALKEY") => {
                Self::Other("text, by the mark that it begins with", AS_TEXT)
            }
            [b'*', b'0'..=b'9', ..] => {
                Self::Other("a file of commands (AOF or RESP), not a dump", "start a server with it and let it SAVE")
            }
            _ => Self::Plain,
        }
    }

    /// What it is compressed with.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
            Self::Lz4 => Some("lz4"),
            Self::Envelope => Some("Valkey's envelope"),
            Self::Plain | Self::Capture | Self::Other(..) => None,
        }
    }

    /// The dump in `source`, whose first bytes are included.
    fn reader<R: Read>(self, mut source: R) -> io::Result<Reader<R>> {
        Ok(match self {
            Self::Gzip => Reader::packed(Packing::Gzip, source),
            Self::Zstd => Reader::packed(Packing::Zstd, source),
            Self::Lz4 => Reader::packed(Packing::Lz4, source),
            Self::Envelope => {
                source.read_exact(&mut [0; ENVELOPE_LEN])?;
                Reader::packed(Packing::Lz4, source)
            }
            Self::Plain | Self::Capture | Self::Other(..) => Reader::Plain(source),
        })
    }
}

enum Reader<R: Read> {
    Plain(R),
    Packed(Box<Frames<R>>),
}

impl<R: Read> Reader<R> {
    fn packed(packing: Packing, source: R) -> Self {
        Self::Packed(Box::new(Frames::new(packing, source)))
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(source) => source.read(out),
            Self::Packed(frames) => frames.read(out),
        }
    }
}

/// Whether a magic stands there in characters of 16 bits, with or without a mark before it.
fn utf16(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xff\xfe").or_else(|| head.strip_prefix(b"\xfe\xff")).unwrap_or(head);
    let starts = |magic: &[u8]| {
        let wide = |low: usize| {
            text.len() >= 2 * magic.len() && text.iter().skip(low).step_by(2).zip(magic).all(|(a, b)| a == b)
        };
        (wide(0) && text.get(1) == Some(&0)) || (wide(1) && text.first() == Some(&0))
    };
    starts(b"REDIS") || starts(b"VALKEY")
}

/// The header of the envelope says which codec it is; of two we know nothing but that they exist.
fn envelope(head: &[u8]) -> Form {
    match head.get(4..) {
        Some([1, 1, 0 | 1, 0, frame @ ..]) if frame.starts_with(LZ4) => Form::Envelope,
        Some([1, 1, ..]) => Form::Other("a Valkey envelope of a layout that could not be confirmed", UNPACK),
        Some([1, ..]) => Form::Other("a Valkey envelope with another compression than LZ4", UNPACK),
        _ => Form::Other("a Valkey envelope of an unknown version", UNPACK),
    }
}

/// Why something cannot be unpacked.
#[derive(Debug)]
pub(super) enum Failure {
    Read(io::Error),
    /// So many bytes were written before there was no more room.
    Full(u64),
    Write(io::Error),
    /// What it holds is no dump.
    Content(Form),
}

const BUFFER: usize = 1 << 18;

/// Writes the dump in `source` to `out`; what followed in the archive.
///
/// The first bytes are looked at before anything is written: what is no dump does not get to fill the disk.
pub(super) fn unpack(form: Form, source: impl Read, out: &mut impl Write) -> Result<Padding, Failure> {
    let mut reader = form.reader(source).map_err(Failure::Read)?;
    let mut buffer = vec![0; BUFFER];
    let mut filled = read_full(&mut reader, buffer.get_mut(..HEAD).unwrap_or_default()).map_err(Failure::Read)?;
    if form.name().is_some() {
        let head = buffer.get(..filled).unwrap_or_default();
        let inner = Form::of(head);
        let is_dump = inner == Form::Plain && (head.starts_with(b"REDIS") || head.starts_with(b"VALKEY"));
        if !is_dump && inner != Form::Capture {
            return Err(Failure::Content(inner));
        }
    }
    let mut written = 0_u64;
    while filled > 0 {
        out.write_all(buffer.get(..filled).unwrap_or_default()).map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Failure::Full(written)
            }
            _ => Failure::Write(error),
        })?;
        written = written.saturating_add(filled as u64);
        filled = loop {
            match reader.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other.map_err(Failure::Read)?,
            }
        };
    }
    Ok(match reader {
        Reader::Plain(_) => Padding::default(),
        Reader::Packed(frames) => frames.padding(),
    })
}

/// Reads until `out` is full or there is no more.
pub(super) fn read_full(source: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0_usize;
    while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(n) => filled = filled.saturating_add(n),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_by_their_first_bytes() {
        let refused = |head: &[u8]| match Form::of(head) {
            Form::Other(what, _) => what,
            other => panic!("{other:?}"),
        };
        assert_eq!(Form::of(b"REDIS0011\xfa"), Form::Plain);
        assert_eq!(Form::of(b""), Form::Plain);
        assert_eq!(Form::of(b"\x1f\x8b\x08"), Form::Gzip);
        assert_eq!(Form::of(b"\x28\xb5\x2f\xfd"), Form::Zstd);
        assert_eq!(Form::of(b"\x04\x22\x4d\x18"), Form::Lz4);
        assert_eq!(Form::of(b"VKCS\x01\x01\x00\x00\x04\x22\x4d\x18"), Form::Envelope);
        assert_eq!(Form::of(b"VKCS\x01\x01\x01\x00\x04\x22\x4d\x18"), Form::Envelope);
        assert!(refused(b"VKCS\x01\x01\x02\x00\x04\x22\x4d\x18").contains("could not be confirmed"));
        assert!(refused(b"VKCS\x01\x01\x00\x01\x04\x22\x4d\x18").contains("could not be confirmed"));
        assert!(refused(b"VKCS\x01\x01\x00\x00\x00\x00\x00\x00").contains("could not be confirmed"));
        assert!(refused(b"VKCS\x01\x02\x00\x00").contains("another compression"));
        assert!(refused(b"VKCS\x02").contains("unknown version"));
        assert!(refused(b"$EOF:0123456").contains("replication stream"));
        assert_eq!(Form::of(b"+OK\r\n$9\r\nREDIS0011"), Form::Capture);
        assert!(refused(b"\x1f\xef\xbf\xbd\x08\0").contains("as text"));
        assert!(refused(b"(\xef\xbf\xbd/\xef\xbf\xbd\x04").contains("as text"));
        for text in [
            &b"\xff\xfeR\0E\0D\0I\0S\x000\0"[..],
            b"\xfe\xff\0V\0A\0L\0K\0E\0Y\x000",
            b"R\0E\0D\0I\0S\0",
            b"\xef\xbb\xbfREDIS0011",
        ] {
            assert!(refused(text).contains("text"), "{text:?}");
        }
        assert!(refused(b"*3\r\n$3\r\nSET").contains("AOF"));
        assert!(refused(b"\xfd7zXZ\0").contains("xz"));
        assert!(refused(b"BZh91AY").contains("bzip2"));
        assert!(refused(b"PK\x03\x04").contains("zip"));
    }

    /// Takes so many bytes and no more.
    struct Disk(usize);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = bytes.len().min(self.0);
            self.0 -= n;
            if n == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(n) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_told() {
        let bytes = [&b"REDIS0011"[..], &vec![0; 3 * BUFFER]].concat();
        match unpack(Form::Plain, &bytes[..], &mut Disk(BUFFER + HEAD + 1)) {
            Err(Failure::Full(written)) => assert_eq!(written, (BUFFER + HEAD) as u64),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_no_dump_is_not_written() {
        for inner in [&b"\x1f\x8b"[..], b"hello, world", b""] {
            let packed = zstd::encode_all(inner, 0).unwrap();
            let mut out = Vec::new();
            assert!(matches!(unpack(Form::Zstd, &packed[..], &mut out), Err(Failure::Content(_))));
            assert!(out.is_empty());
        }
    }
}
