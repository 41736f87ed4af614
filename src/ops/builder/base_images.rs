//! Base images for a BuildKit that has no engine's image store: from its own
//! cache, from a registry, or from an engine through this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use anyhow::bail;
use tokio_util::sync::CancellationToken;

use super::session::BuilderSession;
use crate::engine::images::{Missing, Obtained, StandIns, obtain};
use crate::engine::{self, Engine, Image, layout};
use crate::escape::{bounded, one_line};
use crate::model::{BaseImage, Platform};
use crate::ops::console::progress_lines;
use crate::race::image_trial;

/// Gets base images, each with the platform that it is needed on.
///
/// buildrace's own builder on an engine takes what that engine holds, as
/// `docker build` would. Any other asks its registries first, as buildx has it,
/// but for what only an engine can have: stand-ins.
pub(super) async fn obtain_all(
    session: &BuilderSession,
    needed: &[(String, Platform)],
    may_lack: &BTreeSet<String>,
) -> anyhow::Result<Obtained> {
    let mut wanted: BTreeMap<&str, Vec<Platform>> = BTreeMap::new();
    for (name, platform) in needed {
        wanted.entry(name).or_default().push(platform.clone());
    }
    let source = source_of(session).await;
    let mut obtained = Obtained::default();
    for (name, platforms) in wanted {
        match one(session, source.as_ref(), name, &platforms).await? {
            Ok(found) => {
                let each = platforms.into_iter().map(|platform| BaseImage {
                    platform,
                    ..found.clone()
                });
                obtained.images.extend(each);
            }
            Err(reason) if may_lack.contains(name) => obtained.missing.push(Missing {
                name: name.to_owned(),
                platforms,
                reason,
            }),
            Err(reason) => bail!("{reason}"),
        }
    }
    Ok(obtained)
}

/// An engine that may hold images: the builder's own, else the one in use here.
async fn source_of(session: &BuilderSession) -> Option<Engine> {
    if let Some(engine) = &session.image_engine {
        return Some(engine.clone());
    }
    let endpoint = engine::locate(None).await.ok()?;
    Engine::connect_unchecked(&endpoint).await.ok()
}

/// One image on all the platforms that it is needed on, or why there is none.
async fn one(
    session: &BuilderSession,
    source: Option<&Engine>,
    name: &str,
    platforms: &[Platform],
) -> anyhow::Result<Result<BaseImage, String>> {
    let held = match source {
        Some(engine) => engine.image(name, platforms).await?,
        None => None,
    };
    let held = held.filter(|held| platforms.iter().all(|p| held.platforms.contains(p)));
    if let (Some(engine), Some(held)) = (source, &held)
        && (held.stand_in || session.is_own())
    {
        return Ok(Ok(through_here(session, engine, held, platforms).await?));
    }
    let stop = CancellationToken::new();
    let resolved = image_trial::resolve(&*session.builder, name, platforms, &stop).await?;
    let reason = match resolved {
        Ok(digest) => {
            return Ok(Ok(BaseImage {
                name: name.to_owned(),
                platform: session.native.clone(),
                digest,
                stand_in: false,
                node: None,
            }));
        }
        Err(reason) => reason,
    };
    let Some(engine) = source else {
        return Ok(Err(no_image(name, &reason)));
    };
    if let Some(held) = &held {
        return Ok(Ok(through_here(session, engine, held, platforms).await?));
    }
    if StandIns::for_engine(engine) != StandIns::Allowed {
        return Ok(Err(no_image(name, &reason)));
    }
    let wanted: Vec<_> = platforms
        .iter()
        .map(|platform| (name.to_owned(), platform.clone()))
        .collect();
    let may_lack = BTreeSet::from([name.to_owned()]);
    let said = progress_lines();
    let made = obtain(engine, &wanted, &may_lack, StandIns::Allowed, &said).await?;
    if let Some(missing) = made.missing.first() {
        return Ok(Err(missing.reason.clone()));
    }
    match engine.image(name, platforms).await? {
        Some(held) => Ok(Ok(through_here(session, engine, &held, platforms).await?)),
        None => Ok(Err(no_image(name, &reason))),
    }
}

/// Has the builder get an engine's image from this machine.
async fn through_here(
    session: &BuilderSession,
    engine: &Engine,
    held: &Image,
    platforms: &[Platform],
) -> anyhow::Result<BaseImage> {
    let saved = layout::save(engine, &held.name, platforms, &progress_lines()).await?;
    let mut layouts = session
        .layouts
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    layouts.retain(|layout| layout.name != saved.name);
    layouts.push(saved);
    Ok(BaseImage {
        name: held.name.clone(),
        platform: session.native.clone(),
        digest: held.digest.clone(),
        stand_in: held.stand_in,
        node: None,
    })
}

fn no_image(name: &str, reason: &str) -> String {
    format!(
        "base image {}: the builder cannot get it ({}), and no Docker Engine here holds it for these platforms",
        bounded(name),
        one_line(reason)
    )
}
