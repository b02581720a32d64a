//! Bars: what there is today and what there will be, on one scale.
//!
//! A bar is an SVG without a view box, its lengths in per cent, so that it is as wide as the page and nothing in it is
//! stretched. Every kind of part has a texture of its own beside its colour, and every bar a text that says the same.

use std::fmt::Write as _;

use super::escape::Html;
use crate::text::number;

/// A kind of part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Right,
    /// Right, and made by the plan.
    Added,
    Wrong,
    /// Of an index that the spec retires.
    Retired,
    /// Not there, and should be.
    Missing,
    /// Wrong or unknown, and left as it is.
    Held,
}

impl Part {
    pub const ALL: [Self; 6] = [Self::Right, Self::Added, Self::Wrong, Self::Retired, Self::Held, Self::Missing];

    /// The class of its texture.
    fn class(self) -> &'static str {
        match self {
            Self::Right => "s-right",
            Self::Added => "s-add",
            Self::Wrong => "s-wrong",
            Self::Retired => "s-retired",
            Self::Missing => "s-miss",
            Self::Held => "s-held",
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Added => "added by the plan",
            Self::Wrong => "wrong",
            Self::Retired => "retired",
            Self::Missing => "missing",
            Self::Held => "left as it is",
        }
    }

    /// What the parts of some bars stand for.
    pub fn legend<'p>(parts: impl Iterator<Item = &'p (Self, u64)>) -> Vec<(Html, &'static str)> {
        let used: Vec<Self> = parts.filter(|(_, n)| *n > 0).map(|(part, _)| *part).collect();
        Self::ALL.into_iter().filter(|part| used.contains(part)).map(|part| (part.swatch(), part.word())).collect()
    }

    /// A square of its texture, for a legend.
    fn swatch(self) -> Html {
        let class = self.class();
        Html::made(format!(
            "<svg aria-hidden=\"true\" focusable=\"false\">\
             <rect x=\"1\" y=\"1\" width=\"14\" height=\"14\" class=\"{class}\"/></svg>"
        ))
    }
}

/// One bar.
#[derive(Clone, Debug)]
pub struct Bar {
    /// `today` or `after`.
    pub label: &'static str,
    pub svg: Html,
    /// There is more than one thing to draw: one key needs no bar.
    pub has_picture: bool,
    /// The same in words: `2,001 keys: 3 right, 1,998 wrong`.
    pub words: String,
}

impl Bar {
    /// A bar of these parts, as long as its share of `scale`.
    pub fn new(label: &'static str, thing: &str, parts: &[(Part, u64)], scale: u64) -> Self {
        let words = words(thing, parts);
        let mut markup = String::new();
        // Label and words are this program's own.
        let _ = write!(markup, "<svg role=\"img\" aria-label=\"{label}: {words}\">");
        for (part, from, width) in layout(parts, scale) {
            let class = part.class();
            let _ = write!(
                markup,
                "<rect x=\"{}.{:02}%\" y=\"2\" width=\"{}.{:02}%\" height=\"18\" class=\"{class}\"/>",
                from / 100,
                from % 100,
                width / 100,
                width % 100
            );
        }
        markup.push_str("</svg>");
        let all = parts.iter().fold(0, |sum: u64, (_, n)| sum.saturating_add(*n));
        Self { label, svg: Html::made(markup), has_picture: all > 0 && all.max(scale) > 1, words }
    }
}

impl Bar {
    /// A bar of one part beside a figure that says it all.
    pub fn plain(n: u64, most: u64) -> Html {
        let width = layout(&[(Part::Added, n)], most).first().map_or(0, |(_, _, width)| *width);
        Html::made(format!(
            "<svg class=\"plain\" aria-hidden=\"true\" focusable=\"false\"><rect y=\"3\" width=\"{}.{:02}%\" height=\"10\" \
             class=\"s-plain\"/></svg>",
            width / 100,
            width % 100
        ))
    }
}

fn words(thing: &str, parts: &[(Part, u64)]) -> String {
    let there: u64 = parts.iter().filter(|(part, _)| *part != Part::Missing).map(|(_, n)| n).sum();
    let some: Vec<String> =
        parts.iter().filter(|(_, n)| *n > 0).map(|(part, n)| format!("{} {}", number(*n), part.word())).collect();
    let s = if there == 1 { "" } else { "s" };
    let what = if there == 0 { format!("no {thing}s") } else { format!("{} {thing}{s}", number(there)) };
    if some.is_empty() { what } else { format!("{what}: {}", some.join(", ")) }
}

/// The hundredths of a per cent that a bar has.
const WHOLE: u64 = 9_950;
/// The narrowest part that can be seen.
const LEAST: u64 = 120;

/// Part, left edge and width of each part that is not empty, in hundredths of a per cent. Small parts are widened, and
/// the others narrowed for it.
fn layout(parts: &[(Part, u64)], scale: u64) -> Vec<(Part, u64, u64)> {
    let some: Vec<(Part, u64)> = parts.iter().copied().filter(|(_, n)| *n > 0).collect();
    let scale = u128::from(scale.max(parts.iter().map(|(_, n)| n).sum()).max(1));
    let exact = |n: u64| u64::try_from(u128::from(n) * u128::from(WHOLE) / scale).unwrap_or(WHOLE);
    let mut widths: Vec<u64> = some.iter().map(|(_, n)| exact(*n).max(LEAST)).collect();
    let total: u64 = widths.iter().sum();
    if let Some(widest) = widths.iter_mut().max() {
        *widest = widest.saturating_sub(total.saturating_sub(WHOLE)).max(LEAST);
    }
    let mut at = 25;
    let mut out = Vec::new();
    for ((part, _), width) in some.into_iter().zip(widths) {
        out.push((part, at, width));
        at += width;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_as_long_as_their_share_but_never_too_small_to_see() {
        // 1,998 of 2,001 is 99.85 %, of 99.5 %: 99.35; 3 of it would be 0.14 and get 1.2.
        let parts = layout(&[(Part::Right, 3), (Part::Wrong, 1998), (Part::Held, 0)], 2001);
        assert_eq!(parts, [(Part::Right, 25, 120), (Part::Wrong, 145, 9_950 - 120)]);
        // Half the scale is half the width.
        assert_eq!(layout(&[(Part::Right, 50)], 100), [(Part::Right, 25, 4_975)]);
        assert_eq!(layout(&[(Part::Right, 0)], 100), []);
        assert_eq!(layout(&[], 0), []);
        let huge = layout(&[(Part::Right, u64::MAX / 2), (Part::Wrong, 1)], u64::MAX);
        assert!(huge.iter().all(|(_, at, width)| at + width <= 10_000), "{huge:?}");
    }

    #[test]
    fn a_bar_says_what_it_shows() {
        let bar = Bar::new("today", "key", &[(Part::Right, 3), (Part::Wrong, 1998), (Part::Missing, 2)], 2003);
        assert_eq!(bar.words, "2,001 keys: 3 right, 1,998 wrong, 2 missing");
        assert!(bar.svg.as_str().contains("aria-label=\"today: 2,001 keys: 3 right, 1,998 wrong, 2 missing\""));
        assert_eq!(Bar::new("after", "key", &[(Part::Right, 0)], 5).words, "no keys");
        let one = Bar::new("after", "member", &[(Part::Right, 1)], 5);
        assert_eq!((one.words.as_str(), one.has_picture), ("1 member: 1 right", true));
        assert!(!Bar::new("today", "key", &[(Part::Wrong, 1)], 1).has_picture, "one key needs no bar");
        assert!(!Bar::new("today", "key", &[(Part::Wrong, 0)], 5).has_picture);
    }
}
