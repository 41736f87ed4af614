//! Gates whose builds fail by chance: by today's rule, and by the raw shares
//! that it went by before.

use buildrace::model::{AUTO_ROUNDS, FailureRule};
use buildrace::stats::Verdict;
use buildrace::verdict::{Failing, Tries, look_at_failures};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::gate::{Ends, GATES, Ruled, looked, round};
use crate::machine::{Machine, Mood, SEED};

/// How often builds of the base and of the change fail.
pub const RATES: [(f64, f64); 11] = [
    (0.01, 0.01),
    (0.05, 0.05),
    (0.1, 0.1),
    (0.2, 0.2),
    (1.0 / 3.0, 1.0 / 3.0),
    (0.5, 0.5),
    (0.0, 1.0),
    (0.0, 0.5),
    (0.0, 1.0 / 3.0),
    (1.0 / 3.0, 1.0),
    (1.0, 0.0),
];

/// Rounds of a plan, spare ones included.
const PLANNED: u32 = AUTO_ROUNDS + AUTO_ROUNDS / 2;

/// Noise of the builds that are good.
const NOISE: u32 = 3;

/// How failures are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaky {
    /// By today's rule. What fails does so alike each time: the worst case.
    Tested,
    /// A side that failed twice and was never good does not build, and the gate
    /// fails if a greater share of the change's builds failed.
    RawShares,
}

/// What became of gates of a change that takes as long as its base.
pub fn gates(base: f64, change: f64, rule: Flaky) -> Ruled {
    let mut machine = Machine::new(NOISE, 0, Mood::Steady);
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    random.set_stream(u64::from((1000.0 * base) as u32) * 10_000 + (1000.0 * change) as u64);
    let mut builds = 0;
    let mut failed = 0;
    for _ in 0..GATES {
        machine.begin();
        let (fails, rounds) = gate(&mut machine, &mut random, [base, change], rule);
        failed += usize::from(fails);
        builds += 2 * rounds;
    }
    Ruled {
        failed,
        builds: f64::from(builds) / GATES as f64,
    }
}

/// One gate: whether it fails, and the rounds that it took.
fn gate(
    machine: &mut Machine,
    random: &mut ChaCha8Rng,
    rates: [f64; 2],
    rule: Flaky,
) -> (bool, u32) {
    let mut failed = [0u32; 2];
    let mut ratios = Vec::new();
    for rounds in 1..=PLANNED {
        let ratio = round(machine);
        let fails = rates.map(|rate| random.random_bool(rate));
        for (count, fails) in failed.iter_mut().zip(fails) {
            *count += u32::from(fails);
        }
        if fails == [false, false] {
            ratios.push(ratio);
        }
        let done = match rule {
            Flaky::Tested => tested(rounds, failed, &ratios),
            Flaky::RawShares => raw(rounds, failed, &ratios),
        };
        if let Some(fails) = done {
            return (fails, rounds);
        }
    }
    (rule == Flaky::RawShares && failed[1] > failed[0], PLANNED)
}

/// Whether the gate fails or passes after so many rounds; `None` while it goes
/// on.
fn tested(rounds: u32, failed: [u32; 2], ratios: &[f64]) -> Option<bool> {
    let rule = FailureRule::LOOKS;
    if rounds.is_multiple_of(rule.every) {
        let [base, change] = failed.map(|failed| Tries {
            good: rounds - failed,
            failed,
            alike: true,
            first: None,
        });
        match look_at_failures(rule, &base, &change) {
            Failing::DoesNotBuild | Failing::MoreOften { .. } => return Some(true),
            Failing::Repaired | Failing::NeitherBuilds => return Some(false),
            Failing::Unproven => {}
        }
    }
    let excess = failed[1].saturating_sub(failed[0]);
    match looked(ratios) {
        Some(Verdict::Slower) => Some(true),
        Some(_) => (ratios.len() > 6 || excess <= 1).then_some(false),
        None => {
            let most = if ratios.len() < 6 { 0 } else { 1 };
            (Ends::Early.now(ratios) && excess <= most).then_some(false)
        }
    }
}

/// The same as it was before.
fn raw(rounds: u32, failed: [u32; 2], ratios: &[f64]) -> Option<bool> {
    let never = failed.map(|failed| failed == rounds && failed >= 2);
    let slower = match looked(ratios) {
        Some(verdict) => verdict == Verdict::Slower,
        None if Ends::AtFirstLook.now(ratios) || never != [false, false] => false,
        None => return None,
    };
    Some(slower || failed[1] > failed[0])
}
