use clap::Parser;

use super::*;
use crate::cli::{Cli, Command};

const SCENARIO: &str = r#"title = "x"
sources = "src"
platforms = ["linux/amd64", "linux/arm64"]
kinds = ["noop"]
edit = { file = "a", find = "a", replace = "{nonce}" }
[[variant]]
name = "naive"
reference = true
[[variant]]
name = "cross"
optional = true
"#;

const SUITES: &str = r#"[small]
title = "two of them"
scenarios = ["control", "b", "a"]
kinds = ["cold"]
rounds = "auto"
"#;

/// Scenarios `a`, whose candidate is `fast`, `b`, and `control`, which is one.
fn project() -> (tempfile::TempDir, Project) {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    for (name, toml) in [
        ("a", SCENARIO.replace("cross", "fast")),
        ("b", SCENARIO.to_owned()),
        ("control", format!("control = true\n{SCENARIO}")),
    ] {
        write(&format!("scenarios/{name}/src/a"), "a");
        for variant in ["naive", "cross", "fast"] {
            let path = format!("dockerfiles/{name}/{variant}.Dockerfile");
            write(&path, "FROM base\n");
        }
        write(&format!("scenarios/{name}/scenario.toml"), &toml);
    }
    write("scenarios/suites.toml", SUITES);
    let project = Project::find(folder.path()).unwrap();
    (folder, project)
}

fn chosen(project: &Project, line: &str) -> anyhow::Result<Chosen> {
    let line = format!("buildrace run {line}");
    let Command::Run(args) = Cli::try_parse_from(line.split_whitespace())?.command else {
        panic!("{line}");
    };
    let chosen = choose(project, &args)?;
    assert_eq!(command(&args, &chosen).verb, "run");
    Ok(chosen)
}

fn names(chosen: &Chosen) -> Vec<&str> {
    chosen.scenarios.iter().map(|s| s.name.as_str()).collect()
}

#[test]
fn a_control_is_raced_where_it_is_named_alone() {
    let (_folder, project) = project();
    let all = chosen(&project, "").unwrap();
    assert_eq!(names(&all), ["a", "b"]);
    assert_eq!(all.controls, ["control"]);
    assert!(all.choice.may_leave_out);
    let one = chosen(&project, "control").unwrap();
    assert_eq!(names(&one), ["control"]);
    assert!(one.controls.is_empty() && !one.choice.may_leave_out);
    let suite = chosen(&project, "--suite small").unwrap();
    assert_eq!(names(&suite), ["control", "b", "a"]);
}

#[test]
fn the_command_line_wins_over_the_suite() {
    let (_folder, project) = project();
    let suite = chosen(&project, "--suite small").unwrap();
    assert_eq!(suite.rounds, Rounds::Auto);
    assert_eq!(suite.choice.suite.as_deref(), Some("small"));
    assert!(suite.scenarios.iter().all(|s| s.kinds == [BuildKind::Cold]));
    let suite = chosen(&project, "--suite small --kinds multi-arch").unwrap();
    let kinds = [BuildKind::MultiArch];
    assert!(suite.scenarios.iter().all(|s| s.kinds == kinds));
}

#[test]
fn a_suites_command_repeats_it_without_the_suite() {
    let (_folder, project) = project();
    let line = "buildrace run --suite small --variant naive";
    let Command::Run(args) = Cli::try_parse_from(line.split(' ')).unwrap().command else {
        panic!("{line}");
    };
    let suite = choose(&project, &args).unwrap();
    let words = command(&args, &suite).to_string();
    let again = "buildrace run control b a --kinds cold --variant naive";
    assert_eq!(words, again);
}

#[test]
fn a_scenario_without_the_variants_asked_for_is_left_out_unless_it_was_named() {
    let (_folder, project) = project();
    let suite = chosen(&project, "--suite small --variant fast").unwrap();
    assert_eq!(names(&suite), ["a"]);
    let left_out = suite.choice.left_out.iter().map(LeftOut::describe);
    assert_eq!(
        left_out.collect::<Vec<_>>(),
        [
            "control: it has no variant fast",
            "b: it has no variant fast"
        ]
    );
    let error = chosen(&project, "a b --variant fast").unwrap_err();
    assert!(error.to_string().contains("unknown variant"), "{error}");
    let error = chosen(&project, "--variant fas").unwrap_err();
    assert!(error.to_string().contains("fast"), "{error}");
}

#[test]
fn an_optional_variant_that_was_named_is_optional_no_more() {
    let (_folder, project) = project();
    let optional = |line: &str| chosen(&project, line).unwrap().scenarios[0].variants[1].optional;
    assert!(optional("b"));
    assert!(!optional("b --variant naive,cross"));
}
