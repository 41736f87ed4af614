//! `summary.md`: the result for a pull request or a page, with everything a
//! reader needs to check and repeat it.

use std::fmt::Write;

use jiff::Timestamp;

use super::explanation::shared_sentence;
use super::failure_rates;
use super::figures;
use super::number;
use super::round_summary;
use super::sentence::sentence;
use super::successive;
use super::view::{Cell, CulpritView, FailureView, ScenarioView, View};
use super::words::join;
use crate::escape::{self, markdown as text, markdown_code as code};
use crate::model::{BuildKind, HostInfo, Outcome};
use crate::stats::Ratio;

/// Failures shown in full.
const MAX_FAILURES: usize = 20;

/// The summary as GitHub's Markdown. It shows the figures, which lie beside it.
pub fn markdown(view: &View) -> String {
    let mut out = String::new();
    let names = view.scenarios.iter().map(|scenario| text(&scenario.name));
    let _ = writeln!(out, "# {}\n", join(names));
    out.push_str(&headline(view));
    out += &figures::picture(figures::HEADLINE, "Build times of each variant");
    for scenario in &view.scenarios {
        table(&mut out, scenario);
        successive::table(&mut out, scenario);
        culprits(&mut out, scenario);
    }
    for roll_up in &view.roll_up {
        let _ = writeln!(out, "- {}", text(&round_summary::rolled_up(roll_up)));
    }
    if !view.roll_up.is_empty() {
        out.push('\n');
    }
    let _ = writeln!(out, "{}\n", explanation(view));
    out += &figures::comparisons(view);
    out += &figures::waterfalls(view);
    failures(&mut out, view);
    let _ = writeln!(out, "## How it was measured\n\n{}\n", method(view));
    out += &figures::samples(view);
    out.push_str("## Where it was measured\n\n");
    environment(&mut out, view);
    repeat(&mut out, view);
    out
}

/// Name, title and times of a scenario.
pub(super) fn table(out: &mut String, scenario: &ScenarioView) {
    let _ = writeln!(out, "## {}\n", text(&scenario.name));
    if !scenario.title.is_empty() {
        let _ = writeln!(out, "{}\n", text(&scenario.title));
    }
    times(out, scenario);
}

/// How the table's ratios are made, and how far they are apart.
fn how_made(out: &mut String, scenario: &ScenarioView) {
    let lines = round_summary::how_made(scenario).into_iter();
    for line in lines.chain(round_summary::spread(scenario)) {
        let _ = writeln!(out, "{}\n", text(&line));
    }
}

/// A row a variant, a column a kind.
pub(super) fn times(out: &mut String, scenario: &ScenarioView) {
    let mut headers = vec!["variant".to_owned()];
    for &kind in &scenario.kinds {
        headers.push(kind.to_string());
        if shows_cost(scenario, kind) {
            headers.push(text(&scenario.added_label()));
        }
    }
    let _ = writeln!(out, "| {} |", headers.join(" | "));
    let _ = writeln!(out, "|:--|{}", "--:|".repeat(headers.len() - 1));
    for variant in &scenario.variants {
        let mut cells = vec![text(&variant.name)];
        for &kind in &scenario.kinds {
            cells.push(cell(variant.cells.get(&kind)));
            if shows_cost(scenario, kind) {
                cells.push(match (&variant.added_cost, variant.describe_cost()) {
                    (Some(cost), Some(described)) => {
                        with_interval(described, cost, number::cost_interval(cost))
                    }
                    _ => "–".to_owned(),
                });
            }
        }
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out.push('\n');
    how_made(out, scenario);
}

/// Why: which step of each variant is to blame.
pub(super) fn culprits(out: &mut String, scenario: &ScenarioView) {
    for culprit in &scenario.culprits {
        let CulpritView {
            variant,
            kind,
            step,
            shared,
        } = culprit;
        for sentence in std::iter::once(step.sentence()).chain(shared_sentence(shared)) {
            let (variant, sentence) = (text(variant), text(&sentence));
            let _ = writeln!(out, "- {kind} of {variant}: {sentence}.");
        }
    }
    if !scenario.culprits.is_empty() {
        out.push('\n');
    }
}

fn shows_cost(scenario: &ScenarioView, kind: BuildKind) -> bool {
    kind == BuildKind::MultiArch && scenario.shows_cost()
}

fn cell(cell: Option<&Cell>) -> String {
    let Some(cell) = cell else {
        return "–".to_owned();
    };
    let mut parts = Vec::new();
    if let Some(times) = cell.times {
        parts.push(number::seconds(times.median));
        if times.n > 1 {
            let (min, max) = (
                number::bare_seconds(times.min),
                number::bare_seconds(times.max),
            );
            parts.push(format!("({min}…{max})"));
        }
    }
    if let (Some(ratio), Some(described)) = (&cell.ratio, cell.describe()) {
        let described = format!("**{described}**");
        parts.push(with_interval(described, ratio, number::interval(ratio)));
        parts.extend(cell.verdict.map(|verdict| verdict.as_str().to_owned()));
    }
    for (outcome, count) in &cell.failed {
        parts.push(match (outcome, cell.times, count) {
            // Checked once, so there is nothing to count.
            (Outcome::WrongOutput, ..) | (_, None, 1) => outcome.to_string(),
            _ => format!("{count} of {} {outcome}", cell.samples),
        });
    }
    if parts.is_empty() {
        parts.push(cell.without_time().to_owned());
    }
    parts.join("<br>")
}

/// A ratio with its interval, or with how little it stands on.
fn with_interval(described: String, ratio: &Ratio, interval: Option<String>) -> String {
    let interval = interval.map(|text| format!("\\[{text}\\]"));
    let beside = interval.or_else(|| number::reserve(ratio).map(str::to_owned));
    match beside {
        Some(beside) => format!("{described} {beside}"),
        None => described,
    }
}

/// The sentence of each scenario, and whether the run is whole.
pub(super) fn headline(view: &View) -> String {
    let mut out = String::new();
    for line in sentence(view).lines() {
        let _ = writeln!(out, "**{}**\n", text(line));
    }
    if let Some(unfinished) = view.unfinished() {
        let _ = writeln!(out, "{unfinished}\n");
    }
    for value in &view.matrix {
        let _ = writeln!(out, "- {}", text(&value.describe()));
    }
    if !view.matrix.is_empty() {
        out.push('\n');
    }
    for left_out in &view.left_out {
        let _ = writeln!(out, "Left out: {}.\n", text(&left_out.describe()));
    }
    out
}

/// How to read the table.
pub(super) fn explanation(view: &View) -> String {
    let mut parts = vec!["Times: median wall time (min…max).".into()];
    let scenarios = || view.scenarios.iter();
    if scenarios().any(|s| !s.between.is_empty()) {
        parts.push(match view.matrix.is_empty() {
            true => "From → to: each variant over the one before it.".to_owned(),
            false => "From → to: variants at one value, or one variant at two.".to_owned(),
        });
    }
    if !view.matrix.is_empty() {
        parts.push("A name is VARIANT@VALUE.".to_owned());
    }
    if scenarios().any(|s| s.variants.len() > 1 && s.reference().is_none()) {
        parts.push("The reference was left out, so nothing is compared.".to_owned());
    }
    if let Some(scenario) = scenarios().find(|scenario| scenario.shows_cost()) {
        parts.push(format!(
            "{} is multi-arch over cold: the cost of building for {} beside {}.",
            text(&scenario.added_label()),
            text(&scenario.added_names()),
            text(&scenario.native.to_string()),
        ));
    }
    let apart = |s: &&ScenarioView| !s.builds_native() && s.kinds.contains(&BuildKind::Cold);
    if let Some(scenario) = scenarios().find(apart) {
        parts.push(format!(
            "cold builds for {}, the other kinds for {}: neither contains the other.",
            text(&scenario.native.to_string()),
            text(&scenario.platform_names()),
        ));
    }
    if !view.looks().is_empty() {
        parts.push(format!(
            "In brackets, from 6 rounds on: signed-rank intervals ({}); {}. The verdict is faster, \
             slower or same if the whole interval says so, and inconclusive otherwise.",
            alphas(view),
            round_summary::delta(view)
        ));
    }
    if view.has_model_based() {
        parts.push(format!("In brackets, {}.", round_summary::MODEL_BASED));
    }
    if !view.looks().is_empty() || view.has_model_based() {
        parts.push("An interval that includes 1× (±0%) shows no clear change.".to_owned());
    }
    if view.has_single_rounds() {
        parts.push("1 round: no interval; a difference below 1.5× is no clear change.".to_owned());
    }
    parts.extend(round_summary::by_chance(view).map(|text| format!("{text}.")));
    parts.join(" ")
}

/// `α=0.0313 at 6 rounds`
fn alphas(view: &View) -> String {
    let looks = view.looks();
    let looks = looks
        .iter()
        .map(|(rounds, alpha)| format!("α={alpha:.3} at {rounds} rounds"));
    looks.collect::<Vec<_>>().join(", ")
}

pub(super) fn failures(out: &mut String, view: &View) {
    if view.failures.is_empty() {
        return;
    }
    let _ = writeln!(out, "## What did not build\n");
    for line in failure_rates::lines(view) {
        let _ = writeln!(out, "- {}", text(&line));
    }
    if !view.failure_rates.is_empty() {
        let interval = "In brackets: 95% interval of the share (Clopper–Pearson).";
        let _ = writeln!(out, "\n{interval}\n");
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
            "{} {} {kind}, round {round}: **{outcome}** after {}: {}",
            text(scenario),
            text(variant),
            number::seconds(*seconds),
            text(&failure.message),
        );
        if let Some(step) = &failure.step {
            let exit = match failure.exit_code {
                Some(exit) => format!(", exit code {exit}"),
                None => String::new(),
            };
            let _ = writeln!(out, "<br>step {}{exit}", code(step));
        }
        if !failure.log_tail.is_empty() {
            // Nothing within a `pre` block is Markdown until its end, which
            // escaped lines cannot hold.
            let lines = failure.log_tail.iter().map(|line| escape::html(line));
            let log = lines.collect::<Vec<_>>().join("\n");
            let _ = writeln!(out, "\n<pre>\n{log}\n</pre>");
        }
        out.push('\n');
    }
    if let Some(more) = view.failures.len().checked_sub(MAX_FAILURES)
        && more > 0
    {
        let _ = writeln!(out, "And {more} more.\n");
    }
}

/// How many rounds there are, which were dropped, and where it was decided.
pub(super) fn rule(view: &View) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(rule) = view.rules.contamination {
        parts.push(format!(
            "buildrace drops a round if somebody else used the builder, if the hypervisor gave more \
             than {:.0}% of CPU time to other machines during its builds, {}or if the machine was \
             more than {:.0}% busy just before a build. Spare rounds planned: {}.",
            rule.steal * 100.0,
            match rule.unstarted_containers {
                true => "",
                false => "if the builder could not start a step's container, ",
            },
            rule.busy_before * 100.0,
            view.rules.spare_rounds
        ));
        if view.dropped.is_empty() {
            parts.push("Rounds dropped: 0.".to_owned());
        }
    }
    parts.extend(round_summary::unreached(view).map(|line| text(&line)));
    parts.extend(round_summary::dropped(view).map(|line| text(&line)));
    parts.extend(round_summary::decisions(view).map(|line| text(&line)));
    for scenario in &view.scenarios {
        if let Some(edit) = &scenario.edit {
            parts.push(format!(
                "An incremental build of {} changes {}.",
                text(&scenario.name),
                code(edit)
            ));
        }
    }
    parts
}

/// What an expert would ask before believing the figures.
pub(super) fn method(view: &View) -> String {
    let mut parts = vec![
        "cold and multi-arch start from nothing: no layer cache (BuildKit's `no-cache`), empty \
         cache mounts and fresh sources. incremental follows multi-arch (cold, where only the \
         builder's own platform is built) on the cache that it left, after one edit, and noop \
         follows without one. No build finds in the cache what an earlier block has left."
            .to_owned(),
        "`no-cache` does not cover `WORKDIR`: a directory that the builder's cache held before \
         the run is taken from there."
            .to_owned(),
        "Base images are unpacked before the clock starts. The clock is the client's, from \
         sending Solve to its return; sending the context is within. \
         The result stays in the cache: no export is timed."
            .to_owned(),
        format!(
            "One build runs at a time, in an order drawn from seed {} for each round; the command \
             at the end draws it again.",
            view.seed
        ),
    ];
    parts.extend(rule(view));
    parts.extend(view.resumption());
    parts.extend(view.warned().map(|warning| text(&warning)));
    let emulators: Vec<String> = view.emulators.iter().map(|e| text(&e.describe())).collect();
    if !emulators.is_empty() && view.matrix.is_empty() {
        parts.push(format!(
            "A `RUN` step whose platform the machine cannot execute is emulated: {}.",
            join(emulators)
        ));
    }
    parts.join(" ")
}

/// A name and a value.
type EnvironmentRow = (&'static str, String);

/// The machine, the builder and the run, as a table.
pub(super) fn environment(out: &mut String, view: &View) {
    let rows = [machine(view), images(view), run(view)];
    let _ = writeln!(out, "| | |\n|:--|:--|");
    for (name, value) in rows.into_iter().flatten() {
        let _ = writeln!(out, "| {name} | {value} |");
    }
    out.push('\n');
}

/// What builds, and on which machine.
fn machine(view: &View) -> Vec<EnvironmentRow> {
    let builder = &view.builder;
    let several = view.matrix.iter().any(|value| value.builder.is_some());
    let name = match (&builder.name, builder.own) {
        (Some(name), _) => format!("{name}, "),
        (None, true) => "buildrace's own, ".to_owned(),
        (None, false) => String::new(),
    };
    let found = format!("{name}{} ({})", builder.driver, builder.found_by);
    let mut rows = vec![("builder", text(&found))];
    if several {
        rows.clear();
    }
    rows.extend(view.matrix.iter().map(|value| {
        let what = match several {
            true => "builder",
            false => "emulators",
        };
        (what, text(&value.describe()))
    }));
    rows.extend(view.describe_nodes().map(|nodes| ("nodes", text(&nodes))));
    let of_builder = [
        ("image of the builder", &builder.image),
        ("Docker Engine", &builder.engine_version),
        ("BuildKit", &builder.buildkit_version),
        ("storage", &builder.storage),
    ];
    let optional = [
        ("CPU", &view.host.cpu_model),
        ("kernel", &view.host.kernel),
        ("system", &view.host.os),
        ("CPU governor", &view.host.governor),
    ];
    let of_builder = of_builder.into_iter().filter(|_| !several);
    for (name, value) in of_builder.chain(optional) {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            rows.push((name, text(value)));
        }
    }
    if view.host == HostInfo::default() {
        rows.push(("machine", "unknown".to_owned()));
    }
    if let Some(cores) = view.host.cores {
        rows.push(("cores", cores.to_string()));
    }
    if let Some(memory) = view.host.memory_bytes {
        rows.push(("memory", number::bytes(memory)));
    }
    if let Some(steal) = view.steal_max {
        rows.push(("CPU steal (max)", format!("{:.1}%", steal * 100.0)));
    }
    let emulators = view.emulators.iter().map(|e| text(&e.describe()));
    let emulators: Vec<String> = emulators.collect();
    if !emulators.is_empty() && view.matrix.is_empty() {
        rows.push(("emulated", emulators.join("<br>")));
    }
    rows
}

/// What is built from, and whether what came of it is correct.
fn images(view: &View) -> Vec<EnvironmentRow> {
    let mut rows = Vec::new();
    for image in &view.base_images {
        let origin = if image.stand_in {
            ", **a stand-in** made from Debian packages, not the official image"
        } else {
            ""
        };
        let platforms = image.platforms.iter().map(ToString::to_string);
        let digests = image.digests.iter().map(|digest| code(digest));
        let digests: String = digests.map(|digest| format!("<br>{digest}")).collect();
        rows.push((
            "base image",
            format!(
                "{} on {}{origin}{digests}",
                text(&image.name),
                text(&join(platforms))
            ),
        ));
    }
    for output in &view.outputs {
        rows.push(("outputs", text(output)));
    }
    for (scenario, from) in &view.sources {
        rows.push(("sources", format!("{}: {}", text(scenario), text(from))));
    }
    rows
}

/// How much was built, and when.
fn run(view: &View) -> Vec<EnvironmentRow> {
    let mut rows = Vec::new();
    rows.extend(view.disturbed().map(|disturbed| ("disturbed", disturbed)));
    let built = view.measured - view.interrupted;
    let time = |at: &Timestamp| at.strftime("%F %T UTC").to_string();
    rows.extend([
        ("rounds", view.rounds.to_string()),
        ("samples", format!("{built} of {}", view.planned)),
        ("seed", view.seed.to_string()),
        ("run", text(&view.run)),
        ("began", text(&time(&view.started))),
    ]);
    rows.extend(view.resumed.iter().map(|at| ("resumed", time(at))));
    rows
}

/// The command that does it again.
pub(super) fn repeat(out: &mut String, view: &View) {
    let _ = writeln!(
        out,
        "Repeat it{} with buildrace {}, in the same order:\n",
        match &view.suite {
            Some(suite) => format!(", the suite {},", text(suite)),
            None => String::new(),
        },
        text(&view.buildrace)
    );
    let mut command = view.command.clone();
    if !command.has("seed") {
        command.option("seed", view.seed);
    }
    let words = command.shell_words();
    let words: Vec<String> = words.iter().map(|word| escape::html(word)).collect();
    let _ = writeln!(out, "<pre>{}</pre>", words.join(" "));
}
