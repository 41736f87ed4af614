//! The status of builds that are one: one stream, in which names of steps begin
//! with their target's, as buildx's bake writes them.

use std::collections::HashMap;

use crate::trace::SolveStatus;

/// What joins the streams.
pub(super) struct Together<'a> {
    /// The targets' names; none where there is one.
    names: Vec<&'a str>,
    /// Whose output of a step is passed on, by the step's digest: each build that
    /// a step is done for is sent all of it.
    writers: HashMap<String, usize>,
}

impl<'a> Together<'a> {
    pub(super) fn new(names: Vec<&'a str>) -> Self {
        Self {
            names,
            writers: HashMap::new(),
        }
    }

    /// The status of the target at a place, as that of all.
    pub(super) fn of(&mut self, place: usize, mut status: SolveStatus) -> SolveStatus {
        if self.names.len() < 2 {
            return status;
        }
        let name = self.names[place];
        for vertex in &mut status.vertexes {
            vertex.name = with_prefix(name, &vertex.name);
            if let Some(group) = &mut vertex.progress_group {
                group.name = with_prefix(name, &group.name);
            }
        }
        let mut writes = |digest: &str| match self.writers.get(digest) {
            Some(writer) => *writer == place,
            None => {
                self.writers.insert(digest.to_owned(), place);
                true
            }
        };
        status.logs.retain(|log| writes(&log.vertex));
        status
    }
}

/// As buildx's `addPrefix` (`util/progress/multiwriter.go`).
fn with_prefix(target: &str, name: &str) -> String {
    match name.strip_prefix('[') {
        Some(rest) => format!("[{target} {rest}"),
        None => format!("[{target}] {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::status::{Vertex, VertexLog};

    #[test]
    fn steps_are_named_by_their_target_and_write_once() {
        let status = SolveStatus {
            vertexes: vec![Vertex {
                digest: "sha256:1".into(),
                name: "[linux/amd64 build 2/3] RUN make".into(),
                ..Vertex::default()
            }],
            logs: vec![VertexLog {
                vertex: "sha256:1".into(),
                data: b"made".to_vec(),
                ..VertexLog::default()
            }],
            ..SolveStatus::default()
        };
        let mut together = Together::new(vec!["app", "web"]);
        let first = together.of(1, status.clone());
        let second = together.of(0, status.clone());
        assert_eq!(
            first.vertexes[0].name,
            "[web linux/amd64 build 2/3] RUN make"
        );
        assert_eq!(second.vertexes[0].digest, first.vertexes[0].digest);
        assert_eq!((first.logs.len(), second.logs.len()), (1, 0));
        assert_eq!(with_prefix("app", "exporting"), "[app] exporting");
        let mut alone = Together::new(vec!["app"]);
        assert_eq!(alone.of(0, status.clone()), status);
    }
}
