//! Exec as API servers serve it: one WebSocket, on which each message begins
//! with the number of its channel.

use std::process::Stdio;

use futures_util::{SinkExt, StreamExt};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::{Cluster, failure, pod_path};

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
const CLOSE: u8 = 255;

const OLD: &str = "v4.channel.k8s.io";
const NEW: &str = "v5.channel.k8s.io";

impl Cluster {
    /// Answers an exec in a pod: with what is wrong, or by switching protocols.
    pub(super) fn exec(&self, pod: &str, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let asked = "command=buildctl&command=dial-stdio";
        if !query.contains(asked) || !query.contains("container=buildkitd") {
            return failure(StatusCode::BAD_REQUEST, "BadRequest", &query);
        }
        let header = |name: &str| {
            let value = request.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let offered = header("sec-websocket-protocol").unwrap_or_default();
        let Some(key) = header("sec-websocket-key") else {
            return failure(StatusCode::BAD_REQUEST, "BadRequest", "no WebSocket");
        };
        let mut state = self.state();
        if !state.objects.contains_key(&pod_path(pod)) {
            let message = format!("pods \"{pod}\" not found");
            return failure(StatusCode::NOT_FOUND, "NotFound", &message);
        }
        let Some(line) = state.buildctl.get(pod).cloned() else {
            let message = "container not found (\"buildkitd\")";
            return failure(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message);
        };
        let spoken = match !state.is_old && offered.contains(NEW) {
            true => NEW,
            false => OLD,
        };
        state.execs.push((pod.to_owned(), spoken.to_owned()));
        drop(state);
        let upgrade = hyper::upgrade::on(&mut request);
        let cluster = self.clone();
        let pod = pod.to_owned();
        tokio::spawn(async move { cluster.run(&pod, &line, spoken == NEW, upgrade).await });
        Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header("upgrade", "websocket")
            .header("connection", "Upgrade")
            .header("sec-websocket-accept", derive_accept_key(key.as_bytes()))
            .header("sec-websocket-protocol", spoken)
            .body(Full::default())
            .unwrap()
    }

    /// Runs the command on the connection until one of them ends, or the pod.
    async fn run(&self, pod: &str, line: &[String], closes_channels: bool, upgrade: OnUpgrade) {
        let upgraded = TokioIo::new(upgrade.await.unwrap());
        let socket = WebSocketStream::from_raw_socket(upgraded, Role::Server, None).await;
        let (mut sink, messages) = socket.split();
        let mut child = Command::new(&line[0])
            .args(&line[1..])
            .arg("dial-stdio")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (frames, mut outgoing) = mpsc::channel::<Vec<u8>>(4);
        // Real ones say which channels there are.
        for channel in [STDOUT, STDERR, STATUS] {
            frames.send(vec![channel]).await.unwrap();
        }
        let stdout = copy(child.stdout.take().unwrap(), STDOUT, frames.clone());
        let stderr = copy(child.stderr.take().unwrap(), STDERR, frames.clone());
        let outputs = tokio::spawn(async { tokio::join!(stdout, stderr) });
        let mut stdin = child.stdin.take();
        let reading = async move {
            let mut messages = messages;
            while let Some(Ok(message)) = messages.next().await {
                let Message::Binary(data) = message else {
                    continue;
                };
                match data.as_ref() {
                    [CLOSE, STDIN] if closes_channels => stdin = None,
                    [STDIN, rest @ ..] => {
                        if let Some(stdin) = &mut stdin
                            && stdin.write_all(rest).await.is_err()
                        {
                            break;
                        }
                    }
                    _ => {}
                }
            }
        };
        let writing = tokio::spawn(async move {
            while let Some(frame) = outgoing.recv().await {
                if sink.send(Message::binary(frame)).await.is_err() {
                    return;
                }
            }
            let _ = sink.close().await;
        });
        let reading = tokio::spawn(reading);
        let mut ended = self.ended.subscribe();
        let status = tokio::select! {
            () = async { drop(ended.wait_for(|ended| ended.contains(pod)).await) } => {
                let _ = child.kill().await;
                exit_status(137)
            }
            status = child.wait() => {
                let _ = outputs.await;
                exit_status(status.unwrap().code().unwrap_or(137))
            }
        };
        let mut frame = vec![STATUS];
        frame.extend(status.to_string().into_bytes());
        let _ = frames.send(frame).await;
        drop(frames);
        let _ = writing.await;
        reading.abort();
    }
}

/// How a command ended, as kubelets tell it.
fn exit_status(code: i32) -> Value {
    match code {
        0 => json!({"metadata": {}, "status": "Success"}),
        code => json!({
            "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
            "message": format!("command terminated with non-zero exit code: exit status {code}"),
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
        }),
    }
}

async fn copy(mut from: impl AsyncRead + Unpin, channel: u8, frames: mpsc::Sender<Vec<u8>>) {
    let mut piece = vec![0; 32 << 10];
    while let Ok(count @ 1..) = from.read(&mut piece).await {
        let mut frame = vec![channel];
        frame.extend(&piece[..count]);
        if frames.send(frame).await.is_err() {
            return;
        }
    }
}
