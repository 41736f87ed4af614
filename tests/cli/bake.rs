//! Targets of bake that cannot be raced, and buildx that does not say what they are.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::buildrace;
use super::project::Project;

/// A project with a bake file, and a buildx that says this of it.
struct Baked {
    project: Project,
}

impl Baked {
    fn saying(printed: &Value) -> Self {
        let project = Project::new();
        project.write("docker-bake.hcl", "");
        project.write("Dockerfile", "FROM scratch AS app\nCOPY . /\n");
        project.write("other/file", "");
        let buildx = project.path().join("buildx");
        let script = format!("#!/bin/sh\ncat <<'END'\n{printed}\nEND\n");
        fs::write(&buildx, script).unwrap();
        fs::set_permissions(&buildx, fs::Permissions::from_mode(0o755)).unwrap();
        Self { project }
    }

    /// Runs buildrace, which finds no engine, and returns what it says last.
    fn says(&self, args: &[&str]) -> String {
        let mut command = buildrace(&self.project);
        command.env("BUILDRACE_BUILDX", self.project.path().join("buildx"));
        let output = command.args(args).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(!self.project.path().join("results").exists());
        let last = stderr.trim_end().lines().last().unwrap_or_default();
        last.to_owned()
    }
}

/// Two targets, `app` and `web`, of which one is this.
fn with(app: Value) -> Value {
    json!({ "target": { "app": app, "web": {} } })
}

#[test]
fn what_is_typed_is_checked_before_any_engine_is_asked() {
    let baked = Baked::saying(&with(json!({})));
    let compare = |args: &[&str]| baked.says(&[&["compare", "--bake"], args].concat());
    for (args, expected) in [
        (&["a/b", "web"][..], "\"a/b\" is no target"),
        (&["app,web", "web,app"], "are the same targets"),
        (
            &["app", "web", "--target", "x"],
            "--set TARGET.target=STAGE",
        ),
        (
            &["app", "web", "--build-context", "x=."],
            "--set TARGET.contexts",
        ),
        (&["app", "web", "-f", "none.hcl"], "none.hcl is not a file"),
        (
            &["app", "web", "--context", "other"],
            "no bake file in other",
        ),
        (&["app", "web", "--allow", "all"], "expected network.host"),
        (&["app", "web", "--edit", "none.py"], "none.py"),
    ] {
        let said = compare(args);
        assert!(said.contains(expected), "{args:?}: {said}");
    }
    // All that bake says is fine: only the engine is missing.
    assert!(compare(&["app", "web"]).contains("/nonexistent/docker.sock"));
    let said = baked.says(&["compare", "Dockerfile", "Other", "--set", "app.target=x"]);
    assert!(said.contains("--help"), "{said}");
    let said = baked.says(&["check", "-f", "a", "-f", "b"]);
    assert!(said.contains("--bake TARGET"), "{said}");
}

#[test]
fn what_a_target_asks_for_is_refused_by_its_name() {
    for (target, expected) in [
        (json!({"context": "https://x/y.git"}), "target app: context"),
        (json!({"context": "none"}), "none"),
        (json!({"context": "../.."}), "--allow fs.read="),
        (json!({"dockerfile": "No.Dockerfile"}), "No.Dockerfile"),
        (
            json!({"contexts": {"x": "Dockerfile"}}),
            "its context x Dockerfile is not a folder",
        ),
        (json!({"target": "ap"}), "no stage \"ap\""),
        (json!({"network": "host"}), "--allow network.host"),
        (
            json!({"entitlements": ["security.insecure"]}),
            "--allow security.insecure",
        ),
        (
            json!({"secret": ["id=x,src=/etc/hostname"]}),
            "--allow fs.read=",
        ),
        (json!({"secret": ["id=x,env=NOBODY_SET"]}), "\"NOBODY_SET\""),
        (json!({"policy": [{"a": 1}]}), "policy is not raced"),
    ] {
        let baked = Baked::saying(&with(target.clone()));
        let said = baked.says(&["compare", "--bake", "app", "web"]);
        assert!(said.contains(expected), "{target}: {said}");
    }
}

#[test]
fn secrets_that_differ_have_two_ids() {
    let baked = Baked::saying(&json!({ "target": {
        "app": { "secret": ["id=tok,src=Dockerfile"] },
        "web": { "secret": ["id=tok,src=docker-bake.hcl"] },
    } }));
    let said = baked.says(&["compare", "--bake", "app", "web"]);
    assert!(said.contains("\"tok\" that differ"), "{said}");
}

#[test]
fn a_buildx_that_says_nothing_of_use() {
    let baked = Baked::saying(&json!("hello"));
    let said = baked.says(&["compare", "--bake", "app", "web"]);
    assert!(
        said.contains("bake --print` says what buildrace cannot read"),
        "{said}"
    );
    let buildx = baked.project.path().join("buildx");
    fs::write(
        &buildx,
        "#!/bin/sh\necho 'ERROR: failed to find target app' >&2; exit 1\n",
    )
    .unwrap();
    let said = baked.says(&["compare", "--bake", "app", "web"]);
    assert!(said.contains("failed to find target app"), "{said}");
    fs::remove_file(&buildx).unwrap();
    let said = baked.says(&["compare", "--bake", "app", "web"]);
    assert!(said.contains("cannot start"), "{said}");
}

#[test]
fn a_variant_of_bake_has_no_dockerfile_of_its_own() {
    let project = Project::new();
    let path = project.path().join("scenarios/tiny/scenario.toml");
    let text = fs::read_to_string(&path).unwrap();
    for (lines, expected) in [
        (
            "bake = \"app\"\ntarget = \"x\"",
            "\"bake\" beside \"target\"",
        ),
        ("bake = \"-f\"", "\"-f\" is no target"),
        (
            "bake-file = \"docker-bake.hcl\"",
            "\"bake-file\" without \"bake\"",
        ),
        ("bake = [\"a\"]\nbake-file = \"none.hcl\"", "none.hcl"),
    ] {
        fs::write(
            &path,
            text.replace("name = \"cross\"", &format!("name = \"cross\"\n{lines}")),
        )
        .unwrap();
        let output = buildrace(&project).args(["run", "tiny"]).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr.contains(expected), "{lines}: {stderr}");
        assert!(stderr.contains("scenario.toml:"), "{stderr}");
    }
}
