//! `docker-buildrace` as the Docker CLI calls it, and what `buildrace plugin` does to Docker's
//! folder. Neither docker nor an engine is needed here.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

use super::project::Project;
use super::{assert_says, buildrace, refused};

/// Docker's folder of the project's user.
fn docker_folder(project: &Project) -> PathBuf {
    project.path().join("home/.docker")
}

fn link(project: &Project) -> PathBuf {
    docker_folder(project).join("cli-plugins/docker-buildrace")
}

/// buildrace, called as the plugin.
fn plugin(project: &Project) -> Command {
    done(project, &["plugin", "install"]);
    let mut command = Command::new(link(project));
    command
        .current_dir(project.path())
        .env_clear()
        .env("HOME", project.path().join("home"))
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        .env("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND", "docker");
    command
}

/// What a command prints to stderr, with exit code 0.
fn done(project: &Project, args: &[&str]) -> String {
    let output = buildrace(project).args(args).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    stderr
}

fn stdout(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn it_says_what_it_is_and_completes() {
    let project = Project::new();
    let text = stdout(plugin(&project).arg("docker-cli-plugin-metadata"));
    let metadata: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(metadata["SchemaVersion"], "0.1.0");
    assert_eq!(metadata["Vendor"], "buildrace");
    assert_eq!(metadata["Version"], env!("CARGO_PKG_VERSION"));
    assert!(metadata["ShortDescription"].as_str().unwrap().len() > 10);

    let text = stdout(plugin(&project).args(["__complete", "buildrace", "engine", "s"]));
    assert!(text.starts_with("status\t"), "{text}");
    assert!(text.ends_with("\n:4\n"), "{text}");
    let text = stdout(plugin(&project).args(["buildrace", "explain", "--help"]));
    assert!(text.contains("Usage: docker buildrace explain"), "{text}");
    let text = stdout(plugin(&project).args(["help", "buildrace", "history"]));
    assert!(text.contains("docker buildrace history"), "{text}");
}

#[test]
fn dockers_global_flags_choose_the_engine() {
    let project = Project::new();
    let asked = |flags: &[&str]| {
        let output = plugin(&project)
            .args(flags)
            .args(["buildrace", "history"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    assert_says(&asked(&[]), &["unix:///nonexistent/docker.sock"]);
    let other = asked(&["--debug", "-H", "unix:///nonexistent/other.sock"]);
    assert_says(&other, &["unix:///nonexistent/other.sock"]);
    assert_says(&asked(&["--context", "farm"]), &["farm", "no such context"]);
    let certificate = asked(&["--tlscacert", "/x/mine.pem"]);
    assert_says(&certificate, &["--tlscacert", "ca.pem"]);
}

#[test]
fn install_and_remove_touch_their_link_alone() {
    let project = Project::new();
    done(&project, &["plugin", "install"]);
    let link = link(&project);
    let program = fs::read_link(&link).unwrap();
    assert_eq!(
        program,
        assert_cmd::cargo::cargo_bin("buildrace")
            .canonicalize()
            .unwrap()
    );
    assert!(done(&project, &["plugin", "install"]).contains("already"));
    done(&project, &["plugin", "remove"]);
    assert!(!link.is_symlink());
    assert!(done(&project, &["plugin", "remove"]).contains("not there"));

    // One that led to another place is ours, too, and one that is something else is not.
    symlink("/gone/buildrace", &link).unwrap();
    done(&project, &["plugin", "install"]);
    assert_eq!(fs::read_link(&link).unwrap(), program);
    fs::remove_file(&link).unwrap();
    for make in [
        (|link: &Path| fs::write(link, "#!/bin/sh\n").unwrap()) as fn(&Path),
        |link| symlink("/usr/bin/true", link).unwrap(),
    ] {
        make(&link);
        assert_says(
            &refused(&project, &["plugin", "install"]),
            &["docker-buildrace", "no link to buildrace"],
        );
        assert_says(&refused(&project, &["plugin", "remove"]), &["it stays"]);
        assert!(link.symlink_metadata().is_ok());
        fs::remove_file(&link).unwrap();
    }
}

#[test]
fn the_hook_goes_into_the_config_and_out_of_it() {
    let project = Project::new();
    let on = ["plugin", "hook", "on", "--threshold", "3s"];
    assert_says(&refused(&project, &on), &["buildrace plugin install"]);
    done(&project, &["plugin", "install"]);
    let file = docker_folder(&project).join("config.json");
    done(&project, &on);
    assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
    done(&project, &["plugin", "hook", "off"]);
    assert!(!file.exists());

    // In a file elsewhere, to which there is a link, with credentials in it.
    let before = "{\n\t\"auths\": {\n\t\t\"ghcr.io\": {\n\t\t\t\"auth\": \"bWU6cHc=\"\n\t\t}\n\t},\n\t\"psFormat\": \"x\"\n}";
    let real = project.path().join("config.json");
    fs::write(&real, before).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&real, &file).unwrap();
    done(&project, &on);
    let config: Value = serde_json::from_str(&fs::read_to_string(&real).unwrap()).unwrap();
    assert_eq!(config["plugins"]["buildrace"]["threshold"], "3s");
    assert_eq!(config["features"]["hooks"], "true");
    assert_eq!(config["auths"]["ghcr.io"]["auth"], "bWU6cHc=");
    assert_eq!(real.metadata().unwrap().mode() & 0o777, 0o640);
    // With the plugin the hook goes, too.
    done(&project, &["plugin", "remove"]);
    assert_eq!(fs::read_to_string(&real).unwrap(), before);
    assert!(file.is_symlink());

    done(&project, &["plugin", "install"]);
    fs::write(&real, "{\"features\": {\"hooks\": \"false\"}}").unwrap();
    assert_says(&refused(&project, &on), &["config.json", "switched off"]);
    fs::write(&real, "{ // mine\n}").unwrap();
    assert_says(&refused(&project, &on), &["config.json", "line 1"]);
    assert_eq!(fs::read_to_string(&real).unwrap(), "{ // mine\n}");
}

/// Whatever is wrong, docker gets an answer that it prints nothing of.
#[test]
fn the_hook_says_nothing_where_it_can_find_out_nothing() {
    let project = Project::new();
    let empty = "{\"Template\":\"\",\"Type\":0}\n";
    let asked = |request: &str| {
        let call = ["buildrace", "docker-cli-plugin-hooks", request];
        stdout(plugin(&project).args(call))
    };
    let request = "{\"RootCmd\":\"buildx build\",\"Flags\":{},\"CommandError\":\"\"}";
    assert_eq!(asked(request), empty);
    done(&project, &["plugin", "install"]);
    done(&project, &["plugin", "hook", "on"]);
    assert_eq!(asked(request), empty);
    assert_eq!(asked("no JSON"), empty);
    assert_eq!(asked("{\"CommandError\":\"exit code 1\"}"), empty);
}
