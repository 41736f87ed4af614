//! Ten questions that an expert asks before believing the figures, answered
//! from the run's own data.

use std::collections::BTreeSet;

use super::edit::{EditDiff, edit_diff};
use super::environment;
use super::number;
use super::prose::{Line, Piece, with_code, words};
use super::reading;
use super::round_summary;
use super::view::{ScenarioView, View};
use super::words::join;
use crate::escape;
use crate::model::{BuildKind, CacheMounts, SOURCE};

/// A question with its answer, a line for each fact.
pub(super) struct Question {
    /// As a reader would ask it.
    pub(super) question: &'static str,
    /// Lines; texts in them come from outside.
    pub(super) answer: Vec<Line>,
}

/// The ten questions, in the order in which they are asked.
pub(super) fn questions(view: &View) -> Vec<Question> {
    let all = [
        ("What was cold, and what was timed?", cold(view)),
        ("Whose cache was it?", cache(view)),
        ("In what order?", order(view)),
        ("How many rounds, and how many dropped?", rounds(view)),
        (
            "How sure is it?",
            reading::certainty(view).into_iter().map(words).collect(),
        ),
        ("How noisy was it?", noise(view)),
        ("Which engine, emulator, compiler and CPU?", versions(view)),
        ("Are base images stand-ins?", stand_ins(view)),
        ("Was the output right on every platform?", outputs(view)),
        ("How can I repeat it?", repeat(view)),
    ];
    let all = all.into_iter();
    all.map(|(question, answer)| Question { question, answer })
        .collect()
}

fn has(view: &View, kind: BuildKind) -> bool {
    view.scenarios
        .iter()
        .any(|scenario| scenario.kinds.contains(&kind))
}

fn cold(view: &View) -> Vec<Line> {
    let mut lines = Vec::new();
    let empty: Vec<String> = [BuildKind::Cold, BuildKind::MultiArch]
        .into_iter()
        .filter(|kind| has(view, *kind))
        .map(|kind| kind.to_string())
        .collect();
    if !empty.is_empty() {
        lines.push(with_code(&format!(
            "{}: no layer cache (BuildKit's `no-cache`), empty cache mounts, fresh sources.",
            join(empty)
        )));
        lines.push(with_code(
            "`no-cache` does not cover `WORKDIR`: the builder may have that folder from before.",
        ));
    }
    let edited = view.scenarios.iter().flat_map(|scenario| &scenario.kinds);
    let edited: BTreeSet<BuildKind> = edited.filter(|kind| kind.is_edited()).copied().collect();
    let (together, edited): (Vec<BuildKind>, Vec<BuildKind>) = edited
        .into_iter()
        .partition(|kind| kind.builds_at_once().is_some());
    let from = match has(view, BuildKind::MultiArch) {
        true => BuildKind::MultiArch,
        false => BuildKind::Cold,
    };
    if !edited.is_empty() {
        let instead = match edited.len() {
            1 => "",
            _ => " in place of the one before it",
        };
        lines.push(words(format!(
            "{}: on the cache that {from} left, after one edit{instead}.",
            join(edited.iter().map(ToString::to_string))
        )));
    }
    let jobs = view
        .scenarios
        .iter()
        .flat_map(|scenario| &scenario.job_kinds);
    let jobs: BTreeSet<BuildKind> = jobs.copied().collect();
    if !jobs.is_empty() {
        lines.push(words(format!(
            "{}: on a builder that is emptied before each of them, of cache mounts, too. Base images \
             stay.",
            join(jobs.iter().map(ToString::to_string))
        )));
    }
    let restoring = view.ci_caches.iter();
    let restoring: Vec<String> = restoring
        .filter(|cache| cache.cache_mounts == CacheMounts::Restored)
        .map(|cache| cache.name.clone())
        .collect();
    if !restoring.is_empty() {
        lines.push(words(format!(
            "Cache mounts of {}: saved after each job and, but for the first, restored before it, \
             within the clock.",
            join(restoring.into_iter())
        )));
    }
    for kind in together {
        let count = kind.builds_at_once().unwrap_or_default();
        lines.push(words(format!(
            "{kind}: {count} builds that start together on the cache that {from} left, each after \
             an edit in sources of its own, until the last has ended.",
        )));
    }
    if has(view, BuildKind::Noop) {
        lines.push(words(
            "noop: on the cache of the build before it, with no edit.",
        ));
    }
    lines.push(words(
        "The clock runs on the client, from sending Solve to its return; the context is sent \
         within.",
    ));
    lines.push(match &view.export {
        None => words(
            "Base images are unpacked before the clock starts. No export is timed: the result stays \
             in the cache.",
        ),
        Some(export) => vec![
            Piece::Text(
                "Base images are unpacked before the clock starts. The export of the result is \
                 timed, too: "
                    .to_owned(),
            ),
            Piece::Code(export.clone()),
        ],
    });
    if view
        .scenarios
        .iter()
        .any(|scenario| !scenario.job_kinds.is_empty())
    {
        lines.push(words("The export of a remote cache is part of its job."));
    }
    lines.extend(view.scenarios.iter().flat_map(edit_lines));
    lines.extend(round_summary::unreached(view).map(words));
    lines
}

/// What edits change, where no difference shows it.
fn edit_lines(scenario: &ScenarioView) -> impl Iterator<Item = Line> {
    edits_of(scenario).map(|(what, edit)| match edit_diff(edit) {
        Some(diff) => vec![
            Piece::Text(format!("The {what} changes ")),
            Piece::Code(diff.file),
            Piece::Text(", see below.".to_owned()),
        ],
        None => vec![
            Piece::Text(format!("The {what}: ")),
            Piece::Code(edit.to_owned()),
        ],
    })
}

/// The edits of a scenario, with what they are called.
fn edits_of(scenario: &ScenarioView) -> impl Iterator<Item = (String, &str)> {
    let name = &scenario.name;
    // It is there in parts, where it has several.
    let usual = scenario
        .edit
        .iter()
        .filter(|_| !scenario.edits.contains_key(SOURCE));
    let usual = usual.map(move |edit| (format!("edit of {name}"), edit.as_str()));
    let named = scenario.edits.iter().flat_map(move |(edit, parts)| {
        let what = format!("edit {edit} of {name}");
        parts.iter().map(move |part| (what.clone(), part.as_str()))
    });
    usual.chain(named)
}

/// The edits that are differences, with what they are called.
pub(super) fn edits(view: &View) -> impl Iterator<Item = (String, EditDiff)> {
    let edits = view.scenarios.iter().flat_map(edits_of);
    edits.filter_map(|(what, edit)| Some((what, edit_diff(edit)?)))
}

fn cache(view: &View) -> Vec<Line> {
    let mut lines = vec![words(
        "Only the run's own. Each block of builds has cache mounts and a nonce of its own, so it \
         finds nothing that an earlier block left.",
    )];
    lines.push(words(match view.disturbed() {
        Some(disturbed) => disturbed,
        None => "Other builds seen on the builder during samples: 0.".to_owned(),
    }));
    lines
}

fn order(view: &View) -> Vec<Line> {
    let mut lines = vec![words(format!(
        "One build at a time, in an order drawn anew for each round from seed {}.",
        view.seed
    ))];
    lines.extend(view.resumption().map(words));
    lines
}

fn rounds(view: &View) -> Vec<Line> {
    let built = view.measured - view.interrupted;
    let mut counts = format!("Rounds planned: {}", view.rounds);
    if view.rules.spare_rounds > 0 {
        counts.push_str(&format!(", and {} spare", view.rules.spare_rounds));
    }
    let dropped = view.dropped.len();
    let mut lines = vec![words(format!(
        "{counts}. Rounds dropped: {dropped}. Samples: {built} of {}.",
        view.planned
    ))];
    lines.push(words(match view.rules.contamination {
        Some(rule) => format!(
            "buildrace drops a round if somebody else used the builder, if CPU steal was above \
             {:.0}%, {}or if the machine was more than {:.0}% busy before a build.",
            rule.steal * 100.0,
            match rule.unstarted_containers {
                true => "",
                false => "if a container did not start, ",
            },
            rule.busy_before * 100.0,
        ),
        None => "This run drops no rounds.".to_owned(),
    }));
    lines.extend(round_summary::dropped(view).map(words));
    lines.extend(round_summary::decisions(view).map(words));
    lines.extend(view.warned().map(words));
    lines
}

fn noise(view: &View) -> Vec<Line> {
    let mut lines = vec![words(format!("{}.", round_summary::delta(view)))];
    lines.extend(widest(view).map(words));
    lines.extend(
        view.steal_max
            .map(|steal| words(format!("CPU steal (max): {}.", number::share(steal)))),
    );
    lines
}

/// The variant and kind whose times are furthest apart.
fn widest(view: &View) -> Option<String> {
    let scenarios = view.scenarios.iter();
    let cells = scenarios.flat_map(|scenario| {
        let variants = scenario.variants.iter();
        variants.flat_map(move |variant| {
            let cells = variant.cells.iter();
            cells.filter_map(move |(kind, cell)| {
                let times = cell
                    .times
                    .filter(|times| times.n > 1 && times.median > 0.0)?;
                let spread = (times.max - times.min) / times.median;
                Some((spread, scenario, variant, *kind))
            })
        })
    });
    let (spread, scenario, variant, kind) = cells.max_by(|a, b| a.0.total_cmp(&b.0))?;
    let of = match view.scenarios.len() {
        1 => String::new(),
        _ => format!(" of {}", escape::terminal(&scenario.name, 40)),
    };
    Some(format!(
        "Largest spread, (max − min) / median: {:.0}% ({kind} of {}{of}).",
        spread * 100.0,
        escape::terminal(&variant.name, 40)
    ))
}

fn versions(view: &View) -> Vec<Line> {
    let known = |value: &Option<String>| {
        let value = value.as_ref().filter(|value| !value.is_empty());
        value.map_or_else(|| "not recorded".to_owned(), Clone::clone)
    };
    let mut lines = Vec::new();
    if view.matrix.is_empty() {
        let engine = known(&view.builder.engine_version);
        let buildkit = known(&view.builder.buildkit_version);
        lines.push(words(format!(
            "Docker Engine: {engine}. BuildKit: {buildkit}."
        )));
        let emulators = view.emulators.iter().map(|emulator| emulator.describe());
        let emulators: Vec<String> = emulators.collect();
        lines.push(words(match emulators.is_empty() {
            true => "Emulators: none.".to_owned(),
            false => format!("Emulated: {}.", join(emulators)),
        }));
    } else {
        lines.extend(
            view.matrix
                .iter()
                .map(|value| words(format!("{}.", value.describe()))),
        );
    }
    let images: Vec<String> = view
        .base_images
        .iter()
        .map(|image| image.name.clone())
        .collect();
    lines.push(words(match images.is_empty() {
        true => "Compilers: those of the base images, which were not recorded.".to_owned(),
        false => format!("Compilers: those of the base images, {}.", join(images)),
    }));
    lines.push(words(format!("CPU: {}.", environment::cpu(view))));
    lines
}

fn stand_ins(view: &View) -> Vec<Line> {
    let stand_ins: Vec<String> = view.stand_ins().into_iter().map(str::to_owned).collect();
    if view.base_images.is_empty() {
        return vec![words("Base images were not recorded.")];
    }
    match stand_ins.len() {
        0 => vec![words(
            "No. Base images are those that the Dockerfiles name.",
        )],
        _ => vec![vec![
            Piece::Strong("Yes.".to_owned()),
            Piece::Text(format!(
                " buildrace made {} from Debian packages. They are not the official images.",
                join(stand_ins)
            )),
        ]],
    }
}

fn outputs(view: &View) -> Vec<Line> {
    match view.outputs.is_empty() {
        true => vec![vec![
            Piece::Strong("Not recorded.".to_owned()),
            Piece::Text(" This run has no check of its images.".to_owned()),
        ]],
        false => view.outputs.iter().map(words).collect(),
    }
}

fn repeat(view: &View) -> Vec<Line> {
    let mut lines = vec![
        words(format!(
            "With buildrace {}, in the same order:",
            view.buildrace
        )),
        vec![Piece::Code(command(view))],
    ];
    if let Some(commit) = &view.commit {
        lines.push(vec![
            Piece::Text("The project was at commit ".to_owned()),
            Piece::Code(commit.clone()),
            Piece::Text(".".to_owned()),
        ]);
    }
    lines
}

/// What to type to build the same in the same order.
pub(super) fn command(view: &View) -> String {
    let mut command = view.command.clone();
    if !command.has("seed") {
        command.option("seed", view.seed);
    }
    command.to_string()
}
