//! How and where a run was measured, as Markdown.

use std::fmt::Write;

use super::super::environment;
use super::super::prose::Line;
use super::super::questions;
use super::super::reading;
use super::super::view::View;
use super::prose::line;
use crate::escape::{markdown as text, markdown_block as block, markdown_code as code};

/// What the figures of the tables are, in one paragraph.
pub(in crate::report) fn legend(view: &View) -> String {
    paragraph(&reading::figures(view))
}

/// What intervals and verdicts stand on, in one paragraph.
pub(in crate::report) fn certainty(view: &View) -> String {
    paragraph(&reading::certainty(view))
}

fn paragraph(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| text(line)).collect();
    lines.join(" ")
}

/// The ten questions as a table, and the edits as differences below it.
pub(in crate::report) fn questions(view: &View) -> String {
    let mut out = "| question | answer |\n|:--|:--|\n".to_owned();
    for question in questions::questions(view) {
        let answer = lines(&question.answer);
        let _ = writeln!(out, "| {} | {answer} |", question.question);
    }
    out.push('\n');
    for (what, diff) in questions::edits(view) {
        let _ = writeln!(out, "The {} changes {}:\n", text(&what), code(&diff.file));
        let changed = diff.lines();
        let _ = writeln!(out, "{}", block("diff", changed.iter().map(String::as_str)));
    }
    out
}

/// The machine, the builder and the run, as a table.
pub(in crate::report) fn environment(view: &View) -> String {
    let mut out = "| what | value |\n|:--|:--|\n".to_owned();
    for (name, value) in environment::rows(view) {
        let _ = writeln!(out, "| {name} | {} |", lines(&value));
    }
    out.push('\n');
    out
}

fn lines(of: &[Line]) -> String {
    let lines: Vec<String> = of.iter().map(line).collect();
    lines.join("<br>")
}

/// The command that does it again.
pub(in crate::report) fn repeat(view: &View) -> String {
    let suite = match &view.suite {
        Some(suite) => format!(", the suite {},", text(suite)),
        None => String::new(),
    };
    let command = questions::command(view);
    format!(
        "Repeat it{suite} with buildrace {}, in the same order:\n\n{}\n",
        text(&view.buildrace),
        block("sh", [command.as_str()])
    )
}
