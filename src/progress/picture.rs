//! What is redrawn in place with indicatif: a head, and below it the steps that are running.

use std::collections::HashMap;
use std::time::Instant;

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::layout;
use super::lines::{NAME_WIDTH, clock};
use crate::escape;
use crate::trace::{Trace, label};

/// Most steps shown at once.
const STEP_LINES: usize = 6;

/// Columns where the terminal does not say how many it has.
const USUAL_WIDTH: usize = 80;

/// The picture on a terminal.
pub(super) struct Picture {
    /// When each step that is running was first seen, by digest.
    seen: HashMap<String, Instant>,
    term: Term,
    pub(super) width: usize,
    area: MultiProgress,
    pub(super) head: ProgressBar,
    steps: Vec<ProgressBar>,
    /// The head's template, by the terminal's width.
    template: fn(usize) -> &'static str,
}

impl Picture {
    /// One whose head counts to `length`.
    pub(super) fn new(length: usize, template: fn(usize) -> &'static str) -> Self {
        let area = MultiProgress::new();
        let head = area.add(ProgressBar::new(length as u64));
        let mut picture = Self {
            seen: HashMap::new(),
            term: Term::stderr(),
            width: 0,
            area,
            head,
            steps: Vec::new(),
            template,
        };
        picture.width = picture.columns();
        picture.style();
        picture
    }

    /// Forgets when steps were seen: another build begins.
    pub(super) fn begin(&mut self) {
        self.seen.clear();
    }

    /// Writes lines above the picture.
    pub(super) fn write(&self, lines: &[String]) {
        // Not by `println` of indicatif: it fills lines to the terminal's width
        // in place of a line break, and a terminal that is resized would wrap
        // them all anew.
        let term = &self.term;
        self.area.suspend(|| {
            for line in lines {
                // A terminal that has gone away is no reason to lose the run.
                let _ = term.write_line(line);
            }
        });
    }

    /// Shows a head, and the steps of a build that are running.
    pub(super) fn show(&mut self, head: String, trace: &Trace) {
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

    /// Shows a head alone.
    pub(super) fn say(&self, head: &str, room: usize) {
        self.head.set_message(escape::columns(head, room));
        self.head.tick();
    }

    /// Takes it away.
    pub(super) fn close(&mut self) {
        self.fit();
        self.show_steps(&[]);
        self.head.finish_and_clear();
    }

    fn columns(&self) -> usize {
        let size = self.term.size_checked();
        size.map_or(USUAL_WIDTH, |(_, columns)| usize::from(columns).max(20))
    }

    fn style(&self) {
        let style = ProgressStyle::with_template((self.template)(self.width));
        self.head
            .set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    }

    /// Takes away what a terminal that became narrower or wider made of the
    /// picture: it has wrapped the rows anew, and indicatif clears as many as it
    /// drew.
    pub(super) fn fit(&mut self) {
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

    pub(super) fn show_steps(&mut self, lines: &[String]) {
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
