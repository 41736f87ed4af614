//! The view model: everything that a report says, computed once from a run's
//! record and samples. Renderers only choose how to show it.

mod environment;
mod jobs;
mod matrix;
mod nodes;
mod outputs;
mod pairs;
mod parts;
mod samples;
mod scenario;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::escape;
use crate::explain::RunExplanation;
use crate::model::{BuilderInfo, CiCacheInfo, HostInfo, Invocation, LeftOut, Outcome, Rules, Run};
use crate::report::check::CheckView;
use crate::report::words::join;
use crate::stats::{Basis, Ratio};
use crate::verdict::{Assessment, Comparison, Dropped, MultipleComparisons, multiple_comparisons};
pub use environment::{BaseImageView, EmulatorView, FailureRate, FailureView};
pub use jobs::{JobView, JobsView};
pub use matrix::MatrixValueView;
pub use pairs::PairView;
pub use samples::SampleView;
pub use scenario::{Cell, CulpritView, RollUp, ScenarioView, Successive, VariantView};

/// A run as reports show it. Names, steps and messages come from outside.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct View {
    /// Id of the run.
    pub run: String,
    /// When it began.
    pub started: Timestamp,
    /// When it went on after it had been cut off.
    pub resumed: Vec<Timestamp>,
    /// Version of buildrace.
    pub buildrace: String,
    /// What to type to make it again.
    pub command: Invocation,
    /// The commit that the project was at, `-dirty` behind it where files
    /// differed from it.
    pub commit: Option<String>,
    /// The suite that was raced.
    pub suite: Option<String>,
    /// What became of the results of timed builds, where they were exported.
    pub export: Option<String>,
    /// Remote caches of jobs of CI.
    pub ci_caches: Vec<CiCacheInfo>,
    /// What could not be raced.
    pub left_out: Vec<LeftOut>,
    /// Seed of the order.
    pub seed: u64,
    /// Rounds planned, spare ones not counted.
    pub rounds: u32,
    /// How it is judged.
    pub rules: Rules,
    /// Rounds that count for nothing.
    pub dropped: Vec<Dropped>,
    /// Samples planned, as far as rounds were wanted.
    pub planned: usize,
    /// Samples that there are, failed ones included.
    pub measured: usize,
    /// Samples that the user stopped.
    pub interrupted: usize,
    /// What was raced.
    pub scenarios: Vec<ScenarioView>,
    /// Every sample, in the order they were built.
    pub samples: Vec<SampleView>,
    /// Samples of two variants that are worth showing one above the other.
    pub pairs: Vec<PairView>,
    /// How many candidates and kinds are compared with an interval, and how many
    /// of those would exclude 1 by chance.
    pub several: MultipleComparisons,
    /// Several scenarios as one, where a run has them.
    pub roll_up: Vec<RollUp>,
    /// Samples that are not ok, in the order they were built; those that the
    /// user stopped are none of them.
    pub failures: Vec<FailureView>,
    /// How often that was, of each variant and kind that it happened to.
    pub failure_rates: Vec<FailureRate>,
    /// What disturbed samples, by sample.
    pub disturbances: Vec<(String, String)>,
    /// The builder; of several the first.
    pub builder: BuilderInfo,
    /// What was raced side by side; none without a matrix.
    pub matrix: Vec<MatrixValueView>,
    /// The machine.
    pub host: HostInfo,
    /// Largest share of CPU time that the hypervisor took from a sample.
    pub steal_max: Option<f64>,
    /// One line an emulator; of a matrix those of its first value.
    pub emulators: Vec<EmulatorView>,
    /// Base images by name.
    pub base_images: Vec<BaseImageView>,
    /// What the run warned of.
    pub warnings: Vec<String>,
    /// Which images were checked and found correct, a sentence a scenario;
    /// names come from outside.
    pub outputs: Vec<String>,
    /// Where sources were fetched from: scenarios, and what it was.
    pub sources: Vec<(String, String)>,
    /// Address of the run's page, where one was given.
    pub page: Option<String>,
    /// What a check made of the run, where it is one's.
    pub check: Option<CheckView>,
}

impl View {
    /// What a run's record and samples say, and why their times are what they
    /// are, as far as that was explained.
    pub fn new(run: &Run, explained: &RunExplanation) -> Self {
        let (record, samples) = (&run.record, &run.samples);
        let assessment = Assessment::of(run);
        let failures = samples
            .iter()
            .filter(|sample| !matches!(sample.outcome, Outcome::Ok | Outcome::Interrupted))
            .map(environment::failure)
            .collect();
        let disturbances = samples
            .iter()
            .flat_map(|sample| {
                let texts = sample.disturbances.iter();
                texts.map(|text| (sample.slot.id.clone(), text.clone()))
            })
            .collect();
        let compared = assessment.comparisons();
        let scenarios = record.scenarios.iter();
        let scenarios: Vec<ScenarioView> = scenarios
            .map(|info| scenario::scenario(&assessment, info, explained))
            .collect();
        let across = record.scenarios.iter();
        let across: Vec<Comparison> = across
            .flat_map(|info| assessment.across_cells(info))
            .collect();
        let pairs = pairs::pairs(&scenarios, explained);
        Self {
            run: record.run.clone(),
            started: record.started,
            resumed: run.resumed.clone(),
            buildrace: record.buildrace.clone(),
            command: record.command.clone(),
            commit: record.commit.clone(),
            suite: record.suite.clone(),
            export: record.export.clone(),
            ci_caches: record.ci_caches.clone(),
            left_out: record.left_out.clone(),
            seed: record.seed,
            rounds: record.rounds,
            rules: record.rules.clone(),
            dropped: assessment.dropped().to_vec(),
            planned: assessment.slots_planned().len().max(samples.len()),
            measured: samples.len(),
            interrupted: samples
                .iter()
                .filter(|sample| sample.outcome == Outcome::Interrupted)
                .count(),
            scenarios,
            samples: samples::samples(&assessment),
            pairs,
            several: multiple_comparisons(compared.iter().chain(&across)),
            roll_up: scenario::roll_up(&record.rules, compared),
            failures,
            failure_rates: environment::failure_rates(run),
            disturbances,
            builder: record.builder.clone(),
            host: record.host.clone(),
            steal_max: samples
                .iter()
                .filter_map(|sample| sample.host.cpu_steal)
                .max_by(f64::total_cmp),
            matrix: matrix::values(record),
            emulators: environment::emulators(&record.emulators),
            base_images: environment::base_images(record),
            warnings: run.warnings.clone(),
            outputs: outputs::outputs(run),
            sources: environment::sources(record),
            page: None,
            check: None,
        }
    }

    /// The first warnings of the run, such as that an image could not be
    /// checked. Safe for a terminal; escape them for other outputs.
    pub(super) fn warned(&self) -> impl Iterator<Item = String> {
        const MAX_WARNINGS: usize = 6;
        // Those that differ in numbers alone are one.
        let mut kinds: Vec<(String, &String, usize)> = Vec::new();
        for warning in &self.warnings {
            let kind: String = warning.chars().filter(|c| !c.is_ascii_digit()).collect();
            match kinds.iter_mut().find(|(known, ..)| *known == kind) {
                Some((_, _, count)) => *count += 1,
                None => kinds.push((kind, warning, 1)),
            }
        }
        let more = kinds.len().saturating_sub(MAX_WARNINGS);
        let first = kinds.into_iter().take(MAX_WARNINGS);
        first
            .map(|(_, warning, count)| {
                let times = match count {
                    1 => String::new(),
                    count => format!(" ({count} such warnings)"),
                };
                format!("Warning: {}{times}.", escape::terminal(warning, 400))
            })
            .chain((more > 0).then(|| format!("And {more} more warnings.")))
    }

    /// What a reader should know of a run that went on after it had been cut
    /// off: the machine may have been another before and after.
    pub(super) fn resumption(&self) -> Option<String> {
        let at = self.resumed.iter();
        let at: Vec<String> = at.map(|at| at.strftime("%F %T UTC").to_string()).collect();
        (!at.is_empty()).then(|| {
            format!(
                "The run was cut off and resumed ({}): the machine may have been in another state \
                 before than after.",
                join(at)
            )
        })
    }

    /// Whether every planned sample was built, well or not.
    pub fn is_complete(&self) -> bool {
        self.measured >= self.planned
    }

    /// That the run is not whole, and why, in a sentence.
    pub(super) fn unfinished(&self) -> Option<String> {
        let why = match self.interrupted {
            0 => "The run did not finish",
            _ => "The run was interrupted",
        };
        let built = self.measured - self.interrupted;
        let is_whole = self.is_complete() && self.interrupted == 0;
        (!is_whole).then(|| format!("{why}: {built} of {} samples.", self.planned))
    }

    /// `Other builds ran during 5 of 24 samples.`
    pub(super) fn disturbed(&self) -> Option<String> {
        let samples = self.disturbances.iter().map(|(sample, _)| sample);
        let samples: BTreeSet<&String> = samples.collect();
        (!samples.is_empty()).then(|| {
            format!(
                "Other builds ran during {} of {} samples.",
                samples.len(),
                self.measured
            )
        })
    }

    /// Names of the base images that are stand-ins.
    pub fn stand_ins(&self) -> Vec<&str> {
        let stand_ins = self.base_images.iter().filter(|image| image.stand_in);
        stand_ins.map(|image| image.name.as_str()).collect()
    }

    /// Most rounds of which any cell has a time.
    pub fn n(&self) -> usize {
        self.scenarios
            .iter()
            .flat_map(|scenario| &scenario.variants)
            .flat_map(|variant| variant.cells.values())
            .filter_map(|cell| Some(cell.times?.n))
            .max()
            .unwrap_or(0)
    }

    /// Whether any ratio rests on this.
    pub fn rests_on(&self, basis: fn(Basis) -> bool) -> bool {
        self.ratios().any(|ratio| basis(ratio.basis))
    }

    /// Whether any ratio has a model-based interval, which a report must call so.
    pub fn has_model_based(&self) -> bool {
        self.rests_on(|basis| basis == Basis::ModelBased)
    }

    /// Whether any ratio has none, since it comes from one round.
    pub fn has_single_rounds(&self) -> bool {
        self.rests_on(|basis| basis == Basis::OneRound)
    }

    /// The looks that signed-rank intervals come from: rounds, and the
    /// probability that an interval misses the truth.
    pub fn looks(&self) -> BTreeMap<usize, f64> {
        let looks = self.ratios().filter_map(|ratio| match ratio.basis {
            Basis::SignedRank(look) => Some((look.rounds, look.alpha())),
            Basis::OneRound | Basis::ModelBased => None,
        });
        looks.collect()
    }

    /// Every change that matters, as a share, in order and each once.
    pub fn deltas(&self) -> Vec<f64> {
        let variants = self.scenarios.iter().flat_map(|s| &s.variants);
        let cells = variants.flat_map(|variant| variant.cells.values());
        let mut deltas: Vec<f64> = cells
            .filter(|cell| cell.ratio.is_some())
            .map(|cell| cell.delta)
            .collect();
        deltas.sort_by(f64::total_cmp);
        deltas.dedup();
        deltas
    }

    fn ratios(&self) -> impl Iterator<Item = Ratio> {
        let variants = self.scenarios.iter().flat_map(|s| &s.variants);
        variants.flat_map(|variant| {
            let ratios = variant.cells.values().filter_map(|cell| cell.ratio);
            ratios.chain(variant.added_cost)
        })
    }
}
