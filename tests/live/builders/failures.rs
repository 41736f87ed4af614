//! What goes wrong with a builder, before a race and in the middle of one: one
//! clear result each, and nothing is left.

use std::fs;
use std::process::Output;

use bollard::query_parameters::{RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder};
use buildrace::builder::Builder;
use buildrace::buildkit::{BuildRequest, Export};
use buildrace::model::{Outcome, Sample};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Instance, Kept, OnEngine, Place, connect, options, text};
use crate::buildkitd::Start;
use crate::certificates::Authority;
use crate::harness::docker;
use crate::program::hang;
use crate::support::{Engine, Job, native, unique};

const COLD: [&str; 4] = ["--kinds", "cold", "--variant", "naive"];

/// The error of a command that could not begin to race: one line, and no more.
fn refused(output: &Output) -> String {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    let error = said.lines().last().unwrap_or_default();
    assert!(error.starts_with("buildrace: "), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    error.to_owned()
}

/// The only sample that did not succeed, of a run that ended in the middle.
fn lost(place: &Place, output: &Output) -> (Sample, String) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    let run = place.newest().unwrap_or_else(|| panic!("{said}"));
    let samples = run.run.samples.iter();
    let failed: Vec<&Sample> = samples.filter(|s| s.outcome != Outcome::Ok).collect();
    let [failed] = failed[..] else {
        panic!("{failed:?}: {said}");
    };
    (failed.clone(), said)
}

fn is_empty(place: &Place) -> bool {
    place.newest().is_none()
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_do_not_fit_are_named_with_the_endpoint() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let place = Place::new(&engine.host);
    let folder = TempDir::new().unwrap();
    let ours = Authority::new(folder.path(), "ours");
    let theirs = Authority::new(folder.path(), "theirs");
    let server = ours.server(&["127.0.0.1"]);
    let expired = ours.expired_server(&["127.0.0.1"]);
    let (remote, stale, plain) = (
        Start::tls("127.0.0.1", &server, &ours).start(),
        Start::tls("127.0.0.1", &expired, &ours).start(),
        Start::tcp("127.0.0.1").start(),
    );
    let trusted = options(&ours, &ours.client());
    let cases = [
        (
            &remote,
            Some(options(&theirs, &ours.client())),
            "signed by none of",
        ),
        (
            &remote,
            Some(options(&ours, &theirs.client())),
            "certificate",
        ),
        (
            &remote,
            Some(options(&ours, &ours.expired_client())),
            "expired",
        ),
        (&stale, Some(trusted.clone()), "expired"),
        (&remote, None, "TLS"),
        (&plain, Some(trusted), "TLS"),
    ];
    for (remote, options, expected) in cases {
        let mut args = vec!["run", "greet", "--builder", &remote.address];
        if let Some(options) = &options {
            args.extend(["--driver-opt", options]);
        }
        let error = refused(&place.buildrace(&args).output().unwrap());
        assert!(error.contains(&remote.address), "{error}");
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(is_empty(&place));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_builder_that_hangs_at_boot_is_given_up_and_removed() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let place = Place::new(&engine.host);
    let image = image_that_hangs(&engine).await;
    let before = OnEngine::at(&engine.host).await;
    let option = format!("image={image},timeout=3s");
    let args = [
        "run",
        "greet",
        "--builder",
        "container",
        "--driver-opt",
        &option,
    ];
    let error = refused(&place.buildrace(&args).output().unwrap());
    assert!(error.contains("does not answer within 3 s"), "{error}");
    assert_eq!(OnEngine::at(&engine.host).await, before);

    // One that cannot start at all is not waited for.
    let option = "image=debian:trixie-slim";
    let args = [
        "run",
        "greet",
        "--builder",
        "container",
        "--driver-opt",
        option,
    ];
    let error = refused(&place.buildrace(&args).output().unwrap());
    assert!(
        error.contains("ended right after its start; its log ends:"),
        "{error}"
    );
    assert_eq!(OnEngine::at(&engine.host).await, before);

    let force = RemoveImageOptionsBuilder::new().force(true).build();
    let docker = docker(&engine.host);
    docker
        .remove_image(&image, Some(force), None)
        .await
        .unwrap();
    engine.clean(0, "").await;
    assert!(is_empty(&place));
}

/// An image on the engine whose only program never does anything.
async fn image_that_hangs(engine: &Engine) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    fs::write(path.join("hang"), hang(native().architecture())).unwrap();
    let dockerfile = "FROM scratch\nCOPY --chmod=755 hang /hang\nENTRYPOINT [\"/hang\"]\n";
    fs::write(path.join("Dockerfile"), dockerfile).unwrap();
    let image = format!("{}:latest", unique("buildrace-test"));
    let request = BuildRequest {
        internal: true,
        export: Export::Image {
            name: image.clone(),
        },
        ..Job::new(path).request()
    };
    let (sink, _statuses) = mpsc::unbounded_channel();
    let build = engine
        .builder
        .build(&request, sink, CancellationToken::new());
    build.await.result.unwrap();
    image
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_lost_ends_the_run_and_the_other_is_left_clean() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let place = Place::new(&engine.host);
    let (farm0, mut farm1) = (Start::unix().start(), Start::unix().start());
    let farm = Instance::farm(&place, [&farm0.address, &farm1.address]);
    let other = connect(&farm0.address, None).await;
    let before = Kept::by(&other).await;
    let hanging = place.hangs_on(&["arm64"]);
    let args = [
        "--kinds",
        "multi-arch",
        "--variant",
        "naive",
        "--builder",
        &farm.name,
    ];
    let child = place.is_in_mid_build(&args, &hanging);
    farm1.kill();
    let (sample, _) = lost(&place, &child.wait_with_output().unwrap());
    assert_eq!(sample.outcome, Outcome::LostBuilder, "{sample:?}");
    let message = &sample.failure.as_ref().unwrap().message;
    assert!(message.contains("node farm1"), "{message}");
    assert_eq!(Kept::by(&other).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_is_removed_in_mid_build_is_a_lost_builder() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let place = Place::new(&engine.host);
    let before = OnEngine::at(&engine.host).await;
    let hanging = place.hangs_on(&[native().architecture()]);
    let args = [&COLD[..], &["--builder", "container"]].concat();
    let child = place.is_in_mid_build(&args, &hanging);
    let now = OnEngine::at(&engine.host).await;
    let made: Vec<&String> = now.containers.difference(&before.containers).collect();
    let [container] = made[..] else {
        panic!("{made:?}");
    };
    let force = RemoveContainerOptionsBuilder::new()
        .force(true)
        .v(true)
        .build();
    let docker = docker(&engine.host);
    docker
        .remove_container(container, Some(force))
        .await
        .unwrap();
    let (sample, said) = lost(&place, &child.wait_with_output().unwrap());
    assert_eq!(sample.outcome, Outcome::LostBuilder, "{sample:?}");
    assert!(!said.contains("is left"), "{said}");
    assert_eq!(OnEngine::at(&engine.host).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_of_a_builder_is_a_failed_build_with_its_reason() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let place = Place::new(&engine.host);
    let mut start = Start::unix();
    start.disk = Some("32m".into());
    let remote = start.start();
    let builder = connect(&remote.address, None).await;
    let before = Kept::by(&builder).await;
    let dockerfile = "FROM scratch\nCOPY large /large\n";
    place.write("dockerfiles/greet/naive.Dockerfile", dockerfile);
    // More than the disk holds.
    place.write("scenarios/greet/src/large", vec![b'x'; 48 << 20]);
    let args = [&COLD[..], &["--builder", &remote.address]].concat();
    let race = [
        "run",
        "greet",
        "--rounds",
        "1",
        "--keep-contaminated",
        "--settle=0s",
    ];
    let output = place.buildrace(&[&race[..], &args].concat()).output();
    let (sample, _) = lost(&place, &output.unwrap());
    assert_eq!(sample.outcome, Outcome::Failed, "{sample:?}");
    let message = &sample.failure.as_ref().unwrap().message;
    assert!(message.contains("no space left on device"), "{message}");
    assert_eq!(Kept::by(&builder).await, before);
}
