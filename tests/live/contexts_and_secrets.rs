//! Named contexts and secrets, on an engine that asks for them.

use std::fs;

use buildrace::builder::Builder;
use buildrace::buildkit::{BuildError, BuildRequest, NamedContext, Secret};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::support::{Engine, Job, unique};

/// Builds, and returns all that BuildKit told in one text.
async fn build(engine: &Engine, request: &BuildRequest) -> (Result<(), BuildError>, String) {
    let (sink, mut messages) = mpsc::unbounded_channel();
    let cancel = CancellationToken::new();
    let end = engine.builder.build(request, sink, cancel).await;
    let mut told = String::new();
    while let Ok(status) = messages.try_recv() {
        told += &serde_json::to_string(&status).unwrap();
    }
    (end.result.map(drop), told)
}

#[tokio::test]
async fn a_build_gets_its_contexts_and_secrets() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let folder = TempDir::new().unwrap();
    for (path, content) in [
        ("main/own", ""),
        ("deps/.dockerignore", "left-out\n*.log\n"),
        ("deps/kept", ""),
        ("deps/left-out", ""),
        ("deps/sub/kept.log", ""),
        ("deps/a.log", ""),
        ("second/other", ""),
    ] {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let secret = unique("hidden");
    let digest = hex::encode(Sha256::digest(&secret));
    let stage = unique("stage");
    // Twice the name of a folder that each build has: that of the Dockerfile,
    // and the main context.
    let dockerfile = format!(
        "FROM base AS {stage}\n\
         COPY . /own/\n\
         COPY --from=extra . /extra/\n\
         COPY --from=dockerfile . /second/\n\
         COPY --from=context . /third/\n\
         RUN cd / && find own extra second third -type f | sort | tr '\\n' ' ' > /found && cat /found && \
         test \"$(cat /found)\" = \"extra/.dockerignore extra/kept extra/sub/kept.log own/Dockerfile own/own second/other third/other \"\n\
         RUN --mount=type=secret,id=tok,required=true echo \"{digest}  /run/secrets/tok\" | sha256sum -c\n\
         FROM {stage}\n"
    );
    fs::write(folder.path().join("main/Dockerfile"), dockerfile).unwrap();
    let job = Job::new(&folder.path().join("main"));
    let of = |name: &str| NamedContext::Folder(folder.path().join(name));
    let with = |secrets: &[&str]| BuildRequest {
        contexts: [
            ("extra", of("deps")),
            ("dockerfile", of("second")),
            ("context", of("second")),
            (
                "base",
                NamedContext::Remote("docker-image://debian:trixie-slim".into()),
            ),
        ]
        .map(|(name, context)| (name.to_owned(), context))
        .into(),
        secrets: secrets
            .iter()
            .map(|id| ((*id).to_owned(), Secret::new(secret.as_str())))
            .collect(),
        ..job.request()
    };

    let (without, _) = build(&engine, &with(&[])).await;
    let (other, _) = build(&engine, &with(&["other"])).await;
    let (result, told) = build(&engine, &with(&["tok"])).await;
    engine.clean(3, &stage).await;
    for missing in [without, other] {
        let message = missing.unwrap_err().to_string();
        assert!(message.contains("secret tok: not found"), "{message}");
    }
    result.unwrap_or_else(|error| panic!("{error}: {told}"));
    assert!(told.contains("[context extra] load from client"), "{told}");
    assert!(!told.contains(&secret), "{told}");
}
