//! A build in one line, for who has just built: what emulation or a lost cache cost. Empty where it
//! cost less than a threshold. Without a full stop, safe for a terminal.

use std::time::Duration;

use super::super::number;
use super::culprit::culprit;
use super::text::short_instruction;
use super::why::{advice as kept_cached, sentence};
use crate::explain::advice::{Try, advice};
use crate::explain::why::{Cause, Root, Why};
use crate::explain::{Activity, Explanation, StepFacts, StepKind};

/// Columns that an instruction may take.
const MAX_INSTRUCTION: usize = 60;

/// What emulation cost of the critical path.
pub fn emulated(explanation: &Explanation, threshold: Duration) -> Option<String> {
    let kind = Activity::Step(StepKind::EmulatedRun);
    let mut parts = explanation.make_up.iter();
    let emulated = parts.find(|part| part.activity == kind)?;
    if emulated.time < threshold {
        return None;
    }
    let is_culprit = explanation
        .culprit
        .as_ref()
        .is_some_and(|culprit| explanation.steps[culprit.step].kind == StepKind::EmulatedRun);
    Some(match culprit(explanation).filter(|_| is_culprit) {
        Some(sentence) => sentence,
        None => format!(
            "Emulated steps took {} of {}",
            number::seconds(emulated.time.as_secs_f64()),
            number::seconds(explanation.span.as_secs_f64())
        ),
    })
}

/// Whether an executed RUN took so long that it is worth asking for the build before.
pub fn may_have_lost(explanation: &Explanation, threshold: Duration) -> bool {
    let mut steps = explanation.steps.iter();
    steps.any(|step| was_executed(step) && step.critical >= threshold)
}

/// What was built again, and need not have been: because of a cause that is known, and that its
/// user may not want, or though it needs little of what changed. `earlier` is the build of the same
/// before.
pub fn lost_cache(
    explanation: &Explanation,
    earlier: &Explanation,
    why: &Why,
    threshold: Duration,
) -> Option<String> {
    let is_unwanted = |root: &&Root| match &root.cause {
        Cause::Files(files) => !files.changes.is_empty(),
        Cause::NoCache | Cause::Unknown(_) => false,
        _ => true,
    };
    let mut roots = why.causes.iter().filter(|root| root.critical >= threshold);
    let found = roots.find(|root| is_unwanted(root) && kept_cached(explanation, root).is_some());
    if let Some(root) = found {
        let step = &explanation.steps[*root.steps.first()?];
        return Some(format!(
            "{} took {} again, with what follows: {}",
            short_instruction(&step.instruction, MAX_INSTRUCTION),
            number::seconds(root.critical.as_secs_f64()),
            sentence(&root.cause)
        ));
    }
    let found = advice(explanation);
    let repeated = found.iter().find_map(|advice| {
        let Try::CopyLater { copy, .. } = advice.change else {
            return None;
        };
        let step = &explanation.steps[*advice.steps.first()?];
        let was_there =
            |known: &&StepFacts| known.stage == step.stage && known.instruction == step.instruction;
        let is_again = step.critical >= threshold && earlier.steps.iter().any(|s| was_there(&s));
        is_again.then_some((step, &explanation.steps[copy]))
    });
    let (step, copy) = repeated?;
    Some(format!(
        "{} took {} again, though it needs little of what {} copies before it",
        short_instruction(&step.instruction, MAX_INSTRUCTION),
        number::seconds(step.busy.as_secs_f64()),
        short_instruction(&copy.instruction, MAX_INSTRUCTION)
    ))
}

fn was_executed(step: &StepFacts) -> bool {
    step.kind.is_run() && !step.cached && step.error.is_none() && !step.unfinished
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::fixture::{HOSTILE, explained, step};
    use super::*;
    use crate::explain::why::{Between, Known, why};

    const SECOND: Duration = Duration::from_secs(1);

    fn naive() -> Explanation {
        explained(vec![
            step("a", "[linux/amd64 build 2/2] RUN go build", &[], 0, 6_000),
            step("b", "[linux/arm64 build 2/2] RUN go build", &[], 0, 69_000),
        ])
    }

    #[test]
    fn emulation_is_named_from_the_threshold_on() {
        let line = emulated(&naive(), 10 * SECOND).unwrap();
        assert!(
            line.starts_with("RUN go build is emulated on linux/arm64: 69.0 s of 69.0 s (100"),
            "{line}"
        );
        assert_eq!(emulated(&naive(), 70 * SECOND), None);
        let name = format!("[linux/arm64 2/2] RUN {HOSTILE}");
        let hostile = explained(vec![step("a", &name, &[], 0, 9_000)]);
        let line = emulated(&hostile, SECOND).unwrap();
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }

    fn packages(id: &str, millis: u64) -> Explanation {
        explained(vec![
            step(
                id,
                "[linux/amd64 2/3] RUN apt-get install make",
                &[],
                0,
                millis,
            ),
            step(
                "c",
                "[linux/amd64 3/3] COPY . .",
                &[id],
                millis,
                millis + 10,
            ),
        ])
    }

    /// What the causes of two streams alone are.
    fn causes(build: &Explanation, earlier: &Explanation) -> Why {
        let (written, arguments) = (BTreeMap::new(), BTreeMap::new());
        let known = |explanation| Known {
            explanation,
            provenance: None,
            arguments: Some(&arguments),
            written: &written,
            no_cache: None,
            place: None,
        };
        why(&known(build), &known(earlier), &Between::default())
    }

    #[test]
    fn a_cache_is_lost_where_the_same_step_was_executed_again() {
        let (first, second) = (packages("a", 9_000), packages("a", 8_000));
        assert!(may_have_lost(&second, SECOND));
        let found = causes(&second, &first);
        let line = lost_cache(&second, &first, &found, SECOND).unwrap();
        assert!(
            line.starts_with(
                "RUN apt-get install make took 8.01 s again, with what follows: its record"
            ),
            "{line}"
        );
        assert_eq!(lost_cache(&second, &first, &found, 9 * SECOND), None);
        // What it is, a stream does not say.
        let other = packages("b", 8_000);
        let found = causes(&other, &first);
        assert_eq!(lost_cache(&other, &first, &found, SECOND), None);
    }

    #[test]
    fn what_an_edit_runs_again_without_need_is_named() {
        let of = |copy: &str, install: &str| {
            explained(vec![
                step(copy, "[linux/amd64 2/3] COPY . .", &[], 0, 10),
                step(install, "[linux/amd64 3/3] RUN npm ci", &[copy], 10, 9_000),
            ])
        };
        let (now, then) = (of("c2", "i2"), of("c1", "i1"));
        let found = causes(&now, &then);
        let line = lost_cache(&now, &then, &found, SECOND).unwrap();
        assert!(line.starts_with("RUN npm ci took 8.99 s again"), "{line}");
        assert!(line.contains("COPY . ."), "{line}");
        // It was never built before.
        let found = causes(&now, &naive());
        assert_eq!(lost_cache(&now, &naive(), &found, SECOND), None);
    }
}
