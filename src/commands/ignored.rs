//! What a build never sees of a folder, and need not be copied: what
//! `.dockerignore` leaves out, and results of earlier runs.

use std::fs;
use std::path::Path;

use crate::buildkit::filesync::pattern::PatternMatcher;
use crate::scenario::ignore_file;

/// The folder's own list of what to leave out.
const IGNORE_FILE: &str = ".dockerignore";

/// What `.dockerignore` leaves out of a build context.
pub(super) struct Ignored(Option<PatternMatcher>);

impl Ignored {
    /// The list that BuildKit goes by: the one beside the Dockerfile, or else
    /// the context's. One that takes something back with `!`, or that cannot be
    /// read, leaves nothing out here; BuildKit has the last word on it anyway.
    pub fn of(dockerfile: &Path, context: &Path) -> Self {
        let list = fs::read(ignore_file(dockerfile))
            .or_else(|_| fs::read(context.join(IGNORE_FILE)))
            .unwrap_or_default();
        let matcher = PatternMatcher::new(&patterns(&list)).ok();
        Self(matcher.filter(|matcher| !matcher.has_negations()))
    }

    /// Whether a path relative to the context is left out. The list itself never
    /// is: BuildKit asks for it.
    pub fn leaves_out(&self, path: &Path) -> bool {
        let bytes = path.as_os_str().as_encoded_bytes();
        let matcher = self.0.as_ref().filter(|_| path != Path::new(IGNORE_FILE));
        matcher.is_some_and(|matcher| matcher.matches(bytes).unwrap_or(false))
    }
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
    fn what_the_list_names_is_left_out_but_for_the_list() {
        let modules = ["node_modules", "node_modules/a/b.js"];
        assert_eq!(left_out("# all\n\n /node_modules \n.*\n", None), modules);
        assert_eq!(left_out("node_modules\n!node_modules/a\n", None), [""; 0]);
        assert_eq!(left_out("[\n", None), [""; 0]);
        assert_eq!(left_out("node_modules", Some("src")), ["src/main.rs"]);
    }
}
