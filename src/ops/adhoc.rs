//! Dockerfiles of one's own, as the options of a command line describe their
//! builds: what `compare`, `check` and `calibrate` have in common.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail};

use super::edits;
use super::ignored::Ignored;
use super::ssh;
use crate::model::{BuildKind, Invocation, Platform};
use crate::options::{BuildOptions, add_concurrent};
use crate::scenario::{
    AdhocDockerfile, AdhocScenario, BakeTarget, ContextSource, NamedEdit, Scenario, folder_name,
};

/// Most bytes of a secret that BuildKit takes.
const MOST_SECRET: u64 = 500 << 10;

/// What the options say, read and checked.
pub struct Options {
    /// The build context.
    pub context: PathBuf,
    /// Platforms of the multi-arch kinds, as far as they are named.
    pub platforms: Vec<Platform>,
    /// Kinds to build, as far as they are named.
    kinds: Vec<BuildKind>,
    /// How many to build at the same time, besides.
    concurrent: Option<u8>,
    /// Build arguments.
    pub build_args: BTreeMap<String, String>,
    /// Stage to build.
    pub target: Option<String>,
    /// Secrets by their ids.
    pub secrets: BTreeMap<String, Vec<u8>>,
    /// Sockets of SSH agents by their ids.
    pub ssh: BTreeMap<String, PathBuf>,
    /// Further build contexts.
    pub contexts: BTreeMap<String, ContextSource>,
    /// The edits of incremental builds.
    pub edits: Vec<NamedEdit>,
}

impl Options {
    /// Reads what the options name. No builder is needed for it, so that what
    /// is wrong with them is told before one is asked for.
    ///
    /// # Errors
    /// The first option that is wrong.
    pub fn read(args: &BuildOptions) -> anyhow::Result<Self> {
        let edits = edits::read(args)?;
        edits::check_has_edits("--kinds", &args.kinds, &edits)?;
        let concurrent = args.concurrent.map(BuildKind::Concurrent);
        edits::check_has_edits("--kinds", concurrent.as_slice(), &edits)?;
        Ok(Self {
            context: args.context.clone().unwrap_or_else(|| ".".into()),
            platforms: Platform::each_once(&args.platform),
            kinds: args.kinds.clone(),
            concurrent: args.concurrent,
            build_args: build_args(&args.build_arg)?,
            target: args.target.clone(),
            secrets: secrets(&args.secret)?,
            ssh: ssh::agents(&args.ssh)?,
            contexts: contexts(&args.build_context)?,
            edits,
        })
    }

    /// Gives a scenario its platforms and kinds: those named, or else those
    /// that follow from `native`, the builder's own platform.
    ///
    /// A target of bake that names no platform is built for the native one, and what
    /// targets name is what is built.
    pub fn complete(&self, scenario: &mut Scenario, native: &Platform) {
        let bakes = scenario.variants.iter_mut();
        let bakes = bakes.filter_map(|variant| variant.bake.as_mut());
        let mut baked = Vec::new();
        for target in bakes.flat_map(|bake| &mut bake.targets) {
            if target.platforms.is_empty() {
                target.platforms.push(native.clone());
            }
            baked.extend(target.platforms.iter().cloned());
        }
        let named = match self.platforms.as_slice() {
            [] => Platform::each_once(&baked),
            named => named.to_vec(),
        };
        (scenario.platforms, scenario.kinds) = self.planned(&named, native);
        add_concurrent(self.concurrent, &mut scenario.kinds);
    }

    fn planned(&self, named: &[Platform], native: &Platform) -> (Vec<Platform>, Vec<BuildKind>) {
        let own = std::slice::from_ref(native);
        let platforms = match named {
            [] => own,
            named => named,
        };
        let kinds = if self.kinds.is_empty() {
            let whole = if platforms == own {
                BuildKind::Cold
            } else {
                BuildKind::MultiArch
            };
            let edited = self.edits.iter().map(NamedEdit::kind);
            [whole].into_iter().chain(edited).collect()
        } else {
            self.kinds.clone()
        };
        (platforms.to_vec(), kinds)
    }
}

/// The scenario of these Dockerfiles, the reference first. It lacks what
/// [`Options::complete`] gives it.
///
/// # Errors
/// The first thing that is wrong with a Dockerfile, a context or the edit.
pub fn scenario(
    options: &Options,
    title: String,
    dockerfiles: Vec<AdhocDockerfile>,
) -> anyhow::Result<Scenario> {
    for file in options.edits.iter().flat_map(NamedEdit::sources) {
        for dockerfile in &dockerfiles {
            let context = dockerfile.context.as_deref().unwrap_or(&options.context);
            if let Some(bake) = &dockerfile.bake {
                if !bake.targets.iter().any(|it| is_seen(file, it, context)) {
                    bail!(
                        "--edit: {} is in no context of bake's targets, or .dockerignore leaves it \
                         out: no build would see the edit",
                        file.display()
                    );
                }
                continue;
            }
            if Ignored::of(&dockerfile.path, context).leaves_out(file) {
                bail!(
                    "--edit: {} is left out by .dockerignore: no build would see the edit",
                    file.display()
                );
            }
        }
    }
    let scenario = AdhocScenario {
        name: folder_name(&options.context),
        title,
        context: options.context.clone(),
        dockerfiles,
        target: options.target.clone(),
        build_args: options.build_args.clone(),
        ssh: options.ssh.clone(),
        platforms: Vec::new(),
        kinds: Vec::new(),
        edits: options.edits.clone(),
        gate: None,
    };
    Ok(scenario.load()?)
}

/// Whether a target of bake gets a file of the folder that bake runs in.
fn is_seen(file: &Path, target: &BakeTarget, folder: &Path) -> bool {
    let in_context = file.strip_prefix(&target.context).is_ok_and(|inside| {
        let context = folder.join(&target.context);
        !Ignored::of(&target.dockerfile, &context).leaves_out(inside)
    });
    let mut others = target.contexts.values();
    in_context
        || others.any(|it| matches!(it, ContextSource::Folder(folder) if file.starts_with(folder)))
}

/// Adds what to type to build the same again, values of build arguments and where
/// secrets come from left out: they may be nobody's business.
pub fn add_options(command: &mut Invocation, args: &BuildOptions) {
    if let Some(context) = args.context.as_deref().filter(|path| is_inside(path)) {
        command.option("context", context.display());
    }
    command.list("platform", Platform::each_once(&args.platform));
    for argument in named(&args.build_arg) {
        let name = argument.split_once('=').map_or(argument.as_str(), |a| a.0);
        command.option("build-arg", name);
    }
    if let Some(target) = &args.target {
        command.option("target", target);
    }
    for secret in &args.secret {
        let id = secret.split(',').find(|part| part.starts_with("id="));
        command.option("secret", id.unwrap_or_default());
    }
    for id in ssh::ids(&args.ssh) {
        command.option("ssh", id);
    }
    for context in &args.build_context {
        let name = context.split_once('=').map_or(context.as_str(), |c| c.0);
        command.option("build-context", format!("{name}=…"));
    }
    for edit in &args.edit {
        command.option("edit", edit);
    }
    for rule in &args.edit_with {
        command.option("edit-with", rule);
    }
    command.list("kinds", &args.kinds);
    if let Some(count) = args.concurrent {
        command.option("concurrent", count);
    }
}

/// Whether a path says nothing about this machine.
pub fn is_inside(path: &Path) -> bool {
    let mut parts = path.components();
    parts.all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

/// A path as results give it: its name alone where the rest would tell where
/// somebody's files are.
pub fn relative_name(path: &Path) -> String {
    if is_inside(path) {
        return path.display().to_string();
    }
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Build arguments but for empty ones: a workflow passes one where it has none.
/// buildx refuses it, which says nothing of what is built.
fn named(written: &[String]) -> impl Iterator<Item = &String> {
    written.iter().filter(|argument| !argument.is_empty())
}

/// `NAME=VALUE`, or `NAME` with the value of the environment; a name without
/// one is left out, as `docker build` does.
fn build_args(written: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut arguments = BTreeMap::new();
    for argument in named(written) {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (argument.as_str(), std::env::var(argument).ok()),
        };
        if name.is_empty() {
            bail!("--build-arg {argument:?}: expected NAME=VALUE or NAME");
        }
        if let Some(value) = value {
            arguments.insert(name.to_owned(), value);
        }
    }
    Ok(arguments)
}

/// `id=ID,src=FILE` or `id=ID,env=NAME`; without either the file, or else the
/// variable, of the id's name.
fn secrets(written: &[String]) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut secrets = BTreeMap::new();
    for secret in written {
        let expected = "expected id=ID,src=FILE or id=ID,env=NAME";
        let (mut id, mut file, mut variable) = (None, None, None);
        for part in secret.split(',') {
            match part.split_once('=') {
                Some(("id", value)) => id = Some(value),
                Some(("src" | "source", value)) => file = Some(value),
                Some(("env", value)) => variable = Some(value),
                Some(("type", "file" | "env")) => {}
                _ => bail!("--secret: unknown part {part:?}: {expected}"),
            }
        }
        let id = id
            .filter(|id| !id.is_empty())
            .with_context(|| format!("--secret without an id: {expected}"))?;
        let bytes = read_secret(SecretPlace {
            option: "--secret",
            id,
            file: file.map(Path::new),
            variable,
            folder: Path::new(""),
        })?;
        secrets.insert(id.to_owned(), bytes);
    }
    Ok(secrets)
}

/// Where a secret comes from.
pub struct SecretPlace<'a> {
    /// What names it, for messages.
    pub option: &'a str,
    /// Its id.
    pub id: &'a str,
    /// A file.
    pub file: Option<&'a Path>,
    /// A variable of the environment.
    pub variable: Option<&'a str>,
    /// The folder that a file of the id's name is in.
    pub folder: &'a Path,
}

/// The bytes of a secret; without file and variable those of the variable, or else the
/// file, of its id's name.
///
/// # Errors
/// There is no such file or variable.
pub fn read_secret(place: SecretPlace<'_>) -> anyhow::Result<Vec<u8>> {
    let SecretPlace { option, id, .. } = place;
    let from_environment =
        |name: &str| std::env::var_os(name).map(std::os::unix::ffi::OsStringExt::into_vec);
    match (place.file, place.variable) {
        (Some(file), None) => read_secret_file(option, id, file),
        (None, Some(name)) => from_environment(name)
            .with_context(|| format!("{option} id={id}: no variable {name:?} is set")),
        (None, None) => match from_environment(id) {
            Some(bytes) => Ok(bytes),
            None => read_secret_file(option, id, &place.folder.join(id)),
        },
        (Some(_), Some(_)) => bail!("{option} id={id}: src and env exclude each other"),
    }
}

fn read_secret_file(option: &str, id: &str, file: &Path) -> anyhow::Result<Vec<u8>> {
    let what = || format!("{option} id={id}: cannot read {}", file.display());
    // A pipe that nobody writes to would be waited for. One that the shell has
    // opened, `<(pass show x)`, has its writer.
    let is_file = std::fs::metadata(file).with_context(what)?.is_file();
    let opened = ["/dev/fd", "/dev/stdin", "/proc/self/fd"];
    if !is_file && !opened.iter().any(|place| file.starts_with(place)) {
        bail!("{}: not a regular file", what());
    }
    let opened = std::fs::File::open(file).with_context(what)?;
    let mut bytes = Vec::new();
    let mut limited = opened.take(MOST_SECRET + 1);
    limited.read_to_end(&mut bytes).with_context(what)?;
    if bytes.len() as u64 > MOST_SECRET {
        bail!(
            "{option} id={id}: {} has more than {MOST_SECRET} bytes",
            file.display()
        );
    }
    Ok(bytes)
}

/// `NAME=PATH`, or `NAME=scheme://…`.
fn contexts(written: &[String]) -> anyhow::Result<BTreeMap<String, ContextSource>> {
    let mut contexts = BTreeMap::new();
    for context in written {
        let (name, value) = context
            .split_once('=')
            .filter(|(name, value)| !name.is_empty() && !value.is_empty())
            .with_context(|| format!("--build-context {context:?}: expected NAME=PATH"))?;
        let source = if value.contains("://") {
            ContextSource::Remote(value.to_owned())
        } else {
            let folder = PathBuf::from(value);
            if !folder.is_dir() {
                bail!("--build-context {name}: {value} is not a folder");
            }
            ContextSource::Folder(folder)
        };
        contexts.insert(name.to_owned(), source);
    }
    Ok(contexts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn native() -> Platform {
        Platform::linux("amd64")
    }

    #[test]
    fn kinds_follow_from_platforms_and_edit() {
        use BuildKind::*;
        let read = |platforms: &[&str], edit: bool| {
            let args = BuildOptions {
                platform: platforms.iter().map(|p| p.parse().unwrap()).collect(),
                edit: edit.then(|| "main.go".into()).into_iter().collect(),
                ..BuildOptions::default()
            };
            let options = Options::read(&args).unwrap();
            options.planned(&options.platforms, &native()).1
        };
        assert_eq!(read(&[], false), [Cold]);
        assert_eq!(read(&["linux/amd64"], true), [Cold, Incremental]);
        assert_eq!(read(&["linux/arm64"], false), [MultiArch]);
        assert_eq!(
            read(&["linux/amd64", "linux/arm64"], true),
            [MultiArch, Incremental]
        );
        let args = BuildOptions {
            kinds: vec![Noop],
            ..BuildOptions::default()
        };
        let error = Options::read(&args).err().unwrap().to_string();
        assert!(error.contains("--edit FILE"), "{error}");
    }

    #[test]
    fn what_is_secret_stays_out_of_the_command() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "hunter2").unwrap();
        let args = BuildOptions {
            context: Some(folder.path().to_owned()),
            build_arg: vec!["TOKEN=hunter2".into()],
            secret: vec![format!("id=tok,src={}", file.display())],
            build_context: vec![format!("extra={}", folder.path().display())],
            ..BuildOptions::default()
        };
        let options = Options::read(&args).unwrap();
        assert_eq!(options.secrets["tok"], b"hunter2");
        assert_eq!(options.build_args["TOKEN"], "hunter2");
        let mut command = Invocation::new("compare", []);
        add_options(&mut command, &args);
        assert_eq!(
            command.words()[2..].join(" "),
            "--build-arg TOKEN --secret id=tok --build-context extra=…"
        );
    }

    #[test]
    fn an_empty_build_argument_is_none() {
        let args = BuildOptions {
            build_arg: vec!["".into(), "A=".into()],
            ..BuildOptions::default()
        };
        let options = Options::read(&args).unwrap();
        assert_eq!(
            options.build_args,
            BTreeMap::from([("A".into(), "".into())])
        );
        let mut command = Invocation::new("compare", []);
        add_options(&mut command, &args);
        assert_eq!(command.words()[2..], ["--build-arg", "A"]);
    }

    #[test]
    fn wrong_options_say_what_was_expected() {
        let read = |args: BuildOptions| Options::read(&args).err().unwrap().to_string();
        for (args, expected) in [
            (
                BuildOptions {
                    secret: vec!["tok".into()],
                    ..Default::default()
                },
                "expected id=ID,src=FILE",
            ),
            (
                BuildOptions {
                    secret: vec!["id=a,src=/nonexistent".into()],
                    ..Default::default()
                },
                "cannot read /nonexistent",
            ),
            (
                BuildOptions {
                    build_arg: vec!["=x".into()],
                    ..Default::default()
                },
                "expected NAME=VALUE",
            ),
            (
                BuildOptions {
                    build_context: vec!["x".into()],
                    ..Default::default()
                },
                "expected NAME=PATH",
            ),
            (
                BuildOptions {
                    edit_with: vec!["s/a/{nonce}/".into()],
                    ..Default::default()
                },
                "needs --edit FILE",
            ),
            (
                BuildOptions {
                    edit: vec!["LICENSE".into()],
                    ..Default::default()
                },
                "--edit-with",
            ),
        ] {
            let message = read(args);
            assert!(message.contains(expected), "{message}");
        }
    }
}
