//! Builds that a builder remembers, for a terminal and as JSON.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tabled::settings::Alignment;

use super::explanation::{culprit, failure};
use super::number;
use super::paint::{Paint, Style};
use super::table::{Line, Table};
use crate::escape;
use crate::explain::{Activity, Explanation, StepKind};
use crate::model::{BuildState, RememberedBuild};

/// Blanks between two columns.
const GAP: usize = 2;
/// Columns of a build's name.
const NAME: usize = 40;
/// Columns of how it stands, an error's first line among them.
const STATUS: usize = 80;
/// Characters of a sentence.
const SENTENCE: usize = 400;

/// A build with what it is called by.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'b> {
    /// As much of its reference as tells it apart, from outside.
    pub short: &'b str,
    /// The build.
    pub build: &'b RememberedBuild,
}

/// What is said of a build that has just ended.
#[derive(Debug, Clone, Copy)]
pub enum Ending<'e> {
    /// Why it took as long as it did, and what made it build again what it had,
    /// where an earlier build shows that.
    Explained(&'e Explanation, Option<&'e str>),
    /// Why that is not known, from outside.
    Unknown(&'e str),
}

/// The builds as a table, a row each, in their order. Ends with a line break.
pub fn table(builds: &[Listed<'_>], now: Timestamp, colour: bool) -> String {
    let header = [
        "BUILD",
        "STARTED",
        "TIME",
        "CACHED",
        "PLATFORMS",
        "NAME",
        "STATUS",
    ];
    let mut rows = vec![header.map(|text| vec![plain(text)]).to_vec()];
    rows.extend(builds.iter().map(|listed| cells(listed, now)));
    Table::new(&rows, GAP, Alignment::left(), Paint { colour })
        .rows()
        .concat()
}

fn cells(listed: &Listed<'_>, now: Timestamp) -> Vec<Vec<Line>> {
    let build = listed.build;
    let steps = match build.total_steps {
        0 => unknown(),
        total => format!("{}/{total}", build.cached_steps),
    };
    let time = build
        .duration()
        .map_or_else(unknown, |time| number::seconds(time.as_secs_f64()));
    let state = build.state();
    let style = match state {
        BuildState::Running | BuildState::Completed => Style::Plain,
        BuildState::Failed | BuildState::Cancelled => Style::Bad,
    };
    vec![
        vec![plain(&escape::terminal(listed.short, 200))],
        vec![plain(
            &build
                .started
                .map_or_else(unknown, |started| ago(now, started)),
        )],
        vec![plain(&time)],
        vec![plain(&steps)],
        vec![plain(&platforms(build))],
        vec![plain(&escape::columns(&name(build), NAME))],
        vec![(style, escape::columns(&status(build), STATUS))],
    ]
}

fn plain(text: &str) -> Line {
    (Style::Plain, text.to_owned())
}

fn unknown() -> String {
    "–".to_owned()
}

/// `12 s ago`, `3 min ago`, `5 h ago`, `2 days ago`.
fn ago(now: Timestamp, then: Timestamp) -> String {
    // Another machine's clock may be ahead.
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

fn platforms(build: &RememberedBuild) -> String {
    let platforms = &build.inputs.platforms;
    if platforms.is_empty() {
        return "native".to_owned();
    }
    let names: Vec<String> = platforms.iter().map(ToString::to_string).collect();
    escape::columns(&names.join(","), NAME)
}

/// `cmd/api (test) of https://github.com/x/y at 1a2b3c4d5e6f`, from outside.
fn name(build: &RememberedBuild) -> String {
    let inputs = &build.inputs;
    let mut name = inputs.title();
    if let Some(source) = &inputs.source {
        name.push_str(&format!(" of {source}"));
    }
    if let Some(revision) = &inputs.revision {
        let revision: String = revision.chars().take(12).collect();
        name.push_str(&format!(" at {revision}"));
    }
    name
}

/// `failed: ` and the first line of its error, from outside.
fn status(build: &RememberedBuild) -> String {
    let state = build.state();
    let error = build.error.as_deref().unwrap_or_default();
    match (state, error.lines().next()) {
        (BuildState::Failed, Some(error)) => format!("{}: {error}", state.as_str()),
        _ => state.as_str().to_owned(),
    }
}

/// One line on a build that has just ended: what it is called by, its time, the
/// share that was emulated, its name, and what is to blame. Safe for a terminal.
pub fn ended(listed: &Listed<'_>, ending: Ending<'_>) -> String {
    let build = listed.build;
    let time = build
        .duration()
        .map_or_else(unknown, |time| number::seconds(time.as_secs_f64()));
    let (share, sentence) = match ending {
        Ending::Explained(explanation, cause) => {
            let sentence = failure(explanation).or_else(|| culprit(explanation));
            let sentence = sentence.unwrap_or_else(|| "no culprit".to_owned());
            let cause = cause.map_or_else(String::new, |cause| format!("; built again: {cause}"));
            (emulated(explanation), format!("{sentence}{cause}"))
        }
        Ending::Unknown(why) => ("not explained".to_owned(), why.to_owned()),
    };
    format!(
        "{}  {time:>8}  {share:>14}  {}  {}",
        escape::terminal(listed.short, 200),
        escape::columns(&build.inputs.title(), NAME),
        escape::terminal(&sentence, SENTENCE)
    )
}

/// `61.2% emulated`, of the critical path.
fn emulated(explanation: &Explanation) -> String {
    let emulated = share_of(explanation, StepKind::EmulatedRun);
    let unknown = share_of(explanation, StepKind::UnknownRun);
    match unknown > 0.0 {
        true => format!(
            "{}…{} emulated",
            number::share(emulated),
            number::share(emulated + unknown)
        ),
        false => format!("{} emulated", number::share(emulated)),
    }
}

/// The share of a build's critical path that one kind of step has.
fn share_of(explanation: &Explanation, kind: StepKind) -> f64 {
    let parts = explanation.make_up.iter();
    let own = parts.filter(|part| part.activity == Activity::Step(kind));
    // A sum of nothing would be -0.
    own.fold(0.0, |sum, part| sum + part.share)
}

/// A build as JSON.
pub fn json(listed: &Listed<'_>) -> Value {
    let Listed { short, build } = listed;
    let inputs = &build.inputs;
    json!({
        "ref": build.reference,
        "short_ref": short,
        "node": build.node,
        "status": build.state().as_str(),
        "error": build.error,
        "started": build.started,
        "completed": build.completed,
        "seconds": build.duration().map(seconds),
        "cached_steps": build.cached_steps,
        "total_steps": build.total_steps,
        "has_log": build.has_log,
        "name": inputs.title(),
        "context": inputs.context,
        "dockerfile": inputs.dockerfile,
        "target": inputs.target,
        "platforms": inputs.platforms,
        "source": inputs.source,
        "revision": inputs.revision,
    })
}

/// A build that has just ended as JSON.
pub fn ended_json(listed: &Listed<'_>, ending: Ending<'_>) -> Value {
    let mut answer = json(listed);
    match ending {
        Ending::Explained(explanation, cause) => {
            answer["cause"] = json!(cause);
            answer["emulated_share"] = json!(share_of(explanation, StepKind::EmulatedRun));
            answer["emulated_seconds"] = json!(seconds(explanation.emulated));
            answer["culprit"] = json!(culprit(explanation));
            answer["failure"] = json!(failure(explanation));
        }
        Ending::Unknown(why) => answer["not_explained"] = json!(why),
    }
    answer
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
}

#[cfg(test)]
#[path = "remembered_tests.rs"]
mod tests;
