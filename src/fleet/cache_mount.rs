//! Cache mounts of RUN instructions: no remote cache carries them, so that who restores
//! caches restores these, too.

use std::collections::BTreeSet;

/// Begins a mount of an instruction.
const MOUNT: &str = "--mount=";

/// A cache mount, as its instruction writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CacheMount {
    /// Folder that it is mounted to.
    pub target: String,
    /// Its id, where that is not the folder. It may hold variables.
    pub id: Option<String>,
}

impl CacheMount {
    /// The mounts of some RUN instructions, each once.
    pub fn of<'a>(instructions: impl Iterator<Item = &'a str>) -> Vec<Self> {
        let words = instructions.flat_map(str::split_whitespace);
        let mounts = words.filter_map(|word| Self::parse(word.strip_prefix(MOUNT)?));
        let mounts: BTreeSet<Self> = mounts.collect();
        mounts.into_iter().collect()
    }

    fn parse(options: &str) -> Option<Self> {
        let value = |names: &[&str]| {
            options.split(',').find_map(|option| {
                let (name, value) = option.split_once('=')?;
                names.contains(&name).then(|| value.to_owned())
            })
        };
        if value(&["type"])? != "cache" {
            return None;
        }
        Some(Self {
            target: value(&["target", "dst", "destination"])?,
            id: value(&["id"]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read_of_instructions() {
        let instructions = [
            "RUN --mount=type=cache,target=/root/.cache/go-build     --mount=type=bind,target=. go build",
            "RUN --mount=type=cache,id=t-$TARGETARCH,dst=/target,sharing=locked cargo build",
            "RUN --mount=type=cache,target=/root/.cache/go-build go test",
            "RUN echo --mount=type=tmpfs,target=/x",
        ];
        let mounts = CacheMount::of(instructions.into_iter());
        let told: Vec<(&str, Option<&str>)> = mounts
            .iter()
            .map(|mount| (mount.target.as_str(), mount.id.as_deref()))
            .collect();
        let expected = [
            ("/root/.cache/go-build", None),
            ("/target", Some("t-$TARGETARCH")),
        ];
        assert_eq!(told, expected);
    }
}
