//! The view as rows: what formats without nesting have in common. Names in it
//! are bounded, on one line and unique; figures are finite.

use std::collections::BTreeSet;

use super::super::view::{Cell, ScenarioView, VariantView, View};
use crate::escape;
use crate::model::{BuildKind, Outcome};
use crate::stats::{Interval, Ratio, Times};

/// Characters of a name. Names are keys here, and what reads them has limits
/// of its own: 1024 characters for a benchmark of Bencher.
pub(super) const MAX_NAME: usize = 120;

/// One variant's builds of one kind, of one scenario.
pub(super) struct Row<'a> {
    /// Name of the scenario, unique among scenarios.
    pub(super) scenario_name: String,
    /// Name of the variant, unique in its scenario.
    pub(super) variant_name: String,
    /// Kind of the builds.
    pub(super) kind: BuildKind,
    /// The scenario that the builds are of.
    pub(super) scenario: &'a ScenarioView,
    /// The variant that was built.
    pub(super) variant: &'a VariantView,
    /// What was measured, if anything was.
    pub(super) cell: Option<&'a Cell>,
}

impl Row<'_> {
    /// The times of its builds, if there are any and all are numbers.
    pub(super) fn times(&self) -> Option<Times> {
        let times = self.cell?.times?;
        let figures = [times.median, times.min, times.max];
        figures.iter().all(|time| time.is_finite()).then_some(times)
    }

    /// Ratio of its times to those of the reference, if it is a number.
    pub(super) fn ratio(&self) -> Option<Ratio> {
        self.cell?.ratio.filter(|ratio| ratio.estimate.is_finite())
    }

    /// The interval of that ratio, if its ends are numbers.
    pub(super) fn interval(&self) -> Option<Interval> {
        let interval = self.ratio()?.interval?;
        let finite = interval.low.is_finite() && interval.high.is_finite();
        finite.then_some(interval)
    }

    /// How many of its samples say that it does not build as it should.
    pub(super) fn failed(&self) -> u32 {
        self.count(is_failure)
    }

    /// How many of its samples did not come to an end of their own: Ctrl-C, or
    /// what they start from was not built.
    pub(super) fn unfinished(&self) -> u32 {
        self.count(|outcome| outcome != Outcome::Ok && !is_failure(outcome))
    }

    fn count(&self, which: fn(Outcome) -> bool) -> u32 {
        let counts = self.cell.iter().flat_map(|cell| &cell.failed);
        let counts = counts.filter(|(outcome, _)| which(**outcome));
        counts.map(|(_, count)| count).sum()
    }
}

/// Whether an outcome says something of what was built.
pub(super) fn is_failure(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Failed
        | Outcome::WrongOutput
        | Outcome::NotTransferred
        | Outcome::TimedOut
        | Outcome::LostBuilder => true,
        Outcome::Ok | Outcome::Interrupted | Outcome::Skipped => false,
    }
}

/// Every kind of every variant of every scenario, in the view's order; those
/// without a sample too, so that the rows of two runs of a plan are the same.
pub(super) fn rows(view: &View) -> Vec<Row<'_>> {
    let scenario_names = names(view.scenarios.iter().map(|scenario| &scenario.name));
    let mut rows = Vec::new();
    for (scenario, scenario_name) in view.scenarios.iter().zip(scenario_names) {
        let variant_names = names(scenario.variants.iter().map(|variant| &variant.name));
        for (variant, variant_name) in scenario.variants.iter().zip(variant_names) {
            for &kind in scenario.kinds.iter().chain(&scenario.job_kinds) {
                rows.push(Row {
                    scenario_name: scenario_name.clone(),
                    variant_name: variant_name.clone(),
                    kind,
                    scenario,
                    variant,
                    cell: variant.cells.get(&kind),
                });
            }
        }
    }
    rows
}

/// The rows, each with its name, `go-hello / cross / cold`, which no two of
/// them share.
pub(super) fn named(view: &View) -> Vec<(String, Row<'_>)> {
    let rows = rows(view);
    let names = unique(rows.iter().map(|row| {
        let Row {
            scenario_name,
            variant_name,
            kind,
            ..
        } = row;
        format!("{scenario_name} / {variant_name} / {kind}")
    }));
    names.into_iter().zip(rows).collect()
}

/// Those that have times. Their names do not depend on which were built.
pub(super) fn timed(view: &View) -> Vec<(String, Row<'_>, Times)> {
    let named = named(view).into_iter();
    let timed = named.filter_map(|(name, row)| {
        let times = row.times()?;
        Some((name, row, times))
    });
    timed.collect()
}

/// The names, safe for a terminal, bounded, and each once.
pub(super) fn names<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    unique(
        names
            .into_iter()
            .map(|name| escape::terminal(name, MAX_NAME)),
    )
}

/// The texts, a number behind those that were there before.
pub(super) fn unique(texts: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let texts = texts.into_iter().map(|text| {
        let numbered = (2..).map(|number| format!("{text} ({number})"));
        let free = std::iter::once(text.clone())
            .chain(numbered)
            .find(|text| !seen.contains(text))
            .expect("there is always another number");
        seen.insert(free.clone());
        free
    });
    texts.collect()
}

/// A figure to a millionth, which is more than any of them means.
pub(super) fn rounded(figure: f64) -> f64 {
    if figure.abs() < 1e9 {
        (figure * 1e6).round() / 1e6
    } else {
        figure
    }
}
