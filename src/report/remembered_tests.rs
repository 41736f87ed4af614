use super::*;
use crate::explain::Explanation;
use crate::model::BuildInputs;
use crate::report::explanation::fixture::{HOSTILE, explained, failing_steps, naive_steps};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn build(reference: &str, started: i64, completed: Option<i64>) -> RememberedBuild {
    RememberedBuild {
        reference: reference.into(),
        started: Some(at(started)),
        completed: completed.map(at),
        cached_steps: 3,
        total_steps: 12,
        has_log: true,
        ..RememberedBuild::default()
    }
}

fn listed<'b>(short: &'b str, build: &'b RememberedBuild) -> Listed<'b> {
    Listed { short, build }
}

#[test]
fn builds_are_a_row_each() {
    let platforms = ["linux/amd64", "linux/arm64"].map(|name| name.parse().unwrap());
    let builds = [
        RememberedBuild {
            total_steps: 0,
            ..build("a1b2c3d4e5f6", 95, None)
        },
        RememberedBuild {
            inputs: BuildInputs {
                target: Some("test".into()),
                dockerfile: Some("api.Dockerfile".into()),
                platforms: platforms.into(),
                source: Some("https://github.com/x/y".into()),
                revision: Some("1a2b3c4d5e6f7a8b".into()),
                ..BuildInputs::default()
            },
            ..build("b1b2c3d4e5f6", -600, Some(-530))
        },
        RememberedBuild {
            error: Some("process \"/bin/sh -c make\" did not complete: exit code: 2\nmore".into()),
            ..build("c1b2c3d4e5f6", -7300, Some(-7299))
        },
        RememberedBuild {
            error: Some("context canceled".into()),
            cancelled: true,
            ..build("d1b2c3d4e5f6", -400_000, Some(-399_990))
        },
    ];
    let rows: Vec<Listed<'_>> = builds
        .iter()
        .map(|build| listed(&build.reference[..8], build))
        .collect();
    insta::assert_snapshot!(table(&rows, at(100), false));
    let json = serde_json::to_string_pretty(&json(&rows[1])).unwrap();
    insta::assert_snapshot!(json);
}

#[test]
fn hostile_text_stays_on_its_line() {
    let build = RememberedBuild {
        node: Some(HOSTILE.into()),
        error: Some(HOSTILE.into()),
        inputs: BuildInputs {
            name: Some(HOSTILE.into()),
            ..BuildInputs::default()
        },
        ..build(HOSTILE, 0, Some(1))
    };
    let text = table(&[listed(HOSTILE, &build)], at(1), false);
    assert_eq!(text.lines().count(), 2);
    let line = ended(&listed(HOSTILE, &build), Ending::Unknown(HOSTILE));
    for shown in [text.trim_end().replacen('\n', "", 1), line] {
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
        assert!(!shown.contains(['\u{202e}', '\u{200b}']), "{shown:?}");
    }
}

#[test]
fn a_build_that_ends_is_told_with_its_culprit() {
    let build = build("a1b2c3d4e5f6", 0, Some(70));
    let row = listed("a1b2c3d4", &build);
    let told = |explanation: &Explanation| ended(&row, Ending::Explained(explanation, None));
    let naive = explained(naive_steps());
    let failing = explained(failing_steps());
    let lines = [
        told(&naive),
        told(&failing),
        ended(
            &row,
            Ending::Explained(&naive, Some("COPY . . (line 3): x\u{1b} changed")),
        ),
        ended(&row, Ending::Unknown("its log is gone")),
    ];
    insta::assert_snapshot!(lines.join("\n"));
    let json = ended_json(&row, Ending::Explained(&naive, Some("x")));
    assert_eq!(json["cause"], "x");
    let share = json["emulated_share"].as_f64().unwrap();
    assert!(share > 0.5 && share < 1.0, "{share}");
    assert!(lines[0].contains(json["culprit"].as_str().unwrap()));
    let json = ended_json(&row, Ending::Unknown("x"));
    assert_eq!(json["not_explained"], "x");
    assert_eq!(json.get("culprit"), None);
}
