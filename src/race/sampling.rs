//! One build: of a sample, timed and watched, or of the state that a finished
//! sample left, made again.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::cache::OtherBuilds;
use super::entry::Entry;
use super::event::Event;
use super::host::HostSampler;
use super::image::Judged;
use super::outcome::{disturbances, judge};
use super::recorder::Recorder;
use super::runner::{Race, RaceError, record, warn};
use crate::builder::BuilderError;
use crate::buildkit::{BuildEnd, BuildError, BuildRequest};
use crate::model::{Outcome, Sample, Slot};
use crate::trace::{SolveStatus, Trace};

/// How often a recorder hears that time has passed.
const TICK: Duration = Duration::from_millis(100);

impl Race<'_> {
    /// Builds what a finished sample built, so that the rest of its block has
    /// the state to start from. It is neither timed nor recorded: the sample
    /// is there.
    pub(super) async fn make_again(
        &self,
        slot: &Slot,
        entry: &Entry<'_>,
        context: &Path,
        recorder: &mut dyn Recorder,
        stop: &CancellationToken,
        prefix: &str,
    ) -> Result<(), RaceError> {
        warn(
            recorder,
            format!(
                "the run was cut off after {}: the cache state that it left is made again, untimed",
                slot.sample
            ),
        )?;
        let platforms = entry.platforms(slot.kind);
        let request = entry.request(
            slot,
            context,
            platforms,
            &self.earlier.prefix(prefix),
            self.timeout(),
            self.secrets,
        );
        let (sink, _ignored) = mpsc::unbounded_channel();
        let end = self.builder.build(&request, sink, stop.child_token()).await;
        match end.result {
            Err(error) if !stop.is_cancelled() => Err(RaceError::Again {
                sample: slot.sample.clone(),
                error: self.redaction.text(&error.to_string()),
            }),
            _ => Ok(()),
        }
    }

    /// Builds one sample. With it comes an error where the builder did not
    /// answer afterwards; the sample counts all the same.
    pub(super) async fn sample(
        &self,
        slot: &Slot,
        entry: &Entry<'_>,
        context: &Path,
        recorder: &mut dyn Recorder,
        stop: &CancellationToken,
        prefix: &str,
    ) -> Result<(Sample, Option<BuilderError>), RaceError> {
        record(
            recorder,
            Event::SampleStarted {
                at: Timestamp::now(),
                sample: slot.sample.clone(),
            },
        )?;
        let platforms = entry.platforms(slot.kind);
        let request = entry.request(
            slot,
            context,
            platforms.clone(),
            &self.earlier.prefix(prefix),
            self.timeout(),
            self.secrets,
        );
        let others = OtherBuilds::note(self.builder, prefix).await?;
        let mut host = HostSampler::start(self.disk).await;
        let mut trace = Trace::default();
        let cancel = stop.child_token();
        let (end, written) = self
            .build(slot, &request, &mut trace, &mut host, recorder, &cancel)
            .await;
        let host = host.finish().await;
        written?;
        let lost = matches!(end.result, Err(BuildError::LostBuilder { .. }));
        let mut unsure = None;
        let disturbances = if lost {
            vec![]
        } else {
            match others.since(self.builder, prefix).await {
                Ok(others) => disturbances(&others),
                Err(error) => {
                    unsure = Some(error);
                    vec!["could not list the builds of others".to_owned()]
                }
            }
        };
        let (outcome, failure) = judge(&end, &trace);
        let judged = match outcome {
            Outcome::Ok => self.image_of(slot, entry, &request, recorder, stop).await?,
            outcome => Judged::of(outcome, failure, None),
        };
        let failure = judged.failure;
        let failure = failure.map(|failure| self.redaction.failure(failure));
        let sample = Sample {
            id: slot.sample.clone(),
            scenario: slot.scenario.clone(),
            variant: slot.variant.clone(),
            kind: slot.kind,
            round: slot.round,
            position: slot.position,
            platforms,
            outcome: judged.outcome,
            wall: end.wall,
            server: trace.server_span(),
            steps: trace.count(),
            cached_steps: trace.cached_count(),
            context_bytes: end.context_bytes,
            image_bytes: judged.bytes,
            output_checked: judged.output_checked,
            disturbances,
            host,
            failure,
        };
        Ok((sample, unsure))
    }

    /// Builds, while the recorder hears every status and the host is watched.
    /// A recorder that fails cancels the build.
    async fn build(
        &self,
        slot: &Slot,
        request: &BuildRequest,
        trace: &mut Trace,
        host: &mut HostSampler,
        recorder: &mut dyn Recorder,
        cancel: &CancellationToken,
    ) -> (BuildEnd, Result<(), RaceError>) {
        let (sink, mut statuses) = mpsc::unbounded_channel();
        let mut written = Ok(());
        let mut hear = |mut status: SolveStatus, trace: &mut Trace, recorder: &mut dyn Recorder| {
            self.redaction.status(&mut status);
            trace.push(&status);
            if written.is_ok()
                && let Err(error) = recorder.status(slot, &status, trace)
            {
                written = Err(RaceError::Recorder(error));
                cancel.cancel();
            }
        };
        let build = self.builder.build(request, sink, cancel.clone());
        tokio::pin!(build);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let end = loop {
            tokio::select! {
                biased;
                end = &mut build => break end,
                Some(status) = statuses.recv() => hear(status, trace, recorder),
                _ = ticks.tick() => {
                    host.tick();
                    recorder.tick(slot, trace);
                }
            }
        };
        while let Ok(status) = statuses.try_recv() {
            hear(status, trace, recorder);
        }
        (end, written)
    }
}
