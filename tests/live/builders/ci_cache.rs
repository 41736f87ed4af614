//! Jobs of CI: an empty builder that imports a remote cache, builds after an edit, and
//! exports again; and caches that cannot be written.

use std::io::Read;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use buildrace::model::{BuildPart, Outcome, PartKind, Sample};
use buildrace::store::StoredRun;
use flate2::read::GzDecoder;
use jiff::Timestamp;
use serde_json::Value;

use super::registry::{Failing, Registry, failing};
use super::{Kept, OnEngine, Place, text};
use crate::race::wait_for;
use crate::support::Engine;

/// A builder that is made for the run.
const OWN: [&str; 2] = ["--builder", "container"];

fn part(sample: &Sample, kind: PartKind) -> Option<BuildPart> {
    sample.parts.iter().find(|part| part.part == kind).copied()
}

/// What the engine and its builder keep.
async fn kept(engine: &Engine) -> (Kept, OnEngine) {
    (
        Kept::by(&engine.builder).await,
        OnEngine::at(&engine.host).await,
    )
}

/// What BuildKit told of a sample: `docker buildx build --progress=rawjson` writes the same.
fn recording(run: &StoredRun, sample: &Sample) -> Vec<Value> {
    let file = run
        .dir
        .join(format!("traces/{}.rawjson.gz", sample.slot.id));
    let mut text = String::new();
    let mut reader = GzDecoder::new(std::fs::File::open(file).unwrap());
    reader.read_to_string(&mut text).unwrap();
    let statuses = serde_json::Deserializer::from_str(&text).into_iter();
    statuses.map(Result::unwrap).collect()
}

/// How long the steps of a sample took whose names begin so, by its recording, and as one.
fn recorded(run: &StoredRun, sample: &Sample, begin: &str) -> Option<Duration> {
    let mut span: Option<(Timestamp, Timestamp)> = None;
    for status in recording(run, sample) {
        for vertex in status["vertexes"].as_array().into_iter().flatten() {
            if !vertex["name"].as_str().unwrap().starts_with(begin) {
                continue;
            }
            let time = |key: &str| vertex[key].as_str().map(|time| time.parse().unwrap());
            if let (Some(start), Some(end)) = (time("started"), time("completed")) {
                let (first, last) = span.unwrap_or((start, end));
                span = Some((first.min(start), last.max(end)));
            }
        }
    }
    let (start, end) = span?;
    Some(Duration::try_from(end.duration_since(start)).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_imports_what_the_first_exported_and_leaves_nothing() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let registry = Registry::start();
    let place = Place::new(&engine.host);
    let before = kept(&engine).await;
    let pushed = format!(
        "type=registry,ref={}/cache,registry.insecure=true,mode=max",
        registry.address
    );
    let raced = place.races(
        &[
            &OWN[..],
            &["--kinds", "multi-arch", "--variant", "naive"],
            &["--ci-cache", &pushed, "--ci-cache", "type=local"],
        ]
        .concat(),
    );
    assert_eq!(kept(&engine).await, before);
    let run = &raced.run;
    assert_eq!(run.run.samples.len(), 5, "{}", raced.said);
    for sample in &run.run.samples {
        let id = &sample.slot.id;
        assert_eq!(sample.outcome, Outcome::Ok, "{sample:?}");
        let kind = sample.slot.kind;
        let (import, export) = (
            part(sample, PartKind::ImportCache),
            part(sample, PartKind::ExportCache),
        );
        if kind.remote_cache().is_none() {
            assert!(sample.parts.is_empty(), "{id}");
            continue;
        }
        let sum: Duration = sample.parts.iter().map(|part| part.seconds).sum();
        let apart = sum.abs_diff(sample.wall);
        assert!(apart < Duration::from_micros(10), "{id}: {apart:?}");
        let told = recorded(run, sample, "exporting cache").unwrap();
        let apart = export.unwrap().seconds.abs_diff(told);
        assert!(apart < Duration::from_millis(1), "{id}: {apart:?}");
        let is_first = kind.starts_empty();
        assert_eq!(import.is_none(), is_first, "{id}");
        if is_first {
            assert_eq!(sample.cached_steps, 0, "{id}");
        } else {
            // All but the copy of what was edited, and what follows from it.
            assert!(sample.cached_steps > 0, "{id}: {sample:?}");
            let told = recorded(run, sample, "importing cache").unwrap();
            assert!(
                import.unwrap().seconds >= told.saturating_sub(Duration::from_millis(1)),
                "{id}"
            );
        }
        if kind.to_string().contains("local") {
            assert!(export.unwrap().bytes.is_some(), "{id}");
        }
    }
    assert!(raced.told.contains("Jobs of CI"), "{}", raced.told);
    // Nothing says where the registry is.
    let address = registry.address.to_string();
    let record = std::fs::read_to_string(run.dir.join("run.json")).unwrap();
    assert!(!record.contains(&address), "{record}");
    for sample in &run.run.samples {
        let told = format!("{:?}", recording(run, sample));
        assert!(!told.contains(&address), "{told}");
    }
    let said = format!("{}{}", raced.said, raced.told);
    assert!(!said.contains(&address), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_finds_the_cache_in_the_image_that_the_first_pushed() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let registry = Registry::start();
    let place = Place::new(&engine.host);
    let before = Kept::by(&engine.builder).await;
    let alone = ["run", "greet", "--ci-cache", "type=inline"];
    let output = place.buildrace(&[&alone[..], &OWN].concat()).output();
    let said = text(&output.unwrap().stderr);
    assert!(said.contains("add --output type=registry"), "{said}");

    let pushed = format!(
        "type=registry,name={}/app,registry.insecure=true",
        registry.address
    );
    let raced = place.races(
        &[
            &OWN[..],
            &["--kinds", "multi-arch", "--variant", "naive"],
            &["--ci-cache", "type=inline", "--output", &pushed],
        ]
        .concat(),
    );
    assert_eq!(Kept::by(&engine.builder).await, before);
    let run = &raced.run;
    assert_eq!(run.run.samples.len(), 3, "{}", raced.said);
    for sample in &run.run.samples {
        let id = &sample.slot.id;
        assert_eq!(sample.outcome, Outcome::Ok, "{sample:?}");
        assert!(part(sample, PartKind::Push).is_some(), "{id}");
        let is_job = sample.slot.kind.remote_cache().is_some();
        let export = part(sample, PartKind::ExportCache);
        assert_eq!(export.is_some(), is_job, "{id}: {:?}", sample.parts);
        let is_first = sample.slot.kind.starts_empty();
        assert_eq!(sample.cached_steps > 0, !is_first, "{id}: {sample:?}");
        let import = part(sample, PartKind::ImportCache);
        assert_eq!(import.is_some(), !is_first, "{id}");
        let sum: Duration = sample.parts.iter().map(|part| part.seconds).sum();
        assert!(sum.abs_diff(sample.wall) < Duration::from_micros(10));
    }
    assert!(raced.told.contains("inline"), "{}", raced.told);
}

/// What the steps of a sample printed.
fn printed(run: &StoredRun, sample: &Sample) -> String {
    let statuses = recording(run, sample);
    let logs = statuses.iter().filter_map(|it| it["logs"].as_array());
    let data = logs.flatten().map(|log| log["data"].as_str().unwrap());
    data.map(|data| text(&STANDARD.decode(data).unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_has_the_cache_mounts_of_the_first_where_they_are_restored() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let place = Place::new(&engine.host);
    let before = kept(&engine).await;
    let dockerfile = std::fs::read_to_string(place.dockerfile("naive")).unwrap();
    let counts = "\
FROM --platform=$BUILDPLATFORM debian:trixie-slim AS counted
ARG TARGETARCH
COPY note /note
RUN --mount=type=cache,id=kept-$TARGETARCH,target=/kept --mount=type=cache,target=/var/kept \
    echo job >> /kept/jobs && touch -d 2001-02-03T04:05:06Z /var/kept/old && \
    echo \"$TARGETARCH jobs: $(wc -l < /kept/jobs)\" && touch /counted
";
    std::fs::write(
        place.dockerfile("naive"),
        format!("{counts}{dockerfile}COPY --from=counted /counted /counted\n"),
    )
    .unwrap();
    let raced = place.races(
        &[
            &OWN[..],
            &["--kinds", "multi-arch", "--variant", "naive"],
            &["--ci-cache", "type=none", "--ci-cache", "type=local"],
            &["--ci-cache", "type=local,cache-mounts=restored"],
        ]
        .concat(),
    );
    assert_eq!(kept(&engine).await, before);
    let run = &raced.run;
    assert_eq!(run.run.samples.len(), 7, "{}", raced.said);
    for sample in &run.run.samples {
        let id = &sample.slot.id;
        assert_eq!(sample.outcome, Outcome::Ok, "{sample:?}");
        let kind = sample.slot.kind.to_string();
        let are_restored = kind.contains("mounts") || kind.contains("restored");
        let is_first = sample.slot.kind.starts_empty();
        let jobs = if are_restored && !is_first { 2 } else { 1 };
        let log = printed(run, sample);
        for architecture in ["amd64", "arm64"] {
            let told = format!("{architecture} jobs: {jobs}");
            assert!(log.contains(&told), "{id}: {log}");
        }
        let [restored, saved] =
            [PartKind::RestoreMounts, PartKind::SaveMounts].map(|kind| part(sample, kind));
        assert_eq!(restored.is_some(), are_restored && !is_first, "{id}");
        assert_eq!(saved.is_some(), are_restored, "{id}");
        assert!(saved.is_none_or(|it| it.bytes > Some(1000)), "{saved:?}");
        if !sample.parts.is_empty() {
            let sum: Duration = sample.parts.iter().map(|part| part.seconds).sum();
            let apart = sum.abs_diff(sample.wall);
            assert!(apart < Duration::from_micros(10), "{id}: {apart:?}");
        }
    }
    let record = std::fs::read_to_string(run.dir.join("run.json")).unwrap();
    assert!(
        record.contains("\"cache_mounts\": \"restored\""),
        "{record}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_goes_on_with_its_caches() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let place = Place::new(&engine.host);
    let before = Kept::by(&engine.builder).await;
    let race = ["run", "greet", "--rounds", "1", "--keep-contaminated"];
    let more = ["--settle=0s", "--kinds", "multi-arch", "--variant", "naive"];
    let cache = "--ci-cache=type=local,cache-mounts=restored";
    let args = [&race[..], &more, &OWN, &[cache]].concat();
    let dockerfile = std::fs::read_to_string(place.dockerfile("naive")).unwrap();
    let kept = "\
FROM --platform=$BUILDPLATFORM debian:trixie-slim AS kept
ARG TARGETARCH
RUN --mount=type=cache,id=kept-$TARGETARCH,target=/kept touch /kept/it /made
";
    std::fs::write(
        place.dockerfile("naive"),
        format!("{kept}{dockerfile}COPY --from=kept /made /made\n"),
    )
    .unwrap();
    let mut killed = place.buildrace(&args).spawn().unwrap();
    let is_first = |sample: &Sample| sample.slot.kind.to_string().starts_with("cache-export");
    wait_for("the first job", || {
        if killed.try_wait().unwrap().is_some() {
            let mut said = String::new();
            let stderr = killed.stderr.as_mut().unwrap();
            stderr.read_to_string(&mut said).unwrap();
            panic!("it has ended: {said}");
        }
        let run = place.newest()?;
        run.run.samples.iter().any(is_first).then_some(())
    });
    killed.kill().unwrap();
    killed.wait().unwrap();
    let id = place.newest().unwrap().run.record.run;
    let resume = ["run", "--resume", &id];
    let raced = place.has_raced(&mut place.buildrace(&resume));
    assert_eq!(Kept::by(&engine.builder).await, before);
    let samples = &raced.run.run.samples;
    assert_eq!(samples.len(), 3, "{}", raced.said);
    for sample in samples {
        let id = &sample.slot.id;
        assert_eq!(sample.outcome, Outcome::Ok, "{sample:?}");
        let is_further = sample.slot.kind.to_string().starts_with("ci-cache");
        assert_eq!(sample.cached_steps > 0, is_further, "{id}: {sample:?}");
        let restored = part(sample, PartKind::RestoreMounts);
        assert_eq!(restored.is_some(), is_further, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_cannot_be_written_has_a_result_of_its_own() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let place = Place::new(&engine.host);
    let before = kept(&engine).await;
    let ways = [
        ("denied", Failing::Status(401)),
        ("busy", Failing::Status(429)),
        ("broken", Failing::Status(500)),
        ("cut", Failing::Cut),
    ];
    let caches = ways.map(|(name, how)| {
        let address = failing(how);
        format!("--ci-cache=type=registry,ref={address}/cache,registry.insecure=true,name={name}")
    });
    let mut caches: Vec<&str> = caches.iter().map(String::as_str).collect();
    // BuildKit refuses it before anything is built.
    caches.push("--ci-cache=type=gha,url=http://127.0.0.1:9/,token=none,name=unusable");
    let race = [
        "run",
        "greet",
        "--rounds",
        "1",
        "--keep-contaminated",
        "--settle=0s",
        "--variant",
        "naive",
    ];
    let kinds = ["--kinds", "multi-arch"];
    let args = [&race[..], &OWN[..], &kinds[..], &caches[..]].concat();
    let output = place.buildrace(&args).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(kept(&engine).await, before, "{said}");
    let run = place.newest().unwrap_or_else(|| panic!("{said}"));
    for (name, _) in ways {
        let of = |word: &str| {
            let kind = format!("{word}:{name}");
            let mut samples = run.run.samples.iter();
            let found = samples.find(|sample| sample.slot.kind.to_string() == kind);
            found.unwrap_or_else(|| panic!("no {kind}: {said}"))
        };
        let first = of("cache-export");
        assert_eq!(first.outcome, Outcome::NotTransferred, "{first:?}");
        let failure = first.failure.as_ref().unwrap();
        let step = failure.step.as_deref().unwrap_or_default();
        assert!(step.starts_with("exporting cache"), "{failure:?}");
        // What was built took its time, and that is kept.
        let build = part(first, PartKind::Build).unwrap();
        assert!(build.seconds > Duration::ZERO && build.seconds < first.wall);
        assert_eq!(of("ci-cache").outcome, Outcome::Skipped);
    }
    let mut samples = run.run.samples.iter();
    let unusable = samples.find(|sample| sample.slot.kind.to_string() == "cache-export:unusable");
    assert_eq!(unusable.unwrap().outcome, Outcome::NotTransferred);
    let whole = run
        .run
        .samples
        .iter()
        .filter(|sample| sample.outcome == Outcome::Ok);
    assert_eq!(whole.count(), 1, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_at_the_export_has_a_result_of_its_own() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let place = Place::new(&engine.host);
    // What does not compress, and more than there is room for.
    let mut state = 88_172_645_463_325_252_u64;
    let mut noise = Vec::with_capacity(12_000_000);
    while noise.len() < 12_000_000 {
        // Xorshift, of Marsaglia.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend(state.to_le_bytes());
    }
    place.write("scenarios/greet/src/noise", &noise);
    let dockerfile = std::fs::read_to_string(place.dockerfile("naive")).unwrap();
    std::fs::write(
        place.dockerfile("naive"),
        dockerfile + "COPY noise /noise\n",
    )
    .unwrap();
    let disk = place.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let mount = ["-t", "tmpfs", "-o", "size=30m", "tmpfs"];
    let mounted = place
        .program("mount")
        .args(mount)
        .arg(&disk)
        .status()
        .unwrap();
    assert!(
        mounted.success(),
        "this test mounts a small disk, and so needs root"
    );
    let args = [
        &[
            "run",
            "greet",
            "--rounds",
            "1",
            "--keep-contaminated",
            "--settle=0s",
            "--variant",
            "naive",
        ][..],
        &OWN[..],
        &["--kinds", "cold", "--ci-cache", "type=local,mode=max"],
    ]
    .concat();
    let output = place
        .buildrace(&args)
        .env("TMPDIR", &disk)
        .output()
        .unwrap();
    let unmounted = place.program("umount").arg(&disk).status().unwrap();
    let said = text(&output.stderr);
    let run = place.newest().unwrap_or_else(|| panic!("{said}"));
    let full = run.run.samples.iter();
    let full = full.filter(|sample| sample.outcome == Outcome::NotTransferred);
    let full: Vec<&Sample> = full.collect();
    assert_eq!(full.len(), 1, "{said}");
    let message = &full[0].failure.as_ref().unwrap().message;
    assert!(message.contains("No space left"), "{message}");
    assert!(part(full[0], PartKind::Build).is_some());
    assert!(unmounted.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_builder_that_is_not_made_for_the_run_is_not_emptied() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let place = Place::new(&engine.host);
    let before = Kept::by(&engine.builder).await;
    let args = ["run", "greet", "--rounds", "1", "--ci-cache", "type=local"];
    let output = place.buildrace(&args).output().unwrap();
    let said = text(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("--builder container"), "{said}");
    assert_eq!(Kept::by(&engine.builder).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_are_timed_apart_and_removed() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let registry = Registry::start();
    let place = Place::new(&engine.host);
    let before = kept(&engine).await;
    let pushed = format!(
        "type=registry,name={}/app,registry.insecure=true",
        registry.address
    );
    for (output, expected) in [
        ("image", PartKind::ExportLayers),
        ("type=oci,compression=zstd", PartKind::Send),
        (&pushed, PartKind::Push),
    ] {
        let kinds = ["--variant", "naive", "--kinds", "multi-arch"];
        let args = [&["--builder", "default", "--output", output][..], &kinds].concat();
        let raced = place.races(&args);
        for sample in &raced.run.run.samples {
            assert_eq!(sample.outcome, Outcome::Ok, "{output}: {sample:?}");
            let found = part(sample, expected);
            assert!(found.is_some(), "{output}: {:?}", sample.parts);
            if expected == PartKind::Send {
                assert!(found.unwrap().bytes > Some(1000), "{:?}", sample.parts);
            }
            let sum: Duration = sample.parts.iter().map(|part| part.seconds).sum();
            assert!(sum.abs_diff(sample.wall) < Duration::from_micros(10));
        }
        let record = &raced.run.run.record;
        assert!(!record.export.as_ref().unwrap().contains("name="));
        assert_eq!(kept(&engine).await, before, "after {output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_loaded_into_the_engine_while_it_is_received() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let place = Place::new(&engine.host);
    let before = kept(&engine).await;
    let all = [
        "--kinds",
        "multi-arch",
        "--variant",
        "naive",
        "--output",
        "docker",
    ];
    let raced = place.races(&[&OWN[..], &all].concat());
    assert_eq!(kept(&engine).await, before);
    let samples = &raced.run.run.samples;
    assert!(!samples.is_empty());
    for sample in samples {
        assert_eq!(sample.outcome, Outcome::Ok, "{sample:?}");
        let [sent, loaded] = [PartKind::Send, PartKind::Load].map(|kind| part(sample, kind));
        assert!(sent.unwrap().bytes > Some(1000), "{sent:?}");
        assert!(loaded.unwrap().seconds > Duration::ZERO, "{loaded:?}");
        let sum: Duration = sample.parts.iter().map(|part| part.seconds).sum();
        assert!(sum.abs_diff(sample.wall) < Duration::from_micros(10));
    }
    // What an engine's own BuildKit stores is there at once.
    let raced = place.races(&[&["--builder", "default"][..], &all].concat());
    assert_eq!(kept(&engine).await, before);
    for sample in &raced.run.run.samples {
        assert_eq!(sample.outcome, Outcome::Ok, "{sample:?}");
        assert_eq!(part(sample, PartKind::Load), None);
        assert!(part(sample, PartKind::ExportLayers).is_some(), "{sample:?}");
    }
}
