//! A Docker Engine's API over the ways there are to it, and what is said where
//! it is not one. The engine is a few answers in HTTP/1.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use buildrace::buildkit::{Client, DockerDial, TlsFiles, dial::Duplex};
use buildrace::engine::{Endpoint, Engine, EngineError};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, UPGRADE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::certificates::{Authority, knowing, showing};
use crate::server::{FakeBuildKit, Script};

/// What an engine calls itself.
#[derive(Clone, Copy)]
enum Product {
    Docker,
    Podman,
}

fn answer(product: Product, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let component = match product {
        Product::Docker => json!({"Name": "Engine", "Version": "28.5.2"}),
        Product::Podman => json!({"Name": "Podman Engine", "Version": "5.4.2"}),
    };
    let body = match request.uri().path() {
        path if path.ends_with("/version") => json!({
            "Version": "28.5.2", "ApiVersion": "1.45", "MinAPIVersion": "1.24",
            "Os": "linux", "Arch": "amd64", "Components": [component],
        }),
        path if path.ends_with("/info") => json!({"Driver": "overlayfs"}),
        _ => json!("OK"),
    };
    let response = Response::builder().header("Content-Type", "application/json");
    response.body(Full::from(body.to_string())).unwrap()
}

/// Serves the API, and BuildKit to who upgrades at `/grpc`.
async fn serve(stream: impl Duplex + 'static, product: Product, buildkit: Arc<FakeBuildKit>) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        let buildkit = Arc::clone(&buildkit);
        async move {
            if request.uri().path() != "/grpc" {
                return Ok::<_, Infallible>(answer(product, &request));
            }
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let upgraded = upgrade.await.unwrap();
                buildkit.serve(TokioIo::new(upgraded)).await;
            });
            let response = Response::builder()
                .status(StatusCode::SWITCHING_PROTOCOLS)
                .header(CONNECTION, "Upgrade")
                .header(UPGRADE, "h2c");
            Ok(response.body(Full::default()).unwrap())
        }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // A client may hang up at any time.
    let _ = connection.with_upgrades().await;
}

/// An engine behind TLS that wants to know its clients, at its address.
async fn behind_tls(folder: &Path) -> (String, Authority) {
    let authority = Authority::new(folder, "ours");
    let pair = authority.sign("server", "127.0.0.1", false);
    let acceptor = TlsAcceptor::from(authority.server(&pair, true));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let mut script = Script::solve(|_, _| async { unreachable!() });
    script.version = Some("v0.25.0".into());
    let buildkit = FakeBuildKit::new(script);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, buildkit) = (acceptor.clone(), Arc::clone(&buildkit));
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream, Product::Docker, buildkit).await;
                }
            });
        }
    });
    (address, authority)
}

fn endpoint(host: &str, tls: Option<TlsFiles>) -> Endpoint {
    Endpoint {
        tls,
        ..Endpoint::new(host, "--host")
    }
}

#[tokio::test]
async fn api_and_builds_reach_an_engine_with_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let (address, authority) = behind_tls(folder.path()).await;
    let client = authority.sign("client", "client", false);
    let files = showing(&folder.path().join("ours-ca.pem"), &client);

    let engine = Engine::connect_unchecked(&endpoint(&address, Some(files.clone()))).await;
    assert_eq!(engine.unwrap().facts().version, "28.5.2");
    let dial = DockerDial::with_tls(&address, Some(&files)).unwrap();
    let version = Client::new(Arc::new(dial)).buildkit_version().await;
    assert_eq!(version.unwrap().as_deref(), Some("v0.25.0"));
}

#[tokio::test]
async fn api_and_builds_fail_in_the_same_words() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _) = behind_tls(folder.path()).await;
    Authority::new(folder.path(), "other");
    for (ca, part) in [
        ("ours-ca.pem", "wants a client certificate"),
        ("other-ca.pem", "signed by none of"),
    ] {
        let files = knowing(&folder.path().join(ca));
        let engine = Engine::connect_unchecked(&endpoint(&address, Some(files.clone()))).await;
        let by_api = engine.unwrap_err().to_string();
        assert!(by_api.contains(part), "{by_api}");
        let dial = DockerDial::with_tls(&address, Some(&files)).unwrap();
        let version = Client::new(Arc::new(dial)).buildkit_version().await;
        let by_dial = version.unwrap_err().to_string();
        assert!(by_dial.contains(part), "{by_dial}");
    }
}

#[tokio::test]
async fn an_engine_that_wants_tls_says_what_to_set() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // As Go's server answers.
            let answer = b"HTTP/1.0 400 Bad Request\r\n\r\n\
                Client sent an HTTP request to an HTTPS server.\n";
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(answer).await.unwrap();
        }
    });
    let error = buildrace::engine::locate(Some(&address)).await.unwrap_err();
    assert!(
        matches!(error, EngineError::Unreachable { .. }),
        "{error:?}"
    );
    let error = error.to_string();
    assert!(error.contains("DOCKER_TLS_VERIFY=1"), "{error}");
}

#[tokio::test]
async fn podman_is_called_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("podman.sock");
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    let buildkit = FakeBuildKit::new(Script::solve(|_, _| async { unreachable!() }));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Product::Podman, Arc::clone(&buildkit)));
        }
    });
    let host = format!("unix://{}", socket.display());
    let engine = Engine::connect_unchecked(&endpoint(&host, None)).await;
    let error = engine.unwrap_err().to_string();
    for part in ["Podman 5.4.2", "no BuildKit", "engine up"] {
        assert!(error.contains(part), "{error}");
    }
}
