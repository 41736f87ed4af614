//! A scenario's builds under Criterion, for whoever lives in its baselines:
//! `cargo bench --bench builds -- --save-baseline before`. What is timed and
//! what is not, and what to trust more: `docs/benchmarks.md`.
//!
//! Criterion's command line stays Criterion's; what is built comes from the
//! environment:
//!
//! - `BUILDRACE_BENCH_SCENARIO`: the scenario (go-hello)
//! - `BUILDRACE_BENCH_VARIANTS`: its variants (all but the reference, ten
//!   emulated builds of which take half an hour)
//! - `BUILDRACE_BENCH_KINDS`: build kinds (incremental,noop)
//! - `BUILDRACE_BENCH_PLATFORMS`: platforms (the scenario's)
//!
//! The engine is the one that `buildrace run` would use, or
//! `BUILDRACE_TEST_HOST`.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use buildrace::builder::{Builder, Cleanup, NodeBuilder};
use buildrace::engine::images::{self, StandIns};
use buildrace::engine::{self, Engine, preflight};
use buildrace::escape;
use buildrace::model::{
    BaseImage, BuildKind, Event, Failure, HostInfo, Outcome, Platform, RunEnd, RunRecord,
    SCHEMA_VERSION, Sample, ScenarioInfo, Slot, familiar_name,
};
use buildrace::plan::{self, PlanInput};
use buildrace::race::{Observer, ObserverError, Place, Race, Redaction, Resumption, SmokeTests};
use buildrace::scenario::{Project, Scenario, Snapshot, Variant};
use buildrace::trace::{SolveStatus, Trace};
use criterion::{Criterion, SamplingMode};
use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Criterion's least.
const SAMPLES: usize = 10;

/// Longer than nothing, as Criterion asks, and shorter than any build, so that
/// it warms up with one.
const WARM_UP: Duration = Duration::from_millis(1);

/// Criterion fills this time with builds. A tenth of it is shorter than any
/// build with what goes before it, so that a sample is one build.
const MEASUREMENT: Duration = Duration::from_secs(1);

/// Longest time for one build, that of `buildrace run`.
const TIMEOUT: Duration = Duration::from_secs(30 * 60);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> anyhow::Result<()> {
    let project = Project::find(Path::new(env!("CARGO_MANIFEST_DIR")))?;
    let scenario = chosen(&project)?;
    let given = |flag: &str| env::args().any(|argument| argument == flag);
    let tests = !given("--bench") || given("--test");
    if tests && !given("--list") {
        println!(
            "builds: nothing is built and nothing tested: the builds of {} are for `cargo bench --bench builds`",
            scenario.name
        );
        return Ok(());
    }

    // Before the command line is read, which may ask for more.
    let mut criterion = Criterion::default()
        .sample_size(SAMPLES)
        .warm_up_time(WARM_UP)
        .measurement_time(MEASUREMENT)
        .configure_from_args();
    let mut group = criterion.benchmark_group(&scenario.name);
    group.sampling_mode(SamplingMode::Flat);
    // Criterion calls neither what its filter leaves out nor what it only
    // lists, so an engine is looked for when the first sample is wanted.
    let mut site: Option<Site> = None;
    for variant in &scenario.variants {
        for kind in &scenario.kinds {
            let mut entrant = None;
            group.bench_function(format!("{}/{kind}", variant.name), |bencher| {
                bencher.iter_custom(|builds| {
                    let timed = (|| {
                        let site = match &mut site {
                            Some(site) => site,
                            None => site.insert(Site::open(&project, &scenario)?),
                        };
                        let entrant = match &entrant {
                            Some(entrant) => entrant,
                            None => entrant.insert(site.admit(&variant.name, *kind)?),
                        };
                        site.time(entrant, builds)
                    })();
                    match timed {
                        Ok(Some(wall)) => wall,
                        Ok(None) => {
                            // Removes the copied sources, which exit would not.
                            site = None;
                            std::process::exit(130);
                        }
                        Err(error) => {
                            panic!("{}/{}/{kind}: {error:#}", scenario.name, variant.name)
                        }
                    }
                });
            });
        }
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}

/// The scenario, cut down to what the environment asks for.
fn chosen(project: &Project) -> anyhow::Result<Scenario> {
    let name = asked("BUILDRACE_BENCH_SCENARIO")?.pop();
    let name = name.unwrap_or_else(|| "go-hello".to_owned());
    let mut scenario = project
        .load(&[name])?
        .pop()
        .context("the project has no scenario")?;
    let mut variants = asked("BUILDRACE_BENCH_VARIANTS")?;
    if variants.is_empty() {
        let candidates = scenario.variants.iter().filter(|v| !v.reference);
        variants = candidates.map(|v| v.name.clone()).collect();
    }
    scenario.select_variants(&variants)?;
    scenario.kinds = asked("BUILDRACE_BENCH_KINDS")?;
    if scenario.kinds.is_empty() {
        scenario.kinds = vec![BuildKind::Incremental, BuildKind::Noop];
    }
    let platforms = asked("BUILDRACE_BENCH_PLATFORMS")?;
    if !platforms.is_empty() {
        scenario.platforms = platforms;
    }
    Ok(scenario)
}

/// The items of a variable, separated by commas, each once; none where it is
/// not set.
fn asked<T: FromStr<Err: Display> + PartialEq>(variable: &str) -> anyhow::Result<Vec<T>> {
    let mut items = Vec::new();
    let value = env::var(variable).unwrap_or_default();
    for text in value.split(',').map(str::trim).filter(|t| !t.is_empty()) {
        let item = text
            .parse()
            .map_err(|error| anyhow::anyhow!("{variable}: {error}"))?;
        if !items.contains(&item) {
            items.push(item);
        }
    }
    Ok(items)
}

/// Where it is built, and the copies that are built there.
struct Site<'a> {
    project: &'a Project,
    runtime: Runtime,
    engine: Engine,
    builder: NodeBuilder,
    native: Platform,
    snapshot: Snapshot,
    stop: CancellationToken,
}

/// A variant and a kind, ready to be built.
struct Entrant {
    kind: BuildKind,
    input: PlanInput,
    /// Without a run's id and plan.
    record: RunRecord,
}

impl<'a> Site<'a> {
    /// Finds the engine and copies what is built.
    fn open(project: &'a Project, scenario: &Scenario) -> anyhow::Result<Self> {
        let runtime = Runtime::new()?;
        let host = env::var("BUILDRACE_TEST_HOST").ok();
        let host = host.as_deref().filter(|host| !host.is_empty());
        let (engine, builder, native) = runtime.block_on(async {
            let endpoint = engine::locate(host).await?;
            let engine = Engine::connect(&endpoint).await?;
            let builder = NodeBuilder::docker(&endpoint.host).await?;
            let builder = match endpoint.is_private() {
                true => builder.with_cleanup(Cleanup::Remove),
                false => builder,
            };
            let workers = builder.workers().await?;
            let platforms = workers.into_iter().flat_map(|worker| worker.platforms);
            let native = platforms
                .into_iter()
                .next()
                .context("BuildKit's worker lists no platform")?;
            anyhow::Ok((engine, builder, native))
        })?;
        let snapshot = Snapshot::take(std::slice::from_ref(scenario), &|_, _, _| false)?;
        let stop = runtime.block_on(stop_on_signals())?;
        Ok(Self {
            project,
            runtime,
            engine,
            builder,
            native,
            snapshot,
            stop,
        })
    }

    /// Makes base images ready, and sees that the platforms run.
    fn admit(&self, variant: &str, kind: BuildKind) -> anyhow::Result<Entrant> {
        let scenario = self.snapshot.scenarios().first();
        let scenario = scenario.context("a scenario was copied")?;
        let mut scenario = scenario.clone();
        scenario.select_variants(&[variant.to_owned()])?;
        scenario.kinds = vec![kind];
        let input = PlanInput {
            scenario: scenario.name.clone(),
            variants: vec![variant.to_owned()],
            kinds: vec![kind],
            native_only: scenario.native_only(&self.native),
        };
        let kinds = plan::with_prerequisites(&[kind], input.native_only).all;
        let platforms = match kind {
            BuildKind::Cold => std::slice::from_ref(&self.native),
            _ => &scenario.platforms,
        };
        let base_images = self.base_images(&scenario.variants, platforms)?;
        let record = self.record(&scenario, kinds, base_images);
        Ok(Entrant {
            kind,
            input,
            record,
        })
    }

    fn base_images(
        &self,
        variants: &[Variant],
        platforms: &[Platform],
    ) -> anyhow::Result<Vec<BaseImage>> {
        let mut needed = Vec::new();
        for variant in variants {
            let needs = self.project.needs(variant, &self.native, platforms)?;
            let images = needs.images.into_iter();
            needed.extend(images.map(|image| (familiar_name(&image.name), image.platform)));
        }
        needed.sort();
        needed.dedup();
        let tell: engine::Progress = Arc::new(|line| eprintln!("{}", terminal(line)));
        self.runtime.block_on(async {
            let tried = preflight::try_each(&self.engine, platforms).await?;
            if let Some(not_run) = tried.failed.first() {
                anyhow::bail!("{}", not_run.reason);
            }
            let stand_ins = StandIns::for_engine(&self.engine);
            Ok(images::ensure(&self.engine, &needed, stand_ins, &tell).await?)
        })
    }

    /// What a race goes by. Nothing of it is stored, so what only readers of
    /// results want is left empty.
    fn record(
        &self,
        scenario: &Scenario,
        kinds: Vec<BuildKind>,
        base_images: Vec<BaseImage>,
    ) -> RunRecord {
        RunRecord {
            schema: SCHEMA_VERSION,
            run: String::new(),
            buildrace: env!("CARGO_PKG_VERSION").to_owned(),
            started: Timestamp::now(),
            command: Default::default(),
            commit: None,
            suite: None,
            export: None,
            ci_caches: vec![],
            left_out: Vec::new(),
            seed: 0,
            rounds: 0,
            rules: Default::default(),
            timeout_seconds: TIMEOUT.as_secs_f64(),
            scenarios: vec![ScenarioInfo {
                name: scenario.name.clone(),
                title: scenario.title.clone(),
                digest: scenario.digest.clone(),
                sources_digest: String::new(),
                sources_from: None,
                reference: String::new(),
                platforms: scenario.platforms.clone(),
                native: self.native.clone(),
                variants: Vec::new(),
                kinds,
                built_once: vec![],
                edit: None,
                edits: Default::default(),
                gate: None,
            }],
            plan: Vec::new(),
            builder: self.engine.facts().builder_info(),
            host: HostInfo::default(),
            emulators: Vec::new(),
            base_images,
        }
    }

    /// The time of so many builds, each a round of a race with what it starts
    /// from. `None` where the user stopped it.
    fn time(&self, entrant: &Entrant, builds: u64) -> anyhow::Result<Option<Duration>> {
        let rounds = u32::try_from(builds).context("so many builds never end")?;
        let record = RunRecord {
            run: format!("criterion-{:016x}", rand::random::<u64>()),
            rounds,
            plan: plan::plan(std::slice::from_ref(&entrant.input), rounds, 0),
            ..entrant.record.clone()
        };
        let places = [Place {
            name: None,
            builder: &self.builder,
            disk: self.engine.is_local().then_some(self.project.root()),
            smoke_tests: SmokeTests::Nowhere,
            loads_into: None,
            base_images: &record.base_images,
            layouts: &[],
            dead: &[],
        }];
        let race = Race {
            image_size: false,
            record: &record,
            scenarios: self.snapshot.scenarios(),
            places: &places,
            emulation: None,
            secrets: &BTreeMap::new(),
            settle: None,
            redaction: &Redaction::default(),
            ci_caches: &[],
            export: &Default::default(),
            transfer_folder: std::path::Path::new(""),
            earlier: Resumption::default(),
        };
        let mut memory = Memory::default();
        let end = self.runtime.block_on(race.run(&mut memory, &self.stop))?;
        if end == RunEnd::Interrupted {
            return Ok(None);
        }
        // What follows a failure is skipped, so the first is the one to tell.
        if let Some(sample) = memory.samples.iter().find(|s| s.outcome != Outcome::Ok) {
            anyhow::bail!(failed(sample));
        }
        let timed = memory
            .samples
            .iter()
            .filter(|s| s.slot.kind == entrant.kind);
        for disturbance in timed.clone().flat_map(|sample| &sample.disturbances) {
            eprintln!("\nwarning: {}", terminal(disturbance));
        }
        Ok(Some(timed.map(|sample| sample.wall).sum()))
    }
}

/// A token that Ctrl-C and SIGTERM cancel; a second one ends the process.
async fn stop_on_signals() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let token = stop.clone();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if token.is_cancelled() {
                std::process::exit(130);
            }
            eprintln!(
                "\ninterrupted: cancelling the build and cleaning up (again to quit at once)"
            );
            token.cancel();
        }
    });
    Ok(stop)
}

/// Why a sample has no time: its step, and the end of the step's log.
fn failed(sample: &Sample) -> String {
    let mut lines = vec![format!(
        "its {} build: {}",
        sample.slot.kind, sample.outcome
    )];
    if let Some(failure) = &sample.failure {
        let Failure {
            message,
            step,
            exit_code,
            log_tail,
        } = failure;
        lines.push(terminal(message));
        lines.extend(step.iter().map(|step| format!("step: {}", terminal(step))));
        lines.extend(exit_code.map(|code| format!("exit code: {code}")));
        lines.extend(log_tail.iter().map(|line| format!("  {}", terminal(line))));
    }
    lines.join("\n")
}

/// Keeps samples, and passes warnings on.
#[derive(Default)]
struct Memory {
    samples: Vec<Sample>,
}

impl Observer for Memory {
    fn event(&mut self, event: &Event) -> Result<(), ObserverError> {
        match event {
            Event::SampleFinished { sample, .. } => self.samples.push(sample.clone()),
            Event::Warning { message, .. } => eprintln!("\nwarning: {}", terminal(message)),
            _ => {}
        }
        Ok(())
    }

    fn status(&mut self, _: &Slot, _: &SolveStatus, _: &Trace) -> Result<(), ObserverError> {
        Ok(())
    }

    fn tick(&mut self, _: &Slot, _: &Trace) {}

    fn phase(&mut self, _: &str) {}
}

fn terminal(text: &str) -> String {
    escape::terminal(text, 1000)
}
