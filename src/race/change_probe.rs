//! Whether a change builds anything that its base does not: the base is built
//! once, then the change on the cache that the base left.
//!
//! What the builder holds already must not answer that: whoever built the
//! change before would make it look like the base. So both builds have cache
//! keys of their own, by a host name for RUN (`BUILDKIT_SANDBOX_HOSTNAME`) and
//! a mark on every file that is sent ([`BuildRequest::context_mark`]). What has
//! neither is told by its instruction and its digest. Frontends before
//! docker/dockerfile 1.4 take no host name.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::cache_guard::{CacheGuard, forget_builds};
use super::cached_export::executed;
use super::cleanup_report;
use super::nonce::nonce;
use super::slot_build::builds_of;
use crate::builder::{Builder, BuilderError};
use crate::buildkit::{BakeRequest, BuildError, BuildRequest, Export, Secret};
use crate::model::{ImageLayout, Platform};
use crate::provenance::Provenance;
use crate::scenario::{Scenario, Variant};
use crate::trace::{Step, Trace};

/// Bytes by which the change may send more of its context than the base.
const CONTEXT_SLACK: u64 = 64 * 1024;

/// A base and a change to be built once each.
pub struct Probe<'a> {
    /// Where it is built.
    pub builder: &'a dyn Builder,
    /// The run that may follow; its builds are told by it.
    pub run: &'a str,
    /// What is built.
    pub scenario: &'a Scenario,
    /// The base.
    pub base: &'a Variant,
    /// The change.
    pub change: &'a Variant,
    /// Platforms to build.
    pub platforms: Vec<Platform>,
    /// Base images that the builder gets from this machine.
    pub layouts: &'a [ImageLayout],
    /// Secrets of `RUN --mount=type=secret`, by their ids.
    pub secrets: &'a BTreeMap<String, Secret>,
    /// Longest time of a build.
    pub timeout: Duration,
}

/// What a probe found.
#[derive(Debug)]
pub enum Probed {
    /// Every step of the change is one of the base.
    Same {
        /// Steps of the change.
        steps: usize,
    },
    /// The change builds what the base does not.
    Differs {
        /// The build of the base, and that of the change.
        traces: Box<[Trace; 2]>,
        /// What BuildKit says of each, where it does.
        provenance: Box<[Option<Provenance>; 2]>,
        /// Digests of the steps that are not the base's.
        steps: BTreeSet<String>,
    },
    /// It cannot be told; why, in a few words.
    Unknown(String),
    /// The probe was interrupted.
    Interrupted,
}

impl Probe<'_> {
    /// Builds both, and leaves the builder as it was found, as far as that may
    /// be done. What stays in its cache is said beside what was found, a line
    /// each.
    ///
    /// # Errors
    /// The builder does not answer.
    pub async fn run(
        &self,
        stop: &CancellationToken,
    ) -> Result<(Probed, Vec<String>), BuilderError> {
        let prefix = super::own_prefix(self.run);
        let guard = CacheGuard::set(self.builder, &prefix).await?;
        let mut found = self.build_both(&prefix, stop).await;
        if let Probed::Differs { provenance, .. } = &mut found {
            for (variant, provenance) in [self.base, self.change].iter().zip(&mut **provenance) {
                for target in self.request(variant, &prefix).targets {
                    let found = self.builder.provenance(&target.request.reference).await?;
                    match (&mut *provenance, found) {
                        (Some(known), Some(found)) => known.add(found),
                        (known, found) => *known = known.take().or(found),
                    }
                }
            }
        }
        let cleaned = guard.lift(self.builder, &prefix).await?;
        forget_builds(self.builder, &prefix).await?;
        Ok((found, cleanup_report::of_run(&[cleaned])))
    }

    async fn build_both(&self, prefix: &str, stop: &CancellationToken) -> Probed {
        let mut built = Vec::new();
        for variant in [self.base, self.change] {
            let request = self.request(variant, prefix);
            let (sink, mut statuses) = mpsc::unbounded_channel();
            let end = self.builder.bake(&request, sink, stop.clone()).await;
            match end.result {
                Err(BuildError::Cancelled) => return Probed::Interrupted,
                Err(_) => return Probed::Unknown(format!("{} did not build", variant.name)),
                Ok(_) => {}
            }
            let mut trace = Trace::default();
            while let Ok(status) = statuses.try_recv() {
                trace.push(&status);
            }
            built.push((trace, end.context_bytes));
        }
        let [(base, sent_by_base), (change, sent)] =
            <[_; 2]>::try_from(built).unwrap_or_else(|_| unreachable!("two builds were made"));
        if sent > sent_by_base + sent_by_base / 20 + CONTEXT_SLACK {
            return Probed::Unknown("the change sends more of its build context".to_owned());
        }
        compare(base, change, !self.is_dockerfile_the_same())
    }

    fn is_dockerfile_the_same(&self) -> bool {
        self.base.digest == self.change.digest
    }

    fn request(&self, variant: &Variant, prefix: &str) -> BakeRequest {
        let mark = nonce(prefix, "probe");
        let mark = u32::from_str_radix(&mark[..7], 16).unwrap_or_default() | 1;
        let hostname = format!("buildrace-{mark:08x}");
        let common = BuildRequest {
            reference: format!("{prefix}probe-{}", variant.name),
            context: self.scenario.sources_of(variant).to_owned(),
            contexts: BTreeMap::new(),
            layouts: self.layouts.to_vec(),
            secrets: self.secrets.clone(),
            ssh: variant.ssh.clone(),
            dockerfile: variant.dockerfile.clone(),
            shared_key: format!("{prefix}probe-{}", variant.name),
            platforms: self.platforms.clone(),
            target: None,
            build_args: BTreeMap::from([("BUILDKIT_SANDBOX_HOSTNAME".to_owned(), hostname)]),
            no_cache: false,
            cache_mount_namespace: Some(format!("{prefix}probe")),
            export: Export::CacheOnly,
            cache_from: Vec::new(),
            cache_to: Vec::new(),
            timeout: Some(self.timeout),
            // BuildKit tells afterwards how it was built, and forgets it then.
            internal: false,
            context_mark: Some(mark),
            attributes: BTreeMap::new(),
            entitlements: Vec::new(),
        };
        builds_of(variant, &common)
    }
}

/// What two builds show, the second one of which found the cache of the first.
fn compare(base: Trace, change: Trace, other_dockerfile: bool) -> Probed {
    if let Some(step) = from_elsewhere(&base) {
        return Probed::Unknown(format!("{} came from an older cache", step.name));
    }
    let known: BTreeSet<_> = base.steps().iter().filter_map(work).collect();
    let digests: BTreeSet<&str> = base.steps().iter().map(|s| s.digest.as_str()).collect();
    // One of the same digest is the same, whatever its stage is called.
    let is_new = |step: &&Step| {
        let is_known = digests.contains(step.digest.as_str());
        !is_known && work(step).is_some_and(|work| !known.contains(&work))
    };
    let sent = sent_in(&change);
    // Where no file with a mark is in it, its digest is all that it is.
    let is_other = |step: &&Step| {
        let digest = step.digest.as_str();
        step.label.is_instruction() && !digests.contains(digest) && !sent.contains(digest)
    };
    let all = || change.steps().iter();
    let mut differing: Vec<&Step> = executed(&change).collect();
    differing.extend(all().filter(is_new));
    differing.extend(all().filter(|step| is_foreign(step) && step.executed && !step.cached));
    differing.extend(all().filter(is_other));
    let steps: BTreeSet<String> = differing.iter().map(|s| s.digest.clone()).collect();
    if !steps.is_empty() {
        return Probed::Differs {
            traces: Box::new([base, change]),
            provenance: Box::default(),
            steps,
        };
    }
    // What it writes stands in the Dockerfile, and not in the step's name.
    let is_inline = |step: &Step| is_copy(step) && step.label.instruction.contains("<<");
    if other_dockerfile && change.steps().iter().any(is_inline) {
        return Probed::Unknown("the Dockerfile writes files of its own".to_owned());
    }
    Probed::Same {
        steps: change.count() as usize,
    }
}

/// A step of the base whose key is its own, and which was taken from the cache
/// all the same: then the keys mean nothing to this frontend. One that was
/// executed for another platform may serve this one, too.
fn from_elsewhere(base: &Trace) -> Option<&Step> {
    let anew: BTreeSet<&str> = executed(base)
        .map(|step| step.label.instruction.as_str())
        .collect();
    let is_marked = |step: &Step| {
        let text = step.label.instruction.as_str();
        let is_sent = !["--from=", "<<", "://"]
            .iter()
            .any(|other| text.contains(other));
        step.label.is("RUN") || (is_copy(step) && is_sent)
    };
    let mut steps = base.steps().iter();
    steps.find(|step| {
        let is_instruction = step.label.is_instruction();
        is_instruction
            && is_marked(step)
            && step.cached
            && !anew.contains(step.label.instruction.as_str())
    })
}

/// Digests of the steps that hold files that were sent to the builder, or build
/// on one that does.
fn sent_in(trace: &Trace) -> HashSet<&str> {
    let mut users: HashMap<&str, Vec<&str>> = HashMap::new();
    for step in trace.steps() {
        for input in &step.inputs {
            users.entry(input).or_default().push(&step.digest);
        }
    }
    let loads = trace.steps().iter().filter(|step| is_load(step));
    let mut open: Vec<&str> = loads.map(|step| step.digest.as_str()).collect();
    let mut found = HashSet::new();
    while let Some(next) = open.pop() {
        if found.insert(next) {
            open.extend(users.get(next).into_iter().flatten());
        }
    }
    found
}

/// `[internal] load build context`, `[context src] load from client`.
fn is_load(step: &Step) -> bool {
    let label = &step.label;
    let is_main = label.internal && label.instruction.starts_with("load build context");
    is_main || (label.is_context() && label.instruction.starts_with("load "))
}

/// A step of a frontend that is not Dockerfile's: not one that BuildKit takes on
/// its own account, nor a source, which is a URL.
fn is_foreign(step: &Step) -> bool {
    let label = &step.label;
    let text = label.instruction.as_str();
    let first = text.split_whitespace().next().unwrap_or_default();
    let is_own = label.internal || label.is_context() || label.position.is_some();
    let is_known = ["FROM", "exporting", "resolve"].contains(&first) || first.contains("://");
    !is_own && !is_known
}

fn is_copy(step: &Step) -> bool {
    step.label.is("COPY") || step.label.is("ADD")
}

/// What a step does, for which platform; `None` for what BuildKit does on its
/// own account.
fn work(step: &Step) -> Option<(Option<String>, String)> {
    let label = &step.label;
    if label.internal || label.instruction.starts_with("exporting ") {
        return None;
    }
    let platform = label.made_for().map(ToString::to_string);
    if let Some(image) = label.image_of_client() {
        return Some((platform, format!("FROM {image}")));
    }
    let words: Vec<&str> = label.instruction.split_whitespace().collect();
    Some((platform, words.join(" ")))
}

#[cfg(test)]
#[path = "change_probe_tests.rs"]
mod tests;
