//! Where a run was measured, row by row: builder, machine, images and the run
//! itself. Renderers make tables of it.

use jiff::Timestamp;

use super::number;
use super::prose::{Line, Piece, with_links, words};
use super::view::View;
use super::words::join;
use crate::model::HostInfo;

/// A name and its value, a line or more. Texts come from outside.
pub(super) type Row = (&'static str, Vec<Line>);

/// The builder, the machine, the images and the run.
pub(super) fn rows(view: &View) -> Vec<Row> {
    let mut rows = builder(view);
    rows.extend(machine(view));
    rows.extend(images(view));
    rows.extend(run(view));
    rows
}

fn row(name: &'static str, value: impl Into<String>) -> Row {
    (name, vec![words(value)])
}

fn is_said(value: &&String) -> bool {
    !value.is_empty()
}

/// What builds.
fn builder(view: &View) -> Vec<Row> {
    let builder = &view.builder;
    let several = view.matrix.iter().any(|value| value.builder.is_some());
    let name = match (&builder.name, builder.own) {
        (Some(name), _) => format!("{name}, "),
        (None, true) => "buildrace's own, ".to_owned(),
        (None, false) => String::new(),
    };
    let mut rows = Vec::new();
    if !several {
        let found = format!("{name}{} ({})", builder.driver, builder.found_by);
        rows.push(row("builder", found));
    }
    rows.extend(view.matrix.iter().map(|value| {
        let what = match several {
            true => "builder",
            false => "emulators",
        };
        row(what, value.describe())
    }));
    rows.extend(view.describe_nodes().map(|nodes| row("nodes", nodes)));
    let facts = [
        ("image of the builder", &builder.image),
        ("Docker Engine", &builder.engine_version),
        ("BuildKit", &builder.buildkit_version),
        ("storage", &builder.storage),
    ];
    let facts = facts.into_iter().filter(|_| !several);
    rows.extend(facts.filter_map(|(name, value)| Some(row(name, value.as_ref().filter(is_said)?))));
    rows
}

/// The machine, and what it emulates.
fn machine(view: &View) -> Vec<Row> {
    let host = &view.host;
    let facts = [
        ("CPU", &host.cpu_model),
        ("kernel", &host.kernel),
        ("system", &host.os),
        ("CPU governor", &host.governor),
    ];
    let facts = facts.into_iter();
    let facts = facts.filter_map(|(name, value)| Some(row(name, value.as_ref().filter(is_said)?)));
    let mut rows: Vec<Row> = facts.collect();
    if *host == HostInfo::default() {
        rows.push(row("machine", "unknown"));
    }
    rows.extend(host.cores.map(|cores| row("cores", cores.to_string())));
    rows.extend(
        host.memory_bytes
            .map(|memory| row("memory", number::bytes(memory))),
    );
    rows.extend(
        view.steal_max
            .map(|steal| row("CPU steal (max)", number::share(steal))),
    );
    if !view.emulators.is_empty() && view.matrix.is_empty() {
        let emulators = view.emulators.iter().map(|e| words(e.describe()));
        rows.push(("emulated", emulators.collect()));
    }
    rows
}

/// What is built from, and whether what came of it is correct.
fn images(view: &View) -> Vec<Row> {
    let images = view.base_images.iter().map(|image| {
        let platforms = image.platforms.iter().map(ToString::to_string);
        let mut first = words(format!("{} on {}", image.name, join(platforms)));
        if image.stand_in {
            first.push(Piece::Text(", ".to_owned()));
            first.push(Piece::Strong("a stand-in".to_owned()));
            let what = " made from Debian packages, not the official image";
            first.push(Piece::Text(what.to_owned()));
        }
        let digests = image.digests.iter();
        let digests = digests.map(|digest| vec![Piece::Code(digest.clone())]);
        (
            "base image",
            std::iter::once(first).chain(digests).collect(),
        )
    });
    let mut rows: Vec<Row> = images.collect();
    rows.extend(view.outputs.iter().map(|output| row("outputs", output)));
    rows.extend(view.sources.iter().map(|(scenario, from)| {
        let mut line = words(format!("{scenario}: "));
        line.extend(with_links(from));
        ("sources", vec![line])
    }));
    rows
}

/// How much was built, and when.
fn run(view: &View) -> Vec<Row> {
    let built = view.measured - view.interrupted;
    let mut rows = vec![
        row("rounds", view.rounds.to_string()),
        row("samples", format!("{built} of {}", view.planned)),
        row("seed", view.seed.to_string()),
        row("run", &view.run),
        row("began", moment(&view.started)),
    ];
    rows.extend(view.resumed.iter().map(|at| row("resumed", moment(at))));
    rows
}

/// `2026-11-24 16:09:35 UTC`
pub(super) fn moment(at: &Timestamp) -> String {
    at.strftime("%F %T UTC").to_string()
}

/// `AMD EPYC, 2 cores, 25.3 GB of memory`, as far as it is known. From outside.
pub(super) fn cpu(view: &View) -> String {
    let host = &view.host;
    let mut parts: Vec<String> = host.cpu_model.iter().filter(is_said).cloned().collect();
    parts.extend(host.cores.map(|cores| format!("{cores} cores")));
    let memory = host.memory_bytes.map(number::bytes);
    parts.extend(memory.map(|memory| format!("{memory} of memory")));
    match parts.is_empty() {
        true => "unknown".to_owned(),
        false => parts.join(", "),
    }
}
