//! Opening a bundle.

use std::path::Path;

use super::exit::Failure;
use crate::plan::bundle::{Bundle, Error};

/// Opens the bundle and checks every file in it.
pub fn open(path: &Path) -> Result<Bundle, Failure> {
    Bundle::open(path).map_err(failure)
}

/// A command file of it.
pub fn commands(bundle: &Bundle, name: &str) -> Result<Vec<u8>, Failure> {
    bundle.commands(name).map_err(failure)
}

fn failure(error: Error) -> Failure {
    Failure::error(error)
}
