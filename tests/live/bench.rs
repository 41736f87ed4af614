//! A folder to build, and buildrace started in it as a person starts it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use buildrace::builder::{Builder, NodeBuilder};
use buildrace::store::{StoredRun, read_run};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::{Engine, Job};

/// What is built where a test says nothing else.
pub const DOCKERFILE: &str = "\
FROM debian:trixie-slim
COPY . /src
RUN echo built
";

/// A folder to build, and one for what comes of it.
pub struct Bench {
    engine: Engine,
    /// Where buildrace runs.
    pub sources: TempDir,
    /// Where it writes.
    pub out: TempDir,
}

impl Bench {
    /// `None` where live tests are to be skipped.
    pub async fn new() -> Option<Self> {
        let engine = Engine::take().await?;
        let bench = Self {
            engine,
            sources: TempDir::new().unwrap(),
            out: TempDir::new().unwrap(),
        };
        fs::create_dir(bench.out.path().join("tmp")).unwrap();
        bench.write("Dockerfile", DOCKERFILE);
        bench.write("main.py", "print('hello')\n");
        Some(bench)
    }

    /// Writes a file of the sources.
    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.sources.path().join(file), text).unwrap();
    }

    /// Builds the sources as somebody else does, who leaves it in the cache.
    pub async fn built_by_somebody(&self) {
        let request = Job::new(self.sources.path()).request();
        let builder = NodeBuilder::docker(&self.engine.host).await.unwrap();
        let (sink, _statuses) = tokio::sync::mpsc::unbounded_channel();
        let end = builder
            .build(&request, sink, CancellationToken::new())
            .await;
        end.result.unwrap();
    }

    /// The engine's address.
    pub fn host(&self) -> &str {
        &self.engine.host
    }

    /// The folder of results.
    pub fn results(&self) -> PathBuf {
        self.out.path().join("results")
    }

    /// buildrace in the sources, its results and temporary files elsewhere.
    /// Others who use the engine or the machine meanwhile are no matter here.
    pub fn command(&self, args: &[&str]) -> Command {
        self.storing_in(&self.results().to_string_lossy(), args)
    }

    /// The same with results elsewhere, as `--results` takes it.
    pub fn storing_in(&self, results: &str, args: &[&str]) -> Command {
        let waits = args.iter().find(|arg| arg.starts_with("--settle"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_buildrace"));
        command
            .current_dir(self.sources.path())
            .args(args)
            .args([
                "--host",
                &self.engine.host,
                "--builder",
                "default",
                "--keep-contaminated",
            ])
            .args(waits.is_none().then_some("--settle=0s"))
            .args(["--results", results])
            .arg("--reports")
            .arg(self.out.path().join("reports"))
            .env("TMPDIR", self.out.path().join("tmp"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for variable in ["GITHUB_BASE_REF", "CI_MERGE_REQUEST_DIFF_BASE_SHA"] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs buildrace, expects an exit code, and returns stdout on one line.
    pub fn ends(&self, code: i32, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        self.ended(code, &output)
    }

    /// Expects that it ended so, and left no temporary file.
    pub fn ended(&self, code: i32, output: &Output) -> String {
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stdout}\n{stderr}");
        let left: Vec<_> = fs::read_dir(self.out.path().join("tmp"))
            .unwrap()
            .flatten()
            .collect();
        assert!(left.is_empty(), "left behind: {left:?}");
        stdout.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The folders of the runs, the oldest first.
    pub fn folders(&self) -> Vec<PathBuf> {
        let mut folders: Vec<PathBuf> = match fs::read_dir(self.results()) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(_) => Vec::new(),
        };
        folders.retain(|path| path.is_dir());
        folders.sort();
        folders
    }

    /// The newest run.
    pub fn run(&self) -> StoredRun {
        read_run(&self.folders().pop().expect("there is no run")).unwrap()
    }
}

/// Names, modes, times and contents of everything below a folder.
pub fn everything(folder: &Path) -> BTreeMap<PathBuf, (u32, i64, i64, Vec<u8>)> {
    let entries = walkdir::WalkDir::new(folder).into_iter();
    entries
        .map(|entry| {
            let path = entry.unwrap().into_path();
            let found = path.symlink_metadata().unwrap();
            let content = if found.is_file() {
                fs::read(&path).unwrap()
            } else {
                Vec::new()
            };
            let mode = found.permissions().mode();
            (path, (mode, found.mtime(), found.mtime_nsec(), content))
        })
        .collect()
}
