//! Opening a dump and comparing it with a spec, as `inventory` and `plan` both do.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::args;
use super::exit::{Exit, Failure};
use super::progress;
use super::terminal::Terminal;
use crate::index::{self, Difference};
use crate::scan::Observer;
use crate::snapshot::{self, Snapshot};
use crate::spec::Spec;

/// Opens the dump that the arguments name.
pub fn open(args: &args::Dump) -> Result<Snapshot, Failure> {
    Snapshot::open(&args.dump, snapshot::Options { mmap: !args.no_mmap }).map_err(Failure::error)
}

/// How far the work is; Ctrl-C asks it to stop.
pub fn observer() -> Arc<Observer> {
    let observer = Arc::new(Observer::default());
    let seen = Arc::clone(&observer);
    progress::on_interrupt(move || seen.stop.swap(true, Ordering::SeqCst));
    observer
}

/// What Ctrl-C ends with, as long as nothing has been sent or put in place.
pub fn interrupted() -> Failure {
    Failure::new(Exit::Stopped, "interrupted; nothing was written")
}

/// Reads the dump once, with a progress bar.
pub fn compare<'a>(
    args: &args::Dump,
    snapshot: &'a Snapshot,
    spec: &'a Spec,
    observer: &Observer,
    terminal: &Terminal,
) -> Result<Difference<'a>, Failure> {
    let total = snapshot.len() as u64;
    let work = || Difference::take(snapshot, spec, args.expiry(), observer);
    progress::bytes(terminal, "reading", total, observer, work).map_err(|error| match error {
        index::Error::Interrupted => interrupted(),
        index::Error::Dump(error) => Failure::error(format!("{}: {error}", args.dump.display()))
            .with_hint("the dump is damaged or cut off; take it again if you can"),
        error => Failure::error(format!("{}: {error}", args.dump.display())),
    })
}
