//! What is built of a Dockerfile of one's own.

use std::path::PathBuf;

use clap::Args;

use crate::model::{BuildKind, Platform};
use crate::options::{BuildOptions, builds_at_once};

/// What is built of a Dockerfile of one's own, in buildx's words.
#[derive(Debug, Clone, Default, Args)]
pub struct BuildArgs {
    /// Folder that is the build context [default: .]
    #[arg(long, value_name = "DIR")]
    pub context: Option<PathBuf>,
    /// Platforms of the multi-arch kinds, comma-separated [default: the native platform]
    #[arg(long, value_name = "P,…", value_delimiter = ',')]
    pub platform: Vec<Platform>,
    /// Build argument [default value: from the environment]
    ///
    /// BuildKit writes values into the names of steps, so they reach results and
    /// reports: use --secret for what nobody may see, or --redact NAME.
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
    /// File that an incremental build changes, relative to the context: buildrace appends a
    /// comment
    ///
    /// Several edits have names: `--edit main.go --edit dependencies=go.mod`. Each is measured on its
    /// own, as incremental:NAME. An edit of several files names each of them.
    /// `--edit dockerfile` appends a LABEL to each Dockerfile.
    #[arg(long, value_name = "[NAME=]FILE")]
    pub edit: Vec<String>,
    /// Change the file by s/REGEX/REPLACEMENT/[g] instead; the replacement must hold {nonce}
    #[arg(long, value_name = "[NAME=]RULE")]
    pub edit_with: Vec<String>,
    /// Build kinds, comma-separated [possible: cold, multi-arch, incremental, incremental:EDIT, noop, concurrent:N]
    ///
    /// Default: multi-arch (cold if only the native platform is built), and
    /// incremental with --edit.
    #[arg(long, value_name = "K,…", value_delimiter = ',')]
    pub kinds: Vec<BuildKind>,
    /// Build so many at the same time, too: the kind concurrent:N
    ///
    /// The builds start together on one builder, each after an edit in sources of its own, as jobs of
    /// several pull requests do. The explanation of such a sample tells which step waited for a cache mount
    /// that another one held.
    #[arg(long, value_name = "N", value_parser = builds_at_once)]
    pub concurrent: Option<u8>,
}

impl From<&BuildArgs> for BuildOptions {
    fn from(args: &BuildArgs) -> Self {
        Self {
            context: args.context.clone(),
            platform: args.platform.clone(),
            build_arg: args.build_arg.clone(),
            target: args.target.clone(),
            secret: args.secret.clone(),
            ssh: args.ssh.clone(),
            build_context: args.build_context.clone(),
            edit: args.edit.clone(),
            edit_with: args.edit_with.clone(),
            kinds: args.kinds.clone(),
            concurrent: args.concurrent,
        }
    }
}
