//! The dumps that a command has opened, and whether they are still what they were.

use std::sync::{Mutex, PoisonError};

use super::exit::Failure;
use crate::dump::snapshot::Change;

/// Tells what has happened to a dump since it was opened.
pub type Witness = Box<dyn Fn() -> Option<Change> + Send>;

/// Every dump that was opened, by its name.
static OPENED: Mutex<Vec<(String, Witness)>> = Mutex::new(Vec::new());

/// Remembers a dump by its name.
pub fn remember(name: String, witness: Witness) {
    OPENED.lock().unwrap_or_else(PoisonError::into_inner).push((name, witness));
}

/// Whether all dumps that were opened are what they were: what was read of one that is not may be anything.
pub fn still_there() -> Result<(), Failure> {
    let opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let changed = opened.iter().find_map(|(name, witness)| Some((name, witness()?)));
    match changed {
        None => Ok(()),
        Some((name, change)) => Err(Failure::error(format!("{name} {change}; nothing that was made of it counts"))
            .with_hint("work on a copy, or on a file that nobody writes to")),
    }
}
