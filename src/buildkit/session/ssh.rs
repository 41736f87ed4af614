//! SSH agents, asked by BuildKit for a step with `RUN --mount=type=ssh`.
//!
//! As BuildKit's own client answers (`session/sshforward/sshprovider`): an
//! agent may be asked for its keys and for signatures, and nothing else; what
//! would change it fails. Keys in files are not served: an agent holds them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use bollard_buildkit_proto::moby::sshforward::v1::ssh_server::Ssh;
use bollard_buildkit_proto::moby::sshforward::v1::{
    BytesMessage, CheckAgentRequest, CheckAgentResponse,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming, async_trait};

/// What an agent is called where a mount names none.
const DEFAULT: &str = "default";
/// The metadata of a call that says which agent is meant.
const ID: &str = "buildkit.ssh.id";
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// Most bytes of one message; OpenSSH's agent takes no more.
const MESSAGE_LIMIT: usize = 256 << 10;
/// `SSH_AGENTC_REQUEST_IDENTITIES` and `SSH_AGENTC_SIGN_REQUEST`.
const ALLOWED: [u8; 2] = [11, 13];
/// A message of one byte, `SSH_AGENT_FAILURE`.
const FAILURE: [u8; 5] = [0, 0, 0, 1, 5];

/// The sockets of agents by their ids.
#[derive(Debug, Clone)]
pub(super) struct Agents(pub(super) BTreeMap<String, PathBuf>);

impl Agents {
    fn socket(&self, id: &str) -> Result<&Path, Status> {
        let id = if id.is_empty() { DEFAULT } else { id };
        let socket = self.0.get(id).map(PathBuf::as_path);
        socket.ok_or_else(|| Status::not_found(format!("unset ssh forward key {id}")))
    }
}

#[async_trait]
impl Ssh for Agents {
    async fn check_agent(
        &self,
        request: Request<CheckAgentRequest>,
    ) -> Result<Response<CheckAgentResponse>, Status> {
        self.socket(&request.get_ref().id)?;
        Ok(Response::new(CheckAgentResponse {}))
    }

    type ForwardAgentStream = Pin<Box<dyn Stream<Item = Result<BytesMessage, Status>> + Send>>;

    async fn forward_agent(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::ForwardAgentStream>, Status> {
        let id = request.metadata().get(ID);
        let id = id.and_then(|id| id.to_str().ok()).unwrap_or_default();
        let socket = self.socket(id)?.to_owned();
        let connecting = tokio::time::timeout(CONNECT_LIMIT, UnixStream::connect(&socket));
        let agent = match connecting.await {
            Ok(Ok(agent)) => agent,
            Ok(Err(error)) => return Err(unreachable(&error.to_string())),
            Err(_) => return Err(unreachable("no answer")),
        };
        let (answers, stream) = mpsc::channel(4);
        tokio::spawn(async move {
            // Whoever asks hears of it by the end of the stream, too.
            if let Err(status) = forward(request.into_inner(), agent, &answers).await {
                let _ = answers.send(Err(status)).await;
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }
}

fn unreachable(why: &str) -> Status {
    Status::unavailable(format!("cannot reach the SSH agent: {why}"))
}

/// Passes on each message that an agent may be asked, and its answer, until
/// nobody asks any more.
async fn forward(
    mut asked: Streaming<BytesMessage>,
    mut agent: UnixStream,
    answers: &mpsc::Sender<Result<BytesMessage, Status>>,
) -> Result<(), Status> {
    let mut held = Vec::new();
    while let Some(part) = asked.message().await? {
        held.extend(part.data);
        while let Some(length) = whole_message(&held)? {
            let rest = held.split_off(length);
            let message = std::mem::replace(&mut held, rest);
            let answer = if message.get(4).is_some_and(|kind| ALLOWED.contains(kind)) {
                ask(&mut agent, &message)
                    .await
                    .map_err(|error| unreachable(&error.to_string()))?
            } else {
                FAILURE.to_vec()
            };
            if answers
                .send(Ok(BytesMessage { data: answer }))
                .await
                .is_err()
            {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The length of the message that `held` begins with, once it is whole.
fn whole_message(held: &[u8]) -> Result<Option<usize>, Status> {
    let Some((length, _)) = held.split_first_chunk::<4>() else {
        return Ok(None);
    };
    let length = 4 + usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX - 4);
    if length > MESSAGE_LIMIT {
        return Err(Status::resource_exhausted(
            "a message to the SSH agent is too long",
        ));
    }
    Ok((held.len() >= length).then_some(length))
}

async fn ask(agent: &mut UnixStream, message: &[u8]) -> std::io::Result<Vec<u8>> {
    agent.write_all(message).await?;
    let mut answer = vec![0; 4];
    agent.read_exact(&mut answer).await?;
    let length = u32::from_be_bytes([answer[0], answer[1], answer[2], answer[3]]);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > MESSAGE_LIMIT {
        return Err(std::io::Error::other("its answer is too long"));
    }
    answer.resize(4 + length, 0);
    agent.read_exact(&mut answer[4..]).await?;
    Ok(answer)
}
