//! BuildKit's history: which builds ran when, and taking one's own out of it
//! again.

use std::collections::BTreeMap;

use bollard_buildkit_proto::moby::buildkit::v1 as proto;

use super::client::Client;
use super::error::{ClientError, is_lost};
use super::request::BuildWindow;
use super::status::timestamp;
use super::text::{NAME, bounded};
use super::usage::collect;
use super::wire;

/// `BuildHistoryEventType_DELETED`.
const DELETED: i32 = 2;

impl Client {
    /// Builds that run now or are remembered, of anyone, the oldest first.
    pub async fn history(&self) -> Result<Vec<BuildWindow>, ClientError> {
        let mut control = self.connect().await?;
        let of = |status: tonic::Status| ClientError::new("ListenBuildHistory", &status);
        let request = proto::BuildHistoryRequest {
            early_exit: true,
            ..Default::default()
        };
        let stream = control.listen_build_history(request).await.map_err(of)?;
        let events = collect(stream).await.map_err(of)?;
        Ok(windows(events))
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
fn windows(events: Vec<wire::BuildHistoryEvent>) -> Vec<BuildWindow> {
    let mut windows: BTreeMap<String, BuildWindow> = BTreeMap::new();
    for event in events {
        let Some(record) = event.record else { continue };
        let reference = bounded(&record.reference, NAME);
        if event.kind == DELETED {
            windows.remove(&reference);
            continue;
        }
        let window = BuildWindow {
            reference: reference.clone(),
            started: timestamp(record.created_at),
            completed: timestamp(record.completed_at),
        };
        if window.completed.is_some() || !windows.contains_key(&reference) {
            windows.insert(reference, window);
        }
    }
    let mut windows: Vec<BuildWindow> = windows.into_values().collect();
    windows.sort_by_key(|window| window.started);
    windows
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
            }),
        };
        let windows = windows(vec![
            event(0, "a", None),
            event(0, "gone", None),
            event(1, "a", time(20)),
            event(2, "gone", None),
        ]);
        assert_eq!(windows.len(), 1);
        assert_eq!(windows[0].completed.unwrap().as_second(), 20);
    }
}
