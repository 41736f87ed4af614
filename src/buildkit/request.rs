//! What is asked of BuildKit and what it answers, free of the wire format.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::model::{ImageLayout, Platform};

/// A build that BuildKit is asked for.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// Id of the solve, unique on the builder; it names the build in
    /// BuildKit's history.
    pub reference: String,
    /// Folder that is the build context.
    pub context: PathBuf,
    /// Further contexts by the name that a Dockerfile calls them in `FROM` and
    /// `COPY --from`: buildx's `--build-context`.
    pub contexts: BTreeMap<String, NamedContext>,
    /// Images that BuildKit gets from here, through the session, wherever the
    /// Dockerfile has their names: as buildx's `--build-context
    /// NAME=oci-layout://…`. A context of the same name goes before.
    pub layouts: Vec<ImageLayout>,
    /// Secrets by their ids: buildx's `--secret`.
    pub secrets: BTreeMap<String, Secret>,
    /// Sockets of SSH agents by their ids: buildx's `--ssh`.
    pub ssh: BTreeMap<String, PathBuf>,
    /// The Dockerfile; it need not be in the context.
    pub dockerfile: PathBuf,
    /// Names the context to BuildKit, which keeps what it received under this
    /// key and asks only for what changed since.
    pub shared_key: String,
    /// Platforms to build.
    pub platforms: Vec<Platform>,
    /// Stage to build; the last where `None`.
    pub target: Option<String>,
    /// Build arguments.
    pub build_args: BTreeMap<String, String>,
    /// Whether to use no layer that was built before.
    pub no_cache: bool,
    /// Namespace of the cache mounts (`BUILDKIT_CACHE_MOUNT_NS`).
    pub cache_mount_namespace: Option<String>,
    /// Whether it is a helper's, which BuildKit keeps no record of.
    pub internal: bool,
    /// What becomes of the result.
    pub export: Export,
    /// Caches that steps may be taken from: buildx's `--cache-from`.
    pub cache_from: Vec<RemoteCache>,
    /// Caches that steps are exported to: buildx's `--cache-to`.
    pub cache_to: Vec<RemoteCache>,
    /// The build is cancelled after this long.
    pub timeout: Option<Duration>,
    /// A number that enters the cache key of every file of the contexts and
    /// changes nothing in the files: what is copied from them is never taken
    /// from the cache of a build with another number, or with none.
    pub context_mark: Option<u32>,
    /// Further options of the Dockerfile frontend, in its own words: `label:NAME`,
    /// `add-hosts`. What the fields above say goes before.
    pub attributes: BTreeMap<String, String>,
    /// What steps may do that is not allowed else, if the builder lets them:
    /// `network.host`, `security.insecure`.
    pub entitlements: Vec<String>,
}

/// Builds that are one: BuildKit is asked for all of them at the same time, as by `docker buildx
/// bake`, through one session for each main context. A step that several need is done once.
#[derive(Debug, Clone)]
pub struct BakeRequest {
    /// What is built. There is at least one.
    pub targets: Vec<BakeTarget>,
    /// All of it is cancelled after this long.
    pub timeout: Option<Duration>,
}

/// One of the builds of a [`BakeRequest`].
#[derive(Debug, Clone)]
pub struct BakeTarget {
    /// Its name, unique among them: the first word in the brackets of its steps'
    /// names, where there are several.
    pub name: String,
    /// What is built.
    pub request: BuildRequest,
}

impl BakeRequest {
    /// One build that nothing is built with.
    pub fn alone(request: BuildRequest) -> Self {
        Self {
            timeout: request.timeout,
            targets: vec![BakeTarget {
                name: String::new(),
                request,
            }],
        }
    }

    /// Several that start together, each under a name of its own: it stands before the names of
    /// what is built.
    pub fn together(
        builds: impl IntoIterator<Item = (String, Self)>,
        timeout: Option<Duration>,
    ) -> Self {
        let named = |build: &str, target: &str| match target {
            "" => build.to_owned(),
            target => format!("{build}-{target}"),
        };
        let targets = builds.into_iter().flat_map(|(build, request)| {
            request.targets.into_iter().map(move |mut target| {
                for context in target.request.contexts.values_mut() {
                    if let NamedContext::Target(name) = context {
                        *name = named(&build, name);
                    }
                }
                BakeTarget {
                    name: named(&build, &target.name),
                    request: target.request,
                }
            })
        });
        Self {
            targets: targets.collect(),
            timeout,
        }
    }

    /// The only build; `None` where there are several.
    pub fn only(&self) -> Option<&BuildRequest> {
        match self.targets.as_slice() {
            [target] => Some(&target.request),
            _ => None,
        }
    }

    /// The platforms that any of them is for, each once.
    pub fn platforms(&self) -> Vec<Platform> {
        let all = self.targets.iter().flat_map(|t| &t.request.platforms);
        Platform::each_once(&all.cloned().collect::<Vec<_>>())
    }
}

impl BuildRequest {
    /// A helper's build, which BuildKit keeps no record of: of the `Dockerfile` in
    /// a folder, with that folder as its context. Nothing is exported, and it is
    /// cancelled after `limit`.
    pub fn internal(
        reference: String,
        folder: &Path,
        platforms: Vec<Platform>,
        limit: Duration,
    ) -> Self {
        Self {
            shared_key: reference.clone(),
            reference,
            context: folder.to_owned(),
            contexts: BTreeMap::new(),
            layouts: Vec::new(),
            secrets: BTreeMap::new(),
            ssh: BTreeMap::new(),
            dockerfile: folder.join("Dockerfile"),
            platforms,
            target: None,
            build_args: BTreeMap::new(),
            no_cache: false,
            cache_mount_namespace: None,
            internal: true,
            export: Export::CacheOnly,
            cache_from: Vec::new(),
            cache_to: Vec::new(),
            timeout: Some(limit),
            context_mark: None,
            attributes: BTreeMap::new(),
            entitlements: Vec::new(),
        }
    }
}

/// A cache outside of the builder.
///
/// `Debug` leaves out what its attributes say: credentials may be among them.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteCache {
    /// `registry`, `local`, `s3`, `gha`, `inline`, in BuildKit's words.
    pub kind: String,
    /// Its options, in BuildKit's words: `ref`, `mode`, `bucket`. Of `local` the folder
    /// is not among them.
    pub attributes: BTreeMap<String, String>,
    /// The folder of `local`, on this side: an OCI layout, whose image `latest` is the
    /// cache. It is made where it is not there.
    pub folder: Option<PathBuf>,
}

impl fmt::Debug for RemoteCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&String> = self.attributes.keys().collect();
        f.debug_struct("RemoteCache")
            .field("kind", &self.kind)
            .field("attributes", &keys)
            .field("folder", &self.folder)
            .finish()
    }
}

/// A build context beside the main one. It takes the place of the stage or
/// image of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedContext {
    /// A folder on this side, sent as the main context is, less what its own
    /// `.dockerignore` leaves out.
    Folder(PathBuf),
    /// What BuildKit fetches itself: `docker-image://…`, the URL of a file or
    /// of a Git repository. It is passed on as it is, and BuildKit refuses what
    /// it does not know.
    Remote(String),
    /// What another target of the same [`BakeRequest`] builds: bake's `target:NAME`.
    Target(String),
}

/// The bytes of a secret, from wherever the caller read them.
///
/// They are shown by nothing: `Debug` leaves them out, and the type is not
/// serialized. BuildKit gets them when a step asks for them.
#[derive(Clone)]
pub struct Secret(Arc<[u8]>);

impl Secret {
    /// Most bytes that BuildKit's own client serves (`MaxSecretSize` of
    /// `session/secrets/secretsprovider`).
    pub const MAX_SIZE: usize = 500 << 10;

    /// A secret of these bytes. A build is refused if they are more than
    /// [`Self::MAX_SIZE`].
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into().into())
    }

    /// The bytes, for BuildKit only.
    pub(super) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// What becomes of a build's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Export {
    /// It stays in the cache alone.
    CacheOnly,
    /// It is stored in the engine's image store under this name.
    Image {
        /// The image's name and tag.
        name: String,
    },
    /// It is sent back as an OCI archive and written to this file.
    Oci {
        /// File to write.
        destination: PathBuf,
    },
    /// An exporter of BuildKit's, with its options in BuildKit's words.
    Exporter {
        /// `image`, `oci`, `docker`.
        kind: String,
        /// Its options.
        attributes: BTreeMap<String, String>,
        /// Where what it sends back goes, where it sends something.
        destination: Option<Destination>,
    },
    /// The files of one platform are sent back as a tar archive and written to
    /// this file.
    Tar {
        /// File to write.
        destination: PathBuf,
    },
}

/// Where the archive goes that an exporter sends back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Into this file.
    File(PathBuf),
    /// Into an image store, while it is received: buildx's `--load`.
    Store(Loader),
}

/// Loads the archive of an image into a store.
#[async_trait]
pub trait ImageLoader: Send + Sync {
    /// Takes the archive in pieces, as they are received, and returns when the image is
    /// there. It is dropped where the build ends before the archive does.
    ///
    /// # Errors
    /// Why it is not, in a line.
    async fn load(&self, archive: mpsc::Receiver<Bytes>) -> Result<(), String>;
}

/// An [`ImageLoader`] as a request holds it.
#[derive(Clone)]
pub struct Loader(pub Arc<dyn ImageLoader>);

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Loader")
    }
}

impl PartialEq for Loader {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Loader {}

/// An archive that an exporter sent back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Its bytes.
    pub bytes: u64,
    /// From its last byte until it was in the image store; `None` of one in a file.
    pub loading: Option<Duration>,
}

/// How a build ended, with the time it took.
#[derive(Debug)]
pub struct BuildEnd {
    /// From sending Solve until it returned.
    pub wall: Duration,
    /// Bytes that file sync sent, protocol included.
    pub context_bytes: u64,
    /// Bytes of images that BuildKit fetched from layouts; next to none where
    /// it had them already.
    pub layout_bytes: u64,
    /// The archive that was sent back, where one was.
    pub received: Option<Received>,
    /// What BuildKit answered, or why there is no answer.
    pub result: Result<BuildReply, BuildError>,
}

impl BuildEnd {
    /// A build that ended before its clock ran.
    pub fn before(error: BuildError) -> Self {
        Self {
            wall: Duration::ZERO,
            context_bytes: 0,
            layout_bytes: 0,
            received: None,
            result: Err(error),
        }
    }
}

/// What BuildKit says of a finished build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildReply {
    /// The exporter's answer, `containerimage.digest` and the like.
    pub exporter: BTreeMap<String, String>,
}

/// Why a build has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// BuildKit ended it with an error: a step failed, the Dockerfile does
    /// not parse, an image was not found.
    #[error("{message}")]
    Failed {
        /// BuildKit's message, from outside.
        message: String,
    },
    /// The request's time limit passed.
    #[error("no result within {}", humantime::format_duration(*.0))]
    TimedOut(Duration),
    /// The caller cancelled the build.
    #[error("cancelled")]
    Cancelled,
    /// The connection or BuildKit itself was lost.
    #[error("the connection to BuildKit was lost: {message}")]
    LostBuilder {
        /// What the transport said, bounded.
        message: String,
    },
    /// It could not be started: the context or the Dockerfile cannot be read.
    #[error("{message}")]
    Setup {
        /// What was tried, on what, and what to do.
        message: String,
    },
}

/// A record of BuildKit's cache (`buildx du`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheRecord {
    /// The id by which it is pruned or listed.
    pub id: String,
    /// Bytes on the builder's disk.
    pub size: u64,
    /// What it holds, from outside.
    pub description: String,
    /// `regular`, `source.local`, `exec.cachemount`, `frontend`, `internal`.
    pub record_type: String,
    /// Whether a build uses it now.
    pub in_use: bool,
    /// Whether an image or another record holds it too.
    pub shared: bool,
    /// Ids of the records it is made from.
    pub parents: Vec<String>,
    /// When it was made, on BuildKit's clock.
    pub created: Option<Timestamp>,
}

impl CacheRecord {
    /// The id of the cache that it holds, of a RUN with such a mount (`getRefCacheDir` in
    /// `solver/llbsolver/mounts/mount.go`): BuildKit names no id that is the mount's target.
    pub fn cache_mount_id(&self) -> Option<&str> {
        let mount = self.description.strip_prefix("cached mount ")?;
        let quoted = mount.strip_suffix('"');
        match quoted.and_then(|mount| mount.rsplit_once(" with id \"")) {
            Some((_, id)) => Some(id),
            None => Some(mount.split_once(" from ")?.0),
        }
    }
}

/// A worker of BuildKit: what executes steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// The id by which it is pruned or listed.
    pub id: String,
    /// Platforms it lists, its own first.
    pub platforms: Vec<Platform>,
    /// BuildKit's version, where the worker reports one.
    pub buildkit_version: Option<String>,
    /// Labels, `org.mobyproject.buildkit.worker.snapshotter` and the like.
    pub labels: BTreeMap<String, String>,
}

/// A build in BuildKit's history: whose time overlaps whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildWindow {
    /// The id that the client gave the solve.
    pub reference: String,
    /// When it began, on BuildKit's clock.
    pub started: Option<Timestamp>,
    /// When it ended, on BuildKit's clock; `None` while it runs.
    pub completed: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_of_a_mount_is_known_by_its_id_or_target() {
        let id = |description: &str| {
            let record = CacheRecord {
                id: String::new(),
                size: 0,
                description: description.to_owned(),
                record_type: "exec.cachemount".into(),
                in_use: false,
                shared: false,
                parents: Vec::new(),
                created: None,
            };
            record.cache_mount_id().map(str::to_owned)
        };
        let named = r#"cached mount /c from exec /bin/sh -c echo "a from b" with id "//c""#;
        assert_eq!(id(named).as_deref(), Some("//c"));
        let by_target = r#"cached mount /c from exec /bin/sh -c echo "a from b""#;
        assert_eq!(id(by_target).as_deref(), Some("/c"));
        assert_eq!(id("mount / from exec /bin/sh -c make"), None);
    }
}
