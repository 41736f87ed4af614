//! Recordings of `docker buildx build --progress=rawjson` on a real engine
//! (BuildKit 0.13.2, amd64 with QEMU for arm64), folded and replayed. The
//! Dockerfiles they are of lie beside them.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use buildrace::builder::{Builder, ReplayBuilder};
use buildrace::buildkit::{BuildEnd, BuildError, BuildRequest, Export};
use buildrace::model::Platform;
use buildrace::trace::rawjson::{Reader, Tail};
use buildrace::trace::{SolveStatus, Step, Trace};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

fn traces() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/traces")
}

fn read(name: &str) -> (Vec<SolveStatus>, Tail) {
    let file = File::open(traces().join(format!("{name}.rawjson"))).unwrap();
    let mut reader = Reader::new(file);
    let statuses = reader.by_ref().collect::<Result<_, _>>().unwrap();
    (statuses, reader.tail().unwrap().clone())
}

fn fold(name: &str) -> Trace {
    let mut trace = Trace::new();
    for status in read(name).0 {
        trace.push(&status);
    }
    trace
}

/// Platform and target of the steps whose instruction begins so.
fn platforms(trace: &Trace, instruction: &str) -> Vec<(String, Option<String>)> {
    let wanted = |step: &&Step| step.label.instruction.starts_with(instruction);
    let mut platforms: Vec<_> = trace
        .steps()
        .iter()
        .filter(wanted)
        .map(|step| {
            let label = &step.label;
            (
                label.platform.as_ref().unwrap().to_string(),
                label.target.as_ref().map(ToString::to_string),
            )
        })
        .collect();
    platforms.sort();
    platforms
}

#[test]
fn a_cross_build_has_its_steps_on_their_platforms() {
    let (statuses, tail) = read("cross-cold");
    assert_eq!(tail, Tail::Whole);
    assert!(statuses.len() > 20);
    let trace = fold("cross-cold");
    // Two RUN that cross-compile, one WORKDIR for both, COPY and RUN on each.
    assert_eq!((trace.count(), trace.cached_count()), (7, 0));
    assert_eq!(
        platforms(&trace, "RUN --mount=target=. GO111MODULE=off"),
        [
            ("linux/amd64".to_owned(), None),
            ("linux/amd64".to_owned(), Some("linux/arm64".to_owned())),
        ]
    );
    assert_eq!(
        platforms(&trace, "RUN uname -m"),
        [
            ("linux/amd64".to_owned(), None),
            ("linux/arm64".to_owned(), None)
        ]
    );
    let internal = trace.steps().iter().filter(|step| step.label.internal);
    assert_eq!(internal.count(), 6);
    assert!(trace.running().is_empty());
    assert_eq!(trace.failure(), None);

    // The emulated step really ran there.
    let emulated = trace
        .steps()
        .iter()
        .find(|step| step.name == "[linux/arm64 stage-1 3/3] RUN uname -m && cat /arch")
        .unwrap();
    assert_eq!(emulated.log.lines(), ["aarch64", "arm64"]);

    let span = trace.server_span().unwrap();
    let longest = trace.steps().iter().map(Step::busy).max().unwrap();
    assert!(longest > std::time::Duration::ZERO && longest < span);
}

#[test]
fn an_unchanged_build_is_cached_step_by_step() {
    let cold = fold("cross-cold");
    let noop = fold("cross-noop");
    assert_eq!((noop.count(), noop.cached_count()), (7, 7));
    let names = |trace: &Trace| {
        let steps = trace.steps().iter();
        let counted = steps.filter(|step| step.label.is_instruction());
        let mut names: Vec<String> = counted.map(|step| step.name.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&cold), names(&noop));
}

#[test]
fn a_step_that_fails_is_told_from_those_it_cancelled() {
    let (_, tail) = read("failing");
    let Tail::Text(text) = tail else {
        panic!("buildx writes the error after the status, found {tail:?}");
    };
    assert!(text.starts_with("failing.Dockerfile:2\n"), "{text}");

    let trace = fold("failing");
    let cancelled = trace.steps().iter().filter(|step| step.was_cancelled());
    assert_eq!(cancelled.count(), 2);
    let failure = trace.failure().unwrap();
    assert_eq!(failure.exit_code, Some(7));
    assert!(
        failure
            .step
            .unwrap()
            .starts_with("[linux/amd64 build 2/2] RUN sleep 1")
    );
    assert_eq!(failure.log_tail.len(), 20);
    assert_eq!(
        failure.log_tail[18..],
        ["40", "\u{1b}[31mred\u{1b}[0m error | `pipe`"]
    );
}

#[test]
fn a_dockerfile_that_does_not_parse_has_no_step_that_failed() {
    let trace = fold("syntax");
    assert_eq!((trace.count(), trace.failure()), (0, None));
}

async fn replay(reference: &str, cancelled: bool) -> (BuildEnd, usize) {
    let builder = ReplayBuilder::from_dir(&traces()).unwrap();
    let request = BuildRequest {
        reference: reference.into(),
        context: PathBuf::new(),
        contexts: BTreeMap::new(),
        layouts: Vec::new(),
        secrets: BTreeMap::new(),
        ssh: BTreeMap::new(),
        dockerfile: PathBuf::new(),
        shared_key: String::new(),
        platforms: vec![Platform::linux("amd64")],
        target: None,
        build_args: BTreeMap::new(),
        no_cache: true,
        internal: false,
        cache_mount_namespace: None,
        export: Export::CacheOnly,
        cache_from: Vec::new(),
        cache_to: Vec::new(),
        timeout: None,
        context_mark: None,
        attributes: Default::default(),
        entitlements: Default::default(),
    };
    let (sink, mut stream) = mpsc::unbounded_channel();
    let cancel = CancellationToken::new();
    if cancelled {
        cancel.cancel();
    }
    let end = builder.build(&request, sink, cancel).await;
    let mut updates = 0;
    while stream.recv().await.is_some() {
        updates += 1;
    }
    (end, updates)
}

#[tokio::test]
async fn a_replayed_build_tells_what_was_recorded() {
    let (end, updates) = replay("buildrace-20261123T204500Z-3f9a1c-cross-cold", false).await;
    assert!(end.result.is_ok());
    assert_eq!(Some(end.wall), fold("cross-cold").server_span());
    assert_eq!(updates, read("cross-cold").0.len());

    let (end, _) = replay("buildrace-x-failing", false).await;
    let Err(BuildError::Failed { message }) = end.result else {
        panic!("the recording is of a build that failed");
    };
    assert!(message.ends_with("ended with exit code 7"), "{message}");

    let (end, updates) = replay("cross-cold", true).await;
    assert_eq!(
        (end.result.unwrap_err(), updates),
        (BuildError::Cancelled, 0)
    );

    // A name within another is no recording of it.
    let (end, _) = replay("buildrace-x-notfailing", false).await;
    assert!(matches!(end.result, Err(BuildError::Setup { .. })));
}
