//! Where results are, as it is typed: a folder, or the URL of a store.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::secrets::without_credentials;
use crate::user;

/// Characters of a URL in the name of its folder on this machine.
const MAX_NAME: usize = 40;

/// What makes one URL mean several stores.
const SERVERS: &[&str] = &[
    "AWS_ENDPOINT",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AZURE_STORAGE_ACCOUNT_NAME",
    "AZURE_STORAGE_ENDPOINT",
];

/// Where results are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultsPlace {
    /// The folder that runs are written to, on this machine. Of a store it is empty
    /// where the user has no cache folder.
    pub folder: PathBuf,
    /// The store that they are put into afterwards, and are read from.
    pub store: Option<StorePlace>,
}

/// A store, as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorePlace {
    /// Its URL, without credentials: no URL of a store has any.
    pub url: String,
}

impl FromStr for ResultsPlace {
    // What is wrong with a URL is told later: clap would show all of it.
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        if !text.contains("://") {
            return Ok(Self {
                folder: PathBuf::from(text),
                store: None,
            });
        }
        let url = without_credentials(text.trim_end_matches('/')).into_owned();
        let cache = user::cache_folder().filter(|path| path.is_absolute());
        let set = |name: &str| std::env::var(name).ok();
        let folder = cache.map(|cache| folder(&cache, &url, set).join("results"));
        Ok(Self {
            folder: folder.unwrap_or_default(),
            store: Some(StorePlace { url }),
        })
    }
}

/// The folder of a store: its URL as a person would know it, and a digest of what
/// makes it another store.
fn folder(cache: &Path, url: &str, set: impl Fn(&str) -> Option<String>) -> PathBuf {
    let mut digest = Sha256::new();
    digest.update(url);
    for server in SERVERS {
        digest.update([0]);
        digest.update(set(server).unwrap_or_default());
    }
    let digest = hex::encode(digest.finalize());
    let (_, name) = url.split_once("://").unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name = name.trim_start_matches('/').chars().take(MAX_NAME);
    let name: String = name.map(|c| if is_plain(c) { c } else { '-' }).collect();
    cache
        .join("buildrace/stores")
        .join(format!("{name}-{}", &digest[..12]))
}

impl fmt::Display for ResultsPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.store {
            Some(store) => f.write_str(&store.url),
            None => write!(f, "{}", self.folder.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_store_has_a_folder_of_its_own() {
        let none = |_: &str| None;
        let moto = |name: &str| (name == "AWS_ENDPOINT_URL").then(|| "http://m".to_owned());
        let cache = Path::new("/cache");
        let one = folder(cache, "s3://bucket/../ci ü", none);
        let shown = one.display().to_string();
        assert!(
            shown.starts_with("/cache/buildrace/stores/bucket-..-ci---"),
            "{shown}"
        );
        assert_eq!(one.parent(), Some(Path::new("/cache/buildrace/stores")));
        assert_ne!(one, folder(cache, "s3://bucket/../ci u", none));
        assert_ne!(one, folder(cache, "s3://bucket/../ci ü", moto));
    }

    #[test]
    fn what_is_typed_is_a_folder_or_a_store() {
        let place: ResultsPlace = "results".parse().unwrap();
        assert_eq!(place.folder, Path::new("results"));
        assert_eq!((place.to_string(), place.store), ("results".into(), None));
        let place: ResultsPlace = "s3://me:hidden@bucket/ci/".parse().unwrap();
        assert!(!format!("{place} {place:?}").contains("hidden"));
        assert!(place.to_string().ends_with("bucket/ci"));
    }
}
