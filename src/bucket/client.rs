//! A store and its objects: the few requests that buildrace makes. All of them may
//! be made again.

use std::path::Path as FilePath;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::buffered::BufWriter;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::limit::LimitStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientConfigKey, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig,
};
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::BucketError;
use super::url::{BucketUrl, Service};

/// Requests at a time, to one store.
pub(super) const AT_ONCE: usize = 16;
/// Bytes of a file that are sent in one request; a larger one goes in parts.
const PART: usize = 8 << 20;

/// How long a request may take, where the environment says nothing.
const TIMEOUTS: [(ClientConfigKey, &str); 3] = [
    (ClientConfigKey::ConnectTimeout, "5 seconds"),
    (ClientConfigKey::ReadTimeout, "30 seconds"),
    (ClientConfigKey::Timeout, "10 minutes"),
];

/// A store. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Bucket {
    url: BucketUrl,
    objects: Arc<dyn ObjectStore>,
}

/// An object, and which version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub bytes: Bytes,
    pub version: String,
}

/// An object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// Within the prefix of the store.
    pub key: String,
    pub version: String,
}

impl Bucket {
    /// A store by its address; what it takes to get in, the environment says. No
    /// request is made.
    ///
    /// # Errors
    /// The environment says something wrong, or a folder is not there.
    pub fn open(url: &BucketUrl) -> Result<Self, BucketError> {
        let set = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::open_with(url, &set.collect::<Vec<_>>())
    }

    /// The same, where these are the variables of the environment.
    ///
    /// # Errors
    /// As there.
    pub fn open_with(url: &BucketUrl, set: &[(String, String)]) -> Result<Self, BucketError> {
        // What the client encrypts with. A second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let made = match url.service {
            Service::S3 => s3(&url.bucket, set),
            Service::Google => google(&url.bucket, set),
            Service::Azure => azure(&url.bucket, set),
            Service::Folder => {
                // What is not mounted must not be filled.
                if !FilePath::new("/").join(url.prefix.as_ref()).is_dir() {
                    return Err(BucketError::NoBucket(url.clone()));
                }
                Ok(Arc::new(LocalFileSystem::new()) as _)
            }
        };
        Ok(Self {
            objects: Arc::new(LimitStore::new(
                made.map_err(|error| BucketError::of_settings(url, &error))?,
                AT_ONCE,
            )),
            url: url.clone(),
        })
    }

    /// A store of a test's.
    #[cfg(test)]
    pub(super) fn on(url: &BucketUrl, objects: Arc<dyn ObjectStore>) -> Self {
        Self {
            url: url.clone(),
            objects,
        }
    }

    /// Its address.
    pub fn url(&self) -> &BucketUrl {
        &self.url
    }

    fn path(&self, key: &str) -> Path {
        let parts = key.split('/');
        parts.fold(self.url.prefix.clone(), Path::join)
    }

    fn failed(&self, error: &object_store::Error) -> BucketError {
        BucketError::of_request(&self.url, error)
    }

    /// An object of at most so many bytes; `None` where there is none.
    pub(super) async fn get(&self, key: &str, most: u64) -> Result<Option<Object>, BucketError> {
        let found = match self.objects.get(&self.path(key)).await {
            Err(error) => return self.none(error),
            Ok(found) => found,
        };
        if found.meta.size > most {
            return Err(BucketError::Damaged {
                object: self.url.of(key),
                problem: format!(
                    "it has {} bytes, and at most {most} are read",
                    found.meta.size
                ),
            });
        }
        let version = version(&found.meta);
        match found.bytes().await {
            Ok(bytes) => Ok(Some(Object { bytes, version })),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Nothing, where that is what is wrong: a bucket that is not there is an
    /// error.
    fn none<T>(&self, error: object_store::Error) -> Result<Option<T>, BucketError> {
        match (&error, self.failed(&error)) {
            (object_store::Error::NotFound { .. }, BucketError::Service { .. }) => Ok(None),
            (_, failed) => Err(failed),
        }
    }

    /// Writes an object to a file; false where there is no object.
    ///
    /// # Errors
    /// It is not of this many bytes and this digest, among others.
    pub(super) async fn download(
        &self,
        key: &str,
        (bytes, digest): (u64, &str),
        to: &FilePath,
    ) -> Result<bool, BucketError> {
        let found = match self.objects.get(&self.path(key)).await {
            Err(error) => return Ok(self.none::<()>(error)?.is_some()),
            Ok(found) => found,
        };
        let damaged = |problem: String| BucketError::Damaged {
            object: self.url.of(key),
            problem,
        };
        if found.meta.size != bytes {
            return Err(damaged(format!(
                "expected {bytes} bytes, found {}",
                found.meta.size
            )));
        }
        let cannot = || BucketError::local(to);
        let mut file = File::create(to).await.map_err(cannot())?;
        let mut hashed = Sha256::new();
        let mut pieces = found.into_stream();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| self.failed(&error))?;
            hashed.update(&piece);
            file.write_all(&piece).await.map_err(cannot())?;
        }
        file.flush().await.map_err(cannot())?;
        if hex::encode(hashed.finalize()) != digest {
            return Err(damaged("its digest is another one".to_owned()));
        }
        Ok(true)
    }

    /// Puts a small object in place of whatever is there, and returns its
    /// version.
    pub(super) async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<String, BucketError> {
        let put = self.objects.put(&self.path(key), bytes.into()).await;
        let put = put.map_err(|error| self.failed(&error))?;
        Ok(put.e_tag.unwrap_or_default())
    }

    /// Puts a file. The object is there whole or not at all.
    ///
    /// # Errors
    /// The file is not of this digest any more, among others.
    pub(super) async fn upload(
        &self,
        file: &FilePath,
        key: &str,
        digest: &str,
    ) -> Result<(), BucketError> {
        let mut input = File::open(file).await.map_err(BucketError::local(file))?;
        let objects = Arc::clone(&self.objects);
        let mut output = BufWriter::with_capacity(objects, self.path(key), PART);
        if let Err(error) = self.copy(&mut input, &mut output, file, digest).await {
            // The error that led here is the one to tell.
            let _ = output.abort().await;
            return Err(error);
        }
        // It aborts itself where this fails.
        let ended = output.shutdown().await;
        ended.map_err(|error| self.of_writer(error))
    }

    /// Gives a file to a writer, which may send parts of it.
    async fn copy(
        &self,
        input: &mut File,
        output: &mut BufWriter,
        file: &FilePath,
        digest: &str,
    ) -> Result<(), BucketError> {
        let mut piece = vec![0; 128 * 1024];
        let mut hashed = Sha256::new();
        loop {
            let read = input.read(&mut piece).await;
            let read = read.map_err(BucketError::local(file))?;
            if read == 0 {
                break;
            }
            hashed.update(&piece[..read]);
            let sent = output.write_all(&piece[..read]).await;
            sent.map_err(|error| self.of_writer(error))?;
        }
        if hex::encode(hashed.finalize()) != digest {
            let changed = std::io::Error::other("it changed while it was sent");
            return Err(BucketError::local(file)(changed));
        }
        Ok(())
    }

    /// A writer puts the client's error into one of its own.
    fn of_writer(&self, error: std::io::Error) -> BucketError {
        let error = match error.downcast::<object_store::Error>() {
            Ok(error) => error,
            Err(error) => object_store::Error::Generic {
                store: "writer",
                source: error.into(),
            },
        };
        self.failed(&error)
    }

    /// The objects below a folder, by name.
    pub(super) async fn list(&self, folder: &str) -> Result<Vec<Listed>, BucketError> {
        let prefix = self.path(folder);
        let found = self
            .objects
            .list(Some(&prefix))
            .map_ok(|meta| self.listed(&meta));
        let found: Result<Vec<Option<Listed>>, _> = found.try_collect().await;
        let found = found.map_err(|error| self.failed(&error))?;
        let mut found: Vec<Listed> = found.into_iter().flatten().collect();
        found.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(found)
    }

    /// The names of the folders in a folder, in order.
    pub(super) async fn folders(&self, folder: &str) -> Result<Vec<String>, BucketError> {
        let prefix = self.path(folder);
        let found = self.objects.list_with_delimiter(Some(&prefix)).await;
        let found = found.map_err(|error| self.failed(&error))?;
        let names = found.common_prefixes.iter();
        let mut names: Vec<String> = names
            .filter_map(|path| Some(path.filename()?.to_owned()))
            .collect();
        names.sort();
        Ok(names)
    }

    fn listed(&self, meta: &ObjectMeta) -> Option<Listed> {
        let key = meta.location.as_ref();
        let key = match self.url.prefix.as_ref() {
            "" => key,
            prefix => key.strip_prefix(prefix)?.strip_prefix('/')?,
        };
        Some(Listed {
            key: key.to_owned(),
            version: version(meta),
        })
    }
}

/// What changes when an object is put again.
fn version(meta: &ObjectMeta) -> String {
    let written = || format!("{}-{}", meta.last_modified.timestamp_micros(), meta.size);
    meta.e_tag.clone().unwrap_or_else(written)
}

fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        },
        max_retries: 5,
        retry_timeout: Duration::from_secs(60),
    }
}

/// What the variables with this beginning say, and the limits that they do not.
fn settings<K>(
    own: &str,
    set: &[(String, String)],
    limit: impl Fn(ClientConfigKey) -> K,
) -> Vec<(K, String)>
where
    K: FromStr + PartialEq,
{
    let mut found: Vec<(K, String)> = set
        .iter()
        .filter(|(name, _)| name.starts_with(own))
        .filter_map(|(name, value)| {
            let key = name.to_ascii_lowercase().parse().ok()?;
            Some((key, value.clone()))
        })
        .collect();
    for (key, value) in TIMEOUTS {
        let key = limit(key);
        if !found.iter().any(|(set, _)| *set == key) {
            found.push((key, value.to_owned()));
        }
    }
    found
}

type Made = object_store::Result<Arc<dyn ObjectStore>>;

fn s3(bucket: &str, set: &[(String, String)]) -> Made {
    let mut builder = AmazonS3Builder::new();
    for (key, value) in settings("AWS_", set, AmazonS3ConfigKey::Client) {
        builder = builder.with_config(key, value);
    }
    let builder = builder.with_bucket_name(bucket).with_retry(retries());
    Ok(Arc::new(builder.build()?))
}

fn google(bucket: &str, set: &[(String, String)]) -> Made {
    let mut builder = GoogleCloudStorageBuilder::new();
    for (key, value) in settings("GOOGLE_", set, GoogleConfigKey::Client) {
        builder = builder.with_config(key, value);
    }
    let builder = builder.with_bucket_name(bucket).with_retry(retries());
    Ok(Arc::new(builder.build()?))
}

fn azure(container: &str, set: &[(String, String)]) -> Made {
    let mut builder = MicrosoftAzureBuilder::new();
    for (key, value) in settings("AZURE_", set, AzureConfigKey::Client) {
        builder = builder.with_config(key, value);
    }
    // Where Azure's own machines give out identities.
    if let Some((_, value)) = set.iter().find(|(name, _)| name == "IDENTITY_ENDPOINT") {
        builder = builder.with_msi_endpoint(value);
    }
    let builder = builder.with_container_name(container).with_retry(retries());
    Ok(Arc::new(builder.build()?))
}
