//! What ends the making of rows before there are no more.

use super::ordered::Stopped;

/// Why no more rows are made.
#[derive(Debug)]
pub(super) enum Halt {
    /// Nobody takes them.
    Stopped,
    /// A number that the format has no room for.
    #[cfg_attr(not(feature = "parquet"), allow(dead_code, reason = "text has room for any"))]
    TooLarge {
        column: &'static str,
        number: u64,
    },
    Dump(crate::dump::rdb::Error),
}

impl From<Stopped> for Halt {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}
