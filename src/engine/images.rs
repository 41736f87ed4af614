//! Base images: which are there for which platforms, and getting those that
//! are not, from a registry or as stand-ins.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;

use super::binfmt::ARCHITECTURES;
use super::client::{self, Image};
use super::registry::{self, NotPulled};
pub use super::standin::requests::unfinished as unfinished_stand_ins;
use super::standin::requests::{Workplace, add_order, can_be_made, is_wanted, make_stand_ins};
use super::standin::{self, Recipe};
use super::{Engine, EngineError, Progress};
use crate::escape::one_line;
use crate::model::{BaseImage, Platform};

/// Whether stand-ins may be put into an engine under official names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandIns {
    /// Where no registry can be reached, they may.
    Allowed,
    /// Never: the engine is somebody's, who did not ask for it.
    Refused,
}

impl StandIns {
    /// Allowed in the private engine, and in no other.
    pub fn for_engine(engine: &Engine) -> Self {
        if engine.facts().endpoint.is_private() {
            Self::Allowed
        } else {
            Self::Refused
        }
    }
}

/// What an engine holds of these images, each with the platform that it is
/// needed on, without getting anything: an image that is absent has no
/// platforms. Each name comes once.
///
/// # Errors
/// The engine refuses the question.
pub async fn present(
    engine: &Engine,
    needed: &[(String, Platform)],
) -> Result<Vec<Image>, EngineError> {
    let mut images: Vec<Image> = Vec::new();
    for (name, _) in needed {
        if !images.iter().any(|image| image.name == *name) {
            let held = engine.image(name, &platforms_of(needed, name)).await?;
            images.push(held.unwrap_or_else(|| Image::absent(name)));
        }
    }
    Ok(images)
}

/// What a registry says of an image that a race would have to pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// There is none, or the registry cannot be reached.
    Refused,
    /// The registry did not answer within the time that was given.
    Silent,
}

/// Those of these images that a race may not get: the engine holds none of
/// the name, for any platform, there is no recipe for a stand-in that may be
/// put into it, and no registry offers it within `limit`. Nothing is changed:
/// to ask for a platform would unpack the image.
pub async fn unobtainable(
    engine: &Engine,
    names: &BTreeSet<String>,
    limit: Duration,
) -> BTreeMap<String, Offer> {
    let may_stand_in = StandIns::for_engine(engine) == StandIns::Allowed;
    let asked = names.iter().map(|name| async move {
        if (may_stand_in && standin::recipe(name).is_some()) || engine.holds(name).await {
            return None;
        }
        let asked = client::asked(name);
        let offered = engine.docker().inspect_registry_image(&asked, None);
        let offer = match tokio::time::timeout(limit, offered).await {
            Ok(Ok(_)) => return None,
            Ok(Err(_)) => Offer::Refused,
            Err(_) => Offer::Silent,
        };
        Some((name.clone(), offer))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// Sees to it that the engine holds these images, each on its platform,
/// unpacked: pulls what is missing, or makes stand-ins where no registry can
/// be reached and they are allowed. A name that the engine holds is never
/// moved to another image, but for a stand-in that is made again with more
/// platforms.
///
/// # Errors
/// An image can neither be pulled nor made.
pub async fn ensure(
    engine: &Engine,
    needed: &[(String, Platform)],
    stand_ins: StandIns,
    progress: &Progress,
) -> Result<Vec<BaseImage>, EngineError> {
    let obtained = obtain(engine, needed, &BTreeSet::new(), stand_ins, progress).await?;
    Ok(obtained.images)
}

/// An image that could be had neither here, nor from a registry, nor as a
/// stand-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The name that it is needed by.
    pub name: String,
    /// Platforms that it is needed on and not held for.
    pub platforms: Vec<Platform>,
    /// Why, with all that the engine said; one line.
    pub reason: String,
}

/// The images that [`obtain`] came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Obtained {
    /// The images that the engine holds now, one for each platform.
    pub images: Vec<BaseImage>,
    /// Those that it does not hold, and that may lack.
    pub missing: Vec<Missing>,
}

/// As [`ensure`], but an image of `may_lack` that cannot be had is listed
/// instead of being an error. All are asked for at once, so many that no
/// registry answers for take no longer than one.
///
/// # Errors
/// Another image can neither be pulled nor made.
pub async fn obtain(
    engine: &Engine,
    needed: &[(String, Platform)],
    may_lack: &BTreeSet<String>,
    stand_ins: StandIns,
    progress: &Progress,
) -> Result<Obtained, EngineError> {
    let mut images = present(engine, needed).await?;
    let mut missing = Vec::new();
    let lacking = lacking(&images, needed);
    if !lacking.is_empty() {
        let failed = pull_all(engine, &lacking, progress).await;
        let mut to_make = Vec::new();
        for ((image, platforms), why) in failed {
            match recipe_to_make(engine, image, needed, why, stand_ins) {
                Ok(recipe) => to_make.push((image.name.as_str(), recipe)),
                Err(error) if may_lack.contains(&image.name) => missing.push(Missing {
                    name: image.name.clone(),
                    platforms: platforms.clone(),
                    reason: error.to_string(),
                }),
                Err(error) => return Err(error),
            }
        }
        let workplace = (!to_make.is_empty())
            .then(|| Workplace::take(progress))
            .transpose()?;
        if let Some(workplace) = &workplace {
            let orders = orders(engine, needed, &to_make, progress).await?;
            let unmade =
                make_ordered(engine, orders, &lacking, may_lack, workplace, progress).await?;
            missing.extend(unmade);
        }
        images = present(engine, needed).await?;
        // Not before: another process would find them lacking and make them again.
        drop(workplace);
    }
    Ok(Obtained {
        images: base_images(needed, &images, &missing)?,
        missing,
    })
}

/// An image, and those of the platforms needed that it is not held for.
type Lacking<'a> = (&'a Image, Vec<Platform>);

fn lacking<'a>(images: &'a [Image], needed: &[(String, Platform)]) -> Vec<Lacking<'a>> {
    let lacking = images.iter().map(|image| {
        let mut platforms = platforms_of(needed, &image.name);
        platforms.retain(|platform| !image.platforms.contains(platform));
        (image, platforms)
    });
    lacking
        .filter(|(_, platforms)| !platforms.is_empty())
        .collect()
}

/// Pulls all at once, and returns those that were not pulled, with the reason.
async fn pull_all<'a, 'b>(
    engine: &Engine,
    lacking: &'b [Lacking<'a>],
    progress: &Progress,
) -> Vec<(&'b Lacking<'a>, NotPulled)> {
    let pulls = lacking
        .iter()
        .map(|(image, platforms)| registry::pull(engine, image, platforms, progress));
    let pulled = join_all(pulls).await;
    let each = lacking.iter().zip(pulled);
    each.filter_map(|(lacking, pulled)| Some((lacking, pulled.err()?)))
        .collect()
}

/// The recipe of a stand-in for an image that was not pulled, where one can be
/// made here for all the platforms that the image is needed on.
fn recipe_to_make(
    engine: &Engine,
    image: &Image,
    needed: &[(String, Platform)],
    why: NotPulled,
    stand_ins: StandIns,
) -> Result<&'static Recipe, EngineError> {
    let recipe = recipe_for(image, why, stand_ins, &engine.facts().endpoint.host)?;
    can_be_made(engine, &platforms_of(needed, &image.name))?;
    Ok(recipe)
}

/// Makes what is ordered. Where no archive has a platform's packages the other
/// platforms are made without it; the images that lack it then are returned.
async fn make_ordered(
    engine: &Engine,
    mut orders: Vec<standin::Order>,
    lacking: &[Lacking<'_>],
    may_lack: &BTreeSet<String>,
    workplace: &Workplace,
    progress: &Progress,
) -> Result<Vec<Missing>, EngineError> {
    let mut missing = Vec::new();
    while !orders.is_empty() {
        let made = make_stand_ins(engine, orders.clone(), workplace, progress).await;
        let Err(error) = made else { break };
        let EngineError::NoPackages { platform, .. } = &error else {
            return Err(error);
        };
        for (image, platforms) in lacking {
            if !is_ordered(&orders, &image.name, platform) {
                continue;
            }
            if !may_lack.contains(&image.name) || !platforms.contains(platform) {
                return Err(error);
            }
            missing.push(Missing {
                name: image.name.clone(),
                platforms: vec![platform.clone()],
                reason: error.to_string(),
            });
        }
        for order in &mut orders {
            order.platforms.retain(|other| other != platform);
        }
        orders.retain(|order| is_wanted(order, lacking));
    }
    Ok(missing)
}

fn is_ordered(orders: &[standin::Order], name: &str, platform: &Platform) -> bool {
    let recipe = standin::recipe(name);
    let order = orders.iter().find(|order| Some(order.recipe) == recipe);
    order.is_some_and(|order| order.platforms.contains(platform))
}

/// The images needed as a run's record holds them, but for those missing.
fn base_images(
    needed: &[(String, Platform)],
    images: &[Image],
    missing: &[Missing],
) -> Result<Vec<BaseImage>, EngineError> {
    let lacks = |name: &String, platform: &Platform| {
        let mut missing = missing.iter();
        missing.any(|image| image.name == *name && image.platforms.contains(platform))
    };
    let needed = needed
        .iter()
        .filter(|(name, platform)| !lacks(name, platform));
    needed
        .map(|(name, platform)| {
            images
                .iter()
                .find(|image| image.name == *name && image.platforms.contains(platform))
                .map(|image| BaseImage {
                    name: name.clone(),
                    platform: platform.clone(),
                    digest: image.digest.clone(),
                    stand_in: image.stand_in,
                    node: None,
                })
                .ok_or_else(|| EngineError::Image {
                    name: one_line(name),
                    reason: format!(
                        "the engine does not hold it for {platform}, though it was got"
                    ),
                })
        })
        .collect()
}

/// What is to be made, once nobody else makes stand-ins: another process may
/// have made some meanwhile, and one that is made anew keeps the platforms that
/// it had.
async fn orders(
    engine: &Engine,
    needed: &[(String, Platform)],
    to_make: &[(&str, &'static Recipe)],
    progress: &Progress,
) -> Result<Vec<standin::Order>, EngineError> {
    let mut orders = Vec::new();
    let images = match to_make {
        [] => return Ok(orders),
        _ => present(engine, needed).await?,
    };
    for (name, recipe) in to_make {
        let mut wanted = platforms_of(needed, name);
        let held = images.iter().find(|image| image.name == *name);
        let is_held = |platform| held.is_some_and(|image| image.platforms.contains(platform));
        if wanted.iter().all(is_held) {
            continue;
        }
        progress(&format!(
            "{name}: making a stand-in from Debian packages (about a minute, once)"
        ));
        wanted.push(engine.facts().native.clone());
        if held.is_some_and(|image| image.stand_in) {
            for architecture in &ARCHITECTURES {
                let platform = Platform::linux(architecture.oci);
                if !wanted.contains(&platform) && engine.unpack(name, &platform).await? {
                    wanted.push(platform);
                }
            }
        }
        add_order(&mut orders, recipe, wanted);
    }
    Ok(orders)
}

/// The platforms that an image is needed on.
fn platforms_of(needed: &[(String, Platform)], name: &str) -> Vec<Platform> {
    needed
        .iter()
        .filter(|(other, _)| other == name)
        .map(|(_, platform)| platform.clone())
        .collect()
}

/// The recipe of a stand-in for an image that was not pulled.
fn recipe_for(
    image: &Image,
    why: NotPulled,
    stand_ins: StandIns,
    host: &str,
) -> Result<&'static Recipe, EngineError> {
    let refuse = |reason: String| EngineError::Image {
        name: one_line(&image.name),
        reason,
    };
    let reason = match why {
        NotPulled::NoRegistry(reason) => reason,
        NotPulled::Refused(reason) => return Err(refuse(reason)),
    };
    if !image.id.is_empty() && !image.stand_in {
        let held: Vec<String> = image.platforms.iter().map(Platform::to_string).collect();
        let held = if held.is_empty() {
            "for none of the platforms needed".to_owned()
        } else {
            format!("for {} alone", held.join(", "))
        };
        return Err(refuse(format!(
            "the engine holds it {held}, and the rest cannot be pulled ({reason}); a stand-in would replace it: pull it with `docker pull --platform`, or remove it"
        )));
    }
    let recipe = standin::recipe(&image.name).ok_or_else(|| {
        refuse(format!(
            "it cannot be pulled ({reason}), and there is no recipe for a stand-in (there is one for {}): pull or load it into the engine yourself",
            standin::recipe_names()
        ))
    })?;
    match stand_ins {
        StandIns::Allowed => Ok(recipe),
        StandIns::Refused => Err(refuse(format!(
            "it cannot be pulled ({reason}): pull or load it yourself, or run `buildrace images --stand-ins`, which makes a stand-in from Debian packages and puts it under this name into the engine at {}",
            one_line(host)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str, stand_in: bool, held: &[&str]) -> Image {
        let id = if held.is_empty() { "" } else { "sha256:aa" };
        Image {
            name: name.into(),
            id: id.into(),
            digest: None,
            platforms: held.iter().copied().map(Platform::linux).collect(),
            stand_in,
        }
    }

    fn recipe(image: &Image, why: NotPulled, stand_ins: StandIns) -> Result<&'static str, String> {
        recipe_for(image, why, stand_ins, "unix:///run/x.sock")
            .map(|recipe| recipe.name)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_stand_in_needs_both_leave_and_no_registry() {
        let absent = image("debian:trixie-slim", false, &[]);
        let none = || NotPulled::NoRegistry("no such host".into());
        assert_eq!(
            recipe(&absent, none(), StandIns::Allowed),
            Ok("debian:trixie-slim")
        );
        let message = recipe(&absent, none(), StandIns::Refused).unwrap_err();
        for part in [
            "buildrace images --stand-ins",
            "unix:///run/x.sock",
            "no such host",
        ] {
            assert!(message.contains(part), "{message}");
        }
        let answered = NotPulled::Refused("toomanyrequests".into());
        let message = recipe(&absent, answered, StandIns::Allowed).unwrap_err();
        assert!(message.contains("toomanyrequests"), "{message}");
    }

    #[test]
    fn each_stand_in_is_made_for_its_own_platforms_alone() {
        let [amd64, arm, riscv64] = ["amd64", "arm", "riscv64"].map(Platform::linux);
        let tools = standin::recipe("golang:1.24-trixie").unwrap();
        let system = standin::recipe("debian:trixie-slim").unwrap();
        let mut orders = Vec::new();
        add_order(&mut orders, tools, vec![amd64.clone()]);
        add_order(&mut orders, system, vec![riscv64.clone(), amd64.clone()]);
        // By another of its names.
        let same = standin::recipe("docker.io/library/debian:trixie-slim").unwrap();
        add_order(&mut orders, same, vec![arm.clone(), amd64.clone()]);
        let made: Vec<(&str, &[Platform])> = orders
            .iter()
            .map(|order| (order.recipe.name, &*order.platforms))
            .collect();
        let all = [amd64.clone(), arm, riscv64];
        assert_eq!(made, [(tools.name, &[amd64][..]), (system.name, &all[..])]);
        assert_eq!(standin::platforms(&orders), all);
    }

    #[test]
    fn a_stand_in_replaces_stand_ins_alone() {
        let none = || NotPulled::NoRegistry("no such host".into());
        let official = image("debian:trixie-slim", false, &["amd64"]);
        let message = recipe(&official, none(), StandIns::Allowed).unwrap_err();
        assert!(message.contains("would replace it"), "{message}");
        // Held, and for none of the platforms that are needed.
        let other = Image {
            platforms: Vec::new(),
            ..official
        };
        assert!(recipe(&other, none(), StandIns::Allowed).is_err());
        let stand_in = image("debian:trixie-slim", true, &["amd64"]);
        assert!(recipe(&stand_in, none(), StandIns::Allowed).is_ok());
    }
}
