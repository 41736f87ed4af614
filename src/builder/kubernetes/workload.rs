//! What buildx makes of a kubernetes node: a deployment, or a stateful set where
//! its cache is on a volume.

use std::collections::BTreeMap;

use super::error::named;

/// The deployment or stateful set of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Its name.
    pub name: String,
    /// The namespace, where the node's options name one.
    pub namespace: Option<String>,
    /// Whether it is a stateful set.
    pub is_stateful: bool,
    /// Whether buildx spreads builds over its pods at random.
    pub is_spread: bool,
}

impl Workload {
    /// What buildx makes of a node of this name with these driver options.
    pub fn of(node: &str, options: &BTreeMap<String, String>) -> Self {
        let given = |key: &str| options.get(key).filter(|value| !value.is_empty());
        Self {
            // buildx's `buildxNameToDeploymentName`: no name of Kubernetes has `_`.
            name: node.replace('_', "-"),
            namespace: given("namespace").cloned(),
            is_stateful: given("persistent-volume-claim.requests.storage").is_some(),
            is_spread: given("loadbalance").is_some_and(|way| way == "random"),
        }
    }

    /// It in a message.
    pub(super) fn describe(&self, namespace: &str) -> String {
        let kind = match self.is_stateful {
            true => "stateful set",
            false => "deployment",
        };
        named(kind, &self.name, namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_becomes_what_buildx_makes_of_it() {
        let options = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect()
        };
        let plain = Workload::of("loving_mendeleev0", &options(&[("replicas", "3")]));
        assert_eq!(plain.name, "loving-mendeleev0");
        assert_eq!((plain.namespace, plain.is_stateful), (None, false));
        let options = options(&[
            ("namespace", "builds"),
            ("persistent-volume-claim.requests.storage", "10Gi"),
            ("loadbalance", "random"),
        ]);
        let kept = Workload::of("farm0", &options);
        assert_eq!(kept.namespace.as_deref(), Some("builds"));
        assert!(kept.is_stateful && kept.is_spread);
    }
}
