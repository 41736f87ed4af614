//! The command line: clap definitions, nothing else.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::model::{BuildKind, Platform};

/// Race Dockerfiles on a real BuildKit: which is faster, by how much, and why.
#[derive(Debug, Parser)]
#[command(name = "buildrace", version, about, max_term_width = 100)]
#[command(propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Race the variants of scenarios and report which is faster
    Run(RunArgs),
    /// Explain a build: which steps, emulated or native, and what they cost
    Explain(ExplainArgs),
    /// Show a stored run again, and write its report
    Report(ReportArgs),
    /// List the scenarios of this project
    List(ListArgs),
    /// Start, stop or look at the private Docker Engine
    Engine(EngineArgs),
    /// Show, pull or make the base images that scenarios need
    Images(ImagesArgs),
    /// Check whether a race can run here, and what to do if not
    Doctor(DoctorArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Which engine to use.
#[derive(Debug, Args)]
pub struct HostArgs {
    /// Docker Engine to use, like unix:///var/run/docker.sock or tcp://host:2375
    ///
    /// Without it: DOCKER_HOST, the current Docker context, the default
    /// socket, then the private engine of `buildrace engine up`.
    #[arg(long, value_name = "URL")]
    pub host: Option<String>,
}

/// `buildrace run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Scenarios to race; all of the project's where none is named
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,
    /// Rounds: in each, every variant is built once for every kind
    #[arg(long, short = 'n', value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Build kinds, comma-separated [possible: cold, multi-arch, incremental, noop]
    #[arg(long, value_name = "K,…", value_delimiter = ',')]
    pub kinds: Vec<BuildKind>,
    /// Variants, comma-separated; all where none is named
    #[arg(long, value_name = "V,…", value_delimiter = ',')]
    pub variant: Vec<String>,
    /// Platforms of the multi-arch kinds, comma-separated; the scenario's where none is named
    #[arg(long, value_name = "P,…", value_delimiter = ',')]
    pub platform: Vec<Platform>,
    #[command(flatten)]
    pub engine: HostArgs,
    /// Seed of the order in which samples are built; drawn where not given
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Longest time for one build, like 90s or 30m
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = duration)]
    pub timeout: Duration,
    /// Folder that the run's data goes into
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// Folder that the run's report goes into
    #[arg(long, value_name = "DIR", default_value = "reports")]
    pub reports: PathBuf,
    /// Print where the results are as JSON, last on stdout
    #[arg(long)]
    pub json: bool,
}

/// `buildrace explain`
#[derive(Debug, Args)]
#[command(after_help = "\
A BUILD is a run (its id or folder), a sample of a run (its id, RUN/SAMPLE, or its trace), or a \
file that holds what `docker buildx build --progress=rawjson` wrote, - for standard input. \
Without one, it is the newest run.

Where OTEL_EXPORTER_OTLP_ENDPOINT names a collector, the builds go there as OpenTelemetry spans.")]
pub struct ExplainArgs {
    /// What to explain: RUN, SAMPLE, FILE.rawjson, or -
    #[arg(value_name = "BUILD")]
    pub build: Option<String>,
    /// Another build, to see what changed from the first one to it
    #[arg(value_name = "AGAINST")]
    pub against: Option<String>,
    /// Platform that the builder's CPU is of, like linux/amd64, for a FILE
    ///
    /// A recording does not tell, and without it no step is known to be
    /// emulated. Of a run it is known.
    #[arg(long, value_name = "PLATFORM")]
    pub node: Option<Platform>,
    /// Platform of the build, for a FILE whose step names tell none
    ///
    /// It is taken for that of every RUN. Names tell their platforms where
    /// several are built, or with --build-arg BUILDKIT_MULTI_PLATFORM=1.
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Platform>,
    /// Dockerfile that was built, for a FILE, to tell lines
    #[arg(long, short = 'f', value_name = "DOCKERFILE")]
    pub file: Option<PathBuf>,
    /// Ask what the builds of a run would take with N cores for RUN steps
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub cores: Option<u32>,
    /// Write a waterfall of the build as SVG
    #[arg(long, value_name = "FILE")]
    pub waterfall: Option<PathBuf>,
    /// Write the build as trace events, for Perfetto or chrome://tracing
    #[arg(long, value_name = "FILE")]
    pub trace_events: Option<PathBuf>,
    /// Show every step, or every sample of a run, not only what matters most
    #[arg(long)]
    pub all: bool,
    /// Folder that runs are in
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `buildrace report`
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Runs, by id or folder; the newest where none is named
    #[arg(value_name = "RUN")]
    pub runs: Vec<String>,
    /// Folder that runs are in
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// Folder that reports go into
    #[arg(long, value_name = "DIR", default_value = "reports")]
    pub reports: PathBuf,
}

/// `buildrace list`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `buildrace engine`
#[derive(Debug, Args)]
pub struct EngineArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub action: EngineAction,
}

/// What to do with the private engine.
#[derive(Debug, Clone, Subcommand)]
pub enum EngineAction {
    /// Make it where it is missing, repair it where it is broken, start it where it is stopped
    Up {
        /// Do nothing where another engine answers already
        #[arg(long)]
        if_none: bool,
        /// Architectures to have an emulator for, comma-separated, like arm64,riscv64; the
        /// other one of amd64 and arm64 where none is named
        #[arg(long, value_name = "A,…", value_delimiter = ',')]
        emulate: Vec<String>,
        /// Print its state as JSON when it is up
        #[arg(long)]
        json: bool,
    },
    /// Stop it; images and caches stay
    Down,
    /// Say what state it is in
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Stop it and remove everything it ever made
    Rm,
}

/// `buildrace images`
#[derive(Debug, Args)]
pub struct ImagesArgs {
    /// Scenarios whose images to get; all of the project's where none is named
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,
    /// Platforms, comma-separated; the scenario's where none is named
    #[arg(long, value_name = "P,…", value_delimiter = ',')]
    pub platform: Vec<Platform>,
    #[command(flatten)]
    pub engine: HostArgs,
    /// Make stand-ins from Debian packages, in any engine, where no registry can be reached
    ///
    /// They go into the engine under the official names. In the private engine
    /// they are made without it.
    #[arg(long, conflicts_with = "dry_run")]
    pub stand_ins: bool,
    /// Only say what is there and what is missing
    #[arg(long)]
    pub dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `buildrace doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub engine: HostArgs,
    /// Platforms that a race would build, comma-separated
    #[arg(
        long,
        value_name = "P,…",
        value_delimiter = ',',
        default_value = "linux/amd64,linux/arm64"
    )]
    pub platform: Vec<Platform>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// A build that takes longer has hung.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(7 * 24 * 3600);

fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("{error}: expected a duration like 90s, 30m or 1h30m"))?;
    if duration.is_zero() {
        return Err("expected a duration above zero, like 90s or 30m".into());
    }
    if duration > LONGEST_TIMEOUT {
        return Err("expected at most 7 days".into());
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn definitions_are_consistent() {
        super::Cli::command().debug_assert();
    }
}
