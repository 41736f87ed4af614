//! The steps that a picture shows, by platform.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use super::culprit::MAX_NODE;
use crate::escape;
use crate::explain::{Explanation, StepFacts, StepKind};
use crate::model::Platform;

/// Groups of rows that a picture has at most.
const MAX_GROUPS: usize = 12;
/// Share of the build from which on a step has a row.
const WORTH_SHOWING: f64 = 0.005;

/// What steps of no platform are for.
pub(super) const WHOLE_BUILD: &str = "for the whole build";

/// Steps of one platform.
#[derive(Debug)]
pub(in crate::report) struct Group<'e> {
    /// The platform, and how its programs run.
    pub(in crate::report) name: String,
    /// Its steps in the order in which they began.
    pub(in crate::report) rows: Vec<Row<'e>>,
}

/// A step that is shown.
#[derive(Debug)]
pub(in crate::report) struct Row<'e> {
    /// Place of the step among all steps.
    pub(in crate::report) place: usize,
    pub(in crate::report) step: &'e StepFacts,
}

/// The steps that matter, by platform: what is of no platform first, then the
/// node's own; at most so many. With the number of those that are left out.
pub(in crate::report) fn groups(
    explanation: &Explanation,
    max_rows: usize,
) -> (Vec<Group<'_>>, usize) {
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
    shown.truncate(max_rows);
    let platforms = by_platform(explanation, shown);
    let groups: Vec<Group<'_>> = platforms
        .into_iter()
        .take(MAX_GROUPS)
        .map(|(platform, mut places)| {
            places.sort_unstable();
            Group {
                name: match platform {
                    None => WHOLE_BUILD.to_owned(),
                    Some(place) => name(explanation, &place),
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

/// Where steps run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Where<'e> {
    /// Whether the platform is another one than the first node's own.
    is_foreign: bool,
    /// The node, where the builder has several.
    node: Option<&'e str>,
    platform: Option<&'e Platform>,
}

impl Where<'_> {
    /// `linux/arm64`, or `farm1, linux/arm64` where there are several nodes. Safe
    /// for a terminal.
    pub(super) fn describe(&self) -> String {
        let node = self.node.map(|node| escape::terminal(node, MAX_NODE));
        let platform = self.platform.map(ToString::to_string);
        let words: Vec<String> = node.into_iter().chain(platform).collect();
        words.join(", ")
    }
}

/// Places of steps by where they run: those of no node and platform first, then
/// those of the first node's own platform.
pub(super) fn by_platform(
    explanation: &Explanation,
    places: impl IntoIterator<Item = usize>,
) -> BTreeMap<Option<Where<'_>>, Vec<usize>> {
    let mut platforms: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for place in places {
        let step = &explanation.steps[place];
        let (node, platform) = (step.node.as_deref(), step.platform.as_ref());
        let key = (node.is_some() || platform.is_some()).then(|| Where {
            is_foreign: platform.is_some() && explanation.node.as_ref() != platform,
            node,
            platform,
        });
        platforms.entry(key).or_default().push(place);
    }
    platforms
}

/// `on linux/arm64, RUN emulated`: COPY and WORKDIR never are.
fn name(explanation: &Explanation, place: &Where<'_>) -> String {
    let here = |step: &&StepFacts| {
        step.node.as_deref() == place.node && step.platform.as_ref() == place.platform
    };
    let has = |kind| {
        let mut steps = explanation.steps.iter().filter(here);
        steps.any(|step| step.kind == kind)
    };
    let is_own = place.node.is_none() && explanation.node.as_ref() == place.platform;
    let how = if has(StepKind::EmulatedRun) {
        ", RUN emulated"
    } else if is_own || (place.node.is_some() && has(StepKind::NativeRun)) {
        ", RUN native"
    } else {
        ""
    };
    format!("on {}{how}", place.describe())
}
