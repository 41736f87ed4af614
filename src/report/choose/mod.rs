//! What `buildrace choose` shows: the recommendation, a table of the strategies, and
//! what the figures stand on; as JSON; and as the workflow that does it.

mod json;
mod notes;
mod table;
#[cfg(test)]
mod tests;
mod words;
mod workflow;

use std::fmt::Write;

use super::paint::{Paint, Style};
use super::wrap::wrap;
use crate::escape;
use crate::fleet::Answer;
pub use json::json;
use words::MAX_NAME;
pub use words::recommendation;
pub use workflow::{WorkflowInput, github};

/// The answer for a terminal `width` columns wide, with colours if `colour`. Ends with a
/// line break.
pub fn choose(answer: &Answer, width: usize, colour: bool) -> String {
    let paint = Paint { colour };
    let width = width.clamp(20, 400);
    let mut out = String::new();
    let say = |out: &mut String, style: Style, text: &str| {
        for line in wrap(text, width) {
            let _ = writeln!(out, "{}", paint.apply(style, &line));
        }
    };
    for (at, sentence) in recommendation(answer).iter().enumerate() {
        let style = if at == 0 { Style::Bold } else { Style::Plain };
        say(&mut out, style, sentence);
    }
    out.push('\n');
    let name = escape::columns(&answer.scenario, MAX_NAME);
    let title = escape::terminal(&answer.title, 200);
    say(&mut out, Style::Dim, &format!("{name}: {title}"));
    out.push_str(&table::table(answer, width, paint));
    out.push('\n');
    for note in notes::notes(answer) {
        say(&mut out, Style::Dim, &note);
    }
    out
}
