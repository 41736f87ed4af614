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
use crate::trace::{SolveStatus, client_error};

/// `BuildHistoryEventType_DELETED`.
const DELETED: i32 = 2;
/// `codes.Canceled` of gRPC.
const CANCELED: i32 = 1;
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
    let attributes = &record.frontend_attrs;
    let find = |name: &str| {
        let mut found = attributes.iter();
        let found = found.find(|attribute| attribute.key == name.as_bytes());
        found.map(|attribute| bounded(&attribute.value, NAME))
    };
    let count = |steps: i32| u32::try_from(steps).unwrap_or(0);
    let error = record.error.as_ref();
    let message = error.map(|error| bounded(&error.message, MESSAGE));
    let was_cancelled = |message: &String| {
        let said = message.lines().next().unwrap_or_default();
        client_error(&format!("ERROR: {said}")).is_some_and(|error| error.cancelled)
    };
    RememberedBuild {
        node: None,
        reference,
        started: timestamp(record.created_at),
        completed: timestamp(record.completed_at),
        cancelled: error.is_some_and(|error| error.code == CANCELED)
            || message.as_ref().is_some_and(was_cancelled),
        error: message,
        cached_steps: count(record.cached_steps),
        total_steps: count(record.total_steps),
        has_log: record.logs.is_some_and(|logs| !logs.digest.is_empty()),
        inputs: BuildInputs::of_attributes(find),
    }
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
