use std::fs;

use tempfile::TempDir;

use super::*;
use crate::model::{Platform, SourcesFrom};
use crate::scenario::{ContextSource, Project, Scenario, Snapshot};

const TOML: &str = r#"title = "A test"
platforms = ["linux/amd64"]

[fetch]
git = "https://example.com/project.git"
ref = "v1.0"
commit = "0123456789012345678901234567890123456789"
otherwise = "debian/Dockerfile"

[edit]
file = "version.txt"
find = "dev"
replace = "{nonce}"

[[variant]]
name = "naive"
reference = true

[[variant]]
name = "cross"
contexts = { tools = "debian", base = "docker-image://debian:trixie-slim" }
"#;

/// A project with the scenario `demo`, and a folder of sources elsewhere.
fn project(toml: &str) -> (TempDir, Project, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, content: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write("project/scenarios/demo/scenario.toml", toml);
    write(
        "project/scenarios/demo/debian/Dockerfile",
        "FROM debian:trixie-slim AS made\nFROM scratch\nCOPY --from=made /a /\n",
    );
    write("project/dockerfiles/demo/naive.Dockerfile", "FROM base\n");
    write("project/dockerfiles/demo/cross.Dockerfile", "FROM base\n");
    write("elsewhere/version.txt", "version dev\n");
    let project = Project::find(&folder.path().join("project")).unwrap();
    let elsewhere = folder.path().join("elsewhere");
    (folder, project, elsewhere)
}

fn from() -> SourcesFrom {
    SourcesFrom::Built {
        dockerfile: "debian/Dockerfile".into(),
        made_of: None,
    }
}

#[test]
fn a_scenario_loads_before_its_sources_are_there_and_is_not_built() {
    let (_folder, project, _) = project(TOML);
    let demo = project.load(&[]).unwrap().remove(0);
    let fetch = demo.fetch.clone().unwrap();
    assert_eq!(fetch.reference, "v1.0");
    let otherwise = fetch.otherwise.unwrap();
    assert_eq!(otherwise.shown, "scenarios/demo/debian/Dockerfile");
    let images = project.images_of_otherwise(&otherwise, &Platform::linux("amd64"));
    let names: Vec<_> = images
        .unwrap()
        .into_iter()
        .map(|image| image.name)
        .collect();
    assert_eq!(names, ["debian:trixie-slim"]);

    let error = Snapshot::take(&[demo], &|_, _, _| false).unwrap_err();
    assert!(error.to_string().contains("not fetched yet"), "{error}");
}

#[test]
fn sources_are_checked_when_they_are_given() {
    let (_folder, project, elsewhere) = project(TOML);
    let mut demo = project.load(&[]).unwrap().remove(0);
    project.give_sources(&mut demo, &elsewhere, from()).unwrap();
    assert_eq!(demo.sources, elsewhere.canonicalize().unwrap());
    assert_eq!(demo.sources_from, Some(from()));

    let fail = |demo: &mut Scenario| {
        let error = project.give_sources(demo, &elsewhere, from());
        error.unwrap_err().to_string()
    };
    fs::write(elsewhere.join("version.txt"), "version 1\n").unwrap();
    assert_eq!(
        fail(&mut demo),
        "scenarios/demo/scenario.toml:12:8: \"find\" of [edit] matches nothing in \
         \"version.txt\": expected \"dev\" once"
    );
    fs::remove_file(elsewhere.join("version.txt")).unwrap();
    std::os::unix::fs::symlink("../project/x", elsewhere.join("version.txt")).unwrap();
    let message = fail(&mut demo);
    assert!(
        message.starts_with("scenarios/demo/scenario.toml:11:8: cannot open "),
        "{message}"
    );
    fs::write(&demo.toml_path, TOML.replace("A test", "Another")).unwrap();
    let message = fail(&mut demo);
    assert!(message.contains("changed while its sources"), "{message}");
}

#[test]
fn what_can_be_checked_before_is() {
    for (find, replace, expected) in [
        (
            "\"version.txt\"",
            "\"../x\"",
            ":11:8: \"../x\" leaves the sources",
        ),
        (
            "debian/Dockerfile",
            "debian/none",
            ":8:13: no such Dockerfile",
        ),
        (
            "debian/Dockerfile",
            "../../../elsewhere",
            ":8:13: scenarios/demo/../../../elsewhere is outside",
        ),
        (
            "tools = \"debian\"",
            "tools = \"none\"",
            ":21:14: no such folder",
        ),
        (
            "tools = \"debian\"",
            "tools = \"/etc\"",
            ":21:14: \"/etc\" is an absolute",
        ),
        (
            "tools = \"debian\"",
            "tools = \"debian/Dockerfile\"",
            ":21:14: context \"tools\" is not a folder",
        ),
        (
            "tools = \"debian\"",
            "tools = \"../../../elsewhere\"",
            "is outside the project",
        ),
    ] {
        let (_folder, project, _) = project(&TOML.replace(find, replace));
        let message = project.load(&[]).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}\n{expected}");
    }
}

#[test]
fn contexts_are_folders_of_the_project_or_buildkits_own() {
    let (_folder, project, _) = project(TOML);
    let demo = project.load(&[]).unwrap().remove(0);
    let contexts = &demo.variants[1].contexts;
    let folder = project.root().join("scenarios/demo/debian");
    assert_eq!(contexts["tools"], ContextSource::Folder(folder));
    let base = ContextSource::Remote("docker-image://debian:trixie-slim".into());
    assert_eq!(contexts["base"], base);
    assert!(demo.variants[0].contexts.is_empty());
    // The image that a context stands for is what the build needs.
    let node = Platform::linux("amd64");
    let images = project.needs(&demo.variants[1], &node, std::slice::from_ref(&node));
    assert_eq!(images.unwrap().images[0].name, "debian:trixie-slim");
}
