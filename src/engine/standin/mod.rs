//! Stand-ins for official base images where no registry answers: made from
//! Debian packages, under the official names, and labelled for what they are.

mod layer;
mod recipes;
pub(super) mod requests;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::thread;

pub(super) use recipes::{Recipe, names as recipe_names, recipe};

use super::client::STAND_IN_LABEL;
use super::debian::{self, Archives, DebianRoot, SUITE};
use super::oci::{self, Layer, LayerWriter, PlatformImage};
use super::{EngineError, Progress};
use crate::model::Platform;

/// A stand-in that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    /// How it is made.
    pub(super) recipe: &'static Recipe,
    /// For which platforms, the engine's own among them: foreign roots take
    /// from it what is the same on every architecture.
    pub(super) platforms: Vec<Platform>,
}

/// One platform's root file systems while they are made.
struct Roots<'a> {
    platform: &'a Platform,
    base: &'a DebianRoot,
    /// Those that have packages of their own, with their recipes.
    derived: Vec<(&'static Recipe, DebianRoot)>,
}

/// Makes these images, their layers in files in `work`, which must outlive
/// them.
pub(super) fn make(
    orders: &[Order],
    native: &Platform,
    work: &Path,
    progress: &Progress,
) -> Result<Vec<oci::Image>, EngineError> {
    debian::check_tools()?;
    let platforms = platforms(orders);
    // All lists before any package: where an archive lacks one, that is known
    // in seconds, not after minutes of emulation. Mirrors are at times out of
    // step in the updates of one architecture; the packages of all platforms
    // are of one state.
    let (archives, begun) = match begin(&platforms, work, Archives::WithUpdates) {
        Ok(begun) => (Archives::WithUpdates, begun),
        Err(error) => {
            let begun = begin(&platforms, work, Archives::Release)?;
            progress(&format!(
                "made from Debian {SUITE} as released, without updates: {error}"
            ));
            (Archives::Release, begun)
        }
    };
    let made = in_parallel(&begun, |(platform, base)| {
        let roots = install(orders, platform, base, &work.join(platform.slug()))?;
        progress(&format!("{platform}: packages installed"));
        Ok(roots)
    })?;
    let Some(own) = made.iter().find(|roots| roots.platform == native) else {
        return Err(EngineError::Private(format!(
            "stand-ins are made for {native} first of all"
        )));
    };
    let finished = in_parallel(&made, |roots| {
        for (recipe, root) in &roots.derived {
            let native_root = own.derived.iter().find(|(other, _)| other == recipe);
            if let Some((_, native_root)) = native_root {
                root.take_certificates(native_root)?;
            }
        }
        let layers = write_layers(roots, &work.join(roots.platform.slug()))?;
        progress(&format!("{}: layers written", roots.platform));
        Ok(layers)
    })?;
    Ok(orders
        .iter()
        .map(|order| oci::Image {
            reference: format!("docker.io/library/{}", order.recipe.name),
            platforms: platforms
                .iter()
                .zip(&finished)
                .filter(|(platform, _)| order.platforms.contains(platform))
                .map(|(platform, (base, derived))| {
                    let mut layers = vec![base.clone()];
                    layers.extend(derived.get(order.recipe.name).cloned());
                    (platform.clone(), image(order.recipe, layers, archives))
                })
                .collect(),
        })
        .collect())
}

/// The platforms of these orders, each once, in order.
pub(super) fn platforms(orders: &[Order]) -> Vec<Platform> {
    let mut platforms: Vec<Platform> = orders
        .iter()
        .flat_map(|order| order.platforms.iter().cloned())
        .collect();
    platforms.sort();
    platforms.dedup();
    platforms
}

/// What it takes to make stand-ins for a platform.
pub(super) fn architecture(platform: &Platform) -> Option<&'static str> {
    (platform.os() == "linux")
        .then(|| debian::debian_architecture(platform.architecture(), platform.variant()))
        .flatten()
}

/// A root for each platform, with its package lists.
fn begin<'a>(
    platforms: &'a [Platform],
    work: &Path,
    archives: Archives,
) -> Result<Vec<(&'a Platform, DebianRoot)>, EngineError> {
    in_parallel(platforms, |platform| {
        let architecture = architecture(platform).ok_or_else(|| {
            EngineError::Private(format!("Debian {SUITE} has no packages for {platform}"))
        });
        let folder = work.join(platform.slug()).join("base");
        let root = architecture.and_then(|architecture| {
            if folder.exists() {
                fs::remove_dir_all(&folder)
                    .map_err(EngineError::file("cannot remove", folder.as_path()))?;
            }
            DebianRoot::begin(&folder, architecture, archives)
        });
        let root = root.map_err(|error| EngineError::NoPackages {
            platform: platform.clone(),
            source: Box::new(error),
        })?;
        Ok((platform, root))
    })
}

fn install<'a>(
    orders: &[Order],
    platform: &'a Platform,
    base: &'a DebianRoot,
    work: &Path,
) -> Result<Roots<'a>, EngineError> {
    base.install_base(&[])?;
    base.clean()?;
    let mut derived = Vec::new();
    let recipes = orders
        .iter()
        .filter(|order| order.platforms.contains(platform))
        .map(|order| order.recipe);
    for recipe in recipes.filter(|recipe| !recipe.packages.is_empty()) {
        let root = base.copy(&work.join(recipe.folder()))?;
        root.install(recipe.packages)?;
        root.clean()?;
        for (link, target) in recipe.links {
            let link = root.path().join(link.trim_start_matches('/'));
            std::os::unix::fs::symlink(target, &link)
                .map_err(EngineError::file("cannot link", link))?;
        }
        for folder in recipe.folders {
            let folder = root.path().join(folder.trim_start_matches('/'));
            fs::create_dir_all(&folder)
                .map_err(EngineError::file("cannot create", folder.as_path()))?;
            let open = std::os::unix::fs::PermissionsExt::from_mode(0o1777);
            fs::set_permissions(&folder, open)
                .map_err(EngineError::file("cannot set permissions of", folder))?;
        }
        derived.push((recipe, root));
    }
    Ok(Roots {
        platform,
        base,
        derived,
    })
}

/// The base layer, and by recipe name the one on top of it.
fn write_layers(
    roots: &Roots<'_>,
    work: &Path,
) -> Result<(Layer, HashMap<&'static str, Layer>), EngineError> {
    let write = |name: &str, root: &DebianRoot, below: Option<&DebianRoot>, packages: &[&str]| {
        let path = work.join(format!("{name}.tar"));
        let created_by = format!("Debian {SUITE} {}", packages.join(" "));
        LayerWriter::create(&path)
            .and_then(|out| layer::write(root.path(), below.map(DebianRoot::path), out))
            .and_then(|out| out.finish(created_by))
            .map_err(EngineError::file("cannot write layer", path))
    };
    let base = write("base", roots.base, None, &["essential", "apt"])?;
    let derived = roots
        .derived
        .iter()
        .map(|(recipe, root)| {
            let layer = write(&recipe.folder(), root, Some(roots.base), recipe.packages)?;
            Ok((recipe.name, layer))
        })
        .collect::<Result<_, EngineError>>()?;
    Ok((base, derived))
}

fn image(recipe: &Recipe, layers: Vec<Layer>, archives: Archives) -> PlatformImage {
    PlatformImage {
        layers,
        env: recipe.env.iter().map(|(k, v)| format!("{k}={v}")).collect(),
        workdir: recipe.workdir.map(str::to_owned),
        cmd: vec!["bash".into()],
        labels: HashMap::from([(
            STAND_IN_LABEL.to_owned(),
            match archives {
                Archives::WithUpdates | Archives::Sid => {
                    format!("{} made from Debian {SUITE} packages", recipe.name)
                }
                Archives::Release => format!(
                    "{} made from Debian {SUITE} packages, without updates",
                    recipe.name
                ),
            },
        )]),
    }
}

/// Runs one thread an item; the first error wins.
fn in_parallel<'a, T: Sync, R: Send>(
    items: &'a [T],
    work: impl Fn(&'a T) -> Result<R, EngineError> + Sync,
) -> Result<Vec<R>, EngineError> {
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = items
            .iter()
            .map(|item| scope.spawn(move || work(item)))
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    })
}
