//! A stand-in of a Kubernetes API server, since a real one takes a cluster that is
//! not there where these tests run: over plain HTTP the few REST paths that a builder is asked
//! for (deployments, stateful sets, pods, nodes), and exec by Kubernetes' own
//! protocol (WebSocket with `v5.channel.k8s.io` or `v4.channel.k8s.io`), which
//! starts `buildctl dial-stdio` on a BuildKit of this machine. Nothing is
//! scheduled, and no container runs.

mod exec;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::watch;

/// What the kubeconfig's user shows; it must not be repeated anywhere.
pub const TOKEN: &str = "token-that-nobody-may-see";
/// The namespace of everything here.
pub const NAMESPACE: &str = "builds";

/// A stand-in that answers until the test process ends.
#[derive(Clone)]
pub struct Cluster {
    /// `http://127.0.0.1:…`
    pub server: String,
    state: Arc<Mutex<State>>,
    ended: watch::Sender<BTreeSet<String>>,
}

#[derive(Default)]
struct State {
    /// By their paths, `/api/v1/nodes/n`.
    objects: BTreeMap<String, Value>,
    /// Paths that are forbidden, as what a path contains.
    forbidden: Vec<String>,
    /// What an evicted pod says of itself once it was asked for again.
    fates: BTreeMap<String, Value>,
    /// The BuildKit behind each pod.
    buildctl: BTreeMap<String, Vec<String>>,
    /// Whether it speaks `v5.channel.k8s.io`, as API servers do since 1.30.
    is_old: bool,
    /// Pods that were exec'ed in, each with the protocol.
    execs: Vec<(String, String)>,
}

impl Cluster {
    /// Starts one on a port that the kernel chooses.
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let cluster = Self {
            server: format!("http://{}", listener.local_addr().unwrap()),
            state: Arc::default(),
            ended: watch::Sender::default(),
        };
        let serving = cluster.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(serving.serve(listener));
        });
        cluster
    }

    /// Has it speak no newer exec protocol than v4, as API servers before 1.30.
    pub fn of_old(self) -> Self {
        self.state().is_old = true;
        self
    }

    /// Adds a deployment as buildx makes it.
    pub fn deployment(&self, name: &str) {
        let path = format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{name}");
        let labels = json!({"app": name});
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
            "spec": {
                "replicas": 1, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [
                    {"name": "buildkitd", "image": "moby/buildkit:buildx-stable-1"},
                ]}},
            },
        });
        self.state().objects.insert(path, deployment);
    }

    /// Adds a node of an architecture.
    pub fn node(&self, name: &str, architecture: &str) {
        let labels = json!({"kubernetes.io/arch": architecture, "kubernetes.io/os": "linux"});
        let node = json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
        });
        let path = format!("/api/v1/nodes/{name}");
        self.state().objects.insert(path, node);
    }

    /// Adds a pod of a deployment, in a phase; `change` makes it a special one.
    pub fn pod(&self, name: &str, app: &str, phase: &str, change: impl FnOnce(&mut Value)) {
        let state = match phase {
            "Running" => json!({"running": {"startedAt": "2026-11-28T10:00:00Z"}}),
            _ => json!({"waiting": {"reason": "ContainerCreating"}}),
        };
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": app}},
            "spec": {"nodeName": "node-1", "containers": [
                {"name": "buildkitd", "image": "moby/buildkit:buildx-stable-1"},
            ]},
            "status": {"phase": phase, "containerStatuses": [{
                "name": "buildkitd", "ready": phase == "Running", "restartCount": 0,
                "image": "moby/buildkit:buildx-stable-1", "imageID": "", "state": state,
            }]},
        });
        change(&mut pod);
        self.state().objects.insert(pod_path(name), pod);
    }

    /// Puts a BuildKit behind a pod: what exec starts there is this program.
    pub fn backed_by(&self, pod: &str, buildctl: &Command) {
        let program = buildctl.get_program().to_string_lossy().into_owned();
        let arguments = buildctl.get_args();
        let arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
        let line = std::iter::once(program).chain(arguments).collect();
        self.state().buildctl.insert(pod.to_owned(), line);
    }

    /// Forbids every path that contains this.
    pub fn forbid(&self, path: &str) {
        self.state().forbidden.push(path.to_owned());
    }

    /// Evicts a pod as a kubelet does: its processes end first, and its status
    /// says so only after somebody has asked once in vain.
    pub fn evict(&self, pod: &str, message: &str) {
        let status = json!({"phase": "Failed", "reason": "Evicted", "message": message});
        self.state().fates.insert(pod.to_owned(), status);
        self.ended.send_modify(|ended| {
            ended.insert(pod.to_owned());
        });
    }

    /// Pods that were exec'ed in, each with the protocol that was spoken.
    pub fn execs(&self) -> Vec<(String, String)> {
        self.state().execs.clone()
    }

    /// Writes a kubeconfig for it to a folder.
    pub fn kubeconfig(&self, folder: &Path) -> PathBuf {
        self.kubeconfig_with(folder, TOKEN)
    }

    /// As `kubeconfig`, of a user with another token.
    pub fn kubeconfig_with(&self, folder: &Path, token: &str) -> PathBuf {
        let path = folder.join("kubeconfig");
        let config = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: stand-in\n\
             clusters:\n- name: stand-in\n  cluster:\n    server: {}\n\
             users:\n- name: somebody\n  user:\n    token: {token}\n\
             contexts:\n- name: stand-in\n  context:\n    cluster: stand-in\n    \
             user: somebody\n    namespace: {NAMESPACE}\n",
            self.server
        );
        std::fs::write(&path, config).unwrap();
        path
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn serve(self, listener: std::net::TcpListener) {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let cluster = self.clone();
            let service = service_fn(move |request| {
                let cluster = cluster.clone();
                async move { Ok::<_, std::convert::Infallible>(cluster.answer(request)) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            tokio::spawn(connection);
        }
    }

    fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let shown = request.headers().get("authorization");
        if shown.is_none_or(|shown| shown.as_bytes() != format!("Bearer {TOKEN}").as_bytes()) {
            return failure(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized");
        }
        let is_forbidden = |part: &String| path.contains(part.as_str());
        if self.state().forbidden.iter().any(is_forbidden) {
            let message = format!(
                "User \"somebody\" cannot {} {path}: no RBAC policy matched",
                request.method().as_str().to_lowercase()
            );
            return failure(StatusCode::FORBIDDEN, "Forbidden", &message);
        }
        if let Some(pod) = path.strip_suffix("/exec") {
            let pod = pod.rsplit('/').next().unwrap().to_owned();
            return self.exec(&pod, request);
        }
        if request.method() != Method::GET {
            return failure(
                StatusCode::METHOD_NOT_ALLOWED,
                "MethodNotAllowed",
                "read only",
            );
        }
        if path == pod_path("").trim_end_matches('/') {
            return json_answer(&self.pods(request.uri().query().unwrap_or_default()));
        }
        self.object(&path)
    }

    fn object(&self, path: &str) -> Response<Full<Bytes>> {
        let mut state = self.state();
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        let Some(object) = state.objects.get(path).cloned() else {
            let message = format!("\"{name}\" not found");
            return failure(StatusCode::NOT_FOUND, "NotFound", &message);
        };
        // What is asked for next says what has become of it.
        if path == pod_path(&name)
            && let Some(status) = state.fates.remove(&name)
        {
            state.objects.get_mut(path).unwrap()["status"] = status;
        }
        json_answer(&object)
    }

    /// The pods with the label of a query, in no order of their names.
    fn pods(&self, query: &str) -> Value {
        let wanted = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("labelSelector="));
        let wanted = wanted.unwrap_or_default().replace("%3D", "=");
        let state = self.state();
        let pods = state
            .objects
            .values()
            .filter(|object| object["kind"] == "Pod");
        let has_label = |pod: &&Value| {
            let app = pod["metadata"]["labels"]["app"]
                .as_str()
                .unwrap_or_default();
            wanted == format!("app={app}")
        };
        let pods: Vec<&Value> = pods.filter(has_label).rev().collect();
        json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": pods})
    }
}

fn pod_path(name: &str) -> String {
    format!("/api/v1/namespaces/{NAMESPACE}/pods/{name}")
}

fn json_answer(value: &Value) -> Response<Full<Bytes>> {
    Response::builder()
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(value.to_string())))
        .unwrap()
}

/// A failure as API servers write it.
fn failure(code: StatusCode, reason: &str, message: &str) -> Response<Full<Bytes>> {
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code.as_u16(),
    });
    let mut response = json_answer(&status);
    *response.status_mut() = code;
    response
}
