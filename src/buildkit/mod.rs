//! The BuildKit client: solve, status, session, usage and prune over any
//! connection that speaks gRPC.

pub mod request;

pub use request::{
    BuildEnd, BuildError, BuildReply, BuildRequest, BuildWindow, CacheRecord, Export, Worker,
};
