//! Runs that a fleet shares, in an object store: S3, Google Cloud Storage, Azure
//! Blob Storage, or a folder that is mounted everywhere.
//!
//! Many machines write at once, so no object is ever changed by two of them:
//! a run's files are put first, and last the small entry that makes it
//! visible. `docs/formats.md` says what is where. Results are read from a folder
//! of this machine ([`Cache`]), into which runs are fetched once.

mod cache;
mod calibrations;
mod client;
mod entry;
mod error;
mod fetch;
mod listing;
mod local;
mod push;
mod url;

pub use cache::Cache;
pub use client::Bucket;
pub use entry::{Entry, EntryFile, EntryScenario, Median};
pub use error::BucketError;
pub use fetch::Part;
pub use push::Sent;
pub use url::{BucketUrl, UrlError};

#[cfg(test)]
mod tests;
