use proptest::prelude::*;

use super::*;

fn edit(find: &str, replace: &str) -> Edit {
    Edit {
        file: Edited::Source("src/version.go".into()),
        change: Change::Replace {
            find: find.into(),
            replace: replace.into(),
        },
    }
}

#[test]
fn an_edit_replaces_the_text_found_and_nothing_else() {
    let edit = edit("\"dev\"", "\"{nonce}\" /* {nonce} */");
    assert_eq!(
        edit.apply(b"\xff const Build = \"dev\"\r\n\0", "n1")
            .unwrap(),
        b"\xff const Build = \"n1\" /* n1 */\r\n\0"
    );
}

#[test]
fn no_match_and_many_are_refused() {
    let missing = edit("prod", "{nonce}").apply(b"dev", "n").unwrap_err();
    assert_eq!(
        missing.to_string(),
        "\"find\" of [edit] matches nothing in \"src/version.go\": expected \"prod\" once"
    );
    let twice = edit("dev", "{nonce}")
        .apply(b"dev\n\ndev\n", "n")
        .unwrap_err();
    assert_eq!(
        twice.to_string(),
        "\"find\" of [edit] matches more than once in \"src/version.go\", \
         on lines 1 and 3: expected \"dev\" once"
    );
    assert!(edit("aa", "{nonce}").apply(b"aaa", "n").is_err());
}

#[test]
fn a_comment_goes_after_the_last_line() {
    let go = Edit::comment(Path::new("./cmd/main.go")).unwrap();
    assert_eq!(go.file, Edited::Source("cmd/main.go".into()));
    assert_eq!(
        go.apply(b"package main", "n1").unwrap(),
        b"package main\n// buildrace n1\n"
    );
    assert_eq!(go.apply(b"x\n", "n1").unwrap(), b"x\n// buildrace n1\n");
    let css = Edit::comment(Path::new("a.css")).unwrap();
    assert_eq!(css.apply(b"", "n").unwrap(), b"/* buildrace n */\n");
    let message = Edit::comment(Path::new("data.json"))
        .unwrap_err()
        .to_string();
    assert!(message.contains("--edit-with"), "{message}");
}

#[test]
fn a_rule_substitutes_as_sed_does() {
    let apply = |rule: &str, text: &str| {
        let edit = Edit::substitute(Edited::Source("f".into()), rule)?;
        let edited = edit.apply(text.as_bytes(), "N")?;
        Ok::<_, EditError>(String::from_utf8(edited).unwrap())
    };
    assert_eq!(apply("s/dev/{nonce}/", "dev dev").unwrap(), "N dev");
    assert_eq!(apply("s/dev/{nonce}/g", "dev dev").unwrap(), "N N");
    assert_eq!(apply("s|a/b|&-{nonce}|", "a/b").unwrap(), "a/b-N");
    assert_eq!(apply(r"s/a\/b/{nonce}/", "a/b").unwrap(), "N");
    assert_eq!(
        apply(r#"s/(v)=(\d+)/\1=\2-{nonce}\&/"#, "v=12;").unwrap(),
        "v=12-N&;"
    );
    for rule in [
        "",
        "y/a/b/",
        "s/a/b/",
        "s/a/{nonce}",
        "s/(/{nonce}/",
        "s//{nonce}/",
        "s/a/{nonce}/x",
        "saaa",
        "s/a/{nonce}/g/",
    ] {
        assert!(apply(rule, "a").is_err(), "{rule}");
    }
    let message = apply("s/z/{nonce}/", "a").unwrap_err().to_string();
    assert_eq!(message, "--edit-with: \"z\" matches nothing in \"f\"");
}

#[test]
fn what_is_not_a_file_of_the_sources_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let sources = folder.path().join("src");
    std::fs::create_dir(&sources).unwrap();
    std::fs::write(folder.path().join("outside.go"), "x").unwrap();
    std::fs::write(sources.join("in.go"), "x").unwrap();
    std::os::unix::fs::symlink("in.go", sources.join("link.go")).unwrap();
    let check = |file: &str| {
        Edit::comment(Path::new(file))
            .unwrap()
            .check(&sources, Path::new(""))
    };
    assert_eq!(check("./in.go"), Ok(()));
    for (file, what) in [
        ("../outside.go", "is not in the context"),
        ("/in.go", "is not in the context"),
        ("link.go", "through a symlink"),
        ("none.go", "cannot be opened"),
    ] {
        let message = check(file).unwrap_err().to_string();
        assert!(message.contains(what), "{message}");
    }
}

proptest! {
    #[test]
    fn no_rule_and_no_file_make_it_panic(rule in "s?[/|]?.{0,20}\\{nonce\\}?.{0,10}", text in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(edit) = Edit::substitute(Edited::Source("f".into()), &rule) {
            let _ = edit.apply(&text, "n");
        }
    }

    #[test]
    fn only_the_match_changes(
        before in prop::collection::vec(any::<u8>(), 0..80),
        after in prop::collection::vec(any::<u8>(), 0..80),
        find in "[a-zé\"= ]{1,12}",
        nonce in "[a-z0-9]{1,16}",
    ) {
        let original = [&before[..], find.as_bytes(), &after[..]].concat();
        let edit = edit(&find, "const Build = \"{nonce}\"");
        let matches = (0..original.len())
            .filter(|offset| original[*offset..].starts_with(find.as_bytes()))
            .count();
        match edit.apply(&original, &nonce) {
            Ok(edited) => {
                prop_assert_eq!(matches, 1);
                let middle = format!("const Build = \"{nonce}\"");
                prop_assert_eq!(edited, [&before[..], middle.as_bytes(), &after[..]].concat());
            }
            Err(EditError::ManyMatches { .. }) => prop_assert!(matches > 1),
            Err(error) => prop_assert!(false, "the text is there: {error}"),
        }
    }

    #[test]
    fn two_nonces_make_two_files(text in "[a-z\n]{0,40}", one in "[0-9a-f]{8}", two in "[0-9a-f]{8}") {
        prop_assume!(one != two);
        let original = format!("{text}MARK{text}");
        let edit = edit("MARK", "{nonce}");
        prop_assert_ne!(
            edit.apply(original.as_bytes(), &one).unwrap(),
            edit.apply(original.as_bytes(), &two).unwrap()
        );
    }
}
