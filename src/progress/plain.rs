//! Plain lines for logs and pipes: one when a sample starts, one when it
//! ends, and a sign of life every half minute between.

use std::time::{Duration, Instant};

use super::{NAME_WIDTH, rounds_line, sample_line, sample_title};
use crate::escape;
use crate::model::Slot;
use crate::race::Event;
use crate::trace::Trace;

/// CI systems kill jobs that are silent for long.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// The display where there is no terminal.
pub struct Plain {
    planned: usize,
    done: usize,
    done_before: usize,
    started: Instant,
    spoke: Instant,
}

impl Plain {
    pub(super) fn new(planned: usize, done: usize) -> Self {
        let now = Instant::now();
        Self {
            planned,
            done,
            done_before: done,
            started: now,
            spoke: now,
        }
    }

    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::SampleStarted { .. } => {
                self.started = Instant::now();
                self.spoke = self.started;
            }
            Event::SampleFinished { sample, .. } => {
                self.done += 1;
                tell!("{}", sample_line(sample, self.done, self.planned));
            }
            Event::Rounds {
                scenario,
                message,
                samples,
                ..
            } => {
                self.planned = *samples;
                tell!("{}", rounds_line(scenario, message));
            }
            Event::Warning { message, .. } => {
                tell!("warning: {}", escape::terminal(message, 1000));
            }
            Event::RunStarted { .. } | Event::RunResumed { .. } | Event::RunFinished { .. } => {}
        }
    }

    /// Only before the first sample, where it can take long: between samples
    /// it would be noise.
    pub(super) fn phase(&mut self, what: &str) {
        if self.done == self.done_before {
            tell!("{what}");
        }
    }

    pub(super) fn tick(&mut self, slot: &Slot, trace: &Trace) {
        if self.spoke.elapsed() < SIGN_OF_LIFE {
            return;
        }
        self.spoke = Instant::now();
        let title = sample_title(&slot.scenario, &slot.variant, slot.kind.as_str());
        let steps: Vec<String> = trace
            .running()
            .into_iter()
            .map(|step| escape::terminal(&step.name, NAME_WIDTH))
            .collect();
        let steps = if steps.is_empty() {
            "waiting for BuildKit".to_owned()
        } else {
            steps.join("; ")
        };
        tell!(
            "      {title}: {} s so far, at {steps}",
            self.started.elapsed().as_secs()
        );
    }
}
