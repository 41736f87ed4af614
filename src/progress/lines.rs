//! Lines that both displays have in common.

use std::time::Duration;

use crate::escape;
use crate::model::{Failure, Outcome, Sample};

/// Widest step name shown, in characters.
pub(super) const NAME_WIDTH: usize = 72;

/// Lines of a failed step's log, of which the report at the end shows more.
const LOG_LINES: usize = 10;

/// Widest line of a log, in columns.
const LOG_WIDTH: usize = 160;

/// `go-hello: first look, after 6 rounds …`
pub(super) fn rounds_line(scenario: &str, message: &str) -> String {
    format!(
        "{}: {}",
        escape::terminal(scenario, NAME_WIDTH),
        escape::terminal(message, 600)
    )
}

/// `[3/8] go-hello naive multi-arch: 57.31 s, 14 steps, 0 cached`
pub(super) fn sample_line(sample: &Sample, place: usize, of: usize) -> String {
    let digits = of.to_string().len();
    let mut line = format!(
        "[{place:>digits$}/{of}] {}: ",
        sample_title(
            &sample.slot.scenario,
            &sample.slot.variant,
            &sample.slot.kind.to_string()
        )
    );
    match (sample.outcome, &sample.failure) {
        (Outcome::Ok, _) => {
            line += &format!(
                "{:.2} s, {} steps, {} cached",
                sample.wall.as_secs_f64(),
                sample.steps,
                sample.cached_steps
            );
        }
        (Outcome::Interrupted, _) => {
            line += &format!("interrupted after {:.2} s", sample.wall.as_secs_f64());
        }
        (outcome, failure) => {
            line += outcome.as_str();
            if !sample.wall.is_zero() {
                line += &format!(" after {:.2} s", sample.wall.as_secs_f64());
            }
            if let Some(failure) = failure {
                line += &failure_lines(failure);
            }
        }
    }
    if !sample.disturbances.is_empty() {
        line += "; another build ran";
    }
    line
}

/// `, at RUN make: exit code 2`, and what the step said last: who waits for a
/// run of an hour can mend the Dockerfile in its first minute.
pub(super) fn failure_lines(failure: &Failure) -> String {
    let mut text = String::new();
    if let Some(step) = &failure.step {
        text += &format!(", at {}", escape::terminal(step, NAME_WIDTH));
    }
    // The message would name the step again.
    text += &match (&failure.step, failure.exit_code) {
        (Some(_), Some(code)) => format!(": exit code {code}"),
        _ => format!(": {}", escape::terminal(&failure.message, 200)),
    };
    let log = &failure.log_tail;
    // A step's log ends with the reason. Without a step they are further
    // reasons, the first of them as good as the last.
    let from = match failure.step {
        Some(_) => log.len().saturating_sub(LOG_LINES),
        None => 0,
    };
    for line in log.iter().skip(from).take(LOG_LINES) {
        text += &format!("\n      | {}", escape::columns(line, LOG_WIDTH));
    }
    text
}

/// `8s`, `1m04s`, `1h02m`
pub(super) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

pub(super) fn sample_title(scenario: &str, variant: &str, kind: &str) -> String {
    format!(
        "{} {} {kind}",
        escape::terminal(scenario, NAME_WIDTH),
        escape::terminal(variant, NAME_WIDTH)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BuildKind;
    use crate::report::fixture;

    #[test]
    fn clocks_read_as_people_write_them() {
        for (seconds, text) in [(0, "0s"), (59, "59s"), (64, "1m04s"), (3725, "1h02m")] {
            assert_eq!(clock(Duration::from_secs(seconds)), text);
        }
    }

    fn failed(failure: Failure) -> String {
        let (record, _) = fixture::run(&[("naive", [8.0, 40.0, 30.0, 0.3])], 1);
        let mut sample = fixture::sample(&record, &record.plan[0], 12.3);
        sample.slot.kind = BuildKind::Cold;
        sample.wall = Duration::from_millis(12_345);
        sample.outcome = Outcome::Failed;
        sample.failure = Some(failure);
        sample_line(&sample, 3, 12)
    }

    #[test]
    fn a_failure_tells_its_step_once_and_what_it_said_last() {
        let lines = failed(Failure {
            message: "[build 3/4] RUN make ended with exit code 2".into(),
            step: Some("[build 3/4] RUN make".into()),
            exit_code: Some(2),
            log_tail: (1..=12).map(|n| format!("line {n}\u{1b}[31m")).collect(),
        });
        let lines: Vec<&str> = lines.lines().collect();
        assert!(
            lines[0].ends_with(": failed after 12.35 s, at [build 3/4] RUN make: exit code 2"),
            "{}",
            lines[0]
        );
        assert_eq!(lines.len(), 1 + LOG_LINES);
        assert!(lines[1].starts_with("      | line 3"), "{}", lines[1]);
        assert!(!lines.concat().contains('\u{1b}'));
    }

    #[test]
    fn what_the_user_stopped_has_no_reason() {
        let (record, _) = fixture::run(&[("naive", [8.0, 40.0, 30.0, 0.3])], 1);
        let mut sample = fixture::sample(&record, &record.plan[0], 12.3);
        fixture::fail(&mut sample, Outcome::Interrupted);
        let line = sample_line(&sample, 3, 12);
        assert!(line.ends_with(": interrupted after 12.30 s"), "{line}");
    }

    #[test]
    fn a_failure_without_an_exit_code_tells_its_message() {
        let line = failed(Failure {
            message: "failed to compute cache key: \"/src\": not found".into(),
            step: Some("[build 2/4] COPY src .".into()),
            exit_code: None,
            log_tail: vec![],
        });
        assert!(
            line.ends_with(
                ", at [build 2/4] COPY src .: failed to compute cache key: \"/src\": not found"
            ),
            "{line}"
        );
    }

    #[test]
    fn further_reasons_are_told_from_the_first_on() {
        let lines = failed(Failure {
            message: "the image is not what it should be: reason 0".into(),
            step: None,
            exit_code: None,
            log_tail: (1..=12).map(|n| format!("reason {n}")).collect(),
        });
        let told: Vec<&str> = lines.lines().skip(1).collect();
        assert_eq!(told.len(), LOG_LINES);
        assert_eq!(told[0], "      | reason 1");
    }
}
