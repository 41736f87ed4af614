//! An engine over ssh. `ssh` is a script here that answers as the engine over
//! there would through `docker system dial-stdio`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::project::Project;
use crate::{assert_says, buildrace};

/// Puts a script on the `PATH` in the place of ssh, and runs a race.
fn run(project: &Project, ssh: &str) -> String {
    let folder = project.path().join("bin");
    fs::create_dir(&folder).unwrap();
    let program = folder.join("ssh");
    fs::write(&program, ssh).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(folder).chain(std::env::split_paths(&path));
    let output = buildrace(project)
        .env("PATH", std::env::join_paths(paths).unwrap())
        .env("LOG", log(project.path()))
        .args(["run", "--host", "ssh://me@build.example:2222"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

fn log(folder: &Path) -> std::path::PathBuf {
    folder.join("ssh.log")
}

#[test]
fn an_engine_is_asked_through_ssh() {
    let project = Project::new();
    let said = run(
        &project,
        r#"#!/bin/sh
echo "$@" >> "$LOG"
end=$(printf '\r')
while read -r method path rest; do
    while read -r header && [ "$header" != "$end" ]; do :; done
    case $path in
    */version*) body='{"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12"}' ;;
    */info*) body='{"Driver":"overlay2"}' ;;
    *) body='"OK"' ;;
    esac
    printf 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
    printf 'Content-Length: %d\r\n\r\n%s' "${#body}" "$body"
done
"#,
    );
    assert_says(&said, &["20.10.24", "too old"]);
    let log = fs::read_to_string(log(project.path())).unwrap();
    let ending = "-l me -p 2222 -- build.example docker system dial-stdio";
    assert!(log.lines().all(|line| line.ends_with(ending)), "{log}");
}

#[test]
fn what_ssh_complains_of_is_told() {
    let project = Project::new();
    let said = run(
        &project,
        "#!/bin/sh\necho 'Permission denied (publickey).' >&2\nexit 255\n",
    );
    assert_says(
        &said,
        &[
            "Permission denied (publickey).",
            "255",
            "docker system dial-stdio",
        ],
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}
