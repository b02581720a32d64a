//! A treemap: families as rectangles, as large as their share.
//!
//! Squarified: a row of rectangles is filled along the shorter side as long as that makes them squarer. The measures are
//! per mille of a picture that is 16 to 9; on a page it is as wide as there is room.

use std::fmt::Write as _;

use super::escape::Html;

/// Sides of the picture, in units that are squares at 16 to 9.
const WIDTH: f64 = 1600.0;
const HEIGHT: f64 = 900.0;

/// A rectangle of the map.
#[derive(Clone, Debug)]
pub struct Tile {
    pub weight: u64,
    /// The class of its texture.
    pub class: &'static str,
    pub label: Html,
    /// Name and figure, for those who point at it.
    pub title: Html,
    pub figure: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Rect {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// Draws the map. `label` says what it is, for those who do not see it.
pub fn draw(tiles: &[Tile], label: &str) -> Html {
    let mut tiles: Vec<&Tile> = tiles.iter().filter(|tile| tile.weight > 0).collect();
    tiles.sort_by_key(|tile| std::cmp::Reverse(tile.weight));
    let weights: Vec<u64> = tiles.iter().map(|tile| tile.weight).collect();
    let mut out = String::new();
    // The label is this program's own.
    let _ = write!(out, "<svg class=\"tree\" role=\"img\" aria-label=\"{label}\">");
    for (tile, rect) in tiles.iter().zip(layout(&weights)) {
        let per_cent = |length: f64, whole: f64| length * 100.0 / whole;
        let (width, height) = (per_cent(rect.width, WIDTH), per_cent(rect.height, HEIGHT));
        let _ = write!(
            out,
            "<svg x=\"{:.3}%\" y=\"{:.3}%\" width=\"{width:.3}%\" height=\"{height:.3}%\"><title>{}: {}</title>\
             <rect class=\"tile {}\" width=\"100%\" height=\"100%\"/>",
            per_cent(rect.x, WIDTH),
            per_cent(rect.y, HEIGHT),
            tile.title,
            tile.figure,
            tile.class,
        );
        // Where there is no room for a few letters there is no text; the table has it.
        if width > 9.0 && height > 7.0 {
            let _ = write!(out, "<text x=\"8\" y=\"20\">{}</text>", tile.label);
            if height > 13.0 {
                let _ = write!(out, "<text x=\"8\" y=\"38\" class=\"fig\">{}</text>", tile.figure);
            }
        }
        out.push_str("</svg>");
    }
    out.push_str("</svg>");
    Html::made(out)
}

/// Rectangles for weights in descending order.
fn layout(weights: &[u64]) -> Vec<Rect> {
    let total: f64 = weights.iter().map(|weight| float(*weight)).sum();
    let unit = WIDTH * HEIGHT / total.max(1.0);
    let areas: Vec<f64> = weights.iter().map(|weight| float(*weight) * unit).collect();
    let mut room = Rect { x: 0.0, y: 0.0, width: WIDTH, height: HEIGHT };
    let mut out = Vec::with_capacity(areas.len());
    let mut rest = areas.as_slice();
    while !rest.is_empty() {
        let side = room.width.min(room.height);
        let mut count = 1;
        while count < rest.len() && worst(rest, count.saturating_add(1), side) <= worst(rest, count, side) {
            count = count.saturating_add(1);
        }
        let (row, after) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        room = place(row, room, &mut out);
        rest = after;
    }
    out
}

/// How far from a square the worst of the first `count` rectangles would be, in a row along a side.
fn worst(areas: &[f64], count: usize, side: f64) -> f64 {
    let row = areas.get(..count).unwrap_or(areas);
    let sum: f64 = row.iter().sum();
    let thick = sum / side.max(f64::MIN_POSITIVE);
    let ratio = |area: &f64| {
        let long = area / thick.max(f64::MIN_POSITIVE);
        (long / thick).max(thick / long.max(f64::MIN_POSITIVE))
    };
    row.iter().map(ratio).fold(0.0, f64::max)
}

/// Places a row along the shorter side, and gives back the room that is left.
fn place(row: &[f64], room: Rect, out: &mut Vec<Rect>) -> Rect {
    let sum: f64 = row.iter().sum();
    let Rect { mut x, mut y, width, height } = room;
    if width >= height {
        // What rounding leaves of a room may have no width at all.
        let thick = (sum / height.max(f64::MIN_POSITIVE)).min(width);
        for area in row {
            let long = (area / thick.max(f64::MIN_POSITIVE)).min(height);
            out.push(Rect { x, y, width: thick, height: long });
            y += long;
        }
        Rect { x: x + thick, y: room.y, width: (width - thick).max(0.0), height }
    } else {
        let thick = (sum / width.max(f64::MIN_POSITIVE)).min(height);
        for area in row {
            let long = (area / thick.max(f64::MIN_POSITIVE)).min(width);
            out.push(Rect { x, y, width: long, height: thick });
            x += long;
        }
        Rect { x: room.x, y: y + thick, width, height: (height - thick).max(0.0) }
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

    #[test]
    fn areas_are_shares_and_nothing_overlaps() {
        let weights = [600, 600, 400, 300, 200, 200, 100, 1];
        let rects = layout(&weights);
        let total: u64 = weights.iter().sum();
        for (weight, rect) in weights.iter().zip(&rects) {
            let share = rect.width * rect.height / (WIDTH * HEIGHT);
            assert!((share - float(*weight) / float(total)).abs() < 1e-9, "{weight}: {rect:?}");
            assert!(rect.x >= -1e-6 && rect.x + rect.width <= WIDTH + 1e-6, "{rect:?}");
            assert!(rect.y >= -1e-6 && rect.y + rect.height <= HEIGHT + 1e-6, "{rect:?}");
        }
        for (at, a) in rects.iter().enumerate() {
            for b in &rects[at + 1..] {
                let across = (a.x + a.width).min(b.x + b.width) - a.x.max(b.x);
                let down = (a.y + a.height).min(b.y + b.height) - a.y.max(b.y);
                assert!(across <= 1e-6 || down <= 1e-6, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn odd_weights() {
        assert_eq!(layout(&[]), []);
        assert_eq!(layout(&[7]), [Rect { x: 0.0, y: 0.0, width: WIDTH, height: HEIGHT }]);
        // Half and half, side by side.
        let half = [(0.0, 800.0), (800.0, 800.0)].map(|(x, width)| Rect { x, y: 0.0, width, height: HEIGHT });
        assert_eq!(layout(&[5, 5]), half);
        let huge = layout(&[u64::MAX, u64::MAX, 1, 1]);
        assert!(huge.iter().all(|rect| rect.width.is_finite() && rect.height.is_finite()), "{huge:?}");
        assert_eq!(float(u64::MAX), 18_446_744_073_709_551_615.0);
    }
}
