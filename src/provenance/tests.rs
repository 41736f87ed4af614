use std::collections::BTreeMap;

use super::document::Document;
use super::*;
use crate::model::Platform;
use serde_json::{Value, from_value, json};

fn of(value: Value) -> Provenance {
    from_value::<Document>(value).unwrap().provenance()
}

#[test]
fn each_form_names_the_builders_platform() {
    let arm64 = Some(Platform::linux("arm64"));
    let of = |value| of(value).builder_platform;
    let old = json!({ "invocation": { "environment": { "platform": "linux/arm64" } } });
    let new = json!({ "buildDefinition": {
        "internalParameters": { "builderPlatform": "linux/arm64" } } });
    assert_eq!(of(json!({ "predicate": new })), arm64);
    assert_eq!(of(old), arm64);
    assert_eq!(of(new), arm64);
    assert_eq!(of(json!({ "invocation": null })), None);
    let nonsense = json!({ "invocation": { "environment": { "platform": "a b" } } });
    assert_eq!(of(nonsense), None);
}

/// The definition of a RUN and its COPY, the arguments, materials and the
/// Dockerfile, in the form of SLSA 0.2.
fn build() -> (Value, Value, Value) {
    let config = json!({
        "llbDefinition": [
            { "id": "step0", "op": { "Op": { "source": {
                "identifier": "docker-image://docker.io/library/a:1@sha256:aa" } } } },
            { "id": "step1", "op": { "Op": { "source": { "identifier": "local://context" } } } },
            { "id": "step2", "inputs": ["step0:0", "step1:0"], "op": { "Op": { "file": {
                "actions": [{ "input": 0, "secondaryInput": 1, "output": 0, "Action": {
                    "copy": { "src": "/x", "dest": "/y/", "mode": -1 } } }] } } } },
            { "id": "step3", "inputs": ["step2:0"], "op": {
                "platform": { "Architecture": "arm", "OS": "linux", "Variant": "v7" },
                "Op": { "exec": {
                    "meta": { "args": ["/bin/sh", "-c", "make"], "env": ["A=1=2"], "cwd": "/",
                        "proxy_env": { "http_proxy": "p" }, "removeMountStubsRecursive": true },
                    "network": 2,
                    "mounts": [
                        { "input": 0, "dest": "/", "output": 0 },
                        { "input": -1, "dest": "/c", "output": -1, "mountType": 3,
                            "cacheOpt": { "ID": "go", "sharing": 2 } } ] } } } },
            { "id": "step4", "op": { "Op": null }, "inputs": ["step3:0"] },
        ],
        "digestMapping": { "sha256:base": "step0", "sha256:files": "step1",
            "sha256:copy": "step2", "sha256:run": "step3", "sha256:end": "step4" },
    });
    let source = json!({ "source": {
        "locations": {
            "step0": {}, "step1": null, "step2": { "locations": [] },
            "step3": { "locations": [{ "ranges": [{ "start": { "line": 7 } }] }] },
        },
        "infos": [{ "filename": "Dockerfile", "data": "RlJPTSBhCg==" }],
    } });
    let args = json!({ "build-arg:X": "1", "target": "t" });
    (config, source, args)
}

fn check(found: &Provenance) {
    assert_eq!(found.dockerfile.as_deref(), Some("FROM a\n"));
    assert_eq!(found.arguments, BTreeMap::from([("X".into(), "1".into())]));
    assert_eq!(found.materials["git@example"], "c0ffee");
    let run = found.definition("sha256:run").unwrap();
    // As with --no-cache.
    let without = digest_without_cache("sha256:run");
    assert_eq!(found.definition(&without), Some(run));
    assert_eq!(run.line, Some(7));
    assert_eq!(run.inputs, ["sha256:copy"]);
    assert_eq!(run.platform, "linux/arm/v7".parse().ok());
    let Operation::Run(run) = &run.operation else {
        panic!("{run:?}")
    };
    assert_eq!(run.environment["A"], "1=2");
    assert_eq!(run.options.keys().collect::<Vec<_>>(), ["network"]);
    assert_eq!(run.mounts[0].input, Some(0));
    let cache = &run.mounts[1];
    assert_eq!((cache.kind, cache.input), (MountKind::Cache, None));
    assert_eq!(cache.cache_id.as_deref(), Some("go"));
    let copy = &found.definition("sha256:copy").unwrap().operation;
    let Operation::Files(files) = copy else {
        panic!("{copy:?}")
    };
    let FileAction::Copy(copied) = &files.actions[0] else {
        panic!("{files:?}")
    };
    assert_eq!((copied.input, copied.source.as_str()), (Some(1), "/x"));
    let Operation::Source(base) = &found.definition("sha256:base").unwrap().operation else {
        panic!()
    };
    assert_eq!(
        base.image(),
        Some(("docker.io/library/a:1", Some("sha256:aa")))
    );
    assert_eq!(found.definition("sha256:end"), None);
}

#[test]
fn definitions_are_found_by_digest_in_both_forms() {
    let (config, source, args) = build();
    let materials = json!([{ "uri": "git@example", "digest": { "sha1": "c0ffee" } }]);
    check(&of(json!({
        "buildConfig": config,
        "materials": materials,
        "invocation": { "parameters": { "args": args } },
        "metadata": { "https://mobyproject.org/buildkit@v1#metadata": source },
    })));
    check(&of(json!({ "predicate": {
        "buildDefinition": {
            "externalParameters": { "request": { "args": args } },
            "internalParameters": { "buildConfig": config },
            "resolvedDependencies": materials,
        },
        "runDetails": { "metadata": { "buildkit_metadata": source } },
    } })));
}

#[test]
fn what_is_not_there_is_not_made_up() {
    assert_eq!(of(json!({})), Provenance::default());
    let odd = json!({ "buildConfig": {
        "llbDefinition": [{ "id": "s", "op": { "Op": { "exec": 3 } } },
            { "id": "t", "op": { "Op": { "later": {} } } }],
        "digestMapping": { "d": "s", "e": "t" } } });
    let found = of(odd);
    assert_eq!(found.definition("d"), None);
    assert!(read(b"{\"materials\": 3}").is_err());
}
