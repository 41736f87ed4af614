//! `buildrace check`: the gate. It builds the working tree and the revision it
//! is compared with in the same rounds, and says whether the change is slower;
//! or it counts what hardly varies, against a stored run.

mod baseline;
mod failed;
mod findings;
mod settings;

use std::path::{Path, PathBuf};

use super::Exit;
use super::own;
use super::race::{Choice, Entrants, Raced, Ready, check_writable, keep_out_of_git, race};
use super::report::ended;
use super::revisions::{Revisions, Side};
use super::signals::stop_on_signals;
use crate::cli::CheckArgs;
use crate::git::Repository;
use crate::race::RunEnd;
use crate::report::{CheckOutcome, CheckView, Finding, Level};
use crate::scenario::{Project, folder_name};
use settings::Settings;

/// Gates a change.
///
/// # Errors
/// It could not begin, or could not go on.
pub async fn run(args: CheckArgs) -> anyhow::Result<Exit> {
    let settings = Settings::read(args)?;
    check_writable(&settings.race)?;
    let stop = stop_on_signals();
    if settings.baseline.is_some() {
        return baseline::run(&settings, &stop).await;
    }
    let here = settings.context();
    // Before the engine is asked: most of what can be wrong is wrong here.
    Repository::find(&here)?;
    let options = settings.options()?;
    let base = settings.base.as_deref();
    let found =
        Revisions::open(&settings.dockerfile, &options, base, &settings.race, &stop).await?;
    let Some(revisions) = found else {
        return Ok(Exit::Interrupted);
    };
    let against = format!(
        "{} against {}",
        worktree(&revisions),
        revisions.base.describe()
    );
    if revisions.is_unchanged()? {
        let check = CheckView {
            outcome: CheckOutcome::Passed,
            subject: format!(
                "{}/{}",
                folder_name(&here),
                revisions.dockerfile(Side::Worktree).shown
            ),
            headline: format!("{against}: nothing that is built differs"),
            findings: Vec::new(),
        };
        ended(&check, None, &settings.race)?;
        return Ok(Exit::Good);
    }
    let dockerfiles = [Side::Base, Side::Worktree].map(|side| revisions.dockerfile(side));
    let mut scenario = own::scenario(&options, against.clone(), dockerfiles.to_vec())?;
    let ready = Ready::find(&settings.race).await?;
    eprintln!("check: {against}");
    settings.complete(&options, &mut scenario, &ready.native);
    let entrants = Entrants {
        project: &Project::at(Path::new("."))?,
        scenarios: vec![scenario],
        secrets: options.secrets,
        rounds: settings.rounds,
        stops_when_open: settings.stops_when_open(),
        choice: Choice::default(),
        command: settings.command(None),
    };
    keep_out_of_git(&settings.race)?;
    let raced = race(&ready, entrants, &settings.race, &stop).await?;
    let dockerfile = revisions.dockerfile(Side::Worktree);
    let mut check = findings::of_race(&raced, &settings, &against, &dockerfile)?;
    if let Some(policy) = &settings.policy
        && revisions.changes(policy)
    {
        check.findings.push(Finding {
            level: Level::Warning,
            rule: "policy",
            scenario: raced.stored.record.scenarios[0].name.clone(),
            variant: dockerfile.name,
            kind: None,
            message: "the change has another policy than what it is compared with, and the gate \
                      went by the change's"
                .to_owned(),
            file: Some(own::shown(policy)),
            line: None,
        });
    }
    finish(&check, &raced, &settings)
}

/// Shows what came of it, and chooses the exit code.
fn finish(check: &CheckView, raced: &Raced, settings: &Settings) -> anyhow::Result<Exit> {
    ended(check, Some(raced), &settings.race)?;
    if raced.end == RunEnd::Interrupted {
        return Ok(Exit::Interrupted);
    }
    Ok(match check.outcome {
        CheckOutcome::Passed => Exit::Good,
        CheckOutcome::Failed => Exit::Finding,
        CheckOutcome::Undecided => Exit::CouldNot,
    })
}

/// `the working tree (3 changed files)`
fn worktree(revisions: &Revisions) -> String {
    match revisions.changed {
        0 => "HEAD".to_owned(),
        1 => "the working tree (1 changed file)".to_owned(),
        changed => format!("the working tree ({changed} changed files)"),
    }
}

/// The Dockerfile as findings name it: relative to the repository, where it is
/// in one.
fn shown_dockerfile(path: &Path) -> PathBuf {
    let inside = path.canonicalize().ok().and_then(|real| {
        let repository = Repository::find(real.parent()?).ok()?;
        Some(real.strip_prefix(repository.top()).ok()?.to_owned())
    });
    inside.unwrap_or_else(|| own::shown(path).into())
}
