//! Making, starting, stopping and removing the private engine.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::emulator_switch::{self, EmulatorsInUse};
use super::paths::Paths;
use super::status::{State, Status};
use super::{daemon, emulation, root};
use crate::engine::{EngineError, Progress, bundled, debian};
use crate::model::Release;
use crate::user;

/// What there is of the private engine now.
///
/// # Errors
/// Its files cannot be read.
pub fn status(paths: &Paths) -> Result<Status, EngineError> {
    let process = daemon::find(paths);
    let made = root::read_marker(paths)?;
    let packages = made.as_ref().map(|marker| marker.packages.clone());
    let packages = packages.unwrap_or_default();
    let upstream = |name: &str| {
        packages
            .get(name)
            .map(|version| root::upstream_version(version))
    };
    let engine = upstream("docker.io");
    let state = match (&made, &process) {
        (Some(_), Some(_)) if daemon::answers(paths) => State::Running,
        (_, Some(_)) => State::Stuck,
        (Some(_), None) => State::Stopped,
        (None, None) if paths.root().exists() || paths.making().exists() => State::HalfMade,
        (None, None) => State::Absent,
    };
    let existing = |file: &str| {
        let path = paths.root().join(file);
        path.exists().then_some(path)
    };
    Ok(Status {
        release: paths.release(),
        state,
        buildkit: engine.as_deref().and_then(bundled::buildkit_of),
        engine,
        qemu: upstream("qemu-user"),
        folder: paths.folder().to_owned(),
        host: paths.endpoint().host,
        log: paths.log(),
        pid: process.map(|process| process.pid),
        packages,
        docker_cli: existing("usr/bin/docker"),
        buildx: existing("usr/libexec/docker/cli-plugins/docker-buildx"),
        handlers: emulation::registered(paths),
        emulators: emulation::interpreters(),
    })
}

/// Makes, repairs or starts what is missing of the private engine, and
/// registers emulators for these architectures (OCI's names) where nothing
/// that works is registered. Does nothing where all is well.
///
/// # Errors
/// Not root; no package archive answers; the engine does not start.
pub fn up(
    paths: &Paths,
    architectures: &[String],
    progress: &Progress,
) -> Result<Status, EngineError> {
    emulation::check_architectures(architectures)?;
    emulator_switch::put_back_left_in(paths, progress)?;
    let running = status(paths)?;
    if running.state == State::Running && emulation::missing(architectures)?.is_empty() {
        if nix::unistd::geteuid().is_root() {
            daemon::keep_to_owner(paths)?;
        }
        return Ok(running);
    }
    needs_root("the private engine", "up", paths.release())?;
    let _lock = lock(paths, progress)?;
    if root::read_marker(paths)?.is_some() {
        daemon::start(paths, progress)?;
    } else {
        daemon::stop(paths)?;
        debian::check_tools()?;
        // What it is made of today may not fit together.
        root::make(paths, progress)
            .and_then(|()| daemon::start(paths, progress))
            .map_err(|error| error.of_release(paths.release()))?;
    }
    let _held = EmulatorsInUse::wait(paths, progress)?;
    emulation::register(paths, architectures, progress)?;
    status(paths)
}

/// Stops the private engine and unregisters the emulators that it registered.
/// What it keeps stays. Returns whether it ran.
///
/// # Errors
/// Not root; it does not stop.
pub fn down(paths: &Paths, progress: &Progress) -> Result<bool, EngineError> {
    emulator_switch::put_back_left_in(paths, progress)?;
    if daemon::find(paths).is_none() && emulation::registered(paths).is_empty() {
        return Ok(false);
    }
    needs_root("stopping the private engine", "down", paths.release())?;
    let _lock = lock(paths, progress)?;
    let ran = daemon::stop(paths)?;
    hand_over_emulators(paths, progress)?;
    Ok(ran)
}

/// Unregisters this engine's emulators. They served every engine: one of another
/// release that runs registers its own in their place.
fn hand_over_emulators(paths: &Paths, progress: &Progress) -> Result<(), EngineError> {
    let _held = EmulatorsInUse::wait(paths, progress)?;
    let taken = emulation::unregister(paths)?;
    match others(paths).find(|other| daemon::find(other).is_some()) {
        Some(other) => emulation::register(&other, &taken, progress),
        None => Ok(()),
    }
}

/// Stops the private engine and removes all of it: images, build cache, root
/// file system. Returns whether there was any.
///
/// # Errors
/// Not root; the folder is not one that `up` made; something is mounted in it.
pub fn remove(paths: &Paths, progress: &Progress) -> Result<bool, EngineError> {
    match fs::symlink_metadata(paths.folder()) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(EngineError::file("cannot read", paths.folder())(error)),
        Ok(_) => {}
    }
    needs_root("removing the private engine", "rm", paths.release())?;
    emulator_switch::put_back_left_in(paths, progress)?;
    let _lock = lock(paths, progress)?;
    check_folder(paths)?;
    daemon::stop(paths)?;
    hand_over_emulators(paths, progress)?;
    let mounted = mounts_in(paths.folder())?;
    if !mounted.is_empty() {
        return Err(EngineError::Private(format!(
            "something is mounted at {}, and not by the engine: unmount it first",
            mounted[0].display()
        )));
    }
    progress(&format!("removing {}", paths.folder().display()));
    fs::remove_dir_all(paths.folder())
        .map_err(EngineError::file("cannot remove", paths.folder()))?;
    let mut lock_files = vec![paths.lock_file()];
    // Stand-ins may be in the making for the engine of another release.
    if !others(paths).any(|other| other.folder().exists()) {
        lock_files.push(paths.stand_ins().with_extension("lock"));
        emulator_switch::remove_lock(paths)?;
    }
    for lock_file in lock_files {
        match fs::remove_file(&lock_file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(EngineError::file("cannot remove", lock_file)(error));
            }
            _ => {}
        }
    }
    Ok(true)
}

/// The engines of other releases, made or not.
fn others(paths: &Paths) -> impl Iterator<Item = Paths> {
    Release::ALL
        .into_iter()
        .filter(|release| *release != paths.release())
        .filter_map(|release| paths.beside(release))
}

/// One `up`, `down` or `rm` at a time.
fn lock(paths: &Paths, progress: &Progress) -> Result<File, EngineError> {
    let path = paths.lock_file();
    let parent = path.parent().unwrap_or(Path::new("/"));
    user::create_dir_all(parent).map_err(EngineError::file("cannot create", parent))?;
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(EngineError::file("cannot open", path.clone()))?;
    user::give(&path).map_err(EngineError::file("cannot give away", path.clone()))?;
    if file.try_lock().is_err() {
        progress("waiting for another `buildrace engine` to finish");
        file.lock()
            .map_err(EngineError::file("cannot lock", path.clone()))?;
    }
    Ok(file)
}

/// The folder must be a real one that `up` made, so that nothing else is
/// ever removed.
fn check_folder(paths: &Paths) -> Result<(), EngineError> {
    let refuse = |why: &str| {
        Err(EngineError::Private(format!(
            "{} {why}: nothing was removed",
            paths.folder().display()
        )))
    };
    let meta = fs::symlink_metadata(paths.folder())
        .map_err(EngineError::file("cannot read", paths.folder()))?;
    if !meta.is_dir() {
        return refuse("is not a folder");
    }
    let entries =
        fs::read_dir(paths.folder()).map_err(EngineError::file("cannot read", paths.folder()))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !["root", "making", "state"].iter().any(|own| name == *own) {
            return refuse(&format!(
                "holds {:?}, which buildrace did not make",
                name.to_string_lossy()
            ));
        }
        if entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
            return refuse(&format!(
                "holds {:?} as a symbolic link",
                name.to_string_lossy()
            ));
        }
    }
    Ok(())
}

/// Mount points at or below a folder, in this process's mount namespace.
fn mounts_in(folder: &Path) -> Result<Vec<PathBuf>, EngineError> {
    let folder = folder
        .canonicalize()
        .map_err(EngineError::file("cannot resolve", folder))?;
    let mounts = procfs::process::Process::myself()
        .and_then(|process| process.mountinfo())
        .map_err(|error| EngineError::Private(format!("cannot list mounts: {error}")))?;
    Ok(mounts
        .into_iter()
        .map(|mount| mount.mount_point)
        .filter(|point| point.starts_with(&folder))
        .collect())
}

fn needs_root(action: &'static str, verb: &str, release: Release) -> Result<(), EngineError> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    let program = std::env::current_exe()
        .map_or_else(|_| "buildrace".into(), |path| path.display().to_string());
    let cache = Paths::of_user()
        .ok()
        .and_then(|paths| Some(paths.folder().parent()?.parent()?.display().to_string()))
        .unwrap_or_default();
    let which = match release {
        Release::Trixie => String::new(),
        other => format!(" --release {other}"),
    };
    Err(EngineError::NeedsRoot {
        action,
        command: format!("sudo env XDG_CACHE_HOME={cache} {program} engine {verb}{which}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet() -> Progress {
        std::sync::Arc::new(|_| {})
    }

    #[test]
    fn what_is_not_the_engines_is_never_removed() {
        let cache = tempfile::tempdir().unwrap();
        let paths = Paths::under(cache.path(), Release::Trixie).unwrap();
        fs::create_dir_all(paths.folder().join("state")).unwrap();
        fs::write(paths.folder().join("thesis.txt"), "mine").unwrap();
        assert!(check_folder(&paths).is_err());
        fs::remove_file(paths.folder().join("thesis.txt")).unwrap();
        assert!(check_folder(&paths).is_ok());

        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), paths.folder().join("root")).unwrap();
        assert!(check_folder(&paths).is_err());
        fs::remove_dir_all(paths.folder()).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), paths.folder()).unwrap();
        assert!(check_folder(&paths).is_err());
    }

    #[test]
    fn releases_share_nothing() {
        let cache = tempfile::tempdir().unwrap();
        let [trixie, sid] = Release::ALL.map(|r| Paths::under(cache.path(), r).unwrap());
        assert!(!sid.folder().starts_with(trixie.folder()));
        assert_ne!(trixie.lock_file(), sid.lock_file());
        fs::create_dir_all(sid.root()).unwrap();
        assert!(others(&trixie).eq([sid.clone()]));
        assert_eq!(status(&trixie).unwrap().state, State::Absent);
        let made = [
            ("docker.io", "28.5.2+dfsg4-5"),
            ("qemu-user", "1:11.1.3+ds-1"),
        ];
        let made = made.map(|(name, version)| (name.to_owned(), version.to_owned()));
        root::write_marker(&sid.root(), made.into()).unwrap();
        let status = status(&sid).unwrap();
        assert_eq!(status.release, Release::Sid);
        assert_eq!(status.engine.as_deref(), Some("28.5.2"));
        assert_eq!(status.buildkit.as_deref(), Some("v0.25"));
        assert_eq!(status.qemu.as_deref(), Some("11.1.3"));
    }

    #[test]
    fn an_interrupted_making_is_told_from_nothing_and_from_all() {
        let cache = tempfile::tempdir().unwrap();
        let paths = Paths::under(cache.path(), Release::Trixie).unwrap();
        assert_eq!(status(&paths).unwrap().state, State::Absent);
        fs::create_dir_all(paths.making().join("root/usr")).unwrap();
        assert_eq!(status(&paths).unwrap().state, State::HalfMade);
        fs::remove_dir_all(paths.making()).unwrap();
        fs::create_dir_all(paths.root()).unwrap();
        assert_eq!(status(&paths).unwrap().state, State::HalfMade);
        root::write_marker(&paths.root(), Default::default()).unwrap();
        assert_eq!(status(&paths).unwrap().state, State::Stopped);
        assert!(!down(&paths, &quiet()).unwrap());
    }
}
