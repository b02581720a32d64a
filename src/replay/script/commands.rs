//! The command files of a bundle, each read once.

use std::cell::OnceCell;
use std::collections::HashSet;

use super::error::ReplayError;
use super::item::{Item, read};
use super::{Script, Totals, Verb};
use crate::bundle::manifest::Manifest;

/// What a bundle holds.
#[derive(Clone, Copy)]
pub struct Files<'a> {
    pub manifest: &'a Manifest,
    pub apply: &'a [u8],
    pub rollback: &'a [u8],
}

/// The commands in the files of a bundle. Each file is read when it is first needed, and only once: a file that is refused
/// is refused before anything was sent.
pub struct Commands<'a> {
    pub files: Files<'a>,
    apply: OnceCell<Result<Read<'a>, ReplayError>>,
    rollback: OnceCell<Result<Read<'a>, ReplayError>>,
}

type Read<'a> = (Vec<Item<'a>>, Totals);

impl<'a> Commands<'a> {
    /// Of this bundle. Nothing is read yet.
    pub fn new(files: Files<'a>) -> Self {
        Self { files, apply: OnceCell::new(), rollback: OnceCell::new() }
    }

    /// The commands of `apply.resp`.
    pub fn apply(&self) -> Result<&[Item<'a>], ReplayError> {
        Ok(&self.of(Script::Apply)?.0)
    }

    /// The commands of `rollback.resp`.
    pub fn rollback(&self) -> Result<&[Item<'a>], ReplayError> {
        Ok(&self.of(Script::Rollback)?.0)
    }

    /// How many commands a file has; those that only change the database do not count.
    pub fn count(&self, script: Script) -> Result<u64, ReplayError> {
        let (_, totals) = self.of(script)?;
        Ok(totals.commands.saturating_sub(totals.selects))
    }

    fn of(&self, script: Script) -> Result<&Read<'a>, ReplayError> {
        let Files { manifest, apply, rollback } = self.files;
        let read = match script {
            Script::Apply => self.apply.get_or_init(|| read(apply, script, &manifest.expected_replies)),
            Script::Rollback => self.rollback.get_or_init(|| {
                let (mut items, totals) = read(rollback, script, &manifest.rollback_expected_replies)?;
                if items.iter().any(|item| item.verb == Verb::HSet) {
                    tell_edits(&mut items, self.apply()?);
                }
                Ok((items, totals))
            }),
        };
        read.as_ref().map_err(Clone::clone)
    }
}

/// Tells a `HSET` of the way back that puts fields into a hash from one that makes the hash again: an apply has deleted that.
fn tell_edits(rollback: &mut [Item<'_>], apply: &[Item<'_>]) {
    let deleting = apply.iter().filter(|item| item.verb.deletes_keys());
    let deleted: HashSet<(u32, &[u8])> =
        deleting.flat_map(|item| item.keys().iter().map(|key| (item.db, *key))).collect();
    for item in rollback.iter_mut().filter(|item| item.verb == Verb::HSet) {
        if !deleted.contains(&(item.db, item.key())) {
            item.verb = Verb::HEdit;
        }
    }
}
