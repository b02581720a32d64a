//! Files and folders for their owner alone, whatever the umask: all that hold keys or values are made here.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use tempfile::TempDir;

/// Mode of a file.
const FILE: u32 = 0o600;
/// Mode of a folder.
const FOLDER: u32 = 0o700;

/// `options`, for a file that nobody else can open from the moment it is there.
///
/// One that is there already keeps its mode; see [`close`].
pub fn options(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, FILE);
    options
}

/// A new file to write; it must not exist.
pub fn create_new(path: &Path) -> io::Result<File> {
    options(OpenOptions::new().write(true).create_new(true)).open(path)
}

/// A temporary file without a name.
///
/// Its mode is there from the beginning: through the process that has it open, it can be opened even without a name.
pub fn temporary_file() -> io::Result<File> {
    let folder = std::env::temp_dir();
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut unnamed = OpenOptions::new();
        unnamed.read(true).write(true).custom_flags(libc::O_TMPFILE);
        match options(&mut unnamed).open(&folder) {
            Ok(file) => return Ok(file),
            // What a file system or a kernel says that has no such files; see open(2).
            Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EISDIR | libc::ENOENT)) => {}
            Err(error) => return Err(error),
        }
    }
    let mut builder = tempfile::Builder::new();
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(FILE));
    let (file, path) = builder.tempfile_in(folder)?.into_parts();
    path.close()?;
    Ok(file)
}

/// A temporary folder in `parent`, removed when it is dropped.
pub fn temporary_folder(prefix: &str, parent: &Path) -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(FOLDER));
    builder.tempdir_in(parent)
}

/// A folder, and those above it that are not there; one that is there already keeps its mode.
#[cfg(feature = "parquet")]
pub fn folder(path: &Path) -> io::Result<()> {
    std::os::unix::fs::DirBuilderExt::mode(fs::DirBuilder::new().recursive(true), FOLDER).create(path)
}

/// Closes a file or folder that was there before to all but its owner. Nothing is done where it is so.
pub fn close(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let found = fs::metadata(path)?;
    let mode = if found.is_dir() { FOLDER } else { FILE };
    if found.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn nobody_else_can_read_them() {
        let folder = temporary_folder("rdb-reindex-test-", &std::env::temp_dir()).unwrap();
        assert_eq!(mode(folder.path()), 0o700);
        let path = folder.path().join("file");
        create_new(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert!(create_new(&path).is_err());
        let unnamed = temporary_file().unwrap();
        assert_eq!(unnamed.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        close(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        close(folder.path()).unwrap();
        assert_eq!(mode(folder.path()), 0o700);
    }
}
