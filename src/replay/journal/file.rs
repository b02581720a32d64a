//! Opening the file of a journal. It is never a link, neither a symbolic nor a hard one: a bundle comes from elsewhere, and
//! what is written beside it must not end up in a file of another folder, nor must that be read in its place.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;

use super::JournalError;
use crate::owner_only;

/// Opens the journal to read and to append; makes it, readable by its owner alone, where there is none.
pub(super) fn open(path: &Path) -> Result<File, JournalError> {
    // A file that vanishes in between was taken away by its owner, who had begun nothing.
    for _ in 0..100 {
        let mut new = OpenOptions::new();
        new.read(true).append(true).create_new(true);
        // What is there already, a link included, is not followed.
        match owner_only::options(&mut new).open(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map_err(|cause| failed(path, cause)),
        }
        match existing(path, OpenOptions::new().read(true).append(true))? {
            Some(file) => return Ok(file),
            None => continue,
        }
    }
    Err(failed(path, io::ErrorKind::NotFound.into()))
}

/// What is in the journal; `None` where there is none.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, JournalError> {
    let Some(mut file) = existing(path, OpenOptions::new().read(true))? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|cause| failed(path, cause))?;
    Ok(Some(bytes))
}

fn existing(path: &Path, how: &OpenOptions) -> Result<Option<File>, JournalError> {
    let missing = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Ok(None),
        _ => Err(failed(path, error)),
    };
    let link = |what| JournalError::Link { path: path.to_owned(), what };
    let before = match std::fs::symlink_metadata(path) {
        Ok(before) => before,
        Err(error) => return missing(error),
    };
    if let Some(what) = why_not(&before) {
        return Err(link(what));
    }
    let file = match how.open(path) {
        Ok(file) => file,
        Err(error) => return missing(error),
    };
    // What was opened is what was looked at.
    let after = file.metadata().map_err(|cause| failed(path, cause))?;
    match why_not(&after) {
        Some(what) => Err(link(what)),
        None if is_same(&before, &after) => Ok(Some(file)),
        None => Ok(None),
    }
}

fn failed(path: &Path, cause: io::Error) -> JournalError {
    JournalError::Io { path: path.to_owned(), cause }
}

fn why_not(found: &Metadata) -> Option<&'static str> {
    if found.file_type().is_symlink() {
        return Some("a symbolic link");
    }
    if !found.is_file() {
        return Some("not a regular file");
    }
    if std::os::unix::fs::MetadataExt::nlink(found) > 1 {
        return Some("a file with another name beside this one (a hard link)");
    }
    None
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Whether this is the file of that name, and another has not taken its place.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    let there = std::fs::symlink_metadata(path);
    there.ok().zip(file.metadata().ok()).is_some_and(|(there, open)| is_same(&there, &open))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_neither_read_nor_written() {
        let folder = tempfile::tempdir().unwrap();
        let (other, path) = (folder.path().join("other"), folder.path().join("journal.ndjson"));
        std::fs::write(&other, "theirs").unwrap();
        let symbolic = |to: &Path| std::os::unix::fs::symlink(to, &path).unwrap();
        let links: [&dyn Fn(); 4] = [
            &|| symbolic(&other),
            &|| symbolic(&folder.path().join("nowhere")),
            &|| std::fs::hard_link(&other, &path).unwrap(),
            &|| std::fs::create_dir(&path).unwrap(),
        ];
        for link in links {
            link();
            for error in [open(&path).unwrap_err(), read(&path).unwrap_err()] {
                assert!(matches!(error, JournalError::Link { .. }), "{error}");
            }
            std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir(&path)).unwrap();
        }
        assert!(!folder.path().join("nowhere").exists());
        assert_eq!(std::fs::read(&other).unwrap(), b"theirs");
        assert_eq!(read(&path).unwrap(), None);
        drop(open(&path).unwrap());
        assert_eq!(read(&path).unwrap(), Some(Vec::new()));
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
}
