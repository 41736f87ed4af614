//! Targets of bake that a command line names, as variants: as they are, or in two states
//! of a repository.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tokio_util::sync::CancellationToken;

use super::adhoc::{self, Options};
use super::bake::{self, Allowed, Baked, Question};
use super::revisions::{Revisions, Side};
use crate::options::{BakeOptions, BuildOptions, RaceOptions};
use crate::scenario::AdhocDockerfile;

/// A repository in two states, in which bake is asked for the same.
pub struct BakeSides {
    /// The states.
    pub revisions: Revisions,
    folder: PathBuf,
    files: Vec<PathBuf>,
    set: Vec<String>,
    allowed: Allowed,
    build: BuildOptions,
}

impl BakeSides {
    /// Copies both states; `None` where the user stopped it.
    ///
    /// # Errors
    /// No bake file, no repository, or nothing to compare with.
    pub async fn open(
        typed: &BakeOptions,
        build: &BuildOptions,
        options: &Options,
        revision: Option<&str>,
        race: &RaceOptions,
        stop: &CancellationToken,
    ) -> anyhow::Result<Option<Self>> {
        check(build)?;
        let folder = options.context.clone();
        let files = bake::files(&folder, &typed.files)?;
        // The first stands for what is compared.
        let first = files.first().context("no bake file")?;
        let found = Revisions::open(first, options, revision, race, stop).await?;
        let Some(revisions) = found else {
            return Ok(None);
        };
        Ok(Some(Self {
            revisions: revisions.of_bake(),
            // bake finds its own, also where one state has fewer.
            files: match typed.files.as_slice() {
                [] => Vec::new(),
                _ => files,
            },
            folder,
            set: typed.set.clone(),
            allowed: Allowed::read(&typed.allow)?,
            build: build.clone(),
        }))
    }

    /// What bake builds in one of the states. Secrets and agents of its builds are added to
    /// `options`.
    ///
    /// # Errors
    /// bake knows no such target there, or one cannot be raced.
    pub async fn dockerfile(
        &self,
        side: Side,
        targets: &[String],
        options: &mut Options,
    ) -> anyhow::Result<AdhocDockerfile> {
        let revisions = &self.revisions;
        let root = revisions.root(side);
        let top = root.canonicalize().context("cannot open a copy")?;
        let shown = |path: &Path| {
            path.strip_prefix(&top)
                .unwrap_or(path)
                .display()
                .to_string()
        };
        let files = self.files.iter();
        let question = Question {
            folder: &revisions.place(side, &self.folder),
            files: files.map(|file| revisions.place(side, file)).collect(),
            set: &self.set,
            targets,
            platforms: &self.build.platform,
            allowed: &self.allowed,
            readable: &[&root],
            shown: &shown,
        };
        let baked = bake::ask(question).await;
        let place = match side {
            Side::Base => revisions.base.describe(),
            Side::Worktree => "the working tree".to_owned(),
        };
        let baked = baked.with_context(|| format!("in {place}"))?;
        let whole = revisions.dockerfile(side);
        taken(baked, whole, options)
    }
}

/// What bake builds of targets, as they are.
///
/// # Errors
/// bake knows no such target, or one cannot be raced.
pub async fn alone(
    name: String,
    targets: &[String],
    typed: &BakeOptions,
    build: &BuildOptions,
    options: &mut Options,
) -> anyhow::Result<AdhocDockerfile> {
    check(build)?;
    let folder = options.context.clone();
    let files = bake::files(&folder, &typed.files)?;
    let real = folder.canonicalize()?;
    let shown = |path: &Path| {
        let inside = path.strip_prefix(&real).map(|inside| folder.join(inside));
        let path = inside.unwrap_or_else(|_| path.to_owned());
        let path = path.strip_prefix(".").unwrap_or(&path);
        adhoc::relative_name(path)
    };
    let baked = bake::ask(Question {
        folder: &folder,
        files: match typed.files.as_slice() {
            [] => Vec::new(),
            _ => files,
        },
        set: &typed.set,
        targets,
        platforms: &build.platform,
        allowed: &Allowed::read(&typed.allow)?,
        readable: &[],
        shown: &shown,
    })
    .await?;
    let whole = AdhocDockerfile {
        name,
        path: PathBuf::new(),
        shown: String::new(),
        context: None,
        origin: None,
        revision: None,
        contexts: Default::default(),
        bake: None,
    };
    taken(baked, whole, options)
}

/// Refuses what a bake file says.
fn check(build: &BuildOptions) -> anyhow::Result<()> {
    if build.target.is_some() {
        bail!("--target: the bake file names the stage; change it by --set TARGET.target=STAGE");
    }
    if !build.build_context.is_empty() {
        bail!(
            "--build-context: the bake file names contexts; change them by --set \
             TARGET.contexts.NAME=PATH"
        );
    }
    Ok(())
}

/// Lays the command line over what bake says.
fn taken(
    baked: Baked,
    mut whole: AdhocDockerfile,
    options: &mut Options,
) -> anyhow::Result<AdhocDockerfile> {
    let mut bake = baked.bake;
    for target in &mut bake.targets {
        target.build_args.extend(options.build_args.clone());
    }
    // What was typed goes before, as it does for other variants.
    let secrets = baked.secrets.into_iter();
    let typed = &options.secrets;
    let secrets = secrets.filter(|(id, _)| !typed.contains_key(id)).collect();
    bake::add_secrets(&mut options.secrets, secrets)?;
    let agents = baked.ssh.into_iter();
    let agents: Vec<_> = agents
        .filter(|(id, _)| !options.ssh.contains_key(id))
        .collect();
    options.ssh.extend(agents);
    if let Some(first) = bake.first() {
        whole.path.clone_from(&first.dockerfile);
        whole.shown.clone_from(&first.shown);
    }
    whole.contexts.clear();
    whole.bake = Some(bake);
    Ok(whole)
}
