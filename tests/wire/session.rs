//! What BuildKit gets when it calls back through the session.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bollard_buildkit_proto::health;
use bollard_buildkit_proto::moby::buildkit::v1 as proto;
use bollard_buildkit_proto::moby::filesync::v1 as filesync;
use buildrace::buildkit::{BuildError, Destination, Export, ImageLoader, Loader};
use bytes::Bytes;
use filesync::auth_client::AuthClient;
use filesync::file_send_client::FileSendClient;
use filesync::file_sync_client::FileSyncClient;
use futures_util::StreamExt;
use futures_util::stream;
use health::health_check_response::ServingStatus;
use health::health_client::HealthClient;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};

use crate::Subject;
use crate::server::{FakeBuildKit, Script, Seen};

type Solved = Result<proto::SolveResponse, Status>;

#[tokio::test]
async fn the_session_tells_who_it_is_and_what_it_offers() {
    let server = FakeBuildKit::new(Script::solve(
        |seen: Seen, request: proto::SolveRequest| async move {
            seen.session().await;
            let metadata = seen.session_metadata.lock().unwrap().clone();
            let value = |key: &str| metadata.get(key).unwrap().to_str().unwrap().to_owned();
            assert_eq!(value("x-docker-expose-session-uuid"), request.session);
            assert!(!value("x-docker-expose-session-sharedkey").is_empty());
            let methods: Vec<&str> = metadata
                .get_all("x-docker-expose-session-grpc-method")
                .iter()
                .map(|method| method.to_str().unwrap())
                .collect();
            for method in [
                "/moby.filesync.v1.FileSync/DiffCopy",
                "/moby.filesync.v1.Auth/Credentials",
                "/grpc.health.v1.Health/Check",
            ] {
                assert!(methods.contains(&method), "{methods:?}");
            }
            // Nothing is exported, so nothing may be sent back.
            assert!(!methods.iter().any(|method| method.contains("FileSend")));
            Ok(proto::SolveResponse::default())
        },
    ));
    Subject::new().build(&server).await.0.result.unwrap();
}

#[tokio::test]
async fn the_shared_key_is_that_of_the_request() {
    async fn key(subject: &Subject) -> String {
        let server = FakeBuildKit::new(Script::solve(|seen: Seen, _| async move {
            seen.session().await;
            Ok(proto::SolveResponse::default())
        }));
        subject.build(&server).await.0.result.unwrap();
        let metadata = server.seen.session_metadata.lock().unwrap();
        let key = metadata.get("x-docker-expose-session-sharedkey").unwrap();
        key.to_str().unwrap().to_owned()
    }
    let mut subject = Subject::new();
    let first = key(&subject).await;
    assert_eq!(key(&subject).await, first);
    subject.request.shared_key = "another – key".into();
    assert_ne!(key(&subject).await, first);
}

#[tokio::test]
async fn a_session_is_healthy_and_serves_nothing_it_does_not_offer() {
    let server = FakeBuildKit::new(Script::solve(|seen: Seen, _| async move {
        let session = seen.session().await;
        let health = HealthClient::new(session.clone())
            .check(health::HealthCheckRequest::default())
            .await?;
        assert_eq!(health.get_ref().status(), ServingStatus::Serving);
        let refused = FileSendClient::new(session)
            .diff_copy(stream::empty())
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::Unimplemented);
        Ok(proto::SolveResponse::default())
    }));
    Subject::new().build(&server).await.0.result.unwrap();
}

#[tokio::test]
async fn a_folder_that_was_not_offered_is_refused() {
    let server = FakeBuildKit::new(Script::solve(|seen: Seen, _| async move {
        let mut request = Request::new(stream::pending());
        request
            .metadata_mut()
            .insert("dir-name", "root".parse().unwrap());
        let files = FileSyncClient::new(seen.session().await)
            .diff_copy(request)
            .await;
        // The error may come with the answer or in the stream.
        let error = match files {
            Err(status) => status,
            Ok(files) => files.into_inner().next().await.unwrap().unwrap_err(),
        };
        Err::<proto::SolveResponse, _>(Status::unknown(error.message()))
    }));
    let (end, _) = Subject::new().build(&server).await;
    match end.result.unwrap_err() {
        BuildError::Failed { message } => assert!(message.contains("root"), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn credentials_are_those_of_dockers_config() {
    let subject = Subject::new();
    std::fs::write(
        subject.folder.path().join("config.json"),
        r#"{"auths":{"r.example":{"username":"me","password":"hidden"}}}"#,
    )
    .unwrap();
    let server = FakeBuildKit::new(Script::solve(|seen: Seen, _| async move {
        let mut auth = AuthClient::new(seen.session().await);
        let asked = |host: &str| filesync::CredentialsRequest { host: host.into() };
        let known = auth.credentials(asked("r.example")).await?.into_inner();
        assert_eq!(
            (known.username.as_str(), known.secret.as_str()),
            ("me", "hidden")
        );
        let unknown = auth.credentials(asked("other.example")).await?.into_inner();
        assert!(unknown.username.is_empty() && unknown.secret.is_empty());
        // So BuildKit asks for credentials instead.
        let token = auth
            .fetch_token(filesync::FetchTokenRequest::default())
            .await;
        assert_eq!(token.unwrap_err().code(), Code::Unimplemented);
        Ok(proto::SolveResponse::default())
    }));
    subject.build(&server).await.0.result.unwrap();
}

#[tokio::test]
async fn a_credential_error_reaches_buildkit_and_names_the_helper() {
    let subject = Subject::new();
    std::fs::write(
        subject.folder.path().join("config.json"),
        r#"{"credsStore":"buildrace-none"}"#,
    )
    .unwrap();
    let server = FakeBuildKit::new(Script::solve(|seen: Seen, _| async move {
        let request = filesync::CredentialsRequest {
            host: "r.example".into(),
        };
        let error = AuthClient::new(seen.session().await)
            .credentials(request)
            .await
            .unwrap_err();
        Err::<proto::SolveResponse, _>(Status::unknown(error.message()))
    }));
    let (end, _) = subject.build(&server).await;
    let error = end.result.unwrap_err().to_string();
    assert!(
        error.contains("docker-credential-buildrace-none"),
        "{error}"
    );
}

/// A solve that sends `pieces` of an archive and then ends with `answer`.
fn export(pieces: usize, answer: fn() -> Solved) -> Script {
    Script::solve(move |seen: Seen, _| async move {
        let piece = |number| filesync::BytesMessage {
            data: vec![number as u8; 100_000],
        };
        FileSendClient::new(seen.session().await)
            .diff_copy(stream::iter((0..pieces).map(piece)))
            .await?
            .into_inner()
            .message()
            .await?;
        answer()
    })
}

#[tokio::test]
async fn an_archive_arrives_whole() {
    let mut subject = Subject::new();
    let destination = subject.folder.path().join("image.tar");
    subject.request.export = Export::Oci {
        destination: destination.clone(),
    };
    let server = FakeBuildKit::new(export(30, || Ok(proto::SolveResponse::default())));
    subject.build(&server).await.0.result.unwrap();
    let archive = std::fs::read(&destination).unwrap();
    let expected: Vec<u8> = (0..30).flat_map(|number| vec![number; 100_000]).collect();
    assert!(archive == expected);
}

/// An image store that takes so many pieces, and then refuses.
struct Store {
    takes: usize,
    taken: Mutex<Vec<u8>>,
}

#[async_trait]
impl ImageLoader for Store {
    async fn load(&self, mut archive: mpsc::Receiver<Bytes>) -> Result<(), String> {
        for _ in 0..self.takes {
            let Some(piece) = archive.recv().await else {
                return Ok(());
            };
            self.taken.lock().unwrap().extend(piece);
        }
        Err("the store is full".into())
    }
}

#[tokio::test]
async fn an_archive_is_loaded_while_it_is_received() {
    for (takes, refusal) in [(100, None), (7, Some("the store is full"))] {
        let mut subject = Subject::new();
        let store = Arc::new(Store {
            takes,
            taken: Mutex::default(),
        });
        subject.request.export = Export::Exporter {
            kind: "docker".into(),
            attributes: BTreeMap::new(),
            destination: Some(Destination::Store(Loader(store.clone()))),
        };
        let server = FakeBuildKit::new(export(30, || Ok(proto::SolveResponse::default())));
        let (end, _) = subject.build(&server).await;
        let taken = store.taken.lock().unwrap().clone();
        let Some(refusal) = refusal else {
            end.result.unwrap();
            let received = end.received.unwrap();
            assert_eq!((received.bytes, taken.len()), (3_000_000, 3_000_000));
            assert!(received.loading.is_some());
            continue;
        };
        let error = end.result.unwrap_err().to_string();
        assert!(error.contains(refusal), "{error}");
        assert_eq!(end.received, None);
    }
}

/// An image store that never has enough, and tells when it is dropped.
struct Hanging {
    began: Notify,
    dropped: CancellationToken,
}

#[async_trait]
impl ImageLoader for Hanging {
    async fn load(&self, mut archive: mpsc::Receiver<Bytes>) -> Result<(), String> {
        let _dropped = self.dropped.clone().drop_guard();
        archive.recv().await;
        self.began.notify_one();
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_load_that_hangs_ends_with_its_build() {
    let mut subject = Subject::new();
    let store = Arc::new(Hanging {
        began: Notify::new(),
        dropped: CancellationToken::new(),
    });
    subject.request.export = Export::Exporter {
        kind: "docker".into(),
        attributes: BTreeMap::new(),
        destination: Some(Destination::Store(Loader(store.clone()))),
    };
    let server = FakeBuildKit::new(export(2, || Ok(proto::SolveResponse::default())));
    let cancel = subject.cancel.clone();
    let cancelled = async {
        store.began.notified().await;
        cancel.cancel();
    };
    let ((end, _), ()) = futures_util::future::join(subject.build(&server), cancelled).await;
    assert!(matches!(end.result, Err(BuildError::Cancelled)));
    store.dropped.cancelled().await;
}

#[tokio::test]
async fn nothing_is_left_of_an_archive_whose_build_failed() {
    let mut subject = Subject::new();
    let exports = subject.folder.path().join("exports");
    std::fs::create_dir(&exports).unwrap();
    let destination = exports.join("image.tar");
    subject.request.export = Export::Oci { destination };
    let server = FakeBuildKit::new(export(3, || Err(Status::unknown("disk full"))));
    let (end, _) = subject.build(&server).await;
    assert!(matches!(end.result, Err(BuildError::Failed { .. })));
    assert_eq!(std::fs::read_dir(&exports).unwrap().count(), 0);
}

#[tokio::test]
async fn an_export_without_an_archive_is_no_success() {
    let mut subject = Subject::new();
    let destination = subject.folder.path().join("image.tar");
    subject.request.export = Export::Oci {
        destination: destination.clone(),
    };
    let server = FakeBuildKit::new(Script::solve(|_, _| async {
        Ok(proto::SolveResponse::default())
    }));
    let (end, _) = subject.build(&server).await;
    assert!(matches!(end.result, Err(BuildError::Failed { .. })));
    assert!(!destination.exists());
}
