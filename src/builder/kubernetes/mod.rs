//! The kubernetes driver: a buildkitd in a pod, reached through
//! `buildctl dial-stdio` in that pod by the API server's exec. The pod is one of
//! a deployment that `docker buildx create --driver kubernetes` made, or is named
//! by an address.
//!
//! Source of what is where: buildx's `driver/kubernetes`, and BuildKit's
//! `client/connhelper/kubepod`.

mod address;
mod cluster;
mod dial;
mod end;
mod error;
mod pod;
mod proxy;
mod state;
mod stream;
mod workload;

pub use address::{PodAddress, kubeconfig_of};
pub use cluster::Cluster;
pub use dial::KubernetesDial;
pub use error::KubernetesError;
pub use pod::{ChosenPod, Pods};
pub use workload::Workload;
