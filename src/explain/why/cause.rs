//! What makes a build execute a step.

use serde::{Serialize, Serializer};

use crate::model::Platform;

/// What makes a build execute a step that might have come from the cache.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Cause {
    /// Its instruction says something else.
    Instruction {
        /// What it said, from outside.
        before: String,
        /// What it says, from outside.
        after: String,
    },
    /// A build argument that it sees has another value, or is declared above it
    /// only now, or not any more.
    Argument {
        /// Which.
        variables: Vec<Variable>,
    },
    /// The same of what ENV sets, here or in its base image.
    Environment {
        /// Which.
        variables: Vec<Variable>,
    },
    /// Its base image is another one of the same name.
    BaseImage {
        /// The image's name, from outside.
        image: String,
        /// The digest that it had.
        before: String,
        /// The digest that it has.
        after: String,
    },
    /// Files of a context that it copies or binds changed, as far as that is
    /// known.
    Files(Files),
    /// What is behind a URL changed; where its digests are not known, its record may be
    /// gone instead.
    Source {
        /// The URL as BuildKit names it, from outside.
        name: String,
        /// The commit or digest that it was resolved to.
        before: Option<String>,
        /// The same now.
        after: Option<String>,
    },
    /// A cache mount came or went, or has an id of its own in one of the builds alone.
    CacheMount {
        /// Where it is mounted, from outside.
        target: String,
        /// The id that it had; `None` where there was no such mount.
        before: Option<String>,
        /// The id that it has.
        after: Option<String>,
    },
    /// Something else that its result depends on, which its instruction does not
    /// say: the folder, the user, a default of the base image.
    Setting {
        /// What, in Dockerfile's words.
        name: String,
        /// What it was, from outside.
        before: String,
        /// What it is, from outside.
        after: String,
    },
    /// It builds on another step than before, though it says the same.
    Order {
        /// What it built on, from outside.
        before: String,
        /// What it builds on.
        after: String,
    },
    /// The earlier build did not have it.
    New,
    /// The earlier build built nothing for its platform.
    Platform {
        /// The platform.
        platform: Platform,
    },
    /// It was not to be looked for: `--no-cache`.
    NoCache,
    /// Its record is gone from the builder's cache.
    Pruned,
    /// The earlier build did not finish it.
    NotBuilt,
    /// The earlier build ran elsewhere.
    OtherBuilder {
        /// Where.
        before: String,
        /// Where this one ran.
        after: String,
    },
    /// It cannot be told from what is known.
    Unknown(Unknown),
}

/// What is missing to tell a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "missing", rename_all = "kebab-case")]
pub enum Unknown {
    /// The definitions of the steps, which the status stream has not.
    Definition,
    /// Whether it was to be looked for in the cache.
    Record,
}

/// A variable that a step sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value before.
    pub before: Value,
    /// Its value now.
    pub after: Value,
    /// Whether both Dockerfiles declare it, at different places.
    pub moved: bool,
}

/// The value of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// The step does not see it.
    Unset,
    /// This text, from outside.
    Set(String),
    /// It is not shown, as the name says that it is a secret.
    Hidden,
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unset => serializer.serialize_none(),
            Self::Set(text) => serializer.serialize_str(text),
            Self::Hidden => serializer.serialize_str("[hidden]"),
        }
    }
}

/// Files of a context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Files {
    /// Those that changed, by their paths, as far as they are known.
    pub changes: Vec<FileChange>,
    /// How they are known.
    pub certainty: Certainty,
    /// Whether the step takes the whole context.
    pub everything: bool,
    /// Whether it takes from a named context, which is not compared.
    #[serde(skip)]
    pub is_named: bool,
}

impl Files {
    pub(super) fn add(&mut self, other: Self) {
        self.changes.extend(other.changes);
        self.certainty = self.certainty.min(other.certainty);
        self.everything |= other.everything;
        self.is_named |= other.is_named;
    }

    /// Without those that another step has, too.
    pub(super) fn without(mut self, other: &Self) -> Self {
        self.changes
            .retain(|change| !other.changes.contains(change));
        self
    }
}

/// How it is known which files changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// Not at all.
    #[default]
    Unknown,
    /// They have time stamps from between the builds.
    TimeStamps,
    /// Both contexts are there.
    Exact,
}

/// A file that changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FileChange {
    /// Its path in the context, from outside.
    pub path: String,
    /// What became of it.
    pub how: How,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It has another content, or is something else than a file now.
    Content,
    /// It has another mode.
    Mode,
    /// It was touched after the earlier build; what changed is not known.
    Touched,
}
