//! One build of a plain log while it is read.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::clean::Line;
use super::inputs::Inputs;
use super::line::{How, Said, part};
use super::place::{Place, Span, Spell, by_order, by_stamps};
use crate::trace::begin::is_opening;
use crate::trace::between::Between;
use crate::trace::client_error::client_error;
use crate::trace::status::{Vertex, VertexLog, VertexStatus};
use crate::trace::step::{MAX_NAME, bounded};
use crate::trace::{Clock, Label, Recorded, SolveStatus, Trace};

/// Times in which a step is worked on that are kept apart; a real step has a handful.
const MAX_SPELLS: usize = 64;
/// How much greater than all before it the number of a step may be.
const MAX_GAP: u32 = 64;
/// What BuildKit writes of a step that was stopped, in the status stream.
const CANCELLED: &str = "context canceled";

/// What a plain log says of a build so far.
#[derive(Debug, Default)]
pub(super) struct Build {
    /// Names, output and transfers of the steps, without times; its places are those of
    /// `spells`.
    trace: Trace,
    spells: Vec<Vec<Spell>>,
    by_number: HashMap<u32, usize>,
    /// Why each step failed, if it did.
    errors: Vec<Option<String>>,
    greatest: u32,
    /// The step that the printer had turned to.
    shown: Option<u32>,
    /// How often steps ended.
    ended: usize,
    /// The last time stamp.
    last: Option<Timestamp>,
    /// Whether a line of a step had no time stamp before it.
    is_without_stamps: bool,
    /// Whether a step is an instruction of a Dockerfile.
    has_instructions: bool,
    /// Whether lines before the first are missing.
    is_headless: bool,
    /// Text after the last line of a step.
    text: Between,
    /// The line in which the client said that the build failed.
    verdict: Option<String>,
}

/// Whether a line can be the first of a build that names a step.
pub(super) fn is_first_name(number: u32, said: &str) -> bool {
    let begins = [
        "resolve image config for ",
        "importing cache manifest from ",
    ];
    match number {
        0 => said.starts_with("building with "),
        _ => said.starts_with('[') || begins.iter().any(|words| said.starts_with(words)),
    }
}

impl Build {
    /// How many steps it has.
    pub(super) fn len(&self) -> usize {
        self.spells.len()
    }

    /// Whether a line is of another build than the lines before it.
    ///
    /// Each build's printer counts from 1. The first thing that newer ones write is which
    /// builder they use, as step 0.
    pub(super) fn is_another(&self, number: u32, said: Said<'_>) -> bool {
        if self.len() == 0 {
            return false;
        }
        let Said::Other(said) = said else {
            return false;
        };
        if number == 0 {
            return is_first_name(number, said);
        }
        let Some(&at) = self.by_number.get(&number) else {
            return self.verdict.is_some() && number == 1;
        };
        if self.shown == Some(number) {
            return false;
        }
        if self.verdict.is_some() {
            return true;
        }
        let known = &self.trace.steps()[at];
        if known.name.is_empty() {
            return false;
        }
        let name = bounded(said, MAX_NAME);
        // Targets of a bake that share a step name it after either.
        let is_other = Label::parse(name).instruction != known.label.instruction;
        let has_ended = self.spells[at].iter().all(|spell| spell.end.is_some());
        let is_opened_again = number == 1
            && name == known.name
            && is_opening(&known.label)
            && has_ended
            && self.has_instructions;
        is_other || is_opened_again
    }

    /// Adds a line that is of a step.
    pub(super) fn push(&mut self, number: u32, said: Said<'_>, line: &Line) {
        if number == 0 {
            return;
        }
        let known = self.by_number.get(&number).copied();
        let is_name = match (known, said) {
            (None, Said::Other(name)) => {
                let is_next = number <= self.greatest.saturating_add(MAX_GAP);
                if !(is_first_name(number, name) || (is_next && self.len() > 0)) {
                    return self.push_text(&line.text);
                }
                true
            }
            (Some(_), Said::Other(_)) => self.shown != Some(number),
            _ => false,
        };
        self.text = Between::default();
        self.last = self.last.max(line.at);
        self.is_without_stamps |= line.at.is_none();
        let at = known.unwrap_or_else(|| self.add(number, is_name));
        match said {
            Said::Turned => self.shown = None,
            Said::Warned => {}
            Said::Other(name) if is_name => {
                self.name(at, name);
                self.shown = Some(number);
            }
            Said::Other(said) => {
                self.open(at);
                self.moved(at, said);
            }
            Said::Wrote { since, text } => {
                self.open(at);
                self.wrote(at, since, text);
            }
            Said::Ended(how) => {
                self.open(at);
                self.end(at, how);
                self.shown = None;
            }
        }
        if is_name {
            self.open(at);
        }
    }

    /// Adds text that is of no step.
    pub(super) fn push_text(&mut self, text: &str) {
        if self.len() == 0 {
            return;
        }
        if self.verdict.is_none() && client_error(text).is_some_and(|error| error.is_certain) {
            self.verdict = Some(text.to_owned());
        }
        self.text.push(text.as_bytes());
        self.text.push(b"\n");
    }

    fn digest(number: u32) -> String {
        format!("#{number}")
    }

    fn add(&mut self, number: u32, is_named: bool) -> usize {
        let at = self.spells.len();
        self.is_headless |= !is_named || (at == 0 && number > 1);
        self.greatest = self.greatest.max(number);
        self.by_number.insert(number, at);
        self.spells.push(Vec::new());
        self.errors.push(None);
        self.update(Vertex {
            digest: Self::digest(number),
            ..Vertex::default()
        });
        at
    }

    fn update(&mut self, vertex: Vertex) {
        self.trace.push(&SolveStatus {
            vertexes: vec![vertex],
            ..SolveStatus::default()
        });
    }

    /// Begins a time in which a step is worked on, unless there is one.
    fn open(&mut self, at: usize) {
        let spells = &mut self.spells[at];
        if spells.last().is_some_and(|spell| spell.end.is_none()) {
            return;
        }
        if spells.len() >= MAX_SPELLS
            && let Some(last) = spells.last_mut()
        {
            (last.end, last.took) = (None, None);
            return;
        }
        spells.push(Spell {
            seen: self.last,
            seen_after: self.ended,
            ..Spell::default()
        });
    }

    fn name(&mut self, at: usize, name: &str) {
        let digest = self.trace.steps()[at].digest.clone();
        self.update(Vertex {
            digest,
            name: name.to_owned(),
            ..Vertex::default()
        });
        self.has_instructions |= self.trace.steps()[at].label.position.is_some();
    }

    fn moved(&mut self, at: usize, said: &str) {
        let Some((id, current)) = part(said) else {
            return;
        };
        let status = VertexStatus {
            id: id.to_owned(),
            vertex: self.trace.steps()[at].digest.clone(),
            current,
            ..VertexStatus::default()
        };
        self.trace.push(&SolveStatus {
            statuses: vec![status],
            ..SolveStatus::default()
        });
    }

    fn wrote(&mut self, at: usize, since: Duration, text: &str) {
        if let Some(spell) = self.spells[at].last_mut() {
            spell.lasted = spell.lasted.max(since);
            let begun = self.last.and_then(|now| now.checked_sub(since).ok());
            spell.seen = match (spell.seen, begun) {
                (Some(seen), Some(begun)) => Some(seen.min(begun)),
                (seen, begun) => seen.or(begun),
            };
        }
        let log = VertexLog {
            vertex: self.trace.steps()[at].digest.clone(),
            data: format!("{text}\n").into_bytes(),
            ..VertexLog::default()
        };
        self.trace.push(&SolveStatus {
            logs: vec![log],
            ..SolveStatus::default()
        });
    }

    fn end(&mut self, at: usize, how: How<'_>) {
        let before: Duration = self.spells[at].iter().filter_map(|s| s.took).sum();
        let Some(spell) = self.spells[at].last_mut() else {
            return;
        };
        spell.took = match how {
            // All that it was worked on, where that was several times.
            How::Done(Some(all)) => Some(all.checked_sub(before).unwrap_or(all)),
            How::Done(None) | How::Cached => Some(Duration::ZERO),
            How::Cancelled | How::Failed(_) => None,
        };
        spell.cached = how == How::Cached;
        spell.end = Some(Place {
            order: self.ended,
            at: self.last,
        });
        self.ended += 1;
        self.errors[at] = match how {
            How::Done(_) | How::Cached => None,
            How::Cancelled => Some(CANCELLED.to_owned()),
            How::Failed(error) => Some(error.to_owned()),
        };
    }

    /// The build as a recording of it, where a step of it ended.
    pub(super) fn recorded(mut self, cut_off: bool) -> Option<Recorded> {
        if self.ended == 0 {
            return None;
        }
        let text = self.verdict.take().or_else(|| self.text.take());
        let inputs = Inputs::of(self.trace.steps()).all();
        let clock = match self.is_without_stamps {
            false => Clock::Log,
            true => Clock::None,
        };
        let spans = match clock {
            Clock::Log => by_stamps(self.trace.steps(), &self.spells, &inputs),
            _ => by_order(self.trace.steps(), &self.spells, &inputs),
        };
        let steps = self.trace.steps().iter();
        let digests: Vec<String> = steps.map(|step| step.digest.clone()).collect();
        let errors = std::mem::take(&mut self.errors);
        for (at, (spans, error)) in spans.into_iter().zip(errors).enumerate() {
            let inputs = inputs[at].iter().map(|input| digests[*input].clone());
            let begun = Vertex {
                digest: digests[at].clone(),
                inputs: inputs.collect(),
                ..Vertex::default()
            };
            for Span { start, end, cached } in spans {
                let begun = Vertex {
                    started: Some(start),
                    ..begun.clone()
                };
                self.update(begun.clone());
                self.update(Vertex {
                    completed: end,
                    cached,
                    ..begun
                });
            }
            self.update(Vertex {
                error: error.unwrap_or_default(),
                ..begun
            });
        }
        let is_whole = text.is_some() || self.has_failed() || self.trace.was_exported();
        Some(Recorded {
            cut_off: cut_off || self.is_headless || (!is_whole && self.is_part()),
            trace: self.trace,
            text,
            clock,
            ..Recorded::default()
        })
    }

    fn has_failed(&self) -> bool {
        self.trace.steps().iter().any(|step| step.error.is_some())
    }

    /// Whether instructions of a stage are missing at its end.
    fn is_part(&self) -> bool {
        let mut stages: HashMap<Option<&str>, (u32, u32)> = HashMap::new();
        for step in self.trace.steps() {
            if let Some((position, count)) = step.label.position {
                let known = stages.entry(step.label.stage.as_deref()).or_default();
                *known = (known.0.max(position), known.1.max(count));
            }
        }
        stages.values().any(|(last, count)| last < count)
    }
}
