//! What jobs of CI and exports took in the published runs that have some.

use buildrace::escape;
use buildrace::model::{BuildKind, PartKind};
use buildrace::report::{self, VariantView, number};

use super::published::Published;

/// The newest run of a scenario with remote caches: its jobs, a row each, below those of
/// the same round that had no remote cache.
pub fn jobs(runs: &[Published], name: &str) -> String {
    let mut with_caches = runs
        .iter()
        .rev()
        .filter(|run| !run.stored.run.record.ci_caches.is_empty());
    let found = with_caches.find_map(|run| Some((run, run.scenario(name)?)));
    let (run, scenario) = found.unwrap_or_else(|| panic!("no published run has jobs of {name}"));
    let mut out = "| variant | cache | job | time | import | build | export | size | pays from |\n\
                   |:--|:--|:--|--:|--:|--:|--:|--:|:--|\n"
        .to_owned();
    let jobs = report::job_rows(scenario);
    let mut row = |cells: &[String; 9]| out.push_str(&format!("| {} |\n", cells.join(" | ")));
    for variant in &scenario.variants {
        let alone = [
            (BuildKind::MultiArch, "none", "each"),
            (
                BuildKind::Incremental,
                "builder that stays",
                "after an edit",
            ),
        ];
        for (kind, cache, job) in alone {
            let Some(median) = median(variant, kind) else {
                continue;
            };
            let mut cells = [const { String::new() }; 9];
            let known = [&variant.name, cache, job, &number::seconds(median)];
            cells[..4].clone_from_slice(&known.map(escape::markdown));
            row(&cells);
        }
        let own = jobs.iter().filter(|job| job[0] == variant.name);
        for job in own {
            row(&job.each_ref().map(|cell| escape::markdown(cell)));
        }
    }
    out.push_str(&source(run, scenario.clean));
    out
}

/// Exports of a scenario's results, of each way the newest run.
pub fn exports(runs: &[Published], name: &str) -> String {
    let mut newest: Vec<(&str, &Published)> = Vec::new();
    for run in runs.iter().rev() {
        let export = run.stored.run.record.export.as_deref();
        if let Some(export) = export.filter(|_| run.scenario(name).is_some())
            && newest.iter().all(|(known, _)| *known != export)
        {
            newest.push((export, run));
        }
    }
    assert!(!newest.is_empty(), "no published run exports {name}");
    newest.sort_by_key(|(_, run)| run.stored.run.record.started);
    let mut out = "| export | variant | kind | time | build | export | of it layers | of it moving them | size |\n\
                   |:--|:--|:--|--:|--:|--:|--:|--:|--:|\n"
        .to_owned();
    for (export, run) in &newest {
        let scenario = run.scenario(name).expect("it was raced");
        let id = &run.stored.run.record.run;
        for parts in &scenario.parts {
            let of = |wanted: PartKind| parts.parts.iter().find(|(part, ..)| *part == wanted);
            let seconds = |part| of(part).map(|(_, seconds, _)| *seconds);
            let build = seconds(PartKind::Build).unwrap_or_default();
            let moving = [
                PartKind::Send,
                PartKind::Load,
                PartKind::Push,
                PartKind::Unpack,
            ];
            let moving: Vec<f64> = moving.into_iter().filter_map(seconds).collect();
            let known =
                |seconds: Option<f64>| seconds.map_or_else(|| "–".to_owned(), number::seconds);
            let bytes = parts.parts.iter().filter_map(|(_, _, bytes)| *bytes).max();
            let cells = [
                format!("[{}](reports/{id}/summary.md)", escape::markdown(export)),
                escape::markdown(&parts.variant),
                parts.kind.to_string(),
                number::seconds(parts.total),
                number::seconds(build),
                number::seconds(parts.total - build),
                known(seconds(PartKind::ExportLayers)),
                known((!moving.is_empty()).then(|| moving.iter().sum())),
                bytes.map_or_else(|| "–".to_owned(), number::bytes),
            ];
            out.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
    }
    out
}

fn median(variant: &VariantView, kind: BuildKind) -> Option<f64> {
    Some(variant.cells.get(&kind)?.times?.median)
}

/// `Medians of 3 rounds. …`
fn source(run: &Published, rounds: u32) -> String {
    let record = &run.stored.run.record;
    let id = &record.run;
    format!(
        "\nMedians of {rounds} rounds: [results/{id}](results/{id}), [report](reports/{id}/summary.md), \
         `{}`.\n",
        record.command
    )
}
