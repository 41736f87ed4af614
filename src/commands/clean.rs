//! `buildrace clean`: removes what runs that died left, on this machine and on
//! the engine. What a process that lives uses stays.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::builder::{Builder, Cleanup};
use crate::cli::CleanArgs;
use crate::engine::{self, Endpoint, Engine, EngineError, Leftover, private};
use crate::escape;
use crate::ops::builder::BuilderSession;
use crate::ops::{Exit, files};
use crate::options::BuilderOptions;
use crate::race::KilledRuns;
use crate::report::number;
use crate::sources::Cache;
use crate::store;
use crate::{temporary, user};

/// Something on this machine that is left.
struct Left {
    what: &'static str,
    path: PathBuf,
}

impl Left {
    fn remove(&self) -> io::Result<()> {
        match self.path.is_dir() {
            true => temporary::remove(&self.path),
            false => std::fs::remove_file(&self.path),
        }
    }
}

/// Lists what is left and, but for `--dry-run`, removes it.
///
/// # Errors
/// Something could not be removed, or the engine that was named does not
/// answer.
pub async fn run(args: CleanArgs) -> anyhow::Result<Exit> {
    let mut cleaning = Cleaning {
        dry_run: args.dry_run,
        found: 0,
        failed: 0,
    };
    for left in on_host(&args.results.folder, &args.reports) {
        let bytes = number::bytes(temporary::bytes_in(&left.path));
        let shown = format!("{} {} ({bytes})", left.what, left.path.display());
        cleaning.each(&shown, || left.remove().map_err(anyhow::Error::from))?;
    }
    if private::is_left() {
        let shown = "QEMU that a race registered: the emulators of before are put back";
        cleaning.each(shown, || Ok(private::put_back_left()?))?;
    }
    match engine::locate(args.builder.engine.host.as_deref()).await {
        Ok(endpoint) => cleaning.engine(&endpoint).await?,
        Err(error @ EngineError::NotFound { .. }) => {
            errln!("note: nothing is cleaned on an engine: {error}");
        }
        Err(error) => return Err(error.into()),
    }
    match BuilderSession::glance(&BuilderOptions::from(&args.builder)).await {
        Ok(session) => cleaning.builder(&session, &args).await?,
        Err(error) if is_usual(&args) => {
            let error = escape::terminal(&format!("{error:#}"), 400);
            errln!("note: nothing is cleaned in a cache: {error}");
        }
        Err(error) => return Err(error),
    }
    if cleaning.found == 0 {
        outln!("nothing to clean");
    }
    Ok(match cleaning.failed {
        0 => Exit::Good,
        _ => Exit::CouldNot,
    })
}

/// Whether neither an engine nor a builder was named.
fn is_usual(args: &CleanArgs) -> bool {
    args.builder.builder.is_none() && args.builder.engine.host.is_none()
}

fn on_host(results: &Path, reports: &Path) -> Vec<Left> {
    let temporary = temporary::left_in(&std::env::temp_dir(), temporary::PREFIX);
    let sources = Cache::for_user().map(|cache| cache.left());
    let kinds = [
        ("temporary folder", temporary),
        ("unfinished run", store::unfinished(results)),
        ("unfinished report file", files::unfinished(reports)),
        ("unfinished sources", sources.unwrap_or_default()),
        ("unfinished copy of an image", engine::layout::unfinished()),
        (
            "unfinished stand-ins",
            engine::images::unfinished_stand_ins().into_iter().collect(),
        ),
    ];
    let each = kinds
        .into_iter()
        .flat_map(|(what, paths)| paths.into_iter().map(move |path| Left { what, path }));
    each.collect()
}

/// Whether a run goes on: its file in the user's cache folder or its results
/// tell, if they are here.
fn is_alive(run: &str, results: &Path) -> Option<bool> {
    let noted = user::cache_folder().map(|cache| cache.join("buildrace/runs").join(run));
    let noted = noted.and_then(|file| temporary::is_locked(&file));
    noted.or_else(|| {
        let dir = results.join(run);
        dir.is_dir()
            .then(|| store::is_being_written(&dir))
            .flatten()
    })
}

/// What was found and removed so far.
struct Cleaning {
    dry_run: bool,
    found: usize,
    failed: usize,
}

impl Cleaning {
    /// Lists one thing, and removes it unless nothing is to be removed.
    fn each(
        &mut self,
        shown: &str,
        remove: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let done = if self.dry_run { Ok(()) } else { remove() };
        self.count(shown, done)
    }

    fn count(&mut self, shown: &str, done: anyhow::Result<()>) -> anyhow::Result<()> {
        let shown = escape::terminal(shown, 600);
        self.found += 1;
        match done {
            Ok(()) if self.dry_run => outln!("would remove {shown}"),
            Ok(()) => outln!("removed {shown}"),
            Err(error) => {
                self.failed += 1;
                let error = escape::terminal(&format!("{error:#}"), 600);
                errln!("cannot remove {shown}: {error}");
            }
        }
        Ok(())
    }

    async fn engine(&mut self, endpoint: &Endpoint) -> anyhow::Result<()> {
        let engine = Engine::connect_unchecked(endpoint).await?;
        for leftover in engine.leftovers().await? {
            let shown = match &leftover {
                Leftover::Container(id) => {
                    format!("container {}", id.get(..12).unwrap_or(id))
                }
                Leftover::Image(name) => format!("image {name}"),
            };
            let done = match self.dry_run {
                true => Ok(()),
                false => engine.remove_leftover(&leftover).await,
            };
            self.count(&shown, done.map_err(anyhow::Error::from))?;
        }
        Ok(())
    }

    /// What dead runs left in the cache and the history of the builder in use.
    async fn builder(&mut self, session: &BuilderSession, args: &CleanArgs) -> anyhow::Result<()> {
        let builder = &*session.builder;
        let dead = KilledRuns::find(builder, &|run| is_alive(run, &args.results.folder)).await?;
        let may_prune = builder.cleanup() == Cleanup::Remove;
        self.runs(&dead, builder, may_prune, args).await
    }

    /// Records of the cache, then the history, by which they are found.
    async fn runs(
        &mut self,
        dead: &KilledRuns,
        builder: &dyn Builder,
        may_prune: bool,
        args: &CleanArgs,
    ) -> anyhow::Result<()> {
        let records = dead.records.len();
        let runs = dead.runs.len();
        let shown = format!(
            "{} of {} ({})",
            counted(records, "cache record"),
            counted(runs, "ended run"),
            number::bytes(dead.bytes())
        );
        let prunes = may_prune || args.prune_cache;
        if records > 0 && prunes {
            if !may_prune && !self.dry_run {
                errln!("warning: {WARNING}");
            }
            let done = match self.dry_run {
                true => Ok(()),
                false => all_gone(dead.prune(builder).await, records),
            };
            self.count(&shown, done)?;
        } else if records > 0 {
            self.found += 1;
            outln!("kept {shown}: this engine is not buildrace's own");
            errln!("note: `buildrace clean --prune-cache` removes them; {WARNING}");
            // It is by their builds that these records are found.
            return Ok(());
        }
        if !dead.builds.is_empty() {
            let builds = counted(dead.builds.len(), "build");
            let shown = format!("{builds} of ended runs in the history");
            let done = match self.dry_run {
                true => Ok(()),
                false => dead.forget(builder).await.context("the history stays"),
            };
            self.count(&shown, done)?;
        }
        Ok(())
    }
}

/// `1 build`, `2 builds`
fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

/// What removing costs.
const WARNING: &str = "on an engine with the containerd image store it makes everybody's next \
                       builds start without their cache";

fn all_gone(
    pruned: Result<usize, crate::builder::BuilderError>,
    records: usize,
) -> anyhow::Result<()> {
    match records.saturating_sub(pruned?) {
        0 => Ok(()),
        left => anyhow::bail!("{left} of them are in use by the builder"),
    }
}
