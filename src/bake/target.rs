//! One target: what of it is honoured, and what is not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::amount;
use super::error::BakeError;
use super::object::Object;
use crate::model::Platform;

/// Attributes that say what becomes of a result or how a cache is shared: a race exports
/// nothing and starts from caches of its own.
const LEFT_OUT: [&str; 7] = [
    "annotations",
    "attest",
    "cache-from",
    "cache-to",
    "output",
    "pull",
    "tags",
];
/// Attributes that say nothing of a build.
const SILENT: [&str; 3] = ["description", "inherits", "name"];
/// Build arguments that a race sets itself.
const OWN_ARGUMENTS: [&str; 2] = ["BUILDKIT_CACHE_MOUNT_NS", "BUILDKIT_MULTI_PLATFORM"];
/// A path from the folder that bake runs in.
const FROM_FOLDER: &str = "cwd://";

/// A target of bake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// The folder that is its build context.
    pub context: String,
    /// The Dockerfile.
    pub dockerfile: Local,
    /// The Dockerfile's text, where the bake file has it.
    pub inline: Option<String>,
    /// Stage to build; the last where `None`.
    pub target: Option<String>,
    /// Platforms to build; the builder's own where there are none.
    pub platforms: Vec<Platform>,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// Further build contexts.
    pub contexts: BTreeMap<String, Context>,
    /// Secrets.
    pub secrets: Vec<SecretSource>,
    /// SSH agents, as `--ssh` takes them.
    pub ssh: Vec<String>,
    /// Further options of the Dockerfile frontend, in its own words.
    pub attributes: BTreeMap<String, String>,
    /// What its steps may do that bake asks to be allowed: `network.host`.
    pub entitlements: Vec<String>,
    /// Attributes that a race does without.
    pub left_out: BTreeSet<String>,
}

/// A path, and where it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Local {
    /// From the target's context.
    InContext(String),
    /// From the folder that bake runs in.
    InFolder(String),
}

/// Where a further build context comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Context {
    /// A folder.
    Folder(String),
    /// What BuildKit fetches.
    Remote(String),
    /// What another target builds.
    Target(String),
}

/// Where a secret comes from; where nothing is said, the variable or else the file of its
/// id's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSource {
    /// Its id.
    pub id: String,
    /// A file.
    pub file: Option<String>,
    /// A variable of the environment.
    pub variable: Option<String>,
}

impl Target {
    pub(super) fn read(name: &str, mut object: Object) -> Result<Self, BakeError> {
        let context = object.text("context")?.unwrap_or_else(|| ".".to_owned());
        if is_remote(&context) {
            return Err(object.refused(
                format!("context = {context:?}"),
                "builds would wait for a network; clone it, and name the folder",
            ));
        }
        let dockerfile = object.text("dockerfile")?;
        let dockerfile = dockerfile.unwrap_or_else(|| "Dockerfile".to_owned());
        if is_remote(&dockerfile) {
            return Err(object.refused(
                format!("dockerfile = {dockerfile:?}"),
                "BuildKit would fetch it; name a file",
            ));
        }
        let mut left_out: BTreeSet<String> = LEFT_OUT
            .into_iter()
            .filter(|key| object.take(key).is_some_and(|value| says_something(&value)))
            .map(str::to_owned)
            .collect();
        for key in SILENT {
            object.take(key);
        }
        let mut args = object.escaped_table("args")?;
        for own in OWN_ARGUMENTS {
            if args.remove(own).is_some() {
                left_out.insert(format!("args.{own}"));
            }
        }
        let (attributes, entitlements) = frontend(&mut object)?;
        let target = Self {
            name: name.to_owned(),
            context: context
                .strip_prefix(FROM_FOLDER)
                .unwrap_or(&context)
                .to_owned(),
            dockerfile: match dockerfile.strip_prefix(FROM_FOLDER) {
                Some(path) => Local::InFolder(path.to_owned()),
                None => Local::InContext(dockerfile),
            },
            inline: object.escaped("dockerfile-inline")?,
            target: object.text("target")?,
            platforms: platforms(&mut object)?,
            args,
            contexts: contexts(&mut object)?,
            secrets: secrets(&mut object)?,
            ssh: agents(&mut object)?,
            attributes,
            entitlements,
            left_out,
        };
        if let Some(call) = object.text("call")?
            && call != "build"
        {
            return Err(object.refused(
                format!("call = {call:?}"),
                "it builds nothing; race a target that does",
            ));
        }
        if let Some(key) = object.left().next() {
            return Err(object.refused(
                key.clone(),
                "buildrace does not know it, and would build something else; leave it out, or \
                 race the target without it",
            ));
        }
        Ok(target)
    }
}

/// `--set x.output=` leaves an empty text.
fn says_something(value: &Value) -> bool {
    let is_empty = |value: &Value| value.as_str().is_some_and(str::is_empty);
    match value {
        Value::Array(values) => !values.iter().all(is_empty),
        value => !is_empty(value),
    }
}

/// What buildx takes for something that BuildKit fetches (`util/urlutil`).
fn is_remote(path: &str) -> bool {
    let schemes = [
        "http://",
        "https://",
        "git://",
        "ssh://",
        "git@",
        "github.com/",
    ];
    schemes.iter().any(|scheme| path.starts_with(scheme))
}

fn platforms(object: &mut Object) -> Result<Vec<Platform>, BakeError> {
    let mut platforms = Vec::new();
    let texts = object.texts("platforms")?;
    let names = texts.iter().flat_map(|text| text.split(','));
    let names: Vec<&str> = names.map(str::trim).collect();
    // It is the builder's own, as none is.
    if names == ["local"] {
        return Ok(platforms);
    }
    for name in names {
        if name == "local" {
            return Err(object.refused(
                "the platform local beside others",
                "which one it is depends on the builder; name it",
            ));
        }
        let platform = name.parse().map_err(|_| {
            let value = Value::String(name.to_owned());
            object.wrong("platforms", &value, "platforms like linux/arm64")
        })?;
        platforms.push(platform);
    }
    Ok(Platform::each_once(&platforms))
}

fn contexts(object: &mut Object) -> Result<BTreeMap<String, Context>, BakeError> {
    let mut contexts = BTreeMap::new();
    for (name, value) in object.table("contexts")? {
        let context = if let Some(target) = value.strip_prefix("target:") {
            Context::Target(target.to_owned())
        } else if let Some(path) = value.strip_prefix(FROM_FOLDER) {
            Context::Folder(path.to_owned())
        } else if value.starts_with("oci-layout://") {
            return Err(object.refused(
                format!("contexts.{name} = {value:?}"),
                "load the image into the builder, and name it by docker-image://",
            ));
        } else if is_remote(&value) || value.starts_with("docker-image://") {
            Context::Remote(value)
        } else if value.contains("://") {
            return Err(object.refused(
                format!("contexts.{name} = {value:?}"),
                "expected a folder, target:NAME, docker-image://… or https://…",
            ));
        } else {
            Context::Folder(value)
        };
        contexts.insert(name, context);
    }
    Ok(contexts)
}

fn secrets(object: &mut Object) -> Result<Vec<SecretSource>, BakeError> {
    let mut secrets = Vec::new();
    for mut record in object.records("secret", "id")? {
        let mut take = |keys: &[&str]| {
            let found = keys.iter().find_map(|key| record.remove(*key));
            found.filter(|value| !value.is_empty())
        };
        let (id, file, variable) = (take(&["id"]), take(&["src", "source"]), take(&["env"]));
        take(&["type"]);
        let Some(id) = id else {
            return Err(object.refused("a secret without an id", "give it an id, like id=token"));
        };
        if let Some(key) = record.keys().next() {
            return Err(object.refused(
                format!("{key} of the secret {id:?}"),
                "expected id, src and env",
            ));
        }
        secrets.push(SecretSource { id, file, variable });
    }
    Ok(secrets)
}

fn agents(object: &mut Object) -> Result<Vec<String>, BakeError> {
    let mut agents = Vec::new();
    for record in object.records("ssh", "id")? {
        // A text is `ID` or `ID=SOCKET`, a table has `id` and `paths`.
        let agent = match (record.get("id"), record.get("paths")) {
            (Some(id), Some(paths)) if !paths.is_empty() => format!("{id}={paths}"),
            (Some(id), _) => id.clone(),
            (None, _) => match record.iter().next() {
                Some((id, path)) => format!("{id}={path}"),
                None => continue,
            },
        };
        agents.push(agent);
    }
    Ok(agents)
}

/// What the frontend is told in its own words, as buildx tells it (`toSolveOpt` in its
/// `build/opt.go`), and what that must be allowed.
fn frontend(object: &mut Object) -> Result<(BTreeMap<String, String>, Vec<String>), BakeError> {
    let mut attributes = BTreeMap::new();
    let mut entitlements = object.texts("entitlements")?;
    for (name, value) in object.escaped_table("labels")? {
        attributes.insert(format!("label:{name}"), value);
    }
    let stages = object.texts("no-cache-filter")?;
    if object.flag("no-cache")? {
        attributes.insert("no-cache".to_owned(), String::new());
    } else if !stages.is_empty() {
        attributes.insert("no-cache".to_owned(), stages.join(","));
    }
    if let Some(network) = object.text("network")? {
        match network.as_str() {
            "default" => {}
            "none" | "host" => {
                if network == "host" {
                    entitlements.push("network.host".to_owned());
                }
                attributes.insert("force-network-mode".to_owned(), network);
            }
            _ => {
                return Err(object.refused(
                    format!("network = {network:?}"),
                    "BuildKit knows default, none and host",
                ));
            }
        }
    }
    if let Some(size) = object.text("shm-size")? {
        let bytes = amount::bytes(&size)
            .ok_or_else(|| object.wrong("shm-size", &Value::String(size), "a size like 128m"))?;
        attributes.insert("shm-size".to_owned(), bytes.to_string());
    }
    let mut limits = Vec::new();
    for limit in object.texts("ulimits")? {
        let read = amount::limit(&limit);
        limits.push(read.ok_or_else(|| {
            let value = Value::String(limit);
            object.wrong("ulimits", &value, "limits like nofile=1024:2048")
        })?);
    }
    if !limits.is_empty() {
        attributes.insert("ulimit".to_owned(), limits.join(","));
    }
    let mut hosts = Vec::new();
    for (host, addresses) in object.escaped_table("extra-hosts")? {
        for address in addresses.split(',') {
            let bare = address
                .strip_prefix('[')
                .and_then(|it| it.strip_suffix(']'));
            let address = bare.unwrap_or(address);
            if address.parse::<std::net::IpAddr>().is_err() {
                return Err(object.refused(
                    format!("extra-hosts.{host} = {address:?}"),
                    "expected an IP address, which each builder takes for the same",
                ));
            }
            hosts.push(format!("{host}={address}"));
        }
    }
    if !hosts.is_empty() {
        attributes.insert("add-hosts".to_owned(), hosts.join(","));
    }
    entitlements.sort();
    entitlements.dedup();
    Ok((attributes, entitlements))
}
