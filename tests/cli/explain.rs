//! `buildrace explain` on recordings: what it answers, and what it refuses.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::Value;

use super::project::Project;
use super::{assert_says, buildrace, refused};

/// A recording of buildx 0.13, of a cross-compiling build for two platforms.
fn recording() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/traces/cross-cold.rawjson")
}

/// A published run.
fn results() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("results")
}

/// What `buildrace explain ARGS` writes to stdout, with exit code 0.
fn explained(project: &Project, args: &[&str], stdin: &[u8]) -> String {
    let output = buildrace(project)
        .arg("explain")
        .args(args)
        .write_stdin(stdin)
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(project: &Project, args: &[&str], stdin: &[u8]) -> Value {
    let args = [args, &["--json"]].concat();
    serde_json::from_str(&explained(project, &args, stdin)).unwrap()
}

/// The kinds of the RUN steps, in order.
fn run_kinds(answer: &Value) -> Vec<&str> {
    let steps = answer["steps"].as_array().unwrap();
    let kinds = steps.iter().filter_map(|step| step["kind"].as_str());
    let mut kinds: Vec<&str> = kinds.filter(|kind| kind.ends_with("-run")).collect();
    kinds.sort_unstable();
    kinds
}

#[test]
fn json_in_the_log_of_a_github_job_is_no_command() {
    let project = Project::new();
    let recording = fs::read_to_string(recording()).unwrap();
    let name = "RUN ##[error]stopped ::error::";
    let recording = recording.replace("] RUN ", &format!("] {name}"));
    let text = explained(&project, &["-", "--json"], recording.as_bytes());
    assert!(!text.contains("##["), "{text}");
    let starts = text.lines().map(str::trim_start);
    assert_eq!(starts.filter(|line| line.starts_with("::")).count(), 0);
    // It is the name that it was.
    let answer: Value = serde_json::from_str(&text).unwrap();
    let steps = answer["steps"].as_array().unwrap().iter();
    let named = steps.filter_map(|step| step["name"].as_str());
    assert!(
        named.filter(|step| step.contains(name)).count() > 1,
        "{text}"
    );
}

#[test]
fn a_recording_is_read_from_a_file_compressed_or_not_and_from_stdin() {
    let project = Project::new();
    let plain = recording();
    let bytes = fs::read(&plain).unwrap();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&bytes).unwrap();
    let compressed = project.path().join("build.json");
    fs::write(&compressed, encoder.finish().unwrap()).unwrap();
    let zstd = project.path().join("build.txt");
    fs::write(
        &zstd,
        compress_to_vec(&bytes[..], CompressionLevel::Fastest),
    )
    .unwrap();
    let mut with_warning = b"WARNING: No output specified\n".to_vec();
    with_warning.extend(&bytes);

    let mut answers: Vec<Value> = [
        (plain.to_str().unwrap(), &[][..]),
        (compressed.to_str().unwrap(), &[]),
        (zstd.to_str().unwrap(), &[]),
        ("-", &with_warning),
    ]
    .into_iter()
    .map(|(file, stdin)| json(&project, &[file], stdin))
    .collect();
    for answer in &mut answers {
        assert_eq!(answer["schema"], 1);
        assert_eq!(answer["complete"], true);
        answer.as_object_mut().unwrap().remove("build");
    }
    for answer in &answers[1..] {
        assert_eq!(answer, &answers[0]);
    }
}

#[test]
fn only_a_known_node_makes_steps_emulated_or_native() {
    let project = Project::new();
    let file = recording();
    let file = file.to_str().unwrap();
    let unknown = json(&project, &[file], b"");
    assert_eq!(run_kinds(&unknown), ["unknown-run"; 4]);
    let text = explained(&project, &[file], b"");
    assert!(text.contains("--node linux/amd64"), "{text}");

    let known = json(&project, &[file, "--node", "linux/amd64"], b"");
    assert_eq!(
        run_kinds(&known),
        ["cross-run", "emulated-run", "native-run", "native-run"]
    );
    // The same build, had it run on an arm64 node.
    let other = json(&project, &[file, "--node", "linux/arm64"], b"");
    assert_eq!(
        run_kinds(&other),
        ["emulated-run", "emulated-run", "emulated-run", "native-run"]
    );
}

#[test]
fn a_dockerfile_gives_lines() {
    let project = Project::new();
    let file = recording();
    let dockerfile = file.with_file_name("cross.Dockerfile");
    let args = [file.to_str().unwrap(), "-f", dockerfile.to_str().unwrap()];
    let answer = json(&project, &args, b"");
    let steps = answer["steps"].as_array().unwrap();
    let line = |instruction: &str| {
        let step = steps.iter().find(|step| {
            let text = step["instruction"].as_str().unwrap();
            text.starts_with(instruction)
        });
        step.unwrap()["line"].clone()
    };
    assert_eq!(line("WORKDIR"), 2);
    assert_eq!(line("RUN --mount"), 4);
    assert_eq!(line("COPY"), 7);
    assert_eq!(line("RUN uname"), 8);
}

#[test]
fn a_recording_that_was_cut_off_yields_what_it_has() {
    let project = Project::new();
    let bytes = fs::read(recording()).unwrap();
    let answer = json(&project, &["-"], &bytes[..bytes.len() * 2 / 3]);
    assert_eq!(answer["complete"], false);
    assert!(!answer["steps"].as_array().unwrap().is_empty());
    let text = explained(&project, &["-"], &bytes[..bytes.len() * 2 / 3]);
    assert!(text.contains("incomplete"), "{text}");
}

#[test]
fn a_run_and_its_samples_are_found_by_their_names() {
    let project = Project::new();
    let folder = results();
    let results = ["--results", folder.to_str().unwrap()];
    let run = "20261123T225710Z-dbe9c9";
    let sample = "r1-06-go-hello-naive-multi-arch";
    let in_run = format!("{run}/{sample}");
    let trace = folder.join(run).join(format!("traces/{sample}.rawjson.gz"));

    let answer = json(&project, &[&results[..], &[run]].concat(), b"");
    assert_eq!(answer["samples"].as_array().unwrap().len(), 24);
    let of = |name: &str| json(&project, &[&results[..], &[name]].concat(), b"");
    let by_trace = of(trace.to_str().unwrap());
    assert_eq!(by_trace["build"]["sample"], sample);
    assert_eq!(by_trace["node"], "linux/amd64");
    assert_eq!(of(sample), by_trace);
    assert_eq!(of(&in_run), by_trace);

    let file = recording();
    let mixed = [sample, file.to_str().unwrap(), "--node", "linux/amd64"];
    let diff = json(&project, &[&results[..], &mixed].concat(), b"");
    assert!(run_kinds(&diff["second"]).contains(&"emulated-run"));

    let all = explained(&project, &[&results[..], &[run, "--all"]].concat(), b"");
    assert!(all.contains("r3-08-go-hello-cross-noop"), "{all}");

    // Runs may have samples of one name.
    let cross = format!("{run}/r1-01-go-hello-cross-multi-arch");
    let diff = json(&project, &[&results[..], &[&in_run, &cross]].concat(), b"");
    assert!(diff["diff"]["seconds"].as_f64().unwrap() < -50.0);
}

#[test]
fn pictures_and_trace_events_go_where_they_are_told() {
    let project = Project::new();
    let (svg, events) = (
        project.path().join("build.svg"),
        project.path().join("build.json"),
    );
    let file = recording();
    let args = [
        file.to_str().unwrap(),
        "--waterfall",
        svg.to_str().unwrap(),
        "--trace-events",
        events.to_str().unwrap(),
    ];
    explained(&project, &args, b"");
    assert!(fs::read_to_string(svg).unwrap().contains("<svg"));
    let events: Value = serde_json::from_slice(&fs::read(events).unwrap()).unwrap();
    assert!(!events["traceEvents"].as_array().unwrap().is_empty());
}

#[test]
fn what_cannot_be_explained_is_refused_with_what_to_do() {
    let project = Project::new();
    project.write("notes.txt", "#1 [internal] load build definition\n");
    project.write(
        "classic.log",
        "\nStep 1/2 : FROM debian\n ---> 0123456789ab\n",
    );
    project.write("bake.json", "{\n  \"target\": {}\n}\n");
    project.write("broken.rawjson", "{}\n{\"vertexes\": 3}\n");
    project.write("empty.rawjson", "");
    project.write("x.rawjson", &fs::read_to_string(recording()).unwrap());
    project.write("long.txt", &"x".repeat(5000));
    fs::create_dir(project.path().join("folder")).unwrap();
    let long = refused(&project, &["explain", "long.txt"]);
    assert!(long.len() < 400, "{long}");
    let folder = results();
    let folder = folder.to_str().unwrap();
    let run = "20261123T225710Z-dbe9c9";
    for (args, words) in [
        (
            &["explain"][..],
            &["no run in results", "buildrace compare"][..],
        ),
        (&["explain", "nix"], &["nix", "results"]),
        (&["explain", "folder"], &["folder", "run.json"]),
        (
            &["explain", "notes.txt"],
            &["notes.txt", "line 1", "#1 [internal]", "2>build.rawjson"],
        ),
        (
            &["explain", "classic.log"],
            &[
                "classic.log",
                "line 2",
                "classic builder",
                "2>build.rawjson",
            ],
        ),
        (
            &["explain", "bake.json"],
            &["bake.json", "line 1", "JSON", "2>build.rawjson"],
        ),
        (
            &["explain", "empty.rawjson"],
            &["empty.rawjson", "--progress=rawjson"],
        ),
        (
            &["explain", "broken.rawjson"],
            &["broken.rawjson", "value 2"],
        ),
        (
            &["explain", "--results", folder, run, "--waterfall", "x.svg"],
            &["--waterfall", "sample"],
        ),
        (
            &["explain", "--results", folder, run, "--node", "linux/amd64"],
            &["--node", "recordings"],
        ),
        (
            &["explain", "--results", folder, "x.rawjson", "--cores", "8"],
            &["--cores", "a recording does not name"],
        ),
        (
            &["explain", "x.rawjson", "-f", "notes.txt"],
            &["notes.txt", "no Dockerfile"],
        ),
        (
            &["explain", "--results", folder, run, run],
            &["a run", "name a sample"],
        ),
        (
            &["explain", "--results", folder, &format!("{run}/r9-99-none")],
            &["r9-99-none", run],
        ),
    ] {
        assert_says(&refused(&project, args), words);
    }
}

/// What is wrong with a build is told before a builder is asked for: here there is none.
#[test]
fn a_dockerfile_that_cannot_be_built_is_refused_with_what_to_do() {
    let project = Project::new();
    project.write("app/Containerfile", "FROM debian:trixie-slim\n");
    project.write("app.txt", "# of the team\n\narg V=1\nFROM debian:$V\n");
    project.write("stage.Dockerfile", "FROM debian AS base\n");
    project.write("none.Dockerfile", "RUN true\n");
    project.write("x.rawjson", &fs::read_to_string(recording()).unwrap());
    fs::create_dir(project.path().join("empty")).unwrap();
    let engine = "unix:///nonexistent/docker.sock";
    for (args, words) in [
        // As far as asking for the builder they come.
        (&["explain", "app"][..], &[engine][..]),
        (&["explain", "app.txt"], &[engine]),
        (
            &["explain", "app", "--file", "stage.Dockerfile", "--no-cache"],
            &[engine],
        ),
        (&["explain", "app", "-f", "Containerfile"], &[engine]),
        (&["explain", "app", "-f", "nix"], &["nix", "app"]),
        (
            &["explain", "empty"],
            &["empty", "run.json", "no Dockerfile", "--file"],
        ),
        (
            &["explain", "app.txt", "-f", "stage.Dockerfile"],
            &["--file", "app.txt"],
        ),
        (
            &["explain", "app.txt", "--context", "nowhere"],
            &["--context", "nowhere"],
        ),
        (
            &["explain", "stage.Dockerfile", "--target", "test"],
            &["test", "base"],
        ),
        (
            &["explain", "none.Dockerfile"],
            &["none.Dockerfile:1", "no FROM"],
        ),
        (&["explain", "app", "--secret", "tok"], &["--secret"]),
        (
            &["explain", "app", "--node", "linux/arm64"],
            &["--node", "recordings"],
        ),
        (&["explain", "app", "--cores", "4"], &["--cores"]),
        (
            &["explain", "app", "x.rawjson"],
            &["app", "buildrace compare"],
        ),
        (
            &["explain", "x.rawjson", "app"],
            &["app", "buildrace compare"],
        ),
        (
            &["explain", "x.rawjson", "--no-cache"],
            &["--no-cache", "Dockerfile"],
        ),
        (
            &["explain", "--last", "--build-arg", "A=1"],
            &["--build-arg", "Dockerfile"],
        ),
        (
            &[
                "explain",
                "x.rawjson",
                "--platform",
                "linux/amd64,linux/arm64",
            ],
            &["--platform", "one platform"],
        ),
    ] {
        assert_says(&refused(&project, args), words);
    }
}
