//! Whether a build found in the cache what the builds before it in its chain
//! left there. An engine can forget its matches without the run's doing: by
//! somebody's prune, or by its own garbage collection.

use std::collections::BTreeSet;

use crate::model::BuildKind;
use crate::trace::{Step, Trace};

/// The steps that a chain has built so far.
#[derive(Debug, Default)]
pub(super) struct Chain {
    digests: BTreeSet<String>,
}

impl Chain {
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
                BuildKind::Cold | BuildKind::MultiArch => false,
                BuildKind::Incremental => self.digests.contains(&step.digest),
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
            let mut chain = Chain::default();
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
