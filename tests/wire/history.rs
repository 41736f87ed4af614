//! What BuildKit says of itself and of its builds, and taking some out.

use crate::Subject;
use crate::server::{FakeBuildKit, Script};

fn script() -> Script {
    Script::solve(|_, _| async { unreachable!() })
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn buildkits_version_is_what_it_says() {
    for (says, version) in [
        (Some("v0.32.2"), Some("v0.32.2")),
        (Some("v0.13.2"), Some("v0.13.2")),
        (Some("v0.0.0+unknown"), None),
        (Some(""), None),
        // An old one does not know the question.
        (None, None),
    ] {
        let mut script = script();
        script.version = says.map(str::to_owned);
        let server = FakeBuildKit::new(script);
        let client = Subject::new().client(&server);
        let found = client.buildkit_version().await.unwrap();
        assert_eq!(found.as_deref(), version, "{says:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_gone_has_no_version() {
    let server = FakeBuildKit::new(script());
    server.seen.cut.cancel();
    let client = Subject::new().client(&server);
    client.buildkit_version().await.unwrap_err();
}

#[tokio::test]
async fn builds_are_taken_out_of_the_history_one_by_one() {
    let mut script = script();
    script.kept = names(&["ours2"]);
    let server = FakeBuildKit::new(script);
    *server.history() = names(&["theirs", "ours1", "ours2", "ours3"]);
    let client = Subject::new().client(&server);
    client.forget(&[]).await.unwrap();
    // One that BuildKit keeps, and one that is gone, are in nobody's way.
    let ours = names(&["ours1", "ours2", "gone", "ours3"]);
    client.forget(&ours).await.unwrap();
    assert_eq!(*server.history(), names(&["theirs", "ours2"]));
}
