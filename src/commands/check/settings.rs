//! What a check goes by: the command line over the policy.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};

use crate::cli::CheckArgs;
use crate::git::Repository;
use crate::model::{BuildKind, Invocation, Platform};
use crate::ops::adhoc::{self, Options};
use crate::ops::bake;
use crate::ops::edits;
use crate::options::{BakeOptions, BuildOptions, RaceOptions, Rounds, rounds, share};
use crate::policy::{Fatal, FatalWord, Policy};
use crate::scenario::Scenario;

/// Rounds of a check against a stored run where nothing is said: what is
/// counted hardly varies.
const BASELINE_ROUNDS: Rounds = Rounds::Fixed(1);

/// What a check goes by.
pub(super) struct Settings {
    pub dockerfile: PathBuf,
    /// Targets of bake that are checked, in place of the Dockerfile.
    pub bake: Option<Vec<String>>,
    /// What is asked of bake.
    pub bake_options: BakeOptions,
    pub base: Option<String>,
    pub baseline: Option<String>,
    pub metric: Option<BuildKind>,
    /// The file that the policy was read from.
    pub policy: Option<PathBuf>,
    pub rounds: Rounds,
    pub fatal: Vec<Fatal>,
    pub build: BuildOptions,
    pub race: RaceOptions,
}

impl Settings {
    /// Lays the command line over the policy of the repository, or of the file
    /// that the command line names.
    ///
    /// # Errors
    /// Something in the policy is wrong.
    pub fn read(args: CheckArgs) -> anyhow::Result<Self> {
        let policy = match &args.policy {
            Some(file) => Policy::read(file)?,
            None => find_policy()?,
        };
        let mut race = RaceOptions::from(&args.race);
        race.redact.extend(policy.redact.iter().cloned());
        let mut planned = race.rounds;
        if let Some(at) = policy.rounds.as_ref().filter(|_| planned.is_none()) {
            let read = rounds(&at.value).map_err(|message| policy.wrong(at, &message))?;
            planned = Some(read);
        }
        if let Some(at) = policy.delta.as_ref().filter(|_| race.delta.is_none()) {
            let read = share(&at.value).map_err(|message| policy.wrong(at, &message))?;
            race.delta = Some(read);
        }
        let usual = match args.baseline {
            Some(_) => BASELINE_ROUNDS,
            None => Rounds::Auto,
        };
        let in_policy = |path: &PathBuf| policy.path(path);
        let fatal = match args.fatal.as_slice() {
            [] => policy.fatal.clone().unwrap_or(Fatal::USUAL.to_vec()),
            words => FatalWord::rules(words).map_err(|message| anyhow!("--fatal: {message}"))?,
        };
        let bake = match (&args.bake, policy.bake.as_slice()) {
            (Some(typed), _) => Some(bake::targets(typed)?),
            // A Dockerfile that is typed is meant.
            (None, []) => None,
            (None, _) if !args.file.is_empty() => None,
            (None, written) => Some(written.to_vec()),
        };
        let bake_files = match args.file.as_slice() {
            [] => policy.bake_files.iter().map(in_policy).collect(),
            typed => typed.to_vec(),
        };
        let typed = match args.file.as_slice() {
            [] => None,
            [file] => Some(file.clone()),
            _ if bake.is_some() => None,
            _ => bail!("--file: one Dockerfile is checked; several files need --bake TARGET"),
        };
        Ok(Self {
            dockerfile: typed
                .or(policy.dockerfile.as_ref().map(in_policy))
                .unwrap_or_else(|| "Dockerfile".into()),
            bake_options: BakeOptions {
                files: bake.as_ref().map(|_| bake_files).unwrap_or_default(),
                set: args.bake_args.set.clone(),
                allow: args.bake_args.allow.clone(),
            },
            bake,
            base: args.base.or(policy.base.clone()),
            baseline: args.baseline,
            metric: args.metric.or(policy.metric),
            policy: Some(policy.file.clone()).filter(|file| !file.as_os_str().is_empty()),
            rounds: planned.unwrap_or(usual),
            fatal,
            build: laid_over(BuildOptions::from(&args.build), &policy),
            race,
        })
    }

    /// The build context.
    pub fn context(&self) -> PathBuf {
        self.build.context.clone().unwrap_or_else(|| ".".into())
    }

    /// What to say where nothing fails the check.
    pub fn fatal_note(&self) -> &'static str {
        match self.fatal.as_slice() {
            [] => "; nothing fails this check (fatal: none)",
            _ => "",
        }
    }

    /// Whether this closes the gate.
    pub fn is_fatal(&self, fatal: Fatal) -> bool {
        self.fatal.contains(&fatal)
    }

    /// Whether the gate may stop building when nothing points to a slow-down;
    /// not where it is to say what the change is.
    pub fn stops_when_open(&self) -> bool {
        !self.is_fatal(Fatal::Inconclusive)
    }

    /// Whether a change that builds what its base builds passes without a
    /// race; not where somebody wants so many rounds.
    pub fn may_measure_nothing(&self) -> bool {
        self.rounds == Rounds::Auto
    }

    /// What is built, read and checked.
    ///
    /// # Errors
    /// The first option that is wrong.
    pub fn options(&self) -> anyhow::Result<Options> {
        let options = Options::read(&self.build)?;
        edits::check_has_edits("--metric", self.metric.as_slice(), &options.edits)?;
        Ok(options)
    }

    /// Gives a scenario its platforms and kinds, the gate's kind among them.
    pub fn complete(&self, options: &Options, scenario: &mut Scenario, native: &Platform) {
        options.complete(scenario, native);
        scenario.gate = self.metric;
        // What the gate does not go by is built where somebody names it.
        if self.build.kinds.is_empty() {
            let mut one_by_one = scenario.kinds.iter().rev();
            let usual = one_by_one
                .find(|kind| kind.builds_at_once().is_none())
                .copied();
            scenario.kinds = self.metric.or(usual).into_iter().collect();
        }
        let missing = self.metric.filter(|kind| !scenario.kinds.contains(kind));
        scenario.kinds.extend(missing);
        self.build.add_concurrent(&mut scenario.kinds);
    }

    /// What to type to check the same again; `baseline` is the stored run and its
    /// variant, where it was found.
    pub fn command(&self, baseline: Option<&str>) -> Invocation {
        let mut command = Invocation::new("check", []);
        match &self.bake {
            Some(targets) => {
                command.list("bake", targets);
                bake::add_options(&mut command, &self.bake_options);
            }
            None => command.option("file", adhoc::relative_name(&self.dockerfile)),
        }
        let words = [
            ("base", self.base.clone()),
            ("baseline", baseline.map(str::to_owned)),
            ("metric", self.metric.map(|metric| metric.to_string())),
        ];
        for (name, value) in words {
            if let Some(value) = value {
                command.option(name, value);
            }
        }
        match self.fatal.as_slice() {
            [] => command.option("fatal", "none"),
            fatal => command.list("fatal", fatal.iter().map(|fatal| fatal.as_str())),
        }
        adhoc::add_options(&mut command, &self.build);
        command
    }
}

fn find_policy() -> anyhow::Result<Policy> {
    let here = std::env::current_dir().context("cannot find the current folder")?;
    let here = here
        .canonicalize()
        .context("cannot find the current folder")?;
    let top = Repository::find(&here).map(|repository| repository.top().to_owned());
    Ok(Policy::find(&here, &top.unwrap_or_else(|_| here.clone()))?)
}

fn laid_over(args: BuildOptions, policy: &Policy) -> BuildOptions {
    let or = |given: Vec<String>, written: Vec<String>| match given.as_slice() {
        [] => written,
        _ => given,
    };
    let arguments = policy.build_args.iter();
    let arguments = arguments.map(|(name, value)| format!("{name}={value}"));
    let contexts = policy.contexts.iter().map(|(name, value)| {
        if value.contains("://") {
            format!("{name}={value}")
        } else {
            format!("{name}={}", policy.path(Path::new(value)).display())
        }
    });
    BuildOptions {
        context: args
            .context
            .or(policy.context.as_ref().map(|path| policy.path(path))),
        platform: match args.platform.as_slice() {
            [] => policy.platforms.clone(),
            _ => args.platform,
        },
        build_arg: or(args.build_arg, arguments.collect()),
        target: args.target.or(policy.target.clone()),
        secret: or(args.secret, policy.secrets.clone()),
        ssh: args.ssh,
        build_context: or(args.build_context, contexts.collect()),
        // A rule belongs to its file.
        edit_with: match args.edit.as_slice() {
            [] => or(args.edit_with, policy.edit_with.clone()),
            _ => args.edit_with,
        },
        edit: or(args.edit, policy.edit.clone()),
        kinds: match args.kinds.as_slice() {
            [] => policy.kinds.clone(),
            _ => args.kinds,
        },
        concurrent: args.concurrent,
    }
}
