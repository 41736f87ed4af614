//! The result in a sentence that a person would repeat.

use super::number::{self, SAME_WITHIN};
use super::view::{ScenarioView, VariantView, View, join};
use crate::escape;
use crate::model::{BuildKind, Outcome};
use crate::stats::{Ratio, Verdict};

/// Columns that a name from outside may take here.
const MAX_NAME: usize = 40;

/// What the added platforms cost each variant and what incremental rebuilds
/// gain, in one sentence a scenario. Plain text, safe for a terminal; escape
/// it for other outputs.
pub fn sentence(view: &View) -> String {
    let sentences: Vec<String> = view
        .scenarios
        .iter()
        .map(|scenario| {
            let text = of_scenario(scenario);
            if view.scenarios.len() > 1 {
                format!("{}: {text}", name(&scenario.name))
            } else {
                capitalised(&text)
            }
        })
        .collect();
    if sentences.is_empty() {
        return "Nothing was raced.".to_owned();
    }
    sentences.join("\n")
}

fn of_scenario(scenario: &ScenarioView) -> String {
    let mut clauses: Vec<String> = [
        added_platforms(scenario),
        other_platforms(scenario),
        incremental(scenario),
    ]
    .into_iter()
    .flatten()
    .collect();
    if clauses.is_empty() {
        // None of them was measured: say what was.
        let others = [BuildKind::MultiArch, BuildKind::Cold, BuildKind::Noop];
        let other = others
            .into_iter()
            .find_map(|kind| against_reference(scenario, kind));
        clauses.push(
            other.unwrap_or_else(|| {
                "no build gave a time, so there is nothing to compare".to_owned()
            }),
        );
    }
    clauses.extend(without_reference(scenario));
    format!("{}.", clauses.join("; "))
}

/// `adding linux/arm64 costs naive 11.3x but cross +41%`.
fn added_platforms(scenario: &ScenarioView) -> Option<String> {
    let wanted = [BuildKind::Cold, BuildKind::MultiArch];
    if !scenario.shows_cost() {
        return None;
    }
    let known: Vec<(&VariantView, Ratio)> = scenario
        .variants
        .iter()
        .filter_map(|variant| Some((variant, variant.added_cost?)))
        .collect();
    let mut clause = match known.as_slice() {
        [] => None,
        [(variant, cost)] => Some(told_cost(variant, cost)),
        [(first, cost), rest @ ..] => {
            // "but" only where every candidate is clearly the cheaper one.
            let dearer = first.reference
                && rest.iter().all(|(_, other)| {
                    let clear = match (cost.interval, other.interval) {
                        (Some(_), Some(_)) => 1.0 + SAME_WITHIN,
                        _ => number::CLEAR_IN_ONE_ROUND,
                    };
                    other.estimate * clear < cost.estimate
                });
            let first = told_cost(first, cost);
            let others = rest.iter().map(|(variant, cost)| told_cost(variant, cost));
            Some(if dearer {
                format!("{first} but {}", join(others))
            } else {
                join(std::iter::once(first).chain(others))
            })
        }
    }
    .map(|costs| format!("adding {} costs {costs}", scenario.added_names()));

    let unknown: Vec<String> = scenario
        .variants
        .iter()
        .filter(|variant| variant.added_cost.is_none())
        .filter_map(|variant| {
            let kind = wanted
                .into_iter()
                .rev()
                .find(|kind| variant.median(*kind).is_none())?;
            Some(without_time(variant, kind))
        })
        .collect();
    if !unknown.is_empty() {
        let unknown = join(unknown);
        clause = Some(match clause {
            Some(clause) => format!("{clause}, while {unknown}"),
            None => format!(
                "what {} costs is not known: {unknown}",
                scenario.added_names()
            ),
        });
    }
    clause
}

/// `from nothing cross builds linux/arm64 7.9x faster than naive (…)`: where
/// multi-arch leaves the native platform out, it adds nothing to cold, and its
/// own time is the result.
fn other_platforms(scenario: &ScenarioView) -> Option<String> {
    if scenario.builds_native() {
        return None;
    }
    let compared = against_reference(scenario, BuildKind::MultiArch)?;
    Some(format!("from nothing {compared}"))
}

/// Why candidates are not compared.
fn without_reference(scenario: &ScenarioView) -> Option<String> {
    let missing = scenario.variants.len() > 1 && scenario.reference().is_none();
    missing.then(|| "nothing is compared, since the reference was left out".to_owned())
}

/// `after an edit cross rebuilds 95x faster than naive (0.60 s against 57.1 s)`.
fn incremental(scenario: &ScenarioView) -> Option<String> {
    if !scenario.kinds.contains(&BuildKind::Incremental) {
        return None;
    }
    let compared = against_reference(scenario, BuildKind::Incremental)?;
    Some(format!("after an edit {compared}"))
}

/// Every candidate against the reference, of one kind.
fn against_reference(scenario: &ScenarioView, kind: BuildKind) -> Option<String> {
    let verb = match kind {
        BuildKind::Incremental => "rebuilds".to_owned(),
        BuildKind::Noop => "does an unchanged build".to_owned(),
        BuildKind::Cold => "builds one platform".to_owned(),
        BuildKind::MultiArch if scenario.builds_native() => "builds all platforms".to_owned(),
        BuildKind::MultiArch => format!("builds {}", scenario.platform_names()),
    };
    if !scenario.kinds.contains(&kind) {
        return None;
    }
    let candidates: Vec<&VariantView> = scenario
        .variants
        .iter()
        .filter(|variant| !variant.reference)
        .collect();
    let reference = scenario
        .reference()
        .and_then(|reference| Some((reference, reference.median(kind)?)));
    let Some((reference, reference_time)) = reference.filter(|_| !candidates.is_empty()) else {
        // Nothing to compare, or to compare with: each on its own.
        let alone = scenario
            .variants
            .iter()
            .map(|variant| match variant.median(kind) {
                Some(time) => {
                    let name = name(&variant.name);
                    format!("{name} {verb} in {}", number::seconds(time))
                }
                None => without_time(variant, kind),
            });
        return Some(join(alone)).filter(|text| !text.is_empty());
    };
    // The first comparison names the reference and its time, those after it
    // are understood from it.
    let mut named = false;
    let mut parts = Vec::new();
    if candidates
        .iter()
        .all(|variant| variant.median(kind).is_none())
    {
        let (reference, time) = (name(&reference.name), number::seconds(reference_time));
        parts.push(format!("{reference} {verb} in {time}"));
    }
    for variant in candidates {
        let Some(time) = variant.median(kind) else {
            parts.push(without_time(variant, kind));
            continue;
        };
        let (candidate, time) = (name(&variant.name), number::seconds(time));
        let reference = name(&reference.name);
        parts.push(match variant.ratio(kind) {
            None => format!("{candidate} {verb} in {time}, in no round beside {reference}"),
            Some(ratio) if named => {
                let told = compared(&ratio, variant.verdict(kind), None);
                format!("{candidate} {told} ({time})")
            }
            Some(ratio) => {
                named = true;
                let told = compared(&ratio, variant.verdict(kind), Some(&reference));
                let against = number::seconds(reference_time);
                format!("{candidate} {verb} {told} ({time} against {against})")
            }
        });
    }
    Some(join(parts))
}

/// `95x faster than naive`, `about as fast as naive`; without the reference's
/// name where it is understood. What an interval, or the lack of one, leaves
/// open is not called faster or slower.
fn compared(ratio: &Ratio, verdict: Option<Verdict>, reference: Option<&str>) -> String {
    let with = |word: &str| reference.map_or_else(String::new, |name| format!(" {word} {name}"));
    if number::is_unclear(ratio) {
        let from = with("from");
        return format!("with no clear difference{from} in one round");
    }
    let open = match verdict {
        Some(verdict) => verdict == Verdict::Inconclusive,
        None => ratio
            .interval
            .is_some_and(|interval| interval.low <= 1.0 && interval.high >= 1.0),
    };
    let ratio = ratio.estimate;
    let near = ratio > 1.0 / (1.0 + SAME_WITHIN) && ratio < 1.0 + SAME_WITHIN;
    if verdict == Some(Verdict::Same) || (verdict.is_none() && near) {
        return format!("about as fast{}", with("as"));
    }
    let told = if open {
        "neither clearly faster nor clearly slower".to_owned()
    } else if ratio >= 2.0 {
        format!("{} slower", number::factor(ratio))
    } else if ratio > 1.0 {
        format!("{:.0}% slower", (ratio - 1.0) * 100.0)
    } else if ratio > 0.5 {
        format!("in {:.0}% less time", (1.0 - ratio) * 100.0)
    } else {
        format!("{} faster", number::factor(1.0 / ratio))
    };
    format!("{told}{}", with("than"))
}

fn told_cost(variant: &VariantView, cost: &Ratio) -> String {
    let text = number::cost(cost.estimate);
    let name = name(&variant.name);
    // Under a percent, or even less time: no cost that anyone would notice.
    // In one round a figure for it would be noise.
    match (cost.estimate < 1.005, cost.interval) {
        (true, None) => format!("{name} nothing measurable"),
        (true, Some(_)) => format!("{name} nothing ({text})"),
        (false, _) if number::is_unclear(cost) => format!("{name} about {text}"),
        (false, _) => format!("{name} {text}"),
    }
}

/// `cross timed out in multi-arch`.
fn without_time(variant: &VariantView, kind: BuildKind) -> String {
    let what = match variant.failed(kind) {
        Some(Outcome::Failed) => "failed",
        Some(Outcome::WrongOutput) => "built something else",
        Some(Outcome::TimedOut) => "timed out",
        Some(Outcome::LostBuilder) => "lost its builder",
        Some(Outcome::Interrupted) => "was interrupted",
        Some(Outcome::Skipped) => "was skipped",
        Some(Outcome::Ok) | None => "was not measured",
    };
    let name = name(&variant.name);
    if kind == BuildKind::Incremental {
        // It follows "after an edit".
        format!("{name} {what}")
    } else {
        format!("{name} {what} in {kind}")
    }
}

fn name(text: &str) -> String {
    escape::terminal(text, MAX_NAME)
}

fn capitalised(text: &str) -> String {
    // A sentence that begins with a variant's name keeps it as it is.
    let known = ["adding ", "after ", "from nothing ", "what ", "no build "];
    match text.chars().next() {
        Some(first) if known.iter().any(|word| text.starts_with(word)) => {
            format!("{}{}", first.to_uppercase(), &text[first.len_utf8()..])
        }
        _ => text.to_owned(),
    }
}
