//! Jobs of CI with a remote cache, as a table: a row for each variant, cache and job.

use super::number;
use super::view::{JobView, JobsView, ScenarioView};
use crate::escape;

/// Columns that a variant's name may take.
const MAX_NAME: usize = 24;

/// What the columns are.
pub(super) const HEADERS: [&str; 9] = [
    "variant",
    "cache",
    "job",
    "time",
    "import",
    "build",
    "export",
    "size",
    "pays from",
];

/// What the table is called.
pub(super) const TITLE: &str = "Jobs of CI: an empty builder, and a remote cache";

/// How its figures are made.
pub(super) const HOW: &str = "Medians. import: reading the cache, fetching layers from it and restoring cache mounts; \
    export: writing the cache, saving cache mounts, and what --output exports; size: what was imported, or what the \
    first job exported. \
    pays from: the job by which the cache has saved what its exports cost, against multi-arch, if \
    every further job comes after an edit of the sources.";

/// The rows of a scenario's table of jobs of CI: variant, cache, job, its time, that of
/// import, build and export, bytes, and from which job on the cache pays. None where it has
/// no such jobs. Names come from outside, bounded and on one line; times and bytes have
/// their units.
pub fn rows(scenario: &ScenarioView) -> Vec<[String; 9]> {
    scenario.jobs.iter().flat_map(rows_of).collect()
}

fn rows_of(jobs: &JobsView) -> Vec<[String; 9]> {
    let pays = match jobs.pays_from() {
        Some(1) => "job 1".to_owned(),
        Some(job) => format!("job {job}"),
        None if jobs.never_pays() => "never".to_owned(),
        None => "–".to_owned(),
    };
    let first = ("first".to_owned(), &jobs.first, pays);
    let further = jobs.further.iter().map(|(edit, job)| {
        let after = match edit {
            None => "after an edit".to_owned(),
            Some(edit) => format!("after {edit}"),
        };
        (after, job, String::new())
    });
    let all = std::iter::once(first).chain(further);
    all.map(|(after, job, pays)| {
        let variant = escape::columns(&jobs.variant, MAX_NAME);
        row(variant, jobs.cache.to_string(), after, job, pays)
    })
    .collect()
}

fn row(variant: String, cache: String, after: String, job: &JobView, pays: String) -> [String; 9] {
    let seconds = |seconds: Option<f64>| seconds.map_or_else(|| "–".to_owned(), number::seconds);
    let time = match (job.total, job.failed.first()) {
        (Some(total), None) => number::seconds(total),
        (Some(total), Some(outcome)) => format!("{} ({outcome})", number::seconds(total)),
        (None, Some(outcome)) => outcome.to_string(),
        (None, None) => "–".to_owned(),
    };
    let size = job.imported.or(job.exported);
    [
        variant,
        cache,
        after,
        time,
        seconds(job.import),
        seconds(job.build),
        seconds(job.export),
        size.map_or_else(|| "–".to_owned(), number::bytes),
        pays,
    ]
}
