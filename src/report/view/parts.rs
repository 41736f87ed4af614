//! What the times of exported builds are made of.

use crate::model::{BuildKind, BuildPart, Outcome, PartKind, Sample, ScenarioInfo};
use crate::stats::Times;
use crate::verdict::Assessment;

/// Builds of a variant and kind whose results are exported.
#[derive(Debug, Clone, PartialEq)]
pub struct PartsView {
    /// The variant, from outside.
    pub variant: String,
    /// The kind.
    pub kind: BuildKind,
    /// Median of the whole, seconds.
    pub total: f64,
    /// Medians of its parts, seconds, and bytes where they are known.
    pub parts: Vec<(PartKind, f64, Option<u64>)>,
}

/// Of each variant and kind of a scenario whose results are exported; jobs of CI have
/// a view of their own.
pub(super) fn parts(assessment: &Assessment<'_>, info: &ScenarioInfo) -> Vec<PartsView> {
    let mut all = Vec::new();
    for variant in &info.variants {
        let kinds = info
            .kinds
            .iter()
            .filter(|kind| kind.remote_cache().is_none());
        for kind in kinds {
            let of_kind = assessment.run.cell(&info.name, &variant.name, *kind);
            let good: Vec<&Sample> = of_kind
                .filter(|sample| sample.outcome == Outcome::Ok && assessment.counts(sample))
                .filter(|sample| !sample.parts.is_empty())
                .collect();
            let walls = good.iter().map(|sample| sample.wall.as_secs_f64());
            let Some(total) = Times::of(walls) else {
                continue;
            };
            let parts = PartKind::ALL.into_iter().filter_map(|part| {
                let found = good.iter().flat_map(|sample| &sample.parts);
                let found: Vec<&BuildPart> = found.filter(|it| it.part == part).collect();
                let times = Times::of(found.iter().map(|it| it.seconds.as_secs_f64()))?;
                let bytes = found.iter().filter_map(|it| it.bytes).max();
                Some((part, times.median, bytes))
            });
            all.push(PartsView {
                variant: variant.name.clone(),
                kind: *kind,
                total: total.median,
                parts: parts.collect(),
            });
        }
    }
    all
}
