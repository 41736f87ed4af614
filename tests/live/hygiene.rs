//! What a race leaves behind where something goes wrong, and what it never
//! tells, on an engine.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use buildrace::builder::{Builder, NodeBuilder};
use buildrace::model::RunEnd;
use buildrace::store::read_run;
use flate2::read::MultiGzDecoder;
use tempfile::TempDir;

use crate::harness::signal;
use crate::race::wait_for;
use crate::support::{Engine, unique};

/// A folder with two Dockerfiles whose steps hold `mark`.
fn dockerfiles(mark: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("context")).unwrap();
    fs::write(folder.path().join("context/f"), "x").unwrap();
    for name in ["a", "b"] {
        let text = format!("FROM debian:trixie-slim\nRUN : {mark} {name}; sleep 1\n");
        fs::write(folder.path().join(format!("{name}.Dockerfile")), text).unwrap();
    }
    folder
}

fn compare(folder: &Path, host: &str, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_buildrace"));
    command
        .current_dir(folder)
        .args([
            "compare",
            "a.Dockerfile",
            "b.Dockerfile",
            "--context",
            "context",
        ])
        .args([
            "--kinds",
            "cold",
            "--keep-contaminated",
            "--settle=0s",
            "--host",
            host,
            "--builder",
            "default",
        ])
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// All that is in the files of a folder, recordings unpacked.
fn all_text(folder: &Path) -> String {
    let mut text = String::new();
    for entry in walkdir::WalkDir::new(folder).into_iter().flatten() {
        if !entry.file_type().is_file() {
            continue;
        }
        let mut bytes = fs::read(entry.path()).unwrap();
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let packed = std::mem::take(&mut bytes);
            MultiGzDecoder::new(&packed[..])
                .read_to_end(&mut bytes)
                .unwrap();
        }
        text += &String::from_utf8_lossy(&bytes);
    }
    text
}

fn only_run(folder: &Path) -> Option<std::path::PathBuf> {
    let entries = fs::read_dir(folder.join("results")).ok()?;
    let mut runs = entries.flatten().map(|entry| entry.path());
    runs.find(|run| run.join("run.json").is_file())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credential_reaches_a_file_or_the_screen_and_paths_of_containers_stay() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let mark = unique("hygiene");
    let project = dockerfiles(&mark);
    let folder = project.path();
    let text = format!(
        "FROM debian:trixie-slim\nARG PIN\nRUN echo {mark} $PIN | base64; echo \"say $PIN\"; sleep 1; cat /tmp/nope\n"
    );
    fs::write(folder.join("a.Dockerfile"), text).unwrap();
    let text = "FROM debian:trixie-slim\nCOPY --from=extra /x /y\n";
    fs::write(folder.join("b.Dockerfile"), text).unwrap();
    let output = compare(folder, &engine.host, &["--rounds", "1"])
        .args([
            "--build-context",
            "extra=https://user:CTXTOK4242@127.0.0.1:9/x.git#main",
        ])
        .args(["--build-arg", "PIN=ARGVAL-4242-hidden", "--redact", "PIN"])
        .args(["--format", "junit=j.xml", "--format", "github-summary=s.md"])
        .output()
        .unwrap();
    for name in ["a.Dockerfile", "b.Dockerfile"] {
        fs::remove_file(folder.join(name)).unwrap();
    }
    let screen = [output.stdout, output.stderr].concat();
    let told = all_text(folder) + &String::from_utf8_lossy(&screen);
    engine.clean(4, &mark).await;
    for secret in ["CTXTOK4242", "ARGVAL-4242-hidden"] {
        let at = told.find(secret).map(|at| &told[at.saturating_sub(200)..]);
        assert_eq!(
            at.map(|text| text.chars().take(400).collect::<String>()),
            None
        );
    }
    for expected in [
        "***@127.0.0.1:9",
        "say [redacted PIN]",
        "/tmp/nope: No such file",
    ] {
        assert!(told.contains(expected), "no {expected}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stderr_that_goes_away_costs_no_sample() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let mark = unique("hygiene");
    let project = dockerfiles(&mark);
    let mut child = compare(project.path(), &engine.host, &["--rounds", "1"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    // The reader is gone now.
    let status = child.wait().unwrap();
    engine.clean(3, &mark).await;
    assert_eq!(status.code(), Some(0));
    let run = read_run(&only_run(project.path()).unwrap()).unwrap();
    assert_eq!(
        (run.run.end, run.run.samples.len()),
        (Some(RunEnd::Completed), 2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn results_that_are_removed_meanwhile_are_said_to_be_gone() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let mark = unique("hygiene");
    let project = dockerfiles(&mark);
    let child = compare(project.path(), &engine.host, &["--rounds", "2"])
        .spawn()
        .unwrap();
    wait_for("a sample to begin", || {
        let run = only_run(project.path())?;
        let events = fs::read_to_string(run.join("events.jsonl")).ok()?;
        events.contains("sample-started").then_some(())
    });
    fs::remove_dir_all(project.path().join("results")).unwrap();
    let output = child.wait_with_output().unwrap();
    engine.clean(3, &mark).await;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    let last = stderr.lines().last().unwrap_or_default();
    assert!(last.contains("is gone: somebody removed"), "{stderr}");
    assert!(!stderr.contains("what was measured is in"), "{stderr}");
    assert!(output.stdout.is_empty(), "half a truth is told");
    let reports = project.path().join("reports");
    let reported = fs::read_dir(reports).into_iter().flatten().flatten();
    let reported = reported.filter(|entry| entry.path().is_dir()).count();
    assert_eq!(reported, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_run_left_on_the_engine_is_listed_and_removed() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let mark = unique("hygiene");
    let project = dockerfiles(&mark);
    let folder = project.path();
    let temporary = TempDir::new().unwrap();
    let mut child = compare(folder, &engine.host, &["--rounds", "2"])
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let clean = |options: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_buildrace"))
            .current_dir(folder)
            .args(["clean", "--host", &engine.host])
            .args(options)
            .env("TMPDIR", temporary.path())
            .output()
            .unwrap();
        let told = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&told).into_owned()
    };
    let run = wait_for("a sample to end", || {
        let run = only_run(folder)?;
        let events = fs::read_to_string(run.join("events.jsonl")).ok()?;
        events.contains("sample-finished").then_some(run)
    });
    let id = run.file_name().unwrap().to_str().unwrap().to_owned();
    let builder = NodeBuilder::docker(&engine.host).await.unwrap();
    let builds = async || {
        let history = builder.history().await.unwrap();
        let own = history.iter().filter(|b| b.reference.contains(&id));
        own.filter(|build| build.completed.is_some()).count()
    };
    // It lives: nothing of it is taken.
    let before = builds().await;
    clean(&[]);
    assert!(builds().await >= before);
    assert!(fs::read_dir(temporary.path()).unwrap().next().is_some());

    signal(&child, "KILL");
    child.wait().unwrap();
    wait_for("its build to end", || {
        let told = clean(&["--dry-run"]);
        told.contains("would remove temporary folder").then_some(())
    });
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    assert!(builds().await > 0);
    let told = clean(&[]);
    assert!(told.contains("removed temporary folder"), "{told}");
    assert_eq!(builds().await, 0, "{told}");
    assert!(fs::read_dir(temporary.path()).unwrap().next().is_none());
    engine.clean(3, &mark).await;
    // What was measured stays.
    assert!(run.join("run.json").is_file());
}
