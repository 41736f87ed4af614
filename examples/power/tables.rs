//! The tables, as Markdown.

use std::fmt::Write as _;

use buildrace::stats::LEAST_DELTA;

use crate::flaky::{self, Flaky};
use crate::gate::{Ends, FIXED, GATES, Ruled, bound, risk, rule, single, test};
use crate::limits;
use crate::machine::{Machine, Mood, SEED};

/// Standard deviations of the log of a build's time, in percent.
const NOISES: [u32; 4] = [1, 3, 5, 10];

/// Noise of the machines that change.
const NOISE_OF_CHANGING: u32 = 3;

/// By how many percent a candidate really is slower.
const CHANGES: [u32; 5] = [0, 5, 10, 20, 50];

/// Those that a gate should tell apart: none, and more than δ.
const WITHOUT_DELTA: [u32; 4] = [0, 10, 20, 50];

/// δ, in percent.
const DELTA: u32 = (100.0 * LEAST_DELTA + 0.5) as u32;

/// Level of Welch's test on the side that is slower: half of 5%.
const TEST_LEVEL: f64 = 0.025;

/// Level of one build against a stored time: 10% slower.
const SINGLE_LEVEL: f64 = 1.0 / 1.1;

/// With more builds a side no power is sought.
const MOST: usize = 60;

/// All that stands between the marks of the page.
pub fn all() -> String {
    let mut text = format!("Seed {SEED}, {GATES} gates a cell, δ = {DELTA}%.\n");
    for (title, table) in [
        ("As they are used, on a steady machine", as_used(&NOISES)),
        ("At the same risk, on a steady machine", tuned(Mood::Steady)),
        ("At the same risk, on a busy machine", tuned(Mood::Busy)),
        ("Fails where nothing changed but the machine", changing()),
        ("Builds that fail by chance", flakes(&flaky::RATES)),
        ("What a verdict does not say", limits::table()),
    ] {
        write!(text, "\n### {title}\n\n{table}").expect("a String takes all");
    }
    text
}

/// A share of all gates.
fn share(failed: usize) -> String {
    format!("{:.1}%", 100.0 * failed as f64 / GATES as f64)
}

/// A row of a table.
fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// The head of a table of numbers; the first column names the machine.
fn head(columns: &[&str]) -> String {
    let numbers = "---:|".repeat(columns.len() - 1);
    format!("| {} |\n|---|{numbers}\n", columns.join(" | "))
}

/// The share of gates that fail, each gate as people have it.
pub fn as_used(noises: &[u32]) -> String {
    let mut table = head(&[
        "noise",
        "true change",
        "buildrace",
        "its builds",
        "ending at 6 rounds",
        "its builds",
        "Welch's test, 20 builds",
        "1 build, > 10%",
    ]);
    for &noise in noises {
        for change in CHANGES {
            let machine = || Machine::new(noise, change, Mood::Steady);
            let ruled = rule(machine(), Ends::Early);
            let before = rule(machine(), Ends::AtFirstLook);
            table += &row(&[
                format!("{noise}%"),
                format!("+{change}%"),
                share(ruled.failed),
                format!("{:.1}", ruled.builds),
                share(before.failed),
                format!("{:.1}", before.builds),
                share(test(machine(), FIXED).failed(TEST_LEVEL)),
                share(single(machine()).failed(SINGLE_LEVEL)),
            ]);
        }
    }
    table
}

/// The share of gates that fail, if all fail a change of δ as often as the
/// rule does on the same machine.
fn tuned(mood: Mood) -> String {
    let mut table = head(&[
        "noise",
        "true change",
        "buildrace",
        "its builds",
        "Welch's bound, 20 builds",
        "builds that it needs",
        "1 build",
    ]);
    let mut at_delta = Vec::new();
    let (mut rows, mut fewer, mut fewer_than_fixed) = (0, 0, 0);
    for noise in NOISES {
        let machine = |change| Machine::new(noise, change, mood);
        let risk = rule(machine(DELTA), Ends::Early).failed;
        at_delta.push(share(risk));
        let bound_level = bound(machine(DELTA), FIXED).level(risk);
        let single_level = single(machine(DELTA)).level(risk);
        let ruled = WITHOUT_DELTA.map(|change| rule(machine(change), Ends::Early));
        let needed = needed(&machine, risk, ruled);
        for ((change, ruled), needed) in WITHOUT_DELTA.into_iter().zip(ruled).zip(needed) {
            let builds = match needed {
                _ if change == 0 => "–".to_owned(),
                Some(builds) => builds.to_string(),
                None => format!("> {}", 2 * MOST),
            };
            if change > 0 {
                rows += 1;
                fewer += usize::from(needed.is_none_or(|needed| ruled.builds < needed as f64));
                fewer_than_fixed += usize::from(ruled.builds < 2.0 * FIXED as f64);
            }
            table += &row(&[
                format!("{noise}%"),
                format!("+{change}%"),
                share(ruled.failed),
                format!("{:.1}", ruled.builds),
                share(bound(machine(change), FIXED).failed(bound_level)),
                builds,
                share(single(machine(change)).failed(single_level)),
            ]);
        }
    }
    format!(
        "{table}\nAt a true change of δ each fails in {}. Where the candidate is slower, \
         buildrace takes fewer than 20 builds in {fewer_than_fixed} of {rows} rows, and fewer \
         than Welch's bound needs for the same share in {fewer}.\n",
        at_delta.join(", "),
    )
}

/// The fewest builds with which Welch's bound fails as often as the rule, to
/// the tenth of a percent that is shown, for each change.
fn needed(
    machine: &impl Fn(u32) -> Machine,
    risk: usize,
    ruled: [Ruled; WITHOUT_DELTA.len()],
) -> [Option<usize>; WITHOUT_DELTA.len()] {
    let shown = |failed: usize| (1000.0 * failed as f64 / GATES as f64).round();
    let mut needed = [None; WITHOUT_DELTA.len()];
    for n in 2..=MOST {
        let level = bound(machine(DELTA), n).level(risk);
        for ((change, ruled), needed) in WITHOUT_DELTA.into_iter().zip(ruled).zip(&mut needed) {
            let reaches = || {
                let failed = bound(machine(change), n).failed(level);
                shown(failed) >= shown(ruled.failed)
            };
            if needed.is_none() && reaches() {
                *needed = Some(2 * n);
            }
        }
        if needed.iter().all(Option::is_some) {
            break;
        }
    }
    needed
}

/// The share of gates that fail though the candidate is the reference.
pub fn changing() -> String {
    let noise = format!("machine, noise {NOISE_OF_CHANGING}%");
    let mut table = head(&[
        &noise,
        "buildrace",
        "Welch's test, 20 builds",
        "Welch's bound, 20 builds",
        "1 build, > 10%",
    ]);
    for mood in Mood::ALL {
        let machine = || Machine::new(NOISE_OF_CHANGING, 0, mood);
        table += &row(&[
            mood.as_str().to_owned(),
            share(rule(machine(), Ends::Early).failed),
            share(test(machine(), FIXED).failed(TEST_LEVEL)),
            share(bound(machine(), FIXED).failed(risk())),
            share(single(machine()).failed(SINGLE_LEVEL)),
        ]);
    }
    table
}

/// The share of gates that fail for builds that failed, and what they cost.
pub fn flakes(rates: &[(f64, f64)]) -> String {
    let mut table = head(&[
        "builds of the base that fail",
        "of the change",
        "buildrace fails",
        "its builds",
        "by raw shares",
        "its builds",
    ]);
    for &(base, change) in rates {
        let percent = |rate: f64| format!("{:.0}%", 100.0 * rate);
        let of = |rule| flaky::gates(base, change, rule);
        let (ruled, before) = (of(Flaky::Tested), of(Flaky::RawShares));
        table += &row(&[
            percent(base),
            percent(change),
            share(ruled.failed),
            format!("{:.1}", ruled.builds),
            share(before.failed),
            format!("{:.1}", before.builds),
        ]);
    }
    table
}
