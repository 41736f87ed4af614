//! A BuildKit in this process that does what a test tells it: its Control API
//! on one end of a pipe, with the client of the session that BuildKit has.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bollard_buildkit_proto::moby::buildkit::v1 as proto;
use bollard_buildkit_proto::moby::buildkit::v1::types::WorkerRecord;
use bollard_buildkit_proto::pb;
use buildrace::buildkit::{Daemon, Dial, DialError, dial::Duplex};
use bytes::BytesMut;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, Stream, StreamExt, stream};
use http::HeaderMap;
use hyper_util::rt::{TokioExecutor, TokioIo};
use proto::control_server::{Control, ControlServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};
use tower::ServiceExt;

pub type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
type Solved = Result<proto::SolveResponse, Status>;
type SolveScript =
    Box<dyn Fn(Seen, proto::SolveRequest) -> BoxFuture<'static, Solved> + Send + Sync>;
type StatusScript = Box<dyn Fn(Seen) -> BoxStream<proto::StatusResponse> + Send + Sync>;

/// How a session reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionWay {
    /// Through the Control API, as a buildkitd takes it.
    Control,
    /// On a connection of its own, as a Docker Engine hands one over.
    Own,
    /// A connection of its own is refused, as by an engine behind a proxy.
    OwnRefused,
    /// A connection of its own is asked for, and nothing comes of it.
    OwnSilent,
}

/// What the server does.
pub struct Script {
    solve: SolveScript,
    status: StatusScript,
    pub refuse_session: bool,
    pub session_way: SessionWay,
    /// What the way to it tells of its fate.
    pub fate: Option<&'static str>,
    /// History names the solve as running, whatever happens to it.
    pub always_active: bool,
    usage: Mutex<Vec<proto::UsageRecord>>,
    /// What Info answers; without it the server does not know the call.
    pub version: Option<String>,
    /// Builds that the history holds, and those that the server keeps in it.
    pub history: Mutex<Vec<String>>,
    pub kept: Vec<String>,
    /// More of them, with all that BuildKit says of each.
    pub records: Mutex<Vec<proto::BuildHistoryRecord>>,
    /// What Status answers of a reference; the script's `status` of any other.
    pub logs: HashMap<String, Result<Vec<proto::StatusResponse>, Status>>,
    /// Platforms of the one worker; without any there is no worker.
    pub platforms: Vec<pb::Platform>,
}

impl Script {
    /// Solve does `solve`; the status stream ends at once.
    pub fn solve<F, R>(solve: F) -> Self
    where
        F: Fn(Seen, proto::SolveRequest) -> R + Send + Sync + 'static,
        R: Future<Output = Solved> + Send + 'static,
    {
        Self {
            solve: Box::new(move |seen, request| solve(seen, request).boxed()),
            status: Box::new(|_| stream::empty().boxed()),
            refuse_session: false,
            fate: None,
            session_way: SessionWay::Control,
            always_active: false,
            usage: Mutex::default(),
            version: None,
            history: Mutex::default(),
            kept: Vec::new(),
            records: Mutex::default(),
            logs: HashMap::new(),
            platforms: Vec::new(),
        }
    }

    pub fn status<S>(mut self, status: impl Fn(Seen) -> S + Send + Sync + 'static) -> Self
    where
        S: Stream<Item = Result<proto::StatusResponse, Status>> + Send + 'static,
    {
        self.status = Box::new(move |seen| status(seen).boxed());
        self
    }
}

/// What the server saw, and the handles that scripts use.
#[derive(Clone)]
pub struct Seen {
    /// Cuts every connection.
    pub cut: CancellationToken,
    /// Cuts the session's own connection.
    pub cut_session: CancellationToken,
    /// Where the session of the build is called; `None` until it is there.
    session: watch::Sender<Option<Channel>>,
    /// How often a session came through the Control API.
    pub session_calls: Arc<AtomicUsize>,
    /// Whether the session's own connection is closed.
    pub session_closed: watch::Sender<bool>,
    pub session_metadata: Arc<Mutex<MetadataMap>>,
    pub solves: Arc<Mutex<Vec<proto::SolveRequest>>>,
    /// Whether Solve was given up by the client before it had an answer.
    pub solve_reset: watch::Sender<bool>,
    pub solving: Arc<AtomicBool>,
    pub history_calls: Arc<AtomicUsize>,
    pub prunes: Arc<Mutex<Vec<proto::PruneRequest>>>,
}

impl Seen {
    /// The session, when the client has opened it.
    pub async fn session(&self) -> Channel {
        let mut session = self.session.subscribe();
        let open = session.wait_for(Option::is_some).await.unwrap();
        open.clone().unwrap()
    }

    /// Takes up a session on a stream.
    pub fn open_session(&self, metadata: MetadataMap, stream: impl Duplex + 'static) {
        *self.session_metadata.lock().unwrap() = metadata;
        let session = self.session.clone();
        tokio::spawn(async move {
            let mut only = Some(TokioIo::new(stream));
            let connector = tower::service_fn(move |_| {
                let stream = only.take();
                async move { stream.ok_or(std::io::Error::other("one connection only")) }
            });
            let channel = Endpoint::from_static("http://session")
                .connect_with_connector(connector)
                .await
                .unwrap();
            session.send_replace(Some(channel));
        });
    }

    /// Takes up a session on a connection that carries nothing else, until
    /// one side closes it or the test cuts it.
    pub fn open_own_session(&self, metadata: MetadataMap, mut stream: impl Duplex + 'static) {
        let (ours, mut theirs) = tokio::io::duplex(64 << 10);
        self.open_session(metadata, ours);
        let (cut, closed) = (self.cut_session.clone(), self.session_closed.clone());
        tokio::spawn(async move {
            let passing = tokio::io::copy_bidirectional(&mut stream, &mut theirs);
            let _ = cut.run_until_cancelled(passing).await;
            closed.send_replace(true);
        });
    }

    /// Waits until the session's own connection is closed.
    pub async fn until_session_closed(&self) {
        let mut closed = self.session_closed.subscribe();
        closed.wait_for(|closed| *closed).await.unwrap();
    }

    /// Waits until the client has given up Solve.
    pub async fn until_reset(&self) {
        self.solve_reset
            .subscribe()
            .wait_for(|reset| *reset)
            .await
            .unwrap();
    }
}

/// The server, and the way to dial it.
pub struct FakeBuildKit {
    script: Arc<Script>,
    pub seen: Seen,
}

impl std::fmt::Debug for FakeBuildKit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeBuildKit")
    }
}

impl FakeBuildKit {
    pub fn new(script: Script) -> Arc<Self> {
        Arc::new(Self {
            script: Arc::new(script),
            seen: Seen {
                cut: CancellationToken::new(),
                cut_session: CancellationToken::new(),
                session_calls: Arc::default(),
                session_closed: watch::Sender::new(false),
                session: watch::Sender::new(None),
                session_metadata: Arc::default(),
                solves: Arc::default(),
                solve_reset: watch::Sender::new(false),
                solving: Arc::default(),
                history_calls: Arc::default(),
                prunes: Arc::default(),
            },
        })
    }

    pub fn history(&self) -> MutexGuard<'_, Vec<String>> {
        self.script.history.lock().unwrap()
    }

    pub fn records(&self) -> MutexGuard<'_, Vec<proto::UsageRecord>> {
        self.script.usage.lock().unwrap()
    }

    /// Builds in the history, with all that BuildKit says of each.
    pub fn remembered(&self) -> MutexGuard<'_, Vec<proto::BuildHistoryRecord>> {
        self.script.records.lock().unwrap()
    }

    /// Serves the Control API on a stream until it is cut.
    pub fn serve(&self, stream: impl Duplex + 'static) -> impl Future<Output = ()> + 'static {
        let control = ControlServer::new(Service {
            script: Arc::clone(&self.script),
            seen: self.seen.clone(),
        });
        let service = hyper::service::service_fn(move |request: http::Request<_>| {
            let control = control.clone();
            async move {
                let response = control.oneshot(request.map(Body::new)).await;
                Ok::<_, Infallible>(response.unwrap_or_else(|never| match never {}))
            }
        });
        let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service);
        let cut = self.seen.cut.clone();
        async move {
            let _ = cut.run_until_cancelled(connection).await;
        }
    }
}

#[async_trait]
impl Dial for FakeBuildKit {
    async fn dial(&self) -> Result<Box<dyn Duplex>, DialError> {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        tokio::spawn(self.serve(theirs));
        Ok(Box::new(ours))
    }

    async fn session(&self, metadata: &HeaderMap) -> Option<Result<Box<dyn Duplex>, DialError>> {
        match self.script.session_way {
            SessionWay::Control => None,
            SessionWay::OwnSilent => std::future::pending().await,
            SessionWay::OwnRefused => Some(Err(DialError::NoBuildKit {
                endpoint: self.endpoint(),
                problem: "403 Forbidden".into(),
            })),
            SessionWay::Own => {
                let (ours, theirs) = tokio::io::duplex(64 << 10);
                let metadata = MetadataMap::from_headers(metadata.clone());
                self.seen.open_own_session(metadata, theirs);
                Some(Ok(Box::new(ours)))
            }
        }
    }

    async fn fate(&self, _said: &str) -> Option<String> {
        self.script.fate.map(str::to_owned)
    }

    fn endpoint(&self) -> String {
        "fake://".into()
    }

    fn daemon(&self) -> Daemon {
        Daemon::Engine
    }
}

struct Service {
    script: Arc<Script>,
    seen: Seen,
}

/// Notices that a call ends without an answer.
struct Unanswered(Seen);

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.0.solving.store(false, Ordering::SeqCst);
        self.0.solve_reset.send_replace(true);
    }
}

#[async_trait]
impl Control for Service {
    async fn solve(
        &self,
        request: Request<proto::SolveRequest>,
    ) -> Result<Response<proto::SolveResponse>, Status> {
        let request = request.into_inner();
        self.seen.solves.lock().unwrap().push(request.clone());
        self.seen.solving.store(true, Ordering::SeqCst);
        let unanswered = Unanswered(self.seen.clone());
        let answer = (self.script.solve)(self.seen.clone(), request).await;
        std::mem::forget(unanswered);
        self.seen.solving.store(false, Ordering::SeqCst);
        answer.map(Response::new)
    }

    type StatusStream = BoxStream<proto::StatusResponse>;

    async fn status(
        &self,
        request: Request<proto::StatusRequest>,
    ) -> Result<Response<Self::StatusStream>, Status> {
        if let Some(log) = self.script.logs.get(&request.into_inner().r#ref) {
            let updates = log.clone()?.into_iter().map(Ok);
            return Ok(Response::new(stream::iter(updates).boxed()));
        }
        Ok(Response::new((self.script.status)(self.seen.clone())))
    }

    type SessionStream = BoxStream<proto::BytesMessage>;

    async fn session(
        &self,
        request: Request<Streaming<proto::BytesMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        if self.script.refuse_session {
            return Err(Status::resource_exhausted("no more sessions"));
        }
        self.seen.session_calls.fetch_add(1, Ordering::SeqCst);
        let metadata = request.metadata().clone();
        let mut incoming = request.into_inner();
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let (mut read, mut write) = tokio::io::split(theirs);
        tokio::spawn(async move {
            while let Ok(Some(message)) = incoming.message().await {
                if write.write_all(&message.data).await.is_err() {
                    break;
                }
            }
            let _ = write.shutdown().await;
        });
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(async move {
            let mut data = BytesMut::new();
            while let Ok(1..) = read.read_buf(&mut data).await {
                let data = data.split().to_vec();
                if sender.send(Ok(proto::BytesMessage { data })).await.is_err() {
                    break;
                }
            }
        });
        self.seen.open_session(metadata, ours);
        Ok(Response::new(ReceiverStream::new(receiver).boxed()))
    }

    async fn disk_usage(
        &self,
        _: Request<proto::DiskUsageRequest>,
    ) -> Result<Response<proto::DiskUsageResponse>, Status> {
        let record = self.script.usage.lock().unwrap().clone();
        Ok(Response::new(proto::DiskUsageResponse { record }))
    }

    type PruneStream = BoxStream<proto::UsageRecord>;

    /// As BuildKit: what matches any filter goes, everything where there is
    /// none, and nothing that is in use.
    async fn prune(
        &self,
        request: Request<proto::PruneRequest>,
    ) -> Result<Response<Self::PruneStream>, Status> {
        let request = request.into_inner();
        self.seen.prunes.lock().unwrap().push(request.clone());
        let mut records = self.script.usage.lock().unwrap();
        let matches = |record: &proto::UsageRecord| {
            let named = request.filter.contains(&format!("id=={}", record.id));
            (request.filter.is_empty() || named)
                && (request.all || !record.shared)
                && !record.in_use
        };
        let (gone, left) = records.drain(..).partition(matches);
        *records = left;
        let gone: Vec<proto::UsageRecord> = gone;
        Ok(Response::new(stream::iter(gone).map(Ok).boxed()))
    }

    async fn list_workers(
        &self,
        _: Request<proto::ListWorkersRequest>,
    ) -> Result<Response<proto::ListWorkersResponse>, Status> {
        let platforms = self.script.platforms.clone();
        let worker = WorkerRecord {
            id: "worker".into(),
            platforms,
            ..Default::default()
        };
        let record = match worker.platforms.is_empty() {
            true => Vec::new(),
            false => vec![worker],
        };
        Ok(Response::new(proto::ListWorkersResponse { record }))
    }

    async fn info(
        &self,
        _: Request<proto::InfoRequest>,
    ) -> Result<Response<proto::InfoResponse>, Status> {
        let Some(version) = self.script.version.clone() else {
            return Err(Status::unimplemented("unknown method Info"));
        };
        Ok(Response::new(proto::InfoResponse {
            buildkit_version: Some(
                bollard_buildkit_proto::moby::buildkit::v1::types::BuildkitVersion {
                    version,
                    ..Default::default()
                },
            ),
        }))
    }

    type ListenBuildHistoryStream = BoxStream<proto::BuildHistoryEvent>;

    async fn listen_build_history(
        &self,
        request: Request<proto::BuildHistoryRequest>,
    ) -> Result<Response<Self::ListenBuildHistoryStream>, Status> {
        self.seen.history_calls.fetch_add(1, Ordering::SeqCst);
        use proto::BuildHistoryEventType::{Complete, Started};
        let request = request.into_inner();
        // BuildKit never gives up a record that was asked for by its reference.
        assert_eq!(request.r#ref, "", "a build was asked for by its reference");
        let active = self.script.always_active || self.seen.solving.load(Ordering::SeqCst);
        let mut events = Vec::new();
        if active {
            let solves = self.seen.solves.lock().unwrap();
            events.extend(solves.last().map(|solve| (Started, solve.r#ref.clone())));
        }
        if !request.active_only {
            let history = self.script.history.lock().unwrap();
            events.extend(history.iter().map(|build| (Complete, build.clone())));
        }
        let named = events.into_iter().map(|(kind, reference)| {
            let record = proto::BuildHistoryRecord {
                r#ref: reference,
                ..Default::default()
            };
            (kind, record)
        });
        let records = self.script.records.lock().unwrap().clone().into_iter();
        let whole = records.filter_map(|record| match record.completed_at {
            None => Some((Started, record)),
            Some(_) if request.active_only => None,
            Some(_) => Some((Complete, record)),
        });
        let events = named.chain(whole).map(|(kind, record)| {
            Ok(proto::BuildHistoryEvent {
                r#type: kind.into(),
                record: Some(record),
            })
        });
        let events = stream::iter(events.collect::<Vec<_>>());
        Ok(Response::new(match request.early_exit {
            true => events.boxed(),
            false => events.chain(stream::pending()).boxed(),
        }))
    }

    async fn update_build_history(
        &self,
        request: Request<proto::UpdateBuildHistoryRequest>,
    ) -> Result<Response<proto::UpdateBuildHistoryResponse>, Status> {
        let request = request.into_inner();
        assert!(request.delete && !request.pinned);
        if self.script.kept.contains(&request.r#ref) {
            return Err(Status::unknown("lease does not exist: not found"));
        }
        let mut history = self.script.history.lock().unwrap();
        history.retain(|build| *build != request.r#ref);
        Ok(Response::new(proto::UpdateBuildHistoryResponse {}))
    }
}
