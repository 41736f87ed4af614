//! Numbers as reports write them: times, ratios and intervals in the few
//! digits that a person repeats.

use crate::stats::{Interval, Ratio};

/// Ratios from here on, and below its inverse, are told as factors, the
/// others in percent.
const FACTOR_FROM: f64 = 2.0;

/// Differences below this share are not told as faster or slower: it is the
/// least change that a verdict ever calls one.
pub(super) const SAME_WITHIN: f64 = 0.05;

/// Differences of one round that are below this factor may be chance: builds
/// of the same thing differ by tens of percent now and then.
pub(super) const CLEAR_IN_ONE_ROUND: f64 = 1.5;

/// Whether a ratio of a single round is too near to 1 to say anything.
pub(super) fn is_unclear(ratio: &Ratio) -> bool {
    ratio.interval.is_none()
        && ratio.estimate < CLEAR_IN_ONE_ROUND
        && ratio.estimate > 1.0 / CLEAR_IN_ONE_ROUND
}

/// `0.043 s`, `5.31 s`, `57.1 s`, `622 s`.
pub fn seconds(seconds: f64) -> String {
    format!("{} s", bare_seconds(seconds))
}

/// The same without the unit.
pub fn bare_seconds(seconds: f64) -> String {
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

/// `2.5x`, `11.3x`, `95x`: a factor, from 1.
pub fn factor(ratio: f64) -> String {
    if ratio < 19.95 {
        format!("{ratio:.1}x")
    } else {
        format!("{ratio:.0}x")
    }
}

/// `+41%`, `-3%`, `±0%`: a ratio as a change.
pub fn percent(ratio: f64) -> String {
    let change = (ratio - 1.0) * 100.0;
    if change.abs() < 0.5 {
        "±0%".to_owned()
    } else {
        format!("{change:+.0}%")
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

/// What a second platform costs: `11.3x`, `+41%`, `-3%`; of one round `~+41%`
/// where that is not clear, and `~none` for less than nothing, which is noise.
pub fn told_cost(ratio: &Ratio) -> String {
    if ratio.interval.is_none() && ratio.estimate < 1.005 {
        "~none".to_owned()
    } else {
        marked(ratio, cost(ratio.estimate))
    }
}

/// A candidate against the reference: as [`comparison`], with `~` before it
/// where one round does not make it clear.
pub fn told_comparison(ratio: &Ratio) -> String {
    marked(ratio, comparison(ratio.estimate))
}

fn marked(ratio: &Ratio, text: String) -> String {
    if is_unclear(ratio) {
        format!("~{text}")
    } else {
        text
    }
}

/// What a second platform costs: `11.3x`, `+41%`, `-3%`.
pub fn cost(ratio: f64) -> String {
    if ratio >= FACTOR_FROM {
        factor(ratio)
    } else {
        percent(ratio)
    }
}

/// A candidate against the reference: `95x faster`, `-29%`, `+12%`, `3.0x slower`.
pub fn comparison(ratio: f64) -> String {
    if ratio >= FACTOR_FROM {
        format!("{} slower", factor(ratio))
    } else if ratio * FACTOR_FROM <= 1.0 {
        format!("{} faster", factor(1.0 / ratio))
    } else {
        percent(ratio)
    }
}

/// The interval of a ratio in the unit of its [`comparison`] or [`cost`],
/// `7.5…8.3x` or `-3…+7%`; `None` where it has none.
pub fn interval(ratio: &Ratio) -> Option<String> {
    let Interval { low, high } = ratio.interval?;
    if !low.is_finite() || !high.is_finite() || low <= 0.0 {
        return None;
    }
    let factors = |from: f64, to: f64| {
        let (from, to) = (factor(from), factor(to));
        if from == to {
            return to;
        }
        format!("{}…{to}", from.trim_end_matches('x'))
    };
    Some(if low >= FACTOR_FROM {
        factors(low, high)
    } else if high * FACTOR_FROM <= 1.0 {
        factors(1.0 / high, 1.0 / low)
    } else {
        let (low, high) = (percent(low), percent(high));
        if low == high {
            return Some(high);
        }
        format!("{}…{high}", low.trim_end_matches('%'))
    })
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
    use crate::stats::Basis;

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
            (11.32, "11.3x"),
            (2.0, "2.0x"),
            (1.41, "+41%"),
            (1.001, "±0%"),
            (0.97, "-3%"),
        ] {
            assert_eq!(cost(ratio), text);
        }
        for (ratio, text) in [
            (1.0 / 95.0, "95x faster"),
            (0.5, "2.0x faster"),
            (0.71, "-29%"),
            (1.12, "+12%"),
            (3.0, "3.0x slower"),
        ] {
            assert_eq!(comparison(ratio), text);
        }
    }

    #[test]
    fn one_round_is_told_with_reserve() {
        let one = |estimate| Ratio {
            n: 1,
            estimate,
            interval: None,
            basis: Basis::OneRound,
        };
        for (ratio, cost, comparison) in [
            (1.07, "~+7%", "~+7%"),
            (0.55, "~none", "-45%"),
            (0.7, "~none", "~-30%"),
            (1.6, "+60%", "+60%"),
            (8.0, "8.0x", "8.0x slower"),
        ] {
            assert_eq!(told_cost(&one(ratio)), cost);
            assert_eq!(told_comparison(&one(ratio)), comparison);
        }
        let (low, high) = (0.5, 0.6);
        let many = Ratio {
            n: 3,
            estimate: 0.55,
            interval: Some(Interval { low, high }),
            basis: Basis::ModelBased,
        };
        assert_eq!(told_cost(&many), "-45%");
    }

    #[test]
    fn intervals_have_the_unit_of_their_ratio() {
        let of = |low, high| {
            interval(&Ratio {
                n: 3,
                estimate: 1.0,
                interval: Some(Interval { low, high }),
                basis: Basis::ModelBased,
            })
            .unwrap()
        };
        assert_eq!(of(0.1, 0.125), "8.0…10.0x");
        assert_eq!(of(11.0, 12.0), "11.0…12.0x");
        assert_eq!(of(0.97, 1.07), "-3…+7%");
        assert_eq!(of(0.4, 3.0), "-60…+200%");
        assert_eq!(of(1.411, 1.412), "+41%");
    }
}
