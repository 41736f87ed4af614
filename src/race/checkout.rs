//! Sources and Dockerfile as builds get them: copies of what edits change, and else the originals,
//! as builds write nothing.

use std::path::{Path, PathBuf};

use crate::scenario::{DockerfileCopy, EditedFiles, NamedEdit, ScenarioError, SourceCopy};

/// Sources and a Dockerfile that can be edited.
#[derive(Debug)]
pub(super) struct Checkout {
    /// The sources as they are.
    original: PathBuf,
    /// The same, to be edited; `None` where nothing is.
    copy: Option<SourceCopy>,
    /// The Dockerfile, to be edited; `None` where it is not.
    dockerfile: Option<DockerfileCopy>,
    /// What was edited, as it was.
    edited: EditedFiles,
}

impl Checkout {
    /// One of which nothing is copied.
    pub(super) fn new(original: &Path) -> Self {
        Self {
            original: original.to_owned(),
            copy: None,
            dockerfile: None,
            edited: EditedFiles::default(),
        }
    }

    /// Copies what edits change.
    ///
    /// # Errors
    /// It cannot be copied.
    pub(super) fn prepare(
        &mut self,
        edits: &[&NamedEdit],
        dockerfile: &Path,
    ) -> Result<(), ScenarioError> {
        if edits.iter().any(|edit| edit.sources().next().is_some()) {
            self.copy = Some(SourceCopy::create(&self.original)?);
        }
        if edits.iter().any(|edit| edit.is_of_dockerfile()) {
            self.dockerfile = Some(DockerfileCopy::create(dockerfile)?);
        }
        Ok(())
    }

    /// The build context.
    pub(super) fn context(&self) -> &Path {
        self.copy.as_ref().map_or(&self.original, SourceCopy::path)
    }

    /// The Dockerfile, where it is another one than the variant's.
    pub(super) fn dockerfile(&self) -> Option<&Path> {
        self.dockerfile.as_ref().map(DockerfileCopy::path)
    }

    /// Makes an edit with a nonce, in place of the one before.
    ///
    /// # Errors
    /// Those of [`EditedFiles::edit`].
    pub(super) fn edit(&mut self, edit: &NamedEdit, nonce: &str) -> Result<(), ScenarioError> {
        let sources = self.copy.as_ref().map_or(Path::new(""), SourceCopy::path);
        let dockerfile = self.dockerfile.as_ref();
        let dockerfile = dockerfile.map_or(Path::new(""), DockerfileCopy::path);
        self.edited.edit(edit, nonce, sources, dockerfile)
    }
}
