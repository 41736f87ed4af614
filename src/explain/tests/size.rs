//! Great builds are explained too: of many steps in every shape.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::super::Conditions;
use super::super::diff::diff;
use super::super::explain;
use super::holds::holds;
use super::{Build, busy_node};

/// Steps of a great build.
const STEPS: u64 = 3000;
/// After which something is taken to hang.
const HANG: Duration = Duration::from_secs(60);

/// Explains a build beside itself in another thread, so that one that takes
/// for ever fails.
fn comes_to_an_end(build: Build, conditions: Conditions) {
    let (done, end) = mpsc::channel();
    let worker = thread::spawn(move || {
        let explanation = build.explain(&conditions);
        assert_eq!(explanation.steps.len(), build.vertexes.len());
        let found = diff(&explanation, &explanation);
        assert_eq!(found.steps.len(), explanation.steps.len());
        holds(&explanation).unwrap();
        // Whoever waits may have given up.
        let _ = done.send(());
    });
    match end.recv_timeout(HANG) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        _ => worker.join().unwrap(),
    }
}

fn name(platform: &str, step: u64) -> String {
    format!("[linux/{platform} build {step}/{STEPS}] RUN make target-{step}")
}

/// Names of steps, to take from.
fn ids(steps: impl Iterator<Item = u64>) -> Vec<String> {
    steps.map(|step| step.to_string()).collect()
}

fn taking(build: Build, step: u64, inputs: &[String], start: u64, end: u64) -> Build {
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    build.step(&step.to_string(), &name("amd64", step), &inputs, start..end)
}

#[test]
fn a_chain() {
    let build = (0..STEPS).fold(Build::default(), |build, step| {
        let before = ids(step.checked_sub(1).into_iter());
        taking(build, step, &before, step * 10, step * 10 + 10)
    });
    comes_to_an_end(build, busy_node());
}

#[test]
fn a_star() {
    let build = (0..STEPS).fold(Build::default(), |build, step| {
        taking(build, step, &[], step % 7, 1000 + step)
    });
    let all = ids(0..STEPS);
    comes_to_an_end(taking(build, STEPS, &all, 9000, 9100), busy_node());
}

#[test]
fn a_comb() {
    let build = (0..STEPS).fold(Build::default(), |build, step| {
        let (inputs, start) = match step % 2 {
            0 => (ids(step.checked_sub(2).into_iter()), step * 10),
            _ => (ids([step - 1].into_iter()), step * 10),
        };
        taking(build, step, &inputs, start, start + 10)
    });
    comes_to_an_end(build, busy_node());
}

#[test]
fn all_at_once_with_and_without_length() {
    for end in [0, 5000] {
        let build = (0..STEPS).fold(Build::default(), |build, step| {
            taking(build, step, &[], 0, end)
        });
        comes_to_an_end(build, busy_node());
    }
}

#[test]
fn emulated_twins() {
    let build = (0..STEPS / 2).fold(Build::default(), |build, step| {
        let twin = step + STEPS;
        build
            .step(
                &step.to_string(),
                &name("amd64", step),
                &[],
                step..step + 500,
            )
            .step(
                &twin.to_string(),
                &name("arm64", step),
                &[],
                step..step + 3000,
            )
    });
    comes_to_an_end(build, busy_node());
}

#[test]
fn many_exports_of_many_results() {
    let build = (0..STEPS).fold(Build::default(), |build, step| {
        let name = match step % 2 {
            0 => name("amd64", step),
            _ => format!("exporting {step}"),
        };
        build.step(&step.to_string(), &name, &[], step..step + 1)
    });
    comes_to_an_end(build, busy_node());
}

#[test]
fn a_step_that_was_worked_on_often() {
    let build = (0..STEPS).fold(Build::default(), |build, time| {
        build.step("a", &name("amd64", 1), &[], time * 3..time * 3 + 1)
    });
    let explanation = explain(&build.trace(), &busy_node()).unwrap();
    assert_eq!(explanation.steps.len(), 1);
    assert_eq!(explanation.span, Duration::from_millis(STEPS * 3 - 2));
    assert!(explanation.complete);
    holds(&explanation).unwrap();
}
