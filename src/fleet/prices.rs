//! What a minute of a runner costs. Only a user knows: prices differ by contract, and
//! change.

use std::collections::BTreeMap;

use crate::model::Platform;

/// Prices, as a user states them.
#[derive(Debug, Clone, PartialEq)]
pub struct Prices {
    /// What all of them are in, `USD`.
    pub currency: String,
    /// A minute of a runner, by its architecture.
    pub runner_minutes: BTreeMap<String, f64>,
    /// A GB of a remote cache for a month, where that has a price.
    pub gb_month: Option<f64>,
    /// Seconds that a job keeps its runner besides the build.
    pub setup_seconds: f64,
    /// Whether each job is billed in whole minutes.
    pub whole_minutes: bool,
}

/// Keys of `prices.toml`.
pub const KEYS: [&str; 4] = ["currency", "runner-minutes", "storage", "job"];
/// Keys of `[runner-minutes]`: architectures.
pub const ARCHITECTURES: [&str; 7] = [
    "amd64", "arm64", "386", "arm", "ppc64le", "riscv64", "s390x",
];
/// Keys of `[storage]`.
pub const STORAGE_KEYS: [&str; 1] = ["gb-month"];
/// Keys of `[job]`.
pub const JOB_KEYS: [&str; 2] = ["setup-seconds", "whole-minutes"];

/// A `prices.toml` to fill in.
pub const PRICES_TEMPLATE: &str = "\
# What your CI costs, for `buildrace choose --prices prices.toml`. buildrace knows no
# price: take these from your contract, and remove the # before them.

# The unit of every price here.
currency = \"USD\"

# A minute of a runner, by the architecture of its CPU.
[runner-minutes]
# amd64 =
# arm64 =

[storage]
# A GB (10⁹ bytes) of a remote cache for a month.
# gb-month =

[job]
# Seconds that a job keeps its runner besides the build: its start, checkout, setup actions.
# setup-seconds =

# Whether each job is billed in whole minutes, as GitHub does.
# whole-minutes = true
";

impl Prices {
    /// What a build of so many seconds costs on these runners; `None` where one has no
    /// price.
    pub fn of_build(&self, seconds: f64, runners: &[Platform]) -> Option<f64> {
        let minutes = self.minutes(seconds);
        let billed = match self.whole_minutes {
            true => minutes.ceil(),
            false => minutes,
        };
        let prices = runners.iter().map(|runner| {
            let price = self.runner_minutes.get(runner.architecture())?;
            Some(price * billed)
        });
        prices.sum()
    }

    /// What a remote cache of so many bytes costs for a month; `None` where it has no
    /// price.
    pub fn of_cache(&self, bytes: u64) -> Option<f64> {
        Some(self.gb_month? * bytes as f64 / 1e9)
    }

    /// Minutes that a build of so many seconds keeps a runner busy.
    pub fn minutes(&self, seconds: f64) -> f64 {
        (seconds + self.setup_seconds) / 60.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_runner_is_billed_for_its_job() {
        let mut prices = Prices {
            currency: "USD".to_owned(),
            runner_minutes: BTreeMap::from([("amd64".to_owned(), 0.5), ("arm64".to_owned(), 0.25)]),
            gb_month: Some(0.2),
            setup_seconds: 30.0,
            whole_minutes: false,
        };
        assert_eq!(prices.of_cache(500_000_000), Some(0.1));
        let both = [Platform::linux("amd64"), Platform::linux("arm64")];
        assert_eq!(prices.of_build(60.0, &both[..1]), Some(0.75));
        assert_eq!(prices.of_build(60.0, &both), Some(1.125));
        prices.whole_minutes = true;
        assert_eq!(prices.of_build(60.0, &both), Some(1.5));
        assert_eq!(prices.of_build(60.0, &[Platform::linux("s390x")]), None);
    }
}
