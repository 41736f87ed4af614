//! The answer as JSON, for programs of others. `docs/choose.md` has its keys.

use serde_json::{Map, Value, json as value};

use super::words::recommendation;
use crate::fleet::{Against, Amount, Answer, Basis, Cell, Compared, Nodes};
use crate::stats::Interval;

/// Version of what it holds.
const SCHEMA_VERSION: u32 = 1;

/// The answers of a run, one a scenario.
pub fn json(answers: &[Answer]) -> Value {
    value!({
        "schema": SCHEMA_VERSION,
        "run": answers.first().map(|answer| &answer.run),
        "scenarios": answers.iter().map(answer).collect::<Vec<_>>(),
    })
}

fn answer(answer: &Answer) -> Value {
    let strategies = 0..answer.strategies.len();
    value!({
        "name": answer.scenario,
        "platforms": answer.platforms,
        "native": answer.native,
        "recommendation": recommended(answer),
        "strategies": strategies.map(|place| strategy(answer, place)).collect::<Vec<_>>(),
        "fleet": answer.fleet.as_ref().map(|found| value!({
            "builds_per_day": found.fleet.builds_per_day,
            "days": found.fleet.days,
            "edit_mix": found.fleet.mix.to_string(),
            "builds": found.builds,
            "left_out": found.left_out.iter().map(|(job, _)| job).collect::<Vec<_>>(),
            "currency": found.fleet.prices.as_ref().map(|prices| &prices.currency),
        })),
        "notes": super::notes::notes(answer),
    })
}

fn recommended(answer: &Answer) -> Value {
    let Some(choice) = &answer.choice else {
        return Value::Null;
    };
    let best = &answer.strategies[choice.best];
    let compared = |compared: &Compared| {
        let other = answer.strategies[compared.other].name();
        match &compared.by {
            Against::Model(range) => value!({
                "strategy": other, "basis": "model", "low": range.low, "high": range.high,
            }),
            Against::Paired(ratio, verdict) => value!({
                "strategy": other,
                "basis": "paired",
                "estimate": ratio.estimate,
                "low": ratio.interval.map(|interval| interval.low),
                "high": ratio.interval.map(|interval| interval.high),
                "n": ratio.n,
                "verdict": verdict.map(|verdict| verdict.as_str()),
            }),
        }
    };
    let perhaps = choice.perhaps.map(|place| answer.strategies[place].name());
    value!({
        "strategy": best.name(),
        "model": best.is_model(),
        "by": match choice.basis {
            Basis::Minutes => "minutes".to_owned(),
            Basis::Job(job) => job.to_string(),
        },
        "reference": choice.reference.as_ref().map(compared),
        "next": choice.next.as_ref().map(compared),
        "perhaps": perhaps,
        "sentences": recommendation(answer),
    })
}

fn strategy(answer: &Answer, place: usize) -> Value {
    let strategy = &answer.strategies[place];
    let cells: Map<String, Value> = strategy
        .cells
        .iter()
        .map(|(job, found)| (job.to_string(), cell(found)))
        .collect();
    let bill = answer.fleet.as_ref().and_then(|fleet| {
        let bill = fleet.bills.get(place)?;
        bill.as_ref()
    });
    value!({
        "name": strategy.name(),
        "variant": strategy.variant,
        "dockerfile": strategy.dockerfile,
        "reference": strategy.is_reference,
        "nodes": match strategy.nodes {
            Nodes::One => "one",
            Nodes::Native | Nodes::NativeModel => "native",
        },
        "model": strategy.is_model(),
        "caches": strategy.caches.to_string(),
        "remote_cache": strategy.remote,
        "remote_cache_bytes": strategy.remote_bytes,
        "emulated_share": strategy.how.map(|how| how.emulated),
        "runners": strategy.runners,
        "jobs": cells,
        "minutes_a_month": bill.map(|bill| amount(bill.minutes)),
        "price_a_month": bill.and_then(|bill| bill.money).map(amount),
    })
}

fn cell(cell: &Cell) -> Value {
    let ends = |interval: Option<Interval>| {
        let low = interval.map(|interval| interval.low);
        (low, interval.map(|interval| interval.high))
    };
    match cell {
        Cell::Measured(by_round) => {
            let mean = cell.mean();
            let (low, high) = ends(mean.and_then(|mean| mean.interval));
            value!({
                "state": "measured",
                "n": by_round.len(),
                "mean_seconds": mean.map(|mean| mean.mean),
                "low_seconds": low,
                "high_seconds": high,
                "seconds_by_round": by_round,
            })
        }
        Cell::Model(range) => {
            let (low, high) = ends(Some(*range));
            value!({"state": "model", "low_seconds": low, "high_seconds": high})
        }
        Cell::NotMeasured(kind) => value!({"state": "not-measured", "kind": kind}),
        Cell::NotModelled => value!({"state": "no-model"}),
        Cell::Failed(outcome) => value!({"state": "failed", "outcome": outcome}),
    }
}

fn amount(amount: Amount) -> Value {
    value!({
        "expected": amount.expected,
        "low": amount.interval.map(|interval| interval.low),
        "high": amount.interval.map(|interval| interval.high),
    })
}
