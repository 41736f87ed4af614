//! Explanations of builds: written by hand where it is known what must come
//! out, and made up at random where only what always holds is known.

mod diff;
mod holds;
mod joined;
mod kinds;
mod locks;
mod nodes;
mod path;
mod plain;
mod random;
mod recordings;
mod shared;
mod size;
mod streams;
mod together;
mod what_if;
mod why;

use std::ops::Range;
use std::time::Duration;

use jiff::Timestamp;

use super::{Conditions, Explanation, Node, explain};
use crate::model::Platform;
use crate::trace::status::Vertex;
use crate::trace::{SolveStatus, Trace};

/// A moment, milliseconds after builds written by hand begin.
fn at(milliseconds: u64) -> Timestamp {
    let begin: Timestamp = "2026-11-24T09:00:00Z".parse().unwrap();
    begin + Duration::from_millis(milliseconds)
}

/// A build written by hand.
#[derive(Debug, Clone, Default)]
struct Build {
    vertexes: Vec<Vertex>,
}

impl Build {
    /// Adds a step: its digest, its name, the digests that it takes from, and
    /// when it was worked on, in milliseconds.
    fn step(mut self, id: &str, name: &str, inputs: &[&str], time: Range<u64>) -> Self {
        self.vertexes.push(Vertex {
            digest: id.to_owned(),
            name: name.to_owned(),
            inputs: inputs.iter().map(|input| (*input).to_owned()).collect(),
            started: Some(at(time.start)),
            completed: Some(at(time.end)),
            ..Vertex::default()
        });
        self
    }

    /// Changes the step that was added last.
    fn but(mut self, change: impl FnOnce(&mut Vertex)) -> Self {
        change(self.vertexes.last_mut().expect("a step"));
        self
    }

    fn status(&self) -> SolveStatus {
        SolveStatus {
            vertexes: self.vertexes.clone(),
            ..SolveStatus::default()
        }
    }

    fn trace(&self) -> Trace {
        fold(&[self.status()])
    }

    fn explain(&self, conditions: &Conditions) -> Explanation {
        explain(&self.trace(), conditions).expect("a step that began")
    }
}

fn fold(stream: &[SolveStatus]) -> Trace {
    let mut trace = Trace::new();
    for status in stream {
        trace.push(status);
    }
    trace
}

/// A node of linux/amd64 with two cores, all of them busy throughout.
fn busy_node() -> Conditions {
    Conditions {
        node: Some(Node {
            cores: Some(2),
            nodes: Vec::new(),
            ..Node::of(Platform::linux("amd64"))
        }),
        cpu_busy: Some(1.0),
        ..Conditions::default()
    }
}

/// Where the step of a name is.
fn place(explanation: &Explanation, name: &str) -> usize {
    let steps = explanation.steps.iter();
    let mut found = steps.enumerate().filter(|(_, step)| step.name == name);
    let (place, _) = found.next().unwrap_or_else(|| panic!("no step {name:?}"));
    assert!(found.next().is_none(), "two steps {name:?}");
    place
}

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Whether two times are the same but for rounding: within a microsecond, or
/// a billionth of times so great that a float cannot tell less apart.
fn is_near(one: Duration, other: Duration) -> bool {
    let difference = one.abs_diff(other);
    let greatest = one.max(other).as_secs_f64();
    difference <= Duration::from_micros(1) || difference.as_secs_f64() <= greatest * 1e-9
}
