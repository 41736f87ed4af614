//! Each format, read by the programs that people read it with, as far as PyPI
//! and Debian have them. `scripts/readers` installs them, and `scripts/test`
//! calls it; `docs/ci.md` says which format has which reader.
//!
//! What is read are the outputs that the snapshot tests keep, a hostile one
//! among them, and those of the published runs.

mod change_points;
mod metrics;
mod server;
mod workflows;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use buildrace::report::{Format, View};
use buildrace::store::read_run;
use serde_json::{Value, json};
use tempfile::TempDir;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A reader that `scripts/readers` installs; the machine's own where that has it.
fn reader(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let installed = ["readers/venv/bin", "readers/bin"].map(|bin| target.join(bin).join(name));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = std::env::split_paths(&path).map(|folder| folder.join(name));
    let found = installed.into_iter().chain(own).find(|file| file.is_file());
    found.unwrap_or_else(|| {
        panic!("{name} is not there: `scripts/readers` installs it, as `make test` does")
    })
}

fn run<A: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = A>) -> Output {
    let output = Command::new(reader(name)).args(arguments).output();
    output.unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What a reader prints on stdout, if all is well.
fn answer<A: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = A>) -> String {
    let output = run(name, arguments);
    assert!(
        output.status.success(),
        "{name}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The Python program of a reader's library, and its arguments.
fn python(program: &str, files: &[PathBuf]) -> Vec<Value> {
    let program = root().join("tests/readers").join(program);
    let arguments = std::iter::once(&program).chain(files);
    let lines = answer("python", arguments);
    let lines = lines.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

/// Published runs.
fn views() -> Vec<View> {
    let mut views = Vec::new();
    for entry in fs::read_dir(root().join("results")).unwrap() {
        let folder = entry.unwrap().path();
        if folder.join("run.json").is_file() {
            let run = read_run(&folder).unwrap();
            views.push(View::new(&run.run, &Default::default()));
        }
    }
    assert!(!views.is_empty(), "no published run");
    views
}

/// Files of a format: what the snapshot tests keep, and the published runs.
fn files(format: Format) -> (TempDir, Vec<PathBuf>) {
    let mut texts = Vec::new();
    let snapshots = root().join("src/report/ci/tests/snapshots");
    for view in ["failed_check", "failures", "hostile"] {
        let name = format!("buildrace__report__ci__tests__{view}_{format}.snap");
        let snapshot = fs::read_to_string(snapshots.join(name)).unwrap();
        let (_, text) = snapshot.split_once("\n---\n").unwrap();
        texts.push(format!("{}\n", text.trim_end_matches('\n')));
    }
    texts.extend(views().iter().map(|view| format.render(view)));
    let folder = tempfile::tempdir().unwrap();
    let files = texts.iter().enumerate().map(|(at, text)| {
        let file = folder.path().join(format!("{at}.{format}"));
        fs::write(&file, text).unwrap();
        file
    });
    let files = files.collect();
    (folder, files)
}

#[test]
fn junitparser_and_junit2html_read_junit() {
    let (folder, files) = files(Format::Junit);
    let counted = python("junit.py", &files);
    assert_eq!(counted.len(), files.len());
    let mut wrong = 0;
    for (file, counted) in files.iter().zip(counted) {
        let text = fs::read_to_string(file).unwrap();
        let count = |tag: &str| text.matches(tag).count();
        let written = ["<testcase ", "<failure ", "<error ", "<skipped"].map(count);
        assert_eq!(counted, json!(written), "{}", file.display());
        wrong += written[1] + written[2];
    }
    assert!(wrong > 0, "no file has a failure to read");
    let page = folder.path().join("page.html");
    for file in &files[..3] {
        answer("junit2html", [file, &page]);
        let page = fs::read_to_string(&page).unwrap();
        assert!(page.contains("go-hello") || page.contains("calc"), "{page}");
    }
}

#[test]
fn otava_finds_the_run_at_which_times_changed() {
    let view = views().into_iter().find(View::is_complete).unwrap();
    // Otava takes no row of the future.
    let mut started: jiff::Timestamp = "2024-01-01T08:00:00Z".parse().unwrap();
    let mut history = String::new();
    for run in 0..24_u32 {
        // What is between -1 and 1% is nobody's doing.
        let noise = 1.0 + f64::from(run * 7 % 5) * 0.005 - 0.01;
        let slower = if run < 14 { 1.0 } else { 1.5 };
        let mut of_run = view.clone();
        of_run.run = format!("run-{run}");
        of_run.started = started;
        of_run.commit = Some(format!("commit-{run}"));
        for variant in of_run.scenarios.iter_mut().flat_map(|s| &mut s.variants) {
            for cell in variant.cells.values_mut() {
                let times = cell.times.as_mut().unwrap();
                times.median *= noise * slower;
            }
        }
        let text = Format::Otava.render(&of_run);
        let (header, row) = text.split_once('\n').unwrap();
        if history.is_empty() {
            history = format!("{header}\n");
        }
        history.push_str(row);
        started += Duration::from_secs(24 * 60 * 60);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.csv");
    fs::write(&file, history).unwrap();
    let changes = otava(folder.path(), &[file], &[]);
    let changes: Vec<&Value> = changes
        .iter()
        .flat_map(|t| t["t0"].as_array().unwrap())
        .collect();
    let commits = changes.iter().map(|change| &change["attributes"]["commit"]);
    assert_eq!(commits.collect::<Vec<_>>(), ["commit-14"], "{changes:?}");
}

#[test]
fn otava_reads_every_history() {
    let (folder, files) = files(Format::Otava);
    assert_eq!(otava(folder.path(), &files, &[]).len(), files.len());
}

/// What Otava finds in each of these histories, in all of their columns.
fn otava(folder: &Path, histories: &[PathBuf], options: &[&str]) -> Vec<Value> {
    let tests = histories.iter().enumerate().map(|(at, file)| {
        let mut table = csv::Reader::from_path(file).unwrap();
        let columns: Vec<String> = table.headers().unwrap().iter().map(str::to_owned).collect();
        let metrics = columns.iter().enumerate().skip(4).map(|(at, column)| {
            let metric = json!({ "column": column, "direction": -1 });
            (format!("m{at}"), metric)
        });
        let test = json!({
            "type": "csv",
            "file": file,
            "time_column": columns[0],
            "attributes": columns[1..4],
            "metrics": serde_json::Map::from_iter(metrics),
        });
        (format!("t{at}"), test)
    });
    let tests = serde_json::Map::from_iter(tests);
    // What is JSON is YAML.
    let configured = folder.join("otava.yaml");
    fs::write(&configured, json!({ "tests": tests }).to_string()).unwrap();
    let output = Command::new(reader("otava"))
        .env("OTAVA_CONFIG", &configured)
        .arg("analyze")
        .args(tests.keys())
        .args(["--output", "json", "--since", "2000-01-01"])
        .args(options)
        .output()
        .unwrap();
    let (told, log) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{told}{log}");
    assert!(!log.contains("ERROR"), "{log}");
    let found = serde_json::Deserializer::from_str(&told).into_iter();
    found
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{error}: {told}{log}"))
}

#[test]
fn the_action_and_what_docs_show_of_ci_systems_are_by_their_schemas() {
    let docs = fs::read_to_string(root().join("docs/ci.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let shown = |chapter: &str| {
        let (_, text) = docs.split_once(&format!("\n## {chapter}\n")).unwrap();
        let (_, yaml) = text.split_once("```yaml\n").unwrap();
        let (yaml, _) = yaml.split_once("```").unwrap();
        let file = folder.path().join(format!("{chapter}.yml"));
        fs::write(&file, yaml).unwrap();
        file
    };
    for (schema, file) in [
        ("vendor.github-actions", root().join("action.yml")),
        (
            "vendor.github-workflows",
            root().join(".github/workflows/ci.yml"),
        ),
        ("vendor.github-workflows", shown("GitHub")),
        ("vendor.gitlab-ci", shown("GitLab")),
    ] {
        let file = file.to_str().unwrap();
        answer("check-jsonschema", ["--builtin-schema", schema, file]);
    }
}
