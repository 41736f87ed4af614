//! The private engine's processes. One shell script is the first process of
//! their PID namespace (`engine.sh`): when it ends, the kernel ends them all,
//! and with them every mount and network device that they made.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::Paths;
use crate::engine::command::log_tail;
use crate::engine::{EngineError, Progress};

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// The process outside the PID namespace that waits for the one inside; its
/// start time tells it from a later process of the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Running {
    pub(super) pid: i32,
    started: u64,
}

impl Running {
    fn of(pid: i32) -> Option<Self> {
        let stat = procfs::process::Process::new(pid).ok()?.stat().ok()?;
        (stat.state != 'Z').then_some(Self {
            pid,
            started: stat.starttime,
        })
    }

    fn alive(self) -> bool {
        Self::of(self.pid) == Some(self)
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
            return Ok(());
        }
        progress("the engine runs but does not answer: restarting it");
        stop_within(paths, Duration::from_secs(3))?;
    }
    if !std::path::Path::new("/dev/net/tun").exists() {
        return Err(EngineError::Private(
            "/dev/net/tun is missing, and the engine's own network needs it: run `modprobe tun` as root (in a container: give it that device)".into(),
        ));
    }
    progress("starting the engine");
    let state = paths.state();
    for folder in [&state, &state.join("data")] {
        fs::create_dir_all(folder).map_err(EngineError::file("cannot create", folder.as_path()))?;
    }
    // Images and caches are nobody's but root's to read; the socket is what
    // a user goes by.
    fs::set_permissions(&state, fs::Permissions::from_mode(0o711)).map_err(EngineError::file(
        "cannot set permissions of",
        state.as_path(),
    ))?;
    for stale in ["docker.sock", "engine.json", "network-ready"] {
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
        // It could take from between two builds what the second starts from.
        "builder": {"gc": {"enabled": false}},
    });
    write(&state.join("daemon.json"), &configuration)?;

    let log = File::create(paths.log()).map_err(EngineError::file("cannot write", paths.log()))?;
    let errors = log
        .try_clone()
        .map_err(EngineError::file("cannot write", paths.log()))?;
    let mut child = Command::new("setsid")
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
        .arg(&state)
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
        .map_err(|error| {
            EngineError::Private(format!("cannot start setsid and unshare: {error}"))
        })?;
    let pid = i32::try_from(child.id()).unwrap_or(i32::MAX);
    let Some(running) = Running::of(pid) else {
        let _ = child.wait();
        return Err(died(paths));
    };
    write(&state.join("engine.json"), &running)?;

    let begun = Instant::now();
    while !answers(paths) {
        if child.try_wait().ok().flatten().is_some() {
            return Err(died(paths));
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
    // Under sudo the engine is still the user's.
    if let Some(user) = std::env::var("SUDO_UID")
        .ok()
        .and_then(|id| id.parse().ok())
    {
        chown(paths.socket(), Some(user), None)
            .map_err(EngineError::file("cannot give away", paths.socket()))?;
    }
    Ok(())
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
    for file in ["docker.sock", "engine.json", "network-ready"] {
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

/// The one child of `unshare --fork`.
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

fn died(paths: &Paths) -> EngineError {
    EngineError::Private(format!(
        "it ended right after its start: {} (all of it in {})",
        log_tail(&paths.log()),
        paths.log().display()
    ))
}

fn write(path: &std::path::Path, value: &impl Serialize) -> Result<(), EngineError> {
    serde_json::to_vec_pretty(value)
        .map_err(io::Error::from)
        .and_then(|bytes| fs::write(path, bytes))
        .map_err(EngineError::file("cannot write", path))
}
