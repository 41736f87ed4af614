//! What the time of a build is made of, beside the building: importing a remote
//! cache, exporting one, exporting the result.
//!
//! BuildKit has a step for each import and export. What an exporter does is told by
//! its parts (`exporter/containerimage`, `exporter/oci` and `util/push` of
//! moby/buildkit name them). Layers of a remote cache are fetched when a step needs
//! them, and are parts of that step, named by their digests (`util/pull` and
//! `cache/blobs` there).

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::Trace;
use super::step::Step;
use crate::model::{BuildPart, PartKind};

impl Trace {
    /// What a build of this length is made of; empty where it imports and exports
    /// nothing.
    pub fn parts(&self, wall: Duration) -> Vec<BuildPart> {
        let mut spans: Vec<(Timestamp, Timestamp, PartKind)> = Vec::new();
        let mut bytes: BTreeMap<PartKind, u64> = BTreeMap::new();
        let imports = self.imports_cache();
        for step in self.steps() {
            let Some(kind) = kind_of(step) else {
                if imports && step.label.is_instruction() {
                    for (id, moved) in step.moved_parts() {
                        if id.contains(LAYER) {
                            spans.extend(span(
                                moved.started,
                                moved.completed,
                                PartKind::ImportCache,
                            ));
                            *bytes.entry(PartKind::ImportCache).or_default() += moved.bytes;
                        }
                    }
                }
                continue;
            };
            for interval in step.intervals() {
                spans.extend(span(Some(interval.start), interval.end, kind));
            }
            if kind != PartKind::ExportRest {
                continue;
            }
            for (id, moved) in step.moved_parts() {
                if let Some(kind) = exporting(id) {
                    spans.extend(span(moved.started, moved.completed, kind));
                    *bytes.entry(kind).or_default() += moved.bytes;
                }
            }
        }
        if spans.is_empty() {
            return Vec::new();
        }
        let times = shared_out(&spans);
        let others: Duration = times.values().sum();
        let build = wall.saturating_sub(others);
        let kinds = PartKind::ALL.into_iter();
        let parts = kinds.filter_map(|part| {
            let seconds = match part {
                PartKind::Build => Some(build),
                part => times.get(&part).copied(),
            };
            Some(BuildPart {
                part,
                seconds: seconds?,
                bytes: bytes.get(&part).copied().filter(|bytes| *bytes > 0),
            })
        });
        parts.collect()
    }

    /// Whether the manifest of a remote cache was asked for.
    pub fn imports_cache(&self) -> bool {
        self.steps().iter().any(|step| begins(step, IMPORTING))
    }

    /// The step in which a remote cache or a result could not be imported or exported,
    /// with what it says.
    pub fn failed_transfer(&self) -> Option<&Step> {
        let mut steps = self.steps().iter();
        steps.find(|step| kind_of(step).is_some() && step.error.is_some() && !step.was_cancelled())
    }
}

/// What begins the name of a step that reads the manifest of a remote cache.
const IMPORTING: &str = "importing cache manifest";
/// What begins the digest of a layer.
const LAYER: &str = "sha256:";

fn begins(step: &Step, words: &str) -> bool {
    step.label.instruction.starts_with(words)
}

/// What a step is a part of; `None` where it builds.
fn kind_of(step: &Step) -> Option<PartKind> {
    let said = step.label.instruction.as_str();
    if step.label.position.is_some() || step.label.is_instruction() {
        return None;
    }
    let has = |words: &[&str]| words.iter().any(|words| said.starts_with(words));
    if has(&[IMPORTING]) {
        Some(PartKind::ImportCache)
    } else if has(&[
        "exporting cache",
        "exporting content cache",
        "preparing build cache",
        // A step of its own before BuildKit 0.13.
        "preparing layers for inline cache",
        "exporting to GitHub Actions Cache",
    ]) {
        Some(PartKind::ExportCache)
    } else if has(&["importing to docker", "sending"]) {
        Some(PartKind::Send)
    } else if has(&["exporting", "pushing"]) {
        Some(PartKind::ExportRest)
    } else {
        None
    }
}

/// What a part of an exporter's step is.
fn exporting(id: &str) -> Option<PartKind> {
    let has = |words: &str| id.starts_with(words);
    if has("preparing layers for inline cache") {
        Some(PartKind::ExportCache)
    } else if has("exporting layers") {
        Some(PartKind::ExportLayers)
    } else if has("sending tarball") || has("copying files") {
        Some(PartKind::Send)
    } else if has("pushing") {
        Some(PartKind::Push)
    } else if has("unpacking") {
        Some(PartKind::Unpack)
    } else {
        None
    }
}

fn span(
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    kind: PartKind,
) -> Option<(Timestamp, Timestamp, PartKind)> {
    let (start, end) = (start?, end?);
    (start < end).then_some((start, end, kind))
}

/// The time of each kind: a moment that several share is that of the first.
fn shared_out(spans: &[(Timestamp, Timestamp, PartKind)]) -> BTreeMap<PartKind, Duration> {
    let mut edges: Vec<(Timestamp, PartKind, bool)> = Vec::new();
    for (start, end, kind) in spans {
        edges.push((*start, *kind, true));
        edges.push((*end, *kind, false));
    }
    edges.sort();
    let mut times: BTreeMap<PartKind, Duration> = BTreeMap::new();
    // How many of each kind go on.
    let mut open: BTreeMap<PartKind, usize> = BTreeMap::new();
    let mut before = None;
    for (at, kind, begins) in edges {
        if let (Some(before), Some((first, _))) = (before, open.iter().find(|(_, n)| **n > 0)) {
            let length = Duration::try_from(at.duration_since(before)).unwrap_or_default();
            *times.entry(*first).or_default() += length;
        }
        let count = open.entry(kind).or_default();
        *count = match begins {
            true => *count + 1,
            false => count.saturating_sub(1),
        };
        before = Some(at);
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::SolveStatus;
    use crate::trace::status::{Vertex, VertexStatus};

    fn at(milliseconds: i64) -> Option<Timestamp> {
        Timestamp::from_millisecond(milliseconds).ok()
    }

    fn step(name: &str, (start, end): (i64, i64)) -> Vertex {
        Vertex {
            digest: name.to_owned(),
            name: name.to_owned(),
            started: at(start),
            completed: at(end),
            ..Vertex::default()
        }
    }

    fn part(vertex: &str, id: &str, (start, end): (i64, i64), bytes: i64) -> VertexStatus {
        VertexStatus {
            id: id.to_owned(),
            vertex: vertex.to_owned(),
            current: bytes,
            started: at(start),
            completed: at(end),
            ..VertexStatus::default()
        }
    }

    fn parts(
        steps: Vec<Vertex>,
        statuses: Vec<VertexStatus>,
        wall: u64,
    ) -> Vec<(String, u64, Option<u64>)> {
        let mut trace = Trace::new();
        trace.push(&SolveStatus {
            vertexes: steps,
            statuses,
            ..SolveStatus::default()
        });
        let parts = trace.parts(Duration::from_millis(wall)).into_iter();
        let part = |part: BuildPart| {
            let milliseconds = u64::try_from(part.seconds.as_millis()).unwrap();
            (part.part.to_string(), milliseconds, part.bytes)
        };
        parts.map(part).collect()
    }

    #[test]
    fn a_build_alone_has_no_parts() {
        let run = step("[2/2] RUN make", (0, 1000));
        assert_eq!(parts(vec![run], vec![], 1100), []);
    }

    #[test]
    fn import_build_and_export_add_up_to_the_whole() {
        let import = "importing cache manifest from registry.example/cache:main";
        let copy = "[linux/amd64 2/3] COPY go.mod .";
        let export = "exporting cache to registry";
        let steps = vec![
            step(import, (100, 300)),
            step(copy, (300, 900)),
            step("[linux/amd64 3/3] RUN make", (900, 2000)),
            step(export, (2000, 2600)),
        ];
        // Two layers at once are one time.
        let statuses = vec![
            part(copy, "sha256:aa", (300, 600), 1000),
            part(copy, "sha256:bb", (400, 700), 500),
            part(copy, "transferring", (300, 900), 7),
            part(export, "writing layer sha256:cc", (2000, 2500), 0),
        ];
        let of = |name: &str, milliseconds, bytes| (name.to_owned(), milliseconds, bytes);
        assert_eq!(
            parts(steps, statuses, 2700),
            [
                of("import cache", 600, Some(1500)),
                of("export cache", 600, None),
                of("build", 1500, None),
            ]
        );
    }

    /// The names that BuildKit's exporters of caches have in its `cache/remotecache`.
    #[test]
    fn each_remote_cache_is_told_from_an_export_of_the_result() {
        for name in [
            "exporting cache to registry",
            "exporting cache to client directory",
            "exporting cache to Amazon S3",
            "exporting cache to Azure Blob Storage",
            "exporting to GitHub Actions Cache",
            "preparing layers for inline cache",
        ] {
            let steps = vec![step(name, (0, 400))];
            let found = parts(steps, vec![], 1000);
            assert_eq!(found[0], ("export cache".to_owned(), 400, None), "{name}");
        }
    }

    #[test]
    fn an_export_is_told_by_its_parts() {
        let export = "exporting to image";
        let steps = vec![
            step("[2/2] RUN make", (0, 1000)),
            step(export, (1000, 2000)),
        ];
        let statuses = vec![
            part(export, "exporting layers", (1000, 1400), 0),
            part(export, "exporting manifest sha256:aa", (1400, 1500), 0),
            part(
                export,
                "pushing layers for registry.example/app",
                (1500, 1900),
                0,
            ),
        ];
        let of = |name: &str, milliseconds| (name.to_owned(), milliseconds, None);
        assert_eq!(
            parts(steps, statuses, 2000),
            [
                of("export layers", 400),
                of("push", 400),
                of("export, rest", 200),
                of("build", 1000),
            ]
        );
    }
}
