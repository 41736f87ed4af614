//! A run while it is built, and what is left of it when it ends.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::causes::Causes;
use super::input::RaceInput;
use super::observer::RunObserver;
use super::raced::Raced;
use super::run_locks::Unfinished;
use super::transfers;
use crate::explain::RunExplanation;
use crate::model::{BaseImage, ImageLayout, Run, RunEnd, RunRecord};
use crate::ops::cells::Cells;
use crate::ops::explain::collector;
use crate::ops::{redaction, report, results};
use crate::options::RaceOptions;
use crate::progress::{Expected, Progress};
use crate::race::{LoadingStore, Place, Race, RaceError, Resumption, SmokeTests};
use crate::report::View;
use crate::scenario::{Scenario, Snapshot};
use crate::secrets::Masks;
use crate::store::{self, RunWriter, StoredRun};
use crate::temporary::Folder;

/// A run whose folder is there, and what is in it.
pub struct StartedRun {
    pub record: RunRecord,
    /// The run as results have it, with the samples of before it was cut off.
    pub run: Run,
    /// What results may not show.
    pub masks: Masks,
    pub writer: RunWriter,
    pub expected: Expected,
    /// The base images of each builder.
    pub base_images: Vec<Vec<BaseImage>>,
    /// How often it was cut off.
    pub cuts: usize,
}

/// Builds what is left of a run.
pub async fn build(
    cells: &Cells<'_>,
    input: &RaceInput<'_>,
    args: &RaceOptions,
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
        base_images,
        cuts,
    } = started;
    let here = std::env::current_dir().context("cannot find the current folder")?;
    let secrets = input.build_secrets();
    let sessions = cells.sessions();
    let stores = transfers::stores(sessions, scenarios, &args.export).await?;
    let loading = stores
        .iter()
        .flatten()
        .map(|store| store.facts().endpoint.host.clone());
    let addresses = sessions
        .iter()
        .flat_map(|session| session.addresses.clone());
    let addresses: Vec<String> = addresses.chain(loading).collect();
    let hosts: Vec<&str> = sessions.iter().map(|s| s.place.as_str()).collect();
    let redaction = redaction::of_race(masks, &addresses, snapshot, input.project.root());
    let unfinished = Unfinished::begin(&record.run, &hosts);
    let finished = run.samples.clone();
    let kept = sessions.iter().zip(base_images).map(|(session, images)| {
        let dead = unfinished.dead(&session.place);
        (session.layouts(), images, dead)
    });
    let kept: Vec<(Vec<ImageLayout>, Vec<BaseImage>, Vec<String>)> = kept.collect();
    let stores: Vec<Option<Arc<dyn LoadingStore>>> = stores
        .into_iter()
        .map(|engine| engine.map(|engine| Arc::new(engine) as Arc<dyn LoadingStore>))
        .collect();
    let places = sessions.iter().zip(&kept).zip(&stores).enumerate();
    let places = places.map(
        |(at, ((session, (layouts, base_images, dead)), store))| Place {
            name: cells.name_of(at),
            builder: &*session.builder,
            disk: session.is_local.then_some(here.as_path()),
            smoke_tests: match session.image_store() {
                Some(engine) => SmokeTests::By(engine),
                None => SmokeTests::OnBuilder,
            },
            loads_into: store.as_ref(),
            base_images,
            layouts,
            dead,
        },
    );
    let places: Vec<Place<'_>> = places.collect();
    let transfer_folder = Folder::new("transfers").context("cannot make a temporary folder")?;
    let race = Race {
        record: &record,
        scenarios,
        places: &places,
        emulation: cells.emulation(),
        secrets: &secrets,
        image_size: args.image_size,
        ci_caches: &args.ci_caches,
        export: &args.export,
        transfer_folder: transfer_folder.path(),
        settle: args.settle,
        redaction: &redaction,
        earlier: Resumption {
            samples: &finished,
            cuts,
        },
    };
    let live = std::io::stderr().is_terminal();
    let observer = RunObserver {
        redaction: &redaction,
        causes: Causes::of(&input.scenarios),
        writer,
        trace: None,
        progress: Progress::new(&record, &finished, expected, live),
        run,
    };
    run_and_report(args, &race, observer, unfinished, stop).await
}

/// Runs the plan, then reports whatever was measured.
async fn run_and_report(
    args: &RaceOptions,
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
    let address = args.report_url.as_ref();
    let view = View {
        page: address.and_then(|address| address.of_run(&stored.run.record.run)),
        ..View::new(&stored.run, &explained)
    };
    let reported = report::write(&args.reports, &stored, &view, &explained);
    collector::send_run(&stored.run.record.run, &explained).await;
    if !stored.run.samples.is_empty() {
        report::summary(&view, &args.formats)?;
    }
    if args.json {
        let id = &stored.run.record.run;
        let mut answer = serde_json::json!({
            "run": id,
            "results": stored.dir.display().to_string(),
            "reports": args.reports.join(id).display().to_string(),
        });
        if let Some(store) = &args.results.store {
            answer["store"] = serde_json::json!(store.url);
        }
        outln!("{answer}");
    }
    // Whatever became of it: it has ended.
    results::send(&args.results, &stored.dir).await;
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
    args: &RaceOptions,
) -> anyhow::Result<RunEnd> {
    let folder = stored.dir.display();
    let way_on = to_resume(&stored.run.record, args);
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

/// What to type to go on with a run; of other commands' runs nothing.
fn to_resume(record: &RunRecord, args: &RaceOptions) -> Option<String> {
    if record.command.verb != "run" {
        return None;
    }
    let usual = args.results.folder == Path::new("results");
    let run = match &args.results.store {
        Some(_) => format!("{} {}", record.run, results::option(&args.results)),
        None if usual => record.run.clone(),
        None => args.results.folder.join(&record.run).display().to_string(),
    };
    Some(format!("buildrace run --resume {run}"))
}

/// What the same builds took in the newest run that raced one of these
/// scenarios. It only feeds the display, so what cannot be read is passed over.
pub fn learn_from_last_run(results: &Path, record: &RunRecord) -> Expected {
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
