//! What the readings of the dump need: one thread walks, all look at what it comes by, and what they found is taken in the
//! order of the dump.

use rayon::prelude::*;

use super::super::Error;
use super::super::clock::Clock;
use crate::dump::rdb::{self, Footer, Header, Item, Record, Walker};
use crate::progress::{Unit, Watch};

/// Records that are looked at before more are walked to, and how many of them one thread looks at at a time.
const BATCH: usize = 1 << 14;
const SHARE: usize = 1 << 9;

/// Records, and what came behind them.
struct Batch<'a> {
    records: Vec<Record<'a>>,
    /// The time of the dump, if that was told behind them.
    created_ms: Option<Option<i64>>,
    end: Option<Footer>,
}

/// A walk over a dump.
struct Walk<'a, 'w> {
    walker: Walker<'a>,
    at: usize,
    watch: &'w dyn Watch,
}

impl<'a> Walk<'a, '_> {
    fn next(&mut self) -> Result<Batch<'a>, Error> {
        let mut batch = Batch { records: Vec::new(), created_ms: None, end: None };
        while batch.records.len() < BATCH && batch.created_ms.is_none() && batch.end.is_none() {
            match self.walker.next()? {
                Some(Item::Aux { name, value }) if text(name)? == b"ctime" => {
                    let value = text(value)?;
                    let seconds: Option<i64> = std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok());
                    batch.created_ms = Some(seconds.and_then(|seconds| seconds.checked_mul(1000)));
                }
                Some(Item::Record(record)) => batch.records.push(record),
                Some(Item::End(footer)) => batch.end = Some(footer),
                Some(_) => {}
                None => return Err(Error::NoEnd),
            }
        }
        let position = self.walker.position();
        self.watch.add(u64::try_from(position.saturating_sub(self.at)).unwrap_or(u64::MAX));
        self.at = position;
        if self.watch.stopped() { Err(Error::Interrupted) } else { Ok(batch) }
    }
}

/// Reads a dump from its start to its end. `look` is given records that follow each other, and the clock by what was said
/// before them; `take` gets what it found, in their order.
pub fn read<'a, T: Send>(
    dump: &'a [u8],
    (name, watch): (&'static str, &dyn Watch),
    clock: &mut Clock,
    look: impl Fn(&[Record<'a>], &Clock) -> Result<T, Error> + Sync,
    mut take: impl FnMut(T) -> Result<(), Error>,
) -> Result<(Header, Footer), Error> {
    let walker = Walker::new(dump)?;
    let header = walker.header();
    watch.begin(name, Unit::Bytes, u64::try_from(dump.len()).unwrap_or(u64::MAX));
    let mut walk = Walk { walker, at: 0, watch };
    let mut batch = walk.next()?;
    loop {
        let of_batch = &batch.records;
        let all = || of_batch.par_chunks(SHARE).map(|records| look(records, clock)).collect::<Vec<_>>();
        let (next, found) = if batch.end.is_some() { (None, all()) } else { rayon::join(|| Some(walk.next()), all) };
        for found in found {
            take(found?)?;
        }
        if let Some(created_ms) = batch.created_ms {
            clock.created_ms = created_ms;
        }
        match (batch.end, next) {
            (Some(end), _) => return Ok((header, end)),
            (None, Some(next)) => batch = next?,
            (None, None) => return Err(Error::NoEnd),
        }
    }
}

/// The bytes of a name.
pub fn text(raw: rdb::RawStr<'_>) -> Result<Vec<u8>, Error> {
    let mut scratch = Vec::new();
    let bytes = raw.decode(&mut scratch).map_err(|kind| rdb::Error::in_string(0, kind))?;
    Ok(bytes.to_vec())
}
