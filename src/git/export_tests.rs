use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::super::GitError;
use super::super::fixture_tests::{Fixture, git, names};

fn exported(fixture: &Fixture, rev: &str) -> Result<TempDir, GitError> {
    let target = TempDir::new().unwrap();
    let repository = fixture.repository();
    let commit = repository.resolve(rev)?;
    repository.export_commit(&commit, target.path())?;
    Ok(target)
}

fn read(folder: &TempDir, path: impl AsRef<Path>) -> String {
    fs::read_to_string(folder.path().join(path)).unwrap()
}

#[test]
fn names_modes_and_symlinks_survive() {
    let fixture = Fixture::empty();
    let odd = [
        OsStr::from_bytes(b"latin-\xe9"),
        OsStr::new("new\nline"),
        OsStr::new("with spaces and \"quotes\""),
        OsStr::new("-dash"),
    ];
    for name in odd {
        fixture.write(name, "odd");
    }
    fixture.write("deep/er/run.sh", "#!/bin/sh\n");
    let script = fixture.path().join("deep/er/run.sh");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    symlink("er/nowhere", fixture.path().join("deep/link")).unwrap();
    fixture.commit("First");
    let committed = names(fixture.path());
    // The working tree and the index are of no account.
    fixture.write("-dash", "changed");
    fixture.write("untracked", "");
    fixture.git(["rm", "--quiet", "deep/er/run.sh"]);

    let target = exported(&fixture, "HEAD").unwrap();
    assert_eq!(names(target.path()), committed);
    for name in odd {
        assert_eq!(read(&target, name), "odd");
    }
    let mode = fs::metadata(target.path().join("deep/er/run.sh")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o100, 0o100);
    let link = fs::read_link(target.path().join("deep/link")).unwrap();
    assert_eq!(link, Path::new("er/nowhere"));
    assert!(!target.path().join(".git").exists());
}

#[test]
fn attributes_are_those_of_the_commit_and_of_a_checkout() {
    let fixture = Fixture::empty();
    fixture.write(
        ".gitattributes",
        "*.bat text eol=crlf\nhidden.txt export-ignore\nsubst.txt export-subst\n",
    );
    fixture.write("run.bat", "one\ntwo\n");
    fixture.write("plain.txt", "one\ntwo\n");
    fixture.write("hidden.txt", "here");
    fixture.write("subst.txt", "$Format:%H$");
    fixture.commit("First");
    fixture.write(".gitattributes", "*.txt text eol=crlf\n");
    fixture.write("sub/.gitattributes", "* text eol=crlf\n");

    let target = exported(&fixture, "HEAD").unwrap();
    assert_eq!(read(&target, "run.bat"), "one\r\ntwo\r\n");
    assert_eq!(read(&target, "plain.txt"), "one\ntwo\n");
    assert_eq!(read(&target, "hidden.txt"), "here");
    assert_eq!(read(&target, "subst.txt"), "$Format:%H$");
}

#[test]
fn filters_run_as_on_a_checkout() {
    let fixture = Fixture::empty();
    fixture.write(".gitattributes", "*.txt filter=case\n");
    fixture.write("a.txt", "text");
    fixture.commit("First");
    fixture.git(["config", "filter.case.smudge", "tr a-z A-Z"]);
    let target = exported(&fixture, "HEAD").unwrap();
    assert_eq!(read(&target, "a.txt"), "TEXT");
}

#[test]
fn all_of_a_commit_in_a_sparse_checkout() {
    let fixture = Fixture::new();
    fixture.write("in/a.txt", "a");
    fixture.write("out/b.txt", "b");
    fixture.commit("Second");
    fixture.git(["sparse-checkout", "set", "--cone", "--sparse-index", "in"]);
    assert!(!fixture.path().join("out").exists());
    let target = exported(&fixture, "HEAD").unwrap();
    assert_eq!(read(&target, "out/b.txt"), "b");

    // Nothing was changed, so both states have the same files.
    let worktree = TempDir::new().unwrap();
    fixture
        .repository()
        .export_worktree(worktree.path())
        .unwrap();
    assert_eq!(names(worktree.path()), names(target.path()));
    assert_eq!(read(&worktree, "out/b.txt"), "b");
    assert_eq!(fixture.repository().changed_files().unwrap(), 0);
}

#[test]
fn from_a_linked_worktree() {
    let fixture = Fixture::new();
    let elsewhere = TempDir::new().unwrap();
    let linked = elsewhere.path().join("linked");
    fixture.git([
        OsStr::new("worktree"),
        OsStr::new("add"),
        OsStr::new("--quiet"),
        linked.as_os_str(),
    ]);
    let repository = super::super::Repository::find(&linked).unwrap();
    let target = elsewhere.path().join("target");
    let head = repository.resolve("HEAD").unwrap();
    repository.export_commit(&head, &target).unwrap();
    assert_eq!(names(&target), [Path::new("First.txt")]);
}

#[test]
fn only_into_an_empty_folder() {
    let fixture = Fixture::new();
    let target = TempDir::new().unwrap();
    fs::write(target.path().join("mine"), "").unwrap();
    let repository = fixture.repository();
    let head = repository.resolve("HEAD").unwrap();
    let error = repository.export_commit(&head, target.path()).unwrap_err();
    assert!(
        error.to_string().starts_with("cannot export to "),
        "{error}"
    );
    let error = repository.export_worktree(target.path()).unwrap_err();
    assert!(
        error.to_string().starts_with("cannot export to "),
        "{error}"
    );
    assert_eq!(names(target.path()), [Path::new("mine")]);
}

/// A repository with the submodule `lib/inner`, which has one of its own.
fn nested() -> (Fixture, [Fixture; 2]) {
    let innermost = Fixture::new();
    let inner = Fixture::empty();
    inner.write("inner.txt", "old");
    inner.add_submodule(&innermost, "most");
    let outer = Fixture::new();
    outer.add_submodule(&inner, "lib/inner");
    outer.git(["submodule", "--quiet", "update", "--init", "--recursive"]);
    (outer, [inner, innermost])
}

#[test]
fn submodules_as_the_commit_has_them() {
    let (outer, _others) = nested();
    let inner = outer.path().join("lib/inner");
    fs::write(inner.join("inner.txt"), "new").unwrap();
    git(&inner, ["commit", "--quiet", "--all", "-m", "New"]);
    let target = exported(&outer, "HEAD").unwrap();
    assert_eq!(read(&target, "lib/inner/inner.txt"), "old");
    assert_eq!(read(&target, "lib/inner/most/First.txt"), "First");
    assert!(!target.path().join("lib/inner/.git").exists());
    outer.commit("Newer");
    let target = exported(&outer, "HEAD").unwrap();
    assert_eq!(read(&target, "lib/inner/inner.txt"), "new");
}

#[test]
fn submodules_that_are_not_checked_out_are_empty() {
    let (outer, _others) = nested();
    outer.git(["submodule", "--quiet", "deinit", "--force", "lib/inner"]);
    let target = exported(&outer, "HEAD").unwrap();
    let inner = target.path().join("lib/inner");
    assert_eq!(fs::read_dir(inner).unwrap().count(), 0);
    let clone = Fixture::clone_of(&outer, &[]);
    let target = exported(&clone, "HEAD").unwrap();
    let inner = target.path().join("lib/inner");
    assert_eq!(fs::read_dir(inner).unwrap().count(), 0);
}

#[test]
fn submodules_that_have_moved_or_gone_since() {
    let (outer, _others) = nested();
    let before = outer.git(["rev-parse", "HEAD"]);
    outer.git(["mv", "lib/inner", "moved"]);
    outer.commit("Moved");
    let target = exported(&outer, &before).unwrap();
    assert_eq!(read(&target, "lib/inner/inner.txt"), "old");
    assert_eq!(read(&target, "lib/inner/most/First.txt"), "First");
    outer.git(["rm", "--quiet", "moved"]);
    outer.commit("Gone");
    let target = exported(&outer, &before).unwrap();
    assert_eq!(read(&target, "lib/inner/inner.txt"), "old");
}

#[test]
fn a_submodule_that_lacks_its_commit() {
    let (outer, _others) = nested();
    let entry = format!("160000,{},lib/inner", "1".repeat(40));
    outer.git(["update-index", "--cacheinfo", &entry]);
    outer.git(["commit", "--quiet", "-m", "Ahead"]);
    let error = exported(&outer, "HEAD").unwrap_err();
    let text = error.to_string();
    assert!(text.contains("the submodule lib/inner lacks"), "{text}");
    assert!(text.contains("git submodule update --init"), "{text}");
}

#[test]
fn a_tree_cannot_lead_out_of_the_target() {
    // A tree that no git would write: `out` is a symlink, and a folder.
    let fixture = Fixture::new();
    let outside = TempDir::new().unwrap();
    fs::write(
        fixture.path().join("link"),
        outside.path().to_str().unwrap(),
    )
    .unwrap();
    let link = fixture.git(["hash-object", "-w", "link"]);
    let file = fixture.git(["rev-parse", "HEAD:First.txt"]);
    let raw = |id: &str| hex::decode(id).unwrap();
    let sub = [b"100644 evil\0".to_vec(), raw(&file)].concat();
    let write = |content: &[u8]| {
        fs::write(fixture.path().join("tree"), content).unwrap();
        fixture.git(["hash-object", "-w", "--literally", "-t", "tree", "tree"])
    };
    let sub = write(&sub);
    let tree = [
        b"120000 out\0".to_vec(),
        raw(&link),
        b"40000 out\0".to_vec(),
        raw(&sub),
    ];
    let tree = write(&tree.concat());
    let commit = fixture.git(["commit-tree", "-m", "evil", &tree]);
    // Whether git refuses or writes one of both.
    let _ = exported(&fixture, &commit);
    assert_eq!(names(outside.path()), Vec::<PathBuf>::new());
}
