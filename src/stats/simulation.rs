//! The rule against simulated machines: how often a gate fails though nothing
//! changed, and how often an interval misses the truth.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::verdict::{Judgement, LOOKS, Looks, Verdict, judge, shows_no_slowdown};
use super::{Basis, Interval, LEAST_DELTA, ratio};
use crate::model::FUTILITY_ROUNDS;

const GATES: usize = 10_000;

/// Runs whose interval is held against the truth, of each machine and effect.
const COVERED: usize = 1_500;

/// A machine: what it adds to the logarithm of each build's time, build by
/// build.
trait Machine {
    fn next(&mut self, random: &mut ChaCha8Rng) -> f64;
}

/// A standard normal number, by Box and Muller.
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (random.random(), random.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// Normal noise of the log times: lognormal times.
struct Lognormal(f64);

impl Machine for Lognormal {
    fn next(&mut self, random: &mut ChaCha8Rng) -> f64 {
        self.0 * normal(random)
    }
}

/// The same time always, to whole percents: ties and zeros.
struct Constant;

impl Machine for Constant {
    fn next(&mut self, random: &mut ChaCha8Rng) -> f64 {
        0.01 * f64::from(random.random_range(0u8..3))
    }
}

/// Slower with each build, as a disk that fills or a CPU that heats.
struct Drifting {
    now: f64,
}

impl Machine for Drifting {
    fn next(&mut self, random: &mut ChaCha8Rng) -> f64 {
        self.now += 0.02;
        self.now + 0.05 * normal(random)
    }
}

/// A fast and a slow mode, a third apart, that a build falls into by chance.
struct Bimodal;

impl Machine for Bimodal {
    fn next(&mut self, random: &mut ChaCha8Rng) -> f64 {
        let slow = if random.random_bool(0.3) { 0.33 } else { 0.0 };
        slow + 0.03 * normal(random)
    }
}

/// A neighbour who comes and goes: each build is much like the one before.
struct Autocorrelated {
    now: f64,
}

impl Machine for Autocorrelated {
    fn next(&mut self, random: &mut ChaCha8Rng) -> f64 {
        self.now = 0.9 * self.now + 0.05 * normal(random);
        self.now
    }
}

/// A machine's name, and how to get a new one.
type Kind = (&'static str, fn() -> Box<dyn Machine>);

fn machines() -> [Kind; 6] {
    [
        ("constant", || Box::new(Constant)),
        ("lognormal 5%", || Box::new(Lognormal(0.05))),
        ("lognormal 30%", || Box::new(Lognormal(0.3))),
        ("drifting", || Box::new(Drifting { now: 0.0 })),
        ("bimodal", || Box::new(Bimodal)),
        ("autocorrelated", || Box::new(Autocorrelated { now: 0.0 })),
    ]
}

/// How a run stops: at a clear verdict, or as a gate does, too.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stops {
    Clear,
    Gate,
}

/// What came of a simulated run.
struct ProgramOutput {
    slower: bool,
    /// The signed-rank interval, where there were rounds enough for one.
    interval: Option<Interval>,
    rounds: usize,
}

impl ProgramOutput {
    /// Whether it tells a signed-rank interval that does not hold the truth.
    fn misses(&self, effect: f64) -> bool {
        // Rounding must not exclude a truth at the very end.
        let truth = effect.exp();
        self.interval.is_some_and(|interval| {
            interval.low > truth * (1.0 + 1e-12) || interval.high < truth * (1.0 - 1e-12)
        })
    }
}

/// One run: rounds in an order drawn by lot, until it stops. `effect` is the
/// truth, ln(candidate / reference).
fn run(
    machine: &mut dyn Machine,
    effect: f64,
    stops: Stops,
    random: &mut ChaCha8Rng,
) -> ProgramOutput {
    let mut ratios = BTreeMap::new();
    for round in 1.. {
        let first = machine.next(random);
        let second = machine.next(random);
        let candidate_first = random.random_bool(0.5);
        let difference = if candidate_first {
            first - second
        } else {
            second - first
        };
        ratios.insert(round, effect + difference);
        let logs: Vec<f64> = ratios.values().copied().collect();
        let is_look = LOOKS.iter().any(|look| look.rounds == logs.len());
        let judged = is_look.then(|| judge(&logs, LEAST_DELTA));
        let verdict = match judged {
            Some(Judgement::Decided(decision)) => Some(decision.verdict),
            _ => None,
        };
        let is_open =
            stops == Stops::Gate && shows_no_slowdown(&logs, LEAST_DELTA, FUTILITY_ROUNDS as usize);
        if verdict.is_some() || is_open {
            let found = ratio(&ratios, Looks::Two, LEAST_DELTA).unwrap();
            let is_looks = matches!(found.basis, Basis::SignedRank(_));
            return ProgramOutput {
                slower: verdict == Some(Verdict::Slower),
                interval: found.interval.filter(|_| is_looks),
                rounds: logs.len(),
            };
        }
    }
    unreachable!("the last look decides")
}

#[test]
fn a_gate_fails_in_at_most_2_5_percent_though_nothing_changed() {
    for stops in [Stops::Clear, Stops::Gate] {
        for (name, machine) in machines() {
            let mut random = ChaCha8Rng::seed_from_u64(1);
            let failed = (0..GATES)
                .filter(|_| run(&mut *machine(), 0.0, stops, &mut random).slower)
                .count();
            assert!(
                failed * 1000 <= GATES * 25,
                "{name}, {stops:?}: {failed} of {GATES}"
            );
        }
    }
}

#[test]
fn at_most_5_percent_of_runs_tell_an_interval_that_misses_the_truth() {
    for stops in [Stops::Clear, Stops::Gate] {
        for (name, machine) in machines() {
            for effect in [0.0, 1.05f64.ln(), 1.2f64.ln(), 0.5f64.ln()] {
                let mut random = ChaCha8Rng::seed_from_u64(2);
                let missed = (0..COVERED)
                    .filter(|_| run(&mut *machine(), effect, stops, &mut random).misses(effect))
                    .count();
                // The truth is 4.74% at most; this is two standard errors more.
                assert!(
                    missed * 1000 <= COVERED * 60,
                    "{name}, {effect}, {stops:?}: {missed} of {COVERED}"
                );
            }
        }
    }
}

#[test]
fn what_is_much_slower_fails_at_the_first_look() {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let found = (0..1000).filter(|_| {
        let machine = &mut Lognormal(0.05);
        let ran = run(machine, 1.3f64.ln(), Stops::Gate, &mut random);
        ran.slower && ran.rounds == LOOKS[0].rounds
    });
    let found = found.count();
    assert!(found > 950, "{found} of 1000");
}
