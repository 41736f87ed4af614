//! The session on a connection of its own, as a Docker Engine hands one over
//! at `POST /session`, and what happens when that is lost, closed or refused.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bollard_buildkit_proto::health::HealthCheckRequest;
use bollard_buildkit_proto::health::health_client::HealthClient;
use bollard_buildkit_proto::moby::buildkit::v1 as proto;
use buildrace::buildkit::credentials::CredentialStore;
use buildrace::buildkit::{BuildError, Client, DockerDial};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::Subject;
use crate::server::{FakeBuildKit, Script, Seen, SessionWay};

/// A solve that asks the session whether it is there.
async fn ask(seen: Seen, _: proto::SolveRequest) -> Result<proto::SolveResponse, Status> {
    let mut health = HealthClient::new(seen.session().await);
    health.check(HealthCheckRequest::default()).await?;
    Ok(proto::SolveResponse::default())
}

/// A solve that waits for the session and then never answers.
async fn hang(seen: Seen, _: proto::SolveRequest) -> Result<proto::SolveResponse, Status> {
    seen.session().await;
    std::future::pending().await
}

fn server(mut script: Script, way: SessionWay) -> Arc<FakeBuildKit> {
    script.session_way = way;
    FakeBuildKit::new(script)
}

#[tokio::test(start_paused = true)]
async fn a_session_has_a_connection_of_its_own_and_closes_it() {
    let server = server(Script::solve(ask), SessionWay::Own);
    Subject::new().build(&server).await.0.result.unwrap();
    assert_eq!(server.seen.session_calls.load(Ordering::SeqCst), 0);
    server.seen.until_session_closed().await;
}

#[tokio::test(start_paused = true)]
async fn where_it_is_refused_the_control_api_carries_it() {
    for way in [SessionWay::OwnRefused, SessionWay::OwnSilent] {
        let server = server(Script::solve(ask), way);
        Subject::new().build(&server).await.0.result.unwrap();
        assert_eq!(server.seen.session_calls.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_lost_loses_the_builder() {
    let script = Script::solve(|seen: Seen, request| async move {
        seen.session().await;
        seen.cut_session.cancel();
        hang(seen, request).await
    });
    let server = server(script, SessionWay::Own);
    let (end, _) = Subject::new().build(&server).await;
    let error = end.result.unwrap_err();
    assert!(matches!(error, BuildError::LostBuilder { .. }), "{error:?}");
    assert!(*server.seen.solve_reset.borrow());
}

#[tokio::test(start_paused = true)]
async fn a_build_that_is_cancelled_closes_its_session() {
    let subject = Subject::new();
    let cancel = subject.cancel.clone();
    let script = Script::solve(move |seen: Seen, request| {
        let cancel = cancel.clone();
        async move {
            seen.session().await;
            cancel.cancel();
            hang(seen, request).await
        }
    });
    let server = server(script, SessionWay::Own);
    let (end, _) = subject.build(&server).await;
    assert_eq!(end.result.unwrap_err(), BuildError::Cancelled);
    assert!(*server.seen.solve_reset.borrow());
    server.seen.until_session_closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_build_that_is_dropped_closes_its_session() {
    let server = server(Script::solve(hang), SessionWay::Own);
    let subject = Subject::new();
    let dropped = tokio::time::timeout(Duration::from_secs(5), subject.build(&server)).await;
    assert!(dropped.is_err());
    let closed = server.seen.until_session_closed();
    tokio::time::timeout(Duration::from_secs(5), closed)
        .await
        .expect("the session is still open");
}

/// A Docker Engine's API, as far as builds need it: `POST /grpc`, and
/// `POST /session` where it has one.
fn engine(socket: &Path, buildkit: &Arc<FakeBuildKit>, has_session: bool) {
    let listener = UnixListener::bind(socket).unwrap();
    let buildkit = Arc::clone(buildkit);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (path, headers) = request(&mut stream).await;
            assert_eq!(headers["upgrade"], "h2c");
            if path == "/session" && !has_session {
                let answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
                stream.write_all(answer).await.unwrap();
                continue;
            }
            let answer = b"HTTP/1.1 101 Switching Protocols\r\n\
                Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
            stream.write_all(answer).await.unwrap();
            match path.as_str() {
                "/grpc" => drop(tokio::spawn(buildkit.serve(stream))),
                "/session" => buildkit
                    .seen
                    .open_own_session(MetadataMap::from_headers(headers), stream),
                other => panic!("POST {other}"),
            }
        }
    });
}

/// Path and headers of a `POST`.
async fn request(stream: &mut UnixStream) -> (String, HeaderMap) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.unwrap());
    }
    let request = String::from_utf8(request).unwrap();
    let (first, rest) = request.split_once("\r\n").unwrap();
    let path = first.strip_prefix("POST ").unwrap();
    let path = path.strip_suffix(" HTTP/1.1").unwrap();
    let mut headers = HeaderMap::new();
    for (name, value) in rest.lines().filter_map(|line| line.split_once(": ")) {
        let name = HeaderName::try_from(name).unwrap();
        headers.append(name, HeaderValue::try_from(value).unwrap());
    }
    (path.to_owned(), headers)
}

/// Builds through the engine's API, with a session of its own or without.
async fn build_by_engine(has_session: bool) -> (BTreeMap<String, Vec<String>>, usize) {
    let server = FakeBuildKit::new(Script::solve(ask));
    let subject = Subject::new();
    let socket = subject.folder.path().join("docker.sock");
    engine(&socket, &server, has_session);
    let dial = DockerDial::new(&format!("unix://{}", socket.display())).unwrap();
    let credentials = CredentialStore::in_folder(subject.folder.path());
    let client = Client::with_credentials(Arc::new(dial), credentials);
    let (sink, _statuses) = mpsc::unbounded_channel();
    let end = client
        .build(&subject.request, sink, subject.cancel.clone())
        .await;
    end.result.unwrap();
    let metadata = server.seen.session_metadata.lock().unwrap().clone();
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in &metadata.into_headers() {
        let value = value.to_str().unwrap().to_owned();
        told.entry(name.to_string()).or_default().push(value);
    }
    (told, server.seen.session_calls.load(Ordering::SeqCst))
}

#[tokio::test]
async fn an_engine_hands_over_a_connection_and_is_told_whose_it_is() {
    let (told, calls) = build_by_engine(true).await;
    assert_eq!(calls, 0);
    assert_eq!(told["x-docker-expose-session-uuid"][0].len(), 32);
    assert_eq!(told["x-docker-expose-session-sharedkey"][0].len(), 64);
    let methods = &told["x-docker-expose-session-grpc-method"];
    for method in [
        "/grpc.health.v1.Health/Check",
        "/moby.filesync.v1.FileSync/DiffCopy",
        "/moby.filesync.v1.Auth/Credentials",
    ] {
        assert!(methods.iter().any(|told| told == method), "{methods:?}");
    }
}

#[tokio::test]
async fn an_engine_that_hands_over_none_still_builds() {
    let (told, calls) = build_by_engine(false).await;
    assert_eq!(calls, 1);
    assert_eq!(told["x-docker-expose-session-uuid"][0].len(), 32);
}
