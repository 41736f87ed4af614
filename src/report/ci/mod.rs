//! What CI systems read: the same view in the formats of others. One pure
//! function a format; `docs/ci.md` says who reads which, and against what
//! definition each is checked.

mod annotations;
mod bmf;
mod comment;
mod github_action_benchmark;
mod hyperfine;
mod junit;
mod metrics;
mod otava;
mod rows;
mod sections;
mod summary;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use super::document::Document;
use super::view::View;
use crate::escape;

/// Edits by which a name may be off and still be guessed.
const MAX_EDITS: usize = 3;

/// A format that a CI system, or a tool in one, reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// The summary of a GitHub job's step.
    GithubSummary,
    /// GitHub's annotations of files.
    GithubAnnotations,
    /// A comment on a pull request.
    MarkdownComment,
    /// JUnit's XML.
    Junit,
    /// `customSmallerIsBetter` of github-action-benchmark.
    GithubActionBenchmark,
    /// Bencher Metric Format.
    Bmf,
    /// What `hyperfine --export-json` writes.
    Hyperfine,
    /// CSV for Apache Otava.
    Otava,
    /// The text format 0.0.4 of Prometheus.
    Prometheus,
    /// The text format of OpenMetrics 1.0.
    Openmetrics,
}

/// A name that no format has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no format {}{}; formats are {}", .name, hint(.nearest), names())]
pub struct UnknownFormat {
    /// The name, fit to be shown.
    name: String,
    /// The format that it was perhaps meant to be.
    nearest: Option<Format>,
}

impl Format {
    /// Every format, in the order of `docs/ci.md`.
    pub const ALL: [Self; 10] = [
        Self::GithubSummary,
        Self::GithubAnnotations,
        Self::MarkdownComment,
        Self::Junit,
        Self::GithubActionBenchmark,
        Self::Bmf,
        Self::Hyperfine,
        Self::Otava,
        Self::Prometheus,
        Self::Openmetrics,
    ];

    /// The name used on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::GithubSummary => "github-summary",
            Self::GithubAnnotations => "github-annotations",
            Self::MarkdownComment => "markdown-comment",
            Self::Junit => "junit",
            Self::GithubActionBenchmark => "github-action-benchmark",
            Self::Bmf => "bmf",
            Self::Hyperfine => "hyperfine",
            Self::Otava => "otava",
            Self::Prometheus => "prometheus",
            Self::Openmetrics => "openmetrics",
        }
    }

    /// The view, with what a check found in it where there was one. Ends with
    /// a line break, unless it is empty.
    pub fn render(self, view: &View) -> String {
        let render = match self {
            Self::GithubSummary => summary::summary,
            Self::GithubAnnotations => annotations::annotations,
            Self::MarkdownComment => comment::comment,
            Self::Junit => junit::junit,
            Self::GithubActionBenchmark => github_action_benchmark::github_action_benchmark,
            Self::Bmf => bmf::bmf,
            Self::Hyperfine => hyperfine::hyperfine,
            Self::Otava => otava::otava,
            Self::Prometheus => metrics::prometheus,
            Self::Openmetrics => metrics::openmetrics,
        };
        render(view, view.check.as_ref())
    }

    /// Why nothing of such a run is to be written in it, where its readers
    /// would refuse it, or take it for a measurement. Holds names from outside.
    pub fn leaves_out(self, view: &View) -> Option<String> {
        let holds_times = match self {
            Self::Otava | Self::GithubActionBenchmark | Self::Bmf | Self::Hyperfine => true,
            Self::GithubSummary
            | Self::GithubAnnotations
            | Self::MarkdownComment
            | Self::Junit
            | Self::Prometheus
            | Self::Openmetrics => false,
        };
        if holds_times && view.scenarios.is_empty() {
            return Some("nothing was built, nothing written".to_owned());
        }
        let without_time = match self {
            Self::Otava => otava::without_time(view)?,
            _ => return None,
        };
        Some(format!(
            "no row for run {}: {without_time} has no time, and Otava refuses a history with an \
             empty cell",
            view.run
        ))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|format| format.name() == text);
        known.ok_or_else(|| {
            let name = escape::terminal(text, 60);
            let distances = Self::ALL.into_iter().map(|format| {
                let distance = strsim::damerau_levenshtein(&name, format.name());
                (distance, format)
            });
            let nearest = distances.min().filter(|(edits, _)| *edits <= MAX_EDITS);
            UnknownFormat {
                name,
                nearest: nearest.map(|(_, format)| format),
            }
        })
    }
}

fn hint(nearest: &Option<Format>) -> String {
    nearest.map_or_else(String::new, |format| format!(" (did you mean {format}?)"))
}

fn names() -> String {
    let documents = Document::ALL.map(Document::name);
    let names = documents.into_iter().chain(Format::ALL.map(Format::name));
    names.collect::<Vec<_>>().join(", ")
}
