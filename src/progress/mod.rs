//! What a person sees while a race runs: a live picture on a terminal, plain
//! lines elsewhere. Everything goes to stderr.

mod expect;
mod live;
mod plain;

use crate::escape;
use crate::model::{Outcome, Sample, Slot};
use crate::race::Event;
use crate::trace::Trace;

pub use expect::Expected;
use live::Live;
use plain::Plain;

/// Widest step name shown, in characters.
const NAME_WIDTH: usize = 72;

/// The display of one run.
pub enum Progress {
    /// Redrawn in place.
    Live(Live),
    /// A line at a time.
    Plain(Plain),
}

impl Progress {
    /// A display for `plan`, redrawn in place where `live`. It begins with
    /// `planned` samples, and there may be more or less as rounds are dropped
    /// and looked at; `done` of them are there already. `expected` holds what
    /// earlier runs took.
    pub fn new(plan: &[Slot], planned: usize, done: usize, expected: Expected, live: bool) -> Self {
        if live {
            Self::Live(Live::new(plan, planned, done, expected))
        } else {
            Self::Plain(Plain::new(planned, done))
        }
    }

    /// Shows what happened.
    pub fn event(&mut self, event: &Event) {
        match self {
            Self::Live(live) => live.event(event),
            Self::Plain(plain) => plain.event(event),
        }
    }

    /// Shows what `slot` is doing.
    pub fn tick(&mut self, slot: &Slot, trace: &Trace) {
        match self {
            Self::Live(live) => live.tick(slot, trace),
            Self::Plain(plain) => plain.tick(slot, trace),
        }
    }

    /// Shows what is done between samples.
    pub fn phase(&mut self, what: &str) {
        match self {
            Self::Live(live) => live.phase(what),
            Self::Plain(plain) => plain.phase(what),
        }
    }

    /// Takes the live picture away; what was printed stays.
    pub fn close(&mut self) {
        if let Self::Live(live) = self {
            live.close();
        }
    }
}

/// `go-hello: first look, after 6 rounds …`
fn rounds_line(scenario: &str, message: &str) -> String {
    format!(
        "{}: {}",
        escape::terminal(scenario, NAME_WIDTH),
        escape::terminal(message, 600)
    )
}

/// `[3/8] go-hello naive multi-arch: 57.31 s, 14 steps, 0 cached`
fn sample_line(sample: &Sample, place: usize, of: usize) -> String {
    let digits = of.to_string().len();
    let mut line = format!(
        "[{place:>digits$}/{of}] {}: ",
        sample_title(&sample.scenario, &sample.variant, sample.kind.as_str())
    );
    match (sample.outcome, &sample.failure) {
        (Outcome::Ok, _) => {
            line += &format!(
                "{:.2} s, {} steps, {} cached",
                sample.wall.as_secs_f64(),
                sample.steps,
                sample.cached_steps
            );
        }
        (outcome, failure) => {
            line += outcome.as_str();
            if !sample.wall.is_zero() {
                line += &format!(" after {:.2} s", sample.wall.as_secs_f64());
            }
            if let Some(failure) = failure {
                if let Some(step) = &failure.step {
                    line += &format!(", at {}", escape::terminal(step, NAME_WIDTH));
                }
                line += &format!(": {}", escape::terminal(&failure.message, 200));
            }
        }
    }
    for disturbance in &sample.disturbances {
        line += &format!("\n      note: {}", escape::terminal(disturbance, 200));
    }
    line
}

fn sample_title(scenario: &str, variant: &str, kind: &str) -> String {
    format!(
        "{} {} {kind}",
        escape::terminal(scenario, NAME_WIDTH),
        escape::terminal(variant, NAME_WIDTH)
    )
}
