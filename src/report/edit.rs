//! The edit of an incremental build, as a difference where it is one.

use crate::escape;

/// Lines shown at most.
const MAX_LINES: usize = 40;

/// What an edit does to a file. Texts come from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EditDiff {
    /// The file.
    pub(super) file: String,
    /// What was there, in lines.
    pub(super) removed: Vec<String>,
    /// What is there instead, in lines; `{nonce}` differs from build to build.
    pub(super) added: Vec<String>,
}

impl EditDiff {
    /// As `diff` writes it: `-` before what goes, `+` before what comes. Bounded.
    pub(super) fn lines(&self) -> Vec<String> {
        let signed = |sign: char| move |line: &String| format!("{sign}{}", escape::bounded(line));
        let removed = self.removed.iter().map(signed('-'));
        let lines = removed.chain(self.added.iter().map(signed('+')));
        lines.take(MAX_LINES).collect()
    }
}

/// The edit that `scenario::Edit` describes as `FILE: "FIND" becomes
/// "REPLACE"`, in quotes as Rust writes them; `None` of any other.
pub(super) fn edit_diff(described: &str) -> Option<EditDiff> {
    // A file's name may hold the same.
    let (file, rest) = described.split_once(": \"")?;
    let (removed, rest) = unquote(rest)?;
    let rest = rest.strip_prefix(" becomes \"")?;
    let (added, rest) = unquote(rest)?;
    let lines = |text: String| text.split('\n').map(str::to_owned).collect();
    rest.is_empty().then(|| EditDiff {
        file: file.to_owned(),
        removed: lines(removed),
        added: lines(added),
    })
}

/// A text up to its closing quote, and what follows that.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut plain = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((plain, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => plain.push('\n'),
                't' => plain.push('\t'),
                'r' => plain.push('\r'),
                '0' => plain.push('\0'),
                'u' => {
                    let hex = chars.as_str().strip_prefix('{')?;
                    let (hex, _) = hex.split_once('}')?;
                    plain.push(char::from_u32(u32::from_str_radix(hex, 16).ok()?)?);
                    // The braces, too.
                    chars.nth(hex.len() + 1);
                }
                literal => plain.push(literal),
            },
            c => plain.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_described_is_read_back(find in ".{0,20}|[\"\\\\a\n\t{}]{0,9}", replace in ".{0,20}") {
            let found = edit_diff(&format!("a/b.go: {find:?} becomes {replace:?}")).unwrap();
            prop_assert_eq!(found.file, "a/b.go");
            prop_assert_eq!(found.removed.join("\n"), find);
            prop_assert_eq!(found.added.join("\n"), replace);
        }

        #[test]
        fn anything_may_be_described(text in "(\\\\u\\{|\\\\|\"|: \"|becomes|.){0,30}") {
            let _ = edit_diff(&text);
        }
    }

    #[test]
    fn other_edits_are_no_difference() {
        for text in ["a.go: a line of comment is appended", "a: s/x/y/g", ""] {
            assert_eq!(edit_diff(text), None);
        }
    }
}
