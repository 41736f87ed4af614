//! Planted causes: each is built twice by `docker buildx`, something being changed
//! in between, and `buildrace why` names what.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use bollard::query_parameters::{ListImagesOptions, RemoveImageOptions};
use buildrace::buildkit::CacheRecord;
use serde_json::Value;
use tempfile::TempDir;

use super::git;
use super::harness::{self, prune_those};
use super::support::buildx::Buildx;
use super::support::{Engine, native, unique};

/// Cases that are built at once: a build waits more than it works.
const AT_ONCE: usize = 2;
/// How often a build is tried whose container did not start.
const ATTEMPTS: u32 = 3;

/// Something that changes between two builds.
struct Case {
    name: &'static str,
    /// `MARK` is a word that no other build has.
    dockerfile: &'static str,
    /// What the first build is given besides, and the second.
    options: [&'static [&'static str]; 2],
    change: fn(&Place),
    /// For each cause, its kind and a part of its sentence, in the order of the
    /// Dockerfile.
    causes: &'static [(&'static str, &'static str)],
    /// What `check` says of the two as revisions, a part of it; nothing where both
    /// build the same, `None` where git does not know of the change or another case
    /// is as this one.
    of_revisions: Option<&'static str>,
}

/// What a case has to work with.
struct Place {
    folder: TempDir,
    dockerfile: PathBuf,
    host: String,
    mark: String,
}

impl Place {
    /// With the files of a case, and its Dockerfile beside the context or in it.
    fn new(case: &Case, host: &str, is_in_context: bool) -> Self {
        let folder = TempDir::new().unwrap();
        let mark = unique("why");
        let dockerfile = match is_in_context {
            true => folder.path().join("context/Dockerfile"),
            false => folder.path().join(format!("{mark}.Dockerfile")),
        };
        let place = Self {
            folder,
            dockerfile,
            host: host.to_owned(),
            mark,
        };
        // What was built of it before is in the cache.
        place.write("main.go", &format!("1 {}", place.mark));
        place.write("go.mod", &format!("1 {}", place.mark));
        let text = case.dockerfile.replace("MARK", &place.mark);
        fs::write(&place.dockerfile, text).unwrap();
        place
    }

    fn context(&self) -> PathBuf {
        self.folder.path().join("context")
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.context().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Replaces a part of the Dockerfile.
    fn edit(&self, from: &str, to: &str) {
        let text = fs::read_to_string(&self.dockerfile).unwrap();
        let [from, to] = [from, to].map(|part| part.replace("MARK", &self.mark));
        assert!(text.contains(&from), "{from} in {text}");
        fs::write(&self.dockerfile, text.replace(&from, &to)).unwrap();
    }

    fn buildx(&self, arguments: &[&str]) -> std::process::Output {
        let buildx = Buildx::on(&self.host);
        let (verb, rest) = arguments.split_first().unwrap();
        let mut command = buildx.verb(verb);
        command
            .args(rest)
            .current_dir(self.folder.path())
            // A secret of the case.
            .env("PLANTED", &self.mark);
        command.output().unwrap()
    }

    /// Builds, and returns what BuildKit calls the build; empty if it failed, and said
    /// why on stderr of the test.
    fn build(&self, options: &[&str]) -> String {
        for _ in 0..ATTEMPTS {
            let (reference, said) = self.build_once(options);
            // On a busy machine runc may fail to start a container.
            if !reference.is_empty() || !said.contains("waiting for init preliminary setup") {
                if reference.is_empty() {
                    eprintln!("{said}");
                }
                return reference;
            }
        }
        String::new()
    }

    fn build_once(&self, options: &[&str]) -> (String, String) {
        let metadata = self.folder.path().join("metadata.json");
        let _ = fs::remove_file(&metadata);
        let (file, metadata_file) = (&self.dockerfile, metadata.display().to_string());
        let context = self.context().display().to_string();
        let is_bake = options.first() == Some(&"bake");
        let output = match is_bake {
            true => self.buildx(
                &[
                    options,
                    &["--metadata-file", &metadata_file],
                    &["--set", "*.output=type=cacheonly"],
                ]
                .concat(),
            ),
            false => self.buildx(
                &[
                    &["build", "--file", &file.display().to_string()][..],
                    &["--metadata-file", &metadata_file],
                    // An engine becomes slow by images without a name.
                    &["--output", "type=cacheonly"],
                    options,
                    &[&context],
                ]
                .concat(),
            ),
        };
        // One that is to fail leaves none, and the history has it.
        let Ok(metadata) = fs::read(&metadata) else {
            assert!(!output.status.success());
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return (String::new(), said);
        };
        let metadata: Value = serde_json::from_slice(&metadata).unwrap();
        let found = metadata["buildx.build.ref"].as_str();
        let found = found.or(metadata["app"]["buildx.build.ref"].as_str());
        (found.expect("a reference").to_owned(), String::new())
    }

    fn why(&self, arguments: &[&str]) -> Value {
        let output = Command::new(env!("CARGO_BIN_EXE_buildrace"))
            .current_dir(self.context())
            .args([
                "why",
                "--host",
                &self.host,
                "--builder",
                "default",
                "--json",
            ])
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{}: {said}", self.mark);
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

const NONE: [&[&str]; 2] = [&[], &[]];
/// A Dockerfile that copies a file and runs a command.
const COPIED: &str = "FROM debian:trixie-slim\nCOPY main.go /\nRUN echo MARK\n";

const CASES: &[Case] = &[
    Case {
        name: "a file is edited",
        dockerfile: COPIED,
        options: NONE,
        change: |place| place.write("main.go", "2"),
        causes: &[("files", "main.go changed")],
        of_revisions: Some("COPY main.go / is not what the base builds: main.go changed"),
    },
    Case {
        name: "a mode bit",
        dockerfile: COPIED,
        options: NONE,
        change: |place| {
            let file = place.context().join("main.go");
            fs::set_permissions(file, Permissions::from_mode(0o755)).unwrap();
        },
        causes: &[("files", "main.go has another mode")],
        of_revisions: Some("COPY main.go / is not what the base builds: main.go has another mode"),
    },
    Case {
        name: "a new file that COPY . . takes",
        dockerfile: "FROM debian:trixie-slim\nCOPY . .\nRUN echo MARK\n",
        options: NONE,
        change: |place| place.write("notes.txt", "x"),
        causes: &[("files", "notes.txt is new")],
        of_revisions: None,
    },
    Case {
        name: ".git in the context",
        dockerfile: "FROM debian:trixie-slim\nCOPY . .\nRUN echo MARK\n",
        options: NONE,
        change: |place| git::init(&place.context()),
        causes: &[("files", ".git")],
        of_revisions: None,
    },
    Case {
        name: "a file that is not copied",
        dockerfile: COPIED,
        options: NONE,
        change: |place| place.write("notes.txt", "x"),
        causes: &[],
        of_revisions: Some(""),
    },
    Case {
        name: "a file that a RUN binds",
        dockerfile: "FROM debian:trixie-slim\n\
                     RUN --mount=type=bind,source=main.go,target=/m cat /m && echo MARK\n",
        options: NONE,
        change: |place| place.write("main.go", "2"),
        causes: &[("files", "main.go changed")],
        of_revisions: None,
    },
    Case {
        name: "an ARG is moved",
        dockerfile: "FROM debian:trixie-slim\nRUN echo MARK\nARG VERSION=1\nRUN echo $VERSION\n",
        options: NONE,
        change: |place| {
            place.edit("ARG VERSION=1\n", "");
            place.edit("RUN echo MARK\n", "ARG VERSION=1\nRUN echo MARK\n");
        },
        causes: &[(
            "argument",
            "build argument VERSION is declared above it now",
        )],
        of_revisions: Some("build argument VERSION is declared above it now"),
    },
    Case {
        name: "an ARG's value",
        dockerfile: "FROM debian:trixie-slim\nARG VERSION\nRUN echo MARK\nRUN echo $VERSION\n",
        options: [&["--build-arg", "VERSION=1"], &["--build-arg", "VERSION=2"]],
        change: |_| {},
        causes: &[("argument", "VERSION is \"2\" now, it was \"1\"")],
        of_revisions: None,
    },
    Case {
        name: "a secret in an ARG",
        dockerfile: "FROM debian:trixie-slim\nARG API_TOKEN\nRUN echo $API_TOKEN MARK\n",
        options: [
            &["--build-arg", "API_TOKEN=hunter1"],
            &["--build-arg", "API_TOKEN=hunter2"],
        ],
        change: |_| {},
        causes: &[("argument", "API_TOKEN has another value (not shown")],
        of_revisions: None,
    },
    Case {
        name: "an ENV",
        dockerfile: "FROM debian:trixie-slim\nENV MODE=a\nRUN echo MARK\n",
        options: NONE,
        change: |place| place.edit("MODE=a", "MODE=b"),
        causes: &[("environment", "MODE is \"b\" now, it was \"a\"")],
        of_revisions: Some("environment variable MODE is \"b\" now, it was \"a\""),
    },
    Case {
        name: "a base image's digest",
        dockerfile: "FROM buildrace-test-base:MARK\nRUN echo MARK\n",
        options: NONE,
        change: |place| base_image(place, "2"),
        causes: &[("base-image", "is another image now: sha256:")],
        of_revisions: None,
    },
    Case {
        name: "a base image that brings variables of its own",
        dockerfile: "FROM buildrace-test-base:MARK\nWORKDIR /app\nCOPY main.go .\nRUN echo MARK\n",
        options: NONE,
        change: |place| base_image(place, "2"),
        causes: &[("base-image", "is another image now: sha256:")],
        of_revisions: None,
    },
    Case {
        name: "a WORKDIR",
        dockerfile: "FROM debian:trixie-slim\nWORKDIR /MARK\nCOPY main.go .\nRUN echo MARK\n",
        options: NONE,
        change: |place| place.edit("WORKDIR /MARK", "WORKDIR /MARK-b"),
        causes: &[("instruction", "-b, it was WORKDIR /")],
        of_revisions: None,
    },
    Case {
        name: "an ARG's default",
        dockerfile: "FROM debian:trixie-slim\nARG VERSION=1\nRUN echo MARK\n",
        options: NONE,
        change: |place| place.edit("VERSION=1", "VERSION=2"),
        causes: &[("argument", "VERSION is \"2\" now, it was \"1\"")],
        of_revisions: None,
    },
    Case {
        name: "the earlier build failed in the middle",
        dockerfile: "FROM debian:trixie-slim\n\
                     RUN --mount=type=secret,id=s test -s /run/secrets/s && echo MARK\n\
                     RUN echo MARK next\nRUN echo MARK last\n",
        options: [&[], &["--secret", "id=s,env=PLANTED"]],
        change: |_| {},
        causes: &[("not-built", "did not finish it")],
        of_revisions: None,
    },
    Case {
        name: "a comment alone",
        dockerfile: COPIED,
        options: NONE,
        change: |place| place.edit("RUN", "# why\nRUN"),
        causes: &[],
        of_revisions: Some(""),
    },
    Case {
        name: "an instruction's text",
        dockerfile: "FROM debian:trixie-slim\nRUN echo MARK\nRUN echo after\n",
        options: NONE,
        change: |place| place.edit("RUN echo MARK", "RUN echo MARK twice"),
        causes: &[("instruction", "twice")],
        of_revisions: Some("twice is not what the base builds"),
    },
    Case {
        name: "instructions in another order",
        dockerfile: "FROM debian:trixie-slim\nRUN echo MARK\nRUN echo MARK twice\n",
        options: NONE,
        change: |place| {
            place.edit(" twice", " once more");
            place.edit("MARK\nRUN", "MARK twice\nRUN");
            place.edit(" once more", "");
        },
        causes: &[("order", "it follows FROM")],
        of_revisions: Some("it follows FROM"),
    },
    Case {
        name: "an instruction is new",
        dockerfile: "FROM debian:trixie-slim\nRUN echo MARK\n",
        options: NONE,
        change: |place| place.edit("RUN", "WORKDIR /new\nRUN"),
        causes: &[("new", "did not have it")],
        of_revisions: None,
    },
    Case {
        name: "an instruction is gone",
        dockerfile: "FROM debian:trixie-slim\nRUN echo MARK gone\nRUN echo MARK\n",
        options: NONE,
        change: |place| place.edit("RUN echo MARK gone\n", ""),
        causes: &[("order", "it followed RUN echo")],
        of_revisions: Some("it followed RUN echo"),
    },
    Case {
        name: "a stage is renamed",
        dockerfile: "FROM debian:trixie-slim AS build\nRUN echo MARK > /x\n\
                     FROM debian:trixie-slim\nCOPY --from=build /x /\n",
        options: NONE,
        change: |place| {
            place.edit("AS build", "AS compile");
            place.edit("--from=build", "--from=compile");
        },
        causes: &[],
        of_revisions: Some(""),
    },
    Case {
        name: "a cache mount's id",
        dockerfile: "FROM debian:trixie-slim\n\
                     RUN --mount=type=cache,target=/cache echo MARK\n",
        options: NONE,
        change: |place| place.edit("target=", "id=MARK,target="),
        causes: &[("cache-mount", "the cache mounted at /cache is why-")],
        of_revisions: None,
    },
    Case {
        // BuildKit finds a step without the ids that caches were given.
        name: "another id of a cache mount",
        dockerfile: "FROM debian:trixie-slim\n\
                     RUN --mount=type=cache,id=MARK-a,target=/cache echo MARK\n",
        options: NONE,
        change: |place| place.edit("-a,", "-b,"),
        causes: &[],
        of_revisions: None,
    },
    Case {
        name: "a record is pruned",
        dockerfile: "FROM debian:trixie-slim\nRUN echo MARK\n",
        options: NONE,
        change: prune,
        causes: &[("pruned", "its record is gone")],
        of_revisions: None,
    },
    Case {
        name: "another platform",
        dockerfile: "FROM debian:trixie-slim\nRUN echo MARK\n",
        options: NONE,
        change: |_| {},
        causes: &[("platform", "the earlier build built nothing for linux/")],
        of_revisions: None,
    },
    Case {
        name: "no cache",
        dockerfile: "FROM debian:trixie-slim\nRUN echo MARK\nRUN echo MARK twice\n",
        options: [&[], &["--no-cache"]],
        change: |_| {},
        causes: &[("no-cache", "--no-cache")],
        of_revisions: None,
    },
    Case {
        name: "no cache of one stage",
        dockerfile: "FROM debian:trixie-slim AS build\nRUN echo MARK > /x && date +%N >> /x\n\
                     FROM debian:trixie-slim\nCOPY --from=build /x /\nRUN echo MARK\n",
        options: [&[], &["--no-cache-filter", "build"]],
        change: |_| {},
        causes: &[("no-cache", "--no-cache")],
        of_revisions: None,
    },
    Case {
        name: "ADD of a git ref that moved",
        dockerfile: "FROM debian:trixie-slim\nADD GIT#main /src\nRUN echo MARK\n",
        options: NONE,
        change: |place| {
            let repository = place.folder.path().join("served/repository");
            fs::write(repository.join("file"), "2").unwrap();
            git::commit(&repository, "Second");
        },
        causes: &[("source", "moved: it is")],
        of_revisions: None,
    },
    Case {
        name: "a heredoc's text",
        dockerfile: "FROM debian:trixie-slim\nRUN <<EOF\necho MARK\necho one\nEOF\n",
        options: NONE,
        change: |place| place.edit("echo one", "echo two"),
        causes: &[("instruction", "its text changed")],
        of_revisions: None,
    },
    Case {
        name: "a file of a heredoc",
        dockerfile: "FROM debian:trixie-slim\nCOPY <<EOF /etc/motd\nMARK\none\nEOF\nRUN echo MARK\n",
        options: NONE,
        change: |place| place.edit("one", "two"),
        causes: &[("instruction", "its text changed")],
        of_revisions: Some("COPY <<EOF /etc/motd is not what the base builds: its text changed"),
    },
    Case {
        name: "--link",
        dockerfile: COPIED,
        options: NONE,
        change: |place| place.edit("COPY main.go", "COPY --link main.go"),
        causes: &[("instruction", "--link")],
        of_revisions: None,
    },
    Case {
        name: "a build secret does not count",
        dockerfile: "FROM debian:trixie-slim\n\
                     RUN --mount=type=secret,id=s cat /run/secrets/s > /dev/null && echo MARK\n",
        options: [
            &["--secret", "id=s,env=PLANTED"],
            &["--secret", "id=s,env=PATH"],
        ],
        change: |_| {},
        causes: &[],
        of_revisions: None,
    },
    Case {
        name: "an argument of bake",
        dockerfile: "FROM debian:trixie-slim\nARG VERSION\nRUN echo MARK\n",
        options: [&["bake", "app"], &["bake", "app"]],
        change: |place| bake_file(place, "2"),
        causes: &[("argument", "VERSION is \"2\" now, it was \"1\"")],
        of_revisions: None,
    },
    Case {
        name: "the earlier build failed there",
        dockerfile: "FROM debian:trixie-slim\nRUN echo MARK\n\
                     RUN --mount=type=secret,id=s test -s /run/secrets/s && echo MARK last\n",
        options: [&[], &["--secret", "id=s,env=PLANTED"]],
        change: |_| {},
        causes: &[("not-built", "did not finish it")],
        of_revisions: None,
    },
    Case {
        name: "two causes at once",
        dockerfile: "FROM debian:trixie-slim AS build\nCOPY main.go /\nRUN echo MARK > /x\n\
                     FROM debian:trixie-slim\nARG VERSION\nRUN echo MARK\nCOPY --from=build /x /\n",
        options: [&["--build-arg", "VERSION=1"], &["--build-arg", "VERSION=2"]],
        change: |place| place.write("main.go", "2"),
        causes: &[
            ("files", "main.go changed"),
            ("argument", "VERSION is \"2\""),
        ],
        of_revisions: None,
    },
];

/// The label of base images.
const BASE_IMAGE: &str = "org.buildrace.test.base";

/// Removes the base images, those that lost their name to another among them.
async fn remove_base_images(host: &str) {
    let filters = [("label".to_owned(), vec![BASE_IMAGE.to_owned()])];
    let labelled = ListImagesOptions {
        filters: Some(filters.into()),
        ..Default::default()
    };
    let engine = harness::docker(host);
    let force = RemoveImageOptions {
        force: true,
        ..Default::default()
    };
    for image in engine.list_images(Some(labelled)).await.unwrap() {
        let removed = engine.remove_image(&image.id, Some(force.clone()), None);
        removed.await.unwrap();
    }
}

fn base_image(place: &Place, content: &str) {
    let file = place.folder.path().join("base.Dockerfile");
    let text = format!(
        "FROM debian:trixie-slim\nLABEL {BASE_IMAGE}=\nENV BASE_CONTENT={content}\n\
         RUN echo {} {content} > /content\n",
        place.mark
    );
    fs::write(&file, text).unwrap();
    let tag = format!("buildrace-test-base:{}", place.mark);
    let output = place.buildx(&[
        "build",
        "--file",
        &file.display().to_string(),
        "--tag",
        &tag,
        "--load",
        &place.context().display().to_string(),
    ]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

fn bake_file(place: &Place, version: &str) {
    let file = serde_json::json!({ "target": { "app": {
        "context": place.context(),
        "dockerfile": place.dockerfile,
        "args": { "VERSION": version },
    } } });
    fs::write(
        place.folder.path().join("docker-bake.json"),
        file.to_string(),
    )
    .unwrap();
}

/// Takes the record of the case's RUN out of the cache, and nothing else.
fn prune(place: &Place) {
    prune_records(place, |_| true);
}

/// Takes those records of the case's RUN out of the cache, one or more.
fn prune_records(place: &Place, are_meant: fn(&CacheRecord) -> bool) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let builder = buildrace::builder::NodeBuilder::docker(&place.host)
            .await
            .unwrap();
        let is_meant =
            |record: &CacheRecord| record.description.contains(&place.mark) && are_meant(record);
        prune_those(&builder, is_meant).await;
    });
}

/// Serves a repository over git's own protocol until it is dropped.
struct Served {
    program: Child,
    url: String,
}

impl Served {
    fn new(place: &Place) -> Self {
        let folder = place.folder.path().join("served");
        let repository = folder.join("repository");
        fs::create_dir_all(&repository).unwrap();
        fs::write(repository.join("file"), "1").unwrap();
        git::init(&repository);
        let address = own_address();
        let free = TcpListener::bind((address, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let program = Command::new("git")
            .args(["daemon", "--reuseaddr", "--export-all"])
            .arg(format!("--listen={address}"))
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", folder.display()))
            .arg(&folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let url = format!("git://{address}:{port}/repository");
        for _ in 0..100 {
            if std::net::TcpStream::connect((address, port)).is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        Self { program, url }
    }
}

/// An address of this machine that the engine reaches from a network of its own,
/// as the private one has.
fn own_address() -> IpAddr {
    // Nothing is sent: it is asked which address would be used.
    let socket = UdpSocket::bind(("0.0.0.0", 0)).unwrap();
    match socket.connect(("198.51.100.1", 9)) {
        Ok(()) => socket.local_addr().unwrap().ip(),
        Err(_) => IpAddr::from([127, 0, 0, 1]),
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// What is wrong with what `why` says of a case.
fn check(case: &Case, host: &str) -> Result<(), String> {
    let place = Place::new(case, host, false);
    let mut text = fs::read_to_string(&place.dockerfile).unwrap();
    let served = text.contains("GIT#").then(|| Served::new(&place));
    if let Some(served) = &served {
        text = text.replace("GIT#", &format!("{}.git#", served.url));
        // The protocol is told by the ending; the folder has it, too.
        let folder = place.folder.path().join("served");
        std::os::unix::fs::symlink(folder.join("repository"), folder.join("repository.git"))
            .unwrap();
    }
    fs::write(&place.dockerfile, text).unwrap();
    if case.dockerfile.contains("buildrace-test-base") {
        base_image(&place, "1");
    }
    bake_file(&place, "1");
    let platform = match native().architecture() {
        "amd64" => "linux/arm64",
        _ => "linux/amd64",
    };
    let mut second = case.options[1].to_vec();
    if case.name == "another platform" {
        second.extend(["--platform", platform]);
    }
    let first = place.build(case.options[0]);
    let earlier = place.folder.path().join("earlier");
    copy(&place.context(), &earlier);
    (case.change)(&place);
    let reference = place.build(&second);
    assert!(!reference.is_empty(), "{}", case.name);
    let name = reference.rsplit('/').next().unwrap();
    // With both contexts, and with what is here alone.
    let known = place.why(&[
        name,
        "--earlier-context",
        earlier.to_str().unwrap(),
        "--context",
        place.context().to_str().unwrap(),
    ]);
    let alone = place.why(&[name, "--context", "."]);
    if let Some(first) = first.rsplit('/').next().filter(|first| !first.is_empty()) {
        let told = known["earlier"].as_str().unwrap();
        let short = told.split_whitespace().nth(1).unwrap();
        if !first.starts_with(short) {
            return Err(format!("{}: told against {told}, not {first}", case.name));
        }
    }
    let causes = |answer: &Value| -> Vec<(String, String)> {
        let mut causes = answer["causes"].as_array().unwrap().clone();
        causes.sort_by_key(|cause| cause["steps"][0]["line"].as_u64());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let causes = causes.iter();
        causes
            .map(|cause| (text(&cause["cause"]["kind"]), text(&cause["sentence"])))
            .collect()
    };
    let kinds = |causes: &[(String, String)]| -> Vec<String> {
        causes.iter().map(|(kind, _)| kind.clone()).collect()
    };
    let found = causes(&known);
    let expected: Vec<&str> = case.causes.iter().map(|(kind, _)| *kind).collect();
    let says = found
        .iter()
        .zip(case.causes)
        .all(|((_, sentence), (_, part))| sentence.contains(part));
    let executed = known["executed"].as_u64().unwrap();
    let is_whole = executed == 0 || !found.is_empty();
    let shows_no_secret = !known.to_string().contains("hunter");
    // Without the context of before, files are told by their time stamps.
    let alone = causes(&alone);
    if kinds(&found) != expected || !says || !is_whole || !shows_no_secret {
        return Err(format!("{}: {found:?} of {known}", case.name));
    }
    if kinds(&alone) != expected {
        return Err(format!(
            "{}: {alone:?} without the earlier context",
            case.name
        ));
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(status.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_planted_cause_is_named_and_none_where_the_step_was_cached() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let wrong = Mutex::new(Vec::new());
    let left = Mutex::new(CASES.iter());
    let only = std::env::var("BUILDRACE_TEST_CASE").unwrap_or_default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = left.lock().unwrap().next();
                    let Some(case) = next else { break };
                    if !case.name.contains(&only) {
                        continue;
                    }
                    if let Err(message) = check(case, &engine.host) {
                        wrong.lock().unwrap().push(message);
                    }
                }
            });
        }
    });
    remove_base_images(&engine.host).await;
    engine.clean(usize::MAX, "why-").await;
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_mount_that_was_empty_is_told_of_an_executed_step() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let case = Case {
        name: "an empty cache mount",
        dockerfile: "FROM debian:trixie-slim\n\
                     RUN --mount=type=cache,id=MARK,target=/own \
                     --mount=type=cache,id=MARK-2,uid=1000,target=/owned echo MARK\n",
        options: NONE,
        change: |_| {},
        causes: &[],
        of_revisions: None,
    };
    let built_after = |are_meant: fn(&CacheRecord) -> bool| {
        std::thread::scope(|scope| {
            let work = scope.spawn(|| {
                let place = Place::new(&case, &engine.host, false);
                place.build(&[]);
                prune_records(&place, are_meant);
                let reference = place.build(&[]);
                place.why(&[reference.rsplit('/').next().unwrap()])
            });
            work.join().unwrap()
        })
    };
    let emptied = built_after(|_| true);
    let kept = built_after(|record| record.record_type == "regular");
    engine.clean(usize::MAX, "why-").await;

    let mounts = |answer: &Value| -> Vec<Value> {
        let cause = &answer["causes"][0];
        assert_eq!(cause["cause"]["kind"], "pruned", "{answer}");
        let mounts = cause["empty_cache_mounts"].as_array().unwrap().iter();
        mounts.map(|mount| mount["mount"].clone()).collect()
    };
    assert_eq!(mounts(&emptied), ["/own", "/owned"]);
    assert!(mounts(&kept).is_empty(), "{kept}");
}

/// What is wrong with what `check` says of a case as two revisions.
fn check_revisions(case: &Case, host: &str) -> Result<(), String> {
    let Some(expected) = case.of_revisions else {
        return Ok(());
    };
    let place = Place::new(case, host, true);
    git::init(&place.context());
    (case.change)(&place);
    let [results, reports] = ["results", "reports"].map(|name| place.folder.path().join(name));
    let mut program = Command::new(env!("CARGO_BIN_EXE_buildrace"))
        .current_dir(place.context())
        .args(["check", "--keep-contaminated", "--settle=0s"])
        .args(["--host", host, "--builder", "default", "--results"])
        .arg(results)
        .arg("--reports")
        .arg(reports)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(program.stderr.take().unwrap()).lines();
    let mut said = Vec::new();
    for line in lines.map_while(Result::ok) {
        let is_told = line.contains("racing: ");
        said.push(line);
        if is_told {
            // What a race would find is told by other tests.
            harness::signal(&program, "INT");
        }
    }
    program.wait().unwrap();
    let told = said.iter().find(|line| line.contains("racing: "));
    let is_right = match told {
        Some(told) => !expected.is_empty() && told.contains(expected),
        None => expected.is_empty(),
    };
    match is_right {
        true => Ok(()),
        false => Err(format!("{}: {}", case.name, said.join("\n"))),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_tells_the_cause_of_what_a_revision_builds_anew() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let only = std::env::var("BUILDRACE_TEST_CASE").unwrap_or_default();
    let cases = CASES.iter().filter(|case| case.name.contains(&only));
    let wrong: Vec<String> = cases
        .filter_map(|case| check_revisions(case, &engine.host).err())
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
