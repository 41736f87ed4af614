use proptest::prelude::*;

use super::*;

/// What a walk finds of `path`: its folders are judged first.
fn walked(matcher: &PatternMatcher, path: &[u8]) -> Result<bool, PatternError> {
    let slashes = path.iter().enumerate().filter(|(_, b)| **b == b'/');
    let mut found = (false, None);
    for end in slashes.map(|(at, _)| at).chain([path.len()]) {
        let (matched, info) = matcher.matches_below(&path[..end], found.1.as_ref())?;
        found = (matched, Some(info));
    }
    Ok(found.0)
}

fn matched(patterns: &[&str], path: &str) -> bool {
    let matcher = PatternMatcher::new(patterns).unwrap();
    walked(&matcher, path.as_bytes()).unwrap()
}

#[test]
fn patterns_mean_what_patternmatcher_makes_of_them() {
    let cases: &[(&[&str], &str, bool)] = &[
        // Plain: the path itself and what is in it.
        (&["a"], "a", true),
        (&["a"], "a/b/c", true),
        (&["a"], "b/a", false),
        (&["a/b"], "a", false),
        (&["a/"], "a", true),
        (&["./a//b/"], "a/b", true),
        (&["/a"], "a", false),
        (&["a/../b"], "b", true),
        (&[" a \t"], "a", true),
        (&["\u{a0}a\u{2003}"], "a", true),
        (&["", "  "], "a", false),
        (&["."], "a", false),
        // One star or question mark stays within a part.
        (&["*"], "a/b", true),
        (&["*.md"], "a.md", true),
        (&["*.md"], "d/a.md", false),
        (&["*/b"], "a/b/c", true),
        (&["*/c"], "a/b/c", false),
        (&["a?c"], "abc", true),
        (&["a?c"], "a/c", false),
        (&["a?c"], "aéc", true),
        (&["a??c"], "aéc", false),
        (&["a.c"], "abc", false),
        (&["a.?"], "abc", false),
        // Two stars are any number of folders, none included.
        (&["**"], "a/b", true),
        (&["**/b"], "b", true),
        (&["**/b"], "a/x/b", true),
        (&["**/b"], "a/xb", false),
        (&["**b"], "a/xb", true),
        (&["**/*.go"], "main.go", true),
        (&["**/*.go"], "a/b/main.go", true),
        (&["**/*.go"], "a/b/main.gox", false),
        (&["a/**"], "a", false),
        (&["a/**"], "a/b/c", true),
        (&["a**"], "ab/c", true),
        (&["a/**/b"], "a/b", true),
        (&["a/**/b"], "a/x/y/b", true),
        (&["a/**/b"], "a/xb", false),
        (&["**/a/**/b"], "x/a/y/b", true),
        (&["a/**/*"], "a/b", true),
        (&["a/*/**"], "a/b", false),
        (&["**/**"], "a", true),
        // Classes and escapes.
        (&["[a-c]x"], "bx", true),
        (&["[a-c]x"], "dx", false),
        (&["[^a-c]x"], "dx", true),
        (&["[^a]"], "/", true),
        (&["[é-ü]"], "ê", true),
        (&[r"[\]a]"], "]", true),
        (&["[a&&b]"], "&", true),
        (&["x[[]"], "x[", true),
        (&[r"\*"], "*", true),
        (&[r"\*"], "a", false),
        (&[r"\!a"], "!a", true),
        (&[r"a\ b"], "a b", true),
        (&[r"a\d"], "a7", true),
        // Not special, alone or beside a wildcard.
        (&["a+(b)$^"], "a+(b)$^", true),
        (&["a+(b)$*"], "a+(b)$c", true),
        (&["*.{js,ts}"], "a.{js,ts}", true),
        (&["*.{js,ts}"], "a.js", false),
        // The last pattern that matches decides.
        (&["a", "!a"], "a", false),
        (&["!a", "a"], "a", true),
        (&["a", "!a/b"], "a/b", false),
        (&["a", "!a/b"], "a/c", true),
        (&["a", "!a/b"], "a/b/c", false),
        (&["a", "!a/b", "a/b/c"], "a/b/c", true),
        (&["*", "!b"], "b/c", false),
        (&["**", "!**/keep"], "x/keep/y", false),
        (
            &["*.md", "!README*.md", "README-secret.md"],
            "README.md",
            false,
        ),
        (
            &["*.md", "!README*.md", "README-secret.md"],
            "README-secret.md",
            true,
        ),
        (&["!!a"], "!a", false),
        // Passed over for the folder, so not in force in it.
        (&["d/f", "!d"], "d/f", true),
    ];
    for (patterns, path, expected) in cases {
        assert_eq!(matched(patterns, path), *expected, "{patterns:?} {path:?}");
    }
}

#[test]
fn names_that_are_no_text_are_compared_as_bytes_and_matched_as_characters() {
    let matches = |pattern: &[u8], path: &[u8]| {
        let matcher = PatternMatcher::new(&[pattern]).unwrap();
        matcher.matches(path).unwrap()
    };
    assert!(matches(b"a\xff", b"a\xff"));
    assert!(!matches(b"a\xff", b"a\xfe"));
    assert!(matches(b"a?", b"a\xff"));
    assert!(!matches(b"a?", b"a\xff\xff"));
    assert!(matches(b"*\xff", b"ab\xff"));
    assert!(matches(b" \xff ", b"\xff"));
}

#[test]
fn malformed_patterns_are_refused() {
    for pattern in ["[", "a[", "[]a]", "[a", "[-a]", "a\\", "[^]"] {
        let refused = match PatternMatcher::new(&[pattern]) {
            Ok(matcher) => matcher.matches(b"a").is_err(),
            Err(_) => true,
        };
        assert!(refused, "{pattern}");
    }
    assert_eq!(
        PatternMatcher::new(&["a", " ! "]).unwrap_err(),
        PatternError::BareNegation
    );
    // Only once a path is held against it: never, where nothing matched.
    let reversed = PatternMatcher::new(&["![z-a]"]).unwrap();
    assert_eq!(reversed.matches(b"m"), Ok(false));
    let reversed = PatternMatcher::new(&["[z-a]"]).unwrap();
    assert!(reversed.matches(b"m").is_err());
}

#[test]
fn what_a_folder_was_passed_over_for_differs_from_judging_the_path_alone() {
    let matcher = PatternMatcher::new(&["d/f", "!d"]).unwrap();
    assert_eq!(matcher.matches(b"d/f"), Ok(false));
    assert_eq!(walked(&matcher, b"d/f"), Ok(true));
}

/// The definition in words: part by part, `**` as any number of parts, at the
/// end as one or more.
fn slow(pattern: &[String], path: &[&str]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((part, [])) if part == "**" => !path.is_empty(),
        Some((part, rest)) if part == "**" => (0..=path.len()).any(|n| slow(rest, &path[n..])),
        Some((part, rest)) => path
            .split_first()
            .is_some_and(|(name, below)| slow_part(part, name) && slow(rest, below)),
    }
}

fn slow_part(pattern: &str, name: &str) -> bool {
    match pattern.chars().next() {
        None => name.is_empty(),
        Some('*') => (0..=name.len())
            .any(|n| name.is_char_boundary(n) && slow_part(&pattern[1..], &name[n..])),
        Some(c) => name.chars().next().is_some_and(|n| {
            (c == '?' || c == n) && slow_part(&pattern[c.len_utf8()..], &name[n.len_utf8()..])
        }),
    }
}

fn pattern_parts() -> impl Strategy<Value = Vec<String>> {
    let part = prop_oneof![
        2 => "[ab.é?]{1,3}",
        2 => "[ab?]{0,2}\\*[ab.]{0,2}",
        1 => Just("**".to_owned()),
    ];
    // `.` and `..` are taken out by cleaning, before there are parts.
    let part = part.prop_filter("not clean", |p| p != "." && p != "..");
    proptest::collection::vec(part, 1..5)
}

fn path_parts() -> impl Strategy<Value = Vec<String>> {
    let part = "[ab.é]{1,3}".prop_filter("not clean", |p| p != "." && p != "..");
    proptest::collection::vec(part, 1..5)
}

proptest! {
    #[test]
    fn a_pattern_matches_as_defined(pattern in pattern_parts(), path in path_parts()) {
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        let matcher = PatternMatcher::new(&[pattern.join("/")]).unwrap();
        let expected = (1..=parts.len()).any(|n| slow(&pattern, &parts[..n]));
        prop_assert_eq!(matcher.matches(path.join("/").as_bytes()), Ok(expected));
    }

    #[test]
    fn a_walk_finds_what_matches(
        patterns in proptest::collection::vec(pattern_parts(), 0..4),
        path in path_parts(),
    ) {
        let patterns: Vec<String> = patterns.iter().map(|p| p.join("/")).collect();
        let matcher = PatternMatcher::new(&patterns).unwrap();
        let path = path.join("/");
        prop_assert_eq!(walked(&matcher, path.as_bytes()), matcher.matches(path.as_bytes()));
    }

    #[test]
    fn no_bytes_panic(
        patterns in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..12), 0..4),
        marks in "[]\\[*?!/\\\\^{},|:a0-9 -]{0,12}",
        path in proptest::collection::vec(any::<u8>(), 0..16),
    ) {
        let mut patterns = patterns;
        patterns.push(marks.into_bytes());
        if let Ok(matcher) = PatternMatcher::new(&patterns) {
            let _ = matcher.matches(&path);
            let _ = walked(&matcher, &path);
        }
        for pattern in &patterns {
            wildcard_matches(pattern, &path);
        }
    }
}
