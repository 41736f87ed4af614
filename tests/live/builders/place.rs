//! A project to race, in a folder where nothing else is known of builders.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use buildrace::buildkit::BuildRequest;
use buildrace::store::{StoredRun, read_run, runs};
use tempfile::TempDir;

use super::{Raced, is_running, text};
use crate::network::Network;
use crate::program::{hang, hello};
use crate::race::wait_for;
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
    pub fn program(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
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
        let race = [
            "run",
            "greet",
            "--rounds",
            "1",
            "--keep-contaminated",
            "--settle=0s",
        ];
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
        let race = [
            "run",
            "greet",
            "--rounds",
            "1",
            "--keep-contaminated",
            "--settle=0s",
        ];
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
    pub fn export(&self, variant: &str, archive: PathBuf) -> BuildRequest {
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

    pub fn dockerfile(&self, variant: &str) -> PathBuf {
        let file = format!("dockerfiles/greet/{variant}.Dockerfile");
        self.path().join(file)
    }
}
