//! A project with one small scenario, in a temporary folder.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

const SCENARIO: &str = r#"title = "A greeting, copied"
sources = "src"
platforms = ["linux/amd64", "linux/arm64"]

[edit]
file = "greeting"
find = "nonce: none"
replace = "nonce: {nonce}"

[[variant]]
name = "naive"
reference = true

[[variant]]
name = "cross"
"#;

/// One step that an edit does not touch, and two that it does.
const NAIVE: &str = "\
FROM debian:trixie-slim
RUN echo untouched by the edit
COPY . /src
RUN cat /src/greeting
";

/// The same, compiling for nothing in particular. It fails unless its cache
/// mount is empty before the edit and kept after it.
const CROSS: &str = "\
FROM --platform=$BUILDPLATFORM debian:trixie-slim
RUN echo untouched by the edit
ARG TARGETARCH
COPY . /src
RUN --mount=type=cache,id=tiny-$TARGETARCH,target=/kept \
    if grep -q 'nonce: none' /src/greeting; \
    then test ! -e /kept/built && touch /kept/built; \
    else test -e /kept/built; fi
";

/// The temporary project.
pub struct Project {
    folder: TempDir,
}

impl Project {
    /// Scenario `tiny` with the variants `naive` and `cross`.
    pub fn new() -> Self {
        let project = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        project.write("scenarios/tiny/scenario.toml", SCENARIO);
        project.write("scenarios/tiny/src/greeting", "hello\nnonce: none\n");
        project.write("dockerfiles/tiny/naive.Dockerfile", NAIVE);
        project.write("dockerfiles/tiny/cross.Dockerfile", CROSS);
        project
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, with the folders it needs.
    pub fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}
