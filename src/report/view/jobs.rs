//! Jobs of CI with a remote cache: what a first job pays for its export, what a
//! further one saves, and from which job on the cache pays.

use crate::model::{BuildKind, BuildPart, Label, Outcome, PartKind, Sample, ScenarioInfo};
use crate::stats::Times;
use crate::verdict::Assessment;

/// The jobs of a variant with a remote cache.
#[derive(Debug, Clone, PartialEq)]
pub struct JobsView {
    /// The variant, from outside.
    pub variant: String,
    /// The cache.
    pub cache: Label,
    /// The first job: nothing to import.
    pub first: JobView,
    /// Jobs after an edit, by the edit; that of the sources has no name.
    pub further: Vec<(Option<Label>, JobView)>,
    /// Median of a job that has no cache and exports none, seconds.
    pub from_nothing: Option<f64>,
}

/// Jobs of a kind. Times are medians of those that are ok and count, seconds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JobView {
    /// The whole; `None` where none is ok.
    pub total: Option<f64>,
    /// How many are ok.
    pub samples: usize,
    /// Importing the cache, and restoring cache mounts.
    pub import: Option<f64>,
    /// Building.
    pub build: Option<f64>,
    /// Exporting the cache, saving cache mounts, and exporting the result.
    pub export: Option<f64>,
    /// Bytes that were imported and restored, as far as they are known.
    pub imported: Option<u64>,
    /// Bytes of the cache that was exported, and of the cache mounts that were saved.
    pub exported: Option<u64>,
    /// How those ended that are not ok.
    pub failed: Vec<Outcome>,
}

impl JobsView {
    /// From which job on the cache has paid for its exports, the first job being 1, if
    /// all further ones come after an edit of the sources. `None` where it never does,
    /// or that is not known.
    pub fn pays_from(&self) -> Option<u32> {
        let first = self.first.total?;
        let (_, further) = self.further.iter().find(|(edit, _)| edit.is_none())?;
        let (further, without) = (further.total?, self.from_nothing?);
        if first <= without {
            return Some(1);
        }
        let saved = without - further;
        if saved <= 0.0 {
            return None;
        }
        // first + (n - 1) * further <= n * without
        Some(((first - further) / saved).ceil().min(f64::from(u32::MAX)) as u32)
    }

    /// Whether it is known that the cache never pays.
    pub fn never_pays(&self) -> bool {
        let source = self.further.iter().find(|(edit, _)| edit.is_none());
        let source = source.and_then(|(_, job)| job.total);
        let known = self.first.total.zip(source).zip(self.from_nothing);
        known.is_some() && self.pays_from().is_none()
    }
}

/// The jobs of a scenario, of each variant and cache.
pub(super) fn jobs(assessment: &Assessment<'_>, info: &ScenarioInfo) -> Vec<JobsView> {
    let mut caches: Vec<Label> = Vec::new();
    for cache in info.kinds.iter().filter_map(|kind| kind.remote_cache()) {
        if !caches.contains(&cache) {
            caches.push(cache);
        }
    }
    let mut all = Vec::new();
    for variant in &info.variants {
        let of = |kind: BuildKind| job(assessment, info, &variant.name, kind);
        for cache in &caches {
            let further = info.kinds.iter().filter_map(|kind| match kind {
                BuildKind::CiCache(of_kind, edit) if of_kind == cache => Some((*edit, of(*kind))),
                _ => None,
            });
            let jobs = JobsView {
                variant: variant.name.clone(),
                cache: *cache,
                first: of(BuildKind::CacheExport(*cache)),
                further: further.collect(),
                from_nothing: of(BuildKind::MultiArch).total,
            };
            let is_measured = |job: &JobView| job.samples > 0 || !job.failed.is_empty();
            if is_measured(&jobs.first) {
                all.push(jobs);
            }
        }
    }
    all
}

fn job(
    assessment: &Assessment<'_>,
    info: &ScenarioInfo,
    variant: &str,
    kind: BuildKind,
) -> JobView {
    let of_kind: Vec<&Sample> = assessment.run.cell(&info.name, variant, kind).collect();
    let good: Vec<&Sample> = of_kind
        .iter()
        .copied()
        .filter(|sample| sample.outcome == Outcome::Ok && assessment.counts(sample))
        .collect();
    let median = |seconds: Vec<f64>| Times::of(seconds).map(|times| times.median);
    // Of each sample that has one of these parts.
    let sums = |kinds: &[PartKind]| {
        let of_sample = good.iter().map(|sample| {
            let parts = sample.parts.iter();
            parts.filter(|part| kinds.contains(&part.part)).collect()
        });
        let parts: Vec<Vec<&BuildPart>> = of_sample.filter(|it: &Vec<_>| !it.is_empty()).collect();
        parts
    };
    let seconds = |kinds: &[PartKind]| {
        let sum = |parts: &Vec<&BuildPart>| parts.iter().map(|it| it.seconds.as_secs_f64()).sum();
        median(sums(kinds).iter().map(sum).collect())
    };
    let bytes = |kinds: &[PartKind]| {
        let known = |parts: &Vec<&BuildPart>| {
            let known: Vec<u64> = parts.iter().filter_map(|it| it.bytes).collect();
            (!known.is_empty()).then(|| known.iter().sum())
        };
        let mut bytes: Vec<u64> = sums(kinds).iter().filter_map(known).collect();
        bytes.sort_unstable();
        bytes.get(bytes.len() / 2).copied()
    };
    let import = [PartKind::ImportCache, PartKind::RestoreMounts];
    let saved = [PartKind::ExportCache, PartKind::SaveMounts];
    let is_export = |part: &PartKind| !import.contains(part) && *part != PartKind::Build;
    let export: Vec<PartKind> = PartKind::ALL.into_iter().filter(is_export).collect();
    let failed = of_kind.iter().map(|sample| sample.outcome);
    let mut failed: Vec<Outcome> = failed.filter(|outcome| *outcome != Outcome::Ok).collect();
    failed.sort();
    failed.dedup();
    JobView {
        total: median(
            good.iter()
                .map(|sample| sample.wall.as_secs_f64())
                .collect(),
        ),
        samples: good.len(),
        import: seconds(&import),
        build: seconds(&[PartKind::Build]),
        export: seconds(&export),
        imported: bytes(&import),
        exported: bytes(&saved),
        failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_pays_when_it_has_saved_what_its_exports_cost() {
        let jobs = |first: f64, further: f64, without: f64| {
            let job = |total| JobView {
                total: Some(total),
                samples: 3,
                ..JobView::default()
            };
            JobsView {
                variant: "cross".into(),
                cache: "local-max".parse().unwrap(),
                first: job(first),
                further: vec![(None, job(further))],
                from_nothing: Some(without),
            }
        };
        // 130 + 2 * 50 = 230 and 2 * 100 = 200; a third is 230 to 300.
        assert_eq!(jobs(130.0, 50.0, 100.0).pays_from(), Some(2));
        assert_eq!(jobs(160.0, 50.0, 100.0).pays_from(), Some(3));
        assert_eq!(jobs(99.0, 50.0, 100.0).pays_from(), Some(1));
        assert_eq!(jobs(130.0, 100.0, 100.0).pays_from(), None);
        assert!(jobs(130.0, 110.0, 100.0).never_pays());
        let unknown = JobsView {
            from_nothing: None,
            ..jobs(130.0, 50.0, 100.0)
        };
        assert!(unknown.pays_from().is_none() && !unknown.never_pays());
    }
}
