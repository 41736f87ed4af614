//! `buildrace run`: checks that a race can be run, runs it, and leaves its
//! results and report.

mod record;

use std::io::IsTerminal;
use std::path::Path;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::{Exit, explain, images, progress_lines, report};
use crate::builder::{Builder, DockerBuilder};
use crate::cli::RunArgs;
use crate::engine::images::StandIns;
use crate::engine::{self, Engine};
use crate::explain::RunExplanation;
use crate::model::{Outcome, RunRecord, Sample, Slot};
use crate::plan::{self, PlanInput};
use crate::progress::{Expected, Progress};
use crate::race::{Event, Race, Recorder, RecorderError, RunEnd};
use crate::scenario::{Project, Scenario, Snapshot};
use crate::store::{self, RunWriter, StoredRun, TraceWriter};
use crate::trace::{SolveStatus, Trace};

/// Races scenarios.
pub async fn run(args: RunArgs) -> anyhow::Result<Exit> {
    let here = std::env::current_dir().context("cannot tell the current folder")?;
    let project = Project::find(&here)?;
    let chosen = chosen_scenarios(&project, &args)?;
    let snapshot = Snapshot::take(&chosen)?;
    let scenarios = snapshot.scenarios();
    check_writable(&args)?;

    let endpoint = engine::locate(args.engine.host.as_deref()).await?;
    let engine = Engine::connect(&endpoint).await?;
    let builder = DockerBuilder::connect(&endpoint.host).await?;
    let worker = builder
        .workers()
        .await?
        .into_iter()
        .next()
        .context("the engine's BuildKit lists no worker; is it still starting?")?;
    let native = worker
        .platforms
        .first()
        .cloned()
        .context("BuildKit's worker lists no platform")?;

    let platforms = images::platforms(scenarios, &native);
    let needed = images::needed(&project, &chosen, &native)?;
    let emulators = engine::preflight::for_race(&engine, &platforms).await?;
    let base_images =
        engine::images::ensure(&engine, &needed, StandIns::of(&engine), &progress_lines()).await?;

    // Below 2^53, so that every reader of JSON reads the same number.
    let seed = args.seed.unwrap_or_else(|| rand::random::<u64>() >> 11);
    let inputs: Vec<PlanInput> = scenarios.iter().map(plan_input).collect();
    let slots = plan::plan(&inputs, args.rounds, seed);
    tell_of_added_kinds(&inputs);

    let record = record::of_run(record::Facts {
        args: &args,
        project: &project,
        chosen: &chosen,
        copied: scenarios,
        native: &native,
        engine: &engine,
        worker: &worker,
        seed,
        slots,
        emulators,
        base_images,
    })?;
    let stop = stop_on_signals();
    let private = private_texts(&endpoint.host, &snapshot);
    let race = Race {
        record: &record,
        scenarios,
        builder: &builder,
        disk: engine.is_local().then_some(here.as_path()),
        private: &private,
    };
    run_and_report(&args, &race, &stop).await
}

/// What errors may say of this machine and its user, and what results say
/// instead.
fn private_texts(host: &str, snapshot: &Snapshot) -> Vec<(String, String)> {
    let mut texts = vec![
        (host.to_owned(), "the engine".to_owned()),
        (
            snapshot.folder().display().to_string(),
            "sources".to_owned(),
        ),
        (
            std::env::temp_dir().display().to_string(),
            "TMPDIR".to_owned(),
        ),
    ];
    if let Some(home) = std::env::var_os("HOME").filter(|home| home.len() > 1) {
        texts.push((home.to_string_lossy().into_owned(), "~".to_owned()));
    }
    texts
}

/// Runs the plan, then reports whatever was measured.
async fn run_and_report(
    args: &RunArgs,
    race: &Race<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Exit> {
    let record = race.record;
    let expected = learn_from_last_run(&args.results, record);
    let live = std::io::stderr().is_terminal();
    let mut recorder = RunRecorder {
        writer: RunWriter::create(&args.results, record)?,
        trace: None,
        progress: Progress::new(&record.plan, expected, live),
        samples: Vec::new(),
    };
    let result = race.run(&mut recorder, stop).await;
    recorder.progress.close();
    let RunRecorder {
        writer, samples, ..
    } = recorder;
    let folder = writer.dir().to_owned();
    drop(writer);

    let stored = StoredRun {
        dir: folder.clone(),
        record: record.clone(),
        samples,
        end: None,
        warnings: Vec::new(),
    };
    // What was measured is reported, whatever became of the traces.
    let explained = report::explain(&stored).unwrap_or_else(|error| {
        eprintln!("warning: nothing is explained: {error:#}");
        RunExplanation::default()
    });
    let reported = report::write(&args.reports, &stored, &explained);
    explain::collector::send_run(&record.run, &explained).await;
    let samples = &stored.samples;
    if !samples.is_empty() {
        report::summary(&stored, &explained)?;
    }
    if args.json {
        let answer = serde_json::json!({
            "run": record.run,
            "results": folder.display().to_string(),
            "reports": args.reports.join(&record.run).display().to_string(),
        });
        out!("{answer}");
    }
    let end = match result {
        Ok(end) => end,
        Err(error) => {
            return Err(anyhow::Error::new(error).context(format!(
                "the run stopped early; what was measured is in {}",
                folder.display()
            )));
        }
    };
    let report_folder = reported?;
    eprintln!(
        "results: {}\nreport:  {}",
        folder.display(),
        report_folder.display()
    );
    Ok(match end {
        RunEnd::Interrupted => Exit::Interrupted,
        RunEnd::Aborted => Exit::CouldNot,
        RunEnd::Completed if samples.iter().all(|s| s.outcome == Outcome::Ok) => Exit::Good,
        RunEnd::Completed => Exit::CouldNot,
    })
}

/// Passes each event to the store first, then to the display.
struct RunRecorder {
    writer: RunWriter,
    trace: Option<(String, TraceWriter)>,
    progress: Progress,
    samples: Vec<Sample>,
}

impl Recorder for RunRecorder {
    fn event(&mut self, event: &Event) -> Result<(), RecorderError> {
        // On the display even if the disk is full, and the sample before its
        // trace: it is worth more.
        self.progress.event(event);
        self.writer.append(event)?;
        if let Event::SampleFinished { sample, .. } = event {
            self.samples.push(sample.clone());
            if let Some((_, trace)) = self.trace.take() {
                trace.finish()?;
            }
        }
        Ok(())
    }

    fn status(
        &mut self,
        slot: &Slot,
        status: &SolveStatus,
        _: &Trace,
    ) -> Result<(), RecorderError> {
        if self.trace.as_ref().is_none_or(|(id, _)| *id != slot.sample) {
            self.trace = Some((slot.sample.clone(), self.writer.trace_writer(&slot.sample)?));
        }
        if let Some((_, trace)) = &mut self.trace {
            trace.write(status)?;
        }
        Ok(())
    }

    fn tick(&mut self, slot: &Slot, trace: &Trace) {
        self.progress.tick(slot, trace);
    }

    fn phase(&mut self, what: &str) {
        self.progress.phase(what);
    }
}

/// The scenarios asked for, cut down to the variants, kinds and platforms
/// asked for, with Dockerfiles that parse.
fn chosen_scenarios(project: &Project, args: &RunArgs) -> anyhow::Result<Vec<Scenario>> {
    let mut scenarios = project.load(&args.scenarios)?;
    for scenario in &mut scenarios {
        if !args.platform.is_empty() {
            scenario.platforms = args.platform.clone();
        }
        if !args.kinds.is_empty() {
            scenario.kinds = args.kinds.clone();
        }
        scenario.select_variants(&args.variant)?;
    }
    Ok(scenarios)
}

/// Fails before anything is measured where results or reports could not be
/// written afterwards; leaves no trace of having tried.
fn check_writable(args: &RunArgs) -> anyhow::Result<()> {
    for (what, folder) in [("results", &args.results), ("reports", &args.reports)] {
        check_folder(folder).with_context(|| {
            format!(
                "cannot write {what} into {} (--{what} DIR names another folder)",
                folder.display()
            )
        })?;
    }
    Ok(())
}

/// Whether `folder`, or the nearest folder above it that exists, takes new
/// entries.
fn check_folder(folder: &Path) -> std::io::Result<()> {
    let folder = std::path::absolute(folder)?;
    for place in folder.ancestors() {
        match std::fs::metadata(place) {
            Ok(found) if !found.is_dir() => {
                return Err(std::io::Error::other(format!(
                    "{} is not a folder",
                    place.display()
                )));
            }
            Ok(_) => {
                let writable = nix::unistd::AccessFlags::W_OK | nix::unistd::AccessFlags::X_OK;
                return nix::unistd::access(place, writable).map_err(std::io::Error::from);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn plan_input(scenario: &Scenario) -> PlanInput {
    PlanInput {
        scenario: scenario.name.clone(),
        variants: scenario.variants.iter().map(|v| v.name.clone()).collect(),
        kinds: scenario.kinds.clone(),
    }
}

fn tell_of_added_kinds(inputs: &[PlanInput]) {
    for input in inputs {
        for added in plan::with_prerequisites(&input.kinds).added {
            eprintln!(
                "note: {} builds {added} too, since what was asked for starts from it",
                input.scenario
            );
        }
    }
}

/// What the same builds took in the newest run that raced one of these
/// scenarios. It only feeds the display, so what cannot be read is passed over.
fn learn_from_last_run(results: &Path, record: &RunRecord) -> Expected {
    let mut expected = Expected::default();
    let folders = store::runs(results);
    for folder in folders.iter().rev().take(10).rev() {
        let Ok(run) = store::read_run(folder) else {
            continue;
        };
        let raced_here = run.record.host.cores == record.host.cores
            && run.record.host.cpu_model == record.host.cpu_model;
        if raced_here {
            run.samples.iter().for_each(|sample| expected.learn(sample));
        }
    }
    expected
}

/// A token that Ctrl-C and SIGTERM cancel. A second one ends the process at
/// once.
fn stop_on_signals() -> CancellationToken {
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate)) = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        ) else {
            return;
        };
        for again in [false, true] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if again {
                std::process::exit(130);
            }
            eprintln!(
                "\ninterrupted: cancelling the build and cleaning up (again to quit at once)"
            );
            token.cancel();
        }
    });
    stop
}
