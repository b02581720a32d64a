//! Columns of text.

use super::Style;
use crate::text::{fit, width};

/// Spaces between columns.
const GAP: usize = 2;
/// What gives way on a narrow terminal keeps so many columns all the same.
const LEAST: usize = 12;

/// Columns for a name that shares its line with numbers; with less room it has a line of its own.
const NAME: usize = 28;

/// How a column is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    Left,
    /// For numbers.
    Right,
    /// Left, and cut when the terminal is narrow.
    Flexible,
    /// The first column, for names that are copied: never cut. One that is too long has a line of its own.
    Name,
    /// A picture beside a number; it goes before any number does.
    Bar,
    /// For numbers that are left out when the terminal is narrower still; the last ones go first.
    Spare,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    Head,
    Plain,
    Total,
}

/// Rows of cells that are set when all of them are known.
#[derive(Debug)]
pub struct Grid {
    columns: Vec<Column>,
    rows: Vec<(Weight, Vec<String>)>,
}

impl Grid {
    /// A grid with its headings.
    pub fn new<const N: usize>(columns: [(&str, Column); N]) -> Self {
        let head = columns.iter().map(|(head, _)| (*head).to_owned()).collect();
        Self { columns: columns.iter().map(|(_, column)| *column).collect(), rows: vec![(Weight::Head, head)] }
    }

    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push((Weight::Plain, cells.into()));
    }

    /// A row that stands out.
    pub fn total<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push((Weight::Total, cells.into()));
    }

    /// Writes the rows behind an indent.
    pub fn render(&self, indent: usize, style: Style, out: &mut String) {
        let mut widths = vec![0; self.columns.len()];
        for (_, cells) in &self.rows {
            for (most, cell) in widths.iter_mut().zip(cells) {
                *most = width(cell).max(*most);
            }
        }
        if self.columns.first() == Some(&Column::Name) {
            return self.named(widths, indent, style, out);
        }
        let natural = widths.clone();
        let mut excess = self.fit(&mut widths, indent, LEAST, style);
        let spare = self.spare();
        for gone in 1..=spare.len() {
            if excess == 0 {
                break;
            }
            widths.clone_from(&natural);
            for at in spare.iter().take(gone) {
                if let Some(width) = widths.get_mut(*at) {
                    *width = 0;
                }
            }
            excess = self.fit(&mut widths, indent, LEAST, style);
        }
        if excess > 0 && self.fit(&mut widths, indent, LEAST / 2, style) > 0 {
            return self.stack(indent, style, out);
        }
        for (weight, cells) in &self.rows {
            put(*weight, &self.line(&widths, indent, cells), style, out);
        }
    }

    /// Rows whose names are never cut.
    fn named(&self, mut widths: Vec<usize>, indent: usize, style: Style, out: &mut String) {
        let longest = widths.first().copied().unwrap_or(0);
        let others = |widths: &[usize]| {
            let shown = widths.iter().skip(1).filter(|width| **width > 0);
            shown.fold(indent, |sum, width| sum.saturating_add(*width).saturating_add(GAP))
        };
        for at in self.spare() {
            if others(&widths).saturating_add(longest.min(NAME)) <= style.width {
                break;
            }
            if let Some(width) = widths.get_mut(at) {
                *width = 0;
            }
        }
        let room = style.width.saturating_sub(others(&widths));
        let room = if room < longest.min(NAME) { 0 } else { room };
        let names = self.rows.iter().map(|(_, cells)| width(cells.first().map_or("", String::as_str)));
        let fitting = names.filter(|name| *name <= room).max().unwrap_or(0);
        if let Some(first) = widths.first_mut() {
            *first = fitting;
        }
        for (weight, cells) in &self.rows {
            let Some((name, numbers)) = cells.split_first() else { continue };
            if width(name) <= fitting {
                put(*weight, &self.line(&widths, indent, cells), style, out);
                continue;
            }
            put(*weight, &format!("{}{name}", " ".repeat(indent)), style, out);
            let mut below = vec![String::new()];
            below.extend_from_slice(numbers);
            // With no room for any name, numbers begin behind the indent.
            let indent = if fitting == 0 { indent.saturating_add(GAP).min(style.width) } else { indent };
            put(*weight, &self.line(&widths, indent, &below), style, out);
        }
    }

    /// What may be left out, in that order.
    fn spare(&self) -> Vec<usize> {
        let columns = || self.columns.iter().enumerate().rev();
        let bars = columns().filter(|(_, column)| **column == Column::Bar);
        bars.chain(columns().filter(|(_, column)| **column == Column::Spare)).map(|(at, _)| at).collect()
    }

    fn line(&self, widths: &[usize], indent: usize, cells: &[String]) -> String {
        let mut line = " ".repeat(indent);
        let shown = self.columns.iter().zip(widths).zip(cells).filter(|((_, columns), _)| **columns > 0);
        for (at, ((column, columns), cell)) in shown.enumerate() {
            if at > 0 {
                line.push_str(&" ".repeat(GAP));
            }
            let cell = fit(cell, *columns);
            let pad = " ".repeat(columns.saturating_sub(width(&cell)));
            if matches!(column, Column::Right | Column::Spare) {
                line.push_str(&pad);
                line.push_str(&cell);
            } else {
                line.push_str(&cell);
                line.push_str(&pad);
            }
        }
        line.trim_end().to_owned()
    }

    /// Makes the columns that are left fit, those that may be cut no narrower than `least`; by how much they do not.
    fn fit(&self, widths: &mut [usize], indent: usize, least: usize, style: Style) -> usize {
        let shown = widths.iter().filter(|width| **width > 0);
        let whole = shown.fold(indent, |sum, width| sum.saturating_add(*width).saturating_add(GAP));
        let mut excess = whole.saturating_sub(GAP).saturating_sub(style.width);
        for (column, width) in self.columns.iter().zip(widths) {
            if *column == Column::Flexible && *width > least {
                let cut = excess.min(width.saturating_sub(least));
                *width = width.saturating_sub(cut);
                excess = excess.saturating_sub(cut);
            }
        }
        excess
    }

    /// A block a row, a line a cell: where the terminal is too narrow for columns.
    fn stack(&self, indent: usize, style: Style, out: &mut String) {
        let Some(((_, heads), rows)) = self.rows.split_first() else { return };
        let widest = heads.iter().skip(1).map(|head| width(head)).max().unwrap_or(0);
        for (weight, cells) in rows {
            let name = cells.first().map(String::as_str).unwrap_or_default();
            let line = format!("{}{}", " ".repeat(indent), fit(name, style.width.saturating_sub(indent)));
            put(*weight, &line, style, out);
            for (head, cell) in heads.iter().zip(cells).skip(1).filter(|(_, cell)| !cell.is_empty()) {
                let pad = " ".repeat(widest.saturating_sub(width(head)).saturating_add(GAP));
                out.push_str(&format!("{}{}{pad}{cell}\n", " ".repeat(indent.saturating_add(GAP)), style.dim(head)));
            }
        }
    }
}

fn put(weight: Weight, line: &str, style: Style, out: &mut String) {
    out.push_str(&match weight {
        Weight::Head => style.dim(line),
        Weight::Plain => line.to_owned(),
        Weight::Total => style.bold(line),
    });
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let mut grid = Grid::new([("name", Column::Flexible), ("keys", Column::Right), ("kind", Column::Left)]);
        grid.row(["a:rather:long:name".into(), "7".into(), "x".into()]);
        grid.row(["鍵".into(), "1,234".into(), String::new()]);
        grid
    }

    #[test]
    fn columns_are_aligned() {
        let mut out = String::new();
        grid().render(1, Style::PLAIN, &mut out);
        assert_eq!(
            out,
            " name                 keys  kind\n a:rather:long:name      7  x\n 鍵                  1,234\n"
        );
    }

    #[test]
    fn names_are_never_cut() {
        let mut grid = Grid::new([("name", Column::Name), ("keys", Column::Right), ("old", Column::Spare)]);
        grid.row(["a:rather:long:name:that:goes:on".into(), "1,234".into(), "17".into()]);
        grid.row(["short".into(), "7".into(), "1".into()]);
        let render = |width| {
            let mut out = String::new();
            grid.render(1, Style { width, colour: false }, &mut out);
            out
        };
        let whole = " name                              keys  old\n a:rather:long:name:that:goes:on  1,234   17\n \
                     short                                7    1\n";
        assert_eq!(render(44), whole);
        // One column less, and the long name stands alone; without room for 28 of its columns, some numbers go.
        let alone = " name    keys  old\n a:rather:long:name:that:goes:on\n        1,234   17\n short      7    1\n";
        assert_eq!(render(43), alone);
        let fewer = " name    keys\n a:rather:long:name:that:goes:on\n        1,234\n short      7\n";
        assert_eq!(render(38), fewer);
        // No room for names beside numbers at all.
        let below = " name\n    keys\n a:rather:long:name:that:goes:on\n   1,234\n short\n       7\n";
        assert_eq!(render(20), below);
    }

    #[test]
    fn names_give_way_to_a_narrow_terminal() {
        let mut out = String::new();
        grid().render(0, Style { width: 29, colour: false }, &mut out);
        // 29 − 5 − 4 − 2 × 2 = 16 columns are left for the name.
        assert_eq!(out, "name               keys  kind\na:rather:l…:name      7  x\n鍵                1,234\n");
    }

    #[test]
    fn spare_numbers_give_way_next_and_then_there_are_no_columns() {
        let mut grid = Grid::new([("name", Column::Flexible), ("keys", Column::Right), ("old", Column::Spare)]);
        grid.row(["a:rather:long:name".into(), "1,234".into(), "17".into()]);
        let render = |width| {
            let mut out = String::new();
            grid.render(1, Style { width, colour: false }, &mut out);
            out
        };
        // 1 + 12 + 2 + 5 + 2 + 3 = 25 columns are the least with all of them, 20 the least with a whole name of 12.
        assert_eq!(render(25), " name           keys  old\n a:rather…ame  1,234   17\n");
        assert_eq!(render(24), " name               keys\n a:rather:l…:name  1,234\n");
        assert_eq!(render(14), " name     keys\n a:ra…e  1,234\n");
        assert_eq!(render(13), " a:rather…ame\n   keys  1,234\n   old   17\n");
    }
}
