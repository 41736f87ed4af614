//! The connection: stdin and stdout of `buildctl dial-stdio` in a pod.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use kube::api::AttachParams;
use kube::core::Request;

use super::KubernetesError;
use super::end::Seen;
use super::stream::ExecStream;
use crate::buildkit::dial::Duplex;
use crate::buildkit::{Daemon, Dial, DialError};

/// How long an exec may take to begin. An API server that cannot reach the
/// kubelet says so after 10 s.
const EXEC_LIMIT: Duration = Duration::from_secs(15);

/// What a role must hold to dial. Which verb is asked for depends on the version
/// of the API server: a WebSocket begins with GET, and since 1.35 it takes the
/// right to `create`, too.
const RIGHTS: &str = "`get` and `create` on pods/exec";

/// Reaches the buildkitd in one pod.
#[derive(Clone)]
pub struct KubernetesDial {
    seen: Seen,
}

impl fmt::Debug for KubernetesDial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KubernetesDial")
            .field(&self.endpoint())
            .finish()
    }
}

impl KubernetesDial {
    pub(super) fn new(seen: Seen) -> Self {
        Self { seen }
    }

    async fn exec(&self) -> Result<Box<dyn Duplex>, KubernetesError> {
        let seen = &self.seen;
        let refused = |problem: &dyn fmt::Display| KubernetesError::Refused {
            action: format!("exec in {}", seen.name()),
            message: crate::escape::one_line(&problem.to_string()),
        };
        let path = <Pod as kube::Resource>::url_path(&(), Some(&seen.namespace));
        let parameters = AttachParams::default()
            .container(&seen.container)
            .stdin(true)
            .stdout(true)
            .stderr(true);
        let request = Request::new(path)
            .exec(&seen.pod, ["buildctl", "dial-stdio"], &parameters)
            .map_err(|error| refused(&error))?;
        let action = format!("exec in {}", seen.name());
        let connecting = seen.cluster.client().connect(request);
        let connection = seen
            .cluster
            .ask_within(EXEC_LIMIT, action, RIGHTS, &seen.namespace, connecting)
            .await?;
        let closes_channels = connection.supports_stream_close();
        let of_end = seen.clone();
        let explain = Box::new(move |said| {
            let explaining: futures_util::future::BoxFuture<'static, String> =
                Box::pin(of_end.explain_end(said));
            explaining
        });
        let stream = ExecStream::new(connection.into_stream(), closes_channels, explain);
        Ok(Box::new(stream))
    }
}

#[async_trait]
impl Dial for KubernetesDial {
    async fn dial(&self) -> Result<Box<dyn Duplex>, DialError> {
        self.exec().await.map_err(|error| DialError::Unreachable {
            endpoint: self.endpoint(),
            problem: error.to_string(),
        })
    }

    /// A buildkitd that is told to end says no more than "context canceled".
    async fn fate(&self, said: &str) -> Option<String> {
        // Where the connection broke it was asked for already.
        if said.contains(&self.seen.name()) {
            return None;
        }
        self.seen.fate().await
    }

    fn endpoint(&self) -> String {
        format!("{} ({})", self.seen.name(), self.seen.cluster.name())
    }

    fn daemon(&self) -> Daemon {
        Daemon::Buildkitd
    }
}
