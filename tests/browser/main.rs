//! Pages in a browser, from files and with the network off: they load nothing,
//! sort, read without their script, and axe-core finds nothing serious.
//! `scripts/browser` installs what drives Chromium, and `scripts/test` calls it.

mod hostile;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use buildrace::explain::RunExplanation;
use buildrace::model::Run;
use buildrace::ops::report;
use buildrace::report::runs::{MachineClass, Measured, SideBySide, history};
use buildrace::report::site::{self, RunLine, Site};
use buildrace::report::{PageLinks, View, page};
use buildrace::store::{StoredRun, read_run};
use serde_json::{Value, json};
use tempfile::TempDir;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The published runs, explained.
fn published() -> Vec<(StoredRun, RunExplanation)> {
    let entries = fs::read_dir(root().join("results")).unwrap();
    let folders = entries.map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = folders
        .filter(|folder| folder.join("run.json").is_file())
        .collect();
    folders.sort();
    assert!(!folders.is_empty(), "no published run");
    let runs = folders.iter().map(|folder| {
        let run = read_run(folder).unwrap();
        let explained = report::explain(&run).unwrap();
        (run, explained)
    });
    runs.collect()
}

fn write(folder: &TempDir, run: &StoredRun, explained: &RunExplanation, name: &str) -> PathBuf {
    let view = View::new(&run.run, explained);
    let links = PageLinks {
        results: Some(format!("../../results/{name}")),
    };
    let file = folder.path().join(format!("{name}.html"));
    fs::write(&file, page(&view, explained, &links)).unwrap();
    file
}

/// Opens pages, and fails with everything that is wrong with them.
fn check(folder: &TempDir, pages: &[Value]) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let installed = target.join("browser");
    let chromium = installed.join("chromium");
    assert!(
        chromium.exists() && installed.join("node_modules").is_dir(),
        "no browser: `scripts/browser` installs one, as `make test` does"
    );
    let list = folder.path().join("pages.json");
    fs::write(&list, Value::from(pages).to_string()).unwrap();
    let output = Command::new("node")
        .env("BUILDRACE_BROWSER", &installed)
        .arg(root().join("tests/browser/drive.mjs"))
        .args([&chromium, &list])
        .output()
        .unwrap();
    let (said, log) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}{log}");
    let checked: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(checked.len(), pages.len(), "{said}{log}");
    let wrong = checked.iter().filter(|page| page["problems"] != json!([]));
    let wrong: Vec<String> = wrong.map(|page| format!("{page:#}")).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn published_pages_work_from_a_file_with_the_network_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut pages = Vec::new();
    for (run, explained) in published() {
        let name = run.run.record.run.clone();
        let file = write(&folder, &run, &explained, &name);
        // Reading a page takes axe seconds. Pages differ little in themes and
        // sizes: one is read in all four, the others in one each, by turns.
        let looks = match pages.len() {
            0 => vec![0, 1, 2, 3],
            at => vec![at % 4],
        };
        pages.push(json!({ "file": file, "axe": looks }));
    }
    check(&folder, &pages);
}

/// The pages of the site beside those of its runs, and runs side by side: with a
/// history of two levels.
#[test]
fn pages_of_several_runs_work_from_a_file_with_the_network_off() {
    let folder = tempfile::tempdir().unwrap();
    let runs: Vec<Run> = history_of(&published().swap_remove(0).0.run);
    let mut site = Site::default();
    for run in &runs {
        let view = View::new(run, &RunExplanation::default());
        site.runs
            .push(RunLine::new(&view, MachineClass::of(&run.record)));
    }
    site.runs.reverse();
    site.series = history(runs.iter().map(Measured::of));
    assert!(!site.changes().is_empty(), "no change to show");
    let scenario = site.scenarios()[0].to_owned();
    let side_by_side = SideBySide::new(&[&runs[0], &runs[19]]).unwrap();
    let pages = [
        ("index", site::index(&site)),
        ("scenario", site::scenario(&site, &scenario)),
        ("runs", side_by_side.html()),
    ];
    let pages: Vec<Value> = pages
        .into_iter()
        .map(|(name, page)| {
            let file = folder.path().join(format!("{name}.html"));
            fs::write(&file, page).unwrap();
            json!({ "file": file, "axe": [0, 3], "several": true })
        })
        .collect();
    check(&folder, &pages);
}

/// A run a day, slower from the eleventh on.
fn history_of(run: &Run) -> Vec<Run> {
    let days = (0..20u32).map(|day| {
        let mut run = run.clone();
        run.record.run = format!("run-{day:02}");
        run.record.started += Duration::from_secs(u64::from(day) * 86_400);
        let slower = if day < 10 { 1.0 } else { 1.3 };
        let noise = 1.0 + 0.002 * f64::from(day % 5);
        for sample in &mut run.samples {
            sample.wall = sample.wall.mul_f64(slower * noise);
        }
        run
    });
    days.collect()
}

#[test]
fn hostile_names_stay_text() {
    let folder = tempfile::tempdir().unwrap();
    let (mut run, mut explained) = published().swap_remove(0);
    hostile::spoil(&mut run.run, &mut explained);
    let file = write(&folder, &run, &explained, "hostile");
    let page = json!({ "file": file, "axe": [0, 1], "hostile": hostile::NAMES });
    check(&folder, &[page]);
}
