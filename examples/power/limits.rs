//! What a verdict does not say: runs in which the typical ratio of a round is
//! not the whole answer, or in which what the interval assumes does not hold.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use buildrace::stats::{Interval, LEAST_DELTA, LOOKS, Looks, Verdict, ratio};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::gate::looked;
use crate::machine::SEED;

/// Runs of a row.
const RUNS: usize = 10_000;

/// Noise of a build, as the standard deviation of the log of its time.
const NOISE: f64 = 0.03;

/// A run that stops when it is clear.
struct ProgramOutput {
    verdict: Verdict,
    estimate: f64,
    interval: Interval,
    rounds: usize,
}

/// The run that the log ratios of its rounds make.
fn run(mut round: impl FnMut() -> f64) -> ProgramOutput {
    let mut logs = Vec::new();
    loop {
        logs.push(round());
        let Some(verdict) = looked(&logs) else {
            continue;
        };
        let by_round: BTreeMap<u32, f64> = (1..).zip(logs.iter().copied()).collect();
        if let Some(found) = ratio(&by_round, Looks::Two, LEAST_DELTA)
            && let Some(interval) = found.interval
        {
            return ProgramOutput {
                verdict,
                estimate: found.estimate,
                interval,
                rounds: logs.len(),
            };
        }
    }
}

fn normal(random: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (random.random(), random.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// The log of a time that is longer by chance, and hardly ever shorter: an
/// exponential tail beside normal noise.
fn tailed(random: &mut ChaCha8Rng) -> f64 {
    let long: f64 = random.random();
    NOISE * normal(random) - 0.15 * (1.0 - long).ln()
}

/// A kind of run: its name, whose runs these are, and how its rounds are made.
type Rounds = fn(&mut ChaCha8Rng) -> Box<dyn FnMut(&mut ChaCha8Rng) -> f64>;

/// Both sides' noise is independent: the best case.
fn independent(_: &mut ChaCha8Rng) -> Box<dyn FnMut(&mut ChaCha8Rng) -> f64> {
    Box::new(|random| 1.1f64.ln() + NOISE * (normal(random) - normal(random)))
}

/// Both sides have the same long tail: their difference is symmetrical.
fn same_tail(_: &mut ChaCha8Rng) -> Box<dyn FnMut(&mut ChaCha8Rng) -> f64> {
    Box::new(|random| 1.1f64.ln() + tailed(random) - tailed(random))
}

/// Only the candidate has one, so that the log ratios are skewed.
fn own_tail(_: &mut ChaCha8Rng) -> Box<dyn FnMut(&mut ChaCha8Rng) -> f64> {
    Box::new(|random| tailed(random) - NOISE * normal(random))
}

/// What a round leaves behind is in the next: log ratios are like those before.
fn dependent(random: &mut ChaCha8Rng) -> Box<dyn FnMut(&mut ChaCha8Rng) -> f64> {
    const STAYS: f64 = 0.6;
    let spread = NOISE * 2f64.sqrt();
    let mut now = spread * normal(random);
    Box::new(move |random| {
        now = STAYS * now + spread * (1.0 - STAYS * STAYS).sqrt() * normal(random);
        1.1f64.ln() + now
    })
}

/// The share of runs whose interval misses a truth.
fn missed(rounds: Rounds, truth: f64, random: &mut ChaCha8Rng) -> f64 {
    let missed = (0..RUNS).filter(|_| {
        let mut next = rounds(random);
        let ran = run(|| next(random));
        truth < ran.interval.low.ln() || truth > ran.interval.high.ln()
    });
    missed.count() as f64 / RUNS as f64
}

/// The truth of skewed rounds: their mean, and their pseudomedian, the median of
/// the mean of two.
fn truths(rounds: Rounds, random: &mut ChaCha8Rng) -> (f64, f64) {
    const DRAWN: usize = 200_000;
    let mut next = rounds(random);
    let drawn: Vec<f64> = (0..2 * DRAWN).map(|_| next(random)).collect();
    let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
    let mut pairs: Vec<f64> = drawn.chunks(2).map(|two| two[0].midpoint(two[1])).collect();
    pairs.sort_by(f64::total_cmp);
    (mean, pairs[DRAWN / 2])
}

/// The table.
pub fn table() -> String {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let random = &mut random;
    let mut table = "| runs, noise 3% | what comes of them |\n|---|---|\n".to_owned();
    let percent = |share: f64| format!("{:.1}%", 100.0 * share);

    let mut rare = [0usize; 4];
    for _ in 0..RUNS {
        let ran = run(|| {
            let slow = if random.random_bool(0.1) {
                3f64.ln()
            } else {
                0.0
            };
            slow + NOISE * (normal(random) - normal(random))
        });
        rare[match ran.verdict {
            Verdict::Same => 0,
            Verdict::Inconclusive => 1,
            Verdict::Slower => 2,
            Verdict::Faster => 3,
        }] += 1;
    }
    let [same, open, slower, _] = rare.map(|count| percent(count as f64 / RUNS as f64));
    row(
        &mut table,
        "the candidate takes three times as long in one build of ten",
        &format!("called *same* in {same}, *inconclusive* in {open}, *slower* in {slower}"),
    );

    let truth = 1.1f64.ln();
    for (name, rounds) in [
        ("+10%, each build's noise its own", independent as Rounds),
        ("+10%, both sides with the same long tail", same_tail),
        (
            "+10%, each log ratio like the one before (correlation 0.6)",
            dependent,
        ),
    ] {
        let missed = percent(missed(rounds, truth, random));
        row(
            &mut table,
            name,
            &format!("{missed} of intervals miss the truth"),
        );
    }
    let (mean, pseudomedian) = truths(own_tail, random);
    let of_mean = percent(missed(own_tail, mean, random));
    let of_typical = percent(missed(own_tail, pseudomedian, random));
    row(
        &mut table,
        "a long tail of the candidate alone",
        &format!(
            "{of_typical} of intervals miss the pseudomedian, {of_mean} the mean of the log ratios"
        ),
    );

    let mut stopped = [(0usize, 0.0f64); 2];
    for _ in 0..RUNS {
        let mut next = independent(random);
        let ran = run(|| next(random));
        if ran.verdict == Verdict::Slower {
            let (count, sum) = &mut stopped[usize::from(ran.rounds > LOOKS[0].rounds)];
            *count += 1;
            *sum += ran.estimate.ln();
        }
    }
    let [first, second] = stopped.map(|(count, sum)| {
        let estimate = (sum / count as f64).exp_m1();
        (percent(count as f64 / RUNS as f64), percent(estimate))
    });
    row(
        &mut table,
        "+10%, called *slower*",
        &format!(
            "{} at the first look, told as +{} on average; {} at the second, told as +{}",
            first.0, first.1, second.0, second.1
        ),
    );
    table
}

fn row(table: &mut String, name: &str, told: &str) {
    writeln!(table, "| {name} | {told} |").expect("a String takes all");
}
