//! Named contexts: what the frontend learns of them, and the folders that
//! file sync has to serve for them.
//!
//! The attributes are those of buildx (`loadInputs` in its `build/opt.go`), and
//! BuildKit reads them in `frontend/dockerui/namedcontext.go`: from a folder it
//! first asks for `.dockerignore`, then for what that leaves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::filesync::LocalDir;
use super::request::NamedContext;
use crate::model::Reference;

/// A frontend without named contexts would ignore them; with this it refuses
/// the build. `+forward` has the frontend that a `# syntax=` line names decide
/// instead of the one that reads the line.
const CAPABILITY: &str = "moby.buildkit.frontend.contexts+forward";

/// What named contexts add to a build.
#[derive(Debug, Default)]
pub(super) struct Contexts {
    /// Attributes of the frontend.
    pub(super) attributes: BTreeMap<String, String>,
    /// Folders by the names under which BuildKit asks for them.
    pub(super) folders: BTreeMap<String, LocalDir>,
}

impl Contexts {
    /// Checks names and folders, and says what is wrong with one.
    pub(super) fn new(contexts: &BTreeMap<String, NamedContext>) -> Result<Self, String> {
        let mut added = Self::default();
        let mut given: BTreeMap<String, &str> = BTreeMap::new();
        for (name, context) in contexts {
            let short = Reference::parse(name)
                .map(|name| name.short())
                .map_err(|problem| format!("{name:?} cannot name a context: {problem}"))?;
            if let Some(other) = given.insert(short.clone(), name) {
                return Err(format!(
                    "the contexts {other:?} and {name:?} are the same to BuildKit: leave one out"
                ));
            }
            added.add(&short, context)?;
        }
        if !contexts.is_empty() {
            added
                .attributes
                .insert("frontend.caps".into(), CAPABILITY.into());
        }
        Ok(added)
    }

    fn add(&mut self, name: &str, context: &NamedContext) -> Result<(), String> {
        let source = match context {
            NamedContext::Remote(source) => source.clone(),
            NamedContext::Folder(path) => {
                let root = existing_folder(path).map_err(|error| {
                    format!(
                        "cannot read the context {name:?}, {}: {error}",
                        path.display()
                    )
                })?;
                // A part of the key under which BuildKit keeps what it
                // received; the rest is the context's name and the session's
                // own key. So it need not tell machines apart, as buildx's
                // does with a suffix.
                let hint = root.file_name().unwrap_or_default().to_string_lossy();
                self.attributes
                    .insert(format!("sharedkey:localdir:{name}"), hint.into_owned());
                let folder = folder_name(name);
                let source = format!("local:{folder}");
                self.folders.insert(folder, LocalDir { root });
                source
            }
        };
        self.attributes.insert(format!("context:{name}"), source);
        Ok(())
    }
}

/// The main context and the Dockerfile's folder have their names already. No
/// name of a context begins with `_`, so that these are free.
fn folder_name(context: &str) -> String {
    match context {
        "context" | "dockerfile" => format!("_{context}"),
        other => other.to_owned(),
    }
}

/// The real path of a folder that can be listed.
pub(super) fn existing_folder(path: &Path) -> std::io::Result<PathBuf> {
    let folder = std::fs::canonicalize(path)?;
    // Listing it finds missing permissions, too.
    std::fs::read_dir(&folder)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contexts(given: &[(&str, NamedContext)]) -> Result<Contexts, String> {
        let given = given.iter().cloned();
        Contexts::new(&given.map(|(name, c)| (name.to_owned(), c)).collect())
    }

    fn remote(source: &str) -> NamedContext {
        NamedContext::Remote(source.into())
    }

    #[test]
    fn nothing_is_added_where_there_are_none() {
        let none = contexts(&[]).unwrap();
        assert!(none.attributes.is_empty() && none.folders.is_empty());
    }

    #[test]
    fn the_frontend_is_told_as_buildx_tells_it() {
        let parent = tempfile::tempdir().unwrap();
        let deps = parent.path().join("deps");
        std::fs::create_dir(&deps).unwrap();
        let added = contexts(&[
            ("extra:latest", NamedContext::Folder(deps.clone())),
            ("context", NamedContext::Folder(deps.clone())),
            ("dockerfile", NamedContext::Folder(deps)),
            (
                "docker.io/library/debian",
                remote("docker-image://alpine:3"),
            ),
        ])
        .unwrap();
        let attributes: Vec<(&str, &str)> = added
            .attributes
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            attributes,
            [
                ("context:context", "local:_context"),
                ("context:debian", "docker-image://alpine:3"),
                ("context:dockerfile", "local:_dockerfile"),
                ("context:extra", "local:extra"),
                ("frontend.caps", "moby.buildkit.frontend.contexts+forward"),
                ("sharedkey:localdir:context", "deps"),
                ("sharedkey:localdir:dockerfile", "deps"),
                ("sharedkey:localdir:extra", "deps"),
            ]
        );
        let folders: Vec<&String> = added.folders.keys().collect();
        assert_eq!(folders, ["_context", "_dockerfile", "extra"]);
    }

    #[test]
    fn what_is_wrong_with_a_context_is_said() {
        let parent = tempfile::tempdir().unwrap();
        let missing = parent.path().join("missing");
        let file = parent.path().join("file");
        std::fs::write(&file, "").unwrap();
        for path in [missing, file] {
            let error = contexts(&[("extra", NamedContext::Folder(path.clone()))]).unwrap_err();
            assert!(error.contains("\"extra\""), "{error}");
            assert!(error.contains(path.to_str().unwrap()), "{error}");
        }
        let error = contexts(&[("Extra", remote("docker-image://a"))]).unwrap_err();
        assert!(error.contains("\"Extra\"") && error.contains("lower case"));
        let twice = [
            ("a", remote("docker-image://a")),
            ("a:latest", remote("docker-image://b")),
        ];
        let error = contexts(&twice).unwrap_err();
        assert!(error.contains("\"a\" and \"a:latest\""), "{error}");
    }
}
