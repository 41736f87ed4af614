use super::super::fixture::{HOSTILE, explained, step};
use super::*;
use crate::explain::why::{Certainty, EmptyMount, PlatformCost};
use crate::model::Platform;

fn build() -> Explanation {
    explained(vec![
        step("c", "[linux/amd64 2/4] COPY . .", &[], 0, 100),
        step(
            "m",
            "[linux/amd64 3/4] RUN go mod download",
            &["c"],
            100,
            2_100,
        ),
        step("b", "[linux/arm64 4/4] RUN go build", &["m"], 2_100, 32_100),
    ])
}

fn root(cause: Cause) -> Root {
    let cost = |architecture, seconds| PlatformCost {
        platform: Some(Platform::linux(architecture)),
        critical: Duration::from_secs(seconds),
        busy: Duration::from_secs(seconds),
    };
    Root {
        cause,
        steps: vec![0],
        following: vec![1, 2],
        named_by: None,
        empty_mounts: Vec::new(),
        critical: Duration::from_secs(32),
        platforms: vec![cost("amd64", 2), cost("arm64", 30)],
    }
}

fn changed(paths: &[&str], how: How) -> Files {
    Files {
        changes: paths
            .iter()
            .map(|path| FileChange {
                path: (*path).to_owned(),
                how,
            })
            .collect(),
        certainty: Certainty::Exact,
        everything: true,
        is_named: false,
    }
}

fn variable(name: &str, before: Value, after: Value, moved: bool) -> Variable {
    Variable {
        name: name.to_owned(),
        before,
        after,
        moved,
    }
}

/// One of each, every text of it being `text`.
fn all(text: &str) -> Vec<Cause> {
    let own = || text.to_owned();
    let set = || Value::Set(own());
    vec![
        Cause::Instruction {
            before: format!("RUN one {text}"),
            after: format!("RUN two {text}"),
        },
        Cause::Argument {
            variables: vec![variable(text, set(), Value::Unset, false)],
        },
        Cause::Argument {
            variables: vec![variable(text, Value::Unset, set(), true)],
        },
        Cause::Environment {
            variables: vec![variable(text, Value::Hidden, Value::Hidden, false)],
        },
        Cause::BaseImage {
            image: own(),
            before: format!("sha256:1{text}"),
            after: format!("sha256:2{text}"),
        },
        Cause::Files(changed(&[text, "b", "c", "d"], How::Content)),
        Cause::Files(changed(&[".git/HEAD", ".git/index"], How::Touched)),
        Cause::Files(Files::default()),
        Cause::Source {
            name: own(),
            before: Some(own()),
            after: Some(own()),
        },
        Cause::CacheMount {
            target: own(),
            before: None,
            after: Some(own()),
        },
        Cause::Setting {
            name: own(),
            before: own(),
            after: own(),
        },
        Cause::Order {
            before: format!("RUN {text}"),
            after: format!("COPY {text} /"),
        },
        Cause::New,
        Cause::Platform {
            platform: Platform::linux("arm64"),
        },
        Cause::NoCache,
        Cause::Pruned,
        Cause::NotBuilt,
        Cause::OtherBuilder {
            before: own(),
            after: own(),
        },
        Cause::Unknown(Unknown::Definition),
        Cause::Unknown(Unknown::Record),
    ]
}

fn shown(causes: Vec<Root>, title: &str, width: usize) -> String {
    let build = build();
    let side = Side {
        title,
        explanation: &build,
    };
    let found = Why {
        causes,
        executed: 3,
        cached: 1,
    };
    let style = PageStyle {
        width,
        colour: false,
        all: true,
    };
    why(side, side, &found, style)
}

#[test]
fn each_cause_has_its_words_and_what_to_do() {
    let causes = all("x").into_iter().map(root).collect();
    insta::assert_snapshot!(shown(causes, "build a1b2", 100));
}

#[test]
fn no_text_from_outside_reaches_the_terminal_as_it_is() {
    let causes = all(HOSTILE).into_iter().map(root).collect();
    let text = shown(causes, HOSTILE, 60);
    let is_odd = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{200b}".contains(c);
    assert!(!text.contains(is_odd), "{text:?}");
}

#[test]
fn nothing_executed_is_said_to_be_so() {
    let build = build();
    let side = Side {
        title: "x",
        explanation: &build,
    };
    let found = Why {
        causes: Vec::new(),
        executed: 0,
        cached: 4,
    };
    let style = PageStyle {
        width: 80,
        colour: false,
        all: false,
    };
    let text = why(side, side, &found, style);
    assert!(
        text.ends_with("Every step came from the cache: 4 steps.\n"),
        "{text}"
    );
    assert_eq!(causes(&build, &found, style), "");
    assert_eq!(first_cause(&build, &found), None);
}

#[test]
fn json_has_the_steps_and_hides_what_the_sentence_hides() {
    let build = build();
    let found = Why {
        causes: vec![root(Cause::Argument {
            variables: vec![variable("KEY", Value::Hidden, Value::Unset, false)],
        })],
        executed: 3,
        cached: 0,
    };
    let json = causes_json(&build, &found);
    let cause = &json["causes"][0];
    assert_eq!(cause["cause"]["kind"], "argument");
    assert_eq!(cause["cause"]["variables"][0]["before"], "[hidden]");
    assert!(cause["cause"]["variables"][0]["after"].is_null());
    assert_eq!(cause["steps"][0]["instruction"], "COPY . .");
    assert_eq!(cause["following"].as_array().unwrap().len(), 2);
    assert_eq!(cause["critical_seconds"], 32.0);
}

#[test]
fn empty_cache_mounts_are_told_once_with_their_step() {
    let mounted = |step, target: &str| EmptyMount {
        step,
        target: target.to_owned(),
    };
    let root = |target: &str| Root {
        steps: vec![1],
        following: vec![2],
        empty_mounts: vec![mounted(1, target), mounted(1, target), mounted(2, target)],
        ..root(Cause::Pruned)
    };
    let text = shown(vec![root("/root/.cache/go-build")], "x", 100);
    let told = |part: &str| text.matches(part).count();
    assert_eq!(
        told("  its cache mount /root/.cache/go-build was empty when the build began\n"),
        1,
        "{text}"
    );
    assert_eq!(
        told("  the cache mount /root/.cache/go-build of RUN go build was empty when the build"),
        1,
        "{text}"
    );
    let text = shown(vec![root(HOSTILE)], "x", 60);
    let is_odd = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{200b}".contains(c);
    assert!(!text.contains(is_odd), "{text:?}");

    let found = Why {
        causes: vec![root("/c")],
        executed: 2,
        cached: 0,
    };
    let json = causes_json(&build(), &found);
    let empty = json["causes"][0]["empty_cache_mounts"].as_array().unwrap();
    assert_eq!(empty.len(), 3);
    assert_eq!(empty[2]["mount"], "/c");
    assert_eq!(empty[2]["instruction"], "RUN go build");
}
