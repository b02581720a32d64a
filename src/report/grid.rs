//! Columns of text.

use super::Style;
use crate::text::{fit, width};

/// Spaces between columns.
const GAP: usize = 2;
/// What gives way on a narrow terminal keeps so many columns all the same.
const LEAST: usize = 12;

/// How a column is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    Left,
    /// For numbers.
    Right,
    /// Left, and cut when the terminal is narrow.
    Flexible,
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
        let natural = widths.clone();
        let mut excess = self.fit(&mut widths, indent, LEAST, style);
        let spare: Vec<usize> =
            self.columns.iter().enumerate().rev().filter(|(_, c)| **c == Column::Spare).map(|(at, _)| at).collect();
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
            let mut line = " ".repeat(indent);
            let shown = self.columns.iter().zip(&widths).zip(cells).filter(|((_, columns), _)| **columns > 0);
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
            put(*weight, line.trim_end(), style, out);
        }
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
