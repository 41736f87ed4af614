//! The runner against a scripted builder: which builds it asks for, in which
//! state, and what it makes of their ends.

#[path = "support/project.rs"]
mod project;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use buildrace::builder::{Builder, BuilderError, StatusSink};
use buildrace::buildkit::{
    BuildEnd, BuildError, BuildReply, BuildRequest, BuildWindow, CacheRecord, Worker,
};
use buildrace::model::{
    BaseImage, BuildKind, BuilderInfo, Outcome, RunRecord, SCHEMA_VERSION, Sample, ScenarioInfo,
    Slot,
};
use buildrace::plan::{self, PlanInput};
use buildrace::race::{Event, Race, RaceError, Recorder, RecorderError, Redaction, RunEnd};
use buildrace::scenario::{Project, Scenario};
use buildrace::trace::{SolveStatus, Trace};
use tokio_util::sync::CancellationToken;

/// Ends builds as a script says, and adds a cache record for each.
#[derive(Default)]
struct Scripted {
    /// How the builds whose reference ends so end; the others succeed.
    ends: BTreeMap<&'static str, BuildError>,
    /// Cancelled when the build whose reference ends so begins.
    stop_at: Option<(&'static str, CancellationToken)>,
    requests: Mutex<Vec<(BuildRequest, String)>>,
    records: Mutex<Vec<CacheRecord>>,
}

#[async_trait]
impl Builder for Scripted {
    async fn build(
        &self,
        request: &BuildRequest,
        sink: StatusSink,
        cancel: CancellationToken,
    ) -> BuildEnd {
        let greeting =
            std::fs::read_to_string(request.context.join("greeting")).unwrap_or_default();
        self.requests
            .lock()
            .unwrap()
            .push((request.clone(), greeting));
        self.records.lock().unwrap().push(CacheRecord {
            id: request.reference.clone(),
            size: 1,
            description: String::new(),
            record_type: "regular".into(),
            in_use: false,
            shared: false,
            parents: vec![],
            created: None,
        });
        let _ = sink.send(SolveStatus::default());
        // The recorder hears the status while the build goes on.
        tokio::time::sleep(Duration::from_millis(5)).await;
        if let Some((ending, stop)) = &self.stop_at
            && request.reference.ends_with(ending)
        {
            stop.cancel();
        }
        let scripted = self
            .ends
            .iter()
            .find(|(ending, _)| request.reference.ends_with(*ending));
        let result = match scripted {
            Some((_, error)) => Err(error.clone()),
            None if cancel.is_cancelled() => Err(BuildError::Cancelled),
            None => Ok(BuildReply::default()),
        };
        BuildEnd {
            wall: Duration::from_millis(10),
            context_bytes: 1,
            result,
        }
    }

    async fn cache_records(&self) -> Result<Vec<CacheRecord>, BuilderError> {
        Ok(self.records.lock().unwrap().clone())
    }

    async fn prune(&self, ids: &[String]) -> Result<Vec<String>, BuilderError> {
        self.records
            .lock()
            .unwrap()
            .retain(|record| !ids.contains(&record.id));
        Ok(ids.to_vec())
    }

    async fn workers(&self) -> Result<Vec<Worker>, BuilderError> {
        Ok(vec![])
    }

    async fn history(&self) -> Result<Vec<BuildWindow>, BuilderError> {
        Ok(vec![])
    }
}

/// Remembers events; fails when told to.
#[derive(Default)]
struct Memory {
    events: Vec<Event>,
    full_at_status: bool,
}

impl Recorder for Memory {
    fn event(&mut self, event: &Event) -> Result<(), RecorderError> {
        self.events.push(event.clone());
        Ok(())
    }
    fn status(&mut self, _: &Slot, _: &SolveStatus, _: &Trace) -> Result<(), RecorderError> {
        if self.full_at_status {
            Err("No space left on device".into())
        } else {
            Ok(())
        }
    }
    fn tick(&mut self, _: &Slot, _: &Trace) {}
    fn phase(&mut self, _: &str) {}
}

impl Memory {
    fn samples(&self) -> Vec<&Sample> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::SampleFinished { sample, .. } => Some(sample),
                _ => None,
            })
            .collect()
    }

    fn end(&self) -> RunEnd {
        match self.events.last() {
            Some(Event::RunFinished { end, .. }) => *end,
            other => panic!("the last event is {other:?}"),
        }
    }
}

struct Setting {
    _project: project::Project,
    scenarios: Vec<Scenario>,
    record: RunRecord,
}

fn setting(kinds: &[BuildKind], variants: &[&str]) -> Setting {
    let project = project::Project::new();
    let mut scenarios = Project::find(project.path()).unwrap().load(&[]).unwrap();
    scenarios[0].kinds = kinds.to_vec();
    let names: Vec<String> = variants.iter().map(ToString::to_string).collect();
    scenarios[0].select_variants(&names).unwrap();
    let input = PlanInput {
        scenario: "tiny".into(),
        variants: names,
        kinds: kinds.to_vec(),
        native_only: false,
    };
    let record = RunRecord {
        schema: SCHEMA_VERSION,
        run: "20260101T000000Z-abcdef".into(),
        buildrace: "0".into(),
        started: jiff::Timestamp::UNIX_EPOCH,
        command: vec![],
        seed: 1,
        rounds: 1,
        rules: Default::default(),
        timeout_seconds: 60.0,
        scenarios: vec![ScenarioInfo {
            name: "tiny".into(),
            title: String::new(),
            digest: String::new(),
            sources_digest: String::new(),
            reference: "naive".into(),
            platforms: scenarios[0].platforms.clone(),
            native: "linux/amd64".parse().unwrap(),
            variants: vec![],
            kinds: kinds.to_vec(),
            edit: None,
            gate: None,
        }],
        plan: plan::plan(&[input], 1, 1),
        builder: BuilderInfo {
            driver: "replay".into(),
            found_by: String::new(),
            engine_version: None,
            buildkit_version: None,
            storage: None,
            platforms: vec![],
        },
        host: Default::default(),
        emulators: vec![],
        base_images: vec![BaseImage {
            name: "debian:trixie-slim".into(),
            platform: "linux/amd64".parse().unwrap(),
            digest: None,
            stand_in: false,
        }],
    };
    Setting {
        _project: project,
        scenarios,
        record,
    }
}

async fn run(
    setting: &Setting,
    builder: &Scripted,
    recorder: &mut Memory,
    stop: &CancellationToken,
) -> Result<RunEnd, RaceError> {
    let race = Race {
        record: &setting.record,
        scenarios: &setting.scenarios,
        builder,
        disk: None,
        image_size: false,
        secrets: &BTreeMap::new(),
        redaction: &Redaction::default(),
    };
    race.run(recorder, stop).await
}

const CHAIN: [BuildKind; 3] = [
    BuildKind::MultiArch,
    BuildKind::Incremental,
    BuildKind::Noop,
];

#[tokio::test]
async fn builds_are_asked_for_in_the_state_their_kind_says() {
    let setting = setting(&BuildKind::ALL, &["naive", "cross"]);
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
        let expected = match (sample.variant.as_str(), sample.kind) {
            ("cross", _) => Outcome::Ok,
            (_, BuildKind::MultiArch) => Outcome::Failed,
            _ => Outcome::Skipped,
        };
        assert_eq!(sample.outcome, expected, "{}", sample.id);
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
