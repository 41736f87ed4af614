//! The culprit of a build in a sentence.

use super::super::number;
use super::super::view::join;
use super::text::{beside, short_instruction};
use crate::explain::diff::{Diff, Fate};
use crate::explain::{Explanation, StepFacts, StepKind};

/// Columns that the instruction may take in a sentence.
const MAX_INSTRUCTION: usize = 60;
/// Columns of one that shows where it differs from another.
const MAX_BESIDE: usize = 90;

/// Which step is to blame, and what it costs: `RUN go build is emulated on
/// linux/arm64: 69.3 s of 69.4 s (99.8%), 11.2x the 6.19 s that
/// it takes natively (cold of naive)`. Plain
/// text without a full stop, safe for a terminal; escape it for other outputs.
pub(in crate::report) fn culprit(explanation: &Explanation) -> Option<String> {
    culprit_beside(explanation, None)
}

/// The same where it is read beside another build's: the instruction shows
/// where it differs from that one's.
pub(in crate::report) fn culprit_beside(
    explanation: &Explanation,
    other: Option<&Explanation>,
) -> Option<String> {
    let culprit = explanation.culprit.as_ref()?;
    let step = &explanation.steps[culprit.step];
    let other = other.and_then(|other| Some(&other.steps[other.culprit.as_ref()?.step]));
    let instruction = match other {
        Some(other) => beside(&step.instruction, &other.instruction, MAX_BESIDE),
        None => short_instruction(&step.instruction, MAX_INSTRUCTION),
    };
    let took = format!(
        "{} of {} ({})",
        number::seconds(step.critical.as_secs_f64()),
        number::seconds(explanation.span.as_secs_f64()),
        number::share(culprit.critical_share)
    );
    let sentence = match step.kind {
        StepKind::EmulatedRun => {
            let platform = step.platform.as_ref().map(ToString::to_string);
            let mut text = format!(
                "{instruction} is emulated on {}: {took}",
                platform.unwrap_or_default()
            );
            if let (Some(ratio), Some(time), Some(against)) = (
                culprit.slow_down,
                culprit.native_time,
                culprit.against.as_ref(),
            ) {
                text.push_str(&format!(
                    ", {} the {} that it takes natively ({})",
                    number::factor(ratio),
                    number::seconds(time.as_secs_f64()),
                    crate::escape::terminal(against, 80),
                ));
            }
            text
        }
        StepKind::UnknownRun => {
            format!(
                "{instruction}{} takes {took}, emulated or not",
                made_for(step)
            )
        }
        _ if explanation.node.is_some() && explanation.emulated.is_zero() => format!(
            "nothing is emulated; {instruction}{} takes {took}",
            made_for(step)
        ),
        _ => format!("{instruction}{} takes {took}", made_for(step)),
    };
    Some(match explanation.complete {
        true => sentence,
        false => format!("{sentence}, of an incomplete trace"),
    })
}

/// Shared steps told of at most.
const MAX_SHARED: usize = 3;

/// Share of a build's time that shared steps must have saved to be told of.
const WORTH_TELLING: f64 = 0.01;

/// RUN steps that were executed once for several platforms and would have cost
/// time again: `RUN go mod download was executed once for linux/amd64 and
/// linux/arm64 (0.81 s)`. Plain text without a full stop, safe for a terminal.
pub(in crate::report) fn shared_steps(explanation: &Explanation) -> Option<String> {
    let least = explanation.span.mul_f64(WORTH_TELLING);
    let told = explanation.shared.iter().filter_map(|shared| {
        let step = &explanation.steps[shared.step];
        let counts = step.kind.is_run() && shared.saved >= least;
        counts.then(|| {
            format!(
                "{} was executed once for {} ({})",
                short_instruction(&step.instruction, MAX_INSTRUCTION),
                join(step.serves.iter().map(ToString::to_string)),
                number::seconds(step.busy.as_secs_f64())
            )
        })
    });
    let told: Vec<String> = told.take(MAX_SHARED).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// The step that grew most from one build to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grown {
    /// What became of it: `RUN make takes 4.20 s, not 1.20 s`. Without a full
    /// stop, safe for a terminal.
    pub sentence: String,
    /// Its line in the second build's Dockerfile, where that is known.
    pub line: Option<usize>,
    /// Its place in the second build.
    pub step: usize,
    /// Whether it came from the cache in the first build and is executed in the
    /// second.
    pub lost_cache: bool,
}

/// Which step of the second build is to blame for its taking longer: the one
/// that grew most, or the largest that is new. `None` where none grew.
pub fn grown(first: &Explanation, second: &Explanation, diff: &Diff) -> Option<Grown> {
    let grew = diff.steps.iter().filter(|change| change.seconds > 0.0);
    let most = grew.max_by(|one, other| one.seconds.total_cmp(&other.seconds))?;
    let at = most.second?;
    let step = &second.steps[at];
    let changed = match most.change {
        Fate::Changed => most.first.map(|at| &first.steps[at]),
        _ => None,
    };
    let shown = |step: &StepFacts, other: Option<&StepFacts>| match other {
        Some(other) => beside(&step.instruction, &other.instruction, MAX_BESIDE),
        None => short_instruction(&step.instruction, MAX_INSTRUCTION),
    };
    let instruction = shown(step, changed);
    let time = |step: &StepFacts| number::seconds(step.busy.as_secs_f64());
    let after = time(step);
    let before = most.first.map(|at| &first.steps[at]);
    let whom = format!("{instruction}{}", made_for(step));
    let sentence = match (most.change, before) {
        (Fate::New, _) | (_, None) => format!("{whom} is new and takes {after}"),
        (Fate::Changed, Some(before)) => format!(
            "{whom} takes {after}; it was {}, which took {}",
            shown(before, Some(step)),
            time(before)
        ),
        (_, Some(before)) if before.cached && !step.cached => {
            format!("{whom} takes {after}, and came from the cache before")
        }
        (_, Some(before)) if before.kind != step.kind => format!(
            "{whom} takes {after} as {}, not {} as {}",
            step.kind.describe(),
            time(before),
            before.kind.describe()
        ),
        (_, Some(before)) => format!("{whom} takes {after}, not {}", time(before)),
    };
    Some(Grown {
        sentence,
        line: step.line,
        step: at,
        lost_cache: before.is_some_and(|before| before.cached) && !step.cached,
    })
}

/// ` for linux/arm64`, where the name tells.
fn made_for(step: &StepFacts) -> String {
    match &step.target {
        Some(platform) => format!(" for {platform}"),
        None => String::new(),
    }
}

/// The sentence with a capital, unless it begins with an instruction.
pub(super) fn capitalised(sentence: &str) -> String {
    match sentence.strip_prefix("nothing ") {
        Some(rest) => format!("Nothing {rest}"),
        None => sentence.to_owned(),
    }
}
