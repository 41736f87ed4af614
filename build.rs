//! What `buildrace --version` and results say of their origin: the version and, in a release build
//! of a clone or of a published package, the commit.
//!
//! Other builds have no commit: every commit would compile the library again.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What is compiled. A change in anything else makes no other program.
const COMPILED: [&str; 4] = ["src", "build.rs", "Cargo.toml", "Cargo.lock"];
/// What `cargo package` writes of the commit that it packed.
const PACKED: &str = ".cargo_vcs_info.json";
/// Digits of a commit's id.
const DIGITS: usize = 12;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let version = env::var("CARGO_PKG_VERSION").expect("set by cargo");
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = is_release.then(|| packed().or_else(cloned)).flatten();
    let version = commit.map_or(version.clone(), |commit| format!("{version} ({commit})"));
    // Cargo sets it for tests, too, so it is no BUILDRACE_VERSION: scripts/install reads that.
    println!("cargo::rustc-env=VERSION_WITH_COMMIT={version}");
}

/// The commit that a package was made of.
fn packed() -> Option<String> {
    let text = fs::read_to_string(PACKED).ok()?;
    let (_, id) = text.split_once("\"sha1\": \"")?;
    let id: String = id.chars().take_while(char::is_ascii_hexdigit).collect();
    Some(id.get(..DIGITS)?.to_owned())
}

/// The commit of a clone, `-dirty` behind it where what is compiled differs from it.
fn cloned() -> Option<String> {
    let root = git(&["rev-parse", "--show-toplevel"])?;
    let here = env::current_dir().ok()?;
    // Of a package that lies in somebody else's repository, the commit says nothing.
    if fs::canonicalize(root).ok()? != fs::canonicalize(here).ok()? {
        return None;
    }
    // The log is written at every commit, checkout and reset, HEAD itself not.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    for path in COMPILED.into_iter().chain([log.as_str()]) {
        if Path::new(path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    let commit = git(&["rev-parse", "HEAD"])?;
    let changes = [&["status", "--porcelain", "--"][..], &COMPILED].concat();
    let dirty = if git(&changes)?.is_empty() {
        ""
    } else {
        "-dirty"
    };
    Some(format!("{}{dirty}", commit.get(..DIGITS)?))
}

/// What git prints; `None` where it fails, or is not there.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = output.status.success().then_some(output.stdout)?;
    Some(String::from_utf8(text).ok()?.trim().to_owned())
}
