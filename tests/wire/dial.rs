//! Dialling a Docker Engine: what it may answer to `POST /grpc`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bollard_buildkit_proto::moby::buildkit::v1 as proto;
use buildrace::buildkit::dial::Duplex;
use buildrace::buildkit::{Client, ClientError, Daemon, Dial, DialError, DockerDial};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::UnixListener;

use crate::server::{FakeBuildKit, Script};

/// An engine that reads a request, writes `answer` and hangs up.
fn engine(folder: &Path, answer: &'static str) -> PathBuf {
    let socket = folder.join("docker.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let read = stream.read(&mut request).await.unwrap();
        let request = String::from_utf8_lossy(&request[..read]).to_lowercase();
        assert!(request.starts_with("post /grpc http/1.1\r\n"), "{request}");
        assert!(request.contains("upgrade: h2c\r\n"), "{request}");
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    socket
}

async fn failure(answer: &'static str) -> ClientError {
    let folder = tempfile::tempdir().unwrap();
    let socket = engine(folder.path(), answer);
    let dial = DockerDial::new(&format!("unix://{}", socket.display())).unwrap();
    Client::new(Arc::new(dial)).workers().await.unwrap_err()
}

#[tokio::test]
async fn an_engine_without_buildkit_is_told_from_none() {
    let error = failure("HTTP/1.1 404 Not Found\r\nContent-Length: 14\r\n\r\npage not found").await;
    match error {
        ClientError::Dial(DialError::NoBuildKit { problem, .. }) => {
            assert!(problem.contains("404") && problem.contains("page not found"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_engine_that_wants_tls_is_told_what_to_do() {
    let answer = "HTTP/1.0 400 Bad Request\r\n\r\n\
                  Client sent an HTTP request to an HTTPS server.\n";
    let error = failure(answer).await.to_string();
    assert!(error.contains("DOCKER_CERT_PATH"), "{error}");
}

#[tokio::test]
async fn an_engine_hands_over_its_connection() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let server = FakeBuildKit::new(Script::solve(|_, _| async { unreachable!() }));
    server.records().push(proto::UsageRecord {
        id: "one".into(),
        ..Default::default()
    });
    let behind = server.clone();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        let answer = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        behind.serve(stream).await;
    });
    let dial = DockerDial::new(&format!("unix://{}", socket.display())).unwrap();
    let records = Client::new(Arc::new(dial)).cache_records().await.unwrap();
    assert_eq!(records[0].id, "one");
}

#[tokio::test]
async fn an_engine_that_hangs_up_is_unreachable_or_lost() {
    for answer in [
        "",
        "no HTTP at all\n\n",
        "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    ] {
        let error = failure(answer).await;
        assert!(
            matches!(
                error,
                ClientError::Dial(DialError::Unreachable { .. }) | ClientError::Lost { .. }
            ),
            "{answer:?}: {error:?}"
        );
    }
}

#[tokio::test]
async fn no_engine_at_all_is_named() {
    let dial = DockerDial::new("unix:///nowhere/docker.sock").unwrap();
    let error = Client::new(Arc::new(dial))
        .workers()
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("unix:///nowhere/docker.sock"), "{error}");
    assert!(error.contains("running"), "{error}");
}

/// Takes a connection and says nothing on it, as a builder that hangs at boot.
#[derive(Debug)]
struct Silent(Mutex<Vec<DuplexStream>>);

#[async_trait]
impl Dial for Silent {
    async fn dial(&self) -> Result<Box<dyn Duplex>, DialError> {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        self.0.lock().unwrap().push(theirs);
        Ok(Box::new(ours))
    }

    fn endpoint(&self) -> String {
        "silent://".into()
    }

    fn daemon(&self) -> Daemon {
        Daemon::Buildkitd
    }
}

#[tokio::test(start_paused = true)]
async fn a_builder_that_says_nothing_is_not_waited_for() {
    let client = Client::new(Arc::new(Silent(Mutex::default())));
    let error = client.buildkit_version().await.unwrap_err();
    assert!(
        matches!(error, ClientError::Dial(DialError::Unreachable { .. })),
        "{error:?}"
    );
    let error = error.to_string();
    assert!(error.contains("silent://: no answer within"), "{error}");
}
