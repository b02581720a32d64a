//! Opening a bundle, and saying in short what it does.

use std::path::Path;

use super::exit::Failure;
use crate::plan::bundle::{Bundle, Error};
use crate::plan::manifest::Manifest;

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

/// What a plan does, a line an index.
pub fn summary(manifest: &Manifest) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write!(text, "plan {} of a dump", manifest.plan_id);
    if let Some(created_at) = &manifest.snapshot.created_at {
        let _ = write!(text, " made at {created_at}");
    }
    let _ = writeln!(text, " ({} keys)", manifest.snapshot.keys);
    for index in &manifest.indexes {
        let counts = &index.counts;
        let _ = writeln!(
            text,
            "  {} ({}): delete {} keys, add {} members, remove {} members",
            index.name, index.pattern, counts.deleted_keys, counts.added_members, counts.removed_members
        );
    }
    let total = &manifest.total;
    let _ = writeln!(text, "  {} commands, {} bytes, {} round trips", total.commands, total.bytes, manifest.batches);
    text
}
