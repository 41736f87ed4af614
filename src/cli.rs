//! The command line: clap definitions, nothing else.

mod bake;
mod build;
mod builder;
mod choose;
mod one_build;
mod plugin;
mod why;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::model::{BuildKind, CacheMounts, CiCache, Platform, Release, TimedExport};
use crate::options::{
    BuilderOptions, Matrix, Output, PageAddress, RaceOptions, ResultsPlace, Rounds, builds_at_once,
    duration, duration_or_zero, rounds, share,
};
use crate::policy::FatalWord;
pub use bake::BakeArgs;
pub use build::BuildArgs;
pub use builder::{BuilderArgs, HostArgs};
pub use choose::{ChooseArgs, WorkflowKind};
pub use one_build::OneBuildArgs;
pub use plugin::{HookAction, PluginAction, PluginArgs};
pub use why::WhyArgs;

/// Race Dockerfiles on a real BuildKit: which is faster, by how much, and why.
#[derive(Debug, Parser)]
#[command(name = "buildrace", about, max_term_width = 100)]
#[command(version = env!("VERSION_WITH_COMMIT"))]
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
    /// Race two Dockerfiles of your own, or one Dockerfile at two Git revisions
    Compare(CompareArgs),
    /// Check whether your branch builds slower than its merge base
    Check(CheckArgs),
    /// Measure how much build times vary on this builder, with nothing changed
    Calibrate(CalibrateArgs),
    /// Build a Dockerfile once and explain the build, or explain one that is over
    Explain(ExplainArgs),
    /// Say why a build executed steps that an earlier one had, and what that cost
    Why(WhyArgs),
    /// List the builds that a builder remembers, or follow them as they end
    History(HistoryArgs),
    /// Say how to build in CI: which variant, nodes and caches, and what a month takes
    Choose(ChooseArgs),
    /// Show a stored run again, and write its report
    Report(ReportArgs),
    /// Write stored runs as a site: an index, their pages, times over time, a feed of changes
    Site(SiteArgs),
    /// Put runs of this machine into a store that a fleet shares, as far as they are not there
    Push(PushArgs),
    /// List the scenarios and suites of this project, and whether they can be raced here
    List(ListArgs),
    /// List the builders that there are, and what each can race
    Builders(BuildersArgs),
    /// Start, stop or inspect the private Docker Engine
    Engine(EngineArgs),
    /// Show, pull or make the base images that scenarios need
    Images(ImagesArgs),
    /// Remove what runs that were killed left on this machine and on the engine
    Clean(CleanArgs),
    /// Check whether a race can run here, and what to do if not
    Doctor(DoctorArgs),
    /// Install buildrace as a Docker CLI plugin: `docker buildrace`
    Plugin(PluginArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// How to race: what every command that builds takes.
#[derive(Debug, Clone, Args)]
pub struct RaceArgs {
    #[command(flatten)]
    pub builder: BuilderArgs,
    /// Rounds: each builds every variant once for every kind. `auto` stops after 6 rounds if the
    /// verdict is clear, else after 12 [default: auto; run: 3; calibrate: 12]
    #[arg(long, short = 'n', value_name = "N|auto", value_parser = rounds)]
    pub rounds: Option<Rounds>,
    /// Seed of the order in which samples are built [default: random]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Timeout of one build, like 90s or 30m
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = duration)]
    pub timeout: Duration,
    /// Smallest change that matters; a calibrated noise floor above it replaces it [default: 5%]
    #[arg(long, value_name = "PERCENT", value_parser = share)]
    pub delta: Option<f64>,
    /// Keep rounds in which something else used the machine or the builder
    ///
    /// By default buildrace drops such a round and builds another, up to half
    /// as many as planned.
    #[arg(long)]
    pub keep_contaminated: bool,
    /// Longest wait before a build for the machine to come to rest, like 30s; 0s does not wait
    /// [default: 5s]
    #[arg(long, value_name = "DURATION", value_parser = duration_or_zero)]
    pub settle: Option<Duration>,
    /// Replace the value of this build argument or environment variable by `[redacted NAME]` in
    /// results, reports and on the terminal; may be given several times
    ///
    /// Results hold the name of each step, and BuildKit writes the values of
    /// build arguments into those. A run that is resumed needs the value again.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub redact: Vec<String>,
    /// Measure how large images are, in the first round, by an export after the clock
    #[arg(long)]
    pub image_size: bool,
    /// Time the export of each build's result, too, in the words of buildx's --output
    ///
    /// type=image (into the builder's image store), type=docker (loaded into an engine, as --load does),
    /// type=oci (an archive, sent here), type=registry,name=REPOSITORY (pushed); with compression=zstd and whatever else the
    /// exporter takes. buildrace removes images and archives again, and leaves what was pushed.
    #[arg(
        long = "output",
        id = "output_type",
        value_name = "type=TYPE,…",
        default_value = "cacheonly"
    )]
    pub output_type: TimedExport,
    /// Race jobs of CI, too: an empty builder that imports this remote cache, after an edit; may be
    /// given several times
    ///
    /// type=registry,ref=REPOSITORY | type=local | type=s3,… | type=gha, each with mode=max or mode=min,
    /// in the words of buildx's --cache-to; type=inline, part of the image that --output pushes;
    /// type=none for no layers. cache-mounts=restored saves cache mounts after a job and restores them
    /// before the next. Adds the kinds cache-export:NAME and ci-cache:NAME; name=NAME names them
    /// [default: the type and the mode]. It needs --builder container.
    #[arg(long, value_name = "type=TYPE,…")]
    pub ci_cache: Vec<CiCache>,
    /// What becomes of cache mounts between jobs of CI: lost, or restored from an archive; for each
    /// --ci-cache that does not say it
    #[arg(
        long,
        value_name = "lost|restored",
        default_value = "lost",
        hide_default_value = true
    )]
    pub cache_mounts: CacheMounts,
    /// Folder that the run's data goes into, or a store that a fleet shares: s3://BUCKET/PREFIX,
    /// gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///FOLDER
    ///
    /// A run is written on this machine first, and put into the store when it
    /// has ended. Credentials come from the environment, see docs/ci.md.
    #[arg(long, value_name = "DIR|URL", default_value = "results")]
    pub results: ResultsPlace,
    /// Folder that the run's report goes into
    #[arg(long, value_name = "DIR", default_value = "reports")]
    pub reports: PathBuf,
    /// Print where the results are as JSON, last on stdout
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Remote caches with what becomes of their cache mounts.
pub(crate) fn ci_caches(caches: &[CiCache], mounts: CacheMounts) -> Vec<CiCache> {
    let caches = caches.iter().cloned();
    caches.map(|cache| cache.with_mounts(mounts)).collect()
}

impl From<&RaceArgs> for RaceOptions {
    fn from(args: &RaceArgs) -> Self {
        Self {
            builder: BuilderOptions::from(&args.builder),
            matrix: None,
            rounds: args.rounds,
            seed: args.seed,
            timeout: args.timeout,
            delta: args.delta,
            keep_contaminated: args.keep_contaminated,
            settle: args.settle,
            redact: args.redact.clone(),
            image_size: args.image_size,
            ci_caches: ci_caches(&args.ci_cache, args.cache_mounts),
            export: args.output_type.clone(),
            results: args.results.clone(),
            reports: args.reports.clone(),
            json: args.json,
            formats: args.output.format.clone(),
            report_url: args.output.report_url.clone(),
        }
    }
}

/// What else to write, for other programs.
#[derive(Debug, Clone, Default, Args)]
pub struct OutputArgs {
    /// Write the result in another format too, to a file or to stdout; may be given several times
    ///
    /// [possible: html, markdown, svg, png, csv, json, github-summary, github-annotations, markdown-comment, junit,
    /// github-action-benchmark, bmf, hyperfine, otava, prometheus,
    /// openmetrics]
    #[arg(long, value_name = "NAME[=FILE]")]
    pub format: Vec<Output>,
    /// Address that the report's index.html will have, which github-summary and markdown-comment
    /// link to; {run} stands for the run's id
    #[arg(long, value_name = "URL", env = "BUILDRACE_REPORT_URL")]
    pub report_url: Option<PageAddress>,
}

/// `buildrace run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Scenarios to race [default: all but controls]
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,
    /// Suite of scenarios/suites.toml to race; scenarios that cannot be built here are left out
    #[arg(long, value_name = "NAME", conflicts_with = "scenarios")]
    pub suite: Option<String>,
    /// Resume a run that was cut off, by its id or folder; finished samples stay
    #[arg(long, value_name = "RUN", conflicts_with_all = [
        "scenarios", "suite", "kinds", "concurrent", "variant", "platform", "rounds", "seed", "timeout", "delta",
        "keep_contaminated", "image_size",
    ])]
    pub resume: Option<String>,
    /// Build kinds, comma-separated [possible: cold, multi-arch, incremental, incremental:EDIT, noop, concurrent:N]
    #[arg(long, value_name = "K,…", value_delimiter = ',')]
    pub kinds: Vec<BuildKind>,
    /// Build so many at the same time, too: the kind concurrent:N
    ///
    /// The builds start together on one builder, each after an edit in sources of its own, as jobs of
    /// several pull requests do. The explanation of such a sample tells which step waited for a cache mount
    /// that another one held.
    #[arg(long, value_name = "N", value_parser = builds_at_once)]
    pub concurrent: Option<u8>,
    /// Variants, comma-separated [default: all]
    #[arg(long, value_name = "V,…", value_delimiter = ',')]
    pub variant: Vec<String>,
    /// Platforms of the multi-arch kinds, comma-separated [default: the scenario's platforms]
    #[arg(long, value_name = "P,…", value_delimiter = ',')]
    pub platform: Vec<Platform>,
    /// SSH agent for RUN --mount=type=ssh: default, or ID=SOCKET
    #[arg(long, value_name = "default|ID=SOCKET")]
    pub ssh: Vec<String>,
    #[command(flatten)]
    pub matrix: MatrixArgs,
    #[command(flatten)]
    pub race: RaceArgs,
}

/// What `run` and `compare` repeat side by side.
#[derive(Debug, Clone, Default, Args)]
pub struct MatrixArgs {
    /// Race everything on several builders, or under several versions of QEMU, in the same rounds:
    /// builder=A,B or qemu=A,B
    ///
    /// Builders are what --builder takes, or NAME=ADDRESS. A QEMU is a version or its beginning, or
    /// the release of Debian that a private engine is made of: qemu=10,11 or qemu=trixie,sid. Each
    /// variant becomes VARIANT@VALUE in tables and results.
    #[arg(long, value_name = "AXIS=A,B")]
    pub matrix: Option<Matrix>,
}

/// `buildrace compare`
#[derive(Debug, Args)]
#[command(override_usage = "\
buildrace compare [OPTIONS] <DOCKERFILE> <CANDIDATE>
       buildrace compare [OPTIONS] <DOCKERFILE> --against <REV>
       buildrace compare [OPTIONS] <DOCKERFILE> --matrix <AXIS=A,B>
       buildrace compare [OPTIONS] --bake <TARGET,…> <CANDIDATE,…> [-f <FILE>]")]
#[command(after_help = "\
Examples:
  buildrace compare Dockerfile Dockerfile.new --context . --platform linux/amd64,linux/arm64
  buildrace compare Dockerfile --against main --edit cmd/main.go
  buildrace compare --bake app app-slim -f docker-bake.hcl
  buildrace compare --bake default --against main")]
pub struct CompareArgs {
    /// The reference Dockerfile, - for standard input; with --against, the Dockerfile to race
    #[arg(value_name = "DOCKERFILE")]
    pub reference: PathBuf,
    /// The candidate Dockerfile; with --matrix there need be none
    #[arg(value_name = "CANDIDATE", required_unless_present_any = ["against", "matrix"])]
    pub candidate: Option<PathBuf>,
    /// Compare targets or groups of a bake file or Compose file in place of Dockerfiles
    ///
    /// Several, `app,web` or a group, are one build, as `docker buildx bake` builds them. buildx
    /// reads the file, in --context.
    #[arg(long)]
    pub bake: bool,
    /// Bake file or Compose file, for --bake; may be given several times [default: bake's own]
    #[arg(long, short = 'f', value_name = "FILE", requires = "bake")]
    pub file: Vec<PathBuf>,
    #[command(flatten)]
    pub bake_args: BakeArgs,
    /// Compare with the same Dockerfile and its context as they are in this git revision
    #[arg(long, value_name = "REV", conflicts_with = "candidate")]
    pub against: Option<String>,
    /// Names of the two in tables and results, the reference first [default: made from the files']
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub names: Vec<String>,
    #[command(flatten)]
    pub matrix: MatrixArgs,
    #[command(flatten)]
    pub build: BuildArgs,
    #[command(flatten)]
    pub race: RaceArgs,
}

/// `buildrace check`
#[derive(Debug, Args)]
#[command(after_help = "\
buildrace.toml can hold the options and the rules that fail the check; see docs/ci.md.

Exit codes: 0 passed, 1 failed (a regression), 2 no decision.")]
pub struct CheckArgs {
    /// The Dockerfile, or with --bake the bake file; that may be given several times
    /// [default: Dockerfile]
    #[arg(long, short = 'f', value_name = "FILE")]
    pub file: Vec<PathBuf>,
    /// Check targets or groups of a bake file or Compose file in place of a Dockerfile; several
    /// are one build
    #[arg(long, value_name = "TARGET,…")]
    pub bake: Option<String>,
    #[command(flatten)]
    pub bake_args: BakeArgs,
    /// Git revision to compare with
    ///
    /// Default: the merge base of HEAD and the default branch. On the default
    /// branch: HEAD if files have changed since, else the commit before it.
    #[arg(long, value_name = "REV")]
    pub base: Option<String>,
    /// Compare counts (emulated steps, cached steps, failures) with a stored run, and build
    /// nothing else
    #[arg(long, value_name = "RUN[/VARIANT]", conflicts_with = "base")]
    pub baseline: Option<String>,
    /// The policy file [default: buildrace.toml of the repository]
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Build kind that decides the check [default: incremental, else multi-arch, else cold]
    #[arg(long, value_name = "KIND")]
    pub metric: Option<BuildKind>,
    /// Rules that fail the check, comma-separated, or none [default: slower, failed, unmeasured,
    /// emulated-steps, cached-steps, failure-rate, image-size]
    #[arg(long, value_name = "RULE,…", value_delimiter = ',')]
    pub fatal: Vec<FatalWord>,
    #[command(flatten)]
    pub build: BuildArgs,
    #[command(flatten)]
    pub race: RaceArgs,
}

/// `buildrace calibrate`
#[derive(Debug, Args)]
#[command(after_help = "\
It races a Dockerfile against itself. The noise floor, which is how much its times vary, is kept \
beside the results. Later runs on this builder call no smaller difference a change.")]
pub struct CalibrateArgs {
    /// A scenario of this project [default: the Dockerfile of --file]
    #[arg(value_name = "SCENARIO", conflicts_with = "file")]
    pub scenario: Option<String>,
    /// The variant of the scenario [default: its first candidate]
    #[arg(long, value_name = "VARIANT", requires = "scenario")]
    pub variant: Option<String>,
    /// A Dockerfile of your own, - for standard input [default: Dockerfile]
    #[arg(long, short = 'f', value_name = "DOCKERFILE")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub build: BuildArgs,
    #[command(flatten)]
    pub race: RaceArgs,
}

/// `buildrace explain`
#[derive(Debug, Args)]
#[command(after_help = "\
A BUILD is a Dockerfile, or a folder that holds one: it is built once on the builder that `docker \
buildx build` uses, with its cache, and explained when it ends. Nothing is kept of the result.

Or it is over: a run (its id or folder), a sample of a run (its id, RUN/SAMPLE, or its trace), a file \
that `docker buildx build` wrote with --progress=rawjson or --progress=plain, as CI logs hold it, or \
a .dockerbuild bundle of `docker buildx history export` or of docker/build-push-action; - reads such a \
file from standard input. [default: the newest run]

A build that nobody recorded is in its builder's history: --last, --history REF.

If OTEL_EXPORTER_OTLP_ENDPOINT names a collector, the builds go there as OpenTelemetry spans.")]
pub struct ExplainArgs {
    /// What to explain: DOCKERFILE, DIR, RUN, SAMPLE, FILE.rawjson, FILE.log, FILE.dockerbuild, or -
    #[arg(value_name = "BUILD", conflicts_with_all = ["last", "history"])]
    pub build: Option<String>,
    /// Another build, to see what changed from the first one to it
    #[arg(value_name = "AGAINST")]
    pub against: Option<String>,
    /// Explain the build that ended last on the builder, whoever built; those of buildrace's own
    /// races only if there is no other
    #[arg(long, conflicts_with = "history")]
    pub last: bool,
    /// Explain a build of the builder's history, by its reference or the beginning of it;
    /// `buildrace history` lists them. Given twice: what changed from the first one to the second
    #[arg(long, value_name = "REF")]
    pub history: Vec<String>,
    /// Platform that the builder's CPU is of, like linux/amd64, for a FILE
    ///
    /// A recording does not name the CPU, and without it no step can be called
    /// emulated. A run names it.
    #[arg(long, value_name = "PLATFORM")]
    pub node: Option<Platform>,
    /// Platforms to build a Dockerfile for, comma-separated [default: the native platform]; or the
    /// platform of a FILE whose step names have none
    ///
    /// It is taken for that of every RUN of the FILE. Step names have their platforms if
    /// several are built, or with --build-arg BUILDKIT_MULTI_PLATFORM=1.
    #[arg(long, value_name = "P,…", value_delimiter = ',')]
    pub platform: Vec<Platform>,
    /// Dockerfile to build in a DIR; or the one that was built, for a FILE, --last or --history, to
    /// name lines
    #[arg(long, short = 'f', value_name = "DOCKERFILE")]
    pub file: Option<PathBuf>,
    /// Ask how long the builds of a run would take with N cores for RUN steps
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub cores: Option<u32>,
    /// Write a waterfall of the build as SVG, or as PNG if FILE ends in .png
    #[arg(long, value_name = "FILE")]
    pub waterfall: Option<PathBuf>,
    /// Write the build as trace events, for Perfetto or chrome://tracing
    #[arg(long, value_name = "FILE")]
    pub trace_events: Option<PathBuf>,
    /// Show every step, or every sample of a run
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub builder: BuilderArgs,
    /// Folder or store that runs are in
    #[arg(long, value_name = "DIR|URL", default_value = "results")]
    pub results: ResultsPlace,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub one_build: OneBuildArgs,
}

/// `buildrace history`
#[derive(Debug, Args)]
#[command(after_help = "\
`buildrace explain --history REF` explains one of them, `buildrace explain --last` the one that \
ended last. Nothing on the builder is started or changed.")]
pub struct HistoryArgs {
    #[command(flatten)]
    pub builder: BuilderArgs,
    /// List the newest N builds [default: 20]; with --follow, stop after N builds [default: never]
    #[arg(long, short = 'n', value_name = "N")]
    pub limit: Option<usize>,
    /// Print a line for each build as it ends: its time, how much of it was emulated, and what is
    /// to blame
    #[arg(long)]
    pub follow: bool,
    /// Print JSON; with --follow, an object a line
    #[arg(long)]
    pub json: bool,
}

/// `buildrace report`
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Runs, by id or folder; several are shown side by side [default: the newest]
    #[arg(value_name = "RUN")]
    pub runs: Vec<String>,
    /// Folder or store that runs are in
    #[arg(long, value_name = "DIR|URL", default_value = "results")]
    pub results: ResultsPlace,
    /// Folder that reports go into
    #[arg(long, value_name = "DIR", default_value = "reports")]
    pub reports: PathBuf,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `buildrace push`
#[derive(Debug, Args)]
#[command(after_help = "\
A run is put into the store when it ends. Where that failed, or the machine went down, this sends it.
It can be repeated: what is there stays as it is.

Exit codes: 0 all runs are there, 2 at least one is not.")]
pub struct PushArgs {
    /// Runs, by id or folder [default: all runs and noise floors of this machine that the store
    /// does not have]
    #[arg(value_name = "RUN")]
    pub runs: Vec<String>,
    /// The store: s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///FOLDER
    #[arg(long, value_name = "URL")]
    pub results: ResultsPlace,
    /// List what would be sent, and send nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `buildrace site`
#[derive(Debug, Args)]
pub struct SiteArgs {
    /// Folder or store that runs are in
    #[arg(value_name = "DIR|URL", default_value = "results")]
    pub results: ResultsPlace,
    /// Folder that the site goes into
    #[arg(long, short, value_name = "DIR", default_value = "site")]
    pub output: PathBuf,
}

/// `buildrace list`
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub builder: BuilderArgs,
    /// Folder of the runs that expected minutes are taken from; of a store, the runs that are on
    /// this machine
    #[arg(long, value_name = "DIR|URL", default_value = "results")]
    pub results: ResultsPlace,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `buildrace builders`
#[derive(Debug, Args)]
pub struct BuildersArgs {
    #[command(flatten)]
    pub engine: HostArgs,
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
    /// Debian release that it is made of: trixie or sid, each an engine of its own
    ///
    /// trixie has Docker Engine 26.1 with BuildKit 0.13. sid has today's
    /// versions, which change: some days it cannot be made.
    #[arg(long, value_name = "RELEASE", default_value = "trixie", global = true)]
    pub release: Release,
}

/// What to do with the private engine.
#[derive(Debug, Clone, Subcommand)]
pub enum EngineAction {
    /// Make it if it is missing, repair it if it is broken, start it if it is stopped
    Up {
        /// Do nothing if another engine answers already
        #[arg(long)]
        if_none: bool,
        /// Architectures to emulate, comma-separated, like arm64,riscv64 [default: arm64 on
        /// amd64, and amd64 on arm64]
        #[arg(long, value_name = "A,…", value_delimiter = ',')]
        emulate: Vec<String>,
        /// Print its state as JSON when it is up
        #[arg(long)]
        json: bool,
    },
    /// Stop it; images and caches stay
    Down,
    /// Show its state
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Stop it and remove everything it ever made
    Rm,
}

/// `buildrace clean`
#[derive(Debug, Args)]
#[command(after_help = "\
Temporary folders, unfinished runs, reports and sources; on the engine containers, images, builds \
in the history and cache records of runs that have ended. Nothing that a running process uses is \
taken.")]
pub struct CleanArgs {
    #[command(flatten)]
    pub builder: BuilderArgs,
    /// List what is left, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Remove cache records on an engine that is not buildrace's own, too
    ///
    /// On an engine with the containerd image store this makes everybody's next
    /// builds start without their cache. The private engine is always cleaned.
    #[arg(long)]
    pub prune_cache: bool,
    /// Folder that runs are in; of a store, its folder on this machine
    #[arg(long, value_name = "DIR|URL", default_value = "results")]
    pub results: ResultsPlace,
    /// Folder that reports are in
    #[arg(long, value_name = "DIR", default_value = "reports")]
    pub reports: PathBuf,
}

/// `buildrace images`
#[derive(Debug, Args)]
pub struct ImagesArgs {
    /// Scenarios whose images to get [default: all]
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,
    /// Platforms, comma-separated [default: the scenario's platforms]
    #[arg(long, value_name = "P,…", value_delimiter = ',')]
    pub platform: Vec<Platform>,
    #[command(flatten)]
    pub engine: HostArgs,
    /// Make stand-ins from Debian packages, in any engine, if no registry can be reached
    ///
    /// They go into the engine under the official names. The private engine
    /// gets them without this option.
    #[arg(long, conflicts_with = "dry_run")]
    pub stand_ins: bool,
    /// Only list what is present and what is missing
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
    pub builder: BuilderArgs,
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn definitions_are_consistent() {
        super::Cli::command().debug_assert();
    }
}
