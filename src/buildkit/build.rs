//! One build: Solve, with the session and the status stream beside it; or several
//! that are one, with a Solve and a status stream for each.
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
use super::request::{BakeRequest, BuildEnd, BuildError, BuildReply, BuildRequest, Export};
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
        let mut end = BuildEnd {
            wall: Duration::ZERO,
            context_bytes: 0,
            layout_bytes: 0,
            result: Err(BuildError::Cancelled),
        };
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
            mut session,
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
        let wait = until_answered(answer, timeout, &mut session, &mut status, &sink, &cancel);
        end.result = wait.await;
        end.wall = answered_after.unwrap_or_else(|| started.elapsed());

        session.close().await;
        end.context_bytes = sent.load(Ordering::Relaxed);
        end.layout_bytes = content.sent();
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
        let Some(first) = targets.first() else {
            return Err(setup("no target to build".into()));
        };
        let mut served = Served::default();
        let mut solves = Vec::new();
        let mut archive = None;
        let mut secrets = BTreeMap::new();
        let mut ssh = BTreeMap::new();
        for target in targets {
            let prepared = solve::prepare(target.request, self.daemon(), &mut served);
            let prepared = prepared.map_err(|error| target.on(error))?;
            if targets.len() > 1 && target.request.export != Export::CacheOnly {
                return Err(setup("of several targets nothing can be exported".into()));
            }
            solves.push(prepared.solve);
            archive = archive.or(prepared.archive);
            secrets.extend(target.request.secrets.clone());
            ssh.extend(target.request.ssh.clone());
        }
        let names: Vec<&str> = targets.iter().map(|target| target.name).collect();
        let links = Links::of(&names, &solves).map_err(setup)?;
        let sent = Arc::new(AtomicU64::new(0));
        let files = FileSync::new(served.folders, Arc::clone(&sent));
        let content = ContentStores::new(served.stores, served.caches);
        let offer = Offer {
            files: files.marked(first.request.context_mark),
            credentials: self.credentials(),
            secrets,
            ssh,
            content: content.clone(),
            archive: archive.clone(),
        };
        let plan = session::Plan::new(&first.request.shared_key, offer);
        let (control, connection) =
            future::join(self.connect(), self.session(plan.metadata())).await;
        let control = control.map_err(|error| BuildError::LostBuilder {
            message: error.to_string(),
        })?;
        let session = Session::open(plan, connection, control.clone());
        for solve in &mut solves {
            session.id().clone_into(&mut solve.session);
        }
        Ok(Started {
            solves,
            links,
            session,
            control,
            sent,
            content,
            written: served.written,
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

/// A build whose clock is about to run.
struct Started {
    solves: Vec<proto::SolveRequest>,
    links: Links,
    session: Session,
    control: Control,
    sent: Arc<AtomicU64>,
    content: ContentStores,
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
    session: &mut Session,
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
        let reason = session.ended().await;
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
