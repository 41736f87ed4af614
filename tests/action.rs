//! The scripts of `action.yml`, with stand-ins for buildrace, GitHub's `gh` and
//! releases, and cargo.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// Tells its arguments, each between brackets, writes the comment that it is asked for, and exits with
/// `FAKE_EXIT`.
const BUILDRACE: &str = r#"#!/bin/sh
for argument; do
  printf '<%s>\n' "$argument" >>"$FAKE_LOG"
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
            "<check>",
            "<--edit>",
            "<a b.go>",
            "<--target>",
            "<x>",
            "<$(touch${IFS}pwned)>",
            "<`id`>"
        ]
    );
    assert!(words.ends_with(&["<--format>", "<junit=out.xml>"]), "{log}");
    assert!(!step.folder.path().join("pwned").exists());
    assert!(!log.contains("gh "), "{log}");
}

/// What buildrace gets of `args` and `build-args`.
fn arguments(args: &str, build_args: &str) -> Vec<String> {
    let step = Step::new();
    let output = step.run(&[
        ("BUILDRACE_ARGS", args),
        ("BUILDRACE_BUILD_ARGS", build_args),
    ]);
    assert!(output.status.success(), "{output:?}");
    let log = step.read("log");
    let (own, _) = log.split_once("<--format>\n").expect("formats come last");
    let own = own.strip_prefix("<check>\n").expect("the command is first");
    let own = own
        .strip_suffix(">\n")
        .map(|own| own.strip_prefix('<').unwrap());
    own.map_or(Vec::new(), |own| {
        own.split(">\n<").map(str::to_owned).collect()
    })
}

#[test]
fn an_input_without_a_value_adds_no_argument() {
    for empty in ["", "\n", " ", "\n\n", "\r\n"] {
        assert_eq!(arguments(empty, ""), [""; 0]);
    }
    for empty in ["", "\n", "\n\n", "\r\n"] {
        assert_eq!(arguments("", empty), [""; 0]);
    }
    // An empty word that is written is one, wherever it stands.
    assert_eq!(
        arguments("--build-arg \"\" --target ''", ""),
        ["--build-arg", "", "--target", ""]
    );
    assert_eq!(arguments("--build-arg \"\"", ""), ["--build-arg", ""]);
}

#[test]
fn values_pass_as_they_are() {
    assert_eq!(
        arguments(
            "--build-arg 'A=two words' --build-arg \"B=it's\"\n--build-arg C=x\\ y \
             --build-arg 'D=one\ntwo\n' --build-arg \"E=a\\\"b\\\\c\\d\" --build-arg F='$HOME'\"*\"",
            ""
        ),
        [
            "--build-arg",
            "A=two words",
            "--build-arg",
            "B=it's",
            "--build-arg",
            "C=x y",
            "--build-arg",
            "D=one\ntwo\n",
            "--build-arg",
            "E=a\"b\\c\\d",
            "--build-arg",
            "F=$HOME*"
        ]
    );
    assert_eq!(
        arguments("", "A=two words\n\nB=\"quoted\" 'it'\\s\r\nC=\nD=$(id) ä"),
        [
            "--build-arg",
            "A=two words",
            "--build-arg",
            "B=\"quoted\" 'it'\\s",
            "--build-arg",
            "C=",
            "--build-arg",
            "D=$(id) ä"
        ]
    );
}

#[test]
fn what_is_quoted_without_an_end_runs_nothing() {
    for args in ["--edit 'a", "--edit \"a", "--edit \"a\\\"", "a \\"] {
        let step = Step::new();
        let output = step.run(&[("BUILDRACE_ARGS", args)]);
        assert_eq!(output.status.code(), Some(2), "{args}");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            told.starts_with("::error::args of the buildrace action"),
            "{told}"
        );
        assert_eq!(step.read("log"), "");
    }
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

/// A server of releases: a folder by the names of files.
const CURL: &str = r#"#!/bin/sh
while [ $# -gt 1 ]; do
  [ "$1" = --output ] && target=$2
  shift
done
echo "curl $1" >>"$FAKE_LOG"
cp "$FAKE_RELEASE/${1##*/}" "$target" 2>/dev/null || exit 22
"#;

/// Compiles a buildrace that tells that it was.
const CARGO: &str = r#"#!/bin/sh
echo "cargo $*" >>"$FAKE_LOG"
while [ $# -gt 0 ]; do
  [ "$1" = --root ] && root=$2
  shift
done
mkdir -p "$root/bin"
printf 'compiled' >"$root/bin/buildrace"
chmod +x "$root/bin/buildrace"
"#;

/// `scripts/install` on a machine of its own.
struct Install {
    folder: TempDir,
}

impl Install {
    /// `digest` is what the release says that its archive has; the right one
    /// where `None`.
    fn new(release: Option<Option<&str>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, text) in [("curl", CURL), ("cargo", CARGO)] {
            fs::write(at(name), text).unwrap();
            fs::set_permissions(at(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::create_dir(at("release")).unwrap();
        if let Some(digest) = release {
            let arch = std::env::consts::ARCH;
            let script = format!(
                "cd release && printf downloaded >buildrace && chmod +x buildrace &&
                 name=buildrace-9.8.7-{arch}-unknown-linux-gnu.tar.gz &&
                 tar -czf $name buildrace && rm buildrace && sha256sum $name >$name.sha256"
            );
            let made = Command::new("sh")
                .args(["-c", &script])
                .current_dir(folder.path())
                .status();
            assert!(made.unwrap().success());
            if let Some(digest) = digest {
                let name =
                    format!("release/buildrace-9.8.7-{arch}-unknown-linux-gnu.tar.gz.sha256");
                fs::write(at(&name), format!("{digest}  x\n")).unwrap();
            }
        }
        Self { folder }
    }

    fn run(&self, argument: &str, settings: &[(&str, &str)]) -> Output {
        let folder = self.folder.path();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/install");
        let path = std::env::var("PATH").unwrap();
        Command::new(script)
            .arg(argument)
            .env("PATH", format!("{}:{path}", folder.display()))
            .env("TMPDIR", folder)
            .env("RUNNER_TEMP", folder)
            .env("GITHUB_OUTPUT", folder.join("output"))
            .env("ACTION_REPOSITORY", "owner/buildrace")
            .env("FAKE_LOG", folder.join("log"))
            .env("FAKE_RELEASE", folder.join("release"))
            .envs(settings.iter().copied())
            .output()
            .expect("bash runs the script")
    }

    /// What is installed, and what was done for it.
    fn installed(&self, settings: &[(&str, &str)]) -> (String, String) {
        let target = self.folder.path().join("installed");
        let output = self.run(&target.display().to_string(), settings);
        assert!(output.status.success(), "{output:?}");
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let log = read(self.folder.path().join("log"));
        (read(target.join("buildrace")), log)
    }
}

#[test]
fn a_release_is_downloaded_where_there_is_one() {
    for version in [("BUILDRACE_VERSION", "9.8.7"), ("ACTION_REF", "v9.8.7")] {
        let install = Install::new(Some(None));
        let (program, log) = install.installed(&[version]);
        assert_eq!(program, "downloaded");
        assert!(
            log.contains("/owner/buildrace/releases/download/v9.8.7/"),
            "{log}"
        );
        assert!(!log.contains("cargo"), "{log}");
        // What is there already is neither downloaded nor compiled again.
        let (_, again) = install.installed(&[version]);
        assert_eq!(again, log);
    }
}

#[test]
fn what_has_no_release_is_compiled() {
    let install = Install::new(None);
    let (program, log) = install.installed(&[("ACTION_REF", "main")]);
    assert_eq!(program, "compiled");
    assert!(!log.contains("curl"), "{log}");
    assert!(log.contains("--path "), "{log}");

    // Another version than that of these sources comes from its tag.
    let (program, log) = Install::new(None).installed(&[("BUILDRACE_VERSION", "v9.8.7")]);
    assert_eq!(program, "compiled");
    let tagged = "--git https://github.com/owner/buildrace --tag v9.8.7 buildrace";
    assert!(log.contains(tagged), "{log}");
    let own = env!("CARGO_PKG_VERSION");
    let (_, log) = Install::new(None).installed(&[("BUILDRACE_VERSION", own)]);
    assert!(log.contains("--path "), "{log}");
}

#[test]
fn a_release_that_is_not_what_its_digest_says_is_refused() {
    let install = Install::new(Some(Some(&"0".repeat(64))));
    let target = install.folder.path().join("installed");
    let output = install.run(
        &target.display().to_string(),
        &[("BUILDRACE_VERSION", "9.8.7")],
    );
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(!target.join("buildrace").exists());
    let log = fs::read_to_string(install.folder.path().join("log")).unwrap();
    assert!(!log.contains("cargo"), "{log}");

    let output = install.run("key", &[("BUILDRACE_VERSION", "../9 && id")]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn the_cache_has_the_program_of_these_sources_alone() {
    let keys = |settings: &[(&str, &str)]| {
        let install = Install::new(None);
        let output = install.run("key", settings);
        assert!(output.status.success(), "{output:?}");
        let output = fs::read_to_string(install.folder.path().join("output")).unwrap();
        let key = output.lines().find_map(|line| line.strip_prefix("key="));
        let folder = output.lines().find_map(|line| line.strip_prefix("folder="));
        assert!(
            folder
                .unwrap()
                .starts_with(install.folder.path().to_str().unwrap())
        );
        key.unwrap().to_owned()
    };
    let machine = [
        ("RUNNER_OS", "Linux"),
        ("RUNNER_ARCH", "X64"),
        ("ImageOS", "ubuntu24"),
    ];
    let with = |setting| [machine.as_slice(), &[setting]].concat();
    let own = keys(&machine);
    assert!(own.starts_with("buildrace-Linux-X64-ubuntu24-"), "{own}");
    // A branch says nothing of what it is today.
    assert_eq!(keys(&with(("ACTION_REF", "main"))), own);
    let tagged = keys(&with(("ACTION_REF", "v9.8.7")));
    assert_eq!(tagged, "buildrace-Linux-X64-ubuntu24-9.8.7");
    assert_eq!(keys(&with(("BUILDRACE_VERSION", "9.8.7"))), tagged);
}
