//! What is asked of bake.

use clap::Args;

/// What is asked of bake, in buildx's words.
#[derive(Debug, Clone, Default, Args)]
pub struct BakeArgs {
    /// Set a value of a bake target, as `docker buildx bake --set` does; may be given several
    /// times
    #[arg(long, value_name = "TARGET.KEY=VALUE", requires = "bake")]
    pub set: Vec<String>,
    /// What bake targets may do or read: network.host, security.insecure, fs.read=PATH
    #[arg(long, value_name = "ENTITLEMENT", requires = "bake")]
    pub allow: Vec<String>,
}
