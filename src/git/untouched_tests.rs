//! Nothing of the user's repository is written.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::fixture_tests::{Fixture, everything, no_env};

#[test]
fn nothing_is_written_by_any_call() {
    let inner = Fixture::new();
    let origin = Fixture::new();
    origin.commit("Second");
    let fixture = Fixture::clone_of(&origin, &[]);
    fixture.add_submodule(&inner, "inner");
    fixture.git(["checkout", "--quiet", "-b", "topic"]);
    fixture.commit("Third");
    fixture.git(["pack-refs", "--all"]);
    // What would have git write on its own.
    for setting in [
        "core.splitIndex",
        "core.untrackedCache",
        "core.fsmonitor",
        "feature.manyFiles",
        "submodule.recurse",
    ] {
        fixture.git(["config", setting, "true"]);
    }
    let hook = fixture.path().join(".git/hooks/post-index-change");
    fixture.write(
        ".git/hooks/post-index-change",
        "#!/bin/sh\ntouch \"$0.ran\"\n",
    );
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    // The index has other times for these files than the working tree.
    let then = SystemTime::now() - Duration::from_secs(5000);
    for stale in ["First.txt", "inner/First.txt"] {
        let file = fs::File::options()
            .append(true)
            .open(fixture.path().join(stale))
            .unwrap();
        file.set_modified(then).unwrap();
    }
    fixture.write("Second.txt", "changed");
    fixture.write("untracked.txt", "");
    let before = everything(fixture.path());
    let temporary = TempDir::new().unwrap();

    let repository = fixture.repository();
    repository.is_shallow().unwrap();
    assert_eq!(repository.changed_files().unwrap(), 2);
    let base = repository.base(None, &no_env).unwrap();
    repository.base(Some("HEAD~1"), &no_env).unwrap();
    repository.base(Some("gone"), &no_env).unwrap_err();
    repository
        .export_commit(&base.commit, &temporary.path().join("base"))
        .unwrap();
    let head = repository.resolve("HEAD").unwrap();
    repository
        .export_commit(&head, &temporary.path().join("head"))
        .unwrap();
    repository
        .export_worktree(&temporary.path().join("worktree"))
        .unwrap();

    let after = everything(fixture.path());
    let paths = |all: &std::collections::BTreeMap<_, _>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(paths(&after), paths(&before));
    for (path, seen) in &before {
        assert_eq!(&after[path], seen, "{}", path.display());
    }
}
