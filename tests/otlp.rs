//! `buildrace explain` sends a build to an OpenTelemetry collector, here one in
//! this process, and says so where it cannot.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assert_cmd::Command;
use bytes::Bytes;
use flate2::read::GzDecoder;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;

/// Longer than any answer takes; a hang guard, not a measurement.
const GUARD: Duration = Duration::from_secs(60);

fn recording() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/traces/failing.rawjson")
}

/// What a collector does with a request.
#[derive(Clone, Copy)]
enum Answer {
    Take,
    TakeAPart,
    Status(u16),
    Never,
}

/// A request as it came.
struct Received {
    path: String,
    secret: Option<String>,
    body: ExportTraceServiceRequest,
}

type Log = Arc<Mutex<Vec<Received>>>;

/// A collector on a free port of this machine.
async fn collector(answer: Answer) -> (SocketAddr, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let log = Log::default();
    let received = log.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let log = received.clone();
            let serve =
                hyper::service::service_fn(move |request| take(request, answer, log.clone()));
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), serve),
            );
        }
    });
    (address, log)
}

async fn take(
    request: Request<Incoming>,
    answer: Answer,
    log: Log,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let header = |name: &str| {
        let value = request.headers().get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let (path, secret) = (request.uri().path().to_owned(), header("x-secret"));
    let is_gzip = header("content-encoding").as_deref() == Some("gzip");
    assert_eq!(header("content-type").unwrap(), "application/x-protobuf");
    let bytes = request.into_body().collect().await?.to_bytes();
    let bytes = if is_gzip {
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut GzDecoder::new(&*bytes), &mut plain).unwrap();
        plain
    } else {
        bytes.to_vec()
    };
    let body = ExportTraceServiceRequest::decode(&*bytes).unwrap();
    log.lock().unwrap().push(Received { path, secret, body });
    let response = |status: u16, body: Vec<u8>| {
        let response = Response::builder().status(status);
        response.body(Full::new(Bytes::from(body))).unwrap()
    };
    Ok(match answer {
        Answer::Take => response(200, Vec::new()),
        Answer::TakeAPart => {
            let partial = ExportTracePartialSuccess {
                rejected_spans: 3,
                error_message: "too \u{1b}[31many".into(),
            };
            let answer = ExportTraceServiceResponse {
                partial_success: Some(partial),
            };
            response(200, answer.encode_to_vec())
        }
        Answer::Status(status) => response(status, Vec::new()),
        Answer::Never => std::future::pending().await,
    })
}

/// Runs `buildrace explain` with these variables; its stderr.
async fn explain(variables: &[(&str, &str)]) -> String {
    let variables: Vec<(String, String)> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    tokio::task::spawn_blocking(move || {
        let mut command = Command::cargo_bin("buildrace").unwrap();
        command.env_clear().timeout(GUARD).arg("explain");
        command.arg(recording()).args(["--node", "linux/amd64"]);
        let output = command.envs(variables).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        // Whatever becomes of the spans, the build is explained.
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(stdout.contains("critical path"), "{stdout}");
        stderr
    })
    .await
    .unwrap()
}

fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    found.value.as_ref()?.value.as_ref()
}

fn text(value: &str) -> Option<Value> {
    Some(Value::StringValue(value.to_owned()))
}

fn spans(received: &Received) -> Vec<&Span> {
    let resources = received.body.resource_spans.iter();
    let scopes = resources.flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| &scope.spans).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_arrives_as_a_trace_with_a_span_for_each_step() {
    let (address, log) = collector(Answer::Take).await;
    let stderr = explain(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}")),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-secret=s3cret"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=ci"),
    ])
    .await;
    assert_eq!(stderr, "");
    let log = log.lock().unwrap();
    let [received] = log.as_slice() else {
        panic!("{} requests", log.len());
    };
    assert_eq!(received.path, "/v1/traces");
    assert_eq!(received.secret.as_deref(), Some("s3cret"));

    let resource = received.body.resource_spans[0].resource.as_ref().unwrap();
    let of_resource = |key| attribute(&resource.attributes, key).cloned();
    assert_eq!(of_resource("service.name"), text("buildrace"));
    assert_eq!(of_resource("deployment.environment"), text("ci"));
    let keys: Vec<&str> = resource.attributes.iter().map(|a| a.key.as_str()).collect();
    assert!(
        !keys
            .iter()
            .any(|key| key.starts_with("host.") || key.starts_with("process.")),
        "{keys:?}"
    );

    let spans = spans(received);
    let (root, steps): (Vec<&Span>, Vec<&Span>) = spans
        .iter()
        .partition(|span| span.parent_span_id.is_empty());
    let [root] = root.as_slice() else {
        panic!("{} spans without a parent", root.len());
    };
    assert_eq!(root.name, "failing.rawjson");
    // The recording is of a build that failed.
    assert_eq!(root.status.as_ref().unwrap().code, 2);
    for span in &steps {
        assert_eq!(span.trace_id, root.trace_id);
        assert_eq!(span.parent_span_id, root.span_id);
        let (start, end) = (span.start_time_unix_nano, span.end_time_unix_nano);
        assert!(root.start_time_unix_nano <= start && start <= end);
        assert!(end <= root.end_time_unix_nano);
    }
    let emulated = steps
        .iter()
        .find(|span| span.name == "[linux/arm64 stage-1 2/3] RUN sleep 20")
        .unwrap();
    let of = |key| attribute(&emulated.attributes, key).cloned();
    assert_eq!(of("buildrace.step.kind"), text("emulated-run"));
    assert_eq!(of("buildrace.step.platform"), text("linux/arm64"));
    assert_eq!(of("buildrace.step.position"), Some(Value::IntValue(2)));
    assert_eq!(of("buildrace.step.cached"), Some(Value::BoolValue(false)));
    let Some(Value::ArrayValue(serves)) = of("buildrace.step.serves") else {
        panic!("platforms are a list");
    };
    let value = text("linux/arm64");
    assert_eq!(serves.values, [AnyValue { value }]);
    let failed = steps.iter().filter(|span| {
        let status = span.status.as_ref();
        status.is_some_and(|status| status.message.ends_with("exit code: 7"))
    });
    assert_eq!(failed.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_build_is_the_same_trace_at_an_endpoint_of_its_own() {
    let (address, log) = collector(Answer::Take).await;
    let own = format!("http://{address}/own/path");
    let variables = [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", own.as_str()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_SERVICE_NAME", "nightly"),
    ];
    assert_eq!(explain(&variables).await, "");
    assert_eq!(explain(&variables).await, "");
    let log = log.lock().unwrap();
    let [first, second] = log.as_slice() else {
        panic!("{} requests", log.len());
    };
    assert_eq!(first.path, "/own/path");
    let resource = first.body.resource_spans[0].resource.as_ref().unwrap();
    let name = attribute(&resource.attributes, "service.name").cloned();
    assert_eq!(name, text("nightly"));
    let ids = |received| -> Vec<(Vec<u8>, Vec<u8>)> {
        let ids = spans(received).into_iter();
        ids.map(|span| (span.trace_id.clone(), span.span_id.clone()))
            .collect()
    };
    assert_eq!(ids(first), ids(second));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_does_not_take_them_is_told_of_without_secrets() {
    for (answer, words) in [
        (Answer::Status(400), "400 Bad Request"),
        (Answer::Status(503), "503 Service Unavailable"),
        (Answer::TakeAPart, "rejected 3 of them"),
        (Answer::Never, "no answer within 0.5 s"),
    ] {
        let (address, _) = collector(answer).await;
        let stderr = explain(&[
            (
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                &format!("http://user:hunter2@{address}/?key=hunter2"),
            ),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-secret=hunter2"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "500"),
        ])
        .await;
        assert!(stderr.contains(words), "{words:?} is not in {stderr:?}");
        assert!(stderr.contains(&address.to_string()), "{stderr:?}");
        assert!(!stderr.contains("hunter2"), "{stderr:?}");
        assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr:?}");
        assert!(!stderr.contains('\u{1b}'), "{stderr:?}");
    }
    let refused = explain(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")]).await;
    assert!(refused.contains("127.0.0.1:1"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_be_met_say_what_to_set() {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "localhost:hunter2@"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://127.0.0.1:1"),
    ] {
        let stderr = explain(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
            (name, value),
        ])
        .await;
        assert!(stderr.contains("http/protobuf"), "{stderr:?}");
        assert!(!stderr.contains("hunter2"), "{stderr:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_where_nothing_is_to_be_sent() {
    let (address, log) = collector(Answer::Take).await;
    let endpoint = format!("http://{address}");
    for (name, value) in [
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_TRACES_EXPORTER", "none"),
    ] {
        let stderr = explain(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            (name, value),
        ])
        .await;
        assert_eq!(stderr, "");
    }
    assert!(log.lock().unwrap().is_empty());
}
