//! Which images an archive holds. BuildKit's `index.json` has one descriptor
//! for each name of the image: of a manifest where the build was for one
//! platform, and else of an index of manifests, attestations among them.

use std::collections::HashSet;

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest, MediaType, ToDockerV2S2};

use super::archive::{Archive, blob};
use super::error::{VerifyError, malformed, too_large};
use crate::escape;
use crate::model::Platform;

/// An image for one platform.
#[derive(Debug)]
pub(super) struct Image {
    /// The platform that its descriptor says, or its configuration where the
    /// descriptor has none; escaped.
    pub(super) named: String,
    /// The same, if it can be written as a platform.
    pub(super) platform: Option<Platform>,
    /// The platform that its configuration says, where that is another;
    /// escaped.
    pub(super) configured: Option<String>,
    /// What it is made of.
    pub(super) manifest: ImageManifest,
}

/// The images of an archive, each once, in the order of its indexes.
pub(super) fn images(archive: &Archive<'_>) -> Result<Vec<Image>, VerifyError> {
    let top: ImageIndex = archive.index()?;
    let mut walk = Walk {
        archive,
        seen: HashSet::new(),
        descriptors: 0,
        images: Vec::new(),
    };
    walk.index(&top, 1)?;
    Ok(walk.images)
}

struct Walk<'a> {
    archive: &'a Archive<'a>,
    /// Digests with the platforms that descriptors gave them: an image with
    /// two names is one image, one that goes for two platforms is two.
    seen: HashSet<(String, Option<String>)>,
    descriptors: usize,
    images: Vec<Image>,
}

impl Walk<'_> {
    fn index(&mut self, index: &ImageIndex, depth: usize) -> Result<(), VerifyError> {
        let limits = self.archive.limits;
        if depth > limits.nesting {
            let error = too_large(format_args!("{} indexes in each other", limits.nesting));
            return Err(self.archive.failed("the indexes", &error));
        }
        for descriptor in index.manifests() {
            self.descriptors += 1;
            if self.descriptors > limits.descriptors {
                let error = too_large(format_args!("{} descriptors", limits.descriptors));
                return Err(self.archive.failed("the indexes", &error));
            }
            let platform = descriptor.platform().as_ref().map(name);
            let digest = descriptor.digest().to_string();
            if is_attestation(descriptor) || !self.seen.insert((digest, platform)) {
                continue;
            }
            let kind = descriptor.media_type();
            if is(kind, &MediaType::ImageIndex) {
                let index = self.archive.document(descriptor)?;
                self.index(&index, depth + 1)?;
            } else if is(kind, &MediaType::ImageManifest) {
                let image = self.image(descriptor)?;
                self.images.push(image);
            } else {
                let error = malformed(format_args!("{kind} is the type of no image"));
                return Err(self.archive.failed(blob(descriptor.digest()), &error));
            }
        }
        Ok(())
    }

    fn image(&self, descriptor: &Descriptor) -> Result<Image, VerifyError> {
        let manifest: ImageManifest = self.archive.document(descriptor)?;
        // Of the configuration only the platform matters, whose properties have
        // the same names there ("Image Configuration", "Properties").
        let configured: oci_spec::image::Platform = self.archive.document(manifest.config())?;
        let claimed = descriptor.platform().as_ref().unwrap_or(&configured);
        let named = name(claimed);
        Ok(Image {
            platform: named.parse().ok(),
            named: escape::bounded(&named),
            configured: (!agrees(&configured, claimed))
                .then(|| escape::bounded(&name(&configured))),
            manifest,
        })
    }
}

/// Whether a configuration is for a platform. A variant that it leaves out is
/// not held against it: that property is optional.
fn agrees(configured: &oci_spec::image::Platform, claimed: &oci_spec::image::Platform) -> bool {
    let mut claimed = claimed.clone();
    if configured.variant().is_none() {
        claimed.set_variant(None);
    }
    let normal = |platform| name(platform).parse::<Platform>();
    match (normal(configured), normal(&claimed)) {
        (Ok(configured), Ok(claimed)) => configured == claimed,
        _ => name(configured) == name(&claimed),
    }
}

/// BuildKit's attestations are manifests for the platform `unknown/unknown`
/// with an annotation (BuildKit, `docs/attestations/attestation-storage.md`).
fn is_attestation(descriptor: &Descriptor) -> bool {
    let annotated = descriptor.annotations().as_ref().is_some_and(|all| {
        all.get("vnd.docker.reference.type")
            .is_some_and(|kind| kind == "attestation-manifest")
    });
    let unknown = descriptor
        .platform()
        .as_ref()
        .is_some_and(|platform| name(platform) == "unknown/unknown");
    annotated || unknown
}

/// `os/architecture[/variant]`, as written.
fn name(platform: &oci_spec::image::Platform) -> String {
    let (os, architecture) = (platform.os(), platform.architecture());
    match platform.variant().as_deref() {
        None | Some("") => format!("{os}/{architecture}"),
        Some(variant) => format!("{os}/{architecture}/{variant}"),
    }
}

/// Whether a media type is this one, in OCI's words or in Docker's.
fn is(found: &MediaType, kind: &MediaType) -> bool {
    found == kind
        || kind
            .to_docker_v2s2()
            .is_ok_and(|name| found.as_ref() == name)
}
