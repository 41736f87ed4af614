//! Whether an image is what was asked for. A fast build of the wrong thing is
//! no win: an OCI archive, as BuildKit's `oci` exporter writes it, is held
//! against the platforms and the programs that it should hold.
//!
//! The archive is read where it lies and nothing is unpacked, so no name in it
//! can reach the disk. All that it holds is taken as written by strangers:
//! counts and sizes are bounded (`limits`), documents are checked against
//! their digests, and names are escaped when shown. What a program *does* is not
//! checked here, only which machine it is for.

mod archive;
mod compression;
mod entries;
mod error;
mod image;
mod index;
mod layer;
mod limits;
mod mismatch;
mod path;
mod program;
mod tree;

#[cfg(test)]
mod check_tests;
#[cfg(test)]
mod files_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod layout_tests;

pub(crate) use archive::{Archive, blob};
pub(crate) use compression::decompressed;
pub use error::VerifyError;
pub(crate) use limits::Limits;
pub use mismatch::Mismatch;

use std::collections::BTreeSet;
use std::path::Path;

use crate::model::Platform;
use index::Image;

/// What an image should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The platforms that it has an image for, and no other.
    pub platforms: Vec<Platform>,
    /// Programs that each of them holds, by their paths in the image,
    /// `/usr/local/bin/hello`.
    pub binaries: Vec<String>,
}

/// Everything in which the image of an OCI archive differs from what was
/// asked for; empty where it is right.
///
/// - The archive has an image for each expected platform and no other;
///   attestations are passed over. Platforms are compared as [`Platform`]
///   normalises them.
/// - The configuration of an image is for the platform that its descriptor
///   says.
/// - Each named program is there, is an ELF program, and is for the platform's
///   machine, word size and byte order. Variants (`arm/v6`, `amd64/v3`) share
///   these, so one is not distinguished from another.
/// - So is what the image's root file system is made of, by `/bin/sh` or else
///   another program or library. An image without any, such as one `FROM
///   scratch` with one static program, is right.
///
/// # Errors
/// The archive cannot be read, is not what the OCI image specification
/// describes, is damaged, or exceeds a bound; or a platform is expected whose
/// ELF machine is not known.
pub fn check_archive(archive: &Path, expected: &Expected) -> Result<Vec<Mismatch>, VerifyError> {
    check_within(archive, expected, &Limits::DEFAULT)
}

fn check_within(
    archive: &Path,
    expected: &Expected,
    limits: &Limits,
) -> Result<Vec<Mismatch>, VerifyError> {
    let archive = Archive::open(archive, limits)?;
    let images = index::images(&archive)?;
    let mut mismatches = Vec::new();
    let mut bytes_left = limits.total_bytes;
    let wanted: BTreeSet<&Platform> = expected.platforms.iter().collect();
    for platform in &wanted {
        let found: Vec<&Image> = images
            .iter()
            .filter(|image| image.platform.as_ref() == Some(*platform))
            .collect();
        if found.len() != 1 {
            mismatches.push(Mismatch {
                platform: Some((*platform).clone()),
                found: match found.len() {
                    0 => "no image".to_owned(),
                    several => format!("{several} images"),
                },
                expected: "one".to_owned(),
            });
        }
        for image in found {
            mismatches.extend(image::check(
                &archive,
                image,
                platform,
                &expected.binaries,
                &mut bytes_left,
            )?);
        }
    }
    for image in &images {
        if image.platform.as_ref().is_some_and(|p| wanted.contains(p)) {
            continue;
        }
        mismatches.push(Mismatch {
            platform: image.platform.clone(),
            found: format!("an image for {}", image.named),
            expected: format!("images for {} only", list(&wanted)),
        });
    }
    Ok(mismatches)
}

fn list(platforms: &BTreeSet<&Platform>) -> String {
    if platforms.is_empty() {
        return "no platform".to_owned();
    }
    let names: Vec<String> = platforms.iter().map(ToString::to_string).collect();
    names.join(", ")
}
