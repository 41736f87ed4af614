//! What a CI job builds: everything anew, or what an edit leaves to build. And how
//! often each comes.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::kind::SOURCE;
use super::{BuildKind, Label};

/// The name of a job that finds nothing of an earlier one.
const COLD: &str = "cold";

/// What a CI job of a fleet builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    /// The first of its kind: no job before it left a cache.
    Cold,
    /// What it builds after the edit of a name.
    After(Label),
}

impl Job {
    /// The job after the edit that every scenario has, of its sources.
    pub fn source() -> Option<Self> {
        SOURCE.parse().ok().map(Self::After)
    }

    /// The job that a kind measures, where that is one after an edit.
    pub fn of_edit(kind: BuildKind) -> Option<Self> {
        match kind.edit() {
            Some(edit) => Some(Self::After(edit)),
            // A job is one build.
            None if kind.builds_at_once().is_some() => None,
            None => Self::source().filter(|_| kind.is_edited()),
        }
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cold => f.pad(COLD),
            Self::After(edit) => edit.fmt(f),
        }
    }
}

impl Serialize for Job {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Job {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            COLD => Ok(Self::Cold),
            edit => edit.parse().map(Self::After),
        }
    }
}

/// How often each job comes, as shares of all.
#[derive(Debug, Clone, PartialEq)]
pub struct EditMix(Vec<(Job, f64)>);

impl EditMix {
    /// How much the sum of the shares may differ from 1: what rounding leaves.
    const ROUNDING: f64 = 1e-6;

    /// Each job with its share, in the order of their names.
    pub fn shares(&self) -> &[(Job, f64)] {
        &self.0
    }
}

impl FromStr for EditMix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut shares: Vec<(Job, f64)> = Vec::new();
        for part in text.split(',') {
            let expected = || format!("expected JOB=SHARE like source=0.8, found {part:?}");
            let (name, share) = part.trim().split_once('=').ok_or_else(expected)?;
            let job: Job = name.parse()?;
            let share = match share.strip_suffix('%') {
                Some(percent) => percent.parse::<f64>().map(|percent| percent / 100.0),
                None => share.parse(),
            };
            let share = share.ok().filter(|share| (0.0..=1.0).contains(share));
            let share = share.ok_or_else(expected)?;
            if shares.iter().any(|(known, _)| *known == job) {
                return Err(format!("{job} is named twice"));
            }
            shares.push((job, share));
        }
        let sum: f64 = shares.iter().map(|(_, share)| share).sum();
        if (sum - 1.0).abs() > Self::ROUNDING {
            return Err(format!("the shares add up to {sum}: expected 1"));
        }
        shares.sort_by_key(|(job, _)| *job);
        Ok(Self(shares))
    }
}

impl fmt::Display for EditMix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (job, share)) in self.0.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            write!(f, "{comma}{job}={share}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_is_shares_of_one() {
        let mix: EditMix = "source=0.8, dependencies=15%,cold=0.05".parse().unwrap();
        let told: Vec<String> = mix
            .shares()
            .iter()
            .map(|(job, _)| job.to_string())
            .collect();
        assert_eq!(told, ["cold", "dependencies", "source"]);
        assert_eq!(mix.to_string().parse(), Ok(mix));
        for (text, said) in [
            ("", "expected JOB=SHARE"),
            ("source", "expected JOB=SHARE"),
            ("source=1.5", "expected JOB=SHARE"),
            ("source=-1,cold=2", "expected JOB=SHARE"),
            ("source=NaN", "expected JOB=SHARE"),
            ("Source=1", "is no name"),
            ("source=0.5,cold=0.4", "add up to 0.9: expected 1"),
            ("source=0.5,source=0.5", "source is named twice"),
        ] {
            let error = text.parse::<EditMix>().unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn jobs_are_those_that_kinds_measure() {
        let dependencies: BuildKind = "incremental:dependencies".parse().unwrap();
        let job = Job::of_edit(dependencies).unwrap();
        assert_eq!(job.to_string(), "dependencies");
        assert_eq!(Job::of_edit(BuildKind::Incremental), Job::source());
        let with_cache: BuildKind = "ci-cache:registry-max:dependencies".parse().unwrap();
        assert_eq!(Job::of_edit(with_cache), Some(job));
        assert_eq!(Job::of_edit(BuildKind::Noop), None);
        assert_eq!(Job::of_edit(BuildKind::Concurrent(4)), None);
        assert_eq!("cold".parse(), Ok(Job::Cold));
    }
}
