//! Which steps waited for a cache mount that another step held.
//!
//! A RUN that mounts a cache with `sharing=locked` has it for itself until it ends. BuildKit
//! reports that the step began, and then waits for its mounts, in the order of their places
//! (`solver/llbsolver/ops/exec.go` and `solver/llbsolver/mounts/mount.go` of moby/buildkit). So a
//! status stream shows waiting as work. Of steps that want one cache at the same time the one that
//! ended first had it first: another could not end before.
//!
//! Who else used the builder is not in the stream of a build, so what waits for a step of another
//! build is not found.

use std::collections::BTreeMap;

use super::graph::{Graph, GraphStep, Nanos, Span, Wait, since};
use crate::model::Platform;
use crate::trace::{Clock, Label, Step};

/// How often BuildKit asks again for a cache that is locked: what overlaps for less did not wait.
const ASKS_AGAIN: Nanos = 100_000_000;
/// The same where times are those of a log's lines, which may be late.
const OF_A_LOG: Nanos = 500_000_000;
/// Steps that one waited for, one after another, that are told apart for each mount.
const MAX_HOLDERS: usize = 64;

/// What a locked cache is told by from others of its builder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Lock {
    node: Option<String>,
    id: String,
    /// Owner and mode: BuildKit begins a cache that names them with a folder of its own.
    owner: Vec<String>,
    /// What it begins with, another one for each platform.
    from: Option<(String, Option<Platform>)>,
}

/// A step that ended with a cache in its hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Holder {
    end: Nanos,
    step: usize,
    start: Nanos,
}

/// Finds what waited for cache mounts, and takes it out of the times in which steps were worked on.
pub(super) fn find(graph: &mut Graph<'_>, clock: Clock) {
    let least = match clock {
        Clock::BuildKit => ASKS_AGAIN,
        Clock::Log => OF_A_LOG,
        Clock::None => return,
    };
    let wanted: Vec<Vec<Lock>> = graph.steps.iter().map(locks_of).collect();
    let mut held: BTreeMap<&Lock, Vec<Holder>> = BTreeMap::new();
    for (step, locks) in wanted.iter().enumerate() {
        // What was stopped may have waited to its end.
        if let Some((_, span)) =
            executed(&graph.steps[step]).filter(|_| is_over(&graph.steps[step]))
        {
            for lock in locks {
                held.entry(lock).or_default().push(Holder {
                    end: span.end,
                    step,
                    start: span.start,
                });
            }
        }
    }
    for holders in held.values_mut() {
        holders.sort_unstable();
    }
    let waits: Vec<Vec<Wait>> = wanted
        .iter()
        .enumerate()
        .map(|(step, locks)| waits_of(graph, step, locks, &held, least))
        .collect();
    for (found, waits) in graph.steps.iter_mut().zip(waits) {
        if let Some((place, span)) = executed(found)
            && let Some(last) = waits.last()
        {
            let (start, end) = (span.start, last.span.end);
            found.spans[place].start = end;
            found.spans.insert(place, Span { start, end: start });
            found.waits = waits;
        }
    }
}

/// What a step waited for: for each of its caches in turn, those that ended before it did.
fn waits_of(
    graph: &Graph<'_>,
    step: usize,
    locks: &[Lock],
    held: &BTreeMap<&Lock, Vec<Holder>>,
    least: Nanos,
) -> Vec<Wait> {
    let found = &graph.steps[step];
    let Some((_, own)) = executed(found) else {
        return Vec::new();
    };
    let wrote = found.step.first_wrote;
    let wrote = wrote.map(|at| since(graph.begin, at));
    let mut waits: Vec<Wait> = Vec::new();
    let mut now = own.start;
    for lock in locks {
        let holders = held.get(lock).map_or(&[][..], Vec::as_slice);
        let from = holders.partition_point(|holder| holder.end <= now);
        let mut of_lock = Vec::new();
        let mut until = now;
        for holder in &holders[from..] {
            let is_before = (holder.end, holder.step) < (own.end, step) || !is_over(found);
            // Else the cache was free when this step wanted it.
            let is_held = holder.start <= until.saturating_add(least);
            if holder.step == step || !is_before || !is_held || of_lock.len() >= MAX_HOLDERS {
                break;
            }
            let end = holder.end.min(own.end);
            of_lock.push(Wait {
                id: lock.id.clone(),
                span: Span { start: until, end },
                holder: holder.step,
            });
            until = end;
        }
        // What wrote had its mounts.
        let worked = wrote.is_some_and(|wrote| wrote.saturating_add(least) < until);
        if until - now >= least && !worked {
            waits.extend(of_lock);
            now = until;
        }
    }
    waits.retain(|wait| wait.span.end > wait.span.start);
    waits
}

/// The time in which a step was executed, and its place: of several the longest, as others are
/// look-ups.
fn executed(found: &GraphStep<'_>) -> Option<(usize, Span)> {
    let spans = found.spans.iter().copied().enumerate();
    spans.max_by_key(|(place, span)| (span.end - span.start, *place))
}

/// Whether a step came to its own end.
fn is_over(found: &GraphStep<'_>) -> bool {
    !found.step.is_running() && !found.step.was_cancelled()
}

/// The caches that a step had for itself, in the order in which BuildKit gets them.
fn locks_of(found: &GraphStep<'_>) -> Vec<Lock> {
    let Step { label, .. } = found.step;
    let was_executed = !found.step.cached || found.step.executed;
    if !label.is("RUN") || !was_executed || found.is_over {
        return Vec::new();
    }
    let mut mounts: Vec<(String, Lock)> = flags(&label.instruction)
        .filter_map(|flag| lock(flag.strip_prefix("--mount=")?, label))
        .collect();
    mounts.sort();
    let mut locks: Vec<Lock> = Vec::new();
    for (_, lock) in mounts {
        if !locks.contains(&lock) {
            locks.push(lock);
        }
    }
    locks
}

/// The flags of an instruction, `--mount=type=cache,target=/c`.
fn flags(instruction: &str) -> impl Iterator<Item = &str> {
    let words = instruction.split_whitespace();
    let after = words.skip_while(|word| !word.eq_ignore_ascii_case("RUN"));
    after.skip(1).take_while(|word| word.starts_with("--"))
}

/// Place and cache of a mount that is locked; `None` for others, and where a variable is left in
/// its text: what BuildKit took for it is unknown.
fn lock(mount: &str, label: &Label) -> Option<(String, Lock)> {
    let (mut kind, mut sharing) = (String::new(), String::new());
    let (mut target, mut id, mut from) = (None, None, None);
    let mut owner = Vec::new();
    for field in mount.split(',') {
        let (key, value) = field.split_once('=').unwrap_or((field, ""));
        let key = key.to_ascii_lowercase();
        match key.as_str() {
            "type" => kind = value.to_ascii_lowercase(),
            "sharing" => sharing = value.to_ascii_lowercase(),
            "target" | "dst" | "destination" => target = Some(value),
            "id" => id = Some(value).filter(|id| !id.is_empty()),
            "from" => from = Some(value),
            "uid" | "gid" | "mode" => owner.push(format!("{key}={value}")),
            _ => {}
        }
    }
    let target = target?;
    let is_known = ![target, id.unwrap_or_default()].concat().contains('$');
    if kind != "cache" || sharing != "locked" || !is_known {
        return None;
    }
    owner.sort();
    let lock = Lock {
        node: label.node.clone(),
        id: id.map_or_else(|| clean(target), str::to_owned),
        owner,
        from: from.map(|from| (from.to_owned(), label.platform.clone())),
    };
    Some((target.to_owned(), lock))
}

/// A path as Go's `path.Clean` writes it: the id of a cache that has none.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let is_rooted = path.starts_with('/');
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if is_rooted => {}
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    match (is_rooted, path.is_empty()) {
        (true, _) => format!("/{path}"),
        (false, true) => ".".to_owned(),
        (false, false) => path,
    }
}
