//! What becomes of caches between two jobs, and which kind of build measures a job
//! under it.

use std::fmt;

use crate::model::{BuildKind, Job};

/// What a job finds of the job before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caches {
    /// Nothing: each job has an empty builder, whatever was edited.
    Lost,
    /// The builder's own cache, layers and cache mounts: it is kept, or restored whole.
    Kept,
}

impl Caches {
    /// Those that a run with these kinds tells of, each once.
    pub fn of_kinds(_kinds: &[BuildKind]) -> Vec<Self> {
        vec![Self::Lost, Self::Kept]
    }

    /// The kind of build that measures a job; `None` where there is none. `from_nothing`
    /// is the kind that builds all platforms from nothing.
    pub fn kind(self, job: Job, from_nothing: BuildKind) -> Option<BuildKind> {
        match (self, job) {
            (Self::Lost, _) | (Self::Kept, Job::Cold) => Some(from_nothing),
            (Self::Kept, Job::After(edit)) => Some(BuildKind::after(edit)),
        }
    }
}

impl fmt::Display for Caches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Lost => "lost",
            Self::Kept => "kept",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_job_has_the_kind_that_measures_it() {
        let dependencies: Job = "dependencies".parse().unwrap();
        let all = BuildKind::MultiArch;
        for job in [Job::Cold, dependencies] {
            assert_eq!(Caches::Lost.kind(job, all), Some(all));
        }
        assert_eq!(Caches::Kept.kind(Job::Cold, all), Some(all));
        let kind = Caches::Kept.kind(dependencies, all).unwrap();
        assert_eq!(kind.to_string(), "incremental:dependencies");
        let source = Job::source().unwrap();
        let kind = Caches::Kept.kind(source, BuildKind::Cold);
        assert_eq!(kind, Some(BuildKind::Incremental));
    }
}
