//! A page of a terminal.

use std::fmt::Write;

use super::super::paint::{Paint, Style};
use super::super::wrap::wrap;
use super::PageStyle;

/// A page of a terminal.
pub(super) struct Page {
    pub(super) out: String,
    pub(super) width: usize,
    pub(super) paint: Paint,
}

impl Page {
    pub(super) fn new(style: PageStyle) -> Self {
        Self {
            out: String::new(),
            width: style.width.clamp(40, 400),
            paint: Paint {
                colour: style.colour,
            },
        }
    }

    pub(super) fn line(&mut self, style: Style, text: &str) {
        let _ = writeln!(self.out, "{}", self.paint.apply(style, text));
    }

    /// The same, each line two columns to the right.
    pub(super) fn indented(&mut self, style: Style, text: &str) {
        for line in wrap(text, self.width - 2) {
            self.line(style, &format!("  {line}"));
        }
    }

    /// A sentence or several as an item of a list.
    pub(super) fn item(&mut self, text: &str) {
        let mut lines = wrap(text, self.width - 4).into_iter();
        if let Some(first) = lines.next() {
            self.line(Style::Plain, &format!("  - {first}"));
        }
        for line in lines {
            self.line(Style::Plain, &format!("    {line}"));
        }
    }

    pub(super) fn wrapped(&mut self, style: Style, text: &str) {
        for line in wrap(text, self.width) {
            self.line(style, &line);
        }
    }
}
