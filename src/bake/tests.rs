use serde_json::json;

use super::*;

fn read_one(target: Value) -> Result<Target, BakeError> {
    let printed = json!({ "target": { "app": target } }).to_string();
    let mut read = read(printed.as_bytes(), Escapes::Doubled)?;
    Ok(read.targets.remove(0))
}

fn refused(target: Value) -> String {
    read_one(target).unwrap_err().to_string()
}

/// As buildx 0.13.1 prints it.
const PRINTED: &str = r#"{
  "group": { "default": { "targets": ["app", "tools"] }, "tools": { "targets": ["lint", "app"] } },
  "target": {
    "app": {
      "attest": ["type=provenance,mode=max"],
      "context": ".",
      "contexts": { "base": "target:base", "img": "docker-image://debian", "src": "./src" },
      "dockerfile": "docker/app.Dockerfile",
      "args": { "D": "a${x}", "N": null, "BUILDKIT_CACHE_MOUNT_NS": "own" },
      "labels": { "a": "b" },
      "tags": ["x/y:1"],
      "cache-from": ["type=gha"],
      "cache-to": ["type=local,dest=x"],
      "secret": ["id=tok,env=TOK", "id=f,src=./token", "netrc"],
      "ssh": ["default", "deploy=/run/agent"],
      "platforms": ["linux/amd64,linux/arm64"],
      "output": ["type=docker"],
      "pull": true,
      "no-cache-filter": ["base"],
      "network": "host",
      "shm-size": "128m",
      "ulimits": ["nofile=1024:2048"],
      "extra-hosts": { "db": "10.0.0.1", "v6": "[::1]" }
    },
    "base": { "context": ".", "dockerfile": "Dockerfile", "target": "base" },
    "lint": { "context": "sub", "dockerfile": "Dockerfile", "dockerfile-inline": "FROM scratch\n" }
  }
}"#;

#[test]
fn what_buildx_prints_is_read() {
    let definition = read(PRINTED.as_bytes(), Escapes::None).unwrap();
    assert_eq!(definition.asked, ["app", "lint"]);
    insta::assert_debug_snapshot!(definition.targets);
}

#[test]
fn newer_versions_write_tables_and_double_what_bake_would_read() {
    let printed = json!({ "target": { "default": {
        "args": { "A": "$${x} %%{y}" },
        "dockerfile-inline": "FROM scratch\nENV A=$${A}\n",
        "secret": [{ "id": "tok", "env": "TOK" }],
        "ssh": [{ "id": "default" }, { "id": "key", "paths": ["/run/agent"] }],
        "output": [{ "type": "docker" }],
        "description": "what it is",
    } } });
    let printed = printed.to_string();
    assert!(has_escapes(printed.as_bytes()));
    let definition = read(printed.as_bytes(), Escapes::Doubled).unwrap();
    assert_eq!(definition.asked, ["default"]);
    let target = &definition.targets[0];
    assert_eq!(target.args["A"], "${x} %{y}");
    assert_eq!(target.inline.as_deref(), Some("FROM scratch\nENV A=${A}\n"));
    assert_eq!(target.secrets[0].variable.as_deref(), Some("TOK"));
    assert_eq!(target.ssh, ["default", "key=/run/agent"]);
    let version = |said| Escapes::of_version(said);
    assert_eq!(
        version("github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3"),
        Escapes::None
    );
    assert_eq!(
        version("github.com/docker/buildx v0.23.0 x"),
        Escapes::Doubled
    );
    assert_eq!(
        version("github.com/docker/buildx v1.0.0 x"),
        Escapes::Doubled
    );
}

#[test]
fn what_is_not_raced_is_refused_by_its_name() {
    for (target, expected) in [
        (json!({"context": "https://x/y.git"}), "clone it"),
        (json!({"context": "git@x:y.git"}), "context = "),
        (
            json!({"dockerfile": "https://x/Dockerfile"}),
            "dockerfile = ",
        ),
        (json!({"contexts": {"a": "oci-layout://x"}}), "contexts.a"),
        (json!({"contexts": {"a": "ftp://x"}}), "contexts.a"),
        (json!({"contexts": {"a": "target:none"}}), "target:none"),
        (json!({"network": "mine"}), "network = "),
        (json!({"shm-size": "many"}), "a size like 128m"),
        (json!({"ulimits": ["x"]}), "nofile=1024:2048"),
        (
            json!({"extra-hosts": {"h": "host-gateway"}}),
            "an IP address",
        ),
        (json!({"call": "check"}), "builds nothing"),
        (json!({"secret": ["src=x"]}), "without an id"),
        (json!({"secret": ["id=x,mode=1"]}), "mode of the secret"),
        (json!({"platforms": ["x y"]}), "linux/arm64"),
        (
            json!({"platforms": ["linux/amd64", "local"]}),
            "local beside others",
        ),
        (
            json!({"resources": {"memory": "1g"}}),
            "resources is not raced",
        ),
        (json!({"args": ["A=1"]}), "a table of texts"),
        (json!({"no-cache": "yes"}), "true or false"),
        (json!([]), "no table"),
    ] {
        let message = refused(target.clone());
        assert!(message.contains(expected), "{target}: {message}");
    }
}

#[test]
fn what_says_nothing_is_nothing() {
    let target = read_one(json!({
        "output": [""], "cache-to": [], "pull": false, "call": "build", "network": "default",
        "resources": null, "args": {}, "no-cache": false, "platforms": ["local"],
    }));
    let target = target.unwrap();
    assert!(target.left_out.is_empty() && target.attributes.is_empty());
}

#[test]
fn a_document_of_somebody_else_is_an_error_and_no_more() {
    for printed in [
        "",
        "[]",
        "{}",
        "{\"target\": []}",
        "null",
        "{\"target\": {\"a\": 1}}",
    ] {
        assert!(
            read(printed.as_bytes(), Escapes::None).is_err(),
            "{printed}"
        );
    }
    let hostile = refused(json!({"\u{1b}[31mkey": 1}));
    assert!(!hostile.contains('\u{1b}'), "{hostile}");
    let long = refused(json!({"context": format!("https://{}", "x".repeat(100_000))}));
    assert!(long.len() < 2_000, "{}", long.len());
    // Groups that hold one another.
    let circle = json!({
        "group": { "default": { "targets": ["a"] }, "a": { "targets": ["default", "a"] } },
        "target": { "a": {} },
    });
    let read = read(circle.to_string().as_bytes(), Escapes::None).unwrap();
    assert_eq!(read.asked, ["a"]);
}

proptest::proptest! {
    #[test]
    fn no_document_brings_it_down(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        let _ = read(&bytes, Escapes::Doubled);
    }

    #[test]
    fn no_value_brings_it_down(key in "[a-z-]{1,20}", value in "\\PC{0,60}") {
        for value in [json!(value), json!([value]), json!({ "a": value }), json!([{ "id": value }])] {
            let _ = read_one(json!({ &key: value }));
        }
    }
}
