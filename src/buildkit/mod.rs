//! The BuildKit client: solve, status, session, usage, history and prune over any
//! connection that speaks gRPC.

mod build;
mod client;
mod contexts;
mod control;
pub mod credentials;
pub mod dial;
mod error;
pub mod filesync;
mod history;
mod request;
mod session;
mod solve;
mod status;
mod text;
mod usage;
mod wire;

pub use client::Client;
pub use dial::{Daemon, Dial, DialError, DockerDial, RemoteDial, TlsFiles};
pub use error::ClientError;
pub use request::{
    BuildEnd, BuildError, BuildReply, BuildRequest, BuildWindow, CacheRecord, Export, NamedContext,
    Secret, Worker,
};
