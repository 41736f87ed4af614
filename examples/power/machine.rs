//! A simulated machine: how long the builds of a run take on it.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The seed of all tables.
pub const SEED: u64 = 1;

/// The share of a busy machine's variance that is the machine's.
const HALF: f64 = 0.5;

/// How much of it stays from one build to the next.
const STAYS: f64 = 0.9;

/// What becomes of the machine while it builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Nothing: each build's noise is its own.
    Steady,
    /// Other work comes and goes: half of the noise's variance is the
    /// machine's and changes by a tenth from build to build, half is the
    /// build's own.
    Busy,
    /// Everything has been 10% slower since the stored time was taken.
    SlowerSinceStored,
    /// Each build takes 1% longer than the one before.
    Drifting,
    /// A neighbour comes before one of the first 20 builds and stays: from
    /// then on everything is 10% slower.
    Neighbour,
}

impl Mood {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 5] = [
        Self::Steady,
        Self::Busy,
        Self::SlowerSinceStored,
        Self::Drifting,
        Self::Neighbour,
    ];

    /// The words of the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Busy => "busy",
            Self::SlowerSinceStored => "10% slower since the stored time",
            Self::Drifting => "1% slower with each build",
            Self::Neighbour => "10% slower from some build of the run on",
        }
    }
}

/// A machine, and the truth about the candidate.
pub struct Machine {
    noise: f64,
    change: f64,
    mood: Mood,
    /// Builds of this run so far.
    built: usize,
    /// The build before which a neighbour comes.
    neighbour: usize,
    /// What other work adds to the log of the time now.
    other_work: f64,
    random: ChaCha8Rng,
}

/// One side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What is compared with.
    Reference,
    /// What may have changed.
    Candidate,
}

impl Machine {
    /// A machine whose log times have a standard deviation of `noise` percent,
    /// and a candidate that takes `change` percent longer.
    ///
    /// Each combination has numbers of its own, so a row of a table can be
    /// computed without the others.
    pub fn new(noise: u32, change: u32, mood: Mood) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(SEED);
        random.set_stream(u64::from(1000 * noise + change));
        Self {
            noise: f64::from(noise) / 100.0,
            change: (f64::from(change) / 100.0).ln_1p(),
            mood,
            built: 0,
            neighbour: 0,
            other_work: 0.0,
            random,
        }
    }

    /// Begins a new run.
    pub fn begin(&mut self) {
        self.built = 0;
        match self.mood {
            Mood::Neighbour => self.neighbour = self.random.random_range(0..20),
            Mood::Busy => self.other_work = self.noise * HALF.sqrt() * self.normal(),
            Mood::Steady | Mood::SlowerSinceStored | Mood::Drifting => {}
        }
    }

    /// Builds once: the log of the time.
    pub fn build(&mut self, side: Side) -> f64 {
        let own = self.noise * self.normal();
        let slower = 1.1f64.ln();
        let time = match self.mood {
            Mood::Steady => own,
            Mood::Busy => {
                // Keeps its variance from build to build.
                let news = self.noise * (HALF * (1.0 - STAYS * STAYS)).sqrt() * self.normal();
                self.other_work = STAYS * self.other_work + news;
                self.other_work + HALF.sqrt() * own
            }
            Mood::SlowerSinceStored => slower + own,
            Mood::Drifting => self.built as f64 * 1.01f64.ln() + own,
            Mood::Neighbour if self.built >= self.neighbour => slower + own,
            Mood::Neighbour => own,
        };
        self.built += 1;
        let change = match side {
            Side::Reference => 0.0,
            Side::Candidate => self.change,
        };
        time + change
    }

    /// The log of the reference's time that was stored before the run.
    pub fn stored(&mut self) -> f64 {
        self.noise * self.normal()
    }

    /// Whether the candidate goes first in a round.
    pub fn candidate_first(&mut self) -> bool {
        self.random.random_bool(0.5)
    }

    /// A standard normal number, by Box and Muller.
    fn normal(&mut self) -> f64 {
        let (u, v): (f64, f64) = (self.random.random(), self.random.random());
        (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }
}
