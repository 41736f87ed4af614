//! Why no pod's buildkitd could be had from a cluster.

use std::error::Error as _;
use std::fmt;

use crate::escape::{bounded, one_line};

/// A buildkitd in a cluster could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KubernetesError {
    /// The address says nothing that can be reached.
    #[error("{address:?} is no usable address: {problem}")]
    Address {
        /// The address as it was given.
        address: String,
        /// What is wrong, and what to give instead.
        problem: &'static str,
    },
    /// There is no word of a cluster.
    #[error(
        "no cluster is known: there is no {tried}, and this is no pod of a cluster; name a \
         kubeconfig with KUBECONFIG, or write one with your provider's command or \
         `kind export kubeconfig`"
    )]
    NoConfig {
        /// The file that was expected.
        tried: String,
    },
    /// The kubeconfig cannot be used.
    #[error("cannot use {config}: {problem}; `kubectl config view` shows what is in it")]
    Config {
        /// The file, or what else it was read from.
        config: String,
        /// What is wrong.
        problem: String,
    },
    /// The API server does not answer.
    #[error(
        "cannot reach the Kubernetes API server {server}: {problem}; does the cluster run, and \
         does `kubectl get pods` work?"
    )]
    Unreachable {
        /// Its address.
        server: String,
        /// What the system said.
        problem: String,
    },
    /// The API server takes a call and does not answer.
    #[error(
        "the Kubernetes API server {server} does not answer within {seconds} s: {action}; try \
         `kubectl get nodes`, and `kubectl exec` in the pod"
    )]
    Silent {
        /// Its address.
        server: String,
        /// What was tried, on what.
        action: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The API server does not know who asks.
    #[error(
        "the Kubernetes API server {server} does not accept the credentials of the kubeconfig: \
         {message}; sign in again, and try `kubectl auth whoami`"
    )]
    Unauthorized {
        /// Its address.
        server: String,
        /// What it said.
        message: String,
    },
    /// The API server knows who asks, and forbids it.
    #[error(
        "the Kubernetes API server forbids {action}: {message}; ask for a role with {rights} in \
         the namespace {namespace}"
    )]
    Forbidden {
        /// What was tried, on what.
        action: String,
        /// What it said.
        message: String,
        /// The rights that this takes, as a role writes them.
        rights: &'static str,
        /// The namespace that they are needed in.
        namespace: String,
    },
    /// The deployment of a node is not there.
    #[error("there is no {workload}: `docker buildx inspect --bootstrap {instance}` makes it")]
    Absent {
        /// The deployment or stateful set, with its namespace.
        workload: String,
        /// The instance's name.
        instance: String,
    },
    /// The deployment is there, and none of its pods runs.
    #[error(
        "no pod of {workload} is running ({pods}); `docker buildx inspect --bootstrap {instance}` \
         waits for one"
    )]
    NoPod {
        /// The deployment or stateful set, with its namespace.
        workload: String,
        /// How its pods are, or that there is none.
        pods: String,
        /// The instance's name.
        instance: String,
    },
    /// A pod that was named is not there, or does not run.
    #[error("{pod} {state}; `kubectl get pods` lists those that there are")]
    NoSuchPod {
        /// The pod, with its namespace.
        pod: String,
        /// How it is.
        state: String,
    },
    /// The API server refused something else.
    #[error("{action} failed: {message}")]
    Refused {
        /// What was tried, on what.
        action: String,
        /// What it said.
        message: String,
    },
}

/// What was asked of an API server, for the message where that fails.
#[derive(Debug, Clone)]
pub(super) struct Asked<'a> {
    /// What was tried, on what, `listing pods`.
    pub(super) action: String,
    /// What a role must hold for it.
    pub(super) rights: &'static str,
    /// The namespace.
    pub(super) namespace: &'a str,
    /// The address of the server.
    pub(super) server: &'a str,
}

impl Asked<'_> {
    /// Why it failed.
    pub(super) fn failed(self, error: &kube::Error) -> KubernetesError {
        match error {
            kube::Error::Api(status) if status.code == 401 => KubernetesError::Unauthorized {
                server: self.server.to_owned(),
                message: one_line(&status.message),
            },
            kube::Error::Api(status) if status.code == 403 => KubernetesError::Forbidden {
                action: self.action,
                message: one_line(&status.message),
                rights: self.rights,
                namespace: bounded(self.namespace),
            },
            kube::Error::Api(status) => KubernetesError::Refused {
                action: self.action,
                message: match status.message.as_str() {
                    "" => format!("status {}", status.code),
                    message => one_line(message),
                },
            },
            kube::Error::HyperError(_) | kube::Error::Service(_) => self.unreachable(error),
            kube::Error::Auth(error) => KubernetesError::Unauthorized {
                server: self.server.to_owned(),
                message: one_line(&causes(error)),
            },
            error => KubernetesError::Refused {
                action: self.action,
                message: one_line(&causes(error)),
            },
        }
    }

    fn unreachable(self, error: &kube::Error) -> KubernetesError {
        // Which layer passed it on helps nobody.
        let inner: &(dyn std::error::Error + 'static) = error.source().unwrap_or(error);
        KubernetesError::Unreachable {
            server: self.server.to_owned(),
            problem: one_line(&causes(inner)),
        }
    }

    /// It has not answered in time.
    pub(super) fn silent(self, seconds: u64) -> KubernetesError {
        KubernetesError::Silent {
            server: self.server.to_owned(),
            action: self.action,
            seconds,
        }
    }
}

/// An error with what caused it, each cause once.
pub(super) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}

/// Something in a namespace, as a message names it.
pub(super) fn named(kind: impl fmt::Display, name: &str, namespace: &str) -> String {
    format!(
        "{kind} {} in namespace {}",
        bounded(name),
        bounded(namespace)
    )
}
