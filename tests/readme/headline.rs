//! The article's three comparisons, as they came out here.

use buildrace::escape;
use buildrace::explain::Explanation;
use buildrace::model::BuildKind;
pub use buildrace::report::article::SCENARIO;
use buildrace::report::{VariantView, article, number};
use buildrace::stats::Ratio;

use super::published::Published;

/// A table of ours beside theirs, and what ours were measured on.
pub fn block(run: &Published) -> String {
    let scenario = run.scenario(SCENARIO).expect("the run has it");
    let record = &run.stored.run.record;
    let mut out =
        format!("| {SCENARIO}, cross against naive | here | the article |\n|:--|--:|--:|\n");
    let ratios = article::ratios(scenario);
    assert_eq!(ratios.len(), 4, "the run has every kind of build");
    for ratio in ratios {
        let interval = ratio.interval.expect("several rounds");
        out.push_str(&format!(
            "| {} | **{}** \\[{interval}\\] | {} |\n",
            ratio.what, ratio.here, ratio.article
        ));
    }
    let sources = run.view.sources.iter().find(|(of, _)| of == SCENARIO);
    let (_, sources) = sources.expect("the run says what was built");
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
        "\nSources: {}. {rounds} rounds on {} cores ({}), {}, Docker Engine {}{stand_ins}; {}. The run \
         is [results/{id}](results/{id}), its report [reports/{id}](reports/{id}/summary.md); \
         `make headline` measures it again.\n",
        escape::markdown(sources),
        host.cores.unwrap_or_default(),
        escape::markdown(host.cpu_model.as_deref().unwrap_or("unknown")),
        emulators.join(", "),
        record
            .builder
            .engine_version
            .as_deref()
            .unwrap_or("unknown"),
        match run.view.has_model_based() {
            true => "in brackets 95% t-intervals, which assume normal log ratios",
            false => "in brackets signed-rank intervals of at least 95%",
        },
    ));
    out
}

/// The article's figures, as ratios.
const ADDED_NAIVE: f64 = 7.0;
const ADDED_CROSS: f64 = 1.7;
const AFTER_AN_EDIT: f64 = 1.0 / 100.0;

/// Why ours and the article's figures differ, as far as `buildrace explain`
/// can say: how much of the emulated build is emulation, and how much of the
/// other one is want of cores. A figure of the article that lies within our
/// interval is no difference, and is not explained.
pub fn differences(run: &Published) -> String {
    let scenario = run.scenario(SCENARIO).expect("the run has it");
    let reference = scenario.reference().expect("the reference was raced");
    let candidate = scenario.variants.iter().find(|v| !v.reference);
    let candidate = candidate.expect("a candidate was raced");
    let emulated = reference.added_cost.expect("it was raced");
    let cross = candidate.added_cost.expect("it was raced");
    let edit = candidate.ratio(BuildKind::Incremental);
    let edit = edit.expect("pairs of this kind");
    let mut out = match holds(&emulated, ADDED_NAIVE) {
        true => within("Adding a platform under emulation", "almost 7×"),
        false => emulation(run, reference),
    };
    out += &match holds(&cross, ADDED_CROSS) {
        true => within("Adding a platform by cross-compilation", "+70%"),
        false => cores(run, candidate),
    };
    out += &match holds(&edit, AFTER_AN_EDIT) {
        true => within("After an edit", "100×"),
        false => {
            "- After an edit: 100× lies outside our interval; why was not measured.\n".to_owned()
        }
    };
    out
}

/// Whether a ratio's interval leaves a figure of the article open.
fn holds(ratio: &Ratio, article: f64) -> bool {
    ratio
        .interval
        .is_some_and(|interval| interval.low <= article && article <= interval.high)
}

fn within(what: &str, article: &str) -> String {
    format!("- {what}: {article} lies within our interval, so there is no difference to explain.\n")
}

/// The build of a variant for all platforms that took a median time.
fn typical<'a>(run: &'a Published, variant: &VariantView) -> &'a Explanation {
    let kind = BuildKind::MultiArch;
    let typical = run.explained.typical(SCENARIO, &variant.name, kind);
    &typical.expect("a build to explain").explanation
}

fn emulation(run: &Published, reference: &VariantView) -> String {
    let naive = typical(run, reference);
    let culprit = naive.culprit.as_ref().expect("a step to blame").step;
    let mut slow_downs = naive.instructions.iter().flat_map(|i| &i.slow_downs);
    let slow_down = slow_downs.find(|slow_down| slow_down.step == culprit);
    let slow_down = slow_down.expect("emulation is to blame");
    let elsewhere = slow_down.elsewhere.as_ref().expect("it was built natively");
    let (low, high) = slow_down.alone.expect("it was built natively beside it");
    let emulators: Vec<String> = run.view.emulators.iter().map(|e| e.describe()).collect();
    format!(
        "- QEMU: {}'s emulated step takes {} its native time ({}). With the machine to itself it \
         would take {}…{}, by `buildrace explain`'s model. That part is emulation; the rest is \
         shared cores.\n",
        reference.name,
        number::factor(elsewhere.ratio),
        emulators.join(", "),
        number::factor(low).trim_end_matches('×'),
        number::factor(high),
    )
}

fn cores(run: &Published, candidate: &VariantView) -> String {
    let scenario = run.scenario(SCENARIO).expect("the run has it");
    let seconds = |kind: BuildKind| {
        let times = candidate.cells[&kind].times.as_ref();
        number::seconds(times.expect("it was raced").median)
    };
    let at_once = typical(run, candidate).concurrency.as_ref();
    let at_once = at_once.expect("a trace tells when steps ran");
    format!(
        "- Cores: {} takes {} for one platform and {} for {}, and emulates nothing. On average \
         {:.1} of its steps run at once, on {} cores. More cores make a second platform \
         cheaper.\n",
        candidate.name,
        seconds(BuildKind::Cold),
        seconds(BuildKind::MultiArch),
        1 + scenario.added.len(),
        at_once.mean,
        run.stored.run.record.host.cores.unwrap_or_default(),
    )
}
