//! Nothing breaks a command, nothing tells a secret, and nothing that a dead
//! process left stays for ever.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::git::{git, init};
use super::{Project, assert_says, buildrace};

/// A guard against hanging, not a claim about speed.
const PATIENCE: Duration = Duration::from_secs(60);

const RUN: &str = "20260101T000000Z-abcdef";

fn full() -> File {
    File::create("/dev/full").unwrap()
}

fn program(project: &Project) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_buildrace"));
    command
        .current_dir(project.path())
        .env_clear()
        .env("HOME", project.path().join("home"))
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        .stdin(Stdio::null());
    command
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn a_stderr_or_stdout_that_takes_nothing_is_no_panic() {
    let project = Project::new();
    let refused = program(&project)
        .args(["explain", "nope"])
        .stderr(full())
        .status()
        .unwrap();
    assert_eq!(refused.code(), Some(2));

    // Its reader goes away before it says a word.
    let mut child = program(&project)
        .args(["explain", "nope"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(2));

    for arguments in [&["completions", "bash"][..], &["list"]] {
        let output = program(&project)
            .args(arguments)
            .stdout(full())
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_says(&stderr, &["stdout", "No space left"]);
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    let mut child = program(&project)
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn user_information_of_an_engines_address_is_not_shown() {
    let project = Project::new();
    project.write("Dockerfile", "FROM scratch\nCOPY . /\n");
    for arguments in [
        &["doctor"][..],
        &["doctor", "--json"],
        &["list"],
        &["list", "--json"],
        &["run"],
        &["images"],
        &["compare", "Dockerfile", "Dockerfile"],
        &["engine", "up", "--if-none"],
        &["clean"],
    ] {
        for host in [
            "tcp://user:PW4242@127.0.0.1:9",
            "ssh://user:PW4242@host",
            "bad://PW4242@x",
        ] {
            let output = program(&project)
                .args(arguments)
                .env("DOCKER_HOST", host)
                .output()
                .unwrap();
            let told = [output.stdout, output.stderr].concat();
            let told = String::from_utf8_lossy(&told).into_owned();
            assert!(!told.contains("PW4242"), "{arguments:?}: {told}");
        }
    }
}

/// A run of this repository's results, copied into a project.
pub(super) fn stored_run(project: &Project) -> PathBuf {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    let mut runs: Vec<PathBuf> = fs::read_dir(results)
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("run.json").is_file())
        .collect();
    runs.sort();
    let from = runs.first().expect("a stored run");
    let to = project
        .path()
        .join("results")
        .join(from.file_name().unwrap());
    fs::create_dir_all(to.join("traces")).unwrap();
    for folder in ["", "traces"] {
        for entry in fs::read_dir(from.join(folder)).unwrap().flatten() {
            if entry.path().is_file() {
                fs::copy(entry.path(), to.join(folder).join(entry.file_name())).unwrap();
            }
        }
    }
    to
}

fn run_for(mut command: Command) -> (Option<i32>, String) {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("{command:?} hangs");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), stderr)
}

#[test]
fn what_is_no_file_in_results_is_not_waited_for() {
    let project = Project::new();
    let run = stored_run(&project);
    let name = run.file_name().unwrap().to_str().unwrap().to_owned();
    let trace = fs::read_dir(run.join("traces")).unwrap().flatten().next();
    let trace = trace.unwrap().path();
    let calibration = project.path().join("results/calibration.jsonl");
    for file in [&run.join("events.jsonl"), &trace, &run.join("run.json")] {
        let kept = fs::read(file).unwrap();
        fs::remove_file(file).unwrap();
        let made = Command::new("mkfifo").arg(file).status().unwrap();
        assert!(made.success());
        for arguments in [&["report", &name][..], &["explain", &name], &["list"]] {
            let mut command = program(&project);
            command.args(arguments);
            let (code, stderr) = run_for(command);
            assert_ne!(code, Some(101), "{stderr}");
            if arguments[0] != "list" && file.ends_with("events.jsonl") {
                assert_eq!(code, Some(2), "{stderr}");
                assert_says(&stderr, &["events.jsonl", "not an ordinary file"]);
            }
        }
        fs::remove_file(file).unwrap();
        fs::write(file, kept).unwrap();
    }
    let made = Command::new("mkfifo").arg(&calibration).status().unwrap();
    assert!(made.success());
    let mut command = program(&project);
    command.args(["report", &name]);
    assert_eq!(run_for(command).0, Some(0));
}

#[test]
fn a_disk_that_is_full_leaves_no_half_report() {
    let project = Project::new();
    let run = stored_run(&project);
    let name = run.file_name().unwrap().to_str().unwrap().to_owned();
    let reported = buildrace(&project)
        .args(["report", &name])
        .output()
        .unwrap();
    assert!(reported.status.success());
    let summary = project
        .path()
        .join("reports")
        .join(&name)
        .join("summary.md");
    fs::write(&summary, "as it was\n").unwrap();
    let output = Command::new("sh")
        .current_dir(project.path())
        .args(["-c", "ulimit -f 1; exec \"$0\" report \"$1\""])
        .arg(env!("CARGO_BIN_EXE_buildrace"))
        .arg(&name)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_says(&stderr, &["results are safe in results/", "File too large"]);
    assert_eq!(fs::read_to_string(&summary).unwrap(), "as it was\n");
    let hidden = walkdir::WalkDir::new(project.path().join("reports"));
    for entry in hidden.into_iter().flatten() {
        assert!(
            !entry
                .file_name()
                .to_string_lossy()
                .starts_with(".buildrace")
        );
    }
}

/// A comparison with a revision that is written out slowly, until `go_on` is
/// there.
struct Slow {
    project: Project,
    temporary: TempDir,
    switch: TempDir,
}

impl Slow {
    fn new() -> Self {
        let slow = Self {
            project: Project::new(),
            temporary: TempDir::new().unwrap(),
            switch: TempDir::new().unwrap(),
        };
        let project = slow.project.path();
        slow.project
            .write("Dockerfile", "FROM debian:trixie-slim\n");
        init(project);
        let filter = format!(
            "for i in $(seq 600); do test -e {} && break; sleep 0.1; done; cat",
            slow.go_on().display()
        );
        git(project, &["config", "filter.slow.smudge", &filter]);
        slow.project.write(".gitattributes", "*.slow filter=slow\n");
        slow.project.write("a.slow", "text\n");
        git(project, &["add", "--all"]);
        git(project, &["commit", "--quiet", "-m", "Slow"]);
        slow
    }

    fn go_on(&self) -> PathBuf {
        self.switch.path().join("go-on")
    }

    fn begin(&self) -> Child {
        let child = program(&self.project)
            .args(["compare", "Dockerfile", "--against", "HEAD"])
            .env("TMPDIR", self.temporary.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        // Its own folder: a dead one's may be there, too.
        let own = format!("buildrace-{}-", child.id());
        let is_begun = || {
            let entries = walkdir::WalkDir::new(self.temporary.path()).into_iter();
            let mut files = entries.flatten().map(walkdir::DirEntry::into_path);
            files.any(|path| {
                path.ends_with("Dockerfile") && path.display().to_string().contains(&own)
            })
        };
        while !is_begun() {
            assert!(started.elapsed() < PATIENCE, "nothing is copied");
            std::thread::sleep(Duration::from_millis(20));
        }
        child
    }

    fn clean(&self, arguments: &[&str]) -> String {
        let output = program(&self.project)
            .arg("clean")
            .args(arguments)
            .env("TMPDIR", self.temporary.path())
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn what_a_killed_process_left_is_listed_and_removed_and_what_lives_stays() {
    let slow = Slow::new();
    let mut dead = slow.begin();
    dead.kill().unwrap();
    dead.wait().unwrap();
    let left: Vec<PathBuf> = fs::read_dir(slow.temporary.path())
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let left = left[0].display().to_string();

    let mut alive = slow.begin();
    let told = slow.clean(&["--dry-run"]);
    assert_says(&told, &["would remove temporary folder", &left]);
    assert_eq!(told.matches("temporary folder").count(), 1, "{told}");
    assert!(Path::new(&left).exists());
    let told = slow.clean(&[]);
    assert_says(&told, &["removed temporary folder", &left]);
    assert!(!Path::new(&left).exists());
    assert!(!is_empty(slow.temporary.path()), "a running one's is taken");

    signal(&alive, "INT");
    fs::write(slow.go_on(), "").unwrap();
    assert_eq!(alive.wait().unwrap().code(), Some(130));
    assert!(is_empty(slow.temporary.path()));
}

#[test]
fn a_second_interrupt_removes_temporary_folders_too() {
    let slow = Slow::new();
    let mut child = slow.begin();
    signal(&child, "INT");
    // Taken for one, if they come at once.
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    fs::write(slow.go_on(), "").unwrap();
    assert!(is_empty(slow.temporary.path()), "a copy is left");
}

#[test]
fn a_terminal_that_is_closed_ends_a_run_like_an_interrupt() {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = u64::from_str_radix(ignored.unwrap().trim(), 16).unwrap();
    if ignored & 1 == 1 {
        eprintln!("skipped: the tests run under nohup");
        return;
    }
    let slow = Slow::new();
    let mut child = slow.begin();
    signal(&child, "HUP");
    std::thread::sleep(Duration::from_millis(300));
    fs::write(slow.go_on(), "").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(is_empty(slow.temporary.path()), "a copy is left");
}

#[test]
fn unfinished_runs_and_sources_are_cleaned_unless_they_are_held() {
    let project = Project::new();
    let hidden = project.path().join(format!("results/.{RUN}.new"));
    let held = project.path().join("results/.20260102T000000Z-abcdef.new");
    let sources = project.path().join("home/.cache/buildrace/sources/.new-a");
    let image = project.path().join("home/.cache/buildrace/layouts/.new-b");
    for folder in [&hidden, &held, &sources, &image] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(hidden.join("events.jsonl"), "").unwrap();
    for folder in [&sources, &image] {
        fs::write(folder.join("in-use.lock"), "").unwrap();
    }
    let lock = File::create(held.join("events.jsonl")).unwrap();
    lock.lock().unwrap();
    let temporary = TempDir::new().unwrap();
    let output = program(&project)
        .args(["clean"])
        .env("TMPDIR", temporary.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_says(
        &told,
        &[
            "removed unfinished run",
            "removed unfinished sources",
            "removed unfinished copy of an image",
        ],
    );
    assert!(
        ![hidden, sources, image].iter().any(|path| path.exists()) && held.exists(),
        "{told}"
    );
}
