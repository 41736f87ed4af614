//! What a person gets back for bad input: one clear line on stderr, exit code
//! 2, and nothing half-written. No engine is needed here.

mod bake;
#[allow(dead_code, reason = "tests/bundles and tests/wire use the rest")]
#[path = "../support/bundle.rs"]
mod bundle;
mod bundles;
mod check;
mod choose;
mod compare;
mod explain;
mod fake_engine;
mod formats;
#[path = "../support/git.rs"]
mod git;
mod hygiene;
mod interrupted;
#[allow(dead_code, reason = "no command runs in a pod of these tests")]
#[path = "../support/kube/mod.rs"]
mod kube;
mod kubernetes;
mod plugin;
#[path = "../support/project.rs"]
mod project;
mod recordings;
mod resume;
mod site;
mod ssh;
mod store;
mod why;

use std::fs;

use assert_cmd::Command;
use project::Project;

/// buildrace in a project, with no engine to be found unless a test names one.
fn buildrace(project: &Project) -> Command {
    let mut command = Command::cargo_bin("buildrace").unwrap();
    command
        .current_dir(project.path())
        .env_clear()
        .env("HOME", project.path().join("home"))
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    command
}

/// Runs `args`, expects exit code 2 and one line, and returns that line.
fn refused(project: &Project, args: &[&str]) -> String {
    let output = buildrace(project).args(args).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    assert!(output.stdout.is_empty());
    assert!(
        !project.path().join("results").exists(),
        "results half-written"
    );
    assert!(
        !project.path().join("reports").exists(),
        "reports half-written"
    );
    stderr
}

fn assert_says(line: &str, words: &[&str]) {
    for word in words {
        assert!(line.contains(word), "{word:?} is not in {line:?}");
    }
}

#[test]
fn no_engine() {
    let line = refused(&Project::new(), &["run"]);
    assert_says(&line, &["unix:///nonexistent/docker.sock", "DOCKER_HOST"]);
}

/// Whoever begins has two Dockerfiles at most, and is shown what to type.
#[test]
fn who_begins_is_shown_what_to_type() {
    let project = Project::new();
    fs::remove_dir_all(project.path().join("scenarios")).unwrap();
    project.write("Dockerfile", "FROM debian:trixie-slim\n");
    project.write("new.Dockerfile", "FROM debian:trixie-slim\nRUN true\n");
    for (args, cause) in [
        (&["run"][..], "no scenarios/ folder"),
        (&["list"], "no scenarios/ folder"),
        (&["report"], "no run in results yet"),
        (&["explain"], "no run in results yet"),
        (
            &["explain", "Dockerfile", "new.Dockerfile"],
            "Dockerfile is not built yet",
        ),
        (&["explain", "nothing"], "no build \"nothing\""),
        (&["check"], "no git repository"),
    ] {
        let line = refused(&project, args);
        assert_says(&line, &[cause, "`buildrace compare "]);
    }
}

#[test]
fn engine_too_old() {
    let project = Project::new();
    let engine = fake_engine::serve(project.path(), "20.10.24", "1.41", "overlay2", false);
    let line = refused(&project, &["run", "--host", &engine.host]);
    assert_says(&line, &["20.10.24", "too old"]);
}

#[test]
fn engine_without_the_containerd_image_store() {
    let project = Project::new();
    let engine = fake_engine::serve(project.path(), "28.2.2", "1.50", "overlay2", false);
    let line = refused(&project, &["run", "--host", &engine.host]);
    assert_says(&line, &["containerd image store", "containerd-snapshotter"]);
    // And what becomes of what is there, and what else to do.
    assert_says(&line, &["hides its images", "docker pull moby/buildkit"]);
}

#[test]
fn if_none_makes_no_engine_beside_one_that_is_named() {
    let project = Project::new();
    // It does not answer, and `run` would not use another.
    let line = refused(&project, &["engine", "up", "--if-none"]);
    assert_says(&line, &["unix:///nonexistent/docker.sock", "DOCKER_HOST"]);

    let engine = fake_engine::serve(project.path(), "23.0.6", "1.42", "overlayfs", true);
    let output = buildrace(&project)
        .env("DOCKER_HOST", &engine.host)
        .args(["engine", "up", "--if-none"])
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert_says(
        &stderr,
        &[&engine.host, "23.0.6", "too old", "buildrace engine up"],
    );
    assert!(!project.path().join("home/.cache").exists());
}

#[test]
fn unknown_scenario_with_the_nearest_name() {
    let line = refused(&Project::new(), &["run", "tinny"]);
    assert_says(&line, &["tinny", "tiny"]);
}

#[test]
fn a_suite_that_cannot_be_raced() {
    let project = Project::new();
    let suite = "[all]\ntitle = \"x\"\nscenarios = [\"tinny\"]\n";
    project.write("scenarios/suites.toml", suite);
    let line = refused(&project, &["run", "--suite", "all"]);
    assert_says(&line, &["scenarios/suites.toml:3:14", "tinny", "tiny"]);
    let line = refused(&project, &["list"]);
    assert_says(&line, &["scenarios/suites.toml:3:14"]);

    let suite = suite.replace("tinny", "tiny") + "rounds = 0\n";
    project.write("scenarios/suites.toml", &suite);
    let line = refused(&project, &["run", "--suite", "al"]);
    assert_says(&line, &["unknown suite", "al", "all"]);
    let line = refused(&project, &["run", "--suite", "all"]);
    assert_says(&line, &["scenarios/suites.toml:4:10", "auto", "200"]);
    let output = buildrace(&project)
        .args(["run", "tiny", "--suite", "all"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_says(
        &String::from_utf8_lossy(&output.stderr),
        &["--suite", "cannot be used with"],
    );
}

#[test]
fn malformed_toml() {
    let project = Project::new();
    project.write(
        "scenarios/tiny/scenario.toml",
        "title = \"unclosed\nplatforms = 3\n",
    );
    let line = refused(&project, &["run", "tiny"]);
    assert_says(&line, &["scenarios/tiny/scenario.toml:1"]);
}

#[test]
fn unknown_key_with_the_nearest_key() {
    let project = Project::new();
    let toml =
        std::fs::read_to_string(project.path().join("scenarios/tiny/scenario.toml")).unwrap();
    project.write(
        "scenarios/tiny/scenario.toml",
        &toml.replace("platforms", "platfroms"),
    );
    let line = refused(&project, &["run", "tiny"]);
    assert_says(
        &line,
        &["scenarios/tiny/scenario.toml:", "platfroms", "platforms"],
    );
}

#[test]
fn an_edit_that_matches_nothing() {
    let project = Project::new();
    project.write("scenarios/tiny/src/greeting", "no such text\n");
    let line = refused(&project, &["run", "tiny"]);
    assert_says(&line, &["scenarios/tiny/scenario.toml:", "greeting"]);
}

#[test]
fn dockerfile_missing() {
    let project = Project::new();
    std::fs::remove_file(project.path().join("dockerfiles/tiny/cross.Dockerfile")).unwrap();
    let line = refused(&project, &["run", "tiny"]);
    assert_says(&line, &["cross.Dockerfile"]);
}

/// BuildKit is the judge of it.
#[test]
fn a_dockerfile_that_buildkit_would_refuse_is_no_reason_not_to_ask_it() {
    let project = Project::new();
    project.write(
        "dockerfiles/tiny/cross.Dockerfile",
        "FROM debian:trixie-slim\nRUN --mount=\nFORM scratch\n",
    );
    let line = refused(&project, &["run", "tiny"]);
    assert_says(&line, &["/nonexistent/docker.sock"]);
}

#[test]
fn unknown_variant_and_kind() {
    let project = Project::new();
    let line = refused(&project, &["run", "tiny", "--variant", "naiv"]);
    assert_says(&line, &["naiv", "naive, cross"]);
    let output = buildrace(&project)
        .args(["run", "--kinds", "warm"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_says(
        &String::from_utf8_lossy(&output.stderr),
        &["warm", "multi-arch"],
    );
}

#[test]
fn results_folder_that_cannot_be_written() {
    let project = Project::new();
    project.write("taken", "a file, not a folder");
    for option in ["--results", "--reports"] {
        let line = refused(&project, &["run", "tiny", option, "taken"]);
        assert_says(&line, &["taken", option]);
    }
}

#[test]
fn outside_a_project() {
    let project = Project::new();
    std::fs::remove_dir_all(project.path().join("scenarios")).unwrap();
    let line = refused(&project, &["run"]);
    assert_says(&line, &["scenarios"]);
}

#[test]
fn hostile_names_reach_no_terminal() {
    let line = refused(&Project::new(), &["run", "a\u{1b}[31mb"]);
    assert!(!line.contains('\u{1b}'), "{line:?}");
}

#[test]
fn list_and_completions_work_without_an_engine() {
    let project = Project::new();
    let list = buildrace(&project).arg("list").output().unwrap();
    assert!(list.status.success());
    assert_says(
        &String::from_utf8_lossy(&list.stdout),
        &[
            "tiny",
            "naive, cross",
            "no engine: ",
            "/nonexistent/docker.sock",
        ],
    );
    let json = buildrace(&project)
        .args(["list", "--json"])
        .output()
        .unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["scenarios"][0]["variants"][1], "cross");
    assert_eq!(json["scenarios"][0]["can_run"], serde_json::Value::Null);
    let completions = buildrace(&project)
        .args(["completions", "bash"])
        .output()
        .unwrap();
    assert!(completions.status.success());
    assert_says(
        &String::from_utf8_lossy(&completions.stdout),
        &["_buildrace"],
    );
}
