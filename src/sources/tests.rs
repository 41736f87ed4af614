//! Which way sources come, and what of them stays.

use std::cell::RefCell;
use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::*;

struct Case {
    folder: TempDir,
    fetch: Fetch,
    told: RefCell<Vec<String>>,
}

impl Case {
    /// A repository with a tag `v1`, and a Dockerfile for where it is not
    /// reached.
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let remote = folder.path().join("remote");
        fs::create_dir(&remote).unwrap();
        fs::write(remote.join("main.go"), "package main\n").unwrap();
        let git = |arguments: &[&str]| {
            let output = Command::new("git")
                .args(["-c", "user.name=A", "-c", "user.email=a@example.com", "-C"])
                .arg(&remote)
                .args(arguments)
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        git(&["init", "--quiet"]);
        git(&["add", "."]);
        git(&["commit", "--quiet", "--message", "First"]);
        git(&["tag", "v1"]);
        let commit = git(&["rev-parse", "HEAD"]).trim().to_owned();
        let dockerfile = folder.path().join("otherwise/Dockerfile");
        fs::create_dir(folder.path().join("otherwise")).unwrap();
        fs::write(&dockerfile, "FROM scratch\n").unwrap();
        Self {
            fetch: Fetch {
                git: format!("file://{}", remote.display()),
                reference: "v1".into(),
                commit,
                otherwise: Some(Otherwise {
                    dockerfile,
                    shown: "otherwise/Dockerfile".into(),
                }),
            },
            folder,
            told: RefCell::default(),
        }
    }

    fn cache(&self) -> Cache {
        Cache::under(&self.folder.path().join("cache"))
    }

    fn entries(&self) -> Vec<String> {
        let folder = self.folder.path().join("cache/buildrace/sources");
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    async fn obtain(
        &self,
        build: impl AsyncFnOnce(&Otherwise, &Path) -> Result<(), SourcesError>,
    ) -> Result<Found, SourcesError> {
        let tell = |line: &str| self.told.borrow_mut().push(line.to_owned());
        let (native, stop) = (Platform::linux("amd64"), CancellationToken::new());
        obtain(&self.fetch, &native, &self.cache(), &stop, &tell, build).await
    }

    fn last_told(&self) -> String {
        self.told.borrow().last().unwrap().clone()
    }
}

async fn no_build(_: &Otherwise, _: &Path) -> Result<(), SourcesError> {
    panic!("built")
}

/// Sends back what a Dockerfile would.
async fn send(_: &Otherwise, archive: &Path) -> Result<(), SourcesError> {
    let mut builder = tar::Builder::new(fs::File::create(archive).unwrap());
    for (name, content) in [("SOURCE", "package x 1.0\n"), ("main.go", "package x\n")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder
            .append_data(&mut header, name, content.as_bytes())
            .unwrap();
    }
    builder.finish().unwrap();
    Ok(())
}

#[tokio::test]
async fn git_comes_first_and_once() {
    let case = Case::new();
    let found = case.obtain(no_build).await.unwrap();
    let main = found.folder.join("main.go");
    assert_eq!(fs::read_to_string(&main).unwrap(), "package main\n");
    assert_eq!(
        found.from,
        SourcesFrom::Git {
            git: "file:///…/remote".into(),
            reference: "v1".into(),
            commit: case.fetch.commit.clone(),
        }
    );
    fs::remove_dir_all(case.folder.path().join("remote")).unwrap();
    assert_eq!(case.obtain(no_build).await.unwrap(), found);
    assert!(case.last_told().ends_with("fetched before"));
    assert_eq!(case.entries().len(), 1, "{:?}", case.entries());
}

#[tokio::test]
async fn what_was_changed_in_the_cache_is_fetched_again() {
    let case = Case::new();
    let found = case.obtain(no_build).await.unwrap();
    let main = found.folder.join("main.go");
    fs::write(&main, "something else\n").unwrap();
    assert_eq!(case.obtain(no_build).await.unwrap(), found);
    assert_eq!(fs::read_to_string(&main).unwrap(), "package main\n");
    assert_eq!(case.entries().len(), 1, "{:?}", case.entries());
}

#[tokio::test]
async fn where_git_has_no_answer_they_are_built_once() {
    let mut case = Case::new();
    case.fetch.reference = "v2".into();
    let found = case.obtain(send).await.unwrap();
    assert_eq!(
        found.from.describe(),
        "package x 1.0, by otherwise/Dockerfile"
    );
    let names: Vec<_> = fs::read_dir(&found.folder).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(
        case.told
            .borrow()
            .iter()
            .any(|line| line.contains("no tag or branch v2; building otherwise/Dockerfile")),
        "{:?}",
        case.told
    );
    assert_eq!(case.obtain(no_build).await.unwrap(), found);

    // What lies beside the Dockerfile is its context: another one makes
    // other sources.
    fs::write(case.folder.path().join("otherwise/list"), "more\n").unwrap();
    assert_ne!(case.obtain(send).await.unwrap().folder, found.folder);
}

#[tokio::test]
async fn another_commit_is_not_made_good_by_a_build() {
    let mut case = Case::new();
    case.fetch.commit = "0".repeat(40);
    let error = case.obtain(no_build).await.unwrap_err();
    let moved = matches!(error, SourcesError::Git(GitError::Moved { .. }));
    assert!(moved, "{error}");
    assert!(case.entries().is_empty(), "{:?}", case.entries());
}

#[tokio::test]
async fn what_fails_leaves_nothing() {
    let mut case = Case::new();
    case.fetch.reference = "v2".into();
    let fails = async |_: &Otherwise, archive: &Path| {
        fs::write(archive, "no archive").unwrap();
        Ok(())
    };
    let error = case.obtain(fails).await.unwrap_err();
    assert!(matches!(error, SourcesError::Unpack { .. }), "{error}");
    assert!(case.entries().is_empty(), "{:?}", case.entries());

    case.fetch.otherwise = None;
    let error = case.obtain(no_build).await.unwrap_err().to_string();
    assert!(error.contains("no tag or branch v2"), "{error}");
}

#[tokio::test]
async fn a_half_written_entry_is_not_taken_and_goes_in_time() {
    let case = Case::new();
    let found = case.obtain(no_build).await.unwrap();
    let entry = found.folder.parent().unwrap();
    let cut_off = entry.with_file_name(".new-cut-off");
    fs::rename(entry, &cut_off).unwrap();
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(2 * 24 * 3600);
    fs::File::open(&cut_off).unwrap().set_modified(old).unwrap();
    assert_eq!(case.obtain(no_build).await.unwrap(), found);
    assert!(!cut_off.exists());
}
