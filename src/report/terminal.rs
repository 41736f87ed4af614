//! The summary on a terminal: a table a scenario, the sentence, what failed,
//! and what a reader must know to believe the figures.

use std::fmt::Write;

use tabled::settings::Alignment;
use unicode_width::UnicodeWidthStr;

use super::article;
use super::explanation::shared_sentence;
use super::failure_rates;
use super::jobs;
use super::names;
use super::number;
use super::paint::{Paint, Style};
use super::parts;
use super::round_summary;
use super::sentence::sentence;
use super::successive;
use super::table::{Line, Table};
use super::view::{Cell, CulpritView, FailureView, ScenarioView, VariantView, View};
use super::words::join;
use super::wrap::wrap;
use crate::escape;
use crate::model::BuildKind;
use crate::stats::{Ratio, Times, Verdict};

/// Columns that a variant's name may take.
const MAX_NAME: usize = 24;
/// Characters of it among which those are looked for in which two names differ.
const MAX_NAME_CHARS: usize = 400;
/// Failures shown in full.
const MAX_FAILURES: usize = 8;
/// Lines of a failed step's log.
const MAX_LOG_LINES: usize = 20;
/// Blanks between two columns of a table.
const GAP: usize = 3;
/// Columns of a bar.
const BAR: usize = 12;

/// The summary for a terminal `width` columns wide, with ANSI colours if
/// `colour`. Ends with a line break. A table that is wider than the terminal
/// becomes a list.
pub fn terminal(view: &View, width: usize, colour: bool) -> String {
    let paint = Paint { colour };
    let width = width.clamp(20, 400);
    let mut out = String::new();
    values(&mut out, view, width, paint);
    for scenario in &view.scenarios {
        heading(&mut out, view, scenario, width, paint);
        let table = table(scenario, paint);
        let is_table = table.width() <= width;
        if is_table {
            out.extend(table.rows());
        } else {
            list(&mut out, scenario, paint);
        }
        out.push('\n');
        let bars = is_table
            && scenario
                .kinds
                .iter()
                .any(|kind| axis(scenario, *kind).is_some());
        let how = round_summary::how_made(scenario).into_iter();
        let how = how.chain(bars.then(|| BARS.to_owned()));
        let how: Vec<String> = how.chain(round_summary::spread(scenario)).collect();
        for line in &how {
            wrapped(&mut out, line, width, Style::Dim, paint);
        }
        if !how.is_empty() {
            out.push('\n');
        }
        jobs_of(&mut out, scenario, width, paint);
        for line in parts::lines(scenario) {
            wrapped(&mut out, &line, width, Style::Plain, paint);
        }
        if !scenario.parts.is_empty() {
            out.push('\n');
        }
        beside_the_article(&mut out, scenario, paint);
        for line in successive::lines(scenario) {
            wrapped(&mut out, &line, width, Style::Plain, paint);
        }
        if !scenario.between.is_empty() {
            out.push('\n');
        }
    }
    for roll_up in &view.roll_up {
        let text = round_summary::rolled_up(roll_up);
        wrapped(&mut out, &text, width, Style::Plain, paint);
    }
    wrapped(&mut out, &sentence(view), width, Style::Bold, paint);
    culprits(&mut out, view, width, paint);
    failures(&mut out, view, width, paint);
    notes(&mut out, view, width, paint);
    out
}

/// Jobs of CI with a remote cache.
fn jobs_of(out: &mut String, scenario: &ScenarioView, width: usize, paint: Paint) {
    let rows = jobs::rows(scenario);
    if rows.is_empty() {
        return;
    }
    wrapped(out, jobs::TITLE, width, Style::Bold, paint);
    let plain = |text: &str| vec![(Style::Plain, text.to_owned())];
    let headers = jobs::HEADERS.map(|header| vec![(Style::Dim, header.to_owned())]);
    let cells = rows
        .iter()
        .map(|row| row.iter().map(|cell| plain(cell)).collect());
    let all: Vec<Vec<Vec<Line>>> = std::iter::once(headers.to_vec()).chain(cells).collect();
    let table = Table::new(&all, 2, Alignment::left(), paint);
    if table.width() <= width {
        out.extend(table.rows());
    } else {
        for row in &rows {
            let named = jobs::HEADERS.iter().zip(row).skip(3);
            let named = named.filter(|(_, cell)| !cell.is_empty());
            let named = named.map(|(header, cell)| format!("{header} {cell}"));
            let named: Vec<String> = named.collect();
            let line = format!("{}, {}, {}: {}", row[0], row[1], row[2], named.join(", "));
            wrapped(out, &line, width, Style::Plain, paint);
        }
    }
    wrapped(out, jobs::HOW, width, Style::Dim, paint);
    out.push('\n');
}

/// Text in lines that fit, each painted on its own.
fn wrapped(out: &mut String, text: &str, width: usize, style: Style, paint: Paint) {
    for line in wrap(text, width) {
        let _ = writeln!(out, "{}", paint.apply(style, &line));
    }
}

/// Why: a line a variant.
fn culprits(out: &mut String, view: &View, width: usize, paint: Paint) {
    for (at, culprit) in view.scenarios.iter().flat_map(|s| &s.culprits).enumerate() {
        if at == 0 {
            out.push('\n');
        }
        let CulpritView {
            variant,
            kind,
            step,
            shared,
        } = culprit;
        let variant = escape::columns(variant, MAX_NAME);
        for sentence in std::iter::once(step.sentence()).chain(shared_sentence(shared)) {
            let text = format!("{kind} of {variant}: {sentence}.");
            wrapped(out, &text, width, Style::Plain, paint);
        }
    }
}

/// What each value of a matrix is, a line each.
fn values(out: &mut String, view: &View, width: usize, paint: Paint) {
    for value in &view.matrix {
        let line = escape::terminal(&value.describe(), 400);
        wrapped(out, &line, width, Style::Dim, paint);
    }
    if !view.matrix.is_empty() {
        out.push('\n');
    }
}

fn heading(out: &mut String, view: &View, scenario: &ScenarioView, width: usize, paint: Paint) {
    let name = escape::columns(&scenario.name, MAX_NAME * 2);
    let title = escape::columns(&scenario.title, width.saturating_sub(name.width() + 2));
    let others = scenario.platforms.iter();
    let others = others.filter(|platform| **platform != scenario.native);
    let platforms = others.map(|platform| match view.matrix.is_empty() {
        true => view.describe_platform(platform),
        false => platform.to_string(),
    });
    let native = scenario.builds_native() || scenario.kinds.contains(&BuildKind::Cold);
    let native = native.then(|| format!("{} native", scenario.native));
    let _ = writeln!(out, "{}: {title}", paint.apply(Style::Bold, &name));
    let platforms = native
        .into_iter()
        .chain(platforms)
        .collect::<Vec<_>>()
        .join(", ");
    wrapped(out, &platforms, width, Style::Dim, paint);
    out.push('\n');
}

/// Names of the variants, each in a few columns and unlike the others.
fn variant_names(scenario: &ScenarioView) -> Vec<String> {
    let names = scenario.variants.iter();
    let names: Vec<String> = names
        .map(|v| escape::terminal(&v.name, MAX_NAME_CHARS))
        .collect();
    names::distinct(&names, |text, end| {
        escape::columns(text, MAX_NAME - end.width()) + end
    })
}

/// A row of headers, and a row a variant: figures stand to the right.
fn table(scenario: &ScenarioView, paint: Paint) -> Table {
    let mut headers = vec!["variant".to_owned()];
    for &kind in &scenario.kinds {
        headers.push(kind.to_string());
        if shows_cost(scenario, kind) {
            headers.push(scenario.added_label());
        }
    }
    let headers = headers.into_iter().map(|text| vec![(Style::Bold, text)]);
    let mut rows = vec![headers.collect()];
    for (variant, name) in scenario.variants.iter().zip(variant_names(scenario)) {
        let mut cells = vec![vec![(Style::Plain, name)]];
        for &kind in &scenario.kinds {
            cells.push(cell_lines(variant.cells.get(&kind), axis(scenario, kind)));
            if shows_cost(scenario, kind) {
                cells.push(cost_lines(variant));
            }
        }
        rows.push(cells);
    }
    Table::new(&rows, GAP, Alignment::right(), paint)
}

/// What the bars show.
const BARS: &str = "Bars, from 0 to the longest build of the column: ━ up to the min, ─ up to the \
                    max, │ median.";

/// Where the bars of a kind end, seconds; without bars where fewer than two variants have times.
fn axis(scenario: &ScenarioView, kind: BuildKind) -> Option<f64> {
    let cells = scenario.variants.iter().filter_map(|v| v.cells.get(&kind));
    let longest: Vec<f64> = cells.filter_map(|cell| Some(cell.times?.max)).collect();
    let end = longest.iter().copied().fold(0.0, f64::max);
    (longest.len() > 1 && end > 0.0).then_some(end)
}

/// `━━━━━━━─│─`: the range of times from 0 to `end`.
fn bar(times: &Times, end: f64) -> String {
    let column = |seconds: f64| ((seconds / end * BAR as f64) as usize).min(BAR - 1);
    let (min, median, max) = (column(times.min), column(times.median), column(times.max));
    let bar: String = (0..=max)
        .map(|at| match at {
            _ if at == median => '│',
            _ if at < min => '━',
            _ => '─',
        })
        .collect();
    format!("{bar:<BAR$}")
}

/// The article's ratios beside ours, where its subject was raced.
fn beside_the_article(out: &mut String, scenario: &ScenarioView, paint: Paint) {
    let ratios = article::ratios(scenario);
    if ratios.is_empty() {
        return;
    }
    let header = ["", "here", "", "the article"];
    let mut rows = vec![
        header
            .map(|text| vec![(Style::Bold, text.to_owned())])
            .to_vec(),
    ];
    rows.extend(ratios.into_iter().map(|ratio| {
        vec![
            vec![(Style::Plain, escape::columns(&ratio.what, MAX_NAME * 2))],
            vec![(Style::Plain, ratio.here)],
            vec![(Style::Dim, ratio.interval.unwrap_or_default())],
            vec![(Style::Plain, ratio.article.to_owned())],
        ]
    }));
    out.extend(Table::new(&rows, GAP, Alignment::right(), paint).rows());
    out.push('\n');
}

/// The cost of the added platforms stands beside multi-arch, where cold was
/// raced too.
fn shows_cost(scenario: &ScenarioView, kind: BuildKind) -> bool {
    kind == BuildKind::MultiArch && scenario.shows_cost()
}

/// Time, range, a bar of it, ratio, its interval, failures: a line each, if there.
fn cell_lines(cell: Option<&Cell>, axis: Option<f64>) -> Vec<Line> {
    let Some(cell) = cell else {
        return vec![(Style::Dim, "-".to_owned())];
    };
    let failed: u32 = cell.failed.values().sum();
    let Some(times) = cell.times else {
        if cell.failed.is_empty() {
            return vec![(Style::Dim, cell.without_time().to_owned())];
        }
        let outcomes = cell.failed.keys().map(ToString::to_string);
        return vec![(Style::Bad, join(outcomes))];
    };
    let mut lines = vec![(Style::Plain, number::seconds(times.median))];
    if times.n > 1 {
        let (min, max) = (
            number::bare_seconds(times.min),
            number::bare_seconds(times.max),
        );
        lines.push((Style::Dim, format!("{min}…{max}")));
    }
    lines.extend(axis.map(|end| (Style::Plain, bar(&times, end))));
    if let Some(ratio) = &cell.ratio {
        let tone = match cell.contradicted {
            true => Style::Dim,
            false => tone(ratio, cell.verdict),
        };
        lines.extend(cell.describe().map(|text| (tone, text)));
        lines.extend(beside(ratio, number::interval(ratio)));
        lines.extend(
            cell.verdict
                .map(|verdict| (tone, verdict.as_str().to_owned())),
        );
    }
    if failed > 0 {
        let text = format!("{failed} of {} failed", cell.samples);
        lines.push((Style::Bad, text));
    }
    lines
}

fn cost_lines(variant: &VariantView) -> Vec<Line> {
    let (Some(cost), Some(text)) = (&variant.added_cost, variant.describe_cost()) else {
        return vec![(Style::Dim, "-".to_owned())];
    };
    let mut lines = vec![(Style::Plain, text)];
    lines.extend(beside(cost, number::cost_interval(cost)));
    lines
}

/// What stands below a ratio: its interval, or how little it stands on.
fn beside(ratio: &Ratio, interval: Option<String>) -> Option<Line> {
    let text = interval.or_else(|| number::reserve(ratio).map(str::to_owned))?;
    Some((Style::Dim, text))
}

/// Good or bad as the verdict says; without one where all of the ratio's
/// interval says so, or the ratio itself where there is none and it is clear
/// enough.
fn tone(ratio: &Ratio, verdict: Option<Verdict>) -> Style {
    match verdict {
        Some(Verdict::Faster) => return Style::Good,
        Some(Verdict::Slower) => return Style::Bad,
        Some(Verdict::Same | Verdict::Inconclusive) => return Style::Dim,
        None => {}
    }
    if number::is_unclear(ratio) {
        return Style::Dim;
    }
    let (low, high) = match ratio.interval {
        Some(interval) => (interval.low, interval.high),
        None => (ratio.estimate, ratio.estimate),
    };
    if high < 1.0 / (1.0 + number::SAME_WITHIN) {
        Style::Good
    } else if low > 1.0 + number::SAME_WITHIN {
        Style::Bad
    } else {
        Style::Dim
    }
}

/// The same figures, a kind a line.
fn list(out: &mut String, scenario: &ScenarioView, paint: Paint) {
    for (variant, name) in scenario.variants.iter().zip(variant_names(scenario)) {
        let _ = writeln!(out, "{}", paint.apply(Style::Bold, &name));
        for &kind in &scenario.kinds {
            let mut parts = cell_lines(variant.cells.get(&kind), None);
            if shows_cost(scenario, kind)
                && let Some(cost) = variant.describe_cost()
            {
                parts.push((Style::Plain, format!("{} {cost}", scenario.added_label())));
            }
            let parts: Vec<String> = parts
                .iter()
                .map(|(style, text)| paint.apply(*style, text))
                .collect();
            let _ = writeln!(out, "  {kind:<12} {}", parts.join("  "));
        }
    }
}

fn failures(out: &mut String, view: &View, width: usize, paint: Paint) {
    for (at, line) in failure_rates::lines(view).enumerate() {
        if at == 0 {
            out.push('\n');
        }
        let line = escape::terminal(&line, 300);
        wrapped(out, &line, width, Style::Bad, paint);
    }
    for failure in view.failures.iter().take(MAX_FAILURES) {
        let FailureView {
            scenario,
            variant,
            kind,
            round,
            outcome,
            seconds,
            failure,
        } = failure;
        let _ = writeln!(
            out,
            "\n{} {} {} {kind}, round {round}, after {}: {}",
            paint.apply(Style::Bad, outcome.as_str()),
            escape::columns(scenario, MAX_NAME),
            escape::columns(variant, MAX_NAME),
            number::seconds(*seconds),
            escape::terminal(&failure.message, 300),
        );
        if let Some(step) = &failure.step {
            let code = match failure.exit_code {
                Some(code) => format!(" (exit code {code})"),
                None => String::new(),
            };
            let _ = writeln!(out, "  step {}{code}", escape::terminal(step, 300));
        }
        let log = &failure.log_tail;
        for line in &log[log.len().saturating_sub(MAX_LOG_LINES)..] {
            let line = escape::columns(line, width.saturating_sub(4));
            let _ = writeln!(out, "  {} {line}", paint.apply(Style::Dim, "|"));
        }
    }
    if let Some(more) = view.failures.len().checked_sub(MAX_FAILURES)
        && more > 0
    {
        let _ = writeln!(out, "\n{more} more failures hidden");
    }
}

fn notes(out: &mut String, view: &View, width: usize, paint: Paint) {
    let mut notes = Vec::new();
    notes.extend(view.unfinished());
    for left_out in &view.left_out {
        notes.push(format!(
            "Left out: {}.",
            escape::terminal(&left_out.describe(), 400)
        ));
    }
    notes.extend(
        view.describe_nodes()
            .map(|nodes| format!("Nodes: {nodes}.")),
    );
    notes.extend(view.outputs.iter().map(|text| escape::terminal(text, 600)));
    notes.extend(view.resumption());
    notes.extend(view.warned());
    let stand_ins = view.stand_ins();
    if !stand_ins.is_empty() {
        let names = stand_ins.iter().map(|name| escape::terminal(name, 80));
        notes.push(format!(
            "Base images are stand-ins made from Debian packages, not the official ones: {}.",
            join(names)
        ));
    }
    notes.extend(view.disturbed());
    notes.extend(round_summary::unreached(view).map(|text| escape::terminal(&text, 600)));
    notes.extend(round_summary::dropped(view).map(|text| escape::terminal(&text, 600)));
    notes.extend(round_summary::decisions(view).map(|text| escape::terminal(&text, 600)));
    let mut facts = format!(
        "n={}, seed {}, run {}",
        view.n(),
        view.seed,
        escape::terminal(&view.run, 80)
    );
    if let Some(suite) = &view.suite {
        let _ = write!(facts, ", suite {}", escape::terminal(suite, 80));
    }
    for text in round_summary::intervals(view) {
        facts.push_str("; ");
        facts.push_str(&text);
    }
    if let Some(text) = round_summary::by_chance(view) {
        facts.push_str("; ");
        facts.push_str(&text);
    }
    if view.has_single_rounds() {
        facts.push_str("; 1 round: no interval");
    }
    notes.push(facts);
    out.push('\n');
    for note in notes {
        wrapped(out, &note, width, Style::Dim, paint);
    }
}
