//! Brakes on a page: before everything else, and first those that a person has lifted.

use super::escape::{Html, Room, text};
use crate::bundle::manifest::BrakeNote;
use crate::report::brakes::{how_to_lift, sentence};
use crate::text::number;

/// Brakes of each kind that are shown.
const MOST: usize = 40;

/// All brakes that apply.
pub struct Brakes {
    pub lifted: Vec<Brake>,
    /// What was lifted, in a line.
    pub lifted_words: String,
    pub others: Vec<Brake>,
    /// How many are not shown, and where they are.
    pub more: Html,
    /// How to lift the others.
    pub lift: Html,
}

/// One brake.
pub struct Brake {
    pub words: Html,
    pub examples: Vec<Html>,
    /// What the box of the examples says.
    pub examples_words: String,
}

impl Brakes {
    /// `whole` is the name of what has all of them.
    pub fn new(notes: &[BrakeNote], whole: &str) -> Self {
        let (lifted, others): (Vec<&BrakeNote>, Vec<&BrakeNote>) =
            notes.iter().partition(|note| note.effect == "lifted");
        let more = [&lifted, &others].iter().map(|notes| notes.len().saturating_sub(MOST)).sum::<usize>();
        let views = |notes: &[&BrakeNote]| notes.iter().take(MOST).map(|note| brake(note)).collect();
        Self {
            lifted_words: match lifted.len() {
                1 => "1 brake was lifted: somebody says that this is not a mistake".to_owned(),
                n => format!("{} brakes were lifted: somebody says that these are not mistakes", count(n)),
            },
            lifted: views(&lifted),
            others: views(&others),
            more: match more {
                0 => Html::default(),
                n => Html::words(&format!("and {} more brakes: `{whole}` has them all", count(n))),
            },
            lift: how_to_lift(notes).map(|words| text(&words, Room::PROSE)).unwrap_or_default(),
        }
    }
}

fn brake(note: &BrakeNote) -> Brake {
    Brake {
        words: text(&sentence(note), Room::PROSE),
        examples: note.examples.iter().map(|example| text(example, Room::NAME)).collect(),
        examples_words: match note.examples.len() {
            1 => "1 example".to_owned(),
            n => format!("{} examples", count(n)),
        },
    }
}

fn count(n: usize) -> String {
    number(u64::try_from(n).unwrap_or(u64::MAX))
}
