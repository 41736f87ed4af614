//! `--format`: what is written, and where.

use std::fs;
use std::path::{Path, PathBuf};

use super::buildrace;
use super::project::Project;

/// The published runs, by name.
fn results() -> (PathBuf, Vec<String>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap());
    let runs = entries.filter(|entry| entry.path().join("run.json").is_file());
    let mut runs: Vec<String> = runs
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    runs.sort();
    (folder, runs)
}

/// Reports runs, and returns stdout and stderr.
fn report(project: &Project, runs: &[&str], format: &str) -> (String, String) {
    let output = buildrace(project)
        .arg("report")
        .args(runs)
        .arg("--results")
        .arg(results().0)
        .args(["--reports", "reports", "--format", format])
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    (String::from_utf8(output.stdout).unwrap(), stderr)
}

#[test]
fn a_run_that_is_reported_twice_is_in_a_history_once() {
    let project = Project::new();
    let (_, runs) = results();
    let run = runs.first().expect("a published run").as_str();
    for _ in 0..2 {
        report(&project, &[run, run], "otava=history.csv");
    }
    let file = project.path().join("history.csv");
    let mut history = csv::Reader::from_path(file).unwrap();
    let rows: Vec<csv::StringRecord> = history.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(&rows[0][1], run);
    assert!(rows[0].iter().all(|cell| !cell.is_empty()), "{rows:?}");
}

#[test]
fn a_format_on_stdout_stands_there_alone() {
    let project = Project::new();
    let (_, runs) = results();
    let (stdout, _) = report(&project, &[&runs[0]], "prometheus");
    let starts = ["# TYPE buildrace_", "# HELP buildrace_", "buildrace_"];
    for line in stdout.lines() {
        assert!(starts.iter().any(|start| line.starts_with(start)), "{line}");
    }
    assert!(
        stdout.contains("buildrace_build_duration_seconds{"),
        "{stdout}"
    );
}
