//! The tree of prefixes as pictures: an icicle that can be entered, and an outline that needs no script.
//!
//! In the icicle each level is a row, and each prefix as wide as its share; what it begins lies below it. Lengths across
//! are in per cent, so that it is as wide as the page. The page's script only stretches it and moves the focus.

use std::fmt::Write as _;

use super::escape::{Html, Room, label, name};
use super::picture::Bar;
use super::prefixes::Prefix;
use crate::report::inventory::FamilyKind;
use crate::text::{Truncated, counted, number};

/// Height of a row in pixels: room for two lines, and for a finger.
const ROW: usize = 44;
/// Characters of a label, and of the name that is told when a prefix is pointed at.
const LABEL: usize = 40;
const NAME: usize = 120;

/// A figure, with its unit.
pub type Figure = fn(u64) -> String;

/// Draws the tree. `words` says what the picture is.
pub fn draw(tree: &Prefix, figure: Figure, words: &str) -> Html {
    let rows = tree.levels().saturating_add(1);
    let mut icicle = Icicle { figure, rows, whole: tree.weight, next: 0, out: String::new() };
    // The words are this program's own.
    let _ = write!(
        icicle.out,
        "<svg class=\"icicle\" role=\"img\" aria-label=\"{words}\" height=\"{}\">",
        rows.saturating_mul(ROW)
    );
    icicle.node(tree, None, 0, (0.0, 100.0));
    icicle.out.push_str(
        "</svg><p class=\"where\" hidden><output aria-live=\"polite\">Click a part to enter it; or arrow keys to move, Enter \
         to enter, Escape to leave.</output><button type=\"button\">Up one level</button></p>",
    );
    Html::made(icicle.out)
}

struct Icicle {
    figure: Figure,
    rows: usize,
    whole: u64,
    /// The number of the next node.
    next: usize,
    out: String,
}

impl Icicle {
    /// A prefix, and below it what it begins. `place` is where it begins and how wide it is, in per cent.
    fn node(&mut self, prefix: &Prefix, above: Option<usize>, level: usize, place: (f64, f64)) {
        let at = self.next;
        let is_root = above.is_none();
        let (whole, _) = label(&prefix.whole, NAME);
        let (text, columns) = if is_root { (Html::own("all keys"), 8) } else { label(&prefix.label, LABEL) };
        let title = if is_root { text.clone() } else { whole };
        let figure = format!("{} · {}", share(prefix.weight, self.whole), (self.figure)(prefix.weight));
        let class = match prefix.kind {
            _ if is_root => "t-mixed",
            Some(FamilyKind::Index) => "t-index",
            Some(FamilyKind::Record) => "t-record",
            Some(FamilyKind::Other) => "t-other",
            None => "t-mixed",
        };
        self.open(above, level, place, class, &title, &figure);
        for (y, class, text, columns) in [(18, "", text, columns), (35, "fig ", Html::words(&figure), figure.len())] {
            let _ = write!(
                self.out,
                "<text aria-hidden=\"true\" x=\"7\" y=\"{y}\" class=\"{class}{}\">{text}</text>",
                room_for(columns, place.1)
            );
        }
        self.out.push_str("</svg>");
        let (mut from, width) = place;
        // What is left out has a part of its own, so that shares are seen as they are.
        let all = prefix.branches.iter().fold(prefix.left_out_weight, |sum, one| sum.saturating_add(one.weight));
        let part = |weight: u64| width * float(weight) / float(all.max(1));
        for branch in prefix.branches.iter().filter(|branch| branch.weight > 0) {
            let wide = part(branch.weight);
            self.node(branch, Some(at), level.saturating_add(1), (from, wide));
            from += wide;
        }
        if prefix.left_out_weight > 0 {
            let words = Html::words(&format!("{} more", number(prefix.left_out)));
            let weight = prefix.left_out_weight;
            let figure = format!("{} · {}", share(weight, self.whole), (self.figure)(weight));
            self.open(Some(at), level.saturating_add(1), (from, part(weight)), "t-more", &words, &figure);
            self.out.push_str("</svg>");
        }
    }

    /// The box of a node, which is still to be closed.
    fn open(
        &mut self,
        above: Option<usize>,
        level: usize,
        (from, width): (f64, f64),
        class: &str,
        title: &Html,
        figure: &str,
    ) {
        self.next = self.next.saturating_add(1);
        let _ = write!(
            self.out,
            "<svg x=\"{from:.4}%\" y=\"{}\" width=\"{:.4}%\" height=\"{ROW}\"",
            level.min(self.rows).saturating_mul(ROW),
            width.max(0.0001)
        );
        if let Some(above) = above {
            let _ = write!(self.out, " data-in=\"{above}\"");
        }
        let _ = write!(
            self.out,
            "><title>{title} — {figure}</title><rect class=\"tile {class}\" width=\"100%\" height=\"100%\"/>"
        );
    }
}

/// Whether so many characters fit into a part of the picture, in windows of which widths. The script measures instead.
fn room_for(columns: usize, per_cent: f64) -> &'static str {
    let needed = float(u64::try_from(columns).unwrap_or(u64::MAX)) * 8.2 + 14.0;
    let picture = needed * 100.0 / per_cent.max(0.0001);
    match picture {
        width if width <= 280.0 => "f-all",
        width if width <= 640.0 => "f-middle",
        width if width <= 900.0 => "f-wide",
        _ => "f-none",
    }
}

/// The tree as lists that are folded out. `figure` is that of the weight.
pub fn outline(tree: &Prefix, figure: Figure) -> Html {
    let mut out = String::new();
    list(tree, tree.weight, figure, "outline", &mut out);
    Html::made(out)
}

fn list(prefix: &Prefix, whole: u64, figure: Figure, class: &str, out: &mut String) {
    let _ = write!(out, "<ul class=\"{class}\">");
    for branch in &prefix.branches {
        let text = match branch.label.is_empty() {
            true => Html::own("<span>the name ends here</span>"),
            false => name(&Truncated::new(&branch.label), Room::LABEL),
        };
        let row = format!(
            "<span>{text}</span><span class=\"fig\">{} · {} · {}</span>{}",
            share(branch.weight, whole),
            figure(branch.weight),
            counted(branch.keys, "key"),
            Bar::plain(branch.weight, whole)
        );
        if branch.branches.is_empty() && branch.left_out == 0 {
            let _ = write!(out, "<li><div class=\"leaf\">{row}</div></li>");
        } else {
            let _ = write!(out, "<li><details><summary>{row}</summary>");
            list(branch, whole, figure, "", out);
            out.push_str("</details></li>");
        }
    }
    if prefix.left_out > 0 {
        let _ = write!(
            out,
            "<li class=\"small soft\">and {} more: {} · {}</li>",
            number(prefix.left_out),
            share(prefix.left_out_weight, whole),
            figure(prefix.left_out_weight)
        );
    }
    out.push_str("</ul>");
}

/// `12.3%`; what is not nothing is not called so.
pub fn share(part: u64, whole: u64) -> String {
    let per_mille = (u128::from(part) * 2000 / u128::from(whole.max(1))).div_ceil(2);
    match per_mille {
        0 if part > 0 => "under 0.1%".to_owned(),
        n => format!("{}.{}%", n / 10, n % 10),
    }
}

/// Near enough for a picture: in two halves, each of which a double holds exactly.
fn float(n: u64) -> f64 {
    let low = u32::try_from(n & 0xffff_ffff).unwrap_or(u32::MAX);
    let high = u32::try_from(n >> 32).unwrap_or(u32::MAX);
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(label: &str, weight: u64) -> Prefix {
        Prefix { label: label.into(), whole: label.into(), weight, keys: 1, ..Prefix::default() }
    }

    #[test]
    fn widths_are_shares_and_lie_below_what_they_belong_to() {
        let inner = Prefix { branches: vec![leaf("x", 30), leaf("y", 10)], ..leaf("a:", 40) };
        let tree = Prefix { branches: vec![inner, leaf("b", 50)], left_out: 3, left_out_weight: 10, ..leaf("", 100) };
        let picture = draw(&tree, number, "a map");
        let picture = picture.as_str();
        for part in [
            "height=\"132\"",
            "<svg x=\"0.0000%\" y=\"0\" width=\"100.0000%\" height=\"44\"><title>all keys — 100.0% · 100</title>",
            "<svg x=\"0.0000%\" y=\"44\" width=\"40.0000%\" height=\"44\" data-in=\"0\"><title>a: — 40.0% · 40</title>",
            "<svg x=\"30.0000%\" y=\"88\" width=\"10.0000%\" height=\"44\" data-in=\"1\"><title>y — 10.0% · 10</title>",
            "<svg x=\"40.0000%\" y=\"44\" width=\"50.0000%\" height=\"44\" data-in=\"0\"><title>b — 50.0% · 50</title>",
            "<svg x=\"90.0000%\" y=\"44\" width=\"10.0000%\" height=\"44\" data-in=\"0\"><title>3 more — 10.0% · 10</title>",
        ] {
            assert!(picture.contains(part), "{part} is not in {picture}");
        }
        // A prefix of which all that it begins is left out says so.
        let light = Prefix { left_out: 2, left_out_weight: 5, ..leaf("c:", 5) };
        let light = Prefix { branches: vec![light], ..leaf("", 5) };
        assert!(outline(&light, number).as_str().contains("and 2 more: 100.0% · 5"));
        let list = outline(&tree, number);
        assert!(list.as_str().contains("and 3 more: 10.0% · 10"), "{}", list.as_str());
        assert_eq!(list.as_str().matches("<details>").count(), 1);
    }

    #[test]
    fn shares() {
        assert_eq!(share(0, 0), "0.0%");
        assert_eq!(share(1, 3), "33.3%");
        assert_eq!(share(2, 3), "66.7%");
        assert_eq!(share(1, 100_000), "under 0.1%");
        assert_eq!(share(u64::MAX, u64::MAX), "100.0%");
    }

    #[test]
    fn labels_are_shown_where_there_is_room() {
        assert_eq!(room_for(10, 100.0), "f-all");
        assert_eq!(room_for(10, 30.0), "f-middle");
        assert_eq!(room_for(10, 11.0), "f-wide");
        assert_eq!(room_for(10, 1.0), "f-none");
    }
}
