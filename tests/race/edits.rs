//! Edits with names: each takes the place of the one before it, and a build that
//! changes nothing is built on the edit of the sources.

use std::fs;

use buildrace::model::{BuildKind, RunEnd};
use buildrace::plan::{self, PlanInput};
use buildrace::scenario::{Edit, Edited, NamedEdit};
use tokio_util::sync::CancellationToken;

use crate::scripted::{Memory, Scripted, run, setting};

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
