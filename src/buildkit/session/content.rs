//! Images and caches that are on this machine alone, asked for by BuildKit blob by
//! blob: containerd's content service (`containerd.services.content.v1.Content`) over
//! folders with OCI layouts. Those of images are read-only; BuildKit writes caches.
//!
//! BuildKit names the store in a header of each call (`session/content` in
//! moby/buildkit), asks for the size of a blob, and reads it in pieces of its
//! own choice. It checks digests itself before it keeps anything.

mod wire;
mod write;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures_util::{Stream, StreamExt, stream};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::server::{Grpc, NamedService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::Service;

use crate::model::ImageLayout;
use wire::{
    Info, InfoRequest, InfoResponse, ListRequest, ListResponse, Nothing, ReadRequest, ReadResponse,
    WriteRequest, WriteResponse,
};

/// The methods that a session announces: those that read.
const READING: &[&str] = &["Info", "List", "Read", "Status", "ListStatuses"];
/// The same where caches may be written, too.
const WRITING: &[&str] = &[
    "Info",
    "List",
    "Read",
    "Status",
    "ListStatuses",
    "Write",
    "Abort",
];

/// The header with the name of the store.
const STORE: &str = "buildkit-attachable-store-id";
/// What BuildKit puts before the name of a store that holds an image.
const IMAGE: &str = "oci:";
/// What it puts before the name of one that holds a cache (`cache/remotecache/local`).
const CACHE: &str = "local:";
/// Bytes of the largest message: containerd's clients write pieces of up to this size.
const MESSAGE_LIMIT: usize = 16 << 20;
/// Bytes of a blob in one message.
const PIECE: usize = 128 << 10;
/// Blobs in one message of a listing.
const LISTED: usize = 100;

type Answer<T> = Result<Response<T>, Status>;
type Messages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Folders with OCI layouts, each a store of content.
#[derive(Debug, Clone, Default)]
pub(crate) struct ContentStores {
    images: Arc<BTreeMap<String, PathBuf>>,
    caches: Arc<BTreeMap<String, PathBuf>>,
    sent: Arc<AtomicU64>,
}

impl ContentStores {
    /// Serves these folders, by the names that BuildKit calls them: those with images,
    /// and those that hold or get caches.
    pub(crate) fn new(
        images: BTreeMap<String, PathBuf>,
        caches: BTreeMap<String, PathBuf>,
    ) -> Self {
        Self {
            images: Arc::new(images),
            caches: Arc::new(caches),
            sent: Arc::default(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.images.is_empty() && self.caches.is_empty()
    }

    /// The methods that a session announces.
    pub(super) fn methods(&self) -> &'static [&'static str] {
        match self.caches.is_empty() {
            true => READING,
            false => WRITING,
        }
    }

    /// Bytes of images' blobs that were sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The folder that a call is about.
    fn folder(&self, metadata: &MetadataMap) -> Result<&Path, Status> {
        let image = named(metadata)?.strip_prefix(IMAGE);
        let image = image.and_then(|name| self.images.get(name));
        match image {
            Some(folder) => Ok(folder),
            None => self.cache(metadata),
        }
    }

    /// The folder of the cache that a call is about.
    fn cache(&self, metadata: &MetadataMap) -> Result<&Path, Status> {
        let named = named(metadata)?;
        let cache = named.strip_prefix(CACHE);
        let cache = cache.and_then(|name| self.caches.get(name));
        let is_image = |name| self.images.contains_key(name);
        match cache {
            Some(folder) => Ok(folder),
            None if named.strip_prefix(IMAGE).is_some_and(is_image) => Err(
                Status::failed_precondition("this content store is read-only"),
            ),
            None => Err(Status::not_found("no such content store in this session")),
        }
    }

    async fn write(
        self,
        request: Request<Streaming<WriteRequest>>,
    ) -> Answer<Messages<WriteResponse>> {
        let folder = self.cache(request.metadata())?.to_owned();
        let answers = write::answers(folder, request.into_inner());
        Ok(Response::new(answers.boxed()))
    }

    async fn info(self, request: Request<InfoRequest>) -> Answer<InfoResponse> {
        let folder = self.folder(request.metadata())?;
        let digest = &request.get_ref().digest;
        let (_, size) = find(folder, digest).await?;
        Ok(Response::new(InfoResponse {
            info: Some(info(digest.clone(), size)),
        }))
    }

    async fn read(self, request: Request<ReadRequest>) -> Answer<Messages<ReadResponse>> {
        let folder = self.folder(request.metadata())?;
        let asked = request.get_ref();
        let digest = asked.digest.clone();
        let (path, length) = find(folder, &digest).await?;
        let offset = u64::try_from(asked.offset).unwrap_or(0);
        let Some(rest) = length.checked_sub(offset) else {
            let message = format!("{digest} ends after {length} bytes");
            return Err(Status::out_of_range(message));
        };
        let size = match u64::try_from(asked.size) {
            Ok(size @ 1..) => size.min(rest),
            _ => rest,
        };
        let unreadable = move |error: io::Error| not_read(&digest, &error);
        let mut file = File::open(path).await.map_err(&unreadable)?;
        file.seek(SeekFrom::Start(offset))
            .await
            .map_err(&unreadable)?;
        let is_image = named(request.metadata())?.starts_with(IMAGE);
        let sent = Arc::clone(&self.sent);
        let mut at = offset;
        let pieces = ReaderStream::with_capacity(file.take(size), PIECE).map(move |data| {
            let data = data.map_err(&unreadable)?;
            let length = data.len() as u64;
            if is_image {
                sent.fetch_add(length, Ordering::Relaxed);
            }
            let offset = at.cast_signed();
            at += length;
            Ok(ReadResponse { offset, data })
        });
        Ok(Response::new(pieces.boxed()))
    }

    async fn list(self, request: Request<ListRequest>) -> Answer<Messages<ListResponse>> {
        let folder = self.folder(request.metadata())?;
        if !request.get_ref().filters.is_empty() {
            return Err(Status::unimplemented("a list is not filtered"));
        }
        let blobs = folder.join("blobs").join("sha256");
        let listed = tokio::task::spawn_blocking(move || list(&blobs)).await;
        let listed = listed.unwrap_or_else(|error| Err(io::Error::other(error)));
        let listed = listed.map_err(|error| Status::internal(format!("not listed: {error}")))?;
        let messages: Vec<_> = listed
            .chunks(LISTED)
            .map(|info| {
                Ok(ListResponse {
                    info: info.to_vec(),
                })
            })
            .collect();
        Ok(Response::new(stream::iter(messages).boxed()))
    }
}

/// The name of the store that a call is about.
fn named(metadata: &MetadataMap) -> Result<&str, Status> {
    // Where the header comes several times, the first is the latest.
    let named = metadata.get(STORE).and_then(|value| value.to_str().ok());
    named.ok_or_else(|| Status::invalid_argument(format!("the call has no {STORE}")))
}

fn info(digest: String, size: u64) -> Info {
    Info {
        digest,
        size: size.cast_signed(),
        labels: BTreeMap::new(),
    }
}

/// The file of a blob, and its length.
async fn find(folder: &Path, digest: &str) -> Result<(PathBuf, u64), Status> {
    let path = ImageLayout::blob(folder, digest).ok_or_else(|| {
        Status::invalid_argument("blobs are read by `sha256:` and 64 digits in lower case")
    })?;
    match tokio::fs::symlink_metadata(&path).await {
        Ok(found) if found.is_file() => Ok((path, found.len())),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(not_read(digest, &error)),
        _ => Err(Status::not_found(format!("content {digest}: not found"))),
    }
}

fn not_read(digest: &str, error: &io::Error) -> Status {
    Status::internal(format!("cannot read content {digest}: {error}"))
}

fn list(blobs: &Path) -> io::Result<Vec<Info>> {
    let mut listed = Vec::new();
    for entry in std::fs::read_dir(blobs)? {
        let entry = entry?;
        let digest = format!("sha256:{}", entry.file_name().to_string_lossy());
        let metadata = entry.metadata()?;
        if metadata.is_file() && ImageLayout::sha256(&digest).is_some() {
            listed.push(info(digest, metadata.len()));
        }
    }
    listed.sort_by(|one, other| one.digest.cmp(&other.digest));
    Ok(listed)
}

impl NamedService for ContentStores {
    const NAME: &'static str = "containerd.services.content.v1.Content";
}

impl Service<http::Request<Body>> for ContentStores {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let stores = self.clone();
        Box::pin(async move {
            let method = request.uri().path().rsplit('/').next().map(str::to_owned);
            Ok(match method.as_deref().unwrap_or_default() {
                "Info" => {
                    let mut grpc = Grpc::new(ProstCodec::<InfoResponse, InfoRequest>::default());
                    let info = tower::service_fn(|request| stores.clone().info(request));
                    grpc.unary(info, request).await
                }
                "Read" => {
                    let mut grpc = Grpc::new(ProstCodec::<ReadResponse, ReadRequest>::default());
                    let read = tower::service_fn(|request| stores.clone().read(request));
                    grpc.server_streaming(read, request).await
                }
                "List" => {
                    let mut grpc = Grpc::new(ProstCodec::<ListResponse, ListRequest>::default());
                    let list = tower::service_fn(|request| stores.clone().list(request));
                    grpc.server_streaming(list, request).await
                }
                "Write" => {
                    let mut grpc = Grpc::new(ProstCodec::<WriteResponse, WriteRequest>::default())
                        .apply_max_message_size_config(Some(MESSAGE_LIMIT), None);
                    let write = tower::service_fn(|request| stores.clone().write(request));
                    grpc.streaming(write, request).await
                }
                // What a stream has not kept is gone when it ends.
                "Abort" => {
                    let mut grpc = Grpc::new(ProstCodec::<Nothing, Nothing>::default());
                    let abort = tower::service_fn(|request: Request<Nothing>| {
                        let stores = stores.clone();
                        async move {
                            stores.cache(request.metadata())?;
                            Ok(Response::new(Nothing {}))
                        }
                    });
                    grpc.unary(abort, request).await
                }
                // Nothing goes on being written, so there is nothing to list.
                "ListStatuses" => {
                    let mut grpc = Grpc::new(ProstCodec::<Nothing, Nothing>::default());
                    let none = tower::service_fn(async |_| Ok(Response::new(Nothing {})));
                    grpc.unary(none, request).await
                }
                "Status" => Status::not_found("nothing is being written here").into_http(),
                _ => Status::failed_precondition("this content store is read-only").into_http(),
            })
        })
    }
}
