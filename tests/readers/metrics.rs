//! The two formats of metrics: both are read by what reads Prometheus' text
//! format, and OpenMetrics by its parser too.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use buildrace::report::Format;

use super::server::Server;
use super::{files, python, reader, root};

const FORMATS: [Format; 2] = [Format::Prometheus, Format::Openmetrics];

/// What was once written as OpenMetrics: with a metric of the type `info`,
/// which a textfile collector and a push gateway refuse.
fn with_info() -> PathBuf {
    root().join("tests/fixtures/cases/openmetrics/dc.openmetrics")
}

fn samples(text: &str) -> usize {
    text.lines().filter(|line| !line.starts_with('#')).count()
}

#[test]
fn the_python_client_reads_the_same_from_both_formats() {
    let (_folder, prometheus) = files(Format::Prometheus);
    let (_other, openmetrics) = files(Format::Openmetrics);
    let read = python("metrics.py", &prometheus);
    assert_eq!(read.len(), prometheus.len());
    // By the parser of either format.
    let again = python("metrics.py", &openmetrics);
    assert_eq!(again.len(), 2 * openmetrics.len());
    for ((file, read), again) in prometheus.iter().zip(&read).zip(again.chunks(2)) {
        let text = fs::read_to_string(file).unwrap();
        assert_eq!(read.as_array().unwrap().len(), samples(&text));
        assert_eq!([read, read], [&again[0], &again[1]], "{}", file.display());
    }
}

#[test]
fn promtool_has_nothing_to_say_against_either_format() {
    let check = |file: &PathBuf| {
        let output = Command::new(reader("promtool"))
            .args(["check", "metrics"])
            .stdin(Stdio::from(fs::File::open(file).unwrap()))
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), told)
    };
    for format in FORMATS {
        let (_folder, files) = files(format);
        for file in &files {
            let (passed, told) = check(file);
            assert!(passed && told.is_empty(), "{}: {told}", file.display());
        }
    }
    let (passed, told) = check(&with_info());
    assert!(!passed && told.contains("info"), "{told}");
}

#[test]
fn a_push_gateway_takes_both_formats() {
    let gateway = Server::start("prometheus-pushgateway", &[]);
    for format in FORMATS {
        let (_folder, files) = files(format);
        for (at, file) in files.iter().enumerate() {
            let text = fs::read_to_string(file).unwrap();
            let path = format!("/metrics/job/buildrace/instance/{format}-{at}");
            let (status, told) = gateway.ask("PUT", &path, &text);
            assert_eq!(status, 200, "{}: {told}", file.display());
        }
        let (_, shown) = gateway.ask("GET", "/metrics", "");
        let first = format!("instance=\"{format}-0\"");
        let held = shown.lines().filter(|line| line.contains(&first));
        let ours = held.filter(|line| line.starts_with("buildrace_"));
        let text = fs::read_to_string(&files[0]).unwrap();
        assert_eq!(ours.count(), samples(&text));
    }
    // Its first lines: it answers without reading the others.
    let text = fs::read_to_string(with_info()).unwrap();
    let text: String = text.split_inclusive('\n').take(3).collect();
    let (status, told) = gateway.ask("PUT", "/metrics/job/info", &text);
    assert_eq!(status, 400, "{told}");
}

#[test]
fn a_textfile_collector_takes_both_formats() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Server::start(
        "prometheus-node-exporter",
        &[
            "--collector.disable-defaults".to_owned(),
            "--collector.textfile".to_owned(),
            format!("--collector.textfile.directory={}", folder.path().display()),
        ],
    );
    let collect = |file: &PathBuf| {
        fs::copy(file, folder.path().join("buildrace.prom")).unwrap();
        let (status, shown) = collector.ask("GET", "/metrics", "");
        assert_eq!(status, 200, "{}: {shown}", file.display());
        let ours = shown.lines().filter(|line| line.starts_with("buildrace_"));
        let is_taken = shown.contains("\nnode_textfile_scrape_error 0\n");
        (is_taken, ours.count())
    };
    for format in FORMATS {
        let (_folder, files) = files(format);
        for file in &files {
            let text = fs::read_to_string(file).unwrap();
            assert_eq!(collect(file), (true, samples(&text)), "{}", file.display());
        }
    }
    assert_eq!(collect(&with_info()), (false, 0));
}
