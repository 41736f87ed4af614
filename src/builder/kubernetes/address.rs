//! What names a pod or a cluster: `kube-pod://POD?…` as BuildKit's clients take
//! it, and the endpoints that buildx keeps of its kubernetes nodes.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::KubernetesError;

const SCHEME: &str = "kube-pod://";
const EXPECTED: &str =
    "expected kube-pod://POD, with ?context=…&namespace=…&container=… where they are not the usual";

/// A pod by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodAddress {
    /// The pod's name.
    pub pod: String,
    /// The context of the kubeconfig; the current one where it is not given.
    pub context: Option<String>,
    /// The namespace; the context's where it is not given.
    pub namespace: Option<String>,
    /// The container; the pod's first where it is not given.
    pub container: Option<String>,
}

impl PodAddress {
    /// Whether this is an address of a pod, right or wrong.
    pub fn is_one(address: &str) -> bool {
        address.starts_with(SCHEME)
    }

    /// Reads an address.
    ///
    /// # Errors
    /// It names no pod.
    pub fn parse(address: &str) -> Result<Self, KubernetesError> {
        let refuse = |problem| KubernetesError::Address {
            address: address.to_owned(),
            problem,
        };
        let rest = address.strip_prefix(SCHEME).ok_or(refuse(EXPECTED))?;
        let (pod, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut found = Self {
            pod: pod.trim_end_matches('/').to_owned(),
            context: None,
            namespace: None,
            container: None,
        };
        for (key, value) in pairs(query) {
            let place = match key.as_str() {
                "context" => &mut found.context,
                "namespace" => &mut found.namespace,
                "container" => &mut found.container,
                _ => return Err(refuse(EXPECTED)),
            };
            *place = Some(value).filter(|value| !value.is_empty());
        }
        let is_usual = |name: &Option<String>| name.as_deref().is_none_or(is_name);
        if !(is_name(&found.pod) && is_usual(&found.namespace) && is_usual(&found.container)) {
            return Err(refuse(
                "the names of a pod, a namespace and a container have small letters, digits, - \
                 and . only",
            ));
        }
        Ok(found)
    }
}

/// The kubeconfig that an endpoint of buildx names, as in
/// `kubernetes:///farm?deployment=farm0&kubeconfig=%2Fhome%2Fme%2Fconfig`.
pub fn kubeconfig_of(endpoint: &str) -> Option<PathBuf> {
    let rest = endpoint.strip_prefix("kubernetes://")?;
    let (_, query) = rest.split_once('?')?;
    pairs(query)
        .find(|(key, value)| key == "kubeconfig" && !value.is_empty())
        .map(|(_, value)| value.into())
}

/// What BuildKit takes for a name in a cluster.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.')
}

/// The pairs of a query, decoded as Go's `net/url` does.
fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    let decoded = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(move |pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key), decoded(value))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_buildkits_clients_read_it() {
        let found = PodAddress::parse(
            "kube-pod://buildkitd-0?context=arn%3Aaws%3Aeks%3Aeu%3A1%3Acluster%2Ffarm\
             &namespace=builds&container=buildkitd",
        );
        assert_eq!(
            found.unwrap(),
            PodAddress {
                pod: "buildkitd-0".into(),
                context: Some("arn:aws:eks:eu:1:cluster/farm".into()),
                namespace: Some("builds".into()),
                container: Some("buildkitd".into()),
            }
        );
        let plain = PodAddress::parse("kube-pod://buildkitd-0").unwrap();
        assert_eq!((plain.context, plain.container), (None, None));
    }

    #[test]
    fn what_names_no_pod_is_refused() {
        for address in [
            "kube-pod://",
            "kube-pod://-n=x?a",
            "kube-pod://Pod",
            "kube-pod://a/b",
            "kube-pod://a?namespace=../x",
            "kube-pod://a?namspace=x",
        ] {
            let error = PodAddress::parse(address).unwrap_err().to_string();
            assert!(error.contains(address), "{error}");
        }
    }

    #[test]
    fn buildx_keeps_the_kubeconfig_in_the_endpoint() {
        let path = |endpoint| kubeconfig_of(endpoint).map(|path| path.display().to_string());
        assert_eq!(
            path("kubernetes:///farm?deployment=farm0&kubeconfig=%2Fhome%2Fa+b%2Fconfig"),
            Some("/home/a b/config".into())
        );
        assert_eq!(
            path("kubernetes:///farm?deployment=farm0&kubeconfig="),
            None
        );
        assert_eq!(path("unix:///var/run/docker.sock"), None);
    }
}
