//! What `choose` says of the published runs, and of what is wrong.

use std::path::Path;

use serde_json::Value;

use super::project::Project;
use super::{assert_says, buildrace, refused};

/// Published runs of scenarios, the newest of each.
const GO_HELLO: &str = "20261129T210024Z-a6b090";
const TESTS_IN_BUILD: &str = "20261124T183113Z-f470b1";
const PACKAGES: &str = "20261129T213709Z-bb29d6";
const MATRIX: &str = "20261129T104457Z-90f2be";

fn published() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("results").display().to_string()
}

/// What is printed on stdout, if all is well.
fn chosen(args: &[&str]) -> String {
    let output = buildrace(&Project::new())
        .arg("choose")
        .args(args)
        .args(["--results", &published()])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

fn told(args: &[&str]) -> Value {
    let text = chosen(&[args, &["--json"]].concat());
    serde_json::from_str(&text).unwrap()
}

/// The strategy of the scenario's measured ones that has the least of something.
fn least(scenario: &Value, of: impl Fn(&Value) -> f64) -> &str {
    let strategies = scenario["strategies"].as_array().unwrap();
    let measured = strategies
        .iter()
        .filter(|strategy| strategy["model"] == false);
    let least = measured.min_by(|one, other| of(one).total_cmp(&of(other)));
    least.unwrap()["name"].as_str().unwrap()
}

fn mean(strategy: &Value, job: &str) -> f64 {
    strategy["jobs"][job]["mean_seconds"].as_f64().unwrap()
}

#[test]
fn what_the_published_figures_call_fastest_is_recommended() {
    for (name, run) in [
        ("go-hello", GO_HELLO),
        ("tests-in-build", TESTS_IN_BUILD),
        (TESTS_IN_BUILD, TESTS_IN_BUILD),
    ] {
        let answer = told(&[name]);
        assert_eq!(
            (&answer["schema"], &answer["run"]),
            (&1.into(), &run.into())
        );
        let scenario = &answer["scenarios"][0];
        let recommended = &scenario["recommendation"];
        assert_eq!(
            recommended["strategy"],
            least(scenario, |one| mean(one, "source"))
        );
        assert_eq!(recommended["strategy"], "cross/kept");
        assert_eq!(recommended["model"], false);
        // The ratio to the reference is what docs/results.md has.
        assert!(recommended["reference"]["high"].as_f64().unwrap() < 0.1);
    }
    let verdict = &told(&["go-hello"])["scenarios"][0]["recommendation"]["reference"]["verdict"];
    assert_eq!(verdict, "faster");
}

#[test]
fn packages_are_not_cross_compiled() {
    let answer = told(&["packages"]);
    let scenario = &answer["scenarios"][0];
    let strategies = scenario["strategies"].as_array().unwrap();
    assert_eq!(answer["run"], PACKAGES);
    assert!(
        strategies
            .iter()
            .all(|strategy| strategy["variant"] != "cross")
    );
    let recommended = &scenario["recommendation"];
    assert_eq!(recommended["strategy"], "hybrid/kept");
    assert_eq!(recommended["by"], "cold");
    // A prediction is named as one.
    let sentences = recommended["sentences"].as_array().unwrap();
    let first = sentences[0].as_str().unwrap();
    assert!(
        first.contains("than naive/kept") && !first.contains("model"),
        "{first}"
    );
}

#[test]
fn a_month_is_what_a_hand_reckons_of_the_samples() {
    let mix = "source=0.9,cold=0.1";
    let answer = told(&["go-hello", "--builds-per-day", "50", "--edit-mix", mix]);
    let scenario = &answer["scenarios"][0];
    for strategy in scenario["strategies"].as_array().unwrap() {
        if strategy["model"] == true {
            assert_eq!(strategy["minutes_a_month"]["expected"], Value::Null);
            continue;
        }
        let seconds = 0.9 * mean(strategy, "source") + 0.1 * mean(strategy, "cold");
        let by_hand = 50.0 * 22.0 * seconds / 60.0;
        let month = &strategy["minutes_a_month"];
        let end = |name: &str| month[name].as_f64().unwrap();
        assert!((end("expected") - by_hand).abs() < 1e-6, "{strategy}");
        assert!(end("low") < by_hand && by_hand < end("high"));
    }
    assert_eq!(scenario["recommendation"]["strategy"], "cross/kept");
    assert_eq!(scenario["recommendation"]["by"], "minutes");
}

#[test]
fn prices_make_money_of_minutes() {
    let project = Project::new();
    project.write(
        "prices.toml",
        "currency = \"EUR\"\n[runner-minutes]\namd64 = 0.01\n[job]\nsetup-seconds = 30\n",
    );
    let args = ["choose", "go-hello", "--results", &published(), "--json"];
    let month = [
        "--builds-per-day",
        "10",
        "--edit-mix",
        "source=1",
        "--prices",
        "prices.toml",
    ];
    let output = buildrace(&project).args(args).args(month).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let scenario = &answer["scenarios"][0];
    assert_eq!(scenario["fleet"]["currency"], "EUR");
    let strategies = scenario["strategies"].as_array().unwrap();
    let cross = strategies
        .iter()
        .find(|one| one["name"] == "cross/kept")
        .unwrap();
    let by_hand = 220.0 * 0.01 * (mean(cross, "source") + 30.0) / 60.0;
    let price = cross["price_a_month"]["expected"].as_f64().unwrap();
    assert!((price - by_hand).abs() < 1e-9, "{price} {by_hand}");
    // An arm64 runner has no price, so what needs one has none.
    let native = strategies
        .iter()
        .find(|one| one["name"] == "naive+native/lost")
        .unwrap();
    assert_eq!(native["price_a_month"], Value::Null);

    project.write(
        "wrong.toml",
        "currency = \"EUR\"\n[runner-minute]\namd64 = 1\n",
    );
    let month = [
        "--builds-per-day",
        "10",
        "--edit-mix",
        "source=1",
        "--prices",
        "wrong.toml",
    ];
    let line = refused(&project, &[&["choose", "go-hello"], &month[..]].concat());
    assert_says(&line, &["wrong.toml:2:2: unknown key \"runner-minute\""]);
}

#[test]
fn the_first_line_says_what_to_do_and_how_sure_it_is() {
    let text = chosen(&["go-hello"]);
    let first = text.lines().next().unwrap();
    assert!(
        first.starts_with("Build cross and keep its caches: 1.2"),
        "{text}"
    );
    let paragraph: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
    let paragraph = paragraph.join(" ");
    assert_says(
        &paragraph,
        &["faster than naive/kept, the reference [", "(clear)"],
    );
    assert_says(
        &text,
        &[
            "naive+native/lost",
            "model",
            "Not measured: jobs after the edit dependencies",
        ],
    );
    let few = chosen(&["tests-in-build"]);
    assert_says(&few, &["3 rounds: too few for a verdict"]);
}

#[test]
fn a_workflow_is_all_that_is_printed() {
    let workflow = chosen(&["go-hello", "--workflow", "github"]);
    assert!(workflow.starts_with(&format!("# cross/kept of run {GO_HELLO}, written by `")));
    assert_says(
        &workflow,
        &[
            "file: dockerfiles/go-hello/cross.Dockerfile",
            "cache-to: type=gha,mode=max",
        ],
    );
    let native = chosen(&[
        "go-hello",
        "--workflow",
        "github",
        "--strategy",
        "naive+native/lost",
    ]);
    assert_says(
        &native,
        &["a model", "ubuntu-24.04-arm", "imagetools create"],
    );
}

#[test]
fn several_scenarios_of_a_run_are_answered_each() {
    let answer = told(&[MATRIX]);
    let names: Vec<&Value> = answer["scenarios"]
        .as_array()
        .unwrap()
        .iter()
        .map(|scenario| &scenario["name"])
        .collect();
    assert_eq!(names, ["go-hello", "packages"]);
    let one = told(&[MATRIX, "--scenario", "packages"]);
    assert_eq!(one["scenarios"].as_array().unwrap().len(), 1);
}

#[test]
fn what_cannot_be_answered_is_one_line() {
    let project = Project::new();
    let results = published();
    let refused = |args: &[&str]| {
        refused(
            &project,
            &[&["choose"], args, &["--results", &results]].concat(),
        )
    };
    let line = refused(&["nothing"]);
    assert_says(
        &line,
        &["no run, scenario or Dockerfile \"nothing\"", "tiny"],
    );
    let line = refused(&[MATRIX, "--workflow", "github"]);
    assert_says(&line, &["several scenarios", "--scenario NAME"]);
    let line = refused(&[
        "go-hello",
        "--workflow",
        "github",
        "--strategy",
        "cros/kept",
    ]);
    assert_says(&line, &["unknown strategy \"cros/kept\"", "cross/kept"]);
    let line = refused(&[GO_HELLO, "--scenario", "rust"]);
    assert_says(&line, &["has no scenario \"rust\""]);
    let line = refused(&[GO_HELLO, "--rounds", "3"]);
    assert_says(&line, &["is stored"]);
    let line = refused(&["tiny", "--json"]);
    assert_says(&line, &["no run of tiny", "races it first"]);
    // Without a builder nothing is raced.
    let line = refused(&["tiny"]);
    assert_says(&line, &["unix:///nonexistent/docker.sock"]);
}

#[test]
fn the_prices_to_fill_in_are_printed() {
    let output = buildrace(&Project::new())
        .args(["choose", "--print-prices"])
        .output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    assert_says(
        &text,
        &["[runner-minutes]", "# amd64 =", "buildrace knows no"],
    );
}
