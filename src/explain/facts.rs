//! What an explanation says, as plain data. It is what `buildrace explain
//! --json` prints; `docs/explain.md` describes it.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::kind::StepKind;
use super::what_if::WhatIf;
use crate::model::{Platform, optional_seconds, seconds};
use crate::trace::{Clock, Recorded, client_error};

/// Why a build took as long as it did. Names and instructions come from
/// outside.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Whether the trace is whole: it was not cut off, and every step that
    /// began has ended.
    pub complete: bool,
    /// Place of the step that made the build fail; where the build has no
    /// result though no step failed, of the one at which it stood.
    pub failed: Option<usize>,
    /// Why the build has no result, where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureFacts>,
    /// What its times were read from; absent from JSON if they are BuildKit's own.
    #[serde(skip_serializing_if = "Clock::is_buildkit")]
    pub clock: Clock,
    /// When the first step began, where its clock tells.
    pub begin: Option<Timestamp>,
    /// From the first step's start to the last one's end.
    #[serde(with = "seconds", rename = "seconds")]
    pub span: Duration,
    /// Platform that the node's CPU is of, where known.
    pub node: Option<Platform>,
    /// Share of the node's cores that one RUN step keeps busy, as far as is
    /// known: least and most. See [`what_if`](super::what_if).
    pub core_share: (f64, f64),
    /// Steps that began, in the order in which they did.
    pub steps: Vec<StepFacts>,
    /// What the build was doing, or waiting for, at each moment that its end
    /// depended on; without gaps, from 0 to the whole span.
    pub critical_path: Vec<PathPart>,
    /// The critical path by what was done: its times add up to the span. The
    /// longest first.
    pub make_up: Vec<MakeUp>,
    /// Time in emulated RUN steps, those that ran at once each on its own.
    #[serde(with = "seconds", rename = "emulated_seconds")]
    pub emulated: Duration,
    /// How many steps were worked on at once, where its clock tells.
    pub concurrency: Option<Concurrency>,
    /// Steps and cache hits by platform.
    pub platforms: Vec<PlatformFacts>,
    /// RUN instructions that ran more than once, for several platforms.
    pub instructions: Vec<InstructionFacts>,
    /// Steps that were executed once for several platforms, the longest first.
    pub shared: Vec<SharedStep>,
    /// The step that is most worth changing.
    pub culprit: Option<Culprit>,
    /// What the build would have taken, had something been otherwise. Of a
    /// build that failed, or is not known to its end, nothing is asked.
    pub what_if: Vec<WhatIf>,
}

/// Why a build has no result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureFacts {
    /// What BuildKit or its client said, from outside, bounded.
    pub message: String,
    /// Whether it was cancelled, by its user or a time limit.
    pub cancelled: bool,
    /// Whether a step failed, and not the build as a whole: a Dockerfile that
    /// does not parse fails no step.
    pub by_step: bool,
}

impl FailureFacts {
    /// What the client said of a recorded build after its status. Other
    /// programs may write errors to the same place, so one that is not
    /// certainly of a build counts only where nothing was exported.
    pub fn from_recording(recorded: &Recorded) -> Option<Self> {
        let error = client_error(recorded.text.as_deref()?)?;
        let counts = error.is_certain || !recorded.trace.was_exported();
        counts.then_some(Self {
            message: error.message,
            cancelled: error.cancelled,
            by_step: false,
        })
    }
}

/// A step that began, with what is known of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepFacts {
    /// Content-addressed id.
    pub digest: String,
    /// Name as BuildKit gives it, bounded to 4 KiB; where the builder has several
    /// nodes, its brackets begin with the node's.
    pub name: String,
    /// What it does, as far as time goes.
    pub kind: StepKind,
    /// Node of the builder that did it, where it has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Stage of the Dockerfile.
    pub stage: Option<String>,
    /// Position in its stage and number of the stage's instructions, from 1.
    pub position: Option<(u32, u32)>,
    /// The instruction, its name without the brackets.
    pub instruction: String,
    /// Line of the Dockerfile, from 1, where the Dockerfile is known.
    pub line: Option<usize>,
    /// Platform that it runs on.
    pub platform: Option<Platform>,
    /// Platform that it makes something for.
    pub target: Option<Platform>,
    /// Platforms that the build makes of it; more than one where it was
    /// executed once for all of them.
    pub serves: Vec<Platform>,
    /// Places of the steps that it takes from.
    pub inputs: Vec<usize>,
    /// Whether its result came from the cache.
    pub cached: bool,
    /// Why it failed, bounded to 8 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether it was stopped because the build was cancelled, by its user or
    /// after another step's failure.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
    /// When it was worked on, since the build began: intervals in order of
    /// time, without overlaps. One that waited for a cache mount has one without length
    /// where it began to wait.
    pub intervals: Vec<Interval>,
    /// Time that was spent on it.
    #[serde(with = "seconds", rename = "seconds")]
    pub busy: Duration,
    /// Cache mounts that it waited for, in order of time: with `sharing=locked` one step at a
    /// time has a cache. It is inferred, see `docs/explain.md`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waited_for_cache: Vec<CacheWait>,
    /// Time of it on the critical path.
    #[serde(with = "seconds", rename = "critical_seconds")]
    pub critical: Duration,
    /// Time that was spent on it before this build began, for another build
    /// on the same builder. It does not count.
    #[serde(
        with = "seconds",
        rename = "before_seconds",
        skip_serializing_if = "Duration::is_zero"
    )]
    pub before: Duration,
    /// Bytes that it transferred, pulled or pushed.
    pub bytes_moved: u64,
    /// Bytes that its processes wrote.
    pub log_bytes: u64,
    /// Whether it had not ended when the trace did.
    pub unfinished: bool,
}

impl StepFacts {
    /// When it first began, since the build did.
    pub fn start(&self) -> Duration {
        self.intervals.first().map_or(Duration::ZERO, |i| i.start)
    }
}

/// A time in which a step waited for a cache mount that another one held.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CacheWait {
    /// Id of the cache, as the Dockerfile has it: its target, where that names none.
    pub id: String,
    /// From when to when, since the build began.
    #[serde(flatten)]
    pub time: Interval,
    /// How long.
    #[serde(with = "seconds", rename = "seconds")]
    pub length: Duration,
    /// Place of the step that held it.
    pub holder: usize,
}

/// A time within a build, since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Interval {
    /// Seconds from the build's begin to its start.
    #[serde(with = "seconds", rename = "start_seconds")]
    pub start: Duration,
    /// Seconds from the build's begin to its end.
    #[serde(with = "seconds", rename = "end_seconds")]
    pub end: Duration,
}

impl Interval {
    /// The time from its start to its end.
    pub fn length(&self) -> Duration {
        self.end.saturating_sub(self.start)
    }
}

/// A part of the critical path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PathPart {
    /// From when to when, since the build began.
    #[serde(flatten)]
    pub time: Interval,
    /// Place of the step that was worked on; `None` for waiting.
    pub step: Option<usize>,
    /// Place of the step that waited for a cache mount, where the waiting was that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<usize>,
}

/// What a moment of the critical path was spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Activity {
    /// A step of this kind.
    Step(StepKind),
    /// A step of the path waited for a cache mount that another one held.
    WaitingForCache,
    /// No step of the path was worked on.
    Waiting,
}

impl Activity {
    /// The name used in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Step(kind) => kind.as_str(),
            Self::WaitingForCache => "waiting-for-cache",
            Self::Waiting => "waiting",
        }
    }

    /// The words for people, `emulated RUN` or `waiting`.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Step(kind) => kind.describe(),
            Self::WaitingForCache => "waiting for cache mounts",
            Self::Waiting => "waiting",
        }
    }
}

impl Serialize for Activity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// How much of the critical path was spent on one thing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MakeUp {
    /// The kind of step, or waiting.
    pub activity: Activity,
    /// Its time on the critical path, in seconds.
    #[serde(with = "seconds", rename = "seconds")]
    pub time: Duration,
    /// Its share of the build's span, 0 to 1.
    pub share: f64,
}

/// How many steps were worked on at once.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Concurrency {
    /// Steps at once, averaged over the build's span.
    pub mean: f64,
    /// The most steps at once.
    pub max: u32,
    /// At each point from when on how many, in order of time.
    pub points: Vec<ConcurrencyPoint>,
}

/// From when on how many steps were worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ConcurrencyPoint {
    /// Seconds since the build began.
    #[serde(with = "seconds", rename = "seconds")]
    pub at: Duration,
    /// Steps that are worked on from then until the next point.
    pub steps: u32,
}

/// Instructions that ran on a platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlatformFacts {
    /// The platform that they ran on.
    pub platform: Platform,
    /// Instructions, as [`Trace::count`](crate::trace::Trace::count) counts.
    pub steps: u32,
    /// Those of them from the cache.
    pub cached: u32,
}

/// A RUN instruction that ran for several platforms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InstructionFacts {
    /// Places of its steps, in the order in which they began.
    pub steps: Vec<usize>,
    /// What emulation costs it, for each emulated step of which a native time
    /// is known.
    pub slow_downs: Vec<SlowDown>,
}

/// How much longer an emulated step took than its instruction natively.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SlowDown {
    /// Place of the emulated step.
    pub step: usize,
    /// Place of the native step of the same build, where there is one.
    pub native: Option<usize>,
    /// Ratio to its time, as both were measured.
    pub ratio: Option<f64>,
    /// Ratio of what both would take alone, under the model of
    /// [`what_if`](super::what_if): least and most.
    pub alone: Option<(f64, f64)>,
    /// The instruction's native time in another build of the run, where it
    /// had the node to itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<NativeElsewhere>,
}

/// An instruction's native time in other builds of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NativeElsewhere {
    /// Which builds, `cold of naive`.
    pub what: String,
    /// The median of its times.
    #[serde(with = "seconds", rename = "seconds")]
    pub time: Duration,
    /// Ratio of the emulated step's time to it.
    pub ratio: f64,
}

/// A step that was executed once for several platforms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SharedStep {
    /// Its place in the explanation's steps; `serves` there lists the platforms.
    pub step: usize,
    /// Time that was not spent on it again for each platform after the first,
    /// if it would have taken as long again.
    #[serde(with = "seconds", rename = "saved_seconds")]
    pub saved: Duration,
}

/// The step that is most worth changing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Culprit {
    /// Its place in the explanation's steps.
    pub step: usize,
    /// Its share of the critical path, 0 to 1.
    pub critical_share: f64,
    /// Place in `what_if` of the best case: it ran natively, or took no time.
    pub best_case: Option<usize>,
    /// How many times its native time it took, where it is emulated and a
    /// native time is known: measured alone elsewhere, or else in the same
    /// build.
    pub slow_down: Option<f64>,
    /// What its slow-down is against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
    /// Its native time of which the slow-down is a multiple.
    #[serde(
        with = "optional_seconds",
        rename = "native_seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub native_time: Option<Duration>,
}
