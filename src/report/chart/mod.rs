//! Charts of a run: one file a chart, each a pure function from what is to be shown and a theme to
//! an SVG document that stands alone or in a page.
//!
//! A chart is 640 units wide and its letters are at least 18 high: where a page shows it 400 pixels
//! wide, they are still 11 pixels high.

mod axis;
mod bar;
mod canvas;
mod forest;
mod growth;
mod headline;
mod history;
mod ladder;
mod letters;
pub mod palette;
mod samples;
mod side_by_side;
mod waterfall;
mod wording;

pub use forest::forest;
pub use growth::growth;
pub use headline::headline;
pub use history::history;
pub use ladder::ladder;
pub use palette::{Colour, Theme};
pub use samples::samples;
pub use side_by_side::side_by_side;
pub use waterfall::{waterfall, waterfall_pair};

#[cfg(test)]
mod tests;
