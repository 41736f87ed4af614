//! `run --resume` where there is nothing to go on with.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Project, assert_says, buildrace};

/// A copy of the oldest published run, its folder's name being its id.
fn published(project: &Project) -> (String, PathBuf) {
    copied(project, |_| true)
}

/// A copy of the oldest published run whose record says something.
fn copied(project: &Project, is_meant: fn(&str) -> bool) -> (String, PathBuf) {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    let mut runs = buildrace::store::runs(&all).into_iter();
    let record = |run: &Path| fs::read_to_string(run.join("run.json")).unwrap();
    let run = runs.find(|run| is_meant(&record(run))).unwrap();
    let id = run.file_name().unwrap().to_str().unwrap().to_owned();
    let folder = project.path().join("results").join(&id);
    fs::create_dir_all(&folder).unwrap();
    for file in ["run.json", "events.jsonl", "samples.csv"] {
        fs::copy(run.join(file), folder.join(file)).unwrap();
    }
    (id, folder)
}

fn ends(project: &Project, code: i32, args: &[&str]) -> String {
    let output = buildrace(project).args(args).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    stderr
}

#[test]
fn a_finished_run_has_nothing_to_resume() {
    let project = Project::new();
    let (id, folder) = published(&project);
    for name in [id.as_str(), folder.to_str().unwrap()] {
        let said = ends(&project, 0, &["run", "--resume", name]);
        assert_says(&said, &["nothing to resume", &id]);
    }
}

#[test]
fn only_runs_of_run_are_resumed() {
    let project = Project::new();
    let (id, folder) = published(&project);
    let edit = |file: &str, change: fn(String) -> String| {
        let path = folder.join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, change(text)).unwrap();
    };
    cut_off(&folder);
    // An unfinished run of `run` gets as far as the project allows.
    let said = ends(&project, 2, &["run", "--resume", &id]);
    assert_says(&said, &["go-hello"]);
    edit("run.json", |text| {
        text.replacen("\"run\",", "\"compare\",", 1)
    });
    let said = ends(&project, 2, &["run", "--resume", &id]);
    assert_says(&said, &["made by `buildrace compare`", "buildrace run"]);
}

/// Takes the end of a run away.
fn cut_off(folder: &Path) {
    let path = folder.join("events.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    fs::write(path, lines[..lines.len() - 1].join("\n") + "\n").unwrap();
}

#[test]
fn caches_and_exports_with_a_place_are_typed_again() {
    type Meant = fn(&str) -> bool;
    let cases: [(Meant, &str); 2] = [
        (
            |record| record.contains("--ci-cache"),
            "add --ci-cache type=none,cache-mounts=restored,name=mounts --ci-cache \
             type=registry,mode=max,name=registry-max,…",
        ),
        (
            |record| record.contains("type=registry,registry.insecure=true"),
            "add --output type=registry,registry.insecure=true,…",
        ),
    ];
    for (is_meant, expected) in cases {
        let project = Project::new();
        let (id, folder) = copied(&project, is_meant);
        cut_off(&folder);
        let said = ends(&project, 2, &["run", "--resume", &id]);
        assert_says(&said, &[expected, "does not store"]);
    }
}

#[test]
fn what_the_run_began_with_cannot_be_chosen_again() {
    let project = Project::new();
    for args in [
        &["tiny"][..],
        &["--kinds", "cold"],
        &["--variant", "naive"],
        &["--platform", "linux/amd64"],
        &["--rounds", "3"],
        &["--seed", "3"],
        &["--timeout", "3m"],
        &["--delta", "3%"],
        &["--keep-contaminated"],
        &["--image-size"],
    ] {
        let said = ends(&project, 2, &[&["run", "--resume", "x"], args].concat());
        assert_says(&said, &["--resume", "cannot be used with"]);
    }
    let said = ends(&project, 2, &["run", "--resume", "x"]);
    assert_says(&said, &["no run \"x\" in results"]);
}
