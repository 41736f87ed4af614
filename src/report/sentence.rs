//! The result in a sentence that a person would repeat.

use super::number::{self, SAME_WITHIN};
use super::view::{Cell, ScenarioView, VariantView, View};
use super::words::join;
use crate::escape;
use crate::model::{BuildKind, Outcome};
use crate::stats::{Basis, Ratio, Verdict};

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
                capitalised(&text, scenario)
            }
        })
        .collect();
    if sentences.is_empty() {
        return "Nothing was raced.".to_owned();
    }
    sentences.join("\n")
}

fn of_scenario(scenario: &ScenarioView) -> String {
    // With the kind that a clause compares candidates in, where it does.
    let edited = scenario.kinds.iter();
    let edited = edited.filter(|kind| kind.is_edited() && kind.remote_cache().is_none());
    let edited = edited.map(|kind| (after_edit(scenario, *kind), Some(*kind)));
    let mut clauses: Vec<(String, Option<BuildKind>)> = [
        (added_platforms(scenario), None),
        (other_platforms(scenario), Some(BuildKind::MultiArch)),
    ]
    .into_iter()
    .chain(edited)
    .filter_map(|(clause, kind)| Some((clause?, kind)))
    .collect();
    if clauses.is_empty() {
        // None of them was measured: say what was.
        let others = [BuildKind::MultiArch, BuildKind::Cold, BuildKind::Noop];
        let other = others
            .into_iter()
            .find_map(|kind| Some((against_reference(scenario, kind)?, Some(kind))));
        clauses.push(other.unwrap_or_else(|| {
            let nothing = "no build succeeded, so there is nothing to compare";
            (nothing.to_owned(), None)
        }));
    }
    let kinds = clauses.iter().filter_map(|(_, kind)| *kind);
    let are_few = kinds.clone().any(|kind| has_few_rounds(scenario, kind));
    let mut clauses: Vec<String> = clauses.into_iter().map(|(clause, _)| clause).collect();
    if are_few {
        clauses.push("too few for a verdict".to_owned());
    }
    clauses.extend(without_reference(scenario));
    let said = clauses.join("; ");
    clauses.extend(failures(scenario, &said));
    format!("{}.", clauses.join("; "))
}

/// Whether candidates are compared in rounds that are too few for a verdict.
fn has_few_rounds(scenario: &ScenarioView, kind: BuildKind) -> bool {
    let ratios = scenario.variants.iter().filter_map(|v| v.ratio(kind));
    let mut bases = ratios.map(|ratio| ratio.basis);
    bases.any(|basis| matches!(basis, Basis::OneRound | Basis::ModelBased))
}

/// What did not build, as far as the clauses so far do not say so: who reads
/// nothing else must not take a variant for good that is not.
fn failures(scenario: &ScenarioView, said: &str) -> Option<String> {
    let mut parts = Vec::new();
    for variant in &scenario.variants {
        for (kind, cell) in &variant.cells {
            let failed: u32 = BAD.iter().filter_map(|bad| cell.failed.get(bad)).sum();
            if failed == 0 {
                continue;
            }
            if cell.times.is_some() {
                let (name, samples) = (name(&variant.name), cell.samples);
                parts.push(format!(
                    "{name} failed in {failed} of {samples} {kind} builds"
                ));
                continue;
            }
            let whole = without_time(variant, *kind);
            if !said.contains(&whole) {
                parts.push(whole);
            }
        }
    }
    (!parts.is_empty()).then(|| join(parts))
}

/// Outcomes that are a variant's own failure, or look like one.
const BAD: [Outcome; 5] = [
    Outcome::Failed,
    Outcome::WrongOutput,
    Outcome::NotTransferred,
    Outcome::TimedOut,
    Outcome::LostBuilder,
];

/// `adding linux/arm64 costs naive 11.3× but cross +41%`.
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
        [(variant, cost)] => Some(cost_clause(variant, cost)),
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
            let first = cost_clause(first, cost);
            let others = rest
                .iter()
                .map(|(variant, cost)| cost_clause(variant, cost));
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
                "what {} costs is unknown: {unknown}",
                scenario.added_names()
            ),
        });
    }
    clause
}

/// `from nothing cross builds linux/arm64 7.9× faster than naive (…)`: where
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

/// `after an edit cross rebuilds 95× faster than naive (0.60 s against 57.1 s)`, or `with 4 builds
/// at once cross …`.
fn after_edit(scenario: &ScenarioView, kind: BuildKind) -> Option<String> {
    let compared = against_reference(scenario, kind)?;
    Some(match (kind.edit(), kind.builds_at_once()) {
        (_, Some(count)) => format!("with {count} builds at once {compared}"),
        (Some(edit), None) => format!("after the edit {edit} {compared}"),
        (None, None) => format!("after an edit {compared}"),
    })
}

/// Every candidate against the reference, of one kind.
fn against_reference(scenario: &ScenarioView, kind: BuildKind) -> Option<String> {
    if !scenario.kinds.contains(&kind) {
        return None;
    }
    let verb = verb(scenario, kind);
    let variants = scenario.variants.iter();
    let candidates: Vec<&VariantView> = variants.filter(|variant| !variant.reference).collect();
    let reference = scenario
        .reference()
        .and_then(|reference| Some((reference, reference.median(kind)?)));
    let Some((reference, reference_time)) = reference.filter(|_| !candidates.is_empty()) else {
        // Nothing to compare, or to compare with: each on its own.
        let alone = scenario.variants.iter();
        let alone = alone.map(|variant| match variant.median(kind) {
            Some(time) => built_in(variant, &verb, time),
            None => without_time(variant, kind),
        });
        return Some(join(alone)).filter(|text| !text.is_empty());
    };
    let mut parts = Vec::new();
    let mut timed = candidates.iter().map(|variant| variant.median(kind));
    if timed.all(|time| time.is_none()) {
        parts.push(built_in(reference, &verb, reference_time));
    }
    // The first comparison names the reference and its time, those after it
    // are understood from it.
    let mut named = false;
    let reference = name(&reference.name);
    for variant in candidates {
        let Some(time) = variant.median(kind) else {
            parts.push(without_time(variant, kind));
            continue;
        };
        let Some(ratio) = variant.ratio(kind) else {
            let alone = built_in(variant, &verb, time);
            parts.push(format!("{alone}; no round has both it and {reference}"));
            continue;
        };
        let (candidate, time) = (name(&variant.name), number::seconds(time));
        let understood = std::mem::replace(&mut named, true);
        let beside = (!understood).then_some(reference.as_str());
        let comparison = compared(&variant.cells[&kind], &ratio, beside);
        parts.push(match understood {
            true => format!("{candidate} {comparison} ({time})"),
            false => {
                let against = number::seconds(reference_time);
                format!("{candidate} {verb} {comparison} ({time} against {against})")
            }
        });
    }
    Some(join(parts))
}

/// What a build of a kind does: `rebuilds`, `builds all platforms`.
fn verb(scenario: &ScenarioView, kind: BuildKind) -> String {
    match kind {
        BuildKind::Incremental | BuildKind::IncrementalOf(_) | BuildKind::Concurrent(_) => {
            "rebuilds".to_owned()
        }
        BuildKind::Noop => "does an unchanged build".to_owned(),
        BuildKind::Cold => "builds one platform".to_owned(),
        BuildKind::CacheExport(_) => "builds and exports its cache".to_owned(),
        BuildKind::CiCache(..) => "builds from its remote cache".to_owned(),
        BuildKind::MultiArch if scenario.builds_native() => "builds all platforms".to_owned(),
        BuildKind::MultiArch => format!("builds {}", scenario.platform_names()),
    }
}

/// `cross rebuilds in 0.60 s`.
fn built_in(variant: &VariantView, verb: &str, time: f64) -> String {
    format!(
        "{} {verb} in {}",
        name(&variant.name),
        number::seconds(time)
    )
}

/// `95× faster than naive`, `about as fast as naive`; without the reference's
/// name where it is understood. What an interval, or the lack of one, leaves
/// open is not called faster or slower. Of fewer rounds than a verdict takes it
/// says how many of them agree.
fn compared(cell: &Cell, ratio: &Ratio, reference: Option<&str>) -> String {
    let with = |word: &str| reference.map_or_else(String::new, |name| format!(" {word} {name}"));
    let no_difference = || format!("with no clear difference{}", with("from"));
    let bigger = || format!("{}{}", number::in_words(ratio), with("than"));
    let near = |ratio: f64| ratio > 1.0 / (1.0 + SAME_WITHIN) && ratio < 1.0 + SAME_WITHIN;
    match ratio.basis {
        Basis::OneRound if number::is_unclear(ratio) => format!("{} in 1 round", no_difference()),
        Basis::OneRound => format!("{} in 1 round", bigger()),
        Basis::ModelBased => {
            let rounds = cell.ratios.len();
            let of = |test: &dyn Fn(f64) -> bool| {
                let ratios = cell.ratios.values();
                ratios.filter(|ratio| test(**ratio)).count()
            };
            let (faster, slower) = (of(&|ratio| ratio < 1.0), of(&|ratio| ratio > 1.0));
            let all = match rounds {
                2 => "both of 2 rounds".to_owned(),
                rounds => format!("all {rounds} rounds"),
            };
            // Where all rounds agree on much, an interval that a model makes
            // wide is no reason to doubt the direction.
            let is_clear = !number::includes_one(ratio)
                || ratio.estimate >= number::CLEAR_IN_ONE_ROUND
                || ratio.estimate <= 1.0 / number::CLEAR_IN_ONE_ROUND;
            if of(&near) == rounds {
                format!("about as fast{} in {all}", with("as"))
            } else if faster.max(slower) == rounds && is_clear && !cell.contradicted {
                format!("{} in {all}", bigger())
            } else {
                format!(
                    "{}: faster in {faster}, slower in {slower} of {rounds} rounds",
                    no_difference()
                )
            }
        }
        Basis::SignedRank(_) => match cell.verdict {
            Some(Verdict::Same) => format!("about as fast{}", with("as")),
            Some(Verdict::Inconclusive) => no_difference(),
            Some(Verdict::Faster | Verdict::Slower) => bigger(),
            None if near(ratio.estimate) => format!("about as fast{}", with("as")),
            None if number::includes_one(ratio) => no_difference(),
            None => bigger(),
        },
    }
}

fn cost_clause(variant: &VariantView, cost: &Ratio) -> String {
    let text = number::describe_cost(cost);
    let name = name(&variant.name);
    // Under a percent, or even less time: no cost that anyone would notice.
    // In one round a figure for it would be noise.
    let is_nothing = cost.estimate < 1.005 || variant.cost_contradicted;
    match cost.interval {
        None if is_nothing => format!("{name} nothing measurable"),
        Some(_) if variant.cost_contradicted => format!("{name} nothing measurable"),
        Some(_) if is_nothing => format!("{name} nothing ({text})"),
        Some(_) if number::includes_one(cost) => format!("{name} {text} (no clear change)"),
        _ => format!("{name} {text}"),
    }
}

/// `cross timed out in multi-arch`.
fn without_time(variant: &VariantView, kind: BuildKind) -> String {
    let what = match variant.failed(kind) {
        Some(Outcome::Failed) => "did not build",
        Some(Outcome::WrongOutput) => "built something else",
        Some(Outcome::NotTransferred) => "could not transfer its cache or result",
        Some(Outcome::TimedOut) => "timed out",
        Some(Outcome::LostBuilder) => "lost its builder",
        Some(Outcome::Interrupted) => "was interrupted",
        Some(Outcome::Skipped) => "was skipped",
        Some(Outcome::Ok) | None => "was not measured",
    };
    let name = name(&variant.name);
    if kind.is_edited() {
        // It follows "after an edit", or "with 4 builds at once".
        format!("{name} {what}")
    } else {
        format!("{name} {what} in {kind}")
    }
}

fn name(text: &str) -> String {
    escape::terminal(text, MAX_NAME)
}

/// With a capital letter, unless it begins with a variant's name, which stays
/// as it is.
fn capitalised(text: &str, scenario: &ScenarioView) -> String {
    let known = [
        "adding ",
        "after an edit ",
        "from nothing ",
        "what ",
        "no build ",
    ];
    let mut names = scenario.variants.iter().map(|v| name(&v.name));
    let is_name = !text.starts_with("after an edit ")
        && names.any(|name| text.starts_with(&format!("{name} ")));
    match text.chars().next() {
        Some(first) if !is_name && known.iter().any(|word| text.starts_with(word)) => {
            format!("{}{}", first.to_uppercase(), &text[first.len_utf8()..])
        }
        _ => text.to_owned(),
    }
}
