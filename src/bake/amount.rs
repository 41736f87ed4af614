//! Amounts as Docker writes them.

/// Bytes of a size like `128m` or `1.5 GiB` (go-units' `RAMInBytes`: whatever the suffix,
/// by 1024).
pub(super) fn bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let suffix = text[digits.len()..].trim();
    let number: f64 = digits.trim().parse().ok()?;
    let suffix = suffix.strip_suffix("ib").or(suffix.strip_suffix('b'));
    let suffix = suffix.unwrap_or(&text[digits.len()..]);
    let power = match suffix.trim() {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    let bytes = number * 1024f64.powi(power);
    // Above 2^53 no size of memory is meant.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the bounds are checked"
    )]
    (number.is_finite() && (0.0..9.0e15).contains(&bytes)).then_some(bytes as u64)
}

/// A limit like `nofile=1024` or `nofile=1024:2048`, as BuildKit takes it.
pub(super) fn limit(text: &str) -> Option<String> {
    let (name, values) = text.split_once('=')?;
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase());
    let (soft, hard) = values.split_once(':').unwrap_or((values, values));
    let number = |text: &str| text.parse::<i64>().ok();
    let (soft, hard) = (number(soft)?, number(hard)?);
    is_name.then(|| format!("{name}={soft}:{hard}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_dockers() {
        for (text, expected) in [
            ("128m", Some(128 << 20)),
            ("128MB", Some(128 << 20)),
            ("1.5 GiB", Some(3 << 29)),
            ("64", Some(64)),
            ("64b", Some(64)),
            ("2k", Some(2048)),
            ("", None),
            ("m", None),
            ("-1m", None),
            ("1x", None),
            ("1e300", None),
            ("nan", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn limits_have_a_soft_and_a_hard_value() {
        assert_eq!(limit("nofile=1024").unwrap(), "nofile=1024:1024");
        assert_eq!(limit("nofile=-1:2048").unwrap(), "nofile=-1:2048");
        for text in ["nofile", "=1", "nofile=x", "a,b=1"] {
            assert_eq!(limit(text), None, "{text}");
        }
    }
}
