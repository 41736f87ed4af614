//! Sending builds to an OpenTelemetry collector, as OTLP over HTTP, where the
//! standard variables name one.
//!
//! `opentelemetry-otlp` reads the variables and speaks the protocol (endpoint,
//! headers, timeout, compression: the "OpenTelemetry Protocol Exporter"
//! specification); spans that are over are handed to it, so nothing runs in the
//! background.

mod build;
mod client;
mod span;

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Array, InstrumentationScope, KeyValue, StringValue};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};

pub use build::{BuildName, spans};
use client::Client;
pub use span::{Span, Value};

/// Spans of one request; a span is about 1 kB.
const MAX_BATCH: usize = 500;
/// Bytes kept of a text.
const MAX_TEXT: usize = 4 * 1024;
/// Time that a request may take in all, where the variables name none.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why spans did not reach the collector.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// The variables ask for what cannot be done.
    #[error(
        "the collector of OTEL_EXPORTER_OTLP_ENDPOINT cannot be used: {0}; \
         expected http://host:4318 or https://…, and http/protobuf as protocol"
    )]
    Settings(String),
    /// The collector did not take the spans.
    #[error("the collector at {endpoint} did not take the spans: {problem}")]
    Refused {
        /// The collector's address, without what a password may be in.
        endpoint: String,
        /// What it said, or what went wrong on the way.
        problem: String,
    },
}

/// Whether the environment names a collector, and none of its variables says
/// that nothing be sent.
pub fn is_configured() -> bool {
    let is = |name: &str, value: &str| {
        variable(name).is_some_and(|found| found.eq_ignore_ascii_case(value))
    };
    endpoint().is_some() && !is("OTEL_SDK_DISABLED", "true") && !is("OTEL_TRACES_EXPORTER", "none")
}

/// A variable that is set and not empty: an empty one counts as not set.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn endpoint() -> Option<String> {
    variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        .or_else(|| variable("OTEL_EXPORTER_OTLP_ENDPOINT"))
}

/// The collector's address for people: scheme, host and port, without user,
/// password, path and query.
fn address() -> Result<String, OtlpError> {
    let endpoint = endpoint().unwrap_or_default();
    let uri: http::Uri = endpoint
        .parse()
        .map_err(|_| OtlpError::Settings("its endpoint is no URL".to_owned()))?;
    match (uri.scheme_str(), uri.host()) {
        (Some(scheme @ ("http" | "https")), Some(host)) => {
            let port = uri.port().map(|port| format!(":{port}"));
            Ok(format!("{scheme}://{host}{}", port.unwrap_or_default()))
        }
        _ => Err(OtlpError::Settings(
            "its endpoint is no http or https URL".to_owned(),
        )),
    }
}

fn timeout() -> Duration {
    let milliseconds = variable("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")
        .or_else(|| variable("OTEL_EXPORTER_OTLP_TIMEOUT"))
        .and_then(|value| value.parse().ok());
    milliseconds.map_or(DEFAULT_TIMEOUT, Duration::from_millis)
}

/// Sends spans to the collector that the environment names.
///
/// # Errors
/// It cannot be reached, refuses them or some of them, or the variables make
/// no sense. What was sent before stays sent.
pub async fn send(spans: Vec<Span>) -> Result<(), OtlpError> {
    let endpoint = address()?;
    let protocol = variable("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
        .or_else(|| variable("OTEL_EXPORTER_OTLP_PROTOCOL"));
    if let Some(protocol) = protocol.filter(|protocol| protocol != "http/protobuf") {
        let protocol: String = protocol.chars().take(40).collect();
        let problem = format!("OTEL_EXPORTER_OTLP_PROTOCOL is {protocol:?}");
        return Err(OtlpError::Settings(problem));
    }
    let refused = |problem: String| OtlpError::Refused {
        endpoint: endpoint.clone(),
        problem,
    };
    let (limit, is_https) = (timeout(), endpoint.starts_with("https:"));
    let client = Client::new(limit, is_https).map_err(|error| refused(error.to_string()))?;
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client.clone())
        .build()
        // The library's own words may hold the endpoint with its password.
        .map_err(|_| {
            OtlpError::Settings("the variables OTEL_EXPORTER_OTLP_… do not fit together".into())
        })?;
    exporter.set_resource(&resource());
    let scope = InstrumentationScope::builder("buildrace")
        .with_version(env!("CARGO_PKG_VERSION"))
        .build();
    let mut spans = spans.into_iter().map(|span| data(span, &scope)).peekable();
    while spans.peek().is_some() {
        let batch: Vec<SpanData> = spans.by_ref().take(MAX_BATCH).collect();
        // The exporter tries again where a collector is busy: one limit for all.
        let sent = tokio::time::timeout(limit, exporter.export(batch)).await;
        if let Some(problem) = client.problem() {
            return Err(refused(problem));
        }
        match sent {
            Ok(sent) => sent.map_err(|error| refused(error.to_string()))?,
            Err(_) => return Err(refused(client::no_answer(limit))),
        }
    }
    Ok(())
}

/// What sends: the program, and what OTEL_RESOURCE_ATTRIBUTES adds. No host,
/// user, path or command line.
fn resource() -> Resource {
    use opentelemetry_sdk::resource::EnvResourceDetector;

    let named = Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", "buildrace"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        ])
        .with_detector(Box::new(EnvResourceDetector::new()));
    match variable("OTEL_SERVICE_NAME") {
        Some(name) => named.with_attribute(KeyValue::new("service.name", name)),
        None => named,
    }
    .build()
}

fn data(span: Span, scope: &InstrumentationScope) -> SpanData {
    let attributes = span.attributes.into_iter().map(|(key, value)| {
        let value = match value {
            Value::Text(text) => bounded(text).into(),
            Value::Integer(number) => number.into(),
            Value::Float(number) => number.into(),
            Value::Bool(value) => value.into(),
            Value::Texts(texts) => {
                let texts = texts
                    .into_iter()
                    .map(|text| StringValue::from(bounded(text)));
                opentelemetry::Value::Array(Array::String(texts.collect()))
            }
        };
        KeyValue::new(key, value)
    });
    SpanData {
        span_context: SpanContext::new(
            TraceId::from_bytes(span.trace_id),
            SpanId::from_bytes(span.span_id),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        ),
        parent_span_id: span.parent.map_or(SpanId::INVALID, SpanId::from_bytes),
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: bounded(span.name).into(),
        start_time: system_time(span.start),
        end_time: system_time(span.end),
        attributes: attributes.collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: match span.error {
            Some(error) => Status::error(bounded(error)),
            None => Status::Unset,
        },
        instrumentation_scope: scope.clone(),
    }
}

/// A time of OTLP, which has none before 1970.
fn system_time(at: Timestamp) -> SystemTime {
    let since = Duration::try_from(at.duration_since(Timestamp::UNIX_EPOCH));
    SystemTime::UNIX_EPOCH + since.unwrap_or_default()
}

/// The first 4 KiB, less where that would split a character.
fn bounded(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        let mut end = MAX_TEXT;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    text
}
