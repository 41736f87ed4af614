//! Text from outside, bounded: no message, name or log line of BuildKit's may
//! grow ours without limit.

/// Bytes of an error message that are kept.
pub(super) const MESSAGE: usize = 64 << 10;
/// Bytes of a name or id that are kept.
pub(super) const NAME: usize = 16 << 10;

/// At most `limit` bytes of `bytes` as text; what is not UTF-8 becomes U+FFFD,
/// and a cut is marked with an ellipsis.
pub(super) fn bounded(bytes: &[u8], limit: usize) -> String {
    if bytes.len() <= limit {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let mut end = limit;
    // Not in the middle of a character.
    while end > 0 && bytes[end] & 0b1100_0000 == 0b1000_0000 {
        end -= 1;
    }
    let mut text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    text.push('…');
    text
}

/// An error with what caused it, each cause once, bounded.
pub(super) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    bounded(text.as_bytes(), MESSAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(bounded("aöö".as_bytes(), 4), "aö…");
        assert_eq!(bounded("aöö".as_bytes(), 5), "aöö");
        assert_eq!(bounded(b"a\xffb", 5), "a\u{fffd}b");
    }
}
