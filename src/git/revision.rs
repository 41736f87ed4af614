//! Which commit is meant?

use super::command::{answer, run, word};
use super::commit::Commit;
use super::error::GitError;
use super::repository::Repository;

impl Repository {
    /// The commit that a revision names: a branch, a tag, `HEAD~2`, an id.
    ///
    /// # Errors
    /// It is no revision, or none of a commit here.
    pub fn resolve(&self, rev: &str) -> Result<Commit, GitError> {
        const MOST_OF_SUBJECT: usize = 200;
        let id = self.id_of(rev)?.ok_or_else(|| self.unknown(rev))?;
        let mut log = self.command();
        log.args(["log", "-1", "--no-patch", "--no-show-signature"])
            .args(["--encoding=UTF-8", "--format=%H%x00%h%x00%s"])
            .arg(format!("{id}^{{commit}}"))
            .arg("--");
        let output = run(log)?;
        if !output.status.success() {
            // An id can be named without its object being here.
            return Err(self.unknown(rev));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let mut parts = text.trim_end_matches('\n').splitn(3, '\0');
        let mut part = || parts.next().unwrap_or_default();
        Ok(Commit {
            id: part().to_owned(),
            short: part().to_owned(),
            subject: part().chars().take(MOST_OF_SUBJECT).collect(),
        })
    }

    /// The id of the object that a revision names; `None` where there is none.
    pub(super) fn id_of(&self, rev: &str) -> Result<Option<String>, GitError> {
        let refused = |why| GitError::NotARevision {
            rev: rev.to_owned(),
            why,
        };
        if rev.is_empty() {
            return Err(refused("it is empty"));
        }
        if rev.starts_with('-') {
            return Err(refused("git would take it for an option"));
        }
        if rev.chars().any(char::is_control) {
            return Err(refused("it has control characters"));
        }
        let mut parse = self.command();
        parse.args(["rev-parse", "--verify", "--quiet"]).arg(rev);
        let output = run(parse)?;
        let id = word(&output.stdout);
        let is_id = id.len() >= 40 && id.chars().all(|c| c.is_ascii_hexdigit());
        match output.status.code() {
            Some(0) if is_id => Ok(Some(id)),
            // `a..b` and `^a` are more or less than one commit.
            Some(0 | 1) => Ok(None),
            _ => Err(GitError::failed(
                "resolve a revision in",
                self.top(),
                &output,
            )),
        }
    }

    /// Whether the commit itself says that it has a parent, which need not be
    /// here: in a shallow clone git answers as if the last commits it has were
    /// the first.
    pub(super) fn has_parent(&self, commit: &Commit) -> Result<bool, GitError> {
        let mut cat = self.command();
        cat.args(["cat-file", "commit", &commit.id]);
        let raw = answer(cat, "read a commit of", self.top())?;
        Ok(raw
            .split(|byte| *byte == b'\n')
            // The headers end in an empty line.
            .take_while(|line| !line.is_empty())
            .any(|line| line.starts_with(b"parent ")))
    }

    fn unknown(&self, rev: &str) -> GitError {
        GitError::UnknownRevision {
            rev: rev.to_owned(),
            top: self.top().to_owned(),
        }
    }
}
