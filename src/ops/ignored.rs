//! What a build never sees of a folder, and need not be copied: what
//! `.dockerignore` leaves out, and results of earlier runs.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::buildkit::filesync::pattern::PatternMatcher;
use crate::scenario::{Scenario, ignore_file, read_file};

/// The folder's own list of what to leave out.
const IGNORE_FILE: &str = ".dockerignore";

/// What `.dockerignore` leaves out of a build context.
pub struct Ignored(Option<PatternMatcher>);

impl Ignored {
    /// The list that BuildKit goes by: the one beside the Dockerfile, or else
    /// the context's. One that takes something back with `!`, or that cannot be
    /// read, leaves nothing out here; BuildKit has the last word on it anyway.
    pub fn of(dockerfile: &Path, context: &Path) -> Self {
        let Self(matcher) = Self::with_exceptions(dockerfile, context);
        Self(matcher.filter(|matcher| !matcher.has_negations()))
    }

    /// The same with what it takes back.
    pub fn with_exceptions(dockerfile: &Path, context: &Path) -> Self {
        let list = read_file(&ignore_file(dockerfile))
            .or_else(|_| read_file(&context.join(IGNORE_FILE)))
            .unwrap_or_default();
        Self(PatternMatcher::new(&patterns(&list)).ok())
    }

    /// Whether something in a folder that is left out may be taken back.
    pub fn takes_back(&self) -> bool {
        self.0.as_ref().is_some_and(PatternMatcher::has_negations)
    }

    /// Whether a path relative to the context is left out. The list itself never
    /// is: BuildKit asks for it.
    pub fn leaves_out(&self, path: &Path) -> bool {
        let bytes = path.as_os_str().as_encoded_bytes();
        let matcher = self.0.as_ref().filter(|_| path != Path::new(IGNORE_FILE));
        matcher.is_some_and(|matcher| matcher.matches(bytes).unwrap_or(false))
    }
}

/// What is left out of the copies that are built from: what no build would see
/// of a context, and results of earlier runs, which would make every build's
/// context another one. Where a scenario's sources are a whole repository, so
/// is its `.git`: every commit and every `git fetch` would be an edit.
pub fn left_out(
    results: [&Path; 2],
    scenarios: &[Scenario],
) -> anyhow::Result<impl Fn(&Path, &Path, &[PathBuf]) -> bool + use<>> {
    let own = results.map(|folder| {
        // One that is not made yet holds nothing.
        folder
            .canonicalize()
            .or_else(|_| std::path::absolute(folder))
    });
    let [results, reports] = own;
    let own = [results?, reports?];
    let of_project: Vec<PathBuf> = scenarios
        .iter()
        .filter(|scenario| !scenario.toml_path.as_os_str().is_empty() && scenario.fetch.is_none())
        .map(|scenario| scenario.sources.clone())
        .collect();
    let ignored: RefCell<HashMap<(PathBuf, PathBuf), Ignored>> = RefCell::default();
    Ok(
        move |context: &Path, path: &Path, dockerfiles: &[PathBuf]| {
            let full = context.canonicalize();
            if full.is_ok_and(|full| own.contains(&full.join(path)))
                || (path == Path::new(".git") && of_project.iter().any(|it| it == context))
            {
                return true;
            }
            let mut ignored = ignored.borrow_mut();
            let mut by_all = dockerfiles.iter().map(|dockerfile| {
                let key = (dockerfile.clone(), context.to_owned());
                let list = ignored
                    .entry(key)
                    .or_insert_with(|| Ignored::of(dockerfile, context));
                list.leaves_out(path)
            });
            !dockerfiles.is_empty() && by_all.all(|left_out| left_out)
        },
    )
}

/// The patterns of an ignore file, as moby/patternmatcher's `ignorefile` reads
/// them: comments and blank lines left out, a leading `/` is the context.
fn patterns(list: &[u8]) -> Vec<Vec<u8>> {
    let list = list.strip_prefix(b"\xef\xbb\xbf").unwrap_or(list);
    let lines = list.split(|byte| *byte == b'\n');
    lines
        .filter(|line| !line.starts_with(b"#"))
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
        .map(|line| match line {
            [b'/', rest @ ..] if !rest.is_empty() => rest.to_vec(),
            line => line.to_vec(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn left_out(list: &str, beside: Option<&str>) -> Vec<&'static str> {
        let folder = tempfile::tempdir().unwrap();
        let dockerfile = folder.path().join("Dockerfile");
        fs::write(folder.path().join(IGNORE_FILE), list).unwrap();
        if let Some(beside) = beside {
            fs::write(folder.path().join("Dockerfile.dockerignore"), beside).unwrap();
        }
        let ignored = Ignored::of(&dockerfile, folder.path());
        let paths = [
            "node_modules",
            "node_modules/a/b.js",
            "src/main.rs",
            ".dockerignore",
        ];
        let paths = paths.into_iter();
        paths
            .filter(|path| ignored.leaves_out(Path::new(path)))
            .collect()
    }

    #[test]
    fn a_scenario_over_a_whole_project_sees_neither_results_nor_git() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for file in [
            "main.go",
            ".git/HEAD",
            "vendor/.git",
            "results/r/run.json",
            "reports/r/report.md",
            "lib/results/kept",
        ] {
            write(file, "x");
        }
        for variant in ["naive", "cross"] {
            write(&format!("{variant}.Dockerfile"), "FROM scratch\nCOPY . /\n");
        }
        let toml = r#"title = "x"
sources = "../.."
platforms = ["linux/amd64"]
edit = { file = "main.go", find = "x", replace = "{nonce}" }
[[variant]]
name = "naive"
dockerfile = "../../naive.Dockerfile"
reference = true
[[variant]]
name = "cross"
dockerfile = "../../cross.Dockerfile"
"#;
        write("scenarios/app/scenario.toml", toml);
        let project = crate::scenario::Project::find(folder.path()).unwrap();
        let scenarios = project.load(&[]).unwrap();
        let own = ["results", "reports"].map(|name| folder.path().join(name));
        let skip = super::left_out(own.each_ref().map(PathBuf::as_path), &scenarios).unwrap();
        let snapshot = crate::scenario::Snapshot::take(&scenarios, &skip).unwrap();
        let copy = &snapshot.scenarios()[0].sources;
        let is_there = |path: &str| copy.join(path).exists();
        for path in [
            "main.go",
            "lib/results/kept",
            "vendor/.git",
            "scenarios/app/scenario.toml",
        ] {
            assert!(is_there(path), "{path}");
        }
        for path in [".git", "results", "reports"] {
            assert!(!is_there(path), "{path}");
        }
    }

    #[test]
    fn what_the_list_names_is_left_out_but_for_the_list() {
        let modules = ["node_modules", "node_modules/a/b.js"];
        assert_eq!(left_out("# all\n\n /node_modules \n.*\n", None), modules);
        assert_eq!(left_out("node_modules\n!node_modules/a\n", None), [""; 0]);
        assert_eq!(left_out("[\n", None), [""; 0]);
        assert_eq!(left_out("node_modules", Some("src")), ["src/main.rs"]);
    }
}
