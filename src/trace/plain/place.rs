//! When the steps of a plain log were worked on.
//!
//! **With time stamps**, a step ended when the line that says so was written, at most a
//! display's refresh after it did (`UpdateFrom` in `display.go` of moby/buildkit: 0.1 to
//! 0.15 s), and began as long before as it took. Where a step so seems to end after what
//! takes from it began, its line was late, and it is moved.
//!
//! **Without**, steps ended in the order of these lines. Each is as early as that, how long
//! it took, and the ends of its inputs allow, so nothing waits that did not have to, and the
//! whole is the least that the build took.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::trace::begin::is_opening;
use crate::trace::step::is_end;
use crate::trace::{Label, Step};

/// How late the line that says that a step ended may be, with what rounding adds.
const LATE: Nanos = 300_000_000;

/// Nanoseconds since the epoch, or since the build began.
type Nanos = i128;

/// A time in which a step was worked on, as the log tells it.
#[derive(Debug, Clone, Default)]
pub(super) struct Spell {
    /// The latest moment at which it can have begun, by time stamps.
    pub(super) seen: Option<Timestamp>,
    /// How many steps had ended when the log first showed it.
    pub(super) seen_after: usize,
    /// How long it lasted at least.
    pub(super) lasted: Duration,
    /// How long it took, where the log says that.
    pub(super) took: Option<Duration>,
    /// When it ended.
    pub(super) end: Option<Place>,
    /// Whether it ended with a result from the cache.
    pub(super) cached: bool,
}

/// A place in the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// How many steps had ended before.
    pub(super) order: usize,
    /// The time stamp there.
    pub(super) at: Option<Timestamp>,
}

/// A time in which a step was worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: Timestamp,
    pub(super) end: Option<Timestamp>,
    pub(super) cached: bool,
}

/// The times of a step under way.
#[derive(Debug, Clone, Copy)]
struct Times {
    start: Nanos,
    end: Option<Nanos>,
    cached: bool,
}

impl Times {
    fn span(self) -> Span {
        Span {
            start: timestamp(self.start),
            end: self.end.map(timestamp),
            cached: self.cached,
        }
    }
}

fn timestamp(nanos: Nanos) -> Timestamp {
    let least = Timestamp::MIN.as_nanosecond();
    let most = Timestamp::MAX.as_nanosecond();
    Timestamp::from_nanosecond(nanos.clamp(least, most)).unwrap_or(Timestamp::MAX)
}

fn nanos(time: Duration) -> Nanos {
    SignedDuration::try_from(time).map_or(Nanos::MAX / 4, |time| time.as_nanos())
}

fn spans(times: Vec<Vec<Times>>) -> Vec<Vec<Span>> {
    let times = times.into_iter();
    times
        .map(|times| times.into_iter().map(Times::span).collect())
        .collect()
}

/// The times of each step by time stamps. `inputs` has what each takes from.
pub(super) fn by_stamps(
    steps: &[Step],
    spells: &[Vec<Spell>],
    inputs: &[Vec<usize>],
) -> Vec<Vec<Span>> {
    let mut times: Vec<Vec<Times>> = spells
        .iter()
        .map(|spells| spells.iter().filter_map(by_stamp).collect())
        .collect();
    for times in &mut times {
        // One after another, whatever rounding says.
        for at in 1..times.len() {
            let before = times[at - 1].end.unwrap_or(times[at - 1].start);
            let spell = &mut times[at];
            spell.start = spell.start.max(before);
            spell.end = spell.end.map(|end| end.max(spell.start));
        }
    }
    settle(steps, &mut times, inputs);
    spans(times)
}

fn by_stamp(spell: &Spell) -> Option<Times> {
    let seen = spell.seen?.as_nanosecond();
    let end = spell
        .end
        .and_then(|end| end.at)
        .map(Timestamp::as_nanosecond);
    let start = match (end, spell.took) {
        (Some(end), Some(took)) => end - nanos(took),
        (Some(end), None) => seen.min(end - nanos(spell.lasted)),
        (None, _) => seen,
    };
    Some(Times {
        start,
        end,
        cached: spell.cached,
    })
}

/// Moves steps whose end was written late before the start of what takes from them. What a
/// build begins with comes before all else, and its exports after.
fn settle(steps: &[Step], times: &mut [Vec<Times>], inputs: &[Vec<usize>]) {
    let mut order: Vec<usize> = (0..steps.len()).collect();
    let end = |times: &[Times]| times.last().map(|last| last.end.unwrap_or(last.start));
    order.sort_by_key(|at| {
        std::cmp::Reverse((end(&times[*at]), times[*at].first().map(|t| t.start), *at))
    });
    let openings: Vec<usize> = (0..steps.len())
        .filter(|at| is_opening(&steps[*at].label))
        .collect();
    let mut limits: Vec<Option<Nanos>> = vec![None; steps.len()];
    let limit = |known: &mut Option<Nanos>, start: Nanos| {
        *known = Some(known.map_or(start, |known| known.min(start)));
    };
    let exports = order.iter().filter(|at| is_end(&steps[**at].name));
    let exports: Vec<Nanos> = exports
        .filter_map(|at| Some(times[*at].first()?.start))
        .collect();
    if let Some(export) = exports.iter().min() {
        for at in 0..steps.len() {
            if !is_end(&steps[at].name) {
                limit(&mut limits[at], *export);
            }
        }
    }
    for at in order {
        let bound = limits[at];
        let own = &mut times[at];
        let count = own.len();
        let before = count.checked_sub(2).and_then(|before| own[before].end);
        if let (Some(bound), Some(last)) = (bound, own.last_mut())
            && let late = last.end.unwrap_or(last.start) - bound
            && (1..=LATE).contains(&late)
        {
            last.start -= late;
            last.end = last.end.map(|end| end - late);
            if let Some(before) = before.filter(|before| *before > last.start) {
                last.start = before.min(last.end.unwrap_or(before));
            }
        }
        let Some(start) = own.first().map(|first| first.start) else {
            continue;
        };
        for &input in &inputs[at] {
            limit(&mut limits[input], start);
        }
        if inputs[at].is_empty()
            && let Some(&opening) = openings.iter().find(|opening| **opening != at)
        {
            limit(&mut limits[opening], start);
        }
    }
}

/// The times of each step by the order in which they ended. `inputs` has what each takes
/// from.
pub(super) fn by_order(
    steps: &[Step],
    spells: &[Vec<Spell>],
    inputs: &[Vec<usize>],
) -> Vec<Vec<Span>> {
    let mut order: Vec<(usize, usize, usize)> = Vec::new();
    for (at, spells) in spells.iter().enumerate() {
        for (number, spell) in spells.iter().enumerate() {
            // What never ended comes after all that did.
            let place = spell.end.map_or(usize::MAX, |end| end.order);
            order.push((place, at, number));
        }
    }
    order.sort_unstable();
    let mut times: Vec<Vec<Times>> = vec![Vec::new(); steps.len()];
    // The moment at which the first, the second, … step ended.
    let mut ends: Vec<Nanos> = Vec::new();
    // When the Dockerfile and what it names were known.
    let mut opened = 0;
    let last_end = |times: &[Times]| times.last().and_then(|last| last.end);
    for (_, at, number) in order {
        let spell = &spells[at][number];
        let label = &steps[at].label;
        let seen = spell.seen_after.min(ends.len());
        let seen = seen.checked_sub(1).map_or(0, |last| ends[last]);
        let known = inputs[at]
            .iter()
            .filter_map(|input| last_end(&times[*input]))
            .max();
        let after = match (number, known) {
            (1.., _) => last_end(&times[at]).unwrap_or(0).max(seen),
            (_, Some(known)) => known.max(opened),
            _ if begins_with_build(label) => opened,
            _ => seen,
        };
        let length = nanos(spell.took.unwrap_or(spell.lasted));
        let end = spell.end.map(|_| {
            let now = ends.last().copied().unwrap_or(0);
            now.max(after.saturating_add(length))
        });
        times[at].push(Times {
            start: end.map_or(after, |end| end - length),
            end,
            cached: spell.cached,
        });
        if let Some(end) = end {
            ends.push(end);
            if is_setup(label) {
                opened = end;
            }
        }
    }
    spans(times)
}

/// Whether a step begins when the Dockerfile is known, and waits for no other.
fn begins_with_build(label: &Label) -> bool {
    let is_source = label.internal && label.instruction.starts_with("load build context");
    let is_remote = label.is("ADD") && label.instruction.contains("://");
    is_source || is_remote || label.is("FROM") || label.is_context()
}

/// Whether a step is of those that tell what is to be built.
fn is_setup(label: &Label) -> bool {
    let said = label.instruction.as_str();
    let begins = |words: &[&str]| words.iter().any(|word| said.starts_with(word));
    let own = [
        "load build definition",
        "load metadata for",
        "load .dockerignore",
    ];
    (label.internal && begins(&own)) || begins(&["resolve image config for"])
}
