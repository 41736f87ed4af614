//! What becomes of caches between two jobs, and which kind of build measures a job
//! under it.

use std::fmt;

use crate::model::{BuildKind, Job, Label, SOURCE};

/// What a job finds of the job before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caches {
    /// Nothing: each job has an empty builder, whatever was edited.
    Lost,
    /// The builder's own cache, layers and cache mounts: it is kept, or restored whole.
    Kept,
    /// A remote cache of this name, which an empty builder imports and exports again.
    Remote(Label),
}

impl Caches {
    /// Those that a run with these kinds tells of, each once.
    pub fn of_kinds(kinds: &[BuildKind]) -> Vec<Self> {
        let mut all = vec![Self::Lost, Self::Kept];
        for cache in kinds.iter().filter_map(|kind| kind.remote_cache()) {
            if !all.contains(&Self::Remote(cache)) {
                all.push(Self::Remote(cache));
            }
        }
        all
    }

    /// The kind of build that measures a job. `from_nothing` is the kind that builds all
    /// platforms from nothing.
    pub fn kind(self, job: Job, from_nothing: BuildKind) -> BuildKind {
        match (self, job) {
            (Self::Lost, _) | (Self::Kept, Job::Cold) => from_nothing,
            (Self::Kept, Job::After(edit)) => BuildKind::after(edit),
            (Self::Remote(cache), Job::Cold) => BuildKind::CacheExport(cache),
            (Self::Remote(cache), Job::After(edit)) => {
                let edit = Some(edit).filter(|edit| edit.as_str() != SOURCE);
                BuildKind::CiCache(cache, edit)
            }
        }
    }
}

impl fmt::Display for Caches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost => f.pad("lost"),
            Self::Kept => f.pad("kept"),
            Self::Remote(cache) => cache.fmt(f),
        }
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
            assert_eq!(Caches::Lost.kind(job, all), all);
        }
        assert_eq!(Caches::Kept.kind(Job::Cold, all), all);
        let kind = Caches::Kept.kind(dependencies, all);
        assert_eq!(kind.to_string(), "incremental:dependencies");
        let source = Job::source().unwrap();
        let kind = Caches::Kept.kind(source, BuildKind::Cold);
        assert_eq!(kind, BuildKind::Incremental);
    }

    #[test]
    fn a_remote_cache_has_kinds_of_its_own() {
        let kinds = [
            "multi-arch",
            "cache-export:registry-max",
            "ci-cache:registry-max",
            "ci-cache:registry-max:dependencies",
        ];
        let kinds = kinds.map(|kind| kind.parse::<BuildKind>().unwrap());
        let caches = Caches::of_kinds(&kinds);
        let [Caches::Lost, Caches::Kept, remote] = caches.as_slice() else {
            panic!("{caches:?}");
        };
        assert_eq!(remote.to_string(), "registry-max");
        let jobs = ["cold", "source", "dependencies"].map(|job| job.parse::<Job>().unwrap());
        let measured = jobs.map(|job| remote.kind(job, BuildKind::MultiArch));
        assert_eq!(measured, kinds[1..]);
    }
}
