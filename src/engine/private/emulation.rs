//! The emulators that the private engine registers with the kernel, and takes
//! back. Handlers that others registered are never touched.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::paths::Paths;
use crate::engine::binfmt::{self, Architecture};
use crate::engine::command::run;
use crate::engine::{EngineError, Progress};
use crate::model::Release;

/// What was done to the kernel's table, to be undone.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    /// Whether the table was not mounted before, so that it is unmounted again.
    mounted: bool,
    /// Names of the handlers that were registered.
    handlers: Vec<String>,
}

fn file(paths: &Paths) -> PathBuf {
    paths.state().join("binfmt.json")
}

fn read(paths: &Paths) -> Record {
    fs::read(file(paths))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

fn write(paths: &Paths, record: &Record) -> Result<(), EngineError> {
    serde_json::to_vec(record)
        .map_err(io::Error::from)
        .and_then(|bytes| fs::write(file(paths), bytes))
        .map_err(EngineError::file("cannot write", file(paths)))
}

/// Those handlers that this engine registered and that are still there.
pub(super) fn registered(paths: &Paths) -> Vec<String> {
    read(paths)
        .handlers
        .into_iter()
        .filter(|name| is_ours(paths, name))
        .collect()
}

/// The interpreter of each architecture that this machine has one for, whoever
/// registered it.
pub(super) fn interpreters() -> BTreeMap<String, PathBuf> {
    let handlers = binfmt::handlers();
    let foreign = binfmt::ARCHITECTURES.iter().filter(|a| !a.is_native());
    foreign
        .filter_map(|wanted| {
            let serves = |handler: &&binfmt::Handler| {
                handler.serves(wanted) && handler.works_in_containers()
            };
            let handler = handlers.iter().find(serves)?;
            Some((wanted.oci.to_owned(), handler.interpreter.clone()))
        })
        .collect()
}

/// The name of this engine's handler in the kernel's table.
pub(super) fn handler_name(paths: &Paths, architecture: &Architecture) -> String {
    match paths.release() {
        Release::Trixie => format!("buildrace-{}", architecture.qemu),
        other => format!("buildrace-{other}-{}", architecture.qemu),
    }
}

/// The interpreter of an architecture in an engine's root.
pub(super) fn interpreter(paths: &Paths, architecture: &Architecture) -> PathBuf {
    paths
        .root()
        .join(format!("usr/bin/qemu-{}", architecture.qemu))
}

/// Those of the same cache folder, of every release.
pub(super) fn each_release(paths: &Paths) -> Vec<Paths> {
    let each = Release::ALL.into_iter();
    each.filter_map(|release| paths.beside(release)).collect()
}

/// Whether a handler's interpreter is in this engine's root.
fn is_ours(paths: &Paths, name: &str) -> bool {
    binfmt::handlers()
        .iter()
        .any(|handler| handler.name == name && handler.interpreter.starts_with(paths.root()))
}

/// Checks that there is an emulator for each architecture.
pub(super) fn check_architectures(names: &[String]) -> Result<(), EngineError> {
    for name in names {
        if binfmt::architecture(name).is_none() {
            return Err(EngineError::Private(format!(
                "no emulator is known for {name:?}: expected one of {}",
                binfmt::ARCHITECTURES
                    .each_ref()
                    .map(|known| known.oci)
                    .join(", ")
            )));
        }
    }
    Ok(())
}

/// Those of the architectures that this machine runs neither itself nor
/// under a handler that works in containers.
pub(super) fn missing(names: &[String]) -> Result<Vec<&'static Architecture>, EngineError> {
    check_architectures(names)?;
    let handlers = binfmt::handlers();
    Ok(names
        .iter()
        .filter_map(|name| binfmt::architecture(name))
        .filter(|wanted| !wanted.is_native())
        .filter(|wanted| {
            !handlers
                .iter()
                .any(|handler| handler.serves(wanted) && handler.works_in_containers())
        })
        .collect())
}

/// Registers an emulator for each of the architectures that needs one.
pub(super) fn register(
    paths: &Paths,
    names: &[String],
    progress: &Progress,
) -> Result<(), EngineError> {
    let mut record = read(paths);
    if !Path::new(binfmt::FOLDER).join("register").exists() {
        run(
            "mounting the kernel's table of emulators",
            Command::new("mount").args(["-t", "binfmt_misc", "binfmt_misc", binfmt::FOLDER]),
        )?;
        record.mounted = true;
        write(paths, &record)?;
    }
    for wanted in missing(names)? {
        let name = handler_name(paths, wanted);
        let interpreter = interpreter(paths, wanted);
        progress(&format!("registering QEMU for linux/{}", wanted.oci));
        // One of that name which does not work is a leftover of ours.
        if is_ours(paths, &name) {
            unregister_handler(&name)?;
        }
        // Noted first: after a crash in between, `down` still knows it.
        if !record.handlers.contains(&name) {
            record.handlers.push(name.clone());
        }
        write(paths, &record)?;
        register_handler(&name, wanted, &interpreter)?;
    }
    Ok(())
}

/// Takes back what [`register`] did, and nothing else. Returns the
/// architectures that have no emulator by that, by their OCI names.
pub(super) fn unregister(paths: &Paths) -> Result<Vec<String>, EngineError> {
    let record = read(paths);
    let mut taken = Vec::new();
    for name in &record.handlers {
        if is_ours(paths, name) {
            unregister_handler(name)?;
            let all = binfmt::ARCHITECTURES.iter();
            let served = all.filter(|architecture| handler_name(paths, architecture) == *name);
            taken.extend(served.map(|architecture| architecture.oci.to_owned()));
        }
    }
    if record.mounted && binfmt::handlers().is_empty() {
        // Someone may be reading it; it does no harm where it stays.
        let _ = Command::new("umount").arg(binfmt::FOLDER).status();
    }
    match fs::remove_file(file(paths)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(EngineError::file("cannot remove", file(paths))(error))
        }
        _ => Ok(taken),
    }
}

/// Gives the kernel an interpreter for programs of an architecture, with flag
/// F.
pub(super) fn register_handler(
    name: &str,
    architecture: &Architecture,
    interpreter: &Path,
) -> Result<(), EngineError> {
    let escaped = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|b| format!("\\x{b:02x}"))
            .collect::<String>()
    };
    let interpreter = interpreter.display().to_string();
    let separator = [':', '|', ';', ',']
        .into_iter()
        .find(|c| !interpreter.contains(*c))
        .unwrap_or(':');
    let line = [
        "",
        name,
        "M",
        "0",
        &escaped(&architecture.elf_start()),
        &escaped(&architecture.mask()),
        &interpreter,
        "OCF",
    ]
    .join(&separator.to_string());
    let path = Path::new(binfmt::FOLDER).join("register");
    fs::write(&path, line).map_err(|error| {
        EngineError::Private(format!(
            "the kernel refuses an emulator for linux/{} ({}: {error}): its binfmt_misc must be writable, which in a container needs --privileged",
            architecture.oci,
            path.display()
        ))
    })
}

/// Takes a handler from the kernel.
pub(super) fn unregister_handler(name: &str) -> Result<(), EngineError> {
    let path = Path::new(binfmt::FOLDER).join(name);
    fs::write(&path, "-1").map_err(EngineError::file("cannot unregister", path))
}
