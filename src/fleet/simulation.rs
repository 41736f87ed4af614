//! Months against simulated fleets: how often the interval of a month holds what the
//! month took.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::month::{Month, Part};

/// Fleets of each sort.
const FLEETS: usize = 400;

/// A fleet whose truth is known.
struct Truth {
    /// Share and middle of each job, seconds.
    jobs: &'static [(f64, f64)],
    /// Spread of the logarithm of a build's time.
    noise: f64,
    /// The same of a round, which all its builds share.
    drift: f64,
    builds: u32,
}

impl Truth {
    fn time(&self, job: usize, drift: f64, random: &mut ChaCha8Rng) -> f64 {
        self.jobs[job].1 * (drift + self.noise * normal(random)).exp()
    }

    fn measured(&self, rounds: u32, random: &mut ChaCha8Rng) -> Vec<Part> {
        let parts = self.jobs.iter().map(|(share, _)| Part {
            share: *share,
            by_round: Default::default(),
        });
        let mut parts: Vec<Part> = parts.collect();
        for round in 1..=rounds {
            let drift = self.drift * normal(random);
            for (job, part) in parts.iter_mut().enumerate() {
                part.by_round.insert(round, self.time(job, drift, random));
            }
        }
        parts
    }

    /// What the builds of a month took.
    fn month(&self, random: &mut ChaCha8Rng) -> f64 {
        let builds = (0..self.builds).map(|_| {
            let mut left = uniform(random);
            let job = self.jobs.iter().position(|(share, _)| {
                left -= share;
                left < 0.0
            });
            let drift = self.drift * normal(random);
            self.time(job.unwrap_or(0), drift, random)
        });
        builds.sum()
    }
}

fn uniform(random: &mut ChaCha8Rng) -> f64 {
    f64::from(random.next_u32()) / (f64::from(u32::MAX) + 1.0)
}

/// A standard normal number, by Box and Muller.
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let (u, v) = (uniform(random), uniform(random));
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

const MIX: &[(f64, f64)] = &[(0.8, 5.0), (0.15, 60.0), (0.05, 150.0)];
const ONE: &[(f64, f64)] = &[(1.0, 150.0)];

#[test]
fn the_interval_holds_what_a_month_took_in_95_percent_of_fleets() {
    let sorts = [
        (MIX, 22, 0.05, 0.0),
        (MIX, 22, 0.3, 0.0),
        (ONE, 22, 0.05, 0.15),
        (ONE, 440, 0.3, 0.0),
    ];
    for rounds in [3, 6] {
        let mut of_all = 0;
        for (jobs, builds, noise, drift) in sorts {
            let truth = Truth {
                jobs,
                noise,
                drift,
                builds,
            };
            let mut random = ChaCha8Rng::seed_from_u64(u64::from(rounds));
            let held = (0..FLEETS).filter(|_| {
                let measured = truth.measured(rounds, &mut random);
                let month = Month::of(&measured, f64::from(builds)).unwrap();
                let interval = month.interval.unwrap();
                let took = truth.month(&mut random);
                (interval.low..=interval.high).contains(&took)
            });
            let held = held.count();
            // Two standard errors less.
            assert!(
                held * 1000 >= FLEETS * 930,
                "{rounds} rounds, {} jobs, {builds} builds, noise {noise}, drift {drift}: {held} \
                 of {FLEETS}",
                jobs.len()
            );
            of_all += held;
        }
        let fleets = FLEETS * sorts.len();
        assert!(
            of_all * 100 >= fleets * 95,
            "{rounds} rounds: {of_all} of {fleets}"
        );
    }
}
