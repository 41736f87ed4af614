//! `compare`, `check` and `calibrate` on a real engine, started as a person
//! starts them. Steps that differ sleep, so that no machine is too noisy to
//! tell.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Output};

use buildrace::model::BuildKind;
use buildrace::stats::Verdict;
use buildrace::store::{StoredRun, calibration};
use buildrace::trace::rawjson;
use buildrace::verdict::{Assessment, disturbed_rounds};
use tempfile::TempDir;

use crate::bench::{Bench, DOCKERFILE, everything};
use crate::git::{commit, git, init};
use crate::harness;
use crate::race::wait_for;

fn rounds(run: &StoredRun) -> u32 {
    run.run
        .samples
        .iter()
        .map(|sample| sample.slot.round)
        .max()
        .unwrap()
}

fn verdict_of(run: &StoredRun) -> Option<Verdict> {
    let assessment = Assessment::of(&run.run);
    let mut found = assessment.comparisons().iter();
    found.find(|found| found.is_gate)?.verdict
}

fn assert_says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_race_finds_the_noise_and_later_runs_go_by_it() {
    let Some(bench) = Bench::new().await else {
        return;
    };
    // What disturbs a build here is as in a run of anybody's.
    let told = bench.ends(0, &["calibrate", "--rounds", "6", "--settle=5s"]);
    let null_race = bench.run();
    let known = calibration::read(&bench.results()).unwrap();
    let disturbed = disturbed_rounds(&null_race.run);
    if disturbed.is_empty() {
        assert_says(&told, &["cold: noise floor ", ", of 6 rounds; δ is "]);
        assert_eq!(known.len(), 1);
        assert_eq!(
            (known[0].kind, known[0].rounds, &known[0].run),
            (BuildKind::Cold, 6, &null_race.run.record.run)
        );
    } else {
        // A floor that something else raised is not kept.
        assert!(known.is_empty(), "{known:?} after {disturbed:?}");
    }

    // The same twice: whatever it is called, it is no difference that matters.
    bench.write("Copy.Dockerfile", &format!("# A copy\n{DOCKERFILE}"));
    let compare = ["compare", "Dockerfile", "Copy.Dockerfile"];
    let told = bench.ends(
        0,
        &[&compare[..], &["--rounds", "6", "--delta", "60%"]].concat(),
    );
    let run = bench.run();
    assert_eq!(rounds(&run), 6);
    let verdict = verdict_of(&run);
    assert!(
        matches!(verdict, Some(Verdict::Same | Verdict::Inconclusive)),
        "{verdict:?}: {told}"
    );
    let floor = &run.run.record.rules.noise_floor;
    let used: Vec<_> = floor.iter().map(|it| (&it.run, it.share)).collect();
    let stored: Vec<_> = known.iter().map(|it| (&it.run, it.share)).collect();
    assert_eq!(used, stored);
    assert_eq!(
        told.contains("noise floor: max"),
        !known.is_empty(),
        "{told}"
    );
    assert_eq!(told.contains("not calibrated"), known.is_empty(), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slower_branch_fails_at_the_first_look_with_the_line_to_blame() {
    let Some(bench) = Bench::new().await else {
        return;
    };
    init(bench.sources.path());
    git(bench.sources.path(), &["checkout", "--quiet", "-b", "slow"]);
    let slower = DOCKERFILE.replace("RUN echo", "# Why not?\nRUN sleep 2 && echo");
    bench.write("Dockerfile", &slower);
    commit(bench.sources.path(), "Sleep");
    let told = bench.ends(1, &["check"]);
    assert_says(
        &told,
        &[
            "failed: HEAD against the merge base with main",
            "cold is slower",
            "RUN sleep 2",
            "Dockerfile:4",
        ],
    );
    let run = bench.run();
    assert_eq!(rounds(&run), 6, "it did not stop at its first look");
    assert_eq!(verdict_of(&run), Some(Verdict::Slower));
    let revisions: Vec<bool> = run.run.record.scenarios[0]
        .variants
        .iter()
        .map(|variant| variant.revision.is_some())
        .collect();
    assert_eq!(revisions, [true, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_on_the_default_branch_is_compared_with_head_and_passes() {
    let Some(bench) = Bench::new().await else {
        return;
    };
    init(bench.sources.path());
    bench.write("Dockerfile", &format!("# A comment.\n{DOCKERFILE}"));
    let told = bench.ends(0, &["check", "--rounds", "6", "--delta", "60%"]);
    assert_says(
        &told,
        &["passed: the working tree (1 changed file) against HEAD"],
    );
    let run = bench.run();
    assert_ne!(verdict_of(&run), Some(Verdict::Slower));
    assert_eq!(rounds(&run), 6);
    // A tree without changes is not even built.
    commit(bench.sources.path(), "Comment");
    let told = bench.ends(0, &["check", "--base", "HEAD"]);
    assert_says(&told, &["passed", "nothing that is built differs"]);
    assert_eq!(bench.folders().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn builds_that_fail_close_the_gate_only_if_the_change_is_to_blame() {
    let Some(bench) = Bench::new().await else {
        return;
    };
    init(bench.sources.path());
    bench.write("Dockerfile", &DOCKERFILE.replace("echo built", "exit 7"));
    // One failure is no evidence, whoever fails.
    let told = bench.ends(2, &["check", "--rounds", "1"]);
    assert_says(&told, &["undecided", "exit 7"]);
    let told = bench.ends(1, &["check"]);
    assert_says(&told, &["failed", "does not build in cold", "exit 7"]);
    // A change that repairs what it is compared with passes.
    commit(bench.sources.path(), "Broken");
    bench.write("Dockerfile", DOCKERFILE);
    let told = bench.ends(0, &["check"]);
    assert_says(&told, &["passed", "repaired"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_builds_the_same_takes_two_builds_and_another_one_a_race() {
    let Some(bench) = Bench::new().await else {
        return;
    };
    // Nothing runs after the copy, so that its content alone tells.
    let text = "FROM debian:trixie-slim\nRUN echo built\nCOPY main.py /src/\n";
    bench.write("Dockerfile", text);
    init(bench.sources.path());
    bench.write("Dockerfile", &format!("# A comment.\n{text}"));
    bench.write("README.md", "not copied\n");
    let told = bench.ends(0, &["check", "--fatal", "none"]);
    assert_says(&told, &["passed", "nothing to measure", "(2 builds)"]);
    assert!(bench.folders().is_empty(), "what was not measured is kept");

    // The same after somebody has built the change: it is no base of it.
    bench.write("main.py", "print('changed')\n");
    bench.built_by_somebody().await;
    let child = bench.command(&["check"]).spawn().unwrap();
    wait_for("a race", || {
        bench.folders().first().map(|folder| folder.to_owned())
    });
    let output = interrupt(child);
    bench.ended(130, &output);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_says(&said, &["racing: Dockerfile:4: COPY main.py /src/"]);
    let check = bench.folders()[0].join(buildrace::store::CHECK_FILE);
    assert!(!check.exists(), "an interrupted check has an outcome");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_lost_its_cache_is_named_with_line_and_cause() {
    let Some(bench) = Bench::new().await else {
        return;
    };
    let sources = bench.sources.path();
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/cases/baseline-repo/baseline-repo.sh");
    let made = Command::new("sh")
        .arg("-e")
        .args([&script, sources])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    git(sources, &["checkout", "--quiet", "main"]);
    let edit = ["--edit", "src/main.c", "--rounds", "1"];
    bench.ends(2, &[&["check"], &edit[..]].concat());
    let baseline = bench.run().run.record.run;
    git(sources, &["checkout", "--quiet", "change"]);
    let check = [&["check", "--baseline", &baseline], &edit[..]].concat();
    let cause = [
        "RUN cp requirements.txt /deps",
        "COPY . . at line 3: src/main.c changed",
    ];
    let told = bench.ends(1, &check);
    assert_says(&told, &["error: Dockerfile:4: incremental takes "]);
    assert_says(&told, &cause);

    // The check's own page has it, and so has the summary.
    let reports = bench.out.path().join("reports");
    let report = reports.join(bench.run().run.record.run);
    for (file, outcome) in [
        ("index.html", "Check: failed"),
        ("summary.md", "the check failed"),
    ] {
        let text = fs::read_to_string(report.join(file)).unwrap();
        assert_says(&text, &[outcome, "incremental takes "]);
    }

    // A report of the stored check says the same.
    let report = Command::new(env!("CARGO_BIN_EXE_buildrace"))
        .args(["report", &bench.run().run.record.run, "--format"])
        .args(["github-annotations", "--results"])
        .arg(bench.results())
        .arg("--reports")
        .arg(bench.out.path().join("reports"))
        .output()
        .unwrap();
    assert!(report.status.success(), "{report:?}");
    let told = String::from_utf8_lossy(&report.stdout);
    assert_says(&told, &["the check failed", "file=Dockerfile,line=4"]);
    assert_says(&told, &cause);
    // Whoever asks for nothing fails for nothing, and is told so.
    let told = bench.ends(0, &[&check[..], &["--fatal", "none"]].concat());
    assert_says(&told, &["passed", "nothing fails this check (fatal: none)"]);
}

fn interrupt(mut child: Child) -> Output {
    harness::signal(&child, "INT");
    let status = child.wait().unwrap();
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    child.stdout.unwrap().read_to_end(&mut stdout).unwrap();
    child.stderr.unwrap().read_to_end(&mut stderr).unwrap();
    Output {
        status,
        stdout,
        stderr,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_revision_is_raced_without_touching_the_repository() {
    let Some(bench) = Bench::new().await else {
        return;
    };
    let sources = bench.sources.path();
    bench.write(".gitignore", "ignored\n");
    bench.write("staged.py", "");
    init(sources);
    bench.write("main.py", "print('changed')\n");
    bench.write("staged.py", "staged = True\n");
    git(sources, &["add", "staged.py"]);
    bench.write("staged.py", "staged = False\n");
    bench.write("untracked.py", "");
    bench.write("ignored", "");
    // Each side is what git says it is.
    let check = "RUN test ! -e /src/ignored && if grep -q changed /src/main.py; \
                 then grep -q False /src/staged.py && test -e /src/untracked.py; \
                 else test ! -s /src/staged.py && test ! -e /src/untracked.py; fi\n";
    bench.write("Dockerfile", &format!("{DOCKERFILE}{check}"));
    commit_only(sources, "Dockerfile");
    let before = everything(sources);
    let args = ["compare", "Dockerfile", "--against", "HEAD", "--rounds"];
    let told = bench.ends(0, &[&args[..], &["1"]].concat());
    assert_says(&told, &["head", "worktree"]);
    assert_eq!(everything(sources), before);

    // The same when it is stopped in the middle.
    bench.write(
        "Dockerfile",
        &DOCKERFILE.replace("echo", "sleep 600 && echo"),
    );
    let before = everything(sources);
    let known = bench.folders().len();
    let child = bench
        .command(&[&args[..], &["12"]].concat())
        .spawn()
        .unwrap();
    wait_for("a build that hangs", || {
        let events = bench.folders().get(known)?.join("events.jsonl");
        let events = fs::read_to_string(events).ok()?;
        let started = events.lines().last()?;
        (started.contains("sample-started") && started.contains("worktree")).then_some(())
    });
    let output = interrupt(child);
    bench.ended(130, &output);
    assert_eq!(everything(sources), before);
    assert_eq!(
        bench.run().run.end,
        Some(buildrace::model::RunEnd::Interrupted)
    );
}

/// Commits a file alone, the rest of index and tree as they are.
fn commit_only(folder: &Path, file: &str) {
    git(folder, &["commit", "--quiet", "-m", "Only", "--", file]);
}

/// One machine races and stores the run; another, which has nothing but the store, checks a change
/// against it.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_in_a_store_is_another_machines_baseline() {
    let Some(bench) = Bench::new().await else {
        return;
    };
    let store = TempDir::new().unwrap();
    let url = format!("file://{}", store.path().display());
    let on = |machine: &str, args: &[&str]| {
        let mut command = bench.storing_in(&url, args);
        command.env("XDG_CACHE_HOME", bench.out.path().join(machine));
        command.output().unwrap()
    };
    bench.write("Copy.Dockerfile", &format!("# A copy\n{DOCKERFILE}"));
    let build = [
        "--platform",
        "linux/amd64",
        "--kinds",
        "cold",
        "--rounds",
        "1",
    ];
    let compare = ["compare", "Dockerfile", "Copy.Dockerfile", "--json"];
    let raced = on("one", &[&compare, &build[..]].concat());
    assert!(raced.status.success(), "{raced:?}");
    let told = String::from_utf8_lossy(&raced.stdout);
    let answer = told.lines().find(|line| line.starts_with('{')).unwrap();
    let answer: serde_json::Value = serde_json::from_str(answer).unwrap();
    assert_eq!(answer["store"], url.as_str());
    let run = answer["run"].as_str().unwrap();

    let baseline = format!("{run}/dockerfile");
    let check = [&["check", "--baseline", &baseline], &build[..]].concat();
    let told = bench.ended(0, &on("two", &check));
    assert_says(&told, &["passed", "nothing that is counted got worse"]);
    let more = format!("{DOCKERFILE}RUN echo more\n");
    bench.write("Dockerfile", &more);
    let strict = [&check[..], &["--fatal", "steps"]].concat();
    let told = bench.ended(1, &on("two", &strict));
    assert_says(&told, &["failed", "steps"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_is_compared_with_a_stored_run() {
    let Some(bench) = Bench::new().await else {
        return;
    };
    // The stage runs on the builder's own platform, and the edit of main.py
    // spares its first RUN.
    let cross = "\
FROM --platform=$BUILDPLATFORM debian:trixie-slim
RUN echo spared
COPY . /src
RUN echo built
";
    bench.write("Dockerfile", cross);
    bench.write("Copy.Dockerfile", &format!("# A copy\n{cross}"));
    let build = [
        "--platform",
        "linux/amd64,linux/arm64",
        "--edit",
        "main.py",
        "--rounds",
        "1",
    ];
    bench.ends(
        0,
        &[&["compare", "Dockerfile", "Copy.Dockerfile"], &build[..]].concat(),
    );
    let baseline = format!("{}/dockerfile", bench.run().run.record.run);
    let check = [&["check", "--baseline", &baseline], &build[..]].concat();
    let told = bench.ends(0, &check);
    assert_says(&told, &["passed", "nothing that is counted got worse"]);

    let unspared = "\
FROM --platform=$BUILDPLATFORM debian:trixie-slim
COPY . /src
RUN echo spared
RUN echo built
";
    bench.write("Dockerfile", unspared);
    let told = bench.ends(1, &check);
    assert_says(&told, &["failed", "from the cache, not"]);
    assert!(!told.contains("emulator"), "{told}");

    bench.write(
        "Dockerfile",
        &cross.replace("--platform=$BUILDPLATFORM ", ""),
    );
    let told = bench.ends(1, &check);
    assert_says(
        &told,
        &["failed", "multi-arch runs 2 steps under an emulator, not 0"],
    );
    // A gate that does not ask for it stays open.
    let told = bench.ends(
        0,
        &[&check[..], &["--fatal", "failed,failure-rate"]].concat(),
    );
    assert_says(&told, &["passed", "under an emulator"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_a_step_prints_is_in_no_file() {
    let Some(bench) = Bench::new().await else {
        return;
    };
    let secret = crate::support::unique("hunter2");
    let text = "\
FROM debian:trixie-slim
RUN --mount=type=secret,id=tok,required=true cat /run/secrets/tok && cat /run/secrets/tok >&2
";
    bench.write("Dockerfile", text);
    bench.write(
        "Bad.Dockerfile",
        &format!("{text}RUN --mount=type=secret,id=tok cat /run/secrets/tok; exit 3\n"),
    );
    let output = bench
        .command(&["compare", "Dockerfile", "Bad.Dockerfile", "--rounds", "1"])
        .args(["--secret", "id=tok,env=TOK"])
        .env("TOK", &secret)
        .output()
        .unwrap();
    bench.ended(2, &output);
    let mut said = [output.stdout, output.stderr].concat();
    for path in everything(bench.out.path()).into_keys() {
        if path.extension().is_some_and(|e| e == "gz") {
            let trace = fs::File::open(&path).unwrap();
            let mut lines = Vec::new();
            flate2::read::GzDecoder::new(trace)
                .read_to_end(&mut lines)
                .unwrap();
            // Logs are base64 in there.
            for status in rawjson::Reader::new(lines.as_slice()) {
                let logs = status.unwrap().logs.into_iter();
                said.extend(logs.flat_map(|log| log.data));
            }
            said.extend(lines);
        } else if path.is_file() {
            said.extend(fs::read(&path).unwrap());
        }
    }
    let said = String::from_utf8_lossy(&said);
    // Twice in each of the two traces, and once more where it fails.
    assert!(said.matches("[secret tok]").count() >= 5, "{said}");
    assert!(!said.contains(&secret), "{said}");
}
