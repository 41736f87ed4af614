//! An image in a folder on this machine, for a builder that can get it neither
//! from a registry nor from an engine's store.

use std::path::PathBuf;

use super::Platform;

/// An image as a folder with an OCI layout (OCI image specification, "Image
/// Layout"): whoever builds `FROM` its name gets it from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageLayout {
    /// The image's name in whatever form, as a Dockerfile may write it:
    /// `golang:1.24-trixie`.
    pub name: String,
    /// The folder that holds `blobs/sha256`.
    pub folder: PathBuf,
    /// Digest of its index, or of its manifest where it has none: `sha256:…`.
    pub digest: String,
    /// Platforms that the folder holds all of.
    pub platforms: Vec<Platform>,
}

impl ImageLayout {
    /// The hex digits of a digest of the form `sha256:` and 64 of them in lower
    /// case; `None` of anything else. They are safe as the name of a file.
    pub fn sha256(digest: &str) -> Option<&str> {
        let hex = digest.strip_prefix("sha256:")?;
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (hex.len() == 64 && hex.bytes().all(is_hex)).then_some(hex)
    }

    /// Where a layout in `folder` has the blob with this digest; `None` where
    /// that is no digest that layouts are read by.
    pub fn blob(folder: &std::path::Path, digest: &str) -> Option<PathBuf> {
        Self::sha256(digest).map(|hex| folder.join("blobs").join("sha256").join(hex))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn only_a_digest_names_a_blob() {
        let hex = "0a".repeat(32);
        let blob = ImageLayout::blob(Path::new("/x"), &format!("sha256:{hex}"));
        assert_eq!(blob, Some(PathBuf::from(format!("/x/blobs/sha256/{hex}"))));
        for wrong in [
            "",
            "sha256:",
            &hex,
            &format!("sha512:{hex}"),
            &format!("sha256:{}", "0A".repeat(32)),
            &format!("sha256:{}", "0a".repeat(31)),
            &format!("sha256:{hex}0"),
            &format!("sha256:../{}", &hex[3..]),
            &format!("sha256:/{}", &hex[1..]),
            &format!("sha256:{}\0", &hex[1..]),
        ] {
            assert_eq!(ImageLayout::sha256(wrong), None, "{wrong:?}");
        }
    }
}
