//! What results may not say: where this machine keeps its files, and secrets.
//!
//! Most text that a build leaves is of containers, and a container's `/root` or
//! `/tmp/x` is no file of this machine. So only paths that can be of nothing
//! else are replaced in it: folders that this process made, under names that
//! it drew. `docs/formats.md` has the rule.

use crate::model::{Failure, Sample};
use crate::secrets::Masks;
use crate::trace::SolveStatus;

use crate::model::Event;

/// Texts that must not reach a result, each with what stands for it there.
#[derive(Debug, Clone, Default)]
pub struct Redaction {
    /// Secrets and other values that were named.
    pub masks: Masks,
    /// Paths and addresses that nothing else is called by, whoever wrote the
    /// text.
    pub own: Vec<(String, String)>,
    /// Folders of the host whose names a container may have, too.
    pub host: Vec<(String, String)>,
}

impl Redaction {
    /// A text, which a container may have written, without any of them but
    /// folders of the host.
    pub fn text(&self, text: &str) -> String {
        let own = self.own.iter().filter(|(own, _)| !own.is_empty());
        let text = own.fold(text.to_owned(), |text, (own, shown)| {
            text.replace(own, shown)
        });
        self.masks.text(&text).into_owned()
    }

    /// A text that no container had a part in, without any of them.
    pub fn host_text(&self, text: &str) -> String {
        let text = self.text(text);
        let host = self.host.iter();
        host.fold(text, |text, (path, shown)| replace_path(&text, path, shown))
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

    /// An event without any of them.
    pub fn event(&self, event: &Event) -> Event {
        let mut event = event.clone();
        match &mut event {
            Event::Warning { message, .. } | Event::Rounds { message, .. } => {
                *message = self.text(message);
            }
            Event::SampleFinished { sample, .. } => self.sample(sample),
            Event::RunStarted { .. }
            | Event::RunResumed { .. }
            | Event::SampleStarted { .. }
            | Event::RunFinished { .. } => {}
        }
        event
    }

    fn sample(&self, sample: &mut Sample) {
        sample.failure = sample.failure.take().map(|failure| self.failure(failure));
        for line in &mut sample.disturbances {
            *line = self.text(line);
        }
    }

    /// Takes secrets and credentials out of what BuildKit reports, as it
    /// comes. One that a step prints in pieces is not found.
    pub fn status(&self, status: &mut SolveStatus) {
        let redact = |text: &mut String| {
            if let std::borrow::Cow::Owned(masked) = self.masks.text(text) {
                *text = masked;
            }
        };
        for vertex in &mut status.vertexes {
            redact(&mut vertex.name);
            // What this side tells BuildKit of a load that failed comes back here.
            vertex.error = self.text(&vertex.error);
            if let Some(group) = &mut vertex.progress_group {
                redact(&mut group.name);
            }
        }
        for part in &mut status.statuses {
            redact(&mut part.id);
            redact(&mut part.name);
        }
        for warning in &mut status.warnings {
            if let Some(masked) = self.masks.bytes(&warning.short) {
                warning.short = masked;
            }
            redact(&mut warning.url);
        }
        for log in &mut status.logs {
            if let Some(masked) = self.masks.bytes(&log.data) {
                log.data = masked;
            }
        }
    }
}

/// Replaces a path where it stands as one, and not in the middle of another.
fn replace_path(text: &str, path: &str, shown: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    if path.len() < 2 {
        return text.to_owned();
    }
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(path) {
        let (before, after) = (&rest[..at], &rest[at + path.len()..]);
        replaced.push_str(before);
        let begins = !replaced.ends_with(|c| is_part(c) || c == '/');
        let ends = !after.starts_with(is_part);
        replaced.push_str(if begins && ends { shown } else { path });
        rest = after;
    }
    replaced + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::{SHORTEST, forms};
    use crate::trace::status::{Vertex, VertexLog};

    fn redaction() -> Redaction {
        Redaction {
            masks: Masks::new(forms(b"hunter2", "[secret tok]", SHORTEST)),
            own: vec![("/tmp/buildrace-7-aXbY12".into(), "TMPDIR".into())],
            host: vec![
                ("/root/app".into(), ".".into()),
                ("/root".into(), "~".into()),
            ],
        }
    }

    #[test]
    fn secrets_are_taken_out_of_logs_names_and_errors() {
        let mut status = SolveStatus {
            vertexes: vec![Vertex {
                name: "RUN echo hunter2".into(),
                error: "no hunter2".into(),
                ..Vertex::default()
            }],
            logs: vec![
                VertexLog {
                    data: b"it is hunter2\n\xff".to_vec(),
                    ..VertexLog::default()
                },
                VertexLog {
                    data: b"from https://me:pw@host/x\n".to_vec(),
                    ..VertexLog::default()
                },
            ],
            ..SolveStatus::default()
        };
        redaction().status(&mut status);
        let told = serde_json::to_string(&status).unwrap();
        assert_eq!(status.vertexes[0].name, "RUN echo [secret tok]");
        assert_eq!(status.vertexes[0].error, "no [secret tok]");
        assert_eq!(status.logs[0].data, b"it is [secret tok]\n\xff");
        assert_eq!(status.logs[1].data, b"from https://***@host/x\n");
        assert!(!told.contains("hunter2"));
    }

    #[test]
    fn paths_of_containers_stay() {
        let redaction = redaction();
        let log = "cat: /tmp/nope: No such file, /var/tmp/x/tmp/y, /root/.cargo, /root/app/x";
        assert_eq!(redaction.text(log), log);
        let failure = redaction.failure(Failure {
            message: "open /tmp/buildrace-7-aXbY12/sources-1/a: hunter2".into(),
            step: Some("RUN cat /tmp/nope".into()),
            exit_code: Some(1),
            log_tail: vec![log.into()],
        });
        assert_eq!(failure.message, "open TMPDIR/sources-1/a: [secret tok]");
        assert_eq!(failure.step.as_deref(), Some("RUN cat /tmp/nope"));
        assert_eq!(failure.log_tail, [log]);
    }

    #[test]
    fn paths_of_the_host_are_replaced_where_no_container_wrote() {
        let redaction = redaction();
        assert_eq!(
            redaction.host_text("open \"/root/app/x\", /root: /rooted /var/root /root/apps"),
            "open \"./x\", ~: /rooted /var/root ~/apps"
        );
    }
}
