//! Who may know whom: `docs/architecture.md` is a table, and this test holds
//! the code to it.

mod imports;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use imports::{Needs, Sources};

/// Modules that every other may name: what they do is needed everywhere.
const FOR_ALL: &[&str] = &["escape"];

/// Circles that are still to be cut. One that is gone must leave the list.
const KNOWN_CIRCLES: &[&[&str]] = &[];

/// A module and the modules of this crate that it may name.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("escape", &[]),
    ("secrets", &[]),
    ("print", &["secrets"]),
    ("compression", &[]),
    ("temporary", &[]),
    ("user", &[]),
    ("scenario", &["model", "temporary"]),
    ("policy", &["model", "scenario"]),
    ("plan", &["model"]),
    ("provenance", &["model"]),
    ("trace", &["model", "provenance"]),
    ("stats", &["model"]),
    ("verdict", &["model", "stats"]),
    ("verify", &["model", "compression"]),
    (
        "bundle",
        &["model", "trace", "provenance", "buildkit", "verify"],
    ),
    (
        "explain",
        &["model", "trace", "provenance", "stats", "secrets"],
    ),
    ("fleet", &["model", "stats", "verdict", "explain"]),
    ("buildkit", &["model", "trace", "provenance"]),
    ("engine", &["model", "buildkit", "temporary", "user"]),
    ("buildx", &["model"]),
    ("bake", &["model", "scenario"]),
    ("docker_cli", &[]),
    ("git", &["temporary"]),
    (
        "builder",
        &["model", "trace", "provenance", "buildkit", "engine"],
    ),
    (
        "sources",
        &["model", "scenario", "git", "secrets", "temporary", "user"],
    ),
    (
        "race",
        &[
            "model",
            "scenario",
            "buildkit",
            "builder",
            "trace",
            "provenance",
            "stats",
            "verdict",
            "verify",
            "secrets",
            "temporary",
        ],
    ),
    ("store", &["model", "trace", "secrets", "temporary"]),
    (
        "bucket",
        &[
            "model",
            "store",
            "stats",
            "verdict",
            "secrets",
            "temporary",
            "user",
        ],
    ),
    (
        "report",
        &[
            "model", "policy", "trace", "stats", "verdict", "explain", "fleet",
        ],
    ),
    ("otlp", &["model", "explain"]),
    (
        "progress",
        &["model", "trace", "stats", "verdict", "report"],
    ),
    ("options", &["model", "report", "secrets", "user"]),
    ("cli", &["model", "policy", "options"]),
];

/// Modules that do no I/O, read no clock and print nothing.
const PURE: &[&str] = &[
    "model",
    "escape",
    "secrets",
    "plan",
    "provenance",
    "trace",
    "explain",
    "stats",
    "verdict",
    "fleet",
    "report",
];

/// What a pure module may not name.
const IMPURE: &[&str] = &[
    "tokio",
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "println!",
    "print!",
    "eprintln!",
    "eprint!",
    "errln!",
    "out!",
    "bollard::",
];

fn sources(module: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let file = root.join(format!("{module}.rs"));
    if file.is_file() {
        return vec![file];
    }
    let files: Vec<PathBuf> = walkdir::WalkDir::new(root.join(module))
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        // Tests may know whom they like.
        .filter(|path| {
            !path
                .file_stem()
                .is_some_and(|name| name.to_string_lossy().ends_with("tests"))
        })
        .collect();
    assert!(!files.is_empty(), "no source of module {module}");
    files
}

/// The code without comments and without its test module: tests may use what
/// they like.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn modules_know_only_whom_they_may() {
    for (file, named) in Sources::read().modules_named() {
        let module = module_of(file);
        let allowed = MAY_KNOW.iter().find(|(name, _)| *name == module);
        let Some((_, allowed)) = allowed else {
            continue;
        };
        for named in named {
            assert!(
                named == module || allowed.contains(&named) || FOR_ALL.contains(&named),
                "{file} names crate::{named}, which {module} may not know"
            );
        }
    }
}

/// The module of the crate's root that a file is in.
fn module_of(file: &str) -> &str {
    let inner = file.strip_prefix("src/").unwrap();
    let name = inner.split('/').next().unwrap();
    name.strip_suffix(".rs").unwrap_or(name)
}

/// Files that need each other cannot be read, tested or moved one by one.
#[test]
fn no_files_form_a_circle() {
    let sources = Sources::read();
    let files: Vec<&str> = sources.files().collect();
    let needs = sources.needs();
    let circles = circles(&needs);
    let is_known = |circle: &[usize]| {
        KNOWN_CIRCLES
            .iter()
            .any(|known| circle.iter().all(|file| known.contains(&files[*file])))
    };
    let unknown = circles.iter().filter(|circle| !is_known(circle));
    let described: Vec<String> = unknown
        .map(|circle| describe(circle, &files, &needs))
        .collect();
    assert!(
        described.is_empty(),
        "files that need each other:\n{}",
        described.join("\n")
    );
    for known in KNOWN_CIRCLES {
        let is_there = circles
            .iter()
            .any(|circle| circle.iter().all(|file| known.contains(&files[*file])));
        assert!(is_there, "no circle any more, take it out: {known:?}");
    }
}

/// A circle's arrows, each with the items that it is for.
fn describe(circle: &[usize], files: &[&str], needs: &[Needs]) -> String {
    let mut lines = String::new();
    for file in circle {
        for (other, items) in &needs[*file] {
            if circle.contains(other) {
                let items: Vec<&str> = items.iter().map(String::as_str).collect();
                let (file, other, items) = (files[*file], files[*other], items.join(", "));
                lines += &format!("  {file} -> {other} for {items}\n");
            }
        }
    }
    lines
}

/// The files that each lead to each other, as groups.
fn circles(needs: &[Needs]) -> Vec<Vec<usize>> {
    let reached: Vec<BTreeSet<usize>> = (0..needs.len()).map(|file| reached(file, needs)).collect();
    let mut circles: Vec<Vec<usize>> = Vec::new();
    for file in 0..needs.len() {
        let is_new = !circles.iter().any(|circle| circle.contains(&file));
        if is_new && reached[file].contains(&file) {
            let others = reached[file].iter().copied();
            circles.push(
                others
                    .filter(|other| reached[*other].contains(&file))
                    .collect(),
            );
        }
    }
    circles
}

/// What a file needs, and what that needs, and so on.
fn reached(file: usize, needs: &[Needs]) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![file];
    while let Some(next) = open.pop() {
        open.extend(needs[next].keys().filter(|other| reached.insert(**other)));
    }
    reached
}

/// What several verbs need stands in `src/ops`.
#[test]
fn no_verb_imports_a_verb() {
    let sources = Sources::read();
    let files: Vec<&str> = sources.files().collect();
    for (needs, file) in sources.needs().iter().zip(&files) {
        for (other, items) in needs {
            let other = files[*other];
            if let (Some(verb), Some(imported)) = (verb_of(file), verb_of(other)) {
                assert!(
                    verb == imported,
                    "{file} needs {items:?} of {other}, another verb"
                );
            }
        }
    }
}

/// The verb that a file is of; `mod.rs` chooses among them and is of none.
fn verb_of(file: &str) -> Option<&str> {
    let inner = file.strip_prefix("src/commands/")?;
    let verb = inner.split('/').next()?;
    (inner != "mod.rs").then(|| verb.strip_suffix(".rs").unwrap_or(verb))
}

#[test]
fn every_module_has_its_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if ["lib", "main", "commands", "ops"].contains(&name.as_str()) {
            continue;
        }
        assert!(
            MAY_KNOW.iter().any(|(module, _)| *module == name),
            "{name} is missing in MAY_KNOW"
        );
    }
}

/// A stderr that is gone makes `eprintln!` panic, and ends the run.
#[test]
fn one_module_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in walkdir::WalkDir::new(root).into_iter().flatten() {
        let path = entry.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let is_source = path.extension().is_some_and(|ending| ending == "rs");
        if !is_source || name.ends_with("tests") {
            continue;
        }
        for word in ["println!", "eprint!", " print!", "dbg!", "io::stderr()"] {
            let is_printer = path.ends_with("print.rs");
            // Whether it is a terminal may be asked.
            let code = code(path).replace("std::io::stderr().is_terminal()", "");
            assert!(
                is_printer || !code.contains(word),
                "{} names {word}: use errln! or out!",
                path.display()
            );
        }
    }
}

#[test]
fn pure_modules_do_no_io() {
    for module in PURE {
        for path in sources(module) {
            let code = code(&path);
            for word in IMPURE {
                assert!(!code.contains(word), "{} names {word}", path.display());
            }
        }
    }
}
