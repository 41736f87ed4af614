//! Instructions in few words.

use unicode_width::UnicodeWidthStr;

use crate::escape;

/// Flags of RUN, COPY and ADD that say how, not what.
const FLAGS: [&str; 8] = [
    "--mount=",
    "--network=",
    "--security=",
    "--device=",
    "--link",
    "--chmod=",
    "--chown=",
    "--exclude=",
];

/// Columns up to which an instruction is shown whole beside another.
const MAX_WHOLE: usize = 60;
/// Columns kept for the command after what differs.
const MIN_REST: usize = 24;

/// An instruction on one line, at most so many columns wide, safe for a
/// terminal. What says least is left out, and `…` stands for it: flags and
/// variables before the command of a RUN (`RUN … go build`), and the digest of
/// a base image.
pub fn short_instruction(text: &str, columns: usize) -> String {
    let mut words = text.split_whitespace().peekable();
    let mut kept: Vec<&str> = words.next().into_iter().collect();
    let is_run = kept.iter().any(|word| word.eq_ignore_ascii_case("RUN"));
    let mut left_out = false;
    while let Some(word) = words.peek() {
        if !is_setting(word, is_run) {
            break;
        }
        left_out = true;
        words.next();
    }
    // A RUN that only sets variables does that.
    if left_out && words.peek().is_some() {
        kept.push("…");
    } else if left_out {
        kept = text.split_whitespace().take(1).collect();
        words = text.split_whitespace().peekable();
        words.next();
    }
    kept.extend(words.map(|word| match word.split_once("@sha256:") {
        Some((image, _)) if !is_run => image,
        _ => word,
    }));
    escape::columns(&kept.join(" "), columns)
}

/// An instruction in few words that stands beside another: where the two say
/// different things, that part is kept, flags included.
pub(in crate::report) fn beside(text: &str, other: &str, columns: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let others: Vec<&str> = other.split_whitespace().collect();
    let pairs = words.iter().zip(&others);
    let begin = pairs.take_while(|(one, other)| one == other).count();
    let most = words.len().min(others.len()) - begin;
    let pairs = words.iter().rev().zip(others.iter().rev()).take(most);
    let end = pairs.take_while(|(one, other)| one == other).count();
    // Two that have little in common differ in any words.
    let are_alike = begin > 0 && begin + end > 1;
    if !are_alike || begin + end == words.len().max(others.len()) {
        return short_instruction(text, columns);
    }
    let whole = words.join(" ");
    if whole.width() <= columns.min(MAX_WHOLE) {
        return escape::terminal(&whole, usize::MAX);
    }
    let mut kept: Vec<&str> = words[..1].to_vec();
    if begin > 1 {
        kept.push("…");
    }
    let (differs, rest) = words[begin..].split_at(words.len() - begin - end);
    let differs = differs.join(" ");
    let others = others[begin..others.len() - end].join(" ");
    let is_run = words[0].eq_ignore_ascii_case("RUN");
    let settings = rest.iter().take_while(|word| is_setting(word, is_run));
    let settings = settings.count();
    let rest = rest[settings..].join(" ");
    let taken = kept.join(" ").width() + rest.width().min(MIN_REST.min(columns / 3)) + 2;
    let room = columns.saturating_sub(taken);
    // What is too long begins where the two begin to differ.
    let differs = match differs.width() > room {
        true => escape::columns(&from_difference(&differs, &others), room),
        false => differs,
    };
    if !differs.is_empty() {
        kept.push(&differs);
    }
    if settings > 0 && !differs.ends_with('…') && kept.last() != Some(&"…") {
        kept.push("…");
    }
    if !rest.is_empty() {
        kept.push(&rest);
    }
    escape::columns(&kept.join(" "), columns)
}

/// The part of a text from shortly before it differs from another.
fn from_difference(text: &str, other: &str) -> String {
    /// Characters kept of what is the same.
    const CONTEXT: usize = 12;
    let pairs = text.chars().zip(other.chars());
    let same = pairs.take_while(|(one, other)| one == other).count();
    match same.checked_sub(CONTEXT) {
        Some(left_out @ 1..) => format!("…{}", text.chars().skip(left_out).collect::<String>()),
        _ => text.to_owned(),
    }
}

/// Whether a word says how, not what: a flag, or a variable of a RUN.
fn is_setting(word: &str, is_run: bool) -> bool {
    FLAGS.iter().any(|flag| word.starts_with(flag)) || (is_run && is_assignment(word))
}

/// `CGO_ENABLED=0`. One whose value has quotes may go on in the next word.
fn is_assignment(word: &str) -> bool {
    let Some((name, value)) = word.split_once('=') else {
        return false;
    };
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_plain = !value.contains(['"', '\'', '\\', '`', '(']);
    !name.is_empty() && name.chars().all(in_name) && is_plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_another_the_difference_is_kept() {
        let plain = "RUN go build -o /out/hello .";
        let cached = "RUN --mount=type=cache,target=/root/.cache  go build -o /out/hello .";
        assert_eq!(
            beside(cached, plain, 90),
            "RUN --mount=type=cache,target=/root/.cache go build -o /out/hello ."
        );
        let short = beside(cached, plain, 48);
        assert!(short.starts_with("RUN --mount=type=cache,tar"), "{short}");
        assert!(short.contains("… go build -o /"), "{short}");
        assert_eq!(beside(plain, cached, 60), plain);
        let flags =
            |last: &str| format!("RUN --mount=type=cache,target=/root/.cache {last} make all");
        assert_eq!(
            beside(&flags("CGO_ENABLED=0"), &flags("CGO_ENABLED=1"), 40),
            "RUN … CGO_ENABLED=0 make all"
        );
        let long = format!("{} A=1 B=2 C=3 go build -o /out/hello .", &cached[..42]);
        assert_eq!(
            beside(&long, "RUN A=1 B=2 C=3 go build -o /out/hello .", 72),
            "RUN --mount=type=cache,target=/root/.cache … go build -o /out/hello ."
        );
        // Nothing differs, or everything does.
        assert_eq!(beside(cached, cached, 60), "RUN … go build -o /out/hello .");
        assert_eq!(
            beside(cached, "RUN make", 60),
            "RUN … go build -o /out/hello ."
        );
        let url = |end: &str| format!("RUN curl https://example.org/{}/{end}", "x".repeat(80));
        let shown = beside(&url("a"), &url("b"), 40);
        assert!(shown.ends_with("xx/a"), "{shown}");
        assert_eq!(beside("", "RUN x", 40), "");
        assert_eq!(beside("RUN x", "", 40), "RUN x");
    }

    #[test]
    fn what_says_least_is_left_out() {
        for (text, expected) in [
            (
                "RUN --mount=target=.     --mount=type=cache,target=/c     CGO_ENABLED=0 go build -o /x .",
                "RUN … go build -o /x .",
            ),
            ("RUN make A=1", "RUN make A=1"),
            ("RUN A=1", "RUN A=1"),
            ("RUN A=\"b c\" make", "RUN A=\"b c\" make"),
            ("RUN A=$(date) make", "RUN A=$(date) make"),
            (
                "FROM docker.io/library/golang:1.24@sha256:0123",
                "FROM docker.io/library/golang:1.24",
            ),
            ("COPY --link a b", "COPY … a b"),
            ("COPY --from=build /x /x", "COPY --from=build /x /x"),
            ("RUN x\u{1b}[31m\n y", "RUN x\\x1b[31m y"),
            ("", ""),
        ] {
            assert_eq!(short_instruction(text, 80), expected);
        }
        assert_eq!(short_instruction("RUN abcdefghij", 8), "RUN abc…");
    }
}
