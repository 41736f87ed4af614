//! Runs a plan: sample after sample, block after block, telling a recorder
//! of each event as it happens.
//!
//! A block is one variant's `cold` build, or its chain multi-arch →
//! incremental → noop, where each build starts from the state that the one
//! before it left. A block begins with an empty cache and fresh sources, and
//! takes what it added to the builder's cache away again.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::cache::{CacheGuard, Cleaned};
use super::earlier::Earlier;
use super::entry::{Entry, nonce};
use super::event::{Event, RunEnd};
use super::host;
use super::image::Looked;
use super::leftovers;
use super::outcome::skipped;
use super::recorder::{Keeping, Recorder, RecorderError};
use super::redaction::Redaction;
use super::rounds;
use super::smoke::Runner;
use super::warm_up::{self, WarmUpError};
use crate::builder::{Builder, BuilderError};
use crate::buildkit::Secret;
use crate::model::{BuildKind, Outcome, RunRecord, Sample, Slot};
use crate::scenario::{Scenario, ScenarioError, SourceCopy};

/// Why a race could not go on. What was measured before is recorded.
#[derive(Debug, thiserror::Error)]
pub enum RaceError {
    /// The sources could not be copied or edited.
    #[error(transparent)]
    Sources(#[from] ScenarioError),
    /// A base image could not be made ready.
    #[error(transparent)]
    WarmUp(#[from] WarmUpError),
    /// The builder does not answer.
    #[error(transparent)]
    Builder(#[from] BuilderError),
    /// The builder was lost during a sample.
    #[error("the builder was lost while it built {sample}: {message}")]
    LostBuilder {
        /// Id of the sample.
        sample: String,
        /// What the transport said.
        message: String,
    },
    /// The state that a finished sample left, and the next one starts from,
    /// could not be made again.
    #[error(
        "the cache state that {sample} left could not be made again: {error}; samples are as they were, and the run can be resumed once more"
    )]
    Again {
        /// Id of the sample.
        sample: String,
        /// What became of its build.
        error: String,
    },
    /// The results could not be written.
    #[error("{0}")]
    Recorder(RecorderError),
    /// The plan names what the scenarios do not hold.
    #[error("the plan names {scenario}/{variant}, which is not among the scenarios")]
    Plan {
        /// Scenario named.
        scenario: String,
        /// Variant named.
        variant: String,
    },
}

/// A race to be run.
pub struct Race<'a> {
    /// What is raced, in which order.
    pub record: &'a RunRecord,
    /// The scenarios that the plan names.
    pub scenarios: &'a [Scenario],
    /// Where it is built.
    pub builder: &'a dyn Builder,
    /// A path on the builder's disk, whose free space is watched; `None` where
    /// the builder is another machine, about which nothing can be told.
    pub disk: Option<&'a Path>,
    /// What runs the smoke tests of the scenarios; without it none is run.
    pub runner: Option<&'a dyn Runner>,
    /// The images that were looked at: none when it begins.
    pub looked: Looked,
    /// Whether to measure images in the first round, after the clock.
    pub image_size: bool,
    /// Secrets of `RUN --mount=type=secret`, by their ids.
    pub secrets: &'a BTreeMap<String, Secret>,
    /// What results may not say.
    pub redaction: &'a Redaction,
    /// What was done before, where it is a run that goes on.
    pub earlier: Earlier<'a>,
}

/// Where a run's own builds and cache records can be told from others'.
pub(super) fn own_prefix(run: &str) -> String {
    format!("buildrace-{run}-")
}

impl Race<'_> {
    /// Runs the plan until it is done, `stop` is cancelled, or it cannot go on.
    ///
    /// # Errors
    /// What made it impossible to go on; a `run-finished` event was recorded
    /// all the same where the recorder still could.
    pub async fn run(
        &self,
        recorder: &mut dyn Recorder,
        stop: &CancellationToken,
    ) -> Result<RunEnd, RaceError> {
        let (at, run) = (Timestamp::now(), self.record.run.clone());
        record(
            recorder,
            match self.earlier.cuts {
                0 => Event::RunStarted { at, run },
                _ => Event::RunResumed { at, run },
            },
        )?;
        let result = self.run_guarded(recorder, stop).await;
        let end = match &result {
            Ok(end) => *end,
            Err(_) => RunEnd::Aborted,
        };
        let closing = record(
            recorder,
            Event::RunFinished {
                at: Timestamp::now(),
                end,
            },
        );
        // The first error is the one that explains the others.
        let end = result?;
        closing?;
        Ok(end)
    }

    async fn run_guarded(
        &self,
        recorder: &mut dyn Recorder,
        stop: &CancellationToken,
    ) -> Result<RunEnd, RaceError> {
        let prefix = own_prefix(&self.record.run);
        recorder.phase("looking at the builder's cache");
        if self.earlier.cuts > 0 {
            let cleaned = leftovers::remove(self.builder, &prefix).await?;
            tell_of_left(recorder, &cleaned)?;
        }
        let guard = CacheGuard::set(self.builder, &prefix).await?;
        let result = self.warm_up_and_build(recorder, stop, &prefix).await;
        recorder.phase("removing what the run left in the builder's cache");
        if let Err(error) = self.clean(&guard, recorder, &prefix).await {
            // What was measured stays measured.
            let told = warn(
                recorder,
                format!(
                    "cache records of this run may be left on the builder: {}",
                    self.redaction.host_text(&error.to_string())
                ),
            );
            if result.is_ok() {
                told?;
            }
        }
        result
    }

    async fn warm_up_and_build(
        &self,
        recorder: &mut dyn Recorder,
        stop: &CancellationToken,
        prefix: &str,
    ) -> Result<RunEnd, RaceError> {
        recorder.phase("unpacking base images");
        let images = &self.record.base_images;
        let builds = self.earlier.prefix(prefix);
        let unpacked = warm_up::unpack(self.builder, images, &builds, stop).await;
        if stop.is_cancelled() {
            return Ok(RunEnd::Interrupted);
        }
        unpacked?;
        let mut keeping = Keeping {
            recorder,
            samples: self.earlier.samples.to_vec(),
        };
        let rounds = self
            .record
            .plan
            .chunk_by(|one, next| one.round == next.round);
        for round in rounds {
            let number = round[0].round;
            // Whether a round is wanted was decided by those before it.
            let before = keeping.samples.iter().filter(|s| s.round < number);
            let before: Vec<Sample> = before.cloned().collect();
            let mut open = rounds::open(self.record, &before);
            let left = |block: &&[Slot]| !self.earlier.has_all(block);
            for block in blocks(round)
                .filter(|block| open.contains(&block[0].scenario))
                .filter(left)
            {
                self.block(block, &mut keeping, stop, prefix).await?;
                if stop.is_cancelled() {
                    return Ok(RunEnd::Interrupted);
                }
            }
            open.retain(|scenario| {
                let mut blocks = blocks(round).filter(left);
                blocks.any(|block| block[0].scenario == *scenario)
            });
            let built = self.record.scenarios.iter();
            for scenario in built.filter(|scenario| open.contains(&scenario.name)) {
                let told = rounds::after(self.record, scenario, &keeping.samples, number);
                told.into_iter()
                    .try_for_each(|event| record(&mut keeping, event))?;
            }
        }
        Ok(RunEnd::Completed)
    }

    /// Builds one variant's block.
    async fn block(
        &self,
        block: &[Slot],
        recorder: &mut dyn Recorder,
        stop: &CancellationToken,
        prefix: &str,
    ) -> Result<(), RaceError> {
        let Some(first) = block.first() else {
            return Ok(());
        };
        recorder.phase("copying the sources");
        let entry = self.entry(first)?;
        let original = entry.scenario.sources_of(entry.variant);
        // Only what is edited needs a copy: builds write nothing.
        let is_edited = block.iter().any(|slot| slot.kind == BuildKind::Incremental);
        let mut sources = match &entry.scenario.edit {
            Some(edit) if is_edited => Some(SourceCopy::create(original, Some(edit))?),
            _ => None,
        };
        let guard = CacheGuard::set(self.builder, prefix).await?;
        let mut result = Ok(());
        let mut broken = self.earlier.broken(block).map(|s| (s.kind, s.outcome));
        for slot in block {
            let is_finished = self.earlier.has(slot);
            if let Some((kind, outcome)) = broken {
                if !is_finished {
                    let sample = skipped(slot, entry.platforms(slot.kind), kind, outcome);
                    finish(recorder, sample)?;
                }
                continue;
            }
            if let Some(sources) = &mut sources
                && slot.kind == BuildKind::Incremental
            {
                sources.edit(&self.nonce(slot))?;
            }
            let context = sources.as_ref().map_or(original, SourceCopy::path);
            if is_finished {
                self.make_again(slot, &entry, context, recorder, stop, prefix)
                    .await?;
                if stop.is_cancelled() {
                    break;
                }
                continue;
            }
            // What the build before leaves to do is no part of this one.
            if self.disk.is_some() {
                recorder.phase("waiting for the machine to come to rest");
                host::rest(match self.record.rules.contamination {
                    Some(_) => host::REST_LIMIT,
                    None => host::SHORT_REST_LIMIT,
                })
                .await;
            }
            let (sample, unsure) = self
                .sample(slot, &entry, context, recorder, stop, prefix)
                .await?;
            let outcome = sample.outcome;
            let lost = sample.failure.as_ref().map(|f| f.message.clone());
            finish(recorder, sample)?;
            if let Some(error) = unsure.filter(|_| outcome != Outcome::LostBuilder) {
                return Err(error.into());
            }
            match outcome {
                Outcome::Ok => {}
                Outcome::LostBuilder => {
                    result = Err(RaceError::LostBuilder {
                        sample: slot.sample.clone(),
                        message: lost.unwrap_or_default(),
                    });
                    break;
                }
                _ if stop.is_cancelled() => break,
                _ => broken = Some((slot.kind, outcome)),
            }
        }
        if result.is_ok() {
            recorder.phase("emptying the cache again");
            self.clean(&guard, recorder, prefix).await?;
        }
        result
    }

    async fn clean(
        &self,
        guard: &CacheGuard,
        recorder: &mut dyn Recorder,
        prefix: &str,
    ) -> Result<(), RaceError> {
        let cleaned = guard.lift(self.builder, prefix).await?;
        tell_of_left(recorder, &cleaned)
    }

    /// What the edit of an incremental build puts into the sources.
    pub(super) fn nonce(&self, slot: &Slot) -> String {
        let builds = self.earlier.prefix(&own_prefix(&self.record.run));
        nonce(&builds, &slot.sample)
    }

    pub(super) fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.record.timeout_seconds)
    }

    fn entry(&self, slot: &Slot) -> Result<Entry<'_>, RaceError> {
        let found = || {
            let info = self
                .record
                .scenarios
                .iter()
                .find(|s| s.name == slot.scenario)?;
            let scenario = self.scenarios.iter().find(|s| s.name == slot.scenario)?;
            let variant = scenario.variants.iter().find(|v| v.name == slot.variant)?;
            Some(Entry {
                info,
                scenario,
                variant,
            })
        };
        found().ok_or_else(|| RaceError::Plan {
            scenario: slot.scenario.clone(),
            variant: slot.variant.clone(),
        })
    }
}

/// Tells of records that the run could or would not remove.
fn tell_of_left(recorder: &mut dyn Recorder, cleaned: &Cleaned) -> Result<(), RaceError> {
    if !cleaned.kept.is_empty() {
        warn(
            recorder,
            format!(
                "the builder still uses {} cache records of this run and kept them: {}",
                cleaned.kept.len(),
                cleaned.kept.join(" ")
            ),
        )?;
    }
    if cleaned.left_alone > 0 {
        warn(
            recorder,
            format!(
                "somebody else built at the same time: {} new cache records may be theirs and were left in the builder's cache",
                cleaned.left_alone
            ),
        )?;
    }
    Ok(())
}

/// Splits a plan where a sample starts from nothing.
fn blocks(plan: &[Slot]) -> impl Iterator<Item = &[Slot]> {
    plan.chunk_by(|before, slot| {
        slot.kind.follows(before.kind)
            && (slot.round, &slot.scenario, &slot.variant)
                == (before.round, &before.scenario, &before.variant)
    })
}

pub(super) fn record(recorder: &mut dyn Recorder, event: Event) -> Result<(), RaceError> {
    recorder.event(&event).map_err(RaceError::Recorder)
}

fn finish(recorder: &mut dyn Recorder, sample: Sample) -> Result<(), RaceError> {
    record(
        recorder,
        Event::SampleFinished {
            at: Timestamp::now(),
            sample,
        },
    )
}

pub(super) fn warn(recorder: &mut dyn Recorder, message: String) -> Result<(), RaceError> {
    record(
        recorder,
        Event::Warning {
            at: Timestamp::now(),
            message,
        },
    )
}
