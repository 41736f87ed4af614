//! What becomes of the result of a timed build, and its removal after the clock.

use std::path::Path;

use super::ci_cache::{own_name, short_digest};
use super::place::Place;
use super::smoke::SmokeTests;
use crate::buildkit::{BakeRequest, Export};
use crate::model::{TimedExport, TimedExportKind};

/// The export of a build, named after its reference. `folder` is where archives go. An image in an
/// engine's store has a name by which it is found where the run is killed.
pub(super) fn export(
    timed: &TimedExport,
    reference: &str,
    folder: &Path,
    store: SmokeTests<'_>,
) -> Export {
    let own = own_name(reference);
    let mut attributes = timed.attributes.clone();
    let mut set = |key: &str, value: String| attributes.insert(key.to_owned(), value);
    let kind = match timed.kind {
        TimedExportKind::CacheOnly => return Export::CacheOnly,
        TimedExportKind::Image => {
            let name = match store {
                SmokeTests::By(engine) => engine.image_name(&short_digest(reference)),
                SmokeTests::Nowhere | SmokeTests::OnBuilder => format!("{own}:latest"),
            };
            set("name", name);
            "image"
        }
        TimedExportKind::Registry => {
            let repository = timed.attributes.get("name").cloned().unwrap_or_default();
            set("name", format!("{repository}:{own}"));
            set("push", "true".to_owned());
            "image"
        }
        kind => kind.as_str(),
    };
    let is_archive = timed.kind.is_archive();
    Export::Exporter {
        kind: kind.to_owned(),
        attributes,
        destination: is_archive.then(|| folder.join(format!("{own}.tar"))),
    }
}

/// Removes what a build has exported to this machine or into an engine's store;
/// returns its bytes, where it is an archive.
///
/// # Errors
/// The engine does not give it up, in a line.
pub(super) async fn remove(
    request: &BakeRequest,
    place: &Place<'_>,
) -> Result<Option<u64>, String> {
    let mut bytes = None;
    for target in &request.targets {
        let Export::Exporter {
            attributes,
            destination,
            ..
        } = &target.request.export
        else {
            continue;
        };
        if let Some(archive) = destination
            && let Ok(metadata) = std::fs::metadata(archive)
        {
            bytes = Some(metadata.len());
            std::fs::remove_file(archive).map_err(|error| error.to_string())?;
        }
        if let (Some(name), SmokeTests::By(runner)) = (attributes.get("name"), place.smoke_tests) {
            let removed = runner.remove(name).await;
            removed.map_err(|error| error.to_string())?;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_build_has_an_export_of_its_own() {
        let of = |text: &str, reference: &str| {
            let folder = Path::new("/exports");
            export(
                &text.parse().unwrap(),
                reference,
                folder,
                SmokeTests::Nowhere,
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
        assert!(destination.unwrap().starts_with("/exports"));
    }
}
