//! On an engine that counts as somebody else's, a race makes a builder of its
//! own, and leaves nothing of it, however the race ends. It is the engine of
//! the other tests, through a socket that is not the private engine's.

use buildrace::model::Outcome;

use super::{Kept, OnEngine, Place};
use crate::harness::{Proxy, signal};
use crate::support::Engine;

const COLD: [&str; 4] = ["--kinds", "cold", "--variant", "naive"];

#[tokio::test(flavor = "multi_thread")]
async fn a_race_on_somebodys_engine_has_a_builder_of_its_own_and_leaves_none() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(&engine.host, folder.path());
    let place = Place::new(&proxy.host);
    let kept = async || {
        (
            Kept::by(&engine.builder).await,
            OnEngine::at(&engine.host).await,
        )
    };
    let before = kept().await;

    let line = "buildrace's own, docker-container driver on Docker Engine ";
    let raced = place.races(&["--kinds", "multi-arch,noop"]);
    raced.is_right().names(line, "docker-container", None);
    assert!(raced.run.run.record.builder.own);
    assert_eq!(kept().await, before);

    let whole = Place::new(&proxy.host);
    let hanging = place.hangs_on(&["amd64", "arm64"]);
    let mut child = place.is_in_mid_build(&COLD, &hanging);
    signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let run = place.newest().unwrap();
    assert_eq!(run.run.samples[0].outcome, Outcome::Interrupted);
    assert_eq!(kept().await, before, "after Ctrl-C");

    let mut child = place.is_in_mid_build(&COLD, &hanging);
    signal(&child, "KILL");
    child.wait().unwrap();
    let left = OnEngine::at(&engine.host).await;
    assert_ne!(left, before.1, "a killed race cannot have cleaned up");
    // The next one does, by the dead one's label.
    whole.races(&COLD);
    assert_eq!(kept().await, before, "after SIGKILL and another race");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_image_of_a_builder_the_engines_own_is_used_and_nothing_pruned() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    // An engine that does not have the image, and no registry does.
    let proxy = Proxy::renaming(
        &engine.host,
        folder.path(),
        ("buildx-stable-1", "buildx-absent-1"),
    );
    let place = Place::new(&proxy.host);
    let before = (
        Kept::by(&engine.builder).await,
        OnEngine::at(&engine.host).await,
    );
    let raced = place.races(&COLD);
    raced.names("default, docker driver on Docker Engine ", "docker", None);
    let note = raced.said.lines().find(|line| line.starts_with("note: "));
    let note = note.unwrap_or_else(|| panic!("{}", raced.said));
    assert!(
        note.contains("builds go to the engine's own BuildKit")
            && note.contains("no image moby/buildkit"),
        "{note}"
    );
    let mut warnings = raced.run.run.warnings.iter();
    assert!(
        warnings.any(|warning| warning.contains("stay")),
        "{:?}",
        raced.run.run.warnings
    );
    let after = (
        Kept::by(&engine.builder).await,
        OnEngine::at(&engine.host).await,
    );
    assert!(before.0.records.is_subset(&after.0.records));
    assert_eq!(before.0.history, after.0.history);
    assert_eq!(before.1, after.1);
    crate::harness::prune_since(&engine.host, &before.0.records).await;
}
