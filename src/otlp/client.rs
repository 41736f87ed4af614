//! The HTTP client of the exporter. It remembers what went wrong, which the
//! exporter only logs: a collector may answer that it took a part.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

/// Bytes of an answer; it holds a number and a message.
const MAX_ANSWER: usize = 1024 * 1024;

type Hyper = legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A client for http and https, the latter with the system's certificates.
#[derive(Debug, Clone)]
pub(super) struct Client {
    hyper: Hyper,
    timeout: Duration,
    problem: Arc<Mutex<Option<String>>>,
}

impl Client {
    /// A client whose requests take at most `timeout`.
    ///
    /// # Errors
    /// It is for https, and the system's certificates cannot be read.
    pub(super) fn new(timeout: Duration, is_https: bool) -> std::io::Result<Self> {
        let connector = if is_https {
            HttpsConnectorBuilder::new().with_native_roots()?
        } else {
            // Nothing is sent over TLS, so nobody need be trusted.
            let roots = rustls::RootCertStore::empty();
            let config = rustls::ClientConfig::builder();
            HttpsConnectorBuilder::new()
                .with_tls_config(config.with_root_certificates(roots).with_no_client_auth())
        };
        let connector = connector.https_or_http().enable_http1().build();
        Ok(Self {
            hyper: legacy::Client::builder(TokioExecutor::new()).build(connector),
            timeout,
            problem: Arc::default(),
        })
    }

    /// What went wrong with the last request, if anything did.
    pub(super) fn problem(&self) -> Option<String> {
        let mut problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        problem.take()
    }

    fn remember(&self, problem: Option<String>) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let response = self
            .hyper
            .request(request.map(Full::new))
            .await
            .map_err(|error| with_cause(&error))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}

/// What the client says, and why: `client error (Connect): refused`.
fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// What is reported where there was no answer in time.
pub(super) fn no_answer(timeout: Duration) -> String {
    let seconds = timeout.as_secs_f64();
    format!("no answer within {seconds} s (OTEL_EXPORTER_OTLP_TIMEOUT)")
}

/// What is wrong with an answer.
fn complaint(response: &Response<Bytes>) -> Option<String> {
    let status = response.status();
    if !status.is_success() {
        return Some(format!("it answered {status}"));
    }
    let answer = ExportTraceServiceResponse::decode(response.body().clone()).ok()?;
    let partial = answer.partial_success?;
    (partial.rejected_spans > 0).then(|| {
        let said: String = partial.error_message.chars().take(200).collect();
        format!("it rejected {} of them: {said:?}", partial.rejected_spans)
    })
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = tokio::time::timeout(self.timeout, self.exchange(request)).await;
        let answer = answer.unwrap_or_else(|_| Err(no_answer(self.timeout)));
        match answer {
            Ok(response) => {
                self.remember(complaint(&response));
                Ok(response)
            }
            Err(problem) => {
                self.remember(Some(problem.clone()));
                Err(problem.into())
            }
        }
    }
}
