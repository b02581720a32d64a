//! A pass over dumps that were put together, which also finds what keeps them from being one database.

use foldhash::fast::RandomState;

use super::{Error, Pass, Worker, run};
use crate::dump::duplicate_keys::{self, Names, Twice};
use crate::dump::parts::{self, Part};
use crate::dump::rdb::{self, Record};
use crate::progress::Observer;

/// A worker, and the names that it has met.
struct Noting<'h, W> {
    worker: W,
    names: Names<'h>,
    key: Vec<u8>,
}

impl<'a, W: Worker<'a>> Worker<'a> for Noting<'_, W> {
    fn record(&mut self, record: &Record<'a>) -> Result<(), rdb::Error> {
        self.worker.record(record)?;
        let fault = |kind| rdb::Error::in_string(record.start as u64, kind).in_record(record.start);
        let key = record.key.decode(&mut self.key).map_err(fault)?;
        self.names.add(record, key, true);
        Ok(())
    }
}

/// [`run`] for a dump that was put together of these parts: they end where they should, and the first key that is in two of
/// them is told. A dump without parts is read as by [`run`].
pub fn run_parts<'a, W, F>(
    file: &'a [u8],
    parts: &[Part],
    observer: &Observer,
    new_worker: F,
) -> Result<(Pass<W>, Option<Twice>), Error>
where
    W: Worker<'a>,
    F: Fn() -> W + Sync,
{
    if parts.is_empty() {
        return Ok((run(file, observer, new_worker)?, None));
    }
    let hasher = RandomState::default();
    let new = || Noting { worker: new_worker(), names: Names::new(&hasher), key: Vec::new() };
    let pass = run(file, observer, new)?;
    pass.ends_with(parts)?;
    let Pass { header, footer, crc64, aux, functions, module_aux, cluster, member_expiries, seams, workers } = pass;
    let (workers, names) = workers.into_iter().map(|noting| (noting.worker, noting.names)).unzip();
    let twice = duplicate_keys::find(file, header, names, |first, second| parts::differ(parts, first, second));
    let pass = Pass { header, footer, crc64, aux, functions, module_aux, cluster, member_expiries, seams, workers };
    Ok((pass, twice))
}
