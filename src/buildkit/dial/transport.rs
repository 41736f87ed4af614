//! The connection to a daemon by its address, whether a Docker Engine's or a
//! buildkitd's: a socket, TCP with or without TLS, ssh. Everything that talks
//! to the same address goes through here, so it works, or fails, in one way.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream};

use super::command::CommandLine;
use super::ssh;
use super::tls::{Inside, Tls, TlsFiles};
use super::{Daemon, DialError, Duplex};

/// A TCP peer that answers nothing for this long is gone. HTTP/2 pings would
/// notice, too, but buildkitd allows one in five minutes.
const PEER_LIMIT: Duration = Duration::from_secs(60);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
const KEEPALIVE_PAUSE: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 3;

const NPIPE_HINT: &str = "Windows pipes are not supported; run inside WSL, where the engine has a \
     unix:// socket, or let the engine listen on tcp://";

/// A way to a daemon. Nothing is opened yet.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    daemon: Daemon,
    endpoint: String,
    way: Way,
}

#[derive(Debug, Clone)]
enum Way {
    Unix(PathBuf),
    Tcp {
        authority: String,
        tls: Option<Box<Tls>>,
    },
    Command(CommandLine),
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.endpoint)
    }
}

impl Transport {
    /// Reads an address, and the files for TLS where it takes TLS.
    pub(crate) fn new(
        daemon: Daemon,
        address: &str,
        tls: Option<&TlsFiles>,
    ) -> Result<Self, DialError> {
        let refuse = |problem: &str| DialError::address(address, problem);
        let Some((scheme, rest)) = address.split_once("://") else {
            return Err(refuse(expected(daemon)));
        };
        let (endpoint, way) = match (scheme, daemon) {
            ("unix", _) if Path::new(rest).is_absolute() => {
                (address.to_owned(), Way::Unix(rest.into()))
            }
            ("unix", _) => return Err(refuse("the path of the socket must be absolute")),
            ("ssh", _) => {
                let target = ssh::Target::parse(rest).map_err(|problem| refuse(&problem))?;
                let command = target.command(&dial_stdio(daemon, target.socket.as_deref()));
                (address.to_owned(), Way::Command(command))
            }
            ("tcp", _) => tcp(daemon, address, rest, tls)?,
            ("http", Daemon::Engine) => tcp(daemon, address, rest, None)?,
            ("https", Daemon::Engine) => tcp(
                daemon,
                address,
                rest,
                Some(tls.unwrap_or(&TlsFiles::default())),
            )?,
            ("http" | "https", Daemon::Buildkitd) => {
                return Err(refuse(
                    "give tcp://host:port, and files for TLS where it speaks TLS",
                ));
            }
            ("npipe", _) => return Err(refuse(NPIPE_HINT)),
            _ => return Err(refuse(expected(daemon))),
        };
        Ok(Self {
            daemon,
            endpoint,
            way,
        })
    }

    /// What HTTP calls the host.
    pub(crate) fn authority(&self) -> &str {
        match &self.way {
            Way::Tcp { authority, .. } => authority,
            Way::Unix(_) | Way::Command(_) => "docker",
        }
    }

    /// Whether a connection costs next to nothing, so that none need be kept.
    pub(crate) fn is_quick_to_open(&self) -> bool {
        matches!(&self.way, Way::Unix(_) | Way::Tcp { tls: None, .. })
    }

    /// Opens a connection of its own.
    pub(crate) async fn open(&self) -> Result<Box<dyn Duplex>, DialError> {
        self.try_open()
            .await
            .map_err(|failure| self.unreachable(format!("{}{}", failure.problem, failure.hint)))
    }

    /// As `open`, for a caller whose message says itself to start the daemon.
    pub(crate) async fn open_without_hint(&self) -> Result<Box<dyn Duplex>, DialError> {
        self.try_open()
            .await
            .map_err(|failure| self.unreachable(failure.problem))
    }

    async fn try_open(&self) -> Result<Box<dyn Duplex>, Failure> {
        match &self.way {
            Way::Unix(path) => match UnixStream::connect(path).await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => Err(self.cannot_connect(&error)),
            },
            Way::Tcp { authority, tls } => {
                let stream = connect_tcp(authority).await;
                let stream = stream.map_err(|error| self.cannot_connect(&error))?;
                match tls {
                    Some(tls) => tls.wrap(stream).await.map_err(Failure::from),
                    None => Ok(Box::new(stream)),
                }
            }
            Way::Command(line) => match line.start() {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => {
                    let hint = match error.kind() {
                        io::ErrorKind::NotFound => "; install it (OpenSSH's client)",
                        _ => "",
                    };
                    let program = &line.program;
                    Err(format!("cannot start `{program}`: {error}{hint}").into())
                }
            },
        }
    }

    pub(super) fn unreachable(&self, problem: impl Into<String>) -> DialError {
        DialError::unreachable(self.endpoint.clone(), problem)
    }

    fn cannot_connect(&self, error: &io::Error) -> Failure {
        let is_socket = matches!(self.way, Way::Unix(_));
        let is_down = "; is the Docker Engine running?";
        let (problem, hint) = match (error.kind(), self.daemon) {
            (io::ErrorKind::NotFound, Daemon::Engine) if is_socket => ("no such socket", is_down),
            (io::ErrorKind::NotFound, Daemon::Buildkitd) if is_socket => {
                ("no such socket", "; does buildkitd run?")
            }
            (io::ErrorKind::ConnectionRefused, Daemon::Engine) => ("nobody listens there", is_down),
            (io::ErrorKind::ConnectionRefused, Daemon::Buildkitd) => {
                ("nobody listens there", "; does buildkitd run?")
            }
            (io::ErrorKind::PermissionDenied, _) => (
                "permission denied on the socket; run as root, or as a member of the group that owns it",
                "",
            ),
            _ => return error.to_string().into(),
        };
        Failure {
            problem: problem.to_owned(),
            hint,
        }
    }
}

/// Why nothing was opened, and what to check.
struct Failure {
    problem: String,
    hint: &'static str,
}

impl From<String> for Failure {
    fn from(problem: String) -> Self {
        Self { problem, hint: "" }
    }
}

fn expected(daemon: Daemon) -> &'static str {
    match daemon {
        Daemon::Engine => {
            "expected unix:///path/to/docker.sock, tcp://host:port or ssh://[user@]host"
        }
        Daemon::Buildkitd => {
            "expected tcp://host:port, unix:///path/to/buildkitd.sock or ssh://[user@]host"
        }
    }
}

/// The command that passes bytes on to the daemon over there.
fn dial_stdio(daemon: Daemon, socket: Option<&str>) -> Vec<String> {
    let mut words = Vec::new();
    match daemon {
        Daemon::Engine => {
            words.push("docker".to_owned());
            words.extend(socket.map(|socket| format!("--host=unix://{socket}")));
            words.push("system".to_owned());
        }
        Daemon::Buildkitd => {
            words.push("buildctl".to_owned());
            words.extend(socket.map(|socket| format!("--addr=unix://{socket}")));
        }
    }
    words.push("dial-stdio".to_owned());
    words
}

fn tcp(
    daemon: Daemon,
    address: &str,
    rest: &str,
    tls: Option<&TlsFiles>,
) -> Result<(String, Way), DialError> {
    let refuse = || DialError::address(address, "expected host:port after ://");
    let authority: http::uri::Authority =
        rest.trim_end_matches('/').parse().map_err(|_| refuse())?;
    let default_port = match (daemon, tls) {
        (Daemon::Engine, None) => Some(2375),
        (Daemon::Engine, Some(_)) => Some(2376),
        (Daemon::Buildkitd, _) => None,
    };
    let port = authority.port_u16().or(default_port).ok_or_else(refuse)?;
    let host = authority.host();
    if authority.as_str().contains('@') || host.is_empty() {
        return Err(refuse());
    }
    let authority = format!("{host}:{port}");
    let endpoint = format!("tcp://{authority}");
    let inside = match daemon {
        Daemon::Engine => Inside::Http1,
        Daemon::Buildkitd => Inside::Http2,
    };
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let tls = tls.map(|files| Tls::load(files, &endpoint, name, inside).map(Box::new));
    let tls = tls.transpose()?;
    Ok((endpoint, Way::Tcp { authority, tls }))
}

async fn connect_tcp(authority: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(authority).await?;
    // A message waits for no other.
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_PAUSE)
        .with_retries(KEEPALIVE_RETRIES);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(PEER_LIMIT))?;
    Ok(stream)
}
