//! The live picture: which sample of how many, each platform's current step,
//! time passed and time left, redrawn in place with indicatif.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Expected, NAME_WIDTH, rounds_line, sample_line, sample_title};
use crate::escape;
use crate::model::Slot;
use crate::race::Event;
use crate::trace::Trace;

/// Most steps shown at once.
const STEP_LINES: usize = 6;

/// The display on a terminal.
pub struct Live {
    plan: Vec<Slot>,
    planned: usize,
    done: usize,
    expected: Expected,
    run_started: Instant,
    sample_started: Instant,
    /// When each step that is running was first seen, by digest.
    seen: HashMap<String, Instant>,
    area: MultiProgress,
    head: ProgressBar,
    steps: Vec<ProgressBar>,
}

impl Live {
    pub(super) fn new(plan: &[Slot], planned: usize, done: usize, expected: Expected) -> Self {
        let area = MultiProgress::new();
        let head = area.add(ProgressBar::new(planned as u64));
        head.set_style(
            ProgressStyle::with_template("{spinner} {bar:16} {pos}/{len} {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        head.set_position(done as u64);
        head.enable_steady_tick(Duration::from_millis(200));
        let now = Instant::now();
        Self {
            plan: plan.to_vec(),
            planned,
            done,
            expected,
            run_started: now,
            sample_started: now,
            seen: HashMap::new(),
            area,
            head,
            steps: Vec::new(),
        }
    }

    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::SampleStarted { .. } => {
                self.sample_started = Instant::now();
                self.seen.clear();
            }
            Event::SampleFinished { sample, .. } => {
                self.done += 1;
                self.expected.learn(sample);
                self.show_steps(&[]);
                self.head.set_position(self.done as u64);
                self.print(&sample_line(sample, self.done, self.planned));
            }
            Event::Rounds {
                scenario,
                message,
                samples,
                ..
            } => {
                self.planned = *samples;
                self.head.set_length(*samples as u64);
                self.print(&rounds_line(scenario, message));
            }
            Event::Warning { message, .. } => {
                self.print(&format!("warning: {}", escape::terminal(message, 1000)));
            }
            Event::RunStarted { .. } | Event::RunResumed { .. } | Event::RunFinished { .. } => {}
        }
    }

    pub(super) fn tick(&mut self, slot: &Slot, trace: &Trace) {
        let planned = self.plan.iter().take(self.planned);
        let rounds = planned.map(|slot| slot.round).max().unwrap_or(1);
        let title = sample_title(&slot.scenario, &slot.variant, slot.kind.as_str());
        let round = if rounds > 1 {
            format!(", round {} of {rounds}", slot.round)
        } else {
            String::new()
        };
        self.head.set_message(format!(
            "{title}{round}  {} ({} in all{})",
            clock(self.sample_started.elapsed()),
            clock(self.run_started.elapsed()),
            self.time_left(),
        ));
        let now = Instant::now();
        let lines: Vec<String> = trace
            .running()
            .into_iter()
            .map(|step| {
                let since = *self.seen.entry(step.digest.clone()).or_insert(now);
                format!(
                    "    {} {}",
                    escape::terminal(&step.name, NAME_WIDTH),
                    clock(since.elapsed())
                )
            })
            .take(STEP_LINES)
            .collect();
        self.show_steps(&lines);
    }

    pub(super) fn phase(&mut self, what: &str) {
        self.head.set_message(what.to_owned());
    }

    pub(super) fn close(&mut self) {
        self.show_steps(&[]);
        self.head.finish_and_clear();
    }

    fn time_left(&self) -> String {
        let rest = self.plan.get(self.done..self.planned).unwrap_or_default();
        let left = self.expected.remaining(rest, self.sample_started.elapsed());
        match (left.known.is_zero(), left.more) {
            (true, _) => String::new(),
            (false, false) => format!(", about {} left", clock(left.known)),
            (false, true) => format!(", {} or more left", clock(left.known)),
        }
    }

    fn show_steps(&mut self, lines: &[String]) {
        while self.steps.len() > lines.len() {
            if let Some(bar) = self.steps.pop() {
                bar.finish_and_clear();
                self.area.remove(&bar);
            }
        }
        while self.steps.len() < lines.len() {
            let bar = self.area.add(ProgressBar::new_spinner());
            bar.set_style(
                ProgressStyle::with_template("{wide_msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner()),
            );
            self.steps.push(bar);
        }
        for (bar, line) in self.steps.iter().zip(lines) {
            if bar.message() != *line {
                bar.set_message(line.clone());
            }
        }
    }

    fn print(&self, line: &str) {
        // A terminal that has gone away is no reason to lose the run.
        let _ = self.area.println(line);
    }
}

/// `8s`, `1m04s`, `1h02m`
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_read_as_people_write_them() {
        for (seconds, text) in [(0, "0s"), (59, "59s"), (64, "1m04s"), (3725, "1h02m")] {
            assert_eq!(clock(Duration::from_secs(seconds)), text);
        }
    }
}
