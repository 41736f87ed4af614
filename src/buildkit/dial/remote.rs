//! The remote driver's dial: a buildkitd of its own, on this machine or
//! another.

use async_trait::async_trait;

use super::tls::TlsFiles;
use super::transport::Transport;
use super::{Daemon, Dial, DialError, Duplex};

/// Reaches a buildkitd that listens for gRPC.
#[derive(Debug, Clone)]
pub struct RemoteDial {
    transport: Transport,
}

impl RemoteDial {
    /// Reads an address as BuildKit's clients take it: `tcp://host:port`,
    /// `unix:///path`, or `ssh://[user@]host[:port][/path/of/the/socket]`, for
    /// which `buildctl` must be installed over there. With `tls`, TLS is spoken
    /// on TCP; a socket and ssh need none.
    ///
    /// # Errors
    /// The address is of another kind, or the files for TLS cannot be used.
    pub fn new(address: &str, tls: Option<TlsFiles>) -> Result<Self, DialError> {
        Ok(Self {
            transport: Transport::new(Daemon::Buildkitd, address, tls.as_ref())?,
        })
    }
}

#[async_trait]
impl Dial for RemoteDial {
    async fn dial(&self) -> Result<Box<dyn Duplex>, DialError> {
        self.transport.open().await
    }

    fn endpoint(&self) -> String {
        self.transport.to_string()
    }

    fn daemon(&self) -> Daemon {
        Daemon::Buildkitd
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_buildkit_reads_them() {
        for address in [
            "tcp://build.example:1234",
            "tcp://[::1]:1234",
            "unix:///run/buildkit/buildkitd.sock",
            "ssh://me@host:22",
        ] {
            assert_eq!(RemoteDial::new(address, None).unwrap().endpoint(), address);
        }
        for (address, part) in [
            ("build.example:1234", "expected tcp://"),
            ("tcp://build.example", "host:port"),
            ("https://build.example:1234", "files for TLS"),
            ("unix://buildkitd.sock", "absolute"),
            ("npipe:////./pipe/buildkitd", "WSL"),
            ("kube-pod://x", "expected tcp://"),
        ] {
            let error = RemoteDial::new(address, None).unwrap_err().to_string();
            assert!(error.contains(part), "{address}: {error}");
        }
    }
}
