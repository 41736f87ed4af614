//! Named contexts: what BuildKit is told of them, and what it gets when it
//! asks for their files.

use std::path::Path;

use bollard_buildkit_proto::fsutil::types::Packet;
use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::moby::buildkit::v1 as proto;
use bollard_buildkit_proto::moby::filesync::v1::file_sync_client::FileSyncClient;
use buildrace::buildkit::{BuildError, NamedContext};
use futures_util::{StreamExt, stream};
use tonic::Request;
use tonic::transport::Channel;

use crate::Subject;
use crate::server::{FakeBuildKit, Script, Seen};

/// A folder with one file, whose name tells whose it is.
fn folder(parent: &Path, name: &str) -> NamedContext {
    let folder = parent.join(name);
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join(format!("of-{name}")), "").unwrap();
    NamedContext::Folder(folder)
}

/// The listing of a folder as BuildKit asks for it.
async fn list(session: Channel, dir: &str, metadata: &[(&'static str, &str)]) -> Vec<String> {
    let mut request = Request::new(stream::pending::<Packet>());
    for (key, value) in metadata.iter().chain([&("dir-name", dir)]) {
        request.metadata_mut().append(*key, value.parse().unwrap());
    }
    let mut listing = FileSyncClient::new(session)
        .diff_copy(request)
        .await
        .unwrap()
        .into_inner();
    let mut paths = Vec::new();
    while let Some(packet) = listing.next().await {
        let packet = packet.unwrap();
        assert_eq!(packet.r#type(), PacketType::PacketStat, "{packet:?}");
        match packet.stat {
            Some(stat) => paths.push(stat.path),
            None => break,
        }
    }
    paths
}

#[tokio::test]
async fn each_context_is_listed_under_its_own_name() {
    let mut subject = Subject::new();
    let parent = subject.folder.path();
    let contexts = [
        ("extra", folder(parent, "deps")),
        ("context", folder(parent, "second")),
        ("dockerfile", folder(parent, "third")),
    ];
    subject.request.contexts = contexts.map(|(name, c)| (name.to_owned(), c)).into();
    let server = FakeBuildKit::new(Script::solve(|seen: Seen, _| async move {
        let session = seen.session().await;
        for (dir, files) in [
            ("extra", ["of-deps"]),
            ("_context", ["of-second"]),
            ("_dockerfile", ["of-third"]),
            ("context", ["Dockerfile"]),
            ("dockerfile", ["Dockerfile"]),
        ] {
            assert_eq!(list(session.clone(), dir, &[]).await, files, "{dir}");
        }
        // What its .dockerignore says, BuildKit sends as patterns.
        let none = list(session, "extra", &[("exclude-patterns", "of-*")]).await;
        assert!(none.is_empty(), "{none:?}");
        Ok(proto::SolveResponse::default())
    }));
    let (end, _) = subject.build(&server).await;
    end.result.unwrap();
    assert!(end.context_bytes > 0);
}

#[tokio::test]
async fn the_frontend_is_told_where_contexts_are() {
    let mut subject = Subject::new();
    let remote = |source: &str| NamedContext::Remote(source.to_owned());
    let contexts = [
        ("extra", folder(subject.folder.path(), "deps")),
        ("debian:latest", remote("docker-image://debian:trixie-slim")),
        ("src", remote("https://git.example/me/src.git#main")),
    ];
    subject.request.contexts = contexts.map(|(name, c)| (name.to_owned(), c)).into();
    let server = FakeBuildKit::new(Script::solve(|_, _| async {
        Ok(proto::SolveResponse::default())
    }));
    subject.build(&server).await.0.result.unwrap();
    let solves = server.seen.solves.lock().unwrap();
    let attributes = &solves[0].frontend_attrs;
    for (key, value) in [
        ("context:extra", "local:extra"),
        ("sharedkey:localdir:extra", "deps"),
        ("context:debian", "docker-image://debian:trixie-slim"),
        ("context:src", "https://git.example/me/src.git#main"),
        ("frontend.caps", "moby.buildkit.frontend.contexts+forward"),
    ] {
        assert_eq!(attributes.get(key).map(String::as_str), Some(value));
    }
    let about_contexts = |key: &&String| key.contains("context:") || key.contains("sharedkey:");
    assert_eq!(attributes.keys().filter(about_contexts).count(), 4);
}

#[tokio::test]
async fn a_missing_folder_is_told_before_anything_is_sent() {
    let mut subject = Subject::new();
    let missing = subject.folder.path().join("missing");
    let context = NamedContext::Folder(missing.clone());
    subject.request.contexts = [("extra".to_owned(), context)].into();
    let server = FakeBuildKit::new(Script::solve(|_, _| async {
        Ok(proto::SolveResponse::default())
    }));
    match subject.build(&server).await.0.result.unwrap_err() {
        BuildError::Setup { message } => {
            assert!(message.contains("\"extra\""), "{message}");
            assert!(message.contains(missing.to_str().unwrap()), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert!(server.seen.solves.lock().unwrap().is_empty());
}
