//! A build that its builder remembers, as a recording.

use anyhow::bail;

use crate::cli::ExplainArgs;
use crate::escape;
use crate::ops::builder::BuilderSession;
use crate::ops::history::{last, named, short_names};
use crate::options::BuilderOptions;
use crate::trace::Recorded;

/// The build that is asked for, and what to call it.
pub(super) async fn recorded(args: &ExplainArgs) -> anyhow::Result<(String, Recorded)> {
    if args.cores.is_some() {
        bail!(
            "--cores is for runs: nobody measured how busy the cores were while a build of the \
             history ran"
        );
    }
    let session = BuilderSession::of_running(&BuilderOptions::from(&args.builder)).await?;
    errln!("builder: {}", escape::terminal(&session.describe(), 400));
    let found = of_session(&session, args).await;
    session.close().await;
    found
}

async fn of_session(
    session: &BuilderSession,
    args: &ExplainArgs,
) -> anyhow::Result<(String, Recorded)> {
    let builds = session.remembered_builds().await?;
    let build = match &args.history {
        Some(name) => named(&builds, name)?,
        None => last(&builds)?,
    };
    let names = short_names(&builds);
    let place = builds.iter().position(|known| known == build);
    let short = place.map_or(build.reference.as_str(), |at| &names[at]);
    let title = format!("build {short} of {}", build.inputs.title());
    Ok((title, session.recorded(build).await?))
}
