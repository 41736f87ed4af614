//! The grammar of a line that BuildKit's plain printer writes: `#7 ` and what it says of
//! the seventh step.
//!
//! `util/progress/progressui/printer.go` of moby/buildkit writes the name of a step when it
//! turns to it, `...` when it turns to another, and at its end one of `CACHED`, `CANCELED`,
//! `ERROR: …` and `DONE 12.3s`. Each line of output has the seconds since the step began
//! before it, with three digits, two from 10 seconds on, and one from 100 on.

use std::time::Duration;

/// Digits of the greatest number of a step that is read.
const MAX_DIGITS: usize = 6;
/// Seconds of the longest time that is read: thirty years.
const MAX_SECONDS: f64 = 1e9;

/// What a line says of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Said<'l> {
    /// The printer turns to another step.
    Turned,
    /// It ended.
    Ended(How<'l>),
    /// A warning of the frontend.
    Warned,
    /// It wrote this, so long after it began.
    Wrote {
        /// Time since it began.
        since: Duration,
        /// What it wrote.
        text: &'l str,
    },
    /// Its name, or how far a part of it is.
    Other(&'l str),
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum How<'l> {
    /// It was executed; how long that took, in all that it was worked on.
    Done(Option<Duration>),
    /// It came from the cache.
    Cached,
    /// It was stopped with the build.
    Cancelled,
    /// It failed, and why.
    Failed(&'l str),
}

/// The number of the step that a line is of, and what it says; `None` for any other text.
pub(super) fn step_line(line: &str) -> Option<(u32, Said<'_>)> {
    let rest = line.strip_prefix('#')?;
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if digits == 0 || digits > MAX_DIGITS {
        return None;
    }
    let number = rest[..digits].parse().ok()?;
    let said = rest[digits..].strip_prefix(' ')?;
    Some((number, said_of(said)))
}

fn said_of(said: &str) -> Said<'_> {
    let trimmed = said.trim_end();
    match trimmed {
        "..." => return Said::Turned,
        "CACHED" => return Said::Ended(How::Cached),
        "CANCELED" => return Said::Ended(How::Cancelled),
        "DONE" => return Said::Ended(How::Done(None)),
        _ => {}
    }
    if let Some(time) = trimmed.strip_prefix("DONE ").and_then(seconds_of) {
        return Said::Ended(How::Done(Some(time)));
    }
    if let Some(error) = trimmed.strip_prefix("ERROR: ") {
        return Said::Ended(How::Failed(error));
    }
    if trimmed.starts_with("WARN: ") {
        return Said::Warned;
    }
    let (time, text) = said.split_once(' ').unwrap_or((trimmed, ""));
    // Clocks may differ by a little.
    let (time, is_before) = match time.strip_prefix('-') {
        Some(time) => (time, true),
        None => (time, false),
    };
    match time.contains('.').then(|| number(time)).flatten() {
        Some(_) if is_before => Said::Wrote {
            since: Duration::ZERO,
            text,
        },
        Some(since) => Said::Wrote { since, text },
        None => Said::Other(trimmed),
    }
}

/// `12.3s`.
fn seconds_of(text: &str) -> Option<Duration> {
    number(text.strip_suffix('s')?)
}

/// `12.345`, in seconds: digits, and a point between them.
fn number(text: &str) -> Option<Duration> {
    let is_number = text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && text.starts_with(|c: char| c.is_ascii_digit());
    let seconds: f64 = is_number.then(|| text.parse().ok())??;
    Some(Duration::from_secs_f64(seconds.min(MAX_SECONDS)))
}

/// What a line says of how far a part of a step is, `sha256:… 1.05MB / 3.15MB 0.5s done`:
/// the part, and how many bytes of it are there.
pub(super) fn part(said: &str) -> Option<(&str, i64)> {
    let mut words: Vec<&str> = said.split(' ').collect();
    words.pop_if(|word| *word == "done");
    words.pop_if(|word| seconds_of(word).is_some());
    let done = match words.as_slice() {
        [.., done, "/", all] if bytes(all).is_some() => {
            let done = bytes(done)?;
            words.truncate(words.len() - 3);
            done
        }
        [.., done] => {
            let done = bytes(done)?;
            words.pop();
            done
        }
        [] => return None,
    };
    let id = words.iter().map(|word| word.len() + 1).sum::<usize>();
    let id = said.get(..id.checked_sub(1)?)?;
    (!id.is_empty()).then_some((id, done))
}

/// `1.05MB`, as `github.com/tonistiigi/units` writes it.
fn bytes(text: &str) -> Option<i64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "B" => 1e0,
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        _ => return None,
    };
    let count = number(digits)?.as_secs_f64() * factor;
    Some(count.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_the_printer_is_told_apart() {
        let ms = Duration::from_millis;
        let done = |time: u64| Said::Ended(How::Done(Some(ms(time))));
        for (line, expected) in [
            ("#7 ...", (7, Said::Turned)),
            ("#7 CACHED", (7, Said::Ended(How::Cached))),
            ("#7 CANCELED ", (7, Said::Ended(How::Cancelled))),
            ("#7 DONE", (7, Said::Ended(How::Done(None)))),
            ("#17 DONE 12.3s", (17, done(12_300))),
            ("#7 DONE 0.0s", (7, done(0))),
            (
                "#7 ERROR: process \"/bin/sh -c exit 1\" did not complete successfully: exit code: 1",
                (
                    7,
                    Said::Ended(How::Failed(
                        "process \"/bin/sh -c exit 1\" did not complete successfully: exit code: 1",
                    )),
                ),
            ),
            ("#7 WARN: FromAsCasing: 'as' and 'FROM'", (7, Said::Warned)),
            (
                "#7 0.532 #8 DONE 3.0s ",
                (
                    7,
                    Said::Wrote {
                        since: ms(532),
                        text: "#8 DONE 3.0s ",
                    },
                ),
            ),
            (
                "#7 123.4",
                (
                    7,
                    Said::Wrote {
                        since: ms(123_400),
                        text: "",
                    },
                ),
            ),
            (
                "#7 -0.001 x",
                (
                    7,
                    Said::Wrote {
                        since: ms(0),
                        text: "x",
                    },
                ),
            ),
            (
                "#7 [linux/arm64 build 4/4] RUN DONE 1.0s",
                (7, Said::Other("[linux/arm64 build 4/4] RUN DONE 1.0s")),
            ),
            ("#7 DONE.", (7, Said::Other("DONE."))),
            ("#7 1.2.3 x", (7, Said::Other("1.2.3 x"))),
            ("#7 12 x", (7, Said::Other("12 x"))),
            ("#7 ", (7, Said::Other(""))),
        ] {
            assert_eq!(step_line(line), Some(expected), "{line}");
        }
        for line in ["", "#", "#7", "# 7 x", "##[group]x", "x #7 DONE", "#x DONE"] {
            assert_eq!(step_line(line), None, "{line}");
        }
        assert_eq!(step_line("#99999999 DONE"), None);
        let long = format!("#7 DONE {}.0s", "9".repeat(400));
        assert!(matches!(
            step_line(&long),
            Some((7, Said::Ended(How::Done(Some(_)))))
        ));
    }

    #[test]
    fn bytes_of_a_part_are_read() {
        for (said, expected) in [
            (
                "sha256:ab 1.05MB / 3.15MB 0.5s done",
                Some(("sha256:ab", 1_050_000)),
            ),
            (
                "transferring context: 2B",
                Some(("transferring context:", 2)),
            ),
            (
                "transferring context: 12.30kB 0.1s done",
                Some(("transferring context:", 12_300)),
            ),
            ("exporting layers 0.3s done", None),
            ("naming to docker.io/library/x done", None),
            ("5B", None),
            ("done", None),
            ("", None),
            ("é 5B", Some(("é", 5))),
        ] {
            assert_eq!(part(said), expected, "{said}");
        }
    }
}
