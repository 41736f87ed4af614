//! `buildrace compare`: races two Dockerfiles of one's own, or a Dockerfile
//! with what it was in another revision.

use std::path::Path;

use anyhow::bail;

use super::Exit;
use super::own::{self, Options};
use super::race::{Choice, Entrants, Ready, check_writable, keep_out_of_git, race};
use super::report::write_formats;
use super::revisions::{Revisions, Side};
use super::signals::stop_on_signals;
use super::stdin::{Typed, is_stdin};
use crate::cli::{CompareArgs, Rounds};
use crate::scenario::{OwnDockerfile, Project, variant_names};

/// Races the two.
///
/// # Errors
/// It could not begin, or could not go on.
pub async fn run(args: CompareArgs) -> anyhow::Result<Exit> {
    check_writable(&args.race)?;
    let stop = stop_on_signals();
    // Before the engine is asked: most of what can be wrong is wrong here.
    let options = Options::read(&args.build)?;
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
    // Its folders are removed when it is dropped.
    let revisions = match &args.against {
        None => None,
        Some(revision) => {
            match Revisions::open(&args.reference, &options, Some(revision), &args.race, &stop)
                .await?
            {
                None => return Ok(Exit::Interrupted),
                found => found,
            }
        }
    };
    let (title, dockerfiles) = match &revisions {
        Some(revisions) => (
            format!(
                "{} in the working tree against {}",
                own::shown(&args.reference),
                revisions.base.describe()
            ),
            [Side::Base, Side::Worktree]
                .map(|side| revisions.dockerfile(side))
                .to_vec(),
        ),
        None => (
            format!("{} against {}", candidate.shown, reference.shown),
            pair(&reference, &candidate, &options),
        ),
    };
    let mut scenario = own::scenario(&options, title, dockerfiles)?;
    let ready = Ready::find(&args.race).await?;
    options.complete(&mut scenario, &ready.native);
    let entrants = Entrants {
        project: &Project::at(Path::new("."))?,
        scenarios: vec![scenario],
        secrets: options.secrets,
        rounds: Rounds::Auto,
        stops_when_open: false,
        choice: Choice::default(),
        command: command(&args),
    };
    keep_out_of_git(&args.race)?;
    let raced = race(&ready, entrants, &args.race, &stop).await?;
    write_formats(&raced, &args.race)?;
    Ok(raced.exit())
}

fn pair(reference: &Typed, candidate: &Typed, options: &Options) -> Vec<OwnDockerfile> {
    let (one, other) = variant_names(&reference.path, &candidate.path);
    let dockerfile = |name: String, typed: &Typed| OwnDockerfile {
        name,
        path: typed.path.clone(),
        shown: typed.shown.clone(),
        context: None,
        origin: None,
        revision: None,
        contexts: options.contexts.clone(),
    };
    vec![dockerfile(one, reference), dockerfile(other, candidate)]
}

fn command(args: &CompareArgs) -> Vec<String> {
    let mut command = vec!["buildrace".to_owned(), "compare".to_owned()];
    command.push(own::shown(&args.reference));
    command.extend(args.candidate.as_deref().map(own::shown));
    if let Some(revision) = &args.against {
        command.extend(["--against".to_owned(), revision.clone()]);
    }
    command.extend(own::command(&args.build));
    command
}
