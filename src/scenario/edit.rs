//! The edit that an incremental build makes: one text in one file becomes
//! another, with a nonce in it, so that every edit changes the program.

use std::path::PathBuf;

use super::error::quoted;
use super::format::NONCE;

/// An edit of the sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// File to change, relative to the sources.
    pub file: PathBuf,
    /// Text that is in the file exactly once.
    pub find: String,
    /// What takes its place; every `{nonce}` in it is replaced.
    pub replace: String,
}

/// An edit that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The text is not there.
    #[error("\"find\" of [edit] matches nothing in {file:?}: expected {} once", quoted(.find))]
    NoMatch {
        /// File of the edit.
        file: PathBuf,
        /// Text of the edit.
        find: String,
    },
    /// The text is there more than once.
    #[error(
        "\"find\" of [edit] matches more than once in {file:?}, on lines {first} and {second}: \
         expected {} once",
        quoted(.find)
    )]
    ManyMatches {
        /// File of the edit.
        file: PathBuf,
        /// Text of the edit.
        find: String,
        /// Line of the first match, from 1.
        first: usize,
        /// Line of the second match, from 1.
        second: usize,
    },
}

impl Edit {
    /// The file's content after the edit. Everything but the text found stays
    /// as it is, byte for byte; the file need not be UTF-8.
    ///
    /// # Errors
    /// The text is not in the file exactly once.
    pub fn apply(&self, original: &[u8], nonce: &str) -> Result<Vec<u8>, EditError> {
        let at = self.locate(original)?;
        let after = at + self.find.len();
        let replacement = self.replace.replace(NONCE, nonce);
        Ok([&original[..at], replacement.as_bytes(), &original[after..]].concat())
    }

    /// Offset of the only match. Matches that overlap are two: which of them
    /// is meant would be a guess.
    pub(super) fn locate(&self, original: &[u8]) -> Result<usize, EditError> {
        let needle = self.find.as_bytes();
        let mut matches = original
            .windows(needle.len())
            .enumerate()
            .filter(|(_, window)| *window == needle)
            .map(|(offset, _)| offset);
        let Some(first) = matches.next() else {
            return Err(EditError::NoMatch {
                file: self.file.clone(),
                find: self.find.clone(),
            });
        };
        match matches.next() {
            None => Ok(first),
            Some(second) => Err(EditError::ManyMatches {
                file: self.file.clone(),
                find: self.find.clone(),
                first: line_of(original, first),
                second: line_of(original, second),
            }),
        }
    }
}

fn line_of(bytes: &[u8], offset: usize) -> usize {
    bytes[..offset].iter().filter(|b| **b == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edit(find: &str, replace: &str) -> Edit {
        Edit {
            file: "src/version.go".into(),
            find: find.into(),
            replace: replace.into(),
        }
    }

    #[test]
    fn an_edit_replaces_the_text_found_and_nothing_else() {
        let edit = edit("\"dev\"", "\"{nonce}\" /* {nonce} */");
        assert_eq!(
            edit.apply(b"\xff const Build = \"dev\"\r\n\0", "n1")
                .unwrap(),
            b"\xff const Build = \"n1\" /* n1 */\r\n\0"
        );
    }

    #[test]
    fn no_match_and_many_are_refused() {
        let missing = edit("prod", "{nonce}").apply(b"dev", "n").unwrap_err();
        assert_eq!(
            missing.to_string(),
            "\"find\" of [edit] matches nothing in \"src/version.go\": expected \"prod\" once"
        );
        let twice = edit("dev", "{nonce}")
            .apply(b"dev\n\ndev\n", "n")
            .unwrap_err();
        assert_eq!(
            twice.to_string(),
            "\"find\" of [edit] matches more than once in \"src/version.go\", \
             on lines 1 and 3: expected \"dev\" once"
        );
        assert!(edit("aa", "{nonce}").apply(b"aaa", "n").is_err());
    }

    proptest! {
        #[test]
        fn only_the_match_changes(
            before in prop::collection::vec(any::<u8>(), 0..80),
            after in prop::collection::vec(any::<u8>(), 0..80),
            find in "[a-zé\"= ]{1,12}",
            nonce in "[a-z0-9]{1,16}",
        ) {
            let original = [&before[..], find.as_bytes(), &after[..]].concat();
            let edit = edit(&find, "const Build = \"{nonce}\"");
            let matches = (0..original.len())
                .filter(|offset| original[*offset..].starts_with(find.as_bytes()))
                .count();
            match edit.apply(&original, &nonce) {
                Ok(edited) => {
                    prop_assert_eq!(matches, 1);
                    let middle = format!("const Build = \"{nonce}\"");
                    prop_assert_eq!(edited, [&before[..], middle.as_bytes(), &after[..]].concat());
                }
                Err(EditError::ManyMatches { .. }) => prop_assert!(matches > 1),
                Err(EditError::NoMatch { .. }) => prop_assert!(false, "the text is there"),
            }
        }

        #[test]
        fn two_nonces_make_two_files(text in "[a-z\n]{0,40}", one in "[0-9a-f]{8}", two in "[0-9a-f]{8}") {
            prop_assume!(one != two);
            let original = format!("{text}MARK{text}");
            let edit = edit("MARK", "{nonce}");
            prop_assert_ne!(
                edit.apply(original.as_bytes(), &one).unwrap(),
                edit.apply(original.as_bytes(), &two).unwrap()
            );
        }
    }
}
