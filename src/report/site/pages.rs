//! The pages of a site beside those of its runs.

use std::collections::BTreeMap;

use askama::Template;

use super::view::{RunLine, Site};
use crate::escape;
use crate::model::BuildKind;
use crate::report::CheckOutcome;
use crate::report::chart::{self, Theme};
use crate::report::number;
use crate::report::page::{FRAME, Frame, inlined, rendered};
use crate::report::runs::{Change, Series};
use crate::report::words::join;

/// Changes on the index.
const MAX_CHANGES: usize = 20;
/// Differences that stand beside a change.
const MAX_DIFFERENCES: usize = 6;

#[derive(Template)]
#[template(path = "site_index.html")]
struct Index {
    frame: &'static Frame,
    title: String,
    lead: String,
    changes: Vec<ChangeItem>,
    more_changes: usize,
    scenarios: Vec<ScenarioItem>,
    runs: Vec<RunItem>,
    unreadable: Vec<String>,
    buildrace: &'static str,
}

#[derive(Template)]
#[template(path = "site_scenario.html")]
struct Scenario {
    frame: &'static Frame,
    title: String,
    facts: String,
    growth: Vec<String>,
    groups: Vec<Group>,
    buildrace: &'static str,
}

struct ChangeItem {
    text: String,
    facts: String,
    link: String,
}

struct ScenarioItem {
    name: String,
    link: String,
    runs: usize,
    newest: String,
    changes: usize,
}

struct RunItem {
    day: String,
    link: String,
    scenarios: String,
    sentences: Vec<String>,
    note: Option<String>,
    rounds: usize,
    machine: String,
}

/// Series of one kind on one class of machines.
struct Group {
    title: String,
    machine: String,
    chart: Option<String>,
    changes: Vec<ChangeItem>,
    variants: Vec<String>,
    runs: Vec<GroupRun>,
}

struct GroupRun {
    name: String,
    link: String,
    commit: String,
    times: Vec<String>,
}

/// The index of a site.
pub fn index(site: &Site) -> String {
    let all = site.changes();
    let changes = all
        .iter()
        .take(MAX_CHANGES)
        .map(|(series, change)| ChangeItem {
            text: change_line(series, change),
            facts: facts_line(change),
            link: site.scenario_file(&series.name.scenario),
        });
    let scenarios = site.scenarios();
    let counted = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    let page = Index {
        frame: &FRAME,
        title: "Build times".to_owned(),
        lead: format!(
            "{} of {}{}",
            counted(site.runs.len(), "run"),
            counted(scenarios.len(), "scenario"),
            match all.len() {
                0 => ".".to_owned(),
                changes => format!(", {} of their times.", counted(changes, "change")),
            }
        ),
        changes: changes.collect(),
        more_changes: all.len().saturating_sub(MAX_CHANGES),
        scenarios: scenarios
            .iter()
            .map(|name| scenario_item(site, name))
            .collect(),
        runs: site.runs.iter().map(run_item).collect(),
        unreadable: site
            .unreadable
            .iter()
            .map(|(folder, why)| format!("{}: {}", escape::bounded(folder), escape::bounded(why)))
            .collect(),
        buildrace: env!("CARGO_PKG_VERSION"),
    };
    rendered(&page)
}

/// The page of a scenario: its times over its runs.
pub fn scenario(site: &Site, name: &str) -> String {
    let series = site.of_scenario(name);
    let mut groups: BTreeMap<_, Vec<&Series>> = BTreeMap::new();
    for series in series {
        let of = &series.name;
        let key = (&of.platforms, &of.native, &of.machine, of.kind);
        groups.entry(key).or_default().push(series);
    }
    let mut groups: Vec<Group> = groups.into_values().map(|series| group(&series)).collect();
    // Those in which something can be seen come first.
    groups.sort_by_key(|group| (group.changes.is_empty(), group.chart.is_none()));
    let runs = site
        .runs
        .iter()
        .filter(|run| run.scenarios.iter().any(|s| s == name));
    let page = Scenario {
        frame: &FRAME,
        title: escape::columns(name, 60),
        facts: match runs.count() {
            1 => "1 run".to_owned(),
            count => format!("{count} runs, medians over time"),
        },
        growth: growths(site, name, Theme::Light)
            .iter()
            .map(|chart| inlined(chart))
            .collect(),
        groups,
        buildrace: env!("CARGO_PKG_VERSION"),
    };
    rendered(&page)
}

/// What the platforms of a scenario cost, a chart for each class of machines that raced it for
/// several numbers of platforms; that of the newest run first.
pub fn growths(site: &Site, scenario: &str, theme: Theme) -> Vec<String> {
    let mut machines: BTreeMap<_, Vec<&Series>> = BTreeMap::new();
    for series in site.of_scenario(scenario) {
        let key = (&series.name.native, &series.name.machine);
        machines.entry(key).or_default().push(series);
    }
    let mut machines: Vec<Vec<&Series>> = machines.into_values().collect();
    let newest = |of: &[&Series]| {
        of.iter()
            .filter_map(|s| Some(s.points.last()?.started))
            .max()
    };
    machines.sort_by_key(|series| std::cmp::Reverse(newest(series)));
    let charts = machines.iter();
    charts
        .filter_map(|series| chart::growth(series, theme))
        .collect()
}

/// `cross of go-hello, incremental: +15% from 20261123T204500Z-3f9a1c on (0.60 s to 0.69 s)`
pub(super) fn change_line(series: &Series, change: &Change) -> String {
    let name = &series.name;
    format!(
        "{} of {}, {}: {} from {} on ({} to {})",
        escape::columns(&name.variant, 60),
        escape::columns(&name.scenario, 60),
        name.kind,
        number::cost(change.ratio()),
        escape::columns(&change.to, 60),
        number::seconds(change.before),
        number::seconds(change.after),
    )
}

/// What is known of a change's cause: the step that moved, and what else the two
/// runs differ in.
pub(super) fn facts_line(change: &Change) -> String {
    let mut parts = Vec::new();
    if let Some(step) = &change.step {
        let time = |seconds: Option<f64>| seconds.map_or("not there".to_owned(), number::seconds);
        parts.push(format!(
            "step that moved most: {} ({} to {})",
            escape::columns(&step.name, 120),
            time(step.before),
            time(step.after)
        ));
    }
    let differences = change.differences.iter().take(MAX_DIFFERENCES);
    parts.extend(differences.map(|difference| {
        let value = |at: usize| match difference.values.get(at) {
            Some(Some(value)) => escape::columns(value, 60),
            _ => "none".to_owned(),
        };
        format!(
            "{}: {} to {}",
            escape::columns(&difference.name, 80),
            value(0),
            value(1)
        )
    }));
    let more = change.differences.len().saturating_sub(MAX_DIFFERENCES);
    if more > 0 {
        parts.push(format!("{more} more differences"));
    }
    if parts.is_empty() {
        return "The runs before and after differ in nothing that buildrace records.".to_owned();
    }
    parts.join("; ")
}

fn scenario_item(site: &Site, name: &str) -> ScenarioItem {
    let raced = |run: &&RunLine| run.scenarios.iter().any(|scenario| scenario == name);
    let runs = site.runs.iter().filter(raced);
    let series = site.of_scenario(name);
    let newest = site.runs.iter().find(raced);
    ScenarioItem {
        name: escape::columns(name, 60),
        link: site.scenario_file(name),
        runs: runs.count(),
        newest: newest.map_or_else(String::new, |run| run.started.strftime("%F").to_string()),
        changes: series.map(|series| series.changes.len()).sum(),
    }
}

fn run_item(run: &RunLine) -> RunItem {
    let notes = [
        run.check.map(CheckOutcome::describe),
        (!run.complete).then_some("not whole"),
        run.stand_ins.then_some("stand-in base images"),
    ];
    let notes: Vec<&str> = notes.into_iter().flatten().collect();
    let names = run
        .scenarios
        .iter()
        .take(8)
        .map(|name| escape::columns(name, 40));
    let names = names.chain((run.scenarios.len() > 8).then(|| "…".to_owned()));
    RunItem {
        day: run.started.strftime("%F %H:%M").to_string(),
        link: run_link(&run.run),
        scenarios: join(names),
        sentences: run.sentence.lines().take(3).map(str::to_owned).collect(),
        note: (!notes.is_empty()).then(|| notes.join(", ")),
        rounds: run.rounds,
        machine: escape::columns(&run.machine.describe(), 80),
    }
}

/// Where a run's page is, from the index.
fn run_link(run: &str) -> String {
    format!("{run}/index.html")
}

fn group(series: &[&Series]) -> Group {
    let name = &series[0].name;
    let changes = series.iter().flat_map(|series| {
        let changes = series.changes.iter();
        changes.map(|change| ChangeItem {
            text: change_line(series, change),
            facts: facts_line(change),
            link: String::new(),
        })
    });
    let mut runs: BTreeMap<(jiff::Timestamp, &str), GroupRun> = BTreeMap::new();
    for (place, of) in series.iter().enumerate() {
        for point in &of.points {
            let run = runs
                .entry((point.started, &point.run))
                .or_insert_with(|| GroupRun {
                    name: escape::columns(&point.run, 60),
                    link: format!("../{}", run_link(&point.run)),
                    commit: commit(point.commit.as_deref()),
                    times: vec!["–".to_owned(); series.len()],
                });
            run.times[place] = format!(
                "{} ({}, n={})",
                number::seconds(point.median),
                number::range(point.min, point.max),
                point.n
            );
        }
    }
    Group {
        title: kind_title(name.kind, &name.platform_names()),
        machine: escape::columns(&name.machine.describe(), 160),
        chart: chart::history(series, Theme::Light).map(|chart| inlined(&chart)),
        changes: changes.collect(),
        variants: series
            .iter()
            .map(|of| escape::columns(&of.name.variant, 60))
            .collect(),
        runs: runs.into_values().rev().collect(),
    }
}

fn kind_title(kind: BuildKind, platforms: &str) -> String {
    match kind {
        BuildKind::Cold => kind.to_string(),
        _ => format!("{kind}, {}", escape::columns(platforms, 120)),
    }
}

fn commit(commit: Option<&str>) -> String {
    let text = commit.unwrap_or("–");
    match text.char_indices().nth(12) {
        Some((end, _)) if text.is_ascii() => text[..end].to_owned(),
        _ => escape::columns(text, 14),
    }
}
