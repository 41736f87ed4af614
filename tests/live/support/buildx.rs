//! The same build by `docker buildx build`.

use std::path::{Path, PathBuf};
use std::process::Command;

use buildrace::trace::SolveStatus;
use tempfile::TempDir;

use super::{Job, Steps, fold};

/// buildx, with a configuration of its own.
pub struct Buildx {
    program: PathBuf,
    host: String,
    config: TempDir,
}

impl Buildx {
    /// buildx on this engine.
    pub fn on(host: &str) -> Self {
        Self {
            program: program(),
            host: host.to_owned(),
            config: TempDir::new().expect("a temporary folder"),
        }
    }

    /// The command that builds `job`.
    pub fn command(&self, job: &Job) -> Command {
        let mut command = self.verb("build");
        let platforms: Vec<String> = job.platforms.iter().map(ToString::to_string).collect();
        let output = match &job.archive {
            Some(path) => format!("type=oci,dest={}", path.display()),
            None => "type=cacheonly".into(),
        };
        command
            .args(["--progress=rawjson", "--provenance=false", "--sbom=false"])
            .args(["--build-arg", "BUILDKIT_MULTI_PLATFORM=1"])
            .args(["--platform", &platforms.join(",")])
            .args(["--output", &output])
            .arg("--file")
            .arg(&job.dockerfile)
            .arg(&job.context);
        command
    }

    /// One of buildx's verbs, on the engine.
    pub fn verb(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg(verb)
            .env("DOCKER_HOST", &self.host)
            .env("DOCKER_CONFIG", self.config.path())
            .env("BUILDX_CONFIG", self.config.path().join("buildx"))
            .env_remove("BUILDX_BUILDER")
            .env_remove("DOCKER_CONTEXT");
        command
    }

    /// Builds and returns the rawjson that it wrote.
    pub fn record(&self, job: &Job) -> Vec<u8> {
        let output = self.command(job).output().expect("buildx runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "buildx: {said}");
        output.stderr
    }

    /// Builds and returns what it says of the steps.
    pub fn build(&self, job: &Job) -> Steps {
        let recording = self.record(job);
        let said = String::from_utf8_lossy(&recording);
        let mut steps = Steps::new();
        // Not a message a line: buildx 0.13 indents them.
        for status in serde_json::Deserializer::from_slice(&recording).into_iter() {
            let status: SolveStatus = status.unwrap_or_else(|e| panic!("buildx: {e} in {said}"));
            fold(&mut steps, &status);
        }
        steps
    }
}

/// Its program: `BUILDRACE_BUILDX`, else the plugin where Docker looks for it,
/// else `docker-buildx` on the PATH.
pub fn program() -> PathBuf {
    find().unwrap_or_else(|| {
        panic!(
            "docker buildx is needed to compare with, and is not here: \
             install docker-buildx, or name its program in BUILDRACE_BUILDX"
        )
    })
}

fn find() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("BUILDRACE_BUILDX").filter(|p| !p.is_empty()) {
        return Some(path.into());
    }
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".docker/cli-plugins"));
    let system = [
        "/usr/local/lib/docker/cli-plugins",
        "/usr/local/libexec/docker/cli-plugins",
        "/usr/lib/docker/cli-plugins",
        "/usr/libexec/docker/cli-plugins",
    ];
    let path = std::env::var_os("PATH").unwrap_or_default();
    home.into_iter()
        .chain(system.map(PathBuf::from))
        .chain(std::env::split_paths(&path).collect::<Vec<_>>())
        .map(|folder| folder.join("docker-buildx"))
        .find(|program| program.is_file())
}
