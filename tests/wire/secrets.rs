//! Secrets: BuildKit gets those of the request and no other.

use bollard_buildkit_proto::moby::buildkit::secrets::v1 as secrets;
use bollard_buildkit_proto::moby::buildkit::v1 as proto;
use buildrace::buildkit::{BuildError, Secret};
use secrets::secrets_client::SecretsClient;
use tonic::Code;

use crate::Subject;
use crate::server::{FakeBuildKit, Script, Seen};

fn asked(id: &str) -> secrets::GetSecretRequest {
    secrets::GetSecretRequest {
        id: id.into(),
        ..Default::default()
    }
}

fn announces_secrets(seen: &Seen) -> bool {
    let metadata = seen.session_metadata.lock().unwrap();
    metadata
        .get_all("x-docker-expose-session-grpc-method")
        .iter()
        .any(|method| method == "/moby.buildkit.secrets.v1.Secrets/GetSecret")
}

#[tokio::test]
async fn secrets_are_served_by_id() {
    let mut subject = Subject::new();
    // The largest there may be, and not text.
    let large = vec![0xff; Secret::MAX_SIZE];
    subject.request.secrets = [
        ("tok".to_owned(), Secret::new("hidden\n")),
        ("large".to_owned(), Secret::new(large)),
    ]
    .into();
    let server = FakeBuildKit::new(Script::solve(|seen: Seen, request| async move {
        let mut client = SecretsClient::new(seen.session().await);
        assert!(announces_secrets(&seen));
        let known = client.get_secret(asked("tok")).await?.into_inner();
        assert_eq!(known.data, b"hidden\n");
        let large = client.get_secret(asked("large")).await?.into_inner();
        assert!(large.data == vec![0xff; Secret::MAX_SIZE]);
        let unknown = client.get_secret(asked("other")).await.unwrap_err();
        assert_eq!(unknown.code(), Code::NotFound);
        // What is asked of BuildKit is kept in its history.
        assert!(!format!("{request:?}").contains("hidden"));
        Ok(proto::SolveResponse::default())
    }));
    subject.build(&server).await.0.result.unwrap();
}

#[tokio::test]
async fn without_secrets_they_are_not_offered() {
    let server = FakeBuildKit::new(Script::solve(|seen: Seen, _| async move {
        let mut client = SecretsClient::new(seen.session().await);
        assert!(!announces_secrets(&seen));
        let refused = client.get_secret(asked("tok")).await.unwrap_err();
        // To BuildKit this is the same as not found.
        assert_eq!(refused.code(), Code::Unimplemented);
        Ok(proto::SolveResponse::default())
    }));
    Subject::new().build(&server).await.0.result.unwrap();
}

#[tokio::test]
async fn a_secret_that_is_too_large_is_told_before_anything_is_sent() {
    let mut subject = Subject::new();
    let large = Secret::new(vec![b'x'; Secret::MAX_SIZE + 1]);
    subject.request.secrets = [("tok".to_owned(), large)].into();
    let server = FakeBuildKit::new(Script::solve(|_, _| async {
        Ok(proto::SolveResponse::default())
    }));
    match subject.build(&server).await.0.result.unwrap_err() {
        BuildError::Setup { message } => assert!(message.contains("\"tok\""), "{message}"),
        other => panic!("{other:?}"),
    }
    assert!(server.seen.solves.lock().unwrap().is_empty());
}
