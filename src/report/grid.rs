//! Columns of text.

use super::Style;
use super::text::{fit, width};

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
        let gaps = GAP.saturating_mul(self.columns.len().saturating_sub(1));
        let whole = widths.iter().fold(indent.saturating_add(gaps), |sum, width| sum.saturating_add(*width));
        let mut excess = whole.saturating_sub(style.width);
        for (column, width) in self.columns.iter().zip(&mut widths) {
            if *column == Column::Flexible && *width > LEAST {
                let cut = excess.min(width.saturating_sub(LEAST));
                *width = width.saturating_sub(cut);
                excess = excess.saturating_sub(cut);
            }
        }
        for (weight, cells) in &self.rows {
            let mut line = " ".repeat(indent);
            for (at, ((column, columns), cell)) in self.columns.iter().zip(&widths).zip(cells).enumerate() {
                if at > 0 {
                    line.push_str(&" ".repeat(GAP));
                }
                let cell = fit(cell, *columns);
                let pad = " ".repeat(columns.saturating_sub(width(&cell)));
                if *column == Column::Right {
                    line.push_str(&pad);
                    line.push_str(&cell);
                } else {
                    line.push_str(&cell);
                    line.push_str(&pad);
                }
            }
            let line = line.trim_end();
            out.push_str(&match weight {
                Weight::Head => style.dim(line),
                Weight::Plain => line.to_owned(),
                Weight::Total => style.bold(line),
            });
            out.push('\n');
        }
    }
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
}
