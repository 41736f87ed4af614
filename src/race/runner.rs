//! Runs a plan: sample after sample, block after block, telling a observer
//! of each event as it happens.
//!
//! A block is one variant's `cold` build, or its chain multi-arch →
//! incremental → noop, where each build starts from the state that the one
//! before it left. A block begins with fresh sources and with nothing in the
//! cache that it could find. A round that is known to be dropped is not built to
//! its end.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::chain::{Chain, ChainName};
use super::emulation::Emulation;
use super::exports::Exports;
use super::idle_wait::Rest;
use super::inspected::Inspected;
use super::nonce::nonce;
use super::observer::{Keeping, Observer, ObserverError};
use super::place::{Place, PlaceState};
use super::redaction::Redaction;
use super::resumption::{Resumption, own_prefix};
use super::round_events;
use super::sample_outcome::skipped;
use super::slot_build::SlotBuild;
use super::warm_up::WarmUpError;
use crate::builder::BuilderError;
use crate::buildkit::{BuildError, Secret};
use crate::model::{CiCache, Outcome, Platform, Run, RunRecord, Sample, Slot, TimedExport};
use crate::model::{Event, RunEnd};
use crate::scenario::{Scenario, ScenarioError, Variant};
use crate::verdict;

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
    /// Cache mounts cannot be copied on a builder.
    #[error(
        "cache mounts are copied by `cp` in one of the base images, and none of those for {platform} \
         has a shell and `cp`: use --cache-mounts lost"
    )]
    NothingCopies {
        /// The builder's own platform.
        platform: Platform,
    },
    /// It could not be found out which image copies cache mounts.
    #[error("cannot find out which base image copies cache mounts: {0}")]
    Copying(BuildError),
    /// The emulators that a sample was to run under could not be registered.
    #[error("cannot build under another emulator: {0}")]
    Emulation(String),
    /// The results could not be written.
    #[error("{0}")]
    Observer(ObserverError),
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
    /// Where it is built: the places that the scenarios' variants name by their
    /// number.
    pub places: &'a [Place<'a>],
    /// What chooses the emulators, where variants name some.
    pub emulation: Option<&'a dyn Emulation>,
    /// Whether to measure images in the first round, after the clock.
    pub image_size: bool,
    /// Secrets of `RUN --mount=type=secret`, by their ids.
    pub secrets: &'a BTreeMap<String, Secret>,
    /// What becomes of the results of timed builds.
    pub export: &'a TimedExport,
    /// Remote caches that kinds of builds name. Their builds need builders whose cache
    /// nobody needs ([`Cleanup::Discard`](crate::builder::Cleanup)).
    pub ci_caches: &'a [CiCache],
    /// Where remote caches in folders, and exported archives, are.
    pub transfer_folder: &'a Path,
    /// Longest wait before a build for the machine to come to rest, where one was chosen.
    pub settle: Option<Duration>,
    /// What results may not say.
    pub redaction: &'a Redaction,
    /// What was done before, where it is a run that goes on.
    pub earlier: Resumption<'a>,
}

/// What a run carries along from sample to sample.
pub(super) struct RunState<'r> {
    /// Who hears of the run, with the run as it grows.
    pub(super) observer: Keeping<'r>,
    /// Waits for the machine to come to rest.
    pub(super) rest: Rest,
    /// Of each place, by its number.
    pub(super) places: Vec<PlaceState>,
    /// Chains that go on in later rounds.
    pub(super) chains: HashMap<ChainName, Chain>,
    pub(super) stop: &'r CancellationToken,
    /// What the references of all builds of the run begin with.
    pub(super) prefix: &'r str,
    /// Whether it was said what to do where rounds are dropped.
    is_advised: bool,
    /// Of each place, by its number, the base image in which cache mounts are copied.
    pub(super) copying_images: HashMap<usize, String>,
    /// Places whose base images are in the remote caches.
    pub(super) bases_exported: HashSet<usize>,
    /// Images that were inspected.
    pub(super) inspected: Inspected,
    /// What timed builds have exported and is not removed yet.
    pub(super) exports: Exports,
}

impl RunState<'_> {
    /// The base image in which cache mounts are copied where a variant is built.
    pub(super) fn copying_image(&self, entry: &SlotBuild<'_>) -> Option<&str> {
        let image = self.copying_images.get(&entry.variant.cell.place);
        image.map(String::as_str)
    }

    /// Whether it is known that the slot's round will be dropped.
    fn is_lost(&self, slot: &Slot) -> bool {
        verdict::round_is_lost(&self.observer.run, &slot.scenario, slot.round)
    }
}

impl Race<'_> {
    /// Runs the plan until it is done, `stop` is cancelled, or it cannot go on.
    ///
    /// # Errors
    /// What made it impossible to go on; a `run-finished` event was recorded
    /// all the same where the observer still could.
    pub async fn run(
        &self,
        observer: &mut dyn Observer,
        stop: &CancellationToken,
    ) -> Result<RunEnd, RaceError> {
        let (at, run) = (Timestamp::now(), self.record.run.clone());
        notify(
            observer,
            match self.earlier.cuts {
                0 => Event::RunStarted { at, run },
                _ => Event::RunResumed { at, run },
            },
        )?;
        let result = self.run_guarded(observer, stop).await;
        let end = match &result {
            Ok(end) => *end,
            Err(_) => RunEnd::Aborted,
        };
        let closing = notify(
            observer,
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
        observer: &mut dyn Observer,
        stop: &CancellationToken,
    ) -> Result<RunEnd, RaceError> {
        let prefix = own_prefix(&self.record.run);
        observer.phase("listing the builder's cache");
        let mut places = Vec::with_capacity(self.places.len());
        for place in self.places {
            places.push(place.enter(&prefix, self.earlier.cuts > 0).await?);
        }
        let mut run = RunState {
            observer: Keeping {
                observer,
                run: Run {
                    samples: self.earlier.samples.to_vec(),
                    ..Run::new(self.record.clone())
                },
            },
            rest: Rest::new(self.settle, self.record.rules.contamination.is_none()),
            places,
            stop,
            prefix: &prefix,
            is_advised: false,
            copying_images: HashMap::new(),
            bases_exported: HashSet::new(),
            inspected: Inspected::default(),
            exports: Exports::default(),
            chains: HashMap::new(),
        };
        let result = self.warm_up_and_build(&mut run).await;
        let removed = self.remove_all_exports(&mut run).await;
        let result = result.and_then(|end| removed.map(|()| end));
        run.observer
            .phase("removing what the run left on the builder");
        for (place, state) in self.places.iter().zip(&mut run.places) {
            let messages = match place.leave(state, &prefix).await {
                Ok(messages) => messages,
                // What was measured stays measured.
                Err(error) => vec![place.on(format!(
                    "cache records of this run may be left on the builder: {}",
                    self.redaction.host_text(&error.to_string())
                ))],
            };
            for message in messages {
                let told = warn(&mut run.observer, message);
                if result.is_ok() {
                    told?;
                }
            }
        }
        result
    }

    async fn warm_up_and_build(&self, run: &mut RunState<'_>) -> Result<RunEnd, RaceError> {
        for place in 0..self.places.len() {
            self.unpack(place, run).await?;
        }
        if run.stop.is_cancelled() {
            return Ok(RunEnd::Interrupted);
        }
        let plan = &self.record.plan;
        for round in plan.chunk_by(|one, next| one.round == next.round) {
            let open = self.open_scenarios(round[0].round, run);
            let mut built = BTreeSet::new();
            for block in blocks(round) {
                let slot = &block[0];
                if !open.contains(&slot.scenario) || !self.has_left(block, run) {
                    continue;
                }
                built.insert(slot.scenario.as_str());
                self.block(block, run).await?;
                if run.stop.is_cancelled() {
                    return Ok(RunEnd::Interrupted);
                }
            }
            self.end_round(round[0].round, &built, run)?;
        }
        Ok(RunEnd::Completed)
    }

    /// The scenarios of which a round is wanted: those before it decide.
    fn open_scenarios(&self, round: u32, run: &RunState<'_>) -> BTreeSet<String> {
        let samples = run.observer.run.samples.iter();
        let before = samples.filter(|sample| sample.slot.round < round);
        round_events::open(&Run {
            samples: before.cloned().collect(),
            ..Run::new(self.record.clone())
        })
    }

    /// Reports what a round showed of the scenarios that were built in it.
    fn end_round(
        &self,
        round: u32,
        built: &BTreeSet<&str>,
        state: &mut RunState<'_>,
    ) -> Result<(), RaceError> {
        let mut scenarios = self.record.scenarios.iter();
        let is_lost =
            scenarios.any(|s| verdict::round_is_lost(&state.observer.run, &s.name, round));
        state.rest.round_ended(is_lost);
        let scenarios = self.record.scenarios.iter();
        for scenario in scenarios.filter(|scenario| built.contains(scenario.name.as_str())) {
            for event in round_events::after(&state.observer.run, scenario, round) {
                notify(&mut state.observer, event)?;
            }
            let advice = round_events::advice(&state.observer.run, scenario, round);
            if let Some(advice) = advice.filter(|_| !state.is_advised) {
                state.is_advised = true;
                warn(&mut state.observer, advice)?;
            }
        }
        Ok(())
    }

    /// Whether anything of a block is left to be built.
    fn has_left(&self, block: &[Slot], run: &RunState<'_>) -> bool {
        let mut slots = block.iter();
        slots.any(|slot| !self.earlier.has(slot) && verdict::is_wanted(&run.observer.run, slot))
    }

    /// Builds one variant's block, as far as its round can count.
    async fn block(&self, block: &[Slot], run: &mut RunState<'_>) -> Result<(), RaceError> {
        let Some(first) = block.first() else {
            return Ok(());
        };
        if run.is_lost(first) {
            return Ok(());
        }
        let entry = self.entry(first)?;
        self.make_room(entry.variant.cell.place, run).await?;
        let name = ChainName::of(first);
        let is_kept = entry.info.built_once.contains(&first.kind);
        let kept = is_kept.then(|| run.chains.remove(&name)).flatten();
        let is_there = kept.is_some();
        let mut chain = match kept {
            Some(chain) => chain,
            None => {
                self.remove_exports_of_ended(entry.variant.cell.place, run)
                    .await?;
                run.observer.phase("copying the sources");
                entry.chain(name.clone(), block)?
            }
        };
        let mut broken = self.earlier.broken(block);
        for slot in block {
            let is_wanted = verdict::is_wanted(&run.observer.run, slot);
            if !is_wanted && is_there {
                continue;
            }
            let is_finished = !is_wanted || self.earlier.has(slot);
            let cause = broken.iter().find(|(kind, _)| slot.kind.is_built_on(*kind));
            if let Some((kind, outcome)) = cause.copied() {
                if !is_finished {
                    let sample = skipped(slot, entry.platforms(slot.kind), kind, outcome);
                    finish(&mut run.observer, sample)?;
                }
                continue;
            }
            if let Some(count) = slot.kind.builds_at_once() {
                run.observer.phase("copying the sources");
                let edit = entry.scenario.edit_of(slot.kind);
                let nonce = |number| self.nonce_of(&format!("{}-{number}", slot.id));
                chain.edit_neighbours(count, edit, &entry.variant.dockerfile, nonce)?;
            } else if let Some(edit) = entry.scenario.edit_of(slot.kind) {
                chain.edit(edit, &self.nonce(slot))?;
            } else if let Some(kind) = slot.kind.starts_from(false)
                && let Some(edit) = entry.scenario.edit_of(kind)
            {
                chain.edit_again(edit)?;
            }
            if slot.kind.remote_cache().is_some() {
                self.empty(entry.variant.cell.place, run).await?;
                self.remove_exports_of(&name, run).await?;
            }
            if is_finished {
                self.make_again(slot, &entry, &mut chain, run).await?;
                if run.stop.is_cancelled() {
                    break;
                }
                continue;
            }
            match self.build_sample(slot, &entry, &mut chain, run).await? {
                Outcome::Ok => {}
                _ if run.stop.is_cancelled() => break,
                outcome => broken.push((slot.kind, outcome)),
            }
            if run.is_lost(slot) {
                break;
            }
        }
        // What did not build leaves nothing to start from.
        let is_begun = broken.iter().all(|(kind, _)| *kind != first.kind);
        if is_kept && is_begun {
            run.chains.insert(name, chain);
        }
        Ok(())
    }

    /// Builds a sample and records it; returns how it ended.
    ///
    /// # Errors
    /// The builder is lost, or does not answer afterwards.
    async fn build_sample(
        &self,
        slot: &Slot,
        entry: &SlotBuild<'_>,
        chain: &mut Chain,
        run: &mut RunState<'_>,
    ) -> Result<Outcome, RaceError> {
        let (sample, unsure) = self.sample(slot, entry, chain, run).await?;
        let outcome = sample.outcome;
        let failure = sample.failure.as_ref().map(|f| f.message.clone());
        finish(&mut run.observer, sample)?;
        match (outcome, unsure) {
            (Outcome::LostBuilder, _) => Err(RaceError::LostBuilder {
                sample: slot.id.clone(),
                message: failure.unwrap_or_default(),
            }),
            (_, Some(error)) => Err(error.into()),
            (outcome, None) => Ok(outcome),
        }
    }

    /// Has the emulators run foreign programs that builds of a variant are to have.
    pub(super) fn emulate(&self, variant: &Variant) -> Result<(), RaceError> {
        match (self.emulation, &variant.cell.qemu) {
            (Some(emulation), Some(version)) => {
                emulation.choose(version).map_err(RaceError::Emulation)
            }
            _ => Ok(()),
        }
    }

    /// What the edit of an incremental build puts into the sources.
    pub(super) fn nonce(&self, slot: &Slot) -> String {
        self.nonce_of(&slot.id)
    }

    fn nonce_of(&self, build: &str) -> String {
        let builds = self.earlier.prefix(&own_prefix(&self.record.run));
        nonce(&builds, build)
    }

    pub(super) fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.record.timeout_seconds)
    }

    fn entry(&self, slot: &Slot) -> Result<SlotBuild<'_>, RaceError> {
        let found = || {
            let infos = &mut self.record.scenarios.iter();
            let scenario = self.scenarios.iter().find(|s| s.name == slot.scenario)?;
            let variant = self.variant(&slot.scenario, &slot.variant)?;
            Some(SlotBuild {
                info: infos.find(|s| s.name == slot.scenario)?,
                scenario,
                variant,
                place: self.places.get(variant.cell.place)?,
                ci_caches: self.ci_caches,
                export: self.export,
                transfer_folder: self.transfer_folder,
            })
        };
        found().ok_or_else(|| RaceError::Plan {
            scenario: slot.scenario.clone(),
            variant: slot.variant.clone(),
        })
    }

    pub(super) fn variant(&self, scenario: &str, variant: &str) -> Option<&Variant> {
        let scenario = self.scenarios.iter().find(|s| s.name == scenario)?;
        scenario.variants.iter().find(|v| v.name == variant)
    }
}

/// Splits a plan where a sample starts from nothing.
fn blocks(plan: &[Slot]) -> impl Iterator<Item = &[Slot]> {
    plan.chunk_by(|before, slot| {
        !slot.kind.starts_empty()
            && (slot.round, &slot.scenario, &slot.variant)
                == (before.round, &before.scenario, &before.variant)
    })
}

pub(super) fn notify(observer: &mut dyn Observer, event: Event) -> Result<(), RaceError> {
    observer.event(&event).map_err(RaceError::Observer)
}

fn finish(observer: &mut dyn Observer, sample: Sample) -> Result<(), RaceError> {
    notify(
        observer,
        Event::SampleFinished {
            at: Timestamp::now(),
            sample,
        },
    )
}

pub(super) fn warn(observer: &mut dyn Observer, message: String) -> Result<(), RaceError> {
    notify(
        observer,
        Event::Warning {
            at: Timestamp::now(),
            message,
        },
    )
}
