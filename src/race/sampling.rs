//! One build: of a sample, timed and watched, or of the state that a finished
//! sample left, made again.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::cache_guard::OtherBuilds;
use super::cache_mounts::{CacheMounts, SavedMounts};
use super::chain::Chain;
use super::host::HostSampler;
use super::image::Inspection;
use super::observer::Observer;
use super::place::Place;
use super::runner::{Race, RaceError, RunState, notify, warn};
use super::sample_outcome::{disturbances, outcome_of};
use super::sample_parts::parts;
use super::slot_build::SlotBuild;
use crate::builder::BuilderError;
use crate::buildkit::{BakeRequest, BuildEnd, BuildError};
use crate::model::Event;
use crate::model::{BuildPart, Failure, Outcome, Sample, Slot};
use crate::trace::{SolveStatus, Trace};

/// How often a observer hears that time has passed.
const TICK: Duration = Duration::from_millis(100);

/// More bytes of layouts than the indexes, manifests and configurations that a
/// builder may ask for each time.
const DOCUMENTS: u64 = 1_000_000;

impl Race<'_> {
    /// Builds what a finished sample built, so that the builds after it have the
    /// state to start from. It is neither timed nor recorded: the sample is there. BuildKit keeps a record of it, as of samples: by that it is
    /// known whose its cache records are, should the run be killed again.
    pub(super) async fn make_again(
        &self,
        slot: &Slot,
        entry: &SlotBuild<'_>,
        chain: &mut Chain,
        run: &mut RunState<'_>,
    ) -> Result<(), RaceError> {
        let message = match self.earlier.has(slot) {
            true => format!(
                "the run was cut off after {}: the cache state that it left is made again, untimed",
                slot.id
            ),
            false => format!(
                "the cache state that {} of {} starts from is gone: it is made again, untimed",
                slot.variant, slot.scenario
            ),
        };
        warn(&mut run.observer, message)?;
        self.emulate(entry.variant)?;
        let request = self.request(slot, entry, chain, run);
        let (sink, _ignored) = mpsc::unbounded_channel();
        let stop = run.stop.child_token();
        let builder = entry.place.builder;
        let place = entry.variant.cell.place;
        run.exports.add(&chain.name, place, &request);
        let end = builder.bake(&request, sink, stop).await;
        self.remove_replaced_exports(&chain.name, run).await?;
        run.rest.disturbed();
        if end.result.is_ok()
            && slot.kind.starts_empty()
            && let Some(mounts) =
                self.cache_mounts(slot, entry, chain, run.copying_image(entry), run.prefix)
        {
            match mounts.save(run.stop).await {
                Ok(saved) => {
                    chain.saved_mounts = saved.ids;
                    chain.saved_in = saved.folder;
                }
                Err(_) if run.stop.is_cancelled() => return Ok(()),
                Err(error) => {
                    return Err(RaceError::Again {
                        sample: slot.id.clone(),
                        error: self.redaction.text(&error),
                    });
                }
            }
        }
        match end.result {
            Err(error) if !run.stop.is_cancelled() => Err(RaceError::Again {
                sample: slot.id.clone(),
                error: self.redaction.text(&error.to_string()),
            }),
            _ => Ok(()),
        }
    }

    fn request(
        &self,
        slot: &Slot,
        entry: &SlotBuild<'_>,
        chain: &Chain,
        run: &RunState<'_>,
    ) -> BakeRequest {
        entry.request(
            slot,
            chain,
            entry.platforms(slot.kind),
            &self.earlier.prefix(run.prefix),
            self.timeout(),
            self.secrets,
        )
    }

    /// What copies a job's cache mounts, where they are restored.
    fn cache_mounts<'s>(
        &self,
        slot: &Slot,
        entry: &'s SlotBuild<'s>,
        chain: &Chain,
        image: Option<&'s str>,
        prefix: &str,
    ) -> Option<CacheMounts<'s>> {
        let prefix = self.earlier.prefix(prefix);
        entry.cache_mounts(slot, chain, image, &prefix, self.timeout())
    }

    /// Builds one sample. With it comes an error where the builder did not
    /// answer afterwards; the sample counts all the same.
    pub(super) async fn sample(
        &self,
        slot: &Slot,
        entry: &SlotBuild<'_>,
        chain: &mut Chain,
        run: &mut RunState<'_>,
    ) -> Result<(Sample, Option<BuilderError>), RaceError> {
        let request = self.request(slot, entry, chain, run);
        let place = entry.place;
        let others = OtherBuilds::note(place.builder, run.prefix).await?;
        let busy_before = self.rest(place, run).await?;
        self.emulate(entry.variant)?;
        notify(
            &mut run.observer,
            Event::SampleStarted {
                at: Timestamp::now(),
                sample: slot.id.clone(),
            },
        )?;
        run.exports
            .add(&chain.name, entry.variant.cell.place, &request);
        let mut host = HostSampler::start(place.disk, busy_before);
        let mut trace = Trace::default();
        let cancel = run.stop.child_token();
        let image = run.copying_image(entry).map(str::to_owned);
        let mounts = self.cache_mounts(slot, entry, chain, image.as_deref(), run.prefix);
        let restored = match &mounts {
            Some(mounts) => mounts.restore(&chain.saved_mounts, &cancel).await,
            None => Ok(None),
        };
        let observer = &mut run.observer;
        let (end, written) = self
            .build(
                place,
                (slot, &request),
                &mut trace,
                &mut host,
                observer,
                &cancel,
            )
            .await;
        let saved = match &mounts {
            Some(mounts) if end.result.is_ok() => mounts.save(&cancel).await,
            _ => Ok(SavedMounts::default()),
        };
        if let Some(mounts) = &mounts {
            mounts.forget();
        }
        let host = host.finish(&mut run.rest).await;
        self.remove_replaced_exports(&chain.name, run).await?;
        written?;
        if end.layout_bytes > DOCUMENTS {
            warn(&mut run.observer, image_sent(slot, end.layout_bytes))?;
        }
        let lost = matches!(end.result, Err(BuildError::LostBuilder { .. }));
        let mut unsure = None;
        let disturbances = if lost {
            vec![]
        } else {
            match others.since(place.builder, run.prefix).await {
                Ok(others) => {
                    if !others.is_empty() {
                        run.places[entry.variant.cell.place].guard.saw_others();
                    }
                    disturbances(&others)
                }
                Err(error) => {
                    unsure = Some(error);
                    vec!["could not list the builds of others".to_owned()]
                }
            }
        };
        let (outcome, failure) = outcome_of(&end, &trace, &disturbances, imports(&request));
        let judged = match outcome {
            Outcome::Ok => {
                if let Some((count, step)) = chain.add(slot.kind, &trace) {
                    warn(&mut run.observer, chain_lost(slot, count, &step))?;
                }
                match request.only() {
                    Some(only) => self.image_of(slot, entry, only, run).await?,
                    // Of several images none is checked.
                    None => Inspection::of(Outcome::Ok, None, None),
                }
            }
            outcome => Inspection::of(outcome, failure, None),
        };
        let (judged, moved) = with_mounts(judged, restored, saved, slot, chain);
        let failure = judged.failure;
        let failure = failure.map(|failure| self.redaction.failure(failure));
        let sample = Sample {
            slot: slot.clone(),
            platforms: request.platforms(),
            outcome: judged.outcome,
            wall: end.wall + moved.iter().map(|part| part.seconds).sum::<Duration>(),
            server: trace.server_span(),
            steps: trace.count(),
            cached_steps: trace.cached_count(),
            context_bytes: end.context_bytes,
            parts: parts(&trace, &end, &request, moved),
            image_bytes: judged.bytes,
            output_checked: judged.output_checked,
            disturbances,
            host,
            failure,
        };
        Ok((sample, unsure))
    }

    /// Waits for the machine to come to rest, so that what was before is no
    /// part of the sample; how busy its CPUs were at the end of the wait.
    async fn rest(
        &self,
        place: &Place<'_>,
        run: &mut RunState<'_>,
    ) -> Result<Option<f64>, RaceError> {
        if place.disk.is_none() {
            return Ok(None);
        }
        run.observer
            .phase("waiting for the machine to come to rest");
        let before = run.rest.before().await;
        if before.gave_up {
            let busy = before.busy.unwrap_or_default() * 100.0;
            warn(
                &mut run.observer,
                format!(
                    "the machine does not come to rest ({busy:.0}% of its CPU time is busy): \
                     buildrace waits less from now on"
                ),
            )?;
        }
        Ok(before.busy)
    }

    /// Builds, while the observer hears every status and the host is watched.
    /// A observer that fails cancels the build.
    async fn build(
        &self,
        place: &Place<'_>,
        (slot, request): (&Slot, &BakeRequest),
        trace: &mut Trace,
        host: &mut HostSampler,
        observer: &mut dyn Observer,
        cancel: &CancellationToken,
    ) -> (BuildEnd, Result<(), RaceError>) {
        let (sink, mut statuses) = mpsc::unbounded_channel();
        let mut written = Ok(());
        let mut hear = |mut status: SolveStatus, trace: &mut Trace, observer: &mut dyn Observer| {
            self.redaction.status(&mut status);
            trace.push(&status);
            if written.is_ok()
                && let Err(error) = observer.status(slot, &status, trace)
            {
                written = Err(RaceError::Observer(error));
                cancel.cancel();
            }
        };
        let build = place.builder.bake(request, sink, cancel.clone());
        tokio::pin!(build);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let end = loop {
            tokio::select! {
                biased;
                end = &mut build => break end,
                Some(status) = statuses.recv() => hear(status, trace, observer),
                _ = ticks.tick() => {
                    host.tick();
                    observer.tick(slot, trace);
                }
            }
        };
        while let Ok(status) = statuses.try_recv() {
            hear(status, trace, observer);
        }
        (end, written)
    }
}

/// Whether a build is to import a remote cache.
fn imports(request: &BakeRequest) -> bool {
    let mut targets = request.targets.iter();
    targets.any(|it| !it.request.cache_from.is_empty())
}

/// A judgement with that of the cache mounts, and the time that those took. The first job
/// of a chain leaves its ids to the others.
fn with_mounts(
    judged: Inspection,
    restored: Result<Option<BuildPart>, String>,
    saved: Result<SavedMounts, String>,
    slot: &Slot,
    chain: &mut Chain,
) -> (Inspection, Vec<BuildPart>) {
    let mut moved = Vec::new();
    let mut failures = Vec::new();
    match restored {
        Ok(part) => moved.extend(part),
        Err(message) => failures.push(message),
    }
    match saved {
        Ok(saved) => {
            moved.extend(saved.part);
            if slot.kind.starts_empty() {
                chain.saved_mounts = saved.ids;
                chain.saved_in = saved.folder;
            }
        }
        Err(message) => failures.push(message),
    }
    let judged = match (judged.outcome, failures.into_iter().next()) {
        (Outcome::Ok, Some(message)) => Inspection {
            outcome: Outcome::NotTransferred,
            failure: Some(Failure {
                message,
                step: None,
                exit_code: None,
                log_tail: Vec::new(),
            }),
            ..judged
        },
        _ => judged,
    };
    (judged, moved)
}

/// `r1-02-… includes 170 MB of base images …`
fn image_sent(slot: &Slot, bytes: u64) -> String {
    format!(
        "the time of {} includes {} MB of base images that were sent to the builder: it did not \
         have them any more, and its disk may be full",
        slot.id,
        bytes.div_ceil(1_000_000)
    )
}

/// `r1-02-… found 3 steps of its own chain not in the cache, …`
fn chain_lost(slot: &Slot, count: usize, step: &str) -> String {
    format!(
        "{} executed what the builds before it had left in the cache, {step} first ({count} in all): \
         the builder lost it, or something outside the sources changed",
        slot.id
    )
}
