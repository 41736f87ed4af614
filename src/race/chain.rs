//! Builds of a variant that start from one another's state: their sources, with
//! the edit that was made last, and what they are called by in the builder's
//! cache.
//!
//! It notices whether a build found in the cache what the builds before it left
//! there. An engine can forget its matches without the run's doing: by somebody's
//! prune, or by its own garbage collection.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::model::BuildKind;
use crate::scenario::{DockerfileCopy, EditedFiles, NamedEdit, ScenarioError, SourceCopy};
use crate::trace::{Step, Trace};

/// What the builds of a chain have in common.
#[derive(Debug)]
pub(super) struct Chain {
    /// The round that it began in, which tells its cache mounts and context from
    /// other chains'.
    pub(super) round: u32,
    /// The sources as they are.
    original: PathBuf,
    /// The same, to be edited; `None` where nothing is.
    copy: Option<SourceCopy>,
    /// The Dockerfile, to be edited; `None` where it is not.
    dockerfile: Option<DockerfileCopy>,
    /// What was edited, as it was.
    edited: EditedFiles,
    /// The nonces of the last edits, by their kinds.
    nonces: BTreeMap<BuildKind, String>,
    /// Digests of the steps that it has built so far.
    digests: BTreeSet<String>,
}

impl Chain {
    /// One that has built nothing.
    pub(super) fn new(round: u32, original: &Path) -> Self {
        Self {
            round,
            original: original.to_owned(),
            copy: None,
            dockerfile: None,
            edited: EditedFiles::default(),
            nonces: BTreeMap::new(),
            digests: BTreeSet::new(),
        }
    }

    /// Copies what edits change: builds write nothing, so that else no copy is needed.
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

    /// Makes an edit with a nonce, in place of that of the build before.
    ///
    /// # Errors
    /// Those of [`EditedFiles::edit`].
    pub(super) fn edit(&mut self, edit: &NamedEdit, nonce: &str) -> Result<(), ScenarioError> {
        let sources = self.copy.as_ref().map_or(Path::new(""), SourceCopy::path);
        let dockerfile = self.dockerfile.as_ref();
        let dockerfile = dockerfile.map_or(Path::new(""), DockerfileCopy::path);
        self.edited.edit(edit, nonce, sources, dockerfile)?;
        self.nonces.insert(edit.kind(), nonce.to_owned());
        Ok(())
    }

    /// Has the sources as they were after an edit, where others were made since.
    ///
    /// # Errors
    /// Those of [`Self::edit`].
    pub(super) fn edit_again(&mut self, edit: &NamedEdit) -> Result<(), ScenarioError> {
        match self.nonces.get(&edit.kind()).cloned() {
            Some(nonce) => self.edit(edit, &nonce),
            None => Ok(()),
        }
    }

    /// Adds those of a build that succeeded, and tells how many the build should
    /// have found in the cache and executed again, with the name of one.
    ///
    /// A noop changes nothing, so that it executes nothing. An incremental build
    /// executes what its edit touches: steps that have the sources in them have
    /// another digest in every build. One that has not is the same step as before.
    pub(super) fn add(&mut self, kind: BuildKind, trace: &Trace) -> Option<(usize, String)> {
        let instructions = || trace.steps().iter().filter(|s| s.label.is_instruction());
        let is_again = |step: &&Step| {
            let known = match kind {
                // What a remote cache gives it is not what the builds before it left.
                BuildKind::Cold
                | BuildKind::MultiArch
                | BuildKind::CacheExport(_)
                | BuildKind::CiCache(..) => false,
                BuildKind::Incremental | BuildKind::IncrementalOf(_) => {
                    self.digests.contains(&step.digest)
                }
                BuildKind::Noop => true,
            };
            known && step.executed && !step.cached
        };
        let again: Vec<&Step> = instructions().filter(is_again).collect();
        let told = again.first().map(|first| (again.len(), first.name.clone()));
        self.digests
            .extend(instructions().map(|step| step.digest.clone()));
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::SolveStatus;
    use crate::trace::status::Vertex;

    fn trace(steps: &[(&str, bool)]) -> Trace {
        let mut trace = Trace::default();
        trace.push(&SolveStatus {
            vertexes: steps
                .iter()
                .map(|(digest, cached)| Vertex {
                    digest: (*digest).into(),
                    name: "[build 2/3] RUN make".into(),
                    started: Some(jiff::Timestamp::UNIX_EPOCH),
                    completed: Some(jiff::Timestamp::UNIX_EPOCH),
                    cached: *cached,
                    ..Vertex::default()
                })
                .collect(),
            ..SolveStatus::default()
        });
        trace
    }

    #[test]
    fn a_step_that_the_chain_has_built_is_not_executed_again() {
        let chain = || {
            let mut chain = Chain::new(1, Path::new(""));
            let first = trace(&[("tools", false), ("copied-1", false)]);
            assert_eq!(chain.add(BuildKind::MultiArch, &first), None);
            chain
        };
        let edited = trace(&[("tools", true), ("copied-2", false)]);
        assert_eq!(chain().add(BuildKind::Incremental, &edited), None);
        let lost = trace(&[("tools", false), ("copied-2", false)]);
        let (count, name) = chain().add(BuildKind::Incremental, &lost).unwrap();
        assert_eq!((count, name.as_str()), (1, "[build 2/3] RUN make"));
        // Nothing at all is new to a noop.
        let unchanged = trace(&[("tools", true), ("copied-3", true)]);
        assert_eq!(chain().add(BuildKind::Noop, &unchanged), None);
        let lost = trace(&[("tools", true), ("copied-3", false)]);
        assert_eq!(chain().add(BuildKind::Noop, &lost).unwrap().0, 1);
    }
}
