//! Which service answers a request of BuildKit's on the session.

use std::collections::BTreeMap;
use std::convert::Infallible;

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};

type Route = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// The services of a session by their gRPC names.
#[derive(Clone, Default)]
pub(super) struct Router {
    routes: BTreeMap<&'static str, Route>,
    methods: Vec<String>,
}

impl Router {
    /// Adds a service. A session announces its methods, and BuildKit calls no
    /// other.
    pub(super) fn add<S>(mut self, service: S, methods: &[&str]) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send,
    {
        self.routes
            .insert(S::NAME, BoxCloneSyncService::new(service));
        self.methods.extend(
            methods
                .iter()
                .map(|method| format!("/{}/{method}", S::NAME)),
        );
        self
    }

    /// The methods, as `/service/Method`.
    pub(super) fn methods(&self) -> &[String] {
        &self.methods
    }

    pub(super) async fn route(self, request: Request<Body>) -> Result<Response<Body>, Infallible> {
        let service = request
            .uri()
            .path()
            .trim_start_matches('/')
            .split('/')
            .next()
            .unwrap_or_default();
        match self.routes.get(service) {
            Some(route) => route.clone().oneshot(request).await,
            None => Ok(Status::unimplemented("no such service in this session").into_http()),
        }
    }
}
