//! What the words of a `docker build` tell of it. The Docker CLI does not pass them on to hooks.

use std::ffi::OsString;

use super::global_flags::GlobalFlags;

/// A `docker build` or `docker buildx build`, as it was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DockerBuild {
    /// The engine's address, where a global flag named it.
    pub host: Option<String>,
    /// The builder that was named, or a context, which buildx takes for one.
    pub builder: Option<String>,
    /// Whether it uses buildx's current builder where none is named; `docker build` uses the
    /// engine of the current context (`cmd/docker/builder.go`).
    pub uses_current: bool,
    /// The Dockerfile that was named.
    pub file: Option<String>,
    /// Words that may be the build context, the likeliest first: which flags take a value is
    /// buildx's to know.
    pub contexts: Vec<String>,
}

impl DockerBuild {
    /// Reads the words of a command line, `docker` first; `None` of another command.
    pub fn read(words: &[String]) -> Option<Self> {
        let words: Vec<OsString> = words.iter().skip(1).map(OsString::from).collect();
        let (flags, words) = GlobalFlags::read(&words).ok()?;
        let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
        let (uses_current, rest) = match words.as_slice() {
            ["build", rest @ ..] | ["image", "build", rest @ ..] => (false, rest),
            ["buildx", rest @ ..] => (true, rest),
            _ => return None,
        };
        let value = |names: &[&str]| {
            rest.iter().enumerate().find_map(|(at, word)| {
                let found = names.iter().find_map(|name| word.strip_prefix(name))?;
                match found.strip_prefix('=') {
                    Some(value) => Some(value.to_owned()),
                    None if found.is_empty() => rest.get(at + 1).map(|word| (*word).to_owned()),
                    None => None,
                }
            })
        };
        let named = value(&["--builder"]);
        let contexts = rest.iter().rev().filter(|word| !word.starts_with('-'));
        Some(Self {
            host: flags.last("host").map(str::to_owned),
            builder: named.or(flags.last("context").map(str::to_owned)),
            uses_current,
            file: value(&["--file", "-f"]),
            contexts: contexts.map(|word| (*word).to_owned()).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<DockerBuild> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        DockerBuild::read(&words)
    }

    #[test]
    fn the_builder_of_a_command_is_read_from_its_words() {
        for (text, host, builder, uses_current) in [
            ("docker build -t x .", "", "", false),
            ("docker image build .", "", "", false),
            ("docker buildx build .", "", "", true),
            ("docker build --builder farm .", "", "farm", false),
            ("docker buildx build . --builder=farm", "", "farm", true),
            ("docker -c farm build .", "", "farm", false),
            (
                "/usr/bin/docker -D -H unix:///x.sock build .",
                "unix:///x.sock",
                "",
                false,
            ),
        ] {
            let found = read(text).unwrap();
            assert_eq!(found.host.unwrap_or_default(), host, "{text}");
            assert_eq!(found.builder.unwrap_or_default(), builder, "{text}");
            assert_eq!(found.uses_current, uses_current, "{text}");
        }
        assert_eq!(read("docker ps"), None);
        assert_eq!(read(""), None);
    }

    #[test]
    fn its_dockerfile_is_named_or_in_its_context() {
        let build = read("docker build --build-arg A=1 -f x.Dockerfile -t me/app app").unwrap();
        assert_eq!(build.file.as_deref(), Some("x.Dockerfile"));
        assert_eq!(build.contexts[0], "app");
        let build = read("docker build --file=y . --platform linux/arm64").unwrap();
        assert_eq!(build.file.as_deref(), Some("y"));
        assert_eq!(build.contexts, ["linux/arm64", "."]);
    }
}
