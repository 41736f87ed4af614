//! One build: Solve, with the session and the status stream beside it; or several
//! that are one, with a Solve and a status stream for each.
//!
//! BuildKit calls the main context of every build `context`, and asks the session of the build
//! for it (`contextkey` names the attribute of a URL alone: `frontend/dockerui/context.go`). So
//! builds share a session if they have one folder as their main context, and only then.
//!
//! The clock runs from sending Solve until it has returned. Dialling comes
//! before it, and the rest of the status stream after.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bollard_buildkit_proto::moby::buildkit::v1 as proto;
use futures_util::future::Either;
use futures_util::{FutureExt, Stream, StreamExt, TryFutureExt, future, stream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;

use super::cache_folder;
use super::client::Client;
use super::control::Control;
use super::error::{is_lost, message_of};
use super::filesync::FileSync;
use super::gateway::Links;
use super::request::{BakeRequest, BuildEnd, BuildError, BuildReply, BuildRequest, Export, Secret};
use super::session::{self, Archive, ContentStores, Offer, Session};
use super::solve::{self, Served};
use super::status::solve_status;
use super::text::{MESSAGE, NAME, bounded};
use super::together::Together;
use crate::trace::SolveStatus;

/// What BuildKit calls the manifest of the cache that it exported.
const CACHE_MANIFEST: &str = "cache.manifest";
/// After Solve has returned, the status stream is read on until it ends or has
/// been silent for this long. It is buildx's rule.
const STATUS_SILENCE: Duration = Duration::from_secs(5);
/// The same after a build that was cut off: nobody wants to wait.
const STATUS_SILENCE_CUT: Duration = Duration::from_secs(1);
/// No status stream is read for longer than this after Solve has returned.
const STATUS_LAG: Duration = Duration::from_secs(60);
/// A solve whose session has ended will end, too; this is how long that may
/// take.
const SESSION_GRACE: Duration = Duration::from_secs(10);
/// How long a solve that was cancelled may take to be gone from the server.
const GONE_LIMIT: Duration = Duration::from_secs(5);
/// How often the server is asked whether it is.
const GONE_PAUSE: Duration = Duration::from_millis(50);

impl Client {
    /// Builds, sending status to `sink` as it arrives. Returns when Solve has
    /// returned and the status stream has ended or gone silent.
    ///
    /// When `cancel` is cancelled or the request's time limit passes, the
    /// solve is cancelled on the server too, and this returns when it is gone
    /// there (or after five seconds). Dropping the future cancels the solve as
    /// well, without waiting.
    pub async fn build(
        &self,
        request: &BuildRequest,
        sink: mpsc::UnboundedSender<SolveStatus>,
        cancel: CancellationToken,
    ) -> BuildEnd {
        let alone = Target { name: "", request };
        self.solve(&[alone], request.timeout, sink, cancel).await
    }

    /// Builds all targets at the same time, as [`Self::build`] builds one. The clock
    /// runs until the last has ended; one that fails cancels the others.
    pub async fn bake(
        &self,
        request: &BakeRequest,
        sink: mpsc::UnboundedSender<SolveStatus>,
        cancel: CancellationToken,
    ) -> BuildEnd {
        let targets = request.targets.iter();
        let targets: Vec<Target<'_>> = targets
            .map(|target| Target {
                name: &target.name,
                request: &target.request,
            })
            .collect();
        self.solve(&targets, request.timeout, sink, cancel).await
    }

    async fn solve(
        &self,
        targets: &[Target<'_>],
        timeout: Option<Duration>,
        sink: mpsc::UnboundedSender<SolveStatus>,
        cancel: CancellationToken,
    ) -> BuildEnd {
        let mut end = BuildEnd::before(BuildError::Cancelled);
        let started = match cancel.run_until_cancelled(self.start(targets)).await {
            None => return end,
            Some(Err(error)) => {
                end.result = Err(error);
                return end;
            }
            Some(Ok(started)) => started,
        };
        let Started {
            solves,
            links,
            mut sessions,
            control,
            sent,
            content,
            written,
            archive,
        } = started;
        let names: Vec<&str> = targets.iter().map(|target| target.name).collect();
        let mut together = Together::new(names.clone());
        let streams = targets.iter().enumerate().map(|(place, target)| {
            let stream = status_stream(control.clone(), target.request.reference.clone());
            stream.map(move |status| (place, status)).boxed()
        });
        let streams = stream::select_all(streams);
        let mut status = streams.map(|(place, status)| together.of(place, status));

        let started = Instant::now();
        let mut answered_after = None;
        let names = names.into_iter().map(str::to_owned).collect();
        let answer = solved(control.clone(), (names, solves), links, &mut answered_after);
        let wait = until_answered(answer, timeout, &mut sessions, &mut status, &sink, &cancel);
        end.result = wait.await;
        end.wall = answered_after.unwrap_or_else(|| started.elapsed());

        future::join_all(sessions.into_iter().map(Session::close)).await;
        end.context_bytes = sent.load(Ordering::Relaxed);
        end.received = archive.as_ref().and_then(Archive::received);
        end.layout_bytes = content.iter().map(ContentStores::sent).sum();
        match &end.result {
            Ok(_) | Err(BuildError::Failed { .. }) => {
                forward_rest(&mut status, &sink, STATUS_SILENCE).await;
            }
            Err(_) => {
                let references = targets.iter().map(|target| &target.request.reference);
                let gone = until_gone(control, references.collect());
                let rest = forward_rest(&mut status, &sink, STATUS_SILENCE_CUT);
                future::join(gone, rest).await;
            }
        }
        if let Err(BuildError::LostBuilder { message }) = &mut end.result
            && let Some(fate) = self.fate(message).await
        {
            *message = format!("{fate} ({message})");
        }
        let reply = end.result.and_then(|reply| keep_caches(&written, reply));
        end.result = reply.and_then(|reply| store(archive).map(|()| reply));
        end
    }

    /// What comes before the clock runs: the requests as BuildKit takes them, and
    /// the connections.
    async fn start(&self, targets: &[Target<'_>]) -> Result<Started, BuildError> {
        let setup = |message: String| BuildError::Setup { message };
        if targets.is_empty() {
            return Err(setup("no target to build".into()));
        }
        let mut groups: Vec<Group<'_>> = Vec::new();
        let mut solves = Vec::new();
        let mut archive = None;
        for (place, target) in targets.iter().enumerate() {
            let of_folder = |group: &Group<'_>| group.first.context == target.request.context;
            let at = groups.iter().position(of_folder).unwrap_or_else(|| {
                groups.push(Group::new(target.request));
                groups.len() - 1
            });
            let group = &mut groups[at];
            let prepared = solve::prepare(target.request, self.daemon(), &mut group.served);
            let prepared = prepared.map_err(|error| target.on(error))?;
            if targets.len() > 1 && target.request.export != Export::CacheOnly {
                return Err(setup("of several targets nothing can be exported".into()));
            }
            solves.push(prepared.solve);
            archive = archive.or(prepared.archive);
            group.secrets.extend(target.request.secrets.clone());
            group.ssh.extend(target.request.ssh.clone());
            group.solves.push(place);
        }
        let names: Vec<&str> = targets.iter().map(|target| target.name).collect();
        let links = Links::of(&names, &solves).map_err(setup)?;
        let sent = Arc::new(AtomicU64::new(0));
        let mut content = Vec::new();
        let mut written = Vec::new();
        let mut plans = Vec::new();
        for group in groups {
            let files = FileSync::new(group.served.folders, Arc::clone(&sent));
            let stores = ContentStores::new(group.served.stores, group.served.caches);
            content.push(stores.clone());
            written.extend(group.served.written);
            let offer = Offer {
                files: files.marked(group.first.context_mark),
                credentials: self.credentials(),
                secrets: group.secrets,
                ssh: group.ssh,
                content: stores,
                archive: archive.clone(),
            };
            let plan = session::Plan::new(&group.first.shared_key, offer);
            plans.push((plan, group.solves));
        }
        let connections = plans.iter().map(|(plan, _)| self.session(plan.metadata()));
        let (control, connections) =
            future::join(self.connect(), future::join_all(connections)).await;
        let control = control.map_err(|error| BuildError::LostBuilder {
            message: error.to_string(),
        })?;
        let mut sessions = Vec::new();
        for ((plan, of_plan), connection) in plans.into_iter().zip(connections) {
            let session = Session::open(plan, connection, control.clone());
            for place in of_plan {
                session.id().clone_into(&mut solves[place].session);
            }
            sessions.push(session);
        }
        Ok(Started {
            solves,
            links,
            sessions,
            control,
            sent,
            content,
            written,
            archive,
        })
    }
}

/// A build, and its name if it is one of several.
struct Target<'a> {
    name: &'a str,
    request: &'a BuildRequest,
}

impl Target<'_> {
    /// An error of its own, before it was sent.
    fn on(&self, error: BuildError) -> BuildError {
        match error {
            BuildError::Setup { message } if !self.name.is_empty() => BuildError::Setup {
                message: format!("target {}: {message}", self.name),
            },
            error => error,
        }
    }
}

/// Builds that share a session, as they have one main context.
struct Group<'a> {
    first: &'a BuildRequest,
    served: Served,
    secrets: BTreeMap<String, Secret>,
    ssh: BTreeMap<String, PathBuf>,
    /// Places of its builds.
    solves: Vec<usize>,
}

impl<'a> Group<'a> {
    fn new(first: &'a BuildRequest) -> Self {
        Self {
            first,
            served: Served::default(),
            secrets: BTreeMap::new(),
            ssh: BTreeMap::new(),
            solves: Vec::new(),
        }
    }
}

/// A build whose clock is about to run.
struct Started {
    solves: Vec<proto::SolveRequest>,
    links: Links,
    sessions: Vec<Session>,
    control: Control,
    sent: Arc<AtomicU64>,
    /// Of each session.
    content: Vec<ContentStores>,
    written: Vec<PathBuf>,
    archive: Option<Archive>,
}

/// Names what was exported as the caches of their folders.
fn keep_caches(written: &[PathBuf], reply: BuildReply) -> Result<BuildReply, BuildError> {
    if let Some(manifest) = reply.exporter.get(CACHE_MANIFEST) {
        for folder in written {
            let kept = cache_folder::set_manifest(folder, manifest);
            kept.map_err(|error| BuildError::Failed {
                message: format!("cannot store the exported cache: {error}"),
            })?;
        }
    }
    Ok(reply)
}

/// Puts the exported archive where it was asked for.
fn store(archive: Option<Archive>) -> Result<(), BuildError> {
    let Some(archive) = archive else {
        return Ok(());
    };
    archive.persist().map_err(|error| BuildError::Failed {
        message: format!("cannot store the exported archive: {error}"),
    })
}

/// The answers of all solves, and how long they took.
///
/// The calls are made in a task of its own: whoever is slow to take the status
/// cannot hold up the clock.
fn solved(
    control: Control,
    (names, solves): (Vec<String>, Vec<proto::SolveRequest>),
    links: Links,
    answered_after: &mut Option<Duration>,
) -> impl Future<Output = Result<BuildReply, BuildError>> {
    let started = Instant::now();
    let call = AbortOnDropHandle::new(tokio::spawn(async move {
        let solving = solves.into_iter().enumerate().map(|(place, solve)| {
            let answer = links.solve(place, control.clone(), solve);
            answer.map_err(move |status| (place, status))
        });
        let answers = future::try_join_all(solving).await;
        (answers, started.elapsed())
    }));
    async move {
        let (answers, elapsed) = call.await.map_err(|error| BuildError::Failed {
            message: format!("the call of Solve broke off: {error}"),
        })?;
        *answered_after = Some(elapsed);
        match answers {
            Ok(answers) => Ok(build_reply(answers)),
            Err((place, status)) => {
                let name = names.get(place).filter(|_| names.len() > 1);
                Err(failure(&status, name.map(String::as_str)))
            }
        }
    }
}

/// Waits for Solve's answer, forwarding status. Whatever ends the wait, the
/// call is dropped on return, which resets its stream: so the server learns
/// that nobody wants the answer any more, and stops.
async fn until_answered(
    solve: impl Future<Output = Result<BuildReply, BuildError>>,
    limit: Option<Duration>,
    sessions: &mut [Session],
    status: &mut (impl Stream<Item = SolveStatus> + Unpin),
    sink: &mpsc::UnboundedSender<SolveStatus>,
    cancel: &CancellationToken,
) -> Result<BuildReply, BuildError> {
    let mut solve = pin!(solve);
    let mut limit = pin!(match limit {
        Some(limit) => Either::Left(tokio::time::sleep(limit).map(move |()| limit)),
        None => Either::Right(future::pending()),
    });
    let mut session_lost = pin!(async {
        let ends = sessions.iter_mut().map(|session| session.ended().boxed());
        let (reason, ..) = future::select_all(ends).await;
        tokio::time::sleep(SESSION_GRACE).await;
        reason
    });
    loop {
        tokio::select! {
            biased;
            answer = &mut solve => return answer,
            () = cancel.cancelled() => return Err(BuildError::Cancelled),
            limit = &mut limit => return Err(BuildError::TimedOut(limit)),
            message = &mut session_lost => return Err(BuildError::LostBuilder { message }),
            Some(message) = status.next() => forward(sink, message),
        }
    }
}

/// The status of a build from its start, until it ends or breaks. The server
/// waits some seconds for a build that it does not know yet.
fn status_stream(mut control: Control, reference: String) -> impl Stream<Item = SolveStatus> {
    let opening = async move { control.status(reference).await };
    opening
        .try_flatten_stream()
        .take_while(|message| future::ready(message.is_ok()))
        .filter_map(|message| future::ready(message.ok().map(solve_status)))
}

fn forward(sink: &mpsc::UnboundedSender<SolveStatus>, message: SolveStatus) {
    // A caller that reads no status may still want the build.
    let _ = sink.send(message);
}

async fn forward_rest(
    status: &mut (impl Stream<Item = SolveStatus> + Unpin),
    sink: &mpsc::UnboundedSender<SolveStatus>,
    silence: Duration,
) {
    let rest = async {
        while let Ok(Some(message)) = tokio::time::timeout(silence, status.next()).await {
            forward(sink, message);
        }
    };
    // Being cut off is no error: the stream is late, and the build is over.
    let _ = tokio::time::timeout(STATUS_LAG, rest).await;
}

/// Waits until the server runs none of these solves any more, so that what comes
/// next does not share the machine with them.
async fn until_gone(mut control: Control, references: Vec<&String>) {
    let gone = async {
        while is_active(&mut control, &references).await == Ok(true) {
            tokio::time::sleep(GONE_PAUSE).await;
        }
    };
    // After that, waiting longer helps nobody.
    let _ = tokio::time::timeout(GONE_LIMIT, gone).await;
}

async fn is_active(control: &mut Control, references: &[&String]) -> Result<bool, ()> {
    // Not asked for by its reference: BuildKit would then never take it out of
    // its history, but only hide it until it is started again
    // (`HistoryQueue.delete`).
    let request = proto::BuildHistoryRequest {
        active_only: true,
        early_exit: true,
        ..Default::default()
    };
    let mut events = control.listen_build_history(request).await.map_err(drop)?;
    while let Some(event) = events.message().await.map_err(drop)? {
        let is_one = |found: &[u8]| references.iter().any(|it| it.as_bytes() == found);
        if event.record.is_some_and(|record| is_one(&record.reference)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn build_reply(responses: Vec<proto::SolveResponse>) -> BuildReply {
    let answers = responses.into_iter().flat_map(|it| it.exporter_response);
    let exporter = answers
        .map(|(key, value)| {
            (
                bounded(key.as_bytes(), NAME),
                bounded(value.as_bytes(), MESSAGE),
            )
        })
        .collect();
    BuildReply { exporter }
}

/// What went wrong, of a target if there are several.
fn failure(status: &Status, target: Option<&str>) -> BuildError {
    let message = message_of(status);
    if is_lost(status) {
        BuildError::LostBuilder { message }
    } else {
        BuildError::Failed {
            message: match target {
                Some(target) => format!("target {target}: {message}"),
                None => message,
            },
        }
    }
}
