//! Short names that are part of a kind.

use std::fmt;
use std::str::FromStr;

/// Most bytes of a label.
const MAX_LEN: usize = 24;

/// A short name that a kind carries, that of an edit: lower-case letters, digits, and
/// `-`, `_` or `.` between them, 24 at most. It can be copied, as kinds are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label([u8; MAX_LEN]);

impl Label {
    /// The name.
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|byte| *byte == 0);
        let bytes = &self.0[..end.unwrap_or(MAX_LEN)];
        // It is made of ASCII alone.
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Label {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_inner = |byte: u8| byte.is_ascii_alphanumeric() && !byte.is_ascii_uppercase();
        let bytes = text.as_bytes();
        let ends = [bytes.first(), bytes.last()];
        let is_name = bytes.len() <= MAX_LEN
            && ends.iter().all(|end| end.is_some_and(|end| is_inner(*end)))
            && bytes
                .iter()
                .all(|byte| is_inner(*byte) || b"-_.".contains(byte));
        if !is_name {
            return Err(format!(
                "{text:?} is no name: expected lower-case letters, digits, and - _ . between them, \
                 {MAX_LEN} at most"
            ));
        }
        let mut label = [0; MAX_LEN];
        label[..bytes.len()].copy_from_slice(bytes);
        Ok(Self(label))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_a_short_plain_name() {
        let longest = "a".repeat(MAX_LEN);
        for text in ["dependencies", "a", "go.mod", "a-1_b", &longest] {
            assert_eq!(text.parse::<Label>().unwrap().as_str(), text);
        }
        let too_long = "a".repeat(MAX_LEN + 1);
        for text in ["", "A", "-a", "a.", "a b", "a:b", "é", "a\0", &too_long] {
            assert!(text.parse::<Label>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn labels_have_the_order_of_their_texts() {
        let [a, ab, b] = ["a", "ab", "b"].map(|text| text.parse::<Label>().unwrap());
        assert!(a < ab && ab < b);
    }
}
