//! BuildKit's history: which builds ran when and how they went, the status of
//! one that is over, and taking one's own out of it again.

use std::collections::BTreeMap;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1 as proto;

use super::client::Client;
use super::error::{ClientError, is_lost};
use super::request::BuildWindow;
use super::status::{solve_status, timestamp};
use super::text::{MESSAGE, NAME, bounded};
use super::usage::collect;
use super::wire;
use crate::model::{BuildInputs, RememberedBuild};
use crate::provenance::{self, Provenance};
use crate::trace::{SolveStatus, client_error};

/// `BuildHistoryEventType_DELETED`.
const DELETED: i32 = 2;
/// `codes.Canceled` of gRPC.
const CANCELED: i32 = 1;
/// The call that reads what BuildKit says of a build.
const PROVENANCE: &str = "Content.Read";
/// Which attestation is the provenance, in an annotation.
const PREDICATE_TYPE: &[u8] = b"in-toto.io/predicate-type";
/// Bytes of a digest.
const MAX_DIGEST: usize = 256;
/// How long the replay of a build's status may pause.
const SILENCE: Duration = Duration::from_secs(30);

impl Client {
    /// Builds that run now or are remembered, of anyone, the oldest first.
    pub async fn history(&self) -> Result<Vec<BuildWindow>, ClientError> {
        let builds = self.remembered_builds().await?.into_iter();
        let windows = builds.map(|build| BuildWindow {
            reference: build.reference,
            started: build.started,
            completed: build.completed,
        });
        Ok(windows.collect())
    }

    /// The same, with what BuildKit knows of each.
    pub async fn remembered_builds(&self) -> Result<Vec<RememberedBuild>, ClientError> {
        let mut control = self.connect().await?;
        let of = |status: tonic::Status| ClientError::new("ListenBuildHistory", &status);
        let request = proto::BuildHistoryRequest {
            early_exit: true,
            ..Default::default()
        };
        let stream = control.listen_build_history(request).await.map_err(of)?;
        let events = collect(stream).await.map_err(of)?;
        Ok(builds(events))
    }

    /// The status of a build that is over, as BuildKit stored it, update by
    /// update. It is none where BuildKit kept no log of the build.
    ///
    /// A build that runs is not to be asked for: its status goes on until it
    /// ends. BuildKit counts nobody who asks for a status, so this leaves the
    /// history as it is (`HistoryQueue.Status` in `solver/llbsolver/history.go`).
    pub async fn replay(
        &self,
        reference: &str,
        mut sink: impl FnMut(SolveStatus),
    ) -> Result<(), ClientError> {
        const CALL: &str = "Status";
        let of = |status: tonic::Status| ClientError::new(CALL, &status);
        let silent = |_| ClientError::Lost {
            message: format!("no status within {} s", SILENCE.as_secs()),
        };
        let mut control = self.connect().await?;
        let opening = control.status(reference.to_owned());
        let stream = tokio::time::timeout(SILENCE, opening).await;
        let mut stream = stream.map_err(silent)?.map_err(of)?;
        loop {
            let next = tokio::time::timeout(SILENCE, stream.message()).await;
            match next.map_err(silent)?.map_err(of)? {
                Some(message) => sink(solve_status(message)),
                None => return Ok(()),
            }
        }
    }

    /// What BuildKit says of a build that is over, of all its platforms together;
    /// `None` where it kept nothing: of a build without a result, and before
    /// BuildKit 0.11.
    ///
    /// # Errors
    /// BuildKit does not answer, or what it kept is damaged.
    pub async fn provenance(
        &self,
        build: &RememberedBuild,
    ) -> Result<Option<Provenance>, ClientError> {
        let mut found: Option<Provenance> = None;
        for digest in &build.provenance {
            let json = self.content(digest).await?;
            let read = provenance::read(&json).map_err(|error| ClientError::Refused {
                call: PROVENANCE,
                message: format!("{digest} is no provenance: {error}"),
            })?;
            match &mut found {
                Some(found) => found.add(read),
                None => found = Some(read),
            }
        }
        Ok(found)
    }

    async fn content(&self, digest: &str) -> Result<Vec<u8>, ClientError> {
        let of = |status: tonic::Status| ClientError::new(PROVENANCE, &status);
        let mut control = self.connect().await?;
        let request = wire::ReadContentRequest {
            digest: digest.to_owned(),
        };
        let mut stream = control.read_content(request).await.map_err(of)?;
        let mut content = Vec::new();
        while let Some(piece) = stream.message().await.map_err(of)? {
            if (content.len() + piece.data.len()) as u64 > provenance::MAX_BYTES {
                let said = format!("{digest} has more than {} bytes", provenance::MAX_BYTES);
                return Err(of(tonic::Status::resource_exhausted(said)));
            }
            content.extend_from_slice(&piece.data);
        }
        Ok(content)
    }

    /// Takes builds out of the history. What is not in it is passed over, and
    /// so is what BuildKit does not give up.
    pub async fn forget(&self, references: &[String]) -> Result<(), ClientError> {
        if references.is_empty() {
            return Ok(());
        }
        let mut control = self.connect().await?;
        for reference in references {
            let request = proto::UpdateBuildHistoryRequest {
                r#ref: reference.clone(),
                delete: true,
                ..Default::default()
            };
            if let Err(status) = control.update_build_history(request).await
                && is_lost(&status)
            {
                return Err(ClientError::new("UpdateBuildHistory", &status));
            }
        }
        Ok(())
    }
}

/// A build that ends while the events are sent comes twice, running and
/// complete.
fn builds(events: Vec<wire::BuildHistoryEvent>) -> Vec<RememberedBuild> {
    let mut builds: BTreeMap<String, RememberedBuild> = BTreeMap::new();
    for event in events {
        let Some(record) = event.record else { continue };
        let reference = bounded(&record.reference, NAME);
        if event.kind == DELETED {
            builds.remove(&reference);
            continue;
        }
        let build = remembered(reference, record);
        if build.completed.is_some() || !builds.contains_key(&build.reference) {
            builds.insert(build.reference.clone(), build);
        }
    }
    let mut builds: Vec<RememberedBuild> = builds.into_values().collect();
    builds.sort_by_key(|build| build.started);
    builds
}

fn remembered(reference: String, record: wire::BuildHistoryRecord) -> RememberedBuild {
    let attributes = record.frontend_attrs.iter();
    let attributes = attributes.map(|attribute| {
        let [name, value] = [&attribute.key, &attribute.value].map(|text| bounded(text, NAME));
        (name, value)
    });
    let attributes: BTreeMap<String, String> = attributes.collect();
    let count = |steps: i32| u32::try_from(steps).unwrap_or(0);
    let error = record.error.as_ref();
    let message = error.map(|error| bounded(&error.message, MESSAGE));
    let was_cancelled = |message: &String| {
        let said = message.lines().next().unwrap_or_default();
        client_error(&format!("ERROR: {said}")).is_some_and(|error| error.cancelled)
    };
    let of_platforms = record.results.iter().filter_map(|of| of.value.as_ref());
    let results = record.result.iter().chain(of_platforms);
    let attestations = results.flat_map(|result| &result.attestations);
    let provenance = attestations.filter(|one| is_provenance(one));
    let provenance = provenance.map(|one| bounded(&one.digest, MAX_DIGEST));
    RememberedBuild {
        node: None,
        provenance: provenance.collect(),
        reference,
        started: timestamp(record.created_at),
        completed: timestamp(record.completed_at),
        cancelled: error.is_some_and(|error| error.code == CANCELED)
            || message.as_ref().is_some_and(was_cancelled),
        error: message,
        cached_steps: count(record.cached_steps),
        total_steps: count(record.total_steps),
        has_log: record.logs.is_some_and(|logs| !logs.digest.is_empty()),
        inputs: BuildInputs::of_attributes(&attributes),
    }
}

fn is_provenance(attestation: &wire::ContentDescriptor) -> bool {
    let mut annotations = attestation.annotations.iter();
    let kind = annotations.find(|annotation| annotation.key == PREDICATE_TYPE);
    kind.is_none_or(|kind| {
        let kind = String::from_utf8_lossy(&kind.value);
        kind.contains("slsa.dev/provenance")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_that_ends_meanwhile_is_listed_once() {
        let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let event = |kind, reference: &str, completed| wire::BuildHistoryEvent {
            kind,
            record: Some(wire::BuildHistoryRecord {
                reference: reference.into(),
                created_at: time(10),
                completed_at: completed,
                ..Default::default()
            }),
        };
        let builds = builds(vec![
            event(0, "a", None),
            event(0, "gone", None),
            event(1, "a", time(20)),
            event(2, "gone", None),
        ]);
        assert_eq!(builds.len(), 1);
        assert_eq!(builds[0].completed.unwrap().as_second(), 20);
    }
}
