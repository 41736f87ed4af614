use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;

const TOML: &str = r#"title = "A test"
sources = "src"
platforms = ["linux/amd64", "linux/arm64"]
kinds = ["cold", "incremental"]

[edit]
file = "lib/version.txt"
find = "dev"
replace = "{nonce}"

[[variant]]
name = "cross"
target = "Build"
build-args = { VERSION = "1.24" }

[[variant]]
name = "naive"
reference = true
dockerfile = "other/Dockerfile"
"#;

/// A project with one scenario, `demo`, that loads.
fn project(toml: &str) -> (TempDir, Project) {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, content: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write("scenarios/demo/scenario.toml", toml);
    write("scenarios/demo/src/lib/version.txt", "version dev\n");
    write(
        "scenarios/demo/other/Dockerfile",
        "FROM scratch\nCOPY . /\n",
    );
    write(
        "dockerfiles/demo/cross.Dockerfile",
        "ARG VERSION\nFROM golang:$VERSION AS build\nRUN go build\n",
    );
    write("outside.txt", "dev");
    let project = Project::find(folder.path()).unwrap();
    (folder, project)
}

fn error(toml: &str) -> String {
    let (_folder, project) = project(toml);
    let error = project.load(&[]).unwrap_err();
    error.to_string()
}

#[test]
fn a_scenario_loads_with_its_files() {
    let (_folder, project) = project(TOML);
    let [demo] = <[Scenario; 1]>::try_from(project.load(&[]).unwrap()).unwrap();
    assert_eq!(demo.name, "demo");
    assert_eq!(demo.title, "A test");
    assert_eq!(
        project.relative(&demo.sources),
        Path::new("scenarios/demo/src")
    );
    assert_eq!(demo.platforms, ["amd64", "arm64"].map(Platform::linux));
    assert_eq!(demo.reference().unwrap().name, "naive");
    let shown: Vec<_> = demo
        .variants
        .iter()
        .map(|v| {
            (
                v.name.as_str(),
                project.relative(&v.dockerfile).to_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("naive", "scenarios/demo/other/Dockerfile"),
            ("cross", "dockerfiles/demo/cross.Dockerfile"),
        ]
    );
    let cross = &demo.variants[1];
    assert_eq!(cross.target.as_deref(), Some("Build"));
    let images = project
        .needs(cross, &Platform::linux("amd64"), &demo.platforms)
        .unwrap()
        .images;
    let images: Vec<String> = images
        .iter()
        .map(|i| format!("{} {} {}", i.line, i.name, i.platform))
        .collect();
    assert_eq!(
        images,
        ["2 golang:1.24 linux/amd64", "2 golang:1.24 linux/arm64"]
    );
}

#[test]
fn a_project_is_found_from_any_folder_in_it() {
    let (folder, project) = project(TOML);
    let below = folder.path().join("scenarios/demo/src/lib");
    assert_eq!(Project::find(&below).unwrap(), project);
    let elsewhere = tempfile::tempdir().unwrap();
    let message = Project::find(elsewhere.path()).unwrap_err().to_string();
    assert!(message.starts_with("no scenarios/ folder in "), "{message}");
}

#[test]
fn an_unknown_scenario_gets_the_nearest_name_and_the_list() {
    let (folder, project) = project(TOML);
    let load = |name: &str| project.load(&[name.to_owned()]).unwrap_err().to_string();
    assert_eq!(
        load("dmeo"),
        "unknown scenario \"dmeo\": did you mean \"demo\"?"
    );
    assert_eq!(
        load("xyz"),
        "unknown scenario \"xyz\": expected one of demo"
    );
    fs::create_dir(folder.path().join("scenarios/other")).unwrap();
    assert_eq!(
        load("dmeo"),
        "unknown scenario \"dmeo\": did you mean \"demo\"? (known: demo, other)"
    );
    assert_eq!(
        load("../outside"),
        "unknown scenario \"../outside\": expected one of demo, other"
    );
    assert_eq!(
        load("other"),
        "cannot read scenarios/other/scenario.toml: No such file or directory (os error 2)"
    );
}

#[test]
fn an_unknown_variant_gets_the_nearest_name() {
    let (_folder, project) = project(TOML);
    let mut demo = project.load(&[]).unwrap().remove(0);
    let message = demo
        .select_variants(&["nave".into()])
        .unwrap_err()
        .to_string();
    assert_eq!(
        message,
        "unknown variant \"nave\": did you mean \"naive\"? (known: naive, cross)"
    );
    demo.select_variants(&["cross".into()]).unwrap();
    assert_eq!(demo.variants.len(), 1);
    assert_eq!(demo.reference(), None);
}

/// Each changes one thing of a scenario that loads; each must be said in one
/// line that names the place.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of what is wrong")]
fn what_is_wrong_is_said_in_one_line() {
    let cases = [
        (
            "title = \"A test\"\n",
            "",
            "1:1: missing key \"title\": one line on what the scenario is",
        ),
        (
            "title = \"A test\"",
            "title = \"a\\nb\"",
            "1:9: title \"a\\nb\" is not one line of text",
        ),
        (
            "title = \"A test\"",
            "title = 3",
            "1:9: \"title\" must be a string, not a number",
        ),
        (
            "title = \"A test\"",
            "title = ",
            "1:9: not valid TOML: string values must be quoted, expected literal string",
        ),
        (
            "kinds",
            "platfroms",
            "4:1: unknown key \"platfroms\": did you mean \"platforms\"?",
        ),
        (
            "kinds",
            "zzz",
            "4:1: unknown key \"zzz\": expected one of title, language, control, sources, fetch, platforms, kinds, edit, output, variant",
        ),
        (
            "kinds = [\"cold\", \"incremental\"]",
            "kinds = []",
            "4:9: \"kinds\" is empty: expected at least one",
        ),
        (
            "\"cold\"",
            "\"clod\"",
            "4:10: unknown build kind \"clod\": did you mean \"cold\"? (known: cold, multi-arch, incremental, noop)",
        ),
        (
            "\"cold\"",
            "\"incremental\"",
            "4:25: \"kinds\" names \"incremental\" twice",
        ),
        (
            "\"cold\"",
            "1",
            "4:10: \"kinds\" must be a list of strings, not a number",
        ),
        (
            "linux/arm64",
            "toaster",
            "3:29: \"toaster\" is not a platform: expected os/architecture[/variant], like \"linux/arm64\"",
        ),
        (
            "linux/arm64",
            "linux/arn64",
            "3:29: platform \"linux/arn64\" has an unknown architecture: did you mean \"arm64\"? (known: 386, amd64, arm, arm64, loong64, mips64, mips64le, ppc64le, riscv64, s390x, wasm)",
        ),
        (
            "linux/arm64",
            "linuz/arm64",
            "3:29: platform \"linuz/arm64\" has an unknown operating system: expected linux or windows",
        ),
        (
            "linux/arm64",
            "linux/x86_64",
            "3:29: \"platforms\" names \"linux/x86_64\" twice",
        ),
        (
            "sources = \"src\"",
            "sources = \"scr\"",
            "2:11: no such sources: scenarios/demo/scr does not exist",
        ),
        (
            "sources = \"src\"",
            "sources = \"scenario.toml\"",
            "2:11: sources \"scenario.toml\" is not a folder",
        ),
        (
            "sources = \"src\"",
            "sources = \"/etc\"",
            "2:11: \"/etc\" is an absolute path: expected one inside the project",
        ),
        (
            "sources = \"src\"",
            "sources = \"../../..\"",
            "2:11: scenarios/demo/../../.. is outside the project: expected a path inside it",
        ),
        (
            "lib/version.txt",
            "lib/vresion.txt",
            "7:8: cannot open scenarios/demo/src/lib/vresion.txt: No such file or directory (os error 2)",
        ),
        (
            "lib/version.txt",
            "../../../outside.txt",
            "7:8: \"../../../outside.txt\" leaves the sources: expected a file in them",
        ),
        (
            "lib/version.txt",
            "lib",
            "7:8: cannot read scenarios/demo/src/lib: not a regular file",
        ),
        (
            "\"dev\"",
            "\"prod\"",
            "8:8: \"find\" of [edit] matches nothing in \"lib/version.txt\": expected \"prod\" once",
        ),
        (
            "\"dev\"",
            "\"e\"",
            "8:8: \"find\" of [edit] matches more than once in \"lib/version.txt\", on lines 1 and 1: expected \"e\" once",
        ),
        (
            "\"dev\"",
            "\"\"",
            "8:8: \"find\" of [edit] is empty: nothing to find",
        ),
        (
            "{nonce}",
            "nonce",
            "9:11: \"replace\" of [edit] must hold {nonce}, which makes every edit another one",
        ),
        (
            "find = ",
            "fnid = ",
            "8:1: unknown key \"fnid\" in [edit]: did you mean \"find\"?",
        ),
        (
            "name = \"cross\"",
            "name = \"naive\"",
            "17:8: two variants are named \"naive\"",
        ),
        (
            "name = \"cross\"",
            "name = \"Cross\"",
            "12:8: \"Cross\" is no name of a variant: expected a-z, 0-9, '-', '_' and '.', a letter or digit first, 48 characters at most",
        ),
        (
            "name = \"cross\"",
            "name = \"a/../b\"",
            "12:8: \"a/../b\" is no name of a variant: expected a-z, 0-9, '-', '_' and '.', a letter or digit first, 48 characters at most",
        ),
        (
            "name = \"cross\"",
            "name = \"fast\"",
            "12:8: no Dockerfile for variant \"fast\": expected dockerfiles/demo/fast.Dockerfile, or \"dockerfile\" with its path",
        ),
        (
            "name = \"cross\"\n",
            "name = \"cross\"\nreference = true\n",
            "18:8: two references, \"cross\" and \"naive\": expected reference = true for one variant only",
        ),
        (
            "reference = true\n",
            "",
            "12:8: no reference: one [[variant]] needs reference = true, the one to compare with",
        ),
        (
            "reference = true",
            "reference = 1",
            "18:13: \"reference\" of [[variant]] must be true or false, not a number",
        ),
        (
            "other/Dockerfile",
            "none/Dockerfile",
            "19:14: no such Dockerfile: scenarios/demo/none/Dockerfile does not exist",
        ),
        (
            "\"Build\"",
            "\"biuld\"",
            "13:10: no stage \"biuld\" in the Dockerfile: did you mean \"build\"?",
        ),
        (
            "{ VERSION =",
            "{ BUILDKIT_CACHE_MOUNT_NS =",
            "14:16: \"BUILDKIT_CACHE_MOUNT_NS\" steers BuildKit: buildrace sets these build arguments itself",
        ),
        (
            "{ VERSION =",
            "{ \"a b\" =",
            "14:16: \"a b\" is no name of a build argument: expected letters, digits and '_'",
        ),
        (
            "\"1.24\" }",
            "1.24 }",
            "14:26: \"build-args\" of [[variant]] must be a table of strings, not a number",
        ),
        (
            "[edit]",
            "[edit",
            "6:6: not valid TOML: unclosed table, expected `]`",
        ),
    ];
    for (from, to, expected) in cases {
        assert!(TOML.contains(from), "{from}");
        let message = error(&TOML.replacen(from, to, 1));
        assert_eq!(message, format!("scenarios/demo/scenario.toml:{expected}"));
    }
}

#[test]
fn one_variant_is_no_race() {
    let (head, _) = TOML.split_once("[[variant]]\nname = \"naive\"").unwrap();
    assert_eq!(
        error(head),
        "scenarios/demo/scenario.toml:12:8: a race needs two variants or more, \
         written as [[variant]]: found 1"
    );
}

#[test]
fn hostile_text_is_shown_escaped_and_short() {
    let escape = TOML.replacen("kinds", "\"\\u001b[31m\"", 1);
    assert!(
        error(&escape)
            .starts_with("scenarios/demo/scenario.toml:4:1: unknown key \"\\u{1b}[31m\": "),
        "{}",
        error(&escape)
    );
    let long = error(&TOML.replacen("kinds", &"k".repeat(100_000), 1));
    assert!(long.len() < 300, "{} bytes", long.len());
}

#[test]
fn a_file_that_is_not_text_is_refused_with_its_place() {
    let (folder, project) = project(TOML);
    let toml = folder.path().join("scenarios/demo/scenario.toml");
    fs::write(&toml, b"title = \"x\"\n# \xff\n").unwrap();
    assert_eq!(
        project.load(&[]).unwrap_err().to_string(),
        "scenarios/demo/scenario.toml:2:3: not UTF-8 text"
    );
}

#[test]
fn buildkit_is_the_judge_of_what_a_dockerfile_is() {
    let (folder, project) = project(TOML);
    let dockerfile = folder.path().join("dockerfiles/demo/cross.Dockerfile");
    for text in [
        &b"FROM scratch AS build\n\nRUNN make\n"[..],
        b"FROM --platfrom=linux/amd64 scratch AS build\n",
        b"FROM scratch AS build\n# caf\xe9\nFROM scratch AS build\nENTRYPOINT []\n",
        b"# syntax=example.org/other/language\nwhatever\n",
    ] {
        fs::write(&dockerfile, text).unwrap();
        project.load(&[]).unwrap();
    }
    // But for what an engine does not survive.
    fs::write(&dockerfile, "FROM scratch AS build\rRUN make\r").unwrap();
    let message = project.load(&[]).unwrap_err().to_string();
    assert!(
        message.starts_with("dockerfiles/demo/cross.Dockerfile:1: lines end in carriage returns"),
        "{message}"
    );
}

#[test]
fn symlinks_cannot_lead_out_of_the_project() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("version.txt"), "dev").unwrap();
    let (folder, project) = project(TOML);
    let lib = folder.path().join("scenarios/demo/src/lib");
    fs::remove_dir_all(&lib).unwrap();
    std::os::unix::fs::symlink(outside.path(), &lib).unwrap();
    assert_eq!(
        project.load(&[]).unwrap_err().to_string(),
        "scenarios/demo/scenario.toml:7:8: \"lib/version.txt\" is reached through a symlink: \
         expected a file of the sources"
    );
    let sources = folder.path().join("scenarios/demo/src");
    fs::remove_dir_all(&sources).unwrap();
    std::os::unix::fs::symlink(outside.path(), &sources).unwrap();
    assert_eq!(
        project.load(&[]).unwrap_err().to_string(),
        "scenarios/demo/scenario.toml:2:11: scenarios/demo/src is outside the project: \
         expected a path inside it"
    );
}

#[test]
fn the_scenarios_of_this_project_load() {
    let project = Project::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let names: Vec<String> = project
        .load(&[])
        .unwrap()
        .into_iter()
        .map(|scenario| scenario.name)
        .collect();
    assert_eq!(names, project.names().unwrap());
    assert!(names.contains(&"go-hello".to_owned()));
}
