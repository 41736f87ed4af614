//! What the article that buildrace is about says of its subject, to be shown beside what was
//! measured.

use super::number;
use super::view::{ScenarioView, VariantView};
use crate::model::BuildKind;

/// The scenario whose subject is the article's own.
pub const SCENARIO: &str = "docker-cli";
/// The article's second Dockerfile.
const CROSS: &str = "cross";

/// What a second platform costs the article's first Dockerfile.
const EMULATED: &str = "almost 7×";
/// What its second Dockerfile gains over the first after an edit.
const AFTER_AN_EDIT: &str = "100× faster";

/// A figure of the article as a time here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Claim {
    /// Where the figure would be, from the base that was measured here, seconds.
    pub(super) seconds: f64,
    /// The article's words.
    pub(super) words: &'static str,
}

/// What the article says of a build; `None` where it says nothing, or nothing was measured that the
/// figure is a multiple of.
pub(super) fn claim(
    scenario: &ScenarioView,
    variant: &VariantView,
    kind: BuildKind,
) -> Option<Claim> {
    if scenario.name != SCENARIO {
        return None;
    }
    let (base, factor, words) = match (kind, variant.reference) {
        (BuildKind::MultiArch, true) if scenario.shows_cost() => {
            (variant.median(BuildKind::Cold), 7.0, EMULATED)
        }
        (BuildKind::MultiArch, false) if scenario.shows_cost() && variant.name == CROSS => {
            (variant.median(BuildKind::Cold), 1.7, "1.7×")
        }
        (BuildKind::Incremental, false) if variant.name == CROSS => {
            let reference = scenario.reference()?;
            (reference.median(kind), 0.01, AFTER_AN_EDIT)
        }
        _ => return None,
    };
    Some(Claim {
        seconds: base? * factor,
        words,
    })
}

/// A ratio of the article beside ours.
#[derive(Debug, Clone, PartialEq)]
pub struct ArticleRatio {
    /// What it is of, `adding linux/arm64, naive`.
    pub what: String,
    /// Ours, `12.7×`.
    pub here: String,
    /// The interval of ours, `11.6…14.1×`, where it has one.
    pub interval: Option<String>,
    /// The article's, `almost 7×`.
    pub article: &'static str,
}

/// The article's ratios beside those of a scenario that races its subject: one platform, a second
/// one, and after an edit. Those that were not measured are left out; of other scenarios there are
/// none.
pub fn ratios(scenario: &ScenarioView) -> Vec<ArticleRatio> {
    let cross = scenario.variants.iter().find(|v| v.name == CROSS);
    let (Some(naive), Some(cross)) = (scenario.reference(), cross) else {
        return Vec::new();
    };
    if scenario.name != SCENARIO || cross.reference {
        return Vec::new();
    }
    let against = |what: String, kind, article| {
        let cell = cross.cells.get(&kind)?;
        let interval = cell.ratio.as_ref().and_then(number::interval);
        Some(ratio(what, cell.describe()?, interval, article))
    };
    let added = |variant: &VariantView, article| {
        let what = format!("adding {}, {}", scenario.added_names(), variant.name);
        let interval = variant.added_cost.as_ref().and_then(number::cost_interval);
        Some(ratio(what, variant.describe_cost()?, interval, article))
    };
    let all = [
        against(
            format!("{} alone", scenario.native),
            BuildKind::Cold,
            "about equal",
        ),
        added(naive, EMULATED),
        added(cross, "1.7× (+70%)"),
        against(
            "after an edit".to_owned(),
            BuildKind::Incremental,
            AFTER_AN_EDIT,
        ),
    ];
    all.into_iter().flatten().collect()
}

fn ratio(
    what: String,
    here: String,
    interval: Option<String>,
    article: &'static str,
) -> ArticleRatio {
    ArticleRatio {
        what,
        here,
        interval,
        article,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::awkward;

    #[test]
    fn ours_stand_beside_the_articles() {
        let view = awkward::named("the article");
        let found = ratios(&view.scenarios[0]);
        let told: Vec<(&str, &str)> = found.iter().map(|r| (r.what.as_str(), r.article)).collect();
        assert_eq!(
            told,
            [
                ("linux/amd64 alone", "about equal"),
                ("adding linux/arm64, naive", "almost 7×"),
                ("adding linux/arm64, cross", "1.7× (+70%)"),
                ("after an edit", "100× faster"),
            ]
        );
        assert!(
            found.iter().all(|ratio| ratio.interval.is_some()),
            "{found:?}"
        );
        assert_eq!(ratios(&awkward::named("three rounds").scenarios[0]), []);
    }
}
