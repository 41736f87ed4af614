//! One build of a Dockerfile of one's own, or of targets of bake, as `docker buildx build` does it: with the builder's
//! cache, with its cache mounts, and with nothing measured or removed afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::adhoc::{self, Options};
use super::baked_sides;
use super::builder::BuilderSession;
use super::explain::lines_of;
use super::race::{Causes, Choice, RaceInput};
use super::{images, redaction};
use crate::buildkit::{BakeRequest, BuildEnd, BuildError, BuildRequest, Export};
use crate::escape;
use crate::explain::{Conditions, FailureFacts, Lines, Node};
use crate::model::{Failure, Invocation};
use crate::options::{BakeOptions, BuildOptions, BuilderOptions, Rounds};
use crate::progress::BuildProgress;
use crate::race::{Redaction, builds_of};
use crate::scenario::{AdhocDockerfile, BakeTarget, Project, Scenario, bake_name, read_file};
use crate::temporary::Folder;
use crate::trace::{SolveStatus, Trace};

/// How often the display is drawn anew.
const TICK: Duration = Duration::from_millis(100);
/// Characters of a build's reference, as buildx has it (`identity.NewID`).
const REFERENCE: usize = 25;

/// What is built.
#[derive(Debug, Clone, Copy)]
pub enum Built<'a> {
    /// A Dockerfile.
    Dockerfile(&'a Path),
    /// Targets of bake, as one build.
    Bake {
        /// Their names, or those of groups.
        targets: &'a [String],
        /// What is asked of bake.
        options: &'a BakeOptions,
    },
}

impl Built<'_> {
    /// What results call it.
    pub fn shown(&self) -> String {
        match self {
            Self::Dockerfile(path) => adhoc::relative_name(path),
            Self::Bake { targets, .. } => targets.join(","),
        }
    }
}

/// A Dockerfile, or targets of bake, to be built.
pub struct OneBuild<'a> {
    /// What is built.
    pub built: Built<'a>,
    /// What else a build is asked for.
    pub options: &'a BuildOptions,
    /// Whether no layer of an earlier build is used.
    pub no_cache: bool,
}

/// A build that has ended.
pub struct EndedBuild {
    /// The status that BuildKit reported.
    pub trace: Trace,
    /// How it ended.
    pub end: BuildEnd,
    /// What is known of it besides.
    pub conditions: Conditions,
}

impl OneBuild<'_> {
    /// Builds on the builder in use, and shows how it goes.
    ///
    /// # Errors
    /// It could not begin. One that failed is no error.
    pub async fn run(
        &self,
        builder: &BuilderOptions,
        stop: &CancellationToken,
    ) -> anyhow::Result<EndedBuild> {
        // Before the builder is asked: most of what can be wrong is wrong here.
        let mut options = Options::read(self.options)?;
        let shown = self.built.shown();
        let mut dockerfile = match self.built {
            Built::Dockerfile(path) => AdhocDockerfile {
                name: crate::scenario::variant_name(path),
                path: path.to_owned(),
                shown: shown.clone(),
                context: None,
                origin: None,
                revision: None,
                contexts: options.contexts.clone(),
                bake: None,
            },
            Built::Bake {
                targets,
                options: typed,
            } => {
                let name = bake_name(targets);
                baked_sides::alone(name, targets, typed, self.options, &mut options).await?
            }
        };
        // Removed when dropped.
        let inline = Folder::new("dockerfiles")?;
        if let Some(bake) = &mut dockerfile.bake {
            bake.write_inline(inline.path())?;
        }
        let text = dockerfile_of(&dockerfile)?;
        let scenario = adhoc::scenario(&options, shown.clone(), vec![dockerfile])?;
        let project = Project::at(Path::new("."))?;
        let mut input = RaceInput {
            project: &project,
            scenarios: vec![scenario],
            secrets: options.secrets.clone(),
            rounds: Rounds::Fixed(1),
            stops_when_open: false,
            choice: Choice::default(),
            command: Invocation::default(),
        };
        let masks = redaction::masks(&input, &[], &[], &Default::default())?;
        let redaction = Redaction {
            masks,
            ..Redaction::default()
        };
        BuilderSession::with_current(builder, async |session| {
            options.complete(&mut input.scenarios[0], &session.native);
            if session.is_for_buildrace() {
                let needed = images::needed(&project, &input.scenarios, session.nodes())?;
                session.obtain(&needed, &BTreeSet::new()).await?;
            }
            let request = self.request(session, &input, &input.scenarios[0]);
            let mut progress = BuildProgress::new(
                &shown,
                &request.platforms(),
                std::io::stderr().is_terminal(),
            );
            let mut trace = Trace::new();
            let end = build(
                session,
                &request,
                &redaction,
                &mut trace,
                &mut progress,
                stop,
            )
            .await;
            progress.close();
            let failure = failure_of(&end, &trace).map(|failure| redaction.failure(failure));
            progress.ended(end.wall, &trace, failure.as_ref());
            if let Some(failure) = &failure {
                tell_cause(&input.scenarios[0], failure);
            }
            let text = text.map(|text| String::from_utf8_lossy(&text).into_owned());
            let lines = text.map_or_else(Lines::default, |text| lines_of(&text));
            let conditions = conditions(session, &request, lines, failure, &end);
            Ok(EndedBuild {
                trace,
                end,
                conditions,
            })
        })
        .await
    }

    fn request(
        &self,
        session: &BuilderSession,
        input: &RaceInput<'_>,
        scenario: &Scenario,
    ) -> BakeRequest {
        let variant = &scenario.variants[0];
        let common = BuildRequest {
            reference: new_reference(),
            context: scenario.sources.clone(),
            contexts: BTreeMap::new(),
            layouts: session.layouts(),
            secrets: input.build_secrets(),
            ssh: variant.ssh.clone(),
            dockerfile: variant.dockerfile.clone(),
            shared_key: shared_key(&scenario.sources),
            platforms: scenario.platforms.clone(),
            target: None,
            build_args: BTreeMap::new(),
            no_cache: self.no_cache,
            cache_mount_namespace: None,
            internal: false,
            export: Export::CacheOnly,
            cache_from: Vec::new(),
            cache_to: Vec::new(),
            timeout: None,
            context_mark: None,
            attributes: BTreeMap::new(),
            entitlements: Vec::new(),
        };
        builds_of(variant, &common)
    }
}

/// The text of the Dockerfile, if it is one.
fn dockerfile_of(built: &AdhocDockerfile) -> anyhow::Result<Option<Vec<u8>>> {
    let Some(bake) = &built.bake else {
        return Ok(Some(read_file(&built.path)?));
    };
    let texts: Result<Vec<Vec<u8>>, _> = bake.targets.iter().map(BakeTarget::text).collect();
    let mut texts = texts?;
    texts.dedup();
    let only = texts.pop().filter(|_| texts.is_empty());
    Ok(only)
}

/// Says why the build failed where its files tell: a source that is left out, for one.
fn tell_cause(scenario: &Scenario, failure: &Failure) {
    let name = (&*scenario.name, &*scenario.variants[0].name);
    let causes = Causes::of(std::slice::from_ref(scenario));
    if let Some(cause) = causes.cause(name, failure) {
        errln!("note: {}", escape::terminal(&cause, 1000));
    }
}

/// What is known of a build besides its status.
fn conditions(
    session: &BuilderSession,
    request: &BakeRequest,
    lines: Lines,
    failure: Option<Failure>,
    end: &BuildEnd,
) -> Conditions {
    let built = request.platforms();
    let platform = match built.as_slice() {
        [platform] => Some(platform.clone()),
        _ => None,
    };
    Conditions {
        node: Some(Node {
            listed: session.platforms().to_vec(),
            nodes: session.info.nodes.clone(),
            ..Node::of(session.native.clone())
        }),
        platform,
        built,
        lines,
        failure: failure.map(|failure| FailureFacts {
            message: failure.message,
            cancelled: matches!(end.result, Err(BuildError::Cancelled)),
            by_step: false,
        }),
        ..Conditions::default()
    }
}

/// Builds, while the display hears every status.
async fn build(
    session: &BuilderSession,
    request: &BakeRequest,
    redaction: &Redaction,
    trace: &mut Trace,
    progress: &mut BuildProgress,
    stop: &CancellationToken,
) -> BuildEnd {
    let (sink, mut statuses) = mpsc::unbounded_channel();
    let hear = |mut status: SolveStatus, trace: &mut Trace| {
        redaction.status(&mut status);
        trace.push(&status);
    };
    let build = session.builder.bake(request, sink, stop.clone());
    tokio::pin!(build);
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let end = loop {
        tokio::select! {
            biased;
            end = &mut build => break end,
            Some(status) = statuses.recv() => hear(status, trace),
            _ = ticks.tick() => progress.tick(trace),
        }
    };
    while let Ok(status) = statuses.try_recv() {
        hear(status, trace);
    }
    end
}

/// Why a build has no result.
fn failure_of(end: &BuildEnd, trace: &Trace) -> Option<Failure> {
    let error = end.result.as_ref().err()?;
    let of_step = match error {
        BuildError::Failed { .. } => trace.failure(),
        _ => None,
    };
    Some(of_step.unwrap_or_else(|| trace.stopped(error.to_string())))
}

/// A reference of a new build, of the form that buildx gives its own: the build is its user's, and
/// the history lists it so.
fn new_reference() -> String {
    const DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let digit = |byte: u8| char::from(DIGITS[usize::from(byte) % DIGITS.len()]);
    let bytes: [u8; REFERENCE] = rand::random();
    bytes.into_iter().map(digit).collect()
}

/// Names a context to BuildKit: the same each time, so that only what changed is sent.
fn shared_key(context: &Path) -> String {
    let real: PathBuf = context
        .canonicalize()
        .unwrap_or_else(|_| context.to_owned());
    let digest = Sha256::digest(real.as_os_str().as_encoded_bytes());
    format!("buildrace-{}", hex::encode(&digest[..16]))
}
