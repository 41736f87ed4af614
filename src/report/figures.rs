//! The figures of a run's report: which there are, what their files are called, and how a page of
//! Markdown shows them, on light and on dark ground.

use super::chart::{self, Theme};
use super::explanation::Subject;
use super::view::{PairView, View};
use crate::escape;
use crate::explain::RunExplanation;

/// Folder of a report with a waterfall of each sample, and of pairs of them.
const WATERFALLS: &str = "waterfalls";
/// Pairs that a page shows; the folder has all.
const MAX_SHOWN: usize = 2;

/// The headline.
pub(super) const HEADLINE: &str = "headline";
/// What each step of a ladder buys.
pub(super) const LADDER: &str = "ladder";
/// Every comparison with its interval.
pub(super) const FOREST: &str = "forest";
/// Every sample over the run's time.
pub(super) const SAMPLES: &str = "samples";

/// The figures of a report with the names of their files: charts on both grounds, and a waterfall
/// of each sample that has a trace, on light ground.
pub fn figures(view: &View, explained: &RunExplanation) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for theme in Theme::ALL {
        let charts = [
            (HEADLINE, Some(chart::headline(view, theme))),
            (LADDER, chart::ladder(view, theme)),
            (FOREST, chart::forest(view, theme)),
            (SAMPLES, chart::samples(view, theme)),
        ];
        let charts = charts.into_iter();
        files.extend(charts.filter_map(|(name, svg)| Some((theme.file(name), svg?))));
        for (place, pair) in view.pairs.iter().enumerate() {
            let svg = pair_of(pair, explained, theme);
            files.extend(svg.map(|svg| (theme.file(&pair_name(place)), svg)));
        }
    }
    files.extend(explained.samples.iter().map(|found| {
        let name = format!("{WATERFALLS}/{}.svg", found.sample.slot.id);
        let subject = Subject::of_sample(&found.sample);
        let svg = chart::waterfall(&subject, &found.explanation, Theme::Light);
        (name, svg)
    }));
    files
}

/// Names of pairs are numbers: those of what they show come from outside, and are long.
fn pair_name(place: usize) -> String {
    format!("{WATERFALLS}/pair-{}", place + 1)
}

fn pair_of(pair: &PairView, explained: &RunExplanation, theme: Theme) -> Option<String> {
    let build = |id: &str| {
        let found = explained.sample(id)?;
        Some((Subject::of_sample(&found.sample), &found.explanation))
    };
    let ((one, first), (other, second)) = (build(&pair.first)?, build(&pair.second)?);
    Some(chart::waterfall_pair(
        (&one, first),
        (&other, second),
        theme,
    ))
}

/// A figure in a page that lies beside its file. What it shows is plain text of our own.
pub(super) fn picture(name: &str, shows: &str) -> String {
    let (light, dark) = (Theme::Light.file(name), Theme::Dark.file(name));
    format!(
        "<picture><source media=\"(prefers-color-scheme: dark)\" srcset=\"{dark}\">\
         <img src=\"{light}\" alt=\"{}\"></picture>\n\n",
        escape::html(shows)
    )
}

/// The charts that explain a scenario's figures: its ladder, and all ratios.
pub(super) fn comparisons(view: &View) -> String {
    let mut out = String::new();
    if chart::ladder(view, Theme::Light).is_some() {
        out += &picture(LADDER, "What each variant buys over the one before it");
    }
    if chart::forest(view, Theme::Light).is_some() {
        out += &picture(FOREST, "Ratio of each candidate with its interval");
    }
    out
}

/// The first pairs of waterfalls.
pub(super) fn waterfalls(view: &View) -> String {
    let pairs = view.pairs.iter().enumerate().take(MAX_SHOWN);
    let pictures = pairs.map(|(place, pair)| {
        let shows = format!(
            "Steps of {} above those of {}, {}, on one time axis",
            escape::columns(&pair.reference, 40),
            escape::columns(&pair.candidate, 40),
            pair.kind
        );
        picture(&pair_name(place), &shows)
    });
    pictures.collect()
}

/// Every sample over the run's time, where there is any.
pub(super) fn samples(view: &View) -> String {
    match chart::samples(view, Theme::Light) {
        None => String::new(),
        Some(_) => picture(SAMPLES, "Every sample over the run's time"),
    }
}
