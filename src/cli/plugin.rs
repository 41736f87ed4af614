//! `buildrace plugin`: buildrace as a command of the Docker CLI.

use std::time::Duration;

use clap::{Args, Subcommand};

use crate::options::duration;

/// `buildrace plugin`
#[derive(Debug, Args)]
#[command(after_help = "\
Docker's folder is $DOCKER_CONFIG, else ~/.docker. docs/docker.md says what each action writes there.")]
pub struct PluginArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: PluginAction,
}

/// What to do with the plugin.
#[derive(Debug, Clone, Subcommand)]
pub enum PluginAction {
    /// Make `docker buildrace` work: link docker-buildrace in Docker's plugin folder to this program
    Install,
    /// Remove the link, and the hook if it is on
    Remove,
    /// Have the Docker CLI ask buildrace for a line after each `docker build`, or stop that
    Hook {
        /// What to do.
        #[command(subcommand)]
        action: HookAction,
    },
}

/// What to do with the hook.
#[derive(Debug, Clone, Subcommand)]
pub enum HookAction {
    /// After a build in a terminal, name the emulated step or the lost cache that cost most
    On {
        /// Say nothing of what cost less
        #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
        threshold: Duration,
    },
    /// Take the hook out of Docker's config.json; the rest stays as it is
    Off,
}
