//! The API server of a cluster: found as `kubectl` and buildx find it, and asked
//! with a time limit.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::config::{Config, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Api, Client};

use super::error::{Asked, KubernetesError, causes};
use super::proxy;
use crate::escape::{bounded, one_line};

/// How long an API server may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(8);
/// How long the connection to it may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(6);

/// The API server of a cluster.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    server: String,
    context: Option<String>,
    namespace: String,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Cluster").field(&self.server).finish()
    }
}

impl Cluster {
    /// The cluster that a kubeconfig describes: `kubeconfig` where it is given,
    /// else the files of `KUBECONFIG`, else `~/.kube/config`, in the context of
    /// this name, else in the current one; and where there is none, the cluster
    /// that this process is in a pod of. Nothing is asked yet.
    ///
    /// # Errors
    /// There is no kubeconfig, or it cannot be used.
    pub async fn find(
        kubeconfig: Option<&Path>,
        context: Option<&str>,
    ) -> Result<Self, KubernetesError> {
        let source = Source::new(kubeconfig);
        match source.read() {
            Ok(kubeconfig) => Self::described(source, kubeconfig, context).await,
            Err(error) => match (Config::incluster(), context) {
                (Ok(config), None) => Self::at(config, None, "the cluster of this pod"),
                _ => Err(source.refused(&error)),
            },
        }
    }

    async fn described(
        source: Source,
        kubeconfig: Kubeconfig,
        context: Option<&str>,
    ) -> Result<Self, KubernetesError> {
        let context = context.map(str::to_owned);
        let context = context.or_else(|| kubeconfig.current_context.clone());
        let own_proxy = proxy::of_cluster(&kubeconfig, context.as_deref());
        let options = KubeConfigOptions {
            context: context.clone(),
            ..KubeConfigOptions::default()
        };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let mut config = config.map_err(|error| source.refused(&error))?;
        if own_proxy.is_none() && proxy::is_bypassed(&config.cluster_url) {
            config.proxy_url = None;
        }
        Self::at(config, context, &source.to_string())
    }

    fn at(
        mut config: Config,
        context: Option<String>,
        source: &str,
    ) -> Result<Self, KubernetesError> {
        config.connect_timeout = Some(CONNECT_LIMIT);
        let server = bounded(&config.cluster_url.to_string());
        let namespace = config.default_namespace.clone();
        let client = Client::try_from(config).map_err(|error| KubernetesError::Config {
            config: source.to_owned(),
            problem: one_line(&causes(&error)),
        })?;
        Ok(Self {
            client,
            server: server.trim_end_matches('/').to_owned(),
            context,
            namespace,
        })
    }

    /// The namespace where none is named.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The address of its API server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// How a person would name it: the context, else the server.
    pub fn name(&self) -> String {
        match &self.context {
            Some(context) => format!("context {}", bounded(context)),
            None => self.server.clone(),
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn namespaced<K>(&self, namespace: &str) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Waits for an answer, but not for ever.
    pub(super) async fn ask<T>(
        &self,
        action: String,
        rights: &'static str,
        namespace: &str,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, KubernetesError> {
        self.ask_within(ANSWER_LIMIT, action, rights, namespace, call)
            .await
    }

    /// As [`Self::ask`], with another limit.
    pub(super) async fn ask_within<T>(
        &self,
        limit: Duration,
        action: String,
        rights: &'static str,
        namespace: &str,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, KubernetesError> {
        let asked = Asked {
            action,
            rights,
            namespace,
            server: &self.server,
        };
        match tokio::time::timeout(limit, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(asked.failed(&error)),
            Err(_) => Err(asked.silent(limit.as_secs())),
        }
    }
}

/// Where a kubeconfig is read from.
#[derive(Debug, Clone)]
enum Source {
    /// A file that an endpoint names, or several as `KUBECONFIG` has them.
    Named(PathBuf),
    /// The files of `KUBECONFIG`.
    Environment(PathBuf),
    /// `~/.kube/config`.
    Home,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Named(path) => write!(f, "kubeconfig {}", crate::escape::path(path)),
            Self::Environment(path) => {
                write!(f, "kubeconfig {} (KUBECONFIG)", crate::escape::path(path))
            }
            Self::Home => f.write_str("kubeconfig ~/.kube/config"),
        }
    }
}

impl Source {
    fn new(named: Option<&Path>) -> Self {
        let environment = env::var_os("KUBECONFIG").filter(|value| !value.is_empty());
        match (named, environment) {
            (Some(path), _) => Self::Named(path.to_owned()),
            (None, Some(path)) => Self::Environment(path.into()),
            (None, None) => Self::Home,
        }
    }

    fn read(&self) -> Result<Kubeconfig, KubeconfigError> {
        let (Self::Named(paths) | Self::Environment(paths)) = self else {
            return Kubeconfig::read();
        };
        let paths = env::split_paths(paths).filter(|path| !path.as_os_str().is_empty());
        let mut merged = Kubeconfig::default();
        for path in paths {
            merged = merged.merge(Kubeconfig::read_from(path)?)?;
        }
        Ok(merged)
    }

    fn refused(&self, error: &KubeconfigError) -> KubernetesError {
        match error {
            KubeconfigError::ReadConfig(cause, _)
                if cause.kind() == std::io::ErrorKind::NotFound =>
            {
                KubernetesError::NoConfig {
                    tried: self.to_string(),
                }
            }
            KubeconfigError::FindPath => KubernetesError::NoConfig {
                tried: self.to_string(),
            },
            error => KubernetesError::Config {
                config: self.to_string(),
                problem: one_line(&causes(error)),
            },
        }
    }
}
