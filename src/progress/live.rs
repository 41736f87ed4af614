//! The live picture: which sample of how many, each platform's current step,
//! time passed and time left, redrawn in place with indicatif.

use std::collections::HashMap;
use std::time::Instant;

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::course::Course;
use super::layout::{self, Head};
use super::lines::{NAME_WIDTH, clock};
use crate::escape;
use crate::model::{Event, Slot};
use crate::trace::{Trace, label};

/// Most steps shown at once.
const STEP_LINES: usize = 6;

/// Columns where the terminal does not say how many it has.
const USUAL_WIDTH: usize = 80;

/// The display on a terminal.
pub struct Live {
    course: Course,
    /// When each step that is running was first seen, by digest.
    seen: HashMap<String, Instant>,
    term: Term,
    width: usize,
    area: MultiProgress,
    head: ProgressBar,
    steps: Vec<ProgressBar>,
}

impl Live {
    pub(super) fn new(course: Course) -> Self {
        let area = MultiProgress::new();
        let head = area.add(ProgressBar::new(course.planned as u64));
        head.set_position(course.done() as u64);
        let mut live = Self {
            course,
            seen: HashMap::new(),
            term: Term::stderr(),
            width: 0,
            area,
            head,
            steps: Vec::new(),
        };
        live.width = live.columns();
        live.style();
        live
    }

    pub(super) fn event(&mut self, event: &Event) {
        self.fit();
        let lines = self.course.event(event);
        match event {
            Event::SampleStarted { .. } => self.seen.clear(),
            Event::SampleFinished { .. } => {
                self.show_steps(&[]);
                self.head.set_position(self.course.done() as u64);
            }
            Event::Rounds { .. } => self.head.set_length(self.course.planned as u64),
            _ => {}
        }
        if lines.is_empty() {
            return;
        }
        // Not by `println` of indicatif: it fills lines to the terminal's width
        // in place of a line break, and a terminal that is resized would wrap
        // them all anew.
        let term = &self.term;
        self.area.suspend(|| {
            for line in lines {
                // A terminal that has gone away is no reason to lose the run.
                let _ = term.write_line(&line);
            }
        });
    }

    pub(super) fn tick(&mut self, slot: &Slot, trace: &Trace) {
        self.fit();
        let left = self.course.left();
        let head = layout::head(
            &Head {
                scenario: &slot.scenario,
                variant: &slot.variant,
                kind: slot.kind.as_str(),
                round: (slot.round, self.course.rounds()),
                sample: &clock(self.course.sample_started.elapsed()),
                run: &clock(self.course.run_started.elapsed()),
                left: left.as_deref(),
            },
            self.room(),
        );
        self.head.set_message(head);
        self.head.tick();
        let now = Instant::now();
        let width = self.width;
        let lines: Vec<String> = trace
            .running()
            .into_iter()
            .map(|step| {
                let since = *self.seen.entry(step.digest.clone()).or_insert(now);
                let name = escape::terminal(&label::shown(&step.name), NAME_WIDTH);
                layout::step(&name, &clock(since.elapsed()), width)
            })
            .take(STEP_LINES)
            .collect();
        self.show_steps(&lines);
    }

    pub(super) fn phase(&mut self, what: &str) {
        self.fit();
        self.head.set_message(escape::columns(what, self.room()));
        self.head.tick();
    }

    pub(super) fn close(&mut self) {
        self.fit();
        self.show_steps(&[]);
        self.head.finish_and_clear();
    }

    fn columns(&self) -> usize {
        let size = self.term.size_checked();
        size.map_or(USUAL_WIDTH, |(_, columns)| usize::from(columns).max(20))
    }

    /// Columns that the head's message has.
    fn room(&self) -> usize {
        let count = format!("{}/{}", self.course.done(), self.course.planned);
        let bar = match self.width < layout::WIDTH_OF_BAR {
            true => 0,
            false => layout::BAR,
        };
        self.width.saturating_sub(2 + bar + count.len() + 1)
    }

    fn style(&self) {
        let template = match self.width < layout::WIDTH_OF_BAR {
            true => "{spinner} {pos}/{len} {msg}",
            false => "{spinner} {bar:16} {pos}/{len} {msg}",
        };
        let style = ProgressStyle::with_template(template);
        self.head
            .set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    }

    /// Takes away what a terminal that became narrower or wider made of the
    /// picture: it has wrapped the rows anew, and indicatif clears as many as it
    /// drew.
    fn fit(&mut self) {
        let columns = self.columns();
        if columns == self.width {
            return;
        }
        let more = layout::rows_more(1 + self.steps.len(), self.width, columns);
        self.width = columns;
        if let Ok(fewer @ 1..) = usize::try_from(-more) {
            let _ = self.term.write_str(&"\n".repeat(fewer));
        }
        self.area.suspend(|| {
            if let Ok(more @ 1..) = usize::try_from(more) {
                let _ = self.term.move_cursor_up(more);
            }
            let _ = self.term.clear_to_end_of_screen();
        });
        self.style();
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
                ProgressStyle::with_template("{msg}")
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
}
