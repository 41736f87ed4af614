//! The samples of a run one by one, as reports show them.

use crate::model::{BuildKind, Outcome};
use crate::verdict::Assessment;

/// A sample. Names and texts come from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleView {
    /// Id of the sample, fit for a file's name.
    pub id: String,
    /// Scenario of the sample.
    pub scenario: String,
    /// Variant of the sample.
    pub variant: String,
    /// Build kind of the sample.
    pub kind: BuildKind,
    /// Round of the sample, from 1.
    pub round: u32,
    /// Place in the order of the round, from 1.
    pub position: u32,
    /// How it ended. Only of `ok` samples does the time count.
    pub outcome: Outcome,
    /// Wall time, seconds.
    pub seconds: f64,
    /// When its build began, seconds after the run did, where that was recorded.
    pub began: Option<f64>,
    /// Why its round counts for nothing, where it does.
    pub dropped: Option<String>,
    /// Share of CPU time that was busy in the moment before, 0 to 1.
    pub busy_before: Option<f64>,
    /// Share of CPU time that was busy meanwhile, 0 to 1.
    pub busy: Option<f64>,
    /// Share of CPU time that went to other machines of the hypervisor, 0 to 1.
    pub steal: Option<f64>,
    /// What else used the builder meanwhile.
    pub disturbances: Vec<String>,
    /// Steps of its Dockerfile that were executed or taken from the cache.
    pub steps: u32,
    /// Those of them from the cache.
    pub cached_steps: u32,
    /// Whether its image was compared with what the scenario says of it.
    pub output_checked: bool,
}

impl SampleView {
    /// Whether its time counts.
    pub fn counts(&self) -> bool {
        self.outcome == Outcome::Ok && self.dropped.is_none()
    }
}

pub(super) fn samples(assessment: &Assessment<'_>) -> Vec<SampleView> {
    let run = assessment.run;
    let samples = run.samples.iter();
    samples
        .map(|sample| {
            let slot = &sample.slot;
            let mut dropped = assessment.dropped().iter();
            let dropped = dropped.find(|d| d.round == slot.round && d.scenario == slot.scenario);
            let began = run.began.get(&slot.id);
            let began = began.map(|at| at.duration_since(run.record.started).as_secs_f64());
            SampleView {
                id: slot.id.clone(),
                scenario: slot.scenario.clone(),
                variant: slot.variant.clone(),
                kind: slot.kind,
                round: slot.round,
                position: slot.position,
                outcome: sample.outcome,
                seconds: sample.wall.as_secs_f64(),
                // A clock that was set back says nothing.
                began: began.filter(|began| *began >= 0.0),
                dropped: dropped.map(|dropped| dropped.reason.clone()),
                busy_before: sample.host.cpu_busy_before,
                busy: sample.host.cpu_busy,
                steal: sample.host.cpu_steal,
                disturbances: sample.disturbances.clone(),
                steps: sample.steps,
                cached_steps: sample.cached_steps,
                output_checked: sample.output_checked,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::model::Contamination;
    use crate::report::View;
    use crate::report::fixture::{self, ARTICLE};

    #[test]
    fn a_sample_says_when_it_began_and_why_it_does_not_count() {
        let (mut record, mut samples) = fixture::run(&ARTICLE, 2);
        record.rules.contamination = Some(Contamination::default());
        samples[3].host.cpu_busy_before = Some(0.9);
        let mut run = fixture::of(&record, &samples);
        let began = record.started + std::time::Duration::from_millis(1500);
        run.began.insert(samples[0].slot.id.clone(), began);
        let before = record.started - std::time::Duration::from_secs(1);
        run.began.insert(samples[1].slot.id.clone(), before);
        let view = View::new(&run, &Default::default());
        let ids: Vec<&str> = view.samples.iter().map(|s| s.id.as_str()).collect();
        let built: Vec<&str> = samples.iter().map(|s| s.slot.id.as_str()).collect();
        assert_eq!(ids, built);
        let began: Vec<Option<f64>> = view.samples[..3].iter().map(|s| s.began).collect();
        assert_eq!(began, [Some(1.5), None, None]);
        // The whole round is dropped, and no other.
        let (first, second) = view.samples.split_at(8);
        let reason = first[0].dropped.as_deref().unwrap();
        assert!(reason.contains("90% busy"), "{reason}");
        assert!(first.iter().all(|s| s.dropped.is_some() && !s.counts()));
        assert!(second.iter().all(super::SampleView::counts));
    }
}
