//! The BuildKit client: solve, status, session, usage, history and prune over any
//! connection that speaks gRPC; and the logs that BuildKit stores.

mod build;
mod cache_folder;
mod client;
mod contexts;
mod control;
pub mod credentials;
pub mod dial;
mod error;
pub mod filesync;
mod gateway;
mod history;
mod request;
mod session;
mod solve;
mod status;
mod stored_log;
mod text;
mod together;
mod usage;
mod wire;

pub use cache_folder::bytes as cache_folder_bytes;
pub use client::Client;
pub use dial::{Daemon, Dial, DialError, DockerDial, RemoteDial, TlsFiles};
pub use error::ClientError;
pub use request::{
    BakeRequest, BakeTarget, BuildEnd, BuildError, BuildReply, BuildRequest, BuildWindow,
    CacheRecord, Destination, Export, ImageLoader, Loader, NamedContext, Received, RemoteCache,
    Secret, Worker,
};
pub use stored_log::{STATUS_LOG, StoredLog};
