//! Layers upon layers, links and whiteouts.

use proptest::prelude::*;

use super::layout_tests::{File, HELLO, Layout, check, elf, hello, layer};

/// What is found of a program in an image of these layers, or nothing where it
/// is right.
fn found(layers: &[Vec<u8>], binary: &str) -> Option<String> {
    let layout = Layout::default().image("linux/arm64", layers);
    let mut mismatches = check(&layout.archive(), &["linux/arm64"], &[binary]).unwrap();
    assert!(mismatches.len() < 2, "{mismatches:?}");
    let line = mismatches.pop()?;
    let told = line.strip_prefix("linux/arm64: found ").unwrap();
    Some(told.split(", expected ").next().unwrap().to_owned())
}

#[test]
fn links_are_followed_within_the_image() {
    let program = elf("arm64");
    let files = layer(&[
        File::Plain("opt/hello-1.0/bin/hello", &program),
        File::Symlink("opt/hello", "hello-1.0"),
        File::Symlink("usr/local/bin/hello", "../../../opt/hello/bin/hello"),
        File::Symlink("usr/bin/greet", "/usr/local/bin/hello"),
        File::Symlink("up", "../../../../opt/hello/bin/hello"),
        File::HardLink("usr/bin/hard", "opt/hello-1.0/bin/hello"),
        File::Symlink("round", "/about"),
        File::Symlink("about", "round"),
        File::Symlink("nowhere", "opt/none"),
    ]);
    for right in [
        HELLO,
        "/usr/bin/greet",
        "/up",
        "/usr/bin/hard",
        "usr/bin/../bin/hard",
    ] {
        assert_eq!(found(std::slice::from_ref(&files), right), None, "{right}");
    }
    for (wrong, told) in [
        ("/round", "/round, a symlink without an end"),
        ("/nowhere", "no /nowhere, which leads to /opt/none"),
        ("/none", "no /none"),
        ("/opt/hello", "/opt/hello, a folder"),
        ("/usr", "/usr, a folder"),
    ] {
        let found = found(std::slice::from_ref(&files), wrong);
        assert_eq!(found.as_deref(), Some(told));
    }
}

#[test]
fn a_program_may_lie_behind_long_names() {
    let folder = "a-folder-with-a-name-of-its-own/".repeat(8);
    let path = format!("{folder}hello");
    let files = layer(&[
        File::Plain(&path, &elf("arm64")),
        File::Symlink("hello", &path),
    ]);
    assert_eq!(found(&[files], "/hello"), None);
}

#[test]
fn upper_layers_win() {
    let below = hello("amd64");
    assert_eq!(found(&[below.clone(), hello("arm64")], HELLO), None);
    assert_eq!(
        found(&[hello("arm64"), below], HELLO).unwrap(),
        "/usr/local/bin/hello, an ELF program for x86-64 (64-bit, little-endian)"
    );
}

#[test]
fn whiteouts_hide_what_is_below_and_only_that() {
    let gone = Some("no /usr/local/bin/hello".to_owned());
    let program = elf("arm64");
    for whiteout in [
        "usr/local/bin/.wh.hello",
        "usr/.wh.local",
        ".wh.usr",
        "usr/local/bin/.wh..wh..opq",
        "usr/.wh..wh..opq",
        ".wh..wh..opq",
    ] {
        let alone = layer(&[File::Plain(whiteout, b"")]);
        assert_eq!(found(&[hello("arm64"), alone.clone()], HELLO), gone);
        assert_eq!(found(&[hello("amd64"), alone, hello("arm64")], HELLO), None);
        // A layer's whiteouts spare its own files, in whichever order.
        for files in [
            [
                File::Plain(&HELLO[1..], &program),
                File::Plain(whiteout, b""),
            ],
            [
                File::Plain(whiteout, b""),
                File::Plain(&HELLO[1..], &program),
            ],
        ] {
            assert_eq!(found(&[hello("amd64"), layer(&files)], HELLO), None);
        }
    }
    let other = layer(&[
        File::Plain("usr/local/bin/.wh.hell", b""),
        File::Plain("usr/local/bin/.wh..wh.plnk", b""),
    ]);
    assert_eq!(found(&[hello("arm64"), other], HELLO), None);
}

#[test]
fn what_replaces_a_folder_takes_its_files_away() {
    let file = layer(&[File::Plain("usr/local", b"")]);
    assert!(found(&[hello("arm64"), file], HELLO).is_some());
    let folder = layer(&[File::Folder("usr/local"), File::Folder("./")]);
    assert_eq!(found(&[hello("arm64"), folder], HELLO), None);
    let link = layer(&[File::Folder("opt"), File::Symlink("usr/local", "/opt")]);
    assert_eq!(
        found(&[hello("arm64"), link.clone()], HELLO).unwrap(),
        "no /usr/local/bin/hello, which leads to /opt/bin/hello"
    );
    // What is then put there goes where the link leads.
    let layers = [hello("amd64"), link, hello("arm64")];
    assert_eq!(found(&layers, HELLO), None);
    assert_eq!(found(&layers, "/opt/bin/hello"), None);
}

#[test]
fn names_lead_no_higher_than_the_root() {
    // The tar crate writes no such name itself.
    let mut files = layer(&[File::Plain("xx/xx/hello", &elf("arm64"))]);
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes().copy_from_slice(&files[..512]);
    header.as_mut_bytes()[..11].copy_from_slice(b"../../hello");
    header.set_cksum();
    files[..512].copy_from_slice(header.as_bytes());
    assert_eq!(found(&[files], "/hello"), None);
}

/// A few names, so that they meet.
fn name() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..4)
        .prop_map(|parts| parts.join("/"))
}

#[derive(Debug, Clone)]
enum Step {
    Put(String),
    Remove(String),
    Empty(String),
}

proptest! {
    /// Folders and files only, against a model that is a set of paths.
    #[test]
    fn layers_add_up(
        layers in prop::collection::vec(
            prop::collection::vec(
                prop_oneof![
                    name().prop_map(Step::Put),
                    name().prop_map(Step::Remove),
                    name().prop_map(Step::Empty),
                ],
                0..6,
            ),
            1..4,
        ),
    ) {
        let program = elf("arm64");
        let mut model = std::collections::BTreeSet::new();
        let mut written = Vec::new();
        for steps in &layers {
            let paths: Vec<(String, &[u8])> = steps
                .iter()
                .map(|step| match step {
                    Step::Put(path) => (format!("{path}/file"), &program[..]),
                    Step::Remove(path) => {
                        let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
                        (format!("{folder}/.wh.{name}"), &b""[..])
                    }
                    Step::Empty(path) => (format!("{path}/.wh..wh..opq"), &b""[..]),
                })
                .collect();
            let files: Vec<File<'_>> =
                paths.iter().map(|(path, content)| File::Plain(path, content)).collect();
            written.push(layer(&files));
            for step in steps {
                if let Step::Remove(path) | Step::Empty(path) = step {
                    model.retain(|kept: &String| !kept.starts_with(&format!("{path}/")));
                }
            }
            for step in steps {
                if let Step::Put(path) = step {
                    model.insert(format!("{path}/file"));
                }
            }
        }
        let names: Vec<String> = layers
            .iter()
            .flatten()
            .filter_map(|step| match step {
                Step::Put(path) => Some(format!("{path}/file")),
                _ => None,
            })
            .collect();
        for name in names {
            prop_assert_eq!(found(&written, &name).is_none(), model.contains(&name), "{}", name);
        }
    }
}
