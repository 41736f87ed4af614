//! `samples.csv`: a sample's row.

use std::fmt::Display;

use crate::escape;
use crate::model::{BuildPart, PartKind, Sample};

/// The columns. Those up to `cached_steps` keep their names and places; new
/// ones come at the end.
pub(super) const COLUMNS: [&str; 33] = [
    "run",
    "scenario",
    "variant",
    "kind",
    "round",
    "position",
    "platforms",
    "outcome",
    "wall_seconds",
    "server_seconds",
    "steps",
    "cached_steps",
    "sample",
    "context_bytes",
    "cpu_busy",
    "cpu_steal",
    "cpu_busy_before",
    "cpu_busy_after",
    "pressure_cpu",
    "pressure_memory",
    "pressure_io",
    "load_before",
    "load_after",
    "memory_available_min",
    "disturbances",
    "failure_step",
    "failure_exit_code",
    "failure_message",
    "image_bytes",
    "import_seconds",
    "export_seconds",
    "imported_bytes",
    "exported_bytes",
];

/// A sample's cells, one for each of [`COLUMNS`]. What is not known is empty.
pub(super) fn row(run: &str, sample: &Sample) -> [String; COLUMNS.len()] {
    let failure = sample.failure.as_ref();
    let host = &sample.host;
    let part = |kind: PartKind| sample.parts.iter().find(|part| part.part == kind);
    let seconds = |part: &BuildPart| part.seconds.as_secs_f64();
    let platforms: Vec<String> = sample.platforms.iter().map(ToString::to_string).collect();
    [
        escape::csv(run),
        escape::csv(&sample.slot.scenario),
        escape::csv(&sample.slot.variant),
        sample.slot.kind.to_string(),
        sample.slot.round.to_string(),
        sample.slot.position.to_string(),
        escape::csv(&platforms.join(" ")),
        sample.outcome.to_string(),
        format!("{:.6}", sample.wall.as_secs_f64()),
        decimals(sample.server.map(|server| server.as_secs_f64()), 6),
        sample.steps.to_string(),
        sample.cached_steps.to_string(),
        escape::csv(&sample.slot.id),
        sample.context_bytes.to_string(),
        decimals(host.cpu_busy, 4),
        decimals(host.cpu_steal, 4),
        decimals(host.cpu_busy_before, 4),
        decimals(host.cpu_busy_after, 4),
        decimals(host.pressure_cpu, 4),
        decimals(host.pressure_memory, 4),
        decimals(host.pressure_io, 4),
        decimals(host.load_before, 2),
        decimals(host.load_after, 2),
        whole(host.memory_available_min),
        escape::csv(&sample.disturbances.join("; ")),
        text(failure.and_then(|failure| failure.step.as_deref())),
        whole(failure.and_then(|failure| failure.exit_code)),
        text(failure.map(|failure| failure.message.as_str())),
        whole(sample.image_bytes),
        decimals(part(PartKind::ImportCache).map(seconds), 6),
        decimals(part(PartKind::ExportCache).map(seconds), 6),
        whole(part(PartKind::ImportCache).and_then(|part| part.bytes)),
        whole(part(PartKind::ExportCache).and_then(|part| part.bytes)),
    ]
}

/// A row as a line of the file, line break included.
pub(super) fn line(cells: &[impl AsRef<str>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer.write_record(cells.iter().map(|cell| cell.as_ref()));
    let bytes = written.ok().and_then(|()| writer.into_inner().ok());
    // Writing to memory does not fail, and what was text stays text.
    String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
}

fn decimals(value: Option<f64>, places: usize) -> String {
    value.map_or_else(String::new, |value| format!("{value:.places$}"))
}

fn whole(value: Option<impl Display>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn text(value: Option<&str>) -> String {
    value.map_or_else(String::new, escape::csv)
}
