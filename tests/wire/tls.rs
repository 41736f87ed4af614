//! A buildkitd behind TLS: who is let in, and what is said where somebody is
//! not. The server is rustls' here, and Go's in what it sends.

use std::path::PathBuf;
use std::sync::Arc;

use buildrace::buildkit::{Client, ClientError, DialError, RemoteDial, TlsFiles};
use rustls::ServerConfig;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::certificates::{Authority, Pair, knowing, showing};
use crate::server::{FakeBuildKit, Script};

/// Two authorities, and what the first one signed.
struct Papers {
    folder: TempDir,
    authority: Authority,
    server: Pair,
    client: Pair,
}

impl Papers {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path(), "ours");
        Authority::new(folder.path(), "other");
        Self {
            server: authority.sign("server", "127.0.0.1", false),
            client: authority.sign("client", "client", false),
            authority,
            folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn ca(&self) -> PathBuf {
        self.path("ours-ca.pem")
    }
}

/// Serves a BuildKit behind TLS, or in plain, and returns its address.
async fn serve(tls: Option<Arc<ServerConfig>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let mut script = Script::solve(|_, _| async { unreachable!() });
    script.version = Some("v0.13.2".into());
    let server = FakeBuildKit::new(script);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            match tls.clone().map(TlsAcceptor::from) {
                Some(acceptor) => match acceptor.accept(stream).await {
                    Ok(stream) => drop(tokio::spawn(server.serve(stream))),
                    Err(_) => continue,
                },
                None => drop(tokio::spawn(server.serve(stream))),
            }
        }
    });
    address
}

async fn ask(address: &str, files: Option<TlsFiles>) -> Result<Option<String>, ClientError> {
    let dial = RemoteDial::new(address, files)?;
    Client::new(Arc::new(dial)).buildkit_version().await
}

/// What is said of a failure. It is one to dial, not a call that was lost.
async fn refusal(address: &str, files: Option<TlsFiles>) -> String {
    match ask(address, files).await.unwrap_err() {
        ClientError::Dial(error) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_shows_a_certificate_that_is_known_is_served() {
    let papers = Papers::new();
    let address = serve(Some(papers.authority.server(&papers.server, true))).await;
    let files = showing(&papers.ca(), &papers.client);
    let version = ask(&address, Some(files)).await.unwrap();
    assert_eq!(version.as_deref(), Some("v0.13.2"));
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_says_so_at_once() {
    let papers = Papers::new();
    let address = serve(Some(papers.authority.server(&papers.server, true))).await;
    let error = refusal(&address, Some(knowing(&papers.ca()))).await;
    assert!(error.contains("wants a client certificate"), "{error}");
    assert!(error.contains(&address), "{error}");

    let stranger = Authority::new(papers.folder.path(), "third").sign("stranger", "client", false);
    let error = refusal(&address, Some(showing(&papers.ca(), &stranger))).await;
    assert!(error.contains("stranger.pem"), "{error}");
    assert!(error.contains("authority that it trusts"), "{error}");

    let old = papers.authority.sign("old", "client", true);
    let error = refusal(&address, Some(showing(&papers.ca(), &old))).await;
    assert!(error.contains("old.pem has expired"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_known_is_not_trusted() {
    let papers = Papers::new();
    let address = serve(Some(papers.authority.server(&papers.server, false))).await;
    let error = refusal(&address, Some(knowing(&papers.path("other-ca.pem")))).await;
    assert!(error.contains("signed by none of"), "{error}");
    assert!(error.contains("other-ca.pem"), "{error}");
    let error = refusal(&address, Some(TlsFiles::default())).await;
    assert!(error.contains("no CA certificate is given"), "{error}");

    let unverified = TlsFiles {
        verify: false,
        ..TlsFiles::default()
    };
    assert!(ask(&address, Some(unverified)).await.is_ok());
}

#[tokio::test]
async fn a_certificate_that_is_expired_or_somebody_elses_is_named() {
    let papers = Papers::new();
    let old = papers.authority.sign("old", "127.0.0.1", true);
    let address = serve(Some(papers.authority.server(&old, false))).await;
    let error = refusal(&address, Some(knowing(&papers.ca()))).await;
    assert!(error.contains("expired on 2001-12-31"), "{error}");

    let elsewhere = papers.authority.sign("elsewhere", "build.example", false);
    let address = serve(Some(papers.authority.server(&elsewhere, false))).await;
    let error = refusal(&address, Some(knowing(&papers.ca()))).await;
    assert!(error.contains("build.example"), "{error}");
    assert!(error.contains("127.0.0.1"), "{error}");
    let named = TlsFiles {
        server_name: Some("build.example".into()),
        ..knowing(&papers.ca())
    };
    assert!(ask(&address, Some(named)).await.is_ok());
}

#[tokio::test]
async fn plain_and_tls_are_told_from_each_other() {
    let papers = Papers::new();
    let address = serve(Some(papers.authority.server(&papers.server, false))).await;
    let error = refusal(&address, None).await;
    assert!(error.contains("give the files for TLS"), "{error}");

    let address = serve(None).await;
    let error = refusal(&address, Some(knowing(&papers.ca()))).await;
    assert!(error.contains("does not speak TLS"), "{error}");
    assert!(ask(&address, None).await.is_ok());
}

/// Servers made with Go hang up, or answer in HTTP/1.
#[tokio::test]
async fn what_is_no_buildkit_is_told_what_it_is_asked_for() {
    for (answer, part) in [
        (
            "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
            "give the files for TLS",
        ),
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "no BuildKit's"),
        ("SSH-2.0-OpenSSH_10.0\r\n", "no BuildKit's"),
        ("", "If it wants TLS"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 24];
            stream.read_exact(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        let error = refusal(&address, None).await;
        assert!(error.contains(part), "{answer:?}: {error}");
    }
}

#[test]
fn files_that_do_not_fit_are_named_with_what_to_do() {
    let papers = Papers::new();
    let text = papers.path("text.pem");
    std::fs::write(&text, "hello\n").unwrap();
    let ca = papers.ca();
    let client = || showing(&ca, &papers.client);
    let missing = papers.path("none.pem");
    let cases = [
        (knowing(&missing), "none.pem", "check the path"),
        (knowing(&text), "text.pem", "BEGIN CERTIFICATE"),
        (
            TlsFiles {
                certificate: Some(text.clone()),
                ..client()
            },
            "text.pem",
            "BEGIN CERTIFICATE",
        ),
        (
            TlsFiles {
                key: Some(text.clone()),
                ..client()
            },
            "text.pem",
            "no private key in PEM form",
        ),
        (
            TlsFiles {
                key: Some(papers.server.key.clone()),
                ..client()
            },
            "server-key.pem",
            "does not belong to certificate",
        ),
        (
            TlsFiles {
                key: None,
                ..client()
            },
            "client.pem",
            "give both",
        ),
        (
            TlsFiles {
                certificate: None,
                ..client()
            },
            "client-key.pem",
            "give both",
        ),
    ];
    for (files, file, part) in cases {
        let error = RemoteDial::new("tcp://build.example:1234", Some(files)).unwrap_err();
        assert!(matches!(error, DialError::TlsFiles { .. }), "{error:?}");
        let error = error.to_string();
        assert!(error.contains(file) && error.contains(part), "{error}");
        assert!(error.contains("tcp://build.example:1234"), "{error}");
        assert!(!error.contains("PRIVATE KEY"), "{error}");
    }
}
