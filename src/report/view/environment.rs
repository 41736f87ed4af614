//! What is told of a run beside its times: failed builds, emulators and base
//! images.

use std::collections::BTreeMap;

use crate::model::{BuildKind, EmulatorInfo, Failure, Outcome, Platform, Run, RunRecord, Sample};
use crate::stats::{self, Interval};
use crate::verdict;

/// A sample that is not ok.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureView {
    /// Scenario of the sample.
    pub scenario: String,
    /// Variant of the sample.
    pub variant: String,
    /// Build kind of the sample.
    pub kind: BuildKind,
    /// Round of the sample, from 1.
    pub round: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// After how many seconds.
    pub seconds: f64,
    /// Why it is not `ok`.
    pub failure: Failure,
}

/// How often a variant's builds of a kind ended badly.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureRate {
    /// The scenario.
    pub scenario: String,
    /// The variant.
    pub variant: String,
    /// The kind.
    pub kind: BuildKind,
    /// How many ended badly, by how they did.
    pub failed: BTreeMap<Outcome, u32>,
    /// Of how many that were built, those of dropped rounds included.
    pub built: u32,
    /// Where the true share lies, with 95%.
    pub interval: Interval,
}

impl FailureRate {
    /// How many ended badly.
    pub fn count(&self) -> u32 {
        self.failed.values().sum()
    }
}

/// A rate for each variant and kind of which a build ended badly, in the order
/// of their names. What was not built at all, was interrupted, or got no
/// container from the builder, says nothing. A wrong image is no matter of how
/// often.
pub(super) fn failure_rates(run: &Run) -> Vec<FailureRate> {
    /// How many ended badly, by how they did, and of how many.
    type Counts = (BTreeMap<Outcome, u32>, u32);
    let mut groups: BTreeMap<(&str, &str, BuildKind), Counts> = BTreeMap::new();
    for sample in &run.samples {
        let at = (
            sample.slot.scenario.as_str(),
            sample.slot.variant.as_str(),
            sample.slot.kind,
        );
        match sample.outcome {
            Outcome::Skipped | Outcome::Interrupted => {}
            Outcome::Ok => groups.entry(at).or_default().1 += 1,
            // Inspected at once: the others are as wrong.
            Outcome::WrongOutput => {}
            Outcome::Failed if verdict::says_nothing(run, sample) => {}
            Outcome::Failed
            | Outcome::NotTransferred
            | Outcome::TimedOut
            | Outcome::LostBuilder => {
                let (failed, built) = groups.entry(at).or_default();
                *failed.entry(sample.outcome).or_insert(0) += 1;
                *built += 1;
            }
        }
    }
    let bad = groups
        .into_iter()
        .filter(|(_, (failed, _))| !failed.is_empty());
    bad.filter_map(|((scenario, variant, kind), (failed, built))| {
        Some(FailureRate {
            scenario: scenario.to_owned(),
            variant: variant.to_owned(),
            kind,
            interval: stats::share_interval(failed.values().sum(), built)?,
            failed,
            built,
        })
    })
    .collect()
}

/// An emulator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmulatorView {
    /// Platform that it runs.
    pub platform: Platform,
    /// Name of its handler, `qemu-aarch64`.
    pub handler: String,
    /// Version that the emulator reports, `10.0.2`.
    pub version: Option<String>,
}

impl EmulatorView {
    /// `linux/arm64 under QEMU 10.0.2`, `linux/arm64 emulated`.
    pub fn describe(&self) -> String {
        // What another machine's kernel has registered is not seen from here.
        if self.handler == "not visible from here" {
            return format!("{} emulated", self.platform);
        }
        // As Debian and others call the handler, and as the private engine does.
        let qemu = ["qemu-", "buildrace-"];
        let name = if qemu.iter().any(|prefix| self.handler.starts_with(prefix)) {
            "QEMU"
        } else {
            &self.handler
        };
        match &self.version {
            Some(version) => format!("{} under {name} {version}", self.platform),
            None => format!("{} under {name}", self.platform),
        }
    }
}

/// A base image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseImageView {
    /// Name of the image, as Dockerfiles write it.
    pub name: String,
    /// Platforms that it was used on.
    pub platforms: Vec<Platform>,
    /// Digests, more than one where platforms differ.
    pub digests: Vec<String>,
    /// Whether it is a stand-in on any platform.
    pub stand_in: bool,
}

pub(super) fn failure(sample: &Sample) -> FailureView {
    FailureView {
        scenario: sample.slot.scenario.clone(),
        variant: sample.slot.variant.clone(),
        kind: sample.slot.kind,
        round: sample.slot.round,
        outcome: sample.outcome,
        seconds: sample.wall.as_secs_f64(),
        failure: sample.failure.clone().unwrap_or_else(|| Failure {
            message: sample.outcome.to_string(),
            step: None,
            exit_code: None,
            log_tail: Vec::new(),
        }),
    }
}

pub(super) fn emulators(emulators: &[EmulatorInfo]) -> Vec<EmulatorView> {
    emulators
        .iter()
        .map(|emulator| EmulatorView {
            platform: emulator.platform.clone(),
            handler: emulator.handler.clone(),
            version: emulator.version.clone(),
        })
        .collect()
}

pub(super) fn base_images(record: &RunRecord) -> Vec<BaseImageView> {
    let mut images: Vec<BaseImageView> = Vec::new();
    for image in &record.base_images {
        let at = images.iter().position(|known| known.name == image.name);
        let at = at.unwrap_or_else(|| {
            images.push(BaseImageView {
                name: image.name.clone(),
                platforms: Vec::new(),
                digests: Vec::new(),
                stand_in: false,
            });
            images.len() - 1
        });
        let known = &mut images[at];
        // Of several builders each has its own.
        if !known.platforms.contains(&image.platform) {
            known.platforms.push(image.platform.clone());
        }
        if let Some(digest) = &image.digest
            && !known.digests.contains(digest)
        {
            known.digests.push(digest.clone());
        }
        known.stand_in |= image.stand_in;
    }
    images
}

pub(super) fn sources(record: &RunRecord) -> Vec<(String, String)> {
    let scenarios = record.scenarios.iter();
    scenarios
        .filter_map(|info| {
            let from = info.sources_from.as_ref()?;
            Some((info.name.clone(), from.describe()))
        })
        .collect()
}
