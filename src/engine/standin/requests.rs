//! Which stand-ins are to be made for an engine, whether they can be, and
//! making them.

use std::fs::{self, File};
use std::path::PathBuf;

use super::{Order, Recipe};
use crate::engine::binfmt;
use crate::engine::client::Image;
use crate::engine::private::Paths;
use crate::engine::{Engine, EngineError, Progress, oci};
use crate::model::Platform;
use crate::temporary;
use crate::user;

/// Adds an order, or platforms to the one for the same image by another of its
/// names.
pub(in crate::engine) fn add_order(
    orders: &mut Vec<Order>,
    recipe: &'static Recipe,
    platforms: Vec<Platform>,
) {
    let position = orders.iter().position(|order| order.recipe == recipe);
    let order = match position {
        Some(position) => &mut orders[position],
        None => {
            orders.push(Order {
                recipe,
                platforms: Vec::new(),
            });
            let last = orders.len() - 1;
            &mut orders[last]
        }
    };
    order.platforms.extend(platforms);
    order.platforms.sort();
    order.platforms.dedup();
}

/// Whether an order makes anything that is lacking.
pub(in crate::engine) fn is_wanted(order: &Order, lacking: &[(&Image, Vec<Platform>)]) -> bool {
    let mut lacking = lacking.iter();
    lacking.any(|(image, platforms)| {
        super::recipe(&image.name) == Some(order.recipe)
            && platforms
                .iter()
                .any(|lacks| order.platforms.contains(lacks))
    })
}

/// Whether stand-ins can be made here for these platforms.
pub(in crate::engine) fn can_be_made(
    engine: &Engine,
    platforms: &[Platform],
) -> Result<(), EngineError> {
    if !nix::unistd::geteuid().is_root() {
        return Err(EngineError::NeedsRoot {
            action: "making stand-in base images",
            command: format!(
                "sudo env DOCKER_HOST={} buildrace images --stand-ins",
                engine.facts().endpoint.host
            ),
        });
    }
    for platform in platforms {
        if super::architecture(platform).is_none() {
            return Err(EngineError::Preflight(format!(
                "no stand-in base image can be made for {platform}: Debian has no packages for it"
            )));
        }
        let emulated = binfmt::architecture(platform.architecture()).filter(|a| !a.is_native());
        if let Some(architecture) = emulated
            && !binfmt::handlers()
                .iter()
                .any(|handler| handler.serves(architecture) && handler.works_in_containers())
        {
            return Err(EngineError::Preflight(format!(
                "a stand-in base image for {platform} is configured under emulation, and this machine has no emulator for it: run `buildrace engine up --emulate {}`",
                architecture.oci
            )));
        }
    }
    Ok(())
}

/// Makes stand-ins and loads them into the engine.
///
/// # Errors
/// They cannot be made here, no archive has a platform's packages, or the
/// engine refuses them.
pub(in crate::engine) async fn make_stand_ins(
    engine: &Engine,
    orders: Vec<Order>,
    workplace: &Workplace,
    progress: &Progress,
) -> Result<(), EngineError> {
    can_be_made(engine, &super::platforms(&orders))?;
    workplace.clear()?;
    let native = engine.facts().native.clone();
    let images = {
        let (folder, progress) = (workplace.folder.clone(), progress.clone());
        tokio::task::spawn_blocking(move || super::make(&orders, &native, &folder, &progress))
            .await
            .map_err(|error| EngineError::Private(format!("making stand-ins: {error}")))??
    };
    progress("loading stand-ins into the engine");
    oci::load(engine, images).await?;
    progress("unpacking stand-ins");
    Ok(())
}

/// A folder under the user's cache for one process at a time, removed at its
/// end.
pub(in crate::engine) struct Workplace {
    folder: PathBuf,
    _lock: File,
}

impl Workplace {
    /// Takes it, and waits for whoever has it.
    ///
    /// # Errors
    /// The lock beside it cannot be made.
    pub(in crate::engine) fn take(progress: &Progress) -> Result<Self, EngineError> {
        let folder = Paths::of_user()?.stand_ins();
        let lock_path = folder.with_extension("lock");
        if let Some(parent) = folder.parent() {
            user::create_dir_all(parent).map_err(EngineError::file("cannot create", parent))?;
        }
        let lock = File::options()
            .create(true)
            .append(true)
            .open(&lock_path)
            .map_err(EngineError::file("cannot open", lock_path.as_path()))?;
        user::give(&lock_path)
            .map_err(EngineError::file("cannot give away", lock_path.as_path()))?;
        if lock.try_lock().is_err() {
            progress("waiting for another process that makes stand-ins");
            lock.lock()
                .map_err(EngineError::file("cannot lock", lock_path))?;
        }
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    /// Empties the folder, which may hold what an interrupted process left.
    fn clear(&self) -> Result<(), EngineError> {
        let folder = self.folder.as_path();
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(EngineError::file("cannot remove", folder))?;
        }
        fs::create_dir_all(folder).map_err(EngineError::file("cannot create", folder))
    }
}

/// The folder of stand-ins whose making was interrupted, if there is one.
pub fn unfinished() -> Option<PathBuf> {
    let folder = Paths::of_user().ok()?.stand_ins();
    let is_left = temporary::is_locked(&folder.with_extension("lock")) == Some(false);
    (is_left && folder.is_dir()).then_some(folder)
}

impl Drop for Workplace {
    fn drop(&mut self) {
        // What stays behind is removed by the next one.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
