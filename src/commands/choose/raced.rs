//! A race for `choose`, of a scenario that no stored run has, or of a Dockerfile alone.

use std::path::Path;

use anyhow::bail;

use super::source::Subject;
use crate::cli::{BuildArgs, ChooseArgs, ci_caches};
use crate::model::{Invocation, Platform};
use crate::ops::adhoc::{self, Options};
use crate::ops::cells::Cells;
use crate::ops::race::{Choice, RaceInput, check_writable, keep_out_of_git, race as race_it};
use crate::ops::signals::stop_on_signals;
use crate::ops::stdin::Typed;
use crate::ops::{Exit, bake};
use crate::options::{BuildOptions, BuilderOptions, RaceOptions, Rounds, duration};
use crate::scenario::{AdhocDockerfile, Project, Scenario, variant_name};
use crate::stats::LOOKS;
use crate::store::StoredRun;

/// Races it, with the rounds of a verdict unless others are named.
///
/// # Errors
/// It could not begin, or could not go on.
pub(super) async fn race(
    subject: Subject,
    args: &ChooseArgs,
) -> anyhow::Result<Result<StoredRun, Exit>> {
    let race_options = race_options(args)?;
    if matches!(subject, Subject::Scenario(..)) && has_build_options(&args.build) {
        bail!(
            "a scenario says itself what is built: of the build options it takes --platform alone"
        );
    }
    check_writable(&race_options).await?;
    let stop = stop_on_signals();
    let build = BuildOptions::from(&args.build);
    let options = Options::read(&build)?;
    let (project, mut scenario, command) = match subject {
        Subject::Scenario(project, scenario) => {
            let mut scenario = *scenario;
            let mut command = Invocation::new("run", [scenario.name.clone()]);
            if !args.build.platform.is_empty() {
                scenario.platforms = Platform::each_once(&args.build.platform);
                command.list("platform", &scenario.platforms);
            }
            (project, scenario, command)
        }
        Subject::Dockerfile(path) => {
            let mut command = Invocation::new("choose", [adhoc::relative_name(&path)]);
            adhoc::add_options(&mut command, &build);
            (
                Project::at(Path::new("."))?,
                alone(&path, &options)?,
                command,
            )
        }
    };
    let is_adhoc = command.verb == "choose";
    Cells::with(&race_options, &stop, async |cells| {
        if is_adhoc {
            options.complete(&mut scenario, &cells.first().native);
            keep_out_of_git(&race_options)?;
        }
        let mut scenarios = vec![scenario];
        let mut choice = Choice::default();
        let session = cells.first();
        if !session
            .fetch_sources(&project, &mut scenarios, &mut choice, &stop)
            .await?
        {
            return Ok(Err(Exit::Interrupted));
        }
        let mut secrets = bake::of_scenarios(&project, &mut scenarios).await?;
        secrets.extend(options.secrets);
        let input = RaceInput {
            project: &project,
            scenarios,
            secrets,
            rounds: Rounds::Fixed(u32::try_from(LOOKS[0].rounds).unwrap_or(u32::MAX)),
            stops_when_open: false,
            choice,
            command,
        };
        let raced = race_it(cells, input, &race_options, &stop).await?;
        outln!("");
        match raced.exit() {
            Exit::Interrupted => Ok(Err(Exit::Interrupted)),
            _ => Ok(Ok(raced.stored)),
        }
    })
    .await
}

/// Whether a build is described, besides its platforms.
pub(super) fn has_build_options(args: &BuildArgs) -> bool {
    let texts = [
        &args.build_arg,
        &args.secret,
        &args.ssh,
        &args.build_context,
        &args.edit,
        &args.edit_with,
    ];
    let is_empty = texts.iter().all(|texts| texts.is_empty())
        && args.kinds.is_empty()
        && args.context.is_none()
        && args.target.is_none()
        && args.concurrent.is_none();
    !is_empty
}

fn race_options(args: &ChooseArgs) -> anyhow::Result<RaceOptions> {
    Ok(RaceOptions {
        builder: BuilderOptions::from(&args.builder),
        matrix: None,
        rounds: args.rounds,
        seed: None,
        timeout: duration("30m").map_err(anyhow::Error::msg)?,
        delta: None,
        keep_contaminated: false,
        settle: None,
        redact: Vec::new(),
        image_size: false,
        export: args.output_type.clone(),
        ci_caches: ci_caches(&args.ci_cache, args.cache_mounts),
        results: args.results.clone(),
        reports: args.reports.clone(),
        json: false,
        formats: Vec::new(),
        report_url: None,
    })
}

/// A scenario of a Dockerfile alone.
fn alone(path: &Path, options: &Options) -> anyhow::Result<Scenario> {
    let typed = Typed::read(path)?;
    let dockerfile = AdhocDockerfile {
        name: variant_name(&typed.path),
        path: typed.path.clone(),
        shown: typed.shown.clone(),
        context: None,
        origin: None,
        revision: None,
        contexts: options.contexts.clone(),
        bake: None,
    };
    adhoc::scenario(options, typed.shown.clone(), vec![dockerfile])
}
