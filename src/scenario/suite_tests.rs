use proptest::prelude::*;

use super::*;
use crate::scenario::error::position;

fn known() -> Vec<String> {
    ["c", "go-hello", "packages"].map(str::to_owned).to_vec()
}

/// What is wrong, with its place.
fn problem(text: &str) -> String {
    let problem = read(text, &known()).unwrap_err();
    let (line, column) = position(text, problem.span.start);
    format!("{line}:{column}: {}", problem.message)
}

#[test]
fn suites_and_their_scenarios_keep_the_order_of_the_file() {
    let text = "[quick]\ntitle = \"two\"\nscenarios = [\"go-hello\", \"c\"]\nrounds = 1\n\
                kinds = [\"incremental\", \"cold\"]\n\
                [all]\ntitle = \"every\"\nscenarios = [\"packages\"]\nrounds = \"auto\"\n";
    let suites = read(text, &known()).unwrap();
    let names: Vec<&str> = suites.iter().map(|suite| suite.name.as_str()).collect();
    assert_eq!(names, ["quick", "all"]);
    assert_eq!(suites[0].scenarios, ["go-hello", "c"]);
    assert_eq!(suites[0].kinds, [BuildKind::Incremental, BuildKind::Cold]);
    assert_eq!(suites[0].rounds.as_ref().unwrap().value, "1");
    assert_eq!(suites[1].kinds, []);
    assert_eq!(suites[1].rounds.as_ref().unwrap().value, "auto");
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_what_was_meant() {
    for (text, expected) in [
        (
            "[a]\ntitle = \"x\"\nscenarios = [\"c\", \"go-helo\"]\n",
            "3:19: unknown scenario \"go-helo\": did you mean \"go-hello\"?",
        ),
        (
            "[a]\ntitle = \"x\"\nscenarios = [\"c\", \"c\"]\n",
            "3:19: \"scenarios\" of [a] names \"c\" twice",
        ),
        (
            "[a]\ntitle = \"x\"\nscenarios = []\n",
            "3:13: \"scenarios\" of [a] is empty",
        ),
        (
            "[a]\ntitle = \"x\"\nscenarios = [\"c\"]\nkinds = [\"warm\"]\n",
            "4:10: unknown build kind \"warm\"",
        ),
        (
            "[a]\ntitel = \"x\"\n",
            "2:1: unknown key \"titel\" in [a]: did you mean \"title\"?",
        ),
        (
            "[a]\nscenarios = [\"c\"]\n",
            "1:1: missing key \"title\" of [a]",
        ),
        (
            "[a]\ntitle = \"x\"\n",
            "1:1: missing key \"scenarios\" of [a]",
        ),
        ("a = 3\n", "1:5: \"a\" must be a table, not a number"),
        ("[A]\n", "1:2: \"A\" is no name of a suite"),
        ("[a\n", "1:3: not valid TOML"),
    ] {
        let problem = problem(text);
        assert!(problem.starts_with(expected), "{problem:?} of {text:?}");
    }
}

proptest! {
    #[test]
    fn arbitrary_text_does_not_make_it_panic(text in any::<String>()) {
        let _ = read(&text, &known());
    }
}
