//! Who may know whom: `docs/architecture.md` is a table, and this test holds
//! the code to it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A module and the modules of this crate that it may name.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("escape", &[]),
    ("secrets", &[]),
    ("print", &["secrets"]),
    ("temporary", &[]),
    ("user", &[]),
    ("scenario", &["model", "temporary"]),
    ("policy", &["model", "scenario"]),
    ("plan", &["model"]),
    ("trace", &["model"]),
    ("stats", &["model"]),
    ("verdict", &["model", "stats"]),
    ("verify", &["model", "escape"]),
    ("explain", &["model", "trace", "stats"]),
    ("buildkit", &["model", "trace"]),
    ("engine", &["model", "escape", "temporary", "user"]),
    ("git", &["escape", "temporary"]),
    ("builder", &["model", "trace", "buildkit"]),
    (
        "sources",
        &[
            "model",
            "escape",
            "scenario",
            "git",
            "secrets",
            "temporary",
            "user",
        ],
    ),
    (
        "race",
        &[
            "model",
            "scenario",
            "buildkit",
            "builder",
            "trace",
            "stats",
            "verdict",
            "verify",
            "secrets",
            "temporary",
        ],
    ),
    (
        "store",
        &["model", "trace", "escape", "secrets", "temporary"],
    ),
    (
        "report",
        &[
            "model", "policy", "trace", "stats", "verdict", "explain", "escape",
        ],
    ),
    ("otlp", &["model", "explain"]),
    (
        "progress",
        &["model", "trace", "escape", "stats", "verdict", "report"],
    ),
    ("cli", &["model", "policy", "report"]),
];

/// Modules that do no I/O, read no clock and print nothing.
const PURE: &[&str] = &[
    "model", "escape", "secrets", "plan", "trace", "explain", "stats", "verdict", "report",
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

fn modules_named(code: &str) -> BTreeSet<String> {
    code.match_indices("crate::")
        .flat_map(|(at, found)| {
            let rest = &code[at + found.len()..];
            if let Some(group) = rest.strip_prefix('{') {
                let group = group.split('}').next().unwrap_or_default();
                return group
                    .split(',')
                    .map(|part| {
                        part.trim()
                            .split("::")
                            .next()
                            .unwrap_or_default()
                            .to_owned()
                    })
                    .collect();
            }
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            vec![rest[..end].to_owned()]
        })
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn modules_know_only_whom_they_may() {
    for (module, allowed) in MAY_KNOW {
        for path in sources(module) {
            for named in modules_named(&code(&path)) {
                assert!(
                    named == *module || allowed.contains(&named.as_str()),
                    "{} names crate::{named}, which {module} may not know",
                    path.display()
                );
            }
        }
    }
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
