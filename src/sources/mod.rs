//! Fetching sources: those of a scenario that are not committed with it. From a
//! git repository; where that has no answer, by a Dockerfile that makes them.
//!
//! They are kept in the user's cache folder, and taken from there the next
//! time. [`obtain`] decides; what builds the Dockerfile is the caller's.

mod cache;
mod error;
mod unpack;

#[cfg(test)]
mod tests;

use std::path::Path;

use tokio_util::sync::CancellationToken;

use crate::git::{GitError, RemoteCommit};
use crate::model::{Platform, SourcesFrom};
use crate::scenario::{Fetch, Otherwise};
use crate::secrets::without_credentials;
pub use cache::{Cache, Found, Key};
pub use error::SourcesError;
pub use unpack::{UnpackError, unpack};

/// Finds the sources in the cache, or fetches them: from git, or else by
/// `build`, which writes the files of the Dockerfile's last stage to a tar archive
/// at the path that it is given. `report` hears which way they came and why.
///
/// # Errors
/// git finds another commit, which no fallback makes good; neither way leads
/// to sources; or the cache cannot be written.
pub async fn obtain(
    fetch: &Fetch,
    native: &Platform,
    cache: &Cache,
    stop: &CancellationToken,
    report: &dyn Fn(&str),
    build: impl AsyncFnOnce(&Otherwise, &Path) -> Result<(), SourcesError>,
) -> Result<Found, SourcesError> {
    let key = Key::for_git(fetch);
    if let Some(found) = in_cache(cache, &key).await? {
        report(&format!("{}, fetched before", found.from.describe()));
        return Ok(found);
    }
    report(&format!("fetching {} of {}", fetch.reference, fetch.git));
    let why = match from_git(fetch, cache, &key, stop).await {
        Ok(found) => {
            report(&found.from.describe());
            return Ok(found);
        }
        Err(SourcesError::Git(GitError::Interrupted)) => return Err(SourcesError::Interrupted),
        Err(SourcesError::Git(error)) if error.is_out_of_reach() => error,
        Err(error) => return Err(error),
    };
    let Some(otherwise) = &fetch.otherwise else {
        return Err(SourcesError::Git(why));
    };
    let key = Key::for_dockerfile(otherwise, native)?;
    if let Some(found) = in_cache(cache, &key).await? {
        report(&format!(
            "{why}; instead: {}, built before",
            found.from.describe()
        ));
        return Ok(found);
    }
    report(&format!("{why}; building {} instead", otherwise.shown));
    let found = from_build(otherwise, cache, &key, build).await?;
    report(&found.from.describe());
    Ok(found)
}

async fn in_cache(cache: &Cache, key: &Key) -> Result<Option<Found>, SourcesError> {
    let (cache, key) = (cache.clone(), key.clone());
    blocking(move || Ok(cache.find(&key))).await
}

async fn from_git(
    fetch: &Fetch,
    cache: &Cache,
    key: &Key,
    stop: &CancellationToken,
) -> Result<Found, SourcesError> {
    let (cache, key, fetch, stop) = (cache.clone(), key.clone(), fetch.clone(), stop.clone());
    blocking(move || {
        let place = cache.begin()?;
        let commit = RemoteCommit {
            url: &fetch.git,
            reference: &fetch.reference,
            id: &fetch.commit,
        };
        commit.fetch(&place.tree(), &|| stop.is_cancelled())?;
        let from = SourcesFrom::Git {
            git: shareable(&fetch.git),
            reference: fetch.reference,
            commit: fetch.commit,
        };
        cache.finish(place, &key, from)
    })
    .await
}

/// A URL as results show it: of a repository on this machine without the
/// folders that lead to it, which are nobody else's business.
fn shareable(url: &str) -> String {
    let Some(path) = url.strip_prefix("file://") else {
        return without_credentials(url).into_owned();
    };
    let name = path.trim_end_matches('/').rsplit('/').next();
    format!("file:///…/{}", name.unwrap_or_default())
}

async fn from_build(
    otherwise: &Otherwise,
    cache: &Cache,
    key: &Key,
    build: impl AsyncFnOnce(&Otherwise, &Path) -> Result<(), SourcesError>,
) -> Result<Found, SourcesError> {
    let place = cache.begin()?;
    let archive = place.archive();
    build(otherwise, &archive).await?;
    let (cache, key, shown) = (cache.clone(), key.clone(), otherwise.shown.clone());
    blocking(move || {
        let file = std::fs::File::open(&archive)
            .map_err(|error| SourcesError::io("open", &archive, error))?;
        let made_of = unpack(std::io::BufReader::new(file), &place.tree()).map_err(|error| {
            SourcesError::Unpack {
                dockerfile: shown.clone(),
                error,
            }
        })?;
        std::fs::remove_file(&archive)
            .map_err(|error| SourcesError::io("remove", &archive, error))?;
        let from = SourcesFrom::Built {
            dockerfile: shown,
            made_of,
        };
        cache.finish(place, &key, from)
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SourcesError> + Send + 'static,
) -> Result<T, SourcesError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(SourcesError::Broken(error.to_string())))
}
