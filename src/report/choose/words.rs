//! What to do and how sure it is, in sentences. Plain text, safe for a terminal.

use super::super::number;
use crate::escape;
use crate::fleet::{Against, Answer, Basis, Caches, Cell, Choice, Compared, Nodes, Strategy};
use crate::model::{Job, SOURCE};
use crate::stats::{Basis as RatioBasis, Interval, Ratio, Verdict};

/// Columns that a name from outside may take.
pub(super) const MAX_NAME: usize = 40;

/// The recommendation, and what else a reader should know of it; a paragraph each. The first
/// says what to do and how sure it is.
pub fn recommendation(answer: &Answer) -> Vec<String> {
    let Some(choice) = &answer.choice else {
        return vec![format!(
            "Nothing to recommend: no strategy of {} was measured.",
            escape::columns(&answer.scenario, MAX_NAME)
        )];
    };
    let best = &answer.strategies[choice.best];
    let mut said = vec![format!(
        "{}: {}{}.",
        action(best),
        figure(answer, choice),
        comparisons(answer, choice)
    )];
    if let Some(equal) = choice.equal {
        said.push(format!(
            "Several take equally long {}, within 1 s; of those it has the shortest cold job.",
            after(equal)
        ));
    }
    if let Some(model) = choice.perhaps.map(|place| &answer.strategies[place]) {
        let range = match (choice.basis, bill_range(answer, choice.perhaps)) {
            (Basis::Minutes, Some(range)) => format!("{} minutes a month", minutes_range(range)),
            (Basis::Job(job), _) => match model.cells.get(&job).and_then(Cell::range) {
                Some(range) => number::range(range.low, range.high),
                None => return said,
            },
            (Basis::Minutes, None) => return said,
        };
        said.push(format!(
            "model: {} may take less, {range}. A builder with native nodes would measure it.",
            name(model)
        ));
    }
    said
}

/// A strategy's name, safe for a terminal.
pub(super) fn name(strategy: &Strategy) -> String {
    escape::columns(&strategy.name(), MAX_NAME)
}

fn action(strategy: &Strategy) -> String {
    let variant = escape::columns(&strategy.variant, MAX_NAME);
    let nodes = match strategy.nodes {
        Nodes::One => "",
        Nodes::Native => " on native nodes",
        Nodes::NativeModel => " on native nodes (model)",
    };
    match strategy.caches {
        Caches::Lost => format!("Build {variant}{nodes}; it needs no cache"),
        Caches::Kept => format!("Build {variant}{nodes} and keep its caches"),
        Caches::Remote(cache) => {
            format!("Build {variant}{nodes} with the remote cache {cache}")
        }
    }
}

/// `after an edit of the sources`.
pub(super) fn after(job: Job) -> String {
    match job {
        Job::Cold => "for a cold job".to_owned(),
        Job::After(edit) if edit.as_str() == SOURCE => "after an edit of the sources".to_owned(),
        Job::After(edit) => format!("after the edit {edit}"),
    }
}

fn figure(answer: &Answer, choice: &Choice) -> String {
    let best = &answer.strategies[choice.best];
    match choice.basis {
        Basis::Job(job) => {
            let time = match best.cells.get(&job) {
                Some(Cell::Model(range)) => number::range(range.low, range.high),
                Some(cell) => cell
                    .mean()
                    .map_or_else(String::new, |mean| number::seconds(mean.mean)),
                None => String::new(),
            };
            format!("{time} {}", after(job))
        }
        Basis::Minutes => {
            let bill = answer.fleet.as_ref().and_then(|fleet| {
                let bill = fleet.bills.get(choice.best)?;
                bill.as_ref()
            });
            let expected = bill.and_then(|bill| bill.minutes.expected);
            let interval = bill.and_then(|bill| bill.minutes.interval);
            let range = interval.map(minutes_range);
            match (expected, range) {
                (Some(expected), Some(range)) => format!(
                    "{} minutes of runners a month [{range}]",
                    few_digits(expected)
                ),
                (Some(expected), None) => {
                    format!("{} minutes of runners a month", few_digits(expected))
                }
                (None, range) => format!(
                    "{} minutes of runners a month",
                    range.unwrap_or_else(|| "unknown".to_owned())
                ),
            }
        }
    }
}

fn bill_range(answer: &Answer, place: Option<usize>) -> Option<Interval> {
    let bill = answer.fleet.as_ref()?.bills.get(place?)?;
    bill.as_ref()?.minutes.interval
}

/// Says a comparison with a strategy that has a role.
type Said = fn(&Answer, &Compared, &str) -> String;

fn comparisons(answer: &Answer, choice: &Choice) -> String {
    let same = choice.reference.as_ref().map(|reference| reference.other)
        == choice.next.as_ref().map(|next| next.other);
    let (against, begin, between) = match choice.basis {
        Basis::Job(_) => (against as Said, ", ", ", and "),
        Basis::Minutes => (as_many as Said, "; ", "; "),
    };
    let reference = choice.reference.as_ref().map(|compared| {
        let role = if same {
            "the reference and the next"
        } else {
            "the reference"
        };
        against(answer, compared, role)
    });
    let next = choice.next.as_ref().filter(|_| !same);
    let next = next.map(|compared| against(answer, compared, "the next"));
    let parts: Vec<String> = reference.into_iter().chain(next).collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!("{begin}{}", parts.join(between)),
    }
}

/// `128× faster than naive/kept, the reference [120…137×] (clear)`.
fn against(answer: &Answer, compared: &Compared, role: &str) -> String {
    let other = name(&answer.strategies[compared.other]);
    match &compared.by {
        Against::Model(range) => {
            let ends = [range.high, range.low].map(|ratio| number::factor(1.0 / ratio));
            let [least, most] = ends;
            format!(
                "{}…{most} as fast as {other}, {role} (model)",
                least.trim_end_matches('×')
            )
        }
        Against::Paired(ratio, verdict) => {
            let interval = number::interval(ratio);
            let interval = interval.map_or_else(String::new, |text| format!(" [{text}]"));
            let sure = sure(ratio, *verdict);
            match number::includes_one(ratio) || number::is_unclear(ratio) {
                true => format!("no clear change against {other}, {role}{interval} ({sure})"),
                false => {
                    let faster = number::in_words(ratio);
                    format!("{faster} than {other}, {role}{interval} ({sure})")
                }
            }
        }
    }
}

/// `naive/kept, the reference, takes 8.0× as many [7.6…8.5×] (clear)`.
fn as_many(answer: &Answer, compared: &Compared, role: &str) -> String {
    let other = name(&answer.strategies[compared.other]);
    let range = |interval: Interval| {
        let ends = [interval.high, interval.low].map(|ratio| number::factor(1.0 / ratio));
        let [least, most] = ends;
        format!("{}…{most}", least.trim_end_matches('×'))
    };
    match &compared.by {
        Against::Model(interval) => {
            format!(
                "{other}, {role}, takes {} as many (model)",
                range(*interval)
            )
        }
        Against::Paired(ratio, verdict) => {
            let many = number::factor(1.0 / ratio.estimate);
            let interval = ratio.interval.map(range);
            let interval = interval.map_or_else(String::new, |text| format!(" [{text}]"));
            let sure = sure(ratio, *verdict);
            format!("{other}, {role}, takes {many} as many{interval} ({sure})")
        }
    }
}

/// How sure a ratio is, by the rule of `docs/verdict.md`.
fn sure(ratio: &Ratio, verdict: Option<Verdict>) -> String {
    match (verdict, ratio.basis) {
        (Some(Verdict::Faster | Verdict::Slower), _) => "clear".to_owned(),
        (Some(Verdict::Same), _) => "the same".to_owned(),
        (Some(Verdict::Inconclusive), _) | (None, RatioBasis::SignedRank(_)) => {
            "not clear".to_owned()
        }
        (None, RatioBasis::OneRound) => "1 round: too few for a verdict".to_owned(),
        (None, RatioBasis::ModelBased) => format!("{} rounds: too few for a verdict", ratio.n),
    }
}

/// `8.8`, `448`: an amount in the digits that matter.
pub(super) fn few_digits(amount: f64) -> String {
    if amount < 0.995 {
        format!("{amount:.2}")
    } else if amount < 99.5 {
        format!("{amount:.1}")
    } else {
        format!("{amount:.0}")
    }
}

fn minutes_range(interval: Interval) -> String {
    range(interval, few_digits)
}

/// Both ends of an interval; one of them where they are written alike.
pub(super) fn range(interval: Interval, written: fn(f64) -> String) -> String {
    let [low, high] = [interval.low, interval.high].map(written);
    match low == high {
        true => high,
        false => format!("{low}…{high}"),
    }
}
