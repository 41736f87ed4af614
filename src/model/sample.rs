//! Samples: one timed build each, with its outcome.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{BuildPart, Platform, Slot, optional_seconds, seconds};

/// How a sample ended. Only `Ok` samples have a time that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Built.
    Ok,
    /// A step failed, or BuildKit refused the build.
    Failed,
    /// Built, and not what it should be: its time counts for nothing.
    WrongOutput,
    /// Its remote cache could not be imported, or a cache or its result not be
    /// exported. The time of the build itself is among its parts.
    NotTransferred,
    /// The time limit passed.
    TimedOut,
    /// The connection to BuildKit, or BuildKit itself, was lost.
    LostBuilder,
    /// Stopped by the user.
    Interrupted,
    /// Not built, since the sample whose state it starts from did not succeed.
    Skipped,
}

impl Outcome {
    /// The name used in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::WrongOutput => "wrong-output",
            Self::NotTransferred => "not-transferred",
            Self::TimedOut => "timed-out",
            Self::LostBuilder => "lost-builder",
            Self::Interrupted => "interrupted",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a sample is not `Ok`. All texts come from outside: escape them where
/// they are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// One line: what went wrong.
    pub message: String,
    /// Name of the step that failed, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Exit code of that step's process, where it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The last lines of that step's log, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log_tail: Vec<String>,
}

/// What begins, in the message of a build that failed though no step of it did,
/// what else is known.
pub const NO_STEP: &str = " (no step ";

/// What runc says of a container whose first process ended before it could
/// become the step's command (`initProcess.start` in its `process_linux.go`).
/// That a command is not found, it says in other words.
const NOT_STARTED: [&str; 2] = [
    "unable to start container process: waiting for init preliminary setup: ",
    "unable to start container process: can't get final child's PID from pipe: ",
];
/// What it says before that, of a step.
const RUN_FAILED: &str = "runc run failed: ";

impl Failure {
    /// Whether two builds failed in the same way: at the same instruction,
    /// on whatever platform, with the same exit code; or with the same message,
    /// where no process ended. Words with digits in them, such as times and
    /// references, differ from build to build and count for nothing.
    pub fn is_like(&self, other: &Self) -> bool {
        let [one, two] = [self, other].map(|f| f.step.as_deref().map(without_platform));
        one == two
            && self.exit_code == other.exit_code
            && (self.exit_code.is_some() || words(&self.message) == words(&other.message))
    }

    /// Whether the builder did not get as far as the step's command, so that
    /// the failure says nothing of what was built. A command's own output
    /// would be a further line.
    pub fn command_was_not_started(&self) -> bool {
        let [line] = self.log_tail.as_slice() else {
            return false;
        };
        self.step.is_some() && says_command_was_not_started(line)
    }
}

/// Whether what a step wrote is what runc writes in place of its command, where
/// that was not started for no fault of its own.
pub fn says_command_was_not_started(log: &str) -> bool {
    let log = log.trim_end();
    let said = log.strip_prefix(RUN_FAILED).filter(|_| !log.contains('\n'));
    said.is_some_and(|said| NOT_STARTED.iter().any(|start| said.starts_with(start)))
}

/// Whether an engine's error is that of a container which runc could not start, for no
/// fault of its image.
pub fn says_container_was_not_started(error: &str) -> bool {
    NOT_STARTED.iter().any(|part| error.contains(part))
}

/// The words of a step's name, `[linux/arm64 build 4/4] RUN make`, without the
/// platform in the brackets.
fn without_platform(step: &str) -> Vec<&str> {
    let label = step.find(']').filter(|_| step.starts_with('['));
    let (label, instruction) = step.split_at(label.unwrap_or(0));
    let is_platform = |word: &&str| {
        let word = word.trim_start_matches('[');
        word.contains('/') && word.contains(char::is_alphabetic)
    };
    let label = label.split_whitespace().filter(|word| !is_platform(word));
    let label = label.map(|word| word.trim_start_matches('['));
    label.chain(instruction.split_whitespace()).collect()
}

/// The words of a message that stay the same; where the build stood and who else
/// built, [`NO_STEP`] and what follows, may differ.
fn words(message: &str) -> Vec<String> {
    let said = message.split(NO_STEP).next().unwrap_or_default();
    let words = said.split_whitespace();
    let words = words.filter(|word| !word.contains(|c: char| c.is_ascii_digit()));
    words.map(str::to_owned).collect()
}

/// What the machine was doing while a sample was built. Shares are of all
/// cores together, 0 to 1. `None` where the kernel does not tell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HostUse {
    /// Share of CPU time that was busy during the sample.
    pub cpu_busy: Option<f64>,
    /// Share of CPU time that the hypervisor gave to others during the sample.
    pub cpu_steal: Option<f64>,
    /// Share of CPU time that was busy in the moment before the sample began.
    pub cpu_busy_before: Option<f64>,
    /// Share of CPU time that was busy in the moment after the sample ended.
    pub cpu_busy_after: Option<f64>,
    /// Share of the sample's time in which some task waited for a CPU (PSI).
    pub pressure_cpu: Option<f64>,
    /// Share of the sample's time in which some task waited for memory (PSI).
    pub pressure_memory: Option<f64>,
    /// Share of the sample's time in which some task waited for disk (PSI).
    pub pressure_io: Option<f64>,
    /// Load average over one minute before the sample.
    pub load_before: Option<f64>,
    /// Load average over one minute after the sample.
    pub load_after: Option<f64>,
    /// Least memory available during the sample, bytes.
    pub memory_available_min: Option<u64>,
    /// Free bytes on the results' disk before the sample.
    pub disk_free_before: Option<u64>,
    /// Free bytes on the results' disk after the sample.
    pub disk_free_after: Option<u64>,
}

/// One timed build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// What was built, and when.
    #[serde(flatten)]
    pub slot: Slot,
    /// Platforms built.
    pub platforms: Vec<Platform>,
    /// How it ended.
    pub outcome: Outcome,
    /// Time from sending Solve until it returned, on the client's monotonic clock.
    #[serde(with = "seconds", rename = "wall_seconds")]
    pub wall: Duration,
    /// Time from the first step's start to the last step's end on BuildKit's
    /// own clock; `None` where no step ran.
    #[serde(with = "optional_seconds", rename = "server_seconds", default)]
    pub server: Option<Duration>,
    /// Steps that BuildKit reported.
    pub steps: u32,
    /// Those of them that came from the cache.
    pub cached_steps: u32,
    /// Bytes of the build context sent, protocol included.
    pub context_bytes: u64,
    /// What its time is made of, where it imports or exports something.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<BuildPart>,
    /// Bytes of the image as an OCI archive, all platforms together, where that
    /// was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_bytes: Option<u64>,
    /// Whether its image was compared with what the scenario says of it, its
    /// smoke test included: once for each variant and kind.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub output_checked: bool,
    /// Whether something besides this run used the builder meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disturbances: Vec<String>,
    /// What the machine was doing.
    #[serde(default)]
    pub host: HostUse,
    /// Why it is not `Ok`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_that_fail_alike() {
        let failure = |step: Option<&str>, exit_code: Option<i32>, message: &str| Failure {
            message: message.to_owned(),
            step: step.map(str::to_owned),
            exit_code,
            log_tail: vec![],
        };
        let make = |step, code| failure(Some(step), Some(code), "ended");
        let one = make("[linux/amd64 build 4/4] RUN make", 2);
        // On another platform it is the same instruction, and only that.
        assert!(one.is_like(&make("[linux/arm64 build 4/4] RUN make", 2)));
        assert!(one.is_like(&make("[build 4/4] RUN make", 2)));
        assert!(!one.is_like(&make("[linux/amd64 build 3/4] RUN make", 2)));
        assert!(!one.is_like(&make("[linux/amd64 build 4/4] RUN make all", 2)));
        assert!(!one.is_like(&make("[linux/amd64 build 4/4] RUN make", 137)));
        // References and times are no difference, other words are.
        let copy = |message| failure(Some("[2/2] COPY a b"), None, message);
        let absent = copy("checksum of ref 3fxk1::9dk2: \"/a\": not found");
        assert!(absent.is_like(&copy("checksum of ref 8kd2s::1mm4: \"/a\": not found")));
        assert!(!absent.is_like(&copy("checksum of ref 3fxk1::9dk2: \"/b\": not found")));
        let parse = failure(None, None, "unknown instruction: FORM");
        assert!(parse.is_like(&parse));
        assert!(!parse.is_like(&absent));
        // Nor is it one who else built meanwhile.
        let beside = "unknown instruction: FORM (no step had begun); build x, not of this run, \
                      used the builder too";
        assert!(parse.is_like(&failure(None, None, beside)));
    }
}
