//! The docker driver's dial: the Docker Engine hands over the connection of a
//! `POST /grpc` to the BuildKit inside it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::StatusCode;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, UPGRADE};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};

use super::{Daemon, Dial, DialError, Duplex};
use crate::buildkit::text;

/// Bytes of the engine's refusal that are read.
const REFUSAL_LIMIT: usize = 8 << 10;

const TLS_HINT: &str = "TLS is not supported; forward the engine's socket, for example with \
     ssh -L /tmp/docker.sock:/var/run/docker.sock HOST, and give unix:///tmp/docker.sock";
const SSH_HINT: &str = "ssh is not supported; forward the engine's socket with \
     ssh -L /tmp/docker.sock:/var/run/docker.sock HOST and give unix:///tmp/docker.sock";

/// Reaches the BuildKit of a Docker Engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerDial {
    address: Address,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Address {
    Unix(PathBuf),
    Tcp(String),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(authority) => write!(f, "tcp://{authority}"),
        }
    }
}

impl DockerDial {
    /// Reads an address as `DOCKER_HOST` has it: `unix:///var/run/docker.sock`
    /// or `tcp://host:port`.
    pub fn new(host: &str) -> Result<Self, DialError> {
        let refuse = |problem: &str| DialError::Address {
            address: host.to_owned(),
            problem: problem.to_owned(),
        };
        let Some((scheme, rest)) = host.split_once("://") else {
            return Err(refuse(
                "expected unix:///path/to/docker.sock or tcp://host:port",
            ));
        };
        let address = match scheme {
            "unix" if Path::new(rest).is_absolute() => Address::Unix(rest.into()),
            "unix" => return Err(refuse("the path of the socket must be absolute")),
            "tcp" | "http" => {
                let authority = rest.trim_end_matches('/');
                let authority: http::uri::Authority = authority
                    .parse()
                    .map_err(|_| refuse("expected host:port after ://"))?;
                let port = authority.port_u16().unwrap_or(2375);
                if authority.as_str().contains('@') || authority.host().is_empty() {
                    return Err(refuse("expected host:port after ://"));
                }
                Address::Tcp(format!("{}:{port}", authority.host()))
            }
            "https" => {
                return Err(refuse(TLS_HINT));
            }
            "ssh" => return Err(refuse(SSH_HINT)),
            _ => return Err(refuse("expected unix:// or tcp://")),
        };
        Ok(Self { address })
    }

    fn unreachable(&self, problem: impl Into<String>) -> DialError {
        DialError::Unreachable {
            endpoint: self.address.to_string(),
            problem: problem.into(),
        }
    }

    fn cannot_connect(&self, error: &io::Error) -> DialError {
        let hint = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                "; is the Docker Engine running?"
            }
            io::ErrorKind::PermissionDenied => {
                "; run as root, or as a member of the group that owns the socket"
            }
            _ => "",
        };
        self.unreachable(format!("{error}{hint}"))
    }

    async fn upgrade(
        &self,
        stream: impl Duplex + 'static,
        host: &str,
    ) -> Result<Box<dyn Duplex>, DialError> {
        let failed = |error: hyper::Error| self.unreachable(format!("{error}"));
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(failed)?;
        // It ends by itself: with an error, or when the upgrade took the
        // stream away from it.
        tokio::spawn(connection.with_upgrades());
        let request = http::Request::post("/grpc")
            .header(HOST, host)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "h2c")
            .body(Empty::<Bytes>::new())
            .map_err(|error| self.unreachable(error.to_string()))?;
        let response = sender.send_request(request).await.map_err(failed)?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(self.refused(response).await);
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(failed)?;
        Ok(Box::new(TokioIo::new(upgraded)))
    }

    async fn refused(&self, response: http::Response<hyper::body::Incoming>) -> DialError {
        let status = response.status();
        let body = Limited::new(response.into_body(), REFUSAL_LIMIT)
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default();
        let said = text::bounded(body.trim_ascii(), 512);
        let hint = if said.contains("HTTPS") {
            TLS_HINT
        } else if status == StatusCode::NOT_FOUND {
            "it takes a Docker Engine of version 23 or newer"
        } else {
            "is it a Docker Engine?"
        };
        DialError::NoBuildKit {
            endpoint: self.address.to_string(),
            problem: format!("it answered POST /grpc with {status} {said:?}; {hint}"),
        }
    }
}

#[async_trait]
impl Dial for DockerDial {
    async fn dial(&self) -> Result<Box<dyn Duplex>, DialError> {
        match &self.address {
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)
                    .await
                    .map_err(|error| self.cannot_connect(&error))?;
                self.upgrade(stream, "docker").await
            }
            Address::Tcp(authority) => {
                let stream = TcpStream::connect(authority)
                    .await
                    .map_err(|error| self.cannot_connect(&error))?;
                // A message waits for no other.
                stream
                    .set_nodelay(true)
                    .map_err(|error| self.cannot_connect(&error))?;
                self.upgrade(stream, authority).await
            }
        }
    }

    fn endpoint(&self) -> String {
        self.address.to_string()
    }

    fn daemon(&self) -> Daemon {
        Daemon::Engine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_docker_reads_them() {
        for (host, endpoint) in [
            ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock"),
            ("tcp://build.example:2376", "tcp://build.example:2376"),
            ("tcp://build.example", "tcp://build.example:2375"),
            ("http://[::1]:2375/", "tcp://[::1]:2375"),
        ] {
            assert_eq!(DockerDial::new(host).unwrap().endpoint(), endpoint);
        }
    }

    #[test]
    fn other_addresses_are_refused_with_what_to_do() {
        for (host, part) in [
            ("/var/run/docker.sock", "expected unix://"),
            ("unix://docker.sock", "absolute"),
            ("ssh://me@host", "ssh -L"),
            ("https://host:2376", "TLS is not supported"),
            ("tcp://", "host:port"),
            ("tcp://user@host:1", "host:port"),
            ("npipe:////./pipe/docker_engine", "expected unix://"),
        ] {
            let error = DockerDial::new(host).unwrap_err().to_string();
            assert!(error.contains(part), "{host}: {error}");
        }
    }
}
