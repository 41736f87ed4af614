//! Another QEMU for the programs of foreign platforms, for the time of a race
//! that compares versions. The kernel has one table of emulators for the whole
//! machine: so a lock keeps every other race from measuring the wrong one, and a
//! note in the cache folder says what was registered before, should the race be
//! killed.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::emulation;
use super::paths::Paths;
use super::qemu::Qemu;
use crate::engine::binfmt::{self, Architecture, Handler};
use crate::engine::{EngineError, Progress};
use crate::user;

/// What is told where the lock is waited for.
pub const WAITING: &str =
    "waiting for other races on this machine: a race with --matrix qemu= changes its emulators";

/// What was registered before, to be registered again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    /// The architectures whose handlers are replaced, by their OCI names.
    architectures: Vec<String>,
    /// Their handlers.
    handlers: Vec<NotedHandler>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct NotedHandler {
    name: String,
    architecture: String,
    interpreter: PathBuf,
}

/// The emulators of this machine, held by a race that replaces them. They are as
/// they were when it is dropped.
#[derive(Debug)]
pub struct EmulatorSwitch {
    paths: Paths,
    /// None before [`Self::take`].
    note: Mutex<Option<Note>>,
    _lock: File,
}

/// The emulators of this machine, held by a race that wants them to stay.
#[derive(Debug)]
pub struct EmulatorsInUse {
    _lock: File,
}

impl EmulatorsInUse {
    /// Holds them; `None` where a race has replaced them.
    ///
    /// # Errors
    /// The lock's file cannot be opened.
    pub fn hold() -> Result<Option<Self>, EngineError> {
        Self::hold_in(&Paths::of_user()?)
    }

    fn hold_in(paths: &Paths) -> Result<Option<Self>, EngineError> {
        let file = lock_file(paths)?;
        Ok(locked(file.try_lock_shared(), paths)?.then_some(Self { _lock: file }))
    }

    /// The same, however long it takes.
    pub(super) fn wait(paths: &Paths, progress: &Progress) -> Result<Self, EngineError> {
        if let Some(held) = Self::hold_in(paths)? {
            return Ok(held);
        }
        progress(WAITING);
        let file = lock_file(paths)?;
        file.lock_shared()
            .map_err(EngineError::file("cannot lock", lock_path(paths)))?;
        Ok(Self { _lock: file })
    }
}

impl EmulatorSwitch {
    /// Takes hold of the emulators; `None` where another race has them.
    ///
    /// # Errors
    /// Not root; the lock's file cannot be opened; what a killed race replaced
    /// cannot be put back.
    pub fn hold() -> Result<Option<Self>, EngineError> {
        if !nix::unistd::geteuid().is_root() {
            return Err(EngineError::Private(
                "--matrix qemu= registers emulators with the kernel, which only root may: run the \
                 same command with sudo"
                    .into(),
            ));
        }
        Self::hold_in(Paths::of_user()?)
    }

    fn hold_in(paths: Paths) -> Result<Option<Self>, EngineError> {
        let file = lock_file(&paths)?;
        if !locked(file.try_lock(), &paths)? {
            return Ok(None);
        }
        if let Some(note) = read_note(&paths) {
            put_back(&paths, &note)?;
        }
        Ok(Some(Self {
            paths,
            note: Mutex::default(),
            _lock: file,
        }))
    }

    /// Notes the handlers of these architectures, by their OCI names.
    ///
    /// # Errors
    /// One of them is not buildrace's own, or there is no such architecture.
    pub fn take(&self, architectures: &[String]) -> Result<(), EngineError> {
        emulation::check_architectures(architectures)?;
        let roots = roots(&self.paths);
        let found = noted(&binfmt::handlers(), &roots, architectures)?;
        write_note(&self.paths, &found)?;
        let mut note = self.note.lock().unwrap_or_else(PoisonError::into_inner);
        *note = Some(found);
        Ok(())
    }

    /// Registers a QEMU for the architectures that were taken, where another one
    /// is registered.
    ///
    /// # Errors
    /// The kernel refuses; somebody else has registered one meanwhile.
    pub fn choose(&self, qemu: &Qemu) -> Result<(), EngineError> {
        let note = self.note.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = note.iter().flat_map(|note| &note.architectures);
        let roots = roots(&self.paths);
        for architecture in taken.filter_map(|name| binfmt::architecture(name)) {
            let wanted = NotedHandler {
                name: emulation::handler_name(&qemu.paths, architecture),
                architecture: architecture.oci.to_owned(),
                interpreter: emulation::interpreter(&qemu.paths, architecture),
            };
            set(&roots, architecture, std::slice::from_ref(&wanted))?;
        }
        Ok(())
    }

    /// Registers what was registered before.
    ///
    /// # Errors
    /// The kernel refuses; what was noted stays noted.
    pub fn restore(&self) -> Result<(), EngineError> {
        let mut note = self.note.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(noted) = &*note {
            put_back(&self.paths, noted)?;
        }
        *note = None;
        Ok(())
    }
}

impl Drop for EmulatorSwitch {
    fn drop(&mut self) {
        // Whoever wants to know has asked before.
        let _ = self.restore();
    }
}

/// Whether a race that was killed has left another QEMU registered.
pub fn is_left() -> bool {
    let left = |paths: Paths| {
        let is_free = lock_file(&paths).is_ok_and(|file| file.try_lock().is_ok());
        is_free && note_path(&paths).exists()
    };
    Paths::of_user().is_ok_and(left)
}

/// Registers again what a race replaced that was killed. Does nothing where there
/// is no such race, or one goes on.
///
/// # Errors
/// The kernel refuses, as it does where this is not root.
pub fn put_back_left() -> Result<(), EngineError> {
    // To hold the emulators is to put back what is left.
    EmulatorSwitch::hold_in(Paths::of_user()?).map(drop)
}

/// The same as part of another command of root's, of which it is told.
pub(super) fn put_back_left_in(paths: &Paths, progress: &Progress) -> Result<(), EngineError> {
    if !note_path(paths).exists() || !nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    progress("putting back the emulators that a race replaced");
    EmulatorSwitch::hold_in(paths.clone()).map(drop)
}

/// Removes the lock's file with the last engine. It stays where a race holds it.
pub(super) fn remove_lock(paths: &Paths) -> Result<(), EngineError> {
    let path = lock_path(paths);
    if !path.exists() || !locked(lock_file(paths)?.try_lock(), paths)? {
        return Ok(());
    }
    fs::remove_file(&path).map_err(EngineError::file("cannot remove", path))
}

fn lock_path(paths: &Paths) -> PathBuf {
    paths.folder().with_file_name("emulators.lock")
}

fn note_path(paths: &Paths) -> PathBuf {
    paths.folder().with_file_name("emulators.json")
}

fn lock_file(paths: &Paths) -> Result<File, EngineError> {
    let path = lock_path(paths);
    let parent = path.parent().unwrap_or(Path::new("/"));
    user::create_dir_all(parent).map_err(EngineError::file("cannot create", parent))?;
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(EngineError::file("cannot open", path.clone()))?;
    user::give(&path).map_err(EngineError::file("cannot give away", path.clone()))?;
    Ok(file)
}

fn locked(tried: Result<(), TryLockError>, paths: &Paths) -> Result<bool, EngineError> {
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => {
            Err(EngineError::file("cannot lock", lock_path(paths))(error))
        }
    }
}

fn read_note(paths: &Paths) -> Option<Note> {
    let bytes = fs::read(note_path(paths)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn write_note(paths: &Paths, note: &Note) -> Result<(), EngineError> {
    let path = note_path(paths);
    serde_json::to_vec(note)
        .map_err(io::Error::from)
        .and_then(|bytes| fs::write(&path, bytes))
        .map_err(EngineError::file("cannot write", path))
}

/// The roots of all private engines.
fn roots(paths: &Paths) -> Vec<PathBuf> {
    let each = emulation::each_release(paths);
    each.iter().map(Paths::root).collect()
}

/// The handlers that the kernel gives programs of an architecture to.
fn serving<'h>(
    handlers: &'h [Handler],
    architecture: &Architecture,
) -> impl Iterator<Item = &'h Handler> {
    let serves = |handler: &&Handler| handler.enabled && handler.serves(architecture);
    handlers.iter().filter(serves)
}

/// What is to be noted of these architectures.
fn noted(
    handlers: &[Handler],
    roots: &[PathBuf],
    architectures: &[String],
) -> Result<Note, EngineError> {
    let mut note = Note {
        architectures: architectures.to_vec(),
        handlers: Vec::new(),
    };
    for architecture in architectures.iter().filter_map(|n| binfmt::architecture(n)) {
        for handler in serving(handlers, architecture) {
            check_ours(handler, roots, architecture)?;
            note.handlers.push(NotedHandler {
                name: handler.name.clone(),
                architecture: architecture.oci.to_owned(),
                interpreter: handler.interpreter.clone(),
            });
        }
    }
    Ok(note)
}

/// Whoever registered another emulator needs it.
fn check_ours(
    handler: &Handler,
    roots: &[PathBuf],
    architecture: &Architecture,
) -> Result<(), EngineError> {
    if roots
        .iter()
        .any(|root| handler.interpreter.starts_with(root))
    {
        return Ok(());
    }
    Err(EngineError::Private(format!(
        "linux/{} runs under {} ({}), which buildrace did not register and so does not replace: \
         take it from the kernel first (echo -1 > {}/{}), then `buildrace engine up --emulate {}`",
        architecture.oci,
        handler.name,
        handler.interpreter.display(),
        binfmt::FOLDER,
        handler.name,
        architecture.oci,
    )))
}

/// Has the kernel know these handlers of an architecture, and no other of
/// buildrace's.
fn set(
    roots: &[PathBuf],
    architecture: &Architecture,
    wanted: &[NotedHandler],
) -> Result<(), EngineError> {
    let handlers = binfmt::handlers();
    let is_wanted = |handler: &Handler| {
        wanted
            .iter()
            .any(|wanted| wanted.name == handler.name && wanted.interpreter == handler.interpreter)
    };
    let mut there = Vec::new();
    for handler in serving(&handlers, architecture) {
        check_ours(handler, roots, architecture)?;
        if is_wanted(handler) {
            there.push(handler.name.clone());
        } else {
            emulation::unregister_handler(&handler.name)?;
        }
    }
    for wanted in wanted.iter().filter(|wanted| !there.contains(&wanted.name)) {
        emulation::register_handler(&wanted.name, architecture, &wanted.interpreter)?;
    }
    Ok(())
}

/// Registers what was noted, and takes the note away.
fn put_back(paths: &Paths, note: &Note) -> Result<(), EngineError> {
    let roots = roots(paths);
    for architecture in note
        .architectures
        .iter()
        .filter_map(|name| binfmt::architecture(name))
    {
        let is_ours = |path: &Path| roots.iter().any(|root| path.starts_with(root));
        let before = note.handlers.iter().filter(|handler| {
            // Its engine may have been removed since.
            handler.architecture == architecture.oci
                && is_ours(&handler.interpreter)
                && handler.interpreter.exists()
        });
        let before: Vec<NotedHandler> = before.cloned().collect();
        set(&roots, architecture, &before)?;
    }
    match fs::remove_file(note_path(paths)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(EngineError::file("cannot remove", note_path(paths))(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Release;

    #[test]
    fn only_buildraces_own_handlers_are_replaced() {
        let cache = tempfile::tempdir().unwrap();
        let paths = Paths::under(cache.path(), Release::Trixie).unwrap();
        let roots = roots(&paths);
        assert_eq!(roots.len(), Release::ALL.len());
        let handler = |name: &str, architecture: &str, root: &Path| {
            let architecture = binfmt::architecture(architecture).unwrap();
            let mut handler = Handler::sample(name, architecture, "OCF");
            handler.interpreter = root.join(format!("usr/bin/qemu-{}", architecture.qemu));
            handler
        };
        let handlers = [
            handler("buildrace-aarch64", "arm64", &roots[0]),
            handler("qemu-riscv64", "riscv64", Path::new("/")),
        ];
        let note = noted(&handlers, &roots, &["arm64".into(), "arm".into()]).unwrap();
        assert_eq!(note.handlers.len(), 1);
        assert_eq!(note.handlers[0].name, "buildrace-aarch64");
        let error = noted(&handlers, &roots, &["riscv64".into()]).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("qemu-riscv64") && error.contains("--emulate riscv64"));
    }

    #[test]
    fn who_replaces_emulators_is_alone() {
        let cache = tempfile::tempdir().unwrap();
        let paths = Paths::under(cache.path(), Release::Trixie).unwrap();
        let hold = || EmulatorSwitch::hold_in(paths.clone()).unwrap();
        let one = EmulatorsInUse::hold_in(&paths).unwrap();
        let other = EmulatorsInUse::hold_in(&paths).unwrap();
        assert!(one.is_some() && other.is_some() && hold().is_none());
        drop((one, other));
        let switch = hold().unwrap();
        assert!(hold().is_none());
        assert!(EmulatorsInUse::hold_in(&paths).unwrap().is_none());
        drop(switch);
        assert!(EmulatorsInUse::hold_in(&paths).unwrap().is_some());
    }

    #[test]
    fn what_a_killed_race_noted_is_read_again() {
        let cache = tempfile::tempdir().unwrap();
        let paths = Paths::under(cache.path(), Release::Trixie).unwrap();
        fs::create_dir_all(paths.folder()).unwrap();
        assert_eq!(read_note(&paths), None);
        let note = Note {
            architectures: Vec::new(),
            handlers: Vec::new(),
        };
        write_note(&paths, &note).unwrap();
        assert_eq!(read_note(&paths), Some(note));
        // It names nothing, so that nothing is to be done.
        drop(EmulatorSwitch::hold_in(paths.clone()).unwrap());
        assert_eq!(read_note(&paths), None);
    }
}
