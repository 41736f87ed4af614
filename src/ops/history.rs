//! Which of the builds that a builder remembers is meant.

use anyhow::{Context, bail};

use crate::escape;
use crate::model::RememberedBuild;

/// Characters of a reference that are shown at least.
const LEAST: usize = 8;
/// Builds that are named where several are meant.
const MAX_NAMED: usize = 5;

/// What each build is called by: as much of its reference as no other begins
/// with, and its node before it where there are several.
pub fn short_names(builds: &[RememberedBuild]) -> Vec<String> {
    let mut sorted: Vec<&str> = builds.iter().map(|build| &*build.reference).collect();
    sorted.sort_unstable();
    let short = builds.iter().map(|build| {
        let reference = build.reference.as_str();
        let at = sorted.partition_point(|other| *other < reference);
        let after = sorted.partition_point(|other| *other <= reference);
        // The neighbours have most in common with it; those that are the same are
        // on other nodes.
        let before = at.checked_sub(1).and_then(|at| sorted.get(at));
        let neighbours = before.into_iter().chain(sorted.get(after));
        let common = neighbours.map(|other| common_chars(reference, other)).max();
        let length = common.map_or(0, |common| common + 1).max(LEAST);
        let short: String = reference.chars().take(length).collect();
        match &build.node {
            Some(node) => format!("{node}/{short}"),
            None => short,
        }
    });
    short.collect()
}

fn common_chars(one: &str, other: &str) -> usize {
    let pairs = one.chars().zip(other.chars());
    pairs.take_while(|(one, other)| one == other).count()
}

/// The build that ended last and is none of buildrace's own; if all are, the last
/// of them.
///
/// # Errors
/// None has ended.
pub fn last(builds: &[RememberedBuild]) -> anyhow::Result<&RememberedBuild> {
    let ended = builds.iter().filter(|build| build.completed.is_some());
    let last = ended.max_by_key(|build| (!build.is_of_buildrace(), build.completed));
    last.with_context(|| match builds.len() {
        0 => "the builder remembers no build".to_owned(),
        running => format!("no build of the builder has ended: {running} still running"),
    })
}

/// The build that a person named by its reference, the beginning of it, or
/// either behind its node, as buildx writes it: `BUILDER/NODE/REF`.
///
/// # Errors
/// None is called so, or several are.
pub fn named<'b>(builds: &'b [RememberedBuild], name: &str) -> anyhow::Result<&'b RememberedBuild> {
    let is_whole = |build: &&RememberedBuild| matches(build, name, |known, name| known == name);
    let begins =
        |build: &&RememberedBuild| matches(build, name, |known, name| known.starts_with(name));
    let whole: Vec<&RememberedBuild> = builds.iter().filter(is_whole).collect();
    let found = match whole.is_empty() {
        true => builds.iter().filter(begins).collect(),
        false => whole,
    };
    match found.as_slice() {
        [build] => Ok(build),
        [] => bail!(
            "the builder remembers no build {}: `buildrace history` lists those that it does",
            escape::bounded(name)
        ),
        several => {
            let shown = several.iter().take(MAX_NAMED).map(|build| {
                let reference = escape::terminal(&build.reference, 100);
                match &build.node {
                    Some(node) => format!("{}/{reference}", escape::terminal(node, 40)),
                    None => reference,
                }
            });
            let more = match several.len() > MAX_NAMED {
                true => ", …",
                false => "",
            };
            bail!(
                "{} builds are called {}: {}{more}; name one",
                several.len(),
                escape::bounded(name),
                shown.collect::<Vec<_>>().join(", ")
            )
        }
    }
}

fn matches(build: &RememberedBuild, name: &str, is: impl Fn(&str, &str) -> bool) -> bool {
    if is(&build.reference, name) {
        return true;
    }
    let Some((place, name)) = name.rsplit_once('/') else {
        return false;
    };
    let node = place.rsplit('/').next();
    let is_there = build.node.is_none() || build.node.as_deref() == node;
    is_there && is(&build.reference, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn build(reference: &str, completed: Option<i64>) -> RememberedBuild {
        let at = |second| Timestamp::from_second(second).ok();
        RememberedBuild {
            reference: reference.into(),
            started: at(1),
            completed: completed.and_then(at),
            ..RememberedBuild::default()
        }
    }

    fn on(node: &str, reference: &str) -> RememberedBuild {
        RememberedBuild {
            node: Some(node.into()),
            ..build(reference, Some(5))
        }
    }

    #[test]
    fn a_short_name_is_long_enough_to_tell_builds_apart() {
        let builds: Vec<_> = [
            "abcdefghijkl",
            "abcdefghijxl",
            "z",
            "öööööööööö",
            "buildrace-1",
            "buildrace-12",
        ]
        .map(|name| build(name, Some(2)))
        .into();
        let names = short_names(&builds);
        assert_eq!(
            names,
            [
                "abcdefghijk",
                "abcdefghijx",
                "z",
                "öööööööö",
                "buildrace-1",
                "buildrace-12"
            ]
        );
        for (build, name) in builds.iter().zip(&names) {
            assert_eq!(named(&builds, name).unwrap(), build);
        }
        // The same reference on two nodes, as of a build on both.
        let builds = [on("farm0", "abcdefghi"), on("farm1", "abcdefghi")];
        let names = short_names(&builds);
        assert_eq!(names, ["farm0/abcdefgh", "farm1/abcdefgh"]);
        for (build, name) in builds.iter().zip(&names) {
            assert_eq!(named(&builds, name).unwrap(), build);
        }
    }

    #[test]
    fn builds_are_named_as_buildx_does() {
        let builds = [build("abc1", Some(2)), build("abd2", Some(3))];
        let found = |name: &str| named(&builds, name).unwrap().reference.as_str();
        assert_eq!(found("default/default/abc1"), "abc1");
        assert_eq!(found("abd"), "abd2");
        let error = named(&builds, "ab").unwrap_err().to_string();
        assert_eq!(error, "2 builds are called ab: abc1, abd2; name one");
        let error = named(&builds, "x\u{1b}").unwrap_err().to_string();
        assert!(
            error.contains("no build x\\x1b: `buildrace history`"),
            "{error}"
        );
        // A whole reference is meant, though another begins with it.
        let builds = [build("abc", Some(2)), build("abcd", Some(3))];
        assert_eq!(named(&builds, "abc").unwrap().reference, "abc");
    }

    #[test]
    fn the_last_build_is_somebodys_that_has_ended() {
        let own = "buildrace-20260101T000000Z-abcdef-r1-01";
        let builds = [
            build("runs", None),
            build(own, Some(9)),
            build("a", Some(7)),
            build("b", Some(8)),
        ];
        assert_eq!(last(&builds).unwrap().reference, "b");
        assert_eq!(last(&builds[..2]).unwrap().reference, own);
        let error = last(&builds[..1]).unwrap_err().to_string();
        assert_eq!(error, "no build of the builder has ended: 1 still running");
        assert!(last(&[]).is_err());
    }
}
