//! The verdict: whether a candidate is faster, slower, the same, or whether
//! that cannot be told. `docs/verdict.md` states the rule and its sources.

use super::interval::Interval;
use super::signed_rank::{MAX_PAIRS, greatest_k, lower_tail};
use super::walsh::WalshAverages;

/// Most that a run's looks together may miss the truth with.
const ALPHA: f64 = 0.05;

/// A moment at which a run may be judged: after so many rounds, with so wide
/// an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Rounds with a pair of times.
    pub rounds: usize,
    /// The interval goes from the k-th least Walsh average to the k-th
    /// greatest.
    pub k: usize,
}

/// The looks at a run: together they miss the truth in 4.74% of runs at most.
pub const LOOKS: [Look; 2] = [Look { rounds: 6, k: 1 }, Look { rounds: 12, k: 10 }];

impl Look {
    /// The only look at a run of so many rounds, fixed before it began; `None`
    /// for fewer than six, and for more than are counted exactly.
    pub fn only(rounds: usize) -> Option<Self> {
        if rounds > MAX_PAIRS {
            return None;
        }
        greatest_k(rounds, ALPHA).map(|k| Self { rounds, k })
    }

    /// Probability that its interval misses the truth, without ties.
    pub fn alpha(self) -> f64 {
        2.0 * lower_tail(self.rounds, self.k)
    }

    /// Estimate and interval of the log ratio that it sees; `None` where there
    /// are fewer rounds.
    pub(super) fn see(self, log_ratios: &[f64]) -> Option<(f64, Interval)> {
        let walsh = WalshAverages::of(log_ratios.get(..self.rounds)?)?;
        Some((walsh.median(), walsh.interval(self.k)?))
    }
}

/// How often a run is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    /// Once, after a number of rounds that was fixed before it began.
    One,
    /// At each of [`LOOKS`], until it is clear.
    Two,
    /// The same of a run that could not be given the rounds of the second look:
    /// it is that with the rounds there are, and what is left of α.
    Short,
}

impl Looks {
    /// The looks at so many rounds with a pair of times.
    pub fn at(self, rounds: usize) -> Vec<Look> {
        match self {
            Self::One => Look::only(rounds).into_iter().collect(),
            Self::Two => LOOKS.to_vec(),
            Self::Short => {
                let [first, second] = LOOKS;
                let last = (first.rounds + 1..second.rounds).contains(&rounds);
                let last = last.then(|| greatest_k(rounds, second.alpha())).flatten();
                let last = last.map_or(second, |k| Look { rounds, k });
                vec![first, last]
            }
        }
    }
}

/// What is said of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It takes less time, by more than the change that matters.
    Faster,
    /// It takes more time, by more than the change that matters.
    Slower,
    /// It differs by less than the change that matters.
    Same,
    /// The last look could not tell.
    Inconclusive,
}

impl Verdict {
    /// The word used in reports and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::Same => "same",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// A run's state after some rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Judgement {
    /// There is a verdict.
    Decided(Decision),
    /// More rounds are needed: the next look is after so many.
    GoOn {
        /// Rounds with a pair of times that the next look takes.
        until: usize,
    },
}

/// A verdict and what it stands on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision {
    /// The verdict.
    pub verdict: Verdict,
    /// The look at which it fell.
    pub look: Look,
    /// Candidate over reference, the Hodges–Lehmann estimate: above 1 is
    /// slower.
    pub estimate: f64,
    /// Interval of the ratio, which misses the truth with the probability of
    /// all looks until this one at most.
    pub interval: Interval,
}

/// Judges a run that is looked at twice by the log ratios of its rounds,
/// ln(candidate / reference), in the order of the rounds. `delta` is the change
/// that matters, 0.05 for 5%.
///
/// Rounds beyond those of a look are not looked at by it: what was decided at
/// the first look stands, however many rounds there are. A ratio that is no
/// finite number, of a time of 0, is no round.
pub fn judge(log_ratios: &[f64], delta: f64) -> Judgement {
    judge_at(log_ratios, delta, Looks::Two)
}

/// The same of a run that is looked at so often.
pub fn judge_at(log_ratios: &[f64], delta: f64, looks: Looks) -> Judgement {
    let finite = log_ratios.iter().copied().filter(|ratio| ratio.is_finite());
    let ratios: Vec<f64> = finite.collect();
    let threshold = (1.0 + delta).ln();
    let looks = looks.at(ratios.len());
    for (at, look) in looks.iter().enumerate() {
        let Some((estimate, interval)) = look.see(&ratios) else {
            return Judgement::GoOn { until: look.rounds };
        };
        let clear = if interval.low > threshold {
            Some(Verdict::Slower)
        } else if interval.high < -threshold {
            Some(Verdict::Faster)
        } else if interval.low >= -threshold && interval.high <= threshold {
            Some(Verdict::Same)
        } else {
            None
        };
        let is_last = at + 1 == looks.len();
        if let Some(verdict) = clear.or(is_last.then_some(Verdict::Inconclusive)) {
            return Judgement::Decided(Decision {
                verdict,
                look: *look,
                estimate: estimate.exp(),
                interval: interval.exp(),
            });
        }
    }
    // Fewer rounds than any look takes.
    Judgement::GoOn {
        until: LOOKS[0].rounds,
    }
}

/// The Hodges–Lehmann estimate of a ratio, candidate over reference, of however
/// few rounds; `None` where there is none.
pub fn estimate(log_ratios: &[f64]) -> Option<f64> {
    WalshAverages::of(log_ratios).map(|walsh| walsh.median().exp())
}

/// Whether a gate, which fails on *slower* alone, need look no further: after
/// `from` rounds or more, and no more than those of its first look, half of the
/// change that matters is not even the estimate.
///
/// It can only turn a fail of a later look into a pass, so that the gate fails
/// falsely no more often for it.
pub fn shows_no_slowdown(log_ratios: &[f64], delta: f64, from: usize) -> bool {
    (from..=LOOKS[0].rounds).contains(&log_ratios.len())
        && estimate(log_ratios).is_some_and(|ratio| ratio.ln() <= (1.0 + delta).ln() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The verdict, and the rounds that it took.
    fn decided(log_ratios: &[f64], delta: f64) -> (Verdict, usize) {
        match judge(log_ratios, delta) {
            Judgement::Decided(decision) => (decision.verdict, decision.look.rounds),
            Judgement::GoOn { until } => panic!("it goes on until {until}"),
        }
    }

    #[test]
    fn both_looks_together_miss_less_than_one_in_twenty() {
        let alphas: Vec<f64> = LOOKS.iter().map(|look| look.alpha()).collect();
        assert_eq!(alphas, [0.03125, 66.0 / 4096.0]);
        assert!(alphas.iter().sum::<f64>() < 0.05);
    }

    #[test]
    fn what_is_clear_is_told_at_the_first_look() {
        let around = |middle: f64| [-0.01, 0.005, 0.0, 0.01, -0.005, 0.002].map(|d| middle + d);
        assert_eq!(decided(&around(0.3), 0.05), (Verdict::Slower, 6));
        assert_eq!(decided(&around(-0.3), 0.05), (Verdict::Faster, 6));
        assert_eq!(decided(&around(0.0), 0.05), (Verdict::Same, 6));
        // A difference that does not matter is none.
        assert_eq!(decided(&around(0.03), 0.05), (Verdict::Same, 6));
        assert_eq!(decided(&around(0.3), 0.5), (Verdict::Same, 6));
    }

    #[test]
    fn what_is_not_clear_goes_on_to_the_second_look_and_no_further() {
        let mut ratios = vec![0.3, 0.25, 0.35, 0.3, -0.1, 0.3];
        assert_eq!(judge(&ratios, 0.05), Judgement::GoOn { until: 12 });
        ratios.extend([0.3, 0.28, 0.31, 0.29, 0.33]);
        assert_eq!(judge(&ratios, 0.05), Judgement::GoOn { until: 12 });
        ratios.push(0.3);
        assert_eq!(decided(&ratios, 0.05), (Verdict::Slower, 12));
        let torn: Vec<f64> = (0..12)
            .map(|n| if n % 2 == 0 { 0.2 } else { -0.2 })
            .collect();
        assert_eq!(decided(&torn, 0.05), (Verdict::Inconclusive, 12));
    }

    #[test]
    fn less_than_six_rounds_decide_nothing() {
        assert_eq!(judge(&[], 0.05), Judgement::GoOn { until: 6 });
        assert_eq!(judge(&[9.0; 5], 0.05), Judgement::GoOn { until: 6 });
        let with_failed = [9.0, 9.0, f64::NAN, 9.0, f64::INFINITY, 9.0];
        assert_eq!(judge(&with_failed, 0.05), Judgement::GoOn { until: 6 });
    }

    #[test]
    fn a_run_without_rounds_for_the_second_look_has_a_look_at_what_there_is() {
        for rounds in 7..12 {
            let looks = Looks::Short.at(rounds);
            assert_eq!(looks[1].rounds, rounds);
            let alpha: f64 = looks.iter().map(|look| look.alpha()).sum();
            assert!(alpha < 0.05, "{rounds}: {alpha}");
            let slower: Vec<f64> = (0..rounds).map(|n| 0.3 + 0.001 * n as f64).collect();
            let mut torn = slower.clone();
            torn[0] = 0.04;
            let Judgement::Decided(found) = judge_at(&torn, 0.05, Looks::Short) else {
                panic!("the last look decides");
            };
            assert_eq!(found.look.rounds, rounds);
        }
        assert_eq!(Looks::Short.at(6), LOOKS);
        assert_eq!(Looks::Short.at(12), LOOKS);
    }

    #[test]
    fn half_of_what_matters_is_no_sign_of_it() {
        let around = |middle: f64| [-0.2, 0.1, 0.0, 0.2, -0.1, 0.02].map(|d| middle + d);
        assert!(shows_no_slowdown(&around(-0.3), 0.05, 6));
        assert!(shows_no_slowdown(&around(0.0), 0.05, 6));
        assert!(!shows_no_slowdown(&around(0.04), 0.05, 6));
        // Not before it may, and not after the first look.
        assert!(!shows_no_slowdown(&around(0.0)[..5], 0.05, 6));
        assert!(!shows_no_slowdown(&[0.0; 7], 0.05, 3));
        for rounds in 0..=6 {
            assert_eq!(shows_no_slowdown(&[0.0; 6][..rounds], 0.05, 3), rounds >= 3);
        }
        // Two of three rounds point to one.
        assert!(!shows_no_slowdown(&[0.1, -0.05, 0.1], 0.05, 3));
    }

    proptest! {
        /// Exchanging candidate and reference exchanges faster and slower, and
        /// rounds after a decision change nothing.
        #[test]
        fn it_is_symmetrical_and_final(ratios in proptest::collection::vec(-0.5f64..0.5, 12..20)) {
            let Judgement::Decided(found) = judge(&ratios, 0.05) else {
                return Err(TestCaseError::fail("twelve rounds decide"));
            };
            let turned: Vec<f64> = ratios.iter().map(|ratio| -ratio).collect();
            let opposite = match found.verdict {
                Verdict::Faster => Verdict::Slower,
                Verdict::Slower => Verdict::Faster,
                same => same,
            };
            prop_assert_eq!(decided(&turned, 0.05), (opposite, found.look.rounds));
            prop_assert_eq!(judge(&ratios[..found.look.rounds], 0.05), Judgement::Decided(found));
            prop_assert!(found.interval.low <= found.estimate && found.estimate <= found.interval.high);
        }
    }
}
