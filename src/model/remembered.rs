//! Builds that a builder remembers: what its history says of each, whoever
//! built.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::Platform;

/// A build in a builder's history: it runs there, or has ended. All texts come
/// from outside, bounded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RememberedBuild {
    /// Node of the builder that it is on, where there are several.
    pub node: Option<String>,
    /// The id that its client gave the solve.
    pub reference: String,
    /// When it began, on BuildKit's clock.
    pub started: Option<Timestamp>,
    /// When it ended, on BuildKit's clock; `None` while it runs.
    pub completed: Option<Timestamp>,
    /// Why it has no result, in BuildKit's words.
    pub error: Option<String>,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// Steps whose result came from the cache, as BuildKit counts: its internal
    /// ones, too.
    pub cached_steps: u32,
    /// All of its steps, as BuildKit counts; 0 while it runs.
    pub total_steps: u32,
    /// Whether BuildKit keeps a log of its status.
    pub has_log: bool,
    /// Digests of what BuildKit says of how it built, one for each platform.
    pub provenance: Vec<String>,
    /// What was asked for.
    pub inputs: BuildInputs,
}

/// How a build stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildState {
    /// It has not ended.
    Running,
    /// It has a result.
    Completed,
    /// It has none.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl BuildState {
    /// The word for files and people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl RememberedBuild {
    /// How it stands.
    pub fn state(&self) -> BuildState {
        match (self.completed, &self.error) {
            (None, _) => BuildState::Running,
            (Some(_), None) => BuildState::Completed,
            (Some(_), Some(_)) if self.cancelled => BuildState::Cancelled,
            (Some(_), Some(_)) => BuildState::Failed,
        }
    }

    /// From its begin to its end; `None` while it runs.
    pub fn duration(&self) -> Option<Duration> {
        let length = self.completed?.duration_since(self.started?);
        Duration::try_from(length).ok()
    }

    /// Whether a race or a check of buildrace built it: such builds are named
    /// after their run.
    pub fn is_of_buildrace(&self) -> bool {
        self.reference.starts_with("buildrace-")
    }
}

/// What a build was asked for, as far as its frontend was told: never a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildInputs {
    /// The name that its user gave it, with `BUILDKIT_BUILD_NAME`.
    pub name: Option<String>,
    /// URL of the context, or its folder in the repository.
    pub context: Option<String>,
    /// Path of the Dockerfile, in the repository where that is known.
    pub dockerfile: Option<String>,
    /// Stage that was built, where it was named.
    pub target: Option<String>,
    /// Platforms that were named; none where the builder's own was built.
    pub platforms: Vec<Platform>,
    /// URL of the repository.
    pub source: Option<String>,
    /// Commit of the repository.
    pub revision: Option<String>,
    /// What was to be built anew, whatever the cache holds.
    pub no_cache: Option<NoCache>,
    /// Build arguments by name. People put secrets there: they are for causes alone.
    pub arguments: BTreeMap<String, String>,
}

/// What a build does not look for in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoCache {
    /// No step: `--no-cache`.
    Everything,
    /// Steps of these stages: `--no-cache-filter`.
    Stages(Vec<String>),
}

impl NoCache {
    /// Whether a step of a stage is built anew.
    pub fn covers(&self, stage: Option<&str>) -> bool {
        match self {
            Self::Everything => true,
            // BuildKit does not heed the case of their names.
            Self::Stages(stages) => stage.is_some_and(|stage| {
                let mut stages = stages.iter();
                stages.any(|name| name.eq_ignore_ascii_case(stage))
            }),
        }
    }
}

impl BuildInputs {
    /// Reads what the Dockerfile frontend and buildx call attributes, by name.
    pub fn of_attributes(attributes: &BTreeMap<String, String>) -> Self {
        const ARGUMENT: &str = "build-arg:";
        let find_any = |name: &str| attributes.get(name).cloned();
        let find = |name: &str| find_any(name).filter(|value| !value.is_empty());
        let arguments = attributes
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(ARGUMENT)?, value)))
            // Those are for the frontend.
            .filter(|(name, _)| !name.starts_with("BUILDKIT_"));
        let folder = |name: &str| find(name).filter(|folder| folder != ".");
        let file = find("filename");
        let dockerfile = match (folder("vcs:localdir:dockerfile"), file) {
            (Some(folder), Some(file)) => Some(format!("{folder}/{file}")),
            (Some(folder), None) => Some(format!("{folder}/Dockerfile")),
            (None, file) => file,
        };
        let platforms = find("platform").unwrap_or_default();
        let platforms = platforms.split(',').map(str::trim);
        Self {
            name: find("build-arg:BUILDKIT_BUILD_NAME"),
            context: find("context").or_else(|| folder("vcs:localdir:context")),
            dockerfile,
            target: find("target"),
            platforms: platforms.filter_map(|name| name.parse().ok()).collect(),
            source: find("vcs:source"),
            revision: find("vcs:revision"),
            arguments: arguments
                .map(|(name, value)| (name.to_owned(), value.clone()))
                .collect(),
            // It has no value where it means all.
            no_cache: find_any("no-cache").map(|stages| match stages.as_str() {
                "" => NoCache::Everything,
                stages => NoCache::Stages(stages.split(',').map(str::to_owned).collect()),
            }),
        }
    }

    /// The platform that was built, where it is known to be one: the only one
    /// that was named, or the node's own.
    pub fn only_platform(&self, native: Option<&Platform>) -> Option<Platform> {
        match self.platforms.as_slice() {
            [] => native.cloned(),
            [platform] => Some(platform.clone()),
            _ => None,
        }
    }

    /// A name for people: `cmd/api (test)`, from outside.
    pub fn title(&self) -> String {
        if let Some(name) = &self.name {
            return name.clone();
        }
        let dockerfile = self.dockerfile.as_deref().unwrap_or("Dockerfile");
        let mut title = match &self.context {
            Some(context) if dockerfile == "Dockerfile" => context.clone(),
            Some(context) => format!("{context}, {dockerfile}"),
            None => dockerfile.to_owned(),
        };
        if let Some(target) = &self.target {
            title.push_str(&format!(" ({target})"));
        }
        title
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(attributes: &[(&str, &str)]) -> BuildInputs {
        let attributes = attributes.iter();
        let attributes = attributes.map(|(name, value)| ((*name).into(), (*value).into()));
        BuildInputs::of_attributes(&attributes.collect())
    }

    #[test]
    fn a_build_is_called_by_what_its_user_knows() {
        for (attributes, title) in [
            (&[][..], "Dockerfile"),
            (&[("filename", "new.Dockerfile")], "new.Dockerfile"),
            (
                &[
                    ("vcs:localdir:context", "cmd/api"),
                    ("vcs:localdir:dockerfile", "cmd/api"),
                    ("filename", "Dockerfile"),
                    ("target", "test"),
                ],
                "cmd/api, cmd/api/Dockerfile (test)",
            ),
            (
                &[("vcs:localdir:context", "."), ("filename", "Dockerfile")],
                "Dockerfile",
            ),
            (
                &[("context", "https://github.com/x/y.git#main")],
                "https://github.com/x/y.git#main",
            ),
            (
                &[("build-arg:BUILDKIT_BUILD_NAME", "api"), ("target", "t")],
                "api",
            ),
        ] {
            assert_eq!(inputs(attributes).title(), title, "{attributes:?}");
        }
    }

    #[test]
    fn the_only_platform_is_the_named_one_or_the_nodes_own() {
        let own = Platform::linux("amd64");
        let of = |names: &str| inputs(&[("platform", names)]).only_platform(Some(&own));
        assert_eq!(of(""), Some(own.clone()));
        assert_eq!(of("linux/arm64"), Some(Platform::linux("arm64")));
        assert_eq!(of("linux/amd64,linux/arm64"), None);
        assert_eq!(inputs(&[]).only_platform(None), None);
    }

    #[test]
    fn a_build_without_an_end_runs_whatever_else_is_said() {
        let at = |second| Timestamp::from_second(second).ok();
        let mut build = RememberedBuild {
            started: at(10),
            error: Some("x".into()),
            ..RememberedBuild::default()
        };
        assert_eq!(build.state(), BuildState::Running);
        assert_eq!(build.duration(), None);
        build.completed = at(12);
        assert_eq!(build.state(), BuildState::Failed);
        assert_eq!(build.duration(), Some(Duration::from_secs(2)));
        build.cancelled = true;
        assert_eq!(build.state(), BuildState::Cancelled);
        build.completed = at(9);
        assert_eq!(build.duration(), None);
    }
}
