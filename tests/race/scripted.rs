//! A builder that builds as a script says, and a observer that remembers.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use buildrace::builder::{Builder, BuilderError, Cleanup, StatusSink};
use buildrace::buildkit::{
    BakeRequest, BuildEnd, BuildError, BuildReply, BuildRequest, BuildWindow, CacheRecord, Export,
    Worker,
};
use buildrace::model::{
    BaseImage, BuildKind, BuilderInfo, Event, ImageLayout, RunEnd, RunRecord, SCHEMA_VERSION,
    Sample, ScenarioInfo, Slot,
};
use buildrace::plan::{self, PlanInput};
use buildrace::race::{
    Emulation, Observer, ObserverError, Place, Race, RaceError, Redaction, Resumption, SmokeRunner,
    SmokeTests,
};
use buildrace::scenario::{Project, Scenario};
use buildrace::trace::status::Vertex;
use buildrace::trace::{SolveStatus, Trace};
use tokio_util::sync::CancellationToken;

use crate::outputs::write_archive;
use crate::project;

/// The time that the build of a reference takes, in seconds.
pub type Wall = Box<dyn Fn(&str) -> f64 + Send + Sync>;

/// Ends builds as a script says, and adds a cache record for each.
#[derive(Default)]
pub struct Scripted {
    /// How the builds whose reference ends so end; the others succeed.
    pub ends: BTreeMap<&'static str, BuildError>,
    /// Cancelled when the build whose reference ends so begins.
    pub stop_at: Option<(&'static str, CancellationToken)>,
    /// How long the builds of a reference take, in seconds.
    pub wall: Option<Wall>,
    /// Somebody else builds while the builds whose references end so do.
    pub beside: Vec<String>,
    /// The builds whose references end so execute a step.
    pub executed: Vec<String>,
    /// Builds, of somebody else too, as the builder remembers them.
    pub others: Mutex<Vec<BuildWindow>>,
    /// What was asked for, with the greeting that its context held.
    pub requests: Mutex<Vec<(BuildRequest, String)>>,
    pub records: Mutex<Vec<CacheRecord>>,
    /// Whether it is somebody else's, from whose cache nothing may be removed.
    pub is_somebodys: bool,
    /// What the builds tell of their steps.
    pub steps: Option<Steps>,
    /// The builds whose reference ends so get images that they were to have.
    pub lacking: Option<&'static str>,
}

/// The steps that the build of a reference tells of.
pub type Steps = Box<dyn Fn(&str) -> Vec<Vertex> + Send + Sync>;

/// A build that ends when this is dropped, as one whose client is gone does.
struct Ending<'a> {
    builder: &'a Scripted,
    reference: &'a str,
}

impl<'a> Ending<'a> {
    fn of(builder: &'a Scripted, reference: &'a str) -> Self {
        builder.others.lock().unwrap().push(BuildWindow {
            reference: reference.to_owned(),
            started: Some(jiff::Timestamp::now()),
            completed: None,
        });
        Self { builder, reference }
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let mut builds = self.builder.others.lock().unwrap();
        let own = builds.iter_mut().find(|b| b.reference == self.reference);
        if let Some(own) = own {
            own.completed = Some(jiff::Timestamp::now());
        }
    }
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
        // BuildKit keeps no record of a helper's build.
        let _ending = (!request.internal).then(|| Ending::of(self, &request.reference));
        self.records.lock().unwrap().push(CacheRecord {
            id: request.reference.clone(),
            size: 1,
            // As that of a step that names the run.
            description: if request.internal {
                request.reference.clone()
            } else {
                String::new()
            },
            record_type: "regular".into(),
            in_use: false,
            shared: false,
            parents: vec![],
            created: Some(jiff::Timestamp::now()),
        });
        if self.beside.iter().any(|e| request.reference.ends_with(e)) {
            self.others.lock().unwrap().push(BuildWindow {
                reference: format!("somebody-else-beside-{}", request.reference),
                started: Some(jiff::Timestamp::UNIX_EPOCH),
                completed: Some(jiff::Timestamp::UNIX_EPOCH),
            });
        }
        let mut status = SolveStatus::default();
        if let Some(steps) = &self.steps {
            status.vertexes = steps(&request.reference);
        }
        if self
            .executed
            .iter()
            .any(|e| request.reference.ends_with(e.as_str()))
        {
            status.vertexes.push(Vertex {
                digest: "sha256:run".into(),
                name: "[linux/arm64 build 2/2] RUN make".into(),
                started: Some(jiff::Timestamp::UNIX_EPOCH),
                completed: Some(jiff::Timestamp::UNIX_EPOCH),
                ..Vertex::default()
            });
        }
        let _ = sink.send(status);
        // The observer hears the status while the build goes on.
        tokio::time::sleep(Duration::from_millis(5)).await;
        if let Export::Oci { destination } = &request.export {
            write_archive(destination, &request.platforms);
        }
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
            wall: self
                .wall
                .as_ref()
                .map_or(Duration::from_millis(10), |wall| {
                    Duration::from_secs_f64(wall(&request.reference))
                }),
            context_bytes: 1,
            received: None,
            layout_bytes: match self.lacking {
                Some(ending) if request.reference.ends_with(ending) => 170_100_000,
                _ => 1_000,
            },
            result,
        }
    }

    /// All at the same time, ended by the one that takes longest.
    async fn bake(
        &self,
        request: &BakeRequest,
        sink: StatusSink,
        cancel: CancellationToken,
    ) -> BuildEnd {
        let targets = request.targets.iter();
        let builds = targets.map(|it| self.build(&it.request, sink.clone(), cancel.clone()));
        let ends = futures_util::future::join_all(builds).await;
        let last = ends.into_iter().max_by_key(|end| end.wall);
        last.expect("a target")
    }

    fn cleanup(&self) -> Cleanup {
        if self.is_somebodys {
            Cleanup::Leave
        } else {
            Cleanup::Remove
        }
    }

    async fn cache_records(&self) -> Result<Vec<CacheRecord>, BuilderError> {
        Ok(self.records.lock().unwrap().clone())
    }

    async fn prune(&self, ids: &[String]) -> Result<Vec<String>, BuilderError> {
        assert!(!self.is_somebodys, "somebody else's cache was pruned");
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
        Ok(self.others.lock().unwrap().clone())
    }

    async fn forget(&self, references: &[String]) -> Result<(), BuilderError> {
        let mut builds = self.others.lock().unwrap();
        builds.retain(|build| !references.contains(&build.reference));
        Ok(())
    }
}

/// Remembers events; fails when told to.
#[derive(Default)]
pub struct Memory {
    pub events: Vec<Event>,
    pub full_at_status: bool,
}

impl Observer for Memory {
    fn event(&mut self, event: &Event) -> Result<(), ObserverError> {
        self.events.push(event.clone());
        Ok(())
    }
    fn status(&mut self, _: &Slot, _: &SolveStatus, _: &Trace) -> Result<(), ObserverError> {
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
    /// All that was measured.
    pub fn samples(&self) -> Vec<&Sample> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::SampleFinished { sample, .. } => Some(sample),
                _ => None,
            })
            .collect()
    }

    /// What was told of a scenario's rounds.
    pub fn told(&self, scenario: &str) -> Vec<&str> {
        let events = self.events.iter();
        events
            .filter_map(|event| match event {
                Event::Rounds {
                    scenario: of,
                    message,
                    ..
                } if of == scenario => Some(message.as_str()),
                _ => None,
            })
            .collect()
    }

    /// How the run ended.
    pub fn end(&self) -> RunEnd {
        match self.events.last() {
            Some(Event::RunFinished { end, .. }) => *end,
            other => panic!("the last event is {other:?}"),
        }
    }
}

/// What is raced.
pub struct Setting {
    _project: project::Project,
    pub scenarios: Vec<Scenario>,
    pub record: RunRecord,
    pub layouts: Vec<ImageLayout>,
}

/// The project `tiny`, to be built once.
pub fn setting(kinds: &[BuildKind], variants: &[&str]) -> Setting {
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
        command: Default::default(),
        commit: None,
        suite: None,
        export: None,
        ci_caches: vec![],
        left_out: Vec::new(),
        seed: 1,
        rounds: 1,
        rules: Default::default(),
        timeout_seconds: 60.0,
        scenarios: vec![ScenarioInfo {
            name: "tiny".into(),
            title: String::new(),
            digest: String::new(),
            sources_digest: String::new(),
            sources_from: None,
            reference: "naive".into(),
            platforms: scenarios[0].platforms.clone(),
            native: "linux/amd64".parse().unwrap(),
            variants: vec![],
            kinds: kinds.to_vec(),
            built_once: vec![],
            edit: None,
            edits: Default::default(),
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
            ..BuilderInfo::default()
        },
        host: Default::default(),
        emulators: vec![],
        base_images: vec![BaseImage {
            name: "debian:trixie-slim".into(),
            platform: "linux/amd64".parse().unwrap(),
            digest: None,
            stand_in: false,
            node: None,
        }],
    };
    Setting {
        _project: project,
        scenarios,
        record,
        layouts: Vec::new(),
    }
}

/// Runs a race on a builder.
pub async fn run(
    setting: &Setting,
    builder: &Scripted,
    observer: &mut Memory,
    stop: &CancellationToken,
) -> Result<RunEnd, RaceError> {
    race(
        setting,
        builder,
        None,
        observer,
        stop,
        Resumption::default(),
    )
    .await
}

/// Runs the rest of a race.
pub async fn go_on(
    setting: &Setting,
    builder: &Scripted,
    observer: &mut dyn Observer,
    stop: &CancellationToken,
    earlier: Resumption<'_>,
) -> Result<RunEnd, RaceError> {
    race(setting, builder, None, observer, stop, earlier).await
}

/// Runs a race on a builder, with something that runs its images.
pub async fn run_with(
    setting: &Setting,
    builder: &Scripted,
    runner: Option<&dyn SmokeRunner>,
    observer: &mut Memory,
    stop: &CancellationToken,
) -> Result<RunEnd, RaceError> {
    race(
        setting,
        builder,
        runner,
        observer,
        stop,
        Resumption::default(),
    )
    .await
}

async fn race(
    setting: &Setting,
    builder: &Scripted,
    runner: Option<&dyn SmokeRunner>,
    observer: &mut dyn Observer,
    stop: &CancellationToken,
    earlier: Resumption<'_>,
) -> Result<RunEnd, RaceError> {
    let place = Place {
        name: None,
        builder,
        disk: None,
        smoke_tests: runner.map_or(SmokeTests::Nowhere, SmokeTests::By),
        loads_into: None,
        base_images: &setting.record.base_images,
        layouts: &setting.layouts,
        dead: &[],
    };
    race_at(setting, &[place], None, observer, stop, earlier).await
}

/// Runs a race on several builders, or under several emulators.
pub async fn race_at(
    setting: &Setting,
    places: &[Place<'_>],
    emulation: Option<&dyn Emulation>,
    observer: &mut dyn Observer,
    stop: &CancellationToken,
    earlier: Resumption<'_>,
) -> Result<RunEnd, RaceError> {
    let race = Race {
        record: &setting.record,
        scenarios: &setting.scenarios,
        places,
        emulation,
        image_size: false,
        secrets: &BTreeMap::new(),
        redaction: &Redaction::default(),
        ci_caches: &[],
        settle: None,
        export: &Default::default(),
        transfer_folder: std::path::Path::new(""),
        earlier,
    };
    race.run(observer, stop).await
}
