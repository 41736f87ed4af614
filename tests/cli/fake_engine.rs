//! The few answers of a Docker Engine that preflight asks for, so that
//! engines which nobody should have to install can be met.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// An engine that answers until the test process ends.
pub struct FakeEngine {
    /// `unix://…`
    pub host: String,
}

/// Serves `/version`, `/info` and `/_ping` on a socket in `folder`.
pub fn serve(
    folder: &Path,
    version: &str,
    api: &str,
    storage: &str,
    containerd: bool,
) -> FakeEngine {
    let socket = folder.join("engine.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let version = serde_json::json!({
        "Version": version, "ApiVersion": api, "MinAPIVersion": "1.24",
        "Os": "linux", "Arch": "amd64", "Components": [],
    })
    .to_string();
    let status = if containerd {
        serde_json::json!([["driver-type", "io.containerd.snapshotter.v1"]])
    } else {
        serde_json::json!([["Backing Filesystem", "extfs"]])
    };
    let info = serde_json::json!({
        "Driver": storage, "DriverStatus": status, "OSType": "linux", "Architecture": "x86_64",
    })
    .to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (version, info) = (version.clone(), info.clone());
            std::thread::spawn(move || answer(&stream, &version, &info));
        }
    });
    FakeEngine {
        host: format!("unix://{}", socket.display()),
    }
}

fn answer(stream: &UnixStream, version: &str, info: &str) {
    let mut lines = BufReader::new(stream).lines();
    while let Some(Ok(request)) = lines.next() {
        while lines
            .next()
            .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
        {}
        let body = if request.contains("/version") {
            version
        } else if request.contains("/info") {
            info
        } else {
            "OK"
        };
        let reply = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = stream;
        if stream.write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
}
