//! Results of a store, which is a folder here: `tests/object_store` has a server.

use std::path::Path;

use super::{assert_says, buildrace, refused};
use crate::project::Project;

const RUN: &str = "20261124T192353Z-36d018";

#[test]
fn a_run_that_one_machine_sent_another_reports() {
    let (one, other) = (Project::new(), Project::new());
    let shared = tempfile::tempdir().unwrap();
    let url = format!("file://{}", shared.path().display());
    let published = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("results")
        .join(RUN);
    let published = published.display().to_string();
    let answer = |project: &Project, args: &[&str]| {
        let output = buildrace(project)
            .args(args)
            .args(["--results", &url])
            .output();
        let output = output.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{stderr}");
        String::from_utf8(output.stdout).unwrap()
    };
    let sent = answer(&one, &["push", &published]);
    assert_says(&sent, &[&format!("sent {RUN} (")]);
    let sent = answer(&one, &["push"]);
    assert_says(&sent, &[&format!("nothing to send: {url} has all runs")]);

    // The newest one, a sample of no named run, and a run that is resumed.
    assert_says(&answer(&other, &["report"]), &[RUN]);
    assert!(
        other
            .path()
            .join("reports")
            .join(RUN)
            .join("summary.md")
            .is_file()
    );
    let trace = shared.path().join("runs").join(RUN).join("traces");
    let trace = std::fs::read_dir(trace).unwrap().next().unwrap().unwrap();
    let sample = trace.file_name().into_string().unwrap();
    let sample = sample.trim_end_matches(".rawjson.gz").to_owned();
    let third = Project::new();
    answer(&third, &["explain", &sample]);
    answer(&third, &["explain", &format!("{RUN}/{sample}")]);
    answer(&third, &["run", "--resume", RUN]);
    assert!(!third.path().join("results").exists());
}

#[test]
fn a_store_that_cannot_be_used_ends_a_race_before_it_begins() {
    let project = Project::new();
    let missing = format!("file://{}/missing", project.path().display());
    for (url, words) in [
        (missing.as_str(), &["no such bucket", "--results"][..]),
        (
            "s3://me:hidden@bucket/x",
            &["s3://***@bucket/x", "environment"],
        ),
        ("ftp://host/x", &["ftp://host/x", "s3://BUCKET/PREFIX"]),
    ] {
        for verb in [&["run"][..], &["report"], &["push"], &["explain", "x"]] {
            let line = refused(&project, &[verb, &["--results", url]].concat());
            assert_says(&line, words);
            assert!(!line.contains("hidden"), "{line}");
        }
    }
}
