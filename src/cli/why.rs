//! `buildrace why`

use std::path::PathBuf;

use clap::Args;

use super::builder::BuilderArgs;
use crate::model::Platform;
use crate::options::ResultsPlace;

/// `buildrace why`
#[derive(Debug, Args)]
#[command(after_help = "\
A BUILD is one of the builder's history, by its reference or the beginning of it (`buildrace \
history` lists them), a sample of a run, or a file as `buildrace explain` reads it: a recording, a \
CI log, a .dockerbuild bundle.

Which files changed is known if both contexts are there: --earlier-context names the one of \
before, --context the one of now. Else it is told by the time stamps of the context in this \
folder, if it has the Dockerfile that was built.")]
pub struct WhyArgs {
    /// The build to ask of [default: the one that ended last on the builder]
    #[arg(value_name = "BUILD")]
    pub build: Option<String>,
    /// The earlier build [default: the last one of the same Dockerfile before it; of a sample, the
    /// one that it starts from]
    #[arg(value_name = "EARLIER")]
    pub earlier: Option<String>,
    /// The context of the build: a folder, or a git revision [default: .]
    #[arg(long, value_name = "DIR|REV")]
    pub context: Option<String>,
    /// The context of the earlier build: a folder, or a git revision
    #[arg(long, value_name = "DIR|REV")]
    pub earlier_context: Option<String>,
    /// Dockerfile that was built, to name lines where the builder does not know it
    #[arg(long, short = 'f', value_name = "DOCKERFILE")]
    pub file: Option<PathBuf>,
    /// Platform of the builds, for a FILE whose step names have none
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Platform>,
    /// Show every cause and step
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub builder: BuilderArgs,
    /// Folder or store that runs are in
    #[arg(long, value_name = "DIR|URL", default_value = "results")]
    pub results: ResultsPlace,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
