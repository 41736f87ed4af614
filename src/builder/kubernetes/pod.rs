//! The pod of a session. buildx chooses one for each build, among those of a
//! deployment that run; here one is chosen and kept, so that all samples of a
//! race come from one BuildKit and its cache.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::{Api, ListParams};

use super::end::Seen;
use super::error::named;
use super::state;
use super::{Cluster, KubernetesDial, KubernetesError, PodAddress, Workload};
use crate::escape::bounded;
use crate::model::Platform;

/// Where buildx notes the platforms that a node was given with `--platform`
/// (`driver/kubernetes/manifest`).
const PLATFORMS: &str = "buildx.docker.com/platform";
/// Pods that a message names.
const NAMED: usize = 3;

/// The pod that was chosen.
#[derive(Debug, Clone)]
pub struct ChosenPod {
    /// Its name.
    pub name: String,
    /// The way to its buildkitd.
    pub dial: KubernetesDial,
    /// Platforms that buildx noted on it.
    pub given: Vec<Platform>,
    /// The platform of the cluster's node that it runs on, where that may be
    /// read.
    pub native: Option<Platform>,
    /// How many pods of its deployment run beside it, and are left alone.
    pub others: usize,
    /// The address of the cluster's API server.
    pub server: String,
}

/// The pods of a cluster.
#[derive(Debug)]
pub struct Pods<'a> {
    cluster: &'a Cluster,
    namespace: &'a str,
}

impl<'a> Pods<'a> {
    /// Those in a namespace, or in the one of the kubeconfig.
    pub fn of(cluster: &'a Cluster, namespace: Option<&'a str>) -> Self {
        Self {
            cluster,
            namespace: namespace.unwrap_or(cluster.namespace()),
        }
    }

    /// Chooses one of a workload: of those that run the first by name that is
    /// ready, else the first.
    ///
    /// # Errors
    /// There is no such workload, no pod of it runs, or the API server does not
    /// say.
    pub async fn choose(
        &self,
        workload: &Workload,
        instance: &str,
    ) -> Result<ChosenPod, KubernetesError> {
        let selector = self.selector(workload, instance).await?;
        let listing = ListParams::default().labels(&selector);
        let api: Api<Pod> = self.cluster.namespaced(self.namespace);
        let action = format!("listing pods in namespace {}", bounded(self.namespace));
        let listed = self
            .ask(action, "`list` on pods", api.list(&listing))
            .await?;
        let mut pods = listed.items;
        pods.sort_by(|one, other| one.metadata.name.cmp(&other.metadata.name));
        let running: Vec<&Pod> = pods.iter().filter(|pod| state::is_running(pod)).collect();
        let ready = running.iter().find(|pod| state::is_ready(pod));
        let Some(chosen) = ready.or(running.first()) else {
            return Err(KubernetesError::NoPod {
                workload: workload.describe(self.namespace),
                pods: troubles(&pods),
                instance: bounded(instance),
            });
        };
        self.chosen(chosen, None, running.len() - 1).await
    }

    /// The one that an address names.
    ///
    /// # Errors
    /// It is not there or does not run, or the API server does not say.
    pub async fn named(&self, address: &PodAddress) -> Result<ChosenPod, KubernetesError> {
        let api: Api<Pod> = self.cluster.namespaced(self.namespace);
        let name = named("pod", &address.pod, self.namespace);
        let action = format!("reading {name}");
        let pod = self
            .ask(action, "`get` on pods", api.get_opt(&address.pod))
            .await?;
        let no_such = |state: String| KubernetesError::NoSuchPod {
            pod: name.clone(),
            state,
        };
        let pod = pod.ok_or_else(|| no_such("is not there".to_owned()))?;
        if let Some(trouble) = state::trouble(&pod) {
            return Err(no_such(trouble));
        }
        self.chosen(&pod, address.container.as_deref(), 0).await
    }

    async fn chosen(
        &self,
        pod: &Pod,
        container: Option<&str>,
        others: usize,
    ) -> Result<ChosenPod, KubernetesError> {
        let name = pod.metadata.name.clone().unwrap_or_default();
        let spec = pod.spec.as_ref();
        // buildx takes the first, too.
        let first = spec.and_then(|spec| spec.containers.first());
        let container = container.or(first.map(|container| container.name.as_str()));
        let Some(container) = container.map(str::to_owned) else {
            return Err(KubernetesError::NoSuchPod {
                pod: named("pod", &name, self.namespace),
                state: "has no container".to_owned(),
            });
        };
        let native = match spec.and_then(|spec| spec.node_name.as_deref()) {
            Some(node) => self.platform_of(node).await,
            None => None,
        };
        let dial = KubernetesDial::new(Seen {
            cluster: self.cluster.clone(),
            namespace: self.namespace.to_owned(),
            pod: name.clone(),
            restarts: state::restarts(pod, &container),
            container,
        });
        Ok(ChosenPod {
            name,
            dial,
            given: platforms_of(pod),
            native,
            others,
            server: self.cluster.server().to_owned(),
        })
    }

    /// The labels of a workload's pods, as a list takes them.
    async fn selector(
        &self,
        workload: &Workload,
        instance: &str,
    ) -> Result<String, KubernetesError> {
        let name = &workload.name;
        let action = format!("reading {}", workload.describe(self.namespace));
        let found = if workload.is_stateful {
            let api: Api<StatefulSet> = self.cluster.namespaced(self.namespace);
            self.ask(action, "`get` on statefulsets.apps", api.get_opt(name))
                .await?
                .map(|set| set.spec.map(|spec| spec.selector))
        } else {
            let api: Api<Deployment> = self.cluster.namespaced(self.namespace);
            self.ask(action, "`get` on deployments.apps", api.get_opt(name))
                .await?
                .map(|deployment| deployment.spec.map(|spec| spec.selector))
        };
        match found {
            Some(selector) => Ok(labels_of(&selector.unwrap_or_default(), name)),
            None => Err(KubernetesError::Absent {
                workload: workload.describe(self.namespace),
                instance: bounded(instance),
            }),
        }
    }

    /// The platform of a cluster's node, by the labels that its kubelet sets.
    /// Who may use a namespace often may not read nodes, and needs not.
    async fn platform_of(&self, node: &str) -> Option<Platform> {
        let api: Api<Node> = Api::all(self.cluster.client().clone());
        let action = "reading the pod's node".to_owned();
        let found = self.ask(action, "`get` on nodes", api.get(node)).await;
        let labels = found.ok()?.metadata.labels?;
        let label = |key: &str| labels.get(key).map(String::as_str);
        let os = label("kubernetes.io/os").unwrap_or("linux");
        let architecture = label("kubernetes.io/arch")?;
        format!("{os}/{architecture}").parse().ok()
    }

    async fn ask<T>(
        &self,
        action: String,
        rights: &'static str,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, KubernetesError> {
        self.cluster.ask(action, rights, self.namespace, call).await
    }
}

/// A selector as the query of a list has it. buildx's are labels alone, and one
/// of them is always the name.
fn labels_of(selector: &LabelSelector, name: &str) -> String {
    let labels = selector.match_labels.iter().flatten();
    let written: Vec<String> = labels
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    match written.is_empty() {
        true => format!("app={name}"),
        false => written.join(","),
    }
}

/// The platforms that buildx noted on a pod; what cannot be read is not one.
fn platforms_of(pod: &Pod) -> Vec<Platform> {
    let annotations = pod.metadata.annotations.as_ref();
    let noted = annotations.and_then(|annotations| annotations.get(PLATFORMS));
    noted
        .into_iter()
        .flat_map(|noted| noted.split(','))
        .filter_map(|platform| platform.trim().parse().ok())
        .collect()
}

/// How pods are of which none runs.
fn troubles(pods: &[Pod]) -> String {
    if pods.is_empty() {
        return "it has none".to_owned();
    }
    let told = pods.iter().take(NAMED).map(|pod| {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let trouble = state::trouble(pod).unwrap_or_else(|| "runs".to_owned());
        format!("{} {trouble}", bounded(name))
    });
    let told: Vec<String> = told.collect();
    match pods.len().saturating_sub(NAMED) {
        0 => told.join("; "),
        more => format!("{}; and {more} more", told.join("; ")),
    }
}
