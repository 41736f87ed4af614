//! The sending side of BuildKit's file sync: a gRPC service of the session,
//! through which BuildKit lists a local folder, compares the listing with what
//! it kept from the build before, and asks for the content of what changed.
//!
//! It does what buildx's does (fsutil's sender), but for what buildx gets
//! wrong without a word: a file that cannot be read ends the build with its
//! name, where buildx sends it empty; one that vanishes while the folder is
//! listed does too, where buildx leaves out the rest of its folder; and a hard
//! link to a file that the patterns leave out is sent as a file.

mod batch;
mod content;
mod filter;
mod follow;
mod options;
mod path;
pub mod pattern;
mod send;
mod stat;
mod walk;
pub mod wire;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::Service;

use options::Options;
use send::Outgoing;
use wire::Packet;

/// A folder that BuildKit may read.
#[derive(Debug, Clone)]
pub struct LocalDir {
    /// The folder itself, or a symlink to it.
    pub root: PathBuf,
}

/// The gRPC service `moby.filesync.v1.FileSync`.
#[derive(Debug, Clone)]
pub struct FileSync {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dirs: BTreeMap<String, LocalDir>,
    sent: Arc<AtomicU64>,
    mark: Option<u32>,
}

impl FileSync {
    /// Serves these folders by name (`context`, `dockerfile` and those of named
    /// contexts) and nothing else. `sent` grows by the bytes of each packet sent, content and
    /// listing alike.
    pub fn new(dirs: BTreeMap<String, LocalDir>, sent: Arc<AtomicU64>) -> Self {
        Self {
            inner: Arc::new(Inner {
                dirs,
                sent,
                mark: None,
            }),
        }
    }

    /// Sends every file with this number where a device's major number stands.
    ///
    /// It enters the checksum by which BuildKit knows what was copied
    /// (`NewFromStat` of its `cache/contenthash`), and a file that is no device
    /// is written without it.
    #[must_use]
    pub fn marked(self, mark: Option<u32>) -> Self {
        Self {
            inner: Arc::new(Inner {
                dirs: self.inner.dirs.clone(),
                sent: Arc::clone(&self.inner.sent),
                mark,
            }),
        }
    }
}

impl NamedService for FileSync {
    const NAME: &'static str = "moby.filesync.v1.FileSync";
}

impl Service<http::Request<Body>> for FileSync {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            if request.uri().path() != "/moby.filesync.v1.FileSync/DiffCopy" {
                return Ok(Status::unimplemented("file sync has DiffCopy only").into_http());
            }
            let mut grpc = Grpc::new(ProstCodec::<Packet, Packet>::default());
            Ok(grpc.streaming(DiffCopy(inner), request).await)
        })
    }
}

struct DiffCopy(Arc<Inner>);

impl StreamingService<Packet> for DiffCopy {
    type Response = Packet;
    type ResponseStream = Outgoing;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Outgoing>, Status>> + Send>>;

    fn call(&mut self, request: Request<Streaming<Packet>>) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let options = Options::from_metadata(request.metadata());
            let name = String::from_utf8_lossy(&options.dir_name);
            let Some(dir) = inner.dirs.get(&*name) else {
                return Err(Status::not_found(format!(
                    "no access allowed to dir {name:?}"
                )));
            };
            let root = dir.root.clone();
            let sent = Arc::clone(&inner.sent);
            Ok(Response::new(send::start(
                root,
                options,
                request.into_inner(),
                sent,
                inner.mark,
            )))
        })
    }
}

#[cfg(test)]
mod tests;
