//! Fetching the sources of scenarios that name where they come from, before a
//! race. It is told on stderr which way they came.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::eligibility::Choice;
use super::eligibility::leave_out;
use crate::buildkit::{BuildError, BuildRequest, Export};
use crate::escape;
use crate::ops::builder::BuilderSession;
use crate::ops::console::progress_lines;
use crate::scenario::{Otherwise, Project, Scenario};
use crate::sources::{Cache, SourcesError, obtain};
use crate::trace::{SolveStatus, Trace};

/// How long making the sources may take.
const LIMIT: Duration = Duration::from_secs(3600);
/// Most lines of a failed step's log that are told.
const LOG_LINES: usize = 5;

impl BuilderSession {
    /// Fetches the sources of those scenarios whose sources are fetched, and
    /// checks them; `false` where `stop` came first. A scenario that was not
    /// named is left out where there are none to be had.
    ///
    /// # Errors
    /// There are none to be had, or they are not what the scenario says.
    pub async fn fetch_sources(
        &self,
        project: &Project,
        scenarios: &mut Vec<Scenario>,
        choice: &mut Choice,
        stop: &CancellationToken,
    ) -> anyhow::Result<bool> {
        let mut lacking = Vec::new();
        for scenario in scenarios.iter_mut() {
            let Some(fetch) = &scenario.fetch else {
                continue;
            };
            let name = scenario.name.clone();
            let tell = |line: &str| {
                errln!("sources of {name}: {}", escape::terminal(line, 1000));
            };
            let build = async |otherwise: &Otherwise, archive: &Path| {
                self.make_sources(project, otherwise, archive, stop).await
            };
            let cache = Cache::for_user()?;
            match obtain(fetch, &self.native, &cache, stop, &tell, build).await {
                Ok(found) => project.give_sources(scenario, &found.folder, found.from)?,
                Err(SourcesError::Interrupted) => return Ok(false),
                Err(error) if choice.may_leave_out && error.is_unavailable() => {
                    tell(&error.to_string());
                    lacking.push(scenario.name.clone());
                }
                Err(error) => {
                    let what = format!("no sources for {name}");
                    return Err(anyhow::Error::new(error).context(what));
                }
            }
        }
        leave_out(scenarios, choice, |scenario| {
            let is_lacking = lacking.contains(&scenario.name);
            is_lacking.then(|| "its sources can neither be fetched nor made".to_owned())
        })?;
        Ok(true)
    }

    /// Builds the last stage of a Dockerfile for the node's own platform, and
    /// writes its files to an archive.
    async fn make_sources(
        &self,
        project: &Project,
        otherwise: &Otherwise,
        archive: &Path,
        stop: &CancellationToken,
    ) -> Result<(), SourcesError> {
        let failed = |message: String| SourcesError::Build {
            dockerfile: otherwise.shown.clone(),
            message: escape::terminal(&message, 2000),
        };
        let images: BTreeSet<_> = project
            .images_of_otherwise(otherwise, &self.native)?
            .into_iter()
            .map(|image| (image.name, image.platform))
            .collect();
        let images: Vec<_> = images.into_iter().collect();
        let said = progress_lines();
        self.obtain(&images, &BTreeSet::new())
            .await
            .map_err(|error| failed(format!("{error:#}")))?;

        let request = BuildRequest {
            reference: format!("buildrace-sources-{:016x}", rand::random::<u64>()),
            context: otherwise.context().to_owned(),
            contexts: BTreeMap::new(),
            layouts: self.layouts(),
            secrets: BTreeMap::new(),
            ssh: BTreeMap::new(),
            dockerfile: otherwise.dockerfile.clone(),
            shared_key: format!("buildrace-sources-{}", otherwise.shown),
            platforms: vec![self.native.clone()],
            target: None,
            build_args: BTreeMap::new(),
            no_cache: false,
            internal: true,
            cache_mount_namespace: None,
            export: Export::Tar {
                destination: archive.to_owned(),
            },
            cache_from: Vec::new(),
            cache_to: Vec::new(),
            timeout: Some(LIMIT),
            context_mark: None,
            attributes: Default::default(),
            entitlements: Default::default(),
        };
        let (sink, status) = mpsc::unbounded_channel();
        let building = self.builder.build(&request, sink, stop.clone());
        let say = |line: &str| said(line);
        let (end, trace) = tokio::join!(building, follow(status, &say));
        match end.result {
            Ok(_) => Ok(()),
            Err(BuildError::Cancelled) => Err(SourcesError::Interrupted),
            Err(error) => Err(failed(why(&trace, &error))),
        }
    }
}

/// Tells each instruction as it begins, and keeps what there is to know.
async fn follow(mut status: mpsc::UnboundedReceiver<SolveStatus>, say: &dyn Fn(&str)) -> Trace {
    let mut trace = Trace::new();
    let mut told = BTreeSet::new();
    while let Some(update) = status.recv().await {
        for vertex in &update.vertexes {
            let is_new = vertex.started.is_some() && !vertex.name.starts_with("[internal]");
            if is_new && told.insert(vertex.digest.clone()) {
                say(vertex.name.lines().next().unwrap_or_default());
            }
        }
        trace.push(&update);
    }
    trace
}

/// Why a build failed: the step, and how its log ends.
fn why(trace: &Trace, error: &BuildError) -> String {
    let Some(failure) = trace.failure() else {
        return error.to_string();
    };
    let skipped = failure.log_tail.len().saturating_sub(LOG_LINES);
    let lines = failure.log_tail.iter().skip(skipped);
    let lines: Vec<&str> = lines.map(|line| line.trim()).collect();
    format!("{}: {}", failure.message, lines.join(" / "))
}
