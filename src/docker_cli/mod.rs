//! What the Docker CLI and its plugins say to each other (docker/cli, `cli-plugins/`): how a
//! plugin is called, what it answers, and what the CLI's `config.json` holds of it.

mod call;
mod config;
mod docker_build;
mod error;
mod global_flags;
mod hook;

pub use call::{Call, PLUGIN_FILE, PLUGIN_NAME};
pub use config::{Changed, Config, ConfigError, HookSettings};
pub use docker_build::DockerBuild;
pub use error::CallError;
pub use global_flags::Environment;
pub use hook::{HookRequest, hook_response};

/// Set by the Docker CLI for its plugins: the command that the CLI was called by.
pub const CALLED_BY: &str = "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND";

/// What a plugin answers to `docker-cli-plugin-metadata`, as JSON.
pub fn metadata(version: &str, description: &str) -> String {
    serde_json::json!({
        "SchemaVersion": "0.1.0",
        "Vendor": "buildrace",
        "Version": version,
        "ShortDescription": description,
    })
    .to_string()
}
