//! The image of a sample, inspected after the clock has stopped: it is exported
//! once more, all from the cache, measured, and checked for being what it should;
//! then its smoke test is run.

use tokio_util::sync::CancellationToken;

use super::cached_export::from_cache;
use super::observer::Observer;
use super::place::Place;
use super::runner::{Race, RaceError, RunState, warn};
use super::slot_build::SlotBuild;
use super::smoke::{self, SmokeTests};
use super::smoke_build;
use crate::builder::Builder;
use crate::buildkit::{BuildRequest, Export};
use crate::model::{BuildKind, Failure, Outcome, Sample, Slot};
use crate::scenario::Output;
use crate::temporary::Folder;
use crate::verify::{self, Expected};

/// What an image is.
struct Image {
    /// Bytes of its OCI archive, all platforms together, layers compressed as
    /// BuildKit does it.
    bytes: u64,
    /// What is not as it should be, a line each.
    mismatches: Vec<String>,
}

/// Looks at the image of a build. `output` is what it must hold, if that is to
/// be checked; what went wrong is told in a line.
async fn inspect(
    builder: &dyn Builder,
    request: &BuildRequest,
    output: Option<&Output>,
    stop: &CancellationToken,
) -> Result<Image, String> {
    let folder = Folder::new("image").map_err(|error| error.to_string())?;
    let destination = folder.path().join("image.tar");
    let request = BuildRequest {
        reference: format!("{}-export", request.reference),
        export: Export::Oci {
            destination: destination.clone(),
        },
        cache_to: Vec::new(),
        ..request.clone()
    };
    from_cache(builder, &request, stop)
        .await
        .map_err(|error| format!("exporting it: {error}"))?;
    let size = std::fs::metadata(&destination).map_err(|error| error.to_string())?;
    let mismatches = match output {
        None => Vec::new(),
        Some(output) => {
            let expected = Expected {
                platforms: request.platforms.clone(),
                binaries: output.binaries.clone(),
            };
            let check = move || verify::check_archive(&destination, &expected);
            let found = tokio::task::spawn_blocking(check)
                .await
                .map_err(|error| error.to_string())?;
            let found = found.map_err(|error| error.to_string())?;
            found.iter().map(ToString::to_string).collect()
        }
    };
    Ok(Image {
        bytes: size.len(),
        mismatches,
    })
}

/// What the image of a good build makes of it.
pub(super) struct Inspection {
    pub outcome: Outcome,
    pub failure: Option<Failure>,
    /// See [`Sample::image_bytes`](crate::model::Sample::image_bytes).
    pub bytes: Option<u64>,
    /// See [`Sample::output_checked`](crate::model::Sample::output_checked).
    pub output_checked: bool,
}

impl Inspection {
    fn ok(bytes: Option<u64>) -> Self {
        Self::of(Outcome::Ok, None, bytes)
    }

    /// Of a build whose image was not inspected.
    pub fn of(outcome: Outcome, failure: Option<Failure>, bytes: Option<u64>) -> Self {
        Self {
            outcome,
            failure,
            bytes,
            output_checked: false,
        }
    }
}

/// Whether an image of the slot's variant and kind was measured.
fn is_measured(samples: &[Sample], slot: &Slot) -> bool {
    samples.iter().any(|sample| {
        sample.image_bytes.is_some()
            && (
                &sample.slot.scenario,
                &sample.slot.variant,
                sample.slot.kind,
            ) == (&slot.scenario, &slot.variant, slot.kind)
    })
}

impl Race<'_> {
    /// What the image of a good build makes of it: it is inspected until that
    /// of this variant and kind is known, in general in the first round, and
    /// so it is measured.
    pub(super) async fn image_of(
        &self,
        slot: &Slot,
        entry: &SlotBuild<'_>,
        request: &BuildRequest,
        run: &mut RunState<'_>,
    ) -> Result<Inspection, RaceError> {
        let output = entry.scenario.output.as_ref();
        let is_measured = self.image_size
            && slot.kind.starts_empty()
            && !is_measured(&run.observer.run.samples, slot);
        // A noop is the image of before.
        let is_due = slot.kind != BuildKind::Noop && !run.inspected.has(slot);
        let output = output.filter(|_| is_due);
        if !is_measured && output.is_none() {
            return Ok(Inspection::ok(None));
        }
        run.rest.disturbed();
        run.observer.phase("checking the image");
        let mut bytes = None;
        let found = match inspect(entry.place.builder, request, output, run.stop).await {
            Ok(image) => {
                bytes = is_measured.then_some(image.bytes);
                match output {
                    // A wrong image is not run: what it is says more.
                    Some(output) if image.mismatches.is_empty() => {
                        let observer = &mut run.observer;
                        let build = (slot, request);
                        self.smoke(entry.place, build, output, observer, run.stop)
                            .await
                    }
                    _ => Ok(image.mismatches),
                }
            }
            Err(message) => Err(message),
        };
        let mismatches = match found {
            Ok(mismatches) => mismatches,
            Err(_) if run.stop.is_cancelled() => {
                return Ok(Inspection::of(Outcome::Interrupted, None, bytes));
            }
            Err(message) => {
                let message = self.redaction.text(&message);
                let message = format!("image of {} could not be checked: {message}", slot.id);
                warn(&mut run.observer, message)?;
                return Ok(Inspection::ok(bytes));
            }
        };
        if output.is_some() {
            run.inspected.add(slot);
        }
        let Some(first) = mismatches.first() else {
            return Ok(Inspection {
                output_checked: output.is_some(),
                ..Inspection::ok(bytes)
            });
        };
        let failure = Failure {
            message: format!("the image is not what it should be: {first}"),
            step: None,
            exit_code: None,
            log_tail: mismatches.iter().skip(1).take(20).cloned().collect(),
        };
        Ok(Inspection {
            output_checked: true,
            ..Inspection::of(Outcome::WrongOutput, Some(failure), bytes)
        })
    }

    /// What is wrong with what the image's program prints, a line each.
    async fn smoke(
        &self,
        place: &Place<'_>,
        (slot, request): (&Slot, &BuildRequest),
        output: &Output,
        observer: &mut dyn Observer,
        stop: &CancellationToken,
    ) -> Result<Vec<String>, String> {
        let Some(smoke) = &output.smoke else {
            return Ok(Vec::new());
        };
        // What a program prints is changed by the edit of the sources alone.
        let nonce = (slot.kind.with_kept_caches() == Some(BuildKind::Incremental))
            .then(|| self.nonce(slot));
        let nonce = nonce.as_deref();
        observer.phase("running the image's smoke test");
        match place.smoke_tests {
            SmokeTests::Nowhere => Ok(Vec::new()),
            SmokeTests::By(runner) => {
                smoke::complaints(place.builder, runner, request, smoke, nonce, stop).await
            }
            SmokeTests::OnBuilder => {
                smoke_build::complaints(place.builder, request, smoke, nonce, stop).await
            }
        }
    }
}
