//! The article's three comparisons, as they came out here.

use buildrace::escape;
use buildrace::model::BuildKind;
use buildrace::report::{VariantView, number};
use buildrace::stats::Ratio;

use super::published::Published;

/// The article's own subject.
pub const SCENARIO: &str = "docker-cli";

/// A table of ours beside theirs, and what ours were measured on.
pub fn block(run: &Published) -> String {
    let scenario = run.scenario(SCENARIO).expect("the run has it");
    let reference = scenario.reference().expect("the reference was raced");
    let candidate = scenario.variants.iter().find(|v| !v.reference);
    let candidate = candidate.expect("a candidate was raced");
    let record = &run.stored.record;
    let rows = [
        (
            format!("{} alone", scenario.native),
            against(candidate, BuildKind::Cold),
            "about equal",
        ),
        (
            format!("adding {}, {}", scenario.added_names(), reference.name),
            cost(reference),
            "almost 7x",
        ),
        (
            format!("adding {}, {}", scenario.added_names(), candidate.name),
            cost(candidate),
            "+70%",
        ),
        (
            "after an edit".to_owned(),
            against(candidate, BuildKind::Incremental),
            "100x faster",
        ),
    ];
    let mut out = format!(
        "| {SCENARIO}, {} against {} | here | the article |\n|:--|--:|--:|\n",
        candidate.name, reference.name
    );
    for (what, here, article) in rows {
        out.push_str(&format!("| {what} | {here} | {article} |\n"));
    }
    let rounds = scenario.clean;
    let id = &record.run;
    let host = &record.host;
    let emulators: Vec<String> = run.view.emulators.iter().map(|e| e.describe()).collect();
    let stand_ins = match run.view.stand_ins().as_slice() {
        [] => String::new(),
        names => format!(
            "; {} made from Debian packages stand in for the official images",
            names.join(" and ")
        ),
    };
    out.push_str(&format!(
        "\n{rounds} rounds on {} cores ({}), {}, BuildKit {}{stand_ins}; in brackets {}. The run \
         is [results/{id}](results/{id}), its report [reports/{id}](reports/{id}/summary.md); \
         `make headline` measures it again.\n",
        host.cores.unwrap_or_default(),
        escape::markdown(host.cpu_model.as_deref().unwrap_or("unknown")),
        emulators.join(", "),
        record
            .builder
            .buildkit_version
            .as_deref()
            .unwrap_or("unknown"),
        match run.view.has_model_based() {
            true => "95% t-intervals of the mean log ratio (model-based)",
            false => "signed-rank intervals of at least 95%",
        },
    ));
    out
}

fn against(candidate: &VariantView, kind: BuildKind) -> String {
    let ratio = candidate.ratio(kind).expect("pairs of this kind");
    with_interval(number::comparison(ratio.estimate), &ratio)
}

fn cost(variant: &VariantView) -> String {
    let cost = variant.added_cost.expect("cold and multi-arch were raced");
    with_interval(number::cost(cost.estimate), &cost)
}

fn with_interval(told: String, ratio: &Ratio) -> String {
    match number::interval(ratio) {
        Some(interval) => format!("**{told}** \\[{interval}\\]"),
        None => format!("**{told}**"),
    }
}
