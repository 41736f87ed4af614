//! Why a file is no recording of a build: what it is instead, the first line that is wrong,
//! and how to record one.

use crate::trace::plain;

/// Characters shown of a line.
const MAX_SHOWN: usize = 60;

/// How a build is recorded.
const HOW_TO: &str =
    "To record a build: `docker buildx build --progress=rawjson … 2>build.rawjson`";

/// What a file is that holds no build.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Empty,
    Binary,
    /// Text, of which this line is the first that is wrong, and why.
    Text {
        line: usize,
        text: String,
        why: &'static str,
    },
}

/// Why a file is no recording, by its first bytes. Text from the file is quoted.
pub fn why_unreadable(name: &str, head: &[u8]) -> String {
    match content(head) {
        Content::Empty => format!("{name} is empty. {HOW_TO}"),
        Content::Binary => format!("{name} is no text: expected a recording. {HOW_TO}"),
        Content::Text { line, text, why } => {
            let mut shown: String = text.chars().take(MAX_SHOWN).collect();
            if text.chars().nth(MAX_SHOWN).is_some() {
                shown.push('…');
            }
            format!("{name} holds no build: line {line}, {shown:?}, {why}. {HOW_TO}")
        }
    }
}

fn content(head: &[u8]) -> Content {
    if head.contains(&0) {
        return Content::Binary;
    }
    let text = String::from_utf8_lossy(head);
    let found = |line: usize, text: &str, why| Content::Text {
        line,
        text: text.to_owned(),
        why,
    };
    let lines = || text.lines().map(str::trim).zip(1..);
    for (line, number) in lines() {
        let is_classic = line.starts_with("Sending build context to Docker daemon")
            || line.strip_prefix("Step ").is_some_and(is_classic_step);
        if is_classic {
            let why = "is of Docker's classic builder, which writes no times: build with BuildKit";
            return found(number, line, why);
        }
        if line.contains("[+] Building ") {
            let why = "is of the display for terminals, which overwrites what it has shown";
            return found(number, line, why);
        }
        if plain::is_step_line(line.as_bytes()) {
            return found(number, line, "begins a build of which no step ended");
        }
    }
    let Some((line, number)) = lines().find(|(line, _)| !line.is_empty()) else {
        return Content::Empty;
    };
    let why = match line.starts_with(['{', '[']) {
        true => "is JSON, but no status of a build: expected an object with \"vertexes\"",
        false => "is nothing that `docker buildx build` writes with --progress=rawjson or plain",
    };
    found(number, line, why)
}

/// `1/4 : FROM debian`.
fn is_classic_step(text: &str) -> bool {
    let Some((position, _)) = text.split_once(" : ") else {
        return false;
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    position
        .split_once('/')
        .is_some_and(|(at, count)| is_number(at) && is_number(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_that_is_no_recording_is_told_by_what_it_is() {
        for (head, words) in [
            (&b""[..], &["x is empty"][..]),
            (b" \n\n", &["x is empty"]),
            (b"\x7fELF\0", &["no text"]),
            (
                b"Sending build context to Docker daemon  2.048kB\r\nStep 1/2 : FROM debian\n",
                &["line 1", "classic builder"],
            ),
            (
                b"DEPRECATED: The legacy builder\n\nStep 1/12 : FROM debian\n ---> abc\n",
                &["line 3", "\"Step 1/12 : FROM debian\"", "classic builder"],
            ),
            (
                b"\x1b[1A\x1b[0G\x1b[?25l[+] Building 0.1s (1/2)\n",
                &["line 1", "terminals", "\\u{1b}"],
            ),
            (
                b"\n{\"name\": \"x\"}\n",
                &["line 2", "JSON", "\"vertexes\""],
            ),
            (b"#1 [internal] load x\n", &["line 1", "no step ended"]),
            (b"hello\n", &["line 1", "\"hello\"", "rawjson or plain"]),
        ] {
            let why = why_unreadable("x", head);
            for word in words {
                assert!(why.contains(word), "{word}: {why}");
            }
            assert!(
                why.contains("--progress=rawjson … 2>build.rawjson"),
                "{why}"
            );
        }
        assert!(!is_classic_step("by step : x") && !is_classic_step("1/ : x"));
    }
}
