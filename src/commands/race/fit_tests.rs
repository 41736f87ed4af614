use super::*;
use crate::scenario::Project;

/// Scenarios `a`, `b`, … with the variants `naive` and `cross`.
fn scenarios(names: &[&str]) -> (tempfile::TempDir, Vec<Scenario>) {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: String, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    for name in names {
        write(format!("scenarios/{name}/src/a"), "a");
        for variant in ["naive", "cross"] {
            write(
                format!("dockerfiles/{name}/{variant}.Dockerfile"),
                "FROM base\n",
            );
        }
        write(
            format!("scenarios/{name}/scenario.toml"),
            r#"title = "x"
sources = "src"
platforms = ["linux/amd64", "linux/arm64"]
edit = { file = "a", find = "a", replace = "{nonce}" }
[[variant]]
name = "naive"
reference = true
[[variant]]
name = "cross"
optional = true
"#,
        );
    }
    let project = Project::find(folder.path()).unwrap();
    let scenarios = project.load(&[]).unwrap();
    (folder, scenarios)
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[test]
fn what_cannot_be_built_is_left_out_with_its_reason() {
    let (_folder, mut scenarios) = scenarios(&["a", "b"]);
    let mut choice = Choice::default();
    let arm = [Platform::linux("arm64")];
    let reason = |scenario: &Scenario| (scenario.name == "a").then(|| no_emulator(&arm));
    leave_out(&mut scenarios, &mut choice, reason).unwrap();
    assert_eq!(scenarios.len(), 1);
    assert_eq!(scenarios[0].name, "b");
    assert_eq!(
        choice.left_out[0].describe(),
        "a: no emulator that works for linux/arm64; buildrace engine up --emulate arm64"
    );
    let error = leave_out(&mut scenarios, &mut choice, |_| Some("too".into())).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("a: no emulator") && error.contains("b: too"),
        "{error}"
    );
}

#[test]
fn the_command_races_what_was_raced() {
    let (_folder, mut scenarios) = scenarios(&["b", "run"]);
    let out = |scenario: &str, variant: Option<&str>| LeftOut {
        scenario: scenario.into(),
        variant: variant.map(str::to_owned),
        reason: String::new(),
    };
    let mut choice = Choice {
        left_out: vec![out("cold", None)],
        ..Choice::default()
    };
    let command = words("buildrace run b cold run --kinds cold,noop --variant naive,cross");
    assert_eq!(
        choice.repeated(&command, &scenarios),
        words("buildrace run b run --kinds cold,noop --variant naive,cross")
    );
    choice.left_out = vec![out("b", Some("cross")), out("run", Some("cross"))];
    for scenario in &mut scenarios {
        scenario.variants.truncate(1);
    }
    assert_eq!(
        choice.repeated(&words("buildrace run b run --kinds cold"), &scenarios),
        words("buildrace run b run --variant naive --kinds cold")
    );
    assert_eq!(
        choice.repeated(
            &words("buildrace run b --variant naive,cross --kinds cold"),
            &scenarios
        ),
        words("buildrace run b --variant naive --kinds cold")
    );
}
