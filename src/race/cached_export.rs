//! A finished build, built once more to have its image: from the cache, since
//! only then is it the image of what was timed.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::builder::Builder;
use crate::buildkit::BuildRequest;
use crate::trace::{Step, Trace};

/// Builds `request` from the cache.
///
/// # Errors
/// Why it could not be built, or that some of its steps were executed, in a
/// line.
pub(super) async fn from_cache(
    builder: &dyn Builder,
    request: &BuildRequest,
    stop: &CancellationToken,
) -> Result<(), String> {
    let request = BuildRequest {
        no_cache: false,
        internal: true,
        ..request.clone()
    };
    let (sink, mut statuses) = mpsc::unbounded_channel();
    let end = builder.build(&request, sink, stop.clone()).await;
    end.result.map_err(|error| error.to_string())?;
    let mut trace = Trace::default();
    while let Ok(status) = statuses.try_recv() {
        trace.push(&status);
    }
    let anew: Vec<&Step> = executed(&trace).collect();
    match anew.first() {
        None => Ok(()),
        Some(first) => Err(format!(
            "not all of it was in the builder's cache any more, and what was built anew need not \
             be what was timed: {} of {} steps, {} among them",
            anew.len(),
            trace.count(),
            first.name
        )),
    }
}

/// The instructions that a build executed.
pub(super) fn executed(trace: &Trace) -> impl Iterator<Item = &Step> {
    let steps = trace.steps().iter();
    steps.filter(|step| step.label.is_instruction() && step.executed && !step.cached)
}
