//! Targets of bake on a real engine: the same steps as `docker buildx bake`, one build of
//! several, and whole races of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use buildrace::builder::Builder;
use buildrace::buildkit::{BakeRequest, BakeTarget, BuildRequest, NamedContext};
use buildrace::store::{StoredRun, read_trace};
use buildrace::trace::{SolveStatus, Trace};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::bench::Bench;
use crate::git::{commit, init};
use crate::project::Project;
use crate::support::buildx::{Buildx, program};
use crate::support::{Engine, Job, Steps, fold, fold_all, unique};

/// Two targets that share a stage, and one that takes from another, with a context of its
/// own. `{nonce}` makes it new to the engine.
const DOCKERFILE: &str = "\
FROM debian:trixie-slim AS base
RUN echo {nonce} > /base
COPY shared /shared

FROM base AS app
ARG GREETING=none
RUN echo \"$GREETING\" > /app

FROM base AS web
COPY shared /web
";
const LINT: &str = "\
FROM base
COPY --from=extra file /extra
COPY own /own
RUN test \"$(cat /extra)\" = extra && test -e /app
RUN test \"$(cat /own)\" = lint
";
const BAKE: &str = r#"
group "default" {
  targets = ["app", "web"]
}
target "app" {
  target = "app"
  args = { GREETING = "hello" }
}
target "web" {
  target = "web"
}
target "lint" {
  context = "lint"
  contexts = { base = "target:app", extra = "extra" }
}
"#;

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A folder with a bake file that the engine has not seen.
fn sources(folder: &Path) {
    write(
        folder,
        "Dockerfile",
        &DOCKERFILE.replace("{nonce}", &unique("nonce")),
    );
    write(folder, "docker-bake.hcl", BAKE);
    write(folder, "shared/file", "shared\n");
    write(folder, "extra/file", "extra\n");
    write(folder, "lint/Dockerfile", LINT);
    write(folder, "lint/own", "lint\n");
}

/// The targets as the bake file has them.
fn request(folder: &Path) -> BakeRequest {
    let base = Job::new(folder).request();
    let target = |name: &str, change: &dyn Fn(&mut BuildRequest)| {
        let mut request = BuildRequest {
            reference: unique(name),
            ..base.clone()
        };
        change(&mut request);
        BakeTarget {
            name: name.into(),
            request,
        }
    };
    BakeRequest {
        targets: vec![
            target("app", &|app| {
                app.target = Some("app".into());
                app.build_args.insert("GREETING".into(), "hello".into());
            }),
            target("lint", &|lint| {
                lint.context = folder.join("lint");
                lint.dockerfile = folder.join("lint/Dockerfile");
                let extra = NamedContext::Folder(folder.join("extra"));
                let app = NamedContext::Target("app".into());
                lint.contexts = [("base".to_owned(), app), ("extra".to_owned(), extra)].into();
            }),
            target("web", &|web| web.target = Some("web".into())),
        ],
        timeout: None,
    }
}

async fn baked(engine: &Engine, request: &BakeRequest) -> Vec<SolveStatus> {
    let (sink, mut messages) = mpsc::unbounded_channel();
    let end = engine
        .builder
        .bake(request, sink, CancellationToken::new())
        .await;
    let mut statuses = Vec::new();
    while let Ok(status) = messages.try_recv() {
        statuses.push(status);
    }
    end.result
        .unwrap_or_else(|error| panic!("{error}: {statuses:?}"));
    statuses
}

/// What `docker buildx bake` says of the steps of all three.
fn baked_by_buildx(host: &str, folder: &Path) -> Steps {
    let mut command = Buildx::on(host).verb("bake");
    command
        .current_dir(folder)
        .args(["--progress=rawjson", "--provenance=false"])
        .args(["--set", "*.output=type=cacheonly"])
        .args(["--set", "*.args.BUILDKIT_MULTI_PLATFORM=1"])
        .args(["--set", &format!("*.platform={}", crate::support::native())])
        .args(["app", "web", "lint"]);
    let output = command.output().expect("buildx runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "buildx: {said}");
    let mut steps = Steps::new();
    for status in serde_json::Deserializer::from_slice(&output.stderr).into_iter() {
        let status: SolveStatus = status.unwrap_or_else(|e| panic!("buildx: {e} in {said}"));
        fold(&mut steps, &status);
    }
    steps
}

/// Steps without the name of their target, and whether all of a name came from the cache.
fn of_any(steps: &BTreeMap<String, bool>) -> BTreeMap<&str, bool> {
    let mut found = BTreeMap::new();
    for (name, cached) in steps {
        let (_, rest) = name.split_once(' ').unwrap();
        *found.entry(rest).or_insert(true) &= cached;
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_steps_are_those_of_docker_buildx_bake() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let folder = TempDir::new().unwrap();
    for build in ["cold", "unchanged"] {
        let (ours, theirs) = match build {
            "cold" => {
                sources(folder.path());
                let ours = fold_all(&baked(&engine, &request(folder.path())).await);
                sources(folder.path());
                (ours, baked_by_buildx(&engine.host, folder.path()))
            }
            _ => {
                let theirs = baked_by_buildx(&engine.host, folder.path());
                let ours = fold_all(&baked(&engine, &request(folder.path())).await);
                (ours, theirs)
            }
        };
        // What is loaded of the bake file is of buildx alone, and the nonce is in a name.
        let plain = |steps: Steps| -> BTreeMap<String, bool> {
            let steps = steps.into_iter();
            let steps = steps.filter(|(name, _)| !name.contains("local bake definitions"));
            steps
                .map(|(name, cached)| {
                    let nonce = name.find("nonce-").unwrap_or(name.len());
                    // Of a base image BuildKit says by turns whether it is cached.
                    (
                        name[..nonce].to_owned(),
                        cached && !name.contains("] FROM "),
                    )
                })
                .collect()
        };
        let (ours, theirs) = (plain(ours), plain(theirs));
        let names =
            |steps: &BTreeMap<String, bool>| -> Vec<String> { steps.keys().cloned().collect() };
        assert_eq!(names(&ours), names(&theirs), "{build}");
        // buildx before 0.16 sends a folder to each target, so that steps on it are several
        // to BuildKit, and all but one come from the cache.
        assert_eq!(of_any(&ours), of_any(&theirs), "{build}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_targets_share_is_done_once_without_a_cache_too() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let folder = TempDir::new().unwrap();
    sources(folder.path());
    let mut request = request(folder.path());
    for target in &mut request.targets {
        target.request.no_cache = true;
    }
    let mut trace = Trace::default();
    for status in baked(&engine, &request).await {
        trace.push(&status);
    }
    let steps = |what: &str| -> Vec<&str> {
        let steps = trace.steps().iter();
        let steps = steps.filter(|step| step.label.instruction.contains(what));
        steps.map(|step| step.name.as_str()).collect()
    };
    let shared = steps("RUN echo nonce-");
    assert_eq!(shared.len(), 1, "{shared:?}");
    // The first target's, whichever was reported first.
    assert!(shared[0].starts_with("[app "), "{shared:?}");
    assert_eq!(steps("COPY shared /shared").len(), 1);
    // 2 that are shared, 1 of app, 1 of web, 4 of lint.
    assert_eq!((trace.count(), trace.cached_count()), (8, 0));
}

/// buildrace on a bench, with the buildx of these tests.
fn raced(bench: &Bench, code: i32, args: &[&str]) -> (String, String) {
    let output = with_buildx(bench.command(args)).output().unwrap();
    let told = bench.ended(code, &output);
    (told, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn with_buildx(mut command: Command) -> Command {
    command
        .env("BUILDRACE_BUILDX", program())
        .env("TOKEN", "hidden-token");
    command
}

/// The names of the steps of a sample that begins so.
fn steps_of(bench: &Bench, run: &StoredRun, sample: &str) -> Vec<String> {
    let dir = bench.folders().pop().unwrap();
    let samples = run.run.samples.iter();
    let mut ids = samples
        .map(|it| it.slot.id.as_str())
        .filter(|id| id.contains(sample));
    let id = ids.next().unwrap_or_else(|| panic!("no sample {sample}"));
    let mut trace = Trace::default();
    for status in read_trace(&dir, id).unwrap() {
        trace.push(&status.unwrap());
    }
    let steps = trace.steps().iter();
    let steps = steps.filter(|step| step.label.is_instruction());
    steps.map(|step| step.name.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_raced_as_one_build_and_against_its_changed_self() {
    let Some(bench) = Bench::new().await else {
        return;
    };
    sources(bench.sources.path());
    let secret = "\ntarget \"web\" {\n  secret = [\"id=token,env=TOKEN\"]\n  tags = [\"x\"]\n}\n";
    bench.write("docker-bake.override.hcl", secret);
    let web = DOCKERFILE.replace(
        "COPY shared /web",
        "RUN --mount=type=secret,id=token test \"$(cat /run/secrets/token)\" = hidden-token",
    );
    bench.write("Dockerfile", &web.replace("{nonce}", &unique("nonce")));
    init(bench.sources.path());
    let changed = fs::read_to_string(bench.sources.path().join("docker-bake.hcl")).unwrap();
    bench.write(
        "docker-bake.hcl",
        &changed.replace("\"hello\"", "\"changed\""),
    );
    let compare = [
        "compare",
        "--bake",
        "default",
        "--against",
        "HEAD",
        "--rounds",
        "1",
    ];
    let (told, said) = raced(&bench, 0, &compare);
    assert!(
        told.contains("default in the working tree against HEAD"),
        "{told}"
    );
    assert!(said.contains("note: raced without tags of web"), "{said}");
    let run = bench.run();
    let scenario = &run.run.record.scenarios[0];
    for variant in &scenario.variants {
        let bake = variant.bake.as_ref().unwrap();
        assert_eq!(bake.targets, ["app", "web"]);
        assert_eq!(variant.dockerfile, "Dockerfile");
    }
    let steps = steps_of(&bench, &run, "worktree");
    let count = |what: &str| steps.iter().filter(|name| name.contains(what)).count();
    assert_eq!(
        (
            count("COPY shared /shared"),
            count("/app"),
            count("--mount")
        ),
        (1, 1, 1),
        "{steps:?}"
    );
    assert_eq!(run.run.samples.iter().map(|it| it.steps).max(), Some(4));
    // Neither results nor reports hold the secret.
    for entry in walkdir::WalkDir::new(bench.out.path()) {
        let path = entry.unwrap().into_path();
        let held = fs::read(&path).unwrap_or_default();
        let held = match path.extension().is_some_and(|it| it == "gz") {
            true => {
                let mut text = Vec::new();
                let mut reader = flate2::read::GzDecoder::new(held.as_slice());
                std::io::Read::read_to_end(&mut reader, &mut text).unwrap();
                text
            }
            false => held,
        };
        let held = String::from_utf8_lossy(&held).into_owned();
        assert!(!held.contains("hidden-token"), "{}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_targets_passes_where_nothing_that_is_built_differs() {
    let Some(bench) = Bench::new().await else {
        return;
    };
    sources(bench.sources.path());
    init(bench.sources.path());
    bench.write("buildrace.toml", "[build]\nbake = [\"app\", \"lint\"]\n");
    commit(bench.sources.path(), "Check what bake builds");
    let bake = format!("# A comment\n{BAKE}");
    bench.write("docker-bake.hcl", &bake);
    let (told, _) = raced(&bench, 0, &["check"]);
    assert!(told.contains("nothing to measure"), "{told}");
    assert!(bench.folders().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compose_file_and_a_scenario_are_raced_too() {
    let Some(bench) = Bench::new().await else {
        return;
    };
    sources(bench.sources.path());
    let compose = "\
services:
  app:
    build:
      context: .
      target: app
      args: {GREETING: hello}
  db:
    image: debian:trixie-slim
";
    bench.write("compose.test.yaml", compose);
    let compare = [
        "compare",
        "--bake",
        "app",
        "web",
        "--set",
        "*.target=app",
        "--names",
        "a,b",
    ];
    let files = [
        "-f",
        "compose.test.yaml",
        "-f",
        "docker-bake.hcl",
        "--rounds",
        "1",
    ];
    let (told, _) = raced(&bench, 0, &[&compare[..], &files].concat());
    assert!(told.contains("web against app"), "{told}");
    let steps = steps_of(&bench, &bench.run(), "-a-");
    // One target has no name before its steps.
    assert!(
        steps
            .iter()
            .any(|name| name.ends_with("RUN echo \"hello\" > /app")),
        "{steps:?}"
    );
    assert!(
        !steps.iter().any(|name| name.starts_with("[app ")),
        "{steps:?}"
    );
    drop(bench);

    let Some(bench) = Bench::new().await else {
        return;
    };
    let project = Project::new();
    project.write(
        "scenarios/tiny/src/docker-bake.hcl",
        "group \"both\" {\n  targets = [\"one\", \"two\"]\n}\n\
         target \"one\" {\n  dockerfile = \"../../../dockerfiles/tiny/naive.Dockerfile\"\n}\n\
         target \"two\" {\n  dockerfile-inline = \"FROM scratch\\nCOPY . /\\n\"\n}\n",
    );
    let path = project.path().join("scenarios/tiny/scenario.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}bake = \"both\"\n")).unwrap();
    let args = [
        "run",
        "tiny",
        "--platform",
        "amd64",
        "--kinds",
        "incremental",
        "--rounds",
        "1",
    ];
    let mut command = with_buildx(bench.command(&args));
    let output = command.current_dir(project.path()).output().unwrap();
    bench.ended(0, &output);
    let run = bench.run();
    let cross = run.run.record.scenarios[0]
        .variants
        .iter()
        .find(|it| it.name == "cross");
    assert_eq!(
        cross.unwrap().bake.as_ref().unwrap().targets,
        ["one", "two"]
    );
    let steps = steps_of(&bench, &run, "cross-incremental");
    assert_eq!(steps.len(), 4, "{steps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_are_built_once_and_explained() {
    let Some(bench) = Bench::new().await else {
        return;
    };
    sources(bench.sources.path());
    let explain = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_buildrace"));
        command.current_dir(bench.sources.path()).args(args);
        command.args(["--host", bench.host(), "--builder", "default"]);
        let output = with_buildx(command).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        String::from_utf8(output.stdout).unwrap()
    };
    let told = explain(&["explain", "--bake", "app,lint", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let names: Vec<&str> = told["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|step| step["name"].as_str())
        .collect();
    assert!(
        names
            .iter()
            .any(|name| name.contains("[lint ") && name.contains("RUN test")),
        "{names:?}"
    );
    let shared = names
        .iter()
        .filter(|name| name.contains("COPY shared /shared"));
    assert_eq!(shared.count(), 1, "{names:?}");
    // What proves a change.
    let words = told["compare"].as_array().unwrap().iter();
    let words: Vec<&str> = words.filter_map(|word| word.as_str()).collect();
    assert!(
        words
            .join(" ")
            .contains("compare app,lint --bake --against HEAD"),
        "{words:?}"
    );
}
