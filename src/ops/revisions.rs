//! A Dockerfile and its context in two states: as they are in a git revision,
//! and as they are in the working tree. Both are copies in a temporary folder;
//! the repository is only read.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use walkdir::WalkDir;

use super::adhoc::Options;
use super::ignored::Ignored;
use super::lfs;
use super::stdin::is_stdin;
use crate::git::{Base, BaseReason, Repository};
use crate::options::RaceOptions;
use crate::scenario::{
    AdhocDockerfile, ContextSource, ignore_file, revision_name, sources_digest,
    sources_digest_without,
};
use crate::temporary::Folder;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The git revision.
    Base,
    /// What would be committed of the working tree.
    Worktree,
}

/// The two states. The copies are removed when it is dropped.
pub struct Revisions {
    /// What is compared with.
    pub base: Base,
    /// Files of the working tree that are not as in HEAD.
    pub changed: usize,
    copies: Folder,
    /// The repository's folder.
    top: PathBuf,
    /// Paths within the repository.
    dockerfile: PathBuf,
    context: PathBuf,
    contexts: BTreeMap<String, ContextSource>,
    /// Whether bake says what is built, of whatever in the repository.
    is_of_bake: bool,
}

impl Revisions {
    /// Copies both states of the repository that the context is in. `revision`
    /// is what to compare with, if that was said. `None` where the user stopped
    /// it.
    ///
    /// # Errors
    /// No repository, nothing to compare with, or a path that is not in it.
    pub async fn open(
        dockerfile: &Path,
        options: &Options,
        revision: Option<&str>,
        args: &RaceOptions,
        stop: &CancellationToken,
    ) -> anyhow::Result<Option<Self>> {
        let (dockerfile, context) = (dockerfile.to_owned(), options.context.clone());
        let contexts = options.contexts.clone();
        let revision = revision.map(str::to_owned);
        // It is waited for even when it is not wanted any more: a copy that is
        // still being written could not be removed.
        let results = [args.results.folder.clone(), args.reports.clone()];
        let work = spawn_blocking(move || {
            copy(
                &dockerfile,
                &context,
                contexts,
                revision.as_deref(),
                &results,
            )
        });
        let copied = work.await.context("copying the revisions broke off")?;
        // Ctrl-C ends git too, and that is no error to tell of.
        if stop.is_cancelled() {
            return Ok(None);
        }
        copied.map(Some)
    }

    /// The same where bake says what is built: any file of the repository may be of it.
    #[must_use]
    pub fn of_bake(self) -> Self {
        Self {
            is_of_bake: true,
            ..self
        }
    }

    /// Where a path of the repository is in one of the states; another path is what it
    /// is in both.
    pub fn place(&self, side: Side, path: &Path) -> PathBuf {
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        match real.strip_prefix(&self.top) {
            Ok(inside) => self.root(side).join(inside),
            Err(_) => real,
        }
    }

    /// A Dockerfile to race.
    pub fn dockerfile(&self, side: Side) -> AdhocDockerfile {
        let root = self.root(side);
        let contexts = self.contexts.iter().map(|(name, source)| {
            let source = match source {
                ContextSource::Folder(folder) if folder.is_relative() => {
                    ContextSource::Folder(root.join(folder))
                }
                other => other.clone(),
            };
            (name.clone(), source)
        });
        let (name, revision) = match side {
            Side::Base => (self.base_name(), Some(self.base.commit.id.clone())),
            Side::Worktree => ("worktree".to_owned(), None),
        };
        AdhocDockerfile {
            name,
            path: root.join(&self.dockerfile),
            shown: self.dockerfile.display().to_string(),
            context: Some(root.join(&self.context)),
            origin: Some(self.top.join(&self.context)),
            revision,
            contexts: contexts.collect(),
            bake: None,
        }
    }

    /// Whether a file of the repository differs between the two states.
    pub fn changes(&self, file: &Path) -> bool {
        let Ok(real) = file.canonicalize() else {
            return false;
        };
        let Ok(path) = real.strip_prefix(&self.top) else {
            return false;
        };
        let [base, worktree] = [Side::Base, Side::Worktree].map(|side| self.root(side).join(path));
        std::fs::read(base).ok() != std::fs::read(worktree).ok()
    }

    /// Whether nothing that could be built differs.
    ///
    /// # Errors
    /// Something in the copies cannot be read.
    pub fn is_unchanged(&self) -> anyhow::Result<bool> {
        if self.is_of_bake {
            let [base, worktree] = [Side::Base, Side::Worktree].map(|side| self.root(side));
            return Ok(sources_digest(&base)? == sources_digest(&worktree)?);
        }
        let [one, other] = [Side::Base, Side::Worktree].map(|side| self.dockerfile(side));
        let ignore = |side: &AdhocDockerfile| std::fs::read(ignore_file(&side.path)).ok();
        if std::fs::read(&one.path)? != std::fs::read(&other.path)?
            || ignore(&one) != ignore(&other)
        {
            return Ok(false);
        }
        let digests = |side: &AdhocDockerfile| {
            let context = side.context.iter().map(|context| {
                let ignored = Ignored::of(&side.path, context);
                sources_digest_without(context, &|path| ignored.leaves_out(path))
            });
            let others = side.contexts.values().filter_map(|source| match source {
                ContextSource::Folder(folder) => Some(sources_digest(folder)),
                ContextSource::Remote(_) | ContextSource::Target(_) => None,
            });
            context.chain(others).collect::<Result<Vec<_>, _>>()
        };
        Ok(digests(&one)? == digests(&other)?)
    }

    /// Whether a path of the repository is part of a build context.
    fn builds(&self, path: &Path) -> bool {
        let is_in = |folder: &Path, ignored: Option<&Ignored>| {
            let below = path.strip_prefix(folder);
            let left_out = |below: &Path| ignored.is_some_and(|list| list.leaves_out(below));
            // A submodule may hold the context.
            folder.starts_with(path) || below.is_ok_and(|below| !left_out(below))
        };
        let root = self.root(Side::Worktree);
        let list = Ignored::of(&root.join(&self.dockerfile), &root.join(&self.context));
        let others = self.contexts.values();
        is_in(&self.context, Some(&list))
            || others.into_iter().any(|source| match source {
                ContextSource::Folder(folder) if folder.is_relative() => is_in(folder, None),
                _ => false,
            })
    }

    fn base_name(&self) -> String {
        match &self.base.why {
            BaseReason::Named { rev } => match revision_name(rev) {
                name if name == "worktree" => "base".to_owned(),
                name => name,
            },
            _ => "base".to_owned(),
        }
    }

    /// The folder of a state's copy.
    pub fn root(&self, side: Side) -> PathBuf {
        self.copies.path().join(match side {
            Side::Base => "base",
            Side::Worktree => "worktree",
        })
    }
}

fn copy(
    dockerfile: &Path,
    context: &Path,
    contexts: BTreeMap<String, ContextSource>,
    revision: Option<&str>,
    results: &[PathBuf],
) -> anyhow::Result<Revisions> {
    if is_stdin(dockerfile) {
        bail!(
            "two revisions of a Dockerfile are compared, and standard input has none: name a file"
        );
    }
    let repository = Repository::find(context)?.without(results);
    let base = repository.base(revision, &|name| std::env::var(name).ok())?;
    let changed = repository.changed_files()?;
    let inside = |what: &str, path: &Path| inside(&repository, what, path);
    let dockerfile = inside("the Dockerfile", dockerfile)?;
    let context = inside("the context", context)?;
    // What is in the repository is compared in both states, and what is not is
    // the same for both.
    let within = |source: ContextSource| match source {
        ContextSource::Folder(folder) => match inside("the context", &folder) {
            Ok(path) => Ok(ContextSource::Folder(path)),
            Err(_) => folder.canonicalize().map(ContextSource::Folder),
        },
        other => Ok(other),
    };
    let contexts = contexts.into_iter();
    let contexts = contexts
        .map(|(name, source)| Ok((name, within(source)?)))
        .collect::<std::io::Result<_>>()?;

    let copies = Folder::new("revisions").context("cannot make a folder for the revisions")?;
    let revisions = Revisions {
        base,
        changed,
        copies,
        top: repository.top().to_owned(),
        dockerfile,
        context,
        contexts,
        is_of_bake: false,
    };
    let [base, worktree] = [Side::Base, Side::Worktree].map(|side| revisions.root(side));
    for folder in [&base, &worktree] {
        std::fs::create_dir(folder).context("cannot make a folder for the revisions")?;
    }
    repository.export_commit(&revisions.base.commit, &base)?;
    repository.export_worktree(&worktree)?;
    for side in [Side::Base, Side::Worktree] {
        check_copy(&revisions, side)?;
    }
    check_submodules(&repository, &revisions)?;
    check_pointers(&revisions)?;
    Ok(revisions)
}

/// Says which submodules have no files here, and refuses one that the change
/// moves.
fn check_submodules(repository: &Repository, revisions: &Revisions) -> anyhow::Result<()> {
    let lacking = repository.submodules_without_files(&revisions.base.commit)?;
    for submodule in lacking.iter().filter(|it| revisions.builds(&it.path)) {
        let path = submodule.path.display();
        if submodule.base != submodule.now {
            bail!(
                "the change moves the submodule {path} ({} to {}), and its files are not here: \
                 neither state can be built as it is; run `git submodule update --init {path}`",
                commit(submodule.base.as_deref()),
                commit(submodule.now.as_deref()),
            );
        }
        errln!(
            "note: the submodule {path} is not checked out: builds see an empty folder; \
             `git submodule update --init {path}` fills it"
        );
    }
    Ok(())
}

/// Refuses a Git LFS pointer in one state that is its content in the other, and
/// says of pointers that are built.
fn check_pointers(revisions: &Revisions) -> anyhow::Result<()> {
    let [base, worktree] = [Side::Base, Side::Worktree].map(|side| revisions.root(side));
    let pointers = [&base, &worktree].map(|root| lfs::pointers(root));
    let [of_base, of_worktree] = &pointers;
    let built = |path: &&PathBuf| revisions.builds(path);
    for path in of_base.symmetric_difference(of_worktree).filter(built) {
        let is_there = |root: &Path| root.join(path).is_file();
        if is_there(&base) && is_there(&worktree) {
            bail!(
                "{} is a Git LFS pointer in one state and its content in the other, so the two \
                 builds would differ: run `git lfs install` and `git lfs pull`",
                path.display()
            );
        }
    }
    if let Some(path) = of_worktree.iter().find(built) {
        let more = match of_worktree.iter().filter(built).count() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        errln!(
            "note: {}{more}: builds get the Git LFS pointer, not the content; \
             `git lfs pull` fetches it",
            path.display()
        );
    }
    Ok(())
}

/// A path relative to the repository's top folder. Where the last part is a
/// symlink, each state follows its own.
fn inside(repository: &Repository, what: &str, path: &Path) -> anyhow::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    let real = match (absolute.parent(), absolute.file_name()) {
        (Some(parent), Some(name)) => parent.canonicalize().map(|parent| parent.join(name)),
        _ => absolute.canonicalize(),
    };
    let real = real.and_then(|real| real.symlink_metadata().map(|_| real));
    let real = real.with_context(|| format!("cannot open {what} {}", path.display()))?;
    // The top folder itself may be reached through one.
    let real = match real.canonicalize() {
        Ok(followed) if followed == repository.top() => followed,
        _ => real,
    };
    let inside = real.strip_prefix(repository.top()).ok();
    let inside = inside.map(Path::to_owned);
    inside.with_context(|| {
        format!(
            "{what} {} is outside the repository {}, so it has no revision there",
            path.display(),
            repository.top().display()
        )
    })
}

/// Refuses a copy that lacks what is built, and gives its files the same modes and
/// times as the other's.
fn check_copy(revisions: &Revisions, side: Side) -> anyhow::Result<()> {
    let root = revisions.root(side);
    let root = root.canonicalize().context("cannot open a copy")?;
    // What a symlink in a copy leads to must be in the copy.
    let real = |path: &Path| {
        let real = root.join(path).canonicalize().ok();
        real.filter(|real| real.starts_with(&root))
    };
    if !real(&revisions.dockerfile).is_some_and(|file| file.is_file()) {
        bail!(missing(side, revisions, &revisions.dockerfile));
    }
    let named = revisions
        .contexts
        .values()
        .filter_map(|source| match source {
            ContextSource::Folder(folder) if folder.is_relative() => Some(folder),
            ContextSource::Folder(_) | ContextSource::Remote(_) | ContextSource::Target(_) => None,
        });
    for folder in [&revisions.context].into_iter().chain(named) {
        if !real(folder).is_some_and(|folder| folder.is_dir()) {
            bail!(missing(side, revisions, folder));
        }
    }
    unify_times_and_modes(&root).context("cannot prepare a copy")?;
    Ok(())
}

/// A commit of a submodule, in short.
fn commit(id: Option<&str>) -> &str {
    id.map_or("none", |id| id.get(..7).unwrap_or(id))
}

/// Gives all files the same time, and the modes that git knows: a build that
/// looks at either, as make does, must not see which of the two states was
/// checked out and which was worked on.
fn unify_times_and_modes(root: &Path) -> std::io::Result<()> {
    // Some moment in the past: tools warn of files from the future.
    let time = TimeSpec::new(1_000_000_000, 0);
    for entry in WalkDir::new(root).contents_first(true) {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type());
        if !kind.is_symlink() {
            let mode = entry.metadata()?.permissions().mode();
            let executable = kind.is_dir() || mode & 0o111 != 0;
            let mode = if executable { 0o755 } else { 0o644 };
            std::fs::set_permissions(path, Permissions::from_mode(mode))?;
        }
        utimensat(
            AT_FDCWD,
            path,
            &time,
            &time,
            UtimensatFlags::NoFollowSymlink,
        )?;
    }
    Ok(())
}

fn missing(side: Side, revisions: &Revisions, path: &Path) -> String {
    match side {
        Side::Base => format!(
            "{} is not in {}: there is nothing to compare with; \
             name a revision that has it",
            path.display(),
            revisions.base.describe()
        ),
        Side::Worktree => format!(
            "{} is ignored by git: what would be committed is compared, and that is not",
            path.display()
        ),
    }
}
