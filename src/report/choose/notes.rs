//! What the figures stand on, what is left out of them, and how to measure that. Plain
//! text, safe for a terminal.

use std::collections::BTreeSet;

use super::super::number;
use super::words::{MAX_NAME, after, name};
use crate::escape;
use crate::fleet::{Answer, Cell, FleetAnswer};
use crate::model::{BuildKind, CacheMounts, Job, SOURCE};

/// Name of the edit that a scenario gives a change of its dependencies.
const DEPENDENCIES: &str = "dependencies";
/// Shown of what could not be raced.
const MAX_REASON: usize = 300;

/// Paragraphs, the most important first.
pub(super) fn notes(answer: &Answer) -> Vec<String> {
    let mut notes = failures(answer);
    notes.extend(answer.not_raced.iter().map(|out| {
        let out = escape::terminal(&out.describe(), MAX_REASON);
        format!("Not raced: {out}.")
    }));
    notes.extend(not_measured(answer));
    if let Some(fleet) = &answer.fleet {
        notes.extend(month(answer, fleet));
    }
    notes.push(times(answer));
    notes.push(
        "lost: each job starts from nothing. kept: the builder keeps its layers and cache mounts, or \
         they are restored whole; what a restore takes is not in the times."
            .to_owned(),
    );
    for mounts in [CacheMounts::Lost, CacheMounts::Restored] {
        let remote = answer.strategies.iter().filter_map(|s| s.remote.as_ref());
        let named = remote.filter(|cache| cache.cache_mounts == mounts);
        let names: BTreeSet<&str> = named.map(|cache| cache.name.as_str()).collect();
        if names.is_empty() {
            continue;
        }
        let names: Vec<&str> = names.into_iter().collect();
        notes.push(format!(
            "{}: an empty builder imports the remote cache, builds, and exports it again; the cold \
             job exports it alone. {}",
            names.join(", "),
            match mounts {
                CacheMounts::Lost => "Cache mounts are in no remote cache.",
                CacheMounts::Restored => {
                    "Cache mounts are restored from an archive and saved again; what fetching and \
                     storing the archive takes is not in the times."
                }
            }
        ));
    }
    if answer.strategies.iter().any(|strategy| strategy.is_model()) {
        notes.push(
            "model: no native node was there. It is what `buildrace explain` predicts from the \
             emulated builds, from the least to the most of any round; see docs/explain.md."
                .to_owned(),
        );
    }
    notes
}

fn times(answer: &Answer) -> String {
    let rounds = match answer.rounds() {
        None => "no round".to_owned(),
        Some((least, most)) if least == most => count(most, "round"),
        Some((least, most)) => format!("{least} to {most} rounds"),
    };
    let export = match &answer.export {
        None => "No image is exported or pushed in them.".to_owned(),
        Some(export) => {
            let export = escape::terminal(export, 200);
            format!("The export of each image is in them ({export}).")
        }
    };
    format!(
        "Times are means of {rounds} of run {}, with 95% t-intervals, which assume normal log times. \
         {export}",
        escape::terminal(&answer.run, 128)
    )
}

/// `1 round`, `6 rounds`.
fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

fn failures(answer: &Answer) -> Vec<String> {
    let mut variants: BTreeSet<&str> = BTreeSet::new();
    let failed = answer.strategies.iter().filter_map(|strategy| {
        let outcome = strategy.failed()?;
        variants.insert(&strategy.variant).then(|| {
            format!(
                "{} is not recommended: its builds end as {outcome}.",
                escape::columns(&strategy.variant, MAX_NAME)
            )
        })
    });
    failed.collect()
}

/// Jobs that the run has no build of, and what would measure them beside the others.
fn not_measured(answer: &Answer) -> Vec<String> {
    let jobs = answer.jobs.iter().filter_map(|job| match job {
        Job::Cold => None,
        Job::After(edit) => Some(BuildKind::after(*edit)),
    });
    let known: BTreeSet<BuildKind> = jobs.collect();
    let cells = answer.strategies.iter().flat_map(|s| s.cells.values());
    let missing = cells.filter_map(|cell| match cell {
        Cell::NotMeasured(kind) => Some(*kind),
        _ => None,
    });
    let mut missing: BTreeSet<BuildKind> = missing.collect();
    let usual = [SOURCE, DEPENDENCIES].into_iter();
    let usual = usual.filter_map(|edit| edit.parse().ok().map(BuildKind::after));
    missing.extend(usual.filter(|kind| !known.contains(kind)));
    let all: BTreeSet<&BuildKind> = known.iter().chain(&missing).collect();
    let all = all.into_iter().filter(|kind| kind.remote_cache().is_none());
    let all: Vec<String> = all.map(ToString::to_string).collect();
    let scenario = escape::columns(&answer.scenario, MAX_NAME);
    let notes = missing.iter().map(|kind| {
        if kind.remote_cache().is_some() {
            return format!(
                "Not measured: {kind}. The same race with that --ci-cache and edit measures it."
            );
        }
        let job = Job::of_edit(*kind).map_or_else(|| kind.to_string(), after);
        match (answer.command.verb.as_str(), kind.edit()) {
            ("run", None) => format!(
                "Not measured: jobs {job}. `buildrace run {scenario} --kinds {}` measures them.",
                all.join(",")
            ),
            ("run", Some(edit)) => format!(
                "Not measured: jobs {job}. An [[edit]] named {edit} in the scenario.toml of \
                 {scenario}, and `buildrace run {scenario} --kinds {}`, measure them.",
                all.join(",")
            ),
            (_, edit) => {
                let edit = edit.map_or_else(String::new, |edit| format!("{edit}="));
                format!(
                    "Not measured: jobs {job}. The same race with --edit {edit}FILE measures them."
                )
            }
        }
    });
    notes.collect()
}

fn month(answer: &Answer, found: &FleetAnswer) -> Vec<String> {
    let fleet = &found.fleet;
    let shares = fleet.mix.shares().iter();
    let mix: Vec<String> = shares
        .map(|(job, share)| format!("{} {job}", number::percentage(*share)))
        .collect();
    let mut notes = vec![format!(
        "A month is {} days of {} builds: {}. Each build is one of these by chance, and takes what the \
         rounds took, whatever the others do. Nothing waits for a free runner. The interval holds what a \
         month takes in at least 95% of fleets: few rounds, and the chance of a month.",
        fleet.days,
        fleet.builds_per_day,
        mix.join(", ")
    )];
    if answer.strategies.iter().any(|s| s.runners.len() > 1) {
        notes.push(
            "On native nodes each platform's runner counts for the whole time of the build."
                .to_owned(),
        );
    }
    if !found.left_out.is_empty() {
        let out = found.left_out.iter();
        let out = out.map(|(job, share)| format!("{job} ({})", number::percentage(*share)));
        let out: Vec<String> = out.collect();
        notes.push(format!(
            "Left out of the month, since the run did not measure it: {}. What is left are {} builds.",
            out.join(", "),
            super::words::few_digits(found.builds)
        ));
    }
    if let Some(prices) = &fleet.prices {
        let whole = if prices.whole_minutes {
            ", billed in whole minutes"
        } else {
            ""
        };
        notes.push(format!(
            "Prices are those of your prices.toml. Each job keeps its runner for {} s besides the \
             build{whole}.",
            prices.setup_seconds
        ));
        let has_cache = answer.strategies.iter().any(|s| s.remote.is_some());
        if has_cache && prices.gb_month.is_none() {
            notes.push(
                "No price: prices.toml has no gb-month in [storage], so that remote caches have none."
                    .to_owned(),
            );
        }
        let runners = answer.strategies.iter().flat_map(|s| &s.runners);
        let missing: BTreeSet<&str> = runners
            .map(|runner| runner.architecture())
            .filter(|name| !prices.runner_minutes.contains_key(*name))
            .collect();
        notes.extend(missing.into_iter().map(|architecture| {
            format!(
                "No price: prices.toml has no {architecture} in [runner-minutes], so that strategies \
                 with such a runner have no price."
            )
        }));
    }
    let without = answer.strategies.iter().zip(&found.bills);
    let without = without.filter(|(strategy, bill)| bill.is_none() && strategy.failed().is_none());
    let without: Vec<String> = without.map(|(strategy, _)| name(strategy)).collect();
    if !without.is_empty() {
        notes.push(format!(
            "Without a month, since a job of the mix is not known: {}.",
            without.join(", ")
        ));
    }
    notes
}
