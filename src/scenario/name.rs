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

/// Checks the name of a target or group of bake (`validTargetName` of buildx). It is
/// typed on a command line, so it is no option.
pub fn check_bake_target(name: &str) -> Result<(), String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
    if !name.is_empty() && !name.starts_with('-') && name.bytes().all(plain) {
        return Ok(());
    }
    Err(format!(
        "{} is no target of a bake file: expected letters, digits, '-' and '_'",
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

/// Checks the URL of a git repository. It ends up in results, so it holds no
/// credentials.
pub(super) fn check_git_url(url: &str) -> Result<(), String> {
    const SCHEMES: [&str; 4] = ["https", "ssh", "git", "file"];
    let rest = url
        .split_once("://")
        .filter(|(scheme, _)| SCHEMES.contains(scheme))
        .map(|(_, rest)| rest);
    let is_plain = url.len() <= 300 && url.bytes().all(|b| b.is_ascii_graphic());
    let Some(rest) = rest.filter(|rest| !rest.is_empty() && is_plain) else {
        return Err(format!(
            "{} is no URL of a git repository: expected one like \"https://example.com/project.git\"",
            quoted(url)
        ));
    };
    let host = rest.split('/').next().unwrap_or_default();
    let has_query = rest.contains(['?', '#']);
    if has_query
        || host
            .split_once('@')
            .is_some_and(|(user, _)| user.contains(':') || url.starts_with("https:"))
    {
        return Err(
            "the URL holds credentials or a query, and results would show them: leave them to git's \
             credential helpers"
                .to_owned(),
        );
    }
    Ok(())
}

/// Checks the name of a tag or branch, by most of git's own rules.
pub(super) fn check_git_ref(name: &str) -> Result<(), String> {
    let is_allowed = |b: u8| b.is_ascii_graphic() && !b"~^:?*[\\".contains(&b);
    if !name.is_empty()
        && name.len() <= 200
        && name.bytes().all(is_allowed)
        && !name.starts_with(['-', '/', '+', '@'])
        && !name.contains("..")
    {
        return Ok(());
    }
    Err(format!(
        "{} is no tag or branch of git: expected a name like \"v1.0\"",
        quoted(name)
    ))
}

/// Checks the id of a git commit.
pub(super) fn check_commit(id: &str) -> Result<(), String> {
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if [40, 64].contains(&id.len()) && id.bytes().all(is_hex) {
        return Ok(());
    }
    Err(format!(
        "{} is no whole id of a git commit: expected 40 hexadecimal digits",
        quoted(id)
    ))
}
