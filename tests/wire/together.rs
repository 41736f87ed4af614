//! Several builds that are one, through a session for each main context.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1 as proto;
use buildrace::buildkit::{
    BakeRequest, BakeTarget, BuildEnd, BuildError, BuildRequest, Export, NamedContext,
};
use buildrace::trace::SolveStatus;
use futures_util::stream;
use tokio::sync::mpsc;
use tonic::Status;

use crate::server::{FakeBuildKit, Script};
use crate::{Subject, names, step};

/// Targets of these names and contexts, each with the Dockerfile of the subject.
fn targets(subject: &Subject, named: &[(&str, &Path)]) -> BakeRequest {
    let targets = named.iter().map(|(name, context)| BakeTarget {
        name: (*name).to_owned(),
        request: BuildRequest {
            reference: format!("ref-{name}"),
            context: (*context).to_owned(),
            ..subject.request.clone()
        },
    });
    BakeRequest {
        targets: targets.collect(),
        timeout: Some(Duration::from_secs(60)),
    }
}

async fn bake(
    subject: &Subject,
    server: &std::sync::Arc<FakeBuildKit>,
    request: &BakeRequest,
) -> (BuildEnd, Vec<SolveStatus>) {
    let (sink, mut statuses) = mpsc::unbounded_channel();
    let client = subject.client(server);
    let baking = client.bake(request, sink, subject.cancel.clone());
    let end = tokio::time::timeout(Duration::from_secs(300), baking).await;
    let end = end.expect("the build hangs");
    let mut kept = Vec::new();
    while let Some(status) = statuses.recv().await {
        kept.push(status);
    }
    (end, kept)
}

#[tokio::test]
async fn those_of_one_context_are_solved_through_one_session() {
    let subject = Subject::new();
    let other = subject.folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let own = subject.request.context.clone();
    let request = targets(&subject, &[("app", &own), ("lint", &other), ("web", &own)]);
    let script = Script::solve(|_, _| async { Ok(proto::SolveResponse::default()) });
    let status = |_| stream::iter([Ok(step("[build 1/2] RUN x"))]);
    let server = FakeBuildKit::new(script.status(status));
    let (end, statuses) = bake(&subject, &server, &request).await;
    end.result.unwrap();
    let mut solves = server.seen.solves.lock().unwrap().clone();
    solves.sort_by(|a, b| a.r#ref.cmp(&b.r#ref));
    let references: Vec<&str> = solves.iter().map(|solve| solve.r#ref.as_str()).collect();
    assert_eq!(references, ["ref-app", "ref-lint", "ref-web"]);
    let session = |at: usize| solves[at].session.as_str();
    assert_eq!(session(0), session(2));
    // BuildKit asks each for `context`, whatever else it is told.
    assert_ne!(session(0), session(1));
    let named = |at: usize| solves[at].frontend_attrs.contains_key("contextkey");
    assert!(![0, 1, 2].into_iter().any(named));
    let seen: BTreeSet<&str> = names(&statuses).into_iter().collect();
    let expected = [
        "[app build 1/2] RUN x",
        "[lint build 1/2] RUN x",
        "[web build 1/2] RUN x",
    ];
    assert_eq!(seen, expected.into());
}

#[tokio::test]
async fn one_that_fails_ends_all_and_is_named() {
    let subject = Subject::new();
    let own = subject.request.context.clone();
    let request = targets(&subject, &[("app", &own), ("web", &own)]);
    let server = FakeBuildKit::new(Script::solve(|_, solve: proto::SolveRequest| async move {
        match solve.r#ref.as_str() {
            "ref-web" => Err(Status::unknown("exit code: 1")),
            _ => std::future::pending().await,
        }
    }));
    let (end, _) = bake(&subject, &server, &request).await;
    let failed = BuildError::Failed {
        message: "target web: exit code: 1".into(),
    };
    assert_eq!(end.result.unwrap_err(), failed);
}

#[tokio::test]
async fn what_cannot_be_built_together_is_said_before_anything_is_sent() {
    let subject = Subject::new();
    let own = subject.request.context.clone();
    let server = FakeBuildKit::new(Script::solve(|_, _| async {
        Ok(proto::SolveResponse::default())
    }));
    let mut linked = targets(&subject, &[("app", &own), ("web", &own)]);
    let base = NamedContext::Target("base".into());
    linked.targets[0].request.contexts = [("base".to_owned(), base)].into();
    let mut exported = targets(&subject, &[("app", &own), ("web", &own)]);
    exported.targets[1].request.export = Export::Image { name: "x".into() };
    let missing = subject.folder.path().join("missing");
    let lacking = targets(&subject, &[("app", &own), ("web", &missing)]);
    for (request, expected) in [
        (linked, "target \"base\""),
        (exported, "nothing can be exported"),
        (lacking, "target web: cannot read the context"),
    ] {
        match bake(&subject, &server, &request)
            .await
            .0
            .result
            .unwrap_err()
        {
            BuildError::Setup { message } => assert!(message.contains(expected), "{message}"),
            other => panic!("{other:?}"),
        }
    }
    assert!(server.seen.solves.lock().unwrap().is_empty());
}
