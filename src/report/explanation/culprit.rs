//! The culprit of a build, and the sentence on it.

use std::time::Duration;

use super::super::number;
use super::super::words::join;
use super::text::{beside, short_instruction};
use crate::escape;
use crate::explain::diff::{Diff, Fate};
use crate::explain::{Culprit, Explanation, StepFacts, StepKind};

/// Columns that the instruction may take in a sentence.
const MAX_INSTRUCTION: usize = 60;
/// Columns of a node's name.
pub(super) const MAX_NODE: usize = 40;
/// Columns of one that shows where it differs from another.
const MAX_BESIDE: usize = 90;

/// The step that is to blame for a build's time, and what a sentence says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct CulpritStep {
    /// The step. Its texts come from outside.
    pub step: StepFacts,
    /// Its share of the critical path, and what it would take natively.
    pub cost: Culprit,
    /// How long the build took.
    pub span: Duration,
    /// Whether it is known that no step of the build is emulated.
    pub all_native: bool,
    /// Whether the build's trace came to its end.
    pub complete: bool,
    /// The instruction of the culprit beside which it is read, from outside.
    pub beside: Option<String>,
}

impl CulpritStep {
    /// The culprit of a build. Beside that of another build its instruction
    /// shows where it differs.
    pub(in crate::report) fn of(
        explanation: &Explanation,
        other: Option<&Explanation>,
    ) -> Option<Self> {
        let cost = explanation.culprit.clone()?;
        let other = other.and_then(|other| Some(&other.steps[other.culprit.as_ref()?.step]));
        Some(Self {
            step: explanation.steps[cost.step].clone(),
            cost,
            span: explanation.span,
            all_native: explanation.node.is_some() && explanation.emulated.is_zero(),
            complete: explanation.complete,
            beside: other.map(|other| other.instruction.clone()),
        })
    }

    /// `RUN go build is emulated on linux/arm64: 69.3 s of 69.4 s (99.8%),
    /// 11.2× the 6.19 s that it takes natively (cold of naive)`. Plain text
    /// without a full stop, safe for a terminal; escape it for other outputs.
    pub(in crate::report) fn sentence(&self) -> String {
        let step = &self.step;
        let instruction = match &self.beside {
            Some(other) => beside(&step.instruction, other, MAX_BESIDE),
            None => short_instruction(&step.instruction, MAX_INSTRUCTION),
        };
        let took = format!(
            "{} of {} ({})",
            number::seconds(step.critical.as_secs_f64()),
            number::seconds(self.span.as_secs_f64()),
            number::share(self.cost.critical_share)
        );
        let whom = format!("{instruction}{}", made_for(step));
        let node = on_node(step);
        let sentence = match step.kind {
            StepKind::EmulatedRun => {
                let platform = step.platform.as_ref().map(ToString::to_string);
                let platform = platform.unwrap_or_default();
                let natively = self.natively().unwrap_or_default();
                format!("{instruction}{node} is emulated on {platform}: {took}{natively}")
            }
            StepKind::UnknownRun => format!("{whom} takes {took}, emulated or not"),
            _ if self.all_native => format!("nothing is emulated; {whom} takes {took}"),
            _ => format!("{whom} takes {took}"),
        };
        match self.complete {
            true => sentence,
            false => format!("{sentence}, of an incomplete trace"),
        }
    }

    /// `, 11.2× the 6.19 s that it takes natively (cold of naive)`.
    fn natively(&self) -> Option<String> {
        let Culprit {
            slow_down,
            native_time,
            against,
            ..
        } = &self.cost;
        Some(format!(
            ", {} the {} that it takes natively ({})",
            number::factor((*slow_down)?),
            number::seconds((*native_time)?.as_secs_f64()),
            escape::terminal(against.as_ref()?, 80),
        ))
    }
}

/// The sentence on a build's culprit, where it has one.
pub(in crate::report) fn culprit(explanation: &Explanation) -> Option<String> {
    culprit_beside(explanation, None)
}

/// The same where it is read beside another build's: the instruction shows
/// where it differs from that one's.
pub(super) fn culprit_beside(
    explanation: &Explanation,
    other: Option<&Explanation>,
) -> Option<String> {
    CulpritStep::of(explanation, other).map(|culprit| culprit.sentence())
}

/// Shared steps named at most.
const MAX_SHARED: usize = 3;

/// Share of a build's time from which on a saving by shared steps is named.
const WORTH_NAMING: f64 = 0.01;

/// RUN steps that were executed once for several platforms and would have cost
/// time again.
pub(in crate::report) fn shared_steps(explanation: &Explanation) -> Vec<StepFacts> {
    let least = explanation.span.mul_f64(WORTH_NAMING);
    let saving = explanation.shared.iter();
    let saving = saving.filter(|shared| shared.saved >= least);
    let steps = saving.map(|shared| &explanation.steps[shared.step]);
    let runs = steps.filter(|step| step.kind.is_run());
    runs.take(MAX_SHARED).cloned().collect()
}

/// `RUN go mod download was executed once for linux/amd64 and linux/arm64
/// (0.81 s)`; `None` of no step. Plain text without a full stop, safe for a
/// terminal.
pub(in crate::report) fn shared_sentence(steps: &[StepFacts]) -> Option<String> {
    let steps = steps.iter().map(|step| {
        format!(
            "{} was executed once for {} ({})",
            short_instruction(&step.instruction, MAX_INSTRUCTION),
            join(step.serves.iter().map(ToString::to_string)),
            number::seconds(step.busy.as_secs_f64())
        )
    });
    let steps: Vec<String> = steps.collect();
    (!steps.is_empty()).then(|| steps.join("; "))
}

/// The step that grew most from one build to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grown {
    /// What became of it: `RUN make takes 4.20 s, not 1.20 s`. Without a full
    /// stop, safe for a terminal.
    pub sentence: String,
    /// Line of the step in the second build's Dockerfile, where that is known.
    pub line: Option<usize>,
    /// Place of the step among those of the second build.
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

/// ` for linux/arm64 on farm1`, as far as the name of the step says so.
fn made_for(step: &StepFacts) -> String {
    let target = step.target.as_ref();
    let target = target.map(|platform| format!(" for {platform}"));
    target.unwrap_or_default() + &on_node(step)
}

/// ` on farm1`, where the builder has several nodes.
fn on_node(step: &StepFacts) -> String {
    let node = step.node.as_deref();
    let node = node.map(|node| format!(" on {}", escape::terminal(node, MAX_NODE)));
    node.unwrap_or_default()
}

/// The sentence with a capital, unless it begins with an instruction.
pub(in crate::report) fn capitalised(sentence: &str) -> String {
    match sentence.strip_prefix("nothing ") {
        Some(rest) => format!("Nothing {rest}"),
        None => sentence.to_owned(),
    }
}
