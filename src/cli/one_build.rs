//! What `explain DOCKERFILE` builds, in buildx's words.

use std::path::PathBuf;

use clap::Args;

use super::bake::BakeArgs;
use crate::model::Platform;
use crate::options::BuildOptions;

/// The build of a Dockerfile that is explained when it ends.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Building a Dockerfile")]
pub struct OneBuildArgs {
    /// Folder that is the build context [default: .; of a DIR, that folder]
    #[arg(long, value_name = "DIR")]
    pub context: Option<PathBuf>,
    /// Build argument [default value: from the environment]
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub build_arg: Vec<String>,
    /// Stage to build [default: the last]
    #[arg(long, value_name = "STAGE")]
    pub target: Option<String>,
    /// Secret for RUN --mount=type=secret: id=ID, and src=FILE or env=NAME
    #[arg(long, value_name = "id=ID,…")]
    pub secret: Vec<String>,
    /// SSH agent for RUN --mount=type=ssh: default, or ID=SOCKET
    #[arg(long, value_name = "default|ID=SOCKET")]
    pub ssh: Vec<String>,
    /// Further build context: a folder, or a reference that BuildKit resolves, like docker-image://…
    #[arg(long, value_name = "NAME=PATH")]
    pub build_context: Vec<String>,
    /// Build targets or groups of a bake file or Compose file in place of a Dockerfile; several
    /// are one build. --file names the file
    #[arg(long, value_name = "TARGET,…", conflicts_with_all = ["build", "last", "history"])]
    pub bake: Option<String>,
    #[command(flatten)]
    pub bake_args: BakeArgs,
    /// Use no layer of an earlier build; cache mounts stay as they are
    #[arg(long)]
    pub no_cache: bool,
}

impl OneBuildArgs {
    /// The build of these platforms.
    pub fn options(&self, platform: &[Platform]) -> BuildOptions {
        BuildOptions {
            context: self.context.clone(),
            platform: platform.to_vec(),
            build_arg: self.build_arg.clone(),
            target: self.target.clone(),
            secret: self.secret.clone(),
            ssh: self.ssh.clone(),
            build_context: self.build_context.clone(),
            ..BuildOptions::default()
        }
    }

    /// One of the options that is given.
    pub fn given(&self) -> Option<&'static str> {
        let options = [
            ("--context", self.context.is_some()),
            ("--build-arg", !self.build_arg.is_empty()),
            ("--target", self.target.is_some()),
            ("--secret", !self.secret.is_empty()),
            ("--ssh", !self.ssh.is_empty()),
            ("--build-context", !self.build_context.is_empty()),
            ("--no-cache", self.no_cache),
        ];
        let mut given = options.into_iter().filter(|(_, is_given)| *is_given);
        given.next().map(|(name, _)| name)
    }
}
