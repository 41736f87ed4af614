//! The smoke test of an image: a command, and what it prints where the image
//! is right.

use regex::bytes::Regex;

use super::error::quoted;
use super::format::NONCE;
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
    /// `prints` is no regular expression.
    pub fn new(command: Vec<String>, prints: String) -> Result<Self, String> {
        let smoke = Self { command, prints };
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
