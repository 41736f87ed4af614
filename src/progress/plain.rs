//! Plain lines for logs and pipes: one when a sample ends, with the time left,
//! and a sign of life every half minute between.

use std::time::{Duration, Instant};

use super::course::Course;
use super::lines::{NAME_WIDTH, clock, sample_title};
use crate::escape;
use crate::model::{Event, Slot};
use crate::trace::{Trace, label};

/// CI systems kill jobs that are silent for long.
pub(super) const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// The display where there is no terminal.
pub struct Plain {
    course: Course,
    done_before: usize,
    spoke: Instant,
}

impl Plain {
    pub(super) fn new(course: Course) -> Self {
        Self {
            done_before: course.done(),
            course,
            spoke: Instant::now(),
        }
    }

    pub(super) fn event(&mut self, event: &Event) {
        let mut lines = self.course.event(event);
        match event {
            Event::SampleStarted { .. } => self.spoke = Instant::now(),
            Event::SampleFinished { .. } => {
                if let (Some(line), Some(left)) = (lines.first_mut(), self.course.left_after()) {
                    *line = with_left(line, &left);
                }
            }
            _ => {}
        }
        for line in lines {
            say(&line);
        }
    }

    /// Only before the first sample, where it can take long: between samples
    /// it would be noise.
    pub(super) fn phase(&mut self, what: &str) {
        if self.course.done() == self.done_before {
            say(what);
        }
    }

    pub(super) fn tick(&mut self, slot: &Slot, trace: &Trace) {
        if self.spoke.elapsed() < SIGN_OF_LIFE {
            return;
        }
        self.spoke = Instant::now();
        let title = sample_title(&slot.scenario, &slot.variant, &slot.kind.to_string());
        let steps = running(trace);
        let left = self.course.left();
        let left = left.map_or_else(String::new, |left| format!("; {left} left"));
        say(&format!(
            "      {title}: {} so far, at {steps}{left}",
            clock(self.course.sample_started.elapsed())
        ));
    }
}

/// The steps that are running, on one line.
pub(super) fn running(trace: &Trace) -> String {
    let steps = trace.running().into_iter();
    let names = steps.map(|step| escape::terminal(&label::shown(&step.name), NAME_WIDTH));
    let names: Vec<String> = names.collect();
    match names.is_empty() {
        true => "waiting for BuildKit".to_owned(),
        false => names.join("; "),
    }
}

/// The first line of a sample with the time left at its end.
fn with_left(text: &str, left: &str) -> String {
    match text.split_once('\n') {
        Some((first, rest)) => format!("{first}; {left} left\n{rest}"),
        None => format!("{text}; {left} left"),
    }
}

fn say(line: &str) {
    errln!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_stands_in_the_first_line() {
        assert_eq!(with_left("a", "about 9s"), "a; about 9s left");
        assert_eq!(with_left("a\n  b\n", "about 9s"), "a; about 9s left\n  b\n");
    }
}
