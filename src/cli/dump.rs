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

/// Reads the dump once, with a progress bar; Ctrl-C stops it.
pub fn compare<'a>(
    args: &args::Dump,
    snapshot: &'a Snapshot,
    spec: &'a Spec,
    terminal: &Terminal,
) -> Result<Difference<'a>, Failure> {
    let observer = Arc::new(Observer::default());
    let seen = Arc::clone(&observer);
    progress::on_interrupt(move || seen.stop.swap(true, Ordering::SeqCst));
    let total = snapshot.len() as u64;
    let work = || Difference::take(snapshot, spec, args.expiry(), &observer);
    progress::bytes(terminal, "reading", total, &observer, work).map_err(|error| match error {
        index::Error::Interrupted => Failure::new(Exit::Stopped, "interrupted; nothing was written"),
        index::Error::Dump(error) => Failure::error(format!("{}: {error}", args.dump.display()))
            .with_hint("`redis-check-rdb` may say more; take the dump again if you can"),
        error => Failure::error(format!("{}: {error}", args.dump.display())),
    })
}
