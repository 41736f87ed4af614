//! Registries that a builder reaches: a real one, Debian's, and ones that fail. They
//! end when they are dropped.

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::buildkitd::part;

/// This machine's address, which a container reaches, too.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: it shows by which address it would be.
    socket.connect("192.0.2.1:9").unwrap();
    socket.local_addr().unwrap().ip()
}

/// Debian's docker-registry, over HTTP, open to all.
pub struct Registry {
    child: Child,
    _folder: TempDir,
    pub address: SocketAddr,
}

impl Registry {
    pub fn start() -> Self {
        let free = TcpListener::bind((own_address(), 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let folder = TempDir::new().unwrap();
        let config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\n\
             http:\n  addr: {address}\n",
            folder.path().join("storage").display()
        );
        let file = folder.path().join("config.yml");
        std::fs::write(&file, config).unwrap();
        let child = Command::new(part("docker-registry"))
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "it is silent");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self {
            child,
            _folder: folder,
            address,
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a connection with TLS begins with.
const TLS: u8 = 0x16;

/// How a registry fails when something is pushed to it.
#[derive(Debug, Clone, Copy)]
pub enum Failing {
    /// It answers with this status.
    Status(u16),
    /// It takes the first bytes, and cuts the connection.
    Cut,
}

/// The address of a registry that has nothing, and fails to take anything. It ends
/// with the test.
pub fn failing(how: Failing) -> SocketAddr {
    let listener = TcpListener::bind((own_address(), 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(&stream, how));
        }
    });
    address
}

/// Answers the requests of a connection.
fn answer(stream: &TcpStream, how: Failing) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    if reader.fill_buf().ok()?.first() == Some(&TLS) {
        // By this a client knows that the server speaks plain HTTP.
        let mut stream = stream;
        return write!(stream, "HTTP/1.0 400 Bad Request\r\n\r\n").ok();
    }
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request).ok()? == 0 {
            return None;
        }
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let header = header.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        std::io::copy(
            &mut std::io::Read::take(&mut reader, length),
            &mut std::io::sink(),
        )
        .ok()?;
        let is_push = ["POST ", "PUT ", "PATCH "]
            .iter()
            .any(|verb| request.starts_with(verb));
        let status = match how {
            _ if request.contains(" /v2/ ") => 200,
            Failing::Status(status @ 401) => status,
            Failing::Status(status) if is_push => status,
            Failing::Cut if is_push => return None,
            _ => 404,
        };
        let mut stream = stream;
        write!(
            stream,
            "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nDocker-Distribution-Api-Version: registry/2.0\r\n\r\n"
        )
        .ok()?;
    }
}
