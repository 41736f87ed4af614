//! Builds of a variant that start from one another's state: their sources, with
//! the edit that was made last, and what they are called by in the builder's
//! cache.
//!
//! It notices whether a build found in the cache what the builds before it left
//! there. An engine can forget its matches without the run's doing: by somebody's
//! prune, or by its own garbage collection.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::checkout::Checkout;
use crate::model::{BuildKind, Slot};
use crate::scenario::{NamedEdit, ScenarioError};
use crate::trace::{Step, Trace};

/// What the builds of a chain have in common.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) name: ChainName,
    /// The round that it began in, which tells its cache mounts and context from
    /// other chains'.
    pub(super) round: u32,
    /// The sources as they are.
    original: PathBuf,
    /// What its builds get.
    checkout: Checkout,
    /// What builds get that start together, each its own.
    neighbours: Vec<Checkout>,
    /// The nonces of the last edits, by their kinds.
    nonces: BTreeMap<BuildKind, String>,
    /// Digests of the steps that it has built so far.
    digests: BTreeSet<String>,
    /// The ids of the cache mounts that its first build saved.
    pub(super) saved_mounts: Vec<String>,
    /// The folder of their archive, which goes with the chain.
    pub(super) saved_in: Option<PathBuf>,
}

impl Drop for Chain {
    fn drop(&mut self) {
        if let Some(folder) = &self.saved_in {
            // With the run's other temporary files it goes at its end, if not now.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// What tells a chain that goes on in later rounds from others: a variant has one for
/// each kind that it begins with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ChainName {
    pub(super) scenario: String,
    pub(super) variant: String,
    pub(super) first: BuildKind,
}

impl ChainName {
    /// Of the chain that begins with a slot.
    pub(super) fn of(first: &Slot) -> Self {
        Self {
            scenario: first.scenario.clone(),
            variant: first.variant.clone(),
            first: first.kind,
        }
    }
}

impl Chain {
    /// One that has built nothing.
    pub(super) fn new(name: ChainName, round: u32, original: &Path) -> Self {
        Self {
            name,
            round,
            original: original.to_owned(),
            checkout: Checkout::new(original),
            neighbours: Vec::new(),
            nonces: BTreeMap::new(),
            digests: BTreeSet::new(),
            saved_mounts: Vec::new(),
            saved_in: None,
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
        self.checkout.prepare(edits, dockerfile)
    }

    /// The build context.
    pub(super) fn context(&self) -> &Path {
        self.checkout.context()
    }

    /// The Dockerfile, where it is another one than the variant's.
    pub(super) fn dockerfile(&self) -> Option<&Path> {
        self.checkout.dockerfile()
    }

    /// Makes an edit with a nonce, in place of that of the build before.
    ///
    /// # Errors
    /// Those of [`EditedFiles::edit`].
    pub(super) fn edit(&mut self, edit: &NamedEdit, nonce: &str) -> Result<(), ScenarioError> {
        self.checkout.edit(edit, nonce)?;
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

    /// Makes an edit in the sources of each of `count` builds that start together: each has a copy
    /// of its own, and of `nonce` the one of its number, from 1.
    ///
    /// # Errors
    /// Those of [`Self::prepare`] and [`Self::edit`].
    pub(super) fn edit_neighbours(
        &mut self,
        count: u8,
        edit: Option<&NamedEdit>,
        dockerfile: &Path,
        nonce: impl Fn(u8) -> String,
    ) -> Result<(), ScenarioError> {
        for number in 1..=count {
            let place = usize::from(number - 1);
            if place == self.neighbours.len() {
                let mut checkout = Checkout::new(&self.original);
                checkout.prepare(&edit.into_iter().collect::<Vec<_>>(), dockerfile)?;
                self.neighbours.push(checkout);
            }
            if let Some(edit) = edit {
                self.neighbours[place].edit(edit, &nonce(number))?;
            }
        }
        Ok(())
    }

    /// What builds get that start together, from the first on.
    pub(super) fn neighbours(&self) -> &[Checkout] {
        &self.neighbours
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
                BuildKind::Incremental | BuildKind::IncrementalOf(_) | BuildKind::Concurrent(_) => {
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
            let name = ChainName {
                scenario: "s".into(),
                variant: "v".into(),
                first: BuildKind::MultiArch,
            };
            let mut chain = Chain::new(name, 1, Path::new(""));
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
