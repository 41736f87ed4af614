//! An S3 server, and what stands between it and a client: both end when they are
//! dropped.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// What a request begins with, more or less.
const REQUEST: &[u8] = b" HTTP/1.1\r\n";

/// moto's server, which `scripts/readers` installs.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Server {
    /// Starts it, and makes a bucket.
    pub fn start(bucket: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = Command::new(program())
            .args(["--host", "127.0.0.1", "--port", &address.port().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self { child, address };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "moto_server ended: {ended:?}");
            assert!(begun.elapsed() < Duration::from_secs(120), "moto is silent");
            std::thread::sleep(Duration::from_millis(50));
        }
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "PUT /{bucket} HTTP/1.0\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1);
        assert_eq!(status, Some("200"), "{answer}");
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let program = target.join("readers/venv/bin/moto_server");
    assert!(
        program.is_file(),
        "moto_server is not there: `scripts/readers` installs it, as `make test` does"
    );
    program
}

/// Passes on so many requests, then cuts every connection.
pub struct Proxy {
    pub address: SocketAddr,
}

impl Proxy {
    pub fn start(to: SocketAddr, requests: i64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let left = Arc::new(AtomicI64::new(requests));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(to)) else {
                    return;
                };
                if left.load(Ordering::SeqCst) > 0 {
                    pass(client, server, Arc::clone(&left));
                }
            }
        });
        Self { address }
    }
}

fn pass(client: TcpStream, server: TcpStream, left: Arc<AtomicI64>) {
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut piece) {
            let begun = piece[..read]
                .windows(REQUEST.len())
                .filter(|w| *w == REQUEST);
            let begun = i64::try_from(begun.count()).unwrap();
            if left.fetch_sub(begun, Ordering::SeqCst) < begun
                || to.write_all(&piece[..read]).is_err()
            {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
    let (mut from, mut to) = (server, client);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
}

/// Refuses every request as S3 does, and quotes it, as S3 does.
pub fn refusing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut piece = vec![0; 64 * 1024];
            let read = stream.read(&mut piece).unwrap_or(0);
            let request = String::from_utf8_lossy(&piece[..read]);
            let body = format!(
                "<?xml version=\"1.0\"?>\n<Error><Code>SignatureDoesNotMatch</Code><Message>The \
                 signature of {} is wrong</Message><StringToSign>{request}</StringToSign></Error>",
                super::SECRET
            );
            let _ = write!(
                stream,
                "HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    address
}
