//! One engine, asked through bollard what it is and what images it holds.

use std::collections::HashMap;

use bollard::Docker;
use bollard::errors::Error as DockerError;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, ListImagesOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveImageOptionsBuilder,
};

use super::{Endpoint, EngineError, connection, locate, temporary};
use crate::escape::one_line;
use crate::model::{BuilderInfo, Platform, Reference};

/// The oldest engine that will do, as major and minor version: 24.0 brought
/// BuildKit 0.11, the first that answers `ListenBuildHistory`, by which a
/// race sees builds that are not its own. (The containerd image store is older.)
const MINIMUM: (u32, u32) = (24, 0);

/// The label that marks a stand-in image, on any engine.
pub const STAND_IN_LABEL: &str = "org.buildrace.stand-in";

/// A connection to an engine that can run a race.
#[derive(Debug, Clone)]
pub struct Engine {
    docker: Docker,
    facts: EngineFacts,
}

/// What an engine says of itself, as of when it was connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFacts {
    /// Where it listens, and who named that address.
    pub endpoint: Endpoint,
    /// The engine's version, `26.1.5+dfsg1`.
    pub version: String,
    /// The API version it was asked with, `1.45`.
    pub api_version: String,
    /// The snapshotter or graph driver that keeps layers, `overlayfs`.
    pub storage_driver: String,
    /// Whether images are kept in the containerd image store.
    pub containerd_store: bool,
    /// The platform of the CPU that the engine runs on.
    pub native: Platform,
    /// Release of the kernel that the engine runs on, `6.12.9`.
    pub kernel: Option<String>,
    /// Folder where it keeps its data, on its own machine.
    pub data_root: Option<String>,
    /// Number of CPUs that the engine may use.
    pub cpus: Option<u32>,
}

/// What an engine holds of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The name that the image was asked for by.
    pub name: String,
    /// Id; in the containerd image store the digest of the index.
    pub id: String,
    /// Digest of its index, or of the image where it has none.
    pub digest: Option<String>,
    /// Those of the platforms asked for that are present and complete.
    pub platforms: Vec<Platform>,
    /// Whether its label says that it is a stand-in.
    pub stand_in: bool,
}

impl Image {
    /// An image of which the engine holds nothing.
    pub(super) fn absent(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            id: String::new(),
            digest: None,
            platforms: Vec::new(),
            stand_in: false,
        }
    }
}

impl Engine {
    /// Connects and checks that the engine can run a race.
    ///
    /// # Errors
    /// It does not answer, is too old, or lacks the containerd image store.
    pub async fn connect(endpoint: &Endpoint) -> Result<Self, EngineError> {
        let engine = Self::connect_unchecked(endpoint).await?;
        engine.facts.check()?;
        Ok(engine)
    }

    /// Connects to an engine of any version and storage: `doctor` wants to
    /// say all that is wrong, not the first thing.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn connect_unchecked(endpoint: &Endpoint) -> Result<Self, EngineError> {
        let docker = connection::client(endpoint)?
            .negotiate_version()
            .await
            .map_err(|error| {
                EngineError::api(format!("asking {} its version", endpoint.host), error)
            })?;
        let version = docker
            .version()
            .await
            .map_err(|error| EngineError::api("asking its version", error))?;
        if let Some(version) = locate::podman(&version) {
            return Err(EngineError::Podman {
                host: one_line(&endpoint.host),
                found_by: endpoint.found_by.clone(),
                version,
            });
        }
        let info = docker
            .info()
            .await
            .map_err(|error| EngineError::api("asking what it is", error))?;
        let containerd_store = info.driver_status.iter().flatten().any(|pair| {
            matches!(pair.as_slice(), [key, value]
                if key == "driver-type" && value == "io.containerd.snapshotter.v1")
        });
        let architecture = version
            .arch
            .or(info.architecture)
            .unwrap_or_else(|| std::env::consts::ARCH.into());
        let facts = EngineFacts {
            endpoint: endpoint.clone(),
            version: one_line(&version.version.or(info.server_version).unwrap_or_default()),
            api_version: docker.client_version().to_string(),
            storage_driver: one_line(&info.driver.unwrap_or_default()),
            containerd_store,
            native: Platform::linux(&one_line(&architecture)),
            kernel: info.kernel_version.as_deref().map(one_line),
            data_root: info.docker_root_dir.as_deref().map(one_line),
            cpus: info.ncpu.and_then(|cpus| u32::try_from(cpus).ok()),
        };
        Ok(Self { docker, facts })
    }

    /// What the engine says of itself.
    pub fn facts(&self) -> &EngineFacts {
        &self.facts
    }

    /// The API client, for what this module has no word for.
    pub fn docker(&self) -> &Docker {
        &self.docker
    }

    /// Whether the engine runs on this machine's kernel, so that what the
    /// kernel says here (binfmt handlers, disks, load) is true of it too.
    pub fn is_local(&self) -> bool {
        self.facts.endpoint.host.starts_with("unix://")
            && self.facts.kernel.is_some()
            && self.facts.kernel
                == std::fs::read_to_string("/proc/sys/kernel/osrelease")
                    .ok()
                    .map(|release| release.trim().to_owned())
    }

    /// The image of this name, in whatever form it is written, with those of
    /// `platforms` that it holds; `None` where there is no such image.
    ///
    /// # Errors
    /// The engine refuses the question.
    pub async fn image(
        &self,
        name: &str,
        platforms: &[Platform],
    ) -> Result<Option<Image>, EngineError> {
        let looking = |error| EngineError::api(format!("looking for image {name}"), error);
        let Some(found) = self.find(name).await.map_err(looking)? else {
            return Ok(None);
        };
        let mut present = Vec::new();
        for platform in platforms {
            if self.unpack(name, platform).await? {
                present.push(platform.clone());
            }
        }
        let mut stand_in = found.stand_in;
        if !stand_in && let Ok(inspected) = self.docker.inspect_image(&asked(name)).await {
            stand_in = inspected
                .config
                .and_then(|config| config.labels)
                .is_some_and(|labels| labels.contains_key(STAND_IN_LABEL));
        }
        let digest = Some(&found.id)
            .filter(|id| self.facts.containerd_store && id.starts_with("sha256:"))
            .cloned()
            .or_else(|| {
                let mut digests = found.repo_digests.iter();
                digests.find_map(|reference| reference.split_once('@').map(|(_, d)| d.to_owned()))
            });
        Ok(Some(Image {
            name: name.to_owned(),
            id: found.id,
            digest,
            platforms: present,
            stand_in,
        }))
    }

    /// Whether there is an image of this name, for whatever platform; not where
    /// the engine does not say.
    pub(crate) async fn holds(&self, name: &str) -> bool {
        matches!(self.find(name).await, Ok(Some(_)))
    }

    /// Id of the image of this name; `None` where there is no such image.
    ///
    /// # Errors
    /// The engine refuses the question.
    pub async fn image_id(&self, name: &str) -> Result<Option<String>, EngineError> {
        let found = self.find(name).await;
        let found =
            found.map_err(|error| EngineError::api(format!("looking for image {name}"), error))?;
        Ok(found.map(|image| image.id))
    }

    /// What the engine lists under a name. Inspecting an index without the
    /// engine's own platform fails on older engines; listing does not, but
    /// knows names by their tags alone.
    async fn find(&self, name: &str) -> Result<Option<Found>, DockerError> {
        let asked = asked(name);
        if asked.contains('@') {
            return match self.docker.inspect_image(&asked).await {
                Ok(image) => Ok(Some(Found {
                    id: image.id.unwrap_or_default(),
                    repo_digests: image.repo_digests.unwrap_or_default(),
                    stand_in: false,
                })),
                Err(DockerError::DockerResponseServerError {
                    status_code: 400 | 404,
                    ..
                }) => Ok(None),
                Err(error) => Err(error),
            };
        }
        let filters = HashMap::from([("reference", vec![asked.as_str()])]);
        let options = ListImagesOptionsBuilder::new()
            .all(false)
            .filters(&filters)
            .build();
        let listed = self.docker.list_images(Some(options)).await?;
        Ok(listed.into_iter().next().map(|summary| Found {
            stand_in: summary.labels.contains_key(STAND_IN_LABEL),
            id: summary.id,
            repo_digests: summary.repo_digests,
        }))
    }

    /// Whether the image is there for this platform, or for a lesser CPU of its
    /// architecture, unpacked: a container of it is created, never started, and
    /// removed. That is the only question about platforms that engines of every
    /// supported version answer, and it leaves the layers unpacked, which a race
    /// wants before its clock starts.
    ///
    /// # Errors
    /// The engine fails for another reason than the platform's absence.
    pub async fn unpack(&self, name: &str, platform: &Platform) -> Result<bool, EngineError> {
        for served_by in platform.served_by() {
            if self.unpack_exactly(name, &served_by).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn unpack_exactly(&self, name: &str, platform: &Platform) -> Result<bool, EngineError> {
        let body = ContainerCreateBody {
            image: Some(asked(name)),
            cmd: Some(vec!["/".to_owned()]),
            labels: Some(HashMap::from([(
                temporary::LABEL.to_owned(),
                temporary::owner(),
            )])),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptionsBuilder::new()
            .platform(&platform.to_string())
            .build();
        match self.docker.create_container(Some(options), body).await {
            Ok(created) => {
                self.remove_container(&created.id).await?;
                Ok(true)
            }
            Err(DockerError::DockerResponseServerError {
                status_code: 404, ..
            }) => Ok(false),
            Err(error) => Err(EngineError::api(
                format!("unpacking image {name} for {platform}"),
                error,
            )),
        }
    }

    pub(crate) async fn remove_container(&self, id: &str) -> Result<(), EngineError> {
        let options = RemoveContainerOptionsBuilder::new()
            .force(true)
            .v(true)
            .build();
        self.docker
            .remove_container(id, Some(options))
            .await
            .map_err(|error| EngineError::api(format!("removing container {id}"), error))
    }

    /// Removes an image by its name, if it is there.
    ///
    /// # Errors
    /// The engine refuses to.
    pub async fn remove_image(&self, name: &str) -> Result<(), EngineError> {
        let options = RemoveImageOptionsBuilder::new().force(true).build();
        match self.docker().remove_image(name, Some(options), None).await {
            Ok(_)
            | Err(DockerError::DockerResponseServerError {
                status_code: 404, ..
            }) => Ok(()),
            Err(error) => Err(EngineError::api(format!("removing image {name}"), error)),
        }
    }
}

/// What an engine lists of an image.
struct Found {
    id: String,
    repo_digests: Vec<String>,
    stand_in: bool,
}

/// The form of an image's name that an engine is asked by.
pub(super) fn asked(name: &str) -> String {
    Reference::parse(name).map_or_else(|_| name.to_owned(), |name| name.asked())
}

impl EngineFacts {
    /// Whether an engine like this can run a race.
    ///
    /// # Errors
    /// It is too old, or lacks the containerd image store.
    pub fn check(&self) -> Result<(), EngineError> {
        let parsed = parse_version(&self.version);
        // A version that is none ("dev", a commit) belongs to a build from
        // source: believe in it.
        if parsed.is_some_and(|version| version < MINIMUM) {
            return Err(EngineError::TooOld {
                version: self.version.clone(),
            });
        }
        if !self.containerd_store {
            return Err(EngineError::NoImageStore {
                host: self.endpoint.host.clone(),
                driver: self.storage_driver.clone(),
            });
        }
        Ok(())
    }

    /// As a run's record holds it. The engine's API tells neither BuildKit's
    /// version nor all platforms: the caller adds what BuildKit's workers say.
    pub fn builder_info(&self) -> BuilderInfo {
        BuilderInfo {
            driver: "docker".into(),
            found_by: self.endpoint.found_by.clone(),
            engine_version: Some(self.version.clone()),
            buildkit_version: None,
            storage: Some(format!(
                "{}{}",
                self.storage_driver,
                if self.containerd_store {
                    " of containerd"
                } else {
                    ""
                }
            )),
            platforms: vec![self.native.clone()],
            ..BuilderInfo::default()
        }
    }
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim_start_matches('v').split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(version: &str, containerd_store: bool) -> EngineFacts {
        EngineFacts {
            endpoint: Endpoint::new("unix:///run/x.sock", "--host"),
            version: version.into(),
            api_version: "1.45".into(),
            storage_driver: "overlay2".into(),
            containerd_store,
            native: Platform::linux("amd64"),
            kernel: None,
            data_root: None,
            cpus: None,
        }
    }

    #[test]
    fn an_engine_before_24_is_too_old_whatever_it_stores() {
        for version in ["20.10.24+dfsg1", "19.03.15", "22.06.0-beta.0", "23.0.6"] {
            let error = facts(version, true).check().unwrap_err();
            assert!(
                matches!(error, EngineError::TooOld { .. }),
                "{version}: {error}"
            );
        }
        for version in ["24.0.0", "26.1.5+dfsg1", "v28.3.0", "dev"] {
            assert!(facts(version, true).check().is_ok(), "{version}");
        }
    }

    #[test]
    fn a_graph_driver_is_refused_with_the_setting_that_helps() {
        let message = facts("26.1.5", false).check().unwrap_err().to_string();
        assert!(
            message.contains(r#"{"features": {"containerd-snapshotter": true}}"#),
            "{message}"
        );
        assert!(message.contains("overlay2"), "{message}");
    }
}
