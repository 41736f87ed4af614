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

/// The newest run of each scenario, scenarios in the order of their names.
pub fn block(runs: &[Published]) -> String {
    let mut newest: BTreeMap<&str, &Published> = BTreeMap::new();
    for run in runs {
        for scenario in &run.view.scenarios {
            newest.insert(&scenario.name, run);
        }
    }
    let mut out = "| scenario | variant | cold | multi-arch | added platforms | incremental | \
                   rounds |\n|:--|:--|--:|--:|--:|--:|--:|\n"
        .to_owned();
    for (name, run) in newest {
        let scenario = run.scenario(name).expect("it is this run's");
        let id = &run.stored.record.run;
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

fn added(variant: &VariantView) -> String {
    let cost = variant.added_cost.as_ref();
    cost.map_or_else(|| "–".to_owned(), number::told_cost)
}

/// `0.67 s, 111x faster`; with what failed, and how often.
fn cell(cell: Option<&Cell>) -> String {
    let Some(cell) = cell else {
        return "–".to_owned();
    };
    let mut parts: Vec<String> = Vec::new();
    parts.extend(cell.times.map(|times| number::seconds(times.median)));
    parts.extend(cell.ratio.as_ref().map(number::told_comparison));
    for (outcome, count) in &cell.failed {
        match outcome {
            Outcome::Skipped | Outcome::Interrupted => {}
            Outcome::WrongOutput => parts.push(outcome.to_string()),
            _ => parts.push(format!("{count} of {} {outcome}", cell.samples)),
        }
    }
    parts.join(", ").replace('~', "\\~")
}
