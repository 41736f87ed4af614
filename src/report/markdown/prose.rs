//! Prose as Markdown, and what folds it away.

use super::super::prose::{Line, Piece};
use crate::escape::{markdown as text, markdown_code as code, markdown_within as within};

/// A line, marked up.
pub(in crate::report) fn line(line: &Line) -> String {
    let pieces = line.iter().enumerate();
    let pieces = pieces.map(|(at, piece)| match piece {
        Piece::Text(words) if at > 0 => within(words),
        Piece::Text(words) => text(words),
        Piece::Strong(words) => format!("**{}**", text(words)),
        Piece::Code(literal) => code(literal),
        Piece::Link(address) => format!("<{address}>"),
    });
    pieces.collect()
}

/// Markdown that a reader unfolds.
pub(in crate::report) fn folded(summary: &str, body: &str) -> String {
    format!(
        "<details><summary>{summary}</summary>\n\n{}\n\n</details>\n\n",
        body.trim_end()
    )
}
