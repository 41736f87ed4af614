//! `buildrace history`: the builds that a builder remembers, whoever built, and
//! those that end from now on.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::HistoryArgs;
use crate::escape;
use crate::explain::Conditions;
use crate::model::RememberedBuild;
use crate::ops::builder::BuilderSession;
use crate::ops::console::print_json;
use crate::ops::why::Pair;
use crate::ops::{Exit, history, signals};
use crate::options::BuilderOptions;
use crate::print;
use crate::report::explanation::why::first_cause;
use crate::report::remembered::{self, Ending, Listed};

/// Version of what `--json` prints.
const SCHEMA_VERSION: u32 = 1;
/// Builds that are listed without `--limit`.
const USUAL_LIMIT: usize = 20;
/// How often the builder is asked which builds have ended.
///
/// It is asked again and again rather than listened to: BuildKit before 0.19
/// (fafab6074) sends listeners the record of a build while the build changes it,
/// and may come down over that. The record of a running build is in a list, too,
/// but for the moment that the list takes.
const PAUSE: Duration = Duration::from_secs(2);

/// Lists them, or follows them.
///
/// # Errors
/// No builder answers, or not any more.
pub async fn run(args: HistoryArgs) -> anyhow::Result<Exit> {
    let session = BuilderSession::of_running(&BuilderOptions::from(&args.builder)).await?;
    errln!("builder: {}", escape::terminal(&session.describe(), 400));
    let result = match args.follow {
        true => tokio::select! {
            () = signals::interrupted() => Ok(Exit::Interrupted),
            end = follow(&session, &args) => end,
        },
        false => list(&session, &args).await,
    };
    session.close().await;
    result
}

async fn list(session: &BuilderSession, args: &HistoryArgs) -> anyhow::Result<Exit> {
    let builds = session.remembered_builds().await?;
    let names = history::short_names(&builds);
    let limit = args.limit.unwrap_or(USUAL_LIMIT);
    let listed: Vec<Listed<'_>> = listed(&names, &builds).take(limit).collect();
    if args.json {
        let shown: Vec<Value> = listed.iter().map(remembered::json).collect();
        print_json(&json!({ "schema": SCHEMA_VERSION, "builds": shown }))?;
        return Ok(Exit::Good);
    }
    if builds.is_empty() {
        outln!("The builder remembers no build.");
        return Ok(Exit::Good);
    }
    let table = remembered::table(&listed, Timestamp::now(), print::is_coloured());
    outln!("{}", table.trim_end());
    match builds.len() - listed.len() {
        0 => {}
        hidden => outln!(
            "{hidden} older builds hidden: --limit {} shows all",
            builds.len()
        ),
    }
    Ok(Exit::Good)
}

fn listed<'b>(
    names: &'b [String],
    builds: &'b [RememberedBuild],
) -> impl DoubleEndedIterator<Item = Listed<'b>> + ExactSizeIterator {
    let pairs = names.iter().zip(builds);
    pairs.map(|(short, build)| Listed { short, build })
}

/// Tells each build that ends from now on, until as many as `--limit` have, or
/// nobody reads any more.
async fn follow(session: &BuilderSession, args: &HistoryArgs) -> anyhow::Result<Exit> {
    let key = |build: &RememberedBuild| (build.node.clone(), build.reference.clone());
    let has_ended = |build: &&RememberedBuild| build.completed.is_some();
    let before = session.remembered_builds().await?;
    let mut told: HashSet<_> = before.iter().filter(has_ended).map(key).collect();
    errln!("waiting for builds to end; Ctrl-C stops");
    let mut left = args.limit.unwrap_or(usize::MAX);
    while left > 0 && !print::is_unread() {
        tokio::time::sleep(PAUSE).await;
        let builds = session.remembered_builds().await?;
        let names = history::short_names(&builds);
        let mut ended: Vec<Listed<'_>> = listed(&names, &builds)
            .filter(|listed| listed.build.completed.is_some() && !told.contains(&key(listed.build)))
            .collect();
        ended.sort_by_key(|listed| listed.build.completed);
        for listed in ended.iter().take(left) {
            tell(session, &builds, listed, args.json).await?;
            told.insert(key(listed.build));
            left -= 1;
        }
    }
    Ok(Exit::Good)
}

/// A line on a build that has ended.
async fn tell(
    session: &BuilderSession,
    builds: &[RememberedBuild],
    listed: &Listed<'_>,
    json: bool,
) -> anyhow::Result<()> {
    let conditions = Conditions::default();
    let read = Pair::of_history(session, builds, listed.build, None, &conditions).await;
    let (built, cause) = match read {
        Ok(Ok(pair)) => {
            let cause = first_cause(&pair.build.explanation, &pair.why(None));
            (Ok(pair.build), cause)
        }
        Ok(Err(alone)) => (Ok(*alone), None),
        Err(error) => (Err(format!("{error:#}")), None),
    };
    let ending = match &built {
        Ok(built) => Ending::Explained(&built.explanation, cause.as_deref()),
        Err(why) => Ending::Unknown(why),
    };
    match json {
        // A line each, for whoever reads them as they come.
        true => outln!(
            "{}",
            escape::json(&remembered::ended_json(listed, ending).to_string())
        ),
        false => outln!("{}", remembered::ended(listed, ending)),
    }
    Ok(())
}
