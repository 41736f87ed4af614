//! A BuildKit of a test's own, without an engine: the programs that
//! `scripts/parts` put into `target/parts`, started on this machine.
//!
//! It is the first process of a PID and a mount namespace, so that all it
//! starts and mounts ends with it; its data is in a temporary folder.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::certificates::{Authority, Identity};

/// A guard against hanging, not a claim about speed.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a BuildKit is to be started.
#[derive(Debug, Clone, Default)]
pub struct Start {
    listen: Listen,
    /// Platforms that it lists before those that it finds itself.
    pub platforms: Vec<String>,
    /// The network namespace to run in, as a file.
    pub network: Option<PathBuf>,
    /// The text of its `buildkitd.toml`.
    pub config: String,
    /// The size of a disk of its own, as `mount` takes it.
    pub disk: Option<String>,
}

#[derive(Debug, Clone, Default)]
enum Listen {
    #[default]
    Unix,
    Tcp(String),
    Tls {
        address: String,
        server: Identity,
        clients: PathBuf,
    },
}

/// A BuildKit that runs until it is dropped.
pub struct Buildkitd {
    /// `unix://…` or `tcp://…`
    pub address: String,
    child: Child,
    log: Receiver<String>,
    said: Vec<String>,
    tls: Vec<String>,
    _folder: TempDir,
}

/// A program of the parts.
pub fn part(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target"),
        PathBuf::from,
    );
    let program = target.join("parts").join(name);
    assert!(
        program.exists(),
        "{} is missing: scripts/parts makes it. \
         BUILDRACE_SKIP_LIVE=1 skips the tests that need it.",
        program.display()
    );
    program
}

impl Start {
    /// On a unix socket in its folder.
    pub fn unix() -> Self {
        Self::default()
    }

    /// On a TCP port of an address, unencrypted and open to everybody.
    pub fn tcp(address: &str) -> Self {
        Self {
            listen: Listen::Tcp(address.to_owned()),
            ..Self::default()
        }
    }

    /// On a TCP port of an address, with TLS: it shows `server`, and takes
    /// clients whose certificates `clients` signed.
    pub fn tls(address: &str, server: &Identity, clients: &Authority) -> Self {
        Self {
            listen: Listen::Tls {
                address: address.to_owned(),
                server: server.clone(),
                clients: clients.certificate(),
            },
            ..Self::default()
        }
    }

    /// Starts it, and waits until it listens.
    pub fn start(&self) -> Buildkitd {
        assert!(
            nix::unistd::geteuid().is_root(),
            "this test starts a BuildKit on this machine, and that needs root. \
             BUILDRACE_SKIP_LIVE=1 skips the tests that need one."
        );
        let folder = tempfile::Builder::new().prefix("br-").tempdir().unwrap();
        let mut child = self.command(folder.path()).spawn().unwrap();
        let log = lines(child.stderr.take().unwrap());
        let mut started = Buildkitd {
            address: String::new(),
            child,
            log,
            said: Vec::new(),
            tls: Vec::new(),
            _folder: folder,
        };
        // A port that the kernel chose is known from here.
        let at = started.wait_for_line("running server on ");
        started.address = match &self.listen {
            Listen::Unix => format!("unix://{at}"),
            Listen::Tcp(_) | Listen::Tls { .. } => format!("tcp://{at}"),
        };
        started
    }

    fn command(&self, folder: &Path) -> Command {
        let config = folder.join("buildkitd.toml");
        fs::write(&config, &self.config).unwrap();
        let mut command = Command::new("setpriv");
        // Gone with the test, even if that is killed.
        command.args(["--pdeathsig", "KILL", "--"]);
        if let Some(network) = &self.network {
            command.args(["nsenter", &format!("--net={}", network.display()), "--"]);
        }
        command
            .args(["unshare", "--mount", "--propagation=private", "--pid"])
            .args(["--fork", "--kill-child=SIGKILL", "--mount-proc", "--"]);
        if let Some(size) = &self.disk {
            let data = folder.join("data");
            fs::create_dir(&data).unwrap();
            let mount = "mount -t tmpfs -o size=\"$0\" tmpfs \"$1\"; shift; exec \"$@\"";
            command.args(["sh", "-ec", mount, size]).arg(data);
        }
        command
            .arg(part("buildkitd"))
            .args(["--containerd-worker=false", "--oci-worker-gc=false"])
            .arg(format!("--config={}", config.display()))
            .arg(format!("--root={}", folder.join("data").display()))
            .arg(format!(
                "--otel-socket-path={}",
                folder.join("otel.sock").display()
            ))
            // It takes the runc that it finds by name.
            .env("PATH", path_with(part("runc").parent().unwrap()));
        for platform in &self.platforms {
            command.arg(format!("--oci-worker-platform={platform}"));
        }
        match &self.listen {
            Listen::Unix => {
                let socket = folder.join("buildkitd.sock");
                command.arg(format!("--addr=unix://{}", socket.display()));
            }
            Listen::Tcp(address) => {
                command.arg(format!("--addr=tcp://{address}:0"));
            }
            Listen::Tls {
                address,
                server,
                clients,
            } => {
                command
                    .arg(format!("--addr=tcp://{address}:0"))
                    .arg(format!("--tlscert={}", server.certificate.display()))
                    .arg(format!("--tlskey={}", server.key.display()))
                    .arg(format!("--tlscacert={}", clients.display()));
            }
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }
}

impl Buildkitd {
    /// Has [`buildctl`](Self::buildctl) speak TLS: it trusts `authority`, and
    /// shows `client`.
    pub fn trusting(mut self, authority: &Authority, client: &Identity) -> Self {
        self.tls = [
            ("tlscacert", authority.certificate()),
            ("tlscert", client.certificate.clone()),
            ("tlskey", client.key.clone()),
        ]
        .map(|(option, file)| format!("--{option}={}", file.display()))
        .into();
        self
    }

    /// BuildKit's own client, on this BuildKit.
    pub fn buildctl(&self) -> Command {
        let mut command = Command::new(part("buildctl"));
        command.arg(format!("--addr={}", self.address));
        command.args(&self.tls);
        command
    }

    /// What it says of its workers.
    pub fn workers(&self) -> Result<String, String> {
        let output = self
            .buildctl()
            .args(["debug", "workers", "--verbose"])
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        }
    }

    /// Ends it at once, as a machine that loses power does.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Until the last of its processes has closed the log.
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            match self.log.recv_timeout(PATIENCE) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => break,
            }
        }
    }

    /// What follows `start` in the first line of the log that has it.
    fn wait_for_line(&mut self, start: &str) -> String {
        loop {
            let line = match self.log.recv_timeout(PATIENCE) {
                Ok(line) => line,
                Err(error) => panic!("BuildKit does not run ({error}): {}", self.said.join("\n")),
            };
            let found = line
                .split_once(start)
                .map(|(_, rest)| rest.trim_end_matches('"').to_owned());
            self.said.push(line);
            if let Some(rest) = found {
                return rest;
            }
        }
    }
}

impl Drop for Buildkitd {
    fn drop(&mut self) {
        self.kill();
    }
}

fn path_with(folder: &Path) -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).unwrap()
}

/// The lines of a stream, read as they come.
fn lines(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
