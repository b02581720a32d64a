//! The plans of all shards as one: as a plan by slot of all their dumps would be.
//!
//! What is counted is added up from the manifests of the shards, and from what those say of themselves for this purpose
//! (see [`super::Figures`]); commands and lines are put in order from file to file. No dump is looked at.

mod commands;
mod digest;
mod error;
mod merge;
mod pieces;
mod read;
mod rows;
mod whole;

use std::path::{Path, PathBuf};

use super::Figures;
use super::error::writing;
use crate::bundle::manifest::{APPLY, CHANGES, FileId, MANIFEST, Manifest, REVIEW, ROLLBACK, Reply};
use crate::bundle::{Draft, Output};
use crate::model::spec::Spec;
use crate::progress::{Unit, Watch};
pub use error::Error;
use merge::{Changes, Merge};
use read::Part;
use whole::Files;

/// Renders the review page, when everything else is known.
pub type Page<'p> = &'p dyn Fn(&Spec, &Figures, &Manifest) -> Vec<u8>;

/// Makes one bundle of those of all shards, in `destination`, and gives back its manifest.
pub fn join(folders: &[PathBuf], destination: &Path, watch: &dyn Watch, page: Page<'_>) -> Result<Manifest, Error> {
    make(folders, destination, watch, page).map_err(|error| match error {
        Error::Plan(error) => Error::Plan(error.in_folder(destination)),
        other => other,
    })
}

fn make(folders: &[PathBuf], destination: &Path, watch: &dyn Watch, page: Page<'_>) -> Result<Manifest, Error> {
    if let Ok(out) = std::fs::canonicalize(destination)
        && folders.iter().any(|folder| std::fs::canonicalize(folder).is_ok_and(|folder| folder == out))
    {
        return Err(Error::IntoItself { path: destination.to_owned() });
    }
    let draft = Draft::new(destination)?;
    let (mut parts, spec) = read::read(folders, watch)?;
    let spec = whole::accepting(&parts, spec)?;
    let file = |name: &str| Output::create(&draft.path().join(name)).map_err(writing(name));
    let names = [APPLY, ROLLBACK, CHANGES];
    let bytes =
        |part: &Part| names.iter().filter_map(|name| part.manifest.files.get(*name)).map(|id| id.bytes).sum::<u64>();
    watch.begin("joining the plans", Unit::Bytes, parts.iter().map(bytes).sum());
    let caps = parts.first().ok_or(Error::Nothing)?.manifest.caps;
    let mut take = |of: fn(&mut Manifest) -> &mut Vec<Reply>| -> Vec<Vec<Reply>> {
        parts.iter_mut().map(|part| std::mem::take(of(&mut part.manifest))).collect()
    };
    let replies = take(|manifest| &mut manifest.expected_replies);
    let replies_back = take(|manifest| &mut manifest.rollback_expected_replies);
    let indexes = rows::indexes(&spec);
    let mut changes = Changes::new(&parts, &indexes, file(CHANGES)?, watch)?;
    let mut forth = Merge::new((&parts, APPLY), replies, (file(APPLY)?, caps), watch);
    let deletions = forth.deletions(&mut changes, spec.indexes.len())?;
    forth.phase(1)?;
    forth.phase(2)?;
    let apply = forth.finish()?;
    changes.rest()?;
    let changes = changes.finish()?;
    let mut back = Merge::new((&parts, ROLLBACK), replies_back, (file(ROLLBACK)?, caps), watch);
    (0..3).try_for_each(|phase| back.phase(phase))?;
    let rollback = back.finish()?;

    watch.begin("writing what the plan is", Unit::Edits, 0);
    let files = Files { apply, rollback, changes, unlinks: deletions.unlinks };
    let (mut manifest, figures) = whole::whole(parts, &spec, files)?;
    manifest.files.insert(REVIEW.to_owned(), FileId::default());
    let touched = manifest.touched_text();
    manifest.plan_id = manifest.identity_with(&touched);
    let mut output = file(REVIEW)?;
    let written = output.write(&page(&spec, &figures, &manifest)).and_then(|()| output.finish());
    manifest.files.insert(REVIEW.to_owned(), written.map_err(writing(REVIEW))?);
    let mut output = file(MANIFEST)?;
    let written = manifest.write_json_with(&touched, |piece| output.write(piece)).and_then(|()| output.finish());
    written.map_err(writing(MANIFEST))?;
    if watch.stopped() || !watch.inputs_hold() {
        return Err(Error::Interrupted);
    }
    draft.publish()?;
    Ok(manifest)
}
