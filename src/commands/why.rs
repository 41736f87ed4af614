//! `buildrace why`: the causes of what a build executed and an earlier one had.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};

use crate::cli::WhyArgs;
use crate::escape;
use crate::explain::{Conditions, Lines, RunExplanation};
use crate::ops::Exit;
use crate::ops::builder::BuilderSession;
use crate::ops::console::{print_json, terminal_width};
use crate::ops::explain::{Source, explained, lines_in, lines_of, read_recording};
use crate::ops::history::{last, named};
use crate::ops::results::Results;
use crate::ops::why::{Built, ContextFolder, FilesBetween, Pair};
use crate::options::BuilderOptions;
use crate::print;
use crate::report::explanation::PageStyle;
use crate::report::explanation::why::{self as shown, Side};
use crate::scenario::{Project, read_file};
use crate::store::{self, StoredRun};

/// Version of what `--json` prints.
const SCHEMA_VERSION: u32 = 1;

/// Two builds, and the files that the one changed, where that is known.
type Found = (Pair, Option<Vec<PathBuf>>);

/// Says why a build executed what it did.
///
/// # Errors
/// There is no such build, none before it, or it cannot be read.
pub async fn run(args: WhyArgs) -> anyhow::Result<Exit> {
    let results = Results::open(&args.results)?;
    let source = match args.build.as_deref() {
        None => None,
        Some(name) => found(name, &args)?,
    };
    let (pair, edit) = match source {
        Some(source) => of_sources(&source, &args, &results).await?,
        None => (of_history(&args).await?, None),
    };
    let files = match edit {
        Some(_) if args.context.is_some() || args.earlier_context.is_some() => {
            bail!(
                "--context and --earlier-context are for builds of yours: of a sample the edit is known"
            )
        }
        Some(edit) => Some(FilesBetween::of_edit(&edit)),
        None => files(&pair, &args)?,
    };
    let found = pair.why(files.as_ref());
    let [build, earlier] = [&pair.build, &pair.earlier].map(|built| Side {
        title: &built.title,
        explanation: &built.explanation,
    });
    if args.json {
        let mut answer = shown::json(build, earlier, &found);
        answer["schema"] = SCHEMA_VERSION.into();
        print_json(&answer)?;
        return Ok(Exit::Good);
    }
    let style = PageStyle {
        width: terminal_width(),
        colour: print::is_coloured(),
        all: args.all,
    };
    outln!("{}", shown::why(build, earlier, &found, style).trim_end());
    Ok(Exit::Good)
}

/// The file or the sample that a name means; `None` where it can only be one of
/// the history.
fn found(name: &str, args: &WhyArgs) -> anyhow::Result<Option<Source>> {
    let source = Source::find(Some(name), &args.results.folder);
    match source {
        Ok(source) => Ok(Some(source)),
        // Its error says what was wrong with it.
        Err(error) if Path::new(name).exists() => Err(error),
        Err(_) => Ok(None),
    }
}

async fn of_history(args: &WhyArgs) -> anyhow::Result<Pair> {
    let session = BuilderSession::of_running(&BuilderOptions::from(&args.builder)).await?;
    errln!("builder: {}", escape::terminal(&session.describe(), 400));
    let pair = of_session(&session, args).await;
    session.close().await;
    pair
}

async fn of_session(session: &BuilderSession, args: &WhyArgs) -> anyhow::Result<Pair> {
    let builds = session.remembered_builds().await?;
    let build = match &args.build {
        Some(name) => named(&builds, name)?,
        None => last(&builds)?,
    };
    let earlier = match &args.earlier {
        Some(name) => Some(named(&builds, name)?),
        None => None,
    };
    let conditions = conditions(args)?;
    match Pair::of_history(session, &builds, build, earlier, &conditions).await? {
        Ok(pair) => Ok(pair),
        Err(alone) => bail!(
            "the builder remembers no earlier build of the same Dockerfile as {}: build it once \
             more, or name one that `buildrace history` lists",
            escape::terminal(&alone.title, 200)
        ),
    }
}

async fn of_sources(
    source: &Source,
    args: &WhyArgs,
    results: &Results<'_>,
) -> anyhow::Result<Found> {
    if BuilderOptions::from(&args.builder) != BuilderOptions::default() {
        bail!("--builder, --host and what belongs to them go with a build of a history");
    }
    let conditions = conditions(args)?;
    let against = match args.earlier.as_deref() {
        None => None,
        Some(name) => {
            let name = results.bring(Some(name)).await?;
            Some(Source::find(name.as_deref(), &args.results.folder)?)
        }
    };
    match (source, &against) {
        (Source::Recording { path, build }, None) => {
            let mut builds = recorded(path.as_deref(), None, &conditions)?;
            let place = build.unwrap_or(builds.len());
            if place > builds.len() || place == 0 {
                bail!("there is no build {place}: it holds {}", builds.len());
            }
            builds.truncate(place);
            let (Some(build), Some(earlier)) = (builds.pop(), builds.pop()) else {
                bail!(
                    "why is told against an earlier build, and the recording holds none before \
                     this one: name another recording, `buildrace why BUILD EARLIER`"
                );
            };
            Ok((Pair::new(build, earlier), None))
        }
        (Source::Sample { run, sample }, None) => of_sample(run, sample),
        (source, None) => Err(no_build(source)),
        (source, Some(against)) => {
            let pair = Pair::new(one(source, &conditions)?, one(against, &conditions)?);
            Ok((pair, None))
        }
    }
}

/// Why a source is no build.
fn no_build(source: &Source) -> anyhow::Error {
    match source {
        Source::Run(dir) => anyhow!(
            "{} is a run: name a sample of it, like {}",
            dir.display(),
            dir.join("r1-01-…").display()
        ),
        Source::Dockerfile(path) | Source::Folder(path) => anyhow!(
            "{} is no build: build it with `docker build`, and `buildrace why` without a name says \
             why the last build executed what it did",
            path.display()
        ),
        Source::Sample { .. } | Source::Recording { .. } => anyhow!("it is one build"),
    }
}

/// One build of a source.
fn one(source: &Source, conditions: &Conditions) -> anyhow::Result<Built> {
    match source {
        Source::Run(_) | Source::Dockerfile(_) | Source::Folder(_) => Err(no_build(source)),
        Source::Sample { run, sample } => {
            let (stored, explained) = explained_run(run)?;
            let found = explained.sample(sample);
            let found = found.with_context(|| format!("{sample} has no trace"))?;
            Ok(Built::of_sample(found, &stored.run.record.run))
        }
        Source::Recording { path, build } => {
            let mut builds = recorded(path.as_deref(), *build, conditions)?;
            match (builds.pop(), builds.is_empty()) {
                (Some(build), true) => Ok(build),
                _ => bail!("the recording holds several builds: name one, like FILE#2"),
            }
        }
    }
}

/// The builds of a recording, or one of them.
fn recorded(
    path: Option<&Path>,
    build: Option<usize>,
    conditions: &Conditions,
) -> anyhow::Result<Vec<Built>> {
    let name = path.and_then(Path::file_name).map_or_else(
        || "standard input".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    let recorded = read_recording(path)?;
    let count = recorded.len();
    let numbered = recorded.into_iter().zip(1..);
    let wanted = numbered.filter(|(_, number)| build.is_none_or(|build| build == *number));
    let builds = wanted.filter_map(|(recorded, number)| {
        let title = match count {
            1 => name.clone(),
            _ => format!("{name}#{number}"),
        };
        Built::of_recorded(title, &recorded, conditions)
    });
    let builds: Vec<Built> = builds.collect();
    if builds.is_empty() {
        bail!("{name} holds no such build: no step of it began");
    }
    Ok(builds)
}

/// A sample of a run, and the one whose builder state it starts from.
fn of_sample(run: &Path, sample: &str) -> anyhow::Result<Found> {
    let (stored, explained) = explained_run(run)?;
    let found = explained.sample(sample);
    let found = found.with_context(|| format!("{sample} has no trace in which a step began"))?;
    let slot = &found.sample.slot;
    if slot.kind.starts_empty() {
        bail!(
            "{sample} is a {} build, which starts from an empty cache: every step is executed. \
             Name an earlier build, or a sample that starts from another one's cache",
            slot.kind
        );
    }
    let before = explained.start_of(found);
    let before = before.with_context(|| {
        format!("the run has no trace of the build that {sample} starts from: name one")
    })?;
    let edit = stored.run.edited_files(slot);
    let edit = edit.map(|files| files.into_iter().map(PathBuf::from).collect());
    let run = &stored.run.record.run;
    let pair = Pair::new(Built::of_sample(found, run), Built::of_sample(before, run));
    Ok((pair, edit))
}

fn explained_run(run: &Path) -> anyhow::Result<(StoredRun, RunExplanation)> {
    let stored = store::read_run(run)?;
    let here = std::env::current_dir().context("cannot find the current folder")?;
    let project = Project::find(&here).ok();
    let explained = explained(&stored, None, |_, variant| {
        lines_in(project.as_ref(), variant)
    })?;
    Ok((stored, explained))
}

fn conditions(args: &WhyArgs) -> anyhow::Result<Conditions> {
    let lines = match &args.file {
        None => Lines::default(),
        Some(file) => {
            let text =
                read_file(file).with_context(|| format!("cannot read {}", file.display()))?;
            lines_of(&String::from_utf8_lossy(&text))
        }
    };
    Ok(Conditions {
        platform: args.platform.clone(),
        lines,
        ..Conditions::default()
    })
}

/// The files of both contexts, as far as they are to be had.
fn files(pair: &Pair, args: &WhyArgs) -> anyhow::Result<Option<FilesBetween>> {
    let context = args.context.as_deref();
    let here = Path::new(
        context
            .filter(|name| Path::new(name).is_dir())
            .unwrap_or("."),
    );
    let dockerfile = args
        .file
        .clone()
        .or_else(|| dockerfile_of(&pair.build, here));
    let ignore = dockerfile
        .clone()
        .unwrap_or_else(|| here.join("Dockerfile"));
    if let Some(before) = &args.earlier_context {
        let before = ContextFolder::open(before, here)?;
        let mut after = ContextFolder::open(context.unwrap_or("."), here)?;
        if before.is_of_git() && !after.is_of_git() {
            // Beside the repository, it is compared as it is.
            after = ContextFolder::of_worktree(after.path()).unwrap_or(after);
        }
        return FilesBetween::of_contexts(&before, &after, &ignore).map(Some);
    }
    let is_meant = context.is_some() || dockerfile.is_some();
    let (Some((since, _)), Some((until, _)), true) = (pair.earlier.time, pair.build.time, is_meant)
    else {
        return Ok(None);
    };
    let after = ContextFolder::open(context.unwrap_or("."), here)?;
    let touched = FilesBetween::touched(after.path(), &ignore, since, until);
    // Whoever names no context asks for no file.
    match context {
        Some(_) => touched.map(Some),
        None => Ok(touched.ok()),
    }
}

/// The Dockerfile that was built, if it is in this folder as it was.
fn dockerfile_of(build: &Built, here: &Path) -> Option<PathBuf> {
    let text = build.provenance.as_ref()?.dockerfile.as_ref()?;
    let named = build
        .inputs
        .as_ref()
        .and_then(|inputs| inputs.dockerfile.as_deref());
    let named = named.map(Path::new).and_then(Path::file_name);
    let names = named
        .into_iter()
        .chain([std::ffi::OsStr::new("Dockerfile")]);
    let mut paths = names.map(|name| here.join(name));
    paths.find(|path| {
        let read = read_file(path);
        read.is_ok_and(|found| String::from_utf8_lossy(&found) == *text)
    })
}
