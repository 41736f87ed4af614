//! What becomes of the result of a timed build, and its removal after the clock.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::ci_cache::{own_name, short_digest};
use super::image_store::{ImageStore, LoadingStore};
use super::place::Place;
use super::smoke::SmokeTests;
use crate::buildkit::{BakeRequest, Destination, Export, Loader};
use crate::model::{TimedExport, TimedExportKind};

/// Longest wait for an engine to remove an image.
const REMOVE_LIMIT: Duration = Duration::from_secs(60);

/// The export of a build, named after its reference. `folder` is where archives go. An image
/// in an engine's store has a name by which it is found where the run is killed.
pub(super) fn export(
    timed: &TimedExport,
    reference: &str,
    folder: &Path,
    store: SmokeTests<'_>,
    loads_into: Option<&Arc<dyn LoadingStore>>,
) -> Export {
    let own = own_name(reference);
    let mut attributes = timed.attributes.clone();
    let mut set = |key: &str, value: String| attributes.insert(key.to_owned(), value);
    let file = || Some(Destination::File(folder.join(format!("{own}.tar"))));
    let (kind, destination) = match (timed.kind, store) {
        (TimedExportKind::CacheOnly, _) => return Export::CacheOnly,
        (TimedExportKind::Registry, _) => {
            let repository = timed.attributes.get("name").cloned().unwrap_or_default();
            set("name", format!("{repository}:{own}"));
            set("push", "true".to_owned());
            ("image", None)
        }
        // What an engine's own BuildKit stores is loaded: buildx has it so, too.
        (TimedExportKind::Image | TimedExportKind::Docker, SmokeTests::By(engine)) => {
            set("name", engine.image_name(&short_digest(reference)));
            ("image", None)
        }
        (TimedExportKind::Image, _) => {
            set("name", format!("{own}:latest"));
            ("image", None)
        }
        (TimedExportKind::Docker, _) => match loads_into {
            Some(store) => {
                set("name", store.image_name(&short_digest(reference)));
                let loader = Loader(Arc::<dyn LoadingStore>::clone(store));
                let kind = if store.loads_oci() { "oci" } else { "docker" };
                (kind, Some(Destination::Store(loader)))
            }
            None => ("docker", file()),
        },
        (TimedExportKind::Oci, _) => ("oci", file()),
    };
    Export::Exporter {
        kind: kind.to_owned(),
        attributes,
        destination,
    }
}

/// Removes what a build has exported to this machine or into an engine's store.
///
/// # Errors
/// It is still there, in a line.
pub(super) async fn remove(request: &BakeRequest, place: &Place<'_>) -> Result<(), String> {
    for target in &request.targets {
        let Export::Exporter {
            attributes,
            destination,
            ..
        } = &target.request.export
        else {
            continue;
        };
        let store: &dyn ImageStore = match (destination, place.loads_into, place.smoke_tests) {
            (Some(Destination::File(archive)), ..) => match std::fs::remove_file(archive) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error.to_string());
                }
                _ => continue,
            },
            (Some(Destination::Store(_)), Some(store), _) => store.as_ref(),
            (_, _, SmokeTests::By(engine)) => engine,
            _ => continue,
        };
        if let Some(name) = attributes.get("name") {
            let removed = tokio::time::timeout(REMOVE_LIMIT, store.remove(name)).await;
            removed
                .map_err(|_| "the engine does not answer".to_owned())?
                .map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use bytes::Bytes;
    use tokio::sync::mpsc;

    use super::*;
    use crate::buildkit::ImageLoader;
    use crate::race::image_store::ImageStoreError;

    #[test]
    fn each_build_has_an_export_of_its_own() {
        let of = |text: &str, reference: &str| {
            let folder = Path::new("/exports");
            export(
                &text.parse().unwrap(),
                reference,
                folder,
                SmokeTests::Nowhere,
                None,
            )
        };
        assert_eq!(of("cacheonly", "a"), Export::CacheOnly);
        let Export::Exporter {
            kind,
            attributes,
            destination,
        } = of("type=registry,name=r.example/app,compression=zstd", "a")
        else {
            panic!("an exporter");
        };
        assert_eq!((kind.as_str(), destination), ("image", None));
        assert!(attributes["name"].starts_with("r.example/app:buildrace-"));
        assert_eq!(
            (&*attributes["push"], &*attributes["compression"]),
            ("true", "zstd")
        );
        assert_ne!(of("image", "a"), of("image", "b"));
        let Export::Exporter { destination, .. } = of("oci", "a") else {
            panic!("an exporter");
        };
        let Some(Destination::File(archive)) = destination else {
            panic!("a file");
        };
        assert!(archive.starts_with("/exports"));
    }

    /// An engine's image store.
    struct Store {
        loads_oci: bool,
    }

    #[async_trait]
    impl ImageLoader for Store {
        async fn load(&self, _: mpsc::Receiver<Bytes>) -> Result<(), String> {
            Ok(())
        }
    }

    #[async_trait]
    impl ImageStore for Store {
        fn image_name(&self, unique: &str) -> String {
            format!("store:{unique}")
        }
        async fn remove(&self, _: &str) -> Result<(), ImageStoreError> {
            Ok(())
        }
    }

    impl LoadingStore for Store {
        fn loads_oci(&self) -> bool {
            self.loads_oci
        }
    }

    #[test]
    fn an_image_is_loaded_in_the_format_that_its_store_takes() {
        for (loads_oci, expected) in [(true, "oci"), (false, "docker")] {
            let store: Arc<dyn LoadingStore> = Arc::new(Store { loads_oci });
            let folder = Path::new("/exports");
            let docker = "docker".parse().unwrap();
            let made = export(&docker, "a", folder, SmokeTests::OnBuilder, Some(&store));
            let Export::Exporter {
                kind,
                attributes,
                destination,
            } = made
            else {
                panic!("an exporter");
            };
            assert_eq!(kind, expected);
            assert!(attributes["name"].starts_with("store:"));
            assert!(matches!(destination, Some(Destination::Store(_))));
        }
    }
}
