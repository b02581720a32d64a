//! What is in an archive: its frames one after the other, and how much follows them that is none.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use lz4_flex::frame::FrameDecoder;

/// Bytes behind the last frame of an archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Padding {
    pub bytes: u64,
    /// Some of them are not NUL.
    pub other: bool,
}

/// What an archive is packed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Zstd,
    Lz4,
}

impl Packing {
    /// Whether a frame begins so; of zstd and LZ4 also one with data for other programs.
    fn begins(self, head: &[u8]) -> bool {
        let is_skippable = matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]);
        match self {
            Self::Gzip => head.starts_with(b"\x1f\x8b"),
            Self::Zstd => head.starts_with(b"\x28\xb5\x2f\xfd") || is_skippable,
            Self::Lz4 => head.starts_with(b"\x04\x22\x4d\x18") || is_skippable,
        }
    }
}

/// Unpacks the frames of an archive, as `gzip -d` does with its members: what follows the last one is counted and left out.
pub(super) struct Frames<R: Read> {
    packing: Packing,
    /// Between two frames there is a source, inside one a decoder.
    state: Option<State<R>>,
    padding: Padding,
    first: bool,
}

enum State<R: Read> {
    Between(Peek<R>),
    Gzip(GzDecoder<Peek<R>>),
    Zstd(zstd::stream::read::Decoder<'static, Peek<R>>),
    Lz4(FrameDecoder<Peek<R>>),
}

impl<R: Read> Frames<R> {
    pub fn new(packing: Packing, source: R) -> Self {
        Self { packing, state: Some(State::Between(Peek::new(source))), padding: Padding::default(), first: true }
    }

    /// What followed the last frame; known when all has been read.
    pub fn padding(&self) -> Padding {
        self.padding
    }

    /// Begins the next frame, unless there is none.
    fn begin(&mut self, mut source: Peek<R>) -> io::Result<Option<State<R>>> {
        let head = source.peek()?;
        if head.is_empty() || !(self.first || self.packing.begins(head)) {
            self.padding = source.drain()?;
            return Ok(None);
        }
        self.first = false;
        Ok(Some(match self.packing {
            Packing::Gzip => State::Gzip(GzDecoder::new(source)),
            Packing::Zstd => State::Zstd(zstd::stream::read::Decoder::with_buffer(source)?.single_frame()),
            Packing::Lz4 if matches!(head, [0x50..=0x5f, ..]) => {
                source.skip_frame()?;
                State::Between(source)
            }
            Packing::Lz4 => State::Lz4(FrameDecoder::new(source)),
        }))
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            let Some(state) = self.state.as_mut() else { return Ok(0) };
            let read = match state {
                State::Between(_) => 0,
                State::Gzip(decoder) => decoder.read(out)?,
                State::Zstd(decoder) => decoder.read(out)?,
                State::Lz4(decoder) => decoder.read(out)?,
            };
            if read > 0 {
                return Ok(read);
            }
            let source = match self.state.take() {
                None => return Ok(0),
                Some(State::Between(source)) => source,
                Some(State::Gzip(decoder)) => decoder.into_inner(),
                Some(State::Zstd(decoder)) => decoder.finish(),
                Some(State::Lz4(decoder)) => decoder.into_inner(),
            };
            self.state = self.begin(source)?;
        }
    }
}

const BUFFER: usize = 1 << 16;
/// So much of what comes next can be looked at.
const AHEAD: usize = 4;

/// A buffered reader that can be looked ahead in.
struct Peek<R> {
    source: R,
    buffer: Vec<u8>,
    from: usize,
    to: usize,
}

impl<R: Read> Peek<R> {
    fn new(source: R) -> Self {
        Self { source, buffer: vec![0; BUFFER], from: 0, to: 0 }
    }

    /// The next bytes: four, or fewer where the source ends.
    fn peek(&mut self) -> io::Result<&[u8]> {
        while self.to - self.from < AHEAD {
            self.buffer.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
            match self.source.read(&mut self.buffer[self.to..]) {
                Ok(0) => break,
                Ok(read) => self.to += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let to = self.to.min(self.from + AHEAD);
        Ok(&self.buffer[self.from..to])
    }

    /// Steps over a frame with data for other programs: four bytes, a length, so many bytes.
    fn skip_frame(&mut self) -> io::Result<()> {
        let mut head = [0; 8];
        self.read_exact(&mut head)?;
        let [.., a, b, c, d] = head;
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        let skipped = io::copy(&mut self.by_ref().take(length), &mut io::sink())?;
        if skipped < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// Reads all that is left.
    fn drain(&mut self) -> io::Result<Padding> {
        let mut padding = Padding::default();
        loop {
            let bytes = match self.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if bytes.is_empty() {
                return Ok(padding);
            }
            padding.other |= bytes.iter().any(|byte| *byte != 0);
            let read = bytes.len();
            padding.bytes = padding.bytes.saturating_add(read as u64);
            self.consume(read);
        }
    }
}

impl<R: Read> BufRead for Peek<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.from == self.to {
            (self.from, self.to) = (0, self.source.read(&mut self.buffer)?);
        }
        Ok(&self.buffer[self.from..self.to])
    }

    fn consume(&mut self, read: usize) {
        self.from = self.to.min(self.from + read);
    }
}

impl<R: Read> Read for Peek<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut bytes = self.fill_buf()?;
        let read = bytes.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packed(packing: Packing, text: &[u8]) -> Vec<u8> {
        match packing {
            Packing::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Zstd => zstd::encode_all(text, 0).unwrap(),
            Packing::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
        }
    }

    /// Gives one byte at a time.
    struct Drops<'b>(&'b [u8]);

    impl Read for Drops<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let one = out.len().min(1);
            self.0.read(&mut out[..one])
        }
    }

    fn unpacked(packing: Packing, bytes: &[u8]) -> io::Result<(Vec<u8>, Padding)> {
        let mut out = Vec::new();
        let mut frames = Frames::new(packing, Drops(bytes));
        frames.read_to_end(&mut out)?;
        let mut again = Vec::new();
        Frames::new(packing, bytes).read_to_end(&mut again)?;
        assert_eq!(out, again);
        Ok((out, frames.padding()))
    }

    #[test]
    fn frames_and_what_follows_them() {
        for packing in [Packing::Gzip, Packing::Zstd, Packing::Lz4] {
            let one = packed(packing, b"one");
            let both = [&one[..], &packed(packing, b""), &packed(packing, b"two")].concat();
            assert_eq!(unpacked(packing, &both).unwrap(), (b"onetwo".to_vec(), Padding::default()));
            for (tail, other) in
                [(&[0; 1][..], false), (&[0; 3], false), (&[0; 70_000], false), (b"junk", true), (b"\0\0x", true)]
            {
                let padded = [&both[..], tail].concat();
                let padding = Padding { bytes: tail.len() as u64, other };
                assert_eq!(unpacked(packing, &padded).unwrap(), (b"onetwo".to_vec(), padding), "{packing:?}");
            }
            // What begins like a frame is one, and damaged; so is an archive that ends too early, and one of nothing else.
            assert!(unpacked(packing, &[&one[..], &one[..one.len() - 6]].concat()).is_err(), "{packing:?}");
            assert!(unpacked(packing, b"junk and more of it").is_err(), "{packing:?}");
        }
        let skipped =
            [&packed(Packing::Lz4, b"one")[..], b"\x50\x2a\x4d\x18\x03\0\0\0abc", &packed(Packing::Lz4, b"two")]
                .concat();
        assert_eq!(unpacked(Packing::Lz4, &skipped).unwrap(), (b"onetwo".to_vec(), Padding::default()));
    }
}
