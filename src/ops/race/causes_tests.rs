use std::fs;
use std::process::Command;

use super::*;

fn git(folder: &Path, arguments: &[&str]) {
    let status = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .args(["-c", "protocol.file.allow=always"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(status.status.success(), "{status:?}");
}

fn source(context: &Path, origin: Option<&Path>, revision: Option<&str>) -> Source {
    Source {
        scenario: "s".into(),
        dockerfile: context.join("Dockerfile"),
        context: context.to_owned(),
        origin: origin.map(Path::to_owned),
        revision: revision.map(str::to_owned),
    }
}

#[test]
fn a_source_that_is_not_found_is_told_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("sub/lib.txt", "x");
    let sub = folder.path().join("sub");
    git(&sub, &["init", "-q"]);
    git(&sub, &["add", "."]);
    git(&sub, &["commit", "-qm", "1"]);
    write("app/Dockerfile", "FROM scratch\n");
    write("app/.gitignore", "built\n");
    write("app/.dockerignore", "docs\n!docs/kept\n");
    write("app/docs/left", "x");
    write("app/docs/kept", "x");
    let app = folder.path().join("app");
    git(&app, &["init", "-q"]);
    git(
        &app,
        &[
            "submodule",
            "add",
            "-q",
            sub.to_str().unwrap(),
            "vendor/lib",
        ],
    );
    git(&app, &["add", "."]);
    git(&app, &["commit", "-qm", "1"]);
    let clone = folder.path().join("ci");
    git(folder.path(), &["clone", "-q", "app", "ci"]);
    write("ci/built", "x");
    write("ci/new", "x");
    write("copy/Dockerfile", "FROM scratch\n");
    let copy = folder.path().join("copy");

    let cause = |source: &Source, path: &str| source.cause(Path::new(path)).unwrap_or_default();
    let own = source(&clone, None, None);
    assert!(cause(&own, "docs/left").contains(".dockerignore leaves it out"));
    assert_eq!(cause(&own, "docs/kept"), "");
    assert!(cause(&own, "nothing").contains("no such file"));
    assert!(cause(&own, "vendor/lib/lib.txt").contains("git submodule update --init vendor/lib"));
    let worktree = source(&copy, Some(&clone), None);
    assert!(cause(&worktree, "built").contains("git ignores it"));
    let base = source(&copy, Some(&clone), Some("abc"));
    assert!(cause(&base, "built").contains("git ignores it"));
    assert!(cause(&base, "new").contains("not in this revision"));
    assert_eq!(cause(&own, "../outside"), "");
}

#[test]
fn only_what_comes_from_the_context_is_looked_for_there() {
    let failure = |step: &str, message: &str| Failure {
        message: message.into(),
        step: Some(step.into()),
        exit_code: None,
        log_tail: vec![],
    };
    let said = r#"failed to compute cache key: failed to calculate checksum of ref a::b: "/x/y": not found"#;
    assert_eq!(
        missing_source(&failure("[2/3] COPY x/y /", said)).as_deref(),
        Some("x/y")
    );
    let folder = "failed to walk /x/tmp/buildkit-mount79/x: lstat /x/tmp/buildkit-mount79/x: \
                  no such file or directory";
    assert_eq!(
        missing_source(&failure("[2/3] COPY x/y /", folder)).as_deref(),
        Some("x")
    );
    let from = failure("[2/3] COPY --from=build x/y /", said);
    assert_eq!(missing_source(&from), None);
    let mut foreign = failure("[2/2] RUN x", "exit code: 255");
    assert_eq!(foreign_program(&foreign), None);
    foreign.log_tail = vec!["exec /bin/sh: exec format error".into()];
    assert!(foreign_program(&foreign).is_some());
}
