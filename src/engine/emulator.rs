//! The emulators that an engine's foreign platforms run under.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use sha2::{Digest, Sha256};

use super::binfmt::{self, Handler};
use super::{Engine, EngineError, probe};
use crate::model::{EmulatorInfo, Platform};

/// How a platform's programs run on an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// The platform whose programs are run.
    pub platform: Platform,
    /// Whether the engine's own CPU runs them.
    pub native: bool,
    /// The handler that the kernel gives its programs to; only where the
    /// engine shares this machine's kernel.
    pub handler: Option<Handler>,
    /// Whether a real program ran in a container, or why not.
    pub outcome: Result<(), String>,
}

/// Runs a real program of each platform in a container of the engine, and
/// finds the handlers that they run under.
///
/// # Errors
/// The engine cannot be asked.
pub async fn try_platforms(
    engine: &Engine,
    platforms: &[Platform],
) -> Result<Vec<Execution>, EngineError> {
    let wanted = Platform::each_once(platforms);
    let outcomes = probe::run(engine, &wanted).await?;
    let own = &engine.facts().native;
    let is_local = engine.is_local();
    Ok(wanted
        .into_iter()
        .map(|platform| execution(platform, own, &outcomes, is_local))
        .collect())
}

/// How a platform's programs run on a node whose own platform is `own`, by what
/// became of them. `is_local` is whether it has this machine's kernel.
pub fn execution(
    platform: Platform,
    own: &Platform,
    outcomes: &[(Platform, Result<(), String>)],
    is_local: bool,
) -> Execution {
    let handlers = match is_local {
        true => binfmt::handlers(),
        false => Vec::new(),
    };
    let mut native = platform.architecture() == own.architecture();
    let outcome = outcomes
        .iter()
        .find(|(tried, _)| *tried == platform)
        .map_or_else(|| Err("it was not tried".into()), |(_, o)| o.clone());
    let handler = binfmt::architecture(platform.architecture())
        .filter(|_| !native)
        .and_then(|architecture| {
            let serving = || handlers.iter().filter(|h| h.serves(architecture));
            serving()
                .find(|handler| handler.works_in_containers())
                .or_else(|| serving().next())
        })
        .cloned();
    // A 64-bit CPU's 32-bit mode is its own, unless a handler takes
    // its programs before the kernel does.
    native |= is_local && handler.is_none() && platform.is_32_bit_mode_of(own);
    Execution {
        platform,
        native,
        handler,
        outcome,
    }
}

impl Execution {
    /// As a run's record holds it; `None` for a platform that is not emulated.
    pub fn emulator_info(&self) -> Option<EmulatorInfo> {
        if self.native || (self.handler.is_none() && self.outcome.is_err()) {
            return None;
        }
        let interpreter = self
            .handler
            .as_ref()
            .map(|handler| handler.interpreter.as_path());
        Some(EmulatorInfo {
            platform: self.platform.clone(),
            handler: self
                .handler
                .as_ref()
                .map_or_else(|| "not visible from here".into(), |h| h.name.clone()),
            interpreter_digest: interpreter.and_then(digest),
            version: interpreter.and_then(qemu_version),
            flags: self
                .handler
                .as_ref()
                .map_or_else(String::new, |handler| handler.flags.clone()),
        })
    }
}

/// SHA-256 of a file, where it can be read: with flag F an interpreter works
/// though its path names nothing here.
fn digest(path: &Path) -> Option<String> {
    let mut hash = Sha256::new();
    std::io::copy(&mut File::open(path).ok()?, &mut Writer(&mut hash)).ok()?;
    Some(hex::encode(hash.finalize()))
}

struct Writer<'a>(&'a mut Sha256);

impl std::io::Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What an interpreter called QEMU says of its version, `10.0.13`.
fn qemu_version(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    if !name.starts_with("qemu-") {
        return None;
    }
    let output = Command::new(path).arg("--version").output().ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

fn parse_version(text: &str) -> Option<String> {
    let (_, rest) = text.lines().next()?.split_once("version ")?;
    let version: String = rest
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || ".-+~".contains(*c))
        .take(40)
        .collect();
    (!version.is_empty()).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_taken_from_what_qemu_says() {
        let debian = "qemu-aarch64 version 10.0.13 (Debian 1:10.0.13+ds-0+deb13u1)\nCopyright (c) 2003-2025 Fabrice Bellard\n";
        assert_eq!(parse_version(debian).as_deref(), Some("10.0.13"));
        assert_eq!(parse_version("version \u{1b}[31m").as_deref(), None);
        assert_eq!(parse_version(""), None);
    }
}
