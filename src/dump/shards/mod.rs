//! Several dumps as one database: the shards of a cluster.
//!
//! They are put together into one unnamed temporary file with a header and a footer of its own, so that everything else
//! knows one dump and one kind of offset. Values are copied as they are and nothing is decoded.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::PathBuf;

use crc_fast::{CrcAlgorithm, Digest};
use foldhash::fast::RandomState;

use crate::dump::rdb::{self, Checksum, Header, Item, Record, Walker, opcode};
use crate::dump::scan::{self, Observer, Worker};
use crate::dump::snapshot::Snapshot;
use crate::dump::{duplicate_keys, parts};
use crate::owner_only;
use crate::progress::{Unit, Watch};
use crate::text::{self, display};

/// Why dumps are no one database.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each message says what it is, with the values it is about")]
pub enum Error {
    #[error("{}: {error}", text::path(path))]
    Dump { path: PathBuf, error: rdb::Error },
    #[error("{} is a {one} dump and {} a {other} dump", text::path(path), text::path(other_path))]
    Flavor { path: PathBuf, one: rdb::Flavor, other_path: PathBuf, other: rdb::Flavor },
    #[error(
        "{}: {bytes} bytes follow the end of the dump; a file that is one of several must be a dump alone",
        text::path(path)
    )]
    Trailing { path: PathBuf, bytes: usize },
    #[error("{}: the checksum is {stored:016x}, and should be {computed:016x}: the file is damaged", text::path(path))]
    Checksum { path: PathBuf, stored: u64, computed: u64 },
    #[error(
        "hash template {id} is in {} and in {}; such dumps cannot be read as one",
        text::path(path),
        text::path(other)
    )]
    Template { id: u64, path: PathBuf, other: PathBuf },
    #[error("the key {key} of database {db} is at {first} and at {second}; shards of one database share none")]
    KeyTwice { key: String, db: u64, first: String, second: String },
    #[error("cannot write to the temporary folder: {0}")]
    Spool(#[from] io::Error),
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// What can be done about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Dump { error, .. } => error.hint(),
            Self::Flavor { .. } => "the shards of one database are all of one kind of server; look at each alone",
            Self::Trailing { .. } => "cut the bytes off, or take the dump again",
            Self::Checksum { .. } => "take it again; --ignore-checksum shows what is in it all the same",
            Self::KeyTwice { .. } => "is the same dump named twice, or an older one of the same shard?",
            Self::Template { .. } => "look at each dump alone",
            Self::Spool(_) => "set TMPDIR to a folder with room for all the dumps together",
            Self::Interrupted => return None,
        })
    }
}

/// Puts dumps together, in their order. With `ignore_checksum` one whose checksum is wrong is taken all the same; the
/// whole then has a wrong checksum too.
pub fn join(dumps: &[Snapshot], ignore_checksum: bool, observer: &Observer) -> Result<Snapshot, Error> {
    let name = dumps.iter().map(|dump| dump.path().as_os_str()).collect::<Vec<_>>().join(OsStr::new(" + "));
    let total = dumps.iter().map(|dump| dump.len() as u64).sum();
    observer.begin("reading the shards", Unit::Bytes, total);
    let parts = dumps.iter().map(|dump| Part::read(dump, ignore_checksum, observer)).collect::<Result<Vec<_>, _>>()?;
    let header = agree(&parts)?;
    observer.begin("putting the shards together", Unit::Bytes, total);
    let (file, parts) = write(header, &parts, observer)?;
    let joined = Snapshot::from_file(PathBuf::from(name), &file)?;
    let newer = dumps.iter().flat_map(|dump| dump.newer().iter().cloned()).collect();
    let joined = joined.with_parts(parts, newer);
    observer.begin("looking for keys that are there twice", Unit::Bytes, joined.len() as u64);
    no_key_twice(&joined, header, joined.parts(), observer)?;
    Ok(joined)
}

/// What is to be known of one dump.
struct Part<'a> {
    dump: &'a Snapshot,
    header: Header,
    /// End of the last item before EOF.
    end: usize,
    /// Whether it has a checksum, and whether that is right.
    checksum: Checksum,
    ctime: Option<u64>,
    templates: Vec<u64>,
}

impl<'a> Part<'a> {
    /// Walks a dump to its end.
    fn read(dump: &'a Snapshot, ignore_checksum: bool, observer: &Observer) -> Result<Self, Error> {
        let path = || dump.path().to_owned();
        let fail = |error| Error::Dump { path: path(), error };
        let mut walker = Walker::new(dump).map_err(fail)?;
        let header = walker.header();
        let (mut ctime, mut templates, mut scratch) = (None, Vec::new(), Vec::new());
        let mut end = walker.position();
        loop {
            // What was said of a key that never came is not for the first key of the next part.
            if walker.between_records().is_some() {
                end = walker.position();
            }
            let before = walker.position();
            let item = walker.next().map_err(fail)?;
            observer.add(walker.position().saturating_sub(before) as u64);
            if observer.stopped() {
                return Err(Error::Interrupted);
            }
            match item {
                Some(Item::Aux { name, value }) if ctime.is_none() => {
                    if name.eq_bytes(b"ctime", &mut scratch).unwrap_or(false) {
                        let text = value.decode(&mut scratch).unwrap_or_default();
                        ctime = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
                    }
                }
                Some(Item::HashTemplate { id, .. }) => templates.push(id),
                Some(Item::End(footer)) => {
                    if footer.trailing > 0 {
                        return Err(Error::Trailing { path: path(), bytes: footer.trailing });
                    }
                    let checksum = footer.checksum(|| {
                        let body = dump.get(..footer.body_end).unwrap_or_default();
                        crc_fast::checksum(CrcAlgorithm::Crc64Redis, body)
                    });
                    match checksum {
                        Checksum::Wrong { stored, computed } if !ignore_checksum => {
                            return Err(Error::Checksum { path: path(), stored, computed });
                        }
                        _ => return Ok(Self { dump, header, end, checksum, ctime, templates }),
                    }
                }
                Some(_) => {}
                // The walk ends with its end or with an error.
                None => return Err(Error::Interrupted),
            }
        }
    }

    fn path(&self) -> PathBuf {
        self.dump.path().to_owned()
    }
}

/// The header of the whole: a record is read by its type alone, so the latest version reads all of them.
fn agree(parts: &[Part<'_>]) -> Result<Header, Error> {
    let mut header: Option<Header> = None;
    for part in parts {
        if let (Some(first), Some(one)) = (parts.first(), header)
            && one.flavor != part.header.flavor
        {
            let (path, other_path) = (first.path(), part.path());
            return Err(Error::Flavor { path, one: one.flavor, other_path, other: part.header.flavor });
        }
        let version = header.map_or(0, |header| header.version).max(part.header.version);
        header = Some(Header { flavor: part.header.flavor, version });
    }
    let mut templates: Vec<(u64, usize)> = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        templates.extend(part.templates.iter().map(|id| (*id, at)));
    }
    templates.sort_unstable();
    let twice = templates.windows(2).find_map(|pair| match *pair {
        [(a, one), (b, other)] if a == b => Some((a, parts.get(one)?.path(), parts.get(other)?.path())),
        _ => None,
    });
    match (twice, header) {
        (Some((id, path, other)), _) => Err(Error::Template { id, path, other }),
        (None, Some(header)) => Ok(header),
        (None, None) => Err(io::Error::from(io::ErrorKind::InvalidInput).into()),
    }
}

/// A writer that sums what it writes.
struct Output {
    file: BufWriter<File>,
    crc: Digest,
    written: u64,
}

impl Output {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.crc.update(bytes);
        self.written = self.written.saturating_add(bytes.len() as u64);
        self.file.write_all(bytes)
    }
}

/// So much is copied at a time.
const COPY: usize = 1 << 20;

/// The whole as a file, and where each part is in it.
fn write(header: Header, parts: &[Part<'_>], observer: &Observer) -> Result<(File, Vec<parts::Part>), Error> {
    let file = BufWriter::with_capacity(1 << 20, owner_only::temporary_file()?);
    let mut out = Output { file, crc: Digest::new(CrcAlgorithm::Crc64Redis), written: 0 };
    let Header { flavor, version } = header;
    let magic = match flavor {
        rdb::Flavor::Redis => format!("{flavor}{version:04}"),
        rdb::Flavor::Valkey => format!("{flavor}{version:03}"),
    };
    out.put(magic.as_bytes())?;
    // Nothing had expired in the whole before its first part was made. The first of several times is the one that counts.
    if let Some(ctime) = parts.iter().filter_map(|part| part.ctime).min() {
        let text = ctime.to_string();
        // Twenty digits at most: lengths of one byte.
        let len = u8::try_from(text.len()).unwrap_or_default();
        out.put(&[opcode::AUX, 5])?;
        out.put(b"ctime")?;
        out.put(&[len])?;
        out.put(text.as_bytes())?;
    }
    let mut places = Vec::new();
    for part in parts {
        // What comes before any SELECTDB is in database 0.
        out.put(&[opcode::SELECTDB, 0])?;
        let from = out.written;
        for piece in part.dump.get(magic.len()..part.end).unwrap_or_default().chunks(COPY) {
            out.put(piece)?;
            observer.add(piece.len() as u64);
            if observer.stopped() {
                return Err(Error::Interrupted);
            }
        }
        places.push(parts::Part {
            name: text::path(part.dump.path()).to_string(),
            created: part.ctime.and_then(|ctime| i64::try_from(ctime).ok()),
            from,
            end: out.written,
            cut: magic.len() as u64,
        });
    }
    out.put(&[opcode::EOF])?;
    let crc = if parts.iter().any(|part| matches!(part.checksum, Checksum::Wrong { .. })) {
        // As wrong as its part, but never the 0 that says that there is none.
        (!out.crc.finalize()).max(1)
    } else if parts.iter().all(|part| part.checksum == Checksum::Right) {
        out.crc.finalize()
    } else {
        0
    };
    if version >= 5 {
        out.file.write_all(&crc.to_le_bytes())?;
    }
    let mut file = out.file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(0))?;
    Ok((file, places))
}

struct Names<'h> {
    names: duplicate_keys::Names<'h>,
    key: Vec<u8>,
}

impl<'a> Worker<'a> for Names<'_> {
    fn record(&mut self, record: &Record<'a>) -> Result<(), rdb::Error> {
        let key = record.key.decode(&mut self.key);
        let key = key.map_err(|kind| rdb::Error::in_string(record.start as u64, kind))?;
        self.names.add(record, key, true);
        Ok(())
    }
}

/// Finds keys that are in two parts.
fn no_key_twice(file: &[u8], header: Header, parts: &[parts::Part], observer: &Observer) -> Result<(), Error> {
    let hasher = RandomState::default();
    let new = || Names { names: duplicate_keys::Names::new(&hasher), key: Vec::new() };
    let part_of = |start: u64| parts.partition_point(|part| part.end <= start);
    let pass = scan::run(file, observer, new).map_err(|error| match error {
        scan::Error::Dump(error) => {
            let part = parts.get(part_of(error.record.unwrap_or(error.offset)));
            Error::Dump { path: part.map(|part| PathBuf::from(&part.name)).unwrap_or_default(), error }
        }
        scan::Error::Interrupted => Error::Interrupted,
    })?;
    let names = pass.workers.into_iter().map(|worker| worker.names).collect();
    match duplicate_keys::find(file, header, names, |first, second| part_of(first) != part_of(second)) {
        Some(found) => Err(Error::KeyTwice {
            key: display(&found.key),
            db: found.db,
            first: parts::place(parts, found.first),
            second: parts::place(parts, found.second),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
