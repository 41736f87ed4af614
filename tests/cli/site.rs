//! A site of runs, and runs side by side.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::buildrace;
use super::project::Project;

/// Published runs of one program, for four platforms and for two.
const RUNS: [&str; 2] = ["20261126T115603Z-8129a9", "20261126T122914Z-b8747c"];

/// A project with copies of published runs.
fn project() -> Project {
    let project = Project::new();
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    for run in RUNS {
        for entry in walkdir::WalkDir::new(results.join(run)) {
            let entry = entry.unwrap();
            let within = entry.path().strip_prefix(&results).unwrap();
            let copy = project.path().join("results").join(within);
            match entry.file_type().is_dir() {
                true => fs::create_dir_all(copy).unwrap(),
                false => drop(fs::copy(entry.path(), copy).unwrap()),
            }
        }
    }
    project
}

#[test]
fn a_site_has_a_page_a_run_and_a_damaged_one_hides_no_other() {
    let project = project();
    let trace = fs::read_dir(project.path().join("results").join(RUNS[0]).join("traces"));
    let trace = trace.unwrap().next().unwrap().unwrap().path();
    let mut damaged = GzEncoder::new(Vec::new(), Compression::fast());
    damaged.write_all(b"{\"vertexes\": 5}\n").unwrap();
    fs::write(trace, damaged.finish().unwrap()).unwrap();
    fs::create_dir_all(project.path().join("results/broken")).unwrap();
    fs::write(project.path().join("results/broken/run.json"), "{").unwrap();
    let output = buildrace(&project)
        .args(["site", "--output", "pages"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(&format!("{} has no page", RUNS[0])), "{said}");
    assert!(said.contains("broken is left out"), "{said}");
    let page = |name: &str| fs::read_to_string(project.path().join("pages").join(name));
    let index = page("index.html").unwrap();
    assert!(
        index.contains(RUNS[1]) && index.contains("broken"),
        "{index}"
    );
    assert!(page(&format!("{}/index.html", RUNS[1])).is_ok());
    assert!(page("scenarios/platforms.html").is_ok());
    assert!(page("changes.xml").is_ok());
}

#[test]
fn runs_stand_side_by_side_in_every_form() {
    let project = project();
    let mut command = buildrace(&project);
    command.arg("report").args(RUNS);
    for form in ["html", "markdown", "svg", "csv", "json"] {
        command.args(["--format", &format!("{form}=out/{form}")]);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("other platforms: not compared"), "{said}");
    for form in ["html", "markdown", "svg", "csv", "json"] {
        let text = fs::read_to_string(project.path().join("out").join(form)).unwrap();
        assert!(text.contains(RUNS[1]), "{form}: {text}");
    }
    let output = buildrace(&project)
        .arg("report")
        .args(RUNS)
        .args(["--format", "junit"])
        .output();
    let output = output.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("junit is a format of one run"), "{said}");
}
