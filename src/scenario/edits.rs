//! The edits that incremental builds make, by their names. Each changes one file or
//! several, and takes the place of the one made before it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::copy::write_over;
use super::edit::{Edit, EditError, Edited};
use super::error::ScenarioError;
use crate::model::{BuildKind, Label};

/// An edit with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedEdit {
    /// Its name; `source` is the one that needs none.
    pub name: Label,
    /// What it changes, all at once.
    pub parts: Vec<Edit>,
}

impl NamedEdit {
    /// The kind of the builds after it.
    pub fn kind(&self) -> BuildKind {
        BuildKind::after(self.name)
    }

    /// The files of the sources that it changes.
    pub fn sources(&self) -> impl Iterator<Item = &Path> {
        self.parts.iter().filter_map(|part| part.file.source())
    }

    /// Whether it changes Dockerfiles.
    pub fn is_of_dockerfile(&self) -> bool {
        let mut parts = self.parts.iter();
        parts.any(|part| part.file == Edited::Dockerfile)
    }

    /// Checks that it can be made in a folder of sources and a Dockerfile.
    ///
    /// # Errors
    /// Those of [`Edit::check`], of its first part that cannot be made.
    pub fn check(&self, sources: &Path, dockerfile: &Path) -> Result<(), EditError> {
        let mut parts = self.parts.iter();
        parts.try_for_each(|part| part.check(sources, dockerfile))
    }

    /// What it does, in a line for results.
    pub fn describe(&self) -> String {
        let parts: Vec<String> = self.parts.iter().map(Edit::describe).collect();
        parts.join("; ")
    }

    /// Adds a part to the edit of a name.
    pub fn add(edits: &mut Vec<Self>, name: Label, part: Edit) {
        match edits.iter_mut().find(|edit| edit.name == name) {
            Some(edit) => edit.parts.push(part),
            None => edits.push(Self {
                name,
                parts: vec![part],
            }),
        }
    }
}

/// Files that are edited, as they were.
#[derive(Debug, Default)]
pub struct EditedFiles {
    originals: BTreeMap<PathBuf, Vec<u8>>,
}

impl EditedFiles {
    /// Makes an edit with this nonce in a copy of the sources and in one of the
    /// Dockerfile, in place of an edit made before. The nonce should be letters and
    /// digits, as it may end up in any language's string.
    ///
    /// # Errors
    /// What it changes is gone since it was checked, or a copy cannot be read or
    /// written.
    pub fn edit(
        &mut self,
        edit: &NamedEdit,
        nonce: &str,
        sources: &Path,
        dockerfile: &Path,
    ) -> Result<(), ScenarioError> {
        let place = |part: &Edit| match part.file.source() {
            Some(file) => sources.join(file),
            None => dockerfile.to_owned(),
        };
        for path in edit.parts.iter().map(place) {
            if let Entry::Vacant(place) = self.originals.entry(path) {
                let original = fs::read(place.key())
                    .map_err(|error| ScenarioError::io("read", place.key(), error))?;
                place.insert(original);
            }
        }
        let mut edited: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
        for part in &edit.parts {
            let path = place(part);
            let before = edited.get(&path).or(self.originals.get(&path));
            let after = part.apply(before.map_or(&[][..], Vec::as_slice), nonce);
            let after =
                after.map_err(|error| ScenarioError::io("edit", &path, io::Error::other(error)))?;
            edited.insert(path, after);
        }
        for (path, original) in &self.originals {
            let content = edited.get(path).unwrap_or(original);
            // A file that stays as it is keeps its time, by which a sync knows it.
            if fs::read(path).is_ok_and(|found| found == *content) {
                continue;
            }
            write_over(path, content).map_err(|error| ScenarioError::io("edit", path, error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;
    use crate::scenario::{Change, SourceCopy};

    fn replace(file: &str, find: &str) -> Edit {
        Edit {
            file: Edited::Source(file.into()),
            change: Change::Replace {
                find: find.into(),
                replace: format!("{find} {{nonce}}"),
            },
        }
    }

    fn named(name: &str, parts: Vec<Edit>) -> NamedEdit {
        NamedEdit {
            name: name.parse().unwrap(),
            parts,
        }
    }

    /// Sources, and a copy to edit.
    fn copied() -> (TempDir, SourceCopy) {
        let sources = TempDir::new().unwrap();
        for (name, text) in [
            ("main.go", "main\n"),
            ("go.mod", "module\n"),
            ("go.sum", ""),
        ] {
            fs::write(sources.path().join(name), text).unwrap();
        }
        let run = sources.path().join("main.go");
        fs::set_permissions(run, fs::Permissions::from_mode(0o755)).unwrap();
        let copy = SourceCopy::create(sources.path()).unwrap();
        (sources, copy)
    }

    #[test]
    fn an_edit_takes_the_place_of_the_one_before_it() {
        let (sources, copy) = copied();
        let dockerfile = sources.path().join("Dockerfile");
        fs::write(&dockerfile, "FROM scratch").unwrap();
        let source = named("source", vec![replace("main.go", "main")]);
        let others = named(
            "others",
            vec![
                replace("go.mod", "module"),
                replace("main.go", "main"),
                Edit::label(),
            ],
        );
        let mut files = EditedFiles::default();
        let mut after = |edit: &NamedEdit, nonce: &str| {
            files.edit(edit, nonce, copy.path(), &dockerfile).unwrap();
            let read = |path: PathBuf| fs::read_to_string(path).unwrap();
            let sources = ["main.go", "go.mod"].map(|name| read(copy.path().join(name)));
            [&sources[..], &[read(dockerfile.clone())]].concat()
        };
        let of = |texts: [&str; 3]| texts.map(str::to_owned).to_vec();
        assert_eq!(
            after(&source, "1"),
            of(["main 1\n", "module\n", "FROM scratch"])
        );
        assert_eq!(
            after(&others, "2"),
            of([
                "main 2\n",
                "module 2\n",
                "FROM scratch\nLABEL buildrace.edit=2\n"
            ])
        );
        assert_eq!(
            after(&source, "3"),
            of(["main 3\n", "module\n", "FROM scratch"])
        );
        let mode = fs::metadata(copy.path().join("main.go"))
            .unwrap()
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o755);
        let original = fs::read_to_string(sources.path().join("main.go")).unwrap();
        assert_eq!(original, "main\n");
    }

    #[test]
    fn parts_of_one_file_are_made_one_after_another() {
        let (_sources, copy) = copied();
        let twice = named(
            "twice",
            vec![replace("main.go", "main"), replace("main.go", "\n")],
        );
        let mut files = EditedFiles::default();
        files.edit(&twice, "1", copy.path(), Path::new("")).unwrap();
        let text = fs::read_to_string(copy.path().join("main.go")).unwrap();
        assert_eq!(text, "main 1\n 1");
    }

    #[test]
    fn what_is_gone_since_it_was_checked_is_an_error() {
        let (_sources, copy) = copied();
        let gone = named("source", vec![replace("main.go", "gone")]);
        let mut files = EditedFiles::default();
        let error = files.edit(&gone, "n", copy.path(), Path::new(""));
        let message = error.unwrap_err().to_string();
        assert!(message.contains("matches nothing in"), "{message}");
    }
}
