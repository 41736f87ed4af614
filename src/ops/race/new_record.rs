//! The record of a run, from everything that is known before its first sample.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::eligibility::Choice;
use crate::engine::Engine;
use crate::git::Repository;
use crate::model::{
    BakeInfo, BaseImage, BuildKind, CiCache, EmulatorInfo, HostInfo, Invocation, Platform, Rules,
    RunRecord, SCHEMA_VERSION, ScenarioInfo, Stopping, TimedExport, VariantInfo,
};
use crate::ops::builder::BuilderSession;
use crate::ops::cells::Cells;
use crate::options::{RaceOptions, Rounds};
use crate::plan;
use crate::race::host;
use crate::scenario::{Edit, NamedEdit, Scenario, ScenarioError, Variant, sources_digest};

/// What a record is made from.
pub struct RecordInput<'a> {
    pub args: &'a RaceOptions,
    /// The command line to repeat, without what `args` holds.
    pub command: &'a Invocation,
    /// The commit that the project is at, see [`commit_of`].
    pub commit: Option<String>,
    /// How the scenarios were chosen.
    pub choice: &'a Choice,
    /// The copies that are built.
    pub scenarios: &'a [Scenario],
    pub cells: &'a Cells<'a>,
    pub seed: u64,
    pub rounds: Rounds,
    pub rules: Rules,
    pub emulators: Vec<EmulatorInfo>,
    pub base_images: Vec<BaseImage>,
}

/// The record of a run that starts now, without its plan.
///
/// # Errors
/// The sources cannot be read.
pub fn of_run(input: RecordInput<'_>) -> Result<RunRecord, ScenarioError> {
    let started = Timestamp::now();
    let session = input.cells.first();
    let scenarios = input.scenarios.iter();
    let is_gate = input.rules.stopping == Stopping::Gate;
    Ok(RunRecord {
        schema: SCHEMA_VERSION,
        run: run_id(started),
        buildrace: env!("VERSION_WITH_COMMIT").to_owned(),
        started,
        command: to_repeat(&input),
        commit: input.commit,
        suite: input.choice.suite.clone(),
        export: exported(&input.args.export),
        ci_caches: input.args.ci_caches.iter().map(CiCache::info).collect(),
        left_out: input.choice.left_out.clone(),
        seed: input.seed,
        rounds: 0,
        rules: input.rules,
        timeout_seconds: input.args.timeout.as_secs_f64(),
        scenarios: scenarios
            .map(|scenario| scenario_info(scenario, &session.native, is_gate))
            .collect::<Result<_, _>>()?,
        plan: Vec::new(),
        builder: session.info.clone(),
        host: host_of(session),
        emulators: input.emulators,
        base_images: input.base_images,
    })
}

/// The commit that `folder` is at, with `-dirty` behind it where a file differs
/// that is not among what a run writes, `ours`; `None` where git does not tell.
pub fn commit_of(folder: &Path, ours: &[PathBuf]) -> Option<String> {
    let repository = Repository::find(folder).ok()?;
    repository.without(ours).state().ok()
}

/// The machine that builds: this one, or what a remote engine says of its own.
fn host_of(session: &BuilderSession) -> HostInfo {
    if session.is_local {
        return host::host_info();
    }
    let facts = session.engine.as_ref().map(Engine::facts);
    HostInfo {
        cores: facts.and_then(|facts| facts.cpus),
        kernel: facts.and_then(|facts| facts.kernel.clone()),
        ..HostInfo::default()
    }
}

/// A scenario as the record tells it. What a gate does not go by and nobody asked
/// for is built once.
fn scenario_info(
    scenario: &Scenario,
    native: &Platform,
    is_gate: bool,
) -> Result<ScenarioInfo, ScenarioError> {
    let of = |variant: &Variant| {
        Ok::<_, ScenarioError>(VariantInfo {
            name: variant.name.clone(),
            dockerfile: variant.shown.clone(),
            digest: variant.digest.clone(),
            revision: variant.revision.clone(),
            sources_digest: variant.sources.as_deref().map(sources_digest).transpose()?,
            builder: None,
            emulators: None,
            bake: variant.bake.as_ref().map(|bake| BakeInfo {
                targets: bake.targets.iter().map(|it| it.name.clone()).collect(),
                digest: bake.digest.clone(),
            }),
        })
    };
    let variants: Vec<VariantInfo> = scenario.variants.iter().map(of).collect::<Result<_, _>>()?;
    let kinds = plan::with_prerequisites(&scenario.kinds, scenario.native_only(native));
    // A chain whose beginning is measured begins anew in each round.
    let native_only = scenario.native_only(native);
    let mut added = kinds.added.iter();
    let built_once = match added.any(|kind| kind.starts_from(native_only).is_none()) {
        true if is_gate => kinds.added.clone(),
        _ => Vec::new(),
    };
    let named = scenario.edits.iter();
    let is_told =
        |edit: &&NamedEdit| edit.kind() == BuildKind::Incremental && edit.parts.len() == 1;
    let named = named.filter(|edit| !is_told(edit));
    let named = named.map(|edit| {
        let parts = edit.parts.iter().map(Edit::describe);
        (edit.name.to_string(), parts.collect())
    });
    let own = variants.first().and_then(|v| v.sources_digest.clone());
    Ok(ScenarioInfo {
        name: scenario.name.clone(),
        title: scenario.title.clone(),
        digest: scenario.digest.clone(),
        sources_digest: match own {
            Some(digest) if scenario.variants.iter().all(|v| v.sources.is_some()) => digest,
            _ => sources_digest(&scenario.sources)?,
        },
        sources_from: scenario.sources_from.clone(),
        // Empty where --variant leaves the reference out: nothing is compared.
        reference: scenario
            .reference()
            .map(|v| v.name.clone())
            .unwrap_or_default(),
        platforms: scenario.platforms.clone(),
        native: native.clone(),
        variants,
        kinds: kinds.all,
        built_once,
        edit: scenario
            .edit_of(BuildKind::Incremental)
            .map(NamedEdit::describe),
        edits: named.collect(),
        gate: scenario.gate,
    })
}

/// What becomes of results, where they are exported.
fn exported(export: &TimedExport) -> Option<String> {
    (*export != TimedExport::default()).then(|| export.to_string())
}

/// What to type to run the same plan again. Folders and endpoints are left
/// out: they belong to this machine.
fn to_repeat(input: &RecordInput<'_>) -> Invocation {
    let args = input.args;
    let mut command = input.command.clone();
    if let Some(matrix) = input.cells.typed() {
        command.option("matrix", matrix);
    }
    command.option("rounds", input.rounds);
    command.option("seed", input.seed);
    let timeout = humantime::format_duration(args.timeout).to_string();
    command.option("timeout", timeout.replace(' ', ""));
    if let Some(delta) = args.delta {
        command.option("delta", delta);
    }
    if let Some(export) = exported(&args.export) {
        command.option("output", export);
    }
    for cache in &args.ci_caches {
        command.option("ci-cache", cache);
    }
    command.list("redact", &args.redact);
    // An address belongs to one place.
    let builder = args.builder.builder.as_ref();
    if let Some(builder) = builder.filter(|builder| !builder.contains("://")) {
        command.option("builder", builder);
        // Of an address they are files of this machine.
        command.list("driver-opt", &args.builder.driver_opt);
    }
    command.list("driver-opt", input.cells.typed_options(&args.builder));
    if args.image_size {
        command.flag("image-size");
    }
    if let Some(settle) = args.settle {
        let settle = humantime::format_duration(settle).to_string();
        command.option("settle", settle.replace(' ', ""));
    }
    if args.keep_contaminated {
        command.flag("keep-contaminated");
    }
    command
}

/// UTC time, so that runs sort, and a random tail, so that two never meet.
fn run_id(started: Timestamp) -> String {
    let tail: u32 = rand::random::<u32>() & 0x00ff_ffff;
    format!("{}-{tail:06x}", started.strftime("%Y%m%dT%H%M%SZ"))
}
