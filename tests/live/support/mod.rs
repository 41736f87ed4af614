//! What live tests share: the engine, builds of ours and of buildx's on it,
//! and what came out of them.

pub mod archive;
pub mod buildx;
pub mod docker;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use buildrace::builder::{Builder, NodeBuilder};
use buildrace::buildkit::{BuildEnd, BuildRequest, Export};
use buildrace::model::Platform;
use buildrace::trace::SolveStatus;
use jiff::Timestamp;
use tokio::sync::{Mutex, MutexGuard, mpsc};
use tokio_util::sync::CancellationToken;

/// Each step's name, and whether it came from the cache.
pub type Steps = BTreeMap<String, bool>;

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
/// The records that the engine had when the first test took it.
static AT_FIRST: OnceLock<BTreeSet<String>> = OnceLock::new();
static COUNTER: AtomicU32 = AtomicU32::new(0);

/// An engine, this test's alone among the tests of this process.
pub struct Engine {
    /// Its address, as in `DOCKER_HOST`.
    pub host: String,
    /// Our client.
    pub builder: NodeBuilder,
    known: BTreeSet<String>,
    since: Timestamp,
    _turn: MutexGuard<'static, ()>,
}

impl Engine {
    /// The engine to test on; `None` where live tests are to be skipped.
    pub async fn take() -> Option<Self> {
        if std::env::var_os("BUILDRACE_SKIP_LIVE").is_some_and(|v| v == "1") {
            eprintln!("skipped, as BUILDRACE_SKIP_LIVE=1 asks");
            return None;
        }
        let turn = ONE_AT_A_TIME.lock().await;
        let named = std::env::var("BUILDRACE_TEST_HOST")
            .ok()
            .filter(|v| !v.is_empty());
        let (host, is_private) = match buildrace::engine::locate(named.as_deref()).await {
            Ok(endpoint) => (endpoint.host.clone(), endpoint.is_private()),
            Err(error) => panic!(
                "{error}\nBUILDRACE_TEST_HOST names one; \
                 BUILDRACE_SKIP_LIVE=1 skips the tests that need one."
            ),
        };
        let builder = match NodeBuilder::docker(&host).await {
            Ok(builder) => builder,
            Err(e) => panic!(
                "no engine with BuildKit at {host}: {e}\n\
                 `buildrace engine up` starts one; name it in BUILDRACE_TEST_HOST. \
                 BUILDRACE_SKIP_LIVE=1 skips the tests that need one."
            ),
        };
        let mut engine = Self {
            host,
            builder,
            known: BTreeSet::new(),
            since: Timestamp::now(),
            _turn: turn,
        };
        engine.known = engine.record_ids().await;
        if is_private {
            engine.forget_earlier_tests().await;
        }
        Some(engine)
    }

    /// Removes the cache records that earlier tests of this process have left: the more an
    /// engine has, the longer it takes for every build. On somebody's engine they stay.
    async fn forget_earlier_tests(&mut self) {
        let at_first = AT_FIRST.get_or_init(|| self.known.clone());
        let left: Vec<String> = self.known.difference(at_first).cloned().collect();
        if !left.is_empty() {
            self.builder.prune(&left).await.expect("prune");
            self.known = self.record_ids().await;
        }
    }

    async fn record_ids(&self) -> BTreeSet<String> {
        let records = self.builder.cache_records().await.expect("cache records");
        records.into_iter().map(|r| r.id).collect()
    }

    /// Removes the cache records that came of `builds` builds since this
    /// engine was taken. Where others built in the meantime, only those whose
    /// step has `mark` in its name: of a synced context nothing tells whose it
    /// is, and it is left to the engine.
    pub async fn clean(&self, builds: usize, mark: &str) {
        let history = self.builder.history().await.expect("history");
        let since = |start: Timestamp| start >= self.since;
        let seen = history
            .iter()
            .filter(|b| b.started.is_some_and(since))
            .count();
        let records = self.builder.cache_records().await.expect("cache records");
        let new: Vec<String> = records
            .into_iter()
            .filter(|r| !self.known.contains(&r.id))
            .filter(|r| seen == builds || r.description.contains(mark))
            .map(|r| r.id)
            .collect();
        if !new.is_empty() {
            self.builder.prune(&new).await.expect("prune");
        }
    }

    /// Builds with our client.
    pub async fn build(&self, job: &Job) -> (BuildEnd, Steps) {
        let (end, statuses) = self.record(job).await;
        (end, fold_all(&statuses))
    }

    /// Builds with our client, and returns all that BuildKit told.
    pub async fn record(&self, job: &Job) -> (BuildEnd, Vec<SolveStatus>) {
        let (sink, mut messages) = mpsc::unbounded_channel();
        let cancel = CancellationToken::new();
        let end = self.builder.build(&job.request(), sink, cancel).await;
        let mut statuses = Vec::new();
        while let Ok(status) = messages.try_recv() {
            statuses.push(status);
        }
        (end, statuses)
    }
}

/// What status messages say of steps.
pub fn fold_all(statuses: &[SolveStatus]) -> Steps {
    let mut steps = Steps::new();
    for status in statuses {
        fold(&mut steps, status);
    }
    steps
}

/// Adds what a status message says of steps.
pub fn fold(steps: &mut Steps, status: &SolveStatus) {
    for vertex in &status.vertexes {
        *steps.entry(vertex.name.clone()).or_default() |= vertex.cached;
        assert_eq!(vertex.error, "", "{}", vertex.name);
    }
}

/// What to build, with either client.
#[derive(Debug, Clone)]
pub struct Job {
    /// The build context.
    pub context: PathBuf,
    /// The Dockerfile.
    pub dockerfile: PathBuf,
    /// OCI archive to write; the result stays in the cache where `None`.
    pub archive: Option<PathBuf>,
    /// Platforms to build.
    pub platforms: Vec<Platform>,
}

impl Job {
    /// The Dockerfile in the context, the result staying in the cache.
    pub fn new(context: &Path) -> Self {
        Self {
            context: context.to_owned(),
            dockerfile: context.join("Dockerfile"),
            archive: None,
            platforms: vec![native()],
        }
    }

    /// Our request. The shared key is the context's path, so that one context
    /// is synced into one place.
    pub fn request(&self) -> BuildRequest {
        BuildRequest {
            reference: unique("live-test"),
            context: self.context.clone(),
            contexts: BTreeMap::new(),
            layouts: Vec::new(),
            secrets: BTreeMap::new(),
            ssh: BTreeMap::new(),
            dockerfile: self.dockerfile.clone(),
            shared_key: format!("buildrace-live:{}", self.context.display()),
            platforms: self.platforms.clone(),
            target: None,
            build_args: BTreeMap::new(),
            no_cache: false,
            internal: false,
            cache_mount_namespace: None,
            export: match &self.archive {
                Some(destination) => Export::Oci {
                    destination: destination.clone(),
                },
                None => Export::CacheOnly,
            },
            cache_from: Vec::new(),
            cache_to: Vec::new(),
            timeout: None,
            context_mark: None,
            attributes: Default::default(),
            entitlements: Default::default(),
        }
    }
}

/// The engine's own platform: it is on this machine, or on one like it.
pub fn native() -> Platform {
    Platform::linux(std::env::consts::ARCH)
}

/// A text that no other test or process uses.
pub fn unique(prefix: &str) -> String {
    let now = std::time::UNIX_EPOCH.elapsed().expect("a clock after 1970");
    format!(
        "{prefix}-{}-{:x}-{}",
        std::process::id(),
        now.as_nanos(),
        COUNTER.fetch_add(1, Ordering::Relaxed)
    )
}
