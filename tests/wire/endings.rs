//! How builds end, and what is kept of them. Time stands still in these tests
//! but for waiting: it jumps to the next timer when nothing else happens.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1 as proto;
use buildrace::buildkit::BuildError;
use futures_util::{StreamExt, stream};
use tonic::{Code, Status};

use crate::server::{FakeBuildKit, Script, Seen};
use crate::{Subject, names, step};

/// A solve that never answers.
async fn hang(_: Seen, _: proto::SolveRequest) -> Result<proto::SolveResponse, Status> {
    std::future::pending().await
}

async fn succeed(_: Seen, _: proto::SolveRequest) -> Result<proto::SolveResponse, Status> {
    Ok(proto::SolveResponse {
        exporter_response: [("containerimage.digest".to_owned(), "sha256:1".to_owned())].into(),
    })
}

#[tokio::test(start_paused = true)]
async fn status_that_comes_after_the_answer_is_kept() {
    let late = |_| {
        stream::iter([step("early"), step("late")]).then(|message| async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            Ok(message)
        })
    };
    let server = FakeBuildKit::new(Script::solve(succeed).status(late));
    let (end, statuses) = Subject::new().build(&server).await;
    let reply = end.result.unwrap();
    assert_eq!(reply.exporter["containerimage.digest"], "sha256:1");
    assert_eq!(names(&statuses), ["early", "late"]);
}

#[tokio::test(start_paused = true)]
async fn a_status_stream_that_never_ends_does_not_hold_the_build() {
    let silent = |_| stream::iter([Ok(step("one"))]).chain(stream::pending());
    let server = FakeBuildKit::new(Script::solve(succeed).status(silent));
    let (end, statuses) = Subject::new().build(&server).await;
    assert!(end.result.is_ok());
    assert_eq!(names(&statuses), ["one"]);

    let endless = |_| {
        stream::repeat(()).then(|()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(step("again"))
        })
    };
    let server = FakeBuildKit::new(Script::solve(succeed).status(endless));
    let (end, _) = Subject::new().build(&server).await;
    assert!(end.result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_status_stream_that_breaks_does_not_break_the_build() {
    let broken = |_| stream::iter([Ok(step("one")), Err(Status::internal("oops"))]);
    let server = FakeBuildKit::new(Script::solve(succeed).status(broken));
    let (end, statuses) = Subject::new().build(&server).await;
    assert!(end.result.is_ok());
    assert_eq!(names(&statuses), ["one"]);
}

#[tokio::test(start_paused = true)]
async fn what_buildkit_says_of_a_failed_step_is_kept() {
    let server = FakeBuildKit::new(
        Script::solve(|_, _| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Err(Status::unknown(
                "process \"false\" did not complete: exit code: 1",
            ))
        })
        .status(|_| stream::iter([Ok(step("RUN false"))])),
    );
    let (end, statuses) = Subject::new().build(&server).await;
    assert_eq!(
        end.result.unwrap_err(),
        BuildError::Failed {
            message: "process \"false\" did not complete: exit code: 1".into()
        }
    );
    assert_eq!(names(&statuses), ["RUN false"]);
}

#[tokio::test(start_paused = true)]
async fn an_error_that_carries_the_whole_dockerfile_is_still_an_answer() {
    let server = FakeBuildKit::new(Script::solve(|_, _| async {
        let details = vec![7; 200 << 10];
        Err(Status::with_details(
            Code::Unknown,
            "does not parse",
            details.into(),
        ))
    }));
    let (end, _) = Subject::new().build(&server).await;
    let message = "does not parse".into();
    assert_eq!(end.result.unwrap_err(), BuildError::Failed { message });
}

#[tokio::test(start_paused = true)]
async fn cancelling_reaches_the_server() {
    let script = Script::solve(hang)
        .status(|_| stream::iter([Ok(step("RUN sleep"))]).chain(stream::pending()));
    let server = FakeBuildKit::new(script);
    let subject = Subject::new();
    let cancel = subject.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        cancel.cancel();
    });
    let (end, statuses) = subject.build(&server).await;
    assert_eq!(end.result.unwrap_err(), BuildError::Cancelled);
    assert_eq!(names(&statuses), ["RUN sleep"]);
    assert!(!server.seen.solving.load(Ordering::SeqCst));
    assert!(*server.seen.solve_reset.borrow());
    // It asked whether the solve is gone.
    assert!(server.seen.history_calls.load(Ordering::SeqCst) > 0);
}

#[tokio::test(start_paused = true)]
async fn the_time_limit_reaches_the_server() {
    let server = FakeBuildKit::new(Script::solve(hang));
    let mut subject = Subject::new();
    let limit = Duration::from_secs(20);
    subject.request.timeout = Some(limit);
    let (end, _) = subject.build(&server).await;
    assert_eq!(end.result.unwrap_err(), BuildError::TimedOut(limit));
    assert!(*server.seen.solve_reset.borrow());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_let_go_is_not_waited_for() {
    let mut script = Script::solve(hang).status(|_| stream::pending());
    script.always_active = true;
    let server = FakeBuildKit::new(script);
    let mut subject = Subject::new();
    subject.request.timeout = Some(Duration::from_secs(1));
    let (end, _) = subject.build(&server).await;
    assert!(matches!(end.result, Err(BuildError::TimedOut(_))));
}

#[tokio::test(start_paused = true)]
async fn a_build_that_is_dropped_is_cancelled() {
    let server = FakeBuildKit::new(Script::solve(hang));
    let subject = Subject::new();
    let building = subject.build(&server);
    let dropped = tokio::time::timeout(Duration::from_secs(5), building).await;
    assert!(dropped.is_err());
    tokio::time::timeout(Duration::from_secs(5), server.seen.until_reset())
        .await
        .expect("the server still solves");
}

#[tokio::test(start_paused = true)]
async fn a_build_cancelled_before_it_starts_never_starts() {
    let server = FakeBuildKit::new(Script::solve(succeed));
    let subject = Subject::new();
    subject.cancel.cancel();
    let (end, _) = subject.build(&server).await;
    assert_eq!(end.result.unwrap_err(), BuildError::Cancelled);
    assert!(server.seen.solves.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_loses_the_builder_and_keeps_the_status() {
    let server = FakeBuildKit::new(
        Script::solve(|seen: Seen, _| async move {
            tokio::time::sleep(Duration::from_secs(2)).await;
            seen.cut.cancel();
            std::future::pending().await
        })
        .status(|_| stream::iter([Ok(step("RUN make"))]).chain(stream::pending())),
    );
    let (end, statuses) = Subject::new().build(&server).await;
    assert!(
        matches!(end.result, Err(BuildError::LostBuilder { .. })),
        "{:?}",
        end.result
    );
    assert_eq!(names(&statuses), ["RUN make"]);
}

#[tokio::test(start_paused = true)]
async fn a_daemon_on_its_way_down_is_lost() {
    for status in [
        Status::unavailable("the daemon is going down"),
        Status::cancelled("context canceled"),
    ] {
        let answer = status.clone();
        let server = FakeBuildKit::new(Script::solve(move |_, _| {
            let answer = answer.clone();
            async move { Err(answer) }
        }));
        let (end, _) = Subject::new().build(&server).await;
        let message = status.message().to_owned();
        assert_eq!(end.result.unwrap_err(), BuildError::LostBuilder { message });
    }
}

/// A buildkitd that is told to end says nothing of who told it so.
#[tokio::test(start_paused = true)]
async fn what_the_way_to_a_lost_daemon_knows_of_its_fate_is_told() {
    for (answer, told) in [
        (
            Status::cancelled("context canceled"),
            Some("pod a was evicted (context canceled)"),
        ),
        (Status::unknown("exit code: 1"), None),
    ] {
        let mut script = Script::solve(move |_, _| {
            let answer = answer.clone();
            async move { Err(answer) }
        });
        script.fate = Some("pod a was evicted");
        let (end, _) = Subject::new().build(&FakeBuildKit::new(script)).await;
        match (end.result.unwrap_err(), told) {
            (BuildError::LostBuilder { message }, Some(told)) => assert_eq!(message, told),
            (BuildError::Failed { message }, None) => assert_eq!(message, "exit code: 1"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_solve_without_its_session_is_given_up() {
    let mut script = Script::solve(hang).status(|_| stream::pending());
    script.refuse_session = true;
    let server = FakeBuildKit::new(script);
    let (end, _) = Subject::new().build(&server).await;
    match end.result.unwrap_err() {
        BuildError::LostBuilder { message } => assert!(message.contains("no more sessions")),
        other => panic!("{other:?}"),
    }
    assert!(*server.seen.solve_reset.borrow());
}

#[tokio::test]
async fn what_cannot_be_read_here_is_not_asked_of_buildkit() {
    let server = FakeBuildKit::new(Script::solve(succeed));
    let mut subject = Subject::new();
    subject.request.dockerfile = subject.folder.path().join("none.Dockerfile");
    let (end, _) = subject.build(&server).await;
    match end.result.unwrap_err() {
        BuildError::Setup { message } => assert!(message.contains("none.Dockerfile")),
        other => panic!("{other:?}"),
    }
    assert!(server.seen.solves.lock().unwrap().is_empty());
}
