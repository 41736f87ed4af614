//! Axes: from values to places, and the values that are named beside them.

use plotters::coord::ranged1d::Ranged;
use plotters::coord::types::RangedCoordf64;

/// Values that lie further apart than this are not told apart on a logarithmic axis.
const MAX_DECADES: f64 = 12.0;

/// From values to places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    is_log: bool,
    /// Places of the two ends; the first may be the greater.
    ends: (f64, f64),
}

impl Axis {
    /// From 0 to a greatest value.
    pub(super) fn linear(max: f64, ends: (f64, f64)) -> Self {
        Self {
            low: 0.0,
            high: if max.is_finite() && max > 0.0 {
                max
            } else {
                1.0
            },
            is_log: false,
            ends,
        }
    }

    /// On which equal lengths are equal factors. Both ends are above zero.
    pub(super) fn log(low: f64, high: f64, ends: (f64, f64)) -> Self {
        let high = if high.is_finite() && high > 0.0 {
            high
        } else {
            1.0
        };
        let least = high * 10f64.powf(-MAX_DECADES);
        let low = if low.is_finite() {
            low.max(least)
        } else {
            least
        };
        let (low, high) = if high > low * 1.001 {
            (low, high)
        } else {
            (low / 1.5, low * 1.5)
        };
        Self {
            low,
            high,
            is_log: true,
            ends,
        }
    }

    /// The place of a value; of one that the axis does not have, its nearer end.
    pub(super) fn place(&self, value: f64) -> f64 {
        let share = match self.is_log {
            true if value > 0.0 => (value / self.low).ln() / (self.high / self.low).ln(),
            true => 0.0,
            false => (value - self.low) / (self.high - self.low),
        };
        let share = if share.is_nan() { 0.0 } else { share };
        self.ends.0 + share.clamp(0.0, 1.0) * (self.ends.1 - self.ends.0)
    }

    /// Whether the axis has a value.
    pub(super) fn has(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Round values on the axis, at most about so many.
    pub(super) fn ticks(&self, max: usize) -> Vec<f64> {
        let max = max.max(2);
        match self.is_log {
            true => self.log_ticks(max),
            // plotters' loop for them does not end where the range has hardly any digits.
            false if self.high < 1e-9 => vec![0.0],
            false => RangedCoordf64::from(self.low..self.high).key_points(max),
        }
    }

    /// Of each decade 1, 2 and 5, or 1 alone, or that of every second, third, … decade: plotters
    /// has but whole decades and tenths of them.
    fn log_ticks(&self, max: usize) -> Vec<f64> {
        let (first, last) = (
            self.low.log10().floor() as i32,
            self.high.log10().ceil() as i32,
        );
        let of = |factors: &[f64], every: usize| -> Vec<f64> {
            let decades = (first..=last).filter(|decade| decade.rem_euclid(every as i32) == 0);
            let ticks = decades.flat_map(|decade| {
                factors
                    .iter()
                    .map(move |factor| factor * 10f64.powi(decade))
            });
            // A tick at the very end may have been rounded to beyond it.
            ticks
                .filter(|tick| {
                    self.has(*tick) || self.has(tick * 1.000_001) || self.has(tick * 0.999_999)
                })
                .collect()
        };
        let fine = [1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 7.0];
        for factors in [&fine[..], &[1.0, 2.0, 5.0], &[1.0, 3.0]] {
            let ticks = of(factors, 1);
            if ticks.len() <= max {
                return ticks;
            }
        }
        (1..=20)
            .map(|every| of(&[1.0], every))
            .find(|ticks| ticks.len() <= max)
            .unwrap_or_default()
    }
}

/// Names of ticks, with the digits that tell them apart: `0`, `0.5`, `1`; `1000000` as `1e6`.
pub(super) fn names(ticks: &[f64]) -> Vec<String> {
    let steps = ticks.windows(2).map(|pair| pair[1] - pair[0]);
    let step = steps.fold(f64::INFINITY, f64::min);
    let digits = match step.is_finite() && step > 0.0 {
        // Half of a step is still another digit: 2.5 beside 5.
        true => (0..9).find(|digits| {
            let scaled = step * 10f64.powi(*digits);
            (scaled - scaled.round()).abs() < 0.01 && scaled.round() >= 1.0
        }),
        false => Some(0),
    };
    let digits = digits.unwrap_or(3) as usize;
    ticks.iter().map(|tick| name(*tick, digits)).collect()
}

fn name(tick: f64, digits: usize) -> String {
    if tick == 0.0 {
        return "0".to_owned();
    }
    if tick >= 1e6 {
        return format!("{tick:e}");
    }
    format!("{tick:.digits$}")
}

/// The name of a tick on a logarithmic axis: `0.01`, `2`, `500`.
pub(super) fn log_name(tick: f64) -> String {
    // One digit, and two for 1.2 and 1.5.
    let decade = tick.log10().floor();
    let digits = (1.0 - decade).clamp(0.0, 12.0) as usize;
    let text = name(tick, digits);
    match text.contains('.') && !text.contains('e') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_between_the_ends() {
        for axis in [
            Axis::linear(10.0, (100.0, 300.0)),
            Axis::linear(0.0, (100.0, 300.0)),
            Axis::linear(f64::NAN, (300.0, 100.0)),
            Axis::log(0.0, 1e300, (100.0, 300.0)),
            Axis::log(1.0, 1.0, (100.0, 300.0)),
            Axis::log(f64::NAN, f64::INFINITY, (100.0, 300.0)),
        ] {
            for value in [0.0, -1.0, 1e-300, 1.0, 5.0, 1e300, f64::INFINITY, f64::NAN] {
                let place = axis.place(value);
                assert!(
                    (100.0..=300.0).contains(&place),
                    "{axis:?} {value}: {place}"
                );
            }
            let ticks = axis.ticks(6);
            assert!(ticks.len() <= 8, "{axis:?}: {ticks:?}");
            for tick in ticks {
                assert!((100.0..=300.0).contains(&axis.place(tick)));
            }
        }
        assert_eq!(Axis::linear(10.0, (100.0, 300.0)).place(5.0), 200.0);
        let log = Axis::log(0.1, 10.0, (0.0, 100.0)).place(1.0);
        assert!((log - 50.0).abs() < 1e-9);
    }

    #[test]
    fn ticks_are_round_and_named_in_few_digits() {
        let named = |max: f64| {
            let ticks = Axis::linear(max, (0.0, 1.0)).ticks(6);
            assert!(ticks.len() > 2, "{max}: {ticks:?}");
            names(&ticks).join(" ")
        };
        assert_eq!(named(622.0), "0 200 400 600");
        assert_eq!(named(0.95), "0 0.2 0.4 0.6 0.8");
        let huge = named(8e9);
        assert!(huge.len() < 40, "{huge}");
        let logs = |low, high, max| {
            let ticks = Axis::log(low, high, (0.0, 1.0)).ticks(max);
            let names: Vec<String> = ticks.into_iter().map(log_name).collect();
            names.join(" ")
        };
        assert_eq!(logs(0.004, 1.5, 6), "0.01 0.03 0.1 0.3 1");
        assert_eq!(logs(0.6, 1.6, 8), "0.7 1 1.2 1.5");
        assert_eq!(logs(1e-6, 1e6, 6), "0.000001 0.001 1 1000 1e6");
    }
}
