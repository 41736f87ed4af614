use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::super::fixture_tests::{Fixture, everything, git, names};

fn exported(fixture: &Fixture) -> TempDir {
    let target = TempDir::new().unwrap();
    fixture.repository().export_worktree(target.path()).unwrap();
    target
}

#[test]
fn what_would_be_committed_as_it_is() {
    let fixture = Fixture::empty();
    fixture.write(".gitignore", "*.log\n/out/\n");
    fixture.write("deleted/only.txt", "");
    fixture.write("forced.log", "tracked all the same");
    fixture.git(["add", "--force", "forced.log"]);
    fixture.write("run.sh", "#!/bin/sh\n");
    let script = fixture.path().join("run.sh");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o750)).unwrap();
    fixture.commit("First");

    fixture.write("First.txt", "changed");
    fixture.write("new folder/untracked.txt", "");
    fixture.write(OsStr::from_bytes(b"latin-\xe9\nline"), "odd");
    symlink("/nowhere", fixture.path().join("link")).unwrap();
    fs::remove_file(fixture.path().join("deleted/only.txt")).unwrap();
    fixture.write("ignored.log", "");
    fixture.write("out/ignored.txt", "");
    fixture.write("staged.txt", "");
    fixture.git(["add", "staged.txt"]);

    let target = exported(&fixture);
    let copied = everything(target.path());
    let expected: Vec<PathBuf> = names(fixture.path())
        .into_iter()
        .filter(|path| path != Path::new("ignored.log") && !path.starts_with("out"))
        .collect();
    assert_eq!(names(target.path()), expected);
    assert!(!copied.contains_key(Path::new("deleted")));
    let there = everything(fixture.path());
    for path in &expected {
        assert_eq!(copied[path], there[path], "{}", path.display());
    }
    let folder = Path::new("new folder");
    assert_eq!(copied[folder].modified, there[folder].modified);
}

#[test]
fn what_a_sparse_checkout_leaves_out_is_copied_from_the_index() {
    let fixture = Fixture::empty();
    fixture.write("kept/a.txt", "a");
    fixture.write("left/out/b.txt", "b");
    fixture.write("kept/c.txt", "c");
    fixture.commit("First");
    let paths = ["left/out/b.txt", "kept/c.txt"];
    for path in paths {
        fixture.git(["update-index", "--skip-worktree", path]);
    }
    fs::remove_dir_all(fixture.path().join("left")).unwrap();
    fixture.write("kept/c.txt", "of the working tree");

    let target = exported(&fixture);
    let [left_out, there] = paths.map(|path| fs::read_to_string(target.path().join(path)).unwrap());
    assert_eq!(left_out, "b");
    assert_eq!(there, "of the working tree");
    assert!(!fixture.path().join("left").exists());
}

#[test]
fn unborn_and_empty_repositories() {
    let fixture = Fixture::empty();
    assert_eq!(names(exported(&fixture).path()), Vec::<PathBuf>::new());
    fixture.write("new.txt", "");
    assert_eq!(names(exported(&fixture).path()), [Path::new("new.txt")]);
}

#[test]
fn a_folder_that_became_a_symlink_is_not_followed() {
    let fixture = Fixture::new();
    fixture.write("folder/a.txt", "inside");
    fixture.write("file", "");
    fixture.commit("Second");
    let outside = TempDir::new().unwrap();
    fs::write(outside.path().join("a.txt"), "outside").unwrap();
    fs::remove_dir_all(fixture.path().join("folder")).unwrap();
    symlink(outside.path(), fixture.path().join("folder")).unwrap();
    fs::remove_file(fixture.path().join("file")).unwrap();
    fixture.write("file/now-a-folder.txt", "");

    let target = exported(&fixture);
    let link = fs::read_link(target.path().join("folder")).unwrap();
    assert_eq!(link, outside.path());
    assert_eq!(names(target.path()), names(fixture.path()));
    assert_eq!(names(outside.path()), [Path::new("a.txt")]);
}

#[test]
fn a_path_in_conflict_is_copied_once() {
    let fixture = Fixture::new();
    fixture.git(["checkout", "--quiet", "-b", "topic"]);
    fixture.write("First.txt", "topic");
    fixture.git(["commit", "--quiet", "--all", "-m", "topic"]);
    fixture.git(["checkout", "--quiet", "main"]);
    fixture.write("First.txt", "main");
    fixture.git(["commit", "--quiet", "--all", "-m", "main"]);
    let mut merge = super::super::command::git(fixture.path());
    merge.args([
        "-c",
        "user.name=T",
        "-c",
        "user.email=t@e",
        "merge",
        "topic",
    ]);
    assert!(!merge.output().unwrap().status.success());
    let target = exported(&fixture);
    let text = fs::read_to_string(target.path().join("First.txt")).unwrap();
    assert!(text.contains("<<<<<<<"), "{text}");
}

#[test]
fn submodules_are_copied_as_they_are() {
    let innermost = Fixture::new();
    let inner = Fixture::new();
    inner.add_submodule(&innermost, "most");
    let outer = Fixture::new();
    outer.add_submodule(&inner, "lib/inner");
    outer.add_submodule(&innermost, "empty");
    outer.git(["submodule", "--quiet", "update", "--init", "--recursive"]);
    outer.git(["submodule", "--quiet", "deinit", "--force", "empty"]);
    outer.write("lib/inner/First.txt", "changed");
    outer.write("lib/inner/most/untracked.txt", "");

    let target = exported(&outer);
    assert_eq!(names(target.path()), names(outer.path()));
    let text = fs::read_to_string(target.path().join("lib/inner/First.txt")).unwrap();
    assert_eq!(text, "changed");
    assert!(!target.path().join("lib/inner/.git").exists());
    let empty = target.path().join("empty");
    assert_eq!(fs::read_dir(empty).unwrap().count(), 0);

    // A `.git` that is none must not lead back to the outer repository.
    fs::create_dir(outer.path().join("empty/.git")).unwrap();
    let target = exported(&outer);
    let empty = target.path().join("empty");
    assert_eq!(fs::read_dir(empty).unwrap().count(), 0);
}

#[test]
fn repositories_inside_are_copied_too() {
    let fixture = Fixture::new();
    fixture.write("inner/a.txt", "");
    git(&fixture.path().join("inner"), ["init", "--quiet"]);
    let target = exported(&fixture);
    assert_eq!(names(target.path()), names(fixture.path()));
}
