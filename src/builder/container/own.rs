//! A buildkitd of buildrace's own, in a container for the time of a run. Its
//! cache is an anonymous volume, which goes with the container; its label names
//! the process that made it, so that what a killed one left is found.

use std::collections::HashMap;

use bollard::Docker;
use bollard::errors::Error as DockerError;
use bollard::models::{
    ContainerCreateBody, HostConfig, Mount, MountType, SystemInfoCgroupDriverEnum,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder, UploadToContainerOptionsBuilder,
};

use super::boot::{start, wait};
use super::{ContainerError, ContainerSettings};
use crate::builder::{Cleanup, NodeBuilder};
use crate::engine::Engine;

/// Where buildkitd keeps its cache.
const STATE: &str = "/var/lib/buildkit";
/// The folder that holds buildkitd's configuration in the image's file system.
const CONFIG_PARENT: &str = "/etc";
/// The cgroup that buildx puts its builders in, where cgroups are files.
const CGROUP: &str = "/docker/buildx";

/// A buildkitd in a container that goes when it is removed.
#[derive(Debug)]
pub struct OwnContainer {
    docker: Docker,
    id: String,
    /// The BuildKit in it.
    pub builder: NodeBuilder,
}

impl OwnContainer {
    /// Makes the container from an image that the engine holds, and waits until
    /// its buildkitd answers.
    ///
    /// # Errors
    /// The engine refuses, or buildkitd does not answer; nothing is left then.
    pub async fn create(
        engine: &Engine,
        settings: &ContainerSettings,
    ) -> Result<Self, ContainerError> {
        let docker = engine.docker().clone();
        let name = format!("buildrace-builder-{:08x}", rand::random::<u32>());
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        let created = docker
            .create_container(Some(options), body(engine, settings).await)
            .await
            .map_err(|error| ContainerError::engine("creating a container of buildkitd", &error))?;
        let begun = begin(&docker, &name, settings).await;
        match begun {
            Ok(builder) => Ok(Self {
                docker,
                id: created.id,
                builder: builder.with_cleanup(Cleanup::Discard),
            }),
            Err(error) => {
                // The first error is the one to tell.
                let _ = remove(&docker, &created.id).await;
                Err(error)
            }
        }
    }

    /// Removes it with its cache, unless somebody else has.
    ///
    /// # Errors
    /// The engine refuses.
    pub async fn remove(self) -> Result<(), ContainerError> {
        remove(&self.docker, &self.id).await
    }
}

async fn begin(
    docker: &Docker,
    name: &str,
    settings: &ContainerSettings,
) -> Result<NodeBuilder, ContainerError> {
    if let Some(config) = &settings.config {
        put_config(docker, name, config).await?;
    }
    start(docker, name).await?;
    wait(docker, name, settings.boot_limit()).await
}

/// Removes a container, which may be gone already.
async fn remove(docker: &Docker, id: &str) -> Result<(), ContainerError> {
    let options = RemoveContainerOptionsBuilder::new()
        .force(true)
        .v(true)
        .build();
    match docker.remove_container(id, Some(options)).await {
        Ok(())
        // It is gone, or somebody removes it already.
        | Err(DockerError::DockerResponseServerError {
            status_code: 404 | 409,
            ..
        }) => Ok(()),
        Err(error) => {
            let action = format!("removing container {id}");
            Err(ContainerError::engine(action, &error))
        }
    }
}

async fn body(engine: &Engine, settings: &ContainerSettings) -> ContainerCreateBody {
    let info = engine.docker().info().await.unwrap_or_default();
    // A privileged container has no user namespace of its own.
    let remaps_users = info
        .security_options
        .iter()
        .flatten()
        .any(|option| option.split(',').any(|part| part == "name=userns"));
    let has_cgroup_files = info.cgroup_driver == Some(SystemInfoCgroupDriverEnum::CGROUPFS);
    let host = HostConfig {
        privileged: Some(true),
        init: Some(true),
        mounts: Some(vec![Mount {
            typ: Some(MountType::VOLUME),
            target: Some(STATE.to_owned()),
            ..Mount::default()
        }]),
        network_mode: settings.network.clone(),
        memory: settings.memory,
        memory_swap: settings.memory_swap,
        cpu_period: settings.cpu_period,
        cpu_quota: settings.cpu_quota,
        cpu_shares: settings.cpu_shares,
        cpuset_cpus: settings.cpuset_cpus.clone(),
        cgroup_parent: has_cgroup_files.then(|| CGROUP.to_owned()),
        userns_mode: remaps_users.then(|| "host".to_owned()),
        ..HostConfig::default()
    };
    ContainerCreateBody {
        image: Some(settings.image().to_owned()),
        // What collects garbage could take a layer between two samples of a chain.
        cmd: Some(vec!["--oci-worker-gc=false".to_owned()]),
        env: (!settings.env.is_empty()).then(|| settings.env.clone()),
        labels: Some(HashMap::from([crate::engine::temporary_label()])),
        host_config: Some(host),
        ..ContainerCreateBody::default()
    }
}

/// Puts `buildkitd.toml` where buildkitd looks for it.
async fn put_config(docker: &Docker, name: &str, config: &[u8]) -> Result<(), ContainerError> {
    let failed = |error: &dyn std::fmt::Display| ContainerError::Engine {
        action: "writing buildkitd.toml".to_owned(),
        message: crate::escape::one_line(&error.to_string()),
    };
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(config.len() as u64);
    header.set_mode(0o644);
    archive
        .append_data(&mut header, "buildkit/buildkitd.toml", config)
        .map_err(|error| failed(&error))?;
    let archive = archive.into_inner().map_err(|error| failed(&error))?;
    let options = UploadToContainerOptionsBuilder::new()
        .path(CONFIG_PARENT)
        .build();
    docker
        .upload_to_container(name, Some(options), bollard::body_full(archive.into()))
        .await
        .map_err(|error| ContainerError::engine("writing buildkitd.toml", &error))
}
