//! The article's three comparisons, as they came out here.

use buildrace::escape;
use buildrace::model::BuildKind;
use buildrace::report::{Cell, VariantView, number};
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
            against(candidate, reference, BuildKind::Cold),
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
            against(candidate, reference, BuildKind::Incremental),
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
        match (rounds > 2, run.view.has_model_based()) {
            (false, _) => "in brackets each round",
            (true, true) => "in brackets 95% t-intervals of the mean log ratio (model-based)",
            (true, false) => "in brackets signed-rank intervals of at least 95%",
        },
    ));
    out
}

/// What of the difference to the article `buildrace explain` can tell: how much
/// of the emulated build is emulation, and how much of the other one is want
/// of cores.
pub fn differences(run: &Published) -> String {
    let scenario = run.scenario(SCENARIO).expect("the run has it");
    let reference = scenario.reference().expect("the reference was raced");
    let candidate = scenario.variants.iter().find(|v| !v.reference);
    let candidate = candidate.expect("a candidate was raced");
    let typical = |variant: &VariantView| {
        let typical = run
            .explained
            .typical(SCENARIO, &variant.name, BuildKind::MultiArch);
        &typical.expect("a build to explain").explanation
    };
    let naive = typical(reference);
    let culprit = naive.culprit.as_ref().expect("a step to blame").step;
    let mut slow_downs = naive.instructions.iter().flat_map(|i| &i.slow_downs);
    let slow_down = slow_downs.find(|slow_down| slow_down.step == culprit);
    let slow_down = slow_down.expect("emulation is to blame");
    let elsewhere = slow_down.elsewhere.as_ref().expect("it was built natively");
    let (least, most) = slow_down.alone.expect("it was built natively beside it");
    let emulators: Vec<String> = run.view.emulators.iter().map(|e| e.describe()).collect();
    let concurrency = typical(candidate).concurrency.mean;
    let seconds = |kind: BuildKind| {
        let times = candidate.cells[&kind].times.as_ref();
        number::seconds(times.expect("it was raced").median)
    };
    let cores = run.stored.record.host.cores.unwrap_or_default();
    format!(
        "- QEMU: {}'s emulated step takes {} what it takes natively ({}), and {} to {} by \
         `buildrace explain`'s model had it the machine to itself. That much is emulation; the \
         rest is cores that it shares.\n\
         - Cores: {} takes {} for one platform and {} for {}, and emulates nothing: on average \
         {:.1} of its steps are at work at once, and share {cores} cores. A machine with more \
         cores than one compile keeps busy pays less for a second platform.\n",
        reference.name,
        number::factor(elsewhere.ratio),
        emulators.join(", "),
        number::factor(least).trim_end_matches('x'),
        number::factor(most),
        candidate.name,
        seconds(BuildKind::Cold),
        seconds(BuildKind::MultiArch),
        1 + scenario.added.len(),
        concurrency,
    )
}

fn against(candidate: &VariantView, reference: &VariantView, kind: BuildKind) -> String {
    let ratio = candidate.ratio(kind).expect("pairs of this kind");
    let rounds = rounds(&candidate.cells[&kind], &reference.cells[&kind]);
    told(&ratio, number::comparison, &rounds)
}

fn cost(variant: &VariantView) -> String {
    let cost = variant.added_cost.expect("cold and multi-arch were raced");
    let [all, one] = [BuildKind::MultiArch, BuildKind::Cold].map(|kind| &variant.cells[&kind]);
    told(&cost, number::cost, &rounds(all, one))
}

/// The ratio of each round that has both times.
fn rounds(over: &Cell, under: &Cell) -> Vec<f64> {
    let pairs = over.by_round.iter();
    let pairs = pairs.filter_map(|(round, time)| Some(time / under.by_round.get(round)?));
    pairs.collect()
}

/// With its interval; of fewer rounds than three, whose interval says next to
/// nothing, each round.
fn told(ratio: &Ratio, in_words: fn(f64) -> String, rounds: &[f64]) -> String {
    let told = in_words(ratio.estimate);
    match number::interval(ratio) {
        Some(interval) if rounds.len() > 2 => format!("**{told}** \\[{interval}\\]"),
        _ => {
            let each: Vec<String> = rounds.iter().copied().map(in_words).collect();
            format!("**{told}** ({})", each.join(", "))
        }
    }
}
