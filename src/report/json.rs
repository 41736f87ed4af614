//! A run's report as JSON, for programs of others. `docs/formats.md` has its keys.

use serde_json::{Map, Value, json};

use super::sentence::sentence;
use super::view::{Cell, FailureView, ScenarioView, VariantView, View};
use crate::stats::{Basis, Ratio};

/// Version of what it holds.
const SCHEMA_VERSION: u32 = 1;

/// What a report says, without its samples: they are in the run's own files.
pub fn json(view: &View) -> Value {
    let scenarios: Vec<Value> = view.scenarios.iter().map(scenario).collect();
    let failures: Vec<Value> = view.failures.iter().map(failure).collect();
    json!({
        "schema": SCHEMA_VERSION,
        "run": view.run,
        "started": view.started,
        "buildrace": view.buildrace,
        "command": view.command.to_string(),
        "commit": view.commit,
        "check": view.check,
        "sentence": sentence(view).lines().collect::<Vec<_>>(),
        "complete": view.is_complete(),
        "rounds": view.rounds,
        "dropped_rounds": view.dropped.len(),
        "seed": view.seed,
        "host": view.host,
        "builder": view.builder,
        "stand_ins": view.stand_ins(),
        "outputs": view.outputs,
        "scenarios": scenarios,
        "failures": failures,
        "warnings": view.warnings,
    })
}

fn scenario(scenario: &ScenarioView) -> Value {
    let variants: Vec<Value> = scenario.variants.iter().map(variant).collect();
    json!({
        "name": scenario.name,
        "title": scenario.title,
        "native": scenario.native,
        "platforms": scenario.platforms,
        "edit": scenario.edit,
        "edits": scenario.edits,
        "rounds": scenario.clean,
        "variants": variants,
    })
}

fn variant(variant: &VariantView) -> Value {
    let kinds = variant.cells.iter();
    let kinds: Map<String, Value> = kinds
        .map(|(kind, cell)| (kind.to_string(), of_cell(cell)))
        .collect();
    json!({
        "name": variant.name,
        "reference": variant.reference,
        "dockerfile": variant.dockerfile,
        "revision": variant.revision,
        "kinds": kinds,
        "added_platforms": variant.added_cost.as_ref().map(ratio),
    })
}

fn of_cell(cell: &Cell) -> Value {
    let failed = cell.failed.iter();
    let failed: Map<String, Value> = failed
        .map(|(outcome, count)| (outcome.to_string(), json!(count)))
        .collect();
    json!({
        "n": cell.times.map(|times| times.n),
        "median_seconds": cell.times.map(|times| times.median),
        "min_seconds": cell.times.map(|times| times.min),
        "max_seconds": cell.times.map(|times| times.max),
        "seconds_by_round": cell.by_round,
        "failed": failed,
        "ratio": cell.ratio.as_ref().map(ratio),
        "verdict": cell.verdict.map(|verdict| verdict.as_str()),
        "delta": cell.delta,
    })
}

fn ratio(ratio: &Ratio) -> Value {
    let basis = match ratio.basis {
        Basis::OneRound => "one-round",
        Basis::ModelBased => "t-interval",
        Basis::SignedRank(_) => "signed-rank",
    };
    json!({
        "estimate": ratio.estimate,
        "low": ratio.interval.map(|interval| interval.low),
        "high": ratio.interval.map(|interval| interval.high),
        "n": ratio.n,
        "basis": basis,
    })
}

fn failure(failure: &FailureView) -> Value {
    json!({
        "scenario": failure.scenario,
        "variant": failure.variant,
        "kind": failure.kind,
        "round": failure.round,
        "outcome": failure.outcome,
        "seconds": failure.seconds,
        "failure": failure.failure,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;
    use crate::report::fixture::{self, ARTICLE};

    #[test]
    fn it_says_what_the_report_says() {
        let (record, mut samples) = fixture::run(&ARTICLE, 3);
        fixture::fail(samples.last_mut().unwrap(), Outcome::Failed);
        let run = fixture::of(&record, &samples);
        let told = json(&View::new(&run, &Default::default()));
        assert_eq!(told["run"], record.run.as_str());
        let variants = told["scenarios"][0]["variants"].as_array().unwrap();
        assert_eq!(variants[0]["reference"], true);
        let cold = &variants[1]["kinds"]["cold"];
        assert_eq!(cold["n"], 3);
        assert_eq!(cold["ratio"]["basis"], "t-interval");
        let ratio = cold["ratio"]["estimate"].as_f64().unwrap();
        assert!((0.9..1.2).contains(&ratio), "{cold}");
        assert_eq!(told["failures"].as_array().unwrap().len(), 1);
    }
}
