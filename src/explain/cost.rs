//! What steps cost: emulation's slow-down of each instruction, the step most
//! worth changing, and what the build would take if it were changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::conditions::{Conditions, Instruction};
use super::facts::{Culprit, InstructionFacts, NativeElsewhere, SlowDown, StepFacts};
use super::graph::{Graph, share_of};
use super::kind::StepKind;
use super::what_if::{Change, NativeTime, Question, Share, WhatIf};
use crate::model::Platform;

/// Emulated steps of which it is asked what they would take natively: those
/// with the most of the critical path.
const MAX_ASKED: usize = 5;
/// Share of a build that a change must save to be worth it: what a verdict
/// takes for the same.
pub(super) const WORTH_CHANGING: f64 = 0.05;
/// The same of a build of which nothing changed: it goes through its base
/// images and sources, and nobody is to blame for that.
const WORTH_CHANGING_UNCHANGED: f64 = 0.5;
/// Platforms of which it is asked what a native node would bring.
const MAX_NODES: usize = 8;

pub(super) struct Costs {
    pub(super) instructions: Vec<InstructionFacts>,
    pub(super) culprit: Option<Culprit>,
    pub(super) what_if: Vec<WhatIf>,
}

/// `is_whole` says whether the build is known to its end, and that it did not
/// fail: of others it is not asked what they would have taken, nor of those of which it
/// is unknown what ran beside what.
pub(super) fn costs(
    graph: &Graph<'_>,
    steps: &[StepFacts],
    is_whole: bool,
    shares: &[Share],
    conditions: &Conditions,
) -> Costs {
    let kinds: Vec<StepKind> = steps.iter().map(|step| step.kind).collect();
    let question = Question::new(graph, &kinds, shares);
    let instructions = instructions(graph, steps, &question, conditions);
    let native_times = native_times(graph, steps, &instructions, conditions);
    let is_asked = is_whole && conditions.clock.tells_when();
    let mut what_if = if is_asked {
        asked(&question, steps, &native_times, conditions)
    } else {
        Vec::new()
    };
    let mut culprit = culprit(graph, steps, &instructions, &what_if);
    if let Some(found) = culprit.as_mut().filter(|_| is_whole)
        && found.best_case.is_none()
    {
        let answer = is_asked.then(|| question.no_step(found.step));
        let saved = match &answer {
            Some(answer) => Duration::from_nanos(graph.length).saturating_sub(answer.low),
            None => steps[found.step].critical,
        };
        let share = share_of(saved, Duration::from_nanos(graph.length));
        let least = if steps.iter().any(was_executed) {
            WORTH_CHANGING
        } else {
            WORTH_CHANGING_UNCHANGED
        };
        if steps[found.step].kind.is_run() || share >= least {
            found.best_case = answer.as_ref().map(|_| what_if.len());
            what_if.extend(answer);
        } else {
            culprit = None;
        }
    }
    Costs {
        instructions,
        culprit,
        what_if,
    }
}

/// Whether a step is an instruction that did not come from the cache.
fn was_executed(facts: &StepFacts) -> bool {
    facts.position.is_some() && facts.kind != StepKind::BaseImage && !facts.cached
}

/// RUN instructions that ran more than once, with what emulation costs them;
/// and emulated ones that ran once, where their native time is known from
/// elsewhere.
fn instructions(
    graph: &Graph<'_>,
    steps: &[StepFacts],
    question: &Question,
    conditions: &Conditions,
) -> Vec<InstructionFacts> {
    let mut by_instruction: BTreeMap<Instruction, Vec<usize>> = BTreeMap::new();
    for (at, facts) in steps.iter().enumerate() {
        // What failed or did not end did not take the time that it needs.
        let ran = !facts.cached && facts.error.is_none() && !facts.unfinished;
        if facts.kind.is_run()
            && ran
            && let Some(instruction) = Instruction::of(&graph.steps[at].step.label)
        {
            by_instruction.entry(instruction).or_default().push(at);
        }
    }
    let facts = by_instruction.into_iter().map(|(instruction, places)| {
        let native = places
            .iter()
            .copied()
            .filter(|at| steps[*at].kind == StepKind::NativeRun)
            .min_by_key(|at| steps[*at].busy);
        let elsewhere = conditions.elsewhere.get(&instruction);
        let emulated = places
            .iter()
            .copied()
            .filter(|at| steps[*at].kind == StepKind::EmulatedRun);
        let slow_downs = emulated.filter_map(|at| {
            let busy = steps[at].busy;
            let elsewhere = elsewhere.and_then(|found| {
                Some(NativeElsewhere {
                    what: found.what.clone(),
                    time: found.time,
                    ratio: ratio(busy, found.time)?,
                })
            });
            if native.is_none() && elsewhere.is_none() {
                return None;
            }
            Some(SlowDown {
                step: at,
                native,
                ratio: native.and_then(|native| ratio(busy, steps[native].busy)),
                alone: native
                    .filter(|_| conditions.clock.tells_when())
                    .and_then(|native| question.alone_ratio(at, native)),
                elsewhere,
            })
        });
        InstructionFacts {
            slow_downs: slow_downs.collect(),
            steps: places,
        }
    });
    facts
        .filter(|facts| facts.steps.len() > 1 || !facts.slow_downs.is_empty())
        .collect()
}

fn ratio(time: Duration, reference: Duration) -> Option<f64> {
    (!reference.is_zero()).then(|| time.as_secs_f64() / reference.as_secs_f64())
}

/// What each emulated step would take natively: as long as its native twin of
/// the same build, or else as it took elsewhere.
fn native_times(
    graph: &Graph<'_>,
    steps: &[StepFacts],
    instructions: &[InstructionFacts],
    conditions: &Conditions,
) -> Vec<(usize, NativeTime)> {
    let mut times: Vec<(usize, NativeTime)> = Vec::new();
    for slow_down in instructions.iter().flat_map(|facts| &facts.slow_downs) {
        let at = slow_down.step;
        let elsewhere = || {
            let instruction = Instruction::of(&graph.steps[at].step.label)?;
            let time = conditions.elsewhere.get(&instruction)?.time;
            Some(NativeTime::Alone(
                u64::try_from(time.as_nanos()).unwrap_or(u64::MAX),
            ))
        };
        let time = slow_down.native.map(NativeTime::AsStep);
        times.extend(time.or_else(elsewhere).map(|time| (at, time)));
    }
    times.sort_by_key(|(at, _)| {
        let facts = &steps[*at];
        (std::cmp::Reverse((facts.critical, facts.busy)), *at)
    });
    times
}

fn asked(
    question: &Question,
    steps: &[StepFacts],
    native_times: &[(usize, NativeTime)],
    conditions: &Conditions,
) -> Vec<WhatIf> {
    let mut what_if: Vec<WhatIf> = native_times
        .iter()
        .take(MAX_ASKED)
        .map(|&(at, time)| question.native_step(at, time))
        .collect();

    let known: HashMap<usize, NativeTime> = native_times.iter().copied().collect();
    // A platform's node is asked of only where each of its steps is known.
    let mut by_platform: BTreeMap<&Platform, Option<Vec<(usize, NativeTime)>>> = BTreeMap::new();
    for (at, facts) in steps.iter().enumerate() {
        let took_time = facts.kind == StepKind::EmulatedRun && !facts.cached;
        if let Some(platform) = facts.platform.as_ref()
            && took_time
        {
            let of_platform = by_platform.entry(platform).or_insert(Some(Vec::new()));
            match (known.get(&at), of_platform) {
                (Some(time), Some(of_platform)) => of_platform.push((at, *time)),
                (_, of_platform) => *of_platform = None,
            }
        }
    }
    let nodes = by_platform
        .into_iter()
        .filter_map(|(platform, steps)| Some((platform, steps?)));
    what_if.extend(
        nodes
            .take(MAX_NODES)
            .map(|(platform, steps)| question.native_node(platform.clone(), &steps)),
    );

    let ids: BTreeSet<&String> = steps
        .iter()
        .flat_map(|step| step.waited_for_cache.iter().map(|wait| &wait.id))
        .collect();
    if !ids.is_empty() {
        what_if.push(question.no_cache_lock(ids.into_iter().cloned().collect()));
    }

    // How many cores other machines have is not known.
    let node = conditions.node.as_ref();
    let cores = node.filter(|node| node.nodes.is_empty());
    let cores = cores.and_then(|node| node.cores);
    if let Some(cores) = cores.filter(|cores| *cores > 0)
        && steps.iter().any(|step| step.kind.is_run() && !step.cached)
    {
        let twice = Some(cores.saturating_mul(2)).filter(|_| conditions.cores.is_none());
        let others = [twice, conditions.cores].into_iter().flatten();
        what_if.extend(
            others
                .filter(|other| *other != cores && *other > 0)
                .map(|other| question.cores(cores, other)),
        );
    }
    what_if
}

/// The step that is most worth changing: of the emulated ones that whose
/// native speed would save most, if it would save enough; of those whose native
/// time is not known the one with the most of the critical path, if it has
/// enough of it; else the step with the most of it.
fn culprit(
    graph: &Graph<'_>,
    steps: &[StepFacts],
    instructions: &[InstructionFacts],
    what_if: &[WhatIf],
) -> Option<Culprit> {
    let span = Duration::from_nanos(graph.length);
    let enough = |time: Duration| share_of(time, span) >= WORTH_CHANGING;
    let at_native_speed = |answer: &WhatIf| match answer.change {
        Change::NativeStep { step } if !steps[step].critical.is_zero() => {
            Some((step, span.saturating_sub(answer.middle())))
        }
        _ => None,
    };
    let most = |of: &dyn Fn(&StepFacts) -> bool| {
        let steps = steps.iter().enumerate();
        let steps = steps.filter(|(_, facts)| {
            // One that was stopped is a victim.
            !facts.critical.is_zero() && !facts.cancelled && of(facts)
        });
        let most = steps.max_by_key(|(at, facts)| (facts.critical, std::cmp::Reverse(*at)));
        most.map(|(at, _)| at)
    };
    let saves_most = what_if
        .iter()
        .filter_map(at_native_speed)
        .max_by_key(|(_, saved)| *saved)
        .filter(|(_, saved)| enough(*saved));
    let is_known = |facts: &StepFacts| {
        let mut asked = what_if.iter().filter_map(at_native_speed);
        asked.any(|(step, _)| std::ptr::eq(&steps[step], facts))
    };
    let step = match saves_most {
        Some((step, _)) => step,
        None => most(&|facts| facts.kind == StepKind::EmulatedRun && !is_known(facts))
            .filter(|step| enough(steps[*step].critical))
            .or_else(|| most(&|facts| facts.kind != StepKind::Internal))?,
    };
    let slow_down = instructions
        .iter()
        .flat_map(|facts| &facts.slow_downs)
        .find(|slow_down| slow_down.step == step);
    let reported = slow_down.and_then(|slow_down| reported_slow_down(slow_down, steps));
    Some(Culprit {
        step,
        critical_share: share_of(steps[step].critical, span),
        best_case: what_if
            .iter()
            .position(|answer| answer.change == Change::NativeStep { step }),
        slow_down: reported.as_ref().map(|(ratio, ..)| *ratio),
        against: reported.as_ref().map(|(_, against, _)| against.clone()),
        native_time: reported.map(|(.., time)| time),
    })
}

/// The slow-down that stands for a step: its ratio, what it is against, and
/// the native time.
fn reported_slow_down(
    slow_down: &SlowDown,
    steps: &[StepFacts],
) -> Option<(f64, String, Duration)> {
    if let Some(elsewhere) = &slow_down.elsewhere {
        return Some((elsewhere.ratio, elsewhere.what.clone(), elsewhere.time));
    }
    let native = &steps[slow_down.native?];
    let platform = native.platform.as_ref().map(ToString::to_string);
    Some((
        slow_down.ratio?,
        format!("{} of the same build", platform.unwrap_or_default()),
        native.busy,
    ))
}
