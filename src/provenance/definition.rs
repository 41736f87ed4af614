//! The definition of a step: what BuildKit was asked to do, as far as its result
//! depends on it (`solver/pb/ops.proto`).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::model::Platform;

/// What a step was asked to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// What it does.
    pub operation: Operation,
    /// Platform that it runs on, where it is of one.
    pub platform: Option<Platform>,
    /// Digests of the steps that it takes from; empty text for one that is not
    /// known.
    pub inputs: Vec<String>,
    /// Line of the Dockerfile at which its instruction begins, from 1.
    pub line: Option<usize>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// It runs a command.
    Run(Box<Run>),
    /// It gets something from elsewhere.
    Source(Source),
    /// It copies or makes files.
    Files(Files),
    /// It joins layers, as `COPY --link` does, or whatever else there is.
    Other(Value),
}

/// A command.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Run {
    /// The command and its arguments.
    pub command: Vec<String>,
    /// Its environment: ENV, and the build arguments that are declared above it.
    pub environment: BTreeMap<String, String>,
    /// Its folder.
    pub folder: String,
    /// Its user.
    pub user: String,
    /// Its mounts, in the order of the instruction; the first is its root.
    pub mounts: Vec<Mount>,
    /// Whatever else its result depends on, such as its network.
    pub options: BTreeMap<String, Value>,
}

/// A mount of a command.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mount {
    /// What it is.
    pub kind: MountKind,
    /// Where it is.
    pub target: String,
    /// Place of the step that it comes from among the inputs.
    pub input: Option<usize>,
    /// The path in there; empty for all of it.
    pub source: String,
    /// Id of a cache.
    pub cache_id: Option<String>,
    /// Whatever else is said of it.
    pub options: BTreeMap<String, Value>,
}

/// What a mount is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MountKind {
    /// Files of another step, or of the build's context.
    #[default]
    Bind,
    /// A secret.
    Secret,
    /// An SSH agent.
    Ssh,
    /// A folder that stays from build to build.
    Cache,
    /// A folder in memory.
    Tmpfs,
}

/// Something that comes from elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// `docker-image://…`, `git://…`, `https://…`, `local://context`.
    pub identifier: String,
}

impl Source {
    /// The name of a folder of the client's; `context` is the build's context.
    pub fn local(&self) -> Option<&str> {
        self.identifier.strip_prefix("local://")
    }

    /// The image's name without its digest, and the digest.
    pub fn image(&self) -> Option<(&str, Option<&str>)> {
        let image = self
            .identifier
            .strip_prefix("docker-image://")
            .or_else(|| self.identifier.strip_prefix("oci-layout://"))?;
        Some(match image.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (image, None),
        })
    }
}

/// Files that are copied or made, one after another.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Files {
    /// What is done.
    pub actions: Vec<FileAction>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub enum FileAction {
    /// Files are copied from another step or from the context.
    Copy(Copied),
    /// A file is made, of a heredoc.
    Make {
        /// Its path.
        path: String,
        /// What is written.
        text: String,
        /// Whatever else is said of it.
        options: Map<String, Value>,
    },
    /// Whatever else there is, a folder that is made.
    Other(Value),
}

/// What is copied.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Copied {
    /// Place of the step that they come from among the inputs; `None` where that
    /// is an action of the same step.
    pub input: Option<usize>,
    /// Place of what they are put on, of the inputs and then of the actions; `None`
    /// for nothing, as with `COPY --link`.
    pub onto: Option<u64>,
    /// Their path there, which may be a pattern.
    pub source: String,
    /// Where they go.
    pub target: String,
    /// Patterns of which a path must match one, if there are any.
    pub include: Vec<String>,
    /// Patterns of what is left out.
    pub exclude: Vec<String>,
    /// Whatever else is said of it: owner, mode.
    pub options: Map<String, Value>,
}

/// `Op` as Go's encoding/json writes it (`solver/pb/json.go`).
#[derive(Debug, Deserialize)]
pub(super) struct Op {
    #[serde(rename = "Op", default)]
    kind: Option<Map<String, Value>>,
    #[serde(default)]
    platform: Option<PlatformJson>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PlatformJson {
    architecture: String,
    #[serde(rename = "OS")]
    os: String,
    variant: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Exec {
    meta: Meta,
    mounts: Option<Vec<MountJson>>,
    #[serde(flatten)]
    options: BTreeMap<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Meta {
    args: Option<Vec<String>>,
    env: Option<Vec<String>>,
    cwd: String,
    user: String,
    #[serde(flatten)]
    options: BTreeMap<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MountJson {
    /// Below 0 for none.
    input: i64,
    selector: String,
    dest: String,
    #[serde(rename = "mountType")]
    kind: u32,
    #[serde(rename = "cacheOpt")]
    cache: Option<CacheJson>,
    #[serde(flatten)]
    options: BTreeMap<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CacheJson {
    #[serde(rename = "ID")]
    id: String,
    #[serde(flatten)]
    options: BTreeMap<String, Value>,
}

/// What a command's result does not depend on, and what a newer BuildKit says in
/// other words: its cache is kept without them (`CacheMap` in
/// `solver/llbsolver/ops/exec.go`).
const NOT_OF_KEY: [&str; 3] = ["proxy_env", "removeMountStubsRecursive", "output"];
/// Of further hosts, the key has the names alone.
const HOSTS: &str = "extraHosts";
const ADDRESS: &str = "IP";

impl Op {
    /// `None` for the end of a build, which does nothing.
    pub(super) fn definition(self, inputs: Vec<String>, line: Option<usize>) -> Option<Definition> {
        let mut kind = self.kind?;
        let operation = if let Some(exec) = kind.remove("exec") {
            Operation::Run(Box::new(run(serde_json::from_value(exec).ok()?)))
        } else if let Some(source) = kind.remove("source") {
            let identifier = source.get("identifier")?.as_str()?.to_owned();
            Operation::Source(Source { identifier })
        } else if let Some(file) = kind.remove("file") {
            let actions = file.get("actions").and_then(Value::as_array);
            let actions = actions.into_iter().flatten();
            Operation::Files(Files {
                actions: actions.map(|value| action(value, inputs.len())).collect(),
            })
        } else {
            Operation::Other(Value::Object(kind))
        };
        Some(Definition {
            operation,
            platform: self.platform.and_then(|json| json.platform()),
            inputs,
            line,
        })
    }
}

impl PlatformJson {
    fn platform(&self) -> Option<Platform> {
        let Self {
            architecture,
            os,
            variant,
        } = self;
        let name = match variant.is_empty() {
            true => format!("{os}/{architecture}"),
            false => format!("{os}/{architecture}/{variant}"),
        };
        name.parse().ok()
    }
}

fn run(exec: Exec) -> Run {
    let Exec {
        meta,
        mounts,
        mut options,
    } = exec;
    options.extend(meta.options);
    if let Some(Value::Array(hosts)) = options.get_mut(HOSTS) {
        for host in hosts.iter_mut().filter_map(Value::as_object_mut) {
            host.remove(ADDRESS);
        }
    }
    let environment = meta.env.unwrap_or_default().into_iter();
    Run {
        command: meta.args.unwrap_or_default(),
        environment: environment
            .map(|variable| match variable.split_once('=') {
                Some((name, value)) => (name.to_owned(), value.to_owned()),
                None => (variable, String::new()),
            })
            .collect(),
        folder: meta.cwd,
        user: meta.user,
        mounts: mounts.unwrap_or_default().into_iter().map(mount).collect(),
        options: of_key(options),
    }
}

fn mount(json: MountJson) -> Mount {
    let mut options = json.options;
    let cache_id = json.cache.map(|cache| {
        options.extend(cache.options);
        cache.id
    });
    Mount {
        kind: match json.kind {
            1 => MountKind::Secret,
            2 => MountKind::Ssh,
            3 => MountKind::Cache,
            4 => MountKind::Tmpfs,
            _ => MountKind::Bind,
        },
        target: json.dest,
        input: usize::try_from(json.input).ok(),
        source: json.selector,
        cache_id,
        options: of_key(options),
    }
}

/// Without what no result depends on, and what says nothing.
fn of_key(options: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let says_nothing = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) => false,
    };
    let options = options.into_iter();
    options
        .filter(|(name, value)| !NOT_OF_KEY.contains(&name.as_str()) && !says_nothing(value))
        .collect()
}

fn action(value: &Value, inputs: usize) -> FileAction {
    let place = |name: &str| value.get(name).and_then(Value::as_u64);
    let kind = value.get("Action");
    let of = |name: &str| {
        let found = kind.and_then(|kind| kind.get(name));
        found.and_then(Value::as_object).cloned()
    };
    let text = |fields: &mut Map<String, Value>, name: &str| match fields.remove(name) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    if let Some(mut fields) = of("copy") {
        let list = |fields: &mut Map<String, Value>, name: &str| match fields.remove(name) {
            Some(Value::Array(items)) => {
                let texts = items.iter().filter_map(Value::as_str);
                texts.map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        let source = place("secondaryInput").and_then(|at| usize::try_from(at).ok());
        return FileAction::Copy(Copied {
            input: source.filter(|at| *at < inputs),
            onto: place("input"),
            source: text(&mut fields, "src"),
            target: text(&mut fields, "dest"),
            include: list(&mut fields, "include_patterns"),
            exclude: list(&mut fields, "exclude_patterns"),
            options: fields,
        });
    }
    if let Some(mut fields) = of("mkfile") {
        let data = STANDARD
            .decode(text(&mut fields, "data"))
            .unwrap_or_default();
        return FileAction::Make {
            path: text(&mut fields, "path"),
            text: String::from_utf8_lossy(&data).into_owned(),
            options: fields,
        };
    }
    FileAction::Other(kind.cloned().unwrap_or_default())
}
