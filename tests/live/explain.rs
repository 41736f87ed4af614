//! A build that `docker buildx build --progress=rawjson` recorded and one that
//! we recorded explain to the same.

use std::collections::BTreeMap;
use std::fs;

use buildrace::explain::{Conditions, Explanation, Node, StepFacts, StepKind, explain};
use buildrace::model::Platform;
use buildrace::trace::{Trace, rawjson};
use tempfile::TempDir;

use super::support::buildx::Buildx;
use super::support::{Engine, Job, native, unique};

/// The other one of the two platforms that an engine has an emulator for.
fn foreign() -> Platform {
    let amd64 = Platform::linux("amd64");
    if native() == amd64 {
        Platform::linux("arm64")
    } else {
        amd64
    }
}

fn explained(recording: &[u8]) -> Explanation {
    let mut trace = Trace::new();
    for status in rawjson::Reader::new(recording) {
        trace.push(&status.unwrap());
    }
    let conditions = Conditions {
        node: Some(Node::of(native())),
        ..Conditions::default()
    };
    explain(&trace, &conditions).unwrap()
}

/// All that is said of a step but its times, by its name.
fn facts(explanation: &Explanation) -> BTreeMap<&str, String> {
    let steps = &explanation.steps;
    let of = |step: &StepFacts| {
        // Both stages are of one image, so either names the step that finds it.
        let name = |at: &usize| match steps[*at].kind {
            StepKind::BaseImage => "a base image",
            _ => steps[*at].name.as_str(),
        };
        let mut inputs: Vec<&str> = step.inputs.iter().map(name).collect();
        inputs.sort_unstable();
        format!(
            "{} {:?} {:?} {:?} {:?} cached={} log={} {inputs:?}",
            step.kind,
            step.platform,
            step.target,
            step.serves,
            step.position,
            step.cached,
            step.log_bytes,
        )
    };
    steps.iter().map(|step| (&*step.name, of(step))).collect()
}

fn names_of(explanation: &Explanation, kind: StepKind) -> Vec<&str> {
    let steps = explanation.steps.iter();
    let mut names: Vec<&str> = steps
        .filter(|step| step.kind == kind)
        .map(|step| step.name.as_str())
        .collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_recording_of_buildx_and_one_of_ours_explain_to_the_same() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let root = folder.path().join(unique("context"));
    let mark = unique("mark");
    let dockerfile = format!(
        "FROM --platform=$BUILDPLATFORM debian:trixie-slim AS build\nWORKDIR /{mark}\nCOPY nonce .\n\
         ARG TARGETARCH\nRUN echo $TARGETARCH > out\n\
         FROM debian:trixie-slim\nCOPY --from=build /{mark} /{mark}\nRUN uname -m && ls /{mark}\n"
    );
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("Dockerfile"), dockerfile).unwrap();
    let job = Job {
        platforms: vec![native(), foreign()],
        ..Job::new(&root)
    };

    // New to the engine, whichever client builds.
    fs::write(root.join("nonce"), unique("ours")).unwrap();
    let (end, statuses) = engine.record(&job).await;
    end.result.unwrap();
    let mut ours = Vec::new();
    for status in &statuses {
        rawjson::write(status, &mut ours).unwrap();
    }
    fs::write(root.join("nonce"), unique("buildx")).unwrap();
    let theirs = Buildx::on(&engine.host).record(&job);
    engine.clean(2, &mark).await;

    let (ours, theirs) = (explained(&ours), explained(&theirs));
    let (own, other) = (native(), foreign());
    let arch = other.architecture();
    for explanation in [&ours, &theirs] {
        assert!(explanation.complete);
        assert_eq!(
            names_of(explanation, StepKind::EmulatedRun),
            [format!("[{other} stage-1 3/3] RUN uname -m && ls /{mark}")]
        );
        assert_eq!(
            names_of(explanation, StepKind::CrossRun),
            [format!("[{own}->{arch} build 4/4] RUN echo {arch} > out")]
        );
        // One COPY for both platforms, of the build stage.
        let shared: Vec<&str> = explanation
            .shared
            .iter()
            .map(|shared| &explanation.steps[shared.step])
            .filter(|step| step.instruction.starts_with("COPY") && step.serves.len() == 2)
            .map(|step| step.instruction.as_str())
            .collect();
        assert_eq!(shared, ["COPY nonce ."]);
    }
    // WORKDIR is in the cache for the second of them, and FROM by turns.
    let without_workdir = |explanation| {
        let mut facts = facts(explanation);
        facts.retain(|name, _| !name.contains("WORKDIR") && !name.contains(" FROM "));
        facts
    };
    assert_eq!(without_workdir(&ours), without_workdir(&theirs));
}
