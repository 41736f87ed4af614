//! BuildKit's status messages, as `trace` reads them.

use jiff::Timestamp;

use super::text::{MESSAGE, NAME, bounded};
use super::wire;
use crate::trace::status::{
    ProgressGroup, SolveStatus, Vertex, VertexLog, VertexStatus, VertexWarning,
};

/// Bytes of one piece of a step's output that are kept. BuildKit itself clips
/// a step's output at 2 MiB.
const LOG: usize = 2 << 20;

pub(super) fn solve_status(message: wire::StatusResponse) -> SolveStatus {
    SolveStatus {
        vertexes: message.vertexes.into_iter().map(vertex).collect(),
        statuses: message.statuses.into_iter().map(vertex_status).collect(),
        logs: message.logs.into_iter().map(vertex_log).collect(),
        warnings: message.warnings.into_iter().map(vertex_warning).collect(),
    }
}

/// A time, unless it is none: Go writes an unset one as the first second of
/// year 1.
pub(super) fn timestamp(time: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    const UNSET_IN_GO: i64 = -62_135_596_800;
    let time = time.filter(|time| time.seconds != UNSET_IN_GO)?;
    Timestamp::new(time.seconds, time.nanos).ok()
}

fn vertex(vertex: wire::Vertex) -> Vertex {
    Vertex {
        digest: bounded(&vertex.digest, NAME),
        inputs: vertex.inputs.iter().map(|i| bounded(i, NAME)).collect(),
        name: bounded(&vertex.name, NAME),
        started: timestamp(vertex.started),
        completed: timestamp(vertex.completed),
        cached: vertex.cached,
        error: bounded(&vertex.error, MESSAGE),
        progress_group: vertex.progress_group.map(|group| ProgressGroup {
            id: bounded(&group.id, NAME),
            name: bounded(&group.name, NAME),
            weak: group.weak,
        }),
    }
}

fn vertex_status(status: wire::VertexStatus) -> VertexStatus {
    VertexStatus {
        id: bounded(&status.id, NAME),
        vertex: bounded(&status.vertex, NAME),
        name: bounded(&status.name, NAME),
        total: status.total,
        current: status.current,
        timestamp: timestamp(status.timestamp),
        started: timestamp(status.started),
        completed: timestamp(status.completed),
    }
}

fn vertex_log(mut log: wire::VertexLog) -> VertexLog {
    log.msg.truncate(LOG);
    VertexLog {
        vertex: bounded(&log.vertex, NAME),
        stream: log.stream,
        data: log.msg,
        timestamp: timestamp(log.timestamp),
    }
}

fn vertex_warning(mut warning: wire::VertexWarning) -> VertexWarning {
    warning.short.truncate(MESSAGE);
    VertexWarning {
        vertex: bounded(&warning.vertex, NAME),
        level: warning.level,
        short: warning.short,
        url: bounded(&warning.url, NAME),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_survives_the_wire_whatever_its_name() {
        let message = wire::StatusResponse {
            vertexes: vec![wire::Vertex {
                digest: b"sha256:1".to_vec(),
                name: b"[linux/amd64 2/2] RUN echo \xff".to_vec(),
                started: Some(prost_types::Timestamp {
                    seconds: 1_700_000_000,
                    nanos: 5,
                }),
                ..Default::default()
            }],
            ..Default::default()
        };
        let status = solve_status(message);
        assert_eq!(
            status.vertexes[0].name,
            "[linux/amd64 2/2] RUN echo \u{fffd}"
        );
        assert_eq!(
            status.vertexes[0].started.unwrap().as_nanosecond(),
            1_700_000_000_000_000_005
        );
        assert_eq!(status.vertexes[0].completed, None);
    }

    #[test]
    fn times_that_are_none_are_dropped() {
        let time = |seconds, nanos| timestamp(Some(prost_types::Timestamp { seconds, nanos }));
        assert_eq!(time(-62_135_596_800, 0), None);
        assert_eq!(time(i64::MAX, 0), None);
        assert_eq!(time(0, i32::MAX), None);
        assert!(time(0, 0).is_some());
    }
}
