//! SSH agents: BuildKit may ask those of the request, for keys and signatures
//! alone.

use std::path::Path;
use std::sync::{Arc, Mutex};

use bollard_buildkit_proto::moby::buildkit::v1 as proto;
use bollard_buildkit_proto::moby::sshforward::v1 as ssh;
use ssh::ssh_client::SshClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio_stream::StreamExt;
use tonic::{Code, Request};

use crate::Subject;
use crate::server::{FakeBuildKit, Script, Seen};

/// An agent without keys that keeps what it was asked.
fn agent(socket: &Path) -> Arc<Mutex<Vec<u8>>> {
    let listener = UnixListener::bind(socket).unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kinds = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let kinds = Arc::clone(&kinds);
            tokio::spawn(async move {
                while let Ok(length) = stream.read_u32().await {
                    let mut message = vec![0; length as usize];
                    stream.read_exact(&mut message).await.unwrap();
                    kinds.lock().unwrap().push(message[0]);
                    // SSH_AGENT_IDENTITIES_ANSWER: none.
                    stream
                        .write_all(&[0, 0, 0, 5, 12, 0, 0, 0, 0])
                        .await
                        .unwrap();
                }
            });
        }
    });
    asked
}

fn part(data: &[u8]) -> ssh::BytesMessage {
    ssh::BytesMessage {
        data: data.to_vec(),
    }
}

#[tokio::test]
async fn an_agent_is_asked_for_keys_and_never_changed() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent");
    let asked = agent(&socket);
    let mut subject = Subject::new();
    subject.request.ssh = [("default".to_owned(), socket)].into();
    let server = FakeBuildKit::new(Script::solve(|seen: Seen, _| async move {
        let mut client = SshClient::new(seen.session().await);
        let check = |id: &str| ssh::CheckAgentRequest { id: id.into() };
        client.check_agent(check("")).await?;
        client.check_agent(check("default")).await?;
        let unknown = client.check_agent(check("other")).await.unwrap_err();
        assert_eq!(unknown.code(), Code::NotFound);
        // A message in two parts, then two in one: remove all keys, list them.
        let parts = [
            part(&[0, 0, 0]),
            part(&[1, 11]),
            part(&[0, 0, 0, 1, 19, 0, 0, 0, 1, 11]),
        ];
        let mut request = Request::new(tokio_stream::iter(parts));
        let id = "default".parse().unwrap();
        request.metadata_mut().insert("buildkit.ssh.id", id);
        let answers = client.forward_agent(request).await?.into_inner();
        let answers: Vec<Vec<u8>> = answers.map(|answer| answer.unwrap().data).collect().await;
        let none = vec![0, 0, 0, 5, 12, 0, 0, 0, 0];
        assert_eq!(answers, [none.clone(), vec![0, 0, 0, 1, 5], none]);
        Ok(proto::SolveResponse::default())
    }));
    subject.build(&server).await.0.result.unwrap();
    assert_eq!(*asked.lock().unwrap(), [11, 11]);
}

#[tokio::test]
async fn without_agents_none_is_offered() {
    let server = FakeBuildKit::new(Script::solve(|seen: Seen, _| async move {
        let mut client = SshClient::new(seen.session().await);
        let refused = client.check_agent(ssh::CheckAgentRequest::default()).await;
        assert_eq!(refused.unwrap_err().code(), Code::Unimplemented);
        Ok(proto::SolveResponse::default())
    }));
    Subject::new().build(&server).await.0.result.unwrap();
}
