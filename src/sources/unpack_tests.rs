use std::os::unix::fs::PermissionsExt;

use tar::{Builder, Header};
use tempfile::TempDir;

use super::*;

/// An entry: its name, its type, what it links to, what is in it.
type Line<'a> = (&'a str, EntryType, &'a str, &'a str);

fn file<'a>(name: &'a str, content: &'a str) -> Line<'a> {
    (name, EntryType::Regular, "", content)
}

fn link<'a>(name: &'a str, to: &'a str) -> Line<'a> {
    (name, EntryType::Symlink, to, "")
}

/// An archive with these entries, whatever their names are.
fn archive(lines: &[Line<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, kind, to, content) in lines {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o4775);
        header.set_size(content.len() as u64);
        // `set_path` would refuse what these tests are about.
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_gnu_mut().unwrap().linkname[..to.len()].copy_from_slice(to.as_bytes());
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn unpacked(lines: &[Line<'_>]) -> (TempDir, Result<Option<String>, UnpackError>) {
    let outer = TempDir::new().unwrap();
    let to = outer.path().join("tree");
    fs::create_dir(&to).unwrap();
    let result = unpack(archive(lines).as_slice(), &to);
    (outer, result)
}

#[test]
fn files_folders_and_links_come_out() {
    let (outer, result) = unpacked(&[
        ("./", EntryType::Directory, "", ""),
        file("./cmd/main.go", "package main\n"),
        ("cmd", EntryType::Directory, "", ""),
        link("cmd/up", "../README"),
        file("README", "read me\n"),
        ("hard", EntryType::Link, "README", ""),
        file("SOURCE", "Debian source package x 1.0\nand more\n"),
    ]);
    assert_eq!(result.unwrap().unwrap(), "Debian source package x 1.0");
    let tree = outer.path().join("tree");
    let read = |path: &str| fs::read_to_string(tree.join(path)).unwrap();
    assert_eq!(read("cmd/main.go"), "package main\n");
    assert_eq!(read("cmd/up"), "read me\n");
    assert_eq!(read("hard"), "read me\n");
    assert!(!tree.join("SOURCE").exists());
    let mode = fs::metadata(tree.join("README")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o7777, 0o755, "no setuid");
}

#[test]
fn nothing_leaves_the_folder() {
    let long_way_out = "a/../../../escaped";
    for (lines, expected) in [
        (vec![file("../escaped", "x")], "leads out"),
        (vec![file("/escaped", "x")], "leads out"),
        (vec![file("a/../../escaped", "x")], "leads out"),
        (vec![link("out", "/etc")], "symlink that leads out"),
        (vec![link("out", "..")], "symlink that leads out"),
        (vec![link("a/out", "../../x")], "symlink that leads out"),
        (vec![link("out", long_way_out)], "symlink that leads out"),
        (vec![link("out", "")], "symlink that leads out"),
        (
            vec![link("a", "b"), file("b/x", "x"), file("a/escaped", "x")],
            "below something that is no folder",
        ),
        (
            vec![file("x", "x"), link("a", "x"), file("a", "through it")],
            "File exists",
        ),
        (vec![file("x", "x"), file("x", "again")], "File exists"),
        (
            vec![("a", EntryType::Link, "../outside", "")],
            "link to what is no file",
        ),
        (
            vec![link("a", "nowhere"), ("b", EntryType::Link, "a", "")],
            "link to what is no file",
        ),
        (
            vec![("null", EntryType::Char, "", "")],
            "neither file, folder nor link",
        ),
        (
            vec![("pipe", EntryType::Fifo, "", "")],
            "neither file, folder nor link",
        ),
    ] {
        let (outer, result) = unpacked(&lines);
        let error = result.unwrap_err().to_string();
        assert!(error.contains(expected), "{lines:?}: {error}");
        let names = fs::read_dir(outer.path()).unwrap().count();
        assert_eq!(names, 1, "{lines:?}");
    }
}

#[test]
fn what_is_said_is_bounded_and_no_symlink_is_read_for_it() {
    let long = "x".repeat(10_000);
    let (_outer, result) = unpacked(&[file("SOURCE", &long), file("a", "a")]);
    assert_eq!(result.unwrap().unwrap().len(), MOST_SAID);
    let (_outer, result) = unpacked(&[link("SOURCE", "a"), file("a", "secret")]);
    assert_eq!(result.unwrap(), None);
}

#[test]
fn there_is_an_end_to_it() {
    let bytes = archive(&[file("a", "12345"), file("b", "12345")]);
    let unpack = |entries, most| {
        let to = TempDir::new().unwrap();
        unpack_within(bytes.as_slice(), to.path(), entries, most).map(drop)
    };
    unpack(2, 10).unwrap();
    assert!(matches!(unpack(1, 10), Err(UnpackError::TooLarge(_))));
    assert!(matches!(unpack(2, 9), Err(UnpackError::TooLarge(_))));
    assert!(unpacked(&[]).1.is_err());
    let torn = &bytes[..700];
    let to = TempDir::new().unwrap();
    assert!(super::unpack(torn, to.path()).is_err());
}
