//! Whether a text is what its format's definition says.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Format, annotations, exposition, junit_schema};
use crate::report::markdown::reader::assert_ours;

/// Panics unless the text is valid.
pub(super) fn assert_valid(format: Format, text: &str) {
    assert!(text.is_empty() || text.ends_with('\n'), "{format}");
    match format {
        Format::GithubSummary => assert_page(text, 512 * 1024),
        Format::MarkdownComment => assert_comment(text),
        Format::GithubAnnotations => annotations::assert_valid(text),
        Format::Junit => junit_schema::assert_valid(text),
        Format::GithubActionBenchmark => {
            assert_schema(
                text,
                include_str!("../../../../tests/fixtures/ci/github-action-benchmark.schema.json"),
            );
        }
        Format::Bmf => {
            assert_unique_keys(text);
            assert_schema(
                text,
                include_str!("../../../../tests/fixtures/ci/bmf.schema.json"),
            );
        }
        Format::Hyperfine => assert_hyperfine(text),
        Format::Otava => assert_history(text),
        Format::Prometheus => exposition::assert_valid_prometheus(text),
        Format::Openmetrics => exposition::assert_valid(text),
    }
}

fn assert_page(text: &str, limit: usize) {
    assert!(text.len() <= limit, "{} bytes", text.len());
    for c in text.chars() {
        assert!(c == '\n' || !c.is_control(), "{c:?} in {text}");
    }
    assert_ours(text);
}

fn assert_comment(text: &str) {
    let (marker, _) = text.split_once('\n').unwrap();
    assert!(marker.starts_with("<!-- buildrace:comment:") && marker.ends_with(" -->"));
    assert_eq!(marker.matches("--").count(), 2, "{marker}");
    assert_page(text, 65_536);
}

fn assert_schema(text: &str, schema: &str) -> Value {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let document: Value = serde_json::from_str(text).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    let names: Vec<&str> = match &document {
        Value::Array(benchmarks) => benchmarks
            .iter()
            .filter_map(|b| b["name"].as_str())
            .collect(),
        Value::Object(benchmarks) => benchmarks.keys().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    assert_each_once(&names);
    document
}

/// A JSON parser keeps the last of two equal keys, so they are counted in the
/// text: keys of benchmarks are the lines with two blanks before them.
fn assert_unique_keys(text: &str) {
    let keys: Vec<&str> = text.lines().filter(|l| l.starts_with("  \"")).collect();
    assert_each_once(&keys);
}

fn assert_each_once(names: &[&str]) {
    let once: BTreeSet<&&str> = names.iter().collect();
    assert_eq!(once.len(), names.len(), "{names:?}");
}

fn assert_hyperfine(text: &str) {
    let schema = include_str!("../../../../tests/fixtures/ci/hyperfine.schema.json");
    let document = assert_schema(text, schema);
    let results = document["results"].as_array().unwrap();
    let commands: Vec<&str> = results
        .iter()
        .filter_map(|r| r["command"].as_str())
        .collect();
    assert_each_once(&commands);
    for result in results {
        let number = |key: &str| result[key].as_f64().unwrap();
        let times: Vec<f64> = result["times"]
            .as_array()
            .unwrap()
            .iter()
            .map(|time| time.as_f64().unwrap())
            .collect();
        let codes = result["exit_codes"].as_array().unwrap();
        assert_eq!(times.len(), codes.len());
        assert_eq!(result["stddev"].is_null(), times.len() == 1);
        let least = times.iter().copied().min_by(f64::total_cmp).unwrap();
        let greatest = times.iter().copied().max_by(f64::total_cmp).unwrap();
        assert_eq!((least, greatest), (number("min"), number("max")));
        let mean = times.iter().sum::<f64>() / times.len() as f64;
        assert!((mean - number("mean")).abs() < 1e-5);
        assert!(number("min") <= number("median") && number("median") <= number("max"));
    }
}

/// Header and, where there is one, a row as Otava's importer wants them.
fn assert_history(text: &str) {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    // The reader refuses records of different lengths.
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert!((1..=2).contains(&records.len()), "{text}");
    let header: Vec<&str> = records[0].iter().collect();
    assert_each_once(&header);
    assert_eq!(header[..4], ["time", "run", "commit", "reference_commit"]);
    // Otava takes a column of this name for the branch.
    assert!(!header.contains(&"branch"));
    for row in &records[1..] {
        assert!(row[0].parse::<jiff::Timestamp>().is_ok());
        assert!(row.iter().all(|cell| !cell.trim().is_empty()), "{row:?}");
        for value in row.iter().skip(4) {
            assert!(value.parse::<f64>().unwrap().is_finite(), "{value}");
        }
    }
    for record in &records {
        for cell in record.iter().filter(|cell| cell.parse::<f64>().is_err()) {
            assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell:?}");
            assert!(!cell.contains(char::is_control), "{cell:?}");
        }
    }
}

#[test]
fn schemas_refuse_what_their_readers_do() {
    for (schema, bad) in [
        (
            include_str!("../../../../tests/fixtures/ci/github-action-benchmark.schema.json"),
            [
                r#"{}"#,
                r#"[{"name":"a","unit":"s"}]"#,
                r#"[{"name":"a","unit":"s","value":null}]"#,
            ],
        ),
        (
            include_str!("../../../../tests/fixtures/ci/bmf.schema.json"),
            [
                r#"[]"#,
                r#"{"a":{"latency":{"lower_value":1}}}"#,
                r#"{"a":{"latency":1}}"#,
            ],
        ),
        (
            include_str!("../../../../tests/fixtures/ci/hyperfine.schema.json"),
            [
                r#"{}"#,
                r#"{"results":[{"command":"a"}]}"#,
                r#"{"results":{}}"#,
            ],
        ),
    ] {
        let schema: Value = serde_json::from_str(schema).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for bad in bad {
            let bad: Value = serde_json::from_str(bad).unwrap();
            assert!(!validator.is_valid(&bad), "{bad}");
        }
    }
}
