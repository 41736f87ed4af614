//! The record of a run, from everything that is known before its first sample.

use jiff::Timestamp;

use crate::buildkit::Worker;
use crate::cli::RunArgs;
use crate::engine::Engine;
use crate::model::{
    BaseImage, BuilderInfo, EmulatorInfo, HostInfo, Platform, RunRecord, SCHEMA_VERSION,
    ScenarioInfo, Slot, VariantInfo,
};
use crate::plan;
use crate::race::host;
use crate::scenario::{Project, Scenario, ScenarioError, sources_digest};

/// What a record is made from.
pub(super) struct Facts<'a> {
    pub args: &'a RunArgs,
    pub project: &'a Project,
    /// The scenarios as they stand in the project.
    pub chosen: &'a [Scenario],
    /// The copies that are built.
    pub copied: &'a [Scenario],
    pub native: &'a Platform,
    pub engine: &'a Engine,
    pub worker: &'a Worker,
    pub seed: u64,
    pub slots: Vec<Slot>,
    pub emulators: Vec<EmulatorInfo>,
    pub base_images: Vec<BaseImage>,
}

/// The record of a run that starts now.
///
/// # Errors
/// The sources cannot be read.
pub(super) fn of_run(facts: Facts<'_>) -> Result<RunRecord, ScenarioError> {
    let started = Timestamp::now();
    let scenarios = facts.copied.iter().zip(facts.chosen);
    Ok(RunRecord {
        schema: SCHEMA_VERSION,
        run: run_id(started),
        buildrace: env!("CARGO_PKG_VERSION").to_owned(),
        started,
        command: command_to_repeat(facts.args, facts.copied, facts.seed),
        seed: facts.seed,
        rounds: facts.args.rounds,
        timeout_seconds: facts.args.timeout.as_secs_f64(),
        scenarios: scenarios
            .map(|(copied, chosen)| scenario_info(facts.project, copied, chosen, facts.native))
            .collect::<Result<_, _>>()?,
        plan: facts.slots,
        builder: builder_info(facts.engine, facts.worker),
        host: host_of(facts.engine),
        emulators: facts.emulators,
        base_images: facts.base_images,
    })
}

/// The machine that builds: this one, or what a remote engine says of its own.
fn host_of(engine: &Engine) -> HostInfo {
    if engine.is_local() {
        return host::host_info();
    }
    HostInfo {
        cores: engine.facts().cpus,
        kernel: engine.facts().kernel.clone(),
        ..HostInfo::default()
    }
}

/// The engine's answers, completed with what its BuildKit says of itself.
fn builder_info(engine: &Engine, worker: &Worker) -> BuilderInfo {
    BuilderInfo {
        buildkit_version: worker.buildkit_version.clone(),
        platforms: worker.platforms.clone(),
        ..engine.facts().builder_info()
    }
}

/// A scenario as the record tells it: digests of what is built, which is the
/// copy, and paths of what was `chosen`.
fn scenario_info(
    project: &Project,
    scenario: &Scenario,
    chosen: &Scenario,
    native: &Platform,
) -> Result<ScenarioInfo, ScenarioError> {
    let variants = scenario.variants.iter().zip(&chosen.variants);
    let variants = variants.map(|(copied, chosen)| VariantInfo {
        name: copied.name.clone(),
        dockerfile: project.relative(&chosen.dockerfile).display().to_string(),
        digest: copied.digest.clone(),
    });
    Ok(ScenarioInfo {
        name: scenario.name.clone(),
        title: scenario.title.clone(),
        digest: scenario.digest.clone(),
        sources_digest: sources_digest(&scenario.sources)?,
        // Empty where --variant leaves the reference out: nothing is compared.
        reference: scenario
            .reference()
            .map(|v| v.name.clone())
            .unwrap_or_default(),
        platforms: scenario.platforms.clone(),
        native: native.clone(),
        variants: variants.collect(),
        kinds: plan::with_prerequisites(&scenario.kinds).all,
    })
}

/// What to type to run the same plan again. Folders and endpoints are left
/// out: they belong to this machine.
fn command_to_repeat(args: &RunArgs, scenarios: &[Scenario], seed: u64) -> Vec<String> {
    let mut command = vec!["buildrace".to_owned(), "run".to_owned()];
    command.extend(scenarios.iter().map(|scenario| scenario.name.clone()));
    let mut option = |name: &str, value: String| {
        command.push(format!("--{name}"));
        command.push(value);
    };
    option("rounds", args.rounds.to_string());
    let join = |values: Vec<String>| values.join(",");
    if !args.kinds.is_empty() {
        option(
            "kinds",
            join(args.kinds.iter().map(ToString::to_string).collect()),
        );
    }
    if !args.variant.is_empty() {
        option("variant", join(args.variant.clone()));
    }
    if !args.platform.is_empty() {
        option(
            "platform",
            join(args.platform.iter().map(ToString::to_string).collect()),
        );
    }
    option("seed", seed.to_string());
    option(
        "timeout",
        humantime::format_duration(args.timeout)
            .to_string()
            .replace(' ', ""),
    );
    command
}

/// UTC time, so that runs sort, and a random tail, so that two never meet.
fn run_id(started: Timestamp) -> String {
    let tail: u32 = rand::random::<u32>() & 0x00ff_ffff;
    format!("{}-{tail:06x}", started.strftime("%Y%m%dT%H%M%SZ"))
}
