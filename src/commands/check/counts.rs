//! One side of `check --baseline`: what hardly varies, counted in the rounds
//! that count.

use super::blame::Blamed;
use crate::explain::{Explanation, RunExplanation, StepKind};
use crate::model::{BuildKind, Outcome, Run, Sample};
use crate::stats::Times;
use crate::verdict::{Assessment, Dropped, says_nothing};

/// What is counted of one variant's builds of a kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Counts {
    /// Most steps that any of them had.
    pub steps: u32,
    /// Fewest of them that came from the cache.
    pub cached: u32,
    /// Most of them that ran under an emulator; `None` where no trace tells.
    pub emulated: Option<usize>,
    /// Share of builds that failed.
    pub failures: f64,
    /// Largest image, bytes; `None` where none was measured.
    pub image: Option<u64>,
    /// Median wall time of those that did not, seconds.
    pub median: Option<f64>,
}

/// One side of the comparison: the rounds that count.
pub(super) struct Side<'a> {
    pub samples: Vec<&'a Sample>,
    run: &'a Run,
    explained: &'a RunExplanation,
    scenario: &'a str,
    variant: &'a str,
    dropped: Vec<Dropped>,
}

impl<'a> Side<'a> {
    pub fn of(
        run: &'a Run,
        explained: &'a RunExplanation,
        scenario: &'a str,
        variant: &'a str,
    ) -> Self {
        let mut dropped = Assessment::of(run).dropped().to_vec();
        dropped.retain(|dropped| dropped.scenario == scenario);
        let counts = |sample: &&Sample| !dropped.iter().any(|d| d.round == sample.slot.round);
        let samples = run.of_variant(scenario, variant).filter(counts).collect();
        Self {
            samples,
            run,
            explained,
            scenario,
            variant,
            dropped,
        }
    }

    /// Whether it built this kind at all.
    pub fn has(&self, kind: BuildKind) -> bool {
        self.run
            .of_variant(self.scenario, self.variant)
            .any(|sample| sample.slot.kind == kind)
    }

    /// Why none of its rounds counts: `: CAUSE`.
    pub fn why_none(&self) -> String {
        let last = self.dropped.last();
        last.map_or_else(String::new, |dropped| {
            format!(
                ": round {} was dropped for {}",
                dropped.round, dropped.reason
            )
        })
    }

    fn of_kind(&self, kind: BuildKind) -> impl Iterator<Item = &'a Sample> {
        let samples = self.samples.iter().copied();
        samples.filter(move |sample| sample.slot.kind == kind)
    }

    fn built(&self, kind: BuildKind) -> impl Iterator<Item = &'a Sample> {
        let of_kind = self.of_kind(kind);
        of_kind.filter(|sample| sample.outcome == Outcome::Ok)
    }

    fn failed(&self, kind: BuildKind) -> impl Iterator<Item = &'a Sample> {
        let run = self.run;
        let is_failure = |sample: &&Sample| {
            matches!(
                sample.outcome,
                Outcome::Failed
                    | Outcome::WrongOutput
                    | Outcome::NotTransferred
                    | Outcome::TimedOut
            )
        };
        let of_kind = self.of_kind(kind);
        of_kind.filter(move |sample| is_failure(sample) && !says_nothing(run, sample))
    }

    /// The build that shows the counts of a kind best: of the good ones the
    /// one with the fewest steps from the cache.
    pub fn typical(&self, kind: BuildKind) -> Option<Blamed<'a>> {
        let worst = self.built(kind).min_by_key(|sample| sample.cached_steps)?;
        let found = self.explained.sample(&worst.slot.id)?;
        Some(Blamed::of(found, self.explained, self.run))
    }

    pub fn failing(&self, kind: BuildKind) -> Option<&'a Explanation> {
        let explained = self.explained;
        let mut failed = self.failed(kind);
        failed.find_map(|sample| Some(&explained.sample(&sample.slot.id)?.explanation))
    }

    /// Why builds of a kind failed: `: CAUSE`.
    pub fn reason(&self, kind: BuildKind) -> String {
        let failure = self.failed(kind).find_map(|sample| sample.failure.as_ref());
        failure.map_or_else(String::new, |failure| format!(": {}", failure.message))
    }

    /// What is counted of a kind; `None` where no round of it counts.
    pub fn counts(&self, kind: BuildKind) -> Option<Counts> {
        let all = self.of_kind(kind).count();
        let emulated = self.built(kind).filter_map(|sample| {
            let steps = &self.explained.sample(&sample.slot.id)?.explanation.steps;
            let emulated = steps
                .iter()
                .filter(|step| step.kind == StepKind::EmulatedRun && !step.cached);
            Some(emulated.count())
        });
        if all == 0 {
            return None;
        }
        let built = || self.built(kind);
        Some(Counts {
            steps: built().map(|sample| sample.steps).max().unwrap_or(0),
            cached: built().map(|s| s.cached_steps).min().unwrap_or(0),
            emulated: emulated.max(),
            failures: self.failed(kind).count() as f64 / all as f64,
            image: built().filter_map(|sample| sample.image_bytes).max(),
            median: Times::of(built().map(|s| s.wall.as_secs_f64())).map(|times| times.median),
        })
    }
}
