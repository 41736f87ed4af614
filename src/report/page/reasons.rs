//! Why a scenario's variants differ: who is to blame, and their builds on one
//! time axis.

use super::super::explanation::shared_sentence;
use super::super::number;
use super::super::view::ScenarioView;
use super::anchors::Anchors;
use super::waterfall::Waterfall;
use crate::escape;
use crate::explain::{Explanation, RunExplanation, SampleExplanation};
use crate::model::BuildKind;

/// Variants whose builds are drawn below each other.
const MAX_BUILDS: usize = 12;
/// Steps of each.
const MAX_STEPS: usize = 8;

/// The reasons of a scenario.
pub(super) struct Reasons {
    pub(super) name: String,
    pub(super) culprits: Vec<Culprit>,
    /// The builds of the culprits.
    pub(super) waterfall: Waterfall,
}

/// Who is to blame.
pub(super) struct Culprit {
    /// `multi-arch of naive`.
    pub(super) what: String,
    /// Without a full stop.
    pub(super) sentence: String,
    /// Where the steps of its build are.
    pub(super) sample: Option<SampleLink>,
}

pub(super) struct SampleLink {
    pub(super) id: String,
    pub(super) anchor: String,
}

/// The reasons of each scenario that has any.
pub(super) fn reasons(
    scenarios: &[ScenarioView],
    explained: &RunExplanation,
    anchors: &Anchors,
) -> Vec<Reasons> {
    let scenarios = scenarios.iter().filter(|s| !s.culprits.is_empty());
    scenarios
        .map(|scenario| Reasons {
            name: escape::bounded(&scenario.name),
            culprits: culprits(scenario, explained, anchors),
            waterfall: waterfall(scenario, explained, anchors),
        })
        .collect()
}

fn culprits(
    scenario: &ScenarioView,
    explained: &RunExplanation,
    anchors: &Anchors,
) -> Vec<Culprit> {
    let mut found = Vec::new();
    for culprit in &scenario.culprits {
        let what = format!("{} of {}", culprit.kind, escape::bounded(&culprit.variant));
        let sample = explained.typical(&scenario.name, &culprit.variant, culprit.kind);
        let sample = sample.and_then(|sample| link(sample, anchors));
        found.push(Culprit {
            what: what.clone(),
            sentence: culprit.step.sentence(),
            sample,
        });
        found.extend(shared_sentence(&culprit.shared).map(|sentence| Culprit {
            what,
            sentence,
            sample: None,
        }));
    }
    found
}

fn link(found: &SampleExplanation, anchors: &Anchors) -> Option<SampleLink> {
    let id = &found.sample.slot.id;
    Some(SampleLink {
        id: escape::bounded(id),
        anchor: anchors.sample(id)?,
    })
}

/// The median samples of each variant, of the kind that the culprits are of.
fn waterfall(scenario: &ScenarioView, explained: &RunExplanation, anchors: &Anchors) -> Waterfall {
    let kind = scenario
        .culprits
        .first()
        .map_or(BuildKind::Cold, |culprit| culprit.kind);
    let variants = scenario.variants.iter();
    let typical = variants.filter_map(|v| explained.typical(&scenario.name, &v.name, kind));
    let builds: Vec<(String, Option<String>, &Explanation)> = typical
        .take(MAX_BUILDS)
        .map(|found| {
            let title = format!(
                "{} of {}, round {}: {}",
                kind,
                escape::bounded(&found.sample.slot.variant),
                found.sample.slot.round,
                number::seconds(found.sample.wall.as_secs_f64())
            );
            let anchor = anchors.sample(&found.sample.slot.id);
            (title, anchor, &found.explanation)
        })
        .collect();
    let label = format!(
        "Steps of {kind} builds of {}",
        escape::bounded(&scenario.name)
    );
    Waterfall::of_builds(label, &builds, MAX_STEPS)
}
