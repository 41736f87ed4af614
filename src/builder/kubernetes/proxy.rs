//! Whether an API server is asked through the proxy of the environment. `kube`
//! takes `HTTPS_PROXY` for every server, this machine's own among them; Go's
//! clients, and so `kubectl` and buildx, do not.

use std::env;
use std::net::IpAddr;

use http::Uri;
use ipnet::IpNet;
use kube::config::Kubeconfig;

/// The proxy that the kubeconfig itself names for a context's cluster.
pub(super) fn of_cluster(kubeconfig: &Kubeconfig, context: Option<&str>) -> Option<String> {
    let context = kubeconfig
        .contexts
        .iter()
        .find(|named| Some(named.name.as_str()) == context)?;
    let name = &context.context.as_ref()?.cluster;
    let cluster = kubeconfig.clusters.iter().find(|named| named.name == *name);
    let proxy = cluster?.cluster.as_ref()?.proxy_url.clone();
    proxy.filter(|proxy| !proxy.is_empty())
}

/// Whether the environment's proxy is not for this server.
pub(super) fn is_bypassed(server: &Uri) -> bool {
    let listed = ["NO_PROXY", "no_proxy"]
        .into_iter()
        .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
    bypasses(server, listed.as_deref().unwrap_or_default())
}

/// The rules of Go's `httpproxy`.
fn bypasses(server: &Uri, listed: &str) -> bool {
    let host = server.host().unwrap_or_default();
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    if server.scheme_str() == Some("http")
        || host == "localhost"
        || address.is_some_and(|address| address.is_loopback())
    {
        return true;
    }
    listed.split(',').map(str::trim).any(|rule| {
        let rule = rule.to_ascii_lowercase();
        if rule == "*" {
            return true;
        }
        if let (Ok(net), Some(address)) = (rule.parse::<IpNet>(), address) {
            return net.contains(&address);
        }
        let rule = match rule.rsplit_once(':') {
            // With a port, unless that is the end of an IPv6 address.
            Some((name, port)) if !name.contains(':') => {
                if server
                    .port()
                    .is_none_or(|of_server| of_server.as_str() != port)
                {
                    return false;
                }
                name.to_owned()
            }
            _ => rule,
        };
        let domain = rule.trim_start_matches("*.").trim_start_matches('.');
        let is_below = || {
            host.strip_suffix(domain)
                .is_some_and(|rest| rest.ends_with('.'))
        };
        !domain.is_empty() && (host == rule || host == domain || is_below())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_bypassed_as_go_bypasses_it() {
        let cases = [
            ("https://127.0.0.1:6443", "", true),
            ("https://localhost:6443", "", true),
            ("http://kube.example", "", true),
            ("https://kube.example", "", false),
            ("https://kube.example", "other.example, example", true),
            ("https://kube.example", ".example", true),
            ("https://kubeexample", "example", false),
            ("https://10.1.2.3:6443", "10.0.0.0/8", true),
            ("https://10.1.2.3:6443", "10.1.2.3", true),
            ("https://10.1.2.3:6443", "10.1.2.3:443", false),
            ("https://[fd00::1]:6443", "fd00::/8", true),
            ("https://kube.example", "*", true),
        ];
        for (server, listed, expected) in cases {
            let uri: Uri = server.parse().unwrap();
            assert_eq!(bypasses(&uri, listed), expected, "{server} {listed}");
        }
    }
}
