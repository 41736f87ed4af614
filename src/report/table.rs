//! Tables on a terminal: columns as wide as their widest line, no borders.

use tabled::builder::Builder;
use tabled::settings::object::{Cell, Columns};
use tabled::settings::{Alignment, Padding, Style as Borders};

use super::paint::{Paint, Style};

/// A line of a cell, and how it is shown.
pub(super) type Line = (Style, String);

/// Rows of cells of lines, laid out.
pub(super) struct Table {
    table: tabled::Table,
    /// How many lines each row has.
    heights: Vec<usize>,
}

impl Table {
    /// Rows of equally many cells, with `gap` blanks between two columns. All
    /// columns but the first stand as `alignment` says.
    pub(super) fn new(
        rows: &[Vec<Vec<Line>>],
        gap: usize,
        alignment: Alignment,
        paint: Paint,
    ) -> Self {
        // A record a line: only whole cells of a table have a colour.
        let mut records = Builder::default();
        let mut colours = Vec::new();
        let heights = rows.iter().map(|row| row.iter().map(Vec::len).max());
        let heights: Vec<usize> = heights.map(Option::unwrap_or_default).collect();
        for (row, height) in rows.iter().zip(&heights) {
            for at in 0..*height {
                for (column, cell) in row.iter().enumerate() {
                    let colour = cell.get(at).and_then(|(style, _)| paint.colour(*style));
                    let cell = Cell::new(records.count_records(), column);
                    colours.extend(colour.map(|colour| (cell, colour)));
                }
                let texts = row.iter().map(|cell| cell.get(at));
                records.push_record(texts.map(|line| line.map_or("", |(_, text)| text)));
            }
        }
        let mut table = records.build();
        table.with(Borders::empty()).with(Padding::zero());
        table.modify(Columns::new(1..), Padding::new(gap, 0, 0, 0));
        table.modify(Columns::new(1..), alignment);
        for (cell, colour) in colours {
            table.modify(cell, colour);
        }
        Self { table, heights }
    }

    /// Columns of the terminal that the widest line takes.
    pub(super) fn width(&self) -> usize {
        self.table.total_width()
    }

    /// The text of each row, whose lines end with a line break.
    pub(super) fn rows(&self) -> Vec<String> {
        let text = self.table.to_string();
        let mut lines = text.lines().map(|line| line.trim_end_matches(' '));
        let rows = self.heights.iter().map(|height| {
            let lines = lines.by_ref().take(*height);
            lines.map(|line| format!("{line}\n")).collect()
        });
        rows.collect()
    }
}
