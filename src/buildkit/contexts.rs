//! Named contexts: what the frontend learns of them, and the folders and images
//! that the session has to serve for them.
//!
//! The attributes are those of buildx (`loadInputs` in its `build/opt.go`), and
//! BuildKit reads them in `frontend/dockerui/namedcontext.go`: from a folder it
//! first asks for `.dockerignore`, then for what that leaves.
//!
//! An image on this machine is a context by the image's own name. It is told for
//! each of its platforms, too (`debian::linux/arm64`): BuildKit puts what it
//! finds into the names of its steps, which have no platform else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::filesync::LocalDir;
use super::request::NamedContext;
use crate::model::{ImageLayout, Reference};

/// A frontend without named contexts would ignore them; with this it refuses
/// the build. `+forward` has the frontend that a `# syntax=` line names decide
/// instead of the one that reads the line.
const CAPABILITY: &str = "moby.buildkit.frontend.contexts+forward";

/// What the source of a context begins with that another target builds, as bake
/// writes it. BuildKit never sees it: see [`super::gateway`].
pub(super) const TARGET: &str = "target:";

/// What named contexts add to a build.
#[derive(Debug, Default)]
pub(super) struct Contexts {
    /// Attributes of the frontend.
    pub(super) attributes: BTreeMap<String, String>,
    /// Folders by the names under which BuildKit asks for them.
    pub(super) folders: BTreeMap<String, LocalDir>,
    /// Folders with OCI layouts by the names of stores under which BuildKit asks
    /// for their content.
    pub(super) stores: BTreeMap<String, PathBuf>,
    /// The images in them, by the names that BuildKit looks for.
    images: BTreeSet<String>,
}

impl Contexts {
    /// Checks names and folders, and says what is wrong with one. A layout whose
    /// name a context has is left out.
    pub(super) fn new(
        contexts: &BTreeMap<String, NamedContext>,
        layouts: &[ImageLayout],
    ) -> Result<Self, String> {
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
        for (place, layout) in layouts.iter().enumerate() {
            added.add_layout(place, layout)?;
        }
        if !added.attributes.is_empty() {
            added
                .attributes
                .insert("frontend.caps".into(), CAPABILITY.into());
        }
        Ok(added)
    }

    /// `place` names its store: builds that share a session have the same layouts.
    fn add_layout(&mut self, place: usize, layout: &ImageLayout) -> Result<(), String> {
        let wrong = |problem: &str| {
            let folder = layout.folder.display();
            format!(
                "cannot build on the image {:?} in {folder}: {problem}",
                layout.name
            )
        };
        let name = Reference::parse(&layout.name).map_err(wrong)?.short();
        if self.attributes.contains_key(&format!("context:{name}")) {
            return Ok(());
        }
        let blob = ImageLayout::blob(&layout.folder, &layout.digest)
            .ok_or_else(|| wrong(&format!("{:?} is no SHA-256 digest", layout.digest)))?;
        if !blob.is_file() {
            return Err(wrong(&format!("it holds no {}", layout.digest)));
        }
        let store = format!("layout-{place}");
        let source = format!("oci-layout://{store}@{}", layout.digest);
        self.stores.insert(store, layout.folder.clone());
        for platform in &layout.platforms {
            self.attributes
                .insert(format!("context:{name}::{platform}"), source.clone());
        }
        // A platform that a lesser one serves, linux/amd64/v3, is not listed.
        self.attributes.insert(format!("context:{name}"), source);
        self.images.insert(name);
        Ok(())
    }

    /// Why a Dockerfile cannot be built with these images: BuildKit would take
    /// one for a stage of the same name, and leave the stage out without a word.
    pub(super) fn check_stages(&self, dockerfile: &str) -> Result<(), String> {
        for line in dockerfile.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [from, .., r#as, stage] = words.as_slice() else {
                continue;
            };
            let is_stage = from.eq_ignore_ascii_case("FROM") && r#as.eq_ignore_ascii_case("AS");
            if is_stage && self.images.contains(&stage.to_lowercase()) {
                return Err(format!(
                    "the Dockerfile's stage {stage:?} has the name of an image that the builder \
                     gets from here, and BuildKit would take the image for the stage: give the \
                     stage another name"
                ));
            }
        }
        Ok(())
    }

    fn add(&mut self, name: &str, context: &NamedContext) -> Result<(), String> {
        let source = match context {
            NamedContext::Remote(source) => source.clone(),
            NamedContext::Target(target) => format!("{TARGET}{target}"),
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
        Contexts::new(&given.map(|(name, c)| (name.to_owned(), c)).collect(), &[])
    }

    /// A layout of these platforms that holds an index, of whatever content.
    fn layout(folder: &Path, name: &str, platforms: &[&str]) -> ImageLayout {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let blob = ImageLayout::blob(folder, &digest).unwrap();
        std::fs::create_dir_all(blob.parent().unwrap()).unwrap();
        std::fs::write(blob, "{}").unwrap();
        ImageLayout {
            name: name.into(),
            folder: folder.to_owned(),
            digest,
            platforms: platforms.iter().map(|p| p.parse().unwrap()).collect(),
        }
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
    fn images_of_this_machine_are_contexts_on_each_platform() {
        let folder = tempfile::tempdir().unwrap();
        let given = BTreeMap::from([("extra".to_owned(), remote("docker-image://a"))]);
        let layouts = [
            layout(
                folder.path(),
                "docker.io/library/golang:1.24",
                &["amd64", "arm/v7"],
            ),
            layout(folder.path(), "debian:latest", &[]),
            // The user's own context goes before.
            layout(folder.path(), "extra:latest", &["amd64"]),
        ];
        let added = Contexts::new(&given, &layouts).unwrap();
        let source = |store| format!("oci-layout://{store}@{}", layouts[0].digest);
        let golang = source("layout-0");
        let attributes: Vec<(&str, &str)> = added
            .attributes
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            attributes,
            [
                ("context:debian", source("layout-1").as_str()),
                ("context:extra", "docker-image://a"),
                ("context:golang:1.24", &golang),
                ("context:golang:1.24::linux/amd64", &golang),
                ("context:golang:1.24::linux/arm/v7", &golang),
                ("frontend.caps", "moby.buildkit.frontend.contexts+forward"),
            ]
        );
        let stores: Vec<_> = added.stores.iter().collect();
        let folder = folder.path().to_owned();
        assert_eq!(
            stores,
            [
                (&"layout-0".to_owned(), &folder),
                (&"layout-1".to_owned(), &folder),
            ]
        );
    }

    #[test]
    fn an_image_that_is_not_there_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let whole = layout(folder.path(), "debian", &["amd64"]);
        let with = |change: fn(&mut ImageLayout)| {
            let mut layout = whole.clone();
            change(&mut layout);
            Contexts::new(&BTreeMap::new(), &[layout]).unwrap_err()
        };
        let error = with(|layout| layout.digest = format!("sha256:{}", "0b".repeat(32)));
        assert!(error.contains("\"debian\"") && error.contains("holds no sha256:0b0b"));
        let error = with(|layout| layout.digest = "sha256:../../../etc/passwd".into());
        assert!(error.contains("is no SHA-256 digest"), "{error}");
        let error = with(|layout| layout.name = "Debian".into());
        assert!(error.contains("lower case"), "{error}");
    }

    #[test]
    fn a_stage_named_like_its_image_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let layouts = [layout(folder.path(), "debian:latest", &[])];
        let added = Contexts::new(&BTreeMap::new(), &layouts).unwrap();
        let check = |dockerfile| added.check_stages(dockerfile);
        let error = check("FROM scratch\nFROM --platform=$BUILDPLATFORM debian as Debian\n");
        assert!(error.unwrap_err().contains("\"Debian\""));
        assert_eq!(
            check("FROM debian AS build\nCOPY --from=debian / /\n"),
            Ok(())
        );
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
