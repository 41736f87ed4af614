//! `.dockerbuild` bundles: what of them becomes a recording, and what is done
//! with those that are damaged or were made to do damage.

#[path = "support/bundle.rs"]
mod bundle;

use std::fs;
use std::io::Read;
use std::path::Path;

use buildrace::bundle::{BundleError, Found, read};
use buildrace::explain::{Conditions, Explanation, explain};
use buildrace::model::Platform;
use buildrace::trace::{Builds, Recorded, Trace, rawjson};
use bundle::{Bundle, IN_TOTO, LOG, MANIFEST, RECORD, stored_log};
use proptest::prelude::*;
use serde_json::{Value, json};

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/traces");
    fs::read(folder.join(name)).unwrap()
}

fn record() -> Value {
    json!({ "Ref": "abc", "FrontendAttrs": { "platform": "linux/amd64,linux/arm64" },
        "CreatedAt": { "seconds": 1_800_000_000 }, "DefaultPlatform": "linux/amd64" })
}

fn of_file(bytes: &[u8]) -> Result<Option<Vec<Recorded>>, BundleError> {
    match read("x.dockerbuild", bytes)? {
        Found::Builds(builds) => Ok(Some(builds)),
        Found::Other(mut rest) => {
            // What is none is still there, whole.
            let mut left = Vec::new();
            rest.read_to_end(&mut left).unwrap();
            assert_eq!(left, bytes);
            Ok(None)
        }
    }
}

fn builds(bundle: &Bundle) -> Vec<Recorded> {
    of_file(&bundle.file()).unwrap().unwrap()
}

fn refused(bytes: &[u8]) -> String {
    let line = of_file(bytes).unwrap_err().to_string();
    assert!(!line.chars().any(char::is_control), "{line:?}");
    line
}

fn explained(recorded: &Recorded, node: &Platform) -> Explanation {
    let told = Conditions::of_recorded(recorded);
    let node = Some(buildrace::explain::Node::of(node.clone()));
    explain(&recorded.trace, &Conditions { node, ..told }).unwrap()
}

#[test]
fn a_build_in_a_bundle_explains_as_its_recording_does() {
    for name in [
        "cross-cold.rawjson",
        "cross-noop.rawjson",
        "failing.rawjson",
        "syntax.rawjson",
    ] {
        let recording = fixture(name);
        let mut recorded = Builds::new();
        let mut reader = rawjson::Reader::new(recording.as_slice());
        for status in reader.by_ref() {
            recorded.push(&status.unwrap());
        }
        if let Some(rawjson::Tail::Text(text)) = reader.tail() {
            recorded.push_text(text);
        }
        let recorded = recorded.end(false);
        let mut record = record();
        if name == "syntax.rawjson" {
            // It fails no step.
            let message =
                "dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)";
            record["error"] = json!({ "code": 2, "message": message });
        }
        let bundled = builds(&Bundle::of(&[(&recording, record)]));
        assert_eq!(bundled.len(), 1);
        let node = Platform::linux("amd64");
        let (one, other) = (
            explained(&recorded[0], &node),
            explained(&bundled[0], &node),
        );
        assert_eq!(one, other, "{name}");
        assert!(!one.steps.is_empty());
    }
}

/// `hello.dockerbuild` was written by `docker buildx history export` of buildx
/// 0.29.1, from BuildKit 0.13 on amd64; the recording beside it by the build itself.
#[test]
fn a_bundle_of_buildx_explains_as_its_recording_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bundles");
    let bundled = of_file(&fs::read(folder.join("hello.dockerbuild")).unwrap());
    let bundled = bundled.unwrap().unwrap();
    let [bundled] = bundled.as_slice() else {
        panic!("{} builds", bundled.len());
    };
    let mut trace = Trace::new();
    let recording = fs::read(folder.join("hello.rawjson")).unwrap();
    for status in rawjson::Reader::new(recording.as_slice()) {
        trace.push(&status.unwrap());
    }
    let amd64 = Platform::linux("amd64");
    assert_eq!(bundled.native.as_ref(), Some(&amd64));
    let recorded = Recorded {
        trace,
        ..Recorded::default()
    };
    let [mut one, mut other] = [bundled, &recorded].map(|build| explained(build, &amd64));
    // buildx moves times to its own clock, and BuildKit samples what is moved for
    // each who listens.
    one.begin = other.begin;
    for step in one.steps.iter_mut().chain(&mut other.steps) {
        step.bytes_moved = 0;
    }
    assert_eq!(one, other);
    assert!(!one.emulated.is_zero() && one.complete);
}

#[test]
fn a_bundle_names_the_cpu_and_the_platform() {
    let recording = fixture("cross-cold.rawjson");
    let of = |record: Value| builds(&Bundle::of(&[(&recording, record)])).remove(0);
    let [amd64, arm64] = ["amd64", "arm64"].map(|name| Some(Platform::linux(name)));
    let both = of(record());
    assert_eq!((both.native, both.platform), (amd64.clone(), None));
    let one = of(json!({ "FrontendAttrs": { "platform": "linux/arm64" },
        "DefaultPlatform": "no platform" }));
    assert_eq!((one.native, one.platform), (None, arm64.clone()));
    let own = of(json!({ "DefaultPlatform": "linux/amd64" }));
    assert_eq!((own.native, own.platform), (amd64.clone(), amd64));

    // BuildKit's own word goes before buildx's.
    let mut bundle = Bundle::default();
    let log = bundle.blob(LOG, &stored_log(&recording));
    let provenance = json!({ "invocation": { "environment": { "platform": "linux/arm64" } } });
    let mut provenance = bundle.blob(IN_TOTO, provenance.to_string().as_bytes());
    provenance["annotations"] =
        json!({ "in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2" });
    bundle.build(&record(), &[log, provenance]);
    assert_eq!(builds(&bundle)[0].native, arm64);
}

#[test]
fn the_error_of_a_build_without_a_failed_step_is_told() {
    let recording = fixture("syntax.rawjson");
    let mut record = record();
    record["error"] = json!({ "code": 2, "message": "dockerfile parse error on line 2" });
    let build = builds(&Bundle::of(&[(&recording, record)])).remove(0);
    let failure = Conditions::of_recorded(&build).failure.unwrap();
    assert_eq!(
        failure.message,
        "failed to solve: dockerfile parse error on line 2"
    );
}

#[test]
fn several_builds_keep_their_order_and_other_manifests_are_passed_over() {
    let [first, second] = ["cross-cold.rawjson", "failing.rawjson"].map(fixture);
    let mut bundle = Bundle::of(&[(&first, record()), (&second, record())]);
    let config = bundle.blob("application/vnd.oci.image.config.v1+json", b"{}");
    bundle.manifest(&json!({ "schemaVersion": 2, "config": config, "layers": null }));
    let found = builds(&bundle);
    assert_eq!(found.len(), 2);
    assert!(found[0].trace.failed_step().is_none() && found[1].trace.failed_step().is_some());
    // And so is what is not compressed, or compressed otherwise.
    let plain = of_file(&bundle.tar()).unwrap().unwrap();
    assert_eq!(plain.len(), 2);
}

#[test]
fn what_is_no_bundle_is_left_to_others() {
    for bytes in [
        &fixture("cross-cold.rawjson")[..],
        b"",
        b"\x1f\x8b",
        b"\x1f\x8b\x08 damaged",
    ] {
        assert!(of_file(bytes).unwrap().is_none());
    }
    let zip = refused(b"PK\x03\x04 and so on");
    assert!(zip.contains("`unzip`"), "{zip}");
    let files = [("index.json".to_owned(), b"{\"manifests\":null}".to_vec())];
    let image = refused(&bundle::tar(&files));
    assert!(image.contains("holds no build: expected"), "{image}");
    let other = refused(&bundle::tar(&[("README".to_owned(), b"x".to_vec())]));
    assert!(other.contains("no OCI image layout"), "{other}");
}

#[test]
fn a_truncated_bundle_is_an_error_and_never_a_part() {
    let whole = Bundle::of(&[(&fixture("syntax.rawjson"), record())]).file();
    // Below that there is no first block of a tar to know it by.
    for length in (600..whole.len()).step_by(97).chain([whole.len() - 1]) {
        match of_file(&whole[..length]) {
            Err(_) | Ok(None) => {}
            Ok(Some(builds)) => panic!("{length}: {} builds", builds.len()),
        }
    }
}

#[test]
fn content_of_another_digest_or_size_is_refused() {
    let recording = fixture("syntax.rawjson");
    let log = stored_log(&recording);
    let flip = |content: &mut Vec<u8>| *content.last_mut().unwrap() ^= 1;
    let shorten = |content: &mut Vec<u8>| content.truncate(content.len() - 1);
    for change in [flip, shorten as fn(&mut Vec<u8>)] {
        for part in [LOG, RECORD] {
            let mut bundle = Bundle::of(&[(&recording, record())]);
            let content = match part {
                LOG => log.clone(),
                _ => record().to_string().into_bytes(),
            };
            let descriptor = bundle.blob(part, &content);
            bundle.damage(&descriptor, change);
            let line = refused(&bundle.file());
            assert!(line.contains("reading blob sha256:"), "{line}");
        }
    }
}

#[test]
fn absurd_sizes_and_counts_are_refused() {
    // A log that says it has an update of 4 GiB.
    let mut bundle = Bundle::default();
    let log = bundle.blob(LOG, &[0xff, 0xff, 0xff, 0xff, 0]);
    bundle.build(&record(), &[log]);
    let line = refused(&bundle.file());
    assert!(line.contains("an update of more than 32 MiB"), "{line}");
    // A record that no registry would take.
    let mut bundle = Bundle::default();
    bundle.build(&json!({ "Ref": "x".repeat(5 << 20) }), &[]);
    let line = refused(&bundle.file());
    assert!(line.contains("more than 4194304 bytes"), "{line}");
    // More builds than anyone exports.
    let mut bundle = Bundle::default();
    for build in 0..1001 {
        bundle.build(&json!({ "Ref": build.to_string() }), &[]);
    }
    let line = refused(&bundle.file());
    assert!(line.contains("more than 1000 builds"), "{line}");
    // An index that holds itself cannot be made; one that nests too deep can.
    let mut bundle = Bundle::of(&[(&fixture("syntax.rawjson"), record())]);
    for _ in 0..7 {
        let manifests = std::mem::take(bundle.manifests());
        let index = json!({ "schemaVersion": 2, "manifests": manifests });
        let index = bundle.blob(bundle::INDEX, index.to_string().as_bytes());
        bundle.manifests().push(index);
    }
    let line = refused(&bundle.file());
    assert!(line.contains("more than 4 indexes in indexes"), "{line}");
}

#[test]
fn names_lead_nowhere() {
    let recording = fixture("syntax.rawjson");
    let whole = Bundle::of(&[(&recording, record())]);
    let before = Path::new("/tmp/buildrace-bundle-test-escape").exists();
    for name in [
        "../../../tmp/buildrace-bundle-test-escape",
        "/tmp/buildrace-bundle-test-escape",
        "blobs/sha256/../../../../tmp/buildrace-bundle-test-escape",
    ] {
        let mut entries = whole.entries();
        entries.insert(0, (name.to_owned(), b"escaped".to_vec()));
        assert_eq!(of_file(&bundle::tar(&entries)).unwrap().unwrap().len(), 1);
    }
    assert_eq!(
        Path::new("/tmp/buildrace-bundle-test-escape").exists(),
        before
    );
    // A digest that is a path.
    let mut bundle = Bundle::default();
    let config = json!({ "mediaType": RECORD, "size": 5, "digest": "sha256:../../index.json" });
    bundle.manifest(&json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config }));
    refused(&bundle.file());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_damaged_bundle_is_read_or_refused(
        at in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let mut tar = Bundle::of(&[(&fixture("syntax.rawjson"), record())]).tar();
        let at = at.index(tar.len());
        let end = tar.len().min(at + bytes.len());
        tar.splice(at..end, bytes);
        if let Err(error) = of_file(&tar) {
            let line = error.to_string();
            prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
        }
    }
}
