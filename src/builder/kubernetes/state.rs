//! How a pod is, in words: whether it can be used, and what became of it.

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod, PodStatus};

use crate::escape::{bounded, one_line};

/// Whether buildx would use it: one that is being deleted may run on for a while
/// and takes its builds with it.
pub(super) fn is_running(pod: &Pod) -> bool {
    phase(pod) == "Running" && pod.metadata.deletion_timestamp.is_none()
}

/// Whether its containers say that they are ready.
pub(super) fn is_ready(pod: &Pod) -> bool {
    let containers = containers(pod);
    !containers.is_empty() && containers.iter().all(|container| container.ready)
}

/// How often a container of it was started again.
pub(super) fn restarts(pod: &Pod, container: &str) -> i32 {
    status_of(pod, container).map_or(0, |status| status.restart_count)
}

/// What is wrong with it, as what follows its name; `None` where it runs.
pub(super) fn trouble(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref();
    let with_message = |what: &str| match status.and_then(|status| status.message.as_deref()) {
        Some(message) => format!("{what}: {}", one_line(message)),
        None => what.to_owned(),
    };
    let reason = status.and_then(|status| status.reason.as_deref());
    match phase(pod) {
        "Failed" if reason == Some("Evicted") => return Some(with_message("was evicted")),
        "Failed" => return Some(with_message(&with_reason("has failed", reason))),
        "Succeeded" => return Some("has ended".to_owned()),
        _ => {}
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return Some(with_message("is being deleted"));
    }
    match phase(pod) {
        "Running" => None,
        "Pending" => Some(with_reason("is pending", waits_for(pod).as_deref())),
        phase => Some(format!("is in phase {}", bounded(phase))),
    }
}

/// What happened to a container since it had been started again `restarts`
/// times; `None` where it runs on.
pub(super) fn container_end(pod: &Pod, container: &str, restarts: i32) -> Option<String> {
    let status = status_of(pod, container)?;
    let now = status.state.as_ref()?;
    if let Some(end) = &now.terminated {
        return Some(ended("its container has ended", end));
    }
    if status.restart_count > restarts || now.waiting.is_some() {
        let last = status.last_state.as_ref();
        let last = last.and_then(|state| state.terminated.as_ref());
        return Some(match last {
            Some(end) => ended("its container was started again after it had ended", end),
            None => "its container was started again".to_owned(),
        });
    }
    None
}

fn ended(what: &str, end: &ContainerStateTerminated) -> String {
    let reason = end.reason.as_deref().unwrap_or("no reason told");
    format!("{what} ({}, exit code {})", bounded(reason), end.exit_code)
}

fn with_reason(what: &str, reason: Option<&str>) -> String {
    match reason {
        Some(reason) => format!("{what}: {}", one_line(reason)),
        None => what.to_owned(),
    }
}

/// What a pod that is pending waits for: an image, or a node with room.
fn waits_for(pod: &Pod) -> Option<String> {
    let waiting = containers(pod).iter().find_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let reason = waiting.reason.clone()?;
        Some(match &waiting.message {
            Some(message) => format!("{reason}: {message}"),
            None => reason,
        })
    });
    let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_deref());
    let unscheduled = || {
        let mut conditions = conditions.unwrap_or_default().iter();
        let condition = conditions.find(|c| c.type_ == "PodScheduled" && c.status == "False")?;
        condition.message.clone().or(condition.reason.clone())
    };
    waiting.or_else(unscheduled)
}

fn phase(pod: &Pod) -> &str {
    let status: Option<&PodStatus> = pod.status.as_ref();
    status
        .and_then(|status| status.phase.as_deref())
        .unwrap_or("Unknown")
}

fn containers(pod: &Pod) -> &[ContainerStatus] {
    let status = pod.status.as_ref();
    status
        .and_then(|status| status.container_statuses.as_deref())
        .unwrap_or_default()
}

fn status_of<'a>(pod: &'a Pod, container: &str) -> Option<&'a ContainerStatus> {
    containers(pod)
        .iter()
        .find(|status| status.name == container)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(metadata: Value, status: Value) -> Pod {
        let whole = json!({"metadata": metadata, "status": status});
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn what_is_wrong_with_a_pod_is_told() {
        let waiting = json!({"phase": "Pending", "containerStatuses": [{
            "name": "buildkitd", "ready": false, "restartCount": 0, "image": "", "imageID": "",
            "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}},
        }]});
        let unscheduled = json!({"phase": "Pending", "conditions": [{
            "type": "PodScheduled", "status": "False", "message": "0/3 nodes are available",
        }]});
        let evicted = json!({
            "phase": "Failed", "reason": "Evicted", "message": "The node was low on memory",
        });
        for (metadata, status, told) in [
            (json!({}), json!({"phase": "Running"}), None),
            (
                json!({}),
                evicted,
                Some("was evicted: The node was low on memory"),
            ),
            (
                json!({}),
                waiting,
                Some("is pending: ImagePullBackOff: no such image"),
            ),
            (
                json!({}),
                unscheduled,
                Some("is pending: 0/3 nodes are available"),
            ),
            (
                json!({"deletionTimestamp": "2026-11-28T10:00:00Z"}),
                json!({"phase": "Running"}),
                Some("is being deleted"),
            ),
        ] {
            let pod = pod(metadata, status);
            assert_eq!(trouble(&pod).as_deref(), told);
            assert_eq!(is_running(&pod), told.is_none());
        }
    }

    #[test]
    fn a_container_that_was_killed_and_started_again_is_told() {
        let status = json!({"phase": "Running", "containerStatuses": [{
            "name": "buildkitd", "ready": true, "restartCount": 3, "image": "", "imageID": "",
            "state": {"running": {}},
            "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
        }]});
        let pod = pod(json!({}), status);
        let told = container_end(&pod, "buildkitd", 2).unwrap();
        assert!(told.contains("OOMKilled, exit code 137"), "{told}");
        // The third start was before.
        assert_eq!(container_end(&pod, "buildkitd", 3), None);
    }
}
