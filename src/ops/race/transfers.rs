//! The remote caches and exports of a race: kinds for each cache, and a builder that may be
//! emptied.

use anyhow::{Context, anyhow, bail};

use crate::builder::Cleanup;
use crate::engine::Engine;
use crate::model::{BuildKind, CiCache, CiCacheInfo, RunRecord, TimedExport, TimedExportKind};
use crate::ops::builder::BuilderSession;
use crate::ops::cells::Cells;
use crate::race::LoadingStore;
use crate::scenario::Scenario;

/// Adds kinds to scenarios: for each cache a job after the edit of the sources, and
/// one after each other edit whose builds are raced.
///
/// # Errors
/// A builder may not be emptied, caches have the same name, or a scenario has no edit.
pub fn add_kinds(
    cells: &Cells<'_>,
    scenarios: &mut [Scenario],
    caches: &[CiCache],
) -> anyhow::Result<()> {
    for (at, cache) in caches.iter().enumerate() {
        if caches[..at].iter().any(|other| other.name == cache.name) {
            bail!(
                "--ci-cache: two caches are named {}: give one another name, like name={}-2",
                cache.name,
                cache.name
            );
        }
    }
    for scenario in scenarios.iter_mut() {
        let named = scenario.kinds.iter().filter_map(|kind| kind.remote_cache());
        for name in named {
            if caches.iter().all(|cache| cache.name != name) {
                bail!(
                    "{name} is no remote cache of this race: name it with --ci-cache \
                     type=TYPE,name={name}"
                );
            }
        }
        let edited: Vec<BuildKind> = scenario.kinds.clone();
        for cache in caches {
            if scenario.edit_of(BuildKind::Incremental).is_none() {
                bail!("--ci-cache needs --edit FILE: a job of CI comes after an edit of that file");
            }
            let others = edited.iter().filter_map(|kind| match kind {
                BuildKind::IncrementalOf(edit) => Some(*edit),
                _ => None,
            });
            let edits = std::iter::once(None).chain(others.map(Some));
            for kind in edits.map(|edit| BuildKind::CiCache(cache.name, edit)) {
                if !scenario.kinds.contains(&kind) {
                    scenario.kinds.push(kind);
                }
            }
        }
    }
    let is_kept = |cleanup| cleanup != Cleanup::Discard;
    let mut sessions = cells.sessions().iter();
    if !caches.is_empty() && sessions.any(|session| is_kept(session.builder.cleanup())) {
        bail!(
            "--ci-cache empties the builder before each build, and this one may hold a cache of \
             somebody's: add --builder container, which makes one for the run"
        );
    }
    Ok(())
}

/// Fails where the results of a scenario cannot be exported.
///
/// # Errors
/// A cache is part of an image, and none is pushed; a variant is several targets of bake; a
/// builder has several nodes, each of which would export a part; or those of [`stores`].
pub async fn check_export(
    cells: &Cells<'_>,
    scenarios: &[Scenario],
    export: &TimedExport,
    caches: &[CiCache],
) -> anyhow::Result<()> {
    let is_pushed = export.kind == TimedExportKind::Registry;
    if !is_pushed && caches.iter().any(CiCache::is_inline) {
        bail!(
            "--ci-cache type=inline is part of an image that is pushed: add --output \
             type=registry,name=REPOSITORY"
        );
    }
    if *export == TimedExport::default() {
        return Ok(());
    }
    if cells
        .sessions()
        .iter()
        .any(|session| !session.info.nodes.is_empty())
    {
        bail!(
            "--output: a builder has several nodes, each of which would export a part of the result: \
             use one with a single node"
        );
    }
    // They are found again when it is built: this is to refuse before anything is fetched.
    stores(cells.sessions(), scenarios, export).await?;
    let mut variants = scenarios.iter().flat_map(|scenario| &scenario.variants);
    let several = variants.find(|variant| {
        let targets = variant.bake.as_ref().map_or(0, |bake| bake.targets.len());
        targets > 1
    });
    match several {
        None => Ok(()),
        Some(variant) => bail!(
            "--output: {} is several targets of bake, whose results are not exported",
            variant.name
        ),
    }
}

/// The engines that results are loaded into, of each builder: none where they are not
/// loaded, or the builder stores images itself.
///
/// # Errors
/// No engine answers, or it loads no images of several platforms.
pub async fn stores(
    sessions: &[&BuilderSession],
    scenarios: &[Scenario],
    export: &TimedExport,
) -> anyhow::Result<Vec<Option<Engine>>> {
    let mut stores = Vec::new();
    for session in sessions {
        if export.kind != TimedExportKind::Docker || session.image_store().is_some() {
            stores.push(None);
            continue;
        }
        let engine = session.loading_engine().await;
        let engine = engine
            .context("--output type=docker loads images into an engine; type=oci does not")?;
        let is_cold = |kind: &BuildKind| *kind == BuildKind::Cold;
        let several = scenarios
            .iter()
            .find(|it| it.platforms.len() > 1 && !it.kinds.iter().all(is_cold));
        if let Some(scenario) = several.filter(|_| !engine.loads_oci()) {
            bail!(
                "--output type=docker: an engine without containerd's image store loads images of \
                 one platform, and {} is built for several: add --platform PLATFORM, or use type=oci",
                scenario.name
            );
        }
        stores.push(Some(engine));
    }
    Ok(stores)
}

/// The remote caches and the export of a run that goes on: those that are typed, and else
/// those that it has, if it needs no place for them.
///
/// # Errors
/// It had others, or they have to be typed again.
pub fn again(
    then: &RunRecord,
    typed: &[CiCache],
    typed_export: &TimedExport,
) -> anyhow::Result<(Vec<CiCache>, TimedExport)> {
    let again = |what: &str, typed: String| {
        anyhow!("the run has {what}, whose place and credentials it does not store: add {typed}")
    };
    let is_elsewhere = then.ci_caches.iter().any(CiCacheInfo::is_elsewhere);
    let caches = match typed {
        [] if !is_elsewhere => {
            let stored = then.ci_caches.iter();
            let stored = stored.map(|cache| cache.to_string().parse());
            stored
                .collect::<Result<_, String>>()
                .map_err(anyhow::Error::msg)?
        }
        typed => typed.to_vec(),
    };
    let now = caches.iter().map(CiCache::info);
    if !now.eq(then.ci_caches.iter().cloned()) {
        let stored = then.ci_caches.iter();
        let typed = stored.map(|cache| {
            let place = if cache.is_elsewhere() { ",…" } else { "" };
            format!("--ci-cache {cache}{place}")
        });
        let typed: Vec<String> = typed.collect();
        return Err(again("remote caches", typed.join(" ")));
    }
    let export = match &then.export {
        Some(stored) if *typed_export == TimedExport::default() => stored
            .parse()
            .map_err(|_| again("an export", format!("--output {stored},…")))?,
        _ => typed_export.clone(),
    };
    Ok((caches, export))
}
