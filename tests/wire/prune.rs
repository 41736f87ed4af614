//! Pruning takes what it is told, and nothing else.

use std::sync::Arc;

use bollard_buildkit_proto::moby::buildkit::v1 as proto;
use buildrace::buildkit::ClientError;

use crate::Subject;
use crate::server::{FakeBuildKit, Script};

fn server() -> Arc<FakeBuildKit> {
    let server = FakeBuildKit::new(Script::solve(|_, _| async { unreachable!() }));
    let record = |id: &str, shared, in_use| proto::UsageRecord {
        id: id.into(),
        shared,
        in_use,
        ..Default::default()
    };
    *server.records() = vec![
        record("ours1", false, false),
        record("ours2", true, false),
        record("ours3", false, true),
        record("theirs1", false, false),
        record("theirs2", true, false),
    ];
    server
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn only_what_is_named_goes_and_what_is_used_stays() {
    let server = server();
    let client = Subject::new().client(&server);
    let asked = ids(&["ours1", "ours2", "ours3", "gone-before"]);
    let gone = client.prune(&asked).await.unwrap();
    assert_eq!(gone, ids(&["ours1", "ours2", "gone-before"]));
    let left = client.cache_records().await.unwrap();
    let left: Vec<&str> = left.iter().map(|record| record.id.as_str()).collect();
    assert_eq!(left, ["ours3", "theirs1", "theirs2"]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_never_reaches_the_server() {
    let server = server();
    let client = Subject::new().client(&server);
    assert!(client.prune(&[]).await.unwrap().is_empty());
    // These match no record that is there.
    let gone = client.prune(&ids(&["nobody"])).await.unwrap();
    assert_eq!(gone, ids(&["nobody"]));
    assert!(server.seen.prunes.lock().unwrap().is_empty());
    assert_eq!(client.cache_records().await.unwrap().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_id_that_is_a_filter_is_refused() {
    let server = server();
    let id = "x,id!=x".to_owned();
    server.records().push(proto::UsageRecord {
        id: id.clone(),
        ..Default::default()
    });
    let client = Subject::new().client(&server);
    let error = client.prune(&[id]).await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { call: "Prune", .. }));
    assert!(server.seen.prunes.lock().unwrap().is_empty());
}
