//! Steps that wait for a cache mount on a real engine: of builds that start together, and of two
//! platforms of one build.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use buildrace::explain::{Conditions, Explanation, Node, explain};
use buildrace::model::{BuildKind, Outcome};
use buildrace::store::{StoredRun, read_run, read_trace};
use buildrace::trace::Trace;

use crate::project::Project;
use crate::support::{Engine, native, unique};

/// A step that an edit touches, which has the cache of apt for a second.
fn dockerfile(mark: &str, sharing: &str) -> String {
    format!(
        "FROM debian:trixie-slim\n\
         COPY greeting /{mark}\n\
         RUN --mount=type=cache,target=/var/cache/apt,sharing={sharing} sleep 1 && cat /{mark}\n"
    )
}

fn buildrace(project: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_buildrace"))
        .current_dir(project)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

fn explained(stored: &StoredRun, variant: &str, kind: BuildKind) -> Explanation {
    let mut samples = stored.run.samples.iter();
    let sample = samples
        .find(|sample| (sample.slot.variant.as_str(), sample.slot.kind) == (variant, kind))
        .unwrap_or_else(|| panic!("no {kind} of {variant}"));
    assert_eq!(sample.outcome, Outcome::Ok, "{:?}", sample.failure);
    let mut trace = Trace::new();
    for status in read_trace(&stored.dir, &sample.slot.id).unwrap() {
        trace.push(&status.unwrap());
    }
    let conditions = Conditions {
        node: Some(Node::of(native())),
        ..Conditions::default()
    };
    explain(&trace, &conditions).unwrap()
}

/// The ids that steps waited for, with what stands before the instruction of the step and of the
/// one that held the cache.
fn waits(explanation: &Explanation) -> Vec<(&str, &str, &str)> {
    let steps = &explanation.steps;
    let label = |name: &'_ str| name.find(']').unwrap_or_default();
    let waits = steps.iter().flat_map(|step| {
        step.waited_for_cache.iter().map(move |wait| {
            assert!(!wait.length.is_zero());
            let holder = steps[wait.holder].name.as_str();
            let own = step.name.as_str();
            (
                wait.id.as_str(),
                &own[..label(own)],
                &holder[..label(holder)],
            )
        })
    });
    waits.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_locked_cache_is_told_and_who_shares_it_waits_for_nobody() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let host = engine.host.clone();
    let project = Project::new();
    let mark = unique("mark");
    for (variant, sharing) in [("naive", "locked"), ("cross", "shared")] {
        let file = format!("dockerfiles/tiny/{variant}.Dockerfile");
        project.write(&file, &dockerfile(&mark, sharing));
    }
    let kinds = "multi-arch";
    let run = [
        "run",
        "tiny",
        "--rounds",
        "1",
        "--kinds",
        kinds,
        "--concurrent",
        "2",
        "--host",
        &host,
        "--builder",
        "default",
        "--keep-contaminated",
        "--settle=0s",
    ];
    buildrace(project.path(), &run);

    let results = project.path().join("results");
    let mut folders = std::fs::read_dir(results).unwrap();
    let stored = read_run(&folders.next().unwrap().unwrap().path()).unwrap();
    let together: BuildKind = "concurrent:2".parse().unwrap();
    for kind in [BuildKind::MultiArch, together] {
        let shared = explained(&stored, "cross", kind);
        assert_eq!(waits(&shared), [], "{kind}");
    }

    // Two platforms of one build, whichever was first.
    let alone = explained(&stored, "naive", BuildKind::MultiArch);
    let found = waits(&alone);
    let [(id, waiter, holder)] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!(*id, "/var/cache/apt");
    assert_ne!(waiter, holder);

    // Four steps want the cache: the last waits for the three others, the one before it for two.
    let explanation = explained(&stored, "naive", together);
    let found = waits(&explanation);
    assert_eq!(found.len(), 6, "{found:?}");
    let builds = |label: &str| label.trim_start_matches('[').split(' ').next() == Some("1");
    let between: BTreeSet<bool> = found
        .iter()
        .filter(|(_, waiter, holder)| builds(waiter) != builds(holder))
        .map(|(_, waiter, _)| builds(waiter))
        .collect();
    assert!(!between.is_empty(), "{found:?}");

    let sample = stored.run.samples.iter();
    let mut sample = sample.filter(|it| it.slot.kind == together && it.slot.variant == "naive");
    let id = &sample.next().unwrap().slot.id;
    let page = buildrace(project.path(), &["explain", id]);
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "waiting for cache mounts",
        "for the cache mount /var/cache/apt (sharing=locked), held by [",
        "of one build share the id /var/cache/apt.",
    ] {
        assert!(page.contains(expected), "no {expected:?} in {page}");
    }
}
