//! What `doctor` says of the builder that would be used.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::choice::{Choice, choose};
use super::session::BuilderSession;
use super::trial;
use crate::builder::container::ContainerSettings;
use crate::engine::images::unobtainable;
use crate::engine::preflight::{self, Check};
use crate::engine::{Endpoint, Engine};
use crate::model::Platform;
use crate::options::BuilderOptions;

/// How long a registry may take to say that it has an image.
const REGISTRY_LIMIT: Duration = Duration::from_secs(3);

/// Looks at the builder, at what it needs for these platforms, and at this
/// machine.
pub async fn examine(
    options: &BuilderOptions,
    platforms: &[Platform],
    results: &Path,
) -> Vec<Check> {
    let mut checks = match choose(options).await {
        Err(error) => vec![preflight::no_builder(&format!("{error:#}"))],
        Ok(Choice::Engine(endpoint)) => of_engine(&endpoint, platforms).await,
        Ok(Choice::OnEngine(endpoint)) if endpoint.is_private() => {
            of_engine(&endpoint, platforms).await
        }
        Ok(Choice::OnEngine(endpoint)) => on_engine(&endpoint, options, platforms).await,
        Ok(_) => of_session(options, platforms).await,
    };
    checks.extend(preflight::examine_machine(results).await);
    checks
}

/// The BuildKit inside an engine.
async fn of_engine(endpoint: &Endpoint, platforms: &[Platform]) -> Vec<Check> {
    let session = match Engine::connect_unchecked(endpoint).await {
        Ok(engine) => BuilderSession::in_engine_unchecked(engine).await,
        Err(error) => Err(error.into()),
    };
    let mut checks = match session {
        Ok(session) => vec![Check::ok("builder", session.describe())],
        // What is wrong with the engine is told next.
        Err(_) => Vec::new(),
    };
    checks.extend(preflight::examine_engine(endpoint, platforms).await);
    checks
}

/// An engine of somebody else's, on which builds go to a container of
/// buildrace's own where that can be.
async fn on_engine(
    endpoint: &Endpoint,
    options: &BuilderOptions,
    platforms: &[Platform],
) -> Vec<Check> {
    let Ok(engine) = Engine::connect_unchecked(endpoint).await else {
        return preflight::examine_engine(endpoint, platforms).await;
    };
    let settings = ContainerSettings::default();
    let image = settings.image().to_owned();
    let names = BTreeSet::from([image.clone()]);
    if !unobtainable(&engine, &names, REGISTRY_LIMIT)
        .await
        .is_empty()
    {
        let mut checks = of_engine(endpoint, platforms).await;
        checks.push(preflight::no_own_builder(&image));
        return checks;
    }
    let facts = engine.facts();
    // Where the engine cannot try platforms, the builder itself does, if nothing
    // has to be pulled for it.
    let is_here = matches!(engine.image_id(&image).await, Ok(Some(_)));
    if !facts.containerd_store && is_here {
        return of_session(options, platforms).await;
    }
    let mut checks = vec![Check::ok(
        "builder",
        format!(
            "one of buildrace's own: a container of {image}, made for a race and removed with its cache, on Docker Engine {} at {} ({})",
            facts.version, facts.endpoint.host, facts.endpoint.found_by
        ),
    )];
    match facts.containerd_store {
        true => checks.extend(preflight::examine_platforms(&engine, platforms).await),
        false => checks.extend(preflight::examine_disk(&engine)),
    }
    checks
}

/// Any other builder: it is asked.
async fn of_session(options: &BuilderOptions, platforms: &[Platform]) -> Vec<Check> {
    let session = match BuilderSession::find_quietly(options).await {
        Ok(session) => session,
        Err(error) => return vec![preflight::no_builder(&format!("{error:#}"))],
    };
    let mut checks = vec![Check::ok("builder", session.describe())];
    match session.trial_engine() {
        Some(engine) => checks.extend(preflight::examine_platforms(engine, platforms).await),
        None => {
            match trial::executions(&session, platforms).await {
                Ok(executions) => checks.extend(executions.iter().map(preflight::platform_check)),
                Err(error) => checks.push(preflight::no_builder(&format!("{error:#}"))),
            }
            checks.extend(session.engine.as_ref().and_then(preflight::examine_disk));
        }
    }
    session.close().await;
    checks
}
