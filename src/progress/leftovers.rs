//! What must not stay behind when the process is ended before its work is.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

static HELD: Mutex<()> = Mutex::new(());
static LEFT: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn left() -> MutexGuard<'static, Vec<PathBuf>> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file or folder that is being made. Dropped, it stays.
#[derive(Debug)]
pub struct Leftover(PathBuf);

impl Leftover {
    pub fn new(path: &Path) -> Self {
        left().push(path.to_owned());
        Self(path.to_owned())
    }
}

impl Drop for Leftover {
    fn drop(&mut self) {
        let mut left = left();
        if let Some(at) = left.iter().position(|path| *path == self.0) {
            left.swap_remove(at);
        }
    }
}

/// While this is held, nothing is swept: what is being put in place is neither here nor there.
pub fn hold() -> MutexGuard<'static, ()> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes them all. The process must end then.
pub fn sweep() {
    let _held = hold();
    for path in left().drain(..) {
        // Best effort: the process is about to end.
        let _ = match path.is_dir() {
            true => std::fs::remove_dir_all(&path),
            false => std::fs::remove_file(&path),
        };
    }
}
