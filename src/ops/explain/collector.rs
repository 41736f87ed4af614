//! Builds for an OpenTelemetry collector, where the environment names one.

use crate::escape;
use crate::explain::{Explanation, RunExplanation};
use crate::otlp::{self, BuildName};
use crate::report::explanation::Subject;

/// What a build is called there.
pub fn name(subject: &Subject, run: Option<&str>) -> BuildName {
    BuildName {
        title: subject.title.clone(),
        run: run.map(str::to_owned),
        sample: subject.sample.clone(),
    }
}

/// Sends every build of a run.
pub async fn send_run(run: &str, explained: &RunExplanation) {
    let builds = explained.samples.iter().map(|found| {
        let subject = Subject::of_sample(&found.sample);
        (name(&subject, Some(run)), &found.explanation)
    });
    send(builds).await;
}

/// Sends builds. What cannot be sent is told, and harms nothing else.
pub async fn send<'e>(builds: impl IntoIterator<Item = (BuildName, &'e Explanation)>) {
    if !otlp::is_configured() {
        return;
    }
    let builds = builds.into_iter();
    let spans = builds.flat_map(|(name, explanation)| {
        if explanation.begin.is_none() {
            let title = escape::terminal(&name.title, 200);
            errln!("warning: {title} is not sent: its log has no time stamps");
        }
        otlp::spans(&name, explanation)
    });
    if let Err(error) = otlp::send(spans.collect()).await {
        errln!("warning: {}", escape::terminal(&error.to_string(), 1000));
    }
}
