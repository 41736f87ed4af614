//! The private engine's processes. One shell script is the first process of
//! their PID namespace (`engine.sh`): when it ends, the kernel ends them all,
//! and with them every mount and network device that they made.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::paths::Paths;
use crate::engine::{EngineError, Progress};
use crate::escape::one_line;
use crate::user;

/// How long an engine may take to answer after its start, to end after it was
/// asked to, and to answer a ping.
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Files of the state that belong to an engine that runs, and to no other.
const OF_A_RUN: [&str; 3] = ["docker.sock", "engine.json", "network-ready"];

/// The process outside the PID namespace that waits for the one inside; its
/// start time tells it from a later process of the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Running {
    pub(super) pid: i32,
    started: u64,
}

impl Running {
    fn with_pid(pid: i32) -> Option<Self> {
        let stat = procfs::process::Process::new(pid).ok()?.stat().ok()?;
        (stat.state != 'Z').then_some(Self {
            pid,
            started: stat.starttime,
        })
    }

    fn alive(self) -> bool {
        Self::with_pid(self.pid) == Some(self)
    }
}

/// The engine's process, if it lives.
pub(super) fn find(paths: &Paths) -> Option<Running> {
    let text = fs::read_to_string(paths.state().join("engine.json")).ok()?;
    let running: Running = serde_json::from_str(&text).ok()?;
    running.alive().then_some(running)
}

/// Whether the engine answers a ping.
pub(super) fn answers(paths: &Paths) -> bool {
    let ask = || -> io::Result<bool> {
        let mut stream = UnixStream::connect(paths.socket())?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        stream.set_write_timeout(Some(ANSWER_LIMIT))?;
        stream.write_all(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok(&answer[9..] == b"200")
    };
    ask().unwrap_or(false)
}

/// Starts the engine unless it runs and answers; one that runs and does not
/// answer is restarted.
pub(super) fn start(paths: &Paths, progress: &Progress) -> Result<(), EngineError> {
    if find(paths).is_some() {
        if answers(paths) {
            return keep_to_owner(paths);
        }
        progress("the engine runs but does not answer: restarting it");
        stop_within(paths, Duration::from_secs(3))?;
    }
    if !Path::new("/dev/net/tun").exists() {
        return Err(EngineError::Private(
            "/dev/net/tun is missing, and the engine's own network needs it: run `modprobe tun` as root (in a container: give it that device)".into(),
        ));
    }
    progress("starting the engine");
    prepare_state(paths)?;
    let mut child = spawn(paths)?;
    let pid = i32::try_from(child.id()).unwrap_or(i32::MAX);
    let Some(running) = Running::with_pid(pid) else {
        let _ = child.wait();
        return Err(ended(paths));
    };
    write(&paths.state().join("engine.json"), &running)?;
    wait_for_answer(paths, &mut child)?;
    keep_to_owner(paths)
}

/// Makes the state's folders, removes what an engine that was killed left in
/// them, and writes the engine's configuration.
fn prepare_state(paths: &Paths) -> Result<(), EngineError> {
    let state = paths.state();
    for folder in [&state, &state.join("data")] {
        user::create_dir_all(folder)
            .map_err(EngineError::file("cannot create", folder.as_path()))?;
    }
    // Before there is a socket in it, which the engine opens to a group.
    let owner = user::caller().map_or(0, |(user, _)| user);
    owned_by(&state, owner, 0o700)?;
    for stale in OF_A_RUN {
        match fs::remove_file(state.join(stale)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(EngineError::file("cannot remove", state.join(stale))(error));
            }
            _ => {}
        }
    }
    let configuration = serde_json::json!({
        "features": {"containerd-snapshotter": true},
        "data-root": state.join("data"),
        "hosts": [paths.endpoint().host],
        // Whoever may write to the socket is root on this machine.
        "group": "root",
        // It could take from between two builds what the second starts from.
        "builder": {"gc": {"enabled": false}},
    });
    write(&state.join("daemon.json"), &configuration)
}

/// Starts `engine.sh` as the first process of namespaces of its own, which
/// survives this process.
fn spawn(paths: &Paths) -> Result<Child, EngineError> {
    let log = File::create(paths.log()).map_err(EngineError::file("cannot write", paths.log()))?;
    let errors = log
        .try_clone()
        .map_err(EngineError::file("cannot write", paths.log()))?;
    Command::new("setsid")
        .args([
            "unshare",
            "--mount",
            "--propagation=private",
            "--pid",
            "--fork",
            "--kill-child=SIGKILL",
            "--mount-proc",
            "--",
            "sh",
            "-c",
            include_str!("engine.sh"),
            "buildrace-engine",
        ])
        .arg(paths.root())
        .arg(paths.state())
        .current_dir("/")
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .envs(proxies())
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(|error| EngineError::Private(format!("cannot start setsid and unshare: {error}")))
}

/// Waits until the engine that `child` is answers.
fn wait_for_answer(paths: &Paths, child: &mut Child) -> Result<(), EngineError> {
    let begun = Instant::now();
    while !answers(paths) {
        if child.try_wait().ok().flatten().is_some() {
            return Err(ended(paths));
        }
        if begun.elapsed() > START_LIMIT {
            stop(paths)?;
            return Err(EngineError::Private(format!(
                "no answer within {} s of its start: see {}",
                START_LIMIT.as_secs(),
                paths.log().display()
            )));
        }
        sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Closes the socket, and the folder that it is in, to everybody but their
/// owner: root or, under sudo, the calling user. An engine that an earlier
/// buildrace started has them more open.
pub(super) fn keep_to_owner(paths: &Paths) -> Result<(), EngineError> {
    let owner = user::caller().map(|(user, _)| user);
    for (path, mode) in [(paths.socket(), 0o600), (paths.state(), 0o700)] {
        let found =
            fs::metadata(&path).map_err(EngineError::file("cannot read", path.as_path()))?;
        owned_by(&path, owner.unwrap_or_else(|| found.uid()), mode)?;
    }
    Ok(())
}

/// Makes a file or folder that of a user, and of root's group.
fn owned_by(path: &Path, owner: u32, mode: u32) -> Result<(), EngineError> {
    // In this order, nobody else may use it at any time.
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(EngineError::file("cannot set permissions of", path))?;
    lchown(path, Some(owner), Some(0)).map_err(EngineError::file("cannot give away", path))
}

/// Stops the engine, first by asking. Returns whether it ran.
pub(super) fn stop(paths: &Paths) -> Result<bool, EngineError> {
    stop_within(paths, STOP_LIMIT)
}

fn stop_within(paths: &Paths, limit: Duration) -> Result<bool, EngineError> {
    let Some(running) = find(paths) else {
        return Ok(false);
    };
    let first = first_of_namespace(running.pid);
    if let Some(first) = first {
        let _ = kill(Pid::from_raw(first), Signal::SIGTERM);
        wait_for_end(running, limit);
    }
    if running.alive() {
        // The first process of a PID namespace takes all others with it.
        let _ = kill(Pid::from_raw(first.unwrap_or(running.pid)), Signal::SIGKILL);
        wait_for_end(running, Duration::from_secs(5));
    }
    if running.alive() {
        let _ = kill(Pid::from_raw(running.pid), Signal::SIGKILL);
        wait_for_end(running, Duration::from_secs(5));
    }
    if running.alive() {
        return Err(EngineError::Private(format!(
            "process {} does not end, even killed",
            running.pid
        )));
    }
    for file in OF_A_RUN {
        let _ = fs::remove_file(paths.state().join(file));
    }
    Ok(true)
}

fn wait_for_end(running: Running, limit: Duration) {
    let begun = Instant::now();
    while running.alive() && begun.elapsed() < limit {
        sleep(Duration::from_millis(50));
    }
}

/// The process that `unshare --fork` has as its one child.
fn first_of_namespace(pid: i32) -> Option<i32> {
    procfs::process::all_processes()
        .ok()?
        .flatten()
        .filter_map(|process| process.stat().ok())
        .find(|stat| stat.ppid == pid)
        .map(|stat| stat.pid)
}

/// How this machine reaches the network, for pulls.
fn proxies() -> impl Iterator<Item = (String, String)> {
    std::env::vars().filter(|(name, _)| {
        matches!(
            name.to_ascii_lowercase().as_str(),
            "http_proxy" | "https_proxy" | "no_proxy"
        )
    })
}

/// The error of an engine that ended by itself.
fn ended(paths: &Paths) -> EngineError {
    EngineError::Private(format!(
        "it ended right after its start: {} (all of it in {})",
        last_lines(&paths.log()),
        paths.log().display()
    ))
}

/// The last three lines of a log, joined to one.
fn last_lines(log: &Path) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(2000)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    one_line(&lines[lines.len().saturating_sub(3)..].join(" | "))
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), EngineError> {
    serde_json::to_vec_pretty(value)
        .map_err(io::Error::from)
        .and_then(|bytes| fs::write(path, bytes))
        .map_err(EngineError::file("cannot write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_its_owners_alone() {
        // Only root gives files away.
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let cache = tempfile::tempdir().unwrap();
        let paths = Paths::under(cache.path(), crate::model::Release::Trixie).unwrap();
        fs::create_dir_all(paths.state()).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(paths.socket()).unwrap();
        // As the engine makes it.
        fs::set_permissions(paths.socket(), fs::Permissions::from_mode(0o660)).unwrap();
        lchown(paths.socket(), Some(4242), Some(4343)).unwrap();
        keep_to_owner(&paths).unwrap();
        let mode = |path: &Path| {
            let found = fs::metadata(path).unwrap();
            (found.mode() & 0o7777, found.gid())
        };
        assert_eq!(mode(&paths.socket()), (0o600, 0));
        assert_eq!(mode(&paths.state()), (0o700, 0));
    }
}
