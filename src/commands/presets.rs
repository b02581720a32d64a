//! The presets that would match a dump, told while they are looked for.

use super::open;
use crate::dump::scan::Observer;
use crate::infer;
use crate::report::inventory::FittingPreset;
use crate::ui::exit::Failure;
use crate::ui::progress;

/// The presets that would match a dump, best first.
pub fn presets_for(dump: &[u8], observer: &Observer) -> Result<Vec<FittingPreset>, Failure> {
    let look = || infer::presets_for(dump, observer);
    let found = progress::bytes("looking at presets", dump.len() as u64, observer, look);
    let found = found.map_err(|_| open::interrupted())?.into_iter();
    Ok(found.map(|preset| FittingPreset { name: preset.name, keys: preset.keys }).collect())
}
