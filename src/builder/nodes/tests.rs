use super::*;
use crate::buildkit::DockerDial;
use crate::model::NodeInfo;
use crate::trace::SolveStatus;
use crate::trace::status::{Vertex, VertexLog};

fn platform(text: &str) -> Platform {
    text.parse().unwrap()
}

fn node(name: &str, given: &[&str], listed: &[&str]) -> Node {
    let dial = DockerDial::new("unix:///nowhere.sock").unwrap();
    let platforms = platforms(listed);
    Node {
        info: NodeInfo {
            name: name.into(),
            native: platforms[0].clone(),
            given: given.iter().map(|name| platform(name)).collect(),
            platforms,
            buildkit_version: None,
        },
        builder: NodeBuilder::unconnected(std::sync::Arc::new(dial)),
    }
}

fn platforms(names: &[&str]) -> Vec<Platform> {
    names.iter().map(|name| platform(name)).collect()
}

fn builder(nodes: Vec<Node>) -> NodesBuilder {
    NodesBuilder::new(nodes).unwrap()
}

#[test]
fn a_platform_goes_where_it_was_given_then_where_it_is_native_then_where_it_is_listed() {
    let farm = builder(vec![
        node("x", &[], &["amd64", "arm64", "riscv64"]),
        node("a", &["riscv64"], &["arm64", "amd64", "arm/v7"]),
    ]);
    let goes = |name: &str| farm.nodes[farm.place_of(&platform(name))].info.name.clone();
    assert_eq!(goes("amd64"), "x");
    assert_eq!(goes("arm64"), "a");
    assert_eq!(goes("riscv64"), "a");
    assert_eq!(goes("arm/v7"), "a");
    // What nobody lists may run all the same.
    assert_eq!(goes("s390x"), "x");
}

#[test]
fn each_node_is_asked_for_its_own_platforms_alone() {
    let farm = builder(vec![
        node("x", &[], &["amd64", "arm64"]),
        node("a", &[], &["arm64", "amd64"]),
    ]);
    let mut request = request(&["amd64", "arm64"]);
    let parts = farm.parts(&request);
    let asked: Vec<(usize, &[Platform])> = parts
        .iter()
        .map(|(place, part)| (*place, part.platforms.as_slice()))
        .collect();
    assert_eq!(
        asked,
        [(0, &[platform("amd64")][..]), (1, &[platform("arm64")][..])]
    );
    request.platforms = vec![platform("arm64")];
    request.export = Export::Oci {
        destination: "/image.tar".into(),
    };
    let parts = farm.parts(&request);
    assert_eq!((parts.len(), parts[0].0), (1, 1));
    // One archive needs no joining.
    assert_eq!(parts[0].1.export, request.export);
}

#[test]
fn the_same_step_of_two_nodes_stays_two() {
    let status = SolveStatus {
        vertexes: vec![Vertex {
            digest: "sha256:1".into(),
            inputs: vec!["sha256:0".into()],
            name: "[linux/amd64 build 1/2] RUN make".into(),
            ..Vertex::default()
        }],
        logs: vec![VertexLog {
            vertex: "sha256:1".into(),
            ..VertexLog::default()
        }],
        ..SolveStatus::default()
    };
    let [x, a] = ["x", "a"].map(|node| label::of_node(status.clone(), node));
    assert_eq!(
        x.vertexes[0].name,
        "[node:x linux/amd64 build 1/2] RUN make"
    );
    assert_ne!(x.vertexes[0].digest, a.vertexes[0].digest);
    assert_ne!(x.vertexes[0].inputs, a.vertexes[0].inputs);
    assert_eq!(x.logs[0].vertex, x.vertexes[0].digest);
    assert!(x.vertexes[0].digest.starts_with("sha256:"));
}

#[test]
fn the_slowest_node_is_the_build_and_the_first_failure_its_reason() {
    let end = |seconds: u64, result| BuildEnd {
        wall: Duration::from_secs(seconds),
        context_bytes: 10,
        layout_bytes: 0,
        received: None,
        result,
    };
    let good = || Ok(BuildReply::default());
    let whole = end_of(vec![end(3, good()), end(7, good())]);
    assert_eq!(
        (whole.wall, whole.context_bytes),
        (Duration::from_secs(7), 20)
    );
    let failed = || {
        Err(BuildError::Failed {
            message: "it broke".into(),
        })
    };
    let cancelled = || Err(BuildError::Cancelled);
    for ends in [
        vec![end(1, cancelled()), end(1, failed()), end(1, good())],
        vec![end(1, good()), end(1, failed()), end(1, cancelled())],
    ] {
        assert_eq!(end_of(ends).result, failed());
    }
}

#[test]
fn archives_of_nodes_become_one() {
    let folder = tempfile::tempdir().unwrap();
    let archive = |name: &str, own: &str| {
        let path = folder.path().join(name);
        let mut tar = tar::Builder::new(std::fs::File::create(&path).unwrap());
        let index = format!(r#"{{"manifests":[{{"digest":"sha256:{own}"}}]}}"#);
        for (path, content) in [
            ("oci-layout", "{}"),
            ("index.json", &index),
            ("blobs/sha256/shared", "shared"),
            (&format!("blobs/sha256/{own}"), own),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, content.as_bytes())
                .unwrap();
        }
        tar.into_inner().unwrap();
        path
    };
    let files = [archive("one", "aa"), archive("two", "bb")];
    let whole = folder.path().join("whole.tar");
    archives::join(&files, &whole).unwrap();
    let mut tar = tar::Archive::new(std::fs::File::open(&whole).unwrap());
    let mut paths = Vec::new();
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        if path == "index.json" {
            let index: serde_json::Value = serde_json::from_reader(&mut entry).unwrap();
            assert_eq!(index["manifests"][0]["digest"], "sha256:aa");
            assert_eq!(index["manifests"][1]["digest"], "sha256:bb");
        }
        paths.push(path);
    }
    paths.sort();
    assert_eq!(
        paths,
        [
            "blobs/sha256/aa",
            "blobs/sha256/bb",
            "blobs/sha256/shared",
            "index.json",
            "oci-layout"
        ]
    );
}

fn request(platforms: &[&str]) -> BuildRequest {
    BuildRequest {
        reference: "ref".into(),
        context: "/context".into(),
        contexts: BTreeMap::new(),
        layouts: Vec::new(),
        secrets: BTreeMap::new(),
        ssh: BTreeMap::new(),
        dockerfile: "/Dockerfile".into(),
        shared_key: "key".into(),
        platforms: platforms.iter().map(|name| platform(name)).collect(),
        target: None,
        build_args: BTreeMap::new(),
        no_cache: false,
        internal: false,
        cache_mount_namespace: None,
        export: Export::CacheOnly,
        cache_from: Vec::new(),
        cache_to: Vec::new(),
        timeout: None,
        context_mark: None,
        attributes: Default::default(),
        entitlements: Default::default(),
    }
}

#[test]
fn each_node_bakes_the_targets_of_its_platforms_with_what_they_take_from() {
    let farm = builder(vec![
        node("x", &[], &["amd64", "arm64"]),
        node("a", &[], &["arm64", "amd64"]),
    ]);
    let target = |name: &str, platforms: &[&str], from: Option<&str>| {
        let mut request = request(platforms);
        let from = from.map(|from| ("base".to_owned(), NamedContext::Target(from.to_owned())));
        request.contexts = from.into_iter().collect();
        BakeTarget {
            name: name.into(),
            request,
        }
    };
    let bake = |targets| BakeRequest {
        targets,
        timeout: None,
    };
    let parts = farm.bake_parts(&bake(vec![
        target("app", &["amd64", "arm64"], None),
        target("lint", &["arm64"], Some("app")),
    ]));
    let parts = parts.unwrap();
    let names: Vec<(usize, Vec<&str>)> = parts
        .iter()
        .map(|(place, part)| {
            (
                *place,
                part.targets.iter().map(|it| it.name.as_str()).collect(),
            )
        })
        .collect();
    assert_eq!(names, [(0, vec!["app"]), (1, vec!["app", "lint"])]);

    let error = farm.bake_parts(&bake(vec![
        target("app", &["amd64"], None),
        target("lint", &["arm64"], Some("app")),
    ]));
    match error.unwrap_err() {
        BuildError::Setup { message } => {
            assert!(message.contains("target lint takes from app"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}
