//! Numbers as reports write them: times, ratios and intervals in the few
//! digits that a person repeats.

use crate::stats::{Basis, Interval, Ratio};

/// From here on, and below its inverse, ratios are shown as factors, the
/// others in percent.
const FACTOR_FROM: f64 = 2.0;

/// Differences below this share are not called faster or slower: it is the
/// smallest change that a verdict ever calls one.
pub(super) const SAME_WITHIN: f64 = 0.05;

/// Differences of one round that are below this factor may be chance: builds
/// of the same thing differ by tens of percent now and then.
pub(super) const CLEAR_IN_ONE_ROUND: f64 = 1.5;

/// What stands in place of a ratio that the medians beside it contradict.
pub const CONTRADICTED: &str = "≈";

/// Whether a ratio of a single round is too near to 1 to say anything.
pub(super) fn is_unclear(ratio: &Ratio) -> bool {
    ratio.interval.is_none()
        && ratio.estimate < CLEAR_IN_ONE_ROUND
        && ratio.estimate > 1.0 / CLEAR_IN_ONE_ROUND
}

/// Whether a ratio's interval leaves open in which direction it goes.
pub(super) fn includes_one(ratio: &Ratio) -> bool {
    ratio
        .interval
        .is_some_and(|interval| interval.low <= 1.0 && interval.high >= 1.0)
}

/// The unit of a ratio and its interval, which they share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Percent,
    Factor,
}

impl Unit {
    /// Percent where everything lies between half and twice.
    fn of(ratio: &Ratio) -> Self {
        let (low, high) = match finite(ratio) {
            Some(Interval { low, high }) => (low, high),
            None => (ratio.estimate, ratio.estimate),
        };
        let (low, high) = (low.min(ratio.estimate), high.max(ratio.estimate));
        if low * FACTOR_FROM > 1.0 && high < FACTOR_FROM {
            Self::Percent
        } else {
            Self::Factor
        }
    }
}

fn finite(ratio: &Ratio) -> Option<Interval> {
    ratio.interval.filter(|Interval { low, high }| {
        let is_number = low.is_finite() && high.is_finite();
        is_number && *low > 0.0
    })
}

/// `0.043 s`, `5.31 s`, `57.1 s`, `622 s`.
pub fn seconds(seconds: f64) -> String {
    format!("{} s", bare_seconds(seconds))
}

/// The same without the unit.
pub(super) fn bare_seconds(seconds: f64) -> String {
    // The limits are where rounding would add a digit.
    if seconds < 0.0995 {
        format!("{seconds:.3}")
    } else if seconds < 9.995 {
        format!("{seconds:.2}")
    } else if seconds < 99.95 {
        format!("{seconds:.1}")
    } else {
        format!("{seconds:.0}")
    }
}

/// `0.40×`, `2.5×`, `11.3×`, `95×`: a factor.
pub fn factor(ratio: f64) -> String {
    if ratio < 0.01 {
        "<0.01×".to_owned()
    } else if ratio < 0.995 {
        format!("{ratio:.2}×")
    } else if ratio < 19.95 {
        format!("{ratio:.1}×")
    } else if ratio < 9999.5 {
        format!("{ratio:.0}×")
    } else {
        ">9999×".to_owned()
    }
}

/// `+41%`, `−3%`, `±0%`: a ratio as a change.
pub fn percent(ratio: f64) -> String {
    let change = (ratio - 1.0) * 100.0;
    if change.abs() < 0.5 {
        "±0%".to_owned()
    } else if change < 0.0 {
        format!("−{:.0}%", -change)
    } else {
        format!("+{change:.0}%")
    }
}

/// `5%`, `1.8%`: a share in the digits that it needs.
pub fn percentage(share: f64) -> String {
    let text = format!("{:.1}", share * 100.0);
    format!("{}%", text.trim_end_matches(".0"))
}

/// `99.8%`, `0.1%`: a share of a whole, from 0 to 1.
pub fn share(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// `12.8 s`, or `6.96…7.31 s` where the ends are not written the same.
pub fn range(low: f64, high: f64) -> String {
    if bare_seconds(low) == bare_seconds(high) {
        seconds(high)
    } else {
        format!("{}…{}", bare_seconds(low), seconds(high))
    }
}

/// What a second platform costs: `11.3×`, `+41%`; of one round `about +41%`
/// where that is not clear, and `no clear change` for less than nothing, which
/// is noise.
pub(super) fn describe_cost(ratio: &Ratio) -> String {
    if ratio.interval.is_none() && ratio.estimate < 1.005 {
        return "no clear change".to_owned();
    }
    let text = match Unit::of(ratio) {
        Unit::Factor => factor(ratio.estimate),
        Unit::Percent => percent(ratio.estimate),
    };
    marked(ratio, text)
}

/// A candidate against the reference: `95× faster`, `−29%`, `+12%`, `3.0×
/// slower`; of one round `about −4%` where that is not clear.
pub fn describe_comparison(ratio: &Ratio) -> String {
    let text = match Unit::of(ratio) {
        Unit::Factor => faster_or_slower(ratio.estimate),
        Unit::Percent => percent(ratio.estimate),
    };
    marked(ratio, text)
}

/// The same as the end of a sentence: `95× faster`, `12% slower`, `in 29% less
/// time`.
pub(super) fn in_words(ratio: &Ratio) -> String {
    let estimate = ratio.estimate;
    match Unit::of(ratio) {
        Unit::Factor => faster_or_slower(estimate),
        Unit::Percent if estimate > 1.0 => format!("{:.0}% slower", (estimate - 1.0) * 100.0),
        Unit::Percent => format!("in {:.0}% less time", (1.0 - estimate) * 100.0),
    }
}

/// `(1 round)` beside a ratio that one round does not make clear.
pub(super) fn reserve(ratio: &Ratio) -> Option<&'static str> {
    is_unclear(ratio).then_some("(1 round)")
}

fn marked(ratio: &Ratio, text: String) -> String {
    if is_unclear(ratio) {
        format!("about {text}")
    } else {
        text
    }
}

fn faster_or_slower(ratio: f64) -> String {
    let (factor, word) = match ratio < 1.0 {
        true => (factor(1.0 / ratio), "faster"),
        false => (factor(ratio), "slower"),
    };
    if factor == "1.0×" {
        return factor;
    }
    format!("{factor} {word}")
}

/// What a second platform costs: `11.3×`, `+41%`, `−3%`.
pub fn cost(ratio: f64) -> String {
    describe_cost(&certain(ratio))
}

/// A candidate against the reference: `95× faster`, `−29%`, `+12%`, `3.0× slower`.
pub fn comparison(ratio: f64) -> String {
    describe_comparison(&certain(ratio))
}

/// A ratio that needs no reserve.
fn certain(estimate: f64) -> Ratio {
    Ratio {
        n: 1,
        estimate,
        interval: Some(Interval {
            low: estimate,
            high: estimate,
        }),
        basis: Basis::OneRound,
    }
}

/// The interval of a ratio in the unit of its [`describe_comparison`], `7.5…8.3×`
/// or `−3…+7%`; `None` where it has none.
pub fn interval(ratio: &Ratio) -> Option<String> {
    let Interval { low, high } = finite(ratio)?;
    Some(match Unit::of(ratio) {
        Unit::Percent => percents(low, high),
        Unit::Factor if ratio.estimate < 1.0 => factors(1.0 / high, 1.0 / low),
        Unit::Factor => factors(low, high),
    })
}

/// The interval of a ratio in the unit of its `describe_cost`.
pub fn cost_interval(ratio: &Ratio) -> Option<String> {
    let Interval { low, high } = finite(ratio)?;
    Some(match Unit::of(ratio) {
        Unit::Percent => percents(low, high),
        Unit::Factor => factors(low, high),
    })
}

fn percents(low: f64, high: f64) -> String {
    joined(percent(low), percent(high), '%')
}

fn factors(low: f64, high: f64) -> String {
    joined(factor(low), factor(high), '×')
}

/// `low…high` with the unit once; one of them where they are written alike.
fn joined(low: String, high: String, unit: char) -> String {
    if low == high {
        return high;
    }
    format!("{}…{high}", low.trim_end_matches(unit))
}

/// `1.9 GB`, `512 MB`: decimal units.
pub fn bytes(bytes: u64) -> String {
    let units = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let bytes = bytes as f64;
    for (size, unit) in units {
        if bytes >= size {
            return format!("{:.1} {unit}", bytes / size);
        }
    }
    format!("{bytes:.0} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_digits() {
        for (value, text) in [
            (0.0, "0.000 s"),
            (0.0431, "0.043 s"),
            (0.5, "0.50 s"),
            (9.994, "9.99 s"),
            (9.996, "10.0 s"),
            (57.06, "57.1 s"),
            (99.97, "100 s"),
            (621.7, "622 s"),
        ] {
            assert_eq!(seconds(value), text);
        }
    }

    #[test]
    fn ratios_read_as_people_say_them() {
        for (ratio, text) in [
            (11.32, "11.3×"),
            (2.0, "2.0×"),
            (1.41, "+41%"),
            (1.001, "±0%"),
            (0.97, "−3%"),
        ] {
            assert_eq!(cost(ratio), text);
        }
        for (ratio, text) in [
            (1.0 / 95.0, "95× faster"),
            (0.5, "2.0× faster"),
            (0.71, "−29%"),
            (1.12, "+12%"),
            (3.0, "3.0× slower"),
        ] {
            assert_eq!(comparison(ratio), text);
        }
    }

    #[test]
    fn one_round_is_described_with_reserve() {
        let one = |estimate| Ratio {
            n: 1,
            estimate,
            interval: None,
            basis: Basis::OneRound,
        };
        for (ratio, cost, comparison, reserve) in [
            (1.07, "about +7%", "about +7%", true),
            (0.45, "no clear change", "2.2× faster", false),
            (0.96, "no clear change", "about −4%", true),
            (1.6, "+60%", "+60%", false),
            (8.0, "8.0×", "8.0× slower", false),
        ] {
            let ratio = one(ratio);
            assert_eq!(describe_cost(&ratio), cost);
            assert_eq!(describe_comparison(&ratio), comparison);
            assert_eq!(super::reserve(&ratio).is_some(), reserve);
        }
    }

    fn of(estimate: f64, low: f64, high: f64) -> Ratio {
        Ratio {
            n: 3,
            estimate,
            interval: Some(Interval { low, high }),
            basis: Basis::ModelBased,
        }
    }

    #[test]
    fn a_ratio_and_its_interval_share_one_unit() {
        for (ratio, described, interval) in [
            (of(0.11, 0.1, 0.125), "9.1× faster", "8.0…10.0×"),
            (of(11.5, 11.0, 12.0), "11.5× slower", "11.0…12.0×"),
            (of(1.02, 0.97, 1.07), "+2%", "−3…+7%"),
            (of(1.41, 1.411, 1.412), "+41%", "+41%"),
            // One end is beyond a factor of two: no percentage of it.
            (of(1.1, 0.4, 3.0), "1.1× slower", "0.40…3.0×"),
            (of(0.62, 0.45, 0.85), "1.6× faster", "1.2…2.2×"),
            (of(1.002, 0.4, 2.5), "1.0×", "0.40…2.5×"),
            (of(0.08, 0.00001, 500.0), "12.5× faster", "<0.01…>9999×"),
        ] {
            assert_eq!(describe_comparison(&ratio), described);
            assert_eq!(super::interval(&ratio).unwrap(), interval);
        }
    }

    #[test]
    fn what_platforms_cost_has_one_unit_too() {
        for (ratio, described, interval) in [
            (of(1.98, 1.67, 2.35), "2.0×", "1.7…2.4×"),
            (of(12.7, 11.6, 14.1), "12.7×", "11.6…14.1×"),
            (of(1.7, 1.6, 1.8), "+70%", "+60…+80%"),
            (of(0.97, 0.4, 1.3), "0.97×", "0.40…1.3×"),
        ] {
            assert_eq!(describe_cost(&ratio), described);
            assert_eq!(cost_interval(&ratio).unwrap(), interval);
        }
    }

    #[test]
    fn a_sentence_says_less_time_and_not_a_negative_share() {
        for (ratio, words) in [
            (of(0.71, 0.6, 0.8), "in 29% less time"),
            (of(1.12, 1.1, 1.2), "12% slower"),
            (of(0.1, 0.09, 0.11), "10.0× faster"),
        ] {
            assert_eq!(in_words(&ratio), words);
        }
    }
}
