//! `bmf`: Bencher Metric Format, the input of `bencher run --adapter json`
//! (<https://bencher.dev/docs/reference/bencher-metric-format>).
//!
//! `latency` is a measure that every project of Bencher has; its unit is the
//! nanosecond, so seconds are turned into that. A benchmark's name may have
//! 1024 characters.
//!
//! `failed-builds` is a measure that Bencher makes when it first reads one. It
//! is there for every benchmark of which anything was built, so a threshold on
//! it also sees a variant that has no time any more.

use serde::{Serialize, Serializer};

use super::super::check::CheckView;
use super::super::view::View;
use super::github_action_benchmark::json;
use super::rows::{Row, named};
use crate::stats::Times;

/// Benchmarks by name, in an order of their own.
struct Benchmarks(Vec<(String, Measures)>);

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Measures {
    #[serde(skip_serializing_if = "Option::is_none")]
    latency: Option<Latency>,
    failed_builds: Count,
}

#[derive(Serialize)]
struct Latency {
    value: f64,
    lower_value: f64,
    upper_value: f64,
}

#[derive(Serialize)]
struct Count {
    value: u32,
}

impl Serialize for Benchmarks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, measures)| (name, measures)))
    }
}

/// A benchmark for each variant and kind of build: the median, the min and the
/// max in nanoseconds, and how many builds failed.
pub(super) fn bmf(view: &View, _: Option<&CheckView>) -> String {
    let benchmarks = named(view).into_iter().filter_map(|(name, row)| {
        // Where every build was interrupted or skipped, nothing is known.
        let latency = row.times().map(|times| latency(&times));
        let is_known = latency.is_some() || row.failed() > 0;
        is_known.then(|| (name, measures(&row, latency)))
    });
    json(&Benchmarks(benchmarks.collect()))
}

fn measures(row: &Row<'_>, latency: Option<Latency>) -> Measures {
    let value = row.failed();
    Measures {
        latency,
        failed_builds: Count { value },
    }
}

fn latency(times: &Times) -> Latency {
    Latency {
        value: nanoseconds(times.median),
        lower_value: nanoseconds(times.min),
        upper_value: nanoseconds(times.max),
    }
}

fn nanoseconds(seconds: f64) -> f64 {
    let nanoseconds = (seconds * 1e9).round();
    // Times are finite, and so is this for all that are below 10^299 seconds.
    nanoseconds.min(f64::MAX)
}
