//! Where an engine listens.

use std::path::Path;

use crate::buildkit::TlsFiles;

/// The address of an engine, and who named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The address, `unix:///path`, `tcp://host:port` or `ssh://user@host`.
    pub host: String,
    /// `--host`, `DOCKER_HOST`, `context`, `default socket` or `private engine`.
    pub found_by: String,
    /// The files for TLS that it was found with, where it is to be spoken.
    pub tls: Option<TlsFiles>,
}

impl Endpoint {
    /// An engine that is reached without TLS.
    pub fn new(host: impl Into<String>, found_by: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            found_by: found_by.into(),
            tls: None,
        }
    }

    /// Whether the engine listens on this socket, links on the way there
    /// resolved. What is reached in another way, such as through a forwarded
    /// socket, counts as another engine.
    pub(super) fn is_socket(&self, socket: &Path) -> bool {
        let named = self.host.strip_prefix("unix://").map(Path::new);
        let named = named.and_then(|path| path.canonicalize().ok());
        named.is_some() && named == socket.canonicalize().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_the_same_by_any_of_its_names() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("docker.sock");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path(), &link).unwrap();
        let is_it = |host: String| Endpoint::new(host, "--host").is_socket(&socket);
        assert!(is_it(format!("unix://{}", socket.display())));
        assert!(is_it(format!("unix://{}/./docker.sock", link.display())));
        assert!(!is_it(format!(
            "unix://{}/other.sock",
            dir.path().display()
        )));
        assert!(!is_it("tcp://127.0.0.1:2375".into()));
        // Where there is no private engine, nothing is it.
        let none = dir.path().join("none");
        let host = format!("unix://{}", none.display());
        assert!(!Endpoint::new(host, "--host").is_socket(&none));
    }
}
