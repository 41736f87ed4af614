//! What a strategy takes and costs a fleet: by a build, and by a month.

use std::collections::BTreeMap;

use super::cell::Cell;
use super::month::{Month, Part, mean_costs};
use super::prices::Prices;
use super::strategy::Strategy;
use crate::model::Job;
use crate::stats::Interval;

/// An amount of a month.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Amount {
    /// What is expected; `None` of a prediction, which is a range.
    pub expected: Option<f64>,
    /// What it may be; `None` where one round is all that there is.
    pub interval: Option<Interval>,
}

impl Amount {
    /// With something fixed besides.
    fn and(self, fixed: f64) -> Self {
        Self {
            expected: self.expected.map(|expected| expected + fixed),
            interval: self.interval.map(|interval| Interval {
                low: interval.low + fixed,
                high: interval.high + fixed,
            }),
        }
    }
}

/// What a fleet takes with a strategy.
#[derive(Debug, Clone, PartialEq)]
pub struct Bill {
    /// Minutes of runners in a month.
    pub minutes: Amount,
    /// The price of them and of its remote cache; `None` where prices lack one of its
    /// runners, or storage.
    pub money: Option<Amount>,
    /// Minutes of runners that a build takes on average, by round; none of a
    /// prediction.
    pub by_round: BTreeMap<u32, f64>,
}

impl Bill {
    /// The bill of so many builds with these shares, which add up to 1; `None` where a
    /// job of them is not known.
    pub fn of(
        strategy: &Strategy,
        shares: &[(Job, f64)],
        builds: f64,
        prices: Option<&Prices>,
    ) -> Option<Self> {
        let runners = strategy.runners.len() as f64;
        let minutes = |seconds: f64| {
            let minutes = prices.map_or(seconds / 60.0, |prices| prices.minutes(seconds));
            Some(runners * minutes)
        };
        let (minutes, by_round) = amount(strategy, shares, builds, &minutes)?;
        let money = prices.and_then(|prices| {
            let price = |seconds: f64| prices.of_build(seconds, &strategy.runners);
            let storage = match (&strategy.remote, strategy.remote_bytes) {
                (None, _) => 0.0,
                (Some(_), bytes) => prices.of_cache(bytes?)?,
            };
            let (builds, _) = amount(strategy, shares, builds, &price)?;
            Some(builds.and(storage))
        });
        Some(Self {
            minutes,
            money,
            by_round,
        })
    }
}

/// A month, and a build on average by round, of what `of` makes of seconds.
fn amount(
    strategy: &Strategy,
    shares: &[(Job, f64)],
    builds: f64,
    of: &dyn Fn(f64) -> Option<f64>,
) -> Option<(Amount, BTreeMap<u32, f64>)> {
    let cells = shares.iter().filter(|(_, share)| *share > 0.0);
    let cells = cells.map(|(job, share)| Some((*share, strategy.cells.get(job)?)));
    let cells: Vec<(f64, &Cell)> = cells.collect::<Option<_>>()?;
    if strategy.is_model() {
        let ends = |pick: fn(&Interval) -> f64| {
            let parts = cells.iter().map(|(share, cell)| match cell {
                Cell::Model(range) => Some(share * of(pick(range))?),
                _ => None,
            });
            Some(builds * parts.sum::<Option<f64>>()?)
        };
        let interval = Interval {
            low: ends(|range| range.low)?,
            high: ends(|range| range.high)?,
        };
        let amount = Amount {
            expected: None,
            interval: Some(interval),
        };
        return Some((amount, BTreeMap::new()));
    }
    let parts = cells.iter().map(|(share, cell)| match cell {
        Cell::Measured(times) => {
            let by_round = times.iter().map(|(round, time)| Some((*round, of(*time)?)));
            Some(Part {
                share: *share,
                by_round: by_round.collect::<Option<_>>()?,
            })
        }
        _ => None,
    });
    let parts: Vec<Part> = parts.collect::<Option<_>>()?;
    let month = Month::of(&parts, builds)?;
    let amount = Amount {
        expected: Some(month.expected),
        interval: month.interval,
    };
    Some((amount, mean_costs(&parts)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{Caches, Nodes};
    use crate::model::{CacheMode, CacheMounts, CiCacheInfo, Platform};

    fn strategy(nodes: Nodes, cells: [(&str, Cell); 2]) -> Strategy {
        Strategy {
            variant: "naive".into(),
            dockerfile: "Dockerfile".into(),
            is_reference: true,
            nodes,
            caches: Caches::Kept,
            how: None,
            cache_mounts: Vec::new(),
            remote: None,
            remote_bytes: None,
            runners: match nodes {
                Nodes::One => vec![Platform::linux("amd64")],
                _ => vec![Platform::linux("amd64"), Platform::linux("arm64")],
            },
            cells: cells
                .into_iter()
                .map(|(job, cell)| (job.parse().unwrap(), cell))
                .collect(),
        }
    }

    fn measured(times: [f64; 3]) -> Cell {
        Cell::Measured((1..).zip(times).collect())
    }

    fn shares() -> Vec<(Job, f64)> {
        let mix: crate::model::EditMix = "source=0.75,cold=0.25".parse().unwrap();
        mix.shares().to_vec()
    }

    fn prices() -> Prices {
        let prices = [("amd64", 0.01), ("arm64", 0.02)];
        Prices {
            currency: "USD".into(),
            runner_minutes: prices.map(|(name, price)| (name.to_owned(), price)).into(),
            gb_month: None,
            setup_seconds: 30.0,
            whole_minutes: true,
        }
    }

    /// 400 builds: 300 edits of 30 s and 100 cold jobs of 150 s, each with 30 s of set-up.
    #[test]
    fn a_month_equals_a_calculation_by_hand() {
        let cells = [
            ("source", measured([29.0, 30.0, 31.0])),
            ("cold", measured([149.0, 150.0, 151.0])),
        ];
        let one = strategy(Nodes::One, cells.clone());
        let bill = Bill::of(&one, &shares(), 400.0, Some(&prices())).unwrap();
        let minutes = bill.minutes.expected.unwrap();
        assert!(
            (minutes - (300.0 * 1.0 + 100.0 * 3.0)).abs() < 1e-9,
            "{minutes}"
        );
        // In whole minutes: 59 s and 60 s are one, 61 s are two; 179 s, 180 s, 181 s are 3, 3, 4.
        let money = bill.money.unwrap().expected.unwrap();
        let by_hand = 0.01 * (300.0 * (4.0 / 3.0) + 100.0 * (10.0 / 3.0));
        assert!((money - by_hand).abs() < 1e-9, "{money}");
        let bare = Bill::of(&one, &shares(), 400.0, None).unwrap();
        let minutes = bare.minutes.expected.unwrap();
        assert!(
            (minutes - (300.0 * 0.5 + 100.0 * 2.5)).abs() < 1e-9,
            "{minutes}"
        );
        assert_eq!(bare.money, None);
        // Two nodes are two runners, at their own prices.
        let two = strategy(Nodes::Native, cells);
        let bill = Bill::of(&two, &shares(), 400.0, Some(&prices())).unwrap();
        assert!((bill.minutes.expected.unwrap() - 1200.0).abs() < 1e-9);
        let money = bill.money.unwrap().expected.unwrap();
        assert!((money - 3.0 * by_hand).abs() < 1e-9, "{money}");
    }

    #[test]
    fn a_remote_cache_is_stored_for_a_price() {
        let cells = [
            ("source", measured([30.0, 30.0, 30.0])),
            ("cold", measured([30.0, 30.0, 30.0])),
        ];
        let mut strategy = strategy(Nodes::One, cells);
        strategy.remote = Some(CiCacheInfo {
            name: "registry-max".into(),
            kind: "registry".into(),
            mode: Some(CacheMode::Max),
            cache_mounts: CacheMounts::Lost,
            options: Default::default(),
        });
        strategy.remote_bytes = Some(2_000_000_000);
        let mut prices = prices();
        let money = |strategy: &Strategy, prices: &Prices| {
            let bill = Bill::of(strategy, &shares(), 100.0, Some(prices)).unwrap();
            bill.money.map(|money| money.expected.unwrap())
        };
        assert_eq!(money(&strategy, &prices), None);
        prices.gb_month = Some(0.25);
        // 100 builds of a minute, and 2 GB.
        let found = money(&strategy, &prices).unwrap();
        assert!(
            (found - (100.0 * 0.01 + 2.0 * 0.25)).abs() < 1e-9,
            "{found}"
        );
    }

    #[test]
    fn a_prediction_is_a_range_and_what_is_not_known_has_no_bill() {
        let range = |low, high| Cell::Model(Interval { low, high });
        let cells = [("source", range(60.0, 120.0)), ("cold", range(60.0, 60.0))];
        let model = strategy(Nodes::NativeModel, cells);
        let bill = Bill::of(&model, &shares(), 40.0, None).unwrap();
        assert_eq!(bill.minutes.expected, None);
        let interval = bill.minutes.interval.unwrap();
        assert!((interval.low - 80.0).abs() < 1e-9 && (interval.high - 140.0).abs() < 1e-9);
        let unknown = [
            (
                "source",
                Cell::NotMeasured(crate::model::BuildKind::Incremental),
            ),
            ("cold", measured([1.0, 1.0, 1.0])),
        ];
        let unknown = strategy(Nodes::One, unknown);
        assert_eq!(Bill::of(&unknown, &shares(), 40.0, None), None);
        let only_cold: Vec<(Job, f64)> = vec![(Job::Cold, 1.0)];
        assert!(Bill::of(&unknown, &only_cold, 40.0, None).is_some());
        let mut rare = prices();
        rare.runner_minutes.clear();
        let bill = Bill::of(&unknown, &only_cold, 40.0, Some(&rare)).unwrap();
        assert_eq!(bill.money, None);
    }
}
