//! The page of an inventory in a few cards.

use super::escape::{Html, Room, code, name};
use super::families::{MEASURE, space};
use super::icicle::share;
use crate::report::advice::words::sum;
use crate::report::inventory::verdict::verdict;
use crate::report::inventory::{Family, Index, Inventory};
use crate::text::{Truncated, counted, number};

/// Indexes and families that are named; the rest is further down.
const NAMED: usize = 4;

/// One card.
pub struct Card {
    pub title: &'static str,
    pub words: Vec<Html>,
    /// Where there is more.
    pub link: Option<(&'static str, &'static str)>,
}

/// All cards. The families are in order, the largest first.
pub fn cards(inventory: &Inventory, families: &[&Family], expiring: u64) -> Vec<Card> {
    let mut cards = Vec::new();
    if inventory.spec.is_some() {
        let (retired, others): (Vec<&Index>, Vec<&Index>) =
            inventory.indexes.iter().partition(|index| index.policy == "retire");
        let wrong: Vec<&Index> = others.into_iter().filter(|index| !index.is_right()).collect();
        let link = Some(("#health", "Index health"));
        if wrong.is_empty() {
            cards.push(Card {
                title: "What is wrong",
                words: vec![Html::words("Nothing that the spec asks for.")],
                link,
            });
        } else {
            cards.push(Card { title: "What is wrong", words: indexes(&wrong), link });
        }
        if retired.iter().any(|index| !index.is_right()) {
            cards.push(Card { title: "What the spec retires", words: indexes(&retired), link: None });
        }
    }
    let whole = families.iter().fold(0, |sum: u64, family| sum.saturating_add(space(family)));
    let heaviest = families.iter().take(NAMED).map(|family| {
        let pattern = name(&Truncated::new(&family.pattern.0), Room::LABEL);
        Html::fill(&format!("{{}}: {} {MEASURE}", share(space(family), whole)), &[&pattern])
    });
    let heaviest: Vec<Html> = heaviest.collect();
    if !heaviest.is_empty() {
        cards.push(Card { title: "What takes the space", words: heaviest, link: Some(("#families", "All families")) });
    }
    cards.push(Card {
        title: "What expires",
        words: vec![Html::words(&match expiring {
            0 => "No key has an expiry.".to_owned(),
            1 => format!("1 of {} has an expiry.", counted(inventory.keys, "key")),
            n => format!("{} of {} have an expiry.", number(n), counted(inventory.keys, "key")),
        })],
        link: Some(("#expiries", "By the time that was left")),
    });
    if let Some(advice) = &inventory.advice {
        let link = Some(("#advice", "Each with its condition"));
        cards.push(Card { title: "What could be smaller", words: vec![Html::words(&sum(advice))], link });
    }
    cards
}

fn indexes(indexes: &[&Index]) -> Vec<Html> {
    let sentence =
        |index: &&Index| Html::fill(&format!("{{}}: {}.", verdict(index)), &[&code(&index.name, Room::LABEL)]);
    let mut out: Vec<Html> = indexes.iter().take(NAMED).map(sentence).collect();
    if let Some(more) = indexes.len().checked_sub(NAMED).filter(|more| *more > 0) {
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        out.push(Html::words(&format!("and {} more", number(more))));
    }
    out
}

/// How many indexes are right, in a sentence about all keys.
pub fn headline(inventory: &Inventory) -> String {
    let keys = counted(inventory.keys, "key");
    if inventory.spec.is_none() {
        return format!("{keys}; no spec was used, so no index is judged");
    }
    if inventory.is_foreign() {
        return format!("{keys}, none of them of the kind that the spec is about");
    }
    let not_right = || inventory.indexes.iter().filter(|index| !index.is_right());
    // To retire an index is a decision; that it has keys is not wrong.
    let retired = not_right().filter(|index| index.policy == "retire").count();
    let wrong = not_right().count().saturating_sub(retired);
    let wrong = match wrong {
        0 if retired == 0 => format!("{keys}, and all indexes are as they should be"),
        0 => format!("{keys}, and the indexes that stay are as they should be"),
        1 => format!("{keys}, and 1 index is not as it should be"),
        n => format!("{keys}, and {n} indexes are not as they should be"),
    };
    match retired {
        0 => wrong,
        n => format!("{wrong}; the spec retires {n}"),
    }
}
