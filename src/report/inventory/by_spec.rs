//! What an inventory owes to a spec, and what is left of it without one.

use serde::Serialize;

use super::{FamilyKind, Inventory};
use crate::model::spec::{Brake, PRESETS, Spec};

/// A spec as it is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SpecName {
    /// Of the preset, or of the file.
    pub name: String,
    /// It is one that is built in.
    pub preset: bool,
}

impl SpecName {
    pub(super) fn of(spec: &Spec) -> Self {
        let preset = PRESETS.iter().any(|(name, text)| *name == spec.name && *text == spec.text);
        Self { name: spec.name.clone(), preset }
    }
}

/// A preset that would match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FittingPreset {
    pub name: &'static str,
    /// How many keys of the dump are in its families.
    pub keys: u64,
}

impl Inventory {
    /// Whether the dump has none of the keys that the spec is about.
    pub fn is_foreign(&self) -> bool {
        self.families.iter().all(|family| family.keys == 0 || family.kind == FamilyKind::Other)
    }

    /// The same without the spec: what it says of families and indexes, and whether it matches.
    pub fn without_spec(mut self) -> Self {
        self.spec = None;
        self.families.retain(|family| family.kind == FamilyKind::Other);
        self.indexes.clear();
        self.brakes.retain(|note| note.brake != Brake::NoMatch.as_str());
        self
    }
}
