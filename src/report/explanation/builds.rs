//! The builds of one recording on a terminal, one after another.

use super::super::number;
use super::super::paint::Style;
use super::page::Page;
use super::{PageStyle, Subject, build};
use crate::escape;
use crate::explain::Explanation;

/// Builds that are explained; of more there is a list alone.
const MAX_EXPLAINED: usize = 10;
/// Builds that are listed at most.
const MAX_LISTED: usize = 1000;

/// A list of the builds, then each of them. Ends with a line break.
pub fn builds(builds: &[(&Subject, &Explanation)], style: PageStyle) -> String {
    let mut page = Page::new(style);
    page.line(Style::Bold, &format!("{} builds", builds.len()));
    for (subject, explanation) in builds.iter().take(MAX_LISTED) {
        let title = escape::columns(&subject.title, page.width / 2);
        let time = number::seconds(explanation.span.as_secs_f64());
        let time = match explanation.clock.tells_when() {
            true => time,
            false => format!("≥ {time}"),
        };
        let (style, end) = end(explanation);
        let end = page.paint.apply(style, end);
        page.line(Style::Plain, &format!("  {time:>8}  {end:<10}  {title}"));
    }
    if builds.len() > MAX_EXPLAINED {
        if let Some((first, _)) = builds.first() {
            let title = escape::terminal(&first.title, 200);
            let text = format!("`buildrace explain '{title}'` explains the first of them.");
            page.wrapped(Style::Dim, &text);
        }
        return page.out;
    }
    for (subject, explanation) in builds {
        page.out.push('\n');
        page.out.push_str(&build(subject, explanation, style));
    }
    page.out
}

fn end(explanation: &Explanation) -> (Style, &'static str) {
    match &explanation.failure {
        Some(failure) if failure.cancelled => (Style::Bad, "cancelled"),
        Some(_) => (Style::Bad, "failed"),
        None if !explanation.complete => (Style::Bad, "incomplete"),
        None => (Style::Good, "ok"),
    }
}
