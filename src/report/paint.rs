//! Colours of a terminal, where it has them.

use tabled::settings::Color;

/// How a text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Bold,
    Dim,
    Good,
    Bad,
    /// What runs under an emulator.
    Emulated,
    /// What the CPU executes itself.
    Native,
}

/// Paints, or leaves text as it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    pub(super) colour: bool,
}

impl Paint {
    pub(super) fn apply(self, style: Style, text: &str) -> String {
        match self.colour(style) {
            Some(colour) => colour.colorize(text),
            None => text.to_owned(),
        }
    }

    /// The codes around a text; `None` where it stays as it is.
    pub(super) fn colour(self, style: Style) -> Option<Color> {
        let code = match style {
            Style::Plain => return None,
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Good => "32",
            Style::Bad => "31",
            Style::Emulated => "33",
            Style::Native => "34",
        };
        self.colour
            .then(|| Color::new(format!("\x1b[{code}m"), "\x1b[0m"))
    }
}
