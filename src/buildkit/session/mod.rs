//! The session: while it solves, BuildKit calls back for the files of the
//! contexts, for the blobs of images, for registry credentials and secrets, and to
//! hand over an exported archive.
//!
//! BuildKit is the client on the session's connection. A Docker Engine hands
//! over one of its own for it; everywhere else it is gRPC inside gRPC, and
//! `Control.Session` carries it. Metadata tell BuildKit the session's id, its
//! shared key, and the methods that it may call.

mod auth;
mod content;
mod file_send;
mod health;
mod router;
mod secrets;
mod ssh;
mod tunnel;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use bollard_buildkit_proto::health::health_server::HealthServer;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::SecretsServer;
use bollard_buildkit_proto::moby::filesync::v1::auth_server::AuthServer;
use bollard_buildkit_proto::moby::filesync::v1::file_send_server::FileSendServer;
use bollard_buildkit_proto::moby::sshforward::v1::ssh_server::SshServer;
use http::{HeaderMap, HeaderValue};
use hyper::server::conn::http2;
use hyper_util::rt::TokioIo;
use rand::RngExt;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tonic::metadata::MetadataMap;

use super::control::Control;
use super::credentials::CredentialStore;
use super::dial::{CONNECTION_WINDOW, Duplex, HEADER_LIMIT, STREAM_WINDOW};
use super::filesync::FileSync;
use super::request::Secret;
pub(crate) use content::ContentStores;
pub(crate) use file_send::Archive;
use router::Router;
use tunnel::Tunnel;

/// Bytes of one message that BuildKit may send, a piece of an archive.
const MESSAGE_LIMIT: usize = 64 << 20;
/// How long a closed session's own work may take to notice.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// What a session offers to BuildKit.
pub(super) struct Offer {
    pub(super) files: FileSync,
    pub(super) credentials: CredentialStore,
    pub(super) secrets: BTreeMap<String, Secret>,
    pub(super) ssh: BTreeMap<String, PathBuf>,
    pub(super) content: ContentStores,
    pub(super) archive: Option<Archive>,
}

impl Offer {
    fn router(self) -> Router {
        let mut router = Router::default()
            .add(
                HealthServer::new(health::Alive),
                &["Check", "Watch", "List"],
            )
            .add(
                AuthServer::new(auth::Credentials {
                    store: self.credentials,
                }),
                &[
                    "Credentials",
                    "FetchToken",
                    "GetTokenAuthority",
                    "VerifyTokenAuthority",
                ],
            )
            .add(self.files, &["DiffCopy"]);
        if !self.content.is_empty() {
            let methods = self.content.methods();
            router = router.add(self.content, methods);
        }
        if !self.secrets.is_empty() {
            let known = secrets::Known(self.secrets);
            router = router.add(SecretsServer::new(known), &["GetSecret"]);
        }
        if !self.ssh.is_empty() {
            let agents = SshServer::new(ssh::Agents(self.ssh));
            router = router.add(agents, &["CheckAgent", "ForwardAgent"]);
        }
        if let Some(archive) = self.archive {
            let archive = FileSendServer::new(archive).max_decoding_message_size(MESSAGE_LIMIT);
            router = router.add(archive, &["DiffCopy"]);
        }
        router
    }
}

/// A session that is to be opened.
pub(super) struct Plan {
    id: String,
    router: Router,
    metadata: HeaderMap,
}

impl Plan {
    pub(super) fn new(shared_key: &str, offer: Offer) -> Self {
        let id = hex::encode(rand::rng().random::<[u8; 16]>());
        let router = offer.router();
        let metadata = metadata(&id, shared_key, router.methods());
        Self {
            id,
            router,
            metadata,
        }
    }

    /// What BuildKit is to know of it.
    pub(super) fn metadata(&self) -> &HeaderMap {
        &self.metadata
    }
}

/// A session that is served until it is closed or dropped.
pub(super) struct Session {
    id: String,
    stop: CancellationToken,
    tasks: TaskTracker,
    ended: Option<oneshot::Receiver<String>>,
}

impl Session {
    /// Starts serving, on the connection that was opened for it or else through
    /// the Control API. BuildKit waits up to five seconds for a session that a
    /// solve names, so that the two may be started in any order.
    pub(super) fn open(plan: Plan, connection: Option<Box<dyn Duplex>>, control: Control) -> Self {
        let Plan {
            id,
            router,
            metadata,
        } = plan;
        let stream = connection.unwrap_or_else(|| {
            let metadata = MetadataMap::from_headers(metadata);
            Box::new(Tunnel::open(control, metadata))
        });
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let (report, ended) = oneshot::channel();

        let service = hyper::service::service_fn(move |request: http::Request<_>| {
            router.clone().route(request.map(Body::new))
        });
        let executor = SessionExecutor {
            stop: stop.clone(),
            tasks: tasks.clone(),
        };
        let mut server = http2::Builder::new(executor.clone());
        server
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(HEADER_LIMIT);
        let connection = server.serve_connection(TokioIo::new(stream), service);
        executor.spawn(async move {
            let message = match connection.await {
                Ok(()) => "BuildKit closed the session".to_owned(),
                Err(error) => innermost(&error),
            };
            // Nobody may be waiting any more.
            let _ = report.send(message);
        });
        Self {
            id,
            stop,
            tasks,
            ended: Some(ended),
        }
    }

    /// What a solve calls the session.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Waits until the session has ended by itself, and says why; for ever the
    /// second time.
    pub(super) async fn ended(&mut self) -> String {
        if let Some(ended) = &mut self.ended {
            let reason = ended.await;
            self.ended = None;
            if let Ok(reason) = reason {
                return reason;
            }
        }
        std::future::pending().await
    }

    /// Ends the session and everything that works for it.
    pub(super) async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        // What blocks in the file system is not worth waiting for.
        let _ = tokio::time::timeout(CLOSE_LIMIT, self.tasks.wait()).await;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Runs the session's tasks, the connection and one for each call, so that
/// they end with the session.
#[derive(Clone)]
struct SessionExecutor {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl SessionExecutor {
    fn spawn<F>(&self, task: F)
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        let stop = self.stop.clone();
        self.tasks
            .spawn(async move { stop.run_until_cancelled(task).await.map(drop) });
    }
}

impl<F> hyper::rt::Executor<F> for SessionExecutor
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, task: F) {
        self.spawn(task);
    }
}

fn metadata(id: &str, shared_key: &str, methods: &[String]) -> HeaderMap {
    let mut metadata = HeaderMap::new();
    let mut put = |key: &'static str, value: &str| {
        // All values are made here of ASCII.
        if let Ok(value) = HeaderValue::from_str(value) {
            metadata.append(key, value);
        }
    };
    put("x-docker-expose-session-uuid", id);
    put("x-docker-expose-session-name", "buildrace");
    // A header holds no arbitrary text, so the key goes hashed.
    let shared_key = hex::encode(Sha256::digest(shared_key.as_bytes()));
    put("x-docker-expose-session-sharedkey", &shared_key);
    for method in methods {
        put("x-docker-expose-session-grpc-method", method);
    }
    metadata
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
