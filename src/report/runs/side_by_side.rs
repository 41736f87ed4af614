//! Several runs side by side: in what they differ, and each time beside that of
//! the first run, with what keeps the two from being compared.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::facts::{Aspect, Difference, differences};
use super::history::MachineClass;
use crate::model::{BuildKind, Platform, Run, RunRecord, ScenarioInfo, VariantInfo};
use crate::report::words::join;
use crate::stats::{Ratio, Times, independent_ratio};
use crate::verdict::Assessment;

/// Several runs as reports show them. Names come from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct SideBySide {
    /// The runs, in the order they were named; the others are compared with the
    /// first.
    pub runs: Vec<RunColumn>,
    /// In what they differ.
    pub differences: Vec<Difference>,
    /// What was built, by scenario, kind and variant.
    pub rows: Vec<RunRow>,
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunColumn {
    /// Its letter, `A` for the first.
    pub letter: String,
    /// Its id.
    pub run: String,
    /// When it began.
    pub started: Timestamp,
    /// Where it was measured.
    pub machine: MachineClass,
}

/// One kind of build of a variant in each run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the variant.
    pub variant: String,
    /// The kind of build.
    pub kind: BuildKind,
    /// In each run; `None` where it was not raced there, or has no time.
    pub cells: Vec<Option<RunCell>>,
}

/// A variant's builds of a kind in one run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunCell {
    /// Wall times of the samples that count, seconds.
    pub times: Times,
    /// Against the reference of the same run, paired by round; `None` for the
    /// reference.
    pub ratio: Option<Ratio>,
    /// Against the same builds of the first run, which are other rounds: a model.
    /// `None` for the first run, and where the two cannot be compared.
    pub over_first: Option<Ratio>,
    /// What else differs from the first run.
    pub marks: BTreeSet<Mark>,
}

/// In what a run's builds differ from those of the first run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// They are for other platforms: the times are not compared.
    Platforms,
    /// Another machine.
    Machine,
    /// Another driver, Docker Engine, BuildKit or image store.
    Builder,
    /// Another QEMU.
    Emulator,
    /// Other base images.
    BaseImages,
    /// Another `scenario.toml`.
    Scenario,
    /// Other sources.
    Sources,
    /// Another Dockerfile.
    Dockerfile,
    /// The reference is another variant.
    Reference,
}

impl Mark {
    /// What is shown of it, `other machine`.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Platforms => "other platforms: not compared",
            Self::Machine => "other machine",
            Self::Builder => "other builder",
            Self::Emulator => "other QEMU",
            Self::BaseImages => "other base images",
            Self::Scenario => "other scenario.toml",
            Self::Sources => "other sources",
            Self::Dockerfile => "other Dockerfile",
            Self::Reference => "other reference",
        }
    }
}

/// The runs have no variant of a scenario in common.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("these runs have nothing in common to compare: {}", .raced.join("; "))]
pub struct NothingInCommon {
    /// What each raced, fit to be shown.
    pub raced: Vec<String>,
}

impl SideBySide {
    /// Two runs or more.
    ///
    /// # Errors
    /// No variant of a scenario is in two of them.
    pub fn new(runs: &[&Run]) -> Result<Self, NothingInCommon> {
        let assessments: Vec<Assessment<'_>> = runs.iter().map(|run| Assessment::of(run)).collect();
        let records: Vec<&RunRecord> = runs.iter().map(|run| &run.record).collect();
        let rows: Vec<RunRow> = names(&records)
            .into_iter()
            .map(|(scenario, kind, variant)| row(&assessments, &scenario, &variant, kind))
            .filter(|row| row.cells.iter().any(Option::is_some))
            .collect();
        let is_shared = |row: &RunRow| row.cells.iter().flatten().count() > 1;
        if !rows.iter().any(is_shared) {
            let raced = records.iter().map(|record| raced(record));
            return Err(NothingInCommon {
                raced: raced.collect(),
            });
        }
        let columns = records.iter().enumerate().map(|(at, record)| RunColumn {
            letter: letter(at),
            run: record.run.clone(),
            started: record.started,
            machine: MachineClass::of(record),
        });
        Ok(Self {
            runs: columns.collect(),
            differences: differences(&records),
            rows,
        })
    }

    /// Every mark that some cell has.
    pub fn marks(&self) -> BTreeSet<Mark> {
        let cells = self.rows.iter().flat_map(|row| row.cells.iter().flatten());
        cells.flat_map(|cell| cell.marks.iter().copied()).collect()
    }

    /// The differences in an aspect.
    pub fn differences_in(&self, aspect: Aspect) -> impl Iterator<Item = &Difference> {
        let differences = self.differences.iter();
        differences.filter(move |difference| difference.aspect == aspect)
    }
}

/// `A` … `Z`, then `A2` and so on.
fn letter(at: usize) -> String {
    let letter = char::from(b'A' + (at % 26) as u8);
    match at / 26 {
        0 => letter.to_string(),
        more => format!("{letter}{}", more + 1),
    }
}

fn raced(record: &RunRecord) -> String {
    let of = |scenario: &ScenarioInfo| {
        let variants = scenario.variants.iter().map(|variant| variant.name.clone());
        format!("{} ({})", scenario.name, join(variants))
    };
    let scenarios = record.scenarios.iter().map(of);
    let text = format!("{} raced {}", record.run, join(scenarios));
    crate::escape::terminal(&text, 300)
}

/// Scenarios, kinds and variants of all runs, in the order in which they come.
fn names(records: &[&RunRecord]) -> Vec<(String, BuildKind, String)> {
    let scenarios = records.iter().flat_map(|record| &record.scenarios);
    let mut by_scenario: Vec<(&str, Vec<&ScenarioInfo>)> = Vec::new();
    for scenario in scenarios {
        match by_scenario
            .iter_mut()
            .find(|(name, _)| *name == scenario.name)
        {
            Some((_, known)) => known.push(scenario),
            None => by_scenario.push((&scenario.name, vec![scenario])),
        }
    }
    let mut names = Vec::new();
    for (scenario, infos) in by_scenario {
        let mut variants: Vec<&str> = Vec::new();
        for variant in infos.iter().flat_map(|info| &info.variants) {
            if !variants.contains(&variant.name.as_str()) {
                variants.push(&variant.name);
            }
        }
        let kinds: BTreeSet<BuildKind> =
            infos.iter().flat_map(|info| &info.kinds).copied().collect();
        for kind in kinds {
            for variant in &variants {
                names.push((scenario.to_owned(), kind, (*variant).to_owned()));
            }
        }
    }
    names
}

fn row(assessments: &[Assessment<'_>], scenario: &str, variant: &str, kind: BuildKind) -> RunRow {
    let walls: Vec<BTreeMap<u32, f64>> = assessments
        .iter()
        .map(|assessment| assessment.times(scenario, variant, kind))
        .collect();
    let first: Vec<f64> = walls[0].values().copied().collect();
    let cells = assessments.iter().zip(&walls).enumerate();
    let cells = cells.map(|(at, (assessment, walls))| {
        let times = Times::of(walls.values().copied())?;
        let marks = match at {
            0 => BTreeSet::new(),
            _ => marks(
                &assessments[0].run.record,
                &assessment.run.record,
                scenario,
                variant,
                kind,
            ),
        };
        let walls: Vec<f64> = walls.values().copied().collect();
        let is_compared = at > 0 && !marks.contains(&Mark::Platforms);
        let mut compared = assessment.comparisons().iter();
        let compared = compared.find(|found| {
            found.scenario == scenario && found.candidate == variant && found.kind == kind
        });
        Some(RunCell {
            times,
            ratio: compared.and_then(|found| found.ratio),
            over_first: is_compared
                .then(|| independent_ratio(&walls, &first))
                .flatten(),
            marks,
        })
    });
    RunRow {
        scenario: scenario.to_owned(),
        variant: variant.to_owned(),
        kind,
        cells: cells.collect(),
    }
}

/// In what a run's builds differ from the first run's; what the first run did
/// not build differs in nothing.
fn marks(
    first: &RunRecord,
    other: &RunRecord,
    scenario: &str,
    variant: &str,
    kind: BuildKind,
) -> BTreeSet<Mark> {
    let find = |record: &RunRecord| -> Option<(ScenarioInfo, VariantInfo)> {
        let info = record.scenarios.iter().find(|info| info.name == scenario)?;
        let built = info.variants.iter().find(|built| built.name == variant)?;
        Some((info.clone(), built.clone()))
    };
    let (Some((a, built_a)), Some((b, built_b))) = (find(first), find(other)) else {
        return BTreeSet::new();
    };
    let builder = |record: &RunRecord, built: &VariantInfo| {
        let of = record.builder_of(built);
        (
            of.driver.clone(),
            of.engine_version.clone(),
            of.buildkit_version.clone(),
            of.storage.clone(),
            of.image.clone(),
        )
    };
    // What one of them alone builds for is another mark.
    let platforms: Vec<&Platform> = match kind {
        BuildKind::Cold => vec![&a.native],
        _ => a
            .platforms
            .iter()
            .filter(|p| b.platforms.contains(p))
            .collect(),
    };
    let emulators = |record: &RunRecord, built: &VariantInfo| -> Vec<_> {
        let used = record.emulators_of(built).iter();
        let used = used.filter(|emulator| platforms.contains(&&emulator.platform));
        used.map(|e| {
            (
                e.platform.clone(),
                e.version.clone(),
                e.interpreter_digest.clone(),
            )
        })
        .collect()
    };
    let images = |record: &RunRecord| -> BTreeSet<_> {
        let used = record.base_images.iter();
        let used = used.filter(|image| platforms.contains(&&image.platform));
        used.map(|i| (i.name.clone(), i.platform.to_string(), i.digest.clone()))
            .collect()
    };
    let machine = |record: &RunRecord| (record.host.cpu_model.clone(), record.host.cores);
    let sources = |info: &ScenarioInfo, built: &VariantInfo| {
        let own = built.sources_digest.clone();
        own.unwrap_or_else(|| info.sources_digest.clone())
    };
    let other_platforms = match kind {
        BuildKind::Cold => a.native != b.native,
        _ => a.platforms != b.platforms,
    };
    let found = [
        (Mark::Platforms, other_platforms),
        (Mark::Machine, machine(first) != machine(other)),
        (
            Mark::Builder,
            builder(first, &built_a) != builder(other, &built_b),
        ),
        (
            Mark::Emulator,
            emulators(first, &built_a) != emulators(other, &built_b),
        ),
        (Mark::BaseImages, images(first) != images(other)),
        (Mark::Scenario, a.digest != b.digest),
        (
            Mark::Sources,
            sources(&a, &built_a) != sources(&b, &built_b),
        ),
        (Mark::Dockerfile, built_a.digest != built_b.digest),
        (Mark::Reference, a.reference != b.reference),
    ];
    let found = found.into_iter().filter(|(_, differs)| *differs);
    found.map(|(mark, _)| mark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{self, ARTICLE};

    fn two(change: impl Fn(&mut RunRecord)) -> [Run; 2] {
        let (record, samples) = fixture::run(&ARTICLE, 3);
        let first = fixture::of(&record, &samples);
        let mut second = first.clone();
        second.record.run = "20261124T204500Z-aaaaaa".into();
        for sample in &mut second.samples {
            sample.wall = sample.wall.mul_f64(1.5);
        }
        change(&mut second.record);
        [first, second]
    }

    fn side_by_side(runs: &[Run]) -> SideBySide {
        SideBySide::new(&runs.iter().collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn times_stand_beside_those_of_the_first_run() {
        let found = side_by_side(&two(|_| {}));
        assert_eq!(found.rows.len(), 8);
        assert_eq!(found.differences, []);
        for row in &found.rows {
            let [Some(a), Some(b)] = &row.cells[..] else {
                panic!("{row:?}")
            };
            assert_eq!(a.over_first, None);
            let ratio = b.over_first.unwrap();
            assert!((ratio.estimate - 1.5).abs() < 1e-6, "{ratio:?}");
            assert_eq!(a.ratio.is_some(), row.variant == "cross");
            assert!(b.marks.is_empty());
        }
    }

    /// Each is marked, and nothing else is.
    #[test]
    fn what_differs_is_marked() {
        type Change = fn(&mut RunRecord);
        let changes: [(Mark, Change); 8] = [
            (Mark::Machine, |r| r.host.cpu_model = Some("Xeon".into())),
            (Mark::Builder, |r| {
                r.builder.engine_version = Some("28.5.2".into());
            }),
            (Mark::Builder, |r| {
                r.builder.buildkit_version = Some("v0.25.1".into());
            }),
            (Mark::Emulator, |r| {
                r.emulators[0].version = Some("11.1.3".into());
            }),
            (Mark::BaseImages, |r| r.base_images[0].digest = None),
            (Mark::Scenario, |r| r.scenarios[0].digest = "00".repeat(32)),
            (Mark::Sources, |r| {
                r.scenarios[0].sources_digest = "00".repeat(32);
            }),
            (Mark::Dockerfile, |r| {
                for variant in &mut r.scenarios[0].variants {
                    variant.digest = "00".repeat(32);
                }
            }),
        ];
        for (mark, change) in changes {
            let found = side_by_side(&two(change));
            assert_eq!(found.marks(), BTreeSet::from([mark]));
            for row in &found.rows {
                let cell = row.cells[1].as_ref().unwrap();
                assert!(cell.over_first.is_some(), "{mark:?} refuses");
                // Nothing is emulated in a build for the own platform.
                let is_marked = mark != Mark::Emulator || row.kind != BuildKind::Cold;
                let expected: BTreeSet<Mark> = is_marked.then_some(mark).into_iter().collect();
                assert_eq!(cell.marks, expected, "{row:?}");
            }
        }
    }

    #[test]
    fn builds_for_other_platforms_are_not_compared() {
        let found = side_by_side(&two(|r| {
            r.scenarios[0].platforms.pop();
        }));
        for row in &found.rows {
            let cell = row.cells[1].as_ref().unwrap();
            let is_cold = row.kind == BuildKind::Cold;
            assert_eq!(cell.over_first.is_some(), is_cold, "{row:?}");
            assert_eq!(cell.marks.contains(&Mark::Platforms), !is_cold);
        }
    }

    #[test]
    fn runs_of_nothing_in_common_are_refused() {
        let runs = two(|r| r.scenarios[0].name = "cgo".into());
        let mut runs = runs.to_vec();
        for sample in &mut runs[1].samples {
            sample.slot.scenario = "cgo".into();
        }
        let error = SideBySide::new(&runs.iter().collect::<Vec<_>>()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "these runs have nothing in common to compare: 20261123T204500Z-3f9a1c raced go-hello \
             (naive and cross); 20261124T204500Z-aaaaaa raced cgo (naive and cross)"
        );
    }

    #[test]
    fn letters_go_on_after_the_alphabet() {
        assert_eq!([0, 25, 26, 53].map(letter), ["A", "Z", "A2", "B3"]);
    }
}
