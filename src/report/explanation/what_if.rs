//! Predictions on a terminal, beside what was measured.

use unicode_width::UnicodeWidthStr;

use super::super::number;
use super::super::paint::Style;
use super::super::words::join;
use super::culprit::MAX_NODE;
use super::page::Page;
use super::text::short_instruction;
use crate::escape;
use crate::explain::what_if::{Change, WhatIf};
use crate::explain::{Explanation, StepFacts};

/// What would have been otherwise, and what the answers stand on.
pub(super) fn what_if(page: &mut Page, explanation: &Explanation, of: &str) {
    if explanation.what_if.is_empty() {
        return;
    }
    page.out.push('\n');
    page.line(Style::Bold, &format!("what if{of}"));
    let rows: Vec<(String, String, String)> = explanation
        .what_if
        .iter()
        .map(|answer| {
            let measured = answer.measured.as_ref().map(|measured| {
                format!(
                    "measured: {} {}",
                    escape::terminal(&measured.what, 60),
                    number::seconds(measured.span.as_secs_f64())
                )
            });
            let change = change(&answer.change, &explanation.steps);
            (change, predicted(answer), measured.unwrap_or_default())
        })
        .collect();
    let widest = rows.iter().map(|(change, ..)| change.width()).max();
    for (change, predicted, measured) in rows {
        let blanks = " ".repeat(widest.unwrap_or(0) - change.width());
        let line = format!("  {change}{blanks}  {predicted:>12}  {measured}");
        page.line(Style::Plain, line.trim_end());
    }
    page.wrapped(Style::Dim, &model(explanation));
}

fn change(change: &Change, steps: &[StepFacts]) -> String {
    let named = |step: usize| {
        let step = &steps[step];
        let node = step.node.as_deref();
        let node = node.map(|node| escape::terminal(node, MAX_NODE));
        let platform = step.platform.as_ref().map(ToString::to_string);
        let place = node.or(platform).map(|place| format!(" on {place}"));
        format!(
            "{}{}",
            short_instruction(&step.instruction, 44),
            place.unwrap_or_default()
        )
    };
    match change {
        Change::NativeStep { step } => format!("{} at native speed", named(*step)),
        Change::NativeNode { platform } => format!("a native node for {platform}"),
        Change::NoStep { step } => format!("{} took no time", named(*step)),
        Change::NoCacheLock { ids } => {
            let ids = join(ids.iter().cloned());
            format!(
                "sharing=shared, or an id for each, for {}",
                escape::columns(&ids, 44)
            )
        }
        Change::Cores { from, to } => format!("{to} cores for RUN steps, not {from}"),
    }
}

fn predicted(answer: &WhatIf) -> String {
    let (low, high) = (answer.low.as_secs_f64(), answer.high.as_secs_f64());
    number::range(low, high)
}

/// What the answers stand on, and how far to trust them.
fn model(explanation: &Explanation) -> String {
    let (low, high) = explanation.core_share;
    let share = if (low, high) == (0.0, 1.0) {
        "how busy the machine was is unknown, so from no sharing to full sharing".to_owned()
    } else {
        let (low, high) = (number::share(low), number::share(high));
        format!("one keeps {low} to {high} of the cores busy, as the machine's load shows")
    };
    format!(
        "A model: the same steps in the same order with the same delays, and RUN steps that share \
         the cores evenly ({share}); caches, disks and networks stay as they were."
    )
}
