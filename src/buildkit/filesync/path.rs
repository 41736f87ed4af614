//! Slash-separated paths of bytes, cleaned and joined as Go's `path/filepath`
//! does on Unix: patterns and links mean what Go makes of them.

/// The shortest path that names the same thing: no empty or `.` parts, `..`
/// taken back as far as it goes. An empty path is `.`.
pub(super) fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.first() == Some(&b'/');
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match parts.last() {
                Some(last) if *last != b".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(part),
            },
            _ => parts.push(part),
        }
    }
    let mut out = if rooted { b"/".to_vec() } else { Vec::new() };
    out.extend(parts.join(&b'/'));
    if out.is_empty() {
        out.push(b'.');
    }
    out
}

/// The parts that are not empty, joined and cleaned; nothing where all are empty.
pub(super) fn join(parts: &[&[u8]]) -> Vec<u8> {
    let parts: Vec<&[u8]> = parts.iter().copied().filter(|p| !p.is_empty()).collect();
    if parts.is_empty() {
        return Vec::new();
    }
    clean(&parts.join(&b'/'))
}

/// The path without its last part, cleaned; `.` where it has only one.
pub(super) fn dir(path: &[u8]) -> Vec<u8> {
    clean(match path.iter().rposition(|b| *b == b'/') {
        Some(slash) => &path[..=slash],
        None => b"",
    })
}

/// The last part of a clean path.
pub(super) fn base(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|b| *b == b'/') {
        Some(slash) if path.len() > 1 => &path[slash + 1..],
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning_keeps_what_a_path_names() {
        for (path, expected) in [
            ("", "."),
            (".", "."),
            ("./", "."),
            ("/", "/"),
            ("//", "/"),
            ("a//b/./c/", "a/b/c"),
            ("a/../b", "b"),
            ("a/..", "."),
            ("../a/../../b", "../../b"),
            ("/../a", "/a"),
            ("/a/../..", "/"),
            ("a/b/..", "a"),
            ("**/", "**"),
        ] {
            assert_eq!(clean(path.as_bytes()), expected.as_bytes(), "{path}");
        }
    }

    #[test]
    fn joining_clamps_at_a_root_and_dir_and_base_split() {
        assert_eq!(join(&[b"/", b"a/../../b"]), b"/b");
        assert_eq!(join(&[b".", b"/a"]), b"a");
        assert_eq!(join(&[b"", b""]), b"");
        assert_eq!(join(&[b"a", b""]), b"a");
        assert_eq!(dir(b"a/b/c"), b"a/b");
        assert_eq!(dir(b"a"), b".");
        assert_eq!(dir(b"/a"), b"/");
        assert_eq!(base(b"a/b"), b"b");
        assert_eq!(base(b"a"), b"a");
    }
}
