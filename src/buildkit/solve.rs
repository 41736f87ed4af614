//! What a build request becomes on the wire: the Dockerfile frontend's
//! attributes and the exporter, as buildx sends them.
//!
//! No attestations are asked for. buildx adds a provenance attestation to
//! every build by default, which takes time of its own and puts a manifest of
//! platform `unknown/unknown` beside the real ones; what is measured here is
//! the Dockerfile.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use bollard_buildkit_proto::moby::buildkit::v1 as proto;

use super::cache_folder;
use super::contexts::{Contexts, existing_folder};
use super::dial::Daemon;
use super::filesync::LocalDir;
use super::request::{BuildError, BuildRequest, Destination, Export, RemoteCache, Secret};
use super::session::Archive;

/// What BuildKit calls the main context, and the folder of the Dockerfile.
const CONTEXT: &str = "context";
const DOCKERFILE: &str = "dockerfile";

/// A build that can be sent.
pub(super) struct Prepared {
    pub(super) solve: proto::SolveRequest,
    pub(super) archive: Option<Archive>,
}

/// What a session serves for the builds that it is of.
#[derive(Debug, Default)]
pub(super) struct Served {
    /// Folders by the names under which BuildKit asks for them.
    pub(super) folders: BTreeMap<String, LocalDir>,
    /// Folders with OCI layouts by the names of their stores.
    pub(super) stores: BTreeMap<String, PathBuf>,
    /// Folders of remote caches by the names of their stores.
    pub(super) caches: BTreeMap<String, PathBuf>,
    /// Those of them that get a cache.
    pub(super) written: Vec<PathBuf>,
}

impl Served {
    /// Adds a folder, and returns what it is called: `name`, unless another folder
    /// is. One folder has one name for all builds that ask for the same of it, or
    /// BuildKit would take it for several and do the steps on it several times.
    fn folder(&mut self, name: &str, root: PathBuf) -> String {
        let mut names = std::iter::once(name.to_owned())
            .chain((2u32..).map(|number| format!("{name}-{number}")));
        let is_free = |name: &String| self.folders.get(name).is_none_or(|dir| dir.root == root);
        let name = names.find(is_free).expect("endless names");
        self.folders.insert(name.clone(), LocalDir { root });
        name
    }

    /// Adds the folder of a cache, and returns what it is called.
    fn cache(&mut self, folder: &Path) -> String {
        let known = self.caches.iter().find(|(_, known)| *known == folder);
        if let Some((name, _)) = known {
            return name.clone();
        }
        let name = format!("cache-{}", self.caches.len());
        self.caches.insert(name.clone(), folder.to_owned());
        name
    }

    /// Caches in the words of the wire: those to import, and those to export to.
    fn cache_options(&mut self, request: &BuildRequest) -> Result<proto::CacheOptions, String> {
        let mut options = proto::CacheOptions::default();
        for cache in &request.cache_from {
            let mut attrs = wire_attributes(cache);
            if let Some(folder) = &cache.folder {
                // As with buildx, a build goes on without a cache that is not there.
                let Some(digest) = cache_folder::manifest(folder) else {
                    continue;
                };
                attrs.insert("digest".to_owned(), digest);
                attrs.insert("src".to_owned(), self.cache(folder));
            }
            options.imports.push(proto::CacheOptionsEntry {
                r#type: cache.kind.clone(),
                attrs,
            });
        }
        for cache in &request.cache_to {
            let mut attrs = wire_attributes(cache);
            if let Some(folder) = &cache.folder {
                std::fs::create_dir_all(folder)
                    .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
                attrs.insert("dest".to_owned(), self.cache(folder));
                self.written.push(folder.clone());
            }
            options.exports.push(proto::CacheOptionsEntry {
                r#type: cache.kind.clone(),
                attrs,
            });
        }
        Ok(options)
    }
}

fn wire_attributes(cache: &RemoteCache) -> HashMap<String, String> {
    let attributes = cache.attributes.iter();
    attributes
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// The caches to import as the frontend takes them: Go's JSON of the same entries
/// (`client/solve.go` of moby/buildkit).
fn cache_imports(options: &proto::CacheOptions) -> Option<String> {
    if options.imports.is_empty() {
        return None;
    }
    let imports = options.imports.iter();
    let imports = imports.map(|entry| {
        let attributes: BTreeMap<_, _> = entry.attrs.iter().collect();
        serde_json::json!({ "Type": entry.r#type, "Attrs": attributes })
    });
    Some(serde_json::Value::from_iter(imports).to_string())
}

/// Checks what can be checked here, and says what BuildKit is asked for. What it
/// will ask for in turn is added to `served`.
pub(super) fn prepare(
    request: &BuildRequest,
    daemon: Daemon,
    served: &mut Served,
) -> Result<Prepared, BuildError> {
    let setup = |message: String| BuildError::Setup { message };
    let context = existing_folder(&request.context).map_err(|error| {
        setup(format!(
            "cannot read the context {}: {error}",
            request.context.display()
        ))
    })?;
    let (folder, filename) = existing_file(&request.dockerfile).map_err(setup)?;
    if request.platforms.is_empty() {
        return Err(setup("no platform to build for".into()));
    }
    let contexts = Contexts::new(&request.contexts, &request.layouts).map_err(setup)?;
    check_secrets(&request.secrets).map_err(setup)?;
    if !contexts.stores.is_empty() {
        // What is no text is BuildKit's to refuse.
        let dockerfile = std::fs::read(&request.dockerfile).unwrap_or_default();
        let dockerfile = String::from_utf8_lossy(&dockerfile);
        contexts.check_stages(&dockerfile).map_err(setup)?;
    }

    let file = |destination: &Path| {
        Archive::file(destination).map_err(|error| {
            setup(format!(
                "cannot write an archive to {}: {error}",
                destination.display()
            ))
        })
    };
    let archive = match &request.export {
        Export::Oci { destination } | Export::Tar { destination } => Some(file(destination)?),
        Export::Exporter {
            destination: Some(destination),
            ..
        } => Some(match destination {
            Destination::File(destination) => file(destination)?,
            Destination::Store(loader) => Archive::store(loader),
        }),
        Export::CacheOnly
        | Export::Image { .. }
        | Export::Exporter {
            destination: None, ..
        } => None,
    };
    let mut solve = solve_request(request, filename, daemon);
    let caches = served.cache_options(request).map_err(setup)?;
    let attributes = &mut solve.frontend_attrs;
    if let Some(imports) = cache_imports(&caches) {
        attributes.insert("cache-imports".to_owned(), imports);
    }
    solve.cache = Some(caches);
    attributes.extend(contexts.attributes);
    // No other name can be given to it: whoever shares the session has the same.
    served.folder(CONTEXT, context);
    for (name, dir) in contexts.folders {
        let given = served.folder(&name, dir.root);
        let (wanted, source) = (format!("local:{name}"), format!("local:{given}"));
        let sources = attributes.values_mut().filter(|value| **value == wanted);
        sources.for_each(|value| value.clone_from(&source));
    }
    served.stores.extend(contexts.stores);
    let given = served.folder(DOCKERFILE, folder);
    if given != DOCKERFILE {
        attributes.insert("dockerfilekey".to_owned(), given);
    }
    Ok(Prepared { solve, archive })
}

fn solve_request(request: &BuildRequest, filename: String, daemon: Daemon) -> proto::SolveRequest {
    let exporter = exporter(&request.export, daemon);
    proto::SolveRequest {
        r#ref: request.reference.clone(),
        frontend: "dockerfile.v0".into(),
        frontend_attrs: frontend_attributes(request, filename, daemon),
        internal: request.internal,
        entitlements: request.entitlements.clone(),
        // BuildKit before 0.13 reads the older fields, later ones prefer the
        // newer. buildx sends both, too.
        exporter_deprecated: exporter
            .as_ref()
            .map(|exporter| exporter.r#type.clone())
            .unwrap_or_default(),
        exporter_attrs_deprecated: exporter
            .as_ref()
            .map(|exporter| exporter.attrs.clone())
            .unwrap_or_default(),
        exporters: exporter.into_iter().collect(),
        cache: Some(proto::CacheOptions::default()),
        ..Default::default()
    }
}

fn frontend_attributes(
    request: &BuildRequest,
    filename: String,
    daemon: Daemon,
) -> HashMap<String, String> {
    let platforms: Vec<String> = request.platforms.iter().map(|p| p.to_string()).collect();
    let given = request.attributes.iter();
    let mut attributes: HashMap<String, String> = given
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let mut set = |key: &str, value: &str| {
        attributes.insert(key.to_owned(), value.to_owned());
    };
    set("filename", &filename);
    set("platform", &platforms.join(","));
    if let Some(target) = &request.target {
        set("target", target);
    }
    if request.no_cache {
        // The empty value means all stages.
        set("no-cache", "");
    }
    if daemon == Daemon::Engine {
        // Base images are looked for in the engine's image store first.
        set("image-resolve-mode", "local");
    }
    for (name, value) in &request.build_args {
        set(&format!("build-arg:{name}"), value);
    }
    // Step names carry their platform even where there is only one. It comes
    // last: a report depends on it.
    // But a result that says so has its files in a folder for each platform, or is no
    // archive in docker's own format.
    let is_of_one = match &request.export {
        Export::Tar { .. } => true,
        Export::Exporter { kind, .. } => kind == "docker",
        Export::CacheOnly | Export::Image { .. } | Export::Oci { .. } => false,
    };
    if !is_of_one {
        set("build-arg:BUILDKIT_MULTI_PLATFORM", "1");
    }
    if let Some(namespace) = &request.cache_mount_namespace {
        set("build-arg:BUILDKIT_CACHE_MOUNT_NS", namespace);
    }
    attributes
}

fn exporter(export: &Export, daemon: Daemon) -> Option<proto::Exporter> {
    let attributes = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    match export {
        Export::CacheOnly => None,
        Export::Image { name } => Some(match daemon {
            Daemon::Engine => proto::Exporter {
                r#type: "moby".into(),
                attrs: attributes(&[("name", name)]),
            },
            Daemon::Buildkitd => proto::Exporter {
                r#type: "image".into(),
                attrs: attributes(&[("name", name)]),
            },
        }),
        Export::Oci { .. } => Some(proto::Exporter {
            r#type: "oci".into(),
            attrs: HashMap::new(),
        }),
        Export::Tar { .. } => Some(proto::Exporter {
            r#type: "tar".into(),
            attrs: HashMap::new(),
        }),
        Export::Exporter {
            kind,
            attributes: given,
            ..
        } => Some(proto::Exporter {
            r#type: match (kind.as_str(), daemon) {
                // An engine's own, as buildx names it.
                ("image", Daemon::Engine) => "moby".to_owned(),
                (kind, _) => kind.to_owned(),
            },
            attrs: given.clone().into_iter().collect(),
        }),
    }
}

/// buildx refuses these, too.
fn check_secrets(secrets: &BTreeMap<String, Secret>) -> Result<(), String> {
    for (id, secret) in secrets {
        if id.is_empty() {
            return Err("a secret has no id".into());
        }
        let size = secret.expose().len();
        if size > Secret::MAX_SIZE {
            return Err(format!(
                "the secret {id:?} has {size} bytes: the maximum is {}",
                Secret::MAX_SIZE
            ));
        }
    }
    Ok(())
}

/// The folder that holds a Dockerfile, and its name in there.
fn existing_file(path: &Path) -> Result<(PathBuf, String), String> {
    let tried = |error: &str| format!("cannot read the Dockerfile {}: {error}", path.display());
    let file = std::fs::File::open(path).map_err(|error| tried(&error.to_string()))?;
    let metadata = file.metadata().map_err(|error| tried(&error.to_string()))?;
    if !metadata.is_file() {
        return Err(tried("it is not a file"));
    }
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| tried("its name is not UTF-8, as BuildKit needs it"))?;
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let folder = std::fs::canonicalize(parent).map_err(|error| tried(&error.to_string()))?;
    Ok((folder, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(export: Export) -> BuildRequest {
        BuildRequest {
            reference: "ref1".into(),
            context: "/context".into(),
            contexts: BTreeMap::new(),
            layouts: Vec::new(),
            secrets: BTreeMap::new(),
            ssh: BTreeMap::new(),
            dockerfile: "/files/naive.Dockerfile".into(),
            shared_key: "key".into(),
            platforms: vec![
                "linux/amd64".parse().unwrap(),
                "linux/arm64".parse().unwrap(),
            ],
            target: Some("final".into()),
            build_args: BTreeMap::from([
                ("VERSION".to_owned(), "1".to_owned()),
                ("BUILDKIT_MULTI_PLATFORM".to_owned(), "0".to_owned()),
            ]),
            no_cache: true,
            internal: false,
            cache_mount_namespace: Some("r1-2-naive".into()),
            export,
            cache_from: Vec::new(),
            cache_to: Vec::new(),
            timeout: None,
            context_mark: None,
            attributes: Default::default(),
            entitlements: Default::default(),
        }
    }

    #[test]
    fn the_frontend_is_asked_as_buildx_asks_it() {
        let solve = solve_request(
            &request(Export::CacheOnly),
            "naive.Dockerfile".into(),
            Daemon::Engine,
        );
        let sorted: BTreeMap<_, _> = solve.frontend_attrs.into_iter().collect();
        let expected = [
            ("build-arg:BUILDKIT_CACHE_MOUNT_NS", "r1-2-naive"),
            ("build-arg:BUILDKIT_MULTI_PLATFORM", "1"),
            ("build-arg:VERSION", "1"),
            ("filename", "naive.Dockerfile"),
            ("image-resolve-mode", "local"),
            ("no-cache", ""),
            ("platform", "linux/amd64,linux/arm64"),
            ("target", "final"),
        ];
        assert_eq!(
            sorted
                .iter()
                .map(|(k, v)| (k.as_str(), v.as_str()))
                .collect::<Vec<_>>(),
            expected
        );
        assert!(solve.exporters.is_empty() && solve.exporter_deprecated.is_empty());
    }

    #[test]
    fn caches_are_imported_and_exported_as_buildx_does_it() {
        let folder = tempfile::tempdir().unwrap();
        let registry = |mode: &str| RemoteCache {
            kind: "registry".into(),
            attributes: BTreeMap::from([
                ("ref".to_owned(), "registry.example/cache:main".to_owned()),
                ("mode".to_owned(), mode.to_owned()),
            ]),
            folder: None,
        };
        let local = RemoteCache {
            kind: "local".into(),
            attributes: BTreeMap::new(),
            folder: Some(folder.path().join("new")),
        };
        let mut request = request(Export::CacheOnly);
        request.cache_from = vec![registry("max"), local.clone()];
        request.cache_to = vec![registry("max"), local];
        let mut served = Served::default();
        let options = served.cache_options(&request).unwrap();
        // There is nothing in the folder to import.
        assert_eq!(options.imports.len(), 1);
        assert_eq!(
            cache_imports(&options).unwrap(),
            r#"[{"Attrs":{"mode":"max","ref":"registry.example/cache:main"},"Type":"registry"}]"#
        );
        assert_eq!(options.exports[1].attrs["dest"], "cache-0");
        assert_eq!(served.caches["cache-0"], folder.path().join("new"));
        assert!(folder.path().join("new").is_dir());
        let shown = format!("{request:?}");
        assert!(
            shown.contains("ref") && !shown.contains("registry.example"),
            "{shown}"
        );
    }

    #[test]
    fn an_image_goes_to_the_store_of_whom_it_is_asked() {
        let image = Export::Image {
            name: "app:1".into(),
        };
        let engine = exporter(&image, Daemon::Engine).unwrap();
        let buildkitd = exporter(&image, Daemon::Buildkitd).unwrap();
        assert_eq!(engine.r#type, "moby");
        assert_eq!(buildkitd.r#type, "image");
        assert_eq!(engine.attrs["name"], "app:1");
    }

    #[test]
    fn files_are_asked_for_without_a_folder_for_their_platform() {
        let tar = Export::Tar {
            destination: "/files.tar".into(),
        };
        let mut request = request(tar);
        request.build_args.clear();
        let solve = solve_request(&request, "Dockerfile".into(), Daemon::Engine);
        assert_eq!(solve.exporters[0].r#type, "tar");
        let attributes = solve.frontend_attrs;
        assert!(!attributes.contains_key("build-arg:BUILDKIT_MULTI_PLATFORM"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut request = request(Export::CacheOnly);
        request.context = folder.path().join("none");
        let message =
            |request: &BuildRequest| match prepare(request, Daemon::Engine, &mut Served::default())
            {
                Err(BuildError::Setup { message }) => message,
                _ => panic!("prepared"),
            };
        assert!(message(&request).contains("none"));
        request.context = folder.path().to_owned();
        request.dockerfile = folder.path().join("Dockerfile");
        assert!(message(&request).contains("the Dockerfile"));
        std::fs::create_dir(&request.dockerfile).unwrap();
        assert!(message(&request).contains("not a file"));
    }

    #[test]
    fn a_folder_has_one_name_for_all_builds_of_a_session() {
        let mut served = Served::default();
        let mut name = |wanted: &str, root: &str| served.folder(wanted, root.into());
        assert_eq!(name("context", "/a"), "context");
        assert_eq!(name("context", "/b"), "context-2");
        assert_eq!(name("context", "/a"), "context");
        assert_eq!(name("context-2", "/c"), "context-2-2");
        assert_eq!(name("context", "/b"), "context-2");
        assert_eq!(name("dockerfile", "/a"), "dockerfile");
    }

    #[test]
    fn secrets_are_bounded_as_buildkit_bounds_them() {
        let check = |id: &str, size: usize| {
            check_secrets(&BTreeMap::from([(
                id.to_owned(),
                Secret::new(vec![b'x'; size]),
            )]))
        };
        assert_eq!(check("tok", 512_000), Ok(()));
        let error = check("tok", 512_001).unwrap_err();
        assert!(error.contains("\"tok\" has 512001 bytes"), "{error}");
        assert!(!error.contains("xx"));
        assert!(check("", 1).is_err());
    }

    #[test]
    fn a_request_shows_no_secret() {
        let mut request = request(Export::CacheOnly);
        let secret = Secret::new("hidden");
        request.secrets.insert("tok".into(), secret);
        for shown in [format!("{request:?}"), format!("{request:#?}")] {
            assert!(shown.contains("tok") && shown.contains("redacted"));
            assert!(!shown.contains("hidden"));
            // Nor its bytes as numbers.
            assert!(!shown.contains("104"), "{shown}");
        }
    }
}
