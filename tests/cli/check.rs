//! What `buildrace check` says where there is nothing to compare, and what it
//! finds out without an engine.

use std::fs;
use std::process::Output;

use tempfile::TempDir;

use super::git::{commit, git, init};
use super::hygiene::stored_run;
use super::{Project, assert_says, buildrace};

const DOCKERFILE: &str = "FROM debian:trixie-slim\nCOPY . /src\nRUN true\n";

/// A project that is a repository: a Dockerfile, committed on `main`.
fn repository() -> Project {
    let project = Project::new();
    project.write("Dockerfile", DOCKERFILE);
    init(project.path());
    project
}

/// Runs `check` with temporary files in a folder of its own, which it has to
/// leave empty.
fn check(project: &Project, args: &[&str]) -> Output {
    let temporary = TempDir::new().unwrap();
    let output = buildrace(project)
        .env("TMPDIR", temporary.path())
        .arg("check")
        .args(args)
        .output()
        .unwrap();
    let left: Vec<_> = fs::read_dir(temporary.path()).unwrap().flatten().collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    output
}

/// Runs `check`, expects exit code 2 and one line, and returns that line.
fn refused(project: &Project, args: &[&str]) -> String {
    let output = check(project, args);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    assert!(output.stdout.is_empty());
    for folder in ["results", "reports"] {
        assert!(!project.path().join(folder).exists(), "{folder} was made");
    }
    stderr
}

#[test]
fn outside_git() {
    let project = Project::new();
    project.write("Dockerfile", DOCKERFILE);
    assert_says(&refused(&project, &[]), &["no git repository"]);
}

#[test]
fn histories_that_never_met() {
    let project = repository();
    git(
        project.path(),
        &["checkout", "--quiet", "--orphan", "other"],
    );
    commit(project.path(), "Another first");
    let line = refused(&project, &[]);
    assert_says(&line, &["no common ancestor", "main", "--base REV"]);
}

#[test]
fn a_shallow_clone_says_how_to_get_the_rest() {
    let origin = repository();
    commit(origin.path(), "Second");
    git(
        origin.path(),
        &["checkout", "--quiet", "-b", "feature", "HEAD~1"],
    );
    commit(origin.path(), "Third");
    git(origin.path(), &["checkout", "--quiet", "main"]);
    let url = format!("file://{}", origin.path().display());
    for (branch, lacks) in [
        ("main", "the parent of HEAD"),
        ("feature", "merge base of HEAD and origin/main"),
    ] {
        let clone = Project::new();
        fs::remove_dir_all(clone.path().join("scenarios")).unwrap();
        fs::remove_dir_all(clone.path().join("dockerfiles")).unwrap();
        let options = ["--depth", "1", "--no-single-branch", "-b", branch];
        let arguments = [&["clone", "--quiet"][..], &options, &[&url, "."]].concat();
        git(clone.path(), &arguments);
        let line = refused(&clone, &[]);
        assert_says(&line, &["shallow", lacks, "git fetch --unshallow"]);
    }
}

#[test]
fn nothing_before_head() {
    let project = repository();
    let line = refused(&project, &[]);
    assert_says(&line, &["is the first commit", "--base REV"]);
}

#[test]
fn no_commit_yet() {
    let project = Project::new();
    project.write("Dockerfile", DOCKERFILE);
    git(project.path(), &["init", "--quiet", "-b", "main"]);
    assert_says(&refused(&project, &[]), &["no commits yet", "commit first"]);
}

#[test]
fn no_default_branch() {
    let project = repository();
    git(project.path(), &["branch", "--quiet", "-m", "trunk"]);
    let line = refused(&project, &[]);
    assert_says(&line, &["default branch", "origin/HEAD", "--base REV"]);
}

#[test]
fn a_base_that_is_no_commit() {
    let line = refused(&repository(), &["--base", "nonsense"]);
    assert_says(&line, &["\"nonsense\"", "git log --all"]);
    // It is no option of git's, either.
    let line = refused(&repository(), &["--base=--output=x"]);
    assert_says(&line, &["--output=x", "cannot be a revision"]);
}

#[test]
fn the_dockerfile_is_missing_on_one_side() {
    let project = repository();
    project.write("new.Dockerfile", DOCKERFILE);
    let line = refused(&project, &["--file", "new.Dockerfile"]);
    assert_says(
        &line,
        &[
            "new.Dockerfile is not in HEAD",
            "name a revision that has it",
        ],
    );
    let line = refused(&project, &["--file", "none.Dockerfile"]);
    assert_says(&line, &["cannot open the Dockerfile none.Dockerfile"]);
}

#[test]
fn a_dockerfile_that_git_ignores_is_not_compared() {
    let project = repository();
    git(project.path(), &["rm", "--quiet", "--cached", "Dockerfile"]);
    project.write(".gitignore", "Dockerfile\n");
    let line = refused(&project, &["--base", "HEAD"]);
    assert_says(&line, &["Dockerfile is ignored by git"]);
}

/// The gate must not pass where neither state can be built as it is.
#[test]
fn a_submodule_that_moved_and_is_not_checked_out() {
    let inner = Project::new();
    init(inner.path());
    let outer = repository();
    let url = format!("file://{}", inner.path().display());
    let allow = ["-c", "protocol.file.allow=always"];
    let add = ["submodule", "--quiet", "add", &url, "vendor/lib"];
    git(outer.path(), &[&allow[..], &add].concat());
    commit(outer.path(), "Add");
    let module = outer.path().join("vendor/lib");
    git(
        &module,
        &["commit", "--quiet", "--allow-empty", "-m", "New"],
    );
    git(outer.path(), &["checkout", "--quiet", "-b", "bump"]);
    commit(outer.path(), "Bump");

    let clone = Project::new();
    fs::remove_dir_all(clone.path()).unwrap();
    let from = format!("file://{}", outer.path().display());
    let to = clone.path().to_str().unwrap();
    git(
        outer.path(),
        &["clone", "--quiet", "--branch", "bump", &from, to],
    );
    let line = refused(&clone, &["--base", "origin/main"]);
    assert_says(&line, &["vendor/lib", "git submodule update --init"]);

    // Where no build sees it, it is nobody's business.
    clone.write(".dockerignore", "vendor\n");
    let output = check(&clone, &["--base", "origin/main"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("submodule"), "{stderr}");
}

#[test]
fn a_file_that_is_an_lfs_pointer_in_one_state_alone() {
    let project = repository();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    project.write("asset.bin", pointer);
    commit(project.path(), "Pointer");
    project.write("asset.bin", "content");
    let line = refused(&project, &["--base", "HEAD"]);
    assert_says(&line, &["asset.bin", "Git LFS pointer"]);
}

#[test]
fn a_dockerfile_or_context_outside_the_repository() {
    let project = repository();
    project.write("README", "changed\n");
    let outside = TempDir::new().unwrap();
    let file = outside.path().join("Dockerfile");
    fs::write(&file, DOCKERFILE).unwrap();
    let line = refused(&project, &["--file", file.to_str().unwrap()]);
    assert_says(&line, &["outside the repository", "the Dockerfile"]);
    let line = refused(&project, &["--context", outside.path().to_str().unwrap()]);
    assert_says(&line, &["no git repository"]);
    let line = refused(&project, &["--context", "nowhere"]);
    assert_says(&line, &["nowhere"]);
}

#[test]
fn an_edit_that_only_one_side_can_make() {
    let project = repository();
    project.write("main.go", "package main\n");
    let line = refused(&project, &["--edit", "main.go"]);
    assert_says(&line, &["main.go", "--edit", "base"]);
}

#[test]
fn a_metric_that_is_never_built() {
    let project = repository();
    project.write("Dockerfile", "FROM debian:trixie-slim\n");
    let line = refused(&project, &["--metric", "incremental"]);
    assert_says(&line, &["--metric incremental", "--edit FILE"]);
}

#[test]
fn an_unchanged_tree_passes_without_an_engine() {
    let project = repository();
    commit(project.path(), "Nothing");
    for args in [&[][..], &["--base", "HEAD"], &["--base", "HEAD~1"]] {
        let output = check(&project, args);
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_says(&stdout, &["nothing that is built differs"]);
        assert!(!project.path().join("results").exists());
    }
}

#[test]
fn a_policy_that_changes_alone_is_warned_of() {
    let project = repository();
    project.write(".dockerignore", "buildrace.toml\n");
    commit(project.path(), "Ignore the policy");
    project.write("buildrace.toml", "[check]\nfatal = []\n");
    let output = check(&project, &["--base", "HEAD"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_says(&stdout, &["passed", "warning: buildrace.toml"]);
    assert_says(&stdout, &["another policy"]);
}

#[test]
fn only_what_is_built_counts_as_a_change() {
    let project = Project::new();
    project.write("docker/Dockerfile", DOCKERFILE);
    project.write("docker/Dockerfile.dockerignore", "*.log\n");
    project.write("app/main", "one\n");
    init(project.path());
    let args = ["--file", "docker/Dockerfile", "--context", "app"];
    project.write("README", "changed\n");
    assert_eq!(check(&project, &args).status.code(), Some(0));
    // Each of these changes a build, and asks for the engine.
    for (file, text) in [
        ("docker/Dockerfile", "FROM debian:trixie-slim\n"),
        ("docker/Dockerfile.dockerignore", "main\n"),
        ("app/main", "two\n"),
        ("app/untracked", "new\n"),
    ] {
        let before = fs::read(project.path().join(file)).ok();
        project.write(file, text);
        let output = check(&project, &args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{file}: {stderr}");
        assert_says(&stderr, &["nonexistent/docker.sock"]);
        assert!(output.stdout.is_empty());
        match before {
            Some(before) => fs::write(project.path().join(file), before).unwrap(),
            None => fs::remove_file(project.path().join(file)).unwrap(),
        }
    }
}

#[test]
fn a_policy_that_is_wrong_is_named_with_its_line() {
    let project = repository();
    for (text, words) in [
        (
            "[check]\n\nfatl = []\n",
            ["buildrace.toml:3:", "fatl", "fatal"],
        ),
        (
            "[check]\nrounds = 0\n",
            ["buildrace.toml:2:", "expected auto", "200"],
        ),
        (
            "[check]\n\ndelta = \"200%\"\n",
            ["buildrace.toml:3:", "expected a share", "5%"],
        ),
        (
            "[check]\nmetric = \"warm\"\n",
            ["buildrace.toml:2:", "warm", "incremental"],
        ),
        (
            "[build]\nedit-wth = \"s/a/{nonce}/\"\n",
            ["buildrace.toml:2:", "edit-wth", "edit-with"],
        ),
    ] {
        project.write("buildrace.toml", text);
        assert_says(&refused(&project, &[]), &words);
        // Another file of any name is named as it was given.
        fs::rename(
            project.path().join("buildrace.toml"),
            project.path().join("ci.toml"),
        )
        .unwrap();
        let line = refused(&project, &["--policy", "ci.toml"]);
        assert_says(&line, &[&words[0].replace("buildrace", "ci"), words[1]]);
    }
    let line = refused(&project, &["--policy", "none.toml"]);
    assert_says(&line, &["none.toml"]);
}

#[test]
fn the_command_line_goes_before_the_policy() {
    let project = repository();
    project.write("buildrace.toml", "[check]\nbase = \"nonsense\"\n");
    assert_says(&refused(&project, &[]), &["\"nonsense\""]);
    let line = refused(&project, &["--base", "other"]);
    assert_says(&line, &["\"other\""]);
    // Paths of a policy are relative to it, wherever the command runs.
    project.write(
        "buildrace.toml",
        "[build]\ndockerfile = \"docker/none\"\ncontext = \".\"\n",
    );
    project.write("deep/file", "");
    let output = buildrace(&project)
        .current_dir(project.path().join("deep"))
        .arg("check")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let wanted = project.path().canonicalize().unwrap().join("docker/none");
    assert_says(&stderr, &[wanted.to_str().unwrap()]);
}

#[test]
fn options_that_are_wrong_name_what_is_expected() {
    let project = repository();
    for (args, words) in [
        (["--fatal", "nonsense"], ["nonsense", "slower"]),
        (["--fatal", "slow"], ["slow", "did you mean \"slower\"?"]),
        (["--fatal", "none,slower"], ["--fatal", "name it alone"]),
        (["--metric", "nonsense"], ["nonsense", "multi-arch"]),
        (["--rounds", "0"], ["--rounds", "expected auto"]),
        (["--delta", "200%"], ["--delta", "below 100%"]),
        (["--base=a", "--baseline=b"], ["--base", "--baseline"]),
    ] {
        let output = check(&project, &args);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        assert_says(&String::from_utf8_lossy(&output.stderr), &words);
    }
}

#[test]
fn a_baseline_that_is_not_there() {
    let project = repository();
    let line = refused(&project, &["--baseline", "nonsense"]);
    assert_says(&line, &["no run \"nonsense\"", "in results"]);
    let line = refused(
        &project,
        &["--baseline", "nonsense/worktree", "--results", "kept"],
    );
    assert_says(&line, &["no run \"nonsense\"", "in kept"]);
}

#[test]
fn a_report_of_a_stored_check_tells_its_outcome_in_every_format() {
    let project = Project::new();
    let run = stored_run(&project);
    let id = run.file_name().unwrap().to_str().unwrap().to_owned();
    let report = |format: &str| {
        let output = buildrace(&project)
            .args(["report", &id, "--format", format])
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), output.stdout, stderr)
    };
    let before = report("junit");
    let check = serde_json::json!({
        "schema": 1,
        "outcome": "failed",
        "subject": "app/Dockerfile",
        "headline": "this against that: cold is slower",
        "findings": [{
            "level": "error",
            "rule": "slower",
            "scenario": "go-hello",
            "variant": "cross",
            "kind": "cold",
            "message": "RUN make takes longer \u{1b}[31m\n::warning::forged",
            "file": "Dockerfile",
            "line": 5,
        }],
    });
    let file = run.join("check.json");
    fs::write(&file, check.to_string()).unwrap();
    for format in [
        "junit",
        "github-summary",
        "github-annotations",
        "markdown-comment",
    ] {
        let (code, stdout, stderr) = report(format);
        let stdout = String::from_utf8(stdout).unwrap();
        assert_eq!(code, Some(0), "{stderr}");
        assert_says(&stdout, &["RUN make takes longer"]);
        assert!(!stdout.contains('\u{1b}') && !stdout.contains("\n::warning::"));
        // People are told beside it.
        assert_says(&stderr, &["failed: this against that: cold is slower"]);
        assert!(!stderr.contains('\u{1b}'), "{stderr}");
    }
    // What this buildrace did not write is an error, and names the file.
    for (text, problem) in [("{\"schema\": 2}", "version 2"), ("{", "check.json")] {
        fs::write(&file, text).unwrap();
        let (code, _, stderr) = report("junit");
        assert_eq!(code, Some(2));
        assert_says(&stderr, &["check.json", problem]);
    }
    // A run of another command, or of an older buildrace, has none.
    fs::remove_file(&file).unwrap();
    assert_eq!(report("junit").1, before.1);
}
