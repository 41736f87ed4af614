//! What results may not say: where this machine keeps its files, and secrets.

use crate::model::Failure;
use crate::trace::SolveStatus;

/// Texts that must not reach a result, each with what stands for it there.
#[derive(Debug, Clone, Default)]
pub struct Redaction {
    /// Texts that name this machine or its user.
    pub private: Vec<(String, String)>,
    /// Lines of secrets.
    pub secret: Vec<(String, String)>,
}

fn replaced(texts: &[(String, String)], text: &str) -> String {
    let texts = texts.iter().filter(|(private, _)| !private.is_empty());
    texts.fold(text.to_owned(), |text, (private, public)| {
        text.replace(private, public)
    })
}

impl Redaction {
    /// A message without any of them.
    pub fn text(&self, text: &str) -> String {
        replaced(&self.private, &replaced(&self.secret, text))
    }

    /// A failure without any of them.
    pub fn failure(&self, failure: Failure) -> Failure {
        Failure {
            message: self.text(&failure.message),
            step: failure.step.map(|step| self.text(&step)),
            exit_code: failure.exit_code,
            log_tail: failure
                .log_tail
                .iter()
                .map(|line| self.text(line))
                .collect(),
        }
    }

    /// Takes secrets out of what BuildKit reports, as it comes. One that a step
    /// prints in pieces is not found.
    pub fn status(&self, status: &mut SolveStatus) {
        if self.secret.is_empty() {
            return;
        }
        let redact = |text: &mut String| *text = replaced(&self.secret, text);
        for vertex in &mut status.vertexes {
            redact(&mut vertex.name);
            redact(&mut vertex.error);
            if let Some(group) = &mut vertex.progress_group {
                redact(&mut group.name);
            }
        }
        for part in &mut status.statuses {
            redact(&mut part.id);
            redact(&mut part.name);
        }
        for warning in &mut status.warnings {
            let mut text = String::from_utf8_lossy(&warning.short).into_owned();
            redact(&mut text);
            warning.short = text.into_bytes();
        }
        for log in &mut status.logs {
            let text = String::from_utf8_lossy(&log.data);
            let redacted = replaced(&self.secret, &text);
            if redacted != text {
                log.data = redacted.into_bytes();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::status::{Vertex, VertexLog};

    #[test]
    fn secrets_are_taken_out_of_logs_names_and_errors() {
        let redaction = Redaction {
            private: vec![("/home/me".into(), "~".into())],
            secret: vec![("hunter2".into(), "[secret tok]".into())],
        };
        let mut status = SolveStatus {
            vertexes: vec![Vertex {
                name: "RUN echo hunter2".into(),
                error: "no hunter2".into(),
                ..Vertex::default()
            }],
            logs: vec![VertexLog {
                data: b"it is hunter2\n\xff".to_vec(),
                ..VertexLog::default()
            }],
            ..SolveStatus::default()
        };
        redaction.status(&mut status);
        let told = serde_json::to_string(&status).unwrap();
        assert_eq!(status.vertexes[0].name, "RUN echo [secret tok]");
        assert_eq!(status.vertexes[0].error, "no [secret tok]");
        assert!(status.logs[0].data.starts_with(b"it is [secret tok]\n"));
        assert!(!told.contains("hunter2"));
        assert_eq!(redaction.text("/home/me: hunter2"), "~: [secret tok]");
    }
}
