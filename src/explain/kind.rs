//! What a step is: which of the things that a build does.

use std::fmt;

use serde::{Serialize, Serializer};

use super::node::{Execution, Node};
use crate::model::Platform;
use crate::trace::{Label, Step};

/// What a step does, as far as time goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepKind {
    /// A RUN whose platform the node's CPU cannot execute itself.
    EmulatedRun,
    /// A RUN that the node's CPU executes, for the platform that it runs on.
    NativeRun,
    /// A RUN that the node's CPU executes, for another platform.
    CrossRun,
    /// A RUN of which it is not known whether it is emulated.
    UnknownRun,
    /// COPY, ADD, WORKDIR: BuildKit does these itself, on any platform.
    FileOperation,
    /// FROM, and images that contexts name: resolved, pulled, unpacked.
    BaseImage,
    /// Sources that come from the client, a git server or a web server.
    ContextTransfer,
    /// What happens to the result: exports, pushes, cache exports.
    Export,
    /// What BuildKit does on its own account: reading the Dockerfile, asking
    /// registries, signing in.
    Internal,
    /// Its name says none of these.
    Unknown,
}

impl StepKind {
    /// Every kind, in the order of reports.
    pub const ALL: [Self; 10] = [
        Self::EmulatedRun,
        Self::NativeRun,
        Self::CrossRun,
        Self::UnknownRun,
        Self::FileOperation,
        Self::BaseImage,
        Self::ContextTransfer,
        Self::Export,
        Self::Internal,
        Self::Unknown,
    ];

    /// The name used in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EmulatedRun => "emulated-run",
            Self::NativeRun => "native-run",
            Self::CrossRun => "cross-run",
            Self::UnknownRun => "unknown-run",
            Self::FileOperation => "file-operation",
            Self::BaseImage => "base-image",
            Self::ContextTransfer => "context-transfer",
            Self::Export => "export",
            Self::Internal => "internal",
            Self::Unknown => "unknown",
        }
    }

    /// The words for people, `emulated RUN`.
    pub fn describe(self) -> &'static str {
        match self {
            Self::EmulatedRun => "emulated RUN",
            Self::NativeRun => "native RUN",
            Self::CrossRun => "cross-compiling RUN",
            Self::UnknownRun => "RUN, native or emulated",
            Self::FileOperation => "files",
            Self::BaseImage => "base images",
            Self::ContextTransfer => "context transfer",
            Self::Export => "export",
            Self::Internal => "BuildKit internal",
            Self::Unknown => "other",
        }
    }

    /// Whether a process ran, on the node's CPU or an emulated one.
    pub fn is_run(self) -> bool {
        matches!(
            self,
            Self::EmulatedRun | Self::NativeRun | Self::CrossRun | Self::UnknownRun
        )
    }
}

impl fmt::Display for StepKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for StepKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What a step's name says that it does.
///
/// The names are those of BuildKit's Dockerfile frontend
/// (`frontend/dockerfile/dockerfile2llb`, `frontend/dockerui`), of its solver
/// and its exporters. `platform` is the one of steps whose names hold none,
/// and `node` the one that built; without it no RUN is known to be emulated.
/// `is_taken` says whether another step takes from it.
pub(super) fn kind_of(
    step: &Step,
    platform: Option<&Platform>,
    node: Option<&Node>,
    is_taken: bool,
) -> StepKind {
    let label = &step.label;
    let said = label.instruction.as_str();
    if label.internal {
        let sources = ["load build context", "load git source", "load remote build"];
        return if begins(said, &sources) {
            StepKind::ContextTransfer
        } else {
            StepKind::Internal
        };
    }
    if label.is_context() {
        return context_kind(said);
    }
    if label.is("RUN") {
        return run_kind(label, platform, node);
    }
    if begins(said, &["generating sbom"]) {
        return StepKind::UnknownRun;
    }
    // What ADD downloads has its name, and takes from no other step.
    let remote = ["http://", "https://", "git://", "git@", ".git"];
    if label.is("ADD") && step.inputs.is_empty() && remote.iter().any(|part| said.contains(part)) {
        return StepKind::ContextTransfer;
    }
    if ["COPY", "ADD", "WORKDIR"].iter().any(|word| label.is(word)) {
        return StepKind::FileOperation;
    }
    // The image of a frontend (`# syntax=`) is run by BuildKit itself: no step
    // takes from it.
    if begins(said, &["docker-image://", "oci-layout://"]) && label.position.is_none() {
        return match is_taken {
            true => StepKind::BaseImage,
            false => StepKind::Internal,
        };
    }
    if label.is("FROM") {
        return StepKind::BaseImage;
    }
    if label.position.is_some() {
        return StepKind::Unknown;
    }
    unlabelled_kind(said)
}

fn begins(said: &str, words: &[&str]) -> bool {
    words.iter().any(|word| said.starts_with(word))
}

/// What is done for no instruction and no context, so that its name has no
/// label in brackets.
fn unlabelled_kind(said: &str) -> StepKind {
    let internal = [
        "importing cache",
        "resolve image config for",
        "resolving provenance",
        "booting buildkit",
    ];
    let sources = ["local://", "git://", "http://", "https://"];
    let export = [
        "exporting",
        "importing to docker",
        "pushing",
        "sending",
        "preparing build cache",
        "merging manifest list",
        "Verifying build result",
    ];
    if begins(said, &internal) {
        StepKind::Internal
    } else if begins(said, &sources) {
        StepKind::ContextTransfer
    } else if begins(said, &export) {
        StepKind::Export
    } else {
        StepKind::Unknown
    }
}

/// What is done for a context that has a name: an image is named as it is, a
/// server's source by its URL.
fn context_kind(said: &str) -> StepKind {
    if begins(said, &["load metadata for", "load .dockerignore"]) {
        StepKind::Internal
    } else if begins(
        said,
        &["docker-image://", "oci-layout://", "OCI load from client"],
    ) {
        StepKind::BaseImage
    } else if begins(said, &["load ", "git@"]) || said.contains("://") {
        StepKind::ContextTransfer
    } else {
        StepKind::BaseImage
    }
}

fn run_kind(label: &Label, platform: Option<&Platform>, node: Option<&Node>) -> StepKind {
    let Some((platform, node)) = label.platform.as_ref().or(platform).zip(node) else {
        return StepKind::UnknownRun;
    };
    match node.execution_on(label.node.as_deref(), platform) {
        Execution::Emulated => StepKind::EmulatedRun,
        Execution::Unknown => StepKind::UnknownRun,
        Execution::Native if label.target.is_some() => StepKind::CrossRun,
        Execution::Native => StepKind::NativeRun,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::status::Vertex;
    use crate::trace::{SolveStatus, Trace};

    /// A step of this name that takes from no other.
    fn named(name: &str) -> Step {
        let mut trace = Trace::new();
        trace.push(&SolveStatus {
            vertexes: vec![Vertex {
                digest: "sha256:x".into(),
                name: name.to_owned(),
                ..Vertex::default()
            }],
            ..SolveStatus::default()
        });
        trace.steps()[0].clone()
    }

    #[test]
    fn names_say_what_steps_are() {
        use StepKind::*;
        let node = Node::of(Platform::linux("amd64"));
        for (name, expected) in [
            ("[linux/arm64 build 4/4] RUN go build", EmulatedRun),
            ("[linux/amd64 build 4/4] RUN go build", NativeRun),
            ("[linux/amd64->arm64 build 4/4] RUN go build", CrossRun),
            ("[linux/arm64->amd64 build 4/4] RUN go build", EmulatedRun),
            ("[linux/386 build 2/2] RUN true", NativeRun),
            ("[build 4/4] RUN go build", UnknownRun),
            ("[linux/arm64 build 2/3] ONBUILD RUN x", EmulatedRun),
            // BuildKit copies files itself.
            ("[linux/arm64 build 3/4] COPY . .", FileOperation),
            ("[linux/arm64 build 3/4] LINK COPY a b", FileOperation),
            ("[linux/arm64 build 2/4] WORKDIR /src", FileOperation),
            ("[linux/arm64 build 1/4] FROM golang", BaseImage),
            ("[context base] docker-image://golang", BaseImage),
            ("[context base] golang:1.24", BaseImage),
            ("[context base::linux/arm64] golang:1.24", BaseImage),
            ("[app context library/golang] golang", BaseImage),
            ("[context base] OCI load from client", BaseImage),
            ("[context base] load metadata for golang", Internal),
            ("[context src] load .dockerignore", Internal),
            ("[context src] https://example.org/x.tar", ContextTransfer),
            ("[context src] git@example.org:x.git", ContextTransfer),
            ("[internal] load git source https://x.git", ContextTransfer),
            ("resolve image config for docker-image://x", Internal),
            ("docker-image://docker.io/docker/dockerfile:1", Internal),
            ("[app context src] load from client", ContextTransfer),
            ("[app] exporting to image", Export),
            ("[context src] load from client", ContextTransfer),
            ("[internal] load build context", ContextTransfer),
            ("[internal] load .dockerignore", Internal),
            ("[linux/arm64 internal] load metadata for x", Internal),
            ("[auth] library/golang:pull token", Internal),
            ("[linux/arm64] generating sbom using x", UnknownRun),
            ("[build 2/3] ADD https://example.org/x /x", ContextTransfer),
            ("[build 2/3] ADD x /x", FileOperation),
            ("importing to docker", Export),
            ("exporting to image", Export),
            ("exporting cache to registry", Export),
            ("importing cache manifest from x", Internal),
            ("/bin/sh -c make", Unknown),
            ("", Unknown),
        ] {
            let kind = kind_of(&named(name), None, Some(&node), false);
            assert_eq!(kind, expected, "{name}");
        }
        let image = named("docker-image://docker.io/library/debian");
        assert_eq!(kind_of(&image, None, Some(&node), true), BaseImage);
        let step = named("[build 4/4] RUN go build");
        let arm64 = Platform::linux("arm64");
        assert_eq!(
            kind_of(&step, Some(&arm64), Some(&node), false),
            EmulatedRun
        );
        let step = named("[linux/arm64 build 4/4] RUN go build");
        assert_eq!(kind_of(&step, None, None, false), UnknownRun);
    }
}
