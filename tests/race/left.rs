//! What a run leaves on the builder: on somebody else's all of its cache, which
//! is told, and in nobody's history anything.

use buildrace::buildkit::{BuildError, BuildWindow};
use buildrace::model::{BuildKind, Event, RunEnd};
use buildrace::trace::status::Vertex;
use tokio_util::sync::CancellationToken;

use crate::CHAIN;
use crate::scripted::{Memory, Scripted, run, setting};

fn warnings(memory: &Memory) -> Vec<&str> {
    let events = memory.events.iter();
    let warnings = events.filter_map(|event| match event {
        Event::Warning { message, .. } => Some(message.as_str()),
        _ => None,
    });
    warnings.collect()
}

fn theirs() -> BuildWindow {
    BuildWindow {
        reference: "somebody's".into(),
        started: Some(jiff::Timestamp::UNIX_EPOCH),
        completed: Some(jiff::Timestamp::UNIX_EPOCH),
    }
}

#[tokio::test]
async fn nothing_is_removed_from_somebody_elses_cache_and_that_is_told_once() {
    let setting = setting(&BuildKind::STANDARD, &["naive", "cross"]);
    let builder = Scripted {
        // It fails the test if it is asked to remove anything.
        is_somebodys: true,
        ..Scripted::default()
    };
    let mut memory = Memory::default();
    let end = run(&setting, &builder, &mut memory, &CancellationToken::new()).await;
    assert_eq!(end.unwrap(), RunEnd::Completed);
    let records = builder.records.lock().unwrap().len();
    assert_eq!(records, 9, "eight samples and a warm-up");
    let [warning] = warnings(&memory)[..] else {
        panic!("{:?}", warnings(&memory))
    };
    let expected = "the run's cache records stay on the engine, 9 of them, 9 bytes";
    assert!(warning.starts_with(expected), "{warning}");
    assert!(warning.contains("`docker builder prune --all` empties the whole cache"));
}

#[tokio::test]
async fn the_history_is_left_as_it_was_however_a_run_ends() {
    let lost = BuildError::LostBuilder {
        message: "broken pipe".into(),
    };
    let stop = CancellationToken::new();
    let ends = [
        Scripted::default(),
        Scripted {
            ends: [("-incremental", lost)].into(),
            ..Scripted::default()
        },
        Scripted {
            ends: [("-incremental", BuildError::Cancelled)].into(),
            stop_at: Some(("-incremental", stop.clone())),
            is_somebodys: true,
            ..Scripted::default()
        },
    ];
    for builder in ends {
        let setting = setting(&CHAIN, &["naive"]);
        builder.others.lock().unwrap().push(theirs());
        let mut memory = Memory::default();
        let _how = run(&setting, &builder, &mut memory, &stop).await;
        assert!(memory.samples().len() > 1);
        assert_eq!(*builder.others.lock().unwrap(), [theirs()]);
    }
}

#[tokio::test]
async fn a_chain_whose_cache_the_builder_lost_is_named() {
    let setting = setting(&CHAIN, &["naive"]);
    for (lost_by, told) in [("none", 0), ("-incremental", 1), ("-noop", 1)] {
        let builder = Scripted {
            steps: Some(Box::new(move |reference: &str| {
                let is_cached = !reference.ends_with("multi-arch") && !reference.ends_with(lost_by);
                vec![Vertex {
                    digest: "sha256:tools".into(),
                    name: "[linux/amd64 2/3] RUN apt-get install".into(),
                    started: Some(jiff::Timestamp::UNIX_EPOCH),
                    completed: Some(jiff::Timestamp::UNIX_EPOCH),
                    cached: is_cached,
                    ..Vertex::default()
                }]
            })),
            ..Scripted::default()
        };
        let mut memory = Memory::default();
        let end = run(&setting, &builder, &mut memory, &CancellationToken::new()).await;
        assert_eq!(end.unwrap(), RunEnd::Completed);
        let warnings = warnings(&memory);
        assert_eq!(warnings.len(), told, "{lost_by}: {warnings:?}");
        if let [warning] = warnings[..] {
            assert!(
                warning.contains(&format!("{lost_by} executed what the builds before it"))
                    && warning.contains("RUN apt-get install"),
                "{warning}"
            );
        }
    }
}

#[tokio::test]
async fn a_failure_without_a_step_says_where_it_stood_and_who_was_there() {
    let setting = setting(&[BuildKind::Cold], &["naive"]);
    let builder = Scripted {
        ends: [(
            "-cold",
            BuildError::Failed {
                message: "not found".into(),
            },
        )]
        .into(),
        beside: vec!["-cold".into()],
        steps: Some(Box::new(|_: &str| {
            vec![Vertex {
                digest: "sha256:from".into(),
                name: "[linux/amd64 1/2] FROM debian".into(),
                started: Some(jiff::Timestamp::UNIX_EPOCH),
                completed: Some(jiff::Timestamp::UNIX_EPOCH),
                ..Vertex::default()
            }]
        })),
        ..Scripted::default()
    };
    let mut memory = Memory::default();
    let end = run(&setting, &builder, &mut memory, &CancellationToken::new()).await;
    assert_eq!(end.unwrap(), RunEnd::Completed);
    let message = &memory.samples()[0].failure.as_ref().unwrap().message;
    assert!(
        message.starts_with(
            "not found (no step failed; the last one begun was [linux/amd64 1/2] FROM debian); \
             build somebody-else-beside-"
        ),
        "{message}"
    );
}
