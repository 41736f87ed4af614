//! A race, from scenarios to results and report: what `run`, `compare`,
//! `check` and `calibrate` have in common.

mod causes;
mod eligibility;
mod fetched_sources;
mod observer;
mod prepared;
mod record;
mod resume;
mod smoke_runner;
mod unfinished;
mod writable;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::explain::collector;
use super::{Exit, redaction, report};
use crate::builder::{Builder, Cleanup, DockerBuilder};
use crate::cli::{HostArgs, RaceArgs, Rounds};
use crate::engine::{self, Engine};
use crate::explain::RunExplanation;
use crate::model::{
    AUTO_ROUNDS, Contamination, FUTILITY_ROUNDS, FailureRule, Invocation, LEAST_DELTA, Outcome,
    Platform, Rules, Run, RunEnd, RunRecord, Stopping,
};
use crate::plan::{self, PlanInput};
use crate::progress::{Expected, Progress};
use crate::race::{Inspected, Race, RaceError, Resumption};
use crate::report::View;
use crate::scenario::{Project, Scenario, Snapshot};
use crate::secrets::Masks;
use crate::store::{self, RunWriter, StoredRun};
use crate::verdict::Assessment;
use causes::Causes;
pub use eligibility::{Choice, no_emulator, no_image};
use observer::RunObserver;
pub use prepared::Prepared;
use prepared::secrets_of;
pub use resume::resume;
use unfinished::Unfinished;
pub use writable::{check_writable, keep_out_of_git};

/// What is raced.
pub struct RaceInput<'a> {
    /// The folder that results name paths from.
    pub project: &'a Project,
    /// The scenarios, as they stand on the disk.
    pub scenarios: Vec<Scenario>,
    /// Secrets of `RUN --mount=type=secret`.
    pub secrets: BTreeMap<String, Vec<u8>>,
    /// Rounds where the command line names none.
    pub rounds: Rounds,
    /// Whether a run that stops when it is clear also stops when nothing points
    /// to a slow-down.
    pub stops_when_open: bool,
    /// The command line to repeat, without what [`RaceArgs`] holds.
    pub command: Invocation,
    /// How the scenarios were chosen.
    pub choice: Choice,
}

/// What came of a race.
pub struct Raced {
    /// Results as they were stored.
    pub stored: StoredRun,
    /// Why its times are what they are.
    pub explained: RunExplanation,
    /// It as reports show it.
    pub view: View,
    /// How it ended.
    pub end: RunEnd,
}

impl Raced {
    /// What a race says to the shell where nothing is judged.
    pub fn exit(&self) -> Exit {
        match self.end {
            RunEnd::Interrupted => Exit::Interrupted,
            // Where no round counts, nothing was measured.
            RunEnd::Completed if self.is_all_built() && self.is_measured() => Exit::Good,
            RunEnd::Completed | RunEnd::Aborted => Exit::CouldNot,
        }
    }

    /// Whether each scenario has a round that counts.
    fn is_measured(&self) -> bool {
        Assessment::of(&self.stored.run).unmeasured().is_empty()
    }

    /// Whether every build of the rounds that count is good.
    fn is_all_built(&self) -> bool {
        let assessment = Assessment::of(&self.stored.run);
        let mut samples = self.stored.run.samples.iter();
        samples.all(|sample| sample.outcome == Outcome::Ok || !assessment.counts(sample))
    }
}

/// A builder that answers, and the platforms it lists.
pub struct EngineSession {
    engine: Engine,
    builder: DockerBuilder,
    worker: crate::buildkit::Worker,
    host: String,
    /// The node's own platform.
    pub native: Platform,
}

impl EngineSession {
    /// Finds the engine and asks it for its worker.
    ///
    /// # Errors
    /// None answers.
    pub async fn find(args: &RaceArgs) -> anyhow::Result<Self> {
        Self::find_at(&args.engine).await
    }

    /// The builder.
    pub fn builder(&self) -> &DockerBuilder {
        &self.builder
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The platforms that its BuildKit lists.
    pub fn platforms(&self) -> &[Platform] {
        &self.worker.platforms
    }

    /// As [`Self::find`], for a command that builds nothing.
    ///
    /// # Errors
    /// None answers.
    pub async fn find_at(host: &HostArgs) -> anyhow::Result<Self> {
        let endpoint = engine::locate(host.host.as_deref()).await?;
        let engine = Engine::connect(&endpoint).await?;
        let cleanup = match endpoint.is_private() {
            true => Cleanup::Remove,
            false => Cleanup::Leave,
        };
        let builder = DockerBuilder::connect(&endpoint.host).await?;
        let builder = builder.with_cleanup(cleanup);
        let mut worker = builder
            .workers()
            .await?
            .into_iter()
            .next()
            .context("the engine's BuildKit lists no worker; is it still starting?")?;
        // What BuildKit says itself, then what the engine was made with.
        let version = builder.buildkit_version().await?;
        worker.buildkit_version = version
            .or(worker.buildkit_version)
            .or_else(|| engine::bundled::buildkit_of(&engine.facts().version));
        let native = worker
            .platforms
            .first()
            .cloned()
            .context("BuildKit's worker lists no platform")?;
        Ok(Self {
            engine,
            builder,
            worker,
            host: endpoint.host,
            native,
        })
    }
}

/// Races, and leaves results and report.
///
/// # Errors
/// It could not begin, or could not go on; what was measured before is stored
/// and reported.
pub async fn race(
    ready: &EngineSession,
    entrants: RaceInput<'_>,
    args: &RaceArgs,
    stop: &CancellationToken,
) -> anyhow::Result<Raced> {
    let prepared = Prepared::new(ready, entrants, args).await?;
    prepared.race(ready, args, stop).await
}

/// The record of the race that begins now, with its plan and without noise
/// floors, and what is raced, as the snapshot holds it. Whatever the race needs
/// is there then; what cannot be raced here is taken out of the entrants.
async fn draw(
    ready: &EngineSession,
    entrants: &mut RaceInput<'_>,
    args: &RaceArgs,
    snapshot: &Snapshot,
) -> anyhow::Result<(RunRecord, Vec<Scenario>)> {
    let EngineSession {
        engine,
        worker,
        native,
        ..
    } = ready;

    let choice = &mut entrants.choice;
    let project = entrants.project;
    let mut emulators =
        eligibility::by_platform(engine, native, project, &mut entrants.scenarios, choice).await?;
    let base_images = eligibility::by_images(
        engine,
        native,
        entrants.project,
        &mut entrants.scenarios,
        choice,
    )
    .await?;
    eligibility::retain_used(&mut emulators, project, &entrants.scenarios, native)?;
    eligibility::tell(&entrants.choice.left_out);
    let copies = eligibility::copies(snapshot.scenarios(), &entrants.scenarios);
    let scenarios = copies.as_slice();

    // Below 2^53, so that every reader of JSON reads the same number.
    let seed = args.seed.unwrap_or_else(|| rand::random::<u64>() >> 11);
    let inputs: Vec<PlanInput> = scenarios.iter().map(|s| plan_input(s, native)).collect();
    tell_of_added_kinds(&inputs);
    let rounds = args.rounds.unwrap_or(entrants.rounds);
    let planned = match rounds {
        Rounds::Fixed(rounds) => rounds,
        Rounds::Auto => AUTO_ROUNDS,
    };
    let mut record = record::of_run(record::RecordInput {
        args,
        command: &entrants.choice.repeated(&entrants.command, scenarios),
        choice: &entrants.choice,
        commit: record::commit_of(entrants.project.root(), &written(args)),
        scenarios,
        native,
        engine,
        worker,
        seed,
        rounds,
        rules: rules(args, rounds, planned, entrants.stops_when_open),
        emulators,
        base_images,
    })?;
    record.plan = plan::plan(&inputs, planned + record.rules.spare_rounds, seed);
    record.rounds = planned;
    Ok((record, copies))
}

/// What a run writes.
fn written(args: &RaceArgs) -> Vec<PathBuf> {
    let files = args.output.format.iter().filter_map(|o| o.file.clone());
    files
        .chain([args.results.clone(), args.reports.clone()])
        .collect()
}

/// A run whose folder is there, and what is in it.
struct StartedRun {
    record: RunRecord,
    /// The run as results have it, with the samples of before it was cut off.
    run: Run,
    /// What results may not show.
    masks: Masks,
    writer: RunWriter,
    expected: Expected,
    /// How often it was cut off.
    cuts: usize,
}

/// Builds what is left of a run.
async fn build(
    ready: &EngineSession,
    entrants: &RaceInput<'_>,
    args: &RaceArgs,
    (snapshot, scenarios): (&Snapshot, &[Scenario]),
    started: StartedRun,
    stop: &CancellationToken,
) -> anyhow::Result<Raced> {
    let StartedRun {
        record,
        run,
        masks,
        writer,
        expected,
        cuts,
    } = started;
    let here = std::env::current_dir().context("cannot find the current folder")?;
    let secrets = secrets_of(entrants);
    let redaction = redaction::of_race(masks, &ready.host, snapshot, entrants.project.root());
    let unfinished = Unfinished::begin(&record.run, &ready.host);
    let dead = unfinished.dead();
    let finished = run.samples.clone();
    let race = Race {
        record: &record,
        scenarios,
        builder: &ready.builder,
        disk: ready.engine.is_local().then_some(here.as_path()),
        secrets: &secrets,
        runner: Some(&ready.engine),
        looked: Inspected::default(),
        image_size: args.image_size,
        redaction: &redaction,
        earlier: Resumption {
            samples: &finished,
            cuts,
        },
        dead: &dead,
    };
    let live = std::io::stderr().is_terminal();
    let observer = RunObserver {
        redaction: &redaction,
        causes: Causes::of(&entrants.scenarios),
        writer,
        trace: None,
        progress: Progress::new(&record, &finished, expected, live),
        run,
    };
    run_and_report(args, &race, observer, unfinished, stop).await
}

fn rules(args: &RaceArgs, rounds: Rounds, planned: u32, stops_when_open: bool) -> Rules {
    let contamination = (!args.keep_contaminated).then(Contamination::default);
    let stopping = match rounds {
        Rounds::Fixed(_) => Stopping::Fixed,
        Rounds::Auto if stops_when_open => Stopping::Gate,
        Rounds::Auto => Stopping::Auto,
    };
    Rules {
        stopping,
        futility_rounds: (stopping == Stopping::Gate).then_some(FUTILITY_ROUNDS),
        failures: Some(match stopping {
            Stopping::Fixed => FailureRule::ONCE,
            Stopping::Auto | Stopping::Gate => FailureRule::LOOKS,
        }),
        // In place of rounds that are dropped, or, where a look needs times, in
        // which a build failed.
        spare_rounds: match (contamination, stopping) {
            (None, Stopping::Fixed) => 0,
            _ => planned.div_ceil(2),
        },
        contamination,
        delta: args.delta.unwrap_or(LEAST_DELTA),
        noise_floor: Vec::new(),
    }
}

/// Runs the plan, then reports whatever was measured.
async fn run_and_report(
    args: &RaceArgs,
    race: &Race<'_>,
    mut observer: RunObserver<'_>,
    unfinished: Unfinished,
    stop: &CancellationToken,
) -> anyhow::Result<Raced> {
    let result = race.run(&mut observer, stop).await;
    if result.is_ok() {
        unfinished.clean();
    }
    observer.progress.close();
    let RunObserver { writer, run, .. } = observer;
    let dir = writer.dir().to_owned();
    // Whatever else went wrong, this is why.
    writer.is_there()?;
    drop(writer);

    let end = result.as_ref().ok().copied();
    let stored = StoredRun {
        dir,
        run: Run { end, ..run },
    };
    // What was measured is reported, whatever became of the traces.
    let explained = report::explain(&stored).unwrap_or_else(|error| {
        errln!("warning: nothing is explained: {error:#}");
        RunExplanation::default()
    });
    let view = View::new(&stored.run, &explained);
    let reported = report::write(&args.reports, &stored, &view, &explained);
    collector::send_run(&stored.run.record.run, &explained).await;
    if !stored.run.samples.is_empty() {
        report::summary(&view, &args.output)?;
    }
    if args.json {
        let id = &stored.run.record.run;
        let answer = serde_json::json!({
            "run": id,
            "results": stored.dir.display().to_string(),
            "reports": args.reports.join(id).display().to_string(),
        });
        outln!("{answer}");
    }
    let end = how_it_ended(result, &stored, reported, args)?;
    Ok(Raced {
        stored,
        explained,
        view,
        end,
    })
}

/// Says where results and report are, and how to go on where the run did not
/// finish.
fn how_it_ended(
    result: Result<RunEnd, RaceError>,
    stored: &StoredRun,
    reported: anyhow::Result<PathBuf>,
    args: &RaceArgs,
) -> anyhow::Result<RunEnd> {
    let folder = stored.dir.display();
    let way_on = resume::command(&stored.run.record, args);
    let end = result.map_err(|error| {
        anyhow::Error::new(error).context(format!(
            "the run stopped early; what was measured is in {folder}{}",
            way_on
                .as_ref()
                .map_or_else(String::new, |way| format!("; `{way}` goes on"))
        ))
    })?;
    let report = reported?;
    errln!("results: {folder}\nreport:  {}", report.display());
    if let Some(way) = way_on.filter(|_| end == RunEnd::Interrupted) {
        errln!("to go on: {way}");
    }
    Ok(end)
}

fn plan_input(scenario: &Scenario, native: &Platform) -> PlanInput {
    PlanInput {
        scenario: scenario.name.clone(),
        variants: scenario.variants.iter().map(|v| v.name.clone()).collect(),
        kinds: scenario.kinds.clone(),
        native_only: scenario.native_only(native),
    }
}

fn tell_of_added_kinds(inputs: &[PlanInput]) {
    for input in inputs {
        for added in plan::with_prerequisites(&input.kinds, input.native_only).added {
            errln!(
                "note: {} builds {added} too, since what was asked for starts from it",
                input.scenario
            );
        }
    }
}

/// What the same builds took in the newest run that raced one of these
/// scenarios. It only feeds the display, so what cannot be read is passed over.
fn learn_from_last_run(results: &Path, record: &RunRecord) -> Expected {
    let mut expected = Expected::of(record);
    let folders = store::runs(results);
    for folder in folders.iter().rev().take(10).rev() {
        let Ok(run) = store::read_run(folder) else {
            continue;
        };
        let raced_here = run.run.record.host.cores == record.host.cores
            && run.run.record.host.cpu_model == record.host.cpu_model;
        if raced_here {
            run.run
                .samples
                .iter()
                .for_each(|sample| expected.learn(sample));
        }
    }
    expected
}
