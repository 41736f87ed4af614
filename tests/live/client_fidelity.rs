//! Our client does what `docker buildx build` does: on the same engine and
//! context the same steps, the same of them cached, and the same image — from
//! nothing, after an edit, and unchanged.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::support::archive::{Files, image_files};
use super::support::buildx::Buildx;
use super::support::{Engine, Job, Steps, fold_all, unique};

/// A context, and the file in it that an edit changes.
struct Subject {
    _folder: TempDir,
    root: PathBuf,
    dockerfile: PathBuf,
    edit: PathBuf,
    /// Name of the stage, and so part of each step's: it tells our cache
    /// records from others'.
    stage: String,
}

impl Subject {
    /// A context that copies all of itself. Its last part is its own, as
    /// buildx names to BuildKit no more of a context than that.
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let root = folder.path().join(unique("context"));
        fs::create_dir(&root).unwrap();
        let subject = Self {
            dockerfile: root.join("Dockerfile"),
            edit: root.join("edited"),
            stage: unique("stage"),
            _folder: folder,
            root,
        };
        subject.write("Dockerfile", subject.copying(". /"));
        subject
    }

    /// A Dockerfile that copies this. It has a second stage, as steps carry
    /// their stage's name only where there are several.
    fn copying(&self, what: &str) -> String {
        format!("FROM scratch AS {0}\nCOPY {what}\nFROM {0}\n", self.stage)
    }

    fn write(&self, path: impl AsRef<OsStr>, content: impl AsRef<[u8]>) {
        let at = self.root.join(path.as_ref());
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, content).unwrap();
    }
}

/// What one client made of a build.
#[derive(Debug)]
struct Made {
    steps: Steps,
    files: Files,
}

/// Builds with both clients, three times each, and compares. Returns what the
/// first build of our client put in the image.
async fn compare(engine: &Engine, subject: &Subject) -> Files {
    let compared = compare_unless_refused(engine, subject).await;
    compared.unwrap_or_else(|reason| panic!("{reason}"))
}

/// As [`compare`]; where the first of our builds fails, buildx must fail for the
/// same reason, which is returned.
async fn compare_unless_refused(engine: &Engine, subject: &Subject) -> Result<Files, String> {
    let out = TempDir::new().unwrap();
    let archive = out.path().join("image.tar");
    let job = Job {
        context: subject.root.clone(),
        dockerfile: subject.dockerfile.clone(),
        archive: Some(archive.clone()),
        ..Job::new(&subject.root)
    };
    let buildx = Buildx::on(&engine.host);
    let mut made: Vec<Vec<Made>> = Vec::new();
    for side in ["ours", "buildx"] {
        // New to the engine, whatever the other client has built.
        subject.write("nonce", unique(side));
        let mut builds = Vec::new();
        for build in ["cold", "edited", "unchanged"] {
            match build {
                "cold" => fs::write(&subject.edit, "before").unwrap(),
                "edited" => fs::write(&subject.edit, "after").unwrap(),
                _ => {}
            }
            let steps = if side == "ours" {
                let (end, statuses) = engine.record(&job).await;
                if let Err(error) = end.result {
                    assert_eq!(build, "cold", "{error}");
                    return Err(refused_alike(&buildx, &job, &error.to_string()));
                }
                fold_all(&statuses)
            } else {
                buildx.build(&job)
            };
            let files = image_files(&archive);
            builds.push(Made { steps, files });
        }
        made.push(builds);
    }
    engine.clean(6, &subject.stage).await;
    let theirs = made.pop().unwrap();
    let ours = made.pop().unwrap();
    for ((build, ours), theirs) in ["cold", "edited", "unchanged"]
        .iter()
        .zip(&ours)
        .zip(&theirs)
    {
        assert_eq!(ours.steps, theirs.steps, "steps, {build}");
        assert_eq!(
            comparable(&ours.files),
            comparable(&theirs.files),
            "image, {build}"
        );
    }
    let copies_cached = |made: &Made| -> Vec<bool> {
        let steps = made.steps.iter();
        steps
            .filter(|(n, _)| n.contains("COPY"))
            .map(|(_, c)| *c)
            .collect()
    };
    assert_eq!(copies_cached(&ours[0]), [false], "{:?}", ours[0].steps);
    assert_eq!(copies_cached(&ours[1]), [false], "{:?}", ours[1].steps);
    assert_eq!(copies_cached(&ours[2]), [true], "{:?}", ours[2].steps);
    Ok(ours.into_iter().next().unwrap().files)
}

/// Checks that buildx fails as we did, and returns the reason.
fn refused_alike(buildx: &Buildx, job: &Job, ours: &str) -> String {
    let output = buildx.command(job).output().unwrap();
    let theirs = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "buildx builds; ours: {ours}");
    // The gist, without what each client puts around it.
    let gist = ours.rsplit(": ").next().unwrap();
    assert!(theirs.contains(gist), "ours: {ours}\nbuildx: {theirs}");
    ours.to_owned()
}

/// Without what differs between the two by design: the nonce's content, and
/// when it, the edited file and the folders were written.
fn comparable(files: &Files) -> Files {
    let mut files = files.clone();
    for (path, file) in &mut files {
        if path.ends_with("nonce") {
            file.digest.clear();
            file.size = 0;
        }
        if path.ends_with("nonce") || path.ends_with("edited") || file.kind == '5' {
            file.modified = 0;
        }
    }
    files
}

fn names(files: &Files) -> Vec<&str> {
    files.keys().map(String::as_str).collect()
}

#[tokio::test]
async fn plain_files() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let subject = Subject::new();
    subject.write("src/main.go", "package main\n");
    subject.write("src-gen/a", "a");
    subject.write("src.txt", "b");
    subject.write("empty-file", "");
    let files = compare(&engine, &subject).await;
    assert_eq!(
        names(&files),
        [
            "Dockerfile",
            "edited",
            "empty-file",
            "nonce",
            "src-gen/",
            "src-gen/a",
            "src.txt",
            "src/",
            "src/main.go"
        ]
    );
}

#[tokio::test]
async fn dockerignore() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let subject = Subject::new();
    subject.write(
        ".dockerignore",
        "# a comment\n\n  docs  \n!docs/keep\t\n**/*.log\n!**/wanted.log\n/rooted\n\
         build/**/cache\nvendor/\n!vendor/mod?les.txt\nsp ace \n#hash\n\\#escaped\n*.t[mx]p\ncaf\u{e9}*\n",
    );
    for path in [
        "docs/a.md",
        "docs/keep/b.md",
        "docs/keep/deep/c.md",
        "a.log",
        "x/y/b.log",
        "x/y/wanted.log",
        "rooted",
        "sub/rooted",
        "build/cache/1",
        "build/x/y/cache/2",
        "build/x/cached",
        "vendor/lib/v.go",
        "vendor/modules.txt",
        "sp ace/s",
        "#hash",
        "#escaped",
        "a.tmp",
        "b.txp",
        "sub/c.tmp",
        "caf\u{e9}.txt",
        "cafe.txt",
    ] {
        subject.write(path, path);
    }
    let files = compare(&engine, &subject).await;
    let files: Vec<&str> = names(&files)
        .into_iter()
        .filter(|n| !n.ends_with('/'))
        .collect();
    assert_eq!(
        files,
        [
            "#hash",
            ".dockerignore",
            "Dockerfile",
            "build/x/cached",
            "cafe.txt",
            "docs/keep/b.md",
            "docs/keep/deep/c.md",
            "edited",
            "nonce",
            "sub/c.tmp",
            "sub/rooted",
            "vendor/modules.txt",
            "x/y/wanted.log"
        ]
    );
}

#[tokio::test]
async fn ignore_file_of_a_dockerfile_elsewhere() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let mut subject = Subject::new();
    let elsewhere = TempDir::new().unwrap();
    subject.dockerfile = elsewhere.path().join("cross.Dockerfile");
    fs::write(&subject.dockerfile, subject.copying(". /")).unwrap();
    fs::write(
        elsewhere.path().join("cross.Dockerfile.dockerignore"),
        "ignored-by-own\n",
    )
    .unwrap();
    subject.write(".dockerignore", "ignored-by-common\n");
    subject.write("ignored-by-own", "");
    subject.write("ignored-by-common", "");
    let files = compare(&engine, &subject).await;
    assert_eq!(
        names(&files),
        [
            ".dockerignore",
            "Dockerfile",
            "edited",
            "ignored-by-common",
            "nonce"
        ]
    );
}

#[tokio::test]
async fn symlinks() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let mut subject = Subject::new();
    subject.write(
        "Dockerfile",
        subject.copying("nonce links/to-* via/x absolute /out/"),
    );
    subject.write("real/x", "x");
    subject.write("real/unrelated", "not named, so not needed");
    subject.write("other/edited", "");
    subject.edit = subject.root.join("other/edited");
    fs::create_dir(subject.root.join("links")).unwrap();
    symlink("../real/x", subject.root.join("links/to-x")).unwrap();
    symlink("../other/edited", subject.root.join("links/to-edited")).unwrap();
    symlink("real", subject.root.join("via")).unwrap();
    symlink("/real/x", subject.root.join("absolute")).unwrap();
    let files = compare(&engine, &subject).await;
    assert!(
        names(&files).contains(&"out/to-edited"),
        "{:?}",
        names(&files)
    );
}

#[tokio::test]
async fn links_modes_and_empty_folders() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let subject = Subject::new();
    subject.write("bin/tool", "#!/bin/sh\n");
    subject.write("bin/setuid", "s");
    subject.write("secret", "s");
    for (path, mode) in [
        ("bin/tool", 0o755),
        ("bin/setuid", 0o6711),
        ("secret", 0o600),
    ] {
        fs::set_permissions(subject.root.join(path), PermissionsExt::from_mode(mode)).unwrap();
    }
    fs::create_dir_all(subject.root.join("empty/inner")).unwrap();
    fs::set_permissions(
        subject.root.join("empty"),
        PermissionsExt::from_mode(0o1777),
    )
    .unwrap();
    symlink("bin/tool", subject.root.join("link")).unwrap();
    symlink("nowhere/at/all", subject.root.join("dangling")).unwrap();
    symlink("/etc/passwd", subject.root.join("outside")).unwrap();
    symlink(".", subject.root.join("loop")).unwrap();
    fs::hard_link(subject.root.join("bin/tool"), subject.root.join("hard")).unwrap();
    fs::hard_link(subject.root.join("bin/tool"), subject.root.join("a-hard")).unwrap();
    let _listener = UnixListener::bind(subject.root.join("socket")).unwrap();
    let files = compare(&engine, &subject).await;
    let of = |name: &str| &files[name];
    assert_eq!(of("bin/setuid").mode, 0o6711);
    assert_eq!(of("empty/").mode, 0o1777);
    assert_eq!(of("empty/inner/").kind, '5');
    assert_eq!(of("dangling").target, b"nowhere/at/all");
    assert_eq!(of("hard").kind, '1');
    assert_eq!((of("socket").kind, of("socket").size), ('0', 0));
}

#[tokio::test]
async fn names_that_are_not_utf8() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let subject = Subject::new();
    subject.write(OsStr::from_bytes(b"caf\xe9"), "latin-1");
    subject.write(OsStr::from_bytes(b"dir\xff/in\xfe"), "bytes");
    subject.write("caf\u{e9}", "utf-8");
    subject.write("new\nline", "n");
    symlink(
        OsStr::from_bytes(b"dir\xff/in\xfe"),
        subject.root.join("link"),
    )
    .unwrap();
    let files = match compare_unless_refused(&engine, &subject).await {
        Ok(files) => files,
        // From 0.17 on, BuildKit takes messages of valid UTF-8 only.
        Err(reason) => {
            assert!(reason.contains("invalid UTF-8"), "{reason}");
            return;
        }
    };
    assert!(files.contains_key(r"dir\xff/in\xfe"), "{:?}", names(&files));
    assert!(files.contains_key(r"caf\xe9"));
    assert_eq!(files["link"].target, b"dir\xff/in\xfe");
}

fn ten_thousand(root: &Path, bytes: usize) {
    for i in 0..10_000 {
        let at = root.join(format!("d{}/e{}/f{i}", i % 20, i % 50));
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(
            at,
            format!("{i} ").repeat(bytes / (i.to_string().len() + 1)),
        )
        .unwrap();
    }
}

#[tokio::test]
async fn ten_thousand_files() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let mut subject = Subject::new();
    ten_thousand(&subject.root, 1000);
    subject.edit = subject.root.join("d3/e3/edited");
    let files = compare(&engine, &subject).await;
    assert_eq!(files.values().filter(|f| f.kind == '0').count(), 10_003);
}

#[tokio::test]
async fn one_large_file() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let subject = Subject::new();
    let content: Vec<u8> = (0..200_000_000_u32).map(|i| (i / 1000) as u8).collect();
    subject.write("large", &content);
    let files = compare(&engine, &subject).await;
    assert_eq!(files["large"].size, 200_000_000);
}

#[tokio::test]
async fn an_edit_sends_the_content_of_that_file_only() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let subject = Subject::new();
    ten_thousand(&subject.root, 2000);
    subject.write("nonce", unique("bytes"));
    subject.write("edited", "before");
    let job = Job::new(&subject.root);
    let sent = async || {
        let (end, _) = engine.build(&job).await;
        end.result.unwrap();
        end.context_bytes
    };
    let first = sent().await;
    let unchanged = sent().await;
    subject.write("edited", vec![b'x'; 50_000]);
    let edited = sent().await;
    engine.clean(3, &subject.stage).await;
    assert!(first > 19_000_000, "{first}");
    // A name and some numbers for each of the files.
    assert!(unchanged < 10_200 * 100, "{unchanged}");
    let of_the_edit = edited - unchanged;
    assert!((50_000..50_100).contains(&of_the_edit), "{of_the_edit}");
}
