//! The edits that `--edit` and `--edit-with` name.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{anyhow, bail};

use crate::escape;
use crate::model::{BuildKind, Label, SOURCE};
use crate::options::BuildOptions;
use crate::scenario::{Edit, Edited, NamedEdit};

/// The edit of each variant's Dockerfile.
const DOCKERFILE: &str = "dockerfile";

/// The edits that options name.
///
/// # Errors
/// The first that is wrong.
pub fn read(args: &BuildOptions) -> anyhow::Result<Vec<NamedEdit>> {
    let files = args.edit.iter().map(|written| file(written));
    let files: Vec<(Label, Edited)> = files.collect::<anyhow::Result<_>>()?;
    let names: BTreeSet<Label> = files.iter().map(|(name, _)| *name).collect();
    let rules = args.edit_with.iter().map(|written| rule(written, &names));
    let rules: Vec<(Label, &str)> = rules.collect::<anyhow::Result<_>>()?;
    if let Some((name, _)) = rules.iter().find(|(name, _)| !names.contains(name)) {
        match name.as_str() {
            SOURCE => bail!("--edit-with needs --edit FILE, the file to change"),
            name => bail!("--edit-with {name}=… needs --edit {name}=FILE, the file to change"),
        }
    }
    let mut edits: Vec<NamedEdit> = Vec::new();
    for (name, file) in files {
        let mut of_name = rules.iter().filter(|(of, _)| *of == name).peekable();
        if of_name.peek().is_none() {
            let part = match &file {
                Edited::Source(path) => Edit::comment(path)?,
                Edited::Dockerfile => Edit::label(),
            };
            NamedEdit::add(&mut edits, name, part);
        }
        for (_, rule) in of_name {
            NamedEdit::add(&mut edits, name, Edit::substitute(file.clone(), rule)?);
        }
    }
    Ok(edits)
}

/// `FILE`, `NAME=FILE`, or `dockerfile`. A file whose own name looks so is written with
/// `./` before it.
fn file(written: &str) -> anyhow::Result<(Label, Edited)> {
    let named = written
        .split_once('=')
        .and_then(|(name, file)| Some((name.parse::<Label>().ok()?, file)));
    let (name, file) = match named {
        Some((_, "")) => bail!(
            "--edit {}: expected FILE or NAME=FILE",
            escape::terminal(written, 200)
        ),
        Some((name, file)) => (name, file),
        None if written == DOCKERFILE => (label(DOCKERFILE)?, DOCKERFILE),
        None => (label(SOURCE)?, written),
    };
    let file = match file {
        DOCKERFILE => Edited::Dockerfile,
        file => Edited::Source(PathBuf::from(file)),
    };
    Ok((name, file))
}

/// `RULE`, or `NAME=RULE` of an edit that is known.
fn rule<'a>(written: &'a str, names: &BTreeSet<Label>) -> anyhow::Result<(Label, &'a str)> {
    let named = written
        .split_once('=')
        .and_then(|(name, rule)| Some((name.parse::<Label>().ok()?, rule)));
    match named {
        Some((name, rule)) if names.contains(&name) || rule.starts_with('s') => Ok((name, rule)),
        _ => Ok((label(SOURCE)?, written)),
    }
}

fn label(text: &str) -> anyhow::Result<Label> {
    text.parse().map_err(|error: String| anyhow!(error))
}

/// Fails where one of the kinds comes after an edit that there is not.
///
/// # Errors
/// There is one.
pub fn check_has_edits(
    option: &str,
    kinds: &[BuildKind],
    edits: &[NamedEdit],
) -> anyhow::Result<()> {
    for kind in kinds {
        let after = match kind {
            BuildKind::Noop | BuildKind::Concurrent(_) => Some(BuildKind::Incremental),
            kind => Some(*kind).filter(|kind| kind.is_edited()),
        };
        let Some(after) = after.filter(|kind| edits.iter().all(|edit| edit.kind() != *kind)) else {
            continue;
        };
        match after.edit() {
            None => bail!("{option} {kind} needs --edit FILE: it comes after an edit of that file"),
            Some(name) => bail!(
                "{option} {kind} needs --edit {name}=FILE: it comes after an edit of that file"
            ),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(edit: &[&str], edit_with: &[&str]) -> Vec<String> {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let args = BuildOptions {
            edit: owned(edit),
            edit_with: owned(edit_with),
            ..BuildOptions::default()
        };
        let edits = read(&args).unwrap();
        let described = edits.iter();
        described
            .map(|edit| format!("{} {}", edit.kind(), edit.describe()))
            .collect()
    }

    #[test]
    fn edits_have_names() {
        assert_eq!(
            described(&["./main.go"], &[]),
            ["incremental main.go: a line of comment is appended"]
        );
        assert_eq!(
            described(
                &[
                    "main.go",
                    "dependencies=go.mod",
                    "dependencies=go.sum",
                    "dockerfile"
                ],
                &["dependencies=s/$/{nonce}/"],
            ),
            [
                "incremental main.go: a line of comment is appended",
                "incremental:dependencies go.mod: s/$/{nonce}/; go.sum: s/$/{nonce}/",
                "incremental:dockerfile the Dockerfile: a LABEL is appended",
            ]
        );
        assert_eq!(
            described(&["run=dockerfile"], &["run=s/RUN/RUN : {nonce};/"]),
            ["incremental:run the Dockerfile: s/RUN/RUN : {nonce};/"]
        );
    }
}
