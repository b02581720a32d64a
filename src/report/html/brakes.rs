//! Brakes on a page: before everything else.

use super::escape::{Html, Room, text};
use crate::bundle::manifest::BrakeNote;
use crate::report::brakes::{how_to_lift, sentence};

/// One brake.
pub struct BrakeView {
    /// A person has lifted it.
    pub lifted: bool,
    pub words: Html,
    pub examples: Vec<Html>,
}

/// All brakes that apply, and what lifts those that do something.
pub fn views(notes: &[BrakeNote]) -> (Vec<BrakeView>, Html) {
    let view = |note: &BrakeNote| BrakeView {
        lifted: note.effect == "lifted",
        words: text(&sentence(note), Room::PROSE),
        examples: note.examples.iter().map(|example| text(example, Room::NAME)).collect(),
    };
    let lift = how_to_lift(notes).map(|words| text(&words, Room::PROSE)).unwrap_or_default();
    (notes.iter().map(view).collect(), lift)
}
