//! The smoke test of an image: a command, and what it prints where the image
//! is right.

use regex::bytes::Regex;

use super::edit::NONCE;
use super::error::quoted;
use crate::model::Platform;

/// What stands for the platform in `prints`, and for its architecture.
const PLATFORM: &str = "{platform}";
const ARCHITECTURE: &str = "{arch}";

/// A nonce of an image that no edit went into: whatever the sources say.
const ANY_NONCE: &str = r"(?-u:\S+)";

/// A command and what its output matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smoke {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// A regular expression with placeholders.
    prints: String,
}

impl Smoke {
    /// A smoke test that runs `command` and finds `prints` in its output.
    /// `{nonce}`, `{platform}` and `{arch}` in `prints` stand for what they
    /// are in the image that is tested.
    ///
    /// # Errors
    /// `prints` is no regular expression, or has a placeholder that there is
    /// not.
    pub fn new(command: Vec<String>, prints: String) -> Result<Self, String> {
        let smoke = Self { command, prints };
        if let Some(unknown) = unknown_placeholder(&smoke.prints) {
            return Err(format!(
                "{} has an unknown placeholder {}: expected {NONCE}, {PLATFORM} or {ARCHITECTURE}",
                quoted(&smoke.prints),
                quoted(unknown)
            ));
        }
        let platform = Platform::linux("amd64");
        for nonce in [None, Some("0")] {
            smoke.pattern(&platform, nonce)?;
        }
        Ok(smoke)
    }

    /// What the output on a platform matches. Without a nonce, no edit went
    /// into the image, and any will do.
    ///
    /// # Errors
    /// It is no regular expression.
    pub fn pattern(&self, platform: &Platform, nonce: Option<&str>) -> Result<Regex, String> {
        let exactly = |text: &str| format!("(?:{})", regex::escape(text));
        let nonce = nonce.map_or_else(|| ANY_NONCE.to_owned(), exactly);
        let filled = self
            .prints
            .replace(NONCE, &nonce)
            .replace(PLATFORM, &exactly(&platform.to_string()))
            .replace(ARCHITECTURE, &exactly(platform.architecture()));
        Regex::new(&filled).map_err(|error| {
            let error = error.to_string();
            let reason = error.lines().last().unwrap_or_default();
            let reason = reason.trim_start_matches("error: ");
            format!(
                "{} is no regular expression: {reason}",
                quoted(&self.prints)
            )
        })
    }

    /// [`Self::pattern`] for people: what is known stands where its
    /// placeholder was.
    pub fn expected(&self, platform: &Platform, nonce: Option<&str>) -> String {
        self.prints
            .replace(NONCE, nonce.unwrap_or(NONCE))
            .replace(PLATFORM, &platform.to_string())
            .replace(ARCHITECTURE, platform.architecture())
    }
}

/// The first word in braces that is none of the placeholders. Braces of regular
/// expressions hold numbers, or come after `\p`, `\x` and the like.
fn unknown_placeholder(prints: &str) -> Option<&str> {
    let words = prints.match_indices('{').filter_map(|(start, _)| {
        let end = start + prints[start..].find('}')? + 1;
        let is_word = |c: char| c.is_ascii_lowercase() || c == '_';
        let is_escaped = prints[..start]
            .strip_suffix(|c: char| c.is_ascii_alphabetic())
            .is_some_and(|before| before.ends_with('\\'))
            || prints[..start].ends_with('\\');
        let word = &prints[start + 1..end - 1];
        (!is_escaped && !word.is_empty() && word.chars().all(is_word)).then(|| &prints[start..end])
    });
    let mut unknown = words.filter(|word| ![NONCE, PLATFORM, ARCHITECTURE].contains(word));
    unknown.next()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(prints: &str, nonce: Option<&str>, output: &str) -> bool {
        let smoke = Smoke::new(vec!["x".into()], prints.into()).unwrap();
        let platform = Platform::linux("arm64");
        let pattern = smoke.pattern(&platform, nonce).unwrap();
        pattern.is_match(output.as_bytes())
    }

    #[test]
    fn an_edit_must_reach_the_output() {
        let prints = "^hello {nonce} linux";
        assert!(matches(prints, Some("3f9a"), "hello 3f9a linux\n"));
        assert!(!matches(prints, Some("3f9a"), "hello dev linux\n"));
        assert!(!matches(prints, Some("3f9a"), "hello 3f9 linux\n"));
        // Where nothing was edited, any text will do, but not none.
        assert!(matches(prints, None, "hello dev linux\n"));
        assert!(!matches(prints, None, "hello  linux\n"));
    }

    #[test]
    fn the_platform_is_told_from_others() {
        for prints in ["on {platform}$", "/{arch}$"] {
            assert!(matches(prints, None, "on linux/arm64"));
            assert!(!matches(prints, None, "on linux/amd64"));
        }
    }

    #[test]
    fn a_placeholder_that_there_is_not_is_told_as_that() {
        let error = |prints: &str| Smoke::new(vec!["x".into()], prints.into()).err();
        assert_eq!(
            error("^hello {architecture}$").as_deref(),
            Some(
                "\"^hello {architecture}$\" has an unknown placeholder \"{architecture}\": \
                 expected {nonce}, {platform} or {arch}"
            )
        );
        for expression in [r"a{2}b{1,3}", r"\x{ff}", r"\{literal\}", "{arch}"] {
            assert_eq!(error(expression), None, "{expression}");
        }
    }

    #[test]
    fn output_that_is_no_text_is_matched_all_the_same() {
        let smoke = Smoke::new(vec!["x".into()], "v{nonce}$".into()).unwrap();
        let platform = Platform::linux("arm64");
        let pattern = smoke.pattern(&platform, Some("1")).unwrap();
        assert!(pattern.is_match(b"\xff\xfe v1"));
    }

    #[test]
    fn people_see_what_is_known() {
        let prints = "^hello {nonce} {platform}$";
        let smoke = Smoke::new(vec!["x".into()], prints.into()).unwrap();
        let platform = Platform::linux("arm64");
        let expected = |nonce| smoke.expected(&platform, nonce);
        assert_eq!(expected(Some("3f9a")), "^hello 3f9a linux/arm64$");
        assert_eq!(expected(None), "^hello {nonce} linux/arm64$");
    }

    proptest! {
        #[test]
        fn a_nonce_is_never_an_expression(nonce in "[ -~]{1,12}") {
            let right = matches("^<{nonce}>$", Some(&nonce), &format!("<{nonce}>"));
            let wrong = matches("^<{nonce}>$", Some(&nonce), &format!("<{nonce}.>"));
            prop_assert!(right && !wrong);
        }
    }
}
