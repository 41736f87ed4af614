//! Which builder is meant, in buildx's order: `--builder`, `BUILDX_BUILDER`, the
//! instance that `docker buildx use` chose, else the Docker Engine.

use std::env;

use anyhow::{Context, bail};

use crate::buildx::{Instance, Store};
use crate::engine::{self, Endpoint};
use crate::escape::bounded;
use crate::options::BuilderOptions;

/// What `--builder` calls a container of buildrace's own.
const OWN: &str = "container";
/// What buildx calls the BuildKit inside the engine.
const DEFAULT: &str = "default";

/// A builder that was chosen; nothing is known yet of whether it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The BuildKit inside a Docker Engine, which was asked for.
    Engine(Endpoint),
    /// A Docker Engine, and it is left to buildrace where on it to build.
    OnEngine(Endpoint),
    /// A buildkitd in a container of buildrace's own on this engine.
    Own(Endpoint),
    /// An instance of buildx.
    Instance {
        /// What buildx has on file of it.
        instance: Instance,
        /// Who chose it: `--builder`, `BUILDX_BUILDER` or `docker buildx use`.
        found_by: String,
    },
    /// A buildkitd at an address.
    Remote {
        /// The address.
        address: String,
        /// Who named it: `--builder` or `BUILDX_BUILDER`.
        found_by: String,
    },
}

/// Chooses.
///
/// # Errors
/// What was named is not there, no engine answers, or buildx's folder cannot
/// be read.
pub async fn choose(options: &BuilderOptions) -> anyhow::Result<Choice> {
    let choice = choose_any(options).await?;
    let takes_options = match &choice {
        Choice::Own(_) => true,
        Choice::Remote { .. } => options.buildkitd_config.is_none(),
        Choice::Engine(_) | Choice::OnEngine(_) | Choice::Instance { .. } => false,
    };
    if !takes_options && !options.is_usual_container() {
        bail!(
            "--driver-opt and --buildkitd-config make a builder, and this one is made: \
             they go with --builder container, and --driver-opt with an address"
        );
    }
    Ok(choice)
}

async fn choose_any(options: &BuilderOptions) -> anyhow::Result<Choice> {
    let host = options.host.as_deref();
    if let Some(name) = &options.builder {
        return named(name, "--builder", host).await;
    }
    // An engine that was named is meant, whatever buildx uses.
    if host.is_none() {
        let variable = env::var("BUILDX_BUILDER").ok();
        if let Some(name) = variable.filter(|name| !name.is_empty()) {
            return named(&name, "BUILDX_BUILDER", host).await;
        }
        if let Some(instance) = current()? {
            return Ok(Choice::Instance {
                instance,
                found_by: "docker buildx use".to_owned(),
            });
        }
    }
    Ok(Choice::OnEngine(engine::locate(host).await?))
}

/// The instance that `docker buildx use` chose for the engine in use.
pub fn current() -> anyhow::Result<Option<Instance>> {
    let Some(store) = Store::of_user() else {
        return Ok(None);
    };
    Ok(store.current(&engine::locate::current_endpoint()?)?)
}

async fn named(name: &str, found_by: &str, host: Option<&str>) -> anyhow::Result<Choice> {
    if name.contains("://") {
        return Ok(Choice::Remote {
            address: name.to_owned(),
            found_by: found_by.to_owned(),
        });
    }
    match name {
        OWN => return Ok(Choice::Own(engine::locate(host).await?)),
        DEFAULT => return Ok(Choice::Engine(engine::locate(host).await?)),
        _ => {}
    }
    if let Some(store) = Store::of_user()
        && let Some(instance) = store.instance(name)?
    {
        return Ok(Choice::Instance {
            instance,
            found_by: found_by.to_owned(),
        });
    }
    let context = engine::locate::of_context(name).with_context(|| {
        format!(
            "there is no builder {} (from {found_by}): `buildrace builders` lists those that \
             there are",
            bounded(name)
        )
    })?;
    Ok(Choice::Engine(context))
}
