//! The report itself in other forms: a page, a text, a picture, rows.

use std::fmt;
use std::str::FromStr;

/// A form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Document {
    /// The page that holds all it needs.
    Html,
    /// The summary.
    Markdown,
    /// The headline chart; of several runs, their ratios.
    Svg,
    /// The same chart in pixels.
    Png,
    /// A row a sample; of several runs, a row a time.
    Csv,
    /// What the report says, for programs.
    Json,
}

impl Document {
    /// Every form.
    pub const ALL: [Self; 6] = [
        Self::Html,
        Self::Markdown,
        Self::Svg,
        Self::Png,
        Self::Csv,
        Self::Json,
    ];

    /// The name used on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Markdown => "markdown",
            Self::Svg => "svg",
            Self::Png => "png",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that no form has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoDocument;

impl FromStr for Document {
    type Err = NoDocument;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|form| form.name() == text);
        known.ok_or(NoDocument)
    }
}
