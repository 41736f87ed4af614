//! The docker driver's dial: the Docker Engine hands over the connection of a
//! `POST /grpc` to the BuildKit inside it, and that of a `POST /session` to
//! BuildKit's client of sessions. So does buildx reach it (`driver/docker`).

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::StatusCode;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, UPGRADE};
use hyper_util::rt::TokioIo;

use super::tls::TlsFiles;
use super::transport::Transport;
use super::{Daemon, Dial, DialError, Duplex};
use crate::buildkit::text;

/// Bytes of the engine's refusal that are read.
const REFUSAL_LIMIT: usize = 8 << 10;

const TLS_HINT: &str = "it speaks TLS and was asked in plain; set DOCKER_TLS_VERIFY=1 and \
     DOCKER_CERT_PATH to the folder with ca.pem, cert.pem and key.pem, or use a Docker context \
     that has them";

/// Reaches the BuildKit of a Docker Engine.
#[derive(Debug, Clone)]
pub struct DockerDial {
    transport: Transport,
}

impl DockerDial {
    /// Reads an address as `DOCKER_HOST` has it: `unix:///var/run/docker.sock`,
    /// `tcp://host:port` or `ssh://[user@]host`.
    pub fn new(host: &str) -> Result<Self, DialError> {
        Self::with_tls(host, None)
    }

    /// As `new`, with TLS on TCP.
    ///
    /// # Errors
    /// The address is of another kind, or the files for TLS cannot be used.
    pub fn with_tls(host: &str, tls: Option<&TlsFiles>) -> Result<Self, DialError> {
        Ok(Self {
            transport: Transport::new(Daemon::Engine, host, tls)?,
        })
    }

    /// Opens a connection and has the engine hand it over at `path`.
    async fn hand_over(
        &self,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Box<dyn Duplex>, DialError> {
        let stream = self.transport.open().await?;
        let failed = |error: hyper::Error| self.transport.unreachable(text::causes(&error));
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(failed)?;
        // It ends by itself: with an error, or when the upgrade took the
        // stream away from it.
        tokio::spawn(connection.with_upgrades());
        let mut request = http::Request::post(path)
            .header(HOST, self.transport.authority())
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "h2c")
            .body(Empty::<Bytes>::new())
            .map_err(|error| self.transport.unreachable(error.to_string()))?;
        request.headers_mut().extend(headers.clone());
        let response = sender.send_request(request).await.map_err(failed)?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(self.refused(path, response).await);
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(failed)?;
        Ok(Box::new(TokioIo::new(upgraded)))
    }

    async fn refused(
        &self,
        path: &str,
        response: http::Response<hyper::body::Incoming>,
    ) -> DialError {
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
            endpoint: self.transport.to_string(),
            problem: format!("it answered POST {path} with {status} {said:?}; {hint}"),
        }
    }
}

#[async_trait]
impl Dial for DockerDial {
    async fn dial(&self) -> Result<Box<dyn Duplex>, DialError> {
        self.hand_over("/grpc", &HeaderMap::new()).await
    }

    async fn session(&self, metadata: &HeaderMap) -> Option<Result<Box<dyn Duplex>, DialError>> {
        Some(self.hand_over("/session", metadata).await)
    }

    fn endpoint(&self) -> String {
        self.transport.to_string()
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
            ("https://build.example", "tcp://build.example:2376"),
            ("ssh://me@host", "ssh://me@host"),
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
            ("ssh://me:hidden@host", "use a key"),
            ("tcp://", "host:port"),
            ("tcp://user@host:1", "host:port"),
            ("npipe:////./pipe/docker_engine", "inside WSL"),
            ("fd://", "expected unix://"),
        ] {
            let error = DockerDial::new(host).unwrap_err().to_string();
            assert!(error.contains(part), "{host}: {error}");
        }
    }
}
