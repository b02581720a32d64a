//! Opening a bundle.

use std::path::Path;

use crate::bundle::{Bundle, Error};
use crate::progress::Observer;
use crate::ui::exit::{Exit, Failure};
use crate::ui::progress;

/// Opens the bundle, checks every file in it, and shows how far that is.
pub fn open_watched(path: &Path, observer: &Observer) -> Result<Bundle, Failure> {
    progress::during(observer, || Bundle::open_watched(path, observer))
        .map_err(|error| if observer.stopped() { Failure::new(Exit::Stopped, "interrupted") } else { failure(error) })
}

/// A command file of it.
pub fn commands(bundle: &Bundle, name: &str) -> Result<Vec<u8>, Failure> {
    bundle.commands(name).map_err(failure)
}

fn failure(error: Error) -> Failure {
    let hint = error.hint();
    Failure::error(error).with_any_hint(hint)
}
