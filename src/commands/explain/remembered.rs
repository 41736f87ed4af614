//! Builds that their builder remembers, as recordings.

use anyhow::bail;

use crate::cli::ExplainArgs;
use crate::escape;
use crate::model::RememberedBuild;
use crate::ops::builder::BuilderSession;
use crate::ops::history::{last, named, short_names};
use crate::options::BuilderOptions;
use crate::trace::Recorded;

/// A build of a history.
pub(super) struct Remembered {
    /// What to call it.
    pub(super) title: String,
    /// What it did.
    pub(super) recorded: Recorded,
    /// What the history says of it.
    pub(super) build: RememberedBuild,
}

/// The builds that are asked for: one, or two to compare.
pub(super) async fn recorded(args: &ExplainArgs) -> anyhow::Result<Vec<Remembered>> {
    if args.history.len() > 2 {
        bail!(
            "--history: expected one build, or two to be told what changed from the first to the \
             second; {} are named",
            args.history.len()
        );
    }
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
) -> anyhow::Result<Vec<Remembered>> {
    let builds = session.remembered_builds().await?;
    let asked = match args.history.as_slice() {
        [] => vec![last(&builds)?],
        names => {
            let named = names.iter().map(|name| named(&builds, name));
            named.collect::<anyhow::Result<_>>()?
        }
    };
    let names = short_names(&builds);
    let mut found = Vec::new();
    for build in asked {
        let place = builds.iter().position(|known| known == build);
        let short = place.map_or(build.reference.as_str(), |at| &names[at]);
        found.push(Remembered {
            title: format!("build {short} of {}", build.inputs.title()),
            recorded: session.recorded(build).await?,
            build: build.clone(),
        });
    }
    Ok(found)
}
