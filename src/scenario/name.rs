//! What names, paths and build arguments of a scenario may look like. They
//! end up in file names, sample ids and build arguments.

use super::error::quoted;

const LONGEST: usize = 48;

/// Checks the name of a scenario or a variant; `what` says which.
pub(super) fn check_name(what: &str, name: &str) -> Result<(), String> {
    let starts = name
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let rest = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b));
    if starts && rest && name.len() <= LONGEST {
        return Ok(());
    }
    Err(format!(
        "{} is no name of a {what}: expected a-z, 0-9, '-', '_' and '.', \
         a letter or digit first, {LONGEST} characters at most",
        quoted(name)
    ))
}

/// Checks that a path is relative and written with `/`. Whether it leaves the
/// project is for the file system to say.
pub(super) fn check_relative(path: &str) -> Result<(), String> {
    if path.is_empty() {
        return Err("the path is empty".to_owned());
    }
    if path.starts_with('/') {
        return Err(format!(
            "{} is an absolute path: expected one inside the project",
            quoted(path)
        ));
    }
    if path.contains(['\\', '\0']) {
        return Err(format!(
            "{} is not a path of a scenario: expected names with '/' between them",
            quoted(path)
        ));
    }
    Ok(())
}

/// Checks the name of a build argument. Those that say how to build, not what,
/// are buildrace's own to set.
pub(super) fn check_build_arg(name: &str) -> Result<(), String> {
    let starts = name
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if !starts || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(format!(
            "{} is no name of a build argument: expected letters, digits and '_'",
            quoted(name)
        ));
    }
    if name.starts_with("BUILDKIT_") {
        return Err(format!(
            "{} steers BuildKit: buildrace sets these build arguments itself",
            quoted(name)
        ));
    }
    Ok(())
}
