//! Every scenario that was published, a row a variant.

use std::collections::BTreeMap;

use buildrace::escape;
use buildrace::model::{BuildKind, Outcome};
use buildrace::report::{Cell, VariantView, number};

use super::published::Published;

const KINDS: [BuildKind; 3] = [
    BuildKind::Cold,
    BuildKind::MultiArch,
    BuildKind::Incremental,
];

/// The newest run of each scenario on as many platforms as any had, scenarios
/// in the order of their names.
pub fn block(runs: &[Published]) -> String {
    let mut newest: BTreeMap<&str, &Published> = BTreeMap::new();
    for run in runs {
        for scenario in &run.view.scenarios {
            let platforms = scenario.platforms.len();
            let known = newest.get(scenario.name.as_str());
            let known = known.and_then(|run| run.scenario(&scenario.name));
            if known.is_none_or(|known| known.platforms.len() <= platforms) {
                newest.insert(&scenario.name, run);
            }
        }
    }
    let mut out = "| scenario | variant | cold | multi-arch | added platforms | incremental | \
                   rounds |\n|:--|:--|--:|--:|--:|--:|--:|\n"
        .to_owned();
    for (name, run) in newest {
        let scenario = run.scenario(name).expect("it is this run's");
        let id = &run.stored.run.record.run;
        for (at, variant) in scenario.variants.iter().enumerate() {
            let first = at == 0;
            let link = format!("[{}](reports/{id}/summary.md)", escape::markdown(name));
            let cells = [
                if first { link } else { String::new() },
                escape::markdown(&variant.name),
                cell(variant.cells.get(&KINDS[0])),
                cell(variant.cells.get(&KINDS[1])),
                added(variant),
                cell(variant.cells.get(&KINDS[2])),
                if first {
                    scenario.clean.to_string()
                } else {
                    String::new()
                },
            ];
            out.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
    }
    out
}

/// What each step of a ladder of variants buys.
pub fn ladder(runs: &[Published], name: &str) -> String {
    let run = super::published::newest(runs, name);
    let scenario = run.scenario(name).expect("it was raced");
    let id = &run.stored.run.record.run;
    let kinds = scenario.kinds.iter();
    let kinds: Vec<BuildKind> = kinds
        .filter(|kind| **kind != BuildKind::Noop)
        .copied()
        .collect();
    let names: Vec<String> = kinds.iter().map(ToString::to_string).collect();
    let mut out = format!(
        "| [{name}](reports/{id}/summary.md) | {} |\n|:--|{}\n",
        names.join(" | "),
        "--:|".repeat(kinds.len())
    );
    for step in &scenario.between {
        let cells = kinds.iter().map(|kind| {
            let ratio = step.ratios.get(kind);
            ratio.map_or_else(
                || "–".to_owned(),
                |ratio| with_interval(&number::describe_comparison(ratio), number::interval(ratio)),
            )
        });
        out.push_str(&format!(
            "| {} → {} | {} |\n",
            escape::markdown(&step.from),
            escape::markdown(&step.to),
            cells.collect::<Vec<_>>().join(" | ")
        ));
    }
    out
}

/// What platforms cost, one by one: of each number of them the newest run.
pub fn growth(runs: &[Published], name: &str) -> String {
    let mut newest = BTreeMap::new();
    for run in runs {
        if let Some(scenario) = run.scenario(name) {
            newest.insert(scenario.platforms.len(), (run, scenario));
        }
    }
    let mut out = format!(
        "| {name} | variant | {} alone | multi-arch | added platforms |\n|:--|:--|--:|--:|--:|\n",
        newest.values().next().expect("it was raced").1.native
    );
    for (run, scenario) in newest.values() {
        let platforms: Vec<String> = scenario.platforms.iter().map(ToString::to_string).collect();
        let id = &run.stored.run.record.run;
        for variant in &scenario.variants {
            out.push_str(&format!(
                "| [{}](reports/{id}/summary.md) | {} | {} | {} | {} |\n",
                platforms.join(", "),
                escape::markdown(&variant.name),
                cell(variant.cells.get(&BuildKind::Cold)),
                cell(variant.cells.get(&BuildKind::MultiArch)),
                match (&variant.added_cost, variant.describe_cost()) {
                    (Some(cost), Some(told)) => with_interval(&told, number::cost_interval(cost)),
                    _ => "–".to_owned(),
                },
            ));
        }
    }
    out
}

fn with_interval(told: &str, interval: Option<String>) -> String {
    match interval {
        Some(interval) => format!("{told} \\[{interval}\\]"),
        None => told.to_owned(),
    }
}

fn added(variant: &VariantView) -> String {
    variant.describe_cost().unwrap_or_else(|| "–".to_owned())
}

/// `0.67 s, 111× faster`; with what failed, and how often.
fn cell(cell: Option<&Cell>) -> String {
    let Some(cell) = cell else {
        return "–".to_owned();
    };
    let mut parts: Vec<String> = Vec::new();
    parts.extend(cell.times.map(|times| number::seconds(times.median)));
    parts.extend(cell.describe());
    for (outcome, count) in &cell.failed {
        match outcome {
            Outcome::Skipped => {}
            Outcome::WrongOutput => parts.push(outcome.to_string()),
            _ => parts.push(format!("{count} of {} {outcome}", cell.samples)),
        }
    }
    parts.join(", ")
}
