//! The runner against a scripted builder: which builds it asks for, in which
//! state, and what it makes of their ends.

mod chains;
mod edits;
mod left;
mod matrix;
mod outputs;
#[path = "../support/project.rs"]
mod project;
mod resume;
mod rounds;
mod scripted;

use buildrace::buildkit::BuildError;
use buildrace::model::{BuildKind, Event, ImageLayout, Outcome, RunEnd};
use buildrace::race::RaceError;
use scripted::{Memory, Scripted, run, setting};
use tokio_util::sync::CancellationToken;

const CHAIN: [BuildKind; 3] = [
    BuildKind::MultiArch,
    BuildKind::Incremental,
    BuildKind::Noop,
];

#[tokio::test]
async fn every_build_gets_the_base_images_of_this_machine() {
    let mut setting = setting(&BuildKind::STANDARD, &["naive", "cross"]);
    setting.layouts = vec![ImageLayout {
        name: "debian:trixie-slim".into(),
        folder: "/layouts/debian".into(),
        digest: format!("sha256:{}", "0a".repeat(32)),
        platforms: vec!["linux/amd64".parse().unwrap()],
    }];
    let builder = Scripted {
        lacking: Some("-cross-cold"),
        ..Scripted::default()
    };
    let mut memory = Memory::default();
    run(&setting, &builder, &mut memory, &CancellationToken::new())
        .await
        .unwrap();
    let warnings = memory.events.iter().filter_map(|event| match event {
        Event::Warning { message, .. } => Some(message.as_str()),
        _ => None,
    });
    let warnings: Vec<&str> = warnings.collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("-cross-cold includes 171 MB of base images"),
        "{warnings:?}"
    );
    let requests = builder.requests.lock().unwrap();
    assert_eq!(requests.len(), 9, "eight samples and a warm-up");
    for (request, _) in requests.iter() {
        assert_eq!(request.layouts, setting.layouts, "{}", request.reference);
    }
}

#[tokio::test]
async fn builds_are_asked_for_in_the_state_their_kind_says() {
    let setting = setting(&BuildKind::STANDARD, &["naive", "cross"]);
    let builder = Scripted::default();
    let mut memory = Memory::default();
    let end = run(&setting, &builder, &mut memory, &CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(end, RunEnd::Completed);
    assert_eq!(memory.samples().len(), 8);
    assert_eq!(memory.end(), RunEnd::Completed);

    let requests = builder.requests.lock().unwrap();
    assert!(
        requests[0].0.reference.contains("warm-up"),
        "base images come first"
    );
    let of = |variant: &str, kind: &str| {
        let ending = format!("-{variant}-{kind}");
        let found = requests
            .iter()
            .find(|(request, _)| request.reference.ends_with(&ending));
        found.unwrap_or_else(|| panic!("no build {ending}"))
    };
    for variant in ["naive", "cross"] {
        let (cold, _) = of(variant, "cold");
        let (multi, first) = of(variant, "multi-arch");
        let (incremental, edited) = of(variant, "incremental");
        let (noop, unchanged) = of(variant, "noop");
        assert_eq!(cold.platforms.len(), 1);
        assert!(
            [multi, incremental, noop]
                .iter()
                .all(|request| request.platforms.len() == 2)
        );
        assert!(cold.no_cache && multi.no_cache);
        assert!(!incremental.no_cache && !noop.no_cache);
        // A chain shares cache mounts and context; nothing else does.
        for chained in [incremental, noop] {
            assert_eq!(chained.cache_mount_namespace, multi.cache_mount_namespace);
            assert_eq!(chained.shared_key, multi.shared_key);
        }
        assert_ne!(cold.cache_mount_namespace, multi.cache_mount_namespace);
        assert_ne!(cold.shared_key, multi.shared_key);
        assert!(first.contains("nonce: none") && !edited.contains("nonce: none"));
        assert_eq!(edited, unchanged);
    }
    assert_ne!(
        of("naive", "multi-arch").0.cache_mount_namespace,
        of("cross", "multi-arch").0.cache_mount_namespace
    );
    assert_ne!(
        of("naive", "incremental").1,
        of("cross", "incremental").1,
        "two samples shared a nonce"
    );
    assert!(
        builder.records.lock().unwrap().is_empty(),
        "the run left records in the cache"
    );
}

#[tokio::test]
async fn what_starts_from_a_failure_is_skipped_and_the_rest_goes_on() {
    let setting = setting(&CHAIN, &["naive", "cross"]);
    let failed = BuildError::Failed {
        message: "no such package".into(),
    };
    let builder = Scripted {
        ends: [("-naive-multi-arch", failed)].into(),
        ..Scripted::default()
    };
    let mut memory = Memory::default();
    let end = run(&setting, &builder, &mut memory, &CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(end, RunEnd::Completed);
    for sample in memory.samples() {
        let expected = match (sample.slot.variant.as_str(), sample.slot.kind) {
            ("cross", _) => Outcome::Ok,
            (_, BuildKind::MultiArch) => Outcome::Failed,
            _ => Outcome::Skipped,
        };
        assert_eq!(sample.outcome, expected, "{}", sample.slot.id);
        assert_eq!(sample.failure.is_some(), expected != Outcome::Ok);
    }
}

#[tokio::test]
async fn an_interrupted_run_keeps_its_samples_and_cleans_up() {
    let setting = setting(&CHAIN, &["naive"]);
    let stop = CancellationToken::new();
    let builder = Scripted {
        ends: [("-incremental", BuildError::Cancelled)].into(),
        stop_at: Some(("-incremental", stop.clone())),
        ..Scripted::default()
    };
    let mut memory = Memory::default();
    let end = run(&setting, &builder, &mut memory, &stop).await.unwrap();
    assert_eq!(end, RunEnd::Interrupted);
    let outcomes: Vec<_> = memory
        .samples()
        .iter()
        .map(|sample| sample.outcome)
        .collect();
    assert_eq!(outcomes, [Outcome::Ok, Outcome::Interrupted]);
    assert_eq!(memory.end(), RunEnd::Interrupted);
    assert!(builder.records.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_lost_builder_ends_the_run_with_that_sample() {
    let setting = setting(&CHAIN, &["naive", "cross"]);
    let lost = BuildError::LostBuilder {
        message: "broken pipe".into(),
    };
    let builder = Scripted {
        ends: [("-incremental", lost)].into(),
        ..Scripted::default()
    };
    let mut memory = Memory::default();
    let error = run(&setting, &builder, &mut memory, &CancellationToken::new())
        .await
        .unwrap_err();
    assert!(matches!(error, RaceError::LostBuilder { .. }), "{error}");
    let outcomes: Vec<_> = memory
        .samples()
        .iter()
        .map(|sample| sample.outcome)
        .collect();
    assert_eq!(outcomes, [Outcome::Ok, Outcome::LostBuilder]);
    assert_eq!(memory.end(), RunEnd::Aborted);
}

#[tokio::test]
async fn a_full_disk_ends_the_run_with_its_own_error() {
    let setting = setting(&CHAIN, &["naive"]);
    let builder = Scripted::default();
    let mut memory = Memory {
        full_at_status: true,
        ..Memory::default()
    };
    let error = run(&setting, &builder, &mut memory, &CancellationToken::new())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("No space left on device"),
        "{error}"
    );
    assert_eq!(memory.end(), RunEnd::Aborted);
    assert!(
        builder.records.lock().unwrap().is_empty(),
        "the run left records in the cache"
    );
}
