//! `buildrace compare`: races two Dockerfiles of one's own, or one Dockerfile
//! at two Git revisions.

mod baked;
mod both;

use std::path::Path;

use anyhow::bail;

use crate::cli::CompareArgs;
use crate::model::Invocation;
use crate::ops::Exit;
use crate::ops::adhoc::{self, Options};
use crate::ops::race::check_writable;
use crate::ops::revisions::{Revisions, Side};
use crate::ops::signals::stop_on_signals;
use crate::ops::stdin::{Typed, is_stdin};
use crate::options::{BuildOptions, RaceOptions};
use crate::scenario::{AdhocDockerfile, ignore_file, read_file, variant_name, variant_names};
use both::{names, race_both};

/// Races the two.
///
/// # Errors
/// It could not begin, or could not go on.
pub async fn run(args: CompareArgs) -> anyhow::Result<Exit> {
    let race_options = RaceOptions {
        matrix: args.matrix.matrix.clone(),
        ..RaceOptions::from(&args.race)
    };
    if args.bake {
        return baked::run(args, race_options).await;
    }
    check_writable(&race_options).await?;
    let stop = stop_on_signals();
    // Before the engine is asked: most of what can be wrong is wrong here.
    let options = Options::read(&BuildOptions::from(&args.build))?;
    let names = names(&args.names)?;
    let candidate = args.candidate.as_deref().unwrap_or(&args.reference);
    if args.against.is_some() && is_stdin(&args.reference) {
        bail!("--against needs a file: standard input has no revision");
    }
    if args.candidate.is_some() && is_stdin(&args.reference) && is_stdin(candidate) {
        bail!("only one of the two Dockerfiles can come from standard input");
    }
    let reference = Typed::read(&args.reference)?;
    let candidate = match args.candidate {
        Some(_) => Typed::read(candidate)?,
        None => Typed::read(&args.reference)?,
    };
    if args.candidate.is_some() {
        check_differ(&reference, &candidate)?;
    }
    // Its folders are removed when it is dropped.
    let revisions = match &args.against {
        None => None,
        Some(revision) => {
            match Revisions::open(
                &args.reference,
                &options,
                Some(revision),
                &race_options,
                &stop,
            )
            .await?
            {
                None => return Ok(Exit::Interrupted),
                found => found,
            }
        }
    };
    if let Some(revisions) = &revisions
        && revisions.is_unchanged()?
    {
        bail!(
            "{} and its context are the same in {} and in the working tree, so there is nothing \
             to compare. {}",
            adhoc::relative_name(&args.reference),
            revisions.base.describe(),
            advice(&args.reference)
        );
    }
    let (title, mut dockerfiles) = match &revisions {
        Some(revisions) => (
            format!(
                "{} in the working tree against {}",
                adhoc::relative_name(&args.reference),
                revisions.base.describe()
            ),
            [Side::Base, Side::Worktree]
                .map(|side| revisions.dockerfile(side))
                .to_vec(),
        ),
        None if args.candidate.is_some() => (
            format!("{} against {}", candidate.shown, reference.shown),
            pair(&reference, &candidate, &options),
        ),
        None => (reference.shown.clone(), vec![alone(&reference, &options)]),
    };
    for (dockerfile, name) in dockerfiles.iter_mut().zip(names.into_iter().flatten()) {
        dockerfile.name = name;
    }
    let scenario = adhoc::scenario(&options, title, dockerfiles)?;
    race_both(scenario, options, command(&args), &race_options, &stop).await
}

/// Fails where two paths lead to one Dockerfile, or to two that are the same to
/// the byte: the time would go into noise. What cannot be read is found out
/// later.
fn check_differ(reference: &Typed, candidate: &Typed) -> anyhow::Result<()> {
    let [one, other] = [reference, candidate].map(|typed| typed.path.canonicalize().ok());
    let what = if one.is_some() && one == other {
        "are the same file"
    } else if contents(&reference.path).is_some_and(|text| Some(text) == contents(&candidate.path))
    {
        "have the same content"
    } else {
        return Ok(());
    };
    bail!(
        "{} and {} {what}, so there is nothing to compare. {}",
        reference.shown,
        candidate.shown,
        advice(&reference.path)
    )
}

/// A Dockerfile and its own list of what to leave out of the context.
fn contents(dockerfile: &Path) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let text = read_file(dockerfile).ok()?;
    Some((text, read_file(&ignore_file(dockerfile)).ok()))
}

/// What to do where one Dockerfile is all that there is.
fn advice(dockerfile: &Path) -> String {
    let file = adhoc::relative_name(dockerfile);
    format!("To measure how much its build times vary, use `buildrace calibrate --file {file}`")
}

/// The only Dockerfile, which a matrix compares with itself.
fn alone(typed: &Typed, options: &Options) -> AdhocDockerfile {
    dockerfile(variant_name(&typed.path), typed, options)
}

fn pair(reference: &Typed, candidate: &Typed, options: &Options) -> Vec<AdhocDockerfile> {
    let (one, other) = variant_names(&reference.path, &candidate.path);
    vec![
        dockerfile(one, reference, options),
        dockerfile(other, candidate, options),
    ]
}

fn dockerfile(name: String, typed: &Typed, options: &Options) -> AdhocDockerfile {
    AdhocDockerfile {
        name,
        path: typed.path.clone(),
        shown: typed.shown.clone(),
        context: None,
        origin: None,
        revision: None,
        contexts: options.contexts.clone(),
        bake: None,
    }
}

fn command(args: &CompareArgs) -> Invocation {
    let candidate = args.candidate.as_deref().map(adhoc::relative_name);
    let dockerfiles = [adhoc::relative_name(&args.reference)]
        .into_iter()
        .chain(candidate);
    let mut command = Invocation::new("compare", dockerfiles);
    if let Some(revision) = &args.against {
        command.option("against", revision);
    }
    command.list("names", &args.names);
    adhoc::add_options(&mut command, &BuildOptions::from(&args.build));
    command
}
