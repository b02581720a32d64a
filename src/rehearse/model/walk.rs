//! What both readings of the dump need.

use super::super::Error;
use crate::dump::rdb::{self, Walker};
use crate::progress::Watch;

/// How many bytes a dump has.
pub fn bytes(dump: &[u8]) -> u64 {
    u64::try_from(dump.len()).unwrap_or(u64::MAX)
}

/// Tells how far the walk has come since it was `at`.
pub fn step(walker: &Walker<'_>, at: &mut usize, watch: &dyn Watch) -> Result<(), Error> {
    let position = walker.position();
    watch.add(u64::try_from(position.saturating_sub(*at)).unwrap_or(u64::MAX));
    *at = position;
    if watch.stopped() { Err(Error::Interrupted) } else { Ok(()) }
}

/// The bytes of a name.
pub fn text(raw: rdb::RawStr<'_>) -> Result<Vec<u8>, Error> {
    let mut scratch = Vec::new();
    let bytes = raw.decode(&mut scratch).map_err(|kind| rdb::Error::in_string(0, kind))?;
    Ok(bytes.to_vec())
}
