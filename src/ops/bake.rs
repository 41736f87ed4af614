//! Targets of bake, made ready to be built: buildx is asked what they are, paths are
//! found, secrets are read, and what a race does without is said.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use super::adhoc::{SecretPlace, read_secret};
use super::ssh;
use crate::bake::{self, Definition, Escapes, Local, Target};
use crate::buildx::{BakeQuestion, Program};
use crate::engine::private::{Paths, status};
use crate::escape;
use crate::model::{Invocation, Platform};
use crate::ops::adhoc;
use crate::options::BakeOptions;
use crate::scenario::{Bake, BakeTarget, ContextSource, Project, Scenario, check_bake_target};

/// Files that bake looks for, in its order (`defaultFilenames` in its `bake/bake.go`).
const USUAL_FILES: [&str; 8] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
    "docker-bake.json",
    "docker-bake.hcl",
    "docker-bake.override.json",
    "docker-bake.override.hcl",
];

/// What bake is asked for.
pub struct Question<'a> {
    /// The folder that it runs in, and that paths start from.
    pub folder: &'a Path,
    /// Bake files, by absolute paths.
    pub files: Vec<PathBuf>,
    /// What is set in place of what they say.
    pub set: &'a [String],
    /// Targets, or groups of them.
    pub targets: &'a [String],
    /// Platforms of all targets, where they are named.
    pub platforms: &'a [Platform],
    /// What targets may read and do.
    pub allowed: &'a Allowed,
    /// Folders beside `folder` that they may read.
    pub readable: &'a [&'a Path],
    /// What results call a file.
    pub shown: &'a dyn Fn(&Path) -> String,
}

/// What bake says, ready to be built.
pub struct Baked {
    /// The targets.
    pub bake: Bake,
    /// Secrets by their ids.
    pub secrets: BTreeMap<String, Vec<u8>>,
    /// Sockets of SSH agents by their ids.
    pub ssh: BTreeMap<String, PathBuf>,
}

/// What `--allow` says that targets may do.
#[derive(Debug, Default)]
pub struct Allowed {
    entitlements: BTreeSet<String>,
    /// Folders and files that may be read.
    read: Vec<PathBuf>,
    reads_all: bool,
}

impl Allowed {
    /// Reads `--allow`, in buildx's words.
    ///
    /// # Errors
    /// A word that it does not know.
    pub fn read(written: &[String]) -> anyhow::Result<Self> {
        let mut allowed = Self::default();
        for word in written.iter().flat_map(|words| words.split(',')) {
            match word.split_once('=') {
                None if ["network.host", "security.insecure"].contains(&word) => {
                    allowed.entitlements.insert(word.to_owned());
                }
                Some(("fs" | "fs.read", "*")) => allowed.reads_all = true,
                Some(("fs" | "fs.read", path)) if !path.is_empty() => {
                    let real = Path::new(path).canonicalize();
                    allowed
                        .read
                        .push(real.with_context(|| format!("--allow {word}: cannot open {path}"))?);
                }
                _ => bail!(
                    "--allow {word:?}: expected network.host, security.insecure or fs.read=PATH"
                ),
            }
        }
        Ok(allowed)
    }
}

/// The names of targets that were typed, `app` or `app,web`.
///
/// # Errors
/// One is no name of a target.
pub fn targets(typed: &str) -> anyhow::Result<Vec<String>> {
    let mut targets: Vec<String> = Vec::new();
    for name in typed.split(',').map(str::trim) {
        check_bake_target(name).map_err(|message| anyhow!("--bake: {message}"))?;
        if !targets.iter().any(|known| known == name) {
            targets.push(name.to_owned());
        }
    }
    Ok(targets)
}

/// The bake files that are read in a folder: those that are named, else the usual ones
/// that are there.
///
/// # Errors
/// There is none.
pub fn files(folder: &Path, named: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let files: Vec<PathBuf> = match named {
        [] => USUAL_FILES
            .iter()
            .map(|name| folder.join(name))
            .filter(|file| file.is_file())
            .collect(),
        named => named.to_vec(),
    };
    if files.is_empty() {
        bail!(
            "no bake file in {}: expected docker-bake.hcl, docker-bake.json or a Compose file; \
             name one with --file",
            escape::path(folder)
        );
    }
    for file in &files {
        if !file.is_file() {
            bail!("--file: {} is not a file", escape::path(file));
        }
    }
    let files = files.iter().map(std::path::absolute);
    Ok(files.collect::<Result<_, _>>()?)
}

/// Asks bake.
///
/// # Errors
/// buildx is not here or refuses, or a target is not what can be raced.
pub async fn ask(question: Question<'_>) -> anyhow::Result<Baked> {
    let folder = question.folder.canonicalize();
    let folder =
        folder.with_context(|| format!("cannot open {}", escape::path(question.folder)))?;
    let mut set = question.set.to_vec();
    let platforms = question.platforms.iter();
    set.extend(platforms.map(|platform| format!("*.platform={platform}")));
    let (files, targets) = (question.files.clone(), question.targets.to_vec());
    let place = folder.clone();
    let asking = spawn_blocking(move || print(&place, &files, &set, &targets));
    let (definition, digest) = asking.await.context("asking buildx broke off")??;
    let reading = Reading {
        folder,
        question: &question,
    };
    let mut baked = Baked {
        bake: Bake {
            names: definition.asked,
            files: question.files.clone(),
            targets: Vec::new(),
            digest,
        },
        secrets: BTreeMap::new(),
        ssh: BTreeMap::new(),
    };
    let mut left_out: BTreeMap<BTreeSet<String>, Vec<String>> = BTreeMap::new();
    for target in definition.targets {
        add_secrets(&mut baked.secrets, reading.secrets(&target)?)?;
        let agents = ssh::agents(&target.ssh);
        add_agents(
            &mut baked.ssh,
            agents.with_context(|| format!("bake's target {}", target.name))?,
        )?;
        if !target.left_out.is_empty() {
            let targets = left_out.entry(target.left_out.clone()).or_default();
            targets.push(target.name.clone());
        }
        baked.bake.targets.push(reading.target(target)?);
    }
    for (keys, targets) in left_out {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        errln!(
            "note: raced without {} of {}: a race exports nothing, and its caches are its own",
            escape::terminal(&keys.join(", "), 400),
            escape::terminal(&targets.join(", "), 400)
        );
    }
    Ok(baked)
}

fn print(
    folder: &Path,
    files: &[PathBuf],
    set: &[String],
    targets: &[String],
) -> anyhow::Result<(Definition, String)> {
    let private = || status(&Paths::of_user().ok()?).ok()?.buildx;
    let program = Program::find(std::iter::once_with(private).flatten())?;
    let printed = program.print_bake(BakeQuestion {
        folder,
        files,
        set,
        targets,
    })?;
    let escapes = match bake::has_escapes(&printed) {
        true => Escapes::of_version(&program.version()?),
        false => Escapes::None,
    };
    let definition = bake::read(&printed, escapes)?;
    Ok((definition, hex::encode(Sha256::digest(&printed))))
}

/// The folder that a definition is read in.
struct Reading<'a> {
    folder: PathBuf,
    question: &'a Question<'a>,
}

impl Reading<'_> {
    fn target(&self, target: Target) -> anyhow::Result<BakeTarget> {
        let of = |what: &str| format!("bake's target {}: {what}", target.name);
        let context = self.folder(&of("its context"), &target.context)?;
        let dockerfile = match &target.dockerfile {
            Local::InContext(path) => self.folder.join(&context).join(path),
            Local::InFolder(path) => self.folder.join(path),
        };
        let shown = match &target.inline {
            Some(_) => format!("{} (dockerfile-inline)", target.name),
            None => {
                let dockerfile = self.readable(&of("its Dockerfile"), &dockerfile)?;
                if !dockerfile.is_file() {
                    bail!(
                        "{} {} is not a file",
                        of("its Dockerfile"),
                        escape::path(&dockerfile)
                    );
                }
                (self.question.shown)(&dockerfile)
            }
        };
        let mut contexts = BTreeMap::new();
        for (name, source) in &target.contexts {
            let source = match source {
                bake::Context::Folder(path) => {
                    let what = of(&format!("its context {name}"));
                    ContextSource::Folder(self.folder(&what, path)?)
                }
                bake::Context::Remote(source) => ContextSource::Remote(source.clone()),
                bake::Context::Target(other) => ContextSource::Target(other.clone()),
            };
            contexts.insert(name.clone(), source);
        }
        for entitlement in &target.entitlements {
            if !self.question.allowed.entitlements.contains(entitlement) {
                bail!(
                    "{} asks for {}: allow it by --allow {}, as bake does",
                    of("it"),
                    escape::bounded(entitlement),
                    escape::bounded(entitlement)
                );
            }
        }
        Ok(BakeTarget {
            context,
            dockerfile,
            shown,
            contexts,
            name: target.name,
            inline: target.inline,
            target: target.target,
            platforms: target.platforms,
            build_args: target.args,
            attributes: target.attributes,
            entitlements: target.entitlements,
        })
    }

    /// A folder as a path from here, or an absolute one outside.
    fn folder(&self, what: &str, path: &str) -> anyhow::Result<PathBuf> {
        let real = self.readable(what, &self.folder.join(path))?;
        if !real.is_dir() {
            bail!("{what} {} is not a folder", escape::bounded(path));
        }
        let inside = real.strip_prefix(&self.folder);
        Ok(inside.map(Path::to_owned).unwrap_or(real))
    }

    /// The real path of what may be read: bake asks, too, before it reads what is
    /// outside of the folder that it runs in.
    fn readable(&self, what: &str, path: &Path) -> anyhow::Result<PathBuf> {
        let real = path
            .canonicalize()
            .with_context(|| format!("{what}: cannot open {}", escape::path(path)))?;
        let allowed = self.question.allowed;
        let mut folders = allowed.read.iter().map(PathBuf::as_path);
        let mut given = self.question.readable.iter();
        if allowed.reads_all
            || real.starts_with(&self.folder)
            || folders.any(|folder| real.starts_with(folder))
            || given.any(|folder| folder.canonicalize().is_ok_and(|it| real.starts_with(it)))
        {
            return Ok(real);
        }
        bail!(
            "{what} {} is outside of {}: allow it by --allow fs.read={}, as bake does",
            escape::path(&real),
            escape::path(&self.folder),
            escape::path(&real)
        )
    }

    fn secrets(&self, target: &Target) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
        let mut secrets = BTreeMap::new();
        for secret in &target.secrets {
            let option = format!("bake's target {}: secret", target.name);
            let file = secret.file.as_ref().map(|file| expanded(file));
            let file = file.map(|file| self.folder.join(file));
            if let Some(file) = &file {
                self.readable(&format!("{option} {}", secret.id), file)?;
            }
            let bytes = read_secret(SecretPlace {
                option: &option,
                id: &secret.id,
                file: file.as_deref(),
                variable: secret.variable.as_deref(),
                folder: &self.folder,
            })?;
            add_secrets(&mut secrets, BTreeMap::from([(secret.id.clone(), bytes)]))?;
        }
        Ok(secrets)
    }
}

/// A path in which `~/` is the user's folder, as bake has it.
fn expanded(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => path.into(),
    }
}

/// Adds secrets to those of other targets.
///
/// # Errors
/// Two have one id and differ: a race has one secret of a name.
pub fn add_secrets(
    all: &mut BTreeMap<String, Vec<u8>>,
    more: BTreeMap<String, Vec<u8>>,
) -> anyhow::Result<()> {
    for (id, bytes) in more {
        if all.get(&id).is_some_and(|known| *known != bytes) {
            bail!(
                "two targets of bake have secrets of the id {id:?} that differ: all targets of a \
                 race share their secrets; give one another id"
            );
        }
        all.insert(id, bytes);
    }
    Ok(())
}

/// Adds SSH agents to those of other targets.
///
/// # Errors
/// Two have one id and differ.
pub fn add_agents(
    all: &mut BTreeMap<String, PathBuf>,
    more: BTreeMap<String, PathBuf>,
) -> anyhow::Result<()> {
    for (id, socket) in more {
        if all.get(&id).is_some_and(|known| *known != socket) {
            bail!("two targets of bake have SSH agents of the id {id:?} that differ");
        }
        all.insert(id, socket);
    }
    Ok(())
}

/// Asks bake for the variants of scenarios that are bake's, and returns the secrets of
/// their builds. It runs in the sources of each.
///
/// # Errors
/// What [`ask`] says, with the scenario and its variant.
pub async fn of_scenarios(
    project: &Project,
    scenarios: &mut [Scenario],
) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut secrets = BTreeMap::new();
    let allowed = Allowed::default();
    let root = project.root().to_owned();
    let shown = |path: &Path| {
        let inside = path.strip_prefix(&root).unwrap_or(path);
        inside.display().to_string()
    };
    for scenario in scenarios {
        let sources = scenario.sources.clone();
        for variant in &mut scenario.variants {
            let Some(bake) = &variant.bake else {
                continue;
            };
            let place = format!("variant {} of {}", variant.name, scenario.name);
            let question = Question {
                folder: &sources,
                files: bake.files.clone(),
                set: &[],
                targets: &bake.names,
                platforms: &[],
                allowed: &allowed,
                readable: &[&root],
                shown: &shown,
            };
            let baked = ask(question).await;
            let mut baked = baked.with_context(|| place.clone())?;
            if scenario.output.is_some() && baked.bake.targets.len() > 1 {
                bail!(
                    "{place}: [output] checks one image, and bake builds {} targets",
                    baked.bake.targets.len()
                );
            }
            for target in &mut baked.bake.targets {
                let own = target.platforms.clone();
                target
                    .platforms
                    .retain(|it| scenario.platforms.contains(it));
                if target.platforms.is_empty() && !own.is_empty() {
                    let own: Vec<String> = own.iter().map(ToString::to_string).collect();
                    bail!(
                        "{place}: bake's target {} is for {} alone, which the race does not build",
                        target.name,
                        own.join(", ")
                    );
                }
            }
            add_secrets(&mut secrets, baked.secrets)?;
            add_agents(&mut variant.ssh, baked.ssh)?;
            variant.give_bake(baked.bake).with_context(|| place)?;
        }
    }
    Ok(secrets)
}

/// Adds what to type to ask bake the same again, values of build arguments left out:
/// they may be nobody's business.
pub fn add_options(command: &mut Invocation, options: &BakeOptions) {
    for file in &options.files {
        command.option("file", adhoc::relative_name(file));
    }
    for set in &options.set {
        match set.split_once('=') {
            Some((key, _)) if key.contains(".args.") || key.contains(".labels.") => {
                command.option("set", format!("{key}=…"));
            }
            _ => command.option("set", set),
        }
    }
    for allowed in &options.allow {
        // A path is one of this machine.
        let word = allowed.split('=').next().unwrap_or_default();
        match word.starts_with("fs") {
            true => command.option("allow", format!("{word}=…")),
            false => command.option("allow", word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_names_and_no_options() {
        assert_eq!(targets("app, web,app").unwrap(), ["app", "web"]);
        for typed in ["", "-f", "a/b", "app,", "https://x"] {
            let error = targets(typed).unwrap_err().to_string();
            assert!(error.contains("--bake"), "{error}");
        }
    }

    #[test]
    fn what_may_be_done_is_in_buildxs_words() {
        let folder = tempfile::tempdir().unwrap();
        let read = format!("fs.read={}", folder.path().display());
        let allowed = Allowed::read(&["network.host".into(), read]).unwrap();
        assert!(allowed.entitlements.contains("network.host"));
        assert_eq!(allowed.read, [folder.path().canonicalize().unwrap()]);
        assert!(Allowed::read(&["fs=*".into()]).unwrap().reads_all);
        for word in ["all", "fs.read=", "network.host=1"] {
            let error = Allowed::read(&[word.into()]).unwrap_err().to_string();
            assert!(error.contains("expected network.host"), "{error}");
        }
    }

    #[test]
    fn secrets_of_one_id_are_one() {
        let one = || BTreeMap::from([("tok".to_owned(), b"a".to_vec())]);
        let mut all = one();
        add_secrets(&mut all, one()).unwrap();
        let other = BTreeMap::from([("tok".to_owned(), b"hidden".to_vec())]);
        let error = add_secrets(&mut all, other).unwrap_err().to_string();
        assert!(error.contains("\"tok\"") && !error.contains("hidden"));
    }

    #[test]
    fn values_of_arguments_stay_out_of_the_command() {
        let mut command = Invocation::new("check", []);
        let options = BakeOptions {
            files: vec!["/home/me/docker-bake.hcl".into()],
            set: vec!["*.args.TOKEN=hunter2".into(), "app.target=x".into()],
            allow: vec!["fs.read=/home/me".into(), "network.host".into()],
        };
        add_options(&mut command, &options);
        assert_eq!(
            command.words()[2..].join(" "),
            "--file docker-bake.hcl --set *.args.TOKEN=… --set app.target=x --allow fs.read=… \
             --allow network.host"
        );
    }
}
