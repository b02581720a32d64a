//! The file that rows go to: it has its name once it is whole.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::owner_only;
use crate::text;
use crate::ui::exit::{Exit, Failure};

/// A file under a name of its own until it is whole; gone if it never is.
pub struct OutFile {
    pub file: File,
    path: PathBuf,
    part: Option<PathBuf>,
}

impl OutFile {
    /// Makes it, unless there is a file of that name.
    pub fn new(path: &Path) -> Result<Self, Failure> {
        let shown = text::path(path);
        if path.symlink_metadata().is_ok() {
            let failure = Failure::new(Exit::Usage, format!("{shown} already exists, and nothing is overwritten"));
            return Err(failure.with_hint("take another name, or remove it"));
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let part = path.with_file_name(name);
        let file = owner_only::create_new(&part).map_err(|error| {
            let failure = Failure::error(format!("cannot write {}: {error}", text::path(&part)));
            failure.with_any_hint(
                (error.kind() == ErrorKind::AlreadyExists)
                    .then_some("another export writes it, or one was killed: remove it if none is running"),
            )
        })?;
        Ok(Self { file, path: path.to_owned(), part: Some(part) })
    }

    /// Gives it its name.
    pub fn finish(mut self) -> Result<(), Failure> {
        let failed = |error| Failure::error(format!("cannot write {}: {error}", text::path(&self.path)));
        self.file.sync_all().map_err(failed)?;
        if let Some(part) = &self.part {
            fs::rename(part, &self.path).map_err(failed)?;
        }
        self.part = None;
        Ok(())
    }
}

impl Drop for OutFile {
    fn drop(&mut self) {
        if let Some(part) = &self.part {
            // There is nobody to tell, and what is left has a name that says what it is.
            let _ = fs::remove_file(part);
        }
    }
}
