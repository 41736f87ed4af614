//! People who use a Docker CLI with our plugin.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use buildrace::model::Platform;
use serde_json::Value;
use tempfile::TempDir;

use super::buildx::program;

/// Docker CLIs: that of the PATH, and the private engine's.
pub fn clients() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut clients: Vec<PathBuf> = std::env::split_paths(&path)
        .map(|folder| folder.join("docker"))
        .filter(|client| client.is_file())
        .take(1)
        .collect();
    let status = Command::new(env!("CARGO_BIN_EXE_buildrace"))
        .args(["engine", "status", "--json"])
        .output()
        .unwrap();
    let status: Value = serde_json::from_slice(&status.stdout).unwrap_or_default();
    clients.extend(status["docker_cli"].as_str().map(PathBuf::from));
    clients.retain(|client| client.is_file());
    assert!(!clients.is_empty(), "no docker is here: install docker-cli");
    clients
}

/// Somebody who uses a Docker CLI with the plugin.
pub struct User {
    /// The Docker CLI's program.
    pub docker: PathBuf,
    /// The folder of its configuration.
    pub config: TempDir,
}

impl User {
    /// Somebody with buildx and the plugin.
    pub fn of(docker: PathBuf) -> Self {
        let config = TempDir::new().unwrap();
        let plugins = config.path().join("cli-plugins");
        fs::create_dir(&plugins).unwrap();
        symlink(program(), plugins.join("docker-buildx")).unwrap();
        let user = Self { docker, config };
        user.buildrace(&["plugin", "install"]);
        user
    }

    /// Gives a command this user's environment.
    pub fn prepare(&self, command: &mut Command) {
        command
            .env("DOCKER_CONFIG", self.config.path())
            .env("TERM", "xterm")
            .env_remove("DOCKER_HOST")
            .env_remove("DOCKER_CONTEXT")
            .env_remove("BUILDX_BUILDER")
            .env_remove("DOCKER_CLI_HINTS")
            .env_remove("DOCKER_CLI_HOOKS");
    }

    /// Runs a command of ours.
    pub fn buildrace(&self, args: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_buildrace"));
        self.prepare(&mut command);
        let output = command.args(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
    }

    /// What docker prints to stdout.
    pub fn docker(&self, args: &[&str]) -> String {
        let mut command = Command::new(&self.docker);
        self.prepare(&mut command);
        let output = command.args(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a terminal shows of a `docker build`.
    pub fn build(&self, host: &str, dockerfile: &Path, platform: &Platform) -> String {
        let docker = self.docker.display();
        let line = format!(
            "{docker} -H {host} build --output type=cacheonly --platform {platform} -f {} .",
            name_of(dockerfile)
        );
        let mut command = Command::new("script");
        self.prepare(&mut command);
        let output = command
            .current_dir(dockerfile.parent().unwrap())
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .output()
            .expect("script, of bsdutils, runs a program in a terminal");
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{shown}");
        shown
    }
}

/// The name of a file.
pub fn name_of(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}
