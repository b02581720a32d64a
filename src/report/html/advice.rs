//! The advice of a page.

use super::escape::{Html, Room, lines, name, text};
use crate::report::advice::words::{caveats, figures, sum};
use crate::report::advice::{Advice, FamilyChange, Item};
use crate::text::{Truncated, number, size};

/// Characters of lines for a spec.
const SPEC: usize = 2_000;

/// What the template shows.
pub struct AdviceView {
    pub sum: Html,
    pub caveats: Html,
    pub families: Vec<FamilyView>,
    pub together: [String; 4],
    pub more_families: usize,
    pub items: Vec<ItemView>,
    pub more_items: usize,
}

pub struct FamilyView {
    pub pattern: Html,
    pub why: &'static str,
    pub keys: String,
    pub then: String,
    pub bytes: String,
    pub bytes_then: String,
}

pub struct ItemView {
    pub number: usize,
    pub title: Html,
    pub figures: String,
    pub reason: Html,
    pub condition: Html,
    pub spec_place: &'static str,
    pub spec: Option<Html>,
}

impl AdviceView {
    /// With so many rows of each kind.
    pub fn new(advice: &Advice, rows: usize) -> Self {
        Self {
            sum: Html::words(&sum(advice)),
            caveats: Html::words(&caveats(advice)),
            families: advice.families.iter().take(rows).map(family).collect(),
            together: [
                number(advice.keys_before),
                number(advice.keys_after),
                size(advice.bytes_before),
                size(advice.bytes_after),
            ],
            more_families: advice.families.len().saturating_sub(rows),
            items: advice.items.iter().take(rows).enumerate().map(item).collect(),
            more_items: advice.items.len().saturating_sub(rows),
        }
    }
}

fn family(family: &FamilyChange) -> FamilyView {
    let [bytes, bytes_then] = family.memory();
    FamilyView {
        pattern: name(&Truncated::new(&family.name.pattern.0), Room::NAME),
        why: match family.why {
            "plan" => "a plan repairs it",
            "retired" => "the spec retires it",
            "advice" => "see below",
            _ => "",
        },
        keys: number(family.keys_before),
        then: number(family.keys_after),
        bytes,
        bytes_then,
    }
}

fn item((at, item): (usize, &Item)) -> ItemView {
    // Names of the dump are in the others, and a backtick of theirs is none of ours.
    let reason = match item.kind {
        "encoding" => Html::words(&item.reason),
        _ => text(&item.reason, Room::PROSE),
    };
    let condition = match item.kind {
        "same-answer" | "one-per-record" => text(&item.condition, Room::PROSE),
        _ => Html::words(&item.condition),
    };
    ItemView {
        number: at.saturating_add(1),
        title: text(&item.title, Room::PROSE),
        figures: figures(item),
        reason,
        condition,
        spec_place: item.spec_place,
        spec: item.spec.as_deref().map(|spec| lines(spec, SPEC)),
    }
}
