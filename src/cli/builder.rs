//! Which builder a command uses.

use std::path::PathBuf;

use clap::Args;

use crate::options::BuilderOptions;

/// Which engine to use.
#[derive(Debug, Clone, Default, Args)]
pub struct HostArgs {
    /// Docker Engine to use, like unix:///var/run/docker.sock, tcp://host:2376 or ssh://user@host
    ///
    /// Default: DOCKER_HOST, the current Docker context, the default socket,
    /// then the private engine of `buildrace engine up`.
    #[arg(long, value_name = "URL")]
    pub host: Option<String>,
}

/// Which builder to use.
#[derive(Debug, Clone, Default, Args)]
pub struct BuilderArgs {
    #[command(flatten)]
    pub engine: HostArgs,
    /// Builder to use: one of buildx by its name, `default` for the engine's own BuildKit,
    /// `container` for a container of buildrace's own, or tcp://host:port, unix:///path,
    /// ssh://host, kube-pod://POD
    ///
    /// Default: BUILDX_BUILDER, the one that `docker buildx use` chose, the private engine's
    /// BuildKit; on any other engine a container of buildrace's own, which is removed with its
    /// cache. `buildrace builders` lists them.
    #[arg(long, value_name = "NAME|URL")]
    pub builder: Option<String>,
    /// Option of the builder, in buildx's words: image, network, memory, cpu-quota, timeout, env.NAME
    /// of --builder container; cacert, cert, key, servername of an address
    #[arg(long, value_name = "KEY=VALUE,…", value_delimiter = ',')]
    pub driver_opt: Vec<String>,
    /// buildkitd.toml of --builder container
    #[arg(long, value_name = "FILE")]
    pub buildkitd_config: Option<PathBuf>,
}

impl From<&BuilderArgs> for BuilderOptions {
    fn from(args: &BuilderArgs) -> Self {
        Self {
            host: args.engine.host.clone(),
            builder: args.builder.clone(),
            driver_opt: args.driver_opt.clone(),
            buildkitd_config: args.buildkitd_config.clone(),
        }
    }
}
