//! Edits with names: each takes the place of the one before it, and a build that
//! changes nothing is built on the edit of the sources.

use std::fs;

use buildrace::model::{BuildKind, RunEnd};
use buildrace::plan::{self, PlanInput};
use buildrace::scenario::{Edit, Edited, NamedEdit};
use tokio_util::sync::CancellationToken;

use crate::scripted::{Memory, Scripted, run, setting};

#[tokio::test]
async fn builds_that_start_together_have_an_edit_each_and_share_their_cache_mounts() {
    let mut together = setting(&[], &["naive"]);
    let kinds: Vec<BuildKind> = vec!["concurrent:3".parse().unwrap()];
    together.record.scenarios[0].kinds = plan::with_prerequisites(&kinds, false).all;
    let input = PlanInput {
        scenario: "tiny".into(),
        variants: vec!["naive".into()],
        kinds,
        native_only: false,
    };
    together.record.plan = plan::plan(&[input], 1, 1);
    let builder = Scripted {
        wall: Some(Box::new(|reference| match reference.ends_with("-2") {
            true => 3.0,
            false => 1.0,
        })),
        ..Scripted::default()
    };
    let mut memory = Memory::default();
    let end = run(&together, &builder, &mut memory, &CancellationToken::new()).await;
    assert_eq!(end.unwrap(), RunEnd::Completed);

    let requests = builder.requests.lock().unwrap();
    let of = |ending: &str| {
        let found = requests
            .iter()
            .filter(|(r, _)| r.reference.contains(ending));
        found.collect::<Vec<_>>()
    };
    let multi = of("r1-01-tiny-naive-multi-arch");
    let builds = of("r1-02-tiny-naive-concurrent-3-");
    assert_eq!((multi.len(), builds.len()), (1, 3));
    let mut greetings: Vec<&String> = builds.iter().map(|(_, text)| text).collect();
    assert!(greetings.iter().all(|text| !text.contains("nonce: none")));
    greetings.sort();
    greetings.dedup();
    assert_eq!(greetings.len(), 3, "{greetings:?}");
    let mut contexts: Vec<_> = builds.iter().map(|(request, _)| &request.context).collect();
    contexts.dedup();
    assert_eq!(contexts.len(), 3);
    for (request, _) in &builds {
        assert_eq!(
            request.cache_mount_namespace,
            multi[0].0.cache_mount_namespace
        );
        assert_ne!(request.shared_key, multi[0].0.shared_key);
        assert_eq!(request.platforms, multi[0].0.platforms);
        assert!(!request.no_cache);
    }
    let samples = memory.samples();
    let walls: Vec<u64> = samples.iter().map(|sample| sample.wall.as_secs()).collect();
    assert_eq!(walls, [1, 3]);
    assert_eq!(samples[1].slot.kind.to_string(), "concurrent:3");
}

#[tokio::test]
async fn each_edit_is_made_in_place_of_the_one_before_it() {
    let edit = |name: &str, part: Edit| NamedEdit {
        name: name.parse().unwrap(),
        parts: vec![part],
    };
    let marker = edit("marker", Edit::label());
    let mut named = setting(&[], &["naive", "cross"]);
    let rule = Edit::substitute(Edited::Source("greeting".into()), "s/^/{nonce} /").unwrap();
    named.scenarios[0].edits.push(edit("greeting", rule));
    named.scenarios[0].edits.push(marker.clone());
    let kinds = ["noop", "incremental:greeting", "incremental:marker"];
    let kinds: Vec<BuildKind> = kinds.iter().map(|kind| kind.parse().unwrap()).collect();
    named.record.scenarios[0].kinds = plan::with_prerequisites(&kinds, false).all;
    let input = PlanInput {
        scenario: "tiny".into(),
        variants: vec!["naive".into(), "cross".into()],
        kinds,
        native_only: false,
    };
    named.record.plan = plan::plan(&[input], 1, 1);
    let variants = named.scenarios[0].variants.iter();
    let dockerfiles: Vec<_> = variants.map(|variant| variant.dockerfile.clone()).collect();
    let written = || dockerfiles.iter().map(|path| fs::read(path).unwrap());
    let before: Vec<Vec<u8>> = written().collect();

    let builder = Scripted::default();
    let mut memory = Memory::default();
    let end = run(&named, &builder, &mut memory, &CancellationToken::new()).await;
    assert_eq!(end.unwrap(), RunEnd::Completed);

    let requests = builder.requests.lock().unwrap();
    for variant in ["naive", "cross"] {
        let of = |kind: &str| {
            let ending = format!("-{variant}-{kind}");
            let mut found = requests.iter();
            let found = found.find(|(request, _)| request.reference.ends_with(&ending));
            found.unwrap_or_else(|| panic!("no build {ending}"))
        };
        let (multi, original) = of("multi-arch");
        let (_, edited) = of("incremental");
        let (noop, unchanged) = of("noop");
        let (renamed, greeting) = of("incremental-greeting");
        let (labelled, again) = of("incremental-marker");
        assert!(original.contains("nonce: none"));
        assert!(!edited.contains("nonce: none"));
        assert_eq!(edited, unchanged);
        assert!(greeting.contains("nonce: none") && greeting != original);
        assert_eq!(again, original);
        assert_eq!(renamed.cache_mount_namespace, multi.cache_mount_namespace);
        // Dockerfiles are edited in a copy, under their own names.
        assert_ne!(
            labelled.dockerfile.parent(),
            dockerfiles[0].parent(),
            "{:?}",
            labelled.dockerfile
        );
        assert_eq!(labelled.dockerfile, noop.dockerfile);
    }
    assert_eq!(written().collect::<Vec<_>>(), before);
    let failed = memory
        .samples()
        .iter()
        .filter(|s| s.failure.is_some())
        .count();
    assert_eq!((memory.samples().len(), failed), (10, 0));
}
