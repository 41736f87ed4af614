//! What of the live picture fits into a line: times stay, names shrink.

use unicode_width::UnicodeWidthStr;

use super::lines::NAME_WIDTH;
use crate::escape;

/// Narrower than this there is no bar.
pub(super) const WIDTH_OF_BAR: usize = 80;
/// Columns of the bar, with the blank behind it.
pub(super) const BAR: usize = 17;
/// A name of fewer columns says nothing.
const SHORTEST_NAME: usize = 6;

/// What the head of the picture says.
pub(super) struct Head<'a> {
    pub scenario: &'a str,
    pub variant: &'a str,
    pub kind: &'a str,
    /// Round, and of how many.
    pub round: (u32, u32),
    /// Time of the sample.
    pub sample: &'a str,
    /// Time of the run.
    pub run: &'a str,
    /// Time left, where it is known.
    pub left: Option<&'a str>,
}

/// The head in at most `width` columns. The sample's time and the time left
/// stay; what goes first is the run's own time, then the round, then names.
pub(super) fn head(head: &Head<'_>, width: usize) -> String {
    let Head {
        sample, run, left, ..
    } = head;
    let left = left.map_or_else(String::new, |left| format!(", {left} left"));
    let long = format!("{sample} ({run} in all{left})");
    let short = format!("{sample}{left}");
    let names = [head.scenario, head.variant].map(|name| escape::terminal(name, NAME_WIDTH));
    let title = format!("{} {} {}", names[0], names[1], head.kind);
    let (round, rounds) = head.round;
    let with_round = match rounds {
        0 | 1 => title.clone(),
        rounds => format!("{title}, round {round} of {rounds}"),
    };
    for (title, times) in [
        (&with_round, &long),
        (&with_round, &short),
        (&title, &short),
    ] {
        let line = format!("{title}  {times}");
        if line.width() <= width {
            return line;
        }
    }
    let room = width.saturating_sub(short.width() + 2);
    if room < SHORTEST_NAME {
        return escape::columns(&short, width);
    }
    // The kind says more than half a name.
    let short_names = room.saturating_sub(head.kind.width() + 1) / 2;
    let shrunk = if short_names >= SHORTEST_NAME {
        let each = names.map(|name| escape::columns(&name, short_names));
        format!("{} {} {}", each[0], each[1], head.kind)
    } else {
        escape::columns(head.kind, room)
    };
    format!("{shrunk}  {short}")
}

/// A step that runs, and for how long.
pub(super) fn step(name: &str, time: &str, width: usize) -> String {
    let room = width.saturating_sub(4 + 1 + time.width()).min(NAME_WIDTH);
    let line = format!("    {} {time}", escape::columns(name, room));
    escape::columns(&line, width)
}

/// How many rows more than before the picture takes, once a terminal that was
/// `before` columns wide is `now`: it has wrapped the rows anew. Each of them
/// was filled to its end.
pub(super) fn rows_more(rows: usize, before: usize, now: usize) -> isize {
    let now = (rows * before).div_ceil(now.max(1));
    now as isize - rows as isize
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Head<'_> = Head {
        scenario: "docker-cli",
        variant: "cross-with-cache",
        kind: "multi-arch",
        round: (2, 6),
        sample: "1m04s",
        run: "12m30s",
        left: Some("about 9m10s"),
    };

    #[test]
    fn times_stay_and_names_shrink() {
        let at = |width| {
            let line = head(&HEAD, width);
            assert!(line.width() <= width, "{width}: {line}");
            assert!(line.contains("1m04s"), "{width}: {line}");
            assert!(line.contains("about 9m10s left"), "{width}: {line}");
            line
        };
        assert_eq!(
            at(120),
            "docker-cli cross-with-cache multi-arch, round 2 of 6  1m04s (12m30s in all, about \
             9m10s left)"
        );
        assert_eq!(
            at(80),
            "docker-cli cross-with-cache multi-arch, round 2 of 6  1m04s, about 9m10s left"
        );
        let line = at(60);
        assert!(line.contains(" multi-arch  1m04s"), "{line}");
        assert!(line.starts_with("docker"), "{line}");
        let line = at(40);
        assert!(line.starts_with("multi-arch  1m04s"), "{line}");
        // There is no room for anything else.
        assert_eq!(at(25), "1m04s, about 9m10s left");
        assert!(head(&HEAD, 10).width() <= 10);
    }

    #[test]
    fn hostile_names_take_no_more_than_their_room() {
        let name = "\u{1b}[31m漢字漢字漢字漢字\n".repeat(30);
        for width in [40, 60, 80, 120] {
            let line = head(
                &Head {
                    scenario: &name,
                    variant: &name,
                    ..HEAD
                },
                width,
            );
            assert!(line.width() <= width && !line.contains('\u{1b}'), "{line}");
            assert!(line.contains("about 9m10s left"), "{line}");
            let line = step(&name, "1m04s", width);
            assert!(line.width() <= width && line.ends_with(" 1m04s"), "{line}");
        }
    }

    #[test]
    fn a_terminal_wraps_the_picture_anew() {
        assert_eq!(rows_more(3, 100, 60), 2);
        assert_eq!(rows_more(3, 100, 100), 0);
        assert_eq!(rows_more(3, 100, 200), -1);
        assert_eq!(rows_more(1, 80, 79), 1);
        assert_eq!(rows_more(0, 80, 40), 0);
    }
}
