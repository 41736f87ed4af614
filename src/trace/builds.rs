//! Which builds does a recording hold? Several may have been written to one file, one
//! after another.
//!
//! Nothing in the stream marks where a build ends. What begins anew shows it:
//! the frontend loads the Dockerfile once a build, and a solver reports a step
//! without a start only when a build first asks for it. Targets that
//! buildx's bake builds together have names before their steps, and those of a
//! builder with several nodes overlap in time: they stay one build.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

use super::client_error::client_error;
use super::clock::Clock;
use super::fold::Trace;
use super::status::{SolveStatus, Vertex};
use super::step::{MAX_DIGEST, bounded, is_end};
use crate::model::{BuildInputs, Platform};
use crate::provenance::Provenance;

/// Time after all that is known of a build from which on another may begin
/// while nothing says that the first has ended: a client takes longer to start.
const BETWEEN: SignedDuration = SignedDuration::from_millis(30);
/// The same where steps of it never ended, as in a build that was killed.
const AFTER_KILLED: SignedDuration = SignedDuration::from_secs(1);
/// Bytes of a name that are read.
const MAX_NAME: usize = 512;

/// A build of a recording.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    /// The steps that its stream reported.
    pub trace: Trace,
    /// Other text that followed it: buildx writes a failed build's error there.
    pub text: Option<String>,
    /// Whether its end is missing.
    pub cut_off: bool,
    /// What its times were read from.
    pub clock: Clock,
    /// Platform of the CPU that built, where the recording tells more than the
    /// stream: a bundle, or the builder itself.
    pub native: Option<Platform>,
    /// Platforms that BuildKit lists for that CPU, as far as that is told.
    pub listed: Vec<Platform>,
    /// The only platform that was built, where it tells that.
    pub platform: Option<Platform>,
    /// What BuildKit says of how it built, where there is that.
    pub provenance: Option<Provenance>,
    /// What was asked for, where that is known.
    pub inputs: Option<BuildInputs>,
}

/// Tells the builds of a recording apart while it is read.
#[derive(Debug, Clone, Default)]
pub struct Builds {
    done: Vec<Recorded>,
    current: Recorded,
    /// What stands before `internal]` in the names of the steps that loaded a
    /// Dockerfile in the current build, and the digests of those steps.
    prefixes: HashSet<String>,
    definitions: HashSet<String>,
    /// Whether a step of the current build was its end: an export, or a failure.
    is_concluded: bool,
    /// Whether its client said that it failed: buildx ends then.
    is_over: bool,
    /// The last moment that the current build is known to have lasted to.
    last: Option<Timestamp>,
}

impl Builds {
    /// The builds of a recording of which nothing is read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an update, in the order of the recording.
    pub fn push(&mut self, status: &SolveStatus) {
        if status.vertexes.iter().any(|vertex| self.is_another(vertex)) {
            let before = std::mem::take(self);
            self.done = before.done;
            self.done.push(before.current);
        }
        for vertex in &status.vertexes {
            self.note(vertex);
        }
        let logs = status.logs.iter().filter_map(|log| log.timestamp);
        self.last = self.last.max(logs.max());
        self.current.trace.push(status);
    }

    /// Adds other text that stands between two updates, or after the last.
    pub fn push_text(&mut self, text: &str) {
        self.is_over |= client_error(text).is_some_and(|error| error.is_certain);
        match &mut self.current.text {
            Some(known) => {
                known.push('\n');
                known.push_str(text);
            }
            None => self.current.text = Some(text.to_owned()),
        }
    }

    /// The builds in the order of the recording, at least one; `cut_off` says
    /// whether the last one's end is missing.
    pub fn end(mut self, cut_off: bool) -> Vec<Recorded> {
        self.current.cut_off = cut_off;
        self.done.push(self.current);
        self.done
    }

    /// Whether a vertex is of another build than those before it.
    fn is_another(&self, vertex: &Vertex) -> bool {
        let known = &self.current;
        if known.trace.steps().is_empty() {
            return false;
        }
        if self.is_over {
            return true;
        }
        let is_anew = match opening(vertex) {
            // Another target of the same bake has another name.
            Some(prefix)
                if !self
                    .definitions
                    .contains(bounded(&vertex.digest, MAX_DIGEST)) =>
            {
                let both_named = !prefix.is_empty() && !self.prefixes.contains("");
                !self.definitions.is_empty() && (self.prefixes.contains(prefix) || !both_named)
            }
            _ => {
                vertex.started.is_none()
                    && (self.is_concluded || known.text.is_some())
                    && known.trace.index_of(&vertex.digest).is_some_and(|at| {
                        let step = &known.trace.steps()[at];
                        step.has_started() && step.name == vertex.name
                    })
            }
        };
        if !is_anew {
            return false;
        }
        let is_running = known.trace.is_running();
        let margin = match is_running {
            false if self.is_concluded || known.text.is_some() => return true,
            false => BETWEEN,
            true => AFTER_KILLED,
        };
        let between = vertex.started.zip(self.last);
        between.is_some_and(|(start, last)| start.duration_since(last) >= margin)
    }

    fn note(&mut self, vertex: &Vertex) {
        // One that has not begun may turn out to be another build's.
        if let Some(prefix) = opening(vertex)
            && (vertex.started.is_some() || self.definitions.is_empty())
        {
            let digest = bounded(&vertex.digest, MAX_DIGEST);
            self.definitions.insert(digest.to_owned());
            self.prefixes.insert(prefix.to_owned());
        }
        let is_end = vertex.completed.is_some() && is_end(&vertex.name);
        // A cache that is not there fails its import, and nothing else.
        let failed = !vertex.error.is_empty() && !vertex.name.contains("importing cache");
        self.is_concluded |= is_end || failed;
        self.last = self.last.max(vertex.started).max(vertex.completed);
    }
}

/// What stands before `internal` in the name of the step that loads a
/// Dockerfile, which a build or a bake's target begins with.
fn opening(vertex: &Vertex) -> Option<&str> {
    let name = bounded(&vertex.name, MAX_NAME);
    let (label, said) = name.strip_prefix('[')?.split_once(']')?;
    let prefix = label.strip_suffix("internal")?;
    let said = said.trim_start();
    said.starts_with("load build definition")
        .then(|| prefix.trim_end())
}
