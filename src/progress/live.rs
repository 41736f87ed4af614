//! The live picture of a race: which sample of how many, each platform's current
//! step, time passed and time left, redrawn in place.

use super::course::Course;
use super::layout::{self, Head};
use super::lines::clock;
use super::picture::Picture;
use crate::model::{Event, Slot};
use crate::trace::Trace;

/// The display on a terminal.
pub struct Live {
    course: Course,
    picture: Picture,
}

impl Live {
    pub(super) fn new(course: Course) -> Self {
        let picture = Picture::new(course.planned, |width| match width < layout::WIDTH_OF_BAR {
            true => "{spinner} {pos}/{len} {msg}",
            false => "{spinner} {bar:16} {pos}/{len} {msg}",
        });
        picture.head.set_position(course.done() as u64);
        Self { course, picture }
    }

    pub(super) fn event(&mut self, event: &Event) {
        self.picture.fit();
        let lines = self.course.event(event);
        let head = &self.picture.head;
        match event {
            Event::SampleStarted { .. } => self.picture.begin(),
            Event::SampleFinished { .. } => {
                head.set_position(self.course.done() as u64);
                self.picture.show_steps(&[]);
            }
            Event::Rounds { .. } => head.set_length(self.course.planned as u64),
            _ => {}
        }
        if !lines.is_empty() {
            self.picture.write(&lines);
        }
    }

    pub(super) fn tick(&mut self, slot: &Slot, trace: &Trace) {
        self.picture.fit();
        let left = self.course.left();
        let head = layout::head(
            &Head {
                scenario: &slot.scenario,
                variant: &slot.variant,
                kind: &slot.kind.to_string(),
                round: (slot.round, self.course.rounds()),
                sample: &clock(self.course.sample_started.elapsed()),
                run: &clock(self.course.run_started.elapsed()),
                left: left.as_deref(),
            },
            self.room(),
        );
        self.picture.show(head, trace);
    }

    pub(super) fn phase(&mut self, what: &str) {
        self.picture.fit();
        self.picture.say(what, self.room());
    }

    pub(super) fn close(&mut self) {
        self.picture.close();
    }

    /// Columns that the head's message has.
    fn room(&self) -> usize {
        let count = format!("{}/{}", self.course.done(), self.course.planned);
        let width = self.picture.width;
        let bar = match width < layout::WIDTH_OF_BAR {
            true => 0,
            false => layout::BAR,
        };
        width.saturating_sub(2 + bar + count.len() + 1)
    }
}
