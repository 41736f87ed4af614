//! Runs that are cut off and go on: every slot is built once, from the state
//! that it should start from, and nothing left behind makes it faster.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use buildrace::buildkit::{BuildError, BuildRequest};
use buildrace::model::{BuildKind, Event, Outcome, RunEnd, Slot, VariantInfo};
use buildrace::plan::{self, PlanInput};
use buildrace::race::{Observer, ObserverError, RaceError, Resumption};
use buildrace::store::{HeldRun, RunWriter, StoredRun, read_run};
use buildrace::trace::{SolveStatus, Trace};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::scripted::{Scripted, Setting, go_on, setting};

/// Two rounds of `tiny`, fit to be stored.
fn two_rounds() -> Setting {
    let mut setting = setting(&BuildKind::STANDARD, &["naive", "cross"]);
    let variants = ["naive", "cross"].map(|name| VariantInfo {
        name: name.into(),
        dockerfile: String::new(),
        digest: String::new(),
        revision: None,
        sources_digest: None,
        builder: None,
        emulators: None,
        bake: None,
    });
    setting.record.scenarios[0].variants = variants.to_vec();
    let input = PlanInput {
        scenario: "tiny".into(),
        variants: vec!["naive".into(), "cross".into()],
        kinds: BuildKind::STANDARD.to_vec(),
        native_only: false,
    };
    setting.record.rounds = 2;
    setting.record.plan = plan::plan(&[input], 2, 1);
    setting
}

/// Stores what happens, and dies after so many events.
struct Mortal {
    writer: RunWriter,
    left: usize,
    died: CancellationToken,
}

impl Observer for Mortal {
    fn event(&mut self, event: &Event) -> Result<(), ObserverError> {
        if self.left == 0 {
            return Ok(());
        }
        self.writer.append(event)?;
        self.left -= 1;
        if self.left == 0 {
            self.died.cancel();
        }
        Ok(())
    }
    fn status(
        &mut self,
        slot: &Slot,
        status: &SolveStatus,
        _: &Trace,
    ) -> Result<(), ObserverError> {
        if self.left > 0 {
            // Each build tells one status.
            self.writer.trace_writer(&slot.id)?.write(status)?;
        }
        Ok(())
    }
    fn tick(&mut self, _: &Slot, _: &Trace) {}
    fn phase(&mut self, _: &str) {}
}

/// Begins a run that dies after so many events; all, if it has no more.
async fn begin(setting: &Setting, builder: &Scripted, results: &Path, events: usize) {
    let died = CancellationToken::new();
    let mut observer = Mortal {
        writer: RunWriter::create(results, &setting.record).unwrap(),
        left: events,
        died: died.clone(),
    };
    let stop = CancellationToken::new();
    tokio::select! {
        biased;
        () = died.cancelled() => {}
        end = go_on(setting, builder, &mut observer, &stop, Resumption::default()) => { end.unwrap(); }
    }
}

/// Goes on with it.
async fn resume(
    setting: &Setting,
    builder: &Scripted,
    results: &Path,
    stop: &CancellationToken,
) -> Result<RunEnd, RaceError> {
    let held = HeldRun::hold(&results.join(&setting.record.run)).unwrap();
    assert_eq!(held.stored.run.record, setting.record);
    let finished = held.finished();
    let cuts = held.stored.run.resumed.len() + 1;
    let mut observer = Mortal {
        writer: held.into_writer().unwrap(),
        left: usize::MAX,
        died: CancellationToken::new(),
    };
    let earlier = Resumption {
        samples: &finished,
        cuts,
    };
    go_on(setting, builder, &mut observer, stop, earlier).await
}

fn stored(setting: &Setting, results: &Path) -> StoredRun {
    read_run(&results.join(&setting.record.run)).unwrap()
}

fn ids(run: &StoredRun) -> Vec<&str> {
    run.run
        .samples
        .iter()
        .map(|sample| sample.slot.id.as_str())
        .collect()
}

fn planned(setting: &Setting) -> Vec<&str> {
    let plan = setting.record.plan.iter();
    plan.map(|slot| slot.id.as_str()).collect()
}

/// How often each sample was finished, by the file itself.
fn finished(setting: &Setting, results: &Path) -> BTreeMap<String, usize> {
    let events = results.join(&setting.record.run).join("events.jsonl");
    let mut counts = BTreeMap::new();
    for line in std::fs::read_to_string(events).unwrap().lines() {
        if let Event::SampleFinished { sample, .. } = serde_json::from_str(line).unwrap() {
            *counts.entry(sample.slot.id).or_default() += 1;
        }
    }
    counts
}

/// Every build that takes from the cache comes after those of its chain, in
/// the same stretch of the run and in the same cache mounts.
fn assert_chains(requests: &[(BuildRequest, String)]) {
    for (at, (request, _)) in requests.iter().enumerate() {
        let Some(kind) = ["incremental", "noop"]
            .into_iter()
            .find(|kind| request.reference.ends_with(kind))
        else {
            continue;
        };
        let chain: Vec<&str> = requests[..at]
            .iter()
            .filter(|(before, _)| before.cache_mount_namespace == request.cache_mount_namespace)
            .filter(|(before, _)| before.shared_key == request.shared_key)
            .map(|(before, _)| before.reference.as_str())
            .collect();
        let expected = if kind == "noop" { 2 } else { 1 };
        assert_eq!(chain.len(), expected, "{}: {chain:?}", request.reference);
        assert!(chain[0].ends_with("multi-arch"), "{chain:?}");
    }
}

#[tokio::test]
async fn a_run_that_was_killed_after_any_event_goes_on_to_the_same_plan() {
    let setting = two_rounds();
    // run-started, two a sample, run-finished
    let events = 2 + 2 * setting.record.plan.len();
    let cuts = (0..events).map(|cut| {
        let setting = &setting;
        async move {
            let builder = Scripted::default();
            let root = TempDir::new().unwrap();
            // Nothing at all is written where it dies at once.
            if cut == 0 {
                drop(RunWriter::create(root.path(), &setting.record).unwrap());
            } else {
                begin(setting, &builder, root.path(), cut).await;
            }
            let before = builder.requests.lock().unwrap().len();
            let stop = CancellationToken::new();
            let end = resume(setting, &builder, root.path(), &stop).await.unwrap();
            assert_eq!(end, RunEnd::Completed);

            let run = stored(setting, root.path());
            assert_eq!(ids(&run), planned(setting), "cut after {cut} events");
            assert!(run.run.samples.iter().all(|s| s.outcome == Outcome::Ok));
            assert_eq!(
                (run.run.end, run.run.resumed.len()),
                (Some(RunEnd::Completed), 1)
            );
            let counts = finished(setting, root.path());
            assert!(counts.values().all(|count| *count == 1), "{counts:?}");
            let csv = run.dir.join("samples.csv");
            let rows = std::fs::read_to_string(csv).unwrap().lines().count();
            assert_eq!(rows, 1 + setting.record.plan.len());
            for slot in &setting.record.plan {
                let trace = buildrace::store::trace_path(&run.dir, &slot.id).unwrap();
                assert!(trace.is_file(), "{} has no trace", slot.id);
            }
            assert!(
                builder.records.lock().unwrap().is_empty(),
                "cut after {cut} events, something is left in the cache"
            );

            let requests = builder.requests.lock().unwrap();
            let (first, second) = requests.split_at(before);
            assert_chains(second);
            // Nothing that the first stretch left is found under its name.
            let names = |requests: &[(BuildRequest, String)]| -> BTreeSet<String> {
                let names = requests.iter().flat_map(|(request, _)| {
                    let mounts = request.cache_mount_namespace.clone();
                    [request.reference.clone(), request.shared_key.clone()]
                        .into_iter()
                        .chain(mounts)
                });
                names.collect()
            };
            assert!(names(first).is_disjoint(&names(second)));
            let edits = |requests: &[(BuildRequest, String)]| -> BTreeSet<String> {
                let edited = requests.iter().map(|(_, greeting)| greeting.clone());
                edited
                    .filter(|text| text.contains("nonce") && !text.contains("none"))
                    .collect()
            };
            assert!(edits(first).is_disjoint(&edits(second)));
        }
    });
    futures_util::future::join_all(cuts).await;
}

#[tokio::test]
async fn an_interrupted_sample_is_built_again_and_a_finished_one_is_not() {
    let setting = two_rounds();
    let root = TempDir::new().unwrap();
    let stop = CancellationToken::new();
    let builder = Scripted {
        stop_at: Some(("-incremental", stop.clone())),
        ..Scripted::default()
    };
    let mut observer = Mortal {
        writer: RunWriter::create(root.path(), &setting.record).unwrap(),
        left: usize::MAX,
        died: CancellationToken::new(),
    };
    let end = go_on(
        &setting,
        &builder,
        &mut observer,
        &stop,
        Resumption::default(),
    )
    .await;
    assert_eq!(end.unwrap(), RunEnd::Interrupted);
    drop(observer);
    let run = stored(&setting, root.path());
    let last = run.run.samples.last().unwrap();
    assert_eq!(last.outcome, Outcome::Interrupted);
    let (interrupted, count) = (last.slot.id.clone(), run.run.samples.len());

    // Interrupted once more, before anything is built.
    let at_once = CancellationToken::new();
    at_once.cancel();
    let builder = Scripted::default();
    let end = resume(&setting, &builder, root.path(), &at_once).await;
    assert_eq!(end.unwrap(), RunEnd::Interrupted);
    assert_eq!(stored(&setting, root.path()).run.samples.len(), count - 1);

    let end = resume(&setting, &builder, root.path(), &CancellationToken::new()).await;
    assert_eq!(end.unwrap(), RunEnd::Completed);
    let run = stored(&setting, root.path());
    assert_eq!(ids(&run), planned(&setting));
    assert!(run.run.samples.iter().all(|s| s.outcome == Outcome::Ok));
    assert_eq!(run.run.resumed.len(), 2);
    let counts = finished(&setting, root.path());
    assert!(
        counts
            .iter()
            .all(|(id, n)| *n == 1 + usize::from(*id == interrupted))
    );
    assert!(
        run.run
            .warnings
            .iter()
            .any(|w| w.contains("made again, untimed")),
        "{:?}",
        run.run.warnings
    );
}

#[tokio::test]
async fn a_sample_that_lost_the_builder_is_built_again() {
    for lost_at in ["-cross-multi-arch", "-cross-incremental"] {
        let setting = two_rounds();
        let root = TempDir::new().unwrap();
        let lost = BuildError::LostBuilder {
            message: "broken pipe".into(),
        };
        let builder = Scripted {
            ends: [(lost_at, lost)].into(),
            ..Scripted::default()
        };
        let mut observer = Mortal {
            writer: RunWriter::create(root.path(), &setting.record).unwrap(),
            left: usize::MAX,
            died: CancellationToken::new(),
        };
        let stop = CancellationToken::new();
        let end = go_on(
            &setting,
            &builder,
            &mut observer,
            &stop,
            Resumption::default(),
        )
        .await;
        end.unwrap_err();
        drop(observer);
        // Until then it is what became of it.
        let last = stored(&setting, root.path()).run.samples.pop().unwrap();
        assert_eq!(last.outcome, Outcome::LostBuilder);
        let builder = Scripted::default();
        let end = resume(&setting, &builder, root.path(), &stop).await;
        assert_eq!(end.unwrap(), RunEnd::Completed);
        let run = stored(&setting, root.path());
        assert_eq!(ids(&run), planned(&setting));
        assert!(run.run.samples.iter().all(|s| s.outcome == Outcome::Ok));
        let requests = builder.requests.lock().unwrap();
        assert_chains(&requests);
        let csv = run.dir.join("samples.csv");
        let rows = std::fs::read_to_string(csv).unwrap();
        assert_eq!(rows.lines().count(), 1 + setting.record.plan.len());
        assert!(!rows.contains("lost-builder"), "{rows}");
    }
}

/// A run of before such samples were built again has nothing in their place.
#[tokio::test]
async fn a_lost_sample_that_nobody_built_again_is_still_read() {
    let setting = two_rounds();
    let root = TempDir::new().unwrap();
    let lost = BuildError::LostBuilder {
        message: "broken pipe".into(),
    };
    let builder = Scripted {
        ends: [("-cross-multi-arch", lost)].into(),
        ..Scripted::default()
    };
    let mut observer = Mortal {
        writer: RunWriter::create(root.path(), &setting.record).unwrap(),
        left: usize::MAX,
        died: CancellationToken::new(),
    };
    let stop = CancellationToken::new();
    let end = go_on(
        &setting,
        &builder,
        &mut observer,
        &stop,
        Resumption::default(),
    )
    .await;
    end.unwrap_err();
    drop(observer);
    let before = stored(&setting, root.path());
    let at_once = CancellationToken::new();
    at_once.cancel();
    let end = resume(&setting, &Scripted::default(), root.path(), &at_once).await;
    assert_eq!(end.unwrap(), RunEnd::Interrupted);
    assert_eq!(
        stored(&setting, root.path()).run.samples,
        before.run.samples
    );
}

#[tokio::test]
async fn a_state_that_cannot_be_made_again_ends_the_run_and_costs_no_sample() {
    let setting = two_rounds();
    let plan = &setting.record.plan;
    let multi = plan.iter().position(|s| s.kind == BuildKind::MultiArch);
    let multi = multi.unwrap();
    let root = TempDir::new().unwrap();
    begin(
        &setting,
        &Scripted::default(),
        root.path(),
        1 + 2 * (multi + 1),
    )
    .await;
    let failed = BuildError::Failed {
        message: "no such package".into(),
    };
    let builder = Scripted {
        ends: [("-multi-arch", failed)].into(),
        ..Scripted::default()
    };
    let stop = CancellationToken::new();
    let error = resume(&setting, &builder, root.path(), &stop).await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains(&plan[multi].id) && error.contains("no such package"),
        "{error}"
    );
    let run = stored(&setting, root.path());
    assert_eq!(run.run.samples.len(), multi + 1);
    assert!(run.run.samples.iter().all(|s| s.outcome == Outcome::Ok));
    assert_eq!(run.run.end, Some(RunEnd::Aborted));
}
