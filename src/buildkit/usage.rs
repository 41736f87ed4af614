//! What BuildKit's cache holds, and forgetting parts of it; its workers and
//! its version.

use std::collections::BTreeSet;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1 as proto;
use bollard_buildkit_proto::pb;
use tonic::{Code, Streaming};

use super::client::Client;
use super::error::ClientError;
use super::request::{CacheRecord, Worker};
use super::status::timestamp;
use super::text::{NAME, bounded};
use super::wire;
use crate::model::Platform;

/// How often pruning is tried while records are left, and how long between.
/// A solve that has just ended lets go of its records a moment later.
const PRUNE_TRIES: u32 = 5;
const PRUNE_PAUSE: Duration = Duration::from_millis(200);

impl Client {
    /// The records of BuildKit's cache.
    pub async fn cache_records(&self) -> Result<Vec<CacheRecord>, ClientError> {
        let mut control = self.connect().await?;
        let usage = control
            .disk_usage()
            .await
            .map_err(|status| ClientError::new("DiskUsage", &status))?;
        Ok(usage.record.into_iter().map(cache_record).collect())
    }

    /// Removes the records with these ids, shared ones too, and no other.
    /// Returns the ids of those that are no longer listed; what a build still
    /// uses stays, and what a step left may be listed by another id once no
    /// build uses it. So whoever wants something gone looks again.
    ///
    /// The ids go in one list: BuildKit takes a record that matches any of its
    /// filters, children before the parents that they hold, so that a list
    /// split in two could leave the parents of the second half. An *empty*
    /// list matches everything, and is never sent.
    pub async fn prune(&self, ids: &[String]) -> Result<Vec<String>, ClientError> {
        let mut left: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
        let mut held = self.held(&mut left).await?;
        for attempt in 0..PRUNE_TRIES {
            if held.is_empty() {
                break;
            }
            if attempt > 0 {
                tokio::time::sleep(PRUNE_PAUSE).await;
            }
            let filter = id_filter(&held)?;
            self.prune_once(filter).await?;
            held = self.held(&mut held).await?;
        }
        Ok(ids
            .iter()
            .filter(|id| !held.contains(id.as_str()))
            .cloned()
            .collect())
    }

    /// Those of `ids` that the cache holds.
    async fn held<'a>(
        &self,
        ids: &mut BTreeSet<&'a str>,
    ) -> Result<BTreeSet<&'a str>, ClientError> {
        if ids.is_empty() {
            return Ok(BTreeSet::new());
        }
        let records = self.cache_records().await?;
        let held: BTreeSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
        Ok(ids.iter().copied().filter(|id| held.contains(id)).collect())
    }

    async fn prune_once(&self, filter: Vec<String>) -> Result<(), ClientError> {
        if filter.is_empty() {
            return Ok(());
        }
        let of = |status: tonic::Status| ClientError::new("Prune", &status);
        let mut control = self.connect().await?;
        let request = proto::PruneRequest {
            filter,
            // Without it BuildKit keeps what an image shares.
            all: true,
            ..Default::default()
        };
        let stream = control.prune(request).await.map_err(of)?;
        collect(stream).await.map_err(of).map(drop)
    }

    /// BuildKit's workers.
    pub async fn workers(&self) -> Result<Vec<Worker>, ClientError> {
        let mut control = self.connect().await?;
        let response = control
            .list_workers()
            .await
            .map_err(|status| ClientError::new("ListWorkers", &status))?;
        Ok(response
            .record
            .into_iter()
            .map(|record| Worker {
                id: record.id,
                platforms: platforms(&record.platforms),
                buildkit_version: record
                    .buildkit_version
                    .and_then(|version| known_version(&version.version)),
                labels: record.labels.into_iter().collect(),
            })
            .collect())
    }

    /// BuildKit's version as it says itself: `None` where it does not know the
    /// question (before 0.11.3) or was built without one.
    pub async fn buildkit_version(&self) -> Result<Option<String>, ClientError> {
        let mut control = self.connect().await?;
        let answer = match control.info().await {
            Ok(answer) => answer,
            Err(status) if status.code() == Code::Unimplemented => return Ok(None),
            Err(status) => return Err(ClientError::new("Info", &status)),
        };
        let version = answer.buildkit_version.map(|known| known.version);
        Ok(version.and_then(|version| known_version(&version)))
    }
}

/// A version that says something: a daemon built without one calls itself
/// `v0.0.0+unknown`.
fn known_version(version: &str) -> Option<String> {
    let says_nothing = version.is_empty() || version.starts_with("v0.0.0");
    (!says_nothing).then(|| bounded(version.as_bytes(), NAME))
}

pub(super) async fn collect<T>(mut stream: Streaming<T>) -> Result<Vec<T>, tonic::Status> {
    let mut all = Vec::new();
    while let Some(item) = stream.message().await? {
        all.push(item);
    }
    Ok(all)
}

/// One filter an id; BuildKit takes what matches any of them.
fn id_filter(ids: &BTreeSet<&str>) -> Result<Vec<String>, ClientError> {
    ids.iter()
        .map(|id| {
            // A comma would start a second condition, and the syntax has more
            // of that kind. BuildKit's own ids are letters and digits.
            let plain = !id.is_empty()
                && id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b));
            if plain {
                Ok(format!("id=={id}"))
            } else {
                Err(ClientError::Refused {
                    call: "Prune",
                    message: format!("{id:?} is no id of a cache record"),
                })
            }
        })
        .collect()
}

fn cache_record(record: wire::UsageRecord) -> CacheRecord {
    CacheRecord {
        id: bounded(&record.id, NAME),
        size: u64::try_from(record.size).unwrap_or(0),
        description: bounded(&record.description, NAME),
        record_type: bounded(&record.record_type, NAME),
        in_use: record.in_use,
        shared: record.shared,
        parents: record.parents.iter().map(|p| bounded(p, NAME)).collect(),
        created: timestamp(record.created_at),
    }
}

/// Each platform once. A worker lists an architecture's older variants, too
/// (`linux/amd64/v2`, `linux/arm/v6`).
fn platforms(listed: &[pb::Platform]) -> Vec<Platform> {
    let mut platforms = Vec::new();
    for platform in listed {
        let mut text = format!("{}/{}", platform.os, platform.architecture);
        if !platform.variant.is_empty() {
            text = format!("{text}/{}", platform.variant);
        }
        if let Ok(platform) = text.parse()
            && !platforms.contains(&platform)
        {
            platforms.push(platform);
        }
    }
    platforms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_make_a_filter() {
        let filter = |id| id_filter(&BTreeSet::from([id]));
        assert_eq!(filter("abc123").unwrap(), ["id==abc123"]);
        for id in ["", "a,shared==false", "a b", "\"a\"", "a=~.*"] {
            assert!(filter(id).is_err(), "{id:?}");
        }
    }

    #[test]
    fn platforms_come_once_and_strange_ones_not_at_all() {
        let platform = |architecture: &str, variant: &str| pb::Platform {
            os: "linux".into(),
            architecture: architecture.into(),
            variant: variant.into(),
            ..Default::default()
        };
        let found = platforms(&[
            platform("amd64", ""),
            platform("arm64", ""),
            platform("arm64", "v8"),
            platform("a b", ""),
        ]);
        let found: Vec<String> = found.iter().map(|p| p.to_string()).collect();
        assert_eq!(found, ["linux/amd64", "linux/arm64"]);
    }
}
