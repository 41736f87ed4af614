//! The steps that a picture shows, by platform.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use crate::explain::{Explanation, StepFacts, StepKind};
use crate::model::Platform;

/// Rows that a picture has at most.
const MAX_ROWS: usize = 40;
/// Groups of rows that a picture has at most.
const MAX_GROUPS: usize = 12;
/// Share of the build from which on a step has a row.
const WORTH_SHOWING: f64 = 0.005;

/// What steps of no platform are for.
pub(super) const WHOLE_BUILD: &str = "for the whole build";

/// Steps of one platform.
#[derive(Debug)]
pub(super) struct Group<'e> {
    /// The platform, and how its programs run.
    pub(super) name: String,
    /// Its steps in the order in which they began.
    pub(super) rows: Vec<Row<'e>>,
}

/// A step that is shown.
#[derive(Debug)]
pub(super) struct Row<'e> {
    /// Place of the step among all steps.
    pub(super) place: usize,
    pub(super) step: &'e StepFacts,
}

/// The steps that matter, by platform: what is of no platform first, then the
/// node's own. With the number of those that are left out.
pub(super) fn groups(explanation: &Explanation) -> (Vec<Group<'_>>, usize) {
    let least = explanation.span.mul_f64(WORTH_SHOWING);
    let steps = explanation.steps.iter().enumerate();
    let mut shown: Vec<usize> = steps
        .filter(|(_, step)| {
            let is_instruction = step.position.is_some() && step.kind != StepKind::BaseImage;
            step.busy >= least || step.error.is_some() || is_instruction
        })
        .map(|(place, _)| place)
        .collect();
    shown.sort_by_key(|place| {
        let step = &explanation.steps[*place];
        (Reverse(step.busy.max(step.critical)), *place)
    });
    shown.truncate(MAX_ROWS);
    let platforms = by_platform(explanation, shown);
    let groups: Vec<Group<'_>> = platforms
        .into_iter()
        .take(MAX_GROUPS)
        .map(|(platform, mut places)| {
            places.sort_unstable();
            Group {
                name: match platform {
                    None => WHOLE_BUILD.to_owned(),
                    Some((_, platform)) => name(explanation, platform),
                },
                rows: places
                    .into_iter()
                    .map(|place| Row {
                        place,
                        step: &explanation.steps[place],
                    })
                    .collect(),
            }
        })
        .collect();
    let in_groups: HashSet<usize> = groups
        .iter()
        .flat_map(|group| group.rows.iter().map(|row| row.place))
        .collect();
    let hidden = explanation.steps.len() - in_groups.len();
    (groups, hidden)
}

/// Places of steps by the platform that they run on: those of none first, then
/// the node's own.
pub(super) fn by_platform(
    explanation: &Explanation,
    places: impl IntoIterator<Item = usize>,
) -> BTreeMap<Option<(bool, &Platform)>, Vec<usize>> {
    let mut platforms: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for place in places {
        let platform = explanation.steps[place].platform.as_ref();
        let is_foreign = |platform: &Platform| explanation.node.as_ref() != Some(platform);
        let key = platform.map(|platform| (is_foreign(platform), platform));
        platforms.entry(key).or_default().push(place);
    }
    platforms
}

/// `on linux/arm64, RUN emulated`: COPY and WORKDIR never are.
fn name(explanation: &Explanation, platform: &Platform) -> String {
    let mut kinds = explanation.steps.iter().filter(|step| {
        step.platform.as_ref() == Some(platform) && step.kind == StepKind::EmulatedRun
    });
    let how = if kinds.next().is_some() {
        ", RUN emulated"
    } else if explanation.node.as_ref() == Some(platform) {
        ", RUN native"
    } else {
        ""
    };
    format!("on {platform}{how}")
}
