//! Scenarios of a run as reports show them: variants, cells, and several
//! scenarios as one.

use std::collections::{BTreeMap, BTreeSet};

use super::jobs::{self, JobsView};
use super::parts::{self, PartsView};
use crate::explain::{RunExplanation, StepFacts};
use crate::model::{BuildKind, Outcome, Platform, Rules, Sample, ScenarioInfo, split_cell};
use crate::report::explanation::{CulpritStep, shared_steps};
use crate::report::number;
use crate::report::words::join;
use crate::stats::{self, Looks, Ratio, Times, Verdict};
use crate::verdict::{self, Assessment, Comparison};

/// One scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioView {
    /// Name of the scenario.
    pub name: String,
    /// One line on what it is.
    pub title: String,
    /// The platform of its cold kind.
    pub native: Platform,
    /// The platforms of multi-arch.
    pub platforms: Vec<Platform>,
    /// Those of them that multi-arch builds beside the native one. Empty where
    /// it leaves the native one out: its time and that of cold are then times
    /// of different builds, and nothing is added.
    pub added: Vec<Platform>,
    /// Kinds raced, in the order of reports.
    pub kinds: Vec<BuildKind>,
    /// Kinds of jobs of CI, with their remote caches.
    pub job_kinds: Vec<BuildKind>,
    /// Those jobs, by variant and cache.
    pub jobs: Vec<JobsView>,
    /// What the times of exported builds are made of.
    pub parts: Vec<PartsView>,
    /// Variants, the reference first if it was raced.
    pub variants: Vec<VariantView>,
    /// The kind that a gate goes by.
    pub gate: Option<BuildKind>,
    /// Rounds that count.
    pub clean: u32,
    /// Wall time of all of its builds, seconds.
    pub spent: f64,
    /// How many builds that were.
    pub builds: usize,
    /// What an incremental build changes, from outside.
    pub edit: Option<String>,
    /// What incremental builds of other edits change, by the names of those.
    pub edits: BTreeMap<String, Vec<String>>,
    /// Which step of each variant is to blame, in the order of the variants.
    pub culprits: Vec<CulpritView>,
    /// Each variant against the one before it, or, in a matrix, further pairs.
    /// Empty where there are but two, which are compared as it is.
    pub between: Vec<Successive>,
}

/// What changes from one variant to the next: where variants build on each
/// other, what the step from one to the other buys. In a matrix, from the
/// reference to a candidate at a value, and from one value to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Successive {
    /// The variant before.
    pub from: String,
    /// The variant after it.
    pub to: String,
    /// Its times over those of the one before, paired by round.
    pub ratios: BTreeMap<BuildKind, Ratio>,
    /// What is said of them, where that is judged: in a matrix.
    pub verdicts: BTreeMap<BuildKind, Verdict>,
}

/// The step that is to blame for a variant's time.
#[derive(Debug, Clone, PartialEq)]
pub struct CulpritView {
    /// The variant.
    pub variant: String,
    /// Of which kind of build.
    pub kind: BuildKind,
    /// The step, and what it costs.
    pub step: CulpritStep,
    /// Steps of the same build that ran once for several platforms and took a
    /// while.
    pub shared: Vec<StepFacts>,
}

/// One variant.
#[derive(Debug, Clone, PartialEq)]
pub struct VariantView {
    /// Name of the variant.
    pub name: String,
    /// Whether the others are compared with it.
    pub reference: bool,
    /// Its Dockerfile, from outside.
    pub dockerfile: String,
    /// The git commit that it is of, where it is not the working tree's.
    pub revision: Option<String>,
    /// What was measured, by kind; a kind without any sample has no cell.
    pub cells: BTreeMap<BuildKind, Cell>,
    /// multi-arch over cold, paired by round: what the added platforms cost;
    /// `None` where none were added.
    pub added_cost: Option<Ratio>,
    /// Whether the medians of the two contradict that.
    pub cost_contradicted: bool,
}

/// A variant's samples of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Wall times of the samples that count, seconds.
    pub times: Option<Times>,
    /// The same one by one, seconds by round.
    pub by_round: BTreeMap<u32, f64>,
    /// Whether no build of it executed a step.
    pub all_cached: bool,
    /// How many samples there are, whatever they count; those that the user
    /// stopped are left out.
    pub samples: u32,
    /// How many of them did not end well, by outcome. What the user stopped
    /// is none of them.
    pub failed: BTreeMap<Outcome, u32>,
    /// How many the user stopped.
    pub interrupted: u32,
    /// Candidate over reference in each round that has both; empty for the
    /// reference itself.
    pub ratios: BTreeMap<u32, f64>,
    /// Whether the medians say the contrary of `ratio`: one that it is slower,
    /// the other that it is faster.
    pub contradicted: bool,
    /// Against the reference variant, paired by round; `None` for the
    /// reference itself, and where it was not raced.
    pub ratio: Option<Ratio>,
    /// What is said of it; `None` where there is nothing to compare with, or
    /// there were too few rounds.
    pub verdict: Option<Verdict>,
    /// The change that matters, as a share.
    pub delta: f64,
}

/// A kind of build over all scenarios of a run that have it.
#[derive(Debug, Clone, PartialEq)]
pub struct RollUp {
    /// The kind.
    pub kind: BuildKind,
    /// Name of the candidate, which all of them have.
    pub candidate: String,
    /// How many scenarios.
    pub scenarios: usize,
    /// Geometric mean of the candidates' ratios.
    pub ratio: Ratio,
    /// What is said of it.
    pub verdict: Option<Verdict>,
}

impl ScenarioView {
    /// The variant that the others are compared with, if it was raced.
    pub fn reference(&self) -> Option<&VariantView> {
        self.variants.iter().find(|variant| variant.reference)
    }

    /// Whether multi-arch builds for the native platform too.
    pub fn builds_native(&self) -> bool {
        self.platforms.contains(&self.native)
    }

    /// The platforms of multi-arch, `linux/amd64 and linux/arm64`.
    pub fn platform_names(&self) -> String {
        join(self.platforms.iter().map(ToString::to_string))
    }

    /// Whether what the added platforms cost can be told: both kinds raced.
    pub fn shows_cost(&self) -> bool {
        !self.added.is_empty()
            && [BuildKind::Cold, BuildKind::MultiArch]
                .iter()
                .all(|kind| self.kinds.contains(kind))
    }

    /// `linux/arm64`, or `linux/arm64 and linux/riscv64`.
    pub fn added_names(&self) -> String {
        join(self.added.iter().map(ToString::to_string))
    }

    /// `+linux/arm64`, or `+2 platforms`: what multi-arch has that cold has not.
    pub fn added_label(&self) -> String {
        match self.added.as_slice() {
            [platform] => format!("+{platform}"),
            platforms => format!("+{} platforms", platforms.len()),
        }
    }
}

impl Cell {
    /// What stands in the place of a time where no build failed: the user
    /// stopped it, or its rounds were dropped.
    pub fn without_time(&self) -> &'static str {
        match (self.samples, self.interrupted) {
            (0, 1..) => Outcome::Interrupted.as_str(),
            _ => "dropped",
        }
    }

    /// The ratio in words; `≈` where the medians beside it contradict it.
    pub fn describe(&self) -> Option<String> {
        let ratio = self.ratio.as_ref()?;
        Some(match self.contradicted {
            true => number::CONTRADICTED.to_owned(),
            false => number::describe_comparison(ratio),
        })
    }
}

impl VariantView {
    /// What the added platforms cost, in words; `≈` where the medians beside
    /// it contradict it.
    pub fn describe_cost(&self) -> Option<String> {
        let cost = self.added_cost.as_ref()?;
        Some(match self.cost_contradicted {
            true => number::CONTRADICTED.to_owned(),
            false => number::describe_cost(cost),
        })
    }

    /// Median wall time of a kind, seconds.
    pub fn median(&self, kind: BuildKind) -> Option<f64> {
        Some(self.cells.get(&kind)?.times?.median)
    }

    /// Ratio to the reference of a kind.
    pub fn ratio(&self, kind: BuildKind) -> Option<Ratio> {
        self.cells.get(&kind)?.ratio
    }

    /// Verdict of a kind.
    pub fn verdict(&self, kind: BuildKind) -> Option<Verdict> {
        self.cells.get(&kind)?.verdict
    }

    /// The outcome to name where a kind has no time: the commonest.
    pub fn failed(&self, kind: BuildKind) -> Option<Outcome> {
        let cell = self.cells.get(&kind)?;
        if cell.times.is_some() {
            return None;
        }
        let commonest = cell.failed.iter().max_by_key(|(_, count)| **count);
        let interrupted = (cell.interrupted > 0).then_some(Outcome::Interrupted);
        commonest.map(|(outcome, _)| *outcome).or(interrupted)
    }
}

pub(super) fn scenario(
    assessment: &Assessment<'_>,
    info: &ScenarioInfo,
    explained: &RunExplanation,
) -> ScenarioView {
    let all_kinds: BTreeSet<BuildKind> = info.kinds.iter().copied().collect();
    let (kinds, job_kinds): (BTreeSet<_>, BTreeSet<_>) = all_kinds
        .iter()
        .copied()
        .partition(|kind| kind.remote_cache().is_none());
    let others = info.platforms.iter().filter(|p| **p != info.native);
    let added: Vec<Platform> = if info.platforms.contains(&info.native) {
        others.cloned().collect()
    } else {
        Vec::new()
    };
    let looks = assessment.looks(&info.name);
    let variants = info.variants.iter().map(|variant| {
        let cells = all_kinds
            .iter()
            .filter_map(|&kind| Some((kind, cell(assessment, info, &variant.name, kind)?)));
        VariantView {
            name: variant.name.clone(),
            reference: variant.name == info.reference,
            dockerfile: variant.dockerfile.clone(),
            revision: variant.revision.clone(),
            cells: cells.collect(),
            cost_contradicted: false,
            added_cost: if added.is_empty() {
                None
            } else {
                added_cost(assessment, info, &variant.name, looks)
            },
        }
    });
    let mut variants: Vec<VariantView> = variants.collect();
    variants.sort_by_key(|variant| !variant.reference);
    contradict(&mut variants);
    let culprits = variants
        .iter()
        .filter_map(|variant| culprit_of(info, variant, &variants, explained));
    let built = assessment.run.of_scenario(&info.name);
    let walls: Vec<f64> = built.map(|sample| sample.wall.as_secs_f64()).collect();
    ScenarioView {
        culprits: culprits.collect(),
        between: match split_cell(&info.reference).1 {
            Some(_) => across_cells(assessment, info),
            None => successive(looks, &variants),
        },
        name: info.name.clone(),
        title: info.title.clone(),
        native: info.native.clone(),
        platforms: info.platforms.clone(),
        added,
        kinds: kinds.into_iter().collect(),
        job_kinds: job_kinds.into_iter().collect(),
        jobs: jobs::jobs(assessment, info),
        parts: parts::parts(assessment, info),
        gate: info.gate(),
        clean: assessment.rounds_needed(info).clean,
        spent: walls.iter().sum(),
        builds: walls.len(),
        edit: info.edit.clone(),
        edits: info.edits.clone(),
        variants,
    }
}

/// What a variant's builds of a kind show; `None` where there is none.
fn cell(
    assessment: &Assessment<'_>,
    info: &ScenarioInfo,
    variant: &str,
    kind: BuildKind,
) -> Option<Cell> {
    let of_kind: Vec<&Sample> = assessment.run.cell(&info.name, variant, kind).collect();
    if of_kind.is_empty() {
        return None;
    }
    let mut failed = BTreeMap::new();
    let mut interrupted = 0;
    for sample in &of_kind {
        match sample.outcome {
            Outcome::Ok => {}
            Outcome::Interrupted => interrupted += 1,
            other => *failed.entry(other).or_insert(0) += 1,
        }
    }
    let ended = of_kind.len() - interrupted as usize;
    let by_round = assessment.times(&info.name, variant, kind);
    let good = of_kind.iter().filter(|s| s.outcome == Outcome::Ok);
    let mut compared = assessment.comparisons().iter();
    let compared = compared.find(|found| {
        found.scenario == info.name && found.candidate == variant && found.kind == kind
    });
    Some(Cell {
        times: Times::of(by_round.values().copied()),
        by_round,
        all_cached: good.clone().next().is_some()
            && good
                .clone()
                .all(|sample| sample.cached_steps >= sample.steps),
        samples: ended.try_into().unwrap_or(u32::MAX),
        failed,
        interrupted,
        ratios: compared.map_or_else(BTreeMap::new, |found| {
            let logs = found.log_ratios.iter();
            logs.map(|(round, log)| (*round, log.exp())).collect()
        }),
        contradicted: false,
        ratio: compared.and_then(|found| found.ratio),
        verdict: compared.and_then(|found| found.verdict),
        delta: assessment.run.record.rules.delta(&info.name, kind),
    })
}

/// What a variant's further platforms cost it, over its own.
fn added_cost(
    assessment: &Assessment<'_>,
    info: &ScenarioInfo,
    variant: &str,
    looks: Looks,
) -> Option<Ratio> {
    let times = |kind| assessment.times(&info.name, variant, kind);
    let logs = stats::log_ratios(&times(BuildKind::MultiArch), &times(BuildKind::Cold));
    stats::ratio(&logs, looks, assessment.run.record.rules.delta)
}

/// Marks the ratios that the medians shown beside them contradict.
fn contradict(variants: &mut [VariantView]) {
    let reference = variants.iter().find(|variant| variant.reference);
    let medians: BTreeMap<BuildKind, f64> = reference
        .map(|reference| {
            let kinds = reference.cells.keys();
            kinds
                .filter_map(|kind| Some((*kind, reference.median(*kind)?)))
                .collect()
        })
        .unwrap_or_default();
    for variant in variants {
        variant.cost_contradicted = contradicts(
            variant.added_cost,
            variant.median(BuildKind::MultiArch),
            variant.median(BuildKind::Cold),
        );
        for (kind, cell) in &mut variant.cells {
            let own = cell.times.map(|times| times.median);
            cell.contradicted = contradicts(cell.ratio, own, medians.get(kind).copied());
        }
    }
}

/// Whether a ratio is on one side of 1, and that of two medians on the other.
fn contradicts(ratio: Option<Ratio>, over: Option<f64>, under: Option<f64>) -> bool {
    let (Some(ratio), Some(over), Some(under)) = (ratio, over, under) else {
        return false;
    };
    (ratio.estimate < 1.0 && over > under) || (ratio.estimate > 1.0 && over < under)
}

/// Each variant against the one before it, where there are more than two.
fn successive(looks: Looks, variants: &[VariantView]) -> Vec<Successive> {
    if variants.len() < 3 {
        return Vec::new();
    }
    let pairs = variants.iter().zip(&variants[1..]);
    let compared = pairs.map(|(from, to)| {
        let kinds = to.cells.iter().filter_map(|(kind, cell)| {
            let before = &from.cells.get(kind)?.by_round;
            let logs = stats::log_ratios(&cell.by_round, before);
            Some((*kind, stats::ratio(&logs, looks, cell.delta)?))
        });
        Successive {
            from: from.name.clone(),
            to: to.name.clone(),
            ratios: kinds.collect(),
            verdicts: BTreeMap::new(),
        }
    });
    compared.collect()
}

/// Pairs of a matrix beside those with the reference.
fn across_cells(assessment: &Assessment<'_>, info: &ScenarioInfo) -> Vec<Successive> {
    let mut pairs: Vec<Successive> = Vec::new();
    for found in assessment.across_cells(info) {
        let same =
            |pair: &Successive| (&pair.from, &pair.to) == (&found.reference, &found.candidate);
        let at = pairs.iter().position(same).unwrap_or_else(|| {
            pairs.push(Successive {
                from: found.reference.clone(),
                to: found.candidate.clone(),
                ratios: BTreeMap::new(),
                verdicts: BTreeMap::new(),
            });
            pairs.len() - 1
        });
        let kind = found.kind;
        pairs[at]
            .ratios
            .extend(found.ratio.map(|ratio| (kind, ratio)));
        pairs[at]
            .verdicts
            .extend(found.verdict.map(|said| (kind, said)));
    }
    pairs
}

/// Candidates of one name over all scenarios that have it, kind by kind.
pub(super) fn roll_up(rules: &Rules, compared: &[Comparison]) -> Vec<RollUp> {
    let mut groups: BTreeMap<(BuildKind, &str), Vec<&Comparison>> = BTreeMap::new();
    for found in compared.iter().filter(|found| found.ratio.is_some()) {
        let group = groups.entry((found.kind, &found.candidate)).or_default();
        group.push(found);
    }
    let groups = groups.into_iter();
    groups
        .filter_map(|((kind, candidate), parts)| {
            let (ratio, verdict) = verdict::roll_up(rules, &parts)?;
            Some(RollUp {
                kind,
                candidate: candidate.to_owned(),
                scenarios: parts.len(),
                ratio,
                verdict,
            })
        })
        .collect()
}

/// Who is to blame for a variant's time from nothing on all platforms, or for
/// that of the first kind that was raced instead.
fn culprit_of(
    info: &ScenarioInfo,
    variant: &VariantView,
    variants: &[VariantView],
    explained: &RunExplanation,
) -> Option<CulpritView> {
    let kinds = [
        BuildKind::MultiArch,
        BuildKind::Incremental,
        BuildKind::Cold,
    ];
    let found = kinds
        .into_iter()
        .find_map(|kind| explained.typical(&info.name, &variant.name, kind))?;
    // They are read one below the other: each shows where it differs.
    // In a matrix: at the same value.
    let value = |variant: &VariantView| split_cell(&variant.name).1.map(str::to_owned);
    let mut others = variants
        .iter()
        .filter(|other| other.name != variant.name && value(other) == value(variant));
    let other =
        others.find_map(|other| explained.typical(&info.name, &other.name, found.sample.slot.kind));
    let other = other.map(|other| &other.explanation);
    Some(CulpritView {
        variant: variant.name.clone(),
        kind: found.sample.slot.kind,
        step: CulpritStep::of(&found.explanation, other)?,
        shared: shared_steps(&found.explanation),
    })
}
