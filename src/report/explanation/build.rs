//! One build on a terminal: the culprit, the critical path, the steps, and
//! what would have been otherwise.

use std::time::Duration;

use unicode_width::UnicodeWidthStr;

use super::super::number;
use super::super::paint::Style;
use super::super::words::join;
use super::culprit::{capitalised, culprit};
use super::page::Page;
use super::text::short_instruction;
use super::waits::waits;
use super::what_if::what_if;
use super::{PageStyle, Subject};
use crate::escape;
use crate::explain::{Activity, Explanation, Interval, SlowDown, StepFacts, StepKind};
use crate::model::Outcome;
use crate::trace::Clock;

/// Emulated steps whose slow-down is described.
const MAX_SLOW_DOWNS: usize = 5;
/// Steps shown without `--all`.
const MAX_STEPS: usize = 20;
/// Share of the build from which on a step is shown without `--all`.
const WORTH_SHOWING: f64 = 0.005;
/// Columns of the picture of when a step was worked on.
const BAR: usize = 24;

/// One build, with colours if the style has them. Ends with a line break.
pub fn build(subject: &Subject, explanation: &Explanation, style: PageStyle) -> String {
    let mut page = Page::new(style);
    heading(&mut page, subject, explanation);
    critical_path(&mut page, explanation);
    steps(&mut page, explanation, style.all);
    platforms(&mut page, explanation);
    waits(&mut page, explanation);
    shared(&mut page, explanation);
    what_if(&mut page, explanation, "");
    page.out
}

fn heading(page: &mut Page, subject: &Subject, explanation: &Explanation) {
    page.line(Style::Bold, &escape::columns(&subject.title, page.width));
    let mut facts = vec![format!(
        "{} {}",
        number::seconds(explanation.span.as_secs_f64()),
        on_clock(explanation.clock)
    )];
    if let Some(wall) = subject.wall {
        facts.push(format!(
            "{} on the client's",
            number::seconds(wall.as_secs_f64())
        ));
    }
    if let Some(node) = &explanation.node {
        facts.push(format!("node {node}"));
    }
    if let Some(sample) = &subject.sample {
        facts.push(escape::terminal(sample, 128));
    }
    page.wrapped(Style::Dim, &facts.join(", "));
    if let Some(outcome) = subject.outcome.filter(|outcome| *outcome != Outcome::Ok) {
        page.line(Style::Bad, &format!("the build ended: {outcome}"));
    }
    if let Some(text) = from_a_log(explanation.clock) {
        page.wrapped(Style::Dim, text);
    }
    if let Some(text) = failure(explanation) {
        page.wrapped(Style::Bad, &text);
    }
    if !explanation.complete {
        let text = match subject.wall {
            Some(wall) => format!(
                "incomplete: the trace ends after {} of {}; all figures are of that part alone",
                number::seconds(explanation.span.as_secs_f64()),
                number::seconds(wall.as_secs_f64())
            ),
            None => "incomplete: the recording was cut off or steps had not ended; all figures \
                     are of the part that is there"
                .to_owned(),
        };
        page.wrapped(Style::Bad, &text);
    }
    if explanation.node.is_none() {
        page.wrapped(
            Style::Bad,
            "A recording does not name the CPU, so no RUN step can be called emulated. Name the \
             CPU's platform with --node, like --node linux/amd64.",
        );
    }
    let is_nowhere =
        |step: &StepFacts| step.kind == StepKind::UnknownRun && step.platform.is_none();
    if explanation.node.is_some() && explanation.steps.iter().any(is_nowhere) {
        page.wrapped(
            Style::Bad,
            "The names of some RUN steps have no platform: add --platform and --file DOCKERFILE, or \
             record with --build-arg BUILDKIT_MULTI_PLATFORM=1.",
        );
    }
    if let Some(sentence) = culprit(explanation) {
        page.out.push('\n');
        page.wrapped(Style::Bold, &format!("{}.", capitalised(&sentence)));
    }
    slow_downs(page, explanation);
}

/// By which clock a build took as long as it did, after that time.
pub(in crate::report) fn on_clock(clock: Clock) -> &'static str {
    match clock {
        Clock::BuildKit => "on BuildKit's clock",
        Clock::Log => "by the time stamps of the log",
        Clock::None => "or more, by the durations in the log",
    }
}

/// What the times of a build are worth that was read from a plain log.
pub(super) fn from_a_log(clock: Clock) -> Option<&'static str> {
    match clock {
        Clock::BuildKit => None,
        Clock::Log => Some(
            "From a plain log: durations are BuildKit's, to 0.1 s. Starts and ends are the log's \
             time stamps, up to 0.3 s late. What a step takes from is inferred from names.",
        ),
        Clock::None => Some(
            "From a plain log: durations are BuildKit's, to 0.1 s. The log has no time stamps, so \
             waiting, and what ran beside what, are unknown. What a step takes from is inferred \
             from names.",
        ),
    }
}

/// Why a build has no result: `it failed at [2/2] RUN make: …`. Plain text,
/// safe for a terminal; escape it for other outputs.
pub(in crate::report) fn failure(explanation: &Explanation) -> Option<String> {
    let failure = explanation.failure.as_ref()?;
    let step = explanation.failed.map(|failed| &explanation.steps[failed]);
    let name = step.map(|step| escape::terminal(&step.name, 200));
    let message = escape::terminal(&failure.message, 400);
    let begun = |name: &str| match step.is_some_and(|step| step.unfinished || step.cancelled) {
        true => format!("it was at {name}"),
        false => format!("the last step that began was {name}"),
    };
    Some(match (name, failure.by_step, failure.cancelled) {
        (Some(name), true, _) => {
            let error = step
                .and_then(|step| step.error.as_deref())
                .unwrap_or_default();
            let error = escape::terminal(error.lines().next_back().unwrap_or_default(), 300);
            format!("it failed at {name}: {error}")
        }
        (name, _, cancelled) => {
            let mut text = match (cancelled, message.as_str()) {
                (true, "cancelled") => "it was cancelled".to_owned(),
                (true, _) => format!("it was cancelled: {message}"),
                (false, _) => format!("it failed: {message}"),
            };
            if let Some(name) = name {
                text.push_str("; ");
                text.push_str(&begun(&name));
            }
            text
        }
    })
}

/// What emulation costs: the culprit first, then those that took longest.
fn slow_downs(page: &mut Page, explanation: &Explanation) {
    let culprit = explanation.culprit.as_ref().map(|culprit| culprit.step);
    let steps = &explanation.steps;
    let slow_downs = explanation.instructions.iter().flat_map(|i| &i.slow_downs);
    let mut slow_downs: Vec<&SlowDown> = slow_downs.collect();
    slow_downs.sort_by_key(|slow_down| {
        let at = slow_down.step;
        (culprit != Some(at), std::cmp::Reverse(steps[at].busy))
    });
    for slow_down in slow_downs.iter().take(MAX_SLOW_DOWNS) {
        let is_culprit = culprit == Some(slow_down.step);
        let text = slow_down_sentence(slow_down, steps, is_culprit);
        page.wrapped(Style::Plain, &text);
    }
    if let Some(more @ 1..) = slow_downs.len().checked_sub(MAX_SLOW_DOWNS) {
        let text = format!("and {more} more emulated steps; --json has all of them");
        page.line(Style::Dim, &text);
    }
}

/// `RUN go build on linux/arm64, line 6, took 69.3 s: 5.5x the 12.6 s of
/// linux/amd64 in this build; 8.9 to 9.4x if each had the node to itself`. Of
/// the culprit, what its sentence has said already is left out.
fn slow_down_sentence(slow_down: &SlowDown, steps: &[StepFacts], is_culprit: bool) -> String {
    let emulated = &steps[slow_down.step];
    let line = emulated.line.map(|line| format!("line {line}"));
    let mut parts = Vec::new();
    let is_told = is_culprit && slow_down.elsewhere.is_none();
    if let (Some(native), Some(ratio)) = (slow_down.native, slow_down.ratio)
        && !is_told
    {
        let native = &steps[native];
        parts.push(format!(
            "{} the {} of {} in this build",
            number::factor(ratio),
            number::seconds(native.busy.as_secs_f64()),
            platform(native)
        ));
    }
    if let Some((low, high)) = slow_down.alone {
        let (low, high) = (number::factor(low), number::factor(high));
        let range = if low == high {
            high
        } else {
            format!("{} to {high}", low.trim_end_matches('×'))
        };
        parts.push(format!("{range} as long if each had the node to itself"));
    }
    if is_culprit {
        let line = line.map(|line| format!("It is {line} of the Dockerfile. "));
        let line = line.unwrap_or_default();
        return match parts.as_slice() {
            [] => line,
            parts if is_told => format!("{line}It would take {}.", parts.join("; ")),
            parts => format!("{line}It took {}.", parts.join("; ")),
        };
    }
    if let Some(elsewhere) = &slow_down.elsewhere {
        parts.push(format!(
            "{} the {} of {}",
            number::factor(elsewhere.ratio),
            number::seconds(elsewhere.time.as_secs_f64()),
            escape::terminal(&elsewhere.what, 80)
        ));
    }
    let line = line.map(|line| format!(", {line},")).unwrap_or_default();
    format!(
        "{} on {}{line} took {}: {}.",
        short_instruction(&emulated.instruction, 60),
        platform(emulated),
        number::seconds(emulated.busy.as_secs_f64()),
        parts.join("; ")
    )
}

fn platform(step: &StepFacts) -> String {
    step.platform
        .as_ref()
        .map_or_else(|| "it".to_owned(), ToString::to_string)
}

fn critical_path(page: &mut Page, explanation: &Explanation) {
    page.out.push('\n');
    let span = explanation.span.as_secs_f64();
    page.line(
        Style::Bold,
        &format!("critical path, {}", number::seconds(span)),
    );
    for part in &explanation.make_up {
        let style = match part.activity {
            Activity::Step(kind) => style(kind),
            Activity::WaitingForCache | Activity::Waiting => Style::Dim,
        };
        let bar = "━".repeat((part.share * BAR as f64).round() as usize);
        let bar = match bar.as_str() {
            "" => bar,
            bar => page.paint.apply(style, bar),
        };
        let line = format!(
            "  {:<24}{:>9}  {:>6}  {}",
            part.activity.describe(),
            number::seconds(part.time.as_secs_f64()),
            number::share(part.share),
            bar
        );
        page.line(Style::Plain, line.trim_end());
    }
    let Some(concurrency) = &explanation.concurrency else {
        return;
    };
    page.line(
        Style::Dim,
        &format!(
            "  {:.1} steps at once on average, {} at most",
            concurrency.mean, concurrency.max
        ),
    );
}

fn style(kind: StepKind) -> Style {
    match kind {
        StepKind::EmulatedRun => Style::Emulated,
        StepKind::NativeRun | StepKind::CrossRun => Style::Native,
        _ => Style::Dim,
    }
}

fn steps(page: &mut Page, explanation: &Explanation, all: bool) {
    let least = explanation.span.mul_f64(WORTH_SHOWING);
    let mut shown: Vec<usize> = (0..explanation.steps.len()).collect();
    if !all {
        shown.retain(|at| {
            let step = &explanation.steps[*at];
            let has_waited = !step.waited_for_cache.is_empty();
            step.busy >= least || step.error.is_some() || has_waited
        });
        // The longest ones, still in the order in which they began.
        shown.sort_by_key(|at| std::cmp::Reverse(explanation.steps[*at].busy));
        shown.truncate(MAX_STEPS);
        shown.sort_unstable();
    }
    let hidden = explanation.steps.len() - shown.len();
    page.out.push('\n');
    let placed = match explanation.clock.tells_when() {
        true => "",
        false => ", each as early as it can have been",
    };
    let mut waits = explanation.steps.iter().map(|step| &step.waited_for_cache);
    let waiting = match waits.any(|waits| !waits.is_empty()) {
        true => ", ┄ waiting for a cache mount",
        false => "",
    };
    page.line(
        Style::Bold,
        &format!("steps (━ on the critical path, ─ beside it{waiting}{placed})"),
    );
    for at in shown {
        step_line(page, explanation, at);
    }
    if hidden > 0 {
        page.line(
            Style::Dim,
            &format!("  {hidden} short steps hidden; --all shows them"),
        );
    }
}

fn step_line(page: &mut Page, explanation: &Explanation, at: usize) {
    let step = &explanation.steps[at];
    let label = match step.name.find(']') {
        Some(end) if step.name.starts_with('[') => {
            let label = step.name[..=end].split_whitespace().collect::<Vec<_>>();
            format!("{} ", escape::columns(&label.join(" "), 40))
        }
        _ => String::new(),
    };
    let what = if step.cached {
        "cached"
    } else {
        short_kind(step.kind)
    };
    let start = format!(
        "  {:>8}  {what:<9} ",
        number::seconds(step.busy.as_secs_f64())
    );
    let bar = page.paint.apply(
        if step.cached {
            Style::Dim
        } else {
            style(step.kind)
        },
        &timeline(step, explanation, at),
    );
    let waited: Duration = step.waited_for_cache.iter().map(|wait| wait.length).sum();
    let waited = match waited.is_zero() {
        true => String::new(),
        false => format!(" (waited {})", number::seconds(waited.as_secs_f64())),
    };
    let taken = start.width() + BAR + 2 + label.width() + waited.width();
    let instruction =
        short_instruction(&step.instruction, page.width.saturating_sub(taken).max(16));
    let waited = match waited.as_str() {
        "" => waited,
        text => page.paint.apply(Style::Dim, text),
    };
    let before = match step.before.is_zero() {
        true => String::new(),
        false => page.paint.apply(
            Style::Dim,
            &format!(
                " ({} before, for another build)",
                number::seconds(step.before.as_secs_f64())
            ),
        ),
    };
    let failed = match &step.error {
        Some(_) if step.cancelled => page.paint.apply(Style::Dim, " (cancelled)"),
        Some(_) => page.paint.apply(Style::Bad, " (failed)"),
        None if step.unfinished => page.paint.apply(Style::Bad, " (unfinished)"),
        None => String::new(),
    };
    page.line(
        Style::Plain,
        &format!("{start} {bar} {label}{instruction}{before}{waited}{failed}"),
    );
}

fn short_kind(kind: StepKind) -> &'static str {
    match kind {
        StepKind::EmulatedRun => "emulated",
        StepKind::NativeRun => "native",
        StepKind::CrossRun => "cross",
        StepKind::UnknownRun => "run",
        StepKind::FileOperation => "files",
        StepKind::BaseImage => "image",
        StepKind::ContextTransfer => "context",
        StepKind::Export => "export",
        StepKind::Internal => "internal",
        StepKind::Unknown => "other",
    }
}

/// When a step was worked on, and when it was on the critical path.
fn timeline(step: &StepFacts, explanation: &Explanation, at: usize) -> String {
    let span = explanation.span.as_secs_f64();
    let mut cells = [' '; BAR];
    let mut mark = |time: &Interval, with: char| {
        if span <= 0.0 {
            return;
        }
        let place = |at: Duration| at.as_secs_f64() / span * BAR as f64;
        let first = (place(time.start) as usize).min(BAR - 1);
        let end = (place(time.end).ceil() as usize).clamp(first + 1, BAR);
        cells[first..end].fill(with);
    };
    let waits = step.waited_for_cache.iter();
    waits.for_each(|wait| mark(&wait.time, '┄'));
    let worked = step.intervals.iter();
    // One without length is where it began to wait.
    let has_waited = !step.waited_for_cache.is_empty();
    let worked = worked.filter(|time| !has_waited || !time.length().is_zero());
    worked.for_each(|time| mark(time, '─'));
    let on_path = explanation.critical_path.iter();
    on_path
        .filter(|part| part.step == Some(at))
        .for_each(|part| mark(&part.time, '━'));
    cells.into_iter().collect()
}

fn platforms(page: &mut Page, explanation: &Explanation) {
    let facts: Vec<String> = explanation
        .platforms
        .iter()
        .map(|facts| {
            let executed = facts.steps - facts.cached;
            format!("{} {executed} of {}", facts.platform, facts.steps)
        })
        .collect();
    if !facts.is_empty() {
        let text = format!("instructions not from the cache: {}", facts.join(", "));
        page.wrapped(Style::Dim, &text);
    }
}

fn shared(page: &mut Page, explanation: &Explanation) {
    if explanation.shared.is_empty() {
        return;
    }
    page.out.push('\n');
    let saved: Duration = explanation.shared.iter().map(|shared| shared.saved).sum();
    page.line(
        Style::Bold,
        &format!(
            "shared across platforms: saved {}",
            number::seconds(saved.as_secs_f64())
        ),
    );
    for shared in explanation.shared.iter().take(MAX_STEPS) {
        let step = &explanation.steps[shared.step];
        let platforms = join(step.serves.iter().map(ToString::to_string));
        let line = format!(
            "  {:>8}  {} for {platforms}",
            number::seconds(step.busy.as_secs_f64()),
            short_instruction(&step.instruction, 60)
        );
        page.line(Style::Plain, &line);
    }
}
