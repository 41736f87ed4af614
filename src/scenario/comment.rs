//! How a comment is written in the language of a file, as its name says.

use std::path::Path;

/// What a line of comment begins and ends with, by the endings of file names.
const BY_ENDING: &[(&[&str], (&str, &str))] = &[
    (
        &[
            "c", "h", "cc", "cpp", "cxx", "hh", "hpp", "hxx", "m", "mm", "rs", "go", "js", "mjs",
            "cjs", "jsx", "ts", "tsx", "java", "kt", "kts", "swift", "scala", "cs", "fs", "dart",
            "zig", "proto", "groovy", "gradle", "sol", "d", "scss", "less", "cu", "v",
        ],
        ("//", ""),
    ),
    (
        &[
            "py",
            "pyi",
            "pyx",
            "sh",
            "bash",
            "zsh",
            "rb",
            "pl",
            "pm",
            "yaml",
            "yml",
            "toml",
            "mk",
            "cmake",
            "r",
            "jl",
            "ex",
            "exs",
            "cr",
            "nim",
            "nix",
            "tcl",
            "awk",
            "bzl",
            "dockerfile",
            "conf",
            "properties",
            "graphql",
            "tf",
        ],
        ("#", ""),
    ),
    (&["sql", "lua", "hs", "elm", "adb", "ads"], ("--", "")),
    (
        &["el", "lisp", "clj", "cljs", "scm", "rkt", "ini"],
        (";", ""),
    ),
    (&["tex", "erl", "hrl"], ("%", "")),
    (&["ml", "mli", "pas"], ("(*", " *)")),
    (&["css"], ("/*", " */")),
    (
        &["html", "htm", "xml", "svg", "md", "vue", "xhtml"],
        ("<!--", " -->"),
    ),
];

/// The same by whole names, of files without an ending that says it.
const BY_NAME: &[(&[&str], (&str, &str))] = &[
    (
        &[
            "dockerfile",
            "makefile",
            "gnumakefile",
            "cmakelists.txt",
            "requirements.txt",
            "gemfile",
            "rakefile",
            "build",
            "workspace",
            ".env",
        ],
        ("#", ""),
    ),
    (&["go.mod", "jenkinsfile"], ("//", "")),
];

/// What a line of comment begins and ends with in such a file; `None` where
/// that is not known, or there are none, as in JSON.
pub(super) fn syntax(file: &Path) -> Option<(&'static str, &'static str)> {
    let lower = |text: &std::ffi::OsStr| text.to_string_lossy().to_lowercase();
    let find = |table: &[(&[&str], (&'static str, &'static str))], name: &str| {
        let mut rows = table.iter();
        rows.find(|(names, _)| names.contains(&name))
            .map(|(_, comment)| *comment)
    };
    find(BY_NAME, &lower(file.file_name()?)).or_else(|| find(BY_ENDING, &lower(file.extension()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_language() {
        let syntax = |file: &str| syntax(Path::new(file));
        assert_eq!(syntax("cmd/Main.GO"), Some(("//", "")));
        assert_eq!(syntax("app/setup.py"), Some(("#", "")));
        assert_eq!(syntax("CMakeLists.txt"), Some(("#", "")));
        assert_eq!(syntax("notes.txt"), None);
        assert_eq!(syntax("package.json"), None);
        assert_eq!(syntax("LICENSE"), None);
        assert_eq!(syntax("index.html"), Some(("<!--", " -->")));
    }

    #[test]
    fn no_name_is_there_twice() {
        for table in [BY_ENDING, BY_NAME] {
            let mut names: Vec<&str> = table.iter().flat_map(|row| row.0).copied().collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count);
        }
    }
}
