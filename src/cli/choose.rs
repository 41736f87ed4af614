//! `buildrace choose`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::build::BuildArgs;
use super::builder::BuilderArgs;
use crate::model::{CacheMounts, CiCache, EditMix, TimedExport};
use crate::options::{ResultsPlace, Rounds, rounds};

/// `buildrace choose`
#[derive(Debug, Args)]
#[command(after_help = "\
A NAME is a run (its id or folder), or a scenario, whose newest stored run is taken; nothing is built \
then. A scenario without a run, or a Dockerfile, is raced first; --platform, --edit and the other build \
options are for a Dockerfile. [default: the newest run]

Examples:
  buildrace choose go-hello
  buildrace choose go-hello --builds-per-day 20 --edit-mix source=0.8,dependencies=0.15,cold=0.05
  buildrace choose go-hello --workflow github > .github/workflows/image.yml
  buildrace choose Dockerfile --platform linux/amd64,linux/arm64 --edit main.go")]
pub struct ChooseArgs {
    /// RUN, SCENARIO or Dockerfile
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Scenario of a run that raced several
    #[arg(long, value_name = "NAME")]
    pub scenario: Option<String>,
    /// Reckon a month of so many builds a day
    #[arg(long, value_name = "N", requires = "edit_mix", value_parser = builds)]
    pub builds_per_day: Option<f64>,
    /// How often builds are of which kind, shares of 1 by the names of edits, and `cold` for a job
    /// that no job before left a cache: source=0.8,dependencies=0.15,cold=0.05
    #[arg(long, value_name = "JOB=SHARE,…", requires = "builds_per_day")]
    pub edit_mix: Option<EditMix>,
    /// Days of a month that have so many builds: 22 working days
    #[arg(
        long,
        value_name = "N",
        default_value_t = 22,
        requires = "builds_per_day"
    )]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=31))]
    pub days: u32,
    /// Prices of runners, for what a month costs
    #[arg(long, value_name = "FILE", requires = "builds_per_day")]
    pub prices: Option<PathBuf>,
    /// Print a prices file to fill in
    #[arg(long, exclusive = true)]
    pub print_prices: bool,
    /// Print the workflow that builds so, for a CI service
    #[arg(long, value_name = "SERVICE", conflicts_with = "json")]
    pub workflow: Option<WorkflowKind>,
    /// Strategy of the workflow, by its name in the table [default: the recommended one]
    #[arg(long, value_name = "STRATEGY", requires = "workflow")]
    pub strategy: Option<String>,
    /// Rounds of a race [default: 6]
    #[arg(long, short = 'n', value_name = "N|auto", value_parser = rounds)]
    pub rounds: Option<Rounds>,
    /// Race jobs of CI with this remote cache, too, as `buildrace run` does
    #[arg(long, value_name = "type=TYPE,…")]
    pub ci_cache: Vec<CiCache>,
    /// What becomes of cache mounts between those jobs: lost, or restored from an archive
    #[arg(
        long,
        value_name = "lost|restored",
        default_value = "lost",
        hide_default_value = true
    )]
    pub cache_mounts: CacheMounts,
    /// Have the export of each job's image in its time, too, as `buildrace run` does
    #[arg(
        long = "output",
        id = "output_type",
        value_name = "type=TYPE,…",
        default_value = "cacheonly",
        hide_default_value = true
    )]
    pub output_type: TimedExport,
    #[command(flatten)]
    pub build: BuildArgs,
    #[command(flatten)]
    pub builder: BuilderArgs,
    /// Folder or store that runs are in
    #[arg(long, value_name = "DIR|URL", default_value = "results")]
    pub results: ResultsPlace,
    /// Folder that the report of a race goes into
    #[arg(long, value_name = "DIR", default_value = "reports")]
    pub reports: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// A CI service that a workflow is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WorkflowKind {
    /// GitHub Actions.
    Github,
}

/// Builds of a day: a fleet of more is none that anybody has.
const MOST_BUILDS: f64 = 1e6;

fn builds(text: &str) -> Result<f64, String> {
    let number = text.parse().ok();
    number
        .filter(|builds| *builds > 0.0 && *builds <= MOST_BUILDS)
        .ok_or_else(|| format!("expected a number above 0, and at most {MOST_BUILDS}"))
}
