//! Which build is meant: a run, a sample of one, a recording, or one that is still to be built.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::store::{RUN_FILE, runs, trace_path};
use crate::trace::plain;

/// What a person named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A run's folder.
    Run(PathBuf),
    /// A sample of a run.
    Sample {
        /// The run's folder.
        run: PathBuf,
        /// The sample's id.
        sample: String,
    },
    /// A recording or a bundle, or one of the builds in it.
    Recording {
        /// Its file; `None` for standard input.
        path: Option<PathBuf>,
        /// Which build of it, from 1: `FILE#2`.
        build: Option<usize>,
    },
    /// A Dockerfile, to be built.
    Dockerfile(PathBuf),
    /// A folder that is no run: a Dockerfile in it is to be built.
    Folder(PathBuf),
}

impl Source {
    /// What `name` means, with runs looked for in `results`; the newest run
    /// without one.
    pub fn find(name: Option<&str>, results: &Path) -> anyhow::Result<Self> {
        let Some(name) = name else {
            return Ok(Self::Run(newest_run(results)?));
        };
        let numbered = numbered(name);
        if let (build, "-") = numbered.map_or((None, name), |(name, build)| (Some(build), name)) {
            if io::stdin().is_terminal() {
                bail!(
                    "- reads a recording from standard input, and that is a terminal: pipe `docker buildx build --progress=rawjson` into it, or name a file"
                );
            }
            return Ok(Self::Recording { path: None, build });
        }
        let path = Path::new(name);
        if path.is_file() {
            if is_dockerfile(path) {
                return Ok(Self::Dockerfile(path.into()));
            }
            return Ok(sample_of_trace(path).unwrap_or_else(|| Self::Recording {
                path: Some(path.into()),
                build: None,
            }));
        }
        if let Some((file, build)) = numbered
            && Path::new(file).is_file()
        {
            return Ok(Self::Recording {
                path: Some(file.into()),
                build: Some(build),
            });
        }
        if let Some(run) = run_named(name, results) {
            return Ok(Self::Run(run));
        }
        if path.is_dir() {
            return Ok(Self::Folder(path.into()));
        }
        if let (Some(run), Some(sample)) = (path.parent(), path.file_name()) {
            for run in [run.to_owned(), results.join(run)] {
                if run.join(RUN_FILE).is_file() {
                    let sample = sample.to_string_lossy().into_owned();
                    return Ok(Self::Sample { run, sample });
                }
            }
        }
        for run in runs(results).into_iter().rev() {
            if has_trace(&run, name) {
                let sample = name.to_owned();
                return Ok(Self::Sample { run, sample });
            }
        }
        bail!(
            "no build {name:?}: expected a Dockerfile or a folder with one, a recording, a run in {} \
             or a sample of one; `ls {}` shows the runs, and `buildrace compare Dockerfile \
             Dockerfile.new` makes one",
            results.display(),
            results.display(),
        )
    }
}

/// The file and the number of `FILE#2`.
fn numbered(name: &str) -> Option<(&str, usize)> {
    let (file, number) = name.rsplit_once('#')?;
    Some((file, number.parse().ok()?))
}

/// The folder of the run that a person named, by its folder or its id.
pub fn run_named(name: &str, results: &Path) -> Option<PathBuf> {
    let mut places = [PathBuf::from(name), results.join(name)].into_iter();
    places.find(|run| run.join(RUN_FILE).is_file())
}

/// The newest run in a folder.
pub fn newest_run(results: &Path) -> anyhow::Result<PathBuf> {
    runs(results).pop().with_context(|| {
        format!(
            "no run in {} yet. To build a Dockerfile and explain that, use `buildrace explain \
             Dockerfile`; to make a run, `buildrace compare Dockerfile Dockerfile.new`; to explain \
             the build that ended last, `buildrace explain --last`",
            results.display()
        )
    })
}

/// Whether a file is a Dockerfile: by its name, or by its first instruction. It does not
/// begin as a recording does.
fn is_dockerfile(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(4096).read_to_end(&mut start));
    let line = start.split(|byte| *byte == b'\n').next();
    let is_compressed = start.starts_with(&[0x1f, 0x8b]) || start.starts_with(&[0x28, 0xb5]);
    let is_recording = read.is_err()
        || is_compressed
        || start.starts_with(b"{")
        || plain::is_step_line(line.unwrap_or_default());
    !is_recording && (is_named_as_dockerfile(path) || begins_as_dockerfile(&start))
}

fn is_named_as_dockerfile(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let name = name.to_string_lossy().to_lowercase();
    matches!(name.as_str(), "dockerfile" | "containerfile")
        || name.starts_with("dockerfile.")
        || name.ends_with(".dockerfile")
}

/// Whether the first line that is no comment begins a Dockerfile.
fn begins_as_dockerfile(start: &[u8]) -> bool {
    let text = String::from_utf8_lossy(start);
    let mut lines = text.lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    let word = first.and_then(|line| line.split_whitespace().next());
    word.is_some_and(|word| {
        ["FROM", "ARG"]
            .iter()
            .any(|it| word.eq_ignore_ascii_case(it))
    })
}

fn has_trace(run: &Path, sample: &str) -> bool {
    trace_path(run, sample).is_ok_and(|path| path.is_file())
}

/// The sample that a file is the trace of.
fn sample_of_trace(path: &Path) -> Option<Source> {
    let sample = path.file_name()?.to_str()?.strip_suffix(".rawjson.gz")?;
    let path = std::path::absolute(path).ok()?;
    let run = path.parent()?.parent()?;
    let is_own = trace_path(run, sample).is_ok_and(|own| own == path);
    let is_trace = is_own && run.join(RUN_FILE).is_file();
    is_trace.then(|| Source::Sample {
        run: run.to_owned(),
        sample: sample.to_owned(),
    })
}
