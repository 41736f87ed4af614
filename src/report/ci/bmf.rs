//! `bmf`: Bencher Metric Format, the input of `bencher run --adapter json`
//! (<https://bencher.dev/docs/reference/bencher-metric-format>).
//!
//! `latency` is a measure that every project of Bencher has; its unit is the
//! nanosecond, so seconds are turned into that. A benchmark's name may have
//! 1024 characters.

use serde::{Serialize, Serializer};

use super::super::check::CheckView;
use super::super::view::View;
use super::github_action_benchmark::json;
use super::rows::timed;

/// Benchmarks by name, in an order of their own.
struct Benchmarks(Vec<(String, Measures)>);

#[derive(Serialize)]
struct Measures {
    latency: Metric,
}

#[derive(Serialize)]
struct Metric {
    value: f64,
    lower_value: f64,
    upper_value: f64,
}

impl Serialize for Benchmarks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, measures)| (name, measures)))
    }
}

/// A benchmark for each variant and kind of build: the median, and the least
/// and greatest time, in nanoseconds.
pub(super) fn bmf(view: &View, _: Option<&CheckView>) -> String {
    let benchmarks = timed(view).into_iter().map(|(name, _, times)| {
        let latency = Metric {
            value: nanoseconds(times.median),
            lower_value: nanoseconds(times.min),
            upper_value: nanoseconds(times.max),
        };
        (name, Measures { latency })
    });
    json(&Benchmarks(benchmarks.collect()))
}

fn nanoseconds(seconds: f64) -> f64 {
    let nanoseconds = (seconds * 1e9).round();
    // Times are finite, and so is this for all that are below 10^299 seconds.
    nanoseconds.min(f64::MAX)
}
