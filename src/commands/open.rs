//! Opening a dump and comparing it with a spec, as `inventory` and `plan` both do.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::args;
use crate::check::SharedKey;
use crate::dump::rdb::{self, Checksum, ErrorKind, Header, Suspicion};
use crate::dump::scan::Observer;
use crate::dump::shards::{self, Look};
use crate::dump::snapshot::{self, Snapshot};
use crate::index::{self, Difference};
use crate::model::spec::Spec;
use crate::text::{self, display, span};
use crate::ui::exit::{Exit, Failure};
use crate::ui::terminal::Terminal;
use crate::ui::{interrupt, opened, progress};

/// Opens the dumps that the arguments name.
pub fn open(args: &args::DumpArgs, observer: &Observer, terminal: &Terminal) -> Result<Snapshot, Failure> {
    open_all(&args.dump, &args.more, !args.no_mmap, args.ignore_checksum, Look::Now, observer, terminal)
}

/// The same for whoever looks at several dumps on its way over them; [`hold_together`] has the rest.
pub fn open_to_look_later(
    args: &args::DumpArgs,
    observer: &Observer,
    terminal: &Terminal,
) -> Result<Snapshot, Failure> {
    let mmap = !args.no_mmap;
    open_all(&args.dump, &args.more, mmap, args.ignore_checksum, Look::Later, observer, terminal)
}

/// Opens one dump, or several as one database.
pub fn open_all(
    first: &Path,
    more: &[PathBuf],
    mmap: bool,
    ignore_checksum: bool,
    look: Look,
    observer: &Observer,
    terminal: &Terminal,
) -> Result<Snapshot, Failure> {
    as_one(open_each(first, more, mmap, observer, terminal)?, look, ignore_checksum, observer)
}

fn as_one(
    mut dumps: Vec<Snapshot>,
    look: Look,
    ignore_checksum: bool,
    observer: &Observer,
) -> Result<Snapshot, Failure> {
    let dump = match dumps.pop() {
        Some(dump) if dumps.is_empty() => dump,
        last => {
            dumps.extend(last);
            join(dumps, look, ignore_checksum, observer)?
        }
    };
    observer.tell_order(dump.adviser());
    Ok(dump)
}

/// Opens dumps, each on its own.
pub fn open_each(
    first: &Path,
    more: &[PathBuf],
    mmap: bool,
    observer: &Observer,
    terminal: &Terminal,
) -> Result<Vec<Snapshot>, Failure> {
    let all = || std::iter::once(first).chain(more.iter().map(PathBuf::as_path));
    if all().filter(|path| *path == Path::new("-")).count() > 1 {
        return Err(Failure::new(Exit::Usage, "standard input (-) can be only one of the dumps, and is named twice"));
    }
    let open = |path: &Path| {
        let work = || Snapshot::open_watched(path, snapshot::Options { mmap }, observer);
        let dump = progress::during(observer, work).map_err(|error| match error {
            snapshot::Error::Interrupted => interrupted(),
            error => {
                let hint = match &error {
                    snapshot::Error::Unpack { path, .. } => archive_cause(path),
                    _ => None,
                };
                let hint = hint.or_else(|| error.hint().map(str::to_owned));
                Failure::error(error).with_any_hint(hint)
            }
        })?;
        for note in dump.notes() {
            terminal.warn(format!("{}: {note}", name(path)));
        }
        remember(&dump, observer);
        Ok(dump)
    };
    all().map(open).collect()
}

/// Has what comes of a dump count only if its files are still what they were.
fn remember(dump: &Snapshot, observer: &Observer) {
    dump.gone().for_each(|gone| observer.stop_with(gone));
    let witness = dump.witness();
    observer.ask_before_a_result(move || witness().is_none());
    opened::remember(name(dump.path()), Box::new(dump.witness()));
}

/// Makes one database of several dumps.
pub fn join(
    mut dumps: Vec<Snapshot>,
    look: Look,
    ignore_checksum: bool,
    observer: &Observer,
) -> Result<Snapshot, Failure> {
    let work = || shards::join(&mut dumps, look, ignore_checksum, observer);
    let dump = progress::during(observer, work);
    let dump = dump.map_err(|error| no_database(&dumps, error))?;
    remember(&dump, observer);
    Ok(dump)
}

/// Whether dumps that were found whole can be one database, as far as their ends tell: see [`shards::fit_together`].
pub fn fit_together<'a>(
    dumps: &[Snapshot],
    all: impl Iterator<Item = (&'a Path, Header, usize)> + Clone,
) -> Result<bool, Failure> {
    shards::fit_together(all).map_err(|error| no_database(dumps, error))
}

/// That two of these dumps have a key.
pub fn shared_key(dumps: &[Snapshot], SharedKey { db, key, first, second }: SharedKey) -> Failure {
    let place = |(number, start): (usize, u64)| {
        let file = dumps.get(number).map_or_else(String::new, |dump| text::path(dump.path()));
        format!("offset {start} of {file}")
    };
    let (first, second) = (place(first), place(second));
    no_database(dumps, shards::Error::KeyTwice { key: display(&key), db, first, second })
}

/// Why these dumps are no one database.
fn no_database(dumps: &[Snapshot], error: shards::Error) -> Failure {
    let found = |path: &Path| dumps.iter().find(|dump| dump.path() == path);
    match error {
        shards::Error::Interrupted => interrupted(),
        shards::Error::Dump { path, error } => match found(&path) {
            Some(dump) => fault_of_one(dump, &error),
            None => Failure::error(format!("{}: {error}", name(&path))).with_hint(error.hint()),
        },
        shards::Error::Checksum { ref path, .. } => {
            let hint = error.hint().unwrap_or_default();
            let hint = found(path).map_or_else(|| hint.to_owned(), |dump| checksum_hint(dump, hint));
            Failure::error(error).with_hint(hint)
        }
        error => {
            let hint = error.hint();
            Failure::error(error).with_any_hint(hint)
        }
    }
}

/// What is wrong with one of the dumps that this one was put together of, as each is looked at alone.
fn blame(dump: &Snapshot, ignore_checksum: bool, observer: &Observer) -> Option<Failure> {
    // Those that are in memory were looked at before.
    let dumps = dump.sources().ok().filter(|dumps| !dumps.is_empty())?;
    let wrong = progress::during(observer, || shards::examine(&dumps, ignore_checksum, observer)).err()?;
    Some(no_database(&dumps, wrong))
}

/// What is wrong with a dump, and what can be done about it.
pub fn fault(dump: &Snapshot, error: &rdb::Error) -> Failure {
    if dump.parts().is_empty() {
        return fault_of_one(dump, error);
    }
    // One that goes over its end may come to nothing that is wrong before the end of all.
    blame(dump, true, &observer()).unwrap_or_else(|| match shards::own_error(dump.parts(), error) {
        Some((part, own)) => about(dump, &part, &own),
        None => fault_of_one(dump, error),
    })
}

fn fault_of_one(dump: &Snapshot, error: &rdb::Error) -> Failure {
    about(dump, dump.path(), error)
}

fn about(dump: &Snapshot, path: &Path, error: &rdb::Error) -> Failure {
    let failure = Failure::error(format!("{}: {error}", name(path)));
    match cause(dump, error) {
        Some(cause) => failure.with_hint(format!("{cause}; transfer it again as binary, or take the dump again")),
        None => failure.with_hint(error.hint()),
    }
}

/// What can be done about a dump whose checksum is wrong: `otherwise`, unless all of the file tells more.
pub fn checksum_hint(dump: &Snapshot, otherwise: &str) -> String {
    Suspicion::of(dump).map_or_else(|| otherwise.to_owned(), |cause| format!("{cause}; {otherwise}"))
}

/// So much of an archive is looked at for what happened to it.
const LOOKED_AT: u64 = 16 << 20;

/// What may have happened to an archive that cannot be unpacked. Lines end in it by chance alone.
fn archive_cause(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).ok().filter(|_| path != Path::new("-"))?;
    file.take(LOOKED_AT).read_to_end(&mut bytes).ok()?;
    let cause = Suspicion::of(&bytes)?;
    Some(format!("{cause}; transfer it again as binary"))
}

/// What may have happened to a damaged file, as far as all of it tells.
pub fn cause(dump: &Snapshot, error: &rdb::Error) -> Option<Suspicion> {
    match error.kind {
        // These are no damage, or know better.
        ErrorKind::Magic(_) | ErrorKind::NulTail(_) => None,
        // A byte that is no type of the version is none that text became, either, or it may be.
        ErrorKind::Younger { .. } | ErrorKind::Unsupported { .. } => Suspicion::of(dump),
        kind if !kind.is_damage() => None,
        _ => Suspicion::of(dump),
    }
}

/// A dump as messages name it.
pub fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { text::path(path) }
}

/// How far the work is; Ctrl-C asks it to stop.
pub fn observer() -> Arc<Observer> {
    let observer = Arc::new(Observer::default());
    let seen = Arc::clone(&observer);
    interrupt::stops(move || seen.stop.swap(true, Ordering::SeqCst));
    observer
}

/// What Ctrl-C ends with, as long as nothing has been sent or put in place.
pub fn interrupted() -> Failure {
    Failure::new(Exit::Stopped, "interrupted; nothing was written")
}

/// Says with `-v` how long each step took, and how long one thread alone in it.
pub fn times(observer: &Observer, terminal: &Terminal) {
    for (name, time, part) in observer.times() {
        let (indent, seconds) = (if part { "  " } else { "" }, time.as_secs_f64());
        terminal.detail(format!("{indent}{name}: {seconds:.3} s"));
    }
}

/// A clock that is wrong by less than this is not worth a word.
const CLOCKS_DIFFER_MS: i64 = 5 * 60 * 1000;

/// Warns of a dump that was made later than it is now: its clock decides what has expired. Not a part of a plan, which
/// must not depend on when it is made.
pub fn warn_of_future(difference: &Difference<'_>, now_ms: i64, terminal: &Terminal) {
    let parts = difference.facts.parts.iter().filter_map(|part| part.created?.checked_mul(1000));
    let latest = parts.chain(difference.clock.created_ms).max();
    let ahead = latest.map_or(0, |created| created.saturating_sub(now_ms));
    if let (Ok(ms), true) = (u64::try_from(ahead), ahead > CLOCKS_DIFFER_MS) {
        terminal.warn(format!(
            "by its `ctime` the dump will be made in {}: is the clock of its server wrong, or that of this machine? \
             Keys that expire before then count as gone",
            span(ms)
        ));
    }
}

/// Reads the dump once, with a progress bar.
pub fn compare<'a>(
    args: &args::DumpArgs,
    snapshot: &'a Snapshot,
    spec: &'a Spec,
    observer: &Observer,
) -> Result<Difference<'a>, Failure> {
    taken(snapshot, args.ignore_checksum, observer, || {
        Difference::take_parts(snapshot, snapshot.parts(), spec, args.expiry(), observer)
    })
}

/// The same for its numbers alone.
pub fn count<'a>(
    args: &args::DumpArgs,
    snapshot: &'a Snapshot,
    spec: &'a Spec,
    observer: &Observer,
) -> Result<Difference<'a>, Failure> {
    taken(snapshot, args.ignore_checksum, observer, || {
        Difference::count_parts(snapshot, snapshot.parts(), spec, args.expiry(), observer)
    })
}

fn taken<'a>(
    snapshot: &'a Snapshot,
    ignore_checksum: bool,
    observer: &Observer,
    work: impl FnOnce() -> Result<Difference<'a>, index::Error>,
) -> Result<Difference<'a>, Failure> {
    let total = snapshot.len() as u64;
    let newer = |mut difference: Difference<'a>| {
        difference.facts.newer = snapshot.newer().to_vec();
        difference
    };
    let difference = progress::bytes("reading", total, observer, work).map(newer).map_err(|error| match error {
        index::Error::Interrupted => interrupted(),
        index::Error::Dump(error) => fault(snapshot, &error),
        error => Failure::error(format!("{}: {error}", name(snapshot.path()))),
    })?;
    let facts = &difference.facts;
    hold_together(snapshot, facts.footer.checksum(|| facts.crc64), facts.twice.is_some(), ignore_checksum, observer)?;
    Ok(difference)
}

/// What [`Look::Later`] has left to be looked at, when a pass has been made: the checksum of dumps that were put together,
/// and whether a key is in two of them, which `twice` says it may be.
pub fn hold_together(
    snapshot: &Snapshot,
    checksum: Checksum,
    twice: bool,
    ignore_checksum: bool,
    observer: &Observer,
) -> Result<(), Failure> {
    if snapshot.parts().is_empty() {
        return Ok(());
    }
    if let (Checksum::Wrong { .. }, false) = (checksum, ignore_checksum)
        && let Some(wrong) = blame(snapshot, false, observer)
    {
        return Err(wrong);
    }
    if twice { no_key_twice(snapshot, ignore_checksum, observer) } else { Ok(()) }
}

/// Looks for a key that is in two of the dumps that a dump was put together of.
pub fn no_key_twice(snapshot: &Snapshot, ignore_checksum: bool, observer: &Observer) -> Result<(), Failure> {
    let found = progress::during(observer, || shards::no_key_twice(snapshot, !ignore_checksum, observer));
    found.map_err(|error| {
        // A name that is wrong may be that of another key.
        let wrong = match &error {
            shards::Error::Checksum { .. } | shards::Error::Dump { .. } => blame(snapshot, ignore_checksum, observer),
            _ => None,
        };
        wrong.unwrap_or_else(|| no_database(&[], error))
    })
}
