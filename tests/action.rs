//! The scripts of `action.yml`, with stand-ins for buildrace and GitHub's `gh`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// Tells its arguments, writes the comment that it is asked for, and exits with
/// `FAKE_EXIT`.
const BUILDRACE: &str = r#"#!/bin/sh
for argument; do
  printf '%s\n' "$argument" >>"$FAKE_LOG"
  case $argument in
  markdown-comment=*) printf '<!-- buildrace:comment:demo -->\nhello\n' >"${argument#*=}" ;;
  esac
done
exit "$FAKE_EXIT"
"#;

/// Tells its arguments, and knows the comment `FAKE_COMMENT`.
const GH: &str = r#"#!/bin/sh
echo "gh $*" >>"$FAKE_LOG"
case $* in
*--paginate*)
  echo "marker $MARKER" >>"$FAKE_LOG"
  echo "$FAKE_COMMENT" ;;
esac
"#;

struct Step {
    folder: TempDir,
}

impl Step {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("buildrace", BUILDRACE), ("gh", GH)] {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { folder }
    }

    fn run(&self, settings: &[(&str, &str)]) -> Output {
        let folder = self.folder.path();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/action");
        let path = std::env::var("PATH").unwrap();
        Command::new(script)
            .current_dir(folder)
            .env("PATH", format!("{}:{path}", folder.display()))
            .env("BUILDRACE", folder.join("buildrace"))
            .env("BUILDRACE_COMMAND", "check")
            .env("RUNNER_TEMP", folder)
            .env("GITHUB_OUTPUT", folder.join("output"))
            .env("GITHUB_REPOSITORY", "owner/name")
            .env("FAKE_LOG", folder.join("log"))
            .env("FAKE_EXIT", "0")
            .env("FAKE_COMMENT", "")
            .envs(settings.iter().copied())
            .output()
            .expect("bash runs the script")
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }
}

#[test]
fn arguments_are_split_as_a_shell_does_and_expanded_never() {
    let step = Step::new();
    let output = step.run(&[
        (
            "BUILDRACE_ARGS",
            "--edit 'a b.go' --target \"x\" $(touch${IFS}pwned) `id`",
        ),
        ("BUILDRACE_JUNIT", "out.xml"),
    ]);
    assert!(output.status.success(), "{output:?}");
    let log = step.read("log");
    let words: Vec<&str> = log.lines().collect();
    assert_eq!(
        words[..7],
        [
            "check",
            "--edit",
            "a b.go",
            "--target",
            "x",
            "$(touch${IFS}pwned)",
            "`id`"
        ]
    );
    assert!(words.ends_with(&["--format", "junit=out.xml"]), "{log}");
    assert!(!step.folder.path().join("pwned").exists());
    assert!(!log.contains("gh "), "{log}");
}

#[test]
fn the_exit_code_is_buildraces() {
    for code in ["1", "2"] {
        let step = Step::new();
        let output = step.run(&[("FAKE_EXIT", code)]);
        assert_eq!(output.status.code(), code.parse().ok());
        let told = step.read("output");
        assert!(told.contains(&format!("exit-code={code}\n")), "{told}");
        assert!(told.contains("comment-file="), "{told}");
    }
}

#[test]
fn a_comment_is_written_once_and_then_over() {
    let wanted = [("BUILDRACE_COMMENT", "true"), ("PULL_REQUEST", "7")];
    let step = Step::new();
    step.run(&wanted);
    let log = step.read("log");
    assert!(
        log.contains("marker <!-- buildrace:comment:demo -->"),
        "{log}"
    );
    assert!(
        log.contains("gh api --method POST repos/owner/name/issues/7/comments --field body=@"),
        "{log}"
    );

    let step = Step::new();
    step.run(&[wanted[0], wanted[1], ("FAKE_COMMENT", "42")]);
    let log = step.read("log");
    assert!(
        log.contains("gh api --method PATCH repos/owner/name/issues/comments/42 --field body=@"),
        "{log}"
    );

    let step = Step::new();
    let output = step.run(&wanted[..1]);
    assert!(!step.read("log").contains("gh "));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("no pull request"), "{told}");
}
