//! `buildrace explain` and `report` on recordings of builds that went some
//! other way than a plain one.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::project::Project;
use super::{buildrace, refused};

fn case(name: &str) -> PathBuf {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cases");
    cases.join(name)
}

/// What a command writes to stdout and stderr, with exit code 0.
fn written(project: &Project, args: &[&str]) -> (String, String) {
    let output = buildrace(project).args(args).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    (String::from_utf8(output.stdout).unwrap(), stderr)
}

fn json(project: &Project, args: &[&str]) -> Value {
    let (text, _) = written(project, &[&["explain", "--json"], args].concat());
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_step_whose_credential_is_hidden_keeps_its_line() {
    let project = Project::new();
    let recording = project.path().join("b.rawjson");
    let times = r#""started":"2026-01-01T00:00:00Z","completed":"2026-01-01T00:00:01Z""#;
    let name = "[2/2] RUN curl https://***@h/x";
    let vertex = format!(r#"{{"vertexes":[{{"digest":"a","name":"{name}",{times}}}]}}"#);
    fs::write(&recording, vertex).unwrap();
    let file = project.path().join("A");
    fs::write(&file, "FROM x\nRUN curl https://u:p@h/x\n").unwrap();
    let [recording, file] = [&recording, &file].map(|path| path.to_str().unwrap());
    let explained = json(&project, &[recording, "--file", file]);
    assert_eq!(explained["steps"][0]["line"], 2);
}

#[test]
fn no_file_is_waited_for() {
    let project = Project::new();
    let recording = case("onbuild-line/b.rawjson");
    let recording = recording.to_str().unwrap();
    let pipe = project.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let pipe = pipe.to_str().unwrap();
    for file in [pipe, "/dev/zero", "/"] {
        let error = refused(&project, &["explain", recording, "--file", file]);
        assert!(error.contains("not a regular file"), "{error}");
        let error = refused(&project, &["check", "--policy", file]);
        assert!(error.contains("not a regular file"), "{error}");
    }
}

#[test]
fn builds_of_one_recording_are_explained_together_and_by_number() {
    let project = Project::new();
    let two = case("explain-failed/two.rawjson");
    let two = two.to_str().unwrap();
    let second = format!("{two}#2");
    let (text, _) = written(&project, &["explain", two]);
    for part in ["2 builds", "two.rawjson#1", "two.rawjson#2", "it failed at"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let both = json(&project, &[two]);
    assert_eq!(both["schema"], 1);
    let builds = both["builds"].as_array().unwrap();
    assert_eq!(builds.len(), 2);
    assert_eq!(builds[0]["failed"], Value::Null);
    let mut alone = json(&project, &[&second]);
    assert_eq!(alone["failure"]["by_step"], true);
    alone.as_object_mut().unwrap().remove("schema");
    assert_eq!(alone, builds[1]);

    let picture = project.path().join("x.svg");
    let picture = picture.to_str().unwrap();
    let error = refused(&project, &["explain", two, "--waterfall", picture]);
    assert!(error.contains("two.rawjson#1"), "{error}");
    written(&project, &["explain", &second, "--waterfall", picture]);
    let error = refused(&project, &["explain", two, &second]);
    assert!(error.contains("two.rawjson#1"), "{error}");
    written(&project, &["explain", &format!("{two}#1"), &second]);
    let error = refused(&project, &["explain", &format!("{two}#3")]);
    assert!(error.contains("it holds 2"), "{error}");
}

#[test]
fn a_heredoc_does_not_move_the_lines_after_it() {
    let project = Project::new();
    let recording = case("heredoc-lines/b.rawjson");
    let dockerfile = case("heredoc-lines/Dockerfile");
    let args = [
        recording.to_str().unwrap(),
        "-f",
        dockerfile.to_str().unwrap(),
    ];
    let answer = json(&project, &args);
    let steps = answer["steps"].as_array().unwrap();
    let line = |name: &str| {
        let step = steps
            .iter()
            .find(|step| step["name"].as_str().unwrap().contains(name));
        step.unwrap()["line"].as_u64()
    };
    assert_eq!(line("RUN cat <<EOF"), Some(2));
    assert_eq!(line("RUN echo second"), Some(5));
}

/// A published run, of which a sample's trace lacks its second half.
fn run_with_a_cut_trace(project: &Project, sample: &str) -> PathBuf {
    let name = "20261123T225710Z-dbe9c9";
    let published = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("results")
        .join(name);
    let run = project.path().join("results").join(name);
    let traces = run.join("traces");
    fs::create_dir_all(&traces).unwrap();
    for (from, to) in [
        (published.clone(), run.clone()),
        (published.join("traces"), traces.clone()),
    ] {
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            if entry.path().is_file() {
                fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
    }
    let trace = traces.join(format!("{sample}.rawjson.gz"));
    let bytes = fs::read(&trace).unwrap();
    fs::write(&trace, &bytes[..bytes.len() / 2]).unwrap();
    run
}

#[test]
fn a_trace_that_was_cut_off_is_warned_of_and_its_figures_are_marked() {
    let project = Project::new();
    let sample = "r1-06-go-hello-naive-multi-arch";
    let run = run_with_a_cut_trace(&project, sample);
    let run = run.to_str().unwrap();
    let (text, warning) = written(&project, &["explain", run, "--all"]);
    assert!(
        warning.contains(sample) && warning.contains("is cut off after"),
        "{warning}"
    );
    let mut rows = text.lines().filter(|line| line.contains(sample));
    assert!(
        rows.next()
            .unwrap()
            .contains("incomplete: the trace ends after"),
        "{text}"
    );

    let (text, warning) = written(&project, &["explain", &format!("{run}/{sample}")]);
    assert!(warning.contains(sample), "{warning}");
    assert!(text.contains("incomplete: the trace ends after"), "{text}");
    let answer = json(&project, &[&format!("{run}/{sample}")]);
    assert_eq!(answer["complete"], false);
    assert_eq!(answer["what_if"], Value::Array(Vec::new()));
    assert!(
        answer["build"]["wall_seconds"].as_f64().unwrap() > answer["seconds"].as_f64().unwrap()
    );

    let reports = project.path().join("reports");
    let args = ["report", run, "--reports", reports.to_str().unwrap()];
    let (_, warning) = written(&project, &args);
    assert!(
        warning.contains(sample) && warning.contains("is cut off after"),
        "{warning}"
    );
}

#[test]
fn a_plain_log_says_what_it_is_and_nothing_that_it_does_not_know() {
    let project = Project::new();
    let log = "\
#0 building with \"default\" instance using docker driver

#1 [internal] load build definition from Dockerfile
#1 DONE 0.0s

#2 [linux/arm64 build 1/2] FROM docker.io/library/debian:trixie-slim
#2 DONE 0.1s

#3 [linux/amd64 build 2/2] RUN make
#3 DONE 2.0s

#4 [linux/arm64 build 2/2] RUN make
#4 DONE 30.0s
";
    fs::write(project.path().join("job.log"), log).unwrap();
    let stamped = log.lines().zip(10..).map(|(line, second)| {
        let second = if line.contains("30.0s") { 59 } else { second };
        format!("2026-11-28T10:00:{second}.1234567Z {line}\r\n")
    });
    let stamped: String = stamped.collect();
    fs::write(project.path().join("github.log"), &stamped).unwrap();
    // Its name is not asked what it holds.
    fs::write(project.path().join("dockerfile.log"), log).unwrap();
    written(&project, &["explain", "dockerfile.log"]);
    let node = ["--node", "linux/amd64"];
    let explain = |file: &str| written(&project, &[&["explain", file], &node[..]].concat()).0;

    let text = explain("job.log");
    for part in [
        "30.1 s or more, by the durations in the log",
        "From a plain log",
        "has no time stamps",
        "is emulated on linux/arm64",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(
        !text.contains("at once") && !text.contains("what if"),
        "{text}"
    );
    let answer = json(&project, &["job.log", "--node", "linux/amd64"]);
    assert_eq!(answer["clock"], "none");
    for key in ["begin", "concurrency"] {
        assert_eq!(answer[key], Value::Null, "{key}");
    }
    for option in ["--waterfall", "--trace-events"] {
        let error = refused(&project, &["explain", "job.log", option, "x.svg"]);
        assert!(error.contains("has no time stamps"), "{error}");
        assert!(error.contains("--progress=rawjson"), "{error}");
        assert!(!project.path().join("x.svg").exists());
    }

    let text = explain("github.log");
    for part in ["by the time stamps of the log", "at once", "what if"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(json(&project, &["github.log"])["clock"], "log");
    written(&project, &["explain", "github.log", "--waterfall", "x.svg"]);

    fs::write(project.path().join("two.log"), stamped.repeat(2)).unwrap();
    let (text, _) = written(&project, &["explain", "two.log"]);
    assert!(text.contains("two.log#2"), "{text}");
    assert_eq!(json(&project, &["two.log#2"])["clock"], "log");
}

#[test]
fn a_plain_log_is_sent_to_a_collector_only_with_time_stamps() {
    let project = Project::new();
    let log = "#1 [internal] load build definition from Dockerfile\n#1 DONE 0.1s\n";
    fs::write(project.path().join("job.log"), log).unwrap();
    let output = buildrace(&project)
        .args(["explain", "job.log"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("job.log is not sent"), "{stderr}");
}

/// What buildx 0.13.1 wrote with `--progress=plain`.
fn plain(name: &str) -> PathBuf {
    let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/plain");
    logs.join(name)
}

#[test]
fn plain_logs_of_builds_without_a_result_say_why() {
    let project = Project::new();
    for (log, words) in [
        (
            "failing.log",
            &["it failed at [fails 2/2] RUN sleep 1", "exit code: 42"][..],
        ),
        (
            "cancelled.log",
            &["it was cancelled", "it was at [long 2/2] RUN sleep 30"],
        ),
        (
            "unparsable.log",
            &["it failed: failed to solve: dockerfile parse error on line 2"],
        ),
        ("killed.log", &["incomplete"]),
    ] {
        let (text, _) = written(&project, &["explain", plain(log).to_str().unwrap()]);
        for word in words {
            assert!(text.contains(word), "{log}: {word}: {text}");
        }
    }
    let cached = json(&project, &[plain("cached.log").to_str().unwrap()]);
    assert_eq!(cached["complete"], true);
    let mut platforms = cached["platforms"].as_array().unwrap().iter();
    assert!(platforms.all(|facts| facts["steps"] == 6 && facts["cached"] == 6));

    let names = [
        "failing.log",
        "unparsable.log",
        "cancelled.log",
        "multi.log",
    ];
    let all = names.map(|name| fs::read_to_string(plain(name)).unwrap());
    fs::write(project.path().join("job.log"), all.concat()).unwrap();
    let together = json(&project, &["job.log"]);
    let builds = together["builds"].as_array().unwrap();
    assert_eq!(builds.len(), names.len());
    for (build, name) in builds.iter().zip(names) {
        let alone = json(&project, &[plain(name).to_str().unwrap()]);
        for key in ["failure", "seconds", "steps", "complete"] {
            assert_eq!(build[key], alone[key], "{name}: {key}");
        }
    }
}
