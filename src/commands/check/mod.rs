//! `buildrace check`: the gate. It builds the working tree and the revision it
//! is compared with in the same rounds, and says whether the change is slower;
//! or it counts what hardly varies, against a stored run.

mod baseline;
mod blame;
mod counts;
mod evidence;
mod failed;
mod findings;
mod finish;
mod missed_slowdown;
mod nothing_to_measure;
mod settings;

use std::path::Path;

use tokio_util::sync::CancellationToken;

use crate::cli::CheckArgs;
use crate::escape;
use crate::git::Repository;
use crate::ops::Exit;
use crate::ops::adhoc::{self, Options};
use crate::ops::baked_sides::BakeSides;
use crate::ops::builder::BuilderSession;
use crate::ops::cells::Cells;
use crate::ops::race::{Choice, Prepared, RaceInput, check_writable, keep_out_of_git};
use crate::ops::report::show_check;
use crate::ops::revisions::{Revisions, Side};
use crate::ops::signals::stop_on_signals;
use crate::report::{CheckOutcome, CheckView, Finding, Level, Rule};
use crate::scenario::{AdhocDockerfile, Project, folder_name};
use finish::finish;
use settings::Settings;

/// Gates a change.
///
/// # Errors
/// It could not begin, or could not go on.
pub async fn run(args: CheckArgs) -> anyhow::Result<Exit> {
    let settings = Settings::read(args)?;
    check_writable(&settings.race).await?;
    let stop = stop_on_signals();
    if settings.baseline.is_some() {
        return baseline::run(&settings, &stop).await;
    }
    let here = settings.context();
    // Before the engine is asked: most of what can be wrong is wrong here.
    Repository::find(&here)?;
    let mut options = settings.options()?;
    let Some(compared) = Compared::open(&settings, &options, &stop).await? else {
        return Ok(Exit::Interrupted);
    };
    let revisions = compared.revisions();
    let against = format!(
        "{} against {}",
        worktree(revisions),
        revisions.base.describe()
    );
    if revisions.is_unchanged()? {
        let name = folder_name(&here);
        let what = match &settings.bake {
            Some(targets) => targets.join(","),
            None => revisions.dockerfile(Side::Worktree).shown,
        };
        let check = CheckView {
            outcome: CheckOutcome::Passed,
            subject: format!("{name}/{what}"),
            headline: format!("{against}: nothing that is built differs"),
            findings: of_policy(&settings, revisions, &name).into_iter().collect(),
        };
        show_check(&check, None, &settings.race)?;
        return Ok(Exit::Good);
    }
    let dockerfiles = compared.dockerfiles(&settings, &mut options).await?;
    let dockerfile = dockerfiles[1].clone();
    let mut scenario = adhoc::scenario(&options, against.clone(), dockerfiles.to_vec())?;
    BuilderSession::with(&settings.race.builder, async |session| {
        errln!("check: {against}");
        settings.complete(&options, &mut scenario, &session.native);
        let input = RaceInput {
            project: &Project::at(Path::new("."))?,
            scenarios: vec![scenario],
            secrets: options.secrets,
            rounds: settings.rounds,
            stops_when_open: settings.stops_when_open(),
            choice: Choice::default(),
            command: settings.command(None),
        };
        let cells = Cells::one(session);
        let prepared = Prepared::new(&cells, input, &settings.race, &stop).await?;
        let name = prepared.record.scenarios[0].name.clone();
        let of_policy = of_policy(&settings, revisions, &name);
        if settings.may_measure_nothing() {
            match nothing_to_measure::probe(&prepared, session, &settings, &dockerfile, &stop).await? {
                nothing_to_measure::Found::Nothing => {
                    let check = CheckView {
                        outcome: CheckOutcome::Passed,
                        subject: format!("{name}/{}", dockerfile.shown),
                        headline: format!(
                            "{against}: nothing to measure: every step of the change comes from the \
                             base's cache (2 builds)"
                        ),
                        findings: of_policy.into_iter().collect(),
                    };
                    show_check(&check, None, &settings.race)?;
                    return Ok(Exit::Good);
                }
                nothing_to_measure::Found::Something(why) => {
                    let why = prepared.masks.text(&why);
                    errln!("check: {}", escape::terminal(&why, 400));
                }
                nothing_to_measure::Found::Interrupted => return Ok(Exit::Interrupted),
            }
        }
        keep_out_of_git(&settings.race)?;
        let raced = prepared.race(&cells, &settings.race, &stop).await?;
        let mut check = findings::of_race(&raced, &settings, &against, &dockerfile)?;
        check.findings.extend(of_policy);
        finish(check, &raced, &settings).await
    })
    .await
}

/// The two states that are compared, of a Dockerfile or of bake's targets.
enum Compared {
    Dockerfile(Box<Revisions>),
    Bake(Box<BakeSides>),
}

impl Compared {
    /// Copies both; `None` where the user stopped it.
    async fn open(
        settings: &Settings,
        options: &Options,
        stop: &CancellationToken,
    ) -> anyhow::Result<Option<Self>> {
        let (base, race) = (settings.base.as_deref(), &settings.race);
        if settings.bake.is_some() {
            let (typed, build) = (&settings.bake_options, &settings.build);
            let sides = BakeSides::open(typed, build, options, base, race, stop).await?;
            return Ok(sides.map(Box::new).map(Self::Bake));
        }
        let revisions = Revisions::open(&settings.dockerfile, options, base, race, stop).await?;
        Ok(revisions.map(Box::new).map(Self::Dockerfile))
    }

    fn revisions(&self) -> &Revisions {
        match self {
            Self::Dockerfile(revisions) => revisions,
            Self::Bake(sides) => &sides.revisions,
        }
    }

    /// What is built of the base, and of the working tree.
    async fn dockerfiles(
        &self,
        settings: &Settings,
        options: &mut Options,
    ) -> anyhow::Result<[AdhocDockerfile; 2]> {
        match (self, &settings.bake) {
            (Self::Bake(sides), Some(targets)) => {
                let base = sides.dockerfile(Side::Base, targets, options).await?;
                let worktree = sides.dockerfile(Side::Worktree, targets, options).await?;
                Ok([base, worktree])
            }
            _ => {
                let of = |side| self.revisions().dockerfile(side);
                Ok([of(Side::Base), of(Side::Worktree)])
            }
        }
    }
}

/// That the change has a policy of its own, where it has.
fn of_policy(settings: &Settings, revisions: &Revisions, scenario: &str) -> Option<Finding> {
    let policy = settings.policy.as_ref();
    let policy = policy.filter(|policy| revisions.changes(policy))?;
    Some(Finding {
        level: Level::Warning,
        rule: Rule::Policy,
        scenario: scenario.to_owned(),
        variant: revisions.dockerfile(Side::Worktree).name,
        kind: None,
        message: "the change has another policy than what it is compared with, and the gate \
                  went by the change's"
            .to_owned(),
        file: Some(adhoc::relative_name(policy)),
        line: None,
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
