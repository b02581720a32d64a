//! A bundle as a folder: made beside its destination and renamed into place; opened only when every file is as written.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::manifest::{APPLY, CHANGES, FORMAT_VERSION, JOURNAL, MANIFEST, Manifest, REVIEW, ROLLBACK};
use super::output::hex;
use crate::owner_only;
use crate::progress::leftovers::{self, Leftover};
use crate::progress::{Nobody, Unit, Watch, Watched};
use crate::text::{self, display};

/// Why a folder could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: {source}", text::path(path))]
    Io { path: PathBuf, source: io::Error },
    #[error("{} is not a folder", text::path(path))]
    NotAFolder { path: PathBuf },
    #[error("{} holds {}, which is not part of a plan; nothing in it was touched", text::path(path), display(found.as_bytes()))]
    Foreign { path: PathBuf, found: String },
    #[error("the plan in {} was applied, or begun, and is kept for its rollback", text::path(path))]
    Applied { path: PathBuf },
    #[error("there is no folder {}", text::path(path))]
    NoFolder { path: PathBuf },
    #[error("{} is a file, not the folder of a plan", text::path(path))]
    File { path: PathBuf },
    #[error("{} is not a plan: it has no {MANIFEST}", text::path(path))]
    NoManifest { path: PathBuf },
    #[error("{} was edited or damaged: {message}", text::path(path))]
    Manifest { path: PathBuf, message: String },
    #[error(
        "{} was written by another version of this tool (format {found}, this one reads {FORMAT_VERSION})",
        text::path(path)
    )]
    Version { path: PathBuf, found: u64 },
    #[error("{} was edited or damaged: {what}", text::path(path))]
    Changed { path: PathBuf, what: String },
}

impl Error {
    /// What can be done about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotAFolder { .. } | Self::Foreign { .. } => {
                "give --out a folder that does not exist yet, an empty one, or a plan that was never applied"
            }
            Self::Applied { .. } => "give --out another folder",
            Self::NoFolder { .. } | Self::File { .. } | Self::NoManifest { .. } => {
                "`rdb-reindex plan DUMP --out DIR` writes a plan; DIR is what to give here"
            }
            Self::Manifest { .. } | Self::Changed { .. } => {
                "a plan is used as it was reviewed or not at all: copy it again from where it was made, or make it again"
            }
            Self::Version { .. } => "use the version that made it, or make it again",
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => "use a folder that you may read and write",
                io::ErrorKind::StorageFull => "make room on that disk, or use a folder on another one",
                _ => return None,
            },
        })
    }

    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// A folder being filled. Dropped before [`Draft::publish`], it leaves nothing behind.
#[derive(Debug)]
pub struct Draft {
    destination: PathBuf,
    folder: tempfile::TempDir,
    _leftover: Leftover,
}

impl Draft {
    /// Checks the destination, and makes a folder beside it.
    pub fn new(destination: &Path) -> Result<Self, Error> {
        check_destination(destination)?;
        let destination = std::path::absolute(destination).map_err(Error::io(destination))?;
        let destination = fs::canonicalize(&destination).unwrap_or(destination);
        let parent = destination.parent().unwrap_or(&destination).to_owned();
        fs::create_dir_all(&parent).map_err(Error::io(&parent))?;
        let folder = owner_only::temporary_folder(".rdb-reindex-", &parent).map_err(Error::io(&parent))?;
        let _leftover = Leftover::new(folder.path());
        Ok(Self { destination, folder, _leftover })
    }

    /// Where to write the files.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Renames the folder into place. An earlier bundle there is replaced as a whole.
    pub fn publish(self) -> Result<(), Error> {
        let _held = leftovers::hold();
        // Somebody may have put something there, or applied the plan, while this one was made.
        check_destination(&self.destination)?;
        let rename = |from: &Path, to: &Path| fs::rename(from, to).map_err(Error::io(to));
        let is_empty = |path: &Path| fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        if self.destination.exists() && !is_empty(&self.destination) {
            let parent = self.destination.parent().unwrap_or(&self.destination);
            let aside = owner_only::temporary_folder(".rdb-reindex-old-", parent).map_err(Error::io(parent))?;
            let old = aside.path().join("plan");
            rename(&self.destination, &old)?;
            if let Err(error) = rename(self.folder.path(), &self.destination) {
                // Best effort: the error that matters is the first one.
                let _ = fs::rename(&old, &self.destination);
                return Err(error);
            }
        } else if self.destination.exists() {
            // Somebody may stand in the folder, or have it open: it stays, and the files go into it.
            return self.fill();
        } else {
            rename(self.folder.path(), &self.destination)?;
        }
        // The folder has moved; there is nothing left to remove.
        let _ = self.folder.keep();
        Ok(())
    }
}

impl Draft {
    /// Moves the files into the destination, the manifest last: without it a folder is not a bundle.
    fn fill(self) -> Result<(), Error> {
        owner_only::close(&self.destination).map_err(Error::io(&self.destination))?;
        let mut moved = Vec::new();
        for name in [APPLY, ROLLBACK, CHANGES, REVIEW, MANIFEST] {
            let (from, to) = (self.folder.path().join(name), self.destination.join(name));
            if !from.exists() {
                continue;
            }
            if let Err(error) = fs::rename(&from, &to) {
                for file in moved {
                    // Best effort: the error that matters is the first one.
                    let _ = fs::remove_file(file);
                }
                return Err(Error::io(&to)(error));
            }
            moved.push(to);
        }
        Ok(())
    }
}

/// Absent, empty, or an earlier bundle that was never applied; everything else is left as it is.
pub fn check_destination(path: &Path) -> Result<(), Error> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(Error::NotAFolder { path: path.to_owned() });
        }
        Err(source) => return Err(Error::Io { path: path.to_owned(), source }),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::io(path))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    if names.is_empty() {
        return Ok(());
    }
    let ours = [MANIFEST, APPLY, ROLLBACK, CHANGES, REVIEW];
    if names.iter().any(|name| name.starts_with(JOURNAL)) {
        return Err(Error::Applied { path: path.to_owned() });
    }
    if let Some(found) = names.iter().find(|name| !ours.contains(&name.as_str())) {
        return Err(Error::Foreign { path: path.to_owned(), found: found.clone() });
    }
    // A foreign folder that has a file of the same name is not ours to replace.
    match read_manifest(path) {
        Ok(_) | Err(Error::Version { .. }) => Ok(()),
        Err(_) => Err(Error::Foreign { path: path.to_owned(), found: names.remove(0) }),
    }
}

/// A bundle whose files are all as they were written.
#[derive(Debug)]
pub struct Bundle {
    pub path: PathBuf,
    pub manifest: Manifest,
}

impl Bundle {
    /// Opens a bundle and checks every file in it against its SHA-256.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_watched(path, &Nobody)
    }

    /// Opens a bundle and lets somebody watch.
    pub fn open_watched(path: &Path, watch: &dyn Watch) -> Result<Self, Error> {
        let manifest = read_manifest(path)?;
        let total = manifest.files.values().fold(0_u64, |sum, id| sum.saturating_add(id.bytes));
        watch.begin("checking the plan's files", Unit::Bytes, total);
        for (name, id) in &manifest.files {
            let file = path.join(name);
            let (bytes, sha256) = hash_file(&file, watch)?;
            if (bytes, &sha256) != (id.bytes, &id.sha256) {
                let what = if bytes == id.bytes {
                    format!("its SHA-256 is {sha256}, and was {}", id.sha256)
                } else {
                    format!("it has {bytes} bytes, and had {}", id.bytes)
                };
                return Err(Error::Changed { path: file, what });
            }
        }
        for name in [APPLY, ROLLBACK, CHANGES] {
            if !manifest.files.contains_key(name) {
                let message = format!("it does not name {name}");
                return Err(Error::Manifest { path: path.join(MANIFEST), message });
            }
        }
        if let Err(message) = manifest.check() {
            return Err(Error::Manifest { path: path.join(MANIFEST), message });
        }
        Ok(Self { path: path.to_owned(), manifest })
    }

    /// A command file of the bundle, mapped or read.
    pub fn commands(&self, name: &str) -> Result<Vec<u8>, Error> {
        let file = self.path.join(name);
        fs::read(&file).map_err(Error::io(&file))
    }

    /// Whether somebody has begun to apply the plan.
    pub fn is_applied(&self) -> bool {
        self.path.join(JOURNAL).exists()
    }
}

fn read_manifest(folder: &Path) -> Result<Manifest, Error> {
    let path = folder.join(MANIFEST);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let path = folder.to_owned();
            return Err(if folder.exists() { Error::NoManifest { path } } else { Error::NoFolder { path } });
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(Error::File { path: folder.to_owned() });
        }
        Err(source) => return Err(Error::Io { path, source }),
    };
    #[derive(serde::Deserialize)]
    struct Version {
        format_version: u64,
        // Every version has these; other programs have a plan.json, too.
        #[serde(rename = "plan_id")]
        _plan_id: String,
        #[serde(rename = "tool_version")]
        _tool_version: String,
    }
    let bad = |error: serde_json::Error| Error::Manifest { path: path.clone(), message: error.to_string() };
    let version: Version = serde_json::from_slice(&text).map_err(bad)?;
    if version.format_version != u64::from(FORMAT_VERSION) {
        return Err(Error::Version { path, found: version.format_version });
    }
    let manifest: Manifest = serde_json::from_slice(&text).map_err(bad)?;
    let mut rest = text.as_slice();
    let same: Result<(), ()> = manifest.write_json(|piece| {
        rest = rest.strip_prefix(piece).ok_or(())?;
        Ok(())
    });
    if same.is_err() || !rest.is_empty() {
        return Err(Error::Manifest { path, message: "its text is not what this tool writes".into() });
    }
    Ok(manifest)
}

fn hash_file(path: &Path, watch: &dyn Watch) -> Result<(u64, String), Error> {
    let mut file = match fs::File::open(path) {
        Ok(file) => Watched::new(file, watch),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::Changed { path: path.to_owned(), what: "it is not there".into() });
        }
        Err(source) => return Err(Error::Io { path: path.to_owned(), source }),
    };
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((bytes, hex(&hash.finalize()))),
            Ok(n) => {
                hash.update(&buffer[..n]);
                bytes += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(Error::Io { path: path.to_owned(), source }),
        }
    }
}
