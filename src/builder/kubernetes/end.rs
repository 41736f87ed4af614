//! What became of a pod whose connection broke: the API server knows whether it
//! was evicted, deleted or killed, often a moment later than we do.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;

use super::cluster::Cluster;
use super::error::named;
use super::state;
use crate::escape::one_line;

/// How long the API server may take to learn of it.
const LIMIT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(250);

/// A pod's container as it was when it was chosen.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) cluster: Cluster,
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) container: String,
    /// How often it had been started again.
    pub(super) restarts: i32,
}

impl Seen {
    /// The pod, as a person would name it.
    pub(super) fn name(&self) -> String {
        named("pod", &self.pod, &self.namespace)
    }

    /// Why a connection to it has ended with `said`, in one sentence.
    pub(super) async fn explain_end(self, said: String) -> String {
        let said = one_line(&said);
        match self.fate().await {
            Some(fate) => format!("{fate} ({said})"),
            None => format!("the connection to {} has ended: {said}", self.name()),
        }
    }

    /// What has become of it, as a sentence; `None` where nobody can say, or it
    /// runs on.
    pub(super) async fn fate(&self) -> Option<String> {
        let found = tokio::time::timeout(LIMIT, self.wait_for_fate()).await;
        let fate = found.ok().flatten()?;
        Some(format!("{} {fate}", self.name()))
    }

    /// What follows its name in a sentence.
    async fn wait_for_fate(&self) -> Option<String> {
        let api = self.cluster.namespaced::<Pod>(&self.namespace);
        loop {
            match api.get_opt(&self.pod).await {
                Ok(None) => return Some("is gone: somebody or something deleted it".to_owned()),
                Ok(Some(pod)) => {
                    if let Some(fate) = self.fate_of(&pod) {
                        return Some(fate);
                    }
                }
                Err(_) => return None,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn fate_of(&self, pod: &Pod) -> Option<String> {
        let of_container = || {
            let end = state::container_end(pod, &self.container, self.restarts)?;
            Some(format!("runs on, and {end}"))
        };
        state::trouble(pod).or_else(of_container)
    }
}
