//! Instructions in few words.

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
        let is_flag = FLAGS.iter().any(|flag| word.starts_with(flag));
        let is_setting = is_flag || (is_run && is_assignment(word));
        if !is_setting {
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
