//! `buildrace explain DOCKERFILE` and `explain --bake TARGET`: one build, explained when it ends.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::buildkit::BuildError;
use crate::cli::ExplainArgs;
use crate::explain::{Explanation, explain};
use crate::model::Invocation;
use crate::ops::Exit;
use crate::ops::adhoc;
use crate::ops::bake;
use crate::ops::one_build::{Built, OneBuild};
use crate::ops::signals::stop_on_signals;
use crate::options::{BakeOptions, BuildOptions, BuilderOptions};
use crate::report::explanation::Subject;
use crate::store::RUN_FILE;

/// Names of the Dockerfile in a folder, in the order in which they are looked for.
const NAMES: [&str; 2] = ["Dockerfile", "Containerfile"];

/// A build that has ended.
pub(super) struct Ended {
    /// What it is called.
    pub(super) subject: Subject,
    /// Why it took as long as it did; `None` where no step of it began.
    pub(super) explanation: Option<Explanation>,
    /// What races its Dockerfile against a changed copy.
    pub(super) compare: Invocation,
    /// How it ended. Why it has no result was told.
    pub(super) exit: Exit,
}

/// Builds a Dockerfile, or that of a folder.
pub(super) async fn build(
    path: &Path,
    is_compared: bool,
    args: &ExplainArgs,
) -> anyhow::Result<Ended> {
    check_flags(path, is_compared, args)?;
    let (dockerfile, options) = wanted(path, args)?;
    let command = compare(&dockerfile, &options);
    build_one(Built::Dockerfile(&dockerfile), &options, command, args).await
}

/// Builds targets of bake as one build.
pub(super) async fn build_baked(typed: &str, args: &ExplainArgs) -> anyhow::Result<Ended> {
    check_one(args)?;
    let targets = bake::targets(typed)?;
    let typed = BakeOptions {
        files: args.file.iter().cloned().collect(),
        set: args.one_build.bake_args.set.clone(),
        allow: args.one_build.bake_args.allow.clone(),
    };
    let options = args.one_build.options(&args.platform);
    let mut command = Invocation::new("compare", [targets.join(",")]);
    command.flag("bake");
    bake::add_options(&mut command, &typed);
    command.option("against", "HEAD");
    adhoc::add_options(&mut command, &options);
    let built = Built::Bake {
        targets: &targets,
        options: &typed,
    };
    build_one(built, &options, command, args).await
}

async fn build_one(
    built: Built<'_>,
    options: &BuildOptions,
    command: Invocation,
    args: &ExplainArgs,
) -> anyhow::Result<Ended> {
    let stop = stop_on_signals();
    let build = OneBuild {
        built,
        options,
        no_cache: args.one_build.no_cache,
    };
    let ended = build
        .run(&BuilderOptions::from(&args.builder), &stop)
        .await?;
    Ok(Ended {
        subject: Subject {
            wall: Some(ended.end.wall),
            ..Subject::of_recording(built.shown())
        },
        explanation: explain(&ended.trace, &ended.conditions),
        compare: command,
        exit: match &ended.end.result {
            Ok(_) => Exit::Good,
            Err(BuildError::Cancelled) => Exit::Interrupted,
            Err(_) => Exit::CouldNot,
        },
    })
}

/// Refuses what would be passed over in silence.
fn check_flags(path: &Path, is_compared: bool, args: &ExplainArgs) -> anyhow::Result<()> {
    if is_compared {
        bail!(
            "explain A B compares two builds that are over, and {} is not built yet: to race two \
             Dockerfiles, use `buildrace compare Dockerfile Dockerfile.new`",
            path.display()
        );
    }
    check_one(args)?;
    if args.file.is_some() && path.is_file() {
        bail!(
            "--file names the Dockerfile of a folder, and {} is one: leave either out",
            path.display()
        );
    }
    Ok(())
}

/// Refuses what is asked of builds that are over.
fn check_one(args: &ExplainArgs) -> anyhow::Result<()> {
    if args.node.is_some() {
        bail!("--node is for recordings: the builder tells what CPU it has");
    }
    if args.cores.is_some() {
        bail!("--cores is for runs: it is not measured how busy the cores are while this builds");
    }
    Ok(())
}

/// The Dockerfile to build, and what else the build is asked for.
fn wanted(path: &Path, args: &ExplainArgs) -> anyhow::Result<(PathBuf, BuildOptions)> {
    let mut options = args.one_build.options(&args.platform);
    if !path.is_dir() {
        return Ok((path.to_owned(), options));
    }
    options.context.get_or_insert_with(|| path.to_owned());
    let dockerfile = match &args.file {
        // As docker build: a path from here. One that is not there may be in the folder.
        Some(file) if file.is_file() => file.clone(),
        Some(file) => Some(path.join(file))
            .filter(|inside| inside.is_file())
            .with_context(|| {
                format!(
                    "no Dockerfile {}, neither here nor in {}",
                    file.display(),
                    path.display()
                )
            })?,
        None => {
            let mut places = NAMES.iter().map(|name| match path == Path::new(".") {
                true => PathBuf::from(name),
                false => path.join(name),
            });
            places.find(|place| place.is_file()).with_context(|| {
                format!(
                    "{} is no run, as it has no {RUN_FILE}, and holds no Dockerfile: name one with \
                     --file",
                    path.display()
                )
            })?
        }
    };
    Ok((dockerfile, options))
}

/// What races the Dockerfile against a changed copy, under the same conditions.
fn compare(dockerfile: &Path, options: &BuildOptions) -> Invocation {
    let one = dockerfile.display().to_string();
    let mut command = Invocation::new("compare", [one.clone(), format!("{one}.new")]);
    let context = options.context.as_deref().unwrap_or(Path::new("."));
    command.option("context", context.display());
    let rest = BuildOptions {
        context: None,
        ..options.clone()
    };
    adhoc::add_options(&mut command, &rest);
    command
}
