//! Reading a vertex's name: `[linux/amd64->arm64 build 3/3] RUN go build`.
//!
//! The Dockerfile frontend writes platform, stage and position in brackets
//! before the instruction; it is all that the status stream says of them.

use crate::model::Platform;

/// What the first word begins with that names a node: buildrace writes it, where
/// several nodes build at once.
pub const NODE: &str = "node:";

/// A step's name as it is shown: the node that did it is the first word in its
/// brackets, without a mark.
pub fn shown(name: &str) -> String {
    match name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_prefix(NODE))
    {
        Some(rest) => format!("[{rest}"),
        None => name.to_owned(),
    }
}

/// What the brackets of a step's name say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Label {
    /// Node of the builder that did it, where it has several.
    pub node: Option<String>,
    /// Platform that the step runs on.
    pub platform: Option<Platform>,
    /// Platform that it builds for, where the name says that it is another.
    pub target: Option<Platform>,
    /// Stage, `build` or `stage-1`; the only stage of a Dockerfile has no name.
    /// Where buildx bakes several targets at once, the target stands before
    /// it, `app build`.
    pub stage: Option<String>,
    /// Position in its stage and number of the stage's instructions, both from
    /// 1. Only instructions of a Dockerfile have it.
    pub position: Option<(u32, u32)>,
    /// Whether BuildKit does it on its own account: loading the Dockerfile,
    /// the context, an image's metadata, or signing in to a registry.
    pub internal: bool,
    /// The instruction, the name without the brackets.
    pub instruction: String,
}

impl Label {
    /// Reads a name. A name without brackets is all instruction.
    pub fn parse(name: &str) -> Self {
        let bracketed = name
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
            .filter(|(label, _)| label.len() <= 512);
        let Some((label, instruction)) = bracketed else {
            return Self {
                instruction: name.to_owned(),
                ..Self::default()
            };
        };
        let mut parsed = Self {
            instruction: instruction.trim_start().to_owned(),
            ..Self::default()
        };
        let mut words: Vec<&str> = label.split_whitespace().collect();
        if let Some(node) = words.first().and_then(|word| word.strip_prefix(NODE)) {
            parsed.node = Some(node.to_owned());
            words.remove(0);
        }
        // Position before platform: `[2/3]` alone has a platform's form.
        let position = words.last().and_then(|word| position(word));
        if position.is_some() {
            parsed.position = position;
            words.pop();
        }
        let context = match position {
            None => context_name(&words),
            Some(_) => None,
        };
        if let Some(at) = context {
            // An image that is named for one platform, `deb::linux/arm64`. The
            // name itself may look like a platform, as `library/debian` does.
            if let Some((name, platform)) = words[at].rsplit_once("::")
                && let Ok(platform) = platform.parse()
            {
                parsed.platform = Some(platform);
                words[at] = name;
            }
        } else {
            // The second word where buildx's bake puts its target before it all.
            let mut first = words.iter().take(2).enumerate();
            let found = first.find_map(|(at, word)| Some((at, platforms(word)?)));
            if let Some((at, (platform, target))) = found {
                parsed.platform = Some(platform);
                parsed.target = target;
                words.remove(at);
            }
        }
        // A scanner of what was built runs on a platform of its own, which its
        // name does not say.
        if parsed.instruction.starts_with("generating sbom") {
            parsed.target = parsed.platform.take();
        }
        if position.is_none() && context.is_none() {
            let mut first = words.iter().take(2);
            parsed.internal = first.any(|word| ["internal", "auth"].contains(word));
        }
        if !parsed.internal && !words.is_empty() {
            parsed.stage = Some(words.join(" "));
        }
        parsed
    }

    /// Whether the step is an instruction that a build executes or takes from
    /// the cache: one of a Dockerfile's, but not FROM. See
    /// [`Trace::count`](super::Trace::count).
    pub fn is_instruction(&self) -> bool {
        self.position.is_some() && !self.is("FROM")
    }

    /// Whether the step is of a named context: `[context src] load from client`.
    pub fn is_context(&self) -> bool {
        let stage = self.stage.as_deref().filter(|_| self.position.is_none());
        let words = stage.map(|stage| stage.split(' ').collect::<Vec<_>>());
        words.is_some_and(|words| context_name(&words).is_some())
    }

    /// The name of the image that the step loads from the client,
    /// `golang:1.24`: what a Dockerfile's FROM names, where its builder gets the
    /// image that way. Its own name says neither FROM nor the stage.
    pub fn image_of_client(&self) -> Option<&str> {
        let stage = self.stage.as_deref().filter(|_| self.position.is_none())?;
        let words: Vec<&str> = stage.split(' ').collect();
        let at = context_name(&words)?;
        (self.instruction == "OCI load from client").then(|| words[at])
    }

    /// The platform that the step makes something for, as its name says.
    pub fn made_for(&self) -> Option<&Platform> {
        self.target.as_ref().or(self.platform.as_ref())
    }

    /// Whether its instruction is this one, `RUN`. An ONBUILD trigger's is the
    /// one that it triggers, and a linked COPY's is COPY.
    pub fn is(&self, instruction: &str) -> bool {
        let mut words = self.instruction.split_whitespace();
        let word = words.find(|word| !["ONBUILD", "LINK"].contains(word));
        word.is_some_and(|word| word.eq_ignore_ascii_case(instruction))
    }
}

/// The place of a named context's name among the words of a label; buildx's
/// bake may put its target before it.
fn context_name(words: &[&str]) -> Option<usize> {
    let at = words.iter().take(2).position(|word| *word == "context")?;
    (at + 1 < words.len()).then_some(at + 1)
}

/// `linux/arm64`, or `linux/amd64->arm64` with the target after the arrow.
/// Newer frontends write an operating system's version too,
/// `windows(10.0.17763)/amd64`, which says nothing of the CPU.
fn platforms(word: &str) -> Option<(Platform, Option<Platform>)> {
    if let Some((system, rest)) = word.split_once('(') {
        let (_, rest) = rest.split_once(')')?;
        return platforms(&format!("{system}{rest}"));
    }
    let Some((platform, target)) = word.split_once("->") else {
        return Some((word.parse().ok()?, None));
    };
    let platform: Platform = platform.parse().ok()?;
    // The frontend leaves out the target's system where it is the same, so
    // `arm/v7` is a variant of arm, and `windows/amd64` another system.
    let is_variant = |part: &str| {
        part.strip_prefix('v')
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    let whole = match target.split('/').collect::<Vec<_>>().as_slice() {
        [_] => format!("{}/{target}", platform.os()),
        [_, variant] if is_variant(variant) => format!("{}/{target}", platform.os()),
        _ => target.to_owned(),
    };
    let target = whole.parse().ok()?;
    Some((platform, Some(target)))
}

/// `3/12`.
fn position(word: &str) -> Option<(u32, u32)> {
    let (index, total) = word.split_once('/')?;
    Some((index.parse().ok()?, total.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_shown_without_a_mark() {
        for (name, expected) in [
            (
                "[node:farm1 linux/arm64 2/3] RUN make",
                "[farm1 linux/arm64 2/3] RUN make",
            ),
            (
                "[node:farm1] exporting to image",
                "[farm1] exporting to image",
            ),
            (
                "[linux/arm64 2/3] RUN echo [node:x",
                "[linux/arm64 2/3] RUN echo [node:x",
            ),
            ("node:x", "node:x"),
            ("", ""),
        ] {
            assert_eq!(shown(name), expected);
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of names")]
    fn names_of_the_dockerfile_frontend() {
        let platform = |text: &str| Some(text.parse::<Platform>().unwrap());
        for (name, expected) in [
            (
                "[node:farm-1 linux/arm64 build 2/3] RUN make",
                Label {
                    node: Some("farm-1".into()),
                    platform: platform("linux/arm64"),
                    target: None,
                    stage: Some("build".into()),
                    position: Some((2, 3)),
                    internal: false,
                    instruction: "RUN make".into(),
                },
            ),
            (
                "[node:farm-1 internal] load build context",
                Label {
                    node: Some("farm-1".into()),
                    internal: true,
                    instruction: "load build context".into(),
                    ..Label::default()
                },
            ),
            (
                "[node:farm-1] exporting to image",
                Label {
                    node: Some("farm-1".into()),
                    instruction: "exporting to image".into(),
                    ..Label::default()
                },
            ),
            (
                "[linux/amd64->arm64 build  3/12] RUN go build",
                Label {
                    node: None,
                    platform: platform("linux/amd64"),
                    target: platform("linux/arm64"),
                    stage: Some("build".into()),
                    position: Some((3, 12)),
                    internal: false,
                    instruction: "RUN go build".into(),
                },
            ),
            (
                "[linux/amd64->arm/v7 stage-1 1/2] COPY a b",
                Label {
                    node: None,
                    platform: platform("linux/amd64"),
                    target: platform("linux/arm/v7"),
                    stage: Some("stage-1".into()),
                    position: Some((1, 2)),
                    internal: false,
                    instruction: "COPY a b".into(),
                },
            ),
            (
                "[linux/amd64->windows/amd64 build 1/2] RUN x",
                Label {
                    node: None,
                    platform: platform("linux/amd64"),
                    target: platform("windows/amd64"),
                    stage: Some("build".into()),
                    position: Some((1, 2)),
                    internal: false,
                    instruction: "RUN x".into(),
                },
            ),
            (
                "[linux/amd64->windows(10.0.17763)/amd64 build 1/2] RUN x",
                Label {
                    node: None,
                    platform: platform("linux/amd64"),
                    target: platform("windows/amd64"),
                    stage: Some("build".into()),
                    position: Some((1, 2)),
                    internal: false,
                    instruction: "RUN x".into(),
                },
            ),
            (
                "[2/3] RUN [ -e ] ]",
                Label {
                    position: Some((2, 3)),
                    instruction: "RUN [ -e ] ]".into(),
                    ..Label::default()
                },
            ),
            (
                "[linux/arm64 internal] load metadata for docker.io/library/golang:1.24",
                Label {
                    platform: platform("linux/arm64"),
                    internal: true,
                    instruction: "load metadata for docker.io/library/golang:1.24".into(),
                    ..Label::default()
                },
            ),
            (
                "[internal] load build context",
                Label {
                    internal: true,
                    instruction: "load build context".into(),
                    ..Label::default()
                },
            ),
            (
                "[linux/arm64] generating sbom using docker/scanner",
                Label {
                    target: platform("linux/arm64"),
                    instruction: "generating sbom using docker/scanner".into(),
                    ..Label::default()
                },
            ),
            (
                "exporting to image",
                Label {
                    instruction: "exporting to image".into(),
                    ..Label::default()
                },
            ),
            (
                // As buildx's bake names steps of its target app.
                "[app linux/amd64->arm64 build 3/3] RUN go build",
                Label {
                    node: None,
                    platform: platform("linux/amd64"),
                    target: platform("linux/arm64"),
                    stage: Some("app build".into()),
                    position: Some((3, 3)),
                    internal: false,
                    instruction: "RUN go build".into(),
                },
            ),
            (
                "[app internal] load build context",
                Label {
                    internal: true,
                    instruction: "load build context".into(),
                    ..Label::default()
                },
            ),
            (
                "[context docker.io/library/debian::linux/arm64] load metadata for deb",
                Label {
                    platform: platform("linux/arm64"),
                    stage: Some("context docker.io/library/debian".into()),
                    instruction: "load metadata for deb".into(),
                    ..Label::default()
                },
            ),
            (
                // A stage may be called so.
                "[linux/amd64 internal 1/2] RUN x",
                Label {
                    platform: platform("linux/amd64"),
                    stage: Some("internal".into()),
                    position: Some((1, 2)),
                    instruction: "RUN x".into(),
                    ..Label::default()
                },
            ),
        ] {
            assert_eq!(Label::parse(name), expected, "{name}");
        }
    }

    #[test]
    fn an_image_of_the_client_has_the_name_that_from_gives_it() {
        for (name, image) in [
            (
                "[context golang:1.24::linux/arm64] OCI load from client",
                Some("golang:1.24"),
            ),
            ("[app context debian] OCI load from client", Some("debian")),
            ("[context src] load from client", None),
            ("[context golang:1.24] load metadata for golang", None),
            ("[context base] docker-image://golang", None),
            ("[linux/arm64 build 1/2] OCI load from client", None),
            ("OCI load from client", None),
        ] {
            let label = Label::parse(name);
            assert_eq!(label.image_of_client(), image, "{name}");
            assert!(image.is_none() || !label.is_instruction());
        }
        let label = Label::parse("[context golang:1.24::linux/arm64] OCI load from client");
        assert_eq!(label.made_for(), Some(&Platform::linux("arm64")));
    }

    #[test]
    fn from_is_no_instruction_that_is_executed() {
        assert!(!Label::parse("[build 1/3] FROM docker.io/library/golang").is_instruction());
        assert!(Label::parse("[build 2/3] WORKDIR /src").is_instruction());
        assert!(!Label::parse("[internal] load build context").is_instruction());
        assert!(!Label::parse("exporting to image").is_instruction());
    }
}
