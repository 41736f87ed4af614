//! Races on builders of every driver, started as a person starts them: what is
//! built, what is said of it, and what is left.

mod drivers;
mod failures;
mod native_nodes;
mod neighbours;
mod overlay2;
mod own_container;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use buildrace::builder::{Builder, NodeBuilder};
use buildrace::buildkit::{BuildRequest, RemoteDial, TlsFiles};
use buildrace::model::{BuildKind, Outcome};
use buildrace::store::{StoredRun, read_run, runs};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::certificates::{Authority, Identity};
use crate::harness::{container_ids, image_ids, volumes};
use crate::network::Network;
use crate::program::{hang, hello};
use crate::race::wait_for;
use crate::support::archive::images;
use crate::support::{Job, unique};

const SCENARIO: &str = r#"title = "A program without a system"
sources = "src"
platforms = ["linux/amd64", "linux/arm64"]

[edit]
file = "note"
find = "nonce: none"
replace = "nonce: {nonce}"

[output]
binaries = ["/hello"]

[output.smoke]
command = ["/hello"]
prints = '^hello\n$'

[[variant]]
name = "naive"
reference = true

[[variant]]
name = "cross"
"#;

/// It needs no base image: a builder that reaches no registry can build it.
const NAIVE: &str = "\
FROM scratch
ARG TARGETARCH
COPY hello-$TARGETARCH /hello
RUN [\"/hello\"]
COPY note /note
";

const CROSS: &str = "\
FROM scratch
ARG TARGETARCH
COPY note /note
COPY hello-$TARGETARCH /hello
RUN [\"/hello\"]
";

/// A project with one scenario, and the folders of Docker and buildx, which are
/// its own.
pub struct Place {
    folder: TempDir,
    host: String,
}

impl Place {
    /// With nothing but the engine at `host`.
    pub fn new(host: &str) -> Self {
        let place = Self {
            folder: TempDir::new().unwrap(),
            host: host.to_owned(),
        };
        place.write("scenarios/greet/scenario.toml", SCENARIO);
        place.write("scenarios/greet/src/note", "nonce: none\n");
        for architecture in ["amd64", "arm64"] {
            let file = format!("scenarios/greet/src/hello-{architecture}");
            place.write(&file, hello(architecture));
            let program = place.path().join(file);
            fs::set_permissions(program, PermissionsExt::from_mode(0o755)).unwrap();
        }
        place.write("dockerfiles/greet/naive.Dockerfile", NAIVE);
        place.write("dockerfiles/greet/cross.Dockerfile", CROSS);
        place
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A command in the project that knows no engine and no builder but these.
    fn program(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path())
            .env("DOCKER_HOST", &self.host)
            .env("DOCKER_CONFIG", self.path().join("docker"))
            .env("BUILDX_CONFIG", self.path().join("buildx"))
            .env_remove("BUILDX_BUILDER")
            .env_remove("DOCKER_CONTEXT")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn buildrace(&self, args: &[&str]) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_buildrace"));
        command.args(args);
        command
    }

    /// buildrace where nothing is reached but what the network is joined to, and
    /// sockets.
    pub fn buildrace_in(&self, network: &Network, args: &[&str]) -> Command {
        let mut command = self.program("nsenter");
        command
            .arg(format!("--net={}", network.file().display()))
            .args(["--", env!("CARGO_BIN_EXE_buildrace")])
            .args(args);
        command
    }

    /// Makes a platform's program so large, without changing what it does.
    pub fn pads(&self, architecture: &str, size: u64) {
        let file = format!("scenarios/greet/src/hello-{architecture}");
        let file = fs::File::options()
            .append(true)
            .open(self.path().join(file));
        file.unwrap().set_len(size).unwrap();
    }

    /// Races all kinds, which must succeed.
    pub fn races(&self, builder: &[&str]) -> Raced {
        let race = ["run", "greet", "--rounds", "1", "--keep-contaminated"];
        self.has_raced(&mut self.buildrace(&[&race[..], builder].concat()))
    }

    /// Runs a command that races, and reads its run.
    pub fn has_raced(&self, command: &mut Command) -> Raced {
        let output = command.output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{command:?}: {said}");
        Raced {
            said,
            told: text(&output.stdout),
            run: self.newest().unwrap_or_else(|| panic!("no run is left")),
        }
    }

    /// Has naive's image stand on a base image, and be tested by what it says of its
    /// platform.
    pub fn prints_its_architecture_on(&self, base: &str) {
        let scenario = SCENARIO
            .replace("binaries = [\"/hello\"]\n", "")
            .replace("[\"/hello\"]", "[\"cat\", \"/architecture\"]")
            .replace("^hello\\n$", "^{arch}\\n$");
        self.write("scenarios/greet/scenario.toml", scenario);
        let dockerfile = format!(
            "FROM {base}\nCOPY note /note\nRUN dpkg --print-architecture > /architecture\n"
        );
        self.write("dockerfiles/greet/naive.Dockerfile", dockerfile);
    }

    /// Has the builds on these platforms hang, in a program that no other test
    /// and no other build has, and returns how the program is called.
    pub fn hangs_on(&self, architectures: &[&str]) -> String {
        for architecture in architectures {
            let file = format!("scenarios/greet/src/hello-{architecture}");
            self.write(&file, hang(architecture));
        }
        let name = unique("hang");
        for variant in ["naive", "cross"] {
            let path = self.dockerfile(variant);
            let text = fs::read_to_string(&path).unwrap();
            let named = format!("[\"/hello\", \"{name}\"]");
            fs::write(path, text.replace("[\"/hello\"]", &named)).unwrap();
        }
        name
    }

    /// Starts a race, and waits until it executes what never ends.
    pub fn is_in_mid_build(&self, args: &[&str], hanging: &str) -> Child {
        let race = ["run", "greet", "--rounds", "1", "--keep-contaminated"];
        let mut command = self.buildrace(&[&race[..], args].concat());
        let mut child = command.spawn().unwrap();
        wait_for("a step that hangs", || {
            if let Some(status) = child.try_wait().unwrap() {
                let mut said = String::new();
                let stderr = child.stderr.as_mut().unwrap();
                std::io::Read::read_to_string(stderr, &mut said).unwrap();
                panic!("it has ended with {status}: {said}");
            }
            is_running(hanging).then_some(())
        });
        child
    }

    /// The newest run of the project.
    pub fn newest(&self) -> Option<StoredRun> {
        let folders = runs(&self.path().join("results"));
        folders.last().map(|folder| read_run(folder).unwrap())
    }

    /// buildx does something, and succeeds.
    pub fn buildx(&self, args: &[&str]) -> String {
        let mut command = self.program(crate::support::buildx::program());
        let output = command.args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        text(&output.stdout) + &text(&output.stderr)
    }

    /// A build of one variant that leaves its images in a file.
    fn export(&self, variant: &str, archive: PathBuf) -> BuildRequest {
        let job = Job {
            archive: Some(archive),
            dockerfile: self.dockerfile(variant),
            platforms: ["linux/amd64", "linux/arm64"]
                .map(|platform| platform.parse().unwrap())
                .into(),
            ..Job::new(&self.path().join("scenarios/greet/src"))
        };
        BuildRequest {
            // It is in no history.
            internal: true,
            ..job.request()
        }
    }

    fn dockerfile(&self, variant: &str) -> PathBuf {
        let file = format!("dockerfiles/greet/{variant}.Dockerfile");
        self.path().join(file)
    }
}

/// A race that is over.
pub struct Raced {
    /// What it wrote to stderr.
    pub said: String,
    /// What it wrote to stdout.
    pub told: String,
    pub run: StoredRun,
}

impl Raced {
    /// Every build did what its kind does, and every image was run and is right.
    pub fn is_right(&self) -> &Self {
        let samples = &self.run.run.samples;
        assert_eq!(
            samples.len(),
            self.run.run.record.plan.len(),
            "{}",
            self.said
        );
        for sample in samples {
            let id = &sample.slot.id;
            assert_eq!(sample.outcome, Outcome::Ok, "{sample:?}");
            let (steps, cached) = (sample.steps, sample.cached_steps);
            match sample.slot.kind {
                BuildKind::Cold => assert_eq!(cached, 0, "{id}"),
                BuildKind::MultiArch => {}
                BuildKind::Incremental => assert!(cached < steps, "{id}"),
                BuildKind::Noop => assert_eq!(cached, steps, "{id}"),
            }
            let is_checked = sample.slot.kind != BuildKind::Noop;
            assert_eq!(sample.output_checked, is_checked, "{id}: {}", self.said);
        }
        // How busy the machine is, is no matter of the builder's.
        let warnings = self.run.run.warnings.iter();
        let of_builder = warnings.filter(|warning| !warning.starts_with("the machine "));
        assert_eq!(of_builder.collect::<Vec<_>>(), [""; 0]);
        self
    }

    /// It says which builder it measures, and so do its results.
    pub fn names(&self, line: &str, driver: &str, name: Option<&str>) -> &Self {
        let begins = format!("builder: {line}");
        let first = self.said.lines().find(|said| said.starts_with("builder: "));
        let first = first.unwrap_or_else(|| panic!("no builder is named: {}", self.said));
        assert!(first.starts_with(&begins), "{first}");
        let builder = &self.run.run.record.builder;
        assert_eq!(builder.driver, driver);
        assert_eq!(builder.name.as_deref(), name);
        let version = builder.buildkit_version.as_ref().expect("a version");
        assert!(first.contains(&format!("BuildKit {version}")), "{first}");
        self
    }
}

/// What a builder's BuildKit keeps.
#[derive(Debug, PartialEq, Eq)]
pub struct Kept {
    pub records: BTreeSet<String>,
    pub history: BTreeSet<String>,
}

impl Kept {
    pub async fn by(builder: &dyn Builder) -> Self {
        let records = builder.cache_records().await.unwrap();
        let history = builder.history().await.unwrap();
        Self {
            records: records.into_iter().map(|record| record.id).collect(),
            history: history.into_iter().map(|build| build.reference).collect(),
        }
    }
}

/// What an engine keeps besides the cache of its BuildKit.
#[derive(Debug, PartialEq, Eq)]
pub struct OnEngine {
    pub containers: BTreeSet<String>,
    pub images: BTreeSet<String>,
    pub volumes: BTreeSet<String>,
}

impl OnEngine {
    pub async fn at(host: &str) -> Self {
        Self {
            containers: container_ids(host).await,
            images: image_ids(host).await,
            volumes: volumes(host).await,
        }
    }
}

/// Builds the scenario on a builder, and holds its images against what went
/// into them: they are the same on all.
pub async fn builds_the_same_images(builder: &dyn Builder, place: &Place) {
    for variant in ["naive", "cross"] {
        let archive = place.path().join(unique("image"));
        let (sink, _statuses) = mpsc::unbounded_channel();
        let request = place.export(variant, archive.clone());
        let end = builder
            .build(&request, sink, CancellationToken::new())
            .await;
        end.result.unwrap();
        let expected = ["amd64", "arm64"].map(|architecture| {
            let platform = format!("linux/{architecture}");
            (platform, expected_files(architecture))
        });
        let built = images(&archive).into_iter().map(|(platform, files)| {
            let files = files.into_iter().filter(|(_, file)| file.kind == '0');
            let files = files.map(|(path, file)| (path, (file.mode, file.digest)));
            (platform, files.collect::<BTreeMap<_, _>>())
        });
        assert_eq!(built.collect::<BTreeMap<_, _>>(), expected.into());
    }
}

/// Mode and SHA-256 of each file, by its path.
fn expected_files(architecture: &str) -> BTreeMap<String, (u32, String)> {
    let digest = |content: &[u8]| hex::encode(<sha2::Sha256 as sha2::Digest>::digest(content));
    [
        ("hello", (0o755, digest(&hello(architecture)))),
        ("note", (0o644, digest(b"nonce: none\n"))),
    ]
    .map(|(path, file)| (path.to_owned(), file))
    .into()
}

/// Every file of a folder with its content, links as they are.
pub fn bytes_of(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = walkdir::WalkDir::new(folder).into_iter();
    entries
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let content = match entry.file_type().is_file() {
                true => fs::read(entry.path()).unwrap(),
                false => Vec::new(),
            };
            (entry.into_path(), content)
        })
        .collect()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A builder of buildx's that is there until it is dropped.
pub struct Instance<'a> {
    place: &'a Place,
    pub name: String,
}

impl<'a> Instance<'a> {
    pub fn create(place: &'a Place, options: &[&str]) -> Self {
        let name = unique("instance");
        let instance = Self { place, name };
        let create = ["create", "--name", &instance.name];
        place.buildx(&[&create[..], options].concat());
        instance
    }
}

impl<'a> Instance<'a> {
    /// A builder of two buildkitds: `farm0` for amd64, `farm1` for arm64.
    pub fn farm(place: &'a Place, addresses: [&str; 2]) -> Self {
        let remote = ["--driver", "remote", "--node"];
        let [first, second] = addresses;
        let amd64 = ["farm0", "--platform", "linux/amd64", first];
        let farm = Self::create(place, &[&remote[..], &amd64].concat());
        let append = ["create", "--append", "--name", &farm.name];
        let arm64 = ["farm1", "--platform", "linux/arm64", second];
        place.buildx(&[&append[..], &remote, &arm64].concat());
        farm
    }
}

impl Drop for Instance<'_> {
    fn drop(&mut self) {
        let remove = self
            .place
            .program(crate::support::buildx::program())
            .args(["rm", "--force", &self.name])
            .status();
        assert!(remove.is_ok_and(|status| status.success()));
    }
}

/// Our client on a buildkitd of its own.
pub async fn connect(address: &str, tls: Option<TlsFiles>) -> NodeBuilder {
    let dial = RemoteDial::new(address, tls).unwrap();
    NodeBuilder::connect(Arc::new(dial)).await.unwrap()
}

/// `--driver-opt` of a client that shows `client` and trusts `authority`.
pub fn options(authority: &Authority, client: &Identity) -> String {
    format!(
        "cacert={},cert={},key={}",
        authority.certificate().display(),
        client.certificate.display(),
        client.key.display()
    )
}

/// Whether a process on this machine, in a container or not, has this argument.
pub fn is_running(argument: &str) -> bool {
    let processes = procfs::process::all_processes().unwrap().flatten();
    let mut commands = processes.filter_map(|process| process.cmdline().ok());
    commands.any(|words| words.iter().any(|word| word == argument))
}
