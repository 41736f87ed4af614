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

#[test]
fn an_optional_variant_goes_without_its_image_and_a_scenario_without_another() {
    let (folder, scenarios) = scenarios(&["a", "b"]);
    let project = Project::find(folder.path()).unwrap();
    let native = Platform::linux("amd64");
    std::fs::write(
        folder.path().join("dockerfiles/a/cross.Dockerfile"),
        "FROM base\nCOPY --from=tools:1 / /\n",
    )
    .unwrap();
    let lack = |name: &str, on: &str| Missing {
        name: name.into(),
        platforms: vec![Platform::linux(on)],
        reason: String::new(),
    };
    let after = |missing: Missing| {
        let (mut scenarios, mut choice) = (scenarios.clone(), Choice::default());
        let result = without(
            &project,
            BuildNodes::one(&native),
            &mut scenarios,
            &mut choice,
            &[missing],
        );
        let left: Vec<String> = scenarios
            .iter()
            .flat_map(|s| s.variants.iter().map(|v| format!("{}/{}", s.name, v.name)))
            .collect();
        let told: Vec<String> = choice.left_out.iter().map(LeftOut::describe).collect();
        (result.map_err(|error| error.to_string()), left, told)
    };
    let (result, left, told) = after(lack("tools:1", "arm64"));
    assert_eq!(result, Ok(()));
    assert_eq!(left, ["a/naive", "b/naive", "b/cross"]);
    let expected = "cross of a: image tools:1 unavailable: not local, pull failed, no stand-in";
    assert_eq!(told, [expected]);
    // Nobody builds for it.
    let (_, left, told) = after(lack("tools:1", "s390x"));
    assert_eq!((left.len(), told.len()), (4, 0));
    let (result, left, _) = after(lack("base:latest", "amd64"));
    assert!(result.unwrap_err().contains("a: image base:latest"));
    assert_eq!(left, [""; 0]);
}

fn words(text: &str) -> Invocation {
    let words: Vec<&str> = text.split(' ').collect();
    serde_json::from_value(serde_json::json!(words)).unwrap()
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
